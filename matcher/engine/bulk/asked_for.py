"""What a leaf asks for where it is open, by what is there of it: once for all patients of whom the same is there.

A leaf asks for what it would ask of a patient of whom nothing is known, save what is there: an event that a window or a
time is counted from, the cancer whose lines are counted, one of several values. Where records that are there leave it
open it asks for their details.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np

from matcher.engine.bulk.batch import Batch
from matcher.engine.bulk.cancers import hangs_on_cancer
from matcher.engine.bulk.columns import SPECS, Bools, Codes, Longs
from matcher.engine.bulk.findings import (
    FIRST_MET,
    FIRST_UNKNOWN,
    MET_NEVER,
    NEEDS_JUDGEMENT,
    change_of,
    choose,
    reason_of,
    truth_of,
)
from matcher.engine.bulk.groups import any_of
from matcher.engine.bulk.leaves import leaf_findings
from matcher.engine.bulk.records.candidates import Candidates
from matcher.engine.bulk.records.lines import count_lines
from matcher.engine.bulk.records.patterns import candidates, unrecorded
from matcher.engine.bulk.rules import evaluate
from matcher.engine.bulk.values.doses import KINDS_OF_DOSES
from matcher.engine.bulk.windows import in_window, moment, opened
from matcher.engine.reference import anchors
from matcher.engine.reference.context import Context
from matcher.engine.reference.evaluate import evaluate as evaluate_one
from matcher.engine.reference.records import patterns
from matcher.engine.reference.values.times import NO_SUCH_RECORD
from matcher.engine.results import Finding, Missing, unknown
from matcher.engine.truth import Reason
from trials.criteria import tree as t
from trials.criteria.kinds import Kind
from trials.criteria.printing import print_rule, print_window

#: Codes take the first four bits of what is told of a leaf. The next say that records of what it asks leave it open,
#: that of some only a reader can tell whether they count, and that the patient has the cancer the leaf is about; then
#: comes one for each event and each of several values that is there.
_CODE, _RECORDED, _JUDGED, _FOCUSED, _FIRST = 15, 16, 32, 64, 7


def told(batch: Batch, leaf: t.Leaf, items: Longs) -> Longs:
    """The codes of a leaf for some items, with marks for what is there where it is open."""
    # What does not hang on the cancer is known of the same patients already.
    own = batch if batch.whoever is None or hangs_on_cancer(batch, leaf) else batch.whoever
    code = evaluate(batch, leaf).code[items].astype(np.int64)
    open_ = (code >= FIRST_UNKNOWN) & (code < FIRST_MET)
    if not open_.any():
        return code
    marks = _left_open(own, leaf)
    if _of_lines(leaf):
        marks[batch.focus >= 0] |= _FOCUSED
    for number, part in enumerate(_parts(leaf)):
        marks[_is_there(own, part, getattr(leaf, "window", None))] |= 1 << (_FIRST + number)
    return np.where(open_, code | marks[items], code)


def _of_lines(leaf: t.Leaf) -> bool:
    return isinstance(leaf, t.Has | t.Count) and leaf.records.kind is Kind.LINE


def _parts(leaf: t.Leaf) -> tuple[t.Event | t.Observation, ...]:
    """The events from which a leaf counts and, if it reads several, its values; each once."""
    nodes = list(dict.fromkeys(node for node in t.walk(leaf) if isinstance(node, t.Event | t.Observation)))
    events = tuple(node for node in nodes if isinstance(node, t.Event))
    values = tuple(node for node in nodes if isinstance(node, t.Observation))
    return events + values if len(values) > 1 else events


def _is_there(batch: Batch, part: t.Event | t.Observation, window: t.Window | None) -> Bools:
    """Whether a part is not asked for: it is there, or may be, and nothing beyond the records may be."""
    if isinstance(part, t.Event):
        found = candidates(batch, part.records, history=True)
        may_be = any_of(batch.n, found.item, found.possible)
        return moment(batch, part).there | (may_be & ~unrecorded(batch, part.records, batch.asked).is_unknown)
    return batch.once(("is recorded", part, window), lambda: leaf_findings(batch, t.IsRecorded(part, window))).is_met


def _left_open(batch: Batch, leaf: t.Leaf) -> Longs:
    """Which items' own records leave a leaf open, and which of them for a reader, whatever else may be unrecorded."""
    marks = np.zeros(batch.n, np.int64)

    def note(records: t.Records, found: Candidates, code: Codes, *, history: bool) -> None:
        open_ = (code >= FIRST_UNKNOWN) & (code < FIRST_MET)
        marks[found.item[open_ & (code != NEEDS_JUDGEMENT)]] |= _RECORDED
        if open_.any():
            marks[found.item[open_ & _for_a_reader(batch, records, found, history=history)]] |= _JUDGED

    match leaf:
        case t.Count(t.Records(kind=Kind.LINE) as records):
            low, high = count_lines(batch, records)
            marks[low < high] |= _RECORDED
        case t.Count(t.Records(kind=Kind.SITE)):
            pass  # the sites of the record are asked for in the same words as sites that are not recorded
        case t.Has() | t.Count():
            history = isinstance(leaf, t.Count) or _of_any_time(leaf)
            found = candidates(batch, leaf.records, history=history)
            inside = in_window(batch, found, leaf.window, leaf.records.kind)
            # Beside an event that is not there no record is asked about.
            unplaced = opened(batch, leaf.window).unplaced[found.item]
            note(leaf.records, found, choose(unplaced, MET_NEVER, np.minimum(found.code, inside.code)), history=history)
        case _:
            for records in _summed(leaf):
                found = candidates(batch, records, history=True)
                note(records, found, found.code, history=True)
                marks[found.item[found.possible]] |= _RECORDED
    for event in _parts(leaf):
        if isinstance(event, t.Event):
            found = candidates(batch, event.records, history=True)
            there = moment(batch, event).there[found.item]
            note(event.records, found, choose(there, MET_NEVER, found.code), history=True)
    return marks


def _for_a_reader(batch: Batch, records: t.Records, found: Candidates, *, history: bool) -> Bools:
    """Which candidates only a reader can tell about, be it that facts of them are missing as well."""
    judged: Bools = found.code == NEEDS_JUDGEMENT
    if not records.tests:
        return judged
    outcomes = [replace(records, tests=(test,)) for test in records.tests if test.field == "outcome"]
    for part in (replace(records, tests=()), *outcomes):
        other = candidates(batch, part, history=history)
        judged |= np.isin(_numbers(found), _numbers(other)[other.code == NEEDS_JUDGEMENT])
    return judged


def _numbers(found: Candidates) -> Longs:
    """A number for each candidate, of its item and its record."""
    table = np.array([list(SPECS).index(name) for name in found.tables], np.int64)[found.origin]
    return (found.item << 34) | (table << 31) | found.row


def _of_any_time(leaf: t.Has) -> bool:
    """Whether a condition is asked for that was there once, be it over now."""
    at_some_time = leaf.window is not None and not isinstance(leaf.window, t.AnyTime)
    return leaf.mode is t.Mode.HISTORY or (at_some_time and leaf.records.kind in (Kind.CONDITION, Kind.TOXICITY))


def _summed(leaf: t.Leaf) -> list[t.Records]:
    """The patterns of records whose doses or durations a comparison takes together."""
    nodes = list(t.walk(leaf))
    doses = [t.Records(KINDS_OF_DOSES[node.measure], node.concepts) for node in nodes if isinstance(node, t.Dose)]
    return [*doses, *(node.records for node in nodes if isinstance(node, t.Duration))]


def leaf_finding(batch: Batch, leaf: t.Leaf, said: int) -> Finding:
    """The finding of a leaf of which `told` says what it says."""
    code, marks = said & _CODE, said & ~_CODE
    reason = reason_of(code)
    if reason is None:
        return Finding(truth_of(code), None, change_of(code))
    if reason is Reason.NEEDS_JUDGEMENT and not isinstance(leaf, t.Ask):
        # Nothing but a reader is asked: had a fact been missing too, that would be the reason.
        return unknown(reason, note=_unforeseen(leaf, marks))
    asked = batch.once(("asked for", leaf, marks), lambda: _asked_for(batch.words, leaf, marks))
    question = (Missing("ask", (print_rule(leaf),), "", "", print_rule(leaf), "ask"),) if marks & _JUDGED else ()
    return replace(asked, reason=reason, missing=(*question, *asked.missing))


def _unforeseen(leaf: t.Leaf, marks: int) -> str:
    """The case that the protocol does not foresee, if that is what a reader is asked about."""
    if any(isinstance(part, t.Event) for part in set(_parts(leaf)) - _there(leaf, marks)):
        return anchors.NEVER_HAPPENED
    return NO_SUCH_RECORD if any(isinstance(node, t.Duration) for node in t.walk(leaf)) else ""


def _there(leaf: t.Leaf, marks: int) -> frozenset[t.Event | t.Observation]:
    return frozenset(part for number, part in enumerate(_parts(leaf)) if marks >> (_FIRST + number) & 1)


def _asked_for(words: Context, leaf: t.Leaf, marks: int) -> Finding:
    if marks & _RECORDED:
        return _details(leaf)
    there = _there(leaf, marks)
    asked: t.Leaf = _without(leaf, there)
    found = _of_lines_there(words, asked) if marks & _FOCUSED else evaluate_one(asked, words)
    known = {part.test for part in there if isinstance(part, t.Observation)}
    missing = [each for each in found.missing if each.kind != "observation" or known.isdisjoint(each.concepts)]
    if not missing:
        return unknown(Reason.IMPRECISE) if marks & _JUDGED else _details(leaf)
    return replace(found, missing=tuple(_beside(each, asked, leaf) for each in missing))


def _of_lines_there(words: Context, leaf: t.Leaf) -> Finding:
    """What lines of a cancer that is there ask for: the event they are asked beside, else the drugs that were given."""
    assert isinstance(leaf, t.Has | t.Count)  # nothing else asks for lines
    problem = anchors.opened(words, leaf.window).problem
    return problem or patterns.unrecorded(words, t.Records(Kind.LINE, leaf.records.concepts), words.asked)


def _beside(missing: Missing, asked: t.Leaf, leaf: t.Leaf) -> Missing:
    """A value that is missing, with the window of its rule where that stands beside an event that is there."""
    window: t.Window | None = getattr(leaf, "window", None)
    if window is None or missing.kind != "observation" or getattr(asked, "window", None) == window:
        return missing
    shown = print_window(window)
    return replace(missing, window=shown, text=f"{missing.text} {shown}")


def _details(leaf: t.Leaf) -> Finding:
    """What is asked of whose own records leave a leaf open; which of them is said by the explanation of the pair."""
    nodes = list(t.walk(leaf))
    patterns = [*(node for node in nodes if isinstance(node, t.Records)), *_summed(leaf)]
    tests = [node.test for node in nodes if isinstance(node, t.Observation)]
    of = (patterns[0].kind.value, patterns[0].concepts.names) if patterns else ("observation", tuple(tests))
    return unknown(Reason.IMPRECISE, missing=(Missing(*of, "details", "", f"details: {print_rule(leaf)}"),))


def _without(node: Any, there: Set[Any]) -> Any:
    """A tree that does not ask for events that are there: a window beside one is open, a time is counted from today."""
    if isinstance(node, t.Within | t.Beside) and node.anchor in there:
        return t.AnyTime()
    if isinstance(node, t.Event) and node in there:
        return t.Today()
    if isinstance(node, tuple):
        return tuple(_without(part, there) for part in node)
    if not is_dataclass(node) or isinstance(node, type) or not there:
        return node
    changed = {}
    for each in fields(node):
        held = getattr(node, each.name)
        new = _without(held, there)
        if new != held:
            changed[each.name] = new
    return replace(node, **changed) if changed else node
