"""Trials and options as documents: what is read, what is refused and how, and how a version is stored."""

from __future__ import annotations

import json
from datetime import date

import pytest

from patients.vocabulary import default
from trials.criteria import tree as t
from trials.criteria.documents import (
    Confirm,
    CriterionKind,
    Definitions,
    DocumentError,
    DocumentProblem,
    Mapped,
    OptionDocument,
    Polarity,
    Recruitment,
    StatementKind,
    Step,
    Strength,
    TrialDocument,
    Undefined,
    content,
    content_hash,
    from_content,
    read_document,
    read_statement,
    read_statements,
)
from trials.criteria.errors import ShapeError
from trials.criteria.parser import parse, parse_concepts, parse_definition
from trials.criteria.schema import encode

TRIAL = """\
kind: trial
id: T1
nct: NCT00000001
other_ids: [EudraCT 2011-001308-36]
acronym: ONE
title: A made-up trial
phase: II
sponsor: nobody
recruitment: Active, not recruiting
sites: [Lyon]
conditions: [leiomyosarcoma]
interventions: [gemcitabine]
negative: yes
never_offer: true
never_offer_reason: closed
author: library author
reviewer: library reviewer
source: {registry: ClinicalTrials.gov, record: NCT00000001, note: made up}
citations: [{id: A, text: a paper, url: ""}]
results: [{text: it failed, figures: {pfs9_pct: 32.1, ci: [23, 41.1], arm: {n: 106, drug: x}}, citation: A}]
cancer: leiomyosarcoma or liposarcoma
windows: {hematology: 14 days}
definitions:
  - define fit as ecog <= 1
cohorts:
  - {id: LMS, title: Leiomyosarcoma}
  - {id: LPS, open: no}
criteria:
  - id: N1
    text: Who may enter
    note: heading
  - id: I1
    text: >-
      ECOG 0
      or 1
    polarity: inclusion
    cohorts: [LMS]
    rule: fit
  - {id: I2, text: Gives consent, polarity: inclusion, confirm: consent}
  - id: E1
    text: Unfit in the eyes of the investigator
    polarity: exclusion
    not_structured: a matter of judgement
    disagrees: {with: the paper, text: says otherwise, figures: {n: 1}, source: a page, conflict: C1, jurisdiction: EU}
source_map:
  - {line: 1, sha: 00e12345, as: note, to: [N1]}
  - {line: 2, sha: 1a2b3c4d, as: rule, to: [I1]}
  - {line: 3, sha: 1a2b3c4e, as: not structured, to: [E1], why: judgement, fact: false}
test_patients:
  - name: fits
    as_of: 2026-01-15
    patient:
      birth_date: 1961-04
      sex: female
      conditions: [{condition: leiomyosarcoma, date: 2023-02-01}]
      observations: [{test: ecog, value: 1, date: 2026-01-05}]
    expect: {status: potentially_eligible, cohort: LMS, criteria: {I1: met}, missing: []}
"""

SHARED = """\
id: SR-27
kind: caution
text: mind the liver
rule: bilirubin > 1 x ULN
action: reduce the dose
citation: {source: B, sentences: [B28], figures: {pct: 97}, also: {A: [A1]}, derived: true}
"""

OPTION = """\
kind: option
id: trabectedin
name: Trabectedin
author: one
reviewer: another
cancer: sarcoma
citations: [{id: A, text: a}, {id: B, text: b}]
definitions: [define set standard as doxorubicin]
statements:
  - {id: SR-02, kind: stance, strength: preferred, text: first choice, jurisdiction: EU,
     rule: "has treatment(standard)", disagrees: [{with: SR-06}, {with: US label}]}
  - {id: SR-24, kind: modifier, step: up, text: rather so}
  - {id: SR-01, kind: stance, strength: highest priority, reads: shelf, text: a trial first}
  - include: SR-27
test_patients:
  - {name: nobody, as_of: 2026-01-15, patient: {}, expect: {block: could_apply, statements: {SR-02: unknown}}}
"""


def trial(text: str = TRIAL) -> TrialDocument:
    found = read_document(text, file="T1.yaml")
    assert isinstance(found, TrialDocument)
    return found


def option(text: str = OPTION) -> OptionDocument:
    found = read_document(text, file="o.yaml", shared_statements=read_statements({"SR-27.yaml": SHARED}))
    assert isinstance(found, OptionDocument)
    return found


def test_a_trial_is_read_whole() -> None:
    found = trial()
    assert (found.id, found.acronym, found.recruitment) == ("T1", "ONE", Recruitment.ACTIVE)
    assert found.negative and found.never_offer and not found.offered
    assert found.cancer == t.Concepts.of("leiomyosarcoma", "liposarcoma")
    assert found.results[0].figures == {"pfs9_pct": 32.1, "ci": [23, 41.1], "arm": {"n": 106, "drug": "x"}}
    assert found.windows == {"hematology": t.Span(14, t.TimeUnit.DAY)}
    assert [cohort.open for cohort in found.cohorts] == [True, False]
    assert [criterion.kind for criterion in found.criteria] == [
        CriterionKind.NOTE,
        CriterionKind.RULE,
        CriterionKind.CONFIRM,
        CriterionKind.NOT_STRUCTURED,
    ]
    assert found.criterion("I1").text == "ECOG 0 or 1"
    assert found.criterion("I1").rule == t.Named("fit")
    assert found.criterion("I2").confirm is Confirm.CONSENT
    assert found.criterion("E1").polarity is Polarity.EXCLUSION
    assert found.criterion("E1").why == "a matter of judgement"
    assert found.criterion("E1").disagrees[0].with_ == "the paper"
    with pytest.raises(LookupError, match="T1 has no criterion 'I9'"):
        found.criterion("I9")


def test_cells_stay_as_they_were_written() -> None:
    found = trial()
    assert [line.sha for line in found.source_map] == ["00e12345", "1a2b3c4d", "1a2b3c4e"]
    assert [(line.as_, line.fact) for line in found.source_map] == [
        (Mapped.NOTE, False),
        (Mapped.RULE, True),
        (Mapped.NOT_STRUCTURED, False),
    ]
    patient = found.test_patients[0]
    assert patient.as_of == date(2026, 1, 15)
    assert patient.patient["birth_date"] == "1961-04"
    assert patient.patient["observations"] == [{"test": "ecog", "value": "1", "date": "2026-01-05"}]


def test_an_option_is_read_whole() -> None:
    found = option()
    assert [statement.kind for statement in found.statements] == [
        StatementKind.STANCE,
        StatementKind.MODIFIER,
        StatementKind.STANCE,
        StatementKind.CAUTION,
    ]
    assert found.statement("SR-02").strength is Strength.PREFERRED
    assert [each.with_ for each in found.statement("SR-02").disagrees] == ["SR-06", "US label"]
    assert found.statement("SR-24").step is Step.UP
    assert found.statement("SR-01").reads == "shelf"
    shared = found.statement("SR-27")
    assert shared.shared and shared.citation is not None and shared.citation.derived
    assert shared.citation.also == {"A": ("A1",)}
    with pytest.raises(LookupError, match="trabectedin has no statement 'SR-99'"):
        found.statement("SR-99")


def test_open_means_that_a_patient_can_enter_now() -> None:
    assert {status for status in Recruitment if status.open} == {Recruitment.RECRUITING, Recruitment.BY_INVITATION}
    assert trial(TRIAL.replace("Active, not recruiting", "recruiting").replace("never_offer: true\n", "")).offered


@pytest.mark.parametrize("document", [trial(), option()], ids=["trial", "option"])
def test_a_stored_version_reads_back_as_itself(document: TrialDocument | OptionDocument) -> None:
    stored = content(document)
    assert from_content(stored) == document
    assert content_hash(from_content(stored)) == content_hash(document)


def test_figures_keep_the_order_of_the_author_in_a_database_that_has_none() -> None:
    text = TRIAL.replace(
        "{pfs9_pct: 32.1, ci: [23, 41.1], arm: {n: 106, drug: x}}", "{pfs9: 32, ci: 2, arm: {n: 9, at: x}}"
    )
    shuffled = json.loads(json.dumps(content(trial(text)), sort_keys=True))
    figures = from_content(shuffled).results[0].figures
    assert list(figures) == ["pfs9", "ci", "arm"]
    assert list(figures["arm"]) == ["n", "at"]


def test_a_version_frozen_with_mappings_as_objects_still_reads() -> None:
    assert from_content(encode(trial())) == trial()


def test_the_hash_is_of_what_a_document_says() -> None:
    assert content_hash(trial()) == content_hash(trial(TRIAL.replace("id: T1", "id:   T1   # as ever")))
    assert content_hash(trial()) != content_hash(trial(TRIAL.replace("ecog <= 1", "ecog <= 2")))
    assert content_hash(trial()) == content_hash(trial(TRIAL.replace("{n: 106, drug: x}", "{drug: x, n: 106}")))


def test_a_stored_version_of_another_shape_is_refused() -> None:
    stored = content(trial())
    stored["test_patients"][0]["as_of"] = "15 January"
    with pytest.raises(ShapeError, match=r"\$\.test_patients\[0\]\.as_of: .* is no date"):
        from_content(stored)
    stored["test_patients"] = []
    stored["windows"] = []
    with pytest.raises(ShapeError, match=r"\$\.windows: an object is expected"):
        from_content(stored)


def test_plain_data_reads_like_a_file() -> None:
    data = {
        "kind": "trial",
        "id": "T2",
        "title": "t",
        "recruitment": "recruiting",
        "author": "a",
        "reviewer": "b",
        "cancer": "sarcoma",
        "negative": False,
        "phase": 2,
        "cohorts": [{"id": "A", "open": True}],
        "criteria": ({"id": "I1", "text": "x", "polarity": "inclusion", "rule": "ecog <= 2", "confirm": None},),
        "test_patients": [
            {"name": "n", "as_of": date(2026, 1, 15), "patient": {"sex": None}, "expect": {"status": "not_now"}}
        ],
    }
    found = read_document(data)
    assert isinstance(found, TrialDocument)
    assert found.phase == "2" and found.cohorts[0].open and not found.negative
    assert found.criteria[0].rule == parse("ecog <= 2")
    assert found.test_patients[0].as_of == date(2026, 1, 15)


def test_aliases_and_merges_are_written_out() -> None:
    text = TRIAL.replace("    patient:\n", "    patient: &base\n").replace(
        "    expect: {status: potentially_eligible, cohort: LMS, criteria: {I1: met}, missing: []}\n",
        "    expect: {status: not_now}\n"
        "  - {name: other, as_of: 2026-01-15, patient: *base, expect: {status: not_now}}\n"
        "  - name: third\n    as_of: 2026-01-15\n    patient: {<<: *base, sex: male}\n    expect: {status: not_now}\n"
        "  - name: fourth\n    as_of: 2026-01-15\n    patient: {sex: male, <<: [*base, {sex: x, country: FR}]}\n"
        "    expect: {status: not_now}\n",
    )
    first, second, third, fourth = trial(text).test_patients
    assert second.patient == first.patient
    assert third.patient == {**first.patient, "sex": "male"}
    assert fourth.patient == {**first.patient, "sex": "male", "country": "FR"}


# what is wrong: (text replaced, by what, line, item, field, what the message must hold)
WRONG = {
    "no kind of document": ("kind: trial", "kind: study", 1, "", "kind", "'study' is no kind of document"),
    "no id": ("id: T1\n", "", 1, "", "id", "id is missing"),
    "no recruitment": ("recruitment: Active, not recruiting\n", "", 1, "", "recruitment", "recruitment is missing"),
    "a word of no list": ("Active, not recruiting", "recruting", 9, "", "recruitment", "did you mean 'recruiting'?"),
    "an unknown field": (
        "phase: II",
        "fase: II",
        7,
        "",
        "fase",
        "there is no field 'fase' here: did you mean 'phase'?",
    ),
    "a list for a text": ("phase: II", "phase: [II]", 7, "", "phase", "phase is a text, not a list"),
    "a mapping for a list": ("sites: [Lyon]", "sites: {a: b}", 10, "", "sites", "sites is a list of texts"),
    "neither true nor false": (
        "negative: yes",
        "negative: maybe",
        13,
        "",
        "negative",
        "'maybe' is neither true nor false",
    ),
    "one person": ("reviewer: library reviewer", "reviewer: Library-author", 17, "", "reviewer", "are one person"),
    "a text for a mapping": (
        "source: {registry: ClinicalTrials.gov, record: NCT00000001, note: made up}",
        "source: x",
        18,
        "",
        "source",
        "source is a mapping of fields",
    ),
    "figures that are none": (
        "figures: {pfs9_pct: 32.1, ci: [23, 41.1], arm: {n: 106, drug: x}}",
        "figures: 3",
        20,
        "",
        "figures",
        "figures are named numbers",
    ),
    "a cancer that is no set": (
        "cancer: leiomyosarcoma or liposarcoma",
        "cancer: leiomyosarcoma or",
        21,
        "",
        "cancer",
        "the rule ends too early",
    ),
    "a cancer that is no text": (
        "cancer: leiomyosarcoma or liposarcoma",
        "cancer: [a]",
        21,
        "",
        "cancer",
        "cancer is a text of the criteria language",
    ),
    "no span": ("14 days", "14 dys", 22, "", "hematology", "unexpected 'dys': expected a unit of time (days,"),
    "a definition with a typo": ("define fit as", "define fit es", 24, "", "definition", "unexpected"),
    "definitions that are no list": (
        "definitions:\n  - define fit as ecog <= 1",
        "definitions: define fit as x",
        23,
        "",
        "definitions",
        "definitions is a list of texts",
    ),
    "a definition that is no text": (
        "- define fit as ecog <= 1",
        "- {define: fit}",
        24,
        "",
        "definitions",
        "a definition is one text",
    ),
    "a rule with a typo": ("rule: fit", "rule: ecog <<= 1", 38, "I1", "rule", "at line 1, column 7 of the rule"),
    "two meanings": ("    rule: fit", "    rule: fit\n    note: heading", 38, "I1", "rule", "this has rule and note"),
    "no meaning": ("    rule: fit\n", "", 32, "I1", "rule", "this has none of rule, confirm, note, not_structured"),
    "no polarity": ("    polarity: exclusion\n", "", 40, "E1", "polarity", "polarity is missing"),
    "an unknown cohort": (
        "cohorts: [LMS]",
        "cohorts: [LSM]",
        37,
        "I1",
        "cohorts",
        "there is no cohort 'LSM': did you mean",
    ),
    "an id twice": ("id: I2", "id: I1", 29, "I1", "id", "I1 stands twice"),
    "no text in the list": (
        "criteria:\n",
        "criteria:\n  - hello\n",
        29,
        "",
        "criteria",
        "criteria is a list of mappings",
    ),
    "a line out of order": ("line: 3", "line: 4", 48, "source line 3", "line", "line 4 stands where line 3 is due"),
    "no criterion of that id": ("to: [I1]", "to: [I11]", 47, "source line 2", "to", "there is no criterion 'I11'"),
    "no fingerprint": ("sha: 1a2b3c4d", "sha: 1A2B", 47, "source line 2", "sha", "'1A2B' is no fingerprint"),
    "no reason": ("why: judgement, ", "", 48, "source line 3", "why", "why is missing"),
    "no fate": ("as: rule, ", "", 47, "source line 2", "as", "as is missing"),
    "no day": ("as_of: 2026-01-15", "as_of: 2026-01", 51, "fits", "as_of", "'2026-01' is no single day"),
    "no date": ("as_of: 2026-01-15", "as_of: 2026-02-31", 51, "fits", "as_of", "February 2026 has no day 31"),
    "no date at all": ("    as_of: 2026-01-15\n", "", 50, "fits", "as_of", "as_of is missing"),
    "no expectation": (
        "    expect: {status: potentially_eligible, cohort: LMS, criteria: {I1: met}, missing: []}\n",
        "",
        50,
        "fits",
        "expect",
        "a test patient has a patient and what is expected",
    ),
    "no rows": (
        "observations: [{test: ecog, value: 1, date: 2026-01-05}]",
        "observations: [ecog]",
        56,
        "fits",
        "observations",
        "observations is a list of rows",
    ),
    "no status": ("status: potentially_eligible", "status: eligible", 57, "fits", "status", "'eligible' is no status"),
    "no such cohort": ("cohort: LMS", "cohort: X", 57, "fits", "cohort", "there is no cohort 'X'"),
    "no such criterion": ("{I1: met}", "{I7: met}", 57, "fits", "I7", "there is no 'I7' in the document"),
    "no truth": ("{I1: met}", "{I1: true}", 57, "fits", "I1", "'true' is no truth"),
    "an unknown expectation": ("missing: []", "misses: []", 57, "fits", "misses", "did you mean 'missing'?"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_told_with_its_place(case: str) -> None:
    old, new, line, item, field, message = WRONG[case]
    assert TRIAL.count(old) >= 1
    problems = refused(TRIAL.replace(old, new, 1))
    found = [problem for problem in problems if message in problem.message]
    assert found, "\n".join(map(str, problems))
    assert (found[0].line, found[0].item, found[0].field) == (line, item, field), str(found[0])
    assert found[0].file == "T1.yaml" and (found[0].remedy or "did you mean" in message)


def refused(text: str) -> tuple[DocumentProblem, ...]:
    with pytest.raises(DocumentError) as caught:
        read_document(text, file="T1.yaml", shared_statements=read_statements({"SR-27.yaml": SHARED}))
    return caught.value.problems


def test_everything_wrong_is_told_at_once_and_in_order() -> None:
    problems = refused(TRIAL.replace("ecog <= 1", "ecog <<= 1").replace("phase: II", "fase: II"))
    assert [problem.line for problem in problems] == [7, 24]
    said = str(problems[0])
    assert said == (
        "T1.yaml: line 7, column 7: fase: there is no field 'fase' here: did you mean 'phase'? (remove or rename it)"
    )
    assert str(DocumentProblem(message="no place")) == "no place"


WRONG_OPTION = {
    "a strength too many": ("step: up, ", "step: up, strength: option, ", "SR-24", "only a stance has a strength"),
    "a step too many": (
        "kind: stance, strength: preferred",
        "kind: evidence, step: up",
        "SR-02",
        "only a modifier has a step",
    ),
    "a stance without its strength": ("strength: preferred, ", "", "SR-02", "strength is missing"),
    "an unknown thing to read": ("reads: shelf", "reads: stars", "SR-01", "a statement cannot read 'stars'"),
    "both a rule and the shelf": (
        "reads: shelf",
        "reads: shelf, rule: fit",
        "SR-01",
        "that reads the shelf has no rule",
    ),
    "an unknown statement": (
        "include: SR-27",
        "include: SR-28",
        "",
        "there is no shared statement 'SR-28': did you mean",
    ),
    "more beside an include": ("include: SR-27", "{include: SR-27, text: x}", "", "there is no field 'text' here"),
    "a source that is not listed": ("{id: B, text: b}", "{id: C, text: c}", "", "SR-27 cites 'B', which is not listed"),
    "an unknown block": ("block: could_apply", "block: maybe", "nobody", "'maybe' is no block"),
    "no kind": ("kind: modifier, step: up, ", "", "SR-24", "kind is missing"),
}


@pytest.mark.parametrize("case", WRONG_OPTION)
def test_what_is_wrong_with_an_option(case: str) -> None:
    old, new, item, message = WRONG_OPTION[case]
    problems = refused(OPTION.replace(old, new, 1))
    found = [problem for problem in problems if message in problem.message]
    assert found, "\n".join(map(str, problems))
    assert found[0].item == item


def test_what_is_wrong_with_a_shared_statement() -> None:
    with pytest.raises(DocumentError, match="strength is missing"):
        read_statement(SHARED.replace("kind: caution", "kind: stance"), file="SR-27.yaml")
    with pytest.raises(DocumentError, match=r"b\.yaml: SR-27: SR-27 stands in another file too"):
        read_statements({"a.yaml": SHARED, "b.yaml": SHARED})


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("kind: trial\n  id: [", 2, "this is no YAML"),
        ("kind: trial\nid: 'T1", 2, "this is no YAML"),
        ("kind: tri\x00al", 0, "this is no YAML"),
        pytest.param("kind: tri\ud800al", 0, "this is no YAML", id="half a character"),
        pytest.param("kind: " + "[" * 900 + "]" * 900, 0, "hold each other too deep", id="nested 900 deep"),
        pytest.param("kind: " + "[" * 9000 + "]" * 9000, 0, "hold each other too deep", id="nested 9000 deep"),
        ("", 0, "the document is empty"),
        ("- a\n- b", 0, "a document is a mapping of fields"),
        ("kind: trial\nkind: option", 2, "'kind' stands twice"),
        ("a: &a {b: *a}", 1, "an alias here holds itself, or too much"),
        ("a: {<<: text}", 1, "only a mapping can be merged"),
    ],
)
def test_what_is_no_document(text: str, line: int, message: str) -> None:
    (problem,) = refused(text)
    assert message in problem.message
    assert problem.line == line


def test_a_document_without_criteria_or_of_one_test_patient() -> None:
    start = TRIAL.index("criteria:\n")
    found = refused(TRIAL[:start])
    assert [problem.message for problem in found] == ["a trial has criteria"]
    single = TRIAL[: TRIAL.index("source_map:")]
    assert trial(single).test_patients == ()
    assert (
        trial(
            single.replace("definitions:\n  - define fit as ecog <= 1\n", "windows: {}\n", 1)
            .replace("windows: {hematology: 14 days}\n", "")
            .replace("source: {", "x: {")
            .replace("x: {registry: ClinicalTrials.gov, record: NCT00000001, note: made up}\n", "")
        ).definitions
        == Definitions()
    )


# --- definitions ---


def defined(*texts: str) -> Definitions:
    return Definitions(tuple(parse_definition(text) for text in texts))


def test_a_name_is_looked_up() -> None:
    found = defined("define fit as ecog <= 1", "define set standard_chemotherapy as anthracycline or gemcitabine")
    assert len(found) == 2 and list(found) == list(found.items)
    assert found.rule("Fit") == parse("ecog <= 1")
    assert found.set("standard chemotherapy") == parse_concepts("anthracycline or gemcitabine")
    assert found.set("anthracycline") is None
    with pytest.raises(Undefined, match=r"no rule 'fitt' is defined: did you mean 'fit'\?"):
        found.rule("fitt")
    with pytest.raises(Undefined, match=r"no rule 'zzz' is defined$"):
        found.rule("zzz")


def test_sets_are_opened_at_any_depth() -> None:
    found = defined(
        "define set a as doxorubicin or b",
        "define set b as gemcitabine or c",
        "define set c as docetaxel and paclitaxel",
        "define set loop as loop or doxorubicin",
    )
    assert found.expanded(parse_concepts("a or ifosfamide")).alternatives == (
        ("doxorubicin",),
        ("gemcitabine",),
        ("docetaxel", "paclitaxel"),
        ("ifosfamide",),
    )
    assert found.expanded(parse_concepts("a and cisplatin")).alternatives == (
        ("doxorubicin", "cisplatin"),
        ("gemcitabine", "cisplatin"),
        ("docetaxel", "paclitaxel", "cisplatin"),
    )
    with pytest.raises(Undefined, match="the set 'loop' holds itself"):
        found.expanded(parse_concepts("loop"))


def test_the_most_specific_definition_of_an_outcome_holds() -> None:
    found = defined(
        "define failure of any as ecog >= 4",
        "define failure of anthracycline as ecog >= 3",
        "define failure of doxorubicin as ecog >= 2",
        "define intolerant of doxorubicin as ecog >= 1",
    )
    vocabulary = default()
    assert found.outcome("failure", "doxorubicin", vocabulary) == parse("ecog >= 2")
    assert found.outcome("failure", "epirubicin", vocabulary) == parse("ecog >= 3")
    assert found.outcome("failure", "pazopanib", vocabulary) == parse("ecog >= 4")
    assert found.outcome("intolerant", "doxorubicin", vocabulary) == parse("ecog >= 1")
    assert found.outcome("intolerant", "pazopanib", vocabulary) is None
    assert found.outcome("failure", "epirubicin") == parse("ecog >= 4"), "without a vocabulary, by name alone"
