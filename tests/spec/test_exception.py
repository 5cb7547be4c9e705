"""Construct 3: `A except when B`."""

import pytest

from tests.spec.tables import MET, NOT_MET, NOT_RECORDED, Case, Example, Table, examples

title = "3. Except when"
text = """\
`A except when B` is met where A is met and B is not: the least of A and `not B`. It says what protocols write as
unless, except, or other than with conditions, and it binds loosest of all: everything before it is A, everything
after it is B.
"""
tables = (
    Table(
        "Nine cases",
        patients={"P": {"observations": [{"test": "ecog", "value": 1, "date": "2026-01-05"}]}},
        cases=(
            Case("ecog <= 2 except when ecog >= 3", (MET,)),
            Case("ecog <= 2 except when ecog <= 1", (NOT_MET,)),
            Case("ecog <= 2 except when anc < 1 10*9/L", (NOT_RECORDED,)),
            Case("ecog >= 3 except when ecog >= 4", (NOT_MET,)),
            Case("ecog >= 3 except when ecog <= 1", (NOT_MET,)),
            Case("ecog >= 3 except when anc < 1 10*9/L", (NOT_MET,), "the exception need not be known"),
            Case("anc >= 1 10*9/L except when ecog >= 3", (NOT_RECORDED,)),
            Case("anc >= 1 10*9/L except when ecog <= 1", (NOT_MET,), "the exception alone decides"),
            Case("anc >= 1 10*9/L except when anc < 1 10*9/L", (NOT_RECORDED,)),
            Case("ecog <= 2 or ecog >= 4 except when ecog <= 1", (NOT_MET,), "read as (A or B) except when C"),
            Case("ecog <= 2 except when ecog >= 3 and anc < 1 10*9/L", (MET,), "read as A except when (B and C)"),
        ),
    ),
    Table(
        "Brain metastases that are treated and stable, as an exclusion",
        text="The rule says what excludes, so *met* keeps the patient out. Both lists are complete.",
        shared={
            "data_through": "2026-01-10",
            "coverage": [
                {"domain": "medications", "scope": "all", "complete_through": "2026-01-10"},
                {"domain": "conditions", "scope": "all", "complete_through": "2026-01-10"},
            ],
        },
        patients={
            "untreated": {
                "conditions": [
                    {
                        "condition": "CNS metastasis",
                        "kind": "metastasis",
                        "state": "untreated|active",
                        "state_since": "2025-11-01",
                        "date": "2025-11-01",
                    }
                ],
            },
            "treated and stable": {
                "conditions": [
                    {
                        "condition": "CNS metastasis",
                        "kind": "metastasis",
                        "state": "treated|stable",
                        "state_since": "2025-11-01",
                        "date": "2025-12-20",
                    }
                ],
            },
            "the same, on dexamethasone": {
                "conditions": [
                    {
                        "condition": "CNS metastasis",
                        "kind": "metastasis",
                        "state": "treated|stable",
                        "state_since": "2025-11-01",
                        "date": "2025-12-20",
                    }
                ],
                "medications": [
                    {"medication": "dexamethasone", "route": "oral", "start_date": "2025-12-01", "ongoing": "yes"}
                ],
            },
            "state not recorded": {
                "conditions": [{"condition": "CNS metastasis", "kind": "metastasis", "date": "2025-11-01"}],
            },
        },
        cases=(
            Case(
                "has condition(CNS metastasis) except when (has condition(CNS metastasis, state: treated and stable for"
                " 4 weeks) and no medication(systemic corticosteroid) within 7 days)",
                (MET, NOT_MET, MET, NOT_RECORDED),
            ),
        ),
    ),
)


@pytest.mark.parametrize("example", examples(tables), ids=str)
def test_examples(example: Example) -> None:
    assert example.answer() == example.expected
