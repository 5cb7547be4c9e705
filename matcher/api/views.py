"""Runs, matches and explanations over HTTP: thin views over what commands and pages use too.

A run is a job: it is started with 202 and asked about until it has ended. An explanation is computed when it is asked
for, shows the facts of a patient, and is therefore an audit row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

from django.db.models import Q, QuerySet, Sum
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from matcher import runs, selectors
from matcher.answers import RuleRefused, evaluate_over, explain, read_rule
from matcher.api.filters import MatchFilter, RunFilter, StatusChangeFilter, trial_named
from matcher.api.serializers import (
    AS_OF,
    EvaluatedRuleSerializer,
    EvaluateRuleSerializer,
    ExplanationSerializer,
    FunnelSerializer,
    MatchSerializer,
    MissingFactsSerializer,
    RunCountsSerializer,
    RunSerializer,
    StartRunSerializer,
    StatusChangeSerializer,
    as_of_json,
)
from matcher.models import Match, MatchRun, StatusChange
from patients import trust
from patients.api.access import Scoped, audit_seen, has_scope, registries_of, registry_named
from patients.api.problems import MEDIA_TYPE, Conflict, ProblemSerializer
from patients.api.views import JOB_HEADERS, KNOWN_AT, accepted, instant_asked, job_status, patient_seen
from patients.models import Patient
from patients.selectors import registry_patients
from patients.trust.keys import Scope
from trials.criteria.errors import InvalidNode, RuleError
from trials.models import Version
from trials.selectors import current_version

#: Missing facts given where no limit is said, and the highest limit.
FACTS_GIVEN, MOST_FACTS = 50, 1000
#: The largest registry over which a rule is tried while the caller waits; a larger one takes the command.
MAX_PATIENTS_OF_A_RULE = 2000

AS_OF_PARAMETER = OpenApiParameter("as_of", str, description=AS_OF)
TRIAL_PARAMETER = OpenApiParameter(
    "trial", str, many=True, description="These trials only, by any name they answer to. Default: every one in force."
)


def trial_version(name: str) -> Version:
    """The version in force of a trial by any of its names. Raises ValidationError about the field `trials`."""
    document = trial_named(name, field="trials")
    version = current_version(document)
    if version is None:
        raise ValidationError({"trials": f"{document.code} is not published yet: no version of it is in force"})
    return version


@extend_schema_view(
    list=extend_schema(summary="Match runs, the first first"),
    retrieve=extend_schema(summary="How far a run is, and what its answers rest on", responses=RunSerializer),
)
class Runs(Scoped, viewsets.ReadOnlyModelViewSet[MatchRun]):
    """Match runs as jobs: start one, ask how far it is, read what it counted."""

    serializer_class = RunSerializer
    filterset_class = RunFilter
    queryset = MatchRun.objects.none()
    lookup_value_regex = r"\d{1,18}"
    scopes = (Scope.MATCHES_READ,)
    scopes_of: ClassVar = {
        "create": (Scope.RUNS_WRITE,),
        # Who started a run may ask how far it is.
        "retrieve": ((Scope.MATCHES_READ, Scope.RUNS_WRITE),),
    }
    throttle_of: ClassVar = {"create": "jobs"}

    def get_queryset(self) -> QuerySet[MatchRun]:
        return (
            MatchRun.objects.filter(registry__in=registries_of(self.request))
            .select_related("registry")
            .prefetch_related("run_versions__version__document")
            .annotate(patients_done=Sum("shards__patients", filter=Q(shards__state="done")))
            .order_by("pk")
        )

    def retrieve(self, request: Request, pk: str) -> Response:
        run = run_seen(request, pk, among=self.get_queryset())
        return job_status(RunSerializer(run).data)

    @extend_schema(
        summary="Start a match run",
        description="Evaluates every patient of a registry against trials on a date. The answer is the job: ask at "
        "its `Location` until it has `ended`. Every trial as of today (or whatever the registry keeps, see `keep`) "
        "brings the answers that hold now up to date; while that goes on another is refused with 409.",
        request=StartRunSerializer,
        responses={202: RunSerializer, (409, MEDIA_TYPE): ProblemSerializer},
        parameters=JOB_HEADERS,
    )
    def create(self, request: Request) -> Response:
        asked = StartRunSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        registry = registry_named(request, asked.validated_data["registry"])
        names = asked.validated_data.get("trials")
        run = started(
            registry=registry,
            versions=None if names is None else versions_named(names),
            as_of=asked.validated_data.get("as_of"),
            by=request.user,
            keep=asked.validated_data.get("keep", False),
        )
        return accepted(RunSerializer(self.get_queryset().get(pk=run.pk)).data, at=reverse("run-detail", args=[run.pk]))

    @extend_schema(
        summary="What a run counted",
        responses={200: RunCountsSerializer, (409, MEDIA_TYPE): ProblemSerializer},
        filters=False,
    )
    @action(detail=True, pagination_class=None)
    def counts(self, request: Request, pk: str) -> Response:
        """Patients per trial and status, the dead apart. Only of a finished run."""
        run = finished(run_seen(request, pk))
        return Response(
            {
                "run": run.pk,
                "as_of": as_of_json(run),
                "known_at": run.known_at,
                "trials": [
                    {"id": each.version.document.code, "version": each.version.number, "counts": each.as_dict()}
                    for each in selectors.counts_of(run)
                ],
            }
        )

    @extend_schema(
        summary="Where the patients of a run are lost",
        parameters=[OpenApiParameter("trial", str, required=True, description="By any name it answers to.")],
        responses={200: FunnelSerializer, (409, MEDIA_TYPE): ProblemSerializer},
        filters=False,
    )
    @action(detail=True, pagination_class=None)
    def funnel(self, request: Request, pk: str) -> Response:
        """The criteria of a trial in their order, with the patients that each removes or leaves open."""
        run = finished(run_seen(request, pk))
        name = request.query_params.get("trial")
        if not name:
            raise ValidationError({"trial": "say which trial; `trials` of the run names them"})
        document = trial_named(name)
        count = selectors.counts_of(run).filter(version__document=document).first()
        if count is None:
            raise NotFound(f"run {run.pk} did not evaluate {document.code}")
        return Response(
            {
                "run": run.pk,
                "id": document.code,
                "version": count.version.number,
                "counts": count.as_dict(),
                "funnel": count.funnel,
            }
        )

    @extend_schema(
        summary="Which missing facts would settle the most pairs",
        parameters=[
            OpenApiParameter("offered_only", bool, description="true: of trials that take patients. Default: of all."),
            OpenApiParameter("limit", int, description=f"Facts given, up to {MOST_FACTS}. Default: {FACTS_GIVEN}."),
        ],
        responses={200: MissingFactsSerializer, (409, MEDIA_TYPE): ProblemSerializer},
        filters=False,
    )
    @action(detail=True, pagination_class=None, url_path="missing-facts")
    def missing_facts(self, request: Request, pk: str) -> Response:
        """The facts that pairs needing information lack, those first that would settle most of them."""
        run = finished(run_seen(request, pk))
        limit, found = _limit(request), runs.settling_of(run)
        facts = found.offered if yes_or_no(request, "offered_only") else found.every
        return Response(
            {
                "run": run.pk,
                "as_of": as_of_json(run),
                "known_at": run.known_at,
                "count": len(facts),
                "facts": [selectors.missing_fact_json(fact) for fact in facts[:limit]],
            }
        )


def _limit(request: Request) -> int:
    """How many facts are asked for. Raises ValidationError."""
    text = request.query_params.get("limit", str(FACTS_GIVEN))
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:9]) <= MOST_FACTS):
        raise ValidationError({"limit": f"write a number from 1 to {MOST_FACTS}"})
    return int(text)


def yes_or_no(request: Request, name: str) -> bool | None:
    """What a parameter says, None where it is left out. Raises ValidationError."""
    text = request.query_params.get(name, "").lower()
    if text not in ("", "true", "false"):
        raise ValidationError({name: "write true or false"})
    return text == "true" if text else None


def started(**asked: Any) -> MatchRun:
    """A run that was just started. Raises Conflict where the answers are being brought up to date already."""
    try:
        return runs.start_run(**asked)
    except runs.UnderWay as busy:
        raise Conflict("; ".join(busy.messages)) from None


def run_seen(request: Request, pk: Any, *, among: QuerySet[MatchRun] | None = None) -> MatchRun:
    """A run of a registry that exists for the caller. Raises NotFound."""
    found = MatchRun.objects.filter(registry__in=registries_of(request)).select_related("registry")
    run = (among if among is not None else found).filter(pk=pk).first()
    if run is None:
        raise NotFound("there is no such run for you; GET /api/v1/runs/ lists yours")
    return run


def finished(run: MatchRun) -> MatchRun:
    """The run. Raises Conflict unless it is finished: what it stored so far is not its answer."""
    if run.state != MatchRun.State.FINISHED:
        after = f": {run.error}" if run.error else ""
        raise Conflict(f"run {run.pk} is {run.get_state_display()}{after}; it answers when it is finished")
    return run


def versions_named(names: Sequence[str]) -> list[Version]:
    """The versions in force of trials by their names. Raises ValidationError for an empty list or one named twice."""
    versions = [trial_version(name) for name in names]
    if not versions:
        raise ValidationError({"trials": "name at least one trial, or leave `trials` out for all"})
    if len({version.pk for version in versions}) < len(versions):
        raise ValidationError({"trials": "one trial is named twice, perhaps under two of its names"})
    return versions


MATCH_SOURCES = [
    OpenApiParameter("run", int, description="What this run found. Without it: what holds now."),
    OpenApiParameter("registry", str, description="Matches of this registry."),
    OpenApiParameter("patient", int, description="Matches of this patient, by opaque id."),
    OpenApiParameter(
        "missing_fact", str, description="Those that lack this fact, by its id in `missing-facts` of a run."
    ),
    OpenApiParameter(
        "settles", bool, description="true: with `missing_fact`, only those which that fact would settle."
    ),
]


@extend_schema_view(
    list=extend_schema(
        summary="Which trials fit a patient, which patients fit a trial",
        description="The matches of a run, a registry or a patient: name at least one of them. Without a run: what "
        "holds now, kept up to date as facts, trials and the day change. A pair without a row is not eligible. Shows "
        "the registry's own ids, and writes an audit row, where the key has `patients:read`.",
        parameters=MATCH_SOURCES,
        responses={200: MatchSerializer(many=True), (409, MEDIA_TYPE): ProblemSerializer},
    ),
    retrieve=extend_schema(summary="One match", responses=MatchSerializer, filters=False),
)
class Matches(Scoped, viewsets.ReadOnlyModelViewSet[Match]):
    """Patients and trials that are not ruled out."""

    serializer_class = MatchSerializer
    filterset_class = MatchFilter
    queryset = Match.objects.none()
    lookup_value_regex = r"\d{1,18}"
    scopes = (Scope.MATCHES_READ,)
    scopes_of: ClassVar = {"explanation": (Scope.MATCHES_READ, Scope.PATIENTS_READ)}
    throttle_of: ClassVar = {"explanation": "explanations"}

    def get_queryset(self) -> QuerySet[Match]:
        """The matches that the sources of the request name, by primary key."""
        asked = self.request.query_params
        run, registry, patient = (asked.get(name) for name in ("run", "registry", "patient"))
        for name, text in (("run", run), ("patient", patient)):
            if text and not (text.isascii() and text.isdecimal() and len(text) < 19):
                raise ValidationError({name: "write the number that the API gave as its id"})
        of = patient_seen(self.request, patient) if patient else None
        named = registry_named(self.request, registry) if registry else None
        if run:
            found = selectors.matches_of(finished(run_seen(self.request, run)))
        elif named is not None or of is not None:
            found = selectors.current_matches(named or of.registry)
        else:
            raise ValidationError({"registry": "say whose matches: give run, registry or patient"})
        if named is not None:
            found = found.filter(run__registry=named)
        if of is not None:
            found = found.filter(patient=of)
        settled = yes_or_no(self.request, "settles")
        if fact := asked.get("missing_fact"):
            found = runs.lacking_fact(found, fact, settled=bool(settled))
        elif settled is not None:
            raise ValidationError({"settles": "say which fact: give `missing_fact` too"})
        return found.select_related("run__registry").order_by("pk")

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        page: Sequence[Match] = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        return self.get_paginated_response(self.shown(page))

    def retrieve(self, request: Request, pk: str) -> Response:
        return Response(self.shown([self.match(pk)])[0])

    def match(self, pk: str) -> Match:
        """A match that the caller may see, of now or of before. Raises NotFound."""
        match = (
            Match.objects.filter(selectors.TOLD, pk=pk, run__registry__in=registries_of(self.request))
            .select_related("patient__registry", "run__registry", "version__document")
            .first()
        )
        if match is None:
            raise NotFound(
                "there is no such match for you; GET /api/v1/matches/ lists those of a run, registry or patient"
            )
        return match

    def shown(self, page: Sequence[Match]) -> list[dict[str, Any]]:
        """Matches as JSON; with the registry's own ids, and an audit row, where the caller may see them."""
        identified = has_scope(self.request, Scope.PATIENTS_READ)
        if identified:
            audit_seen(
                self.request, what="API matches", patients=[(match.patient_id, match.run.registry) for match in page]
            )
        found = []
        for match in page:
            row = selectors.match_json(match, registry=match.run.registry.name)
            if not identified:
                row["patient_id"] = None
            found.append(
                {
                    "id": match.pk, "run": match.run_id, "patient": match.patient_id, **row,
                    "current": match.current, "replaced_by": match.replaced_by_id, "replaced_at": match.replaced_at,
                }
            )  # fmt: skip
        return found

    @extend_schema(
        summary="Why a match is what it is",
        description="The explanation of the match: its trial in its version, on its date, with what was known to its "
        "run. Options are ranked by the patient's own explanation. An audit row is written.",
        responses=ExplanationSerializer,
        filters=False,
    )
    @action(detail=True, pagination_class=None)
    def explanation(self, request: Request, pk: str) -> Response:
        match = self.match(pk)
        answer = explain(match.patient, run=match.run, versions=[match.version])
        trust.viewed(actor=request.user, patient=match.patient, what="API explanation of a match")
        return Response(answer.as_json())


class Explanations(Scoped, viewsets.GenericViewSet[Patient]):
    """A patient against the whole shelf, computed when it is asked for."""

    serializer_class = ExplanationSerializer
    queryset = Patient.objects.none()
    filter_backends = ()
    scopes = (Scope.MATCHES_READ, Scope.PATIENTS_READ)
    throttle_of: ClassVar = {"retrieve": "explanations"}

    @extend_schema(
        operation_id="patients_explanation_retrieve",
        summary="Which trials and options fit a patient, and why",
        description="Every criterion with its truth, its reason and the facts that decided, closed trials too; every "
        "option with its rank, and what must not be used on top. With `as_of` and `known_at` the same answer is had "
        "again next year: `known_at` names the versions then in force too. An audit row is written.",
        parameters=[AS_OF_PARAMETER, KNOWN_AT, TRIAL_PARAMETER],
        responses=ExplanationSerializer,
    )
    def retrieve(self, request: Request, pk: int) -> Response:
        try:
            as_of = runs.read_as_of(request.query_params.get("as_of"))
        except ValueError as error:
            raise ValidationError({"as_of": str(error)}) from None
        known_at: datetime | None = instant_asked(request)
        names = request.query_params.getlist("trial")
        asked = {trial_named(name).code for name in names}
        patient = patient_seen(request, pk, known_at=known_at)
        # All of them are evaluated: *clinical trial first* of the options reads the whole shelf.
        answer = explain(patient, as_of=as_of, known_at=known_at)
        if asked:
            answer = replace(answer, trials=tuple(each for each in answer.trials if each.document in asked))
        trust.viewed(actor=request.user, patient=patient, what="API explanation")
        return Response(answer.as_json())


@extend_schema_view(
    list=extend_schema(
        summary="How statuses changed, and what caused it",
        description="The oldest first. Keep the cursor of the last page to be told what changed since. With "
        "`patients:read` each says which facts decided, and an audit row is written.",
    )
)
class StatusChanges(Scoped, mixins.ListModelMixin, viewsets.GenericViewSet[StatusChange]):
    """Changes of status, to and from *not eligible* too."""

    serializer_class = StatusChangeSerializer
    filterset_class = StatusChangeFilter
    queryset = StatusChange.objects.none()
    scopes = (Scope.MATCHES_READ,)

    def get_queryset(self) -> QuerySet[StatusChange]:
        return (
            StatusChange.objects.filter(selectors.TOLD, run__registry__in=registries_of(self.request))
            .select_related("document", "version", "run__registry")
            .defer("version__content")
            .order_by("pk")
        )

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        page: Sequence[StatusChange] = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        identified = has_scope(request, Scope.PATIENTS_READ)
        if identified:
            seen = [(each.patient_id, each.run.registry) for each in page if each.because]
            audit_seen(request, what="API changes of status", patients=seen)
        found = StatusChangeSerializer(page, many=True, context={"identified": identified}).data
        return self.get_paginated_response(found)


class EvaluateRule(Scoped, viewsets.GenericViewSet[Any]):
    """A rule that is being written, tried on real patients."""

    serializer_class = EvaluateRuleSerializer
    scopes = (Scope.MATCHES_READ, Scope.PATIENTS_READ)
    throttle_of: ClassVar = {"create": "jobs"}

    @extend_schema(
        operation_id="rules_evaluate_create",
        summary="Try a rule over a registry",
        description=f"Its reading in English, counts, and the truth per patient, the dead among them. For registries "
        f"of at most {MAX_PATIENTS_OF_A_RULE:,} patients; an audit row is written.",
        request=EvaluateRuleSerializer,
        responses={200: EvaluatedRuleSerializer, (409, MEDIA_TYPE): ProblemSerializer},
    )
    def create(self, request: Request) -> Response:
        asked = EvaluateRuleSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        registry = registry_named(request, asked.validated_data["registry"])
        try:
            reading = read_rule(asked.validated_data["rule"])
        except RuleRefused as refused:
            raise ValidationError({"rule": [f"{each.message}: {each.remedy}" for each in refused.findings]}) from None
        except (RuleError, InvalidNode) as error:
            raise ValidationError({"rule": str(error)}) from None
        known = registry_patients(registry)
        keys = list(known.values_list("pk", flat=True)[: MAX_PATIENTS_OF_A_RULE + 1])
        if len(keys) > MAX_PATIENTS_OF_A_RULE:
            raise Conflict(
                f"{registry.name} holds more than {MAX_PATIENTS_OF_A_RULE:,} patients: use the command `evaluate`"
            )
        evaluated = evaluate_over(reading, [registry], as_of=asked.validated_data.get("as_of"))
        audit_seen(request, what="API rule", patients=[(key, registry) for key in keys])
        return Response(evaluated.as_json())
