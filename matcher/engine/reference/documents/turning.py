"""The earliest day on which time alone may turn an answer: a bound, so that the search for a date skips the rest.

A leaf cannot turn before the first of its flips; what is made of leaves cannot turn before those it needs.
"""

from __future__ import annotations

from matcher.engine.reference.days import FUTURE
from matcher.engine.results import Finding
from matcher.engine.truth import Truth, negation
from trials.criteria import tree as t


def earliest(finding: Finding, wanted: Truth, after: int) -> int:
    """A day, later than `after`, before which `finding` is surely not `wanted` (met or not met); FUTURE if never.

    `after` is the day the finding was made for: a finding that is as wanted already may be so on the very next day.
    """
    if finding.truth is wanted:
        return after + 1
    rule, parts = finding.rule, finding.parts
    if not parts:
        return first_flip(finding, after)
    match rule:
        case t.Not():
            return earliest(parts[0], negation(wanted), after)
        case t.Except():
            needed = [earliest(parts[0], wanted, after), earliest(parts[1], negation(wanted), after)]
            return max(needed) if wanted is Truth.MET else min(needed)
        case t.And():
            needed = [earliest(part, wanted, after) for part in parts]
            return max(needed) if wanted is Truth.MET else min(needed)
        case t.Or():
            needed = [earliest(part, wanted, after) for part in parts]
            return min(needed) if wanted is Truth.MET else max(needed)
        case t.Named():
            return earliest(parts[0], wanted, after)
        case _:
            # Of a quota or an `if` any part may turn it.
            return first_flip(finding, after)


def first_flip(finding: Finding, after: int) -> int:
    """The first day after `after` on which time alone may turn a finding at all; FUTURE if there is none."""
    return min((day for day in finding.flips if day > after), default=FUTURE)
