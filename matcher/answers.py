"""Questions answered when they are asked: one patient against the shelf, and one rule over a registry.

Nothing of these is stored. As-of, known-at and versions say what an answer rests on; with these it is had again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db.models import QuerySet

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
    vital_conflict,
)
from matcher.engine.truth import Truth
from matcher.engine.wire import evaluation_json
from matcher.models import MatchRun
from matcher.runs.asking import DATA_THROUGH, AsOf, day_of, today_in
from matcher.runs.standing import asked_versions
from patients import facts
from patients.models import Patient, Registry
from patients.selectors import patient_record, patient_records, settled_instant
from patients.vocabulary import default
from patients.wording import conflict_text
from trials.criteria import tree as t
from trials.criteria.checks import Finding as CheckFinding
from trials.criteria.checks import Severity, check_rule
from trials.criteria.documents import OptionDocument, TrialDocument
from trials.criteria.documents.definitions import NO_DEFINITIONS
from trials.criteria.english import english
from trials.criteria.parser import parse
from trials.criteria.printing import print_rule
from trials.models import Version
from trials.selectors import closed_here_at, versions_in_force


@dataclass(frozen=True, slots=True)
class Explanation:
    """One patient against trials and options, with everything that decided.

    `versions` holds the version behind each result, by the id of its document; `closed_here` the ids of the trials
    that this site took nobody into. `vital_conflict`: the record says both that the patient lives and that they died.
    """

    registry: str
    patient_id: str
    as_of: date
    known_at: datetime
    deceased: bool
    vital_conflict: bool
    record: facts.Patient
    trials: tuple[TrialResult, ...]
    options: tuple[OptionResult, ...]
    versions: Mapping[str, Version] = field(default_factory=dict)
    closed_here: frozenset[str] = frozenset()

    @property
    def alive_or_dead(self) -> str:
        """What the record says of life and death where it contradicts itself; empty where it does not."""
        if not self.vital_conflict:
            return ""
        death = self.record.death
        return conflict_text(death.first, death.last) if death is not None else conflict_text(None, None)

    def as_json(self, *, only: str | None = None) -> dict[str, Any]:
        """The explanation as commands and the API give it; `only` leaves the other trials out."""
        return {
            "registry": self.registry,
            "patient_id": self.patient_id,
            "as_of": self.as_of.isoformat(),
            "known_at": self.known_at.isoformat(),
            "deceased": self.deceased,
            "vital_conflict": self.vital_conflict,
            "trials": [trial_json(result) for result in self.trials if only in (None, result.document)],
            "options": [option_json(result) for result in self.options],
        }


def explain(
    patient: Patient,
    *,
    as_of: AsOf = None,
    known_at: datetime | None = None,
    versions: Sequence[Version] | None = None,
    run: MatchRun | None = None,
) -> Explanation:
    """A patient against versions, as of a day, with what was known at an instant (default: now).

    Without `versions` the whole shelf is read as it stood at that instant. With `run` its date, its instant, its
    versions and what it held for open stand in place of these, so its answers are had again whatever was published,
    opened or closed since. Closed trials are in it too. Options are read against the trials evaluated with them.
    """
    registry = patient.registry
    if run is not None:
        known_at = run.known_at
        as_of = DATA_THROUGH if run.as_of_kind == MatchRun.AsOf.DATA_THROUGH else run.as_of
    shelf = _shelf_of(run) if run is not None else _shelf_at(known_at)
    known_at = known_at or settled_instant(registry)
    record = patient_record(patient, known_at=known_at)
    day = day_of(as_of, record, otherwise=run.as_of if run is not None else today_in(registry, at=known_at))
    chosen = list(shelf.versions() if versions is None else versions)
    trials: list[TrialResult] = []
    options: list[tuple[OptionDocument, int]] = []
    for version in chosen:
        document = version.parsed
        if isinstance(document, TrialDocument):
            open_here = shelf.open_here(version)
            trials.append(evaluate_trial(document, record, as_of=day, version=version.number, open_here=open_here))
        else:
            options.append((document, version.number))
    return Explanation(
        registry=registry.name,
        patient_id=patient.patient_id,
        as_of=day,
        known_at=known_at,
        deceased=deceased(record, day),
        vital_conflict=vital_conflict(record, day),
        record=record,
        trials=tuple(trials),
        options=rank_options(options, record, as_of=day, trials=trials),
        versions={version.document.code: version for version in chosen},
        closed_here=frozenset(version.document.code for version in chosen if not shelf.open_here(version)),
    )


@dataclass(frozen=True, slots=True)
class _Shelf:
    """The shelf at one time: what stood on it, and which of its trials this site took patients into."""

    versions: Callable[[], Iterable[Version]]
    open_here: Callable[[Version], bool]


def _shelf_at(instant: datetime | None) -> _Shelf:
    """The shelf as it is, or as it was at an instant."""
    if instant is None:
        return _Shelf(lambda: _whole(versions_in_force()), lambda version: version.document.open_here)
    closed = closed_here_at(instant)
    return _Shelf(lambda: _whole(versions_in_force(at=instant)), lambda version: version.document_id not in closed)


def _shelf_of(run: MatchRun) -> _Shelf:
    """The trials that a run evaluated, and of the rest, which it did not name, what was in force when it started."""
    ran = {each.version.document_id: each for each in asked_versions(run)}
    around = _shelf_at(run.created_at)

    def versions() -> list[Version]:
        others = [version for version in around.versions() if version.document_id not in ran]
        return sorted([*(row.version for row in ran.values()), *others], key=lambda version: version.document.code)

    def open_here(version: Version) -> bool:
        row = ran.get(version.document_id)
        return row.open_here if row is not None else around.open_here(version)

    return _Shelf(versions, open_here)


def _whole(versions: QuerySet[Version]) -> QuerySet[Version]:
    # With their content: every one of them is evaluated.
    return versions.defer(None)


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
