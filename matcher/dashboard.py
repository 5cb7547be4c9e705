"""The first page: what came in, what was matched, and where one fact more would move most patients.

It reads rows that are there anyway; what would settle most pairs is counted once per run and kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.db.models import Count, Q
from django.http import HttpRequest

from matcher.addresses import lacking_url
from matcher.models import Match, MatchRun, Needs, Status
from matcher.pages.wanted import fact_rows
from matcher.runs import first_things, latest_standing
from patients.models import Registry
from patients.selectors import UnmappedName, unmapped_names

#: Rows of each panel.
SHOWN = 6


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
        wanted = first_things(latest_standing())
        link = lacking_url(offered=wanted.offered) if allowed("patients.view_patient") else None
        found["wanted"] = fact_rows(wanted.facts[:SHOWN], link=link)
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
