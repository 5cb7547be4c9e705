"""How many patients each criterion of a trial removes and leaves open: counts of bits, over the living.

`alone` are the patients for whom a criterion is not met, `in_order` those it removes who were still in after the
criteria before it, `unknown` those it leaves open. A criterion of one cohort removes a patient only where no other
cohort is left to them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matcher.engine.bulk.planes import Bits, count, pack
from matcher.engine.bulk.trials import STATUSES, Answers, Trial
from trials.criteria.documents import CriterionKind


@dataclass(frozen=True, slots=True)
class Step:
    """One criterion of a funnel; numbers of patients."""

    criterion: str
    alone: int
    in_order: int
    unknown: int


def funnel(answers: Answers) -> list[Step]:
    """The funnel of a trial over the patients who live, each by the cancer that counts."""
    parts = [_steps(trial, _living(answers, number)) for number, trial in enumerate(answers.parts)]
    return [
        Step(
            same[0].criterion, *(sum(getattr(each, name) for each in same) for name in ("alone", "in_order", "unknown"))
        )
        for same in zip(*parts, strict=True)
    ]


def _steps(trial: Trial, living: Bits) -> list[Step]:
    cohorts = [cohort.id for cohort in trial.document.cohorts] or [""]
    left: dict[str, Bits] = dict.fromkeys(cohorts, living)
    steps = []
    for criterion, planes in zip(trial.document.criteria, trial.criteria, strict=True):
        if criterion.kind not in (CriterionKind.RULE, CriterionKind.NOT_STRUCTURED) or planes is None:
            continue
        against = None if planes.not_met is None else planes.not_met & living
        open_ = planes.unknown
        removed = 0
        if against is not None:
            before = np.bitwise_or.reduce(list(left.values()))
            for cohort in criterion.cohorts or cohorts:
                left[cohort] = left[cohort] & ~against
            after = np.bitwise_or.reduce(list(left.values()))
            removed = count(before & ~after)
        steps.append(Step(criterion.id, count(against), removed, 0 if open_ is None else count(open_ & living)))
    return steps


def _living(answers: Answers, number: int) -> Bits:
    """The items of a part that count, of patients who live."""
    batch, counting = answers.parts[number].batch, answers.counting[number]
    chosen = np.zeros(batch.n, np.bool_)
    chosen[counting] = True
    return pack(chosen & ~answers.shelf.view.dead[batch.patient])


def statuses(answers: Answers) -> dict[str, int]:
    """How many patients have each status; the dead are in none of them and counted apart."""
    dead = answers.shelf.view.dead
    found = np.bincount(answers.ranks[~dead], minlength=len(STATUSES))
    numbers = {status.value: int(found[rank]) for rank, status in enumerate(STATUSES)}
    return {**numbers, "deceased": int(dead.sum())}
