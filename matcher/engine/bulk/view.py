"""The columns as they stood on the day asked about: nothing later is in sight (`reference.view`, over arrays).

Facts of later days are left out; of a treatment that ended later its end, response, stop reason and `ongoing: no` are
not known yet. Every patient may be asked about a day of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from matcher.engine.bulk.columns import NO_DAY, Bools, Coded, Columns, Ints, Table
from matcher.engine.bulk.postings import Postings

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class View:
    """Columns with nothing in sight that happened after `known` (one ordinal per patient).

    `tables` holds only visible rows. `dead` says who is known to have died by then and is not evaluated, `disputed` of
    whom the record says both that they live and that they died.
    """

    columns: Columns
    known: Ints
    tables: Mapping[str, Table]
    dead: Bools
    disputed: Bools
    cache: dict[Hashable, Any] = field(default_factory=dict)

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` gives, remembered under a key: what depends on no document."""
        if key not in self.cache:
            self.cache[key] = make()
        found: T = self.cache[key]
        return found

    def decided(self, column: Coded, question: Hashable, decide: Callable[[], T]) -> T:
        """What was decided of the words of a column under a question, by code: once for all parts of a registry."""
        cache, key = self.columns.decided, (id(column.values), question)
        if key not in cache:
            # The words are kept beside what was decided of them, so that no others can take their place in memory.
            cache[key] = (column.values, decide())
        found: tuple[Any, T] = cache[key]
        return found[1]

    def postings(self, name: str, column: str) -> Postings:
        """Where each word of a column of a table stands."""
        held = self.tables[name].coded[column]
        return self.once(("postings", name, column), lambda: Postings.of(held.codes, len(held.values)))

    @property
    def patients(self) -> int:
        """The number of patients."""
        return self.columns.patients


def view_at(columns: Columns, known: Ints) -> View:
    """The view of each patient on a day."""
    tables = dict(columns.tables)
    tables["conditions"] = _conditions(columns, known)
    tables["treatments"] = _treatments(columns, known)
    tables["medications"] = _medications(columns, known)
    for name in ("observations", "biomarkers", "disease_status"):
        tables[name] = _dated(columns.tables[name], "date", known)
    answers = columns.tables["answers"]
    tables["answers"] = _some(answers, answers.day["on"] <= known[answers.patient])
    dead, disputed = _vital_status(columns, known)
    return View(columns, known, tables, dead, disputed)


def _some(table: Table, seen: Bools) -> Table:
    return table if seen.all() else table.select(seen)


def _dated(table: Table, column: str, known: Ints) -> Table:
    return _some(table, table.lo[column] <= known[table.patient])


def _vital_status(columns: Columns, known: Ints) -> tuple[Bools, Bools]:
    """Who is known to have died by the day, and of whom it is contradicted.

    A partial date of death counts from its last day, or from the day on which the death was known; a death after the
    day is not known, be it denied or not.
    """
    told = (columns.data_through == NO_DAY) | (columns.data_through <= known)
    has_date = columns.death_lo != NO_DAY
    by_date = (columns.death_hi <= known) | ((columns.death_lo <= known) & (columns.deceased == 1) & told)
    without = (columns.deceased == 1) & told
    disputed = columns.vital_conflict & np.where(has_date, columns.death_lo <= known, told)
    return np.where(has_date, by_date, without) & ~columns.vital_conflict, disputed


def _conditions(columns: Columns, known: Ints) -> Table:
    table = _dated(columns.tables["conditions"], "date", known)
    day = known[table.patient]
    ends_later = table.lo["end"] > day
    if ends_later.any():
        hidden = {"end": np.where(ends_later, NO_DAY, table.lo["end"]).astype(np.int32)}
        hidden_hi = {"end": np.where(ends_later, NO_DAY, table.hi["end"]).astype(np.int32)}
        status = table.coded["status"]
        resolved = ends_later & (status.codes == status.code_of("resolved"))
        table = table.with_(lo=hidden, hi=hidden_hi, coded={"status": status.set(resolved, None)})
    began_later = table.lo["state_since"] > day
    if began_later.any():
        states = table.coded["states"]
        table = table.with_(
            lo={"state_since": np.where(began_later, NO_DAY, table.lo["state_since"]).astype(np.int32)},
            hi={"state_since": np.where(began_later, NO_DAY, table.hi["state_since"]).astype(np.int32)},
            coded={"states": states.set(began_later, ())},
        )
    return table


def _told(columns: Columns, table: Table) -> Ints:
    """The day on which what each row says was known; NO_DAY where nobody knows."""
    reaches = columns.data_through[table.patient]
    return np.where(reaches != NO_DAY, reaches, table.day["recorded"]).astype(np.int32)


def _begun_rows(table: Table, known: Ints) -> Bools:
    begun: Bools = table.lo["start"] <= known[table.patient]
    return begun


def _treatments(columns: Columns, known: Ints) -> Table:
    table = columns.tables["treatments"]
    status = table.coded["status"]
    planned_rows = status.codes == status.code_of("planned")
    table = _some(table, _begun_rows(table, known) | planned_rows)
    status = table.coded["status"]
    planned = status.codes == status.code_of("planned")
    day = known[table.patient]
    start_hi, end_lo, end_hi = table.hi["start"], table.lo["end"], table.hi["end"]
    has_end = end_lo != NO_DAY
    told = _told(columns, table)
    known_later = told > day
    ended_later = end_lo > day
    begun = ((start_hi != NO_DAY) & (start_hi <= day)) | (has_end & (end_hi <= day))
    unclear = ~planned & ~begun & (known_later | ended_later)
    going_on = ~planned & ~unclear & ended_later
    over = ~planned & ~unclear & ~ended_later & has_end & (end_hi <= day)
    open_ = ~planned & ~unclear & ~going_on & ~over & known_later
    silent = unclear | going_on | open_
    if not silent.any():
        return table
    ongoing = table.flag["ongoing"]
    ongoing = np.where(unclear, -1, np.where(going_on, 1, np.where(open_ & (ongoing != 1), -1, ongoing)))
    no_end = unclear | going_on
    return table.with_(
        lo={"end": np.where(no_end, NO_DAY, end_lo).astype(np.int32)},
        hi={"end": np.where(no_end, NO_DAY, end_hi).astype(np.int32)},
        flag={"ongoing": ongoing.astype(np.int8)},
        coded={
            "status": status.set(unclear & (status.codes == status.code_of("given")), None),
            "response": table.coded["response"].set(silent, None),
            "stop_reason": table.coded["stop_reason"].set(silent, None),
        },
    )


def _medications(columns: Columns, known: Ints) -> Table:
    table = columns.tables["medications"]
    table = _some(table, _begun_rows(table, known))
    day = known[table.patient]
    end_lo, end_hi, start_hi = table.lo["end"], table.hi["end"], table.hi["start"]
    ended_later = end_lo > day
    told_later = (end_lo == NO_DAY) & (_told(columns, table) > day)
    if not (ended_later | told_later).any():
        return table
    begun = (start_hi != NO_DAY) & (start_hi <= day)
    ongoing = table.flag["ongoing"]
    ongoing = np.where(ended_later, np.where(begun, 1, -1), ongoing)
    ongoing = np.where(told_later, np.where(begun & (ongoing == 1), 1, -1), ongoing)
    return table.with_(
        lo={"end": np.where(ended_later, NO_DAY, end_lo).astype(np.int32)},
        hi={"end": np.where(ended_later, NO_DAY, end_hi).astype(np.int32)},
        flag={"ongoing": ongoing.astype(np.int8)},
    )
