"""Formulas for values that are computed from others, with the paper each comes from.

Plain functions of numbers, or of arrays of them; which measurements go into them is decided in `deriving`.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

#: A number, or one for each of many.
Number = TypeVar("Number", float, NDArray[np.float64])


def cockcroft_gault(*, age: Number, weight_kg: Number, creatinine_mg_dl: Number, female: bool) -> Number:
    """Creatinine clearance in mL/min: (140 - age) x weight / (72 x creatinine), x 0.85 in women.

    Cockcroft DW, Gault MH. Nephron 1976;16:31-41.
    """
    return (140 - age) * weight_kg / (72 * creatinine_mg_dl) * (0.85 if female else 1.0)


def ckd_epi_2021(*, age: Number, creatinine_mg_dl: Number, female: bool) -> Number:
    """Estimated GFR in mL/min/1.73 m2, the race-free creatinine equation, for adults.

    Inker LA et al. N Engl J Med 2021;385:1737-1749.
    """
    kappa, alpha = (0.7, -0.241) if female else (0.9, -0.302)
    ratio = creatinine_mg_dl / kappa
    gfr = 142 * np.minimum(ratio, 1.0) ** alpha * np.maximum(ratio, 1.0) ** -1.200 * 0.9938**age
    found: Number = gfr * (1.012 if female else 1.0)
    return found


def mosteller(*, height_cm: Number, weight_kg: Number) -> Number:
    """Body surface area in m2: the root of height x weight / 3600. Mosteller RD. N Engl J Med 1987;317:1098."""
    found: Number = np.sqrt(height_cm * weight_kg / 3600)
    return found


def body_mass_index(*, height_cm: Number, weight_kg: Number) -> Number:
    """Weight over height squared, kg/m2 (WHO Technical Report Series 894)."""
    return weight_kg / (height_cm / 100) ** 2


def corrected_calcium(*, calcium_mg_dl: Number, albumin_g_dl: Number) -> Number:
    """Calcium corrected for albumin, mg/dL: Ca + 0.8 x (4.0 - albumin). Payne RB et al. BMJ 1973;4:643-646."""
    return calcium_mg_dl + 0.8 * (4.0 - albumin_g_dl)


def fridericia(*, qt_ms: Number, heart_rate: Number) -> Number:
    """QTcF in ms: QT over the cube root of the RR interval in s. Fridericia LS. Acta Med Scand 1920;53:469-486."""
    found: Number = qt_ms / (60 / heart_rate) ** (1 / 3)
    return found


def neutrophils(*, wbc: Number, segmented_percent: Number, bands_percent: Number) -> Number:
    """Absolute neutrophils in the unit of the white cells: WBC x (segmented + bands) / 100."""
    return wbc * (segmented_percent + bands_percent) / 100


#: Classes of hepatic impairment, and the multiple of the ULN of bilirubin above which each is that of a patient.
ODWG = {"severe": 3.0, "moderate": 1.5, "mild": 1.0}


def nci_odwg(*, bilirubin_uln: float, ast_uln: float) -> str:
    """NCI Organ Dysfunction Working Group class of hepatic impairment from multiples of the ULN.

    Ramalingam SS et al. J Clin Oncol 2010;28:4507-4511: normal, mild, moderate (over 1.5 to 3 x ULN), severe.
    """
    for grade, above in ODWG.items():
        if bilirubin_uln > above:
            return grade
    return "mild" if ast_uln > 1 else "normal"
