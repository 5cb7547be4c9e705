"""What an unknown answer becomes when some of what is open is taken to be decided.

Of a tree of findings only what bears on the answer is kept: a part of an unknown `and` or `or` that is decided no
longer does. The same leaf, wherever it stands, has one number, under which a supposed truth is looked up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from matcher.engine.results import Finding, Missing
from matcher.engine.truth import Reason, Truth, negation
from trials.criteria import tree as t

#: Kinds of missing that a person reads and judges; everything else can be looked up or measured.
READ = frozenset({"ask", "criterion"})

#: Supposed truths of leaves by number; a leaf that is not among them stays unknown.
Choice = Mapping[int, Truth]


class Open(Protocol):
    """What is left of a finding that is unknown."""

    def truth(self, choice: Choice) -> Truth:
        """The truth when some leaves are taken to be decided."""
        ...

    def needs_facts(self, choice: Choice) -> bool:
        """Whether it is then still unknown for want of a fact, and not only of a reader."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Leaf:
    """An unknown leaf with the facts that it lacks."""

    number: int
    finding: Finding
    facts: tuple[Missing, ...]

    def truth(self, choice: Choice) -> Truth:
        """The supposed truth."""
        return choice.get(self.number, Truth.UNKNOWN)

    def needs_facts(self, choice: Choice) -> bool:
        """Whether it stays unknown and is not a reader's alone."""
        if choice.get(self.number, Truth.UNKNOWN) is not Truth.UNKNOWN:
            return False
        return bool(self.facts) or self.finding.reason not in (Reason.NEEDS_JUDGEMENT, Reason.NOT_STRUCTURED)


@dataclass(frozen=True, slots=True, eq=False)
class _Fixed:
    """A decided part that bears on the answer all the same: a branch of an `if` whose condition is open."""

    value: Truth

    def truth(self, choice: Choice) -> Truth:
        return self.value

    def needs_facts(self, choice: Choice) -> bool:
        return False


@dataclass(frozen=True, slots=True, eq=False)
class _Joined:
    """The open parts of an `and` (decided by a part that is not met) or of an `or` (by one that is met)."""

    parts: tuple[Open, ...]
    decisive: Truth

    def truth(self, choice: Choice) -> Truth:
        unknown = False
        for part in self.parts:
            truth = part.truth(choice)
            if truth is self.decisive:
                return truth
            unknown = unknown or truth is Truth.UNKNOWN
        return Truth.UNKNOWN if unknown else negation(self.decisive)

    def needs_facts(self, choice: Choice) -> bool:
        return self.truth(choice) is Truth.UNKNOWN and any(part.needs_facts(choice) for part in self.parts)


@dataclass(frozen=True, slots=True, eq=False)
class _Denied:
    """`not` of what is open."""

    part: Open

    def truth(self, choice: Choice) -> Truth:
        return negation(self.part.truth(choice))

    def needs_facts(self, choice: Choice) -> bool:
        return self.part.needs_facts(choice)


@dataclass(frozen=True, slots=True, eq=False)
class _Number:
    """The open parts of a quota, beside `met` that are decided so."""

    bound: t.Bound
    number: int
    met: int
    parts: tuple[Open, ...]

    def truth(self, choice: Choice) -> Truth:
        truths = [part.truth(choice) for part in self.parts]
        least = self.met + truths.count(Truth.MET)
        most = least + truths.count(Truth.UNKNOWN)
        at_least = _reached(least, most, self.number)
        at_most = negation(_reached(least, most, self.number + 1))
        if self.bound is t.Bound.EXACTLY:
            return min(at_least, at_most)
        return at_least if self.bound is t.Bound.AT_LEAST else at_most

    def needs_facts(self, choice: Choice) -> bool:
        return self.truth(choice) is Truth.UNKNOWN and any(part.needs_facts(choice) for part in self.parts)


def _reached(least: int, most: int, number: int) -> Truth:
    return Truth.MET if least >= number else Truth.UNKNOWN if most >= number else Truth.NOT_MET


@dataclass(frozen=True, slots=True, eq=False)
class _Branches:
    """An `if` whose condition is open."""

    condition: Open
    then: Open
    otherwise: Open

    def truth(self, choice: Choice) -> Truth:
        condition, then, otherwise = (each.truth(choice) for each in (self.condition, self.then, self.otherwise))
        if condition is Truth.UNKNOWN:
            return then if then is otherwise else Truth.UNKNOWN
        return then if condition is Truth.MET else otherwise

    def needs_facts(self, choice: Choice) -> bool:
        if self.truth(choice) is not Truth.UNKNOWN:
            return False
        match self.condition.truth(choice):
            case Truth.MET:
                return self.then.needs_facts(choice)
            case Truth.NOT_MET:
                return self.otherwise.needs_facts(choice)
        return any(each.needs_facts(choice) for each in (self.condition, self.then, self.otherwise))


def opened(finding: Finding, known: dict[object, int]) -> tuple[Open, tuple[Leaf, ...]]:
    """What is open of an unknown finding, and its leaves; `known` numbers the rules of leaves over all findings."""
    leaves: list[Leaf] = []
    return _open(finding, known, leaves), tuple(leaves)


def _open(finding: Finding, known: dict[object, int], leaves: list[Leaf]) -> Open:
    rule, parts = finding.rule, finding.parts
    if not parts:
        number = known.setdefault(rule if rule is not None else id(finding), len(known))
        leaf = Leaf(number, finding, tuple(fact for fact in finding.missing if fact.kind not in READ))
        leaves.append(leaf)
        return leaf
    match rule:
        case t.Not():
            return _Denied(_open(parts[0], known, leaves))
        case t.Except():
            main, when = parts
            open_: list[Open] = []
            if main.truth is Truth.UNKNOWN:
                open_.append(_open(main, known, leaves))
            if when.truth is Truth.UNKNOWN:
                open_.append(_Denied(_open(when, known, leaves)))
            return _joined(open_, Truth.NOT_MET)
        case t.And() | t.Or():
            decisive = Truth.NOT_MET if isinstance(rule, t.And) else Truth.MET
            return _joined([_open(part, known, leaves) for part in _unknown(parts)], decisive)
        case t.Quota(bound, number):
            met = sum(part.truth is Truth.MET for part in parts)
            return _Number(bound, number, met, tuple(_open(part, known, leaves) for part in _unknown(parts)))
        case t.If():
            if parts[0].truth is Truth.UNKNOWN:
                condition, then = (_or_fixed(part, known, leaves) for part in parts[:2])
                otherwise = _or_fixed(parts[2], known, leaves) if len(parts) > 2 else _Fixed(Truth.MET)
                return _Branches(condition, then, otherwise)
            return _open(parts[1] if parts[0].truth is Truth.MET else parts[2], known, leaves)
        case _:
            return _open(parts[0], known, leaves)


def _unknown(parts: Iterable[Finding]) -> list[Finding]:
    return [part for part in parts if part.truth is Truth.UNKNOWN]


def _joined(parts: Sequence[Open], decisive: Truth) -> Open:
    return parts[0] if len(parts) == 1 else _Joined(tuple(parts), decisive)


def _or_fixed(finding: Finding, known: dict[object, int], leaves: list[Leaf]) -> Open:
    return _open(finding, known, leaves) if finding.truth is Truth.UNKNOWN else _Fixed(finding.truth)
