"""Moments and windows for many items: `reference.anchors` and the windows of `reference.records.courses`, over arrays.

An anchor is for each item a day that may be uncertain: because dates are partial, because records only may match, or
because one more may exist that nobody recorded. A window is two intervals of days around it; what the half-life of a
drug turns into days is worked out once for each distinct half-life.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.engine.bulk.batch import Batch, Pairs
from matcher.engine.bulk.calendar import Spans, meets, shift
from matcher.engine.bulk.columns import Bools, Codes, Ints, Longs
from matcher.engine.bulk.courses import course
from matcher.engine.bulk.findings import (
    FIRST_MET,
    IMPRECISE,
    MET_NEVER,
    MET_TIME,
    NEEDS_JUDGEMENT,
    NOT_RECORDED,
    Findings,
    all_of,
    choose,
    earlier,
    first_flip_of,
    not_met,
)
from matcher.engine.bulk.records.candidates import OVER, Candidates
from matcher.engine.bulk.records.patterns import candidates, unrecorded
from matcher.engine.bulk.resting import leaving as leaving
from matcher.engine.bulk.resting import resting as resting
from matcher.engine.change import CHANGE_OF_ABSENCE
from matcher.engine.reference.anchors import amount_in_days
from matcher.engine.reference.days import FUTURE, PAST
from trials.criteria import tree as t
from trials.criteria.kinds import Kind

#: No code: there is no problem, or no reason.
NONE = 255

_NOT_MET, _UNKNOWN, _MET = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Moments:
    """The day an anchor means, for n items. `exists` is a truth (0, 1, 2): unknown where it may not have happened.

    `reason` is the code of the unknown that an uncertain day makes, NONE where there is no such doubt. `fixed` tells
    what happened from today and planned starts, which move along with the day asked about. `ceases` (OVER or a
    hardness) says how a course that still goes on comes to an end. `flips` as in findings.
    """

    days: Spans
    exists: NDArray[np.uint8]
    reason: Codes
    fixed: bool
    ceases: NDArray[np.int8]
    flips: Ints | None = None

    @property
    def there(self) -> Bools:
        """Which surely happened."""
        found: Bools = self.exists == _MET
        return found


def moment(batch: Batch, anchor: t.Anchor) -> Moments:
    """The day of an anchor."""
    return batch.once(("moment", anchor), lambda: _moment(batch, anchor))


def _moment(batch: Batch, anchor: t.Anchor) -> Moments:
    match anchor:
        case t.Today() | t.PlannedStart():
            n = batch.n
            exists, reason = np.full(n, _MET, np.uint8), np.full(n, NONE, np.uint8)
            return Moments(Spans(batch.asked, batch.asked), exists, reason, False, np.full(n, OVER, np.int8))
        case t.ThisTreatment(edge):
            return _at_hand(batch, edge or t.Edge.END)
        case _:
            return _next(batch, anchor) if anchor.which is t.Which.NEXT else _event(batch, anchor)


def _at_hand(batch: Batch, edge: t.Edge) -> Moments:
    """The treatment at hand, inside a definition of failure."""
    items = np.flatnonzero(batch.this >= 0)
    taken = course(batch, "treatments", Pairs(items, batch.this[items]))
    days = taken.start if edge is t.Edge.START else taken.end
    lo, hi = np.full(batch.n, PAST, np.int32), np.full(batch.n, FUTURE, np.int32)
    lo[items], hi[items] = days.lo, days.hi
    ceases = np.full(batch.n, OVER, np.int8)
    if edge is t.Edge.END:
        ceases[items] = taken.ceases
    exists = np.where(batch.this >= 0, _MET, _UNKNOWN).astype(np.uint8)
    return Moments(Spans(lo, hi), exists, np.full(batch.n, IMPRECISE, np.uint8), True, ceases)


def _event(batch: Batch, anchor: t.Event) -> Moments:
    """The first or last of the records that match a pattern."""
    n, asked, last = batch.n, batch.asked, anchor.which is t.Which.LAST
    edge = anchor.edge or (t.Edge.END if last else t.Edge.START)
    found = candidates(batch, anchor.records, history=True)
    found = found.take(found.possible & (found.start.lo <= asked[found.item]))
    silent = unrecorded(batch, anchor.records, asked)
    more = silent.is_unknown
    any_, sure = _marked(n, found.item), _marked(n, found.item[found.certain])
    day = found.start if edge is t.Edge.START else found.end
    known, where = day.take(found.certain), found.item[found.certain]
    if last:
        lo = _reduced(np.maximum, n, PAST, where, known.lo)
        hi = np.where(more, asked, _reduced(np.maximum, n, PAST, found.item, day.hi))
    else:
        lo = np.where(more, PAST, _reduced(np.minimum, n, FUTURE, found.item, day.lo))
        hi = np.where(sure, _reduced(np.minimum, n, FUTURE, where, known.hi), asked)
    lo, hi = np.where(any_, np.minimum(lo, hi), PAST).astype(np.int32), np.where(any_, hi, asked).astype(np.int32)
    ceases = np.full(n, OVER, np.int8)
    if edge is t.Edge.END:
        meant = (day.lo <= hi[found.item]) & (day.hi >= lo[found.item])
        np.maximum.at(ceases, found.item[meant], found.ceases[meant])
    flips = earlier(silent.flips, first_flip_of(n, found.item, found.flips))
    return Moments(
        days=Spans(lo, hi),
        exists=np.where(sure, _MET, np.where(any_ | more, _UNKNOWN, _NOT_MET)).astype(np.uint8),
        reason=np.where(more, silent.code, IMPRECISE).astype(np.uint8),
        fixed=True,
        ceases=ceases,
        flips=None if flips is None else np.where(any_, flips, FUTURE).astype(np.int32),
    )


def _next(batch: Batch, anchor: t.Event) -> Moments:
    """The first that lies ahead: of treatments the next one planned. What nobody planned is not known to come."""
    n, asked, records = batch.n, batch.asked, anchor.records
    if records.kind is Kind.TREATMENT and all(item.field != "status" for item in records.tests):
        records = replace(records, tests=(*records.tests, t.FieldTest("status", t.Code("planned"))))
    found = candidates(batch, records, history=True)
    found = found.take(found.possible & (found.start.hi > asked[found.item]))
    certain = found.certain & (found.start.lo > asked[found.item])
    sure = _marked(n, found.item[certain])
    day = found.end if anchor.edge is t.Edge.END else found.start
    lo = np.maximum(asked + 1, _reduced(np.minimum, n, FUTURE, found.item, day.lo))
    hi = _reduced(np.minimum, n, FUTURE, found.item[certain], day.hi[certain])
    lo = np.where(sure, np.minimum(lo, hi), asked + 1).astype(np.int32)
    return Moments(
        days=Spans(lo, hi),
        exists=np.where(sure, _MET, _UNKNOWN).astype(np.uint8),
        reason=np.where(sure, IMPRECISE, NOT_RECORDED).astype(np.uint8),
        fixed=True,
        ceases=np.full(n, OVER, np.int8),
    )


def _marked(n: int, item: Longs) -> Bools:
    found = np.zeros(n, np.bool_)
    found[item] = True
    return found


def _reduced(ufunc: np.ufunc, n: int, start: int, item: Longs, day: Ints) -> Ints:
    """The latest or earliest day of each item, from a start."""
    found = np.full(n, start, np.int32)
    ufunc.at(found, item, day)
    return found


def absent(at: Moments) -> Codes:
    """The unknown of an anchor that is not there, NONE where it is; its flips are the anchor's own.

    That it never happened is a case the protocol did not foresee.
    """
    why = np.where(at.reason == NONE, NOT_RECORDED, at.reason)
    found: Codes = np.where(at.there, NONE, np.where(at.exists == _NOT_MET, NEEDS_JUDGEMENT, why)).astype(np.uint8)
    return found


# --- windows -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Opened:
    """A window for n items: it opens on a day in `opens` and closes on a day in `closes`; both None without limits.

    `amount` is there if the window moves with the day asked about. `problem` is the code of the unknown that stands in
    its way, NONE where there is none (the days mean nothing where there is one). `reason` is the code of the unknown
    that its uncertain ends make. `flips` are the anchor's, whether it is the problem or not. `days` is the anchor's.
    """

    opens: Spans | None
    closes: Spans | None
    amount: t.Amount | None
    problem: Codes
    reason: Codes
    flips: Ints | None = None
    days: Spans | None = None

    @property
    def unplaced(self) -> Bools:
        """Which have a problem."""
        found: Bools = self.problem != NONE
        return found

    def until(self, asked: Ints) -> Ints:
        """For each item the last day that a question about the window reaches, when asked on a day."""
        return asked if self.closes is None or self.closes.hi is asked else np.minimum(self.closes.hi, asked)


def opened(batch: Batch, window: t.Window | None) -> Opened:
    """A window as days."""
    return batch.once(("opened", window), lambda: _opened(batch, window))


def _opened(batch: Batch, window: t.Window | None) -> Opened:
    match window:
        case t.Within(amount, side, anchor):
            at = moment(batch, _from(side, anchor))
            moves = side is t.Side.BEFORE and not at.fixed
            return _around(at, *_frame(amount, side, at.days), amount if moves else None)
        case t.Beside(t.Side.DURING, anchor):
            assert isinstance(anchor, t.ThisTreatment | t.Event)  # the tree refuses anything else
            start, end = (moment(batch, replace(anchor, edge=edge)) for edge in (t.Edge.START, t.Edge.END))
            return _around(replace(start, flips=earlier(start.flips, end.flips)), start.days, end.days)
        case t.Beside(side, anchor):
            at = moment(batch, _from(side, anchor))
            if side is t.Side.BEFORE:
                return _around(at, _on(PAST, at.days), Spans(at.days.lo - 1, at.days.hi - 1))
            return _around(at, Spans(at.days.lo + 1, at.days.hi + 1), _on(FUTURE, at.days))
        case _:
            none = np.full(batch.n, NONE, np.uint8)
            return Opened(None, None, None, none, np.full(batch.n, IMPRECISE, np.uint8))


def _from(side: t.Side, anchor: t.Anchor) -> t.Anchor:
    """Before a treatment is before its first dose, after it after its last."""
    if isinstance(anchor, t.ThisTreatment) and anchor.edge is None:
        return t.ThisTreatment(t.Edge.START if side is t.Side.BEFORE else t.Edge.END)
    return anchor


def _on(day: int, like: Spans) -> Spans:
    days = np.full(len(like.lo), day, np.int32)
    return Spans(days, days)


def _around(at: Moments, opens: Spans, closes: Spans, amount: t.Amount | None = None) -> Opened:
    reason = np.where(at.reason == NONE, IMPRECISE, at.reason).astype(np.uint8)
    return Opened(opens, closes, amount, absent(at), reason, at.flips, at.days)


def _frame(amount: t.Amount, side: t.Side, days: Spans) -> tuple[Spans, Spans]:
    """Where a window of an amount before or after an anchor opens and closes."""
    back = side is t.Side.BEFORE
    near = _reach(amount, days.lo, back=back)
    far = near if days.hi is days.lo else _reach(amount, days.hi, back=back)
    away = Spans(near.lo, far.hi)
    return (away, days) if back else (days, away)


def _reach(amount: t.Amount, day: Ints, *, back: bool) -> Spans:
    """The days that lie `amount` before or after days, as intervals where a half-life is not known."""
    if isinstance(amount, t.Span):
        return _moved(amount, day, back=back)
    ends = [_moved(span, day, back=back) for span in amount.spans]
    # The lesser of two spans ends nearer the anchor, the greater further from it.
    pick: Callable[[Ints, Ints], Ints] = np.minimum if amount.greater == back else np.maximum
    return Spans(reduce(pick, (end.lo for end in ends)), reduce(pick, (end.hi for end in ends)))


def _moved(span: t.Span, day: Ints, *, back: bool) -> Spans:
    if span.unit is t.TimeUnit.HALF_LIFE:
        any_ = np.full(len(day), PAST if back else FUTURE, np.int32)
        return Spans(any_, day) if back else Spans(day, any_)
    moved = shift(day, span, back=back)
    return Spans(moved, moved)


def in_window(batch: Batch, found: Candidates, window: t.Window | None, kind: Kind) -> Findings:
    """Whether the courses of m candidates meet a window, and when time alone changes that.

    A window in half-lives is of each candidate its own. Of items whose window has a problem the answer means nothing.
    """
    whole = opened(batch, window)
    if whole.opens is None or whole.closes is None or whole.days is None:
        return all_of(len(found), MET_NEVER)  # the answer is that of the record
    opens, closes = whole.opens.take(found.item), whole.closes.take(found.item)
    moves = whole.amount is not None
    flips = np.full(len(found), FUTURE, np.int32) if moves and batch.flips else None
    for amount, index in _amounts(window, found.half_life):
        is_own = isinstance(window, t.Within) and amount is not window.amount
        if not is_own and flips is None:
            continue
        item = found.item[index]
        if isinstance(window, t.Within) and is_own:
            own_opens, own_closes = _frame(amount, window.side, whole.days.take(item))
            opens, closes = _put(opens, index, own_opens), _put(closes, index, own_closes)
        if flips is not None:
            flips[index] = leaving(batch, item, found.start.take(index), found.end.take(index), amount)
    truth = meets(found.start, found.end, opens, closes)
    dated = found.start.exact & found.end.exact
    unknown = choose(dated, whole.reason[found.item], IMPRECISE)
    met: Codes | int = MET_NEVER
    if moves:
        met = choose(found.ceases == OVER, MET_TIME, (FIRST_MET + found.ceases).astype(np.uint8))
    code = choose(truth == _MET, met, choose(truth == _UNKNOWN, unknown, not_met(CHANGE_OF_ABSENCE[kind])))
    return Findings(code, flips)


def _amounts(window: t.Window | None, half_life: NDArray[np.float64]) -> Iterator[tuple[t.Amount, NDArray[Any]]]:
    """The amounts of a window, each with the candidates it is of: one where no half-life is asked for."""
    if not isinstance(window, t.Within):
        return
    amount = window.amount
    spans = amount.spans if isinstance(amount, t.Extreme) else (amount,)
    if not len(half_life) or all(span.unit is not t.TimeUnit.HALF_LIFE for span in spans):
        yield amount, np.arange(len(half_life))
        return
    left = ~np.isnan(half_life)
    yield amount, np.flatnonzero(~left)
    # There are few drugs among many candidates, so each is looked for rather than all sorted.
    while left.any():
        hours = float(half_life[np.argmax(left)])
        index = np.flatnonzero(half_life == hours)
        left[index] = False
        yield amount_in_days(amount, hours), index


def _put(days: Spans, index: NDArray[Any], own: Spans) -> Spans:
    """Intervals of days, which are written to, with those of some candidates replaced."""
    lo, hi = days.lo, days.hi.copy() if days.hi is days.lo else days.hi
    lo[index], hi[index] = own.lo, own.hi
    return Spans(lo, hi)
