"""Any pattern of records: which match, and whether one more may exist that nobody recorded."""

from __future__ import annotations

from collections.abc import Callable

from matcher.engine.bulk.batch import Batch
from matcher.engine.bulk.columns import Ints
from matcher.engine.bulk.findings import Findings
from matcher.engine.bulk.records import biomarkers, conditions, diagnoses, events, lines, treatments
from matcher.engine.bulk.records.candidates import Candidates
from trials.criteria import tree as t
from trials.criteria.kinds import Kind

_FINDERS: dict[Kind, Callable[[Batch, t.Records, bool], Candidates]] = {
    Kind.DIAGNOSIS: diagnoses.diagnoses,
    Kind.CONDITION: conditions.conditions,
    Kind.TOXICITY: conditions.conditions,
    Kind.ALLERGY: conditions.conditions,
    Kind.FAMILY_HISTORY: conditions.conditions,
    Kind.TREATMENT: treatments.treatments,
    Kind.MEDICATION: treatments.medications,
    Kind.DRUG: treatments.drugs,
    Kind.BIOMARKER: biomarkers.biomarkers,
    Kind.DISEASE_STATUS: events.events,
    Kind.LINE: lines.line_candidates,
}

_SILENCES: dict[Kind, Callable[[Batch, t.Records, Ints], Findings]] = {
    Kind.DIAGNOSIS: conditions.unrecorded_condition,
    Kind.CONDITION: conditions.unrecorded_condition,
    Kind.TOXICITY: conditions.unrecorded_condition,
    Kind.ALLERGY: conditions.unrecorded_condition,
    Kind.FAMILY_HISTORY: conditions.unrecorded_condition,
    Kind.TREATMENT: treatments.unrecorded_treatment,
    Kind.LINE: treatments.unrecorded_treatment,
    Kind.MEDICATION: treatments.unrecorded_medication,
    Kind.DRUG: treatments.unrecorded_drug,
    Kind.BIOMARKER: biomarkers.unrecorded_marker,
    Kind.DISEASE_STATUS: events.unrecorded_event,
}


def candidates(batch: Batch, records: t.Records, *, history: bool = False) -> Candidates:
    """The records that match or may match a pattern; `history` asks of a condition whether it ever was."""
    return batch.once(("candidates", records, history), lambda: _FINDERS[records.kind](batch, records, history))


def unrecorded(batch: Batch, records: t.Records, until: Ints) -> Findings:
    """The findings that no record beyond those known matches: *not met* where silence is a statement.

    `until` is for each item the last day the question reaches.
    """
    return _SILENCES[records.kind](batch, records, until)
