"""The documents of a shelf, made ready to be asked of many patients: equal parts of their rules are one object.

Criteria repeat across protocols. Interned once, a part is known by its identity, so that every batch answers it once
and no tree is hashed again.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from trials.criteria import tree as t
from trials.criteria.documents import OptionDocument, TrialDocument


@dataclass(frozen=True, slots=True)
class Asked:
    """A trial or option with its version, and whether it is open at this site."""

    document: TrialDocument | OptionDocument
    version: int = 0
    open_here: bool = True


@dataclass(frozen=True, slots=True)
class Program:
    """Documents whose rules share their equal parts; `notes` is what was found out of the rules, whoever was asked."""

    trials: tuple[tuple[TrialDocument, int, bool], ...]
    options: tuple[tuple[OptionDocument, int], ...]
    notes: dict[Hashable, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, asked: Sequence[Asked]) -> Program:
        """The program of some documents."""
        known: dict[t.Rule, t.Rule] = {}
        trials, options = [], []
        for each in asked:
            document = each.document
            if isinstance(document, TrialDocument):
                criteria = tuple(
                    replace(item, rule=None if item.rule is None else interned(item.rule, known))
                    for item in document.criteria
                )
                trials.append((replace(document, criteria=criteria), each.version, each.open_here))
            else:
                statements = tuple(
                    replace(item, rule=None if item.rule is None else interned(item.rule, known))
                    for item in document.statements
                )
                options.append((replace(document, statements=statements), each.version))
        return cls(tuple(trials), tuple(options))


def interned(rule: t.Rule, known: dict[t.Rule, t.Rule]) -> t.Rule:
    """The one object that stands for a rule and all that equal it; so for each of its parts."""
    held = known.get(rule)
    if held is not None:
        return held
    match rule:
        case t.And(parts):
            rule = t.And(tuple(interned(part, known) for part in parts))
        case t.Or(parts):
            rule = t.Or(tuple(interned(part, known) for part in parts))
        case t.Quota(bound, number, parts):
            rule = t.Quota(bound, number, tuple(interned(part, known) for part in parts))
        case t.Not(part):
            rule = t.Not(interned(part, known))
        case t.Except(main, when):
            rule = t.Except(interned(main, known), interned(when, known))
        case t.If(condition, then, otherwise):
            rule = t.If(
                interned(condition, known),
                interned(then, known),
                None if otherwise is None else interned(otherwise, known),
            )
    known[rule] = rule
    return rule
