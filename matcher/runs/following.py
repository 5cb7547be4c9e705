"""Answers follow what changes: the change log, the shelf, the calendar, the engine are compared with what was matched.

Nothing is remembered of a trigger but the state itself. The run that last finished says up to which change, as of
which day and with which engine and policies every current answer holds, the counts say of which versions; whatever
differs is due. A message only says that it is worth looking, so a lost one costs seconds, and one that comes twice
nothing. Runs of one registry follow each other, each taking all that came meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import starmap
from typing import NamedTuple

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from matcher.models import MatchRun, PatientStanding, StandingQuestion
from matcher.runs import asking
from matcher.runs.identity import engine_version, policy_digest
from matcher.runs.standing import standing_counts
from matcher.runs.starting import Plan, end_of_log, locked_question, start_standing, under_way
from patients.models import ChangeLog, Registry
from patients.selectors import registry_patients, settled_instant
from patients.vocabulary import default
from patients.wording import plural
from trials.models import Document, Version
from trials.selectors import versions_in_force

#: A run of more patients than this asks about all where they are half of the registry: those of a run of some are
#: evaluated twice.
MANY = 200
#: After a run that ended badly the same is tried again so late, where nothing else came.
RETRY_AFTER = timedelta(hours=1)


def follow(registry: Registry, *, queue: bool = True, here: bool = False) -> MatchRun | None:
    """Start the run that a registry is due, or None: nothing changed, a run is under way, or one has to wait.

    Without `queue` no shard is sent; with `here` one of a single patient is not: the caller works on it at once.
    """
    if under_way(registry) is not None:
        return None
    seen = StandingQuestion.objects.select_related("run", "registry").filter(registry=registry).first()
    plan = _due(seen if seen is not None else StandingQuestion(registry=registry))
    if plan is None:
        return None
    with transaction.atomic():
        question = locked_question(registry)
        if under_way(registry) is not None or not _is_as_seen(question, seen):
            # Somebody else followed meanwhile; what is left is told when that run ends.
            return None
        alone = here and plan.scope == MatchRun.Scope.PATIENTS and len(plan.patients) == 1
        return start_standing(question, plan, by=None, queue=queue and not alone)


def is_up_to_date(registry: Registry) -> bool:
    """Whether every answer of a registry holds now: no run is under way, and none is due or waits to be tried again."""
    if under_way(registry) is not None:
        return False
    question = StandingQuestion.objects.select_related("run", "registry").filter(registry=registry).first()
    if question is None:
        question = StandingQuestion(registry=registry)
    return not question.whole_due and _due(question) is None


def _is_as_seen(question: StandingQuestion, seen: StandingQuestion | None) -> bool:
    """Whether what was looked at without a lock is still so: a plan rests on it."""
    before = seen if seen is not None else StandingQuestion(registry=question.registry)
    names = ("run_id", "as_of_kind", "whole_due")
    return all(getattr(question, name) == getattr(before, name) for name in names)


class _Shelved(NamedTuple):
    """A version in force, as little of it as is compared."""

    pk: int
    document: int
    code: str
    number: int
    open_here: bool
    frozen_at: datetime


def _shelf() -> list[_Shelved]:
    names = ("pk", "document_id", "document__code", "number", "document__open_here", "frozen_at")
    return list(starmap(_Shelved, versions_in_force(kind=Document.Kind.TRIAL).values_list(*names)))


def _versions(shelved: Iterable[_Shelved]) -> tuple[Version, ...]:
    return tuple(versions_in_force(kind=Document.Kind.TRIAL).filter(pk__in=[each.pk for each in shelved]))


def _due(question: StandingQuestion) -> Plan | None:
    """The run that would bring the answers of a registry up to date, or as far as one run does."""
    registry, base = question.registry, question.run
    shelf = _shelf()
    if not shelf:
        return None
    settled = settled_instant(registry)
    today = asking.today_in(registry)
    now = _Now(registry, base, today, shelf, end_of_log(registry, known_at=settled))
    if not _is_time(registry, now):
        return None
    if base is None:
        if not now.changed().exists() or not registry_patients(registry, known_at=settled).exists():
            return None
        return now.whole("the first", known_at=settled)
    reason = now.needs_all(question)
    if reason:
        return now.whole(reason, known_at=max(base.known_at, now.known_at()))
    pending = now.pending()
    latest = MatchRun.objects.filter(registry=registry, kind=MatchRun.Kind.STANDING).order_by("-pk").first()
    patients, because = now.patients()
    moved = patients or today > base.as_of
    # A trial that waits has its turn between two runs of patients, however fast those follow each other.
    if pending and (not moved or (latest is not None and latest.scope == MatchRun.Scope.PATIENTS)):
        return Plan(
            scope=MatchRun.Scope.VERSIONS, because=", ".join(f"{each.code} version {each.number}" for each in pending),
            versions=_versions(pending),
            # What everything else stands at: facts that came since have their own run.
            known_at=base.known_at, day=base.as_of, cursor=base.cursor,
        )  # fmt: skip
    if not moved:
        return None
    if len(patients) > MANY and 2 * len(patients) > PatientStanding.objects.filter(registry=registry).count():
        return now.whole(because, known_at=max(base.known_at, now.known_at()))
    return Plan(
        scope=MatchRun.Scope.PATIENTS, because=because, patients=tuple(sorted(patients)), cursor=now.cursor,
        known_at=max(base.known_at, now.known_at()), day=max(today, base.as_of),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Now:
    """What a registry, the shelf and the calendar are now, beside the run up to which the answers stand."""

    registry: Registry
    base: MatchRun | None
    today: date
    shelf: list[_Shelved]
    cursor: int

    def changed(self):  # type: ignore[no-untyped-def]  # a queryset of the change log
        """The changes that no finished run took account of."""
        since = self.base.cursor if self.base is not None else 0
        return ChangeLog.objects.filter(registry=self.registry, pk__gt=since, pk__lte=self.cursor)

    def known_at(self) -> datetime:
        """The instant of the last of these changes: what came after it is not asked about, whatever commits when."""
        assert self.base is not None
        return self.changed().aggregate(last=Max("at"))["last"] or self.base.known_at

    def needs_all(self, question: StandingQuestion) -> str:
        """Why every patient has to be asked about every trial; empty: a part will do."""
        base = self.base
        assert base is not None
        if question.whole_due:
            return "the run before ended early, or another date is asked about"
        if base.engine != engine_version():
            return "the engine"
        if base.vocabulary != default().release:
            return "the vocabulary"
        if base.policy != policy_digest(self.registry, known_at=max(base.known_at, self.known_at())):
            return "policies or ranges"
        # Recorded before the instant of the last run and committed after it looked: it may have seen it, or not.
        if self.changed().filter(at__lte=base.known_at, kind=ChangeLog.Kind.PATIENT).exists():
            return "a change came in late"
        return ""

    def pending(self) -> list[_Shelved]:
        """The versions in force that are not those that stand, or stand as open where they are closed."""
        stood = dict(standing_counts(self.registry).values_list("version_id", "open_here"))
        return [each for each in self.shelf if stood.get(each.pk) is not each.open_here]

    def patients(self) -> tuple[set[int], str]:
        """The patients who changed, and those for whom the day may have changed something; and that in words."""
        assert self.base is not None
        changed = set(
            self.changed().filter(kind=ChangeLog.Kind.PATIENT).order_by().values_list("patient", flat=True).distinct()
        )
        due: set[int] = set()
        if self.today > self.base.as_of:
            due = set(
                PatientStanding.objects.filter(registry=self.registry, next_flip__lte=self.today).values_list(
                    "patient", flat=True
                )
            )
        words = [plural(len(changed), "patient changed", "patients changed")] if changed else []
        if self.today > self.base.as_of:
            words.append(f"the day: {plural(len(due), 'patient', 'patients')}")
        return changed | due, "; ".join(words)

    def whole(self, because: str, *, known_at: datetime) -> Plan:
        """A run of every patient and every trial in force."""
        return Plan(
            scope=MatchRun.Scope.WHOLE, because=because, versions=_versions(self.shelf), known_at=known_at,
            day=self.today if self.base is None else max(self.today, self.base.as_of), cursor=self.cursor,
        )  # fmt: skip


def _is_time(registry: Registry, now: _Now) -> bool:
    """Whether the latest run did not end badly, or did so long ago, or something came that it did not know of."""
    latest = MatchRun.objects.filter(registry=registry, kind=MatchRun.Kind.STANDING).order_by("-pk").first()
    if latest is None or latest.state in (MatchRun.State.FINISHED, *MatchRun.UNDER_WAY):
        return True
    return (
        latest.finished_at is None
        or latest.finished_at < timezone.now() - RETRY_AFTER
        or now.cursor > latest.cursor
        or now.today > latest.as_of
        or latest.engine != engine_version()
        or latest.vocabulary != default().release
        or any(version.frozen_at > latest.created_at for version in now.shelf)
    )
