"""Uploads from files to facts: what is kept, what is told, what a second upload changes, and what a failure leaves."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.utils import timezone

from patients import actions, selectors
from patients.facts import Source
from patients.intake import Busy, ImportErrored, NotClaimed, importing, rejected_csv, run_import
from patients.intake.single import read_patient
from patients.models import (
    AuditEvent,
    ChangeLog,
    CompletenessSuspension,
    ConditionFact,
    Fact,
    ObservationFact,
    Patient,
    PatientDetails,
    Registry,
    RegistryPolicy,
    TreatmentFact,
    Upload,
    UploadProblem,
)

pytestmark = pytest.mark.django_db

PATIENTS = "patient_id,sex,birth_date,data_through\nP-1,f,1960,2024-05-01\nP-2,m,1955-03,2024-05-01\n"
TREATMENTS = (
    "patient_id,treatment,start_date,end_date,response\n"
    "P-1,Adriamycin,2023-01-10,2023-05-20,PD\n"
    "P-1,pazopanib,2023-06-01,,\n"
    "P-2,gemcitabine/docetaxel,2022,,\n"
)


@pytest.fixture(autouse=True)
def _uploads_stay_with_the_test(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "kept"


@pytest.fixture
def registry() -> Registry:
    return actions.create_registry(name="centre", by=None)


def packed(files: dict[str, str | bytes]) -> io.BytesIO:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"{name}.csv", content)
    return buffer


def upload(registry: Registry, *, snapshot: bool = False, dry_run: bool = False, **files: str | bytes) -> Upload:
    waiting = actions.start_import(
        registry=registry,
        by=None,
        file=packed(dict(files)),
        file_name="all.zip",
        mode="snapshot" if snapshot else "incremental",
        dry_run=dry_run,
    )
    return run_import(waiting.pk)


def counts(done: Upload) -> tuple[int, int, int, int]:
    return done.new, done.changed, done.unchanged, done.withdrawn


def told(done: Upload, severity: str | None = None) -> list[tuple[str, int | None, str]]:
    rows = done.problems.all() if severity is None else done.problems.filter(severity=severity)
    return [(problem.file, problem.row, problem.code) for problem in rows]


def record(registry: Registry, patient_id: str, **how: Any) -> Any:
    return selectors.patient_record(Patient.objects.get(registry=registry, patient_id=patient_id), **how)


# --- One upload ---------------------------------------------------------------------------------------------------


def test_files_become_facts(registry: Registry) -> None:
    done = upload(registry, patients=PATIENTS, treatments=TREATMENTS)
    assert (done.state, done.accepted, done.rejected, done.rows_done, done.rows_total) == ("applied", 5, 0, 5, 5)
    assert counts(done) == (6, 0, 0, 0), "two people and four courses: a combination is two drugs"
    assert done.difference["treatments"] == {"new": 4, "changed": 0, "unchanged": 0, "withdrawn": 0}
    first = record(registry, "P-1")
    assert [treatment.concepts for treatment in first.treatments] == [("doxorubicin",), ("pazopanib",)]
    assert str(first.treatments[0].source) == f"upload {done.pk}, treatments.csv row 2"
    assert first.treatments[0].raw == "Adriamycin"
    assert str(first.births[0]) == "1960"
    assert first.sexes == ("female",)
    second = record(registry, "P-2")
    assert [(each.concepts, each.regimen) for each in second.treatments] == [
        (("gemcitabine",), "gemcitabine/docetaxel"),
        (("docetaxel",), "gemcitabine/docetaxel"),
    ]


def test_one_csv_of_one_row_per_patient(registry: Registry) -> None:
    content = (
        b"patient_id;sex;diagnosis;primary_site;ecog;ecog_date;anc;anc_unit;anc_date;treatment_1;treatment_1_line;"
        b"ntrk1_fusion\n"
        b"W-1;f;leiomyosarcoma;uterus;1;2024-04-01;1,5;10*9/L;2024-04-01;doxorubicin;1;negative\n"
        b"W-2;m;leiomyosarcoma;femur;;;;;;;;not tested\n"
    )
    waiting = actions.start_import(registry=registry, by=None, file=io.BytesIO(content), file_name="wide.csv")
    done = run_import(waiting.pk)
    assert (done.state, done.layout, done.accepted) == ("applied", "wide", 2)
    first, second = record(registry, "W-1"), record(registry, "W-2")
    assert (first.conditions[0].kind, first.conditions[0].sites) == ("primary", ("uterus",))
    assert {each.test: each.low for each in first.observations} == {"ecog": 1.0, "anc": 1.5}
    assert first.treatments[0].line == 1
    assert (first.biomarkers[0].genes, first.biomarkers[0].alteration, first.biomarkers[0].result) == (
        ("NTRK1",), "fusion", "negative",
    )  # fmt: skip
    assert second.biomarkers == ()
    assert second.observations == ()


def test_policies_and_ranges_of_a_registry(registry: Registry) -> None:
    declared = {
        "policy": "domain,scope,policy,currency_days\ntreatments,drug,complete when present,60\nlabs,,closed,\n",
        "ranges": "test,unit,sex,low,high\nANC,/uL,,1800,7500\nANC,furlong,,1,2\n",
    }
    done = upload(registry, patients=PATIENTS, **declared)
    assert done.rejected == 2
    assert told(done, "error") == [("policy.csv", 3, "policy_not_known"), ("ranges.csv", 3, "unit_not_known")]
    first = record(registry, "P-1")
    assert ("treatments", "kind:drug", True, 60) in [
        (each.domain, each.scope, each.complete_when_present, each.currency_days) for each in first.policies
    ]
    assert [(each.test, each.low, each.high) for each in first.ranges] == [("anc", 1.8, 7.5)]
    again = upload(registry, **{**declared, "ranges": "test,unit,sex,low,high\nANC,/uL,,1500,7500\n"})
    assert again.difference["policy"]["unchanged"] == 1
    assert again.difference["ranges"]["changed"] == 1
    before = record(registry, "P-1", known_at=again.recorded_at - timedelta(microseconds=1))
    assert [each.low for each in before.ranges] == [1.8], "what was known then can be asked again"
    assert ChangeLog.objects.filter(kind="registry", cause=f"upload {again.pk}").count() == 1


# --- Rows that cannot be read ---------------------------------------------------------------------------------------


BAD_ROWS = [
    ("ECOG 7", "observations", "patient_id,test,value\nP-1,ecog,1\nP-1,ecog,7\n", 3, "value_implausible", True),
    ("31 February", "treatments", "patient_id,treatment,start_date\nP-1,doxorubicin,2023-02-31\n", 2, "not_a_date",
     False),
    ("end before start", "treatments",
     "patient_id,treatment,start_date,end_date\nP-1,doxorubicin,2023-05-01,2023-04-01\n", 2, "end_before_start", False),
    ("unknown unit", "observations", "patient_id,test,value,unit\nP-1,anc,1.5,furlong\n", 2, "unit_not_known", False),
    ("no patient", "treatments", "patient_id,treatment\n,doxorubicin\n", 2, "patient_id_missing", True),
    ("too many cells", "treatments", "patient_id,treatment\nP-1,doxorubicin,2023\n", 2, "cells_do_not_fit_header",
     True),
    ("too few cells", "treatments", "patient_id,treatment,start_date\nP-1,doxorubicin\n", 2,
     "cells_do_not_fit_header", True),
    ("a patient no other file knows", "treatments", "patient_id,treatment\nP-1,doxorubicin\nP-9,doxorubicin\n", 3,
     "patient_not_known", True),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "content", "row", "code", "rejected"), [case[1:] for case in BAD_ROWS],
                         ids=[case[0] for case in BAD_ROWS])  # fmt: skip
def test_a_bad_row_is_told_and_the_others_are_kept(
    registry: Registry, kind: str, content: str, row: int, code: str, rejected: bool
) -> None:
    done = upload(registry, patients=PATIENTS, **{kind: content})
    problem = UploadProblem.objects.get(upload=done, severity="error")
    assert (problem.file, problem.row, problem.code, problem.rejected) == (f"{kind}.csv", row, code, rejected)
    assert problem.message
    assert problem.remedy
    rows = len(content.splitlines()) - 1
    assert (done.state, done.rejected, done.accepted) == ("applied", int(rejected), rows - int(rejected) + 2)
    given = list(csv.DictReader(io.StringIO("".join(rejected_csv(done)))))
    assert [(line["error_file"], line["error_row"]) for line in given] == [(f"{kind}.csv", str(row))]


def test_alive_with_a_date_of_death_is_told_kept_and_mended(registry: Registry) -> None:
    first = "patient_id,sex,deceased,death_date\nP-1,f,no,2023-05-02\n"
    done = upload(registry, patients=first)
    problem = done.problems.get()
    assert (problem.severity, problem.rejected, done.accepted) == ("warning", False, 1)
    assert (problem.file, problem.row, problem.column, problem.value) == ("patients.csv", 2, "deceased", "no")
    assert problem.remedy
    found = record(registry, "P-1")
    assert (found.deceased, str(found.death), found.vital_conflict) == (None, "2023-05-02", True)
    assert counts(upload(registry, patients=first)) == (0, 0, 1, 0), "said again it is nothing new"
    mended = upload(registry, patients="patient_id,sex,deceased,death_date\nP-1,f,no,\n")
    assert (counts(mended), told(mended)) == ((0, 1, 0, 0), [])
    found = record(registry, "P-1")
    assert (found.deceased, found.death, found.vital_conflict) == (False, None, False)
    before = record(registry, "P-1", known_at=mended.recorded_at - timedelta(microseconds=1))
    assert before.vital_conflict, "what was known then can be asked again"


def test_rows_that_call_one_patient_alive_and_dead_conflict(registry: Registry) -> None:
    done = upload(registry, patients="patient_id,sex,deceased,death_date\nP-1,f,no,\nP-1,f,yes,2023\n")
    assert told(done) == [("patients.csv", 3, "rows_conflict")]
    found = record(registry, "P-1")
    assert (found.deceased, str(found.death), found.vital_conflict) == (None, "2023", True)
    upload(registry, patients="patient_id,sex,deceased,death_date\nP-1,f,yes,2023\n")
    found = record(registry, "P-1")
    assert (found.deceased, str(found.death), found.vital_conflict) == (True, "2023", False)


def test_duplicate_ids_conflict_and_are_told(registry: Registry) -> None:
    done = upload(registry, patients="patient_id,sex\nP-1,f\nP-1,f\nP-1,m\n")
    assert told(done) == [("patients.csv", 3, "identical_rows"), ("patients.csv", 4, "rows_conflict")]
    assert record(registry, "P-1").sexes == ("female", "male"), "both are kept, and conflict"
    assert PatientDetails.objects.count() == 2


def test_patients_of_two_files_need_no_row_of_their_own(registry: Registry) -> None:
    done = upload(
        registry,
        treatments="patient_id,treatment\nP-1,doxorubicin\nP-2,doxorubicin\n",
        conditions="patient_id,condition,kind\nP-1,leiomyosarcoma,primary\n",
    )
    assert told(done, "error") == [("treatments.csv", 3, "patient_not_known")]
    assert [patient.patient_id for patient in selectors.registry_patients(registry)] == ["P-1"]
    later = upload(registry, patients="patient_id,sex\nP-1,f\n")
    assert counts(later) == (0, 1, 0, 0), "the person's own row corrects the blank one"


def test_a_patient_of_the_registry_is_known_to_every_file(registry: Registry) -> None:
    upload(registry, patients=PATIENTS)
    done = upload(registry, treatments="patient_id,treatment\nP-1,doxorubicin\n")
    assert (done.rejected, done.new) == (0, 1)


# --- A rejected row never becomes an absence --------------------------------------------------------------------


def test_a_rejected_row_suspends_until_it_is_mended(registry: Registry) -> None:
    labs = "patient_id,test,value,date\nP-1,ecog,{},2024-01-01\n"
    first = upload(registry, patients=PATIENTS, observations=labs.format(7))
    assert record(registry, "P-1").suspended == {"observations"}
    assert record(registry, "P-2").suspended == set()
    suspension = CompletenessSuspension.objects.get()
    assert suspension.problem is not None
    assert suspension.problem.code == "value_implausible"
    again = upload(registry, observations=labs.format(8))
    assert again.rejected == 1
    assert CompletenessSuspension.objects.count() == 1, "the same row is suspended once"
    mended = upload(registry, observations=labs.format(1))
    assert record(registry, "P-1").suspended == set()
    suspension.refresh_from_db()
    assert suspension.lifted_by_upload == mended
    assert record(registry, "P-1", known_at=first.recorded_at).suspended == {"observations"}
    assert ChangeLog.objects.filter(cause=f"upload {mended.pk}").count() == 1


def test_an_unreadable_data_through_suspends_every_domain(registry: Registry) -> None:
    upload(registry, patients="patient_id,data_through\nP-1,31/12/2023\n")
    assert record(registry, "P-1").suspended == {
        "conditions", "treatments", "medications", "observations", "biomarkers", "disease_status"
    }  # fmt: skip
    upload(registry, patients="patient_id,data_through\nP-1,2023-12-31\n")
    assert record(registry, "P-1").suspended == set()


@pytest.mark.parametrize(
    ("name", "rows", "lifted"),
    [
        ("treatments", "P-1,doxorubicin,2023-01-10,\nP-1,pazopanib,2023-06-01,\n", True),
        ("treatments", "P-1,doxorubicin,2023-01-10,\nP-1,pazopanib,2024-06-01,\n", True),
        ("mended", "P-1,pazopanib,2023-06-01,\n", True),
        ("treatments", "P-1,doxorubicin,2023-01-10,\nP-1,olaparib,2025-01-02,\n", False),
        ("treatments", "P-1,doxorubicin,2023-01-10,\n", False),
        ("mended", "P-1,pazopanib,2024-02-03,\n", False),
        ("treatments", "P-2,x,,\nP-2,pazopanib,2023-06-01,\n", False),
    ],
    ids=["mended in its place", "mended with another date", "mended in a file of its own", "another row in its place",
         "the row left out", "another course of the drug elsewhere", "another patient"],
)  # fmt: skip
def test_only_the_mended_row_lifts_what_it_suspended(registry: Registry, name: str, rows: str, lifted: bool) -> None:
    header = "patient_id,treatment,start_date,response\n"
    upload(registry, patients=PATIENTS, treatments=f"{header}P-1,doxorubicin,2023-01-10,\nP-1,pazopanib,2023-06-01\n")
    assert record(registry, "P-1").suspended == {"treatments"}
    upload(registry, **{name: header + rows})
    assert record(registry, "P-1").suspended == (set() if lifted else {"treatments"})


def test_coverage_that_cannot_be_read_promises_nothing_more(registry: Registry) -> None:
    coverage = "patient_id,domain,scope,complete_through\nP-1,{},drug,{}\n"
    upload(registry, patients=PATIENTS, coverage=coverage.format("treatments", "2024-04-30"))
    upload(registry, coverage=coverage.format("treatments", "2023-02-31"))
    assert record(registry, "P-1").suspended == {"treatments"}, "it may have taken back what the first promised"
    upload(registry, other=coverage.format("treatments", "2023-02-28"))
    assert record(registry, "P-1").suspended == set(), "the same domain and scope, wherever it stands"
    upload(registry, coverage=coverage.format("treatmens", "2023-01-31"))
    assert record(registry, "P-1").suspended == {
        "conditions", "treatments", "medications", "observations", "biomarkers", "disease_status"
    }  # fmt: skip
    upload(registry, coverage=coverage.format("treatments", "2023-01-31"))
    assert record(registry, "P-1").suspended == set()


def test_a_record_that_is_stated_anew_is_replaced_whole(registry: Registry) -> None:
    def given() -> list[str]:
        return sorted(each.concepts[0] for each in record(registry, "P-1").treatments)

    rows = "patient_id,record_id,treatment,start_date\nP-1,r1,{},2023-01-10\nP-1,r2,pazopanib,2024-01-10\n"
    upload(registry, patients=PATIENTS, treatments=rows.format("gemcitabine/docetaxel"))
    assert given() == ["docetaxel", "gemcitabine", "pazopanib"]
    upload(registry, treatments=rows.format("gemcitabine"))
    assert given() == ["gemcitabine", "pazopanib"], "the correction took docetaxel away"
    done = upload(registry, treatments=rows.format("gemcitabine + docetaxel"))
    assert given() == ["docetaxel", "gemcitabine", "pazopanib"]
    assert (done.changed, done.new) == (1, 1)
    assert counts(upload(registry, treatments=rows.format("gemcitabine + docetaxel"))) == (0, 0, 3, 0)


def test_rejected_rows_of_strangers_suspend_nothing(registry: Registry) -> None:
    upload(registry, patients=PATIENTS, observations="patient_id,test,value\nP-9,ecog,7\n")
    assert not CompletenessSuspension.objects.exists()
    assert not Patient.objects.filter(patient_id="P-9").exists()


def test_a_data_manager_lifts_with_a_reason(registry: Registry) -> None:
    upload(registry, patients=PATIENTS, observations="patient_id,test,value\nP-1,ecog,7\n")
    person = get_user_model().objects.create(username="manager")
    suspension = CompletenessSuspension.objects.get()
    with pytest.raises(ValidationError, match="needs a reason"):
        actions.lift_suspension(suspension=suspension, by=person, reason=" ")
    actions.lift_suspension(suspension=suspension, by=person, reason="the row was a typing error")
    assert record(registry, "P-1").suspended == set()


# --- A second upload ----------------------------------------------------------------------------------------------


def test_the_same_upload_again_changes_nothing(registry: Registry) -> None:
    upload(registry, patients=PATIENTS, treatments=TREATMENTS)
    changes, facts = ChangeLog.objects.count(), TreatmentFact.objects.count()
    again = upload(registry, patients=PATIENTS, treatments=TREATMENTS)
    assert counts(again) == (0, 0, 6, 0)
    assert again.patients_changed == 0
    assert (ChangeLog.objects.count(), TreatmentFact.objects.count()) == (changes, facts)


def test_a_correction_keeps_what_was_known(registry: Registry) -> None:
    first = upload(registry, patients=PATIENTS, treatments=TREATMENTS)
    second = upload(registry, treatments=TREATMENTS.replace("2023-05-20,PD", "2023-05-20,SD"))
    assert counts(second) == (0, 1, 3, 0)
    assert [each.response for each in record(registry, "P-1").treatments] == [None, "stable disease"]
    then = record(registry, "P-1", known_at=first.recorded_at)
    assert [each.response for each in then.treatments] == ["progressive disease", None]
    old = TreatmentFact.objects.get(withdrawn_at__isnull=False)
    assert (old.withdrawn_by, old.withdrawn_at) == (second, second.recorded_at)
    assert ChangeLog.objects.filter(cause=f"upload {second.pk}").count() == 1


def test_a_brand_and_its_substance_are_one_course(registry: Registry) -> None:
    upload(registry, patients=PATIENTS, treatments="patient_id,treatment,start_date\nP-1,Adriamycin,2023-01-10\n")
    again = upload(registry, treatments="patient_id,treatment,start_date\nP-1,doxorubicin,2023-01-10\n")
    assert counts(again) == (0, 1, 0, 0)


def test_a_date_filled_in_later_corrects(registry: Registry) -> None:
    upload(registry, patients=PATIENTS, treatments="patient_id,treatment,start_date\nP-1,doxorubicin,\n")
    again = upload(registry, treatments="patient_id,treatment,start_date\nP-1,doxorubicin,2023-01-10\n")
    assert counts(again) == (0, 1, 0, 0)
    assert [str(each.start) for each in record(registry, "P-1").treatments] == ["2023-01-10"]


def test_conflicting_rows_of_one_file_are_kept(registry: Registry) -> None:
    rows = "patient_id,test,value,date\nP-1,ecog,1,2024-01-01\nP-1,ecog,3,2024-01-01\n"
    done = upload(registry, patients=PATIENTS, observations=rows)
    assert told(done) == [("observations.csv", 3, "rows_conflict")]
    assert sorted(each.low for each in record(registry, "P-1").observations) == [1.0, 3.0]


def test_a_snapshot_withdraws_what_is_absent(registry: Registry) -> None:
    upload(
        registry,
        patients=PATIENTS,
        treatments=TREATMENTS,
        conditions="patient_id,condition,kind\nP-1,leiomyosarcoma,primary\nP-2,leiomyosarcoma,primary\n",
    )
    kept = "\n".join(TREATMENTS.splitlines()[:2]) + "\n"
    done = upload(registry, snapshot=True, treatments=kept)
    assert counts(done) == (0, 0, 1, 3), "every other course is gone"
    assert ConditionFact.objects.filter(withdrawn_at__isnull=True).count() == 2, "a kind without a file is untouched"
    gone = upload(registry, snapshot=True, patients="patient_id,sex,birth_date,data_through\nP-1,f,1960,2024-05-01\n")
    assert [patient.patient_id for patient in selectors.registry_patients(registry)] == ["P-1"]
    assert gone.withdrawn == 2, "the person who left, with what was known of them"
    back = upload(registry, patients=PATIENTS)
    assert back.patients_new == 1
    assert [patient.patient_id for patient in selectors.registry_patients(registry)] == ["P-1", "P-2"]


def test_a_snapshot_keeps_what_a_rejected_row_may_have_meant(registry: Registry) -> None:
    labs = "patient_id,test,value,date\nP-1,ecog,{},2024-01-01\nP-2,ecog,1,2024-01-01\n"
    upload(registry, patients=PATIENTS, observations=labs.format(1))
    done = upload(registry, snapshot=True, observations=labs.format(7))
    assert done.withdrawn == 0
    assert ObservationFact.objects.filter(withdrawn_at__isnull=True).count() == 2


def test_a_snapshot_of_a_header_is_refused(registry: Registry) -> None:
    upload(registry, patients=PATIENTS, treatments=TREATMENTS)
    done = upload(registry, snapshot=True, treatments="patient_id,treatment\n")
    assert done.state == "failed"
    assert "would withdraw every fact" in done.error


def test_a_dry_run_tells_and_stores_nothing(registry: Registry) -> None:
    upload(registry, patients=PATIENTS, treatments=TREATMENTS)
    before = {table: table.objects.count() for table in importing.TABLE_OF.values()}
    changed = TREATMENTS.replace("PD", "SD") + "P-1,olaparib,2024,,\nP-9,olaparib,2024,,\n"
    dry = upload(registry, dry_run=True, snapshot=True, patients=PATIENTS + "P-3,f,,\n", treatments=changed)
    assert (dry.state, dry.recorded_at) == ("compared", None)
    assert {table: table.objects.count() for table in importing.TABLE_OF.values()} == before
    wet = upload(registry, snapshot=True, patients=PATIENTS + "P-3,f,,\n", treatments=changed)
    assert counts(dry) == counts(wet)
    assert (dry.rejected, dry.patients_new) == (wet.rejected, wet.patients_new) == (1, 1)


# --- Files that cannot be used ---------------------------------------------------------------------------------------


BAD_FILES: list[tuple[str, dict[str, str | bytes], str, int | None, str]] = [
    ("missing column", {"treatments": "patient_id,start_date\nP-1,2023\n"}, "treatments.csv", 1,
     "'treatment' is missing"),
    ("NUL", {"treatments": b"patient_id,treatment\nP-1,dox\0o\n"}, "treatments.csv", 2, "NUL byte"),
    ("encoding", {"treatments": "patient_id,treatment\nP-1,épirubicine\n".encode("cp1252")}, "treatments.csv", 2,
     "not UTF-8"),
    ("5 MB field", {"treatments": b"patient_id,treatment\nP-1," + b"x" * 5_000_000 + b"\n"}, "treatments.csv", 2,
     "longer than"),
    ("empty", {"treatments": b""}, "treatments.csv", None, "empty"),
    ("bomb", {"treatments": b"patient_id,treatment\n" + b"0" * 60_000_000}, "treatments.csv", None, "times its size"),
    ("not of any kind", {"shoes": "size,colour\n1,red\n"}, "shoes.csv", 1, "neither its name nor its columns"),
]  # fmt: skip


@pytest.mark.parametrize(("files", "file", "row", "message"), [case[1:] for case in BAD_FILES],
                         ids=[case[0] for case in BAD_FILES])  # fmt: skip
def test_an_unusable_file_fails_the_upload_and_stores_nothing(
    registry: Registry, files: dict[str, str | bytes], file: str, row: int | None, message: str
) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        if "shoes" not in files:
            archive.writestr("patients.csv", PATIENTS)
        for name, content in files.items():
            archive.writestr(f"{name}.csv", content)
    waiting = actions.start_import(registry=registry, by=None, file=buffer, file_name="all.zip")
    done = run_import(waiting.pk)
    assert done.state == "failed"
    problem = UploadProblem.objects.get(upload=done, code="file_unusable")
    assert (problem.file, problem.row) == (file, row)
    assert message in problem.message
    assert problem.message in done.error
    assert problem.remedy in done.error
    assert not Patient.objects.exists()


def test_a_file_that_is_not_recognised_among_others_is_told(registry: Registry) -> None:
    done = upload(registry, patients=PATIENTS, shoes="patient_id,drug_name\nP-1,doxorubicin\nP-9,doxorubicin\n")
    assert told(done) == [("shoes.csv", None, "file_not_recognised")]
    assert (done.state, done.patients_new) == ("applied", 2)
    assert record(registry, "P-1").sexes == ("female",), "its ids contradict nobody and make nobody known"


def test_a_table_of_one_test_leaves_the_person_as_known(registry: Registry) -> None:
    upload(registry, patients=PATIENTS)
    for snapshot in (False, True):
        done = upload(
            registry, snapshot=snapshot, wide="patient_id,ecog,ecog_date\nP-1,1,2024-01-01\nP-2,,\nP-3,2,2024-01-01\n"
        )
        assert done.layout == "wide"
        first = record(registry, "P-1")
        assert (first.sexes, str(first.births[0]), str(first.data_through)) == (("female",), "1960", "2024-05-01")
        assert [each.patient_id for each in selectors.registry_patients(registry)] == ["P-1", "P-2", "P-3"]


def test_windows_1252_where_declared(registry: Registry) -> None:
    content = "patient_id,country\nP-1,Curaçao\n".encode("cp1252")
    waiting = actions.start_import(
        registry=registry, by=None, file=io.BytesIO(content), file_name="patients.csv", encoding="windows-1252"
    )
    assert run_import(waiting.pk).state == "applied"
    assert record(registry, "P-1").country == "Curaçao"


# --- Running ------------------------------------------------------------------------------------------------------


def test_an_upload_is_read_once(registry: Registry) -> None:
    done = upload(registry, patients=PATIENTS)
    with pytest.raises(NotClaimed):
        run_import(done.pk)


def test_two_uploads_of_a_registry_never_interleave(registry: Registry) -> None:
    first = actions.start_import(registry=registry, by=None, file=packed({"patients": PATIENTS}), file_name="a.zip")
    Upload.objects.filter(pk=first.pk).update(state="reading", heartbeat_at=timezone.now(), attempt=1)
    second = actions.start_import(registry=registry, by=None, file=packed({"patients": PATIENTS}), file_name="b.zip")
    with pytest.raises(Busy):
        run_import(second.pk)
    other = actions.create_registry(name="elsewhere", by=None)
    assert upload(other, patients=PATIENTS).state == "applied", "another registry does not wait"
    Upload.objects.filter(pk=first.pk).update(heartbeat_at=timezone.now() - timedelta(hours=1))
    assert set(actions.release_stalled_uploads()) == {first.pk}, "given back at once, waiting ones a minute later"
    assert run_import(first.pk).state == "applied"
    assert run_import(second.pk).state == "applied"


def test_a_worker_that_falls_silent_too_often_ends_its_upload(registry: Registry) -> None:
    waiting = actions.start_import(registry=registry, by=None, file=packed({"patients": PATIENTS}), file_name="a.zip")
    Upload.objects.filter(pk=waiting.pk).update(
        state="comparing", attempt=3, heartbeat_at=timezone.now() - timedelta(hours=1)
    )
    assert actions.release_stalled_uploads() == []
    waiting.refresh_from_db()
    assert (waiting.state, waiting.error) == ("errored", "its worker fell silent 3 times")


def test_who_is_silent_because_it_stores_is_not_taken_for_dead(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = actions.start_import(registry=registry, by=None, file=packed({"patients": PATIENTS}), file_name="a.zip")
    Upload.objects.filter(pk=waiting.pk).update(
        state="comparing", attempt=1, heartbeat_at=timezone.now() - timedelta(hours=1)
    )
    # Who stores holds the row of the registry, and whoever would take it skips what is locked.
    with monkeypatch.context() as patch:
        patch.setattr(
            Registry.objects, "select_for_update", lambda **how: Registry.objects.none() if how["skip_locked"] else None
        )
        assert actions.release_stalled_uploads() == []
    assert actions.release_stalled_uploads() == [waiting.pk]


def test_a_dry_run_tells_while_it_compares_that_it_lives(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = actions.start_import(
        registry=registry, by=None, file=packed({"patients": PATIENTS}), file_name="a.zip", dry_run=True
    )
    monkeypatch.setattr(importing, "PROGRESS_SECONDS", 0.0)
    chunk, told = importing._Store._chunk, []

    def long_ago(store: Any, people: Any) -> None:
        Upload.objects.filter(pk=waiting.pk).update(heartbeat_at=timezone.now() - timedelta(hours=1))
        chunk(store, people)
        told.append(actions.release_stalled_uploads())

    monkeypatch.setattr(importing._Store, "_chunk", long_ago)
    assert run_import(waiting.pk).state == "compared"
    assert told == [[]]


def test_a_worker_taken_for_dead_stores_nothing(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = actions.start_import(registry=registry, by=None, file=packed({"patients": PATIENTS}), file_name="a.zip")
    finish = importing._Store._finish

    def another_claims_it_meanwhile(store: Any) -> None:
        Upload.objects.filter(pk=waiting.pk).update(attempt=2)
        finish(store)

    monkeypatch.setattr(importing._Store, "_finish", another_claims_it_meanwhile)
    with pytest.raises(NotClaimed):
        run_import(waiting.pk)
    assert not Patient.objects.exists()
    assert not PatientDetails.objects.exists()


def test_a_fault_stores_nothing_and_tells_no_patient(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fault(*_: Any, **__: Any) -> None:
        raise RuntimeError(f"duplicate key: ({Patient.objects.latest('pk').patient_id})")

    monkeypatch.setattr(importing.changes, "patients_changed", fault)
    waiting = actions.start_import(registry=registry, by=None, file=packed({"patients": PATIENTS}), file_name="a.zip")
    with pytest.raises(ImportErrored) as told_error:
        run_import(waiting.pk)
    waiting.refresh_from_db()
    assert waiting.state == "errored"
    assert not Patient.objects.exists()
    for text in (str(told_error.value), waiting.error, caplog.text):
        assert text
        assert "P-1" not in text


def test_the_same_file_reads_the_same_after_a_fault(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = actions.start_import(
        registry=registry,
        by=None,
        file=packed({"patients": PATIENTS, "observations": "patient_id,test,value\nP-1,ecog,7\n"}),
        file_name="a.zip",
    )
    with monkeypatch.context() as patch:
        patch.setattr(importing._Store, "_declare", lambda _: (_ for _ in ()).throw(RuntimeError))
        with pytest.raises(ImportErrored):
            run_import(waiting.pk)
    Upload.objects.filter(pk=waiting.pk).update(state="received", finished_at=None, error="")
    done = run_import(waiting.pk)
    assert (done.state, done.attempt, done.accepted, done.rejected) == ("applied", 2, 2, 1)
    assert done.problems.count() == 1, "the problems of the first attempt are not told twice"


def test_every_changed_patient_is_audited_and_logged(registry: Registry) -> None:
    done = upload(registry, patients=PATIENTS, treatments=TREATMENTS)
    pks = set(Patient.objects.values_list("pk", flat=True))
    events = AuditEvent.objects.filter(action="patient facts changed")
    assert {int(event.object_id) for event in events} == pks
    assert {change.patient_id for change in ChangeLog.objects.filter(kind="patient")} == pks
    assert AuditEvent.objects.filter(action="upload applied", object_id=str(done.pk)).count() == 1
    call_command("verify_audit", stdout=io.StringIO())


def test_reading_costs_the_same_queries_however_many_patients(
    registry: Registry, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    many = "patient_id,sex\n" + "".join(f"P-{i},f\n" for i in range(300))
    drugs = "patient_id,treatment,start_date\n" + "".join(f"P-{i},doxorubicin,2023\n" for i in range(300))
    upload(registry, patients=many, treatments=drugs)
    with django_assert_max_num_queries(15):
        records = list(selectors.patient_records(registry))
    assert len(records) == 300
    assert all(len(each.treatments) == 1 for each in records)
    with django_assert_max_num_queries(15):
        assert len(list(selectors.patient_records(registry, ids=[selectors.registry_patients(registry)[0].pk]))) == 1


# --- The command ----------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "canonical"
    folder.mkdir()
    (folder / "patients.csv").write_text(PATIENTS)
    (folder / "treatments.csv").write_text(TREATMENTS + "P-9,=cmd(),2023,,\n")
    (folder / "notes.md").write_text("# not a table")
    return folder


def run_command(*arguments: Any) -> str:
    output = io.StringIO()
    call_command("import_registry", *arguments, stdout=output)
    return output.getvalue()


def test_command_imports_a_folder_and_applies_despite_rejected_rows(folder: Path, tmp_path: Path) -> None:
    rejected = tmp_path / "mend.csv"
    text = run_command("demo", folder, "--rejected", rejected)
    assert "accepted 5, rejected 1" in text
    assert "treatments.csv row 5, patient_id 'P-9': neither the registry nor any other file" in text
    lines = list(csv.DictReader(io.StringIO(rejected.read_text())))
    assert [(line["patient_id"], line["treatment"], line["error_rejected"]) for line in lines] == [
        ("P-9", "'=cmd()", "yes")
    ]
    assert rejected.stat().st_mode & 0o777 == 0o600
    assert Registry.objects.get(name="demo").preset == "cancer registry"


def test_command_shows_some_of_each_problem_and_writes_all(tmp_path: Path) -> None:
    rows = "".join(f"P-1,leiomyosarcoma,2024-01-{day:02},other\n" for day in range(1, 31))
    odd = "P-1,,2024-02-01,\nP-1,=nobody knows this,2024-02-02,\n"
    (tmp_path / "patients.csv").write_text("patient_id\nP-1\n")
    (tmp_path / "conditions.csv").write_text(f"patient_id,condition,date,basis\n{rows}{odd}")
    told = tmp_path / "told.csv"
    text = run_command("demo", tmp_path, "--problems", told)
    assert text.count("basis 'other'") == 2
    assert "conditions.csv row 32" in text and "conditions.csv row 33" in text
    lines = list(csv.DictReader(io.StringIO(told.read_text())))
    assert [line["row"] for line in lines if line["column"] == "basis"] == [str(row) for row in range(2, 32)]
    assert {line["value"] for line in lines if line["row"] == "33"} == {"'=nobody knows this"}
    assert all(line["severity"] and line["code"] and line["message"] for line in lines)
    assert told.stat().st_mode & 0o777 == 0o600
    assert f"every problem is in {told}: {len(lines)}" in text
    assert "add --problems FILE" in run_command("demo", tmp_path)


def test_command_counts_where_somebody_looks_and_names_nobody(folder: Path) -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    seen, piped = Screen(), io.StringIO()
    call_command("import_registry", "demo", folder, stdout=io.StringIO(), stderr=seen)
    assert "reading 6 of 6 rows" in seen.getvalue()
    assert "comparing 2 of" in seen.getvalue() or "comparing 3 of" in seen.getvalue()
    assert "P-1" not in seen.getvalue()
    call_command("import_registry", "demo", folder, stdout=io.StringIO(), stderr=piped)
    assert piped.getvalue() == ""


def test_command_prints_json(folder: Path) -> None:
    result = json.loads(run_command("demo", folder, "--format", "json", "--dry-run"))
    assert result["state"] == "compared"
    assert (result["accepted"], result["rejected"], result["new"]) == (5, 1, 6)
    assert result["first_problems"][0]["code"] == "patient_not_known"
    assert not Patient.objects.exists()


def test_preset_of_a_new_registry_becomes_its_policies(folder: Path) -> None:
    run_command("clinic", folder, "--preset", "clinic")
    current = RegistryPolicy.objects.filter(registry__name="clinic", withdrawn_at__isnull=True)
    assert [(row.domain, row.scope, row.policy, row.needs_data_through) for row in current] == [
        ("conditions", "kind:primary", "complete when present", False),
        ("treatments", "kind:drug", "complete when present", True),
    ]
    with pytest.raises(CommandError, match="exists as a clinic"):
        run_command("clinic", folder, "--preset", "cancer-registry")


@pytest.mark.parametrize(
    ("content", "message"),
    [("", "the file is empty"), ("alpha,beta\n1,2\n", "neither its name nor its columns"),
     ("patient,sex\nP-1,f\n", "'patient_id' is missing")],
)  # fmt: skip
def test_command_fails_on_an_unusable_file(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / ("patients.csv" if "sex" in content else "export.csv")
    path.write_text(content)
    with pytest.raises(CommandError, match=message):
        run_command("demo", path)


def test_command_fails_where_there_is_nothing(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="neither a file nor a folder"):
        run_command("demo", tmp_path / "nothing.csv")
    with pytest.raises(CommandError, match="holds no CSV"):
        run_command("demo", tmp_path)
    with pytest.raises(CommandError, match="choose UTF-8 or Windows-1252"):
        path = tmp_path / "patients.csv"
        path.write_text(PATIENTS)
        run_command("demo", path, "--encoding", "ebcdic")


def test_queued_upload_waits_for_a_worker(folder: Path) -> None:
    text = run_command("demo", folder, "--queue")
    waiting = Upload.objects.get()
    assert waiting.state == "received"
    assert f"upload {waiting.pk} waits" in text


def test_no_fact_is_ever_overwritten() -> None:
    """The only writes to an existing fact are of its withdrawal; every other field keeps what was recorded."""
    registry = actions.create_registry(name="history", by=None)
    upload(registry, patients=PATIENTS, treatments=TREATMENTS)
    before = {row["id"]: row for row in TreatmentFact.objects.values()}
    upload(registry, snapshot=True, treatments=TREATMENTS.replace("PD", "SD").replace("pazopanib", "olaparib"))
    after = {row["id"]: row for row in TreatmentFact.objects.values()}
    withdrawal = {"withdrawn_at", "withdrawn_by_id"}
    for pk, row in before.items():
        assert {name for name in row if row[name] != after[pk][name]} <= withdrawal
    assert issubclass(TreatmentFact, Fact)
    assert sum(1 for pk in before if after[pk]["withdrawn_at"] is not None) == 2


def test_rows_in_memory_and_rows_in_files_make_the_same_record(registry: Registry) -> None:
    """A document's test patient is read as an upload would be: only keys, days and sources differ."""
    tables: dict[str, list[dict[str, str]]] = {
        "conditions": [{"condition": "LMS", "kind": "primary", "body_site": "uterus", "date": "2022", "stage": "IV"}],
        "treatments": [{"treatment": "gemcitabine + docetaxel", "start_date": "2023-01", "line": "1"}],
        "medications": [{"medication": "dexamethasone", "dose": "4", "dose_unit": "mg", "ongoing": "yes"}],
        "observations": [{"test": "ecog", "value": "1", "date": "2024-01-01"}, {"test": "ANC", "value": ">1.5 G/L"}],
        "biomarkers": [{"gene": "TP53", "alteration": "mutation", "result": "negative"}],
        "disease_status": [{"status": "PD", "date": "2024"}],
        "coverage": [{"domain": "treatments", "scope": "drug"}],
    }
    person = {"birth_date": "1960-05", "sex": "f", "data_through": "2024-05-01"}

    def as_csv(rows: list[dict[str, str]]) -> str:
        columns = list(dict.fromkeys(["patient_id", *(name for row in rows for name in row)]))
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, columns)
        writer.writeheader()
        writer.writerows({"patient_id": "P-1", **row} for row in rows)
        return buffer.getvalue()

    done = upload(registry, patients=as_csv([person]), **{kind: as_csv(rows) for kind, rows in tables.items()})
    assert done.rejected == 0
    from_files = record(registry, "P-1")
    in_memory = read_patient({**person, **tables, "patient_id": "P-1"}, today=timezone.now().date())
    ids = [fact.id for fact in in_memory.facts()]
    assert len(ids) == len(set(ids)), "the drugs of a combination are facts of their own"

    def bare(patient: Any) -> Any:
        kinds = [*tables]
        facts = {
            kind: [replace(fact, id="", source=Source(), recorded=None) for fact in getattr(patient, kind)]
            for kind in kinds
        }
        return facts, patient.births, patient.sexes, patient.data_through, patient.policies, patient.suspended

    assert bare(in_memory) == bare(from_files)


@pytest.mark.parametrize(
    "row", [",doxorubicin,2023", "P-l,doxorubicin,2023"], ids=["a row without its patient", "an id mistyped"]
)
def test_a_snapshot_with_a_row_of_nobody_withdraws_nothing_of_its_kind(registry: Registry, row: str) -> None:
    header = "patient_id,treatment,start_date\n"
    upload(registry, patients=PATIENTS, treatments=f"{header}P-1,doxorubicin,2023\nP-2,olaparib,2024\n")
    done = upload(registry, snapshot=True, treatments=f"{header}{row}\nP-2,olaparib,2024\n")
    assert (done.rejected, done.withdrawn) == (1, 0)
    assert ("treatments.csv", None, "nothing_withdrawn") in told(done, "warning")
    mended = upload(registry, snapshot=True, treatments=f"{header}P-2,olaparib,2024\n")
    assert mended.withdrawn == 1


def test_a_row_that_does_not_fit_its_header_suspends_whom_it_names(registry: Registry) -> None:
    upload(registry, patients=PATIENTS, treatments="patient_id,treatment\nP-1,doxorubicin\nP-1,a,b\n")
    assert record(registry, "P-1").suspended == {"treatments"}
    again = upload(registry, snapshot=True, patients=PATIENTS.replace("P-2,m,", "P-2,"))
    assert (again.rejected, again.withdrawn) == (1, 0), "the person of a row that cannot be read stays"


def test_a_row_without_a_name_is_a_fact_without_a_name(registry: Registry) -> None:
    done = upload(registry, patients=PATIENTS, treatments="patient_id,treatment,kind\nP-1,,\nP-2,NA,drug\n")
    assert told(done) == [("treatments.csv", 2, "unnamed"), ("treatments.csv", 3, "unnamed")]
    found = [treatment for patient in ("P-1", "P-2") for treatment in record(registry, patient).treatments]
    assert [(each.named, each.concepts, each.kind) for each in found] == [(False, (), None), (False, (), "drug")]


def test_a_wide_cell_that_is_rejected_leaves_the_rest_of_its_row(registry: Registry) -> None:
    content = b"patient_id,sex,ecog,ecog_date,diagnosis\nW-1,f,7,2024-01-01,leiomyosarcoma\n"
    waiting = actions.start_import(registry=registry, by=None, file=io.BytesIO(content), file_name="wide.csv")
    done = run_import(waiting.pk)
    assert (done.accepted, done.rejected) == (1, 0)
    problem = UploadProblem.objects.get(upload=done, severity="error")
    assert (problem.column, problem.value, problem.rejected) == ("ecog", "7", False)
    assert [line.split(",")[0] for line in rejected_csv(done)] == ["patient_id", "W-1"]
    first = record(registry, "W-1")
    assert (len(first.conditions), first.observations, first.suspended) == (1, (), {"observations"})
