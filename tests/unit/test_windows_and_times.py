"""Windows, spans between events, durations and ages: inclusive days, month ends, leap days, unknown edges (§2.4)."""

from dataclasses import replace
from datetime import date

import pytest

from matcher.engine.reference.context import UnknownWord
from matcher.engine.truth import Change
from patients.facts import PartialDate
from tests.synthetic import asked, drug, lms, truth

TREATMENTS = {"domain": "treatments", "complete_through": "2026-01-15"}
EVENTS = {"domain": "disease_status", "complete_through": "2026-01-15"}
TOLD = [TREATMENTS, EVENTS]


def doxorubicin(end, start="2023-06-01"):
    return {"treatments": [drug("doxorubicin", start, end)], "coverage": TOLD}


def surgery(day, **cells):
    return {"treatment": "surgery", "kind": "surgery", "start_date": day, **cells}


def planned(day, *others, name="surgery", **cells):
    return {"treatments": [surgery(day, status="planned", **cells) | {"treatment": name}, *others], "coverage": TOLD}


# --- the last day of a window counts --------------------------------------------------------------------------------

#: Window, the day asked, the first day that lies in it.
OPENS = [
    ("within 28 days", "2026-01-15", "2025-12-18"),
    ("within 2 weeks", "2026-01-15", "2026-01-01"),
    ("within 24 hours", "2026-01-15", "2026-01-14"),
    ("within 36 hours", "2026-01-15", "2026-01-13"),  # a day begun counts whole
    ("within 1 month", "2024-03-31", "2024-02-29"),
    ("within 1 month", "2025-03-31", "2025-02-28"),
    ("within 1 year", "2024-02-29", "2023-02-28"),
    ("within 2 years", "2026-01-15", "2024-01-15"),
    ("within lesser of (1 month, 28 days)", "2026-01-15", "2025-12-18"),
    ("within greater of (1 month, 28 days)", "2026-01-15", "2025-12-15"),
    ("within 28 days before today", "2026-01-15", "2025-12-18"),
    ("within 28 days before planned start", "2026-01-15", "2025-12-18"),
]


@pytest.mark.parametrize(("window", "day", "first"), OPENS)
def test_a_window_holds_its_first_day_and_not_the_one_before(window, day, first):
    day, first = date.fromisoformat(day), date.fromisoformat(first)
    rule = f"has treatment(doxorubicin) {window}"
    complete = [{"domain": "treatments", "complete_through": day.isoformat()}]
    for end, expected in ((first, "met"), (date.fromordinal(first.toordinal() - 1), "not_met")):
        who = lms(treatments=[drug("doxorubicin", "2022-01-01", end.isoformat())], coverage=complete)
        assert truth(rule, who, as_of=day) == expected


#: Span, the event, the first day on which `at least` it has passed.
DUE = [
    ("28 days", "2025-12-18", "2026-01-15"),
    ("4 weeks", "2025-12-18", "2026-01-15"),
    ("1 month", "2025-01-31", "2025-02-28"),
    ("1 month", "2024-01-31", "2024-02-29"),
    ("1 year", "2024-02-29", "2025-02-28"),
    ("6 months", "2024-08-31", "2025-02-28"),
]


@pytest.mark.parametrize(("span", "end", "due"), DUE)
def test_at_least_n_since_is_met_on_day_n(span, end, due):
    due = date.fromisoformat(due)
    before = date.fromordinal(due.toordinal() - 1)
    rules = [
        f"at least {span} since last treatment(doxorubicin)",
        f"time since last treatment(doxorubicin) >= {span}",
        f"time from last treatment(doxorubicin) to today >= {span}",
        f"not time since last treatment(doxorubicin) < {span}",
    ]
    who = lms(
        treatments=[drug("doxorubicin", "2022-01-01", end)],
        coverage=[{"domain": "treatments", "complete_through": due.isoformat()}],
    )
    for rule in rules:
        assert truth(rule, who, as_of=due) == "met", rule
        assert truth(rule, who, as_of=before) == "not_met", rule


OPERATORS = [("=", "met", "not_met"), ("!=", "not_met", "met"), (">", "not_met", "met"), ("<=", "met", "not_met")]


@pytest.mark.parametrize(("operator", "on", "after"), OPERATORS)
def test_exactly_and_more_than(operator, on, after):
    rule = f"time since last treatment(doxorubicin) {operator} 28 days"
    assert truth(rule, lms(**doxorubicin("2025-12-18"))) == on
    assert truth(rule, lms(**doxorubicin("2025-12-17"))) == after


def test_a_washout_is_over_by_time_alone():
    found = asked("time since last treatment(doxorubicin) >= 28 days", lms(**doxorubicin("2025-12-19")))
    assert (found.truth.word, found.change) == ("not_met", Change.TIME)
    assert date(2026, 1, 16).toordinal() in found.flips
    over = asked("time since last treatment(doxorubicin) >= 28 days", lms(**doxorubicin("2025-06-19")))
    assert (over.truth.word, over.change) == ("met", Change.COURSE)  # another course may come


def test_between_two_events_of_the_past_time_changes_nothing():
    rule = "time from first treatment(doxorubicin) to first disease_status(progression) >= 6 months"
    row = doxorubicin("2023-10-01") | {"disease_status": [{"status": "progression", "date": "2023-12-01"}]}
    found = asked(rule, lms(**row))
    assert (found.truth.word, found.change) == ("met", Change.NEVER)
    row["disease_status"] = [{"status": "progression", "date": "2023-11-30"}]
    assert truth(rule, lms(**row)) == "not_met"
    row["disease_status"] = [{"status": "progression", "date": "2023"}]
    assert truth(rule, lms(**row)) == "unknown: imprecise"


def test_of_a_month_of_the_last_dose_the_whole_month_must_agree():
    rule = "at least 28 days since last treatment(doxorubicin)"
    assert truth(rule, lms(**doxorubicin("2025-12"))) == "unknown: imprecise"
    assert truth(rule, lms(**doxorubicin("2025-11"))) == "met"
    assert truth(rule, lms(**doxorubicin("2026-01"))) == "not_met"


# --- anchors --------------------------------------------------------------------------------------------------------

FREE = "no treatment(chemotherapy) within 28 days before next treatment(surgery)"
WAIT = "time from today to next treatment(surgery) <= 28 days"
ANCHORS = {
    "28 days before the planned operation is inside": (
        FREE,
        planned("2026-02-01", drug("doxorubicin", "2025-06-01", "2026-01-04")),
        "not_met",
    ),
    "29 days before it is outside": (
        FREE,
        planned("2026-02-01", drug("doxorubicin", "2025-06-01", "2026-01-03")),
        "met",
    ),
    "an operation planned for some day of the month": (
        FREE,
        planned("2026-02", drug("doxorubicin", "2025-06-01", "2026-01-10")),
        "unknown: imprecise",
    ),
    "the month decides where every day of it agrees": (
        FREE,
        planned("2026-02", drug("doxorubicin", "2025-06-01", "2026-01-02")),
        "met",
    ),
    "nothing is planned, though something was done": (
        FREE,
        {"treatments": [surgery("2025-03-01"), drug("doxorubicin", "2025-06-01", "2026-01-04")], "coverage": TOLD},
        "unknown: not recorded",
    ),
    "what is planned may not be an operation": (
        FREE,
        planned("2026-02-01", drug("doxorubicin", "2025-06-01", "2026-01-04"), name="xyzzy", kind=""),
        "unknown: not recorded",
    ),
    "the rule may itself say planned": (
        "time from today to next treatment(surgery, status: planned) <= 28 days",
        planned("2026-02-12"),
        "met",
    ),
    "the operation is 28 days ahead": (WAIT, planned("2026-02-12"), "met"),
    "the operation is 29 days ahead": (WAIT, planned("2026-02-13"), "not_met"),
    "the end of what is next": (
        "time from today to end of next treatment(surgery) <= 28 days",
        planned("2026-02-10", end_date="2026-02-13"),
        "not_met",
    ),
    "the nearer of two that are planned": (WAIT, planned("2026-03-01", surgery("2026-02-01", status="planned")), "met"),
    "during what never happened": (
        "has disease_status(progression) during last treatment(pazopanib)",
        {"disease_status": [{"status": "progression", "date": "2025-07-15"}], "coverage": TOLD},
        "unknown: needs judgement",
    ),
    "during what nobody told of": (
        "has disease_status(progression) during last treatment(pazopanib)",
        {"disease_status": [{"status": "progression", "date": "2025-07-15"}]},
        "unknown: not recorded",
    ),
    "on the first day of a course": (
        "has disease_status(progression) during first treatment(doxorubicin)",
        doxorubicin("2023-08-01") | {"disease_status": [{"status": "progression", "date": "2023-06-01"}]},
        "met",
    ),
    "on the last day of a course": (
        "has disease_status(progression) during first treatment(doxorubicin)",
        doxorubicin("2023-08-01") | {"disease_status": [{"status": "progression", "date": "2023-08-01"}]},
        "met",
    ),
    "the day after a course": (
        "has disease_status(progression) during first treatment(doxorubicin)",
        doxorubicin("2023-08-01") | {"disease_status": [{"status": "progression", "date": "2023-08-02"}]},
        "not_met",
    ),
    "before is not on the day itself": (
        "has disease_status(progression) before first treatment(doxorubicin)",
        doxorubicin("2023-08-01") | {"disease_status": [{"status": "progression", "date": "2023-06-01"}]},
        "not_met",
    ),
    "before is the day before": (
        "has disease_status(progression) before first treatment(doxorubicin)",
        doxorubicin("2023-08-01") | {"disease_status": [{"status": "progression", "date": "2023-05-31"}]},
        "met",
    ),
    "after is not on the day itself": (
        "has disease_status(progression) after last treatment(doxorubicin)",
        doxorubicin("2023-08-01") | {"disease_status": [{"status": "progression", "date": "2023-08-01"}]},
        "not_met",
    ),
    "after is the day after": (
        "has disease_status(progression) after last treatment(doxorubicin)",
        doxorubicin("2023-08-01") | {"disease_status": [{"status": "progression", "date": "2023-08-02"}]},
        "met",
    ),
    "a first that may not be the first": (
        "has disease_status(progression) before first treatment(doxorubicin)",
        {
            "treatments": [drug("doxorubicin", "2023-06-01", "2023-08-01")],
            "coverage": [EVENTS],
            "disease_status": [{"status": "progression", "date": "2023-05-31"}],
        },
        "unknown: not recorded",
    ),
    "time since what never happened": (
        "at least 28 days since last treatment(surgery)",
        {"coverage": TOLD},
        "unknown: needs judgement",
    ),
    "time since what nobody told of": ("at least 28 days since last treatment(surgery)", {}, "unknown: not recorded"),
    "outside a definition there is no treatment at hand": (
        "has disease_status(progression) after this treatment",
        doxorubicin("2023-08-01") | {"disease_status": [{"status": "progression", "date": "2023-09-01"}]},
        "unknown: imprecise",
    ),
}


@pytest.mark.parametrize("case", ANCHORS)
def test_what_time_is_counted_from(case):
    rule, rows, expected = ANCHORS[case]
    assert truth(rule, lms(**rows)) == expected


def test_what_may_still_be_planned_names_the_date_that_is_missing():
    found = asked(FREE, lms(**ANCHORS["nothing is planned, though something was done"][1]))
    assert [item.text for item in found.missing] == ["date of the next surgery"]


THIS = "define failure of doxorubicin as {}"
AT_HAND = {
    "before it is before its first dose": (
        "has disease_status(progression) before this treatment",
        "2023-05-31",
        "met",
    ),
    "the day of its first dose is not before it": (
        "has disease_status(progression) before this treatment",
        "2023-06-01",
        "not_met",
    ),
    "after it is after its last dose": ("has disease_status(progression) after this treatment", "2023-08-02", "met"),
    "the day of its last dose is not after it": (
        "has disease_status(progression) after this treatment",
        "2023-08-01",
        "not_met",
    ),
    "within so long before its first dose": (
        "has disease_status(progression) within 1 month before this treatment",
        "2023-05-01",
        "met",
    ),
    "not a day longer": (
        "has disease_status(progression) within 1 month before this treatment",
        "2023-04-30",
        "not_met",
    ),
    "within so long after its last dose": (
        "has disease_status(progression) within 1 month after this treatment",
        "2023-09-01",
        "met",
    ),
    "not a day later": ("has disease_status(progression) within 1 month after this treatment", "2023-09-02", "not_met"),
    "during it": ("has disease_status(progression) during this treatment", "2023-06-30", "met"),
    "not during it": ("has disease_status(progression) during this treatment", "2023-08-30", "not_met"),
    "the time since it runs from its last dose": ("time since this treatment >= 29 months", "2023-06-30", "met"),
    "not from its first": ("time since this treatment >= 30 months", "2023-06-30", "not_met"),
}


@pytest.mark.parametrize("case", AT_HAND)
def test_the_treatment_at_hand(case):
    rule, day, expected = AT_HAND[case]
    who = lms(**doxorubicin("2023-08-01"), disease_status=[{"status": "progression", "date": day}])
    asks = "has treatment(doxorubicin, outcome: failure)"
    assert truth(asks, who, cancer="leiomyosarcoma", definitions=(THIS.format(rule),)) == expected


# --- how long -------------------------------------------------------------------------------------------------------

DURATIONS = {
    "six months to the day": (">= 6 months", [drug("doxorubicin", "2024-01-10", "2024-07-10")], "met"),
    "a day short of it": (">= 6 months", [drug("doxorubicin", "2024-01-10", "2024-07-09")], "not_met"),
    "at most is the other way round": ("<= 6 months", [drug("doxorubicin", "2024-01-10", "2024-07-10")], "met"),
    "a day longer": ("<= 6 months", [drug("doxorubicin", "2024-01-10", "2024-07-11")], "not_met"),
    "less than is not on the day": ("< 6 months", [drug("doxorubicin", "2024-01-10", "2024-07-10")], "not_met"),
    "the longest of two": (
        ">= 6 months",
        [drug("doxorubicin", "2024-01-10", "2024-02-10"), drug("doxorubicin", "2025-01-10", "2025-09-10")],
        "met",
    ),
    "not recorded when it ended": (">= 6 months", [drug("doxorubicin", "2024-01-10", None)], "unknown: imprecise"),
    "not recorded when it began": (">= 6 months", [drug("doxorubicin", None, "2024-01-10")], "unknown: imprecise"),
    "never given": (">= 6 months", [], "unknown: needs judgement"),
}


@pytest.mark.parametrize("case", DURATIONS)
def test_duration(case):
    test, rows, expected = DURATIONS[case]
    assert truth(f"duration of treatment(doxorubicin) {test}", lms(treatments=rows, coverage=TOLD)) == expected


def test_a_longer_course_may_be_unrecorded():
    short = [drug("doxorubicin", "2024-01-10", "2024-02-10")]
    long = [drug("doxorubicin", "2024-01-10", "2024-09-10")]
    assert truth("duration of treatment(doxorubicin) >= 6 months", lms(treatments=short)) == "unknown: not recorded"
    assert truth("duration of treatment(doxorubicin) >= 6 months", lms(treatments=long)) == "met"
    assert truth("duration of treatment(doxorubicin) <= 6 months", lms(treatments=long)) == "not_met"
    assert truth("duration of treatment(doxorubicin) >= 6 months", lms()) == "unknown: not recorded"


# --- courses under way ----------------------------------------------------------------------------------------------

UNDER_WAY = {
    "it ended yesterday": ({"end": "2026-01-14"}, "not_met"),
    "it ends today": ({"end": "2026-01-15"}, "met"),
    "it ends some day of this month": ({"end": "2026-01"}, "unknown: imprecise"),
    "said to have stopped": ({"ongoing": "no"}, "not_met"),
    "said to go on": ({"ongoing": "yes"}, "met"),
    "nothing is said": ({}, "unknown: not recorded"),
}


@pytest.mark.parametrize("case", UNDER_WAY)
def test_a_medication_under_way(case):
    cells, expected = UNDER_WAY[case]
    row = {
        "medication": "prednisone",
        "start_date": "2025-12-01",
        "ongoing": cells.get("ongoing"),
        "end_date": cells.get("end"),
    }
    whole = [{"domain": "medications", "complete_through": "2026-01-15"}]
    who = lms(medications=[row], coverage=whole, data_through="2026-01-15")
    assert truth("has medication(prednisone, ongoing: yes)", who) == expected
    contrary = {"met": "not_met", "not_met": "met"}.get(expected, expected)
    assert truth("no medication(prednisone, ongoing: yes)", who) == contrary


@pytest.mark.parametrize(
    ("day", "expected"),
    [(date(2026, 4, 10), "met"), (date(2026, 4, 11), "unknown: stale"), (date(2026, 4, 12), "unknown: stale")],
)
def test_what_goes_on_is_believed_for_ninety_days(day, expected):
    who = lms(medications=[{"medication": "prednisone", "start_date": "2025-12-01", "ongoing": "yes"}])
    assert truth("has medication(prednisone, ongoing: yes)", who, as_of=day) == expected


ONE_DAY = {
    "a vaccination is of one day": (
        [{"medication": "influenza vaccine", "start_date": "2025-12-01"}],
        "vaccine",
        "not_met",
    ),
    "a vaccination of day 30": ([{"medication": "influenza vaccine", "start_date": "2025-12-16"}], "vaccine", "met"),
    "a drug without an end may still be taken": (
        [{"medication": "prednisone", "start_date": "2025-11-01"}],
        "prednisone",
        "unknown: imprecise",
    ),
    "what stopped, stopped before it was said so": (
        [{"medication": "prednisone", "start_date": "2025-11-01", "ongoing": "no"}],
        "prednisone",
        "unknown: imprecise",
    ),
    "a start that is missing lies before the end": (
        [{"medication": "prednisone", "end_date": "2025-11-01"}],
        "prednisone",
        "not_met",
    ),
}


@pytest.mark.parametrize("case", ONE_DAY)
def test_when_a_medication_was_taken(case):
    rows, name, expected = ONE_DAY[case]
    who = lms(medications=rows, coverage=[{"domain": "medications", "complete_through": "2026-01-15"}])
    assert truth(f"has medication({name}) within 30 days", who) == expected


def test_an_operation_is_of_one_day():
    who = lms(treatments=[surgery("2025-12-01")], coverage=TOLD)
    assert truth("no treatment(surgery) within 28 days", who) == "met"


def test_what_stopped_before_the_data_end_is_out_of_a_later_window():
    rows = {"treatments": [drug("doxorubicin", "2025-01-01", ongoing="no")], "data_through": "2025-06-01"}
    who = lms(**rows, coverage=TOLD)
    assert truth("has treatment(doxorubicin) within 6 months", who) == "not_met"
    assert truth("has treatment(doxorubicin) within 8 months", who) == "unknown: imprecise"
    silent = lms(treatments=[drug("doxorubicin", "2025-01-01")], data_through="2025-06-01", coverage=TOLD)
    assert truth("has treatment(doxorubicin) within 6 months", silent) == "unknown: imprecise"


def test_what_was_said_to_go_on_long_ago_reaches_at_least_to_that_day():
    rows = {"treatments": [drug("doxorubicin", "2025-01-01", ongoing="yes")], "data_through": "2025-06-01"}
    who = lms(**rows, coverage=TOLD)
    assert truth("has treatment(doxorubicin) within 8 months", who) == "met"
    assert truth("has treatment(doxorubicin) within 6 months", who) == "unknown: imprecise"


# --- age ------------------------------------------------------------------------------------------------------------

AGES = [
    ("2008-01-15", "age >= 18", "2026-01-15", "met"),
    ("2008-01-16", "age >= 18", "2026-01-15", "not_met"),
    ("2008-02-29", "age >= 18", "2026-02-28", "not_met"),
    ("2008-02-29", "age >= 18", "2026-03-01", "met"),
    ("2008-02-29", "age >= 16 years", "2024-02-29", "met"),
    ("2008-01", "age >= 18", "2026-01-15", "unknown: imprecise"),
    ("2008-01", "age >= 18", "2026-01-31", "met"),
    ("2008", "age >= 18", "2026-12-30", "unknown: imprecise"),
    ("2008", "age >= 18", "2026-12-31", "met"),
    ("2008-01-15", "age >= 216 months", "2026-01-15", "met"),
    ("2008-01-16", "age >= 216 months", "2026-01-15", "not_met"),
    ("1950-01-16", "age <= 75", "2026-01-15", "met"),
    ("1950-01-15", "age <= 75", "2026-01-15", "not_met"),
    ("1950-01-16", "age = 75", "2026-01-15", "met"),
    ("1950-01-15", "age between 18 and 75", "2026-01-15", "not_met"),
    ("1950-01-16", "age between 18 and 75", "2026-01-15", "met"),
    ("", "age >= 18", "2026-01-15", "unknown: not recorded"),
    ("", "age is recorded", "2026-01-15", "unknown: not recorded"),
    ("1950", "age is recorded", "2026-01-15", "met"),
]


@pytest.mark.parametrize(("birth", "rule", "day", "expected"), AGES)
def test_age(birth, rule, day, expected):
    assert truth(rule, lms(birth_date=birth), as_of=date.fromisoformat(day)) == expected


@pytest.mark.parametrize(
    ("rule", "birth", "change", "turns"),
    [
        ("age >= 18", "2008-02-29", Change.TIME, date(2026, 3, 1)),
        ("age >= 18", "2000-01-01", Change.NEVER, None),
        ("age <= 75", "1950-06-01", Change.TIME, date(2026, 6, 1)),
        ("age <= 75", "1940-06-01", Change.NEVER, None),
        ("age = 18", "2008-06-01", Change.TIME, date(2026, 6, 1)),
    ],
)
def test_an_age_turns_on_a_birthday(rule, birth, change, turns):
    found = asked(rule, lms(birth_date=birth))
    assert found.change is change
    assert turns is None or turns.toordinal() in found.flips


def test_two_birth_dates_conflict_where_they_differ_about_the_limit():
    who = replace(
        lms(), births=(PartialDate(date(2008, 1, 1), date(2008, 1, 1)), PartialDate(date(2008, 6, 1), date(2008, 6, 1)))
    )
    assert truth("age >= 18", who) == "unknown: conflicting"
    assert truth("age >= 17", who) == "met"
    assert "17 to 18" in asked("age >= 18", who).evidence[0].value


def test_an_age_is_compared_with_years_or_months():
    with pytest.raises(UnknownWord, match="years or months"):
        asked("age >= 400 days", lms())


@pytest.mark.parametrize(
    ("born", "rule", "expected"),
    [
        ("2025-05-01", "age >= 6 months", "met"),
        ("2025-05-01", "age >= 9 months", "not_met"),
        ("2007-06-15", "age >= 222 months", "met"),
        ("2007-08-15", "age >= 18.5", "not_met"),
        ("2007-07-15", "age >= 18.5", "met"),
        ("2025", "age >= 6 months", "unknown: imprecise"),
    ],
)
def test_an_age_between_birthdays_is_counted_in_completed_months(born, rule, expected):
    assert truth(rule, lms(birth_date=born)) == expected
