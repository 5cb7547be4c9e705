"""One shard: claim it, evaluate its patients outside any transaction, store what was found in one.

The claim is a conditional update with a token of this attempt. Storing asks for the same token first, so of two
attempts at a shard one stores and the other finds that it was overtaken; a process killed at any line leaves a shard
that another may claim again.

How long a shard takes is known only when it is worked on: machines and patients differ by orders of magnitude. One
whose time is up is therefore cut: what was evaluated is stored, and the patients after it become a shard of their own.
"""

from __future__ import annotations

import logging
import time
import traceback
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from matcher.engine import CriterionResult, TrialResult, Truth, UnknownWord, deceased, evaluate_trial
from matcher.engine.wire import summary_json
from matcher.models import Match, MatchRun, RunVersion, Shard, Status, StatusChange
from matcher.runs.asking import DATA_THROUGH, day_of
from matcher.runs.ending import end_badly, finish_if_done
from matcher.runs.history import changes_of
from patients.selectors import keyed_patient_records, registry_patients
from trials.criteria.documents import TrialDocument

log = logging.getLogger(__name__)

#: A shard that errored so often ends its run.
ATTEMPTS = 3
#: After so long a shard is cut behind the patient at hand: a third of a worker's time limit, so that neither a slow
#: machine nor a slow patient can end a run, and an import that waits for a process does not wait long.
SHARD_SECONDS = 20.0
#: How long `run_inline` waits between looks at shards that others work on.
PAUSE_SECONDS = 0.5


def work_shard(shard_id: int, *, left: Callable[[int], object] = lambda shard_id: None) -> bool:
    """Evaluate and store one shard; False where there was nothing to do: done, claimed by another, or a run that ended.

    A fault gives the shard back until it has been tried ATTEMPTS times; no fault is raised, what it was is logged
    without its text. `left` hears of a shard that waits now: this one after a fault, or the rest of one that was cut.
    """
    shard = _claim(shard_id)
    if shard is None:
        return False
    try:
        found = _evaluate(shard)
        stored, rest = _store(shard, found)
    except UnknownWord as problem:
        # The text of a rule, nothing of a patient.
        end_badly(shard.run_id, state=MatchRun.State.FAILED, error=f"a version cannot be evaluated any more: {problem}")
        Shard.objects.filter(pk=shard.pk, claimed_by=shard.claimed_by).update(
            state=Shard.State.ERRORED, error="a version cannot be evaluated any more"
        )
        return True
    except Exception as error:  # any fault of one shard must not take the worker, or the other shards, with it
        if _give_back(shard, error):
            left(shard.pk)
        return True
    if rest is not None:
        left(rest)
    elif stored:
        finish_if_done(shard.run_id)
    return stored


def run_inline(run: MatchRun, *, told: Callable[[int, int], None] = lambda done, total: None) -> MatchRun:
    """Work on the shards of a run in this process until it has ended; workers may take some of them meanwhile.

    `told` hears the patients done and all patients after each shard.
    """
    while True:
        worked = False
        for pk in run.shards.filter(state=Shard.State.PENDING).order_by("number").values_list("pk", flat=True):
            worked |= work_shard(pk)
            done = run.shards.filter(state=Shard.State.DONE).values_list("patients", flat=True)
            told(sum(done), run.patients)
        run.refresh_from_db()
        if run.has_ended:
            return run
        if not worked:
            time.sleep(PAUSE_SECONDS)


def _claim(shard_id: int) -> Shard | None:
    now, token = timezone.now(), uuid.uuid4().hex
    # The run is asked for in a subquery of its own: with a join, the shard's state would be compared in one too, and
    # PostgreSQL would not look at it again after waiting for another attempt to commit.
    under_way = MatchRun.objects.filter(state__in=MatchRun.UNDER_WAY).values("pk")
    claimed = Shard.objects.filter(pk=shard_id, state=Shard.State.PENDING, run_id__in=under_way).update(
        state=Shard.State.RUNNING, claimed_at=now, claimed_by=token, attempts=F("attempts") + 1
    )
    if not claimed:
        return None
    shard = Shard.objects.select_related("run__registry").get(pk=shard_id)
    if shard.run.state == MatchRun.State.PENDING:
        MatchRun.objects.filter(pk=shard.run_id, state=MatchRun.State.PENDING).update(
            state=MatchRun.State.RUNNING, started_at=now
        )
    return shard


def _give_back(shard: Shard, error: Exception) -> bool:
    """Release a shard after a fault, or end its run where that was the last try; True where it waits again."""
    # The text of a fault may quote a row; only its kind and place are logged.
    where = " > ".join(
        f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)
    )
    log.error("%s errored: %s at %s", shard, type(error).__name__, where)
    spent = shard.attempts >= ATTEMPTS
    given = Shard.objects.filter(pk=shard.pk, state=Shard.State.RUNNING, claimed_by=shard.claimed_by).update(
        state=Shard.State.ERRORED if spent else Shard.State.PENDING,
        claimed_by="",
        sent_at=None,
        error=type(error).__name__,
    )
    if given and spent:
        end_badly(
            shard.run_id,
            state=MatchRun.State.ERRORED,
            error=f"a fault of the system ({type(error).__name__}) in shard {shard.number}, {ATTEMPTS} times",
        )
    return bool(given) and not spent


# --- Evaluating ---


@dataclass(slots=True)
class _Counts:
    """What a shard counts for one version; `funnel` is alone, in order, unknown per criterion, over the living."""

    statuses: dict[str, int] = field(default_factory=lambda: dict.fromkeys((*Status.values, "deceased"), 0))
    funnel: dict[str, list[int]] = field(default_factory=dict)

    def add(self, document: TrialDocument, result: TrialResult) -> None:
        """Count the answer of one living patient."""
        self.statuses[result.status.value] += 1
        left = {cohort.id for cohort in document.cohorts} or {""}
        for each in result.criteria:
            if not each.counted:
                continue
            numbers = self.funnel.setdefault(each.criterion.id, [0, 0, 0])
            if each.truth is Truth.UNKNOWN:
                numbers[2] += 1
            elif each.truth is Truth.NOT_MET:
                numbers[0] += 1
                # A criterion of one cohort removes a patient only where no other cohort is left.
                if left:
                    left -= _cohorts_of(each) or left
                    numbers[1] += not left

    def as_json(self) -> dict[str, Any]:
        return {**self.statuses, "funnel": self.funnel}


def _cohorts_of(result: CriterionResult) -> set[str]:
    return set(result.criterion.cohorts)


@dataclass(slots=True)
class _Found:
    """What a shard found, before it is stored."""

    matches: list[Match] = field(default_factory=list)
    statuses: dict[tuple[int, int], str] = field(default_factory=dict)
    counts: dict[int, _Counts] = field(default_factory=dict)
    run_versions: list[RunVersion] = field(default_factory=list)
    undated: int = 0
    #: The patients whom there was no time for, in order.
    rest: list[int] = field(default_factory=list)


def _evaluate(shard: Shard) -> _Found:
    run, until = shard.run, time.monotonic() + SHARD_SECONDS
    found = _Found(run_versions=list(_run_versions(run)))
    documents = [(each, _trial(each)) for each in found.run_versions]
    found.counts = {each.version_id: _Counts() for each in found.run_versions}
    there = registry_patients(run.registry, known_at=run.known_at).filter(
        pk__gte=shard.first_patient, pk__lte=shard.last_patient
    )
    keys = list(there.order_by("pk").values_list("pk", flat=True))
    asked = DATA_THROUGH if run.as_of_kind == MatchRun.AsOf.DATA_THROUGH else run.as_of
    done = 0
    for key, patient in keyed_patient_records(run.registry, known_at=run.known_at, ids=keys):
        if done and time.monotonic() > until:
            found.rest = keys[done:]
            break
        done += 1
        as_of = day_of(asked, patient, otherwise=run.as_of)
        found.undated += asked == DATA_THROUGH and patient.data_through is None
        if deceased(patient, as_of):
            # Vital status comes first: nothing else is asked about the dead, who are counted apart.
            for run_version, _ in documents:
                found.counts[run_version.version_id].statuses["deceased"] += 1
                found.statuses[key, run_version.version_id] = Status.NOT_ELIGIBLE.value
            continue
        for run_version, document in documents:
            version = run_version.version
            result = evaluate_trial(
                document,
                patient,
                as_of=as_of,
                version=version.number,
                open_here=run_version.open_here,
                each_clears=False,
            )
            found.counts[version.pk].add(document, result)
            found.statuses[key, version.pk] = result.status.value
            if result.status.value != Status.NOT_ELIGIBLE:
                found.matches.append(_match(shard, key, run_version, as_of, result))
    return found


def _run_versions(run: MatchRun) -> Iterable[RunVersion]:
    return (
        run.run_versions.select_related("version__document", "previous__run")
        .defer("version__content")
        .order_by("version__document__code")
    )


def _trial(run_version: RunVersion) -> TrialDocument:
    document = run_version.version.parsed
    assert isinstance(document, TrialDocument)  # start_run takes nothing else
    return document


def _match(shard: Shard, patient: int, run_version: RunVersion, as_of: date, result: TrialResult) -> Match:
    said = summary_json(result)
    return Match(
        run_id=shard.run_id,
        shard=shard,
        patient_id=patient,
        version_id=run_version.version_id,
        as_of=as_of,
        status=said["status"],
        offered=said["offered"],
        cohort=said["cohort"] or "",
        cohorts=said["cohorts"],
        needs=said["needs"] or "",
        missing=said["missing"],
        to_read=said["to_read"],
        clears_on=result.best.clears_on,
        next_flip=result.next_flip,
    )


# --- Storing ---


def _store(shard: Shard, found: _Found) -> tuple[bool, int | None]:
    """Everything of a shard in one transaction, with a new shard for the rest where it is cut.

    Returns whether it was stored, which it is not where this attempt was overtaken or the run has ended; and the key
    of the shard for the rest.
    """
    rest: Shard | None = None
    if found.rest:
        rest = Shard(run_id=shard.run_id, first_patient=found.rest[0], last_patient=shard.last_patient)
        rest.patients = len(found.rest)
        # Patients between the two ranges there are none, so it ends where the rest begins.
        shard.last_patient, shard.patients = found.rest[0] - 1, shard.patients - rest.patients
    with transaction.atomic():
        now = timezone.now()
        running = MatchRun.objects.filter(state=MatchRun.State.RUNNING).values("pk")
        held = Shard.objects.filter(
            pk=shard.pk, state=Shard.State.RUNNING, claimed_by=shard.claimed_by, run_id__in=running
        ).update(
            state=Shard.State.DONE,
            finished_at=now,
            undated=found.undated,
            last_patient=shard.last_patient,
            patients=shard.patients,
            counts={str(version): counts.as_json() for version, counts in found.counts.items()},
            error="",
        )
        if not held:
            return False, None
        Match.objects.bulk_create(found.matches, batch_size=500)
        StatusChange.objects.bulk_create(changes_of(shard, found.run_versions, found.statuses), batch_size=500)
        # Last, for the run's row is held until the end of the transaction.
        run = MatchRun.objects.filter(pk=shard.run_id)
        run.update(shards_done=F("shards_done") + 1, shards_total=F("shards_total") + int(rest is not None))
        if rest is not None:
            rest.number = run.values_list("shards_total", flat=True).get()
            rest.save()
    return True, rest.pk if rest is not None else None
