"""Construct 8: tests of the fields of one record."""

import pytest

from tests.spec.tables import (
    CONFLICTING,
    IMPRECISE,
    MET,
    NOT_MET,
    NOT_RECORDED,
    STALE,
    Case,
    Example,
    Table,
    examples,
)

title = "8. Tests of fields"
text = """\
`field: test` narrows a record: `a`, `a or b`, `a and b`, `not a`, `> 1 and > baseline`, `stable for 4 weeks`, and
links to another record (`due_to:`, `for:`, `with:`). All tests must hold of one and the same record, and its truth
is the least of them. A field that is not recorded leaves its test unknown: a record that may match is not a record
that does not.

`not a or b` denies both. `yes` and `no` stand for fields that are either.
"""


def course(name: str = "doxorubicin", **more: object) -> dict[str, object]:
    return {"treatment": name, "kind": "drug", "start_date": "2024-01-10", "end_date": "2024-05-20", **more}


def all_of(domain: str, scope: str = "all") -> dict[str, str]:
    return {"domain": domain, "scope": scope, "complete_through": "2026-01-10"}


COMPLETE = {
    "coverage": [all_of("treatments"), all_of("medications"), all_of("conditions")],
    "data_through": "2026-01-10",
}
tables = (
    Table(
        "Words",
        shared=COMPLETE,
        patients={
            "progressive disease": {"treatments": [course(response="progressive disease")]},
            "partial response": {"treatments": [course(response="partial response")]},
            "response not recorded": {"treatments": [course()]},
            "two courses": {
                "treatments": [
                    course(response="partial response"),
                    course(start_date="2025-01-10", end_date="2025-03-01", response="PD"),
                ]
            },
        },
        cases=(
            Case("has treatment(doxorubicin, response: progressive disease)", (MET, NOT_MET, NOT_RECORDED, MET)),
            Case(
                "has treatment(doxorubicin, response: response)",
                (NOT_MET, MET, NOT_RECORDED, MET),
                "a partial response is a response",
            ),
            Case(
                "has treatment(doxorubicin, response: complete response or partial response)",
                (NOT_MET, MET, NOT_RECORDED, MET),
            ),
            Case("has treatment(doxorubicin, response: not progressive disease)", (NOT_MET, MET, NOT_RECORDED, MET)),
            Case(
                "has treatment(doxorubicin, response: progressive disease, stop_reason: toxicity)",
                (NOT_RECORDED, NOT_MET, NOT_RECORDED, NOT_RECORDED),
                "of one and the same course",
            ),
        ),
    ),
    Table(
        "Neither inhaled nor topical",
        shared=COMPLETE,
        patients={
            "by mouth": {
                "medications": [
                    {"medication": "prednisone", "route": "oral", "start_date": "2026-01-01", "ongoing": "yes"}
                ]
            },
            "inhaled": {
                "medications": [
                    {"medication": "budesonide", "route": "inhaled", "start_date": "2026-01-01", "ongoing": "yes"}
                ]
            },
            "stopped": {
                "medications": [
                    {"medication": "prednisone", "route": "oral", "start_date": "2025-11-01", "end_date": "2025-12-01"}
                ]
            },
            "route not recorded": {
                "medications": [{"medication": "prednisone", "start_date": "2026-01-01", "ongoing": "yes"}]
            },
        },
        cases=(
            Case(
                "has medication(corticosteroid, route: not inhaled or topical, ongoing: yes)",
                (MET, NOT_MET, NOT_MET, NOT_RECORDED),
            ),
        ),
    ),
    Table(
        "Numbers and baselines",
        shared=COMPLETE,
        patients={
            "grade 2, baseline 0": {
                "conditions": [
                    {
                        "condition": "peripheral neuropathy",
                        "kind": "toxicity",
                        "grade": 2,
                        "baseline_grade": 0,
                        "date": "2026-01-05",
                    }
                ]
            },
            "grade 2, baseline 2": {
                "conditions": [
                    {
                        "condition": "peripheral neuropathy",
                        "kind": "toxicity",
                        "grade": 2,
                        "baseline_grade": 2,
                        "date": "2026-01-05",
                    }
                ]
            },
            "grade 1": {
                "conditions": [
                    {"condition": "peripheral neuropathy", "kind": "toxicity", "grade": 1, "date": "2026-01-05"}
                ]
            },
            "grade 2, no baseline": {
                "conditions": [
                    {"condition": "peripheral neuropathy", "kind": "toxicity", "grade": 2, "date": "2026-01-05"}
                ]
            },
            "alopecia of grade 2": {
                "conditions": [
                    {"condition": "alopecia", "kind": "toxicity", "grade": 2, "baseline_grade": 0, "date": "2026-01-05"}
                ]
            },
        },
        cases=(
            Case("has toxicity(any, grade: >= 2)", (MET, MET, NOT_MET, MET, MET)),
            Case("has toxicity(any, grade: > 1 and > baseline)", (MET, NOT_MET, NOT_MET, NOT_RECORDED, MET)),
            Case(
                "no toxicity(any, other than: alopecia, grade: > 1 and > baseline)",
                (NOT_MET, MET, MET, NOT_RECORDED, MET),
            ),
            Case("has toxicity(any, grade: between 1 and 2)", (MET, MET, MET, MET, MET)),
        ),
    ),
    Table(
        "States, and how long they have held",
        text=(
            "States hold at a time and are those of the latest dated row. `for 4 weeks` asks since when: a row gives "
            "`state_since`, else its date is the first day of which it is certain."
        ),
        shared=COMPLETE,
        patients={
            "stable since November": {
                "conditions": [
                    {
                        "condition": "CNS metastasis",
                        "kind": "metastasis",
                        "state": "treated|stable",
                        "state_since": "2025-11-01",
                        "date": "2026-01-05",
                    }
                ]
            },
            "stable since January": {
                "conditions": [
                    {
                        "condition": "CNS metastasis",
                        "kind": "metastasis",
                        "state": "treated|stable",
                        "state_since": "2026-01-02",
                        "date": "2026-01-05",
                    }
                ]
            },
            "progressive": {
                "conditions": [
                    {
                        "condition": "CNS metastasis",
                        "kind": "metastasis",
                        "state": "treated|progressive",
                        "date": "2026-01-05",
                    }
                ]
            },
            "was stable, is progressive": {
                "conditions": [
                    {"condition": "CNS metastasis", "kind": "metastasis", "state": "stable", "date": "2025-09-01"},
                    {"condition": "CNS metastasis", "kind": "metastasis", "state": "progressive", "date": "2026-01-05"},
                ]
            },
            "state not recorded": {
                "conditions": [{"condition": "CNS metastasis", "kind": "metastasis", "date": "2026-01-05"}]
            },
        },
        cases=(
            Case("has condition(CNS metastasis, state: stable)", (MET, MET, NOT_MET, NOT_MET, NOT_RECORDED)),
            Case(
                "has condition(CNS metastasis, state: stable for 4 weeks)",
                (MET, NOT_MET, NOT_MET, NOT_MET, NOT_RECORDED),
            ),
            Case(
                "has condition(CNS metastasis, state: treated and stable)", (MET, MET, NOT_MET, NOT_MET, NOT_RECORDED)
            ),
        ),
    ),
    Table(
        "Extent",
        text=(
            "Oligometastatic lies below metastatic, and a metastasis row of the cancer makes it metastatic. Metastatic "
            "stays until a later statement; a lesser extent is *stale* once the record is no longer current."
        ),
        patients={
            "metastatic": {
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
            },
            "localized, record current": {
                "data_through": "2026-01-10",
                "conditions": [
                    {
                        "condition": "leiomyosarcoma",
                        "kind": "primary",
                        "body_site": "uterus",
                        "extent": "localized",
                        "date": "2025-12-20",
                    }
                ],
            },
            "localized, record a year old": {
                "data_through": "2025-01-10",
                "conditions": [
                    {
                        "condition": "leiomyosarcoma",
                        "kind": "primary",
                        "body_site": "uterus",
                        "extent": "localized",
                        "date": "2024-12-20",
                    }
                ],
            },
            "localized, then a lung metastasis": {
                "data_through": "2026-01-10",
                "conditions": [
                    {
                        "condition": "leiomyosarcoma",
                        "kind": "primary",
                        "body_site": "uterus",
                        "extent": "localized",
                        "date": "2023-02-01",
                    },
                    {"condition": "lung metastasis", "kind": "metastasis", "date": "2025-06-01"},
                ],
            },
            "oligometastatic": {
                "data_through": "2026-01-10",
                "conditions": [
                    {
                        "condition": "leiomyosarcoma",
                        "kind": "primary",
                        "body_site": "uterus",
                        "extent": "oligometastatic",
                        "date": "2025-12-20",
                    }
                ],
            },
            "not recorded": {
                "data_through": "2026-01-10",
                "conditions": [
                    {"condition": "leiomyosarcoma", "kind": "primary", "body_site": "uterus", "date": "2023-02-01"}
                ],
            },
        },
        cases=(
            Case("has diagnosis(leiomyosarcoma, extent: metastatic)", (MET, NOT_MET, STALE, MET, MET, NOT_RECORDED)),
            Case(
                "has diagnosis(leiomyosarcoma, extent: oligometastatic)",
                (IMPRECISE, NOT_MET, STALE, IMPRECISE, MET, NOT_RECORDED),
            ),
            Case(
                "has diagnosis(leiomyosarcoma, extent: localized)",
                (NOT_MET, MET, STALE, NOT_MET, NOT_MET, NOT_RECORDED),
            ),
        ),
    ),
    Table(
        "Two statements of one day",
        shared={"data_through": "2026-01-10"},
        patients={
            "localized and metastatic on one day": {
                "conditions": [
                    {
                        "condition": "leiomyosarcoma",
                        "kind": "primary",
                        "body_site": "uterus",
                        "extent": "localized",
                        "date": "2025-12-20",
                    },
                    {
                        "condition": "leiomyosarcoma",
                        "kind": "primary",
                        "body_site": "uterus",
                        "extent": "metastatic",
                        "date": "2025-12-20",
                        "record_id": "b",
                    },
                ]
            },
        },
        cases=(Case("has diagnosis(leiomyosarcoma, extent: metastatic)", (CONFLICTING,)),),
    ),
    Table(
        "Stages",
        shared={"data_through": "2026-01-10"},
        patients={
            "IIIB": {
                "conditions": [{"condition": "breast cancer", "kind": "primary", "stage": "IIIB", "date": "2025-12-20"}]
            },
            "III": {
                "conditions": [{"condition": "breast cancer", "kind": "primary", "stage": "III", "date": "2025-12-20"}]
            },
            "IV": {
                "conditions": [{"condition": "breast cancer", "kind": "primary", "stage": "IV", "date": "2025-12-20"}]
            },
        },
        cases=(
            Case("has diagnosis(breast cancer, stage: III)", (MET, MET, NOT_MET)),
            Case("has diagnosis(breast cancer, stage: IIIB or IIIC)", (MET, IMPRECISE, NOT_MET)),
            Case("has diagnosis(breast cancer, stage: III or IV)", (MET, MET, MET)),
        ),
    ),
    Table(
        "Links",
        text="`due_to:` and `for:` name a concept or a record; `with:` asks for a drug of the same regimen.",
        shared=COMPLETE,
        patients={
            "neuropathy of docetaxel": {
                "conditions": [
                    {
                        "condition": "peripheral neuropathy",
                        "kind": "toxicity",
                        "due_to": "docetaxel",
                        "date": "2026-01-05",
                    }
                ]
            },
            "neuropathy of cisplatin": {
                "conditions": [
                    {
                        "condition": "peripheral neuropathy",
                        "kind": "toxicity",
                        "due_to": "cisplatin",
                        "date": "2026-01-05",
                    }
                ]
            },
            "cause not recorded": {
                "conditions": [{"condition": "peripheral neuropathy", "kind": "toxicity", "date": "2026-01-05"}]
            },
        },
        cases=(
            Case("has toxicity(any, due_to: docetaxel)", (MET, NOT_MET, NOT_RECORDED)),
            Case("has toxicity(any, due_to: taxane)", (MET, NOT_MET, NOT_RECORDED)),
            Case("has toxicity(any, due_to: treatment(docetaxel))", (MET, NOT_MET, NOT_RECORDED)),
        ),
    ),
    Table(
        "Given together",
        shared=COMPLETE,
        patients={
            "gemcitabine with docetaxel": {
                "treatments": [
                    course("gemcitabine", regimen="gemcitabine + docetaxel"),
                    course("docetaxel", regimen="gemcitabine + docetaxel"),
                ]
            },
            "one after the other": {
                "treatments": [
                    course("gemcitabine"),
                    course("docetaxel", start_date="2025-02-01", end_date="2025-05-01"),
                ]
            },
            "gemcitabine alone": {"treatments": [course("gemcitabine")]},
        },
        cases=(Case("has treatment(gemcitabine, with: docetaxel)", (MET, NOT_MET, NOT_MET)),),
    ),
    Table(
        "Markers",
        patients={
            "CPS 15": {
                "biomarkers": [
                    {"gene": "CD274", "alteration": "expression", "scale": "CPS", "value": 15, "date": "2025-06-01"}
                ]
            },
            "CPS 5": {
                "biomarkers": [
                    {"gene": "CD274", "alteration": "expression", "scale": "CPS", "value": 5, "date": "2025-06-01"}
                ]
            },
            "TPS 15": {
                "biomarkers": [
                    {"gene": "CD274", "alteration": "expression", "scale": "TPS", "value": 15, "date": "2025-06-01"}
                ]
            },
        },
        cases=(
            Case(
                "has biomarker(CD274, expression, scale: CPS, value: >= 10)",
                (MET, NOT_MET, NOT_RECORDED),
                "a value on another scale says nothing",
            ),
        ),
    ),
)


@pytest.mark.parametrize("example", examples(tables), ids=str)
def test_examples(example: Example) -> None:
    assert example.answer() == example.expected
