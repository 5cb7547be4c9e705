"""The tables of the patients floor: registries, patients and their facts, uploads, and the append-only trails."""

from patients.models.facts import (
    AnswerFact,
    BiomarkerFact,
    ConditionFact,
    CoverageFact,
    DiseaseStatusFact,
    Fact,
    MedicationFact,
    Naming,
    ObservationFact,
    Patient,
    PatientDetails,
    TreatmentFact,
)
from patients.models.registries import (
    DOMAINS,
    Domain,
    NameMapping,
    Preset,
    ReferenceRange,
    Registry,
    RegistryPolicy,
)
from patients.models.trail import AppendOnlyError, AuditEvent, ChangeLog, TrailHead
from patients.models.uploads import CompletenessSuspension, Upload, UploadProblem

# Django finds tables by importing this module only. The key lives with the rest of trust, and needs the names above.
from patients.trust.keys import ApiKey

__all__ = [
    "DOMAINS",
    "AnswerFact",
    "ApiKey",
    "AppendOnlyError",
    "AuditEvent",
    "BiomarkerFact",
    "ChangeLog",
    "CompletenessSuspension",
    "ConditionFact",
    "CoverageFact",
    "DiseaseStatusFact",
    "Domain",
    "Fact",
    "MedicationFact",
    "NameMapping",
    "Naming",
    "ObservationFact",
    "Patient",
    "PatientDetails",
    "Preset",
    "ReferenceRange",
    "Registry",
    "RegistryPolicy",
    "TrailHead",
    "TreatmentFact",
    "Upload",
    "UploadProblem",
]
