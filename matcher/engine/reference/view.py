"""The facts as they stood on the day that is asked about.

A past as-of date sees no later date: facts of later days are left out, and of a treatment that ended later its end,
response, stop reason and `ongoing: no` are not known yet (SEMANTICS §1.2). Everything after this reads the view alone.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TypeVar

from patients.facts import (
    Biomarker,
    Condition,
    DiseaseStatus,
    Fact,
    Medication,
    Observation,
    PartialDate,
    Patient,
    Treatment,
)

Dated = TypeVar("Dated", Condition, Observation, Biomarker, DiseaseStatus)


def view_at(patient: Patient, as_of: date) -> Patient:
    """The patient with nothing in sight that happened after `as_of`."""
    return replace(
        patient,
        deceased=_deceased(patient, as_of),
        death=patient.death if patient.death is not None and patient.death.first <= as_of else None,
        vital_conflict=vital_conflict(patient, as_of),
        conditions=tuple(_condition(item, as_of) for item in _upto(patient.conditions, as_of)),
        treatments=tuple(
            _treatment(item, as_of, patient)
            for item in patient.treatments
            if _begun(item.start, as_of) or item.status == "planned"
        ),
        medications=tuple(
            _medication(item, as_of, patient) for item in patient.medications if _begun(item.start, as_of)
        ),
        observations=_upto(patient.observations, as_of),
        biomarkers=_upto(patient.biomarkers, as_of),
        disease_status=_upto(patient.disease_status, as_of),
        answers=tuple(answer for answer in patient.answers if answer.on <= as_of),
    )


def ignored_after(patient: Patient, as_of: date) -> tuple[str, ...]:
    """References of the facts dated after `as_of`, which the view leaves out and a page flags."""
    seen = {fact.id for fact in view_at(patient, as_of).facts()}
    return tuple(fact.id for fact in patient.facts() if fact.id not in seen)


def deceased(patient: Patient, as_of: date) -> bool:
    """Whether the patient is known to have died on or before `as_of`. Without a date: from `data_through` on."""
    return _deceased(patient, as_of) is True


def vital_conflict(patient: Patient, as_of: date) -> bool:
    """Whether on `as_of` the record says both that the patient lives and that they died.

    A death after `as_of` is not known, be it denied or not; one without a date is known from `data_through` on.
    """
    if not patient.vital_conflict:
        return False
    known_from = patient.death.first if patient.death is not None else patient.data_through
    return known_from is None or known_from <= as_of


def _deceased(patient: Patient, as_of: date) -> bool | None:
    if patient.vital_conflict:
        return None if vital_conflict(patient, as_of) else False
    if patient.death is not None:
        # A partial date of death counts from its last day, or from the day on which the death was known.
        known = patient.data_through is None or patient.data_through <= as_of
        return patient.death.last <= as_of or (patient.death.first <= as_of and patient.deceased is True and known)
    if patient.deceased is not True:
        return patient.deceased
    known_from = patient.data_through
    return known_from is None or known_from <= as_of


def _begun(start: PartialDate | None, as_of: date) -> bool:
    return start is None or start.first <= as_of


def _upto(facts: tuple[Dated, ...], as_of: date) -> tuple[Dated, ...]:
    return tuple(fact for fact in facts if _begun(fact.date, as_of))


def _told(patient: Patient, fact: Fact) -> date | None:
    """The day on which what a record says was known: the data reach so far, or it was recorded then."""
    return patient.data_through or fact.recorded


def _condition(condition: Condition, as_of: date) -> Condition:
    if condition.end is not None and condition.end.first > as_of:
        status = None if condition.status == "resolved" else condition.status
        condition = replace(condition, end=None, status=status)
    if condition.state_since is not None and condition.state_since.first > as_of:
        # Told later of a state that began later: on the day asked about it was another, unknown one.
        condition = replace(condition, states=(), state_since=None)
    return condition


def _treatment(treatment: Treatment, as_of: date, patient: Patient) -> Treatment:
    """A treatment as it was known: one that ended later was under way, and what came of it was not known."""
    if treatment.status == "planned":
        return treatment
    end, told = treatment.end, _told(patient, treatment)
    known_later = told is not None and told > as_of
    ended_later = end is not None and end.first > as_of
    begun = (treatment.start is not None and treatment.start.last <= as_of) or (end is not None and end.last <= as_of)
    if not begun and (known_later or ended_later):
        # It may have begun after the day asked about, whatever was said of it later.
        status = None if treatment.status == "given" else treatment.status
        return replace(treatment, status=status, end=None, ongoing=None, response=None, stop_reason=None)
    if ended_later:
        return replace(treatment, end=None, ongoing=True, response=None, stop_reason=None)
    if end is not None and end.last <= as_of:
        return treatment
    if known_later:
        # The end is not known to lie before the day asked about, and neither is what was said of it.
        ongoing = treatment.ongoing or None
        return replace(treatment, ongoing=ongoing, response=None, stop_reason=None)
    return treatment


def _medication(medication: Medication, as_of: date, patient: Patient) -> Medication:
    end, told = medication.end, _told(patient, medication)
    if end is not None and end.first > as_of:
        begun = medication.start is not None and medication.start.last <= as_of
        return replace(medication, end=None, ongoing=True if begun else None)
    if end is None and told is not None and told > as_of:
        begun = medication.start is not None and medication.start.last <= as_of
        return replace(medication, ongoing=(medication.ongoing or None) if begun else None)
    return medication
