"""From the header of a table to slots: which cells of a row make one statement of which kind.

The canonical layout has one slot per row, the wide layout one for every group of columns. Everything after this is
the same for both: a slot hands over cells by canonical column, and the names the sender knows the columns by.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from patients.facts import folded, is_blank, read_code
from patients.intake.kinds import KINDS, Context, Kind
from patients.intake.problems import Problem, Severity, UnusableFile
from patients.intake.sources import Table, header_key
from patients.vocabulary import Domain

CANONICAL, WIDE = "canonical", "wide"

#: What a wide biomarker cell says where the patient was not tested: no row at all.
NOT_TESTED = frozenset({"not tested", "not done", "not performed", "untested", "nt", "nd", "not determined"})


@dataclass(slots=True)
class Slot:
    """One statement of a row: its kind, the cells that every row of it has, and where the others stand.

    `anchor` is the column without which the slot says nothing; None: it speaks where any of its cells does. A slot
    that is the `whole_row` always speaks: a row without a name is a fact without a name.
    """

    kind: str
    constants: dict[str, str] = field(default_factory=dict)
    columns: dict[str, int] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    anchor: str | None = None
    whole_row: bool = False

    def add(self, canonical: str, index: int, label: str) -> None:
        """Let a canonical column be filled from a place of the row."""
        self.columns[canonical] = index
        self.labels[canonical] = label

    def cells(self, row: list[str]) -> dict[str, str] | None:
        """The cells of the slot in a row, blanks left out; None where it says nothing."""
        found = {name: text for name, index in self.columns.items() if (text := row[index].strip())}
        if self.anchor is not None:
            text = found.get(self.anchor, "")
            if is_blank(text) or folded(text) in NOT_TESTED:
                return None
        elif (
            self.kind != "patients"
            and not self.whole_row
            and all(is_blank(text) for name, text in found.items() if name != "patient_id")
        ):
            return None
        return {**found, **self.constants}


@dataclass(frozen=True, slots=True)
class Layout:
    """How a table is read: its slots, and what its header made worth telling."""

    name: str
    slots: tuple[Slot, ...]
    problems: tuple[Problem, ...]
    patient_column: int | None

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of fact that the table speaks of."""
        return frozenset(slot.kind for slot in self.slots)


def recognise(table: Table, context: Context) -> Layout | None:
    """The layout of a table, by its name or by its columns; None where it is neither. Raises UnusableFile."""
    keys = [header_key(column) for column in table.header]
    present = frozenset(keys)
    named = _kind_by_name(table.name)
    if named is not None and named.name != "patients":
        return _canonical(table, keys, named)
    wide = _Wide(table, keys, context)
    if wide.facts_found and (named is not None or _kind_by_columns(present) in {None, KINDS["patients"]}):
        return wide.layout()
    kind = named or _kind_by_columns(present)
    if named is None and (mixed := _kinds_mixed(present)):
        # Read as one of them, the rows of the others would say nothing and be lost.
        raise UnusableFile(
            file=table.name,
            row=1,
            message=f"the columns are those of several kinds at once ({', '.join(mixed)})",
            remedy=f"send the rows of each kind in a file of its own, such as {mixed[0]}.csv",
        )
    return _canonical(table, keys, kind) if kind is not None else None


def _kind_by_name(name: str) -> Kind | None:
    stem = header_key(PurePosixPath(name).stem)
    if stem in KINDS:
        return KINDS[stem]
    singular = {each.removesuffix("s"): each for each in KINDS}
    return KINDS[singular[stem]] if stem in singular else None


def _kind_by_columns(present: frozenset[str]) -> Kind | None:
    """The kind whose required columns all stand there, that of most required columns first.

    An id alone makes no table of patients: a list of anything has one, and taken for their rows it would contradict
    what is known of them.
    """
    candidates = [kind for kind in KINDS.values() if kind.required and present.issuperset(kind.required)]
    if "patient_id" in present:
        candidates = [kind for kind in candidates if kind.by_patient]
    if present.isdisjoint({column.name for column in KINDS["patients"].columns} - {"patient_id"}):
        candidates = [kind for kind in candidates if kind.name != "patients"]
    candidates.sort(key=lambda kind: (-len(kind.required), -len(present & {column.name for column in kind.columns})))
    return candidates[0] if candidates else None


def _kinds_mixed(present: frozenset[str]) -> list[str]:
    """The kinds that a table could only all be at once: each has a name column that is none of the others'."""
    named = [
        kind
        for kind in KINDS.values()
        # Any export may have a column that it calls status.
        if kind.name_column not in {"", "status"} and present.issuperset(kind.required)
    ]
    mixed = [
        kind
        for kind in named
        if any(
            other.column(kind.name_column) is None and kind.column(other.name_column) is None
            for other in named
            if other is not kind
        )
    ]
    # A column of tests makes observations where there are values too, and is not named as ranges besides.
    return [kind.name for kind in mixed if not any(set(kind.required) < set(other.required) for other in mixed)]


def _canonical(table: Table, keys: list[str], kind: Kind) -> Layout:
    slot = Slot(kind.name, whole_row=True)
    problems = []
    for index, (key, label) in enumerate(zip(keys, table.header, strict=True)):
        if kind.column(key) is not None:
            slot.add(key, index, label)
        elif key:
            problems.append(_unknown_column(table, label, [column.name for column in kind.columns]))
    for missing in kind.required:
        if missing not in slot.columns:
            raise _missing_column(table, missing)
    return Layout(CANONICAL, (slot,), tuple(problems), slot.columns.get("patient_id"))


def _missing_column(table: Table, missing: str) -> UnusableFile:
    near = difflib.get_close_matches(missing, [header_key(column) for column in table.header], n=1, cutoff=0.6)
    hint = f"; is it the column {near[0]!r}?" if near else ""
    return UnusableFile(
        file=table.name,
        row=1,
        column=missing,
        message=f"the required column {missing!r} is missing from the header",
        remedy=f"add it under exactly this name{hint}",
    )


def _unknown_column(table: Table, label: str, known: list[str]) -> Problem:
    near = difflib.get_close_matches(header_key(label), known, n=1, cutoff=0.75)
    return Problem(
        severity=Severity.WARNING,
        code="column_not_known",
        message="the column is not known and was not read",
        remedy=f"did you mean {near[0]!r}?" if near else "nothing, unless it holds facts",
        file=table.name,
        row=1,
        column=label[:200],
    )


_NUMBERED = re.compile(r"(treatment|condition|medication)_(\d+)(?:_(.+))?")
_DIAGNOSIS = {
    "diagnosis": "condition", "morphology": "morphology", "primary_site": "body_site", "extent": "extent",
    "stage": "stage", "diagnosis_date": "date", "diagnosis_code": "code", "diagnosis_code_system": "code_system",
    "laterality": "laterality", "t": "t", "n": "n", "m": "m", "diagnosis_basis": "basis", "grade": "grade",
}  # fmt: skip
#: The plain columns of the wide layout, for a suggestion beside a misspelt one.
_WIDE_COLUMNS = [*(column.name for column in KINDS["patients"].columns), *_DIAGNOSIS, "treatment_1", "condition_1"]
_SUFFIXES = ("date", "unit", "ref_low", "ref_high", "method", "specimen", "laboratory")
_BIOMARKER_SUFFIXES = ("date", "variant", "assay", "specimen", "origin", "significance", "partner_gene", "exon")


class _Wide:
    """The groups of columns of a row-per-patient table."""

    def __init__(self, table: Table, keys: list[str], context: Context) -> None:
        self._table, self._context = table, context
        self._slots: dict[tuple[str, str], Slot] = {}
        self._problems: list[Problem] = []
        self.patient_column = keys.index("patient_id") if "patient_id" in keys else None
        readers: tuple[Callable[[str, int, str], bool], ...] = (
            self._patient,
            self._diagnosis,
            self._numbered,
            self._biomarker,
            self._observation,
        )
        # Plain columns first, so that `anc_date` finds the `anc` it belongs to whatever their order.
        for index in sorted(range(len(keys)), key=lambda each: (len(keys[each]), each)):
            key, label = keys[index], table.header[index]
            if key and not any(reader(key, index, label) for reader in readers):
                self._problems.append(_unknown_column(table, label, _WIDE_COLUMNS))

    @property
    def facts_found(self) -> bool:
        """Whether any column speaks of more than the person."""
        return any(kind != "patients" for kind, _ in self._slots)

    def layout(self) -> Layout:
        """The layout; raises UnusableFile where no column names the patient."""
        if self.patient_column is None:
            raise _missing_column(self._table, "patient_id")
        person = self._slot("patients", "")
        for slot in self._slots.values():
            slot.add("patient_id", self.patient_column, self._table.header[self.patient_column])
        others = [slot for slot in self._slots.values() if slot is not person]
        return Layout(WIDE, (person, *others), tuple(self._problems), self.patient_column)

    def _slot(self, kind: str, name: str, /, *, anchor: str | None = None, **constants: str) -> Slot:
        return self._slots.setdefault((kind, name), Slot(kind, dict(constants), anchor=anchor))

    def _patient(self, key: str, index: int, label: str) -> bool:
        if KINDS["patients"].column(key) is None:
            return False
        if key != "patient_id":
            self._slot("patients", "").add(key, index, label)
        return True

    def _diagnosis(self, key: str, index: int, label: str) -> bool:
        canonical = _DIAGNOSIS.get(key)
        if canonical is None:
            return False
        self._slot("conditions", "diagnosis", kind="primary").add(canonical, index, label)
        return True

    def _numbered(self, key: str, index: int, label: str) -> bool:
        found = _NUMBERED.fullmatch(key)
        if found is None:
            return False
        name, number, column = found.groups()
        kind = KINDS[f"{name}s"]
        canonical = column or kind.name_column
        if kind.column(canonical) is None or canonical == "patient_id":
            return False
        self._slot(kind.name, number).add(canonical, index, label)
        return True

    def _observation(self, key: str, index: int, label: str) -> bool:
        for suffix in _SUFFIXES:
            base = key.removesuffix(f"_{suffix}")
            if base != key and ("observations", base) in self._slots:
                self._slots["observations", base].add(suffix, index, label)
                return True
        name = key.replace("_", " ")
        for written in (key, name):
            if self._context.find("observations", written, Domain.TEST):
                self._slot("observations", key, anchor="value", test=written).add("value", index, label)
                return True
        return False

    def _biomarker(self, key: str, index: int, label: str) -> bool:
        for suffix in _BIOMARKER_SUFFIXES:
            base = key.removesuffix(f"_{suffix}")
            if base != key and ("biomarkers", base) in self._slots:
                self._slots["biomarkers", base].add(suffix, index, label)
                return True
        gene, _, alteration = key.rpartition("_")
        if not gene or read_code("alteration", alteration) is None:
            return False
        for written in (gene, gene.replace("_", " "), gene.replace("_", "-")):
            if self._context.find("biomarkers", written, Domain.GENE):
                slot = self._slot("biomarkers", key, anchor="result", gene=written.upper(), alteration=alteration)
                slot.add("result", index, label)
                return True
        return False
