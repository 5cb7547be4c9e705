"""The days on which uncertain doses may have been, for all cancers at once (`reference.records.lines._build`).

Of an uncertain dose every day is tried on whose other side it may belong to another line. Which combinations there are
is the reference's matter, and so is the cap on them; here days of one dose that no other dose, worsening or end tells
apart are then taken for one, for the lines come out alike: the *option* keeps its first and its last day.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from matcher.engine.bulk.batch import Batch, Pairs
from matcher.engine.bulk.calendar import Spans
from matcher.engine.bulk.columns import NO_DAY, Bools, Floats, Ints, Longs
from matcher.engine.bulk.courses import course
from matcher.engine.bulk.grouping import Drugs
from matcher.engine.bulk.groups import ascending, bounds_of, spread_out
from matcher.engine.bulk.worsening import worsenings
from matcher.engine.reference.days import FUTURE, PAST
from matcher.engine.reference.records.lines import WORLDS

#: Days are below this power of two.
DAY_BITS = 22
_DAYS = (1 << DAY_BITS) - 1


@dataclass(frozen=True, slots=True)
class Doubts:
    """The uncertain doses: `record` indexes the pairs of drugs, ascending by `item`; `absent` may have been none."""

    item: Longs
    record: Longs
    start: Spans
    absent: Bools


@dataclass(frozen=True, slots=True)
class Options:
    """The days each uncertain dose may have been on, ascending (NO_DAY first: on none), as runs of days.

    The doses of item i are `bounds[i]:bounds[i + 1]`, the options of dose u `firsts[u]` and the `sizes[u] - 1` after
    it; one stands for the days `since` to `days` of it. `choices` is how many combinations of an item are tried, all of
    them unless it is `cut`: there are more than the cap allows.
    """

    bounds: Longs
    record: Longs
    firsts: Longs
    sizes: Longs
    since: Ints
    days: Ints
    choices: Longs
    cut: Bools

    @property
    def strides(self) -> Longs:
        """For how many combinations the option of each dose stays: the last dose of an item turns fastest."""
        found = np.ones(len(self.record), np.int64)
        count = np.diff(self.bounds)
        for k in range(1, int(count.max(initial=0))):
            at = self.bounds[np.flatnonzero(count > k) + 1] - 1 - k
            found[at] = np.minimum(found[at + 1] * self.sizes[at + 1], WORLDS + 1)
        return found


def options_of(batch: Batch, dated: Pairs, doubts: Doubts, drugs: Drugs, sure: Doubts, ways: Longs) -> Options:
    """What is tried of each item: `dated` are the pairs with a drug that may be one, of any cancer, and `ways` is the
    number of readings that each combination has in the reference."""
    doubtful = np.zeros(batch.n, np.bool_)
    doubtful[doubts.item] = True
    turns = _turning_days(batch, dated.take(doubtful[dated.item]), doubtful)
    every = _every_day(batch.n, doubts, turns)
    many = _product(every) * ways > WORLDS
    if many.any():
        every = _narrowed(every, many)
    product = _product(every)
    cut = product * ways > WORLDS
    merged = _merged(batch, replace(every, cut=cut), doubts, drugs, sure, doubtful)
    limit = np.maximum(1, WORLDS // ways)
    return replace(merged, choices=np.where(cut, limit, _product(merged)).astype(np.int64))


def _turning_days(batch: Batch, drugs: Pairs, doubtful: Bools) -> Longs:
    """The days on whose other side a drug may belong to another line, ascending, each with its item before it."""
    table, joins = batch.table("treatments"), batch.settings.line_joins + 1
    drugs = drugs.take(table.lo["start"][drugs.row] != NO_DAY)
    days = [table.lo["start"][drugs.row], table.hi["start"][drugs.row]]
    worse = worsenings(batch)
    item = [drugs.item] * 6
    found = [day + step for day in days for step in (0, -joins, joins)]
    for day in (worse.days.lo, worse.days.hi):
        known = doubtful[worse.item] & (day > PAST) & (day < FUTURE)
        item.append(worse.item[known])
        found.append(day[known] + 1)
    owner, day = np.concatenate(item), np.concatenate(found)
    within = day <= batch.asked[owner]
    return ascending(_keyed(owner[within], day[within]))


def _keyed(owner: Longs, day: NDArray[np.integer]) -> Longs:
    """Days, each with its owner before it; what lies before the calendar is its first day."""
    found: Longs = (owner << DAY_BITS) | np.clip(day, 0, _DAYS)
    return found


def _days(keys: Longs) -> Ints:
    return (keys & _DAYS).astype(np.int32)


def _every_day(items: int, doubts: Doubts, turns: Longs) -> Options:
    """It may have begun on any day of an interval; what matters is on which side of the others it lies.

    What may not have been given, or not for this cancer, may be none at all.
    """
    item, start = doubts.item, doubts.start
    first = np.append(turns, -1)[np.searchsorted(turns, item << DAY_BITS)]
    lo = np.maximum(start.lo, np.where(first >> DAY_BITS == item, first & _DAYS, start.hi))
    begins, ends = (
        np.searchsorted(turns, _keyed(item, lo)), np.searchsorted(turns, _keyed(item, start.hi), side="right")
    )  # fmt: skip
    run, turn = spread_out(begins, np.maximum(ends - begins, 0))
    every, none = np.arange(len(item)), np.flatnonzero(doubts.absent)
    keys = [_keyed(every, lo), _keyed(every, start.hi), none << DAY_BITS, _keyed(run, _days(turns[turn]))]
    return _of_keys(np.searchsorted(item, np.arange(items + 1)), doubts.record, np.concatenate(keys))


def _of_keys(bounds: Longs, record: Longs, keys: Longs) -> Options:
    """Options of single days, from days with their doses before them."""
    keys = ascending(keys)
    at = np.searchsorted(keys >> DAY_BITS, np.arange(len(record) + 1))
    items = len(bounds) - 1
    return Options(
        bounds, record, at[:-1], np.diff(at), _days(keys), _days(keys), np.ones(items, np.int64),
        np.zeros(items, np.bool_),
    )  # fmt: skip


def _product(options: Options) -> Floats:
    """How many combinations each item has; as a float, for it may be more than any whole number holds."""
    found = np.ones(len(options.bounds) - 1)
    some = np.flatnonzero(np.diff(options.bounds))
    if len(some):
        with np.errstate(over="ignore"):
            found[some] = np.multiply.reduceat(options.sizes.astype(np.float64), options.bounds[some])
    return found


def _narrowed(options: Options, many: Bools) -> Options:
    """Too many to try: each is part of another line, or one of its own on either end of its time."""
    narrow = np.repeat(many, np.diff(options.bounds))
    first, last = options.days[options.firsts], options.days[options.firsts + options.sizes - 1]
    second = options.days[options.firsts + np.minimum(1, options.sizes - 1)]
    first = np.where(first == NO_DAY, second, first)
    run, kept = spread_out(options.firsts, np.where(narrow, 0, options.sizes))
    at = np.flatnonzero(narrow)
    keys = [_keyed(run, options.days[kept]), at << DAY_BITS, _keyed(at, first[at]), _keyed(at, last[at])]
    return _of_keys(options.bounds, options.record, np.concatenate(keys))


# --- days that nothing tells apart ---------------------------------------------------------------------------------


def _merged(
    batch: Batch, options: Options, doubts: Doubts, drugs: Drugs, sure: Doubts, doubtful: Bools
) -> Options:  # fmt: skip
    """The options with days taken together that lie on the same side of all that a dose is compared with.

    Where not every combination is tried, those that are tried stay what they are.
    """
    item = doubts.item
    dose = np.repeat(np.arange(len(item)), options.sizes)
    day = options.days
    own = [_keyed(dose, edge) for edge in _edges(batch, day)]
    all_ = [_keyed(item[dose], edge) for edge in _edges(batch, day)]
    # Of a dose itself it is not asked whether it began after its own course, nor after its own end.
    for owner, keys in ((np.arange(len(item)), own), (item, all_)):
        keys.append(_keyed(owner, _after_end(drugs, doubts.record)))
        keys.append(_keyed(owner, doubts.start.lo + 1))
    others = np.flatnonzero(doubtful[sure.item])
    all_ += [_keyed(sure.item[others], edge) for edge in _edges(batch, sure.start.lo[others])]
    all_.append(_keyed(sure.item[others], _after_end(drugs, sure.record[others])))
    all_ += _of_the_patient(batch, doubts, doubtful)
    before, its_item = np.sort(np.concatenate(own)), np.sort(np.concatenate(all_))

    def passed(edges: Longs, owner: Longs) -> Longs:
        """How many edges lie up to each day."""
        return np.searchsorted(edges, _keyed(owner, day), side="right")

    others_passed = passed(its_item, item[dose]) - passed(before, dose)
    # Counted from the first edge of all: what differs between two days of one dose are the edges between them.
    apart = np.ones(len(day), np.bool_)
    apart[1:] = (
        (dose[1:] != dose[:-1]) | (others_passed[1:] != others_passed[:-1]) | (day[:-1] == NO_DAY)
        | options.cut[item[dose[1:]]]
    )  # fmt: skip
    first = np.flatnonzero(apart)
    last = np.append(first[1:], len(day))[: len(first)] - 1
    sizes = np.bincount(dose[first], minlength=len(item))
    return replace(options, firsts=bounds_of(sizes)[:-1], sizes=sizes, since=day[first], days=day[last])


def _edges(batch: Batch, day: Ints) -> list[Ints]:
    """The days from which on another dose lies on the other side of one on a day, or of the days that join them."""
    joins = batch.settings.line_joins
    return [day, day + 1, day + joins + 1, day - joins]


def _after_end(drugs: Drugs, record: Longs) -> Ints:
    """The first day after the end of a course that ended in progression."""
    return drugs.progressed[record] + 1


def _of_the_patient(batch: Batch, doubts: Doubts, doubtful: Bools) -> list[Longs]:
    """The worsenings, and the starts of all other treatments, after which the next line is looked for."""
    worse = worsenings(batch)
    mine = doubtful[worse.item]
    table = batch.table("treatments")
    pairs = batch.pairs(table)
    pairs = pairs.take(doubtful[pairs.item])
    begun = course(batch, "treatments", pairs).start.lo
    return [
        _keyed(worse.item[mine], worse.days.lo[mine]),
        _keyed(worse.item[mine], worse.days.hi[mine]),
        _keyed(pairs.item, begun + 1),
    ]
