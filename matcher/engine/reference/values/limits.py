"""Limits of normal: a value's own, else the range of the registry that is for this patient, laboratory and day."""

from __future__ import annotations

from datetime import date

from matcher.engine.reference.context import Context
from matcher.engine.reference.values.ages import ages_on
from matcher.engine.truth import Truth
from patients.facts import Observation, ReferenceRange, folded


def limit_of(context: Context, item: Observation, *, upper: bool) -> float | None:
    """The upper or lower limit of normal that holds for a value: its own row's, else the registry's range.

    Of several ranges that apply the one counts that says most of whom it is for; None where none is known for certain,
    or where one that says as much or more may apply and differs.
    """
    own = item.ref_high if upper else item.ref_low
    if own is not None:
        return own
    ranges = [(row, _applies(context, row, item)) for row in context.patient.ranges if row.test == item.test]
    possible = [(_restrictions(row), row, truth) for row, truth in ranges if truth is not Truth.NOT_MET]
    certain = max((said for said, _, truth in possible if truth is Truth.MET), default=None)
    if certain is None:
        return None
    limits = {row.high if upper else row.low for said, row, _ in possible if said >= certain}
    return limits.pop() if len(limits) == 1 else None


def _restrictions(row: ReferenceRange) -> int:
    said = (row.laboratory, row.sex, row.age_from, row.age_to, row.valid_from, row.valid_to)
    return sum(each is not None and each != "" for each in said)


def _applies(context: Context, row: ReferenceRange, item: Observation) -> Truth:
    """Whether a range is for this patient, laboratory and day."""
    day = item.date.first if item.date is not None and item.date.exact else None
    ages = ages_on(context, day.toordinal()) if day is not None else None
    return min(
        _of_laboratory(row, item), _of_sex(row, context.patient.sexes), _of_age(row.age_from, row.age_to, ages),
        _of_day(row, day),
    )  # fmt: skip


def _of_laboratory(row: ReferenceRange, item: Observation) -> Truth:
    if not row.laboratory:
        return Truth.MET
    if not item.laboratory:
        return Truth.UNKNOWN
    return Truth.of(folded(row.laboratory) == folded(item.laboratory))


def _of_sex(row: ReferenceRange, sexes: tuple[str, ...]) -> Truth:
    if row.sex is None or sexes == (row.sex,):
        return Truth.MET
    return Truth.UNKNOWN if not sexes or row.sex in sexes else Truth.NOT_MET


def _of_day(row: ReferenceRange, day: date | None) -> Truth:
    if row.valid_from is None and row.valid_to is None:
        return Truth.MET
    if day is None:
        return Truth.UNKNOWN
    return Truth.of((row.valid_from or date.min) <= day <= (row.valid_to or date.max))


def _of_age(low: float | None, high: float | None, ages: tuple[int, int] | None) -> Truth:
    if low is None and high is None:
        return Truth.MET
    if ages is None:
        return Truth.UNKNOWN
    if (low is None or ages[0] >= low) and (high is None or ages[1] <= high):
        return Truth.MET
    outside = (low is not None and ages[1] < low) or (high is not None and ages[0] > high)
    return Truth.NOT_MET if outside else Truth.UNKNOWN
