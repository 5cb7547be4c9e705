"""What the problems of the API mean, at the addresses that name them; and the answer at every address that is none.

Apart from the problems themselves, which the OpenAPI document needs before any view exists.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from patients.api.problems import KINDS


class ProblemKindSerializer(serializers.Serializer[Any]):
    """A kind of problem."""

    code = serializers.CharField()
    status = serializers.IntegerField()
    title = serializers.CharField()
    remedy = serializers.CharField()


class ProblemKinds(APIView):
    """Every kind of problem that the API tells."""

    permission_classes = (AllowAny,)
    authentication_classes = ()

    @extend_schema(
        operation_id="problems_list",
        summary="Every kind of problem",
        tags=["problems"],
        auth=[],
        responses=ProblemKindSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        return Response(ProblemKindSerializer(KINDS.values(), many=True).data)


class ProblemKind(APIView):
    """One kind of problem, at the address that a problem's `type` gives."""

    permission_classes = (AllowAny,)
    authentication_classes = ()

    @extend_schema(
        operation_id="problems_retrieve",
        summary="What a kind of problem means",
        tags=["problems"],
        auth=[],
        responses=ProblemKindSerializer,
    )
    def get(self, request: Request, code: str) -> Response:
        if code not in KINDS:
            raise exceptions.NotFound(f"there is no problem of this kind; there are: {', '.join(KINDS)}")
        return Response(ProblemKindSerializer(KINDS[code]).data)


class Nowhere(APIView):
    """Every other address of the API: a problem document, where Django would send a page."""

    permission_classes = (AllowAny,)
    authentication_classes = ()
    schema = None

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        self.http_method_names = [request.method.lower()]
        setattr(self, request.method.lower(), self.nothing)
        return super().dispatch(request, *args, **kwargs)

    def nothing(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        raise exceptions.NotFound("the API has no such address; /api/docs/ lists them, each ends with a slash")
