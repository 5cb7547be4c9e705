"""Biomarkers against a pattern, and what a negative result denies (`reference.records.biomarkers`, over columns).

What a row says depends on its own words alone, so every row is answered once, whichever items see it. Rows of one
patient are held against each other in groups that agree in what was tested, never each with each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.engine.bulk.alike import alike
from matcher.engine.bulk.batch import Batch
from matcher.engine.bulk.columns import NO_DAY, Bools, Codes, Ints, Longs, Table
from matcher.engine.bulk.coverage import Denial, absence
from matcher.engine.bulk.fields import (
    Told,
    both_told,
    concepts_told,
    either_told,
    field_told,
    negate_told,
    per_value,
    test_told,
)
from matcher.engine.bulk.findings import (
    CONFLICTING,
    FIRST_MET,
    FIRST_UNKNOWN,
    IMPRECISE,
    MET_ACTION,
    MET_NEVER,
    NOT_MET_ACTION,
    NOT_MET_NEVER,
    NOT_RECORDED,
    Findings,
    either,
)
from matcher.engine.bulk.intervals import Intervals, compare
from matcher.engine.bulk.records.candidates import Candidates, events_of
from matcher.engine.bulk.view import View
from matcher.engine.reference.context import Reading
from matcher.engine.reference.days import FUTURE
from matcher.engine.reference.records.biomarkers import (
    Tested,
    change_of_silence,
    concept_test,
    denies,
    positive,
    result_test,
    silences,
)
from matcher.engine.reference.records.fields import concept_finding, not_met
from matcher.engine.results import Finding
from matcher.engine.truth import Change
from patients.facts import Biomarker, folded
from patients.vocabulary import Domain
from trials.criteria import tree as t
from trials.criteria.kinds import Kind

#: A row of no words: what the reference asks of a marker beyond the words given shows in evidence alone.
_NAMELESS = Biomarker(id="")


def biomarkers(batch: Batch, records: t.Records, history: bool) -> Candidates:
    """The molecular findings that match or may match a pattern. Without `result` a positive one is asked for."""
    table = batch.table("biomarkers")
    fields = {item.field for item in records.tests}
    named = _named(batch, records, table)
    kept = named >= FIRST_UNKNOWN
    if "value" in fields:
        kept &= ~batch.view.once("overtaken markers", lambda: _overtaken(table))
    rows = np.flatnonzero(kept)
    parts = [Told(named[rows], np.ones(len(rows), np.bool_))]
    if not fields & {"result", "value"}:
        parts.append(_of_origin(table, rows, _column(table, "result", rows, lambda m: positive(m, Change.ACTION))))
    parts += [_field(batch, item, table, rows) for item in records.tests]
    told = both_told(parts)
    code = np.where(_contradicted(table, rows, told.code), CONFLICTING, told.code).astype(np.uint8)
    shown = (code >= FIRST_UNKNOWN) | told.shown
    rows, code = rows[shown], code[shown]
    pairs = batch.pairs(table, rows)
    return events_of(batch, table, pairs, code[np.searchsorted(rows, pairs.row)])


def _column(table: Table, name: str, rows: Longs, decide: Any) -> Told:
    """What `decide` says of rows by one column: of a marker that has nothing else."""
    return per_value(table.coded[name].take(rows), lambda value: decide(Biomarker(id="", **{name: value})))


def _of_origin(table: Table, rows: Longs, told: Told) -> Told:
    """What can change by action, of a germline finding never: `told` is of somatic ones."""
    germline = table.coded["origin"].map(lambda origin: origin == "germline", np.bool_)[rows]
    never = np.array([MET_NEVER if code == MET_ACTION else NOT_MET_NEVER if code == NOT_MET_ACTION else code
                      for code in range(MET_NEVER + 1)], np.uint8)  # fmt: skip
    return Told(np.where(germline, never[told.code], told.code).astype(np.uint8), told.shown)


# --- the gene and the fields ---------------------------------------------------------------------------------------


def _named(batch: Batch, records: t.Records, table: Table) -> Codes:
    """Whether each row is of the asked genes, and of no other than those allowed."""
    every = np.arange(table.rows)
    parts = [Told.same(table.rows, MET_ACTION, shown=True)]
    if not records.concepts.is_any:
        parts.append(_of_gene(batch, records.concepts, table))
    if records.other_than is not None:
        parts.append(negate_told(_of_gene(batch, records.other_than, table)))
    return _of_origin(table, every, both_told(parts)).code


def _of_gene(batch: Batch, concepts: t.Concepts, table: Table) -> Told:
    """Whether each row is of one of some genes; a fusion is of both its partners."""
    words = batch.words
    asked = words.concepts(concepts, (Domain.GENE,))

    def partner(name: str | None) -> Finding:
        if name is None:
            return not_met(Change.ACTION)
        means = tuple(Reading(id) for id in words.vocabulary.find(name, Domain.GENE))
        return concept_finding(words, means, asked, _NAMELESS, Change.ACTION)

    gene = concepts_told(words, table.coded["genes"], asked, Change.ACTION)
    return either_told([gene, per_value(table.coded["partner"], partner)])


def _field(batch: Batch, item: t.FieldTest, table: Table, rows: Longs) -> Told:
    """A test of a field, for some rows."""
    match item.field:
        case "value":
            return _value(batch, item.test, table, rows)
        case "result":
            told = _column(table, "result", rows, lambda marker: result_test(marker, item.test, Change.ACTION))
            return _of_origin(table, rows, told)
        case "partner" | "assay" as field:
            domain = Domain.GENE if field == "partner" else Domain.ASSAY
            return per_value(
                table.coded[field].take(rows),
                lambda word: concept_test(batch.words, _NAMELESS, field, word, domain, item.test),
            )
        case _:
            return field_told(batch, Kind.BIOMARKER, item, table, rows)


def _value(batch: Batch, test: t.Test, table: Table, rows: Longs) -> Told:
    """A test of the measured value, for some rows."""
    measured, values = batch.view.once("marker values", lambda: (_measured(table), _values(table)))
    mine, known = values.take(rows), measured[rows]

    def leaf(test: t.Code | t.Compare | t.Link) -> Told:
        assert isinstance(test, t.Compare) and test.number is not None  # only a grade has a baseline
        truth = compare(mine, test.operator, Intervals.point(test.number))
        code = np.where(known, _OF_TRUTH[truth], NOT_RECORDED).astype(np.uint8)
        return Told(code, np.ones(len(rows), np.bool_))

    return test_told(test, leaf)


#: What a comparison says of a value that can be measured again.
_OF_TRUTH = np.array([NOT_MET_ACTION, IMPRECISE, MET_ACTION], np.uint8)


def _measured(table: Table) -> Bools:
    """The rows that hold a value."""
    found: Bools = ~np.isnan(table.number["low"]) | ~np.isnan(table.number["high"])
    return found


def _values(table: Table) -> Intervals:
    number, flag = table.number, table.flag
    return Intervals.between(number["low"], number["high"], flag["low_open"] == 1, flag["high_open"] == 1)


# --- which of several results counts -------------------------------------------------------------------------------


def _overtaken(table: Table) -> Bools:
    """The rows whose value a later one of the same gene, alteration and scale has overtaken."""
    _, of = alike([table.patient, *(table.coded[name].codes for name in ("genes", "alteration", "scale"))])
    measured = _measured(table)
    newest = np.full(table.rows, NO_DAY, np.int32)
    np.maximum.at(newest, of[measured], table.lo["date"][measured])
    found: Bools = (table.hi["date"] != NO_DAY) & (newest[of] > table.hi["date"])
    return found


#: What two rows must agree in to be about the same test.
_SAME_TEST = ("genes", "alteration", "variant", "exon", "variant_class", "partner", "origin", "specimen")


def _contradicted(table: Table, rows: Longs, code: Codes) -> Bools:
    """Of the rows (with their codes) those that match, and of whose test another row that does not says the contrary.

    The same thing tested on one date, with assays that may be one.
    """
    found = np.zeros(len(rows), np.bool_)
    matched, not_matched = code >= FIRST_MET, code < FIRST_UNKNOWN
    patient = table.patient[rows]
    both = np.zeros(table.patients, np.int8)
    both[patient[matched]] = 1
    both[patient[not_matched]] |= 2
    open_ = (both[patient] == 3) & (matched | not_matched) & (table.coded["genes"].codes[rows] != 0)
    if not open_.any():
        return found
    at = np.flatnonzero(open_)
    row = rows[at]
    _, test = alike([
        table.patient[row], table.lo["date"][row], table.hi["date"][row],
        *(table.coded[name].codes[row] for name in _SAME_TEST),
    ])  # fmt: skip
    mine, other = _paired(test, matched[at])
    found[at[mine[_contrary(table, row[mine], row[other])]]] = True
    return found


def _paired(test: Longs, matched: Bools) -> tuple[Longs, Longs]:
    """Of each test the rows that match with each of those that do not."""
    positive_, negative = np.flatnonzero(matched), np.flatnonzero(~matched)
    negative = negative[np.argsort(test[negative], kind="stable")]
    first = np.searchsorted(test[negative], test[positive_], "left")
    count = np.searchsorted(test[negative], test[positive_], "right") - first
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return np.repeat(positive_, count), negative[np.repeat(first, count) + within]


def _contrary(table: Table, mine: Longs, other: Longs) -> Bools:
    """Whether two rows of one test say the contrary: two values of one scale, or a yes and a no."""
    assay = table.coded["assay"].take(np.stack([mine, other]))
    places: dict[str | None, int] = {}
    method = assay.map(lambda word: places.setdefault(word and folded(word), len(places)), np.int64)
    apart = (assay.codes != 0).all(axis=0) & (method[0] != method[1])
    scale, low, high = table.coded["scale"].codes, table.number["low"], table.number["high"]
    scaled = (scale[mine] != 0) & (scale[mine] == scale[other]) & ~np.isnan(low[mine]) & ~np.isnan(low[other])
    same_high = (high[mine] == high[other]) | (np.isnan(high[mine]) & np.isnan(high[other]))
    differs = (low[mine] != low[other]) | ~same_high
    result = table.coded["result"]
    sign = result.map(lambda word: {"positive": 1, "negative": -1}.get(word, 0), np.int8)
    found: Bools = ~apart & np.where(scaled, differs, sign[mine] * sign[other] == -1)
    return found


# --- silence and denials -------------------------------------------------------------------------------------------

#: The words on which it depends what a row denies.
_DENYING = (
    "alteration", "variant", "exon", "variant_class", "partner", "significance", "zygosity", "specimen", "origin",
    "assay", "scale", "result",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Denying:
    """The rows that can deny: `row` of shape (k,), ascending, `words` the place of each in `markers`.

    `markers` are the distinct combinations of the words that matter, as markers of nobody.
    """

    row: Longs
    words: Longs
    markers: tuple[Biomarker, ...]


def unrecorded_marker(batch: Batch, records: t.Records, until: Ints) -> Findings:
    """That no finding beyond those recorded matches: by coverage of the genes, or because they were tested negative.

    A test counts whenever it was made, so it is asked up to the day asked about, whatever the window.
    """
    words = batch.words
    asked: tuple[str, ...] = ()
    if not records.concepts.is_any:
        asked = tuple(id for name in records.concepts.names for id in words.named(name, (Domain.GENE,)))
    fields = {item.field: item.test for item in records.tests}
    change = change_of_silence(fields)
    return either([
        absence(
            batch, need, until=batch.asked, change=change,
            denials=list(_denials(batch, fields, each, need.concepts)),
        )
        for each, need in silences(words, records, asked)
    ])  # fmt: skip


def _denials(batch: Batch, fields: Mapping[str, t.Test], asked: Tested, concepts: tuple[str, ...]) -> Iterable[Denial]:
    """The genes that matter to `concepts` and are denied what is asked, with the items whose patients' rows do so."""
    table = batch.table("biomarkers")
    gene = table.coded["genes"]
    able = batch.view.once("markers that deny", lambda: _able_to_deny(batch.view))
    bearing = _bearing(batch, concepts, gene.values)[gene.codes[able.row]]
    row, words = able.row[bearing], able.words[bearing]
    told = np.zeros(len(able.markers), np.bool_)
    for place in np.unique(words):
        told[place] = denies(batch.words, able.markers[place], fields, asked)
    row = row[told[words]]
    for code in np.unique(gene.codes[row]):
        item = batch.pairs(table, row[gene.codes[row] == code]).item
        yield Denial(gene.values[code][0], item, np.full(len(item), FUTURE, np.int32))


def _bearing(batch: Batch, concepts: tuple[str, ...], genes: tuple[tuple[str, ...], ...]) -> NDArray[np.bool_]:
    """Which of the values of `genes` are one gene, or family, that holds an asked gene or a member of one."""
    vocabulary = batch.vocabulary
    members = {member for id in concepts for member in (id, *vocabulary.descendants(id))}
    return np.array(
        [len(value) == 1 and any(vocabulary.is_below(member, value[0]) for member in members) for value in genes],
        np.bool_,
    )


def _able_to_deny(view: View) -> _Denying:
    """The rows of one gene that are negative or measured, and their words."""
    table = view.tables["biomarkers"]
    measured = _measured(table)
    negative = table.coded["result"].map(lambda word: word == "negative", np.bool_)
    single = table.coded["genes"].map(lambda genes: len(genes) == 1, np.bool_)
    row = np.flatnonzero(single & (measured | negative))
    first, of = alike([measured[row], *(table.coded[name].codes[row] for name in _DENYING)])

    def marker(at: int) -> Biomarker:
        words = {name: table.coded[name].values[table.coded[name].codes[at]] for name in _DENYING}
        return Biomarker(id="", low=0.0 if measured[at] else None, **words)

    return _Denying(row, of, tuple(marker(int(row[at])) for at in first))
