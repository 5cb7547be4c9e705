"""Says a rule in plain English, for the coordinator who reads why a patient fits and for the reviewer who signs it.

Each leaf becomes one clause about the patient ("has had doxorubicin that failed"), each window the phrase a protocol
would use ("in the last 28 days"). Where two readings could be meant, brackets are written; nothing is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from patients.vocabulary import Vocabulary
from trials.criteria import tree as t
from trials.criteria.kinds import FIELDS, FieldType, Kind


def english(rule: t.Rule, vocabulary: Vocabulary | None = None) -> str:
    """The rule as a phrase; with a vocabulary, tests stand under their full names."""
    return _English(vocabulary).rule(rule)


def english_definition(definition: t.Definition, vocabulary: Vocabulary | None = None) -> str:
    """The definition as a sentence without its full stop."""
    say = _English(vocabulary)
    match definition:
        case t.DefineOutcome(outcome, concepts, rule):
            of = "to" if outcome == "refractory" else "of"
            subject = {"refractory": "being refractory", "intolerant": "being intolerant"}.get(outcome, outcome)
            return f"{subject} {of} {say.concepts(concepts)} means: {say.rule(rule)}"
        case t.DefineSet(name, concepts):
            return f"“{_plain(name)}” stands for {say.concepts(concepts)}"
        case t.DefineRule(name, rule):  # pragma: no branch - the union has no other member
            return f"“{_plain(name)}” means: {say.rule(rule)}"


_COMPARED = {
    t.Operator.LT: "less than {}",
    t.Operator.LE: "{} or less",
    t.Operator.GT: "more than {}",
    t.Operator.GE: "{} or more",
    t.Operator.EQ: "{}",
    t.Operator.NE: "not {}",
}
_ELAPSED = {
    t.Operator.LT: "less than {} passed {}",
    t.Operator.LE: "at most {} passed {}",
    t.Operator.GT: "more than {} passed {}",
    t.Operator.GE: "at least {} passed {}",
    t.Operator.EQ: "exactly {} passed {}",
    t.Operator.NE: "a time other than {} passed {}",
}
_DOSES = {t.Measure.CUMULATIVE: "cumulative dose", t.Measure.DAILY: "daily dose", t.Measure.SINGLE: "dose"}

#: How a kind is asked for: present, absent, ever. `{}` is the pattern.
_ASKED: Mapping[Kind, tuple[str, str, str]] = {
    Kind.DIAGNOSIS: ("has {}", "no {}", "has ever had {}"),
    Kind.CONDITION: ("has {}", "no {}", "has or has had {}"),
    Kind.TOXICITY: ("has {}", "no {}", "has or has had {}"),
    Kind.ALLERGY: ("has {}", "no {}", "has or has had {}"),
    Kind.FAMILY_HISTORY: ("has {}", "no {}", "has {}"),
    Kind.TREATMENT: ("has had {}", "no {}", "has ever had {}"),
    Kind.MEDICATION: ("has taken {}", "has not taken {}", "has ever taken {}"),
    Kind.DRUG: ("has received {}", "has not received {}", "has ever received {}"),
    Kind.BIOMARKER: ("has {}", "no {}", "has or has had {}"),
    Kind.DISEASE_STATUS: ("has had {}", "no {}", "has ever had {}"),
    Kind.LINE: ("has had {}", "no {}", "has ever had {}"),
}

#: What several records of a kind are called, one and many, and what stands between that and the concepts.
_COUNTED: Mapping[Kind, tuple[str, str]] = {
    Kind.DIAGNOSIS: ("diagnosis of {}", "diagnoses of {}"),
    Kind.CONDITION: ("record of {}", "records of {}"),
    Kind.TOXICITY: ("toxicity: {}", "toxicities: {}"),
    Kind.ALLERGY: ("allergy to {}", "allergies to {}"),
    Kind.FAMILY_HISTORY: ("family history of {}", "family histories of {}"),
    Kind.TREATMENT: ("course of {}", "courses of {}"),
    Kind.MEDICATION: ("use of {}", "uses of {}"),
    Kind.DRUG: ("course or use of {}", "courses or uses of {}"),
    Kind.BIOMARKER: ("finding of {}", "findings of {}"),
    Kind.DISEASE_STATUS: ("event of {}", "events of {}"),
    Kind.LINE: ("line of {}", "lines of {}"),
    Kind.SITE: ("site of {}", "sites of {}"),
}

_ANYTHING: Mapping[Kind, str] = {
    Kind.DIAGNOSIS: "any cancer",
    Kind.CONDITION: "any condition",
    Kind.TOXICITY: "any toxicity",
    Kind.ALLERGY: "any agent",
    Kind.FAMILY_HISTORY: "any disease",
    Kind.TREATMENT: "any treatment",
    Kind.MEDICATION: "any medication",
    Kind.DRUG: "any drug",
    Kind.BIOMARKER: "any marker",
    Kind.DISEASE_STATUS: "any change of the disease",
    Kind.LINE: "therapy",
    Kind.SITE: "disease",
}

#: Clauses of the fields that have a natural phrase; `{}` is what the field is tested for. Every other field is said by
#: its name: "whose laterality is left".
_CLAUSES: Mapping[str, str] = {
    "extent": "that is {}",
    "stage": "of stage {}",
    "state": "that is {}",
    "status": "that is {}",
    "histology": "of histology {}",
    "tumour_grade": "of histological grade {}",
    "site": "at the site {}",
    "basis": "established by {}",
    "grade": "of grade {}",
    "due_to": "caused by {}",
    "for": "for {}",
    "setting": "in the {} setting",
    "intent": "with {} intent",
    "outcome": "with the outcome {}",
    "response": "with the response {}",
    "stop_reason": "stopped for {}",
    "with": "together with {}",
    "route": "by the route {}",
    "technique": "by the technique {}",
    "line": "in line {}",
    "cycles": "for a number of cycles of {}",
    "dose": "at a dose of {}",
    "cumulative_dose": "to a cumulative dose of {}",
    "relative_dose": "at a relative dose intensity of {}",
    "partner": "with the partner {}",
    "value": "with a value of {}",
    "scale": "on the scale {}",
    "significance": "classified as {}",
    "origin": "of {} origin",
    "assay": "found by {}",
    "exon": "in exon {}",
    "variant": "of the variant {}",
}
_FLAGS: Mapping[tuple[str, str], str] = {
    ("ongoing", "yes"): "that is ongoing",
    ("ongoing", "no"): "that is not ongoing",
    ("ended", "yes"): "that has ended",
    ("ended", "no"): "that has not ended",
    ("on_trial", "yes"): "given in a clinical trial",
    ("on_trial", "no"): "given outside a clinical trial",
    ("outcome", "failure"): "that failed",
    ("outcome", "refractory"): "to which the disease was refractory",
    ("outcome", "intolerant"): "that was not tolerated",
    ("line", "="): "in line {}",
}
_TESTS = {"ecog": "ECOG", "sex": "sex"}


class _English:
    """Says nodes; keeps the vocabulary for the names of tests."""

    def __init__(self, vocabulary: Vocabulary | None) -> None:
        self.vocabulary = vocabulary

    # rules

    def rule(self, rule: t.Rule) -> str:
        match rule:
            case t.And(parts):
                return " and ".join(self._inside(part) for part in parts)
            case t.Or(parts):
                return " or ".join(self._inside(part) for part in parts)
            case t.Not(part):
                return f"it is not the case that {self._inside(part)}"
            case t.If(condition, then, otherwise):
                text = f"if {self._inside(condition)}, then {self._inside(then)}"
                return text if otherwise is None else f"{text}, otherwise {self._inside(otherwise)}"
            case t.Except(main, when):
                return f"{self._inside(main)}, except when {self._inside(when)}"
            case t.Quota(bound, number, parts):
                listed = "; ".join(f"({index}) {self.rule(part)}" for index, part in enumerate(parts, start=1))
                return f"{bound} {number} of these: {listed}"
            case _:
                return self._leaf(rule)

    def _inside(self, rule: t.Rule) -> str:
        return f"({self.rule(rule)})" if t.children(rule) else self.rule(rule)

    def _leaf(self, leaf: t.Leaf) -> str:
        match leaf:
            case t.Comparison(t.Elapsed(start, end), operator, right, None):
                return self._passed(start, end, _ELAPSED[operator], self.value(right))
            case t.Comparison(left, operator, right, window):
                return self._measured(left, _COMPARED[operator].format(self._bound(left, right)), window)
            case t.Between(t.Elapsed(start, end), low, high, None):
                return self._passed(start, end, "{} passed {}", f"{self.value(low)} to {self.value(high)}")
            case t.Between(value, low, high, window):
                return self._measured(value, f"{self.value(low)} to {self._bound(value, high)}", window)
            case t.IsCode(value, codes, negated, window):
                asked = _listed(map(_plain, codes), "or")
                return self._measured(value, f"not {asked}" if negated else asked, window)
            case t.IsRecorded(value, window):
                return self._measured(value, "recorded", window)
            case t.Has():
                return self._has(leaf)
            case t.Count():
                return self._count(leaf)
            case t.Ask(question):
                return f"a reader answers yes to “{question}”"
            case t.Named(name):  # pragma: no branch - the union has no other member
                return f"“{_plain(name)}” holds"

    def _measured(self, value: t.Value, asked: str, window: t.Window | None) -> str:
        if window is None:
            when = ""
        elif isinstance(value, t.Observation | t.Multiple | t.Ratio):
            when = f", measured {self.measured_when(window)}"
        else:
            when = f", {self.window(window)}"
        return f"{self.value(value)} is {asked}{when}"

    def _bound(self, left: t.Value, right: t.Value) -> str:
        if isinstance(left, t.Age) and isinstance(right, t.Quantity) and not right.unit:
            return f"{_number(right.number)} years"
        return self.value(right)

    def _passed(self, start: t.Anchor, end: t.Anchor, frame: str, amount: str) -> str:
        if end == t.Today():
            passed = "has passed" if amount.startswith("1 ") and " to " not in amount else "have passed"
            return frame.replace("passed", passed).format(amount, f"since {self.anchor(start)}")
        return frame.format(amount, f"between {self.anchor(start)} and {self.anchor(end)}")

    def _has(self, leaf: t.Has) -> str:
        records = leaf.records
        present, absent, ever = _ASKED[records.kind]
        if _flag(records, "ongoing") == "yes" and records.kind in (Kind.MEDICATION, Kind.DRUG, Kind.TREATMENT):
            present, absent = {Kind.MEDICATION: ("is taking {}", "is not taking {}")}.get(
                records.kind, ("is receiving {}", "is not receiving {}")
            )
            if leaf.mode is not t.Mode.HISTORY:
                records = t.Records(
                    records.kind,
                    records.concepts,
                    records.other_than,
                    tuple(item for item in records.tests if item.field != "ongoing"),
                )
        elif records.kind is Kind.TREATMENT and any(item.field == "status" for item in records.tests):
            present, absent, ever = "has {}", "no {}", "has or has had {}"
        frame = {t.Mode.HAS: present, t.Mode.NO: absent, t.Mode.HISTORY: ever}[leaf.mode]
        article = leaf.mode is not t.Mode.NO
        when = "" if leaf.window is None else f" {self.window(leaf.window)}"
        return frame.format(self._pattern(records, article=article)).replace("no any ", "no ", 1) + when

    def _count(self, leaf: t.Count) -> str:
        low, high = leaf.low, leaf.high
        if high is None:
            number, many = f"at least {low}", low != 1
        elif low == high:
            number = "no" if low == 0 else f"exactly {low}"
            if leaf.negated:
                number = "at least 1" if low == 0 else f"a number other than {low} of"
            many = low > 1 or (leaf.negated and low == 1)
        elif low == 0:
            number, many = f"at most {high}", high != 1
        else:
            number, many = f"{low} to {high}", True
        one, several = _COUNTED[leaf.records.kind]
        noun = (several if many else one).format(self._subject(leaf.records))
        when = "" if leaf.window is None else f" {self.window(leaf.window)}"
        return f"{number} {noun}{self._clauses(leaf.records)}{when}"

    # values

    def value(self, value: t.Value) -> str:
        match value:
            case t.Quantity(number, unit):
                return f"{_number(number)} {unit}".rstrip()
            case t.Span():
                return self.amount(value)
            case t.Observation(test, pick, last, method, since):
                chosen = {
                    t.Pick.LATEST: "",
                    t.Pick.MEAN: f"mean of the last {last} values of ",
                }.get(pick, f"{pick} ")
                how = f" (by {_plain(method)})" if method else ""
                return f"{chosen}{self.test_name(test)}{how}" + (f" since {self.anchor(since)}" if since else "")
            case t.Age():
                return "age"
            case t.Limit(factor, upper):
                limit = f"the {'upper' if upper else 'lower'} limit of normal"
                return limit if factor == 1 else f"{_number(factor)} times {limit}"
            case t.Multiple(factor, inner, percent):
                if percent:
                    return f"{_number(Decimal(repr(factor)) * 100)} % of {self.value(inner)}"
                return f"{_number(factor)} times {self.value(inner)}"
            case t.Ratio(over, under):
                return f"{self.value(over)} divided by {self.value(under)}"
            case t.Dose(measure, concepts, equivalent):
                as_ = f" (counted as {_plain(equivalent)})" if equivalent else ""
                return f"{_DOSES[measure]} of {self.concepts(concepts)}{as_}"
            case t.Elapsed(start, end):
                return f"time from {self.anchor(start)} to {self.anchor(end)}"
            case t.Duration(records):  # pragma: no branch - the union has no other member
                return f"duration of {self._pattern(records, article=False)}"

    def test_name(self, test: str) -> str:
        if self.vocabulary is not None:
            found = self.vocabulary.find_test(test)
            if found is not None:
                return self.vocabulary.test(found).name
        return _TESTS.get(test, _plain(test))

    # records

    def _pattern(self, records: t.Records, *, article: bool) -> str:
        """The records as a noun with its clauses: "an allergy to platinum agent of grade 3 or more"."""
        subject = self._subject(records)
        match records.kind:
            case Kind.DIAGNOSIS:
                subject = f"{'a ' if article else ''}diagnosis of {subject}"
            case Kind.ALLERGY:
                subject = f"{'an ' if article else ''}allergy to {subject}"
            case Kind.FAMILY_HISTORY:
                subject = f"{'a ' if article else ''}family history of {subject}"
            case Kind.LINE:
                subject = f"{'a ' if article else ''}line of {subject}"
            case Kind.TOXICITY if not records.concepts.is_any:
                subject = f"{subject} as a toxicity"
        return subject + self._clauses(records)

    def _subject(self, records: t.Records) -> str:
        concepts = records.concepts
        if concepts.is_any:
            name = _ANYTHING[records.kind]
        elif records.kind is Kind.LINE and concepts.names == ("systemic",):
            name = "systemic therapy"
        else:
            name = self.concepts(concepts)
        if records.kind is Kind.BIOMARKER:
            for item in records.tests:
                if item.field == "alteration":
                    name = f"{name} {self.test(item.test)}"
        if records.other_than is not None:
            name += f" other than {self.concepts(records.other_than)}"
        return name

    def _clauses(self, records: t.Records) -> str:
        said = [item for item in records.tests if not (item.field == "alteration" and records.kind is Kind.BIOMARKER)]
        return "".join(f" {self._clause(records.kind, item)}" for item in said)

    def _clause(self, kind: Kind, item: t.FieldTest) -> str:
        match item.test:
            case t.Code(code, None) if (item.field, code) in _FLAGS:
                return _FLAGS[(item.field, code)]
        frame = _CLAUSES.get(item.field)
        if frame is None or FIELDS[kind][item.field].type in (FieldType.YES_NO, FieldType.OUTCOME):
            frame = f"whose {_plain(item.field)} is {{}}"
        return frame.format(self.test(item.test))

    def test(self, test: t.Test) -> str:
        match test:
            case t.Code(code, lasting):
                return _plain(code) + (f" for {self.amount(lasting)}" if lasting is not None else "")
            case t.Compare(operator, number, unit):
                amount = "at baseline" if number is None else f"{_number(number)} {unit}".rstrip()
                if number is None and operator not in (t.Operator.LT, t.Operator.GT):
                    amount = "that at baseline"
                return _COMPARED[operator].format(amount)
            case t.Link(records):
                return self._pattern(records, article=True)
            case t.Every(parts):
                return " and ".join(self._part(part) for part in parts)
            case t.Some(parts):
                return _listed((self._part(part) for part in parts), "or")
            case t.Other(t.Some(parts)):
                return "neither " + " nor ".join(self._part(part) for part in parts)
            case t.Other(part):  # pragma: no branch - the union has no other member
                return f"not {self._part(part)}"

    def _part(self, test: t.Test) -> str:
        text = self.test(test)
        return f"({text})" if isinstance(test, t.Every | t.Some) else text

    def concepts(self, concepts: t.Concepts) -> str:
        return _listed((_together(regimen) for regimen in concepts.alternatives), "or")

    # time

    def window(self, window: t.Window) -> str:
        match window:
            case t.AnyTime():
                return "at any time"
            case t.Beside(t.Side.DURING, t.Event(which, records, None)):
                return f"during {self._event(which, records)}"
            case t.Beside(side, anchor):
                return f"{side} {self.anchor(anchor)}"
            case t.Within(amount, t.Side.BEFORE, t.Today()):
                return f"in the last {self.amount(amount)}"
            case t.Within(amount, side, anchor):  # pragma: no branch - the union has no other member
                return f"in the {self.amount(amount)} {side} {self.anchor(anchor)}"

    def measured_when(self, window: t.Window) -> str:
        if isinstance(window, t.Within):
            return self.window(window).replace("in the last", "within", 1).replace("in the", "within", 1)
        return self.window(window)

    def amount(self, amount: t.Amount) -> str:
        match amount:
            case t.Extreme(greater, spans):
                return f"{_listed(map(self.amount, spans), 'or')}, whichever is {'longer' if greater else 'shorter'}"
            case t.Span(number, unit):  # pragma: no branch - the union has no other member
                name = str(unit)
                if number == 1:
                    name = "half-life" if unit is t.TimeUnit.HALF_LIFE else name.removesuffix("s")
                return f"{_number(number)} {name}"

    def anchor(self, anchor: t.Anchor) -> str:
        match anchor:
            case t.Today():
                return "today"
            case t.PlannedStart():
                return "the planned start of study treatment"
            case t.ThisTreatment(edge):
                return f"the {edge} of this treatment" if edge is not None else "this treatment"
            case t.Event(which, records, edge):  # pragma: no branch - the union has no other member
                noun = self._event(which, records)
                if edge is not None:
                    return f"the {edge} of {noun}"
                course = records.kind in (Kind.TREATMENT, Kind.MEDICATION, Kind.DRUG, Kind.LINE)
                return f"the end of {noun}" if course and which is t.Which.LAST else noun

    def _event(self, which: t.Which, records: t.Records) -> str:
        return f"the {which} {self._pattern(records, article=False).removeprefix('any ')}"


def _flag(records: t.Records, field: str) -> str:
    for item in records.tests:
        if item.field == field and isinstance(item.test, t.Code):
            return item.test.code
    return ""


def _together(regimen: tuple[str, ...]) -> str:
    return _listed(map(_plain, regimen), "and") + (" together" if len(regimen) > 1 else "")


def _listed(words: Iterable[str], joint: str) -> str:
    known = list(words)
    return f"{', '.join(known[:-1])} {joint} {known[-1]}" if len(known) > 1 else known[0]


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _number(number: float | Decimal) -> str:
    text = format(Decimal(repr(number)) if isinstance(number, float) else number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
