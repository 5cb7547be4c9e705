"""Lines of systemic therapy, counted as a range where settings, dates or names leave it open (SEMANTICS §2.5).

The drugs of this cancer are ordered by start and grouped: what starts within 28 days of a line's first dose belongs to
it; a progression in between, or a drug that is in no part of the line, opens a new one. Every uncertain record is tried
each way it may have been, and the count is the range over those worlds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise, product

from matcher.engine import disease as dz
from matcher.engine.context import Context, Reading
from matcher.engine.courses import given, treatment_course
from matcher.engine.coverage import treatment_kind
from matcher.engine.days import FUTURE, PAST, Course, Days, shift
from matcher.engine.fields import Candidate, met
from matcher.engine.results import Finding, unknown
from matcher.engine.truth import Change, Reason, Truth
from patients.facts import CodeRelation, Treatment, code_relation
from patients.vocabulary import Domain, Relation
from trials.criteria import tree as t

SYSTEMIC = "systemic anti-cancer therapy"

#: How many worlds are tried at most; beyond that every uncertain record widens the range by one on either side.
WORLDS = 128


@dataclass(frozen=True, slots=True)
class Dose:
    """A drug record placed on a day; `sure` if nothing about it is uncertain."""

    treatment: Treatment
    start: int
    sure: bool


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
    """The lines as the records most plainly say, the worlds that they may be, and whether drugs may be missing."""

    base: tuple[Line, ...]
    worlds: tuple[tuple[Line, ...], ...]
    doubt: tuple[Treatment, ...]


def is_systemic(context: Context, treatment: Treatment) -> Truth:
    """Whether a record is a systemic anti-cancer drug."""
    if treatment.kind is not None and treatment.kind not in ("drug", "other"):
        return Truth.NOT_MET
    if not treatment.concepts:
        return Truth.UNKNOWN
    if any(context.concept(id).domain is not Domain.DRUG for id in treatment.concepts):
        return (
            Truth.NOT_MET
            if all(context.concept(id).domain is not Domain.DRUG for id in treatment.concepts)
            else Truth.UNKNOWN
        )
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
    options: list[tuple[tuple[Dose, ...], ...]] = []
    doubt: list[Treatment] = []
    for treatment in context.patient.treatments:
        systemic = is_systemic(context, treatment)
        belongs = dz.of_focus(context, treatment.diagnosis)
        was_given = given(context, treatment).truth
        if Truth.NOT_MET in (systemic, belongs, was_given):
            continue
        start = treatment_course(context, treatment).start
        if Truth.UNKNOWN in (systemic, belongs, was_given) or start.lo <= PAST:
            # It may be a line of its own, a part of another, or none: present on either end of its time, or absent.
            doubt.append(treatment)
            days = {max(start.lo, _earliest(context)), min(start.hi, context.asked)}
            options.append(((), *((Dose(treatment, day, False),) for day in sorted(days))))
        elif not start.exact:
            doubt.append(treatment)
            options.append(tuple((Dose(treatment, day, False),) for day in (start.lo, start.hi)))
        else:
            sure.append(Dose(treatment, start.lo, True))
    events = progressions(context)
    choices = islice(product(*options), WORLDS)
    worlds = [_group(context, [*sure, *(dose for part in choice for dose in part)], events) for choice in choices]
    base = _group(context, [*sure, *(part[-1][0] for part in options if part[-1])], events)
    return Lines(base, tuple(dict.fromkeys(worlds)), tuple(doubt))


def _earliest(context: Context) -> int:
    days = [t.start.first.toordinal() for t in context.patient.treatments if t.start is not None]
    return min(days, default=context.asked)


def progressions(context: Context) -> tuple[Days, ...]:
    """Days on which this cancer progressed, relapsed or spread, as far as they are certain to be its own."""
    found = []
    for event in context.patient.disease_status:
        if event.status is None or event.date is None:
            continue
        bad = any(
            code_relation("disease_status", event.status, asked) is CodeRelation.WITHIN
            for asked in ("progression", "relapse")
        )
        if bad and dz.of_focus(context, event.diagnosis) is not Truth.NOT_MET:
            found.append(Days.of(event.date))
    return tuple(found)


def _group(context: Context, doses: list[Dose], events: tuple[Days, ...]) -> tuple[Line, ...]:
    ordered = sorted(doses, key=lambda dose: (dose.start, dose.treatment.id))
    groups: list[list[Dose]] = []
    for dose in ordered:
        home = next((group for group in reversed(groups) if _joins(context, group, dose, events)), None)
        if home is None:
            groups.append([dose])
        else:
            home.append(dose)
    return tuple(Line(tuple(group), _line_settings(context, group)) for group in groups)


def _joins(context: Context, group: list[Dose], dose: Dose, events: tuple[Days, ...]) -> bool:
    """Whether a dose belongs to a line that began earlier."""
    numbers = {each.treatment.line for each in group if each.treatment.line is not None}
    number = dose.treatment.line
    if number is not None and numbers:
        return numbers == {number} and not _apart(context, group, dose)
    if _apart(context, group, dose):
        return False
    last = max(each.start for each in group)
    if dose.start - group[0].start <= context.settings.line_joins:
        return True
    if any(last < event.lo <= dose.start for event in events) or any(_progressed(each.treatment) for each in group):
        return False
    return any(_same_drug(context, each.treatment, dose.treatment) for each in group)


def _apart(context: Context, group: list[Dose], dose: Dose) -> bool:
    """Perioperative and advanced therapy are never one line."""
    settings = {_class(setting) for each in group for setting in _stated(each.treatment)}
    mine = {_class(setting) for setting in _stated(dose.treatment)}
    return bool(settings) and bool(mine) and settings.isdisjoint(mine) and "maintenance" not in settings | mine


def _stated(treatment: Treatment) -> tuple[str, ...]:
    return (treatment.setting,) if treatment.setting is not None else ()


def _class(setting: str) -> str:
    return "perioperative" if setting in ("neoadjuvant", "adjuvant", "perioperative") else setting


def _progressed(treatment: Treatment) -> bool:
    return treatment.response == "progressive disease" or treatment.stop_reason == "progression"


def _same_drug(context: Context, a: Treatment, b: Treatment) -> bool:
    return any(
        context.vocabulary.relation(x, y) in (Relation.BELOW, Relation.ABOVE) for x in a.concepts for y in b.concepts
    )


def setting_of(context: Context, treatment: Treatment) -> tuple[str, ...]:
    """The settings a treatment may have been given in, by the first of: its column, its intent, the disease, surgery."""
    if treatment.setting is not None:
        return (treatment.setting,)
    if treatment.intent in ("curative", "neoadjuvant", "adjuvant"):
        return (treatment.intent,) if treatment.intent != "curative" else ("perioperative",)
    if treatment.intent == "palliative":
        return ("advanced",)
    start = treatment_course(context, treatment).start
    if start.lo <= PAST or not isinstance(context.focus, dz.Disease):
        return ()
    advanced_from = _advanced_from(context, context.focus)
    if advanced_from is not None and start.lo >= advanced_from.hi:
        return ("advanced",)
    may_be_advanced = advanced_from is not None and start.hi >= advanced_from.lo
    if not may_be_advanced and _near_resection(context, start):
        return ("perioperative",)
    return ()


def _advanced_from(context: Context, focus: dz.Disease) -> Days | None:
    """The first day on which this cancer is known to be metastatic or unresectable."""
    days = [
        dz.open_day(statement.day)
        for statement in dz.extent_statements(context, focus)
        if not statement.may and code_relation("extent", statement.code, "advanced") is CodeRelation.WITHIN
    ]
    return Days(min(d.lo for d in days), min(d.hi for d in days)) if days else None


def _near_resection(context: Context, start: Days) -> bool:
    span = t.Span(context.settings.perioperative_months, t.TimeUnit.MONTH)
    for treatment in context.patient.treatments:
        kind = treatment.kind or (treatment_kind(context, treatment.concepts[0]) if treatment.concepts else None)
        if kind != "surgery" or given(context, treatment).truth is not Truth.MET:
            continue
        course = treatment_course(context, treatment)
        if course.start.lo <= PAST or dz.of_focus(context, treatment.diagnosis) is Truth.NOT_MET:
            continue
        if shift(course.start.hi, span, back=True) <= start.lo and start.hi <= shift(course.start.lo, span):
            return True
    return False


def _line_settings(context: Context, group: Sequence[Dose]) -> tuple[str, ...]:
    """The settings of a line: what its records state, maintenance aside; none stated or inferred, any."""
    found = [setting for dose in group for setting in setting_of(context, dose.treatment)]
    plain = [setting for setting in found if setting != "maintenance"]
    return tuple(dict.fromkeys(plain or found))


@dataclass(frozen=True, slots=True)
class Counted:
    """How many lines match: at least `low`, at most `high`."""

    low: int
    high: int


def count_lines(context: Context, records: t.Records, matches: dict[str, Finding]) -> Counted:
    """The range of the number of lines that match a pattern.

    `matches` gives, by treatment id, the finding of the pattern's concepts and fields on each drug record.
    """
    found = lines_of(context)
    assert found is not None  # the evaluator answers unknown where there is no such cancer
    low = high = None
    for world in found.worlds:
        truths = [line_truth(context, line, records, matches) for line in world]
        certain = sum(truth is Truth.MET for truth in truths)
        possible = sum(truth is not Truth.NOT_MET for truth in truths)
        low = certain if low is None else min(low, certain)
        high = possible if high is None else max(high, possible)
    by_number = _by_number(context, found, records, matches)
    numbers = [value for value in (low, high, *by_number) if value is not None]
    unsure = _unexplored(found)
    return Counted(max(0, min(numbers, default=0) - unsure), max(numbers, default=0) + unsure)


def _unexplored(found: Lines) -> int:
    """Uncertain records whose every combination was not tried."""
    return len(found.doubt) if 3 ** len(found.doubt) > WORLDS else 0


def _by_number(context: Context, found: Lines, records: t.Records, matches: dict[str, Finding]) -> Iterable[int]:
    """Recorded line numbers that the lines by date do not bear out widen the range to hold both."""
    lines = [line for line in found.base if line_truth(context, line, records, matches) is not Truth.NOT_MET]
    numbered = [(dose.treatment.line, dose.start) for line in lines for dose in line.doses if dose.treatment.line]
    if not numbered:
        return
    distinct = sorted({number for number, _ in numbered})
    starts = {number: min(day for n, day in numbered if n == number) for number in distinct}
    in_order = all(starts[a] < starts[b] for a, b in pairwise(distinct))
    if distinct[-1] != len(distinct):
        yield distinct[-1]
    if not in_order:
        plain = _group(
            context,
            [replace(dose, treatment=replace(dose.treatment, line=None)) for line in lines for dose in line.doses],
            progressions(context),
        )
        yield len(plain)


def line_truth(context: Context, line: Line, records: t.Records, matches: dict[str, Finding]) -> Truth:
    """Whether a line matches: by its setting and end, and by one of its drugs for concepts and other fields."""
    truth = Truth.MET
    for item in records.tests:
        if item.field == "setting":
            truth = min(truth, _setting_truth(line.settings, item.test))
        elif item.field == "ended":
            truth = min(truth, _ended(context, line, item.test))
    drugs = [matches[dose.treatment.id].truth for dose in line.doses]
    if any(dose.sure is False for dose in line.doses):
        # A drug that may be none does not make the line uncertain where another certainly matches.
        drugs = [min(t_, Truth.MET) for t_ in drugs]
    return min(truth, max(drugs))


def _setting_truth(settings: tuple[str, ...], test: t.Test) -> Truth:
    match test:
        case t.Other(part):
            return Truth(2 - _setting_truth(settings, part))
        case t.Some(parts):
            return max(_setting_truth(settings, part) for part in parts)
        case t.Every(parts):
            return min(_setting_truth(settings, part) for part in parts)
        case _:
            assert isinstance(test, t.Code)
            if not settings:
                return Truth.UNKNOWN
            relations = {code_relation("setting", setting, test.code) for setting in settings}
            if relations == {CodeRelation.WITHIN}:
                return Truth.MET
            return Truth.NOT_MET if relations == {CodeRelation.OUTSIDE} else Truth.UNKNOWN


def _ended(context: Context, line: Line, test: t.Test) -> Truth:
    ends = [treatment_course(context, treatment).end for treatment in line.treatments]
    if all(treatment.ongoing is False or treatment.end is not None for treatment in line.treatments):
        ended = Truth.of(all(end.hi <= context.asked for end in ends))
    elif any(treatment.ongoing is True for treatment in line.treatments):
        ended = Truth.NOT_MET
    else:
        ended = Truth.UNKNOWN
    return Truth(2 - ended) if isinstance(test, t.Code) and test.code == "no" else ended


def line_numbers(context: Context, treatment: Treatment) -> tuple[float, float] | None:
    """The number of the line a treatment belongs to, among the lines of its setting, as a range."""
    found = lines_of(context)
    counted: list[int] = []
    for world in found.worlds if found is not None else ():
        for index, line in enumerate(world):
            if treatment.id in {each.id for each in line.treatments}:
                earlier = [
                    other for other in world[:index]
                    if not (other.settings and line.settings)
                    or {_class(s) for s in other.settings} & {_class(s) for s in line.settings}
                ]  # fmt: skip
                counted.append(len(earlier) + 1)
    if treatment.line is not None:
        return (float(treatment.line), float(treatment.line))
    return (float(min(counted)), float(max(counted))) if counted else None


def line_candidates(context: Context, records: t.Records, matches: dict[str, Finding]) -> list[Candidate]:
    """The lines as candidates of a pattern, each with its course."""
    found = lines_of(context)
    if found is None:
        return []
    certain = len(found.worlds) == 1
    result = []
    for line in found.base:
        truth = line_truth(context, line, records, matches)
        if truth is Truth.NOT_MET:
            continue
        courses = [treatment_course(context, treatment) for treatment in line.treatments]
        course = Course(
            Days(min(c.start.lo for c in courses), min(c.start.hi for c in courses)),
            Days(max(c.end.lo for c in courses), max(c.end.hi for c in courses)),
        )
        evidence = dz.evidence_of(line.treatments[0], " + ".join(treatment.raw for treatment in line.treatments))
        finding = (
            met(Change.NEVER, evidence)
            if truth is Truth.MET and certain
            else unknown(Reason.IMPRECISE, evidence=(evidence,))
        )
        result.append(Candidate(line.treatments[0], course, finding, evidence))
    return result


def next_line_start(context: Context, treatment: Treatment) -> Days:
    """When the systemic line after the one that holds `treatment` began; FUTURE if none is known."""
    found = lines_of(context)
    starts = []
    for world in found.worlds if found is not None else ():
        own = next((i for i, line in enumerate(world) if treatment.id in {each.id for each in line.treatments}), None)
        if own is not None:
            starts.append(min((line.start for line in world[own + 1 :]), default=FUTURE))
    return Days(min(starts, default=FUTURE), max(starts, default=FUTURE))
