"""Construct 11: windows of time."""

from datetime import date

import pytest

from tests.spec.tables import IMPRECISE, MET, NEEDS_JUDGEMENT, NOT_MET, STALE, Case, Example, Table, examples

title = "11. Windows"
text = """\
`within 28 days` reaches back from the day asked, day 28 included. A week is 7 days; a month is a month of the
calendar, clamped to its end. `within 6 months before E`, `within 3 months after E`, `before E`, `after E`, `during
E` hang on another date: `today`, `planned start`, or `first | last | next KIND(…)`, of which `start of` or `end of`
names the side.

A treatment or medication is in a window if any dose of it may be: from its first to its last possible dose. An end
that is missing may lie anywhere up to the day asked. A state is in it if it held then, an event if its date is.
"""


def course(
    name: str = "doxorubicin", start: str | None = None, end: str | None = None, **more: str
) -> dict[str, object]:
    return {"treatment": name, "kind": "drug", "start_date": start, "end_date": end, **more}


COMPLETE = {
    "data_through": "2026-01-10",
    "coverage": [
        {"domain": "treatments", "scope": "all", "complete_through": "2026-01-15"},
        {"domain": "conditions", "scope": "all", "complete_through": "2026-01-15"},
        {"domain": "disease_status", "scope": "all", "complete_through": "2026-01-15"},
    ],
}
tables = (
    Table(
        "The last day counts",
        shared=COMPLETE,
        patients={
            "last dose 28 days ago": {"treatments": [course(start="2025-06-01", end="2025-12-18")]},
            "last dose 29 days ago": {"treatments": [course(start="2025-06-01", end="2025-12-17")]},
            "last dose in December": {"treatments": [course(start="2025-06-01", end="2025-12")]},
            "end not recorded": {"treatments": [course(start="2025-06-01")]},
            "under way": {"treatments": [course(start="2025-06-01", ongoing="yes")]},
            "no date at all": {"treatments": [course()]},
        },
        cases=(
            Case("has treatment(chemotherapy) within 28 days", (MET, NOT_MET, IMPRECISE, IMPRECISE, MET, IMPRECISE)),
            Case("no treatment(chemotherapy) within 28 days", (NOT_MET, MET, IMPRECISE, IMPRECISE, NOT_MET, IMPRECISE)),
            Case("has treatment(chemotherapy) within 4 weeks", (MET, NOT_MET, IMPRECISE, IMPRECISE, MET, IMPRECISE)),
            Case("has treatment(chemotherapy) within 12 months", (MET, MET, MET, MET, MET, IMPRECISE)),
        ),
    ),
    Table(
        "Months of the calendar",
        text="Asked on 31 May 2026: one month back is 30 April, three are 28 February.",
        as_of=date(2026, 5, 31),
        shared={"coverage": [{"domain": "treatments", "scope": "all", "complete_through": "2026-05-31"}]},
        patients={
            "30 April": {"treatments": [course(start="2026-01-01", end="2026-04-30")]},
            "29 April": {"treatments": [course(start="2026-01-01", end="2026-04-29")]},
            "28 February": {"treatments": [course(start="2026-01-01", end="2026-02-28")]},
            "27 February": {"treatments": [course(start="2026-01-01", end="2026-02-27")]},
        },
        cases=(
            Case("has treatment(chemotherapy) within 1 month", (MET, NOT_MET, NOT_MET, NOT_MET)),
            Case("has treatment(chemotherapy) within 3 months", (MET, MET, MET, NOT_MET)),
        ),
    ),
    Table(
        "The shorter, the longer",
        text=(
            "The half-life of doxorubicin is known; that of an agent nobody knows is not. `lesser of` decides once the "
            "fixed term has passed, whatever the half-life; `greater of` cannot."
        ),
        shared=COMPLETE,
        patients={
            "doxorubicin, 40 days ago": {"treatments": [course(start="2025-06-01", end="2025-12-06")]},
            "doxorubicin, 20 days ago": {"treatments": [course(start="2025-06-01", end="2025-12-26")]},
            "doxorubicin, yesterday": {"treatments": [course(start="2025-06-01", end="2026-01-14")]},
            "an unknown agent, 40 days ago": {"treatments": [course("XJ-4711", "2025-06-01", "2025-12-06")]},
            "an unknown agent, 20 days ago": {"treatments": [course("XJ-4711", "2025-06-01", "2025-12-26")]},
        },
        cases=(
            Case("no treatment(any) within lesser of (28 days, 5 half-lives)", (MET, MET, NOT_MET, MET, IMPRECISE)),
            Case(
                "no treatment(any) within greater of (28 days, 5 half-lives)",
                (MET, NOT_MET, NOT_MET, IMPRECISE, NOT_MET),
            ),
        ),
    ),
    Table(
        "Before, after and during something else",
        text=(
            "Where the other thing never happened, the rule does not say what it means, and a person is asked; a rule "
            "that knows better says `no treatment(surgery) or …`."
        ),
        shared=COMPLETE,
        patients={
            "radiotherapy before surgery": {
                "treatments": [
                    {
                        "treatment": "radiotherapy",
                        "kind": "radiotherapy",
                        "start_date": "2025-01-10",
                        "end_date": "2025-02-10",
                    },
                    {"treatment": "surgery", "kind": "surgery", "start_date": "2025-03-15", "end_date": "2025-03-15"},
                ]
            },
            "radiotherapy after surgery": {
                "treatments": [
                    {
                        "treatment": "radiotherapy",
                        "kind": "radiotherapy",
                        "start_date": "2025-06-10",
                        "end_date": "2025-07-10",
                    },
                    {"treatment": "surgery", "kind": "surgery", "start_date": "2025-03-15", "end_date": "2025-03-15"},
                ]
            },
            "radiotherapy alone": {
                "treatments": [
                    {
                        "treatment": "radiotherapy",
                        "kind": "radiotherapy",
                        "start_date": "2025-06-10",
                        "end_date": "2025-07-10",
                    }
                ]
            },
        },
        cases=(
            Case("has treatment(radiotherapy) before first treatment(surgery)", (MET, NOT_MET, NEEDS_JUDGEMENT)),
            Case("has treatment(radiotherapy) after last treatment(surgery)", (NOT_MET, MET, NEEDS_JUDGEMENT)),
            Case(
                "has treatment(radiotherapy) within 3 months before first treatment(surgery)",
                (MET, NOT_MET, NEEDS_JUDGEMENT),
            ),
            Case(
                "has treatment(radiotherapy) within 3 months after last treatment(surgery)",
                (NOT_MET, MET, NEEDS_JUDGEMENT),
            ),
            Case(
                "has treatment(radiotherapy) within 1 month after last treatment(surgery)",
                (NOT_MET, NOT_MET, NEEDS_JUDGEMENT),
            ),
        ),
    ),
    Table(
        "During a course",
        shared=COMPLETE,
        patients={
            "progressed on it": {
                "treatments": [course("pazopanib", "2025-03-01", "2025-08-01")],
                "disease_status": [{"status": "progression", "date": "2025-07-15"}],
            },
            "progressed after it": {
                "treatments": [course("pazopanib", "2025-03-01", "2025-08-01")],
                "disease_status": [{"status": "progression", "date": "2025-10-15"}],
            },
            "some day of that year": {
                "treatments": [course("pazopanib", "2025-03-01", "2025-08-01")],
                "disease_status": [{"status": "progression", "date": "2025"}],
            },
        },
        cases=(
            Case("has disease_status(progression) during last treatment(pazopanib)", (MET, NOT_MET, IMPRECISE)),
            Case("has disease_status(progression) after start of first treatment(pazopanib)", (MET, MET, IMPRECISE)),
        ),
    ),
    Table(
        "Values in a window",
        patients={
            "7 days ago": {"observations": [{"test": "anc", "value": 2, "unit": "10*9/L", "date": "2026-01-08"}]},
            "8 days ago": {"observations": [{"test": "anc", "value": 2, "unit": "10*9/L", "date": "2026-01-07"}]},
            "some day in January": {"observations": [{"test": "anc", "value": 2, "unit": "10*9/L", "date": "2026-01"}]},
        },
        cases=(
            Case("anc >= 1.5 10*9/L within 7 days", (MET, STALE, IMPRECISE)),
            Case("anc >= 1.5 10*9/L", (MET, MET, MET)),
        ),
    ),
    Table(
        "Events and states",
        text="A stroke is an event: its date counts. Hypertension is a state: it counts while it holds.",
        shared=COMPLETE,
        patients={
            "stroke in 2024": {"conditions": [{"condition": "stroke", "kind": "comorbidity", "date": "2024-05-01"}]},
            "stroke in October": {"conditions": [{"condition": "stroke", "kind": "comorbidity", "date": "2025-10-01"}]},
            "neither": {},
        },
        cases=(
            Case("has condition(stroke) within 6 months", (NOT_MET, MET, NOT_MET)),
            Case("history of condition(stroke)", (MET, MET, NOT_MET)),
        ),
    ),
)


@pytest.mark.parametrize("example", examples(tables), ids=str)
def test_examples(example: Example) -> None:
    assert example.answer() == example.expected
