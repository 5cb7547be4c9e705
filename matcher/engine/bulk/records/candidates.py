"""Candidates: the records of items that match a pattern or may, with their courses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.engine.bulk.batch import Batch, Pairs
from matcher.engine.bulk.calendar import Spans
from matcher.engine.bulk.columns import NO_DAY, Codes, Floats, Ints, Longs, Table
from matcher.engine.bulk.findings import FIRST_MET, FIRST_UNKNOWN
from matcher.engine.reference.days import PAST

#: `ceases` of what is over; else the hardness of the change that ends it.
OVER = -1


@dataclass(frozen=True, slots=True)
class Candidates:
    """Records with their course and the finding of the tests of their pattern (the window is asked apart).

    Arrays of shape (m,), ascending by `item`. `row` is the row of the table `tables[origin]` that the record is shown
    by (of a disease told of by several rows the latest). `start` and `end` are the course's first and last day,
    `ceases` is OVER or a hardness. Candidates of one item with the same `counted` are counted once. `half_life` is in
    hours, nan where it is not known. As in the reference, what is *not met* without any evidence is left out.
    """

    tables: tuple[str, ...]
    origin: NDArray[np.int8]
    item: Longs
    row: Longs
    code: Codes
    start: Spans
    end: Spans
    ceases: NDArray[np.int8]
    counted: Longs
    half_life: Floats
    flips: Ints | None = None

    def __len__(self) -> int:
        return len(self.item)

    @property
    def possible(self) -> NDArray[np.bool_]:
        """Which are not ruled out."""
        return self.code >= FIRST_UNKNOWN

    @property
    def certain(self) -> NDArray[np.bool_]:
        """Which surely match."""
        return self.code >= FIRST_MET

    def take(self, kept: NDArray[Any]) -> Candidates:
        """Some of the candidates (a mask or ascending indices)."""
        return Candidates(
            self.tables, self.origin[kept], self.item[kept], self.row[kept], self.code[kept], self.start.take(kept),
            self.end.take(kept), self.ceases[kept], self.counted[kept], self.half_life[kept],
            None if self.flips is None else self.flips[kept],
        )  # fmt: skip


def events_of(batch: Batch, table: Table, pairs: Pairs, code: Codes) -> Candidates:
    """Records that tell of what happened on one day, the `date` of their table; each is counted by itself."""
    asked = batch.asked[pairs.item]
    lo, hi = table.lo["date"][pairs.row], table.hi["date"][pairs.row]
    unknown = lo == NO_DAY
    days = Spans(
        np.where(unknown, PAST, np.minimum(lo, asked)).astype(np.int32),
        np.where(unknown, asked, np.minimum(hi, asked)).astype(np.int32),
    )
    m = len(pairs)
    return Candidates(
        (table.name,), np.zeros(m, np.int8), pairs.item, pairs.row, code, days, days, np.full(m, OVER, np.int8),
        pairs.row, np.full(m, np.nan),
    )  # fmt: skip


def joined(parts: Sequence[Candidates], flips_else: int) -> Candidates:
    """The candidates of several finders together, in the order of items; `flips_else` stands for no flip."""
    tables = tuple(dict.fromkeys(name for part in parts for name in part.tables))
    origin = np.concatenate([
        np.array([tables.index(name) for name in part.tables], np.int8)[part.origin] for part in parts
    ])  # fmt: skip
    item = np.concatenate([part.item for part in parts])
    order = np.argsort(item, kind="stable")
    flips = None
    if any(part.flips is not None for part in parts):
        flips = np.concatenate([
            part.flips if part.flips is not None else np.full(len(part), flips_else, np.int32) for part in parts
        ])[order]  # fmt: skip

    def all_(name: str) -> NDArray[Any]:
        found: NDArray[Any] = np.concatenate([getattr(part, name) for part in parts])[order]
        return found

    def spans(name: str) -> Spans:
        return Spans(
            np.concatenate([getattr(part, name).lo for part in parts])[order],
            np.concatenate([getattr(part, name).hi for part in parts])[order],
        )

    return Candidates(
        tables, origin[order], item[order], all_("row"), all_("code"), spans("start"), spans("end"), all_("ceases"),
        all_("counted"), all_("half_life"), flips,
    )  # fmt: skip
