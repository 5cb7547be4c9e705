"""A database of before: the rows of the latest finished run of each registry become the answers that hold now."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from matcher import runs, selectors
from matcher.models import Match, MatchRun, PatientStanding, StandingQuestion, StatusChange, TrialCount
from tests.shelf import EXPECTED, centre, on_day, published, uploaded

DAY = date(2026, 1, 15)


def migrated(name: str) -> None:
    executor = MigrationExecutor(connection)
    executor.migrate([("matcher", name)])


@pytest.mark.django_db(transaction=True)
def test_the_latest_finished_run_stands_until_everyone_is_asked_again(
    settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_day(monkeypatch, DAY)
    registry = centre(settings, tmp_path)
    published()
    older, latest = (
        runs.run_inline(runs.start_run(registry=registry, as_of=DAY, by=None, queue=False)) for _ in range(2)
    )
    unfinished = runs.start_run(registry=registry, as_of=DAY, by=None, queue=False)
    last = MigrationExecutor(connection).loader.graph.leaf_nodes("matcher")[0][1]
    try:
        migrated("0001_runs")
    finally:
        migrated(last)
    assert list(MatchRun.objects.order_by("pk").values_list("pk", "kind")) == [
        (older.pk, "asked"), (latest.pk, "standing"), (unfinished.pk, "asked"),
    ]  # fmt: skip
    now = dict(selectors.current_matches(registry).values_list("patient__patient_id", "status"))
    assert now == {patient: status for patient, status in EXPECTED.items() if status != "not_eligible"}
    assert {row.document_id for row in Match.objects.all()} == {row.version.document_id for row in Match.objects.all()}
    assert TrialCount.objects.get(current=True).run_id == latest.pk
    assert PatientStanding.objects.count() == 5

    # When time may change a pair is not known of these rows: everyone is asked, and nothing is told that is no news.
    uploaded(registry, {"observations": "patient_id,test,value,date\nP-2,ecog,0,2026-01-06\n"})
    run = runs.follow(registry, queue=False)
    assert run is not None and run.scope == "whole"
    runs.run_inline(run)
    question = StandingQuestion.objects.get(registry=registry)
    assert (question.run_id, question.whole_due) == (run.pk, False)
    told = StatusChange.objects.values_list("patient__patient_id", "to_status", "cause")
    assert list(told) == [("P-2", "potentially_eligible", "facts")]
    assert runs.follow(registry) is None
