"""The things a vocabulary is made of: a concept, a test, and how two concepts stand to each other.

Plain frozen values and closed sets, so that everything above (facts, criteria, engine) can hold and compare them
without touching a table. A concept's id is its preferred name as the rule language writes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

_NOTHING: Mapping[str, str] = MappingProxyType({})


class Domain(StrEnum):
    """The kind of thing a concept names; names are looked up within one or more domains."""

    CANCER = "cancer"
    SITE = "site"
    CONDITION = "condition"
    DRUG = "drug"
    PROCEDURE = "procedure"
    GENE = "gene"
    TEST = "test"
    ASSAY = "assay"


class Relation(StrEnum):
    """How what was recorded (a) stands to what is asked (b)."""

    BELOW = "below"
    """Every a is a b (equal concepts too): a record of a certainly is a b."""
    ABOVE = "above"
    """Every b is an a: a record of a may be a b."""
    OVERLAPS = "overlaps"
    """Some a may be a b, without one holding the other."""
    DISJOINT = "disjoint"
    """No a is a b."""


class UnknownConcept(LookupError):
    """No concept has this id."""


class UnknownTest(UnknownConcept):
    """No test has this id."""


@dataclass(frozen=True, slots=True)
class Concept:
    """One meaning, with every name and code by which registries and protocols refer to it.

    `histology` and `site` are the two axes of a cancer or a metastasis. A composite (uterine leiomyosarcoma) states
    both; a pure histology states none, or only a `site`, which is then the site it is assumed to have when a record
    gives none (invasive ductal carcinoma: breast).
    """

    id: str
    name: str
    domain: Domain
    parents: tuple[str, ...] = ()
    synonyms: tuple[str, ...] = ()
    codes: tuple[tuple[str, str], ...] = ()
    attributes: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    histology: str | None = None
    site: str | None = None


@dataclass(frozen=True, slots=True)
class Test:
    """An observation that a criterion can compare: its canonical unit, its currency, its plausible range.

    `window_days` is how long a value is current when neither rule nor document says so (None: no limit); `low` and
    `high` bound what can be a true value in the canonical unit; `codes` maps each canonical coded value to its
    synonyms; `cost` says what it takes to obtain a missing value.
    """

    id: str
    name: str
    kind: str
    unit: str
    window_days: int | None
    category: str
    low: float | None
    high: float | None
    integer: bool
    cost: str
    codes: Mapping[str, tuple[str, ...]]
    unit_optional: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """A defect of the tables: where it stands and what is wrong with it."""

    table: str
    id: str
    text: str

    def __str__(self) -> str:
        return f"{self.table}: {self.id}: {self.text}"
