"""What can be wrong with an upload: a problem of one row, which never stops the file, or a file that cannot be used.

Every problem says where it is, what is wrong and how to mend it, in words for the person who sends the file.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class Severity(StrEnum):
    """An error loses a row or a value; a warning keeps it in doubt; a note only tells."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One problem of a file or of a row of it. The header is row 1; `raw_row` pairs each column with its cell."""

    severity: Severity
    code: str
    message: str
    remedy: str = ""
    file: str = ""
    row: int | None = None
    column: str = ""
    value: str = ""
    rejected: bool = False
    raw_row: list[list[str]] | None = None

    def at(self, *, file: str, row: int | None = None) -> Problem:
        """The same problem with its place."""
        return replace(self, file=file, row=row)


class UnusableFile(Exception):
    """A file that cannot be read as a table; nothing of its upload is stored.

    The message names the file, the row where there is one, and the remedy. It never holds what stands in a cell.
    """

    def __init__(self, *, file: str, message: str, remedy: str, row: int | None = None, column: str = "") -> None:
        self.problem = Problem(
            severity=Severity.ERROR,
            code="file_unusable",
            message=message,
            remedy=remedy,
            file=file,
            row=row,
            column=column,
        )
        place = f"{file} row {row}" if row is not None else file
        super().__init__(f"{place}: {message}. {remedy}")
