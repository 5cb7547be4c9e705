"""Age, time between events and duration: spans of days compared with spans of a rule (SEMANTICS §2.3, §2.4).

At least N since E is met on day N; birthdays are counted, and 29 February counts on 1 March.
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date

from matcher.engine.intervals import Interval, compare
from matcher.engine.reference import algebra
from matcher.engine.reference.anchors import Moment, absent, moment
from matcher.engine.reference.context import Context, UnknownWord
from matcher.engine.reference.days import FUTURE, PAST, Days, not_before, shift
from matcher.engine.reference.records.courses import resting
from matcher.engine.reference.records.fields import Candidate
from matcher.engine.reference.values.ages import ages_on, completed_months
from matcher.engine.reference.values.doses import longest
from matcher.engine.results import Evidence, Finding, Missing, unknown
from matcher.engine.truth import Change, Reason, Truth, hardest, negation
from patients.facts import add_months
from trials.criteria import tree as t

#: What a reader is asked about where nothing is recorded that could have lasted.
NO_SUCH_RECORD = "there is no such record; the protocol does not say what then holds"

_RISING = (t.Operator.GE, t.Operator.GT)
_EXACT = (t.Operator.EQ, t.Operator.NE)


def birth(context: Context) -> Evidence:
    """The birth date as evidence, with the age it makes."""
    dates = " or ".join(str(each) for each in context.patient.births)
    ages = ages_on(context, context.asked)
    years = "" if ages is None else f"{ages[0]}" if ages[0] == ages[1] else f"{ages[0]} to {ages[1]}"
    return Evidence("patient", f"age {years}", "years", dates, str(context.patient.source))


def birth_missing() -> Missing:
    """The birth date as a missing fact."""
    return Missing("patient", (), "birth_date", "", "date of birth", "look_up")


def aged(context: Context, operator: t.Operator, right: t.Value) -> Finding:
    """Birthdays are counted; a partial birth date decides only where every date in it agrees."""
    ages = ages_on(context, context.asked)
    if ages is None:
        return unknown(Reason.NOT_RECORDED, missing=(birth_missing(),))
    months = _months(right)
    births = {part for each in context.patient.births for part in (each.first, each.last)}
    if months % 12:
        # A limit between birthdays is counted in completed months.
        counted = [completed_months(each, context.today) for each in births]
        truth = compare(Interval.between(min(counted), max(counted)), operator, Interval.point(months))
    else:
        truth = compare(Interval.between(*ages), operator, Interval.point(months / 12))
    days = {day for each in births for day in _passing(each, months) if day > context.asked}
    flips = tuple(sorted(days))
    if truth is Truth.UNKNOWN:
        reason = Reason.CONFLICTING if len(context.patient.births) > 1 else Reason.IMPRECISE
        return unknown(reason, evidence=(birth(context),), missing=(birth_missing(),), flips=flips)
    by_time = bool(flips) and (operator in _EXACT or (operator in _RISING) == (truth is Truth.NOT_MET))
    return Finding(truth, None, Change.TIME if by_time else Change.NEVER, flips, (birth(context),))


def _months(right: t.Value) -> float:
    """The limit of an age in months. Raises UnknownWord."""
    match right:
        case t.Span(number, t.TimeUnit.YEAR) | t.Quantity(number):
            return number * 12
        case t.Span(number, t.TimeUnit.MONTH):
            return number
        case _:
            raise UnknownWord("an age is compared with a number of years or months")


def _passing(born: date, months: float) -> tuple[int, ...]:
    """Days on which the age passes a limit: the day on which it is reached, and the end of the year or month of it."""
    step = 1 if months % 12 else 12
    days = []
    for reached in (math.ceil(months), math.floor(months) + step):
        day = add_months(born, reached)
        leap = (born.month, born.day) == (2, 29) and (day.month, day.day) == (2, 28)
        days.append(day.toordinal() + (1 if leap else 0))  # 29 February counts on 1 March
    return tuple(days)


def elapsed(context: Context, left: t.Elapsed, operator: t.Operator, span: t.Span) -> Finding:
    """`time from E to E op D`."""
    start, end = moment(context, left.start), moment(context, left.end)
    evidence = algebra.unique((*start.evidence, *end.evidence))
    for exists in (Truth.NOT_MET, Truth.UNKNOWN):
        for at in (start, end):
            if at.exists is exists:
                return replace(absent(at), evidence=evidence)
    due = Days(shift(start.days.lo, span), shift(start.days.hi, span))
    truth = _against(end.days, operator, due)
    flips = tuple(sorted({*start.flips, *end.flips, *_turns(context, start, end, span)}))
    if truth is Truth.UNKNOWN:
        missing = algebra.merged((*start.missing, *end.missing))
        return unknown(start.reason or end.reason or Reason.IMPRECISE, evidence=evidence, missing=missing, flips=flips)
    rising = operator in _RISING
    ahead = any(day > context.asked for day in flips) and end.fixed != start.fixed
    ceasing = [at.ceases for at in (start, end) if at.ceases is not None]
    if ceasing:
        change = hardest(ceasing)  # no time passes since what goes on: it must come to an end
    elif ahead and (operator in _EXACT or (rising == end.fixed) == (truth is Truth.MET)):
        change = Change.TIME
    else:
        # Another such event may still come, and would be counted from.
        change = Change.COURSE if _renewable(left.start) or _renewable(left.end) else Change.NEVER
    return Finding(truth, None, change, flips, evidence)


def _turns(context: Context, start: Moment, end: Moment, span: t.Span) -> set[int]:
    """Days on which time alone may turn the answer, as one of the two moments moves along with the date."""
    if start.fixed == end.fixed:
        return set()
    at = start if start.fixed else end
    days = {shift(day, span, back=at is end) for day in resting(context, at.days)}
    return {day + step for day in days for step in (-1, 0, 1, 2, 3) if context.asked < day + step < FUTURE}


def _renewable(anchor: t.Anchor) -> bool:
    return isinstance(anchor, t.Event) and anchor.which is not t.Which.FIRST


def _against(day: Days, operator: t.Operator, due: Days) -> Truth:
    """`day operator due`: reached on day N is met."""
    reached = not_before(day, due)
    passed = not_before(day, Days(due.lo + 1, due.hi + 1))
    match operator:
        case t.Operator.GE:
            return reached
        case t.Operator.GT:
            return passed
        case t.Operator.LE:
            return negation(passed)
        case t.Operator.LT:
            return negation(reached)
        case t.Operator.EQ:
            return min(reached, negation(passed))
        case _:
            return max(negation(reached), passed)


def duration(context: Context, records: t.Records, operator: t.Operator, span: t.Span) -> Finding:
    """From first to last day of the longest matching record."""
    found, silent = longest(context, records)
    if not found and silent.truth is Truth.NOT_MET:
        return unknown(Reason.NEEDS_JUDGEMENT, note=NO_SUCH_RECORD)
    if not found:
        return silent
    if operator in (t.Operator.LE, t.Operator.LT):
        inverse = t.Operator.GT if operator is t.Operator.LE else t.Operator.GE
        return algebra.negate(duration(context, records, inverse, span))
    return algebra.either([*(_lasted(context, candidate, operator, span) for candidate in found), silent])


def _lasted(context: Context, candidate: Candidate, operator: t.Operator, span: t.Span) -> Finding:
    course = candidate.course
    due = Days(shift(course.start.lo, span), shift(course.start.hi, span))
    truth = Truth.UNKNOWN if course.start.lo <= PAST else _against(course.end, operator, due)
    if truth is Truth.UNKNOWN:
        name = candidate.evidence.value
        missing = Missing("treatment", (name,), "dates", "", f"first and last day of {name}", "look_up")
        found = unknown(Reason.IMPRECISE, evidence=(candidate.evidence,), missing=(missing,))
    else:
        found = Finding(truth, None, Change.NEVER if truth is Truth.MET else Change.COURSE, (), (candidate.evidence,))
    return algebra.both([candidate.finding, found])
