"""What is asked: documents of trials and options, the draft of each, and the frozen versions that results name.

A draft is text that its author may change at any time. A version is what a reviewer froze: its content never changes
again, neither through Django nor through SQL, so an answer that names a version can be had again next year.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower

from trials.criteria import documents
from trials.criteria.documents import Recruitment

#: Documents read back from frozen content, by its hash: equal content is one document in every thread that reads it.
_PARSED: OrderedDict[str, documents.Document] = OrderedDict()
_PARSED_KEPT = 500


class FrozenError(Exception):
    """An attempt to change or delete a frozen version."""


class Document(models.Model):
    """A trial or a treatment option, under the id by which documents, commands and results name it."""

    class Kind(models.TextChoices):
        TRIAL = "trial", "trial"
        OPTION = "option", "treatment option"

    kind = models.CharField(max_length=8, choices=Kind)
    code = models.CharField(max_length=80, help_text="The id of the document, such as LMS03 or trabectedin.")
    nct = models.CharField(max_length=16, blank=True, default="", help_text="Its number at ClinicalTrials.gov.")
    acronym = models.CharField(max_length=80, blank=True, default="")
    other_ids = models.JSONField(default=list, blank=True, help_text="Other ids it answers to.")
    title = models.CharField(max_length=500)
    open_here = models.BooleanField(default=True, help_text="Whether this site takes patients into the trial.")
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        ordering = ("kind", "code")
        constraints = (
            models.UniqueConstraint(
                Lower("code"),
                name="document_code_unique",
                violation_error_message="Another document has this id.",
            ),
            models.UniqueConstraint(
                Lower("nct"),
                condition=~Q(nct=""),
                name="document_nct_unique",
                violation_error_message="Another trial has this NCT number.",
            ),
            models.CheckConstraint(
                condition=~Q(code="") & ~Q(title=""),
                name="document_is_named",
                violation_error_message="A document has an id and a title.",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=("trial", "option")),
                name="document_kind_known",
                violation_error_message="A document is a trial or an option.",
            ),
            models.CheckConstraint(
                condition=Q(kind="trial") | Q(nct="", acronym=""),
                name="document_option_has_no_nct",
                violation_error_message="Only a trial has an NCT number or an acronym.",
            ),
        )

    def __str__(self) -> str:
        return self.code


class Draft(models.Model):
    """The one text of a document that is being written: YAML, perhaps not readable yet."""

    document = models.OneToOneField(Document, on_delete=models.PROTECT, related_name="draft")
    text = models.TextField(help_text="The document as YAML.")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    author_name = models.CharField(max_length=200, help_text="Who wrote it last.")
    editors = models.JSONField(
        default=list, blank=True, help_text="Everyone who wrote in it since the last version: none of them reviews it."
    )
    content_hash = models.CharField(
        max_length=64, blank=True, default="", help_text="Of what the text says; empty while it cannot be read."
    )
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ("document",)
        constraints = (
            models.CheckConstraint(
                condition=~Q(author_name=""),
                name="draft_has_author",
                violation_error_message="A draft has an author.",
            ),
        )

    def __str__(self) -> str:
        return f"draft of {self.document}"


class SharedStatement(models.Model):
    """A statement that several options include by its id; each version that includes it holds its own copy."""

    code = models.CharField(max_length=80, unique=True)
    text = models.TextField(help_text="The statement as YAML.")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    author_name = models.CharField(max_length=200)
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ("code",)

    def __str__(self) -> str:
        return self.code


class VersionQuerySet(models.QuerySet["Version"]):
    """Versions; of a frozen one only its end can be written."""

    def update(self, **kwargs: Any) -> int:
        if set(kwargs) - {"superseded_at"}:
            raise FrozenError("a frozen version cannot be changed")
        return super().update(**kwargs)

    def delete(self) -> tuple[int, dict[str, int]]:
        raise FrozenError("a frozen version cannot be deleted")

    def published(self) -> VersionQuerySet:
        """The versions in force: one of each document."""
        return self.filter(superseded_at__isnull=True)


class Version(models.Model):
    """A frozen state of a document. The one in force has no `superseded_at`, which is all that can be written later."""

    document = models.ForeignKey(Document, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    content = models.JSONField(help_text="The whole document, from which `parsed` reads it back.")
    content_hash = models.CharField(max_length=64)
    recruitment = models.CharField(
        max_length=32, blank=True, default="", choices=[(each.value, each.value) for each in Recruitment]
    )
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    author_name = models.CharField(max_length=200)
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    reviewer_name = models.CharField(max_length=200)
    frozen_at = models.DateTimeField()
    superseded_at = models.DateTimeField(null=True, blank=True)

    objects = VersionQuerySet.as_manager()

    class Meta:
        ordering = ("document", "-number")
        constraints = (
            models.UniqueConstraint(
                fields=("document", "number"),
                name="version_number_unique",
                violation_error_message="This document already has a version of this number.",
            ),
            models.UniqueConstraint(
                fields=("document",),
                condition=Q(superseded_at__isnull=True),
                name="version_one_published",
                violation_error_message="Another version of this document is in force; it must be superseded first.",
            ),
            models.CheckConstraint(
                condition=Q(number__gte=1),
                name="version_number_from_one",
                violation_error_message="Versions count from 1.",
            ),
            models.CheckConstraint(
                condition=~Q(author_name="") & ~Q(reviewer_name=""),
                name="version_names_people",
                violation_error_message="A version names its author and its reviewer.",
            ),
            models.CheckConstraint(
                condition=~Q(author_name=F("reviewer_name"))
                & (Q(author__isnull=True) | Q(reviewer__isnull=True) | ~Q(author=F("reviewer"))),
                name="version_author_is_not_reviewer",
                violation_error_message="Author and reviewer are different people.",
            ),
            models.CheckConstraint(
                condition=Q(superseded_at__isnull=True) | Q(superseded_at__gte=F("frozen_at")),
                name="version_superseded_after_frozen",
                violation_error_message="A version cannot be superseded before it was frozen.",
            ),
        )

    def __str__(self) -> str:
        return f"{self.document} version {self.number}"

    @property
    def is_published(self) -> bool:
        """Whether this is the version in force."""
        return self.superseded_at is None

    @property
    def parsed(self) -> documents.Document:
        """The document as the engines read it; kept in memory by the hash of its content."""
        found = _PARSED.get(self.content_hash)
        if found is None:
            found = _PARSED[self.content_hash] = documents.from_content(self.content)
            # The oldest go first; a shelf of more than these is still right, only slower.
            while len(_PARSED) > _PARSED_KEPT:
                _PARSED.popitem(last=False)
        return found

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding and set(kwargs.get("update_fields") or {"content"}) != {"superseded_at"}:
            raise FrozenError("a frozen version cannot be changed")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise FrozenError("a frozen version cannot be deleted")
