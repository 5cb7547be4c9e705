"""A long cell costs its own row at most: what is kept fits its column, which SQLite does not check and PostgreSQL does."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.db import models

from patients import actions
from patients.intake import run_import
from patients.intake.kinds import KINDS, PATIENT_KINDS
from patients.intake.storing import TABLE_OF

pytestmark = pytest.mark.django_db

#: A row of each kind that is read.
ROWS = {
    "patients": {"sex": "female"},
    "conditions": {"condition": "leiomyosarcoma", "kind": "primary", "date": "2024-01-01"},
    "treatments": {"treatment": "doxorubicin", "kind": "drug", "start_date": "2024-01-01"},
    "medications": {"medication": "warfarin", "start_date": "2024-01-01"},
    "observations": {"test": "ecog", "value": "1", "date": "2024-01-01"},
    "biomarkers": {"gene": "TP53", "alteration": "mutation", "result": "positive", "date": "2024-01-01"},
    "disease_status": {"status": "progressive disease", "date": "2024-01-01"},
    "coverage": {"domain": "treatments", "scope": "kind:drug", "complete_through": "2024-01-01"},
}


@pytest.mark.parametrize("length", [40, 200, 250, 1000])
@pytest.mark.parametrize("kind", PATIENT_KINDS)
def test_what_is_kept_fits_its_column(kind: str, length: int, settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path
    columns = [column.name for column in KINDS[kind].columns]
    rows = [{"patient_id": "P-0"} | ROWS[kind]]
    rows += [
        {"patient_id": f"P-{number}"} | ROWS[kind] | {column: ("long " * 200)[:length]}
        for number, column in enumerate(columns, 1)
    ]
    text = io.StringIO()
    table = csv.DictWriter(text, columns)
    table.writeheader()
    table.writerows(rows)
    registry = actions.create_registry(name="centre", by=None)
    files = {"patients": "patient_id\n" + "".join(f"{row['patient_id']}\n" for row in rows), kind: text.getvalue()}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"{name}.csv", content)
    done = run_import(actions.start_import(registry=registry, by=None, file=packed, file_name="all.zip").pk)
    assert done.state == "applied"
    facts = list(TABLE_OF[kind]._default_manager.all())
    assert facts
    for field in TABLE_OF[kind]._meta.concrete_fields:
        if isinstance(field, models.CharField):
            assert max(len(getattr(fact, field.attname) or "") for fact in facts) <= (field.max_length or 0), field.name
