"""One patient as the engines see them: frozen rows of facts, nothing of the database.

Every field that a source may leave out is optional, and `None` or an empty tuple always means *not recorded*. Concepts
come resolved: a tuple of the concepts a record may mean, one where it is certain, several where its name and codes
contradict each other, none where no vocabulary knows it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from patients.facts.dates import PartialDate


@dataclass(frozen=True, slots=True)
class Source:
    """Where a fact was read: upload and file with its row, or the form or inference that gave it."""

    file: str = ""
    row: int | None = None
    upload: int | None = None
    note: str = ""

    def __str__(self) -> str:
        parts = [f"upload {self.upload}"] if self.upload is not None else []
        if self.file:
            parts.append(f"{self.file} row {self.row}" if self.row is not None else self.file)
        if self.note:
            parts.append(self.note)
        return ", ".join(parts) or "entered by hand"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What every fact carries: a reference that never changes, its source, the day it was recorded, the raw name."""

    id: str
    raw: str = ""
    source: Source = Source()
    recorded: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition(Fact):
    """A statement of a disease: a primary, a metastasis, a comorbidity, a toxicity, an allergy or a family history.

    `concepts` are the possible meanings of the whole; `histologies` and `sites` the two axes of a tumour, each a tuple
    of possibilities. `agents` are the possible agents of an allergy. `due_to` names a treatment or medication.
    """

    concepts: tuple[str, ...] = ()
    histologies: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    named: bool = True
    kind: str | None = None
    diagnosis_id: str | None = None
    laterality: str | None = None
    stage: str | None = None
    t: str | None = None
    n: str | None = None
    m: str | None = None
    extent: str | None = None
    grade: float | None = None
    baseline_grade: float | None = None
    tumour_grade: str | None = None
    basis: str | None = None
    status: str | None = None
    states: tuple[str, ...] = ()
    state_since: PartialDate | None = None
    due_to: tuple[str, ...] = ()
    date: PartialDate | None = None
    end: PartialDate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment(Fact):
    """A treatment of a cancer; doses are in the units beside them."""

    concepts: tuple[str, ...] = ()
    named: bool = True
    kind: str | None = None
    diagnosis: str | None = None
    regimen: str | None = None
    intent: str | None = None
    setting: str | None = None
    line: int | None = None
    start: PartialDate | None = None
    end: PartialDate | None = None
    ongoing: bool | None = None
    status: str | None = None
    response: str | None = None
    stop_reason: str | None = None
    dose: float | None = None
    dose_unit: str | None = None
    cumulative_dose: float | None = None
    cumulative_dose_unit: str | None = None
    relative_dose: float | None = None
    cycles: float | None = None
    schedule: str | None = None
    technique: str | None = None
    sites: tuple[str, ...] = ()
    on_trial: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Medication(Fact):
    """A medication, vaccine, transfusion or growth factor."""

    concepts: tuple[str, ...] = ()
    named: bool = True
    start: PartialDate | None = None
    end: PartialDate | None = None
    ongoing: bool | None = None
    dose: float | None = None
    dose_unit: str | None = None
    frequency: str | None = None
    route: str | None = None
    indications: tuple[str, ...] = ()
    indication_text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation(Fact):
    """A measured or coded value. `low` and `high` bound the canonical value (they differ after a comparator).

    An open bound is marked by `low_open` / `high_open`. A coded test has `code` instead. `unit` is the canonical unit,
    `shown` the value as the source wrote it; reference limits are in the canonical unit.
    """

    test: str | None = None
    low: float | None = None
    high: float | None = None
    low_open: bool = False
    high_open: bool = False
    code: str | None = None
    unit: str | None = None
    shown: str = ""
    date: PartialDate | None = None
    ref_low: float | None = None
    ref_high: float | None = None
    method: str | None = None
    specimen: str | None = None
    laboratory: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Biomarker(Fact):
    """A molecular finding or its denial. `genes` are the possible genes; a gene family stands as its own concept."""

    genes: tuple[str, ...] = ()
    named: bool = True
    partner: str | None = None
    alteration: str | None = None
    variant: str | None = None
    exon: str | None = None
    variant_class: str | None = None
    low: float | None = None
    high: float | None = None
    low_open: bool = False
    high_open: bool = False
    shown: str = ""
    unit: str | None = None
    scale: str | None = None
    result: str | None = None
    significance: str | None = None
    origin: str | None = None
    zygosity: str | None = None
    specimen: str | None = None
    assay: str | None = None
    laboratory: str | None = None
    date: PartialDate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DiseaseStatus(Fact):
    """A progression, recurrence, metastasis, relapse, response, stable disease or absence of disease on a date."""

    status: str | None = None
    date: PartialDate | None = None
    sites: tuple[str, ...] = ()
    basis: str | None = None
    diagnosis: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage(Fact):
    """A statement that a kind of fact is completely recorded. `scope` is the text of SEMANTICS §1.2, canonical."""

    domain: str = ""
    scope: str = "all"
    complete_through: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Fact):
    """A person's answer to one criterion (`question` empty) or to one `ask` of a named version of a document."""

    document: str
    version: int
    criterion: str
    question: str = ""
    truth: bool = True
    reason: str = ""
    by: str = ""
    on: date
    valid_until: date | None = None
    override: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """How a registry's silence is read for a domain and scope: `open` or `complete when present`, and its currency."""

    domain: str
    scope: str = "all"
    complete_when_present: bool = False
    currency_days: int | None = None
    needs_data_through: bool = False


@dataclass(frozen=True, slots=True)
class ReferenceRange:
    """A laboratory's normal range of a test, in the canonical unit, for a sex, ages and a period."""

    test: str
    low: float | None = None
    high: float | None = None
    sex: str | None = None
    age_from: float | None = None
    age_to: float | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    laboratory: str | None = None


#: Read by every evaluation that is told of no policy: a registry that records a patient's cancer records their cancers.
DEFAULT_POLICIES: tuple[Policy, ...] = (Policy("conditions", "kind:primary", complete_when_present=True),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """A patient of one registry with all facts known at one instant.

    `births` and `sexes` hold more than one entry where sources contradict each other. With `vital_conflict` the record
    says both that the patient lives and that they died: `deceased` is None then, and `death` the day that is denied.
    `suspended` names the domains whose completeness an unreadable row put in doubt.
    """

    registry: str = ""
    patient_id: str = ""
    births: tuple[PartialDate, ...] = ()
    sexes: tuple[str, ...] = ()
    deceased: bool | None = None
    death: PartialDate | None = None
    vital_conflict: bool = False
    country: str | None = None
    postal_code: str | None = None
    data_through: date | None = None
    conditions: tuple[Condition, ...] = ()
    treatments: tuple[Treatment, ...] = ()
    medications: tuple[Medication, ...] = ()
    observations: tuple[Observation, ...] = ()
    biomarkers: tuple[Biomarker, ...] = ()
    disease_status: tuple[DiseaseStatus, ...] = ()
    coverage: tuple[Coverage, ...] = ()
    answers: tuple[Answer, ...] = ()
    policies: tuple[Policy, ...] = DEFAULT_POLICIES
    ranges: tuple[ReferenceRange, ...] = ()
    suspended: frozenset[str] = field(default_factory=frozenset)
    source: Source = Source()

    def facts(self) -> Iterator[Fact]:
        """Every dated statement of every kind, answers and coverage left out."""
        yield from self.conditions
        yield from self.treatments
        yield from self.medications
        yield from self.observations
        yield from self.biomarkers
        yield from self.disease_status
