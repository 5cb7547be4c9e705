"""Patients and observations with the columns of the canonical files, and nothing that the peer could not fill.

A date is text, for a registry's dates may be partial; concepts, units, history and audit have no place here.
"""

from __future__ import annotations

from django.db import models


class Patient(models.Model):
    """A patient by the id of the registry."""

    patient_id = models.CharField(max_length=200, unique=True)

    def __str__(self) -> str:
        return f"patient {self.pk}"


class Observation(models.Model):
    """One row of observations.csv."""

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT)
    record_id = models.CharField(max_length=200, unique=True)
    test = models.CharField(max_length=200)
    value = models.CharField(max_length=200)
    unit = models.CharField(max_length=200, blank=True)
    date = models.CharField(max_length=10, blank=True)
    ref_low = models.FloatField(null=True, blank=True)
    ref_high = models.FloatField(null=True, blank=True)
    method = models.CharField(max_length=200, blank=True)
    specimen = models.CharField(max_length=200, blank=True)

    def __str__(self) -> str:
        return f"observation {self.pk}"
