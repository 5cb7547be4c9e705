"""A document's own test patients: each is read like a patient of a registry, evaluated, and held to what it expects.

A document says in its test patients what its rules are to mean; a rule that says otherwise is never published.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from matcher.engine import (
    CriterionResult,
    Entry,
    OptionResult,
    TrialResult,
    Truth,
    UnknownWord,
    evaluate_trial,
    rank_options,
)
from patients.facts import folded
from patients.facts.records import Patient
from patients.intake.single import UnreadablePatient, read_patient
from trials.criteria.documents import Document, TestPatient, TrialDocument

_YES = frozenset({"yes", "true"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One thing that a test patient expects and the evaluation does not give. `why` names what decided."""

    patient: str
    field: str
    expected: str
    found: str
    why: str = ""

    def __str__(self) -> str:
        said = f"test patient {self.patient!r}: {self.field} is {self.found}, expected {self.expected}"
        return f"{said}: {self.why}" if self.why else said


def run_test_patients(document: Document) -> list[Failure]:
    """Evaluate every test patient of a document and tell each thing that is not as it expects."""
    return [failure for patient in document.test_patients for failure in _run(document, patient)]


def _run(document: Document, test: TestPatient) -> Iterator[Failure]:
    try:
        patient = read_patient(_typed(test.patient, test.as_of), today=test.as_of, document=document.id, version=0)
    except UnreadablePatient as problem:
        yield Failure(patient=test.name, field="the patient", expected="readable", found="not", why=str(problem))
        return
    try:
        if isinstance(document, TrialDocument):
            yield from _trial(document, test, patient)
        else:
            found = rank_options([(document, 0)], patient, as_of=test.as_of)[0]
            yield from _option(found, test)
    except UnknownWord as problem:
        yield Failure(patient=test.name, field="the document", expected="evaluable", found="not", why=str(problem))


def _typed(data: Mapping[str, Any], as_of: date) -> dict[str, Any]:
    """The cells of answers, policies and ranges, which stand as text in a document, as what their readers take."""
    found = dict(data)
    found["answers"] = [
        {**row, "truth": _is_yes(row.get("truth")), "override": _is_yes(row.get("override")), "on": _day(row, as_of)}
        for row in data.get("answers") or ()
    ]
    for name, flags in (("policies", ("complete_when_present", "needs_data_through")), ("ranges", ())):
        if data.get(name) is not None:
            found[name] = [
                {key: _is_yes(value) if key in flags else _cell(key, value) for key, value in row.items()}
                for row in data[name]
            ]
    return found


def _is_yes(value: object) -> bool:
    return folded(str(value)) in _YES


def _day(row: Mapping[str, Any], as_of: date) -> date:
    return date.fromisoformat(str(row["on"])) if row.get("on") else as_of


def _cell(key: str, value: object) -> object:
    if value is None:
        return None
    if key == "currency_days":
        return int(str(value))
    if key in ("low", "high", "age_from", "age_to"):
        return float(str(value))
    return date.fromisoformat(str(value)) if key in ("valid_from", "valid_to") else value


# --- trials ---


def _trial(document: TrialDocument, test: TestPatient, patient: Patient) -> Iterator[Failure]:
    result = evaluate_trial(document, patient, as_of=test.as_of)
    expect = test.expect

    def differs(field: str, expected: object, found: object, why: str = "") -> Failure:
        return Failure(patient=test.name, field=field, expected=_said(expected), found=_said(found), why=why)

    if expect["status"] != result.status.value:
        yield differs("status", expect["status"], result.status.value, _deciding(result))
    truths = {each.criterion.id: each for each in result.criteria}
    for id, expected in (expect.get("criteria") or {}).items():
        each = truths[id]
        if each.truth is None or each.truth.word != expected:
            found = each.truth.word if each.truth is not None else "without a truth"
            yield differs(id, expected, found, _criterion_why(each))
    if expect.get("cohort") and expect["cohort"] != result.best.id:
        yield differs("cohort", expect["cohort"], result.best.id)
    if expect.get("needs") and expect["needs"] != (result.best.needs or "nothing"):
        yield differs("needs", expect["needs"], result.best.needs or "nothing")
    if expect.get("offered") is not None and _is_yes(expect["offered"]) != result.offered:
        yield differs("offered", _is_yes(expect["offered"]), result.offered)
    clears = result.best.clears_on.isoformat() if result.best.clears_on is not None else "never"
    if expect.get("clears_on") and expect["clears_on"] != clears:
        yield differs("clears_on", expect["clears_on"], clears)
    for wanted in expect.get("missing") or ():
        if not _is_asked_for(str(wanted), result.best.missing):
            asked = "; ".join(entry.text for entry in result.best.missing) or "nothing"
            yield differs("missing", wanted, asked)
    to_read = sorted({id for id, _ in result.best.to_read})
    if expect.get("to_read") is not None and sorted(expect["to_read"]) != to_read:
        yield differs("to_read", sorted(expect["to_read"]), to_read)
    statuses = {cohort.id: cohort.status.value for cohort in result.cohorts}
    for id, expected in (expect.get("cohorts") or {}).items():
        if statuses.get(id) != expected:
            yield differs(f"cohort {id}", expected, statuses.get(id, "not there"))


def _is_asked_for(wanted: str, missing: Sequence[Entry]) -> bool:
    """Whether a fact is among the missing ones, by the concept, the attribute or the kind under which it is asked."""
    return any(
        folded(wanted) in {folded(name) for name in (*fact.concepts, fact.attribute, fact.kind)}
        for entry in missing
        for fact in entry.facts
    )


def _deciding(result: TrialResult) -> str:
    """The criteria behind a status: those not met, else those unknown."""
    if result.deceased:
        return "the patient is dead"
    for truth in (Truth.NOT_MET, Truth.UNKNOWN):
        found = [each for each in result.criteria if each.counted and each.truth is truth]
        if found:
            return "; ".join(_criterion_why(each) for each in found)
    if result.vital_conflict:
        return "the patient is said to live and to have died"
    return "every counted criterion is met"


def _criterion_why(result: CriterionResult) -> str:
    if result.truth is None:
        return f"{result.criterion.id} is a {result.criterion.kind.value}"
    how = str(result.reason or result.change or "")
    evidence = ", ".join(item.value for item in result.evidence[:3])
    wanted = ", ".join(fact.text for fact in result.finding.missing[:3]) if result.finding is not None else ""
    details = "; ".join(
        part for part in (how, evidence and f"from {evidence}", wanted and f"asks for {wanted}") if part
    )
    return f"{result.criterion.id} {result.truth.word}" + (f" ({details})" if details else "")


# --- options ---


def _option(result: OptionResult, test: TestPatient) -> Iterator[Failure]:
    expect = test.expect
    truths = {each.statement.id: each for each in result.statements}

    def differs(field: str, expected: object, found: object, why: str = "") -> Failure:
        return Failure(patient=test.name, field=field, expected=_said(expected), found=_said(found), why=why)

    if expect["block"] != result.block.value:
        told = "; ".join(
            f"{each.statement.id} {each.truth.word if each.truth is not None else 'always'}"
            for each in result.statements
            if each.statement.strength is not None or each.statement.kind.value == "must_not_use"
        )
        yield differs("block", expect["block"], result.block.value, told)
    strength = result.strength.value if result.strength is not None else "none"
    if expect.get("strength") and expect["strength"] != strength:
        yield differs("strength", expect["strength"], strength)
    for id, expected in (expect.get("statements") or {}).items():
        each = truths[id]
        found = each.truth.word if each.truth is not None else "without a truth"
        if found != expected:
            reason = str(each.finding.reason or "") if each.finding is not None else ""
            yield differs(id, expected, found, reason)


def _said(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "nothing"
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value or "none")
