"""The filters of the lists of runs, matches and changes of status."""

from __future__ import annotations

from typing import Any

import django_filters
from django import forms
from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError

from matcher.models import Match, MatchRun, StatusChange
from patients.api.filters import RegistryNameFilter, StrictFilterSet
from trials.models import Document
from trials.selectors import UnknownDocument, find_document


def trial_named(name: str, *, field: str = "trial") -> Document:
    """The trial that answers to a name in a request. Raises ValidationError about the field, with what is near."""
    try:
        return find_document(name, kind=Document.Kind.TRIAL)
    except UnknownDocument as unknown:
        raise ValidationError({field: str(unknown)}) from None


class TrialNameFilter(django_filters.CharFilter):
    """By any name that a trial answers to; one that nothing answers to is refused, rather than empty."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"help_text": "Id, NCT number or acronym of a trial.", **kwargs})

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        if not value:
            return qs
        return qs.filter(**{self.field_name: trial_named(value)})


class WholeNumberFilter(django_filters.NumberFilter):
    """By a key: a number with a fraction is refused, rather than empty."""

    field_class = forms.IntegerField


class RunFilter(StrictFilterSet):
    """Runs by registry, state, as-of and time."""

    registry = RegistryNameFilter()
    trial = TrialNameFilter(field_name="versions__document")
    created_after = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = MatchRun
        fields = ("state", "as_of")


class MatchFilter(StrictFilterSet):
    """Matches by trial, status, what they need, and when time clears them."""

    trial = TrialNameFilter(field_name="version__document")
    beside = ("run", "registry", "patient", "missing_fact", "settles")
    clears_before = django_filters.DateFilter(field_name="clears_on", lookup_expr="lt")
    clears_after = django_filters.DateFilter(field_name="clears_on", lookup_expr="gte")

    class Meta:
        model = Match
        fields = ("status", "needs", "offered", "cohort")


class StatusChangeFilter(StrictFilterSet):
    """Changes of status by registry, patient, trial, what they became, and what caused them."""

    registry = RegistryNameFilter(field_name="run__registry")
    patient = WholeNumberFilter(field_name="patient", help_text="Opaque id of a patient.")
    trial = TrialNameFilter(field_name="document")
    at_after = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte")

    class Meta:
        model = StatusChange
        fields = ("run", "from_status", "to_status", "cause")
