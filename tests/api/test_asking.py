"""What a request may say: a slip in a name, a word or a number is refused with what would be right."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from kombu.exceptions import OperationalError
from rest_framework.test import APIClient

from matcher.models import MatchRun
from patients.models import Upload
from patients.tasks import import_upload


def errors(answer: Any) -> dict[str, str]:
    assert answer.status_code == 400, answer.content
    return {each["field"]: each["message"] for each in answer.json()["errors"]}


def test_a_field_that_is_not_known_starts_nothing(api: APIClient, shelf: Any) -> None:
    said = errors(api.post("/api/v1/runs/", {"registry": "centre", "trails": ["LMS03"]}, format="json"))
    assert said == {"trails": "there is no such field; there are registry, trials, as_of, keep"}
    file = SimpleUploadedFile("patients.csv", b"patient_id,sex\nP-1,f\n")
    said = errors(api.post("/api/v1/imports/", {"registry": "centre", "file": file, "dryrun": "true"}))
    assert "dry_run" in said["dryrun"]
    assert not MatchRun.objects.exists() and Upload.objects.count() == 1, "that of the fixture"


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ({"preset": "cancer-registry"}, "preset", "'cancer-registry' is none of cancer registry, clinic"),
        ({"mode": "replace"}, "mode", "'replace' is none of incremental, snapshot"),
        ({"dry_run": "perhaps"}, "dry_run", "Must be a valid boolean."),
    ],
)
def test_a_word_that_is_none_of_the_choices_is_answered_with_them(
    api: APIClient, body: dict[str, str], field: str, says: str
) -> None:
    file = SimpleUploadedFile("patients.csv", b"patient_id,sex\nP-1,f\n")
    assert errors(api.post("/api/v1/imports/", {"registry": "centre", "file": file, **body})) == {field: says}


@pytest.mark.parametrize(
    ("query", "field", "says"),
    [
        ("/api/v1/matches/?registry=centre&status=eligible", "status", "'eligible' is none of potentially_eligible"),
        ("/api/v1/imports/?state=done", "state", "'done' is none of received"),
        ("/api/v1/patients/?page_size=-3", "page_size", "from 1 to 500"),
        ("/api/v1/patients/?page_size=many", "page_size", "from 1 to 500"),
        ("/api/v1/patients/?page_size=0", "page_size", "from 1 to 500"),
        ("/api/v1/status-changes/?patient=0.5", "patient", "whole number"),
        ("/api/v1/patients/?cursor=zzz", "cursor", "follow `next`"),
    ],
)
def test_a_slip_in_a_list_is_refused(api: APIClient, query: str, field: str, says: str) -> None:
    assert says in errors(api.get(query))[field]


def test_a_page_larger_than_may_be_is_as_large_as_may_be(api: APIClient) -> None:
    assert api.get("/api/v1/patients/?page_size=99999999999").status_code == 200


def test_a_list_is_read_whole_by_its_cursors(api: APIClient) -> None:
    found, address = [], "/api/v1/patients/?page_size=1"
    while address:
        page = api.get(address).json()
        found += [row["patient_id"] for row in page["results"]]
        address = page["next"]
    assert found == ["P-1", "P-2", "P-3"]


def test_a_body_of_unknown_length_is_not_taken_for_an_empty_one(api: APIClient) -> None:
    body = json.dumps({"registry": "centre"}).encode()
    answer = api.generic(
        "POST", "/api/v1/runs/", body, "application/json", CONTENT_LENGTH="", HTTP_TRANSFER_ENCODING="chunked"
    )
    assert answer.status_code == 400
    assert "Content-Length" in answer.json()["detail"]


def test_without_a_broker_an_import_is_kept_and_accepted(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(upload_id: int) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(import_upload, "delay", away)
    file = SimpleUploadedFile("patients.csv", b"patient_id,sex\nP-1,f\n")
    answer = api.post("/api/v1/imports/", {"registry": "centre", "file": file})
    assert answer.status_code == 202
    assert Upload.objects.get(pk=answer.json()["id"]).state == "received"
