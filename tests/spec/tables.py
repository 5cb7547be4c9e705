"""The form of a spec test: rows of made-up patients in, one truth and reason per patient and rule out.

A table holds patients and rules; each rule names what it must answer for each patient. The same tables are run against
the evaluator and printed into docs/criteria-language.md, so that the manual cannot be wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from trials.criteria.parser import parse, parse_concepts, parse_definition

#: The day on which every table asks, unless it says otherwise.
DAY = date(2026, 1, 15)

MET, NOT_MET = "met", "not met"
NOT_RECORDED = "unknown: not recorded"
STALE = "unknown: stale"
IMPRECISE = "unknown: imprecise"
CONFLICTING = "unknown: conflicting"
NEEDS_JUDGEMENT = "unknown: needs judgement"

Rows = Mapping[str, Any]


@dataclass(frozen=True)
class Case:
    """A rule, and what it answers for each patient of its table, in the order of the patients."""

    rule: str
    expected: tuple[str, ...]
    note: str = ""


@dataclass(frozen=True)
class Table:
    """Patients and rules that belong together. `shared` are rows that every patient of the table has."""

    heading: str
    patients: Mapping[str, Rows]
    cases: Sequence[Case]
    text: str = ""
    shared: Rows = field(default_factory=dict)
    definitions: Sequence[str] = ()
    cancer: str = ""
    as_of: date = DAY

    def rows(self, patient: str) -> dict[str, Any]:
        """The whole rows of one patient: the shared ones, then its own."""
        own = self.patients[patient]
        joined = {**self.shared, **own}
        for kind, rows in self.shared.items():
            if isinstance(rows, list):
                joined[kind] = [*rows, *own.get(kind, [])]
        return joined


@dataclass(frozen=True)
class Example:
    """One cell of a table: one rule for one patient."""

    table: Table
    case: Case
    patient: str
    expected: str

    def __str__(self) -> str:
        return f"{self.case.rule} | {self.patient}"

    def answer(self) -> str:
        """What the evaluator says: `met`, `not met` or `unknown: reason`."""
        # Imported here, so that the manual can be printed from the tables without the evaluator and its database.
        from matcher.engine import evaluate_rule
        from patients.intake.single import read_patient

        table = self.table
        found = evaluate_rule(
            parse(self.case.rule),
            read_patient(table.rows(self.patient), today=table.as_of),
            as_of=table.as_of,
            definitions=[parse_definition(text) for text in table.definitions],
            cancer=parse_concepts(table.cancer) if table.cancer else None,
        )
        said = found.truth.word.replace("_", " ")
        return said if found.reason is None else f"{said}: {found.reason}"


def examples(tables: Sequence[Table]) -> list[Example]:
    """Every cell of every table, for parametrizing a test."""
    return [
        Example(table, case, patient, expected)
        for table in tables
        for case in table.cases
        for patient, expected in zip(table.patients, case.expected, strict=True)
    ]
