"""The facts as they stood on the day that is asked about.

A past as-of date sees no later date: facts of later days are left out, and of a treatment that ended later its end,
response, stop reason and `ongoing: no` are not known yet (SEMANTICS §1.2). Everything after this reads the view alone.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TypeVar

from patients.facts import Biomarker, Condition, DiseaseStatus, Medication, Observation, PartialDate, Patient, Treatment

Dated = TypeVar("Dated", Condition, Observation, Biomarker, DiseaseStatus)


def view_at(patient: Patient, as_of: date) -> Patient:
    """The patient with nothing in sight that happened after `as_of`."""
    known_death = patient.death if patient.death is None or patient.death.first <= as_of else None
    return replace(
        patient,
        deceased=_deceased(patient, as_of),
        death=known_death,
        conditions=tuple(_condition(item, as_of) for item in _upto(patient.conditions, as_of)),
        treatments=tuple(
            _treatment(item, as_of, patient)
            for item in patient.treatments
            if _begun(item.start, as_of) or item.status == "planned"
        ),
        medications=tuple(_medication(item, as_of) for item in patient.medications if _begun(item.start, as_of)),
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


def _deceased(patient: Patient, as_of: date) -> bool | None:
    if patient.death is not None:
        # A partial date of death counts from its last day; before that the patient may still live.
        return patient.death.last <= as_of or (patient.death.first <= as_of and patient.deceased is True)
    if patient.deceased is not True:
        return patient.deceased
    known_from = patient.data_through
    return known_from is None or known_from <= as_of


def _begun(start: PartialDate | None, as_of: date) -> bool:
    return start is None or start.first <= as_of


def _upto(facts: tuple[Dated, ...], as_of: date) -> tuple[Dated, ...]:
    return tuple(fact for fact in facts if _begun(fact.date, as_of))


def _clip(day: PartialDate | None, as_of: date) -> PartialDate | None:
    return day if day is None or day.last <= as_of else PartialDate(day.first, max(day.first, as_of))


def _condition(condition: Condition, as_of: date) -> Condition:
    if condition.end is not None and condition.end.first > as_of:
        status = None if condition.status == "resolved" else condition.status
        return replace(condition, end=None, status=status)
    return condition


def _treatment(treatment: Treatment, as_of: date, patient: Patient) -> Treatment:
    end = treatment.end
    if end is not None:
        if end.last <= as_of:
            return treatment
        if end.first > as_of:
            return replace(treatment, end=None, ongoing=True, response=None, stop_reason=None)
        return replace(treatment, end=_clip(end, as_of), response=None, stop_reason=None)
    # No end is recorded: what is said of its outcome was known when the record was last brought up to date.
    told = patient.data_through or treatment.recorded
    if told is not None and told > as_of and treatment.start is not None:
        ongoing = treatment.ongoing if treatment.ongoing is True else None
        return replace(treatment, ongoing=ongoing, response=None, stop_reason=None)
    return treatment


def _medication(medication: Medication, as_of: date) -> Medication:
    end = medication.end
    if end is not None and end.first > as_of:
        return replace(medication, end=None, ongoing=True)
    return replace(medication, end=_clip(end, as_of))
