"""Formulas for values that are computed from others, with the paper each comes from.

Plain functions of numbers; which measurements go into them is decided in `deriving`.
"""

from __future__ import annotations

import math


def cockcroft_gault(*, age: float, weight_kg: float, creatinine_mg_dl: float, female: bool) -> float:
    """Creatinine clearance in mL/min: (140 - age) x weight / (72 x creatinine), x 0.85 in women.

    Cockcroft DW, Gault MH. Nephron 1976;16:31-41.
    """
    return (140 - age) * weight_kg / (72 * creatinine_mg_dl) * (0.85 if female else 1.0)


def ckd_epi_2021(*, age: float, creatinine_mg_dl: float, female: bool) -> float:
    """Estimated GFR in mL/min/1.73 m2, the race-free creatinine equation, for adults.

    Inker LA et al. N Engl J Med 2021;385:1737-1749.
    """
    kappa, alpha = (0.7, -0.241) if female else (0.9, -0.302)
    ratio = creatinine_mg_dl / kappa
    gfr: float = 142 * min(ratio, 1) ** alpha * max(ratio, 1) ** -1.200 * 0.9938**age
    return gfr * (1.012 if female else 1.0)


def mosteller(*, height_cm: float, weight_kg: float) -> float:
    """Body surface area in m2: the root of height x weight / 3600. Mosteller RD. N Engl J Med 1987;317:1098."""
    return math.sqrt(height_cm * weight_kg / 3600)


def body_mass_index(*, height_cm: float, weight_kg: float) -> float:
    """Weight over height squared, kg/m2 (WHO Technical Report Series 894)."""
    return weight_kg / (height_cm / 100) ** 2


def corrected_calcium(*, calcium_mg_dl: float, albumin_g_dl: float) -> float:
    """Calcium corrected for albumin, mg/dL: Ca + 0.8 x (4.0 - albumin). Payne RB et al. BMJ 1973;4:643-646."""
    return calcium_mg_dl + 0.8 * (4.0 - albumin_g_dl)


def fridericia(*, qt_ms: float, heart_rate: float) -> float:
    """QTcF in ms: QT over the cube root of the RR interval in s. Fridericia LS. Acta Med Scand 1920;53:469-486."""
    return float(qt_ms / (60 / heart_rate) ** (1 / 3))


def neutrophils(*, wbc: float, segmented_percent: float, bands_percent: float) -> float:
    """Absolute neutrophils in the unit of the white cells: WBC x (segmented + bands) / 100."""
    return wbc * (segmented_percent + bands_percent) / 100


def nci_odwg(*, bilirubin_uln: float, ast_uln: float) -> str:
    """NCI Organ Dysfunction Working Group class of hepatic impairment from multiples of the ULN.

    Ramalingam SS et al. J Clin Oncol 2010;28:4507-4511: normal, mild, moderate (over 1.5 to 3 x ULN), severe.
    """
    if bilirubin_uln > 3:
        return "severe"
    if bilirubin_uln > 1.5:
        return "moderate"
    if bilirubin_uln > 1 or ast_uln > 1:
        return "mild"
    return "normal"
