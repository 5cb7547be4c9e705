"""Thirty ways in which a matcher of this kind has gone wrong; the number in a test's id is that of the list."""

from datetime import date

import pytest

from matcher.engine import ignored_after
from patients.intake.single import read_patient
from tests.library_shelf import LIBRARY, document, line, option, ranked, screened, statements, trial, truth_of
from tests.synthetic import DRUGS_COMPLETE, TODAY, asked, drug, lms, patient, truth
from trials.criteria.documents import TrialDocument
from trials.criteria.printing import print_rule

ALL_COMPLETE = [
    {"domain": domain, "scope": "all", "complete_through": "2026-01-10"}
    for domain in ("conditions", "treatments", "medications", "disease_status")
]


def obs(test, value, date="2026-01-10", **cells):
    return {"test": test, "value": value, "date": date, **cells}


def primary(name, site=None, **cells):
    return {"condition": name, "kind": "primary", "body_site": site, "date": "2023-02-01", **cells}


def case(number, name, expected, rule, **rows):
    return pytest.param(expected, rule, lms(**rows), id=f"{number:02}-{name}")


BONE_METASTASIS = {"condition": "bone metastasis", "kind": "metastasis", "date": "2025-11-20"}
LIVER_METASTASIS = {"condition": "liver metastasis", "kind": "metastasis", "date": "2025-11-20"}
NO_METASTASES = [{"domain": "conditions", "scope": "kind:metastasis", "complete_through": "2026-01-10"}]
LIVER_RULE = "ast <= 2.5 x ULN or (has condition(liver metastasis) and ast <= 5 x ULN)"


BOTH_ABOVE = "not (bilirubin > 1 x ULN and (alt > 1 x ULN or ast > 1 x ULN))"


def liver(**values):
    limits = {"bilirubin": ("mg/dL", "1.2"), "alt": ("U/L", "40"), "ast": ("U/L", "40")}
    return [obs(test, value, unit=limits[test][0], ref_high=limits[test][1]) for test, value in values.items()]


def two_counts(one, other):
    return [obs("anc", value, unit="10*9/L", record_id=value) for value in (one, other)]


def ast(multiple):
    return [obs("ast", str(40 * multiple), unit="U/L", ref_high="40")]


GEMCITABINE_DOCETAXEL = [
    drug("gemcitabine", "2024-01-10", "2024-05-20", setting="advanced"),
    drug("docetaxel", "2024-01-17", "2024-05-20", setting="advanced"),
]
ADVANCED_LINES = "count line(systemic, setting: advanced) = 1"
STOPPED_FOR_TOXICITY = [drug("doxorubicin", "2024-01-10", "2024-05-20", setting="advanced", stop_reason="toxicity")]
NTRK = "has biomarker(NTRK1 or NTRK2 or NTRK3, fusion)"


def marker(gene, result, alteration, **cells):
    return {"gene": gene, "result": result, "alteration": alteration, **cells}


CASES = [
    case(1, "uterine leiomyosarcoma by name", "met", "has diagnosis(leiomyosarcoma)",
         conditions=[primary("uterine leiomyosarcoma")]),
    case(1, "uterine leiomyosarcoma by site", "met", "has diagnosis(leiomyosarcoma)",
         conditions=[primary("leiomyosarcoma", "uterus")]),
    case(1, "uterine leiomyosarcoma by code", "met", "has diagnosis(leiomyosarcoma)",
         conditions=[primary("Uterusleiomyosarkom", code="8890/3", code_system="ICD-O-3")]),
    case(1, "uterine leiomyosarcoma by the code of a tree that puts it elsewhere", "met", "has diagnosis(leiomyosarcoma)",
         conditions=[primary("Uterine Leiomyosarcoma", code="ULMS", code_system="OncoTree")]),
    case(1, "but a smooth muscle tumour of uncertain potential is none", "not_met", "has diagnosis(leiomyosarcoma)",
         conditions=[primary("USTUMP", "uterus")]),
    case(2, "a bone metastasis by its code is no bone primary", "not_met", "has diagnosis(any, site: bone)",
         conditions=[primary("leiomyosarcoma", "uterus"),
                     {"condition": "", "code": "C79.51", "code_system": "ICD-10-CM", "date": "2025-11-20"}]),
    case(2, "a bone metastasis is no bone primary", "not_met", "has diagnosis(any, site: bone)",
         conditions=[primary("leiomyosarcoma", "uterus"), BONE_METASTASIS]),
    case(2, "a bone primary is no bone metastasis", "not_met", "has condition(bone metastasis)",
         conditions=[primary("leiomyosarcoma", "femur")], coverage=NO_METASTASES),
    case(2, "both", "met", "has diagnosis(leiomyosarcoma, site: bone) and has condition(bone metastasis)",
         conditions=[primary("leiomyosarcoma", "femur"), BONE_METASTASIS]),
    case(3, "what is not recorded is neither true nor false", "unknown: not recorded", "ecog <= 2"),
    case(3, "not for a condition either", "unknown: not recorded", "has condition(HIV infection)"),
    case(3, "nor its denial", "unknown: not recorded", "no condition(HIV infection)"),
    case(5, "an old value does not pass", "unknown: stale", "anc >= 1.5 10*9/L within 14 days",
         observations=[obs("anc", "3.0", "2025-12-31", unit="10*9/L")]),
    case(5, "and does not fail", "unknown: stale", "anc >= 1.5 10*9/L within 14 days",
         observations=[obs("anc", "0.3", "2025-12-31", unit="10*9/L")]),
    case(5, "one of the fourteenth day counts", "met", "anc >= 1.5 10*9/L within 14 days",
         observations=[obs("anc", "3.0", "2026-01-01", unit="10*9/L")]),
    case(6, "the limit is that of the row", "not_met", "ast <= 2.5 x ULN",
         observations=[obs("ast", "80", unit="U/L", ref_high="30")]),
    case(6, "another laboratory's limit is none", "unknown: not recorded", "ast <= 2.5 x ULN",
         observations=[obs("ast", "80", unit="U/L"), obs("ast", "20", "2026-01-02", unit="U/L", ref_high="40")]),
    case(7, "micromoles of creatinine", "met", "creatinine <= 1.5 mg/dL",
         observations=[obs("creatinine", "88.4", unit="µmol/L")]),
    case(7, "micromoles of bilirubin", "not_met", "bilirubin <= 1.5 mg/dL",
         observations=[obs("bilirubin", "34.2", unit="µmol/L")]),
    case(7, "a number without a unit is neither", "unknown: not recorded", "creatinine <= 1.5 mg/dL",
         observations=[obs("creatinine", "88.4")]),
    case(7, "a count per microlitre", "met", "anc >= 1.5 10*9/L", observations=[obs("anc", "1500", unit="/uL")]),
    case(8, "no liver metastasis, four times the limit", "not_met", LIVER_RULE, observations=ast(4),
         coverage=NO_METASTASES),
    case(8, "a liver metastasis, four times the limit", "met", LIVER_RULE, observations=ast(4),
         conditions=[primary("leiomyosarcoma", "uterus"), LIVER_METASTASIS]),
    case(8, "liver not known, four times the limit", "unknown: not recorded", LIVER_RULE, observations=ast(4)),
    case(8, "liver not known, twice the limit", "met", LIVER_RULE, observations=ast(2)),
    case(8, "liver not known, six times the limit", "not_met", LIVER_RULE, observations=ast(6)),
    case(9, "the clearance suffices, the creatinine is not known", "met",
         "creatinine <= 1.5 x ULN or creatinine_clearance >= 60 mL/min",
         observations=[obs("creatinine_clearance", "72", unit="mL/min")]),
    case(9, "the creatinine suffices, the clearance is not known", "met",
         "creatinine <= 1.5 x ULN or creatinine_clearance >= 60 mL/min",
         observations=[obs("creatinine", "0.9", unit="mg/dL", ref_high="1.1")]),
    case(10, "an eGFR is no clearance", "unknown: not recorded", "creatinine_clearance >= 60 mL/min",
         observations=[obs("egfr", "95", unit="mL/min/1.73m2")]),
    case(10, "nor the reverse", "unknown: not recorded", "egfr >= 60 mL/min/1.73m2",
         observations=[obs("creatinine_clearance", "95", unit="mL/min")]),
    case(11, "dexamethasone as premedication is no inducer", "not_met",
         "has medication(CYP3A inducer) within 14 days", coverage=ALL_COMPLETE,
         medications=[{"medication": "dexamethasone", "start_date": "2026-01-05", "end_date": "2026-01-05",
                       "indication": "premedication before trabectedin"}]),
    case(11, "given every day it is one", "met", "has medication(CYP3A inducer) within 14 days",
         medications=[{"medication": "dexamethasone", "start_date": "2026-01-05", "end_date": "2026-01-10",
                       "indication": "cerebral oedema"}]),
    case(11, "without an indication it is asked", "unknown: not recorded",
         "has medication(CYP3A inducer) within 14 days", coverage=ALL_COMPLETE,
         medications=[{"medication": "dexamethasone", "start_date": "2026-01-05", "end_date": "2026-01-10"}]),
    case(11, "as a corticosteroid it is what it is", "met", "has medication(systemic corticosteroid) within 14 days",
         medications=[{"medication": "dexamethasone", "start_date": "2026-01-05", "end_date": "2026-01-05",
                       "indication": "premedication"}]),
    case(12, "rifampicin is rifampin", "met", "has medication(strong CYP3A inducer) within 14 days",
         medications=[{"medication": "Rifampicin 600 mg", "start_date": "2026-01-05", "end_date": "2026-01-10"}]),
    case(12, "a brand", "met", "has treatment(pazopanib)", treatments=[drug("Votrient", "2024-01-10", "2024-05-20")]),
    case(12, "a salt", "met", "has treatment(doxorubicin)",
         treatments=[drug("doxorubicin hydrochloride", "2024-01-10", "2024-05-20")]),
    case(13, "two drugs of one regimen are one line", "met", ADVANCED_LINES, treatments=GEMCITABINE_DOCETAXEL,
         coverage=[DRUGS_COMPLETE]),
    case(14, "adjuvant doxorubicin is no line for advanced disease", "met",
         "count line(systemic, setting: advanced) = 0", coverage=[DRUGS_COMPLETE],
         treatments=[drug("doxorubicin", "2022-01-10", "2022-05-20", setting="adjuvant")]),
    case(15, "a stop for toxicity is no progression", "unknown: not recorded",
         "has treatment(doxorubicin, outcome: failure)", treatments=STOPPED_FOR_TOXICITY, coverage=[DRUGS_COMPLETE]),
    case(15, "with the course known it is no failure", "not_met", "has treatment(doxorubicin, outcome: failure)",
         treatments=STOPPED_FOR_TOXICITY, coverage=ALL_COMPLETE),
    case(16, "a mutation is no fusion", "unknown: not recorded", NTRK,
         biomarkers=[marker("NTRK1", "positive", "mutation")]),
    case(16, "a negative mutation says nothing of a fusion", "unknown: not recorded", NTRK,
         biomarkers=[marker(f"NTRK{n}", "negative", "mutation") for n in (1, 2, 3)]),
    case(16, "one negative gene of three is not enough", "unknown: not recorded", NTRK,
         biomarkers=[marker("NTRK1", "negative", "fusion")]),
    case(16, "a negative family is", "not_met", NTRK, biomarkers=[marker("NTRK", "negative", "fusion")]),
    case(16, "an NTRK family fusion is met", "met", NTRK, biomarkers=[marker("NTRK", "positive", "fusion")]),
    case(16, "not tested is not negative", "unknown: not recorded", NTRK,
         biomarkers=[marker(f"NTRK{n}", "not tested", "fusion") for n in (1, 2, 3)]),
    case(17, "Karnofsky 70 is ECOG 1 or 2", "unknown: imprecise", "ecog <= 1", observations=[obs("karnofsky", "70")]),
    case(17, "which suffices for a limit of 2", "met", "ecog <= 2", observations=[obs("karnofsky", "70")]),
    case(17, "Karnofsky 80 is ECOG 1", "met", "ecog <= 1", observations=[obs("karnofsky", "80")]),
    case(20, "a value dated tomorrow is not seen", "met", "ecog <= 1",
         observations=[obs("ecog", "3", "2026-01-16"), obs("ecog", "1", "2026-01-10")]),
    case(20, "what was entered in error decides nothing", "unknown: imprecise", "has condition(HIV infection)",
         conditions=[primary("leiomyosarcoma", "uterus"),
                     {"condition": "HIV infection", "kind": "comorbidity", "status": "entered in error"}],
         coverage=ALL_COMPLETE),
    case(20, "nor a treatment entered in error", "unknown: imprecise", "has treatment(doxorubicin)",
         treatments=[drug("doxorubicin", "2024-01-10", "2024-05-20", status="entered in error")], coverage=ALL_COMPLETE),
    case(21, "below a limit below the bound", "met", "bilirubin <= 1.5 mg/dL",
         observations=[obs("bilirubin", "<0.2", unit="mg/dL")]),
    case(21, "above a limit above the bound", "not_met", "ca125 <= 35 U/mL",
         observations=[obs("ca125", ">1000", unit="U/mL")]),
    case(21, "a bound that does not decide", "unknown: imprecise", "ca125 <= 2000 U/mL",
         observations=[obs("ca125", ">1000", unit="U/mL")]),
    case(22, "two results of one day that agree", "met", "anc >= 1.5 10*9/L", observations=two_counts("1.6", "3.1")),
    case(22, "two results of one day that do not", "unknown: conflicting", "anc >= 1.5 10*9/L",
         observations=two_counts("1.4", "3.1")),
    case(29, "bilirubin alone above its limit", "met", BOTH_ABOVE,
         observations=liver(bilirubin="1.5", alt="20", ast="20")),
    case(29, "bilirubin above its limit, the other not known", "unknown: not recorded", BOTH_ABOVE,
         observations=liver(bilirubin="1.5", alt="20")),
    case(29, "bilirubin within its limit, the other not known", "met", BOTH_ABOVE, observations=liver(bilirubin="1.0")),
    case(29, "both above their limits", "not_met", BOTH_ABOVE, observations=liver(bilirubin="1.5", alt="60")),
]  # fmt: skip


@pytest.mark.parametrize(("expected", "rule", "who"), CASES)
def test_pitfall(expected, rule, who):
    assert truth(rule, who, cancer="leiomyosarcoma") == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param("2025-11-05", "not_met", id="04-an exclusion whose rule is met fails"),
        pytest.param("2025-01-05", "met", id="04-an exclusion whose rule is not met passes"),
        pytest.param(None, "unknown: not recorded", id="04-an exclusion nobody can tell is unknown"),
    ],
)
def test_polarity(given, expected):
    who = lms(treatments=[drug("trabectedin", given, given)], coverage=[DRUGS_COMPLETE]) if given else lms()
    result = screened("NCT05076396", who)
    exclusion = next(c for c in result.criteria if "trabectedin or lurbinectedin) within 6 months" in printed(c))
    assert exclusion.criterion.polarity.value == "exclusion"
    assert truth_of(result, exclusion.criterion.id) == expected


def printed(result):
    return print_rule(result.criterion.rule) if result.criterion.rule is not None else ""


@pytest.mark.parametrize(
    ("born", "as_of", "expected"),
    [
        pytest.param("2008-01-15", date(2026, 1, 14), "not_met", id="19-the day before the birthday"),
        pytest.param("2008-01-15", date(2026, 1, 15), "met", id="19-the birthday itself"),
        pytest.param("2008-02-29", date(2026, 2, 28), "not_met", id="18-29 February is not reached on the 28th"),
        pytest.param("2008-02-29", date(2026, 3, 1), "met", id="18-29 February counts on 1 March"),
        pytest.param("2008-02-29", date(2028, 2, 29), "met", id="18-in a leap year on the day"),
    ],
)
def test_birthdays(born, as_of, expected):
    assert truth("age >= 18", patient(today=as_of, birth_date=born), as_of=as_of) == expected


@pytest.mark.parametrize(
    ("given", "as_of", "expected"),
    [
        pytest.param("2025-12-31", date(2026, 2, 28), "met", id="18-two months before 28 February is 28 December"),
        pytest.param("2025-12-28", date(2026, 2, 28), "met", id="18-the clamped day itself is inside"),
        pytest.param("2025-12-27", date(2026, 2, 28), "not_met", id="18-the day before it is outside"),
        pytest.param("2025-11-30", date(2026, 1, 31), "met", id="18-two months before 31 January is 30 November"),
    ],
)
def test_months_end_where_the_calendar_does(given, as_of, expected):
    who = lms(
        today=as_of,
        data_through=as_of.isoformat(),
        treatments=[drug("doxorubicin", given, given)],
        coverage=[{"domain": "treatments", "scope": "kind:drug", "complete_through": as_of.isoformat()}],
    )
    assert truth("has treatment(doxorubicin) within 2 months", who, as_of=as_of) == expected


FITS = {
    "treatments": [drug("doxorubicin", "2024-01-10", "2024-05-20", setting="advanced", response="progressive disease")],
    "observations": [obs("ecog", "1")],
    "coverage": [DRUGS_COMPLETE],
}


def test_23_an_answer_to_an_earlier_version_does_not_settle_the_amended_line():
    rows = {
        "conditions": [primary("leiomyosarcoma", "uterus", extent="metastatic")],
        "answers": [{"criterion": "LMS03-E1", "truth": "yes"}],
        **FITS,
        "observations": [],
    }
    who = read_patient(rows, today=TODAY, document="LMS03", version=1)
    assert truth_of(screened("LMS03", who, version=1), "LMS03-E1") == "met"
    assert truth_of(screened("LMS03", who, version=2), "LMS03-E1") == "unknown: not recorded"


def test_24_a_closed_negative_trial_is_matched_and_not_offered():
    result = screened("LMS03", lms(**FITS))
    assert (result.status.value, result.offered) == ("potentially_eligible", False)
    assert trial("LMS03").negative


@pytest.mark.parametrize(
    ("conditions", "truth_"),
    [
        pytest.param([primary("leiomyosarcoma", "uterus")], "met", id="25-it stands on top when it is certain"),
        pytest.param([], "unknown", id="25-and when another fact is not known"),
    ],
)
def test_what_must_not_be_used_is_never_hidden(conditions, truth_):
    found = ranked(["pazopanib", "gemcitabine_pazopanib"], lms(conditions=conditions))
    assert (found[0].document.id, found[0].block.value) == ("gemcitabine_pazopanib", "must_not_use")
    assert [s.truth.word for s in found[0].statements if s.statement.id == "SR-32"] == [truth_]


def test_26_rates_of_a_combination_stand_with_the_combination():
    toxicity = next(result for result in trial("LMS03").results if result.figures.get("g34"))
    assert toxicity.citation == "A"
    for name in ("pazopanib", "gemcitabine"):
        single = option(name)
        assert not any("g34" in s.citation.figures for s in single.statements if s.citation is not None)


def test_27_indications_carry_their_jurisdiction():
    told = {s.jurisdiction for s in option("trabectedin").statements if s.jurisdiction}
    shared = {s.jurisdiction for s in statements().values() if s.jurisdiction}
    assert {"EU", "US"} <= told | shared


def test_28_a_slip_of_the_registry_is_kept_and_made_no_rule():
    criterion = next(c for c in trial("NCT01900743").criteria if "expectancy" in c.text)
    assert criterion.rule is None and "at most three months" in criterion.text
    fit = line(screened("NCT01900743", lms(observations=[obs("life_expectancy", "12", unit="months")])), criterion.id)
    assert fit.truth is not None and (fit.truth.word, str(fit.reason)) == ("unknown", "not structured")


@pytest.mark.parametrize(
    ("sex", "value", "expected"),
    [
        pytest.param("male", "500", "met", id="30-500 in a man"),
        pytest.param("female", "500", "not_met", id="30-500 in a woman"),
        pytest.param("", "500", "unknown: not recorded", id="30-500 without a sex"),
        pytest.param("", "300", "met", id="30-300 in anyone"),
        pytest.param("", "700", "not_met", id="30-700 in anyone"),
    ],
)
def test_thresholds_by_sex(sex, value, expected):
    who = lms(sex=sex, observations=[obs("ck", value, unit="U/L")])
    found = truth_of(screened("JCOG1802", who), "I18")
    assert found == expected


def test_20_what_lies_ahead_is_named():
    who = lms(observations=[obs("ecog", "3", "2026-01-16")])
    assert ignored_after(who, TODAY) == ("observation:1",)
    assert asked("ecog <= 1", who, as_of=date(2026, 1, 16)).truth.word == "not_met"


def test_every_pitfall_has_a_test(request):
    """The list has thirty entries; each number stands in the id of one test or more of this file."""
    ids = [item.name for item in request.session.items if item.fspath == request.node.fspath]
    missing = [n for n in range(1, 31) if not any(f"{n:02}" in name for name in ids)]
    if len(ids) > 30:  # the whole file runs, not a selection of it
        assert missing == []


def test_the_library_is_where_the_tests_look():
    assert {path.stem for path in (LIBRARY / "trials").glob("*.yaml")} >= {"LMS03", "JCOG1802"}
    assert isinstance(document("LMS03"), TrialDocument)
