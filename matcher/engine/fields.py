"""Tests of the fields of a record: a code, a number, a concept, a word, a link to another record.

What the source left out is unknown and named as missing; what it wrote in words no list knows may match. The tables say
how each answer can change (SEMANTICS §5); the manual prints them from here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from matcher.engine import disease as dz
from matcher.engine.algebra import both, either, negate
from matcher.engine.context import Context, Reading
from matcher.engine.days import PAST, Course, Days
from matcher.engine.intervals import Interval, compare
from matcher.engine.results import Evidence, Finding, Missing, unknown
from matcher.engine.truth import Change, Reason, Truth
from patients.facts import CodeRelation, Fact, PartialDate, code_relation
from patients.vocabulary import Domain
from trials.criteria import tree as t
from trials.criteria.kinds import CONCEPT_DOMAINS, FIELDS, FieldType, Kind

#: What, once it is so of a record, stays so of it: a course that ended in progression did.
SETTLED_FIELDS = frozenset({"response", "stop_reason", "cycles", "cumulative_dose"})


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record with its course and the finding of the tests of its pattern (the window is asked apart)."""

    fact: Fact
    course: Course
    finding: Finding
    evidence: Evidence


#: What can still come about when no record matches: a new one (SEMANTICS §5; printed as the manual's table).
CHANGE_OF_ABSENCE: dict[Kind, Change] = {
    Kind.DIAGNOSIS: Change.NEVER,
    Kind.CONDITION: Change.COURSE,
    Kind.TOXICITY: Change.COURSE,
    Kind.ALLERGY: Change.NEVER,
    Kind.FAMILY_HISTORY: Change.NEVER,
    Kind.TREATMENT: Change.COURSE,
    Kind.MEDICATION: Change.ACTION,
    Kind.DRUG: Change.ACTION,
    Kind.BIOMARKER: Change.ACTION,
    Kind.DISEASE_STATUS: Change.COURSE,
    Kind.LINE: Change.COURSE,
    Kind.SITE: Change.COURSE,
}

#: How a record that matches can cease to, where no window and no end says otherwise.
CHANGE_OF_PRESENCE: dict[Kind, Change] = {
    Kind.DIAGNOSIS: Change.NEVER,
    Kind.CONDITION: Change.COURSE,
    Kind.TOXICITY: Change.COURSE,
    Kind.ALLERGY: Change.NEVER,
    Kind.FAMILY_HISTORY: Change.NEVER,
    Kind.TREATMENT: Change.NEVER,
    Kind.MEDICATION: Change.NEVER,
    Kind.DRUG: Change.NEVER,
    Kind.BIOMARKER: Change.ACTION,
    Kind.DISEASE_STATUS: Change.NEVER,
    Kind.LINE: Change.NEVER,
    Kind.SITE: Change.NEVER,
}

#: How the answer of one field can change: what was is never otherwise, what is can become so.
CHANGE_OF_FIELD: dict[str, Change] = {
    "extent": Change.COURSE,
    "stage": Change.COURSE,
    "state": Change.COURSE,
    "status": Change.COURSE,
    "grade": Change.COURSE,
    "ongoing": Change.ACTION,
    "route": Change.ACTION,
    "outcome": Change.COURSE,
    "response": Change.COURSE,
    "stop_reason": Change.COURSE,
    "cycles": Change.COURSE,
    "cumulative_dose": Change.COURSE,
    "ended": Change.COURSE,
}


def met(change: Change, *evidence: Evidence) -> Finding:
    """A test that holds."""
    return Finding(Truth.MET, None, change, (), evidence)


def not_met(change: Change, *evidence: Evidence) -> Finding:
    """A test that does not hold."""
    return Finding(Truth.NOT_MET, None, change, (), evidence)


def concept_finding(
    context: Context, readings: tuple[Reading, ...], asked: Sequence[str], fact: Fact, change: Change, *,
    missing: Missing | None = None, evidence: Evidence | None = None,
) -> Finding:  # fmt: skip
    """Whether a record that may mean `readings` is one of the asked concepts."""
    shown = evidence or dz.evidence_of(fact)
    truth, reason = context.is_a(readings, asked)
    if truth is Truth.MET:
        return met(change, shown)
    if truth is Truth.NOT_MET:
        return not_met(change)
    wanted = missing or Missing(
        "concept", (fact.raw or "unnamed",), "meaning", "", f"what {fact.raw or 'the unnamed entry'!s} is", "look_up"
    )
    return unknown(reason or Reason.IMPRECISE, evidence=(shown,), missing=(wanted,))


def tests(
    context: Context, records: t.Records, fact: Fact, special: dict[str, Callable[[t.Test], Finding]]
) -> list[Finding]:
    """The findings of a pattern's field tests on a fact; `special` answers the fields that are more than a column."""
    found = []
    for item in records.tests:
        answer = special.get(item.field)
        found.append(answer(item.test) if answer is not None else field_finding(context, records.kind, item, fact))
    return found


_COLUMN = {"class": "variant_class", "partner": "partner"}


def field_finding(context: Context, kind: Kind, item: t.FieldTest, fact: Fact) -> Finding:
    """A field of one column."""
    field = FIELDS[kind][item.field]
    change = CHANGE_OF_FIELD.get(item.field, Change.NEVER)
    column = _COLUMN.get(item.field, item.field)
    value = getattr(fact, column, None)

    def leaf(test: t.Code | t.Compare | t.Link) -> Finding:
        if value is None:
            return missing_field(fact, kind, item.field)
        if isinstance(test, t.Compare):
            return _number(context, test, float(value), getattr(fact, f"{column}_unit", None) or "", fact, change)
        assert isinstance(test, t.Code)  # a link is answered by `special`
        if field.type is FieldType.YES_NO:
            return answer(Truth.of(bool(value) == (test.code == "yes")), change, fact)
        if field.type is FieldType.CONCEPT:
            recorded = context.vocabulary.find(str(value), *field.domains)
            asked = context.named(test.code, field.domains)
            return concept_finding(context, tuple(Reading(id) for id in recorded), asked, fact, change)
        if field.type is FieldType.CODE:
            return code_finding(field.codes, str(value), test.code, fact, kind, item.field, change)
        return answer(Truth.of(context.same_word(str(value), test.code)), change, fact)

    def settled(test: t.Code | t.Compare | t.Link) -> Finding:
        found = leaf(test)
        if found.truth is Truth.MET and item.field in SETTLED_FIELDS:
            return replace(found, change=Change.NEVER)
        return found

    return test_finding(item.test, settled)


def test_finding(test: t.Test, leaf: Callable[[t.Code | t.Compare | t.Link], Finding]) -> Finding:
    """A test of a field: `and`, `or`, `not` over its leaves."""
    match test:
        case t.Every(parts):
            return both([test_finding(part, leaf) for part in parts])
        case t.Some(parts):
            return either([test_finding(part, leaf) for part in parts])
        case t.Other(part):
            return negate(test_finding(part, leaf))
        case _:
            return leaf(test)


def answer(truth: Truth, change: Change, fact: Fact) -> Finding:
    return met(change, dz.evidence_of(fact)) if truth is Truth.MET else not_met(change, dz.evidence_of(fact))


def code_finding(column: str, value: str, asked: str, fact: Fact, kind: Kind, field: str, change: Change) -> Finding:
    match code_relation(column, value, asked):
        case CodeRelation.WITHIN:
            return answer(Truth.MET, change, fact)
        case CodeRelation.OUTSIDE:
            return answer(Truth.NOT_MET, change, fact)
    found = missing_field(fact, kind, field)
    return replace(found, reason=Reason.IMPRECISE, evidence=(dz.evidence_of(fact, f"{fact.raw}: {value}"),))


def missing_field(fact: Fact, kind: Kind, field: str) -> Finding:
    name = fact.raw or "the unnamed entry"
    day = dz.evidence_of(fact).date
    text = f"{field.replace('_', ' ')} of {name}" + (f" ({day})" if day else "")
    return unknown(
        Reason.NOT_RECORDED,
        evidence=(dz.evidence_of(fact),),
        missing=(Missing(kind.value, (name,), field, day, text, "look_up"),),
    )


def _number(context: Context, test: t.Compare, value: float, unit: str, fact: Fact, change: Change) -> Finding:
    factor = _factor(unit, test.unit)
    if factor is None or test.number is None:
        return unknown(Reason.IMPRECISE, evidence=(dz.evidence_of(fact),))
    truth = compare(Interval.point(value).times(factor), test.operator, Interval.point(test.number))
    return answer(truth, change, fact)


#: Units of dose that differ by a factor only.
_DOSE_UNITS = {"g": 1000.0, "mg": 1.0, "ug": 0.001, "mcg": 0.001, "µg": 0.001}


def _factor(unit: str, asked: str) -> float | None:
    """By what a dose in `unit` is multiplied to stand in `asked`; None where they are not comparable."""
    unit, asked = unit.strip().lower().replace("²", "2"), asked.strip().lower().replace("²", "2")
    if unit == asked or not asked:
        return 1.0
    (head, _, rest), (asked_head, _, asked_rest) = unit.partition("/"), asked.partition("/")
    rest, asked_rest = (tail.replace("/cycle", "").replace("cycle", "") for tail in (rest, asked_rest))
    if rest != asked_rest or head not in _DOSE_UNITS or asked_head not in _DOSE_UNITS:
        return None
    return _DOSE_UNITS[head] / _DOSE_UNITS[asked_head]


def dose_factor(unit: str, asked: str) -> float | None:
    """The factor between two units of dose, None where they cannot be compared (mg and mg/m2)."""
    return _factor(unit, asked)


def site_test(context: Context, fact: Fact, sites: tuple[str, ...], kind: Kind) -> Callable[[t.Test], Finding]:
    """`site:` of a record that keeps its possible sites."""

    def leaf(test: t.Code | t.Compare | t.Link) -> Finding:
        assert isinstance(test, t.Code)
        if not sites:
            return missing_field(fact, kind, "site")
        asked = context.named(test.code, (Domain.SITE,))
        return concept_finding(context, tuple(Reading(site) for site in sites), asked, fact, Change.NEVER)

    return lambda test: test_finding(test, leaf)


def link_test(
    context: Context, fact: Fact, linked: tuple[str, ...], field: str, kind: Kind, domains: tuple[Domain, ...]
) -> Callable[[t.Test], Finding]:
    """`due_to:` and `for:`: the linked record's concepts are compared with those asked for."""

    def leaf(test: t.Code | t.Compare | t.Link) -> Finding:
        if isinstance(test, t.Link):
            concepts = test.records.concepts
            if concepts.is_any:
                return met(Change.NEVER, dz.evidence_of(fact)) if linked else missing_field(fact, kind, field)
            asked = context.concepts(concepts, CONCEPT_DOMAINS[test.records.kind] or domains)
        else:
            assert isinstance(test, t.Code)
            asked = context.named(test.code, domains)
        if not linked:
            return missing_field(fact, kind, field)
        return concept_finding(context, tuple(Reading(id) for id in linked), asked, fact, Change.NEVER)

    return lambda test: test_finding(test, leaf)


def quiet(finding: Finding, named: Sequence[Finding]) -> Finding:
    """A record of another concept altogether is no evidence."""
    if any(part.truth is Truth.NOT_MET for part in named):
        return replace(finding, evidence=())
    return finding


def codes_of(test: t.Test | None) -> tuple[str, ...]:
    if test is None:
        return ()
    if isinstance(test, t.Code):
        return (test.code,)
    if isinstance(test, t.Some):
        return tuple(code for part in test.parts for code in codes_of(part))
    return ()


def days_upto(date: PartialDate | None, context: Context) -> Days:
    return Days(PAST, context.asked) if date is None else Days.of(date).upto(context.asked)
