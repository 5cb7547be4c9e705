"""The values of one test as arrays: what the observations report, and what stands for them where nothing is reported.

Made once per view and test, whatever is asked of them, in the order in which the reference sees them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.engine.bulk.batch import Batch, Pairs
from matcher.engine.bulk.columns import Bools, Ints, Longs
from matcher.engine.bulk.intervals import Intervals
from matcher.engine.bulk.values.limits import Limits, limits_of
from matcher.engine.bulk.view import View


@dataclass(frozen=True, slots=True)
class Entries:
    """Values of one test, arrays of shape (k,), ascending by `patient`.

    `row` is the row of the table of observations a value was made of: its day (`first` to `last`, NO_DAY where there is
    none) is that row's, and so are its limits of normal, laboratory and method where `own` says so (None: always).
    `code` indexes `words`; `origin` numbers the makings of which several were joined (None: they are of one).
    """

    patient: Ints
    row: Longs
    first: Ints
    last: Ints
    value: Intervals
    code: Ints
    words: tuple[Any, ...]
    own: Bools | None = None
    origin: NDArray[np.int8] | None = None

    def __len__(self) -> int:
        return len(self.row)

    def pairs(self, batch: Batch) -> Pairs:
        """Each item of a batch with each of its patient's values."""
        return batch.join(self.patient, None)

    def limits(self, view: View, test: str, *, upper: bool) -> Limits:
        """The limits of normal that hold for them as values of a test; these entries are remembered by the view."""
        return view.once(
            ("limits", test, id(self), upper), lambda: Limits.of(limits_of(view, test, self.row, self.own, upper=upper))
        )

    def take(self, kept: NDArray[Any]) -> Entries:
        """Some of them (a mask or ascending indices)."""
        return replace(
            self, patient=self.patient[kept], row=self.row[kept], first=self.first[kept], last=self.last[kept],
            value=self.value.take(kept), code=self.code[kept], own=None if self.own is None else self.own[kept],
            origin=None,
        )  # fmt: skip


def rows_of(view: View, test: str) -> Longs:
    """The rows of the visible observations of a test that say a value, ascending."""
    rows, bounds = view.once("rows by test", lambda: _by_test(view))
    code = view.tables["observations"].coded["test"].code_of(test)
    return rows[bounds[code] : bounds[code + 1]] if code >= 0 else rows[:0]


def _by_test(view: View) -> tuple[Longs, Longs]:
    table = view.tables["observations"]
    tests = table.coded["test"]
    told = (table.coded["code"].codes != 0) | ~np.isnan(table.number["low"]) | ~np.isnan(table.number["high"])
    rows = None if told.all() else np.flatnonzero(told)
    codes = tests.codes if rows is None else tests.codes[rows]
    # Short numbers are put in order by their digits, in one pass.
    order = np.argsort(codes.astype(np.min_scalar_type(len(tests.values))), kind="stable")
    bounds = np.append(0, np.cumsum(np.bincount(codes, minlength=len(tests.values))))
    return order if rows is None else rows[order], bounds


def reported(view: View, test: str) -> Entries:
    """The values of a test as they were reported."""
    return view.once(("reported", test), lambda: _reported(view, rows_of(view, test)))


def _reported(view: View, rows: Longs) -> Entries:
    table = view.tables["observations"]
    first, last = table.lo["date"][rows], table.hi["date"][rows]
    code = table.coded["code"].codes[rows]
    return Entries(
        table.patient[rows],
        rows,
        first,
        # Most dates are known to the day, and most tests have no codes: neither is kept twice, or for nothing.
        first if np.array_equal(first, last) else last,
        Intervals.between(
            table.number["low"][rows], table.number["high"][rows], table.flag["low_open"][rows] == 1,
            table.flag["high_open"][rows] == 1,
        ),
        code.astype(np.int32) if code.any() else no_codes(len(rows)),
        table.coded["code"].values,
    )  # fmt: skip


def no_codes(number: int) -> Ints:
    """The codes of values that are numbers: one 0, which stands for all."""
    return np.broadcast_to(np.int32(0), number)


def joined(parts: Sequence[Entries]) -> Entries:
    """The values of several makings together: of each patient those of the first, then those of the next."""
    patient = np.concatenate([part.patient for part in parts])
    order = np.argsort(patient, kind="stable")

    def all_(columns: Sequence[NDArray[Any]]) -> NDArray[Any]:
        found: NDArray[Any] = np.concatenate(columns)[order]
        return found

    offsets = np.cumsum([0, *(len(part.words) for part in parts)])
    return Entries(
        patient[order],
        all_([part.row for part in parts]),
        all_([part.first for part in parts]),
        all_([part.last for part in parts]),
        Intervals.of(
            all_([part.value.lo for part in parts]), all_([part.value.hi for part in parts]),
            all_([_marks(part.value.lo_open, len(part)) for part in parts]),
            all_([_marks(part.value.hi_open, len(part)) for part in parts]),
        ),
        all_([part.code + offset for part, offset in zip(parts, offsets[:-1], strict=True)]),
        tuple(word for part in parts for word in part.words),
        all_([np.ones(len(part), np.bool_) if part.own is None else part.own for part in parts]),
        all_([np.full(len(part), number, np.int8) for number, part in enumerate(parts)]),
    )  # fmt: skip


def _marks(marks: Bools | None, number: int) -> Bools:
    return np.zeros(number, np.bool_) if marks is None else marks
