"""Counts against what a rule asks for: low to high, open above where one more may be unrecorded (SEMANTICS §3.10)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matcher.engine.bulk.columns import Codes, Ints, Longs
from matcher.engine.bulk.findings import (
    FIRST_MET,
    FIRST_UNKNOWN,
    IMPRECISE,
    Findings,
    earlier,
    first_flip_of,
)
from matcher.engine.change import CHANGE_OF_ABSENCE
from matcher.engine.truth import Change
from trials.criteria import tree as t

#: The reason of a tally in which nothing is open.
NOTHING_OPEN = 255

_NEVER = Change.NEVER.hardness


@dataclass(frozen=True, slots=True)
class Tally:
    """For n items at least `low` and at most `high` that are recorded, both int64 of shape (n,).

    `ceasing` (n, 4) counts those that surely match by the hardness of what makes them cease; None where nothing does.
    `reason` is the first code of those that may match, NOTHING_OPEN where none is open.
    """

    low: Longs
    high: Longs
    reason: Codes
    ceasing: NDArray[np.int64] | None = None
    flips: Ints | None = None


def tally(n: int, item: NDArray[np.int64], found: Findings) -> Tally:
    """The tally of things counted, each of one of n items."""
    possible = found.code >= FIRST_UNKNOWN
    sure = found.is_met
    hardness = item[sure] * len(Change) + (found.code[sure] - FIRST_MET)
    reason = np.full(n, NOTHING_OPEN, np.uint8)
    np.minimum.at(reason, item[found.is_unknown], found.code[found.is_unknown])
    return Tally(
        low=np.bincount(item[sure], minlength=n),
        high=np.bincount(item[possible], minlength=n),
        reason=reason,
        ceasing=np.bincount(hardness, minlength=n * len(Change)).reshape(n, len(Change)),
        flips=first_flip_of(n, item, found.flips),
    )


def in_range(leaf: t.Count, count: Tally, silent: Findings) -> Findings:
    """Whether counts, or more if some may be unrecorded, lie within what is asked."""
    low, high, more = count.low, count.high, silent.is_unknown
    truth = np.where(low >= leaf.low, 2, np.where(~more & (high < leaf.low), 0, 1))
    if leaf.high is not None:
        truth = np.minimum(truth, np.where(low > leaf.high, 0, np.where(~more & (high <= leaf.high), 2, 1)))
    if leaf.negated:
        truth = 2 - truth
    hardness = _hardness(leaf, count, truth)
    open_ = np.minimum(np.where(more, silent.code, NOTHING_OPEN), count.reason)
    reason = np.where(open_ == NOTHING_OPEN, IMPRECISE, open_)
    code = np.where(truth == 2, FIRST_MET + hardness, np.where(truth == 0, _NEVER - hardness, reason))
    return Findings(code.astype(np.uint8), earlier(count.flips, silent.flips))


def _hardness(leaf: t.Count, count: Tally, truth: NDArray[np.int64]) -> NDArray[np.int64]:
    """Too few may become enough; too many become fewer as those that are counted cease, the easiest first."""
    growing = CHANGE_OF_ABSENCE[leaf.records.kind].hardness
    outside = (truth == 2) == leaf.negated
    fewer = _shrinking(count, count.low - (leaf.high or 0))
    from_outside = np.where(count.high < leaf.low, growing, fewer)
    inside = np.full(len(truth), growing if leaf.high is not None else _NEVER)
    if leaf.low > 0:
        inside = np.minimum(inside, _shrinking(count, count.low - leaf.low + 1))
    return np.where(outside, from_outside, inside)


def _shrinking(count: Tally, by: Longs) -> NDArray[np.int64]:
    """How hard it is that so many of those counted cease: never where that is more than there are."""
    if count.ceasing is None:
        return np.full(len(by), _NEVER)
    so_far = np.cumsum(count.ceasing, axis=1)
    found: NDArray[np.int64] = np.minimum((so_far < by[:, None]).sum(axis=1), _NEVER)
    return found
