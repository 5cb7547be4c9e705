"""The JSON of commands and API: shapes and words of DESIGN §8."""

from matcher.engine import criterion_json, evaluation_json, finding_json, option_json, trial_json
from tests.library_shelf import line, ranked, screened
from tests.made_documents import made_option, made_trial, order_of, result_of
from tests.synthetic import asked, lms


def test_a_trial():
    document = made_trial(
        {"rule": "ecog <= 2", "cohorts": ["A"]},
        {"confirm": "consent"},
        {"note": "heading"},
        {"not_structured": "nobody records it", "text": "Adequate marrow."},
        cohorts=[{"id": "A", "open": True}, {"id": "B", "open": False}],
    )
    found = trial_json(result_of(document, lms()))
    assert set(found) >= {
        "id", "version", "status", "offered", "clears_on", "needs", "missing", "to_read", "cohorts", "cohort", "criteria",
        "cancer", "other_cancers",
    }  # fmt: skip
    assert (found["status"], found["cohort"], found["needs"], found["clears_on"]) == (
        "needs_information",
        "A",
        "both",
        None,
    )
    assert found["cohorts"] == [
        {"id": "A", "status": "needs_information", "open": True, "clears_on": None},
        {"id": "B", "status": "needs_information", "open": False, "clears_on": None},
    ]
    assert found["missing"] == [
        {"kind": "observation", "concepts": ["ecog"], "attribute": "", "window": "within 60 days",
         "text": "ECOG performance status within 60 days", "criteria": ["C1"], "settles": True}
    ]  # fmt: skip
    assert found["to_read"] == [{"criterion": "C4", "question": "Adequate marrow."}]
    assert [(c["id"], c["kind"], c["truth"], c["reason"]) for c in found["criteria"]] == [
        ("C1", "rule", "unknown", "not recorded"),
        ("C2", "confirm", None, None),
        ("C3", "note", None, None),
        ("C4", "not_structured", "unknown", "not structured"),
    ]


def test_a_criterion_with_its_leaves():
    document = made_trial({"polarity": "exclusion", "rule": "ecog >= 3 or age >= 99"})
    result = result_of(document, lms(observations=[{"test": "ecog", "value": "3", "date": "2026-01-10"}]))
    found = criterion_json(result.criteria[0])
    assert (found["truth"], found["polarity"], found["change"], found["clears_on"]) == (
        "not_met",
        "exclusion",
        "by action",
        None,
    )
    assert found["rule"] == "ecog >= 3 or age >= 99"
    assert found["evidence"] == [
        {
            "fact": "observation:1",
            "value": "ecog: 3",
            "unit": "1",
            "date": "2026-01-10",
            "source": "observations.csv row 1",
        }
    ]
    (inside,) = found["leaves"]["parts"]
    assert [(part["rule"], part["truth"]) for part in inside["parts"]] == [
        ("ecog >= 3", "met"),
        ("age >= 99", "not_met"),
    ]


def test_a_finding_without_a_rule():
    found = finding_json(asked("ecog <= 2", lms()))
    assert (found["rule"], found["truth"], found["missing"]) == (
        "ecog <= 2",
        "unknown",
        ["ECOG performance status within 60 days"],
    )


def test_an_option_of_the_library():
    found = option_json(ranked(["gemcitabine_pazopanib"], lms())[0])
    assert (found["id"], found["block"], found["rank"], found["version"]) == (
        "gemcitabine_pazopanib",
        "must_not_use",
        None,
        1,
    )
    stop = next(s for s in found["statements"] if s["id"] == "SR-32")
    assert (stop["kind"], stop["truth"], stop["strength"]) == ("must_not_use", "met", None)
    assert stop["citation"]["figures"] == {"pfs9_pct": 32.1}
    assert [each["with"] for each in stop["disagrees"]] == ["PAPAGEMO, a randomised phase II trial"]


def test_an_option_of_its_own():
    (result,) = order_of(
        [made_option("a", {"kind": "stance", "strength": "option", "rule": "ecog <= 2"}, {"kind": "dose"})], lms()
    )
    found = option_json(result)
    assert (found["block"], found["strength"], [m["criteria"] for m in found["missing"]]) == (
        "could_apply",
        None,
        [["a-1"]],
    )
    assert [(s["truth"], s["citation"], s["evidence"]) for s in found["statements"]] == [
        ("unknown", None, []),
        (None, None, []),
    ]


def test_a_rule_over_a_registry():
    answers = [
        ("P-1", asked("ecog <= 2", lms())),
        ("P-2", asked("age >= 18", lms())),
        ("P-3", asked("age >= 99", lms())),
    ]
    found = evaluation_json("ecog <= 2", "ECOG at most 2", "2026-01-15", answers)
    assert found["counts"] == {"met": 1, "unknown": 1, "not_met": 1}
    assert found["patients"] == [
        {"patient_id": "P-1", "truth": "unknown", "reason": "not recorded"},
        {"patient_id": "P-2", "truth": "met", "reason": None},
        {"patient_id": "P-3", "truth": "not_met", "reason": None},
    ]


def test_a_note_and_a_line_nobody_structured_say_why():
    result = screened("LMS03", lms())
    assert criterion_json(line(result, "LMS03-N1"))["note"] == "heading"
    rest = criterion_json(line(screened("JCOG1802", lms()), "E1"))
    assert rest["reason"] == "not structured" and rest["note"]
