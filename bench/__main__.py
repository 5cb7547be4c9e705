"""`python -m bench`: run every measurement and print one table. docs/benchmark.md says what each figure means."""

from __future__ import annotations

import argparse
import os
import platform
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import astuple
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from bench.data import CLOSED, LEAST_ROWS, write_part, write_registry
from bench.matching.report import load_lines, scale_lines
from bench.processes import Outcome, StageError, database_beside, is_postgresql, run_stage, sqlite_address
from bench.table import Line, render, times

REGISTRY = "bench"
PARTS = ("import", "matching", "scale")
#: Patients of the demo registry who are evaluated, and who are explained.
EVALUATED = 60
EXPLAINED = 20
#: Kinds of leaves that the table names.
TOP = 5
#: Sizes of the registries that are matched, and how many patients of them at a time.
SIZES = (10_000, 100_000)
CHUNK = 10_000
#: The ways in which the peer imports, as the table says them; each writes into a database of its own.
PEER_SETTINGS = {"default": "its defaults", "bulk": "its bulk settings"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit code is 1 where a stage failed."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000, help="rows of the imported registry (default 100,000)")
    parser.add_argument("--peer-rows", type=int, default=5_000, help="observations the peer imports (default 5,000)")
    parser.add_argument("--patients", type=int, action="append", metavar="N",
                        help="a size of the made-up registry that is matched, smallest first (may be repeated; "
                             "default 10,000 and 100,000)")  # fmt: skip
    parser.add_argument("--trials", type=int, default=1_000, help="made-up trials it is matched with (default 1,000)")
    parser.add_argument("--peer-trials", type=int, default=100,
                        help="trials that Polars and DuckDB are asked about (default 100)")  # fmt: skip
    parser.add_argument("--chunk", type=int, default=CHUNK, help=f"patients matched at a time (default {CHUNK:,})")
    parser.add_argument("--only", choices=PARTS, action="append", help="measure this part alone (may be repeated)")
    options = parser.parse_args(arguments)
    if options.rows < LEAST_ROWS or not 0 < options.peer_rows <= options.rows // 5:
        parser.error(f"--rows is {LEAST_ROWS:,} or more, --peer-rows a fifth of it or less")
    if min(options.trials // 10, options.peer_trials, options.chunk, *(options.patients or SIZES)) < 1:
        parser.error("--trials is 10 or more, the other numbers 1 or more")
    begin = time.monotonic()
    loads = [os.getloadavg()[0]]
    lines: list[Line] = []
    problem = ""
    try:
        with tempfile.TemporaryDirectory(prefix="matcher-bench-") as scratch:
            parts = options.only or PARTS
            for line in _measure(Path(scratch), parts, options):
                lines.append(line)
                # Told at once: a run that is stopped leaves what it has measured.
                _tell("  ".join(part.strip() for part in astuple(line) if part))
    except StageError as error:
        problem = str(error)
    # What was measured before a stage failed is told.
    loads.append(os.getloadavg()[0])
    print(_heading(loads, time.monotonic() - begin))
    print(render(lines))
    if problem:
        print(f"\n{problem}", file=sys.stderr)
    return 1 if problem else 0


def _heading(loads: Sequence[float], seconds: float) -> str:
    now = datetime.now(UTC)
    return (
        f"{now:%d %B %Y}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}; load {loads[0]:.1f} before and {loads[1]:.1f} after; {seconds:.0f} s in all\n"
    )


def _measure(scratch: Path, parts: Sequence[str], options: argparse.Namespace) -> Iterator[Line]:
    if "import" in parts:
        yield from _imports(scratch, rows=options.rows, peer_rows=options.peer_rows)
    if "matching" in parts:
        yield from _matching(scratch)
    if "scale" in parts:
        yield from _scale(scratch, options)


def _imports(scratch: Path, *, rows: int, peer_rows: int) -> Iterator[Line]:
    whole, part = scratch / "whole", scratch / "part"
    counts = write_registry(whole, rows=rows)
    people = write_part(whole, part, observations=peer_rows)
    address = os.environ.get("DATABASE_URL", "")
    if not is_postgresql(address):
        _tell("PostgreSQL is not measured: DATABASE_URL points to none")
    for server in ("SQLite", "PostgreSQL") if is_postgresql(address) else ("SQLite",):
        with _fresh(server, address, scratch, ("whole", "part", *PEER_SETTINGS)) as databases:
            yield Line(f"Registry import into {server}: {rows:,} rows, {counts['patients']:,} patients, all files")
            yield from _importing(scratch, whole, database=databases["whole"])
            yield Line(f"Beside a peer, {server}: observations.csv alone, {peer_rows:,} rows of {people:,} patients")
            yield from _beside_peer(scratch, part, databases=databases)


def _importing(scratch: Path, whole: Path, *, database: str) -> Iterator[Line]:
    run_stage("migrate", database=database, scratch=scratch)
    for what in ("first upload", "the same upload again, nothing changed"):
        yield _import_line(what, _import(scratch, whole, database=database))


def _import(scratch: Path, path: Path, *, database: str) -> Outcome:
    return run_stage("import_registry", database=database, scratch=scratch, path=str(path), registry=REGISTRY)


def _import_line(what: str, outcome: Outcome, *, beside: Outcome | None = None) -> Line:
    speed = outcome["rows"] / outcome["seconds"]
    ratio = 0.0 if beside is None else beside["rows"] / beside["seconds"] / speed
    note = f"this system is {ratio:.1f} x as fast" if ratio else ""
    return Line(f"  {what}", f"{speed:,.0f} rows/s", *times(outcome), f"{outcome.peak_mb:.0f} MB", note)


def _beside_peer(scratch: Path, part: Path, *, databases: Mapping[str, str]) -> Iterator[Line]:
    """Ours and theirs on the same file and the same server: the file once, and once more unchanged."""
    for settings in PEER_SETTINGS:
        run_stage("migrate", database=databases[settings], scratch=scratch, everything=1)
    run_stage("migrate", database=databases["part"], scratch=scratch)
    _import(scratch, part / "patients.csv", database=databases["part"])
    for again in ("", ", again"):
        ours = _import(scratch, part / "observations.csv", database=databases["part"])
        yield _import_line(f"this system{again}", ours)
        for settings, said in PEER_SETTINGS.items():
            theirs = run_stage(
                "import_by_peer", database=databases[settings], scratch=scratch, path=str(part), settings=settings
            )
            yield _import_line(f"django-import-export, {said}{again}", theirs, beside=ours)


def _matching(scratch: Path) -> Iterator[Line]:
    database, folder = sqlite_address(scratch, "matching"), scratch / "demo"
    day = CLOSED.isoformat()
    stage = partial(run_stage, database=database, scratch=scratch)
    stage("migrate")
    stage("import_demo", path=str(folder), registry=REGISTRY, today=day)
    yield Line("The shelf (SQLite)")
    loaded = stage("load_shelf")
    failed = f", {loaded['failed']} failed" if loaded["failed"] else ""
    yield Line("  load_library into an empty database", f"{loaded['published']} documents{failed}", *times(loaded),
               f"{loaded.peak_mb:.0f} MB")  # fmt: skip
    again = loaded["again"]
    yield Line("  load_library again, nothing changed", f"{again['unchanged']} documents", *times(again, 2))
    explained = stage("explain_patients", registry=REGISTRY, as_of=day, patients=EXPLAINED)
    yield Line(
        f"  explain, one patient x {explained['trials']} trials and {explained['options']} options",
        f"{1000 * explained['cpu']:.0f} ms", *times(explained, 2), f"{explained.peak_mb:.0f} MB",
        f"median of {explained['patients']}, the longest {1000 * explained['most']:.0f} ms",
    )  # fmt: skip
    yield from _evaluator_lines(stage("evaluate_pairs", registry=REGISTRY, as_of=day, patients=EVALUATED))


def _evaluator_lines(outcome: Outcome) -> Iterator[Line]:
    """Rates of one core, so by the time that it was at work; shares of that time."""
    patients, trials, cpu = outcome["patients"], outcome["trials"], outcome["cpu"]
    yield Line(f"Reference evaluator, one core: {patients} patients x {trials} trials, {outcome['ruled']} criteria")
    yield Line(
        "  pairs of patient and trial", f"{patients * trials / cpu:,.0f} /s", *times(outcome),
        f"{outcome.peak_mb:.0f} MB", f"{1000 * cpu / (patients * trials):.1f} ms a pair",
    )  # fmt: skip
    yield Line("  criteria", f"{patients * outcome['ruled'] / cpu:,.0f} /s")
    dearest = sorted(outcome["leaves"], key=lambda leaf: -leaf[2])
    shares = [(kind, spent, f"{times:,} leaves, {1e6 * spent / times:.0f} us each") for kind, times, spent in dearest]
    others = sum(spent for _, spent, _ in shares[TOP:])
    rest = cpu - sum(spent for _, spent, _ in shares)
    for what, spent, note in (
        *shares[:TOP],
        ("every other kind of leaf", others, ""),
        ("the rest: combining, answers, statuses, missing facts", rest, ""),
    ):
        yield Line(f"  {what}", f"{100 * spent / cpu:.0f} %", "", f"{spent:.1f} s", "", note)


def _scale(scratch: Path, options: argparse.Namespace) -> Iterator[Line]:
    sizes, address = options.patients or SIZES, os.environ.get("DATABASE_URL", "")
    # Matching itself asks no database.
    stage = partial(run_stage, database=sqlite_address(scratch, "none"), scratch=scratch)
    yield from scale_lines(
        stage, scratch, sizes=sizes, trials=options.trials, peer_trials=options.peer_trials, chunk=options.chunk
    )
    if not is_postgresql(address):
        _tell("facts as columns are not measured: DATABASE_URL points to no PostgreSQL")
        return
    for patients in sizes:
        with _fresh("PostgreSQL", address, scratch, ("facts",)) as databases:
            own = scratch / f"facts-{patients}"
            own.mkdir()
            stage = partial(run_stage, database=databases["facts"], scratch=own)
            yield from load_lines(stage, registry=REGISTRY, patients=patients)


@contextmanager
def _fresh(server: str, address: str, scratch: Path, uses: Sequence[str]) -> Iterator[Mapping[str, str]]:
    """Addresses of empty databases, one for each use: files, or databases that are dropped afterwards."""
    if server == "SQLite":
        yield {use: sqlite_address(scratch, use) for use in uses}
        return
    import psycopg

    names = {use: f"matcher_bench_{use}_{secrets.token_hex(4)}" for use in uses}
    with psycopg.connect(address, autocommit=True) as connection, ExitStack() as stack:
        for name in names.values():
            connection.execute(f'CREATE DATABASE "{name}"')
            stack.callback(connection.execute, f'DROP DATABASE "{name}" WITH (FORCE)')
        yield {use: database_beside(address, name) for use, name in names.items()}


def _tell(what: str) -> None:
    print(f"  … {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
