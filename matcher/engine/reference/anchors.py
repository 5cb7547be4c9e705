"""Moments and windows: `last treatment(…)`, `within 28 days before …`, `time since …` as intervals of days.

An anchor is a day that may be uncertain: because dates are partial, because records only may match, or because one more
may exist that nobody recorded. A planned start is taken as the as-of date, the earliest day on which it could be.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from matcher.engine.reference.context import Context
from matcher.engine.reference.days import FUTURE, PAST, Days, Frame, days_of, shift
from matcher.engine.reference.records.courses import Opened, treatment_course
from matcher.engine.reference.records.disease import evidence_of
from matcher.engine.reference.records.fields import Candidate
from matcher.engine.reference.records.patterns import candidates, unrecorded
from matcher.engine.results import Evidence, Finding, Missing, unknown
from matcher.engine.truth import Change, Reason, Truth, hardest
from trials.criteria import tree as t
from trials.criteria.kinds import Kind

#: What a reader is asked about where an anchor is surely not there.
NEVER_HAPPENED = "what the time is counted from never happened; the protocol does not say what then holds"


@dataclass(frozen=True, slots=True)
class Moment:
    """The day an anchor means. `exists` is unknown where it may not have happened at all.

    `fixed` tells what happened from today and planned starts, which move along with the as-of date. So does the last
    day of a course that still goes on; `ceases` says how that comes to an end.
    """

    days: Days
    exists: Truth
    evidence: tuple[Evidence, ...] = ()
    missing: tuple[Missing, ...] = ()
    reason: Reason | None = None
    fixed: bool = False
    flips: tuple[int, ...] = ()
    ceases: Change | None = None


def moment(context: Context, anchor: t.Anchor) -> Moment:
    """The day of an anchor."""
    match anchor:
        case t.Today() | t.PlannedStart():
            return Moment(Days.on(context.asked), Truth.MET)
        case t.ThisTreatment(edge):
            if context.this is None:
                return Moment(Days(PAST, FUTURE), Truth.UNKNOWN, reason=Reason.IMPRECISE)
            course = treatment_course(context, context.this)
            item = evidence_of(context.this)
            end = edge or t.Edge.END
            days = course.start if end is t.Edge.START else course.end
            missing = () if days.exact else (_undated(item, end),)
            ceases = course.ceases if end is t.Edge.END else None
            return Moment(days, Truth.MET, (item,), missing, Reason.IMPRECISE, True, (), ceases)
        case _:
            return _event(context, anchor)


def _event(context: Context, anchor: t.Event) -> Moment:
    if anchor.which is t.Which.NEXT:
        return _next(context, anchor)
    last = anchor.which is t.Which.LAST
    edge = anchor.edge or (t.Edge.END if last else t.Edge.START)
    possible = [
        c for c in candidates(context, anchor.records, history=True)
        if c.finding.truth is not Truth.NOT_MET and c.course.start.lo <= context.asked
    ]  # fmt: skip
    certain = [c for c in possible if c.finding.truth is Truth.MET]
    silent = unrecorded(context, anchor.records, context.asked)
    more = silent.truth is Truth.UNKNOWN
    evidence = tuple(dict.fromkeys(c.evidence for c in possible))
    if not possible:
        exists = Truth.UNKNOWN if more else Truth.NOT_MET
        return Moment(Days(PAST, context.asked), exists, silent.evidence, silent.missing, silent.reason, True)
    known = [_edge(c, edge) for c in certain]
    all_ = [_edge(c, edge) for c in possible]
    if last:
        lo = max((day.lo for day in known), default=PAST)
        hi = context.asked if more else max(day.hi for day in all_)
    else:
        lo = PAST if more else min(day.lo for day in all_)
        hi = min((day.hi for day in known), default=context.asked)
    reason = silent.reason if more else Reason.IMPRECISE
    flips = (*silent.flips, *(day for c in possible for day in c.finding.flips))
    exists = Truth.MET if certain else Truth.UNKNOWN
    days = Days(min(lo, hi), hi)
    meant = [c for c, day in zip(possible, all_, strict=True) if day.lo <= days.hi and day.hi >= days.lo]
    missing = tuple(dict.fromkeys([
        *(m for c in possible for m in c.finding.missing),
        *(_undated(c.evidence, edge) for c in meant if not _edge(c, edge).exact and not c.finding.missing),
        *silent.missing,
    ]))  # fmt: skip
    ceasing = [c.course.ceases for c in meant if edge is t.Edge.END and c.course.ceases is not None]
    return Moment(days, exists, evidence, missing, reason, True, flips, hardest(ceasing) if ceasing else None)


def _undated(item: Evidence, edge: t.Edge) -> Missing:
    text = f"{edge.value} of {item.value}" + (f" ({item.date})" if item.date else "")
    return Missing("date", (item.value,), edge.value, "", text, "look_up")


def _edge(candidate: Candidate, edge: t.Edge) -> Days:
    return candidate.course.start if edge is t.Edge.START else candidate.course.end


def _next(context: Context, anchor: t.Event) -> Moment:
    """The first that lies ahead: of treatments the next one planned. What nobody planned is not known to come."""
    records = anchor.records
    if records.kind is Kind.TREATMENT and all(item.field != "status" for item in records.tests):
        planned = t.FieldTest("status", t.Code("planned"))
        records = replace(records, tests=(*records.tests, planned))
    ahead = [
        c for c in candidates(context, records, history=True)
        if c.finding.truth is not Truth.NOT_MET and c.course.start.hi > context.asked
    ]  # fmt: skip
    certain = [c for c in ahead if c.finding.truth is Truth.MET and c.course.start.lo > context.asked]
    evidence = tuple(c.evidence for c in ahead)
    name = " or ".join(anchor.records.concepts.names)
    text = f"date of the next {name}"
    missing = (Missing(anchor.records.kind.value, anchor.records.concepts.names, "planned", "", text, "ask"),)
    edge = anchor.edge or t.Edge.START
    days = [_edge(c, edge) for c in ahead]
    if not certain:
        return Moment(Days(context.asked + 1, FUTURE), Truth.UNKNOWN, evidence, missing, Reason.NOT_RECORDED, True)
    lo = max(context.asked + 1, min(day.lo for day in days))
    hi = min(_edge(c, edge).hi for c in certain)
    return Moment(Days(min(lo, hi), hi), Truth.MET, evidence, missing, Reason.IMPRECISE, True)


def opened(context: Context, window: t.Window | None) -> Opened:
    """A window as days."""
    match window:
        case t.Within(amount, side, anchor):
            return _within(context, amount, side, anchor)
        case t.Beside(t.Side.DURING, anchor):
            return _during(context, anchor)
        case t.Beside(side, anchor):
            return _beside(context, side, anchor)
        case _:
            return Opened(None)


def _from(side: t.Side, anchor: t.Anchor) -> t.Anchor:
    """Before a treatment is before its first dose, after it after its last."""
    if isinstance(anchor, t.ThisTreatment) and anchor.edge is None:
        return t.ThisTreatment(t.Edge.START if side is t.Side.BEFORE else t.Edge.END)
    return anchor


def _within(context: Context, amount: t.Amount, side: t.Side, anchor: t.Anchor) -> Opened:
    at = moment(context, _from(side, anchor))
    if at.exists is not Truth.MET:
        return Opened(None, None, absent(at))
    if side is t.Side.BEFORE:
        lengths = [reach(amount, day, back=True) for day in (at.days.lo, at.days.hi)]
        frame = Frame(Days(lengths[0].lo, lengths[1].hi), at.days)
        return Opened(frame, None if at.fixed else amount, None, at.flips, at.reason, at.missing)
    lengths = [reach(amount, day, back=False) for day in (at.days.lo, at.days.hi)]
    return _fixed(Frame(at.days, Days(lengths[0].lo, lengths[1].hi)), at)


def _during(context: Context, anchor: t.Anchor) -> Opened:
    assert isinstance(anchor, t.ThisTreatment | t.Event)  # the tree refuses anything else
    start, end = (moment(context, replace(anchor, edge=edge)) for edge in (t.Edge.START, t.Edge.END))
    if start.exists is not Truth.MET:
        return Opened(None, None, absent(start))
    return _fixed(Frame(start.days, end.days), replace(start, flips=(*start.flips, *end.flips)))


def _beside(context: Context, side: t.Side, anchor: t.Anchor) -> Opened:
    at = moment(context, _from(side, anchor))
    if at.exists is not Truth.MET:
        return Opened(None, None, absent(at))
    if side is t.Side.BEFORE:
        return _fixed(Frame(Days.on(PAST), Days(at.days.lo - 1, at.days.hi - 1)), at)
    return _fixed(Frame(Days(at.days.lo + 1, at.days.hi + 1), Days.on(FUTURE)), at)


def _fixed(frame: Frame, at: Moment) -> Opened:
    return Opened(frame, None, None, at.flips, at.reason, at.missing)


def absent(at: Moment) -> Finding:
    """The unknown of an anchor that is not there. That it never happened is a case the protocol did not foresee."""
    if at.exists is Truth.NOT_MET:
        return unknown(Reason.NEEDS_JUDGEMENT, evidence=at.evidence, note=NEVER_HAPPENED)
    return unknown(at.reason or Reason.NOT_RECORDED, evidence=at.evidence, missing=at.missing, flips=at.flips)


def in_days(window: t.Window | None, half_life: float | None) -> t.Window | None:
    """The window with half-lives turned into days, for a drug whose half-life in hours is known."""
    if half_life is None or not isinstance(window, t.Within):
        return window
    return replace(window, amount=amount_in_days(window.amount, half_life))


def amount_in_days(amount: t.Amount, half_life: float) -> t.Amount:
    """An amount of time with half-lives, in hours, turned into days."""
    if isinstance(amount, t.Extreme):
        return t.Extreme(amount.greater, tuple(_span_in_days(span, half_life) for span in amount.spans))
    return _span_in_days(amount, half_life)


def _span_in_days(span: t.Span, half_life: float) -> t.Span:
    if span.unit is not t.TimeUnit.HALF_LIFE:
        return span
    return t.Span(days_of(t.Span(span.number * half_life, t.TimeUnit.HOUR)), t.TimeUnit.DAY)


def reach(amount: t.Amount, day: int, *, back: bool) -> Days:
    """The day that lies `amount` before or after `day`, as an interval where a half-life is not known."""
    if isinstance(amount, t.Span):
        return _moved(amount, day, back=back)
    ends = [_moved(span, day, back=back) for span in amount.spans]
    # The lesser of two spans ends nearer the anchor, the greater further from it.
    pick = min if amount.greater == back else max
    return Days(pick(e.lo for e in ends), pick(e.hi for e in ends))


def _moved(span: t.Span, day: int, *, back: bool) -> Days:
    if span.unit is t.TimeUnit.HALF_LIFE:
        return Days(PAST, day) if back else Days(day, FUTURE)
    return Days.on(shift(day, span, back=back))
