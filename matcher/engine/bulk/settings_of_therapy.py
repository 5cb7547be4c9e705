"""In which setting a treatment was given, as recorded or inferred (`reference.records.lines.setting_of`)."""

from __future__ import annotations

import numpy as np

from matcher.engine.bulk.batch import Batch, Pairs
from matcher.engine.bulk.calendar import Spans, shift
from matcher.engine.bulk.columns import Bools, Coded, Longs
from matcher.engine.bulk.courses import course, given
from matcher.engine.bulk.coverage import kind_of
from matcher.engine.bulk.diseases import advanced_from, belongs
from matcher.engine.bulk.findings import FIRST_MET
from matcher.engine.bulk.groups import spread_out
from matcher.engine.reference.days import PAST
from matcher.engine.reference.records.lines import BY_INTENT
from matcher.engine.truth import Truth
from trials.criteria import tree as t


def setting_of(batch: Batch, pairs: Pairs) -> Coded:
    """The settings each treatment may have had, none where nothing tells: by the first of its column, its intent, the
    disease, an operation."""
    table = batch.table("treatments")
    recorded = table.coded["setting"].take(pairs.row)
    words = tuple(dict.fromkeys((None, *recorded.values, *BY_INTENT.values())))
    number = {word: index for index, word in enumerate(words)}
    codes = recorded.map(lambda word: number[word], np.int32)
    by_intent = table.coded["intent"].map(lambda word: number[BY_INTENT.get(word)], np.int32)[pairs.row]
    codes = np.where(codes > 0, codes, by_intent)
    open_ = np.flatnonzero(codes == 0)
    item = pairs.item[open_]
    start = course(batch, "treatments", pairs.take(open_)).start
    certain, possible = advanced_from(batch)
    of_a_cancer = (start.lo > PAST) & (batch.focus[item] >= 0)
    advanced = of_a_cancer & (start.lo >= certain[item])
    early = of_a_cancer & ~advanced & (start.hi < possible[item])
    early[early] = _near_resection(batch, item[early], start.take(early))
    codes[open_] = np.select([advanced, early], [number["advanced"], number["perioperative"]], 0)
    return Coded(tuple(() if word is None else (word,) for word in words), codes.astype(np.int32))


def _near_resection(batch: Batch, item: Longs, start: Spans) -> Bools:
    """Whether courses begin within six months of an operation for the item's cancer, on either side of it."""
    bounds, window = batch.once("resections", lambda: _resections(batch))
    run, near = spread_out(bounds[item], bounds[item + 1] - bounds[item])
    hit = (window.lo[near] <= start.lo[run]) & (start.hi[run] <= window.hi[near])
    found = np.zeros(len(item), np.bool_)
    found[run[hit]] = True
    return found


def _resections(batch: Batch) -> tuple[Longs, Spans]:
    """The times around the operations for each item's cancer: where those of an item begin, and the times."""
    table = batch.table("treatments")
    surgery = kind_of(table, batch.vocabulary).map(lambda kind: kind == "surgery", np.bool_)
    pairs = batch.pairs(table, np.flatnonzero(surgery))
    pairs = pairs.take(given(batch, pairs).code >= FIRST_MET)
    pairs = pairs.take(belongs(batch, pairs.item, table.coded["diagnosis"].take(pairs.row)) == Truth.MET)
    day = course(batch, "treatments", pairs).start
    dated = day.lo > PAST
    pairs, day = pairs.take(dated), day.take(dated)
    span = t.Span(batch.settings.perioperative_months, t.TimeUnit.MONTH)
    bounds = np.searchsorted(pairs.item, np.arange(batch.n + 1)).astype(np.int64)
    return bounds, Spans(shift(day.hi, span, back=True), shift(day.lo, span))
