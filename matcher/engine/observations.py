"""The value of a test that a rule means: the latest in its window, its alternatives, or why there is none.

A value outside its window is *stale* and shows what it would say if repeated. Two values of the latest day are both
tried. What is not reported may be derived from values of one day; performance status may be read from the other scale.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from matcher.engine import derived
from matcher.engine.algebra import spread, unique
from matcher.engine.anchors import absent, moment, opened
from matcher.engine.context import Context, UnknownWord
from matcher.engine.courses import leaving
from matcher.engine.days import Course, Days, Frame, meets
from matcher.engine.fields import days_upto
from matcher.engine.intervals import Interval
from matcher.engine.results import Evidence, Finding, Missing, unknown
from matcher.engine.truth import Reason, Truth
from patients.facts import Observation, add_months, folded
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
    """One value a selector may mean, with its limits of normal and its evidence."""

    value: Interval
    code: str | None
    observation: Observation | None
    evidence: tuple[Evidence, ...]


Judge = Callable[[Reading], Finding]


def judged(context: Context, selector: t.Observation, window: t.Window | None, judge: Judge) -> Finding:
    """The answer of a rule about one test: `judge` decides for a value, this decides which values are meant."""
    if selector.test == "sex":
        return _sex(context, judge)
    test = context.vocabulary.find_test(selector.test)
    if test is None:
        raise UnknownWord(f"{selector.test!r} is no known test")
    span = _window(context, test, window)
    missing = (_missing(context, test, selector.method, span),)
    if selector.since is not None:
        since = moment(context, selector.since)
        if since.exists is not Truth.MET:
            return absent(since)
        frame: Frame | None = Frame(since.days, Days.on(context.asked))
        amount: t.Amount | None = None
    else:
        window_ = opened(context, span)
        if window_.problem is not None:
            return window_.problem
        frame = window_.frame
        amount = window_.amount
    reported = _values(context, test, selector.method)
    fresh = [item for item in reported if _inside(item, frame, context) is Truth.MET]
    doubtful = [item for item in reported if _inside(item, frame, context) is Truth.UNKNOWN]
    if not fresh and not doubtful:
        computed = [item for item in _derived(context, test) if _inside(item, frame, context) is Truth.MET]
        if computed:
            return _picked(context, selector, computed, [], judge, missing)
    found = _chosen(context, selector, test, fresh, doubtful, frame, judge, missing, reported)
    return replace(found, flips=tuple(sorted({*found.flips, *_lapses(fresh, amount)})))


def _lapses(fresh: Sequence[Observation], amount: t.Amount | None) -> Iterable[int]:
    """Days on which values go stale in a window that moves with the as-of date."""
    for item in fresh:
        if item.date is not None:
            for day in {item.date.first.toordinal(), item.date.last.toordinal()}:
                yield from leaving(Course.event(Days.on(day)), amount)


def _chosen(
    context: Context, selector: t.Observation, test: str, fresh: Sequence[Observation], doubtful: Sequence[Observation],
    frame: Frame | None, judge: Judge, missing: tuple[Missing, ...], reported: list[Observation],
) -> Finding:  # fmt: skip
    if test in ("ecog", "karnofsky"):
        return _performance(context, selector, test, fresh, doubtful, frame, judge, missing, reported)
    if not fresh and not doubtful:
        return _none(context, reported, judge, missing)
    return _picked(context, selector, fresh, doubtful, judge, missing)


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


def _values(context: Context, test: str, method: str) -> list[Observation]:
    found = []
    for item in context.patient.observations:
        if item.test != test or (item.code is None and item.low is None and item.high is None):
            continue
        if method and item.method is not None and folded(item.method) != folded(method):
            continue
        found.append(item)
    return found


def _inside(item: Observation, frame: Frame | None, context: Context) -> Truth:
    if frame is None:
        return Truth.MET
    return meets(Course.event(days_upto(item.date, context)), frame) if item.date is not None else Truth.UNKNOWN


def shown(item: Observation) -> Evidence:
    """An observation as evidence."""
    value = item.shown or item.code or _number(item.low)
    day = str(item.date) if item.date is not None else ""
    return Evidence(item.id, f"{item.raw or item.test}: {value}", item.unit or "", day, str(item.source))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def reading(item: Observation) -> Reading:
    """An observation as a value."""
    value = Interval.between(item.low, item.high, item.low_open, item.high_open)
    return Reading(value, item.code, item, (shown(item),))


def _none(context: Context, reported: list[Observation], judge: Judge, missing: tuple[Missing, ...]) -> Finding:
    """No value in the window: the latest outside it is shown with its age and what it would say if repeated."""
    dated = [item for item in reported if item.date is not None]
    if not dated:
        return unknown(Reason.NOT_RECORDED, missing=missing)
    last = max(dated, key=lambda item: (item.date.first, item.id) if item.date else (date.min, ""))
    would = judge(reading(last)).truth
    says = {Truth.MET: "would pass if repeated", Truth.NOT_MET: "would fail if repeated"}.get(would, "")
    age = context.asked - (last.date.last.toordinal() if last.date else context.asked)
    note = f"{age} days old" + (f": {says}" if says else "")
    return unknown(Reason.STALE, evidence=(shown(last),), missing=missing, note=note)


def _picked(
    context: Context, selector: t.Observation, fresh: Sequence[Observation], doubtful: Sequence[Observation],
    judge: Judge, missing: tuple[Missing, ...],
) -> Finding:  # fmt: skip
    if selector.pick is t.Pick.LATEST:
        return _latest(context, fresh, doubtful, judge, missing)
    ordered = sorted(fresh, key=lambda item: (item.date is None, item.date.first if item.date else date.max, item.id))
    answers: list[Finding] = []
    if selector.pick is t.Pick.MEAN:
        if len(ordered) < selector.last or doubtful:
            reason = Reason.IMPRECISE if doubtful else Reason.NOT_RECORDED
            return unknown(reason, evidence=tuple(shown(item) for item in (*ordered, *doubtful)), missing=missing)
        chosen = ordered[-selector.last :]
        total = Interval.point(0.0)
        for item in chosen:
            total = total.plus(reading(item).value)
        return judge(Reading(total.times(1 / len(chosen)), None, chosen[-1], tuple(shown(item) for item in chosen)))
    if selector.pick is t.Pick.FIRST:
        first = (
            [item for item in ordered if item.date is not None and item.date.first <= ordered[0].date.last]
            if ordered and ordered[0].date
            else ordered
        )  # type: ignore[union-attr]  # dated: checked
        answers = [judge(reading(item)) for item in (*first, *doubtful)]
    else:
        # Every value in the window bounds the extreme; a doubtful one may or may not be in it.
        answers = [_extreme(selector.pick, pool, judge) for pool in (ordered, [*ordered, *doubtful]) if pool]
    return spread(answers, unknown(Reason.IMPRECISE, missing=missing))


def _extreme(pick: t.Pick, pool: Sequence[Observation], judge: Judge) -> Finding:
    values = [reading(item) for item in pool]
    best = min(values, key=lambda r: r.value.lo) if pick is t.Pick.LOWEST else max(values, key=lambda r: r.value.hi)
    if pick is t.Pick.LOWEST:
        joined = replace(best.value, hi=min(r.value.hi for r in values))
    else:
        joined = replace(best.value, lo=max(r.value.lo for r in values))
    return judge(replace(best, value=joined))


def _latest(
    context: Context, fresh: Sequence[Observation], doubtful: Sequence[Observation], judge: Judge,
    missing: tuple[Missing, ...],
) -> Finding:  # fmt: skip
    dated = [item for item in (*fresh, *doubtful) if item.date is not None]
    newest = max((item.date.first for item in dated if item.date is not None), default=date.min)
    rivals = [item for item in dated if item.date is not None and item.date.last >= newest]
    rivals += [item for item in (*fresh, *doubtful) if item.date is None]
    answers = [judge(reading(item)) for item in rivals]
    outside = [item for item in rivals if item in doubtful]
    if outside:
        # Only a value that is certainly in the window decides; one that may be outside it is at best imprecise.
        answers += [unknown(Reason.IMPRECISE, evidence=(shown(item),), missing=missing) for item in outside]
    same_day = len({item.date for item in rivals}) == 1 and rivals[0].date is not None and not outside
    reason = Reason.CONFLICTING if same_day else Reason.IMPRECISE
    found = spread(answers, unknown(reason, missing=missing))
    return found


def _sex(context: Context, judge: Judge) -> Finding:
    sexes = context.patient.sexes
    missing = (Missing("patient", (), "sex", "", "sex", "look_up"),)
    source = str(context.patient.source)
    if not sexes:
        return unknown(Reason.NOT_RECORDED, missing=missing)
    answers = [
        judge(Reading(Interval.between(None, None), sex, None, (Evidence("patient", f"sex: {sex}", source=source),)))
        for sex in sexes
    ]
    return spread(answers, unknown(Reason.CONFLICTING, missing=missing))


def _performance(
    context: Context, selector: t.Observation, test: str, fresh: Sequence[Observation],
    doubtful: Sequence[Observation], frame: Frame | None, judge: Judge, missing: tuple[Missing, ...],
    reported: list[Observation],
) -> Finding:  # fmt: skip
    """ECOG and Karnofsky: the native scale where fresh; both fresh and of two minds about the limit are conflicting."""
    other = "karnofsky" if test == "ecog" else "ecog"
    table = KARNOFSKY_TO_ECOG if test == "ecog" else ECOG_TO_KARNOFSKY
    converted = [
        each for item in _values(context, other, "")
        if _inside(item, frame, context) is Truth.MET and (each := _converted(item, test, table)) is not None
    ]  # fmt: skip
    native = _picked(context, selector, fresh, doubtful, judge, missing) if fresh or doubtful else None
    foreign = _picked(context, selector, converted, [], judge, missing) if converted else None
    if native is None and foreign is None:
        return _none(context, reported, judge, missing)
    if native is None or foreign is None:
        return native or foreign  # type: ignore[return-value]  # one of them is there
    if {native.truth, foreign.truth} == {Truth.MET, Truth.NOT_MET}:
        return unknown(Reason.CONFLICTING, evidence=unique((*native.evidence, *foreign.evidence)), missing=missing)
    if native.truth is Truth.UNKNOWN and foreign.truth is not Truth.UNKNOWN:
        return foreign
    return native


def _converted(item: Observation, test: str, table: dict[int, tuple[int, int]]) -> Observation | None:
    if item.low is None or item.high is None:
        return None
    known = [table[k] for k in table if item.low <= k <= item.high]
    if not known:
        return None
    lo, hi = min(k[0] for k in known), max(k[1] for k in known)
    span = f"{lo}" if lo == hi else f"{lo} to {hi}"
    return replace(
        item, test=test, low=float(lo), high=float(hi), low_open=False, high_open=False,
        shown=f"{span} (from {item.raw or item.test} {item.shown or item.low:g}, union of published tables)"
        if not item.shown else f"{span} (from {item.raw or item.test} {item.shown}, union of published tables)",
        raw=test,
    )  # fmt: skip


# --- derived values ------------------------------------------------------------------------------------------------


def _derived(context: Context, test: str) -> list[Observation]:
    """Values of a test computed from others of one day, each with its inputs and formula shown."""
    make = _FORMULAS.get(test)
    return list(make(context)) if make is not None else []


def _numeric(context: Context, test: str) -> list[Observation]:
    """Exact values of a test with an exact date."""
    return [
        item for item in context.patient.observations
        if item.test == test and item.low is not None and item.low == item.high and item.date is not None and item.date.exact
    ]  # fmt: skip


def _on(context: Context, test: str, day: date) -> list[Observation]:
    return [item for item in _numeric(context, test) if item.date is not None and item.date.first == day]


def _made(
    test: str, lab: Observation, inputs: Iterable[Observation], lo: float, hi: float, formula: str, unit: str
) -> Observation:
    parts = ", ".join(f"{item.raw or item.test} {item.shown or f'{item.low:g}'} ({item.date})" for item in inputs)
    value = f"{lo:.4g}" if lo == hi else f"{lo:.4g} to {hi:.4g}"
    return Observation(
        id=lab.id, raw=test, source=lab.source, recorded=lab.recorded, test=test, low=lo, high=hi, unit=unit,
        shown=f"{value} ({formula} from {parts})", date=lab.date,
    )  # fmt: skip


def _weight(context: Context, day: date) -> Observation | None:
    near = [
        item for item in _numeric(context, "weight")
        if item.date is not None and abs((item.date.first - day).days) <= context.settings.weight
    ]  # fmt: skip
    return min(near, key=lambda item: (abs((item.date.first - day).days) if item.date else 0, item.id), default=None)


def _height(context: Context) -> Observation | None:
    births = context.patient.births
    adult = [
        item for item in _numeric(context, "height")
        if item.date is not None and (
            not births or item.date.first >= add_months(births[0].last, 12 * context.settings.adult_height_from)
        )
    ]  # fmt: skip
    return max(adult, key=lambda item: (item.date.first if item.date else date.min, item.id), default=None)


def ages_on(context: Context, day: int) -> tuple[int, int] | None:
    """Completed years on a day, as a range over the possible birth dates; None where none is recorded."""
    births = context.patient.births
    if not births:
        return None
    years = [_years(birth, date.fromordinal(day)) for partial in births for birth in (partial.first, partial.last)]
    return min(years), max(years)


def _years(birth: date, day: date) -> int:
    """Birthdays passed; 29 February counts on 1 March in other years."""
    had = (day.month, day.day) >= (birth.month, birth.day)
    return day.year - birth.year - (0 if had else 1)


def _sex_of(context: Context) -> bool | None:
    """Whether the patient is female; None where it is not known for certain."""
    return context.patient.sexes[0] == "female" if context.patient.sexes in (("female",), ("male",)) else None


def _clearance(context: Context) -> Iterable[Observation]:
    female = _sex_of(context)
    for lab in _numeric(context, "creatinine"):
        if lab.date is None or not lab.low or female is None:
            continue
        weight = _weight(context, lab.date.first)
        ages = ages_on(context, lab.date.first.toordinal())
        if weight is None or weight.low is None or ages is None:
            continue
        values = [
            derived.cockcroft_gault(age=age, weight_kg=weight.low, creatinine_mg_dl=lab.low, female=female)
            for age in ages
        ]
        yield _made("creatinine_clearance", lab, (lab, weight), min(values), max(values), "Cockcroft-Gault", "mL/min")


def _egfr(context: Context) -> Iterable[Observation]:
    female = _sex_of(context)
    for lab in _numeric(context, "creatinine"):
        ages = ages_on(context, lab.date.first.toordinal()) if lab.date is not None else None
        if not lab.low or female is None or ages is None or ages[0] < context.settings.adult_height_from:
            continue
        values = [derived.ckd_epi_2021(age=age, creatinine_mg_dl=lab.low, female=female) for age in ages]
        yield _made("egfr", lab, (lab,), min(values), max(values), "CKD-EPI 2021", "mL/min/1.73m2")


def _bsa(context: Context) -> Iterable[Observation]:
    yield from _of_body(context, "bsa", derived.mosteller, "Mosteller", "m2")


def _bmi(context: Context) -> Iterable[Observation]:
    yield from _of_body(context, "bmi", derived.body_mass_index, "weight over height squared", "kg/m2")


def _of_body(context: Context, test: str, formula: Callable[..., float], name: str, unit: str) -> Iterable[Observation]:
    height = _height(context)
    for weight in _numeric(context, "weight"):
        if height is not None and height.low and weight.low:
            value = formula(height_cm=height.low, weight_kg=weight.low)
            yield _made(test, weight, (weight, height), value, value, name, unit)


def _calcium(context: Context) -> Iterable[Observation]:
    for lab in _numeric(context, "calcium"):
        for albumin in _on(context, "albumin", lab.date.first) if lab.date is not None else ():
            assert lab.low is not None and albumin.low is not None  # _numeric gives exact values
            value = derived.corrected_calcium(calcium_mg_dl=lab.low, albumin_g_dl=albumin.low)
            yield _made(
                "corrected_calcium", lab, (lab, albumin), value, value, "0.8 per g/dL albumin below 4.0", "mg/dL"
            )


def _qtcf(context: Context) -> Iterable[Observation]:
    for ecg in _numeric(context, "qt"):
        for rate in _on(context, "heart_rate", ecg.date.first) if ecg.date is not None else ():
            if ecg.low and rate.low:
                value = derived.fridericia(qt_ms=ecg.low, heart_rate=rate.low)
                yield _made("qtcf", ecg, (ecg, rate), value, value, "Fridericia", "ms")


def _anc(context: Context) -> Iterable[Observation]:
    for lab in _numeric(context, "wbc"):
        day = lab.date.first if lab.date is not None else date.min
        for segs in _on(context, "neutrophil_percent", day):
            bands = _on(context, "band_percent", day)
            assert lab.low is not None and segs.low is not None  # _numeric gives exact values
            share = bands[0].low if bands and bands[0].low is not None else 0.0
            value = derived.neutrophils(wbc=lab.low, segmented_percent=segs.low, bands_percent=share)
            # Bands that were not counted can only add to it.
            yield _made("anc", lab, (lab, segs, *bands[:1]), value, value, "WBC x neutrophils %", "10*9/L")


def _hepatic(context: Context) -> Iterable[Observation]:
    for bilirubin in _numeric(context, "bilirubin"):
        for ast in _on(context, "ast", bilirubin.date.first) if bilirubin.date is not None else ():
            limits = [upper_limit(context, item) for item in (bilirubin, ast)]
            if limits[0] and limits[1] and bilirubin.low is not None and ast.low is not None:
                grade = derived.nci_odwg(bilirubin_uln=bilirubin.low / limits[0], ast_uln=ast.low / limits[1])
                parts = f"bilirubin {bilirubin.shown or bilirubin.low}, AST {ast.shown or ast.low}"
                yield Observation(
                    id=bilirubin.id, raw="hepatic impairment (NCI-ODWG)", source=bilirubin.source, code=grade,
                    test="hepatic_nci_odwg", shown=f"{grade} (from {parts})", date=bilirubin.date,
                )  # fmt: skip


def _albi(context: Context) -> Iterable[Observation]:
    for lab in _numeric(context, "bilirubin"):
        for albumin in _on(context, "albumin", lab.date.first) if lab.date is not None else ():
            if lab.low and albumin.low:
                value = derived.albi(bilirubin_umol_l=lab.low / 0.0585, albumin_g_l=albumin.low * 10)
                yield _made("albi", lab, (lab, albumin), value, value, "ALBI", "1")


_FORMULAS: dict[str, Callable[[Context], Iterable[Observation]]] = {
    "creatinine_clearance": _clearance,
    "egfr": _egfr,
    "bsa": _bsa,
    "bmi": _bmi,
    "corrected_calcium": _calcium,
    "qtcf": _qtcf,
    "anc": _anc,
    "hepatic_nci_odwg": _hepatic,
    "albi": _albi,
}


# --- limits of normal ----------------------------------------------------------------------------------------------


def upper_limit(context: Context, item: Observation) -> float | None:
    """The ULN of a value: its own row's, else the registry's range."""
    return limit_of(context, item, upper=True)


def limit_of(context: Context, item: Observation, *, upper: bool) -> float | None:
    """The upper or lower limit of normal that holds for a value; None where none is known for certain."""
    own = item.ref_high if upper else item.ref_low
    if own is not None:
        return own
    day = item.date.first if item.date is not None and item.date.exact else None
    found = set()
    for row in context.patient.ranges:
        if row.test != item.test or (row.laboratory and folded(row.laboratory) != folded(item.laboratory or "")):
            continue
        if row.sex is not None and context.patient.sexes != (row.sex,):
            continue
        if (row.age_from is not None or row.age_to is not None) and not _of_age(context, day, row.age_from, row.age_to):
            continue
        dated = row.valid_from is not None or row.valid_to is not None
        if dated and (day is None or not (row.valid_from or date.min) <= day <= (row.valid_to or date.max)):
            continue
        found.add(row.high if upper else row.low)
    return found.pop() if len(found) == 1 else None


def _of_age(context: Context, day: date | None, low: float | None, high: float | None) -> bool:
    ages = ages_on(context, day.toordinal()) if day is not None else None
    if ages is None:
        return False
    return (low is None or ages[0] >= low) and (high is None or ages[1] <= high)
