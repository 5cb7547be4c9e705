"""Diagnoses by the thousand: the same candidates and the same silence as one patient at a time."""

from datetime import date, timedelta

import pytest

from matcher.engine.bulk.findings import CONFLICTING, IMPRECISE, MET_NEVER
from matcher.engine.bulk.records.conditions import unrecorded_condition
from matcher.engine.bulk.records.diagnoses import diagnoses
from tests.batches import batch_of, candidates_differ, records_of, shown, silence_differs
from tests.synthetic import TODAY, patient


def row(condition="leiomyosarcoma", date="2024-03-01", kind="primary", **cells):
    return {"condition": condition, "kind": kind, "date": date, **cells}


def metastasis(date="2025-06-01", **cells):
    return row("lung metastasis", date, "metastasis", **cells)


RULES = (
    "has diagnosis(any)",
    "has diagnosis(this cancer)",
    "has diagnosis(this cancer or melanoma)",
    "has diagnosis(soft tissue sarcoma)",
    "has diagnosis(sarcoma, other than: leiomyosarcoma)",
    "has diagnosis(malignancy, other than: this cancer)",
    "has diagnosis(any, extent: metastatic)",
    "has diagnosis(any, extent: not localized for 8 weeks)",
    "has diagnosis(any, extent: advanced for 4 weeks)",
    "has diagnosis(this cancer, extent: unresectable or locally advanced)",
    "has diagnosis(breast cancer, extent: localized)",
    "has diagnosis(any, stage: III)",
    "has diagnosis(any, stage: IIIA and not IV)",
    "has diagnosis(any, state: ongoing)",
    "has diagnosis(any, state: stable for 4 weeks)",
    "has diagnosis(any, state: treated and not progressive)",
    "has diagnosis(any, site: uterus or bone)",
    "has diagnosis(any, basis: histology)",
    "has diagnosis(any, laterality: left)",
    'has diagnosis(any, tumour_grade: high or "3")',
    "has diagnosis(any, histology: leiomyosarcoma)",
    "has diagnosis(any, status: resolved)",
    "has diagnosis(any, status: not suspected)",
)

#: The rows of each patient by what is meant by them.
TOLD = {
    "nothing": [],
    "plain": [row()],
    "undated": [row(date=None)],
    "suspected": [row(status="suspected")],
    "suspected, then sure": [row(status="suspected"), row(date="2024-04-01")],
    "resolved": [row(status="resolved")],
    "over": [row(end_date="2025-06-01")],
    "over some day": [row(), row(date="2024-05", end_date="2026")],
    "over before it began": [row(date="2025"), row(date="2025-08-01", end_date="2025-02-01")],
    "denied that day": [row(), row(status="absent")],
    "denied some day": [row(), row(date=None, status="absent")],
    "two cancers": [row(), row("breast cancer", "2010", extent="localized", laterality="left")],
    "no site": [row("leiomyosarcoma"), row("sarcoma", "2025")],
    "stages": [row(stage="IIIB"), row("melanoma", stage="3a"), row("breast cancer", stage="odd")],
    "stages of a day": [row(stage="II"), row(stage="IV")],
    "stages of a year": [row(date="2024", stage="IIIA"), row(date="2024-05-01", stage="IV")],
    "extents of a day": [row(extent="localized"), row(extent="metastatic")],
    "extents undated": [row(extent="localized"), row(date=None, extent="unresectable")],
    "extents in turn": [
        row(extent="localized"), row(date="2025-10-01", extent="metastatic"), row(date="2025-12-30", extent="metastatic"),
    ],
    "extent back": [row(extent="metastatic"), row(date="2025-12-28", extent="recurrent")],
    "spread": [row(extent="localized"), metastasis()],
    "perhaps spread": [row(), metastasis(status="suspected"), metastasis(date=None, status="suspected")],
    "spread of either": [row(extent="localized"), row("breast cancer", "2010"), metastasis(date="2025")],
    "metastatic lately": [row(date="2025-12-28", extent="metastatic"), metastasis()],
    "two extents, then one of them": [
        row(date="2025-11-01", extent="recurrent"), row(date="2025-11-01", extent="localized"),
        row(date="2025-12-30", extent="localized"),
    ],
    "over within the year": [row(date="2025-08-01", end_date="2025")],
    "stable": [row(state="stable", state_since="2025-11-20"), row("melanoma", state="stable")],
    "stable since lately": [row(state="stable", state_since="2026-01-10"), row("melanoma", state="stable|treated", date="2025")],
    "stable again": [
        row(state="stable"), row(date="2025-01-01", state="progressive"), row(date="2025-12-01", state="stable"),
        row(date="2025-12-01", state="stable|treated"), row(date="2025", state="treated"), row(date=None, state="stable"),
    ],
    "stable undated": [row(date=None, state="stable")],
    "states of a day": [row(state="stable"), row(state="progressive")],
    "sites": [row(body_site="uterus"), row("liposarcoma", body_site="bone")],
    "attributes": [row(basis="histology", laterality="right"), row("melanoma", basis="imaging"), row(date="2025", basis="clinical")],
    "unread": [row("a remark of some sort", kind=None)],
}  # fmt: skip
COHORT = [
    patient(conditions=rows, data_through=through)
    for through in ("2026-01-10", "2025-10-01", None)
    for rows in TOLD.values()
]


@pytest.mark.parametrize("cancer", ["", "leiomyosarcoma", "any"])
@pytest.mark.parametrize("rule", RULES)
def test_the_candidates_are_those_of_the_reference(rule, cancer):
    batch, contexts = batch_of(COHORT, cancer=cancer)
    records = records_of(rule)
    assert candidates_differ(batch, contexts, records, diagnoses(batch, records, False)) == []


@pytest.mark.parametrize("rule", RULES)
def test_a_later_day_tried_with_what_is_known_now(rule):
    batch, contexts = batch_of(COHORT, known=TODAY, as_of=TODAY + timedelta(days=40), cancer="leiomyosarcoma")
    records = records_of(rule)
    assert candidates_differ(batch, contexts, records, diagnoses(batch, records, False)) == []


def test_a_histological_grade_is_read_on_its_own_scale():
    patients = [
        patient(conditions=[row(extent="localized")]),
        *(
            patient(conditions=[row(morphology=f"leiomyosarcoma, {grade}")])
            for grade in ("high grade", "grade 3", "G1")
        ),
    ]
    batch, contexts = batch_of(patients, cancer="leiomyosarcoma")
    records = records_of('has diagnosis(any, tumour_grade: high or "3")')
    assert candidates_differ(batch, contexts, records, diagnoses(batch, records, False)) == []


@pytest.mark.parametrize("ago", [0, 60, 900])
@pytest.mark.parametrize("cancer", ["", "leiomyosarcoma"])
def test_silence_says_the_same(ago, cancer):
    rows = [[], [row()], [row(), row("melanoma", status="absent")], [row("melanoma", None, status="absent")]]
    told = [[], [{"domain": "conditions", "scope": "kind:primary", "complete_through": "2025-12-30"}]]
    patients = [patient(conditions=each, coverage=coverage, policies=[]) for each in rows for coverage in told]
    batch, contexts = batch_of(patients, cancer=cancer)
    for rule in RULES:
        records = records_of(rule)
        found = unrecorded_condition(batch, records, batch.asked - ago)
        assert silence_differs(found, contexts, records, TODAY - timedelta(days=ago)) == [], rule


def test_a_denied_diagnosis_conflicts_or_is_imprecise_and_a_resolved_one_was_made():
    patients = [patient(conditions=TOLD[name]) for name in ("denied that day", "denied some day", "resolved")]
    batch, _ = batch_of(patients, cancer="leiomyosarcoma")
    found = shown(batch, diagnoses(batch, records_of("has diagnosis(leiomyosarcoma)"), False))
    assert [code for _, _, code, *_ in found] == [CONFLICTING, IMPRECISE, MET_NEVER]


def test_of_two_cancers_the_course_is_that_of_the_one_the_document_is_about():
    batch, _ = batch_of([patient(conditions=TOLD["two cancers"])], cancer="leiomyosarcoma", as_of=date(2026, 1, 15))
    of_any = diagnoses(batch, records_of("has diagnosis(any, extent: localized)"), False)
    of_the_other = diagnoses(batch, records_of("has diagnosis(breast cancer, extent: localized)"), False)
    assert [row for _, row, *_ in shown(batch, of_any)] == [0]
    assert [row for _, row, *_ in shown(batch, of_the_other)] == [1]


def test_of_nobody_and_of_nothing():
    for patients in ([], [patient()]):
        batch, _ = batch_of(patients, cancer="leiomyosarcoma")
        for rule in RULES:
            assert len(diagnoses(batch, records_of(rule), False)) == 0
