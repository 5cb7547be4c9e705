"""Reads YAML into plain text cells and remembers on which line each stood.

Every scalar stays the text that was written (`2024-05`, `yes`, `00e5`), as in a CSV file, so that nothing is turned
into a date, a boolean or a number behind the author's back; the reader of each field decides what it is. A key that
stands twice is refused, for half of what was written would be lost in silence; aliases and merges (`<<: *fit`) are
written out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

import yaml

from trials.criteria.documents.errors import DocumentError, DocumentProblem

Plain = str | None | list["Plain"] | dict[str, "Plain"]
Path = tuple[str | int, ...]

#: A document of a thousand criteria has some 20,000 values; an alias of aliases could unfold to billions.
_MOST_VALUES = 500_000

#: The same reader in C is nine times as fast; it is there wherever the package was built with libyaml.
_QUICK = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_MERGE = "tag:yaml.org,2002:merge"
_NULL = "tag:yaml.org,2002:null"


@dataclass
class Places:
    """Where each value stood: path to (line, column), both from 1. Empty for a document that was no text."""

    file: str = ""
    known: dict[Path, tuple[int, int]] = field(default_factory=dict)

    def at(self, path: Path) -> tuple[int, int]:
        """The place of a value, or of the nearest thing around it; (0, 0) where none is known."""
        while path and path not in self.known:
            path = path[:-1]
        return self.known.get(path, (0, 0))


def read_yaml(text: str, places: Places) -> Plain:
    """The text as plain data; raises DocumentError with file, line and remedy where it is no YAML."""
    try:
        return _plain(_composed(text, places), (), places, ())
    except RecursionError:
        raise _refused(places, "values here hold each other too deep", "write it with less nesting", None) from None


def _composed(text: str, places: Places) -> yaml.Node:
    try:
        try:
            node = yaml.compose(text, Loader=_QUICK)
        except (yaml.YAMLError, UnicodeEncodeError):
            # The reader in Python says more exactly what is wrong and where.
            node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        raise _refused(
            places,
            f"this is no YAML: {problem.problem or problem.context}",
            "mend the indentation or put the text in quotes",
            mark,
        ) from None
    except yaml.YAMLError as problem:
        raise _refused(places, f"this is no YAML: {problem}", "save the file as UTF-8 text", None) from None
    if node is None:
        raise _refused(places, "the document is empty", "write at least kind, id and title", None)
    return node


def _plain(node: yaml.Node, path: Path, places: Places, around: tuple[yaml.Node, ...]) -> Plain:
    if any(node is each for each in around) or len(places.known) > _MOST_VALUES:
        raise _refused(places, "an alias here holds itself, or too much", "write the value out", node.start_mark)
    around = (*around, node)
    places.known[path] = (node.start_mark.line + 1, node.start_mark.column + 1)
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Plain] = {}
        merged: dict[str, Plain] = {}
        for key, value in node.value:
            name = str(key.value)
            if key.tag == _MERGE:
                for each in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    inner = _plain(each, path, places, around)
                    if not isinstance(inner, dict):
                        raise _refused(places, "only a mapping can be merged", "name one by its alias", key.start_mark)
                    merged = inner | merged
                continue
            if name in found:
                raise _refused(places, f"{name!r} stands twice", "keep one of them", key.start_mark)
            found[name] = _plain(value, (*path, name), places, around)
        return found | {name: value for name, value in merged.items() if name not in found}
    if isinstance(node, yaml.SequenceNode):
        return [_plain(value, (*path, index), places, around) for index, value in enumerate(node.value)]
    return None if node.tag == _NULL else str(node.value)


def _refused(places: Places, message: str, remedy: str, mark: yaml.Mark | None) -> DocumentError:
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (0, 0)
    return DocumentError([DocumentProblem(message=message, remedy=remedy, file=places.file, line=line, column=column)])


def plain(data: object) -> Plain:
    """Data that was no text (an API body, a form) in the same shape: every scalar as it would stand in a file."""
    if data is None:
        return None
    if isinstance(data, Mapping):
        return {str(key): plain(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [plain(value) for value in data]
    if isinstance(data, bool):
        return "yes" if data else "no"
    if isinstance(data, datetime | date):
        return data.isoformat()
    return str(data)
