"""A patient with an id and nothing else gets *unknown* for every rule in the library, under every policy (SEMANTICS §2.2)."""

from dataclasses import replace
from datetime import date

import pytest

from matcher.engine import evaluate_rule, evaluate_trial, rank_options
from matcher.engine.reference.documents.assess import knows_nothing_of
from patients.facts import DEFAULT_POLICIES, Patient, Policy
from tests.library_shelf import document, names
from tests.synthetic import TODAY
from trials.criteria.documents import TrialDocument
from trials.criteria.parser import parse

DOMAINS = ("conditions", "treatments", "medications", "observations", "biomarkers", "disease_status")
POLICIES = {
    "default": DEFAULT_POLICIES,
    "clinic": (
        *DEFAULT_POLICIES,
        Policy("treatments", "kind:drug", complete_when_present=True, needs_data_through=True),
    ),
    "cancer registry": (*DEFAULT_POLICIES, Policy("treatments")),
    "everything complete when present": tuple(Policy(domain, complete_when_present=True) for domain in DOMAINS),
}


def nobody(policy: str, **known: object) -> Patient:
    return replace(Patient(patient_id="P-1", policies=POLICIES[policy]), **known)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", names())
def test_every_rule_is_unknown(name, policy):
    shelf = document(name)
    # The day the data reach is known too: a clinic that sends a patient without a single fact.
    for who in (nobody(policy), nobody(policy, data_through=date(2026, 1, 10))):
        if isinstance(shelf, TrialDocument):
            result = evaluate_trial(shelf, who, as_of=TODAY)
            counted = {c.criterion.id: c.truth for c in result.criteria if c.criterion.rule is not None}
            assert result.status.value == "needs_information"
        else:
            (option,) = rank_options([(shelf, 1)], who, as_of=TODAY)
            counted = {s.statement.id: s.truth for s in option.statements if s.statement.rule is not None}
        assert {id: truth.word for id, truth in counted.items() if truth is not None and truth.word != "unknown"} == {}


@pytest.mark.parametrize("name", names())
def test_publishing_asks_the_same(name):
    shelf = document(name)
    items = shelf.criteria if isinstance(shelf, TrialDocument) else shelf.statements
    found = {item.id: knows_nothing_of(shelf, item.id, as_of=TODAY) for item in items}
    assert {truth.word for truth in found.values() if truth is not None} <= {"unknown"}
    assert all((truth is None) == (item.rule is None) for item, truth in zip(items, found.values(), strict=True))


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(
    "rule", ["ecog is recorded", "age is recorded", "anc is recorded within 7 days", "not (ecog is recorded)"]
)
def test_is_recorded_is_met_or_unknown(rule, policy):
    assert evaluate_rule(parse(rule), nobody(policy), as_of=TODAY).truth.word == "unknown"
