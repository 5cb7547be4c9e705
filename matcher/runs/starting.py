"""Starting and cancelling a run: rows first, in one transaction; messages after it is committed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max, Min
from django.utils import timezone

from matcher.models import MatchRun, PatientStanding, RunVersion, Shard, StandingQuestion
from matcher.runs import asking
from matcher.runs.asking import DATA_THROUGH, AsOf
from matcher.runs.ending import finish_if_done, leave_half_done
from matcher.runs.identity import engine_version, policy_digest
from matcher.runs.queue import send
from matcher.snapshots import BLOCK, block_of
from patients import trust
from patients.models import ChangeLog, Patient, Registry
from patients.selectors import registry_patients, settled_instant
from patients.vocabulary import default
from trials.models import Document, Version
from trials.selectors import versions_in_force

User = AbstractBaseUser

#: Patients of one shard at most: those of one snapshot, or fewer. A shard never reaches over the end of a snapshot, so
#: that two workers do not read the same one.
SHARD_PATIENTS = min(BLOCK, settings.RUN_SHARD_PATIENTS)


class UnderWay(ValidationError):
    """The answers of a registry are being brought up to date already, by `run`."""

    def __init__(self, run: MatchRun) -> None:
        self.run = run
        super().__init__(
            f"run {run.pk} is bringing the answers of {run.registry} up to date: what came since follows by itself"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A standing run before it is written: what it covers, as of when, and what made it due."""

    scope: MatchRun.Scope
    because: str
    known_at: datetime
    day: date
    cursor: int
    versions: tuple[Version, ...] = ()
    patients: tuple[int, ...] = ()


@transaction.atomic
def start_run(
    *,
    registry: Registry,
    versions: Sequence[Version] | None = None,
    as_of: AsOf = None,
    by: User | None,
    queue: bool = True,
    keep: bool = False,
) -> MatchRun:
    """Write a run of a registry against trial versions (default: all in force) with its shards, and send them.

    `as_of` None is today in the registry's time zone. Without `queue` nothing is sent: the caller works the shards.
    A run of every trial as the registry's standing question asks brings the answers that hold now up to date, for
    every patient; `keep` makes today, or data-through, that question. Any other run answers for itself. Raises
    ValidationError where there is no trial, or two versions of one, and UnderWay where a standing run is.
    """
    chosen = list(versions_in_force(kind=Document.Kind.TRIAL) if versions is None else versions)
    if not chosen:
        raise ValidationError("no trial is published: publish one, or load_library")
    _check(chosen)
    kind = MatchRun.AsOf.DATA_THROUGH if as_of == DATA_THROUGH else MatchRun.AsOf.DATE
    moves = versions is None and (as_of is None or as_of == DATA_THROUGH)
    if keep and not moves:
        raise ValidationError("only the answers of every trial, today or at data-through, can be kept up to date")
    question = locked_question(registry)
    before = question.as_of_kind
    if moves and (keep or before == kind):
        if before != kind:
            # Every answer that stands is to another question.
            question.as_of_kind, question.whole_due = kind, True
            question.save(update_fields=["as_of_kind", "whole_due"])
        known_at = settled_instant(registry)
        plan = Plan(
            scope=MatchRun.Scope.WHOLE,
            because="asked for",
            known_at=known_at,
            day=asking.today_in(registry, at=known_at),
            cursor=end_of_log(registry, known_at=known_at),
            versions=tuple(chosen),
        )
        run = start_standing(question, plan, by=by, queue=queue)
    else:
        run = _start_asked(registry, chosen, kind, as_of, by=by, queue=queue)
    # Last, for the trail is held until the end of the transaction.
    if question.as_of_kind != before:
        trust.record(
            actor=by, action="standing question changed", target=question, registry=registry,
            before={"as_of": str(before)}, after={"as_of": str(question.as_of_kind)},
        )  # fmt: skip
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
    return run


def locked_question(registry: Registry) -> StandingQuestion:
    """The standing question of a registry, locked until the transaction ends: runs of it start and end one by one."""
    StandingQuestion.objects.get_or_create(registry=registry)
    return StandingQuestion.objects.select_for_update(of=("self",)).select_related("run", "registry").get(
        registry=registry
    )  # fmt: skip


def under_way(registry: Registry) -> MatchRun | None:
    """The standing run of a registry that has not ended."""
    return MatchRun.objects.filter(
        registry=registry, kind=MatchRun.Kind.STANDING, state__in=MatchRun.UNDER_WAY
    ).first()  # fmt: skip


def end_of_log(registry: Registry, *, known_at: datetime) -> int:
    """The last change of a registry that a run of `known_at` takes account of, with all before it."""
    log = ChangeLog.objects.filter(registry=registry)
    first_after = log.filter(at__gt=known_at).aggregate(first=Min("pk"))["first"]
    if first_after is not None:
        log = log.filter(pk__lt=first_after)
    return log.aggregate(last=Max("pk"))["last"] or 0


def start_standing(
    question: StandingQuestion, plan: Plan, *, by: User | None, queue: bool
) -> MatchRun:  # fmt: skip
    """Write a standing run and its shards, under the lock of its question. Raises UnderWay where there is one."""
    registry = question.registry
    if (other := under_way(registry)) is not None:
        raise UnderWay(other)
    run = MatchRun.objects.create(
        registry=registry,
        kind=MatchRun.Kind.STANDING,
        scope=plan.scope,
        because=plan.because[:200],
        base=question.run,
        cursor=plan.cursor,
        as_of_kind=question.as_of_kind,
        as_of=plan.day,
        **_rests_on(registry, plan.known_at),
        requested_by=by,
    )
    _add(run, plan.versions, plan.patients, queue=queue)
    return run


def _start_asked(
    registry: Registry, chosen: Sequence[Version], kind: str, as_of: AsOf, *, by: User | None, queue: bool
) -> MatchRun:  # fmt: skip
    known_at = settled_instant(registry)
    run = MatchRun.objects.create(
        registry=registry,
        as_of_kind=kind,
        as_of=as_of if isinstance(as_of, date) else asking.today_in(registry, at=known_at),
        **_rests_on(registry, known_at),
        requested_by=by,
    )
    _add(run, chosen, (), queue=queue)
    return run


def _rests_on(registry: Registry, known_at: datetime) -> dict[str, object]:
    return {
        "known_at": known_at,
        "vocabulary": default().release,
        "engine": engine_version(),
        "policy": policy_digest(registry, known_at=known_at),
    }


def _add(run: MatchRun, versions: Sequence[Version], patients: Sequence[int], *, queue: bool) -> None:
    """The versions and shards of a run that was just written; one without a patient is finished at once."""
    RunVersion.objects.bulk_create(
        RunVersion(run=run, version=version, open_here=version.document.open_here) for version in versions
    )
    made = _shards_of(run, patients) if run.scope == MatchRun.Scope.PATIENTS else _shards(run)
    shards = Shard.objects.bulk_create(made, batch_size=500)
    run.patients = sum(shard.patients for shard in shards)
    run.shards_total = len(shards)
    run.save(update_fields=["patients", "shards_total"])
    if not shards:
        finish_if_done(run.pk)
        run.refresh_from_db()
    elif queue:
        keys = [shard.pk for shard in shards]
        transaction.on_commit(lambda: send(keys))


def _check(versions: Sequence[Version]) -> None:
    documents = [version.document for version in versions]
    options = [document.code for document in documents if document.kind != Document.Kind.TRIAL]
    if options:
        raise ValidationError(f"{', '.join(options)}: options are ranked for one patient, only trials are matched")
    if len({document.pk for document in documents}) < len(documents):
        raise ValidationError("a run takes one version of each trial")


def _shards_of(run: MatchRun, patients: Sequence[int]) -> Iterator[Shard]:
    """Shards that name their patients."""
    for number, some in enumerate(_together(sorted(set(patients))), 1):
        yield Shard(
            run=run, number=number, first_patient=some[0], last_patient=some[-1], patients=len(some), chosen=some
        )


def _together(keys: Iterable[int]) -> Iterator[list[int]]:
    """Keys in order, so many at a time as a shard takes, and only of one snapshot."""
    some: list[int] = []
    for key in keys:
        if some and (len(some) == SHARD_PATIENTS or block_of(key) != block_of(some[0])):
            yield some
            some = []
        some.append(key)
    if some:
        yield some


def _shards(run: MatchRun) -> Iterator[Shard]:
    """Ranges without gaps from the first patient there ever was to the last: who left the registry lies in one too."""
    keys = registry_patients(run.registry, known_at=run.known_at).values_list("pk", flat=True).iterator(chunk_size=5000)
    ever = Patient.objects.filter(registry=run.registry).aggregate(first=Min("pk"), last=Max("pk"))
    first = ever["first"]
    waiting: Shard | None = None
    for number, some in enumerate(_together(keys), 1):
        if waiting is not None:
            yield waiting
        waiting = Shard(run=run, number=number, first_patient=first, last_patient=some[-1], patients=len(some))
        first = some[-1] + 1
    if waiting is None and PatientStanding.objects.filter(registry=run.registry).exists():
        waiting = Shard(run=run, number=1, first_patient=first, patients=0)
    if waiting is not None:
        waiting.last_patient = ever["last"]
        yield waiting


@transaction.atomic
def cancel_run(*, run: MatchRun, by: User | None, reason: str) -> MatchRun:
    """End a run that is not done. Raises ValidationError where it has ended.

    What the shards of an asked run stored stays unseen; what those of a standing run brought up to date stays so.
    """
    if not reason.strip():
        raise ValidationError({"reason": "say why the run is cancelled"})
    row = MatchRun.objects.select_for_update().get(pk=run.pk)
    if row.has_ended:
        raise ValidationError(f"the run has ended already: {row.get_state_display()}")
    row.state, row.finished_at = MatchRun.State.CANCELLED, timezone.now()
    row.save(update_fields=["state", "finished_at"])
    leave_half_done(row)
    trust.record(
        actor=by, action="match run cancelled", target=row, registry=row.registry, after={"done": row.shards_done},
        reason=reason.strip(),
    )  # fmt: skip
    return row
