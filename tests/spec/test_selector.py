"""Construct 6: which of several values is meant."""

import pytest

from tests.spec.tables import IMPRECISE, MET, NOT_MET, NOT_RECORDED, Case, Example, Table, examples

title = "6. Which of several values"
text = """\
A test alone means its latest value. `first`, `lowest`, `highest` and `mean of last 3` choose otherwise among the
values in the window; `method:` asks for values of one method, `since:` for those from an event on. Too few values
leave the answer unknown.
"""


def qtcf(value: int, on: str, **more: str) -> dict[str, object]:
    return {"test": "qtcf", "value": value, "unit": "ms", "date": on, **more}


THREE = [qtcf(480, "2025-12-20"), qtcf(440, "2025-12-27"), qtcf(460, "2026-01-10")]
tables = (
    Table(
        "First, latest, lowest, highest, mean",
        text="QTcF 480, 440 and 460 ms on 20 and 27 December and 10 January; the second patient has the last two.",
        patients={"three values": {"observations": THREE}, "two values": {"observations": THREE[1:]}, "none": {}},
        cases=(
            Case("qtcf <= 460 ms", (MET, MET, NOT_RECORDED)),
            Case("latest qtcf < 460 ms", (NOT_MET, NOT_MET, NOT_RECORDED)),
            Case("first qtcf <= 450 ms", (NOT_MET, MET, NOT_RECORDED)),
            Case("lowest qtcf <= 440 ms", (MET, MET, NOT_RECORDED)),
            Case("highest qtcf <= 470 ms", (NOT_MET, MET, NOT_RECORDED)),
            Case("mean of last 2 qtcf <= 450 ms", (MET, MET, NOT_RECORDED)),
            Case(
                "mean of last 3 qtcf <= 460 ms", (MET, NOT_RECORDED, NOT_RECORDED), "two values have no mean of three"
            ),
            Case(
                "highest qtcf <= 470 ms within 14 days", (MET, MET, NOT_RECORDED), "only the last value is that young"
            ),
        ),
    ),
    Table(
        "One method",
        patients={
            "by MUGA": {
                "observations": [{"test": "lvef", "value": 48, "unit": "%", "date": "2026-01-05", "method": "MUGA"}]
            },
            "both": {
                "observations": [
                    {"test": "lvef", "value": 55, "unit": "%", "date": "2026-01-08", "method": "echocardiography"},
                    {"test": "lvef", "value": 48, "unit": "%", "date": "2026-01-05", "method": "MUGA"},
                ]
            },
            "not said": {"observations": [{"test": "lvef", "value": 55, "unit": "%", "date": "2026-01-08"}]},
        },
        cases=(
            Case("lvef >= 50 %", (NOT_MET, MET, MET)),
            Case("lvef(method: MUGA) >= 50 %", (NOT_MET, NOT_MET, IMPRECISE), "it may have been by either"),
            Case("lvef(method: echocardiography) >= 50 %", (NOT_RECORDED, MET, IMPRECISE)),
        ),
    ),
    Table(
        "Since an event",
        text=(
            "The lowest value since doxorubicin was begun. Which course was the first is certain only where "
            "the list of treatments is complete: an earlier one would let the value of 40 % in."
        ),
        patients={
            "fell": {
                "treatments": [
                    {"treatment": "doxorubicin", "kind": "drug", "start_date": "2025-03-01", "end_date": "2025-08-01"}
                ],
                "observations": [
                    {"test": "lvef", "value": 40, "unit": "%", "date": "2025-02-01"},
                    {"test": "lvef", "value": 48, "unit": "%", "date": "2025-06-01"},
                    {"test": "lvef", "value": 58, "unit": "%", "date": "2025-12-01"},
                ],
            },
            "never below 50 since": {
                "treatments": [
                    {"treatment": "doxorubicin", "kind": "drug", "start_date": "2025-03-01", "end_date": "2025-08-01"}
                ],
                "observations": [
                    {"test": "lvef", "value": 40, "unit": "%", "date": "2025-02-01"},
                    {"test": "lvef", "value": 58, "unit": "%", "date": "2025-12-01"},
                ],
            },
            "the same, list complete": {
                "treatments": [
                    {"treatment": "doxorubicin", "kind": "drug", "start_date": "2025-03-01", "end_date": "2025-08-01"}
                ],
                "coverage": [{"domain": "treatments", "scope": "all", "complete_through": "2026-01-10"}],
                "observations": [
                    {"test": "lvef", "value": 40, "unit": "%", "date": "2025-02-01"},
                    {"test": "lvef", "value": 58, "unit": "%", "date": "2025-12-01"},
                ],
            },
            "no doxorubicin on record": {
                "observations": [{"test": "lvef", "value": 40, "unit": "%", "date": "2025-12-01"}],
            },
        },
        cases=(
            Case(
                "lowest lvef(since: start of first treatment(doxorubicin)) < 50 %",
                (MET, IMPRECISE, NOT_MET, NOT_RECORDED),
            ),
        ),
    ),
)


@pytest.mark.parametrize("example", examples(tables), ids=str)
def test_examples(example: Example) -> None:
    assert example.answer() == example.expected
