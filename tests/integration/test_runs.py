"""A match run as durable rows: what it stores, and that no lost message, second worker or fault changes it."""

from __future__ import annotations

import subprocess
import time
from datetime import date, timedelta
from typing import Any

import pytest
from celery import current_app
from django.core.exceptions import ValidationError
from django.db import OperationalError as DatabaseLost
from django.db import connection
from django.utils import timezone
from kombu.exceptions import OperationalError

from matcher import runs, selectors, tasks
from matcher.engine import UnknownWord
from matcher.models import Match, MatchRun, Shard, StatusChange, TrialCount
from matcher.runs import evaluating, recovery, starting, working
from patients import actions as patient_actions
from patients.models import AuditEvent, Registry
from tests.shelf import DENIED, EXPECTED, OPTION, TRIAL, centre, published, uploaded
from trials import actions
from trials.models import Version

DAY = date(2026, 1, 15)

pytestmark = pytest.mark.django_db


@pytest.fixture
def registry(settings: Any, tmp_path: Any) -> Registry:
    return centre(settings, tmp_path)


@pytest.fixture
def version() -> Version:
    return published()


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, "SHARD_PATIENTS", 2)


def started(registry: Registry, **options: Any) -> MatchRun:
    return runs.start_run(registry=registry, by=None, queue=False, **{"as_of": DAY, **options})


def finished(registry: Registry, **options: Any) -> MatchRun:
    run = runs.run_inline(started(registry, **options))
    assert run.state == MatchRun.State.FINISHED, run.error
    return run


def statuses(run: MatchRun) -> dict[str, str]:
    return dict(selectors.matches_of(run).values_list("patient__patient_id", "status"))


def offered(expected: dict[str, str]) -> dict[str, str]:
    return {patient: status for patient, status in expected.items() if status != "not_eligible"}


# --- What a run stores ---


def test_a_run_stores_every_pair_that_is_not_ruled_out(registry: Registry, version: Version) -> None:
    run = finished(registry)
    assert statuses(run) == offered(EXPECTED)
    row = selectors.matches_of(run).get(patient__patient_id="P-2")
    assert (row.needs, row.cohort, row.offered, row.as_of) == ("facts", "", True, DAY)
    assert [entry["concepts"] for entry in row.missing] == [["ecog"]]
    cleared = selectors.matches_of(run).get(patient__patient_id="P-5")
    assert cleared.clears_on == cleared.next_flip == date(2026, 2, 6)


def test_a_run_counts_every_patient_once_and_the_dead_apart(registry: Registry, version: Version) -> None:
    counts = TrialCount.objects.get(run=finished(registry))
    assert counts.as_dict() == {
        "potentially_eligible": 1, "needs_information": 1, "not_now": 1, "not_eligible": 1, "deceased": 1,
    }  # fmt: skip
    # Over the four who live: P-3 has another cancer, P-2 no ECOG, P-5 doxorubicin last week.
    assert counts.funnel == [
        {"criterion": "I1", "alone": 1, "in_order": 1, "unknown": 0},
        {"criterion": "I2", "alone": 0, "in_order": 0, "unknown": 1},
        {"criterion": "E1", "alone": 1, "in_order": 1, "unknown": 0},
    ]


def test_a_criterion_of_one_cohort_removes_only_who_fits_no_other(registry: Registry) -> None:
    cohorts = "cohorts: [{id: A}, {id: B}]\ncriteria:"
    text = TRIAL.replace("criteria:", cohorts, 1)
    text = text.replace("text: ECOG 0 to 2.,", "text: ECOG 0 to 2., cohorts: [A],")
    text = text.replace(
        "{id: C1,", "{id: I3, text: Male., polarity: inclusion, cohorts: [B], rule: sex is male}\n  - {id: C1,"
    )
    text = text[: text.index("test_patients:")] + TESTED_WITH_COHORTS
    run = finished(registry, versions=[published(text)])
    funnel = {row["criterion"]: (row["alone"], row["in_order"]) for row in TrialCount.objects.get(run=run).funnel}
    # The women are no men, but each is still in cohort A.
    assert funnel["I3"] == (3, 0)
    best = selectors.matches_of(run).get(patient__patient_id="P-1")
    assert (best.cohort, [cohort["status"] for cohort in best.cohorts]) == (
        "A",
        ["potentially_eligible", "not_eligible"],
    )


TESTED_WITH_COHORTS = """\
test_patients:
  - name: nothing is known
    as_of: 2026-01-15
    patient: {}
    expect: {status: needs_information}
"""


def test_a_run_names_all_that_its_answers_rest_on(registry: Registry, version: Version) -> None:
    run = finished(registry)
    assert (run.as_of_kind, run.as_of, run.patients) == ("date", DAY, 5)
    assert run.engine == runs.engine_version()
    assert run.vocabulary and run.policy
    assert list(run.versions.all()) == [version]
    event = AuditEvent.objects.get(action="match run started")
    assert event.after == {"as_of": "2026-01-15", "versions": ["FIRST version 1"], "patients": 5}


def test_an_answer_stays_what_was_known_then(registry: Registry, version: Version) -> None:
    run = started(registry)
    uploaded(registry, {"observations": "patient_id,test,value,date\nP-2,ecog,0,2026-01-06\n"})
    assert statuses(runs.run_inline(run)) == offered(EXPECTED)
    assert statuses(finished(registry))["P-2"] == "potentially_eligible"


def test_data_through_asks_each_patient_at_their_own(registry: Registry, version: Version) -> None:
    run = finished(registry, as_of="data-through")
    asked = dict(selectors.matches_of(run).values_list("patient__patient_id", "as_of"))
    assert asked["P-1"] == date(2026, 1, 10)
    # P-5 has none of her own and is asked about on the day of known-at.
    assert run.undated == 1
    assert asked.get("P-5", run.as_of) == run.as_of


def test_today_is_in_the_time_zone_of_the_registry(registry: Registry) -> None:
    registry.time_zone = "Pacific/Kiritimati"
    late = timezone.now().replace(hour=12, minute=0)
    assert runs.today_in(registry, at=late) == late.date() + timedelta(days=1)


def test_a_trial_closed_here_is_matched_and_not_offered(registry: Registry, version: Version) -> None:
    actions.set_open_here(document=version.document, open_here=False, by=None, reason="no slots")
    assert set(selectors.matches_of(finished(registry)).values_list("offered", flat=True)) == {False}


def test_pairs_without_a_row_are_evaluated_again_when_asked_for(registry: Registry, version: Version) -> None:
    run = finished(registry)
    ruled_out = {row["patient_id"]: row["deceased"] for row in selectors.not_eligible_json(run)}
    assert ruled_out == {"P-3": False, "P-4": True}


def test_who_is_called_alive_and_dead_is_stored_as_in_need_of_that_fact(registry: Registry, version: Version) -> None:
    uploaded(registry, {"patients": DENIED.format(id="P-1") + DENIED.format(id="P-5").partition("\n")[2]})
    run = finished(registry)
    rows = {row.patient.patient_id: row for row in selectors.matches_of(run)}
    assert {id: (rows[id].status, rows[id].needs) for id in ("P-1", "P-5")} == {
        "P-1": ("needs_information", "facts"), "P-5": ("not_now", ""),
    }  # fmt: skip
    assert {rows[id].missing[0]["attribute"] for id in ("P-1", "P-5")} == {"vital_status"}
    assert rows["P-5"].clears_on is not None
    assert TrialCount.objects.get(run=run).deceased == 1, "P-4 alone"


def test_a_question_about_a_date_leaves_what_holds_now_alone(registry: Registry, version: Version) -> None:
    finished(registry)
    assert not selectors.current_matches(registry).exists()
    assert not StatusChange.objects.exists()


@pytest.mark.parametrize("case", ["nothing published", "an option", "two versions of one trial"])
def test_what_cannot_be_run_is_refused(registry: Registry, case: str) -> None:
    chosen: list[Version] | None = None
    if case == "an option":
        chosen = [published(OPTION.replace("  - include: S-2\n", ""))]
    if case == "two versions of one trial":
        chosen = [published(), published(TRIAL.replace("ECOG 0 to 2.", "ECOG of at most 2."))]
    with pytest.raises(ValidationError):
        started(registry, versions=chosen)
    assert not MatchRun.objects.exists()


def test_a_registry_of_nobody_is_finished_at_once(version: Version) -> None:
    empty = patient_actions.create_registry(name="empty", by=None)
    run = started(empty)
    assert (run.state, run.shards_total) == ("finished", 0)
    assert set(TrialCount.objects.get(run=run).as_dict().values()) == {0}


# --- Shards ---


def test_a_run_is_the_same_in_however_many_shards(registry: Registry, version: Version, small_shards: None) -> None:
    run = finished(registry)
    assert (run.shards_total, run.shards_done) == (3, 3)
    assert statuses(run) == offered(EXPECTED)
    assert sum(TrialCount.objects.get(run=run).as_dict().values()) == 5


@pytest.fixture
def no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine so slow that a shard's time is up with its first patients, who are looked at one by one."""
    monkeypatch.setattr(working, "SHARD_SECONDS", -1.0)
    monkeypatch.setattr(evaluating, "TOGETHER", 1)


def test_a_shard_whose_time_is_up_is_cut_and_the_run_is_the_same(
    registry: Registry, version: Version, no_time: None
) -> None:
    run = started(registry)
    whole = run.shards.get()
    left: list[int] = []
    assert runs.work_shard(whole.pk, left=left.append)
    first, rest = run.shards.order_by("number")
    assert (first.state, first.patients, rest.state, rest.patients, rest.number) == ("done", 1, "pending", 4, 2)
    assert first.first_patient == whole.first_patient and rest.last_patient == whole.last_patient
    assert first.last_patient < rest.first_patient
    assert left == [rest.pk]
    run.refresh_from_db()
    assert (run.state, run.shards_done, run.shards_total) == ("running", 1, 2)

    run = runs.run_inline(run)
    assert (run.state, run.shards_done, run.shards_total) == ("finished", 5, 5)
    assert statuses(run) == offered(EXPECTED)
    assert sum(TrialCount.objects.get(run=run).as_dict().values()) == 5


def test_the_rest_of_a_shard_is_sent_to_the_workers(
    registry: Registry, version: Version, no_time: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, args: sent.extend(args))
    run = started(registry)
    waiting = [run.shards.get().pk]
    while waiting:
        tasks.run_shard(waiting.pop())
        waiting, sent = sent, []
    run.refresh_from_db()
    assert (run.state, statuses(run)) == ("finished", offered(EXPECTED))


def test_a_cut_shard_whose_rest_was_never_sent_is_found(
    registry: Registry, version: Version, no_time: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, args: sent.extend(args))
    run = started(registry)
    # Killed between storing and sending.
    runs.work_shard(run.shards.get().pk)
    MatchRun.objects.update(created_at=timezone.now() - timedelta(minutes=4))
    assert runs.resume_stalled() == 1
    assert sent == [run.shards.get(state="pending").pk]


def test_a_shard_that_is_sent_twice_is_stored_once(registry: Registry, version: Version) -> None:
    run = started(registry)
    shard = run.shards.get()
    assert runs.work_shard(shard.pk)
    assert not runs.work_shard(shard.pk)
    run.refresh_from_db()
    assert (run.state, Match.objects.count(), run.shards_done) == ("finished", 3, 1)


def test_of_two_attempts_at_a_shard_the_one_overtaken_stores_nothing(
    registry: Registry, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = started(registry)
    shard = run.shards.get()
    evaluate = working._evaluate
    overtaken: list[bool] = []

    def slowly(claimed: Shard) -> Any:
        if not overtaken:
            overtaken.append(True)
            # Taken for dead, given back, and done by another worker before this one comes to store.
            Shard.objects.filter(pk=claimed.pk).update(claimed_at=timezone.now() - timedelta(hours=1))
            runs.resume_stalled()
            assert runs.work_shard(claimed.pk)
        return evaluate(claimed)

    monkeypatch.setattr(working, "_evaluate", slowly)
    assert not runs.work_shard(shard.pk)
    assert Match.objects.filter(run=run).count() == 3
    assert TrialCount.objects.filter(run=run).count() == 1


def test_a_worker_killed_before_storing_leaves_a_shard_that_is_done_again(
    registry: Registry, version: Version, small_shards: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = started(registry)
    first = run.shards.first()
    assert first is not None

    def killed(*_: Any) -> Any:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(working, "_store", killed)
        with pytest.raises(SystemExit):
            runs.work_shard(first.pk)
    assert not runs.work_shard(first.pk), "still claimed by the dead"
    Shard.objects.filter(pk=first.pk).update(claimed_at=timezone.now() - timedelta(minutes=4))
    assert runs.resume_stalled() == 0, "never sent and young: whoever started the run works on it"
    assert statuses(runs.run_inline(run)) == offered(EXPECTED)


def test_a_process_killed_before_it_could_say_that_all_is_done_is_noticed(
    registry: Registry, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = started(registry)
    with monkeypatch.context() as patch:
        patch.setattr(working, "finish_if_done", lambda run_id: False)
        runs.work_shard(run.shards.get().pk)
    run.refresh_from_db()
    assert run.state == "running"
    tasks.resume_runs()
    run.refresh_from_db()
    assert run.state == "finished"


def test_a_fault_is_tried_again_and_then_ends_the_run_as_errored(
    registry: Registry, version: Version, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run = started(registry)
    shard = run.shards.get()

    def faulty(claimed: Shard) -> Any:
        raise RuntimeError("P-1 was born on 3 April")

    monkeypatch.setattr(working, "_evaluate", faulty)
    states = []
    for _ in range(working.ATTEMPTS):
        runs.work_shard(shard.pk)
        shard.refresh_from_db()
        states.append(shard.state)
    run.refresh_from_db()
    assert states == ["pending", "pending", "errored"]
    assert (run.state, shard.error) == ("errored", "RuntimeError")
    assert "P-1" not in run.error + caplog.text
    assert not runs.work_shard(shard.pk)


def test_a_database_that_was_lost_more_often_than_a_fault_is_tried_does_not_end_a_run(
    registry: Registry, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = started(registry)
    shard = run.shards.get()
    left: list[int] = []

    def lost(claimed: Shard) -> Any:
        raise DatabaseLost("the connection is closed")

    with monkeypatch.context() as patch:
        patch.setattr(working, "_evaluate", lost)
        for _ in range(working.ATTEMPTS + 1):
            runs.work_shard(shard.pk, left=left.append)
    assert left == [shard.pk] * (working.ATTEMPTS + 1)
    assert runs.run_inline(run).state == "finished"


def test_where_the_database_does_not_come_back_at_once_the_reaper_gives_the_shard_back(
    registry: Registry, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = started(registry)
    shard = run.shards.get()
    left: list[int] = []

    def lost(*_: Any, **__: Any) -> Any:
        raise DatabaseLost("the connection is closed")

    with monkeypatch.context() as patch:
        patch.setattr(working, "_evaluate", lost)
        patch.setattr(working, "_release", lost)
        assert runs.work_shard(shard.pk, left=left.append)
    assert (run.shards.get().state, left) == ("running", [])
    run.shards.update(claimed_at=timezone.now() - timedelta(minutes=4))
    MatchRun.objects.update(created_at=timezone.now() - timedelta(minutes=4))
    assert runs.resume_stalled() == 1
    assert runs.run_inline(run).state == "finished"


@pytest.mark.parametrize("silent", [False, True])
def test_who_is_killed_while_giving_up_a_shard_does_not_leave_a_run_that_never_ends(
    registry: Registry, version: Version, monkeypatch: pytest.MonkeyPatch, silent: bool
) -> None:
    run = started(registry)
    old = timezone.now() - timedelta(minutes=4)
    run.shards.update(attempts=working.LOST_ATTEMPTS)
    if silent:
        run.shards.update(state="running", claimed_at=old, claimed_by="dead")
    MatchRun.objects.update(state="running")

    def killed(*_: Any, **__: Any) -> Any:
        raise SystemExit

    def faulty(claimed: Shard) -> Any:
        raise RuntimeError

    monkeypatch.setattr(working, "_evaluate", faulty)
    with monkeypatch.context() as patch:
        patch.setattr(recovery if silent else working, "end_badly", killed)
        with pytest.raises(SystemExit):
            runs.resume_stalled() if silent else runs.work_shard(run.shards.get().pk)
    run.shards.update(claimed_at=old)
    runs.resume_stalled()
    run.refresh_from_db()
    assert (run.state, run.shards.get().state) == ("errored", "errored")


def test_an_attempt_that_was_overtaken_at_once_does_not_pass_for_the_other(
    registry: Registry, version: Version
) -> None:
    run = started(registry)
    shard = run.shards.get()
    overtaken: list[bool] = []

    def another(execute: Any, sql: str, *args: Any) -> Any:
        if sql.startswith("SELECT") and "matcher_shard" in sql and not overtaken:
            overtaken.append(True)
            run.shards.update(claimed_by="another")
        return execute(sql, *args)

    with connection.execute_wrapper(another):
        assert not runs.work_shard(shard.pk)
    assert overtaken and run.shards.get().claimed_by == "another"


def test_a_fault_once_does_not_stop_a_run(
    registry: Registry, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate, failed = working._evaluate, []

    def once(claimed: Shard) -> Any:
        if not failed:
            failed.append(claimed.pk)
            raise RuntimeError
        return evaluate(claimed)

    monkeypatch.setattr(working, "_evaluate", once)
    assert statuses(finished(registry)) == offered(EXPECTED)


def test_a_version_the_vocabulary_no_longer_knows_fails_the_run(
    registry: Registry, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise UnknownWord("'leiomyosarcoma' is no known cancer")

    monkeypatch.setattr(evaluating, "Shelf", unknown)
    run = runs.run_inline(started(registry))
    assert (run.state, "leiomyosarcoma" in run.error) == ("failed", True)
    assert selectors.latest_run(registry) is None


def test_a_cancelled_run_stores_nothing_more(registry: Registry, version: Version, small_shards: None) -> None:
    run = started(registry)
    pks = list(run.shards.values_list("pk", flat=True))
    runs.work_shard(pks[0])
    runs.cancel_run(run=run, by=None, reason="wrong date")
    assert not runs.work_shard(pks[1])
    run.refresh_from_db()
    assert (run.state, run.shards_done) == ("cancelled", 1)
    assert AuditEvent.objects.get(action="match run cancelled").reason == "wrong date"
    with pytest.raises(ValidationError, match="ended already"):
        runs.cancel_run(run=run, by=None, reason="again")
    assert runs.resume_stalled() == 0


# --- The queue ---


def test_shards_are_sent_once_the_run_is_committed_with_ids_only(
    registry: Registry, version: Version, small_shards: None, monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:  # fmt: skip
    sent: list[tuple[str, list[int]]] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, args: sent.append((name, args)))
    with django_capture_on_commit_callbacks() as callbacks:
        run = runs.start_run(registry=registry, as_of=DAY, by=None)
    assert sent == []
    for callback in callbacks:
        callback()
    assert sent == [("matcher.run_shard", [pk]) for pk in run.shards.values_list("pk", flat=True)]
    assert not run.shards.filter(sent_at__isnull=True).exists()


def test_without_a_broker_the_run_waits_and_is_found(
    registry: Registry, version: Version, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise OperationalError("connection refused")

    with monkeypatch.context() as patch, django_capture_on_commit_callbacks(execute=True):
        patch.setattr(current_app, "send_task", away)
        run = runs.start_run(registry=registry, as_of=DAY, by=None)
    run.refresh_from_db()
    assert (run.state, run.shards.get().sent_at) == ("pending", None)
    sent: list[Any] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, args: sent.append(args))
    assert runs.resume_stalled() == 0, "it may be about to be sent"
    MatchRun.objects.update(created_at=timezone.now() - timedelta(minutes=4))
    assert runs.resume_stalled() == 1
    assert runs.resume_stalled() == 0, "a message is given time"
    tasks.run_shard(*sent[0])
    run.refresh_from_db()
    assert run.state == "finished"


def test_silent_workers_end_a_run_at_last(registry: Registry, version: Version) -> None:
    run = started(registry)
    old = timezone.now() - timedelta(minutes=4)
    run.shards.update(state="running", claimed_at=old, claimed_by="dead", attempts=working.LOST_ATTEMPTS)
    MatchRun.objects.update(state="running")
    runs.resume_stalled()
    run.refresh_from_db()
    assert (run.state, run.shards.get().state) == ("errored", "errored")


@pytest.mark.worker
@pytest.mark.django_db(transaction=True)
def test_a_worker_finishes_a_run(
    settings: Any, tmp_path: Any, small_shards: None, worker: subprocess.Popen[bytes]
) -> None:
    registry = centre(settings, tmp_path)
    published()
    run = runs.start_run(registry=registry, as_of=DAY, by=None)
    deadline = time.monotonic() + 60
    while not run.has_ended and time.monotonic() < deadline:
        time.sleep(0.2)
        run.refresh_from_db()
    assert (run.state, statuses(run)) == ("finished", offered(EXPECTED))
    progress = selectors.progress_of(run)
    assert (progress.state, progress.done, progress.total, progress.seconds_left) == ("finished", 5, 5, None)
    assert progress.per_second
