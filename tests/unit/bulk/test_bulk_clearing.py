"""The day on which a pair fits by waiting alone, searched for many at once as for one."""

import pytest

from matcher.engine.bulk.asking import assess
from tests.made_documents import answering, made_trial, result_of
from tests.synthetic import TODAY

#: What a person said of the line, and what then becomes of it by waiting.
ANSWERS = {
    "nothing was said": (),
    "what was said settles nothing that the rule decides": ({"criterion": "C1", "truth": "yes"},),
    "what was said overrides the rule": ({"criterion": "C1", "truth": "no", "override": "yes"},),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_an_answer_is_waited_on_only_where_it_counts(case):
    trial = made_trial({"id": "C1", "rule": "age >= 18 years"})
    who = answering({"birth_date": "2008-03-30", "sex": "female"}, *ANSWERS[case])
    expected = result_of(trial, who).best.clears_on
    [[found]] = assess([(trial, 1, True)], [who], as_of=TODAY)
    assert found.clears_on == expected
    assert (expected is None) == (case == "what was said overrides the rule")
