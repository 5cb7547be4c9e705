"""Imports over HTTP: a file in, 202 and an address to ask at, and row by row what was wrong."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from patients.intake import run_import
from patients.models import AuditEvent, Upload
from patients.tasks import import_upload
from tests.api.conftest import number

pytestmark = pytest.mark.django_db

BAD = "patient_id,treatment,start_date\nP-1,pazopanib,2024-02-31\n,pazopanib,2024\nP-8,=1+1,2024\n"


def csv(name: str, content: str) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content.encode(), content_type="text/csv")


def send(api: APIClient, *files: SimpleUploadedFile, **how: Any) -> Any:
    return api.post("/api/v1/imports/", {"registry": "centre", "file": list(files), **how}, format="multipart")


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any) -> list[int]:
    """The uploads that a worker was told of."""
    told: list[int] = []
    monkeypatch.setattr(import_upload, "delay", told.append)
    return told


def test_an_import_is_a_job_that_is_asked_about(api: APIClient, sent: list[int]) -> None:
    answer = send(api, csv("patients.csv", "patient_id,sex\nP-7,f\n"))
    assert answer.status_code == 202
    where = answer.headers["Location"]
    assert where == f"/api/v1/imports/{answer.json()['id']}/"
    assert sent == [answer.json()["id"]]
    waiting = api.get(where)
    assert (waiting.json()["state"], waiting.json()["ended"]) == ("received", False)
    assert waiting.headers["Retry-After"] == answer.headers["Retry-After"] == "2"
    run_import(sent[0])
    done = api.get(where)
    assert (done.json()["state"], done.json()["ended"], done.json()["accepted"]) == ("applied", True, 1)
    assert "Retry-After" not in done.headers
    upload = Upload.objects.get(pk=sent[0])
    assert upload.by == api.key.account
    assert AuditEvent.objects.get(object_id=str(upload.pk), action="upload received").actor == api.key.account


def test_several_files_are_one_import(api: APIClient, sent: list[int]) -> None:
    people = csv("patients.csv", "patient_id,sex\nP-7,f\n")
    values = csv("observations.csv", "patient_id,test,value,date\nP-7,ECOG,1,2026-01-02\n")
    answer = send(api, people, values)
    done = run_import(answer.json()["id"])
    assert (done.state, done.accepted, done.patients_new) == ("applied", 2, 1)


def test_a_dry_run_and_a_snapshot_are_what_they_say(api: APIClient, centre: Any, sent: list[int]) -> None:
    only_one = csv("patients.csv", "patient_id,sex\nP-1,f\n")
    tried = run_import(send(api, only_one, mode="snapshot", dry_run="true").json()["id"])
    assert (tried.state, tried.mode, tried.dry_run) == ("compared", "snapshot", True)
    assert len(api.get("/api/v1/patients/").json()["results"]) == 3


def test_problems_are_told_row_by_row(api: APIClient, sent: list[int]) -> None:
    upload = run_import(send(api, csv("treatments.csv", BAD)).json()["id"])
    address = f"/api/v1/imports/{upload.pk}/"
    errors = api.get(f"{address}problems/", {"severity": "error"}).json()["results"]
    assert [(each["row"], each["column"], each["code"]) for each in errors] == [
        (2, "start_date", "not_a_date"),
        (3, "patient_id", "patient_id_missing"),
        (4, "patient_id", "patient_not_known"),
    ]
    assert all(each["file"] == "treatments.csv" and each["message"] and each["remedy"] for each in errors)
    counted = api.get(f"{address}problem-counts/").json()
    assert {"severity": "error", "code": "not_a_date", "count": 1} in counted
    rows = api.get(f"{address}problems/", {"severity": "error", "page_size": 1}).json()
    assert len(rows["results"]) == 1 and rows["next"]


def test_rows_to_mend_come_as_a_table_that_runs_no_formula(api: APIClient, sent: list[int]) -> None:
    upload = run_import(send(api, csv("treatments.csv", BAD)).json()["id"])
    answer = api.get(f"/api/v1/imports/{upload.pk}/rejected/")
    lines = b"".join(answer.streaming_content).decode().splitlines()
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert "attachment" in answer.headers["Content-Disposition"]
    assert lines[0].startswith("patient_id,treatment,start_date,error_file")
    assert len(lines) == 4 and lines[3].startswith("P-8,'=1+1,2024")
    assert AuditEvent.objects.filter(action="rejected rows exported", object_id=str(upload.pk)).exists()


def archive(members: dict[str, bytes], *, lose: int = 0) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as whole:
        for name, content in members.items():
            whole.writestr(name, content)
    return packed.getvalue()[: -lose or None]


UNUSABLE = {
    "missing column": (
        "treatments.csv",
        b"patient_id,start_date\nP-1,2024\n",
        "treatments.csv",
        1,
        "'treatment' is missing",
    ),
    "NUL byte": ("patients.csv", b"patient_id,sex\nP-1,\0f\n", "patients.csv", 2, "NUL byte"),
    "latin-1": ("patients.csv", "patient_id,country\nP-1,Curaçao\n".encode("latin-1"), "patients.csv", 2, "not UTF-8"),
    "UTF-16": ("patients.csv", "patient_id,sex\n".encode("utf-16"), "patients.csv", 1, "UTF-16"),
    "5 MB field": ("patients.csv", b"patient_id,country\nP-1," + b"x" * 5_000_000, "patients.csv", 2, "longer than"),
    "50,001 columns": ("patients.csv", b"patient_id" + b",x" * 50_000, "patients.csv", 1, "more than 2000 columns"),
    "empty": ("patients.csv", b"", "patients.csv", None, "empty"),
    "bomb": ("all.zip", archive({"patients.csv": b"0" * 60_000_000}), "patients.csv", None, "times its size"),
    "damaged": ("all.zip", archive({"patients.csv": b"patient_id\n"}, lose=30), "all.zip", None, "damaged"),
    "unknown name": ("shoes.csv", b"size,colour\n1,red\n", "shoes.csv", 1, "neither its name nor its columns"),
    "columns twice": ("patients.csv", b"patient_id,sex,Sex\nP-1,f,m\n", "patients.csv", 1, "stands twice"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_a_file_that_cannot_be_used_says_where_and_what_to_do(api: APIClient, sent: list[int], case: str) -> None:
    name, content, file, row, says = UNUSABLE[case]
    answer = send(api, SimpleUploadedFile(name, content))
    assert answer.status_code == 202
    address = answer.headers["Location"]
    run_import(answer.json()["id"])
    done = api.get(address).json()
    assert (done["state"], done["ended"], done["accepted"]) == ("failed", True, 0)
    (told,) = api.get(f"{address}problems/").json()["results"]
    assert (told["file"], told["row"]) == (file, row)
    assert says in told["message"] and told["remedy"]


def zipped() -> SimpleUploadedFile:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("patients.csv", "patient_id\nP-1\n")
    return SimpleUploadedFile("all.zip", packed.getvalue())


@pytest.mark.parametrize(
    ("files", "how", "field", "says"),
    [
        ((), {}, "file", ""),
        (("patients.pdf",), {}, "file", "is no table"),
        (("patients.csv", "PATIENTS.csv"), {}, "file", "bear one name"),
        (("patients.csv", "zip"), {}, "file", "one zip alone"),
        (("patients.csv",), {"mode": "sometimes"}, "mode", "none of incremental, snapshot"),
        (("patients.csv",), {"encoding": "klingon"}, "encoding", ""),
        (("patients.csv",), {"dry_run": "perhaps"}, "dry_run", ""),
    ],
)
def test_what_cannot_be_imported_is_refused_at_once(
    api: APIClient, files: tuple[str, ...], how: dict[str, str], field: str, says: str
) -> None:
    made = [zipped() if name == "zip" else csv(name, "patient_id\nP-1\n") for name in files]
    before = Upload.objects.count()
    answer = send(api, *made, **how)
    assert answer.status_code == 400, answer.content
    (error,) = answer.json()["errors"]
    assert error["field"].startswith(field) and says in error["message"]
    assert Upload.objects.count() == before


def test_a_preset_that_contradicts_the_registry_is_refused(api: APIClient, sent: list[int]) -> None:
    file = csv("patients.csv", "patient_id\nP-1\n")
    assert send(api, file, preset="clinic").status_code == 409
    file.seek(0)
    assert send(api, file, preset="cancer registry").status_code == 202


def test_other_bodies_and_sizes_are_refused(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert api.post("/api/v1/imports/", {"registry": "centre"}, format="json").status_code == 415
    large = {"registry": "centre", "patient_ids": ["x" * 1_100_000]}
    refused = api.post("/api/v1/patients/lookup/", large, format="json")
    assert (refused.status_code, refused.json()["type"]) == (413, "/api/v1/problems/too-large/")
    monkeypatch.setattr("patients.api.views.MAX_UPLOAD", -900_000)
    assert send(api, csv("patients.csv", "patient_id\n" + "P\n" * 60_000)).status_code == 413


def test_addresses_hold_no_id_of_a_patient(api: APIClient, centre: Any) -> None:
    assert api.get("/api/v1/patients/P-1/").status_code == 404
    assert api.get("/api/v1/patients/", {"patient_id": "P-1"}).status_code == 400
    assert str(number(centre, "P-1")) in api.get(f"/api/v1/patients/{number(centre, 'P-1')}/").wsgi_request.path
