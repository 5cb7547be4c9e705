"""Doses into lines, for all readings of all records at once (`reference.records.lines._group`, over arrays).

A *reading* is one way in which the records of one patient may be meant: doses on days, and a few choices. Its doses are
ordered by day; the second dose of every reading is put into a line or opens one, then the third of all that have one,
and so on. What is known of a line stands in the slot of its first doses: a reading has as many slots as doses.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.engine.bulk.columns import Bools, Floats, Ints, Longs
from matcher.engine.bulk.groups import ascending, spread_out
from patients.vocabulary import Relation, Vocabulary


class Sets:
    """Sets of words as numbers: set 0 is empty, `added` gives the set with one word more.

    A word that no list knows is kept as it was written, so that nobody can say beforehand how many there are.
    """

    def __init__(self, words: Sequence[Hashable]) -> None:
        self.words = tuple(words)
        self.sets: list[frozenset[Any]] = [frozenset()]
        self._known: dict[frozenset[Any], int] = {frozenset(): 0}
        self._with = np.full((1, max(1, len(self.words))), -1, np.int32)

    def added(self, sets: Ints, words: NDArray[Any]) -> Ints:
        """Each set with a word (its index) more."""
        found: Ints = self._with[sets, words]
        new = found < 0
        if new.any():
            width = self._with.shape[1]
            for key in np.unique(sets[new].astype(np.int64) * width + words[new]).tolist():
                self._learn(key // width, key % width)
            found = self._with[sets, words]
        return found

    def _learn(self, number: int, word: int) -> None:
        joined = self.sets[number] | {self.words[word]}
        if joined not in self._known:
            self._known[joined] = len(self.sets)
            self.sets.append(joined)
            self._with = np.vstack([self._with, np.full((1, self._with.shape[1]), -1, np.int32)])
        self._with[number, word] = self._known[joined]


class SameDrug:
    """Whether drugs are the same, or one a form of the other: asked once per distinct pair that is met.

    `values` are tuples of concepts; drugs are given as indices into them.
    """

    def __init__(self, vocabulary: Vocabulary, values: Sequence[tuple[str, ...]]) -> None:
        self._vocabulary, self._values = vocabulary, values
        self._known = np.full((len(values), len(values)), -1, np.int8)

    def __call__(self, a: NDArray[Any], b: NDArray[Any]) -> Bools:
        """Whether the drugs are the same, pair by pair."""
        new = self._known[a, b] < 0
        if new.any():
            size = len(self._values)
            for key in np.unique(a[new].astype(np.int64) * size + b[new]).tolist():
                self._known[key // size, key % size] = self._decide(self._values[key // size], self._values[key % size])
        found: Bools = self._known[a, b] == 1
        return found

    def _decide(self, a: tuple[str, ...], b: tuple[str, ...]) -> bool:
        same = (Relation.BELOW, Relation.ABOVE)
        return any(self._vocabulary.relation(x, y) in same for x in a for y in b)


@dataclass(frozen=True, slots=True)
class Drugs:
    """What grouping reads of m drug records.

    `number` is the recorded line (nan: none), `setting` the index of the class of the recorded setting in the words of
    a `Sets` (-1: none), `ended` whether an end is recorded, `progressed` the day after which a course is known to have
    ended in progression (FUTURE: it is not), `drug` indexes the values of a `SameDrug`.
    """

    number: Floats
    setting: Ints
    ended: Bools
    progressed: Ints
    drug: Ints


@dataclass(frozen=True, slots=True)
class Partings:
    """The worsenings that part lines, by item: those of item i are `bounds[i]:bounds[i + 1]`.

    One lies between two doses if the first is before `after` and the second not before `until`.
    """

    bounds: Longs
    after: Ints
    until: Ints

    def between(self, item: Longs, last: Ints, start: Ints) -> Bools:
        """Whether one of the item's lies between a line's last dose and the next dose."""
        found = np.zeros(len(item), np.bool_)
        at, ends = self.bounds[item], self.bounds[item + 1]
        asked = np.flatnonzero(at < ends)
        at = at[asked]
        while len(asked):
            hit = (last[asked] < self.after[at]) & (self.until[at] <= start[asked])
            found[asked[hit]] = True
            at = at + 1
            goes_on = ~hit & (at < ends[asked])
            asked, at = asked[goes_on], at[goes_on]
        return found


@dataclass(frozen=True, slots=True)
class Readings:
    """Readings, each of one item.

    `possible` says that every worsening that may be one parts lines, not the certain ones alone; `returns` that a drug
    that comes back after another line belongs to its old line; `parted` that a course that ended in progression parts
    what begins after it within the days that make one line.
    """

    item: Longs
    possible: Bools
    returns: Bools
    parted: Bools

    def __len__(self) -> int:
        return len(self.item)

    def take(self, index: NDArray[Any]) -> Readings:
        """Some of them."""
        return Readings(self.item[index], self.possible[index], self.returns[index], self.parted[index])


@dataclass(frozen=True, slots=True)
class Doses:
    """The doses of readings: those of reading r are `bounds[r]:bounds[r + 1]`, by day and then by reference.

    `record` indexes the drug records, `start` is a day.
    """

    bounds: Longs
    record: Longs
    start: Ints


@dataclass(frozen=True, slots=True)
class Grouped:
    """The line of each dose, counted from 0 within its reading, and the number of lines of each reading."""

    line: Ints
    lines: Longs


#: The ways to read what records leave open, beside the plainest: possible, returns, parted.
OTHER_WAYS = tuple(product((False, True), repeat=3))[1:]


@dataclass(frozen=True, slots=True)
class Rules:
    """What grouping goes by, beside the doses: `joins` in days, partings that are certain and those that may be."""

    joins: int
    certain: Partings
    possible: Partings
    same: SameDrug
    classes: Sets


#: The class of setting that stands with any other.
MAINTENANCE = "maintenance"


def grouped(doses: Doses, drugs: Drugs, readings: Readings, rules: Rules) -> Grouped:
    """Doses put into lines."""
    grouping = _Grouping(doses, drugs, readings, rules)
    grouping.run()
    return Grouped(grouping.line, grouping.lines)


def grouped_plainly(
    doses: Doses, drugs: Drugs, item: Longs, two_ways: Bools, parted: Bools, rules: Rules
) -> tuple[Grouped, NDArray[np.bool_]]:
    """Doses put into lines in the plainest reading, and which of `OTHER_WAYS` would come out otherwise.

    `two_ways` and `parted` say of each reading whether those ways are to be tried. What comes out is of shape
    (readings, other ways): up to the first dose that another way puts elsewhere both have the same lines.
    """
    none = np.zeros(len(item), np.bool_)
    grouping = _Plainly(doses, drugs, Readings(item, none, none, none), rules, two_ways, parted)
    grouping.run()
    return Grouped(grouping.line, grouping.lines), grouping.swayed


class _Grouping:
    """The state of lines while doses are put into them, by slot."""

    def __init__(self, doses: Doses, drugs: Drugs, readings: Readings, rules: Rules) -> None:
        self.readings, self.rules = readings, rules
        self.begins, self.count = doses.bounds[:-1], np.diff(doses.bounds)
        self.start = doses.start
        # Of each dose:
        self.number, self.setting = drugs.number[doses.record], drugs.setting[doses.record]
        self.ended, self.progressed = drugs.ended[doses.record], drugs.progressed[doses.record]
        self.drug = drugs.drug[doses.record]
        self.line = np.zeros(len(doses.start), np.int32)
        # Of each slot, as left by the first dose of a line:
        size = len(doses.start)
        self.first, self.last = np.zeros(size, np.int32), np.zeros(size, np.int32)
        self.low, self.high = np.full(size, np.inf), np.full(size, -np.inf)
        self.any_ended = np.zeros(size, np.bool_)
        self.any_progressed = np.zeros(size, np.int32)
        self.settings = np.zeros(size, np.int32)
        self.marked, self.alike = np.zeros(size, np.bool_), np.zeros(size, np.bool_)
        self.lines = (self.count > 0).astype(np.int64)

    def run(self) -> None:
        """Put every dose in its line."""
        active = np.flatnonzero(self.count > 0)
        self._open(self.begins[active], self.begins[active])
        for k in range(1, int(self.count.max(initial=0))):
            active = active[self.count[active] > k]
            self._step(active, k)

    def _open(self, slot: Longs, dose: Longs) -> None:
        self.first[slot] = self.start[dose]
        self.any_progressed[slot] = self.progressed[dose]
        self._add(slot, dose)

    def _add(self, slot: Longs, dose: Longs) -> None:
        self.last[slot] = self.start[dose]
        number = self.number[dose]
        numbered = ~np.isnan(number)
        at, number = slot[numbered], number[numbered]
        self.low[at], self.high[at] = np.minimum(self.low[at], number), np.maximum(self.high[at], number)
        self.any_ended[slot] |= self.ended[dose]
        self.any_progressed[slot] = np.minimum(self.any_progressed[slot], self.progressed[dose])
        stated = self.setting[dose] >= 0
        at = slot[stated]
        self.settings[at] = self.rules.classes.added(self.settings[at], self.setting[dose[stated]])

    def _step(self, active: Longs, k: int) -> None:
        """Put dose k of each active reading into the latest line that takes it, or into a new one."""
        lines, begins, dose = self.lines[active], self.begins[active], self.begins[active] + k
        own, slot = spread_out(begins, lines)
        chosen = self._chosen(active, _Meeting(active, own, slot, dose[own], slot - begins[own], lines), k)
        new = chosen < 0
        home = np.where(new, lines, chosen)
        self.line[dose] = home
        self.lines[active] += new
        self._open(begins[new] + home[new], dose[new])
        self._add(begins[~new] + home[~new], dose[~new])

    def _chosen(self, active: Longs, meeting: _Meeting, k: int) -> Longs:
        """The line that takes each dose, -1 where none does."""
        readings = self.readings.take(active[meeting.own])
        left = self._open_question(meeting)
        parted = self._parted(readings, meeting, left.at)
        asked = left.late & ~parted & (readings.returns | meeting.is_last)[left.at]
        takes = ~parted & left.near & ~(readings.parted[left.at] & left.cut)
        takes[asked] = self._same(meeting, left.at[asked], k)
        return meeting.latest(meeting.taking(left, takes))

    def _open_question(self, meeting: _Meeting) -> _Left:
        """What settings and recorded numbers decide, and of what is left how it stands."""
        slot, dose = meeting.slot, meeting.dose
        number = self.number[dose]
        fits = ~self._apart(slot, dose)
        numbered = fits & ~np.isnan(number) & (self.low[slot] <= self.high[slot])
        by_number = numbered & (self.low[slot] == number) & (self.high[slot] == number)
        at = np.flatnonzero(fits & ~numbered)
        slot, start = slot[at], self.start[dose[at]]
        progressed = self.any_progressed[slot] < start
        near = start - self.first[slot] <= self.rules.joins
        return _Left(by_number, at, near, near & progressed & self.any_ended[slot], ~near & ~progressed)

    def _apart(self, slot: Longs, dose: Longs) -> Bools:
        """Whether the settings of a line and of a dose cannot be of one line."""
        found = np.zeros(len(slot), np.bool_)
        stated = np.flatnonzero((self.setting[dose] >= 0) & (self.settings[slot] > 0))
        classes = self.rules.classes
        mine, held = self.setting[dose[stated]], self.settings[slot[stated]]
        # A set that holds a word stays what it is when the word is added.
        joined = classes.added(held, mine)
        lenient = np.array([MAINTENANCE in each for each in classes.sets], np.bool_)
        found[stated] = (joined != held) & ~lenient[joined]
        return found

    def _parted(self, readings: Readings, meeting: _Meeting, at: Longs) -> Bools:
        """Whether a worsening lies between the last dose of a line and a dose."""
        found = np.zeros(len(at), np.bool_)
        for partings, asked in ((self.rules.certain, ~readings.possible), (self.rules.possible, readings.possible)):
            mine = np.flatnonzero(asked[at])
            found[mine] = self._between(partings, readings.item[at[mine]], meeting, at[mine])
        return found

    def _between(self, partings: Partings, item: Longs, meeting: _Meeting, at: Longs) -> Bools:
        return partings.between(item, self.last[meeting.slot[at]], self.start[meeting.dose[at]])

    def _same(self, meeting: _Meeting, at: Longs, k: int) -> Bools:
        """Whether lines hold the drug of a dose already."""
        slot = meeting.slot[at]
        self.marked[slot] = True
        asking = meeting.active[ascending(meeting.own[at])]
        run, earlier = spread_out(self.begins[asking], np.full(len(asking), k))
        its_slot = self.begins[asking][run] + self.line[earlier]
        asked = self.marked[its_slot]
        run, earlier, its_slot = run[asked], earlier[asked], its_slot[asked]
        same = self.rules.same(self.drug[earlier], self.drug[self.begins[asking[run]] + k])
        self.alike[its_slot[same]] = True
        found: Bools = self.alike[slot]
        self.alike[slot] = self.marked[slot] = False
        return found


class _Plainly(_Grouping):
    """The plainest reading, compared at every dose with what the other ways would make of it."""

    def __init__(
        self, doses: Doses, drugs: Drugs, readings: Readings, rules: Rules, two_ways: Bools, parted: Bools
    ) -> None:
        super().__init__(doses, drugs, readings, rules)
        self.two_ways, self.may_part = two_ways, parted
        self.swayed = np.zeros((len(readings), len(OTHER_WAYS)), np.bool_)

    def _chosen(self, active: Longs, meeting: _Meeting, k: int) -> Longs:
        item, two_ways = self.readings.item[active][meeting.own], self.two_ways[active][meeting.own]
        left = self._open_question(meeting)
        at = left.at
        certainly = self._between(self.rules.certain, item[at], meeting, at)
        perhaps = certainly.copy()
        vague = np.flatnonzero(two_ways[at])
        perhaps[vague] = self._between(self.rules.possible, item[at[vague]], meeting, at[vague])
        asked = left.late & ~(certainly & perhaps)
        same = np.zeros(len(at), np.bool_)
        same[asked] = self._same(meeting, at[asked], k)
        returning = same & ~meeting.is_last[at]
        yes = meeting.taking(left, ~certainly & (left.near | (same & ~returning)))
        plain = meeting.latest(yes)
        for way, (possible, returns, parts) in enumerate(OTHER_WAYS):
            between = perhaps if possible else certainly
            near = left.near & ~left.cut if parts else left.near
            otherwise = meeting.taking(left, ~between & (near | (same if returns else same & ~returning)))
            touched = ascending(meeting.own[otherwise != yes])
            if possible:
                touched = touched[self.two_ways[active[touched]]]
            if parts:
                touched = touched[self.may_part[active[touched]]]
            if len(touched):
                count = meeting.lines[touched]
                _, its = spread_out(meeting.firsts[touched], count)
                other = latest_of(meeting.place[its], otherwise[its], count)
                self.swayed[active[touched], way] |= other != plain[touched]
        return plain


def latest_of(place: Longs, yes: Bools, lines: Longs) -> Longs:
    """Of runs of `lines` lines each the place of the last that takes a dose, -1 where none does."""
    found: Longs = np.maximum.reduceat(np.where(yes, place, -1), np.cumsum(lines) - lines)
    return found


@dataclass(frozen=True, slots=True)
class _Meeting:
    """Each active reading's dose with each of its lines.

    `own` indexes `active`, `slot` is the line's, `dose` the dose, `place` the number of the line in its reading;
    `lines` is how many each active reading has.
    """

    active: Longs
    own: Longs
    slot: Longs
    dose: Longs
    place: Longs
    lines: Longs

    @property
    def firsts(self) -> Longs:
        """The first meeting of each active reading."""
        return np.cumsum(self.lines) - self.lines

    @property
    def is_last(self) -> Bools:
        """Whether the line is the last of its reading."""
        found: Bools = self.place == self.lines[self.own] - 1
        return found

    def taking(self, left: _Left, takes: Bools) -> Bools:
        """Which lines take the dose: by their numbers, or of what is left those that `takes` says."""
        yes = left.by_number.copy()
        yes[left.at] = takes
        return yes

    def latest(self, yes: Bools) -> Longs:
        """The latest line of each active reading that takes its dose, -1 where none does."""
        return latest_of(self.place, yes, self.lines)


@dataclass(frozen=True, slots=True)
class _Left:
    """What of meetings of doses and lines recorded numbers decide, and, `at` those that are left, how they stand.

    `near` is within the days that make one line, `cut` near but after a progression of a course that has ended, `late`
    neither near nor after a progression of a course.
    """

    by_number: Bools
    at: Longs
    near: Bools
    cut: Bools
    late: Bools
