"""The filters of the lists of patients, imports and their problems; each uses an index or a small table."""

from __future__ import annotations

from typing import Any, ClassVar

import django_filters
from django.db.models import Exists, OuterRef, Q, QuerySet
from django_filters.rest_framework import FilterSet
from rest_framework.exceptions import ValidationError

from patients.api.access import registry_named
from patients.models import Patient, PatientDetails, Registry, Upload, UploadProblem


class StrictFilterSet(FilterSet):
    """Filters that refuse what they do not know: a slip in a name must not answer with everything."""

    #: What a request may say beside its filters: the page, and what a view reads itself.
    beside: ClassVar[tuple[str, ...]] = ()

    def is_valid(self) -> bool:
        known = {*self.filters, *self.beside, "cursor", "page_size"}
        unknown = sorted(set(self.data) - known)
        if unknown:
            there_are = ", ".join(sorted(known))
            raise ValidationError({name: f"there is no such filter; there are {there_are}" for name in unknown})
        for name, each in self.filters.items():
            text = self.data.get(name, "")
            # The widget of django-filter takes any other word for no answer.
            if isinstance(each, django_filters.BooleanFilter) and text.lower() not in {"", "true", "false", "1", "0"}:
                raise ValidationError({name: "write true or false"})
            if isinstance(each, django_filters.ChoiceFilter) and "choices" in each.extra:
                words = [str(word) for word, _ in each.extra["choices"]]
                if text and text not in words:
                    raise ValidationError({name: f"{text[:80]!r} is none of {', '.join(words)}"})
        return bool(super().is_valid())


class RegistryNameFilter(django_filters.CharFilter):
    """By the handle of a registry; one that the caller does not see is not found, rather than empty."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"help_text": "Handle of a registry.", **kwargs})

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        if not value:
            return qs
        return qs.filter(**{self.field_name: registry_named(self.parent.request, value)})


class RegistryFilter(StrictFilterSet):
    """Registries by the beginning of their handle."""

    name = django_filters.CharFilter(lookup_expr="istartswith", help_text="Beginning of the handle.")

    class Meta:
        model = Registry
        fields = ("preset",)


class PatientFilter(StrictFilterSet):
    """Patients by registry and by what their current details say."""

    registry = RegistryNameFilter()
    sex = django_filters.CharFilter(method="by_details", help_text="female, male, …")
    deceased = django_filters.BooleanFilter(
        method="by_details", help_text="Who a record calls both alive and dead is found by either."
    )
    data_through_after = django_filters.DateFilter(
        method="by_details", help_text="Record kept up to this day or longer."
    )
    data_through_before = django_filters.DateFilter(
        method="by_details", help_text="Record kept up to this day at most."
    )

    class Meta:
        model = Patient
        fields: tuple[str, ...] = ()

    _LOOKUPS = {"data_through_after": "data_through__gte", "data_through_before": "data_through__lte"}

    def by_details(self, queryset: QuerySet[Patient], name: str, value: Any) -> QuerySet[Patient]:
        """Patients of whom a current row of details says so."""
        says = Q(**{self._LOOKUPS.get(name, name): value})
        if name == "deceased" and value:
            says |= Q(death_first__isnull=False)
        said = PatientDetails.objects.filter(says, patient=OuterRef("pk"), withdrawn_at__isnull=True)
        return queryset.filter(Exists(said))


class ImportFilter(StrictFilterSet):
    """Imports by registry, state, kind and time."""

    registry = RegistryNameFilter()
    created_after = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = Upload
        fields = ("state", "mode", "dry_run")


class ImportProblemFilter(StrictFilterSet):
    """Problems by what they are and where they stand."""

    class Meta:
        model = UploadProblem
        fields = ("severity", "code", "file", "row", "column", "rejected")
