"""Reads a trial or an option from YAML or from plain data, and says everything that is wrong with it at once.

Each field has one reader that knows its type; what cannot be read is reported with file, line, item, field and remedy,
and reading goes on, so that an author mends a document in one round. A document with a defect is never returned.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from enum import StrEnum
from typing import Any, TypeVar

from patients.facts import DateProblem, PartialDate, folded
from trials.criteria import tree as t
from trials.criteria.documents.definitions import Definitions
from trials.criteria.documents.errors import DocumentError, DocumentProblem
from trials.criteria.documents.located import Path, Places, Plain, plain, read_yaml
from trials.criteria.documents.shelf import (
    Citation,
    Cohort,
    Confirm,
    Criterion,
    CriterionKind,
    Disagreement,
    Document,
    Mapped,
    OptionDocument,
    Origin,
    Polarity,
    Recruitment,
    Result,
    SourceLine,
    Statement,
    StatementCitation,
    StatementKind,
    Step,
    Strength,
    TestPatient,
    TrialDocument,
)
from trials.criteria.errors import RuleError
from trials.criteria.parser import parse, parse_concepts, parse_definition, parse_span

E = TypeVar("E", bound=StrEnum)
N = TypeVar("N")

_TRUE = frozenset({"true", "yes"})
_FALSE = frozenset({"false", "no"})
_WHOLE = re.compile(r"-?\d+")
_DECIMAL = re.compile(r"-?\d+\.\d+")

#: What the test patients of a document may expect, and the words that answer it.
_TRUTHS = ("met", "not_met", "unknown")
_STATUSES = ("potentially_eligible", "needs_information", "not_now", "not_eligible")
_BLOCKS = ("applies", "could_apply", "does_not_apply", "must_not_use")
_EXPECTED = {
    "trial": ("status", "cohort", "criteria", "missing", "offered", "needs", "to_read", "clears_on", "cohorts"),
    "option": ("block", "strength", "statements"),
}
_RECORDS = (
    "conditions", "treatments", "medications", "observations", "biomarkers", "disease_status", "coverage", "answers",
    "policies", "ranges",
)  # fmt: skip


def read_document(
    source: str | Mapping[str, object], *, file: str = "", shared_statements: Mapping[str, Statement] | None = None
) -> Document:
    """Read a trial or an option from YAML text, or from a mapping of the same shape.

    `shared_statements` are those that an option may include by id. Raises DocumentError with every defect found.
    """
    reader, fields = _opened(source, file)
    kind = fields.text("kind")
    document: Document
    if kind == "option":
        document = reader.option(fields, shared_statements or {})
    else:
        if kind != "trial":
            fields.problem("kind", f"{kind!r} is no kind of document", "write kind: trial or kind: option")
        document = reader.trial(fields)
    reader.finish()
    return document


def read_statement(source: str | Mapping[str, object], *, file: str = "") -> Statement:
    """Read a statement that several options share. Raises DocumentError with every defect found."""
    reader, fields = _opened(source, file)
    statement = reader.statement(fields, shared=True)
    reader.finish()
    return statement


def read_statements(sources: Mapping[str, str]) -> dict[str, Statement]:
    """Read shared statements, file name to text, into id to statement. Raises DocumentError."""
    found: dict[str, Statement] = {}
    for file, text in sources.items():
        statement = read_statement(text, file=file)
        if statement.id in found:
            message = f"{statement.id} stands in another file too"
            raise DocumentError([DocumentProblem(message=message, remedy="keep one", file=file, item=statement.id)])
        found[statement.id] = statement
    return found


def _opened(source: str | Mapping[str, object], file: str) -> tuple[_Reader, _Fields]:
    places = Places(file)
    data = read_yaml(source, places) if isinstance(source, str) else plain(source)
    reader = _Reader(places)
    if not isinstance(data, dict):
        raise DocumentError([DocumentProblem(message="a document is a mapping of fields", file=file)])
    return reader, _Fields(reader, data, ())


class _Fields:
    """The fields of one mapping: reads each by its type, reports what is missing, unreadable or unknown."""

    def __init__(self, reader: _Reader, data: dict[str, Plain], path: Path, item: str = "") -> None:
        self.reader = reader
        self.data = data
        self.path = path
        self.item = item
        self.asked: set[str] = set()

    def problem(self, field: str, message: str, remedy: str = "") -> None:
        self.reader.problem((*self.path, field), message, remedy, item=self.item, field=field)

    def has(self, field: str) -> bool:
        return self.data.get(field) is not None

    def raw(self, field: str) -> Plain:
        self.asked.add(field)
        return self.data.get(field)

    def text(self, field: str, *, required: bool = True) -> str:
        """A text on one line, spaces collapsed; reports an absent one where it is required."""
        value = self.raw(field)
        if isinstance(value, list | dict):
            self.problem(field, f"{field} is a text, not a list or a mapping", f"write {field}: …")
            return ""
        words = " ".join((value or "").split())
        if required and not words:
            self.problem(field, f"{field} is missing", f"add {field}: …")
        return words

    def word(self, field: str, words: type[E], default: E) -> E:
        """One of a closed set of words; the default is for a field that may be absent."""
        text = self.text(field, required=False)
        if not text:
            return default
        for word in words:
            if folded(word) == folded(text):
                return word
        self.problem(field, f"{text!r} is no {field}{_near(text, words)}", f"write one of {', '.join(words)}")
        return default

    def need(self, field: str) -> None:
        if not self.has(field):
            self.problem(field, f"{field} is missing", f"add {field}: …")

    def flag(self, field: str, default: bool) -> bool:
        text = self.text(field, required=False).casefold()
        if text and text not in _TRUE | _FALSE:
            self.problem(field, f"{text!r} is neither true nor false", f"write {field}: true or {field}: false")
        return text in _TRUE if text else default

    def texts(self, field: str) -> tuple[str, ...]:
        """A list of texts; one text is a list of one."""
        value = self.raw(field)
        if value is None:
            return ()
        parts = value if isinstance(value, list) else [value]
        if any(not isinstance(part, str) for part in parts):
            self.problem(field, f"{field} is a list of texts", f"write {field}: [first, second]")
        return tuple(" ".join(part.split()) for part in parts if isinstance(part, str))

    def day(self, field: str) -> date:
        text = self.text(field)
        try:
            found = PartialDate.parse(text)
        except DateProblem as problem:
            if text:
                self.problem(field, f"{text!r}: {problem}", "write YYYY-MM-DD")
            return date.min
        if not found.exact:
            self.problem(field, f"{text!r} is no single day", "write YYYY-MM-DD")
        return found.first

    def parsed(self, field: str, read: Callable[[str], N]) -> N | None:
        """What a reader of the language makes of the text; a text it refuses is reported with line and column."""
        value = self.raw(field)
        if isinstance(value, list | dict) or not (value or "").strip():
            self.problem(field, f"{field} is a text of the criteria language", f"write {field}: … and quote it")
            return None
        try:
            return read(value or "")
        except RuleError as problem:
            self.reader.refused((*self.path, field), problem, item=self.item, field=field)
            return None

    def mapping(self, field: str) -> _Fields | None:
        value = self.raw(field)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.problem(field, f"{field} is a mapping of fields", f"write {field}: {{name: value}}")
            return None
        return _Fields(self.reader, value, (*self.path, field), self.item)

    def each(self, field: str) -> Iterable[_Fields]:
        """The mappings of a list, or a single mapping; anything else in it is reported."""
        value = self.raw(field)
        several = isinstance(value, list)
        for index, part in enumerate(value if isinstance(value, list) else [] if value is None else [value]):
            path = (*self.path, field, index) if several else (*self.path, field)
            if isinstance(part, dict):
                id = part.get("id")
                yield _Fields(self.reader, part, path, id if isinstance(id, str) else self.item)
            else:
                self.reader.problem(
                    path, f"{field} is a list of mappings", "write - id: …", item=self.item, field=field
                )

    def figures(self, field: str) -> dict[str, Any]:
        value = self.raw(field)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.problem(field, f"{field} are named numbers", "write {hr: 0.65, ci95: [0.44, 0.95]}")
            return {}
        return {name: _figure(part) for name, part in value.items()}

    def only_known(self) -> None:
        """Report every field that nothing asked for."""
        for name in self.data:
            if name not in self.asked:
                self.problem(name, f"there is no field {name!r} here{_near(name, self.asked)}", "remove or rename it")


class _Reader:
    """Reads the parts of a document and collects what is wrong."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.problems: list[DocumentProblem] = []

    def problem(self, path: Path, message: str, remedy: str = "", *, item: str = "", field: str = "") -> None:
        line, column = self.places.at(path)
        self.problems.append(
            DocumentProblem(
                message=message,
                remedy=remedy,
                file=self.places.file,
                line=line,
                column=column,
                item=item,
                field=field,
            )
        )

    def refused(self, path: Path, problem: RuleError, *, item: str, field: str) -> None:
        place = f" at line {problem.line}, column {problem.column} of the {field}" if problem.line else ""
        self.problem(path, f"{problem.message}{place}", "mend the text", item=item, field=field)

    def finish(self) -> None:
        if self.problems:
            raise DocumentError(sorted(self.problems, key=lambda problem: (problem.line, problem.column)))

    # documents

    def trial(self, fields: _Fields) -> TrialDocument:
        cohorts = tuple(self.cohort(each) for each in fields.each("cohorts"))
        criteria = tuple(self.criterion(each, cohorts) for each in fields.each("criteria"))
        self._once(fields, "cohorts", [cohort.id for cohort in cohorts])
        self._once(fields, "criteria", [criterion.id for criterion in criteria])
        if not criteria:
            fields.problem("criteria", "a trial has criteria", "add criteria: with at least one line")
        fields.need("recruitment")
        source = fields.mapping("source")
        document = TrialDocument(
            id=fields.text("id"),
            title=fields.text("title"),
            recruitment=fields.word("recruitment", Recruitment, Recruitment.NOT_GIVEN),
            nct=fields.text("nct", required=False),
            other_ids=fields.texts("other_ids"),
            acronym=fields.text("acronym", required=False),
            phase=fields.text("phase", required=False),
            sponsor=fields.text("sponsor", required=False),
            sites=fields.texts("sites"),
            conditions=fields.texts("conditions"),
            interventions=fields.texts("interventions"),
            negative=fields.flag("negative", False),
            never_offer=fields.flag("never_offer", False),
            never_offer_reason=fields.text("never_offer_reason", required=False),
            source=Origin() if source is None else self.origin(source),
            results=tuple(self.result(each) for each in fields.each("results")),
            cohorts=cohorts,
            criteria=criteria,
            source_map=self.source_map(fields, {criterion.id for criterion in criteria}),
            test_patients=self.test_patients(
                fields, "trial", {item.id for item in criteria}, {cohort.id for cohort in cohorts}
            ),
            **self.shared_fields(fields),
        )
        fields.only_known()
        return document

    def option(self, fields: _Fields, shared: Mapping[str, Statement]) -> OptionDocument:
        statements = tuple(
            found for each in fields.each("statements") if (found := self.included(each, shared)) is not None
        )
        self._once(fields, "statements", [statement.id for statement in statements])
        document = OptionDocument(
            id=fields.text("id"),
            name=fields.text("name"),
            statements=statements,
            test_patients=self.test_patients(fields, "option", {item.id for item in statements}, set()),
            **self.shared_fields(fields),
        )
        sources = {citation.id for citation in document.citations}
        for statement in statements:
            cited = statement.citation
            for source in () if cited is None else (cited.source, *cited.also):
                if source not in sources:
                    fields.problem(
                        "citations", f"{statement.id} cites {source!r}, which is not listed", f"add - id: {source}"
                    )
        fields.only_known()
        return document

    def shared_fields(self, fields: _Fields) -> dict[str, Any]:
        """What trials and options have alike."""
        author, reviewer = fields.text("author"), fields.text("reviewer")
        if author and folded(author) == folded(reviewer):
            fields.problem("reviewer", "author and reviewer are one person", "name another reviewer")
        citations = tuple(self.citation(each) for each in fields.each("citations"))
        self._once(fields, "citations", [citation.id for citation in citations])
        return {
            "author": author,
            "reviewer": reviewer,
            "cancer": fields.parsed("cancer", parse_concepts) or t.Concepts.of("malignancy"),
            "citations": citations,
            "windows": self.windows(fields),
            "definitions": self.definitions(fields),
        }

    def _once(self, fields: _Fields, field: str, ids: list[str]) -> None:
        for id in dict.fromkeys(id for id in ids if id and ids.count(id) > 1):
            self.problem(
                (*fields.path, field), f"{id} stands twice", "give one of them another id", item=id, field="id"
            )

    # parts

    def origin(self, fields: _Fields) -> Origin:
        found = Origin(
            registry=fields.text("registry", required=False),
            record=fields.text("record", required=False),
            note=fields.text("note", required=False),
        )
        fields.only_known()
        return found

    def citation(self, fields: _Fields) -> Citation:
        found = Citation(id=fields.text("id"), text=fields.text("text"), url=fields.text("url", required=False))
        fields.only_known()
        return found

    def result(self, fields: _Fields) -> Result:
        found = Result(
            text=fields.text("text"),
            id=fields.text("id", required=False),
            kind=fields.text("kind", required=False),
            figures=fields.figures("figures"),
            citation=fields.text("citation", required=False),
            sentences=fields.texts("sentences"),
        )
        fields.only_known()
        return found

    def cohort(self, fields: _Fields) -> Cohort:
        found = Cohort(id=fields.text("id"), title=fields.text("title", required=False), open=fields.flag("open", True))
        fields.only_known()
        return found

    def windows(self, fields: _Fields) -> dict[str, t.Span]:
        inner = fields.mapping("windows")
        if inner is None:
            return {}
        spans = {name: inner.parsed(name, parse_span) for name in inner.data}
        return {name: span for name, span in spans.items() if span is not None}

    def definitions(self, fields: _Fields) -> Definitions:
        texts = fields.raw("definitions")
        if texts is None:
            return Definitions()
        if not isinstance(texts, list):
            fields.problem("definitions", "definitions is a list of texts", "write - define … as …")
            return Definitions()
        found: list[t.Definition] = []
        for index, text in enumerate(texts):
            path: Path = (*fields.path, "definitions", index)
            if not isinstance(text, str):
                self.problem(path, "a definition is one text", "put it in quotes", field="definitions")
                continue
            try:
                found.append(parse_definition(text))
            except RuleError as problem:
                self.refused(path, problem, item="", field="definition")
        return Definitions(tuple(found))

    def criterion(self, fields: _Fields, cohorts: tuple[Cohort, ...]) -> Criterion:
        forms = [kind for kind in CriterionKind if fields.has(kind)]
        if len(forms) != 1:
            said = " and ".join(forms) if forms else "none of rule, confirm, note, not_structured"
            fields.problem("rule", f"a criterion has one meaning, this has {said}", "keep exactly one of the four")
        kind = forms[0] if forms else CriterionKind.NOT_STRUCTURED
        if kind in (CriterionKind.RULE, CriterionKind.NOT_STRUCTURED):
            fields.need("polarity")
        for cohort in fields.texts("cohorts"):
            if cohort not in {each.id for each in cohorts}:
                fields.problem(
                    "cohorts",
                    f"there is no cohort {cohort!r}{_near(cohort, [c.id for c in cohorts])}",
                    "list it under cohorts",
                )
        found = Criterion(
            id=fields.text("id"),
            text=fields.text("text"),
            polarity=fields.word("polarity", Polarity, Polarity.INCLUSION),
            kind=kind,
            cohorts=fields.texts("cohorts"),
            rule=fields.parsed("rule", parse) if kind is CriterionKind.RULE else None,
            confirm=fields.word("confirm", Confirm, Confirm.CONSENT) if kind is CriterionKind.CONFIRM else None,
            note=fields.text("note") if kind is CriterionKind.NOTE else "",
            why=fields.text("not_structured") if forms and kind is CriterionKind.NOT_STRUCTURED else "",
            disagrees=self.disagreements(fields),
        )
        fields.asked.update(CriterionKind)
        fields.only_known()
        return found

    def disagreements(self, fields: _Fields) -> tuple[Disagreement, ...]:
        found = []
        for each in fields.each("disagrees"):
            found.append(
                Disagreement(
                    with_=each.text("with"),
                    text=each.text("text", required=False),
                    figures=each.figures("figures"),
                    source=each.text("source", required=False),
                    conflict=each.text("conflict", required=False),
                    jurisdiction=each.text("jurisdiction", required=False),
                )
            )
            each.only_known()
        return tuple(found)

    def source_map(self, fields: _Fields, criteria: set[str]) -> tuple[SourceLine, ...]:
        found = []
        for index, each in enumerate(fields.each("source_map"), start=1):
            each.item = f"source line {index}"
            each.need("as")
            number, as_ = each.text("line"), each.word("as", Mapped, Mapped.NOT_STRUCTURED)
            if number and number != str(index):
                each.problem("line", f"line {number} stands where line {index} is due", "number the lines 1, 2, 3 …")
            to = each.texts("to")
            for id in to:
                if id not in criteria:
                    each.problem("to", f"there is no criterion {id!r}{_near(id, criteria)}", "name one of the document")
            sha = each.text("sha")
            if sha and not re.fullmatch(r"[0-9a-f]{8}", sha):
                each.problem(
                    "sha", f"{sha!r} is no fingerprint of a line", "write the first 8 hex digits of its SHA-256"
                )
            found.append(
                SourceLine(
                    line=index,
                    sha=sha,
                    as_=as_,
                    to=to,
                    why=each.text("why", required=as_ is Mapped.NOT_STRUCTURED and each.has("as")),
                    fact=each.flag("fact", as_ in (Mapped.RULE, Mapped.NOT_STRUCTURED)),
                )
            )
            each.only_known()
        return tuple(found)

    # statements

    def included(self, fields: _Fields, shared: Mapping[str, Statement]) -> Statement | None:
        if not fields.has("include"):
            return self.statement(fields, shared=False)
        id = fields.text("include")
        fields.only_known()
        if id not in shared:
            fields.problem("include", f"there is no shared statement {id!r}{_near(id, shared)}", "add its file")
            return None
        return shared[id]

    def statement(self, fields: _Fields, *, shared: bool) -> Statement:
        fields.item = fields.text("id")
        fields.need("kind")
        kind = fields.word("kind", StatementKind, StatementKind.EVIDENCE)
        for field, owner in (("strength", StatementKind.STANCE), ("step", StatementKind.MODIFIER)):
            if kind is owner and fields.has("kind"):
                fields.need(field)
            elif fields.has(field):
                fields.problem(field, f"only a {owner} has a {field}", f"remove {field} or write kind: {owner}")
        reads = fields.text("reads", required=False)
        if reads not in ("", "shelf"):
            fields.problem("reads", f"a statement cannot read {reads!r}", "write reads: shelf, or a rule")
        if reads and fields.has("rule"):
            fields.problem("reads", "a statement that reads the shelf has no rule", "keep one of the two")
        cited = fields.mapping("citation")
        found = Statement(
            id=fields.item,
            kind=kind,
            text=fields.text("text"),
            strength=fields.word("strength", Strength, Strength.OPTION) if fields.has("strength") else None,
            step=fields.word("step", Step, Step.UP) if fields.has("step") else None,
            rule=fields.parsed("rule", parse) if fields.has("rule") else None,
            reads=reads,
            action=fields.text("action", required=False),
            jurisdiction=fields.text("jurisdiction", required=False),
            citation=None if cited is None else self.statement_citation(cited),
            disagrees=self.disagreements(fields),
            shared=shared,
        )
        fields.asked.update({"rule", "strength", "step"})
        fields.only_known()
        return found

    def statement_citation(self, fields: _Fields) -> StatementCitation:
        also = fields.mapping("also")
        found = StatementCitation(
            source=fields.text("source"),
            sentences=fields.texts("sentences"),
            figures=fields.figures("figures"),
            also={} if also is None else {source: also.texts(source) for source in also.data},
            derived=fields.flag("derived", False),
        )
        fields.only_known()
        return found

    # test patients

    def test_patients(self, fields: _Fields, kind: str, ids: set[str], cohorts: set[str]) -> tuple[TestPatient, ...]:
        found = []
        for each in fields.each("test_patients"):
            each.item = each.text("name")
            patient, expect = each.mapping("patient"), each.mapping("expect")
            if patient is None or expect is None:
                each.problem("expect", "a test patient has a patient and what is expected", "add patient: and expect:")
            found.append(
                TestPatient(
                    name=each.item,
                    as_of=each.day("as_of"),
                    patient={} if patient is None else self.rows(patient),
                    expect={} if expect is None else self.expected(expect, kind, ids, cohorts),
                )
            )
            each.only_known()
        return tuple(found)

    def rows(self, fields: _Fields) -> dict[str, Plain]:
        for name in _RECORDS:
            rows = fields.data.get(name)
            if rows is not None and not (isinstance(rows, list) and all(isinstance(row, dict) for row in rows)):
                fields.problem(name, f"{name} is a list of rows", "write - {column: value}")
        return fields.data

    def expected(self, fields: _Fields, kind: str, ids: set[str], cohorts: set[str]) -> dict[str, Plain]:
        main, words = ("status", _STATUSES) if kind == "trial" else ("block", _BLOCKS)
        said = fields.text(main)
        if said and said not in words:
            fields.problem(main, f"{said!r} is no {main}{_near(said, words)}", f"write one of {', '.join(words)}")
        cohort = fields.text("cohort", required=False)
        if cohort and cohort not in cohorts:
            fields.problem(
                "cohort", f"there is no cohort {cohort!r}{_near(cohort, cohorts)}", "name one of the document"
            )
        answers = fields.mapping("criteria" if kind == "trial" else "statements")
        if answers is not None:
            for id in answers.data:
                truth = answers.text(id)
                if id not in ids:
                    answers.problem(id, f"there is no {id!r} in the document{_near(id, ids)}", "name one that is")
                if truth and truth not in _TRUTHS:
                    answers.problem(id, f"{truth!r} is no truth", f"write one of {', '.join(_TRUTHS)}")
        fields.asked.update(_EXPECTED[kind])
        fields.only_known()
        return fields.data


def _near(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, [str(each) for each in known], n=1)
    return f": did you mean {near[0]!r}?" if near else ""


def _figure(value: Plain) -> Any:
    if isinstance(value, dict):
        return {name: _figure(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_figure(part) for part in value]
    if value is not None and _WHOLE.fullmatch(value):
        return int(value)
    if value is not None and _DECIMAL.fullmatch(value):
        return float(value)
    return value
