"""Patients over HTTP: facts as recorded, nothing of a patient in an address, each look in the audit trail."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from patients.models import AuditEvent, PatientDetails
from tests.api.conftest import imported, number

pytestmark = pytest.mark.django_db


def ids(response: Any) -> list[str]:
    return [each["patient_id"] for each in response.json()["results"]]


def test_a_patient_comes_with_every_fact_and_its_source(api: APIClient, centre: Any) -> None:
    record = api.get(f"/api/v1/patients/{number(centre, 'P-1')}/").json()
    assert (record["registry"], record["patient_id"], record["births"]) == ("centre", "P-1", ["1961-04-03"])
    (condition,) = record["conditions"]
    assert (condition["histologies"], condition["extent"], condition["date"]) == (
        ["leiomyosarcoma"], "metastatic", "2023-02-01",
    )  # fmt: skip
    assert condition["source"] == {"upload": centre.uploads.get().pk, "file": "conditions.csv", "row": 2, "note": ""}
    (treatment,) = record["treatments"]
    assert (treatment["raw"], treatment["response"]) == ("doxorubicin", "progressive disease")


def test_partial_dates_are_written_as_known(api: APIClient, centre: Any) -> None:
    record = api.get(f"/api/v1/patients/{number(centre, 'P-2')}/").json()
    assert (record["births"], record["conditions"][0]["date"]) == (["1955-03"], "2023-02")


def test_a_record_is_had_as_it_was_known(api: APIClient, centre: Any) -> None:
    address = f"/api/v1/patients/{number(centre, 'P-1')}/"
    before = api.get(address).json()["known_at"]
    imported(centre, {"observations": "patient_id,test,value,date\nP-1,ECOG,3,2026-01-09\n"})
    assert len(api.get(address).json()["observations"]) == 2
    assert len(api.get(address, {"known_at": before}).json()["observations"]) == 1
    assert api.get(address, {"known_at": "2001-01-01T00:00:00Z"}).status_code == 404
    for wrong in ("2026-01-15", "yesterday", "2199-01-01T00:00:00Z"):
        assert api.get(address, {"known_at": wrong}).json()["errors"][0]["field"] == "known_at"


def test_lookup_finds_by_the_registrys_own_ids(api: APIClient, centre: Any) -> None:
    body = {"registry": "centre", "patient_ids": ["P-2", "P-9", "P-1", "P-2"]}
    found = api.post("/api/v1/patients/lookup/", body, format="json").json()
    assert [each["patient_id"] for each in found["found"]] == ["P-1", "P-2"]
    assert found["not_found"] == ["P-9"]
    too_many = {"registry": "centre", "patient_ids": [str(each) for each in range(501)]}
    assert api.post("/api/v1/patients/lookup/", too_many, format="json").status_code == 400


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, ["P-1", "P-2", "P-3"]),
        ({"registry": "centre", "sex": "female"}, ["P-1", "P-2"]),
        ({"deceased": "true"}, ["P-3"]),
        ({"deceased": "false"}, ["P-1", "P-2"]),
        ({"data_through_after": "2026-01-11"}, []),
        ({"data_through_before": "2026-01-10"}, ["P-1", "P-2", "P-3"]),
    ],
)
def test_patients_are_filtered(api: APIClient, asked: dict[str, str], expected: list[str]) -> None:
    assert ids(api.get("/api/v1/patients/", asked)) == expected


def test_a_patient_called_alive_and_dead_is_neither(api: APIClient, centre: Any) -> None:
    imported(centre, {"patients": "patient_id,sex,deceased,death_date\nP-2,f,no,2026-01-03\n"})
    listed = {each["patient_id"]: each for each in api.get("/api/v1/patients/").json()["results"]}
    assert {id: (each["deceased"], each["vital_conflict"]) for id, each in listed.items()} == {
        "P-1": (False, False), "P-2": (None, True), "P-3": (True, False),
    }  # fmt: skip
    whole = api.get(f"/api/v1/patients/{number(centre, 'P-2')}/").json()
    assert (whole["deceased"], whole["death"], whole["vital_conflict"]) == (None, "2026-01-03", True)
    for value in ("true", "false"):
        assert "P-2" in ids(api.get("/api/v1/patients/", {"deceased": value}))


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"deceased": "perhaps"}, "deceased"),
        ({"sexx": "female"}, "sexx"),
        ({"data_through_after": "soon"}, "data_through_after"),
    ],
)
def test_a_filter_that_is_not_understood_is_refused(api: APIClient, asked: dict[str, str], field: str) -> None:
    answer = api.get("/api/v1/patients/", asked)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


def test_pages_follow_each_other(api: APIClient) -> None:
    first = api.get("/api/v1/patients/", {"page_size": 2})
    second = api.get(first.json()["next"])
    assert (ids(first), ids(second), second.json()["next"]) == (["P-1", "P-2"], ["P-3"], None)
    assert "P-" not in first.json()["next"]


def test_every_look_at_an_identified_patient_is_in_the_trail(api: APIClient, centre: Any) -> None:
    patient = number(centre, "P-1")
    api.get(f"/api/v1/patients/{patient}/")
    api.get("/api/v1/patients/")
    api.post("/api/v1/patients/lookup/", {"registry": "centre", "patient_ids": ["P-1"]}, format="json")
    seen = AuditEvent.objects.filter(actor=api.key.account).order_by("number").values_list("action", "after")
    everyone = sorted(number(centre, each) for each in ("P-1", "P-2", "P-3"))
    assert list(seen) == [
        ("patient viewed", "API record"),
        ("patients listed", {"what": "API patients", "patients": everyone}),
        ("patients listed", {"what": "API lookup", "patients": [patient]}),
    ]


def test_a_patient_who_was_withdrawn_is_gone(api: APIClient, centre: Any) -> None:
    patient = number(centre, "P-3")
    PatientDetails.objects.filter(patient=patient).update(withdrawn_at=timezone.now())
    assert api.get(f"/api/v1/patients/{patient}/").status_code == 404
    assert ids(api.get("/api/v1/patients/")) == ["P-1", "P-2"]


def test_a_list_costs_the_same_however_long(api: APIClient, centre: Any, django_assert_num_queries: Any) -> None:
    api.get("/api/v1/patients/")  # the first request notes when the key was used
    with django_assert_num_queries(9):
        # Key; page; details; and in the trail: savepoint, its head looked for and locked, the row, the head, release.
        api.get("/api/v1/patients/")
