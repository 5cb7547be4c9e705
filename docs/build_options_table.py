"""Writes `options-table.md`: every statement of the two leiomyosarcoma sources, with its document and its rule.

The table is read from the library's documents alone, so it says what the system does and cannot fall behind it. A
statement that several options share is defined once, in `trials/library/statements`, and named here with all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = ROOT / "trials" / "library"
TABLE = Path(__file__).with_name("options-table.md")
TRIAL = "LMS03"
# The reader in C is nine times as fast; it is there wherever the package was built with libyaml.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_PREAMBLE = """# Where every statement of the sources stands

Made by `docs/build_options_table.py` from the documents in `trials/library`; do not edit by hand.

Source A is the abstract of LMS03 (Eur J Cancer 2020;125:31-37), source B a summary of options for metastatic
leiomyosarcoma of bone. A statement is exactly one of: stance, modifier, must not use, caution, dose, monitoring,
evidence, regulatory, result. Only a stance ranks, and a modifier moves it one step. A statement without a rule holds
for whoever the option is considered for; its truth is left empty. C1 to C13 number the places where sources disagree,
which the statement shows with figures and address.
"""
_HEADER = ("id", "kind", "strength", "document", "rule", "figures", "sources disagree")


@dataclass(slots=True)
class Row:
    """One statement: its document's fields, the file that defines it, and the options under which it stands."""

    statement: dict[str, Any]
    file: str
    options: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The statement's id, SR-01 or LMS03-E1."""
        return str(self.statement["id"])

    @property
    def kind(self) -> str:
        """The one kind of the statement; a trial's criterion is named by its polarity."""
        return str(self.statement.get("kind") or f"{self.statement['polarity']} criterion").replace("_", " ")

    @property
    def strength(self) -> str:
        """A stance's strength, or the step of a modifier."""
        step = self.statement.get("step")
        return str(self.statement.get("strength") or (f"one step {step}" if step else ""))

    @property
    def rule(self) -> str:
        """The rule as one line, or what stands in its place."""
        if "rule" in self.statement:
            return " ".join(str(self.statement["rule"]).split())
        return f"reads the {self.statement['reads']}" if "reads" in self.statement else ""

    @property
    def figures(self) -> dict[str, Any]:
        """The figures quoted from the source."""
        own = self.statement.get("figures")
        cited = self.statement.get("citation")
        return dict(own or (cited.get("figures") if isinstance(cited, dict) else None) or {})


def read(path: Path) -> dict[str, Any]:
    """A document of the library as plain data; raises ValueError, naming the file, where it is no mapping."""
    found = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)
    if not isinstance(found, dict):
        raise ValueError(f"{path.name} holds no document")
    return found


def rows(library: Path = LIBRARY) -> list[Row]:
    """Every statement, in the order of its id; raises ValueError where an id is defined twice or includes nothing."""
    found: dict[str, Row] = {}

    def define(statement: dict[str, Any], path: Path, *options: str) -> None:
        row = Row(statement, path.relative_to(library).as_posix(), list(options))
        if row.id in found:
            raise ValueError(f"{row.id} is defined in {found[row.id].file} and again in {row.file}")
        found[row.id] = row

    for path in sorted((library / "statements").glob("*.yaml")):
        define(read(path), path)
    for path in sorted((library / "options").glob("*.yaml")):
        option = read(path)
        for statement in option["statements"]:
            if "include" not in statement:
                define(statement, path, option["id"])
            elif statement["include"] in found:
                found[statement["include"]].options.append(option["id"])
            else:
                raise ValueError(f"{path.name} includes {statement['include']}, which stands in no file of statements")
    path = library / "trials" / f"{TRIAL}.yaml"
    trial = read(path)
    for statement in (*trial["criteria"], *trial["results"]):
        if "note" not in statement:
            define(statement, path)
    return sorted(found.values(), key=lambda row: _order(row.id))


def _order(id: str) -> tuple[int, int, str]:
    number = re.search(r"\d+", id.removeprefix(TRIAL))
    return (int(id.startswith(TRIAL)), int(number.group()) if number else 99, id)


def _cells(row: Row) -> Iterator[str]:
    yield f"`{row.id}`"
    yield row.kind
    yield row.strength
    under = ", ".join(row.options) if row.file.startswith("statements/") else ""
    yield f"`{row.file}`" + (f", under {under}" if under else "")
    yield f"`{row.rule}`" if "rule" in row.statement else row.rule
    yield "; ".join(f"{name.replace('_', ' ')} {_figure(value)}" for name, value in row.figures.items())
    other = row.statement.get("disagrees")
    yield f"{other['conflict']}: {other['with']}" if other else ""


def _figure(value: object) -> str:
    return ", ".join(str(part) for part in value) if isinstance(value, list) else str(value)


def definitions(library: Path = LIBRARY) -> dict[str, list[str]]:
    """Each definition of the option documents as one line, and the options that use it."""
    found: dict[str, list[str]] = {}
    for path in sorted((library / "options").glob("*.yaml")):
        option = read(path)
        for definition in option.get("definitions", ()):
            found.setdefault(" ".join(str(definition).split()), []).append(option["id"])
    return found


def table(library: Path = LIBRARY) -> str:
    """The page, ending in a newline."""
    lines = [_PREAMBLE, f"| {' | '.join(_HEADER)} |", f"|{'---|' * len(_HEADER)}"]
    for row in rows(library):
        cells = " | ".join(cell.replace("|", "\\|") for cell in _cells(row))
        lines.append(f"| {cells} |")
    lines += ["", "The rules use these definitions:", ""]
    lines += [f"- `{each}` ({', '.join(options)})" for each, options in definitions(library).items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    TABLE.write_text(table(), encoding="utf-8")
