"""Which missing facts matter to a patient and a document, in the order in which to look for them (SEMANTICS §4).

A fact is listed only if some value of it changes a criterion's truth; that is found by trying values on the tree of
findings. Alternatives of an `or` are one entry. First come those that could rule the pair out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod

from matcher.engine.reference.documents.supposing import READ, Leaf, Open, opened
from matcher.engine.results import COSTS, Finding, Missing
from matcher.engine.truth import Reason, Truth
from trials.criteria import tree as t

#: Leaves of one criterion whose values are tried in every combination; beyond that all at once.
TRIED = 6
#: Combinations of answers up to which it is proved that a fact settles a pair; where there are more it is not said.
PROVED = 4096


@dataclass(frozen=True, slots=True)
class Entry:
    """One missing fact, or alternatives of which one suffices, and the criteria that ask for it.

    `rules_out` and `decides` count criteria: those it could make *not met*, and those it decides whatever its value.
    `settles` says that after it, whatever its value, the pair needs no more facts.
    """

    facts: tuple[Missing, ...]
    criteria: tuple[str, ...]
    rules_out: int = 0
    decides: int = 0
    settles: bool = False

    @property
    def text(self) -> str:
        """What to ask for, in words."""
        return " or ".join(dict.fromkeys(fact.text for fact in self.facts))


@dataclass(frozen=True, slots=True)
class Question:
    """An unknown finding: what of it is open, with the leaves that keep it so, and the facts it asks for."""

    open: Open
    leaves: tuple[Leaf, ...]
    groups: tuple[frozenset[Missing], ...]

    @classmethod
    def of(cls, finding: Finding, known: dict[object, int]) -> Question:
        """The question of a finding; `known` numbers the rules of leaves over all findings of a pair."""
        open_, leaves = opened(finding, known)
        return cls(open_, leaves, tuple(groups(finding)))

    def asking(self, facts: frozenset[Missing]) -> dict[int, bool]:
        """The numbers of the leaves that some missing facts may decide, and whether they surely do."""
        return _asking(self.leaves, facts)

    def effects(self, asking: Mapping[int, bool]) -> frozenset[Truth]:
        """The truths over the values of the facts that leaves ask for, the rest staying unknown."""
        return frozenset(self.open.truth(choice) for choice in _choices(asking))

    def turned_by(self, facts: frozenset[Missing]) -> bool:
        """Whether some values of a group of facts change the truth."""
        return self.effects(self.asking(facts)) != {Truth.UNKNOWN}

    def decided_by(self, leaf: Leaf) -> bool:
        """Whether some answer to a leaf changes the truth."""
        return any(self.open.truth({leaf.number: truth}) is not Truth.UNKNOWN for truth in (Truth.MET, Truth.NOT_MET))


def _asking(leaves: Iterable[Leaf], facts: frozenset[Missing]) -> dict[int, bool]:
    """The numbers of the leaves that lack some facts, and whether they lack no others.

    Of several facts that one leaf lacks, one may leave it open.
    """
    found: dict[int, bool] = {}
    for leaf in leaves:
        if not facts.isdisjoint(leaf.finding.missing):
            found[leaf.number] = found.get(leaf.number, True) and facts.issuperset(leaf.facts)
    return found


def _choices(numbers: Mapping[int, bool]) -> Iterable[dict[int, Truth]]:
    """Every combination of answers to some leaves, unknown among them where a leaf is not surely decided.

    Of too many leaves, all one way or all the other.
    """
    if len(numbers) > TRIED:
        open_ = [] if all(numbers.values()) else [{n: Truth.UNKNOWN for n, sure in numbers.items() if not sure}]
        return [*(dict.fromkeys(numbers, truth) for truth in (Truth.MET, Truth.NOT_MET)), *open_]
    return _every(numbers)


def _every(numbers: Mapping[int, bool]) -> Iterable[dict[int, Truth]]:
    """Every combination of answers to some leaves, as `_choices` says."""
    decided, open_too = (Truth.MET, Truth.NOT_MET), (Truth.MET, Truth.NOT_MET, Truth.UNKNOWN)
    choices = product(*(decided if sure else open_too for sure in numbers.values()))
    return (dict(zip(numbers, choice, strict=True)) for choice in choices)


def _asked_parts(finding: Finding) -> tuple[Finding, ...]:
    """The parts that bear on a finding: of an `if` whose condition is decided only the branch it chose."""
    if isinstance(finding.rule, t.If) and finding.parts[0].truth is not Truth.UNKNOWN:
        return finding.parts[1:2] if finding.parts[0].truth is Truth.MET else finding.parts[2:]
    return finding.parts


def groups(finding: Finding, *, negated: bool = False) -> list[frozenset[Missing]]:
    """The missing facts of an unknown finding; those of an `or` are one group, as one of them suffices."""
    if finding.truth is not Truth.UNKNOWN:
        return []
    if not finding.parts:
        return [frozenset({fact}) for fact in finding.missing if fact.kind not in READ]
    flip = isinstance(finding.rule, t.Not)
    inside = [groups(part, negated=negated != flip) for part in _asked_parts(finding)]
    if isinstance(finding.rule, t.Except):
        inside = [groups(finding.parts[0], negated=negated), groups(finding.parts[1], negated=not negated)]
    open_ = [part for part in inside if part]
    if _alternatives(finding, negated) and len(open_) > 1:
        return [frozenset(fact for part in open_ for group in part for fact in group)]
    return list(dict.fromkeys(group for part in inside for group in part))


def _alternatives(finding: Finding, negated: bool) -> bool:
    """Whether one of the open parts suffices: of an `or`, of a denied `and`, of a number that lacks one."""
    match finding.rule:
        case t.And():
            return negated
        case t.Or():
            return not negated
        case t.Quota(bound, number) if bound is not t.Bound.EXACTLY:
            met = sum(part.truth is Truth.MET for part in finding.parts)
            open_ = sum(part.truth is Truth.UNKNOWN for part in finding.parts)
            if (bound is t.Bound.AT_LEAST) is not negated:
                return met + 1 == (number if bound is t.Bound.AT_LEAST else number + 1)
            return met + open_ == (number if bound is t.Bound.AT_LEAST else number + 1)
        case _:
            return False


def questions(finding: Finding, line: str) -> list[str]:
    """What only a reader can settle below a finding: the questions it asks, else its own line of the protocol.

    A question is listed if an answer to it would change the truth, or if nothing by itself would.
    """
    question = Question.of(finding, {})
    found = [(leaf, _asked(leaf.finding, line)) for leaf in question.leaves]
    matters = [texts for leaf, texts in found if texts and question.decided_by(leaf)]
    if not matters and not any(question.turned_by(group) for group in question.groups):
        matters = [texts for _, texts in found]
    return list(dict.fromkeys(text for texts in matters for text in texts))


def _asked(leaf: Finding, line: str) -> list[str]:
    asked = [fact.text for fact in leaf.missing if fact.kind in READ]
    if not asked and leaf.reason in (Reason.NEEDS_JUDGEMENT, Reason.NOT_STRUCTURED):
        return [f"{line} ({leaf.note})" if leaf.note else line]
    return asked


def entries(criteria: Sequence[tuple[str, Finding]]) -> tuple[Entry, ...]:
    """The missing facts of a pair in the order to look for them; `criteria` are those that count, with findings."""
    order = {name: index for index, (name, _) in enumerate(criteria)}
    known: dict[object, int] = {}
    asked_by = {name: Question.of(finding, known) for name, finding in criteria}
    asked: dict[frozenset[Missing], list[str]] = {}
    for name, question in asked_by.items():
        for group in question.groups:
            asked.setdefault(group, []).append(name)
    for group in [g for g in asked if len(g) > 1]:
        # A fact that is asked for by itself answers for the alternatives it stands among.
        alone = [fact for fact in _in_order(group) if frozenset({fact}) in asked]
        if alone:
            for name in asked.pop(group):
                asked[frozenset({alone[0]})].append(name)
    asking = _asking_by_name(asked, asked_by)
    effects: dict[str, list[frozenset[Truth]]] = {name: [] for name in asked_by}
    seen_by: dict[frozenset[Missing], list[frozenset[Truth]]] = {}
    for group, names in asked.items():
        seen_by[group] = seen = []
        for name in dict.fromkeys(names):
            truths = asked_by[name].effects(asking[group].get(name, {}))
            seen.append(truths)
            effects[name].append(truths)
    stuck = {name for name, question in asked_by.items() if _stuck(question, effects[name])}
    needing = frozenset(name for name, question in asked_by.items() if question.open.needs_facts({}))
    found = []
    for group, names in asked.items():
        seen = seen_by[group]
        if all(truths == {Truth.UNKNOWN} for truths in seen) and stuck.isdisjoint(names):
            continue
        rules_out = sum(Truth.NOT_MET in truths for truths in seen)
        decides = sum(Truth.UNKNOWN not in truths for truths in seen)
        settles = _settles(asked_by, asking[group], needing)
        found.append(Entry(_in_order(group), tuple(dict.fromkeys(names)), rules_out, decides, settles))
    return tuple(
        sorted(
            found,
            key=lambda entry: (
                -entry.rules_out,
                -entry.decides,
                COSTS.index(entry.facts[0].cost),
                min(order[name] for name in entry.criteria),
                entry.text,
            ),
        )
    )


#: Asked for where a record says both that the patient lives and that they died.
VITAL_STATUS = Missing("patient", (), "vital_status", "", "vital status: alive or dead?", "look_up")


def with_vital_status(listed: Sequence[Entry], *, facts: bool) -> tuple[Entry, ...]:
    """Missing facts behind the vital status, which no criterion asks for and which can rule every pair out.

    `facts` says whether the pair needs facts beside it. While it is in doubt nothing else settles the pair.
    """
    return (Entry((VITAL_STATUS,), (), settles=not facts), *(replace(entry, settles=False) for entry in listed))


def _in_order(group: frozenset[Missing]) -> tuple[Missing, ...]:
    """Alternatives, the cheapest first; always in the same order."""
    return tuple(sorted(group, key=lambda fact: (COSTS.index(fact.cost), fact.text, fact.kind, fact.concepts)))


def _stuck(question: Question, effects: Sequence[frozenset[Truth]]) -> bool:
    """Whether no fact and no answer changes the truth by itself: then all that is asked for is listed."""
    if any(truths != {Truth.UNKNOWN} for truths in effects):
        return False
    return not any(question.decided_by(leaf) for leaf in question.leaves if _asked(leaf.finding, ""))


def _asking_by_name(
    asked: Iterable[frozenset[Missing]], asked_by: Mapping[str, Question]
) -> dict[frozenset[Missing], dict[str, dict[int, bool]]]:
    """For each group of facts the criteria it touches, with the numbers of their leaves (see `Question.asking`)."""
    lacking: dict[Missing, dict[str, None]] = {}
    for name, question in asked_by.items():
        for leaf in question.leaves:
            for fact in leaf.finding.missing:
                lacking.setdefault(fact, {})[name] = None
    found: dict[frozenset[Missing], dict[str, dict[int, bool]]] = {}
    for group in asked:
        names = {name for fact in group for name in lacking[fact]}
        found[group] = {name: question.asking(group) for name, question in asked_by.items() if name in names}
    return found


def _settles(
    asked_by: Mapping[str, Question], asking: Mapping[str, Mapping[int, bool]], needing: frozenset[str]
) -> bool:
    """Whether, whatever the values of some facts, one criterion fails or none needs facts any more.

    `asking` holds the criteria that the facts touch, with the numbers of their leaves; `needing` are the criteria that
    need facts as long as nothing is decided.
    """
    numbers: dict[int, bool] = {}
    for its_numbers in asking.values():
        for number, sure in its_numbers.items():
            numbers[number] = numbers.get(number, True) and sure
    touched = [asked_by[name].open for name in asking]
    others_need = not needing <= asking.keys()

    def settled(choice: Mapping[int, Truth]) -> bool:
        if any(open_.truth(choice) is Truth.NOT_MET for open_ in touched):
            return True
        return not others_need and not any(open_.needs_facts(choice) for open_ in touched)

    # Of many leaves all one way is soon tried, and rarely settles; where it does, some mixture of them may not.
    if not all(settled(choice) for choice in _choices(numbers)):
        return False
    if len(numbers) <= TRIED:
        return True
    combinations = prod(2 if sure else 3 for sure in numbers.values())
    return combinations <= PROVED and all(settled(choice) for choice in _every(numbers))
