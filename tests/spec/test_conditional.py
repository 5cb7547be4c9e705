"""Construct 2: `if A then B [else C]`."""

import pytest

from tests.spec.tables import MET, NOT_MET, NOT_RECORDED, STALE, Case, Example, Table, examples

title = "2. If, then, else"
text = """\
`if A then B else C` asks B of those for whom A is met, and C of the others. Without `else`, the others pass. Where
A is unknown, the answer is that of B and C if they agree, and unknown otherwise.
"""
tables = (
    Table(
        "The condition decides what is asked",
        patients={"P": {"observations": [{"test": "ecog", "value": 1, "date": "2026-01-05"}]}},
        cases=(
            Case("if ecog <= 2 then ecog <= 1", (MET,)),
            Case("if ecog <= 2 then ecog >= 2", (NOT_MET,)),
            Case("if ecog <= 2 then anc >= 1 10*9/L", (NOT_RECORDED,)),
            Case("if ecog >= 3 then ecog >= 2", (MET,), "without `else`, others pass"),
            Case("if ecog >= 3 then ecog >= 2 else ecog <= 0", (NOT_MET,)),
            Case("if ecog >= 3 then anc >= 1 10*9/L", (MET,), "what is not asked need not be known"),
            Case("if anc >= 1 10*9/L then ecog <= 2 else ecog <= 1", (MET,), "both ways the same"),
            Case("if anc >= 1 10*9/L then ecog >= 2 else ecog >= 3", (NOT_MET,), "both ways the same"),
            Case("if anc >= 1 10*9/L then ecog <= 2 else ecog >= 3", (NOT_RECORDED,)),
            Case("if anc >= 1 10*9/L then ecog <= 2", (MET,), "whoever is not asked passes too"),
            Case("if anc >= 1 10*9/L then ecog >= 3", (NOT_RECORDED,)),
        ),
    ),
    Table(
        "A pregnancy test of women who could be pregnant",
        patients={
            "man": {"sex": "male"},
            "woman, tested": {
                "sex": "female",
                "observations": [
                    {"test": "childbearing_potential", "value": "yes", "date": "2026-01-10"},
                    {"test": "pregnancy_test", "value": "negative", "date": "2026-01-10"},
                ],
            },
            "woman, test too old": {
                "sex": "female",
                "observations": [
                    {"test": "childbearing_potential", "value": "yes", "date": "2026-01-10"},
                    {"test": "pregnancy_test", "value": "negative", "date": "2026-01-02"},
                ],
            },
            "woman, pregnant": {
                "sex": "female",
                "observations": [
                    {"test": "childbearing_potential", "value": "yes", "date": "2026-01-10"},
                    {"test": "pregnancy_test", "value": "positive", "date": "2026-01-10"},
                ],
            },
            "woman, past it": {
                "sex": "female",
                "observations": [{"test": "childbearing_potential", "value": "no", "date": "2026-01-10"}],
            },
            "sex not recorded": {},
        },
        cases=(
            Case(
                "if sex is female and childbearing_potential is yes then pregnancy_test is negative within 7 days",
                (MET, MET, STALE, NOT_MET, MET, NOT_RECORDED),
            ),
        ),
    ),
)


@pytest.mark.parametrize("example", examples(tables), ids=str)
def test_examples(example: Example) -> None:
    assert example.answer() == example.expected
