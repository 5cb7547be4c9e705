"""The criteria language as an immutable tree whose nodes check themselves when built.

A wrong rule cannot exist: a node that would mean nothing raises InvalidNode. Truth-valued nodes are `Rule`s, the things
they compare are `Value`s; both are plain frozen data, so a rule can be hashed, shared between trials and stored.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum

from patients.facts import CODED, folded
from trials.criteria.errors import InvalidNode
from trials.criteria.kinds import FIELDS, OUTCOMES, FieldType, Kind

ANY = "any"
THIS_CANCER = "this cancer"
THIS_TREATMENT = "this treatment"


class Operator(StrEnum):
    """A comparison."""

    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="
    EQ = "="
    NE = "!="


class TimeUnit(StrEnum):
    """Units of a span. A week is 7 days; a month is a calendar month, clamped to its end."""

    HOUR = "hours"
    DAY = "days"
    WEEK = "weeks"
    MONTH = "months"
    YEAR = "years"
    HALF_LIFE = "half-lives"


_WORD = re.compile(r"[^\W\d_][\w\-/+'’.]*")


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise InvalidNode(message)


def _require_number(number: float) -> None:
    _require(math.isfinite(number) and number >= 0, f"{number} is no number of a rule: write 0 or more")


def _require_name(name: str) -> None:
    """A name must survive being written in double quotes on one line."""
    _require(bool(name.strip()) and not re.search(r'["\n\r]', name), f"{name!r} is no name")


def _require_unit(unit: str) -> None:
    _require(not re.search(r"\s", unit), f"{unit!r} is no unit: a unit has no spaces")


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time: a number of a unit."""

    number: float
    unit: TimeUnit

    def __post_init__(self) -> None:
        _require_number(self.number)


@dataclass(frozen=True, slots=True)
class Extreme:
    """`lesser of (28 days, 5 half-lives)` or `greater of (…)`."""

    greater: bool
    spans: tuple[Span, ...]

    def __post_init__(self) -> None:
        _require(len(self.spans) >= 2, "lesser of and greater of need two spans or more")


Amount = Span | Extreme


# --- concepts and records ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Concepts:
    """A set of concepts by name: alternatives (`or`), each a regimen of one or more (`and`)."""

    alternatives: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        _require(bool(self.alternatives) and all(self.alternatives), "a set of concepts cannot be empty")
        for name in self.names:
            _require_name(name)
        _require(ANY not in self.names or self.names == (ANY,), "`any` stands alone")

    @classmethod
    def of(cls, *names: str) -> Concepts:
        """The set of these concepts, any one of which is asked for."""
        return cls(tuple((name,) for name in names))

    @property
    def names(self) -> tuple[str, ...]:
        """Every name in the set, in order."""
        return tuple(name for regimen in self.alternatives for name in regimen)

    @property
    def is_any(self) -> bool:
        """Whether every record of the kind is asked for."""
        return self.alternatives == ((ANY,),)


@dataclass(frozen=True, slots=True)
class Code:
    """A field equals a word; `lasting` asks that it has held for so long (`stable for 4 weeks`)."""

    code: str
    lasting: Span | None = None

    def __post_init__(self) -> None:
        _require_name(self.code)


@dataclass(frozen=True, slots=True)
class Compare:
    """A field compares with a number, or with the patient's own baseline (`number` is None)."""

    operator: Operator
    number: float | None
    unit: str = ""

    def __post_init__(self) -> None:
        _require_unit(self.unit)
        _require(self.number is not None or not self.unit, "`baseline` has no unit")
        if self.number is not None:
            _require_number(self.number)


@dataclass(frozen=True, slots=True)
class Link:
    """A field points to another record."""

    records: Records

    def __post_init__(self) -> None:
        _require(self.records.kind is not Kind.SITE, "sites are counted, nothing points to them")


@dataclass(frozen=True, slots=True)
class Every:
    """All of the tests hold of one record."""

    parts: tuple[Test, ...]

    def __post_init__(self) -> None:
        _require(len(self.parts) >= 2, "`and` joins two tests or more")


@dataclass(frozen=True, slots=True)
class Some:
    """One of the tests holds."""

    parts: tuple[Test, ...]

    def __post_init__(self) -> None:
        _require(len(self.parts) >= 2, "`or` joins two tests or more")


@dataclass(frozen=True, slots=True)
class Other:
    """The test does not hold."""

    part: Test


Test = Code | Compare | Link | Every | Some | Other


def _leaves(test: Test) -> Iterator[Code | Compare | Link]:
    if isinstance(test, Every | Some):
        for part in test.parts:
            yield from _leaves(part)
    elif isinstance(test, Other):
        yield from _leaves(test.part)
    else:
        yield test


@dataclass(frozen=True, slots=True)
class FieldTest:
    """`field: test` of a record."""

    field: str
    test: Test


@dataclass(frozen=True, slots=True)
class Records:
    """A pattern over records of one kind: concepts, exceptions, and tests of fields."""

    kind: Kind
    concepts: Concepts
    other_than: Concepts | None = None
    tests: tuple[FieldTest, ...] = ()

    def __post_init__(self) -> None:
        if self.other_than is not None:
            _require(not self.other_than.is_any, "`other than: any` leaves nothing")
        known = FIELDS[self.kind]
        seen: set[str] = set()
        for item in self.tests:
            _require(item.field in known, f"{self.kind} has no field {item.field}: it has {', '.join(sorted(known))}")
            _require(item.field not in seen, f"{item.field} is tested twice: join the tests with `and` or `or`")
            seen.add(item.field)
            for leaf in _leaves(item.test):
                _check_leaf(self.kind, item.field, leaf)
        if self.kind is Kind.DISEASE_STATUS and not self.concepts.is_any:
            for name in self.concepts.names:
                _require(
                    name in CODED["disease_status"],
                    f"{name} is no disease status: known are {', '.join(CODED['disease_status'])}",
                )


def _check_leaf(kind: Kind, name: str, leaf: Code | Compare | Link) -> None:
    field = FIELDS[kind][name]
    words = {
        FieldType.CODE: tuple(CODED.get(field.codes, ())) + (("ongoing",) if field.codes == "state" else ()),
        FieldType.YES_NO: ("yes", "no"),
        FieldType.OUTCOME: OUTCOMES,
    }.get(field.type)
    if isinstance(leaf, Compare):
        _require(field.type is FieldType.NUMBER, f"{name} is not a number and cannot be compared with {leaf.operator}")
        _require(leaf.number is not None or name == "grade", "only a grade has a baseline")
    elif isinstance(leaf, Link):
        _require(field.type is FieldType.LINK, f"{name} does not point to another record")
    else:
        _require(field.type is not FieldType.NUMBER, f"{name} is a number: write {name}: = {leaf.code}")
        if words is not None:
            _require(leaf.code in words, f"{leaf.code} is no {name}: known are {', '.join(words)}")
        _require(leaf.lasting is None or name in {"state", "extent"}, "`for` asks how long a state has held")


# --- anchors and windows -------------------------------------------------------------------------------------------


class Which(StrEnum):
    """Which of the matching records an anchor means."""

    FIRST = "first"
    LAST = "last"
    NEXT = "next"


class Edge(StrEnum):
    """Which end of the record an anchor means; without one, a course's last dose for `last`, its start otherwise."""

    START = "start"
    END = "end"


@dataclass(frozen=True, slots=True)
class Today:
    """The as-of date."""


@dataclass(frozen=True, slots=True)
class PlannedStart:
    """The planned first day of the study treatment: not before the as-of date."""


@dataclass(frozen=True, slots=True)
class ThisTreatment:
    """The treatment at hand, inside a definition of failure."""

    edge: Edge | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """`[start of|end of] first|last|next KIND(…)`."""

    which: Which
    records: Records
    edge: Edge | None = None

    def __post_init__(self) -> None:
        _require(self.records.kind is not Kind.SITE, "a count of sites has no date")


Anchor = Today | PlannedStart | ThisTreatment | Event


class Side(StrEnum):
    """On which side of its anchor a window lies."""

    BEFORE = "before"
    AFTER = "after"
    DURING = "during"


@dataclass(frozen=True, slots=True)
class Within:
    """`within 28 days [before|after E]`, both ends included."""

    amount: Amount
    side: Side = Side.BEFORE
    anchor: Anchor = Today()

    def __post_init__(self) -> None:
        _require(self.side is not Side.DURING, "`within` goes before or after")


@dataclass(frozen=True, slots=True)
class Beside:
    """`before E`, `after E`, `during E`."""

    side: Side
    anchor: Anchor

    def __post_init__(self) -> None:
        _require(
            self.side is not Side.DURING or isinstance(self.anchor, Event | ThisTreatment), "`during` needs a record"
        )


@dataclass(frozen=True, slots=True)
class AnyTime:
    """`any time`: no limit of age."""


Window = Within | Beside | AnyTime


# --- values --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its unit as written; the unit is checked against the test it is compared with."""

    number: float
    unit: str = ""

    def __post_init__(self) -> None:
        _require_number(self.number)
        _require_unit(self.unit)


class Pick(StrEnum):
    """Which of several values is meant."""

    LATEST = "latest"
    FIRST = "first"
    LOWEST = "lowest"
    HIGHEST = "highest"
    MEAN = "mean"


@dataclass(frozen=True, slots=True)
class Observation:
    """A test's value: the latest by default; `last` counts the values of a mean."""

    test: str
    pick: Pick = Pick.LATEST
    last: int = 0
    method: str = ""
    since: Anchor | None = None

    def __post_init__(self) -> None:
        _require(bool(_WORD.fullmatch(self.test)), f"{self.test!r} is no test: write one word (creatinine_clearance)")
        _require(self.test != "age", "the age is counted, not measured: write `age` alone")
        _require(self.test not in set(Measure), f"{self.test} is of drugs: {self.test}(doxorubicin)")
        if self.method:
            _require_name(self.method)
        _require((self.pick is Pick.MEAN) == (self.last > 0), "a mean says of how many values")


@dataclass(frozen=True, slots=True)
class Age:
    """Completed years at the as-of date."""


@dataclass(frozen=True, slots=True)
class Limit:
    """`1.5 x ULN`, `1 x LLN`: of the value on the other side."""

    factor: float
    upper: bool

    def __post_init__(self) -> None:
        _require_number(self.factor)
        _require(self.factor > 0, "a multiple of a limit is positive")


@dataclass(frozen=True, slots=True)
class Multiple:
    """`2 x V`; `50 % of V` is stored as 0.5 with `percent`."""

    factor: float
    value: Value
    percent: bool = False

    def __post_init__(self) -> None:
        _require_number(self.factor)
        _require(
            isinstance(self.value, Observation | Dose | Multiple), "only the value of a test or a dose is multiplied"
        )


@dataclass(frozen=True, slots=True)
class Ratio:
    """`V / V`."""

    over: Value
    under: Value

    def __post_init__(self) -> None:
        for part in (self.over, self.under):
            _require(isinstance(part, Observation | Dose | Multiple), "a ratio is of two tests, or of two doses")


class Measure(StrEnum):
    """Which dose is meant."""

    CUMULATIVE = "cumulative_dose"
    DAILY = "daily_dose"
    SINGLE = "dose"


@dataclass(frozen=True, slots=True)
class Dose:
    """`cumulative_dose(X as Y)`: a dose of some drugs, as the equivalent of one."""

    measure: Measure
    concepts: Concepts
    equivalent: str = ""


@dataclass(frozen=True, slots=True)
class Elapsed:
    """`time from E to E`, `time since E` (to today)."""

    start: Anchor
    end: Anchor = Today()


@dataclass(frozen=True, slots=True)
class Duration:
    """`duration of KIND(…)`: from first to last day of the longest matching record."""

    records: Records

    def __post_init__(self) -> None:
        _require(self.records.kind is not Kind.SITE, "sites are counted, they have no duration")


Value = Quantity | Span | Observation | Age | Limit | Multiple | Ratio | Dose | Elapsed | Duration


# --- rules ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class And:
    """All of the parts."""

    parts: tuple[Rule, ...]

    def __post_init__(self) -> None:
        _require(len(self.parts) >= 2, "`and` joins two rules or more")


@dataclass(frozen=True, slots=True)
class Or:
    """One or more of the parts."""

    parts: tuple[Rule, ...]

    def __post_init__(self) -> None:
        _require(len(self.parts) >= 2, "`or` joins two rules or more")


@dataclass(frozen=True, slots=True)
class Not:
    """The contrary."""

    part: Rule


@dataclass(frozen=True, slots=True)
class If:
    """`if A then B [else C]`."""

    condition: Rule
    then: Rule
    otherwise: Rule | None = None


@dataclass(frozen=True, slots=True)
class Except:
    """`A except when B`."""

    main: Rule
    when: Rule


class Bound(StrEnum):
    """How many of several."""

    AT_LEAST = "at least"
    AT_MOST = "at most"
    EXACTLY = "exactly"


@dataclass(frozen=True, slots=True)
class Quota:
    """`at least 2 of (A; B; C)`."""

    bound: Bound
    number: int
    parts: tuple[Rule, ...]

    def __post_init__(self) -> None:
        _require(len(self.parts) >= 2, "a count of rules needs two or more")
        _require(0 <= self.number <= len(self.parts), f"{self.number} of {len(self.parts)} rules cannot be asked for")
        _require(self.bound is not Bound.AT_LEAST or self.number > 0, "at least 0 of them is always so")
        _require(self.bound is not Bound.AT_MOST or self.number < len(self.parts), "at most all of them is always so")


@dataclass(frozen=True, slots=True)
class Comparison:
    """`V op V [window]`."""

    left: Value
    operator: Operator
    right: Value
    window: Window | None = None

    def __post_init__(self) -> None:
        _check_operands(self.left, self.right)


@dataclass(frozen=True, slots=True)
class Between:
    """`V between a and b [window]`, both included."""

    value: Value
    low: Value
    high: Value
    window: Window | None = None

    def __post_init__(self) -> None:
        _check_operands(self.value, self.low)
        _check_operands(self.value, self.high)


def _check_operands(left: Value, right: Value) -> None:
    _require(
        not isinstance(left, Quantity | Span | Limit), "write the value first and what it is compared with after it"
    )
    _require(
        not isinstance(right, Age | Elapsed | Duration),
        "write an age or a time first and what it is compared with after it",
    )
    if isinstance(right, Limit):
        _require(isinstance(left, Observation), "ULN and LLN belong to a laboratory test")
    if isinstance(left, Elapsed | Duration):
        _require(isinstance(right, Span), "a time is compared with a span: 28 days, 6 months")


@dataclass(frozen=True, slots=True)
class IsCode:
    """`V is [not] code`, `V is any of (a, b)`."""

    value: Observation
    codes: tuple[str, ...]
    negated: bool = False
    window: Window | None = None

    def __post_init__(self) -> None:
        _require(bool(self.codes), "`is` needs a value")
        _require(len(self.codes) == 1 or not self.negated, "`is not` takes one value")
        for code in self.codes:
            _require_name(code)
        _require(self.value.pick is not Pick.MEAN, "coded values have no mean")


@dataclass(frozen=True, slots=True)
class IsRecorded:
    """`V is recorded`."""

    value: Observation | Age
    window: Window | None = None


class Mode(StrEnum):
    """How a pattern is asked for."""

    HAS = "has"
    NO = "no"
    HISTORY = "history of"


@dataclass(frozen=True, slots=True)
class Has:
    """`has | no | history of KIND(…) [window]`."""

    mode: Mode
    records: Records
    window: Window | None = None

    def __post_init__(self) -> None:
        _require(self.records.kind is not Kind.SITE, "sites are counted: count site(metastasis) >= 2")


@dataclass(frozen=True, slots=True)
class Count:
    """`count KIND(…) op n [window]`, or `between low and high`, stored as both bounds, each included."""

    records: Records
    low: int
    high: int | None = None
    negated: bool = False
    window: Window | None = None

    def __post_init__(self) -> None:
        _require(self.low >= 0, "a count cannot be negative")
        _require(self.high is None or self.high >= self.low, "the count is between nothing")
        _require(self.low > 0 or self.high is not None, "every count is 0 or more")
        _require(not self.negated or self.low == self.high, "`!=` takes one number")


@dataclass(frozen=True, slots=True)
class Ask:
    """`ask "question"`: what only a reader can settle."""

    question: str

    def __post_init__(self) -> None:
        _require(bool(self.question.strip()), "a question needs words")
        _require_name(self.question)


@dataclass(frozen=True, slots=True)
class Named:
    """A rule that the document defines under a name."""

    name: str

    def __post_init__(self) -> None:
        _require_name(self.name)


Leaf = Comparison | Between | IsCode | IsRecorded | Has | Count | Ask | Named
Connective = And | Or | Not | If | Except | Quota
Rule = Connective | Leaf


# --- definitions ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DefineOutcome:
    """`define failure of X as RULE`: what the outcome means for these drugs in this document."""

    outcome: str
    concepts: Concepts
    rule: Rule

    def __post_init__(self) -> None:
        _require(self.outcome in OUTCOMES, f"{self.outcome} is no outcome: known are {', '.join(OUTCOMES)}")


@dataclass(frozen=True, slots=True)
class DefineSet:
    """`define set NAME as A or B`."""

    name: str
    concepts: Concepts

    def __post_init__(self) -> None:
        _require_name(self.name)


@dataclass(frozen=True, slots=True)
class DefineRule:
    """`define NAME as RULE`."""

    name: str
    rule: Rule

    def __post_init__(self) -> None:
        _require_name(self.name)


Definition = DefineOutcome | DefineSet | DefineRule


def children(rule: Rule) -> tuple[Rule, ...]:
    """The rules directly inside a rule, in order; none for a leaf."""
    match rule:
        case And(parts) | Or(parts) | Quota(parts=parts):
            return parts
        case Not(part):
            return (part,)
        case If(condition, then, otherwise):
            return (condition, then) if otherwise is None else (condition, then, otherwise)
        case Except(main, when):
            return (main, when)
        case _:
            return ()


def leaves(rule: Rule) -> Iterator[Leaf]:
    """Every leaf of a rule, left to right."""
    inside = children(rule)
    if not inside:
        yield rule  # type: ignore[misc]  # a rule without children is a leaf: the union says so, mypy cannot
    for part in inside:
        yield from leaves(part)


def walk(node: object) -> Iterator[object]:
    """Every node of a tree, parents first, values and patterns included."""
    yield node
    if is_dataclass(node) and not isinstance(node, type):
        for item in fields(node):
            value = getattr(node, item.name)
            for part in value if isinstance(value, tuple) else (value,):
                if is_dataclass(part) and not isinstance(part, type):
                    yield from walk(part)


def same_name(a: str, b: str) -> bool:
    """Whether two names of the language are one (case, spaces, hyphens and underscores aside)."""
    return folded(a) == folded(b)
