"""The list and the page of a patient: codes never in an address, everything recorded in sight, every look audited."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from patients import actions
from patients.models import AuditEvent, Patient, Registry
from tests.admin.conftest import Person, number, text_of
from tests.shelf import DENIED, centre, uploaded

LIST = "admin:patients_patient_changelist"


def page_of(client: Client, patient_id: str) -> Any:
    return client.get(reverse("admin:patients_patient_change", args=[number(patient_id)]))


def test_the_list_shows_codes_status_and_diagnosis(registry: Registry, coordinator: Client) -> None:
    text = text_of(coordinator.get(reverse(LIST)))
    assert "P-1 centre alive leiomyosarcoma (uterus) 10 Jan 2026" in text
    assert "P-4 centre deceased" in text


@pytest.mark.parametrize(
    ("typed", "found", "not_found"),
    [("P-", ["P-1", "P-5"], []), ("P-9", [], ["P-1"]), ("", ["P-1", "P-5"], []), ("p-1", [], ["P-2"])],
)
def test_a_prefix_of_a_code_finds_patients(
    registry: Registry, coordinator: Client, typed: str, found: list[str], not_found: list[str]
) -> None:
    answer = coordinator.post(reverse(LIST), {"find": typed})
    # No address and no log ever holds a code.
    assert answer.url == reverse(LIST)
    text = text_of(coordinator.get(answer.url))
    assert all(f" {code} centre" in text for code in found)
    assert not any(f" {code} centre" in text for code in not_found)


def test_a_whole_code_leads_to_the_patient(registry: Registry, coordinator: Client) -> None:
    answer = coordinator.post(reverse(LIST), {"find": "P-3"})
    assert answer.url == reverse("admin:patients_patient_change", args=[number("P-3")])
    assert "P-3" not in answer.url
    # What was looked for once does not narrow the list for ever.
    assert "P-1" in text_of(coordinator.get(reverse(LIST)))


def test_a_code_of_two_registries_leads_to_the_list(
    registry: Registry, coordinator: Client, settings: Any, tmp_path: Any
) -> None:
    centre(settings, tmp_path, name="other", files={"patients": "patient_id,sex\nP-3,female\n"})
    answer = coordinator.post(reverse(LIST), {"find": "P-3"})
    text = text_of(coordinator.get(answer.url))
    assert "P-3 centre" in text and "P-3 other" in text


def test_the_list_costs_the_same_for_many(
    registry: Registry, coordinator: Client, django_assert_num_queries: Any, django_assert_max_num_queries: Any
) -> None:
    url = reverse(LIST)
    coordinator.get(url)
    with django_assert_max_num_queries(12) as few:
        coordinator.get(url)
    rows = "".join(f"Q-{n:03},female,1960\n" for n in range(40))
    uploaded(registry, {"patients": "patient_id,sex,birth_date\n" + rows})
    with django_assert_num_queries(len(few.captured_queries)):
        assert text_of(coordinator.get(url)).count("Q-0") == 40


def test_the_page_shows_facts_with_what_was_written_and_where(registry: Registry, coordinator: Client) -> None:
    rows = (
        "patient_id,treatment,start_date,end_date,response,line\n"
        "P-1,Adriamycin,2024-01-10,2024-05,progressive disease,1\n"
        "P-1,mistletoe extract,2024-06,,,\n"
    )
    upload = uploaded(registry, {"treatments": rows})
    text = text_of(page_of(coordinator, "P-1"))
    assert "Born 3 Apr 1961" in text
    assert "Data through 10 Jan 2026" in text
    assert "10 Jan 2024 to May 2024 doxorubicin written “Adriamycin”" in text
    assert "line 1" in text and "progressive disease" in text
    assert "the vocabulary does not know this name" in text
    assert f"treatments.csv, row 2 upload {upload.pk}" in text


def test_withdrawn_rows_stay_in_sight(registry: Registry, coordinator: Client) -> None:
    upload = uploaded(registry, {"observations": "patient_id,test,value,date\nP-1,ecog,2,2026-01-05\n"})
    response = page_of(coordinator, "P-1")
    assert "Observations 1, and 1 withdrawn" in text_of(response)
    body = response.content.decode()
    assert body.count('class="withdrawn"') == 1
    assert "withdrawn" in body and f"by upload {upload.pk}" in body


def test_rows_that_contradict_each_other_are_flagged(registry: Registry, coordinator: Client) -> None:
    assert "in conflict" not in text_of(page_of(coordinator, "P-2"))
    uploaded(registry, {"observations": "patient_id,test,value,date\nP-2,ecog,1,2026-01-05\nP-2,ecog,3,2026-01-05\n"})
    text = text_of(page_of(coordinator, "P-2"))
    assert "2 facts in conflict." in text
    assert text.count("conflicts with 1 other row of the same identity") == 2


def test_a_rejected_row_says_that_silence_means_nothing(registry: Registry, coordinator: Client) -> None:
    upload = uploaded(registry, {"observations": "patient_id,test,value,date\nP-2,ecog,7,2026-01-05\n"})
    text = text_of(page_of(coordinator, "P-2"))
    assert "Observations count as incomplete." in text
    assert f"observations.csv row 2 of upload {upload.pk} was rejected" in text


def test_the_dead_are_said_to_be_dead(registry: Registry, coordinator: Client) -> None:
    text = text_of(page_of(coordinator, "P-4"))
    assert "Vital status deceased" in text
    assert "(7" not in text.partition("Born")[2].partition("Sex")[0], "the dead have no age"


def test_alive_and_dead_is_said_on_the_page_and_in_the_list(registry: Registry, coordinator: Client) -> None:
    assert "Alive or dead?" not in text_of(page_of(coordinator, "P-2"))
    uploaded(registry, {"patients": DENIED.format(id="P-2")})
    text = text_of(page_of(coordinator, "P-2"))
    assert "Vital status alive and dead: contradicted" in text
    assert "Alive or dead? The record says both that the patient lives and that they died (3 Jan 2026)." in text
    assert "alive, and died 3 Jan 2026" in text and "alive with a date of death" in text
    assert "(6" not in text.partition("Born")[2].partition("Sex")[0], "who may be dead has no age"
    assert "P-2 centre alive and dead: contradicted" in text_of(coordinator.get(reverse(LIST)))


def test_rows_of_which_one_says_dead_and_one_alive(registry: Registry, coordinator: Client) -> None:
    uploaded(registry, {"patients": "patient_id,deceased\nP-2,no\nP-2,yes\n"})
    text = text_of(page_of(coordinator, "P-2"))
    assert "Alive or dead? The record says both that the patient lives and that they died." in text
    assert "alive with a date of death" not in text


def test_looking_at_a_patient_is_audited(registry: Registry, coordinator: Client) -> None:
    page_of(coordinator, "P-1")
    event = AuditEvent.objects.latest("number")
    assert (event.action, event.actor_name, event.after) == ("patient viewed", "cora", "patient page")
    assert event.object_id == str(number("P-1"))
    # Neither a list nor a page that was refused is a look.
    coordinator.get(reverse(LIST))
    assert AuditEvent.objects.latest("number").pk == event.pk


def test_without_the_permission_there_is_no_patient(registry: Registry, person: Person) -> None:
    client = person("patients.view_registry")
    assert page_of(client, "P-1").status_code == 403
    assert client.get(reverse(LIST)).status_code == 403
    assert client.post(reverse(LIST), {"find": "P-1"}).status_code == 403
    assert not AuditEvent.objects.filter(action="patient viewed").exists()


def test_who_is_not_signed_in_is_sent_to_the_door(registry: Registry, client: Client) -> None:
    answer = page_of(client, "P-1")
    assert answer.status_code == 302 and "login" in answer.url


def test_nothing_of_a_patient_can_be_edited(registry: Registry, client: Client) -> None:
    client.force_login(User.objects.create_superuser("root"))
    patient = number("P-1")
    assert client.get(reverse("admin:patients_patient_add")).status_code == 403
    assert client.post(reverse("admin:patients_patient_delete", args=[patient])).status_code == 403
    client.post(reverse("admin:patients_patient_change", args=[patient]), {"patient_id": "X"})
    assert Patient.objects.get(pk=patient).patient_id == "P-1"


def test_a_text_of_a_registry_cannot_become_markup(registry: Registry, coordinator: Client) -> None:
    uploaded(registry, {"treatments": "patient_id,treatment\nP-1,<script>alert(1)</script>\n"})
    body = page_of(coordinator, "P-1").content.decode()
    assert "<script>alert" not in body
    assert "&lt;script&gt;alert(1)" in body


def test_the_page_of_a_patient_costs_a_fixed_number_of_queries(
    registry: Registry, coordinator: Client, django_assert_max_num_queries: Any
) -> None:
    rows = "".join(f"P-1,anc,{n % 9 + 1},10*9/L,2025-{n % 12 + 1:02}-{n % 28 + 1:02}\n" for n in range(80))
    uploaded(registry, {"observations": "patient_id,test,value,unit,date\n" + rows})
    page_of(coordinator, "P-1")
    with django_assert_max_num_queries(34):
        assert page_of(coordinator, "P-1").status_code == 200


def test_an_answer_that_changes_nothing_leaves_the_facts_alone(registry: Registry, coordinator: Client) -> None:
    before = text_of(page_of(coordinator, "P-2"))
    actions.record_answer(
        patient=Patient.objects.get(patient_id="P-2"), document="FIRST", version=1, criterion="I2", truth=True,
        by=coordinator.user,
    )  # fmt: skip
    assert text_of(page_of(coordinator, "P-2")) == before
