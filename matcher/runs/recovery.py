"""What a lost queue or a dead worker left behind: found by its row, once a minute, and sent again."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from matcher.models import MatchRun, Shard
from matcher.runs.ending import end_badly, finish_if_done
from matcher.runs.queue import send
from matcher.runs.working import ATTEMPTS

#: A worker's task is killed after 90 seconds, so a claim this old has nobody behind it.
CLAIM_IS_STALE = timedelta(minutes=3)
#: After this a message that nobody took is taken for lost; one that was not does no harm.
MESSAGE_IS_LOST = timedelta(minutes=5)
#: So many messages a minute at most: a long queue is not made longer.
MOST_SENT = 500


def resume_stalled() -> int:
    """Give back the shards of silent workers, end runs whose shards did so too often, send what waits again.

    Returns how many shards were sent.
    """
    now = timezone.now()
    silent = Shard.objects.filter(
        state=Shard.State.RUNNING, claimed_at__lt=now - CLAIM_IS_STALE, run__state__in=MatchRun.UNDER_WAY
    )
    for pk, run_id, token, attempts in list(silent.values_list("pk", "run_id", "claimed_by", "attempts")):
        spent = attempts >= ATTEMPTS
        # Conditional on the claim: the worker may only have been slow and be done by now.
        given = Shard.objects.filter(pk=pk, state=Shard.State.RUNNING, claimed_by=token).update(
            state=Shard.State.ERRORED if spent else Shard.State.PENDING,
            claimed_by="",
            sent_at=None,
            error="its worker fell silent",
        )
        if given and spent:
            end_badly(
                run_id, state=MatchRun.State.ERRORED, error=f"the workers of a shard fell silent {ATTEMPTS} times"
            )
    for run_id in _complete():
        finish_if_done(run_id)
    waiting = (
        Shard.objects.filter(state=Shard.State.PENDING, run__state__in=MatchRun.UNDER_WAY)
        .filter(
            Q(sent_at__lt=now - MESSAGE_IS_LOST) | Q(sent_at__isnull=True, run__created_at__lt=now - CLAIM_IS_STALE)
        )
        .order_by("run", "number")
    )
    return send(list(waiting.values_list("pk", flat=True)[:MOST_SENT]))


def _complete() -> list[int]:
    """Runs under way whose shards are all done: the process that did the last was killed before it could say so."""
    return list(
        MatchRun.objects.filter(state__in=MatchRun.UNDER_WAY)
        .exclude(shards__state__in=[Shard.State.PENDING, Shard.State.RUNNING, Shard.State.ERRORED])
        .values_list("pk", flat=True)
    )
