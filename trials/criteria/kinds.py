"""What a rule may ask of: the kinds of record, their fields, and what a field may be tested for.

The table `FIELDS` is the type system of the language. The checks, the evaluators and the manual all read it, so a field
that is not here cannot be written, stored or evaluated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from patients.vocabulary import Domain


class Kind(StrEnum):
    """A kind of record, as a rule names it."""

    DIAGNOSIS = "diagnosis"
    CONDITION = "condition"
    TOXICITY = "toxicity"
    ALLERGY = "allergy"
    FAMILY_HISTORY = "family_history"
    TREATMENT = "treatment"
    MEDICATION = "medication"
    DRUG = "drug"
    BIOMARKER = "biomarker"
    DISEASE_STATUS = "disease_status"
    LINE = "line"
    SITE = "site"


class FieldType(StrEnum):
    """How a field is tested."""

    CODE = "code"  # one of a coded column
    CONCEPT = "concept"  # a concept of the vocabulary
    NUMBER = "number"  # compared with a number (and a unit, or `baseline`)
    YES_NO = "yes_no"
    TEXT = "text"  # compared as a folded word
    OUTCOME = "outcome"  # failure, refractory, intolerant: defined by the document or by default
    LINK = "link"  # KIND(…), or a concept
    STAGE = "stage"  # a stage group; `III` holds IIIA, IIIB, IIIC


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a kind: its type, the coded column or the domains its words come from, and what it means."""

    type: FieldType
    meaning: str
    codes: str = ""
    domains: tuple[Domain, ...] = ()


OUTCOMES = ("failure", "refractory", "intolerant")

_SITE = Field(FieldType.CONCEPT, "body site", domains=(Domain.SITE,))
_STATE = Field(FieldType.CODE, "state at the date asked: active, symptomatic, treated, stable …; `ongoing`", "state")
_DUE_TO = Field(FieldType.LINK, "the treatment or medication that caused it", domains=(Domain.DRUG, Domain.PROCEDURE))
_BASIS = Field(FieldType.CODE, "how it was established", "basis")
_ONGOING = Field(FieldType.YES_NO, "under way at the date asked")
_FOR = Field(FieldType.LINK, "what it is given for", domains=(Domain.CONDITION, Domain.CANCER))
_GRADE = Field(FieldType.NUMBER, "CTCAE grade 1 to 5, or `baseline`")
_CONDITION_STATUS = Field(FieldType.CODE, "present, suspected, resolved or absent", "condition_status")

_DISEASE: Mapping[str, Field] = {
    "state": _STATE,
    "status": _CONDITION_STATUS,
    "site": _SITE,
    "basis": _BASIS,
    "grade": _GRADE,
    "due_to": _DUE_TO,
}

_COURSE: Mapping[str, Field] = {
    "ongoing": _ONGOING,
    "dose": Field(FieldType.NUMBER, "dose per cycle or per administration, with its unit"),
    "for": _FOR,
}

FIELDS: Mapping[Kind, Mapping[str, Field]] = {
    Kind.DIAGNOSIS: {
        "extent": Field(FieldType.CODE, "extent of the disease at the date asked", "extent"),
        "stage": Field(FieldType.STAGE, "stage group: I, IIA, III, IV …"),
        "histology": Field(FieldType.CONCEPT, "histology", domains=(Domain.CANCER,)),
        "tumour_grade": Field(FieldType.TEXT, "histological grade: low, intermediate, high, 1, 2, 3"),
        "laterality": Field(FieldType.CODE, "side", "laterality"),
        **{name: _DISEASE[name] for name in ("state", "status", "site", "basis")},
    },
    Kind.CONDITION: {
        **_DISEASE,
        "kind": Field(FieldType.CODE, "metastasis, comorbidity, toxicity …", "condition_kind"),
        "for": _FOR,
    },
    Kind.TOXICITY: {name: _DISEASE[name] for name in ("state", "status", "grade", "due_to", "site")},
    Kind.ALLERGY: {name: _DISEASE[name] for name in ("status", "grade")},
    Kind.FAMILY_HISTORY: {"status": _CONDITION_STATUS},
    Kind.TREATMENT: {
        "kind": Field(FieldType.CODE, "drug, radiotherapy, surgery, transplant, procedure", "treatment_kind"),
        "intent": Field(FieldType.CODE, "curative, palliative …", "intent"),
        "setting": Field(FieldType.CODE, "neoadjuvant, adjuvant, perioperative, advanced, maintenance", "setting"),
        "line": Field(FieldType.NUMBER, "line of therapy in its setting"),
        "outcome": Field(FieldType.OUTCOME, "failure, refractory or intolerant, as the document defines it"),
        "response": Field(FieldType.CODE, "the response recorded with the treatment itself", "response"),
        "stop_reason": Field(FieldType.CODE, "why it was stopped", "stop_reason"),
        "status": Field(FieldType.CODE, "given, planned, declined, not suitable", "treatment_status"),
        "cycles": Field(FieldType.NUMBER, "cycles given"),
        "relative_dose": Field(FieldType.NUMBER, "relative dose intensity, %"),
        "cumulative_dose": Field(FieldType.NUMBER, "cumulative dose of the course, with its unit"),
        "technique": Field(FieldType.TEXT, "technique of radiotherapy or surgery"),
        "schedule": Field(FieldType.TEXT, "schedule"),
        "site": _SITE,
        "on_trial": Field(FieldType.YES_NO, "given within a clinical trial"),
        "with": Field(FieldType.LINK, "given together with another treatment", domains=(Domain.DRUG,)),
        **_COURSE,
    },
    Kind.MEDICATION: {
        "route": Field(FieldType.CODE, "route of administration", "route"),
        "frequency": Field(FieldType.TEXT, "frequency"),
        **_COURSE,
    },
    Kind.DRUG: dict(_COURSE),
    Kind.BIOMARKER: {
        "alteration": Field(FieldType.CODE, "mutation, fusion, amplification, deletion, expression …", "alteration"),
        "partner": Field(FieldType.CONCEPT, "fusion partner", domains=(Domain.GENE,)),
        "variant": Field(FieldType.TEXT, "variant in protein notation"),
        "exon": Field(FieldType.TEXT, "exon"),
        "class": Field(FieldType.TEXT, "class of variant: truncating, missense …"),
        "value": Field(FieldType.NUMBER, "measured value on the scale"),
        "scale": Field(FieldType.CODE, "CPS, TPS, percent, IHC score, copies", "scale"),
        "result": Field(FieldType.CODE, "positive (default), negative, indeterminate", "result"),
        "significance": Field(FieldType.CODE, "pathogenic … benign", "significance"),
        "origin": Field(FieldType.CODE, "germline or somatic", "origin"),
        "zygosity": Field(FieldType.CODE, "zygosity", "zygosity"),
        "specimen": Field(FieldType.TEXT, "specimen"),
        "assay": Field(FieldType.CONCEPT, "assay that made the finding", domains=(Domain.ASSAY,)),
    },
    Kind.DISEASE_STATUS: {
        "site": _SITE,
        "basis": _BASIS,
    },
    Kind.LINE: {
        "setting": Field(FieldType.CODE, "setting of the line", "setting"),
        "ended": Field(FieldType.YES_NO, "whether the line has ended"),
        "outcome": Field(FieldType.OUTCOME, "outcome of a drug of the line"),
        "response": Field(FieldType.CODE, "best recorded response of a drug of the line", "response"),
    },
    Kind.SITE: {"state": _STATE},
}

#: Where the concepts of a kind's first argument come from.
CONCEPT_DOMAINS: Mapping[Kind, tuple[Domain, ...]] = {
    Kind.DIAGNOSIS: (Domain.CANCER,),
    Kind.CONDITION: (Domain.CONDITION, Domain.CANCER),
    Kind.TOXICITY: (Domain.CONDITION,),
    Kind.ALLERGY: (Domain.DRUG,),
    Kind.FAMILY_HISTORY: (Domain.CONDITION, Domain.CANCER),
    Kind.TREATMENT: (Domain.DRUG, Domain.PROCEDURE),
    Kind.MEDICATION: (Domain.DRUG,),
    Kind.DRUG: (Domain.DRUG,),
    Kind.BIOMARKER: (Domain.GENE,),
    Kind.DISEASE_STATUS: (),  # coded: CODED["disease_status"]
    Kind.LINE: (Domain.DRUG,),
    Kind.SITE: (Domain.CONDITION,),
}
