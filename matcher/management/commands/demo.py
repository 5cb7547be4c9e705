"""`demo`: from an empty database to a patient's whole answer, through the same doors a centre uses.

The library is published, a made-up registry is imported and matched by a real worker, and what came out is printed.
Running it again imports the same rows, which changes nothing, and matches anew.
"""

from __future__ import annotations

import sys
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from matcher import runs
from matcher.demo import ANSWERED, BONE, STORIES, write
from matcher.demo.worker import WorkerSilent, give_up_runs, import_by_worker, match_by_workers
from matcher.models import MatchRun
from matcher.publishing import load_library
from matcher.selectors import counts_of, matches_of
from matcher.terminal import said_day, table
from patients import actions
from patients.models import AnswerFact, Patient, Preset, Registry, Upload, UploadProblem
from patients.selectors import registry_patients
from trials.criteria.documents import TrialDocument
from trials.models import Version
from trials.selectors import current_version, find_document

REGISTRY = "demo"
#: Who answers for the demo what only a reader can; this user cannot log in.
COORDINATOR = "demo-coordinator"
SHOWN_FACTS = 10
SHOWN_PROBLEMS = 24


class Command(BaseCommand):
    help = (
        "Load the library, import a made-up registry and match it, both by a worker, and print the answers. "
        "`make demo` runs it beside a worker; it exits with 1 where no worker answers."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        began = time.monotonic()
        self._say("Trial eligibility matcher: the demo. Every patient in it is made up.\n")
        self._load_library()
        registry = self._registry()
        coordinator = self._coordinator()
        if left := give_up_runs(registry, by=coordinator):
            self._say(f"runs        {left} of an earlier demo cancelled: it was stopped before they were done")
        try:
            self._import(registry)
            self._answer(registry, coordinator)
            run = self._match(registry, coordinator)
        except WorkerSilent as problem:
            raise CommandError(str(problem)) from None
        # The longest first, so that the end of it, which a terminal shows, is the sum.
        self._tell_patient(registry)
        self._tell_trials(run)
        self._tell_missing(run)
        self._say(f"\nThe demo took {time.monotonic() - began:.0f} s. Patients worth opening:")
        for story in STORIES:
            self._say(f"  {story.patient_id}  {story.shows}")
        self._say(
            "\nNext: `make serve` shows the same in the browser, at http://127.0.0.1:8000/ or the next free port, and "
            "prints the login.\n"
            "docs/tutorial.md walks through it in ten minutes."
        )

    # --- The steps ----------------------------------------------------------------------------------------------

    def _load_library(self) -> None:
        began = time.monotonic()
        progress = self._progress("library")
        outcomes: Counter[str] = Counter()
        for loaded in load_library():
            outcomes[loaded.outcome] += 1
            progress(sum(outcomes.values()), 0)
            if loaded.outcome == "failed":
                raise CommandError(f"{loaded.file} could not be published: {'; '.join(loaded.problems)}")
        self._done(
            "library",
            f"{sum(outcomes.values())} trials and options, {outcomes['published']} of them published now",
            began,
        )

    def _registry(self) -> Registry:
        registry = Registry.objects.filter(name=REGISTRY).first()
        if registry is None:
            registry = actions.create_registry(
                name=REGISTRY, by=None, preset=Preset.CLINIC, title="A made-up sarcoma centre"
            )
        return registry

    def _import(self, registry: Registry) -> None:
        began = time.monotonic()
        folder = Path(settings.STATE_DIR) / "demo" / "registry"
        written = write(folder, today=runs.today_in(registry))
        try:
            # The folder is the whole registry: what a demo of an earlier day wrote otherwise is withdrawn.
            upload = actions.start_import(registry=registry, by=None, path=folder, mode=Upload.Mode.SNAPSHOT)
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from None
        import_by_worker(upload, told=self._progress("import"), waits=self._waits)
        if upload.state != Upload.State.APPLIED:
            raise CommandError(f"the import ended as {upload.get_state_display()}: {upload.error}")
        self._done(
            "import",
            f"{upload.accepted} rows of {len(written)} files read by a worker, {upload.rejected} rejected",
            began,
        )
        self._say(
            f"            facts: {upload.new} new, {upload.changed} corrected, {upload.unchanged} unchanged, "
            f"{upload.withdrawn} withdrawn; patients: {upload.patients_new} new\n"
            f"            files: {folder}"
        )
        self._tell_problems(upload)

    def _coordinator(self) -> AbstractBaseUser:
        user, made = get_user_model().objects.get_or_create(
            username=COORDINATOR, defaults={"first_name": "Demo", "last_name": "Coordinator"}
        )
        if made:
            user.set_unusable_password()
            user.save(update_fields=["password"])
        return user

    def _answer(self, registry: Registry, coordinator: AbstractBaseUser) -> None:
        """Record what a coordinator read in the files, where it is not answered already."""
        now = 0
        for patient_id, trial, criterion, met in ANSWERED:
            version = current_version(find_document(trial))
            patient = Patient.objects.get(registry=registry, patient_id=patient_id)
            if version is None:
                continue
            answered = AnswerFact.objects.filter(
                patient=patient, document=version.document.code, version=version.number, criterion=criterion,
                question="", withdrawn_at__isnull=True, valid_until__gte=runs.today_in(registry),
            )  # fmt: skip
            if answered.exists():
                continue
            actions.record_answer(
                patient=patient, document=version.document.code, version=version.number, criterion=criterion, truth=met,
                by=coordinator, reason="read in the file",
            )  # fmt: skip
            now += 1
        self._say(f"answers     {len(ANSWERED)} of a coordinator, to what only a reader can tell ({now} recorded now)")

    def _match(self, registry: Registry, coordinator: AbstractBaseUser) -> MatchRun:
        began = time.monotonic()
        run = match_by_workers(registry, by=coordinator, told=self._progress("matching"), waits=self._waits)
        if run.state != MatchRun.State.FINISHED:
            raise CommandError(f"the match run ended as {run.get_state_display()}: {run.error}")
        patients = registry_patients(registry).count()
        self._done("matching", f"{patients} patients against {counts_of(run).count()} trials by workers", began)
        return run

    # --- What came out ------------------------------------------------------------------------------------------

    def _tell_problems(self, upload: Upload) -> None:
        """How often each problem of the import occurred, with its first occurrence."""
        found: dict[tuple[str, str], list[UploadProblem]] = defaultdict(list)
        for problem in UploadProblem.objects.filter(upload=upload).order_by("pk"):
            found[problem.severity, problem.code].append(problem)
        if not found:
            return
        order = {"error": 0, "warning": 1, "note": 2}
        self._say("\nWhat was wrong with the files, and an example of each:")
        ranked = sorted(found.items(), key=lambda item: (order[item[0][0]], -len(item[1])))
        for (severity, _code), problems in ranked[:SHOWN_PROBLEMS]:
            first = problems[0]
            where = first.file + (f" row {first.row}" if first.row is not None else "")
            where += f", {first.column}" if first.column else ""
            value = f" {first.value!r}" if first.value else ""
            self._say(f"  {len(problems):>4}  {severity:8} {where}{value}: {first.message}")
        self._say("")

    def _tell_trials(self, run: MatchRun) -> None:
        heads = ("potentially eligible", "needs information", "not now", "not eligible", "deceased")
        self._say(f"\nTrials, as of {said_day(run.as_of)}: patients of each status, and whether the trial takes any\n")
        rows = []
        for count in counts_of(run):
            numbers = count.as_dict()
            offered = "yes" if _is_offered(count.version) else "no"
            rows.append([count.version.document.code, *(numbers[head.replace(" ", "_")] for head in heads), offered])
        for line in table(["trial", *heads, "offered"], rows):
            self._say(f"  {line}")

    def _tell_missing(self, run: MatchRun) -> None:
        """The facts that most pairs wait for: what to ask the ward for first."""
        pairs: Counter[str] = Counter()
        patients: dict[str, set[int]] = defaultdict(set)
        for patient, missing in matches_of(run).filter(status="needs_information").values_list("patient_id", "missing"):
            for entry in missing:
                pairs[entry["text"]] += 1
                patients[entry["text"]].add(patient)
        self._say("\nThe missing facts that are asked for most")
        for text, count in pairs.most_common(SHOWN_FACTS):
            self._say(f"  {count:>5} answers of {len(patients[text]):>4} patients wait for   {text}")

    def _tell_patient(self, registry: Registry) -> None:
        self._say(f"\nOne patient's whole answer: {BONE}, {STORIES[0].shows}\n")
        call_command("explain", registry.name, BONE, stdout=self.stdout)

    # --- Telling ------------------------------------------------------------------------------------------------

    def _say(self, text: str) -> None:
        self.stdout.write(text)

    def _waits(self, reason: str) -> None:
        self._clear()
        self._say(f"waiting     for {reason}")
        self.stdout.flush()

    def _done(self, step: str, what: str, began: float) -> None:
        self._clear()
        self._say(f"{step:12}{what}, in {time.monotonic() - began:.1f} s")

    def _progress(self, step: str) -> Any:
        """A line that is written over itself on a terminal, and not at all elsewhere."""

        def told(done: int, total: int) -> None:
            if sys.stderr.isatty():
                sys.stderr.write(f"\r{step:12}{done}" + (f" of {total} " if total else " "))
                sys.stderr.flush()

        return told

    def _clear(self) -> None:
        if sys.stderr.isatty():
            sys.stderr.write("\r" + " " * 60 + "\r")
            sys.stderr.flush()


def _is_offered(version: Version) -> bool:
    """Whether the trial takes patients here and now, in one cohort at least."""
    document = version.parsed
    assert isinstance(document, TrialDocument)  # a run takes nothing else
    cohorts = [cohort.open for cohort in document.cohorts]
    return document.offered and version.document.open_here and (any(cohorts) or not cohorts)
