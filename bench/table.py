"""The figures as one table of plain text: a line with figures, or a heading without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Line:
    """What was measured, the figure, its time on the wall and on a core, the peak of memory, and what else to say."""

    what: str
    figure: str = ""
    wall: str = ""
    cpu: str = ""
    memory: str = ""
    note: str = ""

    @property
    def is_heading(self) -> bool:
        """Whether it only says what the lines below are about."""
        return not self.figure


HEAD = Line("", "figure", "wall", "cpu", "peak memory")


def times(clock: Any, digits: int = 1) -> tuple[str, str]:
    """The seconds of a clock on the wall and on a core, as a line has them."""
    return f"{clock['seconds']:.{digits}f} s", f"{clock['cpu']:.{digits}f} s"


def render(lines: Sequence[Line]) -> str:
    """The lines below one another, figures to the right, a blank line before each heading."""
    rows = [astuple(line) for line in (HEAD, *(line for line in lines if not line.is_heading))]
    first, *others = [max(len(row[i]) for row in rows) for i in range(5)]
    written = []
    for line in (HEAD, *lines):
        if line.is_heading:
            written += ["", line.what]
            continue
        cells = [
            line.what.ljust(first),
            *(cell.rjust(width) for cell, width in zip(astuple(line)[1:5], others, strict=True)),
        ]
        written.append("  ".join([*cells, line.note]).rstrip())
    return "\n".join(written)
