"""Runs one stage of the benchmark in a process of its own and says how long it took and how much memory it needed.

The peak is what the operating system counted for that process and no other. A child counts from what its parent held
when it was started, so the process that calls this must stay small: it imports nothing of Django.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

ROOT = Path(__file__).resolve().parent.parent


class StageError(RuntimeError):
    """A stage that ended badly; what it said stands on standard error already."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a stage found (`found`, as it wrote it) and the peak of its resident memory in MB."""

    found: Mapping[str, Any]
    peak_mb: float

    def __getitem__(self, name: str) -> Any:
        return self.found[name]


def run_stage(stage: str, /, *, database: str, scratch: Path, **arguments: str | int) -> Outcome:
    """Run a stage on a database, with a scratch folder for what else the system writes. Raises StageError."""
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "bench.settings",
        "DATABASE_URL": database,
        "STATE_DIR": str(scratch / "state"),
        "UPLOAD_DIR": str(scratch / "uploads"),
        # Nobody's own settings: with DEBUG every statement would be kept in memory, and a worker in service has none.
        "ENV_FILE": "",
        "DJANGO_DEBUG": "false",
        "SECRET_KEY": secrets.token_urlsafe(64),
        "ALLOWED_HOSTS": "localhost",
        "LOG_LEVEL": "WARNING",
        "TIME_ZONE": "UTC",
        # Everything is measured on one core; DuckDB is told so where it is opened.
        "POLARS_MAX_THREADS": "1",
    }
    with tempfile.TemporaryDirectory(dir=scratch) as answers:
        answer = Path(answers) / "answer.json"
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.stages", stage, str(answer), json.dumps(arguments)],
            cwd=ROOT,
            env=environment,
            stdout=sys.stderr,
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise StageError(f"the stage {stage} ended with {process.returncode}; the lines above say why")
        # Linux counts in KiB, macOS in bytes.
        scale = 1 if sys.platform == "darwin" else 1024
        return Outcome(json.loads(answer.read_text(encoding="utf-8")), usage.ru_maxrss * scale / 1e6)


def sqlite_address(scratch: Path, name: str) -> str:
    """The address of a SQLite file that is not there yet."""
    return f"sqlite:///{scratch / name}.sqlite3"


def is_postgresql(address: str) -> bool:
    """Whether a DATABASE_URL points to a PostgreSQL server."""
    return urlsplit(address).scheme in {"postgres", "postgresql"}


def database_beside(address: str, name: str) -> str:
    """The address of another database on the same server."""
    return urlunsplit(urlsplit(address)._replace(path=f"/{name}"))
