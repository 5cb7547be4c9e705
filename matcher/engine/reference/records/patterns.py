"""Any pattern of records: which match, and whether one more may exist that nobody recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from matcher.engine.change import CHANGE_OF_ABSENCE
from matcher.engine.reference.algebra import both, either
from matcher.engine.reference.context import Context
from matcher.engine.reference.days import Course
from matcher.engine.reference.records import disease as dz
from matcher.engine.reference.records.biomarkers import biomarkers, unrecorded_marker
from matcher.engine.reference.records.conditions import conditions, unrecorded_condition
from matcher.engine.reference.records.coverage import Need, absence, list_complete, treatment_kinds
from matcher.engine.reference.records.diagnoses import diagnoses
from matcher.engine.reference.records.fields import (
    Candidate,
    codes_of,
    days_upto,
    is_another,
    met,
    not_met,
    site_test,
    tests,
)
from matcher.engine.reference.records.lines import is_every_line, line_candidates
from matcher.engine.reference.records.treatments import drugs, medications, treatments
from matcher.engine.results import Finding, unknown
from matcher.engine.truth import Change, Reason, Truth
from patients.facts import CODED, CodeRelation, Fact, Medication, Treatment, code_relation
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


def half_life(context: Context, fact: Fact) -> float | None:
    """The half-life in hours of the drug a record names, None where it is not known or the record not certain."""
    concepts: tuple[str, ...] = getattr(fact, "concepts", ())
    if len(concepts) != 1 or not isinstance(fact, Treatment | Medication):
        return None
    return context.vocabulary.half_life_hours(concepts[0])


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
        of_it = dz.belongs(context, event.diagnosis)
        if of_it is Truth.UNKNOWN:
            named.append(unknown(Reason.IMPRECISE, evidence=(evidence,)))
        elif of_it is Truth.NOT_MET:
            named.append(not_met(Change.NEVER))
        if is_another(named):
            continue
        special = {"site": site_test(context, event, event.sites, Kind.DISEASE_STATUS)}
        parts = [*named, *tests(context, records, event, special)] or [met(Change.NEVER, evidence)]
        yield Candidate(event, Course.event(days_upto(event.date, context)), both(parts), evidence)


def unrecorded(context: Context, records: t.Records, until: int) -> Finding:
    """The finding that no record beyond those known matches a pattern: *not met* where silence is a statement."""
    kind = records.kind
    change = CHANGE_OF_ABSENCE[kind]
    asked: tuple[str, ...] = ()
    if not records.concepts.is_any and kind is not Kind.DISEASE_STATUS:
        words = [n for n in records.concepts.names if n not in (t.THIS_CANCER, t.THIS_TREATMENT)]
        asked = tuple(id for word in words for id in context.named(word, CONCEPT_DOMAINS[kind]))
    if t.THIS_TREATMENT in records.concepts.names:
        return not_met(Change.NEVER)
    if kind is Kind.DRUG:
        return either([
            unrecorded(context, replace(records, kind=Kind.TREATMENT, tests=()), until),
            unrecorded(context, replace(records, kind=Kind.MEDICATION, tests=()), until),
        ])  # fmt: skip
    if kind in (Kind.TREATMENT, Kind.LINE):
        return _unrecorded_treatment(context, records, asked, until)
    if kind is Kind.MEDICATION:
        text = f"medication list complete to {context.today.isoformat()}?"
        return absence(context, Need("medications", "", asked), until=until, change=change, text=text, cost="ask")
    if kind is Kind.BIOMARKER:
        return unrecorded_marker(context, records, asked)
    if kind is Kind.DISEASE_STATUS:
        text = f"course of the disease (progression, recurrence, response) complete to {context.today.isoformat()}?"
        return absence(context, Need("disease_status"), until=until, change=change, text=text)
    return unrecorded_condition(context, records, asked, until)


def _unrecorded_treatment(context: Context, records: t.Records, asked: tuple[str, ...], until: int) -> Finding:
    """One more treatment may be of any kind that the asked concepts are; the record must be complete for each."""
    tested = next((frozenset(codes_of(item.test)) for item in records.tests if item.field == "kind"), frozenset())
    if records.kind is Kind.LINE:
        tested = frozenset({"drug"})
    found = {id: treatment_kinds(context, id) for id in asked}
    kinds = {kind for each in found.values() for kind in each} & (tested or _ALL_KINDS) if asked else set(tested)
    needs = [
        Need("treatments", kind, tuple(id for id in asked if kind in found[id])) for kind in sorted(kinds)
    ] or [Need("treatments", "", asked)]  # fmt: skip
    change = CHANGE_OF_ABSENCE[records.kind]
    return either([
        absence(context, need, until=until, change=change, text=list_complete(context, need.kind)) for need in needs
    ])  # fmt: skip


_ALL_KINDS = frozenset(CODED["treatment_kind"])


def _lines(context: Context, records: t.Records, history: bool) -> Iterable[Candidate]:
    return line_candidates(context, records, line_matches(context, records))


def line_matches(context: Context, records: t.Records) -> dict[str, Finding]:
    """For each drug record, whether it makes its line one of those asked for: by its drug, outcome and response."""
    tests_ = tuple(item for item in records.tests if item.field in ("outcome", "response"))
    concepts = t.Concepts.of(t.ANY) if is_every_line(records.concepts) else records.concepts
    pattern = t.Records(Kind.TREATMENT, concepts, records.other_than, tests_)
    # A drug with which several of the regimens asked for begin need be that of one only.
    found: dict[str, list[Finding]] = {}
    for candidate in treatments(context, pattern, False):
        found.setdefault(candidate.fact.id, []).append(candidate.finding)
    return {
        item.id: either(found[item.id]) if item.id in found else not_met(Change.NEVER)
        for item in context.patient.treatments
    }
