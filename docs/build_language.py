"""Writes `criteria-language.md` and `criteria.schema.json`: the manual of the language from the tables that test it.

Every example of the manual is a spec test in `tests/spec/`, every table of fields and every word list is read from the
code, so neither can say anything that the system does not do.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = Path(__file__).with_name("criteria-language.md")
SCHEMA = Path(__file__).with_name("criteria.schema.json")
SPEC = ROOT / "tests" / "spec"

#: The order of the manual: the fifteen constructs, then what two of them rest on.
ORDER = (
    "connectives",
    "conditional",
    "exception",
    "quota",
    "comparison",
    "selector",
    "records",
    "field_tests",
    "concept_sets",
    "count",
    "windows",
    "intervals",
    "doses",
    "definitions",
    "ask",
    "worked_lines",
    "worked_failures",
)

_HEAD = """# The criteria language

Made by `docs/build_language.py` from the spec tests, the grammar and the tables of the code; do not edit by hand.

A rule reads like a line of a protocol and is *met*, *not met* or *unknown* for a patient on a date, an unknown with
its reason: *not recorded*, *stale*, *imprecise*, *conflicting*, *needs judgement*. What nobody recorded is never
taken for no.

A rule is checked before it can be published, is printed back in plain English, and is stored as JSON
([schema](criteria.schema.json)). Try one with `python manage.py evaluate 'ecog <= 2' --registry NAME`.

Every table below is a test: its patients are made up, its answers are those the system gives. Unless a table says
otherwise the question is asked on 15 January 2026. ✓ is met, ✗ not met, ? unknown.
"""

_NAMES = """## Names

Concepts, tests, codes and fields are written as the vocabulary names them; case, accents, spaces, hyphens and
underscores do not matter, and synonyms, brands and known misspellings are understood. A test is one word
(`creatinine_clearance`). `#` begins a comment. A name that holds a word of the language stands in double quotes.
Those words are:

{words}.

Signs may be written as in protocols: `≥`, `≤`, `=>`, `=<`, `≠`.
"""

_KINDS = """## Kinds of record and their fields

The first argument of a kind is a set of concepts, `other than:` takes some away, and each field below may be tested
once.
"""

_CHANGE = """## Whether an answer can change

Each answer says whether it can turn into its contrary: *never*, *by course of disease*, *by action* (repeat a test,
stop a medication), or *by time* from a date. A window that runs out changes by time whatever its kind.

| what is asked | how *not met* can become *met* | how *met* can cease |
|---|---|---|
"""


def page() -> str:
    """The whole manual."""
    from trials.criteria.parser import reserved_words

    words = ", ".join(f"`{word}`" for word in sorted(reserved_words(), key=str.casefold))
    parts = [_HEAD, _NAMES.format(words=words)]
    parts += ["\n".join(_section(name)) for name in ORDER]
    parts += ["\n".join(_kinds()), "\n".join(_change()), _grammar()]
    return "\n".join(part.strip("\n") + "\n" for part in parts)


def schema() -> str:
    """The published JSON Schema."""
    from trials.criteria.schema import schema_text

    return schema_text()


def _section(name: str) -> Iterator[str]:
    module = importlib.import_module(f"tests.spec.test_{name}")
    yield f"## {module.title}\n"
    yield module.text
    for table in module.tables:
        yield from _table(table)


def _table(table: Any) -> Iterator[str]:
    from tests.spec.tables import DAY

    yield f"### {table.heading}\n"
    if table.text:
        yield f"{table.text}\n"
    if table.as_of != DAY:
        yield f"Asked on {table.as_of:%-d %B %Y}.\n"
    if table.cancer:
        yield f"The document's cancer: `{table.cancer}`.\n"
    for definition in table.definitions:
        yield f"    {definition}\n"
    told = [f"- *everyone*: {_rows(table.shared)}"] if table.shared else []
    told += [f"- **{name}**: {_rows(rows)}" for name, rows in table.patients.items()]
    yield "\n".join(told) + "\n"
    yield "| rule | " + " | ".join(table.patients) + " |"
    yield "|---|" + "---|" * len(table.patients)
    for case in table.cases:
        yield f"| {_rule(case)} | " + " | ".join(_answer(expected) for expected in case.expected) + " |"
    yield ""


def _rule(case: Any) -> str:
    from patients.vocabulary import default
    from trials.criteria.english import english
    from trials.criteria.parser import parse

    said = english(parse(case.rule), default()).replace("*", "\\*")
    note = f"<br>({case.note})" if case.note else ""
    return f"`{case.rule}`<br>*{said}*{note}".replace("|", "\\|")


def _answer(expected: str) -> str:
    signs = {"met": "✓", "not met": "✗"}
    return signs.get(expected) or expected.replace("unknown: ", "? ")


def _rows(rows: Mapping[str, Any]) -> str:
    parts = [str(rows["note"])] if rows.get("note") else []
    person = [
        f"{name.replace('_', ' ')} {value}" for name, value in rows.items() if isinstance(value, str) and name != "note"
    ]
    parts += [", ".join(person)] if person else []
    for kind, held in rows.items():
        if isinstance(held, list) and held:
            parts.append(f"{kind.replace('_', ' ')}: " + "; ".join(_row(row) for row in held))
    return ". ".join(parts) or "nothing recorded"


def _row(row: Mapping[str, Any]) -> str:
    cells = [(name, value) for name, value in row.items() if value is not None and name != "record_id"]
    first, rest = cells[0][1], cells[1:]
    return str(first) + "".join(f", {name.replace('_', ' ')} {value}" for name, value in rest if value != "")


def _kinds() -> Iterator[str]:
    from patients.facts import CODED
    from trials.criteria.kinds import CONCEPT_DOMAINS, FIELDS

    yield _KINDS
    for kind, known in FIELDS.items():
        takes = " or ".join(f"a {domain}" for domain in CONCEPT_DOMAINS[kind]) or "one of " + ", ".join(
            CODED[kind.value]
        )
        yield f"### {kind}\n\n{kind}(…) takes {takes}.\n"
        if not known:
            continue
        yield "| field | tested by | meaning |\n|---|---|---|"
        for name, field in known.items():
            tested = ", ".join(CODED[field.codes]) if field.codes else field.type.value.replace("_", " or ")
            yield f"| `{name}` | {tested} | {field.meaning} |"
        yield ""


def _change() -> Iterator[str]:
    from matcher.engine.change import TABLE

    yield _CHANGE.rstrip("\n")
    yield "\n".join(f"| {row.leaf} | {row.to_met} | {row.to_not_met} |" for row in TABLE) + "\n"


def _grammar() -> str:
    text = (ROOT / "trials" / "criteria" / "grammar.lark").read_text(encoding="utf-8")
    return f"## The grammar\n\n```\n{text.strip()}\n```\n"


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    PAGE.write_text(page(), encoding="utf-8")
    SCHEMA.write_text(schema(), encoding="utf-8")
