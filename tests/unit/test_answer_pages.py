"""What a page says of a result: marks with words, one line per fact, notes turned with their rule, next steps."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from matcher.engine import Change, Evidence, Finding, Reason, Status, Truth, evaluate_trial, rank_options
from matcher.pages import (
    evidence_shown,
    leaf_tree,
    names_in,
    open_questions,
    pair_page,
    shelf_page,
    status_mark,
    truth_mark,
)
from matcher.pages.findings import notes_of
from matcher.pages.words import change_words, not_offered
from patients.facts import Condition, PartialDate, Patient, Treatment
from patients.vocabulary import default
from tests.synthetic import DRUGS_COMPLETE, TODAY, asked, lms
from trials.criteria.documents import OptionDocument, TrialDocument, read_document

TRIAL = """\
kind: trial
id: T
title: A made-up trial
recruitment: {recruitment}
author: a
reviewer: b
cancer: leiomyosarcoma
{more}criteria:
{criteria}
"""
LINES = {
    "ecog": "  - {id: I1, text: ECOG 0 to 2, polarity: inclusion, rule: ecog <= 2}",
    "men": "  - {id: I2, text: Men, polarity: inclusion, rule: sex is male}",
    "lvef": "  - {id: E1, text: Low ejection fraction, polarity: exclusion, rule: lvef < 50 %}",
    "asked": "  - {id: I3, text: Fit, polarity: inclusion, rule: 'ecog <= 1 or (ecog <= 3 and ask \"Is it pain?\")'}",
    "none": "  - {id: N1, text: Good organ function, polarity: inclusion, not_structured: the source does not say which}",
    "washout": "  - {id: E2, text: Doxorubicin, polarity: exclusion, rule: 'has treatment(doxorubicin) within 28 days'}",
    "cohort": "  - {id: I4, text: Women, polarity: inclusion, cohorts: [A], rule: sex is female}",
}


def trial(*lines: str, recruitment: str = "recruiting", more: str = "") -> TrialDocument:
    text = TRIAL.format(recruitment=recruitment, more=more, criteria="\n".join(LINES[line] for line in lines))
    document = read_document(text)
    assert isinstance(document, TrialDocument)
    return document


def page(document: TrialDocument, who: Patient, **how: Any) -> Any:
    result = evaluate_trial(document, who, as_of=TODAY, version=1, **how)
    return pair_page(document, result, vocabulary=default(), open_here=how.get("open_here", True))


def observed(test: str, value: str, date: str, unit: str = "") -> dict[str, str]:
    return {"test": test, "value": value, "date": date, "unit": unit}


# --- Marks ---


@pytest.mark.parametrize("truth", list(Truth))
def test_every_truth_has_a_word_and_a_sign_beside_its_colour(truth: Truth) -> None:
    mark = truth_mark(truth)
    assert mark.word == truth.word.replace("_", " ") and mark.sign and mark.tone


def test_marks_differ_by_sign_and_not_by_colour_alone() -> None:
    assert len({truth_mark(truth).sign for truth in Truth}) == 3
    assert len({status_mark(status).sign for status in Status}) == 4
    assert status_mark(Status.NEEDS_INFORMATION, deceased=True).word == "deceased"


def test_an_unknown_is_named_by_its_reason() -> None:
    assert truth_mark(Truth.UNKNOWN, Reason.STALE).word == "stale"
    assert truth_mark(None).word == "not counted"


@pytest.mark.parametrize(
    ("change", "clears", "words"),
    [
        (Change.TIME, date(2026, 2, 6), "clears on 6 Feb 2026 by time alone"),
        (Change.NEVER, None, "this cannot change"),
        (None, None, ""),
    ],
)
def test_a_change_says_how_and_when(change: Change | None, clears: date | None, words: str) -> None:
    assert change_words(change, clears) == words


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({}, ""),
        ({"recruitment": "completed"}, "completed"),
        ({"recruitment": "not given"}, "recruitment not known"),
        ({"more": "never_offer: true\nnever_offer_reason: harm\n"}, "closed for good"),
        ({"more": "cohorts: [{id: A, title: A, open: false}]\n"}, "no cohort open"),
    ],
)
def test_why_a_trial_is_not_offered(how: dict[str, str], why: str) -> None:
    assert not_offered(trial("ecog", **how), open_here=True) == why


def test_a_trial_that_recruits_elsewhere_is_not_open_here() -> None:
    assert not_offered(trial("ecog"), open_here=False) == "not open here"


# --- The pair ---


def test_a_not_met_is_shown_as_not_met() -> None:
    shown = page(trial("men"), lms())
    (criterion,) = shown.criteria
    assert (criterion.truth, criterion.mark.word, criterion.change) == ("not_met", "not met", "this cannot change")
    assert not criterion.is_unknown and criterion.missing == ()
    assert shown.headline == "Not met, and it cannot change: I2."
    assert [(word, count) for word, count, _ in shown.counts] == [("unknown", 0), ("not_met", 1), ("met", 0)]


def test_a_stale_value_says_its_age_what_it_would_be_and_what_to_do() -> None:
    shown = page(trial("ecog"), lms(observations=[observed("ecog", "1", "2025-08-02")]))
    (criterion,) = shown.criteria
    assert criterion.mark.word == "stale"
    assert criterion.notes == ("166 days old: would pass if repeated",)
    assert [(fact.text, fact.date) for fact in criterion.evidence] == [("ECOG performance status: 1", "2 Aug 2025")]
    assert [fact.text for fact in criterion.missing] == ["ECOG performance status within 60 days"]
    assert shown.settled_by is not None and shown.settled_by.criteria == ("I1",)
    assert shown.headline == "1 fact would settle it: ECOG performance status within 60 days."


def test_what_an_exclusion_would_be_is_turned_with_it() -> None:
    """58 % is not below 50 %, so a repetition would pass, though the rule of the exclusion itself would fail."""
    shown = page(trial("lvef"), lms(observations=[observed("lvef", "58", "2025-08-02", "%")]))
    assert shown.criteria[0].notes == ("166 days old: would pass if repeated",)
    low = page(trial("lvef"), lms(observations=[observed("lvef", "40", "2025-08-02", "%")]))
    assert low.criteria[0].notes == ("166 days old: would fail if repeated",)


def test_leaves_that_disagree_about_a_repetition_say_only_the_age() -> None:
    finding = asked("lvef < 50 % or lvef > 55 %", lms(observations=[observed("lvef", "58", "2025-08-02", "%")]))
    assert notes_of(finding) == ("166 days old",)


def test_a_question_is_shown_only_while_something_hangs_on_it() -> None:
    document = trial("asked")
    pain = page(document, lms(observations=[observed("ecog", "3", "2026-01-10")]))
    assert [question.text for question in pain.criteria[0].questions] == ["Is it pain?"]
    for ecog in ("1", "4"):
        assert page(document, lms(observations=[observed("ecog", ecog, "2026-01-10")])).criteria[0].questions == ()


def test_a_line_without_a_rule_asks_to_be_read() -> None:
    shown = page(trial("none"), lms())
    (criterion,) = shown.criteria
    assert criterion.tree is None and criterion.why == "the source does not say which"
    assert criterion.missing == () and criterion.reason == "the line has no rule and has to be read"
    assert shown.headline == "No fact is missing; 1 line a reader has to judge."


def test_what_clears_by_time_says_when() -> None:
    given = {"treatment": "doxorubicin", "start_date": "2026-01-08", "end_date": "2026-01-08"}
    who = lms(treatments=[given], coverage=[DRUGS_COMPLETE])
    shown = page(trial("washout"), who)
    assert shown.headline.startswith("Clears on 6 Feb 2026 by time alone")
    assert shown.criteria[0].change == "clears on 6 Feb 2026 by time alone"


def test_a_closed_trial_and_its_cohorts_are_said_to_be_closed() -> None:
    cohorts = "cohorts: [{id: A, title: Women, open: true}, {id: B, title: Others, open: false}]\n"
    shown = page(trial("cohort", "men", more=cohorts), lms())
    assert [(cohort.id, cohort.open, cohort.best) for cohort in shown.cohorts] == [
        ("A", True, True),
        ("B", False, False),
    ]
    assert page(trial("ecog", recruitment="completed"), lms()).not_offered == "completed"


def test_the_dead_are_counted_apart() -> None:
    shown = page(trial("ecog"), lms(deceased="yes", death_date="2025-12-01"))
    assert shown.mark.word == "deceased" and shown.settled_by is None
    assert shown.headline.startswith("The patient has died")


# --- Evidence and leaves ---


def test_each_fact_is_told_once_with_its_fullest_words() -> None:
    source = "upload 12, conditions.csv row 9"
    evidence = [
        Evidence("condition:6", "leiomyosarcoma", "", "2023-02-01", source),
        Evidence("condition:6", "leiomyosarcoma, metastatic", "", "2023-02-01", source),
        Evidence("coverage:1", "treatments (all) complete through 2026-01-10", "", "2026-01-10", "coverage.csv row 2"),
    ]
    first, second = evidence_shown(evidence, default())
    assert (first.text, first.date, first.upload, first.source) == (
        "leiomyosarcoma, metastatic", "1 Feb 2023", 12, "conditions.csv row 9",
    )  # fmt: skip
    assert first.anchor == "conditionfact-6"
    # The date is in the words already.
    assert (second.text, second.date) == ("all treatments complete through 10 Jan 2026", "")


def test_drugs_of_one_row_are_one_line() -> None:
    source = "upload 1, treatments.csv row 3"
    evidence = [Evidence(f"treatment:{n}", "gemcitabine/docetaxel", "", "2024-01-10", source) for n in (1, 2)]
    assert len(evidence_shown(evidence, default())) == 1


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        ("ecog: 1", "1", "ECOG performance status: 1"),
        ("heart_rate: 73 /min", "/min", "heart rate: 73 /min"),
        ("systolic_bp: 125", "mm[Hg]", "systolic blood pressure: 125 mmHg"),
        ("whatever: 3", "", "whatever: 3"),
    ],
)
def test_a_value_stands_under_the_name_of_its_test_with_its_unit_once(value: str, unit: str, text: str) -> None:
    (shown,) = evidence_shown([Evidence("observation:1", value, unit)], default())
    assert shown.text == text


def test_a_tree_says_each_thing_at_its_leaf() -> None:
    tree = leaf_tree(asked('ecog <= 2 and ask "Is it pain?"', lms()), default())
    assert tree.evidence == () and tree.notes == () and tree.missing == ()
    observation, question = tree.parts
    assert observation.missing == ("ECOG performance status within 60 days",)
    assert (question.asks, question.notes, question.missing) == ("a reader answers yes to “Is it pain?”", (), ())


def test_questions_beside_what_decides_already_are_not_open() -> None:
    finding = asked('sex is male and ask "Is it pain?"', lms())
    assert finding.truth is Truth.NOT_MET
    assert open_questions(finding) == ()
    assert open_questions(Finding(Truth.MET)) == ()


# --- The shelf ---

OPTION = """\
kind: option
id: {id}
name: {id}
author: a
reviewer: b
cancer: sarcoma
citations: [{{id: B, text: A source, url: "https://example.org/b"}}]
statements:
  - {{id: S, kind: {kind}, {strength}text: Words., rule: {rule},
     citation: {{source: B, sentences: [B1], figures: {{os_ci95: [1, 2], days: [1, 8]}}}}}}
  - {{id: C, kind: caution, text: Beware., rule: has diagnosis(leiomyosarcoma)}}
"""


def option(id: str, rule: str, kind: str = "stance", strength: str = "strength: preferred, ") -> OptionDocument:
    document = read_document(OPTION.format(id=id, rule=rule, kind=kind, strength=strength))
    assert isinstance(document, OptionDocument)
    return document


def test_the_shelf_sorts_options_into_its_blocks() -> None:
    documents = [
        option("fits", "has diagnosis(leiomyosarcoma)"),
        option("perhaps", "ecog <= 2"),
        option("not", "sex is male"),
        option("never", "has diagnosis(leiomyosarcoma)", kind="must_not_use", strength=""),
    ]
    results = rank_options([(document, 1) for document in documents], lms(), as_of=TODAY)
    shown = shelf_page([], [(result, 7) for result in results], vocabulary=default())
    blocks = (shown.must_not_use, shown.applies, shown.could_apply, shown.does_not_apply)
    assert [[each.id for each in block] for block in blocks] == [["never"], ["fits"], ["perhaps"], ["not"]]
    never, fits, perhaps = blocks[0][0], blocks[1][0], blocks[2][0]
    # What speaks against a drug carries no green sign.
    assert never.certain and (never.forbidden[0].mark.tone, never.forbidden[0].mark.sign) == ("not", "!")
    assert (fits.rank, fits.strength, fits.stances[0].mark.tone) == (1, "preferred", "met")
    assert fits.told[0].mark.sign == "!"
    assert fits.stances[0].citation == "A source" and fits.stances[0].figures == (
        ("os ci95", "1 to 2"), ("days", "1, 8"),
    )  # fmt: skip
    assert [fact.text for fact in perhaps.missing] == ["ECOG performance status within 60 days"]


def test_trials_stand_by_status_and_closed_ones_apart() -> None:
    documents = [trial("men"), trial("ecog"), trial("ecog", recruitment="completed")]
    rows = [(each, evaluate_trial(each, lms(), as_of=TODAY, version=1), 3, True) for each in documents]
    shown = shelf_page(rows, [], vocabulary=default())
    assert [each.mark.word for each in shown.open_trials] == ["needs information", "not eligible"]
    (closed,) = shown.closed_trials
    assert (closed.not_offered, closed.offered, closed.unknown) == ("completed", False, 1)


def test_an_age_says_of_what_it_was_counted() -> None:
    finding = asked("age >= 18", lms())
    (shown,) = evidence_shown(finding.evidence, default())
    assert (shown.text, shown.date) == ("age 64 years, born 3 Apr 1961", "")


def test_a_fact_that_is_a_question_ends_as_one() -> None:
    drug = {"treatment": "doxorubicin", "start_date": "2024-01-10", "end_date": "2024-05-20"}
    headline = page(trial("washout"), lms(treatments=[drug])).headline
    assert headline.startswith("1 fact would settle it: ") and headline.endswith("?")


def record_of(*treatments: Treatment, **facts: Any) -> Patient:
    return Patient(patient_id="P-1", treatments=treatments, **facts)


def drug(raw: str, *concepts: str, id: str = "treatment:1", named: bool = True) -> Treatment:
    return Treatment(id=id, raw=raw, concepts=concepts, named=named, kind="drug", start=PartialDate.parse("2025-08-15"))


@pytest.mark.parametrize(
    ("treatments", "said"),
    [
        ([drug("Votrient", "pazopanib")], "pazopanib (Votrient), advanced"),
        ([drug("pazopanib", "pazopanib")], "pazopanib, advanced"),
        ([drug("Pazopanib 400 mg", "pazopanib")], "Pazopanib 400 mg, advanced"),
        # The drugs of one combination stand under one word.
        ([drug("AIM", "doxorubicin"), drug("AIM", "ifosfamide", id="treatment:2")],
         "doxorubicin + ifosfamide (AIM), advanced"),
        # What may be several things is not named as one of them.
        ([drug("cisplatin or carboplatin", "cisplatin", "carboplatin")], "cisplatin or carboplatin, advanced"),
        ([drug("doxorubcin", "doxorubicin", named=False)], "doxorubcin, advanced"),
    ],
    ids=["a brand", "its own name", "its name and more", "a combination", "one of two", "misspelt"],
)  # fmt: skip
def test_a_drug_is_named_by_its_concept_beside_the_word_of_the_record(treatments: list[Treatment], said: str) -> None:
    names = names_in(record_of(*treatments), default())
    evidence = Evidence("treatment:1", f"{treatments[0].raw}, advanced", "", "2025-08-15 to 2026-11-04")
    (shown,) = evidence_shown([evidence], default(), names)
    assert (shown.text, shown.date) == (said, "15 Aug 2025 to 4 Nov 2026")


def test_an_abbreviated_diagnosis_is_named_too() -> None:
    row = Condition(id="condition:1", raw="LMS", histologies=("leiomyosarcoma",), kind="primary")
    record = record_of(conditions=(row,))
    (shown,) = evidence_shown([Evidence("condition:1", "LMS, metastatic")], default(), names_in(record, default()))
    assert shown.text == "leiomyosarcoma (LMS), metastatic"
