"""Diagnoses and other conditions against a pattern, and when their absence is a fact.

A condition leaf asks what is current, `history of` what ever was; a diagnosis is asked of the whole tumour, told of by
all its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from matcher.engine import disease as dz
from matcher.engine.algebra import both, either, negate
from matcher.engine.context import Context, Reading
from matcher.engine.coverage import Need, Through, absence
from matcher.engine.days import PAST, Course, Days, not_before, shift
from matcher.engine.fields import (
    CHANGE_OF_ABSENCE,
    Candidate,
    code_finding,
    concept_finding,
    days_upto,
    link_test,
    met,
    missing_field,
    not_met,
    quiet,
    site_test,
    test_finding,
    tests,
)
from matcher.engine.intervals import Interval, compare
from matcher.engine.results import Finding, Missing, unknown
from matcher.engine.truth import Change, Reason, Truth
from patients.facts import CODED, CodeRelation, Condition, code_relation, folded
from patients.vocabulary import Domain
from trials.criteria import tree as t
from trials.criteria.kinds import CONCEPT_DOMAINS, Kind


def diagnoses(context: Context, records: t.Records, history: bool) -> Iterable[Candidate]:
    """Primaries. Extent, stage and state are asked of this cancer where the patient has it."""
    of_course = {"extent", "stage", "state"}
    asks_course = any(item.field in of_course for item in records.tests)
    focus = context.focus if isinstance(context.focus, dz.Disease) else None
    for tumour in dz.primaries(context):
        if asks_course and focus is not None and tumour is not focus and not _asks_others(records):
            continue
        row = tumour.rows[-1]
        named = _tumour_named(context, records, tumour)
        special: dict[str, Callable[[t.Test], Finding]] = {
            "extent": lambda test, tumour=tumour: _state_test(
                context, dz.extent(context, tumour), "extent", test, tumour, Kind.DIAGNOSIS
            ),  # type: ignore[misc]  # bound as default
            "stage": lambda test, tumour=tumour: _stage_test(tumour, test),  # type: ignore[misc]  # bound as default
            "state": lambda test, tumour=tumour: _states_test(context, tumour, test, Kind.DIAGNOSIS),  # type: ignore[misc]  # bound as default
            "status": lambda test, tumour=tumour: _state_test(
                context, _status(tumour), "condition_status", test, tumour, Kind.DIAGNOSIS
            ),  # type: ignore[misc]  # bound as default
            "site": site_test(context, row, _sites(context, tumour), Kind.DIAGNOSIS),
            "histology": lambda test, tumour=tumour: _histology_test(context, tumour, test),  # type: ignore[misc]  # bound as default
            "basis": lambda test, tumour=tumour: _attribute_test(tumour, "basis", "basis", test, Kind.DIAGNOSIS),  # type: ignore[misc]  # bound as default
        }
        parts = [*named, *([] if any(i.field == "status" for i in records.tests) else [_present(tumour)])]
        finding = both([*parts, *tests(context, records, row, special)])
        yield Candidate(row, _diagnosis_course(context, tumour), quiet(finding, named), dz.evidence_of(row, _name(row)))


def _asks_others(records: t.Records) -> bool:
    return records.other_than is not None and t.THIS_CANCER in records.other_than.names


def _name(row: Condition) -> str:
    parts = [row.raw or "unnamed diagnosis", *(str(value) for value in (row.extent, row.stage) if value)]
    return ", ".join(parts)


def _tumour_named(context: Context, records: t.Records, tumour: dz.Disease) -> list[Finding]:
    row = tumour.rows[-1]
    means = dz.tumour_readings(context, tumour)
    missing = Missing(
        "diagnosis",
        (row.raw or "unnamed",),
        "histology and site",
        "",
        f"histology and site of {row.raw or 'the unnamed diagnosis'}",
        "look_up",
    )
    found = [_tumour_in(context, records.concepts, tumour, means, missing)]
    if records.other_than is not None:
        found.append(negate(_tumour_in(context, records.other_than, tumour, means, missing)))
    return found


def _tumour_in(
    context: Context, concepts: t.Concepts, tumour: dz.Disease, means: tuple[Reading, ...], missing: Missing
) -> Finding:
    if concepts.is_any:
        return met(Change.NEVER, dz.evidence_of(tumour.rows[-1]))
    parts = []
    names = [name for name in concepts.names if name != t.THIS_CANCER]
    if len(names) < len(concepts.names):
        parts.append(_is_this_cancer(context, tumour))
    if names:
        asked = tuple(id for name in names for id in context.named(name, (Domain.CANCER,)))
        parts.append(concept_finding(context, means, asked, tumour.rows[-1], Change.NEVER, missing=missing))
    return either(parts)


def _is_this_cancer(context: Context, tumour: dz.Disease) -> Finding:
    evidence = dz.evidence_of(tumour.rows[-1])
    if isinstance(context.focus, dz.Disease):
        return met(Change.NEVER, evidence) if tumour is context.focus else not_met(Change.NEVER)
    truth, reason = dz.tumour_is(context, tumour, context.cancer)
    if truth is Truth.UNKNOWN:
        return unknown(reason or Reason.IMPRECISE, evidence=(evidence,))
    return met(Change.NEVER, evidence) if truth is Truth.MET else not_met(Change.NEVER)


def _sites(context: Context, tumour: dz.Disease) -> tuple[str, ...]:
    means = dz.tumour_readings(context, tumour)
    found = [reading.site or context.vocabulary.axes(reading.concept)[1] for reading in means]
    return tuple(dict.fromkeys(site for site in found if site is not None)) if all(found) else ()


def _histology_test(context: Context, tumour: dz.Disease, test: t.Test) -> Finding:
    means = dz.tumour_readings(context, tumour)

    def leaf(test: t.Code | t.Compare | t.Link) -> Finding:
        assert isinstance(test, t.Code)
        return concept_finding(
            context, means, context.named(test.code, (Domain.CANCER,)), tumour.rows[-1], Change.NEVER
        )

    return test_finding(test, leaf)


def _status(disease: dz.Disease) -> dz.State:
    """The status of a disease; a row that says none says that it is present."""
    return dz.latest([
        dz.Statement(row.status or "present", None if row.date is None else Days.of(row.end or row.date), dz.evidence_of(row))
        for row in disease.rows
    ])  # fmt: skip


def _present(disease: dz.Disease) -> Finding:
    """A diagnosis that is only suspected may match; one that is resolved was still made."""
    statuses = {row.status or "present" for row in disease.rows}
    evidence = dz.evidence_of(disease.rows[-1])
    if statuses == {"suspected"} or not statuses <= {"present", "suspected", "resolved"}:
        return unknown(Reason.IMPRECISE, evidence=(evidence,), missing=_confirm(disease, Kind.DIAGNOSIS))
    return met(Change.NEVER, evidence)


def _confirm(disease: dz.Disease, kind: Kind) -> tuple[Missing, ...]:
    name = disease.rows[-1].raw or "the unnamed entry"
    return (Missing(kind.value, (name,), "status", "", f"whether {name} is confirmed or ruled out", "look_up"),)


def _state_test(
    context: Context, state: dz.State, column: str, test: t.Test, disease: dz.Disease, kind: Kind
) -> Finding:
    name = disease.rows[-1].raw or "the unnamed entry"
    label = {"extent": "extent", "condition_status": "status"}[column]
    missing = (
        Missing(kind.value, (name,), label, "", f"{label} of {name}", "imaging" if label == "extent" else "look_up"),
    )

    def leaf(test: t.Code | t.Compare | t.Link) -> Finding:
        assert isinstance(test, t.Code)
        if not state.codes:
            return unknown(Reason.NOT_RECORDED, evidence=(dz.evidence_of(disease.rows[-1]),), missing=missing)
        relations = {code_relation(column, code, test.code) for code in state.codes}
        if len(relations) == 1 and CodeRelation.MAY not in relations:
            # What is metastatic does not become localised again; what is not yet may progress.
            change = Change.COURSE
            if relations == {CodeRelation.WITHIN}:
                change = Change.NEVER if test.code in ("metastatic", "advanced") else Change.COURSE
                return _lasting(context, met(change, *state.evidence), state.since, test.lasting, missing)
            return not_met(change, *state.evidence)
        return unknown(state.reason or Reason.IMPRECISE, evidence=state.evidence, missing=missing)

    return test_finding(test, leaf)


def _lasting(
    context: Context, finding: Finding, since: Days | None, lasting: t.Span | None, missing: tuple[Missing, ...]
) -> Finding:
    """`stable for 4 weeks`: held since a day at least so long ago."""
    if lasting is None:
        return finding
    if since is None or since.lo <= PAST:
        return unknown(Reason.NOT_RECORDED, evidence=finding.evidence, missing=missing)
    due = Days(shift(since.lo, lasting), shift(since.hi, lasting))
    truth = not_before(Days.on(context.asked), due)
    flips = tuple(sorted({due.lo, due.hi}))
    if truth is Truth.UNKNOWN:
        return unknown(Reason.IMPRECISE, evidence=finding.evidence, missing=missing, flips=flips)
    return Finding(truth, None, Change.TIME if truth is Truth.NOT_MET else finding.change, flips, finding.evidence)


def _stage_test(tumour: dz.Disease, test: t.Test) -> Finding:
    state = dz.attribute(tumour, "stage")
    name = tumour.rows[-1].raw or "the unnamed diagnosis"
    missing = (Missing("diagnosis", (name,), "stage", "", f"stage of {name}", "look_up"),)

    def leaf(test: t.Code | t.Compare | t.Link) -> Finding:
        assert isinstance(test, t.Code)
        if not state.codes:
            return unknown(Reason.NOT_RECORDED, evidence=(dz.evidence_of(tumour.rows[-1]),), missing=missing)
        answers = {_stage_within(code, test.code) for code in state.codes}
        if answers == {Truth.MET}:
            return met(Change.COURSE, *state.evidence)
        if answers == {Truth.NOT_MET}:
            return not_met(Change.COURSE, *state.evidence)
        return unknown(state.reason or Reason.IMPRECISE, evidence=state.evidence, missing=missing)

    return test_finding(test, leaf)


_ROMAN = {"1": "i", "2": "ii", "3": "iii", "4": "iv", "0": "0"}


def _stage(text: str) -> tuple[str, str]:
    """A stage group as its number in Roman and its letters: 'Stage 3a' is ('iii', 'a')."""
    word = folded(text).removeprefix("stage").strip().replace(" ", "")
    if word[:1] in _ROMAN:
        return _ROMAN[word[0]], word[1:]
    number = word[: len(word) - len(word.lstrip("iv"))]
    return number, word[len(number) :]


def _stage_within(recorded: str, asked: str) -> Truth:
    number, letters = _stage(recorded)
    asked_number, asked_letters = _stage(asked)
    if not number:
        return Truth.UNKNOWN
    if number != asked_number:
        return Truth.NOT_MET
    if letters.startswith(asked_letters):
        return Truth.MET
    return Truth.UNKNOWN if asked_letters.startswith(letters) else Truth.NOT_MET


def _attribute_test(disease: dz.Disease, column: str, codes: str, test: t.Test, kind: Kind) -> Finding:
    """A field that any row of the disease may state, the latest first."""
    state = dz.attribute(disease, column)
    row = disease.rows[-1]

    def leaf(test: t.Code | t.Compare | t.Link) -> Finding:
        assert isinstance(test, t.Code)
        if not state.codes:
            return missing_field(row, kind, column)
        relations = {code_relation(codes, code, test.code) for code in state.codes}
        if relations == {CodeRelation.WITHIN}:
            return met(Change.NEVER, *state.evidence)
        if relations == {CodeRelation.OUTSIDE}:
            return not_met(Change.NEVER, *state.evidence)
        return unknown(state.reason or Reason.IMPRECISE, evidence=state.evidence)

    return test_finding(test, leaf)


def _states_test(context: Context, disease: dz.Disease, test: t.Test, kind: Kind) -> Finding:
    """`state: treated and stable for 4 weeks`: a set of words that the latest dated row with states gives."""
    rows = [row for row in disease.rows if row.states]
    newest = [row for row in rows if row.date is not None]
    row = disease.rows[-1]
    missing = (
        Missing(
            kind.value,
            (row.raw or "unnamed",),
            "state",
            "",
            f"state of {row.raw or 'the unnamed entry'} (active, treated, stable, symptomatic …)",
            "look_up",
        ),
    )
    latest_rows = [
        r for r in newest if r.date is not None and r.date.last >= max(o.date.first for o in newest if o.date)
    ]
    rivals = latest_rows + [r for r in rows if r.date is None]

    def leaf(test: t.Code | t.Compare | t.Link) -> Finding:
        assert isinstance(test, t.Code)
        if test.code == "ongoing":
            return _current(context, disease, missing)
        if not rivals:
            return unknown(Reason.NOT_RECORDED, evidence=(dz.evidence_of(row),), missing=missing)
        answers = [_one_state(context, r, test, missing) for r in rivals]
        truths = {answer.truth for answer in answers}
        if len(truths) == 1:
            return answers[0]
        same_day = len({r.date for r in rivals}) == 1 and rivals[0].date is not None
        reason = Reason.CONFLICTING if same_day else Reason.IMPRECISE
        return unknown(reason, evidence=tuple(e for a in answers for e in a.evidence), missing=missing)

    return test_finding(test, leaf)


#: States that deny each other; a row that states one of a pair denies the other, a row that states neither is silent.
_OPPOSITES = {
    "symptomatic": ("asymptomatic",),
    "asymptomatic": ("symptomatic",),
    "treated": ("untreated",),
    "untreated": ("treated",),
    "stable": ("progressive", "uncontrolled"),
    "progressive": ("stable", "controlled"),
    "controlled": ("uncontrolled", "progressive"),
    "uncontrolled": ("controlled", "stable"),
    "active": (),
}


def _one_state(context: Context, row: Condition, test: t.Code, missing: tuple[Missing, ...]) -> Finding:
    evidence = dz.evidence_of(row, f"{row.raw}: {', '.join(row.states)}")
    relations = {code_relation("state", state, test.code) for state in row.states if state in CODED["state"]}
    if CodeRelation.WITHIN in relations:
        since = row.state_since or row.date
        return _lasting(context, met(Change.COURSE, evidence), Days.of(since) if since else None, test.lasting, missing)
    if any(state in _OPPOSITES[test.code] for state in row.states):
        return not_met(Change.COURSE, evidence)
    return unknown(Reason.NOT_RECORDED, evidence=(evidence,), missing=missing)


def _current(context: Context, disease: dz.Disease, missing: tuple[Missing, ...]) -> Finding:
    """Whether a disease is there at the as-of date (SEMANTICS §2.1)."""
    state = _status(disease)
    evidence = state.evidence or (dz.evidence_of(disease.rows[-1]),)
    last = disease.rows[-1]
    ends = [row.end for row in disease.rows if row.end is not None]
    if ends and ends[-1].last.toordinal() < context.asked and state.codes in (("present",), ("resolved",)):
        later = [row for row in disease.rows if row.date is not None and row.date.first > ends[-1].last]
        if not later:
            return not_met(Change.COURSE, *evidence)
    if state.codes == ("absent",):
        return not_met(Change.COURSE, *evidence)
    if state.codes != ("present",):
        return unknown(state.reason or Reason.IMPRECISE, evidence=evidence, missing=missing)
    temporal = _temporal(context, last)
    if temporal == "acute":
        told = [row.date.last.toordinal() for row in disease.rows if row.date is not None]
        if not told or context.known - max(told) > context.settings.acute:
            return unknown(Reason.STALE if told else Reason.IMPRECISE, evidence=evidence, missing=missing)
    return met(Change.NEVER if temporal == "chronic" else Change.COURSE, *evidence)


def _temporal(context: Context, row: Condition) -> str:
    """event, acute, state or chronic, as the vocabulary says of the condition; metastases and cancers last."""
    for head in row.concepts or row.histologies:
        temporal = context.concept(head).attributes.get("temporal")
        if temporal:
            return temporal
    if row.histologies or row.kind in ("metastasis", "primary"):
        return "chronic"
    return "acute" if row.kind == "toxicity" else "chronic"


_KINDS_OF: dict[Kind, tuple[str, ...]] = {
    Kind.TOXICITY: ("toxicity",),
    Kind.ALLERGY: ("allergy",),
    Kind.FAMILY_HISTORY: ("family history",),
}


def conditions(context: Context, records: t.Records, history: bool) -> Iterable[Candidate]:
    rows = [row for row in context.patient.conditions if of_kind(context, row, records.kind)]
    for disease in dz.lesions(context, rows):
        row = disease.rows[-1]
        missing = (
            Missing(
                records.kind.value,
                (row.raw or "unnamed",),
                "status",
                "",
                f"whether {row.raw or 'the unnamed entry'} is still present",
                "look_up",
            ),
        )
        named = _condition_named(context, records, row)
        special: dict[str, Callable[[t.Test], Finding]] = {
            "state": lambda test, d=disease: _states_test(context, d, test, records.kind),  # type: ignore[misc]  # bound as default
            "status": lambda test, d=disease: _state_test(
                context, _status(d), "condition_status", test, d, records.kind
            ),  # type: ignore[misc]  # bound as default
            "grade": lambda test, d=disease: _grade_test(d, test, records.kind),  # type: ignore[misc]  # bound as default
            "site": site_test(context, row, row.sites, records.kind),
            "kind": lambda test, row=row: _kind_test(row, test, records.kind),  # type: ignore[misc]  # bound as default
            "due_to": link_test(context, row, row.due_to, "due_to", records.kind, (Domain.DRUG, Domain.PROCEDURE)),
            "for": link_test(context, row, (), "for", records.kind, (Domain.CONDITION, Domain.CANCER)),
        }
        finding = both(
            [*named, *_presence(context, records, disease, history, missing), *tests(context, records, row, special)]
        )
        course = _condition_course(context, disease)
        yield Candidate(row, course, quiet(finding, named), dz.evidence_of(row, _graded(row)))
    if records.kind is Kind.CONDITION:
        yield from _metastatic_events(context, records)


def _presence(
    context: Context, records: t.Records, disease: dz.Disease, history: bool, missing: tuple[Missing, ...]
) -> list[Finding]:
    """What `has` asks of a condition beside its name: that it is current, or, of an event or in history, that it was."""
    if any(item.field == "status" for item in records.tests):
        return []
    row = disease.rows[-1]
    ever = history or records.kind in (Kind.ALLERGY, Kind.FAMILY_HISTORY) or _temporal(context, row) == "event"
    if not ever:
        return [_current(context, disease, missing)]
    statuses = {each.status or "present" for each in disease.rows}
    evidence = dz.evidence_of(row)
    if statuses & {"present", "resolved"}:
        if "absent" in statuses and len({each.date for each in disease.rows}) == 1:
            return [unknown(Reason.CONFLICTING, evidence=(evidence,), missing=missing)]
        return [met(Change.NEVER, evidence)]
    if statuses == {"absent"}:
        return [not_met(Change.COURSE, evidence)]
    return [unknown(Reason.IMPRECISE, evidence=(evidence,), missing=missing)]


def _graded(row: Condition) -> str:
    name = row.raw or "unnamed"
    return f"{name}, grade {row.grade:g}" if row.grade is not None else name


def of_kind(context: Context, row: Condition, kind: Kind) -> bool:
    asked = _KINDS_OF.get(kind)
    if asked is not None:
        return row.kind in asked or (row.kind is None and kind is Kind.TOXICITY and not row.histologies)
    return row.kind not in ("allergy", "family history")


def _condition_named(context: Context, records: t.Records, row: Condition) -> list[Finding]:
    if records.kind is Kind.ALLERGY:
        means = tuple(Reading(id) for id in row.agents or row.concepts)
    else:
        means = dz.readings(context, row)
    change = CHANGE_OF_ABSENCE[records.kind]
    place = (
        "site" if means and all(reading.site is None for reading in means) and row.kind == "metastasis" else "meaning"
    )
    missing = Missing(
        records.kind.value,
        (row.raw or "unnamed",),
        place,
        "",
        f"{place} of {row.raw or 'the unnamed entry'}",
        "look_up",
    )

    def named(concepts: t.Concepts) -> Finding:
        if concepts.is_any:
            return met(Change.NEVER, dz.evidence_of(row))
        asked = context.concepts(concepts, CONCEPT_DOMAINS[records.kind])
        return concept_finding(context, means, asked, row, change, missing=missing)

    found = [named(records.concepts)]
    if records.other_than is not None:
        found.append(negate(named(records.other_than)))
    return found


def _kind_test(row: Condition, test: t.Test, kind: Kind) -> Finding:
    def leaf(test: t.Code | t.Compare | t.Link) -> Finding:
        assert isinstance(test, t.Code)
        if row.kind is None:
            return missing_field(row, kind, "kind")
        return code_finding("condition_kind", row.kind, test.code, row, kind, "kind", Change.NEVER)

    return test_finding(test, leaf)


def _grade_test(disease: dz.Disease, test: t.Test, kind: Kind) -> Finding:
    """CTCAE grade, the latest recorded; `> baseline` compares with the row's own baseline."""
    graded = [row for row in disease.rows if row.grade is not None]
    row = graded[-1] if graded else disease.rows[-1]
    dated = [r for r in graded if r.date is not None and r.date == row.date]

    def leaf(test: t.Code | t.Compare | t.Link) -> Finding:
        assert isinstance(test, t.Compare)
        if not graded:
            return missing_field(row, kind, "grade")
        answers = []
        for each in dated or [row]:
            limit = each.baseline_grade if test.number is None else test.number
            if limit is None:
                return missing_field(each, kind, "baseline_grade")
            answers.append(compare(Interval.point(each.grade or 0.0), test.operator, Interval.point(limit)))
        if len(set(answers)) > 1:
            return unknown(Reason.CONFLICTING, evidence=tuple(dz.evidence_of(r, _graded(r)) for r in dated))
        return (met if answers[0] is Truth.MET else not_met)(Change.COURSE, dz.evidence_of(row, _graded(row)))

    return test_finding(test, leaf)


def _metastatic_events(context: Context, records: t.Records) -> Iterable[Candidate]:
    """A distant-metastasis event tells of a metastasis too."""
    asks = {item.field for item in records.tests} - {"site", "kind"}
    for event in context.patient.disease_status:
        if event.status != "distant metastasis" or asks:
            continue
        row = Condition(
            id=event.id, raw="distant metastasis", source=event.source, recorded=event.recorded,
            concepts=(dz.METASTASIS,), sites=event.sites, kind="metastasis", date=event.date,
        )  # fmt: skip
        named = _condition_named(context, records, row)
        special = {
            "site": site_test(context, row, row.sites, records.kind),
            "kind": lambda test, row=row: _kind_test(row, test, records.kind),  # type: ignore[misc]  # bound as default
        }
        finding = both([*named, *tests(context, records, row, special)])
        course = Course(days_upto(event.date, context), Days.on(context.asked))
        yield Candidate(event, course, quiet(finding, named), dz.evidence_of(event, "distant metastasis"))


def _diagnosis_course(context: Context, tumour: dz.Disease) -> Course:
    """A diagnosis is dated by its rows. One that was made before a window and has no end may reach into it."""
    dated = [Days.of(row.date) for row in tumour.rows if row.date is not None]
    start = Days(min(d.lo for d in dated), min(d.hi for d in dated)) if dated else Days(PAST, context.asked)
    last = Days(max(d.lo for d in dated), max(d.hi for d in dated)) if dated else Days(PAST, context.asked)
    ends = [row.end for row in tumour.rows if row.end is not None]
    if ends:
        end = Days.of(ends[-1]).upto(context.asked)
        return Course(start.upto(end.hi), Days(max(end.lo, start.lo), end.hi))
    return Course(start, Days(last.lo, context.asked))


def _condition_course(context: Context, disease: dz.Disease) -> Course:
    row = disease.rows[-1]
    dated = [Days.of(each.date) for each in disease.rows if each.date is not None]
    start = Days(min(d.lo for d in dated), min(d.hi for d in dated)) if dated else Days(PAST, context.asked)
    start = start.upto(context.asked)
    if _temporal(context, row) == "event":
        return Course.event(days_upto(row.date, context))
    if row.end is not None:
        end = Days.of(row.end).upto(context.asked)
        return Course(start, Days(max(end.lo, start.lo), end.hi))
    temporal = _temporal(context, row)
    last = max((d.lo for d in dated), default=PAST)
    if row.status in (None, "present") and temporal == "chronic":
        return Course(start, Days.on(context.asked))
    return Course(start, Days(last, context.asked))


def unrecorded_condition(
    context: Context, records: t.Records, asked: tuple[str, ...], until: int, name: str
) -> Finding:
    kind = records.kind
    inner, cost = {
        Kind.DIAGNOSIS: ("primary", "look_up"),
        Kind.TOXICITY: ("toxicity", "ask"),
        Kind.ALLERGY: ("allergy", "ask"),
        Kind.FAMILY_HISTORY: ("family history", "ask"),
    }.get(kind, ("comorbidity", "look_up"))
    metastatic = bool(asked) and all(context.vocabulary.relation(id, dz.METASTASIS).value == "below" for id in asked)
    if metastatic:
        inner, cost = "metastasis", "imaging"
    denials = []
    for row in context.patient.conditions:
        if row.status == "absent" and of_kind(context, row, kind):
            day = row.date.first.toordinal() if row.date is not None else None
            if day is None and row.recorded is not None:
                day = row.recorded.toordinal()
            if day is None:
                continue
            heads = row.agents if kind is Kind.ALLERGY else dz.readings(context, row)
            if len(heads) == 1:
                head = heads[0] if isinstance(heads[0], str) else _denied(context, heads[0], asked)
                if head is not None:
                    denials.append((head, Through(day, f"{row.raw} absent", str(row.source), row.id)))
    missing = Missing(kind.value, tuple(records.concepts.names), "presence", "", f"{name}: present or not?", cost)
    need = Need("conditions", inner, asked, lasting=True)
    if kind is Kind.DIAGNOSIS and any(dz.primaries(context)):
        # The identity of a patient's recorded primaries never goes stale.
        until = until if _other_cancer(records) else PAST
    return absence(
        context, need, until=until, denials=denials, change=CHANGE_OF_ABSENCE[kind], text="", missing=missing
    )


def _other_cancer(records: t.Records) -> bool:
    """Whether a pattern asks for cancers other than the one that is treated: a new one may have come since."""
    return records.other_than is not None


def _denied(context: Context, reading: Reading, asked: tuple[str, ...]) -> str | None:
    """What an absent row denies: its concept, and at a site only what lies at that site."""
    if reading.site is None:
        return reading.concept
    for id in asked:
        if context.vocabulary.axes(id) != (None, None):
            head, site = context.vocabulary.axes(id)
            below = head is not None and context.vocabulary.is_below(head, reading.concept)
            if below and site is not None and context.vocabulary.is_below(site, reading.site):
                return id
    return None
