"""Reads a rule or a definition from text into a tree.

Lark does the reading; the builder below turns its parse tree into nodes, one small function a production, and gives
every refusal a line, a column, what was expected and the nearest known word.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedToken

from trials.criteria import tree as t
from trials.criteria.errors import InvalidNode, RuleError
from trials.criteria.kinds import Kind

#: Longest rule, in characters, and how deep its parts may lie in one another. The longest of the library has 600
#: characters, and what is nested deeper nobody can read back; both also bound what checks and evaluation cost.
MAX_LENGTH = 6_000
MAX_DEPTH = 50

#: A node of Lark's parse tree. Lark types a child as a token or a tree; which of the two it is, the grammar says.
Parsed = Any
N = TypeVar("N")

_OPERATORS = {"=>": ">=", "≥": ">=", "=<": "<=", "≤": "<=", "≠": "!="}
_TIME_UNITS = {
    "hour": t.TimeUnit.HOUR,
    "day": t.TimeUnit.DAY,
    "week": t.TimeUnit.WEEK,
    "month": t.TimeUnit.MONTH,
    "year": t.TimeUnit.YEAR,
    "half-live": t.TimeUnit.HALF_LIFE,
    "half-life": t.TimeUnit.HALF_LIFE,
}
_FRIENDLY = {
    "CMP": "a comparison (>=, <=, >, <, =)",
    "NUMBER": "a number",
    "TIME": "a unit of time (days, weeks, months, years)",
    "UNIT": "a unit",
    "WORD": "a name",
    "QUOTED": 'a name in "quotes"',
    "OUTCOME": "failure, refractory or intolerant",
    "$END": "the end of the rule",
    "LPAR": "(",
    "RPAR": ")",
    "COMMA": ",",
    "COLON": ":",
    "SEMICOLON": ";",
    "SLASH": "/",
    "PERCENT": "%",
}


#: Of a word that does not belong, as many characters are repeated.
_SHOWN = 60


@cache
def _lark() -> Lark:
    text = Path(__file__).with_name("grammar.lark").read_text(encoding="utf-8")
    return Lark(text, parser="lalr", start=["start", "definition", "set", "span"], propagate_positions=True)


@cache
def reserved_words() -> frozenset[str]:
    """Words that the grammar uses itself; a name that holds one is quoted."""
    return frozenset(
        terminal.pattern.value
        for terminal in _lark().terminals
        if terminal.pattern.type == "str" and terminal.pattern.value.isalpha() and terminal.pattern.value != "treatment"
    )


def parse(text: str) -> t.Rule:
    """Read one rule. Raises RuleError naming line, column, what was expected and the nearest known word."""
    return _Builder(text).rule(_read(text, "start").children[0])


def parse_definition(text: str) -> t.Definition:
    """Read one definition (`define failure of X as RULE`, `define set N as …`, `define N as RULE`)."""
    return _Builder(text).definition(_read(text, "definition"))


def parse_concepts(text: str) -> t.Concepts:
    """Read a set of concepts (`leiomyosarcoma or liposarcoma`)."""
    return _Builder(text).concepts(_read(text, "set"))


def parse_span(text: str) -> t.Span:
    """Read a span of time (`14 days`)."""
    return _Builder(text).span(_read(text, "span"))


def _read(text: str, start: str) -> Parsed:
    if len(text) > MAX_LENGTH:
        raise RuleError(
            f"{len(text):,} characters, and at most {MAX_LENGTH:,} are read: split it into several criteria, or give "
            "its parts names with `define`"
        )
    try:
        return _shallow(_lark().parse(text, start=start), text)
    except UnexpectedToken as problem:
        accepted = problem.accepts or problem.expected
        before = problem.token_history[-1] if problem.token_history else None
        if before is not None and before.type == "UNIT" and _near_words(before, reserved_words()):
            # `ecog <= 2 adn age >= 18`: the misspelt word was taken for a unit, and what follows it is not the mistake.
            raise _expected(text, str(before), before.line, before.column, ("AND", "OR", *accepted)) from None
        at_end = problem.token.type == "$END"
        line, column = (-1, -1) if at_end else (problem.line, problem.column)
        raise _expected(text, str(problem.token), line, column, accepted) from None
    except UnexpectedCharacters as problem:
        sign = text[problem.pos_in_stream or 0]
        raise _expected(text, sign, problem.line, problem.column, problem.allowed or ()) from None


def _shallow(tree: Parsed, text: str) -> Parsed:
    """The tree itself. Raises RuleError where its parts lie too deep in one another for what reads it afterwards."""
    level = [tree]
    for _ in range(MAX_DEPTH):
        level = [kid for node in level for kid in node.children if isinstance(kid, Tree)]
        if not level:
            return tree
    raise RuleError(
        f"the parts are nested more than {MAX_DEPTH} deep here: give some of them names with `define`",
        level[0].meta.line,
        level[0].meta.column,
        text,
    )


def _expected(text: str, found: str, line: int, column: int, names: Iterable[str]) -> RuleError:
    words = sorted({_FRIENDLY.get(name, _literal(name)) for name in names if not name.startswith("__")})
    if line < 1:
        lines = text.splitlines() or [""]
        line, column = len(lines), len(lines[-1]) + 1
    shown = found if len(found) <= _SHOWN else f"{found[:_SHOWN]}…"
    what = f"unexpected {shown!r}" if found else "the rule ends too early"
    near = _near_words(found, (word for word in words if word.isalpha()))
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return RuleError(f"{what}{hint}: expected {', '.join(words)}", line, column, text)


def _near_words(found: str, words: Iterable[str]) -> list[str]:
    """The word most like what was found, if any is; of equals the one with the same letters: `adn` is `and`."""
    near = difflib.get_close_matches(found.casefold(), list(words), n=5)
    return sorted(near, key=lambda word: sorted(word) != sorted(found.casefold()))[:1]


@cache
def _literal(name: str) -> str:
    for terminal in _lark().terminals:
        if terminal.name == name and terminal.pattern.type == "str":
            return terminal.pattern.value
    return name.lower()


def _number(token: object) -> float:
    return float(str(token))


def _operator(token: object) -> t.Operator:
    return t.Operator(_OPERATORS.get(str(token), str(token)))


class _Builder:
    """Builds nodes from Lark's parse tree; keeps the text for messages."""

    def __init__(self, text: str) -> None:
        self.text = text

    def _at(self, node: Parsed, make: Callable[[], N]) -> N:
        try:
            return make()
        except InvalidNode as problem:
            raise self._error(node, str(problem)) from None

    def _error(self, node: Parsed, message: str) -> RuleError:
        return RuleError(message, node.meta.line, node.meta.column, self.text)

    # rules

    def rule(self, node: Parsed) -> t.Rule:
        return self._at(node, lambda: self._rule(node))

    def _rule(self, node: Parsed) -> t.Rule:
        kids = node.children
        match str(node.data):
            case "disjunction":
                return t.Or(tuple(self.rule(kid) for kid in kids))
            case "conjunction":
                return t.And(tuple(self.rule(kid) for kid in kids))
            case "negation":
                return t.Not(self.rule(kids[0]))
            case "exception":
                return t.Except(self.rule(kids[0]), self.rule(kids[1]))
            case "condition":
                otherwise = self.rule(kids[2]) if kids[2] is not None else None
                return t.If(self.rule(kids[0]), self.rule(kids[1]), otherwise)
            case "at_least" | "at_most" | "exactly" as bound:
                parts = tuple(self.rule(kid) for kid in kids[1:])
                return t.Quota(t.Bound(bound.replace("_", " ")), self._whole(node, kids[0]), parts)
            case "comparison":
                return t.Comparison(self.value(kids[0]), _operator(kids[1]), self.value(kids[2]), self.window(kids[3]))
            case "between":
                value, low, high = (self.value(kid) for kid in kids[:3])
                return t.Between(value, low, high, self.window(kids[3]))
            case "at_least_since":
                return t.Comparison(t.Elapsed(self.anchor(kids[1])), t.Operator.GE, self.span(kids[0]))
            case "is_recorded":
                value = self.value(kids[0])
                if not isinstance(value, t.Observation | t.Age):
                    raise InvalidNode("only a test or the age is recorded")
                return t.IsRecorded(value, self.window(kids[1]))
            case "is_code" | "is_not_code" | "is_any_code" as form:
                codes = tuple(self.name(kid) for kid in kids[1:-1])
                return t.IsCode(self._coded(kids[0]), codes, form == "is_not_code", self.window(kids[-1]))
            case "has" | "no" | "history" as mode:
                return t.Has(
                    t.Mode.HISTORY if mode == "history" else t.Mode(mode), self.records(kids[0]), self.window(kids[1])
                )
            case "count":
                return self._count(node)
            case "count_between":
                least, most = self._whole(node, kids[1]), self._whole(node, kids[2])
                return t.Count(self.records(kids[0]), least, most, window=self.window(kids[3]))
            case "ask":
                return t.Ask(str(kids[0])[1:-1])
            case "named":
                return t.Named(self._word(kids[0]))
        raise InvalidNode(f"{node.data} is no rule")  # pragma: no cover - the grammar has no other production

    def _count(self, node: Parsed) -> t.Count:
        kids = node.children
        records, window, number = self.records(kids[0]), self.window(kids[3]), self._whole(node, kids[2])
        match _operator(kids[1]):
            case t.Operator.GE:
                return t.Count(records, number, None, window=window)
            case t.Operator.GT:
                return t.Count(records, number + 1, None, window=window)
            case t.Operator.LE:
                return t.Count(records, 0, number, window=window)
            case t.Operator.LT:
                if number == 0:
                    raise InvalidNode("a count cannot be less than 0")
                return t.Count(records, 0, number - 1, window=window)
            case operator:
                return t.Count(records, number, number, operator is t.Operator.NE, window)

    def _whole(self, node: Parsed, token: object) -> int:
        number = _number(token)
        if not math.isclose(number, round(number)):
            raise InvalidNode(f"{token} is no whole number")
        return round(number)

    def _coded(self, node: Parsed) -> t.Observation:
        value = self.value(node)
        if not isinstance(value, t.Observation):
            raise InvalidNode("`is` asks for the value of a test; compare numbers with =, <=, >=")
        return value

    # values

    def value(self, node: Parsed) -> t.Value:
        return self._at(node, lambda: self._value(node))

    def _value(self, node: Parsed) -> t.Value:
        kids = node.children
        match str(node.data):
            case "quantity":
                unit = str(kids[1].children[0]) if len(kids) > 1 and kids[1].children else "%" if len(kids) > 1 else ""
                return t.Quantity(_number(kids[0]), unit)
            case "span_value":
                return self.span(kids[0])
            case "limit_of":
                return t.Limit(_number(kids[0]), str(kids[1].children[0]) == "ULN")
            case "multiple":
                return t.Multiple(_number(kids[0]), self.value(kids[1]))
            case "percent":
                return t.Multiple(float(Decimal(str(kids[0])) / 100), self.value(kids[1]), percent=True)
            case "ratio":
                return t.Ratio(self.value(kids[0]), self.value(kids[1]))
            case "time_from":
                return t.Elapsed(self.anchor(kids[0]), self.anchor(kids[1]))
            case "time_since":
                return t.Elapsed(self.anchor(kids[0]))
            case "duration":
                return t.Duration(self.records(kids[0]))
            case "observation":
                return self._observation(kids)
        raise InvalidNode(f"{node.data} is no value")  # pragma: no cover - the grammar has no other production

    def _observation(self, kids: list[Parsed]) -> t.Value:
        pick, last = t.Pick.LATEST, 0
        if kids[0].data == "selector":
            words = [str(token) for token in kids[0].children]
            pick = t.Pick(words[0])
            last = self._whole(kids[0], words[-1]) if pick is t.Pick.MEAN else 0
        node = kids[-1]
        if node.data == "word":
            name = self._word(node)
            if name == "age" and len(kids) == 1:
                return t.Age()
            return t.Observation(name, pick, last)
        name, arguments = self._word(node.children[0]), node.children[1:]
        if name in t.Measure.__members__.values():
            return self._dose(t.Measure(name), arguments)
        method, since = "", None
        for argument in arguments:
            if argument.data == "since":
                since = self.anchor(argument.children[0])
            elif argument.data == "field_test" and str(argument.children[0].children[0]) == "method":
                test = self.test(argument.children[1])
                if not isinstance(test, t.Code):
                    raise self._error(argument, "a method is one name")
                method = test.code
            else:
                raise self._error(
                    argument, f"{name} takes `method:` and `since:`; a record is asked for with has or no"
                )
        return t.Observation(name, pick, last, method, since)

    def _dose(self, measure: t.Measure, arguments: list[Parsed]) -> t.Dose:
        first = arguments[0]
        if len(arguments) != 1 or first.data not in ("positional", "equivalent"):
            raise self._error(first, f"{measure} takes drugs, and `as` one of them")
        equivalent = self.name(first.children[1]) if first.data == "equivalent" else ""
        return t.Dose(measure, self.concepts(first.children[0]), equivalent)

    # records

    def records(self, node: Parsed) -> t.Records:
        return self._at(node, lambda: self._records(node))

    def _records(self, node: Parsed) -> t.Records:
        call = node.children[0] if node.data == "records" else node
        head, arguments = call.children[0], call.children[1:]
        word = self._word(head)
        if word not in Kind.__members__.values():
            near = difflib.get_close_matches(word, [kind.value for kind in Kind], n=1)
            hint = f": did you mean {near[0]}?" if near else f": known are {', '.join(Kind)}"
            raise self._error(call, f"there is no kind of record {word!r}{hint}")
        kind = Kind(word)
        concepts: t.Concepts | None = None
        other_than: t.Concepts | None = None
        tests: list[t.FieldTest] = []
        for argument in arguments:
            match str(argument.data):
                case "positional" if concepts is None:
                    concepts = self.concepts(argument.children[0])
                case "positional" if kind is Kind.BIOMARKER:
                    tests.append(self._alteration(argument))
                case "other_than" if other_than is None:
                    other_than = self.concepts(argument.children[0])
                case "field_test":
                    name = str(argument.children[0].children[0])
                    test = self.test(argument.children[1])
                    tests.append(self._at(argument, lambda name=name, test=test: t.FieldTest(name, test)))  # type: ignore[misc]  # bound as defaults
                case _:
                    raise self._error(argument, f"{kind} does not take this here: name a field, as in `field: value`")
        return t.Records(kind, concepts or t.Concepts.of(t.ANY), other_than, tuple(tests))

    def _alteration(self, argument: Parsed) -> t.FieldTest:
        codes = [t.Code(name) for name in self.concepts(argument.children[0]).names]
        return t.FieldTest("alteration", codes[0] if len(codes) == 1 else t.Some(tuple(codes)))

    def concepts(self, node: Parsed) -> t.Concepts:
        return self._at(
            node,
            lambda: t.Concepts(tuple(tuple(self._member(m) for m in regimen.children) for regimen in node.children)),
        )

    def _member(self, node: Parsed) -> str:
        if node.data == "any_member":
            return t.ANY
        if node.data == "this_member":
            name = f"this {node.children[0]}"
            if name not in (t.THIS_CANCER, t.THIS_TREATMENT):
                raise self._error(node, f"{name!r} means nothing: write `this cancer` or `this treatment`")
            return name
        return self.name(node)

    # field tests

    def test(self, node: Parsed) -> t.Test:
        return self._at(node, lambda: self._test(node))

    def _test(self, node: Parsed) -> t.Test:
        kids = node.children
        match str(node.data):
            case "some" | "every" as data:
                parts = tuple(self.test(kid) for kid in kids)
                if len(parts) == 1:
                    return parts[0]
                return t.Some(parts) if data == "some" else t.Every(parts)
            case "other":
                return t.Other(self.test(kids[0]))
            case "code":
                return t.Code(self.name(kids[0]))
            case "lasting":
                return t.Code(self.name(kids[0]), self.span(kids[1]))
            case "compare":
                return t.Compare(_operator(kids[0]), _number(kids[1]), self._unit(kids[2]))
            case "compare_baseline":
                name = self.name(kids[1])
                if name != "baseline":
                    raise InvalidNode(f"a number or `baseline` is expected, not {name!r}")
                return t.Compare(_operator(kids[0]), None)
            case "compare_between":
                unit = self._unit(kids[2])
                return t.Every(
                    (t.Compare(t.Operator.GE, _number(kids[0]), unit), t.Compare(t.Operator.LE, _number(kids[1]), unit))
                )
            case "link":
                return t.Link(self._records(kids[0]))
        raise InvalidNode(f"{node.data} is no test")  # pragma: no cover - the grammar has no other production

    def _unit(self, node: Parsed | None) -> str:
        if node is None:
            return ""
        return str(node.children[0]) if node.children else "%"

    # time

    def window(self, node: Parsed | None) -> t.Window | None:
        return None if node is None else self._at(node, lambda: self._window(node))

    def _window(self, node: Parsed) -> t.Window:
        kids = node.children
        match str(node.data):
            case "within":
                return t.Within(
                    self.amount(kids[0]), t.Side.BEFORE, self.anchor(kids[1]) if len(kids) > 1 else t.Today()
                )
            case "within_after":
                return t.Within(self.amount(kids[0]), t.Side.AFTER, self.anchor(kids[1]))
            case "any_time":
                return t.AnyTime()
            case side:
                return t.Beside(t.Side(side), self.anchor(kids[0]))

    def amount(self, node: Parsed) -> t.Amount:
        if node.data in ("lesser", "greater"):
            return t.Extreme(node.data == "greater", tuple(self.span(kid) for kid in node.children))
        return self.span(node)

    def span(self, node: Parsed) -> t.Span:
        number, unit = node.children
        return t.Span(_number(number), _TIME_UNITS[str(unit).removesuffix("s")])

    def anchor(self, node: Parsed) -> t.Anchor:
        return self._at(node, lambda: self._anchor(node))

    def _anchor(self, node: Parsed) -> t.Anchor:
        match str(node.data):
            case "today":
                return t.Today()
            case "planned_start":
                return t.PlannedStart()
            case "this_treatment":
                return t.ThisTreatment(self._edge(node.children[0]))
        edge, which, records = node.children
        return t.Event(t.Which(str(which.children[0])), self.records(records), self._edge(edge))

    def _edge(self, node: Parsed | None) -> t.Edge | None:
        return None if node is None else t.Edge(str(node.children[0]))

    # names and definitions

    def name(self, node: Parsed) -> str:
        first = node.children[0] if node.children else "treatment"
        if isinstance(first, Token) and first.type == "QUOTED":
            return str(first)[1:-1]
        return " ".join(self._name_words(node))

    def _name_words(self, node: Parsed) -> list[str]:
        start, end = node.meta.start_pos, node.meta.end_pos
        return self.text[start:end].split()

    def _word(self, node: Parsed | Token) -> str:
        if isinstance(node, Token):
            return str(node)[1:-1]
        return str(node.children[0]) if node.children else "treatment"

    def definition(self, node: Parsed) -> t.Definition:
        return self._at(node, lambda: self._definition(node))

    def _definition(self, node: Parsed) -> t.Definition:
        kids = node.children
        match str(node.data):
            case "define_outcome":
                return t.DefineOutcome(str(kids[0]), self.concepts(kids[1]), self.rule(kids[2]))
            case "define_set":
                return t.DefineSet(self.name(kids[0]), self.concepts(kids[1]))
        return t.DefineRule(self.name(kids[0]), self.rule(kids[1]))
