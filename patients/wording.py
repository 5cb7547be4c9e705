"""How days, spans, numbers and sources are written for people: one form on every page.

A partial date is written as far as it is known, so that a page never shows an invented day. Texts that the engines
wrote with ISO dates are read the same way.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from math import floor, log10

from patients.facts.dates import month_end

_ISO_DAY = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b(?!\.)")
# A day known to its month; not a part of an id such as 2011-001308-36, nor of a name with more hyphens.
_ISO_MONTH = re.compile(r"(?<![\w.-])((?:19|20)\d{2})-(0[1-9]|1[0-2])(?![\w.-])")
#: What stands for a value that is not recorded.
NONE = "–"


def day_text(day: date | None) -> str:
    """15 Jan 2026; a dash where there is none."""
    return f"{day.day} {day:%b %Y}" if day is not None else NONE


def partial_text(first: date | None, last: date | None) -> str:
    """A partial date as far as it is known: 15 Jan 2026, Jan 2026, 2026, or the two ends of an odd interval."""
    if first is None or last is None:
        return NONE
    if first == last:
        return day_text(first)
    if (first.year, first.month, first.day, last.month, last.day) == (last.year, 1, 1, 12, 31):
        return str(first.year)
    if first.day == 1 and last == month_end(first):
        return f"{first:%b %Y}"
    return f"between {day_text(first)} and {day_text(last)}"


def conflict_text(first: date | None, last: date | None) -> str:
    """That a record calls a patient both alive and dead, with the denied date of death where there is one."""
    day = partial_text(first, last)
    return f"The record says both that the patient lives and that they died{'' if day == NONE else f' ({day})'}."


def span_text(start: str, end: str, *, ongoing: bool | None = None) -> str:
    """From one written date to another: `10 Jan 2024 to 20 May 2024`, `since Jan 2024`, `until 2023`."""
    if ongoing:
        return f"since {start}, ongoing" if start != NONE else "ongoing"
    if start == NONE and end == NONE:
        return NONE
    if end == NONE:
        return f"from {start}"
    if start == NONE:
        return f"until {end}"
    return start if start == end else f"{start} to {end}"


def with_days(text: str) -> str:
    """A text in which every ISO day, and every month that stands for one, is written as it is written here."""

    def written(found: re.Match[str]) -> str:
        try:
            return day_text(date(int(found[1]), int(found[2]), int(found[3])))
        except ValueError:
            return found[0]

    months = _ISO_MONTH.sub(lambda found: f"{date(int(found[1]), int(found[2]), 1):%b %Y}", text)
    return _ISO_DAY.sub(written, months)


def number_text(value: float | None, *, digits: int = 10) -> str:
    """A number without digits that say nothing: 7, 1.5, 0.04; to `digits` significant ones, never as a power."""
    if value is None:
        return NONE
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - floor(log10(abs(value))))
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def instant_text(instant: datetime | None) -> str:
    """A moment to the minute, in the zone it was brought to."""
    return f"{day_text(instant.date())}, {instant:%H:%M}" if instant is not None else NONE


def plural(count: int, one: str, many: str = "") -> str:
    """`1 fact`, `2 facts`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
