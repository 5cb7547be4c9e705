"""Errors of a rule, written for the person who wrote it: where, what was expected, and the nearest known word."""

from __future__ import annotations

from dataclasses import dataclass

#: Longest part of a line that is shown with an error.
_WIDTH = 160


class InvalidNode(ValueError):
    """A node of a rule that cannot mean anything; raised when it is built, so that it never exists."""


@dataclass(eq=False)  # an exception is written to on its way up, and equals only itself
class RuleError(Exception):
    """A rule that cannot be read. `line` and `column` count from 1; both are 0 where no place can be named."""

    message: str
    line: int = 0
    column: int = 0
    text: str = ""

    def __str__(self) -> str:
        if not self.line:
            return self.message
        place = f"line {self.line}, column {self.column}: {self.message}"
        lines = self.text.splitlines()
        if 0 < self.line <= len(lines):
            shown, at = _around(lines[self.line - 1], self.column - 1)
            place += f"\n  {shown}\n  {' ' * at}^"
        return place


def _around(line: str, at: int) -> tuple[str, int]:
    """As much of a line as a screen holds around a place of it, and where the place is then."""
    if len(line) <= _WIDTH:
        return line, at
    start = max(0, at - _WIDTH // 2)
    shown = ("…" if start else "") + line[start : start + _WIDTH] + ("…" if start + _WIDTH < len(line) else "")
    return shown, at - start + (1 if start else 0)


class ShapeError(ValueError):
    """JSON data that is no rule: `path` says where (`$.parts[1].left`), `message` what was expected there."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path
        self.message = message
