"""Doses by the thousand: the same bounds, reasons and days of change as one patient at a time."""

from datetime import timedelta

import numpy as np
import pytest

from matcher.engine.bulk.findings import unknown
from matcher.engine.bulk.values.doses import dose_of
from matcher.engine.bulk.windows import NONE, opened
from matcher.engine.reference import anchors
from matcher.engine.reference.days import FUTURE
from matcher.engine.reference.values import doses as reference
from tests.batches import batch_of
from tests.synthetic import TODAY, drug, lms
from trials.criteria import tree as t
from trials.criteria.parser import parse

COMPLETE = [{"domain": "treatments", "complete_through": "2026-01-15"},
            {"domain": "medications", "complete_through": "2026-01-15"}]  # fmt: skip
OLD = [{"domain": "treatments", "complete_through": "2024-01-15"},
       {"domain": "medications", "complete_through": "2024-01-15"}]  # fmt: skip


def course(name, total=None, start="2024-01-10", end="2024-05-20", unit="mg/m2", **cells):
    amount = {} if total is None else {"cumulative_dose": total, "cumulative_dose_unit": unit}
    return drug(name, start, end, **amount, **cells)


def taken(name, dose=None, frequency="daily", unit="mg", start="2026-01-01", end=None, **cells):
    amount = {} if dose is None else {"dose": dose, "dose_unit": unit}
    going = {"ongoing": "yes"} if end is None else {"end_date": end}
    return {"medication": name, "start_date": start, "frequency": frequency, **amount, **going, **cells}


TREATED = (
    [],
    [course("doxorubicin", 450)],
    [course("doxorubicin", 0.1), course("epirubicin", 0.2, "2023-01-10", "2023-05-20"), course("doxorubicin", 0.3)],
    [course("doxorubicin", dose=75, dose_unit="mg/m2", cycles=6), course("doxorubicin", dose=75, dose_unit="mg/m2")],
    [course("doxorubicin", dose=75, cycles=6), course("doxorubicin", cycles=6)],
    [course("doxorubicin", 0.45, unit="g/m2"), course("epirubicin", 100, unit="mg")],
    [course("gemcitabine", 1000), course("xyzzy", 500), course("doxorubicin", 500)],
    [course("doxorubicin", 90, "2025-12", "2026-01-10"), course("doxorubicin", 60, None, None)],
    [course("doxorubicin", 90, "2025-12-01", None, ongoing="yes", dose=33.3, dose_unit="mg")],
    [course("doxorubicin", 75, status="planned"), course("pazopanib", dose=800, dose_unit="mg/day")],
)
TAKEN = (
    [],
    [taken("prednisone", 10), taken("dexamethasone", 4), taken("hydrocortisone", 20, "twice daily")],
    [taken("prednisone", 10, "every other day"), taken("prednisone", 70, "weekly"), taken("prednisone", 5, "tid")],
    [taken("prednisone", 10, None, "mg/day"), taken("prednisone", 0.01, None, "g/D")],
    [taken("prednisone", 10, "as needed"), taken("prednisone"), taken("prednisone", 10, "")],
    [taken("prednisone", 10, unit="mg/kg"), taken("warfarin", 5)],
    [taken("prednisone", 10, end="2026-01-05"), taken("prednisone", 20, start="2026-01-06", end="2026-01-10")],
    [taken("prednisone", 10, start=None, ongoing=None), taken("", 5), taken("prednisone", 0.3, "4 x")],
)
COHORT = [
    lms(treatments=treated, medications=TAKEN[k % len(TAKEN)], coverage=coverage)
    for coverage in (COMPLETE, OLD, [])
    for k, treated in enumerate((*TREATED, *TREATED[:6]))
]

DOSES = (
    "cumulative_dose(doxorubicin) {} mg/m2",
    "cumulative_dose(anthracycline as doxorubicin) {} mg/m2",
    "cumulative_dose(chemotherapy as doxorubicin) {} mg/m2",
    "cumulative_dose(doxorubicin) {} mg/m2 within 3 years",
    "cumulative_dose(anthracycline as doxorubicin) {} mg/m2 within 28 days",
    "cumulative_dose(doxorubicin) {} mg",
    "cumulative_dose(any) {} g/m2",
    "cumulative_dose(doxorubicin) {} mg/m2 before first treatment(pazopanib)",
    "daily_dose(prednisone) {} mg/day",
    "daily_dose(systemic corticosteroid as prednisone) {} mg",
    "daily_dose(systemic corticosteroid as prednisone) {} mg/day within 14 days",
    "daily_dose(any) {} g/d",
    "dose(doxorubicin) {} mg/m2",
    "dose(any) {} mg",
    "dose(prednisone) {} mg within 7 days",
    "dose(any as prednisone) {} mg within 12 months",
)


def disagreements(text, unit=None, **how):
    """What the engines say, item by item, where they differ; and how many doses are known."""
    batch, contexts = batch_of(COHORT, cancer="leiomyosarcoma", **how)
    rule = parse(text.format("<= 1"))
    assert isinstance(rule, t.Comparison)
    unit = rule.right.unit if unit is None else unit
    window = opened(batch, rule.window)
    found = dose_of(batch, rule.left, unit, window)
    flips = np.full(batch.n, FUTURE) if found.flips is None else found.flips
    differing, known = [], 0
    for item, context in enumerate(contexts):
        frame = anchors.opened(context, rule.window)
        if frame.problem is not None:
            assert window.problem[item] != NONE
            continue
        amount = reference.dose_of(context, rule.left, unit, frame)
        reason = NONE if amount.reason is None else unknown(amount.reason)
        flip = min((day for day in amount.flips if day > context.asked), default=FUTURE)
        expected = (amount.value.lo, amount.value.hi, reason, flip)
        said = (float(found.lo[item]), float(found.hi[item]), int(found.reason[item]), int(flips[item]))
        known += amount.value.hi < np.inf
        if said != expected:
            differing.append((item, said, expected))
    return differing, known


@pytest.mark.parametrize("text", DOSES)
def test_the_dose_is_that_of_the_reference(text):
    differing, known = disagreements(text)
    assert differing == []
    assert known


@pytest.mark.parametrize("text", DOSES)
def test_without_a_unit_it_is_that_of_the_first_record(text):
    differing, known = disagreements(text, unit="")
    assert differing == []
    assert known


@pytest.mark.parametrize("text", DOSES)
def test_on_a_later_day_with_what_is_known_now(text):
    differing, _ = disagreements(text, as_of=TODAY + timedelta(days=20), known=TODAY)
    assert differing == []


def test_sums_are_rounded_as_the_reference_rounds_them():
    rows = [course("doxorubicin", 0.1), course("doxorubicin", 0.2), course("doxorubicin", 0.3)]
    batch, _ = batch_of([lms(treatments=rows, coverage=COMPLETE)])
    found = dose_of(batch, t.Dose(t.Measure.CUMULATIVE, t.Concepts.of("doxorubicin")), "mg/m2", opened(batch, None))
    assert (found.lo[0], found.hi[0]) == (0.6, 0.6)


def test_nobody_has_had_nothing():
    batch, _ = batch_of([])
    for measure in t.Measure:
        found = dose_of(batch, t.Dose(measure, t.Concepts.of("doxorubicin")), "", opened(batch, None))
        assert len(found.lo) == len(found.hi) == len(found.reason) == 0
