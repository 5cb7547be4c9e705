"""Which rows say the same in several columns: groups by dictionary codes, never row against row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.engine.bulk.columns import Longs

#: The most groups that a number can tell apart while another column is taken in.
_ROOM = 2**62

#: So many possible groups for each row are counted out rather than sorted.
_SPARSE = 4


def alike(columns: Sequence[NDArray[Any]]) -> tuple[Longs, Longs]:
    """Groups of the rows that agree in every column of integers: the first row of each, and the group of each row."""
    rows = len(columns[0])
    if not rows:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    key, groups = np.zeros(rows, np.int64), 1
    for column in columns:
        width = int(column.max()) - int(column.min()) + 1
        if width == 1:
            continue
        if groups > _ROOM // width:
            key = np.unique(key, return_inverse=True)[1].reshape(-1)
            groups = int(key.max()) + 1
        key = key * width + (column.astype(np.int64) - int(column.min()))
        groups *= width
    if groups > _SPARSE * rows:
        _, first, of = np.unique(key, return_index=True, return_inverse=True)
        return first.astype(np.int64), of.reshape(-1).astype(np.int64)
    earliest = np.full(groups, -1, np.int64)
    earliest[key[::-1]] = np.arange(rows - 1, -1, -1)
    occurs = earliest >= 0
    return earliest[occurs], (np.cumsum(occurs) - 1)[key]
