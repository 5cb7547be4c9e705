"""Three truths, the reasons of an unknown, and whether an answer can change: the small algebra under everything.

`not met < unknown < met`; AND is the minimum, OR the maximum, NOT swaps (strong Kleene, SEMANTICS §2). Change has an
order of its own: never is harder than the course of disease, that than an action, that than waiting.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, IntEnum, StrEnum


class Truth(IntEnum):
    """The truth of a rule for a patient on a date."""

    NOT_MET = 0
    UNKNOWN = 1
    MET = 2

    @property
    def word(self) -> str:
        """The word of the wire formats: met, not_met, unknown."""
        return self.name.lower()

    def __str__(self) -> str:
        return self.word

    @classmethod
    def of(cls, value: bool) -> Truth:
        """The truth of a plain yes or no."""
        return cls.MET if value else cls.NOT_MET


def negation(truth: Truth) -> Truth:
    """NOT: met and not met swap, unknown stays."""
    return _CONTRARY[truth]


_CONTRARY = (Truth.MET, Truth.UNKNOWN, Truth.NOT_MET)


class Reason(StrEnum):
    """Why an answer is unknown; listed in the order in which one reason stands for several."""

    CONFLICTING = "conflicting"
    STALE = "stale"
    IMPRECISE = "imprecise"
    NOT_RECORDED = "not recorded"
    NEEDS_JUDGEMENT = "needs judgement"
    NOT_STRUCTURED = "not structured"


_REASONS = list(Reason)


def first_reason(reasons: Iterable[Reason | None]) -> Reason | None:
    """The reason that stands for several: what the data say against themselves first, what a reader must say last."""
    known = [reason for reason in reasons if reason is not None]
    return min(known, key=_REASONS.index) if len(known) > 1 else known[0] if known else None


class Change(Enum):
    """Whether and how a present answer can turn into its contrary (SEMANTICS §5)."""

    TIME = "by time"
    ACTION = "by action"
    COURSE = "by course of disease"
    NEVER = "never"

    @property
    def hardness(self) -> int:
        """0 for time alone to 3 for never."""
        return _HARDNESS[self]

    def __str__(self) -> str:
        return self.value


_HARDNESS = {change: hardness for hardness, change in enumerate(Change)}


def hardest(changes: Iterable[Change]) -> Change:
    """What all of several need: the hardest of them. Of none, time."""
    return max(changes, key=lambda change: change.hardness, default=Change.TIME)


def easiest(changes: Iterable[Change]) -> Change:
    """What one of several needs: the easiest of them. Of none, never."""
    return min(changes, key=lambda change: change.hardness, default=Change.NEVER)
