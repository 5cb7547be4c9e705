"""The stages of the benchmark, each run by `bench.processes` in a process of its own: `python -m bench.stages`.

A stage prepares what it needs, then lets a clock run over the one thing it measures. Whatever a worker has loaded
before it takes a task, Django and the vocabulary, is loaded before the clock starts. The system is imported inside
the stages, because Django must be set up first.
"""

from __future__ import annotations

import csv
import json
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import django

Found = dict[str, Any]


@dataclass(slots=True)
class Clock:
    """The time on the wall, and the time that a core worked for this process: others delay only the first."""

    seconds: float = 0.0
    cpu: float = 0.0

    def __enter__(self) -> Clock:
        self.seconds -= time.perf_counter()
        self.cpu -= time.process_time()
        return self

    def __exit__(self, *error: object) -> None:
        self.cpu += time.process_time()
        self.seconds += time.perf_counter()


def migrate(*, everything: bool = False) -> Found:
    """A database with the system's tables; with `everything` those of the peer too."""
    from django.core.management import call_command

    call_command("migrate", verbosity=0, run_syncdb=bool(everything))
    return {}


# --- Registry import --------------------------------------------------------------------------------------------------


def import_registry(*, path: str, registry: str) -> Found:
    """Import what stands at a path into a registry, made where there is none: the clock is on run_import."""
    from patients import actions
    from patients.intake import run_import
    from patients.models import Registry, Upload, UploadProblem
    from patients.vocabulary import default

    default()
    known = Registry.objects.filter(name=registry).first() or actions.create_registry(name=registry, by=None)
    upload = actions.start_import(registry=known, by=None, path=Path(path))
    with Clock() as clock:
        upload = run_import(upload.pk)
    if upload.state != Upload.State.APPLIED or upload.rejected:
        raise SystemExit(f"the import ended as {upload.state} with {upload.rejected} rejected rows: {upload.error}")
    return {
        **asdict(clock),
        "rows": upload.accepted,
        "new": upload.new,
        "unchanged": upload.unchanged,
        "warnings": UploadProblem.objects.filter(upload=upload).count(),
    }


def import_by_peer(*, path: str, settings: str) -> Found:
    """Import observations.csv with django-import-export: the clock is on reading the file and on import_data."""
    from tablib import Dataset

    from bench.peer.models import Observation, Patient
    from bench.peer.resources import RESOURCES

    with (Path(path) / "patients.csv").open(newline="", encoding="utf-8") as file:
        ids = [row["patient_id"] for row in csv.DictReader(file)]
    Patient.objects.bulk_create([Patient(patient_id=each) for each in ids], ignore_conflicts=True)
    resource = RESOURCES[settings]()
    with Clock() as clock:
        dataset = Dataset().load((Path(path) / "observations.csv").read_text(encoding="utf-8"), format="csv")
        result = resource.import_data(dataset, raise_errors=True)
    if result.has_errors() or Observation.objects.count() != len(dataset):
        raise SystemExit("django-import-export did not store every row")
    return {**asdict(clock), "rows": len(dataset)}


# --- The reference evaluator ------------------------------------------------------------------------------------------


def import_demo(*, path: str, registry: str, today: str) -> Found:
    """Write the demo registry as of a day and import it; nothing of it is measured."""
    from matcher.demo import write
    from patients import actions
    from patients.intake import run_import

    write(Path(path), today=date.fromisoformat(today))
    made = actions.create_registry(name=registry, by=None)
    # A few of its rows are bad and meant to be rejected.
    upload = run_import(actions.start_import(registry=made, by=None, path=Path(path)).pk)
    return {"accepted": upload.accepted, "rejected": upload.rejected}


def evaluate_pairs(*, registry: str, as_of: str, patients: int) -> Found:
    """Patients spread over a registry against every trial of the library, and beside it what the leaves alone take.

    One clock is on evaluate_trial, another on each leaf of its rules, evaluated by itself right after it.
    """
    from matcher.engine import evaluate_trial
    from matcher.publishing import LIBRARY
    from patients.models import Registry
    from patients.selectors import patient_records
    from trials.criteria.documents import TrialDocument, read_document

    day = date.fromisoformat(as_of)
    chosen = _spread(list(patient_records(Registry.objects.get(name=registry))), patients)
    read = [read_document(each.read_text(encoding="utf-8")) for each in sorted((LIBRARY / "trials").glob("*.yaml"))]
    trials = [document for document in read if isinstance(document, TrialDocument)]
    for trial in trials:
        evaluate_trial(trial, chosen[0], as_of=day)

    clock = Clock()
    leaves: dict[str, list[float]] = defaultdict(list)
    for patient in chosen:
        for trial in trials:
            with clock:
                evaluate_trial(trial, patient, as_of=day)
            _time_leaves(trial, patient, day, leaves)
    ruled = sum(criterion.rule is not None for trial in trials for criterion in trial.criteria)
    return {
        **asdict(clock),
        "patients": len(chosen),
        "trials": len(trials),
        "ruled": ruled,
        "leaves": [(kind, len(spent), sum(spent)) for kind, spent in leaves.items()],
    }


def _spread(everybody: list[Any], number: int) -> list[Any]:
    """So many of them, from the whole length: the demo registry begins with its stories, its others are drawn."""
    return [everybody[i * len(everybody) // number] for i in range(number)] if number < len(everybody) else everybody


def _time_leaves(trial: Any, patient: Any, day: date, spent: dict[str, list[float]]) -> None:
    """Add the seconds of a core that each leaf of a trial's rules takes to its kind.

    Leaves of one patient and trial share what they derive, as they do in a trial: the first that asks for the lines of
    therapy pays for them.
    """
    from matcher.engine.reference.evaluate import evaluate, focuses, make_context
    from trials.criteria.tree import leaves

    context = make_context(
        patient, as_of=day, definitions=tuple(trial.definitions), windows=trial.windows, cancer=trial.cancer,
        document=trial.id,
    )  # fmt: skip
    for focused in focuses(context):
        for criterion in trial.criteria:
            own = replace(focused, criterion=criterion.id, cache=focused.cache)
            for leaf in leaves(criterion.rule) if criterion.rule is not None else ():
                begin = time.process_time()
                evaluate(leaf, own)
                spent[kind_of_leaf(leaf)].append(time.process_time() - begin)


def kind_of_leaf(leaf: Any) -> str:
    """The construct a leaf is made of, in the words of the language."""
    from trials.criteria import tree as t

    match leaf:
        case t.Has(records=records):
            return f"has | no | history of {records.kind.value}(…)"
        case t.Count(records=records):
            return f"count {records.kind.value}(…)"
        case t.Comparison(left=value) | t.Between(value=value):
            words = {
                t.Observation: "a test compared", t.Age: "age compared", t.Elapsed: "time since | from … to …",
                t.Duration: "duration of …", t.Dose: "a dose compared", t.Ratio: "a ratio compared",
            }  # fmt: skip
            return words.get(type(value), "a value compared")
        case t.IsCode():
            return "a test is a code"
        case t.IsRecorded():
            return "is recorded"
        case t.Ask():
            return "ask"
        case _:
            return "a rule defined by name"


# --- The shelf --------------------------------------------------------------------------------------------------------


def load_shelf() -> Found:
    """Publish the library into a database without one, and load it again when everything is in force."""
    from matcher.publishing import load_library
    from patients.vocabulary import default

    default()
    with Clock() as clock:
        first = list(load_library())
    for each in first:
        for problem in each.problems:
            print(f"{each.file}: {problem}", file=sys.stderr)
    with Clock() as once_more:
        again = list(load_library())
    return {
        **asdict(clock),
        "published": sum(each.outcome == "published" for each in first),
        "failed": len({each.file for each in first if each.outcome == "failed"}),
        "again": {**asdict(once_more), "unchanged": sum(each.outcome == "unchanged" for each in again)},
    }


def explain_patients(*, registry: str, as_of: str, patients: int) -> Found:
    """One patient after the other against every version in force, facts read and JSON made.

    The first is explained once before the clock starts: a process reads the versions once and keeps them.
    """
    from matcher.answers import explain
    from patients.models import Registry
    from patients.selectors import registry_patients

    everybody = registry_patients(Registry.objects.get(name=registry)).select_related("registry")
    chosen = _spread(list(everybody), patients)
    day = date.fromisoformat(as_of)
    explained = explain(chosen[0], as_of=day)
    clocks = []
    for patient in chosen:
        with Clock() as clock:
            json.dumps(explain(patient, as_of=day).as_json())
        clocks.append(clock)
    return {
        "seconds": statistics.median(clock.seconds for clock in clocks),
        "cpu": statistics.median(clock.cpu for clock in clocks),
        "most": max(clock.cpu for clock in clocks),
        "patients": len(chosen),
        "trials": len(explained.trials),
        "options": len(explained.options),
    }


STAGES: Mapping[str, Callable[..., Found]] = {
    stage.__name__: stage
    for stage in (
        migrate, import_registry, import_by_peer, import_demo, evaluate_pairs, load_shelf, explain_patients,
    )
}  # fmt: skip


def _stage(name: str) -> Callable[..., Found]:
    """A stage by its name; those of matching are imported only now, so that no other holds what they need."""
    if name in STAGES:
        return STAGES[name]
    from bench.matching import loading, measure

    return {**measure.STAGES, **loading.STAGES}[name]


def main(arguments: list[str]) -> None:
    """`python -m bench.stages NAME FILE ARGUMENTS`: run a stage and write what it found to a file, as JSON."""
    name, answer, given = arguments
    django.setup()
    found = _stage(name)(**json.loads(given))
    Path(answer).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    # Whoever stopped the benchmark knows that they did.
    with suppress(KeyboardInterrupt):
        main(sys.argv[1:])
