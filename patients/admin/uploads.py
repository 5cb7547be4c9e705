"""Uploads: the form that sends files, the page that shows what became of them row by row, and its progress.

The page reads its progress from the upload's row, so it is right whatever became of queue, worker or browser; a small
script asks for it again until the upload has ended.
"""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import AbstractBaseUser
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Case, Count, Q, Value, When
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from patients import actions, tasks, trust
from patients.admin_site import Link, ReadOnlyAdmin, RecordForm, by_key, form_page, need, page
from patients.intake import ENCODINGS, rejected_csv
from patients.models import Preset, Registry, Upload, UploadProblem

#: Problems shown together.
PROBLEMS_PER_PAGE = 100

TONES = {
    Upload.State.APPLIED: "met",
    Upload.State.COMPARED: "later",
    Upload.State.FAILED: "not",
    Upload.State.ERRORED: "not",
}
_SEVERITY_TONES = {"error": "not", "warning": "unknown", "note": "quiet"}
NEW = "new"


class UploadForm(RecordForm):
    """What to send, to which registry, and how it is to be read."""

    registry = forms.ChoiceField()
    file = forms.FileField(
        label="File", help_text="A CSV file, or a zip of CSV files: the canonical layout or one row per patient."
    )
    mode = forms.ChoiceField(
        choices=Upload.Mode.choices,
        initial=Upload.Mode.INCREMENTAL,
        help_text="Incremental adds and corrects. A snapshot is the whole registry: what it lacks is withdrawn.",
    )
    dry_run = forms.BooleanField(label="Dry run: show what would change, store nothing", required=False, initial=False)
    encoding = forms.ChoiceField(
        # Those that are read: one that is offered and then refused helps nobody.
        choices=[(name.casefold(), name) for name in ENCODINGS.values()],
        initial="utf-8",
    )
    name = forms.SlugField(
        label="Name of the new registry",
        required=False,
        help_text="A short handle of letters, digits, hyphen and underscore, such as sarcoma_centre.",
    )
    title = forms.CharField(label="Title", required=False, max_length=200)
    preset = forms.ChoiceField(
        choices=Preset.choices,
        required=False,
        initial=Preset.CANCER_REGISTRY,
        help_text=(
            "How the silence of its files is read. Cancer registry: a treatment that is not there may still have been "
            "given. Clinic: for a patient with a data-through date the list of drugs is complete."
        ),
    )
    time_zone = forms.CharField(
        label="Time zone", required=False, initial="UTC", help_text="Decides what today is: Europe/Paris."
    )

    #: The fields that are asked for a registry that is not there yet.
    NEW_REGISTRY = ("name", "title", "preset", "time_zone")

    def __init__(self, *args: Any, may_create: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = [(str(registry.pk), str(registry)) for registry in Registry.objects.all()]
        self.fields["registry"].choices = [*known, *([(NEW, "A new registry …")] if may_create else [])]

    def clean_time_zone(self) -> str:
        zone = self.cleaned_data["time_zone"] or "UTC"
        if zone not in available_timezones():
            raise forms.ValidationError(f"{zone} is no zone of the IANA database; write Europe/Paris")
        return zone

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("registry") == NEW:
            if not cleaned.get("name"):
                self.add_error("name", "A new registry needs a name.")
            elif Registry.objects.filter(name=cleaned["name"]).exists():
                self.add_error("name", "There is a registry of this name; choose it above.")
        return cleaned


@admin.register(Upload)
class UploadAdmin(ReadOnlyAdmin):
    """What was sent, and what became of it."""

    list_display = ("sent", "registry", "file_name", "how", "condition", "accepted", "rejected", "changes", "by")
    list_display_links = ("sent", "file_name")
    list_filter = ("registry", "state", "dry_run")
    list_select_related = ("registry", "by")
    ordering = ("-pk",)
    sortable_by = ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("patients.add_upload")

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("<int:pk>/progress/", self.admin_site.admin_view(self.progress), name="patients_upload_progress"),
            path("<int:pk>/rejected.csv", self.admin_site.admin_view(self.rejected_rows),
                 name="patients_upload_rejected"),
        ]  # fmt: skip
        return [*own, *super().get_urls()]

    @admin.display(description="Sent", ordering="pk")
    def sent(self, upload: Upload) -> Any:
        """When it was sent."""
        return upload.created_at

    @admin.display(description="Mode")
    def how(self, upload: Upload) -> str:
        """Incremental or snapshot, for real or not."""
        return f"{upload.mode}, dry run" if upload.dry_run else upload.mode

    @admin.display(description="State")
    def condition(self, upload: Upload) -> SafeString:
        """Where it stands."""
        return state_mark(upload)

    @admin.display(description="Facts new / changed")
    def changes(self, upload: Upload) -> str:
        """What it did to the facts."""
        return f"{upload.new:,} / {upload.changed:,}"

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Send files; a new registry is created with the first of them."""
        need(request, "patients.add_upload")
        may_create = request.user.has_perm("patients.add_registry")
        form = UploadForm(
            request.POST or None, request.FILES or None, may_create=may_create,
            initial={"registry": request.GET.get("registry", ""), "time_zone": "UTC"},
        )  # fmt: skip

        def done(form: RecordForm) -> str:
            upload = _start(form.cleaned_data, by=request.user)
            if not tasks.send(upload.pk):
                messages.warning(request, "The queue cannot be reached. The upload is kept and read when it is back.")
            return reverse("admin:patients_upload_change", args=[upload.pk])

        return form_page(
            request, form, title="Send an upload", done=done, submit="Send", template="patients/upload_form.html",
            crumbs=[Link("Uploads", reverse("admin:patients_upload_changelist"))], opens_new=NEW,
        )  # fmt: skip

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """What became of an upload."""
        need(request, "patients.view_upload")
        upload = by_key(Upload.objects.select_related("registry", "by"), object_id)
        severity, code = request.GET.get("severity", ""), request.GET.get("code", "")
        counts = list(
            UploadProblem.objects.filter(upload=upload).values("severity", "code").annotate(n=Count("pk"))
            .order_by("severity", "-n")
        )  # fmt: skip
        chosen = Q(upload=upload)
        if severity in UploadProblem.Severity.values:
            chosen &= Q(severity=severity)
        if code:
            chosen &= Q(code=code)
        worst_first = Case(
            *(When(severity=name, then=Value(place)) for place, name in enumerate(UploadProblem.Severity.values))
        )
        problems = UploadProblem.objects.filter(chosen).defer("raw_row").order_by(worst_first, "id")
        shown = Paginator(problems, PROBLEMS_PER_PAGE).get_page(request.GET.get("page"))
        uploads = reverse("admin:patients_upload_changelist")
        by_severity = {each: 0 for each in UploadProblem.Severity.values}
        for row in counts:
            by_severity[row["severity"]] += row["n"]
        return page(
            request,
            "patients/upload.html",
            title=f"Upload {upload.pk}",
            crumbs=[
                Link("Registries", reverse("admin:patients_registry_changelist")),
                Link(str(upload.registry), reverse("admin:patients_registry_change", args=[upload.registry_id])),
                Link("Uploads", f"{uploads}?registry__id__exact={upload.registry_id}"),
            ],
            upload=upload,
            tone=TONES.get(upload.state, "quiet"),
            ended=upload.state in Upload.ENDED,
            difference=_difference(upload),
            problems=shown,
            severities=[(name, by_severity[name], _SEVERITY_TONES[name]) for name in by_severity],
            codes=[row for row in counts if not severity or row["severity"] == severity],
            severity=severity,
            code=code,
            tones=_SEVERITY_TONES,
            has_rejected=UploadProblem.objects.filter(upload=upload, raw_row__isnull=False).exists(),
        )  # fmt: skip

    def progress(self, request: HttpRequest, pk: int) -> JsonResponse:
        """How far an upload is, for the script of its page."""
        need(request, "patients.view_upload")
        upload = get_object_or_404(Upload, pk=pk)
        return JsonResponse(
            {
                "state": upload.state,
                "text": upload.get_state_display(),
                "done": upload.rows_done,
                "total": upload.rows_total,
                "ended": upload.state in Upload.ENDED,
            }
        )

    def rejected_rows(self, request: HttpRequest, pk: int) -> StreamingHttpResponse:
        """The rows with errors as they were sent, with what was wrong."""
        # They hold patients as their source names them.
        need(request, "patients.view_upload", "patients.view_patient")
        upload = get_object_or_404(Upload.objects.select_related("registry"), pk=pk)
        with transaction.atomic():
            trust.record(actor=request.user, action="rejected rows exported", target=upload, registry=upload.registry)
        return StreamingHttpResponse(
            rejected_csv(upload),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="upload-{pk}-rejected.csv"'},
        )


def _start(said: dict[str, Any], *, by: AbstractBaseUser) -> Upload:
    if said["registry"] == NEW:
        registry = actions.create_registry(
            name=said["name"], title=said["title"], preset=said["preset"] or Preset.CANCER_REGISTRY,
            time_zone=said["time_zone"], by=by,
        )  # fmt: skip
    else:
        registry = Registry.objects.get(pk=said["registry"])
    return actions.start_import(
        registry=registry, by=by, file=said["file"], file_name=said["file"].name, mode=said["mode"],
        dry_run=said["dry_run"], encoding=said["encoding"],
    )  # fmt: skip


def _difference(upload: Upload) -> list[tuple[str, dict[str, int]]]:
    """What became of each kind of fact, under the name that the page gives it."""
    return [(kind.replace("_", " "), counts) for kind, counts in upload.by_kind]


def state_mark(upload: Upload) -> SafeString:
    """The state of an upload as a mark."""
    tone = TONES.get(upload.state, "quiet")
    text = upload.get_state_display().partition(":")[0]
    return format_html('<span class="record"><span class="tag toned tone-{}">{}</span></span>', tone, text)
