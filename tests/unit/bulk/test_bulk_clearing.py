"""The date on which waiting alone clears a trial, by the thousand: the same as one patient at a time."""

from datetime import date

import pytest

from matcher.engine.bulk.asking import assess
from tests.made_documents import answering, made_trial, result_of
from tests.synthetic import TODAY

#: Who turns 18 on 20 February, and what a reader said of the line about the age.
ROWS = {"birth_date": "2008-02-20", "data_through": "2026-01-10"}
SAID = {
    "nobody": ([], date(2026, 2, 20)),
    "a reader agrees": ([{"criterion": "C1", "truth": "no"}], date(2026, 2, 20)),
    "a reader disagrees, and overrides nothing": ([{"criterion": "C1", "truth": "yes"}], date(2026, 2, 20)),
    "a reader overrides": ([{"criterion": "C1", "truth": "no", "override": "yes"}], None),
}


@pytest.mark.parametrize("case", SAID)
def test_an_answer_to_what_time_will_turn(case):
    said, expected = SAID[case]
    who, trial = answering(ROWS, *said), made_trial("age >= 18")
    assert result_of(trial, who).best.clears_on == expected
    assert assess([(trial, 1, True)], [who], as_of=TODAY)[0][0].clears_on == expected
