"""When silence is a statement: coverage rows, policies, currency, denials, negative biomarkers (SEMANTICS §2.1, §2.2)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from patients.facts import Policy
from tests.synthetic import TODAY, asked, drug, lms, patient, truth


def through(domain, scope="all", day="2026-01-10"):
    return {"domain": domain, "scope": scope, "complete_through": day}


def says(rule, who, **how):
    return truth(rule, who, cancer="leiomyosarcoma", **how)


DRUG_RULE = "has treatment(doxorubicin)"


@pytest.mark.parametrize(
    ("coverage", "expected"),
    [
        ([], "unknown: not recorded"),
        ([through("treatments")], "not_met"),
        ([through("treatments", "kind:drug")], "not_met"),
        ([through("treatments", "drug")], "not_met"),
        ([through("treatments", "class:anthracycline")], "not_met"),
        ([through("treatments", "kind:drug class:anthracycline")], "not_met"),
        ([through("treatments", "class:taxane")], "unknown: not recorded"),
        ([through("treatments", "kind:radiotherapy")], "unknown: not recorded"),
        ([through("medications")], "unknown: not recorded"),
        # 30 days are current, 31 are not; the latest statement counts.
        ([through("treatments", day="2025-12-16")], "not_met"),
        ([through("treatments", day="2025-12-15")], "unknown: stale"),
        ([through("treatments", day="2025-06-15"), through("treatments", "kind:drug")], "not_met"),
        # Without a day: the day the data reach.
        ([{"domain": "treatments", "scope": "kind:drug"}], "not_met"),
    ],
)
def test_scopes_and_currency(coverage, expected):
    assert says(DRUG_RULE, lms(coverage=coverage)) == expected


@pytest.mark.parametrize(
    ("rule", "coverage", "expected"),
    [
        # One more may be of any kind that is asked for: all of them must be complete.
        ("has treatment(doxorubicin or radiotherapy)", ["kind:drug"], "unknown: not recorded"),
        ("has treatment(doxorubicin or radiotherapy)", ["kind:drug", "kind:radiotherapy"], "not_met"),
        ("has treatment(doxorubicin or pazopanib)", ["class:anthracycline"], "unknown: not recorded"),
        ("has treatment(local therapy)", ["kind:radiotherapy"], "unknown: not recorded"),
        ("has treatment(local therapy)", ["kind:radiotherapy", "kind:surgery"], "unknown: not recorded"),
        ("has treatment(local therapy)", ["kind:radiotherapy", "kind:surgery", "kind:procedure"], "not_met"),
        ("has treatment(local therapy, kind: surgery)", ["kind:surgery"], "not_met"),
        ("has treatment(any)", ["kind:drug"], "unknown: not recorded"),
        ("has treatment(any)", ["all"], "not_met"),
        ("has treatment(any, kind: drug or radiotherapy)", ["kind:drug", "kind:radiotherapy"], "not_met"),
        ("has treatment(any, kind: drug or radiotherapy)", ["kind:drug"], "unknown: not recorded"),
        ("has treatment(any, kind: not drug)", ["kind:surgery"], "unknown: not recorded"),
        ("has treatment(gemcitabine and docetaxel)", ["kind:drug"], "not_met"),
        ("has treatment(gemcitabine and docetaxel)", ["class:taxane"], "unknown: not recorded"),
        ("has line(systemic)", ["kind:drug"], "not_met"),
    ],
)
def test_everything_that_is_asked_must_be_complete(rule, coverage, expected):
    assert says(rule, lms(coverage=[through("treatments", scope) for scope in coverage])) == expected


def test_a_drug_may_be_a_treatment_or_a_medication():
    rule = "has drug(strong CYP3A inhibitor)"
    treatments, medications = through("treatments"), through("medications")
    assert says(rule, lms(coverage=[treatments])) == "unknown: not recorded"
    assert says(rule, lms(coverage=[medications])) == "unknown: not recorded"
    assert says(rule, lms(coverage=[treatments, through("medications")])) == "not_met"
    taken = [{"medication": "ketoconazole", "start_date": "2026-01-01"}]
    assert says(rule, lms(medications=taken)) == "met"


def test_what_was_asked_of_the_time_before_the_record_ends_stays_decided():
    who = lms(
        treatments=[drug("doxorubicin", "2024-01-10", "2024-05-20")], coverage=[through("treatments", day="2025-01-01")]
    )
    assert says("has treatment(pazopanib)", who) == "unknown: stale"
    assert says("has treatment(pazopanib) before first treatment(doxorubicin)", who) == "not_met"
    assert says("has treatment(pazopanib) after first treatment(doxorubicin)", who) == "unknown: stale"
    event = {"status": "progression", "date": "2024-03-01"}
    told = lms(disease_status=[event], coverage=[through("treatments", day="2025-01-01")])
    assert says("has treatment(pazopanib) within 28 days before first disease_status(progression)", told) == "not_met"


def test_the_statement_and_its_day_are_shown():
    found = asked(DRUG_RULE, lms(coverage=[through("treatments", "kind:drug")]))
    assert (found.evidence[0].value, found.evidence[0].date) == (
        "treatments (kind:drug) complete through 2026-01-10", "2026-01-10",
    )  # fmt: skip


def test_a_domain_in_doubt_is_not_complete():
    who = replace(lms(coverage=[through("treatments")]), suspended=frozenset({"treatments"}))
    assert says(DRUG_RULE, who) == "unknown: not recorded"
    given = replace(lms(treatments=[drug("doxorubicin", "2024-01-10")]), suspended=frozenset({"treatments"}))
    assert says(DRUG_RULE, given) == "met"


# --- the day the data reach ----------------------------------------------------------------------------------------

OPEN_DAY = [{"domain": "treatments", "scope": "kind:drug"}]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ({"data_through": "2025-12-15"}, "unknown: stale"),
        # A fact dated later moves it.
        ({"data_through": "2025-12-15", "observations": [{"test": "ecog", "value": "1", "date": "2026-01-10"}]}, "not_met"),
        ({"data_through": "2025-12-15", "treatments": [drug("pazopanib", "2026-01-10")]}, "not_met"),
        # What is planned says nothing of what has been recorded.
        ({"data_through": "2025-12-15", "treatments": [{**drug("pazopanib", "2026-06-01"), "status": "planned"}]},
         "unknown: stale"),
        # Without any day: when the row was recorded.
        ({"data_through": None}, "not_met"),
    ],
)  # fmt: skip
def test_the_day_the_data_reach(rows, expected):
    assert says(DRUG_RULE, lms(coverage=OPEN_DAY, **rows)) == expected


def test_a_row_recorded_long_ago_covers_until_then():
    who = lms(today=TODAY - timedelta(days=31), coverage=OPEN_DAY, data_through=None)
    assert says(DRUG_RULE, who) == "unknown: stale"
    nobody_knows = replace(who, coverage=(replace(who.coverage[0], recorded=None),))
    assert says(DRUG_RULE, nobody_knows) == "unknown: not recorded"


# --- policies ------------------------------------------------------------------------------------------------------

CLINIC = Policy("treatments", "kind:drug", complete_when_present=True, needs_data_through=True)
PAZOPANIB = [drug("pazopanib", "2024-01-10", "2024-05-20")]


@pytest.mark.parametrize(
    ("policies", "rows", "expected"),
    [
        ([], {"treatments": PAZOPANIB}, "unknown: not recorded"),
        ([CLINIC], {"treatments": PAZOPANIB}, "not_met"),
        ([CLINIC], {"treatments": PAZOPANIB, "data_through": None}, "unknown: not recorded"),
        # No policy makes an absent domain complete.
        ([CLINIC], {}, "unknown: not recorded"),
        ([CLINIC], {"treatments": [{"treatment": "radiotherapy", "kind": "radiotherapy"}]}, "unknown: not recorded"),
        ([CLINIC], {"treatments": [{**PAZOPANIB[0], "status": "planned"}]}, "unknown: not recorded"),
        ([CLINIC], {"treatments": [{**PAZOPANIB[0], "kind": None}]}, "not_met"),
        ([CLINIC], {"treatments": PAZOPANIB, "data_through": "2025-12-01"}, "unknown: stale"),
        ([replace(CLINIC, currency_days=60)], {"treatments": PAZOPANIB, "data_through": "2025-12-01"}, "not_met"),
        ([replace(CLINIC, complete_when_present=False)], {"treatments": PAZOPANIB}, "unknown: not recorded"),
        ([replace(CLINIC, scope="class:anthracycline")], {"treatments": PAZOPANIB}, "unknown: not recorded"),
        ([replace(CLINIC, scope="no scope at all")], {"treatments": PAZOPANIB}, "unknown: not recorded"),
        ([replace(CLINIC, scope="class:anthracycline")], {"treatments": [drug("epirubicin", "2024-01-10")]}, "not_met"),
        ([Policy("treatments", "all", currency_days=60)],
         {"coverage": [through("treatments", day="2025-12-01")]}, "not_met"),
    ],
)  # fmt: skip
def test_policies(policies, rows, expected):
    who = replace(lms(**rows), policies=tuple(policies))
    assert says(DRUG_RULE, who) == expected


BIOMARKER_POLICY = [
    ("all", "not_met"), ("genes:TP53", "unknown: not recorded"), ("genes:TP53|BRCA1", "not_met"),
    ("alteration:mutation", "not_met"), ("alteration:fusion", "unknown: not recorded"),
    ("assay:next generation sequencing", "not_met"), ("assay:immunohistochemistry", "unknown: not recorded"),
]  # fmt: skip


@pytest.mark.parametrize(("scope", "expected"), BIOMARKER_POLICY)
def test_a_policy_for_a_part_of_the_biomarkers_needs_a_fact_of_that_part(scope, expected):
    seen = {"gene": "TP53", "alteration": "mutation", "result": "positive", "assay": "next generation sequencing"}
    who = replace(lms(biomarkers=[seen]), policies=(Policy("biomarkers", scope, complete_when_present=True),))
    assert says("has biomarker(BRCA1, mutation)", who) == expected


def test_a_policy_for_medications_and_for_conditions_of_a_kind():
    medicated = lms(medications=[{"medication": "aspirin", "start_date": "2025-01-01"}])
    medicated = replace(medicated, policies=(Policy("medications", complete_when_present=True),))
    assert says("has medication(ketoconazole)", medicated) == "not_met"
    sick = lms(conditions=[{"condition": "hypertension", "kind": "comorbidity", "date": "2025-01-01"}])
    sick = replace(sick, policies=(Policy("conditions", "kind:comorbidity", complete_when_present=True),))
    assert says("has condition(HIV infection)", sick) == "not_met"


def test_a_policy_without_any_day_rests_on_when_the_facts_were_recorded():
    who = replace(lms(treatments=PAZOPANIB, data_through=None), policies=(replace(CLINIC, needs_data_through=False),))
    assert says(DRUG_RULE, who) == "not_met"
    nobody_knows = replace(who, treatments=tuple(replace(each, recorded=None) for each in who.treatments))
    assert says(DRUG_RULE, nobody_knows) == "unknown: stale"


# --- conditions ----------------------------------------------------------------------------------------------------


def condition(name, **cells):
    return {"condition": name, "kind": "comorbidity", "date": "2026-01-05", **cells}


@pytest.mark.parametrize(
    ("rule", "day", "expected"),
    [
        # Chronic conditions, other cancers, allergies, family history: 180 days; what comes and goes: 30.
        ("has condition(HIV infection)", "2025-07-19", "not_met"),
        ("has condition(HIV infection)", "2025-07-18", "unknown: stale"),
        ("has condition(infection)", "2025-12-16", "not_met"),
        ("has condition(infection)", "2025-12-15", "unknown: stale"),
        ("has condition(CNS metastasis)", "2025-12-15", "unknown: stale"),
        ("has toxicity(any)", "2025-12-15", "unknown: stale"),
        ("has diagnosis(malignancy, other than: this cancer)", "2025-07-19", "not_met"),
        ("has diagnosis(malignancy, other than: this cancer)", "2025-07-18", "unknown: stale"),
        ("has condition(breast cancer)", "2025-07-19", "not_met"),
        ("has allergy(doxorubicin)", "2025-07-19", "not_met"),
        ("has family_history(breast cancer)", "2025-07-19", "not_met"),
        ("has condition(any, kind: toxicity)", "2025-12-16", "not_met"),
    ],
)
def test_how_long_silence_about_conditions_holds(rule, day, expected):
    who = replace(lms(coverage=[through("conditions", day=day)]), policies=())
    assert says(rule, who) == expected


@pytest.mark.parametrize(
    ("rule", "scope", "expected"),
    [
        ("has condition(HIV infection)", "kind:comorbidity", "not_met"),
        ("has condition(CNS metastasis)", "kind:comorbidity", "unknown: not recorded"),
        ("has condition(CNS metastasis)", "kind:metastasis", "not_met"),
        ("has toxicity(peripheral neuropathy)", "kind:toxicity", "not_met"),
        ("has allergy(doxorubicin)", "kind:allergy", "not_met"),
        ("has condition(any, kind: metastasis)", "kind:metastasis", "not_met"),
        ("has condition(any, kind: metastasis or toxicity)", "kind:metastasis", "unknown: not recorded"),
        ("has condition(any, kind: metastasis or toxicity)", "kind:comorbidity", "unknown: not recorded"),
        ("has condition(any, kind: not primary)", "kind:comorbidity", "unknown: not recorded"),
        ("has condition(any, site: liver)", "kind:comorbidity", "unknown: not recorded"),
        ("has condition(any, site: liver)", "all", "not_met"),
        ("has condition(CNS metastasis or HIV infection)", "kind:comorbidity", "unknown: not recorded"),
        ("has condition(CNS metastasis or HIV infection)", "kind:metastasis", "unknown: not recorded"),
        ("has condition(CNS metastasis or HIV infection)", "all", "not_met"),
        ("has condition(CNS metastasis or HIV infection, kind: metastasis)", "kind:metastasis", "not_met"),
        ("has condition(breast cancer or HIV infection)", "kind:comorbidity", "not_met"),
        # What passes may have been noted as a toxicity alone; what lasts is on the list of comorbidities.
        ("has condition(neutropenia)", "kind:comorbidity", "unknown: not recorded"),
        ("has condition(neutropenia)", "all", "not_met"),
        ("has condition(neutropenia, kind: toxicity)", "kind:toxicity", "not_met"),
        ("has condition(hypertension)", "kind:comorbidity", "not_met"),
        ("has condition(HIV infection)", "class:infection", "not_met"),
        ("has condition(HIV infection)", "class:hypertension", "unknown: not recorded"),
    ],
)
def test_scopes_of_conditions(rule, scope, expected):
    assert says(rule, lms(coverage=[through("conditions", scope)])) == expected


def test_several_kinds_are_complete_when_each_of_them_is():
    both = [through("conditions", "kind:metastasis"), through("conditions", "kind:comorbidity")]
    assert says("has condition(CNS metastasis or HIV infection)", lms(coverage=both)) == "not_met"
    assert says("has condition(any, kind: metastasis or comorbidity)", lms(coverage=both)) == "not_met"


@pytest.mark.parametrize(
    ("rule", "cancer", "expected"),
    [
        # What cancer the patient has does not change: asked of the kind of cancer the document is about, it holds.
        ("has diagnosis(liposarcoma)", "soft tissue sarcoma", "not_met"),
        ("has diagnosis(soft tissue sarcoma, other than: leiomyosarcoma)", "soft tissue sarcoma", "not_met"),
        ("has diagnosis(liposarcoma)", None, "not_met"),
        ("has diagnosis(malignancy, other than: leiomyosarcoma)", None, "not_met"),
        ("has diagnosis(any, site: bone)", "leiomyosarcoma", "not_met"),
        # That no other malignancy has come beside it is asked again after 180 days.
        ("has diagnosis(breast cancer)", "leiomyosarcoma", "unknown: stale"),
        ("has diagnosis(liposarcoma)", "leiomyosarcoma", "unknown: stale"),
        ("has diagnosis(malignancy, other than: this cancer)", "leiomyosarcoma", "unknown: stale"),
        ("has diagnosis(malignancy, other than: this cancer)", None, "unknown: stale"),
        ("has diagnosis(malignancy, other than: leiomyosarcoma)", "leiomyosarcoma", "unknown: stale"),
        ("has diagnosis(malignancy, other than: sarcoma)", "leiomyosarcoma", "unknown: stale"),
    ],
)
def test_the_identity_of_recorded_primaries_never_goes_stale(rule, cancer, expected):
    assert truth(rule, lms(data_through="2020-01-01"), cancer=cancer) == expected
    assert truth(rule, lms(data_through="2025-12-01"), cancer=cancer) == "not_met"


def test_who_has_no_primary_on_record_may_have_any():
    assert says("has diagnosis(liposarcoma)", lms(conditions=[])) == "unknown: not recorded"


ASKED_FOR = [
    ("has condition(HIV infection)", "HIV infection: present or not?", "look_up"),
    ("has diagnosis(breast cancer)", "breast cancer: present or not?", "look_up"),
    ("no diagnosis(malignancy, other than: this cancer or basal cell carcinoma)",
     "malignancy other than this cancer or basal cell carcinoma: present or not?", "look_up"),
    # Where any would do, the list is asked for: one fact, however the rules cut it.
    ("no toxicity(any, other than: alopecia, grade: > 1)", "list of side effects (toxicities) complete to 2026-01-15?", "ask"),
    ("no toxicity(any, due_to: trabectedin)", "list of side effects (toxicities) complete to 2026-01-15?", "ask"),
    ("has allergy(any)", "list of allergies complete to 2026-01-15?", "ask"),
    ("has family_history(any)", "list of diseases in the family complete to 2026-01-15?", "ask"),
    ("has condition(any, kind: metastasis)", "list of metastases complete to 2026-01-15?", "imaging"),
    ("has condition(any, site: liver)", "list of conditions complete to 2026-01-15?", "look_up"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "text", "cost"), ASKED_FOR)
def test_silence_about_a_condition_is_asked_in_words_a_person_understands(rule, text, cost):
    (missing,) = asked(rule, lms(conditions=[]), cancer="leiomyosarcoma").missing
    assert (missing.text, missing.cost) == (text, cost)


def test_the_list_that_is_asked_for_is_the_coverage_that_answers():
    rule = "no toxicity(any, other than: alopecia, grade: > 1)"
    (missing,) = asked(rule, lms()).missing
    assert (missing.kind, missing.attribute) == ("coverage", "conditions")
    assert truth(rule, lms(coverage=[through(missing.attribute, missing.concepts[0])])) == "met"


DENIALS = [
    ("HIV infection", {}, "has condition(HIV infection)", "not_met"),
    ("viral infection", {}, "has condition(HIV infection)", "not_met"),
    ("HIV infection", {}, "has condition(viral infection)", "unknown: not recorded"),
    ("HIV infection", {"date": None}, "has condition(HIV infection)", "not_met"),  # as of the day it was recorded
    ("HIV infection", {"date": "2025-07-18"}, "has condition(HIV infection)", "unknown: stale"),
    ("metastasis", {"kind": "metastasis"}, "has condition(CNS metastasis)", "not_met"),
    ("CNS metastasis", {"kind": "metastasis"}, "has condition(liver metastasis)", "unknown: not recorded"),
    ("metastasis", {"kind": "metastasis", "body_site": "liver"}, "has condition(liver metastasis)", "not_met"),
    (
        "metastasis",
        {"kind": "metastasis", "body_site": "liver"},
        "has condition(CNS metastasis)",
        "unknown: not recorded",
    ),
    ("anthracycline", {"kind": "allergy"}, "has allergy(doxorubicin)", "not_met"),
    ("doxorubicin", {"kind": "allergy"}, "has allergy(anthracycline)", "unknown: not recorded"),
    ("something nobody knows", {}, "has condition(HIV infection)", "unknown: not recorded"),
    ("HIV infection", {}, "has condition(HIV infection or hypertension)", "unknown: not recorded"),
    ("breast cancer", {"kind": "primary"}, "has diagnosis(breast cancer)", "not_met"),
    # An absent toxicity is absent as a condition too; an absent comorbidity says nothing of what a treatment caused.
    ("neutropenia", {"kind": "toxicity"}, "has condition(neutropenia)", "not_met"),
    ("neutropenia", {}, "has toxicity(neutropenia)", "unknown: not recorded"),
]


@pytest.mark.parametrize(("name", "cells", "rule", "expected"), DENIALS)
def test_a_row_that_says_absent_denies_its_concept_and_all_below(name, cells, rule, expected):
    conditions = [{"condition": "leiomyosarcoma", "kind": "primary", "date": "2023-02-01", "extent": "metastatic"}]
    who = lms(conditions=[*conditions, condition(name, status="absent", **cells)])
    assert says(rule, who) == expected


# --- biomarkers ----------------------------------------------------------------------------------------------------


def marker(gene="BRCA1", result="negative", alteration="mutation", **cells):
    return {"gene": gene, "result": result, "alteration": alteration, **cells}


MUTATION = "has biomarker(BRCA1, mutation)"
FUSION = "has biomarker(NTRK1 or NTRK2 or NTRK3, fusion)"
NGS, IHC = "next generation sequencing", "immunohistochemistry"

NEGATIVE = [
    (MUTATION, [marker()], "not_met"),
    (MUTATION, [marker(alteration="fusion")], "unknown: not recorded"),
    (MUTATION, [marker(alteration=None)], "unknown: not recorded"),
    ("has biomarker(BRCA1)", [marker(alteration=None)], "not_met"),
    ("has biomarker(BRCA1)", [marker()], "unknown: not recorded"),
    ("has biomarker(BRCA1, alteration: mutation or deletion)", [marker()], "unknown: not recorded"),
    ("has biomarker(BRCA1, alteration: mutation or deletion)", [marker(), marker(alteration="deletion")], "not_met"),
    ("has biomarker(BRCA1 or BRCA2, mutation)", [marker()], "unknown: not recorded"),
    ("has biomarker(BRCA1 or BRCA2, mutation)", [marker(), marker("BRCA2")], "not_met"),
    # A family denied denies each member; every member denied denies the family.
    (FUSION, [marker("NTRK", alteration="fusion")], "not_met"),
    ("has biomarker(NTRK, fusion)", [marker(f"NTRK{n}", alteration="fusion") for n in (1, 2, 3)], "not_met"),
    ("has biomarker(NTRK, fusion)", [marker("NTRK1", alteration="fusion")], "unknown: not recorded"),
    # Germline and somatic say nothing of each other.
    (MUTATION, [marker(origin="germline")], "unknown: not recorded"),
    (MUTATION, [marker(origin="somatic")], "not_met"),
    ("has biomarker(BRCA1, mutation, origin: germline)", [marker(origin="germline")], "not_met"),
    ("has biomarker(BRCA1, mutation, origin: germline)", [marker(origin="somatic")], "unknown: not recorded"),
    ("has biomarker(BRCA1, mutation, origin: germline)", [marker()], "unknown: not recorded"),
    ("has biomarker(BRCA1, mutation, origin: somatic)", [marker(origin="somatic")], "not_met"),
    ("has biomarker(BRCA1, mutation, origin: somatic)", [marker()], "unknown: not recorded"),
    # The assay must be able to see what is asked for, and be the one that is asked for.
    (MUTATION, [marker(assay=NGS)], "not_met"),
    (FUSION, [marker("NTRK", alteration="fusion", assay=IHC)], "unknown: not recorded"),
    (MUTATION, [marker(assay="an assay nobody knows")], "unknown: not recorded"),
    (f"has biomarker(BRCA1, mutation, assay: {NGS})", [marker(assay=NGS)], "not_met"),
    (f"has biomarker(BRCA1, mutation, assay: {NGS})", [marker(assay="Sanger sequencing")], "unknown: not recorded"),
    (f"has biomarker(BRCA1, mutation, assay: {NGS})", [marker()], "unknown: not recorded"),
    # A row that tested one variant, exon, partner or class says nothing of the others.
    ("has biomarker(BRAF, mutation)", [marker("BRAF", variant="V600E")], "unknown: not recorded"),
    ("has biomarker(BRAF, mutation, variant: V600E)", [marker("BRAF", variant="p.Val600Glu")], "not_met"),
    ("has biomarker(BRAF, mutation, variant: V600E)", [marker("BRAF")], "not_met"),
    (
        "has biomarker(BRAF, mutation, variant: V600E or V600K)",
        [marker("BRAF", variant="V600E")],
        "unknown: not recorded",
    ),
    ("has biomarker(KIT, mutation)", [marker("KIT", exon="11")], "unknown: not recorded"),
    ('has biomarker(KIT, mutation, exon: "11")', [marker("KIT", exon="exon 11")], "not_met"),
    ('has biomarker(KIT, mutation, exon: "9")', [marker("KIT", exon="exon 11")], "unknown: not recorded"),
    (FUSION, [marker("NTRK", alteration="fusion", partner_gene="ETV6")], "unknown: not recorded"),
    ("has biomarker(BRCA1, mutation)", [marker(variant_class="truncating")], "unknown: not recorded"),
    ("has biomarker(BRCA1, mutation)", [marker(significance="pathogenic")], "unknown: not recorded"),
    ("has biomarker(BRCA1, mutation, significance: pathogenic)", [marker(significance="pathogenic")], "not_met"),
    ("has biomarker(BRCA1, mutation, specimen: blood)", [marker(specimen="blood")], "not_met"),
    ("has biomarker(BRCA1, mutation, specimen: blood)", [marker(specimen="tumour")], "unknown: not recorded"),
    ("has biomarker(BRCA1, mutation, specimen: blood)", [marker()], "unknown: not recorded"),
    # Something that is not negative denies nothing.
    (MUTATION, [marker(result="indeterminate")], "unknown: imprecise"),
    (MUTATION, [marker(result=None)], "unknown: not recorded"),
    (MUTATION, [marker("a gene nobody knows")], "unknown: not recorded"),
]


@pytest.mark.parametrize(("rule", "biomarkers", "expected"), NEGATIVE)
def test_what_a_negative_result_denies(rule, biomarkers, expected):
    assert says(rule, lms(biomarkers=biomarkers)) == expected


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("all", "not_met"),
        ("genes:BRCA1", "not_met"),
        ("genes:BRCA", "not_met"),
        ("genes:BRCA2", "unknown: not recorded"),
        ("genes:BRCA1|BRCA2 alteration:mutation", "not_met"),
        ("alteration:fusion", "unknown: not recorded"),
        ("mutation", "not_met"),
        ("assay:next generation sequencing", "not_met"),
        ("assay:immunohistochemistry", "unknown: not recorded"),
    ],
)
def test_scopes_of_biomarkers(scope, expected):
    assert says(MUTATION, lms(coverage=[through("biomarkers", scope)])) == expected


def test_a_panel_may_have_been_repeated_since_the_record_ends_a_negative_result_stays():
    assert says(MUTATION, lms(coverage=[through("biomarkers", day="2025-12-15")])) == "unknown: stale"
    assert says(MUTATION, lms(biomarkers=[marker(date="2019-01-01")])) == "not_met"


def test_a_scope_of_an_assay_and_a_rule_that_names_one():
    rule = f"has biomarker(BRCA1, mutation, assay: {NGS})"
    assert says(rule, lms(coverage=[through("biomarkers", f"assay:{NGS}")])) == "not_met"
    assert says(rule, lms(coverage=[through("biomarkers", "assay:Sanger sequencing")])) == "unknown: not recorded"
    assert (
        says("has biomarker(BRCA1)", lms(coverage=[through("biomarkers", f"assay:{NGS}")])) == "unknown: not recorded"
    )


FAMILY_SCOPE = [("genes:NTRK1|NTRK2|NTRK3", "not_met"), ("genes:NTRK1|NTRK2", "unknown: not recorded")]


@pytest.mark.parametrize(("scope", "expected"), FAMILY_SCOPE)
def test_a_family_is_covered_with_all_its_members(scope, expected):
    assert says("has biomarker(NTRK, fusion)", lms(coverage=[through("biomarkers", scope)])) == expected


def test_a_member_denied_and_the_rest_covered_deny_the_family():
    who = lms(biomarkers=[marker("NTRK1", alteration="fusion")], coverage=[through("biomarkers", "genes:NTRK2|NTRK3")])
    assert says("has biomarker(NTRK, fusion)", who) == "not_met"


# --- course of the disease -----------------------------------------------------------------------------------------


def test_the_course_of_the_disease():
    rule = "has disease_status(progression)"
    assert says(rule, lms()) == "unknown: not recorded"
    assert says(rule, lms(coverage=[through("disease_status")])) == "not_met"
    assert says(rule, lms(coverage=[through("disease_status", day="2025-12-01")])) == "unknown: stale"
    assert says(rule, patient()) == "unknown: not recorded"
