"""`load_library [PATH]`: publish the trials and options of the library, telling what became of each."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from matcher.publishing import LIBRARY, LibraryProblem, Loaded, load_library


class Command(BaseCommand):
    help = (
        "Publish the documents of trials/library, or of PATH (a folder, or one file): each becomes a draft, is "
        "checked, tried on its own test patients and frozen as a version. What is in force already stays as it is. "
        "Exits with 1 where any document could not be published."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", nargs="?", type=Path, default=LIBRARY, help="default: the library that comes along")
        parser.add_argument("--recheck", action="store_true", help="check also what is in force already")
        parser.add_argument("--format", choices=("text", "json"), default="text")

    def handle(self, *args: Any, **options: Any) -> None:
        as_json = options["format"] == "json"
        began = time.monotonic()
        loaded: list[Loaded] = []
        try:
            for each in load_library(options["path"], recheck=options["recheck"]):
                loaded.append(each)
                if not as_json:
                    self.stdout.write(_line(each))
        except LibraryProblem as problem:
            raise CommandError(str(problem)) from None
        failed = sum(each.outcome == "failed" for each in loaded)
        if as_json:
            self.stdout.write(json.dumps({"documents": [_json(each) for each in loaded], "failed": failed}))
        else:
            counts = ", ".join(
                f"{sum(each.outcome == outcome for each in loaded)} {outcome}"
                for outcome in ("published", "unchanged", "failed")
            )
            self.stdout.write(f"{len(loaded)} documents: {counts}, in {time.monotonic() - began:.1f} s")
        if failed:
            raise CommandError(f"{failed} of {len(loaded)} documents could not be published")


def _line(loaded: Loaded) -> str:
    version = f"version {loaded.version}" if loaded.version else ""
    lines = [f"{loaded.outcome:10} {loaded.kind:7} {loaded.code:36} {version}".rstrip()]
    lines += [f"           {problem}" for problem in (*loaded.problems, *loaded.warnings)]
    return "\n".join(lines)


def _json(loaded: Loaded) -> dict[str, Any]:
    return {
        "id": loaded.code,
        "kind": loaded.kind,
        "file": loaded.file,
        "outcome": loaded.outcome,
        "version": loaded.version or None,
        "problems": list(loaded.problems),
        "warnings": list(loaded.warnings),
    }
