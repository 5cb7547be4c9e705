"""The registry and the shelf that matching is measured on: as mixed as promised, and the same for every engine."""

from __future__ import annotations

import numpy as np
import pytest

from bench.matching.people import people
from bench.matching.registry import AS_OF, facts, registry
from bench.matching.shelf import distinct, events, leaves, mix, over_events, over_time, timed, trials
from matcher.engine import evaluate_trial
from matcher.engine.bulk import STATUSES, Asked, Columns, Program, Shelf
from matcher.engine.bulk.batch import days
from trials.criteria.documents import TrialDocument
from trials.criteria.parser import parse

PATIENTS = 4_000


@pytest.fixture(scope="module")
def columns() -> Columns:
    return registry(PATIENTS)


@pytest.fixture(scope="module")
def shelf() -> list[TrialDocument]:
    return trials(1_000)


def test_a_patient_has_some_25_facts(columns: Columns) -> None:
    assert 24 <= facts(columns) / PATIENTS <= 26
    assert {name for name, table in columns.tables.items() if not table.rows} == {"answers"}


def test_one_date_in_ten_is_partial(columns: Columns) -> None:
    for name, column in (
        ("conditions", "date"), ("treatments", "start"), ("medications", "start"), ("observations", "date"),
        ("biomarkers", "date"), ("disease_status", "date"),
    ):  # fmt: skip
        lo, hi = columns.tables[name].lo[column], columns.tables[name].hi[column]
        assert (lo <= hi).all()
        assert 0.08 <= (lo < hi).mean() <= 0.12, name


def test_every_test_is_missing_for_some_patients_and_there_for_others(columns: Columns) -> None:
    table = columns.tables["observations"]
    for code in np.unique(table.coded["test"].codes):
        tested = len(np.unique(table.patient[table.coded["test"].codes == code]))
        assert 0.3 * PATIENTS < tested < 0.8 * PATIENTS, table.coded["test"].values[code]


def test_the_same_seed_makes_the_same_patients_and_trials(columns: Columns) -> None:
    again, other = registry(PATIENTS), registry(PATIENTS, seed=8)
    assert people(again.part(0, 20)) == people(columns.part(0, 20))
    assert people(other.part(0, 20)) != people(columns.part(0, 20))
    assert trials(20) == trials(20)
    assert trials(20) != trials(20, seed=12)


def test_a_thousand_trials_have_twenty_criteria_and_three_thousand_leaves(shelf: list[TrialDocument]) -> None:
    assert 19 <= sum(len(each.criteria) for each in shelf) / len(shelf) <= 21
    assert len(distinct(shelf)) >= 3_000
    assert sum(mix(shelf).values()) == len(distinct(shelf))


def test_a_third_of_the_leaves_or_more_put_events_in_a_window_or_in_order(shelf: list[TrialDocument]) -> None:
    assert timed(shelf) >= len(distinct(shelf)) / 3
    assert events(shelf) >= timed(shelf)


@pytest.mark.parametrize(
    ("leaf", "events", "time"),
    [
        ("has treatment(doxorubicin) within 28 days", True, True),
        ("has treatment(doxorubicin, outcome: failure)", True, True),
        ("count line(systemic, setting: advanced) <= 2", True, True),
        ("time since last treatment(taxane) >= 4 weeks", True, True),
        ("has condition(hepatitis B)", True, False),
        ("count treatment(taxane) <= 2", True, False),
        ("age >= 18", False, False),
        ("platelets >= 100 10*9/L within 14 days", False, False),
    ],
)
def test_which_leaves_are_over_events(leaf: str, events: bool, time: bool) -> None:
    (read,) = leaves(parse(leaf))
    assert (over_events(read), over_time(read)) == (events, time)


def test_patients_made_from_columns_give_the_same_columns(columns: Columns) -> None:
    some = columns.part(100, 160)
    again = Columns.of(people(some))
    for name, table in some.tables.items():
        other = again.tables[name]
        assert np.array_equal(table.patient, other.patient)
        assert np.array_equal(table.order, other.order)
        for part in ("lo", "hi", "day", "flag"):
            for column, array in getattr(table, part).items():
                assert np.array_equal(array, getattr(other, part)[column]), (name, column)
        for column, numbers in table.number.items():
            assert np.array_equal(numbers, other.number[column], equal_nan=True), (name, column)
        for column, coded in table.coded.items():
            ours, theirs = ([each.values[code] for code in each.codes] for each in (coded, other.coded[column]))
            assert ours == theirs, (name, column)
    for column in ("birth_patient", "birth_lo", "birth_hi", "deceased", "death_lo", "death_hi", "data_through"):
        assert np.array_equal(getattr(some, column), getattr(again, column)), column


def test_both_engines_answer_the_same_of_the_made_up_registry(columns: Columns) -> None:
    some = columns.part(0, 40)
    shelf = Shelf(some, days(AS_OF, some.patients))
    patients = people(some)
    for document, version, open_here in Program.of([Asked(each) for each in trials(12)]).trials:
        ranks = shelf.trial(document, version, open_here=open_here).ranks
        one_by_one = [evaluate_trial(document, each, as_of=AS_OF, each_clears=False).status for each in patients]
        assert [STATUSES[rank] for rank in ranks] == one_by_one
