"""One made-up patient being written down: a chart takes facts in the words of a clinic and keeps them as CSV rows.

Every day is counted back from the registry's `today`, so the same seed gives the same patient whenever it is asked,
and the patient never grows stale.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

#: The files of a registry and their columns, in the order of the canonical layout.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "patients": (
        "patient_id", "birth_date", "sex", "deceased", "death_date", "country", "postal_code", "data_through",
    ),
    "conditions": (
        "patient_id", "condition", "record_id", "diagnosis_id", "kind", "morphology", "body_site", "stage", "extent",
        "grade", "basis", "status", "state", "state_since", "due_to", "date", "end_date",
    ),
    "treatments": (
        "patient_id", "treatment", "record_id", "diagnosis", "kind", "regimen", "intent", "setting", "line",
        "start_date", "end_date", "ongoing", "status", "response", "stop_reason", "dose", "dose_unit",
        "cumulative_dose", "cumulative_dose_unit", "cycles", "body_site", "on_trial",
    ),
    "medications": (
        "patient_id", "medication", "record_id", "start_date", "end_date", "ongoing", "dose", "dose_unit", "frequency",
        "route", "indication",
    ),
    "observations": ("patient_id", "test", "value", "unit", "date", "ref_low", "ref_high", "method", "laboratory"),
    "biomarkers": (
        "patient_id", "gene", "record_id", "partner_gene", "alteration", "variant", "value", "unit", "scale", "result",
        "significance", "origin", "specimen", "assay", "date",
    ),
    "disease_status": ("patient_id", "status", "record_id", "diagnosis", "date", "site", "basis"),
    "coverage": ("patient_id", "domain", "scope", "complete_through"),
    "policy": ("domain", "scope", "policy", "currency_days"),
    "ranges": ("test", "unit", "sex", "age_from", "age_to", "low", "high", "valid_from", "valid_to", "laboratory"),
}  # fmt: skip

Row = dict[str, str]
#: What a caller may put into a cell; None and "" are blank.
Cell = str | int | float | None


def empty_tables() -> dict[str, list[Row]]:
    """A registry without a row."""
    return {name: [] for name in COLUMNS}


def make_row(file: str, cells: Mapping[str, Cell]) -> Row:
    """A row with every column of its file; raises KeyError for a cell whose column the file does not have."""
    unknown = set(cells) - set(COLUMNS[file])
    if unknown:
        raise KeyError(f"{file}.csv has no column {sorted(unknown)[0]!r}")
    return {column: _text(cells.get(column)) for column in COLUMNS[file]}


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    return f"{cell:g}" if isinstance(cell, float) else str(cell)


@dataclass(slots=True)
class Chart:
    """The rows of one patient. Days are given as a number of days before today; a negative one has not come yet."""

    patient_id: str
    today: date
    tables: dict[str, list[Row]] = field(default_factory=empty_tables)

    def day(self, ago: int) -> str:
        """The date that many days ago, `YYYY-MM-DD`."""
        return (self.today - timedelta(days=ago)).isoformat()

    def month(self, ago: int) -> str:
        """The same without its day, as sources write what they remember less well."""
        return self.day(ago)[:7]

    def year(self, ago: int) -> str:
        """The same without day and month."""
        return self.day(ago)[:4]

    def add(self, file: str, **cells: Cell) -> None:
        """Write a row down; where the file has record ids and none is given, the next one of this patient."""
        if "record_id" in COLUMNS[file] and "record_id" not in cells:
            cells["record_id"] = f"{self.patient_id}-{file[0].upper()}{len(self.tables[file]) + 1}"
        self.tables[file].append(make_row(file, {"patient_id": self.patient_id, **cells}))

    def person(self, *, born: int | str | None, sex: str | None, seen: int | None = 5, **cells: Cell) -> None:
        """The patient's own row: born so many days ago (or a date as it is written), recorded up to `seen` days ago."""
        self.add(
            "patients",
            birth_date=self.day(born) if isinstance(born, int) else born,
            sex=sex,
            data_through=None if seen is None else self.day(seen),
            **{"country": "FR", **cells},
        )

    def primary(self, condition: str, *, site: str | None, extent: str | None, ago: int, **cells: Cell) -> None:
        """A primary tumour, by histology unless told otherwise."""
        self.add(
            "conditions",
            **{
                "condition": condition, "kind": "primary", "body_site": site, "extent": extent, "basis": "histology",
                "date": self.day(ago), **cells,
            },
        )  # fmt: skip

    def metastasis(self, organ: str, *, ago: int, **cells: Cell) -> None:
        """A metastasis seen on imaging."""
        self.add(
            "conditions",
            **{
                "condition": f"{organ} metastasis", "kind": "metastasis", "body_site": organ, "basis": "imaging",
                "date": self.day(ago), **cells,
            },
        )  # fmt: skip

    def illness(self, condition: str, *, kind: str = "comorbidity", ago: int | None = None, **cells: Cell) -> None:
        """A comorbidity, toxicity or allergy."""
        self.add(
            "conditions",
            **{
                "condition": condition, "kind": kind, "status": "present",
                "date": None if ago is None else self.day(ago), **cells,
            },
        )  # fmt: skip

    def drug(
        self, name: str, *, setting: str | None, line: int | None, start: int, end: int | None, **cells: Cell
    ) -> None:
        """A course of a drug or of a combination, from `start` to `end` days ago."""
        self.add(
            "treatments",
            **{
                "treatment": name, "kind": "drug", "setting": setting, "line": line, "start_date": self.day(start),
                "end_date": None if end is None else self.day(end), **cells,
            },
        )  # fmt: skip

    def treatment(self, name: str, *, kind: str, ago: int, end: int | None = None, **cells: Cell) -> None:
        """An operation (a single day) or a course of radiotherapy."""
        self.add(
            "treatments",
            **{
                "treatment": name, "kind": kind, "start_date": self.day(ago),
                "end_date": self.day(ago if end is None else end), **cells,
            },
        )  # fmt: skip

    def medication(self, name: str, *, start: int, end: int | None = None, **cells: Cell) -> None:
        """A co-medication, ongoing where it has no end."""
        self.add(
            "medications",
            **{
                "medication": name, "start_date": self.day(start), "end_date": None if end is None else self.day(end),
                "ongoing": "yes" if end is None else "no", "route": "oral", **cells,
            },
        )  # fmt: skip

    def seen(self, test: str, value: Cell, *, ago: int | None, unit: str = "", **cells: Cell) -> None:
        """An observation with its day."""
        self.add(
            "observations", test=test, value=value, unit=unit, date=None if ago is None else self.day(ago), **cells
        )

    def event(self, status: str, *, ago: int, **cells: Cell) -> None:
        """A course of the disease: progression, relapse, stable …"""
        self.add("disease_status", **{"status": status, "date": self.day(ago), "basis": "imaging", **cells})

    def marker(self, gene: str, *, alteration: str, result: str, ago: int, **cells: Cell) -> None:
        """A result of molecular pathology."""
        self.add("biomarkers", gene=gene, alteration=alteration, result=result, date=self.day(ago), **cells)

    def complete(self, *domains: str, ago: int, scope: str = "all") -> None:
        """The clinic's statement that it looked: these kinds of fact are complete until then. Said once, it holds."""
        said = {(row["domain"], row["scope"]) for row in self.tables["coverage"]}
        for domain in domains:
            if (domain, scope) not in said:
                self.add("coverage", domain=domain, scope=scope, complete_through=self.day(ago))
