"""What pairs lack, for a whole registry: the missing facts of `reference.documents.missing`, once per pattern.

What a pair lacks hangs on which of its leaves are open and why, and the patterns of that are few against the pairs. For
each distinct pattern the tree of findings is put together and asked as the reference asks it: which facts, in which
order, which of them settle the pair, what only a reader can say. What a single leaf asks for: see `asked_for`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.engine.bulk.asked_for import leaf_finding, told
from matcher.engine.bulk.batch import Batch
from matcher.engine.bulk.columns import Longs
from matcher.engine.bulk.findings import FIRST_MET, FIRST_UNKNOWN, NOT_STRUCTURED
from matcher.engine.bulk.trials import NOT_ELIGIBLE, Answers, Trial
from matcher.engine.reference import algebra
from matcher.engine.reference.documents.missing import Entry, entries, questions, with_vital_status
from matcher.engine.reference.evaluate import connected
from matcher.engine.results import Finding, Missing, unknown
from matcher.engine.truth import Reason
from trials.criteria import tree as t
from trials.criteria.documents import Criterion, Polarity


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a pair lacks: `needs` is facts, reader, both or None; `to_read` holds criteria with their questions."""

    needs: str | None
    missing: tuple[Entry, ...]
    to_read: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Lacking:
    """What the open pairs of a trial lack: `wanted[pattern[i]]` is that of the patient `patient[i]` (ascending)."""

    patient: Longs
    pattern: Longs
    wanted: tuple[Wanted, ...]


def lacking(answers: Answers) -> Lacking:
    """What each patient lacks who is not ruled out of a trial for good."""
    patients, patterns, wanted = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], list[Wanted]()
    for trial, counting in zip(answers.parts, answers.counting, strict=True):
        rank, which = trial.best
        items = counting[rank[counting] > NOT_ELIGIBLE]
        for number in np.unique(which[items]):
            mine = items[which[items] == number]
            cohort = trial.document.cohorts[number] if trial.document.cohorts else None
            criteria = [trial.document.criteria[index] for index in trial.counted(cohort)]
            pattern, found = _by_pattern(trial, criteria, mine)
            patients.append(trial.batch.patient[mine])
            patterns.append(pattern + len(wanted))
            wanted += found
    patient, pattern = np.concatenate(patients), np.concatenate(patterns)
    order = np.argsort(patient, kind="stable")
    return Lacking(patient[order], pattern[order], tuple(wanted))


def _by_pattern(trial: Trial, criteria: list[Criterion], items: Longs) -> tuple[Longs, list[Wanted]]:
    """The number of each item's pattern, and what each pattern lacks."""
    disputed = trial.shelf.view.disputed[trial.batch.patient[items]]
    parts: list[NDArray[Any]] = [disputed.astype(np.int64)]
    open_by_criterion: list[list[Finding | None]] = []
    for criterion in criteria:
        number, findings = _open_findings(trial, criterion, items)
        parts.append(number)
        open_by_criterion.append(findings)
    whole = np.stack(parts, axis=1)
    distinct, inverse = np.unique(whole, axis=0, return_inverse=True)
    lines = {criterion.id: criterion.text for criterion in criteria}
    found = []
    for row in distinct:
        open_ = [
            (criterion.id, finding)
            for criterion, number, findings in zip(criteria, row[1:], open_by_criterion, strict=True)
            if (finding := findings[number]) is not None
        ]
        found.append(_wanted(open_, lines, disputed=bool(row[0])))
    return inverse.reshape(-1).astype(np.int64), found


def _wanted(open_: list[tuple[str, Finding]], lines: dict[str, str], *, disputed: bool) -> Wanted:
    """As `reference.documents.assess` puts it together for a cohort."""
    listed = entries([(id_, finding) for id_, finding in open_ if finding.reason is not Reason.NOT_STRUCTURED])
    asked = [(id_, questions(finding, lines[id_])) for id_, finding in open_]
    to_read = tuple((id_, question) for id_, texts in asked for question in texts)
    facts = bool(listed) or any(not texts for _, texts in asked)
    if disputed:
        listed, facts = with_vital_status(listed, facts=facts), True
    needs = None
    if facts or to_read:
        needs = "both" if facts and to_read else "facts" if facts else "reader"
    return Wanted(needs, listed, to_read)


def _open_findings(trial: Trial, criterion: Criterion, items: Longs) -> tuple[Longs, list[Finding | None]]:
    """The number of the finding of each item where a criterion is open, 0 where it is decided; and the findings."""
    found = trial.findings(criterion)
    assert found is not None  # what has no truth does not count
    code = found.code[items]
    open_ = (code >= FIRST_UNKNOWN) & (code < FIRST_MET)
    number = np.zeros(len(items), np.int64)
    findings: list[Finding | None] = [None]
    if not open_.any():
        return number, findings
    if criterion.rule is None:
        line = Missing("criterion", (criterion.id,), "", "", criterion.text, "ask")
        findings.append(unknown(Reason.NOT_STRUCTURED, missing=(line,), note=criterion.why))
        number[open_] = 1
        assert (code[open_] == NOT_STRUCTURED).all()
        return number, findings
    batch = trial.asking(criterion)
    leaves = list(dict.fromkeys(_leaves(batch, criterion.rule)))
    marked = np.stack([told(batch, leaf, items[open_]) for leaf in leaves], axis=1)
    distinct, inverse = np.unique(marked, axis=0, return_inverse=True)
    number[open_] = inverse.reshape(-1) + 1
    for row in distinct:
        said = dict(zip(leaves, (int(each) for each in row), strict=True))
        key = ("finding", id(criterion.rule), criterion.polarity, batch.words.criterion, row.tobytes())
        findings.append(batch.once(key, lambda said=said: _finding(batch, criterion, said)))  # type: ignore[misc]  # bound as default
    return number, findings


def _leaves(batch: Batch, rule: t.Rule) -> Iterator[t.Leaf]:
    match rule:
        case t.And(parts) | t.Or(parts) | t.Quota(_, _, parts):
            for part in parts:
                yield from _leaves(batch, part)
        case t.Not(part):
            yield from _leaves(batch, part)
        case t.Except(main, when):
            yield from _leaves(batch, main)
            yield from _leaves(batch, when)
        case t.If(condition, then, otherwise):
            for part in (condition, then) if otherwise is None else (condition, then, otherwise):
                yield from _leaves(batch, part)
        case t.Named(name):
            yield from _leaves(batch, batch.words.defined_rule(name))
        case _:
            yield rule


def _finding(batch: Batch, criterion: Criterion, said: dict[t.Leaf, int]) -> Finding:
    """The tree of findings of a criterion whose leaves say what they say."""
    assert criterion.rule is not None

    def answer(rule: t.Rule) -> Finding:
        match rule:
            case t.Named(name):
                inner = answer(batch.words.defined_rule(name))
                return inner.of(rule, (inner,))
            case t.And() | t.Or() | t.Not() | t.Quota() | t.Except() | t.If():
                return connected(rule, answer)
            case _:
                return leaf_finding(batch, rule, said[rule]).about(rule)

    found = answer(criterion.rule)
    if criterion.polarity is Polarity.EXCLUSION:
        return algebra.negate(found).of(t.Not(criterion.rule), (found,))
    return found
