"""Completed years of a patient on a day. Birthdays are counted; 29 February counts on 1 March in other years."""

from __future__ import annotations

from datetime import date

from matcher.engine.reference.context import Context
from patients.facts import add_months


def ages_on(context: Context, day: int) -> tuple[int, int] | None:
    """Completed years on a day, as a range over the possible birth dates; None where none is recorded."""
    births = context.patient.births
    if not births:
        return None
    years = [_years(birth, date.fromordinal(day)) for partial in births for birth in (partial.first, partial.last)]
    return min(years), max(years)


def _years(birth: date, day: date) -> int:
    had = (day.month, day.day) >= (birth.month, birth.day)
    return day.year - birth.year - (0 if had else 1)


def completed_months(birth: date, day: date) -> int:
    """Months of age completed on a day; a month whose day the calendar lacks is complete at its end."""
    months = (day.year - birth.year) * 12 + day.month - birth.month
    return months if add_months(birth, months) <= day else months - 1
