"""Snapshots: the columns of a block of patients as one file, mapped into memory, rebuilt only where facts changed.

A block is a fixed range of primary keys, so that a patient stays in the same one. A snapshot names the instant it was
read at and how far the change log had come; it serves another instant as long as no change of its patients lies
between the two. What is declared for the whole registry is not kept in it. A snapshot can be lost or thrown away at
any time: it is read again from the facts.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.db.models import Max, Min, Q
from numpy.typing import NDArray

from matcher.engine.bulk.columns import Coded, Columns, Table
from matcher.snapshots.reading import Keyed, Range, read_columns
from patients import changes
from patients.models import ChangeLog, Registry
from patients.selectors import Declared, registry_patients

#: Patients of a block at most: some 3 MB a thousand, read from the database in a few seconds.
BLOCK = 16_384

#: Raised when the layout of a file changes: older files are read anew.
FORMAT = 2

#: A file that nobody has written to for so long is not being written any more: a task ends after 90 seconds.
ABANDONED_SECONDS = 600.0

_MAGIC = b"MATCHCOL"
_ALIGN = 64


def ranges_of(
    registry: Registry, *, known_at: datetime, first: int | None = None, last: int | None = None
) -> list[Range]:
    """The blocks that hold the patients of a registry, in order: all, or those of a range of primary keys."""
    if first is None or last is None:
        ends = registry_patients(registry, known_at=known_at).aggregate(first=Min("pk"), last=Max("pk"))
        if ends["first"] is None:
            return []
        first, last = ends["first"], ends["last"]
    return [block_of(number * BLOCK) for number in range(first // BLOCK, last // BLOCK + 1)]


def block_of(key: int) -> Range:
    """The block that holds a primary key."""
    first = key // BLOCK * BLOCK
    return Range(first, first + BLOCK - 1)


def columns_of(registry: Registry, within: Range, *, known_at: datetime) -> Keyed:
    """The columns of a block as known at an instant: from its snapshot where it still holds, else read and kept."""
    path = _path(registry, within)
    kept = _opened(path, registry, within, known_at)
    if kept is not None:
        return replace(kept, columns=_declared(kept.columns, registry, known_at))
    cursor = changes.latest()
    head = {
        "format": FORMAT,
        "zone": registry.time_zone,
        "known_at": known_at.isoformat(),
        "cursor": cursor,
        "cursor_at": _recorded(cursor),
    }
    found = read_columns(registry, known_at=known_at, within=within)
    _write(path, found, head)
    return found


def _recorded(cursor: int) -> str:
    """The instant of a change of the log; empty where there is none of this key."""
    at = ChangeLog.objects.filter(pk=cursor).values_list("at", flat=True).first()
    return at.isoformat() if at is not None else ""


def _path(registry: Registry, within: Range) -> Path:
    return Path(settings.STATE_DIR) / "snapshots" / str(registry.pk) / f"{within.first}.columns"


def _declared(columns: Columns, registry: Registry, known_at: datetime) -> Columns:
    """The columns with the policies and normal ranges of the registry at an instant."""
    declared = Declared.read(registry, known_at)
    every = np.ones(columns.patients, np.uint8)
    return replace(columns, policies=Coded(((), declared.policies), every), ranges=Coded(((), declared.ranges), every))


def _opened(path: Path, registry: Registry, within: Range, known_at: datetime) -> Keyed | None:
    """The snapshot of a block, or None where there is none that holds for an instant."""
    try:
        head, found = _mapped(path)
    except (OSError, ValueError, KeyError):
        return None  # lost, half written or of another layout: read anew
    if head["format"] != FORMAT or head["zone"] != registry.time_zone:
        return None
    if head["cursor_at"] != _recorded(head["cursor"]):
        # The log is not the one that was read: a backup was restored, and what came after it is not known any more.
        return None
    then = datetime.fromisoformat(head["known_at"])
    # What was appended after the snapshot was read, and what was known at one of the two instants only.
    later = Q(id__gt=head["cursor"], at__lte=known_at)
    between = Q(at__gt=min(then, known_at), at__lte=max(then, known_at))
    changed = ChangeLog.objects.filter(
        later | between, registry=registry, kind=ChangeLog.Kind.PATIENT,
        patient__gte=within.first, patient__lte=within.last,
    )  # fmt: skip
    return None if changed.exists() else found()


# --- the file: a header that names every array, then the arrays ----------------------------------------------------


@dataclass(slots=True)
class _Layout:
    """Arrays on their way into a file: their description, and where each begins."""

    arrays: list[NDArray[Any]]
    places: list[tuple[str, int, int]]
    size: int = 0

    def add(self, array: NDArray[Any]) -> int:
        """The number of an array that is to be kept."""
        array = np.ascontiguousarray(array)
        self.places.append((array.dtype.str, len(array), self.size))
        self.arrays.append(array)
        self.size += -(-array.nbytes // _ALIGN) * _ALIGN
        return len(self.places) - 1


def _write(path: Path, found: Keyed, head: Mapping[str, Any]) -> None:
    """Write a snapshot beside its place and move it there in one step."""
    layout = _Layout([], [])
    columns = found.columns

    def coded(column: Coded) -> dict[str, Any]:
        return {"values": [_plain(value) for value in column.values], "codes": layout.add(column.codes)}

    def table(each: Table) -> dict[str, Any]:
        return {
            "patient": layout.add(each.patient),
            "order": layout.add(each.order),
            "starts": layout.add(each.starts),
            **{part: {k: layout.add(v) for k, v in getattr(each, part).items()} for part in _PARTS},
            "coded": {k: coded(v) for k, v in each.coded.items()},
        }

    body = {
        "keys": layout.add(found.keys),
        "tables": {name: table(each) for name, each in columns.tables.items()},
        "plain": {name: layout.add(getattr(columns, name)) for name in _PATIENT_ARRAYS},
        "sexes": coded(columns.sexes),
        "suspended": coded(columns.suspended),
    }
    header = json.dumps({**head, "body": body, "places": layout.places, "size": layout.size}).encode()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _clear(path.parent)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(_MAGIC)
            file.write(len(header).to_bytes(8, "little"))
            file.write(header)
            file.write(b"\0" * (-file.tell() % _ALIGN))
            for array in layout.arrays:
                file.write(array.tobytes())
                file.write(b"\0" * (-file.tell() % _ALIGN))
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _clear(folder: Path) -> None:
    """Remove what writers that were killed left half written."""
    for left in folder.glob(".new-*"):
        # Another may write now, or be done between the two looks.
        with suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > ABANDONED_SECONDS:
                left.unlink()


_PARTS = ("lo", "hi", "day", "number", "flag")
_PATIENT_ARRAYS = (
    "birth_patient", "birth_lo", "birth_hi", "deceased", "death_lo", "death_hi", "data_through", "vital_conflict",
)  # fmt: skip


def _plain(value: Any) -> Any:
    """A value of a dictionary as JSON: a tuple as a list, a set as an object of one list."""
    if isinstance(value, frozenset):
        return {"set": sorted(value)}
    return list(value) if isinstance(value, tuple) else value


def _value(value: Any) -> Any:
    if isinstance(value, dict):
        return frozenset(value["set"])
    return tuple(value) if isinstance(value, list) else value


def _mapped(path: Path) -> tuple[dict[str, Any], Any]:
    """The header of a snapshot, and what gives its columns, mapped into memory."""
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise ValueError("no snapshot")
        size = int.from_bytes(file.read(8), "little")
        head = json.loads(file.read(size))
        start = -(-file.tell() // _ALIGN) * _ALIGN
    whole = np.memmap(path, np.uint8, "r")
    if len(whole) < start + head["size"]:
        raise ValueError("the snapshot is cut short")

    def array(number: int) -> NDArray[Any]:
        kind, length, at = head["places"][number]
        dtype = np.dtype(kind)
        begin = start + at
        found: NDArray[Any] = whole[begin : begin + length * dtype.itemsize].view(np.ndarray).view(dtype)
        return found

    def coded(said: dict[str, Any]) -> Coded:
        return Coded(tuple(_value(value) for value in said["values"]), array(said["codes"]))

    def found() -> Keyed:
        body = head["body"]
        keys = array(body["keys"])
        count = len(keys)
        tables = {
            name: Table(
                name=name,
                patients=count,
                patient=array(said["patient"]),
                order=array(said["order"]),
                starts=array(said["starts"]),
                coded={k: coded(v) for k, v in said["coded"].items()},
                **{part: {k: array(v) for k, v in said[part].items()} for part in _PARTS},
            )
            for name, said in body["tables"].items()
        }
        nothing = Coded(((),), np.zeros(count, np.uint8))
        return Keyed(
            keys,
            Columns(
                patients=count,
                tables=tables,
                sexes=coded(body["sexes"]),
                suspended=coded(body["suspended"]),
                policies=nothing,
                ranges=nothing,
                **{name: array(body["plain"][name]) for name in _PATIENT_ARRAYS},
            ),
        )

    return head, found


def kept(registry: Registry) -> Iterator[Path]:
    """The snapshot files of a registry."""
    yield from sorted((Path(settings.STATE_DIR) / "snapshots" / str(registry.pk)).glob("*.columns"))
