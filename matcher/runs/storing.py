"""Match rows into the table, many at once: PostgreSQL takes them as a stream, any other database in statements."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from typing import Any

from django.db import connection

from matcher.models import Match, Shard
from matcher.runs.evaluating import Row

#: Rows of one statement.
BATCH = 500

_COLUMNS = (
    "run_id", "shard_id", "patient_id", "document_id", "version_id", "current", "digest", "as_of", "status", "offered",
    "cohort", "cohorts", "needs", "missing", "lacks", "to_read", "clears_on", "next_flip",
)  # fmt: skip


def insert(shard: Shard, rows: Iterable[Row], *, current: bool) -> None:
    """Store rows that a shard found, in the transaction of the caller."""
    if connection.vendor == "postgresql":
        _copy(shard, rows, current=current)
    else:
        Match.objects.bulk_create((_match(shard, row, current=current) for row in rows), batch_size=BATCH)


def _match(shard: Shard, row: Row, *, current: bool) -> Match:
    return Match(**dict(zip(_COLUMNS, _values(shard, row, current=current), strict=True)))


def _values(shard: Shard, row: Row, *, current: bool) -> tuple[Any, ...]:
    return (
        shard.run_id, shard.pk, row.patient, row.document, row.version, current, row.digest, row.as_of, row.status,
        row.offered, row.cohort, row.cohorts, row.needs, row.missing, row.lacks, row.to_read, row.clears_on,
        row.next_flip,
    )  # fmt: skip


def _copy(shard: Shard, rows: Iterable[Row], *, current: bool) -> None:
    names = ", ".join(f'"{name}"' for name in _COLUMNS)
    with (
        connection.cursor() as cursor,
        cursor.copy(f'COPY "{Match._meta.db_table}" ({names}) FROM STDIN') as copy,
    ):
        for row in rows:
            copy.write_row([_text(value) for value in _values(shard, row, current=current)])


def _text(value: Any) -> Any:
    """A value as the stream takes it; a NUL, which the database refuses, cannot come in with a fact."""
    if isinstance(value, list):
        return json.dumps(value)
    return value.isoformat() if isinstance(value, date) else value
