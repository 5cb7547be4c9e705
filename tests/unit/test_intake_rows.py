"""One row in, the values of its facts and its problems out: every kind of file, as tables."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import Any

import pytest

from patients.facts import PartialDate
from patients.facts.rows import person
from patients.intake.columns import Interval, interval, number
from patients.intake.drafts import Draft
from patients.intake.kinds import KINDS, Context, read
from patients.intake.reading import Reading
from patients.vocabulary import default

TODAY = date(2024, 6, 1)
CONTEXT = Context(default(), {("treatments", "wunderdrug"): "doxorubicin"}, TODAY)


def row(kind: str, /, *, decimal_comma: bool = False, **cells: str) -> tuple[list[Draft], Reading]:
    reading = Reading(kind=kind, cells={"patient_id": "P-1", **cells}, today=TODAY, decimal_comma=decimal_comma)
    return read(KINDS[kind], reading, CONTEXT), reading


def codes(reading: Reading) -> list[str]:
    return [problem.code for problem in reading.problems]


def shown(values: Any, names: Any) -> dict[str, Any]:
    """The asked values; partial dates as text."""
    found = {}
    for name in names:
        first = values.get(f"{name}_first")
        if f"{name}_first" in values:
            found[name] = str(PartialDate(first, values[f"{name}_last"])) if first else None
        else:
            found[name] = values.get(name)
    return found


# kind, cells, values wanted, codes of the problems
KEPT: list[tuple[str, str, dict[str, str], dict[str, Any], list[str]]] = [
    ("dates", "patients", {"birth_date": "1960-05", "data_through": "2024-05-31"},
     {"birth": "1960-05", "data_through": date(2024, 5, 31)}, []),
    ("partial data_through promises its first day", "patients", {"data_through": "2024-05"},
     {"data_through": date(2024, 5, 1)}, ["partial_day"]),
    ("data_through to come", "patients", {"data_through": "2025-01-01"}, {"data_through": None}, ["date_in_future"]),
    ("31 February", "patients", {"birth_date": "1960-02-31"}, {"birth": None}, ["not_a_date"]),
    ("sex", "patients", {"sex": "F"}, {"sex": "female"}, []),
    ("sex recorded as unknown", "patients", {"sex": "9"}, {"sex": "9"}, ["recorded_as_unknown"]),
    ("sex in no list", "patients", {"sex": "femal"}, {"sex": "femal"}, ["code_not_known"]),
    ("a date of death makes dead", "patients", {"death_date": "2023"}, {"deceased": True, "death": "2023"}, []),
    ("alive with a date of death", "patients", {"deceased": "no", "death_date": "2023"},
     {"deceased": False, "death": "2023"}, ["alive_with_date_of_death"]),
    ("death before birth", "patients", {"birth_date": "1960", "death_date": "1950", "deceased": "yes"},
     {"death": None, "deceased": True}, ["end_before_start"]),
    ("neither yes nor no", "patients", {"deceased": "perhaps"}, {"deceased": None}, ["not_yes_or_no"]),

    ("name, morphology and site", "conditions",
     {"condition": "Leiomyosarcoma", "kind": "primary", "morphology": "8890/3", "body_site": "C54.2", "date": "2022"},
     {"concepts": ["leiomyosarcoma"], "histologies": ["leiomyosarcoma"], "kind": "primary", "date": "2022"}, []),
    ("a foreign name beside a code", "conditions",
     {"condition": "Leiomyosarkom", "kind": "primary", "morphology": "8890/3"},
     {"histologies": ["leiomyosarcoma"]}, []),
    ("name and morphology contradict", "conditions",
     {"condition": "leiomyosarcoma", "kind": "primary", "morphology": "8850/3"},
     {"histologies": ["leiomyosarcoma", "liposarcoma"]}, ["name_and_codes_differ"]),
    ("unmapped and kept", "conditions", {"condition": "frobnicoma", "kind": "primary"}, {"concepts": []},
     ["name_not_in_vocabulary"]),
    ("unnamed and kept", "conditions", {"condition": "unknown", "kind": "primary"}, {"concepts": []}, ["unnamed"]),
    ("code without its system", "conditions", {"condition": "leiomyosarcoma", "code": "12345678", "kind": "primary"},
     {"concepts": ["leiomyosarcoma"]}, ["code_without_system"]),
    ("code that is not known", "conditions",
     {"condition": "leiomyosarcoma", "code": "X99", "code_system": "local", "kind": "primary"},
     {"concepts": ["leiomyosarcoma"]}, ["code_not_in_vocabulary"]),
    ("kind left out, one reading", "conditions", {"condition": "leiomyosarcoma"}, {"kind": "primary"}, []),
    ("kind left out, by its name", "conditions", {"condition": "liver metastasis"}, {"kind": "metastasis"}, []),
    ("kind left out, by its behaviour", "conditions", {"condition": "leiomyosarcoma", "morphology": "8890/6"},
     {"kind": "metastasis", "histologies": ["metastasis"]}, []),
    ("kind left out, may be a secondary", "conditions", {"condition": "leiomyosarcoma", "body_site": "lung"},
     {"kind": None, "histologies": ["leiomyosarcoma"]}, []),
    ("a secondary is a metastasis at its site", "conditions",
     {"condition": "leiomyosarcoma", "kind": "metastasis", "body_site": "lung"},
     {"concepts": ["lung metastasis"], "histologies": ["metastasis"], "sites": ["lung"]}, []),
    ("allergy and its agent", "conditions", {"condition": "allergy to paclitaxel", "kind": "allergy"},
     {"agents": ["paclitaxel"]}, []),
    ("grade of a toxicity", "conditions", {"condition": "neutropenia", "kind": "toxicity", "grade": "Grade 3"},
     {"grade": 3.0}, []),
    ("grade that CTCAE has not", "conditions", {"condition": "neutropenia", "kind": "toxicity", "grade": "7"},
     {"grade": None}, ["grade_not_0_to_5"]),
    ("grade of a tumour", "conditions", {"condition": "leiomyosarcoma", "kind": "primary", "grade": "FNCLCC 2"},
     {"tumour_grade": "FNCLCC 2", "grade": None}, []),
    ("several states", "conditions",
     {"condition": "brain metastasis", "kind": "metastasis", "state": "treated; stable"},
     {"states": ["stable", "treated"]}, []),
    ("a status in no list", "conditions", {"condition": "leiomyosarcoma", "kind": "primary", "status": "hm"},
     {"status": "hm"}, ["code_not_known"]),
    ("an overlong status is cut, never blank", "conditions",
     {"condition": "leiomyosarcoma", "kind": "primary", "status": "x" * 300}, {"status": "x" * 200},
     ["code_not_known"]),
    ("end before start", "conditions",
     {"condition": "leiomyosarcoma", "kind": "primary", "date": "2022-05-02", "end_date": "2022-05-01"},
     {"date": "2022-05-02", "end": None}, ["end_before_start"]),

    ("a brand", "treatments", {"treatment": "Adriamycin", "start_date": "2023-01-10", "line": "1", "response": "PD"},
     {"concepts": ["doxorubicin"], "kind": "drug", "line": 1, "response": "progressive disease"}, []),
    ("mapped by a person", "treatments", {"treatment": "Wunderdrug"}, {"concepts": ["doxorubicin"]}, []),
    ("line that is no number", "treatments", {"treatment": "doxorubicin", "line": "first"}, {"line": None},
     ["not_a_number"]),
    ("line zero", "treatments", {"treatment": "doxorubicin", "line": "0"}, {"line": None}, ["out_of_range"]),
    ("half a line", "treatments", {"treatment": "doxorubicin", "line": "1.5"}, {"line": None}, ["not_whole"]),
    ("negative dose", "treatments", {"treatment": "doxorubicin", "dose": "-75", "dose_unit": "mg/m2"}, {"dose": None},
     ["out_of_range"]),
    ("dose without unit", "treatments", {"treatment": "doxorubicin", "dose": "75"}, {"dose": 75.0},
     ["dose_without_unit"]),
    ("one unit for the only dose", "treatments",
     {"treatment": "doxorubicin", "cumulative_dose": "450", "dose_unit": "mg/m2"},
     {"cumulative_dose": 450.0, "cumulative_dose_unit": "mg/m2"}, []),
    ("goes on and has ended", "treatments",
     {"treatment": "pazopanib", "start_date": "2023", "end_date": "2024-01-01", "ongoing": "yes"},
     {"ongoing": None, "end": None}, ["ongoing_with_end"]),
    ("unknown radiotherapy is radiotherapy", "treatments", {"treatment": "XYZ-beam", "kind": "radiotherapy"},
     {"concepts": ["radiotherapy"]}, ["name_not_in_vocabulary"]),
    ("unnamed drug", "treatments", {"treatment": "", "kind": "drug", "start_date": "2023"},
     {"concepts": None, "kind": "drug"}, ["unnamed"]),
    ("relative dose in percent", "treatments", {"treatment": "doxorubicin", "relative_dose": "80%"},
     {"relative_dose": 80.0}, []),

    ("a medication", "medications",
     {"medication": "rifampicin", "start_date": "2024-01", "ongoing": "y", "indication": "tuberculosis"},
     {"concepts": ["rifampin"], "ongoing": True, "indication_text": "tuberculosis"}, []),

    ("performance status", "observations", {"test": "ECOG", "value": "1", "date": "2024-05-02"},
     {"test": "ecog", "low": 1.0, "high": 1.0, "date": "2024-05-02"}, []),
    ("performance status between two", "observations", {"test": "ecog", "value": "0-1"}, {"low": 0.0, "high": 1.0}, []),
    ("above on a scale that ends", "observations", {"test": "ecog", "value": ">2"},
     {"low": 3.0, "high": 5.0, "low_open": False}, []),
    ("unit converted", "observations", {"test": "ANC", "value": "1500", "unit": "/uL", "ref_low": "1800"},
     {"low": 1.5, "unit": "10*9/L", "ref_low": 1.8, "shown": "1500 /uL"}, []),
    ("unit inside the value", "observations", {"test": "hemoglobin", "value": "10.5 g/dL"}, {"low": 10.5}, []),
    ("below the limit of detection", "observations", {"test": "bilirubin", "value": "<0.2", "unit": "mg/dL"},
     {"low": None, "high_open": True}, []),
    ("above the range of the method", "observations", {"test": "AST", "value": ">1000", "unit": "U/L"},
     {"low": 1000.0, "high": None, "low_open": True}, []),
    ("unit of another test", "observations", {"test": "ANC", "value": "1.5", "unit": "furlong"},
     {"test": "anc", "low": None, "high": None, "shown": "1.5 furlong"}, ["unit_not_known"]),
    ("no unit where one is needed", "observations", {"test": "ANC", "value": "1.5"}, {"low": None}, ["unit_missing"]),
    ("a word for a number", "observations", {"test": "ANC", "value": "normal", "unit": "/uL"},
     {"low": None, "shown": "normal /uL"}, ["not_a_number"]),
    ("coded", "observations", {"test": "pregnancy_test", "value": "Negative"}, {"code": "negative"}, []),
    ("coded in no list", "observations", {"test": "pregnancy_test", "value": "dunno"}, {"code": "dunno"},
     ["code_not_known"]),
    ("limits exchanged", "observations",
     {"test": "AST", "value": "20", "unit": "U/L", "ref_low": "40", "ref_high": "10"},
     {"low": 20.0, "ref_low": None, "ref_high": None}, ["limits_reversed"]),
    ("test that is not known", "observations", {"test": "frobnicate", "value": "3"},
     {"test": None, "shown": "3"}, ["name_not_in_vocabulary"]),

    ("a fusion", "biomarkers",
     {"gene": "ntrk3", "partner_gene": "ETV6", "alteration": "rearrangement", "result": "detected"},
     {"genes": ["NTRK3"], "partner": "ETV6", "alteration": "fusion", "result": "positive"}, []),
    ("a variant is a finding", "biomarkers", {"gene": "TP53", "alteration": "mutation", "variant": "p.R175H"},
     {"result": "positive"}, []),
    ("a score", "biomarkers", {"gene": "CD274", "alteration": "expression", "scale": "CPS", "value": ">=10"},
     {"low": 10.0, "high": None, "scale": "CPS"}, []),
    ("an unknown assay", "biomarkers", {"gene": "TP53", "alteration": "mutation", "assay": "tea leaves"},
     {"assay": "tea leaves"}, ["assay_not_in_vocabulary"]),

    ("progression", "disease_status", {"status": "PD", "date": "2024-02"},
     {"status": "progression", "date": "2024-02"}, []),
    ("a status that is not known", "disease_status", {"status": "meh"}, {"status": "meh"}, ["code_not_known"]),
    ("coverage", "coverage", {"domain": "treatments", "scope": "drug", "complete_through": "2024-05-01"},
     {"domain": "treatments", "scope": "kind:drug", "complete_through": date(2024, 5, 1)}, []),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "cells", "values", "told"), [case[1:] for case in KEPT],
                         ids=[f"{case[1]}: {case[0]}" for case in KEPT])  # fmt: skip
def test_a_row_that_is_kept(kind: str, cells: dict[str, str], values: dict[str, Any], told: list[str]) -> None:
    drafts, reading = row(kind, **cells)
    assert len(drafts) == 1
    assert not reading.rejected
    assert shown(drafts[0].values, values) == values
    assert codes(reading) == told
    for problem in reading.problems:
        assert problem.message, problem.code
        assert problem.remedy or problem.severity == "note", problem.code


REJECTED: list[tuple[str, str, dict[str, str], str, str]] = [
    ("ECOG 7", "observations", {"test": "ecog", "value": "7", "date": "2024-01-01"}, "value_implausible", "value"),
    ("ECOG one and a half", "observations", {"test": "ecog", "value": "1.5"}, "value_not_whole", "value"),
    ("Karnofsky 120", "observations", {"test": "karnofsky", "value": "120"}, "value_implausible", "value"),
    ("domain", "coverage", {"domain": "everything"}, "domain_not_known", "domain"),
    ("scope", "coverage", {"domain": "treatments", "scope": "most of it"}, "scope_not_known", "scope"),
    ("day of coverage", "coverage", {"domain": "treatments", "complete_through": "2024-02-30"},
     "coverage_day_unusable", "complete_through"),
    ("policy", "policy", {"domain": "treatments", "policy": "closed"}, "policy_not_known", "policy"),
    ("range of nothing", "ranges", {"test": "frobnicate", "low": "1"}, "test_not_known", "test"),
    ("range in no unit of it", "ranges", {"test": "ANC", "low": "1", "unit": "furlong"}, "unit_not_known", "unit"),
    ("range reversed", "ranges", {"test": "AST", "low": "40", "high": "10", "unit": "U/L"}, "limits_reversed", "low"),
    ("range for an age that cannot be read", "ranges",
     {"test": "AST", "high": "40", "unit": "U/L", "age_from": "old"}, "bound_unusable", "age_from"),
    ("range without limits", "ranges", {"test": "AST", "unit": "U/L"}, "range_without_limits", "low"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "cells", "code", "column"), [case[1:] for case in REJECTED],
                         ids=[case[0] for case in REJECTED])  # fmt: skip
def test_a_row_that_is_rejected(kind: str, cells: dict[str, str], code: str, column: str) -> None:
    _, reading = row(kind, **cells)
    assert reading.rejected
    problem = next(each for each in reading.problems if each.rejected)
    assert (problem.code, problem.column, problem.value) == (code, column, cells.get(column, "")[:300])
    assert problem.remedy


def test_a_combination_is_several_drugs_of_one_regimen() -> None:
    drafts, reading = row("treatments", treatment="gemcitabine + docetaxel", start_date="2023-03-01", record_id="R7")
    assert [draft.values["concepts"] for draft in drafts] == [["gemcitabine"], ["docetaxel"]]
    assert {draft.values["regimen"] for draft in drafts} == {"gemcitabine + docetaxel"}
    assert {draft.name for draft in drafts} == {"gemcitabine + docetaxel"}
    assert len({draft.key for draft in drafts}) == 2
    assert all(draft.key.startswith("id:r7|") for draft in drafts)
    assert codes(reading) == ["combination"]


def test_name_and_code_of_two_drugs_are_one_course_of_either() -> None:
    drafts, reading = row("treatments", treatment="doxorubicin", code="C66876", code_system="NCIt")
    assert [draft.values["concepts"] for draft in drafts] == [["doxorubicin", "gemcitabine"]]
    assert drafts[0].naming == "conflicting"
    assert codes(reading) == ["name_and_codes_differ"]


@pytest.mark.parametrize("value", ["", "NA", "n/a", "[Not Available]", "unknown"])
def test_an_observation_without_a_value_is_no_fact(value: str) -> None:
    drafts, reading = row("observations", test="ANC", value=value)
    assert drafts == []
    assert codes(reading) == ["no_value"]
    assert not reading.rejected


def test_a_row_that_calls_the_patient_alive_and_dead_is_kept_in_doubt() -> None:
    _, reading = row("patients", deceased="no", death_date="2023-05-02")
    (problem,) = reading.problems
    assert (problem.severity, problem.rejected, problem.column, problem.value) == ("warning", False, "deceased", "no")
    assert "both are kept" in problem.message and "not used" not in problem.message
    assert problem.remedy == "correct deceased or death_date, and send the row again"


#: What rows of one patient say, and what becomes of the person: deceased, death, whether it is contradicted.
SAID = [
    ([{}], None, None, False),
    ([{"deceased": "no"}], False, None, False),
    ([{"deceased": "no"}, {}], False, None, False),
    ([{"deceased": "yes"}, {"deceased": "yes"}], True, None, False),
    ([{"death_date": "2023"}], True, "2023", False),
    ([{"death_date": "2023-01"}, {"deceased": "yes", "death_date": "2023-03"}], True, "2023-01-01/2023-03-31", False),
    ([{"deceased": "no", "death_date": "2023"}], None, "2023", True),
    ([{"deceased": "no"}, {"deceased": "yes"}], None, None, True),
    ([{"deceased": "no"}, {"death_date": "2023"}], None, "2023", True),
    ([{"death_date": "2023"}, {}, {"deceased": "no", "death_date": "2024"}], None, "2023-01-01/2024-12-31", True),
    # A death that cannot be is none.
    ([{"deceased": "no", "birth_date": "1960", "death_date": "1950"}], False, None, False),
]


@pytest.mark.parametrize(("rows", "deceased", "death", "conflict"), SAID)
def test_what_rows_say_of_life_and_death(
    rows: list[dict[str, str]], deceased: bool | None, death: str | None, conflict: bool
) -> None:
    read_rows = []
    for cells in rows:
        values: Any = defaultdict(lambda: None)
        values.update(row("patients", **cells)[0][0].values, file="patients.csv", note="")
        read_rows.append(values)
    found = person(read_rows)
    said = None if found["death"] is None else str(found["death"])
    assert (found["deceased"], said, found["vital_conflict"]) == (deceased, death, conflict)


def test_an_unreadable_data_through_puts_every_domain_in_doubt() -> None:
    _, reading = row("patients", data_through="31/12/2023")
    assert set(reading.suspends) == {
        "conditions", "treatments", "medications", "observations", "biomarkers", "disease_status"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "comma", "expected"),
    [
        ("1", False, 1.0), ("-1.5", False, -1.5), (".5", False, 0.5), ("1e3", False, 1000.0), ("1,5", False, None),
        ("1,5", True, 1.5), ("0,125", True, 0.125), ("1,500", True, None), ("1,500", False, None),
        ("1 500", False, None),
        ("one", False, None), ("nan", False, None), ("inf", False, None), ("1e999", False, None), ("٣", False, None),
    ],
)  # fmt: skip
def test_number(text: str, comma: bool, expected: float | None) -> None:
    assert number(text, decimal_comma=comma) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.5", Interval(1.5, 1.5)),
        ("<0.2", Interval(None, 0.2, high_open=True)),
        ("≤ 0.2", Interval(None, 0.2)),
        (">1000", Interval(1000.0, None, low_open=True)),
        (">= 60", Interval(60.0, None)),
        ("0-1", Interval(0.0, 1.0)),
        ("1 to 2", Interval(1.0, 2.0)),
        ("2-1", None),
        ("<", None),
        ("about 5", None),
    ],
)
def test_interval(text: str, expected: Interval | None) -> None:
    assert interval(text) == expected
