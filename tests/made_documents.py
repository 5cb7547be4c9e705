"""Small documents for tests of the engine: a trial or an option from a few rules."""

from __future__ import annotations

from typing import Any

import yaml

from matcher.engine import OptionResult, TrialResult, evaluate_trial, rank_options
from patients.facts import Patient
from patients.intake.single import read_patient
from tests.synthetic import TODAY
from trials.criteria.documents import OptionDocument, TrialDocument, read_document

_HEAD = {"author": "one", "reviewer": "another", "cancer": "leiomyosarcoma"}


def made_trial(*criteria: dict[str, Any] | str, **head: Any) -> TrialDocument:
    """A recruiting trial; a criterion given as a text is an inclusion rule, numbered as it comes."""
    lines = [
        each if isinstance(each, dict) else {"rule": each} for each in criteria
    ]  # fmt: skip
    numbered = [
        {"id": f"C{i}", "text": f"line {i}", "polarity": "inclusion", **line} for i, line in enumerate(lines, 1)
    ]
    text = yaml.safe_dump(
        {"kind": "trial", "id": "T", "title": "A trial", "recruitment": "recruiting", **_HEAD, **head, "criteria": numbered}
    )  # fmt: skip
    document = read_document(text)
    assert isinstance(document, TrialDocument)
    return document


def made_option(id: str, *statements: dict[str, Any], **head: Any) -> OptionDocument:
    """An option of some statements, numbered as they come."""
    numbered = [{"id": f"{id}-{i}", "text": f"statement {i}", **each} for i, each in enumerate(statements, 1)]
    document = read_document(
        yaml.safe_dump({"kind": "option", "id": id, "name": id, **_HEAD, **head, "statements": numbered})
    )
    assert isinstance(document, OptionDocument)
    return document


def answering(rows: dict[str, Any], *answers: dict[str, Any], document: str = "T", version: int = 1) -> Patient:
    """A patient with answers to a version of a document."""
    return read_patient({**rows, "answers": list(answers)}, today=TODAY, document=document, version=version)


def result_of(document: TrialDocument, who: Patient, **how: Any) -> TrialResult:
    """A patient against version 1 of a made-up trial, today."""
    return evaluate_trial(document, who, **{"as_of": TODAY, "version": 1, **how})


def order_of(documents: list[OptionDocument], who: Patient, **how: Any) -> tuple[OptionResult, ...]:
    """Made-up options for a patient, today."""
    return rank_options([(each, 1) for each in documents], who, **{"as_of": TODAY, **how})
