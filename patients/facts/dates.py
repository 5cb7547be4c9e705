"""Partial dates as intervals of days.

A registry writes 2023, 2023-05 or 2023-05-17; each is the set of days it may mean. A question about such a date is
decided only where every day in the interval agrees, so nothing downstream ever sees an invented day.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

_ISO = re.compile(r"^(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?$")
_COMPACT = re.compile(r"^(\d{4})(\d{2})(\d{2})?$")


class DateProblem(ValueError):
    """A text that is no date of the calendar; the message says what is wrong and how to write it."""


@dataclass(frozen=True, slots=True, order=True)
class PartialDate:
    """A closed interval of days, `first` to `last`, one of which is meant."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.first > self.last:
            raise DateProblem(f"the interval ends ({self.last}) before it begins ({self.first})")

    @classmethod
    def of(cls, day: date) -> PartialDate:
        """The date that is known to the day."""
        return cls(day, day)

    @classmethod
    def parse(cls, text: str) -> PartialDate:
        """Read `2023`, `2023-05`, `2023-05-17`, `20230517`, `202305` (a time of day is dropped).

        Raises DateProblem for anything else, and for days that no calendar has.
        """
        cleaned = text.strip()
        if "T" in cleaned or " " in cleaned:
            cleaned = re.split(r"[T ]", cleaned, maxsplit=1)[0]
        found = _ISO.match(cleaned) or _COMPACT.match(cleaned)
        if found is None:
            raise DateProblem("not a date: write YYYY-MM-DD, YYYY-MM or YYYY")
        year, month, day = (int(part) if part else None for part in found.groups())
        if year is None or not 1850 <= year <= 2200:
            raise DateProblem(f"the year {year} is outside 1850 to 2200")
        if month is None:
            return cls(date(year, 1, 1), date(year, 12, 31))
        if not 1 <= month <= 12:
            raise DateProblem(f"there is no month {month}: write YYYY-MM-DD")
        length = calendar.monthrange(year, month)[1]
        if day is None:
            return cls(date(year, month, 1), date(year, month, length))
        if not 1 <= day <= length:
            raise DateProblem(f"{calendar.month_name[month]} {year} has no day {day}: it has {length}")
        return cls.of(date(year, month, day))

    @property
    def exact(self) -> bool:
        """Whether the day itself is known."""
        return self.first == self.last

    def __str__(self) -> str:
        return _written(self.first, self.last)


@lru_cache(maxsize=65_536)
def _written(first: date, last: date) -> str:
    """An interval of days in its shortest writing; the same few days are written again and again as evidence."""
    if first == last:
        return first.isoformat()
    if (first.month, first.day, last.month, last.day) == (1, 1, 12, 31):
        if first.year == last.year:
            return f"{first.year:04d}"
    elif first.day == 1 and last == month_end(first):
        return first.strftime("%Y-%m")
    return f"{first.isoformat()}/{last.isoformat()}"


def month_end(day: date) -> date:
    """The last day of the month that holds `day`."""
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def add_months(day: date, months: int) -> date:
    """Move by calendar months, clamped to the end of the month: 31 January + 1 month = 28 or 29 February."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    if year < date.min.year:
        return date.min
    if year > date.max.year:
        return date.max
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def add_days(day: date, days: int) -> date:
    """Move by days, clamped to the range of the calendar."""
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return date.min if days < 0 else date.max
