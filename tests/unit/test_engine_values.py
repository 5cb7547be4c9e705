"""Values as intervals, windows, limits of normal, several values, the two performance scales, ages (SEMANTICS §2.3)."""

import math
from dataclasses import replace
from datetime import date

import pytest

from matcher.engine import UnknownWord
from matcher.engine.intervals import Interval, compare
from matcher.engine.reference.values.observations import ECOG_TO_KARNOFSKY, KARNOFSKY_TO_ECOG
from patients.facts import ReferenceRange
from patients.intake.single import read_patient
from tests.synthetic import TODAY, asked, drug, lms, patient, truth
from trials.criteria import tree as t
from trials.criteria.tree import Operator


def obs(test, value, date="2026-01-10", **cells):
    return {"test": test, "value": value, "date": date, **cells}


def anc(value, date="2026-01-10", **cells):
    return obs("anc", value, date, unit="10*9/L", record_id=f"{value}{date}", **cells)


def says(rule, *observations, **rows):
    return truth(rule, lms(observations=list(observations), **rows))


# --- comparisons ---------------------------------------------------------------------------------------------------

BELOW_2 = Interval.between(None, 2.0, hi_open=True)  # <2
UPTO_2 = Interval.between(None, 2.0)
ABOVE_2 = Interval.between(2.0, None, lo_open=True)
TWO, ONE_TO_3 = Interval.point(2.0), Interval(1.0, 3.0)


@pytest.mark.parametrize(
    ("left", "operator", "right", "expected"),
    [
        (TWO, "<=", TWO, "met"), (TWO, "<", TWO, "not_met"), (TWO, "=", TWO, "met"), (TWO, "!=", TWO, "not_met"),
        (BELOW_2, "<", TWO, "met"), (BELOW_2, "<=", TWO, "met"), (BELOW_2, ">=", TWO, "not_met"),
        (BELOW_2, "=", TWO, "not_met"), (BELOW_2, "!=", TWO, "met"), (BELOW_2, ">", Interval.point(1.0), "unknown"),
        (UPTO_2, "<", TWO, "unknown"), (UPTO_2, "<=", TWO, "met"), (UPTO_2, "=", TWO, "unknown"),
        (ABOVE_2, ">", TWO, "met"), (ABOVE_2, "<=", TWO, "not_met"), (ABOVE_2, "<", Interval.point(9.0), "unknown"),
        (ONE_TO_3, ">=", Interval.point(1.0), "met"), (ONE_TO_3, ">", Interval.point(1.0), "unknown"),
        (ONE_TO_3, "<", ONE_TO_3, "unknown"), (ONE_TO_3, "=", Interval.point(4.0), "not_met"),
    ],
)  # fmt: skip
def test_every_pair_of_possible_values_must_agree(left, operator, right, expected):
    assert compare(left, Operator(operator), right).word == expected


def test_arithmetic_of_intervals():
    assert Interval.point(1.2).times(1.5) == Interval.point(1.8)
    assert ONE_TO_3.over(Interval(2.0, 4.0)) == Interval(0.25, 1.5)
    assert ONE_TO_3.over(Interval(0.0, 4.0)) is None
    assert ONE_TO_3.plus(TWO) == Interval(3.0, 5.0)
    assert BELOW_2.lower(ONE_TO_3) == Interval(-math.inf, 2.0, False, True)
    assert BELOW_2.higher(ONE_TO_3) == Interval(1.0, 3.0)
    assert ABOVE_2.lower(TWO) == TWO
    assert ABOVE_2.higher(TWO) == ABOVE_2


VALUES = [
    ("anc >= 1.5 10*9/L", anc("1.5"), "met"),
    ("anc >= 1500 /uL", anc("1.5"), "met"),
    ("anc > 1.5 10*9/L", anc("1.5"), "not_met"),
    ("anc >= 1.5 10*9/L", anc(">=1.5"), "met"),
    ("anc >= 2 10*9/L", anc(">1.5"), "unknown: imprecise"),
    ("anc between 1 10*9/L and 2 10*9/L", anc("2"), "met"),
    ("anc between 1 10*9/L and 2 10*9/L", anc("2.1"), "not_met"),
    ("anc between 1 10*9/L and 2 10*9/L", anc(">1.5"), "unknown: imprecise"),
    ("anc = 2 10*9/L", anc("2"), "met"),
    ("anc != 2 10*9/L", anc("2"), "not_met"),
    ("measurable_disease is yes", obs("measurable_disease", "yes"), "met"),
    ("measurable_disease is not yes", obs("measurable_disease", "yes"), "not_met"),
    ("pregnancy_test is any of (negative, positive)", obs("pregnancy_test", "negative"), "met"),
    ("anc is recorded", anc("0.1"), "met"),
    ("anc is recorded", anc("0.1", "2025-01-01"), "unknown: stale"),
    ("measurable_disease >= 1", obs("measurable_disease", "yes"), "unknown: imprecise"),
    ("weight >= 0.5 x height", obs("weight", "90", unit="kg"), "unknown: not recorded"),
]


@pytest.mark.parametrize(("rule", "value", "expected"), VALUES)
def test_values(rule, value, expected):
    assert says(rule, value) == expected


def test_a_coded_value_that_no_list_knows_may_be_anything():
    problems = []
    who = read_patient({"observations": [obs("measurable_disease", "perhaps")]}, today=TODAY, problems=problems)
    assert problems and truth("measurable_disease is yes", who).startswith("unknown")


# --- windows -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "day", "expected"),
    [
        ("anc >= 1 10*9/L within 14 days", "2026-01-01", "met"),
        ("anc >= 1 10*9/L within 14 days", "2025-12-31", "unknown: stale"),
        ("anc >= 1 10*9/L within 2 weeks", "2026-01-01", "met"),
        ("anc >= 1 10*9/L within 1 months", "2025-12-15", "met"),
        ("anc >= 1 10*9/L within 1 months", "2025-12-14", "unknown: stale"),
        ("anc >= 1 10*9/L within 24 hours", "2026-01-14", "met"),
        ("anc >= 1 10*9/L within 24 hours", "2026-01-13", "unknown: stale"),
        # Without a window the test's own: laboratory 30 days, performance status 60, LVEF 90.
        ("anc >= 1 10*9/L", "2025-12-16", "met"),
        ("anc >= 1 10*9/L", "2025-12-15", "unknown: stale"),
        ("anc >= 1 10*9/L any time", "2001-12-15", "met"),
        ("anc >= 1 10*9/L within 14 days before planned start", "2026-01-01", "met"),
        ("anc >= 1 10*9/L before last treatment(doxorubicin)", "2025-11-30", "met"),
        ("anc >= 1 10*9/L after last treatment(doxorubicin)", "2025-11-30", "unknown: stale"),
        ("anc >= 1 10*9/L after last treatment(doxorubicin)", "2025-12-02", "met"),
        ("anc >= 1 10*9/L during first treatment(doxorubicin)", "2025-11-15", "met"),
        ("anc >= 1 10*9/L within 7 days after last treatment(doxorubicin)", "2025-12-08", "met"),
        ("anc >= 1 10*9/L within 7 days after last treatment(doxorubicin)", "2025-12-09", "unknown: stale"),
        ("anc >= 1 10*9/L within 7 days before first treatment(doxorubicin)", "2025-11-01", "met"),
        ("anc >= 1 10*9/L within lesser of (14 days, 3 weeks)", "2025-12-31", "unknown: stale"),
        ("anc >= 1 10*9/L within greater of (14 days, 3 weeks)", "2025-12-31", "met"),
    ],
)
def test_windows_hold_their_last_day(rule, day, expected):
    who = lms(
        observations=[anc("2", day)],
        treatments=[drug("doxorubicin", "2025-11-01", "2025-12-01")],
        coverage=[{"domain": "treatments", "scope": "kind:drug", "complete_through": "2026-01-10"}],
    )
    assert truth(rule, who) == expected


def test_the_documents_window_stands_between_the_rules_and_the_vocabularys():
    who = lms(observations=[anc("2", "2025-12-20")])
    week, quarter = t.Span(7, t.TimeUnit.DAY), t.Span(3, t.TimeUnit.MONTH)
    rule = "anc >= 1 10*9/L"
    assert truth(rule, who) == "met"
    assert truth(rule, who, windows={"anc": week}) == "unknown: stale"
    assert truth(rule, who, windows={"hematology": week}) == "unknown: stale"
    assert truth(rule, who, windows={"anc": quarter, "hematology": week}) == "met"
    assert truth(f"{rule} within 4 weeks", who, windows={"anc": week}) == "met"
    assert truth(f"{rule} any time", who, windows={"anc": week}) == "met"


def test_a_stale_value_says_its_age_and_what_it_would_say():
    found = asked("anc >= 1 10*9/L within 14 days", lms(observations=[anc("2", "2025-12-31"), anc("9", "2025-01-01")]))
    assert (found.note, found.evidence[0].value) == ("15 days old: would pass if repeated", "anc: 2 10*9/L")
    found = asked("anc >= 1 10*9/L within 14 days", lms(observations=[anc(">0.5", "2025-12-31")]))
    assert found.note == "15 days old"


@pytest.mark.parametrize(
    ("observations", "expected"),
    [
        ([anc("2", None)], "unknown: imprecise"),
        ([anc("2", "2026-01")], "met"),
        ([anc("2", "2025-12")], "unknown: imprecise"),
        ([anc("2", "2025")], "unknown: imprecise"),
        # One that is certainly in the window decides, if one that may be the later says no other.
        ([anc("2"), anc("3", None)], "met"),
        ([anc("2"), anc("0.3", None)], "unknown: imprecise"),
        ([anc("2"), anc("0.3", "2026-01")], "unknown: imprecise"),
        ([anc("2"), anc("0.3", "2025-12")], "met"),
    ],
)
def test_dates_that_are_not_known_to_the_day(observations, expected):
    assert says("anc >= 1 10*9/L", *observations) == expected


def test_without_a_window_a_value_needs_no_date():
    assert says("height >= 150 cm", obs("height", "170", None, unit="cm")) == "met"
    assert says("anc >= 1 10*9/L any time", anc("2", None)) == "met"
    assert says("anc >= 1 10*9/L any time", anc("2", None), anc("0.1", "2025-01-01")) == "unknown: imprecise"


# --- several values ------------------------------------------------------------------------------------------------

THREE = [anc("3", "2026-01-01"), anc("1", "2026-01-05"), anc("2", "2026-01-10")]


@pytest.mark.parametrize(
    ("rule", "observations", "expected"),
    [
        ("anc = 2 10*9/L", THREE, "met"),
        ("latest anc = 2 10*9/L", THREE, "met"),
        ("first anc = 3 10*9/L", THREE, "met"),
        ("lowest anc = 1 10*9/L", THREE, "met"),
        ("highest anc = 3 10*9/L", THREE, "met"),
        ("mean of last 2 anc = 1.5 10*9/L", THREE, "met"),
        ("mean of last 3 anc = 2 10*9/L", THREE, "met"),
        ("mean of last 4 anc = 2 10*9/L", THREE, "unknown: not recorded"),
        ("lowest anc = 1 10*9/L within 7 days", THREE, "not_met"),
        ("highest anc(since: last treatment(doxorubicin)) <= 2 10*9/L", THREE, "met"),
        ("first anc(since: last treatment(doxorubicin)) = 1 10*9/L", THREE, "met"),
        ("anc(since: last treatment(pazopanib)) >= 1 10*9/L", THREE, "unknown: not recorded"),
        # Both a beginning and a window: in both.
        ("lowest anc(since: last treatment(doxorubicin)) = 2 10*9/L within 7 days", THREE, "met"),
        # What may be in the window may be the extreme, or the first; alone it decides nothing.
        ("lowest anc <= 1 10*9/L", [*THREE, anc("0.5", None)], "met"),
        ("lowest anc >= 1 10*9/L", [*THREE, anc("0.5", None)], "unknown: imprecise"),
        ("lowest anc >= 1 10*9/L", [anc("5", None)], "unknown: imprecise"),
        ("first anc = 3 10*9/L", [*THREE, anc("0.5", None)], "unknown: imprecise"),
        ("first anc >= 1 10*9/L", [*THREE, anc("9", "2025-12")], "met"),
        ("first anc >= 1 10*9/L", [anc("5", None)], "unknown: imprecise"),
        ("mean of last 2 anc >= 1 10*9/L", [*THREE, anc("9", None)], "unknown: imprecise"),
        # The cut of a mean falls between two values of one day.
        ("mean of last 1 anc >= 1 10*9/L", [anc("1"), anc("3")], "unknown: imprecise"),
        ("lowest anc >= 1 10*9/L", [anc(">2"), anc("<4")], "unknown: imprecise"),
        ("highest anc >= 2 10*9/L", [anc(">2"), anc("<4")], "met"),
        ("anc(method: manual) >= 1 10*9/L", [anc("2")], "unknown: imprecise"),
        ("anc(method: manual) >= 1 10*9/L", [anc("2", method="manual")], "met"),
        ("anc(method: manual) >= 1 10*9/L", [anc("2", method="Manual count")], "unknown: imprecise"),
        ("anc(method: manual) >= 1 10*9/L", [anc("2", method="analyser")], "unknown: not recorded"),
        ("anc(method: manual) >= 1 10*9/L", [anc("2", method="manual"), anc("0.1", method="analyser")], "met"),
    ],
)  # fmt: skip
def test_which_of_several(rule, observations, expected):
    who = lms(
        observations=observations,
        treatments=[drug("doxorubicin", "2025-11-01", "2026-01-04")],
        coverage=[{"domain": "treatments", "scope": "kind:drug", "complete_through": "2026-01-10"}] * (
            "pazopanib" not in rule
        ),
    )  # fmt: skip
    assert truth(rule, who) == expected


@pytest.mark.parametrize(
    ("rule", "observations", "expected"),
    [
        ("anc >= 1 10*9/L", [anc("2"), anc("3")], "met"),
        ("anc >= 3 10*9/L", [anc("2"), anc("3")], "unknown: conflicting"),
        ("anc >= 4 10*9/L", [anc("2"), anc("3")], "not_met"),
        # Each is held against both ends: neither lies between.
        ("anc between 2 10*9/L and 3 10*9/L", [anc("1"), anc("4")], "not_met"),
        ("anc is recorded", [anc("2"), anc("3")], "met"),
        # Two values are each of the two: of 2 and 3 neither is over 1.5 times the other.
        ("anc <= 1.5 x anc", [anc("2"), anc("3")], "met"),
        ("anc <= 1.2 x anc", [anc("2"), anc("3")], "unknown: conflicting"),
        ("2 x anc >= 4 10*9/L", [anc("2"), anc("3")], "met"),
        ("2 x anc >= 5 10*9/L", [anc("2"), anc("3")], "unknown: conflicting"),
        ("2 x anc >= 7 10*9/L", [anc("2"), anc("3")], "not_met"),
    ],
)
def test_two_values_of_one_day(rule, observations, expected):
    assert says(rule, *observations) == expected


# --- other values, limits, ratios ----------------------------------------------------------------------------------

AST, ALT = obs("ast", "80", unit="U/L", ref_high="40", ref_low="10"), obs("alt", "50", unit="U/L")


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("ast <= 2 x ULN", "met"),
        ("ast < 2 x ULN", "not_met"),
        ("ast >= 8 x LLN", "met"),
        ("alt <= 2 x ULN", "unknown: not recorded"),
        ("ast <= 2 x alt", "met"),
        ("ast <= 1 x alt", "not_met"),
        ("ast <= 150 % of alt", "not_met"),
        ("ast > alt", "met"),
        ("ast <= bilirubin", "unknown: not recorded"),
        ("ast / alt <= 1.6", "met"),
        ("ast / alt > 1.6", "not_met"),
        ("ast / bilirubin <= 2", "unknown: not recorded"),
        ("2 x ast > 150", "met"),
        ("2 x ast <= 3 x alt", "not_met"),
        ("2 x bilirubin <= 3", "unknown: not recorded"),
        ("2 x ast <= 3 x bilirubin", "unknown: not recorded"),
        ("ast <= 2 x 1.5 x alt", "met"),
        ("ast / egfr <= 2", "unknown: not recorded"),
    ],
)
def test_other_values(rule, expected):
    assert says(rule, AST, ALT) == expected


def test_what_a_ratio_cannot_be():
    low, zero = obs("ast", "<100", unit="U/L"), obs("alt", "<5", unit="U/L")
    assert says("ast / alt <= 2", low, zero) == "unknown: imprecise"
    assert (
        says("ast / alt <= 1000", obs("ast", "<100", unit="U/L"), obs("alt", "50", unit="U/L")) == "unknown: imprecise"
    )


def test_the_evidence_of_both_sides_is_shown():
    found = asked("ast <= 2 x alt", lms(observations=[AST, ALT]))
    assert [item.value for item in found.evidence] == ["ast: 80 U/L", "alt: 50 U/L"]


def limit(**cells):
    return ReferenceRange(**{"test": "ck", "high": 200.0, **cells})


@pytest.mark.parametrize(
    ("ranges", "rows", "expected"),
    [
        ([limit()], {}, "met"),
        ([limit(high=100.0)], {}, "not_met"),
        ([limit(test="ast")], {}, "unknown: not recorded"),
        # The one that says most of whom it is for.
        ([limit(high=100.0), limit(sex="female")], {}, "met"),
        ([limit(high=100.0), limit(sex="male")], {}, "not_met"),
        # Two of equal standing that differ, or one that may hold, leave it open.
        ([limit(), limit(high=100.0)], {}, "unknown: not recorded"),
        ([limit(), limit()], {}, "met"),
        ([limit(), limit(sex="male", high=100.0)], {"sex": ""}, "unknown: not recorded"),
        ([limit(sex="male")], {"sex": ""}, "unknown: not recorded"),
        ([limit(age_from=18, age_to=70)], {}, "met"),
        ([limit(age_from=65)], {}, "unknown: not recorded"),
        ([limit(age_to=60)], {}, "unknown: not recorded"),
        ([limit(age_from=65, high=100.0), limit()], {"birth_date": "1962"}, "met"),
        ([limit(age_from=65, high=100.0), limit()], {"birth_date": "1961"}, "unknown: not recorded"),
        ([limit(age_from=18)], {"birth_date": ""}, "unknown: not recorded"),
        ([limit(valid_from=date(2026, 1, 1))], {}, "met"),
        ([limit(valid_to=date(2025, 12, 31))], {}, "unknown: not recorded"),
        ([limit(laboratory="North")], {}, "unknown: not recorded"),
        ([limit(laboratory="North"), limit(high=100.0)], {}, "unknown: not recorded"),
    ],
)
def test_limits_of_the_registry(ranges, rows, expected):
    who = lms(observations=[obs("ck", "150", unit="U/L")], **rows)
    assert truth("ck <= 1 x ULN", replace(who, ranges=tuple(ranges))) == expected


def test_a_limit_of_a_laboratory_and_a_day():
    who = lms(observations=[obs("ck", "150", unit="U/L", laboratory="north")])
    for name, expected in (("North", "met"), ("South", "unknown: not recorded")):
        assert truth("ck <= 1 x ULN", replace(who, ranges=(limit(laboratory=name),))) == expected
    undated = lms(observations=[obs("ck", "150", "2026-01", unit="U/L")])
    assert truth("ck <= 1 x ULN", replace(undated, ranges=(limit(valid_from=date(2020, 1, 1)),))).startswith("unknown")


# --- performance status --------------------------------------------------------------------------------------------


def ecog(value, date="2026-01-10"):
    return obs("ecog", value, date, record_id=f"e{value}{date}")


def karnofsky(value, date="2026-01-10"):
    return obs("karnofsky", value, date, record_id=f"k{value}{date}")


@pytest.mark.parametrize(
    ("rule", "observations", "expected"),
    [
        ("ecog <= 1", [karnofsky("90")], "met"),
        ("ecog <= 1", [karnofsky("70")], "unknown: imprecise"),
        ("ecog <= 1", [karnofsky("50")], "not_met"),
        ("karnofsky >= 70", [ecog("1")], "met"),
        ("karnofsky >= 70", [ecog("2")], "unknown: imprecise"),
        ("karnofsky >= 70", [ecog("4")], "not_met"),
        # The native scale where it is fresh.
        ("ecog <= 1", [ecog("1"), karnofsky("70")], "met"),
        ("ecog <= 1", [ecog("1"), karnofsky("50")], "unknown: conflicting"),
        ("ecog <= 3", [ecog("1"), karnofsky("50")], "met"),
        ("ecog <= 1", [ecog("1", "2025-08-01"), karnofsky("50")], "not_met"),
        ("ecog <= 1", [ecog("3", "2025-08-01"), karnofsky("90")], "met"),
        ("ecog <= 1", [ecog("1"), karnofsky("50", "2025-08-01")], "met"),
        ("ecog <= 1", [ecog("1", "2025-08-01"), karnofsky("50", "2025-08-01")], "unknown: stale"),
        ("ecog <= 1", [karnofsky("90", "2025-08-01")], "unknown: stale"),
        # Two fresh values of the native scale that differ stay a conflict, whatever the other scale says.
        ("ecog <= 1", [ecog("1"), ecog("3"), karnofsky("90")], "unknown: conflicting"),
        ("ecog <= 1", [ecog("3", None), karnofsky("90")], "unknown: imprecise"),
        ("ecog <= 1", [ecog("1", None), karnofsky("90")], "met"),
        ("ecog <= 1", [ecog("1", None)], "unknown: imprecise"),
        ("ecog <= 1", [karnofsky("90", None)], "unknown: imprecise"),
        ("ecog <= 4", [karnofsky(">60")], "met"),
        # Between two grades of a table it may be either.
        ("ecog <= 2", [karnofsky("75")], "met"),
        ("ecog <= 1", [karnofsky("75")], "unknown: imprecise"),
        ("ecog <= 4", [], "unknown: not recorded"),
        ("ecog is recorded", [karnofsky("70")], "met"),
    ],
)
def test_ecog_and_karnofsky(rule, observations, expected):
    assert says(rule, *observations) == expected


def test_a_performance_status_in_words_is_none_of_the_other_scale():
    who = lms(observations=[karnofsky("90")])
    worded = replace(who, observations=tuple(replace(o, low=None, high=None, code="good") for o in who.observations))
    assert truth("ecog <= 1", worded) == "unknown: not recorded"


def test_the_table_used_is_named():
    found = asked("ecog <= 2", lms(observations=[karnofsky("70")]))
    assert found.evidence[0].value == "ecog: 1 to 2 (from karnofsky 70, union of published tables)"
    assert KARNOFSKY_TO_ECOG[50] == (2, 3)
    assert ECOG_TO_KARNOFSKY[1] == (70, 90)


# --- sex and age ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "rows", "expected"),
    [
        ("sex is female", {}, "met"),
        ("sex is male", {}, "not_met"),
        ("sex is not male", {}, "met"),
        ("sex is female", {"sex": ""}, "unknown: not recorded"),
        ("age >= 64", {}, "met"),
        ("age >= 65", {}, "not_met"),
        ("age >= 64 years", {}, "met"),
        ("age >= 768 months", {}, "met"),
        ("age between 18 and 75", {}, "met"),
        ("age is recorded", {}, "met"),
        ("age is recorded", {"birth_date": ""}, "unknown: not recorded"),
        ("age >= 18", {"birth_date": ""}, "unknown: not recorded"),
        ("age >= 64", {"birth_date": "1961"}, "met"),
        ("age >= 65", {"birth_date": "1962"}, "not_met"),
        ("age >= 65", {"birth_date": "1961-01"}, "unknown: imprecise"),
        ("age >= 65", {"birth_date": "1960"}, "met"),
        ("age < 18", {"birth_date": "2008-02-29"}, "met"),
        # A limit between birthdays is counted in months.
        ("age >= 777 months", {}, "met"),
        ("age >= 778 months", {}, "not_met"),
        ("age >= 16.5", {"birth_date": "2009-07-15"}, "met"),
        ("age >= 16.5", {"birth_date": "2009-07-16"}, "not_met"),
    ],
)
def test_sex_and_age(rule, rows, expected):
    assert truth(rule, lms(**rows)) == expected


def test_two_birth_dates_or_sexes_conflict_where_they_disagree():
    who = lms()
    two = replace(who, births=(*who.births, *patient(birth_date="1958-04-03").births), sexes=("female", "male"))
    assert truth("age >= 18", two) == "met"
    assert truth("age >= 65", two) == "unknown: conflicting"
    assert truth("sex is female", two) == "unknown: conflicting"
    assert truth("creatinine_clearance >= 10 mL/min", two) == "unknown: not recorded"


@pytest.mark.parametrize(
    "rule",
    ["age >= 3 weeks", "creatinin >= 1 mg/dL", "sex is blue", "measurable_disease is blue", "anc >= 1 mg/dL",
     "weight >= 3 months", "zzz is yes", "2 x weight >= 3 months"],
)  # fmt: skip
def test_words_and_units_that_mean_nothing_are_refused(rule):
    with pytest.raises(UnknownWord):
        truth(rule, lms(observations=[anc("2"), obs("weight", "70", unit="kg"), AST]))
