"""Which missing facts a pair asks for, in which order, and which of them settle it (SEMANTICS §4)."""

from __future__ import annotations

import pytest

from matcher.engine.reference.documents.missing import TRIED, Entry, Question, entries, groups, questions
from matcher.engine.reference.evaluate import evaluate, make_context
from matcher.engine.results import Finding, Missing, unknown
from matcher.engine.truth import Change, Reason, Truth
from patients.facts import Patient
from tests.synthetic import TODAY, patient
from trials.criteria import tree as t
from trials.criteria.parser import parse, parse_definition

NOT_MET, UNKNOWN, MET = Truth.NOT_MET, Truth.UNKNOWN, Truth.MET
ADULT = patient(birth_date="1961-04-03", sex="female", data_through="2026-01-10")


def found(rule: str, who: Patient = ADULT, *definitions: str) -> Finding:
    context = make_context(who, as_of=TODAY, definitions=[parse_definition(text) for text in definitions])
    return evaluate(parse(rule), context)


def wanted(*rules: str, who: Patient = ADULT) -> tuple[Entry, ...]:
    return entries([(f"C{number}", found(rule, who)) for number, rule in enumerate(rules, 1)])


def effects(finding: Finding, facts: frozenset[Missing]) -> frozenset[Truth]:
    question = Question.of(finding, {})
    return question.effects(question.asking(facts))


def concepts(entry: Entry) -> list[str]:
    return [concept for fact in entry.facts for concept in fact.concepts]


def asked_for(finding: Finding) -> list[list[str]]:
    return [sorted(c for fact in group for c in fact.concepts) for group in groups(finding)]


def test_a_fact_is_listed_once_however_many_criteria_ask_for_it() -> None:
    (ecog,) = wanted("ecog <= 1", "ecog >= 0", "age >= 18")
    assert concepts(ecog) == ["ecog"]
    assert ecog.criteria == ("C1", "C2")


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("platelets >= 100 10*9/L and hemoglobin >= 9 g/dL", [["platelets"], ["hemoglobin"]]),
        ("platelets >= 100 10*9/L or hemoglobin >= 9 g/dL", [["hemoglobin", "platelets"]]),
        # Under `not`, AND and OR change places.
        ("not (platelets >= 100 10*9/L or hemoglobin >= 9 g/dL)", [["platelets"], ["hemoglobin"]]),
        ("not (platelets >= 100 10*9/L and hemoglobin >= 9 g/dL)", [["hemoglobin", "platelets"]]),
        ("not not (platelets >= 100 10*9/L or hemoglobin >= 9 g/dL)", [["hemoglobin", "platelets"]]),
        ("platelets >= 100 10*9/L except when (hemoglobin >= 9 g/dL and lvef >= 50 %)",
         [["platelets"], ["hemoglobin", "lvef"]]),
        ("platelets >= 100 10*9/L except when (hemoglobin >= 9 g/dL or lvef >= 50 %)",
         [["platelets"], ["hemoglobin"], ["lvef"]]),
        # An alternative that only a reader can settle asks for no fact.
        ('platelets >= 100 10*9/L or ask "is it enough?"', [["platelets"]]),
        ('ask "is it enough?"', []),
        ("age >= 18", []),
        # Of an `if` whose condition is decided only the branch it chose.
        ("if age >= 18 then platelets >= 100 10*9/L else lvef >= 50 %", [["platelets"]]),
        ("if age < 18 then platelets >= 100 10*9/L else lvef >= 50 %", [["lvef"]]),
        ("if ecog <= 1 then platelets >= 100 10*9/L", [["ecog"], ["platelets"]]),
    ],
)  # fmt: skip
def test_alternatives_of_an_or_are_one_entry(rule: str, expected: list[list[str]]) -> None:
    assert asked_for(found(rule)) == expected


THREE = "(platelets >= 100 10*9/L; hemoglobin >= 9 g/dL; lvef >= 50 %)"


@pytest.mark.parametrize(
    ("rule", "fact", "expected"),
    [
        ("platelets >= 100 10*9/L and hemoglobin >= 9 g/dL", "platelets", {NOT_MET, UNKNOWN}),
        ("platelets >= 100 10*9/L or hemoglobin >= 9 g/dL", "platelets", {MET, UNKNOWN}),
        ("platelets >= 100 10*9/L and age >= 18", "platelets", {MET, NOT_MET}),
        ("not platelets >= 100 10*9/L", "platelets", {MET, NOT_MET}),
        ("platelets >= 100 10*9/L except when hemoglobin >= 9 g/dL", "hemoglobin", {NOT_MET, UNKNOWN}),
        (f"at least 1 of {THREE}", "platelets", {MET, UNKNOWN}),
        (f"at least 3 of {THREE}", "platelets", {NOT_MET, UNKNOWN}),
        (f"at least 2 of {THREE}", "platelets", {UNKNOWN}),
        ("if platelets >= 100 10*9/L then hemoglobin >= 9 g/dL", "platelets", {MET, UNKNOWN}),
        ("if platelets >= 100 10*9/L then hemoglobin >= 9 g/dL", "hemoglobin", {MET, UNKNOWN}),
        ("if platelets >= 100 10*9/L then hemoglobin >= 9 g/dL else age < 18", "platelets", {NOT_MET, UNKNOWN}),
        ("if platelets >= 100 10*9/L then age >= 18 else age < 18", "platelets", {MET, NOT_MET}),
    ],
)
def test_the_truths_that_a_fact_can_make(rule: str, fact: str, expected: set[Truth]) -> None:
    finding = found(rule)
    (group,) = [g for g in groups(finding) if fact in {c for missing in g for c in missing.concepts}][:1]
    alone = frozenset(missing for missing in group if fact in missing.concepts)
    assert effects(finding, alone) == expected


def test_a_named_rule_is_what_it_names() -> None:
    finding = found("fit and age >= 18", ADULT, "define fit as ecog <= 1")
    (group,) = groups(finding)
    assert effects(finding, group) == {MET, NOT_MET}


def test_a_leaf_that_was_not_parsed_is_a_question_of_its_own() -> None:
    fact = Missing("observation", ("anc",), text="ANC", cost="laboratory")
    leaf = unknown(Reason.NOT_RECORDED, missing=(fact,))
    (entry,) = entries([("C1", leaf)])
    assert (entry.rules_out, entry.decides, entry.settles) == (1, 1, True)


def test_a_fact_no_value_of_which_changes_a_criterion_is_not_listed() -> None:
    # ECOG can rule the pair out; with two of three open beside it, no single blood value or scan decides anything.
    assert [concepts(entry) for entry in wanted(f"at least 2 of {THREE} and ecog <= 1")] == [["ecog"]]


def test_where_no_fact_by_itself_decides_all_that_are_asked_for_are_listed() -> None:
    listed = wanted(f"at least 2 of {THREE}")
    assert sorted(concepts(entry) for entry in listed) == [["hemoglobin"], ["lvef"], ["platelets"]]
    assert {(entry.rules_out, entry.decides, entry.settles) for entry in listed} == {(0, 0, False)}


def test_a_fact_that_one_criterion_asks_for_alone_answers_for_its_alternatives() -> None:
    listed = wanted("platelets >= 100 10*9/L or hemoglobin >= 9 g/dL", "platelets >= 50 10*9/L")
    assert [(concepts(entry), entry.criteria) for entry in listed] == [(["platelets"], ("C2", "C1"))]


def test_first_what_rules_out_then_what_decides_then_what_costs_least() -> None:
    listed = wanted(
        "platelets >= 100 10*9/L or lvef >= 50 %",
        "hemoglobin >= 9 g/dL and ecog <= 1",
        "ecog <= 2",
    )
    first = [(concepts(entry), entry.rules_out, entry.decides) for entry in listed]
    assert first[0] == (["ecog"], 2, 1)
    assert (["hemoglobin"], 1, 0) in first
    # The alternatives of the `or` can be ruled out only together, and decide it together.
    assert (["platelets", "lvef"], 1, 1) in first
    assert first.index((["platelets", "lvef"], 1, 1)) < first.index((["hemoglobin"], 1, 0))
    assert listed == tuple(sorted(listed, key=lambda entry: (-entry.rules_out, -entry.decides)))


def test_the_cheaper_of_equals_comes_first_then_the_earlier_criterion() -> None:
    dear, cheap = (
        Finding(UNKNOWN, Reason.NOT_RECORDED, missing=(Missing("observation", (name,), text=name, cost=cost),))
        for name, cost in (("scan", "imaging"), ("count", "laboratory"))
    )
    late = Finding(UNKNOWN, Reason.NOT_RECORDED, missing=(Missing("observation", ("a",), text="a", cost="laboratory"),))
    listed = entries([("C1", dear), ("C2", cheap), ("C3", late)])
    assert [entry.text for entry in listed] == ["count", "a", "scan"]


def test_the_text_of_alternatives_names_each_once() -> None:
    facts = (Missing("a", text="ECOG"), Missing("b", text="Karnofsky"), Missing("c", text="ECOG"))
    assert Entry(facts, ("C1",)).text == "ECOG or Karnofsky"


def test_a_fact_settles_where_no_value_of_it_leaves_a_fact_to_ask_for() -> None:
    (only,) = wanted("ecog <= 1")
    assert only.settles
    assert [entry.settles for entry in wanted("ecog <= 1", "platelets >= 100 10*9/L")] == [False, False]
    # Either a low count rules the pair out, or a high one decides the other criterion too.
    both = wanted("platelets >= 100 10*9/L", "platelets >= 100 10*9/L or lvef >= 50 %")
    assert [(concepts(entry), entry.settles) for entry in both] == [(["platelets"], True)]


#: Each with a limit that its values may pass or not.
TESTS = ("anc", "wbc", "platelets", "lymphocytes", "eosinophils", "hemoglobin", "albumin", "ecog", "lvef", "sodium",
         "potassium", "creatinine", "bilirubin")  # fmt: skip


def recorded(number: int, word: str) -> str:
    """Whether some tests are recorded, together."""
    return f" {word} ".join(f"{test} >= 1{UNITS.get(test, ' 10*9/L')}" for test in TESTS[:number])


UNITS = {
    "hemoglobin": " g/dL", "albumin": " g/dL", "ecog": "", "lvef": " %", "sodium": " mmol/L", "potassium": " mmol/L",
    "creatinine": " mg/dL", "bilirubin": " mg/dL",
}  # fmt: skip


def test_of_many_leaves_a_fact_settles_only_where_every_mixture_of_their_answers_does() -> None:
    some = 7
    assert some > TRIED
    (alone,) = wanted(recorded(some, "or"))
    assert alone.settles
    # All met and all not met rule the pair out; of any mixture the ejection fraction is still asked for.
    mixed = wanted(recorded(some, "or"), f"not ({recorded(some, 'and')})", "lvef >= 50 %")
    assert [(len(entry.facts), entry.settles) for entry in mixed] == [(some, False), (1, False)]
    # Beyond what can be tried it is not said.
    assert [entry.settles for entry in wanted(recorded(len(TESTS), "or"))] == [False]


def leaf(number: int, *facts: Missing) -> Finding:
    """An unknown leaf of a rule of its own."""
    return unknown(Reason.NOT_RECORDED, missing=facts).about(parse(f"age >= {number}"))


def test_many_leaves_are_tried_all_one_way_and_all_the_other() -> None:
    fact = Missing("treatment", ("doxorubicin",), text="doxorubicin", cost="look_up")
    leaves = tuple(leaf(number, fact) for number in range(TRIED + 1))
    rule = t.And(tuple(part.rule for part in leaves if part.rule is not None))
    whole = Finding(UNKNOWN, Reason.NOT_RECORDED, rule=rule, parts=leaves)
    assert effects(whole, frozenset({fact})) == {MET, NOT_MET}


def test_one_question_has_one_answer_wherever_it_is_asked() -> None:
    contradiction = found("platelets >= 100 10*9/L and not platelets >= 100 10*9/L")
    (group,) = groups(contradiction)
    assert effects(contradiction, group) == {NOT_MET}


def test_what_only_a_reader_can_settle() -> None:
    asks = found('(platelets >= 100 10*9/L or ask "fit?") and ask "willing?" and ask "fit?"')
    assert questions(asks, "the line") == ["fit?", "willing?"]
    assert questions(found("platelets >= 100 10*9/L"), "the line") == []
    bare, noted = unknown(Reason.NOT_STRUCTURED), unknown(Reason.NEEDS_JUDGEMENT, note="bone?")
    assert questions(bare, "the line") == ["the line"]
    assert questions(noted, "the line") == ["the line (bone?)"]
    assert questions(Finding(MET, change=Change.NEVER), "the line") == []


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        # An answer can rule it out.
        ('platelets >= 100 10*9/L and ask "fit?"', ["fit?"]),
        # Only beside a scan does the answer matter; a count may make it needless.
        ('platelets >= 100 10*9/L or (lvef >= 50 % and ask "fit?")', []),
        # Nothing decides by itself: every question is told.
        ('at least 2 of (platelets >= 100 10*9/L; lvef >= 50 %; ask "fit?")', ["fit?"]),
        # In a part that is decided nothing is asked.
        ('(age >= 18 or ask "old enough?") and ask "fit?"', ["fit?"]),
    ],
)
def test_a_question_is_told_where_its_answer_matters(rule: str, expected: list[str]) -> None:
    assert questions(found(rule), "the line") == expected
