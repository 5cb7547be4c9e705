"""Construct 12: the time between two dates, and how long something lasted."""

import pytest

from tests.spec.tables import IMPRECISE, MET, NOT_MET, NOT_RECORDED, Case, Example, Table, examples

title = "12. Time between, and duration"
text = """\
`time from E to E op D`, `time since E op D`, `at least D since E`, `duration of KIND(…) op D`. `at least 28 days
since E` is met on day 28. A partial date makes the time an interval. Where E may never have happened the rule
should say what holds then: `no treatment(chemotherapy) or at least 28 days since last treatment(chemotherapy)`.
"""


def course(name: str, start: str, end: str | None = None, **more: str) -> dict[str, object]:
    return {"treatment": name, "kind": "drug", "start_date": start, "end_date": end, **more}


COMPLETE = {
    "data_through": "2026-01-10",
    "coverage": [
        {"domain": "treatments", "scope": "all", "complete_through": "2026-01-15"},
        {"domain": "disease_status", "scope": "all", "complete_through": "2026-01-15"},
    ],
}
tables = (
    Table(
        "Since the last dose",
        shared=COMPLETE,
        patients={
            "28 days ago": {"treatments": [course("doxorubicin", "2025-06-01", "2025-12-18")]},
            "27 days ago": {"treatments": [course("doxorubicin", "2025-06-01", "2025-12-19")]},
            "in December": {"treatments": [course("doxorubicin", "2025-06-01", "2025-12")]},
            "never, list complete": {},
        },
        cases=(
            Case(
                "no treatment(chemotherapy) or at least 28 days since last treatment(chemotherapy)",
                (MET, NOT_MET, IMPRECISE, MET),
            ),
            Case(
                "has treatment(chemotherapy) and time since last treatment(chemotherapy) < 4 weeks",
                (NOT_MET, MET, IMPRECISE, NOT_MET),
            ),
        ),
    ),
    Table(
        "From one event to another",
        text="Progression less than six months after the first dose.",
        shared=COMPLETE,
        patients={
            "after five months": {
                "treatments": [course("doxorubicin", "2025-03-01", "2025-07-01")],
                "disease_status": [{"status": "progression", "date": "2025-08-01"}],
            },
            "after six months": {
                "treatments": [course("doxorubicin", "2025-03-01", "2025-07-01")],
                "disease_status": [{"status": "progression", "date": "2025-09-01"}],
            },
            "begun some day in March": {
                "treatments": [course("doxorubicin", "2025-03", "2025-07-01")],
                "disease_status": [{"status": "progression", "date": "2025-09-01"}],
            },
        },
        cases=(
            Case(
                "time from start of first treatment(doxorubicin) to first disease_status(progression) < 6 months",
                (MET, NOT_MET, IMPRECISE),
            ),
            Case(
                "time from start of first treatment(doxorubicin) to first disease_status(progression) between 3 months"
                " and 6 months",
                (MET, MET, MET),
                "every day of March lies five to six months before",
            ),
        ),
    ),
    Table(
        "How long it lasted",
        shared=COMPLETE,
        patients={
            "seven months": {"treatments": [course("pazopanib", "2025-01-01", "2025-08-01")]},
            "two months": {"treatments": [course("pazopanib", "2025-01-01", "2025-03-01")]},
            "end not recorded": {"treatments": [course("pazopanib", "2025-01-01")]},
            "under way since September": {"treatments": [course("pazopanib", "2025-09-01", ongoing="yes")]},
        },
        cases=(
            Case("duration of treatment(pazopanib) >= 6 months", (MET, NOT_MET, IMPRECISE, NOT_MET)),
            Case("duration of treatment(pazopanib) >= 4 months", (MET, NOT_MET, IMPRECISE, MET)),
        ),
    ),
    Table(
        "A number of months as a value",
        text="A disease-free interval that the source gives is a test like any other, and has no window.",
        patients={
            "14 months": {
                "observations": [{"test": "disease_free_interval", "value": 14, "unit": "months", "date": "2023-05-01"}]
            },
            "10 months": {
                "observations": [{"test": "disease_free_interval", "value": 10, "unit": "months", "date": "2023-05-01"}]
            },
            "nothing": {},
        },
        cases=(
            Case("disease_free_interval >= 12 months", (MET, NOT_MET, NOT_RECORDED)),
            Case("disease_free_interval >= 1 year", (MET, NOT_MET, NOT_RECORDED)),
        ),
    ),
)


@pytest.mark.parametrize("example", examples(tables), ids=str)
def test_examples(example: Example) -> None:
    assert example.answer() == example.expected
