"""Findings by the thousand: truth, reason and change of each item as one small number, and the algebra over them.

The fourteen answers a leaf can give stand in one order, so that AND is the minimum:

    0-3   not met; never, by course, by action, by time (of several the hardest decides)
    4-9   unknown; conflicting, stale, imprecise, not recorded, needs judgement, not structured
    10-13 met; by time, by action, by course, never (of several the easiest decides)

NOT swaps the two ends (13 - code) and keeps the unknowns; OR is AND of the contraries, negated (SEMANTICS §2, §5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.engine.bulk.columns import Bools, Codes, Ints
from matcher.engine.reference.days import FUTURE
from matcher.engine.results import Finding
from matcher.engine.truth import Change, Reason, Truth
from trials.criteria.tree import Bound

LEVELS = 14
_REASONS = list(Reason)

#: Codes by name.
NOT_MET_NEVER, NOT_MET_COURSE, NOT_MET_ACTION, NOT_MET_TIME = 0, 1, 2, 3
CONFLICTING, STALE, IMPRECISE, NOT_RECORDED, NEEDS_JUDGEMENT, NOT_STRUCTURED = 4, 5, 6, 7, 8, 9
MET_TIME, MET_ACTION, MET_COURSE, MET_NEVER = 10, 11, 12, 13
FIRST_UNKNOWN, FIRST_MET = CONFLICTING, MET_TIME

_HIGHEST, _UNKNOWNS = np.uint8(LEVELS - 1), np.uint8(FIRST_MET - FIRST_UNKNOWN)


def met(change: Change) -> int:
    """The code of a met that can cease as `change` says."""
    return FIRST_MET + change.hardness


def not_met(change: Change) -> int:
    """The code of a not met that can turn as `change` says."""
    return 3 - change.hardness


def unknown(reason: Reason) -> int:
    """The code of an unknown."""
    return FIRST_UNKNOWN + _REASONS.index(reason)


def code_of(finding: Finding) -> int:
    """The code of one finding of the reference evaluator's small functions."""
    if finding.truth is Truth.UNKNOWN:
        assert finding.reason is not None
        return unknown(finding.reason)
    change = finding.change or Change.NEVER
    return met(change) if finding.truth is Truth.MET else not_met(change)


def truth_of(code: int) -> Truth:
    """The truth of a code."""
    return Truth.NOT_MET if code < FIRST_UNKNOWN else Truth.UNKNOWN if code < FIRST_MET else Truth.MET


def reason_of(code: int) -> Reason | None:
    """The reason of a code, of an unknown one."""
    return _REASONS[code - FIRST_UNKNOWN] if FIRST_UNKNOWN <= code < FIRST_MET else None


def change_of(code: int) -> Change | None:
    """The change of a code, of a decided one."""
    changes = list(Change)
    if code < FIRST_UNKNOWN:
        return changes[3 - code]
    return changes[code - FIRST_MET] if code >= FIRST_MET else None


@dataclass(frozen=True, slots=True)
class Findings:
    """The findings of n items: `code` uint8 of shape (n,), `flips` int32 of shape (n,) or None.

    `flips` is for each item the first day after the day asked about on which time alone may turn its answer (an
    ordinal; FUTURE: none known); None says that no item's does.
    """

    code: Codes
    flips: Ints | None = None

    def __len__(self) -> int:
        return len(self.code)

    @property
    def is_met(self) -> Bools:
        """Which are met."""
        return self.code >= FIRST_MET

    @property
    def is_not_met(self) -> Bools:
        """Which are not met."""
        return self.code < FIRST_UNKNOWN

    @property
    def is_unknown(self) -> Bools:
        """Which are unknown."""
        return (self.code >= FIRST_UNKNOWN) & (self.code < FIRST_MET)

    def take(self, index: NDArray[Any]) -> Findings:
        """The findings of some items, or of items several times."""
        return Findings(self.code[index], None if self.flips is None else self.flips[index])

    def or_flips(self, flips: Ints | None) -> Findings:
        """The same findings, which time may also turn on these days."""
        return self if flips is None else Findings(self.code, earlier(self.flips, flips))


def all_of(n: int, code: int) -> Findings:
    """The same finding for n items."""
    return Findings(np.full(n, code, np.uint8))


def choose(mask: Bools, yes: Codes | int, no: Codes | int) -> Codes:
    """One code where the mask holds, the other elsewhere."""
    first, second = np.asarray(yes, np.uint8), np.asarray(no, np.uint8)
    # By bits, as a branch for each of many codes in no order takes thirty times as long.
    found: Codes = second ^ ((first ^ second) * mask.view(np.uint8))
    return found


def chosen(mask: Bools, yes: Findings, no: Findings) -> Findings:
    """One finding, flips and all, where the mask holds, the other elsewhere."""
    flips = None
    if yes.flips is not None or no.flips is not None:
        first, second = (FUTURE if each.flips is None else each.flips for each in (yes, no))
        flips = np.where(mask, first, second).astype(np.int32)
    return Findings(choose(mask, yes.code, no.code), flips)


def earlier(*flips: Ints | None) -> Ints | None:
    """Of several flips the earliest of each item."""
    known = [each for each in flips if each is not None]
    if not known:
        return None
    found = known[0]
    for each in known[1:]:
        found = np.minimum(found, each)
    return found


def negated(code: Codes) -> Codes:
    """NOT of codes."""
    return choose((code - np.uint8(FIRST_UNKNOWN)) < _UNKNOWNS, code, _HIGHEST - code)


def negate(found: Findings) -> Findings:
    """NOT."""
    return Findings(negated(found.code), found.flips)


def both(parts: Sequence[Findings]) -> Findings:
    """AND of one or more."""
    code = parts[0].code
    for part in parts[1:]:
        code = np.minimum(code, part.code)
    return Findings(code, earlier(*(part.flips for part in parts)))


def either(parts: Sequence[Findings]) -> Findings:
    """OR of one or more."""
    return parts[0] if len(parts) == 1 else negate(both([negate(part) for part in parts]))


def both_codes(*parts: Codes) -> Codes:
    """AND of codes alone."""
    code = parts[0]
    for part in parts[1:]:
        code = np.minimum(code, part)
    return code


def either_codes(*parts: Codes) -> Codes:
    """OR of codes alone."""
    return negated(both_codes(*(negated(part) for part in parts)))


def quota(bound: Bound, number: int, parts: Sequence[Findings]) -> Findings:
    """`at least | at most | exactly N of (…)`."""
    flips = earlier(*(part.flips for part in parts))
    codes = np.stack([part.code for part in parts])
    if bound is Bound.AT_MOST:
        return Findings(negated(_at_least(number + 1, codes)), flips)
    if bound is Bound.AT_LEAST:
        return Findings(_at_least(number, codes), flips)
    always = np.full(codes.shape[1], MET_NEVER, np.uint8)
    upper = negated(_at_least(number + 1, codes)) if number < len(parts) else always
    lower = _at_least(number, codes) if number else always
    return Findings(np.minimum(lower, upper), flips)


def _at_least(number: int, codes: NDArray[np.uint8]) -> Codes:
    """Codes of shape (parts, n): those of at least `number` met, by the easiest that make it up or bring it down."""
    met_, open_ = codes >= FIRST_MET, (codes >= FIRST_UNKNOWN) & (codes < FIRST_MET)
    surely, perhaps = met_.sum(axis=0), open_.sum(axis=0)
    count = len(codes)
    # Changes of the met parts, easiest first (codes 10 to 13), those of the not met ones (3 - code, easiest first).
    falling = np.sort(np.where(met_, codes, 255), axis=0)
    rising = np.sort(np.where(codes < FIRST_UNKNOWN, 3 - codes.astype(np.int16), 255), axis=0)
    at = np.arange(codes.shape[1])
    up = falling[np.clip(surely - number, 0, count - 1), at]
    down = 3 - rising[np.clip(number - surely - perhaps - 1, 0, count - 1), at]
    reason = np.where(open_, codes, 255).min(axis=0)
    found: Codes = np.select([surely >= number, surely + perhaps < number], [up, down], reason).astype(np.uint8)
    return found


# --- over groups: the records of an item ---------------------------------------------------------------------------


def both_of(n: int, index: NDArray[Any], code: Codes) -> Codes:
    """AND over groups: `index` says to which of n items each code belongs; an item without any is met."""
    found = np.full(n, MET_NEVER, np.uint8)
    np.minimum.at(found, index, code)
    return found


def either_of(n: int, index: NDArray[Any], code: Codes) -> Codes:
    """OR over groups. An item without any is not met."""
    return negated(both_of(n, index, negated(code)))


def first_flip_of(n: int, index: NDArray[Any], flips: Ints | None) -> Ints | None:
    """The earliest flip over groups."""
    if flips is None:
        return None
    found = np.full(n, FUTURE, np.int32)
    np.minimum.at(found, index, flips)
    return found


def spread_of(
    n: int, index: NDArray[Any], code: Codes, disagreement: Codes | int, *, none: int = NOT_RECORDED
) -> Codes:
    """What several readings of the same facts say, over groups: theirs where they agree, else the disagreement.

    Where they agree the easiest of their changes is kept, or the first of their reasons. `disagreement` is one code or
    one per item.
    """
    low = np.full(n, 255, np.uint8)
    high = np.zeros(n, np.uint8)
    np.minimum.at(low, index, code)
    np.maximum.at(high, index, code)
    gone = low == 255
    low[gone] = 0
    same = truths(low) == truths(high)
    # Not met: the easiest change is the highest code; met and unknown: the lowest.
    found = np.where(low < FIRST_UNKNOWN, high, low)
    found = np.where(same, found, disagreement)
    found[gone] = none
    return found.astype(np.uint8)


def spread(parts: Sequence[Codes], disagreement: Codes | int) -> Codes:
    """What several readings say, each an array of codes of the same items."""
    codes = np.stack(parts)
    low, high = codes.min(axis=0), codes.max(axis=0)
    found = np.where(low < FIRST_UNKNOWN, high, low)
    return np.where(truths(low) == truths(high), found, disagreement).astype(np.uint8)


def truths(code: Codes) -> NDArray[np.uint8]:
    """0 not met, 1 unknown, 2 met, as `Truth`."""
    found: NDArray[np.uint8] = (code >= FIRST_UNKNOWN).view(np.uint8) + (code >= FIRST_MET).view(np.uint8)
    return found
