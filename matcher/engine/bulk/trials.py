"""Many patients against a shelf of trials: each criterion once, each cohort a handful of ORs, one status a patient.

The answers are those of `reference.documents.assess`: criteria per item (a patient with one of the cancers the trial
may be about), answers of people applied, cohorts, and of several items of a patient the better.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.engine.bulk.batch import Batch
from matcher.engine.bulk.columns import Bools, Columns, Ints, Longs
from matcher.engine.bulk.diseases import items_of
from matcher.engine.bulk.findings import (
    FIRST_MET,
    FIRST_UNKNOWN,
    NOT_MET_NEVER,
    NOT_STRUCTURED,
    Findings,
    all_of,
    choose,
    earlier,
    met,
    negate,
    not_met,
)
from matcher.engine.bulk.planes import NOT_MET, UNKNOWN, Bits, Planes, pack, union, unpack
from matcher.engine.bulk.rules import answers_of, asks, evaluate
from matcher.engine.bulk.view import View, view_at
from matcher.engine.reference.context import Context, Settings
from matcher.engine.reference.documents.assess import Status
from matcher.engine.reference.evaluate import make_context
from matcher.engine.truth import Change
from patients.facts import Patient
from patients.vocabulary import Vocabulary, default
from trials.criteria import tree as t
from trials.criteria.documents import Cohort, Criterion, CriterionKind, OptionDocument, Polarity, TrialDocument

#: Statuses by rank: the highest of several counts.
STATUSES = (Status.NOT_ELIGIBLE, Status.NOT_NOW, Status.NEEDS_INFORMATION, Status.POTENTIALLY_ELIGIBLE)
NOT_ELIGIBLE, NOT_NOW, NEEDS_INFORMATION, POTENTIALLY_ELIGIBLE = range(4)


@dataclass
class Shelf:
    """Patients as columns on their days, asked by one document after another; what documents share is answered once.

    `known` holds the as-of day of each patient (int32 ordinals of shape (patients,)). Without `flips` nobody is told
    when time turns an answer. `notes` is that of a `Program` whose documents are asked again and again; without it
    what is found out of rules is kept with the columns.
    """

    columns: Columns
    known: Ints
    vocabulary: Vocabulary = field(default_factory=default)
    settings: Settings = field(default_factory=Settings)
    flips: bool = True
    notes: dict[Hashable, Any] | None = None
    _batches: dict[Hashable, tuple[Batch, Batch | None]] = field(default_factory=dict)
    _whoever: dict[Hashable, Batch] = field(default_factory=dict)

    @cached_property
    def latest(self) -> date:
        """The latest day anyone is asked about: what is asked for is asked for up to it."""
        return date.fromordinal(int(self.known.max())) if len(self.known) else date.min

    @cached_property
    def view(self) -> View:
        """The columns as they stood on the patients' days."""
        return view_at(self.columns, self.known)

    def batches(self, document: TrialDocument | OptionDocument) -> tuple[Batch, Batch | None]:
        """The items a document asks about: the first of every patient, and the further ones of those with several.

        Documents of the same cancer, windows and definitions share them. The first items are the patients one by one,
        so that what does not hang on the cancer is answered once for all documents.
        """
        said = (tuple(sorted(document.windows.items())), tuple(document.definitions))
        key = (document.cancer, *said)
        if key not in self._batches:
            words = self._words(document, document.cancer)
            patient, focus = items_of(self.view, words)
            first = np.append(True, np.diff(patient) != 0)[: len(patient)]
            whoever = self._whoever.get(said)
            if whoever is None:
                every = np.arange(self.view.patients, dtype=np.int64)
                nobody = np.full(len(every), -1, np.int64)
                whoever = self._whoever[said] = self._of(self._words(document, None), every, nobody)
            main = replace(self._of(words, patient[first], focus[first]), whoever=whoever)
            more = None if first.all() else self._of(words, patient[~first], focus[~first])
            self._batches[key] = (main, more)
        return self._batches[key]

    def _words(self, document: TrialDocument | OptionDocument, cancer: t.Concepts | None) -> Context:
        return make_context(
            Patient(), as_of=self.latest, vocabulary=self.vocabulary, definitions=tuple(document.definitions),
            windows=document.windows, cancer=cancer, settings=self.settings,
        )  # fmt: skip

    def _of(self, words: Context, patient: Longs, focus: Longs) -> Batch:
        known = self.known[patient]
        this = np.full(len(patient), -1, np.int64)
        notes = self.columns.decided if self.notes is None else self.notes
        return Batch(self.view, patient, focus, this, known, known, words, evaluate, flips=self.flips, notes=notes)

    def trial(self, document: TrialDocument, version: int = 0, *, open_here: bool = True) -> Answers:
        """The answers of a trial, made as they are asked for."""
        main, more = self.batches(document)
        parts = [Trial(self, document, version, open_here, each) for each in (main, more) if each is not None]
        return Answers(self, document, version, tuple(parts))


@dataclass
class Answers:
    """A trial's answers for every patient: of the patient's items that of the best status counts, of equals the first.

    `parts` are the first items of all patients, then further items of those with several cancers that may be meant.
    """

    shelf: Shelf
    document: TrialDocument
    version: int
    parts: tuple[Trial, ...]

    @property
    def offered(self) -> bool:
        """Whether the trial takes patients here and now."""
        return self.parts[0].offered

    def need_days(self) -> None:
        """Raise ValueError where the shelf was told that nobody asks when time turns answers: none could be given."""
        if not self.shelf.flips:
            raise ValueError("this shelf keeps no days on which answers turn: make it with flips=True")

    @cached_property
    def counting(self) -> tuple[Longs, ...]:
        """For each part its items that count; together one of every patient."""
        if len(self.parts) == 1:
            return (np.arange(self.shelf.view.patients, dtype=np.int64),)
        main, more = self.parts
        best = main.best[0].copy()
        chosen = np.full(self.shelf.view.patients, -1, np.int64)
        # Of one patient's further items the first of the best, and only if it beats the first item.
        order = np.lexsort((np.arange(more.batch.n), -more.best[0].astype(np.int16), more.batch.patient))
        first = np.append(True, np.diff(more.batch.patient[order]) != 0)
        candidates = order[first]
        better = candidates[more.best[0][candidates] > best[more.batch.patient[candidates]]]
        chosen[more.batch.patient[better]] = better
        return np.flatnonzero(chosen < 0), chosen[chosen >= 0]

    @cached_property
    def ranks(self) -> NDArray[np.uint8]:
        """The rank of each patient's status (`STATUSES`)."""
        return self.of_patients([part.best[0] for part in self.parts])

    def of_patients(self, values: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """Values of the items of each part, as those of the patients."""
        found = values[0]
        if len(self.parts) > 1 and len(self.counting[1]):
            found = found.copy()
            found[self.parts[1].batch.patient[self.counting[1]]] = values[1][self.counting[1]]
        return found


@dataclass
class Trial:
    """What a trial says of every item of a batch."""

    shelf: Shelf
    document: TrialDocument
    version: int
    open_here: bool
    batch: Batch

    def findings(self, criterion: Criterion) -> Findings | None:
        """What a criterion says of each item, its polarity and people's answers applied; None for what has no truth."""
        if criterion.kind in (CriterionKind.NOTE, CriterionKind.CONFIRM):
            return None
        batch = self.asking(criterion)
        plain = self.plain(criterion, batch)
        found = self.answered(batch)
        if found is None:
            return plain
        item, truth, override = found
        use = override | ((plain.code[item] >= FIRST_UNKNOWN) & (plain.code[item] < FIRST_MET))
        code = plain.code.copy()
        code[item[use]] = choose(truth[use], met(Change.ACTION), not_met(Change.ACTION))
        return Findings(code, plain.flips)

    def asking(self, criterion: Criterion) -> Batch:
        """The items, asked about one criterion of this document."""
        return self.batch.on(criterion.id, document=self.document.id, version=self.version)

    def plain(self, criterion: Criterion, batch: Batch) -> Findings:
        """What a criterion's rule says with its polarity, before any answer of a person."""
        if criterion.rule is None:
            return all_of(batch.n, NOT_STRUCTURED)
        found = evaluate(batch, criterion.rule)
        return negate(found) if criterion.polarity is Polarity.EXCLUSION else found

    def answered(self, batch: Batch) -> tuple[Longs, Bools, Bools] | None:
        """The items whose criterion a person has answered, with the answer, and whether it overrides."""
        table = batch.table("answers")
        if not table.rows:
            return None
        pairs = answers_of(batch, "")
        if not len(pairs):
            return None
        return pairs.item, table.flag["truth"][pairs.row] == 1, table.flag["override"][pairs.row] == 1

    def planes(self, criterion: Criterion) -> Planes | None:
        """A criterion as planes over items; what several documents ask in the same words is packed once."""
        batch = self.batch
        someone_answers = batch.table("answers").rows > 0
        if criterion.rule is None or (someone_answers and self.answered(self.asking(criterion)) is not None):
            found = self.findings(criterion)
            return None if found is None else Planes.of(found.code)
        base = evaluate(self.asking(criterion) if asks(batch, criterion.rule) else batch, criterion.rule)
        # Findings that are shared, by documents of one cancer or of all, are the same object and packed once.
        cache = (batch.whoever or batch).cache
        key = ("planes", id(base.code))
        held: tuple[Findings, Planes] | None = cache.get(key)
        if held is None:
            held = cache[key] = (base, Planes.of(base.code))
        return held[1].negated() if criterion.polarity is Polarity.EXCLUSION else held[1]

    @cached_property
    def criteria(self) -> tuple[Planes | None, ...]:
        """Every criterion as planes, in the order of the document."""
        return tuple(self.planes(criterion) for criterion in self.document.criteria)

    def counted(self, cohort: Cohort | None) -> list[int]:
        """The numbers of the criteria that count in the status of a cohort (None: the trial has none)."""
        return [
            index for index, criterion in enumerate(self.document.criteria)
            if criterion.kind in (CriterionKind.RULE, CriterionKind.NOT_STRUCTURED)
            and (cohort is None or not criterion.cohorts or cohort.id in criterion.cohorts)
        ]  # fmt: skip

    @cached_property
    def cohorts(self) -> tuple[CohortPlanes, ...]:
        """The status of every cohort; of a trial without cohorts the one of all criteria."""
        parts: list[Cohort | None] = [*self.document.cohorts] or [None]
        dead = self.batch.once("dead", lambda: pack(self.shelf.view.dead[self.batch.patient]))
        disputed = self.batch.once("disputed", lambda: pack(self.shelf.view.disputed[self.batch.patient]))
        everyone = self.batch.once("everyone", lambda: pack(np.ones(self.batch.n, np.bool_)))
        return tuple(
            CohortPlanes.of(
                part, [p for i in self.counted(part) if (p := self.criteria[i]) is not None], dead, disputed, everyone
            )
            for part in parts
        )

    @property
    def anything_open(self) -> bool:
        """Whether some cohort takes patients."""
        return any(cohort.open for cohort in self.cohorts)

    @property
    def offered(self) -> bool:
        """Whether the trial takes patients here and now."""
        return self.document.offered and self.open_here and self.anything_open

    @cached_property
    def best(self) -> tuple[NDArray[np.uint8], NDArray[np.int16]]:
        """For each item the rank of its status and the number of the cohort it is of: the best of those that count."""
        pool = [i for i, cohort in enumerate(self.cohorts) if cohort.open or not self.anything_open]
        rank = self.cohorts[pool[0]].ranks(self.batch.n)
        which = np.full(self.batch.n, pool[0], np.int16)
        for index in pool[1:]:
            mine = self.cohorts[index].ranks(self.batch.n)
            which[mine > rank] = index
            rank = np.maximum(rank, mine)
        return rank, which

    @cached_property
    def flips(self) -> Ints | None:
        """For each item the first later day on which time alone may turn an answer of a criterion."""
        found = [self.findings(criterion) for criterion in self.document.criteria]
        return earlier(*(each.flips for each in found if each is not None))


@dataclass(frozen=True, slots=True)
class CohortPlanes:
    """A cohort's status of each item as four planes that cover all, and why it is not better.

    `reasons` holds for the items that need information the planes of the reasons their open criteria have, `changes`
    for those that are not now the hardest change among what stands against them (by time, by action, by course).
    """

    id: str
    open: bool
    status: tuple[Bits, Bits, Bits, Bits]
    reasons: tuple[Bits | None, ...]
    changes: tuple[Bits | None, ...]

    @classmethod
    def of(
        cls, cohort: Cohort | None, criteria: list[Planes], dead: Bits, disputed: Bits, everyone: Bits
    ) -> CohortPlanes:
        """The status from the planes of the criteria that count."""
        nothing = np.zeros_like(everyone)

        def over(levels: range | list[int]) -> Bits | None:
            return union([planes.levels[level] for level in levels for planes in criteria])

        never = union([dead, over([NOT_MET_NEVER])])
        failed = union([planes.not_met for planes in criteria])
        left = everyone & ~never if never is not None else everyone
        not_now = nothing if failed is None else failed & left
        left = left & ~not_now if failed is not None else left
        reasons = tuple(over([level]) for level in UNKNOWN)
        open_ = union([*reasons, disputed])
        needs = nothing if open_ is None else open_ & left
        changes = []
        free = not_now
        for level in list(NOT_MET)[1:]:
            # The hardest first: what has been taken by one is not asked again.
            plane = over([level])
            plane = None if plane is None else plane & free
            changes.append(plane)
            free = free if plane is None else free & ~plane
        return cls(
            "" if cohort is None else cohort.id,
            cohort is None or cohort.open,
            (nothing if never is None else never, not_now, needs, left & ~needs),
            tuple(None if each is None else each & needs for each in reasons),
            tuple(changes[::-1]),
        )

    def ranks(self, n: int) -> NDArray[np.uint8]:
        """The rank of each of n items."""
        found = np.zeros(n, np.uint8)
        for rank in (NOT_NOW, NEEDS_INFORMATION, POTENTIALLY_ELIGIBLE):
            found[unpack(self.status[rank], n)] = rank
        return found
