"""Treatments and medications against a pattern: `reference.records.treatments`, over arrays.

The rows that may be of the asked drugs are found first, by their names; what else a pattern asks is asked of those
alone, each joined to the items of its patient.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from matcher.engine.bulk.batch import Batch, Pairs
from matcher.engine.bulk.columns import NO_DAY, Codes, Floats, Ints, Longs
from matcher.engine.bulk.courses import Courses, course, given, told
from matcher.engine.bulk.coverage import absence, either_absence
from matcher.engine.bulk.fields import Told, both_told, test_told
from matcher.engine.bulk.findings import (
    FIRST_UNKNOWN,
    IMPRECISE,
    MET_NEVER,
    NOT_MET_NEVER,
    Findings,
    all_of,
    both,
    either,
    either_of,
    first_flip_of,
)
from matcher.engine.bulk.groups import spread_out
from matcher.engine.bulk.records.candidates import Candidates, joined
from matcher.engine.bulk.records.names import named
from matcher.engine.bulk.records.treatment_fields import OF_THIS_CANCER, Asked, Leaf, of_this_cancer
from matcher.engine.change import CHANGE_OF_ABSENCE
from matcher.engine.reference.days import FUTURE
from matcher.engine.reference.records.coverage import Need, treatment_kinds
from matcher.engine.reference.records.fields import codes_of
from matcher.engine.truth import Change
from patients.facts import CODED, folded
from patients.vocabulary import Domain
from trials.criteria import tree as t
from trials.criteria.kinds import CONCEPT_DOMAINS, Kind

_DOMAINS = CONCEPT_DOMAINS[Kind.TREATMENT]
_ALL_KINDS = frozenset(CODED["treatment_kind"])


def treatments(batch: Batch, records: t.Records, history: bool) -> Candidates:
    """The treatments that match a pattern or may; `history` makes no difference to them."""
    if any(len(regimen) > 1 for regimen in records.concepts.alternatives):
        return _regimens(batch, records)
    pairs, found, flips = _matched(batch, records)
    return _candidates(batch, "treatments", pairs, found, flips)


def medications(batch: Batch, records: t.Records, history: bool) -> Candidates:
    """The medications that match a pattern or may."""
    asked = () if records.concepts.is_any else batch.words.concepts(records.concepts, (Domain.DRUG,))
    other = () if records.other_than is None else batch.words.concepts(records.other_than, (Domain.DRUG,))
    name = named(batch, "medications", asked, other)
    pairs = batch.pairs(batch.table("medications"), name.rows)
    fields = Asked(batch, batch.table("medications"), records.kind, pairs)
    parts = [Told(name.of(pairs.row), np.full(len(pairs), True)), _begun(batch, pairs)]
    parts += [fields.told(item) for item in records.tests]
    return _candidates(batch, "medications", pairs, both_told(parts), fields.flips)


def drugs(batch: Batch, records: t.Records, history: bool) -> Candidates:
    """Treatments and medications together."""
    treated = treatments(batch, replace(records, kind=Kind.TREATMENT), history)
    taken = medications(batch, replace(records, kind=Kind.MEDICATION), history)
    apart = replace(taken, counted=taken.counted + batch.table("treatments").rows)
    return joined([treated, apart], FUTURE)


def treatment_told(batch: Batch, records: t.Records, rows: Longs | None = None) -> tuple[Pairs, Told]:
    """What a pattern without regimens says of every treatment, or of some rows (ascending): none is left out."""
    table = batch.table("treatments")
    every = batch.pairs(table, rows)
    pairs, found, _ = _matched(batch, records)
    code, shown = np.full(len(every), NOT_MET_NEVER, np.uint8), np.full(len(every), False)
    # Pairs ascend by item and row: both have one order, in which they can be looked up.
    wanted, known = (each.item * (table.rows + 1) + each.row for each in (every, pairs))
    if len(known):
        at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
        same = known[at] == wanted
        code[same], shown[same] = found.code[at[same]], found.shown[at[same]]
    return every, Told(code, shown)


def _matched(batch: Batch, records: t.Records) -> tuple[Pairs, Told, Ints | None]:
    """The treatments whose name may be one asked for, each with what the pattern says of it and when that may turn."""
    names = [name for name in records.concepts.names if name not in (t.ANY, t.THIS_TREATMENT)]
    asked = tuple(id for name in names for id in batch.words.named(name, _DOMAINS))
    other = () if records.other_than is None else batch.words.concepts(records.other_than, _DOMAINS)
    table, name = batch.table("treatments"), named(batch, "treatments", asked, other)
    if t.THIS_TREATMENT in records.concepts.names:
        item = np.flatnonzero(np.isin(batch.this, name.rows))
        pairs = Pairs(item, batch.this[item])
    else:
        pairs = batch.pairs(table, name.rows)
    tested = {item.field for item in records.tests}
    parts = [Told(name.of(pairs.row), np.full(len(pairs), True))]
    if "status" not in tested:
        parts.append(given(batch, pairs))
    if tested & OF_THIS_CANCER:
        code = np.array([NOT_MET_NEVER, IMPRECISE, MET_NEVER], np.uint8)[of_this_cancer(batch, pairs)]
        parts.append(Told(code, np.full(len(pairs), False)))
    fields = Asked(batch, table, records.kind, pairs)
    fields.special["with"] = lambda test: test_told(test, lambda leaf: _given_with(fields, leaf))
    parts += [fields.told(item) for item in records.tests]
    return pairs, both_told(parts), fields.flips


def _candidates(batch: Batch, name: str, pairs: Pairs, found: Told, flips: Ints | None) -> Candidates:
    """What matches or may, and what is evidence against."""
    kept = (found.code >= FIRST_UNKNOWN) | found.shown
    if not kept.all():
        pairs, found, flips = pairs.take(kept), found.take(kept), None if flips is None else flips[kept]
    return _as_candidates(batch, name, pairs, course(batch, name, pairs), found.code, flips)


def _as_candidates(
    batch: Batch, name: str, pairs: Pairs, courses: Courses, code: Codes, flips: Ints | None
) -> Candidates:
    return Candidates(
        (name,), np.zeros(len(pairs), np.int8), pairs.item, pairs.row, code, courses.start, courses.end,
        courses.ceases, pairs.row, _half_lives(batch, name)[pairs.row], flips,
    )  # fmt: skip


def _half_lives(batch: Batch, name: str) -> Floats:
    """Per row of a table the half-life in hours of its drug, nan where it is not known or the drug not certain."""

    def hours(concepts: tuple[str, ...]) -> float:
        known = batch.vocabulary.half_life_hours(concepts[0]) if len(concepts) == 1 else None
        return np.nan if known is None else known

    concepts = batch.table(name).coded["concepts"]
    return batch.view.once(("half-lives", name), lambda: concepts.map(hours, np.float64))


def _begun(batch: Batch, pairs: Pairs) -> Told:
    """A medication may begin after the day asked about where its start is open and was written down later."""
    table, asked = batch.table("medications"), batch.asked[pairs.item]
    sure = told(batch.view, "medications")[pairs.row] <= asked
    for day in (table.hi["start"][pairs.row], table.hi["end"][pairs.row]):
        sure |= (day != NO_DAY) & (day <= asked)
    return Told(np.where(sure, MET_NEVER, IMPRECISE).astype(np.uint8), np.full(len(pairs), False))


# --- given together ------------------------------------------------------------------------------------------------


def _given_with(asked: Asked, test: Leaf) -> Told:
    """`with:` another treatment, recorded or left out of the record."""
    batch = asked.batch
    if isinstance(test, t.Link):
        pattern = test.records
    else:
        assert isinstance(test, t.Code)
        pattern = t.Records(Kind.TREATMENT, t.Concepts.of(test.code))
    found = _beside(batch, asked.pairs, course(batch, "treatments", asked.pairs), pattern)
    asked.may_turn(found.flips)
    # Where none was given with it, the record that is complete says so.
    return Told(found.code, np.full(len(found), True))


def _beside(batch: Batch, pairs: Pairs, courses: Courses, pattern: t.Records) -> Findings:
    """Whether another treatment that matches a pattern was given together with each of m treatments."""
    others, found, flips = _every(batch, pattern)
    first, last = (np.searchsorted(others.item, pairs.item, side=side) for side in ("left", "right"))
    mine, theirs = spread_out(first, last - first)
    another = others.row[theirs] != pairs.row[mine]
    mine, theirs = mine[another], theirs[another]
    joint = _together(batch, pairs.take(mine), courses.take(mine), others.take(theirs))
    code = np.minimum(joint, found[theirs])
    silent = _unrecorded_partner(batch.some(pairs.item), pattern.concepts, courses.end.hi)
    recorded = Findings(
        either_of(len(pairs), mine, code),
        first_flip_of(len(pairs), mine, None if flips is None else flips[theirs]),
    )  # fmt: skip
    return either([recorded, silent])


def _every(batch: Batch, pattern: t.Records) -> tuple[Pairs, Codes, Ints | None]:
    """The treatments of a pattern, with what is evidence of nothing among them."""
    if any(len(regimen) > 1 for regimen in pattern.concepts.alternatives):
        found = _regimens(batch, pattern)
        return Pairs(found.item, found.row), found.code, found.flips
    pairs, told_, flips = _matched(batch, pattern)
    return pairs, told_.code, flips


def _together(batch: Batch, mine: Pairs, courses: Courses, theirs: Pairs) -> Codes:
    """Whether two treatments were one regimen: so named, or begun within 28 days of each other."""
    regimen = batch.table("treatments").coded["regimen"]
    known: dict[str, int] = {}
    words = regimen.table(lambda word: known.setdefault(folded(word), len(known)) if word else -1, np.int32)
    mine_named, theirs_named = words[regimen.codes[mine.row]], words[regimen.codes[theirs.row]]
    both_named = (mine_named >= 0) & (theirs_named >= 0)
    one, other = courses.start, course(batch, "treatments", theirs).start
    least = np.maximum(one.lo.astype(np.int64) - other.hi, other.lo.astype(np.int64) - one.hi)
    most = np.maximum(np.abs(one.hi.astype(np.int64) - other.lo), np.abs(other.hi.astype(np.int64) - one.lo))
    join = batch.settings.line_joins
    same = both_named & (mine_named == theirs_named)
    cases = [same | ((most <= join) & ~both_named), np.maximum(least, 0) > join]
    return np.select(cases, [MET_NEVER, NOT_MET_NEVER], IMPRECISE).astype(np.uint8)


def _unrecorded_partner(batch: Batch, concepts: t.Concepts, until: Ints) -> Findings:
    """That no partner of a regimen was left out: a drug, or what else was given with one, as radiotherapy."""
    asked = () if concepts.is_any else batch.words.concepts(concepts, _DOMAINS)
    kinds = {id: treatment_kinds(batch.words, id) for id in asked}
    every = sorted({kind for each in kinds.values() for kind in each}) or [""]
    needs = [Need("treatments", kind, tuple(id for id in asked if kind in kinds[id])) for kind in every]
    return either_absence(batch, [absence(batch, need, until=until, change=Change.COURSE) for need in needs])


def _regimens(batch: Batch, records: t.Records) -> Candidates:
    """`gemcitabine and docetaxel`: every drug of the regimen, given together."""
    found = []
    for regimen in records.concepts.alternatives:
        pairs, said, flips = _matched(batch, replace(records, concepts=t.Concepts.of(regimen[0])))
        kept = said.code >= FIRST_UNKNOWN
        pairs, said = pairs.take(kept), said.take(kept)
        courses = course(batch, "treatments", pairs)
        parts = [Findings(said.code, None if flips is None else flips[kept])]
        for name in regimen[1:]:
            parts.append(_beside(batch, pairs, courses, t.Records(Kind.TREATMENT, t.Concepts.of(name))))
        answer = both(parts)
        found.append(_as_candidates(batch, "treatments", pairs, courses, answer.code, answer.flips))
    return joined(found, FUTURE)


# --- what nobody recorded ------------------------------------------------------------------------------------------


def unrecorded_treatment(batch: Batch, records: t.Records, until: Ints) -> Findings:
    """One more treatment may be of any kind that the asked concepts are; the record must be complete for each."""
    asked = _asked(batch, records)
    if t.THIS_TREATMENT in records.concepts.names:
        return all_of(batch.n, NOT_MET_NEVER)
    tested = next((frozenset(codes_of(item.test)) for item in records.tests if item.field == "kind"), frozenset())
    if records.kind is Kind.LINE:
        tested = frozenset({"drug"})
    found = {id: treatment_kinds(batch.words, id) for id in asked}
    kinds = {kind for each in found.values() for kind in each} & (tested or _ALL_KINDS) if asked else set(tested)
    needs = [
        Need("treatments", kind, tuple(id for id in asked if kind in found[id])) for kind in sorted(kinds)
    ] or [Need("treatments", "", asked)]  # fmt: skip
    change = CHANGE_OF_ABSENCE[records.kind]
    return either_absence(batch, [absence(batch, need, until=until, change=change) for need in needs])


def unrecorded_medication(batch: Batch, records: t.Records, until: Ints) -> Findings:
    """No more medication than those listed: where the list is complete."""
    asked = _asked(batch, records)
    if t.THIS_TREATMENT in records.concepts.names:
        return all_of(batch.n, NOT_MET_NEVER)
    return absence(batch, Need("medications", "", asked), until=until, change=CHANGE_OF_ABSENCE[Kind.MEDICATION])


def unrecorded_drug(batch: Batch, records: t.Records, until: Ints) -> Findings:
    """Neither as a treatment nor as a medication."""
    return either_absence(batch, [
        unrecorded_treatment(batch, replace(records, kind=Kind.TREATMENT, tests=()), until),
        unrecorded_medication(batch, replace(records, kind=Kind.MEDICATION, tests=()), until),
    ])  # fmt: skip


def _asked(batch: Batch, records: t.Records) -> tuple[str, ...]:
    """The concepts that a pattern asks of; none: any."""
    if records.concepts.is_any:
        return ()
    names = [name for name in records.concepts.names if name not in (t.THIS_CANCER, t.THIS_TREATMENT)]
    return tuple(id for name in names for id in batch.words.named(name, CONCEPT_DOMAINS[records.kind]))
