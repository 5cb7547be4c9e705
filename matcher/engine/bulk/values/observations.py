"""Which values a selector means, by the thousand: the latest in the window, its rivals, or why there is none.

What is meant depends on the test, the method, the pick and the window alone, not on the limit it is held against, so it
is sorted out once and shared by every rule that asks so (`reference.values.observations`). Most patients have one value
that is meant: they are answered by one comparison of an array; the few whose values are of two minds are put together
by `spread_of`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.engine.bulk.batch import Batch, running
from matcher.engine.bulk.calendar import Spans, meets
from matcher.engine.bulk.columns import NO_DAY, Bools, Coded, Codes, Floats, Ints, Longs
from matcher.engine.bulk.findings import (
    CONFLICTING,
    FIRST_MET,
    FIRST_UNKNOWN,
    IMPRECISE,
    NOT_RECORDED,
    STALE,
    earlier,
    spread_of,
)
from matcher.engine.bulk.intervals import Intervals
from matcher.engine.bulk.resting import leaving
from matcher.engine.bulk.values.deriving import computed_values
from matcher.engine.bulk.values.entries import Entries, joined, reported
from matcher.engine.bulk.view import View
from matcher.engine.bulk.windows import NONE, absent, moment, opened
from matcher.engine.reference.context import Context, UnknownWord
from matcher.engine.reference.days import FUTURE
from matcher.engine.reference.values.observations import ECOG_TO_KARNOFSKY, KARNOFSKY_TO_ECOG
from patients.facts import folded
from trials.criteria import tree as t

#: `code` of an item for which a value is meant.
_READ = 255

_OTHER_SCALE = {"ecog": "karnofsky", "karnofsky": "ecog"}

Index = NDArray[Any] | slice


@dataclass(frozen=True, slots=True)
class Readings:
    """Values that are meant, arrays of shape (m,), ascending by item.

    `entry` is the number of the entry whose limits, code and day a value has. `blank` marks those that are no number
    at all (None: all are numbers).
    """

    test: str
    entries: Entries
    item: Longs
    entry: Longs
    value: Intervals
    blank: Bools | None

    def __len__(self) -> int:
        return len(self.item)

    @classmethod
    def of(cls, test: str, entries: Entries, item: Longs, entry: Longs, value: Intervals | None = None) -> Readings:
        """Readings of entries, with their own values or others."""
        value = entries.value.take(entry) if value is None else value
        blank = None
        if value.hi is not value.lo:
            nothing = (value.lo == -np.inf) & (value.hi == np.inf)
            blank = nothing if nothing.any() else None
        return cls(test, entries, item, entry, value, blank)

    def take(self, index: NDArray[Any]) -> Readings:
        """Some of them, or each several times."""
        return Readings(
            self.test, self.entries, self.item[index], self.entry[index], self.value.take(index),
            None if self.blank is None else self.blank[index],
        )  # fmt: skip

    @property
    def words(self) -> Coded:
        """The coded value of each; None where it is a number."""
        return Coded(self.entries.words, self.entries.code[self.entry])


#: What is to be said of readings, each of one of several questions: `which` of them, a slice where each has one.
Judge = Callable[[Readings, Index], Codes]


@dataclass(frozen=True, slots=True)
class Meant:
    """The values that a selector means for each of n items.

    `code` is the answer where none is meant, `disagreement` where those that are meant are of two minds; both of shape
    (n,). `rivals` are the readings of items with several (None: no item has several).
    """

    code: Codes
    readings: Readings
    disagreement: Codes
    rivals: Longs | None

    @classmethod
    def of(cls, code: Codes, readings: Readings, disagreement: Codes) -> Meant:
        """Values meant; `code` is _READ where there are any."""
        again = readings.item[1:] == readings.item[:-1]
        if not again.any():
            return cls(code, readings, disagreement, None)
        several = np.zeros(len(readings), np.bool_)
        several[1:] |= again
        several[:-1] |= again
        return cls(code, readings, disagreement, np.flatnonzero(several))

    def said(self, judge: Judge, at: Longs | None = None) -> Codes:
        """What `judge` says for each item, or for each of several questions, `at` the item each is asked of."""
        if at is not None:
            return self._said_at(judge, at)
        judged = judge(self.readings, self.readings.item)
        found = self.code.copy()
        found[self.readings.item] = judged
        if self.rivals is not None:
            item = self.readings.item[self.rivals]
            group = np.cumsum(np.append(True, item[1:] != item[:-1])) - 1
            some = item[np.append(True, item[1:] != item[:-1])]
            found[some] = spread_of(len(some), group, judged[self.rivals], self.disagreement[some])
        return found

    def _said_at(self, judge: Judge, at: Longs) -> Codes:
        which, index = self.expanded(at)
        judged = judge(self.readings.take(index), which)
        found = spread_of(len(at), which, judged, self.disagreement[at], none=_READ)
        return np.where(found == _READ, self.code[at], found).astype(np.uint8)

    def expanded(self, at: Longs) -> tuple[Longs, Longs]:
        """Each question with each reading of its item: numbers of questions and of readings."""
        counts = np.bincount(self.readings.item, minlength=len(self.code))
        firsts = np.cumsum(counts) - counts
        count = counts[at]
        which = np.repeat(np.arange(len(at)), count)
        return which, np.repeat(firsts[at], count) + running(count)


@dataclass(frozen=True, slots=True)
class Scales:
    """Performance status on two scales: what is meant on the scale asked for, and on the other.

    `turned` marks items that are answered by the other scale, against the `doubtful` values of the scale asked for.
    """

    native: Meant
    foreign: Meant
    doubtful: Meant
    turned: Bools

    def said(self, judge: Judge, at: Longs | None = None) -> Codes:
        """What `judge` says, as `Meant.said`."""
        found, other = self.native.said(judge, at), self.foreign.said(judge, at)
        decided = (found < FIRST_UNKNOWN) & (other >= FIRST_MET) | (found >= FIRST_MET) & (other < FIRST_UNKNOWN)
        found = np.where(decided, CONFLICTING, found).astype(np.uint8)
        turned = np.flatnonzero(self.turned if at is None else self.turned[at])
        if not len(turned):
            return found
        item = turned if at is None else at[turned]
        # A value of the native scale that may be in the window, and says otherwise, leaves it open.
        which, index = self.doubtful.expanded(item)
        judged = judge(self.doubtful.readings.take(index), turned[which])
        numbers = np.concatenate([np.arange(len(turned)), which])
        found[turned] = spread_of(len(turned), numbers, np.concatenate([other[turned], judged]), IMPRECISE)
        return found


@dataclass(frozen=True, slots=True)
class Selection:
    """What a selector means in a window, and the first later day on which time alone changes that."""

    meant: Meant | Scales
    flips: Ints | None


def test_of(words: Context, selector: t.Observation) -> str:
    """The test a selector asks for; sex is one of a kind. Raises UnknownWord."""
    if selector.test == "sex":
        return "sex"
    test = words.vocabulary.find_test(selector.test)
    if test is None:
        raise UnknownWord(f"{selector.test!r} is no known test")
    return test


def window_of(words: Context, selector: t.Observation, window: t.Window | None) -> t.Window | None:
    """The rule's window, else the document's for the test or its category, else the vocabulary's."""
    test = test_of(words, selector)
    if window is not None or selector.since is not None or test == "sex":
        return window
    entry = words.vocabulary.test(test)
    for name in (test, entry.category):
        span = words.windows.get(name)
        if span is not None:
            return t.Within(span)
    return None if entry.window_days is None else t.Within(t.Span(entry.window_days, t.TimeUnit.DAY))


def selected(batch: Batch, selector: t.Observation, window: t.Window | None) -> Selection:
    """The values a selector means in the window that holds for it."""
    test, span = test_of(batch.words, selector), window_of(batch.words, selector, window)
    if test == "sex":
        return batch.once("sex", lambda: Selection(_sex(batch), None))
    asked = replace(selector, test=test)
    return batch.once(("selected", asked, span), lambda: _selected(batch, asked, span))


def _sex(batch: Batch) -> Meant:
    """Every sex that is recorded of a patient."""
    column = batch.view.columns.sexes.take(batch.patient)
    # The words of each distinct record of sexes, one after the other.
    words = tuple(sex for sexes in column.values for sex in sexes)
    counts = column.table(len, np.int64)
    firsts = (np.cumsum(counts) - counts)[column.codes]
    count = counts[column.codes]
    item = np.repeat(np.arange(batch.n), count)
    code = (np.repeat(firsts, count) + running(count)).astype(np.int32)
    nothing = np.full(len(item), np.nan)
    none = np.zeros(len(item), np.int32)
    entries = Entries(
        none, np.zeros(len(item), np.int64), none, none,
        Intervals.between(nothing, nothing), code, words,
    )  # fmt: skip
    return Meant.of(
        np.where(count > 0, _READ, NOT_RECORDED).astype(np.uint8),
        Readings.of("sex", entries, item, np.arange(len(item))),
        np.full(batch.n, CONFLICTING, np.uint8),
    )


# --- which lie in the window ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Frames:
    """The windows a value must lie in, of each item, or the unknown that stands in the way (None: nothing does)."""

    problem: Codes | None
    frames: tuple[tuple[Spans, Spans], ...]
    amount: t.Amount | None
    flips: Ints | None


@dataclass(frozen=True, slots=True)
class _Pool:
    """Values of items that certainly (`fresh`) or perhaps lie in the window, arrays of shape (k,) ascending by item.

    `items` are the items that have any, and their values begin at `starts`; `group` numbers them for each value.
    """

    entries: Entries
    item: Longs
    entry: Longs
    fresh: Bools
    items: Longs
    starts: Longs
    group: Longs

    @classmethod
    def of(cls, entries: Entries, item: Longs, entry: Longs, fresh: Bools) -> _Pool:
        """The pool of values ascending by item."""
        begins = np.append(True, item[1:] != item[:-1])[: len(item)]
        starts = np.flatnonzero(begins)
        return cls(entries, item, entry, fresh, item[starts], starts, np.cumsum(begins) - 1)

    def __len__(self) -> int:
        return len(self.item)

    def take(self, kept: Bools) -> _Pool:
        """Some of the values."""
        return self if kept.all() else _Pool.of(self.entries, self.item[kept], self.entry[kept], self.fresh[kept])

    @property
    def first(self) -> Ints:
        """The first day each value may be of."""
        return self.entries.first[self.entry]

    @property
    def last(self) -> Ints:
        """The last day."""
        return self.entries.last[self.entry]

    def any_of(self, mask: Bools) -> Bools:
        """Of each item with values, whether any of them is in a mask."""
        return _reduced(np.logical_or, mask, self.starts)

    def has(self, n: int) -> Bools:
        """Which of n items have values."""
        found = np.zeros(n, np.bool_)
        found[self.items] = True
        return found


def _reduced(how: np.ufunc, values: NDArray[Any], starts: Longs) -> NDArray[Any]:
    found: NDArray[Any] = how.reduceat(values, starts) if len(starts) else values[:0]
    return found


def _selected(batch: Batch, selector: t.Observation, span: t.Window | None) -> Selection:
    frames = _frames(batch, selector, span)
    meant: Meant | Scales
    if selector.test in _OTHER_SCALE:
        meant, used = _on_two_scales(batch, selector, frames)
    else:
        pool, beyond = _sorted_out(batch, _entries(batch, selector), frames, selector.method)
        meant, used = _picked(batch, _nothing(batch, frames, beyond), selector, pool), [pool]
    return Selection(meant, earlier(frames.flips, *(_lapses(batch, pool, frames.amount) for pool in used)))


def _entries(batch: Batch, selector: t.Observation) -> Entries:
    """The values of a test: what is reported, and unless a method is asked for what can be computed."""
    view, test, settings = batch.view, selector.test, batch.settings
    told = reported(view, test)
    if selector.method:
        return told

    def both() -> Entries:
        computed = computed_values(view, test, settings)
        return told if computed is None or not len(computed) else joined([told, computed])

    return view.once(("entries", test, settings), both)


def _frames(batch: Batch, selector: t.Observation, span: t.Window | None) -> _Frames:
    frames: list[tuple[Spans, Spans]] = []
    problem: Codes | None = None
    flips: list[Ints | None] = []
    if selector.since is not None:
        since = moment(batch, selector.since)
        problem = absent(since)
        frames.append((since.days, Spans(batch.asked, batch.asked)))
        flips.append(since.flips)
    window = opened(batch, span)
    problem = window.problem if problem is None else np.where(problem == NONE, window.problem, problem)
    amount = None
    if window.opens is not None and window.closes is not None:
        frames.append((window.opens, window.closes))
        amount = window.amount
    flips.append(window.flips)
    return _Frames(problem if (problem != NONE).any() else None, tuple(frames), amount, earlier(*flips))


def _sorted_out(batch: Batch, entries: Entries, frames: _Frames, method: str) -> tuple[_Pool, Bools]:
    """The values that lie in the window and were made by the method asked for, for certain or perhaps.

    What is computed counts where nothing is reported, and for certain alone. The second part says which items have
    reported values at all.
    """
    pairs = entries.pairs(batch)
    item, entry = pairs.item, pairs.row
    if frames.problem is not None:
        open_ = frames.problem[item] == NONE
        item, entry = item[open_], entry[open_]
    truth = np.full(len(item), 2, np.uint8)
    if frames.frames:
        first, last, asked = entries.first[entry], entries.last[entry], batch.asked[item]
        day = Spans(np.minimum(first, asked), np.minimum(last, asked))
        for opens, closes in frames.frames:
            truth = np.minimum(truth, meets(day, day, opens.take(item), closes.take(item)))
        truth[first == NO_DAY] = 1
    if method:
        made = _by_method(batch, entries, method)[entry]
        truth = np.minimum(truth, made)
        kept = made > 0
    elif entries.origin is not None:
        computed = entries.origin[entry] > 0
        used = np.zeros(batch.n, np.bool_)
        used[item[~computed & (truth > 0)]] = True
        truth[computed & ((truth == 1) | used[item])] = 0
        kept = ~computed
    else:
        kept = np.ones(len(item), np.bool_)
    told = np.zeros(batch.n, np.bool_)
    told[item[kept]] = True
    perhaps = truth > 0
    return _Pool.of(entries, item[perhaps], entry[perhaps], truth[perhaps] == 2), told


def _by_method(batch: Batch, entries: Entries, method: str) -> NDArray[np.uint8]:
    """Whether values were made by a method; one of which that is not recorded, or part of whose name, may have been."""
    asked = folded(method).replace(" ", "")

    def decide(written: str | None) -> int:
        mine = "" if written is None else folded(written).replace(" ", "")
        return 2 if mine == asked else 1 if written is None or mine in asked or asked in mine else 0

    return batch.table("observations").coded["method"].take(entries.row).map(decide, np.uint8)


def _nothing(batch: Batch, frames: _Frames, told: Bools) -> Codes:
    """The answers of items without a value in the window: stale where there is one outside it."""
    # A value without a date may lie in every window, so what lies outside has a date and is stale.
    code = np.where(told, STALE, NOT_RECORDED).astype(np.uint8)
    return code if frames.problem is None else np.where(frames.problem == NONE, code, frames.problem)


def _lapses(batch: Batch, pool: _Pool, amount: t.Amount | None) -> Ints | None:
    """The first later day on which a value goes stale in a window that moves with the as-of date."""
    if amount is None:
        return None
    first, last = pool.first, pool.last
    dated = first != NO_DAY
    item = pool.item[dated]
    turns = leaving(batch, item, Spans(first[dated], first[dated]), Spans(last[dated], last[dated]), amount)
    found = np.full(batch.n, FUTURE, np.int32)
    np.minimum.at(found, item, turns)
    return found


# --- which of several ----------------------------------------------------------------------------------------------


def _picked(batch: Batch, nothing: Codes, selector: t.Observation, pool: _Pool) -> Meant:
    """The values selected. What only may be in the window decides nothing by itself."""
    if selector.pick is t.Pick.MEAN:
        return _mean(batch, nothing, selector, pool)
    code = nothing.copy()
    code[pool.items] = np.where(pool.any_of(pool.fresh), _READ, IMPRECISE)
    pool = pool.take((code[pool.items] == _READ)[pool.group])
    disagreement = np.full(len(code), IMPRECISE, np.uint8)
    if selector.pick in (t.Pick.LATEST, t.Pick.FIRST):
        pool = pool.take(_rivals(selector.pick, pool))
        disagreement[pool.items] = _why(pool)
        return Meant.of(code, Readings.of(selector.test, pool.entries, pool.item, pool.entry), disagreement)
    return Meant.of(code, _extremes(selector, pool), disagreement)


def _rivals(pick: t.Pick, pool: _Pool) -> Bools:
    """Which values may be the latest or the first: those that no certain one surely precedes them in it."""
    first, last = pool.first, pool.last
    certain = pool.fresh & (first != NO_DAY)
    if pick is t.Pick.LATEST:
        newest = _reduced(np.maximum, np.where(certain, first, NO_DAY), pool.starts)
        rivals: Bools = (last >= newest[pool.group]) | (first == NO_DAY)
    else:
        # What has no date may have been before all others.
        oldest = _reduced(np.minimum, np.where(certain, last, FUTURE), pool.starts)
        rivals = first <= oldest[pool.group]
    return rivals


def _why(pool: _Pool) -> Codes:
    """Two values of one known day contradict each other; otherwise it is the dates that leave it open."""
    first, last = pool.first, pool.last
    earliest, latest = _reduced(np.minimum, first, pool.starts), _reduced(np.maximum, last, pool.starts)
    return np.where((earliest == latest) & (earliest != NO_DAY), CONFLICTING, IMPRECISE).astype(np.uint8)


def _mean(batch: Batch, nothing: Codes, selector: t.Observation, pool: _Pool) -> Meant:
    """The mean of the last values; none where a value that may belong to them is doubtful or shares the cut's day."""
    number = selector.last
    code = nothing.copy()
    code[pool.items] = np.where(pool.any_of(~pool.fresh | (pool.first == NO_DAY)), IMPRECISE, _READ)
    pool = pool.take((code[pool.items] == _READ)[pool.group])
    order = np.lexsort(
        (batch.table("observations").order[pool.entries.row[pool.entry]], pool.last, pool.first, pool.group)
    )
    entry, first, last = pool.entry[order], pool.first[order], pool.last[order]
    count = np.diff(np.append(pool.starts, len(pool)))
    ends = pool.starts + count
    enough = count >= number
    code[pool.items[~enough]] = NOT_RECORDED
    cut = ends - number
    torn = count > number
    torn[torn] = last[cut[torn] - 1] >= first[cut[torn]]
    code[pool.items[torn]] = IMPRECISE
    meant = enough & ~torn
    cut, item, last_entry = cut[meant], pool.items[meant], entry[ends[meant] - 1]
    total = Intervals.points(np.zeros(len(item)))
    for step in range(number if len(item) else 0):
        total = total.plus(pool.entries.value.take(entry[cut + step]))
    readings = Readings.of(selector.test, pool.entries, item, last_entry, total.times(1 / number))
    return Meant.of(code, readings, np.full(len(code), IMPRECISE, np.uint8))


def _extremes(selector: t.Observation, pool: _Pool) -> Readings:
    """Every value in the window bounds the extreme; a doubtful one may or may not be in it."""
    certain = _extreme(selector, pool.take(pool.fresh))
    open_ = pool.any_of(~pool.fresh)
    if not open_.any():
        return certain
    possible = _extreme(selector, pool.take(open_[pool.group]))
    item = np.concatenate([certain.item, possible.item])
    order = np.argsort(item, kind="stable")
    value = certain.value.and_(possible.value).take(order)
    entry = np.concatenate([certain.entry, possible.entry])[order]
    return Readings.of(selector.test, pool.entries, item[order], entry, value)


def _extreme(selector: t.Observation, pool: _Pool) -> Readings:
    """The lowest or highest of each item's values, with the limits of the one that bounds it; certain ones first."""
    order = np.lexsort((~pool.fresh, pool.group))
    pool = _Pool.of(pool.entries, pool.item[order], pool.entry[order], pool.fresh[order])
    value = pool.entries.value.take(pool.entry)
    lowest = selector.pick is t.Pick.LOWEST
    how = np.minimum if lowest else np.maximum
    ends = [
        _end(how, end, marks, pool, open_first=open_first)
        for end, marks, open_first in ((value.lo, value.lo_open, not lowest), (value.hi, value.hi_open, lowest))
    ]
    (lo, at_lo, lo_open), (hi, at_hi, hi_open) = ends
    bounding = at_lo if lowest else at_hi
    numbers = np.where(bounding, np.arange(len(pool)), len(pool))
    best_entry = pool.entry[_reduced(np.minimum, numbers, pool.starts)]
    return Readings.of(
        selector.test, pool.entries, pool.items, best_entry, Intervals.of(lo, hi, lo_open, hi_open)
    )  # fmt: skip


def _end(
    how: np.ufunc, end: Floats, marks: Bools | None, pool: _Pool, *, open_first: bool
) -> tuple[Floats, Bools, Bools | None]:
    """The lowest or highest of the ends of each item's values, which have it, and whether it is open.

    Of equal ends the open one counts before the closed ones, or after them.
    """
    best = _reduced(how, end, pool.starts)
    there = end == best[pool.group]
    if marks is None:
        return best, there, None
    return best, there, pool.any_of(there & marks) if open_first else ~pool.any_of(there & ~marks)


# --- performance status --------------------------------------------------------------------------------------------


def _on_two_scales(batch: Batch, selector: t.Observation, frames: _Frames) -> tuple[Scales, list[_Pool]]:
    """ECOG and Karnofsky: the native scale where fresh; both fresh and of two minds about the limit are conflicting."""
    test = selector.test
    mine, told = _sorted_out(batch, reported(batch.view, test), frames, selector.method)
    converted = batch.view.once(("converted", test), lambda: _converted(batch.view, test))
    other, told_other = _sorted_out(batch, converted, frames, "")
    nothing = _nothing(batch, frames, told | told_other)
    native, foreign = (_picked(batch, nothing, selector, pool) for pool in (mine, other))
    fresh, fresh_other = (pool.take(pool.fresh).has(batch.n) for pool in (mine, other))
    turned = ~fresh & fresh_other
    code = np.where(~fresh & other.has(batch.n), IMPRECISE, native.code).astype(np.uint8)
    doubtful = mine.take(~mine.fresh & turned[mine.item])
    readings = Readings.of(test, doubtful.entries, doubtful.item, doubtful.entry)
    doubts = Meant.of(nothing, readings, np.full(batch.n, IMPRECISE, np.uint8))
    return Scales(replace(native, code=code), foreign, doubts, turned), [mine, other]


def _converted(view: View, test: str) -> Entries:
    """Values of the other scale on this one, each the union of what the published tables take it for."""
    table = KARNOFSKY_TO_ECOG if test == "ecog" else ECOG_TO_KARNOFSKY
    entries = reported(view, _OTHER_SCALE[test])
    numbers = view.tables["observations"].number
    entries = entries.take(~np.isnan(numbers["low"][entries.row] + numbers["high"][entries.row]))
    grades = np.array(sorted(table), np.float64)
    lows, highs = (np.array([table[int(grade)][end] for grade in grades], np.float64) for end in (0, 1))
    # Between two grades of a table a value is taken for either of them. A higher grade of one is a lower of the other.
    below = np.searchsorted(grades, numbers["low"][entries.row], "right") - 1
    above = np.searchsorted(grades, numbers["high"][entries.row], "left")
    lo, hi = lows[np.minimum(above, len(grades) - 1)], highs[np.maximum(below, 0)]
    return replace(entries, value=Intervals.of(lo, hi, None, None))
