"""Conditions against a pattern, and when their absence is a fact (`reference.records.conditions`, over arrays).

The name of a pattern is asked of each distinct meaning of a row; only the units whose name may match are joined to
items and asked the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVarTuple

import numpy as np
from numpy.typing import NDArray

from matcher.engine.bulk import diseases as dz
from matcher.engine.bulk.batch import Batch
from matcher.engine.bulk.calendar import Spans
from matcher.engine.bulk.columns import NO_DAY, Bools, Codes, Floats, Ints, Longs, Table
from matcher.engine.bulk.coverage import Denial, absence, either_absence
from matcher.engine.bulk.fields import Told, both_told, field_told, per_word, test_told, told_by_word
from matcher.engine.bulk.findings import (
    CONFLICTING,
    FIRST_MET,
    FIRST_UNKNOWN,
    IMPRECISE,
    MET_COURSE,
    MET_NEVER,
    NOT_MET_COURSE,
    NOT_MET_NEVER,
    NOT_RECORDED,
    Findings,
    all_of,
    choose,
    earlier,
)
from matcher.engine.bulk.groups import Groups, any_of, dated
from matcher.engine.bulk.lesions import (
    CHRONIC,
    EVENT,
    TABLES,
    Presence,
    Rows,
    Units,
    current,
    denials,
    lesions_of,
    of_lesions,
    of_units,
    told,
    units,
)
from matcher.engine.bulk.postings import Postings
from matcher.engine.bulk.records.candidates import OVER, Candidates
from matcher.engine.bulk.states import Turns, agreed, rivals, state_told, states_told
from matcher.engine.bulk.view import View
from matcher.engine.change import CHANGE_OF_ABSENCE
from matcher.engine.intervals import Interval, compare
from matcher.engine.reference.algebra import both
from matcher.engine.reference.context import Context, Reading
from matcher.engine.reference.days import FUTURE, PAST
from matcher.engine.reference.records import disease
from matcher.engine.reference.records.conditions import (
    KINDS_OF,
    denied_by,
    kind_test,
    kinds_asked,
    named_as,
    of_kind,
    of_the_recorded,
    stays_current,
)
from matcher.engine.reference.records.coverage import Need
from matcher.engine.reference.records.fields import link_test, site_test
from matcher.engine.results import Finding
from matcher.engine.truth import Change, Truth
from patients.facts import Condition
from patients.vocabulary import Domain
from trials.criteria import tree as t
from trials.criteria.kinds import CONCEPT_DOMAINS, Kind

_NOBODY = Condition(id="")

_Arrays = TypeVarTuple("_Arrays")


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a pattern asks of m candidates: items with units whose name may match.

    `row` is the latest row of each unit; `turns` takes the days on which time alone may turn an answer.
    """

    batch: Batch
    kind: Kind
    ever: bool
    rows: Rows
    units: Units
    item: Longs
    unit: Longs
    row: Longs
    turns: Turns

    @property
    def asked(self) -> Ints:
        """The day each is asked about."""
        return self.batch.asked[self.item]

    def groups(self) -> Groups:
        """The rows of each."""
        return self.units.groups.some(self.unit)

    def presence(self) -> Presence:
        """What decides whether units are there."""
        return of_units(self.batch.view, self.batch.words, self.kind, self.ever)

    def of_lesions(self) -> Presence:
        """What decides whether the lesions of units are there."""
        return of_lesions(self.batch.view, self.batch.words, self.kind)

    def unit_current(self) -> Told:
        """Whether each unit is there."""
        return self.told("units there", lambda unit, *days: current(self.presence(), unit, *days))

    def told(self, name: str, make: Callable[[Longs, Ints, Ints], tuple[Codes, Ints]]) -> Told:
        """What `make` says of each unit, and when time alone may turn that."""
        code, flips = self.of_units(name, make)
        if self.batch.flips:
            self.turns.append(flips)
        return Told(code, np.ones(len(code), np.bool_))

    def of_units(self, name: str, make: Callable[[Longs, Ints, Ints], tuple[*_Arrays]]) -> tuple[*_Arrays]:
        """What `make` says of units on the days asked about, with the knowledge of others.

        Where those are one, as nearly always, it is asked of every unit at once and remembered.
        """
        batch = self.batch
        if not batch.of_today:
            return make(self.unit, batch.asked[self.item], batch.known[self.item])

        def every() -> tuple[*_Arrays]:
            known = batch.view.known[self.units.groups.patient]
            return make(np.arange(len(self.units)), known, known)

        key = (name, batch.vocabulary, batch.settings.acute, self.kind, self.ever)
        arrays: Any = batch.view.once(key, every)
        found: tuple[*_Arrays] = tuple(each[self.unit] for each in arrays)
        return found


def conditions(batch: Batch, records: t.Records, history: bool) -> Candidates:
    """The lesions, comorbidities, toxicities, allergies or family histories that match or may match a pattern."""
    view, words, kind = batch.view, batch.words, records.kind
    ever = history or kind in (Kind.ALLERGY, Kind.FAMILY_HISTORY)
    rows, of = told(view, words), units(view, words, kind, ever)
    name = _named(batch, records, rows)
    pairs = batch.join(*_patients_with(view, words, kind, ever, of, name.code >= FIRST_UNKNOWN))
    row = of.last[pairs.row]
    found = _Asked(batch, kind, ever, rows, of, pairs.item, pairs.row, row, [])
    parts = [_as_named(found, name), *_of_this_cancer(found)]
    if not any(item.field == "status" for item in records.tests):
        parts.append(found.told("was or is", lambda *asked: _was_or_is(found, *asked)))
    parts += [_field(found, item) for item in records.tests]
    whole = both_told(parts)
    start_lo, start_hi, end_lo, end_hi, ceases = found.of_units("courses", lambda *asked: _course(found, *asked))
    every = Candidates(
        TABLES, rows.origin[row], pairs.item, rows.row[row], whole.code, Spans(start_lo, start_hi),
        Spans(end_lo, end_hi), ceases, of.counted[pairs.row], np.full(len(row), np.nan), earlier(*found.turns),
    )  # fmt: skip
    kept = whole.shown | (whole.code >= FIRST_UNKNOWN)
    return every if kept.all() else every.take(kept)


def _patients_with(
    view: View, words: Context, kind: Kind, ever: bool, of: Units, meant: Bools
) -> tuple[Longs, Longs]:  # fmt: skip
    """The units of some meanings (a mask by code), ascending, with the patient of each: patients, and units."""
    postings = view.once(
        ("meant", words.vocabulary, kind, ever), lambda: Postings.of(of.meaning, int(of.meaning.max(initial=-1)) + 1)
    )
    matching = postings.having(meant[: len(postings.bounds) - 1])
    return of.groups.patient[matching], matching


def _named(batch: Batch, records: t.Records, rows: Rows) -> Told:
    """What is said of each meaning by its name, by code; no name becomes another."""
    words, domains = batch.words, CONCEPT_DOMAINS[records.kind]

    def decide(row: Condition) -> Finding:
        return both(named_as(words, records, replace(row, grade=0.0)))

    def asked(concepts: t.Concepts | None) -> tuple[str, ...] | None:
        return None if concepts is None or concepts.is_any else words.concepts(concepts, domains)

    question = ("name", records.kind, asked(records.concepts), records.other_than and asked(records.other_than))
    return told_by_word(batch, rows.means, question, decide)


def _as_named(found: _Asked, name: Told) -> Told:
    """What the name of each candidate says."""
    mine = name.take(found.units.meaning[found.unit])
    if found.kind not in KINDS_OF:
        return mine
    # A grade is given to a toxicity alone; without one a row of no kind may as well be a comorbidity.
    kind = found.rows.table.coded["kind"].codes[found.row]
    unsaid = (kind == 0) & np.isnan(found.rows.table.number["grade"][found.row])
    return Told(choose(unsaid, np.minimum(mine.code, NOT_RECORDED).astype(np.uint8), mine.code), mine.shown)


def _of_this_cancer(found: _Asked) -> Sequence[Told]:
    """A metastasis is one of this cancer's (SEMANTICS §1.4)."""
    batch, m = found.batch, len(found.row)
    asked = np.flatnonzero(found.rows.metastasis[found.row])
    asked = asked[batch.focus[found.item[asked]] >= 0]
    if not len(asked):
        return ()
    code, shown = np.full(m, MET_NEVER, np.uint8), np.zeros(m, np.bool_)
    diagnosis = found.rows.table.coded["diagnosis_id"].take(found.row[asked])
    truth = dz.belongs(batch, found.item[asked], diagnosis)
    code[asked] = choose(truth == Truth.MET, MET_NEVER, choose(truth == Truth.NOT_MET, NOT_MET_NEVER, IMPRECISE))
    shown[asked] = truth == Truth.UNKNOWN
    return (Told(code, shown),)


def _was_or_is(found: _Asked, unit: Longs, asked: Ints, known: Ints) -> tuple[Codes, Ints]:
    """What `has` asks of a condition beside its name: that it is current; of an event, or in history, that it was."""
    view, words, of = found.batch.view, found.batch.words, found.units
    key = ("was", words.vocabulary, found.kind, found.ever)
    was = view.once(key, lambda: _was(words, found.rows, of, lesions_of(view, words, found.kind)[1]))
    code, flips = was[unit], np.full(len(unit), FUTURE, np.int32)
    now = np.flatnonzero(~of.ever[unit])
    code[now], flips[now] = current(found.of_lesions(), of.lesion[unit[now]], asked[now], known[now])
    return code, flips


def _was(words: Context, rows: Rows, of: Units, absent: Longs) -> Codes:
    """Of each unit: a row that was denied on its day is contradicted; one that is only suspected may be."""
    table, last = rows.table, of.last
    against = denials(words, rows, of.groups, absent)
    row = last[against.group]
    lo, hi = table.lo["date"], table.hi["date"]
    that_day = (lo[row] != NO_DAY) & (lo[row] == lo[against.row]) & (hi[row] == hi[against.row])
    denied = any_of(len(last), against.group, that_day)
    sure = table.coded["status"].table(lambda word: word in (None, "present", "resolved"), np.bool_)
    code = choose(sure[table.coded["status"].codes[last]], MET_NEVER, IMPRECISE)
    return choose(denied, CONFLICTING, code)


# --- fields --------------------------------------------------------------------------------------------------------


def _field(found: _Asked, item: t.FieldTest) -> Told:
    """A test of a field, of each candidate."""
    words, kind, test, table = found.batch.words, found.kind, item.test, found.rows.table

    def of_words(column: str, decide: Callable[[Any], Finding]) -> Told:
        question = (kind, item, words.cancer, words.definitions)
        return per_word(found.batch, table.coded[column], found.row, question, decide)

    match item.field:
        case "state":
            return states_told(found.groups(), found.asked, test, found.unit_current, found.turns)
        case "status":
            states = found.presence().status
            return state_told(states, found.unit, found.asked, "condition_status", test, found.turns)
        case "grade":
            return _grade_told(found, test)
        case "site":
            return of_words("sites", lambda sites: site_test(words, _NOBODY, sites, kind)(test))
        case "kind":
            return of_words("kind", lambda word: kind_test(replace(_NOBODY, kind=word), test, kind))
        case "due_to":
            by = (Domain.DRUG, Domain.PROCEDURE)
            return of_words("due_to", lambda linked: link_test(words, _NOBODY, linked, "due_to", kind, by)(test))
        case "for":
            of = (Domain.CONDITION, Domain.CANCER)
            return of_words("kind", lambda _: link_test(words, _NOBODY, (), "for", kind, of)(test))
        case _:
            return field_told(found.batch, kind, item, table, found.row)


def _grade_told(found: _Asked, test: t.Test) -> Told:
    """CTCAE grade, the latest recorded; `> baseline` compares with the row's own baseline."""
    groups, number = found.groups(), found.rows.table.number
    graded = rivals(groups, ~np.isnan(number["grade"]))
    grade, baseline = number["grade"][graded.row], number["baseline_grade"][graded.row]

    def leaf(test: t.Code | t.Compare | t.Link) -> Told:
        assert isinstance(test, t.Compare)  # the tree refuses anything else
        limit = baseline if test.number is None else np.full(len(grade), test.number)
        known = ~np.isnan(limit)
        code = np.full(len(grade), NOT_RECORDED, np.uint8)
        is_so = _within(grade[known], test.operator, limit[known])
        code[known] = choose(is_so, MET_COURSE, NOT_MET_COURSE)
        return Told(agreed(len(groups), graded, code), np.ones(len(groups), np.bool_))

    return test_told(test, leaf)


def _within(values: Floats, operator: t.Operator, limits: Floats) -> Bools:
    """Whether numbers compare with others as the operator says; both are exact, and there are few distinct ones."""
    pairs, inverse = np.unique(np.stack([values, limits]), axis=1, return_inverse=True)
    told_ = [compare(Interval.point(a), operator, Interval.point(b)) is Truth.MET for a, b in pairs.T.tolist()]
    found: Bools = np.array(told_, np.bool_)[inverse.reshape(-1)]
    return found


def _course(
    found: _Asked, unit: Longs, asked: Ints, known: Ints
) -> tuple[Ints, Ints, Ints, Ints, NDArray[np.int8]]:  # fmt: skip
    """From onset to end: first and last day of both, and how it ceases.

    What is current reaches the as-of date; what nobody saw end may.
    """
    table, of = found.rows.table, found.units
    row = of.last[unit]
    key = ("dated units", found.batch.vocabulary, found.kind, found.ever)
    first, last, latest = (each[unit] for each in found.batch.view.once(key, lambda: dated(of.groups)))
    has_day, event = first != NO_DAY, found.rows.temporal[row] == EVENT
    start = Spans(np.where(has_day, first, PAST), np.where(has_day, last, asked)).upto(asked)
    end_lo, end_hi = table.lo["end"][row], table.hi["end"][row]
    ends = (end_lo != NO_DAY) & ~event
    end = Spans(end_lo, end_hi).upto(asked)
    open_ = ~ends & ~event
    reaches = np.where(has_day, latest, PAST)
    going = np.flatnonzero(open_ & of.final[unit])
    there, _ = current(found.of_lesions(), of.lesion[unit[going]], asked[going], known[going])
    going = going[there >= FIRST_MET]
    reaches[going] = asked[going]
    change = np.where(found.rows.temporal[row] == CHRONIC, Change.NEVER.hardness, Change.COURSE.hardness)
    lo = np.where(event, start.lo, np.where(ends, np.maximum(end.lo, start.lo), reaches)).astype(np.int32)
    hi = np.where(event, start.hi, np.where(ends, end.hi, asked)).astype(np.int32)
    return start.lo, start.hi, lo, hi, np.where(open_, change, OVER).astype(np.int8)


# --- silence -------------------------------------------------------------------------------------------------------


def unrecorded_condition(batch: Batch, records: t.Records, until: Ints) -> Findings:
    """That nobody left out a condition that would match: by coverage, or by rows that deny everything asked."""
    words, kind, names = batch.words, records.kind, records.concepts.names
    if t.THIS_TREATMENT in names:
        return all_of(batch.n, NOT_MET_NEVER)
    asked: tuple[str, ...] = ()
    if not records.concepts.is_any:
        domains = CONCEPT_DOMAINS[kind]
        asked = tuple(id_ for name in names if name != t.THIS_CANCER for id_ in words.named(name, domains))
    if kind is Kind.DIAGNOSIS and of_the_recorded(words, records, asked):
        # The identity of a patient's recorded primaries never goes stale.
        counts = np.diff(dz.tumours(batch.view, words).starts)
        until = np.where(counts[batch.patient] > 0, PAST, until).astype(np.int32)
    found = []
    for inner, ids in kinds_asked(words, records, asked).items():
        need = Need("conditions", inner, ids, lasting=stays_current(words, inner, ids))
        denials_ = [each for id_ in ids for each in _denials(batch, kind, id_)]
        found.append(absence(batch, need, until=until, change=CHANGE_OF_ABSENCE[kind], denials=denials_))
    return either_absence(batch, found)


def _denials(batch: Batch, kind: Kind, concept: str) -> Sequence[Denial]:
    """What rows that say *absent* deny a concept, and until when."""
    view, words = batch.view, batch.words
    table, means = view.tables["conditions"], dz.meanings_in(view)

    def denies(row: Condition) -> bool:
        heads = tuple(Reading(id_) for id_ in row.agents) if kind is Kind.ALLERGY else disease.readings(words, row)
        return of_kind(row, kind) and len(heads) == 1 and denied_by(words, heads[0], concept)

    def rows() -> Longs:
        absent, by_meaning = view.once("denying", lambda: _absent(view))
        key = ("denies", kind, concept, words.vocabulary)
        return absent[by_meaning.having(view.decided(means, key, lambda: means.table(denies, np.bool_)))]

    # Whether an item's record denies a concept depends on nothing else of the document.
    mine = view.once(("denying", words.vocabulary, kind, concept), rows)
    if not len(mine):
        return ()
    pairs = batch.pairs(table, mine)
    return (Denial(concept, pairs.item, _said_on(table, pairs.row)),)


def _absent(view: View) -> tuple[Longs, Postings]:
    """The rows that say *absent* of a day, and where those of each meaning stand among them."""
    table, means = view.tables["conditions"], dz.meanings_in(view)
    absent = np.flatnonzero(dz.with_status(table, "absent"))
    absent = absent[_said_on(table, absent) != NO_DAY]
    return absent, Postings.of(means.codes[absent], len(means.values))


def _said_on(table: Table, rows: Longs) -> Ints:
    """The day of some rows: the first each may mean, else that on which it was recorded."""
    day = table.lo["date"][rows]
    return np.where(day != NO_DAY, day, table.day["recorded"][rows]).astype(np.int32)
