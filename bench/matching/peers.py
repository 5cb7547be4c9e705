"""The peers: what a data team would reach for to match a registry, given what helps them.

Both get what each criterion says of each patient ready made (three columns of booleans: met, not met, not met for
good), so that neither pays for windows, coverage or lines of therapy, and neither has to walk a tree. What is measured
is the rest of the work: the status of every patient for every trial, one query a trial. Their counts are checked
against this engine's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray

Criteria = Sequence[int]
Columns = Mapping[str, NDArray[np.bool_]]

#: A status as both peers number it: not eligible, not now, needs information, potentially eligible.
STATUSES = 4


def columns_of(criteria: Mapping[int, tuple[NDArray[Any], NDArray[Any], NDArray[Any]]], dead: NDArray[Any]) -> Columns:
    """The columns both peers are given: three for each distinct criterion, and who has died."""
    found: dict[str, NDArray[np.bool_]] = {"dead": dead}
    for number, (met, not_met, never) in criteria.items():
        found |= {f"m{number}": met, f"n{number}": not_met, f"x{number}": never}
    return found


def polars_frame(columns: Columns) -> pl.DataFrame:
    """The columns as Polars holds them; not part of what is timed."""
    return pl.DataFrame(dict(columns))


def polars_counts(frame: pl.DataFrame, trials: Sequence[Criteria]) -> list[list[int]]:
    """The number of patients of each status, per trial."""
    return [_polars_trial(frame, criteria) for criteria in trials]


def _polars_trial(frame: pl.DataFrame, criteria: Criteria) -> list[int]:
    never = pl.any_horizontal(pl.col("dead"), *(pl.col(f"x{i}") for i in criteria))
    failed = pl.any_horizontal(*(pl.col(f"n{i}") for i in criteria))
    met = pl.all_horizontal(*(pl.col(f"m{i}") for i in criteria))
    counts = frame.select(
        never.sum().alias("never"),
        (failed & ~never).sum().alias("later"),
        (~failed & ~never & ~met).sum().alias("open"),
        (met & ~never).sum().alias("fits"),
    )
    return [int(each) for each in counts.row(0)]


def duckdb_table(columns: Columns) -> duckdb.DuckDBPyConnection:
    """The columns as a table of DuckDB, on one thread; not part of what is timed."""
    connection = duckdb.connect()
    connection.execute("SET threads TO 1")
    frame = pl.DataFrame(dict(columns))
    connection.register("given", frame.to_arrow())
    connection.execute("CREATE TABLE patients AS SELECT * FROM given")
    connection.unregister("given")
    return connection


def duckdb_counts(connection: duckdb.DuckDBPyConnection, trials: Sequence[Criteria]) -> list[list[int]]:
    """The number of patients of each status, per trial."""
    return [_duckdb_trial(connection, criteria) for criteria in trials]


def _duckdb_trial(connection: duckdb.DuckDBPyConnection, criteria: Criteria) -> list[int]:
    never = " OR ".join(["dead", *(f"x{i}" for i in criteria)])
    failed = " OR ".join(f"n{i}" for i in criteria)
    met = " AND ".join(f"m{i}" for i in criteria)
    query = (
        f"SELECT CASE WHEN {never} THEN 0 WHEN {failed} THEN 1 WHEN {met} THEN 3 ELSE 2 END AS status, count(*) "
        "FROM patients GROUP BY status"
    )
    counts = dict(connection.execute(query).fetchall())
    return [int(counts.get(status, 0)) for status in range(STATUSES)]
