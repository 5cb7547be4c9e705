"""Runs, matches and explanations over HTTP say what the engine says, and nothing before a run is finished."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient
from rest_framework.throttling import ScopedRateThrottle

from matcher import runs
from matcher.answers import explain
from matcher.models import MatchRun
from matcher.selectors import counts_of
from patients.models import AuditEvent, Patient
from tests.api.conftest import imported, number, published

pytestmark = pytest.mark.django_db


def start(api: APIClient, **body: Any) -> Any:
    return api.post("/api/v1/runs/", {"registry": "centre", **body}, format="json")


def test_a_run_is_a_job_that_is_asked_about(api: APIClient, shelf: Any, centre: Any) -> None:
    answer = start(api, trials=["nct01442662"], as_of="2026-01-15")
    assert answer.status_code == 202
    where = answer.headers["Location"]
    waiting = api.get(where)
    assert waiting.json()["progress"] == {
        "done": 0, "total": 3, "unit": "patients", "per_second": None, "seconds_left": None,
    }  # fmt: skip
    assert (waiting.json()["ended"], waiting.headers["Retry-After"]) == (False, "2")
    assert (waiting.json()["as_of"], waiting.json()["trials"]) == ("2026-01-15", [{"id": "LMS03", "version": 1}])
    for early in ("counts/", "funnel/?trial=LMS03"):
        assert api.get(f"{where}{early}").status_code == 409
    run = MatchRun.objects.get(pk=answer.json()["id"])
    assert api.get("/api/v1/matches/", {"run": run.pk}).status_code == 409
    assert run.requested_by == api.key.account
    runs.run_inline(run)
    done = api.get(where).json()
    assert (done["state"], done["ended"], done["progress"]["done"]) == ("finished", True, 3)
    assert "Retry-After" not in api.get(where).headers


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"as_of": "2026-02-31"}, "as_of"),
        ({"trials": []}, "trials"),
        ({"trials": ["LMS03", "NCT01442662"]}, "trials"),
        ({"trials": ["LMS3"]}, "trials"),
        ({"trials": ["ntrk_inhibitor"]}, "trials"),
        ({"registry": ""}, "registry"),
    ],
)
def test_a_run_that_makes_no_sense_is_refused(api: APIClient, shelf: Any, body: dict[str, Any], field: str) -> None:
    answer = start(api, **body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
    assert not MatchRun.objects.exists()


def test_nothing_published_is_said(api: APIClient) -> None:
    answer = start(api)
    assert answer.status_code == 400 and "publish" in answer.json()["detail"]


def test_counts_and_funnel_are_those_of_the_run(api: APIClient, run: MatchRun) -> None:
    found = api.get(f"/api/v1/runs/{run.pk}/counts/").json()
    assert found["as_of"] == "data-through"
    assert {each["id"]: each["counts"] for each in found["trials"]} == {
        count.version.document.code: count.as_dict() for count in counts_of(run)
    }
    assert all(sum(each["counts"].values()) == 3 and each["counts"]["deceased"] == 1 for each in found["trials"])
    funnel = api.get(f"/api/v1/runs/{run.pk}/funnel/", {"trial": "LMS03"}).json()
    assert [step["criterion"] for step in funnel["funnel"]] == ["LMS03-E1", "LMS03-E2", "LMS03-E3"]
    assert api.get(f"/api/v1/runs/{run.pk}/funnel/").json()["errors"][0]["field"] == "trial"


def test_the_documented_patient_fits_and_the_other_needs_facts(api: APIClient, run: MatchRun) -> None:
    rows = api.get("/api/v1/matches/", {"registry": "centre", "trial": "NCT01442662"}).json()["results"]
    told = {row["patient_id"]: (row["status"], row["needs"], row["offered"]) for row in rows}
    assert told == {"P-1": ("potentially_eligible", None, False), "P-2": ("needs_information", "facts", False)}


def test_matches_are_filtered(api: APIClient, run: MatchRun, centre: Any) -> None:
    patient = number(centre, "P-1")
    by_run = api.get("/api/v1/matches/", {"run": run.pk, "patient": patient}).json()["results"]
    assert {row["patient"] for row in by_run} == {patient}
    assert api.get("/api/v1/matches/", {"patient": patient}).json()["results"] == by_run
    for status in ("potentially_eligible", "needs_information", "not_now"):
        rows = api.get("/api/v1/matches/", {"run": run.pk, "status": status}).json()["results"]
        assert {row["status"] for row in rows} <= {status}
    assert api.get("/api/v1/matches/", {"run": run.pk, "offered": "true", "trial": "LMS03"}).json()["results"] == []
    assert api.get("/api/v1/matches/", {"run": run.pk, "status": "eligible"}).status_code == 400
    assert api.get("/api/v1/matches/", {"run": "first"}).json()["errors"][0]["field"] == "run"


def same(missing: dict[str, Any]) -> tuple[Any, ...]:
    """What tells a missing fact from another, whatever its words."""
    return missing["kind"], sorted(missing["concepts"]), missing["attribute"], missing["window"]


def test_missing_facts_are_those_of_the_run_and_lead_to_its_pairs(api: APIClient, run: MatchRun) -> None:
    address = f"/api/v1/runs/{run.pk}/missing-facts/"
    found = api.get(address).json()
    assert (found["run"], found["as_of"], found["count"]) == (run.pk, "data-through", len(found["facts"]))
    order = [fact["settles"]["pairs"] for fact in found["facts"]]
    assert order == sorted(order, reverse=True)
    for fact in found["facts"]:
        for source in ({"run": run.pk}, {"registry": "centre"}):
            rows = api.get("/api/v1/matches/", {**source, "missing_fact": fact["id"]}).json()["results"]
            assert len(rows) == fact["asked"]["pairs"] > 0
            assert len({row["patient"] for row in rows}) == fact["asked"]["patients"]
            assert len({row["trial"] for row in rows}) == fact["asked"]["trials"]
            assert all(same(fact) in [same(each) for each in row["missing"]] for row in rows)
            settled = api.get("/api/v1/matches/", {**source, "missing_fact": fact["id"], "settles": "true"}).json()
            assert len(settled["results"]) == fact["settles"]["pairs"]
    assert len(api.get(address, {"limit": 1}).json()["facts"]) == 1
    # Neither of the trials takes patients.
    assert api.get(address, {"offered_only": "true"}).json()["facts"] == []
    assert api.get(address, {"offered_only": "false"}).json() == found


@pytest.mark.parametrize(
    ("address", "said", "field"),
    [
        ("runs/{}/missing-facts/", {"limit": "0"}, "limit"),
        ("runs/{}/missing-facts/", {"limit": "9999"}, "limit"),
        ("runs/{}/missing-facts/", {"limit": "ten"}, "limit"),
        ("runs/{}/missing-facts/", {"offered_only": "maybe"}, "offered_only"),
        ("matches/?run={}", {"settles": "true"}, "settles"),
        ("matches/?run={}", {"settles": "perhaps", "missing_fact": "0"}, "settles"),
    ],
)
def test_what_is_asked_of_missing_facts_must_make_sense(
    api: APIClient, run: MatchRun, address: str, said: dict[str, str], field: str
) -> None:
    url, _, query = f"/api/v1/{address}".format(run.pk).partition("?")
    answer = api.get(url, {**dict(pair.split("=") for pair in query.split("&") if pair), **said})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


def test_missing_facts_are_told_of_finished_runs_of_ones_own_registries(
    run: MatchRun, centre: Any, elsewhere: Any, client_of: Callable[..., APIClient]
) -> None:
    address = f"/api/v1/runs/{run.pk}/missing-facts/"
    assert client_of(elsewhere).get(address).status_code == 404
    assert client_of(centre, scopes=("patients:read",)).get(address).status_code == 403
    # Counts name nobody.
    assert client_of(centre, scopes=("matches:read",)).get(address).status_code == 200
    MatchRun.objects.filter(pk=run.pk).update(state="cancelled")
    assert client_of(centre).get(address).status_code == 409


def test_without_patients_read_matches_name_nobody(
    run: MatchRun, centre: Any, client_of: Callable[..., APIClient]
) -> None:
    narrow = client_of(centre, scopes=("matches:read",))
    rows = narrow.get("/api/v1/matches/", {"run": run.pk}).json()["results"]
    assert rows and {row["patient_id"] for row in rows} == {None}
    assert not AuditEvent.objects.filter(actor=narrow.key.account).exists()
    assert narrow.get(f"/api/v1/matches/{rows[0]['id']}/explanation/").status_code == 403


def test_an_explanation_is_that_of_the_engine(api: APIClient, shelf: Any, centre: Any) -> None:
    patient = Patient.objects.get(registry=centre, patient_id="P-1")
    found = api.get(f"/api/v1/patients/{patient.pk}/explanation/", {"as_of": "2026-01-15"}).json()
    again = explain(patient, as_of=runs.read_as_of("2026-01-15")).as_json()
    assert {**found, "known_at": ""} == {**again, "known_at": ""}
    lms03 = next(each for each in found["trials"] if each["id"] == "LMS03")
    assert (lms03["status"], lms03["offered"]) == ("potentially_eligible", False)
    # The last line is a note, which has no truth.
    assert [each["truth"] for each in lms03["criteria"]] == ["met", "met", "met", None]
    assert [each["id"] for each in found["options"]] == ["ntrk_inhibitor"]
    assert AuditEvent.objects.filter(
        action="patient viewed", after="API explanation", object_id=str(patient.pk)
    ).exists()


def test_an_explanation_of_the_past_reads_the_shelf_of_then(api: APIClient, shelf: Any, centre: Any) -> None:
    address = f"/api/v1/patients/{number(centre, 'P-1')}/explanation/"
    asked = {"as_of": "2026-01-15"}
    before = api.get(address, asked).json()
    published("options/parp_inhibitor.yaml")
    assert api.get(address, {**asked, "known_at": before["known_at"]}).json() == before
    now = api.get(address, asked).json()
    assert {each["id"] for each in now["options"]} == {"ntrk_inhibitor", "parp_inhibitor"}


def test_an_explanation_takes_a_date_and_trials(api: APIClient, shelf: Any, centre: Any) -> None:
    address = f"/api/v1/patients/{number(centre, 'P-1')}/explanation/"
    stale = api.get(address, {"as_of": "2026-06-01", "trial": "lms03"}).json()
    (trial,) = stale["trials"]
    assert (trial["status"], trial["criteria"][0]["reason"]) == ("needs_information", "stale")
    for wrong in ({"as_of": "soon"}, {"trial": "LMS3"}, {"known_at": "soon"}):
        assert api.get(address, wrong).json()["errors"][0]["field"] == next(iter(wrong))


def test_a_match_is_explained_as_its_run_knew_it(api: APIClient, run: MatchRun, centre: Any) -> None:
    match = run.matches.get(patient=number(centre, "P-1"), version__document__code="LMS03")
    found = api.get(f"/api/v1/matches/{match.pk}/explanation/").json()
    (trial,) = found["trials"]
    assert (trial["status"], found["as_of"]) == (match.status, match.as_of.isoformat())
    assert found["known_at"] == run.known_at.isoformat()


def test_a_rule_is_checked_and_tried(api: APIClient, centre: Any) -> None:
    good = api.post("/api/v1/rules/check/", {"rule": "ecog  <=2"}, format="json").json()
    assert (good["valid"], good["rule"], good["findings"]) == (True, "ecog <= 2", [])
    bad = api.post("/api/v1/rules/check/", {"rule": "has diagnosis(leiomyosarkoma)"}, format="json").json()
    assert not bad["valid"] and "leiomyosarcoma" in str(bad["findings"])
    broken = api.post("/api/v1/rules/check/", {"rule": "ecog <="}, format="json").json()
    assert (broken["valid"], broken["rule"], broken["findings"][0]["line"]) == (False, None, 1)
    body = {"rule": "ecog <= 2", "registry": "centre", "as_of": "2026-01-15"}
    tried = api.post("/api/v1/rules/evaluate/", body, format="json").json()
    assert tried["counts"] == {"met": 1, "unknown": 2, "not_met": 0}
    refused = api.post("/api/v1/rules/evaluate/", {**body, "rule": "ecog <="}, format="json")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "rule")


def test_lists_cost_the_same_however_long(api: APIClient, run: MatchRun, django_assert_num_queries: Any) -> None:
    for address, queries in (
        ("/api/v1/trials/", 2),  # key, page
        ("/api/v1/runs/", 5),  # key, page, versions of runs, versions, documents
        (f"/api/v1/runs/{run.pk}/counts/", 3),  # key, run, counts
        ("/api/v1/status-changes/", 2),  # key, page
        (f"/api/v1/matches/?run={run.pk}", 9),  # key, run, page, and six of the trail
        ("/api/v1/matches/?registry=centre", 9),  # key, registry, page, and six of the trail
    ):
        api.get(address)
        with django_assert_num_queries(queries):
            assert api.get(address).status_code == 200


def test_a_fault_of_ours_tells_nothing(
    api: APIClient, shelf: Any, centre: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("P-1 was here")

    monkeypatch.setattr("matcher.api.views.explain", fault)
    api.raise_request_exception = False
    answer = api.get(f"/api/v1/patients/{number(centre, 'P-1')}/explanation/")
    assert (answer.status_code, answer.headers["Content-Type"]) == (500, "application/problem+json")
    assert b"P-1" not in answer.content


def test_jobs_are_throttled_apart(api: APIClient, shelf: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ScopedRateThrottle, "THROTTLE_RATES", {"jobs": "1/min", "explanations": "9/min"})
    assert start(api, trials=["LMS03"]).status_code == 202
    refused = start(api, trials=["LMS03"])
    assert (refused.status_code, refused.json()["type"]) == (429, "/api/v1/problems/too-many-requests/")
    assert int(refused.headers["Retry-After"]) > 0
    assert api.get("/api/v1/trials/").status_code == 200


def test_who_started_a_run_is_told_that_another_has_to_end(api: APIClient, shelf: Any, run: MatchRun) -> None:
    assert start(api, as_of="data-through").json()["kind"] == "standing"
    late = start(api, as_of="data-through")
    assert late.status_code == 409 and "up to date" in late.json()["detail"]
    assert start(api).json()["kind"] == "asked", "this registry keeps the answers at data-through"
    assert start(api, as_of="2026-01-15", keep=True).status_code == 400


def test_a_change_says_which_facts_decided_to_who_may_see_them(
    api: APIClient, run: MatchRun, centre: Any, client_of: Callable[..., APIClient]
) -> None:
    imported(centre, {"observations": "patient_id,test,value,date\nP-2,ECOG,3,2026-01-06\n"})
    following = runs.follow(centre, queue=False)
    assert following is not None
    runs.run_inline(following)
    address = "/api/v1/status-changes/?trial=LMS03"
    (change,) = api.get(address).json()["results"]
    assert (change["from_status"], change["to_status"], change["cause"]) == ("needs_information", "not_now", "facts")
    assert change["because"] == "ECOG: 3, 6 Jan 2026"
    assert AuditEvent.objects.filter(action="patients listed", after__what="API changes of status").exists()
    (unseen,) = client_of(centre, scopes=("matches:read",)).get(address).json()["results"]
    assert unseen["because"] is None and unseen["detail"].startswith("upload ")
    # What held before is still there, and says what replaced it.
    patient = number(centre, "P-2")
    (old,) = api.get(f"/api/v1/matches/?run={run.pk}&patient={patient}&trial=LMS03").json()["results"]
    (new,) = api.get(f"/api/v1/matches/?patient={patient}&trial=LMS03").json()["results"]
    assert (old["current"], old["replaced_by"], new["current"], new["run"]) == (False, following.pk, True, following.pk)
