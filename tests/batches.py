"""Made-up patients as a batch of the bulk engine, beside the contexts in which the reference engine sees them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np

from matcher.engine.bulk.batch import Batch, days
from matcher.engine.bulk.columns import Columns
from matcher.engine.bulk.diseases import items_of
from matcher.engine.bulk.findings import Findings, code_of
from matcher.engine.bulk.records.candidates import OVER, Candidates
from matcher.engine.bulk.rules import evaluate
from matcher.engine.bulk.view import view_at
from matcher.engine.reference.context import Context
from matcher.engine.reference.days import FUTURE
from matcher.engine.reference.evaluate import evaluate as evaluate_by_reference
from matcher.engine.reference.evaluate import focuses, make_context
from matcher.engine.reference.records.patterns import candidates, unrecorded
from patients.facts import Patient
from tests.synthetic import TODAY
from trials.criteria import tree as t
from trials.criteria.parser import parse, parse_concepts, parse_definition

#: What a candidate is to both engines: item, row among the patient's, code, first and last day of its course, and the
#: hardness of what ends it (OVER: it is over).
Shown = tuple[int, int, int, int, int, int, int, int]


def batch_of(
    patients: Sequence[Patient],
    *,
    as_of: date = TODAY,
    known: date | None = None,
    cancer: str = "",
    definitions: Sequence[str] = (),
) -> tuple[Batch, list[Context]]:
    """Patients asked about on a day with the knowledge of another, and for each item the reference's context."""
    concepts = parse_concepts(cancer) if cancer else None
    defined = [parse_definition(text) for text in definitions]
    base = known or as_of
    view = view_at(Columns.of(patients), days(base, len(patients)))
    words = make_context(Patient(), as_of=as_of, known=base, cancer=concepts, definitions=defined)
    patient, focus = items_of(view, words)
    asked, seen = days(as_of, len(patient)), days(base, len(patient))
    batch = Batch(view, patient, focus, patient * 0 - 1, asked, seen, words, evaluate)
    contexts = [
        focused
        for each in patients
        for focused in focuses(make_context(each, as_of=as_of, known=base, cancer=concepts, definitions=defined))
    ]  # fmt: skip
    return batch, contexts


def records_of(rule: str) -> t.Records:
    """The first pattern of records that a rule asks for."""
    return next(node for node in t.walk(parse(rule)) if isinstance(node, t.Records))


def shown(batch: Batch, found: Candidates) -> list[Shown]:
    """The candidates that the bulk engine found."""
    starts = [batch.table(found.tables[origin]).starts for origin in found.origin]
    own = [
        int(row - start[batch.patient[item]]) for row, start, item in zip(found.row, starts, found.item, strict=True)
    ]
    columns = (found.code, found.start.lo, found.start.hi, found.end.lo, found.end.hi, found.ceases)
    return [
        (int(item), at, *(int(column[k]) for column in columns))  # type: ignore[misc]
        for k, (item, at) in enumerate(zip(found.item, own, strict=True))
    ]


def shown_by_reference(contexts: Sequence[Context], records: t.Records, table: str) -> list[Shown]:
    """The candidates that the reference engine finds among the rows of one table."""
    found = []
    for item, context in enumerate(contexts):
        at = {fact.id: row for row, fact in enumerate(getattr(context.patient, table))}
        for each in candidates(context, records):
            course = each.course
            ceases = OVER if course.ceases is None else course.ceases.hardness
            found.append((
                item, at[each.fact.id], code_of(each.finding), course.start.lo, course.start.hi, course.end.lo,
                course.end.hi, ceases,
            ))  # fmt: skip
    return found


def candidates_differ(
    batch: Batch, contexts: Sequence[Context], records: t.Records, found: Candidates, *, history: bool = False
) -> list[tuple[int, object, object]]:
    """The items whose candidates differ in row, code, course or flips, or in what of them is counted as one."""
    mine: list[list[tuple[object, ...]]] = [[] for _ in contexts]
    for k, item in enumerate(found.item.tolist()):
        name = found.tables[found.origin[k]]
        row = found.row[k] - batch.table(name).starts[batch.patient[item]]
        flip = FUTURE if found.flips is None else int(found.flips[k])
        columns = (found.start.lo, found.start.hi, found.end.lo, found.end.hi, found.ceases)
        fact = getattr(contexts[item].patient, name)[row].id
        said = (fact, int(found.code[k]), *(int(column[k]) for column in columns), flip)
        mine[item].append((said, int(found.counted[k])))
    differing = []
    for item, (context, told) in enumerate(zip(contexts, mine, strict=True)):
        expected = []
        for each in candidates(context, records, history=history):
            start, end, ceases = each.course.start, each.course.end, each.course.ceases
            flip = min((day for day in each.finding.flips if day > context.asked), default=FUTURE)
            ends = OVER if ceases is None else ceases.hardness
            said = (each.fact.id, code_of(each.finding), start.lo, start.hi, end.lo, end.hi, ends, flip)
            expected.append((said, each.counted_as or each.fact.id))
        if _told_apart(expected) != _told_apart(told):
            differing.append((item, expected, told))
    return differing


def _told_apart(found: Sequence[tuple[object, ...]]) -> list[object]:
    """Candidates with the first of those that each is counted with."""
    ordered = sorted(found, key=lambda pair: str(pair[0]))
    first = {counted: said for said, counted in reversed(ordered)}
    return [(said, first[counted]) for said, counted in ordered]


def silence_differs(found: Findings, contexts: Sequence[Context], records: t.Records, until: date) -> list[int]:
    """The items of whose silence the engines say two things, or on which time would turn before bulk looks again."""
    differing = []
    for item, context in enumerate(contexts):
        expected = unrecorded(context, records, until.toordinal())
        flip = min((day for day in expected.flips if day > context.asked), default=FUTURE)
        mine = FUTURE if found.flips is None else int(found.flips[item])
        if int(found.code[item]) != code_of(expected) or mine > flip:
            differing.append(item)
    return differing


def answers_differ(batch: Batch, contexts: Sequence[Context], rule: t.Rule) -> list[int]:
    """The items to which the engines give two answers, or on which time would turn before bulk looks again."""
    found = evaluate(batch, rule)
    differing = []
    for item, context in enumerate(contexts):
        expected = evaluate_by_reference(rule, context)
        flip = min((day for day in expected.flips if day > context.asked), default=FUTURE)
        mine = FUTURE if found.flips is None else int(found.flips[item])
        if int(found.code[item]) != code_of(expected) or not context.asked < mine <= flip:
            differing.append(item)
    return differing


def inside(batch: Batch, contexts: Sequence[Context]) -> tuple[Batch, list[Context]]:
    """The same questions about the first treatment of each patient who has one, as a definition of failure asks."""
    starts = batch.table("treatments").starts
    has = starts[batch.patient] < starts[batch.patient + 1]
    this = np.where(has, starts[batch.patient], -1)
    taken = [
        context.inside(context.patient.treatments[0]) if one else context
        for context, one in zip(contexts, has, strict=True)
    ]
    return batch.some(np.arange(batch.n), this=this), taken
