"""Waiting for a worker by looking at rows: what the worker did stands in the database, and a queue is never asked.

Patience is counted from the last sign of life, so a slow machine may take its time and a dead worker is found out.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from django.contrib.auth.models import AbstractBaseUser
from kombu.exceptions import OperationalError

from matcher import runs
from matcher.models import MatchRun
from matcher.selectors import progress_of
from patients.models import Registry, Upload
from patients.tasks import import_upload

#: How long a worker may take to begin, and how long it may then be silent.
BEGIN_SECONDS = 30.0
SILENT_SECONDS = 120.0
PAUSE_SECONDS = 0.25

#: Hears how much is done of how much.
Told = Callable[[int, int], None]


class WorkerSilent(RuntimeError):
    """No worker took the work, or the one that took it fell silent; the message says what to do."""


def import_by_worker(upload: Upload, *, told: Told) -> Upload:
    """Send an upload to a worker and return it when it has ended, however that was. Raises WorkerSilent."""
    try:
        import_upload.delay(upload.pk)
    except OperationalError:
        raise WorkerSilent(_advice("The queue cannot be reached")) from None

    def look() -> tuple[bool, bool, tuple[object, ...]]:
        upload.refresh_from_db()
        told(upload.rows_done, upload.rows_total)
        begun = upload.state != Upload.State.RECEIVED
        return upload.state in Upload.ENDED, begun, (upload.state, upload.rows_done, upload.heartbeat_at)

    _wait(look, what="the import")
    return upload


def match_by_workers(registry: Registry, *, by: AbstractBaseUser | None, told: Told) -> MatchRun:
    """Start a run of a registry against all trials in force and return it when it has ended. Raises WorkerSilent."""
    run = runs.start_run(registry=registry, by=by)

    def look() -> tuple[bool, bool, tuple[object, ...]]:
        progress = progress_of(run)
        told(progress.done, progress.total)
        shards = tuple(run.shards.order_by("number").values_list("state", "attempts"))
        return run.has_ended, run.state != MatchRun.State.PENDING, (run.state, shards)

    _wait(look, what="the match run")
    run.refresh_from_db()
    return run


def _wait(look: Callable[[], tuple[bool, bool, tuple[object, ...]]], *, what: str) -> None:
    """Look until the work has ended. `look` tells whether it has ended, whether it has begun, and signs of life."""
    before: tuple[object, ...] = ()
    heard = time.monotonic()
    while True:
        ended, begun, signs = look()
        if ended:
            return
        if signs != before:
            before, heard = signs, time.monotonic()
        silent = time.monotonic() - heard
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
