"""Makers of examples: written once, driven by Hypothesis, which shrinks what they made, or by a plain random number.

A maker is a function whose first parameter is a `Choice`; it asks for whole numbers and for nothing else. The first
option is always the plainest, for Hypothesis shrinks every number towards the lowest.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cache, wraps
from random import Random
from typing import Concatenate, ParamSpec, TypeVar

from hypothesis import strategies as st

P = ParamSpec("P")
T = TypeVar("T")


class Choice(ABC):
    """Where the whole numbers come from of which an example is made."""

    @abstractmethod
    def number(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""

    def pick(self, options: Sequence[T]) -> T:
        """One of some options."""
        return options[self.number(0, len(options) - 1)] if len(options) > 1 else options[0]

    def chance(self, percent: int) -> bool:
        """True in so many of a hundred cases."""
        return self.number(0, 99) >= 100 - percent

    def some(self, options: Sequence[T], least: int, most: int) -> list[T]:
        """From `least` to `most` different options, in the order in which they were picked."""
        left, found = list(options), []
        for _ in range(self.number(least, min(most, len(left)))):
            found.append(left.pop(self.number(0, len(left) - 1)))
        return found


class Rolled(Choice):
    """Numbers of a seed: quick, and the same for the same seed."""

    def __init__(self, seed: int | str) -> None:
        self._random = Random(seed).random

    def number(self, low: int, high: int) -> int:
        return low + int(self._random() * (high - low + 1))


class Drawn(Choice):
    """Numbers that Hypothesis draws, and shrinks."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw

    def number(self, low: int, high: int) -> int:
        return self._draw(_numbers(low, high)) if high > low else low


@cache
def _numbers(low: int, high: int) -> st.SearchStrategy[int]:
    return st.integers(low, high)


def drawn(make: Callable[Concatenate[Choice, P], T]) -> Callable[P, st.SearchStrategy[T]]:
    """The strategy of a maker."""

    @wraps(make)
    def strategy(draw: st.DrawFn, *args: P.args, **kwargs: P.kwargs) -> T:
        return make(Drawn(draw), *args, **kwargs)

    del strategy.__wrapped__  # its signature begins with `draw`, as composite wants it
    return st.composite(strategy)
