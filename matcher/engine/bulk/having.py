"""`has | no | history of KIND(…) WINDOW`: some record matches, or one that nobody recorded may."""

from __future__ import annotations

import numpy as np

from matcher.engine.bulk.batch import Batch
from matcher.engine.bulk.columns import Codes, Ints
from matcher.engine.bulk.findings import (
    IMPRECISE,
    Findings,
    all_of,
    chosen,
    earlier,
    either_codes,
    first_flip_of,
    negate,
    negated,
)
from matcher.engine.bulk.records.candidates import Candidates
from matcher.engine.bulk.records.patterns import candidates, unrecorded
from matcher.engine.bulk.windows import in_window, opened
from trials.criteria import tree as t
from trials.criteria.kinds import Kind


def having(batch: Batch, leaf: t.Has) -> Findings:
    """The findings of a leaf that asks for a record, for every item."""
    records = leaf.records
    window = opened(batch, leaf.window)
    matching = candidates(batch, records, history=leaf.mode is t.Mode.HISTORY or _looks_back(leaf))
    inside = in_window(batch, matching, leaf.window, records.kind)
    code, flips = np.minimum(matching.code, inside.code), earlier(matching.flips, inside.flips)
    silent = unrecorded(batch, records, window.until(batch.asked))
    found = _some(matching, code, flips, silent).or_flips(window.flips)
    if window.unplaced.any():
        # Where nothing matches at any time, nothing does in a window that nobody can place.
        ever = _some(matching, matching.code, matching.flips, unrecorded(batch, records, batch.asked))
        problem = chosen(ever.is_not_met, ever, Findings(window.problem, window.flips))
        found = chosen(window.unplaced, problem, found)
    if records.kind is Kind.LINE:
        # Lines are counted for the cancer the document is about: without such a cancer there is nothing to count.
        found = chosen(batch.focus < 0, all_of(batch.n, IMPRECISE), found)
    if leaf.mode is not t.Mode.NO:
        return found
    if found is not silent:
        return negate(found)
    # What several leaves share is negated once.
    return batch.once(("negated", id(silent)), lambda: (silent, negate(silent)))[1]


def _looks_back(leaf: t.Has) -> bool:
    """A condition asked for in a window is asked whether it was there at any time of it."""
    looked_at = leaf.records.kind in (Kind.CONDITION, Kind.TOXICITY)
    return leaf.window is not None and not isinstance(leaf.window, t.AnyTime) and looked_at


def _some(matching: Candidates, code: Codes, flips: Ints | None, silent: Findings) -> Findings:
    """Whether any of the candidates, whose findings are given, or anything unrecorded is so.

    Items without candidates, which are most, have what is said of the unrecorded.
    """
    if not len(matching):
        return silent
    first = np.flatnonzero(np.append(True, matching.item[1:] != matching.item[:-1]))
    item = matching.item[first]
    found = silent.code.copy()
    found[item] = either_codes(negated(np.minimum.reduceat(negated(code), first)), found[item])
    if flips is not None:
        flips = first_flip_of(len(silent), matching.item, flips)
    return Findings(found, earlier(flips, silent.flips))
