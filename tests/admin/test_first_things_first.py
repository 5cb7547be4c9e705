"""What takes patients stands before what does not, and an address that leads nowhere is answered in plain words."""

from __future__ import annotations

from datetime import date

import pytest
from django.test import Client
from django.urls import reverse

from matcher import runs
from matcher.models import Match, MatchRun
from patients.models import Registry
from tests.admin.conftest import Person, text_of
from tests.shelf import TRIAL, published
from trials.models import Version

#: Before FIRST by its id, and closed.
CLOSED = (
    TRIAL.replace("FIRST", "AGED").replace("NCT00000001", "NCT00000002")
    .replace("recruitment: recruiting", "recruitment: completed").replace("offered: yes, ", "")
)  # fmt: skip


@pytest.fixture
def both(registry: Registry, trial: Version, today: date) -> MatchRun:
    """A finished run of an open and a closed trial."""
    published(CLOSED)
    return runs.run_inline(runs.start_run(registry=registry, by=None, queue=False))


def test_matches_are_those_of_trials_that_take_patients(both: MatchRun, coordinator: Client) -> None:
    address = reverse("admin:matcher_match_changelist")
    text = text_of(coordinator.get(address))
    assert "show closed trials too" in text and "FIRST-LMS" in text
    # Of the closed trial there is the entry of the filter alone.
    assert text.count("AGED-LMS") == 1
    everything = text_of(coordinator.get(address, {"offered": ""}))
    assert everything.count("AGED-LMS") > 1 and "show closed trials too" not in everything
    # Whoever asks for a run gets all of it.
    assert text_of(coordinator.get(address, {"run": both.pk})).count("AGED-LMS") > 1


def test_without_a_trial_that_takes_patients_the_way_to_the_others_is_shown(
    registry: Registry, coordinator: Client, today: date
) -> None:
    published(CLOSED)
    runs.run_inline(runs.start_run(registry=registry, by=None, queue=False))
    text = text_of(coordinator.get(reverse("admin:matcher_match_changelist")))
    assert "No match of a trial that takes patients here: look among closed trials too" in text


def test_lists_begin_with_the_trials_that_take_patients(both: MatchRun, coordinator: Client) -> None:
    for address in (
        reverse("admin:trials_document_changelist"),
        reverse("admin:matcher_matchrun_change", args=[both.pk]),
        reverse("admin:patients_registry_change", args=[both.registry_id]),
        reverse("admin:index"),
    ):
        text = text_of(coordinator.get(address))
        assert text.index("FIRST-LMS") < text.index("AGED-LMS"), address
    assert "AGED-LMS version 1 not offered" in text_of(
        coordinator.get(reverse("admin:matcher_matchrun_change", args=[both.pk]))
    )


@pytest.mark.parametrize("key", ["abc", "99999", "9" * 30, "1/publish", "٣"])
@pytest.mark.parametrize(
    "page",
    [
        "patients_patient",
        "patients_registry",
        "patients_upload",
        "trials_document",
        "matcher_matchrun",
        "matcher_match",
    ],
)
def test_an_address_that_names_nothing_is_not_found(admin_client: Client, page: str, key: str) -> None:
    answer = admin_client.get(reverse(f"admin:{page}_change", args=[key]))
    assert answer.status_code == 404
    text = text_of(answer)
    assert "There is no such page" in text and "To the first page" in text


def test_who_may_not_see_a_page_is_told_whom_to_ask(registry: Registry, person: Person) -> None:
    answer = person(name="nobody").get(reverse("admin:patients_registry_change", args=[registry.pk]))
    assert answer.status_code == 403
    assert "Your login may not do this" in text_of(answer)


def test_a_match_leads_to_its_pair_as_its_run_saw_it(both: MatchRun, coordinator: Client, person: Person) -> None:
    match = Match.objects.filter(run=both).first()
    assert match is not None
    address = reverse("admin:matcher_match_change", args=[match.pk])
    pair = reverse("admin:matcher_pair", args=[match.patient_id, match.version.document_id])
    assert coordinator.get(address).headers["Location"] == f"{pair}?run={both.pk}"
    assert person("matcher.view_match", name="nan").get(address).status_code == 403


def test_a_login_that_may_see_nothing_is_told_so(person: Person) -> None:
    told = "Nothing is shown to this login yet."
    assert told in text_of(person(name="nobody").get(reverse("admin:index")))
    assert told not in text_of(person("patients.view_patient", name="pat").get(reverse("admin:index")))
