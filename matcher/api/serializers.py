"""The JSON of runs, counts, matches and explanations, in the shapes that the commands print too.

What an answer holds is made by `matcher.engine.wire`; the serializers here describe it for the OpenAPI document, and a
test holds that the two agree.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from matcher.engine import Block, Change, Reason, Truth
from matcher.models import MatchRun, Needs, Status, StatusChange
from matcher.runs import DATA_THROUGH, read_as_of
from matcher.selectors import progress_at
from patients.api.asking import Asked
from patients.api.serializers import ProgressSerializer
from trials.api.serializers import CRITERION_KINDS, STATEMENT_KINDS, CitationSerializer, DisagreementSerializer, choices
from trials.criteria.documents import Confirm, Polarity, Step, Strength

TRUTHS = [(truth.word, truth.word) for truth in reversed(Truth)]
AS_OF = "A date such as 2026-01-15, or `data-through`: each patient at the end of their own record. Default: today."


@extend_schema_field({"type": "string", "examples": ["2026-01-15", DATA_THROUGH], "nullable": True})
class AsOfField(serializers.CharField):
    """The date a question is asked at."""

    def to_internal_value(self, data: Any) -> Any:
        try:
            return read_as_of(super().to_internal_value(data))
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from None


# --- Runs ---------------------------------------------------------------------------------------------------------


class RunProgressSerializer(ProgressSerializer):
    """How far a run is, and how fast, once a part of it is done."""

    per_second = serializers.FloatField(allow_null=True, help_text="Patients done a second so far.")
    seconds_left = serializers.IntegerField(allow_null=True, help_text="At that rate, while it is under way.")


class RunTrialSerializer(serializers.Serializer[Any]):
    """A trial of a run, in the version that was evaluated."""

    id = serializers.CharField(source="version.document.code")
    version = serializers.IntegerField(source="version.number")


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "running",
            response_only=True,
            status_codes=["200", "202"],
            value={
                "id": 7,
                "registry": "sarcoma",
                "state": "running",
                "ended": False,
                "kind": "standing",
                "scope": "whole",
                "because": "asked for",
                "progress": {
                    "done": 400,
                    "total": 1000,
                    "unit": "patients",
                    "per_second": 200.0,
                    "seconds_left": 3,
                },
                "as_of": "2026-01-15",
                "known_at": "2026-01-15T09:30:00Z",
                "trials": [{"id": "LMS03", "version": 1}],
                "undated": 0,
                "vocabulary": "2026-01",
                "engine": "1+0123456789ab",
                "error": "",
                "created_at": "2026-01-15T09:30:00Z",
                "started_at": "2026-01-15T09:30:01Z",
                "finished_at": None,
            },
        )
    ]
)
class RunSerializer(serializers.Serializer[MatchRun]):
    """A match run: a registry against trials, how far it is, and what its answers rest on."""

    id = serializers.IntegerField()
    registry = serializers.CharField(source="registry.name")
    kind = serializers.ChoiceField(
        choices=MatchRun.Kind.choices, help_text="A standing run brings the answers that hold now up to date."
    )
    scope = serializers.ChoiceField(
        choices=MatchRun.Scope.choices, help_text="Whom and what a standing run covers; an asked one is whole."
    )
    because = serializers.CharField(allow_blank=True, help_text="What made the system start it.")
    state = serializers.ChoiceField(
        choices=MatchRun.State.choices, help_text="pending and running go on by themselves; finished is the good end."
    )
    ended = serializers.BooleanField(source="has_ended", help_text="Nothing more will happen: stop asking.")
    progress = serializers.SerializerMethodField()
    as_of = serializers.SerializerMethodField(help_text="A date, or data-through.")
    known_at = serializers.DateTimeField(help_text="The instant whose facts are used.")
    trials = RunTrialSerializer(
        source="run_versions", many=True, help_text="Those it names: a run of some patients asks about all that stand."
    )
    undated = serializers.IntegerField(help_text="With data-through: patients without one, asked about at known_at.")
    vocabulary = serializers.CharField()
    engine = serializers.CharField()
    error = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)

    def get_progress(self, run: MatchRun) -> RunProgressSerializer:
        done = run.patients_done or 0  # type: ignore[attr-defined]  # annotated by the view
        found = progress_at(run, done)
        return {  # type: ignore[return-value]  # the serializer named is the shape, for the schema
            "done": done, "total": run.patients, "unit": "patients", "per_second": found.per_second,
            "seconds_left": found.seconds_left,
        }  # fmt: skip

    def get_as_of(self, run: MatchRun) -> str:
        return as_of_json(run)


def as_of_json(run: MatchRun) -> str:
    """The as-of of a run as commands and the API write it."""
    return DATA_THROUGH if run.as_of_kind == MatchRun.AsOf.DATA_THROUGH else run.as_of.isoformat()


@extend_schema_serializer(
    examples=[
        OpenApiExample("all trials, today", request_only=True, value={"registry": "sarcoma"}),
        OpenApiExample(
            "one trial, at the end of each record",
            request_only=True,
            value={"registry": "sarcoma", "trials": ["NCT01442662"], "as_of": DATA_THROUGH},
        ),
    ]
)
class StartRunSerializer(Asked):
    """What to match."""

    registry = serializers.CharField(max_length=80)
    trials = serializers.ListField(
        child=serializers.CharField(max_length=80),
        required=False,
        max_length=1000,
        help_text="By any name they answer to. Default: every trial in force, closed ones too.",
    )
    as_of = AsOfField(required=False, allow_null=True, help_text=AS_OF)
    keep = serializers.BooleanField(
        required=False,
        default=False,
        help_text="Keep these answers up to date from now on: every trial, as of today or data-through.",
    )


class StatusCountsSerializer(serializers.Serializer[Any]):
    """Patients per status; the dead stand in none of them."""

    potentially_eligible = serializers.IntegerField()
    needs_information = serializers.IntegerField()
    not_now = serializers.IntegerField()
    not_eligible = serializers.IntegerField()
    deceased = serializers.IntegerField()


class TrialCountsSerializer(serializers.Serializer[Any]):
    """The counts of one trial."""

    id = serializers.CharField()
    version = serializers.IntegerField()
    counts = StatusCountsSerializer()


class RunCountsSerializer(serializers.Serializer[Any]):
    """What a finished run counted."""

    run = serializers.IntegerField()
    as_of = serializers.CharField()
    known_at = serializers.DateTimeField()
    trials = TrialCountsSerializer(many=True)


class FunnelStepSerializer(serializers.Serializer[Any]):
    """One criterion of a funnel, over the living."""

    criterion = serializers.CharField()
    alone = serializers.IntegerField(help_text="Patients for whom it is not met.")
    in_order = serializers.IntegerField(help_text="Those of them who were still in: it is what removes them.")
    unknown = serializers.IntegerField(help_text="Patients for whom it is left open.")


class FunnelSerializer(serializers.Serializer[Any]):
    """Where the patients of a run are lost, criterion by criterion."""

    run = serializers.IntegerField()
    id = serializers.CharField()
    version = serializers.IntegerField()
    counts = StatusCountsSerializer()
    funnel = FunnelStepSerializer(many=True)


class ReachSerializer(serializers.Serializer[Any]):
    """How far a missing fact reaches."""

    pairs = serializers.IntegerField(help_text="Pairs of a patient and a trial.")
    patients = serializers.IntegerField()
    trials = serializers.IntegerField()


class MissingFactSerializer(serializers.Serializer[Any]):
    """A fact that pairs of a patient and a trial lack; the alternatives of an `or` are one."""

    id = serializers.CharField(help_text="For `missing_fact` of the list of matches.")
    kind = serializers.CharField()
    concepts = serializers.ListField(child=serializers.CharField())
    attribute = serializers.CharField(allow_blank=True)
    window = serializers.CharField(allow_blank=True)
    text = serializers.CharField(help_text="What to ask for, in words.")
    settles = ReachSerializer(help_text="After it they need no more facts, whatever its value.")
    asked = ReachSerializer(help_text="All that lack it.")


class MissingFactsSerializer(serializers.Serializer[Any]):
    """What to find out first: the missing facts of a finished run."""

    run = serializers.IntegerField()
    as_of = serializers.CharField()
    known_at = serializers.DateTimeField()
    count = serializers.IntegerField(help_text="How many facts are missing; the first `limit` follow.")
    facts = MissingFactSerializer(many=True)


# --- Matches ------------------------------------------------------------------------------------------------------


class MissingSerializer(serializers.Serializer[Any]):
    """A fact that a person can supply and that would decide something; alternatives stand together."""

    kind = serializers.CharField()
    concepts = serializers.ListField(child=serializers.CharField())
    attribute = serializers.CharField(allow_blank=True)
    window = serializers.CharField(allow_blank=True)
    text = serializers.CharField(help_text="What to ask for.")
    criteria = serializers.ListField(
        child=serializers.CharField(), help_text="Who ask for it; none where it is the vital status that is in doubt."
    )
    settles = serializers.BooleanField(help_text="After it the pair needs no more facts, whatever its value.")


class ToReadSerializer(serializers.Serializer[Any]):
    """A question that only a reader can settle."""

    criterion = serializers.CharField()
    question = serializers.CharField()


class CohortStatusSerializer(serializers.Serializer[Any]):
    """The status of one cohort."""

    id = serializers.CharField()
    status = serializers.ChoiceField(choices=Status.choices)
    open = serializers.BooleanField()
    clears_on = serializers.DateField(allow_null=True)


class _AnswerSerializer(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    status = serializers.ChoiceField(
        choices=Status.choices, help_text="Never a bare eligible: the investigator decides."
    )
    offered = serializers.BooleanField(help_text="The trial takes patients here and now.")
    cohort = serializers.CharField(allow_null=True, help_text="The best cohort, where the trial has cohorts.")
    cohorts = CohortStatusSerializer(many=True)
    needs = serializers.ChoiceField(
        choices=Needs.choices, allow_null=True, help_text="What a pair that needs information needs."
    )
    missing = MissingSerializer(many=True)
    to_read = ToReadSerializer(many=True)
    clears_on = serializers.DateField(
        allow_null=True, help_text="When time alone clears what stands against it; null: it does not."
    )


class MatchSerializer(_AnswerSerializer):
    """A patient and a trial that is not ruled out. A pair without a row is not eligible, or the patient has died."""

    id = serializers.IntegerField()
    run = serializers.IntegerField()
    patient = serializers.IntegerField(help_text="Opaque id of the patient.")
    registry = serializers.CharField()
    patient_id = serializers.CharField(allow_null=True, help_text="null without the scope patients:read.")
    trial = serializers.CharField()
    as_of = serializers.DateField(help_text="The date on which it was found; it may have held ever since.")
    current = serializers.BooleanField(help_text="It holds now.")
    replaced_by = serializers.IntegerField(allow_null=True, help_text="The run that found otherwise.")
    replaced_at = serializers.DateTimeField(allow_null=True)


class StatusChangeSerializer(serializers.Serializer[StatusChange]):
    """A status that is another than it was, and what caused that."""

    id = serializers.IntegerField()
    run = serializers.IntegerField(source="run_id")
    registry = serializers.CharField(source="run.registry.name")
    patient = serializers.IntegerField(source="patient_id")
    trial = serializers.CharField(source="document.code")
    version = serializers.IntegerField(source="version.number")
    from_status = serializers.SerializerMethodField(help_text="null: the patient was not in the registry.")
    to_status = serializers.ChoiceField(choices=Status.choices)
    cause = serializers.ChoiceField(choices=StatusChange.Cause.choices)
    detail = serializers.CharField(allow_blank=True, help_text="The upload or action behind it.")
    because = serializers.SerializerMethodField(
        help_text="The facts that decided, or whose time was up; null without the scope patients:read."
    )
    at = serializers.DateTimeField()

    @extend_schema_field(serializers.CharField(allow_null=True, allow_blank=True))
    def get_because(self, change: StatusChange) -> str | None:
        return change.because if self.context.get("identified") else None

    @extend_schema_field(serializers.ChoiceField(choices=Status.choices, allow_null=True))
    def get_from_status(self, change: StatusChange) -> str | None:
        return change.from_status or None


# --- Explanations -------------------------------------------------------------------------------------------------


class EvidenceSerializer(serializers.Serializer[Any]):
    """One fact that was used, as a person reads it."""

    fact = serializers.CharField(help_text="Its reference, which stands in the patient's record too.")
    value = serializers.CharField(allow_blank=True)
    unit = serializers.CharField(allow_blank=True)
    date = serializers.CharField(allow_blank=True)
    source = serializers.CharField(allow_blank=True)


@extend_schema_field({"$ref": "#/components/schemas/Leaves"})
class PartsField(serializers.JSONField):
    """The parts of a node: nodes again."""


class LeavesSerializer(serializers.Serializer[Any]):
    """A node of the tree of a rule with its answer; `parts` are nodes of the same shape."""

    rule = serializers.CharField(allow_null=True)
    truth = serializers.ChoiceField(choices=TRUTHS)
    reason = serializers.ChoiceField(choices=choices(Reason), allow_null=True)
    change = serializers.ChoiceField(choices=choices(Change), allow_null=True)
    note = serializers.CharField(allow_blank=True)
    evidence = EvidenceSerializer(many=True)
    missing = serializers.ListField(child=serializers.CharField())
    parts = serializers.ListField(child=PartsField())


class CriterionAnswerSerializer(serializers.Serializer[Any]):
    """One criterion for one patient, its polarity applied: met is always good for the patient."""

    id = serializers.CharField()
    text = serializers.CharField()
    polarity = serializers.ChoiceField(choices=choices(Polarity))
    kind = serializers.ChoiceField(choices=CRITERION_KINDS)
    category = serializers.ChoiceField(choices=choices(Confirm), allow_null=True)
    cohorts = serializers.ListField(child=serializers.CharField())
    rule = serializers.CharField(allow_null=True)
    truth = serializers.ChoiceField(choices=TRUTHS, allow_null=True, help_text="null: the line has no truth.")
    reason = serializers.ChoiceField(choices=choices(Reason), allow_null=True, help_text="Of an unknown.")
    change = serializers.ChoiceField(
        choices=choices(Change), allow_null=True, help_text="How the truth can turn into its contrary."
    )
    clears_on = serializers.DateField(allow_null=True)
    note = serializers.CharField(allow_blank=True)
    overridden = serializers.ChoiceField(
        choices=TRUTHS, allow_null=True, help_text="The truth that an investigator's answer stands over."
    )
    evidence = EvidenceSerializer(many=True)
    missing = serializers.ListField(child=serializers.CharField())
    leaves = LeavesSerializer(allow_null=True)


@extend_schema_field({"$ref": "#/components/schemas/TrialAnswer"})
class TrialAnswerField(serializers.JSONField):
    """The same answer for another cancer of the patient."""


class TrialAnswerSerializer(_AnswerSerializer):
    """A patient against a trial: the status, and every criterion with what decided it."""

    id = serializers.CharField()
    cancer = serializers.CharField(allow_blank=True, help_text="The cancer of the patient that counts.")
    criteria = CriterionAnswerSerializer(many=True)
    other_cancers = serializers.ListField(child=TrialAnswerField())


class StatementAnswerSerializer(serializers.Serializer[Any]):
    """One statement of an option for one patient."""

    id = serializers.CharField()
    kind = serializers.ChoiceField(choices=STATEMENT_KINDS)
    strength = serializers.ChoiceField(choices=choices(Strength), allow_null=True)
    step = serializers.ChoiceField(choices=choices(Step), allow_null=True)
    text = serializers.CharField()
    rule = serializers.CharField(allow_null=True)
    truth = serializers.ChoiceField(choices=TRUTHS, allow_null=True, help_text="null: it has no rule and always holds.")
    reason = serializers.ChoiceField(choices=choices(Reason), allow_null=True)
    action = serializers.CharField(allow_blank=True)
    jurisdiction = serializers.CharField(allow_blank=True)
    citation = CitationSerializer(allow_null=True)
    disagrees = DisagreementSerializer(many=True)
    evidence = EvidenceSerializer(many=True)
    missing = serializers.ListField(child=serializers.CharField())


class OptionAnswerSerializer(serializers.Serializer[Any]):
    """An option for one patient: its block, its rank among those that apply, every statement."""

    id = serializers.CharField()
    name = serializers.CharField()
    version = serializers.IntegerField()
    rank = serializers.IntegerField(allow_null=True)
    block = serializers.ChoiceField(choices=choices(Block))
    strength = serializers.ChoiceField(choices=choices(Strength), allow_null=True)
    missing = MissingSerializer(many=True)
    statements = StatementAnswerSerializer(many=True)


class ExplanationSerializer(serializers.Serializer[Any]):
    """One patient against trials and options, with everything that decided."""

    registry = serializers.CharField()
    patient_id = serializers.CharField()
    as_of = serializers.DateField()
    known_at = serializers.DateTimeField()
    deceased = serializers.BooleanField()
    vital_conflict = serializers.BooleanField(
        help_text="The record says both that the patient lives and that they died: no status is better than "
        "needs_information."
    )
    trials = TrialAnswerSerializer(many=True)
    options = OptionAnswerSerializer(many=True)


# --- Rules --------------------------------------------------------------------------------------------------------


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "a question", request_only=True, value={"rule": "has treatment(doxorubicin)", "registry": "sarcoma"}
        )
    ]
)
class EvaluateRuleSerializer(Asked):
    """A rule to try over a registry."""

    rule = serializers.CharField(max_length=10_000, trim_whitespace=False)
    registry = serializers.CharField(max_length=80)
    as_of = AsOfField(required=False, allow_null=True, help_text=AS_OF)


class TruthCountsSerializer(serializers.Serializer[Any]):
    """Patients per truth, the dead among them."""

    met = serializers.IntegerField()
    unknown = serializers.IntegerField()
    not_met = serializers.IntegerField()


class PatientTruthSerializer(serializers.Serializer[Any]):
    """The truth of a rule for one patient."""

    patient_id = serializers.CharField()
    truth = serializers.ChoiceField(choices=TRUTHS)
    reason = serializers.ChoiceField(choices=choices(Reason), allow_null=True)
    registry = serializers.CharField()


class EvaluatedRuleSerializer(serializers.Serializer[Any]):
    """A rule over a registry: its reading in English, counts, and the truth per patient."""

    rule = serializers.CharField()
    english = serializers.CharField()
    as_of = serializers.CharField()
    known_at = serializers.DateTimeField()
    undated = serializers.IntegerField()
    counts = TruthCountsSerializer()
    patients = PatientTruthSerializer(many=True)
