"""Biomarkers against a pattern, and what a negative result denies (`reference.records.biomarkers`, over columns).

What a row says depends on its own words alone, so every row is answered once, whichever items see it. Rows of one
patient are held against each other in groups that agree in what was tested, never each with each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.engine.bulk.alike import alike
from matcher.engine.bulk.batch import Batch
from matcher.engine.bulk.columns import NO_DAY, Bools, Coded, Codes, Ints, Longs, Table
from matcher.engine.bulk.coverage import Denial, absence, either_absence
from matcher.engine.bulk.fields import (
    Told,
    both_told,
    field_told,
    per_word,
    test_told,
    told_by_word,
)
from matcher.engine.bulk.findings import (
    CONFLICTING,
    FIRST_MET,
    FIRST_UNKNOWN,
    IMPRECISE,
    LEVELS,
    MET_ACTION,
    MET_NEVER,
    NOT_MET_ACTION,
    NOT_MET_NEVER,
    NOT_RECORDED,
    Findings,
    both_codes,
    choose,
    either_codes,
    negated,
)
from matcher.engine.bulk.intervals import Intervals, compare
from matcher.engine.bulk.postings import Postings
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
from matcher.engine.reference.records.fields import concept_finding
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
    rows, named = _named(batch, records, table)
    if "value" in fields:
        kept = ~batch.view.once("overtaken markers", lambda: _overtaken(table))[rows]
        rows, named = rows[kept], named[kept]
    parts = [_of_origin(table, rows, Told(named, np.ones(len(rows), np.bool_)))]
    if not fields & {"result", "value"}:
        result = _result(batch, table, rows, None, lambda marker: positive(marker, Change.ACTION))
        parts.append(_of_origin(table, rows, result))
    parts += [_field(batch, item, table, rows) for item in records.tests]
    told = both_told(parts)
    code = told.code.copy()
    code[_contradicted(batch.view, rows, code)] = CONFLICTING
    shown = (code >= FIRST_UNKNOWN) | told.shown
    if not shown.all():
        rows, code = rows[shown], code[shown]
    pairs = batch.pairs(table, rows)
    return events_of(batch, table, pairs, code if pairs.row is rows else code[np.searchsorted(rows, pairs.row)])


def _result(
    batch: Batch, table: Table, rows: Longs, test: t.Test | None, decide: Callable[[Biomarker], Finding]
) -> Told:  # fmt: skip
    """What `decide` says of the results of rows, asked by a test (None: whether they are positive)."""
    question = ("marker result", test)
    return per_word(batch, table.coded["result"], rows, question, lambda said: decide(Biomarker(id="", result=said)))


#: By the code of a somatic finding that of a germline one: what can change by action, of it never.
_GERMLINE = np.arange(LEVELS, dtype=np.uint8)
_GERMLINE[[MET_ACTION, NOT_MET_ACTION]] = MET_NEVER, NOT_MET_NEVER


def _of_origin(table: Table, rows: Longs, told: Told) -> Told:
    """What is `told` of rows as of somatic findings, of the germline ones among them."""
    origin = table.coded["origin"]
    germline = origin.codes[rows] == origin.code_of("germline")
    return Told(choose(germline, _GERMLINE[told.code], told.code), told.shown)


# --- the gene and the fields ---------------------------------------------------------------------------------------


def _named(batch: Batch, records: t.Records, table: Table) -> tuple[Longs, Codes]:
    """The rows that are or may be of the asked genes and of none that are left out, and what their names say of them as
    of somatic findings."""
    column, partner = table.coded["genes"], table.coded["partner"]
    by_gene = _by_name(batch, records, column, lambda genes: tuple(Reading(id) for id in genes))
    rows = batch.view.postings("biomarkers", "genes").having(by_gene >= FIRST_UNKNOWN)
    fused = batch.view.once("fusions", lambda: np.flatnonzero(partner.codes != 0))
    if not len(fused):
        return rows, by_gene[column.codes[rows]]
    code = _of_fusions(batch, records, column.take(fused), partner.take(fused))
    kept = code >= FIRST_UNKNOWN
    single = rows[partner.codes[rows] == 0]
    rows, code = np.concatenate([single, fused[kept]]), np.concatenate([by_gene[column.codes[single]], code[kept]])
    order = np.argsort(rows, kind="stable")
    return rows[order], code[order]


def _by_name(
    batch: Batch, records: t.Records, column: Coded, means: Callable[[Any], tuple[Reading, ...]]
) -> Codes:  # fmt: skip
    """What each name says, by code: of the asked genes and of none that are left out."""
    code = np.full(len(column.values), MET_ACTION, np.uint8)
    if not records.concepts.is_any:
        code = _is_one_of(batch, records.concepts, column, means)
    if records.other_than is not None:
        code = both_codes(code, negated(_is_one_of(batch, records.other_than, column, means)))
    return code


def _is_one_of(
    batch: Batch, concepts: t.Concepts, column: Coded, means: Callable[[Any], tuple[Reading, ...]]
) -> Codes:  # fmt: skip
    """Whether each name of a column is one of some genes, by code."""
    asked = batch.words.concepts(concepts, (Domain.GENE,))

    def decide(name: Any) -> Finding:
        return concept_finding(batch.words, means(name), asked, _NAMELESS, Change.ACTION)

    return told_by_word(batch, column, ("gene", asked), decide).code


def _of_fusions(batch: Batch, records: t.Records, genes: Coded, partner: Coded) -> Codes:
    """What the names of fusions say, which are of both their partners."""

    def of_partner(name: str | None) -> tuple[Reading, ...]:
        return tuple(Reading(id) for id in batch.vocabulary.find(name, Domain.GENE)) if name else ()

    def of_either(concepts: t.Concepts) -> Codes:
        mine = _is_one_of(batch, concepts, genes, lambda ids: tuple(Reading(id) for id in ids))
        theirs = _is_one_of(batch, concepts, partner, of_partner)
        return either_codes(mine[genes.codes], theirs[partner.codes])

    code = np.full(len(genes.codes), MET_ACTION, np.uint8) if records.concepts.is_any else of_either(records.concepts)
    return code if records.other_than is None else both_codes(code, negated(of_either(records.other_than)))


def _field(batch: Batch, item: t.FieldTest, table: Table, rows: Longs) -> Told:
    """A test of a field, for some rows."""
    match item.field:
        case "value":
            return _value(batch, item.test, table, rows)
        case "result":
            told = _result(batch, table, rows, item.test, lambda marker: result_test(marker, item.test, Change.ACTION))
            return _of_origin(table, rows, told)
        case "partner" | "assay" as field:
            domain = Domain.GENE if field == "partner" else Domain.ASSAY
            words = batch.words
            return per_word(
                batch, table.coded[field], rows, (field, item.test, words.cancer, words.definitions),
                lambda word: concept_test(words, _NAMELESS, field, word, domain, item.test),
            )  # fmt: skip
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
    measured, genes = _measured(table), table.coded["genes"]
    valued = np.zeros(len(genes.values), np.bool_)
    valued[genes.codes[measured]] = True
    rows = np.flatnonzero(valued[genes.codes])
    words = (table.coded[name].codes[rows] for name in ("genes", "alteration", "scale"))
    _, of = alike([table.patient[rows], *words])
    newest, first = np.full(len(rows), NO_DAY, np.int32), table.lo["date"][rows]
    np.maximum.at(newest, of[measured[rows]], first[measured[rows]])
    last = table.hi["date"][rows]
    found = np.zeros(table.rows, np.bool_)
    found[rows] = (last != NO_DAY) & (newest[of] > last)
    return found


#: What two rows must agree in to be about the same test.
_SAME_TEST = ("genes", "alteration", "variant", "exon", "variant_class", "partner", "origin", "specimen")


def _contradicted(view: View, rows: Longs, code: Codes) -> Longs:
    """Of the rows (with their codes) the places of those that match, and of whose test another row that does not says
    the contrary.

    The same thing tested on one date, with assays that may be one.
    """
    repeated, test = view.once("tests of markers", lambda: _tests(view.tables["biomarkers"]))
    # Few rows are of a test that another one is of, so those are looked for first.
    at = np.flatnonzero(repeated[rows])
    at = at[(code[at] >= FIRST_MET) | (code[at] < FIRST_UNKNOWN)]
    mine, other = _paired(test[rows[at]], code[at] >= FIRST_MET)
    return at[mine[_contrary(view.tables["biomarkers"], rows[at[mine]], rows[at[other]])]]


def _tests(table: Table) -> tuple[Bools, Longs]:
    """Which rows are, by their words and days, of a test that another row is of; and the number of each row's test."""
    genes = table.coded["genes"].codes
    _, test = alike([
        table.patient, table.lo["date"], table.hi["date"], *(table.coded[name].codes for name in _SAME_TEST)
    ])  # fmt: skip
    return (genes != 0) & (np.bincount(test)[test] > 1), test


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
    sign = result.table(lambda word: {"positive": 1, "negative": -1}.get(word, 0), np.int8)
    opposed = sign[result.codes[mine]] * sign[result.codes[other]] == -1
    found: Bools = ~apart & np.where(scaled, differs, opposed)
    return found


# --- silence and denials -------------------------------------------------------------------------------------------

#: The words on which it depends what a row denies.
_DENYING = (
    "alteration", "variant", "exon", "variant_class", "partner", "significance", "zygosity", "specimen", "origin",
    "assay", "scale", "result",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Denying:
    """The rows that can deny: `row` of shape (k,), ascending; `gene` codes its genes, `words` its place in `markers`.

    `markers` are the distinct combinations of the words that matter, as markers of nobody.
    """

    row: Longs
    gene: NDArray[Any]
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
    return either_absence(batch, [
        absence(
            batch, need, until=batch.asked, change=change,
            denials=list(_denials(batch, fields, each, need.concepts)),
        )
        for each, need in silences(words, records, asked)
    ])  # fmt: skip


def _denials(batch: Batch, fields: Mapping[str, t.Test], asked: Tested, concepts: tuple[str, ...]) -> Iterable[Denial]:
    """The genes that matter to `concepts` and are denied what is asked, with the items whose patients' rows do so."""
    table = batch.table("biomarkers")
    column = table.coded["genes"]
    able, by_gene = batch.view.once("markers that deny", lambda: _able_to_deny(batch.view))
    bearing = batch.view.decided(
        column, ("bearing", concepts, batch.vocabulary), lambda: _bearing(batch, concepts, column.values)
    )  # fmt: skip
    place = by_gene.having(bearing)
    row, gene, words = able.row[place], able.gene[place], able.words[place]
    told = np.zeros(len(able.markers), np.bool_)
    told[words] = True
    for marker in np.flatnonzero(told):
        told[marker] = denies(batch.words, able.markers[marker], fields, asked)
    denied = told[words]
    row, gene = row[denied], gene[denied]
    for code in np.flatnonzero(bearing):
        its = row[gene == code]
        if len(its):
            item = batch.pairs(table, its).item
            yield Denial(column.values[code][0], item, np.full(len(item), FUTURE, np.int32))


def _bearing(batch: Batch, concepts: tuple[str, ...], genes: tuple[tuple[str, ...], ...]) -> NDArray[np.bool_]:
    """Which of the values of `genes` are one gene, or family, that holds an asked gene or a member of one."""
    vocabulary = batch.vocabulary
    members = {member for id in concepts for member in (id, *vocabulary.descendants(id))}
    return np.array(
        [len(value) == 1 and any(vocabulary.is_below(member, value[0]) for member in members) for value in genes],
        np.bool_,
    )


def _able_to_deny(view: View) -> tuple[_Denying, Postings]:
    """The rows of one gene that are negative or measured, and their words; and where those of each gene stand."""
    table = view.tables["biomarkers"]
    measured = _measured(table)
    negative = table.coded["result"].map(lambda word: word == "negative", np.bool_)
    single = table.coded["genes"].map(lambda genes: len(genes) == 1, np.bool_)
    row = np.flatnonzero(single & (measured | negative))
    first, of = alike([measured[row], *(table.coded[name].codes[row] for name in _DENYING)])

    def marker(at: int) -> Biomarker:
        words = {name: table.coded[name].values[table.coded[name].codes[at]] for name in _DENYING}
        return Biomarker(id="", low=0.0 if measured[at] else None, **words)

    genes = table.coded["genes"]
    gene = genes.codes[row]
    able = _Denying(row, gene, of, tuple(marker(int(row[at])) for at in first))
    return able, Postings.of(gene, len(genes.values))
