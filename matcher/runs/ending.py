"""The end of a run: finished when its last shard is done, failed where it cannot be evaluated, errored by a fault.

Whoever does the last shard adds up what all found; the run's row is locked meanwhile, so it happens once.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.db import transaction
from django.utils import timezone

from matcher.models import MatchRun, Shard, Status, TrialCount
from trials.criteria.documents import TrialDocument


@transaction.atomic
def finish_if_done(run_id: int) -> bool:
    """Add up a run whose shards are all done and finish it; False where there is something left, or it has ended."""
    run = MatchRun.objects.select_for_update().get(pk=run_id)
    if run.has_ended or run.shards.exclude(state=Shard.State.DONE).exists():
        return False
    TrialCount.objects.bulk_create(_counts(run))
    run.undated = sum(run.shards.values_list("undated", flat=True))
    run.state, run.finished_at = MatchRun.State.FINISHED, timezone.now()
    run.started_at = run.started_at or run.finished_at
    run.shards_done = run.shards_total
    run.save(update_fields=["undated", "state", "finished_at", "started_at", "shards_done"])
    return True


def _counts(run: MatchRun) -> list[TrialCount]:
    names = (*Status.values, "deceased")
    sums: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(names, 0))
    funnels: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0, 0]))
    for counts in run.shards.values_list("counts", flat=True).iterator():
        for version, found in counts.items():
            for name in names:
                sums[version][name] += found.get(name, 0)
            for criterion, numbers in found["funnel"].items():
                total = funnels[version][criterion]
                for index, number in enumerate(numbers):
                    total[index] += number
    rows = []
    for version in run.versions.select_related("document").defer("content"):
        key = str(version.pk)
        document = version.parsed
        assert isinstance(document, TrialDocument)  # start_run takes nothing else
        rows.append(
            TrialCount(
                run=run, version=version, funnel=_funnel(document, funnels[key]), **sums[key]
            )
        )  # fmt: skip
    return rows


def _funnel(document: TrialDocument, numbers: dict[str, list[int]]) -> list[dict[str, Any]]:
    """The counted criteria in the order of the document; those that nobody reached count nothing."""
    return [
        {"criterion": criterion.id, **dict(zip(("alone", "in_order", "unknown"), numbers[criterion.id], strict=True))}
        for criterion in document.criteria
        if criterion.kind.value in ("rule", "not_structured")
    ]


def end_badly(run_id: int, *, state: str, error: str) -> bool:
    """End a run as failed or errored; False where it has ended already."""
    return bool(
        MatchRun.objects.filter(pk=run_id, state__in=MatchRun.UNDER_WAY).update(
            state=state, error=error, finished_at=timezone.now()
        )
    )
