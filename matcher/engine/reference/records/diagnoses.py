"""Diagnoses against a pattern: a primary is asked as a whole, told of by all its rows.

Extent, stage and state are those of this cancer where the pattern can mean it; a pattern that names another cancer asks
of that one (SEMANTICS §1.4).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace

from matcher.engine.reference.algebra import both, either, negate
from matcher.engine.reference.context import Context, Reading
from matcher.engine.reference.days import PAST, Course, Days
from matcher.engine.reference.records import disease as dz
from matcher.engine.reference.records.conditions import states_test
from matcher.engine.reference.records.fields import (
    Candidate,
    concept_finding,
    is_another,
    met,
    missing_field,
    not_met,
    site_test,
    test_finding,
    tests,
)
from matcher.engine.reference.records.states import state_finding
from matcher.engine.results import Evidence, Finding, Missing, unknown
from matcher.engine.truth import Change, Reason, Truth
from patients.facts import CodeRelation, code_relation, folded
from patients.vocabulary import Domain
from trials.criteria import tree as t
from trials.criteria.kinds import Kind

OF_COURSE = frozenset({"extent", "stage", "state"})


def diagnoses(context: Context, records: t.Records, history: bool) -> Iterable[Candidate]:
    """The primaries that match or may match a pattern."""
    for tumour in _meant(context, records):
        row = tumour.rows[-1]
        named = _named(context, records, tumour)
        if is_another(named):
            continue
        status = [] if any(item.field == "status" for item in records.tests) else [_made(tumour)]
        special = _fields(context, tumour)
        finding = both([*named, *status, *tests(context, records, row, special)])
        yield Candidate(row, _course(context, tumour), finding, _evidence(tumour), row.id)


def _evidence(tumour: dz.Disease) -> Evidence:
    row = tumour.rows[-1]
    parts = [row.raw or "unnamed diagnosis", *(str(value) for value in (row.extent, row.stage) if value)]
    return dz.evidence_of(row, ", ".join(parts))


def _meant(context: Context, records: t.Records) -> Iterable[dz.Disease]:
    """The primaries a pattern asks of: of several that it may mean, this cancer alone where its course is asked for."""
    tumours = dz.primaries(context)
    focus = context.focus
    asks_course = any(item.field in OF_COURSE for item in records.tests)
    if not asks_course or context.cancer is None or not isinstance(focus, dz.Disease):
        return tumours
    truth = both(_named(context, records, focus)).truth
    return tumours if truth is Truth.NOT_MET else (focus,)


def _named(context: Context, records: t.Records, tumour: dz.Disease) -> list[Finding]:
    found = [_is_one_of(context, records.concepts, tumour)]
    if records.other_than is not None:
        found.append(negate(_is_one_of(context, records.other_than, tumour)))
    return found


def _is_one_of(context: Context, concepts: t.Concepts, tumour: dz.Disease) -> Finding:
    if concepts.is_any:
        return met(Change.NEVER, dz.evidence_of(tumour.rows[-1]))
    row = tumour.rows[-1]
    parts = []
    names = [name for name in concepts.names if name != t.THIS_CANCER]
    if len(names) < len(concepts.names):
        # Without a focus none of the patient's primaries may be the document's cancer.
        this = tumour is context.focus
        parts.append(met(Change.NEVER, dz.evidence_of(row)) if this else not_met(Change.NEVER))
    if names:
        text = f"histology and site of {row.raw or 'the unnamed diagnosis'}"
        missing = Missing("diagnosis", (row.raw or "unnamed",), "histology and site", "", text, "look_up")
        asked = tuple(id for name in names for id in context.named(name, (Domain.CANCER,)))
        means = dz.tumour_readings(context, tumour)
        parts.append(concept_finding(context, means, asked, row, Change.NEVER, missing=missing))
    return either(parts)


def _made(tumour: dz.Disease) -> Finding:
    """A diagnosis that is only suspected may match; one that is resolved was still made."""
    statuses = {row.status or "present" for row in tumour.rows}
    evidence = dz.evidence_of(tumour.rows[-1])
    name = tumour.rows[-1].raw or "the unnamed entry"
    text = f"whether {name} is confirmed or ruled out"
    missing = (Missing("diagnosis", (name,), "status", "", text, "look_up"),)
    if tumour.denied:
        dated = all(row.date is not None for row in tumour.denied)
        against = tuple(dz.evidence_of(row, f"{row.raw} absent") for row in tumour.denied)
        reason = Reason.CONFLICTING if dated else Reason.IMPRECISE
        return unknown(reason, evidence=(evidence, *against), missing=missing)
    if statuses & {"present", "resolved"}:
        return met(Change.NEVER, evidence)
    return unknown(Reason.IMPRECISE, evidence=(evidence,), missing=missing)


def _ongoing(context: Context, tumour: dz.Disease, missing: tuple[Missing, ...]) -> Finding:
    """Whether a cancer is still there: not after its end; one called resolved without an end may be."""
    last = tumour.rows[-1]
    if last.end is not None and last.end.last.toordinal() < context.asked:
        return not_met(Change.COURSE, dz.evidence_of(last))
    if last.status == "resolved" or (last.end is not None and last.end.first.toordinal() < context.asked):
        return unknown(Reason.IMPRECISE, evidence=(dz.evidence_of(last),), missing=missing)
    return _made(tumour)


# --- fields --------------------------------------------------------------------------------------------------------


def _fields(context: Context, tumour: dz.Disease) -> dict[str, Callable[[t.Test], Finding]]:
    row, kind = tumour.rows[-1], Kind.DIAGNOSIS
    return {
        "extent": lambda test: state_finding(context, dz.extent(context, tumour), "extent", test, row, kind, "extent"),
        "status": lambda test: state_finding(
            context, dz.attribute(tumour, "status", "present"), "condition_status", test, row, kind, "status"
        ),
        "stage": lambda test: _stage_test(tumour, test),
        "state": lambda test: states_test(
            context, tumour, test, kind, lambda missing: _ongoing(context, tumour, missing)
        ),
        "site": site_test(context, row, sites_of(context, dz.tumour_readings(context, tumour)), kind),
        "histology": lambda test: _histology_test(context, tumour, test),
        "basis": lambda test: _attribute_test(tumour, "basis", test),
        "laterality": lambda test: _attribute_test(tumour, "laterality", test),
        "tumour_grade": lambda test: _tumour_grade_test(tumour, test),
    }


def sites_of(context: Context, means: tuple[Reading, ...]) -> tuple[str, ...]:
    """The possible sites of a primary; none where one of its meanings leaves the site open."""
    found = [reading.site or context.vocabulary.axes(reading.concept)[1] for reading in means]
    return tuple(dict.fromkeys(site for site in found if site is not None)) if all(found) else ()


def _histology_test(context: Context, tumour: dz.Disease, test: t.Test) -> Finding:
    means = dz.tumour_readings(context, tumour)

    def leaf(test: t.Code | t.Compare | t.Link) -> Finding:
        assert isinstance(test, t.Code)  # the tree refuses anything else
        asked = context.named(test.code, (Domain.CANCER,))
        return concept_finding(context, means, asked, tumour.rows[-1], Change.NEVER)

    return test_finding(test, leaf)


_ROMAN = {"1": "i", "2": "ii", "3": "iii", "4": "iv", "0": "0"}


def _stage(text: str) -> tuple[str, str]:
    """A stage group as its number in Roman and its letters: 'Stage 3a' is ('iii', 'a')."""
    word = folded(text).removeprefix("stage").strip().replace(" ", "")
    if word[:1] in _ROMAN:
        return _ROMAN[word[0]], word[1:]
    number = word[: len(word) - len(word.lstrip("iv"))]
    return number, word[len(number) :]


def stage_within(recorded: str, asked: str) -> Truth:
    """Whether a recorded stage group lies in the asked one: IIIB in III; of a III nobody knows whether it is IIIB."""
    number, letters = _stage(recorded)
    asked_number, asked_letters = _stage(asked)
    if number not in _ROMAN.values():
        return Truth.UNKNOWN
    if number != asked_number:
        return Truth.NOT_MET
    if letters.startswith(asked_letters):
        return Truth.MET
    return Truth.UNKNOWN if asked_letters.startswith(letters) else Truth.NOT_MET


def _stage_test(tumour: dz.Disease, test: t.Test) -> Finding:
    row = tumour.rows[-1]
    state = dz.attribute(tumour, "stage")

    def leaf(test: t.Code | t.Compare | t.Link) -> Finding:
        assert isinstance(test, t.Code)  # the tree refuses anything else
        if not state.codes:
            return missing_field(row, Kind.DIAGNOSIS, "stage")
        answers = {stage_within(code, test.code) for code in state.codes}
        if answers == {Truth.MET}:
            return met(Change.COURSE, *state.evidence)
        if answers == {Truth.NOT_MET}:
            return not_met(Change.COURSE, *state.evidence)
        found = missing_field(row, Kind.DIAGNOSIS, "stage")
        return replace(found, reason=state.reason or Reason.IMPRECISE, evidence=state.evidence)

    return test_finding(test, leaf)


def _attribute_test(tumour: dz.Disease, column: str, test: t.Test) -> Finding:
    """A coded field that any row of the tumour may state, the latest first."""
    state = dz.attribute(tumour, column)

    def leaf(test: t.Code | t.Compare | t.Link) -> Finding:
        assert isinstance(test, t.Code)  # the tree refuses anything else
        return _coded(tumour, state, column, {code_relation(column, code, test.code) for code in state.codes})

    return test_finding(test, leaf)


def _tumour_grade_test(tumour: dz.Disease, test: t.Test) -> Finding:
    """The histological grade: numbers and words are two scales, of which neither says anything of the other."""
    state = dz.attribute(tumour, "tumour_grade")

    def leaf(test: t.Code | t.Compare | t.Link) -> Finding:
        assert isinstance(test, t.Code)  # the tree refuses anything else
        relations = {grade_relation(code, test.code) for code in state.codes}
        return _coded(tumour, state, "tumour_grade", relations)

    return test_finding(test, leaf)


_NUMBERED = re.compile(r"^(?:g|grade ?)?([1-4])$")
_WORDED = ("low", "intermediate", "high", "well differentiated", "moderately differentiated", "poorly differentiated")


def grade_relation(recorded: str, asked: str) -> CodeRelation:
    """How a histological grade lies to the asked one."""
    words = [folded(text).removesuffix(" grade") for text in (recorded, asked)]
    numbers = [_NUMBERED.match(word) for word in words]
    if numbers[0] is not None and numbers[1] is not None:
        return CodeRelation.WITHIN if numbers[0][1] == numbers[1][1] else CodeRelation.OUTSIDE
    if words[0] == words[1]:
        return CodeRelation.WITHIN
    known = [number is not None or word in _WORDED for number, word in zip(numbers, words, strict=True)]
    # A rule lists the words of each scale it accepts; a word that it does not list is another grade.
    return CodeRelation.OUTSIDE if all(known) else CodeRelation.MAY


def _coded(tumour: dz.Disease, state: dz.State, column: str, relations: set[CodeRelation]) -> Finding:
    if relations == {CodeRelation.WITHIN}:
        return met(Change.NEVER, *state.evidence)
    if relations == {CodeRelation.OUTSIDE}:
        return not_met(Change.NEVER, *state.evidence)
    found = missing_field(tumour.rows[-1], Kind.DIAGNOSIS, column)
    if not relations:
        return found
    return replace(found, reason=state.reason or Reason.IMPRECISE, evidence=state.evidence)


def _course(context: Context, tumour: dz.Disease) -> Course:
    """A diagnosis is dated by its rows. One that was made before a window and has no end may reach into it."""
    dated = [Days.of(row.date) for row in tumour.rows if row.date is not None]
    if not dated:
        dated = [Days(PAST, context.asked)]
    start = Days(min(d.lo for d in dated), min(d.hi for d in dated)).upto(context.asked)
    ends = [row.end for row in tumour.rows if row.end is not None]
    if ends:
        end = Days.of(ends[-1]).upto(context.asked)
        return Course(start.upto(end.hi), Days(max(end.lo, start.lo), end.hi))
    return Course(start, Days(min(max(d.lo for d in dated), context.asked), context.asked), Change.COURSE)
