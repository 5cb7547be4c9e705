"""Every constraint of the patients tables, each with a row that it lets in and one that it keeps out.

The table below is checked for completeness: a constraint without its two sides fails the last test.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction

from patients.models import (
    AnswerFact,
    BiomarkerFact,
    ChangeLog,
    CompletenessSuspension,
    ConditionFact,
    CoverageFact,
    DiseaseStatusFact,
    Fact,
    MedicationFact,
    NameMapping,
    ObservationFact,
    Patient,
    PatientDetails,
    ReferenceRange,
    Registry,
    RegistryPolicy,
    TrailHead,
    TreatmentFact,
    Upload,
    UploadProblem,
)

pytestmark = pytest.mark.django_db

#: The tables of this file; other tables of the app have their own tests.
ROOM = "patients.models."
EARLY, LATE = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 6, 1, tzinfo=UTC)
JAN, FEB, MAR = date(2024, 1, 1), date(2024, 2, 1), date(2024, 3, 1)

FACTS: dict[str, type[Fact]] = {
    "details": PatientDetails,
    "condition": ConditionFact,
    "treatment": TreatmentFact,
    "medication": MedicationFact,
    "observation": ObservationFact,
    "biomarker": BiomarkerFact,
    "status": DiseaseStatusFact,
    "coverage": CoverageFact,
}


class World:
    """A registry with one patient, one upload and one person, and rows that break no rule until told to."""

    def __init__(self) -> None:
        self.user = get_user_model().objects.create(username="reader")
        self.registry = Registry.objects.create(name="centre")
        self.patient = Patient.objects.create(registry=self.registry, patient_id="P-1")
        self.upload = Upload.objects.create(registry=self.registry, file_name="all.zip")

    def row(self, model: type[models.Model], **values: Any) -> models.Model:
        return model(**{**self._defaults(model), **values})

    def _defaults(self, model: type[models.Model]) -> dict[str, Any]:
        if issubclass(model, Fact):
            own = {"domain": "treatments"} if model is CoverageFact else {}
            return {"patient": self.patient, "key": "k", "fingerprint": "f", "recorded_at": EARLY, **own}
        defaults: dict[type[models.Model], dict[str, Any]] = {
            Registry: {"name": "other"},
            RegistryPolicy: {
                "registry": self.registry, "domain": "treatments", "policy": "open", "recorded_at": EARLY,
            },
            ReferenceRange: {"registry": self.registry, "test": "anc", "key": "anc", "low": 1.0, "recorded_at": EARLY},
            NameMapping: {
                "registry": self.registry, "domain": "treatments", "name": "x", "concept": "y", "recorded_at": EARLY,
            },
            Patient: {"registry": self.registry, "patient_id": "P-2"},
            Upload: {"registry": self.registry, "file_name": "a.csv"},
            UploadProblem: {
                "upload": self.upload, "file": "a.csv", "row": 2, "severity": "error", "code": "c", "message": "m",
            },
            CompletenessSuspension: {
                "patient": self.patient, "domain": "treatments", "upload": self.upload, "file": "a.csv", "row": 2,
                "recorded_at": EARLY,
            },
            AnswerFact: {
                "patient": self.patient, "document": "LMS03", "version": 1, "criterion": "LMS03-E1", "truth": True,
                "by": self.user, "answered_on": FEB, "recorded_at": EARLY,
            },
            TrailHead: {"id": 1},
            ChangeLog: {
                "kind": "patient", "registry": self.registry, "patient": self.patient, "cause": "c", "at": EARLY,
            },
        }  # fmt: skip
        return defaults[model]


def pair(name: str, first: date | None, last: date | None) -> dict[str, Any]:
    return {f"{name}_first": first, f"{name}_last": last}


Case = tuple[type[models.Model], str, dict[str, Any], dict[str, Any]]

CASES: list[Case] = [
    (Registry, "registry_preset_known", {"preset": "clinic"}, {"preset": "hospital"}),
    (RegistryPolicy, "policy_withdrawn_after_recorded", {"withdrawn_at": LATE},
     {"recorded_at": LATE, "withdrawn_at": EARLY}),
    (RegistryPolicy, "policy_known", {"policy": "complete when present"}, {"policy": "closed"}),
    (RegistryPolicy, "policy_domain_known", {"domain": "conditions"}, {"domain": "patients"}),
    (ReferenceRange, "range_withdrawn_after_recorded", {"withdrawn_at": EARLY},
     {"recorded_at": LATE, "withdrawn_at": EARLY}),
    (ReferenceRange, "range_low_to_high", {"low": 1.0, "high": 1.0}, {"low": 2.0, "high": 1.0}),
    (ReferenceRange, "range_has_a_limit", {"low": None, "high": 5.0}, {"low": None, "high": None}),
    (ReferenceRange, "range_ages_in_order", {"age_from": 18, "age_to": 65}, {"age_from": 65, "age_to": 18}),
    (ReferenceRange, "range_period_in_order", {"valid_from": JAN, "valid_to": JAN},
     {"valid_from": FEB, "valid_to": JAN}),
    (NameMapping, "mapping_withdrawn_after_recorded", {"withdrawn_at": LATE},
     {"recorded_at": LATE, "withdrawn_at": EARLY}),
    (NameMapping, "mapping_says_something", {}, {"concept": ""}),
    (NameMapping, "mapping_domain_known", {"domain": "biomarkers"}, {"domain": "coverage"}),
    (Patient, "patient_has_id", {}, {"patient_id": ""}),
    (Upload, "upload_done_within_total", {"rows_done": 3, "rows_total": 3}, {"rows_done": 4, "rows_total": 3}),
    (Upload, "upload_state_known", {"state": "received"}, {"state": "lost", "finished_at": LATE}),
    (Upload, "upload_ended_has_end", {"state": "compared", "finished_at": LATE}, {"state": "compared"}),
    (Upload, "upload_dry_run_never_applied", {"state": "applied", "finished_at": LATE, "recorded_at": LATE},
     {"state": "applied", "finished_at": LATE, "recorded_at": LATE, "dry_run": True}),
    (Upload, "upload_failure_is_explained", {"state": "failed", "finished_at": LATE, "error": "empty"},
     {"state": "failed", "finished_at": LATE}),
    (UploadProblem, "problem_rejection_is_error", {"rejected": True}, {"rejected": True, "severity": "note"}),
    (UploadProblem, "problem_severity_known", {"severity": "note"}, {"severity": "fatal"}),
    (UploadProblem, "problem_has_message", {}, {"message": ""}),
    (CompletenessSuspension, "suspension_lifted_after_recorded", {"lifted_at": LATE, "lift_reason": "seen"},
     {"recorded_at": LATE, "lifted_at": EARLY, "lift_reason": "seen"}),
    (CompletenessSuspension, "suspension_lifted_with_reason", {"lifted_at": LATE, "lift_reason": "seen"},
     {"lifted_at": LATE}),
    (CompletenessSuspension, "suspension_domain_known", {"domain": "observations"}, {"domain": "patients"}),
    (PatientDetails, "details_birth_interval", pair("birth", JAN, FEB), pair("birth", FEB, JAN)),
    (PatientDetails, "details_death_interval", pair("death", JAN, JAN), pair("death", JAN, None)),
    (PatientDetails, "details_death_not_before_birth", pair("birth", JAN, MAR) | pair("death", FEB, FEB),
     pair("birth", FEB, MAR) | pair("death", JAN, JAN)),
    (ConditionFact, "condition_date_interval", pair("date", JAN, FEB), pair("date", FEB, JAN)),
    (ConditionFact, "condition_end_interval", pair("end", JAN, FEB), pair("end", None, JAN)),
    (ConditionFact, "condition_state_since_interval", pair("state_since", JAN, FEB), pair("state_since", FEB, JAN)),
    (ConditionFact, "condition_end_not_before_date", pair("date", FEB, MAR) | pair("end", JAN, FEB),
     pair("date", FEB, MAR) | pair("end", JAN, JAN)),
    (ConditionFact, "condition_grade_0_to_5", {"grade": 0, "baseline_grade": 5}, {"baseline_grade": 6}),
    (TreatmentFact, "treatment_start_interval", pair("start", JAN, FEB), pair("start", FEB, JAN)),
    (TreatmentFact, "treatment_end_interval", pair("end", JAN, FEB), pair("end", FEB, JAN)),
    (TreatmentFact, "treatment_end_not_before_start", pair("start", JAN, JAN) | pair("end", JAN, JAN),
     pair("start", FEB, FEB) | pair("end", JAN, JAN)),
    (TreatmentFact, "treatment_dose_at_least_0", {"dose": 0}, {"dose": -1}),
    (TreatmentFact, "treatment_cumulative_dose_at_least_0", {"cumulative_dose": 450}, {"cumulative_dose": -0.5}),
    (TreatmentFact, "treatment_relative_dose_at_least_0", {"relative_dose": 80}, {"relative_dose": -80}),
    (TreatmentFact, "treatment_cycles_at_least_0", {"cycles": 0}, {"cycles": -1}),
    (TreatmentFact, "treatment_line_at_least_1", {"line": 1}, {"line": 0}),
    (MedicationFact, "medication_start_interval", pair("start", JAN, FEB), pair("start", FEB, JAN)),
    (MedicationFact, "medication_end_interval", pair("end", JAN, FEB), pair("end", FEB, JAN)),
    (MedicationFact, "medication_end_not_before_start", pair("start", JAN, MAR) | pair("end", FEB, FEB),
     pair("start", FEB, FEB) | pair("end", JAN, JAN)),
    (MedicationFact, "medication_dose_at_least_0", {"dose": 4}, {"dose": -4}),
    (ObservationFact, "observation_date_interval", pair("date", JAN, JAN), pair("date", FEB, JAN)),
    (ObservationFact, "observation_low_to_high", {"low": 1, "high": 1}, {"low": 2, "high": 1}),
    (ObservationFact, "observation_ref_low_to_high", {"ref_low": 1, "ref_high": 2}, {"ref_low": 2, "ref_high": 1}),
    (ObservationFact, "observation_ecog_0_to_5", {"test": "ecog", "low": 0, "high": 5},
     {"test": "ecog", "low": 7, "high": 7}),
    (ObservationFact, "observation_karnofsky_0_to_100", {"test": "karnofsky", "low": 100, "high": 100},
     {"test": "karnofsky", "low": 101, "high": 101}),
    (BiomarkerFact, "biomarker_date_interval", pair("date", JAN, FEB), pair("date", FEB, JAN)),
    (BiomarkerFact, "biomarker_low_to_high", {"low": 1, "high": None}, {"low": 50, "high": 10}),
    (DiseaseStatusFact, "status_date_interval", pair("date", JAN, FEB), pair("date", JAN, None)),
    (CoverageFact, "coverage_domain_known", {"domain": "conditions"}, {"domain": "patients"}),
    (CoverageFact, "coverage_has_scope", {"scope": "all"}, {"scope": ""}),
    (AnswerFact, "answer_withdrawn_after_recorded", {},
     {"recorded_at": LATE, "withdrawn_at": EARLY, "withdrawn_by": "user"}),
    (AnswerFact, "answer_withdrawn_when_and_who", {"withdrawn_at": LATE, "withdrawn_by": "user"},
     {"withdrawn_at": LATE}),
    (AnswerFact, "answer_valid_after_given", {"valid_until": FEB}, {"valid_until": JAN}),
    (AnswerFact, "answer_override_has_reason", {"override": True, "reason": "seen in clinic"}, {"override": True}),
    (AnswerFact, "answer_names_a_criterion", {"version": 1}, {"version": 0}),
    (TrailHead, "trail_has_one_head", {"id": 1}, {"id": 2}),
    (ChangeLog, "change_names_its_patient", {"kind": "registry", "patient": None}, {"kind": "registry"}),
    *[
        (model, f"{table}_{rule}", good, bad)
        for table, model in FACTS.items()
        for rule, good, bad in (
            ("withdrawn_after_recorded", {"withdrawn_at": EARLY}, {"recorded_at": LATE, "withdrawn_at": EARLY}),
            ("withdrawer_has_time", {"withdrawn_at": LATE, "withdrawn_by": "upload"}, {"withdrawn_by": "upload"}),
            ("has_key", {}, {"key": ""}),
        )
    ],
]  # fmt: skip


def filled(world: World, values: dict[str, Any]) -> dict[str, Any]:
    rows = {"user": world.user, "upload": world.upload}
    return {name: rows.get(value, value) if name == "withdrawn_by" else value for name, value in values.items()}


@pytest.mark.parametrize(("model", "name", "good", "bad"), CASES, ids=[case[1] for case in CASES])
def test_constraint_has_two_sides(
    model: type[models.Model], name: str, good: dict[str, Any], bad: dict[str, Any]
) -> None:
    world = World()
    row = world.row(model, **filled(world, good))
    row.validate_constraints()
    with transaction.atomic():
        row.save(force_insert=True)
        transaction.set_rollback(True)

    constraint = next(each for each in model._meta.constraints if each.name == name)
    wrong = world.row(model, **filled(world, bad))
    with pytest.raises(ValidationError) as told:
        constraint.validate(model, wrong)
    assert constraint.violation_error_message in str(told.value)
    assert not constraint.violation_error_message.startswith("Constraint"), "the message is Django's own"
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        wrong.save(force_insert=True)


UNIQUE: list[tuple[type[models.Model], str, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    # model, constraint, the row that is there, another that may be, another that may not
    (RegistryPolicy, "policy_one_current", {}, {"scope": "kind:drug"}, {"policy": "complete when present"}),
    (ReferenceRange, "range_one_current", {}, {"key": "anc|female"}, {"low": 2.0}),
    (NameMapping, "mapping_one_current_per_registry", {}, {"registry": None}, {"concept": "z"}),
    (NameMapping, "mapping_one_current_for_all", {"registry": None}, {}, {"registry": None, "concept": "z"}),
    (Patient, "patient_id_unique_in_registry", {}, {"patient_id": "P-3"}, {}),
    (Upload, "upload_one_under_way", {"state": "reading"}, {"state": "received"}, {"state": "comparing"}),
    (AnswerFact, "answer_one_current", {}, {"question": "does it count?"}, {"truth": False}),
    *[
        (model, f"{table}_one_current", {}, {"sequence": 1}, {"fingerprint": "other"})
        for table, model in FACTS.items()
    ],
]  # fmt: skip


@pytest.mark.parametrize(("model", "name", "there", "good", "bad"), UNIQUE, ids=[case[1] for case in UNIQUE])
def test_one_current_row(
    model: type[models.Model], name: str, there: dict[str, Any], good: dict[str, Any], bad: dict[str, Any]
) -> None:
    world = World()
    world.row(model, **there).save(force_insert=True)
    world.row(model, **good).save(force_insert=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        world.row(model, **bad).save(force_insert=True)
    if hasattr(model, "withdrawn_at"):
        extra = {"withdrawn_at": LATE} | ({"withdrawn_by": world.user} if model is AnswerFact else {})
        world.row(model, **bad, **extra).save(force_insert=True)


def test_every_constraint_has_its_case() -> None:
    cased = {name for _, name, *_ in CASES} | {name for _, name, *_ in UNIQUE}
    ours = [model for model in apps.get_app_config("patients").get_models() if model.__module__.startswith(ROOM)]
    named = {each.name for model in ours for each in model._meta.constraints}
    assert named - cased == set()
    assert cased - named == set()


def test_no_text_of_a_row_names_the_patient() -> None:
    world = World()
    shown = [str(world.patient)] + [str(world.row(model)) for model in FACTS.values()]
    assert not any("P-1" in text for text in shown)
