"""Rules over a batch: each distinct part of each rule is answered once, connectives combine the answers."""

from __future__ import annotations

import numpy as np

from matcher.engine.bulk.batch import Batch
from matcher.engine.bulk.columns import Codes
from matcher.engine.bulk.findings import (
    FIRST_MET,
    FIRST_UNKNOWN,
    MET_NEVER,
    NEEDS_JUDGEMENT,
    Findings,
    all_of,
    both,
    both_codes,
    choose,
    earlier,
    either,
    met,
    negate,
    not_met,
    quota,
    truths,
)
from matcher.engine.bulk.leaves import leaf_findings
from matcher.engine.reference.days import FUTURE
from matcher.engine.truth import Change
from trials.criteria import tree as t


def evaluate(batch: Batch, rule: t.Rule) -> Findings:
    """The findings of a rule for every item of a batch; parts that rules share are answered once."""
    # A question is one of a named criterion; everything else means the same wherever it stands.
    key = ("rule", rule, batch.words.criterion if _asks(batch, rule) else "")
    return batch.once(key, lambda: _evaluate(batch, rule))


def _asks(batch: Batch, rule: t.Rule) -> bool:
    """Whether a question for a reader stands anywhere in a rule."""
    match rule:
        case t.Ask():
            return True
        case t.Not(part):
            return _asks(batch, part)
        case t.And(parts) | t.Or(parts) | t.Quota(_, _, parts):
            return any(_asks(batch, part) for part in parts)
        case t.Except(main, when):
            return _asks(batch, main) or _asks(batch, when)
        case t.If(condition, then, otherwise):
            return any(_asks(batch, part) for part in (condition, then, otherwise) if part is not None)
        case t.Named(name):
            return _asks(batch, batch.words.defined_rule(name))
        case _:
            # A definition of an outcome may ask, and is reached through the leaf that names the outcome.
            return any(isinstance(each, t.DefineOutcome) for each in batch.words.definitions)


def _evaluate(batch: Batch, rule: t.Rule) -> Findings:
    match rule:
        case t.And(parts):
            return both([evaluate(batch, part) for part in parts])
        case t.Or(parts):
            return either([evaluate(batch, part) for part in parts])
        case t.Not(part):
            return negate(evaluate(batch, part))
        case t.Quota(bound, number, parts):
            return quota(bound, number, [evaluate(batch, part) for part in parts])
        case t.Except(main, when):
            return both([evaluate(batch, main), negate(evaluate(batch, when))])
        case t.If():
            return _if(batch, rule)
        case t.Named(name):
            return evaluate(batch, batch.words.defined_rule(name))
        case t.Ask(question):
            return _ask(batch, question)
        case _:
            return leaf_findings(batch, rule)


def _if(batch: Batch, rule: t.If) -> Findings:
    """A met: B. A not met: C, or met. A unknown: B where B and C agree, else unknown (`reference.evaluate`)."""
    condition, then = evaluate(batch, rule.condition), evaluate(batch, rule.then)
    otherwise = evaluate(batch, rule.otherwise) if rule.otherwise is not None else all_of(batch.n, MET_NEVER)
    a, b, c = condition.code, then.code, otherwise.code
    agree = truths(b) == truths(c)
    open_ = [choose((x >= FIRST_UNKNOWN) & (x < FIRST_MET), x, a) for x in (b, c)]
    where_open = np.where(agree, both_codes(b, c), both_codes(a, *open_))
    chosen, other = np.where(a >= FIRST_MET, b, c), np.where(a >= FIRST_MET, c, b)
    decided = (chosen < FIRST_UNKNOWN) | (chosen >= FIRST_MET)
    # The condition itself may come to be otherwise, and with it the answer.
    swings = decided & (truths(other) != truths(chosen))
    easier = np.minimum(_hardness(chosen), _hardness(a))
    eased = np.where(chosen >= FIRST_MET, FIRST_MET + easier, 3 - easier)
    decided_code = np.where(swings, eased, chosen)
    unknown = (a >= FIRST_UNKNOWN) & (a < FIRST_MET)
    flips = earlier(condition.flips, then.flips, otherwise.flips)
    return Findings(np.where(unknown, where_open, decided_code).astype(np.uint8), flips)


def _hardness(code: Codes) -> Codes:
    """0 for time to 3 for never, of decided codes."""
    found: Codes = np.where(code >= FIRST_MET, code - FIRST_MET, 3 - np.minimum(code, 3)).astype(np.uint8)
    return found


def _ask(batch: Batch, question: str) -> Findings:
    """A recorded answer of the named version, while it is valid; else a question for a reader."""
    code = np.full(batch.n, NEEDS_JUDGEMENT, np.uint8)
    found = answers_of(batch, question)
    if found is None:
        return Findings(code)
    item, truth, until = found
    code[item] = np.where(truth, met(Change.ACTION), not_met(Change.ACTION))
    flips = np.full(batch.n, FUTURE, np.int32)
    flips[item] = np.where(until > 0, until + 1, FUTURE)
    return Findings(code, flips)


def answers_of(batch: Batch, question: str) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:  # type: ignore[type-arg]
    """The latest valid answers to a question of the batch's criterion (`question` empty: to the criterion itself).

    Returns items, truths and the days through which they are valid (0: for ever), or None where there is none.
    """
    words, table = batch.words, batch.table("answers")
    wanted = np.ones(table.rows, np.bool_)
    for name, value in (("document", words.document), ("criterion", words.criterion), ("question", question)):
        wanted &= table.coded[name].codes == table.coded[name].code_of(value)
    wanted &= table.number["version"] == words.version
    pairs = batch.pairs(table, np.flatnonzero(wanted))
    until, on = table.day["valid_until"][pairs.row], table.day["on"][pairs.row]
    valid = (until == 0) | (until >= batch.known[pairs.item])
    if not valid.any():
        return None
    pairs, until, on = pairs.take(valid), until[valid], on[valid]
    order = np.lexsort((table.order[pairs.row], on, pairs.item))
    item = pairs.item[order]
    last = np.append(item[1:] != item[:-1], True)
    chosen = order[last]
    return pairs.item[chosen], table.flag["truth"][pairs.row[chosen]] == 1, until[chosen]
