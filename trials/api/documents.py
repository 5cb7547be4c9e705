"""A frozen document as JSON: what it holds, each rule as it was written and in plain English.

The source map and the test patients stay inside: they say how the document was made, not what it asks.
"""

from __future__ import annotations

from typing import Any

from patients.vocabulary import default
from trials.criteria import documents as d
from trials.criteria.english import english, english_definition
from trials.criteria.printing import print_concepts, print_definition, print_rule
from trials.models import Version


def version_json(version: Version) -> dict[str, Any]:
    """A version in full: `document` and its content of either kind."""
    parsed = version.parsed
    own = (
        _trial(parsed, open_here=version.document.open_here) if isinstance(parsed, d.TrialDocument) else _option(parsed)
    )
    return {
        "id": parsed.id,
        "version": version.number,
        "in_force": version.is_published,
        "frozen_at": version.frozen_at,
        "superseded_at": version.superseded_at,
        "author": version.author_name,
        "reviewer": version.reviewer_name,
        "content_hash": version.content_hash,
        "cancer": print_concepts(parsed.cancer),
        "definitions": [
            {"rule": print_definition(each), "english": english_definition(each, default())}
            for each in parsed.definitions
        ],
        "citations": [{"id": each.id, "text": each.text, "url": each.url} for each in parsed.citations],
        **own,
    }


def _trial(parsed: d.TrialDocument, *, open_here: bool) -> dict[str, Any]:
    return {
        "nct": parsed.nct or None,
        "acronym": parsed.acronym or None,
        "other_ids": list(parsed.other_ids),
        "title": parsed.title,
        "phase": parsed.phase or None,
        "sponsor": parsed.sponsor or None,
        "sites": list(parsed.sites),
        "conditions": list(parsed.conditions),
        "interventions": list(parsed.interventions),
        "recruitment": parsed.recruitment.value,
        "open_here": open_here,
        "offered": parsed.offered and open_here and (not parsed.cohorts or any(each.open for each in parsed.cohorts)),
        "never_offer_reason": parsed.never_offer_reason or None,
        "negative": parsed.negative,
        "source": {"registry": parsed.source.registry, "record": parsed.source.record, "note": parsed.source.note},
        "cohorts": [{"id": each.id, "title": each.title, "open": each.open} for each in parsed.cohorts],
        "criteria": [_criterion(each) for each in parsed.criteria],
        "results": [
            {
                "id": each.id or None,
                "kind": each.kind or None,
                "text": each.text,
                "figures": dict(each.figures),
                "citation": each.citation or None,
                "sentences": list(each.sentences),
            }
            for each in parsed.results
        ],
    }


def _criterion(criterion: d.Criterion) -> dict[str, Any]:
    rule = criterion.rule
    return {
        "id": criterion.id,
        "text": criterion.text,
        "polarity": criterion.polarity.value,
        "kind": criterion.kind.value,
        "category": criterion.confirm.value if criterion.confirm is not None else None,
        "cohorts": list(criterion.cohorts),
        "rule": print_rule(rule) if rule is not None else None,
        "english": english(rule, default()) if rule is not None else None,
        "note": criterion.note or criterion.why,
    }


def _option(parsed: d.OptionDocument) -> dict[str, Any]:
    return {"name": parsed.name, "statements": [_statement(each) for each in parsed.statements]}


def _statement(statement: d.Statement) -> dict[str, Any]:
    rule, citation = statement.rule, statement.citation
    return {
        "id": statement.id,
        "kind": statement.kind.value,
        "strength": statement.strength.value if statement.strength is not None else None,
        "step": statement.step.value if statement.step is not None else None,
        "text": statement.text,
        "rule": print_rule(rule) if rule is not None else None,
        "english": english(rule, default()) if rule is not None else None,
        "action": statement.action,
        "jurisdiction": statement.jurisdiction,
        "citation": {
            "source": citation.source,
            "sentences": list(citation.sentences),
            "figures": dict(citation.figures),
        }
        if citation is not None
        else None,
        "disagrees": [
            {
                "with": each.with_,
                "text": each.text,
                "figures": dict(each.figures),
                "source": each.source,
                "jurisdiction": each.jurisdiction,
            }
            for each in statement.disagrees
        ],
        "shared": statement.shared,
    }
