"""Facts as columns: what the bulk evaluator reads instead of one patient after the other.

A table holds the rows of one kind of fact for many patients, sorted by patient and within a patient in the order in
which the reference evaluator sees them. Words are dictionary-coded: a column is an array of codes into a short list of
distinct values, so that whatever depends on a word alone is decided once per word and taken by its code. Days are
ordinals, a partial date the interval `lo` to `hi`; 0 means *not recorded*.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patients.facts import Patient

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Codes = NDArray[np.uint8]

#: The day of what is not recorded.
NO_DAY = 0


@dataclass(frozen=True, slots=True)
class Spec:
    """The columns of a kind of fact by what they hold; `tuples` and `words` are dictionary-coded."""

    days: tuple[str, ...] = ()
    plain_days: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    tuples: tuple[str, ...] = ()


#: The tables by the name of the patient's field that holds their rows.
SPECS: Mapping[str, Spec] = {
    "conditions": Spec(
        days=("date", "end", "state_since"),
        plain_days=("recorded",),
        numbers=("grade", "baseline_grade"),
        flags=("named",),
        words=("raw", "kind", "diagnosis_id", "laterality", "stage", "t", "n", "m", "extent", "tumour_grade", "basis",
               "status"),
        tuples=("concepts", "histologies", "sites", "agents", "states", "due_to"),
    ),
    "treatments": Spec(
        days=("start", "end"),
        plain_days=("recorded",),
        numbers=("line", "dose", "cumulative_dose", "relative_dose", "cycles"),
        flags=("named", "ongoing", "on_trial"),
        words=("raw", "kind", "diagnosis", "regimen", "intent", "setting", "status", "response", "stop_reason",
               "dose_unit", "cumulative_dose_unit", "schedule", "technique"),
        tuples=("concepts", "sites"),
    ),
    "medications": Spec(
        days=("start", "end"),
        plain_days=("recorded",),
        numbers=("dose",),
        flags=("named", "ongoing"),
        words=("raw", "dose_unit", "frequency", "route", "indication_text"),
        tuples=("concepts", "indications"),
    ),
    "observations": Spec(
        days=("date",),
        plain_days=("recorded",),
        numbers=("low", "high", "ref_low", "ref_high"),
        flags=("low_open", "high_open"),
        words=("test", "code", "unit", "method", "laboratory"),
    ),
    "biomarkers": Spec(
        days=("date",),
        plain_days=("recorded",),
        numbers=("low", "high"),
        flags=("named", "low_open", "high_open"),
        words=("raw", "partner", "alteration", "variant", "exon", "variant_class", "unit", "scale", "result",
               "significance", "origin", "zygosity", "specimen", "assay"),
        tuples=("genes",),
    ),
    "disease_status": Spec(
        days=("date",),
        plain_days=("recorded",),
        words=("raw", "status", "basis", "diagnosis"),
        tuples=("sites",),
    ),
    "coverage": Spec(plain_days=("recorded", "complete_through"), words=("domain", "scope")),
    "answers": Spec(
        plain_days=("recorded", "on", "valid_until"),
        numbers=("version",),
        flags=("truth", "override"),
        words=("document", "criterion", "question"),
    ),
}  # fmt: skip

#: The domains whose rows are facts (SEMANTICS §1.1), in the order of `Patient.facts`.
FACT_TABLES = ("conditions", "treatments", "medications", "observations", "biomarkers", "disease_status")


@dataclass(frozen=True, slots=True)
class Coded:
    """A dictionary-coded column: `values[codes[i]]` is the value of row i; code 0 is *not recorded* (None or ())."""

    values: tuple[Any, ...]
    codes: NDArray[Any]

    def take(self, rows: NDArray[Any]) -> Coded:
        """The column of some rows."""
        return Coded(self.values, self.codes[rows])

    def map(self, decide: Callable[[Any], Any], dtype: Any) -> NDArray[Any]:
        """What `decide` says of the value of each row; it is asked once per distinct value that occurs."""
        found: NDArray[Any] = self.table(decide, dtype)[self.codes]
        return found

    def table(self, decide: Callable[[Any], Any], dtype: Any) -> NDArray[Any]:
        """What `decide` says of each distinct value, by code."""
        return np.array([decide(value) for value in self.values], dtype=dtype)

    def code_of(self, value: Hashable) -> int:
        """The code of a value; -1 where no row has it."""
        return self.values.index(value) if value in self.values else -1

    def set(self, rows: NDArray[Any], value: Any) -> Coded:
        """The column with one value in some rows (a mask or indices)."""
        values, code = self.values, self.code_of(value)
        if code < 0:
            values, code = (*values, value), len(values)
        codes = self.codes.astype(np.int32)
        codes[rows] = code
        return Coded(values, codes)


@dataclass(slots=True)
class Lexicon:
    """Words numbered as they come: a dictionary that the parts of a registry share, and that grows with them."""

    number: dict[Any, int] = field(default_factory=dict)
    values: tuple[Any, ...] = ()

    def codes_of(self, words: Iterable[Hashable], make: Callable[[Any], Any] = lambda word: word) -> Longs:
        """The codes of words; `make` gives the value that stands for a new one."""
        codes = [self.number.setdefault(word, len(self.number)) for word in words]
        new = list(self.number)[len(self.values) :]
        if new:
            self.values = (*self.values, *(make(word) for word in new))
        return np.array(codes, np.int64)


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of one kind of fact, sorted by patient.

    `patient` is the index of each row's patient, `starts[p]:starts[p + 1]` are the rows of patient p; `order` ranks the
    rows of one patient by their reference (the text that names a fact). `lo` and `hi` hold the interval of each date,
    `day` plain dates, `flag` -1 for not recorded, 0 for no, 1 for yes, `number` nan for not recorded.
    """

    name: str
    patients: int
    patient: Ints
    order: Ints
    lo: Mapping[str, Ints] = field(default_factory=dict)
    hi: Mapping[str, Ints] = field(default_factory=dict)
    day: Mapping[str, Ints] = field(default_factory=dict)
    number: Mapping[str, Floats] = field(default_factory=dict)
    flag: Mapping[str, NDArray[np.int8]] = field(default_factory=dict)
    coded: Mapping[str, Coded] = field(default_factory=dict)
    starts: Longs = field(default_factory=lambda: np.zeros(1, np.int64))

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.patient)

    def select(self, rows: NDArray[Any]) -> Table:
        """The table of some rows (a mask or ascending indices), of the same patients."""
        patient = self.patient[rows]
        return replace(
            self,
            patient=patient,
            order=self.order[rows],
            lo={name: column[rows] for name, column in self.lo.items()},
            hi={name: column[rows] for name, column in self.hi.items()},
            day={name: column[rows] for name, column in self.day.items()},
            number={name: column[rows] for name, column in self.number.items()},
            flag={name: column[rows] for name, column in self.flag.items()},
            coded={name: column.take(rows) for name, column in self.coded.items()},
            starts=starts_of(patient, self.patients),
        )

    def part(self, first: int, last: int) -> Table:
        """The rows of the patients from `first` to before `last`, numbered from 0; nothing is copied but `patient`."""
        begin, end = int(self.starts[first]), int(self.starts[last])
        return replace(
            self,
            patients=last - first,
            patient=self.patient[begin:end] - np.int32(first),
            order=self.order[begin:end],
            lo={name: column[begin:end] for name, column in self.lo.items()},
            hi={name: column[begin:end] for name, column in self.hi.items()},
            day={name: column[begin:end] for name, column in self.day.items()},
            number={name: column[begin:end] for name, column in self.number.items()},
            flag={name: column[begin:end] for name, column in self.flag.items()},
            coded={name: Coded(column.values, column.codes[begin:end]) for name, column in self.coded.items()},
            starts=self.starts[first : last + 1] - begin,
        )

    def with_(
        self, *, lo: Mapping[str, Ints] | None = None, hi: Mapping[str, Ints] | None = None,
        flag: Mapping[str, NDArray[np.int8]] | None = None, coded: Mapping[str, Coded] | None = None,
    ) -> Table:  # fmt: skip
        """The table with some columns replaced."""
        return replace(
            self, lo={**self.lo, **(lo or {})}, hi={**self.hi, **(hi or {})}, flag={**self.flag, **(flag or {})},
            coded={**self.coded, **(coded or {})},
        )  # fmt: skip


def starts_of(patient: Ints, patients: int) -> Longs:
    """Where the rows of each patient start, and at the end their number; `patient` is ascending."""
    return np.searchsorted(patient, np.arange(patients + 1)).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Columns:
    """Many patients as columns: `tables` by the names of `SPECS`, and what is said once of a patient.

    `births` are (patient, lo, hi) rows, for sources may contradict each other; `sexes` codes the tuple of all recorded
    sexes; `deceased` is a flag, `death_lo` and `death_hi` days; `policies`, `ranges` and `suspended` are coded, as
    whole registries share them. `decided` keeps what was decided of words; the parts of a registry share it, as they
    share their dictionaries.
    """

    patients: int
    tables: Mapping[str, Table]
    birth_patient: Ints
    birth_lo: Ints
    birth_hi: Ints
    sexes: Coded
    deceased: NDArray[np.int8]
    death_lo: Ints
    death_hi: Ints
    data_through: Ints
    policies: Coded
    ranges: Coded
    suspended: Coded
    vital_conflict: Bools
    decided: dict[Hashable, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, patients: Sequence[Patient]) -> Columns:
        """The columns of patients in memory, in their order."""
        count = len(patients)
        births = [(i, b) for i, patient in enumerate(patients) for b in patient.births]
        return cls(
            patients=count,
            tables={name: _table(name, spec, patients) for name, spec in SPECS.items()},
            birth_patient=np.array([i for i, _ in births], np.int32),
            birth_lo=np.array([b.first.toordinal() for _, b in births], np.int32),
            birth_hi=np.array([b.last.toordinal() for _, b in births], np.int32),
            sexes=coded((p.sexes for p in patients), ()),
            deceased=np.array([_flag(p.deceased) for p in patients], np.int8),
            death_lo=np.array([p.death.first.toordinal() if p.death else NO_DAY for p in patients], np.int32),
            death_hi=np.array([p.death.last.toordinal() if p.death else NO_DAY for p in patients], np.int32),
            data_through=np.array([_ordinal(p.data_through) for p in patients], np.int32),
            policies=coded((p.policies for p in patients), ()),
            ranges=coded((p.ranges for p in patients), ()),
            suspended=coded((p.suspended for p in patients), frozenset()),
            vital_conflict=np.array([p.vital_conflict for p in patients], np.bool_),
        )

    def part(self, first: int, last: int) -> Columns:
        """The patients from `first` to before `last`, numbered from 0."""
        begin, end = np.searchsorted(self.birth_patient, (first, last))

        def of(column: Coded) -> Coded:
            return Coded(column.values, column.codes[first:last])

        return Columns(
            patients=last - first,
            tables={name: table.part(first, last) for name, table in self.tables.items()},
            birth_patient=self.birth_patient[begin:end] - np.int32(first),
            birth_lo=self.birth_lo[begin:end],
            birth_hi=self.birth_hi[begin:end],
            sexes=of(self.sexes),
            deceased=self.deceased[first:last],
            death_lo=self.death_lo[first:last],
            death_hi=self.death_hi[first:last],
            data_through=self.data_through[first:last],
            policies=of(self.policies),
            ranges=of(self.ranges),
            suspended=of(self.suspended),
            vital_conflict=self.vital_conflict[first:last],
            decided=self.decided,
        )

    def some(self, patients: NDArray[Any]) -> Columns:
        """Some of the patients (ascending numbers), numbered from 0."""
        number = np.full(self.patients, -1, np.int32)
        number[patients] = np.arange(len(patients), dtype=np.int32)

        def table(each: Table) -> Table:
            found = each.select(number[each.patient] >= 0)
            patient = number[found.patient]
            return replace(found, patients=len(patients), patient=patient, starts=starts_of(patient, len(patients)))

        born = number[self.birth_patient] >= 0
        return Columns(
            patients=len(patients),
            tables={name: table(each) for name, each in self.tables.items()},
            birth_patient=number[self.birth_patient[born]],
            birth_lo=self.birth_lo[born],
            birth_hi=self.birth_hi[born],
            sexes=self.sexes.take(patients),
            deceased=self.deceased[patients],
            death_lo=self.death_lo[patients],
            death_hi=self.death_hi[patients],
            data_through=self.data_through[patients],
            policies=self.policies.take(patients),
            ranges=self.ranges.take(patients),
            suspended=self.suspended.take(patients),
            vital_conflict=self.vital_conflict[patients],
            decided=self.decided,
        )


def coded(values: Iterable[Any], empty: Any) -> Coded:
    """A dictionary-coded column of values, `empty` standing for what is not recorded."""
    known: dict[Any, int] = {empty: 0}
    codes = [known.setdefault(value, len(known)) for value in values]
    return Coded(tuple(known), np.array(codes, np.int32))


def _flag(value: bool | None) -> int:
    return -1 if value is None else int(value)


def _ordinal(day: Any) -> int:
    return NO_DAY if day is None else int(day.toordinal())


def _table(name: str, spec: Spec, patients: Sequence[Patient]) -> Table:
    rows: list[Any] = []
    owner: list[int] = []
    order: list[int] = []
    for index, patient in enumerate(patients):
        held = getattr(patient, name)
        rows.extend(held)
        owner.extend([index] * len(held))
        by_id = {id_: rank for rank, id_ in enumerate(sorted(fact.id for fact in held))}
        order.extend(by_id[fact.id] for fact in held)

    def days(column: str, end: str) -> Ints:
        return np.array(
            [_ordinal(getattr(getattr(row, column), end, None)) for row in rows], np.int32
        )  # fmt: skip

    patient_column = np.array(owner, np.int32)
    return Table(
        name=name,
        patients=len(patients),
        patient=patient_column,
        order=np.array(order, np.int32),
        lo={column: days(column, "first") for column in spec.days},
        hi={column: days(column, "last") for column in spec.days},
        day={c: np.array([_ordinal(getattr(row, c)) for row in rows], np.int32) for c in spec.plain_days},
        number={
            c: np.array([np.nan if getattr(row, c) is None else float(getattr(row, c)) for row in rows], np.float64)
            for c in spec.numbers
        },
        flag={c: np.array([_flag(getattr(row, c)) for row in rows], np.int8) for c in spec.flags},
        coded={
            **{c: coded((getattr(row, c) for row in rows), None) for c in spec.words},
            **{c: coded((getattr(row, c) for row in rows), ()) for c in spec.tuples},
        },
        starts=starts_of(patient_column, len(patients)),
    )
