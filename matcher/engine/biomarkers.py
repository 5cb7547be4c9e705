"""Biomarkers against a pattern, and what a negative result denies: its gene, its alteration, what its assay can see."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from matcher.engine import disease as dz
from matcher.engine.algebra import both, negate
from matcher.engine.context import Context, Reading
from matcher.engine.coverage import Need, Through, absence
from matcher.engine.days import FUTURE, PAST, Course
from matcher.engine.fields import (
    Candidate,
    codes_of,
    concept_finding,
    days_upto,
    met,
    missing_field,
    not_met,
    quiet,
    test_finding,
    tests,
)
from matcher.engine.intervals import Interval, compare
from matcher.engine.results import Evidence, Finding, Missing, unknown
from matcher.engine.truth import Change, Reason, Truth
from patients.facts import Biomarker, folded
from patients.vocabulary import Domain
from trials.criteria import tree as t
from trials.criteria.kinds import Kind


def biomarkers(context: Context, records: t.Records, history: bool) -> Iterable[Candidate]:
    asked = () if records.concepts.is_any else context.concepts(records.concepts, (Domain.GENE,))
    other = () if records.other_than is None else context.concepts(records.other_than, (Domain.GENE,))
    fields = {item.field for item in records.tests}
    for marker in context.patient.biomarkers:
        means = tuple(Reading(id) for id in marker.genes)
        change = Change.NEVER if marker.origin == "germline" else Change.ACTION
        named = [
            met(change, _marked(marker))
            if not asked
            else concept_finding(context, means, asked, marker, change, evidence=_marked(marker))
        ]
        if other:
            named.append(negate(concept_finding(context, means, other, marker, change, evidence=_marked(marker))))
        special: dict[str, Callable[[t.Test], Finding]] = {
            "value": lambda test, m=marker: _marker_value(m, test),  # type: ignore[misc]  # bound as default
            "partner": lambda test, m=marker: _marker_partner(context, m, test),  # type: ignore[misc]  # bound as default
            "assay": lambda test, m=marker: _marker_assay(context, m, test),  # type: ignore[misc]  # bound as default
        }
        result = [] if fields & {"result", "value"} else [_positive(marker, change)]
        finding = both([*named, *result, *tests(context, records, marker, special)])
        yield Candidate(marker, Course.event(days_upto(marker.date, context)), quiet(finding, named), _marked(marker))


def _marked(marker: Biomarker) -> Evidence:
    words = [marker.raw or "unnamed marker", marker.alteration, marker.variant, marker.result, marker.shown]
    return replace(dz.evidence_of(marker, " ".join(word for word in words if word)), unit=marker.unit or "")


def _positive(marker: Biomarker, change: Change) -> Finding:
    if marker.result == "positive":
        return met(change, _marked(marker))
    if marker.result == "negative":
        return not_met(change, _marked(marker))
    return replace(
        missing_field(marker, Kind.BIOMARKER, "result"),
        reason=Reason.NOT_RECORDED if marker.result is None else Reason.IMPRECISE,
    )


def _marker_value(marker: Biomarker, test: t.Test) -> Finding:
    value = Interval.between(marker.low, marker.high, marker.low_open, marker.high_open)

    def leaf(test: t.Code | t.Compare | t.Link) -> Finding:
        assert isinstance(test, t.Compare) and test.number is not None
        if marker.low is None and marker.high is None:
            return missing_field(marker, Kind.BIOMARKER, "value")
        truth = compare(value, test.operator, Interval.point(test.number))
        if truth is Truth.UNKNOWN:
            return unknown(Reason.IMPRECISE, evidence=(_marked(marker),))
        return (met if truth is Truth.MET else not_met)(Change.ACTION, _marked(marker))

    return test_finding(test, leaf)


def _marker_partner(context: Context, marker: Biomarker, test: t.Test) -> Finding:
    def leaf(test: t.Code | t.Compare | t.Link) -> Finding:
        assert isinstance(test, t.Code)
        if marker.partner is None:
            return missing_field(marker, Kind.BIOMARKER, "partner")
        recorded = context.vocabulary.find(marker.partner, Domain.GENE)
        asked = context.named(test.code, (Domain.GENE,))
        return concept_finding(context, tuple(Reading(id) for id in recorded), asked, marker, Change.ACTION)

    return test_finding(test, leaf)


def _marker_assay(context: Context, marker: Biomarker, test: t.Test) -> Finding:
    def leaf(test: t.Code | t.Compare | t.Link) -> Finding:
        assert isinstance(test, t.Code)
        if marker.assay is None:
            return missing_field(marker, Kind.BIOMARKER, "assay")
        recorded = context.vocabulary.find(marker.assay, Domain.ASSAY)
        asked = context.named(test.code, (Domain.ASSAY,))
        return concept_finding(context, tuple(Reading(id) for id in recorded), asked, marker, Change.ACTION)

    return test_finding(test, leaf)


def unrecorded_marker(context: Context, records: t.Records, asked: tuple[str, ...], until: int) -> Finding:
    fields = {item.field: item.test for item in records.tests}
    alterations = codes_of(fields.get("alteration")) or ("",)
    origins = codes_of(fields.get("origin"))
    assays = codes_of(fields.get("assay"))
    variants = codes_of(fields.get("variant"))
    assay = next(iter(context.named(assays[0], (Domain.ASSAY,))), "") if assays else ""
    found = []
    for alteration in alterations:
        denials = list(_denials(context, asked, alteration, origins, assay, variants))
        if "value" in fields:
            denials += _measured(context, asked, alteration, codes_of(fields.get("scale")))
        genes = " or ".join(records.concepts.names)
        text = f"{genes} {alteration or 'alteration'}: tested?"
        missing = Missing("biomarker", tuple(records.concepts.names), alteration, "", text, "pathology")
        need = Need("biomarkers", "", asked, alteration, assay)
        change = Change.NEVER if origins == ("germline",) else Change.ACTION
        found.append(absence(context, need, until=PAST, denials=denials, change=change, text=text, missing=missing))
    return both(found)


def _denials(
    context: Context,
    asked: tuple[str, ...],
    alteration: str,
    origins: tuple[str, ...],
    assay: str,
    variants: tuple[str, ...],
) -> Iterable[tuple[str, Through]]:
    """Negative results: each denies its genes × its alteration × what its assay can see."""
    for marker in context.patient.biomarkers:
        if (
            marker.result != "negative"
            or len(marker.genes) != 1
            or marker.alteration != (alteration or marker.alteration)
        ):
            continue
        if not alteration and marker.alteration is not None:
            continue
        if marker.variant and (not variants or folded(marker.variant) not in {folded(v) for v in variants}):
            continue
        if origins == ("germline",) and marker.origin != "germline":
            continue
        if origins != ("germline",) and marker.origin == "germline":
            continue
        recorded = context.vocabulary.find(marker.assay, Domain.ASSAY) if marker.assay else ()
        if assay and not any(context.vocabulary.is_below(id, assay) for id in recorded):
            continue
        if recorded and alteration and not any(context.vocabulary.sees(id, alteration) for id in recorded):
            continue
        evidence = _marked(marker)
        yield marker.genes[0], Through(FUTURE, evidence.value, evidence.source, evidence.fact)


def _measured(
    context: Context, asked: tuple[str, ...], alteration: str, scales: tuple[str, ...]
) -> Iterable[tuple[str, Through]]:
    """A value on the asked scale is an answer: it denies every other value."""
    for marker in context.patient.biomarkers:
        if marker.low is None and marker.high is None:
            continue
        if len(marker.genes) != 1 or (alteration and marker.alteration != alteration):
            continue
        if scales and marker.scale not in scales:
            continue
        evidence = _marked(marker)
        yield marker.genes[0], Through(FUTURE, evidence.value, evidence.source, evidence.fact)
