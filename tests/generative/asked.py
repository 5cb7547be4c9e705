"""What some rules ask of: concepts, codes, numbers, tests and spans, so that a patient can be made who meets them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache, lru_cache

from patients.vocabulary import Domain, default
from trials.criteria import tree as t
from trials.criteria.kinds import CONCEPT_DOMAINS, FIELDS, FieldType, Kind

#: The kind of fact that answers for each kind of record.
ROWS: dict[Kind, tuple[str, ...]] = {
    Kind.DIAGNOSIS: ("conditions", "disease_status"),
    Kind.CONDITION: ("conditions",),
    Kind.TOXICITY: ("conditions",),
    Kind.ALLERGY: ("conditions",),
    Kind.FAMILY_HISTORY: ("conditions",),
    Kind.TREATMENT: ("treatments",),
    Kind.MEDICATION: ("medications",),
    Kind.DRUG: ("treatments", "medications"),
    Kind.BIOMARKER: ("biomarkers",),
    Kind.DISEASE_STATUS: ("disease_status",),
    Kind.LINE: ("treatments", "disease_status"),
    Kind.SITE: ("conditions",),
}


@dataclass
class Asked:
    """The words and numbers of some rules. Concepts are ids; values of tests are in their canonical units."""

    kinds: list[Kind] = field(default_factory=list)
    tables: set[str] = field(default_factory=set)
    fields: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    concepts: dict[Domain, list[str]] = field(default_factory=lambda: defaultdict(list))
    codes: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    numbers: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    values: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    words: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    doses: list[t.Quantity] = field(default_factory=list)
    factors: list[float] = field(default_factory=list)
    spans: list[t.Span] = field(default_factory=list)
    ages: list[int] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    patterns: dict[str, list[t.Records]] = field(default_factory=lambda: defaultdict(list))


def asked_of(nodes: Iterable[object]) -> Asked:
    """Everything that some rules, definitions or sets of concepts ask of."""
    asked = Asked()
    for node in nodes:
        for part in t.walk(node):
            _note(asked, part)
    return asked


@lru_cache(maxsize=4096)
def of_pattern(records: t.Records) -> Asked:
    """What one pattern asks of."""
    return asked_of([records])


def _note(asked: Asked, node: object) -> None:
    match node:
        case t.Records(kind, concepts, other_than, tests):
            asked.kinds.append(kind)
            asked.tables.update(ROWS[kind])
            for table in ROWS[kind]:
                asked.patterns[table].append(node)
            _concepts(asked, concepts, CONCEPT_DOMAINS[kind])
            if len(asked.kinds) % 2:  # what is left out is met less often than what is asked for
                _concepts(asked, other_than, CONCEPT_DOMAINS[kind])
            if kind is Kind.DISEASE_STATUS:
                asked.codes["disease_status"] += [name for name in concepts.names if name != t.ANY]
            for item in tests:
                _field(asked, kind, item)
        case t.Span():
            asked.spans.append(node)
        case t.Observation(test=test, method=method):
            asked.tables.add("observations")
            asked.values.setdefault(test, [])
            if method:
                asked.words["method"].append(method)
        case t.Comparison(left, _, right):
            _value(asked, left, right)
        case t.Between(value, low, high):
            _value(asked, value, low)
            _value(asked, value, high)
        case t.IsCode(value, codes):
            asked.words[value.test] += codes
        case t.Limit(factor):
            asked.factors.append(factor)
        case t.Dose(measure, concepts, equivalent):
            asked.tables.update(
                {t.Measure.CUMULATIVE: ("treatments",), t.Measure.DAILY: ("medications",)}.get(
                    measure, ("treatments", "medications")
                )
            )
            _concepts(asked, concepts, (Domain.DRUG,))
            if equivalent:
                asked.concepts[Domain.DRUG].append(equivalent)
        case t.DefineOutcome(concepts=concepts) | t.DefineSet(concepts=concepts):
            _concepts(asked, concepts, (Domain.DRUG,))
        case t.Ask(question):
            asked.questions.append(question)


def _concepts(asked: Asked, concepts: t.Concepts | None, domains: tuple[Domain, ...]) -> None:
    for name in concepts.names if concepts is not None else ():
        _name(asked, name, domains)


def _name(asked: Asked, name: str, domains: tuple[Domain, ...]) -> None:
    for domain in domains:
        asked.concepts[domain] += default().find(name, domain)


def _field(asked: Asked, kind: Kind, item: t.FieldTest) -> None:
    known = FIELDS[kind][item.field]
    for table in ROWS[kind]:
        asked.fields[table].add(item.field)
    for node in t.walk(item.test):
        if isinstance(node, t.Compare) and node.number is not None:
            if "dose" in item.field and item.field != "relative_dose":
                asked.doses.append(t.Quantity(node.number, node.unit))
            asked.numbers[item.field].append(node.number)
        elif isinstance(node, t.Code):
            if known.type is FieldType.CODE:
                asked.codes[known.codes].append(node.code)
            elif known.type in (FieldType.CONCEPT, FieldType.LINK):
                _name(asked, node.code, known.domains)
            else:
                asked.words[item.field].append(node.code)


def _value(asked: Asked, value: t.Value, limit: t.Value) -> None:
    match value, limit:
        case t.Age(), t.Quantity(number) | t.Span(number):
            asked.ages.append(int(number))
        case t.Dose(), t.Quantity():
            asked.doses.append(limit)
        case t.Observation(test=test), t.Quantity(number, unit):
            converted = default().convert(number, test=test, unit=unit or None)
            asked.values[test] += [] if converted is None else [converted]
        case (t.Multiple(factor, inner), t.Quantity(number, unit)) if factor:
            _value(asked, inner, t.Quantity(number / factor, unit))
        case _, t.Multiple(factor):
            asked.factors.append(factor)
        case t.Ratio(), t.Quantity(number):
            asked.factors.append(number)


@cache
def near(concept: str) -> tuple[str, ...]:
    """A concept with some of those around it: below it, above it, beside it."""
    vocabulary = default()
    below = sorted(vocabulary.descendants(concept) - {concept})
    above = [each for each in sorted(vocabulary.ancestors(concept)) if each != concept]
    parents = [each for each in vocabulary.concept(concept).parents if vocabulary.get(each) is not None]
    beside = [each for parent in parents[:1] for each in sorted(vocabulary.descendants(parent)) if each not in below]
    return tuple(dict.fromkeys((concept, *below[:3], *parents, *above[:2], *beside[:3])))
