"""When silence is a statement (SEMANTICS §2.2): coverage rows, policies of the registry, how long they hold."""

from dataclasses import replace
from datetime import date

import pytest

from matcher.engine.reference.context import UnknownWord
from matcher.engine.reference.records.coverage import Need
from patients.facts import PartialDate, Policy
from tests.synthetic import TODAY, asked, drug, lms, patient, truth

PAZOPANIB = drug("pazopanib", "2024-01-10", "2024-05-20")
HAS = "has treatment(doxorubicin)"


def row(scope="all", through="2026-01-10", domain="treatments"):
    return {"domain": domain, "scope": scope, "complete_through": through}


SCOPES = {
    "everything": (HAS, "all", "not_met"),
    "its kind": (HAS, "kind:drug", "not_met"),
    "its kind in a bare word": (HAS, "drug", "not_met"),
    "another kind": (HAS, "kind:surgery", "unknown: not recorded"),
    "its class": (HAS, "class:anthracycline", "not_met"),
    "its class in a bare word": (HAS, "anthracycline", "not_met"),
    "a class in several words": ("has treatment(gemcitabine)", "class:systemic therapy", "not_met"),
    "another class": (HAS, "class:taxane", "unknown: not recorded"),
    "a class says nothing of any treatment": ("has treatment(any)", "class:anthracycline", "unknown: not recorded"),
    "kind and class": (HAS, "kind:drug class:anthracycline", "not_met"),
    "kind right, class wrong": (HAS, "kind:drug class:taxane", "unknown: not recorded"),
    "drugs say nothing of operations": ("has treatment(surgery)", "kind:drug", "unknown: not recorded"),
    "operations": ("has treatment(surgery)", "kind:surgery", "not_met"),
    "radiotherapy": ("has treatment(radiotherapy)", "radiotherapy", "not_met"),
    "a treatment of two kinds needs both": (
        "has treatment(doxorubicin or surgery)", "kind:drug", "unknown: not recorded"),
    "a procedure": ("has treatment(dialysis)", "kind:procedure", "not_met"),
    "a procedure is no operation": ("has treatment(dialysis)", "kind:surgery", "unknown: not recorded"),
    "a kind asked": ("has treatment(any, kind: surgery)", "kind:surgery", "not_met"),
    "a kind asked, another told": ("has treatment(any, kind: surgery)", "kind:drug", "unknown: not recorded"),
    "any kind but one needs them all": ("has treatment(any, kind: not surgery)", "kind:drug", "unknown: not recorded"),
    "any kind but one": ("has treatment(any, kind: not surgery)", "all", "not_met"),
    "any treatment": ("has treatment(any)", "all", "not_met"),
    "any treatment, drugs told": ("has treatment(any)", "kind:drug", "unknown: not recorded"),
}  # fmt: skip


@pytest.mark.parametrize("case", SCOPES)
def test_a_scope_covers(case):
    rule, scope, expected = SCOPES[case]
    assert truth(rule, lms(coverage=[row(scope)])) == expected


STORED = {
    "one of several kinds": (HAS, "treatments", "kind:surgery|drug", "not_met"),
    "a class that is no longer known": (HAS, "treatments", "class:xyzzy", "unknown: not recorded"),
    "a restriction that nobody knows": (HAS, "treatments", "country:France", "unknown: not recorded"),
    "a bare class": (HAS, "treatments", "anthracycline", "not_met"),
    "a bare kind": (HAS, "treatments", "drug", "not_met"),
    "a bare kind of condition": ("has condition(hypertension)", "conditions", "comorbidity", "not_met"),
    "a bare alteration": ("has biomarker(NTRK1, fusion)", "biomarkers", "fusion", "not_met"),
    "a class of several words after a kind": (
        "has treatment(gemcitabine)", "treatments", "kind:drug class:systemic therapy", "not_met"),
    "medications are drugs": ("has medication(warfarin)", "medications", "kind:drug", "not_met"),
    "medications are no operations": (
        "has medication(warfarin)", "medications", "kind:surgery", "unknown: not recorded"),
    "no words": (HAS, "treatments", "", "not_met"),
}  # fmt: skip


@pytest.mark.parametrize("case", STORED)
def test_a_scope_as_it_may_be_stored(case):
    rule, domain, scope, expected = STORED[case]
    who = lms(coverage=[row(domain=domain)])
    assert truth(rule, replace(who, coverage=(replace(who.coverage[0], scope=scope),))) == expected


DOMAINS = {
    "medications": ("has medication(warfarin)", row(domain="medications"), "not_met"),
    "a drug needs both lists": ("has drug(warfarin)", row(domain="medications"), "unknown: not recorded"),
    "conditions": ("has condition(hypertension)", row(domain="conditions"), "not_met"),
    "comorbidities": ("has condition(hypertension)", row("comorbidity", domain="conditions"), "not_met"),
    "metastases say nothing of comorbidities": (
        "has condition(hypertension)", row("metastasis", domain="conditions"), "unknown: not recorded"),
    "a metastasis": ("has condition(lung metastasis)", row("metastasis", domain="conditions"), "not_met"),
    "a kind asked for": ("has condition(any, kind: toxicity)", row("toxicity", domain="conditions"), "not_met"),
    "toxicities": ("has toxicity(nausea)", row("toxicity", domain="conditions"), "not_met"),
    "allergies": ("has allergy(docetaxel)", row("allergy", domain="conditions"), "not_met"),
    "a cancer as a condition": ("has condition(breast cancer)", row("primary", domain="conditions"), "not_met"),
    "the course of disease": ("has disease_status(progression)", row(domain="disease_status"), "not_met"),
    "another domain": (HAS, row(domain="medications"), "unknown: not recorded"),
    "lines": ("count line(systemic) = 0", row("kind:drug"), "met"),
    "lines, operations told": ("count line(systemic) = 0", row("kind:surgery"), "unknown: not recorded"),
}  # fmt: skip


@pytest.mark.parametrize("case", DOMAINS)
def test_a_domain_covers(case):
    rule, coverage, expected = DOMAINS[case]
    assert truth(rule, lms(coverage=[coverage]), cancer="leiomyosarcoma") == expected


ENDS = {
    "of a row that names no day, the data's": (
        {"coverage": [row(through=None)], "data_through": "2026-01-10"}, "not_met"),
    "the data's, long ago": ({"coverage": [row(through=None)], "data_through": "2025-06-01"}, "unknown: stale"),
    "of neither, the day it was recorded": ({"coverage": [row(through=None)], "data_through": None}, "not_met"),
    "a later fact moves the data's": (
        {"coverage": [row(through=None)], "data_through": "2025-06-01",
         "treatments": [drug("pazopanib", "2026-01-05")]},
        "not_met"),
    "a planned one ahead does not": (
        {"coverage": [row(through=None)], "data_through": "2025-06-01",
         "treatments": [drug("pazopanib", "2026-02-05", status="planned")]},
        "unknown: stale"),
    "the latest of two rows counts": ({"coverage": [row(through="2025-01-10"), row("drug")]}, "not_met"),
}  # fmt: skip


@pytest.mark.parametrize("case", ENDS)
def test_where_completeness_ends(case):
    rows, expected = ENDS[case]
    assert truth(HAS, lms(**rows)) == expected


def test_a_row_of_which_no_day_is_known_covers_nothing():
    who = lms(coverage=[row(through=None)], data_through=None)
    assert truth(HAS, replace(who, coverage=(replace(who.coverage[0], recorded=None),))) == "unknown: not recorded"


def test_what_came_before_the_end_stays_decided():
    who = lms(coverage=[row(through="2025-06-01")])
    assert truth(HAS, who) == "unknown: stale"
    assert (
        truth(
            f"{HAS} before first treatment(pazopanib)",
            lms(coverage=[row(through="2025-06-01")], treatments=[PAZOPANIB]),
        )
        == "not_met"
    )


def test_an_absence_says_when_it_lapses():
    found = asked(HAS, lms(coverage=[row(through="2026-01-10")]))
    assert [date.fromordinal(day) for day in found.flips] == [date(2026, 2, 10)]


CLINIC = Policy("treatments", "kind:drug", complete_when_present=True, needs_data_through=True)
PRESENT = Policy("treatments", "kind:drug", complete_when_present=True)
POLICIES = {
    "with one drug on record": (PRESENT, {"treatments": [PAZOPANIB]}, "not_met"),
    "with none": (PRESENT, {}, "unknown: not recorded"),
    "an operation is no drug": (
        PRESENT, {"treatments": [{"treatment": "wide excision", "kind": "surgery"}]}, "unknown: not recorded"),
    "an operation of no kind is none either": (
        PRESENT, {"treatments": [{"treatment": "wide excision"}]}, "unknown: not recorded"),
    "a drug of no kind is one": (PRESENT, {"treatments": [{**PAZOPANIB, "kind": None}]}, "not_met"),
    "a planned one shows no list": (
        PRESENT, {"treatments": [drug("pazopanib", status="planned")]}, "unknown: not recorded"),
    "a policy of another domain": (
        Policy("medications", "all", complete_when_present=True), {"treatments": [PAZOPANIB]}, "unknown: not recorded"),
    "an open policy": (Policy("treatments", "kind:drug"), {"treatments": [PAZOPANIB]}, "unknown: not recorded"),
    "the clinic's, with a day": (CLINIC, {"treatments": [PAZOPANIB]}, "not_met"),
    "the clinic's, without": (CLINIC, {"treatments": [PAZOPANIB], "data_through": None}, "unknown: not recorded"),
    "the clinic's, of old data": (CLINIC, {"treatments": [PAZOPANIB], "data_through": "2025-06-01"}, "unknown: stale"),
    "without a day, as recorded": (PRESENT, {"treatments": [PAZOPANIB], "data_through": None}, "not_met"),
    "with a currency of its own": (
        replace(PRESENT, currency_days=365), {"treatments": [PAZOPANIB], "data_through": "2025-06-01"}, "not_met"),
    "of a class": (Policy("treatments", "class:anthracycline", complete_when_present=True),
                   {"treatments": [drug("epirubicin", "2024-01-10")]}, "not_met"),
    "of a class with no fact of it": (Policy("treatments", "class:anthracycline", complete_when_present=True),
                                      {"treatments": [PAZOPANIB]}, "unknown: not recorded"),
}  # fmt: skip


@pytest.mark.parametrize("case", POLICIES)
def test_a_policy(case):
    policy, rows, expected = POLICIES[case]
    assert truth(HAS, replace(lms(**rows), policies=(policy,))) == expected


TESTED = {"gene": "TP53", "alteration": "mutation", "result": "positive", "assay": "NGS", "date": "2024-03-01"}
MOLECULAR = {
    "its alteration": ("alteration:mutation", "has biomarker(RB1, mutation)", "not_met"),
    "another alteration": ("alteration:fusion", "has biomarker(NTRK1, fusion)", "unknown: not recorded"),
    "its gene": ("genes:TP53", "has biomarker(TP53, mutation, variant: R175H)", "unknown: not recorded"),
    "another gene": ("genes:RB1", "has biomarker(RB1, mutation)", "unknown: not recorded"),
    "its assay": ("assay:NGS", "has biomarker(RB1, mutation)", "not_met"),
    "another assay": ("assay:Sanger", "has biomarker(RB1, mutation)", "unknown: not recorded"),
}  # fmt: skip


@pytest.mark.parametrize("case", MOLECULAR)
def test_a_policy_for_markers(case):
    scope, rule, expected = MOLECULAR[case]
    who = replace(lms(biomarkers=[TESTED]), policies=(Policy("biomarkers", scope, complete_when_present=True),))
    assert truth(rule, who) == expected


CONDITION_POLICIES = {
    "a comorbidity on record": ("comorbidity", [{"condition": "diabetes", "kind": "comorbidity"}], "not_met"),
    "a condition of no kind shows none": ("comorbidity", [{"condition": "diabetes"}], "unknown: not recorded"),
    "an absent one shows none": (
        "comorbidity", [{"condition": "diabetes", "kind": "comorbidity", "status": "absent"}], "unknown: not recorded"),
}  # fmt: skip


@pytest.mark.parametrize("case", CONDITION_POLICIES)
def test_a_policy_for_conditions(case):
    scope, rows, expected = CONDITION_POLICIES[case]
    who = replace(lms(conditions=rows), policies=(Policy("conditions", scope, complete_when_present=True),))
    assert truth("has condition(hypertension)", who) == expected


PRIMARIES = {
    "a recorded cancer denies another": ([{"condition": "leiomyosarcoma", "kind": "primary"}], "not_met"),
    "of no kind too": ([{"condition": "leiomyosarcoma"}], "not_met"),
    "a metastasis alone does not": ([{"condition": "lung metastasis"}], "unknown: not recorded"),
    "no row at all": ([], "unknown: not recorded"),
}


@pytest.mark.parametrize("case", PRIMARIES)
def test_a_registry_that_records_a_cancer_records_them_all(case):
    rows, expected = PRIMARIES[case]
    assert truth("has diagnosis(breast cancer)", lms(conditions=rows, data_through="2019-01-10")) == expected


def test_the_currency_of_a_policy_holds_for_rows_too():
    who = lms(coverage=[row("drug", "2025-10-01")])
    assert truth(HAS, who) == "unknown: stale"
    longer = replace(who, policies=(Policy("treatments", "all", currency_days=180),))
    assert truth(HAS, longer) == "not_met"


def test_an_unreadable_row_suspends_the_completeness_of_its_domain():
    who = lms(coverage=[row()], treatments=[PAZOPANIB])
    assert truth(HAS, who) == "not_met"
    assert truth(HAS, replace(who, suspended=frozenset({"treatments"}))) == "unknown: not recorded"
    assert truth(HAS, replace(who, suspended=frozenset({"medications"}))) == "not_met"


LASTING = {
    "a chronic condition": ("has condition(diabetes)", "not_met"),
    "another malignancy": ("has condition(breast cancer)", "not_met"),
    "a passing one": ("has condition(pneumonia)", "unknown: stale"),
    "both": ("has condition(diabetes or pneumonia)", "unknown: stale"),
    "any": ("has condition(any)", "unknown: stale"),
}


@pytest.mark.parametrize("case", LASTING)
def test_what_is_chronic_stays_current_for_longer(case):
    rule, expected = LASTING[case]
    assert truth(rule, patient(coverage=[row(domain="conditions", through="2025-08-01")])) == expected


DENIED = {
    "itself": ("has condition(lung metastasis)", {"condition": "lung metastasis"}, "not_met"),
    "what lies below": ("has condition(brain metastasis)", {"condition": "CNS metastasis"}, "not_met"),
    "nothing above": ("has condition(metastasis)", {"condition": "CNS metastasis"}, "unknown: not recorded"),
    "what lies at its site": ("has condition(brain metastasis)",
                              {"condition": "metastasis", "body_site": "brain"}, "not_met"),
    "not what lies elsewhere": ("has condition(lung metastasis)",
                                {"condition": "metastasis", "body_site": "brain"}, "unknown: not recorded"),
    "a name no list knows": ("has condition(hypertension)",
                             {"condition": "xyzzy", "kind": "comorbidity"}, "unknown: not recorded"),
    "of no date, as recorded": ("has condition(lung metastasis)",
                                {"condition": "lung metastasis", "date": None}, "not_met"),
}  # fmt: skip


@pytest.mark.parametrize("case", DENIED)
def test_absent_denies(case):
    rule, cells, expected = DENIED[case]
    absent = {"kind": "metastasis", "status": "absent", "date": "2026-01-05", **cells}
    assert truth(rule, patient(conditions=[absent])) == expected


def test_a_patient_of_whom_nothing_is_known():
    nobody = replace(patient(), policies=(PRESENT, Policy("conditions", "all", complete_when_present=True)))
    for rule in (HAS, "has condition(diabetes)", "has diagnosis(leiomyosarcoma)", "has biomarker(TP53, mutation)"):
        assert truth(rule, nobody) == "unknown: not recorded"


def test_a_fact_after_the_day_asked_moves_nothing():
    who = lms(coverage=[row(through=None)], data_through="2025-06-01")
    known = lms(treatments=[drug("pazopanib", "2026-01-05")]).treatments[0]
    assert truth(HAS, replace(who, treatments=(known,))) == "not_met"
    ahead = replace(known, start=PartialDate.parse("2026-03-01"))
    assert truth(HAS, replace(who, treatments=(ahead,)), as_of=TODAY) == "unknown: stale"


def test_the_scope_that_would_answer():
    assert Need("biomarkers", "", ("BRCA1", "BRCA2"), "mutation").scope == "genes:BRCA1|BRCA2 alteration:mutation"
    assert Need("biomarkers").scope == "all"
    assert Need("treatments", "drug", ("doxorubicin",)).scope == "kind:drug"
    assert Need("treatments").scope == "all"


def test_a_medication_on_record_shows_that_drugs_are_recorded():
    who = lms(medications=[{"medication": "aspirin", "start_date": "2024-01-10"}])
    policy = Policy("medications", "kind:drug", complete_when_present=True)
    assert truth("has medication(warfarin)", replace(who, policies=(policy,))) == "not_met"


def test_a_fact_of_no_kind_is_of_the_kind_its_name_says():
    who = lms(treatments=[PAZOPANIB])
    bare = replace(who, treatments=(replace(who.treatments[0], kind=None),), policies=(PRESENT,))
    assert truth(HAS, bare) == "not_met"
    excised = lms(treatments=[{"treatment": "wide excision", "start_date": "2024-01-10"}])
    surgical = replace(excised, treatments=(replace(excised.treatments[0], kind=None),), policies=(PRESENT,))
    assert truth(HAS, surgical) == "unknown: not recorded"
    tumour = replace(who, conditions=(replace(who.conditions[0], kind=None),))
    assert truth("has diagnosis(breast cancer)", tumour) == "not_met"
    site_and_histology = replace(who.conditions[0], kind=None, histologies=(), concepts=("leiomyosarcoma",))
    assert truth("has diagnosis(breast cancer)", replace(who, conditions=(site_and_histology,))) == "not_met"


def test_a_rule_that_no_document_defines_is_refused():
    with pytest.raises(UnknownWord, match="defines no rule"):
        asked("fit", lms())


def test_a_name_that_no_list_knows_is_refused_and_never_read_as_an_absence():
    with pytest.raises(UnknownWord, match="'xyzzy' is no known"):
        asked("no treatment(xyzzy)", lms(coverage=[row()]))
