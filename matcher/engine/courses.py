"""When a treatment or medication was taken, and whether a course meets a window.

A missing end lies anywhere between the first dose and the as-of date; `ongoing: yes` reaches it while the record is no
older than 90 days (SEMANTICS §2.1, §2.4).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from matcher.engine import disease as dz
from matcher.engine.algebra import negate
from matcher.engine.context import Context
from matcher.engine.coverage import data_through
from matcher.engine.days import FUTURE, PAST, Course, Days, Frame, meets, shift
from matcher.engine.fields import (
    CHANGE_OF_ABSENCE,
    CHANGE_OF_PRESENCE,
    Candidate,
    met,
    missing_field,
    not_met,
    test_finding,
)
from matcher.engine.results import Finding, Missing, unknown
from matcher.engine.truth import Change, Reason, Truth
from patients.facts import Fact, Medication, PartialDate, Treatment
from trials.criteria import tree as t
from trials.criteria.kinds import Kind


def given(context: Context, treatment: Treatment) -> Finding:
    """A treatment counts as given unless its status says otherwise; a blank one if it had begun."""
    evidence = dz.evidence_of(treatment)
    if treatment.status == "given":
        return met(Change.NEVER, evidence)
    if treatment.status in ("planned", "declined", "not suitable"):
        return not_met(Change.COURSE)
    if treatment.status is None and treatment.start is not None and treatment.start.last.toordinal() <= context.asked:
        return met(Change.NEVER, evidence)
    if treatment.status is None and (treatment.end is not None or treatment.ongoing is not None):
        return met(Change.NEVER, evidence)
    return replace(missing_field(treatment, Kind.TREATMENT, "start_date"), reason=Reason.IMPRECISE)


def ongoing_test(context: Context, fact: Treatment | Medication, test: t.Test, kind: Kind) -> Finding:
    """Whether a course is under way; a `yes` with no later statement for 90 days is stale."""

    def leaf(test: t.Code | t.Compare | t.Link) -> Finding:
        assert isinstance(test, t.Code)
        finding = under_way(context, fact, kind)
        return finding if test.code == "yes" else negate(finding)

    return test_finding(test, leaf)


def under_way(context: Context, fact: Treatment | Medication, kind: Kind) -> Finding:
    """Whether a treatment or medication is being taken at the as-of date."""
    evidence = dz.evidence_of(fact)
    if fact.end is not None:
        if fact.end.last.toordinal() < context.asked:
            return not_met(Change.ACTION, evidence)
        if fact.end.first.toordinal() >= context.asked:
            return met(Change.ACTION, evidence)
        return replace(missing_field(fact, kind, "ongoing"), reason=Reason.IMPRECISE)
    if fact.ongoing is False:
        return not_met(Change.ACTION, evidence)
    if fact.ongoing is None:
        return missing_field(fact, kind, "ongoing")
    if told(context, fact) + context.settings.acute < context.known:
        return replace(missing_field(fact, kind, "ongoing"), reason=Reason.STALE)
    return met(Change.ACTION, evidence)


def told(context: Context, fact: Fact) -> int:
    """The last day of which a record speaks: its own, the patient's data, or the day it was recorded."""
    days = [PAST]
    start: PartialDate | None = getattr(fact, "start", None)
    if start is not None:
        days.append(start.first.toordinal())
    reaches = data_through(context)
    if reaches is not None:
        days.append(reaches)
    elif fact.recorded is not None:
        days.append(fact.recorded.toordinal())
    return max(days)


def treatment_course(context: Context, fact: Treatment | Medication) -> Course:
    """First and last possible dose."""
    start = Days.of(fact.start) if fact.start is not None else Days(PAST, context.asked)
    start = start.upto(context.asked) if start.lo <= context.asked else start
    if fact.end is not None:
        end = Days.of(fact.end).upto(context.asked)
        end = Days(max(end.lo, min(start.lo, end.hi)), end.hi)
        if fact.start is None:
            start = Days(PAST, end.hi)
    elif fact.ongoing is True and told(context, fact) + context.settings.acute >= context.known:
        end = Days.on(context.asked)
    elif fact.ongoing is True:
        end = Days(max(start.lo, min(told(context, fact), context.asked)), context.asked)
    else:
        end = Days(start.lo, max(context.asked, start.hi))
    return Course(start, end)


def in_window(
    context: Context, candidate: Candidate, frame: Frame | None, amount: t.Amount | None, kind: Kind
) -> Finding:
    """Whether a candidate's course meets a window, and when time alone changes that."""
    if frame is None:
        return met(CHANGE_OF_PRESENCE[kind])
    truth = meets(candidate.course, frame)
    flips = tuple(sorted(leaving(candidate.course, amount)))
    if truth is Truth.UNKNOWN:
        missing = Missing(
            kind.value, (candidate.evidence.value,), "date", "",
            f"date of {candidate.evidence.value}{_dated(candidate)}", "look_up",
        )  # fmt: skip
        return unknown(Reason.IMPRECISE, evidence=(candidate.evidence,), missing=(missing,), flips=flips)
    if truth is Truth.NOT_MET:
        return Finding(truth, None, CHANGE_OF_ABSENCE[kind], flips, (candidate.evidence,))
    if not flips:
        return met(CHANGE_OF_PRESENCE[kind], candidate.evidence)
    under_way = candidate.course.end.hi >= context.asked and getattr(candidate.fact, "ongoing", None) is True
    return Finding(truth, None, Change.ACTION if under_way else Change.TIME, flips, (candidate.evidence,))


def _dated(candidate: Candidate) -> str:
    return f" ({candidate.evidence.date})" if candidate.evidence.date else ""


def leaving(course: Course, amount: t.Amount | None) -> Iterable[int]:
    """Days on which a course leaves a window that looks back `amount` from today."""
    if amount is None:
        return
    spans = amount.spans if isinstance(amount, t.Extreme) else (amount,)
    for span in spans:
        if span.unit is t.TimeUnit.HALF_LIFE:
            continue
        for day in {course.start.lo, course.start.hi, course.end.lo, course.end.hi}:
            if PAST < day < FUTURE:
                yield from _first_outside(day, span)


def _first_outside(day: int, span: t.Span) -> Iterable[int]:
    """The first day on which `day` is out of a window of `span` before that day; months clamp, so look around."""
    guess = shift(day, span)
    for moved in range(guess, guess + 5):
        if shift(moved, span, back=True) > day:
            yield moved
            return
