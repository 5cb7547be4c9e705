"""Generates patients who meet what some rules ask: facts of every kind, with gaps, contradictions and partial dates.

Days cluster around the as-of date, around the spans that the rules name and around each other; values around the
rules' limits; concepts around the concepts asked for. A patient is small, none to three rows of a kind, so that what is
left when it is shrunk can be read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from typing import Any, TypeVar

from patients.facts import (
    CODED,
    DEFAULT_POLICIES,
    Answer,
    Biomarker,
    Condition,
    Coverage,
    DiseaseStatus,
    Fact,
    Medication,
    Observation,
    PartialDate,
    Patient,
    Policy,
    ReferenceRange,
    Treatment,
    add_days,
    add_months,
)
from patients.vocabulary import Domain, default
from tests.generative.asked import Asked, near, of_pattern
from tests.generative.choices import Choice, drawn
from trials.criteria import tree as t
from trials.criteria.kinds import Kind

F = TypeVar("F", bound=Fact)

#: A document and version that answers are given to, and the criterion that is asked about.
DOCUMENT, VERSION, CRITERION = "T", 1, "C1"

#: As-of dates: a plain day, a leap day, the days beside it, ends of months and of years.
AS_OF = (
    date(2026, 1, 15),
    date(2024, 2, 29),
    date(2025, 3, 31),
    date(2025, 2, 28),
    date(2024, 3, 1),
    date(2025, 12, 31),
    date(2026, 1, 1),
)

_SPANS = tuple(
    t.Span(number, unit)
    for number, unit in ((28, t.TimeUnit.DAY), (30, t.TimeUnit.DAY), (60, t.TimeUnit.DAY), (90, t.TimeUnit.DAY),
                         (180, t.TimeUnit.DAY), (6, t.TimeUnit.MONTH), (12, t.TimeUnit.MONTH), (24, t.TimeUnit.HOUR))
)  # fmt: skip


@dataclass
class Making:
    """A patient in the making: the choices, what is asked, the as-of date and the days used so far.

    Of a `thorough` record dates are known to the day, what the rules test is filled in, and what they ask of complete.
    While a row is made to meet one pattern it is `exact`.
    """

    c: Choice
    asked: Asked
    as_of: date
    days: list[date] = field(default_factory=list)
    made: int = 7
    thorough: bool = False
    exact: bool = False

    # days

    def day(self) -> date:
        """A day near one that matters."""
        c = self.c
        match c.pick(("span", "span", "beside", "as of", "long ago", "special", "future")):
            case "span":
                found = add_days(self.moved(self.as_of, -1), c.pick((0, -1, 1)))
            case "beside":
                base = c.pick(self.days) if self.days else self.as_of
                found = add_days(base, c.pick((0, 0, 1, -1, 28, -28, 29, -29, 30)))
                found = self.moved(base, c.pick((-1, 1))) if c.chance(35) else found
            case "as of":
                found = add_days(self.as_of, c.pick((0, -1, -2, -5, -10)))
            case "special":
                year = self.as_of.year - c.number(0, 3)
                found = c.pick((date(year, 1, 1), date(year, 12, 31), date(year, 1, 31), date(year, 2, 28),
                                date(2024, 2, 29), date(year, 3, 1), date(year, 11, 30)))  # fmt: skip
            case "future":
                found = add_days(self.as_of, c.pick((1, 2, 14, 30, 90)))
            case _:
                found = add_days(self.as_of, -c.number(0, 1500))
        self.days.append(found)
        return found

    def moved(self, day: date, way: int) -> date:
        """A day moved by a span of the rules, or by one that the engine knows itself."""
        spans = self.asked.spans if self.asked.spans and self.c.chance(70) else _SPANS
        span = self.c.pick(spans)
        match span.unit:
            case t.TimeUnit.MONTH:
                return add_months(day, way * int(span.number))
            case t.TimeUnit.YEAR:
                return add_months(day, way * int(12 * span.number))
            case unit:
                length = {t.TimeUnit.DAY: 1.0, t.TimeUnit.WEEK: 7.0, t.TimeUnit.HOUR: 1 / 24}.get(unit)
                if length is None:  # half-lives, of a drug that may be asked for
                    length = (default().half_life_hours(self.c.pick(_HALVING)) or 24.0) / 24
                return add_days(day, way * -int(-span.number * length // 1))

    def partial(self, missing: int = 12) -> PartialDate | None:
        """A date, of which the day or the month may not be known, or nothing at all."""
        if self.c.chance(missing // 4 if self.thorough else missing):
            return None
        day = self.day()
        return self.vague(day)

    def vague(self, day: date) -> PartialDate:
        """A day as it may be recorded."""
        match self.c.pick(("day",) * 8 + (() if self.thorough else ("month", "year"))):
            case "month":
                return PartialDate.parse(f"{day:%Y-%m}")
            case "year":
                return PartialDate.parse(f"{day.year:04d}")
            case _:
                return PartialDate.of(day)

    # words

    def concept(self, *domains: Domain) -> str:
        """The id of a concept that is asked for, or of one near it."""
        asked = [id for domain in domains for id in self.asked.concepts.get(domain, ())]
        base = self.c.pick(asked) if asked and self.c.chance(80) else self.c.pick(_ids(domains))
        return base if self.c.chance(85 if self.exact else 60) else self.c.pick(near(base))

    def concepts(self, *domains: Domain) -> tuple[str, ...]:
        """What a record may mean: one concept mostly, several that contradict each other, or none that is known."""
        number = self.c.pick((1,) * (20 if self.exact else 8) + (2, 0))
        return tuple(dict.fromkeys(self.concept(*domains) for _ in range(number)))

    def code(self, column: str) -> str:
        """A code of a column, seldom a word that no list knows."""
        if self.c.chance(4):
            return "something else"
        asked = self.asked.codes.get(column)
        return (
            self.c.pick(asked)
            if asked and self.c.chance(80 if self.exact else 55)
            else self.c.pick(list(CODED[column]))
        )

    def word(self, name: str, *others: str) -> str:
        """A word of a free text, as asked or another."""
        return self.c.pick([*self.asked.words.get(name, ()), *others])

    def number(self, name: str, *others: float) -> float:
        """A number at a limit of the rules, beside it, or another."""
        limits = self.asked.numbers.get(name)
        if limits and self.c.chance(65):
            return max(0.0, self.c.pick(limits) + self.c.pick((0, 1, -1)))
        return float(self.c.pick(others))

    # rows

    def filled(self, table: str, makers: Mapping[str, Callable[[], Any]], most: int = 3) -> dict[str, Any]:
        """Some fields of a row, those that the rules test most of all. A maker may fill several at once."""
        wanted = [
            name
            for name in makers
            if name in self.asked.fields.get(table, ()) and self.c.chance(95 if self.thorough else 70)
        ]
        others = [name for name in makers if name not in wanted]
        found: dict[str, Any] = {}
        for name in [*wanted, *self.c.some(others, 0, min(most, 2) if self.exact else most)]:
            value = makers[name]()
            found.update(value if isinstance(value, dict) else {_COLUMNS.get(name, name): value})
        return found

    def rows(self, table: str, make: Callable[[], F], often: Sequence[int] = (0, 0, 0, 1)) -> tuple[F, ...]:
        """The rows of a kind: some where the rules ask of them, few where they do not; each with its own id."""
        patterns = self.asked.patterns.get(table, [])
        meeting = self.c.some(patterns, min(len(patterns), 2), 5) if self.thorough else []
        found = [self.meeting(pattern, make) for pattern in meeting]
        number = self.c.pick((0, 0, 1) if meeting else (1, 0, 1, 2, 2, 3) if table in self.asked.tables else often)
        for _ in range(number):
            meets_one = patterns and self.c.chance(40)
            row = self.meeting(self.c.pick(patterns), make) if meets_one else make()
            if found and self.c.chance(35):
                row = self.again(self.c.pick(found), row)
            found.append(row)
        return tuple(found)

    def meeting(self, pattern: t.Records, make: Callable[[], F]) -> F:
        """A row made to meet one of the patterns that are asked for, and not all of them a little."""
        everything, self.asked = self.asked, of_pattern(pattern)
        spans, self.asked.spans = self.asked.spans, everything.spans
        self.exact = True
        row = make()
        self.asked.spans = spans
        self.asked, self.exact = everything, False
        return row

    def again(self, row: F, other: F) -> F:
        """The same thing told again: what another row says of a few fields, often on the same day."""
        told = [name for name in type(row).__dataclass_fields__ if name not in _IDENTITY]
        changed = [name for name in told if getattr(other, name) != getattr(row, name)]
        dated = [name for name in ("date", "start") if name in changed and self.c.chance(50)]
        names = {*self.c.some([name for name in changed if name not in ("date", "start")], 0, 3), *dated}
        names |= _TOGETHER if names & _TOGETHER else frozenset()
        return replace(row, id=other.id, **{name: getattr(other, name) for name in names if name in told})

    def fact(self, kind: str, raw: str) -> dict[str, Any]:
        """What every fact carries. Ids are numbered past nine, for `10` comes before `9` as a text."""
        self.made += 1
        recorded = self.c.pick((self.as_of, self.as_of, add_days(self.as_of, -10), None, add_days(self.as_of, 20)))
        return {"id": f"{kind}:{self.made}", "raw": raw, "recorded": recorded}

    def naming(self, concepts: tuple[str, ...]) -> dict[str, Any]:
        """The raw name that goes with what a row may mean."""
        if concepts:
            return {"raw": concepts[0], "named": True}
        return self.c.pick(({"raw": "something odd", "named": True}, {"raw": "", "named": False}))


_HALVING = ("doxorubicin", "pazopanib", "gemcitabine")

#: The field of a rule under the name of its column, where they differ.
_COLUMNS = {"site": "sites", "state": "states", "class": "variant_class", "for": "diagnosis"}

#: What makes a row itself, and is never taken from another.
_IDENTITY = frozenset(
    {"id", "source", "recorded", "raw", "named", "concepts", "histologies", "genes", "agents", "kind"}
)

#: The bounds of a value, which only mean something together.
_TOGETHER = frozenset({"low", "high", "low_open", "high_open", "code", "unit", "shown", "test", "scale"})

_OF_DOMAIN = {
    Domain.CANCER: ("leiomyosarcoma", "uterine leiomyosarcoma", "liposarcoma", "breast cancer", "carcinoma in situ"),
    Domain.CONDITION: ("hypertension", "infection", "peripheral neuropathy", "alopecia", "stroke", "CNS metastasis"),
    Domain.SITE: ("liver", "uterus", "lung", "bone"),
    Domain.DRUG: ("doxorubicin", "gemcitabine", "docetaxel", "pazopanib", "prednisone", "dexamethasone", "study drug"),
    Domain.PROCEDURE: ("radiotherapy", "surgery", "autologous stem cell transplant"),
    Domain.GENE: ("NTRK1", "NTRK3", "NTRK", "BRCA1", "BRCA2", "CD274"),
    Domain.ASSAY: ("next generation sequencing", "immunohistochemistry", "fluorescence in situ hybridization"),
}


@cache
def _ids(domains: tuple[Domain, ...]) -> tuple[str, ...]:
    found = [id for domain in domains for name in _OF_DOMAIN[domain] for id in default().find(name, domain)]
    return tuple(dict.fromkeys(found))


# --- conditions ----------------------------------------------------------------------------------------------------

_KIND_OF_ROW = {
    Kind.DIAGNOSIS: "primary",
    Kind.CONDITION: "comorbidity",
    Kind.TOXICITY: "toxicity",
    Kind.ALLERGY: "allergy",
    Kind.FAMILY_HISTORY: "family history",
    Kind.SITE: "metastasis",
}

_METASTASES = ("liver metastasis", "CNS metastasis", "lung metastasis", "bone metastasis", "metastasis")


def _condition(m: Making) -> Condition:
    c = m.c
    likely = [_KIND_OF_ROW[kind] for kind in m.asked.kinds if kind in _KIND_OF_ROW]
    kind: str | None = c.pick(likely) if likely and c.chance(95 if m.exact else 60) else c.pick(
        ("primary", "primary", "metastasis", "comorbidity", "toxicity", "allergy", "family history")
    )  # fmt: skip
    histologies: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    match kind:
        case "primary":
            concepts = m.concepts(Domain.CANCER)
        case "metastasis":
            concepts = default().find(c.pick(_METASTASES), Domain.CONDITION) if c.chance(90) else ()
        case "allergy":
            concepts, agents = (), m.concepts(Domain.DRUG)
        case "family history":
            concepts = m.concepts(Domain.CANCER, Domain.CONDITION)
        case _:
            concepts = m.concepts(Domain.CONDITION)
    if concepts:
        axes = [default().axes(each) for each in concepts]
        histologies = tuple(dict.fromkeys(histology for histology, _ in axes if histology is not None))
        sites = tuple(dict.fromkeys(site for _, site in axes if site is not None))
        if histologies and c.chance(25):
            sites = m.concepts(Domain.SITE)
    grade = lambda *others: lambda: m.number("grade", *others)  # noqa: E731  # one maker for each of two columns
    fields = m.filled(
        "conditions",
        {
            "status": lambda: m.code("condition_status"),
            "extent": lambda: m.code("extent"),
            "stage": lambda: m.word("stage", "III", "IIIB", "IV", "IIA", "x"),
            "state": lambda: {
                "states": tuple(dict.fromkeys(m.code("state") for _ in range(c.number(1, 2)))),
                "state_since": m.partial(50),
            },
            "grade": grade(1, 2, 3),
            "baseline_grade": grade(0, 1, 2),
            "basis": lambda: m.code("basis"),
            "laterality": lambda: m.code("laterality"),
            "tumour_grade": lambda: m.word("tumour_grade", "high", "low", "3"),
            "due_to": lambda: m.concepts(Domain.DRUG, Domain.PROCEDURE),
            "diagnosis_id": lambda: c.pick(_DIAGNOSES),
            "end": m.partial,
            "tnm": lambda: {"t": "T2", "n": c.pick(("N0", "N1")), "m": c.pick(("M0", "M1"))},
        },
    )
    if c.chance(8):
        kind = None
    row = {**m.fact("condition", ""), **m.naming(concepts or agents), "kind": kind, "concepts": concepts}
    date_ = m.partial()
    return Condition(**{**row, "histologies": histologies, "sites": sites, "agents": agents, "date": date_, **fields})


#: Ids of diagnoses that rows may share, one of which no primary has.
_DIAGNOSES = ("D1", "D2", "D9")


def _conditions(m: Making) -> tuple[Condition, ...]:
    """A primary mostly, whatever is asked; sometimes two, sometimes told of twice."""
    rows = m.rows("conditions", lambda: _condition(m), (0, 0, 1))
    c = m.c
    if c.chance(75):
        name = m.concept(Domain.CANCER)
        histology, site = default().axes(name)
        own = Condition(
            **m.fact("condition", name), kind="primary", concepts=(name,),
            histologies=(histology,) if histology else (), sites=(site,) if site else (),
            diagnosis_id=c.pick((None, "D1")), date=m.partial(), extent=c.pick((None, "metastatic", "localized")),
        )  # fmt: skip
        return (own, *rows)
    return rows


# --- treatments and medications ------------------------------------------------------------------------------------


def _course(m: Making) -> dict[str, Any]:
    """First and last day and whether it goes on; the end is seldom before the start."""
    c = m.c
    start = m.partial()
    ongoing = c.pick((None, None, True, False))
    end: PartialDate | None = None
    if ongoing is not True and c.chance(80 if m.thorough else 65):
        base = start.first if start is not None else m.day()
        day = c.pick((m.moved(base, 1), m.day(), add_days(m.moved(m.as_of, -1), c.pick((0, 1, -1)))))
        if day >= base or c.chance(3):
            end = m.vague(day)
            m.days.append(day)
    return {"start": start, "end": end, "ongoing": ongoing}


def _dose(m: Making, prefix: str = "dose") -> dict[str, Any]:
    c = m.c
    unit: str | None = c.pick(("mg/m2", "mg", "g/m2", "mg/day", "mg/m²", "mL"))
    number = float(c.pick((75, 100, 10, 450, 1, 2.5)))
    if m.asked.doses and c.chance(65):
        limit = c.pick(m.asked.doses)
        unit, number = limit.unit or unit, limit.number * c.pick((1, 0.5, 2, 1.01, 0.99))
    return {prefix: number, f"{prefix}_unit": unit if c.chance(90) else None}


def _treatment(m: Making) -> Treatment:
    c = m.c
    kind: str | None = c.pick(
        ("drug", "drug", "drug", "drug", "radiotherapy", "surgery", "transplant", "other", "procedure")
    )
    if m.exact and m.asked.concepts.get(Domain.DRUG) and not m.asked.concepts.get(Domain.PROCEDURE):
        kind = "drug"
    systemic = kind in ("drug", "other")
    concepts = m.concepts(Domain.DRUG) if systemic else m.concepts(Domain.PROCEDURE)
    fields = m.filled(
        "treatments",
        {
            "intent": lambda: m.code("intent"),
            "setting": lambda: m.code("setting"),
            "line": lambda: int(m.number("line", 1, 1, 2, 3)),
            "outcome": lambda: c.pick(({"response": "progressive disease"}, {"stop_reason": m.code("stop_reason")})),
            "response": lambda: m.code("response"),
            "stop_reason": lambda: m.code("stop_reason"),
            "status": lambda: c.pick((m.code("treatment_status"), "planned", "given")),
            "with": lambda: {"regimen": c.pick(("AI", "GemTax"))},
            "regimen": lambda: c.pick(("AI", "GemTax")),
            "dose": lambda: _dose(m),
            "cumulative_dose": lambda: _dose(m, "cumulative_dose"),
            "relative_dose": lambda: m.number("relative_dose", 80, 100),
            "cycles": lambda: m.number("cycles", 1, 4, 6),
            "schedule": lambda: m.word("schedule", "every 21 days", "weekly"),
            "technique": lambda: m.word("technique", "stereotactic", "other"),
            "site": lambda: m.concepts(Domain.SITE),
            "on_trial": lambda: c.chance(50),
            "for": lambda: c.pick((*_DIAGNOSES, "leiomyosarcoma", "breast cancer")),
        },
        4,
    )
    if c.chance(10):
        kind = None
    return Treatment(
        **m.fact("treatment", "") | m.naming(concepts), kind=kind, concepts=concepts, **_course(m), **fields
    )


def _medication(m: Making) -> Medication:
    c = m.c
    concepts = m.concepts(Domain.DRUG)
    fields = m.filled(
        "medications",
        {
            "dose": lambda: _dose(m),
            "frequency": lambda: m.word("frequency", "daily", "twice daily", "weekly", "as needed"),
            "route": lambda: m.code("route"),
            "for": lambda: {"indications": m.concepts(Domain.CONDITION, Domain.CANCER), "indication_text": "something"},
            "purpose": lambda: {"indication_text": c.pick(("premedication", "cerebral oedema"))},
        },
    )
    return Medication(**m.fact("medication", "") | m.naming(concepts), concepts=concepts, **_course(m), **fields)


# --- observations --------------------------------------------------------------------------------------------------

#: The tests that go into a computed value or stand for another, with a usual value of each.
_INPUTS: Mapping[str, tuple[tuple[str, float], ...]] = {
    "creatinine_clearance": (("creatinine", 1.0), ("weight", 70.0)),
    "egfr": (("creatinine", 1.0),),
    "bmi": (("weight", 70.0), ("height", 170.0)),
    "bsa": (("weight", 70.0), ("height", 170.0)),
    "corrected_calcium": (("calcium", 10.0), ("albumin", 3.5)),
    "qtcf": (("qt", 420.0), ("heart_rate", 70.0)),
    "qtc": (("qtcf", 450.0), ("qtcb", 460.0), ("qt", 420.0), ("heart_rate", 70.0)),
    "anc": (("wbc", 3.0), ("neutrophil_percent", 45.0), ("band_percent", 5.0)),
    "hepatic_nci_odwg": (("bilirubin", 1.2), ("ast", 50.0)),
    "ecog": (("karnofsky", 70.0),),
    "karnofsky": (("ecog", 1.0),),
}

_USUAL = {
    "anc": 1.5, "platelets": 100.0, "creatinine": 1.2, "lvef": 50.0, "qtcf": 450.0, "bilirubin": 1.0, "ast": 40.0,
    "ecog": 1.0, "karnofsky": 80.0, "creatinine_clearance": 60.0, "egfr": 60.0, "bmi": 25.0, "bsa": 1.8,
    "corrected_calcium": 10.0, "qtc": 450.0,
}  # fmt: skip


def _value(m: Making, test: str, usual: float) -> dict[str, Any]:
    """A value of a test near what is asked, as a number or a bound."""
    c = m.c
    known = default().test(test)
    limits = m.asked.values.get(test)
    value = c.pick(limits) if limits and c.chance(75) else usual
    value = value + c.pick((0, 0, 1, -1)) if known.integer else value * c.pick((1, 1, 0.5, 2, 1.01, 0.99))
    value = max(value, 0.0)
    ends = c.pick(
        ({"low": value, "high": value},) * 8
        + ({"high": value, "high_open": c.chance(50)}, {"low": value, "low_open": c.chance(50)}, {},
           {"low": value, "high": value + 1})
    )  # fmt: skip
    return {**ends, "unit": known.unit, "shown": f"{value:g}"}


def _observation(m: Making, test: str | None = None, day: PartialDate | None = None) -> Observation:
    """A value of a test that is asked for or goes into one; or of the one that is given, on a day."""
    c = m.c
    asked = [test for test in m.asked.values if test != "sex"]
    inputs = [pair for test in asked for pair in _INPUTS.get(test, ())]
    if test is not None:
        usual = _USUAL.get(test, 1.0)
    elif inputs and c.chance(35):
        test, usual = c.pick(inputs)
    else:
        test = c.pick(asked) if asked and c.chance(85) else c.pick(list(_USUAL))
        usual = _USUAL.get(test, 1.0)
    codes = list(default().test(test).codes)
    fields: dict[str, Any]
    if codes:
        words = [word for word in m.asked.words.get(test, ()) if word in codes]
        code = c.pick([*words, *codes, "something else"])
        fields = {"code": code, "shown": code}
    else:
        fields = _value(m, test, usual)
        value = fields.get("low", fields.get("high", 1.0))
        if c.chance(85 if m.thorough and m.asked.factors else 45):
            factor = c.pick(m.asked.factors) if m.asked.factors and c.chance(70) else c.pick((1.0, 1.5))
            limit = value / factor if factor else value
            fields |= c.pick(({"ref_high": limit}, {"ref_low": limit}, {"ref_low": limit / 2, "ref_high": limit}))
    fields |= m.filled(
        "observations",
        {
            "method": lambda: m.word("method", "Fridericia", "MUGA", "echocardiography"),
            "laboratory": lambda: c.pick(("north", "south")),
            "specimen": lambda: "serum",
        },
        1,
    )
    if day is None and c.chance(4):
        return Observation(**m.fact("observation", "an odd test"), shown="3", date=m.partial())
    return Observation(**m.fact("observation", test), test=test, date=day or m.partial(), **fields)


def _observations(m: Making) -> tuple[Observation, ...]:
    """Single values; and for a computed value all of its inputs, mostly of one day. A thorough record has what is asked."""
    c = m.c
    rows = list(m.rows("observations", lambda: _observation(m)))
    for test in [each for each in m.asked.values if each != "sex"][:6] if m.thorough else ():
        for _ in range(c.pick((1, 1, 2, 0, 3))):
            day = PartialDate.of(add_days(m.as_of, -c.pick((0, 1, 3, 3, 10, 27, 30))))
            rows.append(_observation(m, test, day))
    computed = [test for test in m.asked.values if test in _INPUTS]
    if computed and c.chance(60):
        day = m.partial(5)
        for test, usual in _INPUTS[c.pick(computed)]:
            when = m.partial() if c.chance(15) else day
            fields = _value(m, test, usual)
            limit = {"ref_high": usual} if c.chance(60) else {}
            rows.append(Observation(**m.fact("observation", test), test=test, date=when, **fields, **limit))
    return tuple(rows)


# --- biomarkers and the course of disease --------------------------------------------------------------------------


def _biomarker(m: Making) -> Biomarker:
    c = m.c
    genes = m.concepts(Domain.GENE)

    def value() -> dict[str, Any]:
        number = m.number("value", 1, 10, 50)
        ends = c.pick(
            ({"low": number, "high": number}, {"low": number, "high": number}, {"low": number, "low_open": c.chance(50)},
             {"high": number, "high_open": c.chance(50)})
        )  # fmt: skip
        return {**ends, "shown": f"{number:g}", "scale": m.code("scale") if c.chance(80) else None}

    fields = m.filled(
        "biomarkers",
        {
            "result": lambda: m.code("result"),
            "alteration": lambda: m.code("alteration"),
            "value": value,
            "scale": lambda: m.code("scale"),
            "unit": lambda: "%",
            "partner": lambda: m.concept(Domain.GENE),
            "variant": lambda: m.word("variant", "V600E", "p.Val600Lys", "c.35G>T"),
            "exon": lambda: m.word("exon", "12", "exon 11", "9-11"),
            "class": lambda: m.word("class", "truncating", "missense"),
            "significance": lambda: m.code("significance"),
            "origin": lambda: m.code("origin"),
            "zygosity": lambda: m.code("zygosity"),
            "specimen": lambda: m.word("specimen", "blood", "tumour"),
            "assay": lambda: m.concept(Domain.ASSAY) if c.chance(90) else "an odd assay",
            "laboratory": lambda: c.pick(("north", "south")),
        },
        4,
    )
    if m.exact and "result" not in fields and c.chance(75):
        fields["result"] = "positive"
    return Biomarker(**m.fact("biomarker", "") | m.naming(genes), genes=genes, date=m.partial(), **fields)


def _disease_status(m: Making) -> DiseaseStatus:
    c = m.c
    status = m.code("disease_status") if c.chance(92) else None
    fields = m.filled(
        "disease_status",
        {
            "site": lambda: m.concepts(Domain.SITE),
            "basis": lambda: m.code("basis"),
            "diagnosis": lambda: c.pick((*_DIAGNOSES, "leiomyosarcoma", "breast cancer")),
        },
        1,
    )
    return DiseaseStatus(**m.fact("disease_status", status or "odd"), status=status, date=m.partial(), **fields)


# --- what is complete ----------------------------------------------------------------------------------------------

DOMAINS = ("conditions", "treatments", "medications", "observations", "biomarkers", "disease_status")


def _scope(m: Making, domain: str) -> str:
    c = m.c
    if c.chance(45):
        return "all"
    match domain:
        case "conditions":
            kinds = ("primary", "metastasis", "comorbidity", "toxicity", "allergy", "family history")
            return c.pick([f"kind:{kind}" for kind in kinds] + [f"class:{m.concept(Domain.CANCER, Domain.CONDITION)}"])
        case "treatments":
            return c.pick(("kind:drug", "kind:drug", "kind:surgery", "kind:radiotherapy", "drug",
                           f"class:{m.concept(Domain.DRUG)}", "kind:drug class:anthracycline"))  # fmt: skip
        case "medications":
            return c.pick((f"class:{m.concept(Domain.DRUG)}", "kind:drug"))
        case "biomarkers":
            genes = "|".join(dict.fromkeys(m.concept(Domain.GENE) for _ in range(c.number(1, 2))))
            parts = [f"genes:{genes}"] if c.chance(70) else []
            parts += [f"alteration:{m.code('alteration')}"] if c.chance(50) else []
            parts += [f"assay:{m.concept(Domain.ASSAY)}"] if c.chance(30) else []
            return " ".join(parts) or "all"
        case _:
            return "all"


def _domain(m: Making) -> str:
    relevant = sorted(m.asked.tables)
    return m.c.pick(relevant) if relevant and m.c.chance(85) else m.c.pick(DOMAINS)


def _coverage(m: Making) -> Coverage:
    domain = _domain(m)
    through = m.c.pick((m.as_of, add_days(m.as_of, -30), add_days(m.as_of, -31), None, m.day()))
    return Coverage(**m.fact("coverage", ""), domain=domain, scope=_scope(m, domain), complete_through=through)


def _coverages(m: Making) -> tuple[Coverage, ...]:
    made = [_coverage(m) for _ in range(m.c.pick((0, 1, 1, 2, 3)))]
    whole = sorted(m.asked.tables) if m.thorough else ()
    made += [Coverage(**m.fact("coverage", ""), domain=domain, complete_through=m.as_of) for domain in whole]
    return tuple(made)


def _policies(m: Making) -> tuple[Policy, ...]:
    c = m.c
    match c.pick(("default", "default", "none", "made", "made", "clinic")):
        case "default":
            return DEFAULT_POLICIES
        case "none":
            return ()
        case "clinic":
            clinic = Policy("treatments", "kind:drug", complete_when_present=True, needs_data_through=True)
            return (*DEFAULT_POLICIES, clinic)
    made = []
    for _ in range(c.number(1, 3)):
        domain = _domain(m)
        made.append(
            Policy(
                domain, _scope(m, domain), complete_when_present=c.chance(80),
                currency_days=c.pick((None, None, 0, 14, 90)), needs_data_through=c.chance(15),
            )
        )  # fmt: skip
    return tuple(made)


def _range(m: Making) -> ReferenceRange:
    c = m.c
    tests = [test for test in m.asked.values if test not in ("sex",)] or list(_USUAL)
    test = c.pick(tests)
    value = c.pick(m.asked.values.get(test) or (_USUAL.get(test, 1.0),))
    high = value / (c.pick(m.asked.factors) or 1) if m.asked.factors and c.chance(50) else value
    restrictions = {
        "sex": lambda: c.pick(("female", "male")),
        "age_from": lambda: float(c.pick((18, 65))),
        "age_to": lambda: float(c.pick((65, 75))),
        "valid_from": m.day,
        "valid_to": m.day,
        "laboratory": lambda: c.pick(("north", "south")),
    }
    said = {name: restrictions[name]() for name in c.some(list(restrictions), 0, 2)}
    return ReferenceRange(test, c.pick((None, high / 2)), c.pick((high, None)), **said)


# --- the person ----------------------------------------------------------------------------------------------------


def _births(m: Making) -> tuple[PartialDate, ...]:
    c = m.c
    found = []
    for _ in range(c.pick((1,) * 8 + (0, 2))):
        years = c.pick(m.asked.ages) if m.asked.ages and c.chance(60) else c.pick((60, 18, 65, 75, 40))
        day = add_days(add_months(m.as_of, -12 * years), c.pick((0, 1, -1, -200, 30)))
        day = c.pick((day,) * 5 + (date(1960, 2, 29), date(2008, 2, 29)))
        found.append(m.vague(day))
    return tuple(dict.fromkeys(found))


def _data_through(m: Making) -> date | None:
    c = m.c
    if c.chance(25):
        return None
    return c.pick(
        [add_days(m.as_of, -days) for days in (0, 5, 30, 31, 180, 181, 400)] + [add_days(m.as_of, 3), m.day()]
    )


def _vital(m: Making) -> dict[str, Any]:
    c = m.c
    if not c.chance(15):
        return {"deceased": c.pick((None, False))}
    said = c.pick((True, True, None, "both"))
    # A record that says both keeps the day that is denied, if there is one.
    both = {"vital_conflict": True} if said == "both" else {"deceased": said}
    return {**both, "death": m.partial(40)}


def _answer(m: Making, criteria: Sequence[str]) -> Answer:
    """An answer to a question of the rules or to a criterion: current, expired or of another version."""
    c = m.c
    question = c.pick(m.asked.questions) if m.asked.questions and c.chance(75) else ""
    on = add_days(m.as_of, c.pick((0, -5, -5, -90, 1)))
    until = c.pick((None, add_days(m.as_of, 60), m.as_of, add_days(m.as_of, -1)))
    stands = (DOCUMENT, VERSION, c.pick(criteria))
    document, version, criterion = c.pick(
        (stands,) * 8 + ((DOCUMENT, VERSION + 1, CRITERION), ("U", VERSION, CRITERION))
    )
    return Answer(
        **m.fact("answer", ""), document=document, version=version, criterion=criterion, question=question,
        truth=c.chance(50), reason="said so", by="reader", on=on, valid_until=until, override=c.chance(25),
    )  # fmt: skip


def make_patient(
    c: Choice, asked: Asked | None = None, as_of: date = AS_OF[0], criteria: Sequence[str] = (CRITERION,)
) -> Patient:
    """A patient who meets what is asked more often than chance would have it."""
    m = Making(c, asked or Asked(), as_of, thorough=c.chance(50))
    data_through = _data_through(m)
    if data_through is not None:
        m.days.append(data_through)
    return Patient(
        registry="R",
        patient_id="P",
        births=_births(m),
        sexes=c.pick((("female",), ("male",)) * 4 + ((), ("female", "male"), ("other",))),
        **_vital(m),
        country=c.pick((None, "DE")),
        postal_code=c.pick((None, "10115")),
        data_through=data_through,
        conditions=_conditions(m),
        treatments=m.rows("treatments", lambda: _treatment(m)),
        medications=m.rows("medications", lambda: _medication(m)),
        observations=_observations(m),
        biomarkers=m.rows("biomarkers", lambda: _biomarker(m)),
        disease_status=m.rows("disease_status", lambda: _disease_status(m)),
        coverage=_coverages(m),
        policies=_policies(m),
        ranges=tuple(_range(m) for _ in range(c.pick((0, 0, 0, 1, 2)))) if "observations" in m.asked.tables else (),
        suspended=frozenset({_domain(m)}) if c.chance(5) else frozenset(),
        answers=tuple(
            _answer(m, criteria) for _ in range(c.pick((0, 0, 0, 1, 2) if not m.asked.questions else (0, 1, 1, 2)))
        ),
    )


patients = drawn(make_patient)
