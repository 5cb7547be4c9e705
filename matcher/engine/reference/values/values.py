"""Comparisons: a measured or coded value, a dose or a ratio against a quantity, a limit of normal or another value.

Values are intervals in the unit of the left side; a comparison is decided where every pair of possible values agrees.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from matcher.engine.intervals import Interval, compare
from matcher.engine.reference import algebra
from matcher.engine.reference.anchors import opened
from matcher.engine.reference.context import Context, UnknownWord
from matcher.engine.reference.values.ages import ages_on
from matcher.engine.reference.values.doses import Amount, dose_of
from matcher.engine.reference.values.limits import limit_of
from matcher.engine.reference.values.observations import Reading, judged
from matcher.engine.reference.values.times import aged, birth, birth_missing, duration, elapsed
from matcher.engine.results import Finding, Missing, unknown
from matcher.engine.truth import Change, Reason, Truth, first_reason
from patients.facts import read_code
from trials.criteria import tree as t

#: What is to be said of a value.
Then = Callable[[Amount], Finding]

#: A value that is yet to be read: what is said of it, or the unknown that stands in its way. Where two may be meant
#: (two results of one day) each is asked, and they must agree.
Read = Callable[[Then], Finding]


def is_code(context: Context, leaf: t.IsCode) -> Finding:
    """`V is code`, `V is any of (a, b)`."""
    test = "sex" if leaf.value.test == "sex" else context.vocabulary.find_test(leaf.value.test)
    asked = {code_asked(context, test, word) for word in leaf.codes}

    def judge(reading: Reading) -> Finding:
        known = reading.code is not None and (
            test == "sex" or (test is not None and reading.code in context.vocabulary.test(test).codes)
        )
        if not known:
            return unknown(Reason.IMPRECISE, evidence=reading.evidence, missing=(_exact(context, reading.test),))
        truth = Truth.of((reading.code in asked) != leaf.negated)
        return Finding(truth, None, Change.NEVER if test == "sex" else Change.ACTION, (), reading.evidence)

    return judged(context, leaf.value, leaf.window, judge)


def code_asked(context: Context, test: str | None, word: str) -> str:
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


def _exact(context: Context, test: str) -> Missing:
    """A value that is recorded, but in words or to a precision that leave it open."""
    if test == "sex":
        return Missing("patient", (), "sex", "", "sex", "look_up")
    entry = context.vocabulary.test(test)
    return Missing("observation", (test,), "exact value", "", f"{entry.name} to a precision that decides", entry.cost)


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
        return unknown(Reason.IMPRECISE, evidence=reading.evidence, missing=(_exact(context, reading.test),))

    def decide(limit: Amount) -> Finding:
        truth = compare(reading.value, operator, limit.value)
        if truth is Truth.UNKNOWN:
            missing = algebra.merged((_exact(context, reading.test), *limit.missing))
            return unknown(limit.reason or Reason.IMPRECISE, evidence=limit.evidence, missing=missing)
        return Finding(truth, None, Change.ACTION, limit.flips, limit.evidence)

    found = _side(context, right, reading, window)(decide)
    return replace(found, evidence=algebra.unique((*reading.evidence, *found.evidence)))


def _side(context: Context, value: t.Value, reading: Reading, window: t.Window | None) -> Read:
    """The right side of a comparison in the unit of the left, or the unknown that stands in its way."""
    assert reading.observation is not None  # `_judge` has seen to it
    test = reading.test
    match value:
        case t.Quantity(number, unit):
            return _known(_converted(context, number, test, unit))
        case t.Span(number, unit_of_time):
            return _known(_converted(context, number, test, unit_of_time.value))
        case t.Limit(factor, upper):
            limit = limit_of(context, reading.observation, upper=upper)
            if limit is not None:
                return _scaled(_known(limit), factor)
            name = "ULN" if upper else "LLN"
            text = f"{name} of the laboratory for {context.vocabulary.test(test).name}"
            missing = Missing("observation", (test,), name, "", text, "look_up")
            return _unread(unknown(Reason.NOT_RECORDED, evidence=reading.evidence, missing=(missing,)))
        case t.Multiple(factor, inner):
            return _scaled(_side(context, inner, reading, window), factor)
        case _:
            return _value_of(context, value, window)


def _converted(context: Context, number: float, test: str, unit: str) -> float:
    converted = context.vocabulary.convert(number, test=test, unit=unit or None)
    if converted is None:
        raise UnknownWord(f"{unit!r} is no unit of {test}")
    return converted


def _value_of(context: Context, value: t.Value, window: t.Window | None, unit: str = "") -> Read:
    """A value that is not compared with a limit; `unit` is that of the other side, for a dose."""
    match value:
        case t.Quantity(number):
            return _known(number)
        case t.Observation():
            return lambda then: judged(context, value, window, lambda r: then(Amount(r.value, r.evidence)))
        case t.Multiple(factor, inner):
            return _scaled(_value_of(context, inner, window), factor)
        case t.Ratio(over, under):
            parts = (_value_of(context, over, window), _value_of(context, under, window))
            return lambda then: _together(*parts, lambda top, bottom: _divided(top, bottom, then))
        case t.Dose():
            frame = opened(context, window)
            if frame.problem is not None:
                return _unread(frame.problem)
            amount = dose_of(context, value, unit, frame)
            return lambda then: then(amount)
        case _:
            raise UnknownWord("a limit of normal, a span or a time stands alone on the right side of a comparison")


def _known(number: float) -> Read:
    return lambda then: then(Amount(Interval.point(number), ()))


def _unread(problem: Finding) -> Read:
    return lambda then: problem


def _scaled(read: Read, factor: float) -> Read:
    return lambda then: read(lambda amount: then(replace(amount, value=amount.value.times(factor))))


def _together(first: Read, second: Read, then: Callable[[Amount, Amount], Finding]) -> Finding:
    """What two values say together: with several possible for one of them, each is tried with each of the other."""
    found = [
        read(lambda amount: Finding(Truth.MET, None, Change.ACTION, (), amount.evidence)) for read in (first, second)
    ]
    problems = [each for each in found if each.truth is Truth.UNKNOWN]
    if problems:
        return algebra.both(problems)
    return first(lambda one: second(lambda other: then(one, other)))


def _divided(top: Amount, bottom: Amount, then: Then) -> Finding:
    quotient = top.value.over(bottom.value)
    both = _said_of(top, bottom)
    if quotient is None:
        return unknown(Reason.IMPRECISE, evidence=both.evidence, missing=both.missing, note="the divisor may be zero")
    return then(replace(both, value=quotient))


def _said_of(one: Amount, other: Amount) -> Amount:
    """The first of two values with what was used for either and what either lacks."""
    return Amount(
        one.value, algebra.unique((*one.evidence, *other.evidence)), algebra.merged((*one.missing, *other.missing)),
        first_reason((one.reason, other.reason)), tuple(sorted({*one.flips, *other.flips})),
    )  # fmt: skip


def _general(context: Context, left: t.Value, operator: t.Operator, right: t.Value, window: t.Window | None) -> Finding:
    """Doses, ratios and multiples against a quantity or another value."""

    def decide(mine: Amount, theirs: Amount) -> Finding:
        truth = compare(mine.value, operator, theirs.value)
        both = _said_of(mine, theirs)
        if truth is Truth.UNKNOWN:
            reason = both.reason or Reason.IMPRECISE
            return unknown(reason, evidence=both.evidence, missing=both.missing, flips=both.flips)
        change = _dose_change(left, operator, truth) if isinstance(left, t.Dose) else Change.ACTION
        return Finding(truth, None, change, both.flips, both.evidence)

    unit = right.unit if isinstance(right, t.Quantity) else ""
    return _together(_value_of(context, left, window, unit), _value_of(context, right, window), decide)


def _dose_change(dose: t.Dose, operator: t.Operator, truth: Truth) -> Change:
    """A daily dose is changed by prescription; what has been given over a life only grows."""
    if dose.measure is t.Measure.DAILY:
        return Change.ACTION
    grows_true = operator in (t.Operator.GE, t.Operator.GT, t.Operator.NE)
    return Change.COURSE if (truth is Truth.NOT_MET) == grows_true else Change.NEVER
