"""Which missing facts are listed, in which order, and which of them settles a pair (SEMANTICS §4)."""

import pytest

from matcher.engine.reference.documents.missing import Question
from tests.made_documents import made_trial, result_of
from tests.synthetic import DRUGS_COMPLETE, asked, drug, lms, patient
from trials.criteria.documents import TrialDocument


def listed(*criteria, who=None, **head) -> list[tuple[str, tuple[str, ...], bool]]:
    """The missing facts of a patient and a trial, in order: text, criteria, and whether it settles the pair."""
    document: TrialDocument = made_trial(*criteria, **head)
    found = result_of(document, who if who is not None else lms())
    return [(entry.text, entry.criteria, entry.settles) for entry in found.best.missing]


ECOG = "ECOG performance status within 60 days"
ANC = "absolute neutrophil count within 30 days"
CREATININE = "creatinine clearance within 30 days or serum creatinine within 30 days"


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        (("ecog <= 2",), [(ECOG, ("C1",), True)]),
        # One fact however many criteria ask for it.
        (("ecog <= 2", "ecog <= 3"), [(ECOG, ("C1", "C2"), True)]),
        # What two criteria ask for comes before what one does, and asking before the laboratory.
        (("anc >= 1 10*9/L", "ecog <= 2"), [(ECOG, ("C2",), False), (ANC, ("C1",), False)]),
        (("ecog <= 2", "anc >= 1 10*9/L", "anc >= 2 10*9/L"), [(ANC, ("C2", "C3"), False), (ECOG, ("C1",), False)]),
        # Alternatives of an `or` are one entry.
        (("creatinine <= 1.5 mg/dL or creatinine_clearance >= 60 mL/min",), [(CREATININE, ("C1",), True)]),
        (("not (creatinine > 1.5 mg/dL and creatinine_clearance < 60 mL/min)",), [(CREATININE, ("C1",), True)]),
        (("not (creatinine > 1.5 mg/dL except when creatinine_clearance >= 60 mL/min)",), [
            ("creatinine clearance within 30 days", ("C1",), False), ("serum creatinine within 30 days", ("C1",), False)]),
        # What is asked for by itself anywhere answers for the alternatives it stands among.
        (("ecog <= 1 or karnofsky >= 80", "ecog <= 2"), [(ECOG, ("C2", "C1"), False)]),
        # What cannot change the truth any more is not asked for.
        (("age >= 18 or ecog <= 2",), []),
        (("age <= 18 and ecog <= 2",), []),
        (("if age >= 18 then ecog <= 2 else anc >= 1 10*9/L",), [(ECOG, ("C1",), True)]),
        (("if age <= 18 then ecog <= 2 else anc >= 1 10*9/L",), [(ANC, ("C1",), True)]),
        (("if age >= 18 then ecog <= 2",), [(ECOG, ("C1",), True)]),
        # One that suffices is an alternative, however it is written.
        (("at least 1 of (age <= 18; ecog <= 2; anc >= 1 10*9/L)",), [(f"{ECOG} or {ANC}", ("C1",), True)]),
        (("at least 2 of (age >= 18; ecog <= 2; anc >= 1 10*9/L)",), [(f"{ECOG} or {ANC}", ("C1",), True)]),
        (("at least 2 of (age <= 18; ecog <= 2; anc >= 1 10*9/L)",), [(ECOG, ("C1",), False), (ANC, ("C1",), False)]),
        (("at most 1 of (age <= 18; ecog <= 2; anc >= 1 10*9/L)",), [(f"{ECOG} or {ANC}", ("C1",), True)]),
        (("at most 1 of (age >= 18; ecog <= 2; anc >= 1 10*9/L)",), [(ECOG, ("C1",), False), (ANC, ("C1",), False)]),
        (("not at least 2 of (ecog <= 2; anc >= 1 10*9/L)",), [(f"{ECOG} or {ANC}", ("C1",), True)]),
        (("not at most 0 of (ecog <= 2; anc >= 1 10*9/L)",), [(f"{ECOG} or {ANC}", ("C1",), True)]),
        # No fact by itself decides: all are listed.
        (("exactly 1 of (ecog <= 2; anc >= 1 10*9/L)",), [(ECOG, ("C1",), False), (ANC, ("C1",), False)]),
        # What an open condition would ask for is listed with it.
        (("if ecog <= 1 then anc >= 1 10*9/L else platelets >= 100 10*9/L",), [
            (ECOG, ("C1",), False), (ANC, ("C1",), False), ("platelet count within 30 days", ("C1",), False)]),
        (("if ecog <= 1 then age >= 18 else platelets >= 100 10*9/L",), [
            (ECOG, ("C1",), False), ("platelet count within 30 days", ("C1",), False)]),
        (('if ask "is it so?" then age >= 18 else anc >= 1 10*9/L',), [(ANC, ("C1",), True)]),
        # An exception bears on what is open, and what is open on an exception that does not hold.
        (("age >= 18 except when ecog <= 1",), [(ECOG, ("C1",), True)]),
        (("ecog <= 2 except when age <= 18",), [(ECOG, ("C1",), True)]),
        # Questions are not facts.
        (('ask "is it so?"',), []),
    ],
)  # fmt: skip
def test_which_and_in_what_order(criteria, expected):
    assert listed(*criteria) == expected


def test_those_that_alone_could_rule_the_pair_out_come_first():
    # Of the first line one fact alone can only be met; the platelets alone can fail the second, dearer as they are.
    found = listed("if ecog <= 2 then anc >= 1 10*9/L", "platelets >= 100 10*9/L")
    assert [(text, criteria) for text, criteria, _ in found] == [
        ("platelet count within 30 days", ("C2",)), (ECOG, ("C1",)), (ANC, ("C1",)),
    ]  # fmt: skip


def test_an_excluded_patient_needs_nothing_more_but_one_who_may_come_back_does():
    assert listed("age <= 18", "ecog <= 2") == []
    again = lms(observations=[{"test": "anc", "value": "0.1", "unit": "10*9/L", "date": "2026-01-10"}])
    assert listed("anc >= 1 10*9/L", "ecog <= 2", who=again) == [(ECOG, ("C2",), True)]


def test_coverage_is_a_fact_that_a_person_can_supply_once():
    found = listed("no treatment(doxorubicin)", "no treatment(pazopanib) within 28 days", "no treatment(radiotherapy)")
    assert found == [
        ("list of drug treatments complete to 2026-01-15?", ("C1", "C2"), False),
        ("list of radiotherapy treatments complete to 2026-01-15?", ("C3",), False),
    ]


def test_the_cheaper_way_of_an_or_stands_first_in_its_entry():
    assert listed("has biomarker(BRCA1, mutation) or ecog <= 2") == [
        ("ECOG performance status within 60 days or BRCA1 mutation: tested?", ("C1",), True)
    ]


def test_order_of_cost():
    criteria = (
        "has biomarker(BRCA1, mutation)", "has condition(liver metastasis)", "anc >= 1 10*9/L",
        "no treatment(doxorubicin)", "no allergy(doxorubicin)",
    )  # fmt: skip
    assert [criteria for _, criteria, _ in listed(*criteria)] == [("C5",), ("C4",), ("C3",), ("C2",), ("C1",)]


@pytest.mark.parametrize(
    ("criteria", "settles"),
    [
        (("ecog <= 2",), [True]),
        (("ecog <= 2", "anc >= 1 10*9/L"), [False, False]),
        # Either its own line fails, or the other's alternative is met with it.
        (("ecog <= 2", "ecog <= 2 or anc >= 1 10*9/L"), [True]),
        (("ecog <= 2", {"not_structured": "why"}), [True]),
        # It settles what the pair needs of facts; a reader it may need still.
        (('ecog <= 2 and ask "is it so?"',), [True]),
        (('ecog <= 2 and (anc >= 1 10*9/L or ask "is it so?")',), [False]),
        (("if ecog <= 2 then ecog <= 1 else ecog <= 3",), [True]),
        (('if ecog <= 2 then ask "is it so?" else ecog <= 3',), [True]),
        (("if ecog <= 2 then anc >= 1 10*9/L else ecog <= 3",), [False]),
    ],
)
def test_settles(criteria, settles):
    assert [settled for _, _, settled in listed(*criteria)] == settles


def test_an_exact_value_is_asked_for_where_the_bound_does_not_decide():
    who = lms(observations=[{"test": "ca125", "value": ">1000", "unit": "U/mL", "date": "2026-01-10"}])
    assert listed("ca125 <= 2000 U/mL", who=who)[0][0].endswith("to a precision that decides")


@pytest.mark.parametrize(
    ("rule", "rows", "expected"),
    [
        (
            "has disease_status(progression)", {"disease_status": [{"status": "words of no list", "date": "2025-11-01"}]},
            "status of words of no list (2025-11-01)",
        ),
        (
            "has treatment(doxorubicin, dose: >= 20 mg)", {"treatments": [drug("doxorubicin", "2025-11-01", dose="30")]},
            "dose unit of doxorubicin (2025-11-01)",
        ),
        (
            "measurable_disease is yes", {"observations": [{"test": "measurable_disease", "value": "words", "date": "2026-01-10"}]},
            "measurable disease to a precision that decides",
        ),
        (
            "has line(pazopanib)", {"treatments": [drug("doxorubicin", "2025-03-01", "2025-04-01"), drug("pazopanib", "2025")]},
            "line of pazopanib (2025)",
        ),
    ],
)  # fmt: skip
def test_a_record_that_leaves_it_open_names_what_is_missing_of_it(rule, rows, expected):
    coverage = [DRUGS_COMPLETE, {"domain": "disease_status", "complete_through": "2026-01-15"}]
    assert [text for text, _, _ in listed(rule, who=lms(**rows, coverage=coverage))] == [expected]


def test_a_missing_date_is_named_with_its_record():
    who = lms(treatments=[drug("doxorubicin", "2025")])
    assert listed("has treatment(doxorubicin) within 3 months", who=who)[0][0] == "date of doxorubicin (2025)"


def test_many_open_leaves_are_tried_all_one_way_and_all_the_other():
    # Eight alternatives of one entry: every combination would be 256.
    tests = ("anc", "wbc", "platelets", "lymphocytes", "eosinophils", "ldh", "ast", "alt")
    units = {"ldh": "U/L", "ast": "U/L", "alt": "U/L"}
    rule = " or ".join(f"{test} >= 1 {units.get(test, '10*9/L')}" for test in tests)
    question = Question.of(asked(rule, patient()), {})
    (group,) = question.groups
    assert len(group) == len(tests)
    assert {truth.word for truth in question.effects(question.asking(group))} == {"met", "not_met"}


def test_one_of_several_facts_that_a_line_lacks_may_leave_it_open():
    # Told of a last dose three months ago one does not know yet whether another course followed.
    who = lms(treatments=[drug("doxorubicin", "2025-11-01", None, ongoing="no")], coverage=[])
    document = made_trial("time since last treatment(doxorubicin) >= 28 days")
    found = result_of(document, who).best.missing
    assert [(entry.text, entry.rules_out, entry.decides, entry.settles) for entry in found] == [
        ("end of doxorubicin (2025-11-01)", 1, 0, False),
        ("list of drug treatments complete to 2026-01-15?", 1, 0, False),
    ]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (drug("doxorubicin"), ["start date of doxorubicin"]),
        (drug("doxorubicin", ongoing="no"), ["date of doxorubicin"]),
        (drug("doxorubicin", "2025-11-01", ongoing="no"), ["end of doxorubicin (2025-11-01)"]),
        (drug("doxorubicin", "2025", "2025"), ["date of doxorubicin (2025 to 2025)"]),
    ],
)
def test_the_dates_that_place_a_course_are_asked_once(row, expected):
    who = lms(treatments=[row], coverage=[DRUGS_COMPLETE])
    assert [text for text, _, _ in listed("no treatment(doxorubicin) within 28 days", who=who)] == expected


def test_an_answer_that_matters_only_after_a_fact_is_not_asked_for_yet():
    document = made_trial('ecog <= 2 or (anc >= 1 10*9/L and ask "is it so?")')
    found = result_of(document, lms()).best
    assert (found.needs, found.to_read) == ("facts", ())
    anc = {"test": "anc", "value": "2", "unit": "10*9/L", "date": "2026-01-10"}
    poor = {"test": "ecog", "value": "3", "date": "2026-01-10"}
    assert result_of(document, lms(observations=[anc])).best.needs == "both"
    assert result_of(document, lms(observations=[anc, poor])).best.needs == "reader"
