"""The benchmark's made-up registry: the same every time, as large as asked, and nothing in it that cannot be so."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from bench.data import CLOSED, COLUMNS, DATE_COLUMNS, LEAST_ROWS, Row, rows_of_files, write_part, write_registry
from patients.facts import PartialDate

ROWS = 2_000

Tables = dict[str, list[Row]]


def read(folder: Path) -> Tables:
    return {
        file.stem: list(csv.DictReader(file.read_text(encoding="utf-8").splitlines())) for file in folder.glob("*.csv")
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("bench")
    write_registry(target, rows=ROWS)
    return target


@pytest.fixture(scope="module")
def tables(folder: Path) -> Tables:
    return read(folder)


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_the_same_seed_writes_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    write_registry(tmp_path / "again", rows=ROWS)
    write_registry(tmp_path / "other", rows=ROWS, seed=1)
    assert bytes_of(tmp_path / "again") == bytes_of(folder)
    assert bytes_of(tmp_path / "other") != bytes_of(folder)


@pytest.mark.parametrize("rows", [LEAST_ROWS, 12_345, 100_000])
def test_the_files_have_as_many_rows_as_asked_together(rows: int) -> None:
    counts = rows_of_files(rows)
    assert sum(counts.values()) == rows
    assert counts.keys() == COLUMNS.keys()
    assert min(counts.values()) > 0


def test_what_is_written_is_what_was_counted(tables: Tables) -> None:
    assert {name: len(rows) for name, rows in tables.items()} == rows_of_files(ROWS)


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="take 1,000 or more"):
        rows_of_files(LEAST_ROWS - 1)


def test_every_date_is_one_and_none_is_later_than_the_registry(tables: Tables) -> None:
    read_ = [
        PartialDate.parse(row[column])
        for rows in tables.values()
        for row in rows
        for column in DATE_COLUMNS & row.keys()
        if row[column]
    ]
    assert max(day.first for day in read_) <= CLOSED
    assert {day.exact for day in read_} == {True, False}, "some are partial and most are not"


def last(text: str) -> date:
    return PartialDate.parse(text).last


def first(text: str) -> date:
    return PartialDate.parse(text).first


@pytest.mark.parametrize(
    ("file", "agrees"),
    [
        ("treatments", lambda row: not row["end_date"] or first(row["start_date"]) <= last(row["end_date"])),
        ("medications", lambda row: (row["ongoing"] == "yes") == (row["end_date"] == "")),
        ("patients", lambda row: (row["deceased"] == "yes") == (row["death_date"] != "")),
        ("observations", lambda row: not row["ref_low"] or float(row["ref_low"]) < float(row["ref_high"])),
    ],
    ids=["an end is not before its start", "what goes on has no end", "the dead have a day", "limits in order"],
)
def test_no_row_contradicts_itself(tables: Tables, file: str, agrees: Callable[[Row], bool]) -> None:
    assert [row for row in tables[file] if not agrees(row)] == []


def test_every_row_is_of_a_patient_and_every_record_id_is_there_once(tables: Tables) -> None:
    known = {row["patient_id"] for row in tables["patients"]}
    assert len(known) == len(tables["patients"])
    for rows in tables.values():
        assert {row["patient_id"] for row in rows if "patient_id" in row} <= known
        ids = [row["record_id"] for row in rows if "record_id" in row]
        assert len(set(ids)) == len(ids)


def test_a_part_stands_by_itself(folder: Path, tables: Tables, tmp_path: Path) -> None:
    people = write_part(folder, tmp_path, observations=50)
    part = read(tmp_path)
    assert part["observations"] == tables["observations"][:50]
    assert {row["patient_id"] for row in part["patients"]} == {row["patient_id"] for row in part["observations"]}
    assert len(part["patients"]) == people
