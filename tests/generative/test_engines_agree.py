"""The bulk engine gives the answers of the reference engine: truth, reason and change of rules, statuses of trials with
what they need and when time may change them, places of options."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings

from tests.bulk_options import in_bulk, one_by_one
from tests.generative.agreement import (
    Disagreement,
    by_bulk,
    by_reference,
    differing,
    disagreements,
    trials_by_bulk,
    trials_by_reference,
)
from tests.generative.criteria_strategies import GROUPS
from tests.generative.situations import Shelf, Situation, options_of, shelves, situations
from trials.criteria.documents import OptionDocument

#: How many situations are looked at: at a desk fewer, so that the tests stay quick; `make soak` looks at many more.
EXAMPLES = 500 if os.environ.get("CI") else 100

#: A situation is made of some hundreds of choices; on a busy machine one may take long.
slow = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def told(found: list[tuple[Situation | Shelf, str, str]]) -> str:
    """Each rule and patient on which the engines differ, with both answers."""
    return "\n\n".join(str(Disagreement(*each)) for each in found)


@settings(slow, max_examples=EXAMPLES)
@given(situations(rules=3, patients=3))
def test_the_engines_agree_on_rules(situation: Situation) -> None:
    found = list(differing(situation, by_reference, by_bulk))
    assert not found, told(found)


@settings(slow, max_examples=EXAMPLES // 4)
@given(shelves(trials=2, patients=3))
def test_the_engines_agree_on_trials(shelf: Shelf) -> None:
    found = list(differing(shelf, trials_by_reference, trials_by_bulk))
    assert not found, told(found)


@settings(slow, max_examples=EXAMPLES // 5)
@given(options_of())
def test_the_engines_agree_on_options(made: tuple[tuple[OptionDocument, ...], Shelf]) -> None:
    documents, shelf = [(each, 1) for each in made[0]], made[1]
    asked = {"as_of": shelf.as_of[0], "trials": shelf.trials}
    assert in_bulk(documents, shelf.patients, **asked) == one_by_one(documents, shelf.patients, **asked)


@pytest.mark.parametrize("only", sorted(GROUPS))
def test_the_engines_agree_on_each_construct_by_itself(only: str) -> None:
    found = disagreements(0, 2, only)
    assert not found, "\n\n".join(map(str, found))
