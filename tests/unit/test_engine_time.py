"""Windows, anchors, washouts, intervals and durations over courses whose dates may be open (SEMANTICS §2.4)."""

from dataclasses import replace
from datetime import date

import pytest

from matcher.engine.reference.days import FUTURE, PAST, Days, days_of, shift, show_days
from tests.synthetic import asked, drug, lms, truth
from trials.criteria import tree as t

ALL = [
    {"domain": domain, "scope": "all", "complete_through": "2026-01-15"}
    for domain in ("conditions", "treatments", "medications", "disease_status")
]
UNIT = t.TimeUnit


def says(rule, coverage=tuple(ALL), **rows):
    return truth(rule, lms(coverage=list(coverage), **rows), cancer="leiomyosarcoma")


@pytest.mark.parametrize(
    ("day", "number", "unit", "back", "expected"),
    [
        ("2026-01-31", 1, UNIT.MONTH, False, "2026-02-28"),
        ("2024-01-31", 1, UNIT.MONTH, False, "2024-02-29"),
        ("2026-03-31", 1, UNIT.MONTH, True, "2026-02-28"),
        ("2024-02-29", 1, UNIT.YEAR, False, "2025-02-28"),
        ("2026-01-15", 6, UNIT.MONTH, True, "2025-07-15"),
        ("2026-01-15", 1.5, UNIT.MONTH, False, "2026-03-02"),
        ("2026-01-15", 2, UNIT.WEEK, True, "2026-01-01"),
        ("2026-01-15", 24, UNIT.HOUR, True, "2026-01-14"),
        ("2026-01-15", 30, UNIT.HOUR, True, "2026-01-13"),
        ("2026-01-15", 0, UNIT.DAY, True, "2026-01-15"),
    ],
)
def test_a_day_moved_by_a_span(day, number, unit, back, expected):
    moved = shift(date.fromisoformat(day).toordinal(), t.Span(number, unit), back=back)
    assert date.fromordinal(moved).isoformat() == expected


def test_no_bound_stays_no_bound():
    assert shift(PAST, t.Span(1, UNIT.YEAR)) == PAST and shift(FUTURE, t.Span(1, UNIT.YEAR)) == FUTURE
    assert days_of(t.Span(25, UNIT.HOUR)) == 2
    assert show_days(Days(PAST, 5)) == "date not recorded"
    assert show_days(Days.on(date(2026, 1, 15).toordinal())) == "2026-01-15"


WASHOUT = "no treatment(pazopanib) within 28 days"

COURSES = [
    # start, end, ongoing, expected
    ("2025-11-01", "2025-12-17", None, "met"),  # the last dose 29 days ago
    ("2025-11-01", "2025-12-18", None, "not_met"),  # day 28 is included
    ("2026-01-01", None, None, "not_met"),  # begun inside, whenever it ended
    ("2025-11-01", None, None, "unknown: imprecise"),  # nobody wrote the end
    ("2025-11-01", None, "yes", "not_met"),
    ("2025-11-01", None, "no", "unknown: imprecise"),
    ("2025-12", None, None, "unknown: imprecise"),
    ("2025", "2025-11-30", None, "met"),
    (None, "2025-11-30", None, "met"),
    (None, "2026-01-02", None, "not_met"),
    (None, None, None, "unknown: imprecise"),
    ("2025-11-01", "2025-12", None, "unknown: imprecise"),
    ("2025-11-01", "2026-01", None, "not_met"),
]


@pytest.mark.parametrize(("start", "end", "ongoing", "expected"), COURSES)
def test_a_course_is_in_a_window_if_some_dose_is(start, end, ongoing, expected):
    assert says(WASHOUT, treatments=[drug("pazopanib", start, end, ongoing=ongoing)]) == expected


def test_what_is_no_longer_going_on_ended_before_it_was_said_so():
    # The record reaches 10 October; it says that the course is over.
    rows = {"treatments": [drug("pazopanib", "2025-06-01", None, ongoing="no")], "data_through": "2025-10-10"}
    complete = [{"domain": "treatments", "scope": "kind:drug", "complete_through": "2026-01-15"}]
    assert says(WASHOUT, coverage=complete, **rows) == "met"
    assert says("no treatment(pazopanib) within 4 months", coverage=complete, **rows) == "unknown: imprecise"


@pytest.mark.parametrize(
    ("kind", "row", "rule", "expected"),
    [
        ("treatments", {"treatment": "hysterectomy", "kind": "surgery", "start_date": "2025-10-01"},
         "no treatment(major surgery) within 28 days", "met"),
        ("treatments", {"treatment": "hysterectomy", "kind": "surgery", "start_date": "2026-01-01"},
         "no treatment(major surgery) within 28 days", "not_met"),
        ("treatments", {"treatment": "autologous stem cell transplant", "kind": "transplant", "start_date": "2025-01-01"},
         "no treatment(stem cell transplant) within 6 months", "met"),
        ("medications", {"medication": "influenza vaccine", "start_date": "2025-10-01"},
         "no medication(vaccine) within 30 days", "met"),
        ("medications", {"medication": "red cell transfusion", "start_date": "2026-01-10"},
         "no medication(transfusion) within 7 days", "not_met"),
        ("treatments", {"treatment": "radiotherapy", "kind": "radiotherapy", "start_date": "2025-10-01"},
         "no treatment(radiotherapy) within 28 days", "unknown: imprecise"),
    ],
)  # fmt: skip
def test_what_is_done_on_one_day_needs_no_end(kind, row, rule, expected):
    assert says(rule, **{kind: [row]}) == expected


@pytest.mark.parametrize(
    ("amount", "last_dose", "expected"),
    [
        # Doxorubicin's half-life is 48 hours: five of them are ten days.
        ("lesser of (28 days, 5 half-lives)", "2026-01-05", "not_met"),
        ("lesser of (28 days, 5 half-lives)", "2026-01-04", "met"),
        ("greater of (28 days, 5 half-lives)", "2026-01-04", "not_met"),
        ("greater of (28 days, 5 half-lives)", "2025-12-17", "met"),
        ("5 half-lives", "2026-01-05", "not_met"),
        ("5 half-lives", "2026-01-04", "met"),
    ],
)
def test_half_lives_that_are_known(amount, last_dose, expected):
    rows = {"treatments": [drug("doxorubicin", "2025-11-01", last_dose)]}
    assert says(f"no treatment(chemotherapy) within {amount}", **rows) == expected


@pytest.mark.parametrize(
    ("amount", "last_dose", "expected"),
    [
        ("lesser of (28 days, 5 half-lives)", "2026-01-05", "unknown: imprecise"),
        ("lesser of (28 days, 5 half-lives)", "2025-12-17", "met"),
        ("greater of (28 days, 5 half-lives)", "2026-01-05", "not_met"),
        ("greater of (28 days, 5 half-lives)", "2025-12-17", "unknown: imprecise"),
    ],
)
def test_half_lives_that_nobody_knows(amount, last_dose, expected):
    rows = {"treatments": [drug("lomustine", "2025-11-01", last_dose)]}
    assert says(f"no treatment(chemotherapy) within {amount}", **rows) == expected


TWO = [drug("doxorubicin", "2024-01-10", "2024-05-20"), drug("pazopanib", "2024-08-01", "2025-01-10")]
PLANNED = {"treatment": "radiotherapy", "kind": "radiotherapy", "start_date": "2026-02-01", "status": "planned"}
EVENTS = [{"status": "progression", "date": "2024-07-01"}, {"status": "progression", "date": "2025-01-20"}]

ANCHORS = [
    ("has treatment(doxorubicin) before first treatment(pazopanib)", "met"),
    ("has treatment(pazopanib) before first treatment(doxorubicin)", "not_met"),
    ("has treatment(pazopanib) after last treatment(doxorubicin)", "met"),
    ("has treatment(doxorubicin) after last treatment(pazopanib)", "not_met"),
    ("has treatment(doxorubicin) before start of last treatment(pazopanib)", "met"),
    ("has treatment(pazopanib) before end of first treatment(pazopanib)", "met"),
    ("has disease_status(progression) during first treatment(pazopanib)", "not_met"),
    ("has disease_status(progression) within 30 days after last treatment(pazopanib)", "met"),
    ("has disease_status(progression) within 9 days after last treatment(pazopanib)", "not_met"),
    ("has disease_status(progression) within 10 days after last treatment(pazopanib)", "met"),
    ("has disease_status(progression) within 31 days before first treatment(pazopanib)", "met"),
    ("has disease_status(progression) within 30 days before first treatment(pazopanib)", "not_met"),
    ("has disease_status(progression) before today", "met"),
    ("has disease_status(progression) after today", "not_met"),
    ("has treatment(doxorubicin) within 3 years before planned start", "met"),
    # Of what lies ahead only what is planned is known.
    ("has treatment(pazopanib) within 13 months before next treatment(radiotherapy)", "met"),
    ("has treatment(pazopanib) within 12 months before next treatment(radiotherapy)", "not_met"),
    ("has treatment(pazopanib) within 3 years before next treatment(pazopanib)", "unknown: not recorded"),
    ("has treatment(pazopanib) within 3 years before next treatment(radiotherapy, status: planned)", "met"),
    ("has treatment(pazopanib) within 3 years before next disease_status(progression)", "unknown: not recorded"),
    ("time from today to next treatment(radiotherapy) >= 14 days", "met"),
    ("time from today to next treatment(radiotherapy) > 17 days", "not_met"),
    # What never happened has no before; what is asked for never happened either: that is decided.
    ("has treatment(pazopanib) before first treatment(trabectedin)", "unknown: needs judgement"),
    ("has treatment(trabectedin) before first treatment(eribulin)", "not_met"),
    ("no treatment(trabectedin) before first treatment(eribulin)", "met"),
    ("count treatment(pazopanib) >= 1 before first treatment(trabectedin)", "unknown: needs judgement"),
    ("has disease_status(progression) during first treatment(trabectedin)", "unknown: needs judgement"),
    ("anc >= 1 10*9/L before first treatment(trabectedin)", "unknown: needs judgement"),
    ("cumulative_dose(doxorubicin) >= 1 mg/m2 before first treatment(trabectedin)", "unknown: needs judgement"),
    # `this treatment` has a meaning inside a definition only.
    ("has disease_status(progression) after this treatment", "unknown: imprecise"),
]


@pytest.mark.parametrize(("rule", "expected"), ANCHORS)
def test_anchors(rule, expected):
    assert says(rule, treatments=[*TWO, PLANNED], disease_status=EVENTS) == expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("has disease_status(progression) within 6 months after last treatment(pazopanib)", "unknown: not recorded"),
        ("time since end of last treatment(pazopanib) >= 28 days", "unknown: not recorded"),
        ("time since first treatment(pazopanib) >= 28 days", "met"),
    ],
)
def test_one_more_may_exist_that_nobody_recorded(rule, expected):
    complete = [{"domain": "disease_status", "complete_through": "2026-01-15"}]
    assert says(rule, coverage=complete, treatments=TWO, disease_status=EVENTS) == expected


def test_a_definition_looks_before_and_after_the_treatment_at_hand():
    who = lms(treatments=TWO, disease_status=EVENTS, coverage=ALL)
    how = {"cancer": "leiomyosarcoma"}
    for when, expected in (
        ("after this treatment", "met"),
        ("before this treatment", "met"),
        ("during this treatment", "not_met"),
        ("within 10 days after this treatment", "met"),
        ("within 9 days after this treatment", "not_met"),
        ("within 31 days before this treatment", "met"),
        ("before start of this treatment", "met"),
        ("after end of this treatment", "met"),
    ):
        definition = f"define failure of pazopanib as has disease_status(progression) {when}"
        assert truth("has treatment(pazopanib, outcome: failure)", who, definitions=(definition,), **how) == expected, (
            when
        )


ELAPSED = [
    # The last dose on 18 December: day 28 is today.
    ("time since end of last treatment(pazopanib) >= 28 days", "2025-12-18", "met"),
    ("time since end of last treatment(pazopanib) >= 28 days", "2025-12-19", "not_met"),
    ("time since end of last treatment(pazopanib) > 28 days", "2025-12-18", "not_met"),
    ("time since end of last treatment(pazopanib) <= 28 days", "2025-12-18", "met"),
    ("time since end of last treatment(pazopanib) < 28 days", "2025-12-18", "not_met"),
    ("time since end of last treatment(pazopanib) = 28 days", "2025-12-18", "met"),
    ("time since end of last treatment(pazopanib) != 28 days", "2025-12-18", "not_met"),
    ("at least 28 days since last treatment(pazopanib)", "2025-12-18", "met"),
    ("time since end of last treatment(pazopanib) >= 28 days", "2025-12", "unknown: imprecise"),
    ("time since end of last treatment(pazopanib) >= 28 days", "2025-11", "met"),
    ("time since end of last treatment(pazopanib) between 2 weeks and 5 weeks", "2025-12-18", "met"),
    ("time from last disease_status(progression) to end of last treatment(pazopanib) >= 1 days", "2025-12-18", "met"),
    ("time since end of last treatment(trabectedin) >= 28 days", "2025-12-18", "unknown: needs judgement"),
    ("time from last treatment(trabectedin) to today >= 28 days", "2025-12-18", "unknown: needs judgement"),
]


@pytest.mark.parametrize(("rule", "end", "expected"), ELAPSED)
def test_time_between(rule, end, expected):
    rows = {"treatments": [drug("pazopanib", "2025-06-01", end)], "disease_status": EVENTS}
    assert says(rule, **rows) == expected


def test_what_leaves_a_time_open_is_named():
    who = lms(treatments=[drug("pazopanib", "2025-06-01", "2025-12")], coverage=ALL)
    found = asked("time since end of last treatment(pazopanib) >= 28 days", who)
    assert [fact.text for fact in found.missing] == ["end of pazopanib (2025-06-01 to 2025-12)"]
    never = asked("time since end of last treatment(trabectedin) >= 28 days", who)
    assert "never happened" in never.note


@pytest.mark.parametrize(
    ("rule", "start", "end", "expected"),
    [
        ("duration of treatment(pazopanib) >= 12 months", "2024-01-10", "2025-01-10", "met"),
        ("duration of treatment(pazopanib) >= 12 months", "2024-01-10", "2025-01-09", "not_met"),
        ("duration of treatment(pazopanib) <= 12 months", "2024-01-10", "2025-01-10", "met"),
        ("duration of treatment(pazopanib) < 12 months", "2024-01-10", "2025-01-10", "not_met"),
        ("duration of treatment(pazopanib) >= 12 months", "2024-01-10", None, "unknown: imprecise"),
        ("duration of treatment(pazopanib) >= 12 months", None, "2025-01-10", "unknown: imprecise"),
        ("duration of treatment(pazopanib) >= 12 months", "2024", "2025-12-31", "met"),
        ("duration of treatment(trabectedin) >= 12 months", "2024-01-10", "2025-01-10", "unknown: needs judgement"),
    ],
)
def test_duration_of_the_longest(rule, start, end, expected):
    assert says(rule, treatments=[drug("pazopanib", start, end)]) == expected


def test_duration_where_one_more_may_exist():
    rows = {"treatments": [drug("pazopanib", "2024-01-10", "2025-01-10")]}
    assert says("duration of treatment(pazopanib) >= 12 months", coverage=(), **rows) == "met"
    assert says("duration of treatment(pazopanib) <= 12 months", coverage=(), **rows) == "unknown: not recorded"
    assert says("duration of treatment(trabectedin) >= 12 months", coverage=(), **rows) == "unknown: not recorded"


# --- treatments ----------------------------------------------------------------------------------------------------

GIVEN = [
    ({"status": "given"}, "met"),
    ({"status": "planned"}, "not_met"),
    ({"status": "declined"}, "not_met"),
    ({"status": "not suitable"}, "not_met"),
    ({"status": None}, "met"),
    ({"status": None, "start_date": None}, "met"),  # it ended, so it was given
    ({"status": None, "start_date": None, "end_date": None, "ongoing": "yes"}, "met"),
    ({"status": None, "start_date": None, "end_date": None}, "unknown: imprecise"),
    ({"status": None, "start_date": "2026-01", "end_date": None}, "unknown: imprecise"),
    ({"status": "given", "start_date": None, "end_date": None}, "met"),
]


@pytest.mark.parametrize(("cells", "expected"), GIVEN)
def test_what_counts_as_given(cells, expected):
    row = {**drug("pazopanib", "2025-06-01", "2025-12-01"), **cells}
    assert says("has treatment(pazopanib)", treatments=[row]) == expected
    asked_for = says("has treatment(pazopanib, status: given)", treatments=[row])
    assert asked_for == expected


def test_planned_and_declined_can_be_asked_for():
    planned = {**drug("pazopanib", "2026-06-01"), "status": "planned"}
    assert says("has treatment(pazopanib, status: planned)", treatments=[planned]) == "met"
    assert says("has treatment(pazopanib, status: planned)", treatments=TWO) == "not_met"
    declined = {**drug("pazopanib"), "status": "declined"}
    assert says('has treatment(pazopanib, status: declined or "not suitable")', treatments=[declined]) == "met"
    assert says("has treatment(pazopanib, status: declined)", treatments=[drug("pazopanib")]) == "unknown: imprecise"


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"ongoing": "yes"}, "met"),
        ({"ongoing": "no"}, "not_met"),
        ({}, "unknown: not recorded"),
        ({"end_date": "2026-01-14"}, "not_met"),
        ({"end_date": "2026-01-15"}, "met"),
        ({"end_date": "2026-01"}, "unknown: imprecise"),
        ({"ongoing": "yes", "end_date": "2026-02-01"}, "met"),
    ],
)
def test_ongoing(cells, expected):
    row = {**drug("pazopanib", "2025-06-01"), **cells}
    assert says("has treatment(pazopanib, ongoing: yes)", treatments=[row]) == expected


def test_a_statement_of_being_ongoing_is_believed_for_ninety_days():
    row = {**drug("pazopanib", "2025-06-01"), "ongoing": "yes"}
    for reaches, expected in (("2025-10-17", "met"), ("2025-10-16", "unknown: stale")):
        assert says("has treatment(pazopanib, ongoing: yes)", treatments=[row], data_through=reaches) == expected
    stale = {"treatments": [row], "data_through": "2025-10-16"}
    assert says("has treatment(pazopanib) within 28 days", **stale) == "unknown: imprecise"
    assert says("has treatment(pazopanib) within 4 months", **stale) == "met"
    # Without a day the data reach: the day the row was recorded, or else that of its start.
    assert says("has treatment(pazopanib, ongoing: yes)", treatments=[row], data_through=None) == "met"
    who = lms(treatments=[row], data_through=None)
    nobody_knows = replace(who, treatments=tuple(replace(each, recorded=None) for each in who.treatments))
    assert truth("has treatment(pazopanib, ongoing: yes)", nobody_knows) == "unknown: stale"
