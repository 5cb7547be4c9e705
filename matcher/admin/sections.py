"""What answers add to the pages of the floors below: a patient's trials, a registry's last run, a trial's counts."""

from __future__ import annotations

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse

from matcher.addresses import lacking_url
from matcher.admin.asking import pair_url, shelf_url
from matcher.models import MatchRun, TrialCount
from matcher.pages import status_mark
from matcher.pages.wanted import FactRow, fact_rows
from matcher.runs import first_things
from matcher.selectors import counts_of, current_matches, latest_run, standing_versions, status_history
from patients.admin import PATIENT_SECTIONS, REGISTRY_SECTIONS
from patients.admin_site import Link, Section
from patients.facts import lives_and_died
from patients.models import Patient, PatientDetails, Registry
from patients.wording import day_text, with_days
from trials.admin import DOCUMENT_SECTIONS
from trials.criteria.documents import Recruitment
from trials.models import Document, Version
from trials.selectors import versions_in_force

#: Changes of status shown on the page of a patient.
HISTORY_SHOWN = 10
#: Missing facts shown on the page of a registry.
FACTS_SHOWN = 5
_ORDER = {"potentially_eligible": 0, "needs_information": 1, "not_now": 2, "not_eligible": 3}


@PATIENT_SECTIONS.add
def trials_of(request: HttpRequest, patient: Patient) -> Section | None:
    """The trials of a patient as the answers stand, each with the way to its page; and how statuses changed."""
    if not request.user.has_perm("matcher.view_match"):
        return None
    links = [Link("Against the whole shelf", shelf_url(patient.pk), "balance", primary=True)]
    versions = list(versions_in_force(kind=Document.Kind.TRIAL))
    stand = standing_versions(patient.registry)
    matches = {match.version_id: match for match in current_matches(patient.registry).filter(patient=patient)}
    said = list(
        PatientDetails.objects.filter(patient=patient, withdrawn_at__isnull=True).values_list("deceased", "death_first")
    )
    dead = any(deceased or death is not None for deceased, death in said) and not lives_and_died(said)
    rows = []
    for version in versions:
        match = matches.get(version.pk)
        ran = version.pk in stand
        status = match.status if match is not None else "not_eligible" if ran else ""
        mark = status_mark(status, deceased=dead and match is None) if status else None
        texts = [with_days(str(each["text"])) for each in match.missing] if match is not None else []
        rows.append(
            {
                "document": version.document,
                "version": version,
                "mark": mark,
                "order": (_ORDER.get(status, 4), version.document.code),
                "offered": _takes_patients(version),
                "wanted": texts[0] if texts else "",
                "more": max(0, len(texts) - 1),
                "clears": day_text(match.clears_on) if match is not None and match.clears_on else "",
                "as_of": match.as_of if match is not None else None,
                "url": pair_url(patient.pk, version.document_id),
            }
        )
    rows.sort(key=lambda row: row["order"])
    body = render_to_string(
        "matcher/patient_trials.html",
        {
            "offered": [row for row in rows if row["offered"]],
            "others": [row for row in rows if not row["offered"]],
            "ran": bool(stand),
            "history": list(status_history(patient)[:HISTORY_SHOWN]),
            "patient": patient,
        },
        request,
    )
    return Section(body=body, links=links)


@DOCUMENT_SECTIONS.add
def counts_of_trial(request: HttpRequest, document: Document) -> Section | None:
    """How many patients of each registry stand where now."""
    if document.kind != Document.Kind.TRIAL or not request.user.has_perm("matcher.view_matchrun"):
        return None
    counts = list(
        TrialCount.objects.filter(version__document=document, current=True)
        .select_related("run__registry", "version")
        .defer("version__content")
        .order_by("run__registry__name")
    )
    if not counts:
        return None
    body = render_to_string(
        "matcher/trial_counts.html",
        {
            "counts": counts,
            "document": document,
            "may_see": request.user.has_perms(["patients.view_patient", "matcher.view_match"]),
        },
        request,
    )
    return Section(body=body)


def _takes_patients(version: Version) -> bool:
    """Whether a patient could enter now, as far as it is known without reading the document."""
    return version.document.open_here and bool(version.recruitment) and Recruitment(version.recruitment).open


def _open_first(run: MatchRun) -> list[tuple[TrialCount, bool]]:
    counts = [(count, _takes_patients(count.version)) for count in counts_of(run)]
    return sorted(counts, key=lambda each: not each[1])


def _wanted(request: HttpRequest, run: MatchRun) -> list[FactRow]:
    first = first_things([run])
    linked = request.user.has_perms(["patients.view_patient", "matcher.view_match"])
    link = lacking_url(run=run.pk, offered=first.offered) if linked else None
    return fact_rows(first.facts[:FACTS_SHOWN], link=link)


@REGISTRY_SECTIONS.add
def last_run_of(request: HttpRequest, registry: Registry) -> Section | None:
    """The latest run of a registry in a line per status, and the way to start another."""
    if not request.user.has_perm("matcher.view_matchrun"):
        return None
    links = []
    if request.user.has_perm("matcher.add_matchrun"):
        links = [Link("Match", f"{reverse('admin:matcher_matchrun_add')}?registry={registry.pk}", "rule", primary=True)]
    run = latest_run(registry)
    under_way = MatchRun.objects.filter(registry=registry, state__in=MatchRun.UNDER_WAY).order_by("-pk").first()
    if run is None and under_way is None:
        return Section(links=links)
    body = render_to_string(
        "matcher/registry_run.html",
        {
            "run": run,
            "under_way": under_way,
            "counts": _open_first(run) if run is not None else [],
            "wanted": _wanted(request, run) if run is not None else [],
        },
        request,
    )
    return Section(body=body, links=links)
