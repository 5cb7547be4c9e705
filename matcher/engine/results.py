"""What an evaluation returns: a tree of findings beside the tree of the rule, with evidence and what is missing."""

from __future__ import annotations

from dataclasses import dataclass, field

from matcher.engine.truth import Change, Reason, Truth
from trials.criteria.tree import Rule


@dataclass(frozen=True, slots=True)
class Evidence:
    """One fact that was used: its reference, value, unit, date and source, as a person reads them."""

    fact: str
    value: str
    unit: str = ""
    date: str = ""
    source: str = ""


#: What it costs to supply a fact, cheapest first.
COSTS = ("ask", "look_up", "laboratory", "imaging", "pathology")


@dataclass(frozen=True, slots=True)
class Missing:
    """One fact a person can supply. Two are the same if kind, concepts, attribute and window are."""

    kind: str
    concepts: tuple[str, ...] = ()
    attribute: str = ""
    window: str = ""
    text: str = field(default="", compare=False)
    cost: str = field(default="look_up", compare=False)


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer of one node of a rule.

    `change` says how the present truth can turn into its contrary (None for an unknown), `flips` the later days on
    which time alone may turn it, in ordinals; they are candidates, to be tried.
    """

    truth: Truth
    reason: Reason | None = None
    change: Change | None = None
    flips: tuple[int, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    missing: tuple[Missing, ...] = ()
    note: str = ""
    rule: Rule | None = None
    parts: tuple[Finding, ...] = ()

    def about(self, rule: Rule) -> Finding:
        """The same finding, tied to its rule."""
        return Finding(
            self.truth, self.reason, self.change, self.flips, self.evidence, self.missing, self.note, rule, self.parts
        )

    def of(self, rule: Rule, parts: tuple[Finding, ...]) -> Finding:
        """The same finding, tied to its rule and made of the findings of its parts."""
        return Finding(
            self.truth, self.reason, self.change, self.flips, self.evidence, self.missing, self.note, rule, parts
        )


def unknown(
    reason: Reason,
    *,
    evidence: tuple[Evidence, ...] = (),
    missing: tuple[Missing, ...] = (),
    flips: tuple[int, ...] = (),
    note: str = "",
) -> Finding:
    """An unknown with its reason."""
    return Finding(Truth.UNKNOWN, reason, None, flips, evidence, missing, note)
