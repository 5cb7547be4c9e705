"""Construct 15: `ask "question"`."""

import pytest

from tests.spec.tables import MET, NEEDS_JUDGEMENT, NOT_MET, Case, Example, Table, examples

title = "15. Asking a reader"
text = """\
`ask "question"` is answered by a person, and unknown until it is: *needs judgement*. `A or (B and ask "…")` is how
a document says "unclear if B": met where A is, not met where neither is, and a question only where B alone is. A
rule that is nothing but a question is one that only a reader can settle.
"""
tables = (
    Table(
        "Unclear if",
        shared={
            "data_through": "2026-01-10",
            "coverage": [{"domain": "conditions", "scope": "all", "complete_through": "2026-01-10"}],
        },
        patients={
            "metastatic": {
                "conditions": [
                    {
                        "condition": "leiomyosarcoma",
                        "kind": "primary",
                        "body_site": "uterus",
                        "extent": "metastatic",
                        "date": "2025-12-20",
                    }
                ]
            },
            "locally advanced": {
                "conditions": [
                    {
                        "condition": "leiomyosarcoma",
                        "kind": "primary",
                        "body_site": "uterus",
                        "extent": "locally advanced",
                        "date": "2025-12-20",
                    }
                ]
            },
            "localized": {
                "conditions": [
                    {
                        "condition": "leiomyosarcoma",
                        "kind": "primary",
                        "body_site": "uterus",
                        "extent": "localized",
                        "date": "2025-12-20",
                    }
                ]
            },
        },
        cases=(
            Case('ask "does the patient fit?"', (NEEDS_JUDGEMENT, NEEDS_JUDGEMENT, NEEDS_JUDGEMENT)),
            Case('not ask "does the patient fit?"', (NEEDS_JUDGEMENT, NEEDS_JUDGEMENT, NEEDS_JUDGEMENT)),
            Case(
                "has diagnosis(leiomyosarcoma, extent: metastatic) or (has diagnosis(leiomyosarcoma, extent: locally"
                ' advanced) and ask "does locally advanced disease count?")',
                (MET, NEEDS_JUDGEMENT, NOT_MET),
            ),
        ),
    ),
)


@pytest.mark.parametrize("example", examples(tables), ids=str)
def test_examples(example: Example) -> None:
    assert example.answer() == example.expected
