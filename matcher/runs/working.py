"""One shard: claim it, evaluate its patients outside any transaction, store what was found in one.

The claim is a conditional update with a token of this attempt. Storing asks for the same token first, so of two
attempts at a shard one stores and the other finds that it was overtaken; a process killed at any line leaves a shard
that another may claim again.

How long a shard takes is known only when it is worked on: machines and patients differ by orders of magnitude. One
whose time is up is therefore cut: what was evaluated is stored, and the patients after it become a shard of their own.
"""

from __future__ import annotations

import logging
import time
import traceback
import uuid
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F
from django.utils import timezone

from matcher.engine import UnknownWord
from matcher.models import MatchRun, Shard, StatusChange
from matcher.runs.counting import difference
from matcher.runs.ending import end_badly, finish_if_done
from matcher.runs.evaluating import Found, Question, evaluate
from matcher.runs.history import append, changes_of
from matcher.runs.standing import Difference, difference_of, evaluated_versions, question_before, write
from matcher.runs.storing import insert
from patients.selectors import registry_patients

log = logging.getLogger(__name__)

#: A shard that errored at its third attempt, or a later one, ends its run.
ATTEMPTS = 3
#: One whose worker, or whose database, was lost so often does too: that is seldom the shard's own doing, yet it may be.
LOST_ATTEMPTS = 10
#: After so long a shard is cut behind the patient at hand: a third of a worker's time limit, so that neither a slow
#: machine nor a slow patient can end a run, and an import that waits for a process does not wait long.
SHARD_SECONDS = 20.0
#: How long `run_inline` waits between looks at shards that others work on.
PAUSE_SECONDS = 0.5


def work_shard(shard_id: int, *, left: Callable[[int], object] = lambda shard_id: None) -> bool:
    """Evaluate and store one shard; False where there was nothing to do: done, claimed by another, or a run that ended.

    A fault gives the shard back until it has been tried ATTEMPTS times; no fault is raised, what it was is logged
    without its text. `left` hears of a shard that waits now: this one after a fault, or the rest of one that was cut.
    """
    shard = _claim(shard_id)
    if shard is None:
        return False
    try:
        found = _evaluate(shard)
        stored, rest = _store(shard, found)
    except UnknownWord as problem:
        # The text of a rule, nothing of a patient.
        end_badly(shard.run_id, state=MatchRun.State.FAILED, error=f"a version cannot be evaluated any more: {problem}")
        Shard.objects.filter(pk=shard.pk, claimed_by=shard.claimed_by).update(
            state=Shard.State.ERRORED, error="a version cannot be evaluated any more"
        )
        return True
    except Exception as error:  # any fault of one shard must not take the worker, or the other shards, with it
        if _give_back(shard, error):
            left(shard.pk)
        return True
    if rest is not None:
        left(rest)
    elif stored:
        finish_if_done(shard.run_id)
    return stored


def run_inline(run: MatchRun, *, told: Callable[[int, int], None] = lambda done, total: None) -> MatchRun:
    """Work on the shards of a run in this process until it has ended; workers may take some of them meanwhile.

    `told` hears the patients done and all patients after each shard.
    """
    while True:
        worked = False
        for pk in run.shards.filter(state=Shard.State.PENDING).order_by("number").values_list("pk", flat=True):
            worked |= work_shard(pk)
            done = run.shards.filter(state=Shard.State.DONE).values_list("patients", flat=True)
            told(sum(done), run.patients)
        run.refresh_from_db()
        if run.has_ended:
            return run
        if not worked:
            time.sleep(PAUSE_SECONDS)


def _claim(shard_id: int) -> Shard | None:
    now, token = timezone.now(), uuid.uuid4().hex
    # The run is asked for in a subquery of its own: with a join, the shard's state would be compared in one too, and
    # PostgreSQL would not look at it again after waiting for another attempt to commit.
    under_way = MatchRun.objects.filter(state__in=MatchRun.UNDER_WAY).values("pk")
    claimed = Shard.objects.filter(pk=shard_id, state=Shard.State.PENDING, run_id__in=under_way).update(
        state=Shard.State.RUNNING, claimed_at=now, claimed_by=token, attempts=F("attempts") + 1
    )
    if not claimed:
        return None
    shard = Shard.objects.select_related("run__registry").get(pk=shard_id)
    # Not as read: another attempt may have taken it over already, and may not be mistaken for this one.
    shard.claimed_by = token
    if shard.run.state == MatchRun.State.PENDING:
        MatchRun.objects.filter(pk=shard.run_id, state=MatchRun.State.PENDING).update(
            state=MatchRun.State.RUNNING, started_at=now
        )
    return shard


def _give_back(shard: Shard, error: Exception) -> bool:
    """Release a shard after a fault, or end its run where that was the last try; True where it waits again."""
    # The text of a fault may quote a row; only its kind and place are logged.
    where = " > ".join(
        f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)
    )
    log.error("%s errored: %s at %s", shard, type(error).__name__, where)
    most = LOST_ATTEMPTS if isinstance(error, (OperationalError, InterfaceError)) else ATTEMPTS
    spent = shard.attempts >= most
    if not connection.in_atomic_block:
        # A database that was restarted takes a new connection.
        connection.close_if_unusable_or_obsolete()
    try:
        return _release(shard, error, spent=spent) and not spent
    except (OperationalError, InterfaceError):
        log.error("%s waits for the reaper: the database does not answer", shard)
        return False


@transaction.atomic
def _release(shard: Shard, error: Exception, *, spent: bool) -> bool:
    """With its shard a run ends: one without the other would never end. False where the claim is another's by now."""
    given = Shard.objects.filter(pk=shard.pk, state=Shard.State.RUNNING, claimed_by=shard.claimed_by).update(
        state=Shard.State.ERRORED if spent else Shard.State.PENDING,
        claimed_by="",
        sent_at=None,
        error=type(error).__name__,
    )
    if given and spent:
        end_badly(
            shard.run_id,
            state=MatchRun.State.ERRORED,
            error=f"a fault of the system ({type(error).__name__}) in shard {shard.number}, attempt {shard.attempts}",
        )
    return bool(given)


# --- Evaluating ---


@dataclass(slots=True)
class _Work:
    """What a shard found, before it is stored: of these patients, with the counts as the shard keeps them."""

    patients: list[int]
    found: Found
    counts: dict[str, Any]


def _evaluate(shard: Shard) -> _Work:
    run = shard.run
    # A run of some patients evaluates them twice.
    seconds = SHARD_SECONDS / 2 if run.scope == MatchRun.Scope.PATIENTS else SHARD_SECONDS
    until = time.monotonic() + seconds
    versions = evaluated_versions(run)
    keys = _patients(shard)
    found = evaluate(Question.of(run, versions), keys, until=until)
    done = keys[: bisect_left(keys, found.rest[0])] if found.rest else keys
    if run.scope == MatchRun.Scope.PATIENTS:
        # The same patients as they were counted: the rest of the registry counts as before.
        before = evaluate(question_before(run, versions), done)
        return _Work(done, found, difference(found.counts, before.counts))
    return _Work(done, found, {str(version): counts.as_json() for version, counts in found.counts.items()})


def _patients(shard: Shard) -> list[int]:
    """The patients of a shard in the order of their keys; those that were named may have left the registry."""
    if shard.chosen is not None:
        return list(shard.chosen)
    there = registry_patients(shard.run.registry, known_at=shard.run.known_at)
    within = there.filter(pk__gte=shard.first_patient, pk__lte=shard.last_patient)
    return list(within.order_by("pk").values_list("pk", flat=True))


# --- Storing ---


def _store(shard: Shard, work: _Work) -> tuple[bool, int | None]:
    """Everything of a shard in one transaction, with a new shard for the rest where it is cut.

    Returns whether it was stored, which it is not where this attempt was overtaken or the run has ended; and the key
    of the shard for the rest.
    """
    found, run = work.found, shard.run
    rest: Shard | None = None
    if found.rest:
        rest = Shard(run_id=shard.run_id, first_patient=found.rest[0], last_patient=shard.last_patient)
        rest.patients = len(found.rest)
        # Patients between the two ranges there are none, so it ends where the rest begins.
        shard.last_patient, shard.patients = found.rest[0] - 1, shard.patients - rest.patients
        if shard.chosen is not None:
            rest.chosen, shard.chosen = found.rest, work.patients
    now = timezone.now()
    todo: Difference | None = None
    changes: list[StatusChange] = []
    if run.kind == MatchRun.Kind.STANDING:
        # Read and put in words before anything is locked.
        todo = difference_of(shard, work.patients, found)
        changes = list(changes_of(shard, todo.turns, at=now))
    with transaction.atomic():
        running = MatchRun.objects.filter(state=MatchRun.State.RUNNING).values("pk")
        held = Shard.objects.filter(
            pk=shard.pk, state=Shard.State.RUNNING, claimed_by=shard.claimed_by, run_id__in=running
        ).update(
            state=Shard.State.DONE,
            finished_at=now,
            undated=found.undated,
            last_patient=shard.last_patient,
            patients=shard.patients,
            chosen=shard.chosen,
            counts=work.counts,
            error="",
        )
        if not held:
            return False, None
        if todo is not None:
            write(shard, todo, at=now)
        else:
            insert(shard, found.rows(), current=False)
        # Late, for the run's row is held until the end of the transaction. A run that was ended meanwhile, and
        # perhaps followed by another, must not be stored into.
        row = MatchRun.objects.filter(pk=shard.run_id)
        if not row.filter(state=MatchRun.State.RUNNING).update(
            shards_done=F("shards_done") + 1, shards_total=F("shards_total") + int(rest is not None)
        ):
            transaction.set_rollback(True)
            return False, None
        if rest is not None:
            rest.number = row.values_list("shards_total", flat=True).get()
            rest.save()
        append(changes)
    return True, rest.pk if rest is not None else None
