"""The registry on which faults are tried, and what happens to it: everything of a copy is done in the same order.

The patients are those of the demo, made up several times over with other seeds.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path

from matcher import runs
from matcher.demo.chart import COLUMNS
from matcher.demo.registry import SEED, build
from matcher.models import MatchRun
from matcher.publishing import LIBRARY, load_library
from patients import actions
from patients.intake import run_import
from patients.models import Registry, Upload
from trials.actions import set_open_here
from trials.models import Document

NAME = "faults"
#: Of so many patients one is edited: few enough that only they are asked again.
ONE_IN = 6

Row = Mapping[str, object]
#: What is done, in words, and the doing; returns a run that is to be waited for, where it started one.
Step = tuple[str, Callable[[Registry, date], MatchRun | None]]


def make(folder: Path, *, patients: int, trials: int | None, time_zone: str) -> int:
    """Publish the library, or its first trials, and import a registry; returns how many patients it has."""
    files = [LIBRARY] if trials is None else _trials()[:trials]
    failed = [loaded.file for file in files for loaded in load_library(file) if loaded.outcome == "failed"]
    if failed:
        raise RuntimeError(f"not published: {', '.join(failed)}")
    registry = actions.create_registry(name=NAME, by=None, time_zone=time_zone)
    today = runs.today_in(registry)
    tables: dict[str, list[Row]] = {name: [] for name in COLUMNS}
    number = 0
    while len(tables["patients"]) < patients:
        for name, rows in build(today, seed=SEED + number).items():
            if rows and "patient_id" not in rows[0]:
                tables[name] = list(rows)
                continue
            room = patients - len(tables[name]) if name == "patients" else None
            tables[name] += [_renamed(row, number) for row in rows[:room]]
        number += 1
    known = {row["patient_id"] for row in tables["patients"]}
    for name, rows in tables.items():
        tables[name] = [row for row in rows if row.get("patient_id", "") in known or "patient_id" not in row]
    _import(registry, folder / "registry", tables)
    return len(known)


def _renamed(row: Row, number: int) -> Row:
    return {**row, "patient_id": f"{number}-{row['patient_id']}"}


def steps(folder: Path) -> Iterator[Step]:
    """What happens to a registry after it was imported; after each its answers are to hold again."""
    yield "the first match", lambda registry, today: None
    yield "one patient in six edited, one new", lambda registry, today: _edit(registry, today, folder / "edit")
    yield "one patient edited", lambda registry, today: _edit_one(registry, today, folder / "single")
    yield "a trial amended", lambda registry, today: _amend(folder / "amended")
    yield "a trial closed here", lambda registry, today: _close()
    yield "asked about another day", _ask


def _edit(registry: Registry, today: date, folder: Path) -> None:
    """New values and dates for some patients; someone dies, someone comes."""
    rows = []
    chosen = registry.patients.order_by("pk").values_list("patient_id", flat=True)[::ONE_IN]
    for index, patient in enumerate(chosen):
        day = (today - timedelta(days=index % 9)).isoformat()
        rows += [
            {"patient_id": patient, "test": "platelets", "value": 60 + index % 90, "unit": "10*9/L", "date": day},
            {"patient_id": patient, "test": "ecog", "value": index % 4, "date": day},
            {"patient_id": patient, "test": "hemoglobin", "value": 8 + index % 5, "unit": "g/dL", "date": day},
        ]
    new = {"patient_id": "new-1", "birth_date": "1961-04-03", "sex": "female"}
    illness = {
        "patient_id": "new-1", "condition": "leiomyosarcoma", "kind": "primary", "body_site": "uterus",
        "extent": "metastatic", "date": "2023-02-01",
    }  # fmt: skip
    _import(registry, folder, {"patients": [new], "conditions": [illness], "observations": rows})


def _edit_one(registry: Registry, today: date, folder: Path) -> None:
    day = today.isoformat()
    rows = [
        {"patient_id": "new-1", "test": "ecog", "value": 1, "date": day},
        {"patient_id": "new-1", "test": "platelets", "value": 40, "unit": "10*9/L", "date": day},
        {"patient_id": "new-1", "test": "hemoglobin", "value": 7, "unit": "g/dL", "date": day},
    ]
    _import(registry, folder, {"observations": rows})


def _trials() -> list[Path]:
    return sorted((LIBRARY / "trials").glob("*.yaml"))


def _amend(folder: Path) -> None:
    source = _trials()[0]
    folder.mkdir(exist_ok=True)
    file = folder / source.name
    text = source.read_text(encoding="utf-8")
    file.write_text(re.sub(r"(?m)^title: .*$", "title: Amended", text, count=1), encoding="utf-8")
    (loaded,) = load_library(file)
    if loaded.outcome != "published":
        raise RuntimeError(f"{file} was not published: {loaded.outcome} {loaded.problems}")


def _close() -> None:
    trial = Document.objects.filter(kind=Document.Kind.TRIAL).order_by("code").last()
    assert trial is not None
    set_open_here(document=trial, open_here=False, by=None, reason="no staff")


def _ask(registry: Registry, today: date) -> MatchRun:
    return runs.start_run(registry=registry, as_of=today - timedelta(days=40), by=None)


def _import(registry: Registry, folder: Path, tables: Mapping[str, list[Row]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS[name], restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    upload = run_import(actions.start_import(registry=registry, by=None, path=folder).pk)
    if upload.state != Upload.State.APPLIED:
        raise RuntimeError(f"the import ended as {upload.state}: {upload.error}")
