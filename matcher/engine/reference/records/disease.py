"""The patient's cancers and other diseases as things that last, each told of by one statement or several.

Rows of one diagnosis or lesion are gathered; what they say of a state (extent, stage, status) holds from the latest
dated statement on. *This cancer* is the primary a document is about: its own facts are told apart from the others'
here (SEMANTICS §1.4, §2.1).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import product

from matcher.engine.reference.context import Context, Reading, relation
from matcher.engine.reference.days import FUTURE, PAST, Days
from matcher.engine.reference.records.coverage import METASTASIS, data_through, kind_of
from matcher.engine.results import Evidence
from matcher.engine.truth import Reason, Truth
from patients.facts import Condition, Fact, PartialDate, code_relation, folded
from patients.facts.coded import CodeRelation
from patients.vocabulary import Domain, Relation
from trials.criteria import tree as t

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
    """What a state may be at the as-of date: its possible codes, why there are several, and who says so.

    It has been so at least since `since`; from a day of `flips` on it may no longer hold. `open` says that none of the
    codes need be so: all that is known is suspected.
    """

    codes: tuple[str, ...]
    reason: Reason | None = None
    evidence: tuple[Evidence, ...] = ()
    since: Days | None = None
    flips: tuple[int, ...] = ()
    open: bool = False


@dataclass(frozen=True, slots=True)
class Disease:
    """One diagnosis or lesion: all rows that tell of it, oldest first, undated ones last.

    `denied` holds rows that say *absent* of it on the day of its latest statement, or on a day nobody recorded.
    """

    rows: tuple[Condition, ...]
    denied: tuple[Condition, ...] = ()

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
    """Whether a row tells of a primary tumour: by its kind, or because it names a tumour and no other kind."""
    return kind_of(context, row) == "primary"


def primaries(context: Context) -> tuple[Disease, ...]:
    """The patient's primaries, each once; one that a later row denies is none.

    A row of no kind whose name no vocabulary knows may be anything, a primary too: it stands for one only where the
    patient has no other, so that an unread remark does not put a second cancer beside the recorded one.
    """
    if "primaries" not in context.cache:
        rows = [row for row in context.patient.conditions if row.status != "absent"]
        absent = [row for row in context.patient.conditions if row.status == "absent"]
        told = [row for row in rows if is_primary(context, row)] or [
            row for row in rows if row.kind is None and not (row.histologies or row.concepts or row.agents)
        ]
        gathered = [_refuted(context, tumour, absent) for tumour in _gather(context, told, same_tumour)]
        context.cache["primaries"] = tuple(tumour for tumour in gathered if tumour is not None)
    return context.cache["primaries"]  # type: ignore[return-value]  # written under this key one line above


def _refuted(context: Context, tumour: Disease, absent: list[Condition]) -> Disease | None:
    """A primary with the rows that may deny it; None where a later one does."""
    latest_day = max((row.date.last for row in tumour.rows if row.date is not None), default=None)
    earliest = min((row.date.first for row in tumour.rows if row.date is not None), default=None)
    doubts = []
    for row in absent:
        same_id = bool(row.diagnosis_id) and row.diagnosis_id in tumour.ids
        named = row.concepts or row.histologies
        if not same_id and not (named and all(denies(context, row, each) for each in tumour.rows)):
            continue
        if row.date is None or latest_day is None or earliest is None:
            doubts.append(row)
        elif row.date.first > latest_day:
            return None
        elif row.date.last >= latest_day:
            doubts.append(row)
    return replace(tumour, denied=tuple(doubts))


def denies(context: Context, absent: Condition, row: Condition) -> bool:
    """Whether an absent row denies another: its concept and all below it, nothing above (SEMANTICS §2.1)."""
    if absent.kind is not None and row.kind is not None and absent.kind != row.kind:
        return False
    mine, theirs = readings(context, row), readings(context, absent)
    return len(theirs) == 1 and bool(mine) and all(
        each == theirs[0]
        or (
            relation(context.vocabulary, each, theirs[0].concept) is Relation.BELOW
            and (
                theirs[0].site is None
                or (each.site is not None and context.vocabulary.is_below(each.site, theirs[0].site))
            )
        )
        for each in mine
    )  # fmt: skip


def lesions(context: Context, rows: Iterable[Condition]) -> tuple[Disease, ...]:
    """Other diseases: rows of the same meaning, kind and site are statements about one."""
    return _gather(context, list(rows), _same_lesion)


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


def same_tumour(context: Context, a: Condition, b: Condition) -> bool:
    """Whether two rows tell of one primary: by the registry's name of it, else by what and where it is."""
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


def belongs(context: Context, diagnosis: str | None) -> Truth:
    """Whether a fact that names `diagnosis` (or none) tells of this cancer.

    Where the patient has no cancer that the document is about, nothing is known to; where neither a document nor the
    patient's record names any cancer, the facts tell of the one there is.
    """
    if isinstance(context.focus, Disease):
        return belongs_to(context, context.focus, diagnosis)
    return Truth.MET if context.cancer is None and not primaries(context) else Truth.UNKNOWN


def belongs_to(context: Context, tumour: Disease, diagnosis: str | None) -> Truth:
    """Whether a fact that names `diagnosis` (or none) tells of one of the patient's primaries."""
    others = [other for other in _malignant(context) if other is not tumour]
    if diagnosis:
        if diagnosis in tumour.ids:
            return Truth.MET
        if any(diagnosis in other.ids for other in primaries(context)):
            return Truth.NOT_MET
        ids = context.vocabulary.find(diagnosis, Domain.CANCER)
        if not ids:
            return Truth.UNKNOWN  # of a diagnosis that no row and no list tells of
        mine = context.is_a(tumour_readings(context, tumour), ids)[0]
        theirs = [context.is_a(tumour_readings(context, other), ids)[0] for other in others]
        if mine is Truth.NOT_MET:
            return Truth.NOT_MET
        if mine is Truth.MET and all(each is Truth.NOT_MET for each in theirs):
            return Truth.MET
    return Truth.UNKNOWN if others else Truth.MET


def _malignant(context: Context) -> tuple[Disease, ...]:
    """The primaries that are, or may be, malignant."""
    if "malignant" not in context.cache:
        context.cache["malignant"] = tuple(
            tumour for tumour in primaries(context)
            if any(is_malignant(context, row) is not Truth.NOT_MET for row in tumour.rows)
        )  # fmt: skip
    return context.cache["malignant"]  # type: ignore[return-value]  # written under this key one line above


# --- states --------------------------------------------------------------------------------------------------------


def latest(statements: list[Statement]) -> State:
    """The state that the latest dated statement gives; several where days, or words of one day, leave it open."""
    certain = [s for s in statements if s.day is not None and not s.may]
    newest = max((s.day.lo for s in certain if s.day is not None), default=PAST)
    possible = [s for s in statements if s.day is None or s.day.hi >= newest]
    codes = tuple(dict.fromkeys(s.code for s in possible))
    evidence = tuple(dict.fromkeys(s.evidence for s in possible))
    if len(codes) == 1 and not all(s.may for s in possible):
        return State(codes, None, evidence, _since(statements, codes[0]))
    same_day = len({s.day for s in possible}) == 1 and possible[0].day is not None and possible[0].day.exact
    reason = Reason.CONFLICTING if same_day and len(codes) > 1 else Reason.IMPRECISE
    return State(codes, reason if codes else None, evidence, open=all(s.may for s in possible))


def _since(statements: list[Statement], code: str) -> Days | None:
    """The first day of the unbroken run of statements of a code that reaches the latest one."""
    since: Days | None = None
    for lo, hi, each in sorted((s.day.lo, s.day.hi, s.code) for s in statements if s.day is not None and not s.may):
        since = (since or Days(lo, hi)) if each == code else None
    return since


def attribute(disease: Disease, name: str, default: str | None = None) -> State:
    """A field of a disease from the latest row that records it; a row that leaves it out says `default`."""
    statements = [
        Statement(str(value), None if row.date is None else Days.of(row.date), evidence_of(row, f"{row.raw}: {value}"))
        for row in disease.rows
        if (value := getattr(row, name) or default) is not None
    ]
    return latest(statements)


def extent(context: Context, tumour: Disease) -> State:
    """The extent of a primary: stated, or metastatic by a metastasis or a distant-metastasis event of that cancer."""
    explicit = list(_stated_extents(tumour))
    held = latest(explicit)
    if held.reason is None and held.codes and extent_within(held.codes[0], METASTATIC):
        # What is metastatic already is not superseded by one more metastasis.
        return held
    state = latest([*explicit, *_metastases(context, tumour)])
    if not state.codes or all(extent_within(code, METASTATIC) for code in state.codes):
        return state
    lapses = _lapses(context, tumour)
    if lapses is not None and context.known < lapses:
        return replace(state, flips=(lapses,))
    worse = dict.fromkeys((*state.codes, *(each for code in state.codes for each in WORSE.get(code, ()))))
    return State(tuple(worse), Reason.STALE, state.evidence)


METASTATIC = "metastatic"

#: What a disease of an extent may have become since it was last stated: further on, never back.
WORSE = {
    "localized": ("locally advanced", "unresectable", "recurrent", "advanced", METASTATIC),
    "locally advanced": ("unresectable", "recurrent", "advanced", METASTATIC),
    "recurrent": ("unresectable", "advanced", METASTATIC),
    "unresectable": (METASTATIC,),
    "advanced": (METASTATIC,),
}


def _stated_extents(tumour: Disease) -> Iterable[Statement]:
    for row in tumour.rows:
        if row.extent is not None:
            day = None if row.date is None else Days.of(row.date)
            yield Statement(row.extent, day, evidence_of(row, f"{row.raw}, {row.extent}"))


def extent_statements(context: Context, tumour: Disease) -> list[Statement]:
    """Everything that says how far a primary reaches: stated extents, metastases, distant-metastasis events."""
    return [*_stated_extents(tumour), *_metastases(context, tumour)]


def extent_within(code: str, asked: str) -> bool:
    """Whether a disease of one extent is of another: what is metastatic is advanced."""
    return code_relation("extent", code, asked) is CodeRelation.WITHIN


def _lapses(context: Context, tumour: Disease) -> int | None:
    """The first day on which an extent short of metastatic no longer holds, as the patient's record is too old."""
    reaches = data_through(context)
    if reaches is None:
        reaches = max((row.recorded.toordinal() for row in tumour.rows if row.recorded is not None), default=None)
    return None if reaches is None else reaches + context.settings.currency + 1


def _metastases(context: Context, tumour: Disease) -> Iterable[Statement]:
    for row in context.patient.conditions:
        if row.status == "absent" or not is_metastasis(context, row):
            continue
        of_it = belongs_to(context, tumour, row.diagnosis_id)
        if of_it is not Truth.NOT_MET:
            may = row.status == "suspected" or of_it is Truth.UNKNOWN
            day = None if row.date is None else Days.of(row.date)
            yield Statement(METASTATIC, day, evidence_of(row, row.raw or "metastasis"), may)
    for row in tumour.rows:
        if row.m is not None and M1.match(folded(row.m)):
            yield Statement(METASTATIC, None if row.date is None else Days.of(row.date), evidence_of(row, row.m))
    for event in context.patient.disease_status:
        if event.status != "distant metastasis":
            continue
        of_it = belongs_to(context, tumour, event.diagnosis)
        if of_it is not Truth.NOT_MET:
            day = None if event.date is None else Days.of(event.date)
            yield Statement(METASTATIC, day, evidence_of(event, event.status), of_it is Truth.UNKNOWN)


#: A recorded M category that says metastatic, whatever its prefix and whatever follows: M1, cM1, ypM1b, M1 (PUL).
M1 = re.compile(r"^[acpry]*m? ?1(?!\d)")


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
