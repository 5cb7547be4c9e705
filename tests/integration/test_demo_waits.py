"""A demo that is started again after one was stopped half-way: it clears what was left, waits, and says for what."""

from __future__ import annotations

import io
from datetime import date, timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from matcher import runs
from matcher.demo import worker
from matcher.demo.worker import WorkerSilent, give_up_runs, import_by_worker
from matcher.models import MatchRun, Shard
from patients import actions
from patients.intake import run_import
from patients.models import Registry, Upload
from patients.tasks import import_upload
from tests.shelf import centre, published

pytestmark = pytest.mark.django_db


@pytest.fixture
def registry(settings: Any, tmp_path: Any) -> Registry:
    return centre(settings, tmp_path)


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in {"PAUSE_SECONDS": 0.01, "TELL_SECONDS": 0.02, "BEGIN_SECONDS": 1.0}.items():
        monkeypatch.setattr(worker, name, seconds)


def received(registry: Registry) -> Upload:
    file = io.BytesIO(b"patient_id,sex\nP-1,f\n")
    return actions.start_import(registry=registry, by=None, file=file, file_name="patients.csv")


def sent_to(monkeypatch: pytest.MonkeyPatch, deliver: Any) -> list[int]:
    """The uploads that were sent, each of which `deliver` hears of."""
    sent: list[int] = []

    def delay(upload_id: int) -> None:
        sent.append(upload_id)
        deliver(upload_id)

    monkeypatch.setattr(import_upload, "delay", delay)
    return sent


def test_without_a_worker_the_demo_says_so(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    sent_to(monkeypatch, lambda upload_id: None)
    told: list[str] = []
    with pytest.raises(WorkerSilent, match="No worker took the import"):
        import_by_worker(received(registry), told=lambda done, total: None, waits=told.append)
    assert told == []


def test_an_import_whose_worker_was_killed_is_given_back_and_read_first(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed, mine = received(registry), received(registry)
    Upload.objects.filter(pk=killed.pk).update(
        state="reading", attempt=1, heartbeat_at=timezone.now() - timedelta(seconds=40)
    )

    def deliver(upload_id: int) -> None:
        # The worker refuses mine as long as the other is under way, and takes it after the other.
        if upload_id == killed.pk:
            run_import(killed.pk)
            run_import(mine.pk)

    sent = sent_to(monkeypatch, deliver)
    told: list[str] = []
    done = import_by_worker(mine, told=lambda done, total: None, waits=told.append)
    killed.refresh_from_db()
    assert (done.state, killed.state, sent) == ("applied", "applied", [mine.pk, killed.pk])
    assert told == [f"upload {killed.pk} of the same registry to end, or to be given up where its worker was killed"]


def test_a_worker_that_is_busy_with_a_shard_is_waited_for(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    published()
    run = runs.start_run(registry=registry, as_of=date(2026, 1, 15), by=None, queue=False)
    run.shards.update(state="running", claimed_at=timezone.now(), claimed_by="someone")
    mine = received(registry)
    sent_to(monkeypatch, lambda upload_id: None)
    looks, told = [], []

    def told_of(done: int, total: int) -> None:
        looks.append(done)
        if told and Shard.objects.filter(state="running").exists():
            Shard.objects.update(state="pending", claimed_by="")
            run_import(mine.pk)

    assert import_by_worker(mine, told=told_of, waits=told.append).state == "applied"
    assert told == [f"a worker that is busy with shard 1 of run {run.pk}"]


def test_runs_of_an_earlier_demo_are_given_up_and_those_of_others_are_not(registry: Registry) -> None:
    published()
    demo = get_user_model().objects.create(username="demo-coordinator")
    theirs, other = (
        runs.start_run(registry=registry, as_of=date(2026, 1, 15), by=by, queue=False) for by in (demo, None)
    )
    assert give_up_runs(registry, by=demo) == 1
    assert MatchRun.objects.get(pk=theirs.pk).state == "cancelled"
    assert MatchRun.objects.get(pk=other.pk).state == "pending"
    assert give_up_runs(registry, by=demo) == 0
