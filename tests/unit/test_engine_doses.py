"""Doses: cumulative, daily and single, as the equivalent of one drug; a missing one leaves the bound open."""

import pytest

from tests.synthetic import asked, drug, lms, truth

TREATMENTS = {"domain": "treatments", "scope": "all", "complete_through": "2026-01-10"}
MEDICATIONS = {"domain": "medications", "scope": "all", "complete_through": "2026-01-10"}
COMPLETE = [TREATMENTS, MEDICATIONS]


def given(name="doxorubicin", start="2024-01-10", end="2024-05-20", **cells):
    return drug(name, start, end, **cells)


def total(value, unit="mg/m2", name="doxorubicin", **cells):
    return given(name, cumulative_dose=value, cumulative_dose_unit=unit, **cells)


LIMIT = "cumulative_dose(anthracycline as doxorubicin) <= 450 mg/m2"

CUMULATIVE = [
    (LIMIT, [], "met"),
    (LIMIT, [total("300")], "met"),
    (LIMIT, [total("300"), total("200", start="2023-01-10", end="2023-02-10")], "not_met"),
    (LIMIT, [total("0.3", "g/m2")], "met"),
    # Cycles times the dose of one.
    (LIMIT, [given(dose="75", dose_unit="mg/m2", cycles="6")], "met"),
    (LIMIT, [given(dose="75", dose_unit="mg/m2", cycles="7")], "not_met"),
    (LIMIT, [given(dose="75", dose_unit="mg/m2")], "unknown: not recorded"),
    (LIMIT, [given()], "unknown: not recorded"),
    # What is known may be too much already.
    (LIMIT, [total("500"), given(start="2023-01-10", end="2023-02-10")], "not_met"),
    (LIMIT, [total("300", "mg")], "unknown: not recorded"),
    # Equivalents: epirubicin counts less; one whose factor nobody knows leaves the sum open.
    (LIMIT, [total("500", name="epirubicin")], "met"),
    (LIMIT, [total("10", name="pirarubicin")], "unknown: not recorded"),
    ("cumulative_dose(anthracycline) <= 450 mg/m2", [total("500", name="epirubicin")], "not_met"),
    # A record that only may be one of them.
    (LIMIT, [total("500", name="a drug nobody knows")], "unknown: not recorded"),
    ("cumulative_dose(doxorubicin) <= 600 mg/m2", [total("500"), total("50", status="planned")], "met"),
    ("cumulative_dose(doxorubicin) >= 300 mg/m2", [total("300")], "met"),
    ("cumulative_dose(doxorubicin) between 200 mg/m2 and 400 mg/m2", [total("300")], "met"),
    # In a window only what was certainly given in it counts for certain.
    ("cumulative_dose(doxorubicin) >= 300 mg/m2 within 3 years", [total("300")], "met"),
    ("cumulative_dose(doxorubicin) >= 300 mg/m2 within 22 months", [total("300")], "unknown: imprecise"),
    ("cumulative_dose(doxorubicin) >= 300 mg/m2 within 6 months", [total("300")], "not_met"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "treatments", "expected"), CUMULATIVE)
def test_cumulative_doses(rule, treatments, expected):
    assert truth(rule, lms(treatments=treatments, coverage=COMPLETE)) == expected


def test_without_a_complete_list_a_sum_is_open_above():
    who = lms(treatments=[total("300")])
    assert truth("cumulative_dose(doxorubicin) >= 300 mg/m2", who) == "met"
    assert truth(LIMIT, who) == "unknown: not recorded"
    found = asked(LIMIT, lms(treatments=[given()], coverage=COMPLETE))
    assert [fact.text for fact in found.missing] == ["cumulative dose of doxorubicin"]


def taken(name="prednisone", start="2026-01-01", end=None, **cells):
    return {"medication": name, "start_date": start, "end_date": end, "ongoing": None if end else "yes", **cells}


def daily(dose, unit="mg/day", **cells):
    return taken(dose=dose, dose_unit=unit, **cells)


STEROID = "daily_dose(systemic corticosteroid as prednisone) <= 10 mg/day within 14 days"

DAILY = [
    (STEROID, [], "met"),
    (STEROID, [daily("10")], "met"),
    (STEROID, [daily("20")], "not_met"),
    (STEROID, [daily("5", "mg", frequency="twice daily")], "met"),
    (STEROID, [daily("5", "mg", frequency="every 8 h")], "not_met"),
    (STEROID, [daily("5", "mg", frequency="qid")], "not_met"),
    (STEROID, [daily("20", "mg", frequency="every other day")], "met"),
    (STEROID, [daily("50", "mg", frequency="weekly")], "met"),
    (STEROID, [daily("10", "mg", frequency="daily")], "met"),
    (STEROID, [daily("10", "mg", frequency="when needed")], "unknown: not recorded"),
    (STEROID, [daily("10", "mg")], "unknown: not recorded"),
    (STEROID, [daily("10", None)], "unknown: not recorded"),
    (STEROID, [daily("0.01", "g/d")], "met"),
    (STEROID, [daily("10", "puffs", frequency="daily")], "unknown: not recorded"),
    # Dexamethasone 2 mg are more than 13 mg of prednisone.
    (STEROID, [daily("2", name="dexamethasone")], "not_met"),
    (STEROID, [daily("1", name="dexamethasone")], "met"),
    # Courses of one window may follow one another: at least the largest, at most all together.
    (STEROID, [daily("8", end="2026-01-05"), daily("4", start="2026-01-06")], "unknown: imprecise"),
    (STEROID, [daily("8", end="2026-01-05"), daily("12", start="2026-01-06")], "not_met"),
    (STEROID, [daily("5", end="2026-01-05"), daily("5", start="2026-01-06")], "met"),
    (STEROID, [daily("20", start="2025-11-01", end="2025-12-01")], "met"),
    # Without a window: today.
    ("daily_dose(prednisone) <= 10 mg/day", [daily("20", end="2026-01-10")], "met"),
    ("daily_dose(prednisone) <= 10 mg/day", [daily("20")], "not_met"),
    ("daily_dose(prednisone) > 10 mg/day", [daily("20")], "met"),
]


@pytest.mark.parametrize(("rule", "medications", "expected"), DAILY)
def test_daily_doses(rule, medications, expected):
    assert truth(rule, lms(medications=medications, coverage=COMPLETE)) == expected


SINGLE = [
    ("dose(ifosfamide) >= 12 g/m2", [given("ifosfamide", dose="12", dose_unit="g/m2")], [], "met"),
    ("dose(ifosfamide) >= 12 g/m2",
     [given("ifosfamide", dose="9", dose_unit="g/m2"), given("ifosfamide", "2023-01-01", "2023-02-01", dose="14", dose_unit="g/m2")],
     [], "met"),
    ("dose(ifosfamide) >= 12 g/m2", [given("ifosfamide", dose="9", dose_unit="g/m2")], [], "not_met"),
    ("dose(ifosfamide) >= 12 g/m2", [given("ifosfamide")], [], "unknown: not recorded"),
    ("dose(aspirin) <= 100 mg", [], [taken("aspirin", dose="100", dose_unit="mg")], "met"),
    ("dose(aspirin) <= 100 mg", [], [taken("aspirin", dose="300", dose_unit="mg")], "not_met"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "treatments", "medications", "expected"), SINGLE)
def test_single_doses(rule, treatments, medications, expected):
    assert truth(rule, lms(treatments=treatments, medications=medications, coverage=COMPLETE)) == expected


MIXED = [
    # Without a unit in the rule the first record's holds.
    ("2 x cumulative_dose(doxorubicin) <= 700", [total("300")], "met"),
    ("2 x cumulative_dose(doxorubicin) <= 700", [total("300"), total("0.3", "g/m2", start="2023-01-10")], "not_met"),
    ("2 x cumulative_dose(doxorubicin) <= 700", [total("300"), total("300", "mg", start="2023-01-10")],
     "unknown: not recorded"),
    ("cumulative_dose(doxorubicin) <= 350", [total("300"), total("300", "mg", start="2023-01-10")], "unknown: not recorded"),
    ("cumulative_dose(doxorubicin) / cumulative_dose(ifosfamide) <= 1", [total("300"), total("9000", name="ifosfamide")],
     "met"),
    ("cumulative_dose(doxorubicin) / cumulative_dose(ifosfamide) <= 1", [total("300")], "unknown: imprecise"),
    ("cumulative_dose(doxorubicin) >= 2 x cumulative_dose(ifosfamide)", [total("300"), total("100", name="ifosfamide")],
     "met"),
    ("2 x cumulative_dose(doxorubicin) <= 700", [given(dose="75", dose_unit="mg/m2", cycles="4")], "met"),
    ("2 x dose(doxorubicin) <= 700", [given(dose="75", dose_unit="mg/m2")], "met"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "treatments", "expected"), MIXED)
def test_doses_without_a_unit_and_ratios(rule, treatments, expected):
    assert truth(rule, lms(treatments=treatments, coverage=COMPLETE)) == expected
