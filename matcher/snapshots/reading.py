"""Facts from the database as columns, streamed: COPY in binary on PostgreSQL, plain rows anywhere else.

What a row says in words (names, codes, concepts) is read apart from its days and numbers: the distinct combinations of
words of a table are few, so each is read once and a row carries only the number of its combination. On PostgreSQL that
number is a digest made by the server, so a row is a record of fixed width that NumPy reads as it comes.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from django.db import connection
from django.db.models import Model
from numpy.typing import NDArray

from matcher.engine.bulk.columns import NO_DAY, SPECS, Coded, Columns, Spec, Table, coded, starts_of
from patients.facts import PartialDate, rows
from patients.models import (
    AnswerFact,
    BiomarkerFact,
    CompletenessSuspension,
    ConditionFact,
    CoverageFact,
    DiseaseStatusFact,
    MedicationFact,
    ObservationFact,
    PatientDetails,
    Registry,
    TreatmentFact,
)
from patients.selectors import Declared, known_at_filter, registry_patients

_MODELS: Mapping[str, type[Model]] = {
    "conditions": ConditionFact,
    "treatments": TreatmentFact,
    "medications": MedicationFact,
    "observations": ObservationFact,
    "biomarkers": BiomarkerFact,
    "disease_status": DiseaseStatusFact,
    "coverage": CoverageFact,
    "answers": AnswerFact,
}

#: Columns of facts that the tables name otherwise.
_NAMED_OTHERWISE = {"raw": "name", "on": "answered_on"}

#: Words in which an empty text is a value of its own, not a gap (`patients.facts.rows` keeps them as they are).
_KEPT_EMPTY = frozenset({"raw", "indication_text", "domain", "scope", "document", "criterion", "question"})


@dataclass(frozen=True, slots=True)
class Range:
    """The patients of a registry whose primary keys lie from `first` to `last`."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Keyed:
    """Columns with the primary key of each patient (int64, ascending)."""

    keys: NDArray[np.int64]
    columns: Columns


def read_columns(
    registry: Registry, *, known_at: datetime, within: Range | None = None, keys: Sequence[int] | None = None
) -> Keyed:
    """The columns of a registry's patients as known at an instant: of all, of a range, or of some primary keys."""
    found = registry_patients(registry, known_at=known_at)
    if within is not None:
        found = found.filter(pk__gte=within.first, pk__lte=within.last)
    if keys is not None:
        found = found.filter(pk__in=keys)
    patients = np.fromiter(found.values_list("pk", flat=True).iterator(chunk_size=20_000), np.int64)
    wanted = _Wanted(registry, known_at, patients, some=keys is not None)
    tables = {name: _table(name, spec, wanted) for name, spec in SPECS.items()}
    return Keyed(patients, _columns(wanted, tables))


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which rows are read: those of some patients, known at an instant."""

    registry: Registry
    known_at: datetime
    patients: NDArray[np.int64]
    some: bool

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.registry.time_zone)

    def where(self, model: type[Model], *, end: str = "withdrawn_at") -> tuple[str, list[Any]]:
        """The condition on a table, and its parameters."""
        name = connection.ops.quote_name(model._meta.db_table)
        if not len(self.patients):
            return "1 = 0", []
        parameters: list[Any] = [self.known_at, self.known_at]
        text = f"{name}.recorded_at <= %s AND ({name}.{end} IS NULL OR {name}.{end} > %s) AND "
        if self.some:
            marks = ", ".join(["%s"] * len(self.patients))
            return f"{text}{name}.patient_id IN ({marks})", [*parameters, *self.patients.tolist()]
        # A range of keys may hold patients of another registry; they are left out when rows find their patient.
        return (
            f"{text}{name}.patient_id BETWEEN %s AND %s",
            [*parameters, int(self.patients[0]), int(self.patients[-1])],
        )


def _source(column: str) -> str:
    return _NAMED_OTHERWISE.get(column, column)


@dataclass(frozen=True, slots=True)
class _Raw:
    """Rows as they were read: keys, days, numbers, flags, and for each row the number of its combination of words."""

    patient: NDArray[np.int64]
    id: NDArray[np.int64]
    day: Mapping[str, NDArray[np.int32]]
    number: Mapping[str, NDArray[np.float64]]
    flag: Mapping[str, NDArray[np.int8]]
    combination: NDArray[np.int64]
    combinations: Sequence[Sequence[Any]]


def _table(name: str, spec: Spec, wanted: _Wanted) -> Table:
    model = _MODELS[name]
    raw = _copied(model, spec, wanted) if connection.vendor == "postgresql" else _fetched(model, spec, wanted)
    index = np.searchsorted(wanted.patients, raw.patient)
    held = np.zeros(len(index), np.bool_)
    inside = index < len(wanted.patients)
    held[inside] = wanted.patients[index[inside]] == raw.patient[inside]
    kept = np.flatnonzero(held)
    ordered = kept[np.lexsort((raw.id[kept], raw.patient[kept]))]
    patient = index[ordered].astype(np.int32)
    words = _words(spec, raw.combinations)
    combination = raw.combination[ordered]
    return Table(
        name=name,
        patients=len(wanted.patients),
        patient=patient,
        order=_order(patient, raw.id[ordered]),
        lo={column: raw.day[f"{column}_first"][ordered] for column in spec.days},
        hi={column: raw.day[f"{column}_last"][ordered] for column in spec.days},
        day={column: raw.day[column][ordered] for column in spec.plain_days},
        number={column: raw.number[column][ordered] for column in spec.numbers},
        flag={column: raw.flag[column][ordered] for column in spec.flags},
        coded={
            column: Coded(values.values, _narrow(values.codes, len(values.values))[combination])
            for column, values in words.items()
        },
        starts=starts_of(patient, len(wanted.patients)),
    )


def _narrow(codes: NDArray[Any], values: int) -> NDArray[Any]:
    """Codes in the narrowest type that holds them."""
    return codes.astype(np.uint8 if values <= 256 else np.uint16 if values <= 65_536 else np.int32)


def _words(spec: Spec, combinations: Sequence[Sequence[Any]]) -> dict[str, Coded]:
    """For each column of words the value of each combination, coded."""
    found = {}
    for position, column in enumerate(spec.words):
        values = (each[position] for each in combinations)
        found[column] = coded(values if column in _KEPT_EMPTY else (value or None for value in values), None)
    for position, column in enumerate(spec.tuples, len(spec.words)):
        found[column] = coded((_listed(each[position]) for each in combinations), ())
    return found


def _listed(value: Any) -> tuple[str, ...]:
    """A list of concepts as the database gives it: as a list, or as JSON."""
    return tuple(json.loads(value) if isinstance(value, str) else value or ())


def _order(patient: NDArray[np.int32], key: NDArray[np.int64]) -> NDArray[np.int32]:
    """The rank of each row among its patient's by the text of its reference, in which 10 stands before 9."""
    if not len(key):
        return np.zeros(0, np.int32)
    digits = np.array([len(str(each)) for each in (int(key.min()), int(key.max()))])
    if digits[0] == digits[1]:
        ordered = np.lexsort((key, patient))
    else:
        text = np.char.mod("%d", key)
        ordered = np.lexsort((text, patient))
    rank = np.empty(len(key), np.int32)
    starts = np.flatnonzero(np.append(True, np.diff(patient[ordered]) != 0))
    lengths = np.diff(np.append(starts, len(key)))
    rank[ordered] = (np.arange(len(key)) - np.repeat(starts, lengths)).astype(np.int32)
    return rank


# --- anywhere: plain rows ------------------------------------------------------------------------------------------


def _fetched(model: type[Model], spec: Spec, wanted: _Wanted) -> _Raw:
    name = connection.ops.quote_name(model._meta.db_table)
    days = [f"{column}_{end}" for column in spec.days for end in ("first", "last")]
    plain = [column for column in spec.plain_days if column != "recorded"]
    flags = [column for column in spec.flags if column != "named"]
    words = [_source(column) for column in (*spec.words, *spec.tuples)]
    wants_names = "named" in spec.flags
    columns = [
        "patient_id", "id", "recorded_at", *days, *(_source(c) for c in plain), *spec.numbers, *flags,
        *(["naming"] if wants_names else []), *words,
    ]  # fmt: skip
    chosen = ", ".join(f"{name}.{connection.ops.quote_name(column)}" for column in columns)
    where, parameters = wanted.where(model)
    zone = wanted.zone
    known: dict[tuple[Any, ...], int] = {}
    ints: list[tuple[int, ...]] = []
    floats: list[tuple[float, ...]] = []
    moments: dict[Any, int] = {}
    dates: dict[Any, int] = {None: NO_DAY}
    at_days, at_numbers = 3, 3 + len(days) + len(plain)
    at_flags = at_numbers + len(spec.numbers)
    at_words = at_flags + len(flags) + int(wants_names)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {chosen} FROM {name} WHERE {where}", parameters)
        for row in iter(cursor.fetchone, None):
            recorded = moments.get(row[2])
            if recorded is None:
                recorded = moments[row[2]] = _instant(row[2]).astimezone(zone).date().toordinal()
            found = [row[0], row[1], recorded]
            for value in row[at_days:at_numbers]:
                day = dates.get(value)
                if day is None:
                    day = dates[value] = _day(value).toordinal()
                found.append(day)
            found.extend(-1 if value is None else int(value) for value in row[at_flags : at_flags + len(flags)])
            if wants_names:
                found.append(int(row[at_words - 1] != rows.UNNAMED))
            found.append(known.setdefault(tuple(row[at_words:]), len(known)))
            ints.append(tuple(found))
            floats.append(tuple(np.nan if value is None else value for value in row[at_numbers:at_flags]))
    width = 4 + len(days) + len(plain) + len(flags) + int(wants_names)
    whole = np.array(ints, np.int64).reshape(len(ints), width)
    numbers = np.array(floats, np.float64).reshape(len(floats), len(spec.numbers))
    day_names = ["recorded", *days, *plain]
    flag_names = [*flags, *(["named"] if wants_names else [])]
    after = 2 + len(day_names)
    return _Raw(
        patient=whole[:, 0],
        id=whole[:, 1],
        day={column: whole[:, 2 + i].astype(np.int32) for i, column in enumerate(day_names)},
        number={column: numbers[:, i].copy() for i, column in enumerate(spec.numbers)},
        flag={column: whole[:, after + i].astype(np.int8) for i, column in enumerate(flag_names)},
        combination=whole[:, after + len(flag_names)],
        combinations=list(known),
    )


def _instant(value: Any) -> datetime:
    """A moment as the driver gives it: a datetime, or its text in UTC."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=ZoneInfo("UTC"))


def _day(value: Any) -> date:
    return date.fromisoformat(value) if isinstance(value, str) else value


# --- PostgreSQL: COPY in binary ------------------------------------------------------------------------------------

_TO_ORDINAL = "DATE '0001-01-01' + 1"
_HEADER, _SIGNATURE = 19, b"PGCOPY\n\xff\r\n\x00"
#: Stands between the words of a combination where its digest is made.
_BETWEEN = "chr(31)"
#: Bytes that are turned into arrays at a time.
_BLOCK = 1 << 24


def _copied(model: type[Model], spec: Spec, wanted: _Wanted) -> _Raw:
    """A table through COPY: every field is there and of fixed width, so the stream is an array of records."""
    name = connection.ops.quote_name(model._meta.db_table)

    def of(column: str) -> str:
        return f"{name}.{connection.ops.quote_name(column)}"

    def day(column: str) -> str:
        return f"COALESCE({of(column)} - {_TO_ORDINAL}, {NO_DAY})::int4"

    days = [f"{column}_{end}" for column in spec.days for end in ("first", "last")]
    plain = [column for column in spec.plain_days if column != "recorded"]
    flags = [column for column in spec.flags if column != "named"]
    words = [_source(column) for column in (*spec.words, *spec.tuples)]
    zone = wanted.registry.time_zone.replace("'", "''")
    fields: list[tuple[str, str, str]] = [
        ("patient", ">i8", f"{of('patient_id')}::int8"),
        ("id", ">i8", f"{of('id')}::int8"),
        ("recorded", ">i4", f"(({of('recorded_at')} AT TIME ZONE '{zone}')::date - {_TO_ORDINAL})::int4"),
        *((column, ">i4", day(column)) for column in days),
        *((column, ">i4", day(_source(column))) for column in plain),
        *((column, ">f8", f"COALESCE({of(column)}::float8, 'NaN')") for column in spec.numbers),
        *((column, ">i2", f"COALESCE({of(column)}::int4, -1)::int2") for column in flags),
    ]
    if "named" in spec.flags:
        fields.append(("named", ">i2", f"({of('naming')} <> '{rows.UNNAMED}')::int4::int2"))
    said = ", ".join(f"COALESCE({of(column)}::text, '')" for column in words)
    digest = f"hashtextextended(concat_ws({_BETWEEN}, {said}), 0)"
    fields.append(("combination", ">i8", digest))
    where, parameters = wanted.where(model)
    record = np.dtype(
        [
            ("fields", ">i2"),
            *((part, kind) for key, kind, _ in fields for part, kind in (("#" + key, ">i4"), (key, kind))),
        ]
    )
    select = f"SELECT {', '.join(text for _, _, text in fields)} FROM {name} WHERE {where}"
    parts = [
        {key: block[key].astype(block[key].dtype.newbyteorder("=")) for key, _, _ in fields}
        for block in _records(select, parameters, record)
    ]
    found = {
        key: np.concatenate([part[key] for part in parts]) if parts else np.zeros(0, np.dtype(kind).newbyteorder("="))
        for key, kind, _ in fields
    }
    with connection.cursor() as cursor:
        chosen = ", ".join(f"{of(column)}" for column in words)
        cursor.execute(f"SELECT DISTINCT {digest}, {chosen} FROM {name} WHERE {where}", parameters)
        told = cursor.fetchall()
    digests = np.array([row[0] for row in told], np.int64)
    if len(np.unique(digests)) < len(digests):
        # Two combinations of one digest: rare beyond belief, and not to be guessed at.
        return _fetched(model, spec, wanted)
    order = np.argsort(digests)
    return _Raw(
        patient=found["patient"],
        id=found["id"],
        day={column: found[column] for column in ("recorded", *days, *plain)},
        number={column: found[column] for column in spec.numbers},
        flag={column: found[column].astype(np.int8) for column in spec.flags},
        combination=np.searchsorted(digests[order], found["combination"]),
        combinations=[told[i][1:] for i in order],
    )


def _records(select: str, parameters: Sequence[Any], record: np.dtype[Any]) -> Iterator[NDArray[Any]]:
    """Blocks of the records that a query streams."""
    held = io.BytesIO()
    begun = False
    with connection.cursor() as cursor, cursor.copy(f"COPY ({select}) TO STDOUT (FORMAT BINARY)", parameters) as copy:
        for data in copy:
            held.write(data)
            if held.tell() >= _BLOCK:
                whole, held, begun = _whole(held.getvalue(), record, begun)
                yield whole
    whole, held, _ = _whole(held.getvalue(), record, begun)
    yield whole


def _whole(data: bytes, record: np.dtype[Any], begun: bool) -> tuple[NDArray[Any], io.BytesIO, bool]:
    """The whole records of some bytes, and what is left of them; the stream begins with a header."""
    at = 0 if begun else _HEADER
    assert begun or data.startswith(_SIGNATURE)
    count = (len(data) - at) // record.itemsize
    rest = io.BytesIO()
    rest.write(data[at + count * record.itemsize :])
    return np.frombuffer(data, record, count, at), rest, True


# --- what is said once of a patient --------------------------------------------------------------------------------

_DETAILS = (
    "patient_id", "birth_first", "birth_last", "sex", "deceased", "death_first", "death_last", "data_through",
)  # fmt: skip


def _columns(wanted: _Wanted, tables: Mapping[str, Table]) -> Columns:
    count = len(wanted.patients)
    declared = Declared.read(wanted.registry, wanted.known_at)
    person: list[dict[str, Any]] = [{}] * count
    details: dict[int, list[Mapping[str, Any]]] = {}
    for row in _rows_of(PatientDetails, _DETAILS, wanted):
        details.setdefault(row["patient_id"], []).append(row)
    known: dict[tuple[Any, ...], dict[str, Any]] = {}
    for index, key in enumerate(wanted.patients.tolist()):
        mine = details.get(key, [])
        said = tuple(tuple(row[column] for column in _DETAILS[1:]) for row in mine)
        if said not in known:
            known[said] = rows.person([{**_BLANK, **row} for row in mine])
        person[index] = known[said]
    births = [(i, birth) for i, each in enumerate(person) for birth in each.get("births", ())]
    suspended: dict[int, set[str]] = {}
    for row in _rows_of(CompletenessSuspension, ("patient_id", "domain"), wanted, end="lifted_at"):
        suspended.setdefault(row["patient_id"], set()).add(row["domain"])
    deaths: list[PartialDate | None] = [each.get("death") for each in person]
    return Columns(
        patients=count,
        tables=tables,
        birth_patient=np.array([i for i, _ in births], np.int32),
        birth_lo=np.array([birth.first.toordinal() for _, birth in births], np.int32),
        birth_hi=np.array([birth.last.toordinal() for _, birth in births], np.int32),
        sexes=coded((each.get("sexes", ()) for each in person), ()),
        deceased=np.array([-1 if (d := each.get("deceased")) is None else int(d) for each in person], np.int8),
        death_lo=np.array([NO_DAY if death is None else death.first.toordinal() for death in deaths], np.int32),
        death_hi=np.array([NO_DAY if death is None else death.last.toordinal() for death in deaths], np.int32),
        data_through=np.array(
            [NO_DAY if (d := each.get("data_through")) is None else d.toordinal() for each in person], np.int32
        ),
        policies=Coded(((), declared.policies), np.ones(count, np.uint8)),
        ranges=Coded(((), declared.ranges), np.ones(count, np.uint8)),
        suspended=coded((frozenset(suspended.get(key, ())) for key in wanted.patients.tolist()), frozenset()),
        vital_conflict=np.array([bool(each.get("vital_conflict")) for each in person], np.bool_),
    )


#: Columns that the reading of a person looks at and no answer hangs on.
_BLANK = {"country": "", "postal_code": "", "file": "", "row": None, "upload_id": None, "note": ""}


def _rows_of(
    model: type[Model], columns: Iterable[str], wanted: _Wanted, *, end: str = "withdrawn_at"
) -> Iterator[dict[str, Any]]:
    if not len(wanted.patients):
        return iter(())
    found = model._default_manager.filter(known_at_filter(wanted.known_at, end=end)).order_by("pk")
    if wanted.some:
        found = found.filter(patient__in=wanted.patients.tolist())
    else:
        found = found.filter(patient__gte=int(wanted.patients[0]), patient__lte=int(wanted.patients[-1]))
    return iter(found.values(*columns).iterator(chunk_size=20_000))
