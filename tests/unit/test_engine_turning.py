"""How early time alone may turn an answer: never later than it does, and as late as is sure (SEMANTICS §5)."""

import pytest

from matcher.engine.reference.days import FUTURE
from matcher.engine.reference.documents.turning import earliest
from matcher.engine.truth import Truth
from tests.made_documents import made_trial, result_of
from tests.synthetic import TODAY, drug, lms

TAKEN = {"coverage": [{"domain": "treatments", "scope": "all", "complete_through": "2026-01-15"}]}
LATELY = lms(treatments=[drug("pazopanib", "2026-01-10", "2026-01-10")], **TAKEN)
WASHED = "no treatment(pazopanib) within 28 days"
LONGER = "no treatment(pazopanib) within 30 days"
NEVER = "age <= 18"
ALWAYS = "age >= 18"

CASES = {
    "a washout": (WASHED, 24),
    "both of two washouts": (f"{WASHED} and {LONGER}", 26),
    "either of two washouts": (f"{LONGER} or {WASHED}", 24),
    "a denied drug": ("not has treatment(pazopanib) within 28 days", 24),
    "an exception that must pass": (f"{ALWAYS} except when has treatment(pazopanib) within 30 days", 26),
    "one of several": (f"at least 1 of ({LONGER}; {WASHED})", 24),
    "an open condition": (f"if {ALWAYS} then {LONGER} else {WASHED}", 24),
    "what never turns": (NEVER, None),
}


@pytest.mark.parametrize("case", CASES)
def test_the_bound_of_an_answer(case):
    rule, days = CASES[case]
    finding = next(each.finding for each in result_of(made_trial(rule), LATELY).criteria)
    assert finding.truth is Truth.NOT_MET
    today = TODAY.toordinal()
    assert earliest(finding, Truth.MET, today) == (FUTURE if days is None else today + days)
    assert earliest(finding, Truth.NOT_MET, today) == today + 1


def test_a_rule_that_the_document_defines_turns_as_what_it_says():
    document = made_trial("washed", definitions=[f"define washed as {WASHED}"])
    (criterion,) = result_of(document, LATELY).criteria
    assert (criterion.truth, str(criterion.clears_on)) == (Truth.NOT_MET, "2026-02-08")
