"""A small shelf for tests: a trial and an option as texts, published by the roles of the library; a small registry."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime
from typing import Any

import pytest

from matcher.publishing import publish
from matcher.runs import asking
from patients import actions as patient_actions
from patients.intake import run_import
from patients.models import Registry, Upload
from trials import actions
from trials.models import Document, Version

TRIAL = """\
kind: trial
id: FIRST
nct: NCT00000001
acronym: FIRST-LMS
other_ids: [EudraCT 2020-000001-10]
title: A made-up trial
recruitment: recruiting
author: library author
reviewer: library reviewer
cancer: leiomyosarcoma
criteria:
  - {id: I1, text: Metastatic leiomyosarcoma., polarity: inclusion,
     rule: "has diagnosis(leiomyosarcoma, extent: metastatic)"}
  - {id: I2, text: ECOG 0 to 2., polarity: inclusion, rule: ecog <= 2}
  - {id: E1, text: Doxorubicin in the last 28 days., polarity: exclusion,
     rule: "has treatment(doxorubicin) within 28 days"}
  - {id: C1, text: Written consent., polarity: inclusion, confirm: consent}
test_patients:
  - name: fits
    as_of: 2026-01-15
    patient: &fits
      birth_date: 1961-04-03
      sex: female
      data_through: 2026-01-10
      conditions: [{condition: leiomyosarcoma, kind: primary, body_site: uterus, extent: metastatic, date: 2023-02-01}]
      observations: [{test: ecog, value: 1, date: 2026-01-05}]
      coverage: [{domain: treatments, scope: "kind:drug", complete_through: 2026-01-10}]
    expect: {status: potentially_eligible, offered: yes, criteria: {I1: met, I2: met, E1: met}}
  - name: no ECOG
    as_of: 2026-01-15
    patient: {<<: *fits, observations: []}
    expect: {status: needs_information, needs: facts, missing: [ecog], criteria: {I2: unknown}}
  - name: doxorubicin last week
    as_of: 2026-01-15
    patient:
      <<: *fits
      treatments: [{treatment: doxorubicin, kind: drug, start_date: 2026-01-08, end_date: 2026-01-08}]
    expect: {status: not_now, clears_on: 2026-02-06, criteria: {E1: not_met}}
  - name: liposarcoma
    as_of: 2026-01-15
    patient:
      <<: *fits
      conditions: [{condition: dedifferentiated liposarcoma, kind: primary, extent: metastatic, date: 2023-02-01}]
    expect: {status: not_eligible, criteria: {I1: not_met}}
"""

OPTION = """\
kind: option
id: remedy
name: A made-up remedy
author: library author
reviewer: library reviewer
cancer: sarcoma
citations: [{id: B, text: A made-up source}]
statements:
  - {id: S-1, kind: stance, strength: preferred, text: For leiomyosarcoma., rule: has diagnosis(leiomyosarcoma),
     citation: {source: B, figures: {n: 12}}}
  - include: S-2
test_patients:
  - name: leiomyosarcoma
    as_of: 2026-01-15
    patient: {conditions: [{condition: leiomyosarcoma, kind: primary, date: 2023-02-01}]}
    expect: {block: applies, strength: preferred, statements: {S-1: met}}
"""

STATEMENT = "id: S-2\nkind: dose\ntext: One a day.\n"

FILES = {
    "patients": (
        "patient_id,sex,birth_date,deceased,data_through\n"
        "P-1,female,1961-04-03,no,2026-01-10\n"
        "P-2,female,1955-03-01,no,2026-01-10\n"
        "P-3,male,1970-01-01,no,2026-01-10\n"
        "P-4,male,1950-01-01,yes,2026-01-10\n"
        "P-5,female,1948-02-02,no,\n"
    ),
    "conditions": (
        "patient_id,condition,kind,body_site,extent,date\n"
        "P-1,leiomyosarcoma,primary,uterus,metastatic,2023-02-01\n"
        "P-2,leiomyosarcoma,primary,uterus,metastatic,2024-02-01\n"
        "P-3,dedifferentiated liposarcoma,primary,retroperitoneum,metastatic,2022-01-01\n"
        "P-4,leiomyosarcoma,primary,uterus,metastatic,2020-01-01\n"
        "P-5,leiomyosarcoma,primary,uterus,metastatic,2020-01-01\n"
    ),
    "treatments": "patient_id,treatment,kind,start_date,end_date\nP-5,doxorubicin,drug,2026-01-08,2026-01-08\n",
    "observations": (
        "patient_id,test,value,date\nP-1,ecog,1,2026-01-05\nP-3,ecog,1,2026-01-05\nP-5,ecog,1,2026-01-05\n"
    ),
    "coverage": (
        "patient_id,domain,scope,complete_through\n"
        + "".join(f"P-{n},treatments,kind:drug,2026-01-10\n" for n in range(1, 6))
    ),
}

#: A row that calls a patient (`.format(id=…)`) alive and gives a date of death.
DENIED = "patient_id,sex,birth_date,deceased,death_date,data_through\n{id},female,1961-04-03,no,2026-01-03,2026-01-10\n"

#: What the trial above answers for the patients above on 15 January 2026; P-4 is dead.
EXPECTED = {
    "P-1": "potentially_eligible",
    "P-2": "needs_information",
    "P-3": "not_eligible",
    "P-4": "not_eligible",
    "P-5": "not_now",
}


def shelved(text: str = TRIAL) -> Document:
    """A document with the text as its draft."""
    return actions.save_draft(text=text, by=None).draft.document


def published(text: str = TRIAL) -> Version:
    """The version in force after publishing a text."""
    return publish(document=shelved(text), reviewer="library reviewer", by=None).version


def uploaded(registry: Registry, files: dict[str, str]) -> Upload:
    """The upload by which files came into a registry; the test keeps uploads in a folder of its own."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"{name}.csv", content)
    upload = patient_actions.start_import(registry=registry, by=None, file=buffer, file_name="all.zip")
    done = run_import(upload.pk)
    assert done.state == "applied"
    return done


def centre(settings: Any, tmp_path: Any, *, name: str = "centre", files: dict[str, str] = FILES) -> Registry:
    """A registry of the five patients above."""
    settings.MEDIA_ROOT = tmp_path / "kept"
    registry = patient_actions.create_registry(name=name, by=None)
    uploaded(registry, files)
    return registry


def on_day(monkeypatch: pytest.MonkeyPatch, day: date) -> None:
    """Let it be a day, for runs that ask about today; facts are known since the clock says so."""

    def today_in(registry: Registry, *, at: datetime | None = None) -> date:
        return day

    monkeypatch.setattr(asking, "today_in", today_in)
