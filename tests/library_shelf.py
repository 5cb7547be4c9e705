"""The documents of the library as tests read them, and made-up patients put to them."""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from matcher.engine import CriterionResult, OptionResult, TrialResult, evaluate_trial, rank_options
from patients.facts import Patient
from tests.synthetic import TODAY
from trials.criteria.documents import (
    Document,
    OptionDocument,
    Statement,
    TrialDocument,
    read_document,
    read_statement,
)

LIBRARY = Path(__file__).resolve().parent.parent / "trials" / "library"


@cache
def statements() -> dict[str, Statement]:
    """The statements that several options include, by id."""
    found = [read_statement(path.read_text()) for path in sorted((LIBRARY / "statements").glob("*.yaml"))]
    return {statement.id: statement for statement in found}


@cache
def document(name: str) -> Document:
    """A document of the library by the name of its file."""
    path = next(LIBRARY.glob(f"*/{name}.yaml"))
    return read_document(path.read_text(), shared_statements=statements())


def names() -> list[str]:
    """The names of every trial and option in the library."""
    return [path.stem for folder in ("trials", "options") for path in sorted((LIBRARY / folder).glob("*.yaml"))]


def trial(name: str) -> TrialDocument:
    """A trial of the library."""
    found = document(name)
    assert isinstance(found, TrialDocument)
    return found


def option(name: str) -> OptionDocument:
    """An option of the library."""
    found = document(name)
    assert isinstance(found, OptionDocument)
    return found


def screened(name: str, who: Patient, *, as_of: date = TODAY, **how: Any) -> TrialResult:
    """A patient against a trial of the library."""
    return evaluate_trial(trial(name), who, as_of=as_of, **how)


def line(result: TrialResult, id: str) -> CriterionResult:
    """One criterion of a result."""
    return next(each for each in result.criteria if each.criterion.id == id)


def truth_of(result: TrialResult, id: str) -> str:
    """The truth of one criterion, and of an unknown its reason: `unknown: stale`."""
    found = line(result, id)
    assert found.truth is not None
    return found.truth.word if found.reason is None else f"{found.truth.word}: {found.reason}"


def ranked(names: list[str], who: Patient, *, as_of: date = TODAY, **how: Any) -> tuple[OptionResult, ...]:
    """Options of the library for a patient, in the order of the page."""
    return rank_options([(option(name), 1) for name in names], who, as_of=as_of, **how)
