"""One patient against the whole shelf: what must not be used first, options by rank, closed trials marked."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.test import Client
from django.urls import reverse

from matcher import runs
from matcher.models import MatchRun
from patients.models import AuditEvent, Registry
from tests.admin.conftest import Person, number, text_of
from tests.shelf import DENIED, OPTION, TRIAL, published, uploaded
from trials.actions import set_open_here
from trials.models import Document, Version

FORBIDDEN = """\
kind: option
id: poison
name: A made-up poison
author: library author
reviewer: library reviewer
cancer: sarcoma
citations: [{id: B, text: A made-up source}]
statements:
  - id: X-1
    kind: must_not_use
    text: Not in leiomyosarcoma.
    rule: has diagnosis(leiomyosarcoma)
    citation: {source: B, figures: {hr: 1.4, hr_ci95: [1.1, 1.8], days: [1, 8]}}
    disagrees: [{with: another centre, text: It helped there., figures: {n: 3}, source: A letter, jurisdiction: EU}]
test_patients:
  - name: leiomyosarcoma
    as_of: 2026-01-15
    patient: {conditions: [{condition: leiomyosarcoma, kind: primary, date: 2023-02-01}]}
    expect: {block: must_not_use, statements: {X-1: met}}
"""


def page_of(client: Client, patient_id: str) -> Any:
    return client.get(reverse("admin:matcher_shelf", args=[number(patient_id)]), {"as_of": "2026-01-15"})


def test_what_must_not_be_used_stands_on_top(registry: Registry, option: Version, coordinator: Client) -> None:
    published(FORBIDDEN)
    text = text_of(page_of(coordinator, "P-1"))
    assert text.index("A made-up poison") < text.index("Options that apply") < text.index("A made-up remedy")
    # Sources that disagree are both there, with their figures; only an interval of confidence reads as one.
    assert "hr 1.4 hr ci95 1.1 to 1.8 days 1, 8" in text
    assert "sources disagree Another centre (EU): It helped there. n 3 A letter" in text
    assert "! applies" in text


def test_options_are_ranked_and_the_others_stand_behind(
    registry: Registry, option: Version, coordinator: Client
) -> None:
    text = text_of(page_of(coordinator, "P-1"))
    assert "rank 1 A made-up remedy preferred; version 1" in text
    assert "Cautions, doses, monitoring and evidence that concern this patient (1)" in text
    behind = text_of(page_of(coordinator, "P-3"))
    assert "None applies with what is known." in behind
    assert behind.index("Options that do not apply") < behind.index("A made-up remedy")


def test_open_trials_come_first_and_closed_ones_are_marked(
    registry: Registry, trial: Version, coordinator: Client
) -> None:
    closed = TRIAL.replace("FIRST", "SECOND").replace("NCT00000001", "NCT00000002")
    closed = closed.replace("recruitment: recruiting", "recruitment: completed").replace("offered: yes, ", "")
    published(closed)
    text = text_of(page_of(coordinator, "P-1"))
    assert text.index("Trials open here the best") < text.index("FIRST NCT00000001") < text.index("SECOND NCT00000002")
    assert "not offered: completed" in text
    assert "Every counted criterion is met. The investigator decides. 3 0 0" in text


def test_a_trial_that_is_closed_here_is_not_among_the_open(
    registry: Registry, trial: Version, coordinator: Client
) -> None:
    Document.objects.filter(pk=trial.document_id).update(open_here=False)
    text = text_of(page_of(coordinator, "P-1"))
    assert "No trial on the shelf takes patients here now." in text
    assert "not offered: not open here" in text


def test_the_dead_are_offered_nothing(registry: Registry, trial: Version, option: Version, coordinator: Client) -> None:
    text = text_of(page_of(coordinator, "P-4"))
    assert "The patient has died. Nothing is offered" in text


def test_a_look_is_audited_and_needs_the_permission(registry: Registry, trial: Version, person: Person) -> None:
    assert page_of(person("matcher.view_match", name="nan"), "P-1").status_code == 403
    assert page_of(person("patients.view_patient"), "P-1").status_code == 200
    event = AuditEvent.objects.latest("number")
    assert (event.action, event.actor_name, event.after) == ("patient viewed", "sam", "the whole shelf")


def test_the_shelf_costs_a_fixed_number_of_queries(
    registry: Registry, trial: Version, coordinator: Client, django_assert_num_queries: Any,
    django_assert_max_num_queries: Any,
) -> None:  # fmt: skip
    page_of(coordinator, "P-1")
    with django_assert_max_num_queries(32) as few:
        page_of(coordinator, "P-1")
    for each in range(3):
        published(TRIAL.replace("FIRST", f"T{each}").replace("NCT00000001", f"NCT0000010{each}"))
    with django_assert_num_queries(len(few.captured_queries)):
        page_of(coordinator, "P-1")


def test_the_page_of_a_patient_leads_to_shelf_and_trials(
    registry: Registry, run: Any, trial: Version, coordinator: Client
) -> None:
    body = coordinator.get(reverse("admin:patients_patient_change", args=[number("P-2")]))
    shelf = reverse("admin:matcher_shelf", args=[number("P-2")])
    pair = reverse("admin:matcher_pair", args=[number("P-2"), trial.document_id])
    assert f'href="{shelf}"' in body.content.decode() and f'href="{pair}"' in body.content.decode()
    assert "FIRST-LMS NCT00000001 A made-up trial ? needs information ECOG performance status" in text_of(body)


def test_the_page_of_a_dead_patient_says_so_for_every_trial(
    registry: Registry, run: Any, trial: Version, coordinator: Client
) -> None:
    body = coordinator.get(reverse("admin:patients_patient_change", args=[number("P-4")]))
    assert "A made-up trial † deceased" in text_of(body)


def test_whoever_may_be_dead_is_ruled_out_by_the_criteria_and_not_as_dead(
    registry: Registry, trial: Version, coordinator: Client, today: date
) -> None:
    uploaded(registry, {"patients": DENIED.format(id="P-3")})
    done = runs.run_inline(runs.start_run(registry=registry, by=None, queue=False))
    assert done.state == "finished"
    body = coordinator.get(reverse("admin:patients_patient_change", args=[number("P-3")]))
    assert "A made-up trial ✕ not eligible" in text_of(body)
    assert "Alive or dead? The record says both" in text_of(page_of(coordinator, "P-3"))


# --- What a run saw ---


def later(text: str) -> str:
    """The trial after an amendment that closes it and takes a criterion out."""
    amended = text.replace("recruitment: recruiting", "recruitment: completed").replace("offered: yes, ", "")
    return amended.replace("title: A made-up trial", "title: An amended trial")


def of_run(client: Client, run: MatchRun, patient_id: str) -> str:
    return text_of(client.get(reverse("admin:matcher_shelf", args=[number(patient_id)]), {"run": run.pk}))


def test_with_a_run_the_shelf_is_that_of_the_run(
    registry: Registry, trial: Version, option: Version, run: MatchRun, coordinator: Client
) -> None:
    before = of_run(coordinator, run, "P-1")
    assert "FIRST NCT00000001 A made-up trial" in before and "rank 1 A made-up remedy preferred; version 1" in before
    published(later(TRIAL))
    published(OPTION.replace("strength: preferred", "strength: less preferred"))
    published(FORBIDDEN)
    set_open_here(document=trial.document, open_here=False, by=None, reason="no slots")
    # What came after the run is on the page of today alone.
    assert of_run(coordinator, run, "P-1") == before
    now = text_of(page_of(coordinator, "P-1"))
    assert "A made-up poison" in now and "An amended trial" in now and "less preferred; version 2" in now


def test_a_run_of_one_trial_shows_the_others_as_they_stood_then(
    registry: Registry, trial: Version, coordinator: Client
) -> None:
    second = published(TRIAL.replace("FIRST", "SECOND").replace("NCT00000001", "NCT00000002"))
    of_one = runs.run_inline(runs.start_run(registry=registry, versions=[trial], by=None, queue=False))
    before = of_run(coordinator, of_one, "P-1")
    assert "SECOND NCT00000002" in before
    set_open_here(document=second.document, open_here=False, by=None, reason="no slots")
    set_open_here(document=second.document, open_here=True, by=None, reason="slots")
    set_open_here(document=second.document, open_here=False, by=None, reason="no slots again")
    assert of_run(coordinator, of_one, "P-1") == before
