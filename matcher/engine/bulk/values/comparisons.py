"""Comparisons by the thousand: values against quantities, limits of normal, doses, ratios and one another.

A side of a comparison is read (`Read`) for questions: of the left side each item is one, of the right side each value
that may be meant on the left. What two sides say together is worked out for every pair of values that may be meant, and
the answers of the pairs are put together again (`reference.values.values`).

What laboratory values say of a patient hangs on the patient and the day alone, not on the document that asks nor on the
cancer it asks about. So it is answered once per patient of the view, and items take the answers of their patients.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from matcher.engine.bulk.batch import Batch
from matcher.engine.bulk.columns import Codes, Ints, Longs
from matcher.engine.bulk.findings import (
    FIRST_MET,
    IMPRECISE,
    MET_ACTION,
    MET_NEVER,
    NOT_MET_ACTION,
    NOT_MET_NEVER,
    NOT_RECORDED,
    Findings,
    earlier,
    met,
    not_met,
)
from matcher.engine.bulk.intervals import Intervals, compare
from matcher.engine.bulk.values import times
from matcher.engine.bulk.values.ages import age_recorded, aged
from matcher.engine.bulk.values.doses import dose_of
from matcher.engine.bulk.values.observations import Index, Readings, selected, test_of, window_of
from matcher.engine.bulk.windows import NONE, opened
from matcher.engine.reference.context import UnknownWord
from matcher.engine.reference.values.values import code_asked
from matcher.engine.truth import Change
from trials.criteria import tree as t

#: The code of a truth that can be measured again; of an unknown one, where nothing else is said, *imprecise*.
_MEASURED = np.array([NOT_MET_ACTION, IMPRECISE, MET_ACTION], np.uint8)


@dataclass(frozen=True, slots=True)
class Amounts:
    """Values of m questions, or one that stands for all; `reason` is the code of the unknown an open one makes.

    None: nothing but its bounds leaves it open; NONE: the same of one value.
    """

    value: Intervals
    reason: Codes | None = None

    def take(self, index: Index) -> Amounts:
        """The values of some questions."""
        return Amounts(self.value.take(index), None if self.reason is None else self.reason[index])

    def with_(self, other: Amounts) -> Codes | None:
        """The first of the reasons of these and of others."""
        if self.reason is None or other.reason is None:
            return other.reason if self.reason is None else self.reason
        return np.minimum(self.reason, other.reason)


#: What is to be said of values; the index says which questions they are asked in.
Then = Callable[[Index, Amounts], Codes]

#: A value that is yet to be read, for questions that are each about an item: what is said of it, or the unknown that
#: stands in its way. Where two may be meant each is asked, and they must agree.
Read = Callable[[Longs, Then], Codes]


# --- leaves --------------------------------------------------------------------------------------------------------


def is_code(batch: Batch, leaf: t.IsCode) -> Findings:
    """`V is code`, `V is any of (a, b)`."""
    return _of_patients(batch, leaf, lambda asked: _is_code(asked, leaf))


def is_recorded(batch: Batch, leaf: t.IsRecorded) -> Findings:
    """Met where a value is there in its window, else unknown: no policy makes an absence of data a fact."""
    if isinstance(leaf.value, t.Age):
        return age_recorded(batch)
    value = leaf.value
    return _of_patients(batch, leaf, lambda asked: _judged(asked, value, leaf.window, _there))


def between(batch: Batch, leaf: t.Between) -> Findings:
    """`V between a and b`: each possible value is held against both ends."""
    ends = ((t.Operator.GE, leaf.low), (t.Operator.LE, leaf.high))
    value, window = leaf.value, leaf.window
    if not isinstance(value, t.Observation):
        found = [comparison(batch, value, operator, end, window) for operator, end in ends]
        return Findings(np.minimum(found[0].code, found[1].code), earlier(found[0].flips, found[1].flips))

    def answer(asked: Batch) -> Findings:
        def judge(readings: Readings, _: Index) -> Codes:
            low, high = (_against(asked, readings, operator, end, window) for operator, end in ends)
            return np.minimum(low, high)

        return _judged(asked, value, window, judge, leaf.low, leaf.high)

    return _of_patients(batch, leaf, answer)


def comparison(batch: Batch, left: t.Value, operator: t.Operator, right: t.Value, window: t.Window | None) -> Findings:
    """`V op V`."""
    match left:
        case t.Elapsed():
            assert isinstance(right, t.Span)  # the tree refuses anything else
            return times.elapsed(batch, left, operator, right)
        case t.Duration(records):
            assert isinstance(right, t.Span)  # the tree refuses anything else
            return times.duration(batch, records, operator, right)
        case t.Age():
            return _of_patients(batch, t.Comparison(left, operator, right), lambda asked: aged(asked, operator, right))
        case t.Observation():

            def answer(asked: Batch) -> Findings:
                def judge(readings: Readings, _: Index) -> Codes:
                    return _against(asked, readings, operator, right, window)

                return _judged(asked, left, window, judge, right)

            return _of_patients(batch, t.Comparison(left, operator, right, window), answer)
        case _:
            leaf = t.Comparison(left, operator, right, window)
            return _of_patients(batch, leaf, lambda asked: _general(asked, left, operator, right, window))


# --- once per patient ----------------------------------------------------------------------------------------------


def _of_patients(batch: Batch, leaf: t.Rule, answer: Callable[[Batch], Findings]) -> Findings:
    """The answer of a leaf, once per patient where it hangs on the patient alone, else per item."""
    asks = _asked_of(leaf)
    if asks is None or not batch.once("as known", lambda: bool((batch.asked == batch.known).all())):
        return answer(batch)
    patients = _patients(batch)
    windows = tuple(window_of(batch.words, each, _window(leaf)) for each in asks)
    found = patients.once(("leaf", leaf, windows), lambda: answer(patients))
    if batch.once("everyone once", lambda: np.array_equal(batch.patient, patients.patient)):
        return found
    flips = found.flips
    if flips is not None:
        # The flips of leaves that ask for the same values are the same array, and so are those of the items.
        held = flips
        flips = batch.once(("flips", id(held)), lambda: held[batch.patient])
    return Findings(found.code[batch.patient], flips)


@lru_cache(maxsize=16_384)
def _asked_of(leaf: t.Rule) -> tuple[t.Observation, ...] | None:
    """The tests a leaf asks of; None where it hangs on a cancer, the treatment at hand or a document's definitions."""
    nodes = tuple(t.walk(leaf))
    if any(isinstance(node, t.Event | t.ThisTreatment | t.Dose) for node in nodes):
        return None
    return tuple(node for node in nodes if isinstance(node, t.Observation))


def _window(leaf: t.Rule) -> t.Window | None:
    assert isinstance(leaf, t.Comparison | t.Between | t.IsCode | t.IsRecorded)  # the leaves that ask for values
    return leaf.window


def _patients(batch: Batch) -> Batch:
    """Every patient of the view as an item of their own; what is remembered is shared by all who ask so."""

    def make() -> Batch:
        view = batch.view
        patient, none = np.arange(view.patients, dtype=np.int64), np.full(view.patients, -1, np.int64)
        return replace(batch, patient=patient, focus=none, this=none, asked=view.known, known=view.known, cache={})

    everyone = batch.view.once(("patients", batch.vocabulary, batch.settings), make)
    return replace(everyone, words=batch.words)


# --- one test on the left ------------------------------------------------------------------------------------------


def _judged(
    batch: Batch, value: t.Observation, window: t.Window | None, judge: Callable[[Readings, Index], Codes],
    *others: t.Value,
) -> Findings:  # fmt: skip
    """The answer of a leaf about one test; `others` are the values it is held against."""
    selection = selected(batch, value, window)
    return Findings(selection.meant.said(judge), earlier(selection.flips, *_flips(batch, others, window)))


def _flips(batch: Batch, values: tuple[t.Value, ...], window: t.Window | None, unit: str = "") -> list[Ints | None]:
    """When time alone may change values, whether or not it changes the answer."""
    found: list[Ints | None] = []
    for value in values:
        match value:
            case t.Observation():
                found.append(selected(batch, value, window).flips)
            case t.Multiple(_, inner):
                found += _flips(batch, (inner,), window)
            case t.Ratio(over, under):
                found += _flips(batch, (over, under), window)
            case t.Dose():
                found.append(_dose(batch, value, unit, window)[1])
            case _:
                pass
    return found


def _there(readings: Readings, _: Index) -> Codes:
    return np.full(len(readings), MET_ACTION, np.uint8)


def _is_code(batch: Batch, leaf: t.IsCode) -> Findings:
    test = test_of(batch.words, leaf.value)
    asked = {code_asked(batch.words, test, word) for word in leaf.codes}
    sex = test == "sex"
    known = () if sex else batch.vocabulary.test(test).codes
    is_, is_not = (MET_NEVER, NOT_MET_NEVER) if sex else (MET_ACTION, NOT_MET_ACTION)

    def decide(code: str | None) -> int:
        if not sex and code not in known:
            return IMPRECISE
        return is_ if (code in asked) != leaf.negated else is_not

    def judge(readings: Readings, _: Index) -> Codes:
        found: Codes = readings.words.map(decide, np.uint8)
        return found

    return _judged(batch, leaf.value, leaf.window, judge)


def _against(batch: Batch, readings: Readings, operator: t.Operator, right: t.Value, window: t.Window | None) -> Codes:
    """Values of a test against the right side: a quantity in its unit, their own ULN, or another test."""

    def decide(which: Index, limit: Amounts) -> Codes:
        truth = compare(readings.value.take(which), operator, limit.value)
        found = _MEASURED[truth]
        if limit.reason is not None:
            found = np.where((truth == 1) & (limit.reason != NONE), limit.reason, found)
        return found

    if not len(readings) or (readings.blank is not None and readings.blank.all()):
        # There is no number to compare, so neither is there anything on the right to read.
        return np.full(len(readings), IMPRECISE, np.uint8)
    found = _side(batch, right, readings, window)(readings.item, decide)
    if readings.blank is not None:
        found[readings.blank] = IMPRECISE
    return found


def _side(batch: Batch, value: t.Value, readings: Readings, window: t.Window | None) -> Read:
    """The right side of a comparison in the unit of the left, or the unknown that stands in its way."""
    match value:
        case t.Quantity(number, unit):
            return _known(_converted(batch, number, readings.test, unit))
        case t.Span(number, unit_of_time):
            return _known(_converted(batch, number, readings.test, unit_of_time.value))
        case t.Limit(factor, upper):
            return _limits(batch, readings, factor, upper=upper)
        case t.Multiple(factor, inner):
            return _scaled(_side(batch, inner, readings, window), factor)
        case _:
            return _value_of(batch, value, window)


def _converted(batch: Batch, number: float, test: str, unit: str) -> float:
    converted = batch.vocabulary.convert(number, test=test, unit=unit or None)
    if converted is None:
        raise UnknownWord(f"{unit!r} is no unit of {test}")
    return converted


def _limits(batch: Batch, readings: Readings, factor: float, *, upper: bool) -> Read:
    """A multiple of the limit of normal of each value that is compared; the values are the questions."""
    limits = readings.entries.limits(batch.view, readings.test, upper=upper)
    values = limits.values.times(factor)
    code = limits.code[readings.entry]

    def read(at: Longs, then: Then) -> Codes:
        known = code >= 0
        if known.all():
            return then(slice(None), Amounts(values.take(code)))
        which = np.flatnonzero(known)
        found = np.full(len(at), NOT_RECORDED, np.uint8)
        found[which] = then(which, Amounts(values.take(code[which])))
        return found

    return read


# --- any value -----------------------------------------------------------------------------------------------------


def _value_of(batch: Batch, value: t.Value, window: t.Window | None, unit: str = "") -> Read:
    """A value that is not compared with a limit; `unit` is that of the other side, for a dose."""
    match value:
        case t.Quantity(number):
            return _known(number)
        case t.Observation():
            meant = selected(batch, value, window).meant
            return lambda at, then: meant.said(lambda readings, which: then(which, Amounts(readings.value)), at)
        case t.Multiple(factor, inner):
            return _scaled(_value_of(batch, inner, window), factor)
        case t.Ratio(over, under):
            top, bottom = _value_of(batch, over, window), _value_of(batch, under, window)
            return lambda at, then: _together(
                top, bottom, at, lambda which, one, other: _divided(which, one, other, then)
            )
        case t.Dose():
            return _dose(batch, value, unit, window)[0]
        case _:
            raise UnknownWord("a limit of normal, a span or a time stands alone on the right side of a comparison")


def _dose(batch: Batch, value: t.Dose, unit: str, window: t.Window | None) -> tuple[Read, Ints | None]:
    """A dose, and when time alone may change it."""
    frame = opened(batch, window)
    dose = batch.once(("dose", value, unit, window), lambda: dose_of(batch, value, unit, frame))
    amounts = Amounts(Intervals.of(dose.lo, dose.hi, None, None), dose.reason)

    def read(at: Longs, then: Then) -> Codes:
        problem = frame.problem[at]
        open_ = problem == NONE
        if open_.all():
            return then(slice(None), amounts.take(at))
        which = np.flatnonzero(open_)
        found = problem.copy()
        found[which] = then(which, amounts.take(at[which]))
        return found

    return read, earlier(frame.flips, dose.flips)


def _known(number: float) -> Read:
    amount = Amounts(Intervals.point(number))
    return lambda _, then: then(slice(None), amount)


def _scaled(read: Read, factor: float) -> Read:
    return lambda at, then: read(at, lambda which, each: then(which, replace(each, value=each.value.times(factor))))


def _together(first: Read, second: Read, at: Longs, then: Callable[[Longs, Amounts, Amounts], Codes]) -> Codes:
    """What two values say together: with several possible for one of them, each is tried with each of the other."""
    found = np.full(len(at), MET_ACTION, np.uint8)
    for read in (first, second):
        found = np.minimum(found, read(at, lambda which, _: np.full(_size(which, len(at)), MET_ACTION, np.uint8)))
    which = np.flatnonzero(found >= FIRST_MET)
    asked = at[which]

    def of_first(inner: Index, one: Amounts) -> Codes:
        questions = which[inner]
        return second(
            asked[inner], lambda each, other: then(questions[each], one.take(each), other)
        )  # fmt: skip

    found[which] = first(asked, of_first)
    return found


def _size(which: Index, number: int) -> int:
    return number if isinstance(which, slice) else len(which)


def _divided(which: Longs, top: Amounts, bottom: Amounts, then: Then) -> Codes:
    """A quotient; *imprecise* where the divisor may be zero."""
    fine, reason = top.value.divisible(bottom.value), top.with_(bottom)
    if fine.all():
        return then(which, Amounts(top.value.over(bottom.value), reason))
    index = np.flatnonzero(fine)
    found = np.full(len(fine), IMPRECISE, np.uint8)
    quotient = top.value.take(index).over(bottom.value.take(index))
    found[index] = then(which[index], Amounts(quotient, None if reason is None else reason[index]))
    return found


def _general(batch: Batch, left: t.Value, operator: t.Operator, right: t.Value, window: t.Window | None) -> Findings:
    """Doses, ratios and multiples against a quantity or another value."""
    codes = _MEASURED
    if isinstance(left, t.Dose):
        no, yes = (_dose_change(left, operator, met_) for met_ in (False, True))
        codes = np.array([not_met(no), IMPRECISE, met(yes)], np.uint8)

    def decide(_: Longs, mine: Amounts, theirs: Amounts) -> Codes:
        truth = compare(mine.value, operator, theirs.value)
        reason = mine.with_(theirs)
        found = codes[truth]
        return found if reason is None else np.where((truth == 1) & (reason != NONE), reason, found)

    unit = right.unit if isinstance(right, t.Quantity) else ""
    one, other = _value_of(batch, left, window, unit), _value_of(batch, right, window)
    code = _together(one, other, np.arange(batch.n), decide)
    return Findings(code, earlier(*_flips(batch, (left,), window, unit), *_flips(batch, (right,), window)))


def _dose_change(dose: t.Dose, operator: t.Operator, met_: bool) -> Change:
    """A daily dose is changed by prescription; what has been given over a life only grows."""
    if dose.measure is t.Measure.DAILY:
        return Change.ACTION
    grows_true = operator in (t.Operator.GE, t.Operator.GT, t.Operator.NE)
    return Change.NEVER if met_ == grows_true else Change.COURSE
