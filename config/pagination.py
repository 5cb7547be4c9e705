"""How every list of the API is cut into pages: by a cursor on the primary key.

A cursor costs the same on the first page and on the ten-thousandth, and a row that arrives meanwhile neither
repeats nor hides another. Counts are questions of their own.
"""

from typing import Any

from django.db.models import QuerySet
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request


class KeyCursorPagination(CursorPagination):
    """Pages in the order of the primary key; a view may set another indexed, unique `ordering`."""

    ordering = "pk"
    page_size_query_param = "page_size"
    max_page_size = 500

    def get_page_size(self, request: Request) -> int | None:
        """Rows of a page, at most 500. Raises ValidationError for what is no number of rows."""
        asked = request.query_params.get("page_size", "1")
        if not (asked.isascii() and asked.isdecimal() and int(asked[:9]) > 0):
            raise ValidationError({"page_size": f"write a number from 1 to {self.max_page_size}"})
        return super().get_page_size(request)

    def paginate_queryset(self, queryset: QuerySet[Any], request: Request, view: Any = None) -> list[Any] | None:
        """The rows of the page that the cursor names. Raises ValidationError for a cursor that is none."""
        try:
            return super().paginate_queryset(queryset, request, view)
        except NotFound:
            raise ValidationError({"cursor": "this is no cursor: follow `next` of a page as it is"}) from None

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The page as OpenAPI 3.1 says it; REST framework still says `nullable`, which 3.1 does not know."""
        link = {"type": ["string", "null"], "format": "uri"}
        page = "https://matcher.example.org/api/v1/runs/?cursor=cD0xNg%3D%3D"
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {
                "next": {**link, "description": "Address of the next page; null: this is the last.", "example": page},
                "previous": {
                    **link,
                    "description": "Address of the page before; null: this is the first.",
                    "example": page,
                },
                "results": schema,
            },
        }
