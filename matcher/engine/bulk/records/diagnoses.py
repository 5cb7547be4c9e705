"""Diagnoses against a pattern: a primary is asked as a whole (`reference.records.diagnoses`, over arrays).

What a primary may be is a tuple of readings, of which there are few: the names of a pattern are asked of each distinct
one. Extent, stage and status are states that were found for all primaries at once.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from matcher.engine.bulk import diseases as dz
from matcher.engine.bulk.batch import Batch, Pairs
from matcher.engine.bulk.calendar import Spans
from matcher.engine.bulk.columns import NO_DAY, Ints
from matcher.engine.bulk.fields import (
    Told,
    both_told,
    either_told,
    negate_told,
    per_word,
    test_told,
    told_by_word,
)
from matcher.engine.bulk.findings import (
    CONFLICTING,
    FIRST_UNKNOWN,
    IMPRECISE,
    MET_COURSE,
    MET_NEVER,
    NOT_MET_COURSE,
    NOT_MET_NEVER,
    choose,
    earlier,
)
from matcher.engine.bulk.groups import Groups, any_of, dated, spread_out
from matcher.engine.bulk.records.candidates import OVER, Candidates
from matcher.engine.bulk.states import Turns, state_told, states_told, words_told
from matcher.engine.reference.context import Reading
from matcher.engine.reference.days import PAST
from matcher.engine.reference.records.diagnoses import OF_COURSE, grade_relation, sites_of, stage_within
from matcher.engine.reference.records.fields import concept_finding, site_test
from matcher.engine.results import Finding
from matcher.engine.truth import Change
from patients.facts import Condition, code_relation
from patients.vocabulary import Domain
from trials.criteria import tree as t
from trials.criteria.kinds import Kind

_NOBODY = Condition(id="")


def diagnoses(batch: Batch, records: t.Records, history: bool) -> Candidates:
    """The primaries that match or may match a pattern."""
    found = dz.tumours(batch.view, batch.words)
    pairs = _meant(batch, records)
    named = _named(batch, records, pairs)
    kept = named.code >= FIRST_UNKNOWN
    pairs, parts = pairs.take(kept), [named.take(kept)]
    asked = batch.asked[pairs.item]
    if not any(item.field == "status" for item in records.tests):
        parts.append(_made(batch).take(pairs.row))
    turns: Turns = []
    special = _fields(batch, pairs, asked, turns)
    parts += [special[item.field](item.test) for item in records.tests]
    told = both_told(parts)
    start, end, ceases = _course(batch, pairs, asked)
    m = len(pairs)
    return Candidates(
        ("conditions",), np.zeros(m, np.int8), pairs.item, found.last[pairs.row], told.code, start, end, ceases,
        found.last[pairs.row], np.full(m, np.nan), earlier(*turns),
    ).take(told.shown | (told.code >= FIRST_UNKNOWN))  # fmt: skip


def _meant(batch: Batch, records: t.Records) -> Pairs:
    """Items with the primaries a pattern asks of: this cancer alone where it may be meant and its course is asked for.

    The `row` of these pairs is a primary.
    """
    pairs = batch.once("items with primaries", lambda: _items_with_primaries(batch))
    if batch.cancer is None or not any(each.field in OF_COURSE for each in records.tests):
        return pairs
    focused = np.flatnonzero(batch.focus >= 0)
    may_be = _named(batch, records, Pairs(focused, batch.focus[focused])).code >= FIRST_UNKNOWN
    alone = np.zeros(batch.n, np.bool_)
    alone[focused] = may_be
    return pairs.take(~alone[pairs.item] | (pairs.row == batch.focus[pairs.item]))


def _items_with_primaries(batch: Batch) -> Pairs:
    """Each item with each of its patient's primaries."""
    starts = dz.tumours(batch.view, batch.words).starts
    return Pairs(*spread_out(starts[batch.patient], np.diff(starts)[batch.patient]))


def _named(batch: Batch, records: t.Records, pairs: Pairs) -> Told:
    found = [_is_one_of(batch, records.concepts, pairs)]
    if records.other_than is not None:
        found.append(negate_told(_is_one_of(batch, records.other_than, pairs)))
    return both_told(found)


def _is_one_of(batch: Batch, concepts: t.Concepts, pairs: Pairs) -> Told:
    if concepts.is_any:
        return Told.same(len(pairs), MET_NEVER, shown=True)
    parts = []
    names = [name for name in concepts.names if name != t.THIS_CANCER]
    if len(names) < len(concepts.names):
        # Without a focus none of the patient's primaries may be the document's cancer.
        this = batch.focus[pairs.item] == pairs.row
        parts.append(Told(np.where(this, MET_NEVER, NOT_MET_NEVER).astype(np.uint8), this))
    if names:
        asked = tuple(id_ for name in names for id_ in batch.words.named(name, (Domain.CANCER,)))
        parts.append(_means(batch, pairs, asked))
    return either_told(parts)


def _means(batch: Batch, pairs: Pairs, asked: tuple[str, ...]) -> Told:
    """Whether primaries are one of the asked cancers, by what they may be."""
    readings = dz.tumours(batch.view, batch.words).readings

    def decide(means: tuple[Reading, ...]) -> Finding:
        return concept_finding(batch.words, means, asked, _NOBODY, Change.NEVER)

    return told_by_word(batch, readings, ("means", asked), decide).take(readings.codes[pairs.row])


def _made(batch: Batch) -> Told:
    """Of each primary: one that is only suspected may match; one that is resolved was still made."""
    return batch.view.once(("made", batch.vocabulary), lambda: _all_made(batch))


def _all_made(batch: Batch) -> Told:
    found = dz.tumours(batch.view, batch.words)
    status = found.rows.table.coded["status"].take(found.rows.rows)
    sure = status.map(lambda word: (word or "present") in ("present", "resolved"), np.bool_)
    made = choose(any_of(len(found), found.rows.owner, sure), MET_NEVER, IMPRECISE)
    against = choose(found.denied == dz.DENIED_THAT_DAY, CONFLICTING, IMPRECISE)
    return Told(choose(found.denied == dz.NOT_DENIED, made, against), np.ones(len(found), np.bool_))


def _ongoing(batch: Batch, pairs: Pairs, asked: Ints) -> Told:
    """Whether a cancer is still there: not after its end; one called resolved without an end may be."""
    found = dz.tumours(batch.view, batch.words)
    table, last = found.rows.table, found.last[pairs.row]
    lo, hi = table.lo["end"][last], table.hi["end"][last]
    ends = lo != NO_DAY
    over = ends & (hi < asked)
    may_be_over = dz.with_status(table, "resolved")[last] | (ends & (lo < asked))
    code = choose(over, NOT_MET_COURSE, choose(may_be_over, IMPRECISE, _made(batch).code[pairs.row]))
    return Told(code, np.ones(len(pairs), np.bool_))


# --- fields --------------------------------------------------------------------------------------------------------


def _fields(batch: Batch, pairs: Pairs, asked: Ints, turns: Turns) -> dict[str, Callable[[t.Test], Told]]:
    view, words, at = batch.view, batch.words, pairs.row
    never, course = (MET_NEVER, NOT_MET_NEVER), (MET_COURSE, NOT_MET_COURSE)

    def attribute(name: str) -> Callable[[t.Test], Told]:
        """A coded field that any row of the tumour may state, the latest first."""
        return lambda test: words_told(
            dz.attribute(view, words, name), at, test, lambda code, asked: code_relation(name, code, asked), never
        )

    return {
        "extent": lambda test: state_told(dz.extents(view, words), at, asked, "extent", test, turns),
        "status": lambda test: state_told(
            dz.attribute(view, words, "status", "present"), at, asked, "condition_status", test, turns
        ),
        "stage": lambda test: words_told(dz.attribute(view, words, "stage"), at, test, stage_within, course),
        "state": lambda test: states_told(
            dz.tumours(view, words).rows.some(at), asked, test, lambda: _ongoing(batch, pairs, asked), turns
        ),
        "site": lambda test: _site_test(batch, pairs, test),
        "histology": lambda test: _histology_test(batch, pairs, test),
        "basis": attribute("basis"),
        "laterality": attribute("laterality"),
        "tumour_grade": lambda test: words_told(
            dz.attribute(view, words, "tumour_grade"), at, test, grade_relation, never
        ),
    }


def _site_test(batch: Batch, pairs: Pairs, test: t.Test) -> Told:
    """`site:` of the possible sites of each primary."""

    def decide(means: tuple[Reading, ...]) -> Finding:
        return site_test(batch.words, _NOBODY, sites_of(batch.words, means), Kind.DIAGNOSIS)(test)

    return per_word(batch, dz.tumours(batch.view, batch.words).readings, pairs.row, ("site of", test), decide)


def _histology_test(batch: Batch, pairs: Pairs, test: t.Test) -> Told:
    def leaf(test: t.Code | t.Compare | t.Link) -> Told:
        assert isinstance(test, t.Code)  # the tree refuses anything else
        return _means(batch, pairs, batch.words.named(test.code, (Domain.CANCER,)))

    return test_told(test, leaf)


def _course(batch: Batch, pairs: Pairs, asked: Ints) -> tuple[Spans, Spans, np.ndarray[tuple[int], np.dtype[np.int8]]]:
    """A diagnosis is dated by its rows. One that was made before a window and has no end may reach into it."""
    groups = dz.tumours(batch.view, batch.words).rows
    lo, hi, latest = batch.view.once(("dated", batch.vocabulary), lambda: dated(groups))
    end_lo, end_hi = batch.view.once(("ends", batch.vocabulary), lambda: _ends(groups))
    at = pairs.row
    known = lo[at] != NO_DAY
    start = Spans(
        np.minimum(np.where(known, lo[at], PAST), asked).astype(np.int32),
        np.minimum(np.where(known, hi[at], asked), asked).astype(np.int32),
    )
    ends = end_lo[at] != NO_DAY
    end = Spans(end_lo[at], end_hi[at]).upto(asked)
    last = np.minimum(np.where(known, latest[at], PAST), asked)
    bound = np.where(ends, end.hi, asked)
    return (
        start.upto(bound),
        Spans(
            np.where(ends, np.maximum(end.lo, start.lo), last).astype(np.int32),
            bound,
        ),
        np.where(ends, OVER, Change.COURSE.hardness).astype(np.int8),
    )


def _ends(groups: Groups) -> tuple[Ints, Ints]:
    """The end that the latest of the rows of each group with an end gives; NO_DAY where none has one."""
    table = groups.table
    lo, hi = np.zeros(len(groups), np.int32), np.zeros(len(groups), np.int32)
    kept = table.lo["end"][groups.rows] != NO_DAY
    row, owner = groups.rows[kept], groups.owner[kept]
    final = np.append(owner[1:] != owner[:-1], True)[: len(owner)]
    lo[owner[final]], hi[owner[final]] = table.lo["end"][row[final]], table.hi["end"][row[final]]
    return lo, hi
