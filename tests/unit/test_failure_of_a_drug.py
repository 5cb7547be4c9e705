"""Ten worked patients for failure of a drug (SEMANTICS §2.6), and what a document's own definition changes."""

import pytest

from tests.synthetic import DRUGS_COMPLETE, drug, lms, truth

RULE = "has treatment(doxorubicin, outcome: failure)"
EVENTS_COMPLETE = {"domain": "disease_status", "complete_through": "2026-01-10"}


def failed(treatments, events=(), coverage=(DRUGS_COMPLETE,), rule=RULE, definitions=(), **rows):
    who = lms(treatments=treatments, disease_status=list(events), coverage=list(coverage), **rows)
    return truth(rule, who, cancer="leiomyosarcoma", definitions=definitions)


def progression(day, status="progression"):
    return [{"status": status, "date": day}]


ADVANCED = drug("doxorubicin", "2024-01-10", "2024-05-20", setting="advanced")
ADJUVANT = drug("doxorubicin", "2022-01-10", "2022-05-20", setting="adjuvant")

WORKED = {
    "progressive disease is its own recorded response": ([{**ADVANCED, "response": "progressive disease"}], (), "met"),
    "it was stopped for progression": ([{**ADVANCED, "stop_reason": "progression"}], (), "met"),
    "progression while it was given": ([ADVANCED], progression("2024-04-01"), "met"),
    "progression on the thirtieth day after the last dose": ([ADVANCED], progression("2024-06-19"), "met"),
    "progression later, in the advanced setting, with nothing in between": ([ADVANCED], progression("2025-03-01"), "met"),
    "relapse years after adjuvant therapy is a question": (
        [ADJUVANT], progression("2023-12-01", "distant metastasis"), "unknown: needs judgement"),
    "the progression belongs to the next line": (
        [ADVANCED, drug("pazopanib", "2024-08-01", "2025-01-10", setting="advanced")],
        progression("2024-12-01"), "unknown: not recorded"),
    "still going on without progression": (
        [drug("doxorubicin", "2025-12-01", None, setting="advanced", ongoing="yes")], (), "not_met"),
    "stopped for toxicity, nothing known since": ([{**ADVANCED, "stop_reason": "toxicity"}], (), "unknown: not recorded"),
    "never given, and the list is complete": ([drug("pazopanib", "2024-01-10", "2024-05-20", setting="advanced")], (), "not_met"),
}  # fmt: skip


@pytest.mark.parametrize("case", WORKED)
def test_worked_patients(case):
    treatments, events, expected = WORKED[case]
    assert failed(treatments, events) == expected


def test_a_complete_course_of_disease_without_progression_is_no_failure():
    assert failed([ADVANCED], coverage=[DRUGS_COMPLETE, EVENTS_COMPLETE]) == "not_met"


def test_a_course_that_is_told_up_to_the_next_line_is_enough():
    told = {"domain": "disease_status", "complete_through": "2024-08-01"}
    next_line = drug("pazopanib", "2024-08-01", "2024-12-10", setting="advanced")
    assert failed([ADVANCED, next_line], coverage=[DRUGS_COMPLETE, told]) == "not_met"
    assert failed([ADVANCED], coverage=[DRUGS_COMPLETE, told]) == "unknown: stale"


def test_progression_on_the_first_day_belongs_to_what_came_before():
    assert failed([ADVANCED], progression("2024-01-10")) == "unknown: not recorded"


def test_a_new_metastasis_is_a_worsening():
    spread = [
        {"condition": "leiomyosarcoma", "kind": "primary", "body_site": "uterus", "date": "2023-02-01"},
        {"condition": "metastasis", "kind": "metastasis", "body_site": "lung", "date": "2024-03-01"},
    ]
    assert failed([ADVANCED], conditions=spread) == "met"


def test_a_partial_date_that_may_be_after_another_line_is_imprecise():
    next_line = drug("pazopanib", "2024-08-01", "2024-12-10", setting="advanced")
    assert failed([ADVANCED, next_line], progression("2024")) == "unknown: imprecise"


def test_a_word_of_the_course_that_no_list_knows_may_be_progression():
    assert failed([ADVANCED], progression("2024-04-01", "xyzzy")) == "unknown: imprecise"


def test_the_recorded_response_alone_is_another_question():
    rule = "has treatment(doxorubicin, response: progressive disease)"
    assert failed([{**ADVANCED, "response": "stable disease"}], progression("2024-04-01"), rule=rule) == "not_met"
    assert failed([ADVANCED], progression("2024-04-01"), rule=rule) == "unknown: not recorded"


def test_response_under_a_drug_does_not_exclude_a_later_failure():
    assert failed([{**ADVANCED, "response": "partial response"}], progression("2025-03-01")) == "met"


ANY_TIME = "define failure of doxorubicin as has disease_status(progression or relapse) after start of this treatment"
SIX_MONTHS = "define failure of doxorubicin as has disease_status(progression or relapse) within 6 months after end of this treatment"
INTOLERANCE = "define failure of anthracycline as has treatment(this treatment, stop_reason: toxicity)"


@pytest.mark.parametrize(
    ("definitions", "events", "expected"),
    [
        ((ANY_TIME,), progression("2023-12-01", "distant metastasis"), "met"),
        ((SIX_MONTHS,), progression("2022-11-20"), "met"),
        ((SIX_MONTHS,), progression("2022-11-21"), "unknown: not recorded"),
        ((INTOLERANCE,), (), "unknown: not recorded"),
        # The definition for the drug itself wins over the one for its class, whichever stands first.
        ((INTOLERANCE, ANY_TIME), progression("2023-12-01", "relapse"), "met"),
        ((ANY_TIME, INTOLERANCE), progression("2023-12-01", "relapse"), "met"),
    ],
)
def test_a_document_defines_failure_for_itself(definitions, events, expected):
    assert failed([ADJUVANT], events, definitions=definitions) == expected


def test_a_definition_of_a_class_covers_its_drugs():
    stopped = [{**ADVANCED, "stop_reason": "toxicity"}]
    assert failed(stopped, definitions=(INTOLERANCE,)) == "met"


def test_refractory_and_intolerant():
    on, later = progression("2024-04-01"), progression("2025-03-01")
    refractory = "has treatment(doxorubicin, outcome: refractory)"
    intolerant = "has treatment(doxorubicin, outcome: intolerant)"
    assert failed([ADVANCED], on, rule=refractory) == "met"
    assert failed([ADVANCED], later, rule=refractory) == "unknown: needs judgement"
    assert failed([{**ADVANCED, "stop_reason": "toxicity"}], rule=intolerant) == "met"
    assert failed([{**ADVANCED, "stop_reason": "completed"}], rule=intolerant) == "not_met"
    assert failed([ADVANCED], rule=intolerant) == "unknown: not recorded"


def test_liposomal_doxorubicin_is_no_doxorubicin_but_an_anthracycline():
    caelyx = [{**drug("Caelyx", "2024-01-10", "2024-05-20", setting="advanced"), "response": "progressive disease"}]
    assert failed(caelyx) == "not_met"
    assert failed(caelyx, rule="has treatment(anthracycline, outcome: failure)") == "met"


def test_of_two_cancers_a_progression_without_a_diagnosis_is_imprecise():
    two = [
        {"condition": "leiomyosarcoma", "kind": "primary", "body_site": "uterus", "date": "2023-02-01", "diagnosis_id": "A"},
        {"condition": "breast cancer", "kind": "primary", "date": "2015-02-01", "diagnosis_id": "B"},
    ]  # fmt: skip
    mine = [{**ADVANCED, "diagnosis": "A"}]
    assert failed(mine, progression("2024-04-01"), conditions=two) == "unknown: imprecise"
    named = [{"status": "progression", "date": "2024-04-01", "diagnosis": "A"}]
    assert failed(mine, named, conditions=two) == "met"
    others = [{"status": "progression", "date": "2024-04-01", "diagnosis": "B"}]
    assert failed(mine, others, conditions=two) == "unknown: not recorded"


PRIMARY = {"condition": "leiomyosarcoma", "kind": "primary", "body_site": "uterus", "extent": "metastatic",
           "date": "2023-02-01"}  # fmt: skip


def lung(day, **cells):
    return {"condition": "lung metastasis", "kind": "metastasis", "date": day, **cells}


METASTASES = {
    "a new one on the drug": ([lung("2024-03-20")], "met"),
    "one that was there before": ([lung("2023-12-01")], "not_met"),
    "one of another site beside it": ([lung("2023-12-01"), lung("2024-03-20", condition="liver metastasis")], "met"),
    # A later row tells of the same metastasis once more, or of one more at its site.
    "told of again": ([lung("2023-12-01"), lung("2024-03-20")], "unknown: imprecise"),
    "told of again, and stable": ([lung("2023-12-01"), lung("2024-03-20", state="stable")], "not_met"),
    "stable when first told of": ([lung("2024-03-20", state="stable")], "unknown: imprecise"),
    "resolved, by a date that may be its end": ([lung("2024-03-20", status="resolved")], "unknown: imprecise"),
    "one without a date, and one with": ([lung(None), lung("2024-03-20")], "unknown: imprecise"),
    "a metastasis somewhere before": (
        [lung("2023-12-01", condition="metastasis"), lung("2024-03-20")], "unknown: imprecise"),
    "suspected": ([lung("2024-03-20", status="suspected")], "unknown: imprecise"),
    "of another cancer": ([lung("2024-03-20", diagnosis_id="B"), {**PRIMARY, "diagnosis_id": "A"},
                           {"condition": "breast cancer", "kind": "primary", "diagnosis_id": "B", "date": "2020-01-01"}],
                          "not_met"),
}  # fmt: skip


@pytest.mark.parametrize("case", METASTASES)
def test_a_metastasis_is_new_where_it_is_first_told_of(case):
    rows, expected = METASTASES[case]
    own = [] if any(row.get("kind") == "primary" for row in rows) else [PRIMARY]
    treatments = [{**ADVANCED, "diagnosis": "A"}] if not own else [ADVANCED]
    found = failed(treatments, coverage=(DRUGS_COMPLETE, EVENTS_COMPLETE), conditions=[*own, *rows])
    assert found == expected
