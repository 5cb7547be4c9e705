"""Answers as they stand: what changes is matched again, only the difference is stored, and history says why."""

from __future__ import annotations

import io
import random
import subprocess
import time
import zipfile
from collections import Counter
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from matcher import runs, selectors, tasks
from matcher.answers import explain
from matcher.demo import write as write_demo
from matcher.engine import Status, evaluate_trial
from matcher.models import Match, MatchRun, PatientStanding, Shard, StandingQuestion, StatusChange, TrialCount
from matcher.runs import evaluating, starting, working
from matcher.runs.counting import counts_of
from matcher.runs.evaluating import STATUSES
from matcher.runs.following import RETRY_AFTER
from patients import actions as patient_actions
from patients.intake import run_import
from patients.models import Patient, Registry, Upload
from patients.selectors import patient_records
from tests.library_shelf import LIBRARY
from tests.shelf import EXPECTED, FILES, TRIAL, centre, on_day, published, uploaded
from trials import actions
from trials.models import Version

DAY = date(2026, 1, 15)
SECOND = TRIAL.replace("FIRST", "SECOND").replace("00001", "00002").replace("2020-", "2021-")
STRICTER = (
    TRIAL.replace("rule: ecog <= 2", "rule: ecog <= 0")
    .replace(
        "expect: {status: potentially_eligible, offered: yes, criteria: {I1: met, I2: met, E1: met}}",
        "expect: {status: not_now}",
    )
    .replace("clears_on: 2026-02-06, ", "")
)
OFFERED = {patient: status for patient, status in EXPECTED.items() if status != "not_eligible"}

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _today(monkeypatch: pytest.MonkeyPatch) -> None:
    on_day(monkeypatch, DAY)


@pytest.fixture
def registry(settings: Any, tmp_path: Any) -> Registry:
    return centre(settings, tmp_path)


@pytest.fixture
def version() -> Version:
    return published()


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, "SHARD_PATIENTS", 2)


def followed(registry: Registry) -> list[MatchRun]:
    """Every run that the registry is due, worked on here."""
    found = []
    while (run := runs.follow(registry, queue=False)) is not None:
        run = runs.run_inline(run)
        assert run.state == MatchRun.State.FINISHED, run.error
        found.append(run)
    return found


def asked(registry: Registry, **options: Any) -> MatchRun:
    return runs.run_inline(runs.start_run(registry=registry, by=None, queue=False, **options))


def current(registry: Registry) -> dict[str, str]:
    return dict(selectors.current_matches(registry).values_list("patient__patient_id", "status"))


def counts(registry: Registry) -> dict[str, dict[str, int]]:
    found = TrialCount.objects.filter(current=True, run__registry=registry).select_related("version__document")
    return {each.version.document.code: each.as_dict() for each in found}


def told(**of: Any) -> dict[str, tuple[str, str, str]]:
    found = StatusChange.objects.filter(**of).order_by("pk").select_related("patient")
    return {each.patient.patient_id: (each.from_status, each.to_status, each.cause) for each in found}


def ecog(registry: Registry, patient: str = "P-2", value: int = 0, day: str = "2026-01-06") -> Upload:
    return uploaded(registry, {"observations": f"patient_id,test,value,date\n{patient},ecog,{value},{day}\n"})


def answered(criterion: str, patient: str = "P-2") -> None:
    patient_actions.record_answer(
        patient=Patient.objects.get(patient_id=patient), document="FIRST", version=1, criterion=criterion, truth=True,
        by=User.objects.get_or_create(username="cora")[0],
    )  # fmt: skip


def holds(registry: Registry) -> None:
    """What stands is what an evaluation of everything says: rows, counts and funnels."""
    base = StandingQuestion.objects.get(registry=registry).run
    assert base is not None
    question = evaluating.Question.of(base, runs.asked_versions(base))
    keys = sorted(Patient.objects.filter(registry=registry).values_list("pk", flat=True))
    standing = TrialCount.objects.filter(current=True, run__registry=registry).select_related("version__document")
    question = evaluating.Question(
        registry, base.known_at, question.as_of, base.as_of,
        tuple(evaluating.AskedVersion(each.version, each.open_here) for each in standing),
    )  # fmt: skip
    found = evaluating.evaluate(question, keys)
    names = (
        "patient_id",
        "document_id",
        "version_id",
        "status",
        "offered",
        "needs",
        "clears_on",
        "next_flip",
        "digest",
    )
    stored = {
        tuple(getattr(row, name) for name in names)
        for row in Match.objects.filter(current=True, run__registry=registry)
    }
    assert stored == {
        (row.patient, row.document, row.version, row.status, row.offered, row.needs, row.clears_on, row.next_flip,
         row.digest)
        for row in found.rows()
    }  # fmt: skip
    for each in standing:
        expected = found.counts[each.version_id]
        assert each.as_dict() == expected.statuses
        for step in each.funnel:
            assert [step["alone"], step["in_order"], step["unknown"]] == expected.funnel.get(
                step["criterion"], [0, 0, 0]
            )
    kept = {row.patient_id: (row.digest, row.next_flip) for row in PatientStanding.objects.filter(registry=registry)}
    assert {key: digest for key, (digest, _) in kept.items()} == found.digests
    # A day that is too early only asks once too often; one that is too late would miss a change.
    for key, flip in found.next_flips.items():
        assert flip is None or (kept[key][1] is not None and kept[key][1] <= flip)


# --- What is stored ---


def test_the_first_look_asks_about_everyone(registry: Registry, version: Version) -> None:
    (run,) = followed(registry)
    assert (run.kind, run.scope, run.because, run.as_of) == ("standing", "whole", "the first", DAY)
    assert current(registry) == OFFERED
    assert not StatusChange.objects.exists(), "a trial that is first asked changes nothing"
    holds(registry)
    assert followed(registry) == []


def test_a_second_run_with_nothing_changed_writes_nothing_but_itself(registry: Registry, version: Version) -> None:
    followed(registry)
    rows = list(Match.objects.values().order_by("pk"))
    counted = list(TrialCount.objects.values().order_by("pk"))
    standing = list(PatientStanding.objects.values().order_by("pk"))
    run = asked(registry)
    assert (run.kind, run.scope, run.state) == ("standing", "whole", "finished")
    assert list(Match.objects.values().order_by("pk")) == rows
    assert list(TrialCount.objects.values().order_by("pk")) == counted
    assert list(PatientStanding.objects.values().order_by("pk")) == standing
    # The run still tells what held when it was done.
    assert dict(selectors.matches_of(run).values_list("patient__patient_id", "status")) == OFFERED
    assert [each.as_dict() for each in counts_of(run)] == [counts(registry)["FIRST"]]


def test_of_patients_whose_answers_stayed_no_row_is_read(registry: Registry, version: Version) -> None:
    followed(registry)
    run = runs.start_run(registry=registry, by=None, queue=False)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        runs.work_shard(run.shards.get().pk)
    assert not [each["sql"] for each in queries if 'FROM "matcher_match"' in each["sql"]]


def test_the_next_day_alone_replaces_no_row(
    registry: Registry, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    # "complete to 15 January?" asks the same on the 16th.
    uploaded(registry, {"patients": "patient_id,sex,birth_date\nP-7,female,1960-01-01\n",
                        "conditions": "patient_id,condition,kind,body_site,extent,date\n"
                                      "P-7,leiomyosarcoma,primary,uterus,metastatic,2020-01-01\n"})  # fmt: skip
    followed(registry)
    texts = [entry["text"] for row in selectors.current_matches(registry) for entry in row.missing]
    assert any("complete to 2026-01-15" in text for text in texts)
    before = set(Match.objects.filter(current=True).values_list("pk", flat=True))
    on_day(monkeypatch, DAY + timedelta(days=1))
    asked(registry)
    assert set(Match.objects.filter(current=True).values_list("pk", flat=True)) == before
    holds(registry)


def test_an_edited_fact_replaces_the_rows_of_its_patient(registry: Registry, version: Version) -> None:
    first = followed(registry)[0]
    ecog(registry)
    (run,) = followed(registry)
    assert (run.scope, run.patients, run.because, run.base) == ("patients", 1, "1 patient changed", first)
    assert current(registry) == OFFERED | {"P-2": "potentially_eligible"}
    old, new = Match.objects.filter(patient__patient_id="P-2").order_by("pk")
    assert (old.run, old.current, old.replaced_by, new.run, new.current) == (first, False, run, run, True)
    assert old.replaced_at is not None
    assert Match.objects.filter(run=run).count() == 1
    # Each run tells what held when it was done.
    assert dict(selectors.matches_of(first).values_list("patient__patient_id", "status")) == OFFERED
    assert dict(selectors.matches_of(run).values_list("patient__patient_id", "status")) == current(registry)
    holds(registry)


def test_counts_after_a_run_of_one_patient_are_those_of_the_registry(registry: Registry, version: Version) -> None:
    followed(registry)
    uploaded(registry, {"patients": FILES["patients"].replace("1961-04-03,no", "1961-04-03,yes")})
    (run,) = followed(registry)
    assert run.scope == "patients"
    assert counts(registry)["FIRST"] == {
        "potentially_eligible": 0, "needs_information": 1, "not_now": 1, "not_eligible": 1, "deceased": 2,
    }  # fmt: skip
    assert told(run=run) == {"P-1": ("potentially_eligible", "not_eligible", "facts")}
    holds(registry)


def test_who_comes_and_who_goes(registry: Registry, version: Version) -> None:
    followed(registry)
    uploaded(registry, {"patients": "patient_id,sex,birth_date\nP-6,female,1960-01-01\n",
                        "conditions": "patient_id,condition,kind,body_site,extent,date\n"
                                      "P-6,leiomyosarcoma,primary,uterus,metastatic,2020-01-01\n"})  # fmt: skip
    (run,) = followed(registry)
    assert told(run=run) == {"P-6": ("", "needs_information", "new patient")}
    assert sum(counts(registry)["FIRST"].values()) == 6
    holds(registry)
    snapshot = patient_actions.start_import(
        registry=registry, by=None, file=_zip({"patients": FILES["patients"]}), file_name="all.zip", mode="snapshot"
    )
    assert run_import(snapshot.pk).state == "applied"
    followed(registry)
    assert "P-6" not in current(registry)
    assert sum(counts(registry)["FIRST"].values()) == 5
    holds(registry)


def _zip(files: dict[str, str]) -> Any:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"{name}.csv", content)
    return buffer


def test_a_closed_row_is_explained_as_it_was(registry: Registry, version: Version) -> None:
    followed(registry)
    old = selectors.current_matches(registry).get(patient__patient_id="P-2")
    before = explain(old.patient, run=old.run, versions=[old.version]).as_json()
    ecog(registry)
    published(STRICTER)
    followed(registry)
    old.refresh_from_db()
    assert not old.current
    assert explain(old.patient, run=old.run, versions=[old.version]).as_json() == before
    new = selectors.current_matches(registry).get(patient__patient_id="P-2")
    now = explain(new.patient, run=new.run, versions=[new.version])
    assert (now.trials[0].version, now.trials[0].status.value) == (2, new.status)


def test_a_run_of_some_patients_explains_the_whole_shelf(registry: Registry, version: Version) -> None:
    actions.set_open_here(document=version.document, open_here=False, by=None, reason="no slots")
    followed(registry)
    ecog(registry)
    (run,) = followed(registry)
    actions.set_open_here(document=version.document, open_here=True, by=None, reason="slots again")
    published(STRICTER)
    patient = Patient.objects.get(patient_id="P-2")
    found = explain(patient, run=run)
    assert [(each.document, each.version, each.offered) for each in found.trials] == [("FIRST", 1, False)]


def test_the_database_holds_one_answer_for_a_patient_and_trial(registry: Registry, version: Version) -> None:
    followed(registry)
    row = Match.objects.filter(current=True).first()
    assert row is not None
    row.pk, row.run = None, asked(registry, as_of=DAY)
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save()


def test_a_whole_run_of_many_shards_stands_too(registry: Registry, version: Version, small_shards: None) -> None:
    (run,) = followed(registry)
    assert run.shards_total == 3
    holds(registry)


def test_a_shard_that_names_its_patients_is_cut_like_any_other(
    registry: Registry, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed(registry)
    ecog(registry)
    ecog(registry, "P-1", 2)
    monkeypatch.setattr(working, "SHARD_SECONDS", -1.0)
    monkeypatch.setattr(evaluating, "TOGETHER", 1)
    (run,) = followed(registry)
    assert (run.scope, run.shards_total, run.patients) == ("patients", 2, 2)
    holds(registry)


# --- What makes a run due ---


def test_a_new_version_asks_everyone_about_its_trial_alone(registry: Registry, version: Version) -> None:
    published(SECOND)
    followed(registry)
    amended = published(STRICTER)
    (run,) = followed(registry)
    assert (run.scope, run.because, list(run.versions.all())) == ("versions", "FIRST version 2", [amended])
    assert told(run=run) == {"P-1": ("potentially_eligible", "not_now", "new version")}
    change = StatusChange.objects.get(run=run)
    assert change.detail == "version 2"
    holds(registry)
    assert set(selectors.current_matches(registry).values_list("version__document__code", "version__number")) == {
        ("FIRST", 2), ("SECOND", 1),
    }  # fmt: skip


def test_facts_that_came_before_the_new_version_was_matched_keep_their_cause(
    registry: Registry, version: Version
) -> None:
    followed(registry)
    ecog(registry)
    published(SECOND)
    one, two = followed(registry)
    assert (one.scope, two.scope) == ("patients", "versions")
    assert told() == {"P-2": ("needs_information", "potentially_eligible", "facts")}
    holds(registry)


def test_a_trial_that_waits_is_matched_between_two_runs_of_patients(registry: Registry, version: Version) -> None:
    followed(registry)
    ecog(registry)
    run = runs.follow(registry, queue=False)
    assert run is not None
    published(SECOND)
    ecog(registry, "P-1", 2)
    runs.run_inline(run)
    assert [each.scope for each in followed(registry)] == ["versions", "patients"]
    holds(registry)


def test_a_trial_that_closes_here_is_matched_again(registry: Registry, version: Version) -> None:
    followed(registry)
    actions.set_open_here(document=version.document, open_here=False, by=None, reason="no slots")
    (run,) = followed(registry)
    assert run.scope == "versions"
    assert set(selectors.current_matches(registry).values_list("offered", flat=True)) == {False}
    assert not StatusChange.objects.exists()
    holds(registry)


def test_an_answer_is_followed(registry: Registry, version: Version, monkeypatch: pytest.MonkeyPatch) -> None:
    # An answer counts from the day on which it is given.
    on_day(monkeypatch, runs.today_in(registry))
    answered("E1")
    followed(registry)
    answered("I2")
    (run,) = followed(registry)
    assert told(run=run) == {"P-2": ("needs_information", "potentially_eligible", "facts")}
    change = StatusChange.objects.get(run=run)
    assert (change.detail, "met, says cora" in change.because) == ("answer", True)


def test_a_policy_is_asked_of_everyone(registry: Registry, version: Version) -> None:
    followed(registry)
    patient_actions.set_policy(
        registry=registry, domain="conditions", scope="kind:primary", policy="open", by=None, reason="not complete"
    )
    (run,) = followed(registry)
    assert (run.scope, run.because) == ("whole", "policies or ranges")
    assert told(run=run) == {"P-3": ("not_eligible", "needs_information", "policy")}
    assert StatusChange.objects.get(run=run).detail == "policy"
    holds(registry)


@pytest.mark.parametrize("what", ["engine_version", "default"])
def test_another_engine_or_vocabulary_is_asked_of_everyone(
    registry: Registry, version: Version, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    followed(registry)
    MatchRun.objects.update(**{"engine_version": {"engine": "0"}, "default": {"vocabulary": "0"}}[what])
    (run,) = followed(registry)
    assert run.scope == "whole"
    assert followed(registry) == []


def test_midnight_asks_only_those_whose_day_has_come(
    registry: Registry, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed(registry)
    due = dict(PatientStanding.objects.values_list("patient__patient_id", "next_flip"))
    assert due["P-4"] is None, "the dead stay dead"
    assert due["P-5"] is not None and due["P-5"] <= date(2026, 2, 6)
    on_day(monkeypatch, date(2026, 2, 6))
    (run,) = followed(registry)
    assert (run.scope, run.as_of) == ("patients", date(2026, 2, 6))
    assert run.patients == sum(flip is not None and flip <= date(2026, 2, 6) for flip in due.values())
    assert told(run=run, patient__patient_id="P-5") == {"P-5": ("not_now", "potentially_eligible", "time")}
    assert "window of doxorubicin" in StatusChange.objects.get(run=run, patient__patient_id="P-5").because
    holds(registry)


def test_a_day_on_which_nothing_turns_is_a_run_of_nobody(
    registry: Registry, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed(registry)
    PatientStanding.objects.update(next_flip=None)
    on_day(monkeypatch, DAY + timedelta(days=1))
    (run,) = followed(registry)
    assert (run.scope, run.patients, run.shards_total, run.state) == ("patients", 0, 0, "finished")
    assert followed(registry) == []


def test_no_day_is_missed_between_two_flips(
    registry: Registry, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Day by day, asking only those who are due gives what asking everyone gives."""
    followed(registry)
    for days in range(1, 75, 3):
        on_day(monkeypatch, DAY + timedelta(days=days))
        followed(registry)
        holds(registry)
    assert current(registry)["P-1"] == "needs_information", "what was complete in January is not in March"
    change = StatusChange.objects.get(patient__patient_id="P-1")
    assert (change.cause, change.to_status) == ("time", "needs_information")
    assert change.because == "E1 open: drug treatments complete through 10 Jan 2026 (stale)"


def test_many_changed_patients_are_asked_as_everyone(
    registry: Registry, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("matcher.runs.following.MANY", 1)
    followed(registry)
    uploaded(registry, {"observations": "patient_id,test,value,date\n"
                                        + "".join(f"P-{n},ecog,0,2026-01-14\n" for n in (1, 2, 5))})  # fmt: skip
    (run,) = followed(registry)
    assert (run.scope, run.because) == ("whole", "3 patients changed")
    assert told(run=run) == {"P-2": ("needs_information", "potentially_eligible", "facts")}
    holds(registry)


@pytest.mark.parametrize("case", ["nothing published", "nobody there"])
def test_nothing_is_due_where_there_is_nothing_to_ask(settings: Any, tmp_path: Any, case: str) -> None:
    if case == "nobody there":
        published()
        registry = patient_actions.create_registry(name="empty", by=None)
    else:
        registry = centre(settings, tmp_path)
    assert followed(registry) == []
    assert not MatchRun.objects.exists()


def test_each_patient_at_the_end_of_the_record(registry: Registry, version: Version) -> None:
    followed(registry)
    run = asked(registry, as_of=runs.DATA_THROUGH)
    assert run.kind == "asked", "today is what is kept up to date"
    run = asked(registry, as_of=runs.DATA_THROUGH, keep=True)
    assert run.kind == "standing"
    assert StandingQuestion.objects.get(registry=registry).as_of_kind == "data-through"
    rows = dict(selectors.current_matches(registry).values_list("patient__patient_id", "as_of"))
    assert (rows["P-1"], rows["P-5"]) == (date(2026, 1, 10), DAY)
    # Their day does not move with the calendar.
    assert PatientStanding.objects.get(patient__patient_id="P-1").next_flip is None
    assert PatientStanding.objects.get(patient__patient_id="P-5").next_flip is not None
    holds(registry)
    with pytest.raises(ValidationError, match="every trial"):
        runs.start_run(registry=registry, versions=[version], by=None, keep=True)


# --- One after the other, and whatever breaks ---


def test_what_comes_during_a_run_is_taken_by_the_next(registry: Registry, version: Version) -> None:
    followed(registry)
    ecog(registry)
    run = runs.follow(registry, queue=False)
    assert run is not None
    ecog(registry, "P-1", 2)
    ecog(registry, "P-5", 2)
    assert runs.follow(registry, queue=False) is None
    with pytest.raises(runs.UnderWay) as busy:
        runs.start_run(registry=registry, by=None)
    assert busy.value.run == run
    runs.run_inline(run)
    (following,) = followed(registry)
    assert following.patients == 2
    holds(registry)


def test_the_database_allows_one_standing_run_at_a_time(registry: Registry, version: Version) -> None:
    runs.start_run(registry=registry, by=None, queue=False)
    with pytest.raises(IntegrityError), transaction.atomic():
        MatchRun.objects.create(registry=registry, kind="standing", as_of=DAY, known_at=timezone.now())


def test_a_change_that_is_committed_late_is_not_passed_over(registry: Registry, version: Version) -> None:
    followed(registry)
    base = StandingQuestion.objects.get(registry=registry).run
    assert base is not None
    ecog(registry)
    # Recorded before the run looked, committed after.
    MatchRun.objects.filter(pk=base.pk).update(known_at=timezone.now())
    (run,) = followed(registry)
    assert (run.scope, run.because) == ("whole", "a change came in late")
    assert current(registry)["P-2"] == "potentially_eligible"


def test_what_an_upload_is_still_storing_waits_for_it(
    registry: Registry, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_day(monkeypatch, runs.today_in(registry))
    answered("E1")
    followed(registry)
    storing = Upload.objects.create(
        registry=registry, state=Upload.State.COMPARING, recorded_at=timezone.now(), file_name="x", digest="d" * 64
    )
    answered("I2")
    assert followed(registry) == [], "an answer as of a later instant could not be had again"
    Upload.objects.filter(pk=storing.pk).update(
        state=Upload.State.FAILED, finished_at=timezone.now(), error="the file ended"
    )
    assert len(followed(registry)) == 1
    assert current(registry)["P-2"] == "potentially_eligible"


def test_a_shard_that_comes_three_times_is_stored_once(registry: Registry, version: Version) -> None:
    followed(registry)
    ecog(registry)
    run = runs.follow(registry, queue=False)
    assert run is not None
    shard = run.shards.get()
    assert [runs.work_shard(shard.pk) for _ in range(3)] == [True, False, False]
    assert StatusChange.objects.filter(run=run).count() == 1
    holds(registry)


@pytest.mark.parametrize("line", ["_evaluate", "_store", "finish_if_done"])
def test_a_worker_killed_at_a_line_loses_and_doubles_nothing(
    registry: Registry, version: Version, small_shards: None, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    followed(registry)
    ecog(registry)
    run = runs.follow(registry, queue=False)
    assert run is not None

    def killed(*_: Any, **__: Any) -> Any:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(working, line, killed)
        with pytest.raises(SystemExit):
            runs.work_shard(run.shards.get().pk)
    Shard.objects.filter(state="running").update(claimed_at=timezone.now() - timedelta(minutes=4))
    monkeypatch.setattr(current_app, "send_task", lambda name, args: None)
    tasks.resume_runs()
    runs.run_inline(run)
    assert told() == {"P-2": ("needs_information", "potentially_eligible", "facts")}
    assert StatusChange.objects.count() == 1
    assert followed(registry) == []
    holds(registry)


def test_a_fault_while_storing_leaves_nothing_half_stored(
    registry: Registry, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed(registry)
    ecog(registry)
    run = runs.follow(registry, queue=False)
    assert run is not None

    def faulty(*_: Any, **__: Any) -> Any:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(working, "append", faulty)
        runs.work_shard(run.shards.get().pk)
    assert current(registry) == OFFERED
    assert run.shards.get().state == "pending"
    runs.run_inline(run)
    holds(registry)


def test_a_run_that_ended_badly_is_followed_by_one_of_everyone(
    registry: Registry, version: Version, small_shards: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed(registry)
    for n in (1, 2, 5):
        ecog(registry, f"P-{n}", 2, "2026-01-14")
    run = runs.follow(registry, queue=False)
    assert run is not None and run.shards_total == 2
    runs.work_shard(run.shards.first().pk)  # type: ignore[union-attr]
    runs.cancel_run(run=run, by=None, reason="enough")
    # What one shard brought up to date stays so, and is told.
    assert told() == {"P-2": ("needs_information", "potentially_eligible", "facts")}
    assert followed(registry) == [], "whoever cancelled it wants no other at once"
    MatchRun.objects.filter(pk=run.pk).update(finished_at=timezone.now() - RETRY_AFTER - timedelta(minutes=1))
    (again,) = followed(registry)
    assert again.scope == "whole"
    assert StatusChange.objects.count() == 1
    holds(registry)


def test_after_a_bad_end_something_new_is_reason_enough(registry: Registry, version: Version) -> None:
    followed(registry)
    ecog(registry)
    run = runs.follow(registry, queue=False)
    assert run is not None
    runs.cancel_run(run=run, by=None, reason="enough")
    ecog(registry, "P-1", 2)
    (again,) = followed(registry)
    assert again.scope == "whole"
    holds(registry)


def test_nothing_is_stored_into_a_run_that_was_ended_while_it_evaluated(
    registry: Registry, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed(registry)
    ecog(registry)
    run = runs.follow(registry, queue=False)
    assert run is not None
    write = working.write

    def meanwhile(*args: Any, **options: Any) -> Any:
        MatchRun.objects.filter(pk=run.pk).update(state="cancelled", finished_at=timezone.now())
        return write(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(working, "write", meanwhile)
        assert not runs.work_shard(run.shards.get().pk)
    assert current(registry) == OFFERED
    assert not StatusChange.objects.exists()


# --- Words ---


def test_a_change_names_the_fact_with_value_and_date(registry: Registry, version: Version) -> None:
    followed(registry)
    upload = ecog(registry)
    followed(registry)
    change = StatusChange.objects.get()
    assert change.detail == f"upload {upload.pk}"
    assert change.because == "ECOG performance status: 0, 6 Jan 2026"


def test_a_fact_that_went_is_named_too(registry: Registry, version: Version) -> None:
    followed(registry)
    snapshot = FILES | {"observations": "patient_id,test,value,date\nP-3,ecog,1,2026-01-05\nP-5,ecog,1,2026-01-05\n"}
    upload = patient_actions.start_import(
        registry=registry, by=None, file=_zip(snapshot), file_name="all.zip", mode="snapshot"
    )
    assert run_import(upload.pk).state == "applied"
    followed(registry)
    change = StatusChange.objects.get(patient__patient_id="P-1")
    assert change.to_status == "needs_information"
    assert change.because == "no longer: ECOG performance status: 1, 5 Jan 2026"


def test_the_message_of_a_change_holds_a_registry_and_nothing_else(
    registry: Registry, version: Version, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    sent: list[tuple[str, list[int]]] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, args: sent.append((name, args)))
    with django_capture_on_commit_callbacks(execute=True):
        ecog(registry)
    assert sent == [("matcher.follow_changes", [registry.pk])]
    with django_capture_on_commit_callbacks(execute=True):
        published(SECOND)
    assert sent[1:] == [("matcher.follow_changes", [])]
    with django_capture_on_commit_callbacks(execute=True):
        followed(registry)
        ecog(registry, "P-1", 2)
        followed(registry)
    assert "P-1" not in caplog.text


def test_the_task_works_on_one_patient_at_once_and_sends_the_rest(
    registry: Registry, version: Version, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    sent: list[tuple[str, list[int]]] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, args: sent.append((name, args)))
    with django_capture_on_commit_callbacks(execute=True):
        tasks.follow_changes()
    run = MatchRun.objects.get()
    assert sent == [("matcher.run_shard", [run.shards.get().pk])]
    runs.run_inline(run)
    ecog(registry)
    tasks.follow_changes(registry.pk)
    assert current(registry)["P-2"] == "potentially_eligible"


@pytest.mark.worker
@pytest.mark.django_db(transaction=True)
def test_a_worker_follows_a_change_within_a_second_or_so(
    settings: Any, tmp_path: Any, worker: subprocess.Popen[bytes]
) -> None:
    registry = centre(settings, tmp_path)
    published()

    def wait(seen: Any) -> float:
        began = time.monotonic()
        while not seen() and time.monotonic() < began + 60:
            time.sleep(0.05)
        assert seen()
        return time.monotonic() - began

    wait(lambda: MatchRun.objects.filter(kind="standing", state="finished").exists())
    uploaded(registry, {"patients": FILES["patients"].replace("1955-03-01,no", "1955-03-01,yes")})
    patient = Patient.objects.get(patient_id="P-2")
    wait(lambda: StatusChange.objects.filter(patient=patient, to_status="not_eligible").exists())


# --- All of it together ---


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_what_stands_is_what_an_evaluation_says(
    registry: Registry, version: Version, monkeypatch: pytest.MonkeyPatch, small_shards: None, seed: int
) -> None:
    dice = random.Random(seed)
    cora = User.objects.create(username="cora")
    day, texts = DAY, {"FIRST": TRIAL, "SECOND": SECOND}

    def edit() -> None:
        ecog(
            registry,
            f"P-{dice.randint(1, 6)}",
            dice.randint(0, 4),
            (day - timedelta(days=dice.randint(0, 90))).isoformat(),
        )

    def answer() -> None:
        patient_actions.record_answer(
            patient=dice.choice(list(Patient.objects.filter(registry=registry))), document="FIRST",
            version=Version.objects.filter(document__code="FIRST").latest("number").number,
            criterion=dice.choice(["I1", "I2", "E1"]), truth=dice.random() < 0.5, by=cora,
            valid_days=dice.choice([None, 10]),
        )  # fmt: skip

    def publish() -> None:
        name = dice.choice(["FIRST", "SECOND"])
        texts[name] = texts[name].replace("title: A made-up trial", "title: A made-up trial.")
        if dice.random() < 0.5:
            texts[name] = texts[name] + f"\n# {dice.random()}\n"
        published(texts[name].replace("A made-up trial", f"A made-up trial {dice.randint(1, 9)}"))

    def wait() -> None:
        nonlocal day
        day += timedelta(days=dice.randint(1, 40))
        on_day(monkeypatch, day)

    def die() -> None:
        line = f"P-{dice.randint(1, 5)}"
        uploaded(registry, {"patients": f"patient_id,sex,deceased\n{line},female,{dice.choice(['yes', 'no'])}\n"})

    def close() -> None:
        document = version.document
        document.refresh_from_db()
        actions.set_open_here(document=document, open_here=not document.open_here, by=None, reason="slots")

    def half() -> None:
        run = runs.follow(registry, queue=False)
        if run is not None and not run.has_ended:
            runs.work_shard(run.shards.first().pk)  # type: ignore[union-attr]
            run.refresh_from_db()
            if not run.has_ended and dice.random() < 0.3:
                runs.cancel_run(run=run, by=None, reason="enough")
                MatchRun.objects.filter(pk=run.pk).update(finished_at=timezone.now() - 2 * RETRY_AFTER)
            else:
                runs.run_inline(run)

    for _ in range(12):
        for _ in range(dice.randint(1, 3)):
            dice.choice([edit, edit, answer, publish, wait, die, close, half])()
        followed(registry)
        holds(registry)
    # History is a chain: each change starts where the one before ended.
    for document in {row.document_id for row in StatusChange.objects.all()}:
        for patient in Patient.objects.filter(registry=registry):
            chain = list(
                StatusChange.objects.filter(patient=patient, document=document)
                .order_by("pk")
                .values_list("from_status", "to_status")
            )
            assert all(before[1] == after[0] for before, after in pairwise(chain))
            if chain:
                row = Match.objects.filter(patient=patient, document=document, current=True).first()
                assert chain[-1][1] == (row.status if row is not None else "not_eligible")


# --- The engine behind them ---


def test_what_is_stored_is_what_the_reference_says(settings: Any, tmp_path: Path) -> None:
    """The made-up registry against trials of the library: each pair, its needs and dates, the counts and the funnel."""
    settings.STATE_DIR = tmp_path / "state"
    write_demo(tmp_path / "demo", today=DAY)
    files = {path.stem: path.read_text() for path in (tmp_path / "demo").glob("*.csv")}
    registry = centre(settings, tmp_path, files=files)
    versions = [published(path.read_text()) for path in sorted((LIBRARY / "trials").glob("*.yaml"))[::6]]
    run = runs.run_inline(runs.start_run(registry=registry, versions=versions, as_of=DAY, by=None, queue=False))
    assert run.state == MatchRun.State.FINISHED, run.error

    rows = {(row.patient.patient_id, row.version_id): row for row in selectors.matches_of(run)}
    for version in versions:
        document = version.parsed
        wanted = Counter({status: 0 for status in STATUSES})
        for record in patient_records(registry, known_at=run.known_at):
            result = evaluate_trial(
                document, record, as_of=DAY, version=version.number, open_here=version.document.open_here,
                each_clears=False,
            )  # fmt: skip
            wanted["deceased" if result.deceased else result.status.value] += 1
            row = rows.pop((record.patient_id, version.pk), None)
            if result.status.value == Status.NOT_ELIGIBLE:
                assert row is None
                continue
            assert row is not None
            best = result.best
            needs = best.needs if result.status.value == Status.NEEDS_INFORMATION else None
            assert (row.status, row.cohort, row.needs, row.clears_on, row.offered) == (
                result.status.value, best.id, needs or "", best.clears_on, result.offered,
            ), record.patient_id  # fmt: skip
            assert [(each["id"], each["status"], each["clears_on"]) for each in row.cohorts] == [
                (each.id, each.status.value, each.clears_on and each.clears_on.isoformat())
                for each in result.cohorts if each.id
            ]  # fmt: skip
            assert bool(row.missing) == bool(best.missing)
            assert row.next_flip is None or row.next_flip > DAY
        counted = TrialCount.objects.get(run=run, version=version)
        assert counted.as_dict() == wanted
    assert not rows
