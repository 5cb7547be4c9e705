"""The filters of the shelf: by what a source says of a trial, and by the names people know it under."""

from __future__ import annotations

import django_filters
from django.db.models import Q

from patients.api.filters import StrictFilterSet
from trials.models import Version, VersionQuerySet


class OptionFilter(StrictFilterSet):
    """Options by words of their name."""

    search = django_filters.CharFilter(method="by_name", help_text="Part of an id or a title.")

    class Meta:
        model = Version
        fields: tuple[str, ...] = ()

    def by_name(self, queryset: VersionQuerySet, name: str, value: str) -> VersionQuerySet:
        """Documents of which an id or the title holds the text."""
        return queryset.filter(
            Q(document__code__icontains=value)
            | Q(document__nct__iexact=value)
            | Q(document__acronym__icontains=value)
            | Q(document__title__icontains=value)
        )


class TrialFilter(OptionFilter):
    """Trials by recruitment, by whether they are open here, and by name."""

    open_here = django_filters.BooleanFilter(field_name="document__open_here")
    nct = django_filters.CharFilter(field_name="document__nct", lookup_expr="iexact", help_text="NCT number.")

    class Meta:
        model = Version
        fields = ("recruitment",)
