"""Answers as they stand: found rows are compared with those that hold, and only the difference is written.

A patient whose digest is what it was costs nothing more. Of the others the current rows of a shard are read with one
query, compared as sets, and closed, kept or stored anew in the shard's transaction. Counts are brought up to date when
the run finishes; a run of some patients counts them as they were, and as they are, and adds the difference.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Q, QuerySet

from matcher.models import Match, MatchRun, PatientStanding, RunVersion, Shard, Status, TrialCount
from matcher.runs.evaluating import AskedVersion, Found, Question, Row, mixed
from matcher.runs.storing import BATCH, insert
from patients.models import Registry
from trials.models import Version

#: Keys in one condition of a statement.
KEYS = 5000


def held_at(run: MatchRun) -> Q:
    """The rows (of matches or counts) of the standing question that held when a standing run was done."""
    return Q(run__registry=run.registry_id, run__kind=MatchRun.Kind.STANDING, run_id__lte=run.pk) & (
        Q(replaced_by__isnull=True) | Q(replaced_by__gt=run.pk)
    )


def standing_counts(registry: Registry | int) -> QuerySet[TrialCount]:
    """What counts now for each trial of the standing question of a registry."""
    return TrialCount.objects.filter(current=True, run__registry=registry)


def _asked(run: MatchRun) -> QuerySet[RunVersion] | QuerySet[TrialCount]:
    """The rows that name the versions of a run: its own, or where it asks about all that stood the counts of those."""
    if run.scope == MatchRun.Scope.PATIENTS:
        return TrialCount.objects.filter(held_at(run)).order_by("version__document__code")
    return RunVersion.objects.filter(run=run).order_by("version__document__code")


def asked_versions(run: MatchRun) -> list[AskedVersion]:
    """The versions that a run evaluates, and whether each was open here.

    A run of some patients asks about every version that stood, and names none.
    """
    rows = _asked(run).select_related("version__document").defer("version__content")
    return [AskedVersion(each.version, each.open_here) for each in rows]


#: Versions as workers evaluate them, which never change: to read a thousand of them takes longer than one patient.
_KEPT: dict[tuple[int, int, int, str], Version] = {}
_MOST_KEPT = 5000


def evaluated_versions(run: MatchRun) -> list[AskedVersion]:
    """As `asked_versions`, for those who ask nothing of a version but what was frozen."""
    names = ("version_id", "version__document_id", "version__number", "version__content_hash")
    rows = [(tuple(row[:4]), row[4]) for row in _asked(run).values_list(*names, "open_here")]
    missing = [key for key, _ in rows if key not in _KEPT]
    if missing:
        if len(_KEPT) + len(missing) > _MOST_KEPT:
            _KEPT.clear()
            missing = [key for key, _ in rows]
        for keys in _some([key[0] for key in missing], KEYS):
            for each in Version.objects.filter(pk__in=keys).select_related("document").defer("content"):
                _KEPT[each.pk, each.document_id, each.number, each.content_hash] = each
    return [AskedVersion(_KEPT[key], open_here) for key, open_here in rows]


def question_before(run: MatchRun, versions: Sequence[AskedVersion]) -> Question:
    """The question whose answers a run of some patients finds in place."""
    assert run.base is not None  # it starts from a finished run
    return Question.of(run.base, versions)


@dataclass(frozen=True, slots=True)
class Turn:
    """A pair whose status is not what it was. `was` is empty for a patient who was not in the registry."""

    patient: int
    document: int
    version_before: int | None
    version: int
    was: str
    status: str


@dataclass(slots=True)
class Difference:
    """What a shard has to write: rows to close, rows whose date moved, new rows; what stands for patients; the news."""

    closed: list[int] = field(default_factory=list)
    moved: list[Match] = field(default_factory=list)
    fresh: list[Row] = field(default_factory=list)
    standing: list[PatientStanding] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)


def difference_of(shard: Shard, patients: Collection[int], found: Found) -> Difference:
    """What is to be written so that the current rows of patients say what was found; nothing is written yet.

    `patients` are all that the shard is about, those that have left the registry among them. Nobody else writes their
    rows meanwhile: runs of a registry follow each other, and shards of a run share no patient. The pairs whose status
    changed are those of the trials that stood before.
    """
    run = shard.run
    known = {
        row.patient_id: row
        for row in PatientStanding.objects.filter(_within(shard, patients), registry=run.registry_id)
    }
    before = dict(standing_counts(run.registry_id).values_list("version__document_id", "version_id"))
    of_versions = run.scope == MatchRun.Scope.VERSIONS
    asked = dict(_asked(run).values_list("version__document_id", "version_id"))
    # A run of some trials cannot tell from the digest, which is of all.
    changed = {
        patient
        for patient, digest in found.digests.items()
        if of_versions or (known[patient].digest if patient in known else 0) != digest
    } | (known.keys() - found.digests.keys())
    held = _held(shard, changed, documents=asked if of_versions else None)
    digests = {patient: known[patient].digest if patient in known else 0 for patient in changed} if of_versions else {}
    todo = Difference()
    for row in found.rows(changed):
        old = held.pop((row.patient, row.document), None)
        if of_versions:
            digests[row.patient] ^= mixed(row.digest, row.next_flip)
            digests[row.patient] ^= mixed(old.digest, old.next_flip) if old is not None else 0
        if old is not None and (old.version_id, old.digest) == (row.version, row.digest):
            if old.next_flip != row.next_flip:
                old.next_flip = row.next_flip
                todo.moved.append(old)
            continue
        if old is not None:
            todo.closed.append(old.pk)
        todo.fresh.append(row)
        todo.turns += _turn(row.patient, row.document, row.version, row.status, old, known, before)
    for (patient, document), old in held.items():
        todo.closed.append(old.pk)
        if of_versions:
            digests[patient] ^= mixed(old.digest, old.next_flip)
        if patient in found.digests and document in asked:
            todo.turns += _turn(patient, document, asked[document], Status.NOT_ELIGIBLE, old, known, before)
    todo.standing = list(_standing(run, known, found, digests if of_versions else found.digests, of_versions))
    todo.gone = list(known.keys() - found.next_flips.keys())
    return todo


def write(shard: Shard, todo: Difference, *, at: datetime) -> None:
    """Write a difference, in the transaction of the caller: closed before opened, one answer holds at a time."""
    for keys in _some(todo.closed, KEYS):
        Match.objects.filter(pk__in=keys).update(current=False, replaced_by=shard.run_id, replaced_at=at)
    Match.objects.bulk_update(todo.moved, ["next_flip"], batch_size=BATCH)
    insert(shard, todo.fresh, current=True)
    PatientStanding.objects.bulk_create(
        todo.standing, batch_size=BATCH, update_conflicts=True, unique_fields=["patient"],
        update_fields=["run", "digest", "next_flip"],
    )  # fmt: skip
    for keys in _some(todo.gone, KEYS):
        PatientStanding.objects.filter(patient__in=keys).delete()


def _turn(
    patient: int, document: int, version: int, status: str, old: Match | None, known: Collection[int],
    before: Mapping[int, int],
) -> list[Turn]:  # fmt: skip
    """The change of a pair's status, if it is one that is told: not what a trial says when it is first asked."""
    if document not in before:
        return []
    was = "" if patient not in known else old.status if old is not None else Status.NOT_ELIGIBLE.value
    if was == status:
        return []
    return [Turn(patient, document, before[document], version, was, str(status))]


def _within(shard: Shard, patients: Collection[int]) -> Q:
    if shard.chosen is not None:
        return Q(patient__in=patients)
    return Q(patient__gte=shard.first_patient, patient__lte=shard.last_patient)


def _held(shard: Shard, changed: set[int], *, documents: Collection[int] | None) -> dict[tuple[int, int], Match]:
    """The current rows of some patients of a shard, by patient and document: only what the comparison needs."""
    if not changed:
        return {}
    rows = Match.objects.filter(
        _within(shard, changed) if len(changed) > BATCH else Q(patient__in=changed), current=True
    ).only("patient_id", "document_id", "version_id", "digest", "next_flip", "status")
    # No patient is in two registries, so the patients say whose rows these are; a range holds those of others.
    if documents is not None:
        rows = rows.filter(document__in=documents)
    return {(row.patient_id, row.document_id): row for row in rows if row.patient_id in changed}


def _standing(
    run: MatchRun, known: Mapping[int, PatientStanding], found: Found, digests: Mapping[int, int], of_versions: bool
) -> Iterator[PatientStanding]:
    """Digests and dates of the patients for whom they are not what they were."""
    for patient, flip in found.next_flips.items():
        old = known.get(patient)
        if of_versions and old is not None:
            # The dates of the other trials are in it; one that is too early only asks once too often.
            flip = min((day for day in (flip, old.next_flip) if day is not None), default=None)
        if old is None or (old.digest, old.next_flip) != (digests[patient], flip):
            yield PatientStanding(
                patient_id=patient, registry_id=run.registry_id, run_id=run.pk, digest=digests[patient], next_flip=flip
            )


def _some(keys: Sequence[int], size: int) -> Iterable[Sequence[int]]:
    return (keys[start : start + size] for start in range(0, len(keys), size))
