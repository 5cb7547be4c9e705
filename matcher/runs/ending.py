"""The end of a run: finished when its last shard is done, failed where it cannot be evaluated, errored by a fault.

Whoever does the last shard adds up what all found; the run's row is locked meanwhile, so it happens once. A standing
run that ends badly may have brought some patients up to date and not others: the next one asks about every patient.
"""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from matcher.models import MatchRun, Shard, StandingQuestion
from matcher.runs.counting import store_counts
from matcher.runs.queue import follow_soon


@transaction.atomic
def finish_if_done(run_id: int) -> bool:
    """Add up a run whose shards are all done and finish it; False where there is something left, or it has ended."""
    run = MatchRun.objects.select_for_update().get(pk=run_id)
    if run.has_ended or run.shards.exclude(state=Shard.State.DONE).exists():
        return False
    store_counts(run)
    run.undated = sum(run.shards.values_list("undated", flat=True))
    run.state, run.finished_at = MatchRun.State.FINISHED, timezone.now()
    run.started_at = run.started_at or run.finished_at
    run.shards_done = run.shards_total
    run.save(update_fields=["undated", "state", "finished_at", "started_at", "shards_done"])
    if run.kind == MatchRun.Kind.STANDING:
        question = StandingQuestion.objects.select_for_update().get(registry=run.registry_id)
        question.run = run
        question.whole_due = question.whole_due and run.scope != MatchRun.Scope.WHOLE
        question.save(update_fields=["run", "whole_due"])
        # What came meanwhile has waited for this one.
        follow_soon(run.registry_id)
    return True


@transaction.atomic
def end_badly(run_id: int, *, state: str, error: str) -> bool:
    """End a run as failed or errored; False where it has ended already."""
    ended = MatchRun.objects.filter(pk=run_id, state__in=MatchRun.UNDER_WAY).update(
        state=state, error=error, finished_at=timezone.now()
    )
    if ended:
        leave_half_done(MatchRun.objects.get(pk=run_id))
    return bool(ended)


def leave_half_done(run: MatchRun) -> None:
    """Remember of a standing run that ended badly that only every patient will do; in the caller's transaction."""
    if run.kind == MatchRun.Kind.STANDING:
        StandingQuestion.objects.filter(registry=run.registry_id).update(whole_due=True)
        follow_soon(run.registry_id)
