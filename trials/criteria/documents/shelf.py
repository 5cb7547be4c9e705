"""What a trial and an option hold, as frozen data; the shape in which a draft is read and a version is kept.

A rule is held as its tree, once, exactly as written; everything else is the text of the document. Closed sets are
enums whose values are the words of the documents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any, ClassVar

from trials.criteria import tree as t
from trials.criteria.documents.definitions import NO_DEFINITIONS, Definitions


class Recruitment(StrEnum):
    """The recruitment status as the source gives it."""

    RECRUITING = "recruiting"
    NOT_YET = "not yet recruiting"
    BY_INVITATION = "enrolling by invitation"
    ACTIVE = "active, not recruiting"
    SUSPENDED = "suspended"
    COMPLETED = "completed"
    TERMINATED = "terminated"
    WITHDRAWN = "withdrawn"
    UNKNOWN = "unknown"
    NOT_GIVEN = "not given"

    @property
    def open(self) -> bool:
        """Whether a patient can enter now; what a source does not say is not open."""
        return self in (Recruitment.RECRUITING, Recruitment.BY_INVITATION)


class Polarity(StrEnum):
    """Whether the rule says who fits, or who is kept out."""

    INCLUSION = "inclusion"
    EXCLUSION = "exclusion"


class CriterionKind(StrEnum):
    """What stands behind the words of a criterion."""

    RULE = "rule"
    CONFIRM = "confirm"
    NOTE = "note"
    NOT_STRUCTURED = "not_structured"


class Confirm(StrEnum):
    """What is settled at the visit."""

    CONSENT = "consent"
    CONTRACEPTION = "contraception"
    WILLINGNESS = "willingness"
    LOGISTICS = "logistics"
    TISSUE = "tissue"


class Mapped(StrEnum):
    """What became of a line of the source."""

    RULE = "rule"
    CONFIRM = "confirm"
    NOTE = "note"
    NOT_STRUCTURED = "not structured"


class StatementKind(StrEnum):
    """What a statement of an option does; only stances and modifiers rank."""

    STANCE = "stance"
    MODIFIER = "modifier"
    MUST_NOT_USE = "must_not_use"
    CAUTION = "caution"
    DOSE = "dose"
    MONITORING = "monitoring"
    EVIDENCE = "evidence"
    REGULATORY = "regulatory"
    RESULT = "result"


class Strength(StrEnum):
    """The strength of a stance, strongest first."""

    HIGHEST = "highest priority"
    PREFERRED = "preferred"
    OPTION = "option"
    ALTERNATIVE = "alternative"
    CONSIDER = "consider"
    TRIAL_ONLY = "trial only"
    LESS_PREFERRED = "less preferred"


class Step(StrEnum):
    """Which way a modifier moves a rank, by one."""

    UP = "up"
    DOWN = "down"


Figures = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The registry record a document was written from."""

    registry: str = ""
    record: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """A source, under the id by which statements name it."""

    id: str
    text: str
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A published result of the trial, in the document's words, with its exact figures."""

    text: str
    id: str = ""
    kind: str = ""
    figures: Figures = field(default_factory=dict)
    citation: str = ""
    sentences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """Another source that says otherwise; shown beside, never resolved."""

    with_: str
    text: str = ""
    figures: Figures = field(default_factory=dict)
    source: str = ""
    conflict: str = ""
    jurisdiction: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """A part of a trial that a patient may fit when another does not."""

    id: str
    title: str = ""
    open: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One numbered line: its words, and a rule, or why it has none."""

    id: str
    text: str
    polarity: Polarity
    kind: CriterionKind
    cohorts: tuple[str, ...] = ()
    rule: t.Rule | None = None
    confirm: Confirm | None = None
    note: str = ""
    why: str = ""
    disagrees: tuple[Disagreement, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLine:
    """What became of one line of the source text: `sha` identifies the line without copying it."""

    line: int
    sha: str
    as_: Mapped
    to: tuple[str, ...] = ()
    why: str = ""
    fact: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TestPatient:
    """A patient that publishing evaluates: canonical rows as text cells, and what the answer must be."""

    __test__: ClassVar[bool] = False

    name: str
    as_of: date
    patient: Mapping[str, Any]
    expect: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementCitation:
    """Where a statement comes from: source, its sentences, its exact figures; `derived` where it is drawn from it."""

    source: str
    sentences: tuple[str, ...] = ()
    figures: Figures = field(default_factory=dict)
    also: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    derived: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement of an option. `shared` where several options include it."""

    id: str
    kind: StatementKind
    text: str
    strength: Strength | None = None
    step: Step | None = None
    rule: t.Rule | None = None
    reads: str = ""
    action: str = ""
    jurisdiction: str = ""
    citation: StatementCitation | None = None
    disagrees: tuple[Disagreement, ...] = ()
    shared: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialDocument:
    """A trial: identifiers, cohorts, criteria, the map of its source, and the patients that test it."""

    id: str
    title: str
    cancer: t.Concepts
    recruitment: Recruitment
    author: str
    reviewer: str
    nct: str = ""
    other_ids: tuple[str, ...] = ()
    acronym: str = ""
    phase: str = ""
    sponsor: str = ""
    sites: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    interventions: tuple[str, ...] = ()
    negative: bool = False
    never_offer: bool = False
    never_offer_reason: str = ""
    source: Origin = Origin()
    citations: tuple[Citation, ...] = ()
    results: tuple[Result, ...] = ()
    windows: Mapping[str, t.Span] = field(default_factory=dict)
    definitions: Definitions = NO_DEFINITIONS
    cohorts: tuple[Cohort, ...] = ()
    criteria: tuple[Criterion, ...] = ()
    source_map: tuple[SourceLine, ...] = ()
    test_patients: tuple[TestPatient, ...] = ()

    @property
    def offered(self) -> bool:
        """Whether the trial as a whole takes patients now; its cohorts may still be closed."""
        return self.recruitment.open and not self.never_offer

    def criterion(self, id: str) -> Criterion:
        """The criterion of an id. Raises LookupError."""
        for item in self.criteria:
            if item.id == id:
                return item
        raise LookupError(f"{self.id} has no criterion {id!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionDocument:
    """A treatment option: its statements, and the patients that test them."""

    id: str
    name: str
    cancer: t.Concepts
    author: str
    reviewer: str
    citations: tuple[Citation, ...] = ()
    windows: Mapping[str, t.Span] = field(default_factory=dict)
    definitions: Definitions = NO_DEFINITIONS
    statements: tuple[Statement, ...] = ()
    test_patients: tuple[TestPatient, ...] = ()

    def statement(self, id: str) -> Statement:
        """The statement of an id. Raises LookupError."""
        for item in self.statements:
            if item.id == id:
                return item
        raise LookupError(f"{self.id} has no statement {id!r}")


Document = TrialDocument | OptionDocument
