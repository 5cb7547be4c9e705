"""When a treatment or medication was taken, and whether a course meets a window.

A missing end lies anywhere between the first dose and the as-of date; `ongoing: yes` reaches it while the record is no
older than 90 days (SEMANTICS §2.1, §2.4).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from matcher.engine.change import CHANGE_OF_ABSENCE
from matcher.engine.reference.algebra import negate
from matcher.engine.reference.context import Context
from matcher.engine.reference.days import FUTURE, PAST, Course, Days, Frame, meets, shift
from matcher.engine.reference.records import disease as dz
from matcher.engine.reference.records.coverage import data_through, kind_of
from matcher.engine.reference.records.fields import (
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
    if treatment.status in ("planned", "declined", "not suitable"):
        return not_met(Change.COURSE)
    begun = treatment.start is not None and treatment.start.last.toordinal() <= context.asked
    told_of = treatment.end is not None or treatment.ongoing is not None
    if treatment.status == "given" or (treatment.status is None and (begun or told_of)):
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
            return replace(met(Change.TIME, evidence), flips=(fact.end.last.toordinal() + 1,))
        return replace(missing_field(fact, kind, "ongoing"), reason=Reason.IMPRECISE)
    if fact.ongoing is False:
        return not_met(Change.ACTION, evidence)
    if fact.ongoing is None:
        return missing_field(fact, kind, "ongoing")
    lapses = _lapses(context, fact)
    if context.known >= lapses:
        return replace(missing_field(fact, kind, "ongoing"), reason=Reason.STALE)
    return replace(met(Change.ACTION, evidence), flips=(lapses,))


def _lapses(context: Context, fact: Treatment | Medication) -> int:
    """The first day on which `ongoing: yes` is too old to be believed."""
    return told(context, fact) + context.settings.acute + 1


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
    """First and last possible dose; what may go on must be stopped before any time can pass since."""
    course = _course(context, fact)
    return replace(course, ceases=Change.ACTION) if _may_go_on(context, fact) else course


def _course(context: Context, fact: Treatment | Medication) -> Course:
    start = Days.of(fact.start) if fact.start is not None else Days(PAST, context.asked)
    if start.lo > context.asked:  # planned
        return Course(start, Days.of(fact.end) if fact.end is not None else Days(start.lo, FUTURE))
    start = start.upto(context.asked)
    if fact.end is not None:
        end = Days.of(fact.end).upto(context.asked)
        if fact.start is None:
            start = Days(PAST, end.hi)
        return Course(start.upto(end.hi), Days(max(end.lo, start.lo), end.hi))
    if fact.ongoing is True and context.known < _lapses(context, fact):
        return Course(start, Days.on(context.asked))
    if fact.ongoing is None and _one_day(context, fact):
        return Course.event(start)
    last = told(context, fact)
    if fact.ongoing is True:
        return Course(start, Days(max(start.lo, min(last, context.asked)), context.asked))
    # What is no longer going on ended before it was said so; what nobody says may have gone on until now.
    latest = min(context.asked, last) if fact.ongoing is False and last > PAST else context.asked
    return Course(start, Days(start.lo, max(latest, start.lo)))


#: Medications that are given on one day.
_GIVEN_ONCE = ("vaccine", "transfusion")


def _one_day(context: Context, fact: Treatment | Medication) -> bool:
    """Whether a record without an end is of one day by its nature: an operation, a transfusion, a vaccination."""
    if isinstance(fact, Treatment):
        return kind_of(context, fact) in ("surgery", "transplant")
    heads = [head for head in _GIVEN_ONCE if context.vocabulary.get(head) is not None]
    return bool(fact.concepts) and all(
        any(context.vocabulary.is_below(each, head) for head in heads) for each in fact.concepts
    )


@dataclass(frozen=True, slots=True)
class Opened:
    """A window as a frame of days, or the unknown that stands in its way; `amount` if it moves with the as-of date.

    `reason` and `missing` say why its ends are not known to the day, where they are not.
    """

    frame: Frame | None
    amount: t.Amount | None = None
    problem: Finding | None = None
    flips: tuple[int, ...] = ()
    reason: Reason | None = None
    missing: tuple[Missing, ...] = ()


def in_window(context: Context, candidate: Candidate, window: Opened, kind: Kind) -> Finding:
    """Whether a candidate's course meets a window, and when time alone changes that."""
    frame, amount = window.frame, window.amount
    if frame is None:
        return met(Change.NEVER)  # the answer is that of the record
    truth = meets(candidate.course, frame)
    flips = tuple(sorted(leaving(context, candidate.course, amount)))
    if truth is Truth.UNKNOWN:
        course = candidate.course
        if course.start.exact and course.end.exact and window.missing:
            reason = window.reason or Reason.IMPRECISE
            return unknown(reason, evidence=(candidate.evidence,), missing=window.missing, flips=flips)
        name = candidate.evidence.value
        what = "end" if course.start.exact else "date"
        missing = Missing(kind.value, (name,), what, "", f"{what} of {name}{_dated(candidate)}", "look_up")
        asked_already = any(fact.attribute == "start_date" for fact in candidate.finding.missing)
        asked = () if asked_already else (missing,)
        return unknown(Reason.IMPRECISE, evidence=(candidate.evidence,), missing=asked, flips=flips)
    if truth is Truth.NOT_MET:
        return Finding(truth, None, CHANGE_OF_ABSENCE[kind], flips, (candidate.evidence,))
    if amount is None:
        return met(Change.NEVER, candidate.evidence)
    return Finding(truth, None, candidate.course.ceases or Change.TIME, flips, (candidate.evidence,))


def _may_go_on(context: Context, fact: Treatment | Medication) -> bool:
    """Whether a treatment or medication may still be under way."""
    if fact.end is not None or fact.ongoing is False:
        return False
    return fact.ongoing is True or not _one_day(context, fact)


def _dated(candidate: Candidate) -> str:
    return f" ({candidate.evidence.date})" if candidate.evidence.date else ""


def leaving(context: Context, course: Course, amount: t.Amount | None) -> Iterable[int]:
    """Days on which a course leaves a window that looks back `amount` from today."""
    if amount is None:
        return
    turns = resting(context, course.start) | resting(context, course.end)
    spans = amount.spans if isinstance(amount, t.Extreme) else (amount,)
    for span in spans:
        if span.unit is t.TimeUnit.HALF_LIFE:
            continue
        for day in turns:
            yield _first_outside(day, span)


def resting(context: Context, days: Days) -> set[int]:
    """The days on which an interval rests: those of its bounds that stay where they are while the as-of date moves.

    A bound that is the as-of date itself stays only where a record names that day; one that a partial date pushes
    before it comes to rest on the last day of that date. What nobody dated never rests. These days are those of the
    record, whatever the as-of date: a search that goes from one such day to the next comes to an end.
    """
    found = {day for day in (days.lo, days.hi) if PAST < day < FUTURE}
    if context.asked not in found:
        return found
    recorded, partial = _recorded(context)
    if context.asked not in recorded:
        found.discard(context.asked)
    return found | {hi for lo, hi in partial if lo <= context.asked < hi}


def _recorded(context: Context) -> tuple[frozenset[int], tuple[tuple[int, int], ...]]:
    """Every day that the record names, and every partial date of it."""
    if "recorded" not in context.cache:
        days: set[int] = set()
        partial: set[tuple[int, int]] = set()
        for fact in context.patient.facts():
            for name in ("date", "start", "end"):
                value: PartialDate | None = getattr(fact, name, None)
                if value is not None:
                    lo, hi = value.first.toordinal(), value.last.toordinal()
                    days |= {lo, hi}
                    partial |= {(lo, hi)} if lo < hi else set()
            if isinstance(fact, Treatment | Medication) and fact.end is None and fact.ongoing is False:
                days.add(told(context, fact))
        context.cache["recorded"] = frozenset(days), tuple(partial)
    return context.cache["recorded"]  # type: ignore[return-value]  # written under this key one line above


def _first_outside(day: int, span: t.Span) -> int:
    """The first day on which `day` is out of a window of `span` before that day; months clamp, so look around."""
    guess = shift(day, span)
    return next(moved for moved in range(guess, guess + 5) if shift(moved, span, back=True) > day)
