"""Fields of treatments and medications that are more than a column: `reference.records.treatments`, over arrays.

What a field's test says is decided per distinct word where a word alone decides; of days, lines, outcomes and cancers
it is asked of pairs of items and rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from matcher.engine.bulk.batch import Batch, Pairs
from matcher.engine.bulk.columns import Ints, Table
from matcher.engine.bulk.courses import given, under_way
from matcher.engine.bulk.coverage import kind_of
from matcher.engine.bulk.diseases import belongs
from matcher.engine.bulk.every_cancer import every_cancer
from matcher.engine.bulk.fields import Told, field_told, negate_told, per_value, per_word, test_told, told_of
from matcher.engine.bulk.findings import IMPRECISE, MET_NEVER, NOT_MET_NEVER, choose, earlier
from matcher.engine.bulk.lines import line_numbers
from matcher.engine.bulk.outcomes import outcome
from matcher.engine.bulk.settings_of_therapy import setting_of
from matcher.engine.intervals import Interval, compare
from matcher.engine.reference.context import Reading
from matcher.engine.reference.records.fields import (
    answer,
    code_finding,
    concept_finding,
    link_test,
    missing_field,
    site_test,
)
from matcher.engine.reference.records.treatments import setting_test
from matcher.engine.results import Finding, unknown
from matcher.engine.truth import Change, Reason, Truth
from patients.facts import Medication, Treatment
from patients.vocabulary import Domain
from trials.criteria import tree as t
from trials.criteria.kinds import Kind

#: Fields by which a pattern asks of the treatment of this cancer; exposure is asked of all (SEMANTICS §1.4).
OF_THIS_CANCER = frozenset({"setting", "line"})

_LINKED = (Domain.CONDITION, Domain.CANCER)
_NOBODY = Treatment(id="")

Leaf = t.Code | t.Compare | t.Link


@dataclass
class Asked:
    """Pairs of items with rows of `treatments` or `medications` that a pattern's fields are asked of.

    `flips` gathers, of shape (m,), the first day on which time alone may turn any of the answers.
    """

    batch: Batch
    table: Table
    kind: Kind
    pairs: Pairs
    flips: Ints | None = None
    special: dict[str, Callable[[t.Test], Told]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.special |= _of_treatments(self) if self.table.name == "treatments" else _of_medications(self)

    def may_turn(self, flips: Ints | None) -> None:
        """Time alone may turn an answer on these days."""
        self.flips = earlier(self.flips, flips)

    def told(self, item: t.FieldTest) -> Told:
        """What one field says."""
        if item.field in self.special:
            return self.special[item.field](item.test)
        return field_told(self.batch, self.kind, item, self.table, self.pairs.row)


def _of_treatments(asked: Asked) -> dict[str, Callable[[t.Test], Told]]:
    return {
        "outcome": lambda test: test_told(test, lambda leaf: _outcome(asked, leaf)),
        "status": lambda test: test_told(test, lambda leaf: _status(asked, leaf)),
        "kind": lambda test: test_told(test, lambda leaf: _kind(asked, leaf)),
        "setting": lambda test: _setting(asked, test),
        "line": lambda test: test_told(test, lambda leaf: _line(asked, leaf)),
        "ongoing": lambda test: _ongoing(asked, test),
        "site": lambda test: _site(asked, test),
        "for": lambda test: test_told(test, lambda leaf: _for_cancer(asked, leaf)),
    }


def _of_medications(asked: Asked) -> dict[str, Callable[[t.Test], Told]]:
    return {"ongoing": lambda test: _ongoing(asked, test), "for": lambda test: _indication(asked, test)}


def _ongoing(asked: Asked, test: t.Test) -> Told:
    found, flips = under_way(asked.batch, asked.table.name, asked.pairs)
    if asked.batch.flips:
        asked.may_turn(flips)

    def leaf(test: Leaf) -> Told:
        assert isinstance(test, t.Code)
        return found if test.code == "yes" else negate_told(found)

    return test_told(test, leaf)


def _status(asked: Asked, test: Leaf) -> Told:
    """What the status says; where it says nothing, whether the treatment was given."""
    assert isinstance(test, t.Code)
    column, was_given = asked.table.coded["status"], given(asked.batch, asked.pairs)
    silent = was_given if test.code == "given" else negate_told(was_given)

    def decide(word: str | None) -> Finding:
        return code_finding(
            "treatment_status", word or "", test.code, _NOBODY, Kind.TREATMENT, "status", Change.COURSE
        )  # fmt: skip

    said = per_word(asked.batch, column, asked.pairs.row, ("status", test.code), decide)
    blank = column.codes[asked.pairs.row] == 0
    return Told(choose(blank, silent.code, said.code), np.where(blank, silent.shown, said.shown))


def _kind(asked: Asked, test: Leaf) -> Told:
    assert isinstance(test, t.Code)

    def decide(kind: str | None) -> Finding:
        if kind is None:
            return missing_field(_NOBODY, Kind.TREATMENT, "kind")
        return code_finding("treatment_kind", kind, test.code, _NOBODY, Kind.TREATMENT, "kind", Change.NEVER)

    return per_value(kind_of(asked.table, asked.batch.vocabulary).take(asked.pairs.row), decide)


def _outcome(asked: Asked, test: Leaf) -> Told:
    assert isinstance(test, t.Code)
    found, flips = outcome(asked.batch, asked.pairs, test.code)
    asked.may_turn(flips)
    return found


def _setting(asked: Asked, test: t.Test) -> Told:
    every, pairs = every_cancer(asked.batch), asked.pairs
    if every is None:
        settings = setting_of(asked.batch, pairs)
    else:
        settings = every.batch.once("settings", lambda: setting_of(every.batch, every.pairs)).take(every.places(pairs))
    return per_value(settings, lambda value: setting_test(asked.batch.words, _NOBODY, value, test))


def _line(asked: Asked, test: Leaf) -> Told:
    assert isinstance(test, t.Compare) and test.number is not None
    number, operator = test.number, test.operator

    def decide(lo: float, hi: float) -> Finding:
        if lo < 0:
            return missing_field(_NOBODY, Kind.TREATMENT, "line")
        truth = compare(Interval.between(lo, hi), operator, Interval.point(number))
        if truth is Truth.UNKNOWN:
            return unknown(Reason.IMPRECISE)
        return answer(truth, Change.NEVER, _NOBODY)

    lo, hi = line_numbers(asked.batch, asked.pairs)
    both = np.stack([np.nan_to_num(lo, nan=-1.0), np.nan_to_num(hi, nan=-1.0)])
    distinct, inverse = np.unique(both, axis=1, return_inverse=True)
    return told_of([decide(*each) for each in distinct.T]).take(inverse.reshape(-1))


def _site(asked: Asked, test: t.Test) -> Told:
    def decide(sites: tuple[str, ...]) -> Finding:
        return site_test(asked.batch.words, _NOBODY, sites, Kind.TREATMENT)(test)

    return per_word(asked.batch, asked.table.coded["sites"], asked.pairs.row, ("site", test), decide)


def of_this_cancer(batch: Batch, pairs: Pairs) -> NDArray[np.uint8]:
    """Whether treatments are of the cancer at hand: truths."""
    return belongs(batch, pairs.item, batch.table("treatments").coded["diagnosis"].take(pairs.row))


def _for_cancer(asked: Asked, test: Leaf) -> Told:
    """`for: this cancer` or another: the diagnosis a treatment was given for."""
    names = (
        test.records.concepts.names if isinstance(test, t.Link) else (test.code,) if isinstance(test, t.Code) else ()
    )
    words = asked.batch.words
    if names == (t.THIS_CANCER,):
        truth = of_this_cancer(asked.batch, asked.pairs)
        code = np.array([NOT_MET_NEVER, IMPRECISE, MET_NEVER], np.uint8)[truth]
        return Told(code, np.full(len(code), True))

    def decide(diagnosis: str | None) -> Finding:
        if diagnosis is None:
            return unknown(Reason.NOT_RECORDED)
        recorded = words.vocabulary.find(diagnosis, Domain.CANCER, Domain.CONDITION)
        return concept_finding(words, tuple(Reading(id) for id in recorded), wanted, _NOBODY, Change.NEVER)

    wanted = tuple(id for name in names for id in words.named(name, _LINKED))
    return per_word(asked.batch, asked.table.coded["diagnosis"], asked.pairs.row, ("for", wanted), decide)


def _indication(asked: Asked, test: t.Test) -> Told:
    """`for:` of a medication."""

    def decide(indications: tuple[str, ...]) -> Finding:
        fact = Medication(id="", indications=indications)
        return link_test(asked.batch.words, fact, indications, "for", Kind.MEDICATION, _LINKED)(test)

    question = ("indication", test, asked.batch.cancer, asked.batch.words.definitions)
    return per_word(asked.batch, asked.table.coded["indications"], asked.pairs.row, question, decide)
