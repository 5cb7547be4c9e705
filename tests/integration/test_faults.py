"""Workers killed, Redis lost, messages thrice: `make faults` in a shorter form. What is left is what it always was."""

import os
import subprocess
import sys

import pytest
from django.db import connection

from tests.conftest import ROOT, _database_url

KILLS = 4


@pytest.mark.services
@pytest.mark.django_db
def test_killed_workers_a_lost_redis_and_messages_that_come_thrice_change_nothing() -> None:
    assert connection.vendor == "postgresql", "run it with `make test-services`"
    # Other tests use the same PostgreSQL: it must not be restarted here.
    environment = {key: value for key, value in os.environ.items() if key != "RESTART_POSTGRESQL"}
    size = ["--patients", "60", "--trials", "2", "--shards", "10"]
    command = ["--seed", "4", *size, "--kills", str(KILLS), "--only", "all"]

    tried = subprocess.run(
        [sys.executable, "-m", "bench.faults", *command],
        cwd=ROOT, env=environment | {"DATABASE_URL": _database_url()}, capture_output=True, text=True,
    )  # fmt: skip

    assert tried.returncode == 0, tried.stdout[-6000:] + tried.stderr[-2000:]
    said = tried.stdout
    assert f"kill {KILLS} of {KILLS}: " in said
    assert "Redis flushed, killed, started: run" in said
    assert "shards sent three times more" in said
    assert said.count("identical") == 1, said
