"""The options of a shelf for one patient: blocks, strengths, ranks, a clinical trial first (SEMANTICS §6)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from matcher.engine.reference.documents.assess import Status, TrialResult, evaluate_trial
from matcher.engine.reference.documents.options import Block, OptionResult, rank_options
from matcher.engine.truth import Reason, Truth
from patients.facts import Patient
from tests.synthetic import TODAY, lms
from trials.criteria.documents import OptionDocument, Strength, TrialDocument, read_document

ADULT, MINOR, ASKED = "age >= 18", "age < 18", "ecog <= 1"


def option(name: str, *statements: str, cancer: str = "leiomyosarcoma") -> OptionDocument:
    """An option of statements `kind | strength or step | rule or other YAML`."""
    text = (
        f"kind: option\nid: {name}\nname: {name.title()}\nauthor: one\nreviewer: another\ncancer: {cancer}\n"
        "citations: [{id: A, text: a}]\nstatements:\n"
    )
    for number, line in enumerate(statements, 1):
        kind, how, rule = (part.strip() for part in line.split("|"))
        field = {"stance": f", strength: {how}", "modifier": f", step: {how}"}.get(kind, "")
        said = rule if rule.startswith("reads") else f"rule: '{rule}'" if rule else ""
        text += f"  - {{id: S{number}, kind: {kind}{field}, text: line {number}{', ' + said if said else ''}}}\n"
    found = read_document(text)
    assert isinstance(found, OptionDocument)
    return found


def ranked(*documents: OptionDocument, who: Patient | None = None, trials: tuple[TrialResult, ...] = ()) -> Any:
    shelf = [(document, number) for number, document in enumerate(documents, 1)]
    return rank_options(shelf, who or lms(), as_of=TODAY, trials=trials)


def one(*statements: str, who: Patient | None = None) -> OptionResult:
    (found,) = ranked(option("o", *statements), who=who)
    assert isinstance(found, OptionResult)
    return found


@pytest.mark.parametrize(
    ("statements", "block", "strength"),
    [
        ((f"stance | preferred | {ADULT}",), Block.APPLIES, Strength.PREFERRED),
        ((f"stance | preferred | {ASKED}",), Block.COULD_APPLY, None),
        ((f"stance | preferred | {MINOR}",), Block.DOES_NOT_APPLY, None),
        # The strongest stance that is met counts, not the strongest of all.
        ((f"stance | preferred | {ASKED}", f"stance | consider | {ADULT}", f"stance | option | {ADULT}"),
         Block.APPLIES, Strength.OPTION),
        ((f"stance | preferred | {MINOR}", f"stance | consider | {ASKED}"), Block.COULD_APPLY, None),
        # Only a note: nothing speaks for it.
        ((f"caution | | {ADULT}",), Block.DOES_NOT_APPLY, None),
        # What must not be used stands on top, certain or not, whatever speaks for it.
        ((f"stance | preferred | {ADULT}", f"must_not_use | | {ADULT}"), Block.MUST_NOT_USE, Strength.PREFERRED),
        ((f"must_not_use | | {ASKED}",), Block.MUST_NOT_USE, None),
        ((f"stance | preferred | {MINOR}", "must_not_use | | "), Block.MUST_NOT_USE, None),
        ((f"stance | preferred | {ADULT}", f"must_not_use | | {MINOR}"), Block.APPLIES, Strength.PREFERRED),
    ],
)  # fmt: skip
def test_where_an_option_stands(statements: tuple[str, ...], block: Block, strength: Strength | None) -> None:
    found = one(*statements)
    assert (found.block, found.strength) == (block, strength)
    assert (found.rank is not None) is (block is Block.APPLIES)


def test_blocks_stand_in_order_and_ties_in_the_order_of_the_shelf() -> None:
    found = ranked(
        option("never", f"stance | preferred | {MINOR}"),
        option("could", f"stance | option | {ASKED}"),
        option("might", f"stance | preferred | {ASKED}"),
        option("late", f"stance | consider | {ADULT}"),
        option("twin", f"stance | preferred | {ADULT}"),
        option("first", f"stance | preferred | {ADULT}"),
        option("banned", f"must_not_use | | {ASKED}"),
    )
    assert [(result.document.id, result.rank) for result in found] == [
        ("banned", None), ("twin", 1), ("first", 1), ("late", 2), ("might", None), ("could", None), ("never", None),
    ]  # fmt: skip
    assert [result.version for result in found] == [7, 5, 6, 4, 3, 2, 1]


@pytest.mark.parametrize(
    ("modifiers", "order"),
    [
        ((), ["plain", "moved"]),
        # One step up from alternative is option: a tie.
        ((f"modifier | up | {ADULT}",), ["tie"]),
        ((f"modifier | up | {ADULT}", f"modifier | up | {ADULT}"), ["moved", "plain"]),
        ((f"modifier | up | {ADULT}", f"modifier | down | {ADULT}"), ["plain", "moved"]),
        # A modifier that is not met, open, or has no rule moves nothing.
        ((f"modifier | up | {MINOR}", f"modifier | up | {ASKED}", "modifier | up | "), ["plain", "moved"]),
    ],
)
def test_a_modifier_moves_a_rank_by_one_step(modifiers: tuple[str, ...], order: list[str]) -> None:
    plain = option("plain", f"stance | option | {ADULT}")
    found = ranked(plain, option("moved", f"stance | alternative | {ADULT}", *modifiers))
    if order == ["tie"]:
        assert [result.rank for result in found] == [1, 1]
    else:
        assert [result.document.id for result in found] == order
        assert [result.rank for result in found] == [1, 2]
    # It moves the rank; the strength stays what the source says.
    assert {result.document.id: result.strength for result in found}["moved"] is Strength.ALTERNATIVE


def test_nothing_stands_above_highest_priority() -> None:
    found = ranked(
        option("top", f"stance | highest priority | {ADULT}"),
        option("lifted", f"stance | highest priority | {ADULT}", f"modifier | up | {ADULT}"),
    )
    assert [(result.document.id, result.rank) for result in found] == [("top", 1), ("lifted", 1)]


def test_a_statement_without_a_rule_has_no_truth_and_holds() -> None:
    found = one(f"stance | option | {ADULT}", "dose | | ", f"caution | | {MINOR}", f"monitoring | | {ASKED}")
    assert [result.truth for result in found.statements] == [Truth.MET, None, Truth.NOT_MET, Truth.UNKNOWN]
    assert [result.applies for result in found.statements] == [True, True, False, False]


def test_only_what_can_move_an_option_is_missing() -> None:
    found = one(
        f"stance | option | {ASKED}",
        "modifier | up | platelets >= 100 10*9/L",
        "must_not_use | | lvef < 40 %",
        "caution | | hemoglobin < 8 g/dL",
    )
    asked = {concept for entry in found.missing for fact in entry.facts for concept in fact.concepts}
    assert asked == {"ecog", "platelets", "lvef"}
    assert {name for entry in found.missing for name in entry.criteria} == {"S1", "S2", "S3"}
    assert one(f"stance | option | {ADULT}").missing == ()


def test_a_statement_holds_where_it_does_for_one_of_two_cancers() -> None:
    two = [
        {"condition": "leiomyosarcoma", "kind": "primary", "body_site": "uterus", "extent": "localised",
         "date": "2023-02-01", "diagnosis_id": "A"},
        {"condition": "liposarcoma", "kind": "primary", "body_site": "thigh soft tissue", "extent": "metastatic",
         "date": "2024-02-01", "diagnosis_id": "B"},
    ]  # fmt: skip
    document = option(
        "o", "stance | option | has diagnosis(this cancer, extent: metastatic)", cancer="leiomyosarcoma or liposarcoma"
    )
    (found,) = ranked(document, who=lms(conditions=two))
    (statement,) = found.statements
    assert (found.block, statement.truth) == (Block.APPLIES, Truth.MET)
    assert statement.finding is not None and statement.finding.rule == document.statements[0].rule


# a clinical trial first

TRIAL = """\
kind: trial
id: T1
nct: NCT00000001
title: A made-up trial
recruitment: recruiting
author: one
reviewer: another
cancer: leiomyosarcoma
criteria:
  - {id: C1, text: t, polarity: inclusion, rule: RULE}
"""
FIRST = option("trial", "stance | highest priority | reads: shelf")


def pair(rule: str, name: str = "T1", *, offered: bool = True) -> TrialResult:
    document = read_document(TRIAL.replace("RULE", rule).replace("T1", name))
    assert isinstance(document, TrialDocument)
    return evaluate_trial(document, lms(), as_of=TODAY, open_here=offered)


@pytest.mark.parametrize(
    ("trials", "truth", "block", "named"),
    [
        ((), Truth.NOT_MET, Block.DOES_NOT_APPLY, []),
        ((pair(ADULT, offered=False),), Truth.NOT_MET, Block.DOES_NOT_APPLY, []),
        ((pair(MINOR),), Truth.NOT_MET, Block.DOES_NOT_APPLY, ["trial:T1"]),
        ((pair(ASKED), pair(MINOR, "T2")), Truth.UNKNOWN, Block.COULD_APPLY, ["trial:T1"]),
        ((pair(ASKED), pair(ADULT, "T2")), Truth.MET, Block.APPLIES, ["trial:T2"]),
        # One that is not offered here does not speak for it.
        ((pair(ASKED), pair(ADULT, "T2", offered=False)), Truth.UNKNOWN, Block.COULD_APPLY, ["trial:T1"]),
        ((pair(ADULT), pair(ADULT, "T2")), Truth.MET, Block.APPLIES, ["trial:T1", "trial:T2"]),
    ],
)
def test_a_clinical_trial_first_reads_the_shelf(
    trials: tuple[TrialResult, ...], truth: Truth, block: Block, named: list[str]
) -> None:
    (found,) = ranked(FIRST, trials=trials)
    finding = found.statements[0].finding
    assert finding is not None
    assert (finding.truth, found.block) == (truth, block)
    assert [item.fact for item in finding.evidence] == named
    assert (finding.reason is Reason.NOT_RECORDED) is (truth is Truth.UNKNOWN)


def test_a_trial_that_is_not_now_does_not_come_first() -> None:
    later = replace(pair(ADULT), status=Status.NOT_NOW)
    (found,) = ranked(FIRST, trials=(later,))
    assert found.block is Block.DOES_NOT_APPLY
    assert found.statements[0].finding.evidence[0].value == "T1: not now"


# the library

LIBRARY = Path(__file__).resolve().parents[2] / "trials" / "library" / "options"


def test_of_the_library_a_fitting_trial_is_ranked_first() -> None:
    document = read_document((LIBRARY / "clinical_trial.yaml").read_text())
    assert isinstance(document, OptionDocument)
    found = ranked(option("other", f"stance | preferred | {ADULT}"), document, trials=(pair(ADULT),))
    assert [(result.document.id, result.rank) for result in found] == [("clinical_trial", 1), ("other", 2)]
    without = ranked(option("other", f"stance | preferred | {ADULT}"), document)
    assert [(result.document.id, result.rank) for result in without] == [("other", 1), ("clinical_trial", None)]
