"""The leaves of a rule: one function per form, each from a batch to findings."""

from __future__ import annotations

from matcher.engine.bulk.batch import Batch
from matcher.engine.bulk.counting import counted
from matcher.engine.bulk.findings import Findings
from matcher.engine.bulk.having import having
from matcher.engine.bulk.values.comparisons import between, comparison, is_code, is_recorded
from trials.criteria import tree as t


def leaf_findings(batch: Batch, leaf: t.Rule) -> Findings:
    """The findings of one leaf."""
    match leaf:
        case t.Comparison(left, operator, right, window):
            return comparison(batch, left, operator, right, window)
        case t.Between():
            return between(batch, leaf)
        case t.IsCode():
            return is_code(batch, leaf)
        case t.IsRecorded():
            return is_recorded(batch, leaf)
        case t.Has():
            return having(batch, leaf)
        case _:
            assert isinstance(leaf, t.Count)  # questions and what is made of leaves are answered in `rules`
            return counted(batch, leaf)
