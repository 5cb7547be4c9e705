"""Construct 10: counting records, lines and sites."""

import pytest

from tests.spec.tables import IMPRECISE, MET, NOT_MET, NOT_RECORDED, Case, Example, Table, examples

title = "10. Counting"
text = """\
`count KIND(…) op n` counts matching records, `count line(…)` lines of therapy, `count site(metastasis)` organs that
hold a metastasis. A count is an interval: records that may match widen it, and where nobody says that the list is
complete it is open above. `>= 1` can then be met, `<= 1` and `= 1` cannot.
"""


def course(name: str, start: str, end: str, **more: object) -> dict[str, object]:
    return {"treatment": name, "kind": "drug", "start_date": start, "end_date": end, "setting": "advanced", **more}


FIRST = course("doxorubicin", "2023-03-01", "2023-08-01")
SECOND = course("pazopanib", "2023-10-01", "2024-05-01")
TREATED = {
    "conditions": [
        {
            "condition": "leiomyosarcoma",
            "kind": "primary",
            "body_site": "uterus",
            "extent": "metastatic",
            "date": "2023-02-01",
        }
    ],
    "data_through": "2026-01-10",
}
COMPLETE = [{"domain": "treatments", "scope": "all", "complete_through": "2026-01-10"}]
tables = (
    Table(
        "Lines of therapy",
        cancer="leiomyosarcoma",
        shared=TREATED,
        patients={
            "none, list complete": {"coverage": COMPLETE},
            "one, list complete": {"treatments": [FIRST], "coverage": COMPLETE},
            "two, list complete": {"treatments": [FIRST, SECOND], "coverage": COMPLETE},
            "one, list open": {"treatments": [FIRST]},
            "two, list open": {"treatments": [FIRST, SECOND]},
        },
        cases=(
            Case("count line(systemic, setting: advanced) = 0", (MET, NOT_MET, NOT_MET, NOT_MET, NOT_MET)),
            Case("count line(systemic, setting: advanced) = 1", (NOT_MET, MET, NOT_MET, NOT_RECORDED, NOT_MET)),
            Case("count line(systemic, setting: advanced) >= 1", (NOT_MET, MET, MET, MET, MET)),
            Case("count line(systemic, setting: advanced) <= 1", (MET, MET, NOT_MET, NOT_RECORDED, NOT_MET)),
            Case(
                "count line(systemic, setting: advanced) between 1 and 3",
                (NOT_MET, MET, MET, NOT_RECORDED, NOT_RECORDED),
            ),
            Case("count line(systemic, setting: advanced) != 1", (MET, NOT_MET, MET, NOT_RECORDED, MET)),
            Case("count line(systemic, setting: advanced) < 2", (MET, MET, NOT_MET, NOT_RECORDED, NOT_MET)),
            Case("count line(systemic, setting: advanced) > 1", (NOT_MET, NOT_MET, MET, NOT_RECORDED, MET)),
        ),
    ),
    Table(
        "Records that may match",
        shared={"coverage": COMPLETE},
        patients={
            "doxorubicin, and a name nobody knows": {
                "treatments": [FIRST, course("XJ-4711", "2024-01-01", "2024-03-01")]
            },
            "doxorubicin twice": {"treatments": [FIRST, course("doxorubicin", "2024-06-01", "2024-08-01")]},
        },
        cases=(
            Case("count treatment(doxorubicin) >= 1", (MET, MET)),
            Case("count treatment(doxorubicin) >= 2", (IMPRECISE, MET)),
            Case("count treatment(doxorubicin) >= 3", (NOT_MET, NOT_MET)),
            Case("count treatment(doxorubicin) >= 1 within 24 months", (IMPRECISE, MET)),
        ),
    ),
    Table(
        "Sites of metastasis",
        cancer="leiomyosarcoma",
        shared={**TREATED, "coverage": [{"domain": "conditions", "scope": "all", "complete_through": "2026-01-10"}]},
        patients={
            "lung": {"conditions": [{"condition": "lung metastasis", "kind": "metastasis", "date": "2025-06-01"}]},
            "lung and liver": {
                "conditions": [
                    {"condition": "lung metastasis", "kind": "metastasis", "date": "2025-06-01"},
                    {"condition": "liver metastasis", "kind": "metastasis", "date": "2025-06-01"},
                ]
            },
            "lung, twice": {
                "conditions": [
                    {"condition": "lung metastasis", "kind": "metastasis", "date": "2025-06-01"},
                    {"condition": "lung metastasis", "kind": "metastasis", "date": "2025-09-01"},
                ]
            },
        },
        cases=(
            Case("count site(metastasis) >= 2", (NOT_MET, MET, NOT_MET)),
            Case("count site(metastasis) = 1", (MET, NOT_MET, MET)),
        ),
    ),
)


@pytest.mark.parametrize("example", examples(tables), ids=str)
def test_examples(example: Example) -> None:
    assert example.answer() == example.expected
