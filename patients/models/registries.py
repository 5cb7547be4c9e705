"""Registries and what is declared for a whole registry: how its silence is read, its normal ranges, its names.

Every declaration is a dated row. A change withdraws the old row and records a new one, so that an evaluation of last
year can be repeated with the policies, ranges and mappings that were known then.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

DOMAINS = ("conditions", "treatments", "medications", "observations", "biomarkers", "disease_status")


class Domain(models.TextChoices):
    """The kinds of fact of which completeness can be stated."""

    CONDITIONS = "conditions", "conditions"
    TREATMENTS = "treatments", "treatments"
    MEDICATIONS = "medications", "medications"
    OBSERVATIONS = "observations", "observations"
    BIOMARKERS = "biomarkers", "biomarkers"
    DISEASE_STATUS = "disease_status", "disease status"


class Preset(models.TextChoices):
    """What a registry is, asked once when it is created; it decides the policies that are recorded with it."""

    CANCER_REGISTRY = "cancer registry", "cancer registry"
    CLINIC = "clinic", "clinic"


class Declaration(models.Model):
    """A dated row that is withdrawn, never overwritten."""

    recorded_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        abstract = True


def withdrawn_after_recorded(name: str) -> models.CheckConstraint:
    """The constraint that nothing is withdrawn before it was recorded."""
    return models.CheckConstraint(
        condition=Q(withdrawn_at__isnull=True) | Q(withdrawn_at__gte=F("recorded_at")),
        name=name,
        violation_error_message="Something cannot be withdrawn before it was recorded.",
    )


class Registry(models.Model):
    """A register of patients, whose `name` is the handle that commands, the API and audit rows use."""

    name = models.SlugField(max_length=80, unique=True, help_text="Short handle: letters, digits, hyphen, underscore.")
    title = models.CharField(max_length=200, blank=True)
    time_zone = models.CharField(max_length=64, default="UTC", help_text="IANA name; decides what 'today' is.")
    preset = models.CharField(max_length=32, choices=Preset, default=Preset.CANCER_REGISTRY)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        verbose_name_plural = "registries"
        ordering = ("name",)
        constraints = (
            models.CheckConstraint(
                condition=Q(preset__in=Preset.values),
                name="registry_preset_known",
                violation_error_message="A registry is a clinic or a cancer registry.",
            ),
        )

    def __str__(self) -> str:
        return self.title or self.name


class RegistryPolicy(Declaration):
    """How the absence of a record is read in one domain and scope, where no coverage row says it."""

    class Reading(models.TextChoices):
        OPEN = "open", "open: absence says nothing"
        COMPLETE = "complete when present", "complete for a patient who has at least one fact of it"

    registry = models.ForeignKey(Registry, on_delete=models.PROTECT, related_name="policies")
    domain = models.CharField(max_length=32, choices=Domain)
    scope = models.CharField(max_length=300, default="all")
    policy = models.CharField(max_length=32, choices=Reading)
    currency_days = models.PositiveIntegerField(null=True, blank=True)
    needs_data_through = models.BooleanField(
        default=False, help_text="Only for patients whose own data_through is recorded."
    )
    upload = models.ForeignKey("patients.Upload", null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        verbose_name_plural = "registry policies"
        ordering = ("registry", "domain", "scope")
        constraints = (
            withdrawn_after_recorded("policy_withdrawn_after_recorded"),
            models.CheckConstraint(
                condition=Q(policy__in=["open", "complete when present"]),
                name="policy_known",
                violation_error_message="A policy is 'open' or 'complete when present'.",
            ),
            models.CheckConstraint(
                condition=Q(domain__in=DOMAINS),
                name="policy_domain_known",
                violation_error_message="A policy is about one of the kinds of fact.",
            ),
            models.UniqueConstraint(
                fields=("registry", "domain", "scope"),
                condition=Q(withdrawn_at__isnull=True),
                name="policy_one_current",
                violation_error_message="This registry already has a policy for the domain and scope; withdraw it.",
            ),
        )

    def __str__(self) -> str:
        return f"{self.domain} {self.scope}: {self.policy}"


class ReferenceRange(Declaration):
    """A laboratory's normal range of a test, in the test's canonical unit, for a sex, ages and a period."""

    registry = models.ForeignKey(Registry, on_delete=models.PROTECT, related_name="ranges")
    test = models.CharField(max_length=100)
    sex = models.CharField(max_length=32, blank=True, default="")
    age_from = models.FloatField(null=True, blank=True)
    age_to = models.FloatField(null=True, blank=True)
    low = models.FloatField(null=True, blank=True)
    high = models.FloatField(null=True, blank=True)
    valid_from = models.DateField(null=True, blank=True)
    valid_to = models.DateField(null=True, blank=True)
    laboratory = models.CharField(max_length=200, blank=True, default="")
    shown = models.CharField(max_length=200, blank=True, default="", help_text="As the source wrote it.")
    key = models.CharField(max_length=300, help_text="Identity: test, sex, ages, period, laboratory.")
    upload = models.ForeignKey("patients.Upload", null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("registry", "test", "sex", "age_from")
        constraints = (
            withdrawn_after_recorded("range_withdrawn_after_recorded"),
            models.CheckConstraint(
                condition=Q(low__isnull=True) | Q(high__isnull=True) | Q(low__lte=F("high")),
                name="range_low_to_high",
                violation_error_message="The lower limit of a range cannot be above its upper limit.",
            ),
            models.CheckConstraint(
                condition=Q(low__isnull=False) | Q(high__isnull=False),
                name="range_has_a_limit",
                violation_error_message="A range needs a lower or an upper limit.",
            ),
            models.CheckConstraint(
                condition=(Q(age_from__isnull=True) | Q(age_from__gte=0))
                & (Q(age_from__isnull=True) | Q(age_to__isnull=True) | Q(age_from__lte=F("age_to"))),
                name="range_ages_in_order",
                violation_error_message="Ages of a range are not negative and go from low to high.",
            ),
            models.CheckConstraint(
                condition=Q(valid_from__isnull=True) | Q(valid_to__isnull=True) | Q(valid_from__lte=F("valid_to")),
                name="range_period_in_order",
                violation_error_message="A range cannot cease to be valid before it begins to be.",
            ),
            models.UniqueConstraint(
                fields=("registry", "key"),
                condition=Q(withdrawn_at__isnull=True),
                name="range_one_current",
                violation_error_message="This registry already has this range; withdraw it first.",
            ),
        )

    def __str__(self) -> str:
        return f"{self.test} {self.low} to {self.high}"


class NameMapping(Declaration):
    """A person's decision what a name of the source means: for one registry, or for all where `registry` is null."""

    registry = models.ForeignKey(
        Registry, null=True, blank=True, on_delete=models.PROTECT, related_name="name_mappings"
    )
    domain = models.CharField(max_length=32, choices=Domain)
    name = models.CharField(max_length=300, help_text="The folded name: lower case, no accents, single spaces.")
    concept = models.CharField(max_length=200)

    class Meta:
        ordering = ("domain", "name")
        constraints = (
            withdrawn_after_recorded("mapping_withdrawn_after_recorded"),
            models.CheckConstraint(
                condition=~Q(name="") & ~Q(concept=""),
                name="mapping_says_something",
                violation_error_message="A mapping needs a name and a concept.",
            ),
            models.CheckConstraint(
                condition=Q(domain__in=DOMAINS),
                name="mapping_domain_known",
                violation_error_message="A mapping is about one of the kinds of fact.",
            ),
            models.UniqueConstraint(
                fields=("registry", "domain", "name"),
                condition=Q(withdrawn_at__isnull=True, registry__isnull=False),
                name="mapping_one_current_per_registry",
                violation_error_message="This name is already mapped in this registry; withdraw that mapping first.",
            ),
            models.UniqueConstraint(
                fields=("domain", "name"),
                condition=Q(withdrawn_at__isnull=True, registry__isnull=True),
                name="mapping_one_current_for_all",
                violation_error_message="This name is already mapped for all registries; withdraw that mapping first.",
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} → {self.concept}"
