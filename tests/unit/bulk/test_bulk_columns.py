"""Patients as columns: some of them or a stretch of them are the columns those patients make by themselves.

Also the days on which they are seen, what of a later day is hidden, and how items are joined to the rows of patients.
"""

from dataclasses import fields, replace
from datetime import date, timedelta

import numpy as np
import pytest

from matcher.engine import deceased, vital_conflict
from matcher.engine.bulk.batch import Batch, days
from matcher.engine.bulk.columns import NO_DAY, SPECS, Coded, Columns
from matcher.engine.bulk.program import Asked, Program
from matcher.engine.bulk.view import view_at
from matcher.engine.reference.view import view_at as view_of_one
from patients.facts import Coverage, PartialDate
from tests.batches import answers_differ, batch_of
from tests.made_documents import answering, made_option, made_trial
from tests.synthetic import TODAY, drug, lms, patient
from trials.criteria.parser import parse

PEOPLE = [
    lms(),
    patient(),
    lms(
        treatments=[
            drug("doxorubicin", "2025-03"),
            drug("pazopanib", "2025-06-01", "2025-08-01", response="stable disease"),
        ]
    ),
    patient(birth_date="1970", observations=[{"test": "anc", "value": "<1.5", "unit": "10*9/L", "date": "2026-01-10"}]),
    lms(deceased="yes", death_date="2025-12", medications=[{"medication": "aspirin", "ongoing": "yes"}]),
    answering({"sex": "male"}, {"criterion": "C1", "truth": "yes", "on": "2026-01-04", "valid_until": "2026-02-01"}),
    patient(),
    lms(biomarkers=[{"gene": "NTRK1", "alteration": "fusion", "result": "positive", "date": "2025-05-01"}]),
]


def told(columns):
    """Everything that columns hold, with words in place of codes."""
    found = {}
    for each in fields(columns):
        held = getattr(columns, each.name)
        if isinstance(held, Coded):
            found[each.name] = [held.values[code] for code in held.codes]
        elif each.name == "tables":
            found["tables"] = {name: rows_of(table) for name, table in held.items()}
        else:
            found[each.name] = held.tolist() if isinstance(held, np.ndarray) else held
    return found


def rows_of(table):
    plain = {
        f"{kind} {name}": [None if value != value else value for value in column.tolist()]
        for kind in ("lo", "hi", "day", "number", "flag")
        for name, column in getattr(table, kind).items()
    }  # fmt: skip
    words = {name: [column.values[code] for code in column.codes] for name, column in table.coded.items()}
    at = {"patients": table.patients, "patient": table.patient.tolist(), "order": table.order.tolist()}
    return {**plain, **words, **at, "starts": table.starts.tolist(), "rows": table.rows}


@pytest.mark.parametrize(("first", "last"), [(0, 8), (0, 3), (2, 5), (3, 3), (6, 8), (8, 8)])
def test_a_stretch_of_patients(first, last):
    assert told(Columns.of(PEOPLE).part(first, last)) == told(Columns.of(PEOPLE[first:last]))


@pytest.mark.parametrize("some", [[], [0], [1, 4, 7], [0, 2, 3, 5], list(range(8))])
def test_some_patients(some):
    index = np.array(some, np.int64)
    assert told(Columns.of(PEOPLE).some(index)) == told(Columns.of([PEOPLE[each] for each in some]))


def test_every_field_of_a_fact_that_answers_is_a_column():
    columns = Columns.of(PEOPLE)
    assert set(columns.tables) == set(SPECS)
    table = columns.tables["treatments"]
    assert table.rows == 2 and table.lo["end"].tolist() == [NO_DAY, date(2025, 8, 1).toordinal()]
    assert table.hi["start"].tolist() == [date(2025, 3, 31).toordinal(), date(2025, 6, 1).toordinal()]


def test_words_are_codes():
    column = Coded((None, "given", "planned"), np.array([1, 2, 0, 1], np.int32))
    assert column.code_of("planned") == 2 and column.code_of("stopped") == -1
    assert column.map(lambda word: word == "given", np.bool_).tolist() == [True, False, False, True]
    known = column.set(np.array([True, False, True, False]), "planned")
    assert [known.values[code] for code in known.codes] == ["planned", "planned", "planned", "given"]
    new = column.set(np.array([1]), "stopped")
    assert [new.values[code] for code in new.codes] == ["given", "stopped", None, "given"]
    assert column.codes.tolist() == [1, 2, 0, 1]


# --- as they stood on a day ----------------------------------------------------------------------------------------


LATER = [
    *PEOPLE,
    lms(conditions=[
        {"condition": "hypertension", "kind": "comorbidity", "date": "2020", "end_date": "2026-03-01", "status": "resolved"},
        {"condition": "infection", "kind": "comorbidity", "date": "2025-12-24", "end_date": "2026-01-02", "status": "resolved"},
        {"condition": "asthma", "kind": "comorbidity", "date": "2026-05-01"},
        {"condition": "diabetes mellitus", "kind": "comorbidity", "date": "2024", "state": "controlled", "state_since": "2026-02-01"},
        {"condition": "heart failure", "kind": "comorbidity", "date": "2024", "state": "controlled", "state_since": "2025-02-01"},
    ]),
    lms(treatments=[
        drug("doxorubicin", "2025-12-01", "2026-03-01", response="partial response", stop_reason="progression", ongoing="no"),
        drug("trabectedin", "2026", "2026-06-01", status="given", stop_reason="toxicity"),
        drug("pazopanib", "2026-04-01", status="planned"),
        drug("gemcitabine", "2026-06-01"),
        drug("docetaxel", "2024-01-01", "2024-05-01", response="stable disease"),
        drug("ifosfamide", "2025-10-01", ongoing="yes"),
        drug("dacarbazine", "2025-10-01", response="stable disease", ongoing="no"),
    ], data_through="2026-05-01"),
    lms(medications=[
        {"medication": "aspirin", "start_date": "2020-01-01", "end_date": "2026-04-01"},
        {"medication": "prednisone", "start_date": "2026", "end_date": "2026-08-01"},
        {"medication": "metformin", "start_date": "2024-01-01", "ongoing": "no"},
        {"medication": "warfarin", "start_date": "2024-01-01", "ongoing": "yes"},
        {"medication": "ibuprofen", "start_date": "2026-09-01"},
    ], data_through="2026-07-01"),
    lms(deceased="yes", death_date="2026-02"),
    lms(deceased="yes", data_through="2026-02-01"),
    lms(deceased="no", death_date="2026-01-20"),
    replace(lms(), deceased=True, vital_conflict=True, data_through=None),
    replace(lms(), death=PartialDate.parse("2026-03"), data_through=None),
]  # fmt: skip

DAYS = [TODAY + timedelta(days=step) for step in (-60, -14, 0, 20, 60, 200)]


@pytest.mark.parametrize("day", DAYS)
def test_what_was_known_on_a_day(day):
    view = view_at(Columns.of(LATER), days(day, len(LATER)))
    assert view.dead.tolist() == [deceased(who, day) for who in LATER]
    assert view.disputed.tolist() == [vital_conflict(who, day) for who in LATER]
    expected = Columns.of([view_of_one(who, day) for who in LATER])
    for name, table in view.tables.items():
        mine, theirs = rows_of(table), rows_of(expected.tables[name])
        # Rows of one patient are ranked anew where some are out of sight; their order is the same.
        assert {k: v for k, v in mine.items() if k != "order"} == {k: v for k, v in theirs.items() if k != "order"}


def test_everyone_as_they_stood_on_a_day_of_their_own():
    own = [DAYS[number % len(DAYS)] for number in range(len(LATER))]
    view = view_at(Columns.of(LATER), days(own, len(LATER)))
    expected = Columns.of([view_of_one(who, day) for who, day in zip(LATER, own, strict=True)])
    assert rows_of(view.tables["treatments"])["lo end"] == rows_of(expected.tables["treatments"])["lo end"]
    assert view.once("key", lambda: 1) == view.once("key", lambda: 2) == 1


# --- items and rows ------------------------------------------------------------------------------------------------


def items(batch, patient_):
    index = np.array(patient_, np.int64)
    asked = np.full(len(index), TODAY.toordinal(), np.int32)
    nothing = np.full(len(index), -1, np.int64)
    return Batch(batch.view, index, nothing, nothing, asked, asked, batch.words, batch.evaluate)


@pytest.mark.parametrize(
    "patient_", [[], [0], [59], [1, 4], [0, 0, 3], [2, 2, 2], list(range(60)), [*range(30), *range(29, 60)]]
)
@pytest.mark.parametrize("every", [1, 3])
def test_items_are_joined_to_the_rows_of_their_patients(patient_, every):
    people = [lms(treatments=[drug("doxorubicin")] * (number % 3)) for number in range(60)]
    batch, _ = batch_of(people)
    batch = items(batch, patient_)
    table = batch.table("treatments")
    rows = np.arange(0, table.rows, every, dtype=np.int64)
    for given in (None, rows):
        found = batch.pairs(table, given)
        kept = range(table.rows) if given is None else rows.tolist()
        expected = [(item, row) for item, who in enumerate(patient_) for row in kept if table.patient[row] == who]
        assert list(zip(found.item.tolist(), found.row.tolist(), strict=True)) == expected and len(found) == len(
            expected
        )


def test_a_day_for_all_or_one_each():
    assert days(TODAY, 2).tolist() == [TODAY.toordinal()] * 2
    assert days([TODAY, date(2026, 2, 1)], 2).tolist() == [TODAY.toordinal(), date(2026, 2, 1).toordinal()]
    assert days([], 0).tolist() == []


# --- programs ------------------------------------------------------------------------------------------------------


def test_equal_parts_of_rules_are_one():
    rule = "(ecog <= 2 or age >= 18) and not (ecog <= 2) and at least 1 of (age >= 18; sex is female)"
    other = "if ecog <= 2 then age >= 18 else sex is female"
    third = "(sex is female except when ecog <= 2) or (if age >= 18 then ecog <= 2)"
    found = Program.of([
        Asked(made_trial(rule, other, {"note": "heading"}), 3, open_here=False),
        Asked(made_option("O", {"kind": "stance", "strength": "option", "rule": third}, {"kind": "dose"}), 2),
    ])  # fmt: skip
    (trial, version, here), (option, its_version) = found.trials[0], found.options[0]
    assert (version, here, its_version) == (3, False, 2)
    first, second, none = (criterion.rule for criterion in trial.criteria)
    stance, dose = (statement.rule for statement in option.statements)
    assert first == parse(rule) and second == parse(other) and stance == parse(third) and none is dose is None
    ecog = first.parts[0].parts[0]
    assert ecog is first.parts[1].part is second.condition
    excepted, plain = stance.parts
    assert ecog is excepted.when is plain.then and plain.otherwise is None
    assert second.then is plain.condition is first.parts[2].parts[0]
    assert excepted.main is second.otherwise is first.parts[2].parts[1]


# --- what hangs on a cancer ----------------------------------------------------------------------------------------


ODD = {"condition": "hypertension", "kind": "metastasis", "date": "2024-01-01"}


@pytest.mark.parametrize(
    "rule",
    [
        "has condition(hypertension)", "no condition(liver metastasis)", "has condition(any)", "count site(metastasis) >= 1",
        "has treatment(doxorubicin)", "has treatment(doxorubicin, setting: advanced)", "fit", "ecog <= 2",
        "has toxicity(hypertension)", "no condition(metastasis) except when has condition(asthma)",
    ],
)  # fmt: skip
@pytest.mark.parametrize("odd", [False, True])
def test_what_is_the_same_for_every_cancer_and_what_is_not(rule, odd):
    spread = {"condition": "liver metastasis", "kind": "metastasis", "date": "2024-03-01"}
    people = [
        lms(), patient(), lms(conditions=[spread]), lms(conditions=[{"condition": "leiomyosarcoma", "kind": "primary"}, spread]),
        *([lms(conditions=[ODD])] if odd else []),
    ]  # fmt: skip
    for cancer in ("leiomyosarcoma", "breast cancer"):
        batch, contexts = batch_of(people, cancer=cancer, definitions=["define fit as has condition(liver metastasis)"])
        nobody = items(batch, batch.patient.tolist())
        batch = replace(batch, whoever=replace(nobody, words=batch.words))
        assert answers_differ(batch, contexts, parse(rule)) == []


def test_coverage_of_a_later_day_is_kept_as_it_was_told():
    who = replace(lms(), coverage=(Coverage(id="c", domain="treatments", complete_through=date(2027, 1, 1)),))
    view = view_at(Columns.of([who]), days(TODAY, 1))
    assert view.tables["coverage"].day["complete_through"].tolist() == [date(2027, 1, 1).toordinal()]
