"""Registries: what each holds, how its silence is read, its normal ranges, and the names that no vocabulary knows.

What is declared for a registry is never edited: a change withdraws a dated row and records another, with who and why,
and the page shows both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Count, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse

from patients import actions
from patients.admin.uploads import state_mark
from patients.admin_site import Link, ReadOnlyAdmin, RecordForm, Sections, by_key, form_page, need, page, said
from patients.facts import CODED
from patients.models import (
    Domain,
    NameMapping,
    Patient,
    Preset,
    ReferenceRange,
    Registry,
    RegistryPolicy,
    Upload,
)
from patients.selectors import UnmappedName, registry_summary, unmapped_names
from patients.vocabulary import Domain as Words
from patients.vocabulary import default

#: What floors above add to the page of a registry.
REGISTRY_SECTIONS: Sections[Registry] = Sections()

#: Unmapped names shown with suggestions on one page.
NAMES_SHOWN = 100

_WORDS: Mapping[str, tuple[Words, ...]] = {
    Domain.CONDITIONS: (Words.CANCER, Words.CONDITION),
    Domain.TREATMENTS: (Words.DRUG, Words.PROCEDURE),
    Domain.MEDICATIONS: (Words.DRUG, Words.PROCEDURE),
    Domain.OBSERVATIONS: (Words.TEST,),
    Domain.BIOMARKERS: (Words.GENE,),
}


class RegistryForm(RecordForm):
    """A registry before its first upload."""

    name = forms.SlugField(help_text="A short handle of letters, digits, hyphen and underscore, as commands use it.")
    title = forms.CharField(required=False, max_length=200)
    preset = forms.ChoiceField(
        choices=Preset.choices,
        initial=Preset.CANCER_REGISTRY,
        help_text=(
            "How the silence of its files is read. Cancer registry: a treatment that is not there may still have been "
            "given. Clinic: for a patient with a data-through date the list of drugs is complete."
        ),
    )
    time_zone = forms.CharField(initial="UTC", help_text="Decides what today is: Europe/Paris.")


class PolicyForm(RecordForm):
    """How the absence of a record is to be read."""

    domain = forms.ChoiceField(label="Kind of fact", choices=Domain.choices)
    scope = forms.CharField(
        initial="all", help_text="all, kind:drug, class:…, genes:a|b, alteration:…, assay:…, joined by spaces."
    )
    policy = forms.ChoiceField(label="Reading", choices=RegistryPolicy.Reading.choices)
    currency_days = forms.IntegerField(
        label="Currency in days", required=False, min_value=0,
        help_text="For how long after the data end silence still counts. Empty: the default of the engine.",
    )  # fmt: skip
    needs_data_through = forms.BooleanField(label="Only for patients with a data-through date", required=False)
    reason = forms.CharField(widget=forms.Textarea(attrs={"rows": 2}), help_text="Stands in the audit trail.")


class ReasonForm(RecordForm):
    """Why."""

    reason = forms.CharField(widget=forms.Textarea(attrs={"rows": 2}), help_text="Stands in the audit trail.")


class RangeForm(RecordForm):
    """A laboratory's normal range."""

    test = forms.CharField(help_text="Name or synonym of a test of the vocabulary, such as creatinine.")
    low = forms.FloatField(required=False)
    high = forms.FloatField(required=False)
    unit = forms.CharField(required=False)
    sex = forms.ChoiceField(required=False, choices=[("", "any"), *((each, each) for each in CODED["sex"])])
    age_from = forms.FloatField(label="From age", required=False, min_value=0)
    age_to = forms.FloatField(label="To age", required=False, min_value=0)
    valid_from = forms.DateField(required=False)
    valid_to = forms.DateField(required=False)
    laboratory = forms.CharField(required=False, max_length=200)
    reason = forms.CharField(widget=forms.Textarea(attrs={"rows": 2}), help_text="Stands in the audit trail.")


@admin.register(Registry)
class RegistryAdmin(ReadOnlyAdmin):
    """Registries with what they hold."""

    list_display = ("title_or_name", "name", "preset", "patient_count", "fact_count", "last_upload", "last_state")
    list_display_links = ("title_or_name",)
    ordering = ("name",)
    sortable_by = ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("patients.add_registry")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Registry]:
        def count(rows: QuerySet[Any], what: Any) -> Coalesce:
            grouped = rows.filter(registry=OuterRef("pk")).order_by().values("registry")
            return Coalesce(Subquery(grouped.annotate(n=what).values("n")), 0)

        last = Upload.objects.filter(registry=OuterRef("pk")).order_by("-pk")
        applied = Upload.objects.filter(state=Upload.State.APPLIED)
        # Facts are counted from what the uploads did: reading their tables would take seconds at a million patients.
        return super().get_queryset(request).annotate(
            patients_held=count(Patient.objects.all(), Count("pk")),
            facts_held=count(applied, Sum("new") - Sum("withdrawn")),
            last_upload_id=Subquery(last.values("pk")[:1]),
            last_upload_at=Subquery(last.values("created_at")[:1]),
            last_upload_state=Subquery(last.values("state")[:1]),
        )  # fmt: skip

    @admin.display(description="Registry")
    def title_or_name(self, registry: Registry) -> str:
        """What people call it."""
        return str(registry)

    @admin.display(description="Patients")
    def patient_count(self, registry: Any) -> str:
        """How many patients it ever held."""
        return f"{registry.patients_held:,}"

    @admin.display(description="Facts")
    def fact_count(self, registry: Any) -> str:
        """How many current facts its uploads brought."""
        return f"{registry.facts_held:,}"

    @admin.display(description="Last upload")
    def last_upload(self, registry: Any) -> Any:
        """When something was sent last."""
        return registry.last_upload_at

    @admin.display(description="State")
    def last_state(self, registry: Any) -> Any:
        """What became of it."""
        return state_mark(Upload(state=registry.last_upload_state)) if registry.last_upload_state else "–"

    def get_urls(self) -> list[URLPattern]:
        def own(route: str, view: Any, name: str) -> URLPattern:
            return path(route, self.admin_site.admin_view(view), name=f"patients_registry_{name}")

        return [
            own("<int:pk>/names/", self.names, "names"),
            own("<int:pk>/policy/", self.set_policy, "policy"),
            own("<int:pk>/policy/<int:policy>/withdraw/", self.withdraw_policy, "withdraw_policy"),
            own("<int:pk>/range/", self.set_range, "range"),
            own("<int:pk>/mapping/<int:mapping>/withdraw/", self.withdraw_mapping, "withdraw_mapping"),
            *super().get_urls(),
        ]

    # --- Pages

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A new registry, with the policies of its preset."""
        need(request, "patients.add_registry")

        def done(form: RecordForm) -> str:
            registry = actions.create_registry(by=request.user, **form.cleaned_data)
            messages.success(request, f"Registry {registry} is there. Send its first upload next.")
            return _page_of(registry)

        return form_page(
            request, RegistryForm(request.POST or None), title="New registry", done=done, submit="Create",
            crumbs=[_list()],
        )  # fmt: skip

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """What a registry holds and what is declared for it."""
        need(request, "patients.view_registry")
        registry = by_key(Registry, object_id)
        policies = list(
            RegistryPolicy.objects.filter(registry=registry).select_related("recorded_by")
            .order_by("withdrawn_at", "domain", "scope")
        )  # fmt: skip
        ranges = list(
            ReferenceRange.objects.filter(registry=registry).select_related("recorded_by")
            .order_by("test", "laboratory", "sex", "age_from")
        )  # fmt: skip
        sections = REGISTRY_SECTIONS.of(request, registry)
        return page(
            request,
            "patients/registry.html",
            title=str(registry),
            crumbs=[_list()],
            registry=registry,
            summary=registry_summary(registry),
            uploads=Upload.objects.filter(registry=registry).select_related("by")[:8],
            policies=policies,
            ranges=[
                (row, test.name if (test := default().get(row.test)) is not None else row.test,
                 default().test(row.test).unit if test is not None else "")
                for row in ranges
            ],
            names=unmapped_names(registry)[:6],
            may_declare=request.user.has_perm("patients.change_registry"),
            may_map=request.user.has_perm("patients.add_namemapping"),
            may_send=request.user.has_perm("patients.add_upload"),
            sections=sections,
            links=[link for section in sections for link in section.links],
        )  # fmt: skip

    def names(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The names that no vocabulary knows, and what a person decided about such names."""
        need(request, "patients.view_registry")
        registry = get_object_or_404(Registry, pk=pk)
        if request.method == "POST":
            need(request, "patients.add_namemapping")
            return self._map(request, registry)
        found = unmapped_names(registry)
        return page(
            request,
            "patients/names.html",
            title="Names",
            crumbs=[_list(), Link(str(registry), _page_of(registry))],
            registry=registry,
            names=[(each, _suggestions(each)) for each in found[:NAMES_SHOWN]],
            total=len(found),
            mappings=NameMapping.objects.filter(registry=registry).select_related("recorded_by").order_by("-pk"),
            may_map=request.user.has_perm("patients.add_namemapping"),
        )

    def _map(self, request: HttpRequest, registry: Registry) -> HttpResponse:
        domain, name = request.POST.get("domain", ""), request.POST.get("name", "")
        wanted = request.POST.get("other", "").strip() or request.POST.get("concept", "")
        found = default().find(wanted, *_WORDS.get(domain, ())) if wanted and domain in _WORDS else ()
        try:
            if domain in _WORDS and len(found) != 1:
                near = [default().concept(id).name for id in default().nearest(wanted, *_WORDS[domain])]
                hint = f"; near: {', '.join(near)}" if near else ""
                raise ValidationError(f"“{wanted}” is no name of one concept{hint}" if wanted else "choose a meaning")
            actions.map_name(
                registry=registry, domain=domain, name=name, concept=found[0] if found else wanted, by=request.user,
                reason=request.POST.get("reason", ""),
            )  # fmt: skip
        except ValidationError as problem:
            said(request, problem)
        else:
            messages.success(request, f"“{name}” is mapped; the facts that bear it were read again.")
        return HttpResponseRedirect(reverse("admin:patients_registry_names", args=[registry.pk]))

    # --- Declarations

    def set_policy(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Record how silence is read; the row it replaces is withdrawn."""
        need(request, "patients.change_registry")
        registry = get_object_or_404(Registry, pk=pk)

        def done(form: RecordForm) -> str:
            actions.set_policy(registry=registry, by=request.user, **form.cleaned_data)
            return _page_of(registry)

        return form_page(
            request, PolicyForm(request.POST or None, initial={name: request.GET[name] for name in request.GET}),
            title="Policy", done=done, submit="Record", crumbs=[_list(), Link(str(registry), _page_of(registry))],
            intro="Where no coverage row says it, the policy decides whether silence about a kind of fact means that "
                  "there was none. Every patient of the registry is matched again.",
        )  # fmt: skip

    def withdraw_policy(self, request: HttpRequest, pk: int, policy: int) -> HttpResponse:
        """Take a policy back: its domain and scope are open again."""
        need(request, "patients.change_registry")
        row = get_object_or_404(RegistryPolicy.objects.select_related("registry"), pk=policy, registry=pk)

        def done(form: RecordForm) -> str:
            actions.withdraw_policy(policy=row, by=request.user, reason=form.cleaned_data["reason"])
            return _page_of(row.registry)

        return form_page(
            request, ReasonForm(request.POST or None), title="Withdraw a policy", done=done, submit="Withdraw",
            crumbs=[_list(), Link(str(row.registry), _page_of(row.registry))],
            intro=f"{row}. Without it, silence about {row.domain.replace('_', ' ')} says nothing.",
        )  # fmt: skip

    def set_range(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Record a normal range; the one it replaces is withdrawn."""
        need(request, "patients.change_registry")
        registry = get_object_or_404(Registry, pk=pk)

        def done(form: RecordForm) -> str:
            values = dict(form.cleaned_data)
            values["unit"] = values["unit"] or None
            actions.set_range(registry=registry, by=request.user, **values)
            return _page_of(registry)

        return form_page(
            request, RangeForm(request.POST or None), title="Normal range", done=done, submit="Record",
            crumbs=[_list(), Link(str(registry), _page_of(registry))],
            intro="Used where a row brings no limits of its own, for limits such as 1.5 × ULN.",
        )  # fmt: skip

    def withdraw_mapping(self, request: HttpRequest, pk: int, mapping: int) -> HttpResponse:
        """Take a decision about a name back."""
        need(request, "patients.add_namemapping")
        row = get_object_or_404(NameMapping.objects.select_related("registry"), pk=mapping, registry=pk)
        names = reverse("admin:patients_registry_names", args=[pk])

        def done(form: RecordForm) -> str:
            actions.withdraw_mapping(mapping=row, by=request.user, reason=form.cleaned_data["reason"])
            return names

        return form_page(
            request, ReasonForm(request.POST or None), title="Withdraw a mapping", done=done, submit="Withdraw",
            crumbs=[_list(), Link(str(row.registry), _page_of(row.registry)), Link("Names", names)],
            intro=f"“{row.name}” is read as {row.concept}. Without it the facts that bear the name are read by the "
                  "vocabulary alone.",
        )  # fmt: skip


def _list() -> Link:
    return Link("Registries", reverse("admin:patients_registry_changelist"))


def _page_of(registry: Registry) -> str:
    return reverse("admin:patients_registry_change", args=[registry.pk])


def _suggestions(name: UnmappedName) -> list[tuple[str, str]]:
    """Concepts whose names look like this one: to be chosen by a person, never by us."""
    if name.domain == Domain.DISEASE_STATUS:
        return [(each, each) for each in CODED["disease_status"]]
    found = default().nearest(name.name, *_WORDS[name.domain], n=5)
    return [(id, default().concept(id).name) for id in found]
