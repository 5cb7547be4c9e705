"""Tests of the fields of records, decided once per distinct word and taken by its code.

What a field's test says depends on the words of that field alone, so it is asked of each distinct value with the
reference's own small functions; whatever depends on days is asked of arrays elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.engine.bulk.batch import Batch
from matcher.engine.bulk.columns import Bools, Coded, Codes, Longs, Table
from matcher.engine.bulk.findings import both_codes, code_of, negated, truths
from matcher.engine.reference.context import Context, Reading
from matcher.engine.reference.records.fields import concept_finding, field_finding
from matcher.engine.results import Finding
from matcher.engine.truth import Change
from patients.facts import Biomarker, Condition, DiseaseStatus, Fact, Medication, Treatment
from trials.criteria import tree as t
from trials.criteria.kinds import Kind

_RECORDS: dict[str, Callable[..., Fact]] = {
    "conditions": Condition,
    "treatments": Treatment,
    "medications": Medication,
    "biomarkers": Biomarker,
    "disease_status": DiseaseStatus,
}


@dataclass(frozen=True, slots=True)
class Told:
    """Findings about m records: `code` uint8, and whether there is evidence for it (`shown`); both of shape (m,).

    A record that does not match and shows nothing is no candidate at all, so it has to be told apart from one that is
    evidence against (`reference.records.patterns.candidates`).
    """

    code: Codes
    shown: Bools

    def take(self, index: NDArray[Any]) -> Told:
        """Some of them, or each several times."""
        return Told(self.code[index], self.shown[index])

    @classmethod
    def same(cls, m: int, code: int, *, shown: bool) -> Told:
        """One finding for all."""
        return cls(np.full(m, code, np.uint8), np.full(m, shown))


def both_told(parts: Sequence[Told]) -> Told:
    """AND; evidence is that of the parts that decide, of an unknown that of all of them."""
    if len(parts) == 1:
        return parts[0]
    code = both_codes(*(part.code for part in parts))
    truth = truths(code)
    shown = np.zeros(len(code), np.bool_)
    for part in parts:
        shown |= part.shown & ((truth == 1) | (truths(part.code) == truth))
    return Told(code, shown)


def either_told(parts: Sequence[Told]) -> Told:
    """OR."""
    return parts[0] if len(parts) == 1 else negate_told(both_told([negate_told(part) for part in parts]))


def negate_told(told: Told) -> Told:
    """NOT; evidence stays what it is."""
    return Told(negated(told.code), told.shown)


def test_told(test: t.Test, leaf: Callable[[t.Code | t.Compare | t.Link], Told]) -> Told:
    """A test of a field: `and`, `or`, `not` over its leaves."""
    match test:
        case t.Every(parts):
            return both_told([test_told(part, leaf) for part in parts])
        case t.Some(parts):
            return either_told([test_told(part, leaf) for part in parts])
        case t.Other(part):
            return negate_told(test_told(part, leaf))
        case _:
            return leaf(test)


def told_of(findings: Sequence[Finding]) -> Told:
    """Findings of the reference's small functions, one per distinct value."""
    return Told(
        np.array([code_of(finding) for finding in findings], np.uint8),
        np.array([bool(finding.evidence) for finding in findings], np.bool_),
    )


def per_value(column: Coded, decide: Callable[[Any], Finding]) -> Told:
    """What `decide` says of the value of each row, asked once per distinct value that occurs."""
    occurs = np.zeros(len(column.values), np.bool_)
    occurs[column.codes] = True
    codes = np.flatnonzero(occurs)
    place = np.zeros(len(column.values), np.int64)
    place[codes] = np.arange(len(codes))
    return told_of([decide(column.values[code]) for code in codes]).take(place[column.codes])


def per_word(batch: Batch, column: Coded, rows: Longs, question: Hashable, decide: Callable[[Any], Finding]) -> Told:
    """What `decide` says of the values of some rows: asked of each distinct value, once for all parts of a registry.

    `question` names all that the answers depend on beside the value and the vocabulary.
    """
    return told_by_word(batch, column, question, decide).take(column.codes[rows])


def told_by_word(batch: Batch, column: Coded, question: Hashable, decide: Callable[[Any], Finding]) -> Told:
    """What `decide` says of each distinct value, by code."""
    key = (question, batch.vocabulary)
    return batch.view.decided(column, key, lambda: told_of([decide(value) for value in column.values]))


def concepts_told(words: Context, column: Coded, asked: Sequence[str], change: Change) -> Told:
    """Whether records whose possible concepts are the tuples of `column` are one of the asked concepts."""
    nameless = Treatment(id="")

    def decide(value: tuple[str, ...]) -> Finding:
        return concept_finding(words, tuple(Reading(id_) for id_ in value), asked, nameless, change)

    return per_value(column, decide)


_COLUMN = {"class": "variant_class"}


def field_told(batch: Batch, kind: Kind, item: t.FieldTest, table: Table, rows: Longs) -> Told:
    """A field of one column, for some rows of its table: asked once per distinct value, of a dose with its unit."""
    column = _COLUMN.get(item.field, item.field)
    make = _RECORDS[table.name]

    def decide(**fields: Any) -> Finding:
        return field_finding(batch.words, kind, item, make(id="", **fields))

    if column in table.coded:
        return per_word(batch, table.coded[column], rows, (kind, item), lambda value: decide(**{column: value}))
    if column in table.flag:
        three = told_of([decide(**{column: value}) for value in (False, True, None)])
        return three.take(table.flag[column][rows])
    numbers = table.number[column][rows]
    units = table.coded.get(f"{column}_unit")
    unit_codes = units.codes[rows] if units is not None else np.zeros(len(rows), np.int32)
    both = np.stack([np.nan_to_num(numbers, nan=-1.0), unit_codes.astype(np.float64)])
    distinct, inverse = np.unique(both, axis=1, return_inverse=True)
    found = []
    for number, unit in distinct.T:
        value = None if number == -1.0 else float(number)
        named = {} if units is None else {f"{column}_unit": units.values[int(unit)]}
        found.append(decide(**{column: value}, **named))
    return told_of(found).take(inverse.reshape(-1)) if found else Told.same(0, 0, shown=False)
