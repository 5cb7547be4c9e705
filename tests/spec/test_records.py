"""Construct 7: `has`, `no`, `history of` a record."""

import pytest

from tests.spec.tables import (
    CONFLICTING,
    IMPRECISE,
    MET,
    NEEDS_JUDGEMENT,
    NOT_MET,
    NOT_RECORDED,
    STALE,
    Case,
    Example,
    Table,
    examples,
)

title = "7. Has, no, history of"
text = """\
`has KIND(concepts, …)` asks whether a record of the kind matches. One record that certainly matches: met. Else one
that may: unknown. Else *not met*, but only where somebody looked: a coverage row says that the list is complete, or
a row says `absent` or `negative`. A row that is not there says nothing. `no KIND(…)` is the contrary, so it needs
the same completeness to be met.

`has condition(…)` means now, `history of condition(…)` ever. A treatment counts if it was given.
"""


def primary(name: str, **more: str) -> dict[str, str]:
    return {"condition": name, "kind": "primary", "date": "2023-02-01", **more}


def all_of(domain: str, scope: str = "all", on: str = "2026-01-10") -> dict[str, str]:
    return {"domain": domain, "scope": scope, "complete_through": on}


DOXORUBICIN = {"treatment": "doxorubicin", "kind": "drug", "start_date": "2024-01-10", "end_date": "2024-05-20"}
tables = (
    Table(
        "Absence needs somebody who looked",
        patients={
            "on record": {"treatments": [DOXORUBICIN]},
            "another drug, list complete": {
                "treatments": [{**DOXORUBICIN, "treatment": "pazopanib"}],
                "coverage": [all_of("treatments", "kind:drug")],
            },
            "another drug, list open": {"treatments": [{**DOXORUBICIN, "treatment": "pazopanib"}]},
            "nothing, list complete": {"coverage": [all_of("treatments")]},
            "nothing at all": {},
        },
        cases=(
            Case("has treatment(doxorubicin)", (MET, NOT_MET, NOT_RECORDED, NOT_MET, NOT_RECORDED)),
            Case("no treatment(doxorubicin)", (NOT_MET, MET, NOT_RECORDED, MET, NOT_RECORDED)),
            Case(
                "has treatment(anthracycline)",
                (MET, NOT_MET, NOT_RECORDED, NOT_MET, NOT_RECORDED),
                "a class holds its members",
            ),
            Case("has treatment(any)", (MET, MET, MET, NOT_MET, NOT_RECORDED)),
        ),
    ),
    Table(
        "Completeness ends",
        text=(
            "A list complete within the last 30 days answers. Later, what came before its end is decided and what "
            "came after is *stale*."
        ),
        patients={
            "complete through 16 December": {"coverage": [all_of("treatments", on="2025-12-16")]},
            "complete through 15 December": {"coverage": [all_of("treatments", on="2025-12-15")]},
        },
        cases=(
            Case("has treatment(doxorubicin)", (NOT_MET, STALE)),
            Case("has treatment(doxorubicin) within 20 days", (NOT_MET, STALE)),
        ),
    ),
    Table(
        "A denial",
        text="`absent` denies the concept and all below it, and nothing above it, for as long as completeness would.",
        patients={
            "no metastasis in the CNS": {
                "conditions": [
                    {"condition": "CNS metastasis", "kind": "metastasis", "status": "absent", "date": "2026-01-05"}
                ]
            },
            "the same, long ago": {
                "conditions": [
                    {"condition": "CNS metastasis", "kind": "metastasis", "status": "absent", "date": "2025-06-01"}
                ]
            },
            "present and absent on one day": {
                "conditions": [
                    {"condition": "CNS metastasis", "kind": "metastasis", "status": "absent", "date": "2026-01-05"},
                    {
                        "condition": "CNS metastasis",
                        "kind": "metastasis",
                        "status": "present",
                        "date": "2026-01-05",
                        "record_id": "b",
                    },
                ]
            },
        },
        cases=(
            Case("no condition(CNS metastasis)", (MET, STALE, CONFLICTING)),
            Case("no condition(brain metastasis)", (MET, STALE, CONFLICTING)),
            Case("no condition(metastasis)", (NOT_RECORDED, NOT_RECORDED, CONFLICTING)),
        ),
    ),
    Table(
        "Histology and site are two axes",
        patients={
            "uterine LMS": {"conditions": [primary("uterine leiomyosarcoma")]},
            "LMS, uterus": {"conditions": [primary("leiomyosarcoma", body_site="uterus")]},
            "LMS, femur": {"conditions": [primary("leiomyosarcoma", body_site="femur")]},
            "sarcoma": {"conditions": [primary("sarcoma")]},
            "liposarcoma": {"conditions": [primary("liposarcoma")]},
            "no diagnosis": {},
        },
        cases=(
            Case("has diagnosis(leiomyosarcoma)", (MET, MET, MET, IMPRECISE, NOT_MET, NOT_RECORDED)),
            Case("has diagnosis(uterine leiomyosarcoma)", (MET, MET, NOT_MET, IMPRECISE, NOT_MET, NOT_RECORDED)),
            Case(
                "has diagnosis(soft tissue sarcoma)",
                (MET, MET, NEEDS_JUDGEMENT, IMPRECISE, NOT_RECORDED, NOT_RECORDED),
                "a primary of bone is asked; of the liposarcoma the site is not recorded",
            ),
            Case("has diagnosis(leiomyosarcoma or liposarcoma)", (MET, MET, MET, IMPRECISE, MET, NOT_RECORDED)),
            Case("has diagnosis(breast cancer)", (NOT_MET, NOT_MET, NOT_MET, NOT_MET, NOT_MET, NOT_RECORDED)),
        ),
    ),
    Table(
        "Now and ever",
        shared={"data_through": "2026-01-10", "coverage": [all_of("conditions")]},
        patients={
            "present": {"conditions": [{"condition": "hypertension", "kind": "comorbidity", "date": "2024-01-01"}]},
            "resolved": {
                "conditions": [
                    {
                        "condition": "hypertension",
                        "kind": "comorbidity",
                        "status": "resolved",
                        "date": "2024-01-01",
                        "end_date": "2025-01-01",
                    }
                ]
            },
            "suspected": {
                "conditions": [
                    {"condition": "hypertension", "kind": "comorbidity", "status": "suspected", "date": "2025-12-01"}
                ]
            },
            "nothing, list complete": {},
        },
        cases=(
            Case("has condition(hypertension)", (MET, NOT_MET, IMPRECISE, NOT_MET)),
            Case("history of condition(hypertension)", (MET, MET, IMPRECISE, NOT_MET)),
            Case("no condition(hypertension)", (NOT_MET, MET, IMPRECISE, MET)),
        ),
    ),
    Table(
        "Given, or not",
        text="A treatment counts as given unless its status says planned, declined or not suitable.",
        shared={"coverage": [all_of("treatments")]},
        patients={
            "started": {"treatments": [DOXORUBICIN]},
            "planned": {"treatments": [{"treatment": "doxorubicin", "kind": "drug", "status": "planned"}]},
            "declined": {"treatments": [{"treatment": "doxorubicin", "kind": "drug", "status": "declined"}]},
            "neither date nor status": {"treatments": [{"treatment": "doxorubicin", "kind": "drug"}]},
            "starts next month": {
                "treatments": [{"treatment": "doxorubicin", "kind": "drug", "start_date": "2026-02-10"}]
            },
        },
        cases=(Case("has treatment(doxorubicin)", (MET, NOT_MET, NOT_MET, IMPRECISE, NOT_MET)),),
    ),
    Table(
        "Genes",
        text=(
            "`gene, alteration` asks for a positive finding; a fusion test says nothing of mutations. A family "
            "that was negative denies each member; a finding in the family is one in `A or B or C` of all its members."
        ),
        patients={
            "NTRK1 fusion": {
                "biomarkers": [{"gene": "NTRK1", "alteration": "fusion", "result": "positive", "date": "2024-01-01"}]
            },
            "NTRK1 mutation": {
                "biomarkers": [{"gene": "NTRK1", "alteration": "mutation", "result": "positive", "date": "2024-01-01"}]
            },
            "NTRK family fusion": {
                "biomarkers": [{"gene": "NTRK", "alteration": "fusion", "result": "positive", "date": "2024-01-01"}]
            },
            "no fusion of the family": {
                "biomarkers": [{"gene": "NTRK", "alteration": "fusion", "result": "negative", "date": "2025-12-20"}]
            },
            "not tested": {},
        },
        cases=(
            Case("has biomarker(NTRK1 or NTRK2 or NTRK3, fusion)", (MET, NOT_RECORDED, MET, NOT_MET, NOT_RECORDED)),
            Case("has biomarker(NTRK1, fusion)", (MET, NOT_RECORDED, IMPRECISE, NOT_MET, NOT_RECORDED)),
            Case("has biomarker(NTRK1, mutation)", (NOT_RECORDED, MET, NOT_RECORDED, NOT_RECORDED, NOT_RECORDED)),
        ),
    ),
    Table(
        "Allergies, toxicities, families",
        patients={
            "penicillin allergy": {
                "conditions": [
                    {
                        "condition": "drug allergy",
                        "kind": "allergy",
                        "morphology": "",
                        "due_to": "trabectedin",
                        "date": "2020-01-01",
                    }
                ]
            },
            "neuropathy as toxicity": {
                "conditions": [
                    {"condition": "peripheral neuropathy", "kind": "toxicity", "grade": 2, "date": "2026-01-05"}
                ]
            },
            "mother with breast cancer": {
                "conditions": [{"condition": "breast cancer", "kind": "family history", "date": "2020-01-01"}]
            },
        },
        cases=(
            Case("has toxicity(peripheral neuropathy)", (NOT_RECORDED, MET, NOT_RECORDED)),
            Case("has family_history(breast cancer)", (NOT_RECORDED, NOT_RECORDED, MET)),
            Case(
                "has diagnosis(breast cancer)",
                (NOT_RECORDED, NOT_RECORDED, NOT_RECORDED),
                "a family is not the patient",
            ),
        ),
    ),
)


@pytest.mark.parametrize("example", examples(tables), ids=str)
def test_examples(example: Example) -> None:
    assert example.answer() == example.expected
