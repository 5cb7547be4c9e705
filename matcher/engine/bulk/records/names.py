"""The rows of treatments and medications that are, or may be, of the asked concepts.

A name is read once per distinct value; rows of another concept altogether are left out before anything else is asked of
them, so that a pattern costs what its own rows cost.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matcher.engine.bulk.batch import Batch
from matcher.engine.bulk.columns import Bools, Coded, Codes, Longs, Table
from matcher.engine.bulk.fields import concepts_told
from matcher.engine.bulk.findings import FIRST_UNKNOWN, MET_NEVER, code_of, negated
from matcher.engine.bulk.groups import per_pair
from matcher.engine.reference.records.treatments import as_inducer, could_hold
from matcher.engine.truth import Change
from patients.facts import Medication, Treatment


@dataclass(frozen=True, slots=True)
class Named:
    """Rows of a table (ascending, shape (m,)) with what their name says: met or unknown."""

    rows: Longs
    code: Codes

    def of(self, row: Longs) -> Codes:
        """What the names of some of the rows say."""
        if row is self.rows:
            return self.code
        found: Codes = self.code[np.searchsorted(self.rows, row)]
        return found


def named(batch: Batch, name: str, asked: tuple[str, ...], other: tuple[str, ...]) -> Named:
    """The rows of `treatments` or `medications` that may be one of `asked` (none: any) and none of `other`."""
    return batch.view.once(("named", name, asked, other), lambda: _named(batch, name, asked, other))


def _named(batch: Batch, name: str, asked: tuple[str, ...], other: tuple[str, ...]) -> Named:
    table = batch.table(name)
    concepts = table.coded["concepts"]

    def decide() -> Codes:
        return _of_words(batch, Coded(concepts.values, np.arange(len(concepts.values))), asked, other)

    said = batch.view.decided(concepts, ("named", name, asked, other, batch.vocabulary), decide)
    rows = batch.view.postings(name, "concepts").having(said >= FIRST_UNKNOWN)
    if not asked:
        return Named(rows, said[concepts.codes[rows]])
    if name == "treatments":
        rows = rows[~_cannot_be(batch, table, rows, asked)]
    code = np.minimum(said[concepts.codes[rows]], _as_inducers(batch, table, rows, asked))
    # What is certainly given for a purpose that does not count is another drug to this question.
    counts = code >= FIRST_UNKNOWN
    return Named(rows, code) if counts.all() else Named(rows[counts], code[counts])


def _of_words(batch: Batch, concepts: Coded, asked: tuple[str, ...], other: tuple[str, ...]) -> Codes:
    """What each distinct name says, by its code."""
    code = np.full(len(concepts.values), MET_NEVER, np.uint8)
    if other:
        code = negated(concepts_told(batch.words, concepts, other, Change.NEVER).code)
    if asked:
        code = np.minimum(code, concepts_told(batch.words, concepts, asked, Change.NEVER).code)
    return code


def _cannot_be(batch: Batch, table: Table, rows: Longs, asked: tuple[str, ...]) -> Bools:
    """Of some rows the unnamed treatments of a kind that cannot hold what is asked."""
    kinds, unnamed = table.coded["kind"], np.flatnonzero(table.coded["concepts"].codes[rows] == 0)
    found = np.zeros(len(rows), np.bool_)
    if not len(unnamed):
        return found

    def cannot(kind: str | None) -> bool:
        return kind is not None and kind != "other" and not could_hold(batch.words, kind, asked)

    said = batch.view.decided(
        kinds, ("cannot be", asked, batch.vocabulary), lambda: kinds.table(cannot, np.bool_)
    )  # fmt: skip
    found[unnamed] = said[kinds.codes[rows[unnamed]]]
    return found


def _as_inducers(batch: Batch, table: Table, rows: Longs, asked: tuple[str, ...]) -> Codes:
    """Whether a drug counts that induces CYP3A, but not as given for one purpose; met where that is not asked."""
    column = table.coded["concepts"]
    code = np.full(len(rows), MET_NEVER, np.uint8)

    def asks(value: tuple[str, ...]) -> bool:
        return bool(as_inducer(batch.words, Treatment(id="", concepts=value), asked))

    said = batch.view.decided(
        column, ("asked as inducer", asked, batch.vocabulary), lambda: column.table(asks, np.bool_)
    )  # fmt: skip
    concerned = np.flatnonzero(said[column.codes[rows]]) if said.any() else rows[:0]
    if not len(concerned):
        return code
    texts = table.coded["indication_text"] if "indication_text" in table.coded else _no_texts(table)

    def decide(value: tuple[str, ...], text: str) -> int:
        return code_of(as_inducer(batch.words, Medication(id="", concepts=value, indication_text=text), asked)[0])

    code[concerned] = per_pair(column.take(rows[concerned]), texts.take(rows[concerned]), decide, np.uint8)
    return code


def _no_texts(table: Table) -> Coded:
    """Of treatments no source says in words what they were given for."""
    return Coded(("",), np.zeros(table.rows, np.int32))
