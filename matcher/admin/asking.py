"""What a page of answers is asked: the patient, and the date and knowledge the answer is to rest on.

With a run the page repeats what the run saw; without one it asks with what is known now, as of today or of a date that
the address names. Seeing an identified patient is an event of the audit trail.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode

from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse

from matcher.models import MatchRun
from matcher.runs import DATA_THROUGH, AsOf, read_as_of, today_in
from patients.models import Patient


@dataclass(frozen=True, slots=True)
class Question:
    """A patient, and what the address says of date and run."""

    patient: Patient
    run: MatchRun | None
    as_of: AsOf
    today: date

    @property
    def query(self) -> str:
        """The same question in the address of another page."""
        if self.run is not None:
            return f"?run={self.run.pk}"
        return "?" + urlencode({"as_of": self.as_of}) if self.as_of is not None else ""


def question_of(request: HttpRequest, patient: int) -> Question:
    """Read the address. Raises Http404 for a patient or run that is not there, or a run of another registry."""
    found = get_object_or_404(Patient.objects.select_related("registry"), pk=patient)
    today = today_in(found.registry)
    number = request.GET.get("run", "")
    if number:
        if not number.isdigit():
            raise Http404("a run has a number")
        run = get_object_or_404(MatchRun, pk=number, registry=found.registry)
        asked: AsOf = DATA_THROUGH if run.as_of_kind == MatchRun.AsOf.DATA_THROUGH else run.as_of
        return Question(found, run, asked, today)
    try:
        return Question(found, None, read_as_of(request.GET.get("as_of")), today)
    except ValueError as problem:
        raise Http404(str(problem)) from None


def pair_url(patient: int, document: int, query: str = "") -> str:
    """The page of a patient and a trial."""
    return reverse("admin:matcher_pair", args=[patient, document]) + query


def shelf_url(patient: int, query: str = "") -> str:
    """The page of a patient and the whole shelf."""
    return reverse("admin:matcher_shelf", args=[patient]) + query
