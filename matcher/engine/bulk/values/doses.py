"""Doses of many patients: cumulative over a life, of a day, of one cycle (`reference.values.doses`, over arrays).

A dose nobody recorded leaves the bound open, and so does what may be missing from the record. Sums are made in the
order of the records and rounded after each, as the reference does, so that they agree at a limit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from matcher.engine.bulk.batch import Batch
from matcher.engine.bulk.calendar import Spans, meets
from matcher.engine.bulk.columns import Bools, Coded, Codes, Floats, Ints, Longs, Table
from matcher.engine.bulk.findings import NOT_RECORDED, earlier, first_flip_of
from matcher.engine.bulk.groups import per_pair
from matcher.engine.bulk.intervals import clean
from matcher.engine.bulk.records.candidates import Candidates
from matcher.engine.bulk.records.patterns import candidates, unrecorded
from matcher.engine.bulk.resting import leaving
from matcher.engine.bulk.windows import NONE, Opened
from matcher.engine.reference.records.fields import dose_factor
from matcher.engine.reference.values.doses import times_a_day, without_day
from trials.criteria import tree as t
from trials.criteria.kinds import Kind

#: The records that a dose is of.
KINDS_OF_DOSES = {t.Measure.CUMULATIVE: Kind.TREATMENT, t.Measure.DAILY: Kind.MEDICATION, t.Measure.SINGLE: Kind.DRUG}


@dataclass(frozen=True, slots=True)
class Amounts:
    """Doses of n items, between `lo` and `hi` (float64, in the unit asked for; both ends included, `hi` may be inf).

    `reason` is the code of the unknown that an open dose makes, NONE where nothing leaves it open. `flips` as in
    findings. Where the window has a problem the dose means nothing.
    """

    lo: Floats
    hi: Floats
    reason: Codes
    flips: Ints | None = None


def dose_of(batch: Batch, dose: t.Dose, unit: str, window: Opened) -> Amounts:
    """The dose each item has had, in `unit` (empty: as its first record has it), of the drugs asked, within a window.

    A daily dose is that of the day asked about where no window is asked for.
    """
    if dose.measure is t.Measure.DAILY and window.opens is None:
        today = Spans(batch.asked, batch.asked)
        window = replace(window, opens=today, closes=today)
    records = t.Records(KINDS_OF_DOSES[dose.measure], dose.concepts)
    every = candidates(batch, records)
    truth = _met_by(every, window)
    found, truth = every.take(truth > 0), truth[truth > 0]
    value = _doses(batch, dose, unit, found)
    unsaid = np.isnan(value)
    hi = np.where(unsaid, np.inf, value)
    lo = np.where(unsaid | ~_all_of_it(dose.measure, found, truth, window), 0.0, value)
    low, high = _totals(dose.measure, batch.n, found.item, lo, hi)
    silent = unrecorded(batch, records, window.until(batch.asked))
    reason = np.where(silent.is_unknown, silent.code, NONE).astype(np.uint8)
    reason[found.item[unsaid | ~found.certain]] = NOT_RECORDED
    leaves = leaving(batch, found.item, found.start, found.end, window.amount)
    return Amounts(
        low,
        np.where(silent.is_unknown, np.inf, high),
        reason,
        earlier(first_flip_of(batch.n, found.item, leaves), silent.flips, window.flips),
    )


def _met_by(found: Candidates, window: Opened) -> NDArray[np.uint8]:
    """Whether courses lie in the window by at least a day: truths."""
    if window.opens is None or window.closes is None:
        return np.full(len(found), 2, np.uint8)
    return meets(found.start, found.end, window.opens.take(found.item), window.closes.take(found.item))


def _all_of_it(measure: t.Measure, found: Candidates, truth: NDArray[np.uint8], window: Opened) -> Bools:
    """Which records certainly count, and of a sum of doses all of it: a course that only reaches into a window was
    given in part outside it.
    """
    sure: Bools = found.certain & (truth == 2)
    if window.opens is None or window.closes is None or measure is not t.Measure.CUMULATIVE:
        return sure
    opens, closes = window.opens.hi[found.item], window.closes.lo[found.item]
    inside: Bools = sure & (found.start.lo >= opens) & (found.end.hi <= closes)
    return inside


def _totals(measure: t.Measure, n: int, item: Longs, lo: Floats, hi: Floats) -> tuple[Floats, Floats]:
    """The doses of each item taken together; none is none."""
    greatest = np.zeros(n)
    np.maximum.at(greatest, item, lo)
    if measure is t.Measure.SINGLE:
        most = np.zeros(n)
        np.maximum.at(most, item, hi)
        return greatest, most
    high = _sums(n, item, hi)
    # Courses may follow one another: on any one day at least the largest, at most all of them together.
    return greatest if measure is t.Measure.DAILY else _sums(n, item, lo), high


def _sums(n: int, item: Longs, value: Floats) -> Floats:
    """The sum of the values of each item, rounded after each (`item` ascends)."""
    total = np.zeros(n)
    place = np.arange(len(item)) - np.searchsorted(item, item)
    for nth in range(int(place.max(initial=-1)) + 1):
        at = np.flatnonzero(place == nth)
        total[item[at]] = clean(total[item[at]] + value[at])
    return total


# --- the dose of one record ----------------------------------------------------------------------------------------


def _doses(batch: Batch, dose: t.Dose, unit: str, found: Candidates) -> Floats:
    """The dose of each record in the unit of its item, nan where it is not known."""
    asked = Coded((unit,), np.zeros(len(found), np.int32)) if unit else _units(batch, dose.measure, found)
    value = np.full(len(found), np.nan)
    for origin, name in enumerate(found.tables):
        at = np.flatnonzero(found.origin == origin)
        table, rows = batch.table(name), found.row[at]
        each = _recorded(dose.measure, table, rows, asked.take(at))
        if dose.equivalent:
            each = each * _equivalence(batch, dose.equivalent, table.coded["concepts"].take(rows))
        value[at] = clean(each)
    return value


def _units(batch: Batch, measure: t.Measure, found: Candidates) -> Coded:
    """For a rule that names no unit: the unit of the first record of each item that has one."""
    words = np.full(len(found), "", object)
    for origin, name in enumerate(found.tables):
        at = np.flatnonzero(found.origin == origin)
        words[at] = _written(measure, batch.table(name), found.row[at])
    having = np.flatnonzero(words != "")
    first = np.full(batch.n, len(found))
    np.minimum.at(first, found.item[having], having)
    of_item = np.append(words, "")[first[found.item]]
    values, codes = np.unique(of_item, return_inverse=True)
    return Coded(tuple(values), codes)


def _written(measure: t.Measure, table: Table, rows: Longs) -> NDArray[np.object_]:
    """The unit each record's dose is written in, empty where it has none."""
    plain = table.coded["dose_unit"].take(rows).map(lambda word: word or "", object)
    if measure is not t.Measure.CUMULATIVE:
        return plain
    total = table.coded["cumulative_dose_unit"].take(rows).map(lambda word: word or "", object)
    found: NDArray[np.object_] = np.where(total != "", total, plain)
    return found


def _recorded(measure: t.Measure, table: Table, rows: Longs, asked: Coded) -> Floats:
    dose, units = table.number["dose"][rows], table.coded["dose_unit"].take(rows)
    if measure is t.Measure.DAILY:
        return _daily(dose, units, table.coded["frequency"].take(rows), asked)
    each = dose * _factors(units, asked)
    if measure is t.Measure.SINGLE:
        return each
    total = table.number["cumulative_dose"][rows] * _factors(table.coded["cumulative_dose_unit"].take(rows), asked)
    return np.where(np.isnan(total), each * table.number["cycles"][rows], total)


def _daily(dose: Floats, units: Coded, frequency: Coded, asked: Coded) -> Floats:
    """Dose x administrations a day; a unit per day says it already."""
    plain = Coded(tuple(word.replace("/day", "").replace("/d", "") for word in asked.values), asked.codes)
    each = dose * _factors(Coded(tuple(without_day(word) for word in units.values), units.codes), plain)

    def times(unit: str | None, how_often: str | None) -> float:
        known = times_a_day(unit or "", how_often or "")
        return np.nan if known is None else known

    found: Floats = each * per_pair(units, frequency, times, np.float64)
    return found


def _factors(units: Coded, asked: Coded) -> Floats:
    """By what doses in units are multiplied to stand in those asked, nan where they cannot be compared."""

    def factor(unit: str | None, wanted: str) -> float:
        known = None if unit is None else dose_factor(unit, wanted)
        return np.nan if known is None else known

    return per_pair(units, asked, factor, np.float64)


def _equivalence(batch: Batch, equivalent: str, concepts: Coded) -> Floats:
    """What one mg of each drug counts as, nan where no factor is known or the drug not certain."""

    def factor(drugs: tuple[str, ...]) -> float:
        known = batch.vocabulary.dose_factor(drugs[0], as_=equivalent) if len(drugs) == 1 else None
        return np.nan if known is None else known

    return concepts.map(factor, np.float64)
