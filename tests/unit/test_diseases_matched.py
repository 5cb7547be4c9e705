"""Diagnoses, conditions and the course of disease against patterns (SEMANTICS §1.4, §2.1)."""

import pytest

from tests.synthetic import lms, truth


def primary(name="leiomyosarcoma", date="2023-02-01", **cells):
    return {"condition": name, "kind": "primary", "body_site": "uterus", "date": date, **cells}


def ill(name, date="2025-12-20", kind="comorbidity", **cells):
    return {"condition": name, "kind": kind, "date": date, **cells}


def has(rule, rows, cancer=None, **more):
    return truth(rule, lms(conditions=rows, **more), cancer=cancer)


def diagnosis(test):
    return f"has diagnosis(leiomyosarcoma, {test})"


STAGES = {
    ("IIIA", "III"): "met", ("stage 3a", "III"): "met", ("III", "IIIA"): "unknown: imprecise",
    ("IIIB", "IIIA"): "not_met", ("II", "III"): "not_met", ("IV", "IV"): "met", ("xyzzy", "III"): "unknown: imprecise",
    (None, "III"): "unknown: not recorded", ("I", "II"): "not_met",
}  # fmt: skip


@pytest.mark.parametrize("stages", STAGES, ids=str)
def test_stage(stages):
    recorded, asked = stages
    assert has(diagnosis(f"stage: {asked}"), [primary(stage=recorded)]) == STAGES[stages]


def test_two_stages_of_one_day_conflict():
    rows = [primary(stage="II", record_id="a"), primary(stage="III", record_id="b")]
    assert has(diagnosis("stage: III"), rows) == "unknown: conflicting"
    assert has(diagnosis("stage: II or III"), rows) == "unknown: conflicting"
    assert has(diagnosis("stage: IV"), rows) == "not_met"


FIELDS = {
    "its basis": ("basis: histology", [primary(basis="biopsy")], "met"),
    "another basis": ("basis: histology", [primary(basis="imaging")], "not_met"),
    "a basis left out": ("basis: histology", [primary()], "unknown: not recorded"),
    "a basis no list knows": ("basis: histology", [primary(basis="xyzzy")], "unknown: imprecise"),
    "the basis of an earlier row holds": (
        "basis: histology", [primary(basis="biopsy"), primary(date="2024-02-01")], "met"),
    "its side": ("laterality: left", [primary(laterality="left")], "met"),
    "the other side": ("laterality: left", [primary(laterality="right")], "not_met"),
    "histology below the one asked": ("histology: sarcoma", [primary()], "met"),
    "another histology": ("histology: liposarcoma", [primary()], "not_met"),
    "its site": ("site: uterus", [primary()], "met"),
    "another site": ("site: stomach", [primary()], "not_met"),
    "a site left out": ("site: uterus", [primary(body_site=None)], "unknown: not recorded"),
    "the site of a name": ("site: uterus", [primary("uterine leiomyosarcoma", body_site=None)], "met"),
    "confirmed": ("status: present", [primary()], "met"),
    "suspected": ("status: suspected", [primary(status="suspected")], "met"),
    "extent left out": ("extent: metastatic", [primary()], "unknown: not recorded"),
    "locally advanced is no metastasis": ("extent: metastatic", [primary(extent="locally advanced")], "not_met"),
    "oligometastatic lies below": ("extent: metastatic", [primary(extent="oligometastatic")], "met"),
    "metastatic may be oligometastatic": (
        "extent: oligometastatic", [primary(extent="metastatic")], "unknown: imprecise"),
    "a word of extent no list knows": ("extent: metastatic", [primary(extent="xyzzy")], "unknown: imprecise"),
    "M1": ("extent: metastatic", [primary(extent="localized", m="cM1b")], "unknown: conflicting"),
    "M1 later": ("extent: metastatic", [primary(extent="localized"), primary(date="2024-02-01", m="M1")], "met"),
    "under way": ("state: ongoing", [primary()], "met"),
    "resolved without an end may be": ("state: ongoing", [primary(status="resolved")], "unknown: imprecise"),
    "ended": ("state: ongoing", [primary(status="resolved", end_date="2024-02-01")], "not_met"),
    "ended in a month that is not over": (
        "state: ongoing", [primary(status="resolved", end_date="2026-01")], "unknown: imprecise"),
}  # fmt: skip


@pytest.mark.parametrize("case", FIELDS)
def test_fields_of_a_diagnosis(case):
    test, rows, expected = FIELDS[case]
    assert has(diagnosis(test), rows) == expected


GRADES = {
    ("2", "2"): "met", ("G2", "grade 2"): "met", ("G3", "2"): "not_met", ("high", "high grade"): "met",
    ("high", "low"): "not_met", ("G3", "high"): "not_met", ("xyzzy", "high"): "unknown: imprecise",
    (None, "high"): "unknown: not recorded",
}  # fmt: skip

STATUS = {
    "suspected may match": ([primary(status="suspected")], "unknown: imprecise"),
    "resolved was still made": ([primary(status="resolved")], "met"),
    "denied on the same day": ([primary(), primary(record_id="b", status="absent")], "unknown: conflicting"),
    "denied without a date": ([primary(), primary(date=None, status="absent")], "unknown: imprecise"),
    "denied later, it is none": ([primary(), primary(date="2024-02-01", status="absent")], "not_met"),
    "denied earlier, it was made since": ([primary(), primary(date="2022-02-01", status="absent")], "met"),
    "denied in the wider name": ([primary(), primary("sarcoma", "2024-02-01", status="absent")], "not_met"),
    "denied in a narrower name, it may still match": (
        [primary("sarcoma"), primary(date="2024-02-01", status="absent")], "unknown: imprecise"),
    "denied at another site": ([primary(), primary(date="2024-02-01", body_site="stomach", status="absent")], "met"),
    "a denial by its id": (
        [primary(diagnosis_id="A"), primary("xyzzy", "2024-02-01", diagnosis_id="A", status="absent")], "not_met"),
    "an unnamed primary may be it": ([primary("xyzzy")], "unknown: imprecise"),
    "a remark of no kind may be it where there is no other": (
        [{"condition": "xyzzy", "date": "2023-02-01"}], "unknown: imprecise"),
    "a tumour of no kind is a primary": ([{"condition": "leiomyosarcoma", "date": "2023-02-01"}], "met"),
}  # fmt: skip


@pytest.mark.parametrize("case", STATUS)
def test_whether_a_diagnosis_was_made(case):
    rows, expected = STATUS[case]
    complete = {"domain": "conditions", "scope": "kind:primary", "complete_through": "2026-01-10"}
    assert has("has diagnosis(leiomyosarcoma)", rows, coverage=[complete]) == expected


TUMOURS = {
    "a wider and a narrower name are one": ([primary("sarcoma"), primary(date="2024-02-01")], 1),
    "two names of which neither holds the other are two": ([primary(), primary("breast cancer")], 2),
    "two sites are two": ([primary(), primary(body_site="stomach")], 2),
    "a site left out may be the same": ([primary(), primary(body_site=None, date="2024-02-01")], 1),
    "left and right are two": (
        [primary("breast cancer", body_site="breast", laterality=side) for side in ("left", "right")], 2),
    "two ids are two": ([primary(diagnosis_id="A"), primary(diagnosis_id="B")], 2),
}  # fmt: skip


@pytest.mark.parametrize("case", TUMOURS)
def test_which_rows_tell_of_one_tumour(case):
    rows, number = TUMOURS[case]
    complete = {"domain": "conditions", "scope": "kind:primary", "complete_through": "2026-01-10"}
    assert has(f"count diagnosis(any) = {number}", rows, coverage=[complete]) == "met"


def test_the_narrower_row_tells_what_a_tumour_is():
    assert has("has diagnosis(liposarcoma)", [primary("sarcoma"), primary(date="2024-02-01")]) == "not_met"


def test_a_denial_of_another_kind_denies_no_primary():
    family = ill("leiomyosarcoma", "2024-02-01", kind="family history", status="absent", body_site="uterus")
    assert has("has diagnosis(leiomyosarcoma)", [primary(), family]) == "met"


EXTENTS = {
    "a metastasis of this one": ([ill("lung metastasis", kind="metastasis", diagnosis_id="A")], [], "met"),
    "a metastasis of the other": ([ill("lung metastasis", kind="metastasis", diagnosis_id="B")], [], "not_met"),
    "a metastasis of either": ([ill("lung metastasis", kind="metastasis")], [], "unknown: imprecise"),
    "an event of this one": ([], [{"status": "distant metastasis", "diagnosis": "A"}], "met"),
    "an event of the other": ([], [{"status": "distant metastasis", "diagnosis": "B"}], "not_met"),
    "an event of either": ([], [{"status": "distant metastasis"}], "unknown: imprecise"),
    "an event that is no metastasis": ([], [{"status": "progression", "diagnosis": "A"}], "not_met"),
}


@pytest.mark.parametrize("case", EXTENTS)
def test_metastatic_follows_from_what_is_told_of_this_cancer(case):
    rows, events, expected = EXTENTS[case]
    breast = primary("breast cancer", diagnosis_id="B", body_site="breast")
    two = [primary(diagnosis_id="A", extent="localized"), breast]
    dated = [{"date": "2025-12-20", **event} for event in events]
    found = has(diagnosis("extent: metastatic"), [*two, *rows], "leiomyosarcoma", disease_status=dated)
    assert found == expected


def test_a_progression_of_another_cancer_is_none_of_this():
    two = [primary(diagnosis_id="A"), primary("breast cancer", diagnosis_id="B", body_site="breast")]
    complete = {"domain": "disease_status", "complete_through": "2026-01-10"}
    told = [{"status": "progression", "date": "2024-02-01", "diagnosis": "B"}]
    rule = "has disease_status(progression)"
    assert has(rule, two, "leiomyosarcoma", disease_status=told, coverage=[complete]) == "not_met"


def test_an_unreadable_primary_may_be_what_a_fact_is_of():
    two = [primary(), primary("xyzzy", body_site=None)]
    told = [{"status": "progression", "date": "2024-02-01"}]
    assert has("has disease_status(progression)", two, "leiomyosarcoma", disease_status=told) == "unknown: imprecise"


OTHER_CANCERS = {
    "another than this": ("has diagnosis(any, other than: this cancer)", "met"),
    "this": ("has diagnosis(this cancer)", "met"),
    "this or another": ("has diagnosis(this cancer or melanoma)", "met"),
    "another than either": ("has diagnosis(any, other than: this cancer or breast cancer)", "not_met"),
    "extent is this cancer's": ("has diagnosis(any, extent: metastatic)", "met"),
    "unless the other is named": ("has diagnosis(breast cancer, extent: metastatic)", "not_met"),
}


@pytest.mark.parametrize("case", OTHER_CANCERS)
def test_this_cancer_and_another(case):
    rule, expected = OTHER_CANCERS[case]
    breast = primary("breast cancer", "2025-10-01", diagnosis_id="B", body_site="breast", extent="localized")
    rows = [primary(diagnosis_id="A", extent="metastatic"), breast]
    assert has(rule, rows, cancer="leiomyosarcoma") == expected


def test_this_cancer_of_a_patient_who_has_another():
    assert has("has diagnosis(this cancer)", [primary("breast cancer")], cancer="leiomyosarcoma") == "not_met"


WINDOWS = {
    "made within": ([primary(date="2024-02-01")], "met"),
    "ended before": ([primary(date="2015-02-01", status="resolved", end_date="2016-02-01")], "not_met"),
    "ended within": ([primary(date="2015-02-01", status="resolved", end_date="2024-02-01")], "met"),
    "of no date": ([primary(date=None)], "unknown: imprecise"),
}


@pytest.mark.parametrize("case", WINDOWS)
def test_a_diagnosis_in_a_window(case):
    rows, expected = WINDOWS[case]
    assert has("has diagnosis(leiomyosarcoma) within 3 years", rows) == expected


METASTASES = {
    "of this cancer": ([ill("lung metastasis", kind="metastasis", diagnosis_id="A")], "met"),
    "of the other": ([ill("lung metastasis", kind="metastasis", diagnosis_id="B")], "not_met"),
    "of either": ([ill("lung metastasis", kind="metastasis")], "unknown: imprecise"),
    "at an unrecorded site": ([ill("metastasis", kind="metastasis", diagnosis_id="A")], "unknown: imprecise"),
    "unnamed, at the site": ([ill("", kind="metastasis", body_site="lung", diagnosis_id="A")], "met"),
    "elsewhere": ([ill("liver metastasis", kind="metastasis", diagnosis_id="A")], "not_met"),
}
CONDITIONS_COMPLETE = {"domain": "conditions", "scope": "all", "complete_through": "2026-01-10"}


@pytest.mark.parametrize("case", METASTASES)
def test_a_metastasis_is_one_of_this_cancer(case):
    rows, expected = METASTASES[case]
    two = [primary(diagnosis_id="A"), primary("breast cancer", diagnosis_id="B", body_site="breast")]
    found = has("has condition(lung metastasis)", [*two, *rows], "leiomyosarcoma", coverage=[CONDITIONS_COMPLETE])
    assert found == expected


def test_a_distant_metastasis_tells_of_a_metastasis():
    event = {"status": "distant metastasis", "date": "2024-02-01"}
    assert truth("has condition(metastasis)", lms(conditions=[primary()], disease_status=[event])) == "met"
    assert truth("has condition(lung metastasis)", lms(conditions=[primary()], disease_status=[event])) == (
        "unknown: imprecise"
    )
    sited = {**event, "site": "lung"}
    assert truth("has condition(lung metastasis)", lms(conditions=[primary()], disease_status=[sited])) == "met"
    assert truth(diagnosis("extent: metastatic"), lms(conditions=[primary()], disease_status=[event])) == "met"


@pytest.mark.parametrize("pair", GRADES, ids=str)
def test_histological_grade(pair):
    recorded, asked = pair
    assert has(f'has diagnosis(leiomyosarcoma, tumour_grade: "{asked}")', [primary(grade=recorded)]) == GRADES[pair]


CONDITIONS = {
    "any condition": ("has condition(any)", [ill("hypertension")], "met"),
    "any but one": (
        "has condition(any, other than: hypertension, kind: comorbidity)", [ill("hypertension")], "not_met"),
    "of a kind": ("has condition(any, kind: comorbidity)", [ill("hypertension")], "met"),
    "of no kind": (
        "has condition(hypertension, kind: comorbidity)", [ill("hypertension", kind=None)], "unknown: not recorded"),
    "of a kind no list knows": ("has condition(hypertension, kind: comorbidity)",
                                [ill("hypertension", kind="xyzzy")], "unknown: imprecise"),
    "acute and recent": ("has condition(pneumonia)", [ill("pneumonia")], "met"),
    "acute and not heard of since": ("has condition(pneumonia)", [ill("pneumonia", "2025-06-01")], "unknown: stale"),
    "acute and undated": ("has condition(pneumonia)", [ill("pneumonia", None)], "unknown: imprecise"),
    "chronic stays": ("has condition(diabetes)", [ill("diabetes", "2010-06-01")], "met"),
    "acute and ended": ("has condition(pneumonia)", [ill("pneumonia", end_date="2026-01-05")], "not_met"),
    "ended in a month that is not over": (
        "has condition(pneumonia)", [ill("pneumonia", end_date="2026-01")], "unknown: imprecise"),
    "resolved, first seen earlier": (
        "has condition(pneumonia)", [ill("pneumonia"), ill("pneumonia", "2026-01-05", status="resolved")], "not_met"),
    "resolved, no other date": (
        "has condition(pneumonia)", [ill("pneumonia", status="resolved")], "unknown: imprecise"),
    "resolved, undated": (
        "has condition(pneumonia)", [ill("pneumonia", None, status="resolved")], "unknown: imprecise"),
    "an event was": ("has condition(myocardial infarction)", [ill("myocardial infarction", "2015-06-01")], "met"),
    "an event may have been": ("has condition(myocardial infarction)",
                               [ill("myocardial infarction", "2015-06-01", status="suspected")], "unknown: imprecise"),
    "an event denied on its day": (
        "has condition(myocardial infarction)",
        [ill("myocardial infarction"), ill("myocardial infarction", record_id="b", status="absent")],
        "unknown: conflicting"),
    "an allergy is no condition": ("has condition(hypertension)", [ill("hypertension", kind="allergy")], "not_met"),
    "a name no list knows may be it": ("has condition(hypertension)", [ill("xyzzy")], "unknown: imprecise"),
    "status asked": ("has condition(pneumonia, status: resolved)", [ill("pneumonia", status="resolved")], "met"),
    "another status": ("has condition(pneumonia, status: suspected)", [ill("pneumonia")], "not_met"),
    "absent is asked": ("has condition(pneumonia, status: absent)", [ill("pneumonia", status="absent")], "met"),
    "site": ("has condition(pneumonia, site: lung)", [ill("pneumonia", body_site="lung")], "met"),
    "no site": ("has condition(pneumonia, site: lung)", [ill("pneumonia")], "unknown: not recorded"),
    "history": ("history of condition(pneumonia)", [ill("pneumonia", "2015-06-01", status="resolved")], "met"),
}  # fmt: skip


@pytest.mark.parametrize("case", CONDITIONS)
def test_conditions(case):
    rule, rows, expected = CONDITIONS[case]
    assert has(rule, rows, coverage=[CONDITIONS_COMPLETE]) == expected


def brain(date="2025-12-20", **cells):
    return ill("brain metastasis", date, kind="metastasis", **cells)


STATES = {
    "as stated": ("treated", [brain(state="treated")], "met"),
    "the contrary": ("treated", [brain(state="untreated")], "not_met"),
    "another": ("treated", [brain(state="symptomatic")], "unknown: not recorded"),
    "none": ("treated", [brain()], "unknown: not recorded"),
    "stable is controlled": ("controlled", [brain(state="stable")], "met"),
    "a word no list knows": ("treated", [brain(state="xyzzy")], "unknown: not recorded"),
    "two of one day": (
        "treated", [brain(state="treated"), brain(state="untreated", record_id="b")], "unknown: conflicting"),
    "an undated rival": ("treated", [brain(state="treated"), brain(None, state="untreated")], "unknown: imprecise"),
    "the latest counts": ("treated", [brain("2025-06-01", state="untreated"), brain(state="treated")], "met"),
    "long enough by its own date": ("stable for 4 weeks", [brain(state="stable", state_since="2025-12-18")], "met"),
    "too short by its own date": ("stable for 4 weeks", [brain(state="stable", state_since="2025-12-19")], "not_met"),
    "of a month that may reach": (
        "stable for 4 weeks", [brain(state="stable", state_since="2025-12")], "unknown: imprecise"),
    "long enough by its rows": (
        "stable for 4 weeks", [brain("2025-12-01", state="stable"), brain(state="stable")], "met"),
    "too short by its rows, perhaps longer": ("stable for 4 weeks", [brain(state="stable")], "unknown: imprecise"),
    "broken in between": (
        "stable for 4 weeks",
        [brain("2025-06-01", state="stable"), brain("2025-12-19", state="progressive"), brain(state="stable")],
        "unknown: imprecise"),
    "undated": ("stable for 4 weeks", [brain(None, state="stable")], "unknown: not recorded"),
}  # fmt: skip


@pytest.mark.parametrize("case", STATES)
def test_states(case):
    state, rows, expected = STATES[case]
    complete = [CONDITIONS_COMPLETE]
    assert has(f"has condition(brain metastasis, state: {state})", [primary(), *rows], coverage=complete) == expected


OTHERS = {
    "a toxicity of no kind but with a grade": (
        "has toxicity(nausea, grade: >= 2)", [ill("nausea", kind=None, grade="3")], "met"),
    "a toxicity of no kind and grade": ("has toxicity(nausea)", [ill("nausea", kind=None)], "unknown: not recorded"),
    "a tumour is no toxicity": ("has toxicity(any)", [primary(kind=None)], "not_met"),
    "a comorbidity is no toxicity": ("has toxicity(nausea)", [ill("nausea")], "not_met"),
    "a grade left out": (
        "has toxicity(nausea, grade: >= 2)", [ill("nausea", kind="toxicity")], "unknown: not recorded"),
    "the baseline left out": ("has toxicity(nausea, grade: > baseline)",
                              [ill("nausea", kind="toxicity", grade="2")], "unknown: not recorded"),
    "two grades of one day": (
        "has toxicity(nausea, grade: >= 2)",
        [ill("nausea", kind="toxicity", grade="1"), ill("nausea", kind="toxicity", grade="3", record_id="b")],
        "unknown: conflicting"),
    "a cause": (
        "has toxicity(nausea, due_to: trabectedin)", [ill("nausea", kind="toxicity", due_to="Yondelis")], "met"),
    "a cause that is more than named": (
        "has toxicity(nausea, due_to: treatment(trabectedin, cycles: >= 2))",
        [ill("nausea", kind="toxicity", due_to="trabectedin")], "unknown: imprecise"),
    "an allergy to a drug": ("has allergy(carboplatin)", [ill("carboplatin", kind="allergy")], "met"),
    "an allergy to another": ("has allergy(carboplatin)", [ill("docetaxel", kind="allergy")], "not_met"),
    "an allergy denied": ("no allergy(docetaxel)", [ill("docetaxel", kind="allergy", status="absent")], "met"),
    "an allergy of no kind": ("has allergy(docetaxel)", [ill("xyzzy", kind=None)], "unknown: imprecise"),
    "family": ("has family_history(breast cancer)", [ill("breast cancer", kind="family history")], "met"),
    "the patient's own is none": ("has family_history(breast cancer)", [primary("breast cancer")], "not_met"),
}  # fmt: skip


@pytest.mark.parametrize("case", OTHERS)
def test_toxicities_allergies_family(case):
    rule, rows, expected = OTHERS[case]
    assert has(rule, rows, coverage=[CONDITIONS_COMPLETE]) == expected


EVENTS = {
    "any": ("has disease_status(any)", [{}], "met"),
    "the word": ("has disease_status(progression)", [{}], "met"),
    "a narrower word": ("has disease_status(relapse)", [{"status": "distant metastasis"}], "met"),
    "another word": ("has disease_status(stable)", [{}], "not_met"),
    "a word no list knows": ("has disease_status(progression)", [{"status": "xyzzy"}], "unknown: imprecise"),
    "its site": ("has disease_status(progression, site: lung)", [{"site": "lung"}], "met"),
    "no site": ("has disease_status(progression, site: lung)", [{}], "unknown: not recorded"),
    "its basis": ("has disease_status(progression, basis: imaging)", [{"basis": "CT"}], "met"),
    "of this cancer": ("has disease_status(progression)", [{"diagnosis": "A"}], "met"),
    "of no cancer of the patient": ("has disease_status(any)", [{"diagnosis": "Z"}], "unknown: imprecise"),
}


@pytest.mark.parametrize("case", EVENTS)
def test_the_course_of_this_cancer(case):
    rule, cells, expected = EVENTS[case]
    rows = [{"status": "progression", "date": "2024-02-01", **each} for each in cells]
    complete = {"domain": "disease_status", "complete_through": "2026-01-10"}
    who = lms(conditions=[primary(diagnosis_id="A")], disease_status=rows, coverage=[complete])
    assert truth(rule, who, cancer="leiomyosarcoma") == expected


EXTENT_HOLDS = {
    "while the record is current": ("2026-01-10", "met"),
    "on the thirtieth day": ("2025-12-16", "met"),
    "no longer on the thirty-first": ("2025-12-15", "unknown: stale"),
}


@pytest.mark.parametrize("case", EXTENT_HOLDS)
def test_localised_holds_while_the_record_is_current(case):
    through, expected = EXTENT_HOLDS[case]
    who = lms(conditions=[primary(extent="localized")], data_through=through)
    assert truth(diagnosis("extent: localized"), who) == expected
    metastatic = lms(conditions=[primary(extent="metastatic")], data_through=through)
    assert truth(diagnosis("extent: metastatic"), metastatic) == "met"


def test_localised_holds_from_the_day_it_was_recorded_where_the_data_name_none():
    who = lms(conditions=[primary(extent="localized")], data_through=None)
    assert truth(diagnosis("extent: localized"), who) == "met"
