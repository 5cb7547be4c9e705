"""Options in bulk beside options one patient at a time: where do they differ?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np

from matcher.engine import evaluate_trial, rank_options
from matcher.engine.bulk import Asked, Columns, Program, Shelf
from matcher.engine.bulk.batch import days
from matcher.engine.bulk.findings import change_of, reason_of, truth_of
from matcher.engine.bulk.options import BLOCKS, NO_RANK, NO_STRENGTH, STRENGTHS, Option, options, order
from matcher.engine.reference.documents.options import OptionResult
from patients.facts import Patient
from trials.criteria.documents import OptionDocument, TrialDocument

Documents = Sequence[tuple[OptionDocument, int]]
Trials = Sequence[tuple[TrialDocument, int, bool]]


def in_bulk(
    documents: Documents, patients: Sequence[Patient], *, as_of: date, trials: Trials = ()
) -> list[tuple[object, ...]]:
    """The options of each patient in the order of a page, with what each statement says."""
    shelf = Shelf(Columns.of(patients), days(as_of, len(patients)))
    program = Program.of([*(Asked(*each) for each in documents), *(Asked(*each) for each in trials)])
    answers = [shelf.trial(document, version, open_here=here) for document, version, here in program.trials]
    found = options(shelf, program.options, trials=answers)
    pages = order(found)
    return [tuple(_shown(found[number], patient) for number in pages[:, patient]) for patient in range(len(patients))]


def one_by_one(
    documents: Documents, patients: Sequence[Patient], *, as_of: date, trials: Trials = ()
) -> list[tuple[object, ...]]:
    """The same by the reference engine."""
    found = []
    for patient in patients:
        results = [
            evaluate_trial(document, patient, as_of=as_of, version=version, open_here=here, each_clears=False)
            for document, version, here in trials
        ]
        found.append(tuple(map(_told, rank_options(documents, patient, as_of=as_of, trials=results))))
    return found


def _shown(option: Option, patient: int) -> tuple[object, ...]:
    codes = [None if each is None else int(each[patient]) for each in option.statements]
    strength, rank = int(option.strength[patient]), int(option.rank[patient])
    return (
        option.document.id, option.version, BLOCKS[option.block[patient]], int(option.level[patient]),
        None if strength == NO_STRENGTH else STRENGTHS[strength], None if rank == NO_RANK else rank,
        tuple(None if code is None else (truth_of(code), reason_of(code), change_of(code)) for code in codes),
    )  # fmt: skip


def _told(result: OptionResult) -> tuple[object, ...]:
    findings = [each.finding for each in result.statements]
    return (
        result.document.id, result.version, result.block, result.level, result.strength, result.rank,
        tuple(None if found is None else (found.truth, found.reason, found.change) for found in findings),
    )  # fmt: skip


def blocks_of(documents: Documents, patients: Sequence[Patient], *, as_of: date) -> set[str]:
    """The blocks in which any option stands for any patient."""
    shelf = Shelf(Columns.of(patients), days(as_of, len(patients)))
    found = options(shelf, documents)
    return {str(BLOCKS[block]) for option in found for block in np.unique(option.block)}
