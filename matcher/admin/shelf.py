"""One patient against the whole shelf: what must not be used, options by rank, trials by status."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from matcher.admin.asking import pair_url, question_of
from matcher.answers import explain
from matcher.pages import names_in, shelf_page
from patients import trust
from patients.admin_site import Link, need, page
from patients.vocabulary import default
from trials.criteria.documents import TrialDocument


def shelf_view(request: HttpRequest, patient: int) -> HttpResponse:
    """The page of a patient and every trial and option in force."""
    need(request, "patients.view_patient")
    question = question_of(request, patient)
    explanation = explain(question.patient, as_of=question.as_of, run=question.run)
    trust.viewed(actor=request.user, patient=question.patient, what="the whole shelf")
    by_code = explanation.versions
    trials = []
    for result in explanation.trials:
        version = by_code[result.document]
        parsed = version.parsed
        assert isinstance(parsed, TrialDocument)  # the results are those of trials
        trials.append((parsed, result, version.document_id, result.document not in explanation.closed_here))
    shown = shelf_page(
        trials,
        [(result, by_code[result.document.id].document_id) for result in explanation.options],
        vocabulary=default(),
        names=names_in(explanation.record, default()),
    )
    return page(
        request,
        "matcher/shelf.html",
        title=f"{question.patient.patient_id} against the whole shelf",
        crumbs=[
            Link("Patients", reverse("admin:patients_patient_changelist")),
            Link(question.patient.patient_id, reverse("admin:patients_patient_change", args=[patient])),
        ],
        patient=question.patient,
        shown=shown,
        run=question.run,
        as_of=explanation.as_of,
        known_at=explanation.known_at,
        today=question.today,
        data_through=explanation.record.data_through,
        deceased=explanation.deceased,
        alive_or_dead=explanation.alive_or_dead,
        query=question.query,
        pair_url=pair_url,
    )
