"""A past as-of date sees no later date, and what lies ahead is not there yet (SEMANTICS §1.2)."""

from datetime import date

import pytest

from matcher.engine import ignored_after
from matcher.engine.reference.view import view_at
from tests.synthetic import drug, lms, patient, truth

LATER = date(2026, 8, 1)


def says(rule, as_of, **rows):
    """What was known on a day, of rows recorded much later; the data reach 10 January 2026."""
    return truth(rule, lms(today=LATER, **rows), as_of=date.fromisoformat(as_of), cancer="leiomyosarcoma")


#: The record leaves nothing out.
COMPLETE = [
    {"domain": domain, "scope": "all", "complete_through": "2026-01-10"} for domain in ("treatments", "medications")
]


TREATED = drug(
    "doxorubicin", "2024-01-10", "2024-05-20", setting="advanced", response="progressive disease",
    stop_reason="progression", ongoing="no",
)  # fmt: skip

TREATMENT = [
    ("has treatment(doxorubicin)", "2024-01-09", "unknown: not recorded"),
    ("has treatment(doxorubicin)", "2024-01-10", "met"),
    ("has treatment(doxorubicin, ongoing: yes)", "2024-05-19", "met"),
    ("has treatment(doxorubicin, ongoing: yes)", "2024-05-21", "not_met"),
    ("has treatment(doxorubicin, response: progressive disease)", "2024-05-19", "unknown: not recorded"),
    ("has treatment(doxorubicin, response: progressive disease)", "2024-05-20", "met"),
    ("has treatment(doxorubicin, stop_reason: progression)", "2024-05-19", "unknown: not recorded"),
    ("has treatment(doxorubicin, stop_reason: progression)", "2024-05-20", "met"),
    ("has treatment(doxorubicin, outcome: failure)", "2024-05-19", "unknown: not recorded"),
]


@pytest.mark.parametrize(("rule", "as_of", "expected"), TREATMENT)
def test_a_treatment_that_ended_later_was_under_way(rule, as_of, expected):
    # The list is complete where the answer rests on there being no other course.
    complete = COMPLETE if expected == "not_met" else []
    assert says(rule, as_of, treatments=[TREATED], coverage=complete) == expected


PARTLY_DATED = [
    # No end is recorded: what came of it was known when the data reached 10 January 2026.
    ({"end_date": None}, "response: progressive disease", "2025-06-01", "unknown: not recorded"),
    ({"end_date": None}, "response: progressive disease", "2026-01-10", "met"),
    ({"end_date": None}, "ongoing: no", "2025-06-01", "unknown: not recorded"),
    ({"end_date": None}, "ongoing: no", "2026-01-10", "met"),
    ({"end_date": None, "ongoing": "yes"}, "ongoing: yes", "2025-06-01", "met"),
    ({"end_date": "2024"}, "response: progressive disease", "2024-06-01", "unknown: not recorded"),
    ({"end_date": "2024"}, "response: progressive disease", "2024-12-31", "met"),
    ({"end_date": "2026", "start_date": "2025-01-01"}, "response: progressive disease", "2026-01-10", "met"),
    ({"start_date": "2024"}, "status: given", "2024-01-05", "unknown: imprecise"),
    ({"start_date": "2024", "status": "given"}, "status: given", "2024-01-05", "unknown: imprecise"),
    ({"start_date": "2024", "status": "given"}, "status: given", "2025-01-05", "met"),
]


@pytest.mark.parametrize(("cells", "test", "as_of", "expected"), PARTLY_DATED)
def test_what_is_not_dated_was_known_when_the_data_reached_it(cells, test, as_of, expected):
    assert says(f"has treatment(doxorubicin, {test})", as_of, treatments=[{**TREATED, **cells}]) == expected


MEDICATION = [
    ({"end_date": "2024-05-20"}, "2024-05-01", "met"),
    ({"end_date": "2024-05-20"}, "2024-05-21", "not_met"),
    ({"ongoing": "no"}, "2025-06-01", "unknown: not recorded"),
    ({"ongoing": "no"}, "2026-01-10", "not_met"),
    ({"end_date": "2024"}, "2024-06-01", "unknown: imprecise"),
]


@pytest.mark.parametrize(("cells", "as_of", "expected"), MEDICATION)
def test_a_medication_that_ended_later_was_taken(cells, as_of, expected):
    taken = [{"medication": "aspirin", "start_date": "2024-01-10", **cells}]
    complete = COMPLETE if expected == "not_met" else []
    assert says("has medication(aspirin, ongoing: yes)", as_of, medications=taken, coverage=complete) == expected


def test_a_medication_of_an_open_start_may_not_have_begun():
    taken = [{"medication": "aspirin", "start_date": "2024"}]
    assert says("has medication(aspirin)", "2024-06-01", medications=taken) == "unknown: imprecise"
    assert says("has medication(aspirin)", "2024-12-31", medications=taken) == "met"
    this_month = [{"medication": "aspirin", "start_date": "2026-01"}]
    assert says("has medication(aspirin)", "2026-01-15", medications=this_month) == "met"


def condition(**cells):
    return [{"condition": "hypertension", "kind": "comorbidity", "date": "2024-01-10", **cells}]


CONDITION = [
    ({}, "has condition(hypertension)", "2024-01-09", "unknown: not recorded"),
    ({}, "has condition(hypertension)", "2024-01-10", "met"),
    ({"end_date": "2024-06-01"}, "has condition(hypertension)", "2024-05-31", "met"),
    ({"end_date": "2024-06-01"}, "has condition(hypertension)", "2024-06-02", "not_met"),
    ({"end_date": "2024-06-01", "status": "resolved"}, "has condition(hypertension)", "2024-05-31", "met"),
    ({"state": "controlled", "state_since": "2024-06-01"}, "has condition(hypertension, state: controlled)",
     "2024-05-31", "unknown: not recorded"),
    ({"state": "controlled", "state_since": "2024-06-01"}, "has condition(hypertension, state: controlled)",
     "2024-06-01", "met"),
]  # fmt: skip


@pytest.mark.parametrize(("cells", "rule", "as_of", "expected"), CONDITION)
def test_a_condition_that_ended_or_changed_later_had_not_yet(cells, rule, as_of, expected):
    # The record of comorbidities is not complete: a hypertension that ended does not exclude another.
    complete = [{"domain": "conditions", "scope": "all", "complete_through": "2026-01-10"}] * (expected == "not_met")
    assert says(rule, as_of, conditions=condition(**cells), coverage=complete) == expected


@pytest.mark.parametrize(
    ("kind", "row", "rule"),
    [
        ("observations", {"test": "ecog", "value": "1"}, "ecog <= 1 any time"),
        (
            "biomarkers",
            {"gene": "BRCA1", "alteration": "mutation", "result": "positive"},
            "has biomarker(BRCA1, mutation)",
        ),
        ("disease_status", {"status": "progression"}, "has disease_status(progression)"),
    ],
)
def test_what_is_dated_later_is_not_seen(kind, row, rule):
    rows = {kind: [{**row, "date": "2024-05-20"}]}
    assert says(rule, "2024-05-19", **rows) == "unknown: not recorded"
    assert says(rule, "2024-05-20", **rows) == "met"
    # A month that may lie before the day asked about may have been seen.
    rows = {kind: [{**row, "date": "2024-05"}]}
    assert says(rule, "2024-04-30", **rows) == "unknown: not recorded"
    assert says(rule, "2024-05-01", **rows) == "met"


def test_what_is_left_out_is_named():
    who = lms(
        today=LATER,
        treatments=[drug("doxorubicin", "2024-01-10"), {**drug("pazopanib", "2026-03-01"), "status": "planned"}],
        observations=[{"test": "ecog", "value": "1", "date": "2025-01-01"}],
        medications=[{"medication": "aspirin", "start_date": "2025-06-01"}],
    )
    # What is planned lies ahead and is kept, for `next`.
    assert ignored_after(who, date(2024, 6, 1)) == ("medication:1", "observation:1")
    assert ignored_after(who, LATER) == ()


def test_a_death_is_not_known_before_it():
    who = patient(today=LATER, deceased="yes", death_date="2025-03-01", birth_date="1960-01-01")
    assert view_at(who, date(2025, 2, 28)).death is None
    assert view_at(who, date(2025, 3, 1)).death is not None
    assert view_at(who, date(2025, 2, 28)).deceased is False


@pytest.mark.parametrize(
    ("row", "as_of", "expected"),
    [
        # What ended later and has no start may have begun later too.
        (drug("doxorubicin", None, "2025-12-01"), "2020-01-01", ("unknown: imprecise", "unknown: imprecise")),
        (
            drug("doxorubicin", None, "2025-12-01", status="given"),
            "2020-01-01",
            ("unknown: imprecise", "unknown: imprecise"),
        ),
        (drug("doxorubicin", None, None, status="given"), "2020-01-01", ("unknown: imprecise", "unknown: imprecise")),
        (drug("doxorubicin", None, None, ongoing="yes"), "2020-01-01", ("unknown: imprecise", "unknown: imprecise")),
        (drug("doxorubicin", "2019", "2025-12-01"), "2020-01-01", ("met", "met")),
        (drug("doxorubicin", None, "2019-12-01"), "2020-01-01", ("met", "not_met")),
        (drug("doxorubicin", None, "2025-12-01"), "2026-01-15", ("met", "not_met")),
    ],
)
def test_a_treatment_without_a_start_is_not_there_before_it_was_told_of(row, as_of, expected):
    rules = ("has treatment(doxorubicin)", "has treatment(doxorubicin, ongoing: yes)")
    assert tuple(says(rule, as_of, treatments=[row], coverage=COMPLETE) for rule in rules) == expected


@pytest.mark.parametrize(
    ("row", "as_of", "expected"),
    [
        ({"end_date": "2025-12-01"}, "2020-01-01", ("unknown: imprecise", "unknown: imprecise")),
        ({"ongoing": "yes"}, "2020-01-01", ("unknown: imprecise", "unknown: imprecise")),
        ({"ongoing": "no"}, "2020-01-01", ("unknown: imprecise", "unknown: imprecise")),
        ({"start_date": "2019", "ongoing": "yes"}, "2020-01-01", ("met", "met")),
        ({"end_date": "2019-12-01"}, "2020-01-01", ("met", "not_met")),
        ({"ongoing": "yes"}, "2026-01-15", ("met", "met")),
    ],
)
def test_a_medication_without_a_start_is_not_there_before_it_was_told_of(row, as_of, expected):
    rules = ("has medication(aspirin)", "has medication(aspirin, ongoing: yes)")
    rows = [{"medication": "aspirin", **row}]
    assert tuple(says(rule, as_of, medications=rows, coverage=COMPLETE) for rule in rules) == expected
