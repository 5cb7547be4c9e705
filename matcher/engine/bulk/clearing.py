"""On which later day a pair fits by waiting alone: the search of `reference.documents.assess`, for all pairs at once.

Only pairs are searched against which nothing stands but time. Each is tried on the days on which what stands against it
may turn; pairs of one day share the answers of that day. Nothing is added up: a day counts if the same evaluation, with
the same facts, is true on it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from matcher.engine.bulk.batch import Batch
from matcher.engine.bulk.columns import Bools, Ints, Longs
from matcher.engine.bulk.findings import FIRST_MET, NOT_MET_TIME, Findings
from matcher.engine.bulk.rules import evaluate
from matcher.engine.bulk.trials import NOT_NOW, Answers, Trial
from matcher.engine.reference.days import FUTURE
from trials.criteria import tree as t
from trials.criteria.documents import Criterion, CriterionKind, Polarity


def clears_on(answers: Answers) -> tuple[Longs, Ints]:
    """The patients whose best cohort fits on a later day by waiting alone, and the first such day (an ordinal)."""
    answers.need_days()
    which = answers.of_patients([part.best[1] for part in answers.parts])
    day = np.full(answers.shelf.view.patients, FUTURE, np.int32)
    for number in np.unique(which[answers.ranks == NOT_NOW]):
        found = cohort_clears_on(answers, int(number), only=which == number)
        day = np.where(which == number, found, day)
    cleared = np.flatnonzero(day < FUTURE)
    return cleared.astype(np.int64), day[cleared].astype(np.int32)


def cohort_clears_on(answers: Answers, number: int, *, only: Bools | None = None) -> Ints:
    """For each patient the first later day on which a cohort fits by waiting alone; FUTURE where none is.

    Asked of the patients whose status in the cohort is *not now*, or of some of them.
    """
    answers.need_days()
    day = np.full(answers.shelf.view.patients, FUTURE, np.int32)
    for trial, counting in zip(answers.parts, answers.counting, strict=True):
        waiting = counting[trial.cohorts[number].ranks(trial.batch.n)[counting] == NOT_NOW]
        if only is not None:
            waiting = waiting[only[trial.batch.patient[waiting]]]
        if len(waiting):
            cohort = trial.document.cohorts[number] if trial.document.cohorts else None
            criteria = [trial.document.criteria[index] for index in trial.counted(cohort)]
            day[trial.batch.patient[waiting]] = _search(trial, criteria, waiting)
    return day


def _search(trial: Trial, criteria: list[Criterion], items: Longs) -> Ints:
    """For each item the least later day on which all criteria that fail today are met and none of the others fails."""
    found = np.full(len(items), FUTURE, np.int32)
    today = [trial.findings(criterion) for criterion in criteria]
    codes = np.stack([each.code[items] for each in today if each is not None])
    failing = codes <= NOT_MET_TIME
    answered = np.stack([_settled(trial, criterion, items) for criterion in criteria])
    held = (codes >= FIRST_MET) & ~answered
    # What an answer makes fail does not turn by time; one that neither settles nor overrides changes nothing of that.
    by_time = (codes == NOT_MET_TIME) | ~failing
    open_ = np.flatnonzero(by_time.all(axis=0))
    day = trial.batch.asked[items]
    batch, lost = trial.batch.some(items[open_]), np.zeros((len(criteria), len(open_)), np.bool_)
    day = day[open_]
    while len(open_):
        day = _next_tried(trial, criteria, batch, failing[:, open_], lost, day)
        ahead = day < FUTURE
        open_, day = open_[ahead], day[ahead]
        if not len(open_):
            break
        batch = trial.batch.some(items[open_], asked=day)
        met = np.ones(len(open_), np.bool_)
        lost = np.zeros((len(criteria), len(open_)), np.bool_)
        for index, criterion in enumerate(criteria):
            concerned = failing[index, open_]
            if concerned.any():
                met &= ~concerned | (_plain(trial, criterion, batch).code >= FIRST_MET)
        if met.any():
            for index, criterion in enumerate(criteria):
                keeps = held[index, open_] & met
                if keeps.any():
                    lost[index] = keeps & (_plain(trial, criterion, batch).code <= NOT_MET_TIME)
        done = met & ~lost.any(axis=0)
        found[open_[done]] = day[done]
        open_, day, lost = open_[~done], day[~done], lost[:, ~done]
        batch = batch.some(np.flatnonzero(~done))
    return found


def _plain(trial: Trial, criterion: Criterion, batch: Batch) -> Findings:
    own = batch.on(criterion.id, document=trial.document.id, version=trial.version)
    return trial.plain(criterion, own)


def _settled(trial: Trial, criterion: Criterion, items: Longs) -> Bools:
    """The items whose criterion a person has answered: a later day does not change what was said."""
    answered = np.zeros(trial.batch.n, np.bool_)
    found = trial.answered(trial.asking(criterion))
    if found is not None:
        answered[found[0]] = True
    settled: Bools = answered[items]
    return settled


def _next_tried(
    trial: Trial, criteria: list[Criterion], batch: Batch, failing: NDArray[np.bool_], lost: NDArray[np.bool_],
    day: Ints,
) -> Ints:  # fmt: skip
    """The first day after `day` on which all that fails may be met, and what was lost no longer be not met."""
    found = np.zeros(batch.n, np.int32)
    for index, criterion in enumerate(criteria):
        if failing[index].any() and criterion.kind is CriterionKind.RULE:
            assert criterion.rule is not None
            own = batch.on(criterion.id, document=trial.document.id, version=trial.version)
            wanted = criterion.polarity is Polarity.INCLUSION
            turn = earliest(own, criterion.rule, wanted=wanted, after=day)
            found = np.where(failing[index], np.maximum(found, turn), found)
        if lost[index].any():
            turn = _first_flip(_plain(trial, criterion, batch), day)
            found = np.where(lost[index], np.maximum(found, turn), found)
    return found.astype(np.int32)


def earliest(batch: Batch, rule: t.Rule, *, wanted: bool, after: Ints) -> Ints:
    """Days, later than `after`, before which a rule is surely not met (`wanted`) or not not-met; FUTURE if never.

    The bound of `reference.documents.turning`: a leaf cannot turn before its first flip, what is made of leaves not
    before those it needs.
    """
    found = evaluate(batch, rule)
    as_wanted = found.is_met if wanted else found.is_not_met
    match rule:
        case t.Not(part):
            turn = earliest(batch, part, wanted=not wanted, after=after)
        case t.Except(main, when):
            turns = [
                earliest(batch, main, wanted=wanted, after=after), earliest(batch, when, wanted=not wanted, after=after)
            ]  # fmt: skip
            turn = np.maximum(*turns) if wanted else np.minimum(*turns)
        case t.And(parts) | t.Or(parts):
            needs_all = isinstance(rule, t.And) is wanted
            turns = [earliest(batch, part, wanted=wanted, after=after) for part in parts]
            turn = np.stack(turns).max(axis=0) if needs_all else np.stack(turns).min(axis=0)
        case t.Named(name):
            turn = earliest(batch, batch.words.defined_rule(name), wanted=wanted, after=after)
        case _:
            turn = _first_flip(found, after)
    return np.where(as_wanted, after + 1, turn).astype(np.int32)


def _first_flip(found: Findings, after: Ints) -> Ints:
    """The first day after `after` on which time alone may turn the findings."""
    if found.flips is None:
        return np.full(len(found), FUTURE, np.int32)
    return np.where(found.flips > after, found.flips, FUTURE).astype(np.int32)
