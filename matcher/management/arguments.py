"""What commands take: registries and trials by name, a patient by id, an as-of date. What is not there is said plainly.

A message that goes to standard error never holds a patient's id; ids are results and go to standard output.
"""

from __future__ import annotations

import csv
import difflib
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

from django.core.management.base import CommandError, CommandParser

from matcher.runs import AsOf, read_as_of
from patients.models import Patient, Registry
from trials.models import Document, Version
from trials.selectors import UnknownDocument, current_version, find_document


def add_as_of(parser: CommandParser) -> None:
    """The option --as-of."""
    parser.add_argument(
        "--as-of",
        metavar="DATE",
        help="the date asked about, as 2026-01-15, or data-through: each patient at their own (default: today)",
    )


def as_of_in(options: dict[str, Any]) -> AsOf:
    """The as-of date of a command line."""
    try:
        return read_as_of(options["as_of"])
    except ValueError as problem:
        raise CommandError(f"--as-of: {problem}") from None


def registry_named(name: str) -> Registry:
    """The registry of a name."""
    names = list(Registry.objects.values_list("name", flat=True))
    if name in names:
        return Registry.objects.get(name=name)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.4) or sorted(names)[:5]
    hint = f"; there is {', '.join(near)}" if near else ": import one with import_registry NAME PATH"
    raise CommandError(f"there is no registry {name!r}{hint}")


def registries_in(options: dict[str, Any]) -> list[Registry]:
    """The registry that --registry names, or all."""
    if options["registry"]:
        return [registry_named(options["registry"])]
    found = list(Registry.objects.order_by("name"))
    if not found:
        raise CommandError("there is no registry: import one with import_registry NAME PATH")
    return found


def patient_named(registry: Registry, patient_id: str) -> Patient:
    """A patient of a registry."""
    found = Patient.objects.select_related("registry").filter(registry=registry, patient_id=patient_id).first()
    if found is None:
        raise CommandError(f"the registry {registry.name} has no patient of this id (ids are case-sensitive)")
    return found


def trials_named(names: Sequence[str]) -> list[Version]:
    """The versions in force of trials, each by its id, acronym or NCT number."""
    found: dict[int, Version] = {}
    for name in names:
        try:
            document = find_document(name, kind=Document.Kind.TRIAL)
        except UnknownDocument as problem:
            raise CommandError(str(problem)) from None
        version = current_version(document)
        if version is None:
            raise CommandError(f"{document.code} has no published version")
        found[document.pk] = version
    return list(found.values())


class Progress:
    """A bar on standard error with rate and time left; silent where nobody looks at it."""

    WIDTH = 24

    def __init__(self, what: str, *, file: IO[str] | None = None) -> None:
        self.what = what
        self.file = file or sys.stderr
        self.live = self.file.isatty()
        self.began = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        if not self.live:
            return
        full = self.WIDTH * done // total if total else self.WIDTH
        seconds = time.monotonic() - self.began
        pace = ""
        if done and seconds > 0:
            left = round((total - done) * seconds / done)
            pace = f", {done / seconds:,.0f} a second, {left // 60}:{left % 60:02} left"
        bar = "█" * full + "░" * (self.WIDTH - full)
        self.file.write(f"\r\033[K{self.what} {bar} {done:,} of {total:,} patients{pace}")
        self.file.flush()

    def end(self) -> None:
        """Clear the line."""
        if self.live:
            self.file.write("\r\033[K")
            self.file.flush()


@contextmanager
def printing() -> Iterator[None]:
    """Around what is printed: a reader that has seen enough (`| head`) is no failure."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        # Python would complain of the closed pipe once more when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def write_csv(file: Any, headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows as CSV; a text that a spreadsheet would run as a formula is kept a text."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(headings)
    for row in rows:
        writer.writerow([_harmless(value) for value in row])


def _harmless(value: object) -> object:
    text = "" if value is None else value
    return f"'{text}" if isinstance(text, str) and text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
