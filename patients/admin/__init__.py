"""The admin's pages over registries, their uploads, and patients with their facts.

Pages show; what they are asked to do is done by `patients.actions`. Floors above add to the pages of a registry and
of a patient through `REGISTRY_SECTIONS` and `PATIENT_SECTIONS`.
"""

from patients.admin.people import PATIENT_SECTIONS, PatientAdmin
from patients.admin.registries import REGISTRY_SECTIONS, RegistryAdmin
from patients.admin.trail import AuditEventAdmin
from patients.admin.uploads import UploadAdmin

__all__ = [
    "PATIENT_SECTIONS",
    "REGISTRY_SECTIONS",
    "AuditEventAdmin",
    "PatientAdmin",
    "RegistryAdmin",
    "UploadAdmin",
]
