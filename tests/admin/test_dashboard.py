"""The first page: what waits, what is asked for most, and nothing that a person may not see."""

from __future__ import annotations

from typing import Any

from django.test import Client
from django.urls import reverse

from matcher.models import MatchRun
from patients.models import Registry
from tests.admin.conftest import Person, text_of
from tests.shelf import uploaded

#: The missing fact of the tests, with whom it would settle.
FIRST = "ECOG performance status within 60 days 1 patient, 1 trial; asked for by 1 pair"


def dashboard(client: Client) -> str:
    return text_of(client.get(reverse("admin:index")))


def test_it_tells_what_needs_information_and_what_is_asked_for_most(run: MatchRun, coordinator: Client) -> None:
    text = dashboard(coordinator)
    assert "FIRST-LMS A made-up trial 1 1 0 0" in text
    assert f"{FIRST} settles 1 pair" in text
    assert f"Run {run.pk} centre 15 Jan 2026 finished" in text
    assert "centre 5 " in text


def test_names_without_a_meaning_are_told(registry: Registry, coordinator: Client) -> None:
    assert "Every name is known." in dashboard(coordinator)
    uploaded(registry, {"treatments": "patient_id,treatment\nP-1,Doxorubcin\n"})
    assert "Doxorubcin treatments centre 1" in dashboard(coordinator)


def test_before_anything_is_there_it_says_so(coordinator: Client) -> None:
    text = dashboard(coordinator)
    assert "Nothing is matched yet." in text and "No run was started yet." in text


def test_each_person_sees_what_they_may(run: MatchRun, person: Person) -> None:
    text = dashboard(person(name="nobody"))
    for panel in (
        "Find a patient",
        "Trials that take patients here",
        "Registries",
        "Last runs",
        "What to find out first",
    ):
        assert panel not in text
    assert "Registries Registry" in dashboard(person("patients.view_registry", name="reg"))
    # Who may not see patients is told how many, and led nowhere.
    page = person("matcher.view_match", name="mat").get(reverse("admin:index"))
    assert f"{FIRST} settles 1 pair" in text_of(page) and "fact=" not in page.content.decode()


def test_its_cost_does_not_grow_with_the_patients(
    run: MatchRun, registry: Registry, coordinator: Client, django_assert_num_queries: Any,
    django_assert_max_num_queries: Any,
) -> None:  # fmt: skip
    dashboard(coordinator)
    with django_assert_max_num_queries(30) as few:
        dashboard(coordinator)
    people = "".join(f"Q-{n:03},female\n" for n in range(40))
    uploaded(registry, {"patients": "patient_id,sex\n" + people})
    with django_assert_num_queries(len(few.captured_queries)):
        dashboard(coordinator)
