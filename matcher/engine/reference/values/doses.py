"""Doses: cumulative over a life, of a day, of one cycle; a dose nobody recorded leaves the bound open.

Equivalents (anthracyclines as doxorubicin, corticosteroids as prednisone) come from the vocabulary's table with its
sources; a drug without a factor leaves the sum open too.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from matcher.engine.intervals import Interval
from matcher.engine.reference.algebra import merged, unique
from matcher.engine.reference.context import Context
from matcher.engine.reference.days import Days, Frame, meets
from matcher.engine.reference.records.courses import Opened, leaving
from matcher.engine.reference.records.fields import Candidate, dose_factor
from matcher.engine.reference.records.patterns import candidates, unrecorded
from matcher.engine.results import Evidence, Finding, Missing
from matcher.engine.truth import Reason, Truth
from patients.facts import Medication, Treatment
from trials.criteria import tree as t
from trials.criteria.kinds import Kind

#: Administrations a day, by the usual words of a prescription.
_TIMES: tuple[tuple[str, float], ...] = (
    (r"\b(qid|four times|4 ?x|every 6 h|q6h)\b", 4), (r"\b(tid|three times|3 ?x|every 8 h|q8h)\b", 3),
    (r"\b(bid|bd|twice|2 ?x|every 12 h|q12h)\b", 2), (r"\b(every other day|alternate days|qod)\b", 0.5),
    (r"\b(weekly|once a week|qw)\b", 1 / 7), (r"\b(daily|od|qd|once|every day|1 ?x|per day|every morning)\b", 1),
)  # fmt: skip

_PER_DAY = re.compile(r"/(day|d)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Amount:
    """A dose as an interval, with what it was summed from, what is missing, and when time alone may change it."""

    value: Interval
    evidence: tuple[Evidence, ...]
    missing: tuple[Missing, ...] = ()
    reason: Reason | None = None
    flips: tuple[int, ...] = ()


def dose_of(context: Context, dose: t.Dose, unit: str, window: Opened) -> Amount:
    """The dose a patient has had, in `unit`, of the drugs asked for, within a window.

    A daily dose is that of today where no window is asked for.
    """
    frame = window.frame
    if dose.measure is t.Measure.DAILY and frame is None:
        frame = Frame(Days.on(context.asked), Days.on(context.asked))
    kinds = {t.Measure.CUMULATIVE: Kind.TREATMENT, t.Measure.DAILY: Kind.MEDICATION, t.Measure.SINGLE: Kind.DRUG}
    records = t.Records(kinds[dose.measure], dose.concepts)
    found = [c for c in candidates(context, records) if _meets(c, frame) is not Truth.NOT_MET]
    unit = unit or next((text for c in found if (text := _unit_of(dose.measure, c.fact))), "")
    parts: list[Interval] = []
    missing: list[Missing] = []
    flips: set[int] = set()
    for candidate in found:
        value = _amount(context, dose, candidate.fact, unit)
        if value.hi == math.inf:
            missing.append(_dose_missing(dose, candidate))
        if not _all_of_it(dose.measure, candidate, frame):
            missing.extend(candidate.finding.missing)
            value = Interval(0.0, value.hi)
        parts.append(value)
        flips.update(leaving(context, candidate.course, window.amount))
    until = context.asked if frame is None else min(frame.closes.hi, context.asked)
    silent = unrecorded(context, records, until)
    total = _total(dose.measure, parts)
    reason: Reason | None = Reason.NOT_RECORDED if missing else None
    if silent.truth is Truth.UNKNOWN:
        total = Interval(total.lo, math.inf)
        missing.extend(silent.missing)
        reason = reason or silent.reason
    evidence = unique((*(candidate.evidence for candidate in found), *silent.evidence))
    days = tuple(sorted({*flips, *silent.flips, *window.flips}))
    return Amount(total, evidence, merged(missing), reason, days)


def _all_of_it(measure: t.Measure, candidate: Candidate, frame: Frame | None) -> bool:
    """Whether a record certainly counts, and of a sum of doses all of it: a course that only reaches into a window
    was given in part outside it.
    """
    if candidate.finding.truth is not Truth.MET or _meets(candidate, frame) is not Truth.MET:
        return False
    if frame is None or measure is not t.Measure.CUMULATIVE:
        return True
    return candidate.course.start.lo >= frame.opens.hi and candidate.course.end.hi <= frame.closes.lo


def _unit_of(measure: t.Measure, fact: object) -> str:
    """The unit a record's dose is written in, for a rule that names none."""
    assert isinstance(fact, Treatment | Medication)  # the kinds of record a dose is asked of
    if measure is t.Measure.CUMULATIVE and isinstance(fact, Treatment) and fact.cumulative_dose_unit:
        return fact.cumulative_dose_unit
    return fact.dose_unit or ""


def _meets(candidate: Candidate, frame: Frame | None) -> Truth:
    return Truth.MET if frame is None else meets(candidate.course, frame)


def _total(measure: t.Measure, values: list[Interval]) -> Interval:
    if not values:
        return Interval.point(0.0)
    if measure is t.Measure.SINGLE:
        return Interval(max(v.lo for v in values), max(v.hi for v in values))
    total = Interval.point(0.0)
    for value in values:
        total = total.plus(value)
    if measure is t.Measure.DAILY:
        # Courses may follow one another: on any one day at least the largest, at most all of them together.
        return Interval(max(v.lo for v in values), total.hi)
    return total


def _amount(context: Context, dose: t.Dose, fact: object, unit: str) -> Interval:
    assert isinstance(fact, Treatment | Medication)  # the kinds of record a dose is asked of
    factor = _equivalence(context, dose, fact)
    if factor is None:
        return Interval(0.0, math.inf)
    value = _recorded(dose.measure, fact, unit)
    return Interval(0.0, math.inf) if value is None else Interval.point(value * factor)


def _equivalence(context: Context, dose: t.Dose, fact: Treatment | Medication) -> float | None:
    if not dose.equivalent:
        return 1.0
    if len(fact.concepts) != 1:
        return None
    return context.vocabulary.dose_factor(fact.concepts[0], as_=dose.equivalent)


def _recorded(measure: t.Measure, fact: Treatment | Medication, unit: str) -> float | None:
    if measure is t.Measure.DAILY:
        return _daily(fact, unit)
    if measure is t.Measure.SINGLE:
        return _in_unit(fact.dose, fact.dose_unit, unit)
    assert isinstance(fact, Treatment)  # cumulative doses are asked of treatments
    total = _in_unit(fact.cumulative_dose, fact.cumulative_dose_unit, unit)
    if total is None and fact.cycles is not None:
        each = _in_unit(fact.dose, fact.dose_unit, unit)
        total = None if each is None else each * fact.cycles
    return total


def _daily(fact: Treatment | Medication, unit: str) -> float | None:
    """Dose x administrations a day; a unit per day says it already."""
    plain = unit.replace("/day", "").replace("/d", "")
    times = times_a_day(fact.dose_unit or "", (fact.frequency or "") if isinstance(fact, Medication) else "")
    each = None if times is None else _in_unit(fact.dose, without_day(fact.dose_unit), plain)
    return None if each is None or times is None else each * times


def times_a_day(unit: str, frequency: str) -> float | None:
    """By what a dose of a unit is multiplied to be that of a day; None where its frequency does not say."""
    if _PER_DAY.search(unit.strip()):
        return 1.0
    return next((times for pattern, times in _TIMES if re.search(pattern, frequency, re.IGNORECASE)), None)


def without_day(unit: str | None) -> str | None:
    """A unit of dose without its `per day`."""
    return None if unit is None else _PER_DAY.sub("", unit.strip())


def _in_unit(value: float | None, unit: str | None, asked: str) -> float | None:
    if value is None or unit is None:
        return None
    factor = dose_factor(unit, asked)
    return None if factor is None else value * factor


def _dose_missing(dose: t.Dose, candidate: Candidate) -> Missing:
    label = dose.measure.value.replace("_", " ")
    name = candidate.evidence.value
    return Missing("treatment", (name,), label, candidate.evidence.date, f"{label} of {name}", "look_up")


def longest(context: Context, records: t.Records) -> tuple[list[Candidate], Finding]:
    """The candidates whose duration is asked for, and whether more may exist that nobody recorded."""
    found = [c for c in candidates(context, records, history=True) if c.finding.truth is not Truth.NOT_MET]
    return found, unrecorded(context, records, context.asked)
