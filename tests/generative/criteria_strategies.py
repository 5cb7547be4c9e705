"""Generates rules of every construct over a sample of the vocabulary.

The strategies build nodes, not text, and only nodes that the vocabulary can answer: known concepts, tests with their
own units and values, fields of the kind at hand. So what is generated can be printed, stored, explained and evaluated;
the round trips and the comparison of the two engines draw from here, and a meta-test holds that every node is reached.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, wraps
from typing import ParamSpec, TypeVar, cast

from hypothesis import strategies as st

from patients.facts import CODED
from patients.vocabulary import Domain
from trials.criteria import tree as t
from trials.criteria.kinds import CONCEPT_DOMAINS, FIELDS, OUTCOMES, Field, FieldType, Kind

P = ParamSpec("P")
T = TypeVar("T")


def named(make: Callable[P, st.SearchStrategy[T]]) -> Callable[P, st.SearchStrategy[T]]:
    """Build each strategy once, and let Hypothesis call it by its name instead of spelling it out."""
    kept = cache(make)

    @wraps(make)
    def drawn(draw: st.DrawFn, *args: P.args, **kwargs: P.kwargs) -> T:
        return draw(kept(*args, **kwargs))

    del drawn.__wrapped__  # its signature begins with `draw`, as composite wants it
    return cast(Callable[P, st.SearchStrategy[T]], cache(st.composite(drawn)))


@dataclass(frozen=True)
class Measured:
    """A test with the unit rules write it in and values around which they ask."""

    test: str
    unit: str
    values: Sequence[float]


@dataclass(frozen=True, eq=False)  # told apart by identity, so that strategies built from them can be kept
class Words:
    """The concepts, tests and names that rules are made of; the first parameter of every strategy."""

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
        Domain.CONDITION: ("CNS metastasis", "liver metastasis", "hypertension", "peripheral neuropathy", "alopecia"),
        Domain.SITE: ("bone", "liver", "uterus", "lung"),
        Domain.DRUG: (
            "doxorubicin",
            "gemcitabine",
            "docetaxel",
            "pazopanib",
            "chemotherapy",
            "anthracycline",
            "prednisone",
        ),
        Domain.PROCEDURE: ("radiotherapy", "surgery"),
        Domain.GENE: ("NTRK1", "NTRK2", "BRCA1", "CD274"),
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
    ),
    coded={
        "pregnancy_test": ("positive", "negative"),
        "measurable_disease": ("yes", "no"),
        "able_to_swallow": ("yes", "no"),
        "sex": ("female", "male"),
    },
)

_NUMBERS = st.sampled_from((0.5, 1, 1.5, 2, 2.5, 3, 5, 10, 0.1, 12.25))
_WHOLE = st.integers(0, 4)
_LENGTHS = st.sampled_from((1, 2, 3, 4, 6, 7, 12, 14, 21, 28, 1.5))
_TIME_UNITS = st.sampled_from([unit for unit in t.TimeUnit if unit is not t.TimeUnit.HALF_LIFE])


@named
def spans(*, half_lives: bool = False) -> st.SearchStrategy[t.Span]:
    """Spans of time; half-lives where drugs are asked for."""
    return st.builds(t.Span, _LENGTHS, st.sampled_from(list(t.TimeUnit)) if half_lives else _TIME_UNITS)


@named
def amounts(*, half_lives: bool = False) -> st.SearchStrategy[t.Amount]:
    """A span, or the lesser or greater of several."""
    one = spans(half_lives=half_lives)
    return st.one_of(one, st.builds(t.Extreme, st.booleans(), st.lists(one, min_size=2, max_size=3).map(tuple)))


@named
def concepts(
    words: Words, domains: tuple[Domain, ...], *, regimens: bool = False, special: tuple[str, ...] = ()
) -> st.SearchStrategy[t.Concepts]:
    """Sets of concepts of some domains; `regimens` joins some by `and`, `special` adds `this cancer` and the like."""
    name = st.sampled_from([*words.of(domains), *special])
    regimen = st.lists(name, min_size=1, max_size=2 if regimens else 1, unique=True).map(tuple)
    some = st.lists(regimen, min_size=1, max_size=3, unique=True).map(lambda parts: t.Concepts(tuple(parts)))
    return st.one_of(some, some, st.just(t.Concepts.of(t.ANY)))


@named
def tests_of(words: Words, kind: Kind, name: str) -> st.SearchStrategy[t.Test]:
    """Tests of one field of a kind."""
    known = FIELDS[kind][name]
    leaf = _leaf_tests(words, name, known)

    def joined(inner: st.SearchStrategy[t.Test]) -> st.SearchStrategy[t.Test]:
        parts = st.lists(inner, min_size=2, max_size=3).map(tuple)
        return st.one_of(st.builds(t.Every, parts), st.builds(t.Some, parts), st.builds(t.Other, inner))

    return st.recursive(leaf, joined, max_leaves=3)


def _leaf_tests(words: Words, name: str, known: Field) -> st.SearchStrategy[t.Test]:
    if known.type is FieldType.NUMBER:
        numbers = st.builds(t.Compare, st.sampled_from(t.Operator), st.one_of(_NUMBERS, _WHOLE.map(float)))
        if name == "grade":
            return st.one_of(numbers, st.builds(t.Compare, st.sampled_from(t.Operator), st.none()))
        if "dose" in name and name != "relative_dose":
            units = st.sampled_from(("mg/m2", "g/m2", "mg"))
            return st.builds(t.Compare, st.sampled_from(t.Operator), _NUMBERS, units)
        return numbers
    if known.type is FieldType.LINK:
        names = st.sampled_from(words.of(known.domains)).map(t.Code)
        inner = records(words, kinds=(Kind.TREATMENT, Kind.MEDICATION), fields=0)
        return st.one_of(names, st.builds(t.Link, inner))
    choices = {
        FieldType.CODE: list(CODED.get(known.codes, ())) + (["ongoing"] if known.codes == "state" else []),
        FieldType.YES_NO: ["yes", "no"],
        FieldType.OUTCOME: list(OUTCOMES),
        FieldType.CONCEPT: words.of(known.domains),
        FieldType.STAGE: ["II", "III", "IVA"],
        FieldType.TEXT: ["high", "12", "p.V600E", "every 21 days"],
    }[known.type]
    codes: st.SearchStrategy[t.Test] = st.sampled_from(choices).map(t.Code)
    if name in ("state", "extent"):
        return st.one_of(codes, st.builds(t.Code, st.sampled_from(choices), spans()))
    return codes


@named
def records(
    words: Words = SAMPLE, *, kinds: tuple[Kind, ...] = tuple(Kind), fields: int = 2
) -> st.SearchStrategy[t.Records]:
    """Patterns of records of some kinds, with up to `fields` field tests."""
    return st.one_of(*(_records(words, kind, fields) for kind in kinds))


@named
def _records(words: Words, kind: Kind, fields: int) -> st.SearchStrategy[t.Records]:
    domains = CONCEPT_DOMAINS[kind]
    if kind is Kind.DISEASE_STATUS:
        asked = st.lists(st.sampled_from(list(CODED["disease_status"])), min_size=1, max_size=2, unique=True).map(
            lambda names: t.Concepts.of(*names)
        )
        left_out: st.SearchStrategy[t.Concepts | None] = st.none()
    elif kind is Kind.SITE:
        asked, left_out = st.just(t.Concepts.of("metastasis")), st.none()
    elif kind is Kind.LINE:
        asked = st.sampled_from((t.Concepts.of("systemic"), t.Concepts.of(t.ANY), t.Concepts.of("chemotherapy")))
        left_out = st.none()
    else:
        special = (t.THIS_CANCER,) if kind is Kind.DIAGNOSIS else ()
        asked = concepts(words, domains, regimens=kind is Kind.TREATMENT, special=special)
        others = concepts(words, domains, special=special).filter(lambda found: not found.is_any)
        left_out = st.one_of(st.none(), st.none(), others)
    tested: st.SearchStrategy[tuple[t.FieldTest, ...]] = st.just(())
    if fields:  # without this the records of a link would hold links for ever
        known = [st.builds(t.FieldTest, st.just(name), tests_of(words, kind, name)) for name in FIELDS[kind]]
        tested = st.lists(st.one_of(*known), max_size=fields, unique_by=lambda item: item.field).map(tuple)
    return st.builds(t.Records, st.just(kind), asked, left_out, tested)


_DATED = tuple(kind for kind in Kind if kind is not Kind.SITE)
_COURSES = (Kind.TREATMENT, Kind.MEDICATION, Kind.DRUG)


@named
def anchors(words: Words = SAMPLE, *, this_treatment: bool = False) -> st.SearchStrategy[t.Anchor]:
    """Dates that a window or an interval hangs on; `this treatment` inside definitions of an outcome."""
    edges = st.one_of(st.none(), st.sampled_from(t.Edge))
    events = st.builds(t.Event, st.sampled_from(t.Which), records(words, kinds=_DATED, fields=1), edges)
    known: list[st.SearchStrategy[t.Anchor]] = [events, events, st.just(t.Today()), st.just(t.PlannedStart())]
    if this_treatment:
        known.append(st.builds(t.ThisTreatment, edges))
    return st.one_of(*known)


@named
def windows(
    words: Words = SAMPLE, *, half_lives: bool = False, this_treatment: bool = False
) -> st.SearchStrategy[t.Window]:
    """Windows of every form."""
    around = anchors(words, this_treatment=this_treatment)
    records_only = around.filter(lambda anchor: isinstance(anchor, t.Event | t.ThisTreatment))
    return st.one_of(
        st.builds(t.Within, amounts(half_lives=half_lives)),
        st.builds(t.Within, amounts(half_lives=half_lives), st.sampled_from((t.Side.BEFORE, t.Side.AFTER)), around),
        st.builds(t.Beside, st.sampled_from((t.Side.BEFORE, t.Side.AFTER)), around),
        st.builds(t.Beside, st.just(t.Side.DURING), records_only),
        st.just(t.AnyTime()),
    )


@named
def _observations(words: Words, names: tuple[str, ...], *, coded: bool = False) -> st.SearchStrategy[t.Observation]:
    name = st.sampled_from(names)
    picks = st.sampled_from(
        [pick for pick in t.Pick if pick is not t.Pick.MEAN and (not coded or pick is not t.Pick.LOWEST)]
    )
    since = st.one_of(st.none(), st.none(), anchors(words))
    plain = st.builds(t.Observation, name)
    chosen = st.builds(t.Observation, name, picks, since=since)
    if coded:
        return st.one_of(plain, plain, chosen)
    mean = st.builds(t.Observation, name, st.just(t.Pick.MEAN), st.integers(2, 3))
    method = st.builds(t.Observation, name, method=st.sampled_from(("fridericia", "MUGA scan")))
    return st.one_of(plain, plain, plain, chosen, mean, method)


def _observed(words: Words, measured: Measured) -> st.SearchStrategy[tuple[t.Observation, t.Quantity, t.Quantity]]:
    return st.tuples(
        _observations(words, (measured.test,)),
        st.sampled_from(measured.values).map(lambda value: t.Quantity(float(value), measured.unit)),
        st.sampled_from(measured.values).map(lambda value: t.Quantity(float(value) * 2, measured.unit)),
    )


@named
def _comparisons(words: Words, this_treatment: bool) -> st.SearchStrategy[t.Rule]:
    operators = st.sampled_from(t.Operator)
    window = st.one_of(st.none(), st.none(), windows(words, this_treatment=this_treatment))
    observed = st.one_of(*(_observed(words, measured) for measured in words.measured))
    laboratory = _observations(words, tuple(sorted({each.test for each in words.measured if each.unit})))
    limits = st.builds(t.Limit, st.sampled_from((1.0, 1.5, 2.5)), st.booleans())
    multiples = st.builds(t.Multiple, _NUMBERS.filter(bool).map(float), laboratory)
    percents = st.builds(t.Multiple, st.sampled_from((0.5, 0.07, 1.1)), st.one_of(laboratory, multiples), st.just(True))
    doses = st.builds(
        t.Dose,
        st.sampled_from(t.Measure),
        concepts(words, (Domain.DRUG,)),
        st.sampled_from(("", "doxorubicin", "prednisone")),
    )
    dose_units = {t.Measure.CUMULATIVE: "mg/m2", t.Measure.DAILY: "mg/day", t.Measure.SINGLE: "mg"}
    elapsed = st.builds(
        t.Elapsed, anchors(words, this_treatment=this_treatment), anchors(words, this_treatment=this_treatment)
    )
    durations = st.builds(t.Duration, records(words, kinds=_COURSES, fields=1))
    ages = st.one_of(st.sampled_from((18.0, 65.0, 75.0)).map(t.Quantity), st.just(t.Span(18, t.TimeUnit.YEAR)))
    return st.one_of(
        st.builds(
            lambda found, operator, when: t.Comparison(found[0], operator, found[1], when), observed, operators, window
        ),
        st.builds(lambda found, when: t.Between(found[0], found[1], found[2], when), observed, window),
        st.builds(t.Comparison, laboratory, operators, limits, window),
        st.builds(t.Comparison, laboratory, operators, st.one_of(multiples, percents, laboratory), window),
        st.builds(
            t.Comparison, st.builds(t.Ratio, laboratory, laboratory), operators, _NUMBERS.map(float).map(t.Quantity)
        ),
        st.builds(
            lambda dose, operator, number, when: t.Comparison(
                dose, operator, t.Quantity(float(number), dose_units[dose.measure]), when
            ),
            doses,
            operators,
            _NUMBERS,
            st.one_of(st.none(), windows(words, half_lives=True)),
        ),
        st.builds(t.Comparison, st.just(t.Age()), operators, ages),
        st.builds(t.Between, st.just(t.Age()), st.just(t.Quantity(18)), ages),
        st.builds(t.Comparison, st.one_of(elapsed, durations), operators, spans()),
        st.builds(t.Between, elapsed, st.just(t.Span(1, t.TimeUnit.DAY)), spans()),
    )


def _coded(words: Words, name: str, window: st.SearchStrategy[t.Window | None]) -> st.SearchStrategy[t.IsCode]:
    single = st.sampled_from(words.coded[name]).map(lambda code: (code,))
    return st.one_of(
        st.builds(t.IsCode, _observations(words, (name,), coded=True), single, st.booleans(), window),
        st.builds(t.IsCode, st.just(t.Observation(name)), st.just(tuple(words.coded[name])), window=window),
    )


@named
def leaves(words: Words = SAMPLE, *, this_treatment: bool = False) -> st.SearchStrategy[t.Rule]:
    """Rules without parts, of every kind."""
    window = st.one_of(st.none(), st.none(), windows(words, this_treatment=this_treatment))
    drug_window = st.one_of(st.none(), windows(words, half_lives=True, this_treatment=this_treatment))
    coded = st.one_of(*(_coded(words, name, window) for name in sorted(words.coded)))
    recorded = st.one_of(
        st.just(t.IsRecorded(t.Age())),
        st.builds(t.IsRecorded, _observations(words, tuple(each.test for each in words.measured)), window),
    )
    counts = st.builds(
        lambda found, low, more, open_, when: t.Count(
            found, max(low, 1) if open_ else low, None if open_ else low + more, window=when
        ),
        records(words),
        _WHOLE,
        st.integers(0, 2),
        st.booleans(),
        st.one_of(st.none(), st.none(), windows(words)),
    )
    not_so_many = st.builds(
        lambda found, number: t.Count(found, number, number, negated=True), records(words, fields=1), _WHOLE
    )
    has = st.one_of(
        st.builds(t.Has, st.sampled_from(t.Mode), records(words, kinds=_DATED), window),
        st.builds(t.Has, st.sampled_from(t.Mode), records(words, kinds=_COURSES), drug_window),
    )
    known: list[st.SearchStrategy[t.Rule]] = [
        _comparisons(words, this_treatment),
        has,
        has,
        coded,
        recorded,
        counts,
        not_so_many,
        st.sampled_from(words.questions).map(t.Ask),
    ]
    if words.named:
        known.append(st.sampled_from(words.named).map(t.Named))
    return st.one_of(*known)


@named
def rules(words: Words = SAMPLE, *, max_leaves: int = 5, this_treatment: bool = False) -> st.SearchStrategy[t.Rule]:
    """Rules of every construct. Names are used only if `words.named` gives some, `this treatment` only if asked for."""

    def joined(inner: st.SearchStrategy[t.Rule]) -> st.SearchStrategy[t.Rule]:
        parts = st.lists(inner, min_size=2, max_size=3).map(tuple)
        return st.one_of(
            st.builds(t.And, parts),
            st.builds(t.Or, parts),
            st.builds(t.Not, inner),
            st.builds(t.If, inner, inner, st.one_of(st.none(), inner)),
            st.builds(t.Except, inner, inner),
            parts.flatmap(
                lambda chosen: st.sampled_from(
                    [
                        t.Quota(bound, number, chosen)
                        for bound in t.Bound
                        for number in range(len(chosen) + 1)
                        if (bound is not t.Bound.AT_LEAST or number > 0)
                        and (bound is not t.Bound.AT_MOST or number < len(chosen))
                    ]
                )
            ),
        )

    return st.recursive(leaves(words, this_treatment=this_treatment), joined, max_leaves=max_leaves)


@named
def definitions(words: Words = SAMPLE) -> st.SearchStrategy[t.Definition]:
    """Definitions of each form; none uses another, so any number of them is free of circles."""
    drugs = concepts(words, (Domain.DRUG,)).filter(lambda found: not found.is_any)
    names = st.sampled_from(("fit_organs", "standard chemotherapy", "end of all", "treatment"))
    return st.one_of(
        st.builds(t.DefineOutcome, st.sampled_from(OUTCOMES), drugs, rules(words, max_leaves=2, this_treatment=True)),
        st.builds(t.DefineSet, names, drugs),
        st.builds(t.DefineRule, names, rules(words, max_leaves=2)),
    )
