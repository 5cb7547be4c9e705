"""Criteria evaluated over facts: truth, reason, change, evidence, what is missing, statuses and ranked options.

Pure Python, nothing of the framework. `evaluate_rule` answers one rule, `evaluate_trial` a trial, `rank_options` a
shelf of options, each for one patient on one date.
"""

from matcher.engine.reference.context import Settings, UnknownWord
from matcher.engine.reference.documents.assess import (
    CohortResult,
    CriterionResult,
    Status,
    TrialResult,
    evaluate_trial,
    knows_nothing_of,
)
from matcher.engine.reference.documents.missing import Entry
from matcher.engine.reference.documents.options import Block, OptionResult, StatementResult, rank_options
from matcher.engine.reference.evaluate import evaluate_rule
from matcher.engine.reference.view import deceased, ignored_after, vital_conflict
from matcher.engine.results import Evidence, Finding, Missing
from matcher.engine.truth import Change, Reason, Truth
from matcher.engine.wire import criterion_json, evaluation_json, finding_json, missing_json, option_json, trial_json

__all__ = [
    "Block",
    "Change",
    "CohortResult",
    "CriterionResult",
    "Entry",
    "Evidence",
    "Finding",
    "Missing",
    "OptionResult",
    "Reason",
    "Settings",
    "StatementResult",
    "Status",
    "TrialResult",
    "Truth",
    "UnknownWord",
    "criterion_json",
    "deceased",
    "evaluate_rule",
    "evaluate_trial",
    "evaluation_json",
    "finding_json",
    "ignored_after",
    "knows_nothing_of",
    "missing_json",
    "option_json",
    "rank_options",
    "trial_json",
    "vital_conflict",
]
