"""The value of a test that a rule means: the latest in its window, its alternatives, or why there is none.

A value outside its window is *stale* and shows what it would say if repeated. Two values of the latest day are both
tried. What is not reported may be derived from values of one day; performance status may be read from the other scale.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache

from matcher.engine.intervals import Interval
from matcher.engine.reference.algebra import spread, unique
from matcher.engine.reference.anchors import absent, moment, opened
from matcher.engine.reference.context import Context, UnknownWord
from matcher.engine.reference.days import Course, Days, Frame, meets
from matcher.engine.reference.records.courses import leaving
from matcher.engine.reference.records.fields import days_upto
from matcher.engine.reference.values.deriving import derived_values
from matcher.engine.results import Evidence, Finding, Missing, unknown
from matcher.engine.truth import Reason, Truth
from patients.facts import Observation, folded
from trials.criteria import tree as t
from trials.criteria.printing import print_window

#: Karnofsky to ECOG: no formal mapping exists, so each is the union of the published tables (ESMO-style tables, the
#: Thorax table, ACTIN's), as hemonc.org/wiki/Performance_status collects them.
KARNOFSKY_TO_ECOG: dict[int, tuple[int, int]] = {
    100: (0, 0), 90: (0, 1), 80: (1, 1), 70: (1, 2), 60: (2, 2), 50: (2, 3), 40: (3, 3), 30: (3, 4), 20: (4, 4),
    10: (4, 4), 0: (5, 5),
}  # fmt: skip
ECOG_TO_KARNOFSKY: dict[int, tuple[int, int]] = {
    ecog: (
        min(k for k, (lo, hi) in KARNOFSKY_TO_ECOG.items() if lo <= ecog <= hi),
        max(k for k, (lo, hi) in KARNOFSKY_TO_ECOG.items() if lo <= ecog <= hi),
    )
    for ecog in range(6)
}


@dataclass(frozen=True, slots=True)
class Reading:
    """One value a selector may mean, of which test it is, and its evidence; `observation` has its limits of normal."""

    test: str
    value: Interval
    code: str | None
    observation: Observation | None
    evidence: tuple[Evidence, ...]


Judge = Callable[[Reading], Finding]


@dataclass(frozen=True, slots=True)
class _Values:
    """The values of a test: those certainly in the window, those that may be in it or meant, and all there are."""

    fresh: list[Observation]
    doubtful: list[Observation]
    reported: list[Observation]


def judged(context: Context, selector: t.Observation, window: t.Window | None, judge: Judge) -> Finding:
    """The answer of a rule about one test: `judge` decides for a value, this decides which values are meant."""
    if selector.test == "sex":
        return _sex(context, judge)
    test = context.vocabulary.find_test(selector.test)
    if test is None:
        raise UnknownWord(f"{selector.test!r} is no known test")
    frames: list[Frame] = []
    amount: t.Amount | None = None
    flips: set[int] = set()
    span = window
    if selector.since is not None:
        since = moment(context, selector.since)
        if since.exists is not Truth.MET:
            return absent(since)
        frames.append(Frame(since.days, Days.on(context.asked)))
        flips.update(since.flips)
    else:
        span = _window(context, test, window)
    window_ = opened(context, span)
    if window_.problem is not None:
        return window_.problem
    if window_.frame is not None:
        frames.append(window_.frame)
        amount = window_.amount
    flips.update(window_.flips)
    missing = (_missing(context, test, selector.method, span),)
    values = _sorted_out(context, _values(context, test), selector.method, frames)
    if test in _OTHER_SCALE:
        found, used = _performance(context, selector, test, values, frames, judge, missing)
    else:
        found, used = _plain(context, selector, test, values, frames, judge, missing)
    flips.update(day for item in used for day in _lapses(context, item, amount))
    return replace(found, flips=tuple(sorted({*found.flips, *flips})))


def _plain(
    context: Context, selector: t.Observation, test: str, values: _Values, frames: Sequence[Frame], judge: Judge,
    missing: tuple[Missing, ...],
) -> tuple[Finding, list[Observation]]:  # fmt: skip
    """What is reported counts; without it, in this window, what can be computed."""
    if not values.fresh and not values.doubtful and not selector.method:
        computed = [item for item in derived_values(context, test) if _inside(item, frames, context) is Truth.MET]
        if computed:
            return _picked(context, selector, _Values(computed, [], []), judge, missing), computed
    if not values.fresh and not values.doubtful:
        return _none(context, values.reported, judge, missing), []
    return _picked(context, selector, values, judge, missing), [*values.fresh, *values.doubtful]


def _lapses(context: Context, item: Observation, amount: t.Amount | None) -> Iterable[int]:
    """Days on which a value goes stale in a window that moves with the as-of date."""
    if item.date is not None:
        for day in {item.date.first.toordinal(), item.date.last.toordinal()}:
            yield from leaving(context, Course.event(Days.on(day)), amount)


def _window(context: Context, test: str, window: t.Window | None) -> t.Window | None:
    """The rule's window, else the document's for the test or its category, else the vocabulary's."""
    if window is not None:
        return window
    entry = context.vocabulary.test(test)
    for name in (test, entry.category):
        span = context.windows.get(name)
        if span is not None:
            return t.Within(span)
    return None if entry.window_days is None else t.Within(t.Span(entry.window_days, t.TimeUnit.DAY))


def _missing(context: Context, test: str, method: str, window: t.Window | None) -> Missing:
    entry = context.vocabulary.test(test)
    shown = "" if window is None or isinstance(window, t.AnyTime) else print_window(window)
    name = f"{entry.name} by {method}" if method else entry.name
    return Missing("observation", (test,), method, shown, f"{name} {shown}".strip(), entry.cost)


def _values(context: Context, test: str) -> list[Observation]:
    return [
        item for item in context.patient.observations
        if item.test == test and (item.code is not None or item.low is not None or item.high is not None)
    ]  # fmt: skip


def _sorted_out(context: Context, reported: list[Observation], method: str, frames: Sequence[Frame]) -> _Values:
    """Which values lie in the window and were made by the method asked for, for certain or perhaps."""
    fresh, doubtful, kept = [], [], []
    for item in reported:
        truth = min(_by_method(item, method), _inside(item, frames, context))
        if truth is Truth.MET:
            fresh.append(item)
        elif truth is Truth.UNKNOWN:
            doubtful.append(item)
        if _by_method(item, method) is not Truth.NOT_MET:
            kept.append(item)
    return _Values(fresh, doubtful, kept)


def _by_method(item: Observation, method: str) -> Truth:
    """Whether a value was made by a method; one of which that is not recorded, or part of whose name, may have been."""
    if not method:
        return Truth.MET
    if item.method is None:
        return Truth.UNKNOWN
    mine, asked = folded(item.method).replace(" ", ""), folded(method).replace(" ", "")
    if mine == asked:
        return Truth.MET
    return Truth.UNKNOWN if mine in asked or asked in mine else Truth.NOT_MET


def _inside(item: Observation, frames: Sequence[Frame], context: Context) -> Truth:
    """Whether a value lies in every window asked for; without a date it may, with none asked for it does."""
    if item.date is None:
        return Truth.UNKNOWN if frames else Truth.MET
    course = Course.event(days_upto(item.date, context))
    return min((meets(course, frame) for frame in frames), default=Truth.MET)


def shown(item: Observation) -> Evidence:
    """An observation as evidence: as the source wrote it, and in the unit of the rules where that is another number."""
    value = item.shown or item.code or ("" if item.low is None else f"{item.low:g}")
    if item.unit and item.low is not None and item.low == item.high:
        value = _converted_too(value, item.low, item.unit)
    day = str(item.date) if item.date is not None else ""
    return Evidence(item.id, f"{item.raw or item.test}: {value}", item.unit or "", day, str(item.source))


_NUMBER = re.compile(r"[-+]?[0-9]+(?:[.,][0-9]+)?")


@lru_cache(maxsize=65_536)
def _converted_too(written: str, value: float, unit: str) -> str:
    """`93 umol/L (1.052 mg/dL)`: what was written, with the value it was compared by if the number differs."""
    number = _NUMBER.match(written)
    if number is None or math.isclose(float(number[0].replace(",", ".")), value, rel_tol=1e-3):
        return written
    return f"{written} ({value:.4g} {unit})"


def reading(item: Observation) -> Reading:
    """An observation as a value."""
    value = Interval.between(item.low, item.high, item.low_open, item.high_open)
    return Reading(item.test or "", value, item.code, item, (shown(item),))


def _none(context: Context, reported: Sequence[Observation], judge: Judge, missing: tuple[Missing, ...]) -> Finding:
    """No value in the window: the latest outside it is shown with its age and what it would say if repeated."""
    dated = [(item.date, item) for item in reported if item.date is not None]
    if not dated:
        return unknown(Reason.NOT_RECORDED, missing=missing)
    day = max(day for day, _ in dated)
    last = [item for each, item in dated if each == day]
    would = {judge(reading(item)).truth for item in last}
    says = {Truth.MET: "would pass if repeated", Truth.NOT_MET: "would fail if repeated"}
    note = f"{context.asked - day.last.toordinal()} days old"
    if len(would) == 1 and (said := says.get(would.pop())):
        note += f": {said}"
    return unknown(Reason.STALE, evidence=tuple(shown(item) for item in last), missing=missing, note=note)


# --- which of several ----------------------------------------------------------------------------------------------


def _picked(
    context: Context, selector: t.Observation, values: _Values, judge: Judge, missing: tuple[Missing, ...]
) -> Finding:
    """The answer of the selected value. What only may be in the window decides nothing by itself."""
    open_ = unknown(Reason.IMPRECISE, evidence=tuple(shown(item) for item in values.doubtful), missing=missing)
    match selector.pick:
        case t.Pick.LATEST:
            return _latest(values, judge, open_)
        case t.Pick.FIRST:
            return _first(values, judge, open_)
        case t.Pick.MEAN:
            return _mean(values, selector.last, judge, open_, missing)
        case _:
            return _extreme(selector.pick, values, judge, open_)


def _latest(values: _Values, judge: Judge, open_: Finding) -> Finding:
    if not values.fresh:
        return open_
    dated = [(item.date, item) for item in (*values.fresh, *values.doubtful) if item.date is not None]
    newest = max((day.first for day, item in dated if item in values.fresh), default=date.min)
    rivals = [item for day, item in dated if day.last >= newest]
    rivals += [item for item in (*values.fresh, *values.doubtful) if item.date is None]
    return spread([judge(reading(item)) for item in rivals], replace(open_, reason=_why(rivals)))


def _first(values: _Values, judge: Judge, open_: Finding) -> Finding:
    if not values.fresh:
        return open_
    dated = [(item.date, item) for item in (*values.fresh, *values.doubtful) if item.date is not None]
    oldest = min((day.last for day, item in dated if item in values.fresh), default=date.max)
    rivals = [item for day, item in dated if day.first <= oldest]
    rivals += [item for item in (*values.fresh, *values.doubtful) if item.date is None]
    return spread([judge(reading(item)) for item in rivals], replace(open_, reason=_why(rivals)))


def _why(rivals: Sequence[Observation]) -> Reason:
    """Two values of one known day contradict each other; otherwise it is the dates that leave it open."""
    days = {item.date for item in rivals}
    day = rivals[0].date
    return Reason.CONFLICTING if len(days) == 1 and day is not None and day.exact else Reason.IMPRECISE


def _mean(values: _Values, number: int, judge: Judge, open_: Finding, missing: tuple[Missing, ...]) -> Finding:
    """The mean of the last values; none where a value that may belong to them is doubtful or shares the cut's day."""
    dated = sorted(
        ((item.date, item) for item in values.fresh if item.date is not None), key=lambda pair: (pair[0], pair[1].id)
    )
    if values.doubtful or len(dated) < len(values.fresh):
        return open_
    if len(dated) < number:
        return unknown(Reason.NOT_RECORDED, evidence=tuple(shown(item) for _, item in dated), missing=missing)
    chosen = [item for _, item in dated[-number:]]
    if len(dated) > number and dated[-number - 1][0].last >= dated[-number][0].first:
        return open_
    total = Interval.point(0.0)
    for item in chosen:
        total = total.plus(reading(item).value)
    evidence = tuple(shown(item) for item in chosen)
    return judge(replace(reading(chosen[-1]), value=total.times(1 / number), code=None, evidence=evidence))


def _extreme(pick: t.Pick, values: _Values, judge: Judge, open_: Finding) -> Finding:
    """Every value in the window bounds the extreme; a doubtful one may or may not be in it."""
    if not values.fresh:
        return open_
    pools = [values.fresh, [*values.fresh, *values.doubtful]]
    return spread([judge(_extreme_of(pick, pool)) for pool in pools], open_)


def _extreme_of(pick: t.Pick, pool: Sequence[Observation]) -> Reading:
    found = [reading(item) for item in pool]
    values = [each.value for each in found]
    if pick is t.Pick.LOWEST:
        value, best = values[0], found[0]
        for each in found[1:]:
            best = each if each.value.lo < best.value.lo else best
            value = value.lower(each.value)
    else:
        value, best = values[0], found[0]
        for each in found[1:]:
            best = each if each.value.hi > best.value.hi else best
            value = value.higher(each.value)
    return replace(best, value=value)


def _sex(context: Context, judge: Judge) -> Finding:
    missing = (Missing("patient", (), "sex", "", "sex", "look_up"),)
    source = str(context.patient.source)
    answers = [
        judge(
            Reading(
                "sex", Interval.between(None, None), sex, None, (Evidence("patient", f"sex: {sex}", source=source),)
            )
        )
        for sex in context.patient.sexes
    ]
    if not answers:
        return unknown(Reason.NOT_RECORDED, missing=missing)
    return spread(answers, unknown(Reason.CONFLICTING, missing=missing))


# --- performance status --------------------------------------------------------------------------------------------

_OTHER_SCALE = {"ecog": "karnofsky", "karnofsky": "ecog"}


def _performance(
    context: Context, selector: t.Observation, test: str, values: _Values, frames: Sequence[Frame], judge: Judge,
    missing: tuple[Missing, ...],
) -> tuple[Finding, list[Observation]]:  # fmt: skip
    """ECOG and Karnofsky: the native scale where fresh; both fresh and of two minds about the limit are conflicting."""
    table = KARNOFSKY_TO_ECOG if test == "ecog" else ECOG_TO_KARNOFSKY
    converted = [_converted(item, test, table) for item in _values(context, _OTHER_SCALE[test])]
    other = _sorted_out(context, [item for item in converted if item is not None], "", frames)
    used = [*values.fresh, *values.doubtful, *other.fresh, *other.doubtful]
    if not used:
        return _none(context, values.reported or other.reported, judge, missing), []
    native = _picked(context, selector, values, judge, missing)
    foreign = _picked(context, selector, other, judge, missing)
    if not values.fresh:
        if not other.fresh:
            return (native if values.doubtful else foreign), used
        # A value of the native scale that may be in the window, and says otherwise, leaves it open.
        answers = [foreign, *(judge(reading(item)) for item in values.doubtful)]
        return spread(answers, unknown(Reason.IMPRECISE, missing=missing)), used
    if {native.truth, foreign.truth} == {Truth.MET, Truth.NOT_MET}:
        evidence = unique((*native.evidence, *foreign.evidence))
        return unknown(Reason.CONFLICTING, evidence=evidence, missing=missing), used
    return native, used


def _converted(item: Observation, test: str, table: dict[int, tuple[int, int]]) -> Observation | None:
    if item.low is None or item.high is None:
        return None  # not a number
    # Between two grades of a table a value is taken for either of them.
    below = max((k for k in table if k <= item.low), default=min(table))
    above = min((k for k in table if k >= item.high), default=max(table))
    known = [table[k] for k in table if below <= k <= above]
    lo, hi = min(k[0] for k in known), max(k[1] for k in known)
    span = f"{lo}" if lo == hi else f"{lo} to {hi}"
    written = f"{item.raw or item.test} {item.shown or f'{item.low:g}'}"
    return replace(
        item, test=test, raw=test, low=float(lo), high=float(hi), low_open=False, high_open=False,
        shown=f"{span} (from {written}, union of published tables)",
    )  # fmt: skip
