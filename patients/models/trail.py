"""The two append-only trails: what was done by whom (audit), and which patients changed (for whoever matches them).

Both are written inside the transaction of the action they tell of, under one lock that is held until it commits:
so the audit chain has one order, and a reader of changes by cursor never skips a row that commits late.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from patients.models.facts import Patient
from patients.models.registries import Registry


class AppendOnlyError(Exception):
    """An attempt to change or delete a row of a trail."""


class AppendOnlyQuerySet(models.QuerySet[Any]):
    """A query set that can add and read only."""

    def update(self, **kwargs: Any) -> int:
        raise AppendOnlyError("rows of a trail cannot be changed")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise AppendOnlyError("rows of a trail cannot be deleted")


class AppendOnly(models.Model):
    """A row that is written once. The database refuses changes too, by triggers."""

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None and not self._state.adding:
            raise AppendOnlyError("rows of a trail cannot be changed")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise AppendOnlyError("rows of a trail cannot be deleted")


class TrailHead(models.Model):
    """The end of the audit chain: one row, locked by every writer, against which a cut-off tail shows."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    events = models.PositiveBigIntegerField(default=0)
    digest = models.CharField(max_length=64, blank=True, default="")

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(id=1),
                name="trail_has_one_head",
                violation_error_message="The trail has one head.",
            ),
        )

    def __str__(self) -> str:
        return f"{self.events} events"


class AuditEvent(AppendOnly):
    """Who did what to which object, when (UTC), with what before and after, and why."""

    number = models.PositiveBigIntegerField(unique=True)
    at = models.DateTimeField()
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    actor_name = models.CharField(max_length=200)
    action = models.CharField(max_length=80)
    object_type = models.CharField(max_length=80, blank=True, default="")
    object_id = models.CharField(max_length=80, blank=True, default="")
    registry = models.ForeignKey(Registry, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    before = models.JSONField(null=True, blank=True)
    after = models.JSONField(null=True, blank=True)
    reason = models.TextField(blank=True, default="")
    previous = models.CharField(max_length=64, blank=True, default="", help_text="Digest of the event before.")
    digest = models.CharField(max_length=64, unique=True)

    class Meta:
        ordering = ("number",)
        indexes = (
            models.Index(fields=("object_type", "object_id"), name="audit_object"),
            models.Index(fields=("at",), name="audit_at"),
            models.Index(fields=("registry", "number"), name="audit_registry"),
        )

    def __str__(self) -> str:
        return f"{self.number} {self.action}"


class ChangeLog(AppendOnly):
    """One thing that may change an answer: facts or answers of a patient, or a declaration of a whole registry."""

    class Kind(models.TextChoices):
        PATIENT = "patient", "facts or answers of a patient"
        REGISTRY = "registry", "policies or ranges of a registry"

    kind = models.CharField(max_length=16, choices=Kind)
    registry = models.ForeignKey(Registry, on_delete=models.PROTECT, related_name="+")
    patient = models.ForeignKey(Patient, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    cause = models.CharField(max_length=80, help_text="The action or upload behind it.")
    at = models.DateTimeField()

    class Meta:
        verbose_name = "change"
        ordering = ("id",)
        constraints = (
            models.CheckConstraint(
                condition=Q(kind="patient", patient__isnull=False) | Q(kind="registry", patient__isnull=True),
                name="change_names_its_patient",
                violation_error_message="A change of a patient names the patient; one of a registry names none.",
            ),
        )
        indexes = (models.Index(fields=("registry", "id"), name="change_registry_cursor"),)

    def __str__(self) -> str:
        return f"change {self.pk}"
