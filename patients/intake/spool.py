"""The rows of one upload between reading and storing, sorted by patient on disk.

Files come in any order and one kind after another; facts are compared patient by patient. A scratch database in a
private temporary folder turns the one into the other with memory for one chunk only, and is gone with the upload.
"""

from __future__ import annotations

import pickle
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Any

from patients.intake.drafts import Draft

_BATCH = 2_000


@dataclass(slots=True, kw_only=True)
class Entry:
    """One row (or slot of a row) as it was read: its draft, or that it was rejected; and the row as it was sent.

    `domains` are those whose completeness the row puts in doubt.
    """

    kind: str
    file: str
    row: int
    declares: bool
    draft: Draft | None
    rejected: bool = False
    key: str = ""
    domains: tuple[str, ...] = ()
    problem: int | None = None
    cells: list[str] | None = None


class Spool:
    """Entries by patient id; a context manager."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="import-")
        self._database = sqlite3.connect(Path(self._folder.name) / "spool.sqlite3", isolation_level=None)
        self._database.execute("PRAGMA journal_mode=OFF")
        self._database.execute("PRAGMA synchronous=OFF")
        self._database.execute("CREATE TABLE entry (patient TEXT, kind TEXT, file TEXT, declares INTEGER, data BLOB)")
        self._waiting: list[tuple[str, str, str, int | None, bytes]] = []

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()
        self._folder.cleanup()

    def add(self, patient_id: str, entry: Entry) -> None:
        """Keep an entry until all are read."""
        # What was rejected makes nobody known.
        declares = None if entry.rejected else int(entry.declares)
        data = pickle.dumps(entry, protocol=pickle.HIGHEST_PROTOCOL)
        self._waiting.append((patient_id, entry.kind, entry.file, declares, data))
        if len(self._waiting) >= _BATCH:
            self._write()

    def _write(self) -> None:
        if self._waiting:
            self._database.execute("BEGIN")
            self._database.executemany("INSERT INTO entry VALUES (?, ?, ?, ?, ?)", self._waiting)
            self._database.execute("COMMIT")
            self._waiting.clear()

    def sort(self) -> None:
        """Make the entries readable by patient; nothing is added afterwards."""
        self._write()
        self._database.execute("CREATE INDEX IF NOT EXISTS by_patient ON entry (patient)")

    def count(self) -> int:
        """How many patients the entries name."""
        return int(self._database.execute("SELECT COUNT(DISTINCT patient) FROM entry").fetchone()[0])

    def strangers(self) -> Iterator[tuple[str, str]]:
        """Patient id and kind of the rows whose patient only one file names, and none declares."""
        yield from self._database.execute(
            "SELECT DISTINCT patient, kind FROM entry WHERE declares IS NOT NULL AND patient IN (SELECT patient FROM"
            " entry WHERE declares IS NOT NULL GROUP BY patient HAVING MAX(declares) = 0 AND COUNT(DISTINCT file) = 1)"
        )

    def patients(self) -> Iterator[tuple[str, list[Entry]]]:
        """Every patient with their entries, in order of the id (by code point), entries in the order added."""
        rows: Iterator[tuple[str, Any]] = self._database.execute(
            "SELECT patient, data FROM entry ORDER BY patient, rowid"
        )
        for patient_id, group in groupby(rows, key=lambda row: row[0]):
            # Written by this process a moment ago, into a folder only it can open.
            yield patient_id, [pickle.loads(data) for _, data in group]
