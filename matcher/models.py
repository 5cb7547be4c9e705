"""The answers as rows: match runs with their shards, what they found per patient and trial, and how statuses changed.

A run exists because its row says so; a message in a queue is only a hint that a shard waits. What a shard found is
written in one transaction under the shard's own key, so it can be evaluated twice, or half, and is stored once.

Each registry has one standing question: every trial in force, today or at each patient's data_through. Its answers are
intervals: a row holds from the standing run that found it until the one that replaced it, and is `current` meanwhile.
Any other question is asked once, and its rows belong to its run alone.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from patients.models import Patient, Registry
from trials.models import Document, Version


class Status(models.TextChoices):
    """The answer for a patient and a trial, best first (SEMANTICS §4)."""

    POTENTIALLY_ELIGIBLE = "potentially_eligible", "potentially eligible"
    NEEDS_INFORMATION = "needs_information", "needs information"
    NOT_NOW = "not_now", "not now"
    NOT_ELIGIBLE = "not_eligible", "not eligible"


class Needs(models.TextChoices):
    """What a pair that needs information needs."""

    FACTS = "facts", "facts"
    READER = "reader", "a reader"
    BOTH = "both", "facts and a reader"


#: What a match row can say: nothing is stored of a pair that is not eligible.
STORED_STATUSES = ("potentially_eligible", "needs_information", "not_now")


class MatchRun(models.Model):
    """One evaluation of a registry against a set of versions; with what it names its answers can be had again.

    A standing run brings the answers that hold now up to date, for all patients or only some; an asked run answers one
    question and touches nothing else.
    """

    class Kind(models.TextChoices):
        ASKED = "asked", "asked once"
        STANDING = "standing", "keeps the answers that hold now"

    class Scope(models.TextChoices):
        WHOLE = "whole", "every patient, every trial asked about"
        PATIENTS = "patients", "some patients, every trial that stands"
        VERSIONS = "versions", "every patient, some trials"

    class State(models.TextChoices):
        PENDING = "pending", "waiting"
        RUNNING = "running", "running"
        FINISHED = "finished", "finished"
        FAILED = "failed", "failed: it cannot be evaluated"
        ERRORED = "errored", "errored: a fault of the system"
        CANCELLED = "cancelled", "cancelled"

    class AsOf(models.TextChoices):
        DATE = "date", "one date for everyone"
        DATA_THROUGH = "data-through", "each patient's own data_through"

    #: The states in which shards may still be worked on, and those in which nothing more will happen.
    UNDER_WAY = (State.PENDING, State.RUNNING)
    ENDED = (State.FINISHED, State.FAILED, State.ERRORED, State.CANCELLED)

    registry = models.ForeignKey(Registry, on_delete=models.PROTECT, related_name="match_runs")
    kind = models.CharField(max_length=16, choices=Kind, default=Kind.ASKED)
    scope = models.CharField(max_length=16, choices=Scope, default=Scope.WHOLE)
    because = models.CharField(max_length=200, blank=True, default="", help_text="What made the system start it.")
    base = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="The standing run that it starts from: what that left is compared, and what came since is the cause.",
    )
    cursor = models.PositiveBigIntegerField(
        default=0, help_text="The last change of the log that it takes account of, and with it all before."
    )
    as_of_kind = models.CharField(max_length=16, choices=AsOf, default=AsOf.DATE)
    as_of = models.DateField(help_text="The date asked about; with data-through, that of patients who have none.")
    known_at = models.DateTimeField(help_text="The instant whose facts are used.")
    vocabulary = models.CharField(max_length=80, help_text="Release of the vocabulary.")
    engine = models.CharField(max_length=80, help_text="Version of the engine and of the language.")
    policy = models.CharField(max_length=64, help_text="Digest of the policies and ranges of the registry.")
    versions = models.ManyToManyField(Version, through="RunVersion", related_name="runs")
    state = models.CharField(max_length=16, choices=State, default=State.PENDING)
    patients = models.PositiveIntegerField(default=0)
    shards_total = models.PositiveIntegerField(default=0)
    shards_done = models.PositiveIntegerField(default=0)
    undated = models.PositiveIntegerField(
        default=0, help_text="Patients without a data_through, evaluated as of the day of known-at instead."
    )
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True, default="")

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(
                condition=Q(state__in=("pending", "running", "finished", "failed", "errored", "cancelled")),
                name="run_state_known",
                violation_error_message="A run is in one of the states of its life.",
            ),
            models.CheckConstraint(
                condition=Q(shards_done__lte=F("shards_total")),
                name="run_done_within_total",
                violation_error_message="More shards cannot be done than there are.",
            ),
            models.CheckConstraint(
                condition=~Q(state="finished") | Q(shards_done=F("shards_total")),
                name="run_finished_is_whole",
                violation_error_message="A run is finished when all its shards are done.",
            ),
            models.CheckConstraint(
                condition=Q(state__in=("pending", "running"), finished_at__isnull=True)
                | Q(state__in=("finished", "failed", "errored", "cancelled"), finished_at__isnull=False),
                name="run_ended_has_end",
                violation_error_message="A run that has ended says when, and no other does.",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=("failed", "errored")) | ~Q(error=""),
                name="run_failure_is_explained",
                violation_error_message="A failure says what was wrong.",
            ),
            models.CheckConstraint(
                condition=Q(as_of_kind__in=("date", "data-through")),
                name="run_as_of_kind_known",
                violation_error_message="A run asks about one date, or about each patient's data_through.",
            ),
            models.CheckConstraint(
                condition=Q(kind="asked", scope="whole")
                | Q(kind="standing", scope__in=("whole", "patients", "versions")),
                name="run_kind_and_scope_known",
                violation_error_message="A run is asked, of everything, or standing, of everything or a part.",
            ),
            models.UniqueConstraint(
                fields=("registry",),
                condition=Q(kind="standing", state__in=("pending", "running")),
                name="run_one_standing_under_way",
                violation_error_message="The answers of this registry are being brought up to date already.",
            ),
        )
        indexes = (
            models.Index(fields=("registry", "state", "-id"), name="run_registry_state"),
            models.Index(fields=("state",), name="run_state"),
            models.Index(fields=("registry", "kind", "-id"), name="run_registry_kind"),
        )

    def __str__(self) -> str:
        return f"run {self.pk}"

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in self.ENDED


class StandingQuestion(models.Model):
    """What is kept true for a registry: which date is asked about, and the run that last brought the answers there.

    Every current row is what an evaluation says as of that run's date with what it knew, unless `whole_due`. Its lock
    is held while a standing run is started or ended.
    """

    registry = models.OneToOneField(Registry, on_delete=models.PROTECT, related_name="standing", primary_key=True)
    as_of_kind = models.CharField(max_length=16, choices=MatchRun.AsOf, default=MatchRun.AsOf.DATE)
    run = models.ForeignKey(
        MatchRun, null=True, blank=True, on_delete=models.PROTECT, related_name="+",
        help_text="The latest standing run that finished.",
    )  # fmt: skip
    whole_due = models.BooleanField(
        default=False, help_text="A standing run ended badly, perhaps half stored: only every patient will do."
    )

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(as_of_kind__in=("date", "data-through")),
                name="standing_as_of_kind_known",
                violation_error_message="The standing question is about today, or about each patient's data_through.",
            ),
        )

    def __str__(self) -> str:
        return f"standing question of registry {self.registry_id}"


class PatientStanding(models.Model):
    """What stands for one patient of the standing question, in two numbers that tell whether anything has to be done.

    `digest` combines the digests of the patient's current rows, so that an answer which stayed the same is known
    without reading a row. `next_flip` is the next date on which time alone may change anything of the patient, pairs
    that have no row among it. A patient who has a row here was in the registry when last evaluated.
    """

    patient = models.OneToOneField(Patient, on_delete=models.PROTECT, related_name="standing", primary_key=True)
    registry = models.ForeignKey(Registry, on_delete=models.PROTECT, related_name="+")
    run = models.ForeignKey(MatchRun, on_delete=models.PROTECT, related_name="+", help_text="That last changed it.")
    digest = models.BigIntegerField(default=0)
    next_flip = models.DateField(null=True, blank=True)

    class Meta:
        indexes = (models.Index(fields=("registry", "next_flip"), name="patient_standing_flip"),)

    def __str__(self) -> str:
        return f"what stands for patient {self.patient_id}"


class RunVersion(models.Model):
    """A version that a run evaluates. A run of some patients evaluates all that stand, and names none."""

    run = models.ForeignKey(MatchRun, on_delete=models.CASCADE, related_name="run_versions")
    version = models.ForeignKey(Version, on_delete=models.PROTECT, related_name="run_versions")
    open_here = models.BooleanField(default=True, help_text="Whether the trial was open at this site.")

    class Meta:
        ordering = ("run", "version__document__code")
        constraints = (
            models.UniqueConstraint(
                fields=("run", "version"),
                name="run_version_once",
                violation_error_message="This run evaluates this version already.",
            ),
        )

    def __str__(self) -> str:
        return f"run {self.run_id}, version {self.version_id}"


class Shard(models.Model):
    """A range of patients of a run: what one worker claims, evaluates and stores in one transaction."""

    class State(models.TextChoices):
        PENDING = "pending", "waiting"
        RUNNING = "running", "being evaluated"
        DONE = "done", "done"
        ERRORED = "errored", "errored"

    run = models.ForeignKey(MatchRun, on_delete=models.CASCADE, related_name="shards")
    number = models.PositiveIntegerField()
    first_patient = models.PositiveBigIntegerField(help_text="Primary key of its first patient.")
    last_patient = models.PositiveBigIntegerField(help_text="Primary key of its last patient.")
    patients = models.PositiveIntegerField(default=0)
    chosen = models.JSONField(
        null=True, blank=True, help_text="The primary keys of its patients; null: all of the range."
    )
    state = models.CharField(max_length=16, choices=State, default=State.PENDING)
    sent_at = models.DateTimeField(null=True, blank=True, help_text="When a message last said that it waits.")
    claimed_at = models.DateTimeField(null=True, blank=True)
    claimed_by = models.CharField(
        max_length=64, blank=True, default="", help_text="Token of the attempt that holds it."
    )
    attempts = models.PositiveIntegerField(default=0)
    finished_at = models.DateTimeField(null=True, blank=True)
    undated = models.PositiveIntegerField(default=0)
    counts = models.JSONField(
        default=dict,
        blank=True,
        help_text="What it found, per version: summed when all are done. Of a run of some "
        "patients, by how much the counts change.",
    )
    error = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        ordering = ("run", "number")
        constraints = (
            models.UniqueConstraint(
                fields=("run", "number"),
                name="shard_number_unique",
                violation_error_message="This run already has a shard of this number.",
            ),
            models.CheckConstraint(
                condition=Q(first_patient__lte=F("last_patient")),
                name="shard_range_in_order",
                violation_error_message="A shard goes from its first patient to its last.",
            ),
            models.CheckConstraint(
                condition=Q(state__in=("pending", "running", "done", "errored")),
                name="shard_state_known",
                violation_error_message="A shard is in one of the states of its life.",
            ),
            models.CheckConstraint(
                condition=~Q(state="running") | (Q(claimed_at__isnull=False) & ~Q(claimed_by="")),
                name="shard_running_is_claimed",
                violation_error_message="A shard that is being evaluated says by which attempt and since when.",
            ),
            models.CheckConstraint(
                condition=~Q(state="done") | Q(finished_at__isnull=False),
                name="shard_done_has_end",
                violation_error_message="A shard that is done says when.",
            ),
        )
        indexes = (models.Index(fields=("state", "claimed_at"), name="shard_state_claimed"),)

    def __str__(self) -> str:
        return f"shard {self.number} of run {self.run_id}"


class Match(models.Model):
    """A patient and a trial that is not ruled out: the status of the best cohort and what settles it.

    Of the standing question it holds from its run until the run that replaced it. It rests on its own version, its own
    as-of and its run's known-at, which explain it at any later time.
    """

    # Millions of rows: only the indexes that something is looked up by, each of which costs as much as the row.
    run = models.ForeignKey(MatchRun, on_delete=models.CASCADE, related_name="matches", db_index=False)
    shard = models.ForeignKey(Shard, on_delete=models.CASCADE, related_name="matches", db_index=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="matches", db_index=False)
    document = models.ForeignKey(Document, on_delete=models.PROTECT, related_name="matches", db_index=False)
    version = models.ForeignKey(Version, on_delete=models.PROTECT, related_name="matches", db_index=False)
    current = models.BooleanField(default=False, help_text="Whether it holds now, of the standing question.")
    replaced_by = models.ForeignKey(
        MatchRun, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False,
        help_text="The standing run that found otherwise.",
    )  # fmt: skip
    replaced_at = models.DateTimeField(null=True, blank=True)
    digest = models.BigIntegerField(default=0, help_text="Of all it says but the dates that move with the calendar.")
    as_of = models.DateField()
    status = models.CharField(max_length=24, choices=Status)
    offered = models.BooleanField(help_text="Whether the trial takes patients here and now.")
    cohort = models.CharField(max_length=80, blank=True, default="")
    cohorts = models.JSONField(default=list, blank=True)
    needs = models.CharField(max_length=8, choices=Needs, blank=True, default="")
    missing = models.JSONField(default=list, blank=True)
    lacks = models.BinaryField(
        default=b"", blank=True, help_text="The missing facts packed, to count and to find pairs by them."
    )
    to_read = models.JSONField(default=list, blank=True)
    clears_on = models.DateField(null=True, blank=True, help_text="When time alone clears what stands against it.")
    next_flip = models.DateField(null=True, blank=True, help_text="The next date on which time alone may change it.")

    class Meta:
        verbose_name_plural = "matches"
        ordering = ("run", "id")
        constraints = (
            models.UniqueConstraint(
                fields=("run", "patient", "version"),
                name="match_unique",
                violation_error_message="This run already has an answer for this patient and version.",
            ),
            models.CheckConstraint(
                condition=Q(status__in=STORED_STATUSES),
                name="match_status_known",
                violation_error_message="A match is potentially eligible, needs information or is not now.",
            ),
            models.CheckConstraint(
                condition=Q(needs__in=("", "facts", "reader", "both")),
                name="match_needs_known",
                violation_error_message="A match needs facts, a reader, or both.",
            ),
            models.CheckConstraint(
                condition=Q(status="needs_information") & ~Q(needs="") | ~Q(status="needs_information") & Q(needs=""),
                name="match_says_what_it_needs",
                violation_error_message="A match that needs information says what, and no other does.",
            ),
            models.CheckConstraint(
                condition=Q(clears_on__isnull=True) | Q(status="not_now", clears_on__gt=F("as_of")),
                name="match_clears_later",
                violation_error_message="Only a match that is not now clears, and only later.",
            ),
            models.UniqueConstraint(
                fields=("patient", "document"),
                condition=Q(current=True),
                name="match_one_current",
                violation_error_message="Another answer holds for this patient and trial; it must be replaced first.",
            ),
            models.CheckConstraint(
                condition=Q(replaced_by__isnull=True, replaced_at__isnull=True)
                | Q(replaced_by__isnull=False, replaced_at__isnull=False, current=False),
                name="match_replaced_by_whom_and_when",
                violation_error_message="A match that was replaced says by which run and when, and holds no more.",
            ),
        )
        indexes = (
            models.Index(
                fields=("version", "status", "needs"), condition=Q(current=True), name="match_current_version_status"
            ),
            models.Index(fields=("run", "version", "status", "needs"), name="match_run_version_status"),
            models.Index(fields=("patient", "run"), name="match_patient_run"),
        )

    def __str__(self) -> str:
        return f"match {self.pk}"


class TrialCount(models.Model):
    """What a finished run counted for one version: patients per status, the dead apart, and the funnel of criteria.

    Of the standing question it holds until a run that counted otherwise, and covers the whole registry whichever
    patients that run evaluated.

    `funnel` lists the counted criteria in the order of the document, over the living: `alone` are the patients for whom
    the criterion is not met, `in_order` those it removes who were still in, `unknown` those it leaves open.
    """

    run = models.ForeignKey(MatchRun, on_delete=models.CASCADE, related_name="counts")
    version = models.ForeignKey(Version, on_delete=models.PROTECT, related_name="+")
    potentially_eligible = models.PositiveIntegerField(default=0)
    needs_information = models.PositiveIntegerField(default=0)
    not_now = models.PositiveIntegerField(default=0)
    not_eligible = models.PositiveIntegerField(default=0)
    deceased = models.PositiveIntegerField(default=0)
    funnel = models.JSONField(default=list, blank=True)
    open_here = models.BooleanField(default=True, help_text="Whether the trial was open at this site.")
    current = models.BooleanField(default=False, help_text="Whether it holds now, of the standing question.")
    replaced_by = models.ForeignKey(
        MatchRun, null=True, blank=True, on_delete=models.PROTECT, related_name="+",
        help_text="The standing run that counted otherwise.",
    )  # fmt: skip

    class Meta:
        ordering = ("run", "version__document__code")
        constraints = (
            models.UniqueConstraint(
                fields=("run", "version"),
                name="trial_count_once",
                violation_error_message="This run has counted this version already.",
            ),
            models.CheckConstraint(
                condition=Q(current=False) | Q(replaced_by__isnull=True),
                name="trial_count_holds_or_is_replaced",
                violation_error_message="Counts that were replaced hold no more.",
            ),
        )
        indexes = (models.Index(fields=("current", "version"), name="trial_count_current"),)

    def __str__(self) -> str:
        return f"counts of run {self.run_id}, version {self.version_id}"

    def as_dict(self) -> dict[str, int]:
        """The count of every status, and of the dead, who are in none of them."""
        return {name: getattr(self, name) for name in (*Status.values, "deceased")}


class StatusChange(models.Model):
    """A status that a standing run found otherwise than it stood, and what caused that.

    `from_status` is empty for a patient who was not in the registry before. `because` names facts of the patient, for
    those who may see them; `detail` does not.
    """

    class Cause(models.TextChoices):
        NEW_PATIENT = "new patient", "the patient is new"
        NEW_VERSION = "new version", "the document was amended"
        FACTS = "facts", "facts or answers of the patient"
        POLICY = "policy", "policies or ranges of the registry"
        VOCABULARY = "vocabulary", "the vocabulary"
        ENGINE = "engine", "the engine"
        TIME = "time", "time alone"

    run = models.ForeignKey(MatchRun, on_delete=models.CASCADE, related_name="status_changes")
    shard = models.ForeignKey(Shard, on_delete=models.CASCADE, related_name="+")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="status_changes")
    document = models.ForeignKey(Document, on_delete=models.PROTECT, related_name="status_changes")
    version = models.ForeignKey(Version, on_delete=models.PROTECT, related_name="+")
    from_status = models.CharField(max_length=24, choices=Status, blank=True, default="")
    to_status = models.CharField(max_length=24, choices=Status)
    cause = models.CharField(max_length=16, choices=Cause)
    detail = models.CharField(max_length=80, blank=True, default="", help_text="The upload or action behind it.")
    because = models.CharField(
        max_length=300, blank=True, default="", help_text="The facts that decided, or whose time was up, in words."
    )
    at = models.DateTimeField()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("run", "patient", "document"),
                name="status_change_once",
                violation_error_message="This run already tells how the status of this patient and trial changed.",
            ),
            models.CheckConstraint(
                condition=Q(from_status__in=("", *Status.values), to_status__in=Status.values),
                name="status_change_known",
                violation_error_message="A status is one of the four.",
            ),
            models.CheckConstraint(
                condition=~Q(from_status=F("to_status")),
                name="status_change_changes",
                violation_error_message="A change of status is from one status to another.",
            ),
            models.CheckConstraint(
                condition=Q(
                    cause__in=("new patient", "new version", "facts", "policy", "vocabulary", "engine", "time")
                ),
                name="status_change_cause_known",
                violation_error_message="A change of status has one of the known causes.",
            ),
        )
        indexes = (
            models.Index(fields=("patient", "document", "-id"), name="status_change_patient"),
            models.Index(fields=("run", "document"), name="status_change_run"),
        )

    def __str__(self) -> str:
        return f"status change {self.pk}"
