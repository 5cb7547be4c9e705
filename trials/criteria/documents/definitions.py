"""The definitions of a document, looked up by name when a rule uses one.

The tree of a rule stays as it was written: a name is opened where it is asked for, so that the page shows the author's
words and one definition serves every rule. Definitions may use each other; the checks refuse a circle.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from patients.vocabulary import Domain, Vocabulary
from trials.criteria import tree as t


class Undefined(LookupError):
    """A name that the document does not define; the message names the nearest one that it does."""


@dataclass(frozen=True, slots=True)
class Definitions:
    """The definitions in the order of the document."""

    items: tuple[t.Definition, ...] = ()

    def __iter__(self) -> Iterator[t.Definition]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    @property
    def rules(self) -> tuple[t.DefineRule, ...]:
        """The rules defined under a name."""
        return tuple(item for item in self.items if isinstance(item, t.DefineRule))

    @property
    def sets(self) -> tuple[t.DefineSet, ...]:
        """The sets of concepts defined under a name."""
        return tuple(item for item in self.items if isinstance(item, t.DefineSet))

    @property
    def outcomes(self) -> tuple[t.DefineOutcome, ...]:
        """What failure, refractory or intolerant mean for some drugs."""
        return tuple(item for item in self.items if isinstance(item, t.DefineOutcome))

    def rule(self, name: str) -> t.Rule:
        """The rule defined under a name. Raises Undefined."""
        for item in self.rules:
            if t.same_name(item.name, name):
                return item.rule
        known = [item.name for item in self.rules]
        raise Undefined(f"no rule {name!r} is defined{_hint(name, known)}")

    def set(self, name: str) -> t.Concepts | None:
        """The set defined under a name, or None where the name is a concept of the vocabulary."""
        for item in self.sets:
            if t.same_name(item.name, name):
                return item.concepts
        return None

    def outcome(self, outcome: str, drug: str, vocabulary: Vocabulary | None = None) -> t.Rule | None:
        """The rule that defines an outcome for a drug: the most specific definition that covers it, or None.

        Without a vocabulary a definition covers the drugs it names; with one, also what lies below them. Of two that
        cover the drug, the one whose concepts hold fewer others wins, and of equals the first.
        """
        best: tuple[int, t.Rule] | None = None
        for item in self.outcomes:
            if item.outcome != outcome:
                continue
            breadth = self._breadth(item.concepts, drug, vocabulary)
            if breadth is not None and (best is None or breadth < best[0]):
                best = (breadth, item.rule)
        return best[1] if best else None

    def _breadth(self, concepts: t.Concepts, drug: str, vocabulary: Vocabulary | None) -> int | None:
        if concepts.is_any:
            return 1_000_000
        covering: list[int] = []
        for name in self.expanded(concepts).names:
            if t.same_name(name, drug):
                covering.append(1)
            elif vocabulary is not None:
                drugs = vocabulary.find(drug, Domain.DRUG, Domain.PROCEDURE)
                asked = vocabulary.find(name, Domain.DRUG, Domain.PROCEDURE)
                if len(drugs) == 1 and any(vocabulary.is_below(drugs[0], each) for each in asked):
                    covering.append(sum(len(vocabulary.descendants(each)) for each in asked))
        return min(covering, default=None)

    def expanded(self, concepts: t.Concepts) -> t.Concepts:
        """The concepts with every defined set opened, at any depth. Raises Undefined where sets hold each other."""
        return t.Concepts(tuple(dict.fromkeys(self._alternatives(concepts, ()))))

    def _alternatives(self, concepts: t.Concepts, inside: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        for regimen in concepts.alternatives:
            members: list[list[tuple[str, ...]]] = []
            for name in regimen:
                held = self.set(name)
                if held is None:
                    members.append([(name,)])
                    continue
                if any(t.same_name(name, each) for each in inside):
                    raise Undefined(f"the set {name!r} holds itself")
                members.append(list(self._alternatives(held, (*inside, name))))
            for choice in product(*members):
                yield tuple(name for part in choice for name in part)


NO_DEFINITIONS = Definitions()


def _hint(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f": did you mean {near[0]!r}?" if near else ""
