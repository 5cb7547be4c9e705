"""Counts of records, sites and lines as intervals, and how each can change (§3.10, §2.5, §5)."""

import pytest

from matcher.engine.truth import Change
from tests.synthetic import DRUGS_COMPLETE, asked, drug, lms, truth

ALL = [
    {"domain": domain, "complete_through": "2026-01-15"} for domain in ("treatments", "conditions", "disease_status")
]
FIRST = drug("doxorubicin", "2023-06-01", "2023-12-01", setting="advanced")
SECOND = drug("pazopanib", "2024-03-01", "2024-09-01", setting="advanced")
PRIMARY = {
    "condition": "leiomyosarcoma",
    "kind": "primary",
    "body_site": "uterus",
    "extent": "metastatic",
    "date": "2023-02-01",
}


def metastasis(name, site=None, **cells):
    return {"condition": name, "kind": "metastasis", "body_site": site, "date": "2024-03-01", **cells}


SITES = {
    "two organs": ([metastasis("metastasis", "lung"), metastasis("metastasis", "liver")], ">= 2", "met"),
    "one organ twice": (
        [metastasis("metastasis", "lung"), metastasis("metastasis", "lung", date="2025-01-01")],
        ">= 2",
        "not_met",
    ),
    "a site not recorded may be another": (
        [metastasis("metastasis", "lung"), metastasis("metastasis")],
        ">= 2",
        "unknown: imprecise",
    ),
    "it is at least one": ([metastasis("metastasis")], ">= 1", "met"),
    "it may be at several": ([metastasis("metastasis")], "= 1", "unknown: imprecise"),
    "one that is suspected may be none": (
        [metastasis("metastasis", "lung"), metastasis("metastasis", "liver", status="suspected")],
        ">= 2",
        "unknown: imprecise",
    ),
    "none, and the record is complete": ([], "= 0", "met"),
}


@pytest.mark.parametrize("case", SITES)
def test_sites_of_metastasis(case):
    rows, test, expected = SITES[case]
    who = lms(conditions=[{**PRIMARY, "extent": "" if not rows else "metastatic"}, *rows], coverage=ALL)
    assert truth(f"count site(metastasis) {test}", who, cancer="leiomyosarcoma") == expected


def test_sites_that_are_missing_are_asked_for():
    who = lms(conditions=[PRIMARY, metastasis("metastasis")], coverage=ALL)
    found = asked("count site(metastasis) >= 2", who, cancer="leiomyosarcoma")
    assert [item.text for item in found.missing] == ["sites of the metastases"]


RECORDS = {
    "in a window": (
        "count treatment(chemotherapy) = 1 within 3 years",
        [FIRST, drug("ifosfamide", "2020-01-01", "2020-05-01")],
        "met",
    ),
    "the window that nobody can place": (
        "count treatment(chemotherapy) = 1 within 6 months before first treatment(surgery)",
        [FIRST],
        "unknown: needs judgement",
    ),
    "outside what is asked": ("count treatment(chemotherapy) between 2 and 3", [FIRST], "not_met"),
    "both ends of between count": ("count treatment(any) between 2 and 3", [FIRST, SECOND], "met"),
    "not so many": ("count treatment(any) != 2", [FIRST, SECOND], "not_met"),
}


@pytest.mark.parametrize("case", RECORDS)
def test_records(case):
    rule, rows, expected = RECORDS[case]
    assert truth(rule, lms(treatments=rows, coverage=ALL)) == expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("count treatment(any) >= 3", Change.COURSE),  # one more may be given
        ("count treatment(any) >= 2", Change.NEVER),  # none is taken back
        ("count treatment(any) <= 1", Change.NEVER),
        ("count treatment(any) <= 2", Change.COURSE),
        ("count treatment(any) = 2", Change.COURSE),
        ("count treatment(any) != 2", Change.COURSE),
        ("count treatment(any) != 1", Change.NEVER),
        ("count treatment(any) <= 1 within 3 years", Change.TIME),  # the earlier one leaves the window
        ("count treatment(any) >= 2 within 3 years", Change.TIME),
        ("count line(systemic) >= 3", Change.COURSE),
        ("count line(systemic) <= 1", Change.NEVER),
    ],
)
def test_how_a_count_changes(rule, expected):
    who = lms(treatments=[FIRST, SECOND], coverage=ALL)
    found = asked(rule, who, cancer="leiomyosarcoma")
    assert found.truth.word != "unknown"
    assert found.change is expected


def test_the_count_is_told():
    two = lms(treatments=[FIRST, SECOND], coverage=ALL)
    doubtful = lms(treatments=[FIRST, drug("xyzzy", "2024-03-01", "2024-09-01")], coverage=ALL)
    open_ = lms(treatments=[FIRST])
    rule = "count treatment(doxorubicin) >= 1"
    assert asked(rule, two).note == "count: 1"
    assert asked(rule, doubtful).note == "count: 1 to 2"
    assert asked(rule, open_).note == "count: at least 1"


# --- lines ----------------------------------------------------------------------------------------------------------


def lines(rule, *rows, cancer="leiomyosarcoma", **more):
    return truth(rule, lms(treatments=list(rows), coverage=[DRUGS_COMPLETE], **more), cancer=cancer)


PERI = drug("doxorubicin", "2023-03-01", "2023-06-01", setting="adjuvant")
LINES = {
    "either setting": ("count line(systemic, setting: perioperative or advanced) = 2", [PERI, SECOND], "met"),
    "not perioperative": ("count line(systemic, setting: not perioperative) = 1", [PERI, SECOND], "met"),
    "both at once cannot be": ("count line(systemic, setting: perioperative and advanced) = 0", [PERI, SECOND], "met"),
    "a line that ended": ("count line(systemic, ended: yes) = 2", [PERI, SECOND], "met"),
    "a line under way": (
        "count line(systemic, ended: no) = 1",
        [PERI, drug("pazopanib", "2025-12-01", None, setting="advanced", ongoing="yes")],
        "met",
    ),
    "ended, the other way": (
        "count line(systemic, ended: not yes) = 1",
        [PERI, drug("pazopanib", "2025-12-01", None, setting="advanced", ongoing="yes")],
        "met",
    ),
    "ended or not": ("count line(systemic, ended: yes or no) = 2", [PERI, SECOND], "met"),
    "ended and not": ("count line(systemic, ended: yes and no) = 0", [PERI, SECOND], "met"),
    "an end that is not recorded": (
        "count line(systemic, ended: yes) = 1",
        [drug("pazopanib", "2024-03-01", None, setting="advanced")],
        "unknown: imprecise",
    ),
    "an operation is no line": (
        "count line(systemic) = 1",
        [FIRST, {"treatment": "surgery", "kind": "surgery", "start_date": "2023-03-01"}],
        "met",
    ),
    "a name nobody knows may be one": (
        "count line(systemic) = 1",
        [FIRST, drug("xyzzy", "2024-03-01", "2024-06-01")],
        "unknown: imprecise",
    ),
    "day 28 belongs to the line": (
        "count line(systemic) = 1",
        [FIRST, drug("ifosfamide", "2023-06-29", "2023-12-01", setting="advanced")],
        "met",
    ),
    "day 29 opens a new one": (
        "count line(systemic) = 2",
        [FIRST, drug("ifosfamide", "2023-06-30", "2023-12-01", setting="advanced")],
        "met",
    ),
    "within six months after a resection": (
        "count line(systemic, setting: perioperative) = 1",
        [
            {"treatment": "surgery", "kind": "surgery", "start_date": "2022-09-01"},
            drug("doxorubicin", "2022-10-01", "2022-12-01"),
        ],
        "met",
    ),
    "without a resection nobody can tell": (
        "count line(systemic, setting: perioperative) = 1",
        [drug("doxorubicin", "2022-10-01", "2022-12-01")],
        "unknown: imprecise",
    ),
    "from the metastatic day on": (
        "count line(systemic, setting: advanced) = 1",
        [drug("doxorubicin", "2023-02-01", "2023-05-01")],
        "met",
    ),
    "curative is perioperative": (
        "count line(systemic, setting: perioperative) = 1",
        [drug("doxorubicin", "2024-02-01", "2024-05-01", intent="curative")],
        "met",
    ),
    "palliative is advanced": (
        "count line(systemic, setting: advanced) = 1",
        [drug("doxorubicin", "2022-02-01", "2022-05-01", intent="palliative")],
        "met",
    ),
    "a treatment that was declined is no line": (
        "count line(systemic) = 1",
        [FIRST, {**SECOND, "status": "declined"}],
        "met",
    ),
}


@pytest.mark.parametrize("case", LINES)
def test_lines(case):
    rule, rows, expected = LINES[case]
    assert lines(rule, *rows) == expected


def test_there_are_no_lines_of_a_cancer_the_patient_does_not_have():
    for rule in ("count line(systemic) >= 1", "has line(systemic)", "no line(systemic)"):
        assert lines(rule, FIRST, cancer="breast cancer") == "unknown: imprecise"


def test_the_number_of_a_line_among_those_of_its_setting():
    rule = "has treatment(pazopanib, line: = 2)"
    assert lines(rule, FIRST, SECOND) == "met"
    assert lines(rule, PERI, SECOND) == "not_met"
    assert lines(rule, drug("ifosfamide", "2022-06-01", "2022-12-01"), SECOND) == "unknown: imprecise"
    assert lines("has treatment(pazopanib, line: = 3)", FIRST, {**SECOND, "line": "3"}) == "met"


# --- whose failure --------------------------------------------------------------------------------------------------

FAILED = "has treatment(doxorubicin, outcome: failure)"
TWO = [
    {**PRIMARY, "diagnosis_id": "A"},
    {"condition": "breast cancer", "kind": "primary", "date": "2015-02-01", "diagnosis_id": "B"},
]
PROGRESSIVE = {**FIRST, "response": "progressive disease"}
NEVER = "define failure of any as has treatment(this treatment, stop_reason: toxicity)"


def test_of_two_cancers_a_failure_belongs_to_the_one_it_was_given_for():
    assert lines(FAILED, {**PROGRESSIVE, "diagnosis": "A"}, conditions=TWO) == "met"
    assert lines(FAILED, {**PROGRESSIVE, "diagnosis": "B"}, conditions=TWO) == "not_met"
    assert lines(FAILED, PROGRESSIVE, conditions=TWO) == "unknown: imprecise"


def test_a_definition_for_any_drug_yields_to_one_for_a_drug():
    own = "define failure of doxorubicin as has treatment(this treatment, response: progressive disease)"
    other = "define refractory to doxorubicin as has treatment(this treatment, stop_reason: toxicity)"
    who = lms(treatments=[PROGRESSIVE | {"stop_reason": "completed"}], coverage=[DRUGS_COMPLETE])
    assert truth(FAILED, who, cancer="leiomyosarcoma", definitions=(NEVER,)) == "not_met"
    assert truth(FAILED, who, cancer="leiomyosarcoma", definitions=(NEVER, own)) == "met"
    assert truth(FAILED, who, cancer="leiomyosarcoma", definitions=(own, other)) == "met"


def test_a_worsening_that_may_be_within_thirty_days_of_an_end_nobody_recorded():
    rows = [drug("doxorubicin", "2023-06-01", None, setting="adjuvant")]
    event = [{"status": "progression", "date": "2025-06-01"}]
    assert lines(FAILED, *rows, disease_status=event) == "unknown: imprecise"
