"""From a row of named columns to a frozen fact: one reading, whether the row came from a table or from a document.

A row is any mapping that answers for every column of its kind, with None where nothing was recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any

from patients.facts.dates import PartialDate
from patients.facts.records import (
    Biomarker,
    Condition,
    Coverage,
    DiseaseStatus,
    Medication,
    Observation,
    Source,
    Treatment,
)

Row = Mapping[str, Any]

#: Tells the day on which a row was recorded.
Recorded = Callable[[Row], date | None]

#: The column `naming` of a fact whose source gave it no name at all.
UNNAMED = "unnamed"


def _partial(row: Row, name: str) -> PartialDate | None:
    first, last = row[f"{name}_first"], row[f"{name}_last"]
    return PartialDate(first, last) if first is not None else None


def _source(row: Row) -> Source:
    return Source(file=row["file"], row=row["row"], upload=row["upload_id"], note=row["note"])


def lives_and_died(said: Iterable[tuple[bool | None, date | None]]) -> bool:
    """Whether what rows say contradicts itself: some call the patient alive, and some dead or give a date of death.

    Of each row `deceased` and the first possible day of death. One row may say both.
    """
    said = list(said)
    died = any(deceased or death is not None for deceased, death in said)
    return died and any(deceased is False for deceased, _ in said)


def person(rows: list[Row]) -> dict[str, Any]:
    """The fields of the person, from one details row or from several that contradict each other."""
    if not rows:
        return {}
    deceased = {row["deceased"] for row in rows if row["deceased"] is not None}
    deaths = [death for row in rows if (death := _partial(row, "death")) is not None]
    conflict = lives_and_died((row["deceased"], row["death_first"]) for row in rows)
    countries = {row["country"] for row in rows if row["country"]}
    postal_codes = {row["postal_code"] for row in rows if row["postal_code"]}
    return {
        "births": tuple(dict.fromkeys(birth for row in rows if (birth := _partial(row, "birth")) is not None)),
        "sexes": tuple(dict.fromkeys(row["sex"] for row in rows if row["sex"])),
        "deceased": None if conflict or not deceased else deceased.pop(),
        # Two dates of death: one of the days between them. One that is denied stays, for before it nothing is in doubt.
        "death": PartialDate(min(d.first for d in deaths), max(d.last for d in deaths)) if deaths else None,
        "vital_conflict": conflict,
        "country": countries.pop() if len(countries) == 1 else None,
        "postal_code": postal_codes.pop() if len(postal_codes) == 1 else None,
        # Of two, the earlier promises less.
        "data_through": min((row["data_through"] for row in rows if row["data_through"]), default=None),
        "source": _source(rows[-1]),
    }


def _fact(kind: str, row: Row, recorded: Recorded) -> dict[str, Any]:
    return {
        "id": f"{kind}:{row['id']}",
        "raw": row["name"],
        "source": _source(row),
        "recorded": recorded(row),
    }


def _texts(row: Row, *names: str) -> dict[str, Any]:
    return {name: row[name] or None for name in names}


def _lists(row: Row, *names: str) -> dict[str, Any]:
    return {name: tuple(row[name] or ()) for name in names}


def _same(row: Row, *names: str) -> dict[str, Any]:
    return {name: row[name] for name in names}


def condition(row: Row, recorded: Recorded) -> Condition:
    return Condition(
        **_fact("condition", row, recorded),
        **_lists(row, "concepts", "histologies", "sites", "agents", "states", "due_to"),
        **_texts(row, "kind", "diagnosis_id", "laterality", "stage", "t", "n", "m", "extent", "tumour_grade"),
        **_texts(row, "basis", "status"),
        **_same(row, "grade", "baseline_grade"),
        named=row["naming"] != UNNAMED,
        state_since=_partial(row, "state_since"),
        date=_partial(row, "date"),
        end=_partial(row, "end"),
    )


def treatment(row: Row, recorded: Recorded) -> Treatment:
    return Treatment(
        **_fact("treatment", row, recorded),
        **_lists(row, "concepts", "sites"),
        **_texts(row, "kind", "diagnosis", "regimen", "intent", "setting", "status", "response", "stop_reason"),
        **_texts(row, "dose_unit", "cumulative_dose_unit", "schedule", "technique"),
        **_same(row, "line", "ongoing", "dose", "cumulative_dose", "relative_dose", "cycles", "on_trial"),
        named=row["naming"] != UNNAMED,
        start=_partial(row, "start"),
        end=_partial(row, "end"),
    )


def medication(row: Row, recorded: Recorded) -> Medication:
    return Medication(
        **_fact("medication", row, recorded),
        **_lists(row, "concepts", "indications"),
        **_texts(row, "dose_unit", "frequency", "route"),
        **_same(row, "ongoing", "dose", "indication_text"),
        named=row["naming"] != UNNAMED,
        start=_partial(row, "start"),
        end=_partial(row, "end"),
    )


def observation(row: Row, recorded: Recorded) -> Observation:
    return Observation(
        **_fact("observation", row, recorded),
        **_texts(row, "test", "code", "unit", "method", "specimen", "laboratory"),
        **_same(row, "low", "high", "low_open", "high_open", "shown", "ref_low", "ref_high"),
        date=_partial(row, "date"),
    )


def biomarker(row: Row, recorded: Recorded) -> Biomarker:
    return Biomarker(
        **_fact("biomarker", row, recorded),
        **_lists(row, "genes"),
        **_texts(row, "partner", "alteration", "variant", "exon", "variant_class", "unit", "scale", "result"),
        **_texts(row, "significance", "origin", "zygosity", "specimen", "assay", "laboratory"),
        **_same(row, "low", "high", "low_open", "high_open", "shown"),
        named=row["naming"] != UNNAMED,
        date=_partial(row, "date"),
    )


def disease_status(row: Row, recorded: Recorded) -> DiseaseStatus:
    return DiseaseStatus(
        **_fact("disease_status", row, recorded),
        **_lists(row, "sites"),
        **_texts(row, "status", "basis", "diagnosis"),
        date=_partial(row, "date"),
    )


def coverage(row: Row, recorded: Recorded) -> Coverage:
    return Coverage(**_fact("coverage", row, recorded), **_same(row, "domain", "scope", "complete_through"))
