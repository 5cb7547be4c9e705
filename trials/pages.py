"""A document as its page reads: each criterion with its rule in the language and in English, each statement with its
citation, and how much of the source became a rule.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from patients.vocabulary import Vocabulary
from trials.criteria import tree as t
from trials.criteria.documents import (
    Citation,
    Criterion,
    CriterionKind,
    Disagreement,
    Mapped,
    OptionDocument,
    Polarity,
    Statement,
    TrialDocument,
)
from trials.criteria.english import english, english_definition
from trials.criteria.printing import print_definition, print_rule

_INTERVAL = re.compile(r"(^|_)ci\d*(_|$)")


@dataclass(frozen=True, slots=True)
class CriterionRead:
    """One line of a protocol."""

    id: str
    text: str
    inclusion: bool
    kind: str
    category: str
    cohorts: tuple[str, ...]
    rule: str
    english: str
    questions: int
    why: str
    disagrees: tuple[Disagreement, ...]


@dataclass(frozen=True, slots=True)
class StatementRead:
    """One statement of an option, with its source in full."""

    id: str
    kind: str
    weight: str
    text: str
    rule: str
    english: str
    action: str
    jurisdiction: str
    citation: str
    url: str
    sentences: tuple[str, ...]
    figures: tuple[tuple[str, str], ...]
    disagrees: tuple[tuple[Disagreement, tuple[tuple[str, str], ...]], ...]
    shared: bool


@dataclass(frozen=True, slots=True)
class SourceRead:
    """How many lines of the source became what, and how many of those that hold a patient fact have a rule."""

    lines: int
    counts: tuple[tuple[str, int], ...]
    facts: int
    facts_with_rule: int
    unstructured: tuple[tuple[int, str], ...]

    @property
    def share(self) -> float:
        """Percent of the lines with a patient fact that have a rule."""
        return 100 * self.facts_with_rule / self.facts if self.facts else 0.0


def criteria_read(document: TrialDocument, vocabulary: Vocabulary) -> list[CriterionRead]:
    """The criteria in the order of the document."""
    return [_criterion(each, vocabulary) for each in document.criteria]


def _criterion(criterion: Criterion, vocabulary: Vocabulary) -> CriterionRead:
    rule = criterion.rule
    return CriterionRead(
        id=criterion.id,
        text=criterion.text,
        inclusion=criterion.polarity is Polarity.INCLUSION,
        kind=criterion.kind.value.replace("_", " "),
        category=criterion.confirm.value if criterion.confirm is not None else criterion.note,
        cohorts=criterion.cohorts,
        rule=print_rule(rule) if rule is not None else "",
        english=english(rule, vocabulary) if rule is not None else "",
        questions=sum(isinstance(node, t.Ask) for node in t.walk(rule)) if rule is not None else 0,
        why=criterion.why,
        disagrees=criterion.disagrees,
    )


_KINDS = {
    CriterionKind.RULE: "with a rule",
    CriterionKind.CONFIRM: "to confirm at the visit",
    CriterionKind.NOTE: "headings and notes",
    CriterionKind.NOT_STRUCTURED: "not structured",
}


def counts_of(document: TrialDocument) -> dict[str, int]:
    """How many criteria there are of each kind."""
    kinds = Counter(criterion.kind for criterion in document.criteria)
    return {_KINDS[kind]: kinds[kind] for kind in CriterionKind if kinds[kind]}


def statements_read(document: OptionDocument, vocabulary: Vocabulary) -> list[StatementRead]:
    """The statements in the order of the document."""
    cited = {citation.id: citation for citation in document.citations}
    return [_statement(each, cited, vocabulary) for each in document.statements]


def _statement(statement: Statement, cited: Mapping[str, Citation], vocabulary: Vocabulary) -> StatementRead:
    citation = statement.citation
    source = cited.get(citation.source) if citation is not None else None
    weight = statement.strength.value if statement.strength is not None else ""
    if statement.step is not None:
        weight = f"one step {statement.step.value}"
    return StatementRead(
        id=statement.id,
        kind=statement.kind.value.replace("_", " "),
        weight=weight,
        text=statement.text,
        rule=print_rule(statement.rule) if statement.rule is not None else "",
        english=english(statement.rule, vocabulary) if statement.rule is not None else _without_rule(statement),
        action=statement.action,
        jurisdiction=statement.jurisdiction,
        citation=source.text if source is not None else citation.source if citation is not None else "",
        url=source.url if source is not None else "",
        sentences=citation.sentences if citation is not None else (),
        figures=figures_read(citation.figures) if citation is not None else (),
        disagrees=tuple((each, figures_read(each.figures)) for each in statement.disagrees),
        shared=statement.shared,
    )


def _without_rule(statement: Statement) -> str:
    return "reads the trials of the shelf" if statement.reads == "shelf" else "holds for every patient"


def definitions_read(document: TrialDocument | OptionDocument, vocabulary: Vocabulary) -> list[tuple[str, str]]:
    """Each definition as the language writes it and in English."""
    return [(print_definition(each), english_definition(each, vocabulary)) for each in document.definitions]


def source_read(document: TrialDocument) -> SourceRead:
    """What became of the lines of the source."""
    kinds = Counter(line.as_ for line in document.source_map)
    facts = [line for line in document.source_map if line.fact]
    return SourceRead(
        lines=len(document.source_map),
        counts=tuple((kind.value, kinds[kind]) for kind in Mapped if kinds[kind]),
        facts=len(facts),
        facts_with_rule=sum(line.as_ is Mapped.RULE for line in facts),
        unstructured=tuple((line.line, line.why) for line in document.source_map if line.as_ is Mapped.NOT_STRUCTURED),
    )


def figures_read(figures: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Figures under their names, exactly as the document holds them; only an interval of confidence reads `a to b`."""
    return tuple(
        (name.replace("_", " "), _figure(value, between=_INTERVAL.search(name) is not None))
        for name, value in figures.items()
    )


def _figure(value: Any, *, between: bool = False) -> str:
    if isinstance(value, list | tuple):
        return (" to " if between and len(value) == 2 else ", ").join(_figure(each) for each in value)
    if isinstance(value, Mapping):
        return "; ".join(f"{str(name).replace('_', ' ')} {_figure(part)}" for name, part in value.items())
    return str(value)
