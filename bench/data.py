"""A made-up registry of any size, written as the canonical CSV files, the same bytes for the same seed.

It has the shape of a cancer registry: one primary tumour per patient, and the other facts spread unevenly over the
patients. One cell in ten that may be blank is blank, one date in ten is partial, one name in two hundred stands in no
vocabulary; every row can be kept. All of it is anchored to a fixed day, so that the files never change.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from random import Random

#: The day on which the registry was closed; no date in it is later.
CLOSED = date(2026, 1, 15)
SEED = 20260115

#: Rows of each file in a registry of 100,000, of which other sizes are a multiple. Observations take what rounding
#: and the two registry-wide files leave.
SHARES: Mapping[str, int] = {
    "patients": 20_000,
    "conditions": 24_000,
    "treatments": 12_000,
    "medications": 6_000,
    "observations": 26_000,
    "biomarkers": 5_000,
    "disease_status": 4_000,
    "coverage": 3_000,
}
#: The fewest rows that give every file some.
LEAST_ROWS = 1_000

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "patients": (
        "patient_id", "birth_date", "sex", "deceased", "death_date", "country", "postal_code", "data_through",
    ),
    "conditions": (
        "patient_id", "condition", "record_id", "kind", "body_site", "extent", "grade", "basis", "status", "date",
    ),
    "treatments": (
        "patient_id", "treatment", "record_id", "kind", "intent", "setting", "line", "start_date", "end_date",
        "response", "stop_reason", "cycles",
    ),
    "medications": (
        "patient_id", "medication", "record_id", "start_date", "end_date", "ongoing", "dose", "dose_unit", "route",
    ),
    "observations": (
        "patient_id", "test", "value", "record_id", "unit", "date", "ref_low", "ref_high", "method", "specimen",
    ),
    "biomarkers": (
        "patient_id", "gene", "record_id", "alteration", "variant", "result", "origin", "assay", "date",
    ),
    "disease_status": ("patient_id", "status", "record_id", "date", "basis"),
    "coverage": ("patient_id", "domain", "scope", "complete_through"),
    "policy": ("domain", "scope", "policy", "currency_days"),
    "ranges": ("test", "unit", "sex", "low", "high", "laboratory"),
}  # fmt: skip

#: Columns that hold dates, in any file.
DATE_COLUMNS = frozenset({"birth_date", "death_date", "data_through", "date", "start_date", "end_date",
                          "complete_through"})  # fmt: skip

Row = dict[str, str]

_PRIMARIES = (
    ("leiomyosarcoma", "uterus"), ("leiomyosarcoma", "retroperitoneum"), ("leiomyosarcoma", "thigh"),
    ("dedifferentiated liposarcoma", "retroperitoneum"), ("myxoid liposarcoma", "thigh"),
    ("synovial sarcoma", "lower limb"), ("undifferentiated pleomorphic sarcoma", "thigh"), ("angiosarcoma", "breast"),
    ("osteosarcoma", "femur"), ("Ewing sarcoma", "pelvis"), ("gastrointestinal stromal tumor", "stomach"),
    ("lung adenocarcinoma", "lung"), ("colon adenocarcinoma", "colon"), ("melanoma", "skin"),
)  # fmt: skip
_METASTASES = ("lung", "liver", "bone", "brain", "peritoneum")
_ILLNESSES = ("hypertension", "type 2 diabetes mellitus", "atrial fibrillation", "asthma", "hypothyroidism")
_DRUGS = (
    "doxorubicin", "Adriamycin", "gemcitabine", "docetaxel", "gemcitabine/docetaxel", "pazopanib", "Votrient",
    "trabectedin", "Yondelis", "ifosfamide", "dacarbazine", "eribulin", "pembrolizumab", "regorafenib", "carboplatin",
)  # fmt: skip
_MEDICATIONS = (
    ("metformin", 1000, "mg"), ("amlodipine", 5, "mg"), ("pantoprazole", 40, "mg"), ("dexamethasone", 4, "mg"),
    ("apixaban", 5, "mg"), ("levothyroxine", 75, "ug"), ("ondansetron", 8, "mg"),
)  # fmt: skip
#: Test, unit, usual values, limits of normal, digits.
_TESTS = (
    ("ecog", "", (0, 3), None, 0),
    ("hemoglobin", "g/dL", (9.0, 15.0), (12.0, 16.0), 1),
    ("platelets", "10*9/L", (110, 420), (150, 400), 0),
    ("neutrophils", "K/uL", (1.2, 8.0), (1.8, 7.5), 1),
    ("creatinine", "umol/L", (50, 140), (45, 104), 0),
    ("creatinine", "mg/dL", (0.5, 1.6), (0.5, 1.2), 2),
    ("bilirubin", "mg/dL", (0.2, 1.9), (0.2, 1.2), 1),
    ("AST", "U/L", (12, 90), (10, 40), 0),
    ("ALT", "U/L", (10, 95), (7, 45), 0),
    ("albumin", "g/L", (28, 48), (35, 52), 0),
    ("LVEF", "%", (45, 68), None, 0),
    ("weight", "kg", (48, 104), None, 1),
)
_GENES = (
    ("NTRK1", "fusion"), ("NTRK3", "fusion"), ("BRCA1", "mutation"), ("BRCA2", "mutation"), ("TP53", "mutation"),
    ("RB1", "deletion"), ("MDM2", "amplification"), ("KRAS", "mutation"), ("EGFR", "mutation"),
)  # fmt: skip
_STATUSES = ("progression", "PD", "stable disease", "partial response", "local recurrence", "no evidence of disease")
_UNMAPPED = ("tumour board item 7", "study drug K", "siehe Brief", "panel B, line 3")


@dataclass(frozen=True, slots=True)
class _Person:
    """What the facts of a patient must agree with: born, diagnosed and last seen in this order."""

    id: str
    born: date
    diagnosed: date
    seen: date


def rows_of_files(rows: int) -> dict[str, int]:
    """How many rows each file gets, together exactly `rows`. Raises ValueError below LEAST_ROWS."""
    if rows < LEAST_ROWS:
        raise ValueError(f"{rows} rows are too few to give every file some: take {LEAST_ROWS:,} or more")
    counts = {kind: share * rows // 100_000 for kind, share in SHARES.items()}
    counts |= {"policy": len(_policies()), "ranges": len(_ranges())}
    counts["observations"] += rows - sum(counts.values())
    return counts


def write_registry(folder: Path, *, rows: int = 100_000, seed: int = SEED) -> dict[str, int]:
    """Write the canonical files of a registry into a folder, which is made; returns the rows of each, `rows` in all.

    Raises ValueError for too few rows, OSError where the folder cannot be written.
    """
    counts = rows_of_files(rows)
    folder.mkdir(parents=True, exist_ok=True)
    people = _people(counts["patients"], seed)
    for kind, number in counts.items():
        with (folder / f"{kind}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS[kind], restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(_rows(kind, number, people, Random(f"{seed} {kind}")))
    return counts


def write_part(source: Path, target: Path, *, observations: int) -> int:
    """Copy the first observations of a registry, and the patients they are of; returns how many patients.

    Both files can then be read by themselves.
    """
    target.mkdir(parents=True, exist_ok=True)
    with (source / "observations.csv").open(newline="", encoding="utf-8") as file:
        taken = list(islice(csv.DictReader(file), observations))
    named = {row["patient_id"] for row in taken}
    with (source / "patients.csv").open(newline="", encoding="utf-8") as file:
        people = [row for row in csv.DictReader(file) if row["patient_id"] in named]
    for kind, rows in (("patients", people), ("observations", taken)):
        with (target / f"{kind}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS[kind], lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    return len(people)


def _people(number: int, seed: int) -> list[_Person]:
    rng = Random(f"{seed} people")
    found = []
    for i in range(number):
        seen = CLOSED - timedelta(days=rng.randint(0, 100))
        diagnosed = seen - timedelta(days=rng.randint(60, 2600))
        born = diagnosed - timedelta(days=rng.randint(18 * 366, 85 * 365))
        found.append(_Person(f"B-{i + 1:07}", born, diagnosed, seen))
    return found


def _rows(kind: str, number: int, people: Sequence[_Person], rng: Random) -> Iterator[Row]:
    match kind:
        case "policy":
            yield from _policies()
        case "ranges":
            yield from _ranges()
        case "patients":
            yield from (_patient(person, rng) for person in people)
        case "conditions":
            owners = sorted([*range(len(people)), *_uneven(number - len(people), len(people), rng)])
            previous = -1
            for i, owner in enumerate(owners):
                row = _condition(people[owner], rng, primary=owner != previous)
                previous = owner
                yield _numbered(row, "C", i)
        case "coverage":
            # One row each: a second statement about one domain would correct the first.
            for owner in sorted(rng.sample(range(len(people)), number)):
                yield _coverage(people[owner], rng)
        case _:
            write, letter = _WRITERS[kind]
            for i, owner in enumerate(_uneven(number, len(people), rng)):
                yield _numbered(write(people[owner], rng), letter, i)


def _uneven(number: int, people: int, rng: Random) -> list[int]:
    """Whose the rows are, in order: a few patients have many, many have few."""
    return sorted(int(people * rng.random() ** 1.7) for _ in range(number))


def _numbered(row: Row, letter: str, i: int) -> Row:
    return {**row, "record_id": f"{letter}{i + 1:07}"}


def _day(first: date, last: date, rng: Random) -> date:
    return first + timedelta(days=rng.randint(0, max(0, (last - first).days)))


def _written(day: date, rng: Random) -> str:
    """A date as a source writes it: one in twenty without its day, one in twenty the year only."""
    chance = rng.random()
    return day.isoformat()[: 7 if chance < 0.05 else 4 if chance < 0.1 else 10]


def _maybe(text: object, rng: Random) -> str:
    return "" if rng.random() < 0.1 else str(text)


def _name(name: str, rng: Random) -> str:
    return rng.choice(_UNMAPPED) if rng.random() < 0.005 else name


def _patient(person: _Person, rng: Random) -> Row:
    row = {
        "patient_id": person.id, "birth_date": _maybe(_written(person.born, rng), rng), "sex": rng.choice("fm"),
        "deceased": "no", "country": "FR", "postal_code": f"{rng.randint(1, 95):02}000",
        "data_through": person.seen.isoformat(),
    }  # fmt: skip
    if rng.random() < 0.15:
        row |= {"deceased": "yes", "death_date": person.seen.isoformat()}
    return row


def _condition(person: _Person, rng: Random, *, primary: bool) -> Row:
    if primary:
        name, site = rng.choice(_PRIMARIES)
        return {
            "patient_id": person.id, "condition": _name(name, rng), "kind": "primary", "body_site": _maybe(site, rng),
            "extent": _maybe(rng.choice(("localized", "locally advanced", "metastatic")), rng),
            "basis": _maybe("histology", rng), "date": _written(person.diagnosed, rng),
        }  # fmt: skip
    day = _written(_day(person.diagnosed, person.seen, rng), rng)
    if rng.random() < 0.5:
        site = rng.choice(_METASTASES)
        return {
            "patient_id": person.id, "condition": f"{site} metastasis", "kind": "metastasis", "body_site": site,
            "basis": _maybe("imaging", rng), "date": day,
        }  # fmt: skip
    return {
        "patient_id": person.id, "condition": _name(rng.choice(_ILLNESSES), rng), "kind": "comorbidity",
        "status": rng.choice(("present", "active", "resolved")), "date": _maybe(day, rng),
    }  # fmt: skip


def _treatment(person: _Person, rng: Random) -> Row:
    start = _day(person.diagnosed, person.seen, rng)
    end = _day(start, min(person.seen, start + timedelta(days=300)), rng)
    setting = rng.choice(("neoadjuvant", "adjuvant", "advanced", "advanced"))
    return {
        "patient_id": person.id, "treatment": _name(rng.choice(_DRUGS), rng), "kind": "drug",
        "intent": _maybe("palliative" if setting == "advanced" else "curative", rng), "setting": _maybe(setting, rng),
        "line": _maybe(rng.randint(1, 4), rng) if setting == "advanced" else "",
        "start_date": start.isoformat(), "end_date": _maybe(end.isoformat(), rng),
        "response": _maybe(rng.choice(("PD", "stable disease", "PR", "CR")), rng),
        "stop_reason": _maybe(rng.choice(("progression", "toxicity", "completed")), rng),
        "cycles": _maybe(rng.randint(1, 8), rng),
    }  # fmt: skip


def _medication(person: _Person, rng: Random) -> Row:
    name, dose, unit = rng.choice(_MEDICATIONS)
    ongoing = rng.random() < 0.5
    start = _day(person.diagnosed, person.seen, rng)
    return {
        "patient_id": person.id, "medication": _name(name, rng), "start_date": start.isoformat(),
        "end_date": "" if ongoing else _day(start, person.seen, rng).isoformat(), "ongoing": "yes" if ongoing else "no",
        "dose": str(dose), "dose_unit": unit, "route": _maybe("oral", rng),
    }  # fmt: skip


def _observation(person: _Person, rng: Random) -> Row:
    test, unit, (low, high), limits, digits = rng.choice(_TESTS)
    value = f"{rng.uniform(low, high):.{digits}f}"
    row = {
        "patient_id": person.id, "test": _name(test, rng), "value": value, "unit": unit,
        "date": _written(_day(person.diagnosed, person.seen, rng), rng), "specimen": "blood" if limits else "",
    }  # fmt: skip
    if limits is not None and rng.random() < 0.7:
        row |= {"ref_low": f"{limits[0]}", "ref_high": f"{limits[1]}"}
    return row


def _biomarker(person: _Person, rng: Random) -> Row:
    gene, alteration = rng.choice(_GENES)
    return {
        "patient_id": person.id, "gene": gene, "alteration": alteration,
        "result": rng.choice(("negative", "negative", "not detected", "positive")),
        "origin": rng.choice(("somatic", "germline")) if alteration == "mutation" else "",
        "assay": _maybe("NGS panel", rng), "date": _written(_day(person.diagnosed, person.seen, rng), rng),
    }  # fmt: skip


def _status(person: _Person, rng: Random) -> Row:
    return {
        "patient_id": person.id, "status": rng.choice(_STATUSES),
        "date": _written(_day(person.diagnosed, person.seen, rng), rng), "basis": _maybe("imaging", rng),
    }  # fmt: skip


def _coverage(person: _Person, rng: Random) -> Row:
    return {
        "patient_id": person.id, "domain": rng.choice(("conditions", "treatments", "medications")), "scope": "all",
        "complete_through": person.seen.isoformat(),
    }  # fmt: skip


_WRITERS: Mapping[str, tuple[Callable[[_Person, Random], Row], str]] = {
    "treatments": (_treatment, "T"),
    "medications": (_medication, "M"),
    "observations": (_observation, "O"),
    "biomarkers": (_biomarker, "B"),
    "disease_status": (_status, "S"),
}


def _policies() -> list[Row]:
    return [
        {"domain": "treatments", "scope": "kind:drug", "policy": "complete when present"},
        {"domain": "medications", "scope": "all", "policy": "open"},
    ]


def _ranges() -> list[Row]:
    # One for each test, in the unit that stands first: a second in another unit would contradict it.
    first = {test: (unit, limits) for test, unit, _, limits, _ in reversed(_TESTS) if limits is not None}
    return [
        {"test": test, "unit": unit, "low": f"{low}", "high": f"{high}", "laboratory": "central"}
        for test, (unit, (low, high)) in reversed(first.items())
    ]
