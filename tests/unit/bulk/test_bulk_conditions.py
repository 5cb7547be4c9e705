"""Conditions by the thousand: the same candidates and the same silence as one patient at a time."""

from datetime import timedelta

import numpy as np
import pytest

from matcher.engine.bulk.findings import CONFLICTING, MET_COURSE, NOT_MET_NEVER, STALE
from matcher.engine.bulk.records.conditions import conditions, unrecorded_condition
from tests.batches import batch_of, candidates_differ, records_of, shown, silence_differs
from tests.synthetic import TODAY, patient
from trials.criteria import tree as t
from trials.criteria.kinds import Kind


def row(condition, date="2025-12-20", kind=None, **cells):
    return {"condition": condition, "kind": kind, "date": date, **cells}


def toxicity(condition="peripheral neuropathy", date="2025-12-20", **cells):
    return row(condition, date, "toxicity", **cells)


def metastasis(date="2025-06-01", condition="lung metastasis", **cells):
    return row(condition, date, "metastasis", **cells)


def allergy(condition="docetaxel", date="2020", **cells):
    return row(condition, date, "allergy", **cells)


LMS = row("leiomyosarcoma", "2024-03-01", "primary", diagnosis_id="A")
BREAST = row("breast cancer", "2010", "primary", diagnosis_id="B")

RULES = (
    "has condition(any)",
    "has condition(hypertension)",
    "has condition(infection)",
    "has condition(infection, other than: pneumonia)",
    "has condition(myocardial infarction)",
    "has condition(metastasis)",
    "has condition(CNS metastasis)",
    "has condition(breast cancer)",
    "has condition(any, kind: comorbidity)",
    "has condition(any, kind: not primary)",
    "has condition(metastasis, site: liver or lung)",
    "has condition(any, site: not bone)",
    "has condition(any, state: ongoing)",
    "has condition(any, state: stable for 4 weeks)",
    "has condition(any, state: treated and not symptomatic)",
    "has condition(any, status: resolved)",
    "has condition(any, status: absent or suspected)",
    "has condition(any, basis: imaging)",
    "has condition(any, grade: > 1 and < 3)",
    "has condition(any, due_to: pazopanib)",
    "has condition(any, due_to: treatment(pazopanib, setting: advanced))",
    "has condition(any, for: condition(hypertension))",
    "has toxicity(any)",
    "has toxicity(any, grade: >= 2)",
    "has toxicity(peripheral neuropathy, grade: <= baseline)",
    "has toxicity(any, other than: alopecia, due_to: treatment(any))",
    "has allergy(docetaxel)",
    "has allergy(any, status: resolved)",
    "has allergy(any, grade: >= 2)",
    "has family_history(breast cancer)",
)

#: The rows of each patient by what is meant by them.
TOLD = {
    "nothing": [],
    "chronic": [row("hypertension"), row("hypertension", "2020")],
    "acute": [row("pneumonia"), row("infection", "2025-06-01")],
    "acute undated": [row("pneumonia", None), row("infection", "2025")],
    "acute for all of its days": [row("pneumonia", "2025-10-17"), row("infection", "2025-10-16")],
    "event denied that month": [row("myocardial infarction", "2025-12"), row("myocardial infarction", "2025-12-01", status="absent")],
    "event": [row("myocardial infarction"), row("myocardial infarction", None, status="suspected")],
    "event denied that day": [row("myocardial infarction"), row("myocardial infarction", status="absent")],
    "over": [row("pneumonia", "2025-11-01", end_date="2025-12-01"), row("infection", end_date="2026")],
    "over within the year": [row("pneumonia", "2025-11-01", end_date="2025")],
    "resolved": [row("hypertension", status="resolved")],
    "resolved later": [row("hypertension", "2024-01-01"), row("hypertension", status="resolved")],
    "resolved some day": [row("hypertension", "2024-01-01"), row("hypertension", None, status="resolved")],
    "resolved with its end": [row("pneumonia", "2025-11-01", status="resolved", end_date="2026-01-03"), row("pneumonia", "2025-12-01")],
    "denied": [row("hypertension", "2024-01-01"), row("hypertension", status="absent")],
    "denied that day": [row("hypertension"), row("hypertension", status="absent")],
    "denied with all of its sort": [row("pneumonia", "2025-10-01"), row("infection", status="absent"), row("hypertension", status="absent")],
    "suspected": [row("hypertension", status="suspected"), row("infection", "2025-12", status="suspected")],
    "states": [
        row("hypertension", state="controlled|treated"), row("pneumonia", state="stable", state_since="2025-12-24"),
        row("infection", "2025-10-01", state="stable"), row("infection", state="stable"), row("pneumonia", "2025", state="symptomatic"),
    ],
    "graded": [toxicity(grade="2", baseline_grade="1", due_to="pazopanib"), toxicity("nausea", grade="1")],
    "graded twice": [toxicity(grade="2"), toxicity(grade="3"), toxicity("nausea", "2025", grade="1"), toxicity("nausea", "2025-12-01", grade="3")],
    "ungraded": [toxicity(), toxicity("alopecia", due_to="doxorubicin"), row("nausea"), row("nausea", grade="3"), row("a remark")],
    "unread": [row("a remark"), row("A Remark", kind="comorbidity"), row("another remark", kind="primary"), toxicity("odd thing")],
    "metastases": [LMS, metastasis(), metastasis(condition="metastasis", body_site="liver"), metastasis(status="absent", date="2025-07-01")],
    "metastases of two": [LMS, BREAST, metastasis(diagnosis_id="A"), metastasis(diagnosis_id="B", condition="brain metastasis"), metastasis("2025")],
    "no metastasis recorded": [LMS, metastasis(status="absent", condition="metastasis", date="2025-07-01")],
    "allergies": [allergy(), allergy("paclitaxel", status="resolved"), allergy("some thing", grade="3"), allergy("doxorubicin", status="absent")],
    "family": [row("breast cancer", kind="family history"), row("a remark", kind="family history", status="suspected")],
    "basis": [row("hypertension", basis="imaging"), row("pneumonia", basis="clinical", body_site="lung")],
}  # fmt: skip

EVENTS = [
    [],
    [
        {"status": "distant metastasis", "date": "2025-07-01", "site": "liver", "diagnosis": "A"},
        {"status": "distant metastasis", "date": None, "diagnosis": "Z"},
        {"status": "progression", "date": "2025-08-01"},
    ],
]
COHORT = [patient(conditions=rows, disease_status=events) for events in EVENTS for rows in TOLD.values()]


@pytest.mark.parametrize("history", [False, True])
@pytest.mark.parametrize("rule", RULES)
def test_the_candidates_are_those_of_the_reference(rule, history):
    batch, contexts = batch_of(COHORT, cancer="leiomyosarcoma")
    records = records_of(rule)
    found = conditions(batch, records, history)
    assert candidates_differ(batch, contexts, records, found, history=history) == []


@pytest.mark.parametrize("rule", RULES)
def test_a_later_day_tried_with_what_is_known_now(rule):
    batch, contexts = batch_of(COHORT, known=TODAY, as_of=TODAY + timedelta(days=80), cancer="soft tissue sarcoma")
    records = records_of(rule)
    assert candidates_differ(batch, contexts, records, conditions(batch, records, False)) == []


@pytest.mark.parametrize("rule", RULES)
def test_a_past_day_of_a_document_about_no_cancer(rule):
    batch, contexts = batch_of(COHORT, as_of=TODAY - timedelta(days=100))
    records = records_of(rule)
    assert candidates_differ(batch, contexts, records, conditions(batch, records, False)) == []


@pytest.mark.parametrize("ago", [0, 60, 900])
def test_silence_says_the_same(ago):
    rows = [
        [], *TOLD.values(),
        [row("infection", status="absent"), row("metastasis", "2025-12-01", "metastasis", status="absent")],
        [row("pneumonia", None, status="absent"), metastasis(status="absent")],
        [row("infection", "2025-12", status="absent")],
        [row("taxane", None, "allergy", status="absent"), row("cancer", "2025-12-24", "family history", status="absent")],
    ]  # fmt: skip
    told = [[], [{"domain": "conditions", "scope": "kind:comorbidity", "complete_through": "2025-12-30"}]]
    patients = [patient(conditions=each, coverage=coverage) for each in rows for coverage in told]
    batch, contexts = batch_of(patients, cancer="leiomyosarcoma")
    for rule in RULES:
        records = records_of(rule)
        found = unrecorded_condition(batch, records, batch.asked - ago)
        assert silence_differs(found, contexts, records, TODAY - timedelta(days=ago)) == [], rule


def test_no_unrecorded_condition_is_the_treatment_at_hand():
    batch, _ = batch_of([patient(), patient()])
    records = t.Records(Kind.CONDITION, t.Concepts.of(t.THIS_TREATMENT))
    assert unrecorded_condition(batch, records, batch.asked).code.tolist() == [NOT_MET_NEVER] * 2


def test_an_acute_condition_passes_and_a_contradicted_event_conflicts():
    rows = [row("pneumonia"), row("infection", "2025-06-01"), *TOLD["event denied that day"]]
    batch, _ = batch_of([patient(conditions=rows)])
    found = shown(batch, conditions(batch, records_of("has condition(infection or myocardial infarction)"), False))
    assert [(at, code) for _, at, code, *_ in found] == [(1, STALE), (0, MET_COURSE), (2, CONFLICTING)]


def test_an_event_tells_of_a_metastasis_where_no_row_does():
    told = [TOLD["no metastasis recorded"], TOLD["metastases"]]
    batch, _ = batch_of([patient(conditions=rows, disease_status=EVENTS[1]) for rows in told], cancer="leiomyosarcoma")
    found = conditions(batch, records_of("has condition(metastasis)"), False)
    names = np.array(found.tables)[found.origin]
    assert "disease_status" in names[found.item == 0]
    assert set(names[found.item == 1]) == {"conditions"}


def test_of_nobody_and_of_nothing():
    for patients in ([], [patient()]):
        batch, _ = batch_of(patients, cancer="leiomyosarcoma")
        for rule in RULES:
            assert len(conditions(batch, records_of(rule), True)) == 0
            assert len(unrecorded_condition(batch, records_of(rule), batch.asked)) == len(patients)
