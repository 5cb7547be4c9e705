"""What the tests of the API stand on: two registries with a few patients, a small shelf, and keys."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator
from rest_framework.test import APIClient

from matcher import runs
from matcher.models import MatchRun
from patients import actions
from patients.intake import run_import
from patients.models import Patient, Registry, Upload
from patients.trust.issuing import create_key
from patients.trust.keys import Scope
from trials.actions import freeze, save_draft
from trials.models import Version

LIBRARY = Path(__file__).resolve().parents[2] / "trials" / "library"

FILES = {
    "patients": (
        "patient_id,sex,birth_date,data_through,deceased\n"
        "P-1,f,1961-04-03,2026-01-10,no\n"
        "P-2,f,1955-03,2026-01-10,no\n"
        "P-3,m,1950,2026-01-10,yes\n"
    ),
    "conditions": (
        "patient_id,condition,kind,body_site,extent,date\n"
        "P-1,leiomyosarcoma,primary,uterus,metastatic,2023-02-01\n"
        "P-2,leiomyosarcoma,primary,uterus,metastatic,2023-02\n"
        "P-3,leiomyosarcoma,primary,uterus,metastatic,2023\n"
    ),
    "treatments": (
        "patient_id,treatment,kind,start_date,end_date,response,setting,line\n"
        "P-1,doxorubicin,drug,2024-01-10,2024-05-20,progressive disease,advanced,1\n"
    ),
    "observations": "patient_id,test,value,date\nP-1,ECOG,1,2026-01-05\n",
    "coverage": "patient_id,domain,scope,complete_through\nP-1,treatments,kind:drug,2026-01-10\n",
}


def imported(registry: Registry, files: dict[str, str]) -> Upload:
    """Import files here and now."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"{name}.csv", content)
    return run_import(actions.start_import(registry=registry, by=None, file=packed, file_name="all.zip").pk)


@pytest.fixture(autouse=True)
def _nothing_is_kept_between_tests(settings: Any, tmp_path: Path) -> Iterator[None]:
    settings.MEDIA_ROOT = tmp_path / "kept"
    cache.clear()  # what the throttles counted
    yield


@pytest.fixture
def centre(db: None) -> Registry:
    """A registry with three patients: one documented, one with gaps, one dead."""
    registry = actions.create_registry(name="centre", by=None)
    assert imported(registry, FILES).state == "applied"
    return registry


@pytest.fixture
def elsewhere(db: None) -> Registry:
    """A registry that the keys of most tests do not see, with one patient."""
    registry = actions.create_registry(name="elsewhere", by=None)
    imported(registry, {"patients": "patient_id,sex\nX-1,f\n"})
    return registry


def published(path: str) -> Version:
    """A document of the library, frozen without its own tests, which stand elsewhere."""
    saved = save_draft(text=(LIBRARY / path).read_text(), by=None, author_name="author")
    assert saved.parsed is not None
    return freeze(draft=saved.draft, parsed=saved.parsed, reviewer="reviewer", by=None)


@pytest.fixture
def shelf(db: None) -> dict[str, Version]:
    """Two trials and an option."""
    return {
        "LMS03": published("trials/LMS03.yaml"),
        "NCT02601209": published("trials/NCT02601209.yaml"),
        "ntrk_inhibitor": published("options/ntrk_inhibitor.yaml"),
    }


@pytest.fixture
def run(centre: Registry, shelf: dict[str, Version]) -> MatchRun:
    """A finished run of the registry, each patient at the end of the record."""
    started = runs.start_run(registry=centre, as_of=runs.DATA_THROUGH, by=None, queue=False, keep=True)
    runs.run_inline(started)
    started.refresh_from_db()
    assert started.state == "finished"
    return started


@pytest.fixture
def client_of() -> Callable[..., APIClient]:
    """A client with a new key: `client_of(registry, …, scopes=…)`; every scope where none is named."""

    numbers = count(1)

    def make(*registries: Registry, scopes: tuple[str, ...] = tuple(Scope.values), name: str = "") -> APIClient:
        key, text = create_key(
            name=name or f"key {next(numbers)}", scopes=scopes, registries=registries, days=30, by=None
        )
        client = APIClient(HTTP_AUTHORIZATION=f"Bearer {text}")
        client.key = key  # type: ignore[attr-defined]  # for tests that look at its row
        return client

    return make


@pytest.fixture
def api(centre: Registry, client_of: Callable[..., APIClient]) -> APIClient:
    """A client whose key has every scope on `centre`."""
    return client_of(centre)


def number(registry: Registry, patient_id: str) -> int:
    """The opaque id of a patient."""
    return Patient.objects.get(registry=registry, patient_id=patient_id).pk


_DOCUMENT: dict[str, Any] = {}


def document() -> dict[str, Any]:
    """The OpenAPI document, generated once."""
    if not _DOCUMENT:
        generated = SchemaGenerator().get_schema(request=None, public=True)
        _DOCUMENT.update(json.loads(json.dumps(generated, default=str)))
    return _DOCUMENT


def complaints(response: Any, path: str, method: str = "get") -> list[str]:
    """Where a response differs from what the OpenAPI document says of it: missing, unknown and mistyped fields."""
    described = document()["paths"][path][method]["responses"][str(response.status_code)]
    (schema,) = (content["schema"] for content in described["content"].values())
    closed = {**document()["components"]}
    closed["schemas"] = {
        name: {**each, "additionalProperties": each.get("additionalProperties", False)}
        if each.get("type") == "object"
        else each
        for name, each in closed["schemas"].items()
    }
    validator = Draft202012Validator({**schema, "components": closed})
    return [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(response.json())]
