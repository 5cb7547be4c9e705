"""Ages by the thousand: completed years and months, and the days on which they pass a limit.

As in `reference.values.ages`: birthdays are counted, 29 February counts on 1 March in other years, and of a birth date
that is partial or contradicted every day is possible. Ages only fall with a later birth, so the first and the last
possible birth bound them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from matcher.engine.bulk.batch import Batch
from matcher.engine.bulk.calendar import add_months, parts_of
from matcher.engine.bulk.columns import NO_DAY, Bools, Ints, Longs
from matcher.engine.bulk.findings import (
    CONFLICTING,
    IMPRECISE,
    MET_NEVER,
    MET_TIME,
    NOT_MET_NEVER,
    NOT_MET_TIME,
    NOT_RECORDED,
    Findings,
    choose,
)
from matcher.engine.bulk.intervals import Intervals, compare
from matcher.engine.bulk.view import View
from matcher.engine.reference.context import UnknownWord
from matcher.engine.reference.days import FUTURE
from trials.criteria import tree as t

_RISING = (t.Operator.GE, t.Operator.GT)
_EXACT = (t.Operator.EQ, t.Operator.NE)


@dataclass(frozen=True, slots=True)
class Births:
    """The first and the last possible birth of each patient (ordinals, NO_DAY: not recorded), and how many are told."""

    first: Ints
    last: Ints
    told: Longs


def births(view: View) -> Births:
    """The births of a view's patients."""
    return view.once("births", lambda: _births(view))


def _births(view: View) -> Births:
    columns = view.columns
    first = np.full(view.patients, FUTURE, np.int32)
    last = np.full(view.patients, NO_DAY, np.int32)
    np.minimum.at(first, columns.birth_patient, columns.birth_lo)
    np.maximum.at(last, columns.birth_patient, columns.birth_hi)
    told = np.bincount(columns.birth_patient, minlength=view.patients)
    return Births(np.where(told > 0, first, NO_DAY).astype(np.int32), last, told)


def _years(birth: Ints, day: Ints) -> Ints:
    """Completed years of those born on one day on another."""
    (year, month, at), (on_year, on_month, on) = parts_of(birth), parts_of(day)
    found: Ints = on_year - year - (on_month * 32 + on < month * 32 + at)
    return found


def _months(birth: Ints, day: Ints) -> Ints:
    """Completed months; a month whose day the calendar lacks is complete at its end."""
    (year, month, at), (on_year, on_month, on) = parts_of(birth), parts_of(day)
    # The month ends on this day where the next day belongs to another.
    ends = parts_of(day + np.int32(1))[2] == 1
    found: Ints = (on_year - year) * 12 + on_month - month - ((on < at) & ~ends)
    return found


def ages_on(view: View, patient: Longs, day: Ints) -> tuple[Ints, Ints, Bools]:
    """The least and the most completed years of patients on days, of shape (m,), and for whom a birth is recorded."""
    born = births(view)
    known: Bools = born.told[patient] > 0
    return _years(born.last[patient], day), _years(born.first[patient], day), known


def age_recorded(batch: Batch) -> Findings:
    """`age is recorded`."""
    return Findings(choose(births(batch.view).told[batch.patient] > 0, MET_NEVER, NOT_RECORDED))


def aged(batch: Batch, operator: t.Operator, right: t.Value) -> Findings:
    """Birthdays are counted; a partial birth date decides only where every date in it agrees."""
    months = _limit(right)
    born = births(batch.view)
    first, last, told = born.first[batch.patient], born.last[batch.patient], born.told[batch.patient]
    # A limit between birthdays is counted in completed months.
    count, limit = (_months, months) if months % 12 else (_years, months / 12)
    ages = Intervals.between(count(last, batch.asked).astype(np.float64), count(first, batch.asked).astype(np.float64))
    truth = compare(ages, operator, Intervals.point(limit))
    flips, turns = _passing(batch, months)
    rising = operator in _RISING
    not_met = choose(turns & (rising or operator in _EXACT), NOT_MET_TIME, NOT_MET_NEVER)
    met = choose(turns & (not rising or operator in _EXACT), MET_TIME, MET_NEVER)
    open_ = choose(told > 1, CONFLICTING, IMPRECISE)
    code = choose(truth == 2, met, choose(truth == 0, not_met, open_))
    return Findings(choose(told > 0, code, NOT_RECORDED), flips)


def _limit(right: t.Value) -> float:
    """The limit of an age in months. Raises UnknownWord."""
    match right:
        case t.Span(number, t.TimeUnit.YEAR) | t.Quantity(number):
            return number * 12
        case t.Span(number, t.TimeUnit.MONTH):
            return number
        case _:
            raise UnknownWord("an age is compared with a number of years or months")


def _passing(batch: Batch, months: float) -> tuple[Ints, Bools]:
    """The first later day on which an item's age passes a limit, and whether there is any.

    Of every birth date that may be: the day on which the limit is reached, and the end of the year or month of it.
    """
    step = 1 if months % 12 else 12
    columns = batch.view.columns
    pairs = batch.once("births of items", lambda: batch.join(columns.birth_patient, None))
    first, last = columns.birth_lo[pairs.row], columns.birth_hi[pairs.row]
    flips = np.full(batch.n, FUTURE, np.int32)
    turns = np.zeros(batch.n, np.bool_)
    for born in [first] if np.array_equal(first, last) else [first, last]:
        _, month, at = parts_of(born)
        leap = (month == 2) & (at == 29)
        for reached in (math.ceil(months), math.floor(months) + step):
            passed = add_months(born, reached)
            if leap.any():
                _, on_month, on = parts_of(passed)
                passed = passed + (leap & (on_month == 2) & (on == 28))  # 29 February counts on 1 March
            later = passed > batch.asked[pairs.item]
            np.minimum.at(flips, pairs.item[later], passed[later])
            turns[pairs.item[later]] = True
    return flips, turns
