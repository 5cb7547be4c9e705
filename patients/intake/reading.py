"""One row being read: its cells by canonical column, the values found in them, and every problem on the way.

Readers talk to this object only. It knows what the source called each column, so that a problem names the column as
the sender knows it, whatever layout the row came in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from patients.facts import PartialDate
from patients.intake.problems import Problem, Severity

_SHOWN = 300


@dataclass(slots=True)
class Reading:
    """A row of one kind of fact: `cells` as the source wrote them, `values` by the fields of the kind's table.

    `suspends` names domains whose completeness the row puts in doubt for its patient.
    """

    kind: str
    cells: dict[str, str]
    today: date
    labels: Mapping[str, str] = field(default_factory=dict)
    decimal_comma: bool = False
    values: dict[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    rejected: bool = False
    note: str = ""
    suspends: tuple[str, ...] = ()

    def cell(self, column: str) -> str:
        """The text of a column, empty where the source left it out."""
        return self.cells.get(column, "")

    def partial(self, name: str) -> PartialDate | None:
        """A partial date among the values."""
        first = self.values.get(f"{name}_first")
        return PartialDate(first, self.values[f"{name}_last"]) if first is not None else None

    def set_partial(self, name: str, value: PartialDate | None) -> None:
        """Set or clear a partial date."""
        self.values[f"{name}_first"] = value.first if value else None
        self.values[f"{name}_last"] = value.last if value else None

    def tell(
        self, severity: Severity, code: str, message: str, *, column: str = "", remedy: str = "", rejected: bool = False
    ) -> None:
        """Add a problem; `column` is the canonical column, whose value is shown with it."""
        self.problems.append(
            Problem(
                severity=severity,
                code=code,
                message=message,
                remedy=remedy,
                column=self.labels.get(column, column),
                value=self.cell(column)[:_SHOWN] if column else "",
                rejected=rejected,
            )
        )
        self.rejected = self.rejected or rejected

    def reject(self, code: str, message: str, *, column: str = "", remedy: str = "") -> None:
        """Refuse the row as a whole."""
        self.tell(Severity.ERROR, code, message, column=column, remedy=remedy, rejected=True)

    def unusable(self, code: str, message: str, *, column: str, remedy: str = "") -> None:
        """Keep the row without this value."""
        self.tell(
            Severity.ERROR, code, f"{message}; the value is not used, the row is kept", column=column, remedy=remedy
        )

    def warn(self, code: str, message: str, *, column: str = "", remedy: str = "") -> None:
        """Keep the value, in doubt."""
        self.tell(Severity.WARNING, code, message, column=column, remedy=remedy)

    def tell_note(self, code: str, message: str, *, column: str = "") -> None:
        """Tell what was done, where nothing needs to be mended."""
        self.tell(Severity.NOTE, code, message, column=column)
