"""Where each word of a column stands, so that the rows of a few words are found without a look at all the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.engine.bulk.columns import Bools, Longs


@dataclass(frozen=True, slots=True)
class Postings:
    """The places of the codes of a column: those of code c are `places[bounds[c]:bounds[c + 1]]`, ascending."""

    places: Longs
    bounds: Longs

    @classmethod
    def of(cls, codes: NDArray[Any], words: int) -> Postings:
        """The places of codes from 0 to before `words`."""
        places = np.argsort(codes, kind="stable")
        return cls(places, np.searchsorted(codes[places], np.arange(words + 1)))

    def having(self, asked: Bools) -> Longs:
        """The places, ascending, of the codes that are asked for (a mask by code)."""
        found = [self.places[self.bounds[code] : self.bounds[code + 1]] for code in np.flatnonzero(asked).tolist()]
        if len(found) == 1:
            return found[0]
        places = np.concatenate([self.places[:0], *found])
        places.sort()
        return places
