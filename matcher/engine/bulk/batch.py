"""What the bulk evaluator asks its questions of: items, each a patient with a cancer, on a day.

An *item* is one patient for one document: with one of the patient's cancers that the document may be about (its focus),
or with none; inside a definition of failure also with the treatment at hand. Records are joined to items by patient, so
that every leaf is a function from a batch to findings of shape (n items).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from matcher.engine.bulk.columns import Ints, Longs, Table
from matcher.engine.bulk.findings import Findings
from matcher.engine.bulk.view import View
from matcher.engine.reference.context import Context, Settings
from patients.vocabulary import Vocabulary
from trials.criteria import tree as t

T = TypeVar("T")

#: A batch has few items where there are so many times as many things to join.
_FEW = 16


@dataclass
class Batch:
    """Items of shape (n,): `patient` indexes the view's patients and is ascending; `focus` indexes the tumours of the
    view (-1: none of the patient's cancers is the document's), `this` the view's treatment rows (-1: none).

    `asked` is the day each item is asked about, `known` the day whose knowledge is used (ordinals). `words` is a
    reference context of nobody: it resolves the words of the document and carries its definitions and settings.
    `evaluate` answers a rule for a batch (definitions of failure hold rules). `whoever` is a batch of the same
    patients, item by item, of no cancer at all: it answers what is the same for every document. `flips` says whether
    anyone wants to know when time turns the answers: without it findings have none. `notes` is what is known of rules
    alone, whoever is asked about: the same for all batches of a program.
    """

    view: View
    patient: Longs
    focus: Longs
    this: Longs
    asked: Ints
    known: Ints
    words: Context
    evaluate: Callable[[Batch, t.Rule], Findings]
    whoever: Batch | None = None
    flips: bool = True
    notes: dict[Hashable, Any] = field(default_factory=dict)
    cache: dict[Hashable, Any] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """The number of items."""
        return len(self.patient)

    @property
    def settings(self) -> Settings:
        """The policies of evaluation."""
        return self.words.settings

    @property
    def vocabulary(self) -> Vocabulary:
        """The vocabulary."""
        return self.words.vocabulary

    @property
    def cancer(self) -> t.Concepts | None:
        """What the document is about."""
        return self.words.cancer

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` gives, remembered under a key for as long as this batch lives."""
        if key not in self.cache:
            self.cache[key] = make()
        found: T = self.cache[key]
        return found

    @property
    def of_today(self) -> bool:
        """Whether every item is asked about the day whose knowledge is used, as nearly always."""
        return self.once("asked of the day known", lambda: bool((self.asked == self.known).all()))

    @property
    def of_everyone(self) -> bool:
        """Whether the items are the patients one by one."""
        return self.once(
            "everyone one by one",
            lambda: self.n == self.view.patients and bool((self.patient == np.arange(self.n)).all()),
        )

    @property
    def of_rules(self) -> dict[Hashable, Any]:
        """What was decided of rules alone: shared by all that is asked by documents of the same definitions."""

        def shared() -> dict[Hashable, Any]:
            found: dict[Hashable, Any] = self.notes.setdefault(
                ("of rules", self.words.definitions, self.vocabulary), {}
            )
            return found

        return self.once("of rules", shared)

    def table(self, name: str) -> Table:
        """The visible rows of a kind of fact."""
        return self.view.tables[name]

    def on(self, criterion: str, *, document: str, version: int) -> Batch:
        """The same items asked about one criterion of a document: what is remembered is shared."""
        words = self.words.on(criterion)
        words.document, words.version = document, version
        # Asked for every criterion of every trial, and `replace` would look at each of the fields.
        same = object.__new__(Batch)
        same.__dict__.update(self.__dict__)
        same.words = words
        return same

    def some(self, index: NDArray[Any], *, this: Longs | None = None, asked: Ints | None = None) -> Batch:
        """A batch of some items (ascending indices, an item may come several times), for other treatments or days."""
        return Batch(
            view=self.view,
            patient=self.patient[index],
            focus=self.focus[index],
            this=self.this[index] if this is None else this,
            asked=self.asked[index] if asked is None else asked,
            known=self.known[index],
            words=self.words,
            evaluate=self.evaluate,
            flips=self.flips,
            notes=self.notes,
        )

    def pairs(self, table: Table, rows: Longs | None = None) -> Pairs:
        """Each item with each of its patient's rows, of all rows or of some (ascending indices)."""
        if rows is None:
            return self.once(("pairs", table.name, id(table)), lambda: self.join(table.patient, None))
        return self.join(table.patient[rows], rows)

    def join(self, patient: NDArray[Any], rows: Longs | None) -> Pairs:
        """Each item with what is told of its patient: things numbered `rows`, of the patients `patient` (ascending)."""
        if self.of_everyone:
            return Pairs(patient.astype(np.int64), np.arange(len(patient), dtype=np.int64) if rows is None else rows)
        if self.n * _FEW < len(patient):
            # Few of many, as where a later day is tried: look for theirs instead of looking through all.
            own = self.patient.astype(patient.dtype)
            left, right = (np.searchsorted(patient, own, side) for side in ("left", "right"))
            at = np.repeat(left, right - left) + running(right - left)
            return Pairs(np.repeat(np.arange(self.n), right - left), at if rows is None else rows[at])
        firsts = self.once("firsts", lambda: np.searchsorted(self.patient, np.arange(self.view.patients + 1)))
        first, count = firsts[patient], firsts[patient.astype(np.int64) + 1] - firsts[patient]
        row = np.arange(len(patient), dtype=np.int64) if rows is None else rows
        if self.once("single", lambda: bool((np.diff(firsts) <= 1).all())):
            kept = count > 0
            if kept.all():
                return Pairs(first.astype(np.int64), row)
            return Pairs(first[kept].astype(np.int64), row[kept])
        # An item after another of the same patient sees the same rows again, so pairs are put in the order of items.
        item = np.repeat(first, count) + running(count)
        row = np.repeat(row, count)
        ordered = np.argsort(item, kind="stable")
        return Pairs(item[ordered], row[ordered])


@dataclass(frozen=True, slots=True)
class Pairs:
    """Items with rows of a table: `item` and `row`, int64 of shape (m,), ascending by item and then by row."""

    item: Longs
    row: Longs

    def __len__(self) -> int:
        return len(self.item)

    def take(self, kept: NDArray[Any]) -> Pairs:
        """Some of the pairs."""
        return Pairs(self.item[kept], self.row[kept])


def running(count: Longs) -> Longs:
    """0, 1, … for each of several runs of the given lengths, one after the other."""
    total = int(count.sum())
    starts = np.cumsum(count) - count
    return np.arange(total, dtype=np.int64) - np.repeat(starts, count)


def days(asked: date | Sequence[date], patients: int) -> Ints:
    """One day for all patients, or one each, as ordinals of shape (patients,)."""
    if isinstance(asked, date):
        return np.full(patients, asked.toordinal(), np.int32)
    return np.array([each.toordinal() for each in asked], np.int32)
