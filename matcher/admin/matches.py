"""The matches that hold now, or those of one run: who may fit which trial, filtered by trial, status and need.

A row leads to the page of its patient and trial. What is not eligible has no row: its absence is the statement.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse

from matcher.admin.asking import pair_url
from matcher.admin.pair import pair_view
from matcher.admin.publishing import publish_view
from matcher.admin.shelf import shelf_view
from matcher.engine.bulk.settling import MissingFact, together
from matcher.models import Match, MatchRun, Needs, Status
from matcher.pages import Mark, status_mark
from matcher.runs import lacking_fact, latest_standing, settling_of
from matcher.selectors import matches_of
from patients.admin_site import Link, ReadOnlyAdmin, by_key, need, page
from patients.models import Registry
from patients.wording import with_days
from trials.models import Document

#: Matches shown together.
SHOWN = 50

_FILTERS = ("run", "registry", "trial", "status", "needs", "offered", "fact", "settles")


@dataclass(frozen=True, slots=True)
class MatchRow:
    """A match as its line says it."""

    match: Match
    mark: Mark
    wanted: str
    more: int
    to_read: int
    url: str


@admin.register(Match)
class MatchAdmin(ReadOnlyAdmin):
    """Matches, and the pages of answers that stand behind them."""

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("patient/<int:patient>/trial/<int:document>/", wrap(pair_view), name="matcher_pair"),
            path("patient/<int:patient>/shelf/", wrap(shelf_view), name="matcher_shelf"),
            path("publish/<int:pk>/", wrap(publish_view), name="matcher_publish"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list, with its filters in sight."""
        need(request, "matcher.view_match", "patients.view_patient")
        said = {name: request.GET.get(name, "") for name in _FILTERS}
        run = _run(said["run"])
        # A coordinator comes for trials that take patients; whoever names a run or a trial wants what is in it.
        if "offered" not in request.GET and run is None and not said["trial"]:
            said["offered"] = "yes"
        registry = run.registry if run is not None else _registry(said["registry"])
        found = _matches(run, registry)
        if said["trial"].isdigit():
            found = found.filter(version__document=int(said["trial"]))
        if said["status"] in Status.values:
            found = found.filter(status=said["status"])
        if said["needs"] in Needs.values:
            found = found.filter(needs=said["needs"])
        if said["offered"] in ("yes", "no"):
            found = found.filter(offered=said["offered"] == "yes")
        fact = None
        if said["fact"]:
            fact = _fact(run, registry, said["fact"])
            found = lacking_fact(found, said["fact"], settled=said["settles"] == "yes")
        after = request.GET.get("after", "")
        if after.isdigit():
            found = found.filter(pk__gt=int(after))
        rows = list(
            found.select_related("patient", "version__document", "run__registry").defer("version__content")
            .order_by("pk")[: SHOWN + 1]
        )  # fmt: skip
        kept = {name: value for name, value in said.items() if value or name == "offered"}
        return page(
            request,
            "matcher/matches.html",
            title=f"Matches of run {run.pk}" if run is not None else "Matches",
            crumbs=[Link("Match runs", reverse("admin:matcher_matchrun_changelist")),
                    Link(f"Run {run.pk}", reverse("admin:matcher_matchrun_change", args=[run.pk]))] if run else [],
            run=run,
            registry=registry,
            registries=Registry.objects.all(),
            trials=Document.objects.filter(kind=Document.Kind.TRIAL).order_by("code"),
            said=said,
            statuses=[(each, status_mark(each), _url(kept, status=each)) for each in Status.values[:3]],
            fact=fact,
            without_fact=_url(kept, fact="", settles=""),
            all_statuses=_url(kept, status=""),
            rows=[_row(match, run) for match in rows[:SHOWN]],
            next_url=_url(kept, after=str(rows[SHOWN - 1].pk)) if len(rows) > SHOWN else "",
            first_url=_url(kept) if after else "",
            closed_url=_url(kept, offered=""),
        )  # fmt: skip

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The page of its patient and trial as its run saw them: that is where a look is written down."""
        need(request, "matcher.view_match", "patients.view_patient")
        match = by_key(Match.objects.select_related("version").defer("version__content"), object_id)
        return HttpResponseRedirect(pair_url(match.patient_id, match.version.document_id, f"?run={match.run_id}"))


def _run(text: str) -> MatchRun | None:
    if not text:
        return None
    found = MatchRun.objects.select_related("registry").filter(pk=text).first() if text.isdigit() else None
    if found is None:
        raise Http404("there is no such run")
    return found


def _registry(text: str) -> Registry | None:
    return Registry.objects.filter(pk=text).first() if text.isdigit() else None


def _runs(run: MatchRun | None, registry: Registry | None) -> list[MatchRun]:
    """The runs whose missing facts are those of the matches shown."""
    if run is not None:
        return [run] if run.state == MatchRun.State.FINISHED else []
    return latest_standing(None if registry is None else [registry])


def _fact(run: MatchRun | None, registry: Registry | None, id_: str) -> MissingFact | None:
    """A missing fact by its id, with all whom it is missing for."""
    facts = together(settling_of(each).every for each in _runs(run, registry))
    return next((fact for fact in facts if fact.id == id_), None)


def _matches(run: MatchRun | None, registry: Registry | None) -> QuerySet[Match]:
    """Those of a run once it is finished, else those that hold now."""
    if run is not None:
        return matches_of(run) if run.state == MatchRun.State.FINISHED else Match.objects.none()
    found = Match.objects.filter(current=True)
    return found.filter(run__registry=registry) if registry is not None else found


def _row(match: Match, run: MatchRun | None) -> MatchRow:
    texts = [str(each["text"]) for each in match.missing]
    query = f"?run={run.pk}" if run is not None else ""
    return MatchRow(
        match=match,
        mark=status_mark(match.status),
        wanted=with_days(texts[0]) if texts else "",
        more=len(texts) - 1,
        to_read=len({each["criterion"] for each in match.to_read}),
        url=pair_url(match.patient_id, match.version.document_id, query),
    )


def _url(kept: dict[str, str], **changed: str) -> str:
    said = {name: value for name, value in {**kept, **changed}.items() if value or name == "offered"}
    return "?" + urlencode(said) if said else "?"
