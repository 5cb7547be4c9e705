"""Reads one patient from canonical rows held in memory: a document's test patient, a request's, a spec test's.

The rows go through the same columns and the same resolving as an upload; only the table is left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from patients.facts import DEFAULT_POLICIES, Answer, Patient, Policy, ReferenceRange, Source, read_code
from patients.facts import rows as reading_rows
from patients.intake.drafts import Draft
from patients.intake.kinds import KINDS, Context, read
from patients.intake.problems import Problem
from patients.intake.reading import Reading
from patients.vocabulary import Vocabulary, default

_PATIENT_FIELDS = ("birth_date", "sex", "deceased", "death_date", "country", "postal_code", "data_through")

_MAKERS = {
    "conditions": reading_rows.condition,
    "treatments": reading_rows.treatment,
    "medications": reading_rows.medication,
    "observations": reading_rows.observation,
    "biomarkers": reading_rows.biomarker,
    "disease_status": reading_rows.disease_status,
    "coverage": reading_rows.coverage,
}


class UnreadablePatient(ValueError):
    """Rows of a patient that cannot be read; the message names file, row, column and remedy of each problem."""


def read_patient(
    data: Mapping[str, Any],
    *,
    today: date,
    vocabulary: Vocabulary | None = None,
    document: str = "",
    version: int = 0,
    problems: list[Problem] | None = None,
) -> Patient:
    """A patient from `{birth_date, sex, …, conditions: [row, …], …, coverage: […], answers: […]}`.

    Rows hold the columns of the canonical files. `today` is the day on which they count as recorded. Problems of cells
    are appended to `problems`; without such a list an error among them raises UnreadablePatient.
    """
    known = {*_PATIENT_FIELDS, *_MAKERS, "answers", "policies", "ranges", "patient_id", "registry", "note"}
    unknown = set(data) - known
    if unknown:
        raise UnreadablePatient(f"unknown key {sorted(unknown)[0]!r}: known are {', '.join(sorted(known))}")
    context = Context(vocabulary or default(), {}, today)
    patient_id = str(data.get("patient_id", "P"))
    found: list[Problem] = []
    drafts: dict[str, list[tuple[int, int, Draft]]] = defaultdict(list)
    person_cells = {name: _text(data[name]) for name in _PATIENT_FIELDS if data.get(name) is not None}
    tables = {"patients": [person_cells], **{kind: data.get(kind) or [] for kind in _MAKERS}}
    for kind, table in tables.items():
        for number, row in enumerate(table, 1):
            cells = {"patient_id": patient_id, **{str(k): _text(v) for k, v in row.items() if v is not None}}
            strange = [name for name in cells if KINDS[kind].column(name) is None]
            if strange:
                raise UnreadablePatient(f"{kind} row {number}: there is no column {strange[0]!r}")
            reading = Reading(kind=kind, cells=cells, today=today)
            drafts[kind] += [(number, part, draft) for part, draft in enumerate(read(KINDS[kind], reading, context))]
            found.extend(reading.problems)
            if reading.rejected and problems is None:
                raise UnreadablePatient(f"{kind} row {number}: {_told(reading.problems)}")
    if problems is not None:
        problems.extend(found)
    person = reading_rows.person([_row(*draft, "patients.csv") for draft in drafts["patients"]])
    return Patient(
        registry=str(data.get("registry", "")),
        patient_id=patient_id,
        answers=tuple(
            _answer(row, number, today, document, version) for number, row in enumerate(data.get("answers") or [], 1)
        ),
        policies=_policies(data.get("policies")),
        ranges=tuple(ReferenceRange(**row) for row in data.get("ranges") or ()),
        **person,
        **{
            kind: tuple(make(_row(*draft, f"{kind}.csv"), lambda row: today) for draft in drafts[kind])
            for kind, make in _MAKERS.items()
        },
    )


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "|".join(map(_text, value)) if isinstance(value, Sequence) and not isinstance(value, str) else str(value)


def _told(problems: Sequence[Problem]) -> str:
    return "; ".join(
        f"{p.column}: {p.message} ({p.remedy})" if p.remedy else f"{p.column}: {p.message}" for p in problems
    )


def _row(number: int, part: int, draft: Draft, file: str) -> Mapping[str, Any]:
    """The columns of a draft. The drugs of a combination share their row: each has an id of its own."""
    row: dict[str, Any] = defaultdict(lambda: None)
    row.update(draft.values)
    row.update(
id=f"{number}.{part + 1}" if part else str(number),
        name=draft.name, naming=draft.naming, file=file, row=number, upload_id=None, note=draft.note,
    )  # fmt: skip
    for flag in ("low_open", "high_open"):
        row[flag] = bool(row[flag])
    row["shown"] = row["shown"] or ""
    row["indication_text"] = row["indication_text"] or ""
    return row


def _date(value: Any) -> date | None:
    return None if value is None else date.fromisoformat(str(value))


def _yes(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    code = read_code("yes_no", str(value))
    if code is None:
        raise UnreadablePatient(f"answers: {value!r} is neither yes nor no")
    return code == "yes"


def _policies(rows: Sequence[Mapping[str, Any]] | None) -> tuple[Policy, ...]:
    if rows is None:
        return DEFAULT_POLICIES
    return tuple(Policy(**row) for row in rows)


def _answer(row: Mapping[str, Any], number: int, today: date, document: str, version: int) -> Answer:
    return Answer(
        id=f"answer:{number}", document=document, version=version, criterion=str(row["criterion"]),
        question=str(row.get("question", "")), truth=_yes(row["truth"]), reason=str(row.get("reason", "")), by="test",
        on=_date(row.get("on")) or today, override=_yes(row.get("override", False)), source=Source(note="test"),
    )  # fmt: skip
