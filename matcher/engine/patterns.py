"""Any pattern of records: which match, and whether one more may exist that nobody recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from matcher.engine import disease as dz
from matcher.engine.algebra import both
from matcher.engine.biomarkers import biomarkers, unrecorded_marker
from matcher.engine.conditions import conditions, diagnoses, unrecorded_condition
from matcher.engine.context import Context
from matcher.engine.coverage import Need, absence, treatment_kind
from matcher.engine.days import Course
from matcher.engine.fields import CHANGE_OF_ABSENCE, Candidate, days_upto, met, not_met, quiet, site_test, tests
from matcher.engine.lines import line_candidates
from matcher.engine.results import Finding, unknown
from matcher.engine.treatments import drugs, medications, treatments
from matcher.engine.truth import Change, Reason, Truth
from patients.facts import CodeRelation, code_relation
from trials.criteria import tree as t
from trials.criteria.kinds import CONCEPT_DOMAINS, Kind


def candidates(context: Context, records: t.Records, *, history: bool = False) -> list[Candidate]:
    """The records that match or may match a pattern; `history` asks of a condition whether it ever was."""
    finders: dict[Kind, Callable[[Context, t.Records, bool], Iterable[Candidate]]] = {
        Kind.DIAGNOSIS: diagnoses,
        Kind.CONDITION: conditions,
        Kind.TOXICITY: conditions,
        Kind.ALLERGY: conditions,
        Kind.FAMILY_HISTORY: conditions,
        Kind.TREATMENT: treatments,
        Kind.MEDICATION: medications,
        Kind.DRUG: drugs,
        Kind.BIOMARKER: biomarkers,
        Kind.DISEASE_STATUS: _events,
        Kind.LINE: _lines,
    }
    found = finders[records.kind](context, records, history)
    return [
        candidate for candidate in found if candidate.finding.truth is not Truth.NOT_MET or candidate.finding.evidence
    ]


def _events(context: Context, records: t.Records, history: bool) -> Iterable[Candidate]:
    """Statements of the course of this cancer."""
    for event in context.patient.disease_status:
        evidence = dz.evidence_of(event, event.status or event.raw)
        named = []
        if not records.concepts.is_any:
            relations = (
                {code_relation("disease_status", event.status, name) for name in records.concepts.names}
                if event.status is not None
                else {CodeRelation.MAY}
            )
            if CodeRelation.WITHIN in relations:
                named.append(met(Change.NEVER, evidence))
            elif CodeRelation.MAY in relations:
                named.append(unknown(Reason.IMPRECISE, evidence=(evidence,)))
            else:
                named.append(not_met(Change.COURSE))
        belongs = dz.of_focus(context, event.diagnosis) if isinstance(context.focus, dz.Disease) else Truth.MET
        if belongs is Truth.UNKNOWN:
            named.append(unknown(Reason.IMPRECISE, evidence=(evidence,)))
        elif belongs is Truth.NOT_MET:
            named.append(not_met(Change.NEVER))
        special = {"site": site_test(context, event, event.sites, Kind.DISEASE_STATUS)}
        parts = [*named, *tests(context, records, event, special)] or [met(Change.NEVER, evidence)]
        yield Candidate(event, Course.event(days_upto(event.date, context)), quiet(both(parts), named), evidence)


def unrecorded(context: Context, records: t.Records, until: int, window_text: str = "") -> Finding:
    """The finding that no record beyond those known matches a pattern: *not met* where silence is a statement."""
    kind = records.kind
    change = CHANGE_OF_ABSENCE[kind]
    name = " or ".join(records.concepts.names)
    asked: tuple[str, ...] = ()
    if not records.concepts.is_any and kind is not Kind.DISEASE_STATUS:
        words = [n for n in records.concepts.names if n not in (t.THIS_CANCER, t.THIS_TREATMENT)]
        asked = tuple(id for word in words for id in context.named(word, CONCEPT_DOMAINS[kind]))
    if t.THIS_TREATMENT in records.concepts.names:
        return not_met(Change.NEVER)
    if kind is Kind.DRUG:
        return both([
            unrecorded(context, replace(records, kind=Kind.TREATMENT), until, window_text),
            unrecorded(context, replace(records, kind=Kind.MEDICATION), until, window_text),
        ])  # fmt: skip
    if kind in (Kind.TREATMENT, Kind.LINE):
        kinds = {treatment_kind(context, id) for id in asked} or (
            {"drug"} if kind is Kind.LINE else _kinds_tested(records)
        )
        text = f"{' and '.join(sorted(kinds)) or 'treatment'} list complete to {context.today.isoformat()}?"
        needs = [
            Need("treatments", each, tuple(id for id in asked if treatment_kind(context, id) == each))
            for each in sorted(kinds)
        ]
        return both(
            [absence(context, need, until=until, change=change, text=text) for need in needs or [Need("treatments")]]
        )
    if kind is Kind.MEDICATION:
        text = f"medication list complete to {context.today.isoformat()}?"
        return absence(context, Need("medications", "", asked), until=until, change=change, text=text, cost="ask")
    if kind is Kind.BIOMARKER:
        return unrecorded_marker(context, records, asked, until)
    if kind is Kind.DISEASE_STATUS:
        text = f"course of the disease (progression, recurrence, response) complete to {context.today.isoformat()}?"
        return absence(context, Need("disease_status"), until=until, change=change, text=text)
    return unrecorded_condition(context, records, asked, until, name)


def _kinds_tested(records: t.Records) -> set[str]:
    for item in records.tests:
        if item.field == "kind" and isinstance(item.test, t.Code):
            return {item.test.code}
    return set()


def _lines(context: Context, records: t.Records, history: bool) -> Iterable[Candidate]:
    return line_candidates(context, records, line_matches(context, records))


def line_matches(context: Context, records: t.Records) -> dict[str, Finding]:
    """For each drug record, whether it makes its line one of those asked for: by its drug, outcome and response."""
    systemic = records.concepts.is_any or records.concepts.names == ("systemic",)
    tests_ = tuple(item for item in records.tests if item.field in ("outcome", "response"))
    concepts = t.Concepts.of(t.ANY) if systemic else records.concepts
    pattern = t.Records(Kind.TREATMENT, concepts, records.other_than, tests_)
    found = {candidate.fact.id: candidate.finding for candidate in treatments(context, pattern, False)}
    return {item.id: found.get(item.id, not_met(Change.NEVER)) for item in context.patient.treatments}
