"""Rules in plain English, as a coordinator reads them."""

import pytest

from patients.vocabulary import default
from trials.criteria.english import english, english_definition
from trials.criteria.parser import parse, parse_definition

# A rule, and what is read. Together they hold every construct and every kind of record.
READ = [
    (
        "age >= 18",
        "age is 18 years or more",
    ),
    (
        "age >= 18 years",
        "age is 18 years or more",
    ),
    (
        "age between 18 and 70",
        "age is 18 to 70 years",
    ),
    (
        "age is recorded",
        "age is recorded",
    ),
    (
        "ecog <= 2 within 60 days",
        "ECOG performance status is 2 or less, measured within 60 days",
    ),
    (
        "ecog < 2 any time",
        "ECOG performance status is less than 2, measured at any time",
    ),
    (
        "ecog > 2",
        "ECOG performance status is more than 2",
    ),
    (
        "ecog = 1",
        "ECOG performance status is 1",
    ),
    (
        "ecog != 1",
        "ECOG performance status is not 1",
    ),
    (
        "platelets between 100 10*9/L and 400 10*9/L",
        "platelet count is 100 10*9/L to 400 10*9/L",
    ),
    (
        "anc >= 1.5 10*9/L within 14 days before planned start",
        (
            "absolute neutrophil count is 1.5 10*9/L or more, measured within 14 days before the planned start "
            "of study treatment"
        ),
    ),
    (
        "bilirubin <= 1.5 x ULN",
        "total bilirubin is 1.5 times the upper limit of normal or less",
    ),
    (
        "albumin >= 1 x LLN",
        "serum albumin is the lower limit of normal or more",
    ),
    (
        "lipase <= 2 x amylase",
        "lipase is 2 times amylase or less",
    ),
    (
        "lipase <= 50 % of amylase",
        "lipase is 50 % of amylase or less",
    ),
    (
        "lipase / amylase < 2",
        "lipase divided by amylase is less than 2",
    ),
    (
        "pregnancy_test is negative within 7 days",
        "pregnancy test is negative, measured within 7 days",
    ),
    (
        "hbsag is not positive",
        "hepatitis B surface antigen is not positive",
    ),
    (
        "sex is any of (female, male)",
        "sex is female or male",
    ),
    (
        "lvef is recorded within 90 days",
        "left ventricular ejection fraction is recorded, measured within 90 days",
    ),
    (
        "mean of last 3 qtc < 470 ms",
        "mean of the last 3 values of corrected QT interval is less than 470 ms",
    ),
    (
        "lowest lvef(method: MUGA) >= 50 %",
        "lowest left ventricular ejection fraction (by MUGA) is 50 % or more",
    ),
    (
        "highest qtc(since: start of last treatment(doxorubicin)) < 470 ms",
        "highest corrected QT interval since the start of the last doxorubicin is less than 470 ms",
    ),
    (
        "cumulative_dose(anthracycline as doxorubicin) <= 450 mg/m2",
        "cumulative dose of anthracycline (counted as doxorubicin) is 450 mg/m2 or less",
    ),
    (
        "daily_dose(prednisone) <= 10 mg/day within 14 days",
        "daily dose of prednisone is 10 mg/day or less, in the last 14 days",
    ),
    (
        "dose(ifosfamide) >= 12 g/m2",
        "dose of ifosfamide is 12 g/m2 or more",
    ),
    (
        "at least 28 days since last treatment(chemotherapy)",
        "at least 28 days have passed since the end of the last chemotherapy",
    ),
    (
        "time since first disease_status(progression) <= 1 month",
        "at most 1 month has passed since the first progression",
    ),
    (
        "time from first treatment(any) to planned start > 6 months",
        "more than 6 months passed between the first treatment and the planned start of study treatment",
    ),
    (
        "time since today = 1 day",
        "exactly 1 day has passed since today",
    ),
    (
        "time since last medication(aspirin) between 1 week and 2 weeks",
        "1 week to 2 weeks have passed since the end of the last aspirin",
    ),
    (
        "time since last treatment(surgery) != 2 years",
        "a time other than 2 years have passed since the end of the last surgery",
    ),
    (
        "time since last treatment(surgery) >= 2 years within 3 years",
        "time from the end of the last surgery to today is 2 years or more, in the last 3 years",
    ),
    (
        "duration of treatment(imatinib) >= 6 months",
        "duration of imatinib is 6 months or more",
    ),
    (
        "has diagnosis(leiomyosarcoma, extent: metastatic)",
        "has a diagnosis of leiomyosarcoma that is metastatic",
    ),
    (
        "has diagnosis(any)",
        "has a diagnosis of any cancer",
    ),
    (
        "no diagnosis(malignancy, other than: this cancer) within 3 years",
        "no diagnosis of malignancy other than this cancer in the last 3 years",
    ),
    (
        "has treatment(doxorubicin, outcome: failure)",
        "has had doxorubicin that failed",
    ),
    (
        "has treatment(doxorubicin, outcome: failure or intolerant)",
        "has had doxorubicin whose outcome is failure or intolerant",
    ),
    (
        "has treatment(gemcitabine and docetaxel)",
        "has had gemcitabine and docetaxel together",
    ),
    (
        "has treatment(doxorubicin or gemcitabine and docetaxel or pazopanib)",
        "has had doxorubicin, gemcitabine and docetaxel together or pazopanib",
    ),
    (
        "history of treatment(transplant)",
        "has ever had transplant",
    ),
    (
        "has treatment(radiotherapy, ongoing: yes)",
        "is receiving radiotherapy",
    ),
    (
        "no treatment(any)",
        "no treatment",
    ),
    (
        "has treatment(surgery, status: planned)",
        "has surgery that is planned",
    ),
    (
        "no treatment(chemotherapy) within lesser of (28 days, 5 half-lives)",
        "no chemotherapy in the last 28 days or 5 half-lives, whichever is shorter",
    ),
    (
        "no treatment(chemotherapy) within greater of (1 week, 1 half-life)",
        "no chemotherapy in the last 1 week or 1 half-life, whichever is longer",
    ),
    (
        "has medication(warfarin)",
        "has taken warfarin",
    ),
    (
        "no medication(corticosteroid, route: not inhaled or topical, ongoing: yes)",
        "is not taking corticosteroid by the route neither inhaled nor topical",
    ),
    (
        "history of medication(aspirin, ongoing: no)",
        "has ever taken aspirin that is not ongoing",
    ),
    (
        "history of medication(aspirin, ongoing: yes)",
        "has ever taken aspirin that is ongoing",
    ),
    (
        "no drug(strong CYP3A inhibitor, ongoing: yes)",
        "is not receiving strong CYP3A inhibitor",
    ),
    (
        "has condition(CNS metastasis, state: treated and stable for 4 weeks)",
        "has CNS metastasis that is treated and stable for 4 weeks",
    ),
    (
        "history of condition(stroke) before today",
        "has or has had stroke before today",
    ),
    (
        "has condition(any, state: treated and not (active or symptomatic))",
        "has any condition that is treated and neither active nor symptomatic",
    ),
    (
        "has condition(any, state: not active or symptomatic)",
        "has any condition that is neither active nor symptomatic",
    ),
    (
        "has condition(any, state: not treated and stable)",
        "has any condition that is not (treated and stable)",
    ),
    (
        "no toxicity(any, other than: alopecia, grade: > 1 and > baseline)",
        "no toxicity other than alopecia of grade more than 1 and more than at baseline",
    ),
    (
        "has toxicity(neuropathy, grade: <= baseline)",
        "has neuropathy as a toxicity of grade that at baseline or less",
    ),
    (
        "has toxicity(any, due_to: treatment(trabectedin))",
        "has any toxicity caused by trabectedin",
    ),
    (
        "has toxicity(neuropathy, due_to: taxane)",
        "has neuropathy as a toxicity caused by taxane",
    ),
    (
        "no allergy(platinum agent, grade: >= 3)",
        "no allergy to platinum agent of grade 3 or more",
    ),
    (
        "has family_history(breast cancer)",
        "has a family history of breast cancer",
    ),
    (
        "has biomarker(NTRK1 or NTRK2 or NTRK3, fusion)",
        "has NTRK1, NTRK2 or NTRK3 fusion",
    ),
    (
        "has biomarker(CD274, expression, scale: CPS, value: >= 10)",
        "has CD274 expression on the scale CPS with a value of 10 or more",
    ),
    (
        "has biomarker(BRCA1, zygosity: homozygous)",
        "has BRCA1 whose zygosity is homozygous",
    ),
    (
        "has disease_status(progression or relapse) during last treatment(pazopanib)",
        "has had progression or relapse during the last pazopanib",
    ),
    (
        "has line(systemic, ended: no)",
        "has had a line of systemic therapy that has not ended",
    ),
    (
        "has treatment(any, on_trial: yes) after first diagnosis(sarcoma)",
        "has had any treatment given in a clinical trial after the first diagnosis of sarcoma",
    ),
    (
        "has treatment(standard_chemotherapy)",
        "has had standard chemotherapy",
    ),
    (
        "count line(systemic, setting: advanced) = 1",
        "exactly 1 line of systemic therapy in the advanced setting",
    ),
    (
        "count line(systemic, setting: advanced) = 0",
        "no line of systemic therapy in the advanced setting",
    ),
    (
        "count line(systemic, setting: advanced) between 1 and 3",
        "1 to 3 lines of systemic therapy in the advanced setting",
    ),
    (
        "count line(any) >= 2",
        "at least 2 lines of therapy",
    ),
    (
        "count line(pazopanib) <= 1",
        "at most 1 line of pazopanib",
    ),
    (
        "count line(any) != 1",
        "a number other than 1 of lines of therapy",
    ),
    (
        "count line(any) != 0",
        "at least 1 line of therapy",
    ),
    (
        "count site(metastasis) >= 2",
        "at least 2 sites of metastasis",
    ),
    (
        "count treatment(any, site: bone) >= 1 within 1 year",
        "at least 1 course of any treatment at the site bone in the last 1 year",
    ),
    (
        "ecog <= 1 and age >= 18 and fit",
        "ECOG performance status is 1 or less and age is 18 years or more and “fit” holds",
    ),
    (
        "ecog <= 1 or (age >= 18 and fit)",
        "ECOG performance status is 1 or less or (age is 18 years or more and “fit” holds)",
    ),
    (
        "not fit_organs",
        "it is not the case that “fit organs” holds",
    ),
    (
        "if sex is female then hcg < 5 [IU]/L else age >= 18",
        "if sex is female, then choriogonadotropin is less than 5 [IU]/L, otherwise age is 18 years or more",
    ),
    (
        "if fit then ecog <= 2",
        "if “fit” holds, then ECOG performance status is 2 or less",
    ),
    (
        "has condition(ascites) except when fit",
        "has ascites, except when “fit” holds",
    ),
    (
        "at least 2 of (ecog >= 2; age >= 70; fit)",
        ("at least 2 of these: (1) ECOG performance status is 2 or more; (2) age is 70 years or more; (3) “fit” holds"),
    ),
    (
        'ask "is it resectable?"',
        "a reader answers yes to “is it resectable?”",
    ),
]


@pytest.mark.parametrize(("rule", "said"), READ)
def test_a_rule_reads(rule: str, said: str) -> None:
    assert english(parse(rule), default()) == said


@pytest.mark.parametrize(
    ("definition", "said"),
    [
        (
            "define failure of doxorubicin as has disease_status(progression) after start of this treatment",
            "failure of doxorubicin means: has had progression after the start of this treatment",
        ),
        (
            "define refractory to platinum agent as has disease_status(relapse) within 6 months after this treatment",
            "being refractory to platinum agent means: has had relapse in the 6 months after this treatment",
        ),
        (
            "define intolerant of imatinib as has treatment(this treatment, stop_reason: toxicity)",
            "being intolerant of imatinib means: has had this treatment stopped for toxicity",
        ),
        (
            "define set standard_chemotherapy as anthracycline or gemcitabine",
            "“standard chemotherapy” stands for anthracycline or gemcitabine",
        ),
        ("define fit as ecog <= 1", "“fit” means: ECOG is 1 or less"),
    ],
)
def test_a_definition_reads(definition: str, said: str) -> None:
    assert english_definition(parse_definition(definition)) == said


def test_without_a_vocabulary_a_test_stands_under_its_own_name() -> None:
    assert english(parse("creatinine_clearance >= 60 mL/min")) == "creatinine clearance is 60 mL/min or more"
    assert english(parse("unheard_of >= 60"), default()) == "unheard of is 60 or more"
