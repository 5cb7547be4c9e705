"""Registries, patients and imports over HTTP: thin views over the selectors and actions of this floor.

What a caller may not see is left out where each query begins, so a list, an address and a count agree about it.
Seeing an identified patient is an audit row, one per patient or one per page of a list.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Prefetch, QuerySet
from django.http import HttpResponseBase, StreamingHttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from patients import selectors, trust
from patients.actions import MAX_UPLOAD
from patients.api.access import Scoped, audit_seen, registries_of, registry_named
from patients.api.filters import ImportFilter, ImportProblemFilter, PatientFilter, RegistryFilter
from patients.api.problems import MEDIA_TYPE, Conflict, ProblemSerializer
from patients.api.serializers import (
    FoundSerializer,
    ImportProblemSerializer,
    ImportSerializer,
    LookupSerializer,
    PatientRecordSerializer,
    PatientSerializer,
    ProblemCountSerializer,
    RegistrySerializer,
    RegistrySummarySerializer,
    StartImportSerializer,
    record_json,
)
from patients.api.uploads import receive
from patients.intake import rejected_csv
from patients.models import Patient, PatientDetails, Registry, Upload, UploadProblem
from patients.tasks import send
from patients.trust.keys import Scope

#: After how many seconds a client asks again how far a job is.
RETRY_AFTER = 2

KNOWN_AT = OpenApiParameter(
    "known_at",
    OpenApiTypes.DATETIME,
    description="Answer with what was known at this instant (default: now), such as 2026-01-15T09:30:00Z.",
)


def instant_asked(request: Request) -> datetime | None:
    """The `known_at` of a request, or None. Raises ValidationError where it is no instant or lies ahead."""
    text = request.query_params.get("known_at")
    if not text:
        return None
    try:
        # A plus sign that a client forgot to escape arrives as a space.
        instant = parse_datetime(text.replace(" ", "+"))
    except ValueError:
        instant = None
    if instant is None or timezone.is_naive(instant):
        raise ValidationError({"known_at": "write an instant with its zone, such as 2026-01-15T09:30:00Z"})
    if instant > timezone.now():
        raise ValidationError({"known_at": "what will be known later cannot be asked"})
    return instant


def accepted(body: Any, *, at: str) -> Response:
    """202: the job is a row now, and `Location` says where its progress is."""
    return Response(body, status=202, headers={"Location": at, "Retry-After": str(RETRY_AFTER)})


def job_status(body: Any) -> Response:
    """The state of a job, with `Retry-After` until it has ended."""
    return Response(body, headers={} if body["ended"] else {"Retry-After": str(RETRY_AFTER)})


#: The headers of a 202, for the OpenAPI document.
JOB_HEADERS = [
    OpenApiParameter(
        "Location", str, location=OpenApiParameter.HEADER, response=[202], description="Where to ask how far it is."
    ),
    OpenApiParameter(
        "Retry-After",
        int,
        location=OpenApiParameter.HEADER,
        response=[202],
        description="Seconds to wait between two questions.",
    ),
]


def patients_seen(request: Request, *, known_at: datetime | None = None) -> QuerySet[Patient]:
    """The patients that exist for the caller at an instant, by primary key."""
    current = PatientDetails.objects.filter(
        selectors.known_at_filter(known_at or timezone.now()), patient=OuterRef("pk")
    )
    return (
        Patient.objects.filter(Exists(current), registry__in=registries_of(request))
        .select_related("registry")
        .order_by("pk")
    )


def with_details(patients: QuerySet[Patient]) -> QuerySet[Patient]:
    """Patients with their current details, in one more query however many they are."""
    now = PatientDetails.objects.filter(withdrawn_at__isnull=True).order_by("pk").defer("cells")
    return patients.prefetch_related(Prefetch("patientdetails_set", queryset=now, to_attr="details_now"))


def patient_seen(request: Request, pk: Any, *, known_at: datetime | None = None) -> Patient:
    """One patient of `patients_seen`. Raises NotFound."""
    patient = patients_seen(request, known_at=known_at).filter(pk=pk).first()
    if patient is None:
        when = "" if known_at is None else " at that instant"
        raise NotFound(f"there is no such patient for you{when}; POST /api/v1/patients/lookup/ finds one by patient_id")
    return patient


@extend_schema_view(
    list=extend_schema(summary="Registries that you see"),
    retrieve=extend_schema(summary="One registry"),
)
class Registries(Scoped, viewsets.ReadOnlyModelViewSet[Registry]):
    """The registries that exist for the caller."""

    serializer_class = RegistrySerializer
    filterset_class = RegistryFilter
    queryset = Registry.objects.none()
    lookup_field = "name"
    scopes_of: ClassVar = {"summary": (Scope.PATIENTS_READ,)}

    def get_queryset(self) -> QuerySet[Registry]:
        return registries_of(self.request).order_by("pk")

    def get_object(self) -> Registry:
        return registry_named(self.request, self.kwargs["name"])

    @extend_schema(summary="How much a registry holds", responses=RegistrySummarySerializer, filters=False)
    @action(detail=True, pagination_class=None)
    def summary(self, request: Request, name: str) -> Response:
        """Counts of its patients and of their current facts, and how current they are."""
        return Response(RegistrySummarySerializer(selectors.registry_summary(self.get_object())).data)


@extend_schema_view(
    list=extend_schema(
        summary="Patients",
        description="The patients who are in a registry now, in the order in which they came. Each page is one row of "
        "the audit trail.",
    ),
)
class Patients(Scoped, mixins.ListModelMixin, viewsets.GenericViewSet[Patient]):
    """Patients and their facts. Addresses hold opaque ids: a registry's own id stands in bodies only."""

    serializer_class = PatientSerializer
    filterset_class = PatientFilter
    queryset = Patient.objects.none()
    lookup_value_regex = r"\d{1,18}"
    scopes = (Scope.PATIENTS_READ,)

    def get_queryset(self) -> QuerySet[Patient]:
        return with_details(patients_seen(self.request))

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        page: Sequence[Patient] = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        audit_seen(request, what="API patients", patients=[(patient.pk, patient.registry) for patient in page])
        return self.get_paginated_response(PatientSerializer(page, many=True).data)

    @extend_schema(
        summary="One patient with every fact",
        description="Every fact known at an instant, with its source. An audit row is written.",
        parameters=[KNOWN_AT],
        responses=PatientRecordSerializer,
    )
    def retrieve(self, request: Request, pk: str) -> Response:
        known_at = instant_asked(request) or timezone.now()
        patient = patient_seen(request, pk, known_at=known_at)
        record = selectors.patient_record(patient, known_at=known_at)
        trust.viewed(actor=request.user, patient=patient, what="API record")
        return Response({"id": patient.pk, "known_at": known_at, **record_json(record)})

    @extend_schema(
        summary="Find patients by the registry's own ids",
        description="A question and not a change: it is a POST so that no id of a patient stands in an address, where "
        "logs and histories would keep it.",
        request=LookupSerializer,
        responses={200: FoundSerializer},
        examples=[
            OpenApiExample("two", request_only=True, value={"registry": "sarcoma", "patient_ids": ["P-0417", "P-0418"]})
        ],
    )
    @action(detail=False, methods=["post"], filterset_class=None, pagination_class=None)
    def lookup(self, request: Request) -> Response:
        asked = LookupSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        registry = registry_named(request, asked.validated_data["registry"])
        ids = list(dict.fromkeys(asked.validated_data["patient_ids"]))
        found = list(with_details(patients_seen(request)).filter(registry=registry, patient_id__in=ids))
        audit_seen(request, what="API lookup", patients=[(patient.pk, registry) for patient in found])
        held = {patient.patient_id for patient in found}
        return Response(
            {"found": PatientSerializer(found, many=True).data, "not_found": [each for each in ids if each not in held]}
        )


@extend_schema_view(
    list=extend_schema(summary="Imports, the first first"),
    retrieve=extend_schema(summary="How far an import is, and what became of it", responses=ImportSerializer),
)
class Imports(Scoped, viewsets.ReadOnlyModelViewSet[Upload]):
    """Imports of registry files as jobs: start one, ask how far it is, read what was wrong row by row."""

    serializer_class = ImportSerializer
    filterset_class = ImportFilter
    queryset = Upload.objects.none()
    lookup_value_regex = r"\d{1,18}"
    scopes = (Scope.IMPORTS_WRITE,)
    throttle_of: ClassVar = {"create": "jobs"}

    @property
    def max_body(self) -> int:  # type: ignore[override]  # files are sent to one action only
        return MAX_UPLOAD + 1_000_000 if self.action == "create" else Scoped.max_body

    def get_parsers(self) -> Any:
        return [MultiPartParser()]

    def get_queryset(self) -> QuerySet[Upload]:
        return Upload.objects.filter(registry__in=registries_of(self.request)).select_related("registry").order_by("pk")

    def upload(self) -> Upload:
        """The import of the address. Raises NotFound."""
        upload = self.get_queryset().filter(pk=self.kwargs["pk"]).first()
        if upload is None:
            raise NotFound("there is no such import for you; GET /api/v1/imports/ lists yours")
        return upload

    def retrieve(self, request: Request, pk: str) -> Response:
        return job_status(ImportSerializer(self.upload()).data)

    @extend_schema(
        summary="Start an import",
        description="Send one CSV, several, or one zip, as multipart/form-data. The answer is the job: ask at its "
        "`Location` until it has `ended`. Good rows are kept and bad rows are told one by one; sending the mended rows "
        "again is another import.",
        request={"multipart/form-data": StartImportSerializer},
        responses={202: ImportSerializer, (409, MEDIA_TYPE): ProblemSerializer},
        parameters=JOB_HEADERS,
    )
    def create(self, request: Request) -> Response:
        asked = StartImportSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        how = dict(asked.validated_data)
        registry = registry_named(request, how.pop("registry"))
        preset = how.pop("preset", None)
        if preset is not None and preset != registry.preset:
            raise Conflict(
                f"the registry {registry.name} is a {registry.preset}, not a {preset}; its policies are changed by a "
                "person in the admin"
            )
        upload = receive(how.pop("file"), registry=registry, by=request.user, **how)
        send(upload.pk)
        return accepted(ImportSerializer(upload).data, at=reverse("import-detail", args=[upload.pk]))

    @extend_schema(summary="What was wrong, row by row", responses=ImportProblemSerializer(many=True))
    @action(
        detail=True,
        filterset_class=ImportProblemFilter,
        serializer_class=ImportProblemSerializer,
        queryset=UploadProblem.objects.none(),
    )
    def problems(self, request: Request, pk: str) -> Response:
        """Errors, warnings and notes with file, row, column, value and remedy."""
        page = self.paginate_queryset(self.filter_queryset(self.upload().problems.order_by("pk").defer("raw_row")))
        return self.get_paginated_response(ImportProblemSerializer(page, many=True).data)

    @extend_schema(summary="How often each problem was met", responses=ProblemCountSerializer(many=True), filters=False)
    @action(detail=True, url_path="problem-counts", pagination_class=None)
    def problem_counts(self, request: Request, pk: str) -> Response:
        counted = (
            self.upload()
            .problems.values("severity", "code")
            .annotate(count=Count("pk"))
            .order_by("severity", "-count", "code")
        )
        return Response(ProblemCountSerializer(counted, many=True).data)

    @extend_schema(
        summary="The rows to mend, as CSV",
        description="Each row with an error as it was sent, and what was wrong with it in columns of its own: mend it, "
        "drop those columns, and import the file again. An audit row is written.",
        parameters=[OpenApiParameter("file", str, description="Rows of this file only.")],
        responses={(200, "text/csv"): OpenApiTypes.STR},
        filters=False,
    )
    @action(detail=True, url_path="rejected", pagination_class=None)
    def rejected(self, request: Request, pk: str) -> HttpResponseBase:
        upload = self.upload()
        with transaction.atomic():
            trust.record(
                actor=request.user,
                action="rejected rows exported",
                target=upload,
                registry=upload.registry,
                after={"file": request.query_params.get("file", "")},
            )
        return StreamingHttpResponse(
            rejected_csv(upload, file=request.query_params.get("file") or None),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="import-{upload.pk}-rejected.csv"'},
        )
