"""The worker's part of matching: tasks that take the key of a row and call what does the work.

The row is the truth and a message only a hint, so a task that comes twice, or finds its shard taken, does nothing.
"""

from __future__ import annotations

from celery import shared_task

from matcher import runs
from matcher.models import MatchRun, Shard
from matcher.runs.queue import FOLLOW, RUN_SHARD
from patients.models import Registry


@shared_task(name=RUN_SHARD)
def run_shard(shard_id: int) -> None:
    """Evaluate one shard of a match run, and send what it leaves: itself after a fault, the rest where it was cut."""
    left: list[int] = []
    runs.work_shard(shard_id, left=left.append)
    runs.send(left)


@shared_task(name=FOLLOW)
def follow_changes(registry_id: int | None = None) -> None:
    """Look whether the answers of a registry, or of every one, still hold, and start the runs that are due.

    What one patient's change makes due is worked on here and now, ahead of the shards of longer runs.
    """
    registries = Registry.objects.all() if registry_id is None else Registry.objects.filter(pk=registry_id)
    for registry in registries.order_by("pk"):
        run = runs.follow(registry, here=True)
        if run is not None and run.scope == MatchRun.Scope.PATIENTS and run.patients == 1:
            for shard in run.shards.filter(state=Shard.State.PENDING):
                run_shard(shard.pk)


@shared_task(name="matcher.resume_runs")
def resume_runs() -> None:
    """Send again what a lost queue or a dead worker left behind."""
    runs.resume_stalled()
