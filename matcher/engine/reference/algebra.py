"""How findings combine: strong Kleene for truth, and with it reason, change, evidence and what is missing.

Conjunction is written once; disjunction is its dual. Negation swaps the truth and keeps everything else, because what
can change about an answer is the same whichever way it is asked (SEMANTICS §5).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from matcher.engine.results import Evidence, Finding, Missing
from matcher.engine.truth import Change, Truth, easiest, first_reason, hardest, negation
from trials.criteria.tree import Bound


def unique(items: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """Evidence without repetition, in order of use."""
    return tuple(dict.fromkeys(items))


def merged(items: Iterable[Missing]) -> tuple[Missing, ...]:
    """Missing facts, each once, in order of use."""
    return tuple(dict.fromkeys(items))


def negate(finding: Finding) -> Finding:
    """NOT."""
    # Written out: `dataclasses.replace` costs five times as much, and this is asked more than anything else.
    return Finding(
        negation(finding.truth), finding.reason, finding.change, finding.flips, finding.evidence, finding.missing,
        finding.note, finding.rule, finding.parts,
    )  # fmt: skip


def both(findings: Sequence[Finding]) -> Finding:
    """AND of one finding or more."""
    if len(findings) == 1:
        only = findings[0]
        missing = only.missing if only.truth is Truth.UNKNOWN else ()
        return Finding(only.truth, only.reason, only.change, only.flips, only.evidence, missing, only.note)
    truth = min(finding.truth for finding in findings)
    deciding = [finding for finding in findings if finding.truth is truth]
    flips = _flips(findings)
    if truth is Truth.UNKNOWN:
        return Finding(
            truth,
            first_reason(finding.reason for finding in deciding),
            None,
            flips,
            unique(item for finding in findings for item in finding.evidence),
            merged(item for finding in deciding for item in finding.missing),
            "; ".join(dict.fromkeys(finding.note for finding in deciding if finding.note)),
        )
    changes = [finding.change or Change.NEVER for finding in deciding]
    change = hardest(changes) if truth is Truth.NOT_MET else easiest(changes)
    evidence = unique(item for finding in deciding for item in finding.evidence)
    note = "; ".join(dict.fromkeys(finding.note for finding in deciding if finding.note))
    return Finding(truth, None, change, flips, evidence, (), note)


def either(findings: Sequence[Finding]) -> Finding:
    """OR of one finding or more."""
    if len(findings) == 1:
        return both(findings)
    return negate(both([negate(finding) for finding in findings]))


def quota(bound: Bound, number: int, findings: Sequence[Finding]) -> Finding:
    """`at least | at most | exactly N of (…)`, by counting what is met and what may be."""
    if bound is Bound.AT_MOST:
        return negate(_at_least(number + 1, findings))
    if bound is Bound.AT_LEAST:
        return _at_least(number, findings)
    upper = (
        negate(_at_least(number + 1, findings)) if number < len(findings) else Finding(Truth.MET, None, Change.NEVER)
    )
    lower = _at_least(number, findings) if number else Finding(Truth.MET, None, Change.NEVER)
    return both([lower, upper])


def _at_least(number: int, findings: Sequence[Finding]) -> Finding:
    """At least `number` are met. Not met, it takes the easiest of the not-met parts that make up the number."""
    met = [finding for finding in findings if finding.truth is Truth.MET]
    open_ = [finding for finding in findings if finding.truth is Truth.UNKNOWN]
    against = [finding for finding in findings if finding.truth is Truth.NOT_MET]
    flips = _flips(findings)
    evidence = unique(item for finding in findings for item in finding.evidence)
    if len(met) >= number:
        # It stays met until so many fall that fewer than `number` remain.
        falling = sorted((f.change or Change.NEVER for f in met), key=lambda c: c.hardness)[: len(met) - number + 1]
        return Finding(Truth.MET, None, hardest(falling), flips, unique(e for f in met for e in f.evidence))
    if len(met) + len(open_) < number:
        needed = number - len(met) - len(open_)
        rising = sorted((f.change or Change.NEVER for f in against), key=lambda c: c.hardness)[:needed]
        return Finding(Truth.NOT_MET, None, hardest(rising), flips, unique(e for f in against for e in f.evidence))
    return Finding(
        Truth.UNKNOWN,
        first_reason(finding.reason for finding in open_),
        None,
        flips,
        evidence,
        merged(item for finding in open_ for item in finding.missing),
    )


def spread(findings: Sequence[Finding], disagreement: Finding) -> Finding:
    """The answer that several readings of the same facts give: theirs if they agree, else the disagreement.

    Only one of the readings is so; where they agree, the easiest of their ways to change is the one to hope for.
    """
    first = findings[0]
    evidence = unique(e for f in findings for e in f.evidence)
    missing = merged(m for f in findings for m in f.missing)
    flips = _flips(findings)
    if all(finding.truth is first.truth for finding in findings):
        change = None if first.truth is Truth.UNKNOWN else easiest(f.change or Change.NEVER for f in findings)
        reason = first_reason(f.reason for f in findings)
        return replace(first, reason=reason, change=change, evidence=evidence, missing=missing, flips=flips)
    return replace(
        disagreement,
        evidence=unique((*disagreement.evidence, *evidence)),
        missing=merged((*disagreement.missing, *missing)),
        flips=flips,
    )


def _flips(findings: Iterable[Finding]) -> tuple[int, ...]:
    days = {day for finding in findings for day in finding.flips}
    return tuple(sorted(days)) if days else ()
