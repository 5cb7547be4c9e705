"""The registry of the demo: patients as a sarcoma centre would really have them, made up from a seed.

A demo with clean data would show nothing. So the rows hold gaps, brands and misspellings, two spellings of one word,
partial and impossible dates, contradictions, the dead, and a few rows that an import must refuse. Dates are counted
back from a given day, so that the demo is as fresh in a year as it is now.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from random import Random

from matcher.demo import stories
from matcher.demo.chart import COLUMNS, Cell, Chart, Row, empty_tables, make_row
from matcher.demo.course import write_patient
from matcher.demo.diseases import DISEASES
from matcher.demo.workup import ASSAYS, CENTRAL, OUTSIDE

#: Another seed makes another registry; this one is what the tutorial describes.
SEED = 20260115

Tables = Mapping[str, list[Row]]


def build(today: date, *, seed: int = SEED) -> Tables:
    """The rows of each file as they are on that day. The same day and seed give the same rows."""
    tables = empty_tables()
    for chart in (*stories.charts(today, Random(f"{seed} stories")), *_drawn(today, seed)):
        for name, rows in chart.tables.items():
            tables[name] += rows
    _flaw(tables, today)
    tables["policy"] = [
        make_row("policy", {"domain": "medications", "scope": "all", "policy": "complete when present"}),
        make_row(
            "policy", {"domain": "treatments", "scope": "kind:surgery", "policy": "open", "currency_days": 90}
        ),
    ]  # fmt: skip
    tables["ranges"] = _ranges()
    return tables


def write(folder: Path, *, today: date, seed: int = SEED) -> dict[str, int]:
    """Write the registry as canonical CSV files into a folder, which is made; returns how many rows each file has.

    Raises OSError where the folder cannot be written.
    """
    tables = build(today, seed=seed)
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=COLUMNS[name], lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    return {name: len(rows) for name, rows in tables.items()}


def _drawn(today: date, seed: int) -> list[Chart]:
    """The patients who are drawn by chance, each from a seed of their own, so that one more changes no other."""
    charts = []
    diseases = [disease for disease in DISEASES for _ in range(disease.count)]
    Random(f"{seed} order").shuffle(diseases)
    for number, disease in enumerate(diseases, start=101):
        chart = Chart(f"P-{number:04}", today)
        write_patient(chart, Random(f"{seed} {chart.patient_id}"), disease)
        charts.append(chart)
    return charts


def _ranges() -> list[Row]:
    """The normal ranges of the two laboratories, and one row whose unit is none of its test."""
    rows = [
        make_row("ranges", {"test": assay.test, "unit": assay.unit, "low": assay.low, "high": assay.high,
                            "laboratory": laboratory})
        for assay in ASSAYS.values() for laboratory in (CENTRAL, OUTSIDE)
    ]  # fmt: skip
    rows.append(make_row("ranges", {"test": "hemoglobin", "unit": "mmHg", "low": 12, "high": 16}))
    return rows


def _flaw(tables: dict[str, list[Row]], today: date) -> None:
    """Add what an import has to refuse or to doubt, to patients who have enough without it."""

    def add(file: str, number: int, **cells: Cell) -> None:
        tables[file].append(make_row(file, {"patient_id": f"P-{number:04}", **cells}))

    at = Chart("P-0000", today)
    # Rows that cannot be kept: a value no scale has, a patient no file knows, a domain that is none, no patient at all.
    add("observations", 107, test="ecog", value=7, date=at.day(6))
    add("observations", 114, test="ecog", value="1.5", date=at.day(3))
    add("observations", 121, test="hemoglobin", value=128, unit="g/dL", date=at.day(4))
    add("disease_status", 9001, record_id="P-9001-X1", status="progression", date=at.day(4))
    add("coverage", 128, domain="everything", scope="all", complete_through=at.day(5))
    tables["disease_status"].append(make_row("disease_status", {"patient_id": "", "status": "stable"}))
    # Values that cannot be used; their rows are kept.
    add("conditions", 135, record_id="P-0135-X1", condition="hypertension", kind="comorbidity",
        date=f"{today.year - 1}-02-31")  # fmt: skip
    add("treatments", 142, record_id="P-0142-X1", treatment="pantoprazole", kind="drug", start_date=at.day(40),
        end_date=at.day(400))  # fmt: skip
    add("observations", 149, test="bilirubin", value=0.8, unit="mg/kg", date=at.day(5))
    add("observations", 156, test="creatinine", value="not done", unit="umol/L", date=at.day(5))
    add("observations", 163, test="platelets", value=230, unit="", date=at.day(5))
    add("medications", 170, record_id="P-0170-X1", medication="amlodipine", start_date=at.day(300),
        end_date=at.day(100), ongoing="yes")  # fmt: skip
    add("biomarkers", 177, record_id="P-0177-X1", gene="NTRK3", alteration="fusion", result="negative",
        assay="in-house test 4", date=at.day(200))  # fmt: skip
    # Words that no list has, names that no vocabulary has, and dates that have not come.
    add("conditions", 184, record_id="P-0184-X1", condition="Leiomyosarkom", kind="primary", body_site="somewhere")
    add("conditions", 191, record_id="P-0191-X1", condition="hypertension", kind="comorbidity", status="well")
    add("treatments", 198, record_id="P-0198-X1", treatment="trabectedin", kind="drug", setting="advanced",
        start_date=at.day(-20), status="planned")  # fmt: skip
    add("observations", 205, test="ecog", value=0, date=at.day(-12))
    add("observations", 212, test="tumour burden", value="moderate", date=at.day(30))
    add("disease_status", 219, record_id="P-0219-X1", status="looks worse", date=at.day(30))
    # Bounds instead of values, a value without a day, and the same row twice.
    add("observations", 226, test="bilirubin", value="<0.2", unit="mg/dL", date=at.day(2), ref_high="1.2")
    add("observations", 230, test="creatinine_clearance", value=">60", unit="mL/min", date=at.day(2))
    add("observations", 233, test="ecog", value=1)
    add("observations", 233, test="weight", value=71, unit="kg", date=at.day(9))
    add("observations", 233, test="weight", value=71, unit="kg", date=at.day(9))
