"""A patient against a small trial: criteria, answers, cohorts, status, and when it clears (SEMANTICS §4, §5)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from matcher.engine.reference.documents.assess import Status, TrialResult, answered, evaluate_trial, knows_nothing_of
from matcher.engine.truth import Change, Reason, Truth
from patients.facts import Answer, PartialDate, Patient
from tests.synthetic import DRUGS_COMPLETE, TODAY, drug, lms, patient
from trials.criteria.documents import TrialDocument, read_document

HEAD = """\
kind: trial
id: T1
nct: NCT00000001
title: A made-up trial
recruitment: {recruitment}
author: one
reviewer: another
cancer: {cancer}
{cohorts}criteria:
"""


def trial(
    *criteria: str, cohorts: str = "", recruitment: str = "recruiting", cancer: str = "leiomyosarcoma"
) -> TrialDocument:
    """A trial of criteria `id | polarity | meaning`, the meaning being the YAML of one of the four forms."""
    text = HEAD.format(recruitment=recruitment, cancer=cancer, cohorts=f"cohorts: {cohorts}\n" if cohorts else "")
    for line in criteria:
        name, polarity, meaning = (part.strip() for part in line.split("|", 2))
        text += f"  - {{id: {name}, text: Line {name}, polarity: {polarity}, {meaning}}}\n"
    found = read_document(text)
    assert isinstance(found, TrialDocument)
    return found


def rule(text: str, polarity: str = "inclusion", name: str = "C1", more: str = "") -> str:
    return f"{name} | {polarity} | rule: '{text}'{more}"


def assessed(document: TrialDocument, who: Patient, as_of: date = TODAY, **how: Any) -> TrialResult:
    return evaluate_trial(document, who, as_of=as_of, version=1, **how)


def ecog(value: int, day: str = "2026-01-05") -> dict[str, Any]:
    return {"test": "ecog", "value": value, "date": day}


ADULT, MINOR = rule("age >= 18"), rule("age < 18")
FIT = rule("ecog <= 1", name="C2")
WASHED = rule("no treatment(doxorubicin) within 28 days", name="C3")
RECENT = drug("doxorubicin", "2025-12-01", "2026-01-05")


@pytest.mark.parametrize(
    ("criteria", "rows", "status"),
    [
        ((ADULT, FIT), {"observations": [ecog(1)]}, Status.POTENTIALLY_ELIGIBLE),
        ((ADULT, FIT), {}, Status.NEEDS_INFORMATION),
        # What fails and may come right is "not now", whatever is unknown beside it.
        ((FIT, rule("platelets >= 100 10*9/L")), {"observations": [ecog(2)]}, Status.NOT_NOW),
        # What can never come right rules out, whatever else fails.
        ((MINOR, FIT), {"observations": [ecog(2)]}, Status.NOT_ELIGIBLE),
        ((ADULT,), {"deceased": "yes", "death_date": "2026-01-02"}, Status.NOT_ELIGIBLE),
        ((ADULT,), {"deceased": "yes", "death_date": "2026-01-16"}, Status.POTENTIALLY_ELIGIBLE),
    ],
)
def test_the_status_of_a_pair(criteria: tuple[str, ...], rows: dict[str, Any], status: Status) -> None:
    found = assessed(trial(*criteria), lms(**rows))
    assert found.status is status
    assert found.best.id == ""


def test_statuses_stand_worst_first() -> None:
    assert [status.rank for status in Status] == [0, 1, 2, 3]
    assert list(Status) == ["not_eligible", "not_now", "needs_information", "potentially_eligible"]


def test_an_exclusion_is_met_where_its_rule_is_not() -> None:
    found = assessed(trial(rule("ecog >= 2", "exclusion")), lms(observations=[ecog(1)]))
    (result,) = found.criteria
    assert (result.truth, found.status) == (Truth.MET, Status.POTENTIALLY_ELIGIBLE)
    assert result.finding is not None and [part.truth for part in result.finding.parts] == [Truth.NOT_MET]
    assert assessed(trial(rule("ecog >= 2", "exclusion")), lms()).criteria[0].truth is Truth.UNKNOWN


def test_what_has_no_truth_is_not_counted() -> None:
    document = trial("N1 | inclusion | note: heading", "I1 | inclusion | confirm: consent", ADULT)
    found = assessed(document, lms())
    assert [(result.truth, result.counted) for result in found.criteria] == [
        (None, False),
        (None, False),
        (Truth.MET, True),
    ]
    assert found.status is Status.POTENTIALLY_ELIGIBLE


def test_a_line_without_a_rule_waits_for_a_reader() -> None:
    found = assessed(trial("C1 | exclusion | not_structured: a matter of taste", ADULT.replace("C1", "C2")), lms())
    (line, _) = found.criteria
    assert (line.truth, line.reason, line.counted) == (Truth.UNKNOWN, Reason.NOT_STRUCTURED, True)
    assert (found.status, found.best.needs, found.best.missing) == (Status.NEEDS_INFORMATION, "reader", ())
    assert found.best.to_read == (("C1", "Line C1"),)


ASKED = rule('ask "is she fit?"', name="C4")


@pytest.mark.parametrize(
    ("criteria", "needs", "missing", "to_read"),
    [
        ((FIT,), "facts", [("C2",)], ()),
        ((ASKED,), "reader", [], (("C4", "is she fit?"),)),
        ((FIT, ASKED), "both", [("C2",)], (("C4", "is she fit?"),)),
        ((ADULT,), None, [], ()),
    ],
)
def test_what_a_pair_needs(criteria: tuple[str, ...], needs: str | None, missing: list[Any], to_read: Any) -> None:
    best = assessed(trial(*criteria), lms()).best
    assert (best.needs, [entry.criteria for entry in best.missing], best.to_read) == (needs, missing, to_read)


def test_nothing_is_asked_for_where_nothing_matters_any_more() -> None:
    assert assessed(trial(MINOR, FIT), lms()).best.missing == ()


# answers


def answer(truth: bool, criterion: str = "C1", **more: Any) -> Answer:
    return Answer(**{"id": "a1", "document": "T1", "version": 1, "criterion": criterion, "truth": truth, "by": "dr-a",
                     "on": date(2026, 1, 10), **more})  # fmt: skip


OPEN_LINE = "C1 | inclusion | not_structured: a matter of judgement"


@pytest.mark.parametrize(
    ("given", "truth"),
    [
        ((answer(True),), Truth.MET),
        ((answer(False),), Truth.NOT_MET),
        # The latest holds, and of one day the one with the last id.
        ((answer(True), answer(False, id="a2", on=date(2026, 1, 12))), Truth.NOT_MET),
        ((answer(False), answer(True, id="a2")), Truth.MET),
        ((answer(True, valid_until=TODAY),), Truth.MET),
        ((answer(True, valid_until=date(2026, 1, 14)),), Truth.UNKNOWN),
        ((answer(True, document="T2"),), Truth.UNKNOWN),
        # An amendment voids it.
        ((answer(True, version=2),), Truth.UNKNOWN),
        ((answer(True, criterion="C9"),), Truth.UNKNOWN),
        # It answers a question inside the criterion, not the criterion.
        ((answer(True, question="is she fit?"),), Truth.UNKNOWN),
        # Given after the day that is asked about.
        ((answer(True, on=date(2026, 1, 16)),), Truth.UNKNOWN),
    ],
)
def test_an_answer_settles_what_is_unknown(given: tuple[Answer, ...], truth: Truth) -> None:
    (result,) = assessed(trial(OPEN_LINE), replace(lms(), answers=given)).criteria
    assert result.truth is truth
    assert result.overridden is None
    assert (result.reason is None) is (truth is not Truth.UNKNOWN)


def test_an_answer_over_a_definite_truth_is_an_override() -> None:
    who = lms(observations=[ecog(2)])
    document = trial(rule("ecog <= 1"))
    (plain,) = assessed(document, replace(who, answers=(answer(True),))).criteria
    assert (plain.truth, plain.overridden) == (Truth.NOT_MET, None)
    (over,) = assessed(document, replace(who, answers=(answer(True, override=True, reason="seen today"),))).criteria
    assert (over.truth, over.overridden, over.change) == (Truth.MET, Truth.NOT_MET, Change.ACTION)
    assert (over.evidence[0].value, over.evidence[0].source) == ("override: met, says dr-a", "seen today")
    # What decided before stays in sight.
    assert any("2" in item.value for item in over.evidence[1:])


def test_an_answer_is_evidence_with_its_reader_and_day() -> None:
    nobody = answered(answer(False, by=""))
    assert (nobody.fact, nobody.value, nobody.date) == ("a1", "not met, says a reader", "2026-01-10")


def test_a_confirmation_keeps_its_answer_and_no_truth() -> None:
    (result,) = assessed(trial("C1 | inclusion | confirm: consent"), replace(lms(), answers=(answer(True),))).criteria
    assert result.truth is None
    assert result.answer is not None and result.answer.by == "dr-a"


# cohorts

COHORTS = "[{id: A, title: a}, {id: B, title: b}]"
TWO = (
    rule("ecog <= 0", name="C2", more=", cohorts: [A]"),
    rule("ecog <= 1", name="C3", more=", cohorts: [B]"),
    ADULT,
)


def test_the_best_open_cohort_counts() -> None:
    found = assessed(trial(*TWO, cohorts=COHORTS), lms(observations=[ecog(1)]))
    assert [(cohort.id, cohort.status) for cohort in found.cohorts] == [
        ("A", Status.NOT_NOW), ("B", Status.POTENTIALLY_ELIGIBLE),
    ]  # fmt: skip
    assert (found.best.id, found.status, found.offered) == ("B", Status.POTENTIALLY_ELIGIBLE, True)


def test_of_equals_the_first_cohort_counts() -> None:
    assert assessed(trial(*TWO, cohorts=COHORTS), lms()).best.id == "A"


def test_a_closed_cohort_does_not_count_while_one_is_open() -> None:
    closed = trial(*TWO, cohorts="[{id: A, title: a}, {id: B, title: b, open: no}]")
    found = assessed(closed, lms(observations=[ecog(1)]))
    assert (found.best.id, found.status, found.offered) == ("A", Status.NOT_NOW, True)


def test_with_no_cohort_open_all_count_and_the_trial_is_not_offered() -> None:
    closed = trial(*TWO, cohorts="[{id: A, title: a, open: no}, {id: B, title: b, open: no}]")
    found = assessed(closed, lms(observations=[ecog(1)]))
    assert (found.best.id, found.status, found.offered) == ("B", Status.POTENTIALLY_ELIGIBLE, False)


@pytest.mark.parametrize(
    ("recruitment", "open_here", "offered"),
    [("recruiting", True, True), ("recruiting", False, False), ("completed", True, False)],
)
def test_a_trial_is_offered_where_it_is_open(recruitment: str, open_here: bool, offered: bool) -> None:
    assert assessed(trial(ADULT, recruitment=recruitment), lms(), open_here=open_here).offered is offered


# the cancers of a patient

TWO_CANCERS = [
    {"condition": "leiomyosarcoma", "kind": "primary", "body_site": "uterus", "extent": "localised",
     "date": "2023-02-01", "diagnosis_id": "A"},
    {"condition": "liposarcoma", "kind": "primary", "body_site": "thigh soft tissue", "extent": "metastatic",
     "date": "2024-02-01", "diagnosis_id": "B"},
]  # fmt: skip


def test_of_two_cancers_the_better_status_counts_and_both_are_kept() -> None:
    document = trial(rule("has diagnosis(this cancer, extent: metastatic)"), cancer="leiomyosarcoma or liposarcoma")
    found = assessed(document, lms(conditions=TWO_CANCERS))
    assert (found.status, "liposarcoma" in found.cancer.lower()) == (Status.POTENTIALLY_ELIGIBLE, True)
    (other,) = found.others
    assert other.status is not Status.POTENTIALLY_ELIGIBLE
    assert "leiomyosarcoma" in other.cancer.lower()
    assert other.others == ()


def test_without_a_cancer_of_the_trial_no_cancer_is_named() -> None:
    found = assessed(trial(ADULT, cancer="liposarcoma"), lms())
    assert (found.cancer, found.others) == ("", ())


# time


def test_a_washout_clears_on_its_day() -> None:
    found = assessed(trial(WASHED), lms(treatments=[RECENT], coverage=[DRUGS_COMPLETE]))
    (result,) = found.criteria
    assert (result.truth, result.change) == (Truth.NOT_MET, Change.TIME)
    # Day 28 after 5 January is 2 February and still inside, for the window includes it.
    assert result.clears_on == date(2026, 2, 3)
    assert (found.status, found.best.clears_on) == (Status.NOT_NOW, date(2026, 2, 3))
    assert assessed(trial(WASHED), lms(treatments=[RECENT], coverage=[DRUGS_COMPLETE]), date(2026, 2, 3)).status is (
        Status.POTENTIALLY_ELIGIBLE
    )


def test_two_washouts_clear_with_the_later() -> None:
    longer = rule("no treatment(doxorubicin) within 6 weeks", name="C5")
    found = assessed(trial(WASHED, longer), lms(treatments=[RECENT], coverage=[DRUGS_COMPLETE]))
    assert [result.clears_on for result in found.criteria] == [date(2026, 2, 3), date(2026, 2, 17)]
    assert found.best.clears_on == date(2026, 2, 17)


def test_what_more_than_time_must_change_has_no_date() -> None:
    found = assessed(trial(WASHED, FIT), lms(treatments=[RECENT], coverage=[DRUGS_COMPLETE], observations=[ecog(2)]))
    assert (found.status, found.best.clears_on) == (Status.NOT_NOW, None)
    assert found.criteria[0].clears_on == date(2026, 2, 3)


def test_an_exclusion_clears_too_and_a_birthday_brings_an_age() -> None:
    washed = rule("has treatment(doxorubicin) within 28 days", "exclusion")
    found = assessed(trial(washed), lms(treatments=[RECENT], coverage=[DRUGS_COMPLETE]))
    assert found.best.clears_on == date(2026, 2, 3)
    young = assessed(trial(ADULT), patient(birth_date="2008-03-01", sex="female"))
    assert (young.status, young.best.clears_on, young.next_flip) == (Status.NOT_NOW, date(2026, 3, 1), date(2026, 3, 1))


def test_a_window_of_age_that_opens_and_never_meets_the_other_has_no_date() -> None:
    never = trial(rule("age >= 18 and age < 18"))
    assert assessed(never, patient(birth_date="2008-03-01")).best.clears_on is None


def test_time_that_opens_one_part_only_after_it_closed_another() -> None:
    # The washout runs past the planned end of the other window: no day holds both.
    document = trial(rule("no treatment(doxorubicin) within 28 days and has treatment(doxorubicin) within 20 days"))
    (result,) = assessed(document, lms(treatments=[RECENT], coverage=[DRUGS_COMPLETE])).criteria
    assert (result.truth, result.clears_on) == (Truth.NOT_MET, None)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ({"data_through": None}, None),
        # What is dated later comes into sight on its day; the month of a partial date has two.
        ({"data_through": None, "observations": [ecog(1, "2026-01-20")]}, "2026-01-20"),
        ({"data_through": None, "treatments": [drug("doxorubicin", "2025-12-01", "2026-02")]}, "2026-02-01"),
        ({"data_through": None, "deceased": "yes", "death_date": "2026-01-17"}, "2026-01-17"),
        # Ongoing since 1 December, recorded on 15 January: believed for ninety days.
        ({"data_through": None, "medications": [{"medication": "dexamethasone", "start_date": "2025-12-01",
          "ongoing": "yes"}]}, "2026-04-16"),
    ],
)  # fmt: skip
def test_the_next_day_on_which_the_record_itself_may_say_otherwise(rows: dict[str, Any], expected: str | None) -> None:
    rows = {"conditions": [], **rows}
    document = trial("C1 | inclusion | not_structured: a matter of judgement")
    found = assessed(document, lms(**rows))
    assert found.next_flip == (date.fromisoformat(expected) if expected else None)


def test_an_answer_comes_into_sight_and_lapses() -> None:
    who = replace(lms(conditions=[], data_through=None), answers=(answer(True, valid_until=date(2026, 3, 1)),))
    assert assessed(trial(OPEN_LINE), who).next_flip == date(2026, 3, 2)
    later = replace(who, answers=(answer(True, on=date(2026, 1, 20)),))
    assert assessed(trial(OPEN_LINE), later).next_flip == date(2026, 1, 20)
    recorded = replace(who, answers=(answer(True, recorded=date(2026, 1, 19)),))
    assert assessed(trial(OPEN_LINE), recorded).next_flip == date(2026, 1, 19)


def test_data_that_reach_beyond_the_day_asked_of_are_looked_at_again() -> None:
    who = replace(lms(conditions=[]), data_through=date(2026, 1, 18))
    assert assessed(trial(OPEN_LINE), who).next_flip == date(2026, 1, 18)


def test_a_death_of_which_only_the_month_is_known() -> None:
    who = replace(lms(conditions=[], data_through=None), deceased=True, death=PartialDate.parse("2026-02"))
    assert assessed(trial(OPEN_LINE), who).next_flip == date(2026, 2, 1)


# nothing known


@pytest.mark.parametrize(
    ("criterion", "expected"),
    [
        (ADULT, Truth.UNKNOWN),
        (rule("age is recorded"), Truth.UNKNOWN),
        (OPEN_LINE, None),
        (rule("no treatment(doxorubicin)"), Truth.UNKNOWN),
    ],
)
def test_what_a_rule_says_of_a_patient_of_whom_nothing_is_known(criterion: str, expected: Truth | None) -> None:
    assert knows_nothing_of(trial(criterion), "C1", as_of=TODAY) is expected


TRIALS = Path(__file__).resolve().parents[2] / "trials" / "library" / "trials"


def test_the_library_says_nothing_of_a_patient_of_whom_nothing_is_known() -> None:
    document = read_document((TRIALS / "LMS03.yaml").read_text())
    assert isinstance(document, TrialDocument)
    truths = {item.id: knows_nothing_of(document, item.id, as_of=TODAY) for item in document.criteria}
    assert truths.pop("LMS03-N1") is None
    assert set(truths.values()) == {Truth.UNKNOWN}
    assert assessed(document, patient()).status is Status.NEEDS_INFORMATION


def test_a_statement_without_a_rule_says_nothing_of_anybody() -> None:
    option = read_document(
        "{kind: option, id: o, name: O, author: one, reviewer: another, cancer: sarcoma, citations: [{id: A, text: a}],"
        " statements: [{id: S1, kind: stance, strength: option, text: s, rule: ecog <= 1},"
        " {id: S2, kind: dose, text: a dose}]}"
    )
    assert [knows_nothing_of(option, name, as_of=TODAY) for name in ("S1", "S2")] == [Truth.UNKNOWN, None]
