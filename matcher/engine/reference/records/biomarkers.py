"""Biomarkers against a pattern, and what a negative result denies: its gene, its alteration, what its assay can see.

A value of expression is that of the latest day on its scale. One assay that says yes and no on one date says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from matcher.engine.change import CHANGE_OF_ABSENCE
from matcher.engine.intervals import Interval, compare
from matcher.engine.reference.algebra import both, either, negate
from matcher.engine.reference.context import Context, Reading
from matcher.engine.reference.days import FUTURE, Course
from matcher.engine.reference.records import disease as dz
from matcher.engine.reference.records.coverage import ANOTHER_ASSAY, Need, Through, absence
from matcher.engine.reference.records.fields import (
    Candidate,
    codes_of,
    concept_finding,
    days_upto,
    exon_relation,
    is_another,
    met,
    missing_field,
    not_met,
    test_finding,
    tests,
    variant_relation,
)
from matcher.engine.results import Evidence, Finding, Missing, unknown
from matcher.engine.truth import Change, Reason, Truth
from patients.facts import Biomarker, CodeRelation, folded
from patients.vocabulary import Domain
from trials.criteria import tree as t
from trials.criteria.kinds import Kind


def biomarkers(context: Context, records: t.Records, history: bool) -> Iterable[Candidate]:
    """The molecular findings that match or may match a pattern. Without `result` a positive one is asked for."""
    asked = () if records.concepts.is_any else context.concepts(records.concepts, (Domain.GENE,))
    other = () if records.other_than is None else context.concepts(records.other_than, (Domain.GENE,))
    fields = {item.field for item in records.tests}
    markers = context.patient.biomarkers
    found = []
    for marker in _latest_values(markers) if "value" in fields else markers:
        change = Change.NEVER if marker.origin == "germline" else Change.ACTION
        shown = _marked(marker)
        named = [of_gene(context, marker, asked, change) if asked else met(change, shown)]
        if other:
            named.append(negate(of_gene(context, marker, other, change)))
        if is_another(named):
            continue
        result = [] if fields & {"result", "value"} else [positive(marker, change)]
        finding = both([*named, *result, *tests(context, records, marker, _fields(context, marker, change))])
        course = Course.event(days_upto(marker.date, context))
        found.append((marker, Candidate(marker, course, finding, shown)))
    for marker, candidate in found:
        against = [
            other.evidence for each, other in found
            if candidate.finding.truth is Truth.MET
            and other.finding.truth is Truth.NOT_MET
            and _contradicts(each, marker)
        ]  # fmt: skip
        if against:
            evidence = (candidate.evidence, *against)
            conflict = unknown(Reason.CONFLICTING, evidence=evidence, missing=(_repeated(marker),))
            yield replace(candidate, finding=conflict)
        else:
            yield candidate


def of_gene(context: Context, marker: Biomarker, asked: tuple[str, ...], change: Change) -> Finding:
    """Whether a marker is of one of the asked genes; a fusion is of both its partners."""
    shown = _marked(marker)
    means = tuple(Reading(id) for id in marker.genes)
    gene = concept_finding(context, means, asked, marker, change, evidence=shown)
    if marker.partner is None:
        return gene
    partner = tuple(Reading(id) for id in context.vocabulary.find(marker.partner, Domain.GENE))
    return either([gene, concept_finding(context, partner, asked, marker, change, evidence=shown)])


def _fields(context: Context, marker: Biomarker, change: Change) -> dict[str, Callable[[t.Test], Finding]]:
    return {
        "value": lambda test: _value_test(marker, test),
        "result": lambda test: result_test(marker, test, change),
        "partner": lambda test: concept_test(context, marker, "partner", marker.partner, Domain.GENE, test),
        "assay": lambda test: concept_test(context, marker, "assay", marker.assay, Domain.ASSAY, test),
    }


def _marked(marker: Biomarker) -> Evidence:
    words = [marker.raw or "unnamed marker", marker.alteration, marker.variant, marker.result, marker.shown]
    return replace(dz.evidence_of(marker, " ".join(word for word in words if word)), unit=marker.unit or "")


def positive(marker: Biomarker, change: Change) -> Finding:
    if marker.result == "positive":
        return met(change, _marked(marker))
    if marker.result == "negative":
        return not_met(change, _marked(marker))
    reason = Reason.NOT_RECORDED if marker.result is None else Reason.IMPRECISE
    return replace(missing_field(marker, Kind.BIOMARKER, "result"), reason=reason)


def result_test(marker: Biomarker, test: t.Test, change: Change) -> Finding:
    def leaf(test: t.Code | t.Compare | t.Link) -> Finding:
        assert isinstance(test, t.Code)  # the tree refuses anything else
        if marker.result is None:
            return missing_field(marker, Kind.BIOMARKER, "result")
        if marker.result not in ("positive", "negative", "indeterminate"):
            return replace(missing_field(marker, Kind.BIOMARKER, "result"), reason=Reason.IMPRECISE)
        return (met if marker.result == test.code else not_met)(change, _marked(marker))

    return test_finding(test, leaf)


def _value_test(marker: Biomarker, test: t.Test) -> Finding:
    value = Interval.between(marker.low, marker.high, marker.low_open, marker.high_open)

    def leaf(test: t.Code | t.Compare | t.Link) -> Finding:
        assert isinstance(test, t.Compare) and test.number is not None  # only a grade has a baseline
        if marker.low is None and marker.high is None:
            return missing_field(marker, Kind.BIOMARKER, "value")
        truth = compare(value, test.operator, Interval.point(test.number))
        if truth is Truth.UNKNOWN:
            return unknown(Reason.IMPRECISE, evidence=(_marked(marker),), missing=(_repeated(marker),))
        return (met if truth is Truth.MET else not_met)(Change.ACTION, _marked(marker))

    return test_finding(test, leaf)


def concept_test(
    context: Context, marker: Biomarker, field: str, recorded: str | None, domain: Domain, test: t.Test
) -> Finding:
    def leaf(test: t.Code | t.Compare | t.Link) -> Finding:
        assert isinstance(test, t.Code)  # the tree refuses anything else
        if recorded is None:
            return missing_field(marker, Kind.BIOMARKER, field)
        means = tuple(Reading(id) for id in context.vocabulary.find(recorded, domain))
        return concept_finding(context, means, context.named(test.code, (domain,)), marker, Change.ACTION)

    return test_finding(test, leaf)


# --- which of several results counts -------------------------------------------------------------------------------


def _latest_values(markers: Sequence[Biomarker]) -> list[Biomarker]:
    """The markers without those whose value a later one of the same gene, alteration and scale has overtaken."""
    return [marker for marker in markers if not any(_overtakes(each, marker) for each in markers)]


def _overtakes(later: Biomarker, marker: Biomarker) -> bool:
    if (later.genes, later.alteration, later.scale) != (marker.genes, marker.alteration, marker.scale):
        return False
    if later.date is None or marker.date is None or (later.low is None and later.high is None):
        return False
    return later.date.first > marker.date.last


def _contradicts(other: Biomarker, marker: Biomarker) -> bool:
    """Whether another row says the contrary of one: the same thing tested on one date, with assays that may be one."""
    mine = (marker.genes, marker.alteration, marker.date, _what(marker))
    if mine != (other.genes, other.alteration, other.date, _what(other)) or not marker.genes:
        return False
    if marker.assay is not None and other.assay is not None and folded(marker.assay) != folded(other.assay):
        return False
    if marker.scale is not None and other.scale == marker.scale and marker.low is not None and other.low is not None:
        return (marker.low, marker.high) != (other.low, other.high)
    return {marker.result, other.result} == {"positive", "negative"}


def _what(marker: Biomarker) -> tuple[str | None, ...]:
    return (marker.variant, marker.exon, marker.variant_class, marker.partner, marker.origin, marker.specimen)


def _repeated(marker: Biomarker) -> Missing:
    name = " ".join(word for word in (marker.raw or "unnamed marker", marker.alteration) if word)
    text = f"{name}: a result that decides"
    return Missing("biomarker", (marker.raw or "unnamed",), marker.alteration or "", "", text, "pathology")


# --- silence and denials -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tested:
    """One alternative of what a pattern asks of a test: all of them must have been negative for silence to say no.

    A test that names no codes (`not FISH`) is kept whole.
    """

    alteration: str
    assay: t.Test | None
    origin: t.Test | None
    scale: t.Test | None


def unrecorded_marker(context: Context, records: t.Records, asked: tuple[str, ...]) -> Finding:
    """That no finding beyond those recorded matches: by coverage of the genes, or because they were tested negative."""
    fields = {item.field: item.test for item in records.tests}
    names = records.concepts.names
    name = "any gene" if records.concepts.is_any else " or ".join(names)
    if records.other_than is not None:
        excluded = f"other than {' or '.join(records.other_than.names)}"
        name, names = f"{name} {excluded}", (*names, excluded)
    change = change_of_silence(fields)
    found = []
    for each, need in silences(context, records, asked):
        denials = list(_denials(context, fields, each))
        text = f"{name} {each.alteration or 'alteration'}: tested?"
        missing = Missing("biomarker", names, each.alteration, "", text, "pathology")
        day = context.asked
        found.append(absence(context, need, until=day, denials=denials, change=change, text=text, missing=missing))
    return either(found)


def change_of_silence(fields: Mapping[str, t.Test]) -> Change:
    """How the silence of the record may end: what one was born with is not going to change."""
    germline = all(isinstance(each, t.Code) and each.code == "germline" for each in _alternatives(fields.get("origin")))
    return Change.NEVER if germline else CHANGE_OF_ABSENCE[Kind.BIOMARKER]


def silences(context: Context, records: t.Records, asked: tuple[str, ...]) -> list[tuple[Tested, Need]]:
    """The alternatives of what a pattern asks of a test, each with what must be complete for silence to deny it."""
    fields = {item.field: item.test for item in records.tests}
    if records.other_than is not None:
        asked = _without(context, asked, context.concepts(records.other_than, (Domain.GENE,)))
    return [
        (
            Tested(alteration, assay, origin, scale),
            Need("biomarkers", "", asked, alteration, _assay_needed(context, assay)),
        )
        for alteration, assay, origin, scale in product(
            codes_of(fields.get("alteration")) or ("",), _alternatives(fields.get("assay")),
            _alternatives(fields.get("origin")), _alternatives(fields.get("scale")),
        )
    ]  # fmt: skip


def _alternatives(test: t.Test | None) -> tuple[t.Test | None, ...]:
    """The codes of which a field may be any; a test of another form is one alternative of its own."""
    if isinstance(test, t.Some) and all(isinstance(part, t.Code) for part in test.parts):
        return tuple(test.parts)
    return (test,)


def _assay_needed(context: Context, assay: t.Test | None) -> str:
    """The assay whose results must be complete: none asked for, one by name, or one that no scope can name."""
    if assay is None:
        return ""
    return context.named(assay.code, (Domain.ASSAY,))[0] if isinstance(assay, t.Code) else ANOTHER_ASSAY


def _without(context: Context, asked: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    """The asked genes but for others: of a family from which one is taken the rest of its members."""
    found: list[str] = []
    for id in asked:
        members = sorted(context.vocabulary.descendants(id) - {id})
        taken = [member for member in members if any(context.vocabulary.is_below(member, each) for each in other)]
        found += [member for member in members if member not in taken] if taken else [id]
    return tuple(found) or asked


def _denials(context: Context, fields: Mapping[str, t.Test], asked: Tested) -> Iterable[tuple[str, Through]]:
    """The genes that are denied what is asked, each with the row that denies it."""
    for marker in context.patient.biomarkers:
        if len(marker.genes) == 1 and denies(context, marker, fields, asked):
            evidence = _marked(marker)
            yield marker.genes[0], Through(FUTURE, evidence.value, evidence.source, evidence.fact)


def denies(context: Context, marker: Biomarker, fields: Mapping[str, t.Test], asked: Tested) -> bool:
    """Whether a row answers what is asked: a negative result does, and a value, which denies all others on its scale.

    A negative result denies its genes × its alteration × what its assay can see, and no more than it tested.
    """
    measured = "value" in fields and (marker.low is not None or marker.high is not None)
    if not (measured or marker.result == "negative"):
        return False
    if (marker.alteration or "") != asked.alteration and not (measured and not asked.alteration):
        return False
    if _tests_less(marker, fields, measured) or not _same_origin(marker, asked.origin):
        return False
    if asked.assay is not None:
        if concept_test(context, marker, "assay", marker.assay, Domain.ASSAY, asked.assay).truth is not Truth.MET:
            return False
    elif not measured and marker.assay and not _sees(context, marker.assay, asked.alteration):
        return False
    return asked.scale is None or not (measured or marker.scale) or _is_code(marker.scale, asked.scale)


def _tests_less(marker: Biomarker, fields: Mapping[str, t.Test], measured: bool) -> bool:
    """Whether a row speaks of one variant, exon, partner or class alone, and more than that or another is asked."""
    told = (
        (marker.variant, "variant", variant_relation),
        (marker.exon, "exon", exon_relation),
        (marker.partner, "partner", _same),
        (marker.variant_class, "class", _same),
        (marker.significance, "significance", _same),
        (marker.zygosity, "zygosity", _same),
        (marker.specimen, "specimen", _same),
    )
    for recorded, field, relation in told:
        asked = codes_of(fields.get(field))
        within = bool(recorded and asked) and all(
            relation(each, recorded or "") is CodeRelation.WITHIN for each in asked
        )
        # What was measured, and where, answers unless another is asked; a negative row denies no more than it names.
        concerns = field in fields if measured or field == "specimen" else bool(recorded)
        if concerns and not within:
            return True
    return False


def _same(asked: str, recorded: str) -> CodeRelation:
    return CodeRelation.WITHIN if folded(asked) == folded(recorded) else CodeRelation.MAY


def _same_origin(marker: Biomarker, asked: t.Test | None) -> bool:
    """A germline result says nothing of the tumour, nor the reverse; one of no origin denies where none is asked."""
    return marker.origin != "germline" if asked is None else _is_code(marker.origin, asked)


def _is_code(recorded: str | None, asked: t.Test) -> bool:
    """Whether a recorded code certainly is one of those asked for."""

    def leaf(test: t.Code | t.Compare | t.Link) -> Finding:
        assert isinstance(test, t.Code)  # the tree refuses anything else
        return (met if recorded == test.code else not_met)(Change.NEVER)

    return recorded is not None and test_finding(asked, leaf).truth is Truth.MET


def _sees(context: Context, assay: str, alteration: str) -> bool:
    """Whether an assay can see the alteration; one that no list knows may be blind to it."""
    known = bool(context.vocabulary.find(assay, Domain.ASSAY))
    return known and (not alteration or context.vocabulary.sees(assay, alteration) is True)
