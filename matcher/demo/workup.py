"""What a clinic measures before a trial: a laboratory sheet in the units of one laboratory or another, and the rest.

A sheet is a table of tests with their usual values. Two laboratories write the same blood differently, and a registry
that takes from both holds both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from matcher.demo.chart import Chart

#: The laboratory of the centre, which reports in SI units, and one outside, which does not.
CENTRAL, OUTSIDE = "central", "north"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assay:
    """A laboratory test: its usual values and limits in the units of each laboratory."""

    test: str
    usual: tuple[float, float]
    low: float | None
    high: float | None
    unit: str
    digits: int = 1
    #: Unit, factor and digits of the outside laboratory, and what it calls the test.
    outside: tuple[str, float, int, str] | None = None

    def write(
        self, chart: Chart, value: float, *, ago: int, laboratory: str, limits: bool, comparator: str = ""
    ) -> None:
        """One result as its laboratory reports it, with the limits of normal or without."""
        unit, factor, digits, name = self.unit, 1.0, self.digits, self.test
        if laboratory == OUTSIDE and self.outside is not None:
            unit, factor, digits, name = self.outside

        def shown(number: float | None) -> str:
            return "" if number is None else f"{number * factor:.{digits}f}"

        chart.seen(
            name, comparator + shown(value), ago=ago, unit=unit, laboratory=laboratory,
            ref_low=shown(self.low) if limits else "", ref_high=shown(self.high) if limits else "",
        )  # fmt: skip


ASSAYS: Mapping[str, Assay] = {
    assay.test: assay
    for assay in (
        Assay(test="wbc", usual=(4.2, 9.5), low=4.0, high=10.0, unit="10*9/L", outside=("K/uL", 1, 1, "WBC count")),
        Assay(test="anc", usual=(2.1, 6.2), low=1.8, high=7.5, unit="10*9/L", outside=("/mm3", 1000, 0, "neutrophils")),
        Assay(test="platelets", usual=(150, 390), low=150, high=400, unit="10*9/L", digits=0,
              outside=("K/uL", 1, 0, "PLT")),
        Assay(test="hemoglobin", usual=(10.2, 14.2), low=12.0, high=16.0, unit="g/dL",
              outside=("mmol/L", 0.6206, 1, "Hb")),
        Assay(test="creatinine", usual=(56, 98), low=45, high=104, unit="umol/L", digits=0,
              outside=("mg/dL", 1 / 88.42, 2, "creat")),
        Assay(test="bilirubin", usual=(5, 16), low=3, high=21, unit="umol/L", digits=0,
              outside=("mg/dL", 0.0585, 2, "T-bil")),
        Assay(test="ast", usual=(15, 38), low=10, high=40, unit="U/L", digits=0, outside=("U/L", 1, 0, "SGOT")),
        Assay(test="alt", usual=(12, 40), low=7, high=45, unit="U/L", digits=0, outside=("U/L", 1, 0, "SGPT")),
        Assay(test="alp", usual=(55, 118), low=40, high=130, unit="U/L", digits=0),
        Assay(test="ldh", usual=(160, 320), low=135, high=250, unit="U/L", digits=0),
        Assay(test="albumin", usual=(34, 45), low=35, high=52, unit="g/L", digits=0,
              outside=("g/dL", 0.1, 1, "albumin")),
        Assay(test="calcium", usual=(2.2, 2.5), low=2.15, high=2.55, unit="mmol/L", digits=2),
        Assay(test="ck", usual=(40, 150), low=30, high=190, unit="U/L", digits=0, outside=("U/L", 1, 0, "CPK")),
        Assay(test="inr", usual=(0.9, 1.1), low=0.8, high=1.2, unit="1", digits=2),
        Assay(test="aptt", usual=(26, 34), low=25, high=37, unit="s", digits=0),
        Assay(test="tsh", usual=(0.9, 3.1), low=0.4, high=4.0, unit="m[IU]/L", digits=2),
        Assay(test="free_t4", usual=(12, 18), low=10, high=22, unit="pmol/L"),
        Assay(test="hba1c", usual=(5.0, 5.9), low=4.0, high=6.0, unit="%"),
        Assay(test="fasting_glucose", usual=(4.6, 5.6), low=3.9, high=5.6, unit="mmol/L"),
        Assay(test="triglycerides", usual=(0.8, 1.9), low=0.4, high=1.7, unit="mmol/L"),
        Assay(test="urine_protein_creatinine_ratio", usual=(0.05, 0.2), low=None, high=0.2, unit="g/g", digits=2),
    )
}  # fmt: skip

#: What is measured at nearly every visit; the rest only where a patient is worked up for a trial.
ROUTINE = ("wbc", "anc", "platelets", "hemoglobin", "creatinine", "bilirubin", "ast", "alt", "alp", "albumin")


def blood(
    chart: Chart,
    rng: Random,
    *,
    ago: int,
    tests: tuple[str, ...] = ROUTINE,
    laboratory: str = CENTRAL,
    limits: bool = True,
    results: Mapping[str, float] | None = None,
) -> None:
    """A laboratory sheet of one day: the `results` given, in the centre's units, and usual values for the others."""
    for test in tests:
        assay = ASSAYS[test]
        value = (results or {}).get(test, rng.uniform(*assay.usual))
        assay.write(chart, value, ago=ago, laboratory=laboratory, limits=limits)


def body(chart: Chart, rng: Random, *, ago: int, height: int, weight: float) -> None:
    """Height, weight, blood pressure and pulse of a visit."""
    chart.seen("height", height, ago=ago + 200, unit="cm")
    chart.seen("weight", round(weight, 1), ago=ago, unit="kg")
    chart.seen("systolic_bp", rng.randint(112, 138), ago=ago, unit="mmHg")
    chart.seen("diastolic_bp", rng.randint(66, 86), ago=ago, unit="mmHg")
    chart.seen("heart_rate", rng.randint(62, 88), ago=ago, unit="/min")


def trial_workup(chart: Chart, rng: Random, *, ago: int, results: Mapping[str, float] | None = None) -> None:
    """Everything that screening for a trial asks for beside performance status: blood, heart, imaging, completeness."""
    blood(chart, rng, ago=ago, tests=tuple(ASSAYS), results=results)
    body(chart, rng, ago=ago, height=rng.randint(158, 184), weight=rng.uniform(56, 88))
    chart.seen("lvef", rng.randint(58, 66), ago=ago + 4, unit="%", ref_low=52)
    chart.seen("qtcf", rng.randint(398, 432), ago=ago + 1, unit="ms")
    chart.seen("measurable_disease", "yes", ago=ago + 5)
    chart.seen("life_expectancy", 12, ago=ago, unit="mo")
    chart.seen("able_to_swallow", "yes", ago=ago)
    for virus in ("hbsag", "hcv_antibody", "hiv_test"):
        chart.seen(virus, "negative", ago=ago + 2)
    chart.complete("conditions", "treatments", "medications", "disease_status", ago=ago)
