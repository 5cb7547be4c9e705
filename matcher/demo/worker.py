"""Waiting for a worker by looking at rows: what the worker did stands in the database, and a queue is never asked.

Patience is counted from the last sign of life, so a slow machine may take its time and a dead worker is found out.
What an earlier demo left half-done comes first, or has to be given up first; meanwhile it is told what is waited for.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from django.contrib.auth.models import AbstractBaseUser
from django.utils import timezone

from matcher import runs
from matcher.models import MatchRun, Shard
from matcher.runs.recovery import claim_is_stale
from matcher.selectors import progress_of
from patients import actions
from patients.models import Registry, Upload
from patients.tasks import send

#: How long a worker may take to begin, and how long it may then be silent.
BEGIN_SECONDS = 30.0
SILENT_SECONDS = 120.0
PAUSE_SECONDS = 0.25
#: After so long without a beginning it is told what is waited for.
TELL_SECONDS = 3.0
#: An earlier import of the registry whose worker was silent for so long is given back: a demo is in more of a hurry
#: than the reaper, and a worker that was only slow stores nothing that another has taken over.
GIVE_UP_AFTER = timedelta(seconds=30)

#: Hears how much is done of how much.
Told = Callable[[int, int], None]
#: Hears what is waited for, once.
Waits = Callable[[str], None]


class WorkerSilent(RuntimeError):
    """No worker took the work, or the one that took it fell silent; the message says what to do."""


def import_by_worker(upload: Upload, *, told: Told, waits: Waits) -> Upload:
    """Send an upload to a worker and return it when it has ended, however that was. Raises WorkerSilent."""
    if not send(upload.pk):
        raise WorkerSilent(_advice("The queue cannot be reached"))

    def look() -> tuple[bool, bool, tuple[object, ...]]:
        upload.refresh_from_db()
        told(upload.rows_done, upload.rows_total)
        begun = upload.state != Upload.State.RECEIVED
        return upload.state in Upload.ENDED, begun, (upload.state, upload.rows_done, upload.heartbeat_at)

    _wait(look, what="the import", ahead=lambda: _import_ahead(upload) or _shards_ahead(), waits=waits)
    return upload


def match_by_workers(registry: Registry, *, by: AbstractBaseUser | None, told: Told, waits: Waits) -> MatchRun:
    """Have a registry matched against all trials in force, and return the last run of it. Raises WorkerSilent.

    What came in is followed by runs of its own: they are seen to their end. Where none is due everyone is asked anew.
    """
    run = runs.under_way(registry) or runs.follow(registry) or runs.start_run(registry=registry, by=by)
    while True:
        look = partial(_look_at, run, told)
        _wait(look, what="the match run", ahead=_shards_ahead, waits=waits)
        run.refresh_from_db()
        following = runs.under_way(registry) or runs.follow(registry)
        if following is None:
            return run
        run = following


def _look_at(run: MatchRun, told: Told) -> tuple[bool, bool, tuple[object, ...]]:
    progress = progress_of(run)
    told(progress.done, progress.total)
    shards = tuple(run.shards.order_by("number").values_list("state", "attempts"))
    return run.has_ended, run.state != MatchRun.State.PENDING, (run.state, shards)


def give_up_runs(registry: Registry, *, by: AbstractBaseUser) -> int:
    """Cancel the runs that an earlier demo began as `by` and did not see to their end; returns how many."""
    left = MatchRun.objects.filter(registry=registry, requested_by=by, state__in=MatchRun.UNDER_WAY)
    return len([runs.cancel_run(run=run, by=by, reason="the demo was started again") for run in left])


def _import_ahead(upload: Upload) -> str:
    """The import of the same registry that must end first; empty: there is none."""
    earlier = Upload.objects.filter(registry=upload.registry, state__in=Upload.UNDER_WAY).exclude(pk=upload.pk).first()
    if earlier is None:
        return ""
    for waiting in actions.release_stalled_uploads(older_than=GIVE_UP_AFTER):
        send(waiting)
    return f"upload {earlier.pk} of the same registry to end, or to be given up where its worker was killed"


def _shards_ahead() -> str:
    """The shards that workers hold now, whichever run they are of; empty: there are none."""
    held = Shard.objects.filter(state=Shard.State.RUNNING, claimed_at__gte=timezone.now() - claim_is_stale())
    return f"a worker that is busy with {shard}" if (shard := held.order_by("claimed_at").first()) else ""


def _wait(
    look: Callable[[], tuple[bool, bool, tuple[object, ...]]], *, what: str, ahead: Callable[[], str], waits: Waits
) -> None:
    """Look until the work has ended.

    `look` tells whether it has ended, whether it has begun, and signs of life; `ahead` what has to end before it can
    begin, which `waits` hears. As long as there is something ahead nobody is taken for dead.
    """
    before: tuple[object, ...] = ()
    reason = ""
    heard = time.monotonic()
    while True:
        ended, begun, signs = look()
        if ended:
            return
        if signs != before:
            before, heard = signs, time.monotonic()
        silent = time.monotonic() - heard
        if not begun and silent > TELL_SECONDS and (now_ahead := ahead()):
            if now_ahead != reason:
                waits(reason := now_ahead)
            heard = time.monotonic() - TELL_SECONDS
            time.sleep(PAUSE_SECONDS)
            continue
        if not begun and silent > BEGIN_SECONDS:
            raise WorkerSilent(_advice(f"No worker took {what} within {BEGIN_SECONDS:.0f} seconds"))
        if silent > SILENT_SECONDS:
            raise WorkerSilent(_advice(f"The worker did nothing for {what} in {SILENT_SECONDS:.0f} seconds"))
        time.sleep(PAUSE_SECONDS)


def _advice(what: str) -> str:
    return (
        f"{what}. `make demo` runs this command beside a worker of its own, whose log is worker.log in the folder var; "
        "without make, start one with `celery -A config worker`, and give both the same REDIS_URL."
    )
