"""The course of one made-up patient: diagnosis, operation, relapse, lines of therapy, and what was written down of it.

First what happened is drawn, complete and consistent; then it is written with the gaps a registry has. Between the two
stands how carefully this patient was recorded, so that gaps come together as they do in life.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from matcher.demo.chart import Cell, Chart
from matcher.demo.diseases import (
    COMORBIDITIES,
    CYP3A_DRUGS,
    MEDICATIONS,
    REGIMENS,
    SPELLINGS,
    TOXICITIES,
    UNKNOWN_DRUGS,
    Disease,
)
from matcher.demo.workup import CENTRAL, OUTSIDE, ROUTINE, blood, body, trial_workup

YEAR = 365


@dataclass(frozen=True, slots=True, kw_only=True)
class Care:
    """How carefully a patient was recorded: the chance that each thing was written down."""

    fields: float
    ecog: float
    blood: float
    imaging: float
    coverage: float
    current: float
    exact_dates: float


CAREFUL = Care(fields=0.97, ecog=0.96, blood=0.9, imaging=0.8, coverage=0.8, current=0.97, exact_dates=0.97)
USUAL = Care(fields=0.85, ecog=0.75, blood=0.6, imaging=0.35, coverage=0.25, current=0.85, exact_dates=0.88)
POOR = Care(fields=0.5, ecog=0.3, blood=0.15, imaging=0.1, coverage=0.05, current=0.55, exact_dates=0.6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line that was given, in days ago: `end` None while it goes on, `progressed` where the disease grew after it."""

    regimen: str
    setting: str
    number: int | None
    start: int
    end: int | None
    cycles: int
    response: str
    stop: str
    progressed: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What happened, in days ago."""

    diagnosed: int
    metastatic: int | None
    operated: int | None
    irradiated: int | None
    lines: tuple[Line, ...]
    died: int | None


def write_patient(chart: Chart, rng: Random, disease: Disease) -> None:
    """Fill the chart of a patient with this disease."""
    care = rng.choices((CAREFUL, USUAL, POOR), weights=(40, 42, 18))[0]
    course = draw_course(rng, disease)
    female = rng.random() < disease.female
    seen = _last_seen(rng, care, course)
    visit = (course.died + rng.randint(10, 60) if course.died is not None else seen) + rng.choice((0, 0, 1, 3, 6))
    _write_person(chart, rng, disease, course, female=female, seen=seen, care=care)
    _write_tumour(chart, rng, disease, course, care=care)
    _write_treatments(chart, rng, disease, course, care=care)
    _write_illnesses(chart, rng, course, visit=visit, care=care)
    worked_up = care is CAREFUL and course.died is None and course.metastatic is not None and rng.random() < 0.3
    _write_performance(chart, rng, visit=visit, care=care)
    if worked_up:
        trial_workup(chart, rng, ago=visit)
        _write_reproduction(chart, rng, course, female=female, ago=visit)
    else:
        _write_visit(chart, rng, visit=visit, care=care, female=female, course=course)
    _write_markers(chart, rng, course, complete=worked_up, visit=visit)


def draw_course(rng: Random, disease: Disease) -> Course:
    """What happened from the diagnosis to today, drawn forwards and then dated backwards."""
    at_once = rng.random() < 0.28
    spread = at_once or rng.random() < 0.72
    day = 0
    operated = irradiated = None
    lines: list[Line] = []
    if not at_once:
        operated = day = rng.randint(12, 60)
        if rng.random() < disease.irradiated:
            irradiated = day = day + rng.randint(30, 60)
        if disease.perioperative and rng.random() < 0.25:
            line, day = _draw_line(rng, rng.choice(disease.perioperative), start=day + rng.randint(25, 50), number=None)
            lines.append(replace(line, setting="adjuvant"))
        day += rng.randint(60, 1500) if spread else rng.randint(10, 900)
    metastatic = day if spread else None
    if spread:
        wanted = rng.choices((0, 1, 2, 3, 4), weights=(14, 42, 24, 14, 6))[0]
        given: set[str] = set()
        for number, choices in enumerate(disease.lines[:wanted], start=1):
            regimen = rng.choice(choices)
            if regimen in given:
                break
            given.add(regimen)
            line, day = _draw_line(rng, regimen, start=day + rng.randint(12, 45), number=number)
            lines.append(line)
    under_way = bool(spread and lines and lines[-1].setting == "advanced" and rng.random() < 0.3)
    day += 0 if under_way else rng.choice((rng.randint(3, 40), rng.randint(20, 160)))
    died = rng.randint(1, 500) if spread and not under_way and rng.random() < 0.16 else None
    now = day + (0 if died is None else died + rng.randint(10, 90))
    return _dated(
        Course(
            diagnosed=0, metastatic=metastatic, operated=operated, irradiated=irradiated, lines=tuple(lines), died=died
        ),
        now=now,
        under_way=under_way,
    )


def _draw_line(rng: Random, regimen: str, *, start: int, number: int | None) -> tuple[Line, int]:
    """A line that starts on that day, and the day on which its story ends."""
    table = REGIMENS[regimen]
    cycles = rng.randint(*table.cycles)
    end = start + cycles * table.cycle - rng.randint(0, table.cycle - 1)
    progressed: int | None = end
    if number is None:
        response, stop, progressed = "", "completed", None
    else:
        stop = rng.choices(("progression", "toxicity", "completed", "patient choice"), weights=(66, 12, 19, 3))[0]
        response = (
            "progressive disease" if stop == "progression" else rng.choice(("partial response", "stable disease"))
        )
        if stop != "progression":
            progressed = end + rng.randint(30, 260) if rng.random() < 0.65 else None
    line = Line(
        regimen=regimen, setting="advanced", number=number, start=start, end=end, cycles=cycles, response=response,
        stop=stop, progressed=progressed,
    )  # fmt: skip
    return line, max(end, progressed or 0)


def _dated(course: Course, *, now: int, under_way: bool) -> Course:
    """The same course with every day counted back from `now`; of a line under way nothing is over yet."""

    def ago(day: int | None) -> int | None:
        return None if day is None else now - day

    lines = [
        replace(
            line,
            start=now - line.start,
            end=ago(line.end),
            progressed=ago(line.progressed),
        )
        for line in course.lines
    ]
    if under_way:
        line = lines[-1]
        response = line.response if line.response != "progressive disease" else ""
        lines[-1] = replace(line, end=None, response=response, stop="", progressed=None, cycles=max(1, line.cycles - 1))
    return replace(
        course,
        diagnosed=now,
        metastatic=ago(course.metastatic),
        operated=ago(course.operated),
        irradiated=ago(course.irradiated),
        lines=tuple(lines),
    )


# --- Writing it down --------------------------------------------------------------------------------------------


def _last_seen(rng: Random, care: Care, course: Course) -> int:
    """How many days ago the record was last brought up to date."""
    if course.died is not None:
        return course.died
    return rng.randint(0, 21) if rng.random() < care.current else rng.randint(40, 240)


def _write_person(
    chart: Chart, rng: Random, disease: Disease, course: Course, *, female: bool, seen: int, care: Care
) -> None:
    youngest, oldest = disease.ages
    born = chart.day(rng.randint(youngest, oldest) * YEAR + rng.randint(0, 364) + course.diagnosed)
    born = rng.choices((born, born[:7], born[:4]), weights=(90, 4, 6))[0]
    sex = rng.choice(("female", "female", "F", "Woman", "2") if female else ("male", "male", "M", "man", "1"))
    recorded: dict[str, Cell] = {"postal_code": f"{rng.randint(10, 95):02}000" if rng.random() < 0.7 else ""}
    if course.died is not None:
        recorded["deceased"] = "yes"
        if rng.random() < 0.8:
            recorded["death_date"] = _written_day(chart, rng, course.died, care)
    chart.person(
        born=born if rng.random() < 0.98 else "",
        sex=sex if rng.random() < 0.98 else rng.choice(("", "unknown", "9")),
        seen=seen if rng.random() < 0.95 else None,
        **recorded,
    )


def _written_day(chart: Chart, rng: Random, ago: int, care: Care) -> str:
    """A date as this patient's source writes it: whole, or without its day, or without its month."""
    if rng.random() < care.exact_dates:
        return chart.day(ago)
    return chart.month(ago) if rng.random() < 0.7 else chart.year(ago)


def _kept(rng: Random, care: Care, value: Cell) -> Cell:
    """The value where it was written down, else nothing, in one of the ways in which sources say nothing."""
    return value if rng.random() < care.fields else rng.choice(("", "", "NA", "unknown"))


def _write_tumour(chart: Chart, rng: Random, disease: Disease, course: Course, *, care: Care) -> None:
    site = rng.choice(disease.sites)
    at_once = course.metastatic is not None and course.metastatic == course.diagnosed
    extent = "metastatic" if at_once else rng.choice(("localized", "localized", "localised", "locally advanced"))
    if course.metastatic is not None and not at_once and care is POOR:
        # A careless source never says how far the tumour had gone when it was found.
        extent = ""
    chart.primary(
        rng.choice(disease.names), site=str(_kept(rng, replace(care, fields=max(care.fields, 0.93)), site)),
        extent=extent, ago=course.diagnosed, date=_written_day(chart, rng, course.diagnosed, care),
        morphology=disease.morphology if rng.random() < 0.4 else "",
        grade=_kept(rng, care, rng.choice(disease.grades)),
        basis=rng.choice(("histology", "histology", "pathology", "biopsy")) if rng.random() < care.fields else "",
    )  # fmt: skip
    if course.metastatic is None:
        return
    organs = rng.sample(disease.organs, k=min(len(disease.organs), rng.choice((1, 1, 2))))
    for organ in organs:
        states = ("symptomatic", "asymptomatic", "") if organ == "bone" else ("",)
        chart.metastasis(
            organ, ago=course.metastatic, date=_written_day(chart, rng, course.metastatic, care),
            state=rng.choice(states),
        )  # fmt: skip
    if not at_once:
        chart.event("distant metastasis", ago=course.metastatic, site=organs[0])
    if rng.random() < 0.04:
        chart.metastasis("brain", ago=min(course.metastatic, 120), state=rng.choice(("treated", "untreated", "")))


def _write_treatments(chart: Chart, rng: Random, disease: Disease, course: Course, *, care: Care) -> None:
    if course.operated is not None and disease.operations:
        chart.treatment(rng.choice(disease.operations), kind="surgery", ago=course.operated)
    if course.irradiated is not None:
        chart.treatment(
            "external beam radiotherapy", kind="radiotherapy", ago=course.irradiated,
            end=max(course.irradiated - 35, 0), intent=rng.choice(("adjuvant", "")),
        )  # fmt: skip
    for line in course.lines:
        _write_line(chart, rng, line, care=care)
    if course.metastatic is not None and course.lines and rng.random() < 0.12:
        ago = rng.randint(5, 150)
        if ago < course.metastatic:
            chart.treatment("palliative radiotherapy", kind="radiotherapy", ago=ago + 9, end=ago, intent="palliative")


def _write_line(chart: Chart, rng: Random, line: Line, *, care: Care) -> None:
    regimen = REGIMENS[line.regimen]
    cells: dict[str, Cell] = {
        "response": _kept(rng, care, _spelt(rng, line.response)),
        "stop_reason": _kept(rng, care, line.stop),
        "cycles": _kept(rng, care, line.cycles),
    }
    setting: Cell = line.setting
    if line.setting == "advanced":
        setting = _kept(rng, care, rng.choice(("advanced", "advanced", "metastatic", "palliative")))
    else:
        cells["intent"] = rng.choice(("adjuvant", "curative", ""))
    start = _written_day(chart, rng, line.start, care)
    end = "" if line.end is None else _kept(rng, care, _written_day(chart, rng, line.end, care))
    cells["ongoing"] = rng.choice(("yes", "yes", "y", "")) if line.end is None else rng.choice(("", "", "no"))
    if regimen.dose is not None and rng.random() < care.fields:
        cells["dose"], cells["dose_unit"] = regimen.dose, regimen.dose_unit
        if "doxorubicin" in regimen.drugs[0]:
            cells["cumulative_dose"], cells["cumulative_dose_unit"] = regimen.dose * line.cycles, regimen.dose_unit
    for name, regimen_name in _names(rng, regimen.drugs):
        if name == regimen.drugs[0] or len(regimen.drugs) == 1:
            shown = cells
        else:
            shown = {key: cell for key, cell in cells.items() if "dose" not in key}
        chart.drug(
            name, setting=str(setting), line=line.number if rng.random() < care.fields - 0.25 else None,
            start=line.start, end=line.end, start_date=start, end_date=end, regimen=regimen_name,
            on_trial="yes" if rng.random() < 0.03 else "", **shown,
        )  # fmt: skip
    if line.progressed is not None and rng.random() < care.fields:
        chart.event(
            rng.choice(("progression", "PD", "progressive disease")), ago=line.progressed,
            date=_written_day(chart, rng, line.progressed, care),
        )  # fmt: skip


def _names(rng: Random, drugs: tuple[str, ...]) -> list[tuple[str, str]]:
    """The rows a source makes of a regimen, each with the drug as it is written and the regimen's name."""
    draw = rng.random()
    if draw < 0.025:
        return [(rng.choice(UNKNOWN_DRUGS), "")]
    if draw < 0.035:
        return [("", "")]
    together = " + ".join(drugs)
    if len(drugs) > 1 and (draw < 0.6 or len(drugs) > 2):
        return [(_spelt(rng, together), "")]
    return [(_spelt(rng, drug), together if len(drugs) > 1 else "") for drug in drugs]


_WORDS = {
    "progressive disease": ("PD", "progressive disease", "clinical progressive disease", "Progression"),
    "stable disease": ("SD", "stable disease", "no change"),
    "partial response": ("PR", "partial response"),
}


def _spelt(rng: Random, word: str) -> str:
    """A word as it should be or in another of its spellings."""
    if word in _WORDS:
        return rng.choice(_WORDS[word])
    return rng.choice(SPELLINGS[word]) if word in SPELLINGS and rng.random() < 0.4 else word


def _write_illnesses(chart: Chart, rng: Random, course: Course, *, visit: int, care: Care) -> None:
    for illness in rng.sample(COMORBIDITIES, k=rng.choice((0, 0, 1, 1, 2, 3))):
        state = rng.choice(("controlled", "", "")) if care is not POOR else ""
        chart.illness(illness, ago=rng.randint(200, 3000), state=state)
    for name, indication in rng.sample(MEDICATIONS, k=rng.choice((0, 1, 1, 2, 3, 4)) if care is not POOR else 0):
        chart.medication(name, start=visit + rng.randint(10, 900), indication=indication)
    if rng.random() < 0.07:
        chart.medication(rng.choice(CYP3A_DRUGS), start=visit + rng.randint(1, 20))
    if course.lines and rng.random() < 0.2:
        line = course.lines[-1]
        under_way = line.end is None
        chart.illness(
            rng.choice(TOXICITIES), kind="toxicity", ago=max((line.end or 0) + 5, 8), grade=rng.choice(("1", "2", "3")),
            status="present" if under_way else rng.choice(("resolved", "present")),
            state="active" if under_way else "",
        )  # fmt: skip
    if care is not POOR and rng.random() < care.coverage:
        chart.complete("medications", ago=visit)
        chart.complete("treatments", ago=visit, scope="kind:drug")
        if rng.random() < 0.5:
            chart.complete("conditions", "disease_status", ago=visit)
    if rng.random() < 0.05:
        chart.illness("", kind="comorbidity", ago=rng.randint(20, 400))


def _write_performance(chart: Chart, rng: Random, *, visit: int, care: Care) -> None:
    draw = rng.random()
    value = rng.choices((0, 1, 2, 3, 4), weights=(26, 44, 17, 10, 3))[0]
    if draw < care.ecog:
        stale = rng.random() < 0.14
        if rng.random() < 0.1:
            chart.seen("KPS", 100 - 10 * value - rng.choice((0, 10)), ago=visit)
        else:
            chart.seen(
                rng.choice(("ecog", "ecog", "ECOG PS")), value, ago=visit + (rng.randint(75, 220) if stale else 0)
            )
    if rng.random() < 0.5:
        chart.seen("ecog", max(0, value - 1), ago=visit + rng.randint(90, 300))
    if rng.random() < 0.02:
        chart.seen("ecog", rng.choice(("0-1", "1-2", "<2")), ago=visit)


def _write_visit(chart: Chart, rng: Random, *, visit: int, care: Care, female: bool, course: Course) -> None:
    """What an ordinary visit leaves behind."""
    laboratory = rng.choices((CENTRAL, OUTSIDE), weights=(65, 35))[0]
    if rng.random() < care.blood:
        tests = ROUTINE if rng.random() < 0.7 else tuple(rng.sample(ROUTINE, k=rng.randint(3, 7)))
        stale = rng.random() < 0.15
        blood(
            chart, rng, ago=visit + (rng.randint(35, 120) if stale else 0), tests=tests, laboratory=laboratory,
            limits=rng.random() < 0.7, results=_illness_in_blood(rng),
        )  # fmt: skip
    if rng.random() < 0.4:
        body(chart, rng, ago=visit, height=rng.randint(154, 188), weight=rng.uniform(48, 96))
    if course.metastatic is not None and rng.random() < care.imaging:
        chart.seen("measurable_disease", rng.choice(("yes", "yes", "yes", "y", "no")), ago=visit + rng.randint(0, 30))
        if rng.random() < 0.4:
            chart.seen("lesion_count", rng.randint(1, 12), ago=visit + rng.randint(0, 30))
    if rng.random() < 0.15:
        chart.seen("lvef", rng.randint(48, 66), ago=visit + rng.randint(0, 150), unit="%")
    if female and rng.random() < 0.3 * care.fields:
        _write_reproduction(chart, rng, course, female=female, ago=visit)


def _illness_in_blood(rng: Random) -> dict[str, float]:
    """Now and then a value outside the normal range, in the centre's units."""
    found: dict[str, float] = {}
    if rng.random() < 0.12:
        found |= {"anc": rng.uniform(0.7, 1.4), "wbc": rng.uniform(1.8, 3.0)}
    if rng.random() < 0.1:
        found["platelets"] = rng.uniform(55, 98)
    if rng.random() < 0.12:
        found["hemoglobin"] = rng.uniform(7.4, 8.9)
    if rng.random() < 0.08:
        found |= {"ast": rng.uniform(95, 210), "alt": rng.uniform(105, 260)}
    if rng.random() < 0.08:
        found["creatinine"] = rng.uniform(150, 230)
    if rng.random() < 0.06:
        found["bilirubin"] = rng.uniform(28, 66)
    return found


def _write_reproduction(chart: Chart, rng: Random, course: Course, *, female: bool, ago: int) -> None:
    if not female:
        return
    born = chart.tables["patients"][0]["birth_date"]
    age = chart.today.year - int(born[:4]) if born else 60
    fertile = age < 48 and rng.random() < 0.6
    chart.seen("menopausal_status", "premenopausal" if fertile else "postmenopausal", ago=ago)
    chart.seen("childbearing_potential", "yes" if fertile else "no", ago=ago)
    chart.seen("breastfeeding", "no", ago=ago)
    if fertile:
        chart.seen("pregnancy_test", "negative", ago=ago)


#: How often each gene is found mutated.
_MUTATED = {"BRCA1": 0.01, "BRCA2": 0.05, "PALB2": 0.03, "TP53": 0.5, "RB1": 0.4, "PTEN": 0.15}


def _write_markers(chart: Chart, rng: Random, course: Course, *, complete: bool, visit: int) -> None:
    """Most tumours were never sequenced; of the others most results are negative."""
    if rng.random() > (0.5 if complete else 0.14):
        return
    ago = max(visit, min(course.diagnosed, rng.randint(60, 700)))
    for gene in ("NTRK1", "NTRK2", "NTRK3") if rng.random() < 0.4 else ("NTRK",):
        chart.marker(
            gene, alteration="fusion", ago=ago, assay=rng.choice(("RNA sequencing", "NGS panel", "IHC")),
            result=rng.choices(("negative", "not detected", "positive", "equivocal"), weights=(60, 34, 3, 3))[0],
        )  # fmt: skip
    for gene, chance in _MUTATED.items():
        positive = rng.random() < chance
        chart.marker(
            gene, alteration="mutation", ago=ago, assay="NGS panel", origin="somatic",
            result="positive" if positive else "negative",
            significance=rng.choice(("pathogenic", "likely pathogenic", "VUS")) if positive else "",
        )  # fmt: skip
