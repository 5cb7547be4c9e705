"""The first page: what came in, what was matched, and where one fact more would move most patients.

It reads rows that are there anyway. The most asked facts are counted once per latest change of the answers, and kept in
the cache; texts with a date in them are about one patient and are left out.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.core.cache import cache
from django.db.models import Count, Max, Q, Sum
from django.http import HttpRequest

from matcher.models import Match, MatchRun, Needs, Status
from patients.models import Registry
from patients.selectors import UnmappedName, unmapped_names

#: Rows of each panel.
SHOWN = 6
#: Pairs that are read for the most asked facts; beyond them the order no longer changes much.
PAIRS_READ = 20_000

_DATED = re.compile(r"\d{4}-\d{2}")


@dataclass(frozen=True, slots=True)
class AskedFact:
    """A missing fact with the pairs and patients it is missing for, and the pairs it would settle alone."""

    text: str
    pairs: int
    settles: int


@dataclass(frozen=True, slots=True)
class NeedingPairs:
    """A trial with the pairs that need information: of facts, of a reader, of both."""

    document: int
    name: str
    title: str
    offered: bool
    facts: int
    reader: int
    both: int
    potentially: int

    @property
    def total(self) -> int:
        """All pairs that need something."""
        return self.facts + self.reader + self.both


def dashboard(request: HttpRequest) -> dict[str, Any]:
    """The panels a person may see."""
    allowed = request.user.has_perm
    registries = list(Registry.objects.all()) if allowed("patients.view_registry") else []
    found: dict[str, Any] = {"may_find": allowed("patients.view_patient"), "may_send": allowed("patients.add_upload")}
    if registries:
        # Their page of the admin counts them with one query.
        model_admin = admin.site.get_model_admin(Registry)
        found["registries"] = list(model_admin.get_queryset(request)[:SHOWN])
        found["names"] = _unmapped(registries)
    if allowed("matcher.view_matchrun"):
        found["runs"] = MatchRun.objects.select_related("registry", "requested_by").order_by("-pk")[:SHOWN]
    if allowed("matcher.view_match"):
        trials = needing()
        found["needing"] = trials
        found["open_trials"] = [each for each in trials if each.offered]
        found["closed_trials"] = [each for each in trials if not each.offered]
        found["asked"] = most_asked()
    return found


def _unmapped(registries: list[Registry]) -> list[tuple[Registry, UnmappedName]]:
    found = [(registry, name) for registry in registries for name in unmapped_names(registry)[:SHOWN]]
    return sorted(found, key=lambda each: (-each[1].patients, each[1].folded_name))[:SHOWN]


def needing() -> list[NeedingPairs]:
    """The trials whose pairs need information, open ones first, those with most pairs first."""
    rows = (
        Match.objects.filter(current=True)
        .values(
            "version__document",
            "version__document__code",
            "version__document__acronym",
            "version__document__title",
            "offered",
        )
        .annotate(
            facts=Count("pk", filter=Q(needs=Needs.FACTS)),
            reader=Count("pk", filter=Q(needs=Needs.READER)),
            both=Count("pk", filter=Q(needs=Needs.BOTH)),
            potentially=Count("pk", filter=Q(status=Status.POTENTIALLY_ELIGIBLE)),
        )
        .order_by()
    )
    found = [
        NeedingPairs(
            row["version__document"], row["version__document__acronym"] or row["version__document__code"],
            row["version__document__title"], row["offered"], row["facts"], row["reader"], row["both"],
            row["potentially"],
        )
        for row in rows
    ]  # fmt: skip
    wanted = [each for each in found if each.total or each.potentially]
    return sorted(wanted, key=lambda each: (not each.offered, -each.potentially, -each.total, each.name))


def most_asked() -> list[AskedFact]:
    """The facts that are missing for most pairs of the trials that are open, or of all where none is."""
    # What holds now is changed by shards of standing runs alone.
    latest = MatchRun.objects.filter(kind=MatchRun.Kind.STANDING).aggregate(run=Max("pk"), done=Sum("shards_done"))
    key = "most-asked-" + hashlib.sha256(repr(latest).encode()).hexdigest()
    kept = cache.get(key)
    if kept is None:
        kept = _count_asked()
        cache.set(key, kept, timeout=24 * 3600)
    return [AskedFact(*row) for row in kept]


def _count_asked() -> list[tuple[str, int, int]]:
    needy = Match.objects.filter(current=True, status=Status.NEEDS_INFORMATION)
    if needy.filter(offered=True).exists():
        needy = needy.filter(offered=True)
    asked: Counter[str] = Counter()
    settling: Counter[str] = Counter()
    for missing in needy.values_list("missing", flat=True)[:PAIRS_READ].iterator(chunk_size=2000):
        for entry in missing:
            text = str(entry["text"])
            if _DATED.search(text):
                continue
            asked[text] += 1
            settling[text] += bool(entry.get("settles"))
    return [(text, count, settling[text]) for text, count in asked.most_common(SHOWN + 2)]
