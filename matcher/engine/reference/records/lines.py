"""Lines of systemic therapy, counted as a range where settings, dates or names leave it open (SEMANTICS §2.5).

The drugs of this cancer are ordered by start and grouped: what starts within 28 days of a line's first dose belongs to
it; a progression in between, or a drug that is in no part of the line, opens a new one. Every uncertain record is tried
each way it may have been, and the count is the range over those worlds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise, product

from matcher.engine.reference.context import Context, Reading
from matcher.engine.reference.days import FUTURE, PAST, Course, Days, shift
from matcher.engine.reference.records import disease as dz
from matcher.engine.reference.records.courses import given, treatment_course, under_way
from matcher.engine.reference.records.coverage import kind_of
from matcher.engine.reference.records.fields import Candidate, met, missing_field
from matcher.engine.reference.records.worsening import Worsening, worsenings
from matcher.engine.results import Finding
from matcher.engine.truth import Change, Reason, Truth, negation
from patients.facts import CodeRelation, Treatment, code_relation
from patients.vocabulary import Domain, Relation
from trials.criteria import tree as t
from trials.criteria.kinds import Kind

SYSTEMIC = "systemic anti-cancer therapy"

#: How many worlds are tried at most; beyond that every uncertain record widens the range by one on either side.
WORLDS = 512


@dataclass(frozen=True, slots=True)
class Dose:
    """A drug record placed on a day."""

    treatment: Treatment
    start: int


@dataclass(frozen=True, slots=True)
class Line:
    """One line of therapy: its drug records, and the settings it may have been given in."""

    doses: tuple[Dose, ...]
    settings: tuple[str, ...]

    @property
    def start(self) -> int:
        """The day of its first dose."""
        return self.doses[0].start

    @property
    def treatments(self) -> tuple[Treatment, ...]:
        """Its drug records."""
        return tuple(dose.treatment for dose in self.doses)


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines as the records most plainly say, the worlds that they may be, and the records that leave it open.

    `unexplored` counts the uncertain records whose every combination was too many to try.
    """

    base: tuple[Line, ...]
    worlds: tuple[tuple[Line, ...], ...]
    doubt: tuple[Treatment, ...]
    unexplored: int


def is_systemic(context: Context, treatment: Treatment) -> Truth:
    """Whether a record is a systemic anti-cancer drug."""
    if treatment.kind is not None and treatment.kind not in ("drug", "other"):
        return Truth.NOT_MET
    if not treatment.concepts:
        return Truth.UNKNOWN
    drugs = {context.concept(id).domain is Domain.DRUG for id in treatment.concepts}
    if False in drugs:
        return Truth.UNKNOWN if True in drugs else Truth.NOT_MET
    return context.is_a(tuple(Reading(id) for id in treatment.concepts), context.named(SYSTEMIC, (Domain.DRUG,)))[0]


def lines_of(context: Context) -> Lines | None:
    """The lines of this cancer, or None where the patient has no cancer that the document is about."""
    if not isinstance(context.focus, dz.Disease):
        return None
    key = ("lines", context.focus)
    if key not in context.cache:
        context.cache[key] = _build(context)
    return context.cache[key]  # type: ignore[return-value]  # written under this key one line above


def _build(context: Context) -> Lines:
    sure: list[Dose] = []
    options: list[tuple[Dose | None, ...]] = []
    doubt: list[Treatment] = []
    events = worsenings(context)
    turns = _turning_days(context, events)
    for treatment in context.patient.treatments:
        answers = (
            is_systemic(context, treatment), dz.belongs(context, treatment.diagnosis), given(context, treatment).truth,
        )  # fmt: skip
        if Truth.NOT_MET in answers:
            continue
        start = treatment_course(context, treatment).start
        if start.exact and Truth.UNKNOWN not in answers:
            sure.append(Dose(treatment, start.lo))
            continue
        # It may have begun on any day of an interval; what matters is on which side of the others it lies. What may
        # not have been given, or not for this cancer, may be none at all.
        lo = max(start.lo, min(turns, default=start.hi))
        days = sorted({lo, start.hi, *(day for day in turns if lo <= day <= start.hi)})
        absent: tuple[Dose | None, ...] = (None,) if Truth.UNKNOWN in answers else ()
        doubt.append(treatment)
        options.append((*absent, *(Dose(treatment, day) for day in days)))
    ways = _ways(events, parted=(False, True) if _parted(context) else (False,))
    if math.prod(len(option) for option in options) * len(ways) > WORLDS:
        # Too many to try: each is part of another line, or one of its own on either end of its time.
        options = [(None, *dict.fromkeys((option[0] or option[1], option[-1]))) for option in options]
    worlds: dict[tuple[Line, ...], None] = {}
    for choice in islice(product(*options), max(1, WORLDS // len(ways))):
        doses = [*sure, *(dose for dose in choice if dose is not None)]
        for way in ways:
            worlds.setdefault(_group(context, doses, way))
    unexplored = len(doubt) if math.prod(len(option) for option in options) * len(ways) > WORLDS else 0
    plain = [dose for option in options if (dose := option[-1]) is not None]
    base = _group(context, [*sure, *plain], ways[0])
    return Lines(base, tuple(worlds), tuple(doubt), unexplored)


def _turning_days(context: Context, events: Sequence[Worsening]) -> set[int]:
    """The days on whose other side a drug may belong to another line."""
    found: set[int] = set()
    joins = context.settings.line_joins + 1
    for treatment in context.patient.treatments:
        if treatment.start is not None and is_systemic(context, treatment) is not Truth.NOT_MET:
            for day in {treatment.start.first.toordinal(), treatment.start.last.toordinal()}:
                found |= {day, day - joins, day + joins}
    found |= {day + 1 for event in events for day in (event.days.lo, event.days.hi) if PAST < day < FUTURE}
    return {day for day in found if day <= context.asked}


@dataclass(frozen=True, slots=True)
class _Way:
    """One way to read what the records leave open.

    `events` are the worsenings that count, each as the day it must follow and the day it must not come after;
    `returns` whether a drug that comes back after another line belongs to its old line; `parted` whether a course
    that is said to have ended in progression parts what begins after it, within 28 days of the line's first dose.
    """

    events: tuple[tuple[int, int], ...]
    returns: bool
    parted: bool = False


def _ways(events: Sequence[Worsening], parted: Sequence[bool] = (False,)) -> list[_Way]:
    """The readings: certain worsenings alone, or all that may be; a drug that comes back joins its line or does not."""
    certain = tuple((e.days.lo, e.days.hi) for e in events if e.sure and e.counts_between_lines)
    possible = tuple((e.days.hi, e.days.lo) for e in events)
    return [
        _Way(days, returns, apart)
        for returns in (False, True)
        for days in dict.fromkeys((certain, possible))
        for apart in parted
    ]


def _parted(context: Context) -> bool:
    """Whether some course ended in progression before another began, within the days that make them one line.

    Of a response copied to each drug of a regimen, and to each of its cycles, that is so as well.
    """
    drugs = [item for item in context.patient.treatments if item.start is not None]
    return any(
        _progressed_before(one, other.start.last.toordinal())
        and other.start.first.toordinal() - one.start.last.toordinal() <= context.settings.line_joins
        for one in drugs
        for other in drugs
        if one is not other and one.end is not None and one.start is not None and other.start is not None
    )


def _group(context: Context, doses: Sequence[Dose], way: _Way) -> tuple[Line, ...]:
    ordered = sorted(doses, key=lambda dose: (dose.start, dose.treatment.id))
    groups: list[list[Dose]] = []
    for dose in ordered:
        home = next((group for group in reversed(groups) if _joins(context, group, dose, way, groups)), None)
        if home is None:
            groups.append([dose])
        else:
            home.append(dose)
    return tuple(Line(tuple(group), _line_settings(context, group)) for group in groups)


def _joins(context: Context, group: list[Dose], dose: Dose, way: _Way, groups: list[list[Dose]]) -> bool:
    """Whether a dose belongs to a line that began earlier."""
    if _apart(group, dose):
        return False
    numbers = {each.treatment.line for each in group if each.treatment.line is not None}
    if dose.treatment.line is not None and numbers:
        return numbers == {dose.treatment.line}
    last = max(each.start for each in group)
    if any(last < earliest and latest <= dose.start for earliest, latest in way.events):
        return False
    progressed = any(_progressed_before(each.treatment, dose.start) for each in group)
    if dose.start - group[0].start <= context.settings.line_joins:
        return not (way.parted and progressed and any(each.treatment.end is not None for each in group))
    if progressed:
        return False
    if not any(_same_drug(context, each.treatment, dose.treatment) for each in group):
        return False
    return way.returns or group is groups[-1]


def _apart(group: list[Dose], dose: Dose) -> bool:
    """Perioperative and advanced therapy are never one line."""
    settings = {class_of(each.treatment.setting) for each in group if each.treatment.setting is not None}
    mine = {class_of(dose.treatment.setting)} if dose.treatment.setting is not None else set()
    return bool(settings) and bool(mine) and settings.isdisjoint(mine) and "maintenance" not in settings | mine


def class_of(setting: str) -> str:
    return "perioperative" if setting in ("neoadjuvant", "adjuvant", "perioperative") else setting


def _progressed_before(treatment: Treatment, day: int) -> bool:
    """Whether a course ended in progression before a day; one that was still going on then did so later."""
    if treatment.response != "progressive disease" and treatment.stop_reason != "progression":
        return False
    return treatment.end is None or treatment.end.first.toordinal() < day


def _same_drug(context: Context, a: Treatment, b: Treatment) -> bool:
    return any(
        context.vocabulary.relation(x, y) in (Relation.BELOW, Relation.ABOVE) for x in a.concepts for y in b.concepts
    )


# --- settings ------------------------------------------------------------------------------------------------------


BY_INTENT = {
    "curative": "perioperative",
    "palliative": "advanced",
    "neoadjuvant": "neoadjuvant",
    "adjuvant": "adjuvant",
}


def setting_of(context: Context, treatment: Treatment) -> tuple[str, ...]:
    """The settings a treatment may have had, by the first of: its column, its intent, the disease, an operation."""
    if treatment.setting is not None:
        return (treatment.setting,)
    if treatment.intent in BY_INTENT:
        return (BY_INTENT[treatment.intent],)
    start = treatment_course(context, treatment).start
    if start.lo <= PAST or not isinstance(context.focus, dz.Disease):
        return ()
    certain, possible = _advanced_from(context, context.focus)
    if start.lo >= certain:
        return ("advanced",)
    if start.hi < possible and _near_resection(context, start):
        return ("perioperative",)
    return ()


def _advanced_from(context: Context, focus: dz.Disease) -> tuple[int, int]:
    """The first day on which this cancer certainly is, and the first on which it may be, metastatic or unresectable."""
    said = [
        (dz.open_day(statement.day), statement.may)
        for statement in dz.extent_statements(context, focus)
        if code_relation("extent", statement.code, "advanced") is CodeRelation.WITHIN
    ]
    certain = min((days.hi for days, may in said if not may), default=FUTURE)
    return certain, min((days.lo for days, _ in said), default=FUTURE)


def _near_resection(context: Context, start: Days) -> bool:
    """Whether a course begins within six months of an operation for this cancer, on either side of it."""
    span = t.Span(context.settings.perioperative_months, t.TimeUnit.MONTH)
    for treatment in context.patient.treatments:
        if kind_of(context, treatment) != "surgery" or given(context, treatment).truth is not Truth.MET:
            continue
        day = treatment_course(context, treatment).start
        if day.lo <= PAST or dz.belongs(context, treatment.diagnosis) is not Truth.MET:
            continue
        if shift(day.hi, span, back=True) <= start.lo and start.hi <= shift(day.lo, span):
            return True
    return False


def _line_settings(context: Context, group: Sequence[Dose]) -> tuple[str, ...]:
    """The settings of a line: what its records state, maintenance aside; none stated or inferred, any."""
    found = [setting for dose in group for setting in setting_of(context, dose.treatment)]
    plain = [setting for setting in found if setting != "maintenance"]
    return tuple(dict.fromkeys(plain or found))


# --- counting ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Counted:
    """How many lines match: at least `low`, at most `high`."""

    low: int
    high: int


def count_lines(context: Context, found: Lines, records: t.Records, matches: dict[str, Finding]) -> Counted:
    """The range of the number of lines that match a pattern.

    `matches` gives, by treatment id, the finding of the pattern's concepts and fields on each drug record.
    """
    low, high = len(context.patient.treatments), 0
    for world in found.worlds:
        truths = [line_truth(context, line, records, matches) for line in world]
        low = min(low, sum(truth is Truth.MET for truth in truths))
        high = max(high, sum(truth is not Truth.NOT_MET for truth in truths))
    numbers = [low, high, *_by_number(context, found, records, matches)]
    return Counted(max(0, min(numbers) - found.unexplored), max(numbers) + found.unexplored)


def _by_number(context: Context, found: Lines, records: t.Records, matches: dict[str, Finding]) -> Iterable[int]:
    """Recorded line numbers that the lines by date do not bear out widen the range to hold both.

    A registry may number the lines of one setting or all lines of a patient: numbers that run through either are borne
    out. A pattern that asks for some drugs only is not a run of lines.
    """
    if not is_every_line(records.concepts):
        return
    lines = [line for line in found.base if line_truth(context, line, records, matches) is not Truth.NOT_MET]
    numbered = [(dose.treatment.line, dose.start) for line in lines for dose in line.doses if dose.treatment.line]
    distinct = sorted({number for number, _ in numbered})
    starts = {number: min(day for n, day in numbered if n == number) for number in distinct}
    if any(starts[a] >= starts[b] for a, b in pairwise(distinct)):
        plain = [Dose(replace(dose.treatment, line=None), dose.start) for line in lines for dose in line.doses]
        yield from (len(_group(context, plain, way)) for way in _ways(worsenings(context)))
        yield distinct[-1]
    elif distinct:
        every = sorted({dose.treatment.line for line in found.base for dose in line.doses if dose.treatment.line})
        through_all = every == list(range(1, len(every) + 1)) and set(distinct) <= set(every[-len(distinct) :])
        first = min((line for line in lines if any(dose.treatment.line for dose in line.doses)), key=_began)
        unnumbered = [line for line in lines if not any(dose.treatment.line for dose in line.doses)]
        overlooked = any(
            _began(line) < _began(first) and may_share(line.settings, first.settings) is Truth.MET
            for line in unnumbered
        )
        if not through_all or (distinct[0] == 1 and overlooked):
            # Lines begun after the last that has a number come on top of it.
            yield distinct[-1] + sum(line.start > starts[distinct[-1]] for line in unnumbered)


def _began(line: Line) -> int:
    return line.start


def is_every_line(concepts: t.Concepts) -> bool:
    """Whether a pattern of lines asks for every systemic line."""
    return concepts.is_any or concepts.names == ("systemic",)


def line_truth(context: Context, line: Line, records: t.Records, matches: dict[str, Finding]) -> Truth:
    """Whether a line matches: by its setting and end, and by one of its drugs for concepts and other fields."""
    truth = max(matches[treatment.id].truth for treatment in line.treatments)
    for item in records.tests:
        if item.field == "setting":
            truth = min(truth, setting_truth(line.settings, item.test))
        elif item.field == "ended":
            truth = min(truth, _ended(context, line, item.test))
    return truth


def setting_truth(settings: tuple[str, ...], test: t.Test) -> Truth:
    match test:
        case t.Other(part):
            return Truth(2 - setting_truth(settings, part))
        case t.Some(parts):
            return max(setting_truth(settings, part) for part in parts)
        case t.Every(parts):
            return min(setting_truth(settings, part) for part in parts)
        case _:
            assert isinstance(test, t.Code)
            if not settings:
                return Truth.UNKNOWN
            relations = {code_relation("setting", setting, test.code) for setting in settings}
            if relations == {CodeRelation.WITHIN}:
                return Truth.MET
            return Truth.NOT_MET if relations == {CodeRelation.OUTSIDE} else Truth.UNKNOWN


def _ended(context: Context, line: Line, test: t.Test) -> Truth:
    """A line has ended when none of its drugs is under way."""
    match test:
        case t.Other(part):
            return negation(_ended(context, line, part))
        case t.Some(parts):
            return max(_ended(context, line, part) for part in parts)
        case t.Every(parts):
            return min(_ended(context, line, part) for part in parts)
        case _:
            going_on = max(under_way(context, drug, Kind.TREATMENT).truth for drug in line.treatments)
            return going_on if isinstance(test, t.Code) and test.code == "no" else negation(going_on)


def line_numbers(context: Context, treatment: Treatment) -> tuple[float, float] | None:
    """The number of the line a treatment belongs to, among the lines of its setting, as a range.

    A recorded number holds; where the dates tell of more lines before it than the number allows, the range covers both.
    """
    found = lines_of(context)
    counted: list[int] = []
    for world in found.worlds if found is not None else ():
        for index, line in enumerate(world):
            if treatment.id in {each.id for each in line.treatments}:
                earlier = [may_share(other.settings, line.settings) for other in world[:index]]
                counted.append(1 + sum(each is Truth.MET for each in earlier))
                counted.append(1 + sum(each is not Truth.NOT_MET for each in earlier))
    if treatment.line is not None:
        return (float(treatment.line), float(max(treatment.line, min(counted, default=0))))
    return (float(min(counted)), float(max(counted))) if counted else None


def may_share(one: tuple[str, ...], other: tuple[str, ...]) -> Truth:
    """Whether two lines are of one setting, so that they are numbered together."""
    mine, theirs = ({class_of(setting) for setting in settings} for settings in (one, other))
    if not mine or not theirs or "maintenance" in mine | theirs:
        return Truth.UNKNOWN
    if mine.isdisjoint(theirs):
        return Truth.NOT_MET
    return Truth.MET if len(mine | theirs) == 1 else Truth.UNKNOWN


def line_candidates(context: Context, records: t.Records, matches: dict[str, Finding]) -> list[Candidate]:
    """The lines as candidates of a pattern, each with its course; certain if they are lines in every world."""
    found = lines_of(context)
    result = []
    for line in found.base if found is not None else ():
        truth = line_truth(context, line, records, matches)
        if truth is Truth.NOT_MET:
            continue
        courses = [treatment_course(context, treatment) for treatment in line.treatments]
        course = Course(
            Days(min(c.start.lo for c in courses), min(c.start.hi for c in courses)),
            Days(max(c.end.lo for c in courses), max(c.end.hi for c in courses)),
            next((c.ceases for c in courses if c.ceases is not None), None),
        )
        evidence = dz.evidence_of(line.treatments[0], " + ".join(treatment.raw for treatment in line.treatments))
        everywhere = found is not None and all(
            any(
                other.treatments == line.treatments and line_truth(context, other, records, matches) is Truth.MET
                for other in world
            )
            for world in found.worlds
        )
        finding = met(Change.NEVER, evidence)
        if not everywhere:
            which = missing_field(line.treatments[0], Kind.TREATMENT, "line")
            finding = replace(which, reason=Reason.IMPRECISE, evidence=(evidence,))
        result.append(Candidate(line.treatments[0], course, finding, evidence))
    return result


def next_line_start(context: Context, treatment: Treatment) -> Days:
    """When the systemic line after a treatment began; FUTURE if none is known.

    For a drug of a line that is the line after it, for any other treatment the first line begun after its start.
    """
    found = lines_of(context)
    start = treatment_course(context, treatment).start
    starts = []
    for world in found.worlds if found is not None else ():
        own = next((i for i, line in enumerate(world) if treatment.id in {each.id for each in line.treatments}), None)
        if own is not None:
            starts.append(min((line.start for line in world[own + 1 :]), default=FUTURE))
        else:
            starts.append(min((line.start for line in world if line.start > start.lo), default=FUTURE))
    return Days(min(starts, default=FUTURE), max(starts, default=FUTURE))
