"""Prints a tree as a rule, so that `parse(print_rule(tree)) == tree` for every tree.

Brackets are written only where the grammar needs them; names are quoted only where they hold a reserved word.
"""

from __future__ import annotations

import re
from decimal import Decimal

from trials.criteria import tree as t
from trials.criteria.parser import reserved_words

_WORD = re.compile(r"[^\W\d_][\w\-/+'’.]*")
_LATER = re.compile(r"[^\W\d_][\w\-/+'’.]*|\d+(\.\d+)?")

# How tightly each form binds; a part is bracketed where it binds less tightly than its place allows.
_EXCEPTION, _CONDITION, _OR, _AND, _NOT, _ATOM = range(6)


def print_rule(rule: t.Rule) -> str:
    """The rule as text."""
    return _print(rule)[0]


def print_definition(definition: t.Definition) -> str:
    """The definition as text."""
    match definition:
        case t.DefineOutcome(outcome, concepts, rule):
            joint = "to" if outcome == "refractory" else "of"
            return f"define {outcome} {joint} {print_concepts(concepts)} as {print_rule(rule)}"
        case t.DefineSet(name, concepts):
            return f"define set {print_name(name)} as {print_concepts(concepts)}"
        case t.DefineRule(name, rule):  # pragma: no branch - the union has no other member
            return f"define {print_name(name)} as {print_rule(rule)}"


def _print(rule: t.Rule) -> tuple[str, int]:
    match rule:
        case t.Except(main, when):
            return f"{_part(main, _EXCEPTION)} except when {_part(when, _CONDITION)}", _EXCEPTION
        case t.If(condition, then, otherwise):
            text = f"if {_part(condition, _OR)} then {_part(then, _OR)}"
            return text + (f" else {_part(otherwise, _OR)}" if otherwise is not None else ""), _CONDITION
        case t.Or(parts):
            return " or ".join(_part(part, _AND) for part in parts), _OR
        case t.And(parts):
            return " and ".join(_part(part, _NOT) for part in parts), _AND
        case t.Not(part):
            return f"not {_part(part, _NOT)}", _NOT
        case t.Quota(bound, number, parts):
            return f"{bound} {number} of ({'; '.join(print_rule(part) for part in parts)})", _ATOM
        case _:
            return _leaf(rule), _ATOM


def _part(rule: t.Rule, place: int) -> str:
    text, binding = _print(rule)
    return text if binding >= place else f"({text})"


def _leaf(leaf: t.Leaf) -> str:
    match leaf:
        case t.Comparison(left, operator, right, window):
            return f"{print_value(left)} {operator} {print_value(right)}{_after(window)}"
        case t.Between(value, low, high, window):
            return f"{print_value(value)} between {print_value(low)} and {print_value(high)}{_after(window)}"
        case t.IsCode(value, codes, negated, window):
            if len(codes) > 1:
                listed = f"is any of ({', '.join(print_name(code) for code in codes)})"
            else:
                listed = f"is {'not ' if negated else ''}{print_name(codes[0])}"
            return f"{print_value(value)} {listed}{_after(window)}"
        case t.IsRecorded(value, window):
            return f"{print_value(value)} is recorded{_after(window)}"
        case t.Has(mode, records, window):
            return f"{mode} {print_records(records)}{_after(window)}"
        case t.Count(records, low, high, negated, window):
            if high is None:
                bound = f">= {low}"
            elif low == high:
                bound = f"{'!=' if negated else '='} {low}"
            elif low == 0:
                bound = f"<= {high}"
            else:
                bound = f"between {low} and {high}"
            return f"count {print_records(records)} {bound}{_after(window)}"
        case t.Ask(question):
            return f'ask "{question}"'
        case t.Named(name):  # pragma: no branch - the union has no other member
            return name if _WORD.fullmatch(name) and name not in reserved_words() else f'"{name}"'


def print_value(value: t.Value) -> str:
    """A value as text."""
    match value:
        case t.Quantity(number, unit):
            return f"{_number(number)} {unit}".rstrip()
        case t.Span():
            return print_amount(value)
        case t.Observation(test, pick, last, method, since):
            chosen = {t.Pick.LATEST: "", t.Pick.MEAN: f"mean of last {last} "}.get(pick, f"{pick} ")
            arguments = [f"method: {print_name(method)}"] if method else []
            arguments += [f"since: {print_anchor(since)}"] if since is not None else []
            return f"{chosen}{test}" + (f"({', '.join(arguments)})" if arguments else "")
        case t.Age():
            return "age"
        case t.Limit(factor, upper):
            return f"{_number(factor)} x {'ULN' if upper else 'LLN'}"
        case t.Multiple(factor, inner, percent):
            if percent:
                return f"{_number(Decimal(repr(factor)) * 100)} % of {print_value(inner)}"
            return f"{_number(factor)} x {print_value(inner)}"
        case t.Ratio(over, under):
            return f"{print_value(over)} / {print_value(under)}"
        case t.Dose(measure, concepts, equivalent):
            as_ = f" as {print_name(equivalent)}" if equivalent else ""
            return f"{measure}({print_concepts(concepts)}{as_})"
        case t.Elapsed(start, t.Today()):
            return f"time since {print_anchor(start)}"
        case t.Elapsed(start, end):
            return f"time from {print_anchor(start)} to {print_anchor(end)}"
        case t.Duration(records):  # pragma: no branch - the union has no other member
            return f"duration of {print_records(records)}"


def print_records(records: t.Records) -> str:
    """A pattern of records as text."""
    parts = [print_concepts(records.concepts)]
    if records.other_than is not None:
        parts.append(f"other than: {print_concepts(records.other_than)}")
    for item in records.tests:
        test = print_test(item.test)
        parts.append(f"{item.field}: {test}")
    return f"{records.kind}({', '.join(parts)})"


def print_test(test: t.Test) -> str:
    """The test of a field as text."""
    match test:
        case t.Other(part):
            return f"not {_test(part, _OR)}"
        case _:
            return _test(test, _OR)


def _test(test: t.Test, place: int, first: bool = True) -> str:
    match test:
        case t.Code(code, lasting):
            return print_name(code) + (f" for {print_amount(lasting)}" if lasting is not None else "")
        case t.Compare(operator, number, unit):
            return f"{operator} {'baseline' if number is None else f'{_number(number)} {unit}'.rstrip()}"
        case t.Link(records):
            return print_records(records)
        case t.Every(parts):
            text = " and ".join(_test(part, _NOT, i == 0 and first) for i, part in enumerate(parts))
            return text if place <= _AND else f"({text})"
        case t.Some(parts):
            text = " or ".join(_test(part, _AND, i == 0 and first) for i, part in enumerate(parts))
            return text if place <= _OR else f"({text})"
        case t.Other(part):  # pragma: no branch - the union has no other member
            text = f"not {_test(part, _ATOM)}"
            return f"({text})" if first else text


def print_concepts(concepts: t.Concepts) -> str:
    """A set of concepts as text."""
    return " or ".join(" and ".join(_member(name) for name in regimen) for regimen in concepts.alternatives)


def _member(name: str) -> str:
    return name if name in (t.ANY, t.THIS_CANCER, t.THIS_TREATMENT) else print_name(name)


def print_name(name: str) -> str:
    """A name, quoted where it holds a reserved word or a sign that no bare name may hold."""
    words = name.split(" ")
    bare = (
        bool(_WORD.fullmatch(words[0]))
        and all(_LATER.fullmatch(word) for word in words[1:])
        and not reserved_words().intersection(words)
    )
    return name if bare else f'"{name}"'


def _after(window: t.Window | None) -> str:
    return "" if window is None else f" {print_window(window)}"


def print_window(window: t.Window) -> str:
    """A window as text."""
    match window:
        case t.AnyTime():
            return "any time"
        case t.Beside(side, anchor):
            return f"{side} {print_anchor(anchor)}"
        case t.Within(amount, t.Side.BEFORE, t.Today()):
            return f"within {print_amount(amount)}"
        case t.Within(amount, side, anchor):  # pragma: no branch - the union has no other member
            return f"within {print_amount(amount)} {side} {print_anchor(anchor)}"


def print_amount(amount: t.Amount) -> str:
    """A span, or the lesser or greater of several, as text."""
    match amount:
        case t.Extreme(greater, spans):
            return f"{'greater' if greater else 'lesser'} of ({', '.join(print_amount(span) for span in spans)})"
        case t.Span(number, unit):  # pragma: no branch - the union has no other member
            return f"{_number(number)} {unit}"


def print_anchor(anchor: t.Anchor) -> str:
    """An anchor as text."""
    match anchor:
        case t.Today():
            return "today"
        case t.PlannedStart():
            return "planned start"
        case t.ThisTreatment(edge):
            return f"{edge} of this treatment" if edge else "this treatment"
        case t.Event(which, records, edge):  # pragma: no branch - the union has no other member
            return f"{edge} of {which} {print_records(records)}" if edge else f"{which} {print_records(records)}"


def _number(number: float | Decimal) -> str:
    # The shortest decimal that reads back as the same number, never in powers of ten.
    text = format(Decimal(repr(number)) if isinstance(number, float) else Decimal(number), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
