"""Questions answered when they are asked: one patient against the shelf, and one rule over a registry.

Nothing of these is stored. As-of, known-at and versions say what an answer rests on; with these it is had again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from matcher.engine import (
    Finding,
    OptionResult,
    TrialResult,
    deceased,
    evaluate_rule,
    evaluate_trial,
    option_json,
    rank_options,
    trial_json,
)
from matcher.engine.truth import Truth
from matcher.engine.wire import evaluation_json
from matcher.runs.asking import DATA_THROUGH, AsOf, day_of, today_in
from patients import facts
from patients.models import Patient, Registry
from patients.selectors import patient_record, patient_records, settled_instant
from patients.vocabulary import default
from trials.criteria import tree as t
from trials.criteria.checks import Finding as CheckFinding
from trials.criteria.checks import Severity, check_rule
from trials.criteria.documents import OptionDocument, TrialDocument
from trials.criteria.documents.definitions import NO_DEFINITIONS
from trials.criteria.english import english
from trials.criteria.parser import parse
from trials.criteria.printing import print_rule
from trials.models import Version
from trials.selectors import versions_in_force


@dataclass(frozen=True, slots=True)
class Explanation:
    """One patient against trials and options, with everything that decided.

    `versions` holds the version behind each result, by the id of its document.
    """

    registry: str
    patient_id: str
    as_of: date
    known_at: datetime
    deceased: bool
    record: facts.Patient
    trials: tuple[TrialResult, ...]
    options: tuple[OptionResult, ...]
    versions: Mapping[str, Version] = field(default_factory=dict)

    def as_json(self, *, only: str | None = None) -> dict[str, Any]:
        """The explanation as commands and the API give it; `only` leaves the other trials out."""
        return {
            "registry": self.registry,
            "patient_id": self.patient_id,
            "as_of": self.as_of.isoformat(),
            "known_at": self.known_at.isoformat(),
            "deceased": self.deceased,
            "trials": [trial_json(result) for result in self.trials if only in (None, result.document)],
            "options": [option_json(result) for result in self.options],
        }


def explain(
    patient: Patient,
    *,
    as_of: AsOf = None,
    known_at: datetime | None = None,
    versions: Sequence[Version] | None = None,
) -> Explanation:
    """A patient against versions (default: all in force), with what was known at an instant (default: now).

    Closed trials are in it too. Options are read against the trials that are evaluated with them.
    """
    registry = patient.registry
    known_at = known_at or settled_instant(registry)
    record = patient_record(patient, known_at=known_at)
    day = day_of(as_of, record, otherwise=today_in(registry, at=known_at))
    chosen = list(versions_in_force() if versions is None else versions)
    trials: list[TrialResult] = []
    shelf: list[tuple[OptionDocument, int]] = []
    for version in chosen:
        document = version.parsed
        if isinstance(document, TrialDocument):
            open_here = version.document.open_here
            trials.append(evaluate_trial(document, record, as_of=day, version=version.number, open_here=open_here))
        else:
            shelf.append((document, version.number))
    return Explanation(
        registry=registry.name,
        patient_id=patient.patient_id,
        as_of=day,
        known_at=known_at,
        deceased=deceased(record, day),
        record=record,
        trials=tuple(trials),
        options=rank_options(shelf, record, as_of=day, trials=trials),
        versions={version.document.code: version for version in chosen},
    )


class RuleRefused(ValueError):
    """A rule that can be read and still means nothing; `findings` says why, each with a remedy."""

    def __init__(self, findings: Iterable[CheckFinding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(map(str, self.findings)))


@dataclass(frozen=True, slots=True)
class RuleReading:
    """A rule that was read: as the language prints it, in English, and what the checks only warn about."""

    tree: t.Rule
    text: str
    english: str
    warnings: tuple[CheckFinding, ...]


def read_rule(text: str) -> RuleReading:
    """Read a rule as if it stood alone in a document. Raises RuleError with the place, RuleRefused with findings."""
    tree = parse(text)
    found = check_rule(tree, NO_DEFINITIONS, default())
    if any(finding.severity is Severity.ERROR for finding in found):
        raise RuleRefused(found)
    return RuleReading(tree, print_rule(tree), english(tree, default()), tuple(found))


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A rule over registries: the answer of each patient, and those who had no date of their own."""

    reading: RuleReading
    as_of: str
    known_at: datetime
    answers: tuple[tuple[str, str, Finding], ...]
    undated: int

    @property
    def counts(self) -> dict[str, int]:
        """How many patients have each truth, met first."""
        words = [finding.truth.word for _, _, finding in self.answers]
        return {truth.word: words.count(truth.word) for truth in reversed(Truth)}

    def as_json(self) -> dict[str, Any]:
        """As commands and the API give it."""
        found = evaluation_json(
            self.reading.text, self.reading.english, self.as_of, [(id, finding) for _, id, finding in self.answers]
        )
        for row, (registry, _, _) in zip(found["patients"], self.answers, strict=True):
            row["registry"] = registry
        return {**found, "known_at": self.known_at.isoformat(), "undated": self.undated}


def evaluate_over(
    reading: RuleReading,
    registries: Sequence[Registry],
    *,
    as_of: AsOf = None,
    known_at: datetime | None = None,
    told: Callable[[int], None] = lambda done: None,
) -> Evaluation:
    """Try a rule on every patient of some registries, the dead among them. `told` hears how many are done."""
    known_at = known_at or settled_instant()
    answers: list[tuple[str, str, Finding]] = []
    undated = 0
    days: set[date] = set()
    for registry in registries:
        otherwise = today_in(registry, at=known_at)
        days.add(as_of if isinstance(as_of, date) else otherwise)
        for record in patient_records(registry, known_at=known_at):
            day = day_of(as_of, record, otherwise=otherwise)
            undated += as_of == DATA_THROUGH and record.data_through is None
            finding = evaluate_rule(reading.tree, record, as_of=day)
            answers.append((registry.name, record.patient_id, finding))
            told(len(answers))
    said = DATA_THROUGH if as_of == DATA_THROUGH else " / ".join(sorted(day.isoformat() for day in days))
    return Evaluation(reading, said, known_at, tuple(answers), undated)
