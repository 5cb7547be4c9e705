"""What made a cancer worse, and when, for all items at once (`reference.records.worsening`)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matcher.engine.bulk.batch import Batch
from matcher.engine.bulk.calendar import Spans
from matcher.engine.bulk.columns import NO_DAY, Bools, Ints, Longs, Table
from matcher.engine.bulk.diseases import belongs, is_metastasis, lesions, meanings_in
from matcher.engine.reference.days import FUTURE, PAST
from matcher.engine.reference.records.worsening import KNOWN_BEFORE
from matcher.engine.truth import Truth
from patients.facts import CodeRelation, code_relation


@dataclass(frozen=True, slots=True)
class Worsenings:
    """The worsenings of each item's cancer, of shape (w,), ascending by item: those of item i are
    `bounds[i]:bounds[i + 1]`.

    `days` is when, `sure` whether it certainly is one, and one of this cancer's, `counts_between_lines` whether it then
    certainly parts two lines: a statement of the course does, a metastasis may be older than its finding.
    """

    item: Longs
    bounds: Longs
    days: Spans
    sure: Bools
    counts_between_lines: Bools


def worsenings(batch: Batch) -> Worsenings:
    """Every progression, relapse and metastasis of the cancer of each item that is or may be recorded."""
    return batch.once("worsenings", lambda: _worsenings(batch))


def _worsenings(batch: Batch) -> Worsenings:
    events, metastases = _events(batch), _metastases(batch)
    item = np.concatenate([events[0], metastases[0]])
    order = np.argsort(item, kind="stable")
    item = item[order]
    day = batch.asked[item]
    return Worsenings(
        item=item,
        bounds=np.searchsorted(item, np.arange(batch.n + 1)).astype(np.int64),
        days=Spans(
            np.minimum(np.concatenate([events[1].lo, metastases[1].lo])[order], day),
            np.minimum(np.concatenate([events[1].hi, metastases[1].hi])[order], day),
        ),
        sure=np.concatenate([events[2], metastases[2]])[order],
        counts_between_lines=order < len(events[0]),
    )


_Found = tuple[Longs, Spans, Bools]


def _events(batch: Batch) -> _Found:
    table = batch.table("disease_status")
    said = table.coded["status"]
    how = said.table(_how, np.int8)
    pairs = batch.pairs(table, np.flatnonzero(how[said.codes] >= 0))
    of_it = belongs(batch, pairs.item, table.coded["diagnosis"].take(pairs.row))
    pairs, of_it = pairs.take(of_it != Truth.NOT_MET), of_it[of_it != Truth.NOT_MET]
    sure = (how[said.codes[pairs.row]] == 1) & (of_it == Truth.MET)
    return pairs.item, _open_days(table, pairs.row), sure


def _how(status: str | None) -> int:
    """Whether a status is a worsening: 1, may be one: 0, is none: -1."""
    if status is None:
        return 0
    relations = {code_relation("disease_status", status, asked) for asked in ("progression", "relapse")}
    if CodeRelation.WITHIN in relations:
        return 1
    return -1 if relations == {CodeRelation.OUTSIDE} else 0


def _open_days(table: Table, row: Longs) -> Spans:
    lo, hi = table.lo["date"][row], table.hi["date"][row]
    undated = lo == NO_DAY
    return Spans(np.where(undated, PAST, lo).astype(np.int32), np.where(undated, FUTURE, hi).astype(np.int32))


def _metastases(batch: Batch) -> _Found:
    """Metastases where they are first told of: a later row of one may tell of it again, or of one more beside it."""
    table, (rows, told_before, later) = batch.table("conditions"), _told(batch)
    again = table.coded["states"].map(lambda states: bool(KNOWN_BEFORE.intersection(states)), np.bool_)
    kept = np.flatnonzero(~(later & again[rows]))
    rows, told_before = rows[kept], told_before[kept]
    doubtful = np.zeros(table.rows, np.bool_)
    doubtful[rows] = told_before
    pairs = batch.pairs(table, np.sort(rows))
    of_it = belongs(batch, pairs.item, table.coded["diagnosis_id"].take(pairs.row))
    pairs, of_it = pairs.take(of_it != Truth.NOT_MET), of_it[of_it != Truth.NOT_MET]
    present = table.coded["status"].map(lambda status: status in (None, "present"), np.bool_)[pairs.row]
    sure = (of_it == Truth.MET) & present & ~doubtful[pairs.row] & ~again[pairs.row]
    return pairs.item, _open_days(table, pairs.row), sure


def _told(batch: Batch) -> tuple[Longs, Bools, Bools]:
    """The rows that tell of metastases; of each whether it may tell of one that was told of before, and whether
    an earlier row tells of the same lesion."""
    return batch.view.once(("told of metastases", batch.vocabulary), lambda: _told_once(batch))


def _told_once(batch: Batch) -> tuple[Longs, Bools, Bools]:
    table = batch.table("conditions")
    status = table.coded["status"]
    rows = np.flatnonzero(is_metastasis(batch.view, batch.words) & (status.codes != status.code_of("absent")))
    groups = lesions(table, meanings_in(batch.view), rows)
    rows, lesion = groups.rows, groups.owner
    undated = table.lo["date"][rows] == NO_DAY
    of_lesion = np.zeros(len(groups), np.bool_)
    of_lesion[lesion[undated]] = True
    unplaced = np.flatnonzero(~undated & (table.coded["sites"].codes[rows] == 0))
    first: Ints = np.full(table.patients, FUTURE, np.int32)
    np.minimum.at(first, table.patient[rows[unplaced]], table.lo["date"][rows[unplaced]])
    later = np.arange(len(rows)) > groups.bounds[:-1][lesion]
    before = ~undated & (first[table.patient[rows]] < table.lo["date"][rows])
    return rows, of_lesion[lesion] | later | before, later


def ended_in_progression(table: Table) -> Bools:
    """Which treatments say themselves that their course ended in progression."""
    response, stopped = table.coded["response"], table.coded["stop_reason"]
    by_response = response.codes == response.code_of("progressive disease")
    found: Bools = by_response | (stopped.codes == stopped.code_of("progression"))
    return found
