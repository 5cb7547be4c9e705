"""Tests of the fields of a record: a code, a number, a concept, a word, a link to another record.

What the source left out is unknown and named as missing; what it wrote in words no list knows may match. How each
answer can change is said in `change`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from matcher.engine.change import CHANGE_OF_FIELD, GROWING_FIELDS, SETTLED_FIELDS
from matcher.engine.intervals import Interval, compare
from matcher.engine.reference.algebra import both, either, negate
from matcher.engine.reference.context import Context, Reading
from matcher.engine.reference.days import PAST, Course, Days
from matcher.engine.reference.records import disease as dz
from matcher.engine.results import Evidence, Finding, Missing, unknown
from matcher.engine.truth import Change, Reason, Truth
from patients.facts import CodeRelation, Fact, PartialDate, code_relation, folded
from patients.vocabulary import Domain
from trials.criteria import tree as t
from trials.criteria.kinds import CONCEPT_DOMAINS, FIELDS, FieldType, Kind


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record with its course and the finding of the tests of its pattern (the window is asked apart)."""

    fact: Fact
    course: Course
    finding: Finding
    evidence: Evidence
    counted_as: str = ""  # what several candidates of one lesion are counted as, once; empty: each by itself


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
    truth, reason = context.is_a(readings, asked)
    if truth is Truth.NOT_MET:
        return not_met(change)
    shown = evidence or dz.evidence_of(fact)
    if truth is Truth.MET:
        return met(change, shown)
    name = fact.raw or "the unnamed entry"
    if reason is Reason.NEEDS_JUDGEMENT:
        site = next((reading.site for reading in readings if reading.site is not None), "its site")
        question = f"{name} ({site}): confirm with the sponsor that it counts as {' or '.join(asked)}"
        return unknown(reason, evidence=(shown,), missing=(Missing("ask", (question,), "", "", question, "ask"),))
    wanted = missing or Missing("concept", (fact.raw or "unnamed",), "meaning", "", f"what {name} is", "look_up")
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


_COLUMN = {"class": "variant_class"}


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
            unit = getattr(fact, f"{column}_unit", None) or ""
            if dose_factor(unit, test.unit) is None:
                return replace(missing_field(fact, kind, f"{item.field}_unit"), reason=Reason.IMPRECISE)
            return _number(test, float(value), unit, fact, change if item.field in GROWING_FIELDS else None)
        assert isinstance(test, t.Code)  # a link is answered by `special`
        if field.type is FieldType.YES_NO:
            return answer(Truth.of(bool(value) == (test.code == "yes")), change, fact)
        if field.type is FieldType.CODE:
            found = code_finding(field.codes, str(value), test.code, fact, kind, item.field, change)
            settled = found.truth is Truth.MET and item.field in SETTLED_FIELDS
            return replace(found, change=Change.NEVER) if settled else found
        return _text_finding(item.field, str(value), test.code, fact, kind)

    return test_finding(item.test, leaf)


def _text_finding(field: str, recorded: str, asked: str, fact: Fact, kind: Kind) -> Finding:
    """Free text: the same words say the same; other words may, but for variants and exons that can be read."""
    relation = CodeRelation.WITHIN if folded(recorded) == folded(asked) else CodeRelation.MAY
    if field == "variant":
        relation = variant_relation(recorded, asked)
    elif field == "exon":
        relation = exon_relation(recorded, asked)
    if relation is not CodeRelation.MAY:
        return answer(Truth.of(relation is CodeRelation.WITHIN), Change.NEVER, fact)
    found = missing_field(fact, kind, field)
    return replace(found, reason=Reason.IMPRECISE, evidence=(dz.evidence_of(fact, f"{fact.raw}: {recorded}"),))


_AMINO = {
    "ala": "a", "arg": "r", "asn": "n", "asp": "d", "cys": "c", "gln": "q", "glu": "e", "gly": "g", "his": "h",
    "ile": "i", "leu": "l", "lys": "k", "met": "m", "phe": "f", "pro": "p", "ser": "s", "thr": "t", "trp": "w",
    "tyr": "y", "val": "v", "ter": "*",
}  # fmt: skip
_PROTEIN = re.compile(r"([a-z*]\d+)([a-z*]?)")


def variant_relation(recorded: str, asked: str) -> CodeRelation:
    """How a variant lies to the asked one: `p.(Val600Glu)` is V600E and a V600; other notations may be anything."""
    if folded(recorded) == folded(asked):
        return CodeRelation.WITHIN
    mine, theirs = _substitution(recorded), _substitution(asked)
    if mine is None or theirs is None:
        return CodeRelation.MAY
    if mine[0] != theirs[0] or (mine[1] and theirs[1] and mine[1] != theirs[1]):
        return CodeRelation.OUTSIDE
    return CodeRelation.WITHIN if mine[1] == theirs[1] or not theirs[1] else CodeRelation.MAY


def _substitution(text: str) -> tuple[str, str] | None:
    """The place and the new residue of a substitution in protein notation, None for any other text."""
    word = re.sub(r"[()\s]", "", text.casefold()).removeprefix("p.")
    word = re.sub("|".join(_AMINO), lambda found: _AMINO[found[0]], word)
    found = _PROTEIN.fullmatch(word)
    return (found[1], found[2]) if found else None


def exon_relation(recorded: str, asked: str) -> CodeRelation:
    """How an exon lies to the asked one: `exon 11` is 11; what names several may be either."""
    found = [re.fullmatch(r"(?:exon|ex)?\s*(\d+)", text.strip().casefold()) for text in (recorded, asked)]
    if found[0] is None or found[1] is None:
        return CodeRelation.MAY
    return CodeRelation.WITHIN if found[0][1] == found[1][1] else CodeRelation.OUTSIDE


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


def _number(test: t.Compare, value: float, unit: str, fact: Fact, growing: Change | None) -> Finding:
    """A number against a limit; what only grows can still reach a lower limit and never falls back below it."""
    factor = dose_factor(unit, test.unit)
    assert factor is not None and test.number is not None  # only a grade has a baseline, and is read elsewhere
    truth = compare(Interval.point(value).times(factor), test.operator, Interval.point(test.number))
    rising = test.operator in (t.Operator.GE, t.Operator.GT)
    may_turn = growing is not None and (truth is Truth.NOT_MET) == rising
    return answer(truth, growing if may_turn and growing is not None else Change.NEVER, fact)


#: Units of dose that differ by a factor only.
_DOSE_UNITS = {"g": 1000.0, "mg": 1.0, "ug": 0.001, "mcg": 0.001, "µg": 0.001}


def dose_factor(unit: str, asked: str) -> float | None:
    """By what a dose in `unit` is multiplied to stand in `asked`; None where they cannot be compared (mg and mg/m2).

    Asked for no unit at all, a dose stands as it was written.
    """
    unit, asked = (_dose_unit(text) for text in (unit, asked))
    if unit == asked or not asked:
        return 1.0
    (head, _, rest), (asked_head, _, asked_rest) = unit.partition("/"), asked.partition("/")
    if rest != asked_rest or head not in _DOSE_UNITS or asked_head not in _DOSE_UNITS:
        return None
    return _DOSE_UNITS[head] / _DOSE_UNITS[asked_head]


def _dose_unit(text: str) -> str:
    """A unit of dose in one spelling; `per cycle` is what every dose of a treatment is."""
    word = text.strip().casefold().replace("²", "2").replace(" per ", "/").replace(" ", "")
    return word.removesuffix("/cycle")


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
    means = tuple(Reading(id) for id in linked)

    def leaf(test: t.Code | t.Compare | t.Link) -> Finding:
        if not linked:
            return missing_field(fact, kind, field)
        if isinstance(test, t.Link):
            concepts = test.records.concepts
            found = met(Change.NEVER, dz.evidence_of(fact))
            if not concepts.is_any:
                asked = context.concepts(concepts, CONCEPT_DOMAINS[test.records.kind] or domains)
                found = concept_finding(context, means, asked, fact, Change.NEVER)
            if test.records.tests or test.records.other_than is not None:
                # Only what it is of is recorded, not which of the patient's records is meant.
                found = both([found, replace(missing_field(fact, kind, field), reason=Reason.IMPRECISE)])
            return found
        assert isinstance(test, t.Code)  # the tree refuses anything else
        return concept_finding(context, means, context.named(test.code, domains), fact, Change.NEVER)

    return lambda test: test_finding(test, leaf)


def is_another(named: Sequence[Finding]) -> bool:
    """Whether a record is of another concept altogether: then it neither matches nor is evidence of anything."""
    return any(part.truth is Truth.NOT_MET for part in named)


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
