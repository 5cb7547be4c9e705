"""Values as intervals by the thousand: the same ends and the same comparisons as one at a time."""

import itertools
import math

import numpy as np
import pytest

from matcher.engine.bulk.intervals import Intervals, clean, compare
from matcher.engine.intervals import Interval
from matcher.engine.intervals import compare as compare_two
from trials.criteria.tree import Operator

NUMBERS = (
    0.0, -0.0, 1.0, 100.0, 1.5 * 1.2, -1.7999999999999998, 0.1 + 0.2, 1 / 3, 2 / 3, 1e5 / 7, 123_456.78905,
    9.9999999999, 0.99999999995, 99_999.99999999, 999_999.9999, 1_000_000.00005, 12_345_678_905.5, 1.2345678905,
    1e15 / 7, 1e22 / 7, 1e-7 / 3, 1e-20 / 3, 1e300 / 7, 1e-300 / 3, 1e13 + 1 / 3, math.inf, -math.inf,
)  # fmt: skip

ENDS = (-math.inf, 0.0, 1.0, 2.0, math.inf)
SOME = [
    Interval(lo, hi, lo_open, hi_open)
    for lo, hi in itertools.combinations_with_replacement(ENDS[:4], 2)
    for lo_open in (False, True)
    for hi_open in (False, True)
] + [Interval(1.0, math.inf), Interval(-math.inf, math.inf), Interval(1.0, math.inf, True)]
PAIRS = list(itertools.product(SOME, SOME))


def many(intervals, *, marks=True):
    """Intervals as arrays."""
    columns = [
        np.array(column) for column in zip(*((i.lo, i.hi, i.lo_open, i.hi_open) for i in intervals), strict=True)
    ]
    return Intervals.of(columns[0], columns[1], *(columns[2:] if marks else (None, None)))


def each(found):
    """Arrays as intervals."""
    opens = [np.zeros(len(found), bool) if o is None else o for o in (found.lo_open, found.hi_open)]
    return [
        Interval(*each) for each in zip(found.lo.tolist(), found.hi.tolist(), *(o.tolist() for o in opens), strict=True)
    ]


def test_numbers_are_cleaned_to_ten_digits():
    assert clean(np.array(NUMBERS)).tolist() == [Interval.point(number).lo for number in NUMBERS]
    assert clean(np.zeros(0)).tolist() == []


def test_numbers_of_few_decimals_are_left_as_they_are():
    numbers = np.array([0.1, 88.4, 1500.0, 7.35])
    assert clean(numbers) is numbers


@pytest.mark.parametrize("operator", Operator)
def test_comparisons_are_those_of_two_values(operator):
    left, right = (many([pair[i] for pair in PAIRS]) for i in (0, 1))
    assert compare(left, operator, right).tolist() == [int(compare_two(a, operator, b)) for a, b in PAIRS]


@pytest.mark.parametrize("operator", Operator)
@pytest.mark.parametrize("limit", [Interval.point(1.0), Interval(0.0, 1.0, False, True)])
def test_one_value_may_stand_for_all(operator, limit):
    points = [Interval.point(number) for number in (0.0, 0.5, 1.0, 2.0)]
    found = compare(many(points), operator, many([limit]))
    assert found.tolist() == [int(compare_two(each, operator, limit)) for each in points]


@pytest.mark.parametrize("marks", [True, False])
def test_sums_and_quotients(marks):
    pairs = [pair for pair in PAIRS if pair[0].lo >= 0 and pair[1].lo > 0]
    if not marks:
        pairs = [(Interval(a.lo, a.hi), Interval(b.lo, b.hi)) for a, b in pairs if not (a.lo_open or b.lo_open)]
    left, right = (many([pair[i] for pair in pairs], marks=marks) for i in (0, 1))
    assert left.divisible(right).all()
    assert each(left.over(right)) == [a.over(b) for a, b in pairs]
    assert each(left.plus(right)) == [a.plus(b) for a, b in pairs]


def test_sums_and_quotients_of_plain_numbers_stay_plain():
    left, right = Intervals.points(np.array([1.0, 1.2, 0.1])), Intervals.points(np.array([3.0, 7.0, 0.2]))
    for found, expected in ((left.over(right), [1 / 3, 1.2 / 7, 0.5]), (left.plus(right), [4.0, 8.2, 0.1 + 0.2])):
        assert found.exact
        assert each(found) == [Interval.point(number) for number in expected]


def test_what_may_be_nothing_divides_nothing():
    right = many([Interval(0.0, 1.0), Interval(0.0, 1.0, True), Interval(1.0, 2.0), Interval(1.0, 2.0)])
    left = many([Interval.point(1.0), Interval.point(1.0), Interval(-1.0, 1.0), Interval.point(0.0)])
    pairs = zip(each(left), each(right), strict=True)
    assert left.divisible(right).tolist() == [a.over(b) is not None for a, b in pairs] == [False, False, False, True]


def test_multiples():
    found = many(SOME).times(1.2)
    assert each(found) == [interval.times(1.2) for interval in SOME]
    assert Intervals.point(1.5).times(1.2).exact


def test_missing_ends_are_infinite():
    nan = math.nan
    lo, hi = np.array([nan, 1.0, nan, 0.1 + 0.2, 2.0]), np.array([2.0, nan, nan, 0.1 + 0.2, 3.0])
    marks = np.array([False, True, False, False, True])
    expected = [
        Interval.between(*(None if math.isnan(end) else end for end in ends), mark, False)
        for *ends, mark in zip(lo.tolist(), hi.tolist(), marks.tolist(), strict=True)
    ]
    assert each(Intervals.between(lo, hi, marks, None)) == expected
    assert Intervals.between(lo[3:4], hi[3:4]).exact


def test_some_of_them_and_some_more():
    intervals, points = many(SOME), Intervals.points(np.array([1.0, 2.0]))
    assert each(intervals.take(np.array([3, 3, 0]))) == [SOME[3], SOME[3], SOME[0]]
    assert each(points.take(slice(1, None))) == [Interval.point(2.0)]
    assert each(Intervals.point(5.0).take(np.array([4, 7]))) == [Interval.point(5.0)] * 2
    assert each(points.and_(intervals)) == [*each(points), *SOME]
    assert each(intervals.and_(points)) == [*SOME, *each(points)]
    assert points.and_(points).exact
