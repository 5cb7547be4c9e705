"""Values computed from others of one day, by the thousand: which measurements go into a formula (`reference.values`).

A measurement is found by patient and day at once: both are one number, so that the values of a day, the nearest before
and the nearest after stand beside one another in one sorted array.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.engine import derived
from matcher.engine.bulk.batch import running
from matcher.engine.bulk.calendar import add_months
from matcher.engine.bulk.columns import NO_DAY, Bools, Floats, Ints, Longs
from matcher.engine.bulk.intervals import Intervals
from matcher.engine.bulk.values.ages import ages_on, births
from matcher.engine.bulk.values.entries import Entries, joined, no_codes, reported, rows_of
from matcher.engine.bulk.values.limits import limits_of
from matcher.engine.bulk.view import View
from matcher.engine.reference.context import Settings
from matcher.engine.reference.days import FUTURE

#: A patient and a day as one number: days are below this.
_DAYS = 1 << 22
_NEVER = 1 << 62

#: Classes of hepatic impairment by their codes.
_GRADES = (*derived.ODWG, "normal")


@dataclass(frozen=True, slots=True)
class _Exact:
    """Measurements whose value and day are known, arrays of shape (k,) in the order of rows; values are positive."""

    row: Longs
    patient: Ints
    value: Floats
    day: Ints

    @property
    def key(self) -> Longs:
        """Patient and day as one number."""
        return _key(self.patient, self.day)

    def take(self, index: NDArray[Any]) -> _Exact:
        """Some of them, or each several times."""
        return _Exact(self.row[index], self.patient[index], self.value[index], self.day[index])


@dataclass(frozen=True, slots=True)
class _Days:
    """The measurements of a test by patient and day: their keys, ascending, and their numbers in that order."""

    key: Longs
    order: Longs

    @classmethod
    def of(cls, found: _Exact) -> _Days:
        """Measurements in order."""
        key = found.key
        order = np.argsort(key, kind="stable")
        return cls(key[order], order)

    def at(self, wanted: Longs) -> tuple[Longs, Longs]:
        """Of each wanted patient and day the measurements: pairs of numbers, by the wanted and then by row."""
        first = np.searchsorted(self.key, wanted)
        last = first
        if len(self.key):
            last = np.where(self.key[np.minimum(first, len(self.key) - 1)] == wanted, first + 1, first)
            several = np.flatnonzero((last > first) & (self.key[np.minimum(last, len(self.key) - 1)] == wanted))
            last[several] = np.searchsorted(self.key, wanted[several], "right")
        count = last - first
        return np.repeat(np.arange(len(wanted)), count), self.order[np.repeat(first, count) + running(count)]

    def has(self, wanted: Longs) -> Bools:
        """For which patients and days there is a measurement."""
        if not len(self.key):
            return np.zeros(len(wanted), np.bool_)
        at = np.minimum(np.searchsorted(self.key, wanted), len(self.key) - 1)
        found: Bools = self.key[at] == wanted
        return found


def _key(patient: Ints, day: NDArray[Any]) -> Longs:
    found: Longs = patient.astype(np.int64) * _DAYS + day
    return found


def _measured(view: View, test: str) -> _Exact:
    """The exact values of a test."""
    return view.once(("measured", test), lambda: _exact_of(view, rows_of(view, test)))


def _days(view: View, test: str) -> _Days:
    """The exact values of a test by patient and day."""
    return view.once(("measured days", test), lambda: _Days.of(_measured(view, test)))


def _exact_of(view: View, rows: Longs) -> _Exact:
    table = view.tables["observations"]
    rows = rows[_are_exact(view, rows)]
    return _Exact(rows, table.patient[rows], table.number["low"][rows], table.lo["date"][rows])


def _are_exact(view: View, rows: Longs) -> Bools:
    """Which rows tell a positive number of a day."""
    table = view.tables["observations"]
    low, first = table.number["low"][rows], table.lo["date"][rows]
    number, day = (low == table.number["high"][rows]) & (low > 0), (first == table.hi["date"][rows]) & (first != NO_DAY)
    found: Bools = number & day
    return found


def computed_values(view: View, test: str, settings: Settings) -> Entries | None:
    """Values of a test computed from others; None where there is no formula."""
    make = _FORMULAS.get(test)
    return None if make is None else make(view, settings)


def _made(view: View, row: Longs, lo: Floats, hi: Floats) -> Entries:
    """What was computed for the rows it is dated by, ascending."""
    table = view.tables["observations"]
    day = table.lo["date"][row]
    none_own = np.zeros(len(row), np.bool_)
    value = Intervals.between(lo, hi)
    return Entries(table.patient[row], row, day, day, value, no_codes(len(row)), (None,), none_own)


def _female(view: View, patient: Ints) -> tuple[Bools, Bools]:
    """Which patients are female, and of which it is known for certain."""
    sexes = view.columns.sexes
    codes = sexes.codes[patient]
    female, male = (codes == sexes.code_of((sex,)) for sex in ("female", "male"))
    return female, female | male


def _by_sex(female: Bools, make: Callable[[bool, Bools], Floats]) -> Floats:
    """What a formula with a factor of the sex gives for women and men."""
    found = np.zeros(len(female))
    for sex, mask in ((True, female), (False, ~female)):
        found[mask] = make(sex, mask)
    return found


def _nearest(lab: _Exact, weights: _Days, most: int) -> tuple[Longs, Longs]:
    """The weights nearest to the day of each lab value, and near enough, as `_Days.at`."""
    wanted = lab.key
    # Before the first and after the last there is nothing near enough; a day of another patient never is.
    key = np.concatenate([[-_DAYS], weights.key, [_NEVER]])
    at = np.searchsorted(weights.key, wanted)
    gap = np.minimum(key[at + 1] - wanted, wanted - key[at])
    near = np.flatnonzero(gap <= most)
    gap = gap[near]
    pairs = []
    for sign in (-1, 1):
        # Weights as long before as after are both the nearest; those of the day itself are taken once.
        meant = (gap > 0) | (sign > 0)
        one, other = weights.at(wanted[near[meant]] + sign * gap[meant])
        pairs.append((near[meant][one], other))
    one, other = (np.concatenate([pair[i] for pair in pairs]) for i in (0, 1))
    order = np.lexsort((other, one))
    return one[order], other[order]


def _heights(view: View, weights: _Exact, settings: Settings) -> tuple[Longs, Longs]:
    """The heights of the day of each weight, else the latest of those measured in an adult, as `_Days.at`."""
    heights, days = _measured(view, "height"), _days(view, "height")
    born = births(view)
    adult_from = np.where(born.told > 0, add_months(born.last, 12 * settings.adult_height_from), FUTURE)
    adult = heights.day >= adult_from[heights.patient]
    latest = np.zeros(view.patients, np.int32)
    np.maximum.at(latest, heights.patient[adult], heights.day[adult])
    return days.at(_key(weights.patient, np.where(days.has(weights.key), weights.day, latest[weights.patient])))


def _clearance(view: View, settings: Settings) -> Entries:
    labs, weights = _measured(view, "creatinine"), _measured(view, "weight")
    one, other = _nearest(labs, _days(view, "weight"), settings.weight)
    lab, weight = labs.take(one), weights.take(other)
    female, sure = _female(view, lab.patient)
    least, most, born = ages_on(view, lab.patient.astype(np.int64), lab.day)
    kept = sure & born
    lab, weight, female = lab.take(kept), weight.take(kept), female[kept]

    def at(age: Floats) -> Floats:
        return _by_sex(
            female,
            lambda sex, mask: derived.cockcroft_gault(
                age=age[mask], weight_kg=weight.value[mask], creatinine_mg_dl=lab.value[mask], female=sex
            ),
        )

    values = np.stack([at(age[kept].astype(np.float64)) for age in (least, most)])
    return _made(view, lab.row, values.min(axis=0), values.max(axis=0))


def _egfr(view: View, settings: Settings) -> Entries:
    lab = _measured(view, "creatinine")
    female, sure = _female(view, lab.patient)
    least, most, born = ages_on(view, lab.patient.astype(np.int64), lab.day)
    kept = sure & born & (least >= settings.adult_height_from)
    lab, female = lab.take(kept), female[kept]

    def at(age: Floats) -> Floats:
        return _by_sex(
            female,
            lambda sex, mask: derived.ckd_epi_2021(age=age[mask], creatinine_mg_dl=lab.value[mask], female=sex),
        )

    values = np.stack([at(age[kept].astype(np.float64)) for age in (least, most)])
    return _made(view, lab.row, values.min(axis=0), values.max(axis=0))


def _of_body(formula: Callable[..., Floats]) -> Callable[[View, Settings], Entries]:
    def make(view: View, settings: Settings) -> Entries:
        weights, heights = _measured(view, "weight"), _measured(view, "height")
        one, other = _heights(view, weights, settings)
        value = formula(height_cm=heights.value[other], weight_kg=weights.value[one])
        return _made(view, weights.row[one], value, value)

    return make


def _together(view: View, one: str, other: str) -> tuple[_Exact, _Exact]:
    """Each value of a test with each value of another of the same day."""
    ones, others = _measured(view, one), _measured(view, other)
    at, with_ = _days(view, other).at(ones.key)
    return ones.take(at), others.take(with_)


def _calcium(view: View, _: Settings) -> Entries:
    lab, albumin = _together(view, "calcium", "albumin")
    value = derived.corrected_calcium(calcium_mg_dl=lab.value, albumin_g_dl=albumin.value)
    return _made(view, lab.row, value, value)


def _qtcf(view: View, _: Settings) -> Entries:
    ecg, rate = _together(view, "qt", "heart_rate")
    value = derived.fridericia(qt_ms=ecg.value, heart_rate=rate.value)
    return _made(view, ecg.row, value, value)


def _qtc(view: View, settings: Settings) -> Entries:
    """A QT interval corrected by a named formula is a corrected QT interval; the reverse does not hold."""
    parts = []
    named = np.zeros(view.patients, np.bool_)
    for test in ("qtcf", "qtcb"):
        entries = reported(view, test)
        entries = entries.take(_are_exact(view, entries.row))
        named[entries.patient] = True
        parts.append(entries)
    made = _qtcf(view, settings)
    return joined([*parts, made.take(~named[made.patient])])


def _anc(view: View, _: Settings) -> Entries:
    lab, segs = _together(view, "wbc", "neutrophil_percent")
    bands = _measured(view, "band_percent")
    at, with_ = _days(view, "band_percent").at(lab.key)
    # Without a count of bands of their own, the neutrophils are those the analyser counted together.
    alone = np.setdiff1d(np.arange(len(lab.row)), at)
    one = np.concatenate([at, alone])
    share = np.concatenate([bands.value[with_], np.zeros(len(alone))])
    order = np.argsort(one, kind="stable")
    lab, segs, share = lab.take(one[order]), segs.take(one[order]), share[order]
    value = derived.neutrophils(wbc=lab.value, segmented_percent=segs.value, bands_percent=share)
    return _made(view, lab.row, value, value)


def _hepatic(view: View, _: Settings) -> Entries:
    bilirubin, ast = _together(view, "bilirubin", "ast")
    times = []
    for test, each in (("bilirubin", bilirubin), ("ast", ast)):
        limit = limits_of(view, test, each.row, None, upper=True)
        times.append(np.divide(each.value, limit, out=np.full(len(limit), np.nan), where=limit != 0))
    known = ~np.isnan(times[0]) & ~np.isnan(times[1])
    row, bilirubin_uln, ast_uln = bilirubin.row[known], times[0][known], times[1][known]
    grade = np.where(ast_uln > 1, _GRADES.index("mild"), _GRADES.index("normal"))
    for word, above in reversed(derived.ODWG.items()):
        grade = np.where(bilirubin_uln > above, _GRADES.index(word), grade)
    nothing = np.full(len(row), np.nan)
    return replace(_made(view, row, nothing, nothing), code=grade.astype(np.int32), words=_GRADES)


_FORMULAS: dict[str, Callable[[View, Settings], Entries]] = {
    "creatinine_clearance": _clearance,
    "egfr": _egfr,
    "bsa": _of_body(derived.mosteller),
    "bmi": _of_body(derived.body_mass_index),
    "corrected_calcium": _calcium,
    "qtcf": _qtcf,
    "qtc": _qtc,
    "anc": _anc,
    "hepatic_nci_odwg": _hepatic,
}
