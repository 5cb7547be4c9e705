"""Runs and matches: starting a run, its progress, what it counted, and the list that leads to each pair."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from matcher import runs
from matcher.models import Match, MatchRun
from patients.models import Registry
from tests.admin.conftest import COORDINATOR, DAY, Person, number, text_of
from tests.shelf import TRIAL, published, uploaded
from trials.models import Version

ADD = "admin:matcher_matchrun_add"
MATCHES = "admin:matcher_match_changelist"

pytestmark = pytest.mark.usefixtures("today")


def page_of(client: Client, run: MatchRun) -> Any:
    return client.get(reverse("admin:matcher_matchrun_change", args=[run.pk]))


def matches(client: Client, **query: Any) -> Any:
    return client.get(reverse(MATCHES), query)


def started(registry: Registry) -> MatchRun:
    """A run of every trial as of the day of the tests: what it finds is what holds now."""
    return runs.start_run(registry=registry, by=None, queue=False)


@pytest.mark.parametrize(("said", "kind", "as_of"), [
    ({"when": "today"}, "date", None),
    ({"when": "data-through"}, "data-through", None),
    ({"when": "date", "as_of": "2026-01-15"}, "date", DAY),
])  # fmt: skip
def test_a_run_is_started_as_of_what_is_said(
    registry: Registry, trial: Version, coordinator: Client, said: dict[str, str], kind: str, as_of: Any
) -> None:
    answer = coordinator.post(reverse(ADD), {"registry": registry.pk, **said})
    run = MatchRun.objects.get()
    assert answer.url == reverse("admin:matcher_matchrun_change", args=[run.pk])
    assert (run.as_of_kind, run.requested_by) == (kind, coordinator.user)
    assert as_of is None or run.as_of == as_of
    assert list(run.versions.all()) == [trial]


def test_a_run_may_be_of_one_trial(registry: Registry, trial: Version, coordinator: Client) -> None:
    other = published(TRIAL.replace("FIRST", "SECOND").replace("NCT00000001", "NCT00000002"))
    coordinator.post(reverse(ADD), {"registry": registry.pk, "when": "today", "trial": other.document_id})
    assert list(MatchRun.objects.get().versions.all()) == [other]


@pytest.mark.parametrize(("said", "complaint"), [
    ({"when": "date"}, "Name the date."),
    ({"when": "today", "registry": "99"}, "Select a valid choice"),
])  # fmt: skip
def test_a_run_that_cannot_be_is_refused(
    registry: Registry, trial: Version, coordinator: Client, said: dict[str, str], complaint: str
) -> None:
    answer = coordinator.post(reverse(ADD), {"registry": registry.pk, **said})
    assert answer.status_code == 400 and complaint in text_of(answer)
    assert not MatchRun.objects.exists()


def test_without_a_trial_there_is_nothing_to_match(registry: Registry, coordinator: Client) -> None:
    answer = coordinator.post(reverse(ADD), {"registry": registry.pk, "when": "today"})
    assert answer.status_code == 400 and "No trial is published" in text_of(answer)


def test_the_page_tells_progress_and_then_counts(registry: Registry, trial: Version, coordinator: Client) -> None:
    run = started(registry)
    url = reverse("admin:matcher_matchrun_progress", args=[run.pk])
    assert f'data-progress="{url}"' in page_of(coordinator, run).content.decode()
    assert coordinator.get(url).json() == {
        "state": "pending",
        "text": "waiting",
        "done": 0,
        "total": 5,
        "pace": "",
        "ended": False,
    }
    runs.run_inline(run)
    assert coordinator.get(url).json()["ended"] is True
    text = text_of(page_of(coordinator, run))
    # One of each status among the four who live, and the dead apart.
    assert "FIRST-LMS version 1 1 1 1 1 1" in text
    assert "as of 15 Jan 2026" in text


def test_a_run_that_is_not_done_can_be_cancelled_with_a_reason(
    registry: Registry, trial: Version, person: Person
) -> None:
    run = started(registry)
    client = person(*COORDINATOR, "matcher.change_matchrun")
    url = reverse("admin:matcher_matchrun_cancel", args=[run.pk])
    assert client.post(url, {"reason": ""}).status_code == 400
    client.post(url, {"reason": "wrong date"})
    run.refresh_from_db()
    assert run.state == "cancelled"
    late = client.post(url, {"reason": "again"})
    assert late.status_code == 400 and "The run has ended already" in text_of(late)


def test_the_funnel_tells_whom_each_line_removes(run: MatchRun, trial: Version, coordinator: Client) -> None:
    text = text_of(coordinator.get(reverse("admin:matcher_matchrun_funnel", args=[run.pk, trial.document_id])))
    assert "from the 4 living patients of the registry to the 2 patients whom no line removes" in text
    assert "I1 Metastatic leiomyosarcoma. 1 1 0 3" in text
    assert "I2 ECOG 0 to 2. 0 0 1 3" in text
    assert "E1 excludes Doxorubicin in the last 28 days. 1 1 0 2" in text


@pytest.mark.parametrize(("query", "codes"), [
    ({}, ["P-1", "P-2", "P-5"]),
    ({"status": "needs_information"}, ["P-2"]),
    ({"status": "not_now"}, ["P-5"]),
    ({"needs": "facts"}, ["P-2"]),
    ({"needs": "reader"}, []),
    ({"offered": "no"}, []),
    ({"offered": "yes"}, ["P-1", "P-2", "P-5"]),
    ({"status": "everything", "needs": "'; --"}, ["P-1", "P-2", "P-5"]),
])  # fmt: skip
def test_matches_are_filtered(run: MatchRun, coordinator: Client, query: dict[str, str], codes: list[str]) -> None:
    text = text_of(matches(coordinator, **query))
    assert [code for code in ("P-1", "P-2", "P-3", "P-4", "P-5") if f" {code} " in text] == codes


WANTED = "ECOG performance status within 60 days 1 patient, 1 trial; asked for by 1 pair settles 1 pair"


def test_what_to_find_out_first_leads_to_the_pairs(run: MatchRun, registry: Registry, coordinator: Client) -> None:
    response = page_of(coordinator, run)
    assert f"of trials that take patients here. {WANTED}" in text_of(response)
    pages = [reverse("admin:patients_registry_change", args=[registry.pk]), reverse("admin:index")]
    for page in (response, *(coordinator.get(address) for address in pages)):
        assert WANTED in text_of(page)
        links = re.findall(r'href="([^"]+fact=[^"]+)"', page.content.decode())
        assert len(links) == 2
        for link in map(html.unescape, links):
            listed = text_of(coordinator.get(link))
            assert "ECOG performance status within 60 days . Show all pairs" in listed
            assert [code for code in ("P-1", "P-2", "P-3", "P-4", "P-5") if f" {code} " in listed] == ["P-2"]
    gone = matches(coordinator, fact="0" * 16)
    assert "No pair lacks this fact" in text_of(gone) and "P-2" not in text_of(gone)
    uploaded(registry, {"observations": "patient_id,test,value,date\nP-2,ecog,1,2026-01-14\n"})
    assert "What to find out first" not in text_of(page_of(coordinator, runs.run_inline(started(registry))))


def test_many_missing_facts_are_folded_away(registry: Registry, coordinator: Client) -> None:
    tests = ("albumin", "anc", "ast", "alt", "platelets", "hemoglobin", "potassium", "sodium", "bilirubin_total")
    lines = "".join(
        f"  - {{id: L{n}, text: Known., polarity: inclusion, rule: {test} is recorded}}\n"
        for n, test in enumerate(tests)
    )
    published(TRIAL[: TRIAL.index("test_patients:")].replace("  - {id: C1,", lines + "  - {id: C1,") + UNKNOWN)
    text = text_of(page_of(coordinator, runs.run_inline(started(registry))))
    assert "settles none alone" in text and "more of 10 missing facts" in text


UNKNOWN = (
    "test_patients:\n"
    "  - {name: nothing is known, as_of: 2026-01-15, patient: {}, expect: {status: needs_information}}\n"
)


def test_matches_tell_what_is_missing_and_lead_to_the_pair(run: MatchRun, trial: Version, coordinator: Client) -> None:
    response = matches(coordinator, trial=trial.document_id, run=run.pk)
    assert "needs information facts ECOG performance status within 60 days 15 Jan 2026" in text_of(response)
    assert "clears on 6 Feb 2026" in text_of(response)
    pair = reverse("admin:matcher_pair", args=[number("P-2"), trial.document_id])
    assert f'href="{pair}?run={run.pk}"' in response.content.decode()


def test_only_the_latest_run_holds_now(registry: Registry, run: MatchRun, coordinator: Client) -> None:
    uploaded(registry, {"observations": "patient_id,test,value,date\nP-2,ecog,1,2026-01-14\n"})
    runs.run_inline(started(registry))
    assert "needs information" not in text_of(matches(coordinator)).partition("As of")[2]
    # The run before stays as it was.
    assert "needs information facts" in text_of(matches(coordinator, run=run.pk))


def test_what_changed_since_the_run_before_is_told(registry: Registry, run: MatchRun, coordinator: Client) -> None:
    uploaded(registry, {"observations": "patient_id,test,value,date\nP-2,ecog,1,2026-01-14\n"})
    text = text_of(page_of(coordinator, runs.run_inline(started(registry))))
    assert "1 change of status" in text
    assert "P-2 FIRST needs information potentially eligible" in text


def test_a_change_is_told_with_its_cause_where_people_look(
    registry: Registry, run: MatchRun, trial: Version, coordinator: Client
) -> None:
    uploaded(registry, {"observations": "patient_id,test,value,date\nP-2,ecog,1,2026-01-14\n"})
    followed = runs.follow(registry, queue=False)
    assert followed is not None
    followed = runs.run_inline(followed)
    said = "ECOG performance status: 1, 14 Jan 2026 upload"
    for address in (
        reverse("admin:matcher_pair", args=[number("P-2"), trial.document_id]),
        reverse("admin:patients_patient_change", args=[number("P-2")]),
        reverse("admin:matcher_matchrun_change", args=[followed.pk]),
    ):
        text = text_of(coordinator.get(address))
        assert f"potentially eligible {said}" in text, address
    page = text_of(page_of(coordinator, followed))
    # The counts are those of the registry, of whom one was asked.
    assert "because of: 1 patient changed" in page and "FIRST-LMS version 1 2 0 1 1 1" in page
    assert "1 patient changed" in text_of(coordinator.get(reverse("admin:matcher_matchrun_changelist")))
    url = reverse("admin:matcher_matchrun_funnel", args=[followed.pk, trial.document_id])
    assert "I2 ECOG 0 to 2. 0 0 0 3" in text_of(coordinator.get(url))


def test_while_answers_are_brought_up_to_date_another_run_has_to_wait(
    registry: Registry, trial: Version, coordinator: Client
) -> None:
    run = started(registry)
    late = coordinator.post(reverse(ADD), {"registry": registry.pk, "when": "today"})
    assert late.status_code == 400 and f"Run {run.pk} is bringing the answers" in text_of(late)
    assert coordinator.post(reverse(ADD), {"registry": registry.pk, "when": "date", "as_of": "2026-01-15"}).url


def test_the_answers_of_another_date_can_be_kept_up_to_date(
    registry: Registry, run: MatchRun, coordinator: Client
) -> None:
    said = {"registry": registry.pk, "when": "data-through", "keep": "on"}
    refused = coordinator.post(reverse(ADD), {**said, "when": "date", "as_of": "2026-01-15"})
    assert "Only the answers of every trial" in text_of(refused)
    coordinator.post(reverse(ADD), said)
    kept = MatchRun.objects.get(kind="standing", state="pending")
    assert kept.as_of_kind == "data-through"
    runs.run_inline(kept)
    # The day of P-1's own data, not that of the tests.
    assert "10 Jan 2026" in text_of(matches(coordinator))


def test_the_page_of_a_run_tells_its_pace(
    registry: Registry, trial: Version, coordinator: Client, settings: Any
) -> None:
    run = started(registry)
    first = run.shards.get()
    # Half of a run that began a minute ago is done.
    now = timezone.now()
    MatchRun.objects.filter(pk=run.pk).update(
        state="running", started_at=now - timedelta(seconds=60), patients=240, shards_total=2, shards_done=1
    )
    type(first).objects.filter(pk=first.pk).update(state="done", finished_at=now, patients=120)
    said = coordinator.get(reverse("admin:matcher_matchrun_progress", args=[run.pk])).json()
    assert said["pace"] == "2.0 patients a second, about 1 min 0 s left"
    assert said["pace"] in text_of(page_of(coordinator, run))


def test_a_run_that_is_not_finished_shows_no_matches(registry: Registry, trial: Version, coordinator: Client) -> None:
    run = started(registry)
    assert "No match: the run is not finished" in text_of(matches(coordinator, run=run.pk))
    assert matches(coordinator, run="999").status_code == 404


def test_the_lists_cost_the_same_for_many(
    run: MatchRun, trial: Version, registry: Registry, coordinator: Client, django_assert_num_queries: Any,
    django_assert_max_num_queries: Any,
) -> None:  # fmt: skip
    with django_assert_max_num_queries(14) as few:
        matches(coordinator)
    rows = "".join(f"Q-{n:03},leiomyosarcoma,primary,metastatic,2024-02-01\n" for n in range(60))
    people = "".join(f"Q-{n:03},female\n" for n in range(60))
    uploaded(
        registry,
        {"patients": "patient_id,sex\n" + people, "conditions": "patient_id,condition,kind,extent,date\n" + rows},
    )
    runs.run_inline(started(registry))
    assert Match.objects.count() > 60
    with django_assert_num_queries(len(few.captured_queries)):
        response = matches(coordinator)
    next_page = response.context["next_url"]
    assert response.content.decode().count("needs information</span>") == 48
    # Nothing is left out and nothing comes twice.
    second = coordinator.get(reverse(MATCHES) + next_page)
    codes = [row.match.patient.patient_id for page in (response, second) for row in page.context["rows"]]
    assert len(codes) == len(set(codes)) == 63


def test_who_may_not_see_patients_sees_counts_only(run: MatchRun, trial: Version, person: Person) -> None:
    client = person("matcher.view_matchrun", "matcher.view_match")
    assert "FIRST-LMS version 1 1 1 1 1 1" in text_of(page_of(client, run))
    assert "P-2" not in text_of(page_of(client, run))
    assert WANTED in text_of(page_of(client, run)) and "fact=" not in page_of(client, run).content.decode()
    assert matches(client).status_code == 403
    assert client.get(reverse(ADD)).status_code == 403


def test_the_page_of_a_trial_counts_the_patients_of_each_registry(
    run: MatchRun, trial: Version, coordinator: Client, person: Person
) -> None:
    page = reverse("admin:trials_document_change", args=[trial.document_id])
    assert f"centre 1 1 1 1 1 run {run.pk}, version 1" in text_of(coordinator.get(page))
    looking = person("trials.view_document", name="lou")
    assert "as the latest run of each registry" not in text_of(looking.get(page))
