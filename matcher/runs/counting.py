"""Counts of a run: what its shards counted, summed; of the standing question kept as intervals, like its rows.

A run of some patients adds by how much they change the counts, so the counts are those of the whole registry whichever
patients a run evaluated.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.db.models import QuerySet

from matcher.models import MatchRun, TrialCount
from matcher.runs.evaluating import STATUSES, AskedVersion, Counts
from matcher.runs.standing import evaluated_versions, held_at, standing_counts
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
    if run.scope == MatchRun.Scope.PATIENTS:
        _add(run, {version: counts for version, counts in sums.items() if not counts.is_nothing})
        return
    standing = run.kind == MatchRun.Kind.STANDING
    rows = [
        _row(run, each.version, each.document, sums[each.version.pk], each.open_here, current=standing)
        for each in evaluated_versions(run)
    ]
    stood = {}
    if standing:
        found = standing_counts(run.registry_id).select_related("version").defer("version__content")
        stood = {each.version.document_id: each for each in found}
    fresh, closed = [], []
    for row in rows:
        old = stood.pop(row.version.document_id, None)
        if old is not None and _same(old, row):
            continue
        fresh.append(row)
        closed += [old.pk] if old is not None else []
    if run.scope == MatchRun.Scope.WHOLE:
        closed += [old.pk for old in stood.values()]
    _replace(run, closed, fresh)


def _add(run: MatchRun, changes: dict[int, Counts]) -> None:
    """Add changes to the counts that stand."""
    found = standing_counts(run.registry_id).filter(version__in=changes).select_related("version")
    closed, fresh = [], []
    for old in found.defer("version__content"):
        counts = changes[old.version_id]
        counts.add(_as_json(old))
        document = AskedVersion(old.version, old.open_here).document
        closed.append(old.pk)
        fresh.append(_row(run, old.version, document, counts, old.open_here, current=True))
    _replace(run, closed, fresh)


def _replace(run: MatchRun, closed: list[int], fresh: list[TrialCount]) -> None:
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
