"""What a registry's runs left, as content: names and values, no keys and no instants, in an order that is theirs."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from functools import reduce
from operator import xor
from typing import Any

from matcher.models import Match, MatchRun, PatientStanding, Shard, StandingQuestion, StatusChange, TrialCount
from matcher.runs.evaluating import mixed
from patients.models import Registry, Upload

#: Differences of one kind that are told.
TOLD = 5

Content = Mapping[str, list[str]]

_MATCH = (
    "run__kind", "patient__patient_id", "document__code", "version__number", "current", "as_of", "status", "offered",
    "cohort", "cohorts", "needs", "missing", "to_read", "clears_on", "next_flip",
)  # fmt: skip
_COUNT = (
    "run__kind", "version__document__code", "version__number", "current", "open_here", "potentially_eligible",
    "needs_information", "not_now", "not_eligible", "deceased", "funnel",
)  # fmt: skip
_CHANGE = (
    "patient__patient_id", "document__code", "version__number", "from_status", "to_status", "cause", "detail",
    "because",
)  # fmt: skip


def content_of(registry: Registry) -> Content:
    """Everything that is compared. Rows that were replaced are part of it: they are what was answered before."""
    runs = MatchRun.objects.filter(registry=registry).order_by("pk")
    changes = StatusChange.objects.filter(run__registry=registry).order_by("pk").values_list(*_CHANGE)
    return {
        "matches": sorted(_lines(Match.objects.filter(run__registry=registry).values_list(*_MATCH))),
        "counts and funnels": sorted(_lines(TrialCount.objects.filter(run__registry=registry).values_list(*_COUNT))),
        # Of each pair in the order in which they are told; between pairs there is none.
        "status history": sorted(_numbered(_lines(_by_rank(registry, changes)), parts=2)),
        "next dates": sorted(
            _lines(PatientStanding.objects.filter(registry=registry).values_list("patient__patient_id", "next_flip"))
        ),
        "runs": list(_lines(runs.values_list("kind", "scope", "because", "state", "patients", "undated"))),
    }


def longest_shard(registry: Registry) -> float:
    """Seconds from claim to end of the shard that took longest."""
    done = Shard.objects.filter(run__registry=registry, state=Shard.State.DONE).values_list("claimed_at", "finished_at")
    return max((end - claimed).total_seconds() for claimed, end in done if claimed is not None and end is not None)


def differences(truth: Content, found: Content) -> Iterator[str]:
    """What is missing, and what is there that should not be."""
    for name, lines in truth.items():
        wanted, got = Counter(lines), Counter(found[name])
        for sign, left in (("lost", wanted - got), ("not in the undisturbed run", got - wanted)):
            for line in list(left)[:TOLD]:
                yield f"{name}: {sign}: {line[:300]}"
            if len(left) > TOLD:
                yield f"{name}: {sign}: {len(left) - TOLD} more"
        if name == "runs" and wanted == got and lines != found[name]:
            yield "runs: in another order"


def loose_ends(registry: Registry) -> Iterator[str]:
    """What must not be left when every run has ended, whatever happened."""
    for run in MatchRun.objects.filter(registry=registry, state__in=MatchRun.UNDER_WAY):
        yield f"{run} is {run.state}, {run.shards_done} of {run.shards_total} shards done"
    open_ = Shard.objects.filter(run__registry=registry).exclude(state=Shard.State.DONE)
    for state, number in Counter(open_.values_list("state", flat=True)).items():
        yield f"{number} shards are {state}"
    if StandingQuestion.objects.filter(registry=registry, whole_due=True).exists():
        yield "a run ended badly: everyone waits to be asked again"
    digests: dict[int, list[int]] = defaultdict(list)
    rows = Match.objects.filter(run__registry=registry, current=True)
    for patient, digest, flip in rows.values_list("patient_id", "digest", "next_flip"):
        digests[patient].append(mixed(digest, flip))
    wrong = sum(
        reduce(xor, digests.pop(patient, []), 0) != digest
        for patient, digest in PatientStanding.objects.filter(registry=registry).values_list("patient_id", "digest")
    )
    if wrong or digests:
        yield f"the digests of {wrong + len(digests)} patients are not those of their rows"


def _by_rank(registry: Registry, changes: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """Changes whose upload is named by its place, not its key: a server that is killed leaves keys out."""
    keys = Upload.objects.filter(registry=registry).order_by("pk").values_list("pk", flat=True)
    named = {f"upload {key}": f"upload in place {rank}" for rank, key in enumerate(keys, 1)}
    for change in changes:
        yield tuple(named.get(value, value) for value in change)


def _lines(rows: Iterable[tuple[Any, ...]]) -> Iterator[str]:
    for row in rows:
        yield " | ".join(_text(value) for value in row)


def _text(value: Any) -> str:
    if isinstance(value, list | dict):
        return json.dumps(value, sort_keys=True)
    return value.isoformat() if isinstance(value, date) else str(value)


def _numbered(lines: Iterable[str], *, parts: int) -> Iterator[str]:
    """Lines with how many came before of the same first parts."""
    seen: Counter[str] = Counter()
    for line in lines:
        about = " | ".join(line.split(" | ")[:parts])
        seen[about] += 1
        yield f"{about} | change {seen[about]}{line[len(about) :]}"
