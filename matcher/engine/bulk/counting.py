"""How many records, lines or sites match (`reference.records.counts`, over arrays).

What is counted is grouped first, for the records of one lesion count once; the groups of an item are then no more than
a tally.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from matcher.engine.bulk.batch import Batch, running
from matcher.engine.bulk.columns import Bools, Coded, Longs
from matcher.engine.bulk.findings import IMPRECISE, Findings, all_of, chosen, earlier, either_of, first_flip_of
from matcher.engine.bulk.records.candidates import Candidates
from matcher.engine.bulk.records.lines import count_of_lines
from matcher.engine.bulk.records.patterns import candidates, unrecorded
from matcher.engine.bulk.tallies import Tally, in_range, tally
from matcher.engine.bulk.windows import in_window, opened
from patients.vocabulary import Vocabulary
from trials.criteria import tree as t
from trials.criteria.kinds import Kind


def counted(batch: Batch, leaf: t.Count) -> Findings:
    """The findings of `count KIND(…) op n`, for every item."""
    window = opened(batch, leaf.window)
    count = {Kind.LINE: count_of_lines, Kind.SITE: _sites}.get(leaf.records.kind, _records)
    return chosen(window.unplaced, Findings(window.problem, window.flips), count(batch, leaf))


def _records(batch: Batch, leaf: t.Count) -> Findings:
    records, window = leaf.records, opened(batch, leaf.window)
    found = candidates(batch, records, history=True)
    inside = in_window(batch, found, leaf.window, records.kind)
    code, flips = np.minimum(found.code, inside.code), earlier(found.flips, inside.flips)
    first, group = _groups(found)
    grouped = Findings(either_of(len(first), group, code), first_flip_of(len(first), group, flips))
    silent = unrecorded(batch, records, window.until(batch.asked))
    return in_range(leaf, tally(batch.n, found.item[first], grouped), silent)


def _groups(found: Candidates) -> tuple[Longs, Longs]:
    """What is counted once: the first candidate of each group, and the group of each candidate."""
    order = np.lexsort((found.counted, found.item))
    item, counted_as = found.item[order], found.counted[order]
    new = np.ones(len(found), np.bool_)
    new[1:] = (item[1:] != item[:-1]) | (counted_as[1:] != counted_as[:-1])
    group = np.empty(len(found), np.int64)
    group[order] = np.cumsum(new) - 1
    return order[new], group


def _sites(batch: Batch, leaf: t.Count) -> Findings:
    """Distinct sites among the matching records; a record without a site may be at any, and at several."""
    n, asked_of = batch.n, leaf.records
    records = t.Records(Kind.CONDITION, asked_of.concepts, asked_of.other_than, asked_of.tests)
    found = candidates(batch, records, history=True)
    found = found.take(found.possible)
    sites = _sites_of(batch, found)
    names = sorted({site for places in sites.values for site in places})
    position = {site: index for index, site in enumerate(names)}
    many = sites.map(len, np.int64)
    starts = np.cumsum([0, *(len(places) for places in sites.values)])
    each = np.array([position[site] for places in sites.values for site in places], np.int64)

    def places(kept: Bools) -> Longs:
        """The distinct places of some records, each with its item as one number."""
        count = many[kept]
        site = each[np.repeat(starts[sites.codes[kept]], count) + running(count)]
        return np.unique(np.repeat(found.item[kept], count) * len(names) + site)

    possible = places(np.ones(len(found), np.bool_))
    certain = _outermost(batch.vocabulary, names, places(found.certain & (many == 1)))
    known = tally(n, found.item, Findings(found.code, found.flips))
    low = np.bincount(certain // max(len(names), 1), minlength=n)
    count = Tally(
        low=np.maximum(low, np.minimum(1, known.low)),
        high=np.bincount(possible // max(len(names), 1), minlength=n),
        reason=known.reason,
        ceasing=known.ceasing,
        flips=known.flips,
    )
    unplaced = np.bincount(found.item[many == 0], minlength=n) > 0
    silent = chosen(unplaced, all_of(n, IMPRECISE), unrecorded(batch, records, batch.asked))
    return in_range(leaf, count, silent)


def _sites_of(batch: Batch, found: Candidates) -> Coded:
    """The possible sites of each candidate, which may be a condition or an event that tells of one."""
    code_by_sites: dict[tuple[str, ...], int] = {(): 0}
    codes = np.zeros(len(found), np.int32)
    for position, name in enumerate(found.tables):
        mine = np.flatnonzero(found.origin == position)
        column = batch.table(name).coded["sites"].take(found.row[mine])
        codes[mine] = column.map(lambda sites: code_by_sites.setdefault(sites, len(code_by_sites)), np.int32)
    return Coded(tuple(code_by_sites), codes)


def _outermost(vocabulary: Vocabulary, names: list[str], places: NDArray[np.int64]) -> Longs:
    """Of distinct places (item * sites + site) those within which none of the same item's other places lies."""
    item, site = np.divmod(places, max(len(names), 1))
    first = np.searchsorted(item, item)
    count = np.searchsorted(item, item, side="right") - first
    one = np.repeat(np.arange(len(places)), count)
    other = np.repeat(first, count) + running(count)
    apart = one != other
    one, other = one[apart], other[apart]
    distinct, which = np.unique(site[other] * len(names) + site[one], return_inverse=True)
    below = [vocabulary.is_below(*(names[each] for each in divmod(int(pair), len(names)))) for pair in distinct]
    kept = np.ones(len(places), np.bool_)
    kept[one[np.array(below, np.bool_)[which]]] = False
    return places[kept]
