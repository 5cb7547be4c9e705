"""How a leaf's answer can turn into its contrary (SEMANTICS §5): the engine reads the tables, the manual prints them.

What was, was: an exposure, a histology, a course that ended in progression. What is not yet can come by the course of
disease; what is measured or taken can be measured again or stopped; what only asks how long ago answers itself in time.
"""

from __future__ import annotations

from dataclasses import dataclass

from matcher.engine.truth import Change
from trials.criteria.kinds import Kind

#: What can still come about when no record matches: a new one.
CHANGE_OF_ABSENCE: dict[Kind, Change] = {
    Kind.DIAGNOSIS: Change.NEVER,
    Kind.CONDITION: Change.COURSE,
    Kind.TOXICITY: Change.COURSE,
    Kind.ALLERGY: Change.NEVER,
    Kind.FAMILY_HISTORY: Change.NEVER,
    Kind.TREATMENT: Change.COURSE,
    Kind.MEDICATION: Change.ACTION,
    Kind.DRUG: Change.ACTION,
    Kind.BIOMARKER: Change.ACTION,
    Kind.DISEASE_STATUS: Change.COURSE,
    Kind.LINE: Change.COURSE,
    Kind.SITE: Change.COURSE,
}

#: How the answer of one field can change, where it is not `never`: what is can become otherwise.
CHANGE_OF_FIELD: dict[str, Change] = {
    "extent": Change.COURSE,
    "stage": Change.COURSE,
    "state": Change.COURSE,
    "status": Change.COURSE,
    "grade": Change.COURSE,
    "ongoing": Change.ACTION,
    "route": Change.ACTION,
    "outcome": Change.COURSE,
    "response": Change.COURSE,
    "stop_reason": Change.COURSE,
    "cycles": Change.COURSE,
    "cumulative_dose": Change.COURSE,
    "ended": Change.COURSE,
}

#: Fields that, once so, stay so of a record: a course that ended in progression did.
SETTLED_FIELDS = frozenset({"response", "stop_reason"})

#: Numbers that only grow.
GROWING_FIELDS = frozenset({"cycles", "cumulative_dose"})


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the manual's table: a leaf, how a *not met* can become *met*, and how a *met* can cease."""

    leaf: str
    to_met: Change
    to_not_met: Change


TABLE: tuple[Row, ...] = (
    Row("a histology or site", Change.NEVER, Change.NEVER),
    Row("extent localised or locally advanced", Change.COURSE, Change.COURSE),
    Row("extent metastatic or advanced", Change.COURSE, Change.NEVER),
    Row("a condition that comes and goes", Change.COURSE, Change.COURSE),
    Row("a chronic condition", Change.COURSE, Change.NEVER),
    Row("history of a condition, an event", Change.COURSE, Change.NEVER),
    Row("an allergy", Change.NEVER, Change.NEVER),
    Row("a family history", Change.NEVER, Change.NEVER),
    Row("exposure to a treatment", Change.COURSE, Change.NEVER),
    Row("failure of a drug", Change.COURSE, Change.NEVER),
    Row("at least so many lines", Change.COURSE, Change.NEVER),
    Row("at most so many lines", Change.NEVER, Change.COURSE),
    Row("a treatment within a window that ended", Change.COURSE, Change.TIME),
    Row("a medication under way", Change.ACTION, Change.ACTION),
    Row("a somatic biomarker", Change.ACTION, Change.ACTION),
    Row("a germline biomarker", Change.NEVER, Change.NEVER),
    Row("a progression or response", Change.COURSE, Change.NEVER),
    Row("a measured value", Change.ACTION, Change.ACTION),
    Row("sex", Change.NEVER, Change.NEVER),
    Row("an age of at least", Change.TIME, Change.NEVER),
    Row("an age of at most", Change.NEVER, Change.TIME),
    Row("at least so long since the last", Change.TIME, Change.COURSE),
    Row("a cumulative dose of at least", Change.COURSE, Change.NEVER),
    Row("a daily dose", Change.ACTION, Change.ACTION),
    Row("an answer to a question", Change.ACTION, Change.ACTION),
)
