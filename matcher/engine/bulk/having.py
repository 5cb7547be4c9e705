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
    placed = not window.unplaced.any()
    if placed and not len(matching) and window.flips is None and records.kind is not Kind.LINE:
        # What several leaves share stays one object.
        return _nothing_unrecorded(batch, silent) if leaf.mode is t.Mode.NO else silent
    none = _none(batch, matching, code, flips, silent).or_flips(window.flips)
    if not placed:
        # Where nothing matches at any time, nothing does in a window that nobody can place.
        never = _none(batch, matching, matching.code, matching.flips, unrecorded(batch, records, batch.asked))
        problem = chosen(never.is_met, never, Findings(window.problem, window.flips))
        none = chosen(window.unplaced, problem, none)
    if records.kind is Kind.LINE:
        # Lines are counted for the cancer the document is about: without such a cancer there is nothing to count.
        none = chosen(batch.focus < 0, all_of(batch.n, IMPRECISE), none)
    return none if leaf.mode is t.Mode.NO else negate(none)


def _looks_back(leaf: t.Has) -> bool:
    """A condition asked for in a window is asked whether it was there at any time of it."""
    looked_at = leaf.records.kind in (Kind.CONDITION, Kind.TOXICITY)
    return leaf.window is not None and not isinstance(leaf.window, t.AnyTime) and looked_at


def _nothing_unrecorded(batch: Batch, silent: Findings) -> Findings:
    """The contrary of what is said of the unrecorded, made once."""
    return batch.once(("nothing unrecorded", id(silent)), lambda: (silent, negate(silent)))[1]


def _none(batch: Batch, matching: Candidates, code: Codes, flips: Ints | None, silent: Findings) -> Findings:
    """That none of the candidates, whose findings are given, and nothing unrecorded is so.

    Items without candidates, which are most, have what is said of the unrecorded.
    """
    found = _nothing_unrecorded(batch, silent).code.copy()
    np.minimum.at(found, matching.item, negated(code))
    return Findings(found, earlier(first_flip_of(len(silent), matching.item, flips), silent.flips))
