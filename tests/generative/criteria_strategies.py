"""Generates rules of every construct over a sample of the vocabulary.

The makers build nodes, not text, and only nodes that the vocabulary can answer: known concepts, tests with their own
units and values, fields of the kind at hand. So what is generated can be printed, stored, explained and evaluated; the
round trips and the comparison of the two engines draw from here, and a meta-test holds that every node is reached.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from patients.facts import CODED
from patients.vocabulary import Domain
from tests.generative.choices import Choice, drawn
from trials.criteria import tree as t
from trials.criteria.kinds import CONCEPT_DOMAINS, FIELDS, OUTCOMES, FieldType, Kind


@dataclass(frozen=True)
class Measured:
    """A test with the unit rules write it in and values around which they ask."""

    test: str
    unit: str
    values: Sequence[float]


@dataclass(frozen=True)
class Words:
    """The concepts, tests and names that rules are made of."""

    concepts: Mapping[Domain, Sequence[str]]
    measured: Sequence[Measured]
    coded: Mapping[str, Sequence[str]]
    named: Sequence[str] = ()
    sets: Mapping[Domain, Sequence[str]] = field(default_factory=dict)
    questions: Sequence[str] = ("is the disease suitable for the study?", "does (this), or that, count?")

    def __repr__(self) -> str:
        return "Words"

    def of(self, domains: tuple[Domain, ...]) -> list[str]:
        """The names of some domains, defined sets among them."""
        return [name for domain in domains for held in (self.concepts, self.sets) for name in held.get(domain, ())]


#: A few of each domain, near enough to each other that records and rules meet: classes beside their members.
SAMPLE = Words(
    concepts={
        Domain.CANCER: (
            "leiomyosarcoma",
            "uterine leiomyosarcoma",
            "soft tissue sarcoma",
            "liposarcoma",
            "malignancy",
            "breast cancer",
        ),
        Domain.CONDITION: (
            "CNS metastasis",
            "liver metastasis",
            "hypertension",
            "peripheral neuropathy",
            "alopecia",
            "infection",
            "stroke",
        ),
        Domain.SITE: ("bone", "liver", "uterus", "lung"),
        Domain.DRUG: (
            "doxorubicin",
            "gemcitabine",
            "docetaxel",
            "pazopanib",
            "chemotherapy",
            "anthracycline",
            "prednisone",
            "trabectedin",
            "CYP3A inducer",
        ),
        Domain.PROCEDURE: ("radiotherapy", "surgery", "local therapy"),
        Domain.GENE: ("NTRK1", "NTRK2", "BRCA1", "CD274", "NTRK"),
        Domain.ASSAY: ("next generation sequencing", "immunohistochemistry"),
    },
    measured=(
        Measured("ecog", "", (0, 1, 2, 3)),
        Measured("anc", "10*9/L", (1, 1.5, 2)),
        Measured("anc", "/uL", (1000, 1500)),
        Measured("platelets", "10*9/L", (75, 100)),
        Measured("creatinine", "mg/dL", (1, 1.5)),
        Measured("lvef", "%", (45, 50)),
        Measured("qtcf", "ms", (450, 470)),
        Measured("karnofsky", "", (50, 60, 70, 80)),
        Measured("creatinine_clearance", "mL/min", (50, 60)),
        Measured("egfr", "mL/min/1.73m2", (60, 90)),
        Measured("bmi", "kg/m2", (18.5, 25)),
        Measured("bsa", "m2", (1.5, 2)),
        Measured("corrected_calcium", "mg/dL", (10, 12)),
        Measured("bilirubin", "umol/L", (17, 26)),
        Measured("ast", "U/L", (40, 100)),
        Measured("qtc", "ms", (450, 480)),
    ),
    coded={
        "pregnancy_test": ("positive", "negative"),
        "measurable_disease": ("yes", "no"),
        "able_to_swallow": ("yes", "no"),
        "sex": ("female", "male"),
        "hepatic_nci_odwg": ("normal", "mild", "moderate", "severe"),
    },
)

_NUMBERS = (1, 2, 0.5, 1.5, 2.5, 3, 5, 10, 0.1, 12.25)
_DOSES = (75, 10, 100, 450, 0.5, 1, 2)
_LENGTHS = (1, 2, 3, 4, 6, 7, 12, 14, 21, 28, 1.5)
_TIME_UNITS = [unit for unit in (t.TimeUnit.DAY, *t.TimeUnit) if unit is not t.TimeUnit.HALF_LIFE]
_OPERATORS = list(t.Operator)


def make_span(c: Choice, *, half_lives: bool = False) -> t.Span:
    """A span of time; half-lives where drugs are asked for."""
    return t.Span(c.pick(_LENGTHS), t.TimeUnit.HALF_LIFE if half_lives and c.chance(25) else c.pick(_TIME_UNITS))


def make_amount(c: Choice, *, half_lives: bool = False) -> t.Amount:
    """A span, or the lesser or greater of several."""
    if not c.chance(30):
        return make_span(c, half_lives=half_lives)
    greater = c.chance(50)
    return t.Extreme(greater, tuple(make_span(c, half_lives=half_lives) for _ in range(c.number(2, 3))))


def make_concepts(
    c: Choice,
    words: Words,
    domains: tuple[Domain, ...],
    *,
    regimens: bool = False,
    special: tuple[str, ...] = (),
    any_: bool = True,
) -> t.Concepts:
    """A set of concepts of some domains; `regimens` joins some by `and`, `special` adds `this cancer` and the like."""
    if any_ and c.chance(20):
        return t.Concepts.of(t.ANY)
    names = [*words.of(domains), *special]
    alternatives: list[tuple[str, ...]] = []
    for _ in range(c.pick((1, 1, 2, 3))):
        regimen = tuple(c.some(names, 1, 2 if regimens and c.chance(30) else 1))
        if regimen not in alternatives:
            alternatives.append(regimen)
    return t.Concepts(tuple(alternatives))


def make_test(c: Choice, words: Words, kind: Kind, name: str) -> t.Test:
    """A test of one field of a kind."""
    if c.chance(65):
        return _leaf_test(c, words, kind, name)
    if c.chance(40):
        return t.Other(_leaf_test(c, words, kind, name))
    parts: list[t.Test] = []
    for _ in range(c.number(2, 3)):
        leaf = _leaf_test(c, words, kind, name)
        parts.append(t.Other(leaf) if c.chance(20) else leaf)
    return t.Every(tuple(parts)) if c.chance(50) else t.Some(tuple(parts))


_TEXTS = {
    "tumour_grade": ("high", "2"),
    "technique": ("stereotactic", "open"),
    "schedule": ("every 21 days", "weekly"),
    "frequency": ("daily", "twice daily"),
    "variant": ("p.V600E", "V600", "c.123A>G"),
    "exon": ("12", "exon 11"),
    "class": ("truncating", "missense"),
    "specimen": ("blood", "tumour"),
}


def _leaf_test(c: Choice, words: Words, kind: Kind, name: str) -> t.Test:
    known = FIELDS[kind][name]
    if known.type is FieldType.NUMBER:
        operator = c.pick(_OPERATORS)
        if name == "grade":
            return t.Compare(operator, None) if c.chance(35) else t.Compare(operator, float(c.number(0, 4)))
        if "dose" in name and name != "relative_dose":
            return t.Compare(operator, float(c.pick(_DOSES)), c.pick(("mg/m2", "g/m2", "mg")))
        if name in ("line", "cycles"):
            return t.Compare(operator, float(c.number(0, 4)))
        if name == "relative_dose":
            return t.Compare(operator, float(c.pick((80, 90, 100))))
        return t.Compare(operator, float(c.pick(_NUMBERS)))
    if known.type is FieldType.LINK:
        if c.chance(40):
            return t.Link(_linked(c, words, name))
        special = (t.THIS_CANCER,) if kind is Kind.TREATMENT and name == "for" else ()
        return t.Code(c.pick([*words.of(known.domains), *special]))
    choices = {
        FieldType.CODE: list(CODED.get(known.codes, ())) + (["ongoing"] if known.codes == "state" else []),
        FieldType.YES_NO: ["yes", "no"],
        FieldType.OUTCOME: list(OUTCOMES),
        FieldType.CONCEPT: words.of(known.domains),
        FieldType.STAGE: ["II", "III", "IVA"],
        FieldType.TEXT: list(_TEXTS.get(name, ("high",))),
    }[known.type]
    code = c.pick(choices)
    return t.Code(code, make_span(c)) if name in ("state", "extent") and c.chance(30) else t.Code(code)


def _linked(c: Choice, words: Words, name: str) -> t.Records:
    """What a field points to: what a drug is given for is a disease, what else a record hangs together with a drug."""
    if name == "for":
        kind = c.pick((Kind.DIAGNOSIS, Kind.CONDITION))
        return t.Records(kind, make_concepts(c, words, CONCEPT_DOMAINS[kind], any_=False))
    return make_records(c, words, kinds=(Kind.TREATMENT, Kind.MEDICATION), fields=0)


_KINDS = tuple(Kind)
_DATED = tuple(kind for kind in Kind if kind is not Kind.SITE)
_COURSES = (Kind.TREATMENT, Kind.MEDICATION, Kind.DRUG)


def make_records(c: Choice, words: Words = SAMPLE, *, kinds: tuple[Kind, ...] = _KINDS, fields: int = 2) -> t.Records:
    """A pattern of records of one of some kinds, with up to `fields` field tests."""
    kind = c.pick(kinds)
    domains = CONCEPT_DOMAINS[kind]
    left_out: t.Concepts | None = None
    if kind is Kind.DISEASE_STATUS:
        any_status = c.chance(15)
        asked = t.Concepts.of(t.ANY) if any_status else t.Concepts.of(*c.some(list(CODED["disease_status"]), 1, 2))
    elif kind is Kind.SITE:
        asked = t.Concepts.of("metastasis")
    elif kind is Kind.LINE:
        asked = c.pick((t.Concepts.of("systemic"), t.Concepts.of(t.ANY), t.Concepts.of("chemotherapy")))
        if c.chance(20):
            asked = make_concepts(c, words, domains, any_=False)
    else:
        special = (t.THIS_CANCER,) if kind is Kind.DIAGNOSIS else ()
        asked = make_concepts(c, words, domains, regimens=kind is Kind.TREATMENT, special=special)
        if c.chance(20):
            left_out = make_concepts(c, words, domains, special=special, any_=False)
    tested: list[t.FieldTest] = []
    if fields:  # without this the records of a link would hold links for ever
        names = c.some(list(FIELDS[kind]), 0, c.pick((fields, 1)))
        tested = [t.FieldTest(name, make_test(c, words, kind, name)) for name in names]
    return t.Records(kind, asked, left_out, tuple(tested))


def make_anchor(
    c: Choice, words: Words = SAMPLE, *, this_treatment: bool = False, kinds: tuple[Kind, ...] = _DATED
) -> t.Anchor:
    """A date that a window or an interval hangs on; `this treatment` inside definitions of an outcome."""
    if this_treatment and c.chance(30):
        return t.ThisTreatment(_edge(c))
    match c.pick(("event", "event", "today", "planned")):
        case "event":
            return _event(c, words, kinds)
        case "today":
            return t.Today()
        case _:
            return t.PlannedStart()


def _edge(c: Choice) -> t.Edge | None:
    return c.pick((None, *t.Edge))


def _event(c: Choice, words: Words, kinds: tuple[Kind, ...] = _DATED) -> t.Event:
    which = c.pick(
        (t.Which.LAST, t.Which.FIRST, t.Which.LAST, t.Which.FIRST, t.Which.LAST, t.Which.FIRST, t.Which.NEXT)
    )
    return t.Event(which, make_records(c, words, kinds=kinds, fields=1), _edge(c))


def make_window(
    c: Choice, words: Words = SAMPLE, *, half_lives: bool = False, this_treatment: bool = False
) -> t.Window:
    """A window of every form."""
    side = c.pick((t.Side.BEFORE, t.Side.AFTER))
    match c.pick(("within", "within", "within", "within", "anchored", "beside", "during", "any time")):
        case "within":
            return t.Within(make_amount(c, half_lives=half_lives))
        case "anchored":
            around = make_anchor(c, words, this_treatment=this_treatment)
            return t.Within(make_amount(c, half_lives=half_lives), side, around)
        case "beside":
            return t.Beside(side, make_anchor(c, words, this_treatment=this_treatment))
        case "during":
            if this_treatment and c.chance(50):
                return t.Beside(t.Side.DURING, t.ThisTreatment(_edge(c)))
            return t.Beside(t.Side.DURING, _event(c, words))
        case _:
            return t.AnyTime()


def _seldom_window(c: Choice, words: Words, percent: int = 35, **how: bool) -> t.Window | None:
    return make_window(c, words, **how) if c.chance(percent) else None


def _observation(c: Choice, words: Words, names: Sequence[str], *, coded: bool = False) -> t.Observation:
    name = c.pick(names)
    match c.pick(("plain", "plain", "chosen") if coded else ("plain",) * 5 + ("chosen", "chosen", "mean", "method")):
        case "plain":
            return t.Observation(name)
        case "mean":
            return t.Observation(name, t.Pick.MEAN, c.number(2, 3))
        case "method":
            return t.Observation(name, method=c.pick(("fridericia", "MUGA scan")))
        case _:
            picks = [pick for pick in t.Pick if pick is not t.Pick.MEAN and (not coded or pick is not t.Pick.LOWEST)]
            pick = c.pick(picks)
            return t.Observation(name, pick, since=make_anchor(c, words) if c.chance(30) else None)


# --- leaves --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asking:
    """What leaves may be made of: the words, whether `this treatment` is known, and the kinds of record."""

    words: Words = SAMPLE
    this_treatment: bool = False
    kinds: tuple[Kind, ...] = _KINDS

    def among(self, kinds: tuple[Kind, ...]) -> tuple[Kind, ...]:
        """Those of some kinds that may be asked of, or all of them if none may."""
        return tuple(kind for kind in kinds if kind in self.kinds) or kinds


def _measured(c: Choice, a: Asking) -> t.Rule:
    """A test against a quantity in its unit."""
    measured = c.pick(a.words.measured)
    value = _observation(c, a.words, (measured.test,))
    low = t.Quantity(float(c.pick(measured.values)), measured.unit)
    if c.chance(25):
        high = t.Quantity(float(c.pick(measured.values)) * 2, measured.unit)
        return t.Between(value, low, high, _seldom_window(c, a.words, this_treatment=a.this_treatment))
    return t.Comparison(value, c.pick(_OPERATORS), low, _seldom_window(c, a.words, this_treatment=a.this_treatment))


def _laboratory(c: Choice, a: Asking) -> t.Observation:
    return _observation(c, a.words, sorted({each.test for each in a.words.measured if each.unit}))


def _limit(c: Choice, a: Asking) -> t.Rule:
    """A test against a multiple of a limit of normal."""
    limit = t.Limit(c.pick((1.0, 1.5, 2.5)), c.chance(60))
    return t.Comparison(_laboratory(c, a), c.pick(_OPERATORS), limit, _seldom_window(c, a.words))


def _other_value(c: Choice, a: Asking) -> t.Rule:
    """A test against another, or a multiple or a share of one."""
    left = _laboratory(c, a)
    right: t.Value = _laboratory(c, a) if c.chance(70) else t.Observation(left.test, t.Pick.LOWEST)
    if c.chance(60):
        right = t.Multiple(float(c.pick(_NUMBERS)), right)
    if c.chance(40):
        right = t.Multiple(c.pick((0.5, 0.07, 1.1)), right, True)
    return t.Comparison(left, c.pick(_OPERATORS), right, _seldom_window(c, a.words, this_treatment=a.this_treatment))


def _ratio(c: Choice, a: Asking) -> t.Rule:
    """A quotient of two tests against a number, or a multiple of one against a quantity."""
    window = _seldom_window(c, a.words, 20)
    if c.chance(25):
        measured = c.pick([each for each in a.words.measured if each.unit])
        left: t.Value = t.Multiple(float(c.pick(_NUMBERS)), _observation(c, a.words, (measured.test,)))
        limit = t.Quantity(float(c.pick(measured.values)), measured.unit)
        return t.Comparison(left, c.pick(_OPERATORS), limit, window)
    left = t.Ratio(_laboratory(c, a), _laboratory(c, a))
    return t.Comparison(left, c.pick(_OPERATORS), t.Quantity(float(c.pick(_NUMBERS))), window)


_DOSE_UNIT = {t.Measure.CUMULATIVE: "mg/m2", t.Measure.DAILY: "mg/day", t.Measure.SINGLE: "mg"}


def _dose(c: Choice, a: Asking) -> t.Rule:
    """A dose against a quantity."""
    concepts = make_concepts(c, a.words, (Domain.DRUG,))
    dose = t.Dose(c.pick(list(t.Measure)), concepts, c.pick(("", "doxorubicin", "prednisone")))
    quantity = t.Quantity(float(c.pick(_DOSES)), _DOSE_UNIT[dose.measure])
    return t.Comparison(dose, c.pick(_OPERATORS), quantity, _seldom_window(c, a.words, 50, half_lives=True))


def _age(c: Choice, a: Asking) -> t.Rule:
    """Completed years."""
    years = t.Quantity(c.pick((18.0, 65.0, 75.0)))
    if c.chance(25):
        return t.Between(t.Age(), t.Quantity(18), years)
    span = t.Span(18, t.TimeUnit.YEAR)
    return t.Comparison(t.Age(), c.pick(_OPERATORS), span if c.chance(20) else years)


def _elapsed(c: Choice, a: Asking) -> t.Rule:
    """Time between two dates, one of which is an event at least."""
    kinds = a.among(_DATED)
    today = c.chance(40)
    other = t.Today() if today else make_anchor(c, a.words, this_treatment=a.this_treatment, kinds=_DATED)
    event: t.Anchor = _event(c, a.words, kinds)
    if a.this_treatment and c.chance(50):
        event = t.ThisTreatment(_edge(c))
    value = t.Elapsed(other, event) if c.chance(25) else t.Elapsed(event, other)
    if c.chance(20):
        return t.Between(value, t.Span(1, t.TimeUnit.DAY), make_span(c))
    return t.Comparison(value, c.pick(_OPERATORS), make_span(c))


def _calendar(c: Choice, a: Asking) -> t.Rule:
    """Time between two dates of the calendar, which no patient has to do with."""
    ends = (t.Today(), t.PlannedStart())
    return t.Comparison(t.Elapsed(c.pick(ends), c.pick(ends)), c.pick(_OPERATORS), make_span(c))


def _duration(c: Choice, a: Asking) -> t.Rule:
    """How long the longest matching record lasted."""
    value = t.Duration(make_records(c, a.words, kinds=a.among(_COURSES), fields=1))
    return t.Comparison(value, c.pick(_OPERATORS), make_span(c))


def _coded(c: Choice, a: Asking) -> t.Rule:
    """A coded test."""
    name = c.pick(sorted(a.words.coded))
    codes = tuple(a.words.coded[name])
    window = _seldom_window(c, a.words, this_treatment=a.this_treatment)
    if c.chance(20):
        return t.IsCode(t.Observation(name), codes[:2], window=window)
    return t.IsCode(_observation(c, a.words, (name,), coded=True), (c.pick(codes),), c.chance(30), window)


def _recorded(c: Choice, a: Asking) -> t.Rule:
    """Whether there is a value at all."""
    if c.chance(15):
        return t.IsRecorded(t.Age())
    value = _observation(c, a.words, [each.test for each in a.words.measured])
    return t.IsRecorded(value, _seldom_window(c, a.words, this_treatment=a.this_treatment))


def _count(c: Choice, a: Asking) -> t.Rule:
    """How many records, lines or sites."""
    if c.chance(15):
        number = c.pick((1, 0, 1, 2, 3))
        return t.Count(make_records(c, a.words, kinds=a.kinds, fields=1), number, number, negated=True)
    found, low = make_records(c, a.words, kinds=a.kinds), c.pick((1, 2, 0, 1, 3, 1))
    window = _seldom_window(c, a.words, 25)
    if c.chance(50):
        return t.Count(found, max(low, 1), window=window)
    return t.Count(found, low, low + c.number(0, 2), window=window)


def _has(c: Choice, a: Asking) -> t.Rule:
    """Whether there is, or was, such a record."""
    records = make_records(c, a.words, kinds=a.among(_DATED))
    course = records.kind in _COURSES
    window = _seldom_window(c, a.words, 60 if course else 35, half_lives=course, this_treatment=a.this_treatment)
    return t.Has(c.pick(list(t.Mode)), records, window)


def _washout(c: Choice, a: Asking) -> t.Rule:
    """What time alone brings about: a washout, a time since the last dose, an age."""
    records = t.Records(c.pick(a.among(_COURSES)), make_concepts(c, a.words, (Domain.DRUG,)))
    match c.pick(("no", "no", "since", "age")):
        case "no":
            return t.Has(t.Mode.NO, records, t.Within(make_amount(c, half_lives=True)))
        case "since":
            value = t.Elapsed(t.Event(t.Which.LAST, records, c.pick((None, t.Edge.END))), t.Today())
            return t.Comparison(value, t.Operator.GE, make_span(c))
        case _:
            return t.Comparison(t.Age(), t.Operator.GE, t.Quantity(c.pick((18.0, 65.0, 75.0))))


def _ask(c: Choice, a: Asking) -> t.Rule:
    """A question for a reader."""
    return t.Ask(c.pick(a.words.questions))


def _named(c: Choice, a: Asking) -> t.Rule:
    """A rule that the document defines."""
    return t.Named(c.pick(a.words.named)) if a.words.named else _has(c, a)


#: The constructs of a leaf by name.
LEAVES: Mapping[str, Callable[[Choice, Asking], t.Rule]] = {
    "has": _has,
    "washout": _washout,
    "observation": _measured,
    "limit": _limit,
    "other value": _other_value,
    "ratio": _ratio,
    "dose": _dose,
    "age": _age,
    "elapsed": _elapsed,
    "calendar": _calendar,
    "duration": _duration,
    "coded": _coded,
    "recorded": _recorded,
    "count": _count,
    "ask": _ask,
    "named": _named,
}

#: How often each is made, of a hundred or so.
_OFTEN = {
    "has": 28, "washout": 4, "observation": 7, "limit": 4, "other value": 4, "ratio": 3, "dose": 5, "age": 3, "elapsed": 8,
    "calendar": 1, "duration": 3, "coded": 6, "recorded": 3, "count": 14, "ask": 2, "named": 4,
}  # fmt: skip
_BAG = [name for name, times in _OFTEN.items() for _ in range(times)]

#: What else may be asked for by name: the leaves of one kind of record, and what belongs together.
GROUPS: Mapping[str, Sequence[tuple[str, tuple[Kind, ...]]]] = {
    **{
        kind.value: (("has", (kind,)), ("has", (kind,)), ("count", (kind,)), ("elapsed", (kind,)))
        for kind in _DATED
        if kind is not Kind.LINE
    },
    **{
        kind.value: (
            ("has", (kind,)),
            ("has", (kind,)),
            ("count", (kind,)),
            ("elapsed", (kind,)),
            ("duration", (kind,)),
        )
        for kind in _COURSES
    },
    "line": (("count", (Kind.LINE,)), ("count", (Kind.LINE,)), ("has", (Kind.LINE,)), ("elapsed", (Kind.LINE,))),
    "lines": (("count", (Kind.LINE,)),),
    "site": (("count", (Kind.SITE,)),),
    "values": tuple((name, _KINDS) for name in ("observation", "limit", "other value", "ratio", "coded", "recorded")),
    "times": tuple((name, _KINDS) for name in ("age", "elapsed", "calendar", "duration")),
    **{name: ((name, _KINDS),) for name in LEAVES},
}


def make_leaf(c: Choice, words: Words = SAMPLE, *, this_treatment: bool = False, only: str | None = None) -> t.Rule:
    """A rule without parts; `only` names the construct, the kind of record or the group of `GROUPS` it must be of."""
    name, kinds = (c.pick(_BAG), _KINDS) if only is None else c.pick(GROUPS[only])
    return LEAVES[name](c, Asking(words, this_treatment, kinds))


def make_rule(
    c: Choice, words: Words = SAMPLE, *, max_leaves: int = 5, this_treatment: bool = False, only: str | None = None
) -> t.Rule:
    """A rule of any construct. Names are used only if `words.named` gives some, `this treatment` only if asked for."""

    def made(leaves: int) -> t.Rule:
        one = leaves == 1
        rule = make_leaf(c, words, this_treatment=this_treatment, only=only) if one else joined(leaves)
        return t.Not(rule) if c.chance(12) else rule

    def split(leaves: int, parts: int) -> tuple[t.Rule, ...]:
        sizes = [1] * parts
        for _ in range(leaves - parts):
            sizes[c.number(0, parts - 1)] += 1
        return tuple(made(size) for size in sizes)

    def joined(leaves: int) -> t.Rule:
        parts = split(leaves, 2 if leaves == 2 else c.number(2, 3))
        match c.pick(("and", "or", "if", "except", "quota")):
            case "and":
                return t.And(parts)
            case "or":
                return t.Or(parts)
            case "if":
                return t.If(*parts)
            case "except":
                return t.Except(*parts[:2])
            case _:
                bound = c.pick(list(t.Bound))
                low, high = int(bound is t.Bound.AT_LEAST), len(parts) - int(bound is t.Bound.AT_MOST)
                return t.Quota(bound, c.number(low, high), parts)

    return made(c.number(1, max_leaves))


def make_definition(c: Choice, words: Words = SAMPLE) -> t.Definition:
    """A definition of each form; none uses another, so any number of them is free of circles."""
    drugs = make_concepts(c, words, (Domain.DRUG,), any_=False)
    name = c.pick(("fit_organs", "standard chemotherapy", "end of all", "treatment"))
    match c.pick(("outcome", "set", "rule")):
        case "outcome":
            rule = make_rule(c, words, max_leaves=2, this_treatment=True)
            return t.DefineOutcome(c.pick(OUTCOMES), drugs, rule)
        case "set":
            return t.DefineSet(name, drugs)
        case _:
            return t.DefineRule(name, make_rule(c, words, max_leaves=2))


leaves = drawn(make_leaf)
rules = drawn(make_rule)
definitions = drawn(make_definition)
