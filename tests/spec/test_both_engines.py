"""The tables of the manual on the bulk engine: each says there what the reference engine says, change included."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from matcher.engine import evaluate_rule
from matcher.engine.bulk import Answer, answers_to
from patients.intake.single import read_patient
from tests.spec.tables import Table
from trials.criteria.parser import parse, parse_concepts, parse_definition

_MODULES = sorted(path.stem for path in Path(__file__).parent.glob("test_*.py"))

TABLES: list[Table] = [
    table
    for name in _MODULES
    if name not in (Path(__file__).stem, "test_manual")
    for table in importlib.import_module(f"tests.spec.{name}").tables
]


def test_no_table_is_left_out() -> None:
    assert sum(len(table.cases) * len(table.patients) for table in TABLES) > 800


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.heading)
def test_both_engines_answer_every_example_alike(table: Table) -> None:
    patients = [read_patient(table.rows(name), today=table.as_of) for name in table.patients]
    definitions = [parse_definition(text) for text in table.definitions]
    cancer = parse_concepts(table.cancer) if table.cancer else None
    rules = [parse(case.rule) for case in table.cases]

    in_bulk = answers_to(rules, patients, as_of=table.as_of, definitions=definitions, cancer=cancer)

    for case, rule, answers in zip(table.cases, rules, in_bulk, strict=True):
        for patient, expected, answer in zip(patients, case.expected, answers, strict=True):
            said = answer.truth.word.replace("_", " ")
            assert (said if answer.reason is None else f"{said}: {answer.reason}") == expected, case.rule
            one = evaluate_rule(rule, patient, as_of=table.as_of, definitions=definitions, cancer=cancer)
            assert answer == Answer(one.truth, one.reason, one.change), case.rule
