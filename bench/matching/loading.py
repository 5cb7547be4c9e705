"""The stages that measure how a registry's facts come from PostgreSQL as columns, cold and from snapshots.

The made-up registry is written straight into the tables of facts with COPY, which is no part of what is measured, and
what is read must equal it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, time
from itertools import repeat
from typing import Any

import numpy as np
from django.db import connection, transaction
from django.db.models import Model
from django.utils import timezone
from numpy.typing import NDArray

from bench.matching.registry import AS_OF, facts, registry
from bench.stages import Clock, Found
from matcher import snapshots
from matcher.engine.bulk.columns import NO_DAY, SPECS, Columns, Table
from matcher.snapshots.store import kept
from patients import actions, changes
from patients.models import (
    BiomarkerFact,
    ConditionFact,
    CoverageFact,
    DiseaseStatusFact,
    MedicationFact,
    ObservationFact,
    Patient,
    PatientDetails,
    Registry,
    TreatmentFact,
)

_MODELS: dict[str, type[Model]] = {
    "conditions": ConditionFact,
    "treatments": TreatmentFact,
    "medications": MedicationFact,
    "observations": ObservationFact,
    "biomarkers": BiomarkerFact,
    "disease_status": DiseaseStatusFact,
    "coverage": CoverageFact,
}
_NULL = "\\N"
#: What a column of a fact says where the made-up registry says nothing of it.
_PLAIN: dict[str, str] = {"cells": "{}", "naming": "mapped", "sequence": "0", "fingerprint": "0" * 32}
_RECORDED = datetime.combine(date.fromordinal(AS_OF.toordinal() - 5), time(12), UTC).isoformat()

#: One column of many rows as text, or what every row says.
Texts = Sequence[str] | str


# --- Writing it, with no clock on -------------------------------------------------------------------------------------


def write_facts(*, name: str, patients: int) -> Found:
    """The made-up registry as a registry of the database."""
    made = registry(patients)
    stored = actions.create_registry(name=name, by=None)
    people = [f"P{index}" for index in range(patients)]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # foreign keys are right by construction
        _copy(cursor, Patient, {"registry_id": str(stored.pk), "patient_id": people, "created_at": _RECORDED})
        keys = np.fromiter(Patient.objects.filter(registry=stored).order_by("pk").values_list("pk", flat=True), int)
        text = np.array([str(key) for key in keys], object)
        _copy(cursor, PatientDetails, {"patient_id": text.tolist(), "key": "details", **_details(made)})
        for kind, model in _MODELS.items():
            table = made.tables[kind]
            own = {"patient_id": text[table.patient].tolist(), "key": [f"made {order}" for order in table.order]}
            _copy(cursor, model, own | dict(_said(table)))
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return {"facts": facts(made)}


def _copy(cursor: Any, model: type[Model], told: dict[str, Texts]) -> None:
    """Write rows through COPY; what they do not tell is as the model has it."""
    columns: list[str] = []
    texts: list[Texts] = []
    for each in model._meta.concrete_fields:
        if each.primary_key:
            continue
        assert each.column is not None
        columns.append(each.column)
        texts.append(told.get(each.column, _otherwise(each)))
    lines = zip(*(repeat(text) if isinstance(text, str) else text for text in texts), strict=False)
    names = ", ".join(connection.ops.quote_name(column) for column in columns)
    table = connection.ops.quote_name(model._meta.db_table)
    with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
        for block in _blocks(lines):
            copy.write(block)


def _blocks(lines: Iterator[tuple[str, ...]], size: int = 5_000) -> Iterator[str]:
    held: list[str] = []
    for line in lines:
        held.append("\t".join(line))
        if len(held) == size:
            yield "\n".join(held) + "\n"
            held.clear()
    if held:
        yield "\n".join(held) + "\n"


def _otherwise(each: Any) -> str:
    if each.column == "recorded_at":
        return _RECORDED
    if each.column in _PLAIN:
        return _PLAIN[each.column]
    if each.null:
        return _NULL
    default = each.get_default()
    return "[]" if default == [] else str(default)


def _said(table: Table) -> Iterator[tuple[str, Texts]]:
    """The columns of a kind of fact as text, by the names the database has for them."""
    spec = SPECS[table.name]
    for name in spec.days:
        yield f"{name}_first", _days(table.lo[name])
        yield f"{name}_last", _days(table.hi[name])
    for name in spec.plain_days:
        if name != "recorded":
            yield name, _days(table.day[name])
    for name in spec.numbers:
        yield name, _numbers(table.number[name])
    for name in spec.flags:
        if name != "named":
            yield name, _chosen(table.flag[name] + 1, [_NULL, "f", "t"])
    for name in (*spec.words, *spec.tuples):
        column = table.coded[name]
        values = [_listed(value) if isinstance(value, tuple) else value or "" for value in column.values]
        yield ("name" if name == "raw" else name), _chosen(column.codes, values)


def _listed(value: tuple[str, ...]) -> str:
    return "[" + ", ".join(f'"{each}"' for each in value) + "]"


def _chosen(codes: NDArray[Any], values: Sequence[str]) -> Texts:
    if len(codes) and (codes == codes[0]).all():
        return values[int(codes[0])]
    found: list[str] = np.array(values, object)[codes].tolist()
    return found


def _days(ordinals: NDArray[np.int32]) -> Texts:
    distinct, codes = np.unique(ordinals, return_inverse=True)
    return _chosen(codes, [_NULL if day == NO_DAY else date.fromordinal(int(day)).isoformat() for day in distinct])


def _numbers(values: NDArray[np.float64]) -> Texts:
    distinct, codes = np.unique(values, return_inverse=True)
    return _chosen(codes, [_NULL if np.isnan(value) else repr(float(value)) for value in distinct])


def _details(made: Columns) -> dict[str, Texts]:
    birth = np.zeros((2, made.patients), np.int32)
    birth[0, made.birth_patient], birth[1, made.birth_patient] = made.birth_lo, made.birth_hi
    return {
        "birth_first": _days(birth[0]),
        "birth_last": _days(birth[1]),
        "sex": _chosen(made.sexes.codes, [value[0] if value else "" for value in made.sexes.values]),
        "deceased": _chosen(made.deceased + 1, [_NULL, "f", "t"]),
        "death_first": _days(made.death_lo),
        "death_last": _days(made.death_hi),
        "data_through": _days(made.data_through),
    }


# --- Reading it -------------------------------------------------------------------------------------------------------


def load_columns(*, name: str, patients: int) -> Found:
    """The columns of every block, one block in memory at a time, and whether they equal what was written.

    The clock is on what gives the columns and on a look at each page of them, as they may be mapped and not yet read.
    """
    stored = Registry.objects.get(name=name)
    known_at = timezone.now()
    clock, rebuilt, blocks, begin, held = Clock(), 0, 0, 0, 0
    made = registry(patients) if patients else None
    for within in snapshots.ranges_of(stored, known_at=known_at):
        before = _written(stored)
        with clock:
            found = snapshots.columns_of(stored, within, known_at=known_at)
            _look(found.columns)
        rebuilt += before != _written(stored)
        blocks += 1
        held += facts(found.columns)
        if made is not None:
            _compare(made.part(begin, begin + found.columns.patients), found.columns)
            begin += found.columns.patients
    if made is not None and begin != made.patients:
        raise SystemExit(f"{begin} of {made.patients} patients were read")
    return {**asdict(clock), "blocks": blocks, "rebuilt": rebuilt, "facts": held}


def change_a_patient(*, name: str) -> Found:
    """A new value for one patient in the middle of the registry, recorded as an import records it."""
    stored = Registry.objects.get(name=name)
    everybody = Patient.objects.filter(registry=stored).order_by("pk")
    patient = everybody[everybody.count() // 2]
    with transaction.atomic():
        ObservationFact.objects.create(
            patient=patient, key=secrets.token_hex(8), test="platelets", low=92, high=92, unit="10*9/L", shown="92",
            date_first=AS_OF, date_last=AS_OF, fingerprint="0" * 32, recorded_at=timezone.now(),
        )  # fmt: skip
        changes.patients_changed([patient], registry=stored, cause="bench")
    return {}


def _written(stored: Registry) -> list[tuple[str, int]]:
    """The snapshots there are, each with what changes when it is written anew."""
    return [(path.name, path.stat().st_ino) for path in kept(stored)]


def _look(columns: Columns) -> int:
    """Read one byte of each page of the columns."""
    return sum(
        int(array.view(np.uint8)[::4096].sum(dtype=np.int64))
        for table in columns.tables.values()
        for array in (
            table.patient, table.order, *table.lo.values(), *table.hi.values(), *table.day.values(),
            *table.number.values(), *table.flag.values(), *(each.codes for each in table.coded.values()),
        )
    )  # fmt: skip


def _compare(made: Columns, read: Columns) -> None:
    """End the stage unless columns read say what was written."""
    for name, table in made.tables.items():
        other = read.tables[name]
        pairs: list[tuple[str, Any, Any]] = [("patient", table.patient, other.patient)]
        for part in ("lo", "hi", "day", "number", "flag"):
            pairs += [(column, array, getattr(other, part)[column]) for column, array in getattr(table, part).items()]
        pairs += [
            (column, _values(coded.values)[coded.codes], _values(other.coded[column].values)[other.coded[column].codes])
            for column, coded in table.coded.items()
        ]
        for column, ours, theirs in pairs:
            same = len(ours) == len(theirs) and (ours.dtype == object or ours.dtype.kind in "iuf")
            if not same or not np.array_equal(ours, theirs, equal_nan=ours.dtype.kind == "f"):
                raise SystemExit(f"{name}.{column} was not read as it was written")
    for column in ("birth_lo", "birth_hi", "deceased", "death_lo", "death_hi", "data_through", "vital_conflict"):
        if not np.array_equal(getattr(made, column), getattr(read, column)):
            raise SystemExit(f"{column} was not read as it was written")
    if made.policies.values[-1] != read.policies.values[-1]:
        raise SystemExit(f"the policies of the registry are {read.policies.values[-1]}")


def _values(values: Sequence[Any]) -> NDArray[Any]:
    """Values as an array of objects, tuples among them."""
    found = np.empty(len(values), object)
    for index, value in enumerate(values):
        found[index] = value
    return found


STAGES = {stage.__name__: stage for stage in (write_facts, load_columns, change_a_patient)}
