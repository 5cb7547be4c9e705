"""A patient against a trial: each criterion, each cohort, one status (SEMANTICS §4).

Criteria are evaluated for each of the patient's cancers that the trial may be about; the better status counts and all
are kept. A person's answer settles an unknown; over a definite truth it is an override and says so. While a record
says both that the patient lives and that they died no status is better than *needs information*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from matcher.engine.reference import algebra
from matcher.engine.reference.context import Context, Settings
from matcher.engine.reference.days import FUTURE
from matcher.engine.reference.documents import missing, turning
from matcher.engine.reference.evaluate import evaluate, focuses, make_context
from matcher.engine.reference.records import courses, disease
from matcher.engine.reference.view import deceased as is_deceased
from matcher.engine.results import Evidence, Finding, Missing, unknown
from matcher.engine.truth import Change, Reason, Truth
from patients.facts import Answer, PartialDate, Patient
from patients.vocabulary import Vocabulary
from trials.criteria import tree as t
from trials.criteria.documents import Criterion, CriterionKind, OptionDocument, Polarity, TrialDocument


class Status(StrEnum):
    """The answer for a patient and a trial, worst first."""

    NOT_ELIGIBLE = "not_eligible"
    NOT_NOW = "not_now"
    NEEDS_INFORMATION = "needs_information"
    POTENTIALLY_ELIGIBLE = "potentially_eligible"

    @property
    def rank(self) -> int:
        """How near to the trial: of several cohorts or cancers the highest counts."""
        order = (Status.NOT_ELIGIBLE, Status.NOT_NOW, Status.NEEDS_INFORMATION, Status.POTENTIALLY_ELIGIBLE)
        return order.index(self)


@dataclass(frozen=True, slots=True)
class CriterionResult:
    """One criterion for one patient. `truth` has the polarity applied and is None for what has no truth."""

    criterion: Criterion
    truth: Truth | None
    reason: Reason | None
    change: Change | None
    clears_on: date | None
    evidence: tuple[Evidence, ...]
    finding: Finding | None
    answer: Answer | None = None
    overridden: Truth | None = None

    @property
    def counted(self) -> bool:
        """Whether it counts in the status: notes and what is settled at the visit do not."""
        return self.criterion.kind in (CriterionKind.RULE, CriterionKind.NOT_STRUCTURED)


@dataclass(frozen=True, slots=True)
class CohortResult:
    """One cohort (`id` is empty where the trial has none) with its status and what it needs."""

    id: str
    open: bool
    status: Status
    needs: str | None
    missing: tuple[missing.Entry, ...]
    to_read: tuple[tuple[str, str], ...]
    clears_on: date | None


@dataclass(frozen=True, slots=True)
class TrialResult:
    """A patient against a trial, for the cancer that counts; `others` are the results for the other cancers.

    `vital_conflict` says that the record calls the patient both alive and dead, on the day that is asked about.
    """

    document: str
    version: int
    status: Status
    deceased: bool
    offered: bool
    cancer: str
    best: CohortResult
    cohorts: tuple[CohortResult, ...]
    criteria: tuple[CriterionResult, ...]
    next_flip: date | None
    others: tuple[TrialResult, ...] = ()
    vital_conflict: bool = False


def evaluate_trial(
    document: TrialDocument,
    patient: Patient,
    *,
    as_of: date,
    version: int = 0,
    vocabulary: Vocabulary | None = None,
    open_here: bool = True,
    settings: Settings | None = None,
    each_clears: bool = True,
) -> TrialResult:
    """The whole answer for a patient and a trial on a date. `open_here` is whether the trial is open at this site.

    Without `each_clears` no clearing date is searched for single criteria, only for cohorts: what a match row stores.
    """
    context = make_context(
        patient,
        as_of=as_of,
        vocabulary=vocabulary,
        definitions=tuple(document.definitions),
        windows=document.windows,
        cancer=document.cancer,
        document=document.id,
        version=version,
        settings=settings,
    )
    dead = is_deceased(patient, as_of)
    turns = _turns(patient, context)
    results = [
        _for_cancer(document, focused, version, dead, open_here, turns, each_clears) for focused in focuses(context)
    ]
    best = max(results, key=lambda result: result.status.rank)
    return replace(best, others=tuple(result for result in results if result is not best))


def _turns(patient: Patient, context: Context) -> frozenset[int]:
    """Later days on which what is recorded comes into sight, ends, or is too old to be believed."""
    days: set[int] = set()
    for item in (*patient.facts(), *patient.answers):
        for name in ("date", "start", "end", "state_since"):
            partial: PartialDate | None = getattr(item, name, None)
            if partial is not None:
                days.update(day.toordinal() + step for day in (partial.first, partial.last) for step in (0, 1))
        if item.recorded is not None:
            days.add(item.recorded.toordinal())
        if isinstance(item, Answer):
            days.add(item.on.toordinal())
            days.update((item.valid_until.toordinal() + 1,) if item.valid_until is not None else ())
        elif getattr(item, "ongoing", None) is True:
            days.add(courses.told(context, item) + context.settings.acute + 1)
    if patient.death is not None:
        days |= {patient.death.first.toordinal(), patient.death.last.toordinal()}
    if patient.data_through is not None:
        days.add(patient.data_through.toordinal())
    return frozenset(day for day in days if day > context.asked)


def _for_cancer(
    document: TrialDocument, context: Context, version: int, dead: bool, open_here: bool, turns: frozenset[int],
    each_clears: bool,
) -> TrialResult:  # fmt: skip
    disputed = context.patient.vital_conflict
    criteria = tuple(criterion_result(each, context, clears=each_clears) for each in document.criteria)
    cohorts = [
        _cohort(
            cohort.id,
            cohort.open,
            [c for c in criteria if not c.criterion.cohorts or cohort.id in c.criterion.cohorts],
            context,
            dead,
            disputed,
        )
        for cohort in document.cohorts
    ] or [_cohort("", True, criteria, context, dead, disputed)]
    anything_open = any(cohort.open for cohort in cohorts)
    pool = [cohort for cohort in cohorts if cohort.open] if anything_open else cohorts
    best = max(pool, key=lambda cohort: cohort.status.rank)
    flips = [day for result in criteria if result.finding is not None for day in result.finding.flips]
    later = min((day for day in (*flips, *turns) if day > context.asked), default=None)
    focus = context.focus
    return TrialResult(
        document=document.id,
        version=version,
        status=best.status,
        deceased=dead,
        offered=document.offered and open_here and anything_open,
        cancer=disease.name_of(focus) if isinstance(focus, disease.Disease) else "",
        best=best,
        cohorts=tuple(cohorts),
        criteria=criteria,
        next_flip=date.fromordinal(later) if later is not None else None,
        vital_conflict=disputed,
    )


def criterion_result(criterion: Criterion, context: Context, *, clears: bool = True) -> CriterionResult:
    """One criterion in a context, answers applied; `clears` says whether to search for the date on which it is met."""
    if criterion.kind in (CriterionKind.NOTE, CriterionKind.CONFIRM):
        return CriterionResult(criterion, None, None, None, None, (), None, _answer(criterion, context))
    own = context.on(criterion.id)
    finding = _finding(criterion, own)
    answer = _answer(criterion, context)
    overridden: Truth | None = None
    if answer is not None and (finding.truth is Truth.UNKNOWN or answer.override):
        overridden = finding.truth if finding.truth is not Truth.UNKNOWN else None
        finding = replace(
            finding,
            truth=Truth.of(answer.truth),
            reason=None,
            change=Change.ACTION,
            evidence=(answered(answer), *finding.evidence),
            missing=(),
            parts=(),
        )
    clears_on = _clears([criterion], [finding], own) if clears else None
    return CriterionResult(
        criterion,
        finding.truth,
        finding.reason,
        finding.change,
        clears_on,
        finding.evidence,
        finding,
        answer,
        overridden,
    )


def answered(answer: Answer) -> Evidence:
    """A person's answer as evidence."""
    words = f"{'met' if answer.truth else 'not met'}, says {answer.by or 'a reader'}"
    words = f"override: {words}" if answer.override else words
    return Evidence(answer.id, words, "", answer.on.isoformat(), answer.reason or str(answer.source))


def _finding(criterion: Criterion, context: Context) -> Finding:
    """The criterion's own truth: an exclusion is met where its rule is not."""
    if criterion.rule is None:
        line = Missing("criterion", (criterion.id,), "", "", criterion.text, "ask")
        return unknown(Reason.NOT_STRUCTURED, missing=(line,), note=criterion.why)
    finding = evaluate(criterion.rule, context)
    if criterion.polarity is Polarity.EXCLUSION:
        return algebra.negate(finding).of(t.Not(criterion.rule), (finding,))
    return finding


def _answer(criterion: Criterion, context: Context) -> Answer | None:
    """The valid answer to the whole criterion of this version, the latest."""
    found = [
        answer for answer in context.patient.answers
        if answer.document == context.document and answer.version == context.version
        and answer.criterion == criterion.id and not answer.question
        and (answer.valid_until is None or answer.valid_until.toordinal() >= context.known)
    ]  # fmt: skip
    return max(found, key=lambda answer: (answer.on, answer.id), default=None)


def _cohort(
    id: str, open_: bool, results: Sequence[CriterionResult], context: Context, dead: bool, disputed: bool
) -> CohortResult:
    """A cohort by the criteria that are its own or trial-wide; `disputed` says that vital status is contradicted."""
    counted = [result for result in results if result.counted]
    failed = [result for result in counted if result.truth is Truth.NOT_MET]
    open_ones = [(r.criterion.id, r.finding) for r in counted if r.truth is Truth.UNKNOWN and r.finding is not None]
    if dead or any(result.change is Change.NEVER for result in failed):
        status = Status.NOT_ELIGIBLE
    elif failed:
        status = Status.NOT_NOW
    elif open_ones or disputed:
        status = Status.NEEDS_INFORMATION
    else:
        status = Status.POTENTIALLY_ELIGIBLE
    if status is Status.NOT_ELIGIBLE:
        # Nothing that is missing matters any more to a pair that can never fit.
        return CohortResult(id, open_, status, None, (), (), None)
    wanted = missing.entries([(i, f) for i, f in open_ones if f.reason is not Reason.NOT_STRUCTURED])
    lines = {result.criterion.id: result.criterion.text for result in counted}
    asked = [(id_, missing.questions(finding, lines[id_])) for id_, finding in open_ones]
    to_read = tuple((id_, question) for id_, questions in asked for question in questions)
    facts = bool(wanted) or any(not questions for _, questions in asked)
    if disputed:
        wanted, facts = missing.with_vital_status(wanted, facts=facts), True
    needs = None
    if facts or to_read:
        needs = "both" if facts and to_read else "facts" if facts else "reader"
    clears = None
    if failed and status is Status.NOT_NOW:
        held = [r.criterion for r in counted if r.truth is Truth.MET and r.answer is None]
        findings = [r.finding for r in failed if r.finding is not None]
        clears = _clears([r.criterion for r in failed], findings, context, held)
    return CohortResult(id, open_, status, needs, wanted, to_read, clears)


def _clears(
    criteria: Sequence[Criterion], findings: Sequence[Finding], context: Context, held: Sequence[Criterion] = ()
) -> date | None:
    """The least later date on which all of these criteria are met with the same facts; None unless time alone does it.

    Of those that are `held`, met today, none may fail on that date: who has outgrown an upper age by then never fits.
    The date is searched: each day on which some leaf may turn is tried with today's knowledge, completeness of the
    record moving along with the date.
    """
    if not all(finding.truth is Truth.NOT_MET and finding.change is Change.TIME for finding in findings):
        return None
    primaries = disease.primaries(context)
    lost: list[Finding] = []
    day = context.asked
    while (day := _next_tried(findings, lost, day)) < FUTURE:
        later = replace(context, asked=day, cache={"primaries": primaries})
        findings = [_finding(c, later.on(c.id)) for c in criteria]
        lost = []
        if all(finding.truth is Truth.MET for finding in findings):
            kept = [_finding(c, later.on(c.id)) for c in held]
            lost = [finding for finding in kept if finding.truth is Truth.NOT_MET]
            if not lost:
                return date.fromordinal(day)
    return None


def _next_tried(findings: Sequence[Finding], lost: Sequence[Finding], day: int) -> int:
    """The first day after `day` on which all of `findings` may be met and what was `lost` no longer be not met."""
    wanted = [turning.earliest(finding, Truth.MET, day) for finding in findings]
    return max([*wanted, *(turning.first_flip(finding, day) for finding in lost)])


def knows_nothing_of(
    document: TrialDocument | OptionDocument, id: str, *, as_of: date, vocabulary: Vocabulary | None = None
) -> Truth | None:
    """The truth of a criterion's or statement's rule for a patient of whom only an id is known.

    Publishing refuses a document in which this is anything but unknown (SEMANTICS §3, first check).
    """
    item = document.criterion(id) if isinstance(document, TrialDocument) else document.statement(id)
    if item.rule is None:
        return None
    context = make_context(
        Patient(), as_of=as_of, vocabulary=vocabulary, definitions=tuple(document.definitions),
        windows=document.windows, cancer=document.cancer, document=document.id,
    )  # fmt: skip
    return evaluate(item.rule, replace(context, criterion=id)).truth
