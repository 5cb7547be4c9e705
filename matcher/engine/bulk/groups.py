"""Rows in groups: those that tell of the same thing, found for all patients at once.

A group is gathered as the reference does it, row after row: each joins the first group all of whose rows are the same
thing. That is done for the first row of every patient, then for the second of all who have one, and so on. Whether two
rows are the same depends on their words alone, so it is decided once per distinct pair of words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.engine.bulk.alike import alike
from matcher.engine.bulk.columns import NO_DAY, Bools, Coded, Ints, Longs, Table
from matcher.engine.reference.days import FUTURE


@dataclass(frozen=True, slots=True)
class Groups:
    """Rows of a table in groups, ascending by `patient` (of each group, shape (g,)).

    The rows of group i are `rows[bounds[i]:bounds[i + 1]]`, the oldest first and undated ones last.
    """

    table: Table
    patient: Longs
    bounds: Longs
    rows: Longs

    def __len__(self) -> int:
        return len(self.patient)

    @property
    def first(self) -> Longs:
        """The oldest row of each group."""
        return self.rows[self.bounds[:-1]]

    @property
    def last(self) -> Longs:
        """The latest row of each group, an undated one before all others."""
        return self.rows[self.bounds[1:] - 1]

    @property
    def owner(self) -> Longs:
        """The group of each of `rows`."""
        return np.repeat(np.arange(len(self.patient)), np.diff(self.bounds))

    def some(self, kept: NDArray[Any]) -> Groups:
        """Some of the groups (a mask or ascending indices)."""
        index = np.arange(len(self))[kept]
        count = np.diff(self.bounds)[index]
        _, member = spread_out(self.bounds[index], count)
        return Groups(self.table, self.patient[index], bounds_of(count), self.rows[member])


def bounds_of(count: NDArray[Any]) -> Longs:
    """Where runs of the given lengths begin when laid one after the other, and at the end their sum."""
    return np.concatenate([[0], np.cumsum(count)]).astype(np.int64)


def spread_out(first: NDArray[Any], count: NDArray[Any]) -> tuple[Longs, Longs]:
    """Runs of indices, `count` from `first` on, one after the other: the run and the index of each."""
    run = np.repeat(np.arange(len(count), dtype=np.int64), count)
    within = np.arange(len(run), dtype=np.int64) - (np.cumsum(count) - count)[run]
    return run, first[run].astype(np.int64) + within


def ascending(numbers: Longs) -> Longs:
    """The distinct numbers, ascending."""
    found = np.sort(numbers)
    distinct_: Longs = found[np.append(True, found[1:] != found[:-1])[: len(found)]]
    return distinct_


def any_of(n: int, index: NDArray[Any], mask: Bools) -> Bools:
    """Whether something holds of any of those that belong to each of n."""
    found = np.zeros(n, np.bool_)
    found[index[mask]] = True
    return found


def among(known: Longs, asked: Longs) -> Bools:
    """Which of the asked numbers stand among the known ones, which are ascending."""
    if not len(known):
        return np.zeros(len(asked), np.bool_)
    found: Bools = known[np.minimum(np.searchsorted(known, asked), len(known) - 1)] == asked
    return found


def per_pair(a: Coded, b: Coded, decide: Callable[[Any, Any], Any], dtype: Any) -> NDArray[Any]:
    """What `decide` says of the values of two columns in each row, asked once per distinct pair that occurs."""
    pair, inverse = np.unique(a.codes.astype(np.int64) * len(b.values) + b.codes, return_inverse=True)
    said = [decide(a.values[each // len(b.values)], b.values[each % len(b.values)]) for each in pair.tolist()]
    found: NDArray[Any] = np.array(said, dtype=dtype)[inverse.reshape(-1)]
    return found


def sequences(groups: Groups, codes: NDArray[Any]) -> Coded:
    """The codes of the rows of each group, in their order, as a tuple; `codes` is of `groups.rows`."""
    count = np.diff(groups.bounds)
    values: list[tuple[int, ...]] = [()]
    found = np.zeros(len(groups), np.int64)
    size = int(codes.max(initial=0)) + 1
    for k in range(int(count.max(initial=0))):
        longer = np.flatnonzero(count > k)
        added, inverse = np.unique(found[longer] * size + codes[groups.bounds[longer] + k], return_inverse=True)
        found[longer] = len(values) + inverse.reshape(-1)
        values += [(*values[each // size], each % size) for each in added.tolist()]
    return Coded(tuple(values), found)


def gather(
    table: Table, rows: Longs, same: Callable[[Longs, Longs], Bools], plainly: Callable[[Longs, Longs], Bools], *,
    kin: Longs | None = None,
) -> Groups:  # fmt: skip
    """The rows of each patient as groups, in the order of their first rows.

    `same` says of two arrays of rows which pairs tell of the same thing. Rows of different `kin` (a code per row)
    never do. `plainly` says of runs of rows, which begin at the given places, in which every two do: most patients have
    but one row, or say the same in all, and need no pair to be compared.
    """
    undated = table.lo["date"][rows] == NO_DAY
    by_day = np.lexsort(
        (table.order[rows], table.hi["date"][rows], table.lo["date"][rows], undated, table.patient[rows])
    )  # fmt: skip
    rows = rows[by_day]
    pool = table.patient[rows].astype(np.int64)
    rank = np.arange(len(rows))
    if kin is not None:
        _, pool = alike([pool, kin[by_day]])
        rank = np.argsort(pool, kind="stable")
        rows, pool = rows[rank], pool[rank]
    begins = np.flatnonzero(np.append(True, pool[1:] != pool[:-1])[: len(pool)])
    count = np.diff(np.append(begins, len(pool)))
    number = np.zeros(len(rows), np.int64)
    head = np.repeat(begins, count)
    if len(rows):
        mixed = ~plainly(rows, begins)
        begins, count = begins[mixed], count[mixed]
    for k in range(1, int(count.max(initial=0))):
        at = begins[count > k] + k
        before = at[:, None] - np.arange(1, k + 1)
        apart = ~same(np.repeat(rows[at], k), rows[before.reshape(-1)]).reshape(before.shape)
        closed = np.zeros((len(at), k + 1), np.bool_)
        one, other = np.nonzero(apart)
        closed[one, number[before[one, other]]] = True
        number[at] = np.argmin(closed, axis=1)
        # Of the rows of a group each knows the first.
        joined = number[before] == number[at][:, None]
        head[at] = np.where(joined, head[before], at[:, None]).min(axis=1)
    leader = rank[head]
    order = np.lexsort((rank, leader))
    rows, leader = rows[order], leader[order]
    starts = np.flatnonzero(np.append(True, leader[1:] != leader[:-1])[: len(leader)])
    return Groups(table, table.patient[rows[starts]].astype(np.int64), np.append(starts, len(rows)), rows)


def all_equal(codes: NDArray[Any], begins: Longs) -> Bools:
    """Whether the codes of each run are one and the same; `begins` are the places where runs begin."""
    found: Bools = np.minimum.reduceat(codes, begins) == np.maximum.reduceat(codes, begins)
    return found


def dated(groups: Groups) -> tuple[Ints, Ints, Ints]:
    """Over the dated rows of each group the least first day, the least last day and the greatest first day.

    NO_DAY where no row is dated.
    """
    table, n = groups.table, len(groups)
    kept = table.lo["date"][groups.rows] != NO_DAY
    row, owner = groups.rows[kept], groups.owner[kept]
    first, last, latest = np.full(n, FUTURE, np.int32), np.full(n, FUTURE, np.int32), np.full(n, NO_DAY, np.int32)
    np.minimum.at(first, owner, table.lo["date"][row])
    np.minimum.at(last, owner, table.hi["date"][row])
    np.maximum.at(latest, owner, table.lo["date"][row])
    none = latest == NO_DAY
    first[none] = last[none] = NO_DAY
    return first, last, latest
