"""What is wrong with a document, told all at once: file, line, item, field, what it says and what to write instead."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentProblem:
    """One defect. `item` is the id of the criterion or statement, `line` counts from 1 and is 0 where none is known."""

    message: str
    remedy: str = ""
    file: str = ""
    line: int = 0
    column: int = 0
    item: str = ""
    field: str = ""

    def __str__(self) -> str:
        place = [self.file] if self.file else []
        if self.line:
            place.append(f"line {self.line}, column {self.column}")
        place += [part for part in (self.item, self.field) if part]
        said = f"{': '.join(place)}: {self.message}" if place else self.message
        return f"{said} ({self.remedy})" if self.remedy else said


class DocumentError(ValueError):
    """A document that cannot be read; `problems` holds every defect that was found."""

    def __init__(self, problems: Iterable[DocumentProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))
