"""Patients from columns: what the reference evaluator is given, so that both engines are asked about the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np

from matcher.engine.bulk.columns import NO_DAY, SPECS, Columns, Table
from patients.facts import (
    Answer,
    Biomarker,
    Condition,
    Coverage,
    DiseaseStatus,
    Medication,
    Observation,
    PartialDate,
    Patient,
    Treatment,
)

_KINDS: dict[str, Callable[..., Any]] = {
    "conditions": Condition,
    "treatments": Treatment,
    "medications": Medication,
    "observations": Observation,
    "biomarkers": Biomarker,
    "disease_status": DiseaseStatus,
    "coverage": Coverage,
    "answers": Answer,
}
#: Numbers that a record holds as whole ones.
_WHOLE = frozenset({"line", "version"})


def people(columns: Columns) -> list[Patient]:
    """The patients that columns hold, in their order."""
    facts = {name: _facts(table) for name, table in columns.tables.items()}
    births = [
        (int(patient), _interval(lo, hi))
        for patient, lo, hi in zip(columns.birth_patient, columns.birth_lo, columns.birth_hi, strict=True)
    ]
    return [
        Patient(
            patient_id=f"P{index}",
            births=tuple(birth for patient, birth in births if patient == index and birth is not None),
            sexes=columns.sexes.values[columns.sexes.codes[index]],
            deceased=_yes_no(columns.deceased[index]),
            death=_interval(columns.death_lo[index], columns.death_hi[index]),
            vital_conflict=bool(columns.vital_conflict[index]),
            data_through=_day(columns.data_through[index]),
            policies=columns.policies.values[columns.policies.codes[index]],
            ranges=columns.ranges.values[columns.ranges.codes[index]],
            suspended=columns.suspended.values[columns.suspended.codes[index]],
            **{name: tuple(held[table.starts[index] : table.starts[index + 1]])
               for name, held in facts.items() for table in (columns.tables[name],)},
        )
        for index in range(columns.patients)
    ]  # fmt: skip


def _facts(table: Table) -> list[Any]:
    """The rows of a table as facts; a fact's reference stands in the order of the table's ranks."""
    spec, kind = SPECS[table.name], _KINDS[table.name]
    made = []
    for row in range(table.rows):
        values: dict[str, Any] = {"id": f"{table.name}:{table.order[row]:06d}"}
        values |= {name: _interval(table.lo[name][row], table.hi[name][row]) for name in spec.days}
        values |= {name: _day(table.day[name][row]) for name in spec.plain_days}
        values |= {name: _number(name, table.number[name][row]) for name in spec.numbers}
        values |= {name: _yes_no(table.flag[name][row]) for name in spec.flags}
        values |= {name: table.coded[name].values[table.coded[name].codes[row]] for name in (*spec.words, *spec.tuples)}
        made.append(kind(**values))
    return made


def _day(ordinal: Any) -> date | None:
    return None if ordinal == NO_DAY else date.fromordinal(int(ordinal))


def _interval(lo: Any, hi: Any) -> PartialDate | None:
    return None if lo == NO_DAY else PartialDate(date.fromordinal(int(lo)), date.fromordinal(int(hi)))


def _number(name: str, value: Any) -> float | int | None:
    if np.isnan(value):
        return None
    return int(value) if name in _WHOLE else float(value)


def _yes_no(flag: Any) -> bool | None:
    return None if flag < 0 else bool(flag)
