"""What to find out first: missing facts with the pairs that each would settle, as pages and the terminal tell them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matcher.engine.bulk.settling import MissingFact
from patients.wording import plural


@dataclass(frozen=True, slots=True)
class FactRow:
    """A missing fact with whom it would settle, in words; `share` is its part of the most that one settles (percent).

    The addresses lead to the pairs it would settle and to all that ask for it; empty for who may not see them.
    """

    text: str
    settles: int
    whom: str
    asked: int
    share: float
    settles_url: str = ""
    asked_url: str = ""


def fact_rows(
    facts: Sequence[MissingFact], *, link: Callable[[MissingFact, bool], str] | None = None
) -> list[FactRow]:  # fmt: skip
    """Facts in their order; `link` gives the address of the pairs that ask for one, or that it would settle."""
    most = max((fact.settles.pairs for fact in facts), default=0)
    return [
        FactRow(
            text=fact.text,
            settles=fact.settles.pairs,
            whom=whom(fact),
            asked=fact.asked.pairs,
            share=round(100 * fact.settles.pairs / most, 1) if most else 0,
            settles_url=link(fact, True) if link is not None and fact.settles.pairs else "",
            asked_url=link(fact, False) if link is not None else "",
        )
        for fact in facts
    ]


def whom(fact: MissingFact) -> str:
    """Patients and trials of the pairs that a fact would settle; where it settles none, of those that ask for it."""
    reach = fact.settles if fact.settles.pairs else fact.asked
    return f"{plural(reach.patients, 'patient')}, {plural(len(reach.trials), 'trial')}"
