"""What pairs lack by the thousand: of who has no record of what is asked, word for word as one patient at a time.

Of records that leave a line open some detail is asked, and a reader where the reference engine asks one.
"""

import pytest

from matcher.engine import evaluate_trial
from matcher.engine.bulk import Asked, Columns, Program, Shelf
from matcher.engine.bulk.batch import days
from matcher.engine.bulk.missing import lacking
from tests.made_documents import made_trial
from tests.synthetic import DRUGS_COMPLETE, TODAY, drug, lms, patient


def both(document, patients):
    """For each patient what the bulk engine says is lacking and what the reference engine says."""
    program = Program.of([Asked(document, 1)])
    shelf = Shelf(Columns.of(patients), days(TODAY, len(patients)))
    found = lacking(shelf.trial(program.trials[0][0], 1))
    bulk = dict(zip(found.patient.tolist(), (found.wanted[number] for number in found.pattern), strict=True))
    results = [evaluate_trial(document, who, as_of=TODAY, version=1, each_clears=False) for who in patients]
    assert sorted(bulk) == [i for i, each in enumerate(results) if each.status.value != "not_eligible"]
    return [(bulk[number], results[number].best) for number in sorted(bulk)]


def word_for_word(rule, *patients, **head):
    document = rule if not isinstance(rule, str) else made_trial(rule, **head)
    found = both(document, list(patients))
    for bulk, reference in found:
        assert (bulk.needs, bulk.missing, bulk.to_read) == (reference.needs, reference.missing, reference.to_read)
        assert [each.text for each in bulk.missing] == [each.text for each in reference.missing]
    return [bulk for bulk, _ in found]


def asks_something(rule, *patients, **head):
    """Who is asked what; the same of them facts, a reader or both."""
    found = both(made_trial(rule, **head), list(patients))
    for bulk, reference in found:
        assert bulk.needs == reference.needs
        assert bool(bulk.missing) == (bulk.needs in ("facts", "both")) and len(bulk.to_read) == len(reference.to_read)
    return [bulk for bulk, _ in found]


NO_CANCER = patient(birth_date="1961-04-03")
SOMEBODY = lms()

UNRECORDED = (
    "ecog <= 2",
    "anc >= 1.5 10*9/L within 14 days",
    "platelets between 1 and 100 10*9/L any time",
    "creatinine <= 1.5 x ULN",
    "ast <= 2.5 x ULN or (has condition(liver metastasis) and ast <= 5 x ULN)",
    "hbv_dna is recorded",
    "age >= 18",
    "sex is female",
    "has treatment(doxorubicin) within 6 months",
    "no medication(prednisone)",
    "no drug(chemotherapy) within 2 half-lives",
    "has biomarker(NTRK1, alteration: fusion)",
    "no condition(hypertension)",
    "history of condition(infection) within 6 months",
    "has toxicity(any, grade: >= 2)",
    "no allergy(trabectedin)",
    "has family_history(breast cancer)",
    "has disease_status(progression) within 6 months",
    "has diagnosis(breast cancer)",
    "count line(systemic) >= 2",
    "count treatment(doxorubicin) between 1 and 2",
    "count site(metastasis) >= 3",
    "has line(systemic)",
    "no line(pazopanib)",
    "cumulative_dose(doxorubicin) <= 450 mg/m2",
    "duration of treatment(pazopanib) >= 3 months",
    "time since last treatment(chemotherapy) >= 28 days",
    "time from first treatment(doxorubicin) to first treatment(pazopanib) >= 3 months",
    "ecog <= 2 after start of last treatment(doxorubicin)",
    "has disease_status(progression) within 6 months after end of last treatment(doxorubicin)",
    "ast / alt >= 2",
    "has line(pazopanib) after start of first disease_status(progression)",
    "count line(pazopanib) >= 1 within 30 days after start of last disease_status(progression)",
    "at least 2 of (ecog <= 2; anc >= 1 10*9/L; sex is female)",
    "if has condition(hypertension) then ecog <= 1 else ecog <= 2",
    "no condition(any) except when ecog <= 1",
    'ask "is it so?"',
    'ecog <= 2 or ask "is it so?"',
    'ecog <= 2 and ask "is it so?"',
)


@pytest.mark.parametrize("rule", UNRECORDED)
@pytest.mark.parametrize("polarity", ["inclusion", "exclusion"])
def test_who_has_no_record_of_what_is_asked(rule, polarity):
    line = {"rule": rule, "polarity": polarity}
    found = word_for_word(made_trial(line), NO_CANCER, SOMEBODY, patient(), lms(conditions=[]))
    assert any(each.needs for each in found) or "age" in rule or "sex" in rule


def test_lines_of_a_trial_are_asked_together():
    found = word_for_word(
        made_trial("ecog <= 2", "ecog <= 1 or anc >= 1 10*9/L", 'ask "is it so?"', {"not_structured": "why", "text": "line"}),
        SOMEBODY, NO_CANCER,
    )  # fmt: skip
    assert found[0].needs == "both" and [line for line, _ in found[0].to_read] == ["C3", "C4"]


def test_two_lines_of_one_rule_and_two_patients_of_one_pattern():
    document = made_trial("ecog <= 2", "not ecog <= 2", definitions=["define fit as ecog <= 2"])
    found = word_for_word(document, SOMEBODY, lms(), lms(sex="male"))
    assert found[0] is found[1] is found[2]


def test_a_doubt_whether_the_patient_lives_is_asked_first():
    doubted = lms(deceased="no", death_date="2026-01-12")
    found = word_for_word("ecog <= 2", doubted, SOMEBODY)
    assert next(each.text for each in found[0].missing) == "vital status: alive or dead?"
    assert word_for_word("age >= 18", doubted)[0].needs == "facts"
    assert word_for_word('ask "is it so?"', doubted)[0].needs == "both"


def test_not_now_is_asked_too_and_never_is_not():
    low = [{"test": "anc", "value": "0.4", "unit": "10*9/L", "date": "2026-01-10"}]
    document = made_trial("ecog <= 2", "anc >= 1 10*9/L", "age >= 18")
    found = both(document, [lms(observations=low), lms(birth_date="2020-01-01")])
    assert len(found) == 2 and found[0][1].status.value == "not_now"
    assert [[entry.text for entry in bulk.missing] for bulk, _ in found] == [
        [entry.text for entry in best.missing] for _, best in found
    ]
    young = made_trial("age <= 18", "ecog <= 2")
    assert both(young, [SOMEBODY]) == []


def test_nobody_asked():
    assert both(made_trial("ecog <= 2"), []) == []


# --- what is there is not asked for --------------------------------------------------------------------------------


TREATED = lms(treatments=[drug("doxorubicin", "2025-11-01", "2025-12-01")], coverage=[DRUGS_COMPLETE])


@pytest.mark.parametrize(
    "rule",
    [
        "ecog <= 2 after start of last treatment(doxorubicin)",
        "ecog <= 2 within 30 days after end of last treatment(doxorubicin)",
        "anc >= 1 10*9/L during first treatment(doxorubicin)",
        "has disease_status(progression) within 6 months after end of last treatment(doxorubicin)",
        "time from first treatment(doxorubicin) to first disease_status(progression) >= 3 months",
        "has medication(prednisone) after start of first treatment(doxorubicin)",
        "count medication(prednisone) >= 2 before start of first treatment(doxorubicin)",
        "lowest ecog(since: first treatment(doxorubicin)) <= 2",
    ],
)
def test_an_event_that_is_there_is_not_asked_for(rule):
    (found,) = word_for_word(rule, TREATED)
    assert found.needs == "facts"


def test_a_value_that_is_there_is_not_asked_for():
    known = lms(observations=[{"test": "ast", "value": "40", "unit": "U/L", "date": "2026-01-10"}])
    found = word_for_word("ast / alt >= 2", known, SOMEBODY)
    assert ["aspartate" in entry.text for each in found for entry in each.missing] == [False, False, True]


COMPLETE = [
    DRUGS_COMPLETE, {"domain": "treatments", "scope": "all", "complete_through": "2026-01-15"},
    {"domain": "disease_status", "complete_through": "2026-01-15"},
]  # fmt: skip


@pytest.mark.parametrize(
    "rule",
    [
        "ecog <= 2 after start of last treatment(pazopanib)",
        "time since last treatment(pazopanib) >= 28 days",
        "has medication(prednisone) within 28 days after end of last treatment(pazopanib)",
        "duration of treatment(pazopanib) >= 3 months",
    ],
)
def test_a_case_that_the_protocol_does_not_foresee_is_a_readers(rule):
    (found,) = word_for_word(rule, lms(coverage=COMPLETE))
    assert found.needs == "reader" and not found.missing and "does not say" in found.to_read[0][1]


# --- records that leave it open ------------------------------------------------------------------------------------


OPEN = {
    "a drug of no list": ("has treatment(doxorubicin)", {"treatments": [drug("words of no list", "2025-11-01", "2025-12-01")]}),
    "a treatment without dates": ("no treatment(doxorubicin) within 28 days", {"treatments": [drug("doxorubicin")]}),
    "a dose nobody recorded": (
        "cumulative_dose(doxorubicin) <= 450 mg/m2", {"treatments": [drug("doxorubicin", "2025-11-01", "2025-12-01")]}
    ),
    "a duration nobody knows": ("duration of treatment(doxorubicin) >= 3 months", {"treatments": [drug("doxorubicin", "2025")]}),
    "a day nobody knows": ("time since last treatment(doxorubicin) >= 28 days", {"treatments": [drug("doxorubicin", "2025", "2025-12")]}),
    "perhaps the event": (
        "ecog <= 2 after start of last treatment(doxorubicin)", {"treatments": [drug("words of no list", "2025-11-01")]}
    ),
    "a dose without a unit": (
        "has treatment(doxorubicin, dose: >= 20 mg)", {"treatments": [drug("doxorubicin", "2025-11-01", "2025-12-01", dose="30")]}
    ),
    "an event of no list": ("has disease_status(progression)", {"disease_status": [{"status": "words of no list", "date": "2025-11-01"}]}),
    "a value that is no number": ("ecog <= 2", {"observations": [{"test": "ecog", "value": "words", "date": "2026-01-10"}]}),
    "no limit of normal": (
        "ast <= 2.5 x ULN", {"observations": [{"test": "ast", "value": "90", "unit": "U/L", "date": "2026-01-10"}]}
    ),
    "a line that may be one": (
        "count line(systemic) = 1", {"treatments": [drug("doxorubicin", "2025-03-01", "2025-04-01"), drug("pazopanib", "2025")]}
    ),
    "a line of one": ("has line(pazopanib)", {"treatments": [drug("doxorubicin", "2025-03-01", "2025-04-01"), drug("pazopanib", "2025")]}),
    "metastases without a site": (
        "count site(metastasis) >= 2", {"conditions": [{"condition": "metastasis", "kind": "metastasis", "date": "2025-11-01"}]}
    ),
    "a failure for a reader": (
        "has treatment(doxorubicin, outcome: failure)",
        {
            "treatments": [drug("doxorubicin", "2025-01-01", "2025-02-01", setting="adjuvant")],
            "disease_status": [{"status": "progression", "date": "2025-11-01"}],
        },
    ),
    "a failure for a reader, the response not recorded": (
        "has treatment(doxorubicin, outcome: failure, response: stable disease)",
        {
            "treatments": [drug("doxorubicin", "2025-01-01", "2025-02-01")],
            "disease_status": [{"status": "progression", "date": "2025-11-01"}],
        },
    ),
    "a cancer that may be one for a reader": (
        "time since last condition(soft tissue sarcoma) >= 6 days",
        {"conditions": [{"condition": "leiomyosarcoma", "body_site": "bone"}]},
    ),
}  # fmt: skip


@pytest.mark.parametrize("complete", [True, False])
@pytest.mark.parametrize("case", OPEN)
def test_records_that_leave_it_open(case, complete):
    rule, rows = OPEN[case]
    (found,) = asks_something(rule, lms(**rows, coverage=COMPLETE if complete else []), cancer="malignancy")
    assert found.needs is not None


def test_what_only_a_reader_can_tell_is_asked_beside_the_facts():
    rule, rows = OPEN["a cancer that may be one for a reader"]
    (found,) = asks_something(rule, lms(**rows), cancer="malignancy")
    assert found.needs == "reader" and found.to_read == (("C1", rule),)
    rows = {"conditions": [{**rows["conditions"][0], "kind": "primary"}]}
    rule = "count diagnosis(soft tissue sarcoma, tumour_grade: high) >= 1"
    (found,) = asks_something(rule, lms(**rows), cancer="malignancy")
    assert found.needs == "both" and found.to_read == (("C1", rule),)
