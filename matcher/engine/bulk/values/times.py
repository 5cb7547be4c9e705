"""Time between events and duration: spans of days against spans of a rule (`reference.values.times`, over arrays).

At least N since E is met on day N.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from matcher.engine.bulk.batch import Batch
from matcher.engine.bulk.calendar import Spans, not_before, shift
from matcher.engine.bulk.columns import Ints
from matcher.engine.bulk.findings import (
    FIRST_MET,
    IMPRECISE,
    MET_NEVER,
    NEEDS_JUDGEMENT,
    NOT_MET_COURSE,
    Findings,
    all_of,
    chosen,
    earlier,
    either,
    either_of,
    first_flip_of,
    negate,
)
from matcher.engine.bulk.records.candidates import OVER, Candidates
from matcher.engine.bulk.records.patterns import candidates, unrecorded
from matcher.engine.bulk.windows import NONE, Moments, absent, moment, resting
from matcher.engine.reference.days import FUTURE, PAST
from matcher.engine.truth import Change
from trials.criteria import tree as t

_RISING = (t.Operator.GE, t.Operator.GT)
_EXACT = (t.Operator.EQ, t.Operator.NE)

_NOT_MET, _UNKNOWN, _MET = 0, 1, 2


def elapsed(batch: Batch, left: t.Elapsed, operator: t.Operator, span: t.Span) -> Findings:
    """`time from E to E op D`."""
    start, end = moment(batch, left.start), moment(batch, left.end)
    flips = earlier(start.flips, end.flips, _turns(batch, start, end, span))
    truth = _against(end.days, operator, _due(start.days, span))
    why = np.where(start.reason != NONE, start.reason, np.where(end.reason != NONE, end.reason, IMPRECISE))
    by_time = np.zeros(batch.n, np.bool_)
    if flips is not None and end.fixed != start.fixed:
        nearing = (truth == _MET) == ((operator in _RISING) == end.fixed)
        by_time = (flips < FUTURE) & (nearing | (operator in _EXACT))
    # Another such event may still come, and would be counted from.
    other = Change.COURSE if _renewable(left.start) or _renewable(left.end) else Change.NEVER
    # No time passes since what goes on: it must come to an end.
    ceases = np.maximum(start.ceases, end.ceases)
    hardness = np.where(ceases != OVER, ceases, np.where(by_time, Change.TIME.hardness, other.hardness))
    decided = np.where(truth == _MET, FIRST_MET + hardness, Change.NEVER.hardness - hardness)
    found = Findings(np.where(truth == _UNKNOWN, why, decided).astype(np.uint8), flips)
    for exists in (_UNKNOWN, _NOT_MET):
        for at in (end, start):
            found = chosen(at.exists == exists, Findings(absent(at), at.flips), found)
    return found


def _turns(batch: Batch, start: Moments, end: Moments, span: t.Span) -> Ints | None:
    """The first later day on which time alone may turn the answer, as one moment moves along with the date."""
    if start.fixed == end.fixed:
        return None
    at = start if start.fixed else end
    index, day = resting(batch, np.arange(batch.n), at.days)
    moved = shift(day, span, back=at is end)
    # From a day before to three days after the limit: months clamp.
    first = np.maximum(moved - 1, batch.asked[index] + 1)
    ahead = (first <= moved + 3) & (first < FUTURE)
    found = np.full(batch.n, FUTURE, np.int32)
    np.minimum.at(found, index[ahead], first[ahead])
    return found


def _renewable(anchor: t.Anchor) -> bool:
    return isinstance(anchor, t.Event) and anchor.which is not t.Which.FIRST


def _due(days: Spans, span: t.Span) -> Spans:
    return Spans(shift(days.lo, span), shift(days.hi, span))


def _against(day: Spans, operator: t.Operator, due: Spans) -> NDArray[np.uint8]:
    """`day operator due`, as truths: reached on day N is met."""
    reached = not_before(day, due)
    passed = not_before(day, Spans(due.lo + 1, due.hi + 1))
    match operator:
        case t.Operator.GE:
            return reached
        case t.Operator.GT:
            return passed
        case t.Operator.LE:
            return 2 - passed
        case t.Operator.LT:
            return 2 - reached
        case t.Operator.EQ:
            return np.minimum(reached, 2 - passed)
        case _:
            return np.maximum(2 - reached, passed)


def duration(batch: Batch, records: t.Records, operator: t.Operator, span: t.Span) -> Findings:
    """From first to last day of the longest matching record."""
    if operator in (t.Operator.LE, t.Operator.LT):
        inverse = t.Operator.GT if operator is t.Operator.LE else t.Operator.GE
        return negate(duration(batch, records, inverse, span))
    n = batch.n
    found = candidates(batch, records, history=True)
    found = found.take(found.possible)
    silent = unrecorded(batch, records, batch.asked)
    code = np.minimum(found.code, _lasted(found, operator, span))
    longest = either([Findings(either_of(n, found.item, code), first_flip_of(n, found.item, found.flips)), silent])
    # There is no such record; the protocol does not say what then holds.
    none = np.bincount(found.item, minlength=n) == 0
    return chosen(none & silent.is_not_met, all_of(n, NEEDS_JUDGEMENT), longest)


def _lasted(found: Candidates, operator: t.Operator, span: t.Span) -> NDArray[np.uint8]:
    truth = _against(found.end, operator, _due(found.start, span))
    truth = np.where(found.start.lo <= PAST, _UNKNOWN, truth)
    code = np.where(truth == _MET, MET_NEVER, np.where(truth == _NOT_MET, NOT_MET_COURSE, IMPRECISE))
    return code.astype(np.uint8)
