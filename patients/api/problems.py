"""Every error of the API as a problem document (RFC 9457): what is wrong, where in the request, and what to do.

`type` is a path that answers with the meaning of the code, so a program branches on it and a person reads it. What a
caller may not see is the same problem as what does not exist.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.defaults import server_error
from rest_framework import exceptions, serializers
from rest_framework.fields import get_error_detail
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import exception_handler

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of problem: its status, its title, and what to do about it where nothing more exact is known."""

    code: str
    status: int
    title: str
    remedy: str


KINDS: dict[str, Kind] = {
    kind.code: kind
    for kind in (
        Kind("invalid-request", 400, "The request says something that cannot be",
             "Mend what `errors` names, and send the request again."),
        Kind("not-json", 400, "The body cannot be read", "Send JSON, or a multipart form where files are sent."),
        Kind("not-authenticated", 401, "Nobody says who is asking, or the key is not good",
             "Send `Authorization: Bearer tem_…` with a key that is neither expired nor revoked."),
        Kind("not-allowed", 403, "The key may not do this",
             "Ask the operator for a key with the scope that `detail` names."),
        Kind("not-found", 404, "There is nothing here",
             "Look at the address; what belongs to a registry that the key does not see does not exist for it."),
        Kind("method-not-allowed", 405, "This address does not take this method", "Use a method that `Allow` names."),
        Kind("not-acceptable", 406, "Nothing is had in this form", "Accept application/json."),
        Kind("conflict", 409, "It cannot be done in the present state", "Read `detail`, and ask again afterwards."),
        Kind("too-large", 413, "The request is too large", "Send less at once; a large registry goes as a zip."),
        Kind("unsupported-media-type", 415, "The body is of a kind that is not read here",
             "Send application/json, or multipart/form-data where files are sent."),
        Kind("too-many-requests", 429, "Too many requests", "Wait as many seconds as `Retry-After` says."),
        Kind("unexpected", 500, "A fault of the system", "Try again later; if it stays, tell the operator the time."),
    )
}  # fmt: skip
_CODE_OF_STATUS = {kind.status: kind.code for kind in reversed(KINDS.values())}


class Conflict(exceptions.APIException):
    """The request is right and cannot be done in the present state."""

    status_code = 409
    default_detail = KINDS["conflict"].title
    default_code = "conflict"


class TooLarge(exceptions.APIException):
    """A body of more bytes than the address takes."""

    status_code = 413
    default_detail = KINDS["too-large"].title
    default_code = "too-large"


def handle(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """REST framework's hook: the response for an exception of a view, None for a fault of ours."""
    if isinstance(error, DjangoValidationError):
        error = exceptions.ValidationError(get_error_detail(error))
    elif isinstance(error, Http404):
        error = exceptions.NotFound(*[str(each) for each in error.args[:1]])
    elif isinstance(error, DjangoPermissionDenied):
        error = exceptions.PermissionDenied(*[str(each) for each in error.args[:1]])
    response = exception_handler(error, dict(context))
    if response is None:
        return None
    code = "not-json" if isinstance(error, exceptions.ParseError) else _CODE_OF_STATUS.get(response.status_code)
    kind = KINDS[code or "invalid-request"]
    errors: list[dict[str, str]] = []
    if isinstance(error, exceptions.ValidationError):
        errors = list(_located(error.detail))
        detail = "; ".join(
            f"{each['field']}: {each['message']}" if each["field"] else each["message"] for each in errors
        )
    else:
        detail = str(getattr(error, "detail", "")) or kind.title
    request = context.get("request")
    response.data = problem(kind, detail=detail, instance=getattr(request, "path", ""), errors=errors)
    response.content_type = MEDIA_TYPE
    return response


def problem(kind: Kind, *, detail: str, instance: str, errors: Sequence[Mapping[str, str]] = ()) -> dict[str, Any]:
    """The document. `instance` is a path without its query, which could hold what a log must not."""
    return {
        "type": f"/api/v1/problems/{kind.code}/",
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "instance": instance,
        "remedy": kind.remedy,
        "errors": list(errors),
    }


def _located(detail: Any, field: str = "") -> Iterator[dict[str, str]]:
    """Each message with the path of the field it is about; empty: the whole request."""
    if isinstance(detail, Mapping):
        for name, inside in detail.items():
            whole = name in {api_settings.NON_FIELD_ERRORS_KEY, "__all__"}
            yield from _located(inside, field if whole else f"{field}.{name}" if field else str(name))
    elif isinstance(detail, list | tuple):
        for number, inside in enumerate(detail):
            yield from _located(inside, f"{field}[{number}]" if isinstance(inside, Mapping) and inside else field)
    else:
        yield {"field": field, "message": str(detail), "code": str(getattr(detail, "code", "invalid"))}


def unexpected(request: HttpRequest) -> HttpResponse:
    """What anyone sees of a fault of ours: nothing of it. A problem document for the API, a page for people."""
    if not request.path.startswith("/api/"):
        return server_error(request)
    kind = KINDS["unexpected"]
    body = problem(kind, detail=kind.title, instance=request.path)
    return JsonResponse(body, status=kind.status, content_type=MEDIA_TYPE)


class FieldErrorSerializer(serializers.Serializer[Any]):
    """What is wrong with one field of a request."""

    field = serializers.CharField(help_text="Path of the field; empty: the request as a whole.")
    message = serializers.CharField()
    code = serializers.CharField()


class ProblemSerializer(serializers.Serializer[Any]):
    """A problem document, RFC 9457."""

    type = serializers.CharField(help_text="Path of the meaning of the code: branch on this.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text="What is wrong with this request.")
    instance = serializers.CharField(help_text="The path that was asked.")
    remedy = serializers.CharField(help_text="What to do.")
    errors = FieldErrorSerializer(many=True)
