"""Treatments and medications by the thousand: the same candidates, courses and silences as one patient at a time."""

from datetime import date, timedelta
from functools import cache
from itertools import product

import numpy as np
import pytest

from matcher.engine.bulk.findings import MET_NEVER, NOT_MET_NEVER, code_of
from matcher.engine.bulk.records import treatments as bulk
from matcher.engine.bulk.records.candidates import OVER
from matcher.engine.reference.days import FUTURE
from matcher.engine.reference.records.patterns import candidates, half_life
from tests.batches import batch_of, records_of, silence_differs
from tests.synthetic import TODAY, drug, lms, patient
from trials.criteria import tree as t
from trials.criteria.kinds import Kind

FINDERS = {Kind.TREATMENT: bulk.treatments, Kind.MEDICATION: bulk.medications, Kind.DRUG: bulk.drugs}
SILENCES = {
    Kind.TREATMENT: bulk.unrecorded_treatment,
    Kind.LINE: bulk.unrecorded_treatment,
    Kind.MEDICATION: bulk.unrecorded_medication,
    Kind.DRUG: bulk.unrecorded_drug,
}


def found_by_bulk(batch, contexts, records):
    found = FINDERS[records.kind](batch, records, False)
    flips = np.full(len(found), FUTURE) if found.flips is None else found.flips
    said = [[] for _ in contexts]
    for k, (item, row) in enumerate(zip(found.item.tolist(), found.row.tolist(), strict=True)):
        name = found.tables[found.origin[k]]
        fact = getattr(contexts[item].patient, name)[row - batch.table(name).starts[batch.patient[item]]]
        hours = None if np.isnan(found.half_life[k]) else float(found.half_life[k])
        days = (found.start.lo[k], found.start.hi[k], found.end.lo[k], found.end.hi[k])
        said[item].append((fact.id, found.code[k], *days, found.ceases[k], hours, flips[k]))
    return said


def found_by_reference(contexts, records):
    return [[one_by_reference(context, each) for each in candidates(context, records)] for context in contexts]


def one_by_reference(context, each):
    start, end = each.course.start, each.course.end
    ceases = OVER if each.course.ceases is None else each.course.ceases.hardness
    flip = min((day for day in each.finding.flips if day > context.asked), default=FUTURE)
    hours = half_life(context, each.fact)
    return (each.fact.id, code_of(each.finding), start.lo, start.hi, end.lo, end.hi, ceases, hours, flip)


def agree(rule, patients, **how):
    """Whether both engines find the same in some patients, and find anything."""
    batch, contexts = batch_of(patients, **how)
    records = records_of(rule)
    expected = found_by_reference(contexts, records)
    assert found_by_bulk(batch, contexts, records) == expected
    return any(expected)


# --- courses -------------------------------------------------------------------------------------------------------

STARTS = (None, "2025-12-01", "2025-12", "2025", "2026-01-15")
ENDS = (None, "2025-12-10", "2025-11", "2026-01", "2026-01-15", "2024-06-01")
GOING = (None, "yes", "no")
COURSES = [dict(zip(("start_date", "end_date", "ongoing"), each, strict=True)) for each in product(STARTS, ENDS, GOING)]


def course_of(kind, name, cells, status=None):
    if kind == "medications":
        return {"medication": name, **cells}
    return {"treatment": name, "kind": "drug", "status": status, **cells}


def dated(kind, names, **more):
    """Patients who had each drug in each of the courses, several to a patient."""
    rows = [course_of(kind, name, cells) for name, cells in product(names, COURSES)]
    return [patient(**{kind: rows[k : k + 7]}, **more) for k in range(0, len(rows), 7)]


KNOWN_DAYS = {"data current": {"data_through": "2026-01-10"}, "data of last summer": {"data_through": "2025-08-01"},
              "nothing said of the data": {}}  # fmt: skip


@pytest.mark.parametrize("data", KNOWN_DAYS)
@pytest.mark.parametrize("later", [0, 1, 45, 400])
def test_courses_of_treatments(data, later):
    who = dated("treatments", ["doxorubicin", "wide excision"], **KNOWN_DAYS[data])
    asked = TODAY + timedelta(days=later)
    assert agree("has treatment(any, ongoing: yes)", who, as_of=asked, known=TODAY)


@pytest.mark.parametrize("data", KNOWN_DAYS)
@pytest.mark.parametrize("later", [0, 1, 45, 400])
def test_courses_of_medications(data, later):
    who = dated("medications", ["prednisone", "live vaccine", "xyzzy"], **KNOWN_DAYS[data])
    asked = TODAY + timedelta(days=later)
    assert agree("has medication(any, ongoing: not yes)", who, as_of=asked, known=TODAY)


def test_what_is_planned_lies_ahead():
    rows = [
        drug("doxorubicin", "2026-03-01", status="planned"),
        drug("doxorubicin", "2026-02", status="planned"),
        drug("doxorubicin", "2026-02-01", "2026-04-01", status="planned"),
        drug("doxorubicin", status="planned"),
    ]
    assert agree("has treatment(any, status: planned)", [lms(treatments=rows)])


def test_the_view_of_an_earlier_day():
    assert agree("has treatment(any)", dated("treatments", ["doxorubicin"]), as_of=date(2025, 12, 5))
    assert agree("has medication(any)", dated("medications", ["prednisone"]), as_of=date(2025, 12, 5))


# --- names and fields ----------------------------------------------------------------------------------------------

LMS = {
    "condition": "leiomyosarcoma",
    "kind": "primary",
    "diagnosis_id": "A",
    "body_site": "uterus",
    "extent": "metastatic",
    "date": "2023-02-01",
}
BREAST = {"condition": "breast cancer", "kind": "primary", "diagnosis_id": "B", "date": "2015-05-01"}
COMPLETE = [
    {"domain": "treatments", "scope": "all", "complete_through": "2026-01-10"},
    {"domain": "medications", "scope": "all", "complete_through": "2026-01-10"},
]
DRUGS_COMPLETE = [{"domain": "treatments", "scope": "kind:drug", "complete_through": "2025-12-20"}]


def other(name, kind, start="2024-01-10", **cells):
    return {"treatment": name, "kind": kind, "start_date": start, "end_date": start, **cells}


TREATED = (
    [],
    [
        drug("dexamethasone", "2024-01-10", "2024-05-20"),
        drug("doxorubicin", "2024-01-10", "2024-05-20", dose=75, dose_unit="mg/m2", cycles=6, setting="advanced"),
        drug("pazopanib", "2025-06-01", ongoing="yes", setting="advanced", line=2, response="partial response"),
    ],
    [
        drug("epirubicin", "2021-01-10", "2021-05-20", setting="adjuvant", stop_reason="toxicity", on_trial="yes"),
        drug("docetaxel", "2024-01-17", "2024-05-20", regimen="GemTax", intent="palliative", line=1),
        drug("gemcitabine", "2024-01-10", "2024-05-20", regimen="gemtax", stop_reason="progression"),
    ],
    [
        drug("", "2024-01-10"),
        other("", "surgery"),
        other("xyzzy", None),
        other("xyzzy", "qwert"),
        other("xyzzy", "other"),
        other("", "transplant"),
    ],
    [
        drug("doxorubicin", status="planned"),
        drug("doxorubicin", status="declined"),
        drug("doxorubicin"),
        drug("doxorubicin", "2024-01-10", status="xyzzy"),
        drug("doxorubicin", status="given"),
        drug("doxorubicin", status="not suitable", stop_reason="progression"),
    ],
    [
        other("wide excision", "surgery", body_site="uterus"),
        other("radiotherapy", "radiotherapy", body_site="xyzzy"),
        other("stereotactic radiotherapy", None, technique="SBRT"),
        other("autologous stem cell transplant", None),
    ],
    [
        drug("gemcitabine", "2024-01-10", "2024-05-20", diagnosis="A"),
        drug("docetaxel", "2024-02-07", "2024-05-20", diagnosis="B"),
        drug("docetaxel", "2024", diagnosis="breast cancer"),
        drug("docetaxel", "2024-02-20", diagnosis="xyzzy"),
    ],
    [
        drug("gemcitabine", "2024-01-10", regimen="GemDoc"),
        drug("docetaxel", "2024-01-17", regimen="DX"),
        drug("docetaxel", "2024-04-10", regimen="gemdoc"),
        drug("gemcitabine", "2025-11-10", ongoing="yes"),
        drug("docetaxel", "2025-11-17", ongoing="yes"),
        drug("docetaxel", "2025-01-17", status="planned"),
    ],
)
TAKEN = (
    [],
    [{"medication": "prednisone", "start_date": "2026-01-01", "ongoing": "yes", "dose": 10, "dose_unit": "mg",
      "frequency": "daily", "route": "oral"},
     {"medication": "dexamethasone", "start_date": "2026-01-05", "end_date": "2026-01-05", "route": "xyzzy",
      "indication": "premedication before trabectedin"},
     {"medication": "dexamethasone", "start_date": "2026-01-05", "indication": "cerebral oedema"},
     {"medication": "dexamethasone", "start_date": "2026-01-05"}],
    [{"medication": "Rifampicin 600 mg", "start_date": "2026-01-05", "end_date": "2026-01-10"},
     {"medication": "", "ongoing": "yes"}, {"medication": "warfarin", "indication": "thrombosis"},
     {"medication": "warfarin", "indication": "xyzzy", "start_date": "2025-11-01"}],
)  # fmt: skip
COHORT = [
    patient(
        conditions=conditions,
        treatments=given,
        medications=TAKEN[k % len(TAKEN)],
        coverage=([], COMPLETE, DRUGS_COMPLETE)[(k + shift) % 3],
        disease_status=[{"status": "progression", "date": "2024-06-01"}] if k % 2 else [],
        data_through="2026-01-10",
    )
    for conditions, shift in product(([LMS], [LMS, BREAST], []), (0, 1))
    for k, given in enumerate((*TREATED, TREATED[1], TREATED[2]))
]

PATTERNS = (
    "has treatment(any)",
    "has treatment(doxorubicin)",
    "has treatment(anthracycline, other than: doxorubicin)",
    "has treatment(any, other than: doxorubicin or surgery)",
    "has treatment(surgery or doxorubicin)",
    "has treatment(wide excision)",
    "has treatment(transplant)",
    "has treatment(CYP3A inducer)",
    "has treatment(any, status: planned)",
    "has treatment(any, status: given and not declined)",
    "has treatment(any, kind: drug)",
    "has treatment(any, kind: not surgery or drug)",
    "has treatment(chemotherapy, kind: drug, status: given)",
    "has treatment(any, ongoing: no)",
    "has treatment(any, ongoing: not no, kind: drug)",
    "has treatment(any, site: uterus)",
    "has treatment(any, site: not lung)",
    "has treatment(any, dose: >= 75 mg/m2, cycles: >= 6)",
    "has treatment(any, cumulative_dose: > 1 mg)",
    "has treatment(any, intent: palliative)",
    "has treatment(any, response: not progressive disease)",
    "has treatment(any, stop_reason: progression or toxicity)",
    "has treatment(any, on_trial: yes, technique: SBRT)",
    "has treatment(any, for: this cancer)",
    "has treatment(any, for: not this cancer)",
    "has treatment(any, for: breast cancer)",
    "has treatment(any, for: diagnosis(breast cancer))",
    "has treatment(any, for: diagnosis(this cancer))",
    "has treatment(any, setting: advanced)",
    "has treatment(any, setting: not perioperative)",
    "has treatment(any, setting: adjuvant or maintenance)",
    "has treatment(any, line: = 1)",
    "has treatment(any, line: not >= 2)",
    "has treatment(pazopanib or docetaxel, line: < 2, setting: advanced)",
    "has treatment(any, outcome: failure)",
    "has treatment(any, outcome: refractory or intolerant)",
    "has treatment(doxorubicin, outcome: not failure)",
    "has treatment(gemcitabine, with: docetaxel)",
    "has treatment(any, with: not docetaxel)",
    "has treatment(gemcitabine, with: treatment(docetaxel, ongoing: yes))",
    "has treatment(gemcitabine, with: treatment(any))",
    "has treatment(any, with: treatment(gemcitabine and docetaxel))",
    "has treatment(any, with: local therapy)",
    "has treatment(gemcitabine and docetaxel)",
    "has treatment(gemcitabine and docetaxel or pazopanib or docetaxel, ongoing: yes)",
    "has treatment(gemcitabine and docetaxel and doxorubicin)",
    "has medication(any)",
    "has medication(CYP3A inducer)",
    "has medication(strong CYP3A inducer or prednisone)",
    "has medication(systemic corticosteroid, other than: prednisone)",
    "has medication(any, route: oral)",
    "has medication(any, route: not oral, ongoing: yes)",
    "has medication(any, dose: >= 10 mg)",
    "has medication(any, frequency: daily)",
    "has medication(any, for: thrombosis)",
    "has medication(any, for: condition(thrombosis))",
    "has medication(any, for: not condition(thrombosis, grade: >= 3))",
    "has drug(any)",
    "has drug(CYP3A inducer)",
    "has drug(any, dose: < 80 mg/m2)",
    "has drug(any, ongoing: yes, other than: prednisone)",
    "has drug(any, for: thrombosis)",
)


@cache
def cohort(cancer):
    """The cohort as a batch, and its contexts, made once for all patterns."""
    return batch_of(COHORT, cancer=cancer)


#: What a pattern says hangs on the cancer at hand where it asks of one of these.
OF_A_CANCER = ("this cancer", "setting:", "line:", "outcome:")
ASKED = [
    *((rule, "leiomyosarcoma") for rule in PATTERNS),
    *((rule, "") for rule in PATTERNS if any(word in rule for word in OF_A_CANCER)),
]


@pytest.mark.parametrize(("rule", "cancer"), ASKED)
def test_the_candidates_are_those_of_the_reference(rule, cancer):
    batch, contexts = cohort(cancer)
    expected = found_by_reference(contexts, records_of(rule))
    assert found_by_bulk(batch, contexts, records_of(rule)) == expected
    assert any(expected)


@pytest.mark.parametrize(
    "rule",
    ["has treatment(gemcitabine, with: docetaxel)", "has treatment(any, setting: advanced)", "has drug(any)",
     "has medication(any, ongoing: yes)", "has treatment(any, outcome: failure)"],
)  # fmt: skip
def test_on_a_later_day_with_what_is_known_now(rule):
    assert agree(rule, COHORT, cancer="leiomyosarcoma", as_of=TODAY + timedelta(days=100), known=TODAY)


def test_no_treatment_is_asked_of_where_none_is_at_hand():
    batch, contexts = cohort("leiomyosarcoma")
    records = records_of("has treatment(this treatment, stop_reason: toxicity)")
    assert found_by_bulk(batch, contexts, records) == [[] for _ in contexts]


@pytest.mark.parametrize(
    "rule", ["has treatment(this treatment)", "has treatment(this treatment, stop_reason: toxicity)",
             "has treatment(this treatment or doxorubicin, other than: epirubicin)"]
)  # fmt: skip
def test_the_treatment_at_hand_alone_is_asked_of(rule):
    whole, contexts = cohort("leiomyosarcoma")
    table, items, rows, inside = whole.table("treatments"), [], [], []
    for item, context in enumerate(contexts):
        for at, treatment in enumerate(context.patient.treatments):
            items.append(item)
            rows.append(int(table.starts[whole.patient[item]]) + at)
            inside.append(context.inside(treatment))
    batch = whole.some(np.array(items), this=np.array(rows))
    records = records_of(rule)
    expected = found_by_reference(inside, records)
    assert found_by_bulk(batch, inside, records) == expected
    assert any(expected)


def test_every_treatment_is_told_of_whatever_its_name():
    batch, _ = cohort("leiomyosarcoma")
    pairs, told = bulk.treatment_told(batch, records_of("has treatment(doxorubicin)"))
    table = batch.table("treatments")
    assert np.array_equal(pairs.item, np.repeat(np.arange(batch.n), np.diff(table.starts)[batch.patient]))
    names = table.coded["concepts"].take(pairs.row).map(lambda concepts: concepts == ("pazopanib",), np.bool_)
    assert set(told.code[names]) == {NOT_MET_NEVER}
    doxorubicin = table.coded["concepts"].take(pairs.row).map(lambda concepts: concepts == ("doxorubicin",), np.bool_)
    assert MET_NEVER in told.code[doxorubicin]
    some, told_of_some = bulk.treatment_told(batch, records_of("has treatment(doxorubicin)"), np.array([1, 3]))
    assert set(some.row) == {1, 3}
    assert told_of_some.code.tolist() == told.code[np.isin(pairs.row, [1, 3])].tolist()


def test_no_treatment_has_the_name():
    batch, _ = batch_of([lms(treatments=[drug("pazopanib", "2024-01-10")])])
    _, told = bulk.treatment_told(batch, records_of("has treatment(doxorubicin)"))
    assert told.code.tolist() == [NOT_MET_NEVER]


# --- silence -------------------------------------------------------------------------------------------------------

COVERED = (
    [],
    [{"domain": "treatments", "scope": "all", "complete_through": "2026-01-10"}],
    [{"domain": "treatments", "scope": "kind:drug", "complete_through": "2026-01-10"}],
    [{"domain": "treatments", "scope": "kind:radiotherapy", "complete_through": "2025-06-01"},
     {"domain": "treatments", "scope": "kind:surgery", "complete_through": "2026-01-01"}],
    [{"domain": "treatments", "scope": "class:anthracycline", "complete_through": "2026-01-10"}],
    [{"domain": "medications", "scope": "all", "complete_through": "2026-01-10"}],
    [{"domain": "medications", "scope": "all", "complete_through": "2025-01-10"},
     {"domain": "treatments", "scope": "all", "complete_through": "2026-01-10"}],
)  # fmt: skip
QUIET = [lms(coverage=coverage, treatments=given) for coverage in COVERED for given in TREATED[:2]]


@pytest.mark.parametrize("ago", [0, 100, 1000])
@pytest.mark.parametrize(
    "rule",
    [
        "has treatment(any)",
        "has treatment(doxorubicin or surgery)",
        "has treatment(local therapy)",
        "has treatment(local therapy, kind: surgery)",
        "has treatment(any, kind: drug or radiotherapy)",
        "has treatment(this treatment)",
        "has medication(any)",
        "has medication(prednisone)",
        "has drug(any, ongoing: yes)",
        "has drug(doxorubicin)",
        "count line(any) >= 1",
        "count line(chemotherapy) >= 1",
    ],
)
def test_silence_says_the_same(rule, ago):
    batch, contexts = batch_of(QUIET)
    records = records_of(rule)
    until = TODAY - timedelta(days=ago)
    found = SILENCES[records.kind](batch, records, np.full(batch.n, until.toordinal(), np.int32))
    assert silence_differs(found, contexts, records, until) == []


def test_of_the_treatment_at_hand_nothing_is_left_out():
    batch, _ = batch_of(QUIET)
    records = t.Records(Kind.MEDICATION, t.Concepts.of(t.THIS_TREATMENT))
    assert set(bulk.unrecorded_medication(batch, records, batch.asked).code) == {NOT_MET_NEVER}


@pytest.mark.parametrize("rule", ["has treatment(any, with: docetaxel)", "has drug(any)", "has medication(any)"])
def test_nobody_and_nothing_recorded(rule):
    records = records_of(rule)
    for patients in ([], [lms()]):
        batch, _ = batch_of(patients)
        assert len(FINDERS[records.kind](batch, records, False)) == 0
        assert len(SILENCES[records.kind](batch, records, batch.asked)) == batch.n
