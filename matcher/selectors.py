"""Reading the answers that are stored: runs and their progress, matches, counts, funnels, the history of statuses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Max, Q, QuerySet

from matcher.engine import TrialResult, deceased, evaluate_trial
from matcher.engine.wire import summary_json
from matcher.models import Match, MatchRun, RunVersion, Status, StatusChange, TrialCount
from matcher.runs.asking import DATA_THROUGH, day_of
from patients.models import Patient, Registry
from patients.selectors import keyed_patient_records
from trials.criteria.documents import TrialDocument
from trials.models import Document, Version


def latest_run(registry: Registry, *, document: Document | None = None) -> MatchRun | None:
    """The latest finished run of a registry (that evaluated a document), or None before the first."""
    found = MatchRun.objects.filter(registry=registry, state=MatchRun.State.FINISHED)
    if document is not None:
        found = found.filter(run_versions__version__document=document)
    return found.order_by("-id").first()


def current_runs(registry: Registry) -> dict[int, int]:
    """Of each version in force (by key) the latest finished run of a registry that evaluated it.

    A run of one trial leaves what an earlier run found for the others.
    """
    found = (
        RunVersion.objects.filter(
            run__registry=registry, run__state=MatchRun.State.FINISHED, version__superseded_at__isnull=True
        )
        .values("version_id")
        .annotate(latest=Max("run_id"))
    )
    return {row["version_id"]: row["latest"] for row in found}


def current_matches(registry: Registry) -> QuerySet[Match]:
    """The matches that hold now: of each version in force those of the latest finished run that evaluated it."""
    runs = current_runs(registry)
    if not runs:
        return Match.objects.none()
    pairs = reduce(or_, (Q(run_id=run, version_id=version) for version, run in runs.items()))
    return Match.objects.filter(pairs).select_related("patient", "version__document", "run").defer("version__content")


def matches_of(run: MatchRun) -> QuerySet[Match]:
    """The matches of a run: best status first, then by trial and patient."""
    return (
        Match.objects.filter(run=run)
        .select_related("patient", "version__document")
        .defer("version__content")
        .order_by("version__document__code", "patient__patient_id")
    )


def counts_of(run: MatchRun) -> QuerySet[TrialCount]:
    """What a finished run counted, by trial."""
    return TrialCount.objects.filter(run=run).select_related("version__document").defer("version__content")


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


def not_eligible_json(run: MatchRun) -> Iterator[dict[str, Any]]:
    """The pairs of a run of which no row is stored, evaluated again from what the run names."""
    registry = run.registry
    asked = DATA_THROUGH if run.as_of_kind == MatchRun.AsOf.DATA_THROUGH else run.as_of
    run_versions = list(run.run_versions.select_related("version__document").order_by("version__document__code"))
    stored = set(Match.objects.filter(run=run).values_list("patient_id", "version_id"))
    for key, record in keyed_patient_records(registry, known_at=run.known_at):
        as_of = day_of(asked, record, otherwise=run.as_of)
        for run_version in run_versions:
            version = run_version.version
            if (key, version.pk) in stored:
                continue
            document = version.parsed
            assert isinstance(document, TrialDocument)  # a run takes nothing else
            result: TrialResult = evaluate_trial(
                document, record, as_of=as_of, version=version.number, open_here=run_version.open_here
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
    """How far a run is, in patients."""

    state: str
    done: int
    total: int


def progress_of(run: MatchRun) -> Progress:
    """The progress of a run as its rows say, whoever works on it."""
    run.refresh_from_db(fields=["state", "patients", "shards_done", "shards_total"])
    done = sum(run.shards.filter(state="done").values_list("patients", flat=True))
    return Progress(run.state, done, run.patients)


def status_history(patient: Patient, *, document: Document | None = None) -> QuerySet[StatusChange]:
    """How the statuses of a patient changed, newest first, as finished runs found them."""
    found = StatusChange.objects.filter(patient=patient, run__state=MatchRun.State.FINISHED)
    if document is not None:
        found = found.filter(document=document)
    return found.select_related("document", "version", "run").defer("version__content")


def changes_of_run(run: MatchRun) -> QuerySet[StatusChange]:
    """What a finished run found otherwise than the run before it, by trial and patient."""
    found = StatusChange.objects.filter(run=run, run__state=MatchRun.State.FINISHED)
    return (
        found.select_related("document", "version", "patient")
        .defer("version__content")
        .order_by("document__code", "patient__patient_id")
    )


def status_of(run: MatchRun, *, patient: Patient, version: Version) -> str:
    """The status of a pair in a finished run; a pair without a row was not eligible."""
    found = Match.objects.filter(run=run, patient=patient, version=version).values_list("status", flat=True).first()
    return found or Status.NOT_ELIGIBLE
