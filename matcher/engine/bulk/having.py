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
    either,
    either_of,
    first_flip_of,
    negate,
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
    found = _some(batch.n, matching, code, flips, silent).or_flips(window.flips)
    if window.unplaced.any():
        # Where nothing matches at any time, nothing does in a window that nobody can place.
        ever = _some(batch.n, matching, matching.code, matching.flips, unrecorded(batch, records, batch.asked))
        problem = chosen(ever.is_not_met, ever, Findings(window.problem, window.flips))
        found = chosen(window.unplaced, problem, found)
    if records.kind is Kind.LINE:
        # Lines are counted for the cancer the document is about: without such a cancer there is nothing to count.
        found = chosen(batch.focus < 0, all_of(batch.n, IMPRECISE), found)
    return negate(found) if leaf.mode is t.Mode.NO else found


def _looks_back(leaf: t.Has) -> bool:
    """A condition asked for in a window is asked whether it was there at any time of it."""
    looked_at = leaf.records.kind in (Kind.CONDITION, Kind.TOXICITY)
    return leaf.window is not None and not isinstance(leaf.window, t.AnyTime) and looked_at


def _some(n: int, matching: Candidates, code: Codes, flips: Ints | None, silent: Findings) -> Findings:
    """Whether any of the candidates, whose findings are given, or anything unrecorded is so."""
    known = Findings(either_of(n, matching.item, code), first_flip_of(n, matching.item, flips))
    return either([known, silent])
