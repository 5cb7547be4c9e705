"""The as-of date of a question: a day, each patient's own `data_through`, or today where the registry is."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from django.utils import timezone

from patients import facts
from patients.models import Registry

DATA_THROUGH: Literal["data-through"] = "data-through"

#: What may be asked; None is today.
AsOf = date | Literal["data-through"] | None


def read_as_of(text: str | None) -> AsOf:
    """The as-of of a command line or a request. Raises ValueError with what may be written."""
    if text is None or text == "":
        return None
    if text == DATA_THROUGH:
        return DATA_THROUGH
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no date: write it as 2026-01-15, or {DATA_THROUGH}") from None


def today_in(registry: Registry, *, at: datetime | None = None) -> date:
    """The day it is in the time zone of a registry, at an instant (default: now)."""
    return (at or timezone.now()).astimezone(ZoneInfo(registry.time_zone)).date()


def day_of(as_of: AsOf, patient: facts.Patient, *, otherwise: date) -> date:
    """The day on which a patient is asked about; `otherwise` is for today, and for patients without a data_through."""
    if isinstance(as_of, date):
        return as_of
    return (patient.data_through or otherwise) if as_of == DATA_THROUGH else otherwise
