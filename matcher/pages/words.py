"""The marks and short words of answers: each has a tone for the eye, a sign for paper, and the word that says it.

Colour never stands alone. The tones are those of the style sheet: met, unknown, not, later, quiet.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from matcher.engine import Change, Reason, Status, Truth
from patients.wording import day_text
from trials.criteria.documents import TrialDocument


@dataclass(frozen=True, slots=True)
class Mark:
    """A tone, a sign, and the word."""

    tone: str
    sign: str
    word: str


_TRUTHS = {
    Truth.MET: Mark("met", "✓", "met"),
    Truth.NOT_MET: Mark("not", "✕", "not met"),
    Truth.UNKNOWN: Mark("unknown", "?", "unknown"),
}
_STATUSES = {
    Status.POTENTIALLY_ELIGIBLE: Mark("met", "✓", "potentially eligible"),
    Status.NEEDS_INFORMATION: Mark("unknown", "?", "needs information"),
    Status.NOT_NOW: Mark("later", "◷", "not now"),
    Status.NOT_ELIGIBLE: Mark("not", "✕", "not eligible"),
}
DECEASED = Mark("quiet", "†", "deceased")

#: What an unknown means for whoever reads it.
REASONS = {
    Reason.NOT_RECORDED: "nothing is recorded that could decide it",
    Reason.STALE: "what is recorded is too old to count",
    Reason.IMPRECISE: "what is recorded leaves it open",
    Reason.CONFLICTING: "what is recorded contradicts itself",
    Reason.NEEDS_JUDGEMENT: "a person has to judge it",
    Reason.NOT_STRUCTURED: "the line has no rule and has to be read",
}
#: How an answer that stands against the patient can turn.
CHANGES = {
    Change.TIME: "time alone can change this",
    Change.ACTION: "an action can change this: a test repeated, a medication stopped",
    Change.COURSE: "only the course of the disease can change this",
    Change.NEVER: "this cannot change",
}


def truth_mark(truth: Truth | None, reason: Reason | None = None) -> Mark:
    """The mark of a criterion or leaf; an unknown is named by its reason, and what has no truth is quiet."""
    if truth is None:
        return Mark("quiet", "·", "not counted")
    mark = _TRUTHS[truth]
    return Mark(mark.tone, mark.sign, str(reason)) if truth is Truth.UNKNOWN and reason is not None else mark


def status_mark(status: Status | str, *, deceased: bool = False) -> Mark:
    """The mark of a patient and a trial."""
    return DECEASED if deceased else _STATUSES[Status(status)]


def change_words(change: Change | None, clears_on: date | None) -> str:
    """Whether and when a not met can change."""
    if clears_on is not None:
        return f"clears on {day_text(clears_on)} by time alone"
    return CHANGES[change] if change is not None else ""


def not_offered(document: TrialDocument, *, open_here: bool) -> str:
    """Why a trial takes no patient here and now, in a few words; empty where it does."""
    if document.never_offer:
        return "closed for good"
    if not document.recruitment.open:
        known = document.recruitment.value not in ("not given", "unknown")
        return document.recruitment.value if known else "recruitment not known"
    if not open_here:
        return "not open here"
    if document.cohorts and not any(cohort.open for cohort in document.cohorts):
        return "no cohort open"
    return ""
