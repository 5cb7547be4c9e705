"""Starting and cancelling a run: rows first, in one transaction; messages after it is committed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from matcher.models import MatchRun, RunVersion, Shard
from matcher.runs.asking import DATA_THROUGH, AsOf, today_in
from matcher.runs.ending import finish_if_done
from matcher.runs.history import previous_of
from matcher.runs.identity import engine_version, policy_digest
from matcher.runs.queue import send
from patients import trust
from patients.models import Registry
from patients.selectors import registry_patients, settled_instant
from patients.vocabulary import default
from trials.models import Document, Version
from trials.selectors import versions_in_force

User = AbstractBaseUser

#: Patients of one shard at most, and pairs of patient and trial: at some 12 ms each a third of a worker's time limit.
SHARD_PATIENTS = 200
SHARD_PAIRS = 500


@transaction.atomic
def start_run(
    *,
    registry: Registry,
    versions: Sequence[Version] | None = None,
    as_of: AsOf = None,
    by: User | None,
    queue: bool = True,
) -> MatchRun:
    """Write a run of a registry against trial versions (default: all in force) with its shards, and send them.

    `as_of` None is today in the registry's time zone. Without `queue` nothing is sent: the caller works the shards.
    Raises ValidationError where there is no trial, or two versions of one.
    """
    chosen = list(versions_in_force(kind=Document.Kind.TRIAL) if versions is None else versions)
    if not chosen:
        raise ValidationError("no trial is published: publish one, or load_library")
    _check(chosen)
    known_at = settled_instant(registry)
    kind = MatchRun.AsOf.DATA_THROUGH if as_of == DATA_THROUGH else MatchRun.AsOf.DATE
    run = MatchRun.objects.create(
        registry=registry,
        as_of_kind=kind,
        as_of=as_of if as_of is not None and as_of != DATA_THROUGH else today_in(registry, at=known_at),
        known_at=known_at,
        vocabulary=default().release,
        engine=engine_version(),
        policy=policy_digest(registry, known_at=known_at),
        requested_by=by,
    )
    RunVersion.objects.bulk_create(
        RunVersion(run=run, version=version, previous=previous_of(run, version), open_here=version.document.open_here)
        for version in chosen
    )
    shards = Shard.objects.bulk_create(_shards(run, size=_size(len(chosen))), batch_size=500)
    run.patients = sum(shard.patients for shard in shards)
    run.shards_total = len(shards)
    run.save(update_fields=["patients", "shards_total"])
    trust.record(
        actor=by,
        action="match run started",
        target=run,
        registry=registry,
        after={
            "as_of": str(run.as_of) if kind == MatchRun.AsOf.DATE else DATA_THROUGH,
            "versions": [str(version) for version in chosen],
            "patients": run.patients,
        },
    )
    if not shards:
        finish_if_done(run.pk)
        run.refresh_from_db()
    elif queue:
        keys = [shard.pk for shard in shards]
        transaction.on_commit(lambda: send(keys))
    return run


def _check(versions: Sequence[Version]) -> None:
    documents = [version.document for version in versions]
    options = [document.code for document in documents if document.kind != Document.Kind.TRIAL]
    if options:
        raise ValidationError(f"{', '.join(options)}: options are ranked for one patient, only trials are matched")
    if len({document.pk for document in documents}) < len(documents):
        raise ValidationError("a run takes one version of each trial")


def _size(versions: int) -> int:
    return max(1, min(SHARD_PATIENTS, SHARD_PAIRS // versions))


def _shards(run: MatchRun, *, size: int) -> Iterator[Shard]:
    keys = registry_patients(run.registry, known_at=run.known_at).values_list("pk", flat=True).iterator(chunk_size=5000)
    number = 0
    while some := list(islice(keys, size)):
        number += 1
        yield Shard(run=run, number=number, first_patient=some[0], last_patient=some[-1], patients=len(some))


@transaction.atomic
def cancel_run(*, run: MatchRun, by: User | None, reason: str) -> MatchRun:
    """End a run that is not done; what its shards stored stays unseen. Raises ValidationError where it has ended."""
    if not reason.strip():
        raise ValidationError({"reason": "say why the run is cancelled"})
    row = MatchRun.objects.select_for_update().get(pk=run.pk)
    if row.has_ended:
        raise ValidationError(f"the run has ended already: {row.get_state_display()}")
    row.state, row.finished_at = MatchRun.State.CANCELLED, timezone.now()
    row.save(update_fields=["state", "finished_at"])
    trust.record(
        actor=by, action="match run cancelled", target=row, registry=row.registry, after={"done": row.shards_done},
        reason=reason.strip(),
    )  # fmt: skip
    return row
