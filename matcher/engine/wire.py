"""Results as the JSON that commands and the API give (DESIGN §8). One place, so that both always say the same."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from matcher.engine.reference.documents.assess import CohortResult, CriterionResult, TrialResult
from matcher.engine.reference.documents.missing import Entry
from matcher.engine.reference.documents.options import OptionResult, StatementResult
from matcher.engine.results import Evidence, Finding
from matcher.engine.truth import Truth
from trials.criteria.printing import print_rule


def _day(day: date | None) -> str | None:
    return day.isoformat() if day is not None else None


def _word(value: object | None) -> str | None:
    return str(value) if value is not None else None


def evidence_json(evidence: Evidence) -> dict[str, Any]:
    """One fact that was used."""
    return {
        "fact": evidence.fact, "value": evidence.value, "unit": evidence.unit, "date": evidence.date,
        "source": evidence.source,
    }  # fmt: skip


def missing_json(entry: Entry) -> dict[str, Any]:
    """One missing fact; alternatives of an `or` stand together."""
    first = entry.facts[0]
    return {
        "kind": first.kind,
        "concepts": list(dict.fromkeys(concept for fact in entry.facts for concept in fact.concepts)),
        "attribute": " or ".join(dict.fromkeys(fact.attribute for fact in entry.facts if fact.attribute)),
        "window": " or ".join(dict.fromkeys(fact.window for fact in entry.facts if fact.window)),
        "text": entry.text,
        "criteria": list(entry.criteria),
        "settles": entry.settles,
    }


def finding_json(finding: Finding) -> dict[str, Any]:
    """A node of the explanation with its parts."""
    return {
        "rule": print_rule(finding.rule) if finding.rule is not None else None,
        "truth": finding.truth.word,
        "reason": _word(finding.reason),
        "change": _word(finding.change),
        "note": finding.note,
        "evidence": [evidence_json(item) for item in finding.evidence],
        "missing": [fact.text for fact in finding.missing],
        "parts": [finding_json(part) for part in finding.parts],
    }


def criterion_json(result: CriterionResult) -> dict[str, Any]:
    """One criterion, its polarity applied."""
    criterion = result.criterion
    finding = result.finding
    return {
        "id": criterion.id,
        "text": criterion.text,
        "polarity": criterion.polarity.value,
        "kind": criterion.kind.value,
        "category": criterion.confirm.value if criterion.confirm is not None else None,
        "cohorts": list(criterion.cohorts),
        "rule": print_rule(criterion.rule) if criterion.rule is not None else None,
        "truth": result.truth.word if result.truth is not None else None,
        "reason": _word(result.reason),
        "change": _word(result.change),
        "clears_on": _day(result.clears_on),
        "note": finding.note if finding is not None else criterion.note or criterion.why,
        "overridden": result.overridden.word if result.overridden is not None else None,
        "evidence": [evidence_json(item) for item in result.evidence],
        "missing": [fact.text for fact in finding.missing] if finding is not None else [],
        "leaves": finding_json(finding) if finding is not None else None,
    }


def cohort_json(cohort: CohortResult) -> dict[str, Any]:
    """One cohort."""
    return {"id": cohort.id, "status": cohort.status.value, "open": cohort.open, "clears_on": _day(cohort.clears_on)}


def summary_json(result: TrialResult) -> dict[str, Any]:
    """What a match row says of a patient and a trial."""
    named = [cohort for cohort in result.cohorts if cohort.id]
    return {
        "version": result.version,
        "status": result.status.value,
        "offered": result.offered,
        "cohort": result.best.id or None,
        "cohorts": [cohort_json(cohort) for cohort in named],
        "needs": result.best.needs if result.status.value == "needs_information" else None,
        "missing": [missing_json(entry) for entry in result.best.missing],
        "to_read": [{"criterion": criterion, "question": question} for criterion, question in result.best.to_read],
        "clears_on": _day(result.best.clears_on),
    }


def trial_json(result: TrialResult) -> dict[str, Any]:
    """The explanation of a patient and a trial."""
    return {
        "id": result.document,
        **summary_json(result),
        "cancer": result.cancer,
        "criteria": [criterion_json(item) for item in result.criteria],
        "other_cancers": [trial_json(other) for other in result.others],
    }


def statement_json(result: StatementResult) -> dict[str, Any]:
    """One statement of an option."""
    statement, finding = result.statement, result.finding
    citation = statement.citation
    return {
        "id": statement.id,
        "kind": statement.kind.value,
        "strength": statement.strength.value if statement.strength is not None else None,
        "step": statement.step.value if statement.step is not None else None,
        "text": statement.text,
        "rule": print_rule(statement.rule) if statement.rule is not None else None,
        "truth": result.truth.word if result.truth is not None else None,
        "reason": _word(finding.reason) if finding is not None else None,
        "action": statement.action,
        "jurisdiction": statement.jurisdiction,
        "citation": {
            "source": citation.source, "sentences": list(citation.sentences), "figures": dict(citation.figures),
        } if citation is not None else None,
        "disagrees": [
            {"with": each.with_, "text": each.text, "figures": dict(each.figures), "source": each.source,
             "jurisdiction": each.jurisdiction}
            for each in statement.disagrees
        ],
        "evidence": [evidence_json(item) for item in finding.evidence] if finding is not None else [],
        "missing": [fact.text for fact in finding.missing] if finding is not None else [],
    }  # fmt: skip


def option_json(result: OptionResult) -> dict[str, Any]:
    """One option with its block, rank and statements."""
    return {
        "id": result.document.id,
        "name": result.document.name,
        "version": result.version,
        "rank": result.rank,
        "block": result.block.value,
        "strength": result.strength.value if result.strength is not None else None,
        "missing": [missing_json(entry) for entry in result.missing],
        "statements": [statement_json(item) for item in result.statements],
    }


def evaluation_json(rule: str, english: str, as_of: str, answers: Sequence[tuple[str, Finding]]) -> dict[str, Any]:
    """A rule tried over a registry: counts and the truth of each patient."""
    counts = {truth.word: 0 for truth in reversed(Truth)}
    for _, finding in answers:
        counts[finding.truth.word] += 1
    return {
        "rule": rule,
        "english": english,
        "as_of": as_of,
        "counts": counts,
        "patients": [
            {"patient_id": patient_id, "truth": finding.truth.word, "reason": _word(finding.reason)}
            for patient_id, finding in answers
        ],
    }
