"""Comparisons: a measured or coded value, a dose or a ratio against a quantity, a limit of normal or another value.

Values are intervals in the unit of the left side; a comparison is decided where every pair of possible values agrees.
"""

from __future__ import annotations

import math

from matcher.engine import algebra
from matcher.engine.ages import ages_on
from matcher.engine.anchors import opened
from matcher.engine.context import Context, UnknownWord
from matcher.engine.doses import Amount, dose_of
from matcher.engine.intervals import Interval, compare
from matcher.engine.limits import limit_of
from matcher.engine.observations import Reading, judged
from matcher.engine.results import Evidence, Finding, Missing, unknown
from matcher.engine.times import aged, birth, birth_missing, duration, elapsed
from matcher.engine.truth import Change, Reason, Truth
from patients.facts import read_code
from trials.criteria import tree as t

#: A value with its evidence, or the unknown that stands in its way.
Valued = tuple[Interval, tuple[Evidence, ...]] | Finding


def is_code(context: Context, leaf: t.IsCode) -> Finding:
    """`V is code`, `V is any of (a, b)`."""
    test = "sex" if leaf.value.test == "sex" else context.vocabulary.find_test(leaf.value.test)
    asked = {_code(context, test, word) for word in leaf.codes}

    def judge(reading: Reading) -> Finding:
        known = reading.code is not None and (
            test == "sex" or (test is not None and reading.code in context.vocabulary.test(test).codes)
        )
        if not known:
            return unknown(Reason.IMPRECISE, evidence=reading.evidence)
        truth = Truth.of((reading.code in asked) != leaf.negated)
        return Finding(truth, None, Change.NEVER if test == "sex" else Change.ACTION, (), reading.evidence)

    return judged(context, leaf.value, leaf.window, judge)


def _code(context: Context, test: str | None, word: str) -> str:
    """The canonical code of a word of a rule. Raises UnknownWord."""
    if test is None:
        raise UnknownWord(f"{word!r} is asked of a test that is not known")
    if test == "sex":
        code = read_code("sex", word)
        if code is None:
            raise UnknownWord(f"{word!r} is no sex: known are male, female, other")
        return code
    for code, synonyms in context.vocabulary.test(test).codes.items():
        if any(t.same_name(word, each) for each in (code, *synonyms)):
            return code
    raise UnknownWord(f"{word!r} is no value of {test}")


def is_recorded(context: Context, leaf: t.IsRecorded) -> Finding:
    """Met where a value is there in its window, else unknown: no policy makes an absence of data a fact."""
    if isinstance(leaf.value, t.Age):
        if ages_on(context, context.asked) is not None:
            return Finding(Truth.MET, None, Change.NEVER, (), (birth(context),))
        return unknown(Reason.NOT_RECORDED, missing=(birth_missing(),))
    return judged(context, leaf.value, leaf.window, lambda r: Finding(Truth.MET, None, Change.ACTION, (), r.evidence))


def between(context: Context, leaf: t.Between) -> Finding:
    """`V between a and b`: each possible value is held against both ends."""
    ends = ((t.Operator.GE, leaf.low), (t.Operator.LE, leaf.high))
    value, window = leaf.value, leaf.window
    if isinstance(value, t.Observation):
        return judged(
            context, value, window,
            lambda r: algebra.both([_judge(context, r, value, operator, end, window) for operator, end in ends]),
        )  # fmt: skip
    return algebra.both([comparison(context, value, operator, end, window) for operator, end in ends])


def comparison(
    context: Context, left: t.Value, operator: t.Operator, right: t.Value, window: t.Window | None
) -> Finding:
    """`V op V`."""
    match left:
        case t.Elapsed():
            assert isinstance(right, t.Span)  # the tree refuses anything else
            return elapsed(context, left, operator, right)
        case t.Duration(records):
            assert isinstance(right, t.Span)  # the tree refuses anything else
            return duration(context, records, operator, right)
        case t.Age():
            return aged(context, operator, right)
        case t.Observation():
            return judged(context, left, window, lambda r: _judge(context, r, left, operator, right, window))
        case _:
            return _general(context, left, operator, right, window)


def _judge(
    context: Context,
    reading: Reading,
    left: t.Observation,
    operator: t.Operator,
    right: t.Value,
    window: t.Window | None,
) -> Finding:
    """One value against the right side: a quantity in its unit, its own ULN, or another test."""
    if reading.observation is None or (reading.value.lo == -math.inf and reading.value.hi == math.inf):
        return unknown(Reason.IMPRECISE, evidence=reading.evidence)
    side = _side(context, right, reading, left, window)
    if isinstance(side, Finding):
        return algebra.both([unknown(side.reason or Reason.IMPRECISE, evidence=reading.evidence), side])
    limit, more = side
    truth = compare(reading.value, operator, limit)
    evidence = algebra.unique((*reading.evidence, *more))
    if truth is Truth.UNKNOWN:
        text = f"{context.vocabulary.test(reading.test).name} to a precision that decides"
        missing = Missing("observation", (reading.test,), "exact value", "", text, "laboratory")
        return unknown(Reason.IMPRECISE, evidence=evidence, missing=(missing,))
    return Finding(truth, None, Change.ACTION, (), evidence)


def _side(context: Context, value: t.Value, reading: Reading, left: t.Observation, window: t.Window | None) -> Valued:
    """The right side of a comparison in the unit of the left, or the unknown that stands in its way."""
    assert reading.observation is not None  # `_judge` has seen to it
    test = reading.test
    match value:
        case t.Quantity(number, unit):
            return Interval.point(_converted(context, number, test, unit)), ()
        case t.Span(number, unit_of_time):
            return Interval.point(_converted(context, number, test, unit_of_time.value)), ()
        case t.Limit(factor, upper):
            limit = limit_of(context, reading.observation, upper=upper)
            if limit is not None:
                return Interval.point(limit).times(factor), ()
            name = "ULN" if upper else "LLN"
            text = f"{name} of the laboratory for {context.vocabulary.test(test).name}"
            missing = Missing("observation", (test,), name, "", text, "look_up")
            return unknown(Reason.NOT_RECORDED, evidence=reading.evidence, missing=(missing,))
        case t.Multiple(factor, inner):
            side = _side(context, inner, reading, left, window)
            return side if isinstance(side, Finding) else (side[0].times(factor), side[1])
        case _:
            return _value_of(context, value, window)


def _converted(context: Context, number: float, test: str, unit: str) -> float:
    converted = context.vocabulary.convert(number, test=test, unit=unit or None)
    if converted is None:
        raise UnknownWord(f"{unit!r} is no unit of {test}")
    return converted


def _value_of(context: Context, value: t.Value, window: t.Window | None) -> Valued:
    """A value that is not compared with a limit."""
    match value:
        case t.Quantity(number):
            return Interval.point(number), ()
        case t.Observation():
            return _observed(context, value, window)
        case t.Multiple(factor, inner):
            part = _value_of(context, inner, window)
            return part if isinstance(part, Finding) else (part[0].times(factor), part[1])
        case t.Ratio(over, under):
            return _ratio(context, over, under, window)
        case t.Dose():
            amount = _dose(context, value, "", window)
            return amount if isinstance(amount, Finding) else (amount.value, amount.evidence)
        case _:
            raise UnknownWord("a limit of normal, a span or a time stands alone on the right side of a comparison")


def _observed(context: Context, value: t.Observation, window: t.Window | None) -> Valued:
    seen: list[Reading] = []

    def collect(reading: Reading) -> Finding:
        seen.append(reading)
        return Finding(Truth.MET, None, Change.ACTION, (), reading.evidence)

    found = judged(context, value, window, collect)
    if found.truth is not Truth.MET:
        return found
    if len({reading.value for reading in seen}) > 1:
        return unknown(Reason.CONFLICTING, evidence=found.evidence)
    return seen[0].value, seen[0].evidence


def _ratio(context: Context, over: t.Value, under: t.Value, window: t.Window | None) -> Valued:
    parts = [_value_of(context, value, window) for value in (over, under)]
    problems = [part for part in parts if isinstance(part, Finding)]
    if problems:
        return algebra.both(problems)
    (top, above), (bottom, below) = (part for part in parts if not isinstance(part, Finding))
    quotient = top.over(bottom)
    if quotient is None:
        return unknown(Reason.IMPRECISE, evidence=(*above, *below), note="the divisor may be zero")
    return quotient, algebra.unique((*above, *below))


def _dose(context: Context, dose: t.Dose, unit: str, window: t.Window | None) -> Amount | Finding:
    frame = opened(context, window)
    return frame.problem or dose_of(context, dose, unit, frame)


def _general(context: Context, left: t.Value, operator: t.Operator, right: t.Value, window: t.Window | None) -> Finding:
    """Doses, ratios and multiples against a quantity or another value."""
    mine: Amount | Valued
    if isinstance(left, t.Dose):
        mine = _dose(context, left, right.unit if isinstance(right, t.Quantity) else "", window)
    else:
        mine = _value_of(context, left, window)
    theirs = _value_of(context, right, window)
    problems = [part for part in (mine, theirs) if isinstance(part, Finding)]
    if problems:
        return algebra.both(problems)
    assert not isinstance(mine, Finding) and not isinstance(theirs, Finding)  # both are values then
    amount = mine if isinstance(mine, Amount) else Amount(mine[0], mine[1])
    truth = compare(amount.value, operator, theirs[0])
    evidence = algebra.unique((*amount.evidence, *theirs[1]))
    if truth is Truth.UNKNOWN:
        reason = amount.reason or Reason.IMPRECISE
        return unknown(reason, evidence=evidence, missing=amount.missing, flips=amount.flips)
    change = _dose_change(left, operator, truth) if isinstance(left, t.Dose) else Change.ACTION
    return Finding(truth, None, change, amount.flips, evidence)


def _dose_change(dose: t.Dose, operator: t.Operator, truth: Truth) -> Change:
    """A daily dose is changed by prescription; what has been given over a life only grows."""
    if dose.measure is t.Measure.DAILY:
        return Change.ACTION
    grows_true = operator in (t.Operator.GE, t.Operator.GT, t.Operator.NE)
    return Change.COURSE if (truth is Truth.NOT_MET) == grows_true else Change.NEVER
