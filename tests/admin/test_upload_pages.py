"""Uploads: sending a file, its progress, what was wrong row by row, and the rows to mend."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from kombu.exceptions import OperationalError

from patients import tasks
from patients.admin.uploads import UploadForm
from patients.intake import run_import
from patients.models import AuditEvent, Patient, Registry, Upload
from tests.admin.conftest import Person, text_of

ADD = "admin:patients_upload_add"
ROWS = (
    b"patient_id,test,value,unit,date\n"
    b"P-1,ecog,2,,2026-01-12\n"
    b"P-2,ecog,7,,2026-01-12\n"
    b"P-2,weight,70,stone,2026-01-12\n"
    b"=cmd|calc,ecog,1,,2026-01-12\n"
)


@pytest.fixture
def manager(person: Person) -> Client:
    """A data manager, who sees patients too."""
    return person(
        "patients.view_registry", "patients.add_registry", "patients.add_upload", "patients.view_upload",
        "patients.view_patient", name="mara",
    )  # fmt: skip


def sent(client: Client, content: bytes = ROWS, **said: Any) -> Any:
    file = SimpleUploadedFile("observations.csv", content, content_type="text/csv")
    form = {"file": file, "mode": "incremental", "encoding": "utf-8"} | said
    return client.post(reverse(ADD), form)


@pytest.fixture
def upload(registry: Registry, manager: Client) -> Upload:
    """An upload with something wrong in it, read."""
    sent(manager, registry=registry.pk)
    return run_import(Upload.objects.latest("pk").pk)


def page_of(client: Client, upload: Upload, **query: str) -> Any:
    return client.get(reverse("admin:patients_upload_change", args=[upload.pk]), query)


def test_sending_leaves_a_row_that_waits_and_tells_a_worker(
    registry: Registry, manager: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int] = []
    monkeypatch.setattr(tasks.import_upload, "delay", told.append)
    answer = sent(manager, registry=registry.pk, dry_run="on")
    upload = Upload.objects.latest("pk")
    assert answer.url == reverse("admin:patients_upload_change", args=[upload.pk])
    assert (upload.state, upload.dry_run, upload.by, upload.registry) == ("received", True, manager.user, registry)
    assert told == [upload.pk]


def test_without_a_queue_the_upload_is_kept(
    registry: Registry, manager: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(pk: int) -> None:
        raise OperationalError

    monkeypatch.setattr(tasks.import_upload, "delay", gone)
    answer = sent(manager, registry=registry.pk)
    assert answer.status_code == 302
    upload = Upload.objects.latest("pk")
    assert upload.state == "received"
    assert "The queue cannot be reached" in text_of(page_of(manager, upload))


def test_the_page_asks_for_progress_until_the_upload_has_ended(registry: Registry, manager: Client) -> None:
    sent(manager, registry=registry.pk)
    upload = Upload.objects.latest("pk")
    url = reverse("admin:patients_upload_progress", args=[upload.pk])
    assert f'data-progress="{url}"' in page_of(manager, upload).content.decode()
    assert manager.get(url).json() == {"state": "received", "text": "received", "done": 0, "total": 0, "ended": False}
    run_import(upload.pk)
    assert manager.get(url).json()["ended"] is True
    assert "progress.js" not in page_of(manager, upload).content.decode()


def test_the_page_tells_every_problem_with_its_remedy(upload: Upload, manager: Client) -> None:
    text = text_of(page_of(manager, upload))
    assert f"Rows accepted {upload.accepted} Rows rejected {upload.rejected}" in text
    assert "observations.csv 3 value 7" in text
    assert "the value lies outside 0 to 5" in text
    assert "Correct the value or its unit" in text
    # What is worst comes first.
    assert text.index("outside 0 to 5") < text.index("Rows to mend, as CSV") + 10_000


@pytest.mark.parametrize(("query", "shows", "hides"), [
    ({"severity": "error"}, "outside 0 to 5", "Nothing was wrong"),
    ({"severity": "note"}, "None of these", "outside 0 to 5"),
    ({"severity": "error", "code": "patient_not_known"}, "knows this patient", "outside 0 to 5"),
    ({"severity": "nonsense"}, "outside 0 to 5", "Nothing was wrong"),
])  # fmt: skip
def test_problems_are_filtered(upload: Upload, manager: Client, query: dict[str, str], shows: str, hides: str) -> None:
    text = text_of(page_of(manager, upload, **query))
    assert shows in text and hides not in text


def test_the_rows_to_mend_come_as_csv_and_the_export_is_audited(upload: Upload, manager: Client) -> None:
    answer = manager.get(reverse("admin:patients_upload_rejected", args=[upload.pk]))
    rows = list(csv.DictReader(io.StringIO(b"".join(answer).decode())))
    assert next(row["value"] for row in rows if row["patient_id"] == "P-2") == "7"
    # A spreadsheet must not run what a row says.
    assert any(row["patient_id"] == "'=cmd|calc" for row in rows)
    event = AuditEvent.objects.latest("number")
    assert (event.action, event.object_id) == ("rejected rows exported", str(upload.pk))


def test_rows_to_mend_need_the_permission_to_see_patients(upload: Upload, person: Person) -> None:
    client = person("patients.view_upload")
    assert client.get(reverse("admin:patients_upload_rejected", args=[upload.pk])).status_code == 403
    assert "as CSV" not in text_of(page_of(client, upload))


def test_a_dry_run_shows_the_difference_and_stores_nothing(registry: Registry, manager: Client) -> None:
    sent(manager, registry=registry.pk, dry_run="on")
    upload = run_import(Upload.objects.latest("pk").pk)
    text = text_of(page_of(manager, upload))
    assert "Dry run. Nothing was stored" in text
    assert f"Observations {upload.new} 0 0 0" in text
    assert Patient.objects.get(patient_id="P-1").observationfact_set.count() == 1


def test_a_new_registry_is_made_with_its_first_upload(manager: Client) -> None:
    said = {"registry": "new", "name": "fresh", "title": "Fresh", "preset": "clinic", "time_zone": "Europe/Paris"}
    sent(manager, b"patient_id,sex\nX-1,female\n", **said)
    registry = Registry.objects.get(name="fresh")
    assert registry.preset == "clinic"
    assert registry.uploads.count() == 1


def test_every_encoding_that_is_offered_is_read(registry: Registry, manager: Client) -> None:
    offered = [name for name, _ in UploadForm(may_create=False).fields["encoding"].choices]
    assert offered
    for name in offered:
        assert sent(manager, registry=registry.pk, encoding=name).status_code == 302
        assert run_import(Upload.objects.latest("pk").pk).state == "applied"


@pytest.mark.parametrize(("said", "complaint"), [
    ({"registry": "new", "name": ""}, "A new registry needs a name"),
    ({"registry": "new", "name": "centre"}, "There is a registry of this name"),
    ({"registry": "new", "name": "x", "time_zone": "Mars"}, "is no zone of the IANA database"),
    ({"registry": "99"}, "Select a valid choice"),
    ({"file": ""}, "This field is required"),
])  # fmt: skip
def test_a_form_that_says_too_little_is_refused(
    registry: Registry, manager: Client, said: dict[str, str], complaint: str
) -> None:
    before = (Registry.objects.count(), Upload.objects.count())
    answer = sent(manager, **{"registry": str(registry.pk), **said})
    assert answer.status_code == 400
    assert complaint in text_of(answer)
    assert (Registry.objects.count(), Upload.objects.count()) == before


def test_a_file_that_cannot_be_used_says_why(registry: Registry, manager: Client) -> None:
    sent(manager, b"nothing,to,do\n1,2,3\n", registry=registry.pk)
    upload = run_import(Upload.objects.latest("pk").pk)
    assert upload.state == "failed"
    assert upload.error in text_of(page_of(manager, upload))


def test_who_may_not_send_does_not(registry: Registry, person: Person) -> None:
    client = person("patients.view_upload")
    assert client.get(reverse(ADD)).status_code == 403
    assert sent(client, registry=registry.pk).status_code == 403
    without_new = person("patients.add_upload", name="ute")
    assert sent(without_new, registry="new", name="mine").status_code == 400


def test_the_list_shows_what_became_of_each(upload: Upload, manager: Client) -> None:
    text = text_of(manager.get(reverse("admin:patients_upload_changelist")))
    assert "centre observations.csv incremental applied" in text
