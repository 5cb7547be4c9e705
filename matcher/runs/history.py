"""How statuses changed since the run before, and what caused each change.

A run is compared, document by document, with the latest finished run that asked the same kind of question no later:
a question about last year does not undo the status of today.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Q
from django.utils import timezone

from matcher.models import Match, MatchRun, RunVersion, Shard, Status, StatusChange
from patients.models import ChangeLog
from patients.selectors import registry_patients
from trials.models import Version


def previous_of(run: MatchRun, version: Version) -> RunVersion | None:
    """The same document in the latest finished run of the registry with which this run can be compared."""
    earlier = RunVersion.objects.filter(
        run__registry_id=run.registry_id,
        run__state=MatchRun.State.FINISHED,
        run__as_of_kind=run.as_of_kind,
        run__known_at__lte=run.known_at,
        version__document_id=version.document_id,
    )
    if run.as_of_kind == MatchRun.AsOf.DATE:
        earlier = earlier.filter(run__as_of__lte=run.as_of)
    return earlier.exclude(run_id=run.pk).order_by("-run__as_of", "-run__known_at", "-run_id").first()


@dataclass(frozen=True, slots=True)
class _Cause:
    cause: str
    detail: str = ""


def changes_of(
    shard: Shard, run_versions: Sequence[RunVersion], statuses: Mapping[tuple[int, int], str]
) -> Iterator[StatusChange]:
    """The status changes of a shard. `statuses` holds every pair it evaluated: patient and version to status.

    A pair without a match row in the run before was not eligible there, or the patient was not there at all.
    """
    run = shard.run
    patients = sorted({patient for patient, _ in statuses})
    by_run: dict[int, list[tuple[RunVersion, RunVersion]]] = defaultdict(list)
    for run_version in run_versions:
        if run_version.previous is not None:
            by_run[run_version.previous.run_id].append((run_version, run_version.previous))
    now = timezone.now()
    for group in by_run.values():
        before = group[0][1].run
        known = set(
            registry_patients(run.registry, known_at=before.known_at)
            .filter(pk__gte=shard.first_patient, pk__lte=shard.last_patient)
            .values_list("pk", flat=True)
        )
        old = {
            (patient, version): status
            for patient, version, status in Match.objects.filter(
                run=before, patient__gte=shard.first_patient, patient__lte=shard.last_patient
            ).values_list("patient_id", "version_id", "status")
        }
        causes = _Causes(run, before, shard)
        for run_version, previous in group:
            for patient in patients:
                is_known = patient in known
                earlier = old.get((patient, previous.version_id), Status.NOT_ELIGIBLE)
                was = str(earlier) if is_known else ""
                is_ = statuses[patient, run_version.version_id]
                if was == is_ or (not is_known and is_ == Status.NOT_ELIGIBLE):
                    continue
                found = (
                    causes.of(patient, run_version, previous) if is_known else _Cause(StatusChange.Cause.NEW_PATIENT)
                )
                yield StatusChange(
                    run=run,
                    shard=shard,
                    patient_id=patient,
                    document_id=run_version.version.document_id,
                    version=run_version.version,
                    from_status=was,
                    to_status=is_,
                    cause=found.cause,
                    detail=found.detail,
                    at=now,
                )


class _Causes:
    """What differs between two runs, for the patients of a shard; of several causes the most telling is named."""

    def __init__(self, run: MatchRun, before: MatchRun, shard: Shard) -> None:
        since = ChangeLog.objects.filter(registry=run.registry, at__gt=before.known_at, at__lte=run.known_at)
        theirs = since.filter(
            Q(patient__gte=shard.first_patient, patient__lte=shard.last_patient), kind=ChangeLog.Kind.PATIENT
        )
        self.patients = dict(theirs.order_by("id").values_list("patient_id", "cause"))
        self.registry = (
            since.filter(kind=ChangeLog.Kind.REGISTRY).order_by("id").values_list("cause", flat=True).last() or ""
        )
        self.policy = run.policy != before.policy
        self.vocabulary = run.vocabulary != before.vocabulary
        self.engine = run.engine != before.engine

    def of(self, patient: int, run_version: RunVersion, previous: RunVersion) -> _Cause:
        """What changed the status of a patient whom both runs hold."""
        if previous.version_id != run_version.version_id:
            return _Cause(StatusChange.Cause.NEW_VERSION, f"version {run_version.version.number}")
        if patient in self.patients:
            return _Cause(StatusChange.Cause.FACTS, self.patients[patient])
        if self.policy:
            return _Cause(StatusChange.Cause.POLICY, self.registry)
        if self.vocabulary:
            return _Cause(StatusChange.Cause.VOCABULARY)
        return _Cause(StatusChange.Cause.ENGINE if self.engine else StatusChange.Cause.TIME)
