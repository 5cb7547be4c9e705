"""One patient against one trial: what the page says of each criterion, and the answers a person records there."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from matcher.models import MatchRun
from patients import actions
from patients.models import AnswerFact, AuditEvent, Patient, Registry
from tests.admin.conftest import COORDINATOR, Person, number, text_of
from tests.shelf import DENIED, TRIAL, published, uploaded
from trials.actions import set_open_here
from trials.models import Document, Version

ASKING = TRIAL.replace(
    "rule: ecog <= 2}", "rule: 'ecog <= 2 or (ecog = 3 and ask \"Is the patient limited by pain alone?\")'}"
)


def url_of(patient_id: str, version: Version) -> str:
    return reverse("admin:matcher_pair", args=[number(patient_id), version.document_id])


def page_of(client: Client, patient_id: str, version: Version, **query: Any) -> Any:
    return client.get(url_of(patient_id, version), query or {"as_of": "2026-01-15"})


def answer(client: Client, patient_id: str, trial: Version, **said: str) -> Any:
    return client.post(url_of(patient_id, trial), {"version": str(trial.number), **said}, follow=True)


@pytest.fixture
def investigator(person: Person) -> Client:
    """Someone who may override what the facts decide."""
    return person(*COORDINATOR, "patients.override_criterion", name="ines")


# --- What it says ---


@pytest.mark.parametrize(("patient_id", "words"), [
    ("P-1", ["Potentially eligible", "Every counted criterion is met. The investigator decides."]),
    ("P-2", ["Needs information", "1 fact would settle it: ECOG performance status within 60 days."]),
    ("P-3", ["Not eligible", "Not met, and it cannot change: I1."]),
    ("P-4", ["Deceased", "The patient has died; nothing is offered"]),
    ("P-5", ["Not now", "Clears on 6 Feb 2026 by time alone", "Not met now: E1."]),
])  # fmt: skip
def test_the_answer_in_a_sentence(
    registry: Registry, trial: Version, coordinator: Client, patient_id: str, words: list[str]
) -> None:
    text = text_of(page_of(coordinator, patient_id, trial))
    assert f"{patient_id} against FIRST-LMS" in text
    assert "as of 15 Jan 2026" in text
    for each in words:
        assert each in text


@pytest.mark.parametrize(("patient_id", "words"), [
    ("P-1", ["Needs information", "1 fact would settle it: vital status: alive or dead?", "Look it up in the record"]),
    ("P-2", ["Needs information", "2 facts are missing.",
             "Vital status: alive or dead? look it up in the record ECOG performance status within 60 days ask the"]),
    ("P-3", ["Not eligible", "Not met, and it cannot change: I1."]),
])  # fmt: skip
def test_a_patient_called_alive_and_dead_is_nowhere_better_than_needs_information(
    registry: Registry, trial: Version, coordinator: Client, patient_id: str, words: list[str]
) -> None:
    told = "Alive or dead? The record says both that the patient lives and that they died (3 Jan 2026)."
    assert told not in text_of(page_of(coordinator, patient_id, trial))
    uploaded(registry, {"patients": DENIED.format(id=patient_id)})
    text = text_of(page_of(coordinator, patient_id, trial))
    for each in (told, *words):
        assert each in text
    assert "Potentially eligible" not in text and "† Deceased" not in text
    # A death after the day that is asked about is not known on it.
    assert told not in text_of(page_of(coordinator, patient_id, trial, as_of="2026-01-02"))
    uploaded(registry, {"patients": DENIED.format(id=patient_id).replace("2026-01-03", "")})
    assert told not in text_of(page_of(coordinator, patient_id, trial))


def test_each_criterion_tells_words_truth_evidence_and_source(
    registry: Registry, trial: Version, coordinator: Client
) -> None:
    text = text_of(page_of(coordinator, "P-1", trial))
    assert "I1 inclusion Metastatic leiomyosarcoma." in text
    upload = registry.uploads.get().pk
    assert f"leiomyosarcoma, metastatic , 1 Feb 2023 upload {upload} , conditions.csv row 2" in text
    assert "✓ met" in text
    assert "In plain English: ECOG performance status is 2 or less" in text
    assert "As the rule says it: ecog <= 2" in text
    assert "E1 exclusion" in text and "(an exclusion: met where this does not hold)" in text
    assert "To settle at the visit 1 line, not counted in the status" in text


def test_an_unknown_says_why_and_what_to_do_next(registry: Registry, trial: Version, coordinator: Client) -> None:
    uploaded(registry, {"observations": "patient_id,test,value,date\nP-2,ecog,1,2025-08-02\n"})
    text = text_of(page_of(coordinator, "P-2", trial))
    assert "166 days old: would pass if repeated ECOG performance status: 1 , 2 Aug 2025" in text
    assert "Next ECOG performance status within 60 days settles the pair ask the patient or the treating team" in text
    assert "? stale : unknown" in text


def test_a_not_met_says_whether_it_can_change(registry: Registry, trial: Version, coordinator: Client) -> None:
    assert "Clears on 6 Feb 2026 by time alone." in text_of(page_of(coordinator, "P-5", trial))
    never = text_of(page_of(coordinator, "P-3", trial))
    assert "This cannot change." in never and "✕ not met" in never


def test_open_and_closed_trials_are_told_apart(registry: Registry, trial: Version, coordinator: Client) -> None:
    assert "open here: offered" in text_of(page_of(coordinator, "P-1", trial))
    Document.objects.filter(pk=trial.document_id).update(open_here=False)
    assert "not offered: not open here" in text_of(page_of(coordinator, "P-1", trial))


def test_the_address_names_keys_and_never_a_code(registry: Registry, trial: Version, coordinator: Client) -> None:
    assert "P-1" not in url_of("P-1", trial)
    body = page_of(coordinator, "P-1", trial).content.decode()
    assert 'href="/admin/patients/patient/P-1' not in body and "=P-1" not in body


def test_a_look_is_audited_with_what_was_looked_at(registry: Registry, trial: Version, coordinator: Client) -> None:
    page_of(coordinator, "P-1", trial)
    event = AuditEvent.objects.latest("number")
    assert (event.action, event.actor_name, event.after) == ("patient viewed", "cora", "FIRST version 1")


def test_with_a_run_the_page_repeats_what_the_run_saw(
    registry: Registry, run: MatchRun, trial: Version, coordinator: Client
) -> None:
    uploaded(registry, {"observations": "patient_id,test,value,date\nP-2,ecog,1,2026-01-14\n"})
    assert "Potentially eligible" in text_of(page_of(coordinator, "P-2", trial))
    before = text_of(page_of(coordinator, "P-2", trial, run=run.pk))
    assert "Needs information" in before and f"as run {run.pk} knew it" in before
    assert "Record an answer" not in before, "an answer is to what holds now"


@pytest.mark.parametrize("query", [{"as_of": "yesterday"}, {"run": "x"}, {"run": "999"}])
def test_a_question_that_makes_no_sense_is_not_found(
    registry: Registry, trial: Version, coordinator: Client, query: dict[str, str]
) -> None:
    assert page_of(coordinator, "P-1", trial, **query).status_code == 404


def test_data_through_asks_on_the_last_day_of_the_record(
    registry: Registry, trial: Version, coordinator: Client
) -> None:
    assert "as of 10 Jan 2026" in text_of(page_of(coordinator, "P-1", trial, as_of="data-through"))


def test_without_the_permission_there_is_no_page(registry: Registry, trial: Version, person: Person) -> None:
    client = person("matcher.view_match", "trials.view_document")
    assert page_of(client, "P-1", trial).status_code == 403
    assert answer(client, "P-2", trial, criterion="I2", truth="met").status_code == 403


def test_an_option_has_no_such_page(registry: Registry, option: Version, coordinator: Client) -> None:
    assert page_of(coordinator, "P-1", option).status_code == 404


def test_the_page_costs_a_fixed_number_of_queries(
    registry: Registry, trial: Version, coordinator: Client, django_assert_max_num_queries: Any
) -> None:
    page_of(coordinator, "P-1", trial)
    with django_assert_max_num_queries(36):
        page_of(coordinator, "P-1", trial)


# --- What is recorded there ---


def test_an_answer_settles_an_unknown_and_can_be_withdrawn(
    registry: Registry, trial: Version, coordinator: Client
) -> None:
    said = {"criterion": "I2", "truth": "met", "reason": "seen today", "valid_until": "2099-01-01"}
    text = text_of(answer(coordinator, "P-2", trial, **said))
    assert "I2: the answer is recorded." in text
    row = AnswerFact.objects.get()
    assert (row.document, row.version, row.criterion, row.truth, row.by) == ("FIRST", 1, "I2", True, coordinator.user)
    assert str(row.valid_until) == "2099-01-01" and not row.override
    assert "answer met : seen today cora" in text
    assert "✓ met" in text.partition("ECOG 0 to 2.")[2].partition("E1 exclusion")[0]
    text = text_of(answer(coordinator, "P-2", trial, withdraw=str(row.pk), criterion="I2", reason="wrong patient"))
    assert "The answer to I2 is withdrawn." in text
    row.refresh_from_db()
    assert row.withdrawal_reason == "wrong patient"


def test_a_question_of_a_rule_is_answered_by_itself(registry: Registry, coordinator: Client) -> None:
    trial = published(ASKING)
    uploaded(registry, {"observations": "patient_id,test,value,date\nP-2,ecog,3,2026-01-14\n"})
    question = "Is the patient limited by pain alone?"
    asked = text_of(page_of(coordinator, "P-2", trial))
    assert f"Answer: {question}" in asked and "? needs judgement" in asked
    answer(coordinator, "P-2", trial, criterion="I2", question=question, truth="yes")
    row = AnswerFact.objects.get()
    assert (row.question, row.truth, row.valid_until) == (question, True, None)
    answer(coordinator, "P-2", trial, criterion="I2", question="Is it raining?", truth="yes")
    assert AnswerFact.objects.count() == 1


@pytest.mark.parametrize(("said", "complaint"), [
    ({"criterion": "I2"}, "choose an answer"),
    ({"criterion": "I2", "truth": "perhaps"}, "choose an answer"),
    ({"criterion": "I2", "truth": "met", "valid_until": "2020-01-01"}, "cannot cease to be valid before"),
    ({"criterion": "I2", "truth": "met", "valid_until": "soon"}, "is no date"),
    ({"criterion": "I2", "truth": "met", "version": "9"}, "the trial was amended meanwhile"),
    ({"criterion": "C1", "truth": "met"}, "does not count in the status"),
    ({"criterion": "I2", "truth": "met", "question": "Really?"}, "does not ask this"),
])  # fmt: skip
def test_an_answer_that_means_nothing_is_refused(
    registry: Registry, trial: Version, coordinator: Client, said: dict[str, str], complaint: str
) -> None:
    text = text_of(answer(coordinator, "P-2", trial, **said))
    assert complaint.casefold() in text.casefold()
    assert not AnswerFact.objects.exists()


def test_a_criterion_that_is_not_there_is_not_found(registry: Registry, trial: Version, coordinator: Client) -> None:
    assert answer(coordinator, "P-2", trial, criterion="I99", truth="met").status_code == 404


def test_what_the_facts_decide_takes_an_override(
    registry: Registry, trial: Version, coordinator: Client, investigator: Client
) -> None:
    said = {"criterion": "I1", "truth": "met"}
    assert "only an investigator's override" in text_of(answer(coordinator, "P-3", trial, **said))
    assert answer(coordinator, "P-3", trial, **said, override="1").status_code == 403
    assert "needs a reason" in text_of(answer(investigator, "P-3", trial, **said, override="1"))
    assert not AnswerFact.objects.exists()
    text = text_of(answer(investigator, "P-3", trial, **said, override="1", reason="central review: leiomyosarcoma"))
    assert "I1: the override is recorded." in text
    assert "Overridden: the facts say not met." in text
    assert AnswerFact.objects.get().override
    event = AuditEvent.objects.filter(action="criterion overridden").get()
    assert (event.actor_name, event.reason) == ("ines", "central review: leiomyosarcoma")


def test_what_is_open_needs_no_override(registry: Registry, trial: Version, investigator: Client) -> None:
    text = text_of(answer(investigator, "P-2", trial, criterion="I2", truth="met", override="1", reason="x"))
    assert "an override is not needed" in text
    assert not AnswerFact.objects.exists()


def test_forms_are_there_for_who_may_use_them(
    registry: Registry, trial: Version, coordinator: Client, investigator: Client, person: Person
) -> None:
    assert "Record an answer" in text_of(page_of(coordinator, "P-2", trial))
    assert "Override" not in text_of(page_of(coordinator, "P-2", trial))
    assert "Override" in text_of(page_of(investigator, "P-2", trial))
    looking = person("patients.view_patient", name="lou")
    assert "Record an answer" not in text_of(page_of(looking, "P-2", trial))
    assert answer(looking, "P-2", trial, criterion="I2", truth="met").status_code == 403


def test_an_answer_of_another_patient_cannot_be_withdrawn(
    registry: Registry, trial: Version, coordinator: Client
) -> None:
    row = actions.record_answer(
        patient=Patient.objects.get(patient_id="P-1"), document="FIRST", version=1, criterion="I2", truth=True,
        by=coordinator.user,
    )  # fmt: skip
    assert answer(coordinator, "P-2", trial, withdraw=str(row.pk), reason="x").status_code == 404
    row.refresh_from_db()
    assert row.withdrawn_at is None


def test_the_words_of_others_cannot_become_markup(registry: Registry, trial: Version, coordinator: Client) -> None:
    response = answer(
        coordinator, "P-2", trial, criterion="I2", truth="met", reason="<script>alert(1)</script>", valid_until=""
    )
    assert "<script>alert" not in response.content.decode()


def test_a_trial_closed_after_a_run_was_open_to_the_run(
    registry: Registry, trial: Version, run: MatchRun, coordinator: Client
) -> None:
    set_open_here(document=trial.document, open_here=False, by=None, reason="no slots")
    address = reverse("admin:matcher_pair", args=[number("P-1"), trial.document_id])
    assert "open here: offered" in text_of(coordinator.get(address, {"run": run.pk}))
    assert "not offered: not open here" in text_of(coordinator.get(address))
