"""Treatments and medications against patterns (SEMANTICS §2.1, §2.4): name, status, setting, line, regimen, purpose."""

from dataclasses import replace

import pytest

from tests.synthetic import DRUGS_COMPLETE, drug, lms, truth

ALL_COMPLETE = {"domain": "treatments", "scope": "all", "complete_through": "2026-01-10"}
GEM = drug("gemcitabine", "2024-01-10", "2024-05-20")
DOCE = drug("docetaxel", "2024-01-17", "2024-05-20")
WITH = "has treatment(gemcitabine, with: docetaxel)"
BOTH = "has treatment(gemcitabine and docetaxel)"


def other(name, kind, start="2024-01-10", **cells):
    return {"treatment": name, "kind": kind, "start_date": start, "end_date": start, **cells}


def when(rule, rows, coverage=(), **more):
    return truth(rule, lms(treatments=rows, coverage=list(coverage), **more), cancer="leiomyosarcoma")


NAMES = {
    "other than takes a member away": ("has treatment(anthracycline, other than: doxorubicin)",
                                       [drug("doxorubicin", "2024-01-10")], "not_met"),
    "and leaves the rest": ("has treatment(anthracycline, other than: doxorubicin)",
                            [drug("epirubicin", "2024-01-10")], "met"),
    "any other": ("has treatment(any, other than: doxorubicin)", [drug("pazopanib", "2024-01-10")], "met"),
    "an unnamed drug may be the one": ("has treatment(doxorubicin)", [drug("", "2024-01-10")], "unknown: imprecise"),
    "an unnamed operation is no drug": ("has treatment(doxorubicin)", [other("", "surgery")], "not_met"),
    "a name no list knows, of an operation, is no drug": (
        "has treatment(doxorubicin)", [other("xyzzy", "surgery")], "not_met"),
    "an unnamed operation is surgery": ("has treatment(surgery)", [other("", "surgery")], "met"),
    "an unnamed operation may be any operation": ("has treatment(wide excision)",
                                                  [other("", "surgery")], "unknown: imprecise"),
    "an unnamed drug is no operation": ("has treatment(surgery)", [drug("", "2024-01-10")], "not_met"),
    "an unnamed treatment of no kind may be anything": ("has treatment(doxorubicin)",
                                                        [other("xyzzy", None)], "unknown: imprecise"),
    "an unnamed treatment of kind other may be anything": ("has treatment(doxorubicin)",
                                                           [other("xyzzy", "other")], "unknown: imprecise"),
    "an unnamed drug may be a transplant's": (
        "has treatment(transplant)", [drug("", "2024-01-10")], "unknown: imprecise"),
}  # fmt: skip

STATUSES = {
    "planned is not given": ("has treatment(doxorubicin)", [drug("doxorubicin", status="planned")], "not_met"),
    "planned is asked": ("has treatment(doxorubicin, status: planned)", [drug("doxorubicin", status="planned")], "met"),
    "declined is asked": ("has treatment(doxorubicin, status: declined)",
                          [drug("doxorubicin", status="planned")], "not_met"),
    "blank and begun is given": (
        "has treatment(doxorubicin, status: given)", [drug("doxorubicin", "2024-01-10")], "met"),
    "blank and begun is not planned": ("has treatment(doxorubicin, status: planned)",
                                       [drug("doxorubicin", "2024-01-10")], "not_met"),
    "blank and undated may be either": ("has treatment(doxorubicin, status: planned)",
                                        [drug("doxorubicin")], "unknown: imprecise"),
    "blank and undated may be given": ("has treatment(doxorubicin)", [drug("doxorubicin")], "unknown: imprecise"),
    "a word no list knows": ("has treatment(doxorubicin, status: planned)",
                             [drug("doxorubicin", "2024-01-10", status="xyzzy")], "unknown: imprecise"),
}  # fmt: skip

KINDS = {
    "the kind recorded": ("has treatment(any, kind: radiotherapy)", [other("xyzzy", "radiotherapy")], "met"),
    "another kind": ("has treatment(any, kind: surgery)", [other("xyzzy", "radiotherapy")], "not_met"),
    "the kind of its name": ("has treatment(any, kind: drug)", [drug("doxorubicin", "2024-01-10", kind=None)], "met"),
    "a procedure by its name": ("has treatment(any, kind: surgery)", [other("wide excision", None)], "met"),
    "no kind and no name": ("has treatment(any, kind: drug)", [other("xyzzy", None)], "unknown: not recorded"),
    "a kind no list knows": ("has treatment(any, kind: drug)", [other("xyzzy", "qwert")], "unknown: imprecise"),
}  # fmt: skip

SETTINGS = {
    "as recorded": ("advanced", drug("doxorubicin", "2024-01-10", setting="advanced"), "met"),
    "another": ("advanced", drug("doxorubicin", "2024-01-10", setting="adjuvant"), "not_met"),
    "adjuvant is perioperative": ("perioperative", drug("doxorubicin", "2024-01-10", setting="adjuvant"), "met"),
    "perioperative may be adjuvant": (
        "adjuvant", drug("doxorubicin", "2024-01-10", setting="perioperative"), "unknown: imprecise"),
    "palliative intent": ("advanced", drug("doxorubicin", "2024-01-10", intent="palliative"), "met"),
    "after the first metastatic date": ("advanced", drug("doxorubicin", "2024-01-10"), "met"),
    "before it, and no resection": ("advanced", drug("doxorubicin", "2021-01-10"), "unknown: not recorded"),
    "not adjuvant": ("not adjuvant", drug("doxorubicin", "2024-01-10", setting="advanced"), "met"),
}  # fmt: skip

LINES = {
    "the recorded line": ("= 2", [drug("pazopanib", "2024-08-01", setting="advanced", line="2"),
                                  drug("doxorubicin", "2024-01-10", "2024-05-20", setting="advanced")], "met"),
    "not that line": ("= 3", [drug("pazopanib", "2024-08-01", setting="advanced", line="2"),
                              drug("doxorubicin", "2024-01-10", "2024-05-20", setting="advanced")], "not_met"),
    "at least the second": (">= 2", [drug("pazopanib", "2024-08-01", setting="advanced"),
                                     drug("doxorubicin", "2024-01-10", "2024-05-20", setting="advanced")], "met"),
}  # fmt: skip

TOGETHER = {
    "begun within 28 days": ([GEM, drug("docetaxel", "2024-02-07")], "met"),
    "begun on the twenty-ninth day": ([GEM, drug("docetaxel", "2024-02-08")], "not_met"),
    "so named, whatever the dates": (
        [{**GEM, "regimen": "GemDoc"}, {**DOCE, "start_date": "2024-04-10", "regimen": "gemdoc"}], "met"),
    "of two names and apart": (
        [{**GEM, "regimen": "GemDoc"}, drug("docetaxel", "2024-04-10", regimen="DX")], "not_met"),
    "in the same month, near enough": ([GEM, drug("docetaxel", "2024-01")], "met"),
    "in the same year, perhaps": ([GEM, drug("docetaxel", "2024")], "unknown: imprecise"),
    "a drug no list knows may be it": ([GEM, drug("xyzzy", "2024-01-17")], "unknown: imprecise"),
    "alone": ([GEM], "not_met"),
    "neither": ([drug("pazopanib", "2024-01-10")], "not_met"),
    "only the partner": ([DOCE], "not_met"),
}  # fmt: skip

PURPOSES = {
    "this cancer's, as the only one": ("for: this cancer", [GEM], "met"),
    "another cancer named, not recorded": ("for: breast cancer", [GEM], "unknown: not recorded"),
    "another cancer recorded": ("for: breast cancer", [{**GEM, "diagnosis": "breast cancer"}], "met"),
    "not that cancer": ("for: breast cancer", [{**GEM, "diagnosis": "leiomyosarcoma"}], "not_met"),
    "a diagnosis no list knows": ("for: breast cancer", [{**GEM, "diagnosis": "xyzzy"}], "unknown: imprecise"),
    "as a record": ("for: diagnosis(breast cancer)", [{**GEM, "diagnosis": "breast cancer"}], "met"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "rows", "expected"),
    [pytest.param(*row, id=name) for table in (NAMES, STATUSES, KINDS) for name, row in table.items()],
)
def test_name_status_and_kind(rule, rows, expected):
    assert when(rule, rows, [ALL_COMPLETE]) == expected


@pytest.mark.parametrize("case", SETTINGS)
def test_setting(case):
    setting, row, expected = SETTINGS[case]
    assert when(f"has treatment(doxorubicin, setting: {setting})", [row], [ALL_COMPLETE]) == expected


@pytest.mark.parametrize("case", LINES)
def test_line(case):
    line, rows, expected = LINES[case]
    assert when(f"has treatment(pazopanib, line: {line})", rows, [ALL_COMPLETE]) == expected


def test_an_earlier_drug_of_no_setting_leaves_the_line_open():
    rows = [drug("doxorubicin", "2021-01-10", "2021-05-20"), drug("pazopanib", "2024-08-01", setting="advanced")]
    assert when("has treatment(pazopanib, line: = 2)", rows, [ALL_COMPLETE]) == "unknown: imprecise"
    assert when("has treatment(pazopanib, line: <= 2)", rows, [ALL_COMPLETE]) == "met"


def test_a_definition_asks_of_the_treatment_at_hand():
    toxic = ("define failure of anthracycline as has treatment(this treatment, stop_reason: toxicity)",)
    rows = [drug("doxorubicin", "2024-01-10", "2024-05-20", stop_reason="completed"),
            drug("pazopanib", "2024-08-01", "2024-09-01", stop_reason="toxicity")]  # fmt: skip
    who = lms(treatments=rows, coverage=[ALL_COMPLETE])
    rule = "has treatment(doxorubicin, outcome: failure)"
    assert truth(rule, who, cancer="leiomyosarcoma", definitions=toxic) == "not_met"
    stopped = lms(treatments=[{**rows[0], "stop_reason": "toxicity"}, rows[1]], coverage=[ALL_COMPLETE])
    assert truth(rule, stopped, cancer="leiomyosarcoma", definitions=toxic) == "met"


def test_an_operation_has_no_line():
    rows = [other("wide excision", "surgery")]
    assert when("has treatment(surgery, line: = 1)", rows, [ALL_COMPLETE]) == "unknown: not recorded"


@pytest.mark.parametrize("rule", [WITH, BOTH, "has treatment(gemcitabine, with: treatment(docetaxel))"])
@pytest.mark.parametrize("case", TOGETHER)
def test_given_together(case, rule):
    rows, expected = TOGETHER[case]
    assert when(rule, rows, [DRUGS_COMPLETE]) == expected


@pytest.mark.parametrize("rule", [WITH, BOTH])
def test_alone_where_the_list_is_open(rule):
    assert when(rule, [GEM]) == "unknown: not recorded"


@pytest.mark.parametrize("case", PURPOSES)
def test_given_for(case):
    purpose, rows, expected = PURPOSES[case]
    assert when(f"has treatment(gemcitabine, {purpose})", rows, [DRUGS_COMPLETE]) == expected


TWO = [
    {"condition": "leiomyosarcoma", "kind": "primary", "body_site": "uterus", "date": "2023-02-01", "diagnosis_id": "A",
     "extent": "metastatic"},
    {"condition": "breast cancer", "kind": "primary", "date": "2015-02-01", "diagnosis_id": "B"},
]  # fmt: skip
OF_TWO = {
    "this cancer's": ("A", "met"),
    "the other's": ("B", "not_met"),
    "either's": (None, "unknown: imprecise"),
    "this one's by name": ("leiomyosarcoma", "met"),
    "the other's by name": ("breast cancer", "not_met"),
    "of a wider name that holds both": ("cancer", "unknown: imprecise"),
    "of an id no row has": ("C", "unknown: imprecise"),
}


@pytest.mark.parametrize("rule", ["for: this cancer", "setting: advanced"])
@pytest.mark.parametrize("case", OF_TWO)
def test_setting_and_purpose_are_of_this_cancer(case, rule):
    diagnosis, expected = OF_TWO[case]
    row = {**GEM, "setting": "advanced", "diagnosis": diagnosis}
    assert when(f"has treatment(gemcitabine, {rule})", [row], [DRUGS_COMPLETE], conditions=TWO) == expected


def test_exposure_is_of_every_cancer():
    assert when("has treatment(gemcitabine)", [{**GEM, "diagnosis": "B"}], conditions=TWO) == "met"


MEDICATIONS_COMPLETE = {"domain": "medications", "scope": "all", "complete_through": "2026-01-10"}
INDUCERS = {
    "dexamethasone as premedication is none": ("premedication for docetaxel", "not_met"),
    "for another purpose it is one": ("cerebral edema", "met"),
    "for a purpose not recorded it may be": (None, "unknown: not recorded"),
}


def taken(name, **cells):
    return {"medication": name, "start_date": "2025-12-20", "ongoing": "yes", **cells}


@pytest.mark.parametrize("case", INDUCERS)
def test_dexamethasone_as_an_inducer(case):
    purpose, expected = INDUCERS[case]
    who = lms(medications=[taken("dexamethasone", indication=purpose)], coverage=[MEDICATIONS_COMPLETE])
    assert truth("has medication(CYP3A inducer)", who) == expected
    # By its own name, and as a corticosteroid, it is what it is.
    assert truth("has medication(dexamethasone)", who) == "met"
    assert truth("has medication(systemic corticosteroid)", who) == "met"


def test_a_medication_that_may_be_two_drugs_is_no_certain_inducer():
    who = lms(medications=[taken("dexamethasone", indication="edema")], coverage=[MEDICATIONS_COMPLETE])
    torn = replace(who, medications=(replace(who.medications[0], concepts=("dexamethasone", "aspirin")),))
    assert truth("has medication(CYP3A inducer)", torn) == "unknown: conflicting"


MEDICATIONS = {
    "any medication": ("has medication(any)", "met"),
    "any but this": ("has medication(any, other than: aspirin)", "not_met"),
    "another": ("has medication(warfarin)", "not_met"),
    "under way": ("has medication(aspirin, ongoing: yes)", "met"),
    "not under way": ("has medication(aspirin, ongoing: no)", "not_met"),
    "for a condition": ("has medication(aspirin, for: atrial fibrillation)", "met"),
    "for another": ("has medication(aspirin, for: diabetes)", "not_met"),
    "for one as a record": ("has medication(aspirin, for: condition(atrial fibrillation))", "met"),
    "for any condition": ("has medication(aspirin, for: condition(any))", "met"),
    "for a condition that is more than named": (
        "has medication(aspirin, for: condition(atrial fibrillation, state: controlled))",
        "unknown: imprecise",
    ),
    "the dose in another unit": ("has medication(aspirin, dose: >= 0.1 g)", "met"),
    "the dose in no unit at all": ("has medication(aspirin, dose: >= 100)", "met"),
    "a dose that cannot be compared": ("has medication(aspirin, dose: >= 100 mg/m2)", "unknown: imprecise"),
    "by mouth": ("has medication(aspirin, route: oral)", "met"),
    "a drug is a treatment or a medication": ("has drug(aspirin)", "met"),
}


@pytest.mark.parametrize("case", MEDICATIONS)
def test_medications(case):
    rule, expected = MEDICATIONS[case]
    row = taken("aspirin", indication="atrial fibrillation", dose="100", dose_unit="mg", route="po")
    assert truth(rule, lms(medications=[row], coverage=[MEDICATIONS_COMPLETE])) == expected


NUMBERS = {
    "cycles": ("cycles: >= 4", "met"),
    "more cycles": ("cycles: > 6", "not_met"),
    "a cumulative dose": ("cumulative_dose: <= 450 mg/m2", "met"),
    "a relative dose that was left out": ("relative_dose: >= 80", "unknown: not recorded"),
    "on trial": ("on_trial: yes", "met"),
    "not on trial": ("on_trial: no", "not_met"),
    "a response": ("response: partial response", "met"),
    "a wider response": ("response: response", "met"),
    "another response": ("response: stable disease", "not_met"),
    "an intent no list knows": ("intent: curative", "unknown: imprecise"),
}


@pytest.mark.parametrize("case", NUMBERS)
def test_fields_of_one_column(case):
    test, expected = NUMBERS[case]
    row = drug("doxorubicin", "2024-01-10", "2024-05-20", cycles="6", cumulative_dose="450",
               cumulative_dose_unit="mg/m2", on_trial="yes", response="PR", intent="xyzzy")  # fmt: skip
    assert when(f"has treatment(doxorubicin, {test})", [row], [DRUGS_COMPLETE]) == expected


CHEMORADIATION = "has treatment(cisplatin and radiotherapy)"
CISPLATIN = {"treatment": "cisplatin", "kind": "drug", "start_date": "2024-01-10", "end_date": "2024-03-01"}
RADIOTHERAPY = {
    "treatment": "radiotherapy",
    "kind": "radiotherapy",
    "start_date": "2024-01-12",
    "end_date": "2024-03-01",
}
EVERY = {"domain": "treatments", "scope": "all", "complete_through": "2026-01-10"}
ONLY_DRUGS = {"domain": "treatments", "scope": "kind:drug", "complete_through": "2026-01-10"}


@pytest.mark.parametrize(
    ("rule", "treatments", "coverage", "expected"),
    [
        (CHEMORADIATION, [CISPLATIN, RADIOTHERAPY], [EVERY], "met"),
        (CHEMORADIATION, [CISPLATIN], [EVERY], "not_met"),
        # A complete list of drugs says nothing of radiotherapy.
        (CHEMORADIATION, [CISPLATIN], [ONLY_DRUGS], "unknown: not recorded"),
        ("has treatment(cisplatin, with: radiotherapy)", [CISPLATIN, RADIOTHERAPY], [EVERY], "met"),
        ("has treatment(cisplatin, with: treatment(radiotherapy))", [CISPLATIN], [ONLY_DRUGS], "unknown: not recorded"),
        ("has treatment(cisplatin, with: treatment(any))", [CISPLATIN], [EVERY], "not_met"),
        ("has treatment(cisplatin, with: treatment(any))", [CISPLATIN], [ONLY_DRUGS], "unknown: not recorded"),
    ],
)
def test_a_regimen_may_hold_more_than_drugs(rule, treatments, coverage, expected):
    assert truth(rule, lms(treatments=treatments, coverage=coverage)) == expected
