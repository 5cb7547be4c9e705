"""Cumulative, daily and single doses: sums, equivalents, units, windows, and bounds that a missing dose leaves open."""

import pytest

from matcher.engine.truth import Change
from tests.synthetic import asked, drug, lms, truth

COMPLETE = [
    {"domain": "treatments", "complete_through": "2026-01-15"},
    {"domain": "medications", "complete_through": "2026-01-15"},
]
YEAR = ("2024-01-10", "2024-05-20")


def course(name, total=None, start=YEAR[0], end=YEAR[1], unit="mg/m2", **cells):
    amount = {} if total is None else {"cumulative_dose": total, "cumulative_dose_unit": unit}
    return drug(name, start, end, **amount, **cells)


def taken(name, dose=None, frequency="daily", unit="mg", start="2026-01-01", end=None, **cells):
    amount = {} if dose is None else {"dose": dose, "dose_unit": unit}
    going = {"ongoing": "yes"} if end is None else {"end_date": end}
    return {"medication": name, "start_date": start, "frequency": frequency, **amount, **going, **cells}


def total(rule, rows, **more):
    return truth(rule, lms(treatments=rows, coverage=more.pop("coverage", COMPLETE), **more))


LIFE = "cumulative_dose(anthracycline as doxorubicin) {}"
PLAIN = "cumulative_dose(doxorubicin) {}"
CUMULATIVE = {
    "on the limit": (LIFE.format("<= 450 mg/m2"), [course("doxorubicin", 450)], "met"),
    "beyond it": (LIFE.format("<= 450 mg/m2"), [course("doxorubicin", 450.1)], "not_met"),
    "two courses add up": (
        LIFE.format("> 450 mg/m2"),
        [course("doxorubicin", 300), course("doxorubicin", 151, "2020-01-01", "2020-05-01")],
        "met",
    ),
    "dose of a cycle times cycles": (
        PLAIN.format(">= 450 mg/m2"),
        [course("doxorubicin", dose=75, dose_unit="mg/m2", cycles=6)],
        "met",
    ),
    "five of them are less": (
        PLAIN.format(">= 450 mg/m2"),
        [course("doxorubicin", dose=75, dose_unit="mg/m2", cycles=5)],
        "not_met",
    ),
    "dose of a cycle in no unit": (
        PLAIN.format(">= 450 mg/m2"),
        [course("doxorubicin", dose=75, cycles=6)],
        "unknown: not recorded",
    ),
    "cycles without a dose": (PLAIN.format(">= 450 mg/m2"), [course("doxorubicin", cycles=6)], "unknown: not recorded"),
    "in grams": (PLAIN.format("<= 450 mg/m2"), [course("doxorubicin", 0.45, unit="g/m2")], "met"),
    "milligrams are not milligrams per square metre": (
        PLAIN.format("<= 450 mg/m2"),
        [course("doxorubicin", 100, unit="mg")],
        "unknown: not recorded",
    ),
    "a drug without an equivalence leaves the sum open": (
        "cumulative_dose(chemotherapy as doxorubicin) <= 450 mg/m2",
        [course("gemcitabine", 1000)],
        "unknown: not recorded",
    ),
    "but what is beyond the limit already, is": (
        "cumulative_dose(chemotherapy as doxorubicin) <= 450 mg/m2",
        [course("gemcitabine", 1000), course("doxorubicin", 500)],
        "not_met",
    ),
    "and with one that is too much it does not matter": (
        PLAIN.format("<= 450 mg/m2"),
        [course("xyzzy", 500), course("doxorubicin", 500)],
        "not_met",
    ),
    "other drugs do not count": (PLAIN.format("<= 450 mg/m2"), [course("pazopanib", 500)], "met"),
    "none at all is nothing": (PLAIN.format("<= 450 mg/m2"), [], "met"),
    "a course within the window": (
        PLAIN.format("<= 100 mg/m2 within 3 years"),
        [course("doxorubicin", 300)],
        "not_met",
    ),
    "a course before the window": (PLAIN.format("<= 100 mg/m2 within 1 year"), [course("doxorubicin", 300)], "met"),
    "a course that reaches into the window was given in part before it": (
        PLAIN.format("<= 100 mg/m2 within 21 months"),
        [course("doxorubicin", 300)],
        "unknown: imprecise",
    ),
    "of little in all the part is little": (
        PLAIN.format("<= 300 mg/m2 within 21 months"),
        [course("doxorubicin", 300)],
        "met",
    ),
    "a window that nobody can place": (
        PLAIN.format("<= 100 mg/m2 within 6 months before first treatment(surgery)"),
        [course("doxorubicin", 300)],
        "unknown: needs judgement",
    ),
    "without a unit a dose stands as it was written": (PLAIN.format("<= 450"), [course("doxorubicin", 450)], "met"),
    "without a unit, by the dose of a cycle": (
        PLAIN.format("<= 450"),
        [course("doxorubicin", dose=75, dose_unit="mg/m2", cycles=6)],
        "met",
    ),
}


@pytest.mark.parametrize("case", CUMULATIVE)
def test_cumulative(case):
    rule, rows, expected = CUMULATIVE[case]
    assert total(rule, rows) == expected


def test_a_name_nobody_knows_may_be_the_drug():
    who = lms(treatments=[course("xyzzy", 500)], coverage=COMPLETE)
    assert asked(PLAIN.format("<= 450 mg/m2"), who).truth.word == "unknown"
    assert asked(PLAIN.format("<= 500 mg/m2"), who).truth.word == "met"


def test_what_nobody_recorded_leaves_the_sum_open_above():
    little, much = [course("doxorubicin", 300)], [course("doxorubicin", 500)]
    assert total(LIFE.format("<= 450 mg/m2"), little, coverage=[]) == "unknown: not recorded"
    assert total(LIFE.format("<= 450 mg/m2"), much, coverage=[]) == "not_met"
    assert total(LIFE.format("> 450 mg/m2"), much, coverage=[]) == "met"
    assert total(LIFE.format("<= 450 mg/m2"), [], coverage=[]) == "unknown: not recorded"


STEROID = "daily_dose(systemic corticosteroid as prednisone) {}"
DAILY = {
    "once a day": ([taken("prednisone", 10)], "<= 10 mg/day", "met"),
    "twice a day": ([taken("prednisone", 5, "BID")], "= 10 mg/day", "met"),
    "three times a day": ([taken("prednisone", 5, "tid")], "= 15 mg/day", "met"),
    "four times a day": ([taken("prednisone", 5, "q6h")], "= 20 mg/day", "met"),
    "every other day": ([taken("prednisone", 20, "every other day")], "= 10 mg/day", "met"),
    "once a week": ([taken("prednisone", 70, "weekly")], "between 9.9 mg/day and 10.1 mg/day", "met"),
    "a unit of a day says it": ([taken("prednisone", 10, "", "mg/day")], "= 10 mg/day", "met"),
    "a unit of a day outranks the frequency": ([taken("prednisone", 10, "bid", "mg/d")], "= 10 mg/day", "met"),
    "a frequency nobody can read": ([taken("prednisone", 5, "as needed")], "<= 10 mg/day", "unknown: not recorded"),
    "no frequency": ([taken("prednisone", 5, "")], "<= 10 mg/day", "unknown: not recorded"),
    "no dose": ([taken("prednisone")], "<= 10 mg/day", "unknown: not recorded"),
    "grams": ([taken("prednisone", 0.01, unit="g")], "= 10 mg/day", "met"),
    "a dose of another kind of unit": ([taken("prednisone", 10, unit="mL")], "<= 10 mg/day", "unknown: not recorded"),
    "dexamethasone as prednisone": ([taken("dexamethasone", 3)], "between 19 mg/day and 21 mg/day", "met"),
    "two at once may be of one day or of two": (
        [taken("prednisone", 8), taken("methylprednisolone", 8)],
        "<= 10 mg/day within 7 days",
        "unknown: imprecise",
    ),
    "two at once are at least the larger": (
        [taken("prednisone", 8), taken("prednisone", 12, end="2026-01-15")],
        "<= 10 mg/day",
        "not_met",
    ),
    "what ended yesterday is not taken today": ([taken("prednisone", 20, end="2026-01-14")], "<= 10 mg/day", "met"),
    "it was within the window": ([taken("prednisone", 20, end="2026-01-14")], "<= 10 mg/day within 14 days", "not_met"),
    "the last day of the window": (
        [taken("prednisone", 20, start="2025-12-01", end="2026-01-01")],
        "<= 10 mg/day within 14 days",
        "not_met",
    ),
    "the day before it": (
        [taken("prednisone", 20, start="2025-12-01", end="2025-12-31")],
        "<= 10 mg/day within 14 days",
        "met",
    ),
    "none": ([], "<= 10 mg/day", "met"),
}


@pytest.mark.parametrize("case", DAILY)
def test_daily(case):
    rows, limit, expected = DAILY[case]
    assert truth(STEROID.format(limit), lms(medications=rows, coverage=COMPLETE, data_through="2026-01-15")) == expected


HIGH_DOSE = "dose(ifosfamide) >= 12 g/m2"
SINGLE = {
    "of one cycle": ([course("ifosfamide", dose=12, dose_unit="g/m2")], "met"),
    "a little less": ([course("ifosfamide", dose=11.9, dose_unit="g/m2")], "not_met"),
    "per cycle": ([course("ifosfamide", dose=12000, dose_unit="mg/m2/cycle")], "met"),
    "the largest of two": (
        [
            course("ifosfamide", dose=9, dose_unit="g/m2"),
            course("ifosfamide", None, "2025-01-10", "2025-05-20", dose=12, dose_unit="g/m2"),
        ],
        "met",
    ),
    "they are not added up": (
        [
            course("ifosfamide", dose=9, dose_unit="g/m2"),
            course("ifosfamide", None, "2025-01-10", "2025-05-20", dose=9, dose_unit="g/m2"),
        ],
        "not_met",
    ),
    "not recorded": ([course("ifosfamide")], "unknown: not recorded"),
    "not recorded of one, enough of the other": (
        [course("ifosfamide"), course("ifosfamide", None, "2025-01-10", "2025-05-20", dose=12, dose_unit="g/m2")],
        "met",
    ),
    "no unit": ([course("ifosfamide", dose=12)], "unknown: not recorded"),
    "never": ([], "not_met"),
}


@pytest.mark.parametrize("case", SINGLE)
def test_single(case):
    rows, expected = SINGLE[case]
    assert truth(HIGH_DOSE, lms(treatments=rows, coverage=COMPLETE)) == expected


def test_a_medication_has_no_cumulative_dose_but_a_single_one():
    who = lms(medications=[taken("prednisone", 10)], coverage=COMPLETE)
    assert truth("dose(prednisone) = 10 mg", who) == "met"
    assert truth("dose(prednisone) = 10", who) == "met"
    assert truth("dose(prednisone) = 0.01 g", who) == "met"


def test_a_missing_dose_is_asked_for_by_name():
    found = asked(LIFE.format("<= 450 mg/m2"), lms(treatments=[course("doxorubicin")], coverage=COMPLETE))
    assert [item.text for item in found.missing] == ["cumulative dose of doxorubicin"]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (LIFE.format("<= 450 mg/m2"), Change.COURSE),  # more may be given
        (LIFE.format("<= 100 mg/m2"), Change.NEVER),  # and none of it is taken back
        (LIFE.format(">= 450 mg/m2"), Change.COURSE),
        (LIFE.format(">= 100 mg/m2"), Change.NEVER),
    ],
)
def test_a_lifetime_dose_only_grows(rule, expected):
    assert asked(rule, lms(treatments=[course("doxorubicin", 300)], coverage=COMPLETE)).change is expected


def test_a_daily_dose_is_changed_by_prescription():
    found = asked(STEROID.format("<= 10 mg/day"), lms(medications=[taken("prednisone", 20)], coverage=COMPLETE))
    assert (found.truth.word, found.change) == ("not_met", Change.ACTION)


def test_a_dose_against_another():
    rows = [course("doxorubicin", 300), course("epirubicin", 600, "2025-01-10", "2025-05-20")]
    who = lms(treatments=rows, coverage=COMPLETE)
    assert truth("cumulative_dose(doxorubicin) <= 50 % of cumulative_dose(epirubicin)", who) == "met"
    assert truth("cumulative_dose(doxorubicin) < 50 % of cumulative_dose(epirubicin)", who) == "not_met"
