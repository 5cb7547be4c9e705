"""`demo_registry FOLDER`: write the made-up registry as CSV files, for trying an upload."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from matcher.demo import SEED, write


class Command(BaseCommand):
    help = (
        "Write the registry of the demo (some 250 made-up patients, with the gaps and faults of a real one) as CSV "
        "files in the canonical layout. Import them with `import_registry NAME FOLDER --preset clinic`, or upload them."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, help="where to; it is made, and files of the same names are replaced")
        parser.add_argument("--today", metavar="DATE", help="the day the registry is of, YYYY-MM-DD (default: today)")
        parser.add_argument("--seed", type=int, default=SEED, help="another number makes another registry")

    def handle(self, *args: Any, **options: Any) -> None:
        folder: Path = options["folder"]
        try:
            written = write(folder, today=_day(options["today"]), seed=options["seed"])
        except OSError as error:
            raise CommandError(f"{folder} cannot be written: {error.strerror}") from None
        for name, rows in written.items():
            self.stdout.write(f"  {name + '.csv':20}{rows:>6} rows")
        self.stdout.write(f"{folder}: a made-up registry. Next: import_registry NAME {folder} --preset clinic")


def _day(text: str | None) -> date:
    """The day written, or today in the time zone of the settings, which a new registry has."""
    if text is None:
        return timezone.now().date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CommandError(f"--today {text!r} is no date: write YYYY-MM-DD") from None
