"""Values as intervals of real numbers, and their comparison.

`<0.2` is the open interval below 0.2, a converted scale or a partial birth date a closed range. A comparison is met if
every pair of possible values satisfies it, not met if none does, else unknown (SEMANTICS §2.3).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from matcher.engine.truth import Truth, negation
from trials.criteria.tree import Operator


def _clean(number: float) -> float:
    """Ten significant digits: 1.5 x 1.2 is 1.8, not 1.7999999999999998."""
    return float(f"{number:.10g}") if math.isfinite(number) else number


@dataclass(frozen=True, slots=True)
class Interval:
    """The value lies between `lo` and `hi`; an open end excludes itself."""

    lo: float
    hi: float
    lo_open: bool = False
    hi_open: bool = False

    @classmethod
    def point(cls, value: float) -> Interval:
        """A value that is known."""
        return cls(_clean(value), _clean(value))

    @classmethod
    def between(cls, lo: float | None, hi: float | None, lo_open: bool = False, hi_open: bool = False) -> Interval:
        """An interval whose missing ends are infinite."""
        return cls(-math.inf if lo is None else _clean(lo), math.inf if hi is None else _clean(hi), lo_open, hi_open)

    def times(self, factor: float) -> Interval:
        """Every value multiplied by a positive factor."""
        return Interval(_clean(self.lo * factor), _clean(self.hi * factor), self.lo_open, self.hi_open)

    def over(self, other: Interval) -> Interval | None:
        """The quotient of two values that are not negative; None where the divisor may be zero."""
        if other.lo <= 0 or self.lo < 0:
            return None
        return Interval(
            _clean(self.lo / other.hi), _clean(self.hi / other.lo), self.lo_open or other.hi_open,
            self.hi_open or other.lo_open,
        )  # fmt: skip

    def lower(self, other: Interval) -> Interval:
        """The lower of two values."""
        lo, lo_open = min((self.lo, self.lo_open), (other.lo, other.lo_open))
        hi, hi_closed = min((self.hi, not self.hi_open), (other.hi, not other.hi_open))
        return Interval(lo, hi, lo_open, not hi_closed)

    def higher(self, other: Interval) -> Interval:
        """The higher of two values."""
        lo, lo_open = max((self.lo, self.lo_open), (other.lo, other.lo_open))
        hi, hi_closed = max((self.hi, not self.hi_open), (other.hi, not other.hi_open))
        return Interval(lo, hi, lo_open, not hi_closed)

    def plus(self, other: Interval) -> Interval:
        """The sum."""
        return Interval(
            _clean(self.lo + other.lo), _clean(self.hi + other.hi), self.lo_open or other.lo_open,
            self.hi_open or other.hi_open,
        )  # fmt: skip


def _all_below(a: Interval, b: Interval) -> bool:
    return a.hi < b.lo or (a.hi == b.lo and (a.hi_open or b.lo_open))


def _none_above(a: Interval, b: Interval) -> bool:
    return a.hi <= b.lo


def compare(left: Interval, operator: Operator, right: Interval) -> Truth:
    """`left operator right` over all pairs of possible values."""
    match operator:
        case Operator.LT:
            met, not_met = _all_below(left, right), _none_above(right, left)
        case Operator.LE:
            met, not_met = _none_above(left, right), _all_below(right, left)
        case Operator.GT:
            return compare(right, Operator.LT, left)
        case Operator.GE:
            return compare(right, Operator.LE, left)
        case Operator.NE:
            return negation(compare(left, Operator.EQ, right))
        case _:
            met = left.lo == left.hi == right.lo == right.hi
            not_met = _all_below(left, right) or _all_below(right, left)
    return Truth.MET if met else Truth.NOT_MET if not_met else Truth.UNKNOWN
