"""Statements of the course by the thousand: the same candidates and the same silence as one patient at a time."""

from datetime import timedelta
from itertools import product

import pytest

from matcher.engine.bulk.findings import MET_NEVER
from matcher.engine.bulk.records.events import events, unrecorded_event
from tests.batches import batch_of, records_of, shown, shown_by_reference, silence_differs
from tests.synthetic import TODAY, lms, patient

LMS = {"condition": "leiomyosarcoma", "kind": "primary", "diagnosis_id": "A", "date": "2023-02-01"}
BREAST = {"condition": "breast cancer", "kind": "primary", "diagnosis_id": "B", "date": "2015-05-01"}


def event(status="progression", date="2025-03-01", **cells):
    return {"status": status, "date": date, **cells}


RULES = (
    "has disease_status(any)",
    "has disease_status(progression)",
    "has disease_status(progression or stable)",
    "has disease_status(relapse)",
    "has disease_status(any, site: lung)",
    "has disease_status(progression, site: not lung or bone)",
    "has disease_status(progression, basis: imaging)",
    "has disease_status(any, basis: not imaging, site: lung)",
)

EVENTS = (
    [],
    [event()],
    [event("xyzzy"), event(None), event("stable")],
    [event("distant metastasis", site="lung", basis="CT"), event("relapse", basis="clinical", site="bone")],
    [event(date=None), event(date="2025"), event(date="2026-02-01")],
    [event(diagnosis="A"), event(diagnosis="B"), event(diagnosis="breast cancer"), event(diagnosis="Z")],
)
COVERAGE = (
    [],
    [{"domain": "disease_status", "complete_through": "2026-01-10"}],
    [{"domain": "disease_status", "complete_through": "2025-06-01"}],
)
COHORT = [
    patient(conditions=conditions, disease_status=told, coverage=coverage)
    for conditions, told, coverage in product(([], [LMS], [LMS, BREAST], [BREAST]), EVENTS, COVERAGE)
]


@pytest.mark.parametrize("cancer", ["", "leiomyosarcoma", "any"])
@pytest.mark.parametrize("rule", RULES)
def test_the_candidates_are_those_of_the_reference(rule, cancer):
    batch, contexts = batch_of(COHORT, cancer=cancer)
    records = records_of(rule)
    assert shown(batch, events(batch, records, False)) == shown_by_reference(contexts, records, "disease_status")


@pytest.mark.parametrize("ago", [0, 60, 400])
def test_silence_says_the_same(ago):
    batch, contexts = batch_of(COHORT, cancer="leiomyosarcoma")
    records = records_of("has disease_status(progression)")
    found = unrecorded_event(batch, records, batch.asked - ago)
    assert silence_differs(found, contexts, records, TODAY - timedelta(days=ago)) == []


def test_what_tells_of_another_cancer_is_no_candidate():
    told = [event(diagnosis="A"), event(diagnosis="B")]
    batch, _ = batch_of([patient(conditions=[LMS, BREAST], disease_status=told)], cancer="leiomyosarcoma")
    found = events(batch, records_of("has disease_status(progression)"), False)
    assert [(row, code) for _, row, code, *_ in shown(batch, found)] == [(0, MET_NEVER)]


def test_nobody_and_nothing_recorded():
    for patients in ([], [lms()]):
        batch, _ = batch_of(patients)
        assert len(events(batch, records_of("has disease_status(any, site: lung)"), False)) == 0
