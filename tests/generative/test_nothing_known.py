"""A patient with an id and nothing else gets *unknown* for whatever is asked, under every policy (SEMANTICS §2.2)."""

from datetime import date

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from matcher.engine import Truth, evaluate_rule
from patients.facts import DEFAULT_POLICIES, Patient, Policy
from tests.generative.criteria_strategies import SAMPLE, leaves
from tests.synthetic import TODAY
from trials.criteria import tree as t

DOMAINS = ("conditions", "treatments", "medications", "observations", "biomarkers", "disease_status")
POLICIES = ((), DEFAULT_POLICIES, tuple(Policy(domain, complete_when_present=True) for domain in DOMAINS))
NOBODY = [
    Patient(patient_id="P-1", policies=policies, data_through=reaches)
    for policies in POLICIES
    for reaches in (None, date(2026, 1, 10))
]


def asks_of_no_patient(rule: t.Rule) -> bool:
    """`time from today to planned start`: the calendar alone answers."""
    value = rule.left if isinstance(rule, t.Comparison) else rule.value if isinstance(rule, t.Between) else None
    calendar = (t.Today, t.PlannedStart)
    return isinstance(value, t.Elapsed) and isinstance(value.start, calendar) and isinstance(value.end, calendar)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(leaves(SAMPLE), st.sampled_from(NOBODY), st.sampled_from((None, t.Concepts.of("leiomyosarcoma"))))
def test_of_whom_nothing_is_known_nothing_is_certain(rule: t.Rule, nobody: Patient, cancer: t.Concepts | None) -> None:
    assume(not asks_of_no_patient(rule))
    assert evaluate_rule(rule, nobody, as_of=TODAY, cancer=cancer).truth is Truth.UNKNOWN
