"""Lines of therapy against a pattern, and how many match (`reference.records.lines` and `counts`, over arrays)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial, reduce
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from matcher.engine.bulk.batch import Batch
from matcher.engine.bulk.calendar import Spans
from matcher.engine.bulk.columns import Bools, Floats, Longs
from matcher.engine.bulk.courses import course, under_way
from matcher.engine.bulk.findings import IMPRECISE, MET_NEVER, Findings, all_of, chosen, truths
from matcher.engine.bulk.grouping import Doses, Drugs, Readings, grouped
from matcher.engine.bulk.groups import any_of, bounds_of, spread_out
from matcher.engine.bulk.lines import Lines, lines_of, number_of_places, of_cancers, places, shares
from matcher.engine.bulk.records import treatments
from matcher.engine.bulk.records.candidates import OVER, Candidates
from matcher.engine.bulk.tallies import NOTHING_OPEN, Tally, in_range
from matcher.engine.reference.records.lines import is_every_line, setting_truth
from matcher.engine.truth import Truth
from trials.criteria import tree as t
from trials.criteria.kinds import Kind

_Truths = NDArray[np.uint8]
_T = TypeVar("_T", bound=np.generic)


def line_candidates(batch: Batch, records: t.Records, history: bool) -> Candidates:
    """The lines of each item as candidates, each with its course; certain if they are lines in every world."""
    if not _of_every_line(records):
        return _candidates(batch, records)
    every, index = of_cancers(batch)
    found = every.once(("line candidates", records), lambda: _candidates(every, records))
    bounds = np.searchsorted(found.item, np.arange(every.n + 1))
    own = np.flatnonzero(index >= 0)
    run, at = spread_out(bounds[index[own]], np.diff(bounds)[index[own]])
    return replace(found.take(at), item=own[run])


def _of_every_line(records: t.Records) -> bool:
    """Whether a pattern asks no more of lines than their setting and end: few do so in few ways, so that what they say
    of all cancers is kept for all documents."""
    fields = {item.field for item in records.tests}
    return is_every_line(records.concepts) and records.other_than is None and fields <= {"setting", "ended"}


def _candidates(batch: Batch, records: t.Records) -> Candidates:
    found = lines_of(batch)
    truth = _line_truths(batch, records)
    own, line = _plainly(batch)
    kept = truth[line] != Truth.NOT_MET
    own, line = own[kept], line[kept]
    same = batch.once("alike lines", lambda: _alike(found))
    world = found.world_of_line
    certain = found.tried[world] & (truth == Truth.MET)
    times = np.bincount(same[certain], minlength=len(same))
    worlds = np.bincount(found.item[found.tried], minlength=batch.n)
    everywhere = times[same[line]] == worlds[own]
    spread = batch.once("courses of lines", lambda: _courses(batch, found))
    row = found.row[found.doses[line]]
    return Candidates(
        ("treatments",), np.zeros(len(line), np.int8), own, row,
        np.where(everywhere, MET_NEVER, IMPRECISE).astype(np.uint8), spread.start.take(line), spread.end.take(line),
        spread.ceases[line], row, _half_lives(batch)[row],
    )  # fmt: skip


def _half_lives(batch: Batch) -> Floats:
    """Per treatment the half-life in hours of its drug, nan where it is not known or the drug not certain."""

    def hours(concepts: tuple[str, ...]) -> float:
        known = batch.vocabulary.half_life_hours(concepts[0]) if len(concepts) == 1 else None
        return np.nan if known is None else known

    return batch.view.once(
        ("half-lives of treatments", batch.vocabulary),
        lambda: batch.table("treatments").coded["concepts"].map(hours, np.float64),
    )


@dataclass(frozen=True, slots=True)
class _Courses:
    """From the first dose of a line to its last, and how it ceases."""

    start: Spans
    end: Spans
    ceases: NDArray[np.int8]


def _courses(batch: Batch, found: Lines) -> _Courses:
    table = batch.table("treatments")
    each = course(batch, "treatments", batch.pairs(table))
    dose = each.take(_places_of_doses(batch, found))
    first = found.doses[:-1]
    ceases = np.full(len(first), OVER, np.int8)
    # That of the first of its drugs that may go on: assigned from the last to the first, the first stays.
    goes_on = np.flatnonzero(dose.ceases != OVER)[::-1]
    ceases[found.line_of_dose[goes_on]] = dose.ceases[goes_on]
    return _Courses(
        Spans(_over(np.minimum, dose.start.lo, first), _over(np.minimum, dose.start.hi, first)),
        Spans(_over(np.maximum, dose.end.lo, first), _over(np.maximum, dose.end.hi, first)),
        ceases,
    )


def _over(function: np.ufunc, values: NDArray[_T], first: Longs) -> NDArray[_T]:
    """A function over the doses of each line: every line has one."""
    found: NDArray[_T] = function.reduceat(values, first) if len(first) else values[:0]
    return found


def _places_of_doses(batch: Batch, found: Lines) -> Longs:
    """The place of each dose among all pairs of the batch with a treatment."""

    def make() -> Longs:
        item = found.item[np.repeat(found.world_of_line, np.diff(found.doses))]
        at: Longs = places(batch, batch.table("treatments"))[item] + found.row
        return at

    return batch.once("places of doses", make)


def _plainly(batch: Batch) -> tuple[Longs, Longs]:
    """The lines of each item as the records most plainly say: items, and lines of `lines_of`."""

    def make() -> tuple[Longs, Longs]:
        found = lines_of(batch)
        has = np.flatnonzero(found.base >= 0)
        base = found.base[has]
        run, line = spread_out(found.lines[base], np.diff(found.lines)[base])
        return has[run], line

    return batch.once("plain lines", make)


def _alike(found: Lines) -> Longs:
    """A number for each line: lines of one item that hold the same drug records in the same order have the same."""
    item = found.item[found.world_of_line]
    key = item.copy()
    count = np.diff(found.doses)
    above, rows = len(found.worlds), int(found.row.max(initial=0)) + 1
    for k in range(int(count.max(initial=0))):
        at = np.flatnonzero(count > k)
        step = key[at] * rows + found.row[found.doses[at] + k]
        distinct, inverse = np.unique(step, return_inverse=True)
        key[at] = above + inverse.reshape(-1)
        above += len(distinct)
    return np.unique(key, return_inverse=True)[1].reshape(-1).astype(np.int64)


# --- which lines match ---------------------------------------------------------------------------------------------


def _line_truths(batch: Batch, records: t.Records) -> _Truths:
    """Whether each line of `lines_of` matches: by its setting and end, and by one of its drugs for all else."""
    key = ("line truths", records.concepts, records.other_than, records.tests)
    return batch.once(key, lambda: _line_truths_once(batch, records))


def _line_truths_once(batch: Batch, records: t.Records) -> _Truths:
    found = lines_of(batch)
    at = _places_of_doses(batch, found)
    truth = _over(np.maximum, _drug_truths(batch, records)[at], found.doses[:-1])
    for item in records.tests:
        if item.field == "setting":
            truth = np.minimum(truth, found.settings.map(partial(setting_truth, test=item.test), np.uint8))
        elif item.field == "ended":
            truth = np.minimum(truth, _ended(_going_on(batch, found), item.test))
    return truth.astype(np.uint8)


def _going_on(batch: Batch, found: Lines) -> _Truths:
    """Whether any drug of each line is under way."""

    def make() -> _Truths:
        each = truths(under_way(batch, "treatments", batch.pairs(batch.table("treatments")))[0].code)
        return _over(np.maximum, each[_places_of_doses(batch, found)], found.doses[:-1]).astype(np.uint8)

    return batch.once("lines going on", make)


def _ended(going_on: _Truths, test: t.Test) -> _Truths:
    """A line has ended when none of its drugs is under way."""
    match test:
        case t.Other(part):
            return 2 - _ended(going_on, part)
        case t.Some(parts):
            return reduce(np.maximum, [_ended(going_on, part) for part in parts])
        case t.Every(parts):
            return reduce(np.minimum, [_ended(going_on, part) for part in parts])
        case _:
            return going_on if isinstance(test, t.Code) and test.code == "no" else 2 - going_on


def _drug_truths(batch: Batch, records: t.Records) -> _Truths:
    """By place of each pair with a treatment whether it makes its line one of those asked for: by its drug, outcome
    and response."""
    tests = tuple(item for item in records.tests if item.field in ("outcome", "response"))
    concepts = t.Concepts.of(t.ANY) if is_every_line(records.concepts) else records.concepts
    pattern = t.Records(Kind.TREATMENT, concepts, records.other_than, tests)
    table = batch.table("treatments")
    found = np.zeros(number_of_places(batch, table), np.uint8)
    matching = treatments.treatments(batch, pattern, False)
    # A drug with which several of the regimens asked for begin need be that of one only.
    np.maximum.at(found, places(batch, table)[matching.item] + matching.row, truths(matching.code))
    return found


# --- how many match ------------------------------------------------------------------------------------------------


def count_of_lines(batch: Batch, leaf: t.Count) -> Findings:
    """The findings of `count line(…) op n`; of items without a cancer there is nothing to count."""
    records = leaf.records
    low, high = count_lines(batch, records)
    # What was a line stays one, so that nothing counted ceases.
    count = Tally(low, high, np.full(batch.n, NOTHING_OPEN, np.uint8))
    silent = treatments.unrecorded_treatment(batch, t.Records(Kind.LINE, records.concepts), batch.asked)
    return chosen(batch.focus < 0, all_of(batch.n, IMPRECISE), in_range(leaf, count, silent))


def count_lines(batch: Batch, records: t.Records) -> tuple[Longs, Longs]:
    """The range of the number of lines that match a pattern, for each item: at least, at most; of no cancer none."""
    if not _of_every_line(records):
        return _counted(batch, records)
    every, index = of_cancers(batch)
    low, high = every.once(("lines counted", records), lambda: _counted(every, records))
    return _taken(low, index), _taken(high, index)


def _taken(numbers: Longs, index: Longs) -> Longs:
    """Numbers by an index, 0 where it is -1."""
    return np.append(numbers, 0)[index]


def _counted(batch: Batch, records: t.Records) -> tuple[Longs, Longs]:
    found = lines_of(batch)
    truth = _line_truths(batch, records)
    world = found.world_of_line
    surely = np.bincount(world[truth == Truth.MET], minlength=len(found.item))
    perhaps = np.bincount(world[truth != Truth.NOT_MET], minlength=len(found.item))
    low, high = np.full(batch.n, np.iinfo(np.int64).max), np.zeros(batch.n, np.int64)
    np.minimum.at(low, found.item[found.tried], surely[found.tried])
    np.maximum.at(high, found.item[found.tried], perhaps[found.tried])
    low[found.base < 0] = 0
    if is_every_line(records.concepts):
        item, number = _by_number(batch, found, truth)
        np.minimum.at(low, item, number)
        np.maximum.at(high, item, number)
    return np.maximum(0, low - found.unexplored), high + found.unexplored


def _by_number(batch: Batch, found: Lines, truth: _Truths) -> tuple[Longs, Longs]:
    """Recorded line numbers that the lines by date do not bear out widen the range to hold both: items and numbers.

    A registry may number the lines of one setting or all lines of a patient: numbers that run through either are borne
    out.
    """
    number = batch.table("treatments").number["line"]
    if not np.nan_to_num(number).any():
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    own, line = _plainly(batch)
    matching = truth[line] != Truth.NOT_MET
    every = _Numbered.of(batch.n, number, found, own, line)
    mine = _Numbered.of(batch.n, number, found, own[matching], line[matching])
    against = mine.against
    regrouped = _without_numbers(batch, found, own[matching], line[matching], against)
    along = mine.some & ~against
    on_top = _on_top(found, own[matching], line[matching], mine, every, along)
    last = np.flatnonzero(against)
    items = [regrouped[0], last, on_top[0]]
    return np.concatenate(items), np.concatenate([regrouped[1], mine.last[last], on_top[1]])


@dataclass(frozen=True, slots=True)
class _Numbered:
    """The distinct recorded numbers of some lines, for n items.

    `item` and `number` hold them ascending, those of item i at `bounds[i]:bounds[i + 1]`; `start` is the first dose of
    each, `numbered` says of each of the lines whether it has a number.
    """

    bounds: Longs
    item: Longs
    number: Longs
    start: Longs
    numbered: Bools

    @classmethod
    def of(cls, n: int, recorded: Floats, found: Lines, own: Longs, line: Longs) -> _Numbered:
        """The numbers of lines `line`, which are of the items `own`."""
        run, dose = spread_out(found.doses[line], np.diff(found.doses)[line])
        number = recorded[found.row[dose]]
        known = ~np.isnan(number) & (number != 0)
        run, dose, number = run[known], dose[known], number[known].astype(np.int64)
        order = np.lexsort((found.day[dose], number, own[run]))
        item, number, day = own[run][order], number[order], found.day[dose][order].astype(np.int64)
        new = np.ones(len(item), np.bool_)
        new[1:] = (item[1:] != item[:-1]) | (number[1:] != number[:-1])
        numbered = np.zeros(len(line), np.bool_)
        numbered[run] = True
        return cls(np.searchsorted(item[new], np.arange(n + 1)), item[new], number[new], day[new], numbered)

    @property
    def count(self) -> Longs:
        """How many there are of each item."""
        return np.diff(self.bounds)

    @property
    def some(self) -> Bools:
        """Which items have any."""
        return self.count > 0

    @property
    def first(self) -> Longs:
        """The lowest of each item; 0 where it has none."""
        return np.where(self.some, np.append(self.number, 0)[self.bounds[:-1]], 0)

    @property
    def last(self) -> Longs:
        """The highest of each item; 0 where it has none."""
        return np.where(self.some, np.append(self.number, 0)[self.bounds[1:] - 1], 0)

    @property
    def last_start(self) -> Longs:
        """When the highest of each item began."""
        return np.where(self.some, np.append(self.start, 0)[self.bounds[1:] - 1], 0)

    @property
    def against(self) -> Bools:
        """Which items have a number that began no later than a lower one."""
        following = (self.item[1:] == self.item[:-1]) & (self.start[:-1] >= self.start[1:])
        return any_of(len(self.bounds) - 1, self.item[1:], following)


def _on_top(
    found: Lines, own: Longs, line: Longs, mine: _Numbered, every: _Numbered, along: Bools
) -> tuple[Longs, Longs]:
    """Numbers that run along the dates, but not through all lines: lines begun after the last come on top of it."""
    count = every.count
    through = along & (every.first == 1) & (every.last == count)
    # Of the numbers of all lines those of the matching ones are the last: there are as many from the lowest on.
    through &= mine.first == count - mine.count + 1
    started = found.start[line]
    numbered = np.flatnonzero(mine.numbered)
    new = np.append(True, own[numbered][1:] != own[numbered][:-1])[: len(numbered)]
    first = np.full(len(mine.count), -1, np.int64)
    first[own[numbered[new]]] = line[numbered[new]]
    other = np.flatnonzero(~mine.numbered & along[own])
    it, theirs = line[other], first[own[other]]
    before = (found.start[it] < found.start[theirs]) & (
        shares(found.settings.take(it), found.settings.take(theirs)) == Truth.MET
    )
    overlooked = any_of(len(along), own[other], before)
    counted = np.flatnonzero(along & (~through | ((mine.first == 1) & overlooked)))
    later = started[other] > mine.last_start[own[other]]
    more = np.bincount(own[other[later]], minlength=len(along))
    return counted, (mine.last + more)[counted]


def _without_numbers(batch: Batch, found: Lines, own: Longs, line: Longs, against: Bools) -> tuple[Longs, Longs]:
    """How many lines the doses of some lines make without their numbers, in every reading: items and counts."""
    asked = against[own]
    run, dose = spread_out(found.doses[line[asked]], np.diff(found.doses)[line[asked]])
    item = own[asked][run]
    order = np.lexsort((batch.table("treatments").order[found.row[dose]], found.day[dose], item))
    dose, item = dose[order], item[order]
    items = np.flatnonzero(against)
    doses = Doses(bounds_of(np.bincount(item, minlength=batch.n)[items]), found.record[dose], found.day[dose])
    drugs = found.drugs
    unnumbered = Drugs(
        np.full(len(drugs.number), np.nan), drugs.setting, drugs.ended, drugs.progressed, drugs.drug
    )  # fmt: skip
    counts = []
    for possible in (False, True):
        for returns in (False, True):
            ways = (np.full(len(items), way) for way in (possible, returns, False))
            counts.append(grouped(doses, unnumbered, Readings(found.cancer[items], *ways), found.rules).lines)
    return np.tile(items, len(counts)), np.concatenate(counts)
