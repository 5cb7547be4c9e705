"""The shelf over HTTP: trials and options by any name they answer to, in force or in an earlier version.

Documents belong to no registry, so a scope is all that a caller needs.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from patients.api.access import Scoped
from patients.trust.keys import Scope
from patients.vocabulary import default
from trials.api.documents import version_json
from trials.api.filters import OptionFilter, TrialFilter
from trials.api.serializers import (
    CheckedRuleSerializer,
    OptionSerializer,
    OptionVersionSerializer,
    RuleSerializer,
    TrialSerializer,
    TrialVersionSerializer,
    VersionSerializer,
)
from trials.criteria.checks import Severity, check_rule
from trials.criteria.documents import Definitions
from trials.criteria.english import english
from trials.criteria.errors import InvalidNode, RuleError
from trials.criteria.parser import parse
from trials.criteria.printing import print_rule
from trials.models import Document, Version
from trials.selectors import UnknownDocument, find_document, versions_in_force

NAME = OpenApiParameter(
    "id",
    str,
    location=OpenApiParameter.PATH,
    description="Its id. A trial also answers to its NCT number, its acronym and its other ids.",
)
NUMBER = OpenApiParameter("number", int, location=OpenApiParameter.PATH, description="Number of the version.")


def document_named(name: str, *, kind: str) -> Document:
    """The document that answers to a name. Raises NotFound with what is near."""
    try:
        return find_document(name, kind=kind)
    except UnknownDocument as unknown:
        raise NotFound(str(unknown)) from None


class Shelf(Scoped, mixins.ListModelMixin, viewsets.GenericViewSet[Version]):
    """What trials and options have alike."""

    kind: ClassVar[str]
    queryset = Version.objects.none()
    lookup_field = "id"
    lookup_value_regex = "[^/]+"
    scopes = (Scope.TRIALS_READ,)

    def get_queryset(self) -> QuerySet[Version]:
        return versions_in_force(kind=self.kind).order_by("pk")

    def document(self) -> Document:
        return document_named(self.kwargs["id"], kind=self.kind)

    def retrieve(self, request: Request, id: str) -> Response:
        document = self.document()
        version = document.versions.select_related("document").filter(superseded_at__isnull=True).first()
        if version is None:
            raise NotFound(f"{document.code} is not published yet: no version of it is in force")
        return Response(version_json(version))

    @action(detail=True, serializer_class=VersionSerializer, filterset_class=None)
    def versions(self, request: Request, id: str) -> Response:
        page = self.paginate_queryset(self.document().versions.defer("content").order_by("pk"))
        return self.get_paginated_response(VersionSerializer(page, many=True).data)

    @action(detail=True, url_path=r"versions/(?P<number>\d{1,9})", filterset_class=None, pagination_class=None)
    def version(self, request: Request, id: str, number: str) -> Response:
        document = self.document()
        version = document.versions.select_related("document").filter(number=int(number)).first()
        if version is None:
            raise NotFound(f"{document.code} has no version {number}")
        return Response(version_json(version))


@extend_schema_view(
    list=extend_schema(summary="Trials in force", description="The version in force of each trial."),
    retrieve=extend_schema(
        summary="One trial, in full",
        description="Its version in force: every criterion with its words, its rule and the rule in English.",
        parameters=[NAME],
        responses=TrialVersionSerializer,
    ),
    versions=extend_schema(
        summary="The versions of a trial", parameters=[NAME], responses=VersionSerializer(many=True)
    ),
    version=extend_schema(
        operation_id="trials_version_retrieve",
        summary="One version of a trial, in full",
        parameters=[NAME, NUMBER],
        responses=TrialVersionSerializer,
        filters=False,
    ),
)
class Trials(Shelf):
    """Trials by any name they answer to."""

    kind = Document.Kind.TRIAL
    serializer_class = TrialSerializer
    filterset_class = TrialFilter


@extend_schema_view(
    list=extend_schema(summary="Treatment options in force", description="The version in force of each option."),
    retrieve=extend_schema(
        summary="One option, in full",
        description="Its version in force: every statement with its rule, its citation and who disagrees.",
        parameters=[NAME],
        responses=OptionVersionSerializer,
    ),
    versions=extend_schema(
        summary="The versions of an option", parameters=[NAME], responses=VersionSerializer(many=True)
    ),
    version=extend_schema(
        operation_id="options_version_retrieve",
        summary="One version of an option, in full",
        parameters=[NAME, NUMBER],
        responses=OptionVersionSerializer,
        filters=False,
    ),
)
class Options(Shelf):
    """Treatment options that are no trials."""

    kind = Document.Kind.OPTION
    serializer_class = OptionSerializer
    filterset_class = OptionFilter


class Rules(Scoped, viewsets.GenericViewSet[Any]):
    """Rules of the criteria language that are being written."""

    serializer_class = RuleSerializer
    scopes = (Scope.TRIALS_READ,)

    @extend_schema(
        summary="Check a rule and read it in English",
        description="A rule that cannot be read is an answer and not an error: `findings` say where and why.",
        request=RuleSerializer,
        responses={200: CheckedRuleSerializer},
    )
    @action(detail=False, methods=["post"])
    def check(self, request: Request) -> Response:
        asked = RuleSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        return Response(checked(asked.validated_data["rule"]))


def checked(text: str) -> dict[str, Any]:
    """A rule as it was understood, with everything that the checks find in it."""
    try:
        rule = parse(text)
    except (RuleError, InvalidNode) as error:
        place = (error.line, error.column) if isinstance(error, RuleError) else (0, 0)
        message = error.message if isinstance(error, RuleError) else str(error)
        finding = {"code": "unreadable", "severity": Severity.ERROR.value, "message": message, "remedy": ""}
        return {
            "valid": False,
            "rule": None,
            "english": None,
            "findings": [{**finding, "line": place[0], "column": place[1]}],
        }
    found = check_rule(rule, Definitions(), default())
    return {
        "valid": all(finding.severity is not Severity.ERROR for finding in found),
        "rule": print_rule(rule),
        "english": english(rule, default()),
        "findings": [
            {
                "code": finding.code,
                "severity": finding.severity.value,
                "message": finding.message,
                "remedy": finding.remedy,
                "line": finding.line,
                "column": finding.column,
            }
            for finding in found
        ],
    }
