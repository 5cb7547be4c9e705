"""Diseases beside the primaries, each told of by one row or several, and whether each is there.

What the rows may be of a kind is gathered once for all patients of a view: the lesions, and the units that a pattern is
asked of, which are lesions for what is current and single rows for what ever was. Their status is a state; whether they
are there depends on the day asked about and is told of items with units.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.engine.bulk.calendar import Spans
from matcher.engine.bulk.columns import NO_DAY, SPECS, Bools, Coded, Codes, Ints, Longs, Table, starts_of
from matcher.engine.bulk.diseases import denies, is_metastasis, lesions, meanings, meanings_in, with_status
from matcher.engine.bulk.findings import FIRST_MET, IMPRECISE, MET_COURSE, MET_NEVER, NOT_MET_COURSE, STALE, choose
from matcher.engine.bulk.groups import Groups, any_of, bounds_of, spread_out
from matcher.engine.bulk.states import NO_REASON, Statements, States, latest
from matcher.engine.bulk.view import View
from matcher.engine.reference.context import Context
from matcher.engine.reference.days import FUTURE, PAST
from matcher.engine.reference.records import disease as dz
from matcher.engine.reference.records.conditions import of_kind, temporal_of
from matcher.engine.reference.records.coverage import METASTASIS
from trials.criteria.kinds import Kind

#: Where rows come from, in the order of `origin`.
TABLES = ("conditions", "disease_status")

#: How a condition passes.
STATE, EVENT, ACUTE, CHRONIC = 0, 1, 2, 3
_TEMPORAL = {"event": EVENT, "acute": ACUTE, "chronic": CHRONIC}


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows that tell of diseases: condition rows and, of a patient without a recorded metastasis, the events of a
    distant one.

    `means` are the meanings of the rows of `table`, `temporal` how each passes; `origin` and `row` say where each is
    recorded.
    """

    table: Table
    means: Coded
    temporal: NDArray[np.int8]
    metastasis: Bools
    origin: NDArray[np.int8]
    row: Longs


@dataclass(frozen=True, slots=True)
class Units:
    """What a pattern of a kind is asked of, ascending by patient: lesions, or single rows where `ever` holds.

    `lesion` is the lesion of each, `final` whether its latest row is that of its lesion. `last` is the latest row of
    each, `meaning` the code of what that means, `counted` what each counts as: an event each time, a lesion once
    however often it is told of.
    """

    groups: Groups
    lesion: Longs
    ever: Bools
    final: Bools
    last: Longs
    meaning: Longs
    counted: Longs

    def __len__(self) -> int:
        return len(self.groups)


# --- rows ----------------------------------------------------------------------------------------------------------


def told(view: View, words: Context) -> Rows:
    """The rows that tell of diseases."""
    return view.once(("told", words.vocabulary), lambda: _told(view, words))


def _told(view: View, words: Context) -> Rows:
    table, events = view.tables["conditions"], view.tables["disease_status"]
    recorded = is_metastasis(view, words) & ~with_status(table, "absent")
    has_one = any_of(view.patients, table.patient, recorded)
    spread = np.flatnonzero(with_status(events, "distant metastasis") & ~has_one[events.patient])
    means, origin, row = meanings_in(view), np.zeros(table.rows, np.int8), np.arange(table.rows)
    if len(spread):
        table, origin, row = _with_events(table, events, spread)
        means = meanings(view, table)
    temporal = means.map(lambda each: _TEMPORAL.get(temporal_of(words, dz.Disease((each,))), STATE), np.int8)
    metastasis = means.map(lambda each: dz.is_metastasis(words, each), np.bool_)
    return Rows(table, means, temporal, metastasis, origin, row)


def _with_events(table: Table, events: Table, spread: Longs) -> tuple[Table, NDArray[np.int8], Longs]:
    """Condition rows with events of a distant metastasis after them, as rows of a metastasis."""
    patient = np.concatenate([table.patient, events.patient[spread]])
    order = np.argsort(patient, kind="stable")
    spec, none = SPECS["conditions"], np.zeros(len(spread), np.int32)
    # An event is named by another table's name than a condition, which comes after it.
    after = int(table.order.max(initial=0)) + 1
    days = {"date": events.lo["date"][spread]}, {"date": events.hi["date"][spread]}
    words = {
        "concepts": Coded(((), (METASTASIS,)), none + 1),
        "kind": Coded((None, METASTASIS), none + 1),
        "raw": Coded((None, "distant metastasis"), none + 1),
        "sites": events.coded["sites"].take(spread),
        "diagnosis_id": events.coded["diagnosis"].take(spread),
    }

    def column(mine: NDArray[Any], theirs: NDArray[Any]) -> Any:
        return np.concatenate([mine, theirs])[order]

    def coded(name: str, empty: Any) -> Coded:
        mine, theirs = table.coded[name], words.get(name, Coded((empty,), none))
        known: dict[Any, int] = {}
        first, second = (
            np.array([known.setdefault(value, len(known)) for value in each.values], np.int64)[each.codes]
            for each in (mine, theirs)
        )
        return Coded(tuple(known), column(first, second))

    whole = replace(
        table,
        patient=patient[order],
        order=column(table.order, events.order[spread] + after),
        lo={name: column(table.lo[name], days[0].get(name, none)) for name in spec.days},
        hi={name: column(table.hi[name], days[1].get(name, none)) for name in spec.days},
        day={name: column(table.day[name], events.day[name][spread]) for name in spec.plain_days},
        number={name: column(table.number[name], np.full(len(spread), np.nan)) for name in spec.numbers},
        flag={name: column(table.flag[name], np.ones(len(spread), np.int8)) for name in spec.flags},
        coded={**{name: coded(name, None) for name in spec.words}, **{name: coded(name, ()) for name in spec.tuples}},
        starts=starts_of(patient[order], table.patients),
    )
    origin = np.repeat(np.array([0, 1], np.int8), [table.rows, len(spread)])[order]
    return whole, origin, np.concatenate([np.arange(table.rows), spread])[order]


def rows_of_kind(rows: Rows, kind: Kind) -> Bools:
    """Which rows are, or may be, of the kind a pattern asks for."""
    return rows.means.map(lambda each: of_kind(each, kind), np.bool_)


# --- lesions and units ---------------------------------------------------------------------------------------------


def lesions_of(view: View, words: Context, kind: Kind) -> tuple[Groups, Longs]:
    """What the rows of a kind tell of, and those of the rows that deny something."""
    return view.once(("lesions", words.vocabulary, kind), lambda: _lesions_of(view, words, kind))


def _lesions_of(view: View, words: Context, kind: Kind) -> tuple[Groups, Longs]:
    rows = told(view, words)
    mine = rows_of_kind(rows, kind)
    absent = np.flatnonzero(mine & with_status(rows.table, "absent"))
    return lesions(rows.table, rows.means, np.flatnonzero(mine)), absent


def units(view: View, words: Context, kind: Kind, ever: bool) -> Units:
    """What a pattern of a kind is asked of; `ever` asks what ever was of everything, else it is asked of events."""
    return view.once(("units", words.vocabulary, kind, ever), lambda: _units(view, words, kind, ever))


def _units(view: View, words: Context, kind: Kind, ever: bool) -> Units:
    rows = told(view, words)
    found, _ = lesions_of(view, words, kind)
    alone = np.ones(len(found), np.bool_) if ever else rows.temporal[found.last] == EVENT
    owner, last = found.owner, np.zeros(len(found.rows), np.bool_)
    last[found.bounds[1:] - 1] = True
    single = alone[owner] & ~with_status(rows.table, "absent")[found.rows]
    # A lesion as a whole stands at the place of its latest row.
    place = np.flatnonzero(single | (last & ~alone[owner]))
    lesion = owner[place]
    count = np.where(alone[lesion], 1, np.diff(found.bounds)[lesion])
    _, member = spread_out(np.where(alone[lesion], place, found.bounds[lesion]), count)
    groups = Groups(rows.table, found.patient[lesion], bounds_of(count), found.rows[member])
    latest_row = groups.last
    counted = np.where(rows.temporal[latest_row] == EVENT, latest_row, found.first[lesion])
    return Units(groups, lesion, alone[lesion], last[place], latest_row, rows.means.codes[latest_row], counted)


# --- being there ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Denials:
    """Rows that say *absent* of what the latest row of a group tells of: group and row, shape (m,)."""

    group: Longs
    row: Longs


def denials(words: Context, rows: Rows, groups: Groups, absent: Longs) -> Denials:
    """The absent rows that deny each group."""
    starts = np.searchsorted(groups.patient, np.arange(rows.table.patients + 1))
    who = rows.table.patient[absent]
    run, group = spread_out(starts[who], starts[who + 1] - starts[who])
    row = absent[run]
    kept = denies(words, rows.means.take(row), rows.means.take(groups.last[group]))
    return Denials(group[kept], row[kept])


_STATUSES = ("present", "absent", "resolved")


def status(words: Context, rows: Rows, groups: Groups, absent: Longs) -> States:
    """The status of each disease.

    A row that says none says that it is present, one that denies a wider one denies it.
    """
    table = rows.table
    column = table.coded["status"]
    values = tuple(dict.fromkeys((*_STATUSES, *(value for value in column.values if value))))
    code = np.array([values.index(value or "present") for value in column.values], np.int64)[column.codes]
    against = denials(words, rows, groups, absent)
    # An absent row of the disease itself says what it denies twice, on the one day.
    row = np.concatenate([groups.rows, against.row])
    owner = np.concatenate([groups.owner, against.group])
    # A row that calls a disease resolved speaks of the day of its end.
    at_end = with_status(table, "resolved")[row] & (table.lo["end"][row] != NO_DAY)
    days = Spans(
        np.where(at_end, table.lo["end"][row], table.lo["date"][row]),
        np.where(at_end, table.hi["end"][row], table.hi["date"][row]),
    )
    return latest(len(groups), Statements(values, owner, code[row], days, np.zeros(len(row), np.bool_)))


@dataclass(frozen=True, slots=True)
class Presence:
    """What decides whether diseases are there, each of shape (n,).

    `end` is that of the latest row; `seen_before` says that an earlier row saw the disease; `lapses` is the first day
    on which an acute one may have passed.
    """

    status: States
    end: Spans
    temporal: NDArray[np.int8]
    seen_before: Bools
    dated: Bools
    lapses: Ints


def presence(words: Context, rows: Rows, groups: Groups, absent: Longs) -> Presence:
    """What decides whether diseases are there."""
    table, n, last = rows.table, len(groups), groups.last
    owner, hi = groups.owner, table.hi["date"][groups.rows]
    is_dated = hi != NO_DAY
    since = table.lo["date"][last]
    latest_day = np.full(n, PAST, np.int32)
    np.maximum.at(latest_day, owner[is_dated], hi[is_dated])
    return Presence(
        status=status(words, rows, groups, absent),
        end=Spans(table.lo["end"][last], table.hi["end"][last]),
        temporal=rows.temporal[last],
        # NO_DAY lies before every day: of an undated latest row nothing was seen before.
        seen_before=any_of(n, owner, is_dated & (hi < since[owner])),
        dated=any_of(n, owner, is_dated),
        lapses=(latest_day + words.settings.acute + 1).astype(np.int32),
    )


def current(found: Presence, at: Longs, asked: Ints, known: Ints) -> tuple[Codes, Ints]:
    """Whether diseases are there on the day asked about (SEMANTICS §2.1), and the day on which time may turn that."""
    states, end = found.status, found.end.take(at)
    single = states.single[at]
    present, resolved = single == _STATUSES.index("present"), single == _STATUSES.index("resolved")
    ends = end.lo != NO_DAY
    # "Resolved" beside the date of its onset says nothing of when; beside an earlier sighting it does.
    over = np.where(ends, end.hi < asked, resolved & found.seen_before[at]) & (present | resolved)
    over |= single == _STATUSES.index("absent")
    reason = states.reason[at]
    unclear = ~present | (ends & (end.lo < asked))
    temporal, lapses = found.temporal[at], found.lapses[at]
    acute = temporal == ACUTE
    lapsed = acute & (known >= lapses)
    code = choose(temporal == CHRONIC, MET_NEVER, MET_COURSE)
    code = choose(lapsed, choose(found.dated[at], STALE, IMPRECISE), code)
    code = choose(unclear, choose(reason == NO_REASON, IMPRECISE, reason), code)
    code = choose(over, NOT_MET_COURSE, code)
    turns = acute & (code >= FIRST_MET) & (lapses > asked)
    return code, np.where(turns, lapses, FUTURE).astype(np.int32)


def of_units(view: View, words: Context, kind: Kind, ever: bool) -> Presence:
    """What decides whether the units of a kind are there."""
    key = ("presence", words.vocabulary, words.settings.acute, kind, ever)

    def make() -> Presence:
        return presence(
            words, told(view, words), units(view, words, kind, ever).groups, lesions_of(view, words, kind)[1]
        )

    return view.once(key, make)


def of_lesions(view: View, words: Context, kind: Kind) -> Presence:
    """What decides whether the lesions of a kind are there."""
    key = ("presence", words.vocabulary, words.settings.acute, kind)

    def make() -> Presence:
        found, absent = lesions_of(view, words, kind)
        return presence(words, told(view, words), found, absent)

    return view.once(key, make)
