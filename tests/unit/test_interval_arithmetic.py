"""The arithmetic under the answers: truths, changes, days, intervals of values, and how findings combine."""

from __future__ import annotations

import itertools
from datetime import date

import pytest

from matcher.engine.intervals import Interval, compare
from matcher.engine.reference import algebra
from matcher.engine.reference.days import (
    FUTURE,
    PAST,
    Course,
    Days,
    Frame,
    days_of,
    meets,
    not_before,
    shift,
    show_days,
)
from matcher.engine.results import Evidence, Finding, Missing, unknown
from matcher.engine.truth import Change, Reason, Truth, easiest, first_reason, hardest, negation
from patients.facts import PartialDate
from trials.criteria import tree as t

MET, NOT_MET, UNKNOWN = Truth.MET, Truth.NOT_MET, Truth.UNKNOWN
COUNTED = [MET, NOT_MET, UNKNOWN]


def of(truth: Truth, change: Change = Change.NEVER, **more: object) -> Finding:
    if truth is UNKNOWN:
        return Finding(truth, more.pop("reason", Reason.NOT_RECORDED), None, **more)  # type: ignore[arg-type]  # a table
    return Finding(truth, None, change, **more)  # type: ignore[arg-type]  # a table of fields


# truth


def test_truths_are_ordered_and_carry_the_words_of_the_wire() -> None:
    assert sorted(COUNTED) == [NOT_MET, UNKNOWN, MET]
    assert [str(truth) for truth in Truth] == ["not_met", "unknown", "met"]
    assert [negation(truth) for truth in Truth] == [MET, UNKNOWN, NOT_MET]
    assert (Truth.of(True), Truth.of(False)) == (MET, NOT_MET)


@pytest.mark.parametrize(
    ("reasons", "expected"),
    [
        ([], None),
        ([None, None], None),
        ([Reason.NEEDS_JUDGEMENT, None, Reason.STALE], Reason.STALE),
        ([Reason.NOT_STRUCTURED, Reason.NEEDS_JUDGEMENT], Reason.NEEDS_JUDGEMENT),
        ([Reason.NOT_RECORDED, Reason.CONFLICTING], Reason.CONFLICTING),
    ],
)
def test_one_reason_stands_for_several(reasons: list[Reason | None], expected: Reason | None) -> None:
    assert first_reason(reasons) is expected


def test_never_is_harder_than_course_than_action_than_time() -> None:
    assert sorted(Change, key=lambda change: change.hardness) == [
        Change.TIME, Change.ACTION, Change.COURSE, Change.NEVER,
    ]  # fmt: skip
    assert (hardest([Change.ACTION, Change.NEVER, Change.TIME]), hardest([])) == (Change.NEVER, Change.TIME)
    assert (easiest([Change.ACTION, Change.NEVER]), easiest([])) == (Change.ACTION, Change.NEVER)
    assert str(Change.COURSE) == "by course of disease"


# values


def between(lo: float | None, hi: float | None, lo_open: bool = False, hi_open: bool = False) -> Interval:
    return Interval.between(lo, hi, lo_open, hi_open)


P = Interval.point


@pytest.mark.parametrize(
    ("left", "operator", "right", "expected"),
    [
        (P(1.5), "<", P(1.5), NOT_MET),
        (P(1.4), "<", P(1.5), MET),
        (between(None, 0.2, hi_open=True), "<", P(0.2), MET),
        (between(None, 0.2), "<", P(0.2), UNKNOWN),
        (P(1.5), "<=", P(1.5), MET),
        (P(1.6), "<=", P(1.5), NOT_MET),
        (between(1.5, None, lo_open=True), "<=", P(1.5), NOT_MET),
        (between(1.5, None), "<=", P(1.5), UNKNOWN),
        (between(1, 3), "<=", P(2), UNKNOWN),
        (P(2), ">", P(1), MET),
        (P(1), ">", P(1), NOT_MET),
        (between(None, 0.2, hi_open=True), ">", P(0.1), UNKNOWN),
        (P(1), ">=", P(1), MET),
        (between(None, 1, hi_open=True), ">=", P(1), NOT_MET),
        (P(1), "=", P(1), MET),
        (P(1), "=", P(2), NOT_MET),
        (P(3), "=", P(2), NOT_MET),
        (between(None, 2, hi_open=True), "=", P(2), NOT_MET),
        (between(1, 2), "=", P(2), UNKNOWN),
        # A range equals nothing for certain, not even itself.
        (between(1, 2), "=", between(1, 2), UNKNOWN),
        (P(1), "!=", P(1), NOT_MET),
        (P(1), "!=", P(2), MET),
        (between(1, 2), "!=", P(2), UNKNOWN),
    ],
)
def test_a_comparison_holds_only_where_every_pair_of_values_agrees(left, operator, right, expected) -> None:  # type: ignore[no-untyped-def]  # a table
    assert compare(left, t.Operator(operator), right) is expected


OPEN_OR_CLOSED = [
    Interval(lo, hi, lo_open, hi_open)
    for lo, hi, lo_open, hi_open in itertools.product((0.0, 1.0), (1.0, 2.0), (False, True), (False, True))
    if lo < hi or not (lo_open or hi_open)
]


def members(interval: Interval) -> list[float]:
    """Values at and just inside the ends, enough to tell open from closed."""
    inside = [interval.lo + (interval.hi - interval.lo) / 1000 * k for k in (1, 500, 999)]
    ends = [interval.lo] * (not interval.lo_open) + [interval.hi] * (not interval.hi_open)
    return [*ends, *(inside if interval.lo < interval.hi else [])]


@pytest.mark.parametrize("operator", list(t.Operator))
def test_no_comparison_is_definite_against_a_pair_of_possible_values(operator: t.Operator) -> None:
    holds = {
        "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
        "=": lambda a, b: a == b, "!=": lambda a, b: a != b,
    }[operator.value]  # fmt: skip
    for left, right in itertools.product(OPEN_OR_CLOSED, repeat=2):
        seen = {holds(a, b) for a in members(left) for b in members(right)}
        answer = compare(left, operator, right)
        assert answer is UNKNOWN or seen == {answer is MET}, (left, right)


def test_products_quotients_and_sums_carry_ten_digits() -> None:
    assert P(1.2).times(1.5) == P(1.8)
    assert P(0.1).plus(P(0.2)) == P(0.3)
    assert between(None, 2, hi_open=True).times(2) == between(None, 4, hi_open=True)
    assert between(1, 2, lo_open=True).plus(between(1, 2, hi_open=True)) == between(2, 4, True, True)
    assert between(1, 2, lo_open=True).over(between(2, 4)) == between(0.25, 1, lo_open=True)
    assert between(1, 2).over(between(2, 4, hi_open=True)) == between(0.25, 1, lo_open=True)
    assert P(6).over(between(2, None)) == between(0, 3)


@pytest.mark.parametrize(("left", "right"), [(P(1), P(0)), (P(1), between(None, 2)), (P(-1), P(2))])
def test_no_quotient_by_what_may_be_zero_nor_of_what_is_negative(left: Interval, right: Interval) -> None:
    assert left.over(right) is None


def test_lower_and_higher_of_two_values() -> None:
    below, upto = between(0, 5, hi_open=True), between(0, 5)
    assert below.lower(upto) == below
    assert below.higher(upto) == upto
    above, since = between(5, 9, lo_open=True), between(5, 9)
    assert above.lower(since) == since
    assert above.higher(since) == above
    assert between(1, 8).lower(between(3, None)) == between(1, 8)
    assert between(1, 8).higher(between(3, None)) == between(3, None)


# days


def n(text: str) -> int:
    return date.fromisoformat(text).toordinal()


def d(lo: str, hi: str | None = None) -> Days:
    return Days(n(lo), n(hi or lo))


def span(number: float, unit: t.TimeUnit) -> t.Span:
    return t.Span(number, unit)


def test_a_partial_date_is_an_interval_of_days() -> None:
    may = Days.of(PartialDate.parse("2024-05"))
    assert may == d("2024-05-01", "2024-05-31")
    assert not may.exact and Days.on(n("2024-05-01")).exact
    assert may.upto(n("2024-05-10")) == d("2024-05-01", "2024-05-10")
    assert may.upto(n("2024-04-10")) == d("2024-04-10")
    assert Course.event(may) == Course(may, may)


@pytest.mark.parametrize(
    ("day", "number", "unit", "back", "expected"),
    [
        ("2024-01-31", 1, t.TimeUnit.MONTH, False, "2024-02-29"),
        ("2024-03-31", 1, t.TimeUnit.MONTH, True, "2024-02-29"),
        ("2024-01-01", 1.5, t.TimeUnit.MONTH, False, "2024-02-16"),
        ("2024-02-29", 1, t.TimeUnit.YEAR, False, "2025-02-28"),
        ("2024-02-29", 4, t.TimeUnit.YEAR, True, "2020-02-29"),
        ("2024-01-01", 2, t.TimeUnit.WEEK, False, "2024-01-15"),
        ("2024-01-15", 14, t.TimeUnit.DAY, True, "2024-01-01"),
        ("2024-01-01", 25, t.TimeUnit.HOUR, False, "2024-01-03"),
        ("0001-01-02", 1, t.TimeUnit.WEEK, True, "0001-01-01"),
        ("9999-12-30", 1, t.TimeUnit.YEAR, False, "9999-12-31"),
    ],
)
def test_a_day_moves_by_a_span(day: str, number: float, unit: t.TimeUnit, back: bool, expected: str) -> None:
    assert date.fromordinal(shift(n(day), span(number, unit), back=back)).isoformat() == expected


def test_what_has_no_bound_stays_without_one() -> None:
    week = span(1, t.TimeUnit.WEEK)
    assert (shift(PAST, week), shift(FUTURE, week, back=True)) == (PAST, FUTURE)


@pytest.mark.parametrize(
    ("number", "unit", "days"),
    [
        (24, t.TimeUnit.HOUR, 1), (25, t.TimeUnit.HOUR, 2), (72, t.TimeUnit.HOUR, 3), (1.5, t.TimeUnit.DAY, 2),
        (4, t.TimeUnit.WEEK, 28),
    ],
)  # fmt: skip
def test_a_day_begun_counts_whole(number: float, unit: t.TimeUnit, days: int) -> None:
    assert days_of(span(number, unit)) == days


WINDOW = Frame(d("2024-03-01"), d("2024-03-31"))


@pytest.mark.parametrize(
    ("course", "expected"),
    [
        (Course(d("2024-02-01"), d("2024-03-01")), MET),
        (Course(d("2024-03-31"), d("2024-05-01")), MET),
        (Course(d("2024-02-01"), d("2024-02-29")), NOT_MET),
        (Course(d("2024-04-01"), d("2024-05-01")), NOT_MET),
        (Course(d("2024-02-01"), d("2024-02-20", "2024-03-05")), UNKNOWN),
        (Course(d("2024-03-20", "2024-04-05"), d("2024-05-01")), UNKNOWN),
    ],
)
def test_a_course_lies_in_a_window_by_a_day(course: Course, expected: Truth) -> None:
    assert meets(course, WINDOW) is expected


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        (d("2024-03-31"), MET),
        (d("2024-02-29"), NOT_MET),
        (d("2024-03-10"), UNKNOWN),
        (d("2024-02-01", "2024-04-01"), UNKNOWN),
    ],
)
def test_after_a_day_that_is_only_known_by_its_month(later: Days, expected: Truth) -> None:
    assert not_before(later, d("2024-03-01", "2024-03-31")) is expected


def test_days_are_shown_as_they_were_written() -> None:
    assert show_days(d("2024-03-01", "2024-03-31")) == "2024-03"
    assert show_days(d("2024-03-05")) == "2024-03-05"
    assert show_days(Days(PAST, n("2024-03-05"))) == show_days(Days(n("2024-03-05"), FUTURE)) == "date not recorded"


# findings

AGE, ANC = Evidence("age", "40"), Evidence("anc", "1.2")
WANTED, OTHER = Missing("observation", ("anc",), text="ANC"), Missing("observation", ("hb",), text="Hb")


@pytest.mark.parametrize("left", list(Truth))
@pytest.mark.parametrize("right", list(Truth))
def test_and_is_the_least_or_the_greatest(left: Truth, right: Truth) -> None:
    assert algebra.both([of(left), of(right)]).truth is min(left, right)
    assert algebra.either([of(left), of(right)]).truth is max(left, right)


def test_an_unknown_keeps_its_reason_and_what_is_missing_but_all_evidence() -> None:
    found = algebra.both(
        [
            of(MET, evidence=(AGE,), note="of age", flips=(5,)),
            of(UNKNOWN, reason=Reason.NOT_RECORDED, missing=(WANTED,), note="no ANC"),
            of(UNKNOWN, reason=Reason.STALE, missing=(WANTED, OTHER), note="no ANC", evidence=(ANC, AGE), flips=(3, 5)),
        ]
    )
    assert (found.truth, found.reason, found.change) == (UNKNOWN, Reason.STALE, None)
    assert found.missing == (WANTED, OTHER)
    assert (found.evidence, found.note, found.flips) == ((AGE, ANC), "no ANC", (3, 5))


def test_a_definite_and_keeps_the_evidence_that_decided_it() -> None:
    against = of(NOT_MET, Change.ACTION, evidence=(ANC,), note="ANC too low")
    found = algebra.both([of(MET, evidence=(AGE,), note="of age"), of(UNKNOWN, missing=(WANTED,)), against])
    assert (found.evidence, found.missing, found.note) == ((ANC,), (), "ANC too low")


def test_a_not_met_and_needs_the_hardest_change_a_not_met_or_the_easiest() -> None:
    course, time = of(NOT_MET, Change.COURSE), of(NOT_MET, Change.TIME)
    assert algebra.both([course, time]).change is Change.COURSE
    assert algebra.either([course, time]).change is Change.TIME
    # The change of what is met is asked under `not`: one part falling is enough for an AND, all must for an OR.
    stays, falls = of(MET, Change.NEVER), of(MET, Change.ACTION)
    assert algebra.both([stays, falls]).change is Change.ACTION
    assert algebra.either([stays, falls]).change is Change.NEVER
    assert algebra.negate(falls) == of(NOT_MET, Change.ACTION)
    assert algebra.both([Finding(NOT_MET), time]).change is Change.NEVER


COUNTS = list(itertools.product(list(Truth), repeat=3))


@pytest.mark.parametrize("bound", list(t.Bound))
@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_a_count_is_decided_where_every_completion_agrees(bound: t.Bound, number: int) -> None:
    says = {
        t.Bound.AT_LEAST: lambda k: k >= number,
        t.Bound.AT_MOST: lambda k: k <= number,
        t.Bound.EXACTLY: lambda k: k == number,
    }[bound]
    for truths in COUNTS:
        sure, open_ = truths.count(MET), truths.count(UNKNOWN)
        seen = {says(k) for k in range(sure, sure + open_ + 1)}
        expected = Truth.of(seen.pop()) if len(seen) == 1 else UNKNOWN
        assert algebra.quota(bound, number, [of(truth) for truth in truths]).truth is expected, truths


def test_a_count_changes_by_the_easiest_parts_that_make_it_up() -> None:
    parts = [of(NOT_MET, Change.NEVER), of(NOT_MET, Change.COURSE), of(NOT_MET, Change.TIME), of(UNKNOWN)]
    assert algebra.quota(t.Bound.AT_LEAST, 2, parts[:3]).change is Change.COURSE
    assert algebra.quota(t.Bound.AT_LEAST, 3, parts).change is Change.COURSE
    assert algebra.quota(t.Bound.AT_LEAST, 4, parts).change is Change.NEVER
    met = [of(MET, Change.NEVER), of(MET, Change.ACTION), of(MET, Change.TIME)]
    assert algebra.quota(t.Bound.AT_LEAST, 3, met).change is Change.TIME
    assert algebra.quota(t.Bound.AT_LEAST, 2, met).change is Change.ACTION
    # "At most one" is not met by three: two of them must fall.
    assert algebra.quota(t.Bound.AT_MOST, 1, met).change is Change.ACTION


def test_an_open_count_says_what_is_missing() -> None:
    parts = [
        of(MET, evidence=(AGE,)),
        of(UNKNOWN, reason=Reason.STALE, missing=(WANTED,)),
        of(UNKNOWN, missing=(OTHER,)),
    ]
    found = algebra.quota(t.Bound.AT_LEAST, 2, parts)
    assert (found.truth, found.reason, found.missing, found.evidence) == (
        UNKNOWN,
        Reason.STALE,
        (WANTED, OTHER),
        (AGE,),
    )


def test_readings_that_agree_stand_and_the_easiest_change_is_hoped_for() -> None:
    disagreement = unknown(Reason.CONFLICTING, note="two values", missing=(OTHER,))
    agreed = algebra.spread([of(MET, evidence=(AGE,), flips=(2,)), of(MET, Change.TIME, evidence=(ANC,))], disagreement)
    assert (agreed.truth, agreed.change, agreed.evidence, agreed.flips) == (MET, Change.TIME, (AGE, ANC), (2,))
    open_ = algebra.spread([of(UNKNOWN), of(UNKNOWN, reason=Reason.STALE)], disagreement)
    assert (open_.truth, open_.reason, open_.change) == (UNKNOWN, Reason.STALE, None)
    split = algebra.spread([of(MET, evidence=(AGE,)), of(NOT_MET, evidence=(ANC,))], disagreement)
    assert (split.truth, split.reason, split.note) == (UNKNOWN, Reason.CONFLICTING, "two values")
    assert (split.evidence, split.missing) == ((AGE, ANC), (OTHER,))
