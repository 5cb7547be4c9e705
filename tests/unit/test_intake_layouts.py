"""Which table is read how: by its name, by its columns, as one row per fact or one row per patient."""

from __future__ import annotations

import io
from datetime import date

import pytest

from patients.intake import layouts, sources
from patients.intake.kinds import Context
from patients.intake.problems import UnusableFile
from patients.vocabulary import default

CONTEXT = Context(default(), {}, date(2024, 6, 1))


def recognised(header: str, *, name: str = "export.csv", line: str | None = None) -> layouts.Layout | None:
    content = f"{header}\n{line or header}\n".encode()
    (table,), _ = sources.tables(io.BytesIO(content), name=name)
    return layouts.recognise(table, CONTEXT)


def slots(header: str, line: str) -> list[tuple[str, dict[str, str]]]:
    """The statements of one wide row, without its patient id."""
    layout = recognised(header, line=line)
    assert layout is not None
    assert layout.name == "wide"
    said = [(slot.kind, slot.cells(line.split(","))) for slot in layout.slots]
    return [
        (kind, {name: text for name, text in cells.items() if name != "patient_id"})
        for kind, cells in said
        if cells is not None
    ]


@pytest.mark.parametrize(
    ("name", "header", "kinds"),
    [
        ("conditions.csv", "patient_id,condition", {"conditions"}),
        ("Condition.CSV", "Patient ID;Condition", {"conditions"}),
        ("export.csv", "patient_id,condition,date", {"conditions"}),
        ("export.csv", "patient_id,treatment", {"treatments"}),
        ("export.csv", "patient_id,test,value", {"observations"}),
        ("export.csv", "patient_id,gene,result", {"biomarkers"}),
        ("export.csv", "patient_id,domain,scope", {"coverage"}),
        ("export.csv", "patient_id,status,date", {"disease_status"}),
        ("export.csv", "patient_id,sex,birth_date", {"patients"}),
        ("policy.csv", "domain,policy", {"policy"}),
        ("export.csv", "domain,scope,policy", {"policy"}),
        ("ranges.csv", "test,unit,low,high", {"ranges"}),
        ("patients.csv", "patient_id,sex", {"patients"}),
        ("patients.csv", "patient_id,sex,diagnosis", {"patients", "conditions"}),
        ("export.csv", "patient_id,sex,diagnosis,ecog,treatment_1,ntrk1_fusion",
         {"patients", "conditions", "observations", "treatments", "biomarkers"}),
    ],
)  # fmt: skip
def test_kinds_of_a_table(name: str, header: str, kinds: set[str]) -> None:
    layout = recognised(header, name=name)
    assert layout is not None
    assert layout.kinds == kinds


@pytest.mark.parametrize("header", ["alpha,beta", "patient_id,drug_name,start", "patient_id"])
def test_a_table_that_is_none(header: str) -> None:
    assert recognised(header) is None, "a list with ids is no list of patients: it would contradict what is known"


def test_rows_of_several_kinds_in_one_table_are_refused() -> None:
    with pytest.raises(UnusableFile, match="several kinds at once") as told:
        recognised("patient_id,treatment,test,value", name="mended.csv")
    assert "(treatments, observations)" in told.value.problem.message
    assert "a file of its own" in told.value.problem.remedy
    by_name = recognised("patient_id,treatment,test,value", name="treatments.csv")
    assert by_name is not None and by_name.kinds == {"treatments"}


@pytest.mark.parametrize(
    ("name", "header", "missing", "hint"),
    [
        ("conditions.csv", "patient,condition", "patient_id", "is it the column 'patient'"),
        ("conditions.csv", "patient_id,date", "condition", "exactly this name"),
        ("export.csv", "id,diagnosis,ecog", "patient_id", "exactly this name"),
    ],
)
def test_a_required_column_that_is_missing(name: str, header: str, missing: str, hint: str) -> None:
    with pytest.raises(UnusableFile) as told:
        recognised(header, name=name)
    assert told.value.problem.column == missing
    assert f"the required column '{missing}' is missing" in told.value.problem.message
    assert hint in told.value.problem.remedy


def test_an_unknown_column_is_told_with_the_nearest() -> None:
    layout = recognised("patient_id,treatment,start_dat,shoe_size", name="treatments.csv")
    assert layout is not None
    told = {problem.column: problem.remedy for problem in layout.problems}
    assert told["start_dat"] == "did you mean 'start_date'?"
    assert "shoe_size" in told


@pytest.mark.parametrize(
    ("header", "line", "expected"),
    [
        ("patient_id,diagnosis,morphology,primary_site,stage", "P,LMS,8890/3,C54.2,IV",
         [("patients", {}), ("conditions", {"condition": "LMS", "morphology": "8890/3", "body_site": "C54.2",
                                            "stage": "IV", "kind": "primary"})]),
        ("patient_id,diagnosis,extent", "P,,", [("patients", {})]),
        ("patient_id,ecog,ecog_date", "P,1,2024-01-02",
         [("patients", {}), ("observations", {"value": "1", "date": "2024-01-02", "test": "ecog"})]),
        ("patient_id,ecog_date,ecog", "P,2024-01-02,1",
         [("patients", {}), ("observations", {"value": "1", "date": "2024-01-02", "test": "ecog"})]),
        ("patient_id,anc,anc_unit,anc_ref_low", "P,1500,/uL,1800",
         [("patients", {}), ("observations", {"value": "1500", "unit": "/uL", "ref_low": "1800", "test": "anc"})]),
        ("patient_id,ecog,ecog_date", "P,NA,2024-01-02", [("patients", {})]),
        ("patient_id,treatment_1,treatment_1_line,treatment_2", "P,doxorubicin,1,",
         [("patients", {}), ("treatments", {"treatment": "doxorubicin", "line": "1"})]),
        ("patient_id,treatment_1,treatment_1_start_date", "P,,2024",
         [("patients", {}), ("treatments", {"start_date": "2024"})]),
        ("patient_id,ntrk1_fusion", "P,negative",
         [("patients", {}), ("biomarkers", {"result": "negative", "gene": "NTRK1", "alteration": "fusion"})]),
        ("patient_id,ntrk1_fusion,ntrk1_fusion_assay", "P,not tested,RNA", [("patients", {})]),
        ("patient_id,sex,condition_1,medication_1", "P,f,diabetes,aspirin",
         [("patients", {"sex": "f"}), ("conditions", {"condition": "diabetes"}),
          ("medications", {"medication": "aspirin"})]),
    ],
)  # fmt: skip
def test_wide_row(header: str, line: str, expected: list[tuple[str, dict[str, str]]]) -> None:
    assert slots(header, line) == expected
