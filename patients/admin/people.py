"""Patients: a list found by the first letters of a code, and the page with everything that is recorded of one.

A code is typed into a form that is posted and kept in the session, so that no address and no log ever holds one.
Opening the page of a patient is an event of the audit trail.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from patients import trust
from patients.admin.charts import fact_tables
from patients.admin_site import EndlessPaginator, Link, ReadOnlyAdmin, Sections, by_key, need, page
from patients.facts import lives_and_died
from patients.models import CompletenessSuspension, ConditionFact, Patient, PatientDetails
from patients.vocabulary import default
from patients.wording import NONE, conflict_text, day_text, partial_text

#: What floors above add to the page of a patient.
PATIENT_SECTIONS: Sections[Patient] = Sections()

#: The place in the session for the first letters of the code that is looked for.
FOUND_BY = "patients found by code"


@admin.register(Patient)
class PatientAdmin(ReadOnlyAdmin):
    """Patients of every registry, by code."""

    list_display = ("code", "registry", "vital_status", "diagnosis", "data_through")
    list_display_links = ("code",)
    list_filter = ("registry",)
    list_select_related = ("registry",)
    ordering = ("pk",)
    sortable_by = ()
    paginator = EndlessPaginator
    list_before_template = "patients/find_patient.html"

    class Media:
        js = ("patients/focus.js",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Patient]:
        found = super().get_queryset(request)
        prefix = request.session.get(FOUND_BY, "") if _is_list(request) else ""
        if prefix:
            found = found.filter(patient_id__startswith=prefix)
        return found.prefetch_related(
            Prefetch("patientdetails_set", PatientDetails.objects.filter(withdrawn_at__isnull=True), "current_details"),
            Prefetch(
                "conditionfact_set",
                ConditionFact.objects.filter(withdrawn_at__isnull=True, kind="primary")
                .exclude(status="absent")
                .only("patient_id", "name", "concepts", "sites", "date_first")
                .order_by("date_first", "pk"),
                "current_primaries",
            ),
        )

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if request.method == "POST" and "find" in request.POST:
            need(request, "patients.view_patient")
            return self._find(request)
        context = {"found_by": request.session.get(FOUND_BY, ""), "title": "Patients"}
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def _find(self, request: HttpRequest) -> HttpResponse:
        prefix = request.POST["find"].strip()[:200]
        request.session[FOUND_BY] = prefix
        exact = list(Patient.objects.filter(patient_id=prefix).values_list("pk", flat=True)[:2]) if prefix else []
        if len(exact) == 1:
            request.session[FOUND_BY] = ""
            return HttpResponseRedirect(reverse("admin:patients_patient_change", args=exact))
        return HttpResponseRedirect(reverse("admin:patients_patient_changelist"))

    @admin.display(description="Patient")
    def code(self, patient: Patient) -> str:
        """The code by which the registry names the patient."""
        return patient.patient_id

    @admin.display(description="Status")
    def vital_status(self, patient: Patient) -> SafeString:
        """Alive or dead as far as the registry says."""
        tone, words = _vital(patient.current_details)
        tag = "tag" if tone else "soft"
        return format_html('<span class="record"><span class="{} {}">{}</span></span>', tag, tone, words)

    @admin.display(description="Diagnosis")
    def diagnosis(self, patient: Patient) -> str:
        """The primaries on record."""
        return "; ".join(dict.fromkeys(_diagnosis(each) for each in patient.current_primaries)) or NONE

    @admin.display(description="Data through")
    def data_through(self, patient: Patient) -> str:
        """How far the registry follows the patient."""
        return day_text(_data_through(patient.current_details))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Everything recorded of a patient."""
        need(request, "patients.view_patient")
        patient = by_key(Patient.objects.select_related("registry"), object_id)
        trust.viewed(actor=request.user, patient=patient, what="patient page")
        today = timezone.localdate()
        details = list(PatientDetails.objects.filter(patient=patient, withdrawn_at__isnull=True).order_by("pk"))
        tables = fact_tables(patient, vocabulary=default(), today=today)
        sections = PATIENT_SECTIONS.of(request, patient)
        tone, vital = _vital(details)
        return page(
            request,
            "patients/patient.html",
            title=patient.patient_id,
            crumbs=[
                Link("Patients", reverse("admin:patients_patient_changelist")),
                Link(str(patient.registry), reverse("admin:patients_registry_change", args=[patient.registry_id])),
            ],
            patient=patient,
            tone=tone,
            vital=vital,
            vital_conflict=_conflict(details),
            births=" or ".join(
                dict.fromkeys(partial_text(d.birth_first, d.birth_last) for d in details if d.birth_first)
            ),
            age=_age(details, today),
            sexes=" or ".join(dict.fromkeys(d.sex for d in details if d.sex)),
            country=" or ".join(dict.fromkeys(d.country for d in details if d.country)),
            data_through=day_text(_data_through(details)),
            contradicted=len(details) > 1,
            tables=tables,
            conflicts=sum(any(tone == "not" for tone, _ in row.flags) for table in tables for row in table.rows),
            past=sum(table.past for table in tables),
            suspensions=CompletenessSuspension.objects.filter(patient=patient, lifted_at__isnull=True).select_related(
                "problem"
            ),
            sections=sections,
            links=[link for section in sections for link in section.links],
            vocabulary=default().release,
        )


def _is_list(request: HttpRequest) -> bool:
    return request.path == reverse("admin:patients_patient_changelist")


def _vital(details: list[PatientDetails]) -> tuple[str, str]:
    said = {row.deceased for row in details if row.deceased is not None}
    if _contradicted(details):
        return "toned tone-not", "alive and dead: contradicted"
    death = next((partial_text(row.death_first, row.death_last) for row in details if row.death_first), "")
    if said == {True} or death:
        return "toned tone-quiet", f"died {death}" if death else "deceased"
    return ("toned tone-met", "alive") if said == {False} else ("", "no death recorded")


def _contradicted(details: list[PatientDetails]) -> bool:
    return lives_and_died((row.deceased, row.death_first) for row in details)


def _conflict(details: list[PatientDetails]) -> str:
    """What the rows say of life and death, where they contradict each other or one of them itself."""
    if not _contradicted(details):
        return ""
    firsts = [row.death_first for row in details if row.death_first]
    lasts = [row.death_last for row in details if row.death_last]
    return conflict_text(min(firsts, default=None), max(lasts, default=None))


def _diagnosis(condition: ConditionFact) -> str:
    words = default()
    names = [concept.name for id in condition.concepts if (concept := words.get(id)) is not None]
    # A breast cancer is of the breast: a site that the name says already is left out.
    said = {words.axes(id)[1] for id in condition.concepts if words.get(id) is not None}
    sites = [concept.name for id in condition.sites if id not in said and (concept := words.get(id)) is not None]
    name = " or ".join(names) or condition.name or "unnamed"
    return f"{name} ({' or '.join(sites)})" if sites else name


def _data_through(details: list[PatientDetails]) -> date | None:
    return min((row.data_through for row in details if row.data_through), default=None)


def _age(details: list[PatientDetails], today: date) -> str:
    """Age as far as the date of birth tells it; nothing for the dead and for contradicted dates."""
    births = {(row.birth_first, row.birth_last) for row in details if row.birth_first and row.birth_last}
    if len(births) != 1 or any(row.deceased or row.death_first for row in details):
        return ""
    first, last = births.pop()
    ages = sorted({_years(last, today), _years(first, today)})
    return f"{ages[0]} years" if len(ages) == 1 else f"{ages[0]} to {ages[-1]} years"


def _years(birth: date, today: date) -> int:
    return today.year - birth.year - ((today.month, today.day) < (birth.month, birth.day))
