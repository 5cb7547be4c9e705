"""The generator reaches what the engines are to agree on: every construct, its truths, every reason, every change.

Seen on the reference engine alone, over examples of fixed seeds. What is not reached is listed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from typing import get_args

from matcher.engine import Change, Reason, Status, Truth
from patients.facts import (
    CODED,
    Answer,
    Biomarker,
    Condition,
    Coverage,
    DiseaseStatus,
    Medication,
    Observation,
    PartialDate,
    Patient,
    Policy,
    ReferenceRange,
    Treatment,
)
from tests.generative.agreement import Said, by_reference, trials_by_reference
from tests.generative.choices import Rolled
from tests.generative.criteria_strategies import GROUPS, SAMPLE, make_definition, make_rule
from tests.generative.situations import Shelf, Situation, make_shelf, make_situation, opened
from trials.criteria import tree as t
from trials.criteria.documents import CriterionKind, Polarity
from trials.criteria.kinds import FIELDS, OUTCOMES, FieldType, Kind


@cache
def examples() -> list[tuple[Situation, list[list[Said]]]]:
    """Situations with the answers of the reference engine: of everything together, and of each group by itself."""
    made = [make_situation(Rolled(f"reach {seed}"), rules=4, patients=4) for seed in range(350)]
    made += [
        make_situation(Rolled(f"reach {only} {seed}"), only, rules=4, patients=4, max_leaves=1)
        for only in GROUPS
        for seed in range(90 if only == "count" else 14)
    ]
    return [(each, by_reference(each)) for each in made]


@cache
def shelves() -> list[Shelf]:
    return [make_shelf(Rolled(f"reach trials {seed}")) for seed in range(150)]


def nodes() -> Iterator[object]:
    """The nodes of some thousand rules and definitions; a rule is quicker made than answered."""
    words = opened(SAMPLE, (t.DefineRule("fit_organs", t.Ask("fit?")),))
    for seed in range(3000):
        c = Rolled(f"reach nodes {seed}")
        yield from t.walk(make_rule(c, words))
        yield from t.walk(make_definition(c, words))


def not_reached(wanted: dict[str, set[str]], found: dict[str, set[str]]) -> str:
    """What is wanted and was not found, one a line."""
    lacking = [f"{name}: {each}" for name, all_ in wanted.items() for each in all_ - found.get(name, set())]
    return "\n".join(sorted(lacking))


# --- the tree ------------------------------------------------------------------------------------------------------


def test_every_node_and_every_word_of_the_tree_is_reached() -> None:
    wanted: dict[str, set[str]] = {
        "node": {
            node.__name__
            for union in (t.Rule, t.Value, t.Test, t.Window, t.Anchor, t.Amount, t.Definition)
            for node in get_args(union)
        },
        **{
            f"{kind} fields": set(FIELDS[kind]) | {"other_than", "any", "other concepts"} - _without(kind)
            for kind in Kind
        },
        **{f"{kind} in": _places(kind) for kind in Kind},
        **{f"{kind} {name} tests": _tests_of(kind, name) for kind in Kind for name in FIELDS[kind]},
        "pick": set(t.Pick),
        "since": set(t.Pick) - {"mean"},
        "bound": set(t.Bound),
        "side": {f"within {side}" for side in (t.Side.BEFORE, t.Side.AFTER)} | {f"beside {side}" for side in t.Side},
        "window on": {type_.__name__ for type_ in get_args(t.Anchor)},
        "which and edge": {f"{which} {edge}" for which in t.Which for edge in (None, *t.Edge)},
        "this treatment": {str(edge) for edge in (None, *t.Edge)},
        "unit": set(t.TimeUnit),
        "extreme": {"True", "False"},
        "measure": {f"{measure} {as_}" for measure in t.Measure for as_ in (False, True)},
        "limit": {"True", "False"},
        "comparison": {f"{value} {operator}" for value in _COMPARED for operator in t.Operator},
        "between": {"Observation", "Age", "Elapsed"},
        "mode": set(t.Mode),
        "count": {"at least", "between", "not"},
        "tests": {each.test for each in SAMPLE.measured} | set(SAMPLE.coded),
        "outcome": set(OUTCOMES),
        "is": {"is", "is not", "is any of"},
        "if": {"else", "no else"},
    }
    found: dict[str, set[str]] = {}

    def reached(name: str, *what: object) -> None:
        found.setdefault(name, set()).update(str(each) for each in what)

    for node in nodes():
        _tell(node, reached)
    lacking = not_reached(wanted, found)
    assert not lacking, lacking


_COMPARED = ("Observation", "Age", "Ratio", "Multiple", "Elapsed", "Duration", "Dose")


def _without(kind: Kind) -> set[str]:
    """What a kind of record is never asked for: a status has no exceptions, sites are those of metastases."""
    if kind is Kind.SITE:
        return {"other_than", "any"}
    return {"other_than"} if kind in (Kind.DISEASE_STATUS, Kind.LINE) else set()


def _places(kind: Kind) -> set[str]:
    if kind is Kind.SITE:
        return {"Count"}
    courses = kind in (Kind.TREATMENT, Kind.MEDICATION, Kind.DRUG)
    return {"Has", "Count", "Event", *(["Duration"] if courses else [])}


def _tests_of(kind: Kind, name: str) -> set[str]:
    leaf = {FieldType.NUMBER: {"Compare"}, FieldType.LINK: {"Code", "Link"}}.get(FIELDS[kind][name].type, {"Code"})
    return {*leaf, "Other"}


def _tell(node: object, reached: object) -> None:
    assert callable(reached)
    reached("node", type(node).__name__)
    match node:
        case t.Records(kind, concepts, other_than, tests):
            reached(f"{kind} fields", "any" if concepts.is_any else "other concepts", *(item.field for item in tests))
            if other_than is not None:
                reached(f"{kind} fields", "other_than")
            for item in tests:
                reached(f"{kind} {item.field} tests", *(type(each).__name__ for each in t.walk(item.test)))
        case t.Has(mode, records):
            reached("mode", mode)
            reached(f"{records.kind} in", "Has")
        case t.Count(records, high=high, negated=negated):
            reached("count", "not" if negated else "at least" if high is None else "between")
            reached(f"{records.kind} in", "Count")
        case t.Event(which, records, edge):
            reached("which and edge", f"{which} {edge}")
            reached(f"{records.kind} in", "Event")
        case t.Duration(records):
            reached(f"{records.kind} in", "Duration")
        case t.Observation(test, pick, since=since):
            reached("pick", pick)
            reached("tests", test)
            if since is not None:
                reached("since", pick)
        case t.Quota(bound):
            reached("bound", bound)
        case t.Within(_, side, anchor):
            reached("side", f"within {side}")
            reached("window on", type(anchor).__name__)
        case t.Beside(side, anchor):
            reached("side", f"beside {side}")
            reached("window on", type(anchor).__name__)
        case t.ThisTreatment(edge):
            reached("this treatment", edge)
        case t.Span(_, unit):
            reached("unit", unit)
        case t.Extreme(greater):
            reached("extreme", greater)
        case t.Dose(measure, _, equivalent):
            reached("measure", f"{measure} {bool(equivalent)}")
        case t.Limit(_, upper):
            reached("limit", upper)
        case t.Comparison(left, operator):
            reached("comparison", f"{type(left).__name__} {operator}")
        case t.Between(value):
            reached("between", type(value).__name__)
        case t.IsCode(_, codes, negated):
            reached("is", "is not" if negated else "is" if len(codes) == 1 else "is any of")
        case t.If(otherwise=otherwise):
            reached("if", "else" if otherwise is not None else "no else")
        case t.DefineOutcome(outcome):
            reached("outcome", outcome)


# --- the answers ---------------------------------------------------------------------------------------------------


def _construct(rule: t.Rule) -> str:
    match rule:
        case t.Has(mode, records):
            return f"{mode} {records.kind}"
        case t.Count(records, high=high, negated=negated):
            return f"count {'!=' if negated else '>=' if high is None else 'between'} {records.kind}"
        case t.Quota(bound):
            return f"{bound} of"
        case t.If(otherwise=otherwise):
            return "if" if otherwise is None else "if else"
        case t.Comparison(t.Dose(measure)):
            return measure.value
        case t.Comparison(left, _, right):
            return f"{type(left).__name__} to {type(right).__name__}"
        case t.Between(value):
            return f"{type(value).__name__} between"
        case t.IsCode(value):
            return f"{value.test} is"
        case _:
            return type(rule).__name__


def _constructs() -> set[str]:
    dated = [kind for kind in Kind if kind is not Kind.SITE]
    return {
        "And", "Or", "Not", "if", "if else", "Except", "Ask", "Named", "IsRecorded",
        *(f"{bound} of" for bound in t.Bound),
        *(f"{mode} {kind}" for mode in t.Mode for kind in dated),
        *(f"count {how} {kind}" for how in (">=", "between", "!=") for kind in Kind),
        *(measure.value for measure in t.Measure),
        *(f"Observation to {right}" for right in ("Quantity", "Limit", "Multiple", "Observation")),
        "Multiple to Quantity", "Ratio to Quantity", "Age to Quantity", "Age to Span", "Elapsed to Span",
        "Duration to Span", "Observation between", "Age between", "Elapsed between",
        *(f"{test} is" for test in SAMPLE.coded),
    }  # fmt: skip


def test_every_construct_is_met_not_met_and_unknown_at_the_root() -> None:
    wanted = {construct: {truth.word for truth in Truth} for construct in _constructs()}
    # What is not recorded is not known to be missing, says SEMANTICS §2.2.
    wanted["IsRecorded"] = {Truth.MET.word, Truth.UNKNOWN.word}
    found: dict[str, set[str]] = {}
    for situation, answers in examples():
        for rule, given in zip(situation.rules, answers, strict=True):
            found.setdefault(_construct(rule), set()).update(said.truth.word for said in given)
    lacking = not_reached(wanted, found)
    assert not lacking, lacking


#: The constructs by what decides them: of each, every reason and change is reached that it can have at all.
def _family(rule: t.Rule) -> str:
    match rule:
        case t.Has(_, records) | t.Count(records):
            return records.kind.value
        case t.Comparison(t.Dose()):
            return "dose"
        case t.Comparison(t.Elapsed() | t.Duration()) | t.Between(t.Elapsed()):
            return "time"
        case t.Comparison(t.Age()) | t.Between(t.Age()):
            return "age"
        case t.Comparison() | t.Between() | t.IsCode() | t.IsRecorded():
            return "value"
        case t.And() | t.Or() | t.Not() | t.If() | t.Except() | t.Quota():
            return "joined"
        case _:
            return "other"


_DATA = {Reason.NOT_RECORDED, Reason.IMPRECISE, Reason.STALE}
_RULES = set(Reason) - {Reason.NOT_STRUCTURED}  # a rule is structured

REASONS: dict[str, set[Reason]] = {
    "joined": _RULES,
    "value": _RULES,
    "time": _RULES,
    "dose": _RULES - {Reason.CONFLICTING},
    **{kind.value: _DATA | {Reason.NEEDS_JUDGEMENT} for kind in Kind if kind is not Kind.SITE},
    "site": _DATA,
    "age": {Reason.NOT_RECORDED, Reason.IMPRECISE},
}
_OF_CONDITIONS = {Change.NEVER, Change.COURSE}
CHANGES: dict[str, set[Change]] = {
    "joined": set(Change),
    "value": {Change.ACTION, Change.NEVER},
    "time": {Change.TIME, Change.COURSE, Change.NEVER, Change.ACTION},
    "dose": {Change.ACTION, Change.COURSE, Change.NEVER},
    "age": {Change.TIME, Change.NEVER},
    "diagnosis": _OF_CONDITIONS,
    "condition": _OF_CONDITIONS,
    "toxicity": _OF_CONDITIONS,
    "allergy": {Change.NEVER},
    "family_history": {Change.NEVER},
    "treatment": set(Change),
    "medication": {Change.NEVER, Change.ACTION, Change.TIME},
    "drug": {Change.NEVER, Change.ACTION, Change.TIME},
    "biomarker": {Change.ACTION, Change.NEVER},
    "disease_status": {Change.COURSE, Change.NEVER, Change.TIME},
    "line": {Change.COURSE, Change.NEVER},
    "site": {Change.COURSE},
}


def test_every_reason_and_every_change_is_reached() -> None:
    wanted = {f"{family} reason": {str(each) for each in reasons} for family, reasons in REASONS.items()}
    wanted |= {f"{family} change": {str(each) for each in changes} for family, changes in CHANGES.items()}
    found: dict[str, set[str]] = {}
    for situation, answers in examples():
        for rule, given in zip(situation.rules, answers, strict=True):
            family = _family(rule)
            found.setdefault(f"{family} reason", set()).update(str(said.reason) for said in given if said.reason)
            found.setdefault(f"{family} change", set()).update(str(said.change) for said in given if said.change)
    lacking = not_reached(wanted, found)
    assert not lacking, lacking


# --- the patients --------------------------------------------------------------------------------------------------

_FACTS = (
    Condition, Treatment, Medication, Observation, Biomarker, DiseaseStatus, Coverage, Answer, Policy, ReferenceRange,
    Patient,
)  # fmt: skip

#: Fields that every row has, or that say nothing an answer turns on.
_ALWAYS = frozenset({"id", "raw", "source", "document", "version", "criterion", "truth", "on", "by", "reason", "domain",
                     "test", "registry", "patient_id", "shown"})  # fmt: skip

#: The coded columns of facts, by fact and field.
_COLUMNS = {
    "Condition": {"kind": "condition_kind", "status": "condition_status", "extent": "extent", "basis": "basis",
                  "laterality": "laterality", "states": "state"},
    "Treatment": {"kind": "treatment_kind", "intent": "intent", "setting": "setting", "status": "treatment_status",
                  "response": "response", "stop_reason": "stop_reason"},
    "Medication": {"route": "route"},
    "Biomarker": {"alteration": "alteration", "scale": "scale", "result": "result", "significance": "significance",
                  "origin": "origin", "zygosity": "zygosity"},
    "DiseaseStatus": {"status": "disease_status", "basis": "basis"},
}  # fmt: skip


def test_every_field_of_every_fact_is_recorded_and_left_out_and_every_code_is_met() -> None:
    wanted = {
        f"{fact.__name__} {each.name}": {"recorded", "left out"}
        for fact in _FACTS
        for each in fields(fact)
        if each.name not in _ALWAYS
    }
    wanted |= {
        f"{fact} {name}:": set(CODED[column]) for fact, names in _COLUMNS.items() for name, column in names.items()
    }
    wanted["date"] = {"day", "month", "year", "after the as-of date", "on it", "the day before"}
    wanted["concepts"] = {"0", "1", "2"}
    wanted["Patient births and sexes"] = {"0 births", "1 births", "2 births", "0 sexes", "1 sexes", "2 sexes"}
    found: dict[str, set[str]] = {}
    for situation, _ in examples():
        for patient in situation.patients:
            found.setdefault("Patient births and sexes", set()).update(
                (f"{len(patient.births)} births", f"{len(patient.sexes)} sexes")
            )
            for fact in (
                patient,
                *patient.facts(),
                *patient.coverage,
                *patient.answers,
                *patient.policies,
                *patient.ranges,
            ):
                _look_at(fact, situation, found)
    lacking = not_reached(wanted, found)
    assert not lacking, lacking


def _look_at(fact: object, situation: Situation, found: dict[str, set[str]]) -> None:
    assert is_dataclass(fact)
    name = type(fact).__name__
    for each in fields(fact):
        value = getattr(fact, each.name)
        empty = value is None or value is False or value in ((), "", frozenset(), "all")
        found.setdefault(f"{name} {each.name}", set()).add("left out" if empty else "recorded")
        if each.name in _COLUMNS.get(name, {}):
            words = value if isinstance(value, tuple) else (value,)
            found.setdefault(f"{name} {each.name}:", set()).update(str(word) for word in words)
        if each.name in ("concepts", "genes", "agents"):
            found.setdefault("concepts", set()).add(str(len(value)))
        if isinstance(value, PartialDate):
            days = (value.last - value.first).days
            found.setdefault("date", set()).add("day" if not days else "month" if days < 31 else "year")
            after = (value.first - situation.as_of).days
            when = {0: "on it", -1: "the day before"}.get(after, "after the as-of date" if after > 0 else "")
            found["date"].add(when)


# --- trials --------------------------------------------------------------------------------------------------------


def test_every_status_of_a_trial_is_reached() -> None:
    wanted = {
        "status": {each.value for each in Status},
        "died": {"True", "False"},
        "offered": {"True", "False"},
        "clears": {"True", "False"},
        "cohort": {"", "A", "B"},
        "criterion": {f"{polarity} {kind}" for polarity in Polarity for kind in CriterionKind},
        "reason": {str(each) for each in Reason},
        "change": {str(each) for each in Change},
    }
    found: dict[str, set[str]] = {name: set() for name in wanted}
    for shelf in shelves():
        for (trial, _, _), answers in zip(shelf.trials, trials_by_reference(shelf), strict=True):
            found["criterion"].update(f"{each.polarity} {each.kind}" for each in trial.criteria)
            for said in answers:
                found["status"].add(said.status.value)
                found["died"].add(str(said.deceased))
                found["offered"].add(str(said.offered))
                found["clears"].add(str(said.clears_on is not None))
                found["cohort"].add(said.cohort)
                found["reason"].update(str(each.reason) for each in said.criteria if each is not None)
                found["change"].update(str(each.change) for each in said.criteria if each is not None)
    lacking = not_reached(wanted, found)
    assert not lacking, lacking
