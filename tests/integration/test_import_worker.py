"""The import as a job: a real worker reads the upload, and the next one that waits for the same registry."""

from __future__ import annotations

import io
import subprocess
import time
from typing import Any

import pytest
from kombu.exceptions import OperationalError
from redis import Redis

from patients import actions, selectors
from patients.models import Upload
from patients.tasks import import_upload, resume_uploads, send
from tests.queue_probe import leave_trace


@pytest.fixture
def uploads_folder(tmp_path: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # Before the worker starts, which takes its environment from here.
    monkeypatch.setenv("UPLOAD_DIR", str(tmp_path / "uploads"))
    settings.MEDIA_ROOT = tmp_path / "uploads"


def received(registry: Any, content: str) -> Upload:
    return actions.start_import(registry=registry, by=None, file=io.BytesIO(content.encode()), file_name="patients.csv")


def wait_for(*uploads: Upload, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        states = set(Upload.objects.filter(pk__in=[each.pk for each in uploads]).values_list("state", flat=True))
        if states == {"applied"}:
            return
        time.sleep(0.2)
    raise AssertionError(f"the uploads did not end: {states}")


@pytest.mark.worker
def test_a_worker_reads_what_waits(uploads_folder: None, worker: subprocess.Popen[bytes]) -> None:
    registry = actions.create_registry(name="centre", by=None)
    first = received(registry, "patient_id,sex\nP-1,f\n")
    second = received(registry, "patient_id,sex\nP-2,m\n")
    import_upload.delay(first.pk)
    wait_for(first, second)
    assert [patient.patient_id for patient in selectors.registry_patients(registry)] == ["P-1", "P-2"]


@pytest.mark.worker
def test_an_import_does_not_stand_behind_the_shards_of_a_run(
    uploads_folder: None, worker: subprocess.Popen[bytes], redis_url: str
) -> None:
    registry = actions.create_registry(name="centre", by=None)
    upload = received(registry, "patient_id,sex\nP-1,f\n")
    # Where shards wait; the one process of the worker needs a minute for all of them.
    for number in range(120):
        leave_trace.apply_async(args=[number, 0.5], queue="shards")
    assert send(upload.pk)
    wait_for(upload, seconds=40)
    with Redis.from_url(redis_url) as client:
        assert client.llen("shards") > 20, "they were to wait, not the import"
        client.delete("shards")


@pytest.mark.django_db
def test_without_a_broker_an_upload_waits_and_no_one_is_told_of_a_fault(
    settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise OperationalError("connection refused")

    settings.MEDIA_ROOT = tmp_path
    waiting = received(actions.create_registry(name="centre", by=None), "patient_id,sex\nP-1,f\n")
    Upload.objects.filter(pk=waiting.pk).update(created_at="2024-01-01T00:00:00Z")
    with monkeypatch.context() as patch:
        patch.setattr(import_upload, "delay", away)
        assert not send(waiting.pk)
        resume_uploads()
    waiting.refresh_from_db()
    assert waiting.state == "received"


@pytest.mark.django_db
def test_a_message_that_comes_twice_does_nothing(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path
    registry = actions.create_registry(name="centre", by=None)
    only = received(registry, "patient_id,sex\nP-1,f\n")
    import_upload(only.pk)
    only.refresh_from_db()
    ended = only.finished_at
    import_upload(only.pk)
    only.refresh_from_db()
    assert (only.state, only.finished_at, only.attempt) == ("applied", ended, 1)


@pytest.mark.django_db
def test_lost_messages_are_sent_again(settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MEDIA_ROOT = tmp_path
    registry = actions.create_registry(name="centre", by=None)
    lost = received(registry, "patient_id,sex\nP-1,f\n")
    Upload.objects.filter(pk=lost.pk).update(created_at="2024-01-01T00:00:00Z")
    sent: list[int] = []
    monkeypatch.setattr(import_upload, "delay", sent.append)
    resume_uploads()
    assert sent == [lost.pk]
