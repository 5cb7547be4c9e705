"""Answers as packed bits, one bit an item: what trials are combined from.

An answer is a partition of the items: *not met* by each of four changes, *unknown* by each of six reasons, *met* by
each of four changes. Of the fourteen planes most are empty and not held. What a criterion says of a million patients so
fits in a few times 125 kB, and a trial's status is a handful of ORs over its criteria (SEMANTICS §4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.engine.bulk.columns import Bools, Codes
from matcher.engine.bulk.findings import FIRST_MET, FIRST_UNKNOWN, LEVELS

Bits = NDArray[np.uint8]

#: Names of the parts of `Planes.levels`.
NOT_MET, UNKNOWN, MET = range(FIRST_UNKNOWN), range(FIRST_UNKNOWN, FIRST_MET), range(FIRST_MET, LEVELS)


def width(n: int) -> int:
    """The bytes that hold n bits, a whole number of 64-bit words."""
    return -(-n // 64) * 8


def pack(mask: Bools) -> Bits:
    """A mask as bits, filled up with zeros to whole words."""
    packed = np.packbits(mask)
    wanted = width(len(mask))
    if len(packed) == wanted:
        return packed
    found = np.zeros(wanted, np.uint8)
    found[: len(packed)] = packed
    return found


def unpack(bits: Bits, n: int) -> Bools:
    """Bits as a mask of n items."""
    return np.unpackbits(bits, count=n).view(np.bool_)


def count(bits: Bits | None) -> int:
    """How many items a plane holds."""
    return 0 if bits is None else int(np.bitwise_count(bits.view(np.uint64)).sum())


@dataclass(frozen=True, slots=True)
class Planes:
    """A partition of n items by what is said of them: `levels[code]` holds the items of a code, None where it is empty.

    `not_met` and `met` are the unions of their levels: the two planes a trial asks for most.
    """

    n: int
    levels: tuple[Bits | None, ...]
    not_met: Bits | None
    met: Bits | None

    @classmethod
    def of(cls, code: Codes) -> Planes:
        """Codes of shape (n,) as planes."""
        present = np.zeros(256, np.bool_)
        present[code] = True
        levels = tuple(pack(code == level) if present[level] else None for level in range(LEVELS))
        return cls(len(code), levels, union([levels[i] for i in NOT_MET]), union([levels[i] for i in MET]))

    @property
    def unknown(self) -> Bits | None:
        """The items left open."""
        return union([self.levels[i] for i in UNKNOWN])

    def negated(self) -> Planes:
        """NOT: the two ends change places, nothing is computed."""
        ends = self.levels[:FIRST_UNKNOWN], self.levels[FIRST_UNKNOWN:FIRST_MET], self.levels[FIRST_MET:]
        return Planes(self.n, (*ends[2][::-1], *ends[1], *ends[0][::-1]), self.met, self.not_met)

    def codes(self) -> Codes:
        """The planes as codes of shape (n,)."""
        found = np.zeros(self.n, np.uint8)
        for level, bits in enumerate(self.levels):
            if bits is not None and level:
                found[unpack(bits, self.n)] = level
        return found

    def at(self, items: NDArray[Any]) -> Codes:
        """The codes of some items."""
        found = np.zeros(len(items), np.uint8)
        byte, bit = items >> 3, np.uint8(7) - (items & 7).astype(np.uint8)
        for level, bits in enumerate(self.levels):
            if bits is not None and level:
                found[((bits[byte] >> bit) & 1).view(np.bool_)] = level
        return found


def union(planes: Sequence[Bits | None]) -> Bits | None:
    """The items of any of some planes; a single one is given back as it is."""
    held = [each for each in planes if each is not None]
    if len(held) <= 1:
        return held[0] if held else None
    found = held[0] | held[1]
    for each in held[2:]:
        np.bitwise_or(found, each, out=found)
    return found
