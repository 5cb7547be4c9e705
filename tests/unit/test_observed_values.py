"""Which measured value a rule means and what it is held against: windows, rivals, limits of normal, units (§2.3)."""

from dataclasses import replace
from datetime import date

import pytest

from matcher.engine.reference.context import UnknownWord
from matcher.engine.truth import Change, Reason
from patients.facts import ReferenceRange
from tests.synthetic import asked, drug, lms, truth
from trials.criteria import tree as t


def obs(test, value, day="2026-01-10", **cells):
    return {"test": test, "value": value, "date": day, **cells}


def anc(value, day="2026-01-10", **cells):
    return obs("anc", value, day, unit="10*9/L", **cells)


def creatinine(value, day="2026-01-10", **cells):
    return obs("creatinine", value, day, unit="mg/dL", **cells)


def bilirubin(value, day="2026-01-10", **cells):
    return obs("bilirubin", value, day, unit="mg/dL", **cells)


ANC = "anc >= 1.5 10*9/L"
VALUES = {
    # the window
    "day 30 is in the window of a laboratory value": ([anc("2", "2025-12-16")], ANC, "met"),
    "day 31 is stale": ([anc("2", "2025-12-15")], ANC, "unknown: stale"),
    "day 60 is in the window of a performance status": ([obs("ecog", "1", "2025-11-16")], "ecog <= 1", "met"),
    "day 61 is not": ([obs("ecog", "1", "2025-11-15")], "ecog <= 1", "unknown: stale"),
    "day 90 is in the window of an ejection fraction": (
        [obs("lvef", "60", "2025-10-17", unit="%")],
        "lvef >= 50 %",
        "met",
    ),
    "day 91 is not in it": ([obs("lvef", "60", "2025-10-16", unit="%")], "lvef >= 50 %", "unknown: stale"),
    "a height has no window": ([obs("height", "170", "2001-01-10", unit="cm")], "height >= 150 cm", "met"),
    "any time": ([anc("2", "2019-12-15")], ANC + " any time", "met"),
    "the rule's own window outranks it": ([anc("2", "2026-01-07")], ANC + " within 7 days", "unknown: stale"),
    "no date in a window is imprecise": ([anc("2", "")], ANC, "unknown: imprecise"),
    "no date without a window counts": ([obs("height", "170", "", unit="cm")], "height >= 150 cm", "met"),
    "some day of a month that the window cuts": ([anc("2", "2025-12")], ANC, "unknown: imprecise"),
    "a window around what never happened": (
        [anc("2")],
        ANC + " within 7 days before first treatment(surgery)",
        "unknown: not recorded",
    ),
    "never measured": ([], ANC, "unknown: not recorded"),
    # the latest, and two of one day
    "the latest day counts": ([anc("1", "2026-01-09"), anc("2")], ANC, "met"),
    "an older pass does not help": ([anc("2", "2026-01-09"), anc("1")], ANC, "not_met"),
    "two of one day that agree": ([anc("1.6"), anc("2.4")], ANC, "met"),
    "two of one day that agree it is too low": ([anc("1.1"), anc("1.4")], ANC, "not_met"),
    "two of one day that disagree": ([anc("1.4"), anc("2.4")], ANC, "unknown: conflicting"),
    "a month that may hold the later value": ([anc("2", "2026-01-09"), anc("1", "2026-01")], ANC, "unknown: imprecise"),
    "a month that says the same": ([anc("2", "2026-01-09"), anc("3", "2026-01")], ANC, "met"),
    "a rival without a date": ([anc("2"), anc("1", "")], ANC, "unknown: imprecise"),
    # comparators and precision
    "at least so much": ([anc(">2")], ANC, "met"),
    "less than the limit": ([anc("<1.5")], ANC, "not_met"),
    "less than twice the limit says nothing": ([anc("<3")], ANC, "unknown: imprecise"),
    "greater than the limit itself": ([anc(">1.5")], "anc > 1.5 10*9/L", "met"),
    "on the limit": ([anc("1.5")], ANC, "met"),
    "on an open limit": ([anc("1.5")], "anc > 1.5 10*9/L", "not_met"),
    "both ends of between count": ([anc("1.5")], "anc between 1.5 10*9/L and 2 10*9/L", "met"),
    "the upper end too": ([anc("2")], "anc between 1.5 10*9/L and 2 10*9/L", "met"),
    "beyond it": ([anc("2.01")], "anc between 1.5 10*9/L and 2 10*9/L", "not_met"),
    "in another unit": ([obs("anc", "1500", unit="/uL")], ANC, "met"),
    "micromoles need the analyte": ([obs("creatinine", "88.4", unit="umol/L")], "creatinine <= 1 mg/dL", "met"),
    # first, lowest, highest, mean
    "the first": ([anc("1", "2026-01-02"), anc("2")], "first " + ANC, "not_met"),
    "the first where two share its day": (
        [anc("1", "2026-01-02"), anc("2", "2026-01-02")],
        "first " + ANC,
        "unknown: conflicting",
    ),
    "the first where a month may precede it": (
        [anc("2", "2026-01-09"), anc("1", "2026-01")],
        "first " + ANC,
        "unknown: imprecise",
    ),
    "the first where only a month is known to be near": ([anc("2", "2025-12")], "first " + ANC, "unknown: imprecise"),
    "a first without a date beside it": ([anc("2"), anc("1", "")], "first " + ANC, "unknown: imprecise"),
    "the lowest": ([anc("1", "2026-01-02"), anc("2")], "lowest " + ANC, "not_met"),
    "the highest": ([anc("1"), anc("2", "2026-01-02")], "highest " + ANC, "met"),
    "the lowest with a doubtful lower one": ([anc("2"), anc("1", "2025-12")], "lowest " + ANC, "unknown: imprecise"),
    "the lowest with a doubtful higher one": ([anc("2"), anc("3", "2025-12")], "lowest " + ANC, "met"),
    "the highest with a doubtful higher one": ([anc("1"), anc("3", "2025-12")], "highest " + ANC, "unknown: imprecise"),
    "only doubtful ones have no lowest": ([anc("2", "2025-12")], "lowest " + ANC, "unknown: imprecise"),
    "the mean of the last three": (
        [anc("9", "2026-01-01"), anc("1", "2026-01-02"), anc("1.5", "2026-01-03"), anc("2", "2026-01-04")],
        "mean of last 3 " + ANC,
        "met",
    ),
    "a mean just below": (
        [anc("9", "2026-01-01"), anc("1", "2026-01-02"), anc("1.4", "2026-01-03"), anc("2", "2026-01-04")],
        "mean of last 3 " + ANC,
        "not_met",
    ),
    "too few for a mean": ([anc("2"), anc("2", "2026-01-04")], "mean of last 3 " + ANC, "unknown: not recorded"),
    "a mean with one that may belong to it": (
        [anc("2", "2026-01-02"), anc("2", "2026-01-03"), anc("2", "2025-12")],
        "mean of last 2 " + ANC,
        "unknown: imprecise",
    ),
    "a mean whose cut falls within a day": (
        [anc("1", "2026-01-02"), anc("2", "2026-01-02"), anc("2", "2026-01-03")],
        "mean of last 2 " + ANC,
        "unknown: imprecise",
    ),
    "a mean of all of a day is no matter of order": (
        [anc("1", "2026-01-03"), anc("2", "2026-01-03")],
        "mean of last 2 " + ANC,
        "met",
    ),
    "a mean with one that has no date": (
        [obs("height", "160", "", unit="cm"), obs("height", "160", "2001-01-10", unit="cm")],
        "mean of last 1 height >= 150 cm",
        "unknown: imprecise",
    ),
    # the method
    "by the method asked for": ([obs("lvef", "60", unit="%", method="MUGA")], "lvef(method: MUGA) >= 50 %", "met"),
    "by another method": (
        [obs("lvef", "60", unit="%", method="MRI")],
        "lvef(method: MUGA) >= 50 %",
        "unknown: not recorded",
    ),
    "by a method not recorded": ([obs("lvef", "60", unit="%")], "lvef(method: MUGA) >= 50 %", "unknown: imprecise"),
    "by a method that holds the word": (
        [obs("lvef", "60", unit="%", method="MUGA scan at rest")],
        "lvef(method: MUGA) >= 50 %",
        "unknown: imprecise",
    ),
    # since
    "on the day since": (
        [anc("1", "2026-01-02"), anc("2")],
        "lowest anc(since: last treatment(doxorubicin)) >= 1.5 10*9/L",
        "not_met",
    ),
    "the day before it": (
        [anc("1", "2026-01-01"), anc("2")],
        "lowest anc(since: last treatment(doxorubicin)) >= 1.5 10*9/L",
        "met",
    ),
    "since what was never recorded": (
        [anc("2")],
        "lowest anc(since: last treatment(pazopanib)) >= 1.5 10*9/L",
        "unknown: not recorded",
    ),
    # ratios, multiples, other tests
    "a multiple on the left": ([creatinine("1.5")], "2 x creatinine <= 3 mg/dL", "met"),
    "a percentage of another value": (
        [obs("ast", "30", unit="U/L"), obs("alt", "40", unit="U/L")],
        "ast <= 75 % of alt",
        "met",
    ),
    "a percentage of another value, exceeded": (
        [obs("ast", "31", unit="U/L"), obs("alt", "40", unit="U/L")],
        "ast <= 75 % of alt",
        "not_met",
    ),
    "the other value is missing": ([obs("ast", "30", unit="U/L")], "ast <= 2 x alt", "unknown: not recorded"),
    "the other value is two-minded": (
        [obs("ast", "30", unit="U/L"), obs("alt", "10", unit="U/L"), obs("alt", "40", unit="U/L")],
        "ast <= 1 x alt",
        "unknown: conflicting",
    ),
    "a ratio": ([obs("ast", "30", unit="U/L"), obs("alt", "15", unit="U/L")], "ast / alt <= 2", "met"),
    "a ratio with nothing below": ([obs("ast", "30", unit="U/L")], "ast / alt <= 2", "unknown: not recorded"),
    "a ratio over what may be nothing": (
        [obs("ast", "30", unit="U/L"), obs("alt", "<5", unit="U/L")],
        "ast / alt <= 2",
        "unknown: imprecise",
    ),
    "a ratio of two-minded values that agree": (
        [obs("ast", "30", unit="U/L"), obs("alt", "15", unit="U/L"), obs("alt", "40", unit="U/L")],
        "ast / alt <= 2",
        "met",
    ),
    "a ratio of two-minded values": (
        [obs("ast", "30", unit="U/L"), obs("alt", "15", unit="U/L"), obs("alt", "40", unit="U/L")],
        "ast / alt <= 1",
        "unknown: conflicting",
    ),
    "the other value is two-minded and both agree": (
        [obs("ast", "30", unit="U/L"), obs("alt", "30", unit="U/L"), obs("alt", "40", unit="U/L")],
        "ast <= 1 x alt",
        "met",
    ),
    "a ratio of which one part may be another day's": (
        [obs("ast", "30", unit="U/L"), obs("alt", "15", unit="U/L"), obs("alt", "40", None, unit="U/L")],
        "ast / alt <= 1",
        "unknown: imprecise",
    ),
    # codes
    "a code": ([obs("pregnancy_test", "negative")], "pregnancy_test is negative", "met"),
    "its contrary": ([obs("pregnancy_test", "positive")], "pregnancy_test is negative", "not_met"),
    "is not": ([obs("pregnancy_test", "positive")], "pregnancy_test is not negative", "met"),
    "any of": ([obs("pregnancy_test", "positive")], "pregnancy_test is any of (negative, positive)", "met"),
    "two codes of one day": (
        [obs("pregnancy_test", "positive"), obs("pregnancy_test", "negative")],
        "pregnancy_test is negative",
        "unknown: conflicting",
    ),
    "a number where a code is asked": (
        [obs("pregnancy_test", "5")],
        "pregnancy_test is negative",
        "unknown: imprecise",
    ),
    "a word where a number is asked is no value": ([obs("anc", "positive")], ANC, "unknown: not recorded"),
    "recorded": ([anc("2")], "anc is recorded", "met"),
    "recorded too long ago": ([anc("2", "2025-11-10")], "anc is recorded", "unknown: stale"),
    "not recorded": ([], "anc is recorded", "unknown: not recorded"),
}


@pytest.mark.parametrize("case", VALUES)
def test_values(case):
    observations, rule, expected = VALUES[case]
    who = lms(
        observations=observations,
        treatments=[drug("doxorubicin", "2025-10-01", "2026-01-02")],
        coverage=[{"domain": "treatments", "scope": "class:anthracycline", "complete_through": "2026-01-15"}],
    )
    assert truth(rule, who) == expected


def test_a_stale_value_shows_its_age_and_what_it_would_say():
    passed = asked(ANC, lms(observations=[anc("2", "2025-11-16")]))
    failed = asked(ANC, lms(observations=[anc("1", "2025-11-16")]))
    assert passed.note == "60 days old: would pass if repeated"
    assert failed.note == "60 days old: would fail if repeated"
    assert [item.value for item in passed.evidence] == ["anc: 2 10*9/L"]


@pytest.mark.parametrize(
    ("other", "note"),
    [("2.2", "228 days old: would pass if repeated"), ("1.2", "228 days old"), ("<1.9", "228 days old")],
)
def test_two_stale_values_of_one_day_are_both_shown_and_say_what_both_say(other, note):
    rows = [obs("anc", value, "2025-06-01", unit="10*9/L", record_id=value) for value in ("1.6", other)]
    found = asked("anc >= 1.5 10*9/L", lms(observations=rows))
    assert (found.reason, found.note) == (Reason.STALE, note)
    assert {item.value for item in found.evidence} == {"anc: 1.6 10*9/L", f"anc: {other} 10*9/L"}


@pytest.mark.parametrize(
    ("test", "cells", "rule", "value"),
    [
        # As it was written; with the number it was compared by where that is another.
        ("creatinine", {"value": "88.4", "unit": "µmol/L"}, "creatinine <= 1.5 mg/dL", "88.4 µmol/L (0.9998 mg/dL)"),
        ("creatinine", {"value": "0.9", "unit": "mg/dl"}, "creatinine <= 1.5 mg/dL", "0.9 mg/dl"),
        ("anc", {"value": "1500", "unit": "/uL"}, "anc >= 1.5 10*9/L", "1500 /uL (1.5 10*9/L)"),
        ("anc", {"value": "1.6", "unit": "K/uL"}, "anc >= 1.5 10*9/L", "1.6 K/uL"),
        # A unit is said once, and a pure number has none.
        ("lvef", {"value": "55 %"}, "lvef >= 50 %", "55 %"),
        ("lvef", {"value": "55", "unit": "%"}, "lvef >= 50 %", "55 %"),
        ("inr", {"value": "1.01", "unit": "1"}, "inr <= 1.5", "1.01"),
        ("ecog", {"value": "1"}, "ecog <= 1", "1"),
        ("bilirubin", {"value": "<0.2", "unit": "mg/dL"}, "bilirubin <= 1.5 mg/dL", "<0.2 mg/dL"),
    ],
)
def test_a_value_is_shown_with_its_unit_once(test, cells, rule, value):
    (item,) = asked(rule, lms(observations=[{"test": test, "date": "2026-01-10", **cells}])).evidence
    assert item.value == f"{test}: {value}"


def test_a_value_leaves_its_window_on_the_day_after():
    found = asked(ANC, lms(observations=[anc("2")]))
    assert (found.truth.word, found.change) == ("met", Change.ACTION)
    assert found.flips == (date(2026, 2, 10).toordinal(),)


@pytest.mark.parametrize(
    ("windows", "day", "expected"),
    [
        ({"hematology": t.Span(14, t.TimeUnit.DAY)}, "2026-01-01", "met"),
        ({"hematology": t.Span(14, t.TimeUnit.DAY)}, "2025-12-31", "unknown: stale"),
        ({"hematology": t.Span(14, t.TimeUnit.DAY), "anc": t.Span(7, t.TimeUnit.DAY)}, "2026-01-07", "unknown: stale"),
        ({"hematology": t.Span(14, t.TimeUnit.DAY), "anc": t.Span(7, t.TimeUnit.DAY)}, "2026-01-08", "met"),
        ({"ecog": t.Span(7, t.TimeUnit.DAY), "chemistry": t.Span(7, t.TimeUnit.DAY)}, "2025-12-16", "met"),
    ],
)
def test_a_document_sets_windows_of_a_test_or_of_its_category(windows, day, expected):
    assert truth(ANC, lms(observations=[anc("2", day)]), windows=windows) == expected


# --- limits of normal -----------------------------------------------------------------------------------------------

ULN = "bilirubin <= 1.5 x ULN"
WIDE = ReferenceRange("bilirubin", low=0.1, high=1.2)
FEMALE = ReferenceRange("bilirubin", low=0.1, high=1.0, sex="female")
MALE = ReferenceRange("bilirubin", high=2.0, sex="male")
OLD = ReferenceRange("bilirubin", high=1.0, age_from=60, age_to=120)
YOUNG = ReferenceRange("bilirubin", high=2.0, age_from=0, age_to=59)
HERE = ReferenceRange("bilirubin", high=1.0, laboratory="North")
BEFORE = ReferenceRange("bilirubin", high=2.0, valid_to=date(2026, 1, 9))
SINCE = ReferenceRange("bilirubin", high=1.0, valid_from=date(2026, 1, 10))

#: Cells of a bilirubin of 1.6 mg/dL, the registry's ranges, patient cells, answer.
LIMITS = {
    "its own row": ({"ref_high": "1.0"}, (), {}, "not_met"),
    "its own row before the registry's": ({"ref_high": "1.0"}, (MALE, WIDE), {}, "not_met"),
    "the registry's": ({}, (WIDE,), {}, "met"),
    "none": ({}, (), {}, "unknown: not recorded"),
    "another test's": ({}, (replace(WIDE, test="ast"),), {}, "unknown: not recorded"),
    "the one for her sex": ({}, (WIDE, FEMALE, MALE), {}, "not_met"),
    "the one for his sex": ({}, (WIDE, FEMALE, MALE), {"sex": "male"}, "met"),
    "sex not recorded": ({}, (FEMALE, MALE), {"sex": ""}, "unknown: not recorded"),
    "sex not recorded, and a general one": ({}, (WIDE, FEMALE), {"sex": ""}, "unknown: not recorded"),
    "sex not recorded, and it makes no difference": ({}, (replace(WIDE, high=1.0), FEMALE), {"sex": ""}, "not_met"),
    "of her age": ({}, (OLD, YOUNG), {}, "not_met"),
    "of a younger age": ({}, (OLD, YOUNG), {"birth_date": "1980-01-01"}, "met"),
    "age not recorded": ({}, (OLD, YOUNG), {"birth_date": ""}, "unknown: not recorded"),
    "the year of birth does not tell": ({}, (OLD, YOUNG), {"birth_date": "1966"}, "unknown: not recorded"),
    "the laboratory": ({"laboratory": "north"}, (WIDE, HERE), {}, "not_met"),
    "another laboratory": ({"laboratory": "South"}, (WIDE, HERE), {}, "met"),
    "laboratory not recorded": ({}, (WIDE, HERE), {}, "unknown: not recorded"),
    "the first day of a range": ({}, (BEFORE, SINCE), {}, "not_met"),
    "the last day of the one before": ({"day": "2026-01-09"}, (BEFORE, SINCE), {}, "met"),
    "a month across both": ({"day": "2026-01"}, (BEFORE, SINCE), {}, "unknown: not recorded"),
    "two that say as much and differ": ({}, (WIDE, replace(WIDE, high=1.0)), {}, "unknown: not recorded"),
}


@pytest.mark.parametrize("case", LIMITS)
def test_the_upper_limit_of_normal(case):
    cells, ranges, person, expected = LIMITS[case]
    cells = dict(cells)
    laboratory = cells.pop("laboratory", None)
    who = replace(lms(observations=[bilirubin("1.6", **cells)], **person), ranges=ranges)
    who = replace(who, observations=tuple(replace(item, laboratory=laboratory) for item in who.observations))
    assert truth(ULN, who) == expected


@pytest.mark.parametrize(
    ("value", "rule", "expected"),
    [
        ("0.1", "bilirubin >= 1 x LLN", "met"),
        ("0.09", "bilirubin >= 1 x LLN", "not_met"),
        ("2.4", "bilirubin <= 2 x ULN", "met"),
        ("2.41", "bilirubin <= 2 x ULN", "not_met"),
    ],
)
def test_both_limits_of_normal(value, rule, expected):
    assert truth(rule, replace(lms(observations=[bilirubin(value)]), ranges=(WIDE,))) == expected


def test_a_missing_limit_is_asked_for():
    found = asked("bilirubin >= 1 x LLN", lms(observations=[bilirubin("1.6", ref_high="1.2")]))
    assert [(item.attribute, item.text) for item in found.missing] == [
        ("LLN", "LLN of the laboratory for total bilirubin")
    ]


# --- performance status ---------------------------------------------------------------------------------------------

STATUS = {
    "Karnofsky for ECOG": ([obs("karnofsky", "80")], "ecog <= 1", "met"),
    "Karnofsky for ECOG, too poor": ([obs("karnofsky", "60")], "ecog <= 1", "not_met"),
    "a Karnofsky that is two of ECOG": ([obs("karnofsky", "70")], "ecog <= 1", "unknown: imprecise"),
    "ECOG for Karnofsky": ([obs("ecog", "0")], "karnofsky >= 80", "met"),
    "ECOG 2 is 50 to 70": ([obs("ecog", "2")], "karnofsky >= 60", "unknown: imprecise"),
    "both agree": ([obs("ecog", "1"), obs("karnofsky", "80")], "ecog <= 1", "met"),
    "both fresh, of two minds": ([obs("ecog", "1"), obs("karnofsky", "50")], "ecog <= 1", "unknown: conflicting"),
    "the other scale may be either": ([obs("ecog", "1"), obs("karnofsky", "70")], "ecog <= 1", "met"),
    "the native one is old": ([obs("ecog", "3", "2025-01-10"), obs("karnofsky", "90")], "ecog <= 1", "met"),
    "both are old": (
        [obs("ecog", "1", "2025-01-10"), obs("karnofsky", "90", "2025-01-10")],
        "ecog <= 1",
        "unknown: stale",
    ),
    "only the other is recorded, and old": ([obs("karnofsky", "90", "2025-01-10")], "ecog <= 1", "unknown: stale"),
    "the native one may be fresh and says otherwise": (
        [obs("ecog", "3", "2025-11"), obs("karnofsky", "90")],
        "ecog <= 1",
        "unknown: imprecise",
    ),
    "the native one may be fresh and says the same": (
        [obs("ecog", "1", "2025-11"), obs("karnofsky", "90")],
        "ecog <= 1",
        "met",
    ),
    "the native one may be fresh, alone": ([obs("ecog", "1", "2025-11")], "ecog <= 1", "unknown: imprecise"),
    "the other may be fresh, alone": ([obs("karnofsky", "90", "2025-11")], "ecog <= 1", "unknown: imprecise"),
    "a Karnofsky between two steps, either of which passes": ([obs("karnofsky", "85")], "ecog <= 1", "met"),
    "a Karnofsky between two steps, of which one passes": ([obs("karnofsky", "65")], "ecog <= 1", "unknown: imprecise"),
    "a word for a performance status": ([obs("karnofsky", "good")], "ecog <= 1", "unknown: not recorded"),
    "neither": ([], "ecog <= 1", "unknown: not recorded"),
}


@pytest.mark.parametrize("case", STATUS)
def test_performance_status_on_either_scale(case):
    observations, rule, expected = STATUS[case]
    assert truth(rule, lms(observations=observations)) == expected


def test_a_performance_status_that_does_not_decide_is_asked_not_measured():
    (missing,) = asked("ecog <= 1", lms(observations=[obs("karnofsky", "70")])).missing
    assert (missing.text, missing.cost) == ("ECOG performance status to a precision that decides", "ask")


def test_what_a_ratio_lacks_is_asked_for_on_both_sides():
    found = asked("ast / alt <= 2", lms())
    assert [item.concepts for item in found.missing] == [("ast",), ("alt",)]
    conflict = [obs("ast", "30", unit="U/L"), obs("alt", "15", unit="U/L"), obs("alt", "40", unit="U/L")]
    found = asked("ast / alt <= 1", lms(observations=conflict))
    assert [item.concepts for item in found.missing] == [("alt",)]
    assert len(found.evidence) == 3


def test_the_table_used_is_named():
    found = asked("ecog <= 1", lms(observations=[obs("karnofsky", "80")]))
    assert "karnofsky 80, union of published tables" in found.evidence[0].value


# --- sex ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sexes", "rule", "expected"),
    [
        (("female",), "sex is female", "met"),
        (("female",), "sex is not female", "not_met"),
        (("female",), "sex is any of (male, female)", "met"),
        ((), "sex is female", "unknown: not recorded"),
        (("female", "male"), "sex is female", "unknown: conflicting"),
        (("female", "male"), "sex is any of (male, female)", "met"),
        (("female",), "sex is recorded", "met"),
        (("female",), "sex >= 2", "unknown: imprecise"),
    ],
)
def test_sex(sexes, rule, expected):
    assert truth(rule, replace(lms(), sexes=sexes)) == expected


def test_sex_never_changes():
    assert asked("sex is male", lms()).change is Change.NEVER


# --- words that no vocabulary knows ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("xyzzy >= 2", "no known test"),
        ("xyzzy is yes", "not known"),
        ("sex is blue", "no sex"),
        ("pregnancy_test is blue", "no value of pregnancy_test"),
        ("anc >= 2 cm", "no unit of anc"),
        ("anc / wbc <= 3 days", "stands alone"),
    ],
)
def test_a_word_that_is_not_known_is_an_error_and_no_answer(rule, said):
    with pytest.raises(UnknownWord, match=said):
        asked(rule, lms(observations=[anc("2")]))
