"""The cancers of many patients at once: the primaries, whose they are and how far they reach, as one patient at a time."""

from itertools import product

import numpy as np
import pytest

from matcher.engine.bulk import diseases as dz
from matcher.engine.bulk.columns import coded
from matcher.engine.reference.days import FUTURE
from matcher.engine.reference.records import disease
from matcher.engine.reference.records.lines import _advanced_from
from tests.batches import batch_of
from tests.synthetic import patient


def row(condition="leiomyosarcoma", date="2024-03-01", kind="primary", **cells):
    return {"condition": condition, "kind": kind, "date": date, **cells}


def absent(condition="leiomyosarcoma", date="2025-01-01", kind="primary", **cells):
    return row(condition, date, kind, status="absent", **cells)


def metastasis(date="2025-06-01", condition="lung metastasis", kind="metastasis", **cells):
    return row(condition, date, kind, **cells)


#: The rows of each patient by what is meant by them.
TOLD = {
    "nothing": [],
    "one": [row()],
    "undated": [row(date=None)],
    "one registry name": [row(diagnosis_id="A"), row("liposarcoma", "2023", diagnosis_id="A")],
    "two registry names": [row(diagnosis_id="A"), row(diagnosis_id="B")],
    "refined": [row("soft tissue sarcoma", "2023-01-01"), row(body_site="uterus"), row(date="2024-02", stage="IV")],
    "another site": [row(body_site="uterus"), row(body_site="lower limb", date="2023-02-01")],
    "two sides": [
        row("breast cancer", laterality="left"), row("breast cancer", "2024-05-01", laterality="right"),
        row("breast cancer", None), row("breast cancer", "2025-05-01", laterality="right"),
    ],
    "two cancers": [row(), row("breast cancer", "2010", diagnosis_id="B")],
    "benign beside": [row(), row("leiomyoma", "2012")],
    "alone benign": [row("leiomyoma")],
    "denied later": [row(), absent()],
    "denied that day": [row(), absent(date="2024-03-01")],
    "denied that year": [row(), absent(date="2024")],
    "denied before": [row(), absent(date="2023-01-01")],
    "denied some day": [row(), absent(date=None)],
    "denied undated": [row(date=None), absent()],
    "denied by its registry name": [row(diagnosis_id="A"), absent("melanoma", diagnosis_id="A")],
    "all denied": [row(), absent("sarcoma")],
    "another denied": [row(), absent("melanoma"), absent("a remark", kind=None), absent(kind="metastasis")],
    "partly denied": [row("soft tissue sarcoma", "2023"), row(), absent()],
    "unread": [row("a remark of some sort", kind=None), row("another remark", kind=None)],
    "unread beside": [row(), row("a remark of some sort", kind=None)],
    "unread primary": [row("a remark of some sort"), row("a remark of some sort", "2025")],
    "spread": [row(extent="localized"), metastasis(), metastasis(kind=None, date=None)],
}  # fmt: skip

DIAGNOSES = ["", None, "A", "B", "leiomyosarcoma", "sarcoma", "breast cancer", "Z"]
CANCERS = ["", "leiomyosarcoma", "soft tissue sarcoma", "any"]


def cohort(**cells):
    return [patient(conditions=rows, **cells) for rows in TOLD.values()]


@pytest.mark.parametrize("cancer", CANCERS)
def test_primaries_and_items_are_those_of_the_reference(cancer):
    batch, contexts = batch_of(cohort(), cancer=cancer)
    found, table = dz.tumours(batch.view, batch.words), batch.table("conditions")
    focus = iter(batch.focus.tolist())
    for who, context in ((batch.patient[item], context) for item, context in enumerate(contexts)):
        own = found.rows.some(found.patient == who)
        expected = disease.primaries(context)
        facts = context.patient.conditions
        told = [[facts[row - table.starts[who]] for row in rows] for rows in _rows(own)]
        assert told == [list(tumour.rows) for tumour in expected]
        numbers = np.flatnonzero(found.patient == who).tolist()
        for number, tumour in zip(numbers, expected, strict=True):
            assert bool(found.denied[number]) == bool(tumour.denied)
            assert found.readings.values[found.readings.codes[number]] == disease.tumour_readings(context, tumour)
        focused = next(focus)
        assert (None if focused < 0 else expected[numbers.index(focused)]) is context.focus


def _rows(groups):
    return [groups.rows[first:last].tolist() for first, last in zip(groups.bounds, groups.bounds[1:], strict=False)]


def test_a_denial_of_an_unknown_day_is_another_than_one_of_that_day():
    batch, _ = batch_of(cohort())
    found, names = dz.tumours(batch.view, batch.words), list(TOLD)
    denied = {names[who]: code for who, code in zip(found.patient.tolist(), found.denied.tolist(), strict=True) if code}
    assert denied == {
        "denied that day": dz.DENIED_THAT_DAY,
        "denied that year": dz.DENIED_THAT_DAY,
        "denied some day": dz.DENIED_SOME_DAY,
        "denied undated": dz.DENIED_THAT_DAY,
    }


@pytest.mark.parametrize("cancer", CANCERS)
def test_what_belongs_to_a_cancer(cancer):
    batch, contexts = batch_of(cohort(), cancer=cancer)
    item = np.repeat(np.arange(batch.n), len(DIAGNOSES))
    found = dz.belongs(batch, item, coded(DIAGNOSES * batch.n, None))
    expected = [disease.belongs(context, name) for context, name in product(contexts, DIAGNOSES)]
    assert found.tolist() == expected


def test_the_metastases():
    batch, contexts = batch_of(cohort())
    found = dz.is_metastasis(batch.view, batch.words)
    table = batch.table("conditions")
    for item, context in enumerate(contexts):
        who = batch.patient[item]
        own = found[table.starts[who] : table.starts[who + 1]].tolist()
        assert own == [disease.is_metastasis(context, each) for each in context.patient.conditions]


def test_lesions_are_told_apart_by_meaning_kind_site_and_registry_name():
    rows = [
        row("hypertension", kind=None), row("hypertension", "2023", "comorbidity"), row("hypertension", kind="toxicity"),
        row("a remark", kind=None), row("A  Remark", "2025", kind=None), row("another remark", kind=None),
        metastasis(diagnosis_id="A"), metastasis("2024-01-01", diagnosis_id="B"), metastasis("2023-01-01"),
        metastasis(condition="metastasis", body_site="lung"), metastasis(condition="metastasis", body_site="liver"),
    ]  # fmt: skip
    batch, contexts = batch_of([patient(), patient(conditions=rows), patient(conditions=rows[:2])])
    table = batch.table("conditions")
    found = dz.lesions(table, dz.meanings_in(batch.view), np.arange(table.rows))
    for who, context in zip(batch.patient, contexts, strict=True):
        facts = context.patient.conditions
        own = [[facts[each - table.starts[who]] for each in rows] for rows in _rows(found.some(found.patient == who))]
        assert own == [list(lesion.rows) for lesion in disease.lesions(context, facts)]


EXTENTS = {
    "nothing": [],
    "without": [row()],
    "stated": [row(extent="metastatic")],
    "stated undated": [row(date=None, extent="unresectable")],
    "unresectable, later localised": [row(extent="unresectable"), row(date="2025", extent="localized")],
    "spread": [row(extent="localized"), metastasis()],
    "perhaps spread": [row(extent="localized"), metastasis(status="suspected"), metastasis(date=None)],
    "spread of another": [row(), row("breast cancer", "2010", diagnosis_id="B"), metastasis(diagnosis_id="B")],
    "spread of either": [row(), row("breast cancer", "2010"), metastasis(date="2025")],
    "no spread": [row(), metastasis(status="absent")],
    "category": [row(m="cM1b"), row(date="2023", m="M0")],
}


@pytest.mark.parametrize("events", [[], [("distant metastasis", "2025-03"), ("progression", "2024-06-01")]])
def test_the_day_from_which_a_cancer_is_advanced(events):
    told = [{"status": status, "date": date} for status, date in events]
    patients = [patient(conditions=rows, disease_status=told) for rows in EXTENTS.values()]
    batch, contexts = batch_of(patients, cancer="leiomyosarcoma")
    certain, possible = dz.advanced_from(batch)
    expected = [
        (FUTURE, FUTURE) if context.focus is None else _advanced_from(context, context.focus) for context in contexts
    ]
    assert list(zip(certain.tolist(), possible.tolist(), strict=True)) == expected


def test_of_nobody_and_of_nothing():
    for patients in ([], [patient()]):
        batch, _ = batch_of(patients, cancer="leiomyosarcoma")
        assert len(dz.tumours(batch.view, batch.words)) == 0
        assert batch.focus.tolist() == [-1] * len(patients)
        assert [days.tolist() for days in dz.advanced_from(batch)] == [[FUTURE] * len(patients)] * 2
        assert len(dz.extents(batch.view, batch.words).has) == 0
