"""Results as JSON: the shapes and words that commands and the API promise, and that they are plain JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from matcher.engine import wire
from matcher.engine.reference.documents.assess import TrialResult, evaluate_trial
from matcher.engine.reference.documents.missing import Entry
from matcher.engine.reference.documents.options import OptionResult, rank_options
from matcher.engine.reference.evaluate import evaluate_rule
from matcher.engine.results import Evidence, Finding, Missing
from matcher.engine.truth import Change, Reason, Truth
from patients.facts import Answer, Patient
from tests.synthetic import DRUGS_COMPLETE, TODAY, drug, lms
from trials.criteria.documents import OptionDocument, TrialDocument, read_document
from trials.criteria.parser import parse

TRIAL = """\
kind: trial
id: T1
nct: NCT00000001
title: A made-up trial
recruitment: recruiting
author: one
reviewer: another
cancer: leiomyosarcoma or liposarcoma
cohorts: [{id: A, title: a}, {id: B, title: b, open: no}]
criteria:
  - {id: N1, text: Who may enter, polarity: inclusion, note: heading}
  - {id: I1, text: ECOG 0 or 1, polarity: inclusion, rule: ecog <= 1, cohorts: [A]}
  - {id: E1, text: Doxorubicin lately, polarity: exclusion, rule: has treatment(doxorubicin) within 28 days}
  - {id: I2, text: Gives consent, polarity: inclusion, confirm: consent}
  - {id: E2, text: Unfit, polarity: exclusion, not_structured: a matter of judgement}
"""
OPTION = """\
kind: option
id: O1
name: Doxorubicin
author: one
reviewer: another
cancer: leiomyosarcoma
citations: [{id: A, text: a}]
statements:
  - {id: S1, kind: stance, strength: preferred, text: first choice, rule: age >= 18, jurisdiction: EU,
     citation: {source: A, sentences: [A1, A2], figures: {pct: 97}},
     disagrees: [{with: US label, text: says otherwise, figures: {pct: 31}, source: a label, jurisdiction: US}]}
  - {id: S2, kind: modifier, step: up, text: rather so, rule: ecog <= 1}
  - {id: S3, kind: caution, text: mind the heart, action: measure it}
"""
RECENT = drug("doxorubicin", "2025-12-01", "2026-01-05")
ECOG_1 = {"test": "ecog", "value": 1, "date": "2026-01-05"}


def assessed(who: Patient) -> TrialResult:
    document = read_document(TRIAL)
    assert isinstance(document, TrialDocument)
    return evaluate_trial(document, who, as_of=TODAY, version=3)


def shown(who: Patient) -> dict[str, Any]:
    """The explanation, after a journey through JSON text that must change nothing."""
    found = wire.trial_json(assessed(who))
    assert json.loads(json.dumps(found)) == found
    return found


def criterion(explained: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [item for item in explained["criteria"] if item["id"] == name]
    return found


def test_a_trial_that_needs_information() -> None:
    found = shown(lms(coverage=[DRUGS_COMPLETE]))
    assert (found["id"], found["version"], found["status"], found["offered"]) == ("T1", 3, "needs_information", True)
    assert (found["cohort"], found["needs"], found["clears_on"]) == ("A", "both", None)
    assert found["cohorts"] == [
        {"id": "A", "status": "needs_information", "open": True, "clears_on": None},
        {"id": "B", "status": "needs_information", "open": False, "clears_on": None},
    ]
    assert found["to_read"] == [{"criterion": "E2", "question": "Unfit"}]
    (ecog,) = found["missing"]
    assert set(ecog) >= {"kind", "concepts", "attribute", "window", "text", "criteria"}
    assert (ecog["kind"], ecog["concepts"], ecog["criteria"], ecog["settles"]) == (
        "observation",
        ["ecog"],
        ["I1"],
        True,
    )
    assert "leiomyosarcoma" in found["cancer"].lower()
    assert found["other_cancers"] == []


def test_the_criteria_stand_in_the_order_of_the_document_with_their_words() -> None:
    found = shown(lms(coverage=[DRUGS_COMPLETE]))
    assert [(c["id"], c["kind"], c["truth"]) for c in found["criteria"]] == [
        ("N1", "note", None), ("I1", "rule", "unknown"), ("E1", "rule", "met"), ("I2", "confirm", None),
        ("E2", "not_structured", "unknown"),
    ]  # fmt: skip
    heading, consent, line = (criterion(found, name) for name in ("N1", "I2", "E2"))
    assert (heading["note"], heading["rule"], heading["leaves"], heading["missing"]) == ("heading", None, None, [])
    assert (consent["category"], consent["reason"], consent["change"]) == ("consent", None, None)
    assert (line["reason"], line["note"], line["polarity"]) == ("not structured", "a matter of judgement", "exclusion")
    assert (line["missing"], line["category"]) == (["Unfit"], None)


def test_a_criterion_that_is_not_met_yet() -> None:
    found = shown(lms(treatments=[RECENT], coverage=[DRUGS_COMPLETE], observations=[ECOG_1]))
    lately = criterion(found, "E1")
    assert (lately["truth"], lately["change"], lately["clears_on"]) == ("not_met", "by time", "2026-02-03")
    assert lately["rule"] == "has treatment(doxorubicin) within 28 days"
    (used,) = lately["evidence"]
    assert set(used) == {"fact", "value", "unit", "date", "source"}
    assert "doxorubicin" in used["value"].lower()
    # The polarity is applied on top of the leaf: the rule itself is met.
    assert (lately["leaves"]["rule"], lately["leaves"]["truth"]) == (
        "not has treatment(doxorubicin) within 28 days",
        "not_met",
    )
    assert [part["truth"] for part in lately["leaves"]["parts"]] == ["met"]
    assert (found["status"], found["needs"], found["clears_on"]) == ("not_now", None, "2026-02-03")
    assert [cohort["clears_on"] for cohort in found["cohorts"]] == ["2026-02-03", "2026-02-03"]
    assert criterion(found, "I1")["cohorts"] == ["A"]


def test_an_override_is_always_shown() -> None:
    over = Answer(id="a1", document="T1", version=3, criterion="I1", truth=True, by="dr-a", on=date(2026, 1, 10),
                  override=True, reason="seen today")  # fmt: skip
    who = replace(lms(observations=[{**ECOG_1, "value": 2}]), answers=(over,))
    item = criterion(shown(who), "I1")
    assert (item["truth"], item["overridden"]) == ("met", "not_met")
    assert item["evidence"][0] == {
        "fact": "a1", "value": "override: met, says dr-a", "unit": "", "date": "2026-01-10", "source": "seen today",
    }  # fmt: skip
    assert criterion(shown(lms(observations=[ECOG_1])), "I1")["overridden"] is None


def test_the_other_cancer_of_a_patient_has_an_explanation_of_its_own() -> None:
    two = [
        {"condition": "leiomyosarcoma", "kind": "primary", "body_site": "uterus", "date": "2023-02-01",
         "diagnosis_id": "A"},
        {"condition": "liposarcoma", "kind": "primary", "body_site": "thigh soft tissue", "date": "2024-02-01",
         "diagnosis_id": "B"},
    ]  # fmt: skip
    found = shown(lms(conditions=two))
    (other,) = found["other_cancers"]
    assert (other["id"], other["other_cancers"]) == ("T1", [])
    assert other["cancer"] != found["cancer"]
    assert set(other) == set(found)


def test_a_trial_without_cohorts_names_none() -> None:
    document = read_document(TRIAL.replace("cohorts: [{id: A, title: a}, {id: B, title: b, open: no}]\n", "")
                             .replace(", cohorts: [A]", ""))  # fmt: skip
    assert isinstance(document, TrialDocument)
    found = wire.summary_json(evaluate_trial(document, lms(), as_of=TODAY))
    assert (found["cohort"], found["cohorts"]) == (None, [])


def test_the_leaves_of_a_rule_say_why() -> None:
    finding = evaluate_rule(parse("age >= 18 and ecog <= 1"), lms(), as_of=TODAY)
    found = wire.finding_json(finding)
    assert (found["rule"], found["truth"], found["reason"], found["change"]) == (
        "age >= 18 and ecog <= 1", "unknown", "not recorded", None,
    )  # fmt: skip
    age, ecog = found["parts"]
    assert (age["rule"], age["truth"], age["change"], age["parts"]) == ("age >= 18", "met", "never", [])
    assert (ecog["truth"], ecog["evidence"]) == ("unknown", [])
    assert found["missing"] == ecog["missing"] != []


def test_a_finding_without_a_rule() -> None:
    bare = wire.finding_json(Finding(Truth.MET, None, Change.NEVER, note="nothing to ask"))
    assert (bare["rule"], bare["note"], bare["evidence"], bare["missing"]) == (None, "nothing to ask", [], [])


def test_alternatives_of_an_or_stand_together_each_once() -> None:
    facts = (
        Missing("observation", ("anc",), "value", "14 days", "ANC", "laboratory"),
        Missing("observation", ("anc", "hb"), "", "30 days", "Hb", "laboratory"),
        Missing("observation", ("hb",), "value", "", "Hb", "laboratory"),
    )
    assert wire.missing_json(Entry(facts, ("C1", "C2"), settles=True)) == {
        "kind": "observation", "concepts": ["anc", "hb"], "attribute": "value", "window": "14 days or 30 days",
        "text": "ANC or Hb", "criteria": ["C1", "C2"], "settles": True,
    }  # fmt: skip


def test_evidence_has_five_fields() -> None:
    assert wire.evidence_json(Evidence("o1", "1.2", "10*9/L", "2026-01-05", "lab.csv")) == {
        "fact": "o1", "value": "1.2", "unit": "10*9/L", "date": "2026-01-05", "source": "lab.csv",
    }  # fmt: skip


# options


def ranked(who: Patient) -> dict[str, Any]:
    document = read_document(OPTION)
    assert isinstance(document, OptionDocument)
    (result,) = rank_options([(document, 2)], who, as_of=TODAY)
    assert isinstance(result, OptionResult)
    found = wire.option_json(result)
    assert json.loads(json.dumps(found)) == found
    return found


def test_an_option_that_applies() -> None:
    found = ranked(lms())
    assert (found["id"], found["name"], found["version"]) == ("O1", "Doxorubicin", 2)
    assert (found["rank"], found["block"], found["strength"]) == (1, "applies", "preferred")
    assert [(s["id"], s["kind"], s["strength"], s["step"], s["truth"]) for s in found["statements"]] == [
        ("S1", "stance", "preferred", None, "met"), ("S2", "modifier", None, "up", "unknown"),
        ("S3", "caution", None, None, None),
    ]  # fmt: skip
    assert [entry["criteria"] for entry in found["missing"]] == [["S2"]]


def test_a_statement_carries_its_source_and_who_disagrees() -> None:
    first, open_, bare = ranked(lms())["statements"]
    assert first["citation"] == {"source": "A", "sentences": ["A1", "A2"], "figures": {"pct": 97}}
    assert first["disagrees"] == [
        {
            "with": "US label",
            "text": "says otherwise",
            "figures": {"pct": 31},
            "source": "a label",
            "jurisdiction": "US",
        }
    ]
    assert (first["rule"], first["reason"], first["jurisdiction"]) == ("age >= 18", None, "EU")
    assert first["evidence"] != []
    assert (open_["reason"], len(open_["missing"])) == ("not recorded", 1)
    assert (bare["rule"], bare["reason"], bare["citation"], bare["evidence"], bare["missing"]) == (
        None,
        None,
        None,
        [],
        [],
    )
    assert bare["action"] == "measure it"


@pytest.mark.parametrize(("birth", "block"), [(None, "could_apply"), ("2015-04-03", "does_not_apply")])
def test_an_option_that_does_not_apply_has_neither_rank_nor_strength(birth: str | None, block: str) -> None:
    found = ranked(lms(birth_date=birth))
    assert (found["block"], found["rank"], found["strength"]) == (block, None, None)


def test_a_rule_tried_over_a_registry_counts_every_truth() -> None:
    answers = [
        ("P1", Finding(Truth.MET, None, Change.NEVER)),
        ("P2", Finding(Truth.UNKNOWN, Reason.STALE)),
        ("P3", Finding(Truth.MET, None, Change.TIME)),
    ]
    assert wire.evaluation_json("age >= 18", "is 18 or older", "2026-01-15", answers) == {
        "rule": "age >= 18", "english": "is 18 or older", "as_of": "2026-01-15",
        "counts": {"met": 2, "unknown": 1, "not_met": 0},
        "patients": [
            {"patient_id": "P1", "truth": "met", "reason": None},
            {"patient_id": "P2", "truth": "unknown", "reason": "stale"},
            {"patient_id": "P3", "truth": "met", "reason": None},
        ],
    }  # fmt: skip
    assert wire.evaluation_json("age >= 18", "", "data-through", [])["counts"] == {"met": 0, "unknown": 0, "not_met": 0}
