"""What several rows say of one thing that may change: the latest dated statement holds, a rival of it leaves it open.

Extent, status, states and grades are read this way; `stable for 4 weeks` asks since when.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from matcher.engine.reference.algebra import spread
from matcher.engine.reference.context import Context
from matcher.engine.reference.days import Days, not_before, shift
from matcher.engine.reference.records.disease import State, evidence_of
from matcher.engine.reference.records.fields import met, not_met, test_finding
from matcher.engine.results import Finding, Missing, unknown
from matcher.engine.truth import Change, Reason, Truth
from patients.facts import CodeRelation, Condition, code_relation
from trials.criteria import tree as t
from trials.criteria.kinds import Kind


@dataclass(frozen=True, slots=True)
class Rivals:
    """The rows of which each may be the latest, and why that is open."""

    rows: tuple[Condition, ...]
    reason: Reason

    def agreed(self, answers: Sequence[Finding]) -> Finding:
        """The answer that each of the rows gives; unknown where they differ."""
        missing = tuple(fact for answer in answers for fact in answer.missing)
        return spread(list(answers), unknown(self.reason, missing=missing))


def rivals(rows: Sequence[Condition]) -> Rivals:
    """The rows that may be the latest: those of the last day, partial dates that may reach it, undated ones."""
    dated = [row for row in rows if row.date is not None]
    newest = max((row.date.first for row in dated if row.date is not None), default=None)
    last = [row for row in dated if row.date is not None and newest is not None and row.date.last >= newest]
    found = (*last, *(row for row in rows if row.date is None))
    one_day = len({row.date for row in found}) == 1 and bool(last) and last[0].date is not None and last[0].date.exact
    return Rivals(found, Reason.CONFLICTING if one_day else Reason.IMPRECISE)


def lasting(
    context: Context, finding: Finding, since: Days | None, explicit: Days | None, span: t.Span | None,
    missing: tuple[Missing, ...],
) -> Finding:  # fmt: skip
    """`stable for 4 weeks`: held since a day at least so long ago.

    `explicit` is the recorded first day of the state. Without it the first statement of the state, `since`, proves that
    it has lasted so long; that it has not cannot be proved, for it may have begun before anyone wrote it down.
    """
    if span is None:
        return finding
    began = explicit or since
    if began is None:
        return unknown(Reason.NOT_RECORDED, evidence=finding.evidence, missing=missing)
    due = Days(shift(began.lo, span), shift(began.hi, span))
    truth = not_before(Days.on(context.asked), due)
    flips = tuple(sorted({due.lo, due.hi}))
    if truth is Truth.MET:
        return replace(finding, flips=(*finding.flips, *flips))
    if truth is Truth.NOT_MET and explicit is not None:
        return Finding(truth, None, Change.TIME, flips, finding.evidence)
    return unknown(Reason.IMPRECISE, evidence=finding.evidence, missing=missing, flips=flips)


def state_finding(
    context: Context, state: State, column: str, test: t.Test, row: Condition, kind: Kind, label: str
) -> Finding:
    """A test of a coded state: extent or status."""
    name = row.raw or "the unnamed entry"
    cost = "imaging" if label == "extent" else "look_up"
    missing = (Missing(kind.value, (row.raw or "unnamed",), label, "", f"{label} of {name}", cost),)

    def leaf(test: t.Code | t.Compare | t.Link) -> Finding:
        assert isinstance(test, t.Code)  # the tree refuses anything else
        if not state.codes:
            return unknown(Reason.NOT_RECORDED, evidence=(evidence_of(row),), missing=missing)
        relations = {code_relation(column, code, test.code) for code in state.codes}
        if relations == {CodeRelation.WITHIN} and not state.open:
            # What is metastatic does not become localised again; what is not yet may progress.
            change = Change.NEVER if test.code in ("metastatic", "advanced") else Change.COURSE
            found = lasting(context, met(change, *state.evidence), state.since, None, test.lasting, missing)
        elif relations == {CodeRelation.OUTSIDE} and not state.open:
            found = not_met(Change.COURSE, *state.evidence)
        else:
            found = unknown(state.reason or Reason.IMPRECISE, evidence=state.evidence, missing=missing)
        return replace(found, flips=tuple(sorted({*found.flips, *state.flips})))

    return test_finding(test, leaf)
