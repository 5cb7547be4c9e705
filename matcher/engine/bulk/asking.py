"""Plain questions to the bulk evaluator: rules or trials, patients in memory, answers as objects one can read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from matcher.engine.bulk.batch import Batch, days
from matcher.engine.bulk.clearing import clears_on
from matcher.engine.bulk.columns import Codes, Columns
from matcher.engine.bulk.diseases import items_of
from matcher.engine.bulk.findings import IMPRECISE, change_of, reason_of, spread_of, truth_of
from matcher.engine.bulk.missing import lacking
from matcher.engine.bulk.program import Asked, Program
from matcher.engine.bulk.rules import evaluate
from matcher.engine.bulk.trials import STATUSES, Shelf
from matcher.engine.bulk.turning import next_flips
from matcher.engine.bulk.view import view_at
from matcher.engine.reference.context import Settings
from matcher.engine.reference.days import FUTURE
from matcher.engine.reference.documents.assess import Status
from matcher.engine.reference.evaluate import make_context
from matcher.engine.truth import Change, Reason, Truth
from patients.facts import Patient
from patients.vocabulary import Vocabulary, default
from trials.criteria import tree as t
from trials.criteria.documents import TrialDocument


@dataclass(frozen=True, slots=True)
class Answer:
    """What a rule or criterion says of one patient: truth, why it is unknown, how it can change."""

    truth: Truth
    reason: Reason | None
    change: Change | None

    @classmethod
    def of(cls, code: int) -> Answer:
        """The answer of a code."""
        return cls(truth_of(code), reason_of(code), change_of(code))


def answers_to(
    rules: Sequence[t.Rule],
    patients: Sequence[Patient],
    *,
    as_of: date,
    vocabulary: Vocabulary | None = None,
    definitions: Sequence[t.Definition] = (),
    windows: Mapping[str, t.Span] | None = None,
    cancer: t.Concepts | None = None,
    document: str = "",
    version: int = 0,
    criterion: str = "",
    settings: Settings | None = None,
) -> list[list[Answer]]:
    """For each rule the answer of each patient; of several cancers that a rule may be about, all must agree."""
    words = make_context(
        Patient(), as_of=as_of, vocabulary=vocabulary or default(), definitions=definitions, windows=windows,
        cancer=cancer, document=document, version=version, settings=settings,
    ).on(criterion)  # fmt: skip
    columns = Columns.of(patients)
    view = view_at(columns, days(as_of, columns.patients))
    patient, focus = items_of(view, words)
    known = view.known[patient]
    batch = Batch(view, patient, focus, np.full(len(patient), -1, np.int64), known, known, words, evaluate)
    found = []
    for rule in rules:
        code = spread_of(columns.patients, patient, evaluate(batch, rule).code, IMPRECISE)
        found.append([Answer.of(int(each)) for each in code])
    return found


@dataclass(frozen=True, slots=True)
class Assessed:
    """A patient against a trial: the status with the best cohort, and each criterion of the cancer that counts.

    `needs` is facts, reader or both where something is open; `next_flip` the first day on which time alone may change
    any of this.
    """

    status: Status
    deceased: bool
    offered: bool
    cohort: str
    criteria: tuple[Answer | None, ...]
    clears_on: date | None
    needs: str | None
    next_flip: date | None


def assess(
    documents: Sequence[tuple[TrialDocument, int, bool]],
    patients: Sequence[Patient],
    *,
    as_of: date | Sequence[date],
    vocabulary: Vocabulary | None = None,
    settings: Settings | None = None,
) -> list[list[Assessed]]:
    """For each trial (document, version, open here) the answer of each patient, on one day or each on their own."""
    columns = Columns.of(patients)
    shelf = Shelf(columns, days(as_of, columns.patients), vocabulary or default(), settings or Settings())
    found = []
    for document, version, open_here in Program.of([Asked(*each) for each in documents]).trials:
        answers = shelf.trial(document, version, open_here=open_here)
        codes: list[Codes | None] = []
        for criterion in document.criteria:
            findings = [part.findings(criterion) for part in answers.parts]
            codes.append(
                answers.of_patients([each.code for each in findings if each is not None]) if findings[0] else None
            )
        which = answers.of_patients([part.best[1] for part in answers.parts])
        clearing = dict(zip(*(each.tolist() for each in clears_on(answers)), strict=True))
        lacks = lacking(answers)
        needs = {p: lacks.wanted[k].needs for p, k in zip(lacks.patient.tolist(), lacks.pattern.tolist(), strict=True)}
        flips = next_flips(answers)
        found.append([
            Assessed(
                status=STATUSES[answers.ranks[index]],
                deceased=bool(shelf.view.dead[index]),
                offered=answers.offered,
                cohort=answers.parts[0].cohorts[which[index]].id,
                criteria=tuple(None if code is None else Answer.of(int(code[index])) for code in codes),
                clears_on=date.fromordinal(clearing[index]) if index in clearing else None,
                needs=needs.get(index),
                next_flip=date.fromordinal(flips[index]) if flips[index] < FUTURE else None,
            )
            for index in range(columns.patients)
        ])  # fmt: skip
    return found
