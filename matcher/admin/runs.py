"""Match runs: starting one, its progress, what it counted per trial, and where each criterion lets patients go.

A run is rows; the page shows them as they are, so it tells the truth whichever worker does what.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from matcher.addresses import lacking_url
from matcher.models import MatchRun, Status, TrialCount
from matcher.pages import Mark, not_offered, status_mark
from matcher.pages.wanted import fact_rows
from matcher.pages.words import DECEASED
from matcher.runs import DATA_THROUGH, cancel_run, first_things, start_run
from matcher.selectors import Progress, changes_of_run, counts_of, progress_of
from patients.admin_site import Link, ReadOnlyAdmin, RecordForm, by_key, form_page, need, page
from patients.models import Registry
from trials.criteria.documents import Recruitment, TrialDocument
from trials.models import Document
from trials.selectors import versions_in_force

TONES = {
    MatchRun.State.FINISHED: "met",
    MatchRun.State.FAILED: "not",
    MatchRun.State.ERRORED: "not",
    MatchRun.State.CANCELLED: "quiet",
}
#: Missing facts shown on the page of a run at first, and at all.
FACTS_SHOWN, FACTS_LISTED = 8, 40
#: Changes of status shown on the page of a run.
CHANGES_SHOWN = 50


class RunForm(RecordForm):
    """Which registry, which trials, as of when."""

    registry = forms.ModelChoiceField(Registry.objects.all(), empty_label=None)
    trial = forms.ModelChoiceField(
        Document.objects.filter(kind=Document.Kind.TRIAL), required=False, empty_label="all that are published"
    )
    when = forms.ChoiceField(
        label="As of",
        choices=[("today", "today, where the registry is"), (DATA_THROUGH, "each patient's own data-through date"),
                 ("date", "a date")],
        help_text="Data-through answers as if each patient had been asked on the last day their data cover.",
    )  # fmt: skip
    as_of = forms.DateField(label="Date", required=False)
    keep = forms.BooleanField(
        label="Keep these answers up to date", required=False,
        help_text="Every trial, today or at data-through: asked again as facts, trials and the day change.",
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("when") == "date" and not cleaned.get("as_of"):
            self.add_error("as_of", "Name the date.")
        if cleaned.get("keep") and (cleaned.get("trial") or cleaned.get("when") == "date"):
            self.add_error("keep", "Only the answers of every trial, today or at data-through, can be kept so.")
        return cleaned


class CancelForm(RecordForm):
    """Why."""

    reason = forms.CharField(widget=forms.Textarea(attrs={"rows": 2}), help_text="Stands in the audit trail.")


@admin.register(MatchRun)
class MatchRunAdmin(ReadOnlyAdmin):
    """Runs, the latest first."""

    list_display = ("run", "registry", "reason", "asked", "condition", "patients", "requested_by", "created_at", "took")
    list_display_links = ("run",)
    list_filter = ("registry", "state")
    list_select_related = ("registry", "requested_by")
    ordering = ("-pk",)
    sortable_by = ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("matcher.add_matchrun")

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<int:pk>/progress/", wrap(self.progress), name="matcher_matchrun_progress"),
            path("<int:pk>/cancel/", wrap(self.cancel), name="matcher_matchrun_cancel"),
            path("<int:pk>/trial/<int:document>/", wrap(self.funnel), name="matcher_matchrun_funnel"),
            *super().get_urls(),
        ]

    @admin.display(description="Run")
    def run(self, run: MatchRun) -> str:
        """Its number."""
        return f"Run {run.pk}"

    @admin.display(description="Because")
    def reason(self, run: MatchRun) -> str:
        """Whether it was asked, or what the system started it for."""
        return run.because or "asked for"

    @admin.display(description="As of")
    def asked(self, run: MatchRun) -> Any:
        """The date asked about."""
        return run.as_of if run.as_of_kind == MatchRun.AsOf.DATE else "data through"

    @admin.display(description="State")
    def condition(self, run: MatchRun) -> SafeString:
        """Where it stands."""
        text = run.get_state_display().partition(":")[0]
        return format_html(
            '<span class="record"><span class="tag toned tone-{}">{}</span></span>', TONES.get(run.state, "later"), text
        )

    @admin.display(description="Took")
    def took(self, run: MatchRun) -> str:
        """How long it took."""
        return duration(run)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Start a run."""
        need(request, "matcher.add_matchrun")
        form = RunForm(request.POST or None, initial={name: request.GET[name] for name in ("registry", "trial")
                                                      if name in request.GET})  # fmt: skip

        def done(form: RecordForm) -> str:
            said = form.cleaned_data
            trial = said["trial"]
            versions = None
            if trial is not None:
                versions = list(versions_in_force(kind=Document.Kind.TRIAL).filter(document=trial))
            as_of = {"today": None, DATA_THROUGH: DATA_THROUGH, "date": said["as_of"]}[said["when"]]
            run = start_run(
                registry=said["registry"], versions=versions, as_of=as_of, by=request.user, keep=said["keep"]
            )
            return reverse("admin:matcher_matchrun_change", args=[run.pk])

        return form_page(
            request, form, title="Start a run", done=done, submit="Start", crumbs=[_list()],
            intro="A run asks every patient of a registry about every trial, with what is known at this moment. It is "
                  "worked on by the workers. Every trial as of today: the answers that hold now are brought up to "
                  "date. Any other question is answered apart, and its answers stay as they are.",
        )  # fmt: skip

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """What a run found."""
        need(request, "matcher.view_matchrun")
        run = by_key(MatchRun.objects.select_related("registry", "requested_by"), object_id)
        finished = run.state == MatchRun.State.FINISHED
        progress = progress_of(run) if not run.has_ended else None
        may_see = request.user.has_perm("patients.view_patient")
        return page(
            request,
            "matcher/run.html",
            title=f"Run {run.pk}",
            crumbs=[_list()],
            run=run,
            tone=TONES.get(run.state, "later"),
            took=duration(run),
            progress=progress,
            pace=pace(progress) if progress is not None else "",
            counts=_counts(run) if finished else [],
            marks=[(name, status_mark(name)) for name in Status.values],
            deceased=DECEASED,
            **(_wanted(run, linked=may_see and request.user.has_perm("matcher.view_match")) if finished else {}),
            changes=list(changes_of_run(run)[:CHANGES_SHOWN]) if finished and may_see else [],
            changed=changes_of_run(run).exclude(from_status="").count() if finished else 0,
            versions=run.run_versions.select_related("version__document").defer("version__content"),
            may_cancel=not run.has_ended and request.user.has_perm("matcher.change_matchrun"),
            may_see=may_see and request.user.has_perm("matcher.view_match"),
        )

    def progress(self, request: HttpRequest, pk: int) -> JsonResponse:
        """How far a run is, for the script of its page."""
        need(request, "matcher.view_matchrun")
        run = get_object_or_404(MatchRun, pk=pk)
        progress = progress_of(run)
        return JsonResponse(
            {
                "state": run.state,
                "text": run.get_state_display(),
                "done": progress.done,
                "total": progress.total,
                "pace": pace(progress),
                "ended": run.has_ended,
            }
        )

    def cancel(self, request: HttpRequest, pk: int) -> HttpResponse:
        """End a run that is not done."""
        need(request, "matcher.change_matchrun")
        run = get_object_or_404(MatchRun, pk=pk)
        own = reverse("admin:matcher_matchrun_change", args=[pk])

        def done(form: RecordForm) -> str:
            cancel_run(run=run, by=request.user, reason=form.cleaned_data["reason"])
            messages.success(request, f"Run {pk} is cancelled.")
            return own

        return form_page(
            request, CancelForm(request.POST or None), title="Cancel the run", done=done, submit="Cancel the run",
            crumbs=[_list(), Link(f"Run {pk}", own)], intro="What it found so far is not shown anywhere.",
        )  # fmt: skip

    def funnel(self, request: HttpRequest, pk: int, document: int) -> HttpResponse:
        """Where each criterion of a trial lets patients go."""
        need(request, "matcher.view_matchrun")
        run = get_object_or_404(MatchRun.objects.select_related("registry"), pk=pk)
        count = get_object_or_404(counts_of(run), version__document=document)
        parsed = count.version.parsed
        assert isinstance(parsed, TrialDocument)  # only trials are matched
        living = sum(getattr(count, name) for name in Status.values)
        steps = _steps(count, parsed, living)
        return page(
            request,
            "matcher/funnel.html",
            title=parsed.acronym or parsed.id,
            crumbs=[_list(), Link(f"Run {pk}", reverse("admin:matcher_matchrun_change", args=[pk]))],
            run=run,
            count=count,
            parsed=parsed,
            document=count.version.document,
            living=living,
            not_offered=not_offered(parsed, open_here=count.open_here),
            statuses=[(name, status_mark(name), getattr(count, name)) for name in Status.values],
            steps=steps,
            left=steps[-1]["left"] if steps else living,
            may_see=request.user.has_perms(["patients.view_patient", "matcher.view_match"]),
        )


def _list() -> Link:
    return Link("Match runs", reverse("admin:matcher_matchrun_changelist"))


def _counts(run: MatchRun) -> list[tuple[TrialCount, list[tuple[str, Mark, int, float]], int, bool]]:
    """What a run counted, the trials that took patients then before the others, which are there for comparison."""
    found = counts_of(run).order_by("version__document__code")
    rows = [(each, *_shares(each), each.open_here and _recruits(each)) for each in found]
    return sorted(rows, key=lambda row: not row[3])


def _wanted(run: MatchRun, *, linked: bool) -> dict[str, Any]:
    """What to find out first: of trials that take patients, or of all where no pair is of such a trial."""
    first = first_things([run])
    link = lacking_url(run=run.pk, offered=first.offered) if linked else None
    rows = fact_rows(first.facts[:FACTS_LISTED], link=link)
    return {
        "wanted": rows[:FACTS_SHOWN],
        "wanted_after": rows[FACTS_SHOWN:],
        "wanted_all": len(first.facts),
        "wanted_offered": first.offered,
    }


def _recruits(count: TrialCount) -> bool:
    return bool(count.version.recruitment) and Recruitment(count.version.recruitment).open


def _shares(count: TrialCount) -> tuple[list[tuple[str, Mark, int, float]], int]:
    """Each status with its count and its share of the living, and how many are living."""
    living = sum(getattr(count, name) for name in Status.values)
    return [
        (name, status_mark(name), getattr(count, name), 100 * getattr(count, name) / living if living else 0)
        for name in Status.values
    ], living


def _steps(count: TrialCount, parsed: TrialDocument, living: int) -> list[dict[str, Any]]:
    """The counted criteria in order, with whom each removes and who is left after it."""
    words = {criterion.id: criterion for criterion in parsed.criteria}
    left, steps = living, []
    for step in count.funnel:
        left -= step["in_order"]
        steps.append({**step, "words": words.get(step["criterion"]), "left": left})
    return steps


def pace(progress: Progress) -> str:
    """Patients per second and the time left, once there is something to tell them from."""
    if progress.per_second is None:
        return ""
    left = "" if progress.seconds_left is None else f", about {_time(progress.seconds_left)} left"
    return f"{progress.per_second:,.1f} patients a second{left}"


def _time(seconds: int) -> str:
    return f"{seconds // 60} min {seconds % 60} s" if seconds >= 60 else f"{seconds} s"


def duration(run: MatchRun) -> str:
    """How long a run took, or has been going on."""
    if run.finished_at is None:
        return "–"
    return _time(int((run.finished_at - (run.started_at or run.created_at)).total_seconds()))
