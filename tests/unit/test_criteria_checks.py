"""The checks at publishing that need no patient: for each, a rule it must refuse and a near one it must leave alone."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from patients.vocabulary import default
from trials.criteria.checks import Finding, Severity, check_document, check_rule
from trials.criteria.documents import Definitions, read_document
from trials.criteria.documents.located import Places, read_yaml
from trials.criteria.parser import parse, parse_definition


@dataclass(frozen=True)
class Check:
    """A rule that the check finds fault with, one that it does not, and what it says of the first."""

    code: str
    wrong: str
    right: str
    said: str
    definitions: tuple[str, ...] = ()


RULES = (
    # names
    Check("unknown-concept", "has treatment(doxorubizin)", "has treatment(doxorubicin)", "did you mean 'doxorubicin'"),
    Check(
        "unknown-concept",
        "has treatment(standart_chemotherapi)",
        "has treatment(standard_chemotherapy)",
        "or 'standard_chemotherapy'?",
        ("define set standard_chemotherapy as anthracycline",),
    ),
    Check("unknown-concept", "has treatment(qqqqqq)", "has treatment(any)", "or define set qqqqqq"),
    Check(
        "unknown-concept",
        "cumulative_dose(adriamicinum) <= 450 mg/m2",
        "cumulative_dose(Adriamycin) <= 450 mg/m2",
        "is no known drug",
    ),
    Check(
        "unknown-concept",
        "cumulative_dose(anthracycline as doxorubizin) <= 450 mg/m2",
        "cumulative_dose(anthracycline as doxorubicin) <= 450 mg/m2",
        "is no known drug",
    ),
    Check("unknown-concept", "has toxicity(any, due_to: wombat)", "has toxicity(any, due_to: trabectedin)", "'wombat'"),
    Check(
        "unknown-concept",
        "has toxicity(any, due_to: treatment(wombat))",
        "has toxicity(any, due_to: treatment(trabectedin))",
        "'wombat'",
    ),
    Check(
        "unknown-concept",
        "has diagnosis(sarcoma, other than: wombat)",
        "has diagnosis(sarcoma, other than: liposarcoma)",
        "'wombat'",
    ),
    Check(
        "unknown-concept",
        "has condition(any, site: bone or elbowland)",
        "has condition(any, site: bone or not liver)",
        "'elbowland'",
    ),
    Check("wrong-domain", "has condition(doxorubicin)", "has drug(doxorubicin)", "'doxorubicin' is a drug"),
    Check(
        "wrong-domain",
        "has treatment(this cancer)",
        "has diagnosis(this cancer)",
        "`this cancer` means nothing in treatment",
    ),
    Check(
        "wrong-domain",
        "has medication(any, for: doxorubicin)",
        "has medication(any, for: hypertension or this cancer)",
        "for: takes a",
    ),
    Check("unknown-test", "hemoglobine_x >= 9 g/dL", "hemoglobin >= 9 g/dL", "did you mean hemoglobin"),
    Check("unknown-test", "qqqq >= 9 g/dL", "haemoglobin >= 9 g/dL", "use a known test"),
    Check("unknown-code", "pregnancy_test is negativ", "pregnancy_test is negative", "did you mean 'negative'?"),
    Check(
        "unknown-code",
        "hbsag is any of (negative, purple)",
        "hbsag is any of (negative, indeterminate)",
        "write one of",
    ),
    Check("unknown-code", "sex is femal", "sex is female", "did you mean 'female'?"),
    Check("unknown-code", "has diagnosis(any, stage: banana)", "has diagnosis(any, stage: IIIB or IV)", "is no stage"),
    Check(
        "undefined-name", "fit_organ", "fit_organs", "did you mean 'fit_organs'?", ("define fit_organs as ecog <= 1",)
    ),
    Check("undefined-name", "ecog", "ecog <= 1", "compare the test"),
    Check(
        "undefined-name",
        "standard",
        "has treatment(standard)",
        "a set is asked of records",
        ("define set standard as doxorubicin",),
    ),
    Check("undefined-name", "not nothing_like_it", "ecog <= 1", "define nothing_like_it as"),
    Check("this-treatment", "has treatment(this treatment)", "has treatment(any)", "only in a definition"),
    Check(
        "this-treatment",
        "time since this treatment >= 6 months",
        "time since first disease_status(any) >= 6 months or has disease_status(any)",
        "only in a definition",
    ),
    # values
    Check("not-coded", "ecog is good", "ecog = 0", "compare it: ecog = …"),
    Check("not-a-number", "pregnancy_test <= 1", "pregnancy_test is negative", "write pregnancy_test is"),
    Check("unit", "hemoglobin >= 9 mmHg", "hemoglobin >= 9 g/dL", "mmHg is no unit of hemoglobin"),
    Check("unit", "hemoglobin >= 9", "ecog <= 2", "hemoglobin is compared with 9 of no unit"),
    Check("unit", "life_expectancy >= 3", "life_expectancy >= 3 months", "of no unit"),
    Check(
        "unit",
        "ecog between 1 day and 2 days",
        "disease_free_interval between 1 year and 2 years",
        "d is no unit of ecog",
    ),
    Check("unit", "2 x creatinine <= 3 kg", "2 x creatinine <= 3 mg/dL", "kg is no unit of creatinine"),
    Check("unit", "age >= 18 mg", "age >= 18 years", "an age is not compared with 18 mg"),
    Check("unit", "age >= 18 weeks", "age >= 216 months", "an age is not compared with 18 weeks"),
    Check(
        "unit",
        "daily_dose(prednisone) <= 10 mg",
        "daily_dose(prednisone) <= 10 mg/day",
        "mg is no unit of a daily dose",
    ),
    Check("unit", "cumulative_dose(doxorubicin) <= 450", "cumulative_dose(doxorubicin) <= 450 mg/m2", "needs a unit"),
    Check("not-a-number", "sex >= 1", "sex is male", "write sex is male or female"),
    Check("implausible", "ecog <= 7", "ecog <= 5", "values lie between 0 and 5"),
    Check("implausible", "hemoglobin >= 900 g/dL", "hemoglobin >= 90 g/L", "mend the number or its unit"),
    Check("implausible", "age <= 180", "age <= 80", "nobody is 180 years old"),
    # contradictions
    Check(
        "contradiction",
        "has treatment(doxorubicin) within 10 days and no treatment(anthracycline) within 20 days",
        "has treatment(doxorubicin) within 20 days and no treatment(anthracycline) within 10 days",
        "cannot both hold",
    ),
    Check(
        "contradiction",
        "no treatment(any) within 4 weeks and has treatment(surgery) within 4 weeks",
        "no treatment(any) within 4 weeks and has treatment(surgery) within 4 weeks after first treatment(any)",
        "cannot both hold",
    ),
    Check(
        "contradiction", "anc >= 2 10*9/L and anc < 1000 /uL", "anc >= 1 10*9/L and anc < 2000 /uL", "cannot both hold"
    ),
    Check(
        "contradiction", "anc >= 2 10*9/L and anc < 2 10*9/L", "anc >= 2 10*9/L and anc <= 2 10*9/L", "cannot both hold"
    ),
    Check(
        "contradiction",
        "bilirubin <= 1 x ULN and bilirubin > 1 x ULN",
        "bilirubin <= 2 x ULN and bilirubin > 1 x ULN",
        "cannot both hold",
    ),
    Check(
        "contradiction",
        "ast > 2 x ULN and ast between 1 x ULN and 1.5 x ULN",
        "ast > 3 x ULN and ast between 1 x LLN and 2 x ULN",
        "cannot both hold",
    ),
    Check(
        "contradiction",
        "ast > 40 U/L and ast < 30 U/L",
        "ast > 2 x alt and ast < 1 x alt and ast < 90 U/L",
        "cannot both hold",
    ),
    Check("contradiction", "age >= 18 and age < 192 months", "age >= 18 and age < 60 years", "cannot both hold"),
    Check("contradiction", "age between 80 and 70", "age between 70 and 80", "nothing lies between 80 and 70"),
    Check(
        "contradiction",
        "creatinine between 2 mg/dL and 100 umol/L",
        "creatinine between 1 mg/dL and 100 umol/L",
        "nothing lies between",
    ),
    Check(
        "contradiction",
        "ecog between 0 and 1 and ecog between 2 and 3",
        "ecog between 0 and 1 and ecog between 1 and 3",
        "cannot both hold",
    ),
    Check("contradiction", "ecog = 1 and ecog = 2", "ecog = 1 and ecog != 2", "cannot both hold"),
    Check(
        "contradiction",
        "lipase / amylase > 2 and lipase / amylase < 1",
        "lipase / amylase > 1 and lipase / amylase < 2",
        "cannot both hold",
    ),
    Check(
        "contradiction", "fit and not fit", "fit and not ecog = 4", "cannot both hold", ('define fit as ask "fit?"',)
    ),
    Check("contradiction", 'ask "a" and not ask "a"', 'ask "a" and not ask "b"', "cannot both hold"),
    Check("contradiction", "ecog <= 1 except when ecog <= 2", "ecog <= 2 except when ecog <= 1", "cannot both hold"),
    Check("contradiction", "fit and ecog >= 3", "fit and ecog >= 1", "cannot both hold", ("define fit as ecog <= 1",)),
    Check("contradiction", "not (ecog >= 2 or ecog < 2)", "not (ecog >= 2 or ecog < 1)", "cannot both hold"),
    Check("contradiction", "not not ecog <= 1 and ecog >= 2", "not not ecog <= 1 and ecog >= 1", "cannot both hold"),
    Check("contradiction", "sex is male and sex is female", "sex is male or sex is female", "cannot both hold"),
    Check(
        "contradiction",
        "hbsag is negative and hbsag is not negative",
        "hbsag is negative and hbsag is not positive",
        "cannot both hold",
    ),
    Check(
        "contradiction",
        "hbsag is negative and not hbsag is negative",
        "hbsag is not negative and hbsag is not positive",
        "cannot both hold",
    ),
    Check(
        "contradiction",
        "has treatment(doxorubicin) and no treatment(doxorubicin)",
        "has treatment(doxorubicin) and no treatment(ifosfamide)",
        "cannot both hold",
    ),
    Check(
        "contradiction",
        "has treatment(doxorubicin) within 28 days and no treatment(chemotherapy)",
        "has treatment(doxorubicin) and no treatment(chemotherapy) within 28 days",
        "cannot both hold",
    ),
    Check(
        "contradiction",
        "history of treatment(doxorubicin) and no treatment(any)",
        "history of condition(stroke) and no condition(stroke)",
        "cannot both hold",
    ),
    Check(
        "contradiction",
        "has treatment(standard) and no treatment(chemotherapy)",
        "has treatment(standard) and no treatment(chemotherapy, setting: advanced)",
        "cannot both hold",
        ("define set standard as doxorubicin or gemcitabine",),
    ),
    Check(
        "contradiction",
        "has condition(stroke) and not has condition(stroke)",
        "has condition(stroke) and not no condition(stroke)",
        "cannot both hold",
    ),
    Check(
        "contradiction",
        "has condition(stroke) within 1 year and no condition(any) within 1 year",
        "has condition(stroke) within 1 year and no condition(any)",
        "cannot both hold",
    ),
    Check(
        "contradiction",
        "count line(any) >= 2 and count line(any) = 1",
        "count line(any) >= 2 and count line(any) <= 3",
        "cannot both hold",
    ),
    Check(
        "contradiction",
        "ecog <= 2 or (age >= 18 and age < 18)",
        "ecog <= 2 or (age >= 18 and age < 80)",
        "cannot both hold",
    ),
    Check(
        "contradiction",
        "has toxicity(any, grade: > 3 and < 2)",
        "has toxicity(any, grade: > 1 and < 3 and != 2.5 and > baseline)",
        "cannot both hold",
    ),
    Check(
        "contradiction",
        "has treatment(any, response: progressive disease and stable disease)",
        "has treatment(any, response: partial response and response)",
        "cannot both hold",
    ),
    # windows
    Check(
        "window-impossible",
        "ecog <= 2 within 0 days before planned start",
        "ecog <= 2 within 1 day before planned start",
        "holds nothing before its day",
    ),
    Check(
        "window-impossible",
        "no treatment(any) within lesser of (0 days, 5 half-lives)",
        "no treatment(any) within lesser of (28 days, 5 half-lives)",
        "holds nothing before its day",
    ),
    Check(
        "window-impossible",
        "no treatment(any) within 28 days after today",
        "no treatment(any) within 28 days before today",
        "what comes after today",
    ),
    Check(
        "window-impossible",
        "no treatment(any) after planned start",
        "no treatment(any) before planned start",
        "what comes after today",
    ),
    Check(
        "window-impossible",
        "has condition(stroke) within 5 half-lives",
        "has condition(stroke) within 5 weeks",
        "only drugs have half-lives",
    ),
    Check(
        "window-impossible",
        "ecog <= 2 within 5 half-lives",
        "daily_dose(prednisone) <= 5 mg/day within 5 half-lives",
        "only drugs have half-lives",
    ),
    Check(
        "window-impossible",
        "time from today to today <= 1 day",
        "time from today to planned start <= 1 day",
        "from a date to itself",
    ),
    Check(
        "window-impossible",
        "time since planned start <= 1 day",
        "time from today to planned start <= 2 days",
        "the planned start lies ahead",
    ),
    Check("window-misplaced", "age >= 18 within 7 days", "ecog <= 2 within 7 days", "an age takes no window"),
    Check(
        "window-misplaced",
        "has treatment(surgery) and time since last treatment(surgery) >= 28 days within 1 year",
        "has treatment(surgery) and time since last treatment(surgery) >= 28 days",
        "takes no window",
    ),
    Check(
        "unguarded-time",
        "at least 28 days since last treatment(surgery)",
        "no treatment(surgery) or at least 28 days since last treatment(surgery)",
        "never happened",
    ),
    Check(
        "unguarded-time",
        "operated_recently or time from first treatment(surgery) to first disease_status(relapse) > 1 year",
        "had_surgery and has disease_status(relapse) and time from first treatment(surgery) to first "
        "disease_status(relapse) > 1 year",
        "never happened",
        ("define had_surgery as has treatment(surgery)", "define operated_recently as missing_name"),
    ),
    Check(
        "unguarded-time",
        "no treatment(radiotherapy) before first treatment(surgery)",
        "no treatment(surgery) or no treatment(radiotherapy) before first treatment(surgery)",
        "where first treatment(surgery) never happened",
    ),
    # sets
    Check(
        "empty-set",
        "has diagnosis(leiomyosarcoma, other than: sarcoma)",
        "has diagnosis(sarcoma, other than: leiomyosarcoma)",
        "takes away everything",
    ),
    Check(
        "empty-set",
        "has diagnosis(leiomyosarcoma and liposarcoma)",
        "has diagnosis(leiomyosarcoma and sarcoma)",
        "no record is both",
    ),
    Check(
        "idle-exception",
        "has diagnosis(liposarcoma, other than: leiomyosarcoma)",
        "has diagnosis(malignancy, other than: this cancer)",
        "takes nothing away",
    ),
)


def found(rule: str, definitions: tuple[str, ...] = ()) -> list[Finding]:
    return check_rule(parse(rule), Definitions(tuple(map(parse_definition, definitions))), default())


@pytest.mark.parametrize("check", RULES, ids=lambda check: f"{check.code}: {check.wrong}")
def test_a_rule_that_is_wrong_is_found(check: Check) -> None:
    findings = [each for each in found(check.wrong, check.definitions) if each.code == check.code]
    assert findings, found(check.wrong, check.definitions)
    assert any(check.said in str(each) for each in findings), findings


@pytest.mark.parametrize("check", RULES, ids=lambda check: f"{check.code}: {check.right}")
def test_a_rule_that_is_right_is_left_alone(check: Check) -> None:
    assert [each for each in found(check.right, check.definitions) if each.code == check.code] == []


def test_severities_and_words() -> None:
    (finding,) = found("ecog <= 7")
    assert finding.severity is Severity.ERROR
    assert str(finding) == "error implausible: ecog <= 7: values lie between 0 and 5 1 (mend the number or its unit)"
    (finding,) = found("at least 28 days since last treatment(surgery)")
    assert finding.severity is Severity.WARNING


def test_one_fault_is_told_once() -> None:
    assert len(found("has treatment(qqqqqq) or has treatment(qqqqqq)")) == 1


def test_sets_that_hold_each_other_are_left_to_the_check_of_definitions() -> None:
    loop = ("define set a as b", "define set b as a")
    assert found("has treatment(a) and no treatment(a, setting: advanced) and no treatment(b)", loop) == []


# --- documents -----------------------------------------------------------------------------------------------------

HEAD = """\
kind: trial
id: T1
title: t
recruitment: unknown
author: a
reviewer: b
cancer: sarcoma
cohorts: [{id: A}, {id: B}]
"""


def criterion(id: str, meaning: str, *, polarity: str = "inclusion", text: str = "some words", more: str = "") -> str:
    return f"  - {{id: {id}, text: '{text}', polarity: {polarity}, {meaning}{more}}}\n"


def rule(id: str, text: str, **more: str) -> str:
    return criterion(id, f"rule: '{text}'", **more)


def document(*criteria: str, head: str = HEAD, tail: str = "") -> str:
    return f"{head}criteria:\n{''.join(criteria)}{tail}"


DOCUMENTS = {
    "the same rule twice": (
        "duplicate",
        "I2",
        document(rule("I1", "ecog <= 1"), rule("I2", "ecog <= 1")),
        document(rule("I1", "ecog <= 1"), rule("I2", "ecog <= 2")),
    ),
    "the same rule in one cohort": (
        "duplicate",
        "I2",
        document(rule("I1", "ecog <= 1"), rule("I2", "ecog <= 1", more=", cohorts: [A]")),
        document(rule("I1", "ecog <= 1", more=", cohorts: [A]"), rule("I2", "ecog <= 1", more=", cohorts: [B]")),
    ),
    "asked for and excluded": (
        "contradiction",
        "E1",
        document(rule("I1", "ecog <= 1"), rule("E1", "ecog <= 1", polarity="exclusion")),
        document(rule("I1", "ecog <= 1"), rule("E1", "ecog > 1", polarity="exclusion")),
    ),
    "two criteria that cannot both hold": (
        "contradiction",
        "I2",
        document(rule("I1", "ecog <= 1 and age >= 18"), rule("I2", "ecog >= 2")),
        document(rule("I1", "ecog <= 1 and age >= 18"), rule("I2", "ecog >= 1")),
    ),
    "an unused definition": (
        "unused-definition",
        "fit",
        document(rule("I1", "ecog <= 1"), head=HEAD + "definitions: [define fit as ecog <= 1]\n"),
        document(rule("I1", "fit"), head=HEAD + "definitions: [define fit as ecog <= 1]\n"),
    ),
    "a definition used by an unused one": (
        "unused-definition",
        "fit",
        document(
            rule("I1", "ecog <= 1"),
            head=HEAD + "definitions: [define fit as ecog <= 1, define fitter as fit and age < 50]\n",
        ),
        document(
            rule("I1", "fitter"),
            head=HEAD + "definitions: [define fit as ecog <= 1, define fitter as fit and age < 50]\n",
        ),
    ),
    "an unused set": (
        "unused-definition",
        "std",
        document(rule("I1", "ecog <= 1"), head=HEAD + "definitions: [define set std as doxorubicin]\n"),
        document(rule("I1", "has treatment(std)"), head=HEAD + "definitions: [define set std as doxorubicin]\n"),
    ),
    "an unused outcome": (
        "unused-definition",
        "failure of doxorubicin",
        document(
            rule("I1", "has treatment(doxorubicin, outcome: intolerant)"),
            head=HEAD + "definitions: ['define failure of doxorubicin as has treatment(this treatment)']\n",
        ),
        document(
            rule("I1", "has treatment(doxorubicin, outcome: failure)"),
            head=HEAD + "definitions: ['define failure of doxorubicin as has treatment(this treatment)']\n",
        ),
    ),
    "a definition that uses itself": (
        "cyclic-definition",
        "a",
        document(rule("I1", "a"), head=HEAD + "definitions: [define a as b, define b as a or ecog < 2]\n"),
        document(rule("I1", "a"), head=HEAD + "definitions: [define a as b, define b as ecog < 2]\n"),
    ),
    "a definition reached on two ways": (
        "cyclic-definition",
        "a",
        document(
            rule("I1", "a"),
            head=HEAD + "definitions: [define a as b or c, define b as d, define c as d, define d as c]\n",
        ).replace("define d as c", "define d as a"),
        document(
            rule("I1", "a"),
            head=HEAD + "definitions: [define a as b or c, define b as d, define c as d, define d as ecog < 2]\n",
        ),
    ),
    "a set that holds itself": (
        "cyclic-definition",
        "a",
        document(rule("I1", "has treatment(a)"), head=HEAD + "definitions: [define set a as a]\n"),
        document(rule("I1", "has treatment(a)"), head=HEAD + "definitions: [define set a as doxorubicin]\n"),
    ),
    "an outcome that asks for itself": (
        "cyclic-definition",
        "failure of doxorubicin",
        document(
            rule("I1", "has treatment(doxorubicin, outcome: failure)"),
            head=HEAD + "definitions: ['define failure of doxorubicin as has treatment(any, outcome: failure)']\n",
        ),
        document(
            rule("I1", "has treatment(doxorubicin, outcome: failure)"),
            head=HEAD + "definitions: ['define failure of doxorubicin as has treatment(any, response: response)']\n",
        ),
    ),
    "a name defined twice": (
        "defined-twice",
        "a",
        document(rule("I1", "a"), head=HEAD + "definitions: [define a as ecog < 1, define a as ecog < 2]\n"),
        document(rule("I1", "a and b"), head=HEAD + "definitions: [define a as ecog < 1, define b as ecog < 2]\n"),
    ),
    "a set of nothing known": (
        "unknown-concept",
        "std",
        document(rule("I1", "ecog <= 1"), head=HEAD + "definitions: [define set std as qqqqq]\n"),
        document(rule("I1", "ecog <= 1"), head=HEAD + "definitions: [define set std as bone]\n"),
    ),
    "an outcome of nothing known": (
        "wrong-domain",
        "failure of bone",
        document(rule("I1", "ecog <= 1"), head=HEAD + "definitions: [define failure of bone as ecog <= 1]\n"),
        document(rule("I1", "ecog <= 1"), head=HEAD + "definitions: [define failure of surgery as ecog <= 1]\n"),
    ),
    "a definition that contradicts itself": (
        "contradiction",
        "a",
        document(rule("I1", "a"), head=HEAD + "definitions: [define a as ecog < 1 and ecog > 2]\n"),
        document(rule("I1", "a"), head=HEAD + "definitions: [define a as ecog < 3 and ecog > 1]\n"),
    ),
    "an unknown cancer": (
        "unknown-concept",
        "cancer",
        document(rule("I1", "ecog <= 1"), head=HEAD.replace("sarcoma", "sarcomma of elbows")),
        document(rule("I1", "ecog <= 1")),
    ),
    "a window of no test": (
        "unknown-test",
        "windows",
        document(rule("I1", "ecog <= 1"), head=HEAD + "windows: {hematologi: 7 days}\n"),
        document(rule("I1", "ecog <= 1"), head=HEAD + "windows: {hematology: 7 days, ecog: 7 days}\n"),
    ),
    "a window of nothing at all": (
        "unknown-test",
        "windows",
        document(rule("I1", "ecog <= 1"), head=HEAD + "windows: {qqqqqq: 7 days}\n"),
        document(rule("I1", "ecog <= 1")),
    ),
    "a lone question": (
        "lone-ask",
        "I1",
        document(rule("I1", 'ask "fit?" and asked'), head=HEAD + "definitions: ['define asked as ask \"x\"']\n"),
        document(rule("I1", 'ecog <= 1 or (ecog <= 2 and ask "fit?")')),
    ),
    "a lone question beside an unknown name": (
        "undefined-name",
        "I1",
        document(rule("I1", 'ask "fit?" and unheard_of')),
        document(rule("I1", 'ask "fit?"')),
    ),
    "a promise that is a fact": (
        "confirm-fact",
        "I1",
        document(criterion("I1", "confirm: logistics", text="Has received doxorubicin")),
        document(criterion("I1", "confirm: consent", text="Has given consent in writing")),
    ),
    "a promise with a value": (
        "confirm-fact",
        "I1",
        document(criterion("I1", "confirm: willingness", text="Hemoglobin of 9 g/dL or more")),
        document(
            criterion("I1", "confirm: contraception", text="Uses contraception if her last pregnancy test was positive")
        ),
    ),
    "a promise about prior treatment": (
        "confirm-fact",
        "I1",
        document(criterion("I1", "confirm: logistics", text="No prior systemic therapy")),
        document(criterion("I1", "confirm: tissue", text="Tissue from before prior therapy is at hand")),
    ),
    "a line mapped to no rule": (
        "map-mismatch",
        "source line 1",
        document(rule("I1", "ecog <= 1"), tail="source_map: [{line: 1, sha: 00000000, as: note, to: [I1]}]\n"),
        document(rule("I1", "ecog <= 1"), tail="source_map: [{line: 1, sha: 00000000, as: rule, to: [I1]}]\n"),
    ),
    "a rule mapped nowhere": (
        "map-mismatch",
        "source line 1",
        document(rule("I1", "ecog <= 1"), tail="source_map: [{line: 1, sha: 00000000, as: rule}]\n"),
        document(rule("I1", "ecog <= 1"), tail="source_map: [{line: 1, sha: 00000000, as: note}]\n"),
    ),
    "a criterion no line leads to": (
        "unmapped",
        "I2",
        document(
            rule("I1", "ecog <= 1"),
            rule("I2", "age >= 18"),
            tail="source_map: [{line: 1, sha: 00000000, as: rule, to: [I1]}]\n",
        ),
        document(rule("I1", "ecog <= 1"), rule("I2", "age >= 18")),
    ),
    "a rule with an unknown word": (
        "unknown-test",
        "I1",
        document(rule("I1", "ecogg <= 1")),
        document(rule("I1", "ecog <= 1")),
    ),
}


def in_document(text: str) -> list[Finding]:
    places = Places("T1.yaml")
    read_yaml(text, places)
    return check_document(read_document(text), default(), places=places)


@pytest.mark.parametrize("case", DOCUMENTS)
def test_a_document_that_is_wrong_is_found(case: str) -> None:
    code, item, wrong, _ = DOCUMENTS[case]
    findings = [each for each in in_document(wrong) if each.code == code]
    assert item in {each.item for each in findings}, in_document(wrong)


@pytest.mark.parametrize("case", DOCUMENTS)
def test_a_document_that_is_right_is_left_alone(case: str) -> None:
    code, item, _, right = DOCUMENTS[case]
    assert [each for each in in_document(right) if (each.code, each.item) == (code, item)] == []


def test_a_finding_names_the_line_of_its_rule() -> None:
    text = document(rule("I1", "ecog <= 1"), "  - id: I2\n    text: x\n    polarity: inclusion\n    rule: ecogg <= 2\n")
    (finding,) = in_document(text)
    assert (finding.item, finding.line, finding.column) == ("I2", 14, 11)
    assert str(finding).startswith("line 14, column 11: I2: error unknown-test: ")
    (finding,) = check_document(read_document(text), default())
    assert finding.line == 0


def test_an_option_is_checked_too() -> None:
    text = """\
kind: option
id: o
name: n
author: a
reviewer: b
cancer: sarcoma
statements:
  - {id: S1, kind: evidence, text: x, rule: ecogg <= 1}
  - {id: S2, kind: evidence, text: x}
"""
    (finding,) = in_document(text)
    assert (finding.code, finding.item, finding.line) == ("unknown-test", "S1", 8)
