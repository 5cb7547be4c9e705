"""One patient against one trial: the page, and the answers a person records on it.

An answer settles a criterion that the facts leave unknown; over what they decide it is an override, which takes the
investigator's permission and a reason. Answers are given to the version in force, and count from the day of giving.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse

from matcher.admin.asking import Question, pair_url, question_of, shelf_url
from matcher.answers import explain
from matcher.engine import Truth
from matcher.models import StatusChange
from matcher.pages import names_in, pair_page
from matcher.pages.findings import is_answered, questions_of
from matcher.runs import asked_versions, today_in
from matcher.selectors import status_history
from patients import actions, trust
from patients.admin_site import Link, need, page, said
from patients.models import AnswerFact, Patient
from patients.vocabulary import default
from trials.criteria import tree as t
from trials.criteria.documents import TrialDocument
from trials.models import Document, Version
from trials.selectors import current_version, versions_in_force

#: Changes of status shown on the page.
HISTORY_SHOWN = 8


def pair_view(request: HttpRequest, patient: int, document: int) -> HttpResponse:
    """The page of a patient and a trial; a POST records or withdraws an answer."""
    need(request, "patients.view_patient")
    question = question_of(request, patient)
    trial = get_object_or_404(Document, pk=document, kind=Document.Kind.TRIAL)
    if request.method == "POST":
        return _answer(request, question.patient, trial)
    version = _version(question, trial)
    parsed = version.parsed
    assert isinstance(parsed, TrialDocument)  # the document is a trial, so its versions are
    explanation = explain(question.patient, as_of=question.as_of, versions=[version], run=question.run)
    open_here, vocabulary = trial.code not in explanation.closed_here, default()
    shown = pair_page(
        parsed,
        explanation.trials[0],
        vocabulary=vocabulary,
        open_here=open_here,
        names=names_in(explanation.record, vocabulary),
    )
    trust.viewed(actor=request.user, patient=question.patient, what=str(version))
    answers = _answers(question, version)
    current = version.is_published and question.run is None
    return page(
        request,
        "matcher/pair.html",
        title=f"{question.patient.patient_id} against {trial.acronym or trial.code}",
        crumbs=[
            Link("Patients", reverse("admin:patients_patient_changelist")),
            Link(question.patient.patient_id, reverse("admin:patients_patient_change", args=[patient])),
            Link("the whole shelf", shelf_url(patient, question.query)),
        ],
        patient=question.patient,
        document=trial,
        version=version,
        parsed=parsed,
        shown=shown,
        lines=[(criterion, answers[criterion.id]) for criterion in shown.criteria],
        run=question.run,
        as_of=explanation.as_of,
        known_at=explanation.known_at,
        today=question.today,
        data_through=explanation.record.data_through,
        alive_or_dead=explanation.alive_or_dead,
        default_valid=question.today + timedelta(days=actions.ANSWER_DAYS),
        may_answer=current and request.user.has_perm("patients.add_answerfact"),
        may_override=current and request.user.has_perm("patients.override_criterion"),
        asks_the_past=explanation.as_of < question.today,
        history=_history(question.patient, trial),
        now_url=pair_url(patient, document),
    )


def _version(question: Question, trial: Document) -> Version:
    """The version in force, or that of a run: the one it evaluated, or else the one in force when it started.

    Raises Http404 where there is none.
    """
    if question.run is None:
        found = current_version(trial)
    else:
        asked = (each.version for each in asked_versions(question.run))
        found = next((version for version in asked if version.document_id == trial.pk), None)
        found = found or versions_in_force(at=question.run.created_at).filter(document=trial).first()
    if found is None:
        raise Http404("no version of this trial is published")
    found.document = trial
    return found


def _answers(question: Question, version: Version) -> dict[str, list[AnswerFact]]:
    """The answers that stand to criteria of a version, by criterion: those to the whole line first."""
    found: dict[str, list[AnswerFact]] = defaultdict(list)
    rows = AnswerFact.objects.filter(
        patient=question.patient, document=version.document.code, version=version.number, withdrawn_at__isnull=True
    )
    for row in rows.select_related("by").order_by("question", "-pk"):
        found[row.criterion].append(row)
    return found


def _history(patient: Patient, trial: Document) -> list[StatusChange]:
    return list(status_history(patient, document=trial)[:HISTORY_SHOWN])


# --- Recording --------------------------------------------------------------------------------------------------


def _answer(request: HttpRequest, patient: Patient, trial: Document) -> HttpResponse:
    """Do what the form of a criterion says, then show the page as it is now."""
    criterion = request.POST.get("criterion", "")
    try:
        if "withdraw" in request.POST:
            _withdraw(request, patient, trial)
        else:
            _record(request, patient, trial, criterion)
    except ValidationError as problem:
        said(request, problem)
    anchor = f"#criterion-{criterion}" if criterion else ""
    return HttpResponseRedirect(pair_url(patient.pk, trial.pk) + anchor)


def _withdraw(request: HttpRequest, patient: Patient, trial: Document) -> None:
    need(request, "patients.add_answerfact")
    number = request.POST["withdraw"]
    answer = get_object_or_404(
        AnswerFact.objects.filter(patient=patient, document=trial.code, withdrawn_at__isnull=True),
        pk=number if number.isdigit() else 0,
    )
    actions.withdraw_answer(answer=answer, by=request.user, reason=request.POST.get("reason", ""))
    messages.success(request, f"The answer to {answer.criterion} is withdrawn.")


def _record(request: HttpRequest, patient: Patient, trial: Document, criterion: str) -> None:
    override = "override" in request.POST
    # An investigator who overrides need not be someone who answers.
    need(request, "patients.override_criterion" if override else "patients.add_answerfact")
    version = current_version(trial)
    if version is None or str(version.number) != request.POST.get("version", ""):
        raise ValidationError("the trial was amended meanwhile; look at the new version before you answer")
    version.document = trial
    parsed = version.parsed
    assert isinstance(parsed, TrialDocument)  # as above
    question = request.POST.get("question", "")
    if criterion not in {each.id for each in parsed.criteria}:
        raise Http404("the trial has no such criterion")
    if question and question not in _asked(parsed, criterion):
        raise ValidationError("the criterion does not ask this")
    truth = {"met": True, "yes": True, "not_met": False, "no": False}.get(request.POST.get("truth", ""))
    if truth is None:
        raise ValidationError(f"{criterion}: choose an answer")
    if not question:
        _check_against_facts(patient, version, criterion, override=override)
    actions.record_answer(
        patient=patient,
        document=trial.code,
        version=version.number,
        criterion=criterion,
        truth=truth,
        by=request.user,
        question=question,
        reason=request.POST.get("reason", ""),
        override=override,
        valid_days=_valid_days(request.POST.get("valid_until", ""), patient),
    )
    messages.success(request, f"{criterion}: the {'override' if override else 'answer'} is recorded.")


def _check_against_facts(patient: Patient, version: Version, criterion: str, *, override: bool) -> None:
    """An answer is to an unknown, an override to what the facts decide. Raises ValidationError."""
    result = explain(patient, versions=[version]).trials[0]
    found = next(each for each in result.criteria if each.criterion.id == criterion)
    if not found.counted:
        raise ValidationError(f"{criterion} does not count in the status, so there is nothing to answer")
    # What the facts say without the answer that may be in force.
    decided = found.overridden is not None or (found.truth is not Truth.UNKNOWN and not is_answered(found))
    if decided and not override:
        raise ValidationError(f"{criterion}: the facts decide it, so only an investigator's override can stand over it")
    if override and not decided:
        raise ValidationError(f"{criterion}: the facts leave it open, so answer it; an override is not needed")


def _asked(document: TrialDocument, criterion: str) -> set[str]:
    asked = set(questions_of(document.criterion(criterion).rule))
    for definition in document.definitions:
        asked |= {node.question for node in t.walk(definition) if isinstance(node, t.Ask)}
    return asked


def _valid_days(text: str, patient: Patient) -> int | None:
    """Days from today on which an answer holds; no date: for ever. Raises ValidationError."""
    if not text:
        return None
    today = today_in(patient.registry)
    try:
        until = date.fromisoformat(text)
    except ValueError:
        raise ValidationError(f"{text!r} is no date") from None
    if until < today:
        raise ValidationError("an answer cannot cease to be valid before it is given")
    return (until - today).days
