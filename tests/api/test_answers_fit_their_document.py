"""Every answer has exactly the fields that the OpenAPI document promises, and the document has no warning."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command

from tests.api.conftest import complaints, document, number


def test_the_document_has_no_warning() -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", "/dev/null", stdout=io.StringIO())
    assert document()["openapi"] == "3.1.0"


def test_every_operation_has_a_summary_a_tag_and_its_problems() -> None:
    tags = {tag["name"] for tag in document()["tags"]}
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            where = f"{method} {path}"
            assert operation.get("summary"), where
            assert set(operation["tags"]) <= tags, where
            assert "429" in operation["responses"], where
            if any(parameter["name"] == "registry" for parameter in operation.get("parameters", ())):
                assert "404" in operation["responses"], f"{where}: of a registry that is not there"
            if "/problems/" not in path or "imports" in path:
                assert {"401", "403"} <= set(operation["responses"]), where


READ = {
    "/api/v1/registries/": "/api/v1/registries/",
    "/api/v1/registries/{name}/": "/api/v1/registries/centre/",
    "/api/v1/registries/{name}/summary/": "/api/v1/registries/centre/summary/",
    "/api/v1/patients/": "/api/v1/patients/",
    "/api/v1/patients/{id}/": "/api/v1/patients/{patient}/",
    "/api/v1/patients/{id}/explanation/": "/api/v1/patients/{patient}/explanation/?as_of=data-through",
    "/api/v1/imports/": "/api/v1/imports/",
    "/api/v1/imports/{id}/": "/api/v1/imports/{upload}/",
    "/api/v1/imports/{id}/problems/": "/api/v1/imports/{upload}/problems/",
    "/api/v1/imports/{id}/problem-counts/": "/api/v1/imports/{upload}/problem-counts/",
    "/api/v1/trials/": "/api/v1/trials/",
    "/api/v1/trials/{id}/": "/api/v1/trials/nct01442662/",
    "/api/v1/trials/{id}/versions/": "/api/v1/trials/LMS03/versions/",
    "/api/v1/trials/{id}/versions/{number}/": "/api/v1/trials/NCT02601209/versions/1/",
    "/api/v1/options/": "/api/v1/options/",
    "/api/v1/options/{id}/": "/api/v1/options/ntrk_inhibitor/",
    "/api/v1/options/{id}/versions/": "/api/v1/options/ntrk_inhibitor/versions/",
    "/api/v1/options/{id}/versions/{number}/": "/api/v1/options/ntrk_inhibitor/versions/1/",
    "/api/v1/runs/": "/api/v1/runs/",
    "/api/v1/runs/{id}/": "/api/v1/runs/{run}/",
    "/api/v1/runs/{id}/counts/": "/api/v1/runs/{run}/counts/",
    "/api/v1/runs/{id}/funnel/": "/api/v1/runs/{run}/funnel/?trial=LMS03",
    "/api/v1/runs/{id}/missing-facts/": "/api/v1/runs/{run}/missing-facts/",
    "/api/v1/matches/": "/api/v1/matches/?run={run}",
    "/api/v1/matches/{id}/": "/api/v1/matches/{match}/",
    "/api/v1/matches/{id}/explanation/": "/api/v1/matches/{match}/explanation/",
    "/api/v1/status-changes/": "/api/v1/status-changes/",
    "/api/v1/problems/": "/api/v1/problems/",
    "/api/v1/problems/{code}/": "/api/v1/problems/conflict/",
}


def test_what_is_read_fits(api: Any, centre: Any, run: Any) -> None:
    keys = {
        "patient": number(centre, "P-1"),
        "upload": centre.uploads.get().pk,
        "run": run.pk,
        "match": run.matches.first().pk,
    }
    for path, address in READ.items():
        response = api.get(address.format(**keys))
        assert response.status_code == 200, (address, response.content)
        assert complaints(response, path) == [], address
    unread = {path for path, methods in document()["paths"].items() if "get" in methods} - set(READ)
    assert unread == {"/api/v1/imports/{id}/rejected/"}  # CSV, looked at where imports are


def test_what_is_posted_fits(api: Any, centre: Any, shelf: Any) -> None:
    posted = {
        "/api/v1/patients/lookup/": ({"registry": "centre", "patient_ids": ["P-1", "P-9"]}, 200),
        "/api/v1/rules/check/": ({"rule": "ecog <= 2"}, 200),
        "/api/v1/rules/evaluate/": ({"rule": "ecog <= 2", "registry": "centre", "as_of": "data-through"}, 200),
        "/api/v1/runs/": ({"registry": "centre", "trials": ["LMS03"], "as_of": "2026-01-15"}, 202),
    }
    for path, (body, status) in posted.items():
        response = api.post(path, body, format="json")
        assert response.status_code == status, response.content
        assert complaints(response, path, "post") == [], path
    file = SimpleUploadedFile("patients.csv", b"patient_id\nP-7\n")
    response = api.post("/api/v1/imports/", {"registry": "centre", "file": file}, format="multipart")
    assert complaints(response, "/api/v1/imports/", "post") == []


@pytest.mark.parametrize(
    ("address", "path", "status"),
    [
        ("/api/v1/patients/999999/", "/api/v1/patients/{id}/", 404),
        ("/api/v1/patients/?sex=f&deceased=perhaps", "/api/v1/patients/", 400),
        ("/api/v1/matches/", "/api/v1/matches/", 400),
        ("/api/v1/trials/LMS3/", "/api/v1/trials/{id}/", 404),
    ],
)
def test_problems_fit(api: Any, shelf: Any, address: str, path: str, status: int) -> None:
    response = api.get(address)
    assert (response.status_code, response.headers["Content-Type"]) == (status, "application/problem+json")
    assert complaints(response, path) == []
