"""The manual is the spec tests: what is committed is what they print, and they use every construct of the language."""

import importlib
import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import pytest

from tests.spec.tables import Case
from trials.criteria import tree as t
from trials.criteria.checks import Severity, check_rule
from trials.criteria.documents import Definitions
from trials.criteria.parser import parse, parse_definition

DOCS = Path(__file__).resolve().parents[2] / "docs"
SPEC = Path(__file__).parent


@cache
def builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_language", DOCS / "build_language.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def tables() -> list[Any]:
    return [table for name in builder().ORDER for table in importlib.import_module(f"tests.spec.test_{name}").tables]


@cache
def nodes() -> set[type]:
    found: set[type] = set()
    for table in tables():
        trees = [parse(case.rule) for case in table.cases] + [parse_definition(text) for text in table.definitions]
        found |= {type(node) for tree in trees for node in t.walk(tree)}
    return found


def test_the_committed_manual_is_the_one_the_tests_print() -> None:
    assert builder().PAGE.read_text(encoding="utf-8") == builder().page(), "run `make docs`"


def test_the_committed_schema_is_that_of_the_nodes() -> None:
    assert builder().SCHEMA.read_text(encoding="utf-8") == builder().schema(), "run `make docs`"


def test_every_table_of_the_folder_stands_in_the_manual() -> None:
    files = {path.stem.removeprefix("test_") for path in SPEC.glob("test_*.py")} - {"manual", "both_engines"}
    assert files == set(builder().ORDER)


@pytest.mark.parametrize(
    "node",
    sorted(
        {node for union in (t.Rule, t.Value, t.Test, t.Window, t.Amount, t.Definition) for node in get_args(union)},
        key=lambda node: node.__name__,
    ),
    ids=lambda node: node.__name__,
)
def test_the_manual_shows(node: type) -> None:
    assert node in nodes()


@pytest.mark.parametrize(
    ("case", "definitions"),
    [(case, table.definitions) for table in tables() for case in table.cases],
    ids=lambda value: value.rule if isinstance(value, Case) else "",
)
def test_the_examples_pass_the_checks_of_publishing(case: Case, definitions: tuple[str, ...]) -> None:
    """Examples that are made to be impossible (`A and not A`) aside, the manual shows rules that could be published."""
    from patients.vocabulary import default

    defined = Definitions(tuple(parse_definition(text) for text in definitions))
    found = check_rule(parse(case.rule), defined, default())
    assert [str(each) for each in found if each.severity is Severity.ERROR and each.code != "contradiction"] == []
