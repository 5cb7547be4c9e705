"""Days by the thousand: moving them by spans, and intervals of them against each other.

The same arithmetic as `reference.days`, over arrays of ordinals: months are clamped to their end, PAST and FUTURE stay
where they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.engine.bulk.columns import Bools, Ints
from matcher.engine.reference.days import FUTURE, PAST, days_of
from trials.criteria import tree as t

#: Days of 400 years, and from 1 March of year 0 to the day before 1 January of year 1.
_ERA, _MARCH = 146_097, 305

#: The days of each month by its number, but for leap years.
_LENGTHS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], np.int32)

_LAST_YEAR = 9999


@dataclass(frozen=True, slots=True)
class Spans:
    """Intervals of days, one per item: int32 ordinals of shape (n,), both ends included."""

    lo: Ints
    hi: Ints

    @property
    def exact(self) -> Bools:
        """Which are known to the day."""
        found: Bools = self.lo == self.hi
        return found

    def upto(self, day: Ints) -> Spans:
        """The same, cut off after a day."""
        return Spans(np.minimum(self.lo, day), np.minimum(self.hi, day))

    def take(self, index: NDArray[Any]) -> Spans:
        """The intervals of some items."""
        lo = self.lo[index]
        return Spans(lo, lo if self.hi is self.lo else self.hi[index])


def parts_of(day: Ints) -> tuple[Ints, Ints, Ints]:
    """Years, months and days of the month of ordinals.

    Counted from 1 March, so that the day a leap year adds is the last (H. Hinnant, chrono-compatible low-level date
    algorithms): whole-number arithmetic, where NumPy's own calendar takes ten times as long.
    """
    since = day + np.int32(_MARCH)
    era = since // _ERA
    of_era = since - era * _ERA
    year_of_era = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    from_march = (5 * of_year + 2) // 153
    month = from_march + np.where(from_march < 10, np.int32(3), np.int32(-9))
    year = year_of_era + era * 400 + (month <= 2)
    return year, month, of_year - (153 * from_march + 2) // 5 + 1


def _day_of(year: Ints, month: Ints, at: Ints) -> Ints:
    """The ordinals of days of the calendar."""
    year = year - (month <= 2)
    era = year // 400
    year_of_era = year - era * 400
    from_march = month + np.where(month > 2, np.int32(-3), np.int32(9))
    of_year = (153 * from_march + 2) // 5 + at - 1
    found: Ints = era * _ERA + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + of_year - _MARCH
    return found


def add_months(day: Ints, months: int) -> Ints:
    """Days moved by calendar months, clamped to the end of the month and to the range of the calendar."""
    if months == 0 or not len(day):
        return day
    year, month, at = parts_of(day)
    index = year * 12 + (month - 1 + months)
    year, month = index // 12, index % 12 + 1
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    length = _LENGTHS[month] + (leap & (month == 2))
    moved = _day_of(year, month, np.minimum(at, length))
    # Beyond the calendar there is its first day, or its last.
    found: Ints = np.where(year < 1, PAST, np.where(year > _LAST_YEAR, FUTURE, moved)).astype(np.int32)
    return found


def add_days(day: Ints, days: int) -> Ints:
    """Days moved by days, clamped to the range of the calendar."""
    return np.clip(day.astype(np.int64) + days, PAST, FUTURE).astype(np.int32)


def shift(day: Ints, span: t.Span, *, back: bool = False) -> Ints:
    """Days moved by a span, which is no half-life; PAST and FUTURE stay."""
    moves = (day != PAST) & (day != FUTURE)
    low, high = int(day.min(where=moves, initial=FUTURE)), int(day.max(where=moves, initial=PAST))
    if high - low >= len(day):
        return np.where(moves, _moved(day, span, back=back), day).astype(np.int32)
    # Many items have few days between them, and each day moves alike: those from the first to the last are moved once.
    each = _moved(np.arange(low, high + 1, dtype=np.int32), span, back=back)
    return np.where(moves, each[np.clip(day, low, high) - low], day) if len(each) else day


def _moved(day: Ints, span: t.Span, *, back: bool) -> Ints:
    sign = -1 if back else 1
    if span.unit not in (t.TimeUnit.MONTH, t.TimeUnit.YEAR):
        return add_days(day, sign * days_of(span))
    months = span.number * (12 if span.unit is t.TimeUnit.YEAR else 1)
    whole = math.floor(months)
    return add_days(add_months(day, sign * whole), sign * math.ceil((months - whole) * 30))


def meets(start: Spans, end: Spans, opens: Spans, closes: Spans) -> NDArray[np.uint8]:
    """Whether courses (first day in `start`, last in `end`) lie in windows by at least a day: truths 0, 1, 2."""
    surely = (start.hi <= closes.lo) & (end.lo >= opens.hi)
    perhaps = (start.lo <= closes.hi) & (end.hi >= opens.lo)
    return _truths(surely, perhaps)


def not_before(later: Spans, earlier: Spans) -> NDArray[np.uint8]:
    """Whether `later` falls on `earlier` or after it: truths 0, 1, 2."""
    return _truths(later.lo >= earlier.hi, later.hi >= earlier.lo)


def _truths(surely: Bools, perhaps: Bools) -> NDArray[np.uint8]:
    """2 where something is surely so, else 1 where it may be, else 0."""
    found: NDArray[np.uint8] = surely.view(np.uint8) + (surely | perhaps).view(np.uint8)
    return found
