"""Days that stay where they are while the day asked about moves, and when they leave a window that looks back.

`reference.records.courses.resting` and `leaving`, over arrays. Only intervals that touch the day asked about itself
need to know which days the record names, and of those only the rows that hold that day.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matcher.engine.bulk.batch import Batch, Pairs, running
from matcher.engine.bulk.calendar import Spans, shift
from matcher.engine.bulk.columns import FACT_TABLES, NO_DAY, Bools, Ints, Longs, Table
from matcher.engine.bulk.courses import told
from matcher.engine.bulk.view import View
from matcher.engine.reference.days import FUTURE, PAST
from trials.criteria import tree as t

#: The dates of facts, whatever their kind.
_DATES = ("date", "start", "end")


def leaving(batch: Batch, item: Longs, start: Spans, end: Spans, amount: t.Amount | None) -> Ints:
    """The first later day on which each of m courses leaves a window that looks back `amount` from the day asked about.

    FUTURE where none does; `item` (m,) says whose course it is.
    """
    found = np.full(len(item), FUTURE, np.int32)
    spans = amount.spans if isinstance(amount, t.Extreme) else (amount,) if amount is not None else ()
    dated = [span for span in spans if span.unit is not t.TimeUnit.HALF_LIFE]
    if not dated or not len(item):
        return found
    courses = [start] if start is end else [start, end]
    index, day = (
        np.concatenate(parts) for parts in zip(*(resting(batch, item, each) for each in courses), strict=True)
    )
    asked = batch.asked[item[index]]
    for span in dated:
        outside = _first_outside(day, span)
        later = outside > asked
        np.minimum.at(found, index[later], outside[later])
    return found


def _first_outside(day: Ints, span: t.Span) -> Ints:
    """The first day on which `day` is out of a window of `span` before that day; months clamp, so look around."""
    guess = shift(day, span)
    if span.unit not in (t.TimeUnit.MONTH, t.TimeUnit.YEAR):
        return np.minimum(guess + 1, FUTURE).astype(np.int32)
    found = np.minimum(guess + 4, FUTURE).astype(np.int32)
    for step in (3, 2, 1, 0):
        tried = np.minimum(guess + step, FUTURE).astype(np.int32)
        found = np.where(shift(tried, span, back=True) > day, tried, found).astype(np.int32)
    return found


def resting(batch: Batch, item: Longs, days: Spans) -> tuple[Longs, Ints]:
    """The days on which m intervals rest, as pairs of an interval's index and a day, in no order.

    A bound that is the day asked about stays only where a record names that day; one that a partial date pushes before
    it comes to rest on the last day of that date. What nobody dated never rests.
    """
    asked = batch.asked[item]
    moving = (days.lo == asked) | (days.hi == asked)
    named = np.zeros(len(item), np.bool_)
    extra: tuple[Longs, Ints] | None = None
    if moving.any():
        recorded = batch.once("recorded", lambda: _recorded(batch))
        owner = recorded.owner[item]
        named = recorded.named[owner]
        extra = recorded.rests(np.flatnonzero(moving), owner)

    def stays(day: Ints) -> Bools:
        found: Bools = (day > PAST) & (day < FUTURE) & ((day != asked) | named)
        return found

    index, day = [np.flatnonzero(stays(days.lo))], [days.lo]
    if days.hi is not days.lo:
        index.append(np.flatnonzero(stays(days.hi) & (days.hi != days.lo)))
        day.append(days.hi)
    held = [column[rows] for column, rows in zip(day, index, strict=True)]
    if extra is not None:
        index.append(extra[0])
        held.append(extra[1])
    return np.concatenate(index), np.concatenate(held)


@dataclass(frozen=True, slots=True)
class _Recorded:
    """What records say of the day asked about, for owners: patients, or items where they ask about days of their own.

    `owner` (n,) is each item's; `named` whether a date begins or ends on that day; `last` holds the last days of the
    partial dates that reach beyond it, those of owner k at `starts[k]:starts[k + 1]`.
    """

    owner: Longs
    named: Bools
    starts: Longs
    last: Ints

    def rests(self, index: Longs, owner: Longs) -> tuple[Longs, Ints]:
        """Pairs of some of the given owners' indices and the last days of their partial dates."""
        first = self.starts[owner[index]]
        count = self.starts[owner[index] + 1] - first
        return np.repeat(index, count), self.last[np.repeat(first, count) + running(count)]


def _recorded(batch: Batch) -> _Recorded:
    view = batch.view
    if batch.of_today:
        # Then it hangs on the patient alone.
        named, starts, last = view.once("recorded", lambda: _by_patient(view))
        return _Recorded(batch.patient, named, starts, last)
    earliest = np.full(view.patients, FUTURE, np.int32)
    latest = np.full(view.patients, NO_DAY, np.int32)
    np.minimum.at(earliest, batch.patient, batch.asked)
    np.maximum.at(latest, batch.patient, batch.asked)

    def touching() -> Iterator[tuple[Pairs, Ints, Ints]]:
        for table, lo, hi in _dates(view):
            held = (lo != NO_DAY) & (lo <= latest[table.patient]) & (hi >= earliest[table.patient])
            pairs = batch.pairs(table, np.flatnonzero(held))
            yield pairs, lo[pairs.row], hi[pairs.row]

    return _Recorded(np.arange(batch.n), *_gathered(touching(), batch.asked))


def _by_patient(view: View) -> tuple[Bools, Longs, Ints]:
    def touching() -> Iterator[tuple[Pairs, Ints, Ints]]:
        for table, lo, hi in _dates(view):
            known = view.known[table.patient]
            rows = np.flatnonzero((lo != NO_DAY) & (lo <= known) & (hi >= known))
            yield Pairs(table.patient[rows].astype(np.int64), rows), lo[rows], hi[rows]

    return _gathered(touching(), view.known)


def _dates(view: View) -> Iterator[tuple[Table, Ints, Ints]]:
    """Every date that the records name, and the day by which a course that was ended had ended."""
    for name in FACT_TABLES:
        table = view.tables[name]
        for column in _DATES:
            if column in table.lo:
                yield table, table.lo[column], table.hi[column]
        if "ongoing" in table.flag:
            over = (table.lo["end"] == NO_DAY) & (table.flag["ongoing"] == 0)
            said = np.where(over, told(view, name), NO_DAY).astype(np.int32)
            yield table, said, said


def _gathered(touching: Iterator[tuple[Pairs, Ints, Ints]], asked: Ints) -> tuple[Bools, Longs, Ints]:
    """`named`, `starts` and `last` of the owners, who ask about the days `asked`."""
    named = np.zeros(len(asked), np.bool_)
    owners: list[NDArray[np.int64]] = [np.zeros(0, np.int64)]
    days: list[Ints] = [np.zeros(0, np.int32)]
    for pairs, lo, hi in touching:
        day = asked[pairs.item]
        named[pairs.item[(lo == day) | (hi == day)]] = True
        partial = (lo <= day) & (day < hi)
        owners.append(pairs.item[partial])
        days.append(hi[partial])
    owner, last = np.concatenate(owners), np.concatenate(days)
    order = np.argsort(owner, kind="stable")
    starts = np.searchsorted(owner[order], np.arange(len(asked) + 1))
    return named, starts, last[order]
