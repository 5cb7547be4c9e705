"""What a page says of an answer: results of the engine turned into the words, marks and next steps people read.

Pure: nothing here asks the database or decides a truth, so every sentence can be tested beside the result it is of.
"""

from matcher.pages.findings import EvidenceShown, LeafShown, evidence_shown, leaf_tree, open_questions
from matcher.pages.names import names_in
from matcher.pages.pair import CohortShown, CriterionShown, MissingShown, PairPage, QuestionShown, pair_page
from matcher.pages.shelf import OptionShown, ShelfPage, StatementShown, TrialShown, shelf_page
from matcher.pages.words import Mark, not_offered, status_mark, truth_mark

__all__ = [
    "CohortShown",
    "CriterionShown",
    "EvidenceShown",
    "LeafShown",
    "Mark",
    "MissingShown",
    "OptionShown",
    "PairPage",
    "QuestionShown",
    "ShelfPage",
    "StatementShown",
    "TrialShown",
    "evidence_shown",
    "leaf_tree",
    "names_in",
    "not_offered",
    "open_questions",
    "pair_page",
    "shelf_page",
    "status_mark",
    "truth_mark",
]
