"""Biomarkers by the thousand: the same candidates and the same silence as one patient at a time."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from matcher.engine.bulk.findings import CONFLICTING, MET_ACTION, NOT_MET_ACTION, NOT_MET_NEVER
from matcher.engine.bulk.records.biomarkers import biomarkers, unrecorded_marker
from tests.batches import batch_of, records_of, shown, shown_by_reference, silence_differs
from tests.synthetic import TODAY, lms
from tests.unit.test_biomarkers_matched import (
    CONFLICTS,
    COVERAGE,
    DENIALS,
    FIELDS,
    POSITIVE,
    VALUES,
    covered,
    gone,
    marker,
    measured,
)


def rules_of(*tables):
    return {rule for table in tables for rule, _, _ in table.values()}


def rows_of(*tables):
    """Each list of rows once."""
    found = []
    for table in tables:
        for _, rows, _ in table.values():
            if rows not in found:
                found.append(rows)
    return found


#: Every pattern with every patient of the tables of the reference engine.
RULES = sorted(
    rules_of(POSITIVE, FIELDS, VALUES)
    | {
        "has biomarker(TP53, mutation, result: positive or indeterminate, origin: germline)",
        "has biomarker(TP53, mutation, result: not negative)",
        "has biomarker(any, other than: BRCA)",
        "has biomarker(CD274, scale: CPS or TPS, value: > 5 and < 60)",
        "has biomarker(CD274, value: = 50 or >= 80, assay: IHC)",
        "has biomarker(CD274, value: not <= 10)",
    }
)
COHORT = [
    *(lms(biomarkers=rows) for rows in rows_of(POSITIVE, FIELDS, VALUES)),
    *(lms(biomarkers=rows) for rows, _ in CONFLICTS.values()),
    lms(biomarkers=[marker("TP53", date=None), measured(20, date=None), marker("TP53", date="2026-02-01")]),
]

SILENT_RULES = sorted(rules_of(DENIALS, COVERAGE))
SILENT_COHORT = [
    *(lms(biomarkers=rows) for rows in rows_of(DENIALS)),
    *(lms(coverage=[covered(scope)]) for scope in rows_of(COVERAGE)),
    lms(coverage=[covered("genes:TP53", "2025-12-20")], biomarkers=[gone("BRCA1", origin="germline", date="2025")]),
    replace(lms(), biomarkers=(replace(lms(biomarkers=[gone("TP53")]).biomarkers[0], genes=("TP53", "RB1")),)),
    lms(),
]


@pytest.fixture(scope="module")
def cohort():
    return batch_of(COHORT, cancer="leiomyosarcoma")


@pytest.fixture(scope="module")
def silent_cohort():
    return batch_of(SILENT_COHORT, cancer="leiomyosarcoma")


@pytest.mark.parametrize("rule", RULES)
def test_the_candidates_are_those_of_the_reference(cohort, rule):
    batch, contexts = cohort
    records = records_of(rule)
    expected = shown_by_reference(contexts, records, "biomarkers")
    assert shown(batch, biomarkers(batch, records, False)) == expected


@pytest.mark.parametrize("rule", SILENT_RULES)
def test_silence_says_the_same(silent_cohort, rule):
    batch, contexts = silent_cohort
    records = records_of(rule)
    assert silence_differs(unrecorded_marker(batch, records, batch.asked), contexts, records, TODAY) == []


def codes(rule, *rows):
    """The codes of the candidates of one patient, by row."""
    batch, _ = batch_of([lms(biomarkers=list(rows))])
    return {at: code for _, at, code, *_ in shown(batch, biomarkers(batch, records_of(rule), False))}


#: What is asked, two or three rows of one patient, the codes of those that remain.
TOGETHER = {
    "a yes and a no of one day contradict each other": (
        "has biomarker(TP53, mutation)", [marker("TP53"), gone("TP53")], {0: CONFLICTING, 1: NOT_MET_ACTION}),
    "not those of two days": (
        "has biomarker(TP53, mutation)", [marker("TP53"), gone("TP53", date="2024-03-02")],
        {0: MET_ACTION, 1: NOT_MET_ACTION}),
    "nor of two assays": (
        "has biomarker(TP53, mutation)", [marker("TP53", assay="NGS"), gone("TP53", assay="Sanger")],
        {0: MET_ACTION, 1: NOT_MET_ACTION}),
    "one assay in two spellings is one": (
        "has biomarker(TP53, mutation)", [marker("TP53", assay="NGS"), gone("TP53", assay="ngs")],
        {0: CONFLICTING, 1: NOT_MET_ACTION}),
    "an assay left out may be the same": (
        "has biomarker(TP53, mutation)", [marker("TP53", assay="NGS"), gone("TP53")],
        {0: CONFLICTING, 1: NOT_MET_ACTION}),
    "two values of one scale contradict each other": (
        "has biomarker(CD274, value: >= 10)", [measured(20), measured(5)], {0: CONFLICTING, 1: NOT_MET_ACTION}),
    "two values of two scales do not": (
        "has biomarker(CD274, value: >= 10)", [measured(20), measured(5, "TPS")], {0: MET_ACTION, 1: NOT_MET_ACTION}),
    "a later value overtakes": (
        "has biomarker(CD274, value: >= 10)", [measured(20), measured(5, date="2025-03-01")], {1: NOT_MET_ACTION}),
    "one that may be the later does not": (
        "has biomarker(CD274, value: >= 10)", [measured(20), measured(5, date="2024")],
        {0: MET_ACTION, 1: NOT_MET_ACTION}),
    "a germline finding stays": (
        "has biomarker(BRCA1, mutation)", [gone("BRCA1", origin="germline")], {0: NOT_MET_NEVER}),
    "what another assay shows is no evidence": (
        "has biomarker(TP53, mutation, assay: Sanger or FISH)", [marker("TP53", assay="NGS")], {}),
}  # fmt: skip


@pytest.mark.parametrize("case", TOGETHER)
def test_rows_of_one_patient_together(case):
    rule, rows, expected = TOGETHER[case]
    assert codes(rule, *rows) == expected


def test_rows_of_two_patients_never_contradict_each_other():
    batch, _ = batch_of([lms(biomarkers=[marker("TP53")]), lms(biomarkers=[gone("TP53")])])
    found = biomarkers(batch, records_of("has biomarker(TP53, mutation)"), False)
    assert found.code.tolist() == [MET_ACTION, NOT_MET_ACTION]


def test_a_later_day_cuts_nothing_that_is_known_today():
    """Asked about a later day the same facts count, and undated ones reach up to it."""
    batch, contexts = batch_of(COHORT, as_of=TODAY + timedelta(days=90), known=TODAY)
    records = records_of("has biomarker(TP53, mutation)")
    found = shown(batch, biomarkers(batch, records, False))
    assert found == shown_by_reference(contexts, records, "biomarkers")
    batch, contexts = batch_of(SILENT_COHORT, as_of=TODAY + timedelta(days=90), known=TODAY)
    assert silence_differs(unrecorded_marker(batch, records, batch.asked), contexts, records, TODAY) == []


def test_a_past_day_sees_no_later_rows():
    batch, contexts = batch_of(COHORT, as_of=date(2024, 2, 1))
    records = records_of("has biomarker(any)")
    assert shown(batch, biomarkers(batch, records, False)) == shown_by_reference(contexts, records, "biomarkers")


def test_nobody_and_nothing_recorded():
    records = records_of("has biomarker(CD274, value: >= 10)")
    for patients in ([], [lms()]):
        batch, _ = batch_of(patients)
        assert len(biomarkers(batch, records, False)) == 0
        assert len(unrecorded_marker(batch, records, batch.asked)) == len(patients)
