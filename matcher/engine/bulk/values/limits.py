"""Limits of normal by the thousand: a value's own, else the range of its registry that is for it (`reference.values`).

Whole registries share their ranges, so each range is held against all values of its test at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matcher.engine.bulk.columns import NO_DAY, Bools, Coded, Floats, Ints, Longs
from matcher.engine.bulk.intervals import Intervals
from matcher.engine.bulk.values.ages import ages_on
from matcher.engine.bulk.view import View
from patients.facts import ReferenceRange, folded

#: Limits are finite, so this stands for a range without one.
_NONE = -np.inf


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of normal of many values: the distinct ones, and for each value the number of its own (-1: none)."""

    values: Intervals
    code: Longs

    @classmethod
    def of(cls, limits: Floats) -> Limits:
        """Limits, nan where there is none."""
        known = ~np.isnan(limits)
        distinct, numbers = np.unique(limits[known], return_inverse=True)
        code = np.full(len(limits), -1, np.int64)
        code[known] = numbers
        return cls(Intervals.points(distinct), code)


def limits_of(view: View, test: str, row: Longs, own: Bools | None, *, upper: bool) -> Floats:
    """The limit of normal that holds for each value of a test, nan where none is known for certain.

    `row` are the rows of observations the values were made of, `own` says which have limits and a laboratory of their
    own (None: all).
    """
    column = view.tables["observations"].number["ref_high" if upper else "ref_low"]
    found = column[row] if own is None else np.where(own, column[row], np.nan)
    open_ = np.flatnonzero(np.isnan(found))
    if not len(open_):
        return found
    patient = view.tables["observations"].patient[row[open_]]
    ranges = view.columns.ranges
    codes = ranges.codes[patient]
    for code, held in enumerate(ranges.values):
        meant = [each for each in held if each.test == test]
        if meant:
            here = open_[codes == code]
            found[here] = _from_ranges(view, meant, row[here], None if own is None else own[here], upper=upper)
    return found


def _from_ranges(view: View, ranges: Sequence[ReferenceRange], row: Longs, own: Bools | None, *, upper: bool) -> Floats:
    """Of several ranges that apply the one that says most of whom it is for; nan where another may and differs."""
    truth = np.stack([_applies(view, each, row, own) for each in ranges])
    said = np.array([_restrictions(each) for each in ranges])[:, None]
    limit = np.array([_NONE if (end := each.high if upper else each.low) is None else end for each in ranges])[:, None]
    certain = np.where(truth == 2, said, -1).max(axis=0)
    counts = (truth > 0) & (said >= certain) & (certain >= 0)
    least = np.where(counts, limit, np.inf).min(axis=0)
    most = np.where(counts, limit, -np.inf).max(axis=0)
    found: Floats = np.where((least == most) & (most != _NONE), most, np.nan)
    return found


def _restrictions(row: ReferenceRange) -> int:
    said = (row.laboratory, row.sex, row.age_from, row.age_to, row.valid_from, row.valid_to)
    return sum(each is not None and each != "" for each in said)


def _applies(view: View, each: ReferenceRange, row: Longs, own: Bools | None) -> NDArray[np.uint8]:
    """Whether a range is for the patients, laboratories and days of values: truths 0, 1, 2."""
    table = view.tables["observations"]
    first, last = table.lo["date"][row], table.hi["date"][row]
    day = np.where(first == last, first, NO_DAY).astype(np.int32)
    patient = table.patient[row].astype(np.int64)
    truth = _of_laboratory(each, table.coded["laboratory"].take(row), own)
    truth = np.minimum(truth, _of_sex(each, view.columns.sexes.take(patient)))
    truth = np.minimum(truth, _of_age(view, each, patient, day))
    return np.minimum(truth, _of_day(each, day))


def _of_laboratory(each: ReferenceRange, laboratory: Coded, own: Bools | None) -> NDArray[np.uint8]:
    if not each.laboratory:
        return np.full(len(laboratory.codes), 2, np.uint8)
    asked = folded(each.laboratory)

    def decide(mine: str | None) -> int:
        return 1 if not mine else 2 if folded(mine) == asked else 0

    found = laboratory.map(decide, np.uint8)
    return found if own is None else np.where(own, found, 1).astype(np.uint8)


def _of_sex(each: ReferenceRange, sexes: Coded) -> NDArray[np.uint8]:
    def decide(mine: tuple[str, ...]) -> int:
        if each.sex is None or mine == (each.sex,):
            return 2
        return 1 if not mine or each.sex in mine else 0

    return sexes.map(decide, np.uint8)


def _of_age(view: View, each: ReferenceRange, patient: Longs, day: Ints) -> NDArray[np.uint8]:
    if each.age_from is None and each.age_to is None:
        return np.full(len(day), 2, np.uint8)
    low = -np.inf if each.age_from is None else each.age_from
    high = np.inf if each.age_to is None else each.age_to
    least, most, born = ages_on(view, patient, day)
    inside, outside = (least >= low) & (most <= high), (most < low) | (least > high)
    open_ = ~born | (day == NO_DAY)
    return np.select([open_, inside, outside], [1, 2, 0], 1).astype(np.uint8)


def _of_day(each: ReferenceRange, day: Ints) -> NDArray[np.uint8]:
    if each.valid_from is None and each.valid_to is None:
        return np.full(len(day), 2, np.uint8)
    opens = NO_DAY if each.valid_from is None else each.valid_from.toordinal()
    closes = np.iinfo(np.int32).max if each.valid_to is None else each.valid_to.toordinal()
    inside = (day >= opens) & (day <= closes)
    return np.select([day == NO_DAY, inside], [1, 2], 0).astype(np.uint8)
