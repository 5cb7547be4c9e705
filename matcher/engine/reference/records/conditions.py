"""Conditions against a pattern, and when their absence is a fact.

A leaf asks what is current, `history of` or a window what ever was. A lesion is told of by several rows; an event (an
infarction) by each of its own. What the rows say of one field is that of the latest of them (SEMANTICS §2.1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import lru_cache

from matcher.engine.change import CHANGE_OF_ABSENCE
from matcher.engine.intervals import Interval, compare
from matcher.engine.reference.algebra import both, either, negate
from matcher.engine.reference.context import Context, Reading
from matcher.engine.reference.days import PAST, Course, Days
from matcher.engine.reference.records import disease as dz
from matcher.engine.reference.records.coverage import METASTASIS, Need, Through, absence
from matcher.engine.reference.records.fields import (
    Candidate,
    code_finding,
    codes_of,
    concept_finding,
    days_upto,
    is_another,
    link_test,
    met,
    missing_field,
    not_met,
    site_test,
    test_finding,
    tests,
)
from matcher.engine.reference.records.states import lasting, rivals, state_finding
from matcher.engine.results import Finding, Missing, unknown
from matcher.engine.truth import Change, Reason, Truth
from patients.facts import CODED, CodeRelation, Condition, code_relation
from patients.vocabulary import Domain, Relation, Vocabulary
from trials.criteria import tree as t
from trials.criteria.kinds import CONCEPT_DOMAINS, Kind

KINDS_OF: dict[Kind, str] = {
    Kind.TOXICITY: "toxicity",
    Kind.ALLERGY: "allergy",
    Kind.FAMILY_HISTORY: "family history",
}


def conditions(context: Context, records: t.Records, history: bool) -> Iterable[Candidate]:
    """The lesions, comorbidities, toxicities, allergies or family histories that match or may match a pattern."""
    lesions, absent = _lesions(context, records.kind)
    for lesion in lesions:
        ever = history or records.kind in (Kind.ALLERGY, Kind.FAMILY_HISTORY) or temporal_of(context, lesion) == "event"
        for unit in _units(lesion) if ever else [lesion]:
            row = unit.rows[-1]
            named = named_as(context, records, row)
            if is_another(named):
                continue
            parts = [*named, *_of_this_cancer(context, row), *_presence(context, records, unit, lesion, ever, absent)]
            finding = both([*parts, *tests(context, records, row, _fields(context, records, unit, absent))])
            course = _course(context, unit, lesion, absent)
            yield Candidate(row, course, finding, dz.evidence_of(row, _graded(row)), _identity(context, lesion, row))


def _lesions(context: Context, kind: Kind) -> tuple[tuple[dz.Disease, ...], list[Condition]]:
    """What the rows that may be of a kind tell of, and those of them that deny something."""
    key = ("lesions", kind)
    if key not in context.cache:
        rows = [row for row in _told(context) if of_kind(row, kind)]
        context.cache[key] = dz.lesions(context, rows), [row for row in rows if row.status == "absent"]
    return context.cache[key]  # type: ignore[return-value]  # written under this key one line above


def _identity(context: Context, lesion: dz.Disease, row: Condition) -> str:
    """What is counted once: a lesion however often it is told of, an event each time."""
    return row.id if temporal_of(context, lesion) == "event" else lesion.rows[0].id


def _units(lesion: dz.Disease) -> list[dz.Disease]:
    """The rows of a lesion one by one: what was said at a time, for questions about the past."""
    return [dz.Disease((row,)) for row in lesion.rows if row.status != "absent"]


def _told(context: Context) -> tuple[Condition, ...]:
    """The condition rows; where none is a metastasis, a distant-metastasis event tells of one."""
    rows = context.patient.conditions
    if any(dz.is_metastasis(context, row) and row.status != "absent" for row in rows):
        return rows
    events = tuple(
        Condition(
            id=event.id, raw="distant metastasis", source=event.source, recorded=event.recorded,
            concepts=(METASTASIS,), sites=event.sites, kind="metastasis", diagnosis_id=event.diagnosis, date=event.date,
        )
        for event in context.patient.disease_status if event.status == "distant metastasis"
    )  # fmt: skip
    return (*rows, *events)


def of_kind(row: Condition, kind: Kind) -> bool:
    """Whether a row is, or may be, of the kind a pattern asks for."""
    asked = KINDS_OF.get(kind)
    if asked is None:
        return row.kind not in ("allergy", "family history")
    if row.kind is not None:
        return row.kind == asked
    # A row of no kind may be anything as far as its name lets it.
    return not row.histologies if kind is Kind.TOXICITY else not (row.histologies or row.concepts)


def named_as(context: Context, records: t.Records, row: Condition) -> list[Finding]:
    """Whether the row's name is what is asked for; a name never becomes another."""
    if records.kind is Kind.ALLERGY:
        means = tuple(Reading(id) for id in row.agents or row.concepts)
    else:
        means = dz.readings(context, row)
    of_a_metastasis = row.kind == "metastasis" and bool(means) and all(reading.site is None for reading in means)
    place = "site" if of_a_metastasis else "meaning"
    name = row.raw or "the unnamed entry"
    missing = Missing(records.kind.value, (row.raw or "unnamed",), place, "", f"{place} of {name}", "look_up")

    def named(concepts: t.Concepts) -> Finding:
        if concepts.is_any:
            return met(Change.NEVER, dz.evidence_of(row))
        asked = context.concepts(concepts, CONCEPT_DOMAINS[records.kind])
        if not means and not _could_hold(context, row, asked):
            return not_met(Change.NEVER)
        return concept_finding(context, means, asked, row, Change.NEVER, missing=missing)

    found = [named(records.concepts)]
    if records.other_than is not None:
        found.append(negate(named(records.other_than)))
    if records.kind in KINDS_OF and row.kind is None and row.grade is None:
        # A grade is given to a toxicity alone; without one a row of no kind may as well be a comorbidity.
        found.append(missing_field(row, records.kind, "kind"))
    return found


def _could_hold(context: Context, row: Condition, asked: tuple[str, ...]) -> bool:
    """Whether an entry that nobody could read may be what is asked: a primary is a cancer, a toxicity none.

    A list of comorbidities may hold an earlier cancer or its spread.
    """
    if row.kind not in ("primary", "toxicity"):
        return True
    tumours = [
        context.concept(id).domain is Domain.CANCER or context.vocabulary.is_below(id, METASTASIS) for id in asked
    ]
    return any(tumours) if row.kind == "primary" else not all(tumours)


def _of_this_cancer(context: Context, row: Condition) -> list[Finding]:
    """A metastasis is one of this cancer's (SEMANTICS §1.4)."""
    if not isinstance(context.focus, dz.Disease) or not dz.is_metastasis(context, row):
        return []
    of_it = dz.belongs(context, row.diagnosis_id)
    if of_it is Truth.NOT_MET:
        return [not_met(Change.NEVER)]
    if of_it is Truth.MET:
        return []
    return [replace(missing_field(row, Kind.CONDITION, "diagnosis"), reason=Reason.IMPRECISE)]


def _presence(
    context: Context, records: t.Records, unit: dz.Disease, lesion: dz.Disease, ever: bool, absent: Sequence[Condition]
) -> list[Finding]:
    """What `has` asks of a condition beside its name: that it is current; of an event, or in history, that it was."""
    if any(item.field == "status" for item in records.tests):
        return []
    row = unit.rows[-1]
    name = row.raw or "the unnamed entry"
    text = f"whether {name} is still present" if not ever else f"whether {name} is confirmed"
    missing = (Missing(records.kind.value, (row.raw or "unnamed",), "status", "", text, "look_up"),)
    if not ever:
        return [_current(context, unit, absent, missing)]
    evidence = dz.evidence_of(row)
    if row.date is not None and any(dz.denies(context, each, row) and each.date == row.date for each in absent):
        return [unknown(Reason.CONFLICTING, evidence=(evidence,), missing=missing)]
    if row.status in (None, "present", "resolved"):
        return [met(Change.NEVER, evidence)]
    return [unknown(Reason.IMPRECISE, evidence=(evidence,), missing=missing)]


def _graded(row: Condition) -> str:
    name = row.raw or "unnamed"
    return f"{name}, grade {row.grade:g}" if row.grade is not None else name


# --- fields --------------------------------------------------------------------------------------------------------


def _fields(
    context: Context, records: t.Records, unit: dz.Disease, absent: Sequence[Condition]
) -> dict[str, Callable[[t.Test], Finding]]:
    row, kind = unit.rows[-1], records.kind
    return {
        "state": lambda test: states_test(
            context, unit, test, kind, lambda missing: _current(context, unit, absent, missing)
        ),
        "status": lambda test: state_finding(
            context, _status(context, unit, absent), "condition_status", test, row, kind, "status"
        ),
        "grade": lambda test: _grade_test(unit, test, kind),
        "site": site_test(context, row, row.sites, kind),
        "kind": lambda test: kind_test(row, test, kind),
        "due_to": link_test(context, row, row.due_to, "due_to", kind, (Domain.DRUG, Domain.PROCEDURE)),
        "for": link_test(context, row, (), "for", kind, (Domain.CONDITION, Domain.CANCER)),
    }


def kind_test(row: Condition, test: t.Test, kind: Kind) -> Finding:
    """`kind:` of a row, as recorded."""

    def leaf(test: t.Code | t.Compare | t.Link) -> Finding:
        assert isinstance(test, t.Code)  # the tree refuses anything else
        if row.kind is None:
            return missing_field(row, kind, "kind")
        return code_finding("condition_kind", row.kind, test.code, row, kind, "kind", Change.NEVER)

    return test_finding(test, leaf)


def _grade_test(disease: dz.Disease, test: t.Test, kind: Kind) -> Finding:
    """CTCAE grade, the latest recorded; `> baseline` compares with the row's own baseline."""
    graded = rivals([row for row in disease.rows if row.grade is not None])

    def one(row: Condition, test: t.Compare) -> Finding:
        limit = row.baseline_grade if test.number is None else test.number
        if limit is None:
            return missing_field(row, kind, "baseline_grade")
        truth = compare(Interval.point(row.grade or 0.0), test.operator, Interval.point(limit))
        return (met if truth is Truth.MET else not_met)(Change.COURSE, dz.evidence_of(row, _graded(row)))

    def leaf(test: t.Code | t.Compare | t.Link) -> Finding:
        assert isinstance(test, t.Compare)  # the tree refuses anything else
        if not graded.rows:
            return missing_field(disease.rows[-1], kind, "grade")
        return graded.agreed([one(row, test) for row in graded.rows])

    return test_finding(test, leaf)


#: States that deny each other; a row that states one of a pair denies the other, a row that states neither is silent.
OPPOSITES: dict[str, tuple[str, ...]] = {
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


def states_test(
    context: Context, disease: dz.Disease, test: t.Test, kind: Kind, current: Callable[[tuple[Missing, ...]], Finding]
) -> Finding:
    """`state: treated and stable for 4 weeks`: a set of words that the latest dated row with states gives."""
    row = disease.rows[-1]
    name = row.raw or "the unnamed entry"
    words = f"state of {name} (active, treated, stable, symptomatic …)"
    missing = (Missing(kind.value, (row.raw or "unnamed",), "state", "", words, "look_up"),)
    stating = [each for each in disease.rows if each.states]
    latest = rivals(stating)

    def one(each: Condition, test: t.Code) -> Finding:
        evidence = dz.evidence_of(each, f"{each.raw}: {', '.join(each.states)}")
        if states_are(each, test.code):
            found = met(Change.COURSE, evidence)
            explicit = Days.of(each.state_since) if each.state_since is not None else None
            return lasting(context, found, _run(stating, each, test.code), explicit, test.lasting, missing)
        if any(state in OPPOSITES[test.code] for state in each.states):
            return not_met(Change.COURSE, evidence)
        return unknown(Reason.NOT_RECORDED, evidence=(evidence,), missing=missing)

    def leaf(test: t.Code | t.Compare | t.Link) -> Finding:
        assert isinstance(test, t.Code)  # the tree refuses anything else
        if test.code == "ongoing":
            return current(missing)
        if not latest.rows:
            return unknown(Reason.NOT_RECORDED, evidence=(dz.evidence_of(row),), missing=missing)
        return latest.agreed([one(each, test) for each in latest.rows])

    return test_finding(test, leaf)


def states_are(row: Condition, asked: str) -> bool:
    """Whether a row states what is asked for."""
    recorded = [state for state in row.states if state in CODED["state"]]
    return any(code_relation("state", state, asked) is CodeRelation.WITHIN for state in recorded)


def _run(stating: Sequence[Condition], row: Condition, code: str) -> Days | None:
    """The day of the first of the rows that have said so without a break up to this one."""
    if row.date is None:
        return None
    upto = row.date.first
    since = row.date
    earlier = [(each.date, each) for each in stating if each.date is not None and each.date.first <= upto]
    for day, each in sorted(earlier, key=lambda pair: pair[0].first, reverse=True):
        if not states_are(each, code):
            break
        since = day
    return Days.of(since)


# --- being current -------------------------------------------------------------------------------------------------


def _status(context: Context, disease: dz.Disease, absent: Sequence[Condition]) -> dz.State:
    """The status of a disease; a row that says none says that it is present, one that denies a wider one denies it."""
    told = {row.id for row in disease.rows}
    denying = [row for row in absent if row.id not in told and dz.denies(context, row, disease.rows[-1])]
    return dz.latest([
        dz.Statement(row.status or "present", _said_on(row), dz.evidence_of(row)) for row in (*disease.rows, *denying)
    ])  # fmt: skip


def _said_on(row: Condition) -> Days | None:
    """The day of which a row's status speaks: of a resolved one, its end."""
    day = row.end or row.date if row.status == "resolved" else row.date
    return None if day is None else Days.of(day)


def _current(
    context: Context, disease: dz.Disease, absent: Sequence[Condition], missing: tuple[Missing, ...]
) -> Finding:
    """Whether a disease is there at the as-of date (SEMANTICS §2.1)."""
    state = _status(context, disease, absent)
    evidence = state.evidence
    if state.codes == ("absent",) or _over(context, disease, state):
        return not_met(Change.COURSE, *evidence)
    last = disease.rows[-1]
    ending = state.codes == ("present",) and last.end is not None and last.end.first.toordinal() < context.asked
    if state.codes != ("present",) or ending:
        return unknown(state.reason or Reason.IMPRECISE, evidence=evidence, missing=missing)
    temporal = temporal_of(context, disease)
    change = Change.NEVER if temporal == "chronic" else Change.COURSE
    if temporal != "acute":
        return met(change, *evidence)
    told = [row.date.last.toordinal() for row in disease.rows if row.date is not None]
    lapses = max(told, default=PAST) + context.settings.acute + 1
    if context.known >= lapses:
        reason = Reason.STALE if told else Reason.IMPRECISE
        return unknown(reason, evidence=evidence, missing=missing)
    return replace(met(change, *evidence), flips=(lapses,))


def _over(context: Context, disease: dz.Disease, state: dz.State) -> bool:
    """Whether a disease has ended: by its end, or because a later row than those that saw it calls it resolved."""
    if state.codes not in (("present",), ("resolved",)):
        return False
    last = disease.rows[-1]
    if last.end is not None:
        return last.end.last.toordinal() < context.asked
    if state.codes == ("present",) or last.date is None:
        return False
    # "Resolved" beside the date of its onset says nothing of when; beside an earlier sighting it does.
    return any(row.date is not None and row.date.last < last.date.first for row in disease.rows)


def temporal_of(context: Context, disease: dz.Disease) -> str:
    """event, acute, state or chronic, as the vocabulary says of the condition; toxicities pass, the rest stays."""
    row = disease.rows[-1]
    for head in row.concepts or row.histologies:
        temporal = context.concept(head).attributes.get("temporal")
        if temporal:
            return temporal
    return "acute" if row.kind == "toxicity" else "state"


def _course(context: Context, unit: dz.Disease, lesion: dz.Disease, absent: Sequence[Condition]) -> Course:
    """From onset to end. What is current reaches the as-of date; what nobody saw end may."""
    row = unit.rows[-1]
    if temporal_of(context, lesion) == "event":
        return Course.event(days_upto(row.date, context))
    dated = [Days.of(each.date) for each in unit.rows if each.date is not None]
    start = Days(min(d.lo for d in dated), min(d.hi for d in dated)) if dated else Days(PAST, context.asked)
    start = start.upto(context.asked)
    if row.end is not None:
        end = Days.of(row.end).upto(context.asked)
        return Course(start, Days(max(end.lo, start.lo), end.hi))
    last = max((d.lo for d in dated), default=PAST)
    ceases = Change.NEVER if temporal_of(context, lesion) == "chronic" else Change.COURSE
    if row is lesion.rows[-1] and _current(context, lesion, absent, ()).truth is Truth.MET:
        return Course(start, Days.on(context.asked), ceases)
    return Course(start, Days(last, context.asked), ceases)


# --- silence -------------------------------------------------------------------------------------------------------

#: What it costs to learn of a condition of a kind, and what a person calls the list of them.
_COSTS = {
    "primary": "look_up",
    "metastasis": "imaging",
    "comorbidity": "look_up",
    "toxicity": "ask",
    "allergy": "ask",
    "family history": "ask",
}
_LISTS = {
    "": "conditions",
    "primary": "cancers",
    "metastasis": "metastases",
    "comorbidity": "comorbidities",
    "toxicity": "side effects (toxicities)",
    "allergy": "allergies",
    "family history": "diseases in the family",
}


def unrecorded_condition(context: Context, records: t.Records, asked: tuple[str, ...], until: int) -> Finding:
    """That nobody left out a condition that would match: by coverage, or by rows that deny everything asked.

    One more may be of any kind that would hold what is asked; the record must be complete for each.
    """
    kind = records.kind
    if kind is Kind.DIAGNOSIS and dz.primaries(context) and of_the_recorded(context, records, asked):
        until = PAST  # the identity of a patient's recorded primaries never goes stale
    found = []
    for inner, ids in kinds_asked(context, records, asked).items():
        need = Need("conditions", inner, ids, lasting=stays_current(context, inner, ids))
        denials = list(_denials(context, kind, ids))
        missing = _unknown_presence(context, records, inner)
        found.append(
            absence(
                context, need, until=until, denials=denials, change=CHANGE_OF_ABSENCE[kind], text="", missing=missing
            )
        )
    return either(found)


def _unknown_presence(context: Context, records: t.Records, inner: str) -> Missing:
    """What to ask for: whether a named condition is there; where any would do, the list of them."""
    names = records.concepts.names
    if records.concepts.is_any:
        text = f"list of {_LISTS[inner]} complete to {context.today.isoformat()}?"
        return Missing(
            "coverage", (f"kind:{inner}" if inner else "all",), "conditions", "", text, _COSTS.get(inner, "look_up")
        )
    name = " or ".join(names)
    if records.other_than is not None:
        name += f" other than {' or '.join(records.other_than.names)}"
        names = (*names, f"other than {' or '.join(records.other_than.names)}")
    return Missing(records.kind.value, names, "presence", "", f"{name}: present or not?", _COSTS[inner])


def of_the_recorded(context: Context, records: t.Records, asked: tuple[str, ...]) -> bool:
    """Whether a diagnosis is asked of the cancer the document is about, not of another malignancy beside it."""
    if context.cancer is None or context.cancer.is_any:
        return records.other_than is None or t.THIS_CANCER not in records.other_than.names
    cancer = context.concepts(context.cancer, (Domain.CANCER,))
    if records.other_than is not None:
        names = [name for name in records.other_than.names if name != t.THIS_CANCER]
        other = [id for name in names for id in context.named(name, (Domain.CANCER,))]
        if len(names) < len(records.other_than.names) or any(
            all(context.vocabulary.is_below(each, id) for each in cancer) for id in other
        ):
            return False
    return not asked or any(
        context.vocabulary.relation(each, id) is not Relation.DISJOINT for each in cancer for id in asked
    )


def kinds_asked(context: Context, records: t.Records, asked: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """The kinds of condition whose lists would hold what is asked for, each with what is asked of it; "" is any."""
    if records.kind is Kind.DIAGNOSIS:
        return {"primary": asked}
    if records.kind in KINDS_OF:
        return {KINDS_OF[records.kind]: asked}
    tested = next((codes_of(item.test) for item in records.tests if item.field == "kind"), ())
    kinds = {id: _kinds_holding(context.vocabulary, id) for id in asked}
    found = {
        inner: tuple(id for id in asked if inner in kinds[id])
        for inner in dict.fromkeys(inner for id in asked for inner in kinds[id])
        if not tested or inner in tested
    }
    return found or dict.fromkeys(tested, asked) or {"": asked}


@lru_cache(maxsize=8192)
def _kinds_holding(vocabulary: Vocabulary, id: str) -> tuple[str, ...]:
    """The kinds under which a condition may be recorded.

    What CTCAE grades may have been noted as a toxicity; a chronic disease is a comorbidity whatever brought it on.
    """
    if vocabulary.is_below(id, METASTASIS):
        return ("metastasis",)
    if vocabulary.concept(id).domain is Domain.CANCER:
        return ("primary",)
    below = (vocabulary.concept(each).attributes for each in vocabulary.descendants(id))
    passing = any("ctcae" in each and each.get("temporal") != "chronic" for each in below)
    return ("comorbidity", "toxicity") if passing else ("comorbidity",)


def stays_current(context: Context, inner: str, asked: tuple[str, ...]) -> bool:
    """Other malignancies and chronic conditions are asked after less often; so are allergies and the family's."""
    if inner in ("primary", "allergy", "family history"):
        return True
    return bool(asked) and all(context.concept(id).attributes.get("temporal") == "chronic" for id in asked)


def _denials(context: Context, kind: Kind, asked: tuple[str, ...]) -> Iterable[tuple[str, Through]]:
    """What rows that say *absent* deny, and until when."""
    for row in context.patient.conditions:
        if row.status != "absent" or not of_kind(row, kind):
            continue
        day = row.date.first if row.date is not None else row.recorded
        heads = tuple(Reading(id) for id in row.agents) if kind is Kind.ALLERGY else dz.readings(context, row)
        if day is None or len(heads) != 1:
            continue
        through = Through(day.toordinal(), f"{row.raw} absent", str(row.source), row.id)
        for id in asked:
            if denied_by(context, heads[0], id):
                yield id, through


def denied_by(context: Context, absent: Reading, asked: str) -> bool:
    """Whether an absent reading denies a concept: its own and all below it, and at a site only what lies there."""
    if absent.site is None:
        return context.vocabulary.is_below(asked, absent.concept)
    head, site = context.vocabulary.axes(asked)
    return (
        head is not None
        and context.vocabulary.is_below(head, absent.concept)
        and site is not None
        and context.vocabulary.is_below(site, absent.site)
    )
