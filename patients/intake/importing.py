"""The run of one upload: claim it, read every row, compare with what is known, store the difference in one transaction.

Reading works outside the transaction and tells its progress on the upload's row; nothing of it can be seen in the
facts. Comparing and storing are one transaction, so an upload is in the registry wholly or not at all, and a worker
that dies at any line leaves an upload that another may claim again.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from patients import changes, trust
from patients.facts import folded, is_blank
from patients.intake import kinds, layouts, sources
from patients.intake.compare import Known, compare
from patients.intake.drafts import Draft, Identity, fingerprint
from patients.intake.kinds import KINDS, PATIENT_KINDS, Context
from patients.intake.problems import Problem, Severity, UnusableFile
from patients.intake.reading import Reading
from patients.intake.sources import Row, Table
from patients.intake.spool import Entry, Spool
from patients.intake.storing import TABLE_OF, fact_values, insert
from patients.models import (
    DOMAINS,
    CompletenessSuspension,
    Fact,
    NameMapping,
    Patient,
    PatientDetails,
    ReferenceRange,
    Registry,
    RegistryPolicy,
    Upload,
    UploadProblem,
)
from patients.vocabulary import Vocabulary, default

log = logging.getLogger(__name__)

#: Patients compared together, rows between two signs of life, problems and facts written together.
CHUNK = 500
PROGRESS_ROWS = 2_000
PROGRESS_SECONDS = 2.0
BATCH = 500


#: Told a step, and how many of how many are done.
Told = Callable[[str, int, int], None]


class Busy(Exception):
    """Another upload of the same registry is being read; this one stays received."""


class NotClaimed(Exception):
    """The upload is not waiting to be read: it ended, or another worker has it."""


class ImportErrored(Exception):
    """A fault of the system during an import; nothing was stored. Holds no patient data."""


class Superseded(Exception):
    """This worker was taken for dead and another reads the upload now."""


def _nobody(step: str, done: int, total: int) -> None:
    """Hears of progress where nobody asked for it."""


def run_import(upload_id: int, *, told: Told = _nobody) -> Upload:
    """Read and store one upload; returns it in its final state (applied, compared or failed).

    `told` hears of every step (reading, comparing) how many of how many rows, then patients, are done. Safe to run
    twice and in two places at once: only one claims the upload. Raises NotClaimed, Busy, ImportErrored.
    """
    upload = _claim(upload_id)
    try:
        with Spool() as spool, upload.file.open("rb") as file:
            run = _Run(upload, spool, told)
            run.read(file)
            run.store()
    except UnusableFile as failure:
        _fail(upload, failure)
    except Superseded:
        raise NotClaimed(f"upload {upload_id} was taken over by another worker") from None
    except BaseException as error:
        # The text of a database error may hold a row; only its kind and place go on.
        where = "".join(traceback.format_tb(error.__traceback__))
        log.error("upload %s errored: %s\n%s", upload_id, type(error).__name__, where)
        _end(upload, Upload.State.ERRORED, error=f"a fault of the system ({type(error).__name__}); nothing was stored")
        if not isinstance(error, Exception):
            raise
        raise ImportErrored(f"upload {upload_id} errored: {type(error).__name__}") from None
    upload.refresh_from_db()
    return upload


def _claim(upload_id: int) -> Upload:
    now = timezone.now()
    try:
        with transaction.atomic():
            claimed = Upload.objects.filter(pk=upload_id, state=Upload.State.RECEIVED).update(
                state=Upload.State.READING,
                started_at=now,
                heartbeat_at=now,
                attempt=F("attempt") + 1,
                rows_done=0,
                accepted=0,
                rejected=0,
            )
    except IntegrityError:
        raise Busy(f"another upload of the registry of upload {upload_id} is being read") from None
    if not claimed:
        raise NotClaimed(f"upload {upload_id} is not waiting to be read")
    # What an earlier attempt found is found again.
    UploadProblem.objects.filter(upload_id=upload_id).delete()
    return Upload.objects.select_related("registry", "by").get(pk=upload_id)


def _fail(upload: Upload, failure: UnusableFile) -> None:
    with transaction.atomic():
        if _end(upload, Upload.State.FAILED, error=str(failure)):
            UploadProblem.objects.create(upload=upload, **_problem_fields(failure.problem))
            trust.record(
                actor=upload.by,
                action="upload failed",
                target=upload,
                registry=upload.registry,
                after={"file": upload.file_name, "error": str(failure)},
            )


def _end(upload: Upload, state: str, **fields: Any) -> int:
    """End an upload that this attempt holds; 0 where another attempt holds it."""
    now = timezone.now()
    return Upload.objects.filter(pk=upload.pk, attempt=upload.attempt, state__in=Upload.UNDER_WAY).update(
        state=state, finished_at=now, heartbeat_at=now, **fields
    )


def current_mappings(registry: Registry) -> dict[tuple[str, str], str]:
    """What people decided names mean, those of all registries overlaid by the registry's own."""
    rows = NameMapping.objects.filter(Q(registry=registry) | Q(registry__isnull=True), withdrawn_at__isnull=True)
    ordered = sorted(rows, key=lambda row: row.registry_id is not None)
    return {(row.domain, row.name): row.concept for row in ordered}


def context_for(registry: Registry, vocabulary: Vocabulary | None = None) -> Context:
    """What rows of a registry are read with, now."""
    today = timezone.now().astimezone(ZoneInfo(registry.time_zone)).date()
    return Context(vocabulary or default(), current_mappings(registry), today)


def _problem_fields(problem: Problem) -> dict[str, Any]:
    return {
        "file": problem.file[:255],
        "row": problem.row,
        "column": problem.column[:200],
        "value": problem.value[:300],
        "severity": problem.severity.value,
        "code": problem.code,
        "message": problem.message,
        "remedy": problem.remedy,
        "rejected": problem.rejected,
        "raw_row": problem.raw_row,
    }


@dataclass(slots=True)
class _Counts:
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    withdrawn: int = 0


@dataclass(slots=True)
class _Person:
    """One patient of a chunk: the id, the row where there is one, and what the upload says."""

    patient_id: str
    pk: int | None
    current: bool
    entries: list[Entry] = field(default_factory=list)


class _Run:
    """One attempt at one upload."""

    def __init__(self, upload: Upload, spool: Spool, told: Told) -> None:
        self.told = told
        self.upload, self.registry, self.spool = upload, upload.registry, spool
        self.vocabulary = default()
        self.context = context_for(self.registry, self.vocabulary)
        self.headers: dict[str, tuple[str, ...]] = {}
        self.kinds: set[str] = set()
        self.layouts: set[str] = set()
        self.declared: list[Draft] = []
        self.accepted = self.rejected = self.done = 0
        #: Kinds of which a rejected row could be of anybody.
        self.unattributed: set[str] = set()
        self._problems: list[tuple[Problem, tuple[Entry, ...]]] = []
        self._told = time.monotonic()

    # --- Reading ------------------------------------------------------------------------------------------------

    def read(self, file: Any) -> None:
        """Read every table into the spool; problems are stored as they are found. Raises UnusableFile."""
        tables, passed_over = sources.tables(file, name=self.upload.file_name, encoding=self.upload.encoding)
        for problem in passed_over:
            self._tell(problem)
        self._progress(rows_total=sum(table.rows_about for table in tables), now=True)
        planned = []
        for table in tables:
            layout = layouts.recognise(table, self.context)
            if layout is None:
                self._not_recognised(table, alone=len(tables) == 1)
            else:
                planned.append((table, layout))
        if not planned:
            raise UnusableFile(
                file=self.upload.file_name,
                message="none of the files is one of the known kinds",
                remedy=f"name them {', '.join(f'{name}.csv' for name in KINDS)}",
            )
        order = list(KINDS)
        planned.sort(key=lambda each: min(order.index(kind) for kind in each[1].kinds))
        for table, layout in planned:
            self._read_table(table, layout)
        self._flush_problems()
        self._progress(now=True)
        self.spool.sort()

    def _not_recognised(self, table: Table, *, alone: bool) -> None:
        remedy = "give it the name of its kind, such as conditions.csv, and the columns of that kind"
        message = "neither its name nor its columns say what it holds; it was not read"
        if alone:
            raise UnusableFile(file=table.name, row=1, message=message, remedy=remedy)
        self._tell(
            Problem(
                severity=Severity.ERROR, code="file_not_recognised", message=message, remedy=remedy, file=table.name
            )
        )

    def _read_table(self, table: Table, layout: layouts.Layout) -> None:
        self.headers[table.name] = table.header
        self.kinds |= layout.kinds
        self.layouts.add(layout.name)
        for problem in layout.problems:
            self._tell(problem)
        rows = 0
        for row in table.open():
            rows += 1
            self._read_row(table, layout, row)
            self.done += 1
            self._progress()
        if not rows:
            message = "the file has a header and no rows"
            if self.upload.mode == Upload.Mode.SNAPSHOT:
                raise UnusableFile(
                    file=table.name,
                    row=1,
                    message=f"{message}; as a snapshot it would withdraw every fact of its kind",
                    remedy="leave the file out, or send it with its rows",
                )
            self._tell(
                Problem(
                    severity=Severity.WARNING,
                    code="file_without_rows",
                    message=message,
                    remedy="check the export",
                    file=table.name,
                    row=1,
                )
            )

    def _read_row(self, table: Table, layout: layouts.Layout, row: Row) -> None:
        cells = row.cells
        width = len(table.header)
        if len(cells) > width and not any(cell.strip() for cell in cells[width:]):
            cells = cells[:width]
        by_patient = layout.patient_column is not None
        patient_id = cells[layout.patient_column].strip() if by_patient and len(cells) > layout.patient_column else ""
        if len(cells) != width:
            self._reject(
                table,
                layout,
                row,
                "cells_do_not_fit_header",
                f"the row has {len(cells)} cells and the header {width}: they cannot be told apart",
                "quote cells that hold the delimiter, and end the row after its last column",
                patient_id=patient_id,
            )
            return
        if by_patient and (is_blank(patient_id) or len(patient_id) > 200):
            self._reject(
                table,
                layout,
                row,
                "patient_id_missing",
                "the row names no patient"
                if len(patient_id) <= 200
                else "the patient id is longer than 200 characters",
                "fill patient_id",
                column="patient_id",
            )
            return
        row_rejected = False
        for slot in layout.slots:
            found = slot.cells(cells)
            if found is None:
                continue
            row_rejected = self._read_slot(table, layout, row, slot, found, patient_id) or row_rejected
        if row_rejected:
            self.rejected += 1
        else:
            self.accepted += 1

    def _read_slot(
        self,
        table: Table,
        layout: layouts.Layout,
        row: Row,
        slot: layouts.Slot,
        cells: dict[str, str],
        patient_id: str,
    ) -> bool:
        """Read one statement of a row into the spool; True where the whole row is rejected by it."""
        kind = KINDS[slot.kind]
        reading = Reading(
            kind=kind.name,
            cells=cells,
            today=self.context.today,
            labels=slot.labels,
            decimal_comma=table.delimiter == ";",
        )
        drafts = kinds.read(kind, reading, self.context)
        whole = layout.name == layouts.CANONICAL
        for draft in drafts:
            draft.file, draft.row = table.name, row.number
        common: dict[str, Any] = {
            "kind": kind.name,
            "file": table.name,
            "row": row.number,
            "declares": kind.name == "patients",
        }
        suspends = reading.suspends or ((kind.name,) if reading.rejected and kind.name in DOMAINS else ())
        suspending: Entry | None = None
        if suspends:
            suspending = Entry(
                **common,
                draft=None,
                rejected=reading.rejected,
                key=drafts[0].key if drafts else "",
                domains=tuple(suspends),
            )
        raw = _raw(table.header, row.cells) if reading.problems else None
        for problem in reading.problems:
            placed = replace(
                problem.at(file=table.name, row=row.number),
                rejected=problem.rejected and whole,
                raw_row=raw if problem.severity is Severity.ERROR else None,
            )
            self._tell(placed, *([suspending] if suspending and problem.severity is Severity.ERROR else []))
        if suspending is not None:
            # Its problem must have a key before the entry is written down.
            self._flush_problems()
            self.spool.add(patient_id, suspending)
        if reading.rejected:
            return whole
        for draft in drafts:
            if kind.by_patient:
                self.spool.add(patient_id, Entry(**common, draft=draft, cells=row.cells))
            else:
                self.declared.append(draft)
        return False

    def _reject(
        self,
        table: Table,
        layout: layouts.Layout,
        row: Row,
        code: str,
        message: str,
        remedy: str,
        *,
        column: str = "",
        patient_id: str = "",
    ) -> None:
        """Reject a row before its cells are read; `patient_id` is whom it seems to name."""
        self.rejected += 1
        entries = [
            Entry(
                kind=kind,
                file=table.name,
                row=row.number,
                declares=False,
                draft=None,
                rejected=True,
                domains=(kind,) if kind in DOMAINS else (),
            )
            for kind in sorted(layout.kinds)
            if layout.patient_column is not None
        ]
        problem = Problem(
            severity=Severity.ERROR,
            code=code,
            message=message,
            remedy=remedy,
            file=table.name,
            row=row.number,
            column=column,
            rejected=True,
            raw_row=_raw(table.header, row.cells),
        )
        if is_blank(patient_id) or len(patient_id) > 200:
            self.unattributed |= layout.kinds
            self._tell(problem)
            return
        self._tell(problem, *entries)
        self._flush_problems()
        for entry in entries:
            self.spool.add(patient_id, entry)

    def _tell(self, problem: Problem, *entries: Entry) -> None:
        """Keep a problem to be stored; the entries learn its key then."""
        self._problems.append((problem, entries))
        if len(self._problems) >= BATCH:
            self._flush_problems()

    def _flush_problems(self) -> None:
        rows = UploadProblem.objects.bulk_create(
            [UploadProblem(upload=self.upload, **_problem_fields(problem)) for problem, _ in self._problems],
            batch_size=BATCH,
        )
        for (_, entries), row in zip(self._problems, rows, strict=True):
            for entry in entries:
                entry.problem = entry.problem or row.pk
        self._problems.clear()

    def _progress(self, *, rows_total: int | None = None, now: bool = False) -> None:
        if not now and (self.done % 100 or time.monotonic() - self._told < PROGRESS_SECONDS):
            return
        self._told = time.monotonic()
        if rows_total is not None:
            self.upload.rows_total = rows_total
        # Lines were counted beforehand; a cell over several lines makes fewer rows, never more.
        self.upload.rows_total = max(self.upload.rows_total, self.done)
        held = Upload.objects.filter(pk=self.upload.pk, attempt=self.upload.attempt, state=Upload.State.READING).update(
            rows_total=self.upload.rows_total,
            rows_done=self.done,
            accepted=self.accepted,
            rejected=self.rejected,
            heartbeat_at=timezone.now(),
        )
        if not held:
            raise Superseded
        self.told("reading", self.done, self.upload.rows_total)

    # --- Comparing and storing ----------------------------------------------------------------------------------

    def beat(self) -> None:
        """Tell that a dry run, which compares outside of any transaction, is still held. Raises Superseded."""
        now = time.monotonic()
        if now - self._told < PROGRESS_SECONDS:
            return
        self._told = now
        held = Upload.objects.filter(pk=self.upload.pk, attempt=self.upload.attempt, state=Upload.State.COMPARING)
        if not held.update(heartbeat_at=timezone.now()):
            raise Superseded

    def store(self) -> None:
        """Compare with what is known and store the difference, or only count it where the run is dry."""
        now = timezone.now()
        held = Upload.objects.filter(pk=self.upload.pk, attempt=self.upload.attempt, state=Upload.State.READING).update(
            state=Upload.State.COMPARING,
            heartbeat_at=now,
            # Before any fact of it: who reads until then reads what will never change.
            recorded_at=None if self.upload.dry_run else now,
            rows_total=self.done,
        )
        if not held:
            raise Superseded
        with nullcontext() if self.upload.dry_run else transaction.atomic():
            _Store(self).run()


class _Store:
    """The comparing half of a run. In a dry run everything is counted and nothing written but problems."""

    def __init__(self, run: _Run) -> None:
        self.run_, self.upload, self.registry = run, run.upload, run.registry
        self.dry = run.upload.dry_run
        self.snapshot = run.upload.mode == Upload.Mode.SNAPSHOT
        self.at = timezone.now()
        self.counts: dict[str, _Counts] = defaultdict(_Counts)
        self.problems: list[Problem] = []
        self.in_doubt: set[str] = set()
        self.events: list[trust.Event] = []
        self.changed_patients: list[int] = []
        self.new_patients = 0
        self.rejected_rows: set[tuple[str, int]] = set()
        self.registry_changed = False

    def run(self) -> None:
        if not self.dry:
            # Taken first, so that two writers wait for each other here and nowhere else; its key stays free, so that
            # rows that only name the registry are written meanwhile.
            Registry.objects.select_for_update(no_key=True).get(pk=self.registry.pk)
            self.at = timezone.now()
        self._declare()
        if self.snapshot:
            self._doubt_absences()
        total = self.run_.spool.count()
        for number, people in enumerate(_chunks(self._people(), CHUNK), 1):
            self._chunk(people)
            # A snapshot also looks at those whom no file names.
            self.run_.told("comparing", number * CHUNK - CHUNK + len(people), max(total, number * CHUNK))
        self._finish()

    def _doubt_absences(self) -> None:
        """Withdraw nothing of a kind of which a row named nobody we know: it may be the one that seems absent."""
        current = set(
            PatientDetails.objects.filter(patient__registry=self.registry, withdrawn_at__isnull=True).values_list(
                "patient__patient_id", flat=True
            )
        )
        self.in_doubt = {kind for patient, kind in self.run_.spool.strangers() if patient not in current}
        self.in_doubt |= self.run_.unattributed
        for kind in sorted(self.in_doubt):
            self.problems.append(
                Problem(
                    severity=Severity.WARNING,
                    code="nothing_withdrawn",
                    message="rows of this kind were rejected whose patient is not known; nothing of it was withdrawn",
                    remedy="mend the rejected rows and send the snapshot again",
                    file=f"{kind}.csv" if layouts.WIDE not in self.run_.layouts else self.upload.file_name,
                )
            )

    def _people(self) -> Iterator[_Person]:
        """Everyone the upload names, and for a snapshot everyone in the registry, in order of the id."""
        known: dict[str, int] = {}
        for pk, patient_id in (
            Patient.objects.filter(registry=self.registry).values_list("pk", "patient_id").iterator(chunk_size=5000)
        ):
            known[patient_id] = pk
        current = set(
            PatientDetails.objects.filter(patient__registry=self.registry, withdrawn_at__isnull=True)
            .values_list("patient_id", flat=True)
            .iterator(chunk_size=5000)
        )
        named = set()
        for patient_id, entries in self.run_.spool.patients():
            pk = known.get(patient_id)
            named.add(patient_id)
            yield _Person(patient_id, pk, pk in current, entries)
        if self.snapshot:
            for patient_id, pk in known.items():
                if patient_id not in named:
                    yield _Person(patient_id, pk, pk in current)

    def _chunk(self, people: list[_Person]) -> None:
        if self.dry:
            # No transaction tells that this worker lives.
            self.run_.beat()
        people = [person for person in people if self._is_known(person)]
        pks = [person.pk for person in people if person.pk is not None]
        existing: dict[str, dict[int, list[Known]]] = {
            kind: _current_facts(TABLE_OF[kind], pks) for kind in self._kinds_to_compare()
        }
        suspensions: dict[int, list[CompletenessSuspension]] = defaultdict(list)
        for suspension in CompletenessSuspension.objects.filter(patient__in=pks, lifted_at__isnull=True).select_related(
            "problem"
        ):
            suspensions[suspension.patient_id].append(suspension)
        self._create_patients(people)
        withdraw: dict[str, list[int]] = defaultdict(list)
        record: dict[str, list[dict[str, Any]]] = defaultdict(list)
        withdrawn_of: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for person in people:
            self._compare(person, existing, record, withdraw, withdrawn_of)
        if not self.dry:
            for kind, keys in withdraw.items():
                for some in _chunks(keys, BATCH):
                    TABLE_OF[kind]._default_manager.filter(pk__in=some).update(
                        withdrawn_at=self.at, withdrawn_by=self.upload
                    )
            for kind, rows in record.items():
                insert(TABLE_OF[kind], rows)
        recorded_of = self._recorded(people, list(record))
        self._suspend_and_lift(people, suspensions, withdrawn_of, recorded_of)
        if not self.dry:
            for person in people:
                recorded, withdrawn = recorded_of.get(person.patient_id), withdrawn_of.get(person.patient_id)
                if recorded or withdrawn:
                    self._changed(person, recorded or {}, withdrawn or {})

    def _recorded(self, people: list[_Person], kinds_recorded: list[str]) -> dict[str, dict[str, list[int]]]:
        """The keys of what was just inserted, by patient id and kind."""
        found: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        if self.dry:
            return found
        ids = {person.pk: person.patient_id for person in people}
        for kind in kinds_recorded:
            rows = TABLE_OF[kind]._default_manager.filter(
                patient__in=list(ids), recorded_at=self.at, upload=self.upload
            )
            for pk, patient in rows.order_by("pk").values_list("pk", "patient_id"):
                found[ids[patient]][kind].append(pk)
        return found

    def _kinds_to_compare(self) -> list[str]:
        wanted = set(self.run_.kinds) | {"patients"}
        if self.snapshot and "patients" in self.run_.kinds:
            # Who is not in the snapshot's patients is withdrawn with all that was known of them.
            wanted |= set(PATIENT_KINDS)
        return [kind for kind in PATIENT_KINDS if kind in wanted]

    def _is_known(self, person: _Person) -> bool:
        """Whether the registry or another file knows the patient; if not, each of the rows is rejected."""
        if person.current or not person.entries:
            return True
        read = [entry for entry in person.entries if not entry.rejected]
        if any(entry.declares for entry in read) or len({entry.file for entry in read}) > 1:
            return True
        for entry in read:
            place = (entry.file, entry.row)
            if place in self.rejected_rows or entry.draft is None:
                continue
            self.rejected_rows.add(place)
            self.problems.append(
                Problem(
                    severity=Severity.ERROR,
                    code="patient_not_known",
                    message="neither the registry nor any other file of the upload knows this patient",
                    remedy="send the patient's row in patients.csv, or correct the id",
                    file=entry.file,
                    row=entry.row,
                    column="patient_id",
                    value=person.patient_id[:300],
                    rejected=True,
                    raw_row=_raw(self.run_.headers[entry.file], entry.cells or []),
                )
            )
        return False

    def _create_patients(self, people: list[_Person]) -> None:
        fresh = [person for person in people if person.pk is None]
        self.new_patients += sum(1 for person in people if not person.current and person.entries)
        if self.dry:
            return
        rows = Patient.objects.bulk_create(
            [Patient(registry=self.registry, patient_id=person.patient_id) for person in fresh], batch_size=BATCH
        )
        for person, row in zip(fresh, rows, strict=True):
            person.pk = row.pk

    def _compare(
        self,
        person: _Person,
        existing: dict[str, dict[int, list[Known]]],
        record: dict[str, list[dict[str, Any]]],
        withdraw: dict[str, list[int]],
        withdrawn_of: dict[str, dict[str, list[int]]],
    ) -> None:
        drafts: dict[str, list[Draft]] = defaultdict(list)
        in_doubt: set[str] = set()
        for entry in person.entries:
            if entry.draft is not None:
                drafts[entry.kind].append(entry.draft)
            elif entry.rejected:
                in_doubt.add(entry.kind)
        if person.current:
            # A row with an id and nothing else (a wide file of one test) says who it is about and corrects nothing.
            drafts["patients"] = [draft for draft in drafts["patients"] if _says_something(draft)]
        # Who is in no file of a snapshot with patients has left the registry, with all that was known of them.
        leaving = "patients" in self.run_.kinds and "patients" not in self.in_doubt
        gone = self.snapshot and leaving and not person.entries
        if person.entries and not drafts["patients"]:
            in_doubt.add("patients")
            if not person.current:
                drafts["patients"].append(_blank_details(person.patient_id))
        for kind, known in existing.items():
            difference = compare(
                drafts[kind],
                known.get(person.pk, []) if person.pk is not None else [],
                snapshot=self.snapshot and (kind in self.run_.kinds or gone),
                keep_absent=kind in in_doubt or (kind in self.in_doubt and not gone),
            )
            self.problems += difference.problems
            counts = self.counts[kind]
            counts.new += difference.new
            counts.changed += difference.changed
            counts.unchanged += difference.unchanged
            counts.withdrawn += difference.withdrawn
            if difference.withdraw:
                withdraw[kind] += difference.withdraw
                withdrawn_of[person.patient_id][kind] += difference.withdraw
            for draft, sequence in difference.record:
                record[kind].append(
                    fact_values(
                        draft,
                        patient_id=person.pk or 0,
                        sequence=sequence,
                        at=self.at,
                        upload_id=self.upload.pk,
                        vocabulary=self.run_.vocabulary.release,
                    )
                )

    def _suspend_and_lift(
        self,
        people: list[_Person],
        open_of: dict[int, list[CompletenessSuspension]],
        withdrawn_of: dict[str, dict[str, list[int]]],
        recorded_of: dict[str, dict[str, list[int]]],
    ) -> None:
        """Suspend the completeness of what a rejected row of a known patient leaves in doubt; lift what was mended."""
        if self.dry:
            return
        fresh: list[CompletenessSuspension] = []
        lifted: list[int] = []
        for person in people:
            assert person.pk is not None
            still_open = open_of.get(person.pk, [])
            doubts = [entry for entry in person.entries if entry.domains]
            keys = {(entry.kind, entry.draft.key) for entry in person.entries if entry.draft is not None}
            doubtful = {(entry.file, entry.row) for entry in doubts}
            read = [entry for entry in person.entries if entry.draft and (entry.file, entry.row) not in doubtful]
            doubtful_domains = {domain for entry in doubts for domain in entry.domains}
            doubtful_keys = {entry.key for entry in doubts if entry.key}
            for suspension in list(still_open):
                if suspension.key:
                    mended = suspension.key not in doubtful_keys and any(key == suspension.key for _, key in keys)
                else:
                    mended = any(_mends(entry, suspension) for entry in read)
                # A snapshot that holds the kind states it anew.
                mended = mended or (
                    self.snapshot and suspension.domain in self.run_.kinds and suspension.domain not in doubtful_domains
                )
                if mended:
                    lifted.append(suspension.pk)
                    still_open.remove(suspension)
                    recorded_of[person.patient_id]["lifted"].append(suspension.pk)
            for entry in doubts:
                for domain in entry.domains:
                    if not any(
                        each.domain == domain
                        and (each.key == entry.key if entry.key else (each.file, each.row) == (entry.file, entry.row))
                        for each in still_open
                    ):
                        suspension = CompletenessSuspension(
                            patient_id=person.pk,
                            domain=domain,
                            upload=self.upload,
                            problem_id=entry.problem,
                            file=entry.file,
                            row=entry.row,
                            key=entry.key,
                            recorded_at=self.at,
                        )
                        fresh.append(suspension)
                        still_open.append(suspension)
                        recorded_of[person.patient_id]["suspended"].append(entry.row)
        CompletenessSuspension.objects.bulk_create(fresh, batch_size=BATCH)
        for some in _chunks(lifted, BATCH):
            CompletenessSuspension.objects.filter(pk__in=some).update(
                lifted_at=self.at, lifted_by_upload=self.upload, lift_reason="a later upload mended the row"
            )

    def _changed(self, person: _Person, recorded: dict[str, list[int]], withdrawn: dict[str, list[int]]) -> None:
        assert person.pk is not None
        self.changed_patients.append(person.pk)
        self.events.append(
            trust.Event(
                action="patient facts changed",
                target=Patient(pk=person.pk),
                registry=self.registry,
                before={"withdrawn": withdrawn} if withdrawn else None,
                after={"upload": self.upload.pk, "recorded": recorded},
            )
        )

    def _declare(self) -> None:
        """Store the policies and ranges of the upload."""
        policies = {
            (row.domain, row.scope): row
            for row in RegistryPolicy.objects.filter(registry=self.registry, withdrawn_at__isnull=True)
        }
        ranges = {
            row.key: row for row in ReferenceRange.objects.filter(registry=self.registry, withdrawn_at__isnull=True)
        }
        seen: dict[tuple[str, str], Draft] = {}
        for draft in self.run_.declared:
            identity = (draft.kind, draft.key)
            earlier = seen.get(identity)
            if earlier is not None:
                if earlier.fingerprint != draft.fingerprint:
                    self._twice_declared(draft, earlier)
                continue
            seen[identity] = draft
            if draft.kind == "policy":
                self._declare_policy(draft, policies.get((draft.values["domain"], draft.values["scope"])))
            else:
                self._declare_range(draft, ranges.get(draft.key))
        if self.snapshot and "ranges" in self.run_.kinds:
            for key, row in ranges.items():
                if ("ranges", key) not in seen:
                    self.counts["ranges"].withdrawn += 1
                    self._withdraw_declaration(row)

    def _twice_declared(self, draft: Draft, earlier: Draft) -> None:
        self.rejected_rows.add((draft.file, draft.row or 0))
        self.problems.append(
            Problem(
                severity=Severity.ERROR,
                code="declared_twice",
                message=f"row {earlier.row} of {earlier.file} declares the same otherwise; that one is used",
                remedy="keep one of the two",
                file=draft.file,
                row=draft.row,
                rejected=True,
                raw_row=[[column, cell] for column, cell in draft.cells.items()],
            )
        )

    def _declare_policy(self, draft: Draft, current: RegistryPolicy | None) -> None:
        wanted = {"policy": draft.values["policy"], "currency_days": draft.values["currency_days"]}
        before = {name: getattr(current, name) for name in wanted} if current is not None else None
        if not self._count("policy", before, wanted):
            return
        if current is not None:
            self._withdraw_declaration(current)
        row = RegistryPolicy(
            registry=self.registry,
            domain=draft.values["domain"],
            scope=draft.values["scope"],
            upload=self.upload,
            recorded_by=self.upload.by,
            recorded_at=self.at,
            **wanted,
        )
        self._save_declaration(row, "registry policy recorded", before, {**draft.values})

    def _declare_range(self, draft: Draft, current: ReferenceRange | None) -> None:
        wanted = {"low": draft.values.get("low"), "high": draft.values.get("high")}
        before = {name: getattr(current, name) for name in wanted} if current is not None else None
        if not self._count("ranges", before, wanted):
            return
        if current is not None:
            self._withdraw_declaration(current)
        row = ReferenceRange(
            registry=self.registry,
            key=draft.key,
            upload=self.upload,
            recorded_by=self.upload.by,
            recorded_at=self.at,
            **draft.values,
        )
        self._save_declaration(row, "reference range recorded", before, {"key": draft.key, **wanted})

    def _count(self, kind: str, before: dict[str, Any] | None, wanted: dict[str, Any]) -> bool:
        """Count a declaration; False where it is there already."""
        if before == wanted:
            self.counts[kind].unchanged += 1
            return False
        if before is None:
            self.counts[kind].new += 1
        else:
            self.counts[kind].changed += 1
        return True

    def _withdraw_declaration(self, row: RegistryPolicy | ReferenceRange) -> None:
        self.registry_changed = True
        if not self.dry:
            row.withdrawn_at = self.at
            row.save(update_fields=["withdrawn_at"])

    def _save_declaration(
        self, row: RegistryPolicy | ReferenceRange, action: str, before: Any, after: dict[str, Any]
    ) -> None:
        self.registry_changed = True
        if not self.dry:
            row.save()
            shown = {name: str(value) if value is not None else None for name, value in after.items()}
            self.events.append(
                trust.Event(action=action, target=row, registry=self.registry, before=before, after=shown)
            )

    def _finish(self) -> None:
        """Write the problems found while comparing, the trails and the final state."""
        for some in _chunks(self.problems, BATCH):
            UploadProblem.objects.bulk_create(
                [UploadProblem(upload=self.upload, **_problem_fields(problem)) for problem in some]
            )
        total = _Counts(
            new=sum(each.new for each in self.counts.values()),
            changed=sum(each.changed for each in self.counts.values()),
            unchanged=sum(each.unchanged for each in self.counts.values()),
            withdrawn=sum(each.withdrawn for each in self.counts.values()),
        )
        fields = {
            "layout": "+".join(sorted(self.run_.layouts)),
            "rows_done": self.run_.done,
            "accepted": self.run_.accepted - len(self.rejected_rows),
            "rejected": self.run_.rejected + len(self.rejected_rows),
            "new": total.new,
            "changed": total.changed,
            "unchanged": total.unchanged,
            "withdrawn": total.withdrawn,
            "patients_new": self.new_patients,
            "patients_changed": len(self.changed_patients),
            "difference": {
                kind: {
                    "new": each.new,
                    "changed": each.changed,
                    "unchanged": each.unchanged,
                    "withdrawn": each.withdrawn,
                }
                for kind, each in sorted(self.counts.items())
                if each != _Counts()
            },
        }
        if self.dry:
            if not _end(self.upload, Upload.State.COMPARED, **fields):
                raise Superseded
            return
        if not _end(self.upload, Upload.State.APPLIED, recorded_at=self.at, **fields):
            raise Superseded
        self.events.append(
            trust.Event(
                action="upload applied",
                target=self.upload,
                registry=self.registry,
                after={name: value for name, value in fields.items() if name != "rows_done"}
                | {"file": self.upload.file_name, "digest": self.upload.digest, "mode": self.upload.mode},
            )
        )
        cause = f"upload {self.upload.pk}"
        trust.record_all(self.events, actor=self.upload.by)
        if self.registry_changed:
            changes.registry_changed(self.registry, cause=cause, at=self.at)
        changes.patients_changed(self.changed_patients, registry=self.registry, cause=cause, at=self.at)


def _chunks(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    iterator = iter(items)
    while some := list(islice(iterator, size)):
        yield some


def _raw(header: tuple[str, ...], cells: list[str]) -> list[list[str]]:
    """A row as it was sent, as pairs of column and cell in their order; cells beyond the header have no column.

    Pairs and no object: a database may keep the members of an object in an order of its own.
    """
    columns = [*header, *[""] * (len(cells) - len(header))]
    return [[column, cell] for column, cell in zip(columns, cells, strict=False)]


def _mends(entry: Entry, suspension: CompletenessSuspension) -> bool:
    """Whether a row that could be read is the one that could not, mended.

    Wherever it stands, where it says all that the other said; at the place of the other, where it says half of it: the
    file of the next day has rows of the same places too, and would else pass for a mended one.
    """
    same_place = (entry.file, entry.row) == (suspension.file, suspension.row)
    problem = suspension.problem
    if problem is None or problem.raw_row is None:
        return same_place
    named = folded(entry.draft.patient_id) if entry.draft is not None else ""
    said = [folded(cell) for _, cell in problem.raw_row if not is_blank(cell)]
    said = [cell for cell in said if cell != named]
    text = "\n".join(folded(cell) for cell in entry.cells or [])
    found = sum(cell in text for cell in said)
    return bool(said) and (found == len(said) or (same_place and 2 * found >= len(said)))


def _says_something(draft: Draft) -> bool:
    return any(name != "patient_id" and not is_blank(cell) for name, cell in draft.cells.items())


def _current_facts(table: type[Fact], pks: list[int]) -> dict[int, list[Known]]:
    found: dict[int, list[Known]] = defaultdict(list)
    rows = (
        table._default_manager.filter(patient__in=pks, withdrawn_at__isnull=True)
        .order_by("pk")
        .values_list("patient_id", "pk", "key", "natural_key", "source_key", "record_id", "sequence", "fingerprint")
    )
    for patient, pk, key, natural_key, source_key, record_id, sequence, digest in rows:
        found[patient].append(
            Known(
                pk=pk,
                key=key,
                natural_key=natural_key,
                source_key=source_key,
                record_id=record_id,
                sequence=sequence,
                fingerprint=digest,
            )
        )
    return found


def _blank_details(patient_id: str) -> Draft:
    """Who is named by several files and has no row of their own is in the registry, of unknown person."""
    key = Identity(("details",)).key()
    return Draft(
        kind="patients",
        patient_id=patient_id,
        key=key,
        natural_key=key,
        source_key=key,
        undated_keys=(),
        record_id="",
        name="",
        folded_name="",
        naming=kinds.MAPPED,
        cells={},
        values={},
        fingerprint=fingerprint({}, {}, ""),
        note="named by other files, no row of their own",
    )
