"""The bulk evaluator: many patients as columns, each distinct leaf once, answers as bit planes.

The same answers as the reference evaluator's (truth, reason, change, status), for a registry at a time.
"""

from matcher.engine.bulk.asking import Answer, Assessed, answers_to, assess
from matcher.engine.bulk.columns import Columns
from matcher.engine.bulk.program import Asked, Program
from matcher.engine.bulk.trials import STATUSES, Answers, Shelf, Trial

__all__ = [
    "STATUSES",
    "Answer",
    "Answers",
    "Asked",
    "Assessed",
    "Columns",
    "Program",
    "Shelf",
    "Trial",
    "answers_to",
    "assess",
]
