"""Patients that each show one thing: the ones a tutorial opens, known by their id.

Everyone else in the registry is drawn by chance; these are written by hand, so that what they show stays true.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from random import Random

from matcher.demo.chart import Chart
from matcher.demo.workup import ROUTINE, blood, body, trial_workup

YEAR = 365


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A patient written by hand: the id, what it shows, and how the chart is filled."""

    patient_id: str
    shows: str
    write: Callable[[Chart, Random], None]


def charts(today: date, rng: Random) -> list[Chart]:
    """The charts of all stories, in order of their ids."""
    written = []
    for story in STORIES:
        chart = Chart(story.patient_id, today)
        story.write(chart, rng)
        written.append(chart)
    return written


def _progressed(chart: Chart, name: str, *, line: int, start: int, end: int, **cells: str | float) -> None:
    """A line of the advanced setting that ended with progression."""
    chart.drug(
        name, setting="advanced", line=line, start=start, end=end,
        **{"response": "progressive disease", "stop_reason": "progression", "on_trial": "no", **cells},
    )  # fmt: skip
    chart.event("progression", ago=end)


def _bone(chart: Chart, rng: Random) -> None:
    chart.person(born=57 * YEAR + 120, sex="female", seen=2)
    chart.primary("leiomyosarcoma", site="femur", extent="metastatic", ago=940, morphology="8890/3", grade="3")
    chart.treatment("limb-sparing surgery", kind="surgery", ago=900, body_site="femur")
    chart.metastasis("lung", ago=935)
    chart.metastasis("bone", ago=60, state="symptomatic", state_since=chart.day(40))
    _progressed(
        chart, "Adriamycin", line=1, start=860, end=720, dose=75, dose_unit="mg/m2", cumulative_dose=450,
        cumulative_dose_unit="mg/m2", cycles=6,
    )  # fmt: skip
    _progressed(chart, "gemcitabine/docetaxel", line=2, start=690, end=500, cycles=8)
    _progressed(chart, "Votrient", line=3, start=470, end=24, dose=800, dose_unit="mg/d")
    chart.illness("hypertension", ago=4 * YEAR, state="controlled")
    chart.illness("neutropenia", kind="toxicity", ago=505, grade="3", status="resolved", end_date=chart.day(490))
    chart.medication("itraconazole", start=9, indication="oral candidiasis")
    chart.medication("amlodipine", start=3 * YEAR, dose=5, dose_unit="mg", frequency="once daily")
    chart.medication("morphine", start=38, indication="pain")
    chart.medication("denosumab", start=55, route="subcutaneous", indication="bone metastasis")
    chart.seen("ecog", 1, ago=5)
    chart.seen("ecog", 1, ago=74)
    chart.seen("ecog", 0, ago=480)
    blood(chart, rng, ago=5, tests=(*ROUTINE, "ldh", "calcium", "ck", "inr", "aptt", "tsh"))
    body(chart, rng, ago=5, height=166, weight=64.5)
    chart.seen("lvef", 58, ago=130, unit="%")
    chart.seen("measurable_disease", "yes", ago=24)
    chart.seen("lesion_count", 9, ago=24)
    chart.seen("treatment_goal", "symptom relief", ago=5)
    chart.seen("life_expectancy", ">3", ago=5, unit="mo")
    chart.seen("able_to_swallow", "yes", ago=5)
    chart.seen("menopausal_status", "postmenopausal", ago=5)
    chart.seen("childbearing_potential", "no", ago=5)
    chart.marker("BRCA1", alteration="mutation", result="negative", ago=610, origin="germline", assay="germline panel")
    chart.marker("BRCA2", alteration="mutation", result="negative", ago=610, origin="germline", assay="germline panel")
    chart.marker(
        "TP53", alteration="mutation", result="positive", ago=610, variant="R273H", significance="pathogenic",
        origin="somatic", assay="DNA panel",
    )  # fmt: skip
    chart.complete("conditions", "treatments", "medications", "disease_status", ago=2)


def _second_line(
    chart: Chart, rng: Random, *, born: int, ecog: int | None = 1, ecog_ago: int = 6, disease: str = "leiomyosarcoma",
    site: str = "retroperitoneum", sex: str = "female", dox: str = "doxorubicin", workup: bool = False, end: int = 62,
) -> None:  # fmt: skip
    """A patient after one line of doxorubicin with progression, who meets all of LMS03 unless told otherwise."""
    chart.person(born=born, sex=sex, seen=3)
    chart.primary(disease, site=site, extent="metastatic", ago=end + 190, grade="3")
    chart.metastasis("lung", ago=end + 186)
    _progressed(chart, dox, line=1, start=end + 150, end=end, dose=75, dose_unit="mg/m2", cycles=6)
    if ecog is not None:
        chart.seen("ecog", ecog, ago=ecog_ago)
    if workup:
        trial_workup(chart, rng, ago=4)
        if sex == "female":
            chart.seen("childbearing_potential", "no", ago=4)
            chart.seen("menopausal_status", "postmenopausal", ago=4)
            chart.seen("breastfeeding", "no", ago=4)
    else:
        blood(chart, rng, ago=8)
        chart.seen("measurable_disease", "yes", ago=30)
        chart.complete("treatments", scope="kind:drug", ago=3)


def _ideal(chart: Chart, rng: Random) -> None:
    _second_line(chart, rng, born=59 * YEAR, disease="uterine leiomyosarcoma", site="uterus", workup=True)


def _stale(chart: Chart, rng: Random) -> None:
    _second_line(chart, rng, born=63 * YEAR, ecog_ago=166)


def _intolerant(chart: Chart, rng: Random) -> None:
    chart.person(born=66 * YEAR, sex="F", seen=4)
    chart.primary("leiomyosarcoma", site="thigh soft tissue", extent="metastatic", ago=300)
    chart.metastasis("lung", ago=300)
    chart.drug(
        "doxorubicin", setting="advanced", line=1, start=270, end=205, response="SD", stop_reason="toxicity", cycles=3
    )
    chart.illness("left ventricular dysfunction", kind="toxicity", ago=205, due_to="doxorubicin", grade="2")
    chart.seen("ecog", 1, ago=9)
    blood(chart, rng, ago=9)


def _bedridden(chart: Chart, rng: Random) -> None:
    _second_line(chart, rng, born=74 * YEAR, ecog=3)


def _third_line(chart: Chart, rng: Random) -> None:
    _second_line(chart, rng, born=61 * YEAR, end=400)
    _progressed(chart, "Yondelis", line=2, start=370, end=95, dose=1.5, dose_unit="mg/m2", cycles=12)


def _liposarcoma(chart: Chart, rng: Random) -> None:
    _second_line(chart, rng, born=68 * YEAR, disease="dedifferentiated liposarcoma", sex="male")


def _localised(chart: Chart, rng: Random) -> None:
    chart.person(born=55 * YEAR, sex="male", seen=6)
    chart.primary("leiomyosarcoma", site="thigh soft tissue", extent="localized", ago=80, grade="2")
    chart.treatment("limb-sparing surgery", kind="surgery", ago=48)
    chart.treatment("external beam radiotherapy", kind="radiotherapy", ago=30, end=7, body_site="thigh soft tissue")
    chart.seen("ecog", 0, ago=7)
    chart.event("no evidence of disease", ago=20)
    blood(chart, rng, ago=7)
    chart.complete("conditions", "treatments", "medications", "disease_status", ago=6)


def _fusion(chart: Chart, rng: Random) -> None:
    chart.person(born=44 * YEAR, sex="male", seen=3)
    chart.primary("lung adenocarcinoma", site="lung", extent="metastatic", ago=420)
    chart.metastasis("bone", ago=418)
    chart.marker(
        "NTRK1", partner_gene="TPM3", alteration="fusion", result="positive", ago=350, assay="RNA sequencing",
        specimen="tumour",
    )  # fmt: skip
    chart.marker("EGFR", alteration="mutation", result="negative", ago=400, assay="NGS panel", origin="somatic")
    _progressed(chart, "cisplatin/pemetrexed", line=1, start=380, end=120)
    chart.seen("ecog", 1, ago=4)
    trial_workup(chart, rng, ago=4)
    chart.complete("biomarkers", ago=4)


def _washing_out(chart: Chart, rng: Random) -> None:
    _second_line(chart, rng, born=52 * YEAR, workup=True, end=11, site="inferior vena cava")


def _two_primaries(chart: Chart, rng: Random) -> None:
    chart.person(born=64 * YEAR, sex="female", seen=5)
    chart.primary("uterine leiomyosarcoma", site="uterus", extent="metastatic", ago=500, diagnosis_id="D2")
    chart.primary(
        "breast cancer", site="breast", extent="localized", ago=7 * YEAR, diagnosis_id="D1", status="resolved",
        end_date=chart.day(6 * YEAR),
    )  # fmt: skip
    chart.metastasis("lung", ago=500, diagnosis_id="D2")
    # Adjuvant treatment of the breast, long before: no line of the sarcoma.
    chart.drug("AC-T", setting="adjuvant", line=None, start=7 * YEAR - 60, end=7 * YEAR - 200, diagnosis="D1")
    chart.drug("letrozole", setting="adjuvant", line=None, start=6 * YEAR, end=YEAR, diagnosis="D1")
    _progressed(chart, "doxorubicin", line=1, start=460, end=330, diagnosis="D2")
    chart.seen("ecog", 1, ago=10)
    blood(chart, rng, ago=10)


def _dead(chart: Chart, rng: Random) -> None:
    _second_line(chart, rng, born=70 * YEAR)
    chart.tables["patients"] = []
    chart.person(born=70 * YEAR, sex="female", seen=1, deceased="yes", death_date=chart.day(1))


def _dead_undated(chart: Chart, rng: Random) -> None:
    _second_line(chart, rng, born=72 * YEAR, end=200, ecog_ago=190)
    chart.tables["patients"] = []
    chart.person(born=72 * YEAR, sex="male", seen=150, deceased="yes")


def _only_an_id(chart: Chart, _rng: Random) -> None:
    chart.person(born=None, sex=None, seen=None, country=None)


def _contradicted(chart: Chart, rng: Random) -> None:
    _second_line(chart, rng, born=58 * YEAR, ecog=1, ecog_ago=5)
    # A second row of the same patient with the other sex, and two performance statuses of one day.
    chart.person(born=58 * YEAR, sex="male", seen=3)
    chart.seen("ecog", 3, ago=5)
    chart.illness("brain metastasis", kind="metastasis", ago=12, status="present", basis="imaging")
    chart.illness("brain metastasis", kind="metastasis", ago=12, status="absent", basis="imaging")


def _pleomorphic(chart: Chart, rng: Random) -> None:
    _second_line(
        chart, rng, born=49 * YEAR, disease="undifferentiated pleomorphic sarcoma", site="thigh soft tissue",
        sex="male", dox="AIM", workup=True,
    )  # fmt: skip


def _oligometastatic(chart: Chart, rng: Random) -> None:
    chart.person(born=60 * YEAR, sex="female", seen=4)
    chart.primary("leiomyosarcoma", site="retroperitoneum", extent="localized", ago=3 * YEAR, diagnosis_id="D1")
    chart.primary("leiomyosarcoma", site="retroperitoneum", extent="oligometastatic", ago=60, diagnosis_id="D1")
    chart.treatment("wide excision", kind="surgery", ago=3 * YEAR - 30, body_site="retroperitoneum")
    chart.metastasis("lung", ago=60)
    chart.seen("lesion_count", 2, ago=20)
    chart.seen("disease_free_interval", 33, ago=60, unit="mo")
    chart.seen("ecog", 0, ago=8)
    blood(chart, rng, ago=8)
    chart.complete("treatments", ago=4)


def _repair(chart: Chart, rng: Random) -> None:
    _second_line(chart, rng, born=53 * YEAR, disease="uterine leiomyosarcoma", site="uterus", workup=True, end=80)
    chart.marker(
        "BRCA2", alteration="mutation", result="positive", ago=200, variant="S1982fs", significance="pathogenic",
        origin="somatic", assay="NGS panel",
    )  # fmt: skip
    chart.complete("biomarkers", ago=4)


def _endometrial(chart: Chart, rng: Random) -> None:
    chart.person(born=67 * YEAR, sex="female", seen=3)
    chart.primary("endometrioid endometrial carcinoma", site="endometrium", extent="metastatic", ago=500, grade="2")
    chart.metastasis("lung", ago=490)
    chart.treatment("hysterectomy", kind="surgery", ago=480)
    _progressed(chart, "carboplatin/paclitaxel", line=1, start=450, end=200)
    chart.seen("ecog", 1, ago=4)
    trial_workup(chart, rng, ago=4)
    for test, value in (("childbearing_potential", "no"), ("breastfeeding", "no"), ("menopausal_status", "post")):
        chart.seen(test, value, ago=4)
    chart.marker("MSI", alteration="signature", result="negative", ago=400, assay="IHC")


def _prostate(chart: Chart, rng: Random) -> None:
    chart.person(born=71 * YEAR, sex="male", seen=3)
    chart.primary("prostate adenocarcinoma", site="prostate", extent="metastatic", ago=1100)
    chart.metastasis("bone", ago=1090, state="asymptomatic")
    chart.drug("leuprorelin", setting="advanced", line=1, start=1060, end=None, ongoing="yes", on_trial="no")
    chart.event("progression", ago=70)
    chart.medication("leuprorelin", start=1060, route="intramuscular")
    chart.seen("testosterone", 0.6, unit="nmol/L", ago=6)
    chart.seen("PSA", 38.2, unit="ng/mL", ago=6)
    chart.seen("ecog", 0, ago=6)
    trial_workup(chart, rng, ago=5)


def _perioperative(chart: Chart, rng: Random) -> None:
    chart.person(born=50 * YEAR, sex="female", seen=3)
    chart.primary("uterine leiomyosarcoma", site="uterus", extent="localized", ago=400, diagnosis_id="D1")
    chart.treatment("hysterectomy", kind="surgery", ago=390)
    chart.drug("doxorubicin", setting="adjuvant", line=None, start=350, end=260, stop_reason="completed", cycles=4)
    chart.event("relapse", ago=40)
    chart.event("distant metastasis", ago=40, site="lung")
    chart.metastasis("lung", ago=40, diagnosis_id="D1")
    chart.seen("ecog", 0, ago=7)
    blood(chart, rng, ago=7)
    chart.complete("treatments", ago=3)


def _liposomal(chart: Chart, rng: Random) -> None:
    _second_line(chart, rng, born=77 * YEAR, dox="Caelyx", site="skin")


def _unnamed(chart: Chart, rng: Random) -> None:
    chart.person(born="1964", sex="female", seen=6)
    chart.primary("leiomyosarcoma", site="uterus", extent="metastatic", ago=500, date=chart.year(500))
    chart.metastasis("liver", ago=420, date=chart.month(420))
    # Treated elsewhere: that there were drugs is known, which they were is not.
    chart.drug("", setting="advanced", line=1, start=400, end=None, start_date=chart.year(400), ongoing="no")
    chart.drug("doxorubcin", setting="advanced", line=2, start=260, end=150, response="PD")
    chart.seen("ecog", 1, ago=14)


def _gist(chart: Chart, rng: Random) -> None:
    chart.person(born=62 * YEAR, sex="m", seen=7)
    chart.primary("GIST", site="stomach", extent="metastatic", ago=900)
    chart.metastasis("liver", ago=880)
    chart.marker("KIT", alteration="mutation", result="positive", ago=880, variant="W557_K558del", assay="NGS panel")
    _progressed(chart, "Glivec", line=1, start=860, end=300)
    chart.drug("sunitinib", setting="advanced", line=2, start=280, end=None, ongoing="yes", response="SD")
    chart.seen("Karnofsky", 80, ago=12)
    blood(chart, rng, ago=12)


STORIES: tuple[Story, ...] = (
    Story(patient_id="P-0001", write=_bone,
          shows="leiomyosarcoma of bone after doxorubicin, gemcitabine with docetaxel, and pazopanib"),
    Story(patient_id="P-0002", write=_ideal, shows="meets every criterion of LMS03, which is closed"),
    Story(patient_id="P-0003", write=_stale, shows="the same, but ECOG is 166 days old"),
    Story(patient_id="P-0004", write=_intolerant, shows="doxorubicin stopped for toxicity: did it fail?"),
    Story(patient_id="P-0005", write=_bedridden, shows="ECOG 3: not now, by action"),
    Story(patient_id="P-0006", write=_third_line, shows="two lines: too late for LMS03, for good"),
    Story(patient_id="P-0007", write=_liposarcoma, shows="another histology"),
    Story(patient_id="P-0008", write=_localised, shows="localised: not now, by course of disease"),
    Story(patient_id="P-0009", write=_fusion, shows="lung cancer with an NTRK1 fusion"),
    Story(patient_id="P-0010", write=_washing_out, shows="a washout that clears on a date"),
    Story(patient_id="P-0011", write=_two_primaries, shows="two primaries, each with treatments of its own"),
    Story(patient_id="P-0012", write=_dead, shows="died yesterday"),
    Story(patient_id="P-0013", write=_dead_undated, shows="died, no one knows when"),
    Story(patient_id="P-0014", write=_only_an_id, shows="an id and nothing else"),
    Story(patient_id="P-0015", write=_contradicted, shows="two sexes, two ECOG of one day, present and absent"),
    Story(patient_id="P-0016", write=_pleomorphic, shows="pleomorphic sarcoma, worked up for a trial"),
    Story(patient_id="P-0017", write=_oligometastatic, shows="two lung nodules after three quiet years"),
    Story(patient_id="P-0018", write=_repair, shows="somatic BRCA2 mutation"),
    Story(patient_id="P-0019", write=_endometrial, shows="endometrial carcinoma after platinum"),
    Story(patient_id="P-0020", write=_prostate, shows="castration-resistant prostate cancer"),
    Story(patient_id="P-0021", write=_perioperative, shows="doxorubicin only as adjuvant treatment: someone must say"),
    Story(patient_id="P-0022", write=_liposomal, shows="liposomal doxorubicin, which is not doxorubicin"),
    Story(patient_id="P-0023", write=_unnamed, shows="drugs without a name and with a misspelt one"),
    Story(patient_id="P-0024", write=_gist, shows="Karnofsky 80 instead of ECOG"),
)  # fmt: skip

#: What a coordinator has read in the files and answered: patient, trial, criterion, whether it is met.
ANSWERED: tuple[tuple[str, str, str, bool], ...] = (
    ("P-0002", "NCT02275286", "IA4", True),
    ("P-0002", "NCT02275286", "I4", True),
    ("P-0002", "NCT02275286", "IA8", True),
    ("P-0002", "NCT02275286", "IA10", True),
    ("P-0002", "NCT02275286", "I20", True),
    ("P-0009", "NCT02568267", "I11", True),
    ("P-0009", "NCT02568267", "I13", True),
    ("P-0009", "NCT02568267", "E8", True),
    ("P-0009", "NCT02576431", "I4", True),
    ("P-0018", "NCT03742895", "I7", True),
    ("P-0018", "NCT03742895", "I8c", True),
    ("P-0018", "NCT02275286", "I4", False),
)

#: The patient whose whole answer the demo prints.
BONE = "P-0001"
