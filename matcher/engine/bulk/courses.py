"""When treatments and medications were taken: `reference.records.courses`, over arrays.

A course hangs on its row and on the day asked about alone. Asked about the day whose knowledge is used, as nearly
always, the courses of all rows are made once per view and taken by row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.engine.bulk.batch import Batch, Pairs
from matcher.engine.bulk.calendar import Spans
from matcher.engine.bulk.columns import NO_DAY, Bools, Coded, Ints, Longs
from matcher.engine.bulk.coverage import data_through, kind_of
from matcher.engine.bulk.fields import Told
from matcher.engine.bulk.findings import (
    IMPRECISE,
    MET_ACTION,
    MET_NEVER,
    MET_TIME,
    NOT_MET_ACTION,
    NOT_MET_COURSE,
    NOT_RECORDED,
    STALE,
)
from matcher.engine.bulk.records.candidates import OVER
from matcher.engine.bulk.view import View
from matcher.engine.reference.days import FUTURE, PAST
from matcher.engine.truth import Change
from patients.vocabulary import Vocabulary

#: Kinds of treatment, and heads of medications, that are given on one day.
_ON_ONE_DAY = ("surgery", "transplant")
_GIVEN_ONCE = ("vaccine", "transfusion")

_NOT_GIVEN = ("planned", "declined", "not suitable")


@dataclass(frozen=True, slots=True)
class Courses:
    """First and last possible dose of m records; `ceases` is OVER or the hardness of what ends them."""

    start: Spans
    end: Spans
    ceases: NDArray[np.int8]

    def take(self, index: NDArray[Any]) -> Courses:
        """Some of them, or each several times."""
        return Courses(self.start.take(index), self.end.take(index), self.ceases[index])


def course(batch: Batch, name: str, pairs: Pairs) -> Courses:
    """The courses of pairs with the table `name` (treatments or medications)."""
    acute = batch.settings.acute
    if not batch.of_today:
        return _courses(batch.view, batch.vocabulary, acute, name, pairs.row, batch.asked[pairs.item])

    def every() -> Courses:
        return _courses(batch.view, batch.vocabulary, acute, name, *_rows_today(batch.view, name))

    return batch.view.once(("courses", name, acute), every).take(pairs.row)


def _courses(view: View, vocabulary: Vocabulary, acute: int, name: str, rows: Longs, asked: Ints) -> Courses:
    """The courses of rows, each for the day it is asked about."""
    table = view.tables[name]
    ongoing = table.flag["ongoing"][rows]
    one_day = _one_day(view, vocabulary, name)[rows]
    said = told(view, name)[rows]
    believed = view.known[table.patient[rows]] < said + acute + 1
    start_lo, start_hi = table.lo["start"][rows], table.hi["start"][rows]
    end_lo, end_hi = table.lo["end"][rows], table.hi["end"][rows]
    has_start, has_end = start_lo != NO_DAY, end_lo != NO_DAY

    lo, hi = np.where(has_start, start_lo, PAST), np.where(has_start, start_hi, asked)
    planned = lo > asked
    lo, hi = np.minimum(lo, asked), np.minimum(hi, asked)
    ended = np.minimum(end_lo, asked), np.minimum(end_hi, asked)
    # Of what has an end and no start, and of what is said to end before it starts, the end bounds the start.
    first_lo = np.where(has_end, np.minimum(lo, ended[1]), lo)
    first_hi = np.where(has_end, np.where(has_start, np.minimum(hi, ended[1]), ended[1]), hi)
    going_on, open_ = ongoing == 1, ongoing == -1
    # What is no longer going on ended before it was said so; what nobody says may have gone on until now.
    latest = np.where((ongoing == 0) & (said > PAST), np.minimum(asked, said), asked)
    cases = [planned & has_end, planned, has_end, going_on & believed, open_ & one_day, going_on]
    last_lo = np.select(
        cases,
        [end_lo, start_lo, np.maximum(ended[0], lo), asked, lo, np.maximum(lo, np.minimum(said, asked))],
        lo,
    )
    last_hi = np.select(
        cases, [end_hi, np.full(len(rows), FUTURE), ended[1], asked, hi, asked], np.maximum(latest, lo)
    )  # fmt: skip
    may_go_on = ~has_end & (ongoing != 0) & (going_on | ~one_day)
    return Courses(
        _spans(np.where(planned, start_lo, first_lo), np.where(planned, start_hi, first_hi)),
        _spans(last_lo, last_hi),
        np.where(may_go_on, Change.ACTION.hardness, OVER).astype(np.int8),
    )


def _spans(lo: NDArray[Any], hi: NDArray[Any]) -> Spans:
    return Spans(lo.astype(np.int32), hi.astype(np.int32))


def told(view: View, name: str) -> Ints:
    """Per row of `treatments` or `medications` the last day of which it speaks; PAST where nobody knows."""

    def make() -> Ints:
        table = view.tables[name]
        reaches = data_through(view)[table.patient]
        spoken = np.where(reaches != NO_DAY, reaches, table.day["recorded"])
        found: Ints = np.maximum(np.maximum(table.lo["start"], spoken), PAST).astype(np.int32)
        return found

    return view.once(("told", name), make)


def _one_day(view: View, vocabulary: Vocabulary, name: str) -> Bools:
    """Per row whether it is of one day by its nature: an operation, a transfusion, a vaccination."""

    def make() -> Bools:
        table = view.tables[name]
        if name == "treatments":
            return kind_of(table, vocabulary).map(lambda kind: kind in _ON_ONE_DAY, np.bool_)
        heads = [head for head in _GIVEN_ONCE if vocabulary.get(head) is not None]

        def once(concepts: tuple[str, ...]) -> bool:
            return bool(concepts) and all(any(vocabulary.is_below(each, head) for head in heads) for each in concepts)

        return table.coded["concepts"].map(once, np.bool_)

    return view.once(("of one day", name), make)


def given(batch: Batch, pairs: Pairs) -> Told:
    """Whether treatments were given: unless the status says otherwise; a blank one if it had begun."""
    if not batch.of_today:
        return _given(batch.view, pairs.row, batch.asked[pairs.item])
    return batch.view.once("given", lambda: _given(batch.view, *_rows_today(batch.view, "treatments"))).take(pairs.row)


def _rows_today(view: View, name: str) -> tuple[Longs, Ints]:
    """All rows of a table, and the day whose knowledge is used of the patient of each."""
    table = view.tables[name]
    return np.arange(table.rows), view.known[table.patient]


def _given(view: View, rows: Longs, asked: Ints) -> Told:
    table = view.tables["treatments"]
    status = table.coded["status"].take(rows)
    start, end = table.hi["start"][rows], table.lo["end"][rows]
    begun = (start != NO_DAY) & (start <= asked)
    told_of = (end != NO_DAY) | (table.flag["ongoing"][rows] != -1)
    refused = status.map(lambda word: word in _NOT_GIVEN, np.bool_)
    sure = _is(status, "given") | (_is(status, None) & (begun | told_of))
    code = np.where(refused, NOT_MET_COURSE, np.where(sure, MET_NEVER, IMPRECISE)).astype(np.uint8)
    return Told(code, ~refused)


def _is(column: Coded, value: object) -> Bools:
    found: Bools = column.codes == column.code_of(value)
    return found


def under_way(batch: Batch, name: str, pairs: Pairs) -> tuple[Told, Ints]:
    """Whether records of the table `name` are being taken, and the first day on which time alone may turn that."""
    view, acute = batch.view, batch.settings.acute
    if not batch.of_today:
        return _under_way(view, acute, name, pairs.row, batch.asked[pairs.item])

    def every() -> tuple[Told, Ints]:
        return _under_way(view, acute, name, *_rows_today(view, name))

    found, flips = view.once(("under way", name, acute), every)
    return found.take(pairs.row), flips[pairs.row]


def _under_way(view: View, acute: int, name: str, rows: Longs, asked: Ints) -> tuple[Told, Ints]:
    table = view.tables[name]
    end_lo, end_hi = table.lo["end"][rows], table.hi["end"][rows]
    has_end, ongoing = end_lo != NO_DAY, table.flag["ongoing"][rows]
    lapses = told(view, name)[rows] + acute + 1
    cases = [
        has_end & (end_hi < asked), has_end & (end_lo >= asked), has_end, ongoing == 0, ongoing == -1,
        view.known[table.patient[rows]] >= lapses,
    ]  # fmt: skip
    codes = [NOT_MET_ACTION, MET_TIME, IMPRECISE, NOT_MET_ACTION, NOT_RECORDED, STALE]
    code = np.select(cases, codes, MET_ACTION).astype(np.uint8)
    flips = np.select([code == MET_TIME, code == MET_ACTION], [end_hi + 1, lapses], FUTURE)
    flips = np.where(flips > asked, flips, FUTURE).astype(np.int32)
    return Told(code, np.full(len(code), True)), flips
