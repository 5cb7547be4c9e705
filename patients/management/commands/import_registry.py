"""`import_registry NAME PATH`: read a registry's files, tell every problem, store what can be read."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Count

from patients import actions
from patients.intake import Busy, ImportErrored, NotClaimed, problems_csv, rejected_csv, run_import
from patients.models import Preset, Registry, Upload, UploadProblem
from patients.tasks import send

#: Problems told on the screen: so many at most, and so many of one sort that is no error.
SHOWN, SHOWN_OF_A_SORT = 20, 2
WAIT_SECONDS = 60.0


class Command(BaseCommand):
    help = (
        "Import patients and their facts from a CSV, a folder of CSVs or a zip of them, in the canonical or the wide "
        "layout. Rows that cannot be read are reported one by one and the others are kept. Exits with 0 where the "
        "upload was applied (or compared, with --dry-run), even with rejected rows, and with 1 where it was not."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the registry; it is created where there is none of this name")
        parser.add_argument("path", type=Path, help="a CSV, a folder of CSVs, or a zip")
        parser.add_argument("--dry-run", action="store_true", help="tell what would change, store no fact")
        parser.add_argument("--snapshot", action="store_true", help="withdraw what the files no longer hold")
        parser.add_argument(
            "--preset",
            choices=("clinic", "cancer-registry"),
            help="what a new registry is; decides how its silence is read (default: cancer-registry)",
        )
        parser.add_argument("--time-zone", default="UTC", help="IANA name for a new registry, such as Europe/Paris")
        parser.add_argument("--encoding", default="utf-8", help="utf-8 (default) or windows-1252")
        parser.add_argument("--rejected", type=Path, metavar="FILE", help="write the rows with errors to this CSV")
        parser.add_argument(
            "--problems", type=Path, metavar="FILE", help="write every error, warning and note to this CSV"
        )
        parser.add_argument("--queue", action="store_true", help="leave the reading to a worker and return at once")
        parser.add_argument("--format", choices=("text", "json"), default="text")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            registry = self._registry(options)
            upload = actions.start_import(
                registry=registry,
                by=None,
                path=options["path"],
                mode=Upload.Mode.SNAPSHOT if options["snapshot"] else Upload.Mode.INCREMENTAL,
                dry_run=options["dry_run"],
                encoding=options["encoding"],
            )
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from None
        if options["queue"]:
            sent = send(upload.pk)
            waits = f"upload {upload.pk} waits for a worker"
            waits += "" if sent else "; the queue cannot be reached, so it is found within minutes of its return"
            self._print({"upload": upload.pk, "state": upload.state}, waits, options)
            return
        progress = _Progress(self.stderr)
        try:
            upload = self._run(upload, progress)
        except (ImportErrored, NotClaimed) as error:
            raise CommandError(str(error)) from None
        finally:
            progress.end()
        written = [
            *self._write_rejected(upload, options["rejected"]),
            *self._write_problems(upload, options["problems"]),
        ]
        self._print(_as_json(upload), _as_text(upload, written), options)
        if upload.state not in {Upload.State.APPLIED, Upload.State.COMPARED}:
            raise CommandError(upload.error)

    def _registry(self, options: dict[str, Any]) -> Registry:
        preset = {"clinic": Preset.CLINIC, "cancer-registry": Preset.CANCER_REGISTRY, None: None}[options["preset"]]
        registry = Registry.objects.filter(name=options["name"]).first()
        if registry is None:
            if not options["path"].exists():
                raise CommandError(f"{options['path']} is neither a file nor a folder")
            return actions.create_registry(
                name=options["name"],
                by=None,
                preset=preset or Preset.CANCER_REGISTRY,
                time_zone=options["time_zone"],
            )
        if preset is not None and preset != registry.preset:
            raise CommandError(
                f"the registry {registry.name} exists as a {registry.preset}; a preset is only for a new registry: "
                "change its policies instead"
            )
        return registry

    def _run(self, upload: Upload, progress: _Progress) -> Upload:
        """Read the upload, waiting a while for another one of the same registry."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                return run_import(upload.pk, told=progress)
            except Busy:
                if time.monotonic() > deadline:
                    raise CommandError(
                        f"another upload of this registry is being read; upload {upload.pk} waits for a worker"
                    ) from None
                time.sleep(1)

    def _write_rejected(self, upload: Upload, path: Path | None) -> list[str]:
        rows = UploadProblem.objects.filter(upload=upload, raw_row__isnull=False).exists()
        if path is None:
            return ["add --rejected FILE to write the rows with errors to a CSV"] if rows else []
        _write(path, rejected_csv(upload))
        return [f"the rows with errors are in {path}" if rows else f"no row has an error: {path} is empty"]

    def _write_problems(self, upload: Upload, path: Path | None) -> list[str]:
        found = UploadProblem.objects.filter(upload=upload).count()
        if path is None:
            return ["add --problems FILE to write every problem to a CSV"] if found > SHOWN else []
        _write(path, problems_csv(upload))
        return [f"every problem is in {path}: {found}"]

    def _print(self, result: dict[str, Any], text: str, options: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(result) if options["format"] == "json" else text)


class _Progress:
    """One line on standard error that counts; silent where nobody looks at it. It names no patient."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._live = stream.isatty()

    def __call__(self, step: str, done: int, total: int) -> None:
        what = {"reading": "rows", "comparing": "patients"}[step]
        if self._live:
            self._stream.write(f"\r{step} {min(done, total):,} of {total:,} {what}\033[K", ending="")
            self._stream.flush()

    def end(self) -> None:
        if self._live:
            self._stream.write("\r\033[K", ending="")


def _write(path: Path, lines: Iterable[str]) -> None:
    """Write cells of patients to a file for its owner only. Raises CommandError."""
    try:
        with open(path, "w", newline="", encoding="utf-8", opener=_private) as file:
            file.writelines(lines)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _by_code(upload: Upload) -> list[dict[str, Any]]:
    return list(
        UploadProblem.objects.filter(upload=upload)
        .values("severity", "code")
        .annotate(count=Count("pk"))
        .order_by("severity", "-count", "code")
    )


def _first(upload: Upload) -> list[UploadProblem]:
    """The first problems: errors, then of every sort of warning and note the first few."""
    told = UploadProblem.objects.filter(upload=upload).order_by("file", "row", "pk")
    found = list(told.filter(severity=UploadProblem.Severity.ERROR)[:SHOWN])
    for severity in (UploadProblem.Severity.WARNING, UploadProblem.Severity.NOTE):
        codes = told.filter(severity=severity).order_by("code").values_list("code", flat=True).distinct()
        some = [each for code in codes for each in told.filter(severity=severity, code=code)[:SHOWN_OF_A_SORT]]
        found += sorted(some, key=lambda each: (each.file, each.row or 0, each.pk))[: max(0, SHOWN - len(found))]
    return found


def _as_json(upload: Upload) -> dict[str, Any]:
    return {
        "registry": upload.registry.name,
        "upload": upload.pk,
        "state": upload.state,
        "dry_run": upload.dry_run,
        "layout": upload.layout,
        "accepted": upload.accepted,
        "rejected": upload.rejected,
        "new": upload.new,
        "changed": upload.changed,
        "unchanged": upload.unchanged,
        "withdrawn": upload.withdrawn,
        "patients_new": upload.patients_new,
        "patients_changed": upload.patients_changed,
        "difference": dict(upload.by_kind),
        "error": upload.error,
        "problems": _by_code(upload),
        "first_problems": [
            {
                "file": problem.file,
                "row": problem.row,
                "column": problem.column,
                "value": problem.value,
                "severity": problem.severity,
                "code": problem.code,
                "message": problem.message,
                "remedy": problem.remedy,
                "rejected": problem.rejected,
            }
            for problem in _first(upload)
        ],
    }


def _as_text(upload: Upload, written: list[str]) -> str:
    lines = [
        f"{upload.registry.name}: upload {upload.pk}, {upload.get_state_display()}",
        f"  rows     accepted {upload.accepted}, rejected {upload.rejected}",
        f"  facts    new {upload.new}, changed {upload.changed}, unchanged {upload.unchanged}, "
        f"withdrawn {upload.withdrawn}",
        f"  patients new {upload.patients_new}, changed {upload.patients_changed}",
    ]
    for kind, counts in upload.by_kind:
        lines.append(f"    {kind:16}" + ", ".join(f"{name} {count}" for name, count in counts.items() if count))
    codes = _by_code(upload)
    if codes:
        lines.append("problems")
        lines += [f"  {each['count']:>6}  {each['severity']:8}{each['code']}" for each in codes]
        first = _first(upload)
        lines.append("each of them" if len(first) == sum(each["count"] for each in codes) else "the first of each")
        for problem in first:
            column = f", {problem.column}" if problem.column else ""
            value = f" {problem.value!r}" if problem.value else ""
            row = f" row {problem.row}" if problem.row is not None else ""
            remedy = f" → {problem.remedy}" if problem.remedy else ""
            lines.append(f"  {problem.severity:8}{problem.file}{row}{column}{value}: {problem.message}{remedy}")
    return "\n".join([*lines, *written])
