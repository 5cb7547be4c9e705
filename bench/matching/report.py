"""What matching at the size of a registry costs, as lines of the table: one run on the same patients and trials.

Nothing of the engine is imported here: the process that starts the others must stay small.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench.processes import Outcome, StageError
from bench.table import Line, times

Stage = Callable[..., Outcome]

#: The peers by their stage, with how the table names them.
PEERS = {"match_by_polars": "Polars", "match_by_duckdb": "DuckDB"}
#: Patients and trials of the sample that the reference evaluator is asked about.
PEOPLE, PAIRS_OF = 60, 30
#: Parts of the shelf on which it is seen how cost grows with trials.
SHARES = (0.1, 0.3)


def scale_lines(
    stage: Stage, scratch: Path, *, sizes: Sequence[int], trials: int, peer_trials: int, chunk: int
) -> Iterator[Line]:
    """Registries of some sizes against one shelf: this engine, the peers and the reference evaluator."""
    runs: list[Outcome] = []
    for patients in sizes:
        folder = scratch / f"criteria-{patients}"
        folder.mkdir()
        ours = stage(
            "match_in_bulk", patients=patients, trials=trials, chunk=chunk, peer_trials=min(peer_trials, trials),
            people=PEOPLE, pairs_of=PAIRS_OF, folder=str(folder),
        )  # fmt: skip
        if not runs:
            yield from _mix(ours)
        runs.append(ours)
        yield Line(f"{patients:,} patients x {trials:,} trials on one core, {chunk:,} patients at a time")
        yield from _engine(ours)
        yield from _peers(stage, ours, folder)
        yield _reference(stage, ours)
    yield from _growth(stage, scratch, runs, chunk)


def _mix(ours: Outcome) -> Iterator[Line]:
    mix: Mapping[str, int] = ours["mix"]
    leaves = sum(mix.values())
    yield Line("Matching a made-up registry")
    yield Line("  facts of a patient", f"{ours['facts'] / ours['patients']:.1f}")
    yield Line("  criteria of a trial", f"{ours['criteria'] / ours['trials']:.1f}")
    yield Line("  distinct leaves of all trials", f"{leaves:,}")
    yield Line("  of them over tables of events", f"{100 * ours['events'] / leaves:.0f} %")
    yield Line("  with windows, lines, failure or times between", f"{100 * ours['timed'] / leaves:.0f} %")
    for kind, number in sorted(mix.items(), key=lambda each: -each[1]):
        yield Line(f"    {kind}", f"{number:,}")
    yield Line("  pairs by status", _statuses(ours))


def _statuses(ours: Outcome) -> str:
    """The shares of the statuses, worst first."""
    pairs = ours["patients"] * ours["trials"]
    return " / ".join(f"{100 * sum(column) / pairs:.3g}" for column in zip(*ours["counts"], strict=True)) + " %"


def _cold(ours: Outcome) -> Mapping[str, float]:
    """The times of a run from columns to statuses."""
    return {time: ours["leaves"][time] + ours["combining"][time] for time in ("seconds", "cpu")}


def _pairs(ours: Outcome) -> int:
    return int(ours["patients"] * ours["trials"])


def _engine(ours: Outcome) -> Iterator[Line]:
    leaves, again, cold, pairs = ours["leaves"], ours["again"], _cold(ours), _pairs(ours)
    yield Line(
        "  this engine, leaves cold, and combined", f"{pairs / cold['cpu']:,.0f} pairs/s", *times(cold),
        f"{ours['peak']:.0f} MB",
        f"columns {ours['column_bytes'] / 1e6:.0f} MB of it, {ours['held_before']:.0f} MB held before the first leaf",
    )  # fmt: skip
    each = 1e9 * leaves["cpu"] / (sum(ours["mix"].values()) * ours["patients"])
    yield Line("    the leaves alone", f"{pairs / leaves['cpu']:,.0f} pairs/s", *times(leaves), "",
               f"{each:.1f} ns a leaf and patient")  # fmt: skip
    yield Line("    combining alone, leaves warm", f"{pairs / again['cpu']:,.0f} pairs/s", *times(again, 2))
    a_pair = ours["plane_bytes"] / pairs
    bound = ours["bandwidth"] / a_pair
    yield Line(
        "    what memory would allow", f"{bound:,.0f} pairs/s", "", "", "",
        f"{a_pair:.1f} bytes of planes a pair, {ours['bandwidth'] / 1e9:.1f} GB/s; "
        f"{bound * again['cpu'] / pairs:.1f} x combining alone",
    )  # fmt: skip


def _peers(stage: Stage, ours: Outcome, folder: Path) -> Iterator[Line]:
    number = len(ours["first"])
    for name, said in PEERS.items():
        theirs = stage(name, folder=str(folder))
        _equal(ours["first"], theirs["counts"], said)
        pairs = number * ours["patients"]
        yield Line(
            f"  {said}, {number:,} trials", f"{pairs / theirs['cpu']:,.0f} pairs/s", *times(theirs, 2),
            f"{theirs.peak_mb:.0f} MB", _ratios(ours, pairs / theirs["cpu"]),
        )  # fmt: skip


def _reference(stage: Stage, ours: Outcome) -> Line:
    theirs = stage(
        "match_one_by_one", patients=ours["patients"], trials=ours["trials"], people=PEOPLE, pairs_of=PAIRS_OF
    )
    _equal(ours["told"], theirs["told"], "the reference evaluator")
    pairs = sum(map(len, theirs["told"]))
    return Line(
        f"  the reference evaluator, {pairs:,} pairs", f"{pairs / theirs['cpu']:,.0f} pairs/s", *times(theirs),
        f"{theirs.peak_mb:.0f} MB", _ratios(ours, pairs / theirs["cpu"]),
    )  # fmt: skip


def _ratios(ours: Outcome, rate: float) -> str:
    cold, warm = (_pairs(ours) / seconds / rate for seconds in (_cold(ours)["cpu"], ours["again"]["cpu"]))
    return f"answers equal; this engine cold {_times_as_fast(cold)}, combining alone {_times_as_fast(warm)}"


def _times_as_fast(ratio: float) -> str:
    return f"{ratio:,.0f} x" if ratio >= 10 else f"{ratio:.2g} x"


def _equal(ours: Any, theirs: Any, who: str) -> None:
    """End the run where two of those measured do not answer the same: their times would mean nothing."""
    if ours != theirs:
        raise StageError(f"this engine and {who} do not answer the same")


def _growth(stage: Stage, scratch: Path, runs: Sequence[Outcome], chunk: int) -> Iterator[Line]:
    least = runs[0]
    yield Line(f"Growth with trials, {least['patients']:,} patients, leaves cold")
    fewer = [
        stage(
            "match_in_bulk", patients=least["patients"], trials=int(share * least["trials"]), chunk=chunk,
            peer_trials=0, people=0, pairs_of=0, folder=str(scratch),
        )
        for share in SHARES
    ]  # fmt: skip
    yield from _grown([*fewer, least], "trials")
    if len(runs) > 1:
        yield Line(f"Growth with patients, {least['trials']:,} trials, leaves cold")
        yield from _grown(runs, "patients")


def _grown(runs: Sequence[Outcome], of: str) -> Iterator[Line]:
    before: list[str] = [""]
    before += [
        f"{more[of] / less[of]:.1f} x the {of}: {_cold(more)['cpu'] / _cold(less)['cpu']:.1f} x the time"
        for less, more in pairwise(runs)
    ]
    for ours, note in zip(runs, before, strict=True):
        cold = _cold(ours)
        yield Line(
            f"  {ours[of]:,} {of}, {sum(ours['mix'].values()):,} leaves",
            f"{_pairs(ours) / cold['cpu']:,.0f} pairs/s", *times(cold), f"{ours['peak']:.0f} MB", note,
        )  # fmt: skip


# --- Columns from the database ----------------------------------------------------------------------------------------


def load_lines(stage: Stage, *, registry: str, patients: int) -> Iterator[Line]:
    """Facts from PostgreSQL as columns: read, from snapshots, and after one patient changed."""
    stage("migrate")
    facts = stage("write_facts", name=registry, patients=patients)["facts"]
    yield Line(f"Facts from PostgreSQL as columns: {patients:,} patients, {facts:,} facts")
    read = stage("load_columns", name=registry, patients=0)
    kept = stage("load_columns", name=registry, patients=0)
    # Whether they are right is seen apart, as what they must equal takes memory too.
    stage("load_columns", name=registry, patients=patients)
    stage("change_a_patient", name=registry)
    changed = stage("load_columns", name=registry, patients=0)
    for what, found, digits in (
        ("read, and kept as snapshots", read, 1),
        ("from snapshots", kept, 2),
        ("after a new value of one patient", changed, 2),
    ):
        yield Line(
            f"  {what}", f"{found['facts'] / found['seconds']:,.0f} facts/s", *times(found, digits),
            f"{found.peak_mb:.0f} MB", f"{found['rebuilt']} of {found['blocks']} blocks read from the tables",
        )  # fmt: skip
