"""Failure of drugs: as the document defines it, else by the default (`reference.records.outcomes`, over arrays)."""

from __future__ import annotations

import numpy as np

from matcher.engine.bulk.batch import Batch, Pairs
from matcher.engine.bulk.calendar import Spans, not_before
from matcher.engine.bulk.columns import Bools, Codes, Ints, Longs
from matcher.engine.bulk.courses import Courses, course, under_way
from matcher.engine.bulk.coverage import absence
from matcher.engine.bulk.diseases import belongs
from matcher.engine.bulk.every_cancer import every_cancer
from matcher.engine.bulk.fields import Told
from matcher.engine.bulk.findings import (
    FIRST_MET,
    FIRST_UNKNOWN,
    IMPRECISE,
    MET_NEVER,
    NEEDS_JUDGEMENT,
    NOT_MET_COURSE,
    NOT_MET_NEVER,
    NOT_RECORDED,
    either_codes,
    either_of,
)
from matcher.engine.bulk.groups import any_of, spread_out
from matcher.engine.bulk.lines import next_line_start
from matcher.engine.bulk.settings_of_therapy import setting_of
from matcher.engine.bulk.worsening import ended_in_progression, worsenings
from matcher.engine.reference.days import FUTURE
from matcher.engine.reference.records.coverage import Need
from matcher.engine.reference.records.outcomes import definition_of
from matcher.engine.truth import Change, Truth
from trials.criteria import tree as t


def outcome(batch: Batch, pairs: Pairs, outcome: str) -> tuple[Told, Ints | None]:
    """Whether treatments of the item's cancer had an outcome: failure, refractory or intolerant; and the first day on
    which time alone may turn that, for each pair."""
    every = None if _definitions(batch, outcome) else every_cancer(batch)
    if every is None:
        return _of_this_cancer(batch, pairs, outcome)
    told = every.batch.once(("outcome", outcome), lambda: _of_this_cancer(every.batch, every.pairs, outcome)[0])
    return told.take(every.places(pairs)), None


def _of_this_cancer(batch: Batch, pairs: Pairs, outcome: str) -> tuple[Told, Ints | None]:
    """The same, of what was given for another cancer it did not."""
    table = batch.table("treatments")
    of_it = belongs(batch, pairs.item, table.coded["diagnosis"].take(pairs.row))
    found, flips = Told.same(len(pairs), NOT_MET_NEVER, shown=False), None
    asked = np.flatnonzero(of_it != Truth.NOT_MET)
    told, turns = _outcome(batch, pairs.take(asked), outcome)
    found.code[asked], found.shown[asked] = told.code, told.shown
    if turns is not None:
        flips = np.full(len(pairs), FUTURE, np.int32)
        flips[asked] = turns
    open_ = of_it == Truth.UNKNOWN
    found.code[open_] = np.minimum(found.code[open_], IMPRECISE)
    return Told(found.code, found.shown | (open_ & (found.code >= FIRST_UNKNOWN))), flips


def _outcome(batch: Batch, pairs: Pairs, outcome: str) -> tuple[Told, Ints | None]:
    table = batch.table("treatments")
    definitions = _definitions(batch, outcome)
    if not definitions:
        return _default(batch, pairs, outcome), None
    number = {definition: index for index, definition in enumerate(definitions)}

    def covering(concepts: tuple[str, ...]) -> int:
        definition = definition_of(batch.words, concepts, outcome)
        return -1 if definition is None else number[definition]

    which = table.coded["concepts"].map(covering, np.int32)[pairs.row]
    found, flips = Told.same(len(pairs), NOT_MET_NEVER, shown=True), np.full(len(pairs), FUTURE, np.int32)
    plain = np.flatnonzero(which < 0)
    told = _default(batch, pairs.take(plain), outcome)
    found.code[plain], found.shown[plain] = told.code, told.shown
    for index, definition in enumerate(definitions):
        its = np.flatnonzero(which == index)
        if len(its):
            answers = batch.evaluate(batch.some(pairs.item[its], this=pairs.row[its]), definition.rule)
            found.code[its] = answers.code
            if answers.flips is not None:
                flips[its] = answers.flips
    return found, flips


def _definitions(batch: Batch, outcome: str) -> tuple[t.DefineOutcome, ...]:
    """What the document says an outcome is, of some drugs."""
    return tuple(dict.fromkeys(
        each for each in batch.words.definitions if isinstance(each, t.DefineOutcome) and each.outcome == outcome
    ))  # fmt: skip


def _default(batch: Batch, pairs: Pairs, outcome: str) -> Told:
    if outcome == "intolerant":
        return _intolerant(batch, pairs)
    return _failed(batch, pairs, on_treatment_only=outcome == "refractory")


_OTHER_REASONS = ("progression", "completed", "patient choice", "death")


def _intolerant(batch: Batch, pairs: Pairs) -> Told:
    stopped = batch.table("treatments").coded["stop_reason"].take(pairs.row)
    going_on = under_way(batch, "treatments", pairs)[0].code >= FIRST_MET
    other = stopped.map(lambda reason: reason in _OTHER_REASONS, np.bool_) | ((stopped.codes == 0) & going_on)
    toxic = stopped.codes == stopped.code_of("toxicity")
    code = np.where(toxic, MET_NEVER, np.where(other, NOT_MET_COURSE, NOT_RECORDED))
    return Told(code.astype(np.uint8), np.full(len(pairs), True))


def _failed(batch: Batch, pairs: Pairs, *, on_treatment_only: bool) -> Told:
    code = np.full(len(pairs), MET_NEVER, np.uint8)
    asked = np.flatnonzero(~ended_in_progression(batch.table("treatments"))[pairs.row])
    code[asked] = _by_events(batch, pairs.take(asked), on_treatment_only=on_treatment_only)
    return Told(code, np.full(len(pairs), True))


def _by_events(batch: Batch, pairs: Pairs, *, on_treatment_only: bool) -> Codes:
    """Failure by the worsenings that are known, or by what nobody recorded."""
    worse, courses = worsenings(batch), course(batch, "treatments", pairs)
    following = next_line_start(batch, pairs)
    run, event = spread_out(worse.bounds[pairs.item], np.diff(worse.bounds)[pairs.item])
    settings = setting_of(batch, pairs)
    advanced = settings.map(lambda words: bool(words) and set(words) == {"advanced"}, np.bool_)
    counts = np.zeros(len(pairs), np.bool_) if on_treatment_only else advanced
    by_event = _by_event(batch, courses, following, run, worse.days.take(event), worse.sure[event], counts[run])
    known = either_of(len(pairs), run, by_event)
    # Where a worsening is known whose weight only a reader can tell, what else may be unrecorded is not asked.
    weighed = any_of(len(pairs), run, by_event == NEEDS_JUDGEMENT)
    silent = np.flatnonzero(~weighed)
    known[silent] = either_codes(known[silent], _silent(batch, pairs.take(silent), following.take(silent)))
    return known


def _by_event(
    batch: Batch, courses: Courses, following: Spans, run: Longs, days: Spans, sure: Bools, counts: Bools
) -> Codes:
    """Failure of the treatments `run`, each by one worsening; `counts` where one after the course counts as well."""
    start, end, then = courses.start.take(run), courses.end.take(run), following.take(run)
    after_start = not_before(days, Spans(start.lo + 1, start.hi + 1))
    before_next = np.where(then.lo >= FUTURE, np.uint8(Truth.MET), not_before(then, days))
    attributed = np.minimum(after_start, before_next)
    attributed = np.where(sure, attributed, np.minimum(attributed, Truth.UNKNOWN))
    reach = batch.settings.on_treatment
    on = not_before(Spans(end.lo + reach, end.hi + reach), days)
    cases = [attributed == Truth.NOT_MET, attributed == Truth.UNKNOWN, (on == Truth.MET) | counts, on == Truth.UNKNOWN]
    return np.select(cases, [NOT_MET_NEVER, IMPRECISE, MET_NEVER, IMPRECISE], NEEDS_JUDGEMENT).astype(np.uint8)


def _silent(batch: Batch, pairs: Pairs, following: Spans) -> Codes:
    """No failure beyond the events known: certain while the drug is going on, or where the course is fully told."""
    until = np.minimum(following.hi, batch.asked[pairs.item]).astype(np.int32)
    told = absence(batch.some(pairs.item), Need("disease_status"), until=until, change=Change.COURSE).code
    going_on = under_way(batch, "treatments", pairs)[0].code >= FIRST_MET
    return np.where(going_on | (told < FIRST_UNKNOWN), NOT_MET_COURSE, told).astype(np.uint8)
