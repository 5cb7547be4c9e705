"""Construct 4: `at least | at most | exactly N of (A; B; …)`."""

import pytest

from tests.spec.tables import MET, NOT_MET, NOT_RECORDED, Case, Example, Table, examples

title = "4. So many of several"
text = """\
`at least 2 of (A; B; C)` counts the rules that are met. It is decided as soon as the unknown ones cannot change the
answer: at least N is met when N are met, and not met when met and unknown ones together are fewer than N.
"""
tables = (
    Table(
        "Counting with unknowns",
        text="ECOG is 1 and the patient 70; no laboratory value is recorded.",
        patients={
            "P": {"birth_date": "1956-01-01", "observations": [{"test": "ecog", "value": 1, "date": "2026-01-05"}]}
        },
        cases=(
            Case("at least 2 of (ecog <= 2; age >= 65; anc < 1 10*9/L)", (MET,)),
            Case("at least 2 of (ecog <= 2; age >= 75; anc < 1 10*9/L)", (NOT_RECORDED,)),
            Case("at least 2 of (ecog <= 2; age >= 75; ecog >= 3)", (NOT_MET,)),
            Case("at least 3 of (ecog <= 2; age >= 75; anc < 1 10*9/L)", (NOT_MET,), "three can no longer be reached"),
            Case("at most 1 of (ecog <= 2; age >= 75; ecog >= 3)", (MET,)),
            Case("at most 1 of (ecog <= 2; age >= 75; anc < 1 10*9/L)", (NOT_RECORDED,)),
            Case("at most 1 of (ecog <= 2; age >= 65; anc < 1 10*9/L)", (NOT_MET,)),
            Case("at most 2 of (ecog <= 2; age >= 75; anc < 1 10*9/L)", (MET,), "two at the most, whatever is unknown"),
            Case("at most 0 of (ecog >= 3; age >= 75)", (MET,)),
            Case("exactly 1 of (ecog <= 2; age >= 75; ecog >= 3)", (MET,)),
            Case("exactly 1 of (ecog <= 2; age >= 75; anc < 1 10*9/L)", (NOT_RECORDED,)),
            Case("exactly 1 of (ecog <= 2; age >= 65; anc < 1 10*9/L)", (NOT_MET,)),
            Case("exactly 3 of (ecog <= 2; age >= 75; anc < 1 10*9/L)", (NOT_MET,)),
            Case("at least 1 of (ecog >= 3 or age >= 65; ecog >= 4)", (MET,), "each part is a whole rule"),
        ),
    ),
)


@pytest.mark.parametrize("example", examples(tables), ids=str)
def test_examples(example: Example) -> None:
    assert example.answer() == example.expected
