"""What the parts of a registry share, and what is left out where nobody asks for it, changes no answer."""

from dataclasses import replace

import numpy as np
import pytest

from matcher.engine.bulk.batch import Batch, days
from matcher.engine.bulk.columns import Columns, Lexicon
from matcher.engine.bulk.diseases import items_of
from matcher.engine.bulk.postings import Postings
from matcher.engine.bulk.rules import evaluate
from matcher.engine.bulk.view import view_at
from tests.batches import batch_of
from tests.synthetic import TODAY, drug, lms
from trials.criteria.parser import parse

RULES = [
    "has condition(diabetes)",
    "has condition(infection) within 60 days before today",
    "no condition(brain metastases, state: stable for 4 weeks)",
    "has treatment(doxorubicin) within 5 half-lives before today",
    "has treatment(any, outcome: failure)",
    "has treatment(any, setting: advanced)",
    "has medication(any, ongoing: yes)",
    "has biomarker(TP53, mutation)",
    "no diagnosis(breast cancer)",
]


def cohort():
    who = lms(
        treatments=[drug("doxorubicin", "2026-01-05", "2026-02-01"), drug("pazopanib", "2026-03-01")],
        conditions=[{"condition": "diabetes mellitus", "date": "2024-01-01"}],
    )
    return [who, lms(), lms(treatments=[drug("trabectedin", "2025-01-05", "2025-04-01")])]


def batch_over(columns, words):
    view = view_at(columns, days(TODAY, columns.patients))
    patient, focus = items_of(view, words)
    known = view.known[patient]
    return Batch(view, patient, focus, np.full(len(patient), -1, np.int64), known, known, words, evaluate)


@pytest.mark.parametrize("text", RULES)
def test_without_days_of_turning_the_answers_are_the_same(text):
    batch, _ = batch_of(cohort(), cancer="sarcoma")
    without = replace(batch, flips=False, cache={})
    rule = parse(text)
    found = evaluate(without, rule)
    assert found.code.tolist() == evaluate(batch, rule).code.tolist()
    assert found.flips is None


@pytest.mark.parametrize("text", RULES)
def test_parts_of_a_registry_answer_as_the_whole(text):
    batch, _ = batch_of(cohort(), cancer="sarcoma")
    columns, rule = Columns.of(cohort()), parse(text)
    parts = [batch_over(columns.part(at, at + 1), batch.words) for at in range(3)]
    assert [int(evaluate(part, rule).code[0]) for part in parts] == evaluate(batch, rule).code.tolist()


def test_a_lexicon_keeps_its_numbers_while_it_grows():
    words = Lexicon()
    assert words.codes_of(["a", "b", "a"]).tolist() == [0, 1, 0]
    held = words.values
    assert words.codes_of(["b"]).tolist() == [1] and words.values is held
    assert words.codes_of(["c", "a"], str.upper).tolist() == [2, 0] and words.values == ("a", "b", "C")


def test_postings_give_the_places_of_words_in_order():
    places = Postings.of(np.array([2, 0, 1, 2, 0]), 4)
    of = {name: places.having(np.array([int(each) for each in name], np.bool_)).tolist() for name in ("0010", "1010")}
    assert of == {"0010": [0, 3], "1010": [0, 1, 3, 4]}
    assert places.having(np.zeros(4, np.bool_)).tolist() == []
