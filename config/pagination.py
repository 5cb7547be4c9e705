"""How every list of the API is cut into pages: by a cursor on the primary key.

A cursor costs the same on the first page and on the ten-thousandth, and a row that arrives meanwhile neither
repeats nor hides another. Counts are questions of their own.
"""

from typing import Any

from rest_framework.pagination import CursorPagination


class KeyCursorPagination(CursorPagination):
    """Pages in the order of the primary key; a view may set another indexed, unique `ordering`."""

    ordering = "pk"
    page_size_query_param = "page_size"
    max_page_size = 500

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
