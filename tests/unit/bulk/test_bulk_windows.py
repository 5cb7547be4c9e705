"""Windows, moments and spans by the thousand: the same answers as one patient at a time, and no day overlooked."""

from datetime import date, timedelta
from functools import cache
from itertools import product

import numpy as np
import pytest

from matcher.engine.bulk.calendar import Spans, shift
from matcher.engine.bulk.windows import leaving, opened, resting
from matcher.engine.reference.days import FUTURE, PAST, Course, Days
from matcher.engine.reference.days import shift as shift_one
from matcher.engine.reference.records import courses
from tests.batches import answers_differ, batch_of, inside
from tests.synthetic import TODAY, drug, lms, patient
from trials.criteria import tree as t
from trials.criteria.parser import parse

TOLD = [
    {"domain": domain, "complete_through": "2026-01-15"}
    for domain in ("treatments", "conditions", "disease_status", "medications")
]
OLD = [{"domain": domain, "complete_through": "2025-10-01"} for domain in ("treatments", "disease_status")]

STARTS = (None, "2025-12-01", "2025-12", "2025", "2026-01-15")
ENDS = (None, "2025-12-10", "2025-12-18", "2025-11", "2026-01", "2026-01-15")
COURSES = [
    *(drug("doxorubicin", start, end) for start, end in product(STARTS, ENDS)),
    *(drug("doxorubicin", "2025-10-05", ongoing=going) for going in ("yes", "no")),
    drug("doxorubicin", "2026-02-20", status="planned"),
    drug("doxorubicin", "2026", status="planned"),
    drug("chemotherapy", "2025-12-20", "2025-12-22"),
    drug("xyzzy", "2025-12-20", "2026-01-02"),
    drug("pazopanib", "2025-10-01", "2026-01-05"),
]
EVENTS = (
    [],
    [{"status": "progression", "date": "2025-12-10"}],
    [{"status": "progression", "date": "2025"}, {"status": "relapse", "date": "2025-12-12"}],
    [{"status": "progression", "date": None}, {"status": "xyzzy", "date": "2025-12-24"}],
)
SURGERIES = (
    [],
    [{"treatment": "surgery", "kind": "surgery", "start_date": "2025-12-30"}],
    [
        {"treatment": "surgery", "kind": "surgery", "start_date": "2025-11"},
        {"treatment": "surgery", "kind": "surgery", "start_date": "2026-02-10", "status": "planned"},
    ],
    [{"treatment": "surgery", "kind": "surgery", "start_date": "2026-02", "status": "planned"}],
    [{"treatment": "surgery", "kind": "surgery", "start_date": "2026", "status": "planned"}],
)


def cohort():
    """Courses, each with some of the events, operations and statements of what is complete."""
    found = []
    for number, course in enumerate(COURSES):
        for turn in (number % 4, (number + 1) % 4):
            surgery, coverage = SURGERIES[(number + turn) % 5], (TOLD, OLD, [], TOLD)[(number // 5 + turn) % 4]
            more = [drug("gemcitabine", "2025-06-01", "2025-07-01")] if turn == 1 else []
            rows = {"treatments": [course, *surgery, *more], "disease_status": EVENTS[turn], "coverage": coverage}
            found.append(lms(**rows) if number % 3 else lms(**rows, data_through=None))
    found += [lms(), lms(coverage=TOLD), patient(), patient(coverage=TOLD)]
    found += [
        lms(conditions=[{"condition": "stroke", "date": day, "status": status}], coverage=TOLD)
        for day, status in product(("2025-12-01", "2025", None, "2020-01-01"), (None, "resolved"))
    ]
    return found


COHORT = cohort()

WINDOWS = (
    "",
    "any time",
    "within 28 days",
    "within 24 hours",
    "within 1 month",
    "within 1.5 months",
    "within 1 year before planned start",
    "within 5 half-lives",
    "within lesser of (28 days, 5 half-lives)",
    "within greater of (28 days, 5 half-lives)",
    "within greater of (2 weeks, 1 month)",
    "within 28 days before last disease_status(progression)",
    "within 5 half-lives before last disease_status(progression)",
    "within greater of (10 days, 5 half-lives) after first disease_status(progression)",
    "within 1 month after first treatment(surgery)",
    "within 28 days before next treatment(surgery)",
    "before first disease_status(progression)",
    "after last treatment(surgery)",
    "before end of first treatment(gemcitabine)",
    "after start of last treatment(doxorubicin)",
    "during last treatment(doxorubicin)",
    "during next treatment(surgery)",
)

RULES = [
    *(f"has treatment(doxorubicin) {window}" for window in WINDOWS),
    *(f"no treatment(any) {window}" for window in WINDOWS),
    *(f"has disease_status(progression) {window}" for window in WINDOWS[11:]),
    "has condition(stroke)",
    "has condition(stroke) any time",
    "has condition(stroke) within 6 months",
    "history of condition(stroke)",
    "has line(systemic) within 6 months",
    "no line(systemic)",
]

SPANS = (
    "at least 28 days since last treatment(doxorubicin)",
    "time since last treatment(doxorubicin) > 28 days",
    "time since end of first treatment(any) <= 1 month",
    "time since last treatment(any) < 6 months",
    "time since last disease_status(progression) = 36 days",
    "time since last disease_status(progression) != 36 days",
    "time from first treatment(doxorubicin) to first disease_status(progression) >= 2 weeks",
    "time from today to next treatment(surgery) <= 28 days",
    "time from today to next treatment(surgery) >= 26 days",
    "time from today to end of next treatment(surgery, status: planned) <= 1 month",
    "time from today to planned start <= 28 days",
    "time from today to last disease_status(progression) >= 1 week",
    "duration of treatment(doxorubicin) >= 10 days",
    "duration of treatment(doxorubicin) > 10 days",
    "duration of treatment(doxorubicin) <= 9 days",
    "duration of treatment(any) < 1 month",
    "duration of treatment(pazopanib) = 96 days",
)

#: The days asked about with what was known on the first of them.
DAYS = (TODAY, TODAY + timedelta(days=13), TODAY + timedelta(days=200))


@cache
def on(day):
    """The cohort asked about a day."""
    return batch_of(COHORT, as_of=day, known=TODAY, cancer="leiomyosarcoma")


#: Every rule on the day itself and on one of the later days.
ASKED = [(rule, day) for k, rule in enumerate((*RULES, *SPANS)) for day in (TODAY, DAYS[1 + k % 2])]


@pytest.mark.parametrize(("rule", "day"), ASKED)
def test_the_engines_agree(rule, day):
    assert answers_differ(*on(day), parse(rule)) == []


@pytest.mark.parametrize("rule", ["no treatment(doxorubicin) within 28 days", "has condition(stroke) within 6 months"])
def test_each_may_be_asked_about_a_day_of_their_own(rule):
    """Several items of one patient, each about another day."""
    found = [on(day) for day in DAYS]
    batch, n = found[0][0], len(DAYS)
    asked = np.stack([each.asked for each, _ in found], axis=1).reshape(-1)
    several = batch.some(np.repeat(np.arange(batch.n), n), asked=asked)
    contexts = [context for same in zip(*(contexts for _, contexts in found), strict=True) for context in same]
    assert answers_differ(several, contexts, parse(rule)) == []


THIS = (
    "has disease_status(progression) before this treatment",
    "has disease_status(progression) after this treatment",
    "has disease_status(progression) within 2 months after this treatment",
    "has disease_status(progression) within 1 month before this treatment",
    "has disease_status(progression) within 1 month after start of this treatment",
    "has disease_status(progression) during this treatment",
    "time since this treatment >= 1 month",
    "time since start of this treatment >= 1 month",
    "time from start of this treatment to first disease_status(progression) <= 1 month",
)


@pytest.mark.parametrize("rule", THIS)
def test_the_treatment_at_hand(rule):
    batch, contexts = inside(*on(TODAY))
    assert {-1} < set(batch.this.tolist())
    assert answers_differ(batch, contexts, parse(rule)) == []


@pytest.mark.parametrize("rule", [*RULES[::5], *SPANS[::4], THIS[0]])
def test_nobody_is_nothing(rule):
    batch, _ = batch_of([])
    assert len(batch.evaluate(batch, parse(rule))) == 0


def test_a_window_without_limits_reaches_to_the_day_asked():
    batch, _ = batch_of(COHORT[:3])
    assert opened(batch, None).until(batch.asked).tolist() == [TODAY.toordinal()] * 3


# --- days that stay, and when they leave -----------------------------------------------------------------------------

#: Ends of courses (the first and the last day they may have been), by what they show.
ENDING = {
    "days": (date(2025, 12, 31), date(2025, 12, 31)),
    "a month": (date(2025, 12, 1), date(2025, 12, 31)),
    "to the day asked": (date(2025, 12, 1), TODAY),
    "the day asked": (TODAY, TODAY),
    "nobody knows": (date.min, date.max),
    "since ever": (date.min, TODAY),
}
NAMING = {
    "nothing": {},
    "the day asked": {"observations": [{"test": "ecog", "value": "1", "date": "2026-01-15"}]},
    "the month and the year of the day": {
        "observations": [{"test": "ecog", "value": "1", "date": "2026-01"}],
        "disease_status": [{"status": "progression", "date": "2026"}],
    },
    "the day of an end that was told": {
        "treatments": [drug("doxorubicin", "2025-12-01", ongoing="no")],
        "data_through": "2026-01-15",
    },
}
AMOUNTS = (
    t.Span(28, t.TimeUnit.DAY),
    t.Span(1, t.TimeUnit.MONTH),
    t.Span(2.5, t.TimeUnit.MONTH),
    t.Span(5, t.TimeUnit.HALF_LIFE),
    t.Extreme(True, (t.Span(1, t.TimeUnit.MONTH), t.Span(5, t.TimeUnit.HALF_LIFE))),
    t.Extreme(False, (t.Span(4, t.TimeUnit.WEEK), t.Span(1, t.TimeUnit.MONTH))),
    None,
)


@pytest.mark.parametrize("later", [0, 16])
@pytest.mark.parametrize("named", NAMING)
def test_the_days_that_stay(named, later):
    day = TODAY + timedelta(days=later)
    batch, (context,) = batch_of([patient(**{"data_through": "2026-01-10", **NAMING[named]})], as_of=day, known=TODAY)
    spans = [(lo.toordinal(), hi.toordinal()) for lo, hi in ENDING.values()] + [(context.asked, context.asked)]
    lo, hi = (np.array(each, np.int32) for each in zip(*spans, strict=True))
    item = np.zeros(len(spans), np.int64)
    expected = [courses.resting(context, Days(*each)) for each in spans]
    for days in (Spans(lo, hi), Spans(hi, hi)):
        index, found = resting(batch, item, days)
        by_reference = expected if days.lo is lo else [courses.resting(context, Days.on(b)) for _, b in spans]
        assert [set(found[index == k].tolist()) for k in item.cumsum() * 0 + np.arange(len(spans))] == by_reference
    for amount in AMOUNTS:
        turns = [list(courses.leaving(context, Course(Days(*each), Days(*each)), amount)) for each in spans]
        first = [min((turn for turn in each if turn > context.asked), default=FUTURE) for each in turns]
        assert leaving(batch, item, Spans(lo, hi), Spans(lo, hi), amount).tolist() == first


@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize(
    ("number", "unit"),
    [(0, "days"), (36, "hours"), (3, "weeks"), (1, "months"), (0.5, "months"), (2.5, "years"), (9000, "years")],
)
def test_few_days_or_many_move_alike(number, unit, back):
    span = t.Span(number, t.TimeUnit(unit))
    day = TODAY.toordinal()
    for days in (
        [],
        [PAST, FUTURE],
        [day, PAST, day - 4000],
        [*range(day - 20, day + 20), *range(day - 20, day), FUTURE],
    ):
        moved = shift(np.array(days, np.int32), span, back=back)
        assert moved.tolist() == [shift_one(each, span, back=back) for each in days]
