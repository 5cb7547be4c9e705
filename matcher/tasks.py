"""The worker's part of matching: tasks that take the key of a row and call what does the work.

The row is the truth and a message only a hint, so a task that comes twice, or finds its shard taken, does nothing.
"""

from __future__ import annotations

from celery import shared_task

from matcher import runs
from matcher.models import Shard
from matcher.runs.queue import RUN_SHARD


@shared_task(name=RUN_SHARD)
def run_shard(shard_id: int) -> None:
    """Evaluate one shard of a match run; one that errored is sent again at once, as often as it may be tried."""
    runs.work_shard(shard_id)
    runs.send(
        Shard.objects.filter(pk=shard_id, state=Shard.State.PENDING, run__state="running").values_list("pk", flat=True)
    )


@shared_task(name="matcher.resume_runs")
def resume_runs() -> None:
    """Send again what a lost queue or a dead worker left behind."""
    runs.resume_stalled()
