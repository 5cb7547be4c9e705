"""The evaluation of some patients: a question goes in, answers, counts and dates come out; nothing is stored here.

Everything else of a run is the same whoever evaluates. An evaluator gives per patient the digest of all answers and
the date on which time may change one, and the rows themselves only for the patients they are asked for: of patients
whose digest is what it was, no row is ever looked at.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from matcher.engine import CriterionResult, TrialResult, Truth, deceased, evaluate_trial
from matcher.engine.wire import summary_json
from matcher.models import MatchRun, Status
from matcher.runs.asking import DATA_THROUGH, AsOf, day_of
from patients import facts
from patients.models import Registry
from patients.selectors import keyed_patient_records
from trials.criteria.documents import TrialDocument
from trials.models import Version

#: 63 bits: what a signed column of the database holds.
_BITS = (1 << 63) - 1
#: "list of medications complete to 2026-01-15?" asks the same the day after.
_MOVING = re.compile(r"complete to \d{4}-\d{2}-\d{2}")


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
        """The day on which a patient is asked about."""
        return day_of(self.as_of, patient, otherwise=self.day)

    def stands_still_for(self, patient: facts.Patient) -> bool:
        """Whether the day asked about does not move with the calendar."""
        return self.as_of == DATA_THROUGH and patient.data_through is not None


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
    _rows: dict[int, list[Row]] = field(default_factory=dict)

    def rows(self, patients: Collection[int] | None = None) -> Iterator[Row]:
        """The rows of some patients, or of all."""
        for patient in self._rows if patients is None else patients:
            yield from self._rows.get(patient, ())


def evaluate(question: Question, patients: Sequence[int], *, until: float = float("inf")) -> Found:
    """Evaluate patients of a registry, by primary key in order; those not in it at `known_at` are passed over.

    After `until`, of the monotonic clock, the patients that are left become the rest; one at least is evaluated.
    """
    found = Found(counts={each.version.pk: Counts() for each in question.versions})
    asked = [(each, each.document) for each in question.versions]
    last: int | None = None
    for key, record in keyed_patient_records(question.registry, known_at=question.known_at, ids=patients):
        if last is not None and time.monotonic() > until:
            found.rest = [patient for patient in patients if patient > last]
            break
        last = key
        _evaluate_patient(question, asked, key, record, found)
    return found


def _evaluate_patient(
    question: Question, asked: Sequence[tuple[AskedVersion, TrialDocument]], key: int, record: facts.Patient,
    found: Found,
) -> None:  # fmt: skip
    as_of = question.day_of(record)
    found.undated += question.as_of == DATA_THROUGH and record.data_through is None
    still = question.stands_still_for(record)
    found.next_flips[key], found.digests[key] = None, 0
    if deceased(record, as_of):
        # Vital status comes first: nothing else is asked about the dead, who are counted apart.
        for each, _ in asked:
            found.counts[each.version.pk].statuses["deceased"] += 1
        return
    flips: list[date] = []
    rows = []
    for each, document in asked:
        result = evaluate_trial(
            document, record, as_of=as_of, version=each.version.number, open_here=each.open_here, each_clears=False
        )
        _count(found.counts[each.version.pk], document, result)
        # What is said for another cancer of the patient may turn first, and become the better.
        own = [one.next_flip for one in (result, *result.others) if one.next_flip is not None]
        flip = min(own, default=None) if not still else None
        if flip is not None:
            flips.append(flip)
        if result.status.value != Status.NOT_ELIGIBLE:
            row = _row(key, each.version, as_of, flip, result, fixed=still)
            found.digests[key] ^= mixed(row.digest, row.next_flip)
            rows.append(row)
    found.next_flips[key] = min(flips, default=None)
    if rows:
        found._rows[key] = rows


def _count(counts: Counts, document: TrialDocument, result: TrialResult) -> None:
    """Count the answer of one living patient."""
    counts.statuses[result.status.value] += 1
    left = {cohort.id for cohort in document.cohorts} or {""}
    for each in result.criteria:
        if not each.counted:
            continue
        numbers = counts.funnel.setdefault(each.criterion.id, [0, 0, 0])
        if each.truth is Truth.UNKNOWN:
            numbers[2] += 1
        elif each.truth is Truth.NOT_MET:
            numbers[0] += 1
            # A criterion of one cohort removes a patient only where no other cohort is left.
            if left:
                left -= _cohorts_of(each) or left
                numbers[1] += not left


def _cohorts_of(result: CriterionResult) -> set[str]:
    return set(result.criterion.cohorts)


def _row(
    patient: int, version: Version, as_of: date, flip: date | None, result: TrialResult, *, fixed: bool
) -> Row:  # fmt: skip
    said = summary_json(result)
    row = Row(
        patient=patient,
        document=version.document_id,
        version=version.pk,
        as_of=as_of,
        status=said["status"],
        offered=said["offered"],
        cohort=said["cohort"] or "",
        cohorts=said["cohorts"],
        needs=said["needs"] or "",
        missing=said["missing"],
        to_read=said["to_read"],
        clears_on=result.best.clears_on,
        next_flip=flip,
        digest=0,
    )
    row.digest = digest_of(row, fixed=fixed)
    return row


def digest_of(row: Row, *, fixed: bool) -> int:
    """What tells a row from another answer: all it says but dates that move with the calendar.

    `fixed` says that its as-of is the patient's own, and is then part of the answer. `next_flip` is left out: what it
    says is not the answer, and it is brought up to date in place.
    """
    content = [
        row.patient, row.version, row.as_of.isoformat() if fixed else "", row.status, row.offered, row.cohort,
        row.cohorts, row.needs, row.missing, row.to_read, row.clears_on.isoformat() if row.clears_on else "",
    ]  # fmt: skip
    text = _MOVING.sub("complete?", json.dumps(content, sort_keys=True))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) & _BITS


def mixed(digest: int, next_flip: date | None) -> int:
    """What a row adds to the digest of its patient, which is the exclusive or of these."""
    ordinal = next_flip.toordinal() if next_flip is not None else 0
    return (digest ^ (ordinal * 0x9E3779B97F4A7C15)) & _BITS
