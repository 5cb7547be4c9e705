"""The JSON of trials, options and their versions, and of a rule that is being written."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from patients.api.asking import Asked
from trials.criteria.checks import Severity
from trials.criteria.documents import Confirm, CriterionKind, Polarity, Recruitment, StatementKind, Step, Strength
from trials.models import Version


def choices(words: Any) -> list[tuple[str, str]]:
    """The values of an enum as the choices of a field."""
    return [(each.value, each.value) for each in words]


#: Named here so that the OpenAPI document gives each set of words one name.
CRITERION_KINDS = choices(CriterionKind)
STATEMENT_KINDS = choices(StatementKind)
FINDING_SEVERITIES = choices(Severity)


class Figures(serializers.JSONField):
    """Exact figures of a source, by name."""


class TrialSerializer(serializers.Serializer[Version]):
    """A trial as lists show one, by its version in force."""

    id = serializers.CharField(source="document.code")
    nct = serializers.SerializerMethodField()
    acronym = serializers.SerializerMethodField()
    other_ids = serializers.ListField(source="document.other_ids", child=serializers.CharField())
    title = serializers.CharField(source="document.title")
    version = serializers.IntegerField(source="number")
    recruitment = serializers.ChoiceField(choices=choices(Recruitment), help_text="As the source gives it.")
    open_here = serializers.BooleanField(source="document.open_here")

    def get_nct(self, version: Version) -> str | None:
        return version.document.nct or None

    def get_acronym(self, version: Version) -> str | None:
        return version.document.acronym or None


class OptionSerializer(serializers.Serializer[Version]):
    """A treatment option as lists show one, by its version in force."""

    id = serializers.CharField(source="document.code")
    name = serializers.CharField(source="document.title")
    version = serializers.IntegerField(source="number")


class VersionSerializer(serializers.Serializer[Version]):
    """A frozen state of a document; results name the version they used."""

    version = serializers.IntegerField(source="number")
    in_force = serializers.BooleanField(source="is_published")
    frozen_at = serializers.DateTimeField()
    superseded_at = serializers.DateTimeField(allow_null=True)
    author = serializers.CharField(source="author_name")
    reviewer = serializers.CharField(source="reviewer_name")
    content_hash = serializers.CharField(help_text="Equal for equal content.")


class DefinitionSerializer(serializers.Serializer[Any]):
    """What a word means inside one document."""

    rule = serializers.CharField()
    english = serializers.CharField()


class CitedSourceSerializer(serializers.Serializer[Any]):
    """A source, under the id by which the document names it."""

    id = serializers.CharField()
    text = serializers.CharField()
    url = serializers.CharField(allow_blank=True)


class OriginSerializer(serializers.Serializer[Any]):
    """The registry record that a trial was written from."""

    registry = serializers.CharField(allow_blank=True)
    record = serializers.CharField(allow_blank=True)
    note = serializers.CharField(allow_blank=True)


class CohortSerializer(serializers.Serializer[Any]):
    """A part of a trial."""

    id = serializers.CharField()
    title = serializers.CharField(allow_blank=True)
    open = serializers.BooleanField()


class CriterionSerializer(serializers.Serializer[Any]):
    """A line of a protocol: its words, and a rule as it was written and in English, or why it has none."""

    id = serializers.CharField()
    text = serializers.CharField()
    polarity = serializers.ChoiceField(choices=choices(Polarity))
    kind = serializers.ChoiceField(choices=CRITERION_KINDS)
    category = serializers.ChoiceField(
        choices=choices(Confirm), allow_null=True, help_text="Of a line settled at the visit."
    )
    cohorts = serializers.ListField(child=serializers.CharField(), help_text="Empty: all.")
    rule = serializers.CharField(allow_null=True)
    english = serializers.CharField(allow_null=True)
    note = serializers.CharField(allow_blank=True)


class TrialResultSerializer(serializers.Serializer[Any]):
    """A published result of a trial, with its exact figures."""

    id = serializers.CharField(allow_null=True)
    kind = serializers.CharField(allow_null=True)
    text = serializers.CharField()
    figures = Figures()
    citation = serializers.CharField(allow_null=True)
    sentences = serializers.ListField(child=serializers.CharField())


class _DocumentSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    version = serializers.IntegerField()
    in_force = serializers.BooleanField()
    frozen_at = serializers.DateTimeField()
    superseded_at = serializers.DateTimeField(allow_null=True)
    author = serializers.CharField()
    reviewer = serializers.CharField()
    content_hash = serializers.CharField()
    cancer = serializers.CharField(help_text="The diagnoses it is about.")
    definitions = DefinitionSerializer(many=True)
    citations = CitedSourceSerializer(many=True)


class TrialVersionSerializer(_DocumentSerializer):
    """A trial in full, in one of its versions."""

    nct = serializers.CharField(allow_null=True)
    acronym = serializers.CharField(allow_null=True)
    other_ids = serializers.ListField(child=serializers.CharField())
    title = serializers.CharField()
    phase = serializers.CharField(allow_null=True)
    sponsor = serializers.CharField(allow_null=True)
    sites = serializers.ListField(child=serializers.CharField())
    conditions = serializers.ListField(child=serializers.CharField())
    interventions = serializers.ListField(child=serializers.CharField())
    recruitment = serializers.ChoiceField(choices=choices(Recruitment))
    open_here = serializers.BooleanField()
    offered = serializers.BooleanField(help_text="Takes patients, here and now; a closed trial is never offered.")
    never_offer_reason = serializers.CharField(allow_null=True)
    negative = serializers.BooleanField(help_text="It did not reach its aim.")
    source = OriginSerializer()
    cohorts = CohortSerializer(many=True)
    criteria = CriterionSerializer(many=True)
    results = TrialResultSerializer(many=True)


class CitationSerializer(serializers.Serializer[Any]):
    """Where a statement comes from, with the exact figures of the source."""

    source = serializers.CharField()
    sentences = serializers.ListField(child=serializers.CharField())
    figures = Figures()


#: `with` is a word of Python, so the field is given by name.
DisagreementSerializer = type(
    "DisagreementSerializer",
    (serializers.Serializer,),
    {
        "__doc__": "Another source that says otherwise; shown beside, never resolved.",
        "with": serializers.CharField(),
        "text": serializers.CharField(allow_blank=True),
        "figures": Figures(),
        "source": serializers.CharField(allow_blank=True),
        "jurisdiction": serializers.CharField(allow_blank=True),
    },
)


class StatementSerializer(serializers.Serializer[Any]):
    """A statement of an option: a stance with its strength, a modifier, a *must not use*, or a note."""

    id = serializers.CharField()
    kind = serializers.ChoiceField(choices=STATEMENT_KINDS)
    strength = serializers.ChoiceField(choices=choices(Strength), allow_null=True)
    step = serializers.ChoiceField(choices=choices(Step), allow_null=True)
    text = serializers.CharField()
    rule = serializers.CharField(allow_null=True)
    english = serializers.CharField(allow_null=True)
    action = serializers.CharField(allow_blank=True)
    jurisdiction = serializers.CharField(allow_blank=True)
    citation = CitationSerializer(allow_null=True)
    disagrees = DisagreementSerializer(many=True)
    shared = serializers.BooleanField(help_text="Several options include it, under the same id.")


class OptionVersionSerializer(_DocumentSerializer):
    """A treatment option in full, in one of its versions."""

    name = serializers.CharField()
    statements = StatementSerializer(many=True)


@extend_schema_serializer(
    examples=[
        OpenApiExample("a rule", request_only=True, value={"rule": "anc >= 1.5 10*9/L within 14 days"}),
        OpenApiExample("a typing error", request_only=True, value={"rule": "has diagnosis(leiomyosarkoma)"}),
    ]
)
class RuleSerializer(Asked):
    """A rule of the criteria language, as it is written."""

    rule = serializers.CharField(max_length=10_000, trim_whitespace=False)


class RuleFindingSerializer(serializers.Serializer[Any]):
    """What is wrong with a rule; line and column count from 1 and are 0 where there is no place."""

    code = serializers.CharField()
    severity = serializers.ChoiceField(choices=FINDING_SEVERITIES)
    message = serializers.CharField()
    remedy = serializers.CharField(allow_blank=True)
    line = serializers.IntegerField()
    column = serializers.IntegerField()


class CheckedRuleSerializer(serializers.Serializer[Any]):
    """A rule as it was understood: printed back, and in English; null where it cannot be read."""

    valid = serializers.BooleanField(help_text="A document with this rule could be published.")
    rule = serializers.CharField(allow_null=True)
    english = serializers.CharField(allow_null=True)
    findings = RuleFindingSerializer(many=True)
