"""A registry whose every text is a program: its pages show it as text, and its tables do not compute it."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from patients import actions
from patients.intake import rejected_csv, run_import
from patients.models import Patient, Registry, Upload

pytestmark = pytest.mark.django_db

#: As a cell, an attribute, a template and a formula at once.
MARKUP = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{7*7}}{%x%}"
FORMULAS = ("=cmd|'/c calc'!A1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1")


@pytest.fixture
def hostile(settings: Any, tmp_path: Any) -> Registry:
    settings.MEDIA_ROOT = tmp_path
    registry = actions.create_registry(name="hostile", title=MARKUP, by=None)
    quoted = '"' + MARKUP.replace('"', '""') + '"'
    formulas = "".join(f'"{formula}",f\n' for formula in FORMULAS)
    files = {
        "patients": f"patient_id,sex,birth_date\n{quoted},f,1961\nP-1,{quoted},{quoted}\n{formulas}",
        "conditions": f"patient_id,condition,kind,body_site,date\nP-1,{quoted},{quoted},{quoted},2025-02-31\n"
        f"P-1,{quoted},primary,{quoted},2024\n",
        "treatments": f"patient_id,treatment,start_date,stop_reason\nP-1,{quoted},2024-01-01,{quoted}\n",
        "observations": f"patient_id,test,value,unit,method,date\nP-1,{quoted},{quoted},{quoted},{quoted},2024\n"
        + "".join(f'"{formula}",ECOG,7,,,2024\n' for formula in FORMULAS),
        "biomarkers": f"patient_id,gene,alteration,variant,assay,date\nP-1,TP53,mutation,{quoted},{quoted},2024\n",
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"{name}.csv", content)
    upload = actions.start_import(registry=registry, by=None, file=packed, file_name=f"{MARKUP}.zip")
    assert run_import(upload.pk).state == "applied"
    return registry


def test_no_page_of_the_admin_runs_what_a_registry_sent(hostile: Registry) -> None:
    person = get_user_model().objects.create(username="root", is_staff=True, is_superuser=True, first_name=MARKUP[:100])
    client = Client()
    client.force_login(person)
    upload = Upload.objects.get()
    pages = [reverse("admin:index")]
    for model in ("registry", "patient", "upload", "auditevent"):
        pages.append(reverse(f"admin:patients_{model}_changelist"))
    pages.append(reverse("admin:patients_registry_change", args=[hostile.pk]))
    pages.append(reverse("admin:patients_upload_change", args=[upload.pk]))
    pages += [reverse("admin:patients_patient_change", args=[patient.pk]) for patient in Patient.objects.all()]
    shown = 0
    for page in pages:
        answer = client.get(page)
        assert answer.status_code == 200, page
        text = answer.content.decode()
        assert "<script>alert" not in text and "<img src=x" not in text, page
        # Nor in an attribute that the theme evaluates as a program.
        for attribute in re.findall(r'\s(?:x-[\w:.-]+|@[\w:.-]+|:[\w.-]+|on\w+)="([^"]*)"', text):
            assert "alert(1)" not in attribute, f"{page}: {attribute[:200]}"
        assert "49{%x%}" not in text, page
        shown += "&lt;script&gt;alert(1)" in text
    assert shown >= 4, "the texts are to be seen, as texts"


def test_the_rows_to_mend_compute_nothing(hostile: Registry) -> None:
    content = "".join(
        part if isinstance(part, str) else part.decode("utf-8-sig") for part in rejected_csv(Upload.objects.get())
    )
    rows = list(csv.reader(io.StringIO(content, newline="")))
    assert len(rows) > 3
    for row in rows:
        for cell in row:
            assert not cell.startswith(("=", "+", "@", "\t", "\r")), cell
            assert not cell.startswith("-") or re.fullmatch(r"-\d+([.,]\d+)?", cell), cell
