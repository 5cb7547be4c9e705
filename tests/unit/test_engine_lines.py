"""What makes lines of therapy uncertain, and what a recorded number, a setting or another cancer does to them."""

from dataclasses import replace

import pytest

from tests.synthetic import DRUGS_COMPLETE, drug, lms, truth


def count(treatments, events=(), rule="count line(systemic, setting: advanced)", coverage=(DRUGS_COMPLETE,), **rows):
    """The least and the greatest number of lines that the answer leaves possible."""
    who = lms(treatments=treatments, disease_status=list(events), coverage=list(coverage), **rows)
    found = [n for n in range(9) if truth(f"{rule} = {n}", who, cancer="leiomyosarcoma") != "not_met"]
    return (found[0], found[-1])


def advanced(name, start, end=None, **cells):
    return drug(name, start, end, setting="advanced", **cells)


DOXORUBICIN = advanced("doxorubicin", "2024-01-10", "2024-05-20")
PAZOPANIB = advanced("pazopanib", "2024-08-10", "2024-12-20")
AGAIN = advanced("doxorubicin", "2025-03-10", "2025-06-20")


def progression(day, status="progression", **cells):
    return [{"status": status, "date": day, **cells}]


CASES = {
    "a drug that comes back after another line may be its old line or a new one": ([DOXORUBICIN, PAZOPANIB, AGAIN], (), (2, 3)),
    "with a progression in between it is a new one": (
        [DOXORUBICIN, PAZOPANIB, AGAIN], progression("2025-01-10"), (3, 3)),
    "a progression within the first 28 days parts what follows": (
        [DOXORUBICIN, advanced("pazopanib", "2024-01-30", "2024-12-20")], progression("2024-01-25"), (2, 2)),
    "a month that may lie on either side": (
        [DOXORUBICIN, advanced("pazopanib", "2024-01-30", "2024-12-20")], progression("2024-01"), (1, 2)),
    "a word of the course that nobody knows may be a progression": (
        [DOXORUBICIN, AGAIN], progression("2024-10-01", "xyzzy"), (1, 2)),
    "a response is none": ([DOXORUBICIN, AGAIN], progression("2024-10-01", "partial response"), (1, 1)),
    "its own response parts it from what comes back": (
        [{**DOXORUBICIN, "response": "progressive disease"}, AGAIN], (), (2, 2)),
    "it was stopped for progression": ([{**DOXORUBICIN, "stop_reason": "progression"}, AGAIN], (), (2, 2)),
    "a partial date is tried on each side of the others": (
        [advanced("pazopanib", "2024-06-01", "2024-12-20"), advanced("gemcitabine", "2024", "2024-12-31")], (), (1, 2)),
    "an undated drug that was certainly given is one line at least": (
        [drug("doxorubicin", setting="advanced", status="given")], (), (1, 1)),
    "a drug that may not have been given may be none": (
        [DOXORUBICIN, advanced("pazopanib", None, None, status="a word nobody knows")], (), (1, 2)),
    "a recorded number holds against the dates": (
        [{**DOXORUBICIN, "line": "1"}, {**AGAIN, "line": "2"}], (), (2, 2)),
    "perioperative and advanced are never one line": (
        [drug("doxorubicin", "2024-01-01", "2024-01-05", setting="neoadjuvant"), DOXORUBICIN], (), (1, 1)),
    "numbers over all lines of a patient are borne out": (
        [drug("doxorubicin", "2022-01-10", "2022-03-10", setting="adjuvant", line="1"), {**PAZOPANIB, "line": "2"}], (), (1, 1)),
    "numbers with a gap are not": ([{**DOXORUBICIN, "line": "1"}, {**PAZOPANIB, "line": "3"}], (), (2, 3)),
    "its own progression may have come before what began within 28 days of it": (
        [advanced("doxorubicin", "2024-01-10", "2024-01-20", response="progressive disease"),
         advanced("pazopanib", "2024-01-30", "2024-12-20")], (), (1, 2)),
    "the progression in which both ended came after": (
        [advanced("gemcitabine", "2024-01-10", "2024-05-20", response="progressive disease"),
         advanced("docetaxel", "2024-01-17", "2024-05-20", response="progressive disease")], (), (1, 1)),
    "so it did where the end was not written": (
        [advanced("gemcitabine", "2024-01-10", response="progressive disease"),
         advanced("docetaxel", "2024-01-17")], (), (1, 1)),
    "a drug of the line taken up again before its progression": (
        [advanced("gemcitabine", "2024-01-10", "2024-05-20", response="progressive disease"),
         advanced("docetaxel", "2024-01-17", "2024-02-20"), advanced("docetaxel", "2024-03-20", "2024-05-20")], (), (1, 1)),
    "a line that is said to be the second, and one after it": (
        [{**DOXORUBICIN, "line": "2"}, PAZOPANIB], (), (2, 3)),
    "a line that is said to be the first, and one before it": (
        [DOXORUBICIN, {**PAZOPANIB, "line": "1"}], (), (1, 2)),
    "a line that is said to be the first, and one after it": (
        [{**DOXORUBICIN, "line": "1"}, PAZOPANIB], (), (2, 2)),
    "a first line of advanced disease, after adjuvant therapy without a number": (
        [drug("doxorubicin", "2022-01-10", "2022-03-10", setting="adjuvant"), {**PAZOPANIB, "line": "1"}], (), (1, 1)),
    "a drug of the line continued": (
        [DOXORUBICIN, advanced("ifosfamide", "2024-01-11", "2024-05-20"), drug("ifosfamide", "2024-07-01", setting="maintenance")],
        (), (1, 1)),
    "maintenance alone is of no certain setting": ([drug("pazopanib", "2024-07-01", setting="maintenance")], (), (0, 1)),
    "radiotherapy and operations are no lines": (
        [DOXORUBICIN, {"treatment": "radiotherapy", "kind": "radiotherapy", "start_date": "2024-07-01"},
         {"treatment": "hysterectomy", "kind": "surgery", "start_date": "2023-07-01"}], (), (1, 1)),
    "something unnamed of another kind may be": (
        [DOXORUBICIN, {"treatment": "nobody knows", "kind": "other", "start_date": "2024-09-01", "setting": "advanced"}],
        (), (1, 2)),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_ranges(case):
    treatments, events, expected = CASES[case]
    assert count(treatments, events) == expected


def test_too_many_uncertain_records_widen_the_range_on_both_sides():
    one = [DOXORUBICIN]
    several = [advanced(f"a drug nobody knows {n}", f"202{n}", None) for n in range(2, 6)]
    low, high = count(one + several)
    assert low <= 1 and high >= 5
    many = [advanced(f"a drug nobody knows {n}", None, None, record_id=str(n)) for n in range(7)]
    low, high = count(one + many)
    assert low == 0 and high == 8


SETTINGS = [
    # intent and settings by the disease and an operation
    ([drug("doxorubicin", "2024-01-10", intent="adjuvant")], {}, "setting: adjuvant", (1, 1)),
    ([drug("doxorubicin", "2024-01-10", intent="curative")], {}, "setting: perioperative", (1, 1)),
    ([drug("doxorubicin", "2024-01-10", intent="palliative")], {}, "setting: advanced", (1, 1)),
    ([drug("doxorubicin", "2024-01-10")], {}, "setting: advanced", (1, 1)),  # metastatic since 2023
    ([drug("doxorubicin", "2022-01-10", "2022-02-01")], {}, "setting: advanced", (0, 1)),  # before, and no operation
    ([drug("doxorubicin", "2022-01-10", "2022-02-01"), {"treatment": "hysterectomy", "kind": "surgery", "start_date": "2021-12-01"}],
     {}, "setting: perioperative", (1, 1)),
    # an operation of no certain date, or more than six months away, tells nothing
    ([drug("doxorubicin", "2022-01-10", "2022-02-01"), {"treatment": "hysterectomy", "kind": "surgery", "status": "given"}],
     {}, "setting: perioperative", (0, 1)),
    ([drug("doxorubicin", "2022-01-10", "2022-02-01"), {"treatment": "hysterectomy", "kind": "surgery", "start_date": "2021-06-01"}],
     {}, "setting: perioperative", (0, 1)),
    ([drug("doxorubicin", "2022-01-10", "2022-02-01"),
      {"treatment": "hysterectomy", "kind": "surgery", "start_date": "2021-12-01", "status": "declined"}],
     {}, "setting: perioperative", (0, 1)),
    ([drug("doxorubicin", "2024-01-10", setting="adjuvant")], {}, "setting: not advanced", (1, 1)),
    ([drug("doxorubicin", "2024-01-10", setting="adjuvant")], {}, "setting: neoadjuvant or adjuvant", (1, 1)),
    ([drug("doxorubicin", "2024-01-10", setting="adjuvant")], {}, "setting: perioperative and not neoadjuvant", (1, 1)),
    ([drug("doxorubicin", "2024-01-10", setting="perioperative")], {}, "setting: adjuvant", (0, 1)),
    ([drug("doxorubicin", "2024-01-10", "2024-02-01")], {}, "ended: yes", (1, 1)),
    ([drug("doxorubicin", "2024-01-10", ongoing="yes")], {}, "ended: yes", (0, 0)),
    ([drug("doxorubicin", "2024-01-10")], {}, "ended: yes", (0, 1)),
    ([drug("doxorubicin", "2024-01-10", "2026-01")], {}, "ended: yes", (0, 1)),
    ([drug("doxorubicin", "2024-01-10", ongoing="yes")], {}, "ended: not yes", (1, 1)),
    ([drug("doxorubicin", "2024-01-10", ongoing="yes")], {}, "ended: yes or no", (1, 1)),
    ([drug("doxorubicin", "2024-01-10", ongoing="yes")], {}, "ended: no and not yes", (1, 1)),
    ([drug("doxorubicin", "2024-01-10", response="progressive disease")], {}, "outcome: failure", (1, 1)),
    ([drug("doxorubicin", "2024-01-10", response="stable disease")], {}, "response: progressive disease", (0, 0)),
]  # fmt: skip


@pytest.mark.parametrize(("treatments", "rows", "test", "expected"), SETTINGS)
def test_settings_and_ends(treatments, rows, test, expected):
    assert count(treatments, rule=f"count line(systemic, {test})", **rows) == expected


def test_a_suspected_metastasis_may_have_made_it_advanced():
    conditions = [
        {
            "condition": "leiomyosarcoma",
            "kind": "primary",
            "body_site": "uterus",
            "extent": "localized",
            "date": "2021-11-01",
        },
        {"condition": "lung metastasis", "kind": "metastasis", "status": "suspected", "date": "2021-12-01"},
    ]
    treatments = [
        drug("doxorubicin", "2022-01-10", "2022-02-01"),
        {"treatment": "hysterectomy", "kind": "surgery", "start_date": "2021-12-01"},
    ]
    rule = "count line(systemic, setting: perioperative)"
    assert count(treatments, rule=rule, conditions=conditions) == (0, 1)
    assert count(treatments, rule=rule, conditions=conditions[:1]) == (1, 1)


def test_a_metastasis_that_came_between_may_be_the_progression():
    conditions = [
        {
            "condition": "leiomyosarcoma",
            "kind": "primary",
            "body_site": "uterus",
            "extent": "metastatic",
            "date": "2023-02-01",
        },
        {"condition": "liver metastasis", "kind": "metastasis", "date": "2024-09-01"},
    ]
    assert count([DOXORUBICIN, AGAIN], conditions=conditions) == (1, 2)


NUMBERS = [
    ([DOXORUBICIN, PAZOPANIB], "line: = 2", "met"),
    ([DOXORUBICIN, {**PAZOPANIB, "line": "2"}], "line: = 2", "met"),
    ([drug("doxorubicin", "2022-01-10", setting="adjuvant"), PAZOPANIB], "line: = 1", "met"),
    ([drug("doxorubicin", "2022-01-10"), PAZOPANIB], "line: = 1", "unknown: imprecise"),
    ([drug("gemcitabine", "2022-01-10", setting="maintenance"), PAZOPANIB], "line: <= 2", "met"),
    ([DOXORUBICIN, PAZOPANIB], "line: between 2 and 3", "met"),
]


@pytest.mark.parametrize(("treatments", "test", "expected"), NUMBERS)
def test_the_number_of_a_line(treatments, test, expected):
    who = lms(treatments=treatments, coverage=[DRUGS_COMPLETE])
    assert truth(f"has treatment(pazopanib, {test})", who, cancer="leiomyosarcoma") == expected


def test_a_line_of_two_settings_may_be_numbered_with_either():
    pair = [
        drug("doxorubicin", "2022-01-10", intent="adjuvant"), drug("ifosfamide", "2022-01-11", intent="palliative"), PAZOPANIB,
    ]  # fmt: skip
    who = lms(treatments=pair, coverage=[DRUGS_COMPLETE])
    assert truth("has treatment(pazopanib, line: = 2)", who, cancer="leiomyosarcoma") == "unknown: imprecise"


HAS_LINE = [
    ([DOXORUBICIN], "has line(doxorubicin)", "met"),
    ([DOXORUBICIN], "has line(trabectedin)", "not_met"),
    ([DOXORUBICIN], "has line(any, setting: advanced)", "met"),
    ([DOXORUBICIN], "has line(systemic) within 3 years", "met"),
    ([DOXORUBICIN], "has line(systemic) within 1 years", "not_met"),
    ([drug("doxorubicin", "2022-01-10", "2022-02-01")], "has line(systemic, setting: advanced)", "unknown: imprecise"),
    ([drug("a drug nobody knows", "2024-01-10", "2024-02-01")], "has line(systemic)", "unknown: imprecise"),
    ([DOXORUBICIN, PAZOPANIB], "time since end of last line(systemic) >= 1 years", "met"),
]


@pytest.mark.parametrize(("treatments", "rule", "expected"), HAS_LINE)
def test_lines_as_records(treatments, rule, expected):
    who = lms(treatments=treatments, coverage=[DRUGS_COMPLETE])
    assert truth(rule, who, cancer="leiomyosarcoma") == expected


@pytest.mark.parametrize(
    "rule", ["has line(systemic)", "count line(systemic) >= 1", "time since last line(systemic) >= 1 days"]
)
def test_without_the_cancer_there_are_no_lines_to_ask_for(rule):
    who = lms(treatments=[DOXORUBICIN], coverage=[DRUGS_COMPLETE])
    assert truth(rule, who, cancer="prostate cancer").startswith("unknown")


def test_facts_made_otherwise_than_by_an_import():
    """A drug without a kind is read by its name; one that may be a drug or not may be a line."""
    who = lms(treatments=[DOXORUBICIN], coverage=[DRUGS_COMPLETE])
    plain = replace(who, treatments=tuple(replace(each, kind=None) for each in who.treatments))
    assert truth("count line(systemic) = 1", plain, cancer="leiomyosarcoma") == "met"
    for concepts, expected in (
        (("doxorubicin", "hysterectomy"), "unknown: imprecise"),
        (("hysterectomy", "radiotherapy"), "not_met"),
    ):
        either = replace(who, treatments=tuple(replace(each, kind=None, concepts=concepts) for each in who.treatments))
        assert truth("count line(systemic) >= 1", either, cancer="leiomyosarcoma") == expected
