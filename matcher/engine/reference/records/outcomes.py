"""Failure of a drug: as the document defines it, else by the default of SEMANTICS §2.6.

A progression, relapse or new metastasis belongs to the latest systemic line begun before it. During a course, or up to
30 days after its last dose, it is failure *on* the drug; later, with no other line in between, failure *after* it,
which counts in the advanced setting and is a question in any other.
"""

from __future__ import annotations

from dataclasses import replace

from matcher.engine.reference.algebra import both, either
from matcher.engine.reference.context import Context, Reading
from matcher.engine.reference.days import FUTURE, Days, not_before
from matcher.engine.reference.records import disease as dz
from matcher.engine.reference.records.courses import treatment_course, under_way
from matcher.engine.reference.records.coverage import Need, absence
from matcher.engine.reference.records.fields import met, missing_field, not_met
from matcher.engine.reference.records.lines import next_line_start, setting_of
from matcher.engine.reference.records.worsening import Worsening, worsenings
from matcher.engine.results import Evidence, Finding, Missing, unknown
from matcher.engine.truth import Change, Reason, Truth
from patients.facts import Treatment
from patients.vocabulary import Domain
from trials.criteria import tree as t
from trials.criteria.kinds import Kind


def outcome_finding(context: Context, treatment: Treatment, outcome: str) -> Finding:
    """Whether a treatment of this cancer had an outcome: failure, refractory or intolerant."""
    of_it = dz.belongs(context, treatment.diagnosis)
    if of_it is Truth.NOT_MET:
        return not_met(Change.NEVER)
    found = _outcome(context, treatment, outcome)
    if of_it is Truth.MET:
        return found
    return both([found, replace(missing_field(treatment, Kind.TREATMENT, "diagnosis"), reason=Reason.IMPRECISE)])


def _outcome(context: Context, treatment: Treatment, outcome: str) -> Finding:
    definition = definition_of(context, treatment.concepts, outcome)
    if definition is not None:
        return context.evaluate(definition.rule, context.inside(treatment))
    if outcome == "intolerant":
        return _intolerant(context, treatment)
    return _failed(context, treatment, on_treatment_only=outcome == "refractory")


def definition_of(context: Context, concepts: tuple[str, ...], outcome: str) -> t.DefineOutcome | None:
    """The most specific definition of the document that covers a drug, which may be any of some concepts."""
    means = tuple(Reading(id) for id in concepts)
    covering: list[tuple[int, t.DefineOutcome]] = []
    for definition in context.definitions:
        if not isinstance(definition, t.DefineOutcome) or definition.outcome != outcome:
            continue
        if definition.concepts.is_any:
            covering.append((1_000_000, definition))
            continue
        asked = context.concepts(definition.concepts, (Domain.DRUG, Domain.PROCEDURE))
        if context.is_a(means, asked)[0] is Truth.MET:
            covering.append((sum(len(context.vocabulary.descendants(id)) for id in asked), definition))
    return min(covering, key=lambda pair: pair[0])[1] if covering else None


def _intolerant(context: Context, treatment: Treatment) -> Finding:
    evidence = dz.evidence_of(treatment, f"{treatment.raw}, stopped: {treatment.stop_reason or 'reason not recorded'}")
    if treatment.stop_reason == "toxicity":
        return met(Change.NEVER, evidence)
    known = treatment.stop_reason in ("progression", "completed", "patient choice", "death")
    if known or (treatment.stop_reason is None and under_way(context, treatment, Kind.TREATMENT).truth is Truth.MET):
        return not_met(Change.COURSE, evidence)
    return missing_field(treatment, Kind.TREATMENT, "stop_reason")


def _failed(context: Context, treatment: Treatment, *, on_treatment_only: bool) -> Finding:
    evidence = dz.evidence_of(treatment, _told_of(treatment))
    if treatment.response == "progressive disease" or treatment.stop_reason == "progression":
        return met(Change.NEVER, evidence)
    found = [_by_event(context, treatment, event, on_treatment_only=on_treatment_only) for event in worsenings(context)]
    if not any(finding.reason is Reason.NEEDS_JUDGEMENT for finding in found):
        # Where a worsening is known whose weight only a reader can tell, what else may be unrecorded is not asked.
        found.append(_silent(context, treatment, evidence))
    return either(found)


def _told_of(treatment: Treatment) -> str:
    parts = [treatment.raw, treatment.setting, treatment.response]
    if treatment.stop_reason:
        parts.append(f"stopped: {treatment.stop_reason}")
    return ", ".join(part for part in parts if part)


def _by_event(context: Context, treatment: Treatment, event: Worsening, *, on_treatment_only: bool) -> Finding:
    course = treatment_course(context, treatment)
    following = next_line_start(context, treatment)
    after_start = not_before(event.days, Days(course.start.lo + 1, course.start.hi + 1))
    before_next = Truth.MET if following.lo >= FUTURE else not_before(following, event.days)
    attributed = min(after_start, before_next, Truth.MET if event.sure else Truth.UNKNOWN)
    if attributed is Truth.NOT_MET:
        return not_met(Change.NEVER)
    reach = context.settings.on_treatment
    on = not_before(Days(course.end.lo + reach, course.end.hi + reach), event.days)
    evidence = (dz.evidence_of(treatment, _told_of(treatment)), event.evidence)
    day = event.evidence.date or "an unrecorded date"
    asked = f"does {event.evidence.value} on {day} count as failure of {treatment.raw or 'the unnamed drug'}?"
    missing = (Missing("treatment", (treatment.raw,), "outcome", "", asked, "look_up"),)
    if attributed is Truth.UNKNOWN:
        return unknown(Reason.IMPRECISE, evidence=evidence, missing=missing)
    if on is Truth.MET or (not on_treatment_only and _advanced(context, treatment)):
        return met(Change.NEVER, *evidence)
    if on is Truth.UNKNOWN:
        return unknown(Reason.IMPRECISE, evidence=evidence, missing=missing)
    return unknown(Reason.NEEDS_JUDGEMENT, evidence=evidence, missing=(Missing("ask", (asked,), "", "", asked, "ask"),))


def _advanced(context: Context, treatment: Treatment) -> bool:
    settings = setting_of(context, treatment)
    return bool(settings) and all(setting == "advanced" for setting in settings)


def _silent(context: Context, treatment: Treatment, evidence: Evidence) -> Finding:
    """No failure beyond the events known: certain while the drug is going on, or where the course is fully told."""
    going_on = under_way(context, treatment, Kind.TREATMENT)
    if going_on.truth is Truth.MET:
        return not_met(Change.COURSE, evidence)
    following = next_line_start(context, treatment)
    until = min(following.hi, context.asked)
    day = f" ({evidence.date})" if evidence.date else ""
    text = f"did the disease progress on or after {treatment.raw or 'the unnamed drug'}{day}?"
    missing = Missing("treatment", (treatment.raw,), "outcome", "", text, "look_up")
    told = absence(context, Need("disease_status"), until=until, change=Change.COURSE, text=text, missing=missing)
    if told.truth is Truth.NOT_MET:
        return not_met(Change.COURSE, evidence, *told.evidence)
    return unknown(told.reason or Reason.NOT_RECORDED, evidence=(evidence, *told.evidence), missing=(missing,))
