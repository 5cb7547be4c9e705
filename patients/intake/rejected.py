"""What an upload had wrong, as CSV for the person who sent it: the rows that need mending, or every problem.

A row stands as it was sent, with what was wrong added at its end. The file will be opened in a spreadsheet, so no
cell may begin as a formula does.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from itertools import groupby

from patients.models import Upload, UploadProblem

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_ADDED = ("error_file", "error_row", "error_rejected", "error_columns", "error_messages", "error_remedies")


def escaped(text: str) -> str:
    """A cell that no spreadsheet takes for a formula: what begins like one gets an apostrophe, plain numbers do not."""
    if not text.startswith(_FORMULA):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text


def rejected_csv(upload: Upload, *, file: str | None = None) -> Iterator[str]:
    """The lines of a CSV with every row that has an error, of one file or of all, in order of file and row.

    Columns are those of the files, in their order, then what was wrong. Yields nothing where there is no such row.
    """
    problems = UploadProblem.objects.filter(upload=upload, raw_row__isnull=False)
    if file is not None:
        problems = problems.filter(file=file)
    columns: dict[str, None] = {}
    for raw in problems.order_by("file", "row").values_list("raw_row", flat=True).iterator(chunk_size=2000):
        columns.update(dict.fromkeys(column for column, _ in raw))
    if not columns:
        return
    yield _line([*columns, *_ADDED])
    ordered = problems.order_by("file", "row", "pk").iterator(chunk_size=2000)
    for (name, row), of_row in groupby(ordered, key=lambda problem: (problem.file, problem.row)):
        found = list(of_row)
        cells: dict[str, list[str]] = {}
        for column, cell in found[0].raw_row:
            cells.setdefault(column, []).append(cell)
        yield _line(
            [
                # Cells beyond the header share a column without a name.
                *(" | ".join(cells.get(column, ())) for column in columns),
                name,
                str(row),
                "yes" if any(problem.rejected for problem in found) else "no",
                "; ".join(dict.fromkeys(problem.column for problem in found if problem.column)),
                "; ".join(dict.fromkeys(problem.message for problem in found)),
                "; ".join(dict.fromkeys(problem.remedy for problem in found if problem.remedy)),
            ]
        )


def problems_csv(upload: Upload) -> Iterator[str]:
    """The lines of a CSV with every problem of an upload: errors, warnings and notes, in order of file and row."""
    yield _line(list(_TOLD))
    problems = UploadProblem.objects.filter(upload=upload).order_by("file", "row", "pk").values_list(*_TOLD)
    for cells in problems.iterator(chunk_size=2000):
        yield _line(["" if cell is None else str(cell) for cell in cells])


_TOLD = ("file", "row", "column", "value", "severity", "code", "message", "remedy")


def _line(cells: list[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow([escaped(cell) for cell in cells])
    return buffer.getvalue()
