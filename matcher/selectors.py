"""Reading the answers that are stored: runs and their progress, matches, counts, funnels, the history of statuses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from matcher.engine import TrialResult, deceased, evaluate_trial
from matcher.engine.bulk.settling import MissingFact
from matcher.engine.wire import summary_json
from matcher.models import Match, MatchRun, Shard, StatusChange
from matcher.runs.counting import counts_of
from matcher.runs.evaluating import Question
from matcher.runs.settling import matches_held
from matcher.runs.standing import asked_versions, standing_counts
from patients.models import Patient, Registry
from patients.selectors import keyed_patient_records
from trials.models import Document


def latest_run(registry: Registry) -> MatchRun | None:
    """The latest finished run of the standing question of a registry, or of any before the first; else None."""
    found = MatchRun.objects.filter(registry=registry, state=MatchRun.State.FINISHED).order_by("-id")
    return found.filter(kind=MatchRun.Kind.STANDING).first() or found.first()


def standing_versions(registry: Registry) -> set[int]:
    """The versions (by key) about which every patient of a registry has a current answer; no row is one too."""
    return set(standing_counts(registry).values_list("version_id", flat=True))


def current_matches(registry: Registry) -> QuerySet[Match]:
    """The matches that hold now: the answers to the standing question of a registry."""
    return (
        Match.objects.filter(current=True, run__registry=registry)
        .select_related("patient", "version__document", "run")
        .defer("version__content")
    )


def matches_of(run: MatchRun) -> QuerySet[Match]:
    """The matches of a run, by trial and patient; of a standing run those that held when it was done.

    A row says as of which day it was found: it held from then on, and was found again whenever it was asked.
    """
    return (
        matches_held(run)
        .select_related("patient", "version__document")
        .defer("version__content")
        .order_by("version__document__code", "patient__patient_id")
    )


def match_json(match: Match, *, registry: str) -> dict[str, Any]:
    """A match row as commands and the API give it (DESIGN §8)."""
    return {
        "registry": registry,
        "patient_id": match.patient.patient_id,
        "trial": match.version.document.code,
        "version": match.version.number,
        "as_of": match.as_of.isoformat(),
        "status": match.status,
        "offered": match.offered,
        "cohort": match.cohort or None,
        "cohorts": match.cohorts,
        "needs": match.needs or None,
        "missing": match.missing,
        "to_read": match.to_read,
        "clears_on": match.clears_on.isoformat() if match.clears_on is not None else None,
    }


def missing_fact_json(fact: MissingFact) -> dict[str, Any]:
    """A missing fact with how far it reaches, as commands and the API give it."""
    reaches = {"settles": fact.settles, "asked": fact.asked}
    return {
        "id": fact.id, "kind": fact.kind, "concepts": list(fact.concepts), "attribute": fact.attribute,
        "window": fact.window, "text": fact.text,
        **{
            name: {"pairs": reach.pairs, "patients": reach.patients, "trials": len(reach.trials)}
            for name, reach in reaches.items()
        },
    }  # fmt: skip


def not_eligible_json(run: MatchRun) -> Iterator[dict[str, Any]]:
    """The pairs of a run of which no row is stored, evaluated again from what the run names."""
    registry = run.registry
    question = Question.of(run, asked_versions(run))
    stored = set(matches_of(run).order_by().values_list("patient_id", "version_id"))
    for key, record in keyed_patient_records(registry, known_at=run.known_at):
        as_of = question.day_of(record)
        for asked in question.versions:
            version = asked.version
            if (key, version.pk) in stored:
                continue
            result: TrialResult = evaluate_trial(
                asked.document, record, as_of=as_of, version=version.number, open_here=asked.open_here
            )
            yield {
                "registry": registry.name,
                "patient_id": record.patient_id,
                "trial": version.document.code,
                "version": version.number,
                "as_of": as_of.isoformat(),
                **{name: value for name, value in summary_json(result).items() if name != "version"},
                "deceased": deceased(record, as_of),
            }


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is, in patients; at what rate, and how many seconds are left at that, once there is a rate."""

    state: str
    done: int
    total: int
    per_second: float | None = None
    seconds_left: int | None = None


def progress_of(run: MatchRun) -> Progress:
    """The progress of a run as its rows say, whoever works on it."""
    run.refresh_from_db(fields=["state", "patients", "shards_done", "shards_total", "started_at", "finished_at"])
    done = sum(run.shards.filter(state=Shard.State.DONE).values_list("patients", flat=True))
    return progress_at(run, done)


def progress_at(run: MatchRun, done: int) -> Progress:
    """The progress of a run with so many patients done."""
    if not done or run.started_at is None:
        return Progress(run.state, done, run.patients)
    seconds = ((run.finished_at or timezone.now()) - run.started_at).total_seconds()
    rate = done / seconds if seconds > 0 else None
    left = round((run.patients - done) / rate) if rate and not run.has_ended else None
    return Progress(run.state, done, run.patients, round(rate, 1) if rate else None, left)


#: The runs whose rows are answers: of a standing run each shard counts when it is stored, of any other all at the end.
TOLD = Q(run__state=MatchRun.State.FINISHED) | Q(run__kind=MatchRun.Kind.STANDING)


def status_history(patient: Patient, *, document: Document | None = None) -> QuerySet[StatusChange]:
    """How the statuses of a patient changed, newest first."""
    found = StatusChange.objects.filter(TOLD, patient=patient)
    if document is not None:
        found = found.filter(document=document)
    return found.select_related("document", "version", "run").defer("version__content")


def changes_of_run(run: MatchRun) -> QuerySet[StatusChange]:
    """What a run found otherwise than it stood, by trial and patient."""
    found = StatusChange.objects.filter(TOLD, run=run)
    return (
        found.select_related("document", "version", "patient")
        .defer("version__content")
        .order_by("document__code", "patient__patient_id")
    )


__all__ = [
    "TOLD",
    "Progress",
    "changes_of_run",
    "counts_of",
    "current_matches",
    "latest_run",
    "match_json",
    "matches_of",
    "missing_fact_json",
    "not_eligible_json",
    "progress_at",
    "progress_of",
    "standing_versions",
    "status_history",
]
