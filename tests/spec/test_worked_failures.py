"""Ten worked patients for failure of a drug (SEMANTICS §2.6)."""

import pytest

from tests.spec.tables import MET, NEEDS_JUDGEMENT, NOT_MET, NOT_RECORDED, Case, Example, Table, examples

title = "Failure of a drug: ten patients"
text = """\
A progression, relapse or new metastasis belongs to the latest systemic line begun before it. *On* the drug is from
its first dose to 30 days after its last, or where the course's own response or stop reason says progression;
*after* it is later, with no other systemic therapy in between. Where a document does not define failure, *on*
counts, *after* counts in the advanced setting and is a question in any other. Not failed is certain only of a drug
never given, of a course still going on, and where the course of the disease is completely recorded. Stopping for
toxicity is not in itself failure.
"""


def doxorubicin(setting: str = "advanced", end: str | None = "2024-05-20", **more: str) -> dict[str, object]:
    return {
        "treatment": "doxorubicin",
        "kind": "drug",
        "start_date": "2024-01-10",
        "end_date": end,
        "setting": setting,
        **more,
    }


PAZOPANIB = {
    "treatment": "pazopanib",
    "kind": "drug",
    "start_date": "2024-08-01",
    "end_date": "2025-01-10",
    "setting": "advanced",
}
tables = (
    Table(
        "Has doxorubicin failed?",
        text="Metastatic leiomyosarcoma of the uterus since February 2023; the list of treatments is complete.",
        cancer="leiomyosarcoma",
        shared={
            "data_through": "2026-01-10",
            "conditions": [
                {
                    "condition": "leiomyosarcoma",
                    "kind": "primary",
                    "body_site": "uterus",
                    "extent": "metastatic",
                    "date": "2023-02-01",
                }
            ],
            "coverage": [{"domain": "treatments", "scope": "all", "complete_through": "2026-01-10"}],
        },
        patients={
            "1": {
                "note": "progressive disease is its recorded response",
                "treatments": [doxorubicin(response="progressive disease")],
            },
            "2": {"note": "stopped for progression", "treatments": [doxorubicin(stop_reason="progression")]},
            "3": {
                "note": "progression on day 30 after the last dose",
                "treatments": [doxorubicin()],
                "disease_status": [{"status": "progression", "date": "2024-06-19"}],
            },
            "4": {
                "note": "progression a year later, nothing in between",
                "treatments": [doxorubicin()],
                "disease_status": [{"status": "progression", "date": "2025-05-20"}],
            },
            "5": {
                "note": "relapse a year after an adjuvant course",
                "treatments": [doxorubicin("adjuvant")],
                "disease_status": [{"status": "relapse", "date": "2025-05-20"}],
            },
            "6": {
                "note": "the progression belongs to the next line",
                "treatments": [doxorubicin(), PAZOPANIB],
                "disease_status": [{"status": "progression", "date": "2024-12-01"}],
            },
            "7": {
                "note": "stopped for toxicity, nothing known since",
                "treatments": [doxorubicin(stop_reason="toxicity")],
            },
            "8": {
                "note": "no event, course of disease completely recorded",
                "treatments": [doxorubicin()],
                "coverage": [{"domain": "disease_status", "scope": "all", "complete_through": "2026-01-10"}],
            },
            "9": {
                "note": "still going on, no event",
                "treatments": [
                    {
                        "treatment": "doxorubicin",
                        "kind": "drug",
                        "setting": "advanced",
                        "start_date": "2025-12-01",
                        "ongoing": "yes",
                    }
                ],
            },
            "10": {"note": "never given", "treatments": [PAZOPANIB]},
        },
        cases=(
            Case(
                "has treatment(doxorubicin, outcome: failure)",
                (MET, MET, MET, MET, NEEDS_JUDGEMENT, NOT_RECORDED, NOT_RECORDED, NOT_MET, NOT_MET, NOT_MET),
            ),
            Case(
                "has treatment(doxorubicin, outcome: refractory)",
                (
                    MET,
                    MET,
                    MET,
                    NEEDS_JUDGEMENT,
                    NEEDS_JUDGEMENT,
                    NOT_RECORDED,
                    NOT_RECORDED,
                    NOT_MET,
                    NOT_MET,
                    NOT_MET,
                ),
            ),
            Case(
                "has treatment(doxorubicin, outcome: intolerant)",
                (
                    NOT_RECORDED,
                    NOT_MET,
                    NOT_RECORDED,
                    NOT_RECORDED,
                    NOT_RECORDED,
                    NOT_RECORDED,
                    MET,
                    NOT_RECORDED,
                    NOT_MET,
                    NOT_MET,
                ),
            ),
            Case(
                "has treatment(doxorubicin, response: progressive disease)",
                (
                    MET,
                    NOT_RECORDED,
                    NOT_RECORDED,
                    NOT_RECORDED,
                    NOT_RECORDED,
                    NOT_RECORDED,
                    NOT_RECORDED,
                    NOT_RECORDED,
                    NOT_RECORDED,
                    NOT_MET,
                ),
                "the recorded response is another question",
            ),
        ),
    ),
)


@pytest.mark.parametrize("example", examples(tables), ids=str)
def test_examples(example: Example) -> None:
    assert example.answer() == example.expected
