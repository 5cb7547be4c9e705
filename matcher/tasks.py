"""The worker's part of matching: tasks that take the key of a row and call what does the work.

The row is the truth and a message only a hint, so a task that comes twice, or finds its shard taken, does nothing.
"""

from __future__ import annotations

from celery import shared_task

from matcher import runs
from matcher.runs.queue import RUN_SHARD


@shared_task(name=RUN_SHARD)
def run_shard(shard_id: int) -> None:
    """Evaluate one shard of a match run, and send what it leaves: itself after a fault, the rest where it was cut."""
    left: list[int] = []
    runs.work_shard(shard_id, left=left.append)
    runs.send(left)


@shared_task(name="matcher.resume_runs")
def resume_runs() -> None:
    """Send again what a lost queue or a dead worker left behind."""
    runs.resume_stalled()
