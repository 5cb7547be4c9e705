"""Formulas against independently computed vectors, and which measurements may go into them (SEMANTICS §2.3)."""

import pytest

from matcher.engine import derived
from tests.synthetic import asked, lms, truth

VECTORS = [
    # Cockcroft-Gault, mL/min
    (derived.cockcroft_gault, {"age": 60, "weight_kg": 80, "creatinine_mg_dl": 1.2, "female": False}, 74.0741),
    (derived.cockcroft_gault, {"age": 45, "weight_kg": 65, "creatinine_mg_dl": 0.9, "female": True}, 80.9992),
    (derived.cockcroft_gault, {"age": 70, "weight_kg": 75, "creatinine_mg_dl": 1.0, "female": False}, 72.9167),
    (derived.cockcroft_gault, {"age": 82, "weight_kg": 48, "creatinine_mg_dl": 1.6, "female": True}, 20.5417),
    # CKD-EPI 2021, mL/min/1.73 m2
    (derived.ckd_epi_2021, {"creatinine_mg_dl": 0.9, "age": 55, "female": True}, 75.4988),
    (derived.ckd_epi_2021, {"creatinine_mg_dl": 1.2, "age": 60, "female": False}, 69.2311),
    (derived.ckd_epi_2021, {"creatinine_mg_dl": 0.5, "age": 30, "female": True}, 129.317),
    (derived.ckd_epi_2021, {"creatinine_mg_dl": 3.0, "age": 75, "female": False}, 21.0019),
    (derived.mosteller, {"height_cm": 170, "weight_kg": 70}, 1.8181),
    (derived.mosteller, {"height_cm": 158, "weight_kg": 52}, 1.5107),
    (derived.corrected_calcium, {"calcium_mg_dl": 8.0, "albumin_g_dl": 2.5}, 9.2),
    (derived.corrected_calcium, {"calcium_mg_dl": 9.5, "albumin_g_dl": 4.0}, 9.5),
    (derived.neutrophils, {"wbc": 4.2, "segmented_percent": 48, "bands_percent": 3}, 2.142),
    (derived.neutrophils, {"wbc": 2.0, "segmented_percent": 40, "bands_percent": 0}, 0.8),
    (derived.fridericia, {"qt_ms": 400, "heart_rate": 60}, 400.0),
    (derived.fridericia, {"qt_ms": 400, "heart_rate": 90}, 457.8857),
    (derived.fridericia, {"qt_ms": 380, "heart_rate": 50}, 357.5937),
    (derived.body_mass_index, {"height_cm": 200, "weight_kg": 80}, 20.0),
]


@pytest.mark.parametrize(("formula", "inputs", "expected"), VECTORS)
def test_formula(formula, inputs, expected):
    assert formula(**inputs) == pytest.approx(expected, rel=5e-5)


@pytest.mark.parametrize(
    ("bilirubin", "ast", "expected"),
    [
        (1.0, 1.0, "normal"),
        (1.0, 1.1, "mild"),
        (1.5, 9.0, "mild"),
        (1.6, 0.5, "moderate"),
        (3.0, 0.5, "moderate"),
        (3.1, 0.5, "severe"),
    ],
)
def test_hepatic_impairment(bilirubin, ast, expected):
    assert derived.nci_odwg(bilirubin_uln=bilirubin, ast_uln=ast) == expected


def obs(test, value, date="2026-01-10", **cells):
    return {"test": test, "value": value, "date": date, **cells}


CREATININE, WEIGHT = obs("creatinine", "1.0", unit="mg/dL"), obs("weight", "70", unit="kg", date="2025-12-20")

CASES = {
    "clearance from creatinine, weight, age and sex": ([CREATININE, WEIGHT], "creatinine_clearance >= 60 mL/min", "met"),
    "a reported clearance outranks it": (
        [CREATININE, WEIGHT, obs("creatinine_clearance", "41", unit="mL/min")], "creatinine_clearance >= 60 mL/min", "not_met"),
    "a weight of 31 days before is too old": (
        [CREATININE, obs("weight", "70", unit="kg", date="2025-12-10")], "creatinine_clearance >= 60 mL/min", "unknown: not recorded"),
    "an eGFR never stands for a clearance": (
        [obs("egfr", "90", unit="mL/min/1.73m2")], "creatinine_clearance >= 60 mL/min", "unknown: not recorded"),
    "an eGFR from creatinine, age and sex": ([CREATININE], "egfr >= 60 mL/min/1.73m2", "met"),
    "QTcF from QT and heart rate of one day": (
        [obs("qt", "400", unit="ms"), obs("heart_rate", "90", unit="/min")], "qtcf <= 450 ms", "not_met"),
    "not from two days": (
        [obs("qt", "400", unit="ms"), obs("heart_rate", "90", unit="/min", date="2026-01-09")], "qtcf <= 470 ms",
        "unknown: not recorded"),
    "a QTcF is a QTc": ([obs("qtcf", "500", unit="ms")], "qtc > 480 ms", "met"),
    "so is a QTcB": ([obs("qtcb", "440", unit="ms")], "qtc > 480 ms", "not_met"),
    "QTcF and QTcB of one day on two sides of the limit": (
        [obs("qtcf", "470", unit="ms"), obs("qtcb", "490", unit="ms")], "qtc > 480 ms", "unknown: conflicting"),
    "a reported QTc outranks them": (
        [obs("qtc", "470", unit="ms"), obs("qtcf", "490", unit="ms")], "qtc > 480 ms", "not_met"),
    "QTc from QT and heart rate": (
        [obs("qt", "400", unit="ms"), obs("heart_rate", "90", unit="/min")], "qtc <= 450 ms", "not_met"),
    "a QTc by an unnamed formula is no QTcF": ([obs("qtc", "500", unit="ms")], "qtcf > 480 ms", "unknown: not recorded"),
    "neutrophils from white cells and differential": (
        [obs("wbc", "4.2", unit="10*9/L"), obs("neutrophil_percent", "48", unit="%"), obs("band_percent", "3", unit="%")],
        "anc >= 2.1 10*9/L", "met"),
    "white cells alone are no neutrophils": ([obs("wbc", "4.2", unit="10*9/L")], "anc >= 1 10*9/L", "unknown: not recorded"),
    "corrected calcium": (
        [obs("calcium", "8.0", unit="mg/dL"), obs("albumin", "2.5", unit="g/dL")], "corrected_calcium >= 9.2 mg/dL", "met"),
    "body surface and mass": (
        [obs("height", "170", unit="cm", date="2015-01-10"), WEIGHT], "bsa <= 1.82 m2 and bmi between 24 kg/m2 and 25 kg/m2", "met"),
    "hepatic impairment from bilirubin and AST of one day": (
        [obs("bilirubin", "2.4", unit="mg/dL", ref_high="1.2"), obs("ast", "30", unit="U/L", ref_high="40")],
        "hepatic_nci_odwg is moderate", "met"),
    "not without a limit of normal": (
        [obs("bilirubin", "2.4", unit="mg/dL"), obs("ast", "30", unit="U/L", ref_high="40")],
        "hepatic_nci_odwg is moderate", "unknown: not recorded"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_which_measurements_go_in(case):
    observations, rule, expected = CASES[case]
    assert truth(rule, lms(observations=observations)) == expected


def test_the_formula_and_its_inputs_are_shown():
    found = asked("creatinine_clearance >= 60 mL/min", lms(observations=[CREATININE, WEIGHT]))
    assert found.evidence[0].value == (
        "creatinine_clearance: 62.81 mL/min (Cockcroft-Gault from creatinine 1.0 mg/dL (2026-01-10),"
        " weight 70 kg (2025-12-20))"
    )


def test_a_child_has_no_adult_egfr_and_a_childs_height_is_not_an_adults():
    child = {
        "birth_date": "2012-05-01",
        "observations": [CREATININE, WEIGHT, obs("height", "150", unit="cm", date="2024-01-01")],
    }
    assert truth("egfr >= 60 mL/min/1.73m2", lms(**child)) == "unknown: not recorded"
    assert truth("bsa >= 1 m2", lms(**child)) == "unknown: not recorded"


def test_sex_and_birth_date_are_needed():
    rule = "creatinine_clearance >= 30 mL/min"
    assert truth(rule, lms(sex="", observations=[CREATININE, WEIGHT])) == "unknown: not recorded"
    assert truth(rule, lms(birth_date="", observations=[CREATININE, WEIGHT])) == "unknown: not recorded"
    assert truth("egfr >= 30 mL/min/1.73m2", lms(birth_date="", observations=[CREATININE])) == "unknown: not recorded"


def test_a_year_of_birth_gives_a_range():
    rule = "creatinine_clearance >= {} mL/min"
    who = lms(birth_date="1961", observations=[CREATININE, WEIGHT])
    # 64 or 65 years old: between 61.97 and 62.81 mL/min.
    assert truth(rule.format(61), who) == "met"
    assert truth(rule.format(63), who) == "not_met"
    assert truth(rule.format(62), who) == "unknown: imprecise"
