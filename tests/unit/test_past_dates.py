"""A past as-of date sees no later date, and a person's answer holds for its version and its time (§1.1, §1.2)."""

from dataclasses import replace
from datetime import date

import pytest

from matcher.engine import evaluate_rule
from matcher.engine.reference.evaluate import evaluate, make_context
from matcher.engine.reference.view import deceased, ignored_after, view_at, vital_conflict
from patients.facts import Answer, PartialDate, Source
from tests.synthetic import drug, lms, truth
from trials.criteria.parser import parse

THEN = date(2024, 6, 30)
WHOLE = [
    {"domain": domain, "complete_through": "2026-01-10"}
    for domain in ("treatments", "medications", "disease_status", "conditions")
]
DOXORUBICIN = drug("doxorubicin", "2024-01-10", "2024-07-20", response="progressive disease", stop_reason="progression")
ENDED = {**DOXORUBICIN, "end_date": "2024-06-30"}
CODED = "has treatment(doxorubicin, response: progressive disease)"
STOPPED = "has treatment(doxorubicin, stop_reason: progression)"
GOING_ON = "has treatment(doxorubicin, ongoing: yes)"


def obs(test, value, day, **cells):
    return {"test": test, "value": value, "date": day, **cells}


def primary(**cells):
    return {"condition": "leiomyosarcoma", "kind": "primary", "body_site": "uterus", "date": "2023-02-01", **cells}


#: Rows, rule, what it was on 30 June 2024, what it is on 15 January 2026.
CASES = {
    "a response of a course that ended later": ({"treatments": [DOXORUBICIN]}, CODED, "unknown: not recorded", "met"),
    "of one that ended that day": ({"treatments": [ENDED]}, CODED, "met", "met"),
    "a reason to stop that came later": ({"treatments": [DOXORUBICIN]}, STOPPED, "unknown: not recorded", "met"),
    "a course that ended later was under way": ({"treatments": [DOXORUBICIN]}, GOING_ON, "met", "not_met"),
    "one that had not begun": (
        {"treatments": [drug("pazopanib", "2024-07-01", "2024-09-01")]},
        "has treatment(pazopanib)",
        "not_met",
        "met",
    ),
    "one that began that day": (
        {"treatments": [drug("pazopanib", "2024-06-30", "2024-09-01")]},
        "has treatment(pazopanib)",
        "met",
        "met",
    ),
    "one that may not have begun": (
        {"treatments": [drug("pazopanib", "2024", None, ongoing="no")]},
        "has treatment(pazopanib)",
        "unknown: imprecise",
        "met",
    ),
    "said to be given, on a day that may be later": (
        {"treatments": [drug("pazopanib", "2024", "2024-11-20", status="given")]},
        "has treatment(pazopanib)",
        "unknown: imprecise",
        "met",
    ),
    "a plan is seen": (
        {"treatments": [{"treatment": "surgery", "kind": "surgery", "start_date": "2024-07-20", "status": "planned"}]},
        "time from today to next treatment(surgery) <= 28 days",
        "met",
        "unknown: not recorded",
    ),
    "what did not go on later, may have then": (
        {"treatments": [drug("doxorubicin", "2024-01-10", None, ongoing="no", response="progressive disease")]},
        GOING_ON,
        "unknown: not recorded",
        "not_met",
    ),
    "and its response may have come later": (
        {"treatments": [drug("doxorubicin", "2024-01-10", None, ongoing="no", response="progressive disease")]},
        CODED,
        "unknown: not recorded",
        "met",
    ),
    "an end in a month that spans the day": (
        {"treatments": [{**DOXORUBICIN, "end_date": "2024-06"}]},
        CODED,
        "met",
        "met",
    ),
    "an end in a year that spans the day": (
        {"treatments": [{**DOXORUBICIN, "end_date": "2024"}]},
        CODED,
        "unknown: not recorded",
        "met",
    ),
    "a medication that stopped later was taken": (
        {"medications": [{"medication": "prednisone", "start_date": "2024-06-01", "end_date": "2024-07-01"}]},
        "has medication(prednisone, ongoing: yes)",
        "met",
        "not_met",
    ),
    "a medication said to have stopped": (
        {"medications": [{"medication": "prednisone", "start_date": "2024-06-01", "ongoing": "no"}]},
        "has medication(prednisone, ongoing: yes)",
        "unknown: not recorded",
        "not_met",
    ),
    "a medication that began later": (
        {"medications": [{"medication": "prednisone", "start_date": "2024-07-01", "end_date": "2024-08-01"}]},
        "has medication(prednisone)",
        "not_met",
        "met",
    ),
    "a later progression": (
        {"disease_status": [{"status": "progression", "date": "2024-07-01"}]},
        "has disease_status(progression)",
        "not_met",
        "met",
    ),
    "a later value": (
        {
            "observations": [
                obs("height", "170", "2020-01-01", unit="cm"),
                obs("height", "140", "2024-07-01", unit="cm"),
            ]
        },
        "height >= 150 cm",
        "met",
        "not_met",
    ),
    "a later mutation": (
        {"biomarkers": [{"gene": "BRCA1", "alteration": "mutation", "result": "positive", "date": "2024-07-01"}]},
        "has biomarker(BRCA1, mutation)",
        "unknown: not recorded",
        "met",
    ),
    "a later extent": (
        {"conditions": [primary(extent="localised"), primary(extent="metastatic", date="2024-07-01")]},
        "has diagnosis(leiomyosarcoma, extent: metastatic)",
        "not_met",
        "met",
    ),
    "a condition that ended later": (
        {
            "conditions": [
                primary(),
                {
                    "condition": "pneumonia",
                    "kind": "comorbidity",
                    "date": "2024-06-15",
                    "status": "resolved",
                    "end_date": "2024-07-05",
                },
            ]
        },
        "has condition(pneumonia)",
        "met",
        "not_met",
    ),
    "a condition that ended before": (
        {
            "conditions": [
                primary(),
                {
                    "condition": "pneumonia",
                    "kind": "comorbidity",
                    "date": "2024-05-15",
                    "status": "resolved",
                    "end_date": "2024-06-05",
                },
            ]
        },
        "has condition(pneumonia)",
        "not_met",
        "not_met",
    ),
    "a state that began later": (
        {
            "conditions": [
                primary(),
                {
                    "condition": "CNS metastasis",
                    "kind": "metastasis",
                    "date": "2024-05-15",
                    "state": "treated",
                    "state_since": "2024-07-05",
                },
            ]
        },
        "has condition(CNS metastasis, state: treated)",
        "unknown: not recorded",
        "met",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_was_known_then_and_now(case):
    rows, rule, then, now = CASES[case]
    who = lms(**{"coverage": WHOLE, "data_through": "2026-01-10", **rows})
    assert (truth(rule, who, as_of=THEN), truth(rule, who)) == (then, now)


def test_facts_of_later_days_are_named_as_ignored():
    who = lms(
        treatments=[drug("doxorubicin", "2024-01-10", "2024-05-20"), drug("pazopanib", "2024-07-01")],
        disease_status=[{"status": "progression", "date": "2024-07-01"}, {"status": "progression", "date": "2024"}],
    )
    later = {who.treatments[1].id, who.disease_status[0].id}
    assert set(ignored_after(who, THEN)) == later
    assert ignored_after(who, date(2024, 7, 1)) == ()


def test_what_was_recorded_by_then_is_believed():
    who = lms(treatments=[{**DOXORUBICIN, "end_date": "2024"}], data_through="2024-06-30")
    seen = view_at(who, THEN).treatments[0]
    assert (seen.response, seen.stop_reason) == ("progressive disease", "progression")


#: `deceased`, date of death, data through, whether known to be dead on 30 June 2024.
DEATHS = [
    ("yes", "2024-06-30", "2026-01-10", True),
    ("yes", "2024-07-01", "2026-01-10", False),
    ("yes", None, "2026-01-10", False),
    ("yes", None, "2024-06-30", True),
    ("yes", None, None, True),
    ("no", None, "2026-01-10", False),
    (None, None, "2026-01-10", False),
    ("yes", "2024-06", "2024-07-10", True),
    ("yes", "2024", "2024-06-30", True),
    ("yes", "2024", "2026-01-10", False),
    ("yes", "2025", "2026-01-10", False),
]


@pytest.mark.parametrize(("dead", "day", "through", "expected"), DEATHS)
def test_a_later_death_is_not_known(dead, day, through, expected):
    who = lms(deceased=dead, death_date=day, data_through=through)
    assert deceased(who, THEN) is expected
    seen = view_at(who, THEN)
    assert seen.deceased is True if expected else seen.deceased is not True
    assert seen.death is None or seen.death.first <= THEN


# --- answers --------------------------------------------------------------------------------------------------------

ASK = "may she take part?"


def answer(truth_, on, until=None, *, version=1, criterion="I1", id="a1"):
    return Answer(
        id=id,
        document="T",
        version=version,
        criterion=criterion,
        question=ASK,
        truth=truth_,
        by="a reader",
        on=on,
        valid_until=until,
        source=Source(note="test"),
    )


def said(answers, as_of=date(2026, 1, 15)):
    who = replace(lms(), answers=tuple(answers))
    context = replace(make_context(who, as_of=as_of, document="T", version=1), criterion="I1")
    return evaluate(parse(f'ask "{ASK}"'), context)


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([answer(True, date(2026, 1, 1), date(2026, 4, 1))], "met"),
        ([answer(False, date(2026, 1, 1), date(2026, 4, 1))], "not_met"),
        ([answer(True, date(2026, 1, 1))], "met"),
        ([answer(True, date(2025, 1, 1), date(2026, 1, 15))], "met"),
        ([answer(True, date(2025, 1, 1), date(2026, 1, 14))], "unknown"),
        ([answer(True, date(2026, 1, 16), date(2026, 4, 1))], "unknown"),
        ([answer(True, date(2026, 1, 1), version=2)], "unknown"),
        ([answer(True, date(2026, 1, 1), criterion="I2")], "unknown"),
        ([answer(True, date(2026, 1, 1)), answer(False, date(2026, 1, 2), id="a2")], "not_met"),
        ([answer(False, date(2026, 1, 2), id="a2"), answer(True, date(2026, 1, 1))], "not_met"),
        ([], "unknown"),
    ],
)
def test_the_latest_valid_answer_to_this_question_of_this_version(answers, expected):
    assert said(answers).truth.word == expected


def test_an_answer_lapses_on_the_day_after_its_last():
    found = said([answer(True, date(2026, 1, 1), date(2026, 4, 1))])
    assert found.flips == (date(2026, 4, 2).toordinal(),)
    assert found.evidence[0].value == f"{ASK} yes (a reader)"
    assert said([answer(True, date(2026, 1, 1))]).flips == ()


def test_without_an_answer_a_reader_is_asked():
    found = evaluate_rule(parse(f'ask "{ASK}"'), lms(), as_of=THEN)
    assert (found.truth.word, found.reason, found.missing[0].text) == ("unknown", "needs judgement", ASK)


#: `deceased: no` beside a date of death: the date, data through, whether it is in doubt on 30 June 2024.
DENIED = [
    ("2024-06-29", None, True),
    ("2024-06-30", "2024-12-31", True),
    ("2024-07-01", None, False),
    # It may have been on any of its days.
    ("2024-06", None, True),
    ("2024", "2024-12-31", True),
    ("2024-07", None, False),
]


@pytest.mark.parametrize(("day", "through", "expected"), DENIED)
def test_a_denied_death_is_in_doubt_from_its_day_on(day, through, expected):
    who = lms(deceased="no", death_date=day, data_through=through)
    seen = view_at(who, THEN)
    assert (vital_conflict(who, THEN), seen.vital_conflict) == (expected, expected)
    assert not deceased(who, THEN)
    assert seen.deceased is (None if expected else False)
    assert (seen.death is not None) is expected
    assert view_at(seen, THEN) == seen


@pytest.mark.parametrize(("through", "expected"), [(None, True), ("2024-06-30", True), ("2024-07-01", False)])
def test_a_denied_death_without_a_day_is_in_doubt_from_the_end_of_the_data_on(through, expected):
    who = replace(lms(data_through=through), deceased=None, vital_conflict=True)
    assert vital_conflict(who, THEN) is expected
    assert view_at(who, THEN).deceased is (None if expected else False)
    assert not deceased(who, THEN)


def test_a_death_of_an_unclear_day_is_a_partial_date():
    who = replace(lms(), death=PartialDate(date(2024, 6, 1), date(2024, 7, 31)), deceased=None)
    assert not deceased(who, THEN)
    assert deceased(who, date(2024, 7, 31))
