"""One patient against one trial, as the page a coordinator opens most shows it.

Above stands the answer and what would settle it; below, each criterion with its own words, its truth, what decided it
and what to do next. What is settled at the visit and what is only a heading stand apart, for they do not count.
"""

from __future__ import annotations

from dataclasses import dataclass

from matcher.engine import CohortResult, CriterionResult, Entry, Status, TrialResult, Truth
from matcher.pages.findings import (
    EvidenceShown,
    LeafShown,
    evidence_shown,
    is_answered,
    leaf_tree,
    notes_of,
    open_questions,
)
from matcher.pages.names import NO_NAMES, Names
from matcher.pages.words import REASONS, Mark, change_words, not_offered, status_mark, truth_mark
from patients.vocabulary import Vocabulary
from patients.wording import day_text, plural, with_days
from trials.criteria.documents import Criterion, CriterionKind, Disagreement, Polarity, TrialDocument
from trials.criteria.english import english
from trials.criteria.printing import print_rule

#: Where a missing fact is found.
COSTS = {
    "ask": "ask the patient or the treating team",
    "look_up": "look it up in the record",
    "laboratory": "laboratory",
    "imaging": "imaging",
    "pathology": "pathology",
}


@dataclass(frozen=True, slots=True)
class MissingShown:
    """One missing fact, where it is found, which criteria ask for it, and whether it settles the pair."""

    text: str
    where: str
    criteria: tuple[str, ...]
    settles: bool


@dataclass(frozen=True, slots=True)
class QuestionShown:
    """A question of a rule that only a reader can answer."""

    text: str


@dataclass(frozen=True, slots=True)
class CriterionShown:
    """One criterion with everything its line on the page says."""

    id: str
    anchor: str
    inclusion: bool
    text: str
    mark: Mark
    truth: str
    reason: str
    notes: tuple[str, ...]
    english: str
    rule: str
    cohorts: tuple[str, ...]
    evidence: tuple[EvidenceShown, ...]
    missing: tuple[MissingShown, ...]
    questions: tuple[QuestionShown, ...]
    change: str
    clears_on: str
    why: str
    tree: LeafShown | None
    disagrees: tuple[Disagreement, ...]
    answered: bool
    overridden: str

    @property
    def is_unknown(self) -> bool:
        """Whether an answer would settle it; over anything else it would be an override."""
        return self.truth == "unknown"


@dataclass(frozen=True, slots=True)
class CohortShown:
    """One cohort and its status."""

    id: str
    title: str
    open: bool
    mark: Mark
    clears_on: str
    best: bool


@dataclass(frozen=True, slots=True)
class AsideShown:
    """A line that does not count: what is settled at the visit, or a heading."""

    id: str
    text: str
    kind: str
    inclusion: bool


@dataclass(frozen=True, slots=True)
class PairPage:
    """Everything the page says of a patient and a trial."""

    status: Status
    mark: Mark
    deceased: bool
    offered: bool
    not_offered: str
    headline: str
    clears_on: str
    cancer: str
    missing: tuple[MissingShown, ...]
    to_read: tuple[tuple[str, str], ...]
    cohorts: tuple[CohortShown, ...]
    criteria: tuple[CriterionShown, ...]
    confirm: tuple[AsideShown, ...]
    notes: tuple[AsideShown, ...]
    others: tuple[tuple[str, Mark], ...]

    def count(self, truth: str) -> int:
        """How many counted criteria have a truth."""
        return sum(criterion.truth == truth for criterion in self.criteria)

    @property
    def settled_by(self) -> MissingShown | None:
        """The one fact that is missing and settles the pair; nothing where more is open."""
        alone = self.status is Status.NEEDS_INFORMATION and len(self.missing) == 1 and not self.to_read
        return self.missing[0] if alone and self.missing[0].settles and not self.deceased else None

    @property
    def counts(self) -> tuple[tuple[str, int, Mark], ...]:
        """The truths with how many criteria have each, what is open first."""
        return tuple(
            (truth.word, self.count(truth.word), truth_mark(truth))
            for truth in (Truth.UNKNOWN, Truth.NOT_MET, Truth.MET)
        )


def pair_page(
    document: TrialDocument, result: TrialResult, *, vocabulary: Vocabulary, open_here: bool, names: Names = NO_NAMES
) -> PairPage:
    """The page of a result; `names` are those of the patient's record."""
    best = result.best
    counted = [each for each in result.criteria if each.counted]
    closed = "" if result.offered else not_offered(document, open_here=open_here) or "closed"
    return PairPage(
        status=result.status,
        mark=status_mark(result.status, deceased=result.deceased),
        deceased=result.deceased,
        offered=result.offered,
        not_offered=closed,
        headline=headline(result),
        clears_on=day_text(best.clears_on) if best.clears_on is not None else "",
        cancer=result.cancer,
        missing=tuple(missing_shown(entry) for entry in best.missing),
        to_read=best.to_read,
        cohorts=_cohorts(document, result),
        criteria=tuple(_criterion(each, best, vocabulary, names) for each in counted),
        confirm=tuple(_aside(each.criterion) for each in result.criteria if _is(each, CriterionKind.CONFIRM)),
        notes=tuple(_aside(each.criterion) for each in result.criteria if _is(each, CriterionKind.NOTE)),
        others=tuple((other.cancer, status_mark(other.status)) for other in result.others),
    )


def headline(result: TrialResult) -> str:
    """The answer in a sentence: what would settle it, when it clears, or what stands against the patient."""
    best = result.best
    if result.deceased:
        return "The patient has died; nothing is offered and the pair is counted apart."
    if result.status is Status.POTENTIALLY_ELIGIBLE:
        return "Every counted criterion is met. The investigator decides."
    if result.status is Status.NEEDS_INFORMATION:
        return _needs(best)
    against = [each for each in _of_cohort(result, best) if each.truth is Truth.NOT_MET]
    ids = ", ".join(each.criterion.id for each in against)
    if result.status is Status.NOT_NOW:
        if best.clears_on is not None:
            return f"Clears on {day_text(best.clears_on)} by time alone, with the facts of today. Not met now: {ids}."
        return f"Not met now, but it can change: {ids}."
    final = ", ".join(each.criterion.id for each in against if str(each.change) == "never")
    return f"Not met, and it cannot change: {final or ids}."


def _needs(best: CohortResult) -> str:
    lines = plural(len({id for id, _ in best.to_read}), "line") + " a reader has to judge"
    if best.needs == "reader":
        return f"No fact is missing; {lines}."
    first = best.missing[0] if best.missing else None
    if best.needs == "facts" and first is not None and first.settles:
        text = with_days(first.text)
        return f"1 fact would settle it: {text}{'' if text.endswith('?') else '.'}"
    facts = plural(len(best.missing), "fact") + (" is" if len(best.missing) == 1 else " are") + " missing"
    return f"{facts}, and {lines}." if best.needs == "both" else f"{facts}."


def _of_cohort(result: TrialResult, cohort: CohortResult) -> list[CriterionResult]:
    return [
        each for each in result.criteria
        if each.counted and (not each.criterion.cohorts or cohort.id in each.criterion.cohorts)
    ]  # fmt: skip


def missing_shown(entry: Entry) -> MissingShown:
    """A missing fact in words."""
    return MissingShown(with_days(entry.text), COSTS.get(entry.facts[0].cost, ""), entry.criteria, entry.settles)


def _criterion(result: CriterionResult, best: CohortResult, vocabulary: Vocabulary, names: Names) -> CriterionShown:
    criterion, finding = result.criterion, result.finding
    # Not met is zero, so it must not be asked for by its truthiness.
    truth = Truth.UNKNOWN if result.truth is None else result.truth
    unknown = truth is Truth.UNKNOWN
    wanted = [missing_shown(entry) for entry in best.missing if criterion.id in entry.criteria] if unknown else []
    questions = open_questions(finding) if unknown and finding is not None else ()
    if unknown and not wanted and finding is not None:
        # Asked for by another cohort, or not among what would change the pair: what the leaves miss is still said.
        texts = dict.fromkeys(
            fact.text
            for fact in finding.missing
            if fact.kind not in ("ask", "criterion") and fact.text not in questions
        )
        wanted = [MissingShown(with_days(text), "", (criterion.id,), False) for text in texts]
    return CriterionShown(
        id=criterion.id,
        anchor=f"criterion-{criterion.id}",
        inclusion=criterion.polarity is Polarity.INCLUSION,
        text=criterion.text,
        mark=truth_mark(truth, result.reason),
        truth=truth.word,
        reason=REASONS[result.reason] if result.reason is not None else "",
        notes=notes_of(finding) if unknown and finding is not None else (),
        english=english(criterion.rule, vocabulary) if criterion.rule is not None else "",
        rule=print_rule(criterion.rule) if criterion.rule is not None else "",
        cohorts=criterion.cohorts,
        evidence=evidence_shown(result.evidence, vocabulary, names),
        missing=tuple(wanted),
        questions=tuple(QuestionShown(text) for text in questions),
        change=change_words(result.change, result.clears_on) if truth is Truth.NOT_MET else "",
        clears_on=day_text(result.clears_on) if result.clears_on is not None else "",
        why=criterion.why,
        tree=leaf_tree(finding, vocabulary, names) if finding is not None and finding.rule is not None else None,
        disagrees=criterion.disagrees,
        answered=is_answered(result),
        overridden=result.overridden.word.replace("_", " ") if result.overridden is not None else "",
    )


def _cohorts(document: TrialDocument, result: TrialResult) -> tuple[CohortShown, ...]:
    titles = {cohort.id: cohort.title for cohort in document.cohorts}
    return tuple(
        CohortShown(
            id=cohort.id,
            title=titles.get(cohort.id, ""),
            open=cohort.open,
            mark=status_mark(cohort.status, deceased=result.deceased),
            clears_on=day_text(cohort.clears_on) if cohort.clears_on is not None else "",
            best=cohort.id == result.best.id,
        )
        for cohort in result.cohorts
        if cohort.id
    )


def _is(result: CriterionResult, kind: CriterionKind) -> bool:
    return result.criterion.kind is kind


def _aside(criterion: Criterion) -> AsideShown:
    kind = criterion.confirm.value if criterion.confirm is not None else criterion.note
    return AsideShown(criterion.id, criterion.text, kind, criterion.polarity is Polarity.INCLUSION)
