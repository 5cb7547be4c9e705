"""What is wrong with rules before any patient is asked: the static half of the checks at publishing (SEMANTICS §3).

Each check reads the tree and the vocabulary alone. An error keeps a document from being published, because a rule with
it can only mislead; a warning names what is probably not meant. The one check that must evaluate, a rule that is met by
a patient of whom nothing is known, stands with publishing.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import combinations

from patients.facts import CODED, CodeRelation, code_relation
from patients.vocabulary import Domain, Relation, Test, Vocabulary
from trials.criteria import tree as t
from trials.criteria.documents.definitions import Definitions, Undefined
from trials.criteria.documents.located import Path, Places
from trials.criteria.documents.shelf import (
    Confirm,
    Criterion,
    CriterionKind,
    Document,
    Mapped,
    Polarity,
    TrialDocument,
)
from trials.criteria.kinds import CONCEPT_DOMAINS, FIELDS, Field, FieldType, Kind
from trials.criteria.printing import print_records, print_rule, print_value


class Severity(StrEnum):
    """Whether a finding keeps a document from being published."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing a check found, in a criterion, statement or definition; line and column are 0 where unknown."""

    code: str
    severity: Severity
    message: str
    remedy: str
    item: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        place = f"line {self.line}, column {self.column}: " if self.line else ""
        item = f"{self.item}: " if self.item else ""
        return f"{place}{item}{self.severity} {self.code}: {self.message} ({self.remedy})"


def check_rule(rule: t.Rule, definitions: Definitions, vocabulary: Vocabulary) -> list[Finding]:
    """Everything the checks find in one rule that stands in a document with these definitions."""
    checker = _Checker(definitions, vocabulary)
    checker.rule(rule)
    checker.conjuncts([("", leaf) for leaf in _conjuncts(rule, definitions)])
    return checker.findings


def check_document(document: Document, vocabulary: Vocabulary, *, places: Places | None = None) -> list[Finding]:
    """Everything the checks find in a document; with the places of its text, each finding names its line."""
    checker = _Checker(document.definitions, vocabulary)
    checker.at("cancer", ("cancer",))
    checker.concepts(document.cancer, (Domain.CANCER,), "cancer", specials=())
    checker.windows(document.windows)
    checker.definition_graph(_rules(document))
    for index, definition in enumerate(document.definitions):
        checker.at(_definition_name(definition), ("definitions", index))
        checker.definition(definition)
    if isinstance(document, TrialDocument):
        _check_trial(checker, document)
    else:
        for index, statement in enumerate(document.statements):
            checker.at(statement.id, ("statements", index))
            if statement.rule is not None:
                checker.whole(statement.rule)
    return [_placed(finding, checker.paths, places) for finding in checker.findings]


def _placed(finding: Finding, paths: Mapping[str, Path], places: Places | None) -> Finding:
    if places is None:
        return finding
    path = paths.get(finding.item, ())
    line, column = places.at((*path, "rule"))
    return replace(finding, line=line, column=column)


def _rules(document: Document) -> list[t.Rule]:
    holders: Sequence[object] = document.criteria if isinstance(document, TrialDocument) else document.statements
    return [rule for holder in holders if (rule := getattr(holder, "rule", None)) is not None]


def _definition_name(definition: t.Definition) -> str:
    if isinstance(definition, t.DefineOutcome):
        return f"{definition.outcome} of {' or '.join(definition.concepts.names)}"
    return definition.name


# --- trials --------------------------------------------------------------------------------------------------------


def _check_trial(checker: _Checker, document: TrialDocument) -> None:
    for index, criterion in enumerate(document.criteria):
        checker.at(criterion.id, ("criteria", index))
        if criterion.rule is not None:
            checker.whole(criterion.rule)
            if _only_asks(criterion.rule, document.definitions):
                checker.warn(
                    "lone-ask",
                    "the rule only asks a question, so no data can settle it",
                    "join it to what data can say, or write not_structured with the reason",
                )
        if criterion.confirm is not None:
            checker.confirmed(criterion)
    _check_repeats(checker, document)
    _check_map(checker, document)
    together = [
        (criterion.id, leaf)
        for criterion in document.criteria
        if criterion.rule is not None and not criterion.cohorts
        for leaf in _required(criterion.rule, criterion.polarity, document.definitions)
    ]
    checker.conjuncts(together, across=True)


def _required(rule: t.Rule, polarity: Polarity, definitions: Definitions) -> list[t.Rule]:
    """What a patient who fits must meet for a criterion, as far as it is a plain conjunction."""
    return _conjuncts(rule if polarity is Polarity.INCLUSION else t.Not(rule), definitions)


def _check_repeats(checker: _Checker, document: TrialDocument) -> None:
    with_rules = [criterion for criterion in document.criteria if criterion.rule is not None]
    for first, second in combinations(with_rules, 2):
        shared = not first.cohorts or not second.cohorts or set(first.cohorts) & set(second.cohorts)
        if first.rule != second.rule or not shared:
            continue
        checker.item = second.id
        if first.polarity is second.polarity:
            checker.error("duplicate", f"the rule is that of {first.id}", "keep one of the two criteria")
        else:
            checker.error(
                "contradiction",
                f"{first.id} asks for what {second.id} excludes",
                "mend the polarity of one of them",
            )


def _check_map(checker: _Checker, document: TrialDocument) -> None:
    kinds = {criterion.id: criterion.kind for criterion in document.criteria}
    wanted = {
        Mapped.RULE: CriterionKind.RULE,
        Mapped.CONFIRM: CriterionKind.CONFIRM,
        Mapped.NOTE: CriterionKind.NOTE,
        Mapped.NOT_STRUCTURED: CriterionKind.NOT_STRUCTURED,
    }
    for index, line in enumerate(document.source_map):
        checker.at(f"source line {line.line}", ("source_map", index))
        if line.to and all(kinds.get(id) is not wanted[line.as_] for id in line.to):
            checker.error(
                "map-mismatch",
                f"the line is mapped as {line.as_}, but none of {', '.join(line.to)} is one",
                "name the criterion that carries the line, or say what became of it",
            )
        if not line.to and line.as_ is Mapped.RULE:
            checker.error("map-mismatch", "the line is mapped to no rule", "name its criteria in `to`")
    named = {id for line in document.source_map for id in line.to}
    for index, criterion in enumerate(document.criteria):
        if document.source_map and criterion.id not in named:
            checker.at(criterion.id, ("criteria", index))
            checker.warn("unmapped", "no line of the source leads here", "add it to the `to` of its source line")


def _only_asks(rule: t.Rule, definitions: Definitions, inside: tuple[str, ...] = ()) -> bool:
    if isinstance(rule, t.Named) and rule.name not in inside:
        try:
            return _only_asks(definitions.rule(rule.name), definitions, (*inside, rule.name))
        except Undefined:
            return False
    return all(
        isinstance(leaf, t.Ask) or (leaf is not rule and _only_asks(leaf, definitions, inside))
        for leaf in t.leaves(rule)
    )


# Words that state something about the patient's present or past; the weak ones also stand in lines about consent and
# tissue that only the visit can settle ("archival tissue of a previous biopsy").
_STATED = re.compile(
    r"\b(?:has|have|had) (?:(?:not|never|ever|already|been) )*"
    r"(?:received|undergone|treated|diagnosed|progressed|failed|relapsed|recurred|measurable)\b"
    r"|\b(?:history of|ecog|karnofsky|performance status|life expectancy|histolog\w+ confirmed"
    r"|h(?:a)?emoglobin|platelets?|neutrophils?|leu[ck]ocytes?|creatinine|bilirubin|transaminases?|albumin|inr|qtc\w*"
    r"|ejection fraction|metasta\w+|infections?|allerg\w+|hypersensitivity|uln|upper limit of normal)\b"
    r"|[<>≤≥]\s*\d",
    re.I,
)
_STATED_WEAKLY = re.compile(
    r"\b(?:prior|previous(?:ly)?|earlier) (?:\w+ )?(?:treatment|therapy|chemotherapy|radiotherapy|surgery|lines?)\b"
    r"|\b(?:is|are) (?:currently )?(?:taking|receiving|pregnant|breast-?feeding|lactating)\b|\bdiagnos(?:is|ed) of\b",
    re.I,
)


# --- one rule ------------------------------------------------------------------------------------------------------


class _Checker:
    """Collects findings; `item` is the criterion at hand and `paths` where each item stands."""

    def __init__(self, definitions: Definitions, vocabulary: Vocabulary) -> None:
        self.definitions = definitions
        self.vocabulary = vocabulary
        self.findings: list[Finding] = []
        self.item = ""
        self.paths: dict[str, Path] = {}
        self.in_outcome = False

    def at(self, item: str, path: Path) -> None:
        self.item = item
        self.paths[item] = path

    def error(self, code: str, message: str, remedy: str) -> None:
        self._add(Finding(code=code, severity=Severity.ERROR, message=message, remedy=remedy, item=self.item))

    def warn(self, code: str, message: str, remedy: str) -> None:
        self._add(Finding(code=code, severity=Severity.WARNING, message=message, remedy=remedy, item=self.item))

    def _add(self, finding: Finding) -> None:
        if finding not in self.findings:
            self.findings.append(finding)

    def whole(self, rule: t.Rule) -> None:
        """A rule of a criterion or statement: its nodes, and whether it contradicts itself."""
        self.rule(rule)
        self.conjuncts([("", leaf) for leaf in _conjuncts(rule, self.definitions)])

    def rule(self, rule: t.Rule) -> None:
        """Every node of a rule."""
        for node in t.walk(rule):
            match node:
                case t.Records():
                    self.records(node)
                case t.Observation():
                    self.observation(node)
                case t.Comparison(left, operator, right, window):
                    self.comparison(left, right, operator)
                    self.window_of(node, left, window)
                case t.Between(value, low, high, window):
                    self.comparison(value, low, t.Operator.GE)
                    self.comparison(value, high, t.Operator.LE)
                    self.between(value, low, high)
                    self.window_of(node, value, window)
                case t.IsCode():
                    self.codes(node)
                case t.Dose(concepts=concepts, equivalent=equivalent):
                    self.concepts(concepts, (Domain.DRUG,), "dose")
                    if equivalent:
                        self.concepts(t.Concepts.of(equivalent), (Domain.DRUG,), "dose")
                case t.Elapsed(start, end):
                    self.elapsed(start, end)
                case t.Has(records=records, window=window) | t.Count(records=records, window=window):
                    self.half_lives(records.kind, window)
                case t.Within():
                    self.within(node)
                case t.Beside(t.Side.AFTER, t.Today() | t.PlannedStart()):
                    self.error(
                        "window-impossible", "nothing is known of what comes after today", "turn the window round"
                    )
                case t.ThisTreatment() if not self.in_outcome:
                    self._this_treatment()
                case t.Named(name):
                    self.named(name)
                case t.And() if node is not rule:
                    self.conjuncts([("", leaf) for leaf in _conjuncts(node, self.definitions)])
        self.unguarded(rule)

    # names

    def named(self, name: str) -> None:
        try:
            self.definitions.rule(name)
        except Undefined as problem:
            remedy = f"write define {name} as …"
            if self.vocabulary.find_test(name) is not None:
                remedy = f"compare the test: {name} >= …, or {name} is …"
            elif self.definitions.set(name) is not None:
                remedy = f"a set is asked of records: has treatment({name})"
            self.error("undefined-name", str(problem), remedy)

    def concepts(
        self, concepts: t.Concepts, domains: tuple[Domain, ...], where: str, *, specials: Iterable[str] = ()
    ) -> t.Concepts | None:
        """Each name of a set must be a concept of one of the domains; the set with its names opened, if all are."""
        try:
            opened = self.definitions.expanded(concepts)
        except Undefined:
            return None  # the circle is found where the sets are defined
        known = True
        for name in dict.fromkeys(opened.names):
            if name == t.ANY or name in specials:
                continue
            if name == t.THIS_TREATMENT:
                known = False
                self._this_treatment()
            elif name == t.THIS_CANCER:
                known = False
                self.error("wrong-domain", f"`this cancer` means nothing in {where}", "name the concepts")
            elif not self.vocabulary.find(name, *domains):
                known = False
                self._unknown(name, domains, where)
        return opened if known else None

    def _this_treatment(self) -> None:
        self.error(
            "this-treatment",
            "`this treatment` means something only in a definition of failure, refractory or intolerant",
            "name the treatment",
        )

    def _unknown(self, name: str, domains: tuple[Domain, ...], where: str) -> None:
        elsewhere = self.vocabulary.find(name)
        wanted = " or ".join(domains)
        if elsewhere:
            domain = self.vocabulary.concept(elsewhere[0]).domain
            self.error("wrong-domain", f"{name!r} is a {domain}; {where} takes a {wanted}", f"name a {wanted}")
            return
        near = list(self.vocabulary.nearest(name, *domains))
        near += difflib.get_close_matches(name, [item.name for item in self.definitions.sets], n=1)
        hint = (
            f"did you mean {' or '.join(map(repr, near))}?" if near else f"use a known {wanted}, or define set {name}"
        )
        self.error("unknown-concept", f"{name!r} is no known {wanted}", hint)

    # records

    def records(self, records: t.Records) -> None:
        domains, where = CONCEPT_DOMAINS[records.kind], f"{records.kind}(…)"
        if domains:
            specials = _SPECIALS.get(records.kind, ())
            if self.in_outcome and records.kind in _COURSES:
                specials = (*specials, t.THIS_TREATMENT)
            asked = self.concepts(records.concepts, domains, where, specials=specials)
            if records.other_than is not None:
                left_out = self.concepts(records.other_than, domains, where, specials=specials)
                if asked is not None and left_out is not None:
                    self.emptied(asked, left_out, domains)
            if asked is not None and records.kind not in (Kind.TREATMENT, Kind.DRUG, Kind.LINE):
                self.joined(asked, domains)
        for item in records.tests:
            field = FIELDS[records.kind][item.field]
            self.field_test(f"{item.field}:", field, item.test)
            self.field_contradiction(item, field)

    def field_test(self, where: str, field: Field, test: t.Test) -> None:
        match test:
            case t.Every(parts) | t.Some(parts):
                for part in parts:
                    self.field_test(where, field, part)
            case t.Other(part):
                self.field_test(where, field, part)
            case t.Code(code) if field.domains:
                specials = (t.THIS_TREATMENT,) if self.in_outcome else ()
                if code == t.THIS_CANCER and Domain.CANCER in field.domains:
                    return
                self.concepts(t.Concepts.of(code), field.domains, where, specials=specials)
            case t.Code(code) if field.type is FieldType.STAGE and not _STAGE.fullmatch(code):
                self.error(
                    "unknown-code", f"{code!r} is no stage", "write 0, I, II, III or IV, with A, B, C where known"
                )

    def field_contradiction(self, item: t.FieldTest, field: Field) -> None:
        for node in t.walk(item.test):
            if not isinstance(node, t.Every):
                continue
            codes = [part.code for part in node.parts if isinstance(part, t.Code)]
            if field.type is FieldType.CODE and field.codes != "state":
                for one, other in combinations(codes, 2):
                    if code_relation(field.codes, one, other) is CodeRelation.OUTSIDE:
                        self._contradicts(f"{item.field} {one}", f"{item.field} {other}")
            bounds: dict[object, _Bounds] = {}
            for part in node.parts:
                if isinstance(part, t.Compare) and part.number is not None:
                    bound = _Bounds.of(part.operator, part.number)
                    joint = bounds.get(part.unit, _ALL).meet(bound)
                    if joint.empty and not bounds.get(part.unit, _ALL).empty:
                        self._contradicts(f"{item.field} {part.operator} {part.number:g}", "its other bounds")
                    bounds[part.unit] = joint

    def emptied(self, asked: t.Concepts, left_out: t.Concepts, domains: tuple[Domain, ...]) -> None:
        removed = self._ids(left_out, domains)
        held = self._ids(asked, domains)
        if asked.is_any or t.THIS_CANCER in (*asked.names, *left_out.names) or not removed:
            return
        if all(any(self.vocabulary.is_below(one, other) for other in removed) for one in held):
            self.error("empty-set", "`other than` takes away everything that is asked for", "name less in `other than`")
        idle = [
            other for other in removed if all(self.vocabulary.relation(other, one) is Relation.DISJOINT for one in held)
        ]
        if idle:
            self.warn(
                "idle-exception",
                f"`other than: {' or '.join(idle)}` takes nothing away: none is a {' or '.join(asked.names)}",
                "remove it, or mend the name",
            )

    def joined(self, asked: t.Concepts, domains: tuple[Domain, ...]) -> None:
        for regimen in asked.alternatives:
            for one, other in combinations(self._ids(t.Concepts((regimen,)), domains), 2):
                if self.vocabulary.relation(one, other) is Relation.DISJOINT:
                    self.error("empty-set", f"no record is both {one} and {other}", "join them with `or`, or ask twice")

    def _ids(self, concepts: t.Concepts, domains: tuple[Domain, ...]) -> list[str]:
        return [id for name in concepts.names for id in self.vocabulary.find(name, *domains)]

    # values

    def observation(self, observation: t.Observation) -> None:
        if self.test_of(observation) is None and observation.test != "sex":
            near = list(self.vocabulary.nearest(observation.test, Domain.TEST))
            near += difflib.get_close_matches(observation.test, [item.name for item in self.definitions.rules], n=1)
            hint = f"did you mean {' or '.join(near)}?" if near else "use a known test"
            self.error("unknown-test", f"{observation.test!r} is no known test", hint)

    def test_of(self, value: t.Value) -> Test | None:
        if not isinstance(value, t.Observation):
            return None
        found = self.vocabulary.find_test(value.test)
        return None if found is None else self.vocabulary.test(found)

    def codes(self, leaf: t.IsCode) -> None:
        test = self.test_of(leaf.value)
        words = tuple(CODED["sex"]) if leaf.value.test == "sex" else () if test is None else tuple(test.codes)
        if test is not None and not words:
            self.error(
                "not-coded",
                f"{test.id} is a number",
                f"compare it: {test.id} = …, {test.id} <= … or {test.id} is recorded",
            )
            return
        for code in leaf.codes:
            if words and code not in words:
                near = difflib.get_close_matches(code, words, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"write one of {', '.join(words)}"
                self.error("unknown-code", f"{code!r} is no value of {leaf.value.test}", hint)

    def comparison(self, left: t.Value, right: t.Value, operator: t.Operator) -> None:
        test = self.test_of(left)
        if left == t.Observation("sex"):
            self.error("not-a-number", "sex is no number", f"write sex is {' or '.join(CODED['sex'])}")
        elif test is not None and test.kind == "coded":
            self.error("not-a-number", f"{test.id} is no number", f"write {test.id} is {' or '.join(test.codes)}")
        elif test is not None:
            self.unit(test, right, operator)
        elif isinstance(left, t.Age):
            self.age(right)
        elif isinstance(left, t.Dose):
            self.dose(left, right)
        elif isinstance(left, t.Ratio | t.Multiple):
            self.derived(left, right, operator)

    def derived(self, left: t.Ratio | t.Multiple, right: t.Value, operator: t.Operator) -> None:
        """A multiple of a test is compared in the test's units; a ratio has those of neither."""
        inner: t.Value = left
        while isinstance(inner, t.Multiple):
            inner = inner.value
        test = self.test_of(inner)
        if test is not None and isinstance(right, t.Quantity):
            self.unit(test, right, operator, in_range=False)

    def unit(self, test: Test, right: t.Value, operator: t.Operator, *, in_range: bool = True) -> None:
        if isinstance(right, t.Span):
            number, written = right.number, _UNIT_OF_TIME.get(right.unit, str(right.unit))
        elif isinstance(right, t.Quantity):
            number, written = right.number, right.unit
        else:
            return
        fitting = ", ".join(self.vocabulary.units_of(test.id))
        if written and self.vocabulary.unit(written, test=test.id) is None:
            self.error("unit", f"{written} is no unit of {test.id}", f"write one of {fitting}")
            return
        value = self.vocabulary.convert(number, test=test.id, unit=written)
        if value is None:
            self.error("unit", f"{test.id} is compared with {number:g} of no unit", f"add one of {fitting}")
        elif in_range and _outside(test, value):
            low, high = ("" if bound is None else f"{bound:g}" for bound in (test.low, test.high))
            self.error(
                "implausible",
                f"{test.id} {operator} {number:g} {written}".rstrip()
                + f": values lie between {low} and {high} {test.unit}",
                "mend the number or its unit",
            )

    def age(self, right: t.Value) -> None:
        match right:
            case t.Quantity(number, "" | "years" | "year" | "y" | "a"):
                years: float | None = number
            case t.Span(number, t.TimeUnit.YEAR):
                years = number
            case t.Span(number, t.TimeUnit.MONTH):
                years = number / 12
            case _:
                years = None
        if years is None:
            self.error("unit", f"an age is not compared with {print_value(right)}", "write years: age >= 18")
        elif years > 120:
            self.error("implausible", f"nobody is {years:g} years old", "mend the number")

    def dose(self, left: t.Dose, right: t.Value) -> None:
        per_day = left.measure is t.Measure.DAILY
        pattern = _DOSE_PER_DAY if per_day else _DOSE
        if isinstance(right, t.Quantity) and not pattern.fullmatch(right.unit):
            units = "mg/day, mg/m2/day, mg/kg/day or g/day" if per_day else "mg, g, mg/m2, mg/kg or Gy"
            said = f"{right.unit} is no unit of a {left.measure}" if right.unit else f"a {left.measure} needs a unit"
            self.error("unit", said.replace("_", " "), f"write {units}")

    def between(self, value: t.Value, low: t.Value, high: t.Value) -> None:
        bounds = self._bounds(value, t.Operator.GE, low), self._bounds(value, t.Operator.LE, high)
        if bounds[0] is not None and bounds[1] is not None and bounds[0][0] == bounds[1][0]:
            joint = bounds[0][1].meet(bounds[1][1])
            if joint.empty:
                self.error(
                    "contradiction",
                    f"nothing lies between {print_value(low)} and {print_value(high)}",
                    "write the lower bound first",
                )

    # time

    def window_of(self, leaf: t.Rule, value: t.Value, window: t.Window | None) -> None:
        if window is not None and isinstance(value, t.Age | t.Elapsed):
            what = "an age" if isinstance(value, t.Age) else "a time between two dates"
            self.error("window-misplaced", f"{what} takes no window", "remove it")
        if window is not None and not isinstance(value, t.Dose | t.Duration):
            self.half_lives(None, window)

    def half_lives(self, kind: Kind | None, window: t.Window | None) -> None:
        if not isinstance(window, t.Within) or kind in _COURSES:
            return
        spans = window.amount.spans if isinstance(window.amount, t.Extreme) else (window.amount,)
        if any(span.unit is t.TimeUnit.HALF_LIFE for span in spans):
            self.error("window-impossible", "only drugs have half-lives", "write days, weeks, months or years")

    def within(self, window: t.Within) -> None:
        spans = window.amount.spans if isinstance(window.amount, t.Extreme) else (window.amount,)
        if any(span.number == 0 for span in spans):
            self.error("window-impossible", "a window of no length holds nothing before its day", "write a longer span")
        if window.side is t.Side.AFTER and isinstance(window.anchor, t.Today | t.PlannedStart):
            self.error("window-impossible", "nothing is known of what comes after today", "write before")

    def elapsed(self, start: t.Anchor, end: t.Anchor) -> None:
        if start == end:
            self.error("window-impossible", "the time from a date to itself is nothing", "name two dates")
        if isinstance(start, t.PlannedStart) and isinstance(end, t.Today):
            self.error("window-impossible", "the planned start lies ahead", "write time from today to planned start")

    def windows(self, windows: Mapping[str, t.Span]) -> None:
        """The document's default windows name tests or categories of tests."""
        self.at("windows", ("windows",))
        categories = {test.category for test in self.vocabulary.tests()}
        for name in windows:
            if name not in categories and self.vocabulary.find_test(name) is None:
                near = difflib.get_close_matches(name, sorted(categories), n=1) or self.vocabulary.nearest(
                    name, Domain.TEST, n=1
                )
                hint = f"did you mean {near[0]!r}?" if near else f"known categories: {', '.join(sorted(categories))}"
                self.error("unknown-test", f"{name!r} is no test and no category of tests", hint)

    def unguarded(self, rule: t.Rule) -> None:
        """What hangs on an event that may never have happened is unknown then; the rule should say what holds."""
        asked = [
            leaf.records
            for leaf in self._opened_leaves(rule, ())
            if isinstance(leaf, t.Has | t.Count) and leaf.window in (None, t.AnyTime())
        ]
        for anchor in _anchors(rule):
            if self.in_outcome or any(_same_pattern(anchor.records, records) for records in asked):
                continue
            self.warn(
                "unguarded-time",
                f"the answer is unknown where {anchor.which} {print_records(anchor.records)} never happened",
                "join it to `no … or`, or to `has … and`",
            )

    def _opened_leaves(self, rule: t.Rule, inside: tuple[str, ...]) -> Iterator[t.Rule]:
        for leaf in t.leaves(rule):
            yield leaf
            if isinstance(leaf, t.Named) and leaf.name not in inside:
                try:
                    opened = self.definitions.rule(leaf.name)
                except Undefined:
                    continue
                yield from self._opened_leaves(opened, (*inside, leaf.name))

    # definitions

    def definition(self, definition: t.Definition) -> None:
        match definition:
            case t.DefineSet(concepts=concepts):
                self.concepts(concepts, tuple(Domain), "a set", specials=(t.THIS_CANCER,))
            case t.DefineRule(rule=rule):
                self.whole(rule)
            case t.DefineOutcome(concepts=concepts, rule=rule):  # pragma: no branch - the union has no other member
                self.concepts(concepts, (Domain.DRUG, Domain.PROCEDURE), f"define {definition.outcome}")
                self.in_outcome = True
                self.whole(rule)
                self.in_outcome = False

    def definition_graph(self, rules: Iterable[t.Rule]) -> None:
        """Each definition is used, none uses itself, no two have one name."""
        items = self.definitions.items
        uses = {index: self._uses(item) for index, item in enumerate(items)}
        used = {index for rule in rules for index in self._uses(rule)}
        reached: set[int] = set()
        while used - reached:
            reached |= used
            used = {each for index in reached for each in uses[index]} | reached
        for index, item in enumerate(items):
            self.at(_definition_name(item), ("definitions", index))
            for earlier in items[:index]:
                if t.same_name(_definition_name(earlier), _definition_name(item)):
                    self.error("defined-twice", "the name is defined twice", "give one of them another name")
            if _reaches(index, uses):
                self.error("cyclic-definition", "the definition uses itself", "write one of them out")
            elif index not in reached:
                self.error("unused-definition", "no rule uses the definition", "remove it, or use it")

    def _uses(self, node: object) -> set[int]:
        found: set[int] = set()
        for inner in t.walk(node):
            for index, item in enumerate(self.definitions.items):
                match inner, item:
                    case (t.Named(name), t.DefineRule(name=known)) if t.same_name(name, known):
                        found.add(index)
                    case (t.Concepts(), t.DefineSet(name=known)) if any(t.same_name(n, known) for n in inner.names):
                        found.add(index)
                    case (t.FieldTest("outcome", test), t.DefineOutcome(outcome=outcome)) if t.Code(outcome) in t.walk(
                        test
                    ):
                        found.add(index)
        return found

    # contradictions

    def conjuncts(self, found: Sequence[tuple[str, t.Rule]], *, across: bool = False) -> None:
        """What must hold together must be able to. With `across`, only pairs of two criteria are looked at."""
        for (one_item, one), (other_item, other) in combinations(found, 2):
            if across and one_item == other_item:
                continue
            if self._contradict(one, other):
                if across:
                    self.item = other_item
                where = f" of {one_item}" if across else ""
                self._contradicts(_short(other), f"{_short(one)}{where}")

    def _contradicts(self, one: str, other: str) -> None:
        self.error("contradiction", f"{one} and {other} cannot both hold", "mend one of them, or join them with `or`")

    def _contradict(self, one: t.Rule, other: t.Rule) -> bool:
        if one == t.Not(other) or other == t.Not(one):
            return True
        for each in (one, other):
            # `not A` beside `A and B` written apart: the negation of a leaf against that leaf is caught above.
            if isinstance(each, t.Not):
                return False
        first, second = self._range(one), self._range(other)
        if first is not None and second is not None and first[0] == second[0]:
            return first[1].meet(second[1]).empty and not first[1].empty and not second[1].empty
        if isinstance(one, t.IsCode) and isinstance(other, t.IsCode) and one.value == other.value:
            return _codes_contradict(one, other)
        if isinstance(one, t.Has) and isinstance(other, t.Has):
            return self._records_contradict(one, other) or self._records_contradict(other, one)
        return False

    def _range(self, rule: t.Rule) -> tuple[object, _Bounds] | None:
        match rule:
            case t.Comparison(left, operator, right):
                return self._bounds(left, operator, right)
            case t.Between(value, low, high):
                first, second = self._bounds(value, t.Operator.GE, low), self._bounds(value, t.Operator.LE, high)
                if first is None or second is None or first[0] != second[0]:
                    return None
                return first[0], first[1].meet(second[1])
            case t.Count(records, low, high, False, window):
                return ("count", records, window), _Bounds(
                    float(low), False, float("inf") if high is None else high, False
                )
        return None

    def _bounds(self, left: t.Value, operator: t.Operator, right: t.Value) -> tuple[object, _Bounds] | None:
        """The values of `left` that satisfy the comparison, with a key that two comparisons of one thing share."""
        if operator is t.Operator.NE:
            return None
        test = self.test_of(left)
        if isinstance(right, t.Limit):
            return (left, "limit", right.upper), _Bounds.of(operator, right.factor)
        if isinstance(left, t.Age):
            number = right.number if isinstance(right, t.Quantity | t.Span) else None
            months = isinstance(right, t.Span) and right.unit is t.TimeUnit.MONTH
            return None if number is None else (left, _Bounds.of(operator, number / 12 if months else number))
        if test is not None and isinstance(right, t.Quantity | t.Span):
            written = _UNIT_OF_TIME.get(right.unit, "") if isinstance(right, t.Span) else right.unit
            value = self.vocabulary.convert(right.number, test=test.id, unit=written)
            return None if value is None else ((left, "value"), _Bounds.of(operator, value))
        if isinstance(right, t.Quantity | t.Span):
            return (left, right.unit), _Bounds.of(operator, right.number)
        return None

    def _records_contradict(self, held: t.Has, denied: t.Has) -> bool:
        """Whether `denied` (a `no`) denies what `held` asks for."""
        if held.mode is t.Mode.NO or denied.mode is not t.Mode.NO or held.records.kind is not denied.records.kind:
            return False
        past = held.records.kind in (*_COURSES, Kind.DISEASE_STATUS)
        same_time = (
            held.window == denied.window
            or _within_another(held.window, denied.window)
            or (past and denied.window in (None, t.AnyTime()))
        )
        if not same_time or (held.mode is t.Mode.HISTORY and not past):
            return False
        if held.records == denied.records:
            return True
        if denied.records.tests or denied.records.other_than is not None:
            return False
        return self._all_below(held.records, denied.records)

    def _all_below(self, held: t.Records, denied: t.Records) -> bool:
        if denied.concepts.is_any:
            return True
        domains = CONCEPT_DOMAINS[held.kind]
        try:
            asked = self.definitions.expanded(held.concepts)
            refused = self._ids(self.definitions.expanded(denied.concepts), domains)
        except Undefined:
            return False
        return all(
            any(
                self.vocabulary.is_below(id, each)
                for name in regimen
                for id in self.vocabulary.find(name, *domains)
                for each in refused
            )
            for regimen in asked.alternatives
        )

    # confirm

    def confirmed(self, criterion: Criterion) -> None:
        """A line that is settled at the visit must not hold a fact that data could hold."""
        lenient = criterion.confirm in (Confirm.CONSENT, Confirm.TISSUE, Confirm.CONTRACEPTION)
        found = _STATED.search(criterion.text) or (None if lenient else _STATED_WEAKLY.search(criterion.text))
        if criterion.confirm is Confirm.CONTRACEPTION:
            found = None  # these lines speak of pregnancy, doses and months, and still only ask for a promise
        if found is not None:
            self.error(
                "confirm-fact",
                f"{found.group()!r} states something about the patient that data could hold",
                "write a rule for it, or not_structured with the reason",
            )


# --- bounds --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Bounds:
    """An interval of numbers, each end open or closed."""

    low: float
    low_open: bool
    high: float
    high_open: bool

    @classmethod
    def of(cls, operator: t.Operator, number: float) -> _Bounds:
        """The numbers that stand in this relation to `number`; all of them for `!=`."""
        infinity = float("inf")
        match operator:
            case t.Operator.GE | t.Operator.GT:
                return cls(number, operator is t.Operator.GT, infinity, False)
            case t.Operator.LE | t.Operator.LT:
                return cls(-infinity, False, number, operator is t.Operator.LT)
            case t.Operator.EQ:
                return cls(number, False, number, False)
        return _ALL

    def meet(self, other: _Bounds) -> _Bounds:
        """The numbers in both."""
        low, low_open = max((self.low, self.low_open), (other.low, other.low_open))
        high, closed = min((self.high, not self.high_open), (other.high, not other.high_open))
        return _Bounds(low, low_open, high, not closed)

    @property
    def empty(self) -> bool:
        """Whether no number is in it."""
        return self.low > self.high or (self.low == self.high and (self.low_open or self.high_open))


_ALL = _Bounds(float("-inf"), False, float("inf"), False)
_COURSES = (Kind.TREATMENT, Kind.MEDICATION, Kind.DRUG)
_SPECIALS: Mapping[Kind, tuple[str, ...]] = {
    Kind.DIAGNOSIS: (t.THIS_CANCER,),
    Kind.CONDITION: (t.THIS_CANCER,),
    Kind.FAMILY_HISTORY: (t.THIS_CANCER,),
}
_STAGE = re.compile(r"(?:0|I{1,3}|IV)(?:[A-D][0-9]?)?", re.I)
_DOSE = re.compile(r"(?:mg|g|ug|mcg|µg|[kM]?IU|U|Gy|cGy|m[cC]i|[MG]Bq)(?:/(?:m2|m\^2|kg|cycle|m2/cycle))?", re.I)
_DOSE_PER_DAY = re.compile(r"(?:mg|g|ug|mcg|µg|IU|U)(?:/(?:m2|kg))?/(?:d|day)", re.I)
_UNIT_OF_TIME = {
    t.TimeUnit.HOUR: "h",
    t.TimeUnit.DAY: "d",
    t.TimeUnit.WEEK: "wk",
    t.TimeUnit.MONTH: "mo",
    t.TimeUnit.YEAR: "a",
}


def _outside(test: Test, value: float) -> bool:
    return (test.low is not None and value < test.low) or (test.high is not None and value > test.high)


def _within_another(inner: t.Window | None, outer: t.Window | None) -> bool:
    """Whether a window certainly lies in another: the same unit of the same side of one day, and no longer."""
    match inner, outer:
        case t.Within(t.Span(short, unit), side, anchor), t.Within(t.Span(long, other), there, day):
            return short <= long and (unit, side, anchor) == (other, there, day)
    return False


def _codes_contradict(one: t.IsCode, other: t.IsCode) -> bool:
    if one.negated and other.negated:
        return False
    if one.negated or other.negated:
        refused, asked = (one, other) if one.negated else (other, one)
        return set(asked.codes) <= set(refused.codes)
    return not set(one.codes) & set(other.codes)


def _anchors(rule: t.Rule) -> Iterator[t.Event]:
    """The events that times and windows of a rule hang on."""
    for node in t.walk(rule):
        if isinstance(node, t.Event):
            yield node


def _same_pattern(one: t.Records, other: t.Records) -> bool:
    return one.kind is other.kind and one.concepts == other.concepts


def _conjuncts(rule: t.Rule, definitions: Definitions, inside: tuple[str, ...] = ()) -> list[t.Rule]:
    """The parts that must all be met for a rule to be met: `and` opened, names opened, negation carried inward."""
    match rule:
        case t.And(parts):
            return [leaf for part in parts for leaf in _conjuncts(part, definitions, inside)]
        case t.Except(main, when):
            return [*_conjuncts(main, definitions, inside), *_conjuncts(t.Not(when), definitions, inside)]
        case t.Named(name) if name not in inside:
            try:
                return _conjuncts(definitions.rule(name), definitions, (*inside, name))
            except Undefined:
                return [rule]
        case t.Not(t.Named(name)) if name not in inside:
            try:
                return _conjuncts(t.Not(definitions.rule(name)), definitions, (*inside, name))
            except Undefined:
                return [rule]
        case t.Not(t.Or(parts)):
            return [leaf for part in parts for leaf in _conjuncts(t.Not(part), definitions, inside)]
        case t.Not(t.Not(part)):
            return _conjuncts(part, definitions, inside)
        case t.Not(t.Comparison(left, operator, right, window)) if operator in _CONTRARY:
            return [t.Comparison(left, _CONTRARY[operator], right, window)]
        case t.Not(t.IsCode(value, (code,), negated, window)):
            return [t.IsCode(value, (code,), not negated, window)]
        case t.Not(t.Has(t.Mode.HAS, records, window)):
            return [t.Has(t.Mode.NO, records, window)]
        case t.Not(t.Has(t.Mode.NO, records, window)):
            return [t.Has(t.Mode.HAS, records, window)]
    return [rule]


_CONTRARY = {
    t.Operator.LT: t.Operator.GE,
    t.Operator.GE: t.Operator.LT,
    t.Operator.GT: t.Operator.LE,
    t.Operator.LE: t.Operator.GT,
}


def _reaches(start: int, uses: Mapping[int, set[int]]) -> bool:
    seen: set[int] = set()
    open_ = set(uses[start])
    while open_:
        index = open_.pop()
        if index == start:
            return True
        seen.add(index)
        open_ = (open_ | uses[index]) - seen
    return False


def _short(rule: t.Rule) -> str:
    text = print_rule(rule)
    return f"`{text}`" if len(text) <= 80 else f"`{text[:77]}...`"
