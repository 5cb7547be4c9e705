"""What a lost queue or a dead worker left behind: found by its row, every REAPER_SECONDS, and sent again."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from matcher.models import MatchRun, Shard
from matcher.runs.ending import end_badly, finish_if_done
from matcher.runs.queue import send
from matcher.runs.working import LOST_ATTEMPTS

#: So many messages each time at most: a long queue is not made longer.
MOST_SENT = 500


def claim_is_stale() -> timedelta:
    """After this a claim has nobody behind it."""
    return timedelta(seconds=settings.RUN_CLAIM_SECONDS)


def resume_stalled() -> int:
    """Give back the shards of silent workers, end runs whose shards did so too often, send what waits again.

    Returns how many shards were sent.
    """
    now = timezone.now()
    silent = Shard.objects.filter(
        state=Shard.State.RUNNING, claimed_at__lt=now - claim_is_stale(), run__state__in=MatchRun.UNDER_WAY
    )
    for pk, run_id, token, attempts in list(silent.values_list("pk", "run_id", "claimed_by", "attempts")):
        _give_back(pk, run_id, token, spent=attempts >= LOST_ATTEMPTS)
    for run_id in _complete():
        finish_if_done(run_id)
    lost = now - timedelta(seconds=settings.RUN_MESSAGE_SECONDS)
    waiting = (
        Shard.objects.filter(state=Shard.State.PENDING, run__state__in=MatchRun.UNDER_WAY)
        .filter(Q(sent_at__lt=lost) | Q(sent_at__isnull=True, run__created_at__lt=now - claim_is_stale()))
        .order_by("run", "number")
    )
    return send(list(waiting.values_list("pk", flat=True)[:MOST_SENT]))


@transaction.atomic
def _give_back(shard_id: int, run_id: int, token: str, *, spent: bool) -> None:
    """Release a shard whose worker fell silent; with the end of its run where that was so once too often."""
    # Conditional on the claim: the worker may only have been slow and be done by now.
    given = Shard.objects.filter(pk=shard_id, state=Shard.State.RUNNING, claimed_by=token).update(
        state=Shard.State.ERRORED if spent else Shard.State.PENDING,
        claimed_by="",
        sent_at=None,
        error="its worker fell silent",
    )
    if given and spent:
        error = f"the workers of a shard fell silent {LOST_ATTEMPTS} times"
        end_badly(run_id, state=MatchRun.State.ERRORED, error=error)


def _complete() -> list[int]:
    """Runs under way whose shards are all done: the process that did the last was killed before it could say so."""
    return list(
        MatchRun.objects.filter(state__in=MatchRun.UNDER_WAY)
        .exclude(shards__state__in=[Shard.State.PENDING, Shard.State.RUNNING, Shard.State.ERRORED])
        .values_list("pk", flat=True)
    )
