"""Made-up patients for tests, written as the rows of the canonical files."""

from __future__ import annotations

from datetime import date
from typing import Any

from matcher.engine import Finding, evaluate_rule
from patients.facts import Patient
from patients.intake.single import read_patient
from trials.criteria import tree as t
from trials.criteria.parser import parse, parse_definition

#: The day on which most tests ask.
TODAY = date(2026, 1, 15)


def patient(today: date = TODAY, **rows: Any) -> Patient:
    """A patient of canonical rows, recorded on `today`."""
    return read_patient(rows, today=today)


def lms(**rows: Any) -> Patient:
    """A woman of 64 with metastatic leiomyosarcoma of the uterus, her data current; rows add to that or replace it."""
    base: dict[str, Any] = {
        "birth_date": "1961-04-03",
        "sex": "female",
        "data_through": "2026-01-10",
        "conditions": [
            {"condition": "leiomyosarcoma", "kind": "primary", "body_site": "uterus", "extent": "metastatic",
             "date": "2023-02-01"}
        ],
    }  # fmt: skip
    return patient(**{**base, **rows})


def drug(name: str, start: str | None = None, end: str | None = None, **cells: Any) -> dict[str, Any]:
    """A row of treatments.csv for a drug."""
    return {"treatment": name, "kind": "drug", "start_date": start, "end_date": end, **cells}


#: The record of drug treatments is complete.
DRUGS_COMPLETE = {"domain": "treatments", "scope": "kind:drug", "complete_through": "2026-01-10"}


def asked(
    rule: str,
    who: Patient,
    *,
    as_of: date = TODAY,
    cancer: str | None = None,
    definitions: tuple[str, ...] = (),
    windows: dict[str, t.Span] | None = None,
) -> Finding:
    """The answer to a rule."""
    return evaluate_rule(
        parse(rule),
        who,
        as_of=as_of,
        cancer=t.Concepts.of(cancer) if cancer else None,
        definitions=[parse_definition(text) for text in definitions],
        windows=windows,
    )


def truth(rule: str, who: Patient, **how: Any) -> str:
    """The truth of a rule, and of an unknown its reason: `unknown: stale`."""
    found = asked(rule, who, **how)
    return found.truth.word if found.reason is None else f"{found.truth.word}: {found.reason}"
