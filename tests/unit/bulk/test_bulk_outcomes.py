"""Failure of drugs by the thousand: by default and as a document defines it, the same as one patient at a time."""

from datetime import timedelta

import pytest

from matcher.engine.bulk.findings import code_of
from matcher.engine.bulk.outcomes import outcome
from matcher.engine.reference.days import FUTURE
from matcher.engine.reference.records.outcomes import outcome_finding
from matcher.engine.truth import Truth
from tests.batches import batch_of
from tests.synthetic import DRUGS_COMPLETE, TODAY, drug, lms, patient
from tests.unit.bulk.courses_of_therapy import many

OUTCOMES = ("failure", "refractory", "intolerant")


def agree(patients, definitions=(), **how):
    """Compare every outcome of every treatment; the answers that occur."""
    how.setdefault("cancer", "leiomyosarcoma")
    batch, contexts = batch_of(patients, definitions=definitions, **how)
    table = batch.table("treatments")
    pairs = batch.pairs(table)
    said = set()
    for name in OUTCOMES:
        told, flips = outcome(batch, pairs, name)
        for k, (item, row) in enumerate(zip(pairs.item.tolist(), pairs.row.tolist(), strict=True)):
            context = contexts[item]
            treatment = context.patient.treatments[row - table.starts[batch.patient[item]]]
            expected = outcome_finding(context, treatment, name)
            assert told.code[k] == code_of(expected), (name, treatment)
            # Of an unknown it makes no difference whether anything is shown.
            assert told.shown[k] == bool(expected.evidence) or expected.truth is Truth.UNKNOWN, (name, treatment)
            flip = min((day for day in expected.flips if day > context.asked), default=FUTURE)
            assert (FUTURE if flips is None else flips[k]) <= flip
            said.add((name, str(expected.truth), expected.reason))
    return said


def sarcoma(*treatments, events=(), told=False, **rows):
    events_complete = [{"domain": "disease_status", "complete_through": "2026-01-10"}] if told else []
    return lms(
        treatments=list(treatments), disease_status=list(events), coverage=[DRUGS_COMPLETE, *events_complete], **rows
    )


def progression(day, **cells):
    return [{"status": "progression", "date": day, **cells}]


ADVANCED = drug("doxorubicin", "2024-01-10", "2024-05-20", setting="advanced")
ADJUVANT = drug("doxorubicin", "2022-01-10", "2022-05-20", setting="adjuvant")
NEXT = drug("pazopanib", "2024-08-01", "2025-01-10", setting="advanced")
TWO_CANCERS = [
    {"condition": "leiomyosarcoma", "kind": "primary", "body_site": "uterus", "diagnosis_id": "D1"},
    {"condition": "breast carcinoma", "kind": "primary", "body_site": "breast", "diagnosis_id": "D2"},
]

WHO = {
    "its own response": sarcoma({**ADVANCED, "response": "progressive disease"}),
    "stopped for progression": sarcoma({**ADVANCED, "stop_reason": "progression"}),
    "stopped for toxicity": sarcoma({**ADVANCED, "stop_reason": "toxicity"}, told=True),
    "stopped as planned": sarcoma({**ADVANCED, "stop_reason": "completed"}),
    "stopped for a reason of no list": sarcoma({**ADVANCED, "stop_reason": "words of no list"}),
    "progression while it was given": sarcoma(ADVANCED, events=progression("2024-04-01")),
    "progression within 30 days": sarcoma(ADVANCED, events=progression("2024-06-19")),
    "progression later, in the advanced setting": sarcoma(ADVANCED, events=progression("2025-03-01")),
    "relapse years after adjuvant therapy": sarcoma(ADJUVANT, events=progression("2023-12-01"), told=True),
    "progression in the next line": sarcoma(ADVANCED, NEXT, events=progression("2024-12-01"), told=True),
    "progression in some year": sarcoma(ADVANCED, NEXT, events=progression("2024")),
    "adjuvant, progression in some year": sarcoma(ADJUVANT, events=progression("2022")),
    "progression on the first day": sarcoma(ADVANCED, events=progression("2024-01-10")),
    "perhaps a progression": sarcoma(ADVANCED, events=[{"status": "words of no list", "date": "2024-04-01"}]),
    "still going on": sarcoma(drug("doxorubicin", "2025-12-01", ongoing="yes", setting="advanced")),
    "fully told": sarcoma(ADVANCED, told=True),
    "of another cancer": sarcoma({**ADVANCED, "diagnosis": "D2"}, conditions=TWO_CANCERS),
    "of either cancer": sarcoma(
        ADVANCED, {**ADVANCED, "response": "progressive disease"},
        drug("doxorubicin", "2025-12-01", ongoing="yes"), conditions=TWO_CANCERS,
    ),
    "of no cancer of the document": patient(
        conditions=[TWO_CANCERS[1]], treatments=[ADVANCED], disease_status=progression("2024-04-01")
    ),
    "of no cancer": patient(treatments=[ADVANCED, NEXT], disease_status=progression("2024-04-01")),
}  # fmt: skip


@pytest.mark.parametrize("case", WHO)
def test_one_patient(case):
    agree([WHO[case]])


def test_all_that_can_be_said_is_said():
    said = agree(list(WHO.values()), cancer="")
    reasons = ("imprecise", "not recorded", "needs judgement", "stale")
    assert said >= {("failure", "met", None), ("failure", "not_met", None), ("intolerant", "met", None)}
    assert {reason for name, _, reason in said if name == "failure"} == {None, *reasons} - {"stale"}


def test_on_a_later_day_with_what_is_known_now():
    said = agree(list(WHO.values()), as_of=TODAY + timedelta(days=400), known=TODAY)
    assert ("failure", "unknown", "not recorded") in said


DEFINED = (
    "define failure of any as has treatment(this treatment, stop_reason: progression)",
    "define failure of anthracycline as count line(systemic) >= 2 or has treatment(this treatment, ongoing: yes)",
    "define failure of doxorubicin as has disease_status(progression) within 6 months after end of this treatment",
    "define intolerant of pazopanib as has treatment(this treatment, stop_reason: not completed)",
)


def test_the_most_specific_definition_of_the_document_decides():
    agree(list(WHO.values()), DEFINED)


def test_a_definition_of_no_drug_of_anybody_decides_nothing():
    agree([WHO["fully told"], WHO["still going on"]], ["define failure of erdafitinib as has treatment(any)"])


def test_what_a_definition_asks_may_turn_by_time():
    definition = "define failure of doxorubicin as has disease_status(progression) within 6 months"
    agree([sarcoma(ADVANCED, events=progression("2025-12-20"))], [definition])


@pytest.mark.parametrize("seed", range(3))
def test_what_registries_leave_open(seed):
    agree(many(25, 100 + seed))
