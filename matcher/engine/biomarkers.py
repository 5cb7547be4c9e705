"""Biomarkers against a pattern, and what a negative result denies: its gene, its alteration, what its assay can see.

A value of expression is that of the latest day on its scale. One assay that says yes and no on one date says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from matcher.engine import disease as dz
from matcher.engine.algebra import both, either, negate
from matcher.engine.change import CHANGE_OF_ABSENCE
from matcher.engine.context import Context, Reading
from matcher.engine.coverage import Need, Through, absence
from matcher.engine.days import FUTURE, Course
from matcher.engine.fields import (
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
from matcher.engine.intervals import Interval, compare
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
        named = [_of_gene(context, marker, asked, change) if asked else met(change, shown)]
        if other:
            named.append(negate(_of_gene(context, marker, other, change)))
        if is_another(named):
            continue
        result = [] if fields & {"result", "value"} else [_positive(marker, change)]
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


def _of_gene(context: Context, marker: Biomarker, asked: tuple[str, ...], change: Change) -> Finding:
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
        "result": lambda test: _result_test(marker, test, change),
        "partner": lambda test: _concept_test(context, marker, "partner", marker.partner, Domain.GENE, test),
        "assay": lambda test: _concept_test(context, marker, "assay", marker.assay, Domain.ASSAY, test),
    }


def _marked(marker: Biomarker) -> Evidence:
    words = [marker.raw or "unnamed marker", marker.alteration, marker.variant, marker.result, marker.shown]
    return replace(dz.evidence_of(marker, " ".join(word for word in words if word)), unit=marker.unit or "")


def _positive(marker: Biomarker, change: Change) -> Finding:
    if marker.result == "positive":
        return met(change, _marked(marker))
    if marker.result == "negative":
        return not_met(change, _marked(marker))
    reason = Reason.NOT_RECORDED if marker.result is None else Reason.IMPRECISE
    return replace(missing_field(marker, Kind.BIOMARKER, "result"), reason=reason)


def _result_test(marker: Biomarker, test: t.Test, change: Change) -> Finding:
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


def _concept_test(
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


def unrecorded_marker(context: Context, records: t.Records, asked: tuple[str, ...]) -> Finding:
    """That no finding beyond those recorded matches: by coverage of the genes, or because they were tested negative."""
    fields = {item.field: item.test for item in records.tests}
    alterations = codes_of(fields.get("alteration")) or ("",)
    assays = codes_of(fields.get("assay"))
    assay = context.named(assays[0], (Domain.ASSAY,))[0] if assays else ""
    germline = codes_of(fields.get("origin")) == ("germline",)
    change = Change.NEVER if germline else CHANGE_OF_ABSENCE[Kind.BIOMARKER]
    names = records.concepts.names
    found = []
    for alteration in alterations:
        denials = list(_denials(context, fields, alteration, assay))
        if "value" in fields:
            denials += _measured(context, alteration, codes_of(fields.get("scale")))
        text = f"{' or '.join(names)} {alteration or 'alteration'}: tested?"
        missing = Missing("biomarker", names, alteration, "", text, "pathology")
        need = Need("biomarkers", "", asked, alteration, assay)
        day = context.asked
        found.append(absence(context, need, until=day, denials=denials, change=change, text=text, missing=missing))
    return either(found)


def _denials(context: Context, fields: dict[str, t.Test], alteration: str, assay: str) -> Iterable[tuple[str, Through]]:
    """Negative results: each denies its genes × its alteration × what its assay can see, and no more than it tested."""
    for marker in context.patient.biomarkers:
        if marker.result != "negative" or len(marker.genes) != 1 or (marker.alteration or "") != alteration:
            continue
        if _tests_less(marker, fields) or not _same_origin(marker, codes_of(fields.get("origin"))):
            continue
        recorded = context.vocabulary.find(marker.assay, Domain.ASSAY) if marker.assay else ()
        if (marker.assay or assay) and not _sees(context, recorded, alteration, assay):
            continue
        evidence = _marked(marker)
        yield marker.genes[0], Through(FUTURE, evidence.value, evidence.source, evidence.fact)


def _tests_less(marker: Biomarker, fields: dict[str, t.Test]) -> bool:
    """Whether a negative row speaks of one variant, exon, partner or class alone, and more than that is asked."""
    told = (
        (marker.variant, "variant", variant_relation),
        (marker.exon, "exon", exon_relation),
        (marker.partner, "partner", _same),
        (marker.variant_class, "class", _same),
        (marker.significance, "significance", _same),
        (marker.specimen, "specimen", _same),
    )
    for recorded, field, relation in told:
        asked = codes_of(fields.get(field))
        if field == "specimen" and not asked:
            continue
        if recorded and not (asked and all(relation(each, recorded) is CodeRelation.WITHIN for each in asked)):
            return True
        if field == "specimen" and not recorded:
            return True
    return False


def _same(asked: str, recorded: str) -> CodeRelation:
    return CodeRelation.WITHIN if folded(asked) == folded(recorded) else CodeRelation.MAY


def _same_origin(marker: Biomarker, asked: tuple[str, ...]) -> bool:
    """A germline result says nothing of the tumour, nor the reverse; one of no origin denies where none is asked."""
    if asked == ("germline",):
        return marker.origin == "germline"
    if asked == ("somatic",):
        return marker.origin == "somatic"
    return marker.origin != "germline"


def _sees(context: Context, recorded: tuple[str, ...], alteration: str, assay: str) -> bool:
    """Whether the assay of a row is the asked one, or without one asked, can see the alteration."""
    if assay:
        return any(context.vocabulary.is_below(id, assay) for id in recorded)
    return bool(recorded) and (not alteration or any(context.vocabulary.sees(id, alteration) for id in recorded))


def _measured(context: Context, alteration: str, scales: tuple[str, ...]) -> Iterable[tuple[str, Through]]:
    """A value on the asked scale is an answer: it denies every other value."""
    for marker in context.patient.biomarkers:
        if (marker.low is None and marker.high is None) or len(marker.genes) != 1:
            continue
        if (alteration and marker.alteration != alteration) or (scales and marker.scale not in scales):
            continue
        evidence = _marked(marker)
        yield marker.genes[0], Through(FUTURE, evidence.value, evidence.source, evidence.fact)
