"""A made-up oncology registry of any size, as columns: about 25 facts a patient, with the gaps that registries have.

Prevalences follow what cancer registries and trial screening report: one primary each, a third metastatic, some four
courses of treatment, ten measurements of which one in four of each test is absent or old, molecular findings for some.
One date in ten is known to the month or year only. The same seed gives the same patients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.engine.bulk.columns import SPECS, Coded, Columns, Table, starts_of
from patients.facts import Policy
from patients.vocabulary import Domain, default

#: The day on which the bench asks.
AS_OF = date(2026, 1, 15)
_TODAY = AS_OF.toordinal()

#: Cancers with their share of the patients.
CANCERS = {
    "leiomyosarcoma": 6,
    "uterine leiomyosarcoma": 3,
    "dedifferentiated liposarcoma": 4,
    "gastrointestinal stromal tumor": 4,
    "breast cancer": 18,
    "lung adenocarcinoma": 12,
    "small cell lung cancer": 3,
    "colorectal cancer": 12,
    "prostate cancer": 12,
    "pancreatic cancer": 5,
    "ovarian cancer": 5,
    "melanoma": 6,
    "renal cell carcinoma": 4,
    "bladder cancer": 4,
    "glioblastoma": 2,
}
METASTASES = {"liver metastasis": 10, "lung metastasis": 9, "bone metastasis": 7, "CNS metastasis": 4}
COMORBIDITIES = {
    "hypertension": 30,
    "diabetes mellitus": 14,
    "coronary artery disease": 8,
    "heart failure": 4,
    "atrial fibrillation": 6,
    "chronic kidney disease": 6,
    "hepatitis B": 2,
    "hepatitis C": 2,
    "HIV infection": 1,
    "interstitial lung disease": 2,
    "asthma": 5,
    "hypothyroidism": 7,
    "deep vein thrombosis": 4,
    "stroke": 3,
    "myocardial infarction": 3,
    "peripheral neuropathy": 8,
    "depression": 8,
    "rheumatoid arthritis": 2,
}
DRUGS = {
    "doxorubicin": 12,
    "ifosfamide": 5,
    "gemcitabine": 10,
    "docetaxel": 9,
    "paclitaxel": 9,
    "carboplatin": 9,
    "cisplatin": 8,
    "trabectedin": 4,
    "pazopanib": 4,
    "eribulin": 3,
    "dacarbazine": 3,
    "capecitabine": 6,
    "oxaliplatin": 7,
    "irinotecan": 6,
    "pembrolizumab": 8,
    "nivolumab": 6,
    "ipilimumab": 2,
    "olaparib": 2,
    "trastuzumab": 4,
    "bevacizumab": 6,
    "imatinib": 3,
    "tamoxifen": 4,
    "letrozole": 4,
    "cyclophosphamide": 6,
}
PROCEDURES = {"surgery": 3, "radiotherapy": 3}
MEDICINES = {
    "prednisone": 6,
    "dexamethasone": 8,
    "warfarin": 3,
    "apixaban": 4,
    "ketoconazole": 1,
    "rifampin": 1,
    "omeprazole": 12,
    "metformin": 8,
    "lisinopril": 8,
    "atorvastatin": 10,
    "levothyroxine": 6,
    "insulin": 4,
}
#: Tests: unit, middle, spread, upper and lower limit of normal.
TESTS: dict[str, tuple[str, float, float, float, float]] = {
    "ecog": ("1", 1.0, 0.8, 0, 0),
    "anc": ("10*9/L", 3.8, 1.8, 1.8, 7.7),
    "platelets": ("10*9/L", 230, 80, 150, 400),
    "hemoglobin": ("g/dL", 12.0, 1.8, 12, 16),
    "creatinine": ("mg/dL", 0.95, 0.35, 0.6, 1.2),
    "bilirubin": ("mg/dL", 0.7, 0.5, 0.1, 1.2),
    "ast": ("U/L", 28, 22, 8, 40),
    "alt": ("U/L", 27, 24, 7, 41),
    "albumin": ("g/dL", 3.9, 0.5, 3.5, 5.0),
    "lvef": ("%", 60, 7, 0, 0),
    "qtcf": ("ms", 425, 22, 0, 0),
    "wbc": ("10*9/L", 6.5, 2.5, 4, 11),
    "inr": ("1", 1.05, 0.25, 0.8, 1.2),
}
GENES = {
    "BRCA1": 8,
    "BRCA2": 8,
    "NTRK1": 4,
    "NTRK3": 4,
    "KRAS": 10,
    "EGFR": 10,
    "BRAF": 8,
    "PIK3CA": 8,
    "TP53": 14,
    "CDK4": 4,
    "MDM2": 4,
    "ALK": 6,
    "RB1": 4,
    "ATM": 4,
    "PTEN": 4,
}


#: Words of which an empty text is what stands for none.
_TEXTS = frozenset({"raw", "indication_text"})


@dataclass
class _Maker:
    """Rows for many patients, drawn at once."""

    patients: int
    random: np.random.Generator

    def owners(self, mean: float, most: int = 12) -> NDArray[np.int32]:
        """The patient of each row, a mean number of rows each."""
        counts = np.minimum(self.random.poisson(mean, self.patients), most)
        return np.repeat(np.arange(self.patients, dtype=np.int32), counts)

    def pick(self, shares: dict[str, int], rows: int) -> NDArray[np.int64]:
        """Numbers of names by their share."""
        weights = np.array(list(shares.values()), float)
        return self.random.choice(len(weights), rows, p=weights / weights.sum())

    def chance(self, rows: int, share: float) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = self.random.random(rows) < share
        return found

    def days(self, rows: int, back: float) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Days up to today, some `back` days ago on average; one in ten known to the month or the year only."""
        day = _TODAY - self.random.exponential(back, rows).astype(np.int32)
        return self.blurred(day)

    def blurred(self, day: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        lo, hi = day.copy(), day.copy()
        vague = self.chance(len(day), 0.1)
        moment = (day[vague].astype(np.int64) - 719_163).astype("M8[D]")
        unit = np.where(self.chance(int(vague.sum()), 0.7), 0, 1)
        month, year = moment.astype("M8[M]"), moment.astype("M8[Y]")
        first = np.where(unit == 0, month.astype("M8[D]"), year.astype("M8[D]")).astype("M8[D]").astype(np.int64)
        last = np.where(unit == 0, (month + 1).astype("M8[D]"), (year + 1).astype("M8[D]")).astype("M8[D]")
        lo[vague] = first + 719_163
        hi[vague] = last.astype(np.int64) - 1 + 719_163
        return lo, hi


def _coded(values: Sequence[Any], codes: NDArray[Any]) -> Coded:
    known: dict[Any, int] = {}
    distinct = np.array([known.setdefault(value, len(known)) for value in values])
    return Coded(tuple(known), distinct[codes].astype(np.uint8 if len(known) <= 256 else np.uint16))


def _table(name: str, made: _Maker, patient: NDArray[np.int32], **columns: Any) -> Table:
    """A table whose other columns are not recorded."""
    spec, rows = SPECS[name], len(patient)
    nothing = np.zeros(rows, np.int32)
    starts = starts_of(patient, made.patients)
    empty = np.zeros(rows, np.uint8)
    return Table(
        name=name,
        patients=made.patients,
        patient=patient,
        order=(np.arange(rows) - starts[patient]).astype(np.int32),
        lo={c: columns.get(c, (nothing, nothing))[0] for c in spec.days},
        hi={c: columns.get(c, (nothing, nothing))[1] for c in spec.days},
        day={c: columns.get(c, nothing) for c in spec.plain_days},
        number={c: columns.get(c, np.full(rows, np.nan)) for c in spec.numbers},
        flag={
            c: columns.get(c, np.full(rows, 1 if c == "named" else 0 if c.endswith("_open") else -1, np.int8))
            for c in spec.flags
        },
        coded={
            **{c: columns.get(c, Coded((None, ""), empty + 1) if c in _TEXTS else Coded((None,), empty))
               for c in spec.words},
            **{c: columns.get(c, Coded(((),), empty)) for c in spec.tuples},
        },
        starts=starts,
    )  # fmt: skip


def _named(shares: dict[str, int], domains: tuple[Domain, ...]) -> tuple[list[Any], list[Any]]:
    """The raw names and the concepts they stand for, each after the one that is not recorded."""
    vocabulary = default()
    names = list(shares)
    return [None, *names], [(), *(vocabulary.find(name, *domains) for name in names)]


def registry(patients: int, seed: int = 7) -> Columns:
    """The columns of a registry of so many patients."""
    made = _Maker(patients, np.random.default_rng(seed))
    tables = {
        "conditions": _conditions(made),
        "treatments": _treatments(made),
        "medications": _medications(made),
        "observations": _observations(made),
        "biomarkers": _biomarkers(made),
        "disease_status": _events(made),
        "coverage": _coverage(made),
        "answers": _table("answers", made, np.zeros(0, np.int32)),
    }
    birth = (_TODAY - made.random.normal(62, 13, patients).clip(18, 95) * 365.25).astype(np.int32)
    known = np.flatnonzero(made.chance(patients, 0.98)).astype(np.int32)
    lo, hi = made.blurred(birth)
    dead = made.chance(patients, 0.12)
    death = np.where(dead, _TODAY - made.random.integers(1, 400, patients), 0).astype(np.int32)
    through = np.where(made.chance(patients, 0.8), _TODAY - made.random.integers(0, 45, patients), 0).astype(np.int32)
    policies = (Policy("conditions", "kind:primary", complete_when_present=True),)
    nobody = np.zeros(patients, np.uint8)
    return Columns(
        patients=patients,
        tables=tables,
        birth_patient=known,
        birth_lo=lo[known],
        birth_hi=hi[known],
        sexes=_coded([(), ("female",), ("male",)], made.random.choice(3, patients, p=[0.02, 0.5, 0.48])),
        deceased=np.where(dead, 1, 0).astype(np.int8),
        death_lo=death,
        death_hi=death,
        data_through=through,
        policies=Coded(((), policies), nobody + np.uint8(1)),
        ranges=Coded(((),), nobody),
        suspended=Coded((frozenset(),), nobody),
        vital_conflict=np.zeros(patients, np.bool_),
    )


def _recorded(rows: int) -> NDArray[np.int32]:
    return np.full(rows, _TODAY - 5, np.int32)


def _conditions(made: _Maker) -> Table:
    everyone = np.arange(made.patients, dtype=np.int32)
    second = np.flatnonzero(made.chance(made.patients, 0.03)).astype(np.int32)
    spread, ill = made.owners(0.45), made.owners(1.6)
    parts = [
        (everyone, CANCERS, "primary"),
        (second, CANCERS, "primary"),
        (spread, METASTASES, "metastasis"),
        (ill, COMORBIDITIES, "comorbidity"),
    ]
    raws: list[Any] = [None]
    concepts: list[Any] = [()]
    histologies: list[Any] = [()]
    patient, name, kind, extent = [], [], [], []
    vocabulary = default()
    for number, (owners, shares, word) in enumerate(parts):
        domains = (Domain.CANCER,) if word == "primary" else (Domain.CONDITION, Domain.CANCER)
        if number != 1:
            begin = len(raws)
            for each in shares:
                found = vocabulary.find(each, *domains)
                raws.append(each)
                concepts.append(found)
                histologies.append(found if word == "primary" else ())
        else:
            begin = 1
        patient.append(owners)
        name.append(begin + made.pick(shares, len(owners)))
        kind.append(np.full(len(owners), 1 + ("primary", "metastasis", "comorbidity").index(word)))
        if word == "primary":
            extent.append(made.random.choice(4, len(owners), p=[0.25, 0.35, 0.15, 0.25]))
        else:
            extent.append(np.zeros(len(owners), np.int64))
    whole = np.concatenate(patient)
    order = np.argsort(whole, kind="stable")
    names = np.concatenate(name)[order]
    rows = len(whole)
    return _table(
        "conditions",
        made,
        whole[order],
        raw=_coded(raws, names),
        concepts=_coded(concepts, names),
        histologies=_coded(histologies, names),
        kind=_coded([None, "primary", "metastasis", "comorbidity"], np.concatenate(kind)[order]),
        extent=_coded([None, "localized", "locally advanced", "metastatic"], np.concatenate(extent)[order]),
        status=_coded(
            [None, "present", "resolved", "suspected"], made.random.choice(4, rows, p=[0.7, 0.25, 0.03, 0.02])
        ),
        date=made.days(rows, 700),
        recorded=_recorded(rows),
    )


def _treatments(made: _Maker) -> Table:
    patient = made.owners(4.4, 9)
    rows = len(patient)
    shares = {**DRUGS, **{name: 8 * share for name, share in PROCEDURES.items()}}
    raws, concepts = _named(shares, (Domain.DRUG, Domain.PROCEDURE))
    name = 1 + made.pick(shares, rows)
    drug = name <= len(DRUGS)
    lo, hi = made.days(rows, 500)
    long = made.random.exponential(110, rows).astype(np.int32)
    ended = made.chance(rows, 0.75) & (hi + long < _TODAY)
    end = np.where(ended, hi + long, 0).astype(np.int32)
    response = made.random.choice(5, rows, p=[0.45, 0.2, 0.12, 0.05, 0.18])
    return _table(
        "treatments",
        made,
        patient,
        raw=_coded(raws, name),
        concepts=_coded(concepts, name),
        kind=_coded(
            [None, "drug", "surgery", "radiotherapy"], np.where(drug, 1, np.where(name == len(DRUGS) + 1, 2, 3))
        ),
        setting=_coded(
            [None, "advanced", "adjuvant", "neoadjuvant"], made.random.choice(4, rows, p=[0.4, 0.4, 0.1, 0.1])
        ),
        response=_coded(
            [None, "progressive disease", "partial response", "complete response", "stable disease"], response
        ),
        stop_reason=_coded(
            [None, "progression", "toxicity", "completed"], made.random.choice(4, rows, p=[0.5, 0.2, 0.1, 0.2])
        ),
        status=_coded([None, "given", "planned"], made.random.choice(3, rows, p=[0.6, 0.39, 0.01])),
        ongoing=np.where(ended, -1, np.where(made.chance(rows, 0.5), 1, -1)).astype(np.int8),
        start=(lo, hi),
        end=(end, end),
        recorded=_recorded(rows),
    )


def _medications(made: _Maker) -> Table:
    patient = made.owners(3.3, 8)
    rows = len(patient)
    raws, concepts = _named(MEDICINES, (Domain.DRUG,))
    name = 1 + made.pick(MEDICINES, rows)
    lo, hi = made.days(rows, 300)
    ended = made.chance(rows, 0.4)
    end = np.where(ended, np.minimum(hi + made.random.integers(5, 200, rows), _TODAY), 0).astype(np.int32)
    return _table(
        "medications",
        made,
        patient,
        raw=_coded(raws, name),
        concepts=_coded(concepts, name),
        route=_coded([None, "oral", "intravenous", "inhaled"], made.random.choice(4, rows, p=[0.3, 0.55, 0.1, 0.05])),
        dose=np.round(made.random.gamma(2, 10, rows)),
        dose_unit=_coded([None, "mg"], np.ones(rows, np.int64)),
        frequency=_coded([None, "daily", "bid"], made.random.choice(3, rows, p=[0.3, 0.5, 0.2])),
        ongoing=np.where(ended, -1, np.where(made.chance(rows, 0.7), 1, -1)).astype(np.int8),
        start=(lo, hi),
        end=(end, end),
        recorded=_recorded(rows),
    )


def _observations(made: _Maker) -> Table:
    patient = made.owners(10.9, 28)
    rows = len(patient)
    names = list(TESTS)
    test = made.random.integers(0, len(names), rows)
    middle, spread = (np.array([TESTS[name][i] for name in names])[test] for i in (1, 2))
    value = np.maximum(np.round(made.random.normal(middle, spread), 1), 0.1)
    ecog = test == names.index("ecog")
    value[ecog] = np.clip(np.round(value[ecog]), 0, 4)
    upper, lower = (np.array([TESTS[name][i] for name in names])[test] for i in (4, 3))
    limited = made.chance(rows, 0.6) & (upper > 0)
    return _table(
        "observations",
        made,
        patient,
        test=_coded([None, *names], test + 1),
        unit=_coded([None, *(TESTS[n][0] for n in names)], test + 1),
        low=value,
        high=value.copy(),
        ref_low=np.where(limited, lower, np.nan),
        ref_high=np.where(limited, upper, np.nan),
        date=made.days(rows, 45),
        recorded=_recorded(rows),
    )


def _biomarkers(made: _Maker) -> Table:
    patient = made.owners(2.4, 8)
    rows = len(patient)
    raws, genes = _named(GENES, (Domain.GENE,))
    name = 1 + made.pick(GENES, rows)
    return _table(
        "biomarkers",
        made,
        patient,
        raw=_coded(raws, name),
        genes=_coded(genes, name),
        alteration=_coded(
            [None, "mutation", "fusion", "amplification"], made.random.choice(4, rows, p=[0.05, 0.6, 0.25, 0.1])
        ),
        result=_coded([None, "positive", "negative"], made.random.choice(3, rows, p=[0.05, 0.25, 0.7])),
        origin=_coded([None, "somatic", "germline"], made.random.choice(3, rows, p=[0.3, 0.55, 0.15])),
        assay=_coded([None, "NGS panel"], made.random.choice(2, rows, p=[0.4, 0.6])),
        date=made.days(rows, 400),
        recorded=_recorded(rows),
    )


def _events(made: _Maker) -> Table:
    patient = made.owners(1.0, 5)
    rows = len(patient)
    return _table(
        "disease_status",
        made,
        patient,
        status=_coded(
            [None, "progression", "distant metastasis", "stable", "response", "no evidence of disease"],
            made.random.choice(6, rows, p=[0.02, 0.45, 0.13, 0.2, 0.1, 0.1]),
        ),
        date=made.days(rows, 350),
        recorded=_recorded(rows),
    )


def _coverage(made: _Maker) -> Table:
    parts = [
        (np.flatnonzero(made.chance(made.patients, share)).astype(np.int32), number)
        for number, share in enumerate((0.6, 0.5, 0.4, 0.3), 1)
    ]
    whole = np.concatenate([patient for patient, _ in parts])
    order = np.argsort(whole, kind="stable")
    number = np.concatenate([np.full(len(patient), n) for patient, n in parts])[order]
    rows = len(whole)
    through = np.where(made.chance(rows, 0.7), _TODAY - made.random.integers(0, 60, rows), 0).astype(np.int32)
    return _table(
        "coverage",
        made,
        whole[order],
        domain=_coded([None, "treatments", "medications", "conditions", "disease_status"], number),
        scope=_coded([None, "kind:drug", "all"], np.where(number == 1, 1, 2)),
        complete_through=through,
        recorded=_recorded(rows),
    )


def facts(columns: Columns) -> int:
    """How many facts columns hold."""
    return sum(table.rows for name, table in columns.tables.items() if name not in ("coverage", "answers"))
