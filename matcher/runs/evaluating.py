"""The evaluation of some patients: a question goes in, answers, counts and dates come out; nothing is stored here.

Everything else of a run is the same whoever evaluates. Patients come as columns, from the snapshot of their block or,
where few are named, from the database, and are answered by the bulk engine a few thousand at a time. What a row says
is put together once per distinct content: of patients whose digest is what it was, no row is ever made.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher import snapshots
from matcher.engine import missing_json
from matcher.engine.bulk import STATUSES as RANKS
from matcher.engine.bulk import Answers, Asked, Columns, Program, Shelf
from matcher.engine.bulk.clearing import cohort_clears_on
from matcher.engine.bulk.funnel import funnel, statuses
from matcher.engine.bulk.missing import Wanted, lacking
from matcher.engine.bulk.settling import packed, undated
from matcher.engine.bulk.trials import NOT_NOW
from matcher.engine.bulk.turning import next_flips
from matcher.models import MatchRun, Status
from matcher.runs.asking import DATA_THROUGH, AsOf, day_of
from patients import facts
from patients.models import Registry
from trials.criteria.documents import TrialDocument
from trials.models import Version

#: 63 bits: what a signed column of the database holds.
_BITS = (1 << 63) - 1
#: Patients answered at once: enough that a leaf costs what its rows cost, few enough to stay within some 200 MB.
TOGETHER = 8192
#: From so many named patients on their blocks' snapshots are read instead of their rows.
FEW = 500


@dataclass(frozen=True, slots=True)
class AskedVersion:
    """A version that is asked about, and whether its trial is open at this site."""

    version: Version
    open_here: bool

    @property
    def document(self) -> TrialDocument:
        """The trial as the engines read it."""
        parsed = self.version.parsed
        assert isinstance(parsed, TrialDocument)  # start_run takes nothing else
        return parsed


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: as of a day, or each patient's data_through and `day` for those without, with what was known."""

    registry: Registry
    known_at: datetime
    as_of: AsOf
    day: date
    versions: tuple[AskedVersion, ...]

    @classmethod
    def of(cls, run: MatchRun, versions: Sequence[AskedVersion]) -> Question:
        """The question of a run about versions."""
        data_through = run.as_of_kind == MatchRun.AsOf.DATA_THROUGH
        return cls(run.registry, run.known_at, DATA_THROUGH if data_through else run.as_of, run.as_of, tuple(versions))

    def day_of(self, patient: facts.Patient) -> date:
        """The day on which one patient is asked about."""
        return day_of(self.as_of, patient, otherwise=self.day)

    def days(self, columns: Columns) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """The day on which each patient is asked about, and for whom it does not move with the calendar."""
        everyone = np.full(columns.patients, self.day.toordinal(), np.int32)
        if self.as_of != DATA_THROUGH:
            return everyone, np.zeros(columns.patients, np.bool_)
        own = columns.data_through > 0
        return np.where(own, columns.data_through, everyone).astype(np.int32), own


@dataclass(slots=True)
class Row:
    """What a match row says of a patient (primary key) and a version: any pair that is not *not eligible*."""

    patient: int
    document: int
    version: int
    as_of: date
    status: str
    offered: bool
    cohort: str
    cohorts: list[dict[str, Any]]
    needs: str
    missing: list[dict[str, Any]]
    lacks: bytes
    to_read: list[dict[str, Any]]
    clears_on: date | None
    next_flip: date | None
    digest: int


#: Patients per status, the dead apart.
STATUSES = (*Status.values, "deceased")


@dataclass(slots=True)
class Counts:
    """What is counted for one version; `funnel` is alone, in order, unknown per criterion, over the living."""

    statuses: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STATUSES, 0))
    funnel: dict[str, list[int]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """As a shard keeps them."""
        return {**self.statuses, "funnel": self.funnel}

    def add(self, found: Mapping[str, Any], *, sign: int = 1) -> None:
        """Add counts as a shard keeps them, or take them away."""
        for name in STATUSES:
            self.statuses[name] += sign * found.get(name, 0)
        for criterion, numbers in found.get("funnel", {}).items():
            total = self.funnel.setdefault(criterion, [0, 0, 0])
            for index, number in enumerate(numbers):
                total[index] += sign * number

    @property
    def is_nothing(self) -> bool:
        """Whether everything is zero."""
        return not any(self.statuses.values()) and not any(any(numbers) for numbers in self.funnel.values())


@dataclass(frozen=True, slots=True)
class _Content:
    """What the rows of many patients say alike, but for the day asked about and the days on which they turn."""

    status: str
    cohort: str
    cohorts: list[dict[str, Any]]
    wanted: Wanted
    missing: list[dict[str, Any]]
    lacks: bytes
    clears_on: date | None


@dataclass(frozen=True, slots=True)
class _Said:
    """The rows of some patients for one version, as columns: primary keys (ascending), days, contents, digests."""

    asked: AskedVersion
    offered: bool
    patient: NDArray[np.int64]
    as_of: NDArray[np.int32]
    next_flip: NDArray[np.int32]
    content: NDArray[np.int64]
    contents: list[_Content]
    digest: NDArray[np.uint64]

    def row(self, index: int) -> Row:
        """One row written out."""
        content = self.contents[self.content[index]]
        flip = int(self.next_flip[index])
        needs = content.wanted.needs if content.status == Status.NEEDS_INFORMATION else None
        return Row(
            patient=int(self.patient[index]),
            document=self.asked.version.document_id,
            version=self.asked.version.pk,
            as_of=date.fromordinal(int(self.as_of[index])),
            status=content.status,
            offered=self.offered,
            cohort=content.cohort,
            cohorts=content.cohorts,
            needs=needs or "",
            missing=content.missing,
            lacks=content.lacks,
            to_read=[{"criterion": id_, "question": text} for id_, text in content.wanted.to_read],
            clears_on=content.clears_on,
            next_flip=date.fromordinal(flip) if flip else None,
            digest=int(self.digest[index]),
        )


@dataclass(slots=True)
class Found:
    """What an evaluation found, of the patients that are in the registry and for whom there was time.

    `next_flips` and `digests` have every such patient, `counts` every version by its key; `rest` the patients for whom
    there was none, in order.
    """

    next_flips: dict[int, date | None] = field(default_factory=dict)
    digests: dict[int, int] = field(default_factory=dict)
    counts: dict[int, Counts] = field(default_factory=dict)
    undated: int = 0
    rest: list[int] = field(default_factory=list)
    _said: list[_Said] = field(default_factory=list)

    def rows(self, patients: Collection[int] | None = None) -> Iterator[Row]:
        """The rows of some patients, or of all."""
        wanted = None if patients is None else np.array(sorted(patients), np.int64)
        for said in self._said:
            if wanted is None:
                indices = range(len(said.patient))
            elif not len(wanted):
                return
            else:
                at = np.searchsorted(wanted, said.patient)
                held = wanted[np.minimum(at, len(wanted) - 1)] == said.patient
                indices = np.flatnonzero(held).tolist()  # type: ignore[assignment]  # both are read as numbers
            for index in indices:
                yield said.row(index)


def evaluate(question: Question, patients: Sequence[int], *, until: float = float("inf")) -> Found:
    """Evaluate patients of a registry, by primary key in order; those not in it at `known_at` are passed over.

    After `until`, of the monotonic clock, the patients that are left become the rest; some are evaluated in any case.
    """
    found = Found(counts={each.version.pk: Counts() for each in question.versions})
    program = _program(question.versions)
    begun = False
    for keys, columns in _parts(question, patients):
        if begun and time.monotonic() > until:
            found.rest = [patient for patient in patients if patient >= keys[0]]
            break
        begun = True
        _evaluate(question, program, keys, columns, found)
    return found


#: The programs of the questions asked last: preparing a thousand trials takes longer than asking one patient.
_programs: OrderedDict[tuple[tuple[int, str, bool], ...], Program] = OrderedDict()
_KEPT = 3


def _program(versions: Sequence[AskedVersion]) -> Program:
    """The rules of some versions, ready to be asked; versions are frozen, so one that was made serves again.

    Their content is in the key, for a database that is restored beneath a worker gives its keys anew.
    """
    key = tuple((each.version.pk, each.version.content_hash, each.open_here) for each in versions)
    if key not in _programs:
        _programs[key] = Program.of([Asked(each.document, each.version.number, each.open_here) for each in versions])
        while len(_programs) > _KEPT:
            _programs.popitem(last=False)
    _programs.move_to_end(key)
    return _programs[key]


def _parts(question: Question, patients: Sequence[int]) -> Iterator[tuple[NDArray[np.int64], Columns]]:
    """The patients as columns, some thousand at a time: few by their own rows, many from the snapshots of blocks."""
    registry, known_at = question.registry, question.known_at
    if not patients:
        return
    if len(patients) <= FEW:
        read = snapshots.read_columns(registry, known_at=known_at, keys=patients)
        yield from _slices(read.keys, read.columns)
        return
    wanted = np.array(patients, np.int64)
    for within in snapshots.ranges_of(registry, known_at=known_at, first=patients[0], last=patients[-1]):
        block = snapshots.columns_of(registry, within, known_at=known_at)
        kept = np.isin(block.keys, wanted, assume_unique=True)
        if kept.all():
            yield from _slices(block.keys, block.columns)
        elif kept.any():
            yield from _slices(block.keys[kept], block.columns.some(np.flatnonzero(kept)))


def _slices(keys: NDArray[np.int64], columns: Columns) -> Iterator[tuple[NDArray[np.int64], Columns]]:
    for first in range(0, len(keys), TOGETHER):
        last = min(first + TOGETHER, len(keys))
        yield keys[first:last], columns.part(first, last)


def _evaluate(
    question: Question, program: Program, keys: NDArray[np.int64], columns: Columns, found: Found
) -> None:  # fmt: skip
    days, still = question.days(columns)
    shelf = Shelf(columns, days, notes=program.notes)
    if question.as_of == DATA_THROUGH:
        found.undated += int((~still).sum())
    dead = shelf.view.dead
    first_flip = np.full(len(keys), _NEVER, np.int64)
    digests = np.zeros(len(keys), np.uint64)
    for asked, (document, version, open_here) in zip(question.versions, program.trials, strict=True):
        answers = shelf.trial(document, version, open_here=open_here)
        counts = {**statuses(answers), "funnel": {
            step.criterion: [step.alone, step.in_order, step.unknown] for step in funnel(answers)
        }}  # fmt: skip
        found.counts[asked.version.pk].add(counts)
        flips = next_flips(answers).astype(np.int64)
        flips[still | dead] = _NEVER
        first_flip = np.minimum(first_flip, flips)
        said = _said(asked, answers, keys, days, still, flips)
        if said is not None:
            found._said.append(said)
            index = np.searchsorted(keys, said.patient)
            digests[index] ^= _mixed(said.digest, said.next_flip)
    for key, flip, digest in zip(keys.tolist(), first_flip.tolist(), digests.tolist(), strict=True):
        found.next_flips[key] = date.fromordinal(flip) if flip < _NEVER else None
        found.digests[key] = digest


_NEVER = date.max.toordinal()


def _said(
    asked: AskedVersion, answers: Answers, keys: NDArray[np.int64], days: NDArray[np.int32],
    still: NDArray[np.bool_], flips: NDArray[np.int64],
) -> _Said | None:  # fmt: skip
    """The rows of a trial, what many of them say alike put together once."""
    lacks = lacking(answers)
    patient = lacks.patient
    if not len(patient):
        return None
    which = answers.of_patients([part.best[1] for part in answers.parts])[patient]
    cohorts = [cohort.id for cohort in answers.parts[0].cohorts]
    ranks = [
        answers.of_patients([part.cohorts[number].ranks(part.batch.n) for part in answers.parts])[patient]
        for number in range(len(cohorts))
    ]
    clears = [
        cohort_clears_on(answers, number)[patient] if (rank == NOT_NOW).any() else np.full(len(patient), _NEVER)
        for number, rank in enumerate(ranks)
    ]
    said = np.stack([lacks.pattern, which, *ranks, *clears], axis=1).astype(np.int64)
    distinct, content = np.unique(said, axis=0, return_inverse=True)
    contents = [
        _content(answers, lacks.wanted[row[0]], row[1], row[2 : 2 + len(cohorts)], row[2 + len(cohorts) :])
        for row in distinct.tolist()
    ]
    hashed = np.array([_hash(asked, answers.offered, each) for each in contents], np.uint64)
    content = content.reshape(-1).astype(np.int64)
    own_day = np.where(still[patient], days[patient], 0).astype(np.uint64)
    digest = _scrambled(hashed[content] ^ _scrambled(keys[patient].astype(np.uint64)) ^ _scrambled(own_day)) & _MASK
    flip = flips[patient]
    return _Said(
        asked=asked, offered=answers.offered, patient=keys[patient], as_of=days[patient],
        next_flip=np.where(flip < _NEVER, flip, 0).astype(np.int32), content=content, contents=contents, digest=digest,
    )  # fmt: skip


def _content(
    answers: Answers, wanted: Wanted, which: int, ranks: Sequence[int], clears: Sequence[int]
) -> _Content:  # fmt: skip
    cohorts = answers.parts[0].cohorts
    days = [date.fromordinal(day) if day < _NEVER else None for day in clears]
    listed = [
        {
            "id": cohort.id, "status": RANKS[rank].value, "open": cohort.open,
            "clears_on": day.isoformat() if day is not None else None,
        }
        for cohort, rank, day in zip(cohorts, ranks, days, strict=True)
        if cohort.id
    ]  # fmt: skip
    missing = [missing_json(entry) for entry in wanted.missing]
    return _Content(RANKS[ranks[which]].value, cohorts[which].id, listed, wanted, missing, packed(missing), days[which])


_MASK = np.uint64(_BITS)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _scrambled(number: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Numbers whose every bit hangs on every bit of what they were (splitmix64, Steele et al., OOPSLA 2014)."""
    number = number + _GOLDEN
    number = (number ^ (number >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    number = (number ^ (number >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return number ^ (number >> np.uint64(31))


def _hash(asked: AskedVersion, offered: bool, content: _Content) -> int:
    """What tells a content from another: all it says but dates that move with the calendar."""
    wanted = content.wanted
    told = [
        asked.version.pk, offered, content.status, content.cohort, content.cohorts, wanted.needs,
        content.missing, wanted.to_read,
        content.clears_on.isoformat() if content.clears_on else "",
    ]  # fmt: skip
    text = undated(json.dumps(told, sort_keys=True))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) & _BITS


def _mixed(digest: NDArray[np.uint64], next_flip: NDArray[np.int32]) -> NDArray[np.uint64]:
    """What rows add to the digest of their patient (see `mixed`)."""
    return (digest ^ (next_flip.astype(np.uint64) * _GOLDEN)) & _MASK


def mixed(digest: int, next_flip: date | None) -> int:
    """What a row adds to the digest of its patient, which is the exclusive or of these."""
    ordinal = next_flip.toordinal() if next_flip is not None else 0
    return (digest ^ (ordinal * 0x9E3779B97F4A7C15)) & _BITS
