"""Any pattern of records: which match, and whether one more may exist that nobody recorded."""

from __future__ import annotations

from collections.abc import Callable

from matcher.engine.bulk.batch import Batch
from matcher.engine.bulk.columns import Ints
from matcher.engine.bulk.findings import Findings
from matcher.engine.bulk.records.biomarkers import biomarkers, unrecorded_marker
from matcher.engine.bulk.records.candidates import Candidates
from matcher.engine.bulk.records.conditions import conditions, unrecorded_condition
from matcher.engine.bulk.records.diagnoses import diagnoses
from matcher.engine.bulk.records.events import events, unrecorded_event
from matcher.engine.bulk.records.lines import line_candidates
from matcher.engine.bulk.records.treatments import (
    drugs,
    medications,
    treatments,
    unrecorded_drug,
    unrecorded_medication,
    unrecorded_treatment,
)
from trials.criteria import tree as t
from trials.criteria.kinds import Kind

_FINDERS: dict[Kind, Callable[[Batch, t.Records, bool], Candidates]] = {
    Kind.DIAGNOSIS: diagnoses,
    Kind.CONDITION: conditions,
    Kind.TOXICITY: conditions,
    Kind.ALLERGY: conditions,
    Kind.FAMILY_HISTORY: conditions,
    Kind.TREATMENT: treatments,
    Kind.MEDICATION: medications,
    Kind.DRUG: drugs,
    Kind.BIOMARKER: biomarkers,
    Kind.DISEASE_STATUS: events,
    Kind.LINE: line_candidates,
}

_SILENCES: dict[Kind, Callable[[Batch, t.Records, Ints], Findings]] = {
    Kind.DIAGNOSIS: unrecorded_condition,
    Kind.CONDITION: unrecorded_condition,
    Kind.TOXICITY: unrecorded_condition,
    Kind.ALLERGY: unrecorded_condition,
    Kind.FAMILY_HISTORY: unrecorded_condition,
    Kind.TREATMENT: unrecorded_treatment,
    Kind.LINE: unrecorded_treatment,
    Kind.MEDICATION: unrecorded_medication,
    Kind.DRUG: unrecorded_drug,
    Kind.BIOMARKER: unrecorded_marker,
    Kind.DISEASE_STATUS: unrecorded_event,
}


def candidates(batch: Batch, records: t.Records, *, history: bool = False) -> Candidates:
    """The records that match or may match a pattern; `history` asks of a condition whether it ever was."""
    return batch.once(("candidates", records, history), lambda: _FINDERS[records.kind](batch, records, history))


def unrecorded(batch: Batch, records: t.Records, until: Ints) -> Findings:
    """The findings that no record beyond those known matches: *not met* where silence is a statement.

    `until` is for each item the last day the question reaches.
    """
    return _SILENCES[records.kind](batch, records, until)
