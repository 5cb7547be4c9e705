"""Everything that speaks against publishing a document, told at once, each with a remedy.

Three kinds of finding: what the static checks see in the tree, what evaluation sees (a rule that is decided for a
patient of whom nothing is known), and what the document's own test patients see.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.utils import timezone

from matcher.engine import Truth, evaluate_rule
from matcher.publishing.patients import run_test_patients
from patients.actions import PRESET_POLICIES
from patients.facts import DEFAULT_POLICIES, Patient, Policy
from patients.models import RegistryPolicy
from patients.vocabulary import default
from trials.criteria.checks import Finding, Severity, check_document
from trials.criteria.documents import CriterionKind, Document, TrialDocument
from trials.criteria.documents.located import Places, read_yaml

#: Under each of these a patient with an id and nothing else is unknown (SEMANTICS §2.2).
POLICIES: dict[str, tuple[Policy, ...]] = {
    "default": DEFAULT_POLICIES,
    **{
        str(preset): tuple(
            Policy(
                domain=str(domain),
                scope=scope,
                complete_when_present=reading == RegistryPolicy.Reading.COMPLETE,
                needs_data_through=needs_data_through,
            )
            for domain, scope, reading, needs_data_through in rows
        )
        for preset, rows in PRESET_POLICIES.items()
    },
}

_STATUSES = ("potentially_eligible", "needs_information", "not_now", "not_eligible")


def examine(document: Document, *, text: str = "") -> list[Finding]:
    """What the checks, the evaluation and the test patients find; errors keep a document from being published.

    With the text it was read from, a finding of the checks names its line. A document that the static checks refuse is
    not evaluated: what its rules name may not exist.
    """
    found = check_document(document, default())
    if found and text:
        places = Places()
        read_yaml(text, places)
        found = check_document(document, default(), places=places)
    if any(finding.severity is Severity.ERROR for finding in found):
        return found
    return [*found, *_decided_for_nobody(document), *_tested(document)]


def _decided_for_nobody(document: Document) -> Iterator[Finding]:
    """Rules that are met or not met for a patient with an id and nothing else, under any policy."""
    holders = document.criteria if isinstance(document, TrialDocument) else document.statements
    today = timezone.localdate()
    for holder in holders:
        if holder.rule is None:
            continue
        for policies, name in {policies: name for name, policies in reversed(POLICIES.items())}.items():
            truth = evaluate_rule(
                holder.rule,
                Patient(policies=policies),
                as_of=today,
                definitions=tuple(document.definitions),
                windows=document.windows,
                cancer=document.cancer,
            ).truth
            if truth is not Truth.UNKNOWN:
                yield Finding(
                    code="decided-for-nobody",
                    severity=Severity.ERROR,
                    item=holder.id,
                    message=f"the rule is {truth.word.replace('_', ' ')} for a patient of whom nothing is known "
                    f"(policy: {name})",
                    remedy="ask for a fact that must be recorded before it can be decided",
                )
                break


def _tested(document: Document) -> Iterator[Finding]:
    if not document.test_patients:
        yield Finding(
            code="no-test-patient",
            severity=Severity.ERROR,
            message="the document has no test patient",
            remedy="add test_patients: with one for each answer it can give",
        )
    for failure in run_test_patients(document):
        yield Finding(
            code="test-patient",
            severity=Severity.ERROR,
            item=failure.field if failure.field not in {"status", "block"} else "",
            message=str(failure),
            remedy="mend the rule, or the patient if the rule is right",
        )
    if isinstance(document, TrialDocument) and document.test_patients:
        untested = set(_STATUSES) - {patient.expect["status"] for patient in document.test_patients}
        if any(criterion.kind is CriterionKind.NOT_STRUCTURED for criterion in document.criteria):
            # Only answers of a reader could make it so.
            untested.discard("potentially_eligible")
        if untested:
            yield Finding(
                code="untested-status",
                severity=Severity.WARNING,
                message=f"no test patient expects {' or '.join(sorted(untested))}",
                remedy="add one, unless the trial cannot give that status",
            )


__all__ = ["POLICIES", "examine", "run_test_patients"]
