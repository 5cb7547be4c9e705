"""Reading the patients floor: records for the engines, summaries for pages, queues for the data manager.

A record is what was known at one instant: rows recorded by then and not yet withdrawn. However many patients are
read, each chunk of them costs the same few queries, one per kind of fact, and nothing is loaded row by row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, Exists, F, Max, Min, Model, OuterRef, Q, QuerySet
from django.utils import timezone

from patients import facts
from patients.facts import Source, rows
from patients.models import (
    AnswerFact,
    BiomarkerFact,
    CompletenessSuspension,
    ConditionFact,
    CoverageFact,
    DiseaseStatusFact,
    Domain,
    Fact,
    MedicationFact,
    Naming,
    ObservationFact,
    Patient,
    PatientDetails,
    ReferenceRange,
    Registry,
    RegistryPolicy,
    TreatmentFact,
    Upload,
)

#: Patients read together: enough to amortise the queries, few enough to hold in memory.
CHUNK = 500

Row = Mapping[str, Any]


def settled_instant(registry: Registry | None = None) -> datetime:
    """The latest instant whose facts can no longer change: now, or just before an upload that is being stored.

    An upload's facts count from an instant before it commits; whoever reads as of a later one while it commits would
    not get the same answer again.
    """
    uploads = Upload.objects.filter(state=Upload.State.COMPARING, recorded_at__isnull=False)
    if registry is not None:
        uploads = uploads.filter(registry=registry)
    earliest = uploads.aggregate(earliest=Min("recorded_at"))["earliest"]
    return timezone.now() if earliest is None else earliest - timedelta(microseconds=1)


def known_at_filter(known_at: datetime, *, end: str = "withdrawn_at") -> Q:
    """Rows recorded by `known_at` and not withdrawn by then."""
    return Q(recorded_at__lte=known_at) & (Q(**{f"{end}__isnull": True}) | Q(**{f"{end}__gt": known_at}))


def registry_patients(registry: Registry, *, known_at: datetime | None = None) -> QuerySet[Patient]:
    """The patients that are in a registry at an instant (default: now), by primary key."""
    current = PatientDetails.objects.filter(known_at_filter(known_at or timezone.now()), patient=OuterRef("pk"))
    return Patient.objects.filter(Exists(current), registry=registry).order_by("pk")


def patient_record(patient: Patient, *, known_at: datetime | None = None) -> facts.Patient:
    """One patient with all facts known at an instant (default: now).

    A patient who was not in the registry then comes with an id and no facts. Evaluating at a past as-of date is the
    engine's work: the record holds later dates too.
    """
    known_at = known_at or timezone.now()
    found = list(_records([patient], patient.registry, known_at, Declared.read(patient.registry, known_at)))
    return found[0]


def patient_records(
    registry: Registry,
    *,
    known_at: datetime | None = None,
    ids: Iterable[int] | None = None,
    chunk: int = CHUNK,
) -> Iterator[facts.Patient]:
    """Every patient of a registry (or those of the primary keys `ids`) at an instant, in order of primary key."""
    for _, record in keyed_patient_records(registry, known_at=known_at, ids=ids, chunk=chunk):
        yield record


def keyed_patient_records(
    registry: Registry,
    *,
    known_at: datetime | None = None,
    ids: Iterable[int] | None = None,
    chunk: int = CHUNK,
) -> Iterator[tuple[int, facts.Patient]]:
    """As `patient_records`, each with the primary key of its patient, by which results are stored."""
    known_at = known_at or timezone.now()
    declared = Declared.read(registry, known_at)
    in_registry = registry_patients(registry, known_at=known_at)
    for patients in _chunks_by_key(in_registry, chunk) if ids is None else _chunks_of_ids(in_registry, ids, chunk):
        yield from zip(
            [patient.pk for patient in patients], _records(patients, registry, known_at, declared), strict=True
        )


def _chunks_by_key(patients: QuerySet[Patient], chunk: int) -> Iterator[list[Patient]]:
    last = 0
    while found := list(patients.filter(pk__gt=last)[:chunk]):
        yield found
        last = found[-1].pk


def _chunks_of_ids(patients: QuerySet[Patient], ids: Iterable[int], chunk: int) -> Iterator[list[Patient]]:
    wanted = iter(sorted(set(ids)))
    while some := list(islice(wanted, chunk)):
        if found := list(patients.filter(pk__in=some)):
            yield found


@dataclass(frozen=True, slots=True)
class Declared:
    """What holds for every patient of a registry."""

    policies: tuple[facts.Policy, ...]
    ranges: tuple[facts.ReferenceRange, ...]
    zone: ZoneInfo

    @classmethod
    def read(cls, registry: Registry, known_at: datetime) -> Declared:
        policies = tuple(
            facts.Policy(
                domain=row.domain,
                scope=row.scope,
                complete_when_present=row.policy == RegistryPolicy.Reading.COMPLETE,
                currency_days=row.currency_days,
                needs_data_through=row.needs_data_through,
            )
            for row in RegistryPolicy.objects.filter(known_at_filter(known_at), registry=registry).order_by("pk")
        )
        ranges = tuple(
            facts.ReferenceRange(
                test=row.test,
                low=row.low,
                high=row.high,
                sex=row.sex or None,
                age_from=row.age_from,
                age_to=row.age_to,
                valid_from=row.valid_from,
                valid_to=row.valid_to,
                laboratory=row.laboratory or None,
            )
            for row in ReferenceRange.objects.filter(known_at_filter(known_at), registry=registry).order_by("pk")
        )
        return cls(policies or facts.DEFAULT_POLICIES, ranges, ZoneInfo(registry.time_zone))


def _records(
    patients: list[Patient], registry: Registry, known_at: datetime, declared: Declared
) -> Iterator[facts.Patient]:
    """The records of one chunk, in the order given: one query per kind of row."""
    keys = [patient.pk for patient in patients]

    def read(model: type[Model]) -> dict[int, list[Row]]:
        found = model._default_manager.filter(known_at_filter(known_at), patient__in=keys).order_by("pk")
        return _by_patient(found.values(*_columns(model)))

    def recorded(row: Row) -> date:
        day: date = row["recorded_at"].astimezone(declared.zone).date()
        return day

    read_rows = {model: read(model) for model in _READERS}
    details = read(PatientDetails)
    answers = _by_patient(
        AnswerFact.objects.filter(known_at_filter(known_at), patient__in=keys)
        .order_by("pk")
        .annotate(by_name=F("by__username"))
        .values(*_columns(AnswerFact), "by_name")
    )
    suspended: dict[int, set[str]] = defaultdict(set)
    for key, domain in CompletenessSuspension.objects.filter(
        known_at_filter(known_at, end="lifted_at"), patient__in=keys
    ).values_list("patient_id", "domain"):
        suspended[key].add(domain)

    for patient in patients:
        key = patient.pk

        def of(model: type[Model], key: int = key) -> tuple[Any, ...]:
            reader = _READERS[model]
            return tuple(reader(row, recorded) for row in read_rows[model].get(key, ()))

        yield facts.Patient(
            registry=registry.name,
            patient_id=patient.patient_id,
            conditions=of(ConditionFact),
            treatments=of(TreatmentFact),
            medications=of(MedicationFact),
            observations=of(ObservationFact),
            biomarkers=of(BiomarkerFact),
            disease_status=of(DiseaseStatusFact),
            coverage=of(CoverageFact),
            answers=tuple(_answer(row, recorded) for row in answers.get(key, ())),
            policies=declared.policies,
            ranges=declared.ranges,
            suspended=frozenset(suspended.get(key, ())),
            **rows.person(details.get(key, [])),
        )


def _columns(model: type[Model]) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields if field.name not in {"cells", "fingerprint"}]


def _by_patient(read: Iterable[Row]) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = defaultdict(list)
    for row in read:
        found[row["patient_id"]].append(row)
    return found


def _answer(row: Row, recorded: rows.Recorded) -> facts.Answer:
    names = ("document", "version", "criterion", "question", "truth", "reason", "valid_until", "override")
    return facts.Answer(
        id=f"answer:{row['id']}",
        source=Source(note=f"answered by {row['by_name']}"),
        recorded=recorded(row),
        by=row["by_name"],
        on=row["answered_on"],
        **{name: row[name] for name in names},
    )


_READERS: Mapping[type[Model], Callable[[Row, rows.Recorded], Any]] = {
    ConditionFact: rows.condition,
    TreatmentFact: rows.treatment,
    MedicationFact: rows.medication,
    ObservationFact: rows.observation,
    BiomarkerFact: rows.biomarker,
    DiseaseStatusFact: rows.disease_status,
    CoverageFact: rows.coverage,
}

#: The table behind each domain, and the kind by which a record's id names it.
FACT_OF_DOMAIN: Mapping[str, type[Fact]] = {
    Domain.CONDITIONS: ConditionFact,
    Domain.TREATMENTS: TreatmentFact,
    Domain.MEDICATIONS: MedicationFact,
    Domain.OBSERVATIONS: ObservationFact,
    Domain.BIOMARKERS: BiomarkerFact,
    Domain.DISEASE_STATUS: DiseaseStatusFact,
}


@dataclass(frozen=True, slots=True)
class UnmappedName:
    """A name that no vocabulary knows, and how much hangs on it."""

    domain: str
    name: str
    folded_name: str
    patients: int
    facts: int


def unmapped_names(registry: Registry) -> list[UnmappedName]:
    """The names of a registry's current facts that stand for no concept, those of most patients first."""
    found = []
    for domain, model in FACT_OF_DOMAIN.items():
        names = (
            model._default_manager.filter(withdrawn_at__isnull=True, naming=Naming.UNMAPPED, patient__registry=registry)
            .values("folded_name")
            .annotate(patients=Count("patient", distinct=True), facts=Count("pk"), shown=Min("name"))
        )
        found += [
            UnmappedName(str(domain), row["shown"], row["folded_name"], row["patients"], row["facts"]) for row in names
        ]
    return sorted(found, key=lambda each: (-each.patients, -each.facts, each.domain, each.folded_name))


@dataclass(frozen=True, slots=True)
class RegistrySummary:
    """How much a registry holds now."""

    patients: int
    facts: Mapping[str, int]
    unmapped: int
    suspended_patients: int
    uploads: int
    data_from: date | None
    data_to: date | None


def registry_summary(registry: Registry) -> RegistrySummary:
    """Counts of patients and of current facts per domain, what is unmapped or suspended, and how current it is."""
    now = timezone.now()
    current = Q(withdrawn_at__isnull=True, patient__registry=registry)
    spread = PatientDetails.objects.filter(current).aggregate(first=Min("data_through"), last=Max("data_through"))
    return RegistrySummary(
        patients=registry_patients(registry, known_at=now).count(),
        facts={str(domain): model._default_manager.filter(current).count() for domain, model in FACT_OF_DOMAIN.items()}
        | {"coverage": CoverageFact.objects.filter(current).count()},
        unmapped=len(unmapped_names(registry)),
        suspended_patients=CompletenessSuspension.objects.filter(lifted_at__isnull=True, patient__registry=registry)
        .values("patient")
        .distinct()
        .count(),
        uploads=Upload.objects.filter(registry=registry).count(),
        data_from=spread["first"],
        data_to=spread["last"],
    )
