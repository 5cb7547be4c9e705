"""The words of `patients.wording` in templates, so that a date looks the same wherever it stands."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django import template
from django.utils import timezone

from patients import wording

register = template.Library()


@register.filter
def day(value: date | None) -> str:
    """A day: 15 Jan 2026."""
    return wording.day_text(value)


@register.filter
def instant(value: datetime | None) -> str:
    """A moment in the page's time zone."""
    return wording.instant_text(timezone.localtime(value) if value is not None else None)


@register.filter
def with_days(value: str) -> str:
    """A text with its ISO days written out."""
    return wording.with_days(value)


@register.filter
def counted(value: int, noun: str) -> str:
    """`{{ n|counted:"fact" }}`; an irregular plural stands after a comma: `"registry,registries"`."""
    one, _, many = noun.partition(",")
    return wording.plural(value, one, many)


@register.filter
def share(part: float, whole: float) -> float:
    """A part of a whole in percent, for the width of a bar; 0 of nothing."""
    return round(100 * part / whole, 1) if whole else 0


@register.filter
def of(mapping: Any, key: Any) -> Any:
    """The value of a key, or nothing."""
    return mapping.get(key) if mapping else None


@register.filter
def spaced(value: str) -> str:
    """An identifier as words: disease_status becomes disease status."""
    return str(value).replace("_", " ")
