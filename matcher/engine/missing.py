"""Which missing facts matter to a patient and a document, in the order in which to look for them (SEMANTICS §4).

A fact is listed only if some value of it changes a criterion's truth; that is found by trying values on the tree of
findings. Alternatives of an `or` are one entry. First come those that could rule the pair out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from matcher.engine import algebra
from matcher.engine.results import COSTS, Finding, Missing
from matcher.engine.truth import Change, Reason, Truth, negation
from trials.criteria import tree as t

#: Leaves of one criterion whose values are tried in every combination; beyond that all at once.
TRIED = 6

#: Kinds of missing that a person reads and judges; everything else can be looked up or measured.
READ = frozenset({"ask", "criterion"})


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
    """An unknown finding with the leaves that keep it so; leaves that ask the same, wherever, share a number."""

    finding: Finding
    leaves: tuple[Finding, ...]
    numbers: Mapping[int, int]  # by the identity of a leaf
    groups: tuple[frozenset[Missing], ...]

    @classmethod
    def of(cls, finding: Finding, known: dict[object, int]) -> Question:
        """The question of a finding; `known` numbers the rules of leaves over all findings of a pair."""
        leaves = tuple(open_leaves(finding))
        numbers = {
            id(leaf): known.setdefault(leaf.rule if leaf.rule is not None else id(leaf), len(known)) for leaf in leaves
        }
        return cls(finding, leaves, numbers, tuple(groups(finding)))

    def asking(self, facts: frozenset[Missing]) -> dict[int, bool]:
        """The numbers of the leaves that some missing facts may decide, and whether they surely do.

        Of several facts that one leaf lacks, one may leave it open.
        """
        found: dict[int, bool] = {}
        for leaf in self.leaves:
            if not facts.isdisjoint(leaf.missing):
                number = self.numbers[id(leaf)]
                found[number] = found.get(number, True) and facts.issuperset(_facts(leaf))
        return found

    def answered(self, choice: Mapping[int, Truth]) -> Truth:
        """The truth when some leaves are taken to be decided."""
        return _with(self.finding, {key: choice[n] for key, n in self.numbers.items() if n in choice})

    def effects(self, facts: frozenset[Missing]) -> frozenset[Truth]:
        """The truths over the values of some missing facts, the rest staying unknown."""
        return frozenset(self.answered(choice) for choice in _choices(self.asking(facts)))

    def needs_facts(self, choice: Mapping[int, Truth]) -> bool:
        """Whether facts are still missing when some leaves are taken to be decided."""
        return _needs_facts(self.finding, {key: choice[n] for key, n in self.numbers.items() if n in choice})

    def turned_by(self, facts: frozenset[Missing]) -> bool:
        """Whether some values of a group of facts change the truth."""
        return self.effects(facts) != {Truth.UNKNOWN}

    def decided_by(self, leaf: Finding) -> bool:
        """Whether some answer to a leaf changes the truth."""
        choices = _choices({self.numbers[id(leaf)]: True})
        return any(self.answered(choice) is not Truth.UNKNOWN for choice in choices)


def _facts(leaf: Finding) -> tuple[Missing, ...]:
    return tuple(fact for fact in leaf.missing if fact.kind not in READ)


def _choices(numbers: Mapping[int, bool]) -> Iterable[dict[int, Truth]]:
    """Every combination of answers to some leaves, unknown among them where a leaf is not surely decided.

    Of too many leaves, all one way or all the other.
    """
    if len(numbers) > TRIED:
        open_ = [] if all(numbers.values()) else [{n: Truth.UNKNOWN for n, sure in numbers.items() if not sure}]
        return [*(dict.fromkeys(numbers, truth) for truth in (Truth.MET, Truth.NOT_MET)), *open_]
    decided, open_too = (Truth.MET, Truth.NOT_MET), (Truth.MET, Truth.NOT_MET, Truth.UNKNOWN)
    choices = product(*(decided if sure else open_too for sure in numbers.values()))
    return [dict(zip(numbers, choice, strict=True)) for choice in choices]


def _needs_facts(finding: Finding, assumed: Mapping[int, Truth]) -> bool:
    """Whether something below a finding that is still unknown lacks a fact, and not only a reader."""
    if _with(finding, assumed) is not Truth.UNKNOWN:
        return False
    if not finding.parts:
        return bool(_facts(finding)) or finding.reason not in (Reason.NEEDS_JUDGEMENT, Reason.NOT_STRUCTURED)
    parts = finding.parts
    if isinstance(finding.rule, t.If) and (condition := _with(parts[0], assumed)) is not Truth.UNKNOWN:
        parts = parts[1:2] if condition is Truth.MET else parts[2:]
    return any(_needs_facts(part, assumed) for part in parts)


def _with(finding: Finding, assumed: Mapping[int, Truth]) -> Truth:
    """The truth of a finding when some of its open leaves, by their identity, are taken to be decided."""
    if finding.truth is not Truth.UNKNOWN:
        return finding.truth
    if not finding.parts:
        return assumed.get(id(finding), Truth.UNKNOWN)
    parts = [_with(part, assumed) for part in finding.parts]
    match finding.rule:
        case t.And():
            return min(parts)
        case t.Or():
            return max(parts)
        case t.Not():
            return negation(parts[0])
        case t.Except():
            return min(parts[0], negation(parts[1]))
        case t.Quota(bound, number):
            return algebra.quota(bound, number, [Finding(part, change=Change.NEVER) for part in parts]).truth
        case t.If():
            otherwise = parts[2] if len(parts) > 2 else Truth.MET
            if parts[0] is Truth.UNKNOWN:
                return parts[1] if parts[1] is otherwise else Truth.UNKNOWN
            return parts[1] if parts[0] is Truth.MET else otherwise
        case _:
            return parts[0]


def open_leaves(finding: Finding) -> Iterable[Finding]:
    """The unknown leaves that keep a finding unknown; what stands in a decided part no longer matters."""
    if finding.truth is not Truth.UNKNOWN:
        return
    if not finding.parts:
        yield finding
    for part in _asked_parts(finding):
        yield from open_leaves(part)


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
        return [frozenset({fact}) for fact in _facts(finding)]
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
    found = [(leaf, _asked(leaf, line)) for leaf in question.leaves]
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
    effects = {
        (group, name): asked_by[name].effects(group) for group, names in asked.items() for name in dict.fromkeys(names)
    }  # fmt: skip
    stuck = {name for name in asked_by if _stuck(asked_by[name], [t for (_, n), t in effects.items() if n == name])}
    every = tuple((question, question.needs_facts({})) for question in asked_by.values())
    found = []
    for group, names in asked.items():
        seen = [effects[group, name] for name in dict.fromkeys(names)]
        if all(truths == {Truth.UNKNOWN} for truths in seen) and stuck.isdisjoint(names):
            continue
        rules_out = sum(Truth.NOT_MET in truths for truths in seen)
        decides = sum(Truth.UNKNOWN not in truths for truths in seen)
        found.append(Entry(_in_order(group), tuple(dict.fromkeys(names)), rules_out, decides, _settles(every, group)))
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


def _in_order(group: frozenset[Missing]) -> tuple[Missing, ...]:
    """Alternatives, the cheapest first; always in the same order."""
    return tuple(sorted(group, key=lambda fact: (COSTS.index(fact.cost), fact.text, fact.kind, fact.concepts)))


def _stuck(question: Question, effects: Sequence[frozenset[Truth]]) -> bool:
    """Whether no fact and no answer changes the truth by itself: then all that is asked for is listed."""
    if any(truths != {Truth.UNKNOWN} for truths in effects):
        return False
    return not any(question.decided_by(leaf) for leaf in question.leaves if _asked(leaf, ""))


def _settles(questions_: Sequence[tuple[Question, bool]], group: frozenset[Missing]) -> bool:
    """Whether, whatever the values of these facts, one criterion fails or none needs facts any more.

    With each question stands whether it needs facts as long as nothing is decided.
    """
    numbers: dict[int, bool] = {}
    turned: list[Question] = []
    others_need = False
    for question, needs in questions_:
        asking = question.asking(group)
        if not asking:
            others_need |= needs
            continue
        turned.append(question)
        for number, sure in asking.items():
            numbers[number] = numbers.get(number, True) and sure
    for choice in _choices(numbers):
        if any(question.answered(choice) is Truth.NOT_MET for question in turned):
            continue
        if others_need or any(question.needs_facts(choice) for question in turned):
            return False
    return True
