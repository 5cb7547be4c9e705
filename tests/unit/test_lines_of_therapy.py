"""Ten worked patients for lines of therapy (SEMANTICS §2.5), and what makes a count a range."""

import pytest

from tests.synthetic import DRUGS_COMPLETE, drug, lms, truth

PROGRESSION = [{"status": "progression", "date": "2024-06-01"}]


def count(
    treatments, disease_status=(), rule="count line(systemic, setting: advanced)", coverage=(DRUGS_COMPLETE,), **rows
):
    who = lms(treatments=treatments, disease_status=list(disease_status), coverage=list(coverage), **rows)
    found = [n for n in range(8) if truth(f"{rule} = {n}", who, cancer="leiomyosarcoma") != "not_met"]
    return (found[0], found[-1]) if found else None


WORKED = {
    "one drug, one line": ([drug("doxorubicin", "2024-01-10", "2024-05-20", setting="advanced")], (), (1, 1)),
    "two drugs begun within 28 days are one line": (
        [drug("gemcitabine", "2024-01-10", "2024-05-20", setting="advanced"),
         drug("docetaxel", "2024-02-07", "2024-05-20", setting="advanced")], (), (1, 1)),
    "a drug added after 29 days opens a line": (
        [drug("gemcitabine", "2024-01-10", "2024-05-20", setting="advanced"),
         drug("docetaxel", "2024-02-08", "2024-05-20", setting="advanced")], (), (2, 2)),
    "a brand or a salt of the same drug does not": (
        [drug("doxorubicin", "2024-01-10", "2024-03-20", setting="advanced"),
         drug("Adriamycin", "2024-04-02", "2024-05-20", setting="advanced")], (), (1, 1)),
    "a rechallenge without progression does not": (
        [drug("doxorubicin", "2023-03-10", "2023-06-20", setting="advanced"),
         drug("doxorubicin", "2024-09-02", "2024-12-20", setting="advanced")], (), (1, 1)),
    "a rechallenge after progression does": (
        [drug("doxorubicin", "2023-03-10", "2023-06-20", setting="advanced"),
         drug("doxorubicin", "2024-09-02", "2024-12-20", setting="advanced")], PROGRESSION, (2, 2)),
    "maintenance with a drug of the line belongs to it": (
        [drug("doxorubicin", "2024-01-10", "2024-05-20", setting="advanced"),
         drug("trabectedin", "2024-01-10", "2024-05-20", setting="advanced"),
         drug("trabectedin", "2024-06-10", "2025-05-20", setting="maintenance")], (), (1, 1)),
    "adjuvant therapy is no advanced line": (
        [drug("doxorubicin", "2022-05-10", "2022-09-20", setting="adjuvant"),
         drug("gemcitabine", "2024-01-10", "2024-05-20", setting="advanced"),
         drug("docetaxel", "2024-01-10", "2024-05-20", setting="advanced")], (), (1, 1)),
    "without a setting, what starts from the metastatic date on is advanced": (
        [drug("doxorubicin", "2023-03-10", "2023-08-20")], (), (1, 1)),
    "without setting or date it may be either": (
        [drug("doxorubicin"), drug("pazopanib", "2024-03-10", "2024-08-20", setting="advanced")], (), (1, 2)),
}  # fmt: skip


@pytest.mark.parametrize("case", WORKED)
def test_worked_patients(case):
    treatments, events, expected = WORKED[case]
    assert count(treatments, events) == expected


RANGES = {
    "a recorded number overrides the grouping": (
        [drug("doxorubicin", "2024-01-10", "2024-03-20", setting="advanced", line="1"),
         drug("ifosfamide", "2024-04-02", "2024-06-20", setting="advanced", line="1")], (), (1, 1)),
    "a higher number than lines are known makes a range": (
        [drug("pazopanib", "2024-01-10", "2024-03-20", setting="advanced", line="2")], (), (1, 2)),
    "numbers against the dates make a range": (
        [drug("doxorubicin", "2024-03-10", "2024-03-20", setting="advanced", line="1"),
         drug("pazopanib", "2024-03-10", "2024-06-20", setting="advanced", line="2")], (), (1, 2)),
    "a drug no vocabulary knows may be a line": (
        [drug("doxorubicin", "2024-01-10", "2024-05-20", setting="advanced"),
         drug("xq-17-unheard", "2024-09-01", "2024-10-20", setting="advanced")], (), (1, 2)),
    "a month may lie within the 28 days or not": (
        [drug("doxorubicin", "2024-01-10", "2024-05-20", setting="advanced"),
         drug("ifosfamide", "2024-02", "2024-05-20", setting="advanced")], (), (1, 2)),
    "a planned line is none": (
        [drug("doxorubicin", "2024-01-10", "2024-05-20", setting="advanced"),
         drug("pazopanib", "2026-02-01", None, setting="advanced", status="planned")], (), (1, 1)),
    "palliative intent is advanced, curative perioperative": (
        [drug("doxorubicin", "2022-01-10", "2022-05-20", intent="curative"),
         drug("pazopanib", "2024-02-01", "2024-06-01", intent="palliative")], (), (1, 1)),
    "within six months of a resection it is perioperative": (
        [{"treatment": "hysterectomy", "kind": "surgery", "start_date": "2022-03-01"},
         drug("doxorubicin", "2022-06-10", "2022-10-20")], (), (0, 0)),
    "hormones and supportive drugs of another kind are no line": (
        [drug("doxorubicin", "2024-01-10", "2024-05-20", setting="advanced"),
         {"treatment": "radiotherapy", "kind": "radiotherapy", "start_date": "2024-06-01"}], (), (1, 1)),
}  # fmt: skip


@pytest.mark.parametrize("case", RANGES)
def test_what_makes_a_range(case):
    treatments, events, expected = RANGES[case]
    assert count(treatments, events) == expected


def test_without_a_complete_list_a_count_is_open_above():
    who = lms(treatments=[drug("doxorubicin", "2024-01-10", "2024-05-20", setting="advanced")])
    assert truth("count line(systemic, setting: advanced) >= 1", who, cancer="leiomyosarcoma") == "met"
    assert truth("count line(systemic, setting: advanced) = 1", who, cancer="leiomyosarcoma") == "unknown: not recorded"


def test_a_line_under_way_counts_unless_the_rule_says_ended():
    going_on = [drug("doxorubicin", "2025-12-10", None, setting="advanced", ongoing="yes")]
    assert count(going_on) == (1, 1)
    assert count(going_on, rule="count line(systemic, setting: advanced, ended: yes)") == (0, 0)
    assert count(going_on, rule="count line(systemic, setting: advanced, ended: no)") == (1, 1)


def test_lines_of_another_cancer_are_not_counted():
    two = [
        {"condition": "leiomyosarcoma", "kind": "primary", "body_site": "uterus", "extent": "metastatic",
         "date": "2023-02-01", "diagnosis_id": "A"},
        {"condition": "breast cancer", "kind": "primary", "date": "2015-02-01", "diagnosis_id": "B"},
    ]  # fmt: skip
    chemo = [
        drug("doxorubicin", "2024-01-10", "2024-05-20", setting="advanced", diagnosis="A"),
        drug("docetaxel", "2015-04-10", "2015-08-20", setting="adjuvant", diagnosis="B"),
    ]
    assert count(chemo, rule="count line(systemic)", conditions=two) == (1, 1)
    chemo[1]["diagnosis"] = None
    assert count(chemo, rule="count line(systemic)", conditions=two) == (1, 2)


def test_where_no_primary_is_the_documents_cancer_lines_are_unknown():
    who = lms(
        treatments=[drug("doxorubicin", "2024-01-10", "2024-05-20", setting="advanced")], coverage=[DRUGS_COMPLETE]
    )
    assert truth("count line(systemic) >= 1", who, cancer="prostate cancer") == "unknown: imprecise"


def test_a_line_is_found_by_its_drug_and_number():
    who = lms(
        treatments=[
            drug("doxorubicin", "2024-01-10", "2024-05-20", setting="advanced"),
            drug("pazopanib", "2024-08-10", "2024-12-20", setting="advanced"),
        ],
        coverage=[DRUGS_COMPLETE],
    )
    how = {"cancer": "leiomyosarcoma"}
    assert truth("count line(pazopanib) = 1", who, **how) == "met"
    assert truth("has line(doxorubicin, setting: advanced)", who, **how) == "met"
    assert truth("has line(trabectedin)", who, **how) == "not_met"
    assert truth("has treatment(pazopanib, line: = 2)", who, **how) == "met"
    assert truth("has treatment(pazopanib, line: = 1)", who, **how) == "not_met"
    assert truth("time since end of last line(systemic) >= 12 months", who, **how) == "met"


@pytest.mark.parametrize(
    "regimens",
    [
        "gemcitabine and docetaxel or gemcitabine and cisplatin",
        "gemcitabine and cisplatin or gemcitabine and docetaxel",
    ],
)
def test_of_regimens_that_begin_with_one_drug_any_makes_the_line(regimens):
    given = [drug("gemcitabine", "2024-01-10", setting="advanced"), drug("docetaxel", "2024-01-10", setting="advanced")]
    assert count(given, rule=f"count line({regimens})") == (1, 1)
