"""Construct 9: sets of concepts."""

import pytest

from tests.spec.tables import IMPRECISE, MET, NOT_MET, NOT_RECORDED, Case, Example, Table, examples

title = "9. Sets of concepts"
text = """\
`a or b` is one set; `a and b` is one regimen; `any` is every record of the kind; `this cancer` is the patient's
cancer that the document is about; `other than:` takes concepts away. A class holds its members, a brand is its
drug. A name that holds a word of the language is quoted: `"head and neck cancer"`, for bare it would be a `head`
and a `neck cancer`.
"""


def course(name: str, start: str = "2024-01-10", end: str = "2024-05-20", **more: str) -> dict[str, str]:
    return {"treatment": name, "kind": "drug", "start_date": start, "end_date": end, **more}


def primary(name: str, **more: str) -> dict[str, str]:
    return {"condition": name, "kind": "primary", "date": "2023-02-01", **more}


COMPLETE = {"coverage": [{"domain": "treatments", "scope": "all", "complete_through": "2026-01-10"}]}
tables = (
    Table(
        "Classes, brands, combinations",
        shared=COMPLETE,
        patients={
            "Adriamycin": {"treatments": [course("Adriamycin")]},
            "pegylated": {"treatments": [course("pegylated liposomal doxorubicin")]},
            "gemcitabine/docetaxel": {"treatments": [course("gemcitabine/docetaxel")]},
            "chemotherapy": {"treatments": [course("chemotherapy")]},
            "a name nobody knows": {"treatments": [course("XJ-4711")]},
        },
        cases=(
            Case("has treatment(doxorubicin)", (MET, NOT_MET, NOT_MET, IMPRECISE, IMPRECISE)),
            Case("has treatment(anthracycline)", (MET, MET, NOT_MET, IMPRECISE, IMPRECISE)),
            Case("has treatment(chemotherapy)", (MET, MET, MET, MET, IMPRECISE)),
            Case("has treatment(docetaxel or gemcitabine)", (NOT_MET, NOT_MET, MET, IMPRECISE, IMPRECISE)),
            Case("has treatment(any)", (MET, MET, MET, MET, MET)),
        ),
    ),
    Table(
        "One regimen",
        shared=COMPLETE,
        patients={
            "together": {
                "treatments": [course("gemcitabine", regimen="GemDoc"), course("docetaxel", regimen="GemDoc")]
            },
            "started together": {"treatments": [course("gemcitabine"), course("docetaxel", "2024-01-17")]},
            "a year apart": {"treatments": [course("gemcitabine"), course("docetaxel", "2025-01-17", "2025-04-01")]},
            "one of them": {"treatments": [course("gemcitabine")]},
        },
        cases=(
            Case("has treatment(gemcitabine and docetaxel)", (MET, MET, NOT_MET, NOT_MET)),
            Case("has treatment(gemcitabine) and has treatment(docetaxel)", (MET, MET, MET, NOT_MET)),
        ),
    ),
    Table(
        "Other than",
        patients={
            "leiomyosarcoma": {"conditions": [primary("leiomyosarcoma", body_site="uterus")]},
            "dedifferentiated": {"conditions": [primary("dedifferentiated liposarcoma", body_site="retroperitoneum")]},
            "sarcoma of the thigh": {"conditions": [primary("soft tissue sarcoma", body_site="thigh")]},
            "breast cancer": {"conditions": [primary("breast cancer")]},
        },
        cases=(
            Case("has diagnosis(soft tissue sarcoma)", (MET, MET, MET, NOT_MET)),
            Case("has diagnosis(soft tissue sarcoma, other than: liposarcoma)", (MET, NOT_MET, IMPRECISE, NOT_MET)),
        ),
    ),
    Table(
        "This cancer and others",
        text="The document is about leiomyosarcoma; another malignancy is any but the patient's leiomyosarcoma.",
        cancer="leiomyosarcoma",
        shared={
            "conditions": [primary("leiomyosarcoma", body_site="uterus", diagnosis_id="1")],
            "data_through": "2026-01-10",
        },
        patients={
            "nothing else": {},
            "breast cancer last year": {
                "conditions": [
                    {"condition": "breast cancer", "kind": "primary", "diagnosis_id": "2", "date": "2025-03-01"}
                ]
            },
            "breast cancer in 2015": {
                "conditions": [
                    {"condition": "breast cancer", "kind": "primary", "diagnosis_id": "2", "date": "2015-03-01"}
                ]
            },
            "the same, cured in 2016": {
                "conditions": [
                    {
                        "condition": "breast cancer",
                        "kind": "primary",
                        "diagnosis_id": "2",
                        "date": "2015-03-01",
                        "status": "resolved",
                        "end_date": "2016-03-01",
                    }
                ]
            },
            "basal cell carcinoma": {
                "conditions": [
                    {"condition": "basal cell carcinoma", "kind": "primary", "diagnosis_id": "2", "date": "2025-03-01"}
                ]
            },
        },
        cases=(
            Case("has diagnosis(this cancer)", (MET, MET, MET, MET, MET)),
            Case(
                "has diagnosis(malignancy, other than: this cancer or basal cell carcinoma) within 3 years",
                (NOT_MET, MET, IMPRECISE, NOT_MET, NOT_MET),
                "nobody says whether the cancer of 2015 is still there",
            ),
            Case("history of diagnosis(malignancy, other than: this cancer)", (NOT_MET, MET, MET, MET, MET)),
        ),
    ),
    Table(
        "Named sets",
        definitions=("define set standard_chemotherapy as anthracycline or gemcitabine",),
        shared=COMPLETE,
        patients={
            "doxorubicin": {"treatments": [course("doxorubicin")]},
            "pazopanib": {"treatments": [course("pazopanib")]},
            "nothing": {"coverage": []},
        },
        cases=(
            Case("has treatment(standard_chemotherapy)", (MET, NOT_MET, NOT_MET)),
            Case("has treatment(any, other than: standard_chemotherapy)", (NOT_MET, MET, NOT_MET)),
        ),
    ),
    Table(
        "Quoted names",
        patients={
            "on record": {"conditions": [primary("head and neck cancer")]},
            "another cancer": {"conditions": [primary("leiomyosarcoma", body_site="uterus")]},
        },
        cases=(Case('has diagnosis("head and neck cancer")', (MET, NOT_MET)),),
    ),
    Table(
        "Nothing recorded",
        patients={"an id and nothing else": {}},
        cases=(
            Case("has treatment(any)", (NOT_RECORDED,)),
            Case("has diagnosis(malignancy)", (NOT_RECORDED,)),
            Case("no diagnosis(malignancy)", (NOT_RECORDED,)),
        ),
    ),
)


@pytest.mark.parametrize("example", examples(tables), ids=str)
def test_examples(example: Example) -> None:
    assert example.answer() == example.expected
