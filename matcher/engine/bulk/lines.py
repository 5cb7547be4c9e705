"""Lines of systemic therapy in every world, for all cancers at once (`reference.records.lines`).

What is uncertain is tried each way it may have been: a *world* is one choice of a day for every uncertain dose, under
one reading of what parts lines. The lines depend on no rule, so they are found once for all cancers of a view and read
by every document. Of two readings that come out alike only one is kept: a drug that comes back is read as back in its
old line only where that changes anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from matcher.engine.bulk.batch import Batch, Pairs
from matcher.engine.bulk.calendar import Spans
from matcher.engine.bulk.columns import NO_DAY, Bools, Coded, Floats, Ints, Longs, Table
from matcher.engine.bulk.courses import course, given
from matcher.engine.bulk.diseases import belongs, tumours
from matcher.engine.bulk.findings import truths
from matcher.engine.bulk.grouping import (
    MAINTENANCE,
    OTHER_WAYS,
    Doses,
    Drugs,
    Grouped,
    Partings,
    Readings,
    Rules,
    SameDrug,
    Sets,
    grouped,
    grouped_plainly,
)
from matcher.engine.bulk.groups import bounds_of, spread_out
from matcher.engine.bulk.settings_of_therapy import setting_of
from matcher.engine.bulk.worlds import DAY_BITS, Doubts, Options, options_of
from matcher.engine.bulk.worsening import ended_in_progression, worsenings
from matcher.engine.reference.context import Context
from matcher.engine.reference.days import FUTURE
from matcher.engine.reference.records.lines import SYSTEMIC, class_of, is_systemic, may_share
from matcher.engine.truth import Truth
from patients.facts import Treatment
from patients.vocabulary import Domain


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of each item in every world.

    Worlds ascend by `item` (the worlds of item i are `worlds[i]:worlds[i + 1]`), lines by world and then by their first
    dose (`lines[w]:lines[w + 1]`), doses by line and then by day (`doses[l]:doses[l + 1]`). `tried` is False of a world
    that is no more than the plainest reading of an item with too many worlds; `base` is the plainest world of each item
    and `unexplored` the number of its uncertain records where there were too many.

    `start` is the first dose of each line: the last of the days since `since` on which it may have been with the same
    lines in the end; `settings` the tuple of those it may have been given in; `record` and `row`
    are the drug record of each dose (an index into `drugs`, a row of the view's treatments), `day` its day.
    `cancer` is each item's own index in `rules` (the item for which partings are kept).
    """

    item: Longs
    worlds: Longs
    tried: Bools
    base: Longs
    unexplored: Longs
    cancer: Longs
    lines: Longs
    since: Ints
    start: Ints
    settings: Coded
    doses: Longs
    record: Longs
    row: Longs
    day: Ints
    drugs: Drugs
    rules: Rules

    @property
    def world_of_line(self) -> Longs:
        """The world of each line."""
        return np.repeat(np.arange(len(self.item)), np.diff(self.lines))

    @property
    def line_of_dose(self) -> Longs:
        """The line of each dose."""
        return np.repeat(np.arange(len(self.start)), np.diff(self.doses))

    def of_items(self, index: Longs) -> Lines:
        """The lines of some items, or of items several times; -1 stands for an item without any world."""
        if len(index) == len(self.base) and (index == np.arange(len(index))).all():
            return self
        has = index >= 0
        at = np.where(has, index, 0)
        count = np.where(has, np.diff(self.worlds)[at], 0) if len(self.base) else np.zeros(len(index), np.int64)
        item, world = spread_out(self.worlds[at], count)
        worlds = bounds_of(count)
        per_world = np.diff(self.lines)[world]
        _, line = spread_out(self.lines[world], per_world)
        per_line = np.diff(self.doses)[line]
        _, dose = spread_out(self.doses[line], per_line)
        base, unexplored, cancer = (
            np.where(has, held[at] if len(held) else 0, none)
            for held, none in ((self.base, -1), (self.unexplored, 0), (self.cancer, -1))
        )
        return Lines(
            item=item, worlds=worlds, tried=self.tried[world],
            base=np.where(has, base - self.worlds[at] + worlds[:-1], -1), unexplored=unexplored, cancer=cancer,
            lines=bounds_of(per_world), since=self.since[line], start=self.start[line],
            settings=self.settings.take(line), doses=bounds_of(per_line),
            record=self.record[dose], row=self.row[dose], day=self.day[dose],
            drugs=self.drugs, rules=self.rules,
        )  # fmt: skip


def lines_of(batch: Batch) -> Lines:
    """The lines of each item's cancer; an item without one has no world."""

    def make() -> Lines:
        every, index = of_cancers(batch)
        return _all_lines(every).of_items(index)

    return batch.once("lines", make)


def of_cancers(batch: Batch) -> tuple[Batch, Longs]:
    """A batch of all cancers for which lines are found at once, and the one of each item (-1: none)."""
    return batch.once("cancers", lambda: _cancers_once(batch))


def _cancers_once(batch: Batch) -> tuple[Batch, Longs]:
    if not batch.of_today:
        own = np.flatnonzero(batch.focus >= 0)
        index = np.full(batch.n, -1, np.int64)
        index[own] = np.arange(len(own))
        return batch.some(own), index

    def every() -> Batch:
        # Whatever the document: what is read here of a cancer is the same for all that are about it.
        patient = tumours(batch.view, batch.words).patient
        known = batch.view.known[patient]
        count = len(patient)
        return replace(
            batch, patient=patient, focus=np.arange(count, dtype=np.int64), this=np.full(count, -1, np.int64),
            asked=known, known=known, cache={},
        )  # fmt: skip

    systemic = batch.words.named(SYSTEMIC, (Domain.DRUG,))
    return batch.view.once(("cancers", batch.vocabulary, systemic, batch.settings), every), batch.focus


def _all_lines(every: Batch) -> Lines:
    return every.once("all lines", lambda: _build(every))


# --- how they are found --------------------------------------------------------------------------------------------


def _systemic(words: Context, table: Table) -> NDArray[np.uint8]:
    """Whether each treatment is a systemic anti-cancer drug: truths."""
    drug = table.coded["kind"].map(lambda kind: kind in (None, "drug", "other"), np.bool_)
    named = table.coded["concepts"].map(
        lambda concepts: is_systemic(words, Treatment(id="", concepts=concepts)), np.uint8
    )
    return np.where(drug, named, Truth.NOT_MET).astype(np.uint8)


def _build(batch: Batch) -> Lines:
    table = batch.table("treatments")
    systemic = _systemic(batch.words, table)
    every = batch.pairs(table, np.flatnonzero(systemic != Truth.NOT_MET))
    of_it = belongs(batch, every.item, table.coded["diagnosis"].take(every.row))
    truth = np.minimum(np.minimum(systemic[every.row], of_it), truths(given(batch, every).code))
    pairs, truth = every.take(truth != Truth.NOT_MET), truth[truth != Truth.NOT_MET]
    start = course(batch, "treatments", pairs).start
    certain = start.exact & (truth == Truth.MET)

    def doses(which: Bools) -> Doubts:
        at = np.flatnonzero(which)
        return Doubts(pairs.item[at], at, start.take(at), truth[at] == Truth.UNKNOWN)

    rules, drugs = _rules(batch, table, pairs)
    worse = worsenings(batch)
    # Where every worsening is certain and of a known day, those that may be are those that are.
    vague = ~(worse.sure & worse.counts_between_lines & worse.days.exact)
    two_ways = np.zeros(batch.n, np.bool_)
    two_ways[worse.item[vague]] = True
    parted = _parted(batch, table)[batch.patient]
    ways = 2 * (1 + two_ways.astype(np.int64)) * (1 + parted)
    sure = doses(certain)
    options = options_of(batch, every, doses(~certain), drugs, sure, ways)
    rank = table.order[pairs.row]
    read, item, base = _read(batch.n, options, sure, rank)
    plain, swayed = grouped_plainly(read.doses, drugs, item, two_ways[item], parted[item], rules)
    untried = np.zeros(len(item), np.bool_)
    untried[base[options.cut]] = True
    found = [(item, read, plain)]
    for way, (possible, returns, parts) in enumerate(OTHER_WAYS):
        again = np.flatnonzero(swayed[:, way] & ~untried)
        if len(again):
            other = read.of(again)
            flags = (np.full(len(again), flag) for flag in (possible, returns, parts))
            found.append((item[again], other, grouped(other.doses, drugs, Readings(item[again], *flags), rules)))
    unexplored = np.where(options.cut, np.diff(options.bounds), 0)
    return _assembled(batch, pairs, found, ~untried, base, unexplored, rules, drugs)


def _parted(batch: Batch, table: Table) -> Bools:
    """Per patient whether some course ended in progression before another began, within the days of one line."""
    found = np.zeros(table.patients, np.bool_)
    ended = np.flatnonzero(
        ended_in_progression(table) & (table.lo["end"] != NO_DAY) & (table.lo["start"] != NO_DAY)
    )  # fmt: skip
    who = table.patient[ended]
    run, other = spread_out(table.starts[who], table.starts[who + 1] - table.starts[who])
    one = ended[run]
    hit = (
        (table.lo["start"][other] != NO_DAY) & (other != one)
        & (table.lo["end"][one] < table.hi["start"][other])
        & (table.lo["start"][other] - table.hi["start"][one] <= batch.settings.line_joins)
    )  # fmt: skip
    found[who[run[hit]]] = True
    return found


def _rules(batch: Batch, table: Table, pairs: Pairs) -> tuple[Rules, Drugs]:
    setting = table.coded["setting"]
    classes = tuple(dict.fromkeys(class_of(word) for word in setting.values if word is not None))
    number = {word: index for index, word in enumerate(classes)}
    stated = setting.table(lambda word: -1 if word is None else number[class_of(word)], np.int32)
    concepts = table.coded["concepts"]
    used, drug = np.unique(concepts.codes[pairs.row], return_inverse=True)
    ended = table.lo["end"][pairs.row]
    drugs = Drugs(
        number=table.number["line"][pairs.row],
        setting=stated[setting.codes[pairs.row]],
        ended=ended != NO_DAY,
        # A course that is still going on then may have come to its progression before any day.
        progressed=np.where(ended_in_progression(table)[pairs.row], ended, FUTURE).astype(np.int32),
        drug=drug.reshape(-1).astype(np.int32),
    )
    worse = worsenings(batch)
    certain = np.flatnonzero(worse.sure & worse.counts_between_lines)
    rules = Rules(
        joins=batch.settings.line_joins,
        certain=Partings(
            np.searchsorted(worse.item[certain], np.arange(batch.n + 1)), worse.days.lo[certain],
            worse.days.hi[certain],
        ),
        possible=Partings(worse.bounds, worse.days.hi, worse.days.lo),
        same=SameDrug(batch.vocabulary, [concepts.values[code] for code in used.tolist()]),
        classes=Sets(classes),
    )  # fmt: skip
    return rules, drugs


@dataclass(frozen=True, slots=True)
class _Read:
    """The doses of readings, and the first day that each may have been on where the lines come out alike."""

    doses: Doses
    since: Ints

    def of(self, index: Longs) -> _Read:
        """Those of some readings."""
        bounds, (_, dose) = self.doses.bounds, spread_out(self.doses.bounds[index], np.diff(self.doses.bounds)[index])
        count = np.diff(bounds)[index]
        return _Read(Doses(bounds_of(count), self.doses.record[dose], self.doses.start[dose]), self.since[dose])


def _read(items: int, options: Options, sure: Doubts, rank: Ints) -> tuple[_Read, Longs, Longs]:
    """The doses of every combination of options, the item of each, and the combination that is each item's plainest:
    the last day of every dose. Where not all are tried it is one more, after the others."""
    count = options.choices + options.cut
    item, nth = spread_out(np.zeros(items, np.int64), count)
    base = bounds_of(count)[1:] - 1
    by_day = np.argsort(_ordered(sure.item, sure.start.lo, rank[sure.record]))
    surely = np.searchsorted(sure.item, np.arange(items + 1))
    certain = np.diff(surely)[item]
    run, place = spread_out(surely[item], certain)
    record, day = sure.record[by_day[place]], sure.start.lo[by_day[place]]
    it, dose = spread_out(options.bounds[item], np.diff(options.bounds)[item])
    extra = options.cut[item] & (nth == options.choices[item])
    sizes = options.sizes[dose]
    digit = np.where(extra[it], sizes - 1, nth[it] // options.strides[dose] % sizes)
    option = options.firsts[dose] + digit
    given_ = options.days[option] != NO_DAY
    it, dose, option = it[given_], dose[given_], option[given_]
    uncertain = np.bincount(it, minlength=len(item))
    bounds = bounds_of(certain + uncertain)
    # Of readings without an uncertain dose the doses stand in their order already.
    mixed = uncertain > 0
    plain, other = ~mixed[run], mixed[run]
    within = np.arange(len(run)) - (np.cumsum(certain) - certain)[run]
    found = _Read(
        Doses(bounds, np.empty(bounds[-1], np.int64), np.empty(bounds[-1], np.int32)), np.empty(bounds[-1], np.int32)
    )
    at = bounds[run[plain]] + within[plain]
    found.doses.record[at], found.doses.start[at], found.since[at] = record[plain], day[plain], day[plain]
    runs = np.concatenate([run[other], it])
    records = np.concatenate([record[other], options.record[dose]])
    days = np.concatenate([day[other], options.days[option]])
    since = np.concatenate([day[other], options.since[option]])
    order = np.argsort(_ordered(runs, days, rank[records]))
    _, at = spread_out(bounds[:-1][mixed], np.diff(bounds)[mixed])
    found.doses.record[at], found.doses.start[at], found.since[at] = records[order], days[order], since[order]
    return found, item, base


def _ordered(run: Longs, day: Ints, rank: Ints) -> Longs:
    """Doses as numbers that ascend by run, day and reference."""
    bits = int(rank.max(initial=0)).bit_length()
    found: Longs = (((run << DAY_BITS) | day) << bits) | rank
    return found


_Found = tuple[Longs, _Read, Grouped]


def _assembled(
    batch: Batch, pairs: Pairs, found: Sequence[_Found], tried: Bools, base: Longs, unexplored: Longs, rules: Rules,
    drugs: Drugs,
) -> Lines:  # fmt: skip
    """Worlds in the order of items, lines in the order of worlds, doses in the order of lines."""
    item = np.concatenate([each for each, _, _ in found])
    order = np.argsort(item, kind="stable")
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    count = np.concatenate([grouped_.lines for _, _, grouped_ in found])[order]
    bounds = bounds_of(count)
    size = np.concatenate([np.diff(read.doses.bounds) for _, read, _ in found])
    line = np.repeat(bounds[place], size) + np.concatenate([grouped_.line for _, _, grouped_ in found])
    by_line = np.argsort(line, kind="stable")
    record = np.concatenate([read.doses.record for _, read, _ in found])[by_line]
    day = np.concatenate([read.doses.start for _, read, _ in found])[by_line]
    since = np.concatenate([read.since for _, read, _ in found])[by_line]
    first = bounds_of(np.bincount(line, minlength=bounds[-1]))
    every = np.ones(len(order), np.bool_)
    every[: len(tried)] = tried
    return Lines(
        item=item[order],
        worlds=np.searchsorted(item[order], np.arange(batch.n + 1)),
        tried=every[order],
        base=place[base],
        unexplored=unexplored,
        cancer=np.arange(batch.n),
        lines=bounds,
        since=since[first[:-1]],
        start=day[first[:-1]],
        settings=_line_settings(setting_of(batch, pairs), first, record),
        doses=first,
        record=record,
        row=pairs.row[record],
        day=day,
        drugs=drugs,
        rules=rules,
    )


def _line_settings(setting: Coded, first: Longs, record: Longs) -> Coded:
    """The settings of each line: what its records state, maintenance aside; none stated or inferred, any."""
    sets = Sets(tuple(word for words in setting.values for word in words or ("",)))
    found = np.zeros(len(first) - 1, np.int32)
    count = np.diff(first)
    for k in range(int(count.max(initial=0))):
        at = np.flatnonzero(count > k)
        words = setting.codes[record[first[at] + k]]
        at, words = at[words > 0], words[words > 0]
        found[at] = sets.added(found[at], words)
    values = tuple(tuple(sorted(each - {MAINTENANCE} or each)) for each in sets.sets)
    return Coded(values, found)


# --- what others ask of the lines ----------------------------------------------------------------------------------


def places(batch: Batch, table: Table) -> Longs:
    """Per item what is added to a row of its patient for its place among all pairs of the batch with the table."""
    count = np.diff(table.starts)[batch.patient]
    found: Longs = bounds_of(count)[:-1] - table.starts[batch.patient]
    return found


def number_of_places(batch: Batch, table: Table) -> int:
    """How many pairs of the batch with a table there are."""
    return int(np.diff(table.starts)[batch.patient].sum())


def line_numbers(batch: Batch, pairs: Pairs) -> tuple[Floats, Floats]:
    """The number of the line each treatment belongs to among the lines of its setting, from and to (nan: none).

    A recorded number holds; where the dates tell of more lines before it than the number allows, the range covers both.
    """
    every, index = of_cancers(batch)
    table = batch.table("treatments")
    low, high = every.once("line numbers", lambda: _numbers(every))
    cancer = index[pairs.item]
    of_one = np.flatnonzero(cancer >= 0)
    found_low, found_high = np.full(len(pairs), np.nan), np.full(len(pairs), np.nan)
    at = every.once("places", lambda: places(every, table))[cancer[of_one]] + pairs.row[of_one]
    found_low[of_one], found_high[of_one] = low[at], high[at]
    recorded = table.number["line"][pairs.row]
    numbered = ~np.isnan(recorded)
    up_to = np.maximum(recorded, np.nan_to_num(found_low, nan=0.0))
    return np.where(numbered, recorded, found_low), np.where(numbered, up_to, found_high)


def _numbers(every: Batch) -> tuple[Floats, Floats]:
    """By place of each pair with a treatment the lowest and the highest number its line may have."""
    table, found = every.table("treatments"), _all_lines(every)
    world = found.world_of_line
    line, earlier = spread_out(found.lines[world], np.arange(len(world)) - found.lines[world])
    share = _shares(found.settings, earlier, line)
    low, high = np.ones(len(world)), np.ones(len(world))
    np.add.at(low, line, share == Truth.MET)
    np.add.at(high, line, share != Truth.NOT_MET)
    count = number_of_places(every, table)
    at_least, at_most = np.full(count, np.inf), np.full(count, -np.inf)
    owner = found.line_of_dose
    tried = found.tried[world[owner]]
    owner = owner[tried]
    at = every.once("places", lambda: places(every, table))[found.item[world[owner]]] + found.row[tried]
    np.minimum.at(at_least, at, low[owner])
    np.maximum.at(at_most, at, high[owner])
    return np.where(np.isinf(at_least), np.nan, at_least), np.where(np.isinf(at_most), np.nan, at_most)


def _shares(settings: Coded, one: Longs, other: Longs) -> NDArray[np.uint8]:
    """Whether two lines are of one setting, so that they are numbered together: truths, pair by pair."""
    return shares(settings.take(one), settings.take(other))


def shares(one: Coded, other: Coded) -> NDArray[np.uint8]:
    """Whether settings of lines may be one: truths, pair by pair, asked once per distinct pair."""
    size = max(1, len(other.values))
    key = one.codes.astype(np.int64) * size + other.codes
    occurs = np.zeros(max(1, len(one.values)) * size, np.bool_)
    occurs[key] = True
    said = np.zeros(len(occurs), np.uint8)
    for each in np.flatnonzero(occurs).tolist():
        said[each] = may_share(one.values[each // size], other.values[each % size])
    found: NDArray[np.uint8] = said[key]
    return found


def next_line_start(batch: Batch, pairs: Pairs) -> Spans:
    """When the systemic line after each treatment began; FUTURE if none is known.

    For a drug of a line that is the line after it, for any other treatment the first line begun after its start.
    """
    every, index = of_cancers(batch)
    table, found = batch.table("treatments"), _all_lines(every)
    within, low, high = every.once("next lines", lambda: _next_lines(every))
    cancer = index[pairs.item]
    lo, hi = np.full(len(pairs), FUTURE, np.int32), np.full(len(pairs), FUTURE, np.int32)
    of_one = np.flatnonzero(cancer >= 0)
    at = every.once("places", lambda: places(every, table))[cancer[of_one]] + pairs.row[of_one]
    tried = every.once("worlds tried", lambda: np.bincount(found.item[found.tried], minlength=every.n))
    in_all = within[at] == tried[cancer[of_one]]
    full = of_one[in_all]
    lo[full], hi[full] = low[at[in_all]], high[at[in_all]]
    left, at = of_one[~in_all], at[~in_all]
    if len(left):
        begun = course(batch, "treatments", pairs.take(left)).start.lo
        first, last = _lines_after(every, cancer[left], pairs.row[left], begun, within[at] > 0)
        some = within[at] > 0
        lo[left] = np.where(some, np.minimum(first, low[at]), first)
        hi[left] = np.where(some, np.maximum(last, high[at]), last)
    return Spans(lo, hi)


def _next_lines(every: Batch) -> tuple[Longs, Ints, Ints]:
    """By place of each pair with a treatment: in how many worlds it is part of a line, and when the next one begins."""
    table, found = every.table("treatments"), _all_lines(every)
    world = found.world_of_line
    is_last = np.append(world[1:] != world[:-1], True)[: len(world)]
    earliest, latest = (
        np.where(is_last, FUTURE, np.append(day[1:], FUTURE)[: len(world)]).astype(np.int32)
        for day in (found.since, found.start)
    )
    count = number_of_places(every, table)
    owner = found.line_of_dose
    tried = found.tried[world[owner]]
    owner = owner[tried]
    at = every.once("places", lambda: places(every, table))[found.item[world[owner]]] + found.row[tried]
    low, high = np.full(count, FUTURE, np.int32), np.zeros(count, np.int32)
    np.minimum.at(low, at, earliest[owner])
    np.maximum.at(high, at, latest[owner])
    return np.bincount(at, minlength=count), low, high


def _lines_after(every: Batch, cancer: Longs, row: Longs, begun: Ints, somewhere: Bools) -> tuple[Ints, Ints]:
    """The first line begun after a day, over the worlds in which a treatment is part of no line: earliest, latest."""
    found = _all_lines(every)
    rows = every.table("treatments").rows
    members = every.once(
        "members", lambda: np.sort(found.world_of_line[found.line_of_dose] * rows + found.row)
    )  # fmt: skip
    pair, world = spread_out(found.worlds[cancer], np.diff(found.worlds)[cancer])
    asked = found.tried[world]
    key = world * rows + row[pair]
    at = np.minimum(np.searchsorted(members, key), max(0, len(members) - 1))
    asked &= ~somewhere[pair] | (members[at] != key if len(members) else True)
    pair, world = pair[asked], world[asked]
    run, line = spread_out(found.lines[world], np.diff(found.lines)[world])
    later = found.start[line] > begun[pair[run]]
    earliest, latest = np.full(len(pair), FUTURE, np.int32), np.full(len(pair), FUTURE, np.int32)
    np.minimum.at(earliest, run[later], found.since[line[later]])
    np.minimum.at(latest, run[later], found.start[line[later]])
    lo, hi = np.full(len(cancer), FUTURE, np.int32), np.zeros(len(cancer), np.int32)
    np.minimum.at(lo, pair, earliest)
    np.maximum.at(hi, pair, latest)
    return lo, hi
