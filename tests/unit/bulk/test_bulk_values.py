"""Values, ages and limits of normal by the thousand: the same answers as one patient at a time, and no later a flip."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from matcher.engine.bulk.rules import evaluate
from matcher.engine.reference.context import UnknownWord
from patients.facts import PartialDate, Patient, ReferenceRange
from tests.batches import answers_differ, batch_of, inside
from tests.synthetic import TODAY, drug, lms
from tests.unit import test_derived_values as computed
from tests.unit import test_observed_values as observed
from trials.criteria import tree as t
from trials.criteria.parser import parse

LATER = TODAY + timedelta(days=40)


def obs(test, value, day="2026-01-10", **cells):
    return {"test": test, "value": value, "date": day, **cells}


def once(rows):
    """Each list of rows once."""
    return [each for index, each in enumerate(rows) if each not in rows[:index]]


def with_(person, **fields):
    """A person whose every observation has the same cell."""
    return replace(person, observations=tuple(replace(item, **fields) for item in person.observations))


def limited(cells, ranges, person):
    cells = dict(cells)
    laboratory = cells.pop("laboratory", None)
    who = replace(lms(observations=[observed.bilirubin("1.6", **cells)], **person), ranges=ranges)
    return with_(who, laboratory=laboratory)


TREATED = {
    "treatments": [drug("doxorubicin", "2025-10-01", "2026-01-02")],
    "coverage": [{"domain": "treatments", "scope": "class:anthracycline", "complete_through": "2026-01-15"}],
}
ANC = [observed.anc("1.2", "2026-01-03"), observed.anc("2.4", "2026-01-05"), observed.anc("1.8", "2026-01-08")]
CREATININE, WEIGHT = computed.CREATININE, computed.WEIGHT
HEIGHT = obs("height", "170", "2015-01-10", unit="cm")
BODY = [CREATININE, WEIGHT, HEIGHT]
RANGES = (
    replace(observed.WIDE, low=None),
    ReferenceRange("ast", high=40.0, age_from=18),
    ReferenceRange("ast", high=40.0, age_to=90, laboratory="North"),
    ReferenceRange("creatinine_clearance", high=60.0, laboratory="North"),
)
HEPATIC = [obs("bilirubin", "2.4", unit="mg/dL"), obs("ast", "50", unit="U/L")]

#: Everybody of the tables of the reference engine, and who they lack.
COHORT = [
    *(lms(observations=rows, **TREATED) for rows in once([rows for rows, _, _ in observed.VALUES.values()])),
    *(limited(cells, ranges, person) for cells, ranges, person, _ in observed.LIMITS.values()),
    *(lms(observations=rows) for rows in once([rows for rows, _, _ in observed.STATUS.values()])),
    *(lms(observations=rows) for rows in once([rows for rows, _, _ in computed.CASES.values()])),
    # several values
    lms(observations=ANC),
    lms(observations=[*ANC, observed.anc("0.9", "2026-01"), observed.anc("3.1", "2026-01-09")]),
    lms(observations=[*ANC, observed.anc("<1.2", "2026-01-09"), observed.anc(">2.4", "2026-01-09")]),
    lms(observations=[*ANC, observed.anc(">1.2", "2026-01-09"), observed.anc("<2.4", "2026-01-09")]),
    lms(observations=[observed.anc("1.2", "2025-12"), observed.anc("<0.5", ""), *ANC]),
    lms(observations=[observed.anc("1.2", "2026-01"), observed.anc("2.2", "2025-12-30")]),
    lms(observations=[observed.anc("1.2", "2026-01-15"), observed.anc("2", "2025"), observed.anc("1", "2024")]),
    lms(observations=[obs("ecog", "3", "2025-11"), obs("ecog", "1", "2025-11-17"), obs("karnofsky", "50", "2025-11")]),
    lms(observations=[obs("ecog", "1"), obs("ecog", "0", "2026-01-02"), obs("karnofsky", ">=80", "2026-01-02")]),
    lms(observations=[obs("karnofsky", "90"), obs("karnofsky", "60"), obs("ecog", "2", "2025-11")]),
    # computed from several measurements, and from what is not sure
    lms(observations=BODY),
    lms(observations=[*BODY, obs("weight", "80", "2025-12-20", unit="kg"), obs("weight", "60", "2026-01-31", unit="kg")]),
    lms(observations=[*BODY, obs("weight", "60", "2025-12-30", unit="kg"), obs("height", "165", "2016", unit="cm")]),
    lms(observations=[CREATININE, {**WEIGHT, "date": "2026-01-03"}, {**WEIGHT, "value": "90", "date": "2026-01-17"}]),
    lms(observations=[CREATININE, {**WEIGHT, "date": "2025-12-11"}, {**HEIGHT, "date": "2026-01-10"}, HEIGHT]),
    lms(observations=[WEIGHT, {**HEIGHT, "date": "2025-12-20"}, {**HEIGHT, "date": "2025-12-20", "value": "150"}]),
    lms(observations=BODY, sex="male", birth_date="1961"),
    lms(observations=[*BODY, {**CREATININE, "value": "1.4"}], birth_date="2008-03"),
    lms(observations=BODY, sex="", birth_date=""),
    with_(lms(observations=BODY, birth_date="2012-05-01"), method="Cockcroft-Gault"),
    lms(observations=[obs("wbc", "4.2", unit="10*9/L"), obs("neutrophil_percent", "48", unit="%")]),
    lms(
        observations=[
            obs("wbc", "4.2", unit="10*9/L"), obs("neutrophil_percent", "48", unit="%"),
            obs("neutrophil_percent", "30", unit="%"), obs("band_percent", "3", unit="%"),
            obs("band_percent", "5", unit="%"), obs("wbc", "2", "2026-01-02", unit="10*9/L"),
            obs("neutrophil_percent", "40", "2026-01-02", unit="%"), obs("anc", "9", "2025-01-02", unit="10*9/L"),
        ]
    ),
    lms(observations=[obs("qt", "400", unit="ms"), obs("heart_rate", "60", unit="/min"), obs("qtcf", ">480", unit="ms")]),
    *(replace(with_(lms(observations=HEPATIC), laboratory=where), ranges=RANGES) for where in (None, "north", "South")),
    replace(lms(observations=[*HEPATIC, *BODY], birth_date=""), ranges=RANGES),
    lms(observations=[{**row, "ref_high": high} for row, high in zip(HEPATIC, ("0", "40"), strict=True)]),
    *(
        lms(observations=[{**HEPATIC[0], "value": low, "ref_high": "1"}, {**HEPATIC[1], "value": high, "ref_high": "40"}])
        for low, high in (("1", "40"), ("1", "41"), ("1.2", "40"), ("1.6", "40"), ("3.1", "40"))
    ),
    lms(observations=[obs("life_expectancy", "4", unit="mo"), obs("life_expectancy", "2", unit="mo")]),
    # codes
    lms(observations=[obs("pregnancy_test", "positive", "2026-01-02"), obs("pregnancy_test", "5", "2026-01-04")]),
    replace(
        lms(observations=[obs("pregnancy_test", "negative")]),
        observations=(replace(lms(observations=[obs("pregnancy_test", "negative")]).observations[0], code="odd"),),
    ),
    # people
    replace(lms(observations=ANC), sexes=()),
    replace(lms(observations=ANC), sexes=("female", "male")),
    replace(lms(), births=()),
    replace(lms(), births=(PartialDate.parse("1961"), PartialDate.parse("1950-02-28"), PartialDate.parse("2008-01-15"))),
    *(lms(birth_date=day) for day in ("2008-01-14", "2008-01-15", "2008-01-16", "1951-01", "2008-02-29", "1985-07-31")),
]  # fmt: skip

VALUES = sorted({rule for _, rule, _ in observed.VALUES.values()} | {rule for _, rule, _ in observed.STATUS.values()})
COMPUTED = sorted({rule for _, rule, _ in computed.CASES.values()})
MORE = (
    "anc < 1.5 10*9/L",
    "anc = 2 10*9/L",
    "anc != 2 10*9/L",
    "first anc > 1.3 10*9/L any time",
    "lowest anc >= 1.2 10*9/L within 30 days",
    "lowest anc > 1.2 10*9/L within 30 days",
    "highest anc <= 2.4 10*9/L within 30 days",
    "highest anc < 2.4 10*9/L within 30 days",
    "highest anc <= 2.4 10*9/L within 1 months",
    "mean of last 2 anc >= 2.1 10*9/L",
    "mean of last 3 anc >= 1.8 10*9/L within 20 days",
    "mean of last 3 anc >= 1.8 10*9/L any time",
    "mean of last 2 ecog <= 1",
    "anc >= 1.5 10*9/L within lesser of (14 days, 5 half-lives)",
    "anc >= 1.5 10*9/L within 10 days after first treatment(doxorubicin)",
    "anc(since: last treatment(doxorubicin)) >= 1.5 10*9/L within 7 days",
    "anc(since: last treatment(surgery)) >= 1.5 10*9/L",
    "anc(since: last diagnosis(breast cancer)) >= 1.5 10*9/L",
    "anc >= 1.5 10*9/L within 7 days before this treatment",
    "lowest ecog <= 1",
    "first karnofsky >= 60 any time",
    "ecog(method: by phone) <= 1",
    "bilirubin <= 1.5 x ULN",
    "bilirubin >= 1 x LLN",
    "highest bilirubin <= 2 x ULN any time",
    "ast <= 2.5 x ULN",
    "ast <= 2.5 x ULN or alt <= 2.5 x ULN",
    "creatinine_clearance >= 1 x ULN",
    "creatinine_clearance >= 62 mL/min",
    "creatinine_clearance(method: Cockcroft-Gault) >= 40 mL/min",
    "mean of last 2 creatinine_clearance >= 60 mL/min any time",
    "lowest creatinine_clearance >= 62 mL/min",
    "egfr >= 55 mL/min/1.73m2",
    "bsa <= 1.82 m2",
    "bmi < 25 kg/m2",
    "anc >= 2.1 10*9/L any time",
    "qtc <= 470 ms",
    "highest qtc < 480 ms",
    "hepatic_nci_odwg is any of (normal, mild)",
    "hepatic_nci_odwg is not severe",
    "hepatic_nci_odwg >= 1",
    "pregnancy_test is negative any time",
    "first pregnancy_test is negative within 30 days",
    "lowest pregnancy_test is negative",
    "creatinine <= 1.5 x ULN or creatinine_clearance >= 60 mL/min",
    "ast <= 2 x alt",
    "ast >= 50 % of alt",
    "ast <= 2 x ast / alt",
    "ast / alt > 0.5",
    "2 x ast / alt > 1",
    "bilirubin / creatinine_clearance < 1",
    "ecog <= nyha_class",
    "ecog <= 2 x ecog",
    "life_expectancy >= 3 months",
    "ast / alt between 0.5 and 3",
    "weight between 50 kg and 90 kg within 30 days",
    "sex is recorded",
    "sex is male",
    "sex is not male",
    "sex is any of (male, female)",
    "sex >= 2",
    "age is recorded",
    "age >= 18",
    "age > 64 years",
    "age <= 64 years",
    "age < 18 years",
    "age = 64 years",
    "age != 18",
    "age >= 216 months",
    "age > 219 months",
    "age >= 17.9 years",
    "age = 485 months",
    "age between 18 and 75",
    "cumulative_dose(doxorubicin) <= 450 mg/m2",
    "cumulative_dose(doxorubicin) > 450 mg/m2",
    "cumulative_dose(doxorubicin) <= 450 mg/m2 before last treatment(pazopanib)",
    "cumulative_dose(doxorubicin) <= 450 mg/m2 before last treatment(doxorubicin)",
    "cumulative_dose(anthracycline) / dose(anthracycline) < 10",
    "cumulative_dose(pazopanib) = 0 mg",
    "daily_dose(prednisone) <= 10 mg",
    "anc >= cumulative_dose(pazopanib)",
    "anc <= 2 x cumulative_dose(doxorubicin)",
    "time since first diagnosis(this cancer) >= 6 months",
    "duration of treatment(doxorubicin) >= 30 days",
)
RULES = sorted({*VALUES, *COMPUTED, *MORE})


@pytest.fixture(scope="module", params=["as known", "later", "of several cancers"])
def cohort(request):
    """Everybody on a day; on a later day with the knowledge of this; and as several items of one patient."""
    if request.param == "later":
        return batch_of(COHORT, as_of=LATER, known=TODAY, cancer="leiomyosarcoma")
    if request.param == "as known":
        return batch_of(COHORT, cancer="leiomyosarcoma")
    second = lms(
        conditions=[
            {"condition": "leiomyosarcoma", "kind": "primary", "body_site": site, "date": "2023-02-01"}
            for site in ("uterus", "stomach")
        ]
    ).conditions
    return batch_of([replace(each, conditions=second) for each in COHORT[::3]], cancer="leiomyosarcoma")


@pytest.mark.parametrize("rule", RULES)
def test_answers_are_those_of_the_reference(cohort, rule):
    batch, contexts = cohort
    assert answers_differ(batch, contexts, parse(rule)) == []


@pytest.mark.parametrize("rule", ["anc >= 1.5 10*9/L within 7 days after this treatment", "anc >= 1.5 10*9/L"])
def test_inside_a_definition_of_failure(rule):
    batch, contexts = inside(*batch_of(COHORT, cancer="leiomyosarcoma"))
    assert answers_differ(batch, contexts, parse(rule)) == []


@pytest.mark.parametrize(
    "windows",
    [
        {"hematology": t.Span(14, t.TimeUnit.DAY)},
        {"hematology": t.Span(14, t.TimeUnit.DAY), "anc": t.Span(7, t.TimeUnit.DAY)},
        {"ecog": t.Span(7, t.TimeUnit.DAY)},
    ],
)
def test_documents_set_windows_of_their_own(windows):
    batch, contexts = batch_of(COHORT)
    # What one document has asked of the same patients is no answer to another.
    evaluate(batch, parse(observed.ANC))
    own = replace(batch, words=replace(batch.words, windows=windows), cache={})
    for context in contexts:
        context.windows = windows
    for rule in (observed.ANC, "ecog <= 1", "height >= 150 cm"):
        assert answers_differ(own, contexts, parse(rule)) == []


def test_what_patients_say_is_answered_once_for_all_documents():
    batch, _ = batch_of(COHORT, cancer="leiomyosarcoma")
    other = replace(batch, cache={})
    rule = parse(observed.ANC)
    assert evaluate(batch, rule).code is evaluate(other, rule).code


@pytest.mark.parametrize("patients", [[], [lms()], [Patient()]])
def test_where_nothing_is_recorded(patients):
    batch, contexts = batch_of(patients)
    for rule in RULES:
        assert answers_differ(batch, contexts, parse(rule)) == []


def test_where_every_value_has_a_limit_of_normal():
    batch, contexts = batch_of([lms(observations=[observed.bilirubin(value, ref_high="1")]) for value in ("1", "2")])
    assert answers_differ(batch, contexts, parse(observed.ULN)) == []


def test_births_of_one_day_each():
    """Without partial dates there is one possible birth to each."""
    batch, contexts = batch_of([lms(birth_date="2008-02-29"), lms(birth_date="1990-01-15")])
    for day in (TODAY, date(2026, 2, 28), date(2026, 3, 1)):
        batch, contexts = batch_of([lms(birth_date="2008-02-29"), lms(birth_date="1990-01-15")], as_of=day)
        for rule in ("age >= 18 years", "age < 36 years", "age >= 217 months"):
            assert answers_differ(batch, contexts, parse(rule)) == []


def test_ages_at_the_end_of_the_calendar():
    batch, contexts = batch_of([lms()])
    rule = t.Comparison(t.Age(), t.Operator.LT, t.Span(9000, t.TimeUnit.YEAR))
    found = evaluate(batch, rule)
    assert found.flips.tolist() == [date.max.toordinal()]
    assert answers_differ(batch, contexts, rule) == []


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("xyzzy >= 2", "no known test"),
        ("xyzzy is yes", "no known test"),
        ("sex is blue", "no sex"),
        ("pregnancy_test is blue", "no value of pregnancy_test"),
        ("anc >= 2 cm", "no unit of anc"),
        ("anc / wbc <= 3 days", "stands alone"),
        ("age >= 3 weeks", "years or months"),
    ],
)
def test_a_word_that_is_not_known_is_an_error_and_no_answer(rule, said):
    batch, _ = batch_of(COHORT)
    with pytest.raises(UnknownWord, match=said):
        evaluate(batch, parse(rule))


def test_every_answer_is_among_them():
    """The tables above reach every truth, reason and change that values have."""
    batch, _ = batch_of(COHORT, cancer="leiomyosarcoma")
    codes = np.unique(np.concatenate([evaluate(batch, parse(rule)).code for rule in RULES]))
    assert {0, 2, 3, 4, 5, 6, 7, 8, 10, 11, 13} <= set(codes.tolist())


def test_a_few_of_many_are_asked_about_later_days():
    batch, contexts = batch_of(COHORT, cancer="leiomyosarcoma")
    wanted = [batch.n - 2, batch.n - 1]
    few = batch.some(np.array(wanted), asked=batch.asked[wanted] + np.array([40, 400], np.int32))
    late = [
        replace(contexts[item], asked=int(day), cache={}) for item, day in zip(wanted, few.asked, strict=True)
    ]  # fmt: skip
    for rule in (
        observed.ANC,
        "age >= 18 years",
        "ecog <= 1",
        "has treatment(doxorubicin)",
        "egfr >= 60 mL/min/1.73m2",
    ):
        assert answers_differ(few, late, parse(rule)) == []
