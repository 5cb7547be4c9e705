"""Rules over a batch: each distinct part of each rule is answered once, connectives combine the answers."""

from __future__ import annotations

import numpy as np

from matcher.engine.bulk.batch import Batch, Pairs
from matcher.engine.bulk.cancers import hangs_on_cancer
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
    """The findings of a rule for every item of a batch; parts that rules share are answered once.

    A part is known by its identity (`program.interned` makes equal parts one), as hashing trees costs more than leaves.
    """
    if batch.whoever is not None and not hangs_on_cancer(batch, rule) and not asks(batch, rule):
        return evaluate(batch.whoever, rule)
    words = batch.words
    # A question is one of a named criterion; everything else means the same wherever it stands.
    whose = (words.document, words.version, words.criterion) if asks(batch, rule) else None
    key = ("rule", id(rule), whose)
    held: tuple[t.Rule, Findings] | None = batch.cache.get(key)
    if held is None:
        held = batch.cache[key] = (rule, _evaluate(batch, rule))  # the rule is kept, so that its identity stays its own
    return held[1]


def asks(batch: Batch, rule: t.Rule) -> bool:
    """Whether a question for a reader stands anywhere in a rule."""
    cache = batch.of_rules
    key = ("asks", id(rule))
    held: tuple[t.Rule, bool] | None = cache.get(key)
    if held is None:
        held = cache[key] = (rule, _asks(batch, rule))
    return held[1]


def _asks(batch: Batch, rule: t.Rule) -> bool:
    """Whether a question for a reader stands anywhere in a rule."""
    match rule:
        case t.Ask():
            return True
        case t.Not(part):
            return asks(batch, part)
        case t.And(parts) | t.Or(parts) | t.Quota(_, _, parts):
            return any(asks(batch, part) for part in parts)
        case t.Except(main, when):
            return asks(batch, main) or asks(batch, when)
        case t.If(condition, then, otherwise):
            return any(asks(batch, part) for part in (condition, then, otherwise) if part is not None)
        case t.Named(name):
            return asks(batch, batch.words.defined_rule(name))
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
    pairs = answers_of(batch, question)
    if not len(pairs):
        return Findings(code)
    table = batch.table("answers")
    until = table.day["valid_until"][pairs.row]
    code[pairs.item] = choose(table.flag["truth"][pairs.row] == 1, met(Change.ACTION), not_met(Change.ACTION))
    flips = np.full(batch.n, FUTURE, np.int32)
    flips[pairs.item] = np.where(until > 0, until + 1, FUTURE)
    return Findings(code, np.where(flips > batch.asked, flips, FUTURE).astype(np.int32))


def answers_of(batch: Batch, question: str) -> Pairs:
    """The latest valid answers to a question of the batch's criterion (`question` empty: to the criterion itself).

    One row of the table of answers for each item that has one.
    """
    words, table = batch.words, batch.table("answers")
    wanted = np.ones(table.rows, np.bool_)
    for name, value in (("document", words.document), ("criterion", words.criterion), ("question", question)):
        wanted &= table.coded[name].codes == table.coded[name].code_of(value)
    wanted &= table.number["version"] == words.version
    pairs = batch.pairs(table, np.flatnonzero(wanted))
    until = table.day["valid_until"][pairs.row]
    pairs = pairs.take((until == 0) | (until >= batch.known[pairs.item]))
    order = np.lexsort((table.order[pairs.row], table.day["on"][pairs.row], pairs.item))
    last = np.append(np.diff(pairs.item[order]) != 0, True)[: len(order)]
    return pairs.take(order[last])
