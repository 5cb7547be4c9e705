"""When silence is a statement, by the thousand: the same as one patient at a time, whatever is said to be complete."""

from dataclasses import replace
from datetime import timedelta
from functools import cache

import numpy as np
import pytest

from matcher.engine.bulk.columns import NO_DAY
from matcher.engine.bulk.coverage import Denial, absence, data_through, kind_of
from matcher.engine.bulk.findings import NOT_MET_COURSE, NOT_RECORDED, code_of
from matcher.engine.reference.days import FUTURE
from matcher.engine.reference.records import coverage as reference
from matcher.engine.reference.records.coverage import Need, Through
from matcher.engine.truth import Change
from patients.facts import Policy
from tests.batches import answers_differ, batch_of
from tests.synthetic import TODAY, lms, patient
from tests.unit.test_completeness import (
    CLINIC,
    CONDITION_POLICIES,
    DENIED,
    DOMAINS,
    ENDS,
    LASTING,
    MOLECULAR,
    PAZOPANIB,
    POLICIES,
    PRESENT,
    PRIMARIES,
    SCOPES,
    STORED,
    TESTED,
    row,
)
from trials.criteria.parser import parse

RULES = sorted(
    {rule for table in (SCOPES, STORED, DOMAINS, LASTING, DENIED) for rule, *_ in table.values()}
    | {rule for _, rule, _ in MOLECULAR.values()}
    | {
        "has diagnosis(breast cancer)",
        "has biomarker(BRCA, mutation)",
        "has biomarker(BRCA or TP53, mutation)",
        "has biomarker(any, mutation)",
        "has treatment(doxorubicin) before first treatment(pazopanib)",
        "has treatment(pazopanib or surgery or radiotherapy)",
    }
)


def policed(rows, *policies):
    return replace(lms(**rows), policies=policies)


def stored(domain, scope):
    who = lms(coverage=[row(domain=domain)])
    return replace(who, coverage=(replace(who.coverage[0], scope=scope),))


def markers(*scopes, **more):
    """Who was tested for some genes, and what is complete of biomarkers."""
    return lms(coverage=[row(scope, domain="biomarkers", **more) for scope in scopes], biomarkers=[TESTED])


def cohort():
    whole = Policy("biomarkers", "all", complete_when_present=True)
    unrecorded_day = lms(coverage=[row(through=None)], data_through=None)
    told = lms(coverage=[row()], treatments=[PAZOPANIB])
    denied = {"kind": "metastasis", "status": "absent", "date": "2026-01-05"}
    return [
        *(lms(coverage=[row(scope)]) for scope in dict.fromkeys(scope for _, scope, _ in SCOPES.values())),
        *(stored(domain, scope) for _, domain, scope, _ in STORED.values()),
        *(lms(coverage=[coverage]) for _, coverage, _ in DOMAINS.values()),
        *(lms(**rows) for rows, _ in ENDS.values()),
        *(policed(rows, policy) for policy, rows, _ in POLICIES.values()),
        *(policed({"biomarkers": [TESTED]}, Policy("biomarkers", scope, complete_when_present=True))
          for scope, _, _ in MOLECULAR.values()),
        *(policed({"conditions": rows}, Policy("conditions", scope, complete_when_present=True))
          for scope, rows, _ in CONDITION_POLICIES.values()),
        *(lms(conditions=rows, data_through="2019-01-10") for rows, _ in PRIMARIES.values()),
        *(patient(coverage=[row(domain="conditions", through=day)]) for day in ("2025-08-01", "2025-12-16")),
        *(patient(conditions=[{**denied, **cells}]) for _, cells, _ in DENIED.values()),
        # A family of genes is complete where each of its genes is, to the earliest day of theirs.
        markers("genes:BRCA1", "genes:BRCA2"),
        markers("genes:BRCA1"),
        markers("genes:BRCA"),
        lms(coverage=[row("genes:BRCA1", "2025-12-20", "biomarkers"), row("genes:BRCA2", "2025-12-01", "biomarkers")]),
        lms(biomarkers=[{**TESTED, "gene": gene, "result": "negative"} for gene in ("BRCA1", "BRCA2")]),
        lms(biomarkers=[{**TESTED, "gene": "BRCA1", "result": "negative"}], coverage=[row("genes:BRCA2", domain="biomarkers")]),
        replace(markers("genes:BRCA1", through="2025-11-01"), policies=(whole, replace(whole, currency_days=400))),
        # Of statements that end on one day the first counts with its currency.
        policed({"treatments": [PAZOPANIB], "coverage": [row("drug")]}, replace(PRESENT, currency_days=5)),
        policed({"treatments": [PAZOPANIB]}, replace(PRESENT, currency_days=5), replace(PRESENT, currency_days=90)),
        policed({"coverage": [row("drug", "2025-10-01")]}, Policy("treatments", "all", currency_days=180)),
        policed({"coverage": [row("drug", "2025-10-01")]}, Policy("treatments", "kind:drug", currency_days=0)),
        policed({"coverage": [row("drug", "2025-10-01")]}, Policy("treatments", "kind:surgery", currency_days=180)),
        policed({"treatments": [PAZOPANIB]}, CLINIC, Policy("treatments", "all", complete_when_present=True)),
        policed({"observations": [{"test": "ecog", "value": "1", "date": "2026-01-05"}]}, *told.policies),
        policed(
            {"medications": [{"medication": "aspirin", "start_date": "2024-01-10"}]},
            Policy("medications", "kind:drug", complete_when_present=True),
        ),
        policed(
            {"disease_status": [{"status": "progression", "date": "2025-12-01"}]},
            Policy("disease_status", "all", complete_when_present=True),
            Policy("disease_status", "kind:drug", complete_when_present=True),
            Policy("disease_status", "class:anthracycline", complete_when_present=True),
        ),
        *(replace(told, suspended=frozenset({domain})) for domain in ("treatments", "medications")),
        replace(unrecorded_day, coverage=(replace(unrecorded_day.coverage[0], recorded=None),)),
        replace(patient(), policies=(PRESENT, Policy("conditions", "all", complete_when_present=True))),
    ]  # fmt: skip


COHORT = cohort()


@cache
def on(days):
    return batch_of(COHORT, as_of=TODAY + timedelta(days=days), known=TODAY, cancer="leiomyosarcoma")


@pytest.mark.parametrize("later", [0, 20])
@pytest.mark.parametrize("rule", RULES)
def test_the_engines_agree(rule, later):
    assert answers_differ(*on(later), parse(rule)) == []


def test_the_data_of_each_patient_reach_as_far():
    batch, contexts = on(0)
    assert {NO_DAY} < set(data_through(batch.view).tolist())
    by_reference = [reference.data_through(context) or NO_DAY for context in contexts]
    assert data_through(batch.view)[batch.patient].tolist() == by_reference


@pytest.mark.parametrize("name", ["conditions", "treatments", "medications", "observations"])
def test_the_kinds_of_facts(name):
    bare = lms(
        treatments=[PAZOPANIB, {"treatment": "wide excision"}, {"treatment": "xyzzy"}],
        conditions=[{"condition": each} for each in ("leiomyosarcoma", "lung metastasis", "diabetes", "xyzzy")],
    )
    unkind = replace(
        bare,
        treatments=tuple(replace(each, kind=None) for each in bare.treatments),
        conditions=(
            *(replace(each, kind=None) for each in bare.conditions),
            replace(bare.conditions[0], id="c", kind=None, histologies=(), concepts=("leiomyosarcoma",)),
        ),
    )
    batch, contexts = batch_of([*COHORT, unkind])
    context_of = dict(zip(batch.patient.tolist(), contexts, strict=True))
    expected = [
        reference.kind_of(context_of[index], fact)
        for index in range(batch.view.patients)
        for fact in getattr(context_of[index].patient, name)
    ]
    kinds = kind_of(batch.table(name), batch.vocabulary)
    assert [kinds.values[code] for code in kinds.codes] == expected


NEEDS = (
    Need("treatments", "drug", ("doxorubicin",)),
    Need("treatments", "drug", ("doxorubicin", "gemcitabine")),
    Need("conditions", "comorbidity", ("diabetes mellitus",), lasting=True),
    Need("biomarkers", "", ("BRCA",), "mutation"),
    Need("biomarkers", "", (), "mutation"),
    Need("disease_status"),
)


@pytest.mark.parametrize("before", [-10, 60])
@pytest.mark.parametrize("denied", ["doxorubicin", "chemotherapy", "BRCA1", "diabetes mellitus"])
@pytest.mark.parametrize("need", NEEDS, ids=str)
def test_denials_are_of_single_patients(need, denied, before):
    batch, contexts = on(0)
    until = batch.asked - before
    said = {item: (TODAY - timedelta(days=item)).toordinal() for item in range(0, batch.n, 3)}
    items = np.array(list(said), np.int64)
    denials = [
        Denial(denied, items, np.array(list(said.values()), np.int32)),
        Denial(denied, items[:2], np.array([FUTURE, FUTURE], np.int32)),
        Denial("BRCA2", items[1:4], np.array([FUTURE] * 3, np.int32)),
        Denial("BRCA2", items[:0], np.zeros(0, np.int32)),
    ]
    found = absence(batch, need, until=until, change=Change.COURSE, denials=denials)
    for item, context in enumerate(contexts):
        own = [
            (each.concept, Through(int(day), ""))
            for each in denials
            for at, day in zip(each.item.tolist(), each.day, strict=True)
            if at == item
        ]
        expected = reference.absence(context, need, until=int(until[item]), denials=own, change=Change.COURSE, text="")
        flip = min((day for day in expected.flips if day > context.asked), default=FUTURE)
        assert found.code[item] == code_of(expected)
        assert (FUTURE if found.flips is None else found.flips[item]) == flip


def test_nothing_is_said_of_nobody():
    batch, contexts = batch_of([])
    assert contexts == []
    assert len(absence(batch, NEEDS[0], until=batch.asked, change=Change.COURSE)) == 0


def test_what_is_asked_of_no_time_never_lapses():
    batch, _ = batch_of([lms(coverage=[row()]), lms()])
    never = np.ones(2, np.int32)
    found = absence(batch, NEEDS[0], until=never, change=Change.COURSE)
    assert found.code.tolist() == [NOT_MET_COURSE, NOT_RECORDED]
    assert found.flips is None
