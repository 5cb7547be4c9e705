"""Construct 13: doses."""

import pytest

from tests.spec.tables import MET, NOT_MET, NOT_RECORDED, Case, Example, Table, examples

title = "13. Doses"
text = """\
`cumulative_dose(X)` adds the courses of X, `daily_dose(X)` the medications under way, `dose(X)` is one
administration; `as Y` counts each drug as its equivalent of Y. A course whose dose is not recorded leaves the sum
open above: too much can then be certain, little enough cannot.
"""


def course(name: str, amount: float | None, start: str = "2022-01-10", end: str = "2022-05-20") -> dict[str, object]:
    dose = {} if amount is None else {"cumulative_dose": amount, "cumulative_dose_unit": "mg/m2"}
    return {"treatment": name, "kind": "drug", "start_date": start, "end_date": end, **dose}


def taken(name: str, amount: float | None, **more: str) -> dict[str, object]:
    dose = {} if amount is None else {"dose": amount, "dose_unit": "mg", "frequency": "daily"}
    return {"medication": name, "route": "oral", "start_date": "2026-01-01", "ongoing": "yes", **dose, **more}


tables = (
    Table(
        "A lifetime's anthracycline",
        text="Epirubicin counts as a part of its dose of doxorubicin; the vocabulary names the factor and its source.",
        shared={"coverage": [{"domain": "treatments", "scope": "all", "complete_through": "2026-01-10"}]},
        patients={
            "375": {"treatments": [course("doxorubicin", 375)]},
            "two courses, 500": {
                "treatments": [course("doxorubicin", 300), course("doxorubicin", 200, "2024-01-10", "2024-05-20")]
            },
            "375, and one not recorded": {
                "treatments": [course("doxorubicin", 375), course("doxorubicin", None, "2024-01-10", "2024-05-20")]
            },
            "500, and one not recorded": {
                "treatments": [course("doxorubicin", 500), course("doxorubicin", None, "2024-01-10", "2024-05-20")]
            },
            "none, list complete": {},
        },
        cases=(
            Case(
                "cumulative_dose(anthracycline as doxorubicin) <= 450 mg/m2", (MET, NOT_MET, NOT_RECORDED, NOT_MET, MET)
            ),
            Case(
                "cumulative_dose(anthracycline as doxorubicin) > 450 mg/m2", (NOT_MET, MET, NOT_RECORDED, MET, NOT_MET)
            ),
        ),
    ),
    Table(
        "Corticosteroids by the day",
        text="4 mg of methylprednisolone count as 5 mg of prednisone.",
        shared={
            "data_through": "2026-01-10",
            "coverage": [
                {"domain": "medications", "scope": "all", "complete_through": "2026-01-10"},
                {"domain": "treatments", "scope": "all", "complete_through": "2026-01-10"},
            ],
        },
        patients={
            "prednisone 10 mg": {"medications": [taken("prednisone", 10)]},
            "prednisone 20 mg": {"medications": [taken("prednisone", 20)]},
            "methylprednisolone 16 mg": {"medications": [taken("methylprednisolone", 16)]},
            "dose not recorded": {"medications": [taken("prednisone", None)]},
            "none, list complete": {},
        },
        cases=(
            Case(
                "daily_dose(systemic corticosteroid as prednisone) <= 10 mg/day",
                (MET, NOT_MET, NOT_MET, NOT_RECORDED, MET),
            ),
            Case(
                "daily_dose(systemic corticosteroid as prednisone) <= 20 mg/day within 14 days",
                (MET, MET, MET, NOT_RECORDED, MET),
            ),
        ),
    ),
    Table(
        "One cycle",
        shared={
            "coverage": [
                {"domain": "treatments", "scope": "all", "complete_through": "2026-01-10"},
                {"domain": "medications", "scope": "all", "complete_through": "2026-01-10"},
            ]
        },
        patients={
            "12 g/m2": {
                "treatments": [
                    {
                        "treatment": "ifosfamide",
                        "kind": "drug",
                        "start_date": "2024-01-10",
                        "end_date": "2024-05-20",
                        "dose": 12,
                        "dose_unit": "g/m2",
                    }
                ]
            },
            "6000 mg/m2": {
                "treatments": [
                    {
                        "treatment": "ifosfamide",
                        "kind": "drug",
                        "start_date": "2024-01-10",
                        "end_date": "2024-05-20",
                        "dose": 6000,
                        "dose_unit": "mg/m2",
                    }
                ]
            },
            "dose not recorded": {
                "treatments": [
                    {"treatment": "ifosfamide", "kind": "drug", "start_date": "2024-01-10", "end_date": "2024-05-20"}
                ]
            },
        },
        cases=(
            Case("has treatment(ifosfamide, dose: >= 12 g/m2)", (MET, NOT_MET, NOT_RECORDED)),
            Case("dose(ifosfamide) >= 12 g/m2", (MET, NOT_MET, NOT_RECORDED)),
        ),
    ),
)


@pytest.mark.parametrize("example", examples(tables), ids=str)
def test_examples(example: Example) -> None:
    assert example.answer() == example.expected
