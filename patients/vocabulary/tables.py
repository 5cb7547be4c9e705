"""Reads the curated CSV tables that stand beside this module into plain rows.

The tables are the vocabulary; nothing here adds meaning. Lists inside a cell are separated by `|`; a code is written
`SYSTEM:code`.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).parent
VERSION = "1"

CONCEPT_TABLES = (
    "cancers",
    "sites",
    "conditions",
    "drug_classes",
    "drugs",
    "procedures",
    "genes",
    "tests",
    "assays",
)
TABLES = (*CONCEPT_TABLES, "test_values", "units", "conversions", "combinations")


class TableError(ValueError):
    """A table cannot be read: names the file, the row and what to mend."""


def rows(table: str, folder: Path = FOLDER) -> Iterator[dict[str, str]]:
    """The rows of a table, cells stripped; raises TableError with file and line where a row does not fit its header."""
    path = folder / f"{table}.csv"
    with path.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream, restkey="", restval=None)
        for row in reader:
            if "" in row or None in row.values():
                raise TableError(
                    f"{path.name}, line {reader.line_num}: cells and header differ; quote a cell with commas"
                )
            yield {column: cell.strip() for column, cell in row.items()}


def listed(cell: str) -> tuple[str, ...]:
    """The members of a cell that holds a list."""
    return tuple(part for part in (piece.strip() for piece in cell.split("|")) if part) if cell else ()


def coded(cell: str) -> tuple[tuple[str, str], ...]:
    """The codes of a cell as (system, code) pairs, the system as written in the table."""
    pairs = []
    for entry in listed(cell):
        system, _, code = entry.partition(":")
        if not code:
            raise TableError(f"code {entry!r} lacks its system; write SYSTEM:code")
        pairs.append((system, code))
    return tuple(pairs)


def release(folder: Path = FOLDER) -> str:
    """Version and content hash of the tables: two equal releases give equal answers."""
    digest = hashlib.sha256()
    for table in TABLES:
        digest.update(table.encode())
        digest.update((folder / f"{table}.csv").read_bytes())
    return f"{VERSION}+{digest.hexdigest()[:12]}"
