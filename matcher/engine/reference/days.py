"""Days as numbers, and intervals of them: the arithmetic under windows, washouts and times between events.

A day is its proleptic Gregorian ordinal (1 January of year 1 is 1). What is uncertain is an interval `Days(lo, hi)`,
both ends included; `PAST` and `FUTURE` stand for no bound at all. A comparison is met if every pair of days satisfies
it, not met if none does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

from matcher.engine.truth import Change, Truth
from patients.facts import PartialDate, add_days, add_months
from trials.criteria import tree as t

PAST = date.min.toordinal()
FUTURE = date.max.toordinal()


@dataclass(frozen=True, slots=True)
class Days:
    """The day that is meant lies between `lo` and `hi`."""

    lo: int
    hi: int

    @classmethod
    def on(cls, day: int) -> Days:
        """A day that is known."""
        return cls(day, day)

    @classmethod
    def of(cls, partial: PartialDate) -> Days:
        """The interval of a partial date."""
        return cls(partial.first.toordinal(), partial.last.toordinal())

    @property
    def exact(self) -> bool:
        """Whether the day itself is known."""
        return self.lo == self.hi

    def upto(self, day: int) -> Days:
        """The same, cut off after `day`."""
        return Days(min(self.lo, day), min(self.hi, day))


@dataclass(frozen=True, slots=True)
class Course:
    """Something with a first and a last day, either of them uncertain.

    `ceases` says how one that may still go on comes to an end: by action, by the course of disease; None for one that
    is over. Its last day moves along with the as-of date, so time alone never leaves it behind.
    """

    start: Days
    end: Days
    ceases: Change | None = None

    @classmethod
    def event(cls, days: Days) -> Course:
        """Something that happened on one day."""
        return cls(days, days)


@dataclass(frozen=True, slots=True)
class Frame:
    """A window: it opens on a day in `opens` and closes on a day in `closes`, both included."""

    opens: Days
    closes: Days


def shift(day: int, span: t.Span, *, back: bool = False) -> int:
    """`day` moved by a span. A week is 7 days, a month a calendar month clamped to its end, 24 hours a day begun."""
    if day in (PAST, FUTURE):
        return day
    sign = -1 if back else 1
    moment = date.fromordinal(day)
    if span.unit in (t.TimeUnit.MONTH, t.TimeUnit.YEAR):
        months = span.number * (12 if span.unit is t.TimeUnit.YEAR else 1)
        whole = math.floor(months)
        moved = add_months(moment, sign * whole)
        return add_days(moved, sign * math.ceil((months - whole) * 30)).toordinal()
    return add_days(moment, sign * days_of(span)).toordinal()


def days_of(span: t.Span) -> int:
    """The days of a span of hours, days or weeks; a day begun counts whole."""
    per = {t.TimeUnit.HOUR: 1 / 24, t.TimeUnit.DAY: 1, t.TimeUnit.WEEK: 7}[span.unit]
    return math.ceil(span.number * per - 1e-9)


def meets(course: Course, frame: Frame) -> Truth:
    """Whether a course lies in a window by at least a day."""
    if course.start.hi <= frame.closes.lo and course.end.lo >= frame.opens.hi:
        return Truth.MET
    if course.start.lo <= frame.closes.hi and course.end.hi >= frame.opens.lo:
        return Truth.UNKNOWN
    return Truth.NOT_MET


def not_before(later: Days, earlier: Days) -> Truth:
    """Whether `later` falls on `earlier` or after it."""
    if later.lo >= earlier.hi:
        return Truth.MET
    if later.hi < earlier.lo:
        return Truth.NOT_MET
    return Truth.UNKNOWN


def show_days(days: Days) -> str:
    """An interval of days as a person writes it."""
    if days.lo <= PAST or days.hi >= FUTURE:
        return "date not recorded"
    return str(PartialDate(date.fromordinal(days.lo), date.fromordinal(days.hi)))
