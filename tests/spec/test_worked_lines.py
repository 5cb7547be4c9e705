"""Ten worked patients for lines of therapy (SEMANTICS §2.5)."""

import pytest

from tests.spec.tables import IMPRECISE, MET, NOT_MET, Case, Example, Table, examples

title = "Lines of therapy: ten patients"
text = """\
The systemic anti-cancer drugs of this cancer are ordered by their start. What starts within 28 days of a line's
first dose belongs to it. A progression in between, or a drug added after those 28 days that is in no part of the
line, opens a new one; a dropped drug, another brand, maintenance with a drug of the line, or a rechallenge without
progression do not. The setting is the recorded one, else follows from intent, extent and resection. A recorded line
number overrides the grouping. Where settings, dates or drugs are unknown the count is a range.
"""


def drug(
    name: str, start: str | None, end: str | None, setting: str | None = "advanced", **more: str
) -> dict[str, object]:
    return {"treatment": name, "kind": "drug", "start_date": start, "end_date": end, "setting": setting, **more}


tables = (
    Table(
        "How many lines in the advanced setting?",
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
            "1": {"note": "one drug", "treatments": [drug("doxorubicin", "2024-01-10", "2024-05-20")]},
            "2": {
                "note": "two drugs within 28 days",
                "treatments": [
                    drug("gemcitabine", "2024-01-10", "2024-05-20"),
                    drug("docetaxel", "2024-02-07", "2024-05-20"),
                ],
            },
            "3": {
                "note": "a drug added after 29 days",
                "treatments": [
                    drug("gemcitabine", "2024-01-10", "2024-05-20"),
                    drug("docetaxel", "2024-02-08", "2024-05-20"),
                ],
            },
            "4": {
                "note": "another brand of the same drug",
                "treatments": [
                    drug("doxorubicin", "2024-01-10", "2024-03-20"),
                    drug("Adriamycin", "2024-04-02", "2024-05-20"),
                ],
            },
            "5": {
                "note": "the same drug again, no progression",
                "treatments": [
                    drug("doxorubicin", "2023-03-10", "2023-06-20"),
                    drug("doxorubicin", "2024-09-02", "2024-12-20"),
                ],
            },
            "6": {
                "note": "the same drug again after progression",
                "treatments": [
                    drug("doxorubicin", "2023-03-10", "2023-06-20"),
                    drug("doxorubicin", "2024-09-02", "2024-12-20"),
                ],
                "disease_status": [{"status": "progression", "date": "2024-06-01"}],
            },
            "7": {
                "note": "maintenance with a drug of the line",
                "treatments": [
                    drug("doxorubicin", "2024-01-10", "2024-05-20"),
                    drug("trabectedin", "2024-01-10", "2024-05-20"),
                    drug("trabectedin", "2024-06-10", "2025-05-20", "maintenance"),
                ],
            },
            "8": {
                "note": "adjuvant, then advanced",
                "treatments": [
                    drug("doxorubicin", "2022-05-10", "2022-09-20", "adjuvant"),
                    drug("gemcitabine", "2024-01-10", "2024-05-20"),
                ],
            },
            "9": {
                "note": "no setting recorded, begun when metastatic",
                "treatments": [drug("doxorubicin", "2023-03-10", "2023-08-20", None)],
            },
            "10": {
                "note": "one course without date and setting",
                "treatments": [drug("doxorubicin", None, None, None), drug("pazopanib", "2024-03-10", "2024-08-20")],
            },
        },
        cases=(
            Case(
                "count line(systemic, setting: advanced) = 1",
                (MET, MET, NOT_MET, MET, MET, NOT_MET, MET, MET, MET, IMPRECISE),
            ),
            Case(
                "count line(systemic, setting: advanced) = 2",
                (NOT_MET, NOT_MET, MET, NOT_MET, NOT_MET, MET, NOT_MET, NOT_MET, NOT_MET, IMPRECISE),
            ),
            Case("count line(systemic, setting: advanced) <= 2", (MET,) * 10),
            Case(
                "count line(systemic) >= 2",
                (NOT_MET, NOT_MET, MET, NOT_MET, NOT_MET, MET, NOT_MET, MET, NOT_MET, IMPRECISE),
                "the course without a date may have been given together with the other",
            ),
        ),
    ),
)


@pytest.mark.parametrize("example", examples(tables), ids=str)
def test_examples(example: Example) -> None:
    assert example.answer() == example.expected
