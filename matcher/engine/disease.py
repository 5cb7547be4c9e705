"""The patient's cancers and other diseases as things that last, each told of by one statement or several.

Rows of one diagnosis or lesion are gathered; what they say of a state (extent, stage, status) holds from the latest
dated statement on. *This cancer* is the primary a document is about: its own facts are told apart from the others'
here (SEMANTICS §1.4, §2.1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import product

from matcher.engine.context import Context, Reading
from matcher.engine.coverage import Need, complete_through, data_through
from matcher.engine.days import FUTURE, PAST, Days
from matcher.engine.results import Evidence
from matcher.engine.truth import Reason, Truth
from patients.facts import Condition, Fact, PartialDate, code_relation, folded
from patients.facts.coded import CodeRelation
from patients.vocabulary import Domain, Relation
from trials.criteria import tree as t

METASTASIS = "metastasis"
MALIGNANCY = "malignancy"


@dataclass(frozen=True, slots=True)
class Statement:
    """A code that some fact states from a day on; `may` marks one that is only suspected."""

    code: str
    day: Days | None
    evidence: Evidence
    may: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """What a state may be at the as-of date: its possible codes, why there are several, and who says so."""

    codes: tuple[str, ...]
    reason: Reason | None = None
    evidence: tuple[Evidence, ...] = ()
    since: Days | None = None


@dataclass(frozen=True, slots=True)
class Disease:
    """One diagnosis or lesion: all rows that tell of it, oldest first, undated ones last."""

    rows: tuple[Condition, ...]

    @property
    def ids(self) -> frozenset[str]:
        """The registry's own names for the diagnosis."""
        return frozenset(row.diagnosis_id for row in self.rows if row.diagnosis_id)


def evidence_of(fact: Fact, value: str = "", unit: str = "") -> Evidence:
    """A fact as evidence: its name or value, its date and its source."""
    day: PartialDate | None = getattr(fact, "date", None) or getattr(fact, "start", None)
    end: PartialDate | None = getattr(fact, "end", None) if hasattr(fact, "start") else None
    shown = str(day) if day is not None else ""
    if end is not None:
        shown = f"{shown or 'start not recorded'} to {end}"
    elif getattr(fact, "ongoing", None) is True:
        shown = f"{shown} to date".strip()
    return Evidence(fact.id, value or fact.raw or "unnamed", unit, shown, str(fact.source))


def name_of(disease: Disease) -> str:
    """What the source calls a disease, by its latest row."""
    return disease.rows[-1].raw or "unnamed diagnosis"


def readings(context: Context, row: Condition) -> tuple[Reading, ...]:
    """What a condition row may mean."""
    heads = row.histologies or row.concepts
    if not heads and row.kind == METASTASIS:
        heads = (METASTASIS,)
    if not row.sites:
        return tuple(Reading(head) for head in heads)
    return tuple(Reading(head, site) for head, site in product(heads, row.sites))


def is_malignant(context: Context, row: Condition) -> Truth:
    """Whether a row tells of a malignant disease."""
    if not (row.histologies or row.concepts):
        return Truth.UNKNOWN
    return context.is_a(readings(context, row), (MALIGNANCY,))[0]


def is_primary(context: Context, row: Condition) -> bool:
    """Whether a row may tell of a primary tumour: by its kind, or because it names a tumour and no other kind."""
    if row.kind is not None:
        return row.kind == "primary"
    if row.histologies:
        return METASTASIS not in row.histologies
    if row.concepts:
        return context.concept(row.concepts[0]).domain is Domain.CANCER
    return True


def primaries(context: Context) -> tuple[Disease, ...]:
    """The patient's primaries, each once, rows that deny one left out."""
    return _cached(context, "primaries", lambda: _gather(
        context,
        [row for row in context.patient.conditions if row.status != "absent" and is_primary(context, row)],
        _same_tumour,
    ))  # fmt: skip


def lesions(context: Context, rows: Iterable[Condition]) -> tuple[Disease, ...]:
    """Other diseases: rows of the same meaning, kind and site are statements about one."""
    return _gather(context, list(rows), _same_lesion)


def _cached(context: Context, key: str, make: Callable[[], tuple[Disease, ...]]) -> tuple[Disease, ...]:
    if key not in context.cache:
        context.cache[key] = make()
    return context.cache[key]  # type: ignore[return-value]  # written under this key two lines above


def _gather(
    context: Context, rows: list[Condition], same: Callable[[Context, Condition, Condition], bool]
) -> tuple[Disease, ...]:
    groups: list[list[Condition]] = []
    for row in sorted(rows, key=lambda row: (row.date is None, row.date or PartialDate.parse("2200"), row.id)):
        for group in groups:
            if all(same(context, row, other) for other in group):
                group.append(row)
                break
        else:
            groups.append([row])
    return tuple(Disease(tuple(group)) for group in groups)


def _same_tumour(context: Context, a: Condition, b: Condition) -> bool:
    if a.diagnosis_id and b.diagnosis_id:
        return a.diagnosis_id == b.diagnosis_id
    if {a.laterality, b.laterality} == {"left", "right"} or not (a.named and b.named):
        return False
    heads = _nested(context, a.histologies or a.concepts, b.histologies or b.concepts)
    return heads and (not a.sites or not b.sites or _nested(context, a.sites, b.sites))


def _nested(context: Context, a: tuple[str, ...], b: tuple[str, ...]) -> bool:
    if set(a) == set(b):
        return bool(a)
    return (
        len(a) == len(b) == 1
        and context.vocabulary.relation(a[0], b[0]) in (Relation.BELOW, Relation.ABOVE)
    )  # fmt: skip


def _same_lesion(context: Context, a: Condition, b: Condition) -> bool:
    if a.diagnosis_id and b.diagnosis_id and a.diagnosis_id != b.diagnosis_id:
        return False
    meaning = (a.concepts, a.histologies, a.agents) == (b.concepts, b.histologies, b.agents)
    named = bool(a.concepts or a.histologies or a.agents) or folded(a.raw) == folded(b.raw)
    return meaning and named and a.sites == b.sites and _kind(a) == _kind(b)


def _kind(row: Condition) -> str | None:
    return "comorbidity" if row.kind is None else row.kind


def tumour_readings(context: Context, tumour: Disease) -> tuple[Reading, ...]:
    """What a primary may be: the most specific meanings of its rows that lie within the others."""
    found = list(dict.fromkeys(reading for row in tumour.rows for reading in readings(context, row)))
    keep = []
    for reading in found:
        wider = [
            other for other in found if other != reading
            and context.vocabulary.relation(other.concept, reading.concept) is Relation.BELOW
            and (other.concept != reading.concept or (reading.site is None and other.site is not None)
                 or (reading.site is not None and other.site is not None
                     and context.vocabulary.relation(other.site, reading.site) is Relation.BELOW))
        ]  # fmt: skip
        if not wider:
            keep.append(reading)
    # A histology refined by one row and a site given by another belong together.
    sites = [reading.site for reading in found if reading.site is not None]
    return tuple(dict.fromkeys(r if r.site is not None or not sites else Reading(r.concept, sites[-1]) for r in keep))


# --- this cancer ---------------------------------------------------------------------------------------------------


def candidates(context: Context) -> tuple[tuple[Disease, Truth], ...]:
    """The primaries that are, or may be, the cancer of the document; every malignant one where it declares none."""
    found = []
    for tumour in primaries(context):
        is_one = tumour_is(context, tumour, context.cancer)[0]
        if is_one is not Truth.NOT_MET:
            found.append((tumour, is_one))
    return tuple(found)


def tumour_is(context: Context, tumour: Disease, cancer: t.Concepts | None) -> tuple[Truth, Reason | None]:
    """Whether a primary is one of a set of cancers."""
    asked = (MALIGNANCY,) if cancer is None or cancer.is_any else context.concepts(cancer, (Domain.CANCER,))
    return context.is_a(tumour_readings(context, tumour), asked)


def of_focus(context: Context, diagnosis: str | None) -> Truth:
    """Whether a fact that names `diagnosis` (or none) belongs to this cancer."""
    focus = context.focus
    if not isinstance(focus, Disease):
        return Truth.UNKNOWN
    malignant = [
        p for p in primaries(context) if any(is_malignant(context, row) is not Truth.NOT_MET for row in p.rows)
    ]
    others = [p for p in malignant if p is not focus]
    if diagnosis:
        if diagnosis in focus.ids:
            return Truth.MET
        if any(diagnosis in other.ids for other in others):
            return Truth.NOT_MET
        ids = context.vocabulary.find(diagnosis, Domain.CANCER)
        if ids:
            mine = context.is_a(tumour_readings(context, focus), ids)[0]
            theirs = [context.is_a(tumour_readings(context, other), ids)[0] for other in others]
            if mine is Truth.NOT_MET:
                return Truth.NOT_MET
            if mine is Truth.MET and all(each is Truth.NOT_MET for each in theirs):
                return Truth.MET
    return Truth.UNKNOWN if others else Truth.MET


# --- states --------------------------------------------------------------------------------------------------------


def latest(statements: list[Statement]) -> State:
    """The state that the latest dated statement gives; several where days, or words of one day, leave it open."""
    certain = [s for s in statements if s.day is not None and not s.may]
    newest = max((s.day.lo for s in certain if s.day is not None), default=PAST)
    possible = [s for s in statements if s.day is None or s.day.hi >= newest]
    if not possible:
        return State(())
    codes = tuple(dict.fromkeys(s.code for s in possible))
    evidence = tuple(dict.fromkeys(s.evidence for s in possible))
    days = [s.day for s in possible if s.day is not None and s.code == codes[0]]
    since = Days(min(d.lo for d in days), min(d.hi for d in days)) if days and len(codes) == 1 else None
    if len(codes) == 1 and not all(s.may for s in possible):
        return State(codes, None, evidence, since)
    same_day = len({s.day for s in possible}) == 1 and possible[0].day is not None and possible[0].day.exact
    return State(codes, Reason.CONFLICTING if same_day and len(codes) > 1 else Reason.IMPRECISE, evidence)


def attribute(disease: Disease, name: str) -> State:
    """A field of a disease from the latest row that records it."""
    statements = [
        Statement(str(value), None if row.date is None else Days.of(row.date), evidence_of(row, f"{row.raw}: {value}"))
        for row in disease.rows
        if (value := getattr(row, name)) is not None
    ]
    return latest(statements)


def extent(context: Context, tumour: Disease) -> State:
    """The extent of a primary: stated, or metastatic by a metastasis or a distant-metastasis event of that cancer."""
    explicit = list(_stated_extents(tumour))
    derived = list(_metastases(context, tumour))
    held = latest(explicit)
    if held.codes and all(_within(code, "metastatic") for code in held.codes):
        # What is metastatic already is not superseded by one more metastasis.
        return held
    state = latest(explicit + derived)
    if not state.codes:
        none_seen = complete_through(context, Need("conditions", METASTASIS))
        if none_seen is not None and _current(context, none_seen.day):
            note = Evidence(none_seen.fact, f"no metastasis: {none_seen.statement}", "", "", none_seen.source)
            return State(("localized", "locally advanced", "unresectable", "recurrent"), Reason.NOT_RECORDED, (note,))
        return state
    if all(_within(code, "metastatic") for code in state.codes):
        return state
    if not _holds(context, tumour):
        worse = ("locally advanced", "unresectable", "recurrent", "metastatic")
        return State(tuple(dict.fromkeys((*state.codes, *worse))), Reason.STALE, state.evidence)
    return state


def _stated_extents(tumour: Disease) -> Iterable[Statement]:
    for row in tumour.rows:
        if row.extent is not None:
            day = None if row.date is None else Days.of(row.date)
            yield Statement(row.extent, day, evidence_of(row, f"{row.raw}, {row.extent}"))


def extent_statements(context: Context, tumour: Disease) -> list[Statement]:
    """Everything that says how far a primary reaches: stated extents, metastases, distant-metastasis events."""
    return [*_stated_extents(tumour), *_metastases(context, tumour)]


def _within(code: str, asked: str) -> bool:
    return code_relation("extent", code, asked) is CodeRelation.WITHIN


def _current(context: Context, day: int) -> bool:
    return context.known - day <= context.settings.currency


def _holds(context: Context, tumour: Disease) -> bool:
    """Whether an extent short of metastatic still holds: while the patient's record is current."""
    reaches = data_through(context)
    if reaches is None:
        recorded = [row.recorded for row in tumour.rows if row.recorded is not None]
        reaches = max(recorded).toordinal() if recorded else None
    return reaches is not None and _current(context, reaches)


def _metastases(context: Context, tumour: Disease) -> Iterable[Statement]:
    for row in context.patient.conditions:
        if row.status in ("absent",) or not is_metastasis(context, row):
            continue
        belongs = _of(context, tumour, row.diagnosis_id)
        if belongs is not Truth.NOT_MET:
            may = row.status == "suspected" or belongs is Truth.UNKNOWN
            day = None if row.date is None else Days.of(row.date)
            yield Statement("metastatic", day, evidence_of(row, row.raw or "metastasis"), may)
    for row in tumour.rows:
        if row.m is not None and folded(row.m) in ("m1", "cm1", "pm1", "1", "m1a", "m1b", "m1c", "m1d"):
            yield Statement("metastatic", None if row.date is None else Days.of(row.date), evidence_of(row, row.m))
    for event in context.patient.disease_status:
        if event.status != "distant metastasis":
            continue
        belongs = _of(context, tumour, event.diagnosis)
        if belongs is not Truth.NOT_MET:
            day = None if event.date is None else Days.of(event.date)
            yield Statement("metastatic", day, evidence_of(event, event.status), belongs is Truth.UNKNOWN)


def _of(context: Context, tumour: Disease, diagnosis: str | None) -> Truth:
    focus, context.focus = context.focus, tumour
    try:
        return of_focus(context, diagnosis)
    finally:
        context.focus = focus


def is_metastasis(context: Context, row: Condition) -> bool:
    """Whether a row tells of a metastasis."""
    if row.kind is not None:
        return row.kind == METASTASIS
    return any(
        context.vocabulary.relation(head, METASTASIS) is Relation.BELOW for head in row.histologies or row.concepts
    )


def open_day(day: Days | None) -> Days:
    """A day, or any day where none is recorded."""
    return day if day is not None else Days(PAST, FUTURE)
