"""How every list of the API is cut into pages: by a cursor on the primary key.

A cursor costs the same on the first page and on the ten-thousandth, and a row that arrives meanwhile neither
repeats nor hides another. Counts are questions of their own.
"""

from rest_framework.pagination import CursorPagination


class KeyCursorPagination(CursorPagination):
    """Pages in the order of the primary key; a view may set another indexed, unique `ordering`."""

    ordering = "pk"
    page_size_query_param = "page_size"
    max_page_size = 500
