"""An upload of registry files: its state, its progress, every problem of every row, and what stays suspended by it.

The rows here are the job. A worker claims an upload by a conditional update and may be killed at any line; facts are
applied in one transaction, so an upload is either wholly in the registry or not at all.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from patients.models.registries import DOMAINS, Domain, Registry


class Upload(models.Model):
    """One file, folder or zip that was sent, and what became of it."""

    class Mode(models.TextChoices):
        INCREMENTAL = "incremental", "incremental: adds and corrects"
        SNAPSHOT = "snapshot", "snapshot: what is absent is withdrawn"

    class State(models.TextChoices):
        RECEIVED = "received", "received"
        READING = "reading", "reading"
        COMPARING = "comparing", "comparing and storing"
        APPLIED = "applied", "applied"
        COMPARED = "compared", "compared (dry run)"
        FAILED = "failed", "failed: the file cannot be used"
        ERRORED = "errored", "errored: a fault of the system"

    #: The states in which a worker holds the upload, and those in which nothing more will happen.
    UNDER_WAY = (State.READING, State.COMPARING)
    ENDED = (State.APPLIED, State.COMPARED, State.FAILED, State.ERRORED)

    registry = models.ForeignKey(Registry, on_delete=models.PROTECT, related_name="uploads")
    file_name = models.CharField(max_length=255, help_text="The name it was sent under.")
    file = models.FileField(upload_to="uploads/", max_length=255, blank=True)
    digest = models.CharField(max_length=64, blank=True, default="", help_text="SHA-256 of what was sent.")
    layout = models.CharField(max_length=32, blank=True, default="", help_text="canonical or wide; found when read.")
    encoding = models.CharField(max_length=32, default="utf-8-sig")
    mode = models.CharField(max_length=16, choices=Mode, default=Mode.INCREMENTAL)
    dry_run = models.BooleanField(default=False)
    state = models.CharField(max_length=16, choices=State, default=State.RECEIVED)
    rows_total = models.PositiveIntegerField(default=0)
    rows_done = models.PositiveIntegerField(default=0)
    accepted = models.PositiveIntegerField(default=0, help_text="Rows that were read.")
    rejected = models.PositiveIntegerField(default=0, help_text="Rows of which nothing was kept.")
    new = models.PositiveIntegerField(default=0, help_text="Facts that were not there before.")
    changed = models.PositiveIntegerField(default=0, help_text="Facts that were corrected.")
    unchanged = models.PositiveIntegerField(default=0, help_text="Facts that were there already.")
    withdrawn = models.PositiveIntegerField(default=0, help_text="Facts that a snapshot no longer holds.")
    patients_new = models.PositiveIntegerField(default=0)
    patients_changed = models.PositiveIntegerField(default=0)
    difference = models.JSONField(default=dict, blank=True, help_text="Per kind of fact: new, changed, unchanged, …")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True, help_text="Last sign of life of the worker.")
    recorded_at = models.DateTimeField(null=True, blank=True, help_text="The instant at which its facts count.")
    finished_at = models.DateTimeField(null=True, blank=True)
    attempt = models.PositiveIntegerField(default=0)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    error = models.TextField(blank=True, default="")

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(
                condition=Q(rows_done__lte=F("rows_total")),
                name="upload_done_within_total",
                violation_error_message="More rows cannot be done than there are.",
            ),
            models.CheckConstraint(
                condition=Q(state__in=("received", "reading", "comparing", "applied", "compared", "failed", "errored")),
                name="upload_state_known",
                violation_error_message="An upload is in one of the states of its life.",
            ),
            models.CheckConstraint(
                condition=Q(state__in=("received", "reading", "comparing")) | Q(finished_at__isnull=False),
                name="upload_ended_has_end",
                violation_error_message="An upload that has ended says when.",
            ),
            models.CheckConstraint(
                condition=~Q(state="applied") | Q(dry_run=False, recorded_at__isnull=False),
                name="upload_dry_run_never_applied",
                violation_error_message="A dry run stores nothing, and an applied upload has its instant.",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=("failed", "errored")) | ~Q(error=""),
                name="upload_failure_is_explained",
                violation_error_message="A failure says what was wrong.",
            ),
            # Two imports of one registry never interleave: the claim is an update that this index refuses.
            models.UniqueConstraint(
                fields=("registry",),
                condition=Q(state__in=("reading", "comparing")),
                name="upload_one_under_way",
                violation_error_message="Another upload of this registry is being read.",
            ),
        )
        indexes = (models.Index(fields=("state", "heartbeat_at"), name="upload_state_heartbeat"),)

    def __str__(self) -> str:
        return f"upload {self.pk}: {self.file_name}"

    @property
    def by_kind(self) -> list[tuple[str, dict[str, int]]]:
        """What is new, changed, unchanged and withdrawn per kind of fact, in one order: PostgreSQL keeps none."""
        kinds = ("patients", "conditions", "treatments", "disease_status", "biomarkers", "observations", "medications",
                 "coverage")  # fmt: skip
        return [(kind, self.difference[kind]) for kind in kinds if kind in self.difference]


class UploadProblem(models.Model):
    """One thing that was wrong, doubtful or worth knowing about a row of an upload, and how to mend it."""

    class Severity(models.TextChoices):
        ERROR = "error", "error"
        WARNING = "warning", "warning"
        NOTE = "note", "note"

    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, related_name="problems")
    file = models.CharField(max_length=255)
    row = models.PositiveIntegerField(null=True, blank=True, help_text="Line of the table; the header is row 1.")
    column = models.CharField(max_length=200, blank=True, default="")
    value = models.CharField(max_length=300, blank=True, default="")
    severity = models.CharField(max_length=8, choices=Severity)
    code = models.CharField(max_length=48)
    message = models.TextField()
    remedy = models.TextField(blank=True, default="")
    rejected = models.BooleanField(default=False, help_text="Nothing of the row was kept.")
    raw_row = models.JSONField(null=True, blank=True, help_text="The row as it was sent: pairs of column and cell.")

    class Meta:
        ordering = ("id",)
        constraints = (
            models.CheckConstraint(
                condition=Q(rejected=False) | Q(severity="error", row__isnull=False),
                name="problem_rejection_is_error",
                violation_error_message="A rejected row is an error and has its number.",
            ),
            models.CheckConstraint(
                condition=Q(severity__in=("error", "warning", "note")),
                name="problem_severity_known",
                violation_error_message="A problem is an error, a warning or a note.",
            ),
            models.CheckConstraint(
                condition=~Q(message=""),
                name="problem_has_message",
                violation_error_message="A problem says what is wrong.",
            ),
        )
        indexes = (
            models.Index(fields=("upload", "code"), name="problem_upload_code"),
            models.Index(fields=("upload", "rejected", "file", "row"), name="problem_upload_rejected"),
        )

    def __str__(self) -> str:
        place = f"{self.file} row {self.row}" if self.row is not None else self.file
        return f"{place}: {self.message}"


class CompletenessSuspension(models.Model):
    """A rejected row of a known patient: until it is mended, the domain counts as incomplete for that patient."""

    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT, related_name="suspensions")
    domain = models.CharField(max_length=32, choices=Domain)
    upload = models.ForeignKey(Upload, on_delete=models.PROTECT, related_name="suspensions")
    problem = models.ForeignKey(UploadProblem, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    file = models.CharField(max_length=255)
    row = models.PositiveIntegerField()
    key = models.CharField(max_length=300, blank=True, default="", help_text="Identity of the row, where it has one.")
    recorded_at = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    lifted_by_upload = models.ForeignKey(
        Upload, null=True, blank=True, on_delete=models.PROTECT, related_name="lifted_suspensions"
    )
    lift_reason = models.TextField(blank=True, default="")

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(
                condition=Q(lifted_at__isnull=True) | Q(lifted_at__gte=F("recorded_at")),
                name="suspension_lifted_after_recorded",
                violation_error_message="A suspension cannot be lifted before it was recorded.",
            ),
            models.CheckConstraint(
                condition=Q(lifted_at__isnull=True) | ~Q(lift_reason=""),
                name="suspension_lifted_with_reason",
                violation_error_message="Lifting a suspension needs a reason.",
            ),
            models.CheckConstraint(
                condition=Q(domain__in=DOMAINS),
                name="suspension_domain_known",
                violation_error_message="A suspension is about one of the kinds of fact.",
            ),
        )
        indexes = (models.Index(fields=("patient", "lifted_at"), name="suspension_patient_lifted"),)

    def __str__(self) -> str:
        return f"{self.domain} suspended by {self.file} row {self.row}"
