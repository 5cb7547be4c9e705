"""Doses: cumulative over a life, of a day, of one cycle; a dose nobody recorded leaves the bound open.

Equivalents (anthracyclines as doxorubicin, corticosteroids as prednisone) come from the vocabulary's table with its
sources; a drug without a factor leaves the sum open too.
"""

from __future__ import annotations

import math
import re

from matcher.engine.algebra import merged, unique
from matcher.engine.context import Context
from matcher.engine.days import Frame, meets
from matcher.engine.fields import Candidate, dose_factor
from matcher.engine.intervals import Interval
from matcher.engine.patterns import candidates, unrecorded
from matcher.engine.results import Evidence, Missing
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


class Amount:
    """A dose as an interval, with what it was summed from and what is missing."""

    __slots__ = ("evidence", "missing", "reason", "value")

    def __init__(
        self, value: Interval, evidence: tuple[Evidence, ...], missing: tuple[Missing, ...], reason: Reason | None
    ) -> None:
        self.value, self.evidence, self.missing, self.reason = value, evidence, missing, reason


def dose_of(context: Context, dose: t.Dose, unit: str, frame: Frame | None) -> Amount:
    """The dose a patient has had, in `unit`, of the drugs asked for, within a window."""
    kind = Kind.TREATMENT if dose.measure is t.Measure.CUMULATIVE else Kind.DRUG
    if dose.measure is t.Measure.DAILY:
        kind = Kind.MEDICATION
    records = t.Records(kind, dose.concepts)
    found = [c for c in candidates(context, records) if _meets(c, frame) is not Truth.NOT_MET]
    parts: list[tuple[Interval, Candidate]] = []
    missing: list[Missing] = []
    for candidate in found:
        value = _amount(context, dose, candidate.fact, unit)
        if value.hi == math.inf:
            missing.append(_dose_missing(dose, candidate))
        may = candidate.finding.truth is Truth.UNKNOWN or _meets(candidate, frame) is Truth.UNKNOWN
        if may:
            missing.extend(candidate.finding.missing)
            value = Interval(0.0, value.hi)
        parts.append((value, candidate))
    silent = unrecorded(context, records, context.asked)
    total = _total(dose.measure, [value for value, _ in parts])
    reason: Reason | None = Reason.NOT_RECORDED if missing else None
    if silent.truth is Truth.UNKNOWN:
        total = Interval(total.lo, math.inf)
        missing.extend(silent.missing)
        reason = reason or silent.reason
    evidence = unique(candidate.evidence for _, candidate in parts)
    return Amount(total, evidence, merged(missing), reason)


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
    if not isinstance(fact, Treatment):
        return None
    total = _in_unit(fact.cumulative_dose, fact.cumulative_dose_unit, unit)
    if total is None and fact.cycles is not None:
        each = _in_unit(fact.dose, fact.dose_unit, unit)
        total = None if each is None else each * fact.cycles
    return total


def _daily(fact: Treatment | Medication, unit: str) -> float | None:
    """Dose x administrations a day; a unit per day says it already."""
    if fact.dose is None or fact.dose_unit is None:
        return None
    plain = unit.replace("/day", "").replace("/d", "")
    if re.search(r"/(day|d)$", fact.dose_unit.strip(), re.IGNORECASE):
        return _in_unit(fact.dose, re.sub(r"/(day|d)$", "", fact.dose_unit.strip(), flags=re.IGNORECASE), plain)
    frequency = (fact.frequency or "") if isinstance(fact, Medication) else ""
    for pattern, times in _TIMES:
        if re.search(pattern, frequency, re.IGNORECASE):
            each = _in_unit(fact.dose, fact.dose_unit, plain)
            return None if each is None else each * times
    return None


def _in_unit(value: float | None, unit: str | None, asked: str) -> float | None:
    if value is None or unit is None:
        return None
    factor = dose_factor(unit, asked)
    return None if factor is None else value * factor


def _dose_missing(dose: t.Dose, candidate: Candidate) -> Missing:
    label = dose.measure.value.replace("_", " ")
    name = candidate.evidence.value
    return Missing("treatment", (name,), label, candidate.evidence.date, f"{label} of {name}", "look_up")


def longest(context: Context, records: t.Records) -> tuple[list[Candidate], bool]:
    """The candidates whose duration is asked for, and whether more may exist that nobody recorded."""
    found = [c for c in candidates(context, records, history=True) if c.finding.truth is not Truth.NOT_MET]
    return found, unrecorded(context, records, context.asked).truth is Truth.UNKNOWN
