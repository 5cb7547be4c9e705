"""Statements of the course of a cancer against a pattern (`reference.records.patterns`, over columns)."""

from __future__ import annotations

import numpy as np

from matcher.engine.bulk.batch import Batch
from matcher.engine.bulk.columns import Ints, Longs, Table
from matcher.engine.bulk.coverage import absence
from matcher.engine.bulk.diseases import belongs
from matcher.engine.bulk.fields import Told, both_told, field_told, per_value
from matcher.engine.bulk.findings import FIRST_UNKNOWN, IMPRECISE, MET_NEVER, Findings
from matcher.engine.bulk.records.candidates import Candidates, events_of
from matcher.engine.change import CHANGE_OF_ABSENCE
from matcher.engine.reference.records.coverage import Need
from matcher.engine.reference.records.fields import met, not_met, site_test
from matcher.engine.results import Evidence, Finding, unknown
from matcher.engine.truth import Change, Reason
from patients.facts import CodeRelation, DiseaseStatus, code_relation
from trials.criteria import tree as t
from trials.criteria.kinds import Kind

_NAMELESS = DiseaseStatus(id="")
_SHOWN = Evidence("", "", "", "", "")


def events(batch: Batch, records: t.Records, history: bool) -> Candidates:
    """Statements of the course of each item's cancer that match or may match a pattern."""
    table = batch.table("disease_status")
    named = per_value(table.coded["status"], lambda status: _named(status, records.concepts)).code
    rows = np.flatnonzero(named >= FIRST_UNKNOWN)
    parts = [Told(named[rows], np.ones(len(rows), np.bool_))]
    for item in records.tests:
        parts.append(_field(batch, item, table, rows))
    told = both_told(parts)
    pairs = batch.pairs(table, rows)
    told = told.take(np.searchsorted(rows, pairs.row))
    of_it = belongs(batch, pairs.item, table.coded["diagnosis"].take(pairs.row))
    # Whether it tells of this cancer: what tells of another is no candidate at all.
    mine = Told(np.where(of_it == 2, MET_NEVER, IMPRECISE).astype(np.uint8), np.ones(len(pairs), np.bool_))
    told = both_told([mine, told])
    kept = (of_it != 0) & ((told.code >= FIRST_UNKNOWN) | told.shown)
    return events_of(batch, table, pairs.take(kept), told.code[kept])


def _field(batch: Batch, item: t.FieldTest, table: Table, rows: Longs) -> Told:
    """A test of a field, for some rows."""
    if item.field != "site":
        return field_told(batch, Kind.DISEASE_STATUS, item, table, rows)

    def decide(sites: tuple[str, ...]) -> Finding:
        return site_test(batch.words, _NAMELESS, sites, Kind.DISEASE_STATUS)(item.test)

    return per_value(table.coded["sites"].take(rows), decide)


def _named(status: str | None, concepts: t.Concepts) -> Finding:
    """Whether a statement is one of those asked for."""
    if concepts.is_any:
        return met(Change.NEVER, _SHOWN)
    if status is None:
        return unknown(Reason.IMPRECISE, evidence=(_SHOWN,))
    relations = {code_relation("disease_status", status, name) for name in concepts.names}
    if CodeRelation.WITHIN in relations:
        return met(Change.NEVER, _SHOWN)
    if CodeRelation.MAY in relations:
        return unknown(Reason.IMPRECISE, evidence=(_SHOWN,))
    return not_met(Change.COURSE)


def unrecorded_event(batch: Batch, records: t.Records, until: Ints) -> Findings:
    """That nothing beyond the recorded statements has happened: by coverage of the course of the disease."""
    change = CHANGE_OF_ABSENCE[Kind.DISEASE_STATUS]
    return absence(batch, Need("disease_status"), until=until, change=change)
