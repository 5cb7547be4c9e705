"""How an answer can change and when it clears: the manual's table, composition, and a search day by day (SEMANTICS §5)."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from matcher.engine.change import TABLE
from matcher.engine.reference.documents import assess
from matcher.engine.reference.evaluate import evaluate, focuses, make_context
from matcher.engine.truth import Truth
from tests.library_shelf import line
from tests.made_documents import answering, made_trial, result_of
from tests.synthetic import DRUGS_COMPLETE, TODAY, asked, drug, lms, patient
from trials.criteria.parser import parse

ALL = [
    {"domain": domain, "scope": "all", "complete_through": "2026-01-10"}
    for domain in ("conditions", "treatments", "medications", "biomarkers", "disease_status")
]
DOXORUBICIN = drug("doxorubicin", "2024-01-10", "2024-05-20", setting="advanced")
RECENT = drug("doxorubicin", "2026-01-01", "2026-01-10", setting="advanced")
FAILED = {**DOXORUBICIN, "response": "progressive disease"}
ASPIRIN = {"medication": "aspirin", "start_date": "2025-12-01", "ongoing": "yes"}
EVENT = {"status": "progression", "date": "2025-10-01"}


def primary(**cells):
    return {"condition": "leiomyosarcoma", "kind": "primary", "body_site": "uterus", "date": "2025-12-20", **cells}


def condition(name, **cells):
    return {"condition": name, "kind": "comorbidity", "date": "2025-12-20", **cells}


def rows(**what):
    return {"coverage": ALL, **what}


def ecog(value):
    return rows(observations=[{"test": "ecog", "value": value, "date": "2026-01-10"}])


def marker(result, origin):
    return rows(biomarkers=[{"gene": "BRCA1", "alteration": "mutation", "result": result, "origin": origin}])


CUMULATIVE = {**DOXORUBICIN, "cumulative_dose": "450", "cumulative_dose_unit": "mg/m2"}
PREDNISONE = {
    "medication": "prednisone", "start_date": "2025-12-01", "ongoing": "yes", "dose": "20", "dose_unit": "mg/day",
}  # fmt: skip

#: leaf: (rule, rows for which it is not met, rows for which it is met)
EXAMPLES = {
    "a histology or site": (
        "has diagnosis(leiomyosarcoma)", rows(conditions=[primary(condition="liposarcoma")]), rows(conditions=[primary()])),
    "extent localised or locally advanced": (
        "has diagnosis(leiomyosarcoma, extent: localized)", rows(conditions=[primary(extent="metastatic")]),
        rows(conditions=[primary(extent="localized")])),
    "extent metastatic or advanced": (
        "has diagnosis(leiomyosarcoma, extent: metastatic)", rows(conditions=[primary(extent="localized")]),
        rows(conditions=[primary(extent="metastatic")])),
    "a condition that comes and goes": (
        "has condition(CNS metastasis)", rows(), rows(conditions=[condition("CNS metastasis", kind="metastasis")])),
    "a chronic condition": ("has condition(HIV infection)", rows(), rows(conditions=[condition("HIV infection")])),
    "history of a condition, an event": (
        "history of condition(myocardial infarction)", rows(), rows(conditions=[condition("myocardial infarction")])),
    "an allergy": (
        "has allergy(doxorubicin)", rows(), rows(conditions=[condition("doxorubicin", kind="allergy")])),
    "a family history": (
        "has family_history(breast cancer)", rows(), rows(conditions=[condition("breast cancer", kind="family history")])),
    "exposure to a treatment": ("has treatment(doxorubicin)", rows(), rows(treatments=[DOXORUBICIN])),
    "failure of a drug": (
        "has treatment(doxorubicin, outcome: failure)", rows(treatments=[DOXORUBICIN]), rows(treatments=[FAILED])),
    "at least so many lines": ("count line(systemic) >= 1", rows(), rows(treatments=[DOXORUBICIN])),
    "at most so many lines": ("count line(systemic) <= 0", rows(treatments=[DOXORUBICIN]), rows()),
    "a treatment within a window that ended": (
        "has treatment(doxorubicin) within 28 days", rows(treatments=[DOXORUBICIN]), rows(treatments=[RECENT])),
    "a medication under way": ("has medication(aspirin, ongoing: yes)", rows(), rows(medications=[ASPIRIN])),
    "a somatic biomarker": ("has biomarker(BRCA1, mutation)", marker("negative", "somatic"), marker("positive", "somatic")),
    "a germline biomarker": (
        "has biomarker(BRCA1, mutation, origin: germline)", marker("negative", "germline"), marker("positive", "germline")),
    "a progression or response": ("has disease_status(progression)", rows(), rows(disease_status=[EVENT])),
    "a measured value": ("ecog <= 1", ecog("3"), ecog("1")),
    "sex": ("sex is male", rows(), rows(sex="male")),
    "an age of at least": ("age >= 65", rows(), rows(birth_date="1950-01-01")),
    "an age of at most": ("age <= 64", rows(birth_date="1950-01-01"), rows()),
    "at least so long since the last": (
        "time since end of last treatment(doxorubicin) >= 28 days", rows(treatments=[RECENT]), rows(treatments=[DOXORUBICIN])),
    "a cumulative dose of at least": (
        "cumulative_dose(doxorubicin) >= 450 mg/m2", rows(), rows(treatments=[CUMULATIVE])),
    "a daily dose": ("daily_dose(prednisone) >= 10 mg/day", rows(), rows(medications=[PREDNISONE])),
    "an answer to a question": ('ask "is it so?"', "no", "yes"),
}  # fmt: skip


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.leaf)
def test_the_table_of_the_manual(row):
    rule, not_met, met = EXAMPLES[row.leaf]
    for facts, truth, change in ((not_met, "not_met", row.to_met), (met, "met", row.to_not_met)):
        if isinstance(facts, str):
            who = answering({}, {"criterion": "C1", "truth": facts, "question": "is it so?"})
            found = line(result_of(made_trial(rule), who), "C1")
            assert found.truth is not None and (found.truth.word, found.change) == (truth, change)
        else:
            finding = asked(rule, lms(**facts), cancer="leiomyosarcoma" if "lip" not in str(facts) else "sarcoma")
            assert (finding.truth.word, finding.change) == (truth, change), (rule, truth)


def test_the_table_has_an_example_for_each_leaf():
    assert {row.leaf for row in TABLE} == set(EXAMPLES)


# --- composition ---------------------------------------------------------------------------------------------------

NEVER = "has treatment(doxorubicin)"  # met, and stays
WASHOUT = "no treatment(pazopanib) within 28 days"  # not met, by time
LATER = "no treatment(gemcitabine) within 28 days"  # not met, by time, later
ACTION = "ecog <= 1"  # not met, by action
COURSE = "has disease_status(progression)"  # not met, by course
PASS, FAIL = "age >= 18", "age <= 18"  # for ever
FACTS = rows(
    treatments=[
        DOXORUBICIN, drug("pazopanib", "2025-12-01", "2026-01-05"), drug("gemcitabine", "2025-12-01", "2026-01-12"),
    ],
    observations=[{"test": "ecog", "value": "2", "date": "2026-01-14"}],
)  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "truth", "change", "clears"),
    [
        (WASHOUT, "not_met", "by time", "2026-02-03"),
        (LATER, "not_met", "by time", "2026-02-10"),
        # All of several take the hardest and the latest, one of several the easiest and the earliest.
        (f"{WASHOUT} and {LATER}", "not_met", "by time", "2026-02-10"),
        (f"{WASHOUT} or {LATER}", "not_met", "by time", "2026-02-03"),
        (f"{WASHOUT} and {ACTION}", "not_met", "by action", None),
        (f"{WASHOUT} or {ACTION}", "not_met", "by time", "2026-02-03"),
        (f"{ACTION} and {COURSE}", "not_met", "by course of disease", None),
        (f"{COURSE} and {FAIL}", "not_met", "never", None),
        (f"{COURSE} or {FAIL}", "not_met", "by course of disease", None),
        (f"{WASHOUT} and {PASS}", "not_met", "by time", "2026-02-03"),
        # `not` keeps the change of what it denies.
        (f"not {NEVER}", "not_met", "never", None),
        (f"not (not {WASHOUT})", "not_met", "by time", "2026-02-03"),
        (f"not ({NEVER} and has treatment(pazopanib) within 28 days)", "not_met", "by time", "2026-02-03"),
        (f"not ({NEVER} or has treatment(pazopanib) within 28 days)", "not_met", "never", None),
        # The exception of a met rule.
        (f"{PASS} except when has treatment(pazopanib) within 28 days", "not_met", "by time", "2026-02-03"),
        (f"{FAIL} except when has treatment(pazopanib) within 28 days", "not_met", "never", None),
        # Counting: the easiest of the not-met ones that make up the number.
        (f"at least 1 of ({WASHOUT}; {LATER}; {FAIL})", "not_met", "by time", "2026-02-03"),
        (f"at least 2 of ({WASHOUT}; {LATER}; {FAIL})", "not_met", "by time", "2026-02-10"),
        (f"at least 3 of ({WASHOUT}; {LATER}; {FAIL})", "not_met", "never", None),
        (f"at least 2 of ({WASHOUT}; {ACTION}; {PASS})", "not_met", "by time", "2026-02-03"),
        (f"at most 1 of ({PASS}; has treatment(pazopanib) within 28 days)", "not_met", "by time", "2026-02-03"),
        (f"at most 0 of ({NEVER}; {FAIL})", "not_met", "never", None),
        (f"exactly 1 of ({PASS}; has treatment(pazopanib) within 28 days)", "not_met", "by time", "2026-02-03"),
        (f"exactly 0 of ({FAIL}; has treatment(pazopanib) within 28 days)", "not_met", "by time", "2026-02-03"),
        (f"exactly 2 of ({PASS}; {WASHOUT})", "not_met", "by time", "2026-02-03"),
        # A condition that passes with time.
        (f"if has treatment(pazopanib) within 28 days then {FAIL}", "not_met", "by time", "2026-02-03"),
        (f"if {PASS} then {WASHOUT}", "not_met", "by time", "2026-02-03"),
        (f"if {FAIL} then {PASS} else {ACTION}", "not_met", "by action", None),
        (f"if has treatment(pazopanib) within 28 days then {FAIL} else {FAIL}", "not_met", "never", None),
    ],
)
def test_composition(rule, truth, change, clears):
    found = line(result_of(made_trial(rule), lms(**FACTS)), "C1")
    assert found.truth is not None
    told = (found.truth.word, str(found.change), found.clears_on.isoformat() if found.clears_on else None)
    assert told == (truth, change, clears)


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        (f"{NEVER} and age >= 18", "never"),
        ("ecog <= 2 and age >= 18", "by action"),
        ("ecog <= 2 or age >= 18", "never"),
        ("ecog <= 2 or has treatment(gemcitabine) within 28 days", "by action"),
        ("at least 1 of (ecog <= 2; age >= 18)", "never"),
        ("at least 2 of (ecog <= 2; age >= 18)", "by action"),
        ("at most 1 of (ecog <= 1; age <= 18)", "never"),
        ("exactly 1 of (ecog <= 2; age <= 18)", "by action"),
        ("count treatment(doxorubicin) >= 1", "never"),
        ("count treatment(gemcitabine) >= 1 within 28 days", "by time"),
        ("count treatment(gemcitabine) = 1 within 28 days", "by time"),
        ("count treatment(doxorubicin) <= 1", "by course of disease"),
        ("count treatment(doxorubicin) != 2", "by course of disease"),
        ("count treatment(any, kind: drug) >= 2", "never"),
    ],
)
def test_how_what_is_met_can_cease(rule, change):
    found = asked(rule, lms(**FACTS), cancer="leiomyosarcoma")
    assert (found.truth.word, str(found.change)) == ("met", change)


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("count treatment(doxorubicin) != 1", "by course of disease"),
        ("count treatment(doxorubicin) = 0", "never"),
        ("count treatment(pazopanib) = 0 within 28 days", "by time"),
        ("count treatment(doxorubicin) >= 2", "by course of disease"),
        ("count medication(aspirin) <= 0 within 7 days", "by action"),
        ("has treatment(doxorubicin, cycles: >= 6)", "by course of disease"),
        ("has treatment(doxorubicin, cycles: <= 3)", "by course of disease"),
        ("has medication(aspirin, ongoing: no)", "by action"),
    ],
)
def test_how_what_is_not_met_can_come_about(rule, change):
    facts = {
        **FACTS,
        "medications": [ASPIRIN],
        "treatments": [{**DOXORUBICIN, "cycles": "4"}, *FACTS["treatments"][1:]],
    }
    found = asked(rule, lms(**facts), cancer="leiomyosarcoma")
    assert (found.truth.word, str(found.change)) == ("not_met", change)


def test_a_medication_under_way_must_be_stopped_first():
    found = line(result_of(made_trial("no medication(aspirin) within 7 days"), lms(medications=[ASPIRIN])), "C1")
    assert (str(found.change), found.clears_on) == ("by action", None)
    ended = {**ASPIRIN, "ongoing": "no", "end_date": "2026-01-10"}
    found = line(
        result_of(made_trial("no medication(aspirin) within 7 days"), lms(medications=[ended], coverage=ALL)), "C1"
    )
    assert (str(found.change), found.clears_on) == ("by time", date(2026, 1, 18))


# --- clears_on -----------------------------------------------------------------------------------------------------


def brute(document, who, days=400):
    """The first later day on which every not-met line is met with today's knowledge, tried day by day."""
    result = result_of(document, who)
    failed = [each for each in result.criteria if each.truth is Truth.NOT_MET]
    context = focuses(
        make_context(who, as_of=TODAY, cancer=document.cancer, document="T", version=1)
    )[0]  # fmt: skip
    for step in range(1, days + 1):
        later = replace(context, asked=context.asked + step, cache={"primaries": context.cache["primaries"]})
        if failed and all(evaluate(each.criterion.rule, later).truth is Truth.MET for each in failed):
            return TODAY + timedelta(days=step)
    return None


CLEARING = {
    "a washout of days": ("no treatment(pazopanib) within 28 days", "2026-02-03"),
    "a washout of months": ("no treatment(pazopanib) within 6 months", "2026-07-06"),
    "the shorter of two spans": ("no treatment(pazopanib) within lesser of (28 days, 3 weeks)", "2026-01-27"),
    "the longer of two": ("no treatment(pazopanib) within greater of (28 days, 3 weeks)", "2026-02-03"),
    "half-lives that are known": ("no treatment(pazopanib) within 10 half-lives", None),
    "an interval": ("time since end of last treatment(pazopanib) >= 28 days", "2026-02-02"),
    "an interval strictly": ("time since end of last treatment(pazopanib) > 28 days", "2026-02-03"),
    "a birthday": ("age >= 65", "2026-04-03"),
    "a birthday and a washout": ("age >= 65 and no treatment(pazopanib) within 28 days", "2026-04-03"),
    "a birthday or a washout": ("age >= 65 or no treatment(pazopanib) within 28 days", "2026-02-03"),
    "a state that must last": ("has condition(CNS metastasis, state: stable for 4 weeks)", "2026-01-29"),
    "a value goes stale before the washout": ("no treatment(pazopanib) within 28 days and ecog <= 2 within 14 days", None),
    "the value still holds": ("no treatment(pazopanib) within 28 days and ecog <= 2 within 30 days", "2026-02-03"),
    "a count of events within a year": ("count treatment(pazopanib) <= 0 within 4 weeks", "2026-02-03"),
    "too old already": ("age <= 18", None),
    "two of them within different spans": (
        "no treatment(pazopanib) within 28 days and no treatment(gemcitabine) within 3 weeks", "2026-02-03"),
}  # fmt: skip


@pytest.mark.parametrize("case", CLEARING)
def test_clears_on_is_what_a_search_day_by_day_finds(case):
    rule, expected = CLEARING[case]
    stable = condition("CNS metastasis", kind="metastasis", state="stable", state_since="2026-01-01")
    who = lms(**{**FACTS, "conditions": [primary(), stable]})
    document = made_trial(rule)
    found = line(result_of(document, who), "C1")
    searched = brute(document, who)
    assert found.clears_on == searched
    if expected is not None:
        assert searched is not None and searched.isoformat() == expected
    elif case != "half-lives that are known":
        assert searched is None


def test_half_lives_are_those_of_the_drug():
    # Pazopanib's half-life is 31 hours: ten of them are 310 hours, 13 days begun.
    who = lms(**FACTS)
    found = line(result_of(made_trial("no treatment(pazopanib) within 10 half-lives"), who), "C1")
    assert found.clears_on is not None
    assert (found.clears_on - date(2026, 1, 5)).days == 14


def test_of_several_lines_the_pair_clears_with_the_last():
    document = made_trial(WASHOUT, LATER, "age >= 18")
    result = result_of(document, lms(**FACTS))
    assert (result.status.value, result.best.clears_on, brute(document, lms(**FACTS))) == (
        "not_now", date(2026, 2, 10), date(2026, 2, 10),
    )  # fmt: skip


def test_a_pair_that_needs_more_than_time_never_clears_by_itself():
    result = result_of(made_trial(WASHOUT, ACTION), lms(**FACTS))
    assert (result.status.value, result.best.clears_on) == ("not_now", None)


def test_completeness_moves_with_the_date_that_is_tried():
    # Six months on, every statement of completeness has gone stale; the washout clears none the less.
    who = lms(treatments=[drug("pazopanib", "2025-12-01", "2026-01-05")], coverage=[DRUGS_COMPLETE])
    result = result_of(made_trial("no treatment(pazopanib) within 6 months"), who)
    assert result.best.clears_on == date(2026, 7, 6)


# --- the next day to look again ------------------------------------------------------------------------------------


def first_change(document, who, days=200):
    """The first later day on which any line answers otherwise, with the record as it is."""
    now = [each.truth for each in result_of(document, who).criteria]
    for step in range(1, days + 1):
        result = result_of(document, who, as_of=TODAY + timedelta(days=step))
        if [each.truth for each in result.criteria] != now:
            return TODAY + timedelta(days=step)
    return None


#: The data reach 14 January: the ECOG of that day moved them there.
TURNING = {
    "a value goes stale": ("ecog <= 2", {}, "2026-03-16"),
    "a derived value goes stale": ("creatinine_clearance >= 10 mL/min", {}, "2026-02-10"),
    "a value of the other scale goes stale": ("karnofsky >= 50", {}, "2026-03-16"),
    "completeness lapses": ("no treatment(trabectedin)", {}, "2026-02-10"),
    "a washout ends": ("no treatment(pazopanib) within 21 days", {}, "2026-01-27"),
    "an extent short of metastatic lapses": (
        "has diagnosis(leiomyosarcoma, extent: localized)", {"conditions": [primary(extent="localized")]}, "2026-02-14"),
    "an acute condition goes stale": (
        "has condition(infection)", {"conditions": [primary(), condition("infection")]}, "2026-03-21"),
    "a medication said to be ongoing goes stale": (
        "has medication(aspirin, ongoing: yes)", {"medications": [ASPIRIN]}, "2026-04-15"),
    "a course under way goes stale in a window": (
        "has medication(aspirin) within 7 days", {"medications": [ASPIRIN]}, "2026-04-15"),
    "what lies ahead comes into sight": (
        "has treatment(trabectedin)", {"treatments": [drug("trabectedin", "2026-02-01")]}, "2026-02-01"),
    "a course ends": (
        "has treatment(trabectedin, ongoing: yes)",
        {"treatments": [drug("trabectedin", "2026-01-01", "2026-01-31")]}, "2026-02-01"),
    "a later birthday": ("age >= 65", {}, "2026-04-03"),
    "nothing": ("has diagnosis(leiomyosarcoma)", {}, None),
}  # fmt: skip


@pytest.mark.parametrize("case", TURNING)
def test_the_next_day_to_look_again_is_never_too_late(case):
    rule, more, expected = TURNING[case]
    facts = {
        **FACTS,
        "observations": [
            *FACTS["observations"],
            {"test": "creatinine", "value": "1", "unit": "mg/dL", "date": "2026-01-10"},
            {"test": "weight", "value": "70", "unit": "kg", "date": "2026-01-10"},
        ],
        **more,
    }
    document, who = made_trial(rule), lms(today=date(2026, 8, 1), **facts)
    changed = first_change(document, who)
    assert (changed.isoformat() if changed else None) == expected
    result = result_of(document, who)
    if changed is not None:
        assert result.next_flip is not None and result.next_flip <= changed
        # It need not be the day itself; looking again on each of them finds it.
        looked = TODAY
        while looked < changed:
            again = result_of(document, who, as_of=looked).next_flip
            assert again is not None and looked < again <= changed
            looked = again


def test_a_child_comes_of_age_and_a_clock_stops():
    who = patient(birth_date="2009-02-01")
    found = line(result_of(made_trial("age >= 18"), who), "C1")
    assert found.clears_on == date(2027, 2, 1)
    found = line(result_of(made_trial("age between 16 and 17"), who), "C1")
    assert found.truth is Truth.MET and str(found.change) == "by time"


def test_a_rule_alone_and_a_line_say_the_same():
    who = lms(**FACTS)
    context = focuses(make_context(who, as_of=TODAY))[0]
    assert evaluate(parse(WASHOUT), context).truth is asked(WASHOUT, who).truth is Truth.NOT_MET


# --- the search comes to an end ------------------------------------------------------------------------------------

OPEN_ENDS = {
    "a treatment without any date": ("no treatment(pazopanib) within 28 days", {"treatments": [drug("pazopanib")]}),
    "a treatment without an end": (
        "no treatment(pazopanib) within 28 days", {"treatments": [drug("pazopanib", "2025-12-01")]}),
    "a treatment given on a day nobody wrote": (
        "time since start of last treatment(pazopanib) >= 28 days", {"treatments": [drug("pazopanib", status="given")]}),
    "the first of them": (
        "time since start of first treatment(pazopanib) >= 28 days", {"treatments": [drug("pazopanib", status="given")]}),
    "an event without a date": (
        "no disease_status(progression) within 28 days", {"disease_status": [{"status": "progression"}]}),
    "a condition without a date": (
        "no condition(infection) within 28 days", {"conditions": [primary(), condition("infection", date=None)]}),
    "a condition that is there": (
        "no condition(infection) within 28 days", {"conditions": [primary(), condition("infection")]}),
    "an old diagnosis without an end": (
        "no diagnosis(breast cancer) within 3 years",
        {"conditions": [primary(), condition("breast cancer", kind="primary")]}),
    "a line that goes on": ("no line(systemic) within 28 days", {"treatments": [drug("pazopanib", "2025-12-01")]}),
    "a dose of an undated course": (
        "cumulative_dose(doxorubicin) <= 100 mg/m2 within 28 days", {"treatments": [drug("doxorubicin")]}),
    "a biomarker without a date": (
        "has biomarker(BRCA1, mutation) within 28 days",
        {"biomarkers": [{"gene": "BRCA1", "alteration": "mutation", "result": "positive"}]}),
}  # fmt: skip


@pytest.mark.parametrize("case", OPEN_ENDS)
def test_the_search_for_a_day_ends_where_a_date_moves_along_with_the_day(case, monkeypatch):
    tried = []
    monkeypatch.setattr(assess, "_finding", lambda *args, real=assess._finding: tried.append(args) or real(*args))
    rule, facts = OPEN_ENDS[case]
    result_of(made_trial(f"(age >= 66 and {rule}) or age >= 99"), lms(**facts))
    assert len(tried) < 20


@pytest.mark.parametrize(
    ("facts", "clears"),
    [
        # The last dose was on the last day of January at the latest.
        ({"treatments": [drug("pazopanib", "2025-11", "2026-01")]}, "2026-03-01"),
        ({"treatments": [drug("pazopanib", "2025-12", "2026")]}, "2027-01-29"),
        ({"treatments": [drug("pazopanib", "2025-12-01", "2026-01-15")]}, "2026-02-13"),
    ],
)
def test_a_partial_date_clears_with_its_last_day(facts, clears):
    document, who = made_trial("no treatment(pazopanib) within 28 days"), lms(coverage=ALL, **facts)
    found = line(result_of(document, who), "C1")
    assert (str(found.change), found.clears_on) == ("by time", brute(document, who, days=400))
    assert found.clears_on is not None and found.clears_on.isoformat() == clears


@pytest.mark.parametrize(
    ("rule", "facts", "change"),
    [
        # What is there must be over before any time can pass since.
        ("no condition(infection) within 28 days", [condition("infection")], "by course of disease"),
        ("no condition(infection) within 28 days", [condition("infection", end_date="2026-01-10")], "by time"),
        ("no condition(HIV infection) within 28 days", [condition("HIV infection")], "never"),
        ("no diagnosis(breast cancer) within 3 years", [condition("breast cancer", kind="primary")],
         "by course of disease"),
        ("time since end of last condition(infection) >= 28 days", [condition("infection")], "by course of disease"),
    ],
)  # fmt: skip
def test_what_is_not_over_is_not_waited_for(rule, facts, change):
    found = asked(rule, lms(**rows(conditions=[primary(), *facts])), cancer="leiomyosarcoma")
    assert (found.truth.word, str(found.change)) == ("not_met", change)


def test_only_the_course_that_is_meant_must_be_stopped():
    two = [drug("pazopanib", "2025-12-01", "2026-01-05"), drug("pazopanib", "2026-01-10", ongoing="yes")]
    who = lms(treatments=two, coverage=ALL)
    found = line(result_of(made_trial("time since end of first treatment(pazopanib) >= 28 days"), who), "C1")
    assert (str(found.change), found.clears_on) == ("by time", date(2026, 2, 2))
    found = line(result_of(made_trial("time since end of last treatment(pazopanib) >= 28 days"), who), "C1")
    assert (str(found.change), found.clears_on) == ("by action", None)


def test_a_line_goes_on_with_any_of_its_drugs():
    drugs = [drug("gemcitabine", "2025-12-01", "2025-12-20"), drug("docetaxel", "2025-12-01", ongoing="yes")]
    found = asked("no line(systemic) within 28 days", lms(treatments=drugs, coverage=ALL), cancer="leiomyosarcoma")
    assert (found.truth.word, str(found.change)) == ("not_met", "by action")


@pytest.mark.parametrize(
    ("held", "clears"),
    [
        ("ecog <= 2", date(2026, 2, 3)),
        ("age <= 64", None),  # 65 on 3 April
        ("age <= 64 or age >= 66", date(2027, 4, 3)),  # not while she is 65
        ("no treatment(trabectedin)", date(2026, 2, 3)),
    ],
)
def test_a_pair_does_not_clear_on_a_day_on_which_another_line_fails(held, clears):
    spans = {"age <= 64": "4 months", "age <= 64 or age >= 66": "4 months"}
    washout = f"no treatment(pazopanib) within {spans.get(held, '28 days')}"
    result = result_of(made_trial(washout, held), lms(**FACTS))
    assert (result.status.value, result.best.clears_on) == ("not_now", clears)
