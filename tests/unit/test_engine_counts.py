"""Counts of records, lines and sites: intervals, open above without a complete list."""

import pytest

from tests.synthetic import asked, drug, lms, truth

COMPLETE = [
    {"domain": domain, "scope": "all", "complete_through": "2026-01-10"} for domain in ("treatments", "conditions")
]
PRIMARY = {"condition": "leiomyosarcoma", "kind": "primary", "body_site": "uterus", "date": "2023-02-01"}


def says(rule, coverage=COMPLETE, **rows):
    return truth(rule, lms(coverage=list(coverage), **rows), cancer="leiomyosarcoma")


TWO = [drug("doxorubicin", "2024-01-10", "2024-05-20"), drug("pazopanib", "2025-12-20", "2026-01-10")]

COUNTS = [
    ("count treatment(any, kind: drug) = 2", TWO, "met"),
    ("count treatment(any, kind: drug) >= 3", TWO, "not_met"),
    ("count treatment(any, kind: drug) between 1 and 3", TWO, "met"),
    ("count treatment(any, kind: drug) != 2", TWO, "not_met"),
    ("count treatment(any, kind: drug) != 3", TWO, "met"),
    ("count treatment(any, kind: drug) < 2 within 28 days", TWO, "met"),
    ("count treatment(doxorubicin) = 1", [*TWO, drug("a drug nobody knows", "2024-01-10")], "unknown: imprecise"),
    ("count treatment(doxorubicin) <= 2", [*TWO, drug("a drug nobody knows", "2024-01-10")], "met"),
    (
        "count treatment(chemotherapy) >= 1 within 5 half-lives",
        [drug("doxorubicin", "2026-01-01", "2026-01-06")],
        "met",
    ),
    (
        "count treatment(chemotherapy) >= 1 within 5 half-lives",
        [drug("doxorubicin", "2026-01-01", "2026-01-04")],
        "not_met",
    ),
]


@pytest.mark.parametrize(("rule", "treatments", "expected"), COUNTS)
def test_counts(rule, treatments, expected):
    assert says(rule, treatments=treatments) == expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("count treatment(any, kind: drug) >= 2", "met"),
        ("count treatment(any, kind: drug) <= 2", "unknown: not recorded"),
        ("count treatment(any, kind: drug) <= 1", "not_met"),
        ("count treatment(any, kind: drug) != 1", "met"),
    ],
)
def test_one_more_may_be_unrecorded(rule, expected):
    assert says(rule, coverage=(), treatments=TWO) == expected


def metastasis(site, **cells):
    return {"condition": "metastasis", "kind": "metastasis", "body_site": site, "date": "2025-12-20", **cells}


SITES = [
    ([], "count site(metastasis) = 0", "met"),
    ([metastasis("liver"), metastasis("lung")], "count site(metastasis) = 2", "met"),
    ([metastasis("liver"), metastasis("liver", date="2026-01-02")], "count site(metastasis) = 1", "met"),
    ([metastasis("liver"), metastasis("lung")], "count site(metastasis) >= 3", "not_met"),
    # A metastasis whose site nobody wrote may be anywhere, and stand for several.
    ([metastasis("liver"), metastasis(None)], "count site(metastasis) >= 2", "unknown: imprecise"),
    ([metastasis(None)], "count site(metastasis) >= 1", "met"),
    (
        [metastasis("liver"), metastasis("lung", status="suspected")],
        "count site(metastasis) >= 2",
        "unknown: imprecise",
    ),
    ([metastasis("liver"), metastasis("lung", status="absent")], "count site(metastasis) = 1", "met"),
    # One site within another may be the same or not.
    ([metastasis("bone"), metastasis("femur")], "count site(metastasis) >= 2", "unknown: imprecise"),
    ([metastasis("bone"), metastasis("femur")], "count site(metastasis) between 1 and 2", "met"),
    ([metastasis("liver", state="active")], "count site(metastasis, state: active) = 1", "met"),
]


@pytest.mark.parametrize(("conditions", "rule", "expected"), SITES)
def test_sites(conditions, rule, expected):
    assert says(rule, conditions=[PRIMARY, *conditions]) == expected


def test_sites_are_asked_for_where_they_are_not_known():
    found = asked("count site(metastasis) >= 2", lms(conditions=[PRIMARY, metastasis(None)], coverage=COMPLETE))
    assert [fact.text for fact in found.missing] == ["sites of the metastases"]
    assert found.note == "count: at least 1"


def test_a_count_says_what_it_counted():
    who = lms(treatments=[{**TWO[0], "setting": "advanced"}, drug("gemcitabine")], coverage=COMPLETE)
    found = asked("count line(systemic, setting: advanced) = 1", who, cancer="leiomyosarcoma")
    assert found.note == "count: 1 to 2"
    assert next(item.value for item in found.evidence) == "line 1: doxorubicin (advanced)"
    assert {fact.text for fact in found.missing} == {
        "start, name or setting of gemcitabine", "setting of gemcitabine (perioperative or advanced)",
    }  # fmt: skip
    exact = asked("count line(systemic) >= 1", lms(treatments=TWO, coverage=COMPLETE), cancer="leiomyosarcoma")
    assert exact.note == "count: 2"


@pytest.mark.parametrize(
    ("rule", "treatments", "missing"),
    [
        (
            "count line(systemic, ended: yes) = 1",
            [drug("doxorubicin", "2025-06-10", setting="advanced")],
            ["ongoing of doxorubicin (2025-06-10)"],
        ),
        # Only the number of the line says whether what comes back is a line of its own.
        (
            "count line(systemic) = 3",
            [
                drug("doxorubicin", "2024-01-10", "2024-03-20", setting="advanced"),
                drug("pazopanib", "2024-05-10", "2024-06-20", setting="advanced"),
                drug("doxorubicin", "2024-08-10", "2024-09-20", setting="advanced"),
            ],
            ["line of doxorubicin (line number)", "line of pazopanib (line number)"],
        ),
    ],
)
def test_an_open_count_of_lines_says_what_is_missing(rule, treatments, missing):
    found = asked(rule, lms(treatments=treatments, coverage=COMPLETE), cancer="leiomyosarcoma")
    assert (found.truth.word, [fact.text for fact in found.missing]) == ("unknown", missing)
