"""A patient's facts as tables that a person reads: what was meant beside what was written, where it came from.

Every row that was ever recorded is there; a withdrawn one says when and by what. Rows of one identity that contradict
each other are flagged, as are names that no vocabulary knows and dates that lie in the future.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from patients.facts import lives_and_died
from patients.intake.kinds import KINDS
from patients.intake.storing import TABLE_OF
from patients.models import (
    BiomarkerFact,
    ConditionFact,
    CoverageFact,
    DiseaseStatusFact,
    Fact,
    MedicationFact,
    Naming,
    ObservationFact,
    Patient,
    PatientDetails,
    TreatmentFact,
)
from patients.vocabulary import Vocabulary
from patients.wording import NONE, day_text, number_text, partial_text, span_text


@dataclass(frozen=True, slots=True)
class Cell:
    """What a column says: the text, and in small below it what it was written as or belongs to."""

    text: str
    below: str = ""
    main: bool = False


@dataclass(frozen=True, slots=True)
class FactRow:
    """One recorded statement. `flags` are (tone, words)."""

    fact: str
    cells: tuple[Cell, ...]
    source: str
    upload: int | None
    recorded: str
    withdrawn: str
    flags: tuple[tuple[str, str], ...]
    note: str
    written: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class FactTable:
    """The facts of one kind, the latest first."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[FactRow, ...]

    @property
    def current(self) -> int:
        """How many of the rows hold now."""
        return sum(not row.withdrawn for row in self.rows)

    @property
    def past(self) -> int:
        """How many were withdrawn."""
        return len(self.rows) - self.current


@dataclass(frozen=True, slots=True)
class _Kind:
    model: type[Fact]
    title: str
    columns: tuple[str, ...]
    cells: Callable[[Fact, Vocabulary], tuple[Cell, ...]]
    #: The last day the fact may be dated, for its order and for what lies in the future.
    dated: Callable[[Fact], date | None]


def _names(ids: Iterable[str], vocabulary: Vocabulary) -> str:
    found = [concept.name if (concept := vocabulary.get(id)) is not None else id for id in ids]
    return " or ".join(dict.fromkeys(found))


def _named(fact: Fact, concepts: Sequence[str], vocabulary: Vocabulary) -> Cell:
    meant = _names(concepts, vocabulary)
    written = fact.name
    if not meant:
        return Cell(written or "no name was given", main=True)
    return Cell(meant, f"written “{written}”" if written and written.casefold() != meant.casefold() else "", main=True)


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part) or NONE


def _condition(fact: ConditionFact, words: Vocabulary) -> tuple[Cell, ...]:
    tnm = " ".join(part for part in (fact.t, fact.n, fact.m) if part)
    grade = [
        f"grade {number_text(fact.grade)}" if fact.grade is not None else "",
        f"baseline {number_text(fact.baseline_grade)}" if fact.baseline_grade is not None else "",
        f"tumour grade {fact.tumour_grade}" if fact.tumour_grade else "",
    ]
    end = partial_text(fact.end_first, fact.end_last)
    since = partial_text(fact.state_since_first, fact.state_since_last)
    states = ", ".join(fact.states)
    return (
        Cell(span_text(partial_text(fact.date_first, fact.date_last), end) if end != NONE
             else partial_text(fact.date_first, fact.date_last)),
        _named(fact, fact.concepts or fact.histologies, words),
        Cell(_joined(fact.kind), fact.diagnosis_id and f"diagnosis {fact.diagnosis_id}"),
        Cell(_joined(_names(fact.sites, words), fact.laterality)),
        Cell(_joined(fact.extent, fact.stage and f"stage {fact.stage}", tnm)),
        Cell(_joined(fact.status, states and (f"{states} since {since}" if since != NONE else states), *grade),
             _joined(fact.basis and f"by {fact.basis}", fact.due_to and f"due to {', '.join(fact.due_to)}",
                     fact.agents and f"agent {_names(fact.agents, words)}").removeprefix(NONE)),
    )  # fmt: skip


def _course(fact: TreatmentFact | MedicationFact) -> str:
    return span_text(
        partial_text(fact.start_first, fact.start_last), partial_text(fact.end_first, fact.end_last),
        ongoing=fact.ongoing,
    )  # fmt: skip


def _treatment(fact: TreatmentFact, words: Vocabulary) -> tuple[Cell, ...]:
    doses = [
        f"{number_text(fact.dose)} {fact.dose_unit}".strip() if fact.dose is not None else "",
        f"cumulative {number_text(fact.cumulative_dose)} {fact.cumulative_dose_unit}".strip()
        if fact.cumulative_dose is not None else "",
        f"{number_text(fact.relative_dose)} % of the planned dose" if fact.relative_dose is not None else "",
        f"{number_text(fact.cycles)} cycles" if fact.cycles is not None else "",
    ]  # fmt: skip
    return (
        Cell(_course(fact)),
        _named(fact, fact.concepts, words),
        Cell(_joined(fact.kind), _joined(fact.regimen, fact.technique, _names(fact.sites, words)).removeprefix(NONE)),
        Cell(_joined(f"line {fact.line}" if fact.line is not None else "", fact.setting), fact.intent),
        Cell(_joined(fact.response), fact.stop_reason and f"stopped: {fact.stop_reason}"),
        Cell(_joined(*doses), _joined(fact.schedule, "on a trial" if fact.on_trial else "").removeprefix(NONE)),
        Cell(_joined(fact.status), fact.diagnosis and f"for {fact.diagnosis}"),
    )


def _medication(fact: MedicationFact, words: Vocabulary) -> tuple[Cell, ...]:
    dose = f"{number_text(fact.dose)} {fact.dose_unit}".strip() if fact.dose is not None else ""
    return (
        Cell(_course(fact)),
        _named(fact, fact.concepts, words),
        Cell(_joined(dose, fact.frequency, fact.route)),
        Cell(_joined(_names(fact.indications, words) or fact.indication_text)),
    )


def _observation(fact: ObservationFact, words: Vocabulary) -> tuple[Cell, ...]:
    limits = ""
    if fact.ref_low is not None or fact.ref_high is not None:
        limits = f"{number_text(fact.ref_low, digits=4)} to {number_text(fact.ref_high, digits=4)}"
    concept = words.get(fact.test)
    name = concept.name if concept is not None else fact.test or fact.name
    return (
        Cell(partial_text(fact.date_first, fact.date_last)),
        Cell(name, f"written “{fact.name}”" if fact.name.casefold() not in ("", name.casefold()) else "", main=True),
        Cell(f"{fact.shown or fact.code or NONE}", _canonical(fact)),
        Cell(limits or NONE, fact.unit if limits else ""),
        Cell(_joined(fact.method, fact.specimen, fact.laboratory)),
    )


def _canonical(fact: ObservationFact) -> str:
    """The value in the unit the test is compared in, where that is not what was written."""
    if fact.low is None or fact.low != fact.high:
        return ""
    if fact.shown.removesuffix(fact.unit).strip() == number_text(fact.low):
        return ""
    value = f"{number_text(fact.low, digits=4)} {fact.unit}".strip()
    return "" if value == fact.shown else f"= {value}"


def _biomarker(fact: BiomarkerFact, words: Vocabulary) -> tuple[Cell, ...]:
    genes = _names(fact.genes, words)
    scale = f"{fact.shown} {fact.scale or fact.unit}".strip() if fact.shown else ""
    return (
        Cell(partial_text(fact.date_first, fact.date_last)),
        Cell(genes or fact.name or "no name was given",
             f"written “{fact.name}”" if genes and fact.name.casefold() != genes.casefold() else "", main=True),
        Cell(_joined(fact.alteration, fact.variant, fact.exon and f"exon {fact.exon}"),
             _joined(fact.variant_class, fact.partner and f"with {fact.partner}").removeprefix(NONE)),
        Cell(_joined(fact.result, scale), _joined(fact.significance, fact.origin, fact.zygosity).removeprefix(NONE)),
        Cell(_joined(fact.assay, fact.specimen, fact.laboratory)),
    )  # fmt: skip


def _disease_status(fact: DiseaseStatusFact, words: Vocabulary) -> tuple[Cell, ...]:
    return (
        Cell(partial_text(fact.date_first, fact.date_last)),
        Cell(fact.status or fact.name or NONE, main=True),
        Cell(_joined(_names(fact.sites, words))),
        Cell(_joined(fact.basis), fact.diagnosis and f"diagnosis {fact.diagnosis}"),
    )


def _coverage(fact: CoverageFact, words: Vocabulary) -> tuple[Cell, ...]:
    return (
        Cell(day_text(fact.complete_through) if fact.complete_through else "as far as the data go"),
        Cell(fact.domain.replace("_", " "), main=True),
        Cell("everything" if fact.scope == "all" else fact.scope),
    )


def _details(fact: PatientDetails, words: Vocabulary) -> tuple[Cell, ...]:
    death = partial_text(fact.death_first, fact.death_last)
    alive = {True: f"died {death}" if death != NONE else "deceased", False: "alive", None: NONE}[fact.deceased]
    if fact.deceased is False and death != NONE:
        alive = f"alive, and died {death}"
    return (
        Cell(partial_text(fact.birth_first, fact.birth_last), main=True),
        Cell(fact.sex or NONE),
        Cell(f"died {death}" if fact.deceased is None and death != NONE else alive),
        Cell(_joined(fact.country, fact.postal_code)),
        Cell(day_text(fact.data_through)),
    )


_KINDS: tuple[_Kind, ...] = (
    _Kind(ConditionFact, "Conditions", ("Date", "Condition", "Kind", "Site", "Extent, stage", "Status"),
          _condition, lambda fact: fact.date_last),
    _Kind(TreatmentFact, "Treatments",
          ("Dates", "Treatment", "Kind", "Line, setting", "Response", "Dose", "Status"),
          _treatment, lambda fact: fact.start_last),
    _Kind(DiseaseStatusFact, "Course of disease", ("Date", "Status", "Site", "Basis"),
          _disease_status, lambda fact: fact.date_last),
    _Kind(BiomarkerFact, "Biomarkers", ("Date", "Gene or marker", "Alteration", "Result", "Assay, specimen"),
          _biomarker, lambda fact: fact.date_last),
    _Kind(ObservationFact, "Observations", ("Date", "Test", "Value", "Reference", "Method, laboratory"),
          _observation, lambda fact: fact.date_last),
    _Kind(MedicationFact, "Medications", ("Dates", "Medication", "Dose and route", "For"),
          _medication, lambda fact: fact.start_last),
    _Kind(CoverageFact, "Coverage: what is completely recorded", ("Complete through", "Kind of fact", "Scope"),
          _coverage, lambda fact: fact.complete_through),
    _Kind(PatientDetails, "Who the patient is", ("Born", "Sex", "Vital status", "Lives in", "Data through"),
          _details, lambda fact: fact.data_through),
)  # fmt: skip


def fact_tables(patient: Patient, *, vocabulary: Vocabulary, today: date) -> list[FactTable]:
    """Every fact of a patient that was ever recorded, a table per kind, one query each."""
    return [_table(kind, patient, vocabulary, today) for kind in _KINDS]


def _table(kind: _Kind, patient: Patient, vocabulary: Vocabulary, today: date) -> FactTable:
    facts = list(
        kind.model._default_manager.filter(patient=patient).select_related("recorded_by").order_by("-recorded_at", "pk")
    )
    rivals: dict[str, int] = {}
    for fact in facts:
        if fact.withdrawn_at is None:
            rivals[fact.key] = rivals.get(fact.key, 0) + 1
    # The latest statement first; what has no date stands last, what is withdrawn beside what replaced it.
    facts.sort(key=lambda fact: kind.dated(fact) or date.min, reverse=True)
    rows = tuple(
        FactRow(
            fact=f"{kind.model._meta.model_name}-{fact.pk}",
            cells=kind.cells(fact, vocabulary),
            source=_source(fact),
            upload=fact.upload_id,
            recorded=day_text(fact.recorded_at.date()),
            withdrawn=_withdrawn(fact),
            flags=_flags(fact, kind, rivals.get(fact.key, 0), today) if fact.withdrawn_at is None else (),
            note=fact.note,
            written=_written(fact),
        )
        for fact in facts
    )
    return FactTable(kind.title, kind.columns, rows)


#: The columns of a kind's file in their order: a database does not keep the order of the cells.
_COLUMNS = {TABLE_OF[name]: [column.name for column in KINDS[name].columns] for name in TABLE_OF}


def _written(fact: Fact) -> tuple[tuple[str, str], ...]:
    columns = _COLUMNS[type(fact)]
    names = sorted(fact.cells, key=lambda name: columns.index(name) if name in columns else len(columns))
    return tuple((name, str(fact.cells[name])) for name in names if fact.cells[name] not in ("", None))


def _source(fact: Fact) -> str:
    if fact.file:
        return f"{fact.file}, row {fact.row}" if fact.row is not None else fact.file
    return f"entered by {fact.recorded_by}" if fact.recorded_by is not None else "entered by hand"


def _withdrawn(fact: Fact) -> str:
    if fact.withdrawn_at is None:
        return ""
    by = f" by upload {fact.withdrawn_by_id}" if fact.withdrawn_by_id is not None else ""
    return f"withdrawn {day_text(fact.withdrawn_at.date())}{by}"


def _flags(fact: Fact, kind: _Kind, rivals: int, today: date) -> tuple[tuple[str, str], ...]:
    flags = []
    if rivals > 1:
        flags.append(("not", f"conflicts with {rivals - 1} other row{'s' if rivals > 2 else ''} of the same identity"))
    if fact.naming == Naming.CONFLICTING:
        flags.append(("not", "name and codes contradict each other"))
    elif fact.naming == Naming.UNMAPPED:
        flags.append(("unknown", "the vocabulary does not know this name"))
    elif fact.naming == Naming.UNNAMED:
        flags.append(("unknown", "the source gave no name"))
    if isinstance(fact, PatientDetails) and lives_and_died([(fact.deceased, fact.death_first)]):
        flags.append(("not", "alive with a date of death"))
    dated = kind.dated(fact)
    if dated is not None and dated > today and kind.model is not PatientDetails and not _planned(fact):
        flags.append(("unknown", "dated in the future: not used before that day"))
    return tuple(flags)


def _planned(fact: Fact) -> bool:
    return isinstance(fact, TreatmentFact) and fact.status == "planned"
