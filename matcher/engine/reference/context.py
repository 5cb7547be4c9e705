"""What every question is asked in: the patient's view, the dates, the vocabulary, the document and its cancer.

One context serves one patient, one document and one of the patient's cancers. It resolves the words of a rule to
concepts and knows for how long silence may be read as absence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache

from matcher.engine.results import Finding
from matcher.engine.truth import Reason, Truth, first_reason
from patients.facts import Patient, Treatment
from patients.vocabulary import Concept, Domain, Relation, Vocabulary
from trials.criteria import tree as t


class UnknownWord(LookupError):
    """A rule names a concept or a test that the vocabulary does not know; publishing refuses such rules."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Policies of evaluation with their defaults, in days (SEMANTICS §2, marked policy)."""

    currency: int = 30
    currency_lasting: int = 180
    acute: int = 90
    weight: int = 30
    adult_height_from: int = 18
    line_joins: int = 28
    perioperative_months: int = 6
    on_treatment: int = 30


@dataclass(frozen=True, slots=True)
class Reading:
    """One possible meaning of a record: a concept, and for a tumour the site it was recorded at."""

    concept: str
    site: str | None = None


@dataclass
class Context:
    """One patient, one document, one cancer, one date. `known` is the day whose knowledge is used."""

    patient: Patient
    vocabulary: Vocabulary
    asked: int
    known: int
    definitions: tuple[t.Definition, ...] = ()
    windows: Mapping[str, t.Span] = field(default_factory=dict)
    cancer: t.Concepts | None = None
    document: str = ""
    version: int = 0
    criterion: str = ""
    settings: Settings = Settings()
    this: Treatment | None = None
    focus: object | None = None
    evaluate: Callable[[t.Rule, Context], Finding] = None  # type: ignore[assignment]  # set by the evaluator that owns it
    cache: dict[object, object] = field(default_factory=dict)
    words: dict[tuple[str, tuple[Domain, ...]], tuple[str, ...]] = field(default_factory=dict)

    def inside(self, this: Treatment) -> Context:
        """The same question about the treatment at hand, for a definition of failure."""
        return replace(self, this=this, cache=self.cache)

    def on(self, criterion: str) -> Context:
        """The same question about one criterion: what is remembered is shared."""
        # Asked of every criterion of every pair, and `replace` would look at each of the fields.
        same = object.__new__(Context)
        same.__dict__.update(self.__dict__)
        same.criterion = criterion
        return same

    @property
    def today(self) -> date:
        """The as-of date."""
        return date.fromordinal(self.asked)

    # words

    def concepts(self, concepts: t.Concepts, domains: tuple[Domain, ...]) -> tuple[str, ...]:
        """The concept ids a set of names stands for; sets the document defines are opened."""
        found: list[str] = []
        for name in concepts.names:
            found.extend(self.named(name, domains))
        return tuple(dict.fromkeys(found))

    def named(self, name: str, domains: tuple[Domain, ...]) -> tuple[str, ...]:
        """The concept ids of one name. Raises UnknownWord."""
        key = (name, domains)
        cached = self.words.get(key)
        if cached is not None:
            return cached
        for definition in self.definitions:
            if isinstance(definition, t.DefineSet) and t.same_name(definition.name, name):
                ids = self.concepts(definition.concepts, domains)
                break
        else:
            ids = self.vocabulary.find(name, *domains)
            if not ids:
                raise UnknownWord(f"{name!r} is no known {' or '.join(domains)}")
        self.words[key] = ids
        return ids

    def defined_rule(self, name: str) -> t.Rule:
        """The rule the document defines under a name. Raises UnknownWord."""
        for definition in self.definitions:
            if isinstance(definition, t.DefineRule) and t.same_name(definition.name, name):
                return definition.rule
        raise UnknownWord(f"the document defines no rule {name!r}")

    def concept(self, id: str) -> Concept:
        """The concept of an id."""
        return self.vocabulary.concept(id)

    # meaning

    def is_a(self, readings: tuple[Reading, ...], asked: Iterable[str]) -> tuple[Truth, Reason | None]:
        """Whether a record that may mean any of `readings` is one of the asked concepts."""
        return meaning(self.vocabulary, readings, tuple(asked))


@lru_cache(maxsize=512)
def words_of(
    vocabulary: Vocabulary, definitions: tuple[t.Definition, ...]
) -> dict[tuple[str, tuple[Domain, ...]], tuple[str, ...]]:
    """The memory of what names mean in one document, shared by every patient it is asked of."""
    return {}


@lru_cache(maxsize=262_144)
def meaning(
    vocabulary: Vocabulary, readings: tuple[Reading, ...], asked: tuple[str, ...]
) -> tuple[Truth, Reason | None]:
    """Whether a record that may mean any of `readings` is one of the asked concepts.

    Met where every reading lies in the set, not met where none can, else unknown: *conflicting* where they disagree.
    """
    if not readings:
        return Truth.UNKNOWN, Reason.IMPRECISE
    answers = {_reading_is(vocabulary, reading, asked) for reading in readings}
    if len(answers) == 1:
        return answers.pop()
    if {truth for truth, _ in answers} == {Truth.UNKNOWN}:
        return Truth.UNKNOWN, first_reason(reason for _, reason in answers)
    return Truth.UNKNOWN, Reason.CONFLICTING


def relation(vocabulary: Vocabulary, reading: Reading, asked: str) -> Relation:
    """How a reading of a record stands to an asked concept."""
    if reading.site is not None:
        return vocabulary.relation_at(reading.concept, reading.site, asked)
    return vocabulary.relation(reading.concept, asked)


def _reading_is(vocabulary: Vocabulary, reading: Reading, asked: tuple[str, ...]) -> tuple[Truth, Reason | None]:
    relations = {each: relation(vocabulary, reading, each) for each in asked}
    within = [each for each, how in relations.items() if how is Relation.BELOW]
    if any(_site_decides(vocabulary, reading, each) for each in within):
        return Truth.MET, None
    if within:
        return Truth.UNKNOWN, Reason.NOT_RECORDED
    open_ = [each for each, how in relations.items() if how is not Relation.DISJOINT]
    if not open_:
        return Truth.NOT_MET, None
    if _all_members(vocabulary, reading, asked):
        return Truth.MET, None
    if any(_unclear_there(vocabulary, reading, each) for each in open_):
        return Truth.UNKNOWN, Reason.NEEDS_JUDGEMENT
    return Truth.UNKNOWN, Reason.IMPRECISE


def _site_decides(vocabulary: Vocabulary, reading: Reading, asked: str) -> bool:
    """A set that is unclear at one site is not certain while the site is not recorded."""
    unclear = vocabulary.concept(asked).attributes.get("unclear_site")
    if not unclear or reading.site is not None or vocabulary.axes(reading.concept)[1] is not None:
        return True
    return reading.concept == asked or "unclear_site" in vocabulary.concept(reading.concept).attributes


def _unclear_there(vocabulary: Vocabulary, reading: Reading, asked: str) -> bool:
    unclear = vocabulary.concept(asked).attributes.get("unclear_site")
    site = reading.site or vocabulary.axes(reading.concept)[1]
    return bool(unclear and site and vocabulary.is_below(site, unclear))


def _all_members(vocabulary: Vocabulary, reading: Reading, asked: tuple[str, ...]) -> bool:
    """A gene family whose every member is asked for is asked for itself."""
    if vocabulary.concept(reading.concept).domain is not Domain.GENE:
        return False
    members = vocabulary.descendants(reading.concept) - {reading.concept}
    return bool(members) and all(any(vocabulary.is_below(member, each) for each in asked) for member in members)
