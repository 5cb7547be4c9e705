"""`match`: evaluate registries against trials as a durable run, and print what it found."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from matcher import runs, selectors
from matcher.management.arguments import (
    Progress,
    add_as_of,
    as_of_in,
    printing,
    registries_in,
    trials_named,
    write_csv,
)
from matcher.models import MatchRun, Status
from matcher.runs import DATA_THROUGH
from matcher.terminal import said_day, table
from patients import trust
from patients.models import Registry
from patients.wording import with_days
from trials.models import Version

#: Matches that the table shows; json and csv hold all.
SHOWN = 40
#: Missing facts that the table names.
FACTS_SHOWN = 5
POLL_SECONDS = 0.5
_ORDER = list(Status.values)
_COLUMNS = (
    "registry", "patient_id", "trial", "version", "as_of", "status", "offered", "cohort", "needs", "missing", "to_read",
    "clears_on",
)  # fmt: skip


class Command(BaseCommand):
    help = (
        "Match registries against trials: a run is recorded, evaluated and printed, with every pair that is not ruled "
        "out. Every trial as of today brings the answers that hold now up to date; a date or --trial asks apart. It is "
        "evaluated in this process, or by the workers with --queue. Exits with 1 where a run did not finish."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--registry", metavar="NAME", help="default: every registry")
        parser.add_argument(
            "--trial", metavar="ID", nargs="+", action="extend", default=[],
            help="a trial by its id, acronym or NCT number (default: every published trial)",
        )  # fmt: skip
        add_as_of(parser)
        parser.add_argument(
            "--keep", action="store_true",
            help="keep these answers up to date from now on: every trial, as of today or --as-of data-through",
        )  # fmt: skip
        parser.add_argument("--format", choices=("table", "json", "csv"), default="table")
        parser.add_argument("--all", action="store_true", help="also the pairs that are not eligible, evaluated again")
        parser.add_argument("--queue", action="store_true", help="send the run to the workers and return at once")
        parser.add_argument("--wait", action="store_true", help="with --queue: wait until the workers are done")

    def handle(self, *args: Any, **options: Any) -> None:
        as_of = as_of_in(options)
        registries = registries_in(options)
        versions = trials_named(options["trial"]) or None
        if options["wait"] and not options["queue"]:
            raise CommandError("--wait goes with --queue: without it the run is evaluated here")
        try:
            started = [self._start(registry, versions, as_of, options) for registry in registries]
        except ValidationError as problem:
            raise CommandError("; ".join(problem.messages)) from None
        if options["queue"] and not options["wait"]:
            self._queued(started, options)
            return
        ended = [self._wait(run) if options["queue"] else self._work(run) for run in started]
        bad = [run for run in ended if run.state != MatchRun.State.FINISHED]
        if bad:
            raise CommandError("; ".join(f"{run} {run.get_state_display()} {run.error}".strip() for run in bad))
        self._export(ended)
        with printing():
            if options["format"] == "csv":
                write_csv(self.stdout, _COLUMNS, _csv_rows(_matches(ended, everything=options["all"])))
            elif options["format"] == "json":
                self.stdout.write(json.dumps(_as_json(ended, everything=options["all"])))
            else:
                for line in _as_table(ended, everything=options["all"]):
                    self.stdout.write(line)

    def _start(
        self, registry: Registry, versions: list[Version] | None, as_of: runs.AsOf, options: dict[str, Any]
    ) -> MatchRun:
        """A run of a registry. Where its answers are being brought up to date, that has to end first."""
        while True:
            try:
                return runs.start_run(
                    registry=registry, versions=versions, as_of=as_of, by=None, queue=options["queue"],
                    keep=options["keep"],
                )  # fmt: skip
            except runs.UnderWay as busy:
                if options["queue"] and not options["wait"]:
                    return busy.run
                (self._wait if options["queue"] else self._work)(busy.run)

    def _work(self, run: MatchRun) -> MatchRun:
        progress = Progress(f"{run}:")
        try:
            return runs.run_inline(run, told=progress)
        finally:
            progress.end()

    def _wait(self, run: MatchRun) -> MatchRun:
        progress = Progress(f"{run}:")
        while not run.has_ended:
            time.sleep(POLL_SECONDS)
            found = selectors.progress_of(run)
            progress(found.done, found.total)
        progress.end()
        run.refresh_from_db()
        return run

    def _queued(self, started: list[MatchRun], options: dict[str, Any]) -> None:
        if options["format"] == "json":
            self.stdout.write(json.dumps({"run": _one([run.pk for run in started]), "state": "pending"}))
            return
        for run in started:
            self.stdout.write(f"{run} of {run.registry.name} waits for a worker: {run.shards_total} shards")

    def _export(self, ended: list[MatchRun]) -> None:
        """That identified patients were printed is part of the trail."""
        with transaction.atomic():
            for run in ended:
                trust.record(actor=None, action="matches printed", target=run, registry=run.registry, after="command")


def _one(values: list[Any]) -> Any:
    """One value where all runs agree, else all of them."""
    distinct = list(dict.fromkeys(values))
    return distinct[0] if len(distinct) == 1 else distinct


def _asked(run: MatchRun) -> str:
    return DATA_THROUGH if run.as_of_kind == MatchRun.AsOf.DATA_THROUGH else run.as_of.isoformat()


def _matches(ended: list[MatchRun], *, everything: bool) -> Iterator[dict[str, Any]]:
    for run in ended:
        for match in selectors.matches_of(run).iterator(chunk_size=2000):
            yield selectors.match_json(match, registry=run.registry.name)
        if everything:
            yield from selectors.not_eligible_json(run)


def _trials(ended: list[MatchRun]) -> list[dict[str, Any]]:
    """Per trial the counts of all runs together."""
    found: dict[str, dict[str, Any]] = {}
    for run in ended:
        for row in selectors.counts_of(run):
            document = row.version.document
            each = found.setdefault(
                document.code,
                {
                    "id": document.code,
                    "nct": document.nct or None,
                    "version": row.version.number,
                    "counts": dict.fromkeys(row.as_dict(), 0),
                    "funnel": [],
                },
            )
            for status, count in row.as_dict().items():
                each["counts"][status] += count
            each["funnel"] = [
                {**step, **{name: step[name] + old.get(name, 0) for name in ("alone", "in_order", "unknown")}}
                for step, old in zip(row.funnel, each["funnel"] or [{}] * len(row.funnel), strict=True)
            ]
    return [found[code] for code in sorted(found)]


def _as_json(ended: list[MatchRun], *, everything: bool) -> dict[str, Any]:
    return {
        "as_of": _one([_asked(run) for run in ended]),
        "known_at": max(run.known_at for run in ended).isoformat(),
        "run": _one([run.pk for run in ended]),
        "undated": sum(run.undated for run in ended),
        "trials": _trials(ended),
        "matches": list(_matches(ended, everything=everything)),
    }


def _csv_rows(matches: Iterator[dict[str, Any]]) -> Iterator[list[object]]:
    for match in matches:
        row = dict(match)
        row["offered"] = "yes" if match["offered"] else "no"
        row["missing"] = "; ".join(each["text"] for each in match["missing"])
        row["to_read"] = "; ".join(f"{each['criterion']}: {each['question']}" for each in match["to_read"])
        yield [row[name] for name in _COLUMNS]


def _as_table(ended: list[MatchRun], *, everything: bool) -> Iterator[str]:
    for run in ended:
        asked = DATA_THROUGH if run.as_of_kind == MatchRun.AsOf.DATA_THROUGH else said_day(run.as_of)
        yield f"{run.registry.name}: {run.patients} patients, as of {asked}, {run}"
        if run.undated:
            yield f"  {run.undated} without a data_through, evaluated as of {said_day(run.as_of)}"
    yield ""
    yield from table(
        ("trial", "version", "potentially eligible", "needs information", "not now", "not eligible", "deceased"),
        [
            (each["id"], each["version"], *(each["counts"][status] for status in (*_ORDER, "deceased")))
            for each in _trials(ended)
        ],
    )
    yield from _first_things(ended)
    matches = sorted(
        _matches(ended, everything=everything),
        key=lambda each: (
            _ORDER.index(each["status"]), not each["offered"], len(each["missing"]), each["clears_on"] or "9999",
            each["trial"], each["registry"], each["patient_id"],
        ),
    )  # fmt: skip
    if not matches:
        return
    shown = matches if everything else matches[:SHOWN]
    yield ""
    yield from table(
        ("patient", "trial", "status", "offered", "needs", "first missing fact, or when it clears"),
        [
            (
                each["patient_id"] if len(ended) == 1 else f"{each['registry']}/{each['patient_id']}",
                each["trial"] + (f"/{each['cohort']}" if each["cohort"] else ""),
                each["status"].replace("_", " "),
                "yes" if each["offered"] else "no",
                each["needs"] or "",
                _hint(each),
            )
            for each in shown
        ],
    )
    if len(shown) < len(matches):
        yield f"the first {len(shown)} of {len(matches)}: --format csv or json has all, --trial ID those of one trial"


def _first_things(ended: list[MatchRun]) -> Iterator[str]:
    """The missing facts that would settle most pairs."""
    first = runs.first_things(ended)
    if not first.facts:
        return
    yield ""
    yield from table(
        ("settles pairs", "patients", "trials", "asked for by pairs",
         "what to find out first" + (", for trials that take patients" if first.offered else "")),
        [(fact.settles.pairs, fact.settles.patients, len(fact.settles.trials), fact.asked.pairs, fact.text)
         for fact in first.facts[:FACTS_SHOWN]],
    )  # fmt: skip


def _hint(match: dict[str, Any]) -> str:
    if match["clears_on"]:
        return with_days(f"clears on {match['clears_on']}")
    if match["status"] == Status.NEEDS_INFORMATION and match["missing"]:
        more = f" (and {len(match['missing']) - 1} more)" if len(match["missing"]) > 1 else ""
        return with_days(f"{match['missing'][0]['text']}{more}")
    return ""
