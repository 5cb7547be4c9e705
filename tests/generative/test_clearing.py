"""The search for the day on which a pair clears comes to an end: no day that it tries brings forth days without end.

A day on which an answer may turn is made of a day that the record names and a span of the rule. So the days found on a
later date are, a few apart, those found before; what would follow the as-of date wherever it goes is none of them.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matcher.engine.reference.evaluate import evaluate, focuses, make_context
from patients.facts import Patient
from tests.generative.criteria_strategies import rules
from tests.synthetic import TODAY, patient
from trials.criteria import tree as t
from trials.criteria.parser import parse

#: Days tried one after the other; each brings its own days to try.
TRIED = 60

_days = st.dates(date(2024, 6, 1), TODAY).map(date.isoformat)
_dates = st.one_of(st.none(), _days, _days.map(lambda day: day[:7]), _days.map(lambda day: day[:4]))
_ongoing = st.sampled_from([None, "yes", "no"])


def _rows(**columns: Any) -> st.SearchStrategy[list[dict[str, Any]]]:
    made = {name: value if isinstance(value, st.SearchStrategy) else st.just(value) for name, value in columns.items()}
    return st.lists(st.fixed_dictionaries(made), max_size=2)


patients = st.fixed_dictionaries(
    {
        "birth_date": st.sampled_from([None, "1960-02-29", "1961-04", "1961"]),
        "data_through": st.sampled_from([None, "2026-01-10", "2026-01-15"]),
        "conditions": st.tuples(
            _rows(condition="leiomyosarcoma", kind="primary", date=_dates, extent=st.sampled_from([None, "localized"])),
            _rows(condition=st.sampled_from(["infection", "hypertension"]), kind="comorbidity", date=_dates,
                  status=st.sampled_from([None, "resolved"])),
        ).map(lambda rows: [*rows[0], *rows[1]]),
        "treatments": _rows(treatment=st.sampled_from(["doxorubicin", "pazopanib"]), kind="drug", start_date=_dates,
                            ongoing=_ongoing, status=st.sampled_from([None, "given"])),
        "medications": _rows(medication=st.sampled_from(["aspirin", "prednisone"]), start_date=_dates, ongoing=_ongoing),
        "disease_status": _rows(status=st.sampled_from(["progression", "relapse"]), date=_dates),
        "observations": _rows(test=st.sampled_from(["ecog", "anc"]), value="1", date=_dates),
    }
).map(lambda rows: patient(**rows))  # fmt: skip


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(rules(max_leaves=3), patients)
def test_the_days_to_try_come_to_an_end(rule: t.Rule, who: Patient) -> None:
    context = focuses(make_context(who, as_of=TODAY))[0]
    asked = context.asked
    waiting = {day for day in evaluate(rule, context).flips if day > asked}
    first = len(waiting)
    tried: list[int] = []
    while waiting:
        day = min(waiting)
        tried.append(day)
        assert len(tried) <= TRIED + first, [date.fromordinal(each).isoformat() for each in tried[-5:]]
        later = replace(context, asked=day, cache={})
        waiting = {each for each in (*waiting, *evaluate(rule, later).flips) if each > day}


def test_a_date_that_nobody_wrote_is_the_same_on_every_later_day() -> None:
    who = patient(treatments=[{"treatment": "doxorubicin", "kind": "drug"}])
    rule = parse("no treatment(doxorubicin) within 28 days")
    context = focuses(make_context(who, as_of=TODAY))[0]
    found = [
        evaluate(rule, replace(context, asked=(TODAY + timedelta(days=step)).toordinal(), cache={})).flips
        for step in (1, 30, 400)
    ]
    assert found[0] == found[1] == found[2]
