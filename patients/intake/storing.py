"""Drafts into rows: the one place that knows which draft becomes which table's columns.

An upload of 100,000 rows holds the write lock of an SQLite database while it stores, so it stores by `executemany`
of prepared tuples, five times as fast as building a model for each row; the few rows of a person's decision are models.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import connection, models

from patients.intake.drafts import Draft
from patients.models import (
    BiomarkerFact,
    ConditionFact,
    CoverageFact,
    DiseaseStatusFact,
    Fact,
    MedicationFact,
    ObservationFact,
    PatientDetails,
    TreatmentFact,
    Upload,
)

#: The table of each kind of file that speaks of patients.
TABLE_OF: dict[str, type[Fact]] = {
    "patients": PatientDetails,
    "conditions": ConditionFact,
    "treatments": TreatmentFact,
    "medications": MedicationFact,
    "observations": ObservationFact,
    "biomarkers": BiomarkerFact,
    "disease_status": DiseaseStatusFact,
    "coverage": CoverageFact,
}


def fact_values(
    draft: Draft, *, patient_id: int, sequence: int, at: datetime, upload_id: int | None, vocabulary: str
) -> dict[str, Any]:
    """The columns of the row that records a draft; those it leaves out have their default."""
    return {
        "patient_id": patient_id,
        "key": draft.key,
        "natural_key": draft.natural_key,
        "source_key": draft.source_key,
        "sequence": sequence,
        "record_id": draft.record_id,
        "name": draft.name,
        "folded_name": draft.folded_name,
        "naming": draft.naming,
        "cells": draft.cells,
        "fingerprint": draft.fingerprint,
        "vocabulary": vocabulary[:80],
        "upload_id": upload_id,
        "file": draft.file[:255],
        "row": draft.row,
        "note": draft.note[:300],
        "recorded_at": at,
        **draft.values,
    }


def fact_of(
    draft: Draft, *, patient_id: int, sequence: int, at: datetime, upload: Upload | None, vocabulary: str, by: Any
) -> Fact:
    """The row that records a draft, as a model that is not saved yet."""
    values = fact_values(
        draft,
        patient_id=patient_id,
        sequence=sequence,
        at=at,
        upload_id=upload.pk if upload is not None else None,
        vocabulary=vocabulary,
    )
    return TABLE_OF[draft.kind](**values, recorded_by=by)


def insert(table: type[Fact], rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert rows of column values. Raises IntegrityError where one breaks a constraint, KeyError for no column."""
    fields = [field for field in table._meta.concrete_fields if not field.primary_key]
    known = {field.attname for field in fields}
    prepare = [(field.attname, field.get_default, _prepared(field)) for field in fields]
    quote = connection.ops.quote_name
    columns = ", ".join(quote(field.column) for field in fields)
    places = ", ".join(["%s"] * len(fields))

    def parameters() -> Iterable[tuple[Any, ...]]:
        for row in rows:
            if not row.keys() <= known:
                raise KeyError(f"{table._meta.db_table} has no column {sorted(row.keys() - known)}")
            yield tuple(prepared(row[name] if name in row else default()) for name, default, prepared in prepare)

    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {quote(table._meta.db_table)} ({columns}) VALUES ({places})", list(parameters())
        )


_AS_THEY_ARE = (
    models.CharField,
    models.TextField,
    models.BooleanField,
    models.IntegerField,
    models.FloatField,
    models.ForeignKey,
)


def _prepared(field: models.Field[Any, Any]) -> Callable[[Any], Any]:
    """What turns a value of a field into what the database's driver takes."""
    if isinstance(field, _AS_THEY_ARE):
        return lambda value: value
    if isinstance(field, models.JSONField):
        nothing = field.get_db_prep_save([], connection)
        # Most lists of most facts are empty.
        return lambda value: nothing if value == [] else field.get_db_prep_save(value, connection)
    if isinstance(field, models.DateField) and not isinstance(field, models.DateTimeField):
        return connection.ops.adapt_datefield_value
    return lambda value: field.get_db_prep_save(value, connection)
