"""Registries: counts, declarations that are withdrawn and never edited, and names that a person gives a meaning."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from patients.models import AuditEvent, NameMapping, ReferenceRange, Registry, RegistryPolicy, TreatmentFact
from patients.selectors import registry_summary
from tests.admin.conftest import Person, text_of
from tests.shelf import uploaded

LIST = "admin:patients_registry_changelist"


def own(registry: Registry, page: str = "change", *more: int) -> str:
    return reverse(f"admin:patients_registry_{page}", args=[registry.pk, *more])


@pytest.fixture
def manager(person: Person) -> Client:
    """A data manager."""
    return person(
        "patients.view_registry", "patients.add_registry", "patients.change_registry", "patients.add_upload",
        "patients.view_upload", "patients.add_namemapping", name="mara",
    )  # fmt: skip


def test_the_list_counts_what_the_registry_holds(registry: Registry, manager: Client) -> None:
    summary = registry_summary(registry)
    # The list adds up what the uploads did, the page counts the rows.
    facts = sum(summary.facts.values()) + summary.patients
    text = text_of(manager.get(reverse(LIST)))
    assert f"centre centre cancer registry 5 {facts} " in text
    assert "applied" in text


def test_the_list_costs_the_same_for_many(
    registry: Registry, manager: Client, django_assert_num_queries: Any, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(10) as few:
        manager.get(reverse(LIST))
    Registry.objects.bulk_create(Registry(name=f"r-{n}") for n in range(20))
    with django_assert_num_queries(len(few.captured_queries)):
        assert "r-19" in text_of(manager.get(reverse(LIST)))


def test_the_page_shows_what_is_declared(registry: Registry, manager: Client) -> None:
    text = text_of(manager.get(own(registry)))
    assert "conditions kind:primary complete for a patient who has at least one fact of it" in text
    assert "Patients 5" in text
    assert "Every name is known." in text


def test_a_policy_is_withdrawn_and_recorded_anew(registry: Registry, manager: Client) -> None:
    said = {"domain": "treatments", "scope": "kind:drug", "policy": "complete when present", "reason": "drug charts"}
    assert manager.post(own(registry, "policy"), said).url == own(registry)
    again = {**said, "policy": "open", "reason": "charts were lost"}
    manager.post(own(registry, "policy"), again)
    rows = RegistryPolicy.objects.filter(registry=registry, domain="treatments").order_by("pk")
    assert [(row.policy, row.withdrawn_at is None) for row in rows] == [
        ("complete when present", False),
        ("open", True),
    ]
    event = AuditEvent.objects.latest("number")
    assert (event.action, event.actor_name, event.reason) == ("registry policy recorded", "mara", "charts were lost")
    assert event.before["policy"] == "complete when present"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"scope": "kind:spell"}, "spell"),
        ({"reason": ""}, "This field is required"),
        ({"domain": "conditions", "scope": "kind:primary"}, "This policy holds already"),
    ],
)
def test_a_policy_that_cannot_be_is_refused(
    registry: Registry, manager: Client, change: dict[str, str], complaint: str
) -> None:
    before = RegistryPolicy.objects.count()
    said = {"domain": "treatments", "scope": "all", "policy": "complete when present", "reason": "because"} | change
    answer = manager.post(own(registry, "policy"), said)
    assert answer.status_code == 400
    assert complaint in text_of(answer)
    assert RegistryPolicy.objects.count() == before


def test_withdrawing_a_policy_needs_a_reason(registry: Registry, manager: Client) -> None:
    policy = RegistryPolicy.objects.get(registry=registry)
    url = own(registry, "withdraw_policy", policy.pk)
    assert manager.post(url, {"reason": " "}).status_code == 400
    manager.post(url, {"reason": "not so"})
    policy.refresh_from_db()
    assert policy.withdrawn_at is not None
    assert 'class="withdrawn"' in manager.get(own(registry)).content.decode()


def test_a_range_is_recorded_in_the_unit_of_its_test(registry: Registry, manager: Client) -> None:
    said = {"test": "creatinine", "low": "60", "high": "110", "unit": "umol/L", "sex": "male", "reason": "new device"}
    assert manager.post(own(registry, "range"), said).status_code == 302
    row = ReferenceRange.objects.get(registry=registry)
    assert (row.sex, row.shown, round(row.high, 2)) == ("male", "60.0 to 110.0 umol/L", 1.24)
    answer = manager.post(own(registry, "range"), {**said, "unit": "parsec"})
    assert answer.status_code == 400 and "is no unit of creatinine" in text_of(answer)


def test_a_name_is_given_a_meaning_and_the_meaning_taken_back(registry: Registry, manager: Client) -> None:
    uploaded(registry, {"treatments": "patient_id,treatment,start_date\nP-1,Doxorubcin,2024-01-10\n"})
    names = own(registry, "names")
    shown = manager.get(names).content.decode()
    assert "Doxorubcin" in shown and '<option value="doxorubicin">doxorubicin</option>' in shown
    manager.post(names, {"domain": "treatments", "name": "Doxorubcin", "concept": "doxorubicin", "reason": "a slip"})
    fact = TreatmentFact.objects.get(name="Doxorubcin", withdrawn_at__isnull=True)
    assert fact.concepts == ["doxorubicin"]
    mapping = NameMapping.objects.get(registry=registry)
    assert "Every name of this registry is known." in text_of(manager.get(names))
    manager.post(own(registry, "withdraw_mapping", mapping.pk), {"reason": "another drug"})
    assert TreatmentFact.objects.get(name="Doxorubcin", withdrawn_at__isnull=True).concepts == []


@pytest.mark.parametrize("typed", ["no such drug", "", "gemcitabine + docetaxel"])
def test_a_meaning_that_is_not_one_concept_is_refused(registry: Registry, manager: Client, typed: str) -> None:
    uploaded(registry, {"treatments": "patient_id,treatment\nP-1,Doxorubcin\n"})
    said = {"domain": "treatments", "name": "Doxorubcin", "concept": "", "other": typed}
    answer = manager.post(own(registry, "names"), said, follow=True)
    assert "is no name of one concept" in text_of(answer) or "Choose a meaning" in text_of(answer)
    assert not NameMapping.objects.exists()


def test_a_new_registry_asks_for_its_preset(manager: Client) -> None:
    said = {"name": "clinic-1", "title": "First clinic", "preset": "clinic", "time_zone": "Europe/Paris"}
    answer = manager.post(reverse("admin:patients_registry_add"), said)
    registry = Registry.objects.get(name="clinic-1")
    assert answer.url == own(registry)
    assert {policy.scope for policy in registry.policies.all()} == {"kind:primary", "kind:drug"}
    wrong = manager.post(reverse("admin:patients_registry_add"), {**said, "name": "clinic-2", "time_zone": "Mars"})
    assert wrong.status_code == 400 and "is no zone of the IANA database" in text_of(wrong)


def test_who_may_only_look_changes_nothing(registry: Registry, person: Person) -> None:
    client = person("patients.view_registry")
    policy = RegistryPolicy.objects.get(registry=registry)
    assert client.get(own(registry)).status_code == 200
    for url in (
        own(registry, "policy"), own(registry, "range"), own(registry, "withdraw_policy", policy.pk),
        reverse("admin:patients_registry_add"),
    ):  # fmt: skip
        assert client.post(url, {"reason": "x"}).status_code == 403
    assert client.post(own(registry, "names"), {"name": "x"}).status_code == 403
    policy.refresh_from_db()
    assert policy.withdrawn_at is None
