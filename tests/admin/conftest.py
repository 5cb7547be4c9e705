"""What the tests of the pages stand on: a small registry, a trial and an option, and people with some permissions."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from django.test import Client

from matcher import runs
from matcher.models import MatchRun
from patients.models import Patient, Registry
from tests.shelf import OPTION, STATEMENT, centre, on_day, published
from trials.actions import save_statement
from trials.models import Version

#: The day on which the registry and the trial of the tests are asked.
DAY = date(2026, 1, 15)

#: What a research coordinator may do with the pages.
COORDINATOR = (
    "patients.view_patient", "patients.view_registry", "patients.view_upload", "patients.add_answerfact",
    "trials.view_document", "matcher.view_match", "matcher.view_matchrun", "matcher.add_matchrun",
)  # fmt: skip

Person = Callable[..., Client]


@pytest.fixture(autouse=True)
def _nothing_is_kept() -> None:
    cache.clear()


@pytest.fixture
def registry(db: None, settings: Any, tmp_path: Any) -> Registry:
    """Five patients, of whom P-4 is dead."""
    return centre(settings, tmp_path)


@pytest.fixture
def trial(db: None) -> Version:
    """A published trial of four criteria."""
    return published()


@pytest.fixture
def option(db: None) -> Version:
    """A published option with a stance and a dose."""
    save_statement(text=STATEMENT, by=None, author_name="library author")
    return published(OPTION)


@pytest.fixture
def today(monkeypatch: pytest.MonkeyPatch) -> date:
    """The day of the tests, where a run asks about today."""
    on_day(monkeypatch, DAY)
    return DAY


@pytest.fixture
def run(registry: Registry, trial: Version, today: date) -> MatchRun:
    """A finished run that found what holds now."""
    return runs.run_inline(runs.start_run(registry=registry, by=None, queue=False))


@pytest.fixture
def person(db: None) -> Person:
    """A client signed in as a member of staff with the permissions named: `person("patients.view_patient")`."""

    def make(*permissions: str, name: str = "sam") -> Client:
        user = User.objects.create_user(name, password="-", is_staff=True)
        for permission in permissions:
            app, _, codename = permission.partition(".")
            user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
        client = Client()
        client.force_login(user)
        client.user = user
        return client

    return make


@pytest.fixture
def coordinator(person: Person) -> Client:
    """A research coordinator."""
    return person(*COORDINATOR, name="cora")


def number(patient_id: str) -> int:
    """The key by which addresses name a patient."""
    return Patient.objects.get(patient_id=patient_id).pk


def text_of(response: Any) -> str:
    """The words of a page, with single spaces, without markup."""

    body = re.sub(r"<(script|style).*?</\1>", " ", response.content.decode(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", body)))
