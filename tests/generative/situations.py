"""What both engines are asked: some rules or documents of some patients on a day, made so that they have to do with
each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from matcher.engine import Settings
from patients.facts import Patient
from patients.vocabulary import Domain
from tests.generative.asked import asked_of
from tests.generative.choices import Choice, drawn
from tests.generative.criteria_strategies import SAMPLE, Words, make_concepts, make_rule, make_span
from tests.generative.patient_strategies import AS_OF, CRITERION, DOCUMENT, VERSION, make_patient
from trials.criteria import tree as t
from trials.criteria.documents import (
    Cohort,
    Confirm,
    Criterion,
    CriterionKind,
    Definitions,
    OptionDocument,
    Polarity,
    Recruitment,
    Statement,
    StatementKind,
    Step,
    Strength,
    TrialDocument,
)
from trials.criteria.kinds import OUTCOMES, Kind


@dataclass(frozen=True)
class Situation:
    """Rules of one document asked of some patients on a day."""

    rules: tuple[t.Rule, ...]
    patients: tuple[Patient, ...]
    as_of: date
    cancer: t.Concepts | None = None
    definitions: tuple[t.Definition, ...] = ()
    windows: Mapping[str, t.Span] = field(default_factory=dict)
    settings: Settings | None = None
    document: str = DOCUMENT
    version: int = VERSION
    criterion: str = CRITERION


@dataclass(frozen=True)
class Shelf:
    """Trials, each with its version and whether it is open here, asked of some patients, each on a day."""

    trials: tuple[tuple[TrialDocument, int, bool], ...]
    patients: tuple[Patient, ...]
    as_of: tuple[date, ...]


_CANCERS = (
    t.Concepts.of("leiomyosarcoma"),
    t.Concepts.of("leiomyosarcoma"),
    t.Concepts.of("soft tissue sarcoma"),
    t.Concepts.of("malignancy"),
    t.Concepts.of("uterine leiomyosarcoma", "breast cancer"),
)

#: Tests and categories of tests for which a document may set how long a value holds.
_WINDOWED = ("anc", "ecog", "chemistry", "hematology", "performance status", "measurable_disease", "vital signs")


def make_definitions(c: Choice, words: Words = SAMPLE, only: str | None = None) -> tuple[t.Definition, ...]:
    """The definitions of a document: an outcome, a set, a rule, or none; rules may use the set."""
    found: list[t.Definition] = []
    if c.chance(25):
        found.append(t.DefineSet("standard_chemotherapy", make_concepts(c, words, (Domain.DRUG,), any_=False)))
        words = opened(words, found)
    for _ in range(c.pick((0, 0, 1, 1, 2))):
        drugs = make_concepts(c, words, (Domain.DRUG,))
        rule = make_rule(c, words, max_leaves=2, this_treatment=True)
        found.append(t.DefineOutcome(c.pick(OUTCOMES), drugs, rule))
    if c.chance(50):
        found.append(t.DefineRule("fit_organs", make_rule(c, words, max_leaves=2, only=only)))
    return tuple(found)


def opened(words: Words, definitions: Sequence[t.Definition]) -> Words:
    """The words of a document with the names that it defines."""
    return replace(
        words,
        named=tuple(each.name for each in definitions if isinstance(each, t.DefineRule)),
        sets={Domain.DRUG: tuple(each.name for each in definitions if isinstance(each, t.DefineSet))},
    )


def _windows(c: Choice) -> dict[str, t.Span]:
    return {name: make_span(c) for name in c.some(_WINDOWED, 0, c.pick((0, 0, 2)))}


def _settings(c: Choice) -> Settings | None:
    if not c.chance(8):
        return None
    return c.pick(
        (
            Settings(currency=14, currency_lasting=90),
            Settings(acute=30, weight=7),
            Settings(line_joins=14, on_treatment=10),
        )
    )


def make_situation(
    c: Choice, only: str | None = None, *, rules: int = 4, patients: int = 4, max_leaves: int = 3
) -> Situation:
    """Some rules and patients who meet them; `only` restricts the leaves to what a group of `GROUPS` names."""
    definitions = make_definitions(c, SAMPLE, only)
    words = opened(SAMPLE, definitions)
    made = tuple(make_rule(c, words, max_leaves=max_leaves, only=only) for _ in range(rules))
    cancer = c.pick((*_CANCERS, None))
    as_of = c.pick(AS_OF)
    asked = asked_of([*made, *definitions, *([t.Records(Kind.DIAGNOSIS, cancer)] if cancer else [])])
    return Situation(
        rules=made,
        patients=tuple(make_patient(c, asked, as_of) for _ in range(patients)),
        as_of=as_of,
        cancer=cancer,
        definitions=definitions,
        windows=_windows(c),
        settings=_settings(c),
    )


# --- documents -----------------------------------------------------------------------------------------------------


def make_trial(c: Choice, id: str = DOCUMENT, only: str | None = None) -> TrialDocument:
    """A trial of a few criteria of every sort, in cohorts or none; of some trials many a criterion clears by time."""
    waiting = "washout" if only is None and c.chance(40) else only
    definitions = make_definitions(c, SAMPLE, only)
    words = opened(SAMPLE, definitions)
    cohorts = tuple(Cohort(id=name, open=c.chance(70)) for name in ("A", "B")[: c.pick((0, 0, 1, 2))])
    return TrialDocument(
        id=id,
        title="A made-up trial",
        cancer=c.pick(_CANCERS),
        recruitment=c.pick((Recruitment.RECRUITING, Recruitment.RECRUITING, Recruitment.COMPLETED)),
        author="one",
        reviewer="another",
        never_offer=c.chance(5),
        windows=_windows(c),
        definitions=Definitions(definitions),
        cohorts=cohorts,
        criteria=tuple(
            _criterion(c, f"C{number}", cohorts, words, waiting if c.chance(75) else only)
            for number in range(1, c.number(1, 4) + 1)
        ),
    )


def _criterion(c: Choice, id: str, cohorts: Sequence[Cohort], words: Words, only: str | None) -> Criterion:
    kind = c.pick((CriterionKind.RULE,) * 8 + (CriterionKind.CONFIRM, CriterionKind.NOTE, CriterionKind.NOT_STRUCTURED))
    waits = only == "washout" and c.chance(75)
    return Criterion(
        id=id,
        text=f"line {id}",
        polarity=Polarity.INCLUSION if waits else c.pick((Polarity.INCLUSION, Polarity.EXCLUSION)),
        kind=kind,
        cohorts=tuple(c.some([each.id for each in cohorts], 1, 1)) if cohorts and c.chance(40) else (),
        rule=make_rule(c, words, max_leaves=1 if waits else 2, only=only) if kind is CriterionKind.RULE else None,
        confirm=Confirm.CONSENT if kind is CriterionKind.CONFIRM else None,
    )


def make_shelf(c: Choice, only: str | None = None, *, trials: int = 2, patients: int = 3) -> Shelf:
    """Some trials and patients who meet them, asked on one day or each on their own."""
    ids = [DOCUMENT, "U", "V", "W"][:trials]
    made = tuple((make_trial(c, id, only), c.pick((VERSION, VERSION + 1)), c.chance(85)) for id in ids)
    asked = asked_of(
        part
        for trial, _, _ in made
        for part in (
            *(each.rule for each in trial.criteria if each.rule is not None),
            *trial.definitions,
            t.Records(Kind.DIAGNOSIS, trial.cancer),
        )
    )
    criteria = [each.id for trial, _, _ in made for each in trial.criteria]
    day = c.pick(AS_OF)
    each_its_own = c.chance(30)
    days = tuple(c.pick(AS_OF) if each_its_own else day for _ in range(patients))
    return Shelf(made, tuple(make_patient(c, asked, day, criteria) for day in days), days)


def make_option(c: Choice, id: str, only: str | None = None) -> OptionDocument:
    """An option of a few statements of every sort that ranks, and of one that does not."""
    definitions = make_definitions(c, SAMPLE, only)
    words = opened(SAMPLE, definitions)
    return OptionDocument(
        id=id,
        name="A made-up option",
        cancer=c.pick(_CANCERS),
        author="one",
        reviewer="another",
        windows=_windows(c),
        definitions=Definitions(definitions),
        statements=tuple(_made_statement(c, f"S{number}", words, only) for number in range(1, c.number(1, 4) + 1)),
    )


def _made_statement(c: Choice, id: str, words: Words, only: str | None) -> Statement:
    kinds = (StatementKind.STANCE,) * 5 + (StatementKind.MODIFIER,) * 2 + (StatementKind.CAUTION,)
    kind = StatementKind.MUST_NOT_USE if c.chance(8) else c.pick(kinds)
    stance = kind is StatementKind.STANCE
    reads = "shelf" if stance and c.chance(8) else ""
    unruled = reads or (kind in (StatementKind.STANCE, StatementKind.MUST_NOT_USE) and c.chance(5))
    return Statement(
        id=id,
        kind=kind,
        text=f"statement {id}",
        strength=c.pick(tuple(Strength)) if stance else None,
        step=c.pick(tuple(Step)) if kind is StatementKind.MODIFIER else None,
        rule=None if unruled else make_rule(c, words, max_leaves=2, only=only),
        reads=reads,
    )


def make_options(
    c: Choice, only: str | None = None, *, options: int = 3, patients: int = 3
) -> tuple[tuple[OptionDocument, ...], Shelf]:
    """Some options, and a shelf of one trial and patients who meet them, all asked on one day."""
    made = tuple(make_option(c, f"O{number}", only) for number in range(1, options + 1))
    shelf = make_shelf(c, only, trials=1, patients=patients)
    rules = (each.rule for option in made for each in option.statements if each.rule is not None)
    asked = asked_of([*rules, *(part for option in made for part in option.definitions)])
    day = c.pick(AS_OF)
    patients_ = (*shelf.patients, *(make_patient(c, asked, day) for _ in range(patients)))
    return made, Shelf(shelf.trials, patients_, (day,) * len(patients_))


situations = drawn(make_situation)
shelves = drawn(make_shelf)
options_of = drawn(make_options)
