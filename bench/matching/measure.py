"""The stages that measure matching at the size of a registry, each in a process of its own (`bench.processes`).

Every stage makes the same registry and the same trials from their seeds; what must be equal between them is handed on
as files. The engine writes what each criterion says of each patient for the peers, who are spared working it out.
"""

from __future__ import annotations

import gc
import resource
import sys
import time
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.matching import shelf as made_shelf
from bench.matching.registry import AS_OF, facts, registry
from bench.stages import Clock, Found
from matcher.engine.bulk import STATUSES, Answers, Asked, Columns, Program, Shelf
from matcher.engine.bulk.batch import days
from matcher.engine.bulk.cancers import hangs_on_cancer
from matcher.engine.bulk.planes import NOT_MET, UNKNOWN, Bits, Planes, count, union, width
from trials.criteria.documents import Polarity, TrialDocument

#: Bytes that are copied to measure the memory: far more than any cache holds.
_COPIED = 1 << 28
#: Bytes of the peers' columns that are held at a time.
_HELD = 1 << 30


def spread(total: int, wanted: int) -> list[int]:
    """So many numbers below a total, or all of them, from its whole length."""
    return [number * total // wanted for number in range(wanted)] if wanted < total else list(range(total))


# --- This engine ------------------------------------------------------------------------------------------------------


def match_in_bulk(
    *, patients: int, trials: int, chunk: int, peer_trials: int, people: int, pairs_of: int, folder: str
) -> Found:
    """A registry against a shelf on one core: leaves cold, trials combined, and combined again with the leaves warm.

    Answers are the numbers of patients of each status of each trial; `people` patients are told for `pairs_of` trials
    one by one. Files of the first `peer_trials` trials go into the folder.
    """
    made = registry(patients)
    documents = made_shelf.trials(trials)
    program = Program.of([Asked(document) for document in documents])
    told_trials = spread(trials, pairs_of)
    told_people = np.array(spread(patients, people))
    run = _Run(
        counts=np.zeros((trials, len(STATUSES)), np.int64),
        first=np.zeros((peer_trials, len(STATUSES)), np.int64),
        told=np.zeros((len(told_people), len(told_trials)), np.uint8),
    )
    held = _peak()
    for number, begin in enumerate(range(0, patients, chunk)):
        part = made.part(begin, min(begin + chunk, patients))
        shelf = run.cold(program, part)
        run.warm(program, shelf)
        inside = np.flatnonzero((told_people >= begin) & (told_people < begin + part.patients))
        for column, index in enumerate(told_trials if len(inside) else ()):
            run.told[inside, column] = _ask(shelf, program, index).ranks[told_people[inside] - begin]
        if peer_trials:
            run.hand_over(program, shelf, Path(folder), number, peer_trials)
        # Before the next patients are matched: else two parts would be remembered at once.
        del shelf
        gc.collect()
    peak = _peak()
    kinds = made_shelf.mix(documents)
    return {
        "patients": patients,
        "trials": trials,
        "facts": facts(made),
        "column_bytes": _bytes_of(made),
        "held_before": held,
        "peak": peak,
        "mix": dict(kinds),
        "events": made_shelf.events(documents),
        "timed": made_shelf.timed(documents),
        "criteria": sum(len(document.criteria) for document in documents),
        "leaves": asdict(run.leaves),
        "combining": asdict(run.combining),
        "again": asdict(run.again),
        "plane_bytes": run.plane_bytes,
        "bandwidth": _bandwidth(),
        "counts": run.counts.tolist(),
        "first": run.first.tolist(),
        "told": run.told.tolist(),
    }


@dataclass
class _Run:
    """What a run over a registry adds up: clocks, the bytes that combining has to read, and the answers.

    `counts` and `first` are of shape (trials, statuses): of every patient by the cancer that counts, and by the first
    cancer the trial may be about, which is what the peers are asked. `told` holds ranks of shape (patients, trials).
    """

    counts: NDArray[np.int64]
    first: NDArray[np.int64]
    told: NDArray[np.uint8]
    leaves: Clock = field(default_factory=Clock)
    combining: Clock = field(default_factory=Clock)
    again: Clock = field(default_factory=Clock)
    plane_bytes: int = 0

    def cold(self, program: Program, part: Columns) -> Shelf:
        """Answer some patients from their columns alone; gives the shelf with what it has remembered."""
        with self.leaves:
            shelf = Shelf(part, days(AS_OF, part.patients))
            _ = shelf.view
        for index in range(len(program.trials)):
            with self.leaves:
                answers = _ask(shelf, program, index)
                for each in answers.parts:
                    _ = each.criteria
            with self.combining:
                for each in answers.parts:
                    _ = each.cohorts
            self._count(answers, index)
        return shelf

    def warm(self, program: Program, shelf: Shelf) -> None:
        """Combine the trials again from the leaves that a shelf remembers."""
        with self.again:
            for index in range(len(program.trials)):
                for each in _ask(shelf, program, index).parts:
                    _ = each.cohorts

    def _count(self, answers: Answers, index: int) -> None:
        self.counts[index] += np.bincount(answers.ranks, minlength=len(STATUSES))
        (cohort,) = answers.parts[0].cohorts
        if index < len(self.first):
            self.first[index] += [count(plane) for plane in cohort.status]
        for each in answers.parts:
            for planes in each.criteria:
                assert planes is not None  # made-up trials have nothing but rules
                read = [planes.levels[level] for level in (*NOT_MET, *UNKNOWN)]
                self.plane_bytes += sum(plane.nbytes for plane in (*read, planes.not_met) if plane is not None)

    def hand_over(self, program: Program, shelf: Shelf, folder: Path, number: int, trials: int) -> None:
        """Write what the criteria of the first trials say of some patients, packed, by the order of their first use."""
        columns: dict[Hashable, int] = {}
        used: list[list[int]] = []
        planes: list[NDArray[np.uint8]] = []
        for index in range(trials):
            trial = _ask(shelf, program, index).parts[0]
            used.append([])
            for criterion, said in zip(trial.document.criteria, trial.criteria, strict=True):
                assert said is not None
                key = _column(trial.document, criterion.rule, criterion.polarity, shelf)
                if key not in columns:
                    columns[key] = len(columns)
                    planes.append(_for_peers(said))
                used[-1].append(columns[key])
        dead = np.packbits(shelf.view.dead)
        np.savez(folder / f"criteria-{number}.npz", planes=np.stack(planes), dead=dead, patients=shelf.view.patients)
        wanted = np.full((len(used), max(map(len, used))), -1)
        for row, criteria in enumerate(used):
            wanted[row, : len(criteria)] = criteria
        np.save(folder / "trials.npy", wanted)


def _ask(shelf: Shelf, program: Program, index: int) -> Answers:
    document, version, open_here = program.trials[index]
    return shelf.trial(document, version, open_here=open_here)


def _column(document: TrialDocument, rule: Any, polarity: Polarity, shelf: Shelf) -> Hashable:
    """What names a criterion's column: a criterion that hangs on the cancer is another for another cancer."""
    batch = shelf.batches(document)[0]
    return id(rule), polarity, document.cancer if hangs_on_cancer(batch, rule) else None


def _for_peers(said: Planes) -> NDArray[np.uint8]:
    """Met, not met and not met for good, packed, of shape (3, bytes)."""
    nothing: Bits = np.zeros(width(said.n), np.uint8)
    parts = (said.met, said.not_met, union([said.levels[0]]))
    return np.stack([nothing if part is None else part for part in parts])


def _bytes_of(columns: Columns) -> int:
    """The bytes that columns take; an array that stands for several is counted once."""
    arrays: dict[int, int] = {}

    def add(array: NDArray[Any]) -> None:
        arrays[id(array)] = array.nbytes

    for table in columns.tables.values():
        for held in (table.lo, table.hi, table.day, table.number, table.flag):
            for array in held.values():
                add(array)
        for column in table.coded.values():
            add(column.codes)
        for array in (table.patient, table.order, table.starts):
            add(array)
    return sum(arrays.values())


def _peak() -> float:
    """The peak of this process's resident memory so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def _bandwidth() -> float:
    """Bytes a second that one core reads while it copies memory: the best of five, as others share the machine."""
    source, target = np.ones(_COPIED, np.uint8), np.zeros(_COPIED, np.uint8)
    spent = []
    for _ in range(5):
        begin = time.perf_counter()
        np.copyto(target, source)
        spent.append(time.perf_counter() - begin)
    return _COPIED / min(spent)


# --- The peers --------------------------------------------------------------------------------------------------------


def match_by_polars(*, folder: str) -> Found:
    """The first trials by Polars, on one thread: the columns are there before the clock starts."""
    from bench.matching import peers

    clock, counts, patients = Clock(), list[list[int]](), 0
    for columns, trials in _given(Path(folder)):
        frame = peers.polars_frame(columns)
        patients = len(columns["dead"])
        peers.polars_counts(frame, trials[:1])
        with clock:
            counts += peers.polars_counts(frame, trials)
    return {**asdict(clock), "counts": counts, "patients": patients}


def match_by_duckdb(*, folder: str) -> Found:
    """The first trials by DuckDB, one query a trial on one thread: the table is there before the clock starts."""
    from bench.matching import peers

    clock, counts, patients = Clock(), list[list[int]](), 0
    for columns, trials in _given(Path(folder)):
        connection = peers.duckdb_table(columns)
        patients = len(columns["dead"])
        peers.duckdb_counts(connection, trials[:1])
        with clock:
            counts += peers.duckdb_counts(connection, trials)
        connection.close()
    return {**asdict(clock), "counts": counts, "patients": patients}


def _given(folder: Path) -> Iterator[tuple[dict[str, NDArray[np.bool_]], list[Sequence[int]]]]:
    """The columns of the peers with the trials that need no others: as many at a time as memory should hold."""
    from bench.matching import peers

    files = sorted(folder.glob("criteria-*.npz"), key=lambda path: int(path.stem.split("-")[1]))
    parts = [np.load(path) for path in files]
    sizes = [int(part["patients"]) for part in parts]
    dead = np.concatenate([_unpacked(part["dead"], size) for part, size in zip(parts, sizes, strict=True)])
    trials = [[int(i) for i in row if i >= 0] for row in np.load(folder / "trials.npy")]
    at_once = max(1, _HELD // (3 * len(trials[0]) * len(dead)))
    for begin in range(0, len(trials), at_once):
        some = trials[begin : begin + at_once]
        wanted = sorted({number for criteria in some for number in criteria})
        held = [part["planes"][wanted] for part in parts]
        criteria = {
            number: tuple(
                np.concatenate([_unpacked(each[row, which], size) for each, size in zip(held, sizes, strict=True)])
                for which in range(3)
            )
            for row, number in enumerate(wanted)
        }
        yield dict(peers.columns_of(criteria, dead)), list(some)  # type: ignore[arg-type]  # three each, as stacked


def _unpacked(bits: NDArray[np.uint8], size: int) -> NDArray[np.bool_]:
    return np.unpackbits(bits, count=size).view(np.bool_)


# --- The reference evaluator ------------------------------------------------------------------------------------------


def match_one_by_one(*, patients: int, trials: int, people: int, pairs_of: int) -> Found:
    """Some patients against some trials by the reference evaluator: the rank of the status of each pair."""
    from bench.matching.people import people as as_people
    from matcher.engine import evaluate_trial

    chosen = as_people(registry(patients).some(np.array(spread(patients, people))))
    every = made_shelf.trials(trials)
    documents = [every[number] for number in spread(trials, pairs_of)]
    for document in documents:
        evaluate_trial(document, chosen[0], as_of=AS_OF, each_clears=False)
    clock, told = Clock(), []
    with clock:
        for patient in chosen:
            told.append([evaluate_trial(each, patient, as_of=AS_OF, each_clears=False).status for each in documents])
    return {**asdict(clock), "told": [[STATUSES.index(status) for status in row] for row in told]}


STAGES = {stage.__name__: stage for stage in (match_in_bulk, match_by_polars, match_by_duckdb, match_one_by_one)}
