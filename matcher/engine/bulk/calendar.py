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

#: The ordinal of 1 January 1970, from which NumPy counts.
_EPOCH = 719_163


@dataclass(frozen=True, slots=True)
class Spans:
    """Intervals of days, one per item: int32 ordinals of shape (n,), both ends included."""

    lo: Ints
    hi: Ints

    @property
    def exact(self) -> Bools:
        """Which are known to the day."""
        return self.lo == self.hi

    def upto(self, day: Ints) -> Spans:
        """The same, cut off after a day."""
        return Spans(np.minimum(self.lo, day), np.minimum(self.hi, day))

    def take(self, index: NDArray[Any]) -> Spans:
        """The intervals of some items."""
        return Spans(self.lo[index], self.hi[index])


def add_months(day: Ints, months: int) -> Ints:
    """Days moved by calendar months, clamped to the end of the month and to the range of the calendar."""
    if months == 0 or not len(day):
        return day
    moment = (day.astype(np.int64) - _EPOCH).astype("M8[D]")
    month = moment.astype("M8[M]")
    within = (moment - month.astype("M8[D]")).astype(np.int64)
    target = month.astype(np.int64) + months
    first = target.astype("M8[M]").astype("M8[D]").astype(np.int64)
    after = (target + 1).astype("M8[M]").astype("M8[D]").astype(np.int64)
    moved = first + np.minimum(within, after - first - 1) + _EPOCH
    return np.clip(moved, PAST, FUTURE).astype(np.int32)


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
    return np.where(surely, 2, np.where(perhaps, 1, 0)).astype(np.uint8)


def not_before(later: Spans, earlier: Spans) -> NDArray[np.uint8]:
    """Whether `later` falls on `earlier` or after it: truths 0, 1, 2."""
    return np.where(later.lo >= earlier.hi, 2, np.where(later.hi < earlier.lo, 0, 1)).astype(np.uint8)
