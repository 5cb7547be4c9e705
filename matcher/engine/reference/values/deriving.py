"""Values computed from others of one day: which measurements may go into a formula, and what came out (SEMANTICS §2.3).

Laboratory inputs are of one day, the weight within 30 days of it, the height of any adult age or of the weight's own
day. Where an input was measured twice on its day there is a value for each. Formulas stand in `derived`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date

from matcher.engine import derived
from matcher.engine.reference.context import Context
from matcher.engine.reference.values.ages import ages_on
from matcher.engine.reference.values.limits import limit_of
from patients.facts import Observation, add_months


@dataclass(frozen=True, slots=True)
class _Exact:
    """A measurement whose value and day are known; values are positive."""

    item: Observation
    value: float
    day: date


def derived_values(context: Context, test: str) -> list[Observation]:
    """Values of a test computed from others, each with its inputs and formula shown."""
    make = _FORMULAS.get(test)
    return list(make(context)) if make is not None else []


def _measured(context: Context, test: str, day: date | None = None) -> list[_Exact]:
    """The exact values of a test, of one day or of all."""
    found = []
    for item in context.patient.observations:
        if item.test != test or item.low is None or item.low != item.high or item.low <= 0:
            continue
        if item.date is not None and item.date.exact and day in (None, item.date.first):
            found.append(_Exact(item, item.low, item.date.first))
    return found


def _made(
    test: str, lab: Observation, inputs: Iterable[_Exact], values: Iterable[float], formula: str, unit: str
) -> Observation:
    lo, hi = min(values := list(values)), max(values)
    parts = ", ".join(
        f"{each.item.raw or each.item.test} {each.item.shown or f'{each.value:g}'} ({each.day})" for each in inputs
    )
    value = f"{lo:.4g}" if lo == hi else f"{lo:.4g} to {hi:.4g}"
    return Observation(
        id=lab.id, raw=test, source=lab.source, recorded=lab.recorded, test=test, low=lo, high=hi, unit=unit,
        shown=f"{value} {unit} ({formula} from {parts})", date=lab.date,
    )  # fmt: skip


def _weights(context: Context, day: date) -> list[_Exact]:
    """The weights nearest to a day, and near enough."""
    near = [
        (abs((each.day - day).days), each) for each in _measured(context, "weight")
        if abs((each.day - day).days) <= context.settings.weight
    ]  # fmt: skip
    best = min((gap for gap, _ in near), default=0)
    return [each for gap, each in near if gap == best]


def _heights(context: Context, day: date) -> list[_Exact]:
    """The heights of a day, else the latest of those measured in an adult."""
    measured = _measured(context, "height")
    same_day = [each for each in measured if each.day == day]
    births = context.patient.births
    adult_from = max(
        (add_months(birth.last, 12 * context.settings.adult_height_from) for birth in births), default=date.max
    )
    adult = [each for each in measured if each.day >= adult_from]
    latest = max((each.day for each in adult), default=None)
    return same_day or [each for each in adult if each.day == latest]


def _female(context: Context) -> bool | None:
    """Whether the patient is female; None where it is not known for certain."""
    return context.patient.sexes[0] == "female" if context.patient.sexes in (("female",), ("male",)) else None


def _clearance(context: Context) -> Iterable[Observation]:
    female = _female(context)
    for lab in _measured(context, "creatinine"):
        ages = ages_on(context, lab.day.toordinal())
        for weight in _weights(context, lab.day) if female is not None and ages is not None else ():
            values = [
                derived.cockcroft_gault(
                    age=age, weight_kg=weight.value, creatinine_mg_dl=lab.value, female=bool(female)
                )
                for age in ages or ()
            ]
            yield _made("creatinine_clearance", lab.item, (lab, weight), values, "Cockcroft-Gault", "mL/min")


def _egfr(context: Context) -> Iterable[Observation]:
    female = _female(context)
    for lab in _measured(context, "creatinine"):
        ages = ages_on(context, lab.day.toordinal())
        if female is not None and ages is not None and ages[0] >= context.settings.adult_height_from:
            values = [derived.ckd_epi_2021(age=age, creatinine_mg_dl=lab.value, female=female) for age in ages]
            yield _made("egfr", lab.item, (lab,), values, "CKD-EPI 2021", "mL/min/1.73m2")


def _bsa(context: Context) -> Iterable[Observation]:
    yield from _of_body(context, "bsa", derived.mosteller, "Mosteller", "m2")


def _bmi(context: Context) -> Iterable[Observation]:
    yield from _of_body(context, "bmi", derived.body_mass_index, "weight over height squared", "kg/m2")


def _of_body(context: Context, test: str, formula: Callable[..., float], name: str, unit: str) -> Iterable[Observation]:
    for weight in _measured(context, "weight"):
        for height in _heights(context, weight.day):
            value = formula(height_cm=height.value, weight_kg=weight.value)
            yield _made(test, weight.item, (weight, height), [value], name, unit)


def _calcium(context: Context) -> Iterable[Observation]:
    for lab in _measured(context, "calcium"):
        for albumin in _measured(context, "albumin", lab.day):
            value = derived.corrected_calcium(calcium_mg_dl=lab.value, albumin_g_dl=albumin.value)
            formula = "0.8 per g/dL albumin below 4.0"
            yield _made("corrected_calcium", lab.item, (lab, albumin), [value], formula, "mg/dL")


def _qtcf(context: Context) -> Iterable[Observation]:
    for ecg in _measured(context, "qt"):
        for rate in _measured(context, "heart_rate", ecg.day):
            value = derived.fridericia(qt_ms=ecg.value, heart_rate=rate.value)
            yield _made("qtcf", ecg.item, (ecg, rate), [value], "Fridericia", "ms")


def _qtc(context: Context) -> Iterable[Observation]:
    """A QT interval corrected by a named formula is a corrected QT interval; the reverse does not hold."""
    reported = [each.item for test in ("qtcf", "qtcb") for each in _measured(context, test)]
    for item in reported or _qtcf(context):
        yield replace(item, test="qtc")


def _anc(context: Context) -> Iterable[Observation]:
    for lab in _measured(context, "wbc"):
        for segs in _measured(context, "neutrophil_percent", lab.day):
            # Without a count of bands of their own, the neutrophils are those the analyser counted together.
            for bands in _measured(context, "band_percent", lab.day) or (None,):
                share = bands.value if bands is not None else 0.0
                value = derived.neutrophils(wbc=lab.value, segmented_percent=segs.value, bands_percent=share)
                inputs = (lab, segs, bands) if bands is not None else (lab, segs)
                yield _made("anc", lab.item, inputs, [value], "WBC x neutrophils %", "10*9/L")


def _hepatic(context: Context) -> Iterable[Observation]:
    for bilirubin in _measured(context, "bilirubin"):
        for ast in _measured(context, "ast", bilirubin.day):
            limits = [limit_of(context, each.item, upper=True) for each in (bilirubin, ast)]
            if limits[0] and limits[1]:
                grade = derived.nci_odwg(bilirubin_uln=bilirubin.value / limits[0], ast_uln=ast.value / limits[1])
                parts = ", ".join(
                    f"{name} {each.item.shown or f'{each.value:g}'}"
                    for name, each in (("bilirubin", bilirubin), ("AST", ast))
                )
                yield Observation(
                    id=bilirubin.item.id, raw="hepatic impairment (NCI-ODWG)", source=bilirubin.item.source, code=grade,
                    test="hepatic_nci_odwg", shown=f"{grade} (from {parts})", date=bilirubin.item.date,
                )  # fmt: skip


_FORMULAS: dict[str, Callable[[Context], Iterable[Observation]]] = {
    "creatinine_clearance": _clearance,
    "egfr": _egfr,
    "bsa": _bsa,
    "bmi": _bmi,
    "corrected_calcium": _calcium,
    "qtcf": _qtcf,
    "qtc": _qtc,
    "anc": _anc,
    "hepatic_nci_odwg": _hepatic,
}
