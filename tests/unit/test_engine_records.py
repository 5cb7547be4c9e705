"""Records against patterns: diagnoses, conditions, toxicities, treatments, biomarkers, events (SEMANTICS §2.1)."""

from dataclasses import replace

import pytest

from matcher.engine import Reason, Truth, UnknownWord
from matcher.engine.reference.context import Reading, meaning
from patients.facts import Biomarker, Condition, DiseaseStatus, PartialDate
from patients.intake.single import read_patient
from patients.vocabulary import default
from tests.synthetic import TODAY, asked, drug, lms, patient, truth

COMPLETE = [
    {"domain": domain, "scope": "all", "complete_through": "2026-01-10"}
    for domain in ("conditions", "treatments", "medications", "biomarkers", "disease_status")
]


def says(rule, cancer="leiomyosarcoma", coverage=tuple(COMPLETE), **rows):
    return truth(rule, lms(coverage=list(coverage), **rows), cancer=cancer)


# --- diagnoses -----------------------------------------------------------------------------------------------------


def primary(name="leiomyosarcoma", **cells):
    return {"condition": name, "kind": "primary", "body_site": "uterus", "date": "2025-12-20", **cells}


def metastasis(name="lung metastasis", **cells):
    return {"condition": name, "kind": "metastasis", "date": "2025-12-25", **cells}


METASTATIC = "has diagnosis(leiomyosarcoma, extent: metastatic)"

EXTENT = [
    ([primary(extent="metastatic")], [], "met"),
    ([primary(extent="oligometastatic")], [], "met"),
    ([primary(extent="localized")], [], "not_met"),
    ([primary()], [], "unknown: not recorded"),
    # A later statement holds; an undated rival leaves it open.
    ([primary(extent="metastatic"), primary(extent="localized", date="2026-01-02")], [], "not_met"),
    ([primary(extent="localized"), primary(extent="metastatic", date="2026-01-02")], [], "met"),
    ([primary(extent="localized"), primary(extent="metastatic", date=None)], [], "unknown: imprecise"),
    ([primary(extent="localized"), primary(extent="metastatic", record_id="2")], [], "unknown: conflicting"),
    ([primary(extent="metastatic"), primary(extent="oligometastatic", record_id="2")], [], "met"),
    # A metastasis, a category M1 or an event establishes it; a later explicit statement supersedes it.
    ([primary(extent="localized"), metastasis()], [], "met"),
    ([primary(), metastasis()], [], "met"),
    ([primary(m="cM1b")], [], "met"),
    ([primary(m="M0", extent="localized")], [], "not_met"),
    *(([primary(m=category)], [], "met") for category in ("M1", "1", "pM1", "ypM1", "M1a", "M1 (PUL)", "M 1, liver")),
    *(([primary(m=category)], [], "unknown: not recorded") for category in ("M0", "cM0(i+)", "MX", "M10", "no M1")),
    ([primary(m="M1 (PUL)", extent="localized")], [], "unknown: conflicting"),
    ([primary()], [{"status": "distant metastasis", "date": "2026-01-02"}], "met"),
    ([primary(diagnosis_id="A"), primary("liposarcoma", diagnosis_id="B")],
     [{"status": "distant metastasis", "date": "2026-01-02", "diagnosis": "B"}], "unknown: not recorded"),
    ([primary(extent="localized")], [{"status": "distant metastasis", "date": "2026-01-02"}], "met"),
    ([primary(extent="localized")], [{"status": "distant metastasis"}], "unknown: imprecise"),
    ([primary(extent="localized")], [{"status": "progression", "date": "2026-01-02"}], "not_met"),
    ([primary(extent="localized", date="2026-01-02"), metastasis()], [], "not_met"),
    ([primary(extent="localized"), metastasis(date=None)], [], "unknown: imprecise"),
    # What is only suspected may be.
    ([primary(), metastasis(status="suspected")], [], "unknown: imprecise"),
    ([primary(extent="localized"), metastasis(status="suspected")], [], "unknown: imprecise"),
    ([primary(extent="localized"), metastasis(status="absent")], [], "not_met"),
    ([primary(extent="locally advanced")], [], "not_met"),
]  # fmt: skip


@pytest.mark.parametrize(("conditions", "events", "expected"), EXTENT)
def test_extent(conditions, events, expected):
    assert says(METASTATIC, conditions=conditions, disease_status=events) == expected


def test_oligometastatic_stays_so_when_a_metastasis_is_recorded():
    rows = [primary(extent="oligometastatic"), metastasis(date="2026-01-02")]
    assert says("has diagnosis(leiomyosarcoma, extent: oligometastatic)", conditions=rows) == "met"
    assert says("has diagnosis(leiomyosarcoma, extent: oligometastatic)", conditions=[primary(), metastasis()]) == (
        "unknown: imprecise"
    )


STALE = [
    ("localized", "extent: localized", "unknown: stale"),
    ("localized", "extent: metastatic", "unknown: stale"),
    ("unresectable", "extent: advanced", "met"),  # it may only have become metastatic, which is advanced too
    ("unresectable", "extent: localized", "not_met"),
    ("metastatic", "extent: metastatic", "met"),
    ("advanced", "extent: advanced", "met"),
]


@pytest.mark.parametrize(("extent", "test", "expected"), STALE)
def test_an_extent_short_of_metastatic_may_have_progressed_when_the_record_is_old(extent, test, expected):
    rows = {"conditions": [primary(extent=extent, date="2024-02-01")], "data_through": "2025-12-01"}
    assert says(f"has diagnosis(leiomyosarcoma, {test})", **rows) == expected


def test_without_a_day_the_data_reach_an_extent_holds_from_when_it_was_recorded():
    rows = {"conditions": [primary(extent="localized")], "data_through": None}
    assert says("has diagnosis(leiomyosarcoma, extent: localized)", **rows) == "met"
    who = lms(**rows)
    nobody = replace(who, conditions=tuple(replace(row, recorded=None) for row in who.conditions))
    assert truth("has diagnosis(leiomyosarcoma, extent: localized)", nobody) == "unknown: stale"


LASTING = [
    ("metastatic for 3 weeks", [primary(extent="metastatic")], "met"),
    # It may have been so before anyone wrote it down.
    ("metastatic for 8 weeks", [primary(extent="metastatic")], "unknown: imprecise"),
    ("metastatic for 8 weeks", [primary(extent="metastatic", date=None)], "unknown: not recorded"),
    ("localized for 8 weeks", [primary(extent="localized", date="2025-01-01"), primary(extent="localized")], "met"),
    ("localized for 8 weeks",
     [primary(extent="localized", date="2025-01-01"), primary(extent="unresectable", date="2025-10-01"),
      primary(extent="localized")], "unknown: imprecise"),
]  # fmt: skip


@pytest.mark.parametrize(("test", "conditions", "expected"), LASTING)
def test_how_long_an_extent_has_held(test, conditions, expected):
    assert says(f"has diagnosis(leiomyosarcoma, extent: {test})", conditions=conditions) == expected


TWO = [primary(diagnosis_id="A"), primary("breast cancer", body_site="breast", date="2015-01-01", diagnosis_id="B")]

BELONGING = [
    # A fact without a diagnosis belongs to the only malignant primary; of two, to either.
    (TWO, metastasis(), METASTATIC, "unknown: imprecise"),
    (TWO, metastasis(diagnosis_id="A"), METASTATIC, "met"),
    (TWO, metastasis(diagnosis_id="B"), METASTATIC, "unknown: not recorded"),
    ([*TWO[:1], primary("leiomyoma", diagnosis_id="C")], metastasis(), METASTATIC, "met"),
    (
        [*TWO[:1], primary("leiomyoma", diagnosis_id="C")],
        metastasis(diagnosis_id="C"),
        METASTATIC,
        "unknown: not recorded",
    ),
    (TWO[:1], metastasis(diagnosis_id="of another list"), METASTATIC, "unknown: imprecise"),
    ([primary()], metastasis(diagnosis_id="of another list"), METASTATIC, "unknown: imprecise"),
    # A metastasis is one of this cancer's.
    (TWO, metastasis(), "has condition(lung metastasis)", "unknown: imprecise"),
    (TWO, metastasis(diagnosis_id="A"), "has condition(lung metastasis)", "met"),
    (TWO, metastasis(diagnosis_id="B"), "has condition(lung metastasis)", "not_met"),
    (TWO[:1], metastasis(), "has condition(lung metastasis)", "met"),
]


@pytest.mark.parametrize(("primaries", "row", "rule", "expected"), BELONGING)
def test_whose_metastasis_it_is(primaries, row, rule, expected):
    assert says(rule, conditions=[*primaries, row]) == expected


NAMED = [
    # A fact may name the diagnosis by a word instead of an id.
    ("leiomyosarcoma", "met"),
    ("breast cancer", "not_met"),
    ("malignancy", "unknown: imprecise"),
    ("A", "met"),
    ("B", "not_met"),
    (None, "unknown: imprecise"),
    ("nobody knows", "unknown: imprecise"),
]


@pytest.mark.parametrize(("diagnosis", "expected"), NAMED)
def test_whose_event_it_is(diagnosis, expected):
    event = {"status": "progression", "date": "2026-01-02", "diagnosis": diagnosis}
    assert says("has disease_status(progression)", conditions=TWO, disease_status=[event]) == expected


def test_events_of_a_patient_without_the_cancer_tell_nothing_of_it():
    event = [{"status": "progression", "date": "2026-01-02"}]
    rows = {"conditions": [primary("liposarcoma")], "disease_status": event}
    assert says("has disease_status(progression)", **rows) == "unknown: imprecise"
    # Where neither a document nor the record names a cancer, they tell of the one there is.
    assert truth("has disease_status(progression)", patient(disease_status=event)) == "met"


DIAGNOSIS = [
    ("has diagnosis(any)", [primary("liposarcoma")], "met"),
    ("has diagnosis(this cancer)", [primary()], "met"),
    ("has diagnosis(this cancer)", [primary("liposarcoma")], "not_met"),
    ("has diagnosis(this cancer or liposarcoma)", [primary("liposarcoma")], "met"),
    ("has diagnosis(malignancy, other than: this cancer)", TWO, "met"),
    ("has diagnosis(malignancy, other than: this cancer or breast cancer)", TWO, "not_met"),
    ("has diagnosis(sarcoma, other than: liposarcoma)", [primary()], "met"),
    ("has diagnosis(sarcoma, histology: leiomyosarcoma)", [primary()], "met"),
    ("has diagnosis(sarcoma, histology: not leiomyosarcoma)", [primary()], "not_met"),
    ("has diagnosis(sarcoma, site: uterus)", [primary()], "met"),
    ("has diagnosis(sarcoma, site: bone)", [primary()], "not_met"),
    ("has diagnosis(leiomyosarcoma, site: bone)", [primary(body_site=None)], "unknown: not recorded"),
    ("has diagnosis(sarcoma, basis: histology)", [primary(basis="histology")], "met"),
    ("has diagnosis(sarcoma, basis: histology or cytology)", [primary(basis="imaging")], "not_met"),
    ("has diagnosis(sarcoma, basis: histology)", [primary()], "unknown: not recorded"),
    # Any row of a tumour may state a field, the latest first.
    ("has diagnosis(sarcoma, basis: histology)", [primary(basis="histology", date="2023-01-01"), primary()], "met"),
    ("has diagnosis(sarcoma, laterality: left)", [primary(laterality="left", date="2023-01-01"), primary()], "met"),
    ("has diagnosis(sarcoma, laterality: left)", [primary()], "unknown: not recorded"),
    ("has diagnosis(sarcoma, basis: histology)",
     [primary(basis="histology"), primary(basis="imaging", record_id="2")], "unknown: conflicting"),
    ("has diagnosis(sarcoma, tumour_grade: high or \"3\" or \"G3\")", [primary(grade="3")], "met"),
    ("has diagnosis(sarcoma, tumour_grade: not (low or \"1\" or \"G1\"))", [primary(grade="3")], "met"),
    # Status.
    ("has diagnosis(leiomyosarcoma)", [primary(status="suspected")], "unknown: imprecise"),
    ("has diagnosis(leiomyosarcoma)", [primary(status="resolved")], "met"),
    ("has diagnosis(leiomyosarcoma, status: present)", [primary()], "met"),
    ("has diagnosis(leiomyosarcoma, status: suspected)", [primary(status="suspected")], "met"),
    ("has diagnosis(leiomyosarcoma, status: resolved)", [primary()], "not_met"),
    ("has diagnosis(leiomyosarcoma)", [primary(), primary(status="suspected", record_id="2")], "met"),
    # A later row that denies it.
    ("has diagnosis(leiomyosarcoma)", [primary(), primary(status="absent", date="2026-01-02")], "not_met"),
    ("has diagnosis(leiomyosarcoma)", [primary(), primary("sarcoma", status="absent", date="2026-01-02")], "not_met"),
    ("has diagnosis(leiomyosarcoma)", [primary(), primary("carcinoma", status="absent", date="2026-01-02")], "met"),
    ("has diagnosis(leiomyosarcoma)", [primary(), primary(status="absent", date="2024-01-02")], "met"),
    ("has diagnosis(leiomyosarcoma)", [primary(), primary(status="absent", record_id="2")], "unknown: conflicting"),
    ("has diagnosis(leiomyosarcoma)", [primary(), primary(status="absent", date=None)], "unknown: imprecise"),
    ("has diagnosis(leiomyosarcoma)",
     [primary(diagnosis_id="A"), primary("a mistake", diagnosis_id="A", status="absent", date="2026-01-02")], "not_met"),
    # State.
    ("has diagnosis(leiomyosarcoma, state: progressive)", [primary(state="progressive")], "met"),
    ("has diagnosis(leiomyosarcoma, state: ongoing)", [primary()], "met"),
    ("has diagnosis(leiomyosarcoma, state: ongoing)", [primary(end_date="2026-01-02")], "not_met"),
    ("has diagnosis(leiomyosarcoma, state: ongoing)", [primary(end_date="2026-01")], "unknown: imprecise"),
    ("has diagnosis(leiomyosarcoma, state: ongoing)", [primary(status="resolved")], "unknown: imprecise"),
    # Windows.
    ("has diagnosis(leiomyosarcoma) within 1 months", [primary()], "met"),
    ("has diagnosis(leiomyosarcoma) within 1 months", [primary(date="2024-01-01")], "unknown: imprecise"),
    ("has diagnosis(leiomyosarcoma) within 1 months",
     [primary(date="2024-01-01", end_date="2025-01-01")], "not_met"),
    ("has diagnosis(leiomyosarcoma) within 1 months", [primary(date=None)], "unknown: imprecise"),
    # What nobody could read may be anything.
    ("has diagnosis(leiomyosarcoma)", [primary("a tumour of some sort", body_site=None)], "unknown: imprecise"),
    ("has diagnosis(leiomyosarcoma)",
     [{"condition": "leiomyosarcoma", "date": "2025-12-20"}], "met"),  # it names a tumour and no other kind
    ("has diagnosis(leiomyosarcoma)", [metastasis("leiomyosarcoma")], "unknown: not recorded"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "conditions", "expected"), DIAGNOSIS)
def test_diagnoses(rule, conditions, expected):
    coverage = () if expected == "unknown: not recorded" else tuple(COMPLETE)
    assert says(rule, conditions=conditions, coverage=coverage) == expected


STAGES = [
    ("III", "III", "met"), ("IIIA", "III", "met"), ("3a", "IIIA", "met"), ("Stage IIIA", "III or IV", "met"),
    ("III", "IIIA", "unknown: imprecise"), ("IIIB", "IIIA", "not_met"), ("II", "III", "not_met"),
    ("somewhere", "III", "unknown: imprecise"), (None, "III", "unknown: not recorded"), ("IV", "not IV", "not_met"),
]  # fmt: skip


@pytest.mark.parametrize(("stage", "asked_for", "expected"), STAGES)
def test_stages(stage, asked_for, expected):
    assert says(f"has diagnosis(leiomyosarcoma, stage: {asked_for})", conditions=[primary(stage=stage)]) == expected


GRADES = [
    ("G2", "high", "not_met"), ("high", "high", "met"), ("high grade", "high", "met"), ("grade 3", "G3", "met"),
    ("3", "G2", "not_met"), ("borderline", "high", "unknown: imprecise"), (None, "high", "unknown: not recorded"),
]  # fmt: skip


@pytest.mark.parametrize(("grade", "asked_for", "expected"), GRADES)
def test_histological_grades(grade, asked_for, expected):
    who = lms(conditions=[primary()])
    who = replace(who, conditions=tuple(replace(row, tumour_grade=grade) for row in who.conditions))
    assert truth(f'has diagnosis(leiomyosarcoma, tumour_grade: "{asked_for}")', who) == expected


def test_rows_of_one_tumour_are_gathered():
    # The site of one row and the histology of another belong together; left and right are two.
    rows = [primary("leiomyosarcoma", body_site=None, date="2023-01-01"), primary("sarcoma", body_site="femur")]
    assert says("has diagnosis(leiomyosarcoma, site: bone)", conditions=rows) == "met"
    two = [primary("breast cancer", body_site="breast", laterality=side) for side in ("left", "right")]
    assert says("count diagnosis(breast cancer) = 2", conditions=two, cancer="breast cancer") == "met"
    assert says("count diagnosis(any) = 1", conditions=[primary(date="2023-01-01"), primary()]) == "met"


def test_a_name_and_a_code_that_contradict_each_other_leave_both_possible():
    rows = [primary("leiomyosarcoma", code="8850/3", code_system="ICD-O-3")]
    assert says("has diagnosis(leiomyosarcoma)", conditions=rows, cancer="sarcoma") == "unknown: conflicting"
    assert says("has diagnosis(leiomyosarcoma or liposarcoma)", conditions=rows, cancer="sarcoma") == "met"
    assert says("has diagnosis(osteosarcoma)", conditions=rows, cancer="sarcoma") == "not_met"


# --- conditions ----------------------------------------------------------------------------------------------------


def condition(name="hypertension", **cells):
    return {"condition": name, "kind": "comorbidity", "date": "2025-12-20", **cells}


CONDITION = [
    ("has condition(hypertension)", [condition()], "met"),
    ("has condition(hypertension)", [condition("liver disease")], "not_met"),
    ("has condition(cardiovascular disease)", [condition()], "met"),
    ("has condition(cardiovascular disease, other than: hypertension)", [condition()], "not_met"),
    ("has condition(hypertension)", [condition("a remark of some sort")], "unknown: imprecise"),
    # What nobody could read may be what its kind can hold: a primary is a cancer, a toxicity none.
    ("has condition(hypertension)", [condition("a remark of some sort", kind="primary")], "not_met"),
    ("has condition(breast cancer)", [condition("a remark of some sort", kind="primary")], "unknown: imprecise"),
    ("has condition(CNS metastasis)", [condition("a remark of some sort", kind="toxicity")], "not_met"),
    ("has condition(CNS metastasis)", [condition("a remark of some sort")], "unknown: imprecise"),
    ("has condition(CNS metastasis)", [condition("a remark of some sort", kind=None)], "unknown: imprecise"),
    ("has condition(CNS metastasis or hypertension)", [condition("a remark of some sort", kind="toxicity")], "unknown: imprecise"),
    ("has condition(any, other than: hypertension)", [condition("a remark of some sort", kind="primary")], "met"),
    ("has condition(any)", [condition()], "met"),
    ("has condition(hypertension)", [condition(status="suspected")], "unknown: imprecise"),
    ("has condition(hypertension)", [condition(status="resolved")], "unknown: imprecise"),
    ("has condition(hypertension)", [condition(status="resolved", end_date="2026-01-02")], "not_met"),
    ("has condition(hypertension)", [condition(end_date="2026-01-02")], "not_met"),
    ("has condition(hypertension)", [condition(end_date="2026-01")], "unknown: imprecise"),
    ("has condition(hypertension)", [condition(end_date="2026-01-15")], "met"),
    # Of several rows the latest holds.
    ("has condition(hypertension)", [condition(), condition(status="resolved", date="2026-01-02")], "not_met"),
    ("has condition(hypertension)", [condition(), condition(status="absent", date="2026-01-02")], "not_met"),
    ("has condition(hypertension)", [condition(), condition(status="absent", record_id="2")], "unknown: conflicting"),
    ("has condition(hypertension)", [condition(), condition(status="absent", date=None)], "unknown: imprecise"),
    ("has condition(hypertension)", [condition(status="absent"), condition(date="2026-01-02")], "met"),
    ("has condition(hypertension)",
     [condition(end_date="2025-12-24"), condition(date="2026-01-02")], "met"),
    ("has condition(hypertension)", [condition(date=None, status="resolved"), condition(date=None)], "unknown: imprecise"),
    # A later row that denies a wider thing denies this too.
    ("has condition(hypertension)",
     [condition(), condition("cardiovascular disease", status="absent", date="2026-01-02")], "not_met"),
    ("history of condition(hypertension)", [condition(end_date="2025-12-24")], "met"),
    ("history of condition(hypertension)", [condition(status="resolved")], "met"),
    ("history of condition(hypertension)", [condition(status="suspected")], "unknown: imprecise"),
    ("history of condition(hypertension)", [condition(status="absent")], "not_met"),
    ("history of condition(hypertension)", [condition(), condition(status="absent", record_id="2")],
     "unknown: conflicting"),
    ("has condition(hypertension, status: suspected)", [condition(status="suspected")], "met"),
    ("has condition(hypertension, status: resolved)", [condition()], "not_met"),
    ("history of condition(hypertension, status: absent)", [condition(), condition(status="absent", date="2026-01-02")],
     "met"),
    # What is acute passes; without a later word for 90 days nobody knows.
    ("has condition(infection)", [condition("infection", date="2025-10-17")], "met"),
    ("has condition(infection)", [condition("infection", date="2025-10-16")], "unknown: stale"),
    ("has condition(infection)", [condition("infection", date=None)], "unknown: imprecise"),
    ("has condition(hypertension)", [condition(date="2010-01-01")], "met"),
    # An event is asked whether it was.
    ("has condition(myocardial infarction)", [condition("myocardial infarction", date="2010-01-01")], "met"),
    ("has condition(myocardial infarction) within 6 months",
     [condition("myocardial infarction", date="2010-01-01")], "not_met"),
    ("has condition(myocardial infarction) within 6 months",
     [condition("myocardial infarction", date="2010-01-01"), condition("myocardial infarction", date="2025-12-01")], "met"),
    ("has condition(myocardial infarction) within 6 months",
     [condition("myocardial infarction", date="2025-12-01"), condition("myocardial infarction", date=None)], "met"),
    ("count condition(myocardial infarction) = 2",
     [condition("myocardial infarction", date="2010-01-01"), condition("myocardial infarction", date="2025-12-01")], "met"),
    # A state is counted once, however often it is told of.
    ("count condition(hypertension) = 1", [condition(date="2010-01-01"), condition(date="2025-12-01")], "met"),
    # A window asks whether it was there at any time of it.
    ("has condition(infection) within 6 months", [condition("infection", date="2025-09-01", end_date="2025-09-10")], "met"),
    ("has condition(infection) within 6 months", [condition("infection", date="2025-01-01", end_date="2025-01-10")], "not_met"),
    ("has condition(infection) within 1 months", [condition("infection", date="2025-09-01")], "unknown: imprecise"),
    ("has condition(infection) within 1 months", [condition("infection", date="2025-12-01")], "met"),
    ("has condition(infection) within 1 months",
     [condition("infection", date="2023-01-01", end_date="2023-02-01"), condition("infection", date="2026-01-02")], "met"),
    ("has condition(hypertension) within 1 months", [condition(date="2010-01-01")], "met"),
    ("has condition(hypertension) within 1 months", [condition(date=None, end_date="2025-01-01")], "not_met"),
    # Kinds, sites, causes.
    ("has condition(any, kind: comorbidity)", [condition()], "met"),
    ("has condition(any, kind: toxicity)", [condition()], "not_met"),
    ("has condition(hypertension, kind: toxicity)", [condition(kind=None)], "unknown: not recorded"),
    ("has condition(metastasis, site: liver)", [metastasis("liver metastasis", body_site="liver")], "met"),
    ("has condition(metastasis, site: lung)", [metastasis("metastasis", body_site="liver")], "not_met"),
    ("has condition(liver metastasis)", [metastasis("metastasis")], "unknown: imprecise"),
    ("has condition(hypertension, due_to: pazopanib)", [condition(due_to="pazopanib")], "met"),
    ("has condition(hypertension, due_to: chemotherapy)", [condition(due_to="pazopanib")], "not_met"),
    ("has condition(hypertension, due_to: pazopanib)", [condition()], "unknown: not recorded"),
    ("has condition(hypertension, due_to: treatment(any))", [condition(due_to="pazopanib")], "met"),
    ("has condition(hypertension, due_to: treatment(any))", [condition()], "unknown: not recorded"),
    ("has condition(hypertension, due_to: treatment(pazopanib))", [condition(due_to="pazopanib")], "met"),
    ("has condition(hypertension, due_to: treatment(pazopanib, setting: advanced))", [condition(due_to="pazopanib")],
     "unknown: imprecise"),
    ("has condition(hypertension, due_to: treatment(docetaxel, setting: advanced))", [condition(due_to="pazopanib")],
     "not_met"),
    ("has condition(hypertension, for: cancer)", [condition()], "unknown: not recorded"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "conditions", "expected"), CONDITION)
def test_conditions(rule, conditions, expected):
    assert says(rule, conditions=[primary(), *conditions]) == expected


def brain(**cells):
    return metastasis("CNS metastasis", **cells)


STATE = [
    ("state: stable", [brain(state="stable")], "met"),
    ("state: controlled", [brain(state="stable")], "met"),
    ("state: progressive", [brain(state="stable")], "not_met"),
    ("state: symptomatic", [brain(state="stable")], "unknown: not recorded"),
    ("state: treated and stable", [brain(state="treated|stable")], "met"),
    ("state: symptomatic or untreated", [brain(state="treated|asymptomatic")], "not_met"),
    ("state: symptomatic", [brain()], "unknown: not recorded"),
    ("state: not symptomatic", [brain(state="symptomatic")], "not_met"),
    ("state: active", [brain(state="active")], "met"),
    ("state: active", [brain(state="treated")], "unknown: not recorded"),
    ("state: ongoing", [brain()], "met"),
    # The latest dated statement; an undated rival, or another of the same day.
    ("state: stable", [brain(state="progressive", date="2025-11-01"), brain(state="stable")], "met"),
    ("state: stable", [brain(state="progressive", date=None), brain(state="stable")], "unknown: imprecise"),
    ("state: stable", [brain(state="progressive", record_id="2"), brain(state="stable")], "unknown: conflicting"),
    # Since when: as recorded, or as first stated without a break.
    ("state: stable for 4 weeks", [brain(state="stable", state_since="2025-12-18")], "met"),
    ("state: stable for 4 weeks", [brain(state="stable", state_since="2025-12-19")], "not_met"),
    ("state: stable for 4 weeks", [brain(state="stable", state_since="2025-12")], "unknown: imprecise"),
    ("state: stable for 4 weeks", [brain(state="stable", date="2025-11-01")], "met"),
    ("state: stable for 4 weeks", [brain(state="stable", date="2025-12-25")], "unknown: imprecise"),
    ("state: stable for 4 weeks", [brain(state="stable", date=None)], "unknown: not recorded"),
    ("state: stable for 4 weeks", [brain(state="stable", date="2025-11-01"), brain(state="stable")], "met"),
    ("state: stable for 4 weeks",
     [brain(state="stable", date="2025-11-01"), brain(state="progressive", date="2025-12-01"), brain(state="stable")],
     "unknown: imprecise"),
    ("state: treated and stable for 4 weeks", [brain(state="untreated", date="2025-11-01")], "not_met"),
]  # fmt: skip


@pytest.mark.parametrize(("test", "conditions", "expected"), STATE)
def test_states(test, conditions, expected):
    assert says(f"has condition(CNS metastasis, {test})", conditions=[primary(), *conditions]) == expected


def toxicity(name="peripheral neuropathy", **cells):
    return {"condition": name, "kind": "toxicity", "date": "2025-12-20", **cells}


TOXICITY = [
    ("has toxicity(peripheral neuropathy)", [toxicity()], "met"),
    ("has toxicity(any, grade: >= 2)", [toxicity(grade="2")], "met"),
    ("has toxicity(any, grade: >= 2)", [toxicity(grade="1")], "not_met"),
    ("has toxicity(any, grade: >= 2)", [toxicity()], "unknown: not recorded"),
    ("has toxicity(any, grade: > baseline)", [toxicity(grade="2", baseline_grade="1")], "met"),
    ("has toxicity(any, grade: > baseline)", [toxicity(grade="2", baseline_grade="2")], "not_met"),
    ("has toxicity(any, grade: > baseline)", [toxicity(grade="2")], "unknown: not recorded"),
    ("has toxicity(any, grade: > 1 and > baseline)", [toxicity(grade="1")], "not_met"),
    ("has toxicity(any, grade: between 1 and 2)", [toxicity(grade="2")], "met"),
    # The latest grade; in history any of them.
    ("has toxicity(any, grade: >= 3)", [toxicity(grade="3", date="2025-11-01"), toxicity(grade="1")], "not_met"),
    ("history of toxicity(any, grade: >= 3)", [toxicity(grade="3", date="2025-11-01"), toxicity(grade="1")], "met"),
    ("has toxicity(any, grade: >= 3) within 3 months", [toxicity(grade="3", date="2025-11-01"), toxicity(grade="1")], "met"),
    ("has toxicity(any, grade: >= 3)", [toxicity(grade="3"), toxicity(grade="1", record_id="2")], "unknown: conflicting"),
    ("has toxicity(any, grade: >= 3)", [toxicity(grade="3", date=None), toxicity(grade="1")], "unknown: imprecise"),
    ("has toxicity(any, other than: alopecia, grade: >= 1)", [toxicity("alopecia", grade="1")], "not_met"),
    ("has toxicity(any, due_to: trabectedin)", [toxicity(due_to="trabectedin")], "met"),
    # A row of no kind may be a toxicity; a grade says that it is one.
    ("has toxicity(peripheral neuropathy)", [toxicity(kind=None)], "unknown: not recorded"),
    ("has toxicity(peripheral neuropathy, grade: >= 2)", [toxicity(kind=None, grade="2")], "met"),
    ("has toxicity(diarrhea)", [toxicity("diarrhea", date="2025-09-01")], "unknown: stale"),
    ("has toxicity(nobody knows this one, grade: >= 1)", [toxicity("nobody knows this one", date="2025-09-01")], None),
    ("has toxicity(diarrhea)", [toxicity("something else", date="2025-09-01", grade="2")], "unknown: stale"),
    ("has allergy(doxorubicin)", [condition("doxorubicin", kind="allergy")], "met"),
    ("has allergy(anthracycline)", [condition("doxorubicin", kind="allergy")], "met"),
    ("has allergy(docetaxel)", [condition("doxorubicin", kind="allergy")], "not_met"),
    ("has allergy(docetaxel)", [condition("nobody knows", kind="allergy")], "unknown: imprecise"),
    ("has allergy(docetaxel)", [condition("a remark of some sort", kind=None)], "unknown: imprecise"),
    ("has family_history(breast cancer)", [condition("breast cancer", kind="family history")], "met"),
    ("has family_history(breast cancer)", [condition("hypertension", kind=None)], "not_met"),
    ("has condition(hypertension)", [condition(kind="allergy")], "not_met"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "conditions", "expected"), [row for row in TOXICITY if row[2] is not None])
def test_toxicities_allergies_and_families(rule, conditions, expected):
    assert says(rule, conditions=[primary(), *conditions]) == expected


def test_a_distant_metastasis_event_tells_of_a_metastasis_where_no_row_does():
    event = [{"status": "distant metastasis", "date": "2025-12-25", "site": "liver"}]
    rows = {"conditions": [primary()], "disease_status": event}
    assert says("has condition(liver metastasis)", **rows) == "met"
    assert says("has condition(CNS metastasis)", **rows) == "not_met"
    assert says("has condition(metastasis, state: symptomatic)", **rows) == "unknown: not recorded"
    assert says("has condition(metastasis, kind: metastasis, site: liver)", **rows) == "met"
    # A row that names the sites says more than the event.
    rows["conditions"] = [primary(), metastasis(body_site="lung")]
    assert says("has condition(liver metastasis)", **rows) == "not_met"


# --- treatments ----------------------------------------------------------------------------------------------------


def given(name="doxorubicin", **cells):
    return {**drug(name, "2024-01-10", "2024-05-20"), **cells}


GEMCITABINE, DOCETAXEL = given("gemcitabine"), given("docetaxel", start_date="2024-01-17")

TREATMENT = [
    ("has treatment(any)", [given()], "met"),
    ("has treatment(any, other than: doxorubicin)", [given()], "not_met"),
    ("has treatment(doxorubicin or pazopanib)", [given("pazopanib")], "met"),
    ("has treatment(doxorubicin)", [given("a drug nobody knows")], "unknown: imprecise"),
    ("has treatment(doxorubicin)", [given("xq-17-unheard", kind="surgery")], "not_met"),
    ("has treatment(radiotherapy)", [given("a drug nobody knows")], "not_met"),
    ("has treatment(local therapy)", [given("xq-17-unheard", kind="surgery")], "unknown: imprecise"),
    ("has treatment(doxorubicin)", [given("something nobody knows", kind="other")], "unknown: imprecise"),
    ("has treatment(any, kind: drug)", [given(kind=None)], "met"),
    ("has treatment(any, kind: surgery)", [given(kind=None)], "not_met"),
    ("has treatment(any, kind: surgery)", [given("nobody knows", kind=None)], "unknown: not recorded"),
    ("has treatment(doxorubicin, setting: advanced)", [given(setting="advanced")], "met"),
    ("has treatment(doxorubicin, setting: perioperative)", [given(setting="neoadjuvant")], "met"),
    ("has treatment(doxorubicin, setting: neoadjuvant)", [given(setting="perioperative")], "unknown: imprecise"),
    ("has treatment(doxorubicin, setting: advanced)", [given(setting="adjuvant")], "not_met"),
    ("has treatment(doxorubicin, setting: advanced)", [given(start_date=None)], "unknown: not recorded"),
    ("has treatment(doxorubicin, setting: not adjuvant)", [given(setting="adjuvant")], "not_met"),
    ("has treatment(doxorubicin, response: response)", [given(response="partial response")], "met"),
    ("has treatment(doxorubicin, response: complete response)", [given(response="response")], "unknown: imprecise"),
    ("has treatment(doxorubicin, cycles: >= 4)", [given(cycles="6")], "met"),
    ("has treatment(doxorubicin, cycles: >= 4)", [given()], "unknown: not recorded"),
    ("has treatment(doxorubicin, dose: >= 60 mg/m2)", [given(dose="75", dose_unit="mg/m2")], "met"),
    ("has treatment(ifosfamide, dose: >= 12 g/m2)", [given("ifosfamide", dose="12000", dose_unit="mg/m2/cycle")], "met"),
    ("has treatment(doxorubicin, dose: >= 60 mg/m2)", [given(dose="75", dose_unit="mg")], "unknown: imprecise"),
    ("has treatment(doxorubicin, dose: >= 60 mg/m2)", [given(dose="75")], "unknown: imprecise"),
    ("has treatment(doxorubicin, on_trial: yes)", [given(on_trial="yes")], "met"),
    ("has treatment(doxorubicin, on_trial: no)", [given(on_trial="yes")], "not_met"),
    ("has treatment(radiotherapy, site: liver)",
     [given("radiotherapy", kind="radiotherapy", body_site="liver")], "met"),
    ("has treatment(radiotherapy, site: liver)", [given("radiotherapy", kind="radiotherapy")], "unknown: not recorded"),
    ("has treatment(radiotherapy, technique: stereotactic)",
     [given("radiotherapy", kind="radiotherapy", technique="stereotactic")], "met"),
    ("has treatment(radiotherapy, technique: stereotactic)",
     [given("radiotherapy", kind="radiotherapy", technique="SBRT")], "unknown: imprecise"),
    # Regimens.
    ("has treatment(gemcitabine and docetaxel)", [GEMCITABINE, DOCETAXEL], "met"),
    ("has treatment(gemcitabine and docetaxel)", [GEMCITABINE], "not_met"),
    ("has treatment(gemcitabine and docetaxel)", [{**GEMCITABINE, "status": "declined"}, DOCETAXEL], "not_met"),
    ("has treatment(gemcitabine and docetaxel)", [GEMCITABINE, {**DOCETAXEL, "start_date": "2024-03-01"}], "not_met"),
    ("has treatment(gemcitabine and docetaxel)", [GEMCITABINE, {**DOCETAXEL, "start_date": "2024"}], "unknown: imprecise"),
    ("has treatment(gemcitabine and docetaxel)",
     [{**GEMCITABINE, "regimen": "GemTax"}, {**DOCETAXEL, "regimen": "gemtax", "start_date": "2024-03-01"}], "met"),
    ("has treatment(gemcitabine and docetaxel)",
     [{**GEMCITABINE, "regimen": "A"}, {**DOCETAXEL, "regimen": "B"}], "unknown: imprecise"),
    ("has treatment(gemcitabine and docetaxel or pazopanib)", [given("pazopanib")], "met"),
    ("has treatment(gemcitabine, with: docetaxel)", [GEMCITABINE, DOCETAXEL], "met"),
    ("has treatment(gemcitabine, with: treatment(docetaxel))", [GEMCITABINE, DOCETAXEL], "met"),
    ("has treatment(gemcitabine, with: docetaxel)", [GEMCITABINE], "not_met"),
    # For what.
    ("has treatment(doxorubicin, for: this cancer)", [given()], "met"),
    ("has treatment(doxorubicin, for: diagnosis(this cancer))", [given()], "met"),
    ("has treatment(doxorubicin, for: breast cancer)", [given(diagnosis="breast cancer")], "met"),
    ("has treatment(doxorubicin, for: breast cancer)", [given()], "unknown: not recorded"),
    ("has treatment(doxorubicin, line: = 1)", [given(setting="advanced")], "met"),
    ("has treatment(doxorubicin, line: = 2)", [given(setting="advanced")], "not_met"),
    ("has treatment(radiotherapy, line: = 2)", [given("radiotherapy", kind="radiotherapy")], "unknown: not recorded"),
    ("has treatment(doxorubicin, line: = 1)", [given(), given("pazopanib", start_date="2023", end_date="2023")],
     "unknown: imprecise"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "treatments", "expected"), TREATMENT)
def test_treatments(rule, treatments, expected):
    assert says(rule, treatments=treatments, conditions=[primary()]) == expected


OF_ANOTHER_CANCER = [
    # Exposure reads all; setting, line and outcome read this cancer's.
    ("has treatment(doxorubicin)", "B", "met"),
    ("has treatment(doxorubicin, setting: adjuvant)", "B", "not_met"),
    ("has treatment(doxorubicin, setting: adjuvant)", "A", "met"),
    ("has treatment(doxorubicin, setting: adjuvant)", None, "unknown: imprecise"),
    ("has treatment(doxorubicin, outcome: failure)", "B", "not_met"),
    ("has treatment(doxorubicin, outcome: failure)", "A", "met"),
    ("has treatment(doxorubicin, outcome: failure)", None, "unknown: imprecise"),
    ("has treatment(doxorubicin, for: this cancer)", "B", "not_met"),
    ("has treatment(doxorubicin, for: this cancer)", None, "unknown: imprecise"),
]


@pytest.mark.parametrize(("rule", "diagnosis", "expected"), OF_ANOTHER_CANCER)
def test_treatments_of_another_cancer(rule, diagnosis, expected):
    row = given(setting="adjuvant", response="progressive disease", diagnosis=diagnosis)
    assert says(rule, conditions=TWO, treatments=[row]) == expected


MEDICATION = [
    ("has medication(any)", {}, "met"),
    ("has medication(any, other than: aspirin)", {}, "not_met"),
    ("has medication(aspirin, route: oral)", {"route": "oral"}, "met"),
    ("has medication(aspirin, route: not (inhaled or topical))", {"route": "topical"}, "not_met"),
    ("has medication(aspirin, route: oral)", {}, "unknown: not recorded"),
    ("has medication(aspirin, for: pain)", {"indication": "pain"}, "met"),
    ("has medication(aspirin, for: hypertension)", {"indication": "pain"}, "not_met"),
    ("has medication(aspirin, for: pain)", {}, "unknown: not recorded"),
    ("has medication(aspirin, frequency: daily)", {"frequency": "Daily"}, "met"),
    ("has medication(aspirin, dose: <= 100 mg)", {"dose": "100", "dose_unit": "mg"}, "met"),
    ("has medication(aspirin, dose: <= 100 mg)", {"dose": "1", "dose_unit": "g"}, "not_met"),
]


@pytest.mark.parametrize(("rule", "cells", "expected"), MEDICATION)
def test_medications(rule, cells, expected):
    taken = {"medication": "aspirin", "start_date": "2025-12-01", "ongoing": "yes", **cells}
    assert says(rule, medications=[taken]) == expected


def test_the_dose_of_a_medication_is_shown():
    taken = {"medication": "aspirin", "start_date": "2025-12-01", "ongoing": "yes", "dose": "100", "dose_unit": "mg"}
    assert asked("has medication(aspirin)", lms(medications=[taken])).evidence[0].value == "aspirin 100 mg"


# --- biomarkers ----------------------------------------------------------------------------------------------------


def marker(gene="BRCA1", result="positive", alteration="mutation", **cells):
    return {"gene": gene, "result": result, "alteration": alteration, "date": "2025-12-20", **cells}


def expressed(value, date="2025-12-20", **cells):
    return marker("CD274", None, "expression", value=value, scale="CPS", date=date, record_id=f"{value}{date}", **cells)


PDL1 = "has biomarker(CD274, expression, scale: CPS, value: >= 10)"

BIOMARKER = [
    ("has biomarker(any)", [marker()], "met"),
    ("has biomarker(any, other than: BRCA1)", [marker()], "not_met"),
    ("has biomarker(BRCA1, mutation)", [marker()], "met"),
    ("has biomarker(BRCA1, mutation)", [marker(result="indeterminate")], "unknown: imprecise"),
    ("has biomarker(BRCA1, mutation)", [marker(result="a word nobody knows")], "unknown: imprecise"),
    ("has biomarker(BRCA1, mutation, result: negative)", [marker(result="negative")], "met"),
    ("has biomarker(BRCA1, mutation, result: negative)", [marker()], "not_met"),
    ("has biomarker(BRCA1, mutation, result: negative)", [marker(result=None)], "unknown: not recorded"),
    ("has biomarker(BRCA1, mutation, result: negative)", [marker(result="a word nobody knows")], "unknown: imprecise"),
    ("has biomarker(BRCA1, mutation, result: negative or indeterminate)", [marker(result="indeterminate")], "met"),
    ("has biomarker(BRCA1, mutation, significance: pathogenic or likely pathogenic)",
     [marker(significance="likely pathogenic")], "met"),
    ("has biomarker(BRCA1, mutation, significance: pathogenic)", [marker(significance="uncertain")], "not_met"),
    ("has biomarker(BRCA1, mutation, origin: germline)", [marker()], "unknown: not recorded"),
    # A fusion is of both its partners.
    ("has biomarker(NTRK3, fusion)", [marker("ETV6", alteration="fusion", partner_gene="NTRK3")], "met"),
    ("has biomarker(NTRK3, fusion, partner: ETV6)", [marker("NTRK3", alteration="fusion", partner_gene="ETV6")], "met"),
    ("has biomarker(NTRK3, fusion, partner: ETV6)", [marker("NTRK3", alteration="fusion")], "unknown: not recorded"),
    ("has biomarker(NTRK3, fusion, partner: BRCA1)", [marker("NTRK3", alteration="fusion", partner_gene="ETV6")], "not_met"),
    ("has biomarker(BRCA1, mutation, assay: next generation sequencing)", [marker(assay="NGS")], "met"),
    ("has biomarker(BRCA1, mutation, assay: next generation sequencing)", [marker(assay="Sanger")], "not_met"),
    ("has biomarker(BRCA1, mutation, assay: next generation sequencing)", [marker()], "unknown: not recorded"),
    ("has biomarker(BRAF, mutation, variant: V600E)", [marker("BRAF", variant="p.V600E")], "met"),
    ("has biomarker(BRAF, mutation, variant: V600)", [marker("BRAF", variant="p.(Val600Glu)")], "met"),
    ("has biomarker(BRAF, mutation, variant: V600E)", [marker("BRAF", variant="V600")], "unknown: imprecise"),
    ("has biomarker(BRAF, mutation, variant: V600E)", [marker("BRAF", variant="V600K")], "not_met"),
    ("has biomarker(BRAF, mutation, variant: V600E)", [marker("BRAF", variant="c.1799T>A")], "unknown: imprecise"),
    ("has biomarker(BRAF, mutation, variant: V600E)", [marker("BRAF", variant=None)], "unknown: not recorded"),
    ("has biomarker(KIT, mutation, exon: \"11\")", [marker("KIT", exon="Exon 11")], "met"),
    ("has biomarker(KIT, mutation, exon: \"11\")", [marker("KIT", exon="9")], "not_met"),
    ("has biomarker(KIT, mutation, exon: \"11\")", [marker("KIT", exon="9-11")], "unknown: imprecise"),
    ("has biomarker(KIT, mutation, class: missense)", [marker("KIT", variant_class="Missense")], "met"),
    ("has biomarker(KIT, mutation, specimen: blood)", [marker("KIT", specimen="plasma")], "unknown: imprecise"),
    # Values: the latest of a gene, alteration and scale counts.
    (PDL1, [expressed("12")], "met"),
    (PDL1, [expressed("5")], "not_met"),
    (PDL1, [expressed("<50")], "unknown: imprecise"),
    (PDL1, [expressed("5", "2025-01-01"), expressed("12")], "met"),
    (PDL1, [expressed("12", "2025-01-01"), expressed("5")], "not_met"),
    (PDL1, [expressed("12"), expressed("5")], "unknown: conflicting"),
    (PDL1, [expressed("12"), expressed("15")], "met"),
    (PDL1, [expressed("12"), expressed("5", assay="another assay")], "unknown: conflicting"),
    (PDL1, [expressed("12", assay="22C3"), expressed("5", assay="SP142")], "met"),
    (PDL1, [expressed("12", None), expressed("5")], "met"),
    (PDL1, [marker("CD274", None, "expression", scale="CPS")], "unknown: not recorded"),
    (PDL1, [expressed("12", "2025-01-01"), marker("CD274", None, "expression", scale="CPS")], "met"),
    (PDL1, [expressed("12"), marker("CD274", None, "expression", scale="TPS", value="1", date="2026-01-02")], "met"),
    (PDL1, [marker("CD274", None, "expression", scale="TPS", value="50")], "not_met"),
    # One assay, yes and no on one date.
    ("has biomarker(BRCA1, mutation)", [marker(record_id="1"), marker(result="negative", record_id="2")], "unknown: conflicting"),
    ("has biomarker(BRCA1, mutation)",
     [marker(assay="NGS", record_id="1"), marker(result="negative", assay="Sanger", record_id="2")], "met"),
    ("has biomarker(BRCA1, mutation)", [marker(), marker(result="negative", date="2025-01-01")], "met"),
    ("has biomarker(BRCA1, mutation)",
     [marker(variant="V1", record_id="1"), marker(result="negative", variant="V2", record_id="2")], "met"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "biomarkers", "expected"), BIOMARKER)
def test_biomarkers(rule, biomarkers, expected):
    who = read_patient({"biomarkers": biomarkers, "coverage": COMPLETE}, today=TODAY, problems=[])
    assert truth(rule, who) == expected


# --- events and what no file can say -------------------------------------------------------------------------------

EVENT = [
    ("has disease_status(progression)", {"status": "progression"}, "met"),
    ("has disease_status(relapse)", {"status": "distant metastasis"}, "met"),
    ("has disease_status(progression)", {"status": "relapse"}, "unknown: imprecise"),
    ("has disease_status(progression)", {"status": "stable"}, "not_met"),
    ("has disease_status(any)", {"status": "stable"}, "met"),
    ("has disease_status(progression or stable)", {"status": "stable"}, "met"),
    ("has disease_status(progression, site: liver)", {"status": "progression", "site": "liver"}, "met"),
    ("has disease_status(progression, site: liver)", {"status": "progression"}, "unknown: not recorded"),
    ("has disease_status(progression, basis: imaging)", {"status": "progression", "basis": "imaging"}, "met"),
    ("has disease_status(progression, basis: imaging)", {"status": "progression", "basis": "clinical"}, "not_met"),
    ("has disease_status(progression) within 1 months", {"status": "progression", "date": "2025-12-16"}, "met"),
    ("has disease_status(progression) within 1 months", {"status": "progression", "date": None}, "unknown: imprecise"),
]


@pytest.mark.parametrize(("rule", "cells", "expected"), EVENT)
def test_events(rule, cells, expected):
    assert says(rule, disease_status=[{"date": "2025-12-20", **cells}]) == expected


def test_records_that_leave_out_what_a_file_must_have_may_match():
    """Facts made by hand or by a later intake: an event without a word, a row of no name, a marker of two genes."""
    day = PartialDate.of(TODAY)
    who = lms(coverage=COMPLETE)
    event = replace(who, disease_status=(DiseaseStatus(id="d", date=day),))
    assert truth("has disease_status(progression)", event) == "unknown: imprecise"
    assert (
        truth(
            "has treatment(doxorubicin, outcome: failure)",
            replace(event, treatments=lms(treatments=[given()]).treatments),
            cancer="leiomyosarcoma",
        )
        == "unknown: imprecise"
    )
    unnamed = replace(who, conditions=(*who.conditions, Condition(id="c", kind="metastasis", named=False, date=day)))
    assert truth("has condition(metastasis)", unnamed) == "met"
    assert truth("has condition(liver metastasis)", unnamed) == "unknown: imprecise"
    two = replace(
        who, biomarkers=(Biomarker(id="b", genes=("BRCA1", "BRCA2"), alteration="mutation", result="positive"),)
    )
    assert truth("has biomarker(BRCA1, mutation)", two) == "unknown: conflicting"
    assert truth("has biomarker(BRCA1 or BRCA2, mutation)", two) == "met"


def test_facts_without_a_kind_are_read_by_their_names():
    who = lms(conditions=[primary()], treatments=[given(), given("hysterectomy")])
    plain = replace(
        who,
        conditions=tuple(replace(row, kind=None) for row in who.conditions),
        treatments=tuple(replace(row, kind=None) for row in who.treatments),
    )
    assert truth("has diagnosis(leiomyosarcoma)", plain) == "met"
    assert truth("count treatment(any, kind: surgery) >= 1", plain) == "met"


# --- definitions ---------------------------------------------------------------------------------------------------


def test_names_that_a_document_defines():
    who = lms(treatments=[given()], coverage=COMPLETE)
    how = {"cancer": "leiomyosarcoma", "definitions": (
        "define set standard as doxorubicin or ifosfamide",
        "define exposed as has treatment(standard)",
        "define failure of any as has treatment(this treatment, cycles: >= 2)",
        "define failure of taxane as age >= 18",
        "define intolerant of doxorubicin as age >= 18",
    )}  # fmt: skip
    assert truth("exposed", who, **how) == "met"
    assert truth("not exposed", who, **how) == "not_met"
    assert truth("has treatment(standard, outcome: failure)", who, **how) == "unknown: not recorded"
    assert truth("has treatment(doxorubicin, outcome: intolerant)", who, **how) == "met"
    with pytest.raises(UnknownWord):
        truth("nobody_defined_this", who, **how)
    with pytest.raises(UnknownWord):
        truth("has treatment(nobody knows this)", who, **how)


def test_this_treatment_is_the_one_at_hand():
    two = [given(cycles="6"), given("pazopanib", start_date="2025-01-10", end_date="2025-03-10", cycles="1")]
    definition = "define failure of any as has treatment(this treatment, cycles: >= 4)"
    who = lms(treatments=two, coverage=COMPLETE)
    for name, expected in (("doxorubicin", "met"), ("pazopanib", "not_met")):
        rule = f"has treatment({name}, outcome: failure)"
        assert truth(rule, who, cancer="leiomyosarcoma", definitions=(definition,)) == expected
    # Outside a definition there is none.
    assert truth("has treatment(this treatment)", who) == "not_met"


def test_what_may_be_two_things_of_which_neither_is_certain():
    who = lms(conditions=[primary()])
    rows = tuple(replace(row, histologies=("sarcoma", "malignancy"), sites=()) for row in who.conditions)
    assert truth("has diagnosis(leiomyosarcoma)", replace(who, conditions=rows)) == "unknown: imprecise"
    two = (Reading("leiomyosarcoma"), Reading("malignancy"))
    assert meaning(default(), two, ("soft tissue sarcoma",)) == (Truth.UNKNOWN, Reason.IMPRECISE)


@pytest.mark.parametrize(
    ("site", "expected"),
    [("thigh", "met"), (None, "unknown: not recorded"), ("femur", "unknown: needs judgement")],
)
def test_a_sarcoma_of_soft_tissue_has_a_site_that_is_not_bone(site, expected):
    assert says("has diagnosis(soft tissue sarcoma)", conditions=[primary(body_site=site)]) == expected
    # One set of several that certainly holds suffices.
    both = says("has diagnosis(soft tissue sarcoma or leiomyosarcoma)", conditions=[primary(body_site=site)])
    assert both == "met"
    assert says("has diagnosis(sarcoma)", conditions=[primary(body_site=site)]) == "met"


def test_a_progression_after_a_course_of_no_end_may_be_on_it():
    row = drug("doxorubicin", "2024-01-10", None, setting="adjuvant")
    events = [{"status": "progression", "date": "2024-09-01"}]
    assert says("has treatment(doxorubicin, outcome: failure)", treatments=[row], disease_status=events) == (
        "unknown: imprecise"
    )
