"""What several rows say of one thing that may change, by the thousand (`reference.records.states`, over arrays).

The latest dated statement holds, a rival of it leaves it open. Which statements may be the latest is a matter of days
and found by arrays; how a stated word lies to the asked one is decided once per distinct word.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.engine.bulk.calendar import Spans, not_before, shift
from matcher.engine.bulk.columns import NO_DAY, Bools, Codes, Ints, Longs
from matcher.engine.bulk.fields import Told, test_told
from matcher.engine.bulk.findings import (
    CONFLICTING,
    FIRST_MET,
    IMPRECISE,
    MET_COURSE,
    MET_NEVER,
    NOT_MET_COURSE,
    NOT_MET_TIME,
    NOT_RECORDED,
    choose,
    spread_of,
)
from matcher.engine.bulk.groups import Groups, any_of
from matcher.engine.reference.days import FUTURE, PAST
from matcher.engine.reference.records.conditions import OPPOSITES, states_are
from matcher.engine.truth import Truth
from patients.facts import CodeRelation, Condition, code_relation
from trials.criteria import tree as t

#: The reason of what is not open.
NO_REASON = 255

#: How the possible codes of a state lie to what is asked, as bits.
OUTSIDE, MAY, WITHIN = 1, 2, 4

_BITS = {CodeRelation.OUTSIDE: OUTSIDE, CodeRelation.MAY: MAY, CodeRelation.WITHIN: WITHIN}
_TRUTH_BITS = {Truth.NOT_MET: OUTSIDE, Truth.UNKNOWN: MAY, Truth.MET: WITHIN}

#: The days, one array for each part of a pattern that asks about days, on which time alone may turn an answer.
Turns = list[Ints]


@dataclass(frozen=True, slots=True)
class Statements:
    """Codes that facts state of things from a day on, all of shape (m,).

    `owner` is the thing that each tells of, `code` indexes `values`, `days` is NO_DAY where nobody recorded the day;
    `may` marks what is only suspected.
    """

    values: tuple[str, ...]
    owner: Longs
    code: Longs
    days: Spans
    may: Bools

    def take(self, kept: NDArray[Any]) -> Statements:
        """Some of the statements."""
        return Statements(
            self.values, self.owner[kept], self.code[kept], self.days.take(kept), self.may[kept]
        )  # fmt: skip

    def and_(self, others: Statements) -> Statements:
        """These and others, of the same values."""
        return Statements(
            self.values,
            np.concatenate([self.owner, others.owner]),
            np.concatenate([self.code, others.code]),
            Spans(
                np.concatenate([self.days.lo, others.days.lo]),
                np.concatenate([self.days.hi, others.days.hi]),
            ),
            np.concatenate([self.may, others.may]),
        )


@dataclass(frozen=True, slots=True)
class States:
    """What each of n things may be: `said` holds the statements of which any may be the latest.

    `single` is the one code they give, -1 for none or several; `reason` a code of findings or NO_REASON; `open` says
    that none of the codes need be so. It has been so at least since `since` (NO_DAY: nobody knows); on `flips` it may
    cease to hold.
    """

    said: Statements
    has: Bools
    single: Longs
    reason: Codes
    open: Bools
    since: Spans
    flips: Ints

    def bits(self, lies: Callable[[str], int]) -> NDArray[np.uint8]:
        """How the possible codes of each lie to what is asked, together: `lies` is asked once per distinct word."""
        found = np.zeros(len(self.has), np.uint8)
        each = np.array([lies(value) for value in self.said.values], np.uint8)
        np.bitwise_or.at(found, self.said.owner, each[self.said.code])
        return found


def latest(n: int, said: Statements) -> States:
    """The states that the latest dated statements give; of several codes where days, or words of one day, differ."""
    dated = said.days.lo != NO_DAY
    certain = dated & ~said.may
    newest = np.full(n, PAST, np.int32)
    np.maximum.at(newest, said.owner[certain], said.days.lo[certain])
    possible = said.take(~dated | (said.days.hi >= newest[said.owner]))
    owner = possible.owner
    has = any_of(n, owner, np.ones(len(owner), np.bool_))
    open_ = ~any_of(n, owner, ~possible.may)
    low, high = _range(n, owner, possible.code)
    one_code, decided = low == high, has & (low == high) & ~open_
    reason = np.full(n, NO_REASON, np.uint8)
    unclear = has & ~decided
    one_day = _one_day(n, owner, possible.days)
    reason[unclear] = np.where(one_day & ~one_code, CONFLICTING, IMPRECISE)[unclear]
    single = np.where(has & one_code, low, -1)
    since = _since(n, said.take(certain), np.where(decided, single, -1))
    return States(possible, has, single, reason, open_, since, np.full(n, FUTURE, np.int32))


def _range(n: int, owner: Longs, value: NDArray[Any]) -> tuple[Longs, Longs]:
    """The least and the greatest value of each owner (of none, out of order)."""
    low, high = np.full(n, np.iinfo(np.int64).max), np.full(n, -1, np.int64)
    np.minimum.at(low, owner, value)
    np.maximum.at(high, owner, value)
    return low, high


def _one_day(n: int, owner: Longs, days: Spans) -> Bools:
    """Whether all of each owner's days are one and the same day that is known to the day."""
    first, last = _range(n, owner, days.lo)
    end, _ = _range(n, owner, days.hi)
    _, latest_end = _range(n, owner, days.hi)
    found: Bools = (first == last) & (end == latest_end) & (first == end) & (first != NO_DAY)
    return found


def _since(n: int, certain: Statements, code: Longs) -> Spans:
    """The first day of the unbroken run of statements of a code that reaches the latest one; -1 asks of none."""
    words = np.argsort(np.argsort(np.array(certain.values, dtype=object))) if certain.values else np.zeros(0, np.int64)
    order = np.lexsort((words[certain.code], certain.days.hi, certain.days.lo, certain.owner))
    owner, lo, hi = certain.owner[order], certain.days.lo[order], certain.days.hi[order]
    same = certain.code[order] == code[owner]
    first, end = np.searchsorted(owner, np.arange(n)), np.searchsorted(owner, np.arange(n), side="right")
    begin = first.copy()
    np.maximum.at(begin, owner[~same], np.flatnonzero(~same) + 1)
    known = begin < end
    since_lo, since_hi = np.zeros(n, np.int32), np.zeros(n, np.int32)
    since_lo[known], since_hi[known] = lo[begin[known]], hi[begin[known]]
    return Spans(since_lo, since_hi)


# --- tests of a state ----------------------------------------------------------------------------------------------


def lasting(code: Codes, since: Spans, explicit: Spans | None, asked: Ints, span: t.Span | None, turns: Turns) -> Codes:
    """`stable for 4 weeks`: of what is met, whether it has held since a day at least so long ago.

    `explicit` is the recorded first day of the state. Without it the first statement proves only that it has lasted.
    The arrays are of one shape; `turns` takes the days on which the answers may turn.
    """
    if span is None:
        return code
    told = np.zeros(len(code), np.bool_) if explicit is None else explicit.lo != NO_DAY
    lo = since.lo if explicit is None else np.where(told, explicit.lo, since.lo)
    hi = since.hi if explicit is None else np.where(told, explicit.hi, since.hi)
    due = Spans(shift(lo, span), shift(hi, span))
    truth = not_before(Spans(asked, asked), due)
    is_met, known = code >= FIRST_MET, lo != NO_DAY
    short = np.where((truth == Truth.NOT_MET) & told, NOT_MET_TIME, IMPRECISE)
    found = np.where(known, np.where(truth == Truth.MET, code, short), NOT_RECORDED)
    turns.append(_next(due, asked, is_met & known))
    return np.where(is_met, found, code).astype(np.uint8)


def _next(due: Spans, asked: Ints, where: Bools) -> Ints:
    """The first end of each interval that lies after the day asked about."""
    after = np.where(due.lo > asked, due.lo, np.where(due.hi > asked, due.hi, FUTURE))
    return np.where(where, after, FUTURE).astype(np.int32)


def flip_after(flips: Ints, asked: Ints) -> Ints:
    """Days on which an answer may turn, FUTURE where they lie behind the day asked about."""
    return np.where(flips > asked, flips, FUTURE).astype(np.int32)


def state_told(states: States, at: Longs, asked: Ints, column: str, test: t.Test, turns: Turns) -> Told:
    """A test of a coded state, extent or status: of the states of `at`, one for each of m candidates."""
    turns.append(flip_after(states.flips[at], asked))
    open_, undecided = states.open[at], _undecided(states, at)

    def leaf(test: t.Code | t.Compare | t.Link) -> Told:
        assert isinstance(test, t.Code)  # the tree refuses anything else
        asked_for = test.code
        bits = states.bits(lambda value: _BITS[code_relation(column, value, asked_for)])[at]
        # What is metastatic does not become localised again; what is not yet may progress.
        met_ = MET_NEVER if asked_for in ("metastatic", "advanced") else MET_COURSE
        decided = np.where(open_, 0, bits)
        code = choose(decided == WITHIN, met_, choose(decided == OUTSIDE, NOT_MET_COURSE, undecided))
        code = lasting(code, states.since.take(at), None, asked, test.lasting, turns)
        return Told(code, np.ones(len(at), np.bool_))

    return test_told(test, leaf)


def _undecided(states: States, at: Longs) -> Codes:
    """Why it is open whether each is what is asked for."""
    reason = states.reason[at]
    return choose(states.has[at], choose(reason == NO_REASON, IMPRECISE, reason), NOT_RECORDED)


def words_told(
    states: States, at: Longs, test: t.Test, lies: Callable[[str, str], Truth | CodeRelation], change: tuple[int, int]
) -> Told:
    """A test of a word that any row may state, the latest first; `change` are the codes of met and not met."""
    undecided, (met_, not_met) = _undecided(states, at), change

    def leaf(test: t.Code | t.Compare | t.Link) -> Told:
        assert isinstance(test, t.Code)  # the tree refuses anything else
        asked_for = test.code
        bits = states.bits(lambda value: _bit(lies(value, asked_for)))[at]
        code = choose(bits == WITHIN, met_, choose(bits == OUTSIDE, not_met, undecided))
        return Told(code, np.ones(len(at), np.bool_))

    return test_told(test, leaf)


def _bit(lies: Truth | CodeRelation) -> int:
    return _TRUTH_BITS[lies] if isinstance(lies, Truth) else _BITS[lies]


# --- rivals --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rivals:
    """The rows of n groups of which each may be the latest, and why that is open.

    `owner` and `row` are of shape (m,), `reason` of shape (n,) is the code of the finding where they disagree.
    """

    owner: Longs
    row: Longs
    reason: Codes


def rivals(groups: Groups, stating: Bools) -> Rivals:
    """Of the rows of each group that state something (a mask of the table's rows) those that may be the latest.

    They are those of the last day, partial dates that may reach it, and undated ones.
    """
    table, n = groups.table, len(groups)
    kept = stating[groups.rows]
    row, owner = groups.rows[kept], groups.owner[kept]
    lo, hi = table.lo["date"][row], table.hi["date"][row]
    newest = np.zeros(n, np.int32)
    np.maximum.at(newest, owner, lo)
    found = (lo == NO_DAY) | (hi >= newest[owner])
    row, owner = row[found], owner[found]
    one_day = _one_day(n, owner, Spans(lo[found], hi[found]))
    return Rivals(owner, row, np.where(one_day, CONFLICTING, IMPRECISE).astype(np.uint8))


def agreed(n: int, rivals: Rivals, code: Codes) -> Codes:
    """The answer that each of the rows gives; unknown where they differ, not recorded where there is none."""
    return spread_of(n, rivals.owner, code, rivals.reason)


def states_told(
    groups: Groups, asked: Ints, test: t.Test, current: Callable[[], Told], turns: Turns
) -> Told:  # fmt: skip
    """`state: treated and stable for 4 weeks`, of the diseases of m candidates: words that the latest rows give.

    `current` tells whether each is there at all (`ongoing`).
    """
    table, n = groups.table, len(groups)
    column = table.coded["states"]
    stating = column.codes != 0
    latest_rows = rivals(groups, stating)
    explicit = Spans(table.lo["state_since"][latest_rows.row], table.hi["state_since"][latest_rows.row])

    def leaf(test: t.Code | t.Compare | t.Link) -> Told:
        assert isinstance(test, t.Code)  # the tree refuses anything else
        asked_for, span = test.code, test.lasting
        if asked_for == "ongoing":
            return current()
        states = column.table(lambda value: states_are(Condition(id="", states=value), asked_for), np.bool_)
        denies = column.table(lambda value: any(state in OPPOSITES[asked_for] for state in value), np.bool_)
        said = column.codes[latest_rows.row]
        code = choose(states[said], MET_COURSE, choose(denies[said], NOT_MET_COURSE, NOT_RECORDED))
        if span is not None:
            since = _run(groups, stating, states[column.codes], latest_rows)
            own: Turns = []
            code = lasting(code, since, explicit, asked[latest_rows.owner], span, own)
            turns.append(_first_of(n, latest_rows.owner, own[0]))
        return Told(agreed(n, latest_rows, code), np.ones(n, np.bool_))

    return test_told(test, leaf)


def _first_of(n: int, owner: Longs, flips: Ints) -> Ints:
    found = np.full(n, FUTURE, np.int32)
    np.minimum.at(found, owner, flips)
    return found


def _run(groups: Groups, stating: Bools, states: Bools, latest_rows: Rivals) -> Spans:
    """The day of the first of the rows that have said so without a break up to each of the latest rows.

    `states` says which rows of the table state what is asked for.
    """
    table = groups.table
    member = np.flatnonzero(stating[groups.rows] & (table.lo["date"][groups.rows] != NO_DAY))
    owner, row = groups.owner[member], groups.rows[member]
    lo, hi = table.lo["date"][row], table.hi["date"][row]
    # Of each group the latest first; rows that may begin on one day stay in their order.
    order = np.lexsort((np.arange(len(row)), -lo.astype(np.int64), owner))
    owner, row, lo, hi = owner[order], row[order], lo[order], hi[order]
    breaks = np.append(np.flatnonzero(~states[row]), len(row))
    day = table.lo["date"][latest_rows.row]
    # Where the rows begin that are no later than each of the latest: they are sorted by owner and falling day.
    key = owner * (FUTURE + 1) + (FUTURE - lo)
    begin = np.searchsorted(key, latest_rows.owner * (FUTURE + 1) + (FUTURE - day))
    upto = breaks[np.searchsorted(breaks, begin)] if len(row) else begin
    upto = np.minimum(upto, np.searchsorted(owner, latest_rows.owner, side="right"))
    runs = (upto > begin) & (day != NO_DAY)
    found_lo, found_hi = day.copy(), table.hi["date"][latest_rows.row].copy()
    found_lo[runs], found_hi[runs] = lo[upto[runs] - 1], hi[upto[runs] - 1]
    return Spans(found_lo, found_hi)
