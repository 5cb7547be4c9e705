"""What a leaf asks for where it is open, by what is there of it: once for all patients of whom the same is there.

A leaf asks for what it would ask of a patient of whom nothing is known, save what is there: an event that a window or a
time is counted from, the cancer whose lines are counted. Of whose own records leave it open it asks for details.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.engine.bulk.batch import Batch
from matcher.engine.bulk.cancers import hangs_on_cancer
from matcher.engine.bulk.columns import Bools, Longs
from matcher.engine.bulk.findings import FIRST_MET, FIRST_UNKNOWN, change_of, reason_of, truth_of
from matcher.engine.bulk.records.lines import count_lines
from matcher.engine.bulk.records.patterns import candidates
from matcher.engine.bulk.rules import evaluate
from matcher.engine.bulk.values.doses import KINDS_OF_DOSES
from matcher.engine.bulk.windows import in_window, moment
from matcher.engine.reference.anchors import NEVER_HAPPENED, opened
from matcher.engine.reference.context import Context
from matcher.engine.reference.evaluate import evaluate as evaluate_one
from matcher.engine.reference.records.patterns import unrecorded
from matcher.engine.reference.values.times import NO_SUCH_RECORD
from matcher.engine.results import Finding, Missing, unknown
from matcher.engine.truth import Reason
from trials.criteria import tree as t
from trials.criteria.kinds import Kind
from trials.criteria.printing import print_rule, print_window

#: Codes take the first four bits of what is told of a leaf. The next say that records of what it asks leave it open and
#: that the patient has the cancer it is about; then comes one for each event that is there.
_CODE, _RECORDED, _FOCUSED, _FIRST_EVENT = 15, 16, 32, 6


def told(batch: Batch, leaf: t.Leaf, items: Longs) -> NDArray[np.uint16]:
    """The codes of a leaf for some items, with marks for what is there where it is open."""
    # What does not hang on the cancer is known of the same patients already.
    own = batch if batch.whoever is None or hangs_on_cancer(batch, leaf) else batch.whoever
    code = evaluate(batch, leaf).code[items].astype(np.uint16)
    open_ = (code >= FIRST_UNKNOWN) & (code < FIRST_MET)
    if not open_.any():
        return code
    marks = np.where(batch.focus >= 0, _FOCUSED, 0) if _of_lines(leaf) else np.zeros(batch.n, np.int64)
    marks[_left_open(own, leaf)] |= _RECORDED
    for number, event in enumerate(_events(leaf)):
        marks[moment(own, event).there] |= 1 << (_FIRST_EVENT + number)
    return np.where(open_, code | marks[items].astype(np.uint16), code)


def _of_lines(leaf: t.Leaf) -> bool:
    return isinstance(leaf, t.Has | t.Count) and leaf.records.kind is Kind.LINE


def _events(leaf: t.Leaf) -> tuple[t.Event, ...]:
    """The events from which a leaf counts, each once."""
    return tuple(dict.fromkeys(node for node in t.walk(leaf) if isinstance(node, t.Event)))


def _left_open(batch: Batch, leaf: t.Leaf) -> Bools:
    """The items whose own records leave a leaf open, whatever else may be unrecorded."""
    found = np.zeros(batch.n, np.bool_)
    match leaf:
        case t.Count(t.Records(kind=Kind.LINE) as records):
            low, high = count_lines(batch, records)
            found |= low < high
        case t.Count(t.Records(kind=Kind.SITE)):
            pass  # the sites of the record are asked for in the same words as sites that are not recorded
        case t.Has() | t.Count():
            matching = candidates(batch, leaf.records, history=isinstance(leaf, t.Count) or _of_any_time(leaf))
            code = np.minimum(matching.code, in_window(batch, matching, leaf.window, leaf.records.kind).code)
            found[matching.item[(code >= FIRST_UNKNOWN) & (code < FIRST_MET)]] = True
        case _:
            for records in _summed(leaf):
                matching = candidates(batch, records, history=True)
                found[matching.item[matching.possible]] = True
    return found


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
    return replace(asked, reason=reason)


def _unforeseen(leaf: t.Leaf, marks: int) -> str:
    """The case that the protocol does not foresee, if that is what a reader is asked about."""
    if not all(marks >> (_FIRST_EVENT + number) & 1 for number in range(len(_events(leaf)))):
        return NEVER_HAPPENED
    return NO_SUCH_RECORD if any(isinstance(node, t.Duration) for node in t.walk(leaf)) else ""


def _asked_for(words: Context, leaf: t.Leaf, marks: int) -> Finding:
    if marks & _RECORDED:
        return _details(leaf)
    there = {event for number, event in enumerate(_events(leaf)) if marks >> (_FIRST_EVENT + number) & 1}
    asked: t.Leaf = _without(leaf, there)
    found = _of_lines_there(words, asked) if marks & _FOCUSED else evaluate_one(asked, words)
    if not found.missing:
        return _details(leaf)
    return found if asked == leaf else replace(found, missing=tuple(_beside(each, leaf) for each in found.missing))


def _of_lines_there(words: Context, leaf: t.Leaf) -> Finding:
    """What lines of a cancer that is there ask for: the event they are asked beside, else the drugs that were given."""
    assert isinstance(leaf, t.Has | t.Count)  # nothing else asks for lines
    problem = opened(words, leaf.window).problem
    return problem or unrecorded(words, t.Records(Kind.LINE, leaf.records.concepts), words.asked)


def _beside(missing: Missing, leaf: t.Leaf) -> Missing:
    """A value that is missing, with the window in which the rule asks for it."""
    window: t.Window | None = getattr(leaf, "window", None)
    if missing.kind != "observation" or missing.window or window is None:
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


def _without(node: Any, there: Set[t.Event]) -> Any:
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
