"""Options by the thousand: every statement, block, strength, level and rank as for one patient at a time."""

import pytest

from matcher.demo import build
from matcher.engine.bulk import Columns, Shelf
from matcher.engine.bulk.batch import days
from matcher.engine.bulk.options import options
from patients.intake.single import read_patient
from tests.bulk_options import blocks_of, in_bulk, one_by_one
from tests.library_shelf import LIBRARY, option, trial
from tests.made_documents import answering, made_option, made_trial
from tests.synthetic import TODAY, lms, patient

MET, NOT_MET, UNKNOWN = "age >= 18", "age >= 99", "ecog <= 2"
ALL = [option(path.stem) for path in sorted((LIBRARY / "options").glob("*.yaml"))]


def agree(documents, patients, trials=()):
    versioned = [(each, 1) for each in documents]
    expected = one_by_one(versioned, patients, as_of=TODAY, trials=trials)
    assert in_bulk(versioned, patients, as_of=TODAY, trials=trials) == expected
    return expected


def stance(strength, rule=MET):
    return {"kind": "stance", "strength": strength, **({"rule": rule} if rule else {})}


def modifier(step, rule=MET):
    return {"kind": "modifier", "step": step, "rule": rule}


def must_not(rule):
    return {"kind": "must_not_use", **({"rule": rule} if rule else {})}


SHELF = [
    made_option("no", stance("highest priority", NOT_MET)),
    made_option("could", stance("consider", UNKNOWN), stance("preferred", UNKNOWN)),
    made_option("may", stance("preferred", UNKNOWN), stance("preferred"), stance("highest priority", UNKNOWN)),
    made_option("up", stance("preferred"), modifier("up")),
    made_option("higher", stance("highest priority"), modifier("up")),
    made_option("down", stance("preferred"), modifier("down"), modifier("down", UNKNOWN), modifier("up", NOT_MET)),
    made_option("notes", stance("less preferred"), {"kind": "caution", "rule": UNKNOWN}, {"kind": "dose"}),
    made_option("never", stance("preferred"), must_not(None)),
    made_option("perhaps never", stance("preferred"), must_not(UNKNOWN)),
    made_option("surely not never", stance("preferred"), must_not(NOT_MET)),
    made_option("silent", {"kind": "evidence"}),
]


def test_where_options_stand():
    young = patient(birth_date="2015-01-01")
    found = agree(SHELF, [lms(), young, lms(observations=[{"test": "ecog", "value": "1", "date": "2026-01-10"}])])
    assert {str(each[2]) for page in found for each in page} == {
        "must_not_use", "applies", "could_apply", "does_not_apply"
    }  # fmt: skip


def test_a_shelf_without_options_and_one_without_patients():
    shelf = Shelf(Columns.of([lms()]), days(TODAY, 1))
    assert options(shelf, []) == ()
    assert agree(SHELF, []) == []


def test_a_statement_holds_where_it_does_for_one_of_the_cancers():
    leiomyosarcoma = {"condition": "leiomyosarcoma", "kind": "primary", "diagnosis_id": "D1"}
    two = [
        {**leiomyosarcoma, "body_site": "uterus", "date": "2020-01-01", "extent": "localized"},
        {
            **leiomyosarcoma,
            "body_site": "retroperitoneum",
            "date": "2024-01-01",
            "extent": "metastatic",
            "diagnosis_id": "D2",
        },
    ]
    advanced = made_option("advanced", stance("preferred", "has diagnosis(this cancer, extent: metastatic)"))
    localized = made_option("localized", stance("option", "has diagnosis(this cancer, extent: localized)"))
    found = agree([advanced, localized], [lms(conditions=two), lms(), lms(conditions=two[:1]), patient()])
    assert [[str(each[2]) for each in page] for page in found[:2]] == [["applies"] * 2, ["applies", "does_not_apply"]]


def test_an_answer_to_a_statement_counts():
    asks = made_option("a", stance("preferred", 'ask "is it so?"'))
    said = answering({}, {"criterion": "a-1", "question": "is it so?", "truth": "yes"}, document="a")
    found = agree([asks], [said, patient()])
    assert [str(page[0][2]) for page in found] == ["applies", "could_apply"]


@pytest.mark.parametrize(
    ("trials", "block"),
    [
        ([], "does_not_apply"),
        ([(made_trial(MET), 1, True)], "applies"),
        ([(made_trial(MET), 1, False)], "does_not_apply"),
        ([(made_trial(UNKNOWN), 1, True), (made_trial(NOT_MET, id="U"), 1, True)], "could_apply"),
        ([(made_trial(UNKNOWN), 1, True), (made_trial(MET, id="U"), 1, True)], "applies"),
        ([(made_trial(NOT_MET), 1, True)], "does_not_apply"),
    ],
)
def test_clinical_trial_first_reads_the_trials(trials, block):
    first = made_option("first", {"kind": "stance", "strength": "highest priority", "reads": "shelf"})
    found = agree([first], [lms(), lms(deceased="yes", death_date="2025-12-01")], trials)
    assert str(found[0][0][2]) == block
    assert str(found[1][0][2]) == "does_not_apply"


def demo(count):
    """The first patients of the demo registry."""
    tables = build(TODAY)
    rows = [row for row in tables["patients"] if row["patient_id"]][:count]
    kinds = ("conditions", "treatments", "medications", "observations", "biomarkers", "disease_status", "coverage")
    return [
        read_patient(
            {
                **{name: value for name, value in row.items() if value and name != "patient_id"},
                **{
                    kind: [
                        {name: value for name, value in each.items() if name != "patient_id"}
                        for each in tables[kind] if each.get("patient_id") == row["patient_id"]
                    ]
                    for kind in kinds
                },
            },
            today=TODAY,
        )
        for row in rows
    ]  # fmt: skip


def test_the_options_of_the_library_for_patients_of_the_demo():
    patients = demo(16)
    agree(ALL, patients, [(trial("LMS03"), 1, True), (trial("NCT03742895"), 1, True)])
    assert len(blocks_of([(each, 1) for each in ALL], patients, as_of=TODAY)) == 4
