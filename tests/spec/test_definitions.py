"""Construct 14: definitions."""

import pytest

from tests.spec.tables import MET, NEEDS_JUDGEMENT, NOT_MET, NOT_RECORDED, Case, Example, Table, examples

title = "14. Definitions"
text = """\
A document defines rules (`define fit_organs as …`), sets (`define set standard_chemotherapy as …`), and what an
outcome means for some drugs (`define failure of doxorubicin as …`, also `refractory to`, `intolerant of`), in which
`this treatment` is the course at hand. Of two definitions that cover a drug, the more specific one holds. A
definition may use another; it may not use itself.
"""


def course(name: str, setting: str = "advanced", **more: str) -> dict[str, str]:
    return {
        "treatment": name,
        "kind": "drug",
        "start_date": "2024-01-10",
        "end_date": "2024-05-20",
        "setting": setting,
        **more,
    }


DISEASE = {
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
    "coverage": [
        {"domain": "treatments", "scope": "all", "complete_through": "2026-01-10"},
        {"domain": "disease_status", "scope": "all", "complete_through": "2026-01-10"},
    ],
}
tables = (
    Table(
        "A rule under a name",
        definitions=(
            "define fit as ecog <= 1 and age >= 18",
            "define very_fit as fit and ecog = 0",
        ),
        patients={
            "ECOG 0": {"birth_date": "1961", "observations": [{"test": "ecog", "value": 0, "date": "2026-01-05"}]},
            "ECOG 1": {"birth_date": "1961", "observations": [{"test": "ecog", "value": 1, "date": "2026-01-05"}]},
            "ECOG not recorded": {"birth_date": "1961"},
        },
        cases=(
            Case("fit", (MET, MET, NOT_RECORDED)),
            Case("very_fit", (MET, NOT_MET, NOT_RECORDED)),
            Case("not very_fit", (NOT_MET, MET, NOT_RECORDED)),
        ),
    ),
    Table(
        "Failure as the document means it",
        text="Here failure is progression within six months of the last dose, in whatever setting.",
        cancer="leiomyosarcoma",
        definitions=(
            "define failure of doxorubicin as has disease_status(progression or relapse) within 6 months after end of"
            " this treatment",
        ),
        shared=DISEASE,
        patients={
            "adjuvant, relapse after 3 months": {
                "treatments": [course("doxorubicin", "adjuvant")],
                "disease_status": [{"status": "relapse", "date": "2024-08-20"}],
            },
            "adjuvant, relapse after 9 months": {
                "treatments": [course("doxorubicin", "adjuvant")],
                "disease_status": [{"status": "relapse", "date": "2025-02-20"}],
            },
            "advanced, no event": {"treatments": [course("doxorubicin")]},
            "never given": {},
        },
        cases=(Case("has treatment(doxorubicin, outcome: failure)", (MET, NOT_MET, NOT_MET, NOT_MET)),),
    ),
    Table(
        "The more specific definition holds",
        cancer="leiomyosarcoma",
        definitions=(
            "define failure of anthracycline as has treatment(this treatment, stop_reason: toxicity)",
            "define failure of doxorubicin as has treatment(this treatment, response: progressive disease)",
        ),
        shared=DISEASE,
        patients={
            "doxorubicin, toxicity": {
                "treatments": [course("doxorubicin", stop_reason="toxicity", response="stable disease")]
            },
            "epirubicin, toxicity": {
                "treatments": [course("epirubicin", stop_reason="toxicity", response="stable disease")]
            },
        },
        cases=(Case("has treatment(anthracycline, outcome: failure)", (NOT_MET, MET)),),
    ),
    Table(
        "Where a document is silent",
        text="Failure after a perioperative course is a question, not an answer.",
        cancer="leiomyosarcoma",
        shared=DISEASE,
        patients={
            "advanced, progression a year later": {
                "treatments": [course("doxorubicin")],
                "disease_status": [{"status": "progression", "date": "2025-05-20"}],
            },
            "adjuvant, relapse a year later": {
                "treatments": [course("doxorubicin", "adjuvant")],
                "disease_status": [{"status": "relapse", "date": "2025-05-20"}],
            },
        },
        cases=(Case("has treatment(doxorubicin, outcome: failure)", (MET, NEEDS_JUDGEMENT)),),
    ),
)


@pytest.mark.parametrize("example", examples(tables), ids=str)
def test_examples(example: Example) -> None:
    assert example.answer() == example.expected
