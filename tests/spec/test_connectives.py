"""Construct 1: `and`, `or`, `not`, brackets."""

import pytest

from tests.spec.tables import MET, NOT_MET, NOT_RECORDED, Case, Example, Table, examples

title = "1. And, or, not"
text = """\
Rules are joined by `and`, `or` and `not`. *Not met* counts least, *unknown* more, *met* most: `and` gives the least
of its parts, `or` the most, and `not` swaps *met* and *not met*. So one part can decide although another is
unknown.

`not` binds tightest, then `and`, then `or`; brackets change that.
"""
tables = (
    Table(
        "Three answers",
        text="ECOG is 1, and no laboratory value is recorded, so the three rules below stand for the three truths.",
        patients={"P": {"observations": [{"test": "ecog", "value": 1, "date": "2026-01-05"}]}},
        cases=(
            Case("ecog <= 2", (MET,)),
            Case("ecog >= 3", (NOT_MET,)),
            Case("anc >= 1.5 10*9/L", (NOT_RECORDED,)),
            Case("ecog <= 2 and ecog <= 2", (MET,)),
            Case("ecog <= 2 and ecog >= 3", (NOT_MET,)),
            Case("ecog <= 2 and anc >= 1.5 10*9/L", (NOT_RECORDED,)),
            Case("ecog >= 3 and anc >= 1.5 10*9/L", (NOT_MET,), "one part that is not met decides"),
            Case("anc >= 1.5 10*9/L and anc >= 1 10*9/L", (NOT_RECORDED,)),
            Case("ecog <= 2 or ecog >= 3", (MET,)),
            Case("ecog >= 3 or ecog >= 4", (NOT_MET,)),
            Case("ecog <= 2 or anc >= 1.5 10*9/L", (MET,), "one part that is met decides"),
            Case("ecog >= 3 or anc >= 1.5 10*9/L", (NOT_RECORDED,)),
            Case("not ecog <= 2", (NOT_MET,)),
            Case("not ecog >= 3", (MET,)),
            Case("not anc >= 1.5 10*9/L", (NOT_RECORDED,), "the contrary of an unknown is unknown"),
            Case("anc >= 1.5 10*9/L or not anc >= 1.5 10*9/L", (NOT_RECORDED,), "each part is asked for itself"),
        ),
    ),
    Table(
        "What binds how tightly",
        patients={"P": {"observations": [{"test": "ecog", "value": 1, "date": "2026-01-05"}]}},
        cases=(
            Case("ecog <= 2 or ecog >= 3 and ecog >= 4", (MET,), "read as A or (B and C)"),
            Case("(ecog <= 2 or ecog >= 3) and ecog >= 4", (NOT_MET,)),
            Case("not ecog >= 3 or ecog <= 2", (MET,), "read as (not A) or B"),
            Case("not (ecog >= 3 or ecog <= 2)", (NOT_MET,)),
            Case("not not ecog <= 2", (MET,)),
        ),
    ),
)


@pytest.mark.parametrize("example", examples(tables), ids=str)
def test_examples(example: Example) -> None:
    assert example.answer() == example.expected
