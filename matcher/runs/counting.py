"""Counts of a run: what its shards counted, summed; of the standing question kept as intervals, like its rows.

A run of some patients adds by how much they change the counts, so the counts are those of the whole registry whichever
patients a run evaluated.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.db.models import QuerySet

from matcher.models import MatchRun, TrialCount
from matcher.runs.evaluating import STATUSES, Counts
from matcher.runs.standing import asked_versions, held_at, standing_counts
from trials.criteria.documents import TrialDocument


def counts_of(run: MatchRun) -> QuerySet[TrialCount]:
    """What counted when a finished run was done, by trial: its own counts, or those of the standing question then."""
    found = TrialCount.objects.filter(run=run) if run.kind == MatchRun.Kind.ASKED else TrialCount.objects.filter(
        held_at(run)
    )  # fmt: skip
    return found.select_related("version__document").defer("version__content")


def store_counts(run: MatchRun) -> None:
    """Add up what the shards of a run counted, in the transaction that finishes it."""
    sums: dict[int, Counts] = defaultdict(Counts)
    for counts in run.shards.values_list("counts", flat=True).iterator():
        for version, found in counts.items():
            sums[int(version)].add(found)
    if run.kind == MatchRun.Kind.ASKED:
        TrialCount.objects.bulk_create(
            _row(run, each.version, each.document, sums[each.version.pk], each.open_here, current=False)
            for each in asked_versions(run)
        )
        return
    stood = {
        each.version.document_id: each
        for each in standing_counts(run.registry_id).select_related("version").defer("version__content")
    }
    fresh, closed = [], []
    for each in asked_versions(run):
        old = stood.pop(each.version.document_id, None)
        counts = sums[each.version.pk]
        if run.scope == MatchRun.Scope.PATIENTS:
            if counts.is_nothing:
                continue
            assert old is not None  # it asks about what stands
            counts.add(_as_json(old))
        row = _row(run, each.version, each.document, counts, each.open_here, current=True)
        if old is not None and _same(old, row):
            continue
        if old is not None:
            closed.append(old.pk)
        fresh.append(row)
    if run.scope == MatchRun.Scope.WHOLE:
        closed += [old.pk for old in stood.values()]
    TrialCount.objects.filter(pk__in=closed).update(current=False, replaced_by=run)
    TrialCount.objects.bulk_create(fresh, batch_size=500)


def difference(now: dict[int, Counts], before: dict[int, Counts]) -> dict[str, Any]:
    """By how much counts changed, per version, as a shard keeps it; versions that count the same are left out."""
    found: dict[str, Any] = {}
    for version, counts in now.items():
        change = Counts()
        change.add(counts.as_json())
        change.add(before[version].as_json(), sign=-1)
        if not change.is_nothing:
            found[str(version)] = change.as_json()
    return found


def _row(
    run: MatchRun, version: Any, document: TrialDocument, counts: Counts, open_here: bool, *, current: bool
) -> TrialCount:  # fmt: skip
    return TrialCount(
        run=run, version=version, funnel=_funnel(document, counts.funnel), open_here=open_here, current=current,
        **counts.statuses,
    )  # fmt: skip


def _funnel(document: TrialDocument, numbers: dict[str, list[int]]) -> list[dict[str, Any]]:
    """The counted criteria in the order of the document; those that nobody reached count nothing."""
    names = ("alone", "in_order", "unknown")
    return [
        {"criterion": criterion.id, **dict(zip(names, numbers.get(criterion.id, (0, 0, 0)), strict=True))}
        for criterion in document.criteria
        if criterion.kind.value in ("rule", "not_structured")
    ]


def _as_json(row: TrialCount) -> dict[str, Any]:
    steps = {step["criterion"]: [step["alone"], step["in_order"], step["unknown"]] for step in row.funnel}
    return {**{name: getattr(row, name) for name in STATUSES}, "funnel": steps}


def _same(old: TrialCount, new: TrialCount) -> bool:
    names = ("version_id", "open_here", "funnel", *STATUSES)
    return all(getattr(old, name) == getattr(new, name) for name in names)
