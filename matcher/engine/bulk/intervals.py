"""Values as intervals of real numbers, by the thousand (`matcher.engine.intervals`, over arrays).

Most measured values are plain numbers, so an array of them is kept once: `hi` is then the very array `lo`, and no end
is open. A comparison of such is one operation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.engine.bulk.columns import Bools, Floats
from trials.criteria.tree import Operator

#: Powers of ten that a float holds exactly.
_POWERS = np.array([float(10**power) for power in range(23)])
_DIGITS = 10


def clean(numbers: Floats) -> Floats:
    """Ten significant digits, as the reference's `_clean` has them: the float nearest to the decimal of ten digits."""
    # Most numbers have few decimals: the float nearest to one of four is the nearest to its own ten digits.
    with np.errstate(invalid="ignore", over="ignore"):
        units = np.rint(numbers * 1e4)
        odd = np.flatnonzero((units / 1e4 != numbers) | (np.abs(units) >= 10.0**_DIGITS))
    if not len(odd):
        return numbers
    found = numbers.copy()
    found[odd] = _written(numbers[odd])
    return found


def _written(numbers: Floats) -> Floats:
    """Any numbers to ten digits."""
    found = numbers.copy()
    plain = np.isfinite(found)
    given = found[plain]
    size = np.floor(np.log10(np.abs(given))).astype(np.int64)
    power = _DIGITS - 1 - size
    scale = _POWERS[np.minimum(np.abs(power), len(_POWERS) - 1)]
    with np.errstate(over="ignore", under="ignore"):
        scaled = np.where(power >= 0, given * scale, given / scale)
        whole = np.rint(scaled)
        cleaned = np.where(power >= 0, whole / scale, whole * scale)
    # Where the last digit hangs on a rounding error, or the number is beyond the exact powers, the decimal is written.
    near = np.abs(np.abs(scaled - np.trunc(scaled)) - 0.5) < 1e-4
    strange = (np.abs(whole) < 10.0 ** (_DIGITS - 1)) | (np.abs(whole) >= 10.0**_DIGITS)
    for at in np.flatnonzero(near | strange | (np.abs(power) >= len(_POWERS))):
        cleaned[at] = float(f"{given[at]:.{_DIGITS}g}")
    found[plain] = cleaned
    return found


@dataclass(frozen=True, slots=True)
class Intervals:
    """Values between `lo` and `hi`: float64 of shape (m,), or (1,) where one stands for all.

    `lo_open` and `hi_open` mark ends that exclude themselves; None: no end does.
    """

    lo: Floats
    hi: Floats
    lo_open: Bools | None = None
    hi_open: Bools | None = None

    @classmethod
    def points(cls, values: Floats) -> Intervals:
        """Values that are known."""
        cleaned = clean(values)
        return cls(cleaned, cleaned)

    @classmethod
    def point(cls, value: float) -> Intervals:
        """One known value that stands for all."""
        return cls.points(np.array([value]))

    @classmethod
    def between(cls, lo: Floats, hi: Floats, lo_open: Bools | None = None, hi_open: Bools | None = None) -> Intervals:
        """Intervals whose missing ends (nan) are infinite."""
        differs = np.flatnonzero(lo != hi)
        low = clean(lo)
        if not len(differs):
            return cls.of(low, low, lo_open, hi_open)
        low = np.where(np.isnan(low), -np.inf, low)
        high = low.copy()
        ends = hi[differs]
        high[differs] = clean(np.where(np.isnan(ends), np.inf, ends))
        return cls.of(low, high, lo_open, hi_open)

    @classmethod
    def of(cls, lo: Floats, hi: Floats, lo_open: Bools | None, hi_open: Bools | None) -> Intervals:
        """Intervals of clean ends in their shortest form."""
        return cls(lo, lo if hi is lo or (lo == hi).all() else hi, _marked(lo_open), _marked(hi_open))

    @property
    def exact(self) -> bool:
        """Whether all are plain numbers."""
        return self.hi is self.lo and self.lo_open is None and self.hi_open is None

    def __len__(self) -> int:
        return len(self.lo)

    def take(self, index: NDArray[Any] | slice) -> Intervals:
        """Some of them, or each several times; what stands for all does so of any."""
        if len(self.lo) == 1 and not isinstance(index, slice):
            index = np.zeros(len(index), np.intp)
        lo = self.lo[index]
        return Intervals(
            lo, lo if self.hi is self.lo else self.hi[index], None if self.lo_open is None else self.lo_open[index],
            None if self.hi_open is None else self.hi_open[index],
        )  # fmt: skip

    def and_(self, other: Intervals) -> Intervals:
        """These and after them others."""
        lo = np.concatenate([self.lo, other.lo])
        if self.exact and other.exact:
            return Intervals(lo, lo)
        return Intervals.of(
            lo, np.concatenate([self.hi, other.hi]),
            np.concatenate([_all(self.lo_open, len(self)), _all(other.lo_open, len(other))]),
            np.concatenate([_all(self.hi_open, len(self)), _all(other.hi_open, len(other))]),
        )  # fmt: skip

    def times(self, factor: float) -> Intervals:
        """Every value multiplied by a positive factor."""
        lo = clean(self.lo * factor)
        return Intervals(lo, lo if self.hi is self.lo else clean(self.hi * factor), self.lo_open, self.hi_open)

    def plus(self, other: Intervals) -> Intervals:
        """The sums."""
        lo = clean(self.lo + other.lo)
        plain = self.hi is self.lo and other.hi is other.lo
        hi = lo if plain else clean(self.hi + other.hi)
        return Intervals(lo, hi, _either(self.lo_open, other.lo_open), _either(self.hi_open, other.hi_open))

    def divisible(self, other: Intervals) -> Bools:
        """Whether these can be divided by others: no divisor may be zero, nothing is negative."""
        found: Bools = (other.lo > 0) & (self.lo >= 0)
        return found

    def over(self, other: Intervals) -> Intervals:
        """The quotients of what is `divisible`."""
        lo = clean(self.lo / other.hi)
        plain = self.hi is self.lo and other.hi is other.lo
        hi = lo if plain else clean(self.hi / other.lo)
        return Intervals(lo, hi, _either(self.lo_open, other.hi_open), _either(self.hi_open, other.lo_open))


def _all(marks: Bools | None, number: int) -> Bools:
    return np.zeros(number, np.bool_) if marks is None else marks


def _marked(marks: Bools | None) -> Bools | None:
    return marks if marks is not None and marks.any() else None


def _either(one: Bools | None, other: Bools | None) -> Bools | None:
    if one is None or other is None:
        return other if one is None else one
    found: Bools = one | other
    return found


def _all_below(a: Intervals, b: Intervals) -> Bools:
    below: Bools = a.hi < b.lo
    open_ = _either(a.hi_open, b.lo_open)
    return below if open_ is None else below | ((a.hi == b.lo) & open_)


def compare(left: Intervals, operator: Operator, right: Intervals) -> NDArray[np.uint8]:
    """`left operator right` over all pairs of possible values: truths 0, 1, 2."""
    match operator:
        case Operator.GT:
            return compare(right, Operator.LT, left)
        case Operator.GE:
            return compare(right, Operator.LE, left)
        case Operator.NE:
            found: NDArray[np.uint8] = 2 - compare(left, Operator.EQ, right)
            return found
    exact = left.exact and right.exact
    if operator is Operator.LT:
        met = _all_below(left, right)
        if not exact:
            return _truth(met, right.hi <= left.lo)
    elif operator is Operator.LE:
        met = left.hi <= right.lo
        if not exact:
            return _truth(met, _all_below(right, left))
    else:
        met = (left.lo == right.lo) & (left.lo == left.hi) & (right.lo == right.hi)
        if not exact:
            return _truth(met, _all_below(left, right) | _all_below(right, left))
    sure: NDArray[np.uint8] = met.view(np.uint8) * np.uint8(2)
    return sure


def _truth(met: Bools, not_met: Bools) -> NDArray[np.uint8]:
    return np.where(met, 2, np.where(not_met, 0, 1)).astype(np.uint8)
