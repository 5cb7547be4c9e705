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


def effects(finding: Finding, facts: frozenset[Missing]) -> frozenset[Truth]:
    """The truths a finding takes over the values of some missing facts, the rest staying unknown."""
    keys = list(dict.fromkeys(_key(leaf) for leaf in open_leaves(finding) if not facts.isdisjoint(leaf.missing)))
    return frozenset(_with(finding, choice) for choice in _choices(keys))


def _key(leaf: Finding) -> object:
    """What is decided together: the same question has the same answer wherever a document asks it."""
    return leaf.rule if leaf.rule is not None else id(leaf)


def _choices(keys: Sequence[object]) -> Iterable[dict[object, Truth]]:
    """Every combination of answers to some questions; of too many, all one way or all the other."""
    if len(keys) > TRIED:
        return [dict.fromkeys(keys, truth) for truth in (Truth.MET, Truth.NOT_MET)]
    choices = product((Truth.MET, Truth.NOT_MET), repeat=len(keys))
    return [dict(zip(keys, choice, strict=True)) for choice in choices]


def _with(finding: Finding, assumed: Mapping[object, Truth]) -> Truth:
    """The truth of a finding when some of its open leaves are assumed to be decided."""
    if finding.truth is not Truth.UNKNOWN:
        return finding.truth
    if not finding.parts:
        return assumed.get(_key(finding), Truth.UNKNOWN)
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
        return [frozenset({fact}) for fact in finding.missing if fact.kind not in READ]
    flip = isinstance(finding.rule, t.Not)
    inside = [groups(part, negated=negated != flip) for part in _asked_parts(finding)]
    if isinstance(finding.rule, t.Except):
        inside = [groups(finding.parts[0], negated=negated), groups(finding.parts[1], negated=not negated)]
    disjunctive = isinstance(finding.rule, t.And if negated else t.Or)
    open_ = [part for part in inside if part]
    if disjunctive and len(open_) > 1:
        return [frozenset(fact for part in open_ for group in part for fact in group)]
    return list(dict.fromkeys(group for part in inside for group in part))


def questions(finding: Finding, line: str) -> list[str]:
    """What only a reader can settle below a finding: the questions it asks, else its own line of the protocol.

    A question is listed if an answer to it would change the truth, or if nothing by itself would.
    """
    found = [(leaf, _asked(leaf, line)) for leaf in open_leaves(finding)]
    matters = [texts for leaf, texts in found if texts and _decides(finding, leaf)]
    if not matters and not any(_changes(finding, group) for group in groups(finding)):
        matters = [texts for _, texts in found]
    return list(dict.fromkeys(text for texts in matters for text in texts))


def _asked(leaf: Finding, line: str) -> list[str]:
    asked = [fact.text for fact in leaf.missing if fact.kind in READ]
    if not asked and leaf.reason in (Reason.NEEDS_JUDGEMENT, Reason.NOT_STRUCTURED):
        return [f"{line} ({leaf.note})" if leaf.note else line]
    return asked


def _decides(finding: Finding, leaf: Finding) -> bool:
    """Whether some answer to a leaf changes the truth of the finding."""
    return any(_with(finding, choice) is not Truth.UNKNOWN for choice in _choices([_key(leaf)]))


def _changes(finding: Finding, group: frozenset[Missing]) -> bool:
    """Whether some values of a group of facts change the truth of the finding."""
    return effects(finding, group) != {Truth.UNKNOWN}


def entries(criteria: Sequence[tuple[str, Finding]]) -> tuple[Entry, ...]:
    """The missing facts of a pair in the order to look for them; `criteria` are those that count, with findings."""
    order = {name: index for index, (name, _) in enumerate(criteria)}
    found_by = dict(criteria)
    asked: dict[frozenset[Missing], list[str]] = {}
    for name, finding in criteria:
        for group in groups(finding):
            asked.setdefault(group, []).append(name)
    for group in [g for g in asked if len(g) > 1]:
        # A fact that is asked for by itself answers for the alternatives it stands among.
        alone = [fact for fact in group if frozenset({fact}) in asked]
        if alone:
            for name in asked.pop(group):
                asked[frozenset({alone[0]})].append(name)
    # Where no fact by itself changes the truth of a criterion, all that it asks for are listed.
    stuck = {
        name for name, finding in criteria
        if not any(_changes(finding, group) for group, names in asked.items() if name in names)
        and not any(_decides(finding, leaf) for leaf in open_leaves(finding) if _asked(leaf, name))
    }  # fmt: skip
    found = []
    for group, names in asked.items():
        seen = [effects(found_by[name], group) for name in dict.fromkeys(names)]
        if all(truths == {Truth.UNKNOWN} for truths in seen) and not any(name in stuck for name in names):
            continue
        rules_out = sum(Truth.NOT_MET in truths for truths in seen)
        decides = sum(Truth.UNKNOWN not in truths for truths in seen)
        settles = _settles(criteria, group)
        facts = tuple(sorted(group, key=lambda fact: (COSTS.index(fact.cost), fact.text)))
        found.append(Entry(facts, tuple(dict.fromkeys(names)), rules_out, decides, settles))
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


def _settles(criteria: Sequence[tuple[str, Finding]], group: frozenset[Missing]) -> bool:
    """Whether, whatever the values of these facts, one criterion fails or none needs facts any more."""
    open_ = [finding for _, finding in criteria if finding.truth is Truth.UNKNOWN and groups(finding)]
    leaves = (leaf for finding in open_ for leaf in open_leaves(finding) if not group.isdisjoint(leaf.missing))
    for choice in _choices(list(dict.fromkeys(_key(leaf) for leaf in leaves))):
        truths = {_with(finding, choice) for finding in open_}
        if Truth.NOT_MET not in truths and Truth.UNKNOWN in truths:
            return False
    return True
