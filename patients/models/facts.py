"""Patients and their facts, one table per kind, as statements that are recorded and withdrawn but never overwritten.

A fact row holds what the source wrote (`name`, `cells`) beside what it was taken to mean, so a better vocabulary can
read it again. A partial date is two columns, the first and the last day it may mean. Demographics are a fact like
the others, and a patient is in the registry exactly while one `PatientDetails` row of theirs is current.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from patients.models.registries import DOMAINS, Registry, withdrawn_after_recorded
from patients.models.uploads import Upload

#: Longest text of a coded cell or an identifier.
SHORT = 200


def text_field(length: int = SHORT) -> models.CharField:
    """A short text in which empty means not recorded."""
    return models.CharField(max_length=length, blank=True, default="")


def list_field() -> models.JSONField:
    """A list of concept ids or codes, in which empty means not recorded."""
    return models.JSONField(default=list, blank=True)


def number_field() -> models.FloatField:
    """A number that may be missing."""
    return models.FloatField(null=True, blank=True)


def day_field() -> models.DateField:
    """One end of a partial date, or a day that may be missing."""
    return models.DateField(null=True, blank=True)


def partial_date(table: str, name: str) -> tuple[models.CheckConstraint, ...]:
    """The constraint that `name_first` and `name_last` are both there, in order, or both missing."""
    first, last = f"{name}_first", f"{name}_last"
    return (
        models.CheckConstraint(
            condition=(Q(**{f"{first}__isnull": True}) & Q(**{f"{last}__isnull": True}))
            | (Q(**{f"{first}__isnull": False}) & Q(**{f"{last}__isnull": False}) & Q(**{f"{first}__lte": F(last)})),
            name=f"{table}_{name}_interval",
            violation_error_message=f"The {name.replace('_', ' ')} date needs a first and a last day, in order.",
        ),
    )


def not_before(table: str, earlier: str, later: str) -> tuple[models.CheckConstraint, ...]:
    """The constraint that one partial date does not lie wholly before another."""
    return (
        models.CheckConstraint(
            condition=Q(**{f"{earlier}_first__isnull": True})
            | Q(**{f"{later}_last__isnull": True})
            | Q(**{f"{later}_last__gte": F(f"{earlier}_first")}),
            name=f"{table}_{later}_not_before_{earlier}",
            violation_error_message=f"The {later} date lies before the {earlier} date.",
        ),
    )


def not_negative(table: str, *names: str, at_least: float = 0) -> tuple[models.CheckConstraint, ...]:
    """The constraint that a number, where there is one, is not below a bound."""
    return tuple(
        models.CheckConstraint(
            condition=Q(**{f"{name}__isnull": True}) | Q(**{f"{name}__gte": at_least}),
            name=f"{table}_{name}_at_least_{at_least:g}",
            violation_error_message=f"The {name.replace('_', ' ')} is at least {at_least:g}.",
        )
        for name in names
    )


def interval(table: str) -> tuple[models.CheckConstraint, ...]:
    """The constraint that the lowest possible value is not above the highest."""
    return (
        models.CheckConstraint(
            condition=Q(low__isnull=True) | Q(high__isnull=True) | Q(low__lte=F("high")),
            name=f"{table}_low_to_high",
            violation_error_message="The lowest possible value is above the highest.",
        ),
    )


class Patient(models.Model):
    """A person of one registry. Everything that is said about the person is a fact."""

    registry = models.ForeignKey(Registry, on_delete=models.PROTECT, related_name="patients")
    patient_id = models.CharField(max_length=SHORT)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("registry", "patient_id")
        constraints = (
            models.UniqueConstraint(
                fields=("registry", "patient_id"),
                name="patient_id_unique_in_registry",
                violation_error_message="This registry already has a patient with this id.",
            ),
            models.CheckConstraint(
                condition=~Q(patient_id=""),
                name="patient_has_id",
                violation_error_message="A patient needs an id.",
            ),
        )

    def __str__(self) -> str:
        # Titles, logs and messages show this text, so it names the row and not the person.
        return f"patient {self.pk}"


class Naming(models.TextChoices):
    """How the raw name of a fact was read."""

    MAPPED = "mapped", "mapped"
    CONFLICTING = "conflicting", "name and codes contradict each other"
    UNMAPPED = "unmapped", "no vocabulary knows it"
    UNNAMED = "unnamed", "the source gave no name"


class Fact(models.Model):
    """What every kind of fact has: whose it is, its identity, its source, and from when to when it was believed.

    `key` is the record id of the source, or the natural key where it gave none. The natural key is made of concepts,
    the source key of the source's own words: by these a fact is found again after its source began to send ids, or
    after the vocabulary learnt its name.
    """

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT)
    key = models.CharField(max_length=300, help_text="Identity: a later row with the same key corrects this one.")
    natural_key = text_field(300)
    source_key = text_field(300)
    sequence = models.PositiveSmallIntegerField(default=0, help_text="Numbers the conflicting rows of one file.")
    record_id = text_field()
    name = models.TextField(blank=True, default="", help_text="The name as the source wrote it.")
    folded_name = text_field(300)
    naming = models.CharField(max_length=16, choices=Naming, default=Naming.MAPPED)
    cells = models.JSONField(default=dict, blank=True, help_text="The row as the source wrote it, by canonical column.")
    fingerprint = models.CharField(max_length=32, help_text="Digest of all that the row says; equal is unchanged.")
    vocabulary = text_field(80)
    upload = models.ForeignKey(Upload, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    file = models.CharField(max_length=255, blank=True, default="")
    row = models.PositiveIntegerField(null=True, blank=True)
    note = models.CharField(max_length=300, blank=True, default="", help_text="Inference or decision behind it.")
    recorded_at = models.DateTimeField()
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.ForeignKey(Upload, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"


def fact_constraints(table: str) -> tuple[models.BaseConstraint, ...]:
    """What holds for every kind of fact: order of recorded and withdrawn, one current row per identity."""
    return (
        withdrawn_after_recorded(f"{table}_withdrawn_after_recorded"),
        models.CheckConstraint(
            condition=Q(withdrawn_by__isnull=True) | Q(withdrawn_at__isnull=False),
            name=f"{table}_withdrawer_has_time",
            violation_error_message="A fact withdrawn by an upload has the time of it.",
        ),
        models.CheckConstraint(
            condition=~Q(key=""), name=f"{table}_has_key", violation_error_message="A fact needs an identity."
        ),
        models.UniqueConstraint(
            fields=("patient", "key", "sequence"),
            condition=Q(withdrawn_at__isnull=True),
            name=f"{table}_one_current",
            violation_error_message="This patient already has a current fact of this identity; it must be withdrawn.",
        ),
    )


def fact_indexes(table: str) -> tuple[models.Index, ...]:
    """What reading by patient, by upload and by unmapped name needs at 100,000 rows."""
    return (
        models.Index(fields=("patient", "recorded_at"), name=f"{table}_patient_recorded"),
        models.Index(
            fields=("folded_name",),
            condition=Q(withdrawn_at__isnull=True, naming="unmapped"),
            name=f"{table}_unmapped",
        ),
    )


class PatientDetails(Fact):
    """Who the patient is, as one source stated it: one that says both `deceased: no` and when is kept as it is."""

    birth_first = day_field()
    birth_last = day_field()
    sex = text_field(32)
    deceased = models.BooleanField(null=True, blank=True)
    death_first = day_field()
    death_last = day_field()
    country = text_field()
    postal_code = text_field(32)
    data_through = day_field()

    class Meta:
        verbose_name = "patient details"
        verbose_name_plural = "patient details"
        constraints = (
            *fact_constraints("details"),
            *partial_date("details", "birth"),
            *partial_date("details", "death"),
            *not_before("details", "birth", "death"),
        )
        indexes = fact_indexes("details")


class ConditionFact(Fact):
    """A primary, metastasis, comorbidity, toxicity, allergy or family history."""

    concepts = list_field()
    histologies = list_field()
    sites = list_field()
    agents = list_field()
    kind = text_field()
    diagnosis_id = text_field()
    laterality = text_field()
    stage = text_field()
    t = text_field()
    n = text_field()
    m = text_field()
    extent = text_field()
    grade = number_field()
    baseline_grade = number_field()
    tumour_grade = text_field()
    basis = text_field()
    status = text_field()
    states = list_field()
    state_since_first = day_field()
    state_since_last = day_field()
    due_to = list_field()
    date_first = day_field()
    date_last = day_field()
    end_first = day_field()
    end_last = day_field()

    class Meta:
        verbose_name = "condition"
        constraints = (
            *fact_constraints("condition"),
            *partial_date("condition", "date"),
            *partial_date("condition", "end"),
            *partial_date("condition", "state_since"),
            *not_before("condition", "date", "end"),
            models.CheckConstraint(
                condition=(Q(grade__isnull=True) | Q(grade__gte=0, grade__lte=5))
                & (Q(baseline_grade__isnull=True) | Q(baseline_grade__gte=0, baseline_grade__lte=5)),
                name="condition_grade_0_to_5",
                violation_error_message="A grade of toxicity lies between 0 and 5.",
            ),
        )
        indexes = fact_indexes("condition")


class TreatmentFact(Fact):
    """A treatment of a cancer: a drug, radiotherapy, surgery, transplant or procedure."""

    concepts = list_field()
    kind = text_field()
    diagnosis = text_field()
    regimen = text_field()
    intent = text_field()
    setting = text_field()
    line = models.PositiveSmallIntegerField(null=True, blank=True)
    start_first = day_field()
    start_last = day_field()
    end_first = day_field()
    end_last = day_field()
    ongoing = models.BooleanField(null=True, blank=True)
    status = text_field()
    response = text_field()
    stop_reason = text_field()
    dose = number_field()
    dose_unit = text_field()
    cumulative_dose = number_field()
    cumulative_dose_unit = text_field()
    relative_dose = number_field()
    cycles = number_field()
    schedule = text_field()
    technique = text_field()
    sites = list_field()
    on_trial = models.BooleanField(null=True, blank=True)

    class Meta:
        verbose_name = "treatment"
        constraints = (
            *fact_constraints("treatment"),
            *partial_date("treatment", "start"),
            *partial_date("treatment", "end"),
            *not_before("treatment", "start", "end"),
            *not_negative("treatment", "dose", "cumulative_dose", "relative_dose", "cycles"),
            *not_negative("treatment", "line", at_least=1),
        )
        indexes = fact_indexes("treatment")


class MedicationFact(Fact):
    """A medication, vaccine, transfusion or growth factor."""

    concepts = list_field()
    start_first = day_field()
    start_last = day_field()
    end_first = day_field()
    end_last = day_field()
    ongoing = models.BooleanField(null=True, blank=True)
    dose = number_field()
    dose_unit = text_field()
    frequency = text_field()
    route = text_field()
    indications = list_field()
    indication_text = text_field(300)

    class Meta:
        verbose_name = "medication"
        constraints = (
            *fact_constraints("medication"),
            *partial_date("medication", "start"),
            *partial_date("medication", "end"),
            *not_before("medication", "start", "end"),
            *not_negative("medication", "dose"),
        )
        indexes = fact_indexes("medication")


class ObservationFact(Fact):
    """A measured or coded value, as the interval of canonical values that it may mean, beside the original."""

    test = text_field()
    low = number_field()
    high = number_field()
    low_open = models.BooleanField(default=False)
    high_open = models.BooleanField(default=False)
    code = text_field()
    unit = text_field()
    shown = text_field(300)
    date_first = day_field()
    date_last = day_field()
    ref_low = number_field()
    ref_high = number_field()
    method = text_field()
    specimen = text_field()
    laboratory = text_field()

    class Meta:
        verbose_name = "observation"
        constraints = (
            *fact_constraints("observation"),
            *partial_date("observation", "date"),
            *interval("observation"),
            models.CheckConstraint(
                condition=Q(ref_low__isnull=True) | Q(ref_high__isnull=True) | Q(ref_low__lte=F("ref_high")),
                name="observation_ref_low_to_high",
                violation_error_message="The lower reference limit is above the upper.",
            ),
            models.CheckConstraint(
                condition=~Q(test="ecog")
                | ((Q(low__isnull=True) | Q(low__gte=0)) & (Q(high__isnull=True) | Q(high__lte=5))),
                name="observation_ecog_0_to_5",
                violation_error_message="An ECOG performance status lies between 0 and 5.",
            ),
            models.CheckConstraint(
                condition=~Q(test="karnofsky")
                | ((Q(low__isnull=True) | Q(low__gte=0)) & (Q(high__isnull=True) | Q(high__lte=100))),
                name="observation_karnofsky_0_to_100",
                violation_error_message="A Karnofsky performance status lies between 0 and 100.",
            ),
        )
        indexes = fact_indexes("observation")


class BiomarkerFact(Fact):
    """A molecular finding or its denial."""

    genes = list_field()
    partner = text_field()
    alteration = text_field()
    variant = text_field()
    exon = text_field()
    variant_class = text_field()
    low = number_field()
    high = number_field()
    low_open = models.BooleanField(default=False)
    high_open = models.BooleanField(default=False)
    shown = text_field(300)
    unit = text_field()
    scale = text_field()
    result = text_field()
    significance = text_field()
    origin = text_field()
    zygosity = text_field()
    specimen = text_field()
    assay = text_field()
    laboratory = text_field()
    date_first = day_field()
    date_last = day_field()

    class Meta:
        verbose_name = "biomarker"
        constraints = (
            *fact_constraints("biomarker"),
            *partial_date("biomarker", "date"),
            *interval("biomarker"),
        )
        indexes = fact_indexes("biomarker")


class DiseaseStatusFact(Fact):
    """A progression, recurrence, metastasis, relapse, response, stable disease or absence of disease."""

    status = text_field()
    date_first = day_field()
    date_last = day_field()
    sites = list_field()
    basis = text_field()
    diagnosis = text_field()

    class Meta:
        verbose_name = "disease status"
        verbose_name_plural = "disease statuses"
        constraints = (*fact_constraints("status"), *partial_date("status", "date"))
        indexes = fact_indexes("status")


class CoverageFact(Fact):
    """A statement that a kind of fact is completely recorded for a patient."""

    domain = text_field(32)
    scope = models.CharField(max_length=300, default="all")
    complete_through = day_field()

    class Meta:
        verbose_name = "coverage"
        verbose_name_plural = "coverage"
        constraints = (
            *fact_constraints("coverage"),
            models.CheckConstraint(
                condition=Q(domain__in=DOMAINS),
                name="coverage_domain_known",
                violation_error_message="Coverage is about one of the kinds of fact.",
            ),
            models.CheckConstraint(
                condition=~Q(scope=""),
                name="coverage_has_scope",
                violation_error_message="Coverage needs a scope; 'all' is the widest.",
            ),
        )
        indexes = fact_indexes("coverage")


class AnswerFact(models.Model):
    """A person's answer to one criterion, or to one `ask` of it, of a named version of a document."""

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="answers")
    document = models.CharField(max_length=SHORT)
    version = models.PositiveIntegerField()
    criterion = models.CharField(max_length=SHORT)
    question = models.TextField(blank=True, default="", help_text="The words of the `ask`; empty: the criterion.")
    truth = models.BooleanField()
    reason = models.TextField(blank=True, default="")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    answered_on = models.DateField()
    valid_until = models.DateField(null=True, blank=True)
    override = models.BooleanField(default=False)
    recorded_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    withdrawal_reason = models.TextField(blank=True, default="")

    class Meta:
        verbose_name = "answer"
        ordering = ("-id",)
        permissions = (("override_criterion", "Can override the definite truth of a criterion (investigator)"),)
        constraints = (
            withdrawn_after_recorded("answer_withdrawn_after_recorded"),
            models.CheckConstraint(
                condition=(Q(withdrawn_at__isnull=True) & Q(withdrawn_by__isnull=True))
                | (Q(withdrawn_at__isnull=False) & Q(withdrawn_by__isnull=False)),
                name="answer_withdrawn_when_and_who",
                violation_error_message="A withdrawn answer says when and by whom.",
            ),
            models.CheckConstraint(
                condition=Q(valid_until__isnull=True) | Q(valid_until__gte=F("answered_on")),
                name="answer_valid_after_given",
                violation_error_message="An answer cannot cease to be valid before it is given.",
            ),
            models.CheckConstraint(
                condition=Q(override=False) | ~Q(reason=""),
                name="answer_override_has_reason",
                violation_error_message="An override needs a reason.",
            ),
            models.CheckConstraint(
                condition=Q(version__gte=1) & ~Q(document="") & ~Q(criterion=""),
                name="answer_names_a_criterion",
                violation_error_message="An answer names the document, its version and the criterion.",
            ),
            models.UniqueConstraint(
                fields=("patient", "document", "version", "criterion", "question"),
                condition=Q(withdrawn_at__isnull=True),
                name="answer_one_current",
                violation_error_message="This criterion is already answered for this patient; withdraw that answer.",
            ),
        )
        indexes = (models.Index(fields=("patient", "recorded_at"), name="answer_patient_recorded"),)

    def __str__(self) -> str:
        return f"answer {self.pk} to {self.document} {self.criterion}"
