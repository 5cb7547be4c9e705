"""Treatments and medications against a pattern: names, regimens, settings, lines and outcomes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from matcher.engine.intervals import Interval, compare
from matcher.engine.reference.algebra import both, either, negate
from matcher.engine.reference.context import Context, Reading
from matcher.engine.reference.records import disease as dz
from matcher.engine.reference.records.courses import given, ongoing_test, told, treatment_course
from matcher.engine.reference.records.coverage import Need, absence, kind_of, list_complete, treatment_kinds
from matcher.engine.reference.records.fields import (
    Candidate,
    answer,
    code_finding,
    concept_finding,
    is_another,
    link_test,
    met,
    missing_field,
    not_met,
    site_test,
    test_finding,
    tests,
)
from matcher.engine.reference.records.lines import line_numbers, setting_of
from matcher.engine.reference.records.outcomes import outcome_finding
from matcher.engine.results import Evidence, Finding
from matcher.engine.truth import Change, Reason, Truth
from patients.facts import CodeRelation, Medication, Treatment, code_relation, folded
from patients.vocabulary import Domain
from trials.criteria import tree as t
from trials.criteria.kinds import CONCEPT_DOMAINS, Kind


def treatments(context: Context, records: t.Records, history: bool) -> Iterable[Candidate]:
    regimens = records.concepts.alternatives
    if any(len(regimen) > 1 for regimen in regimens):
        yield from _regimens(context, records)
        return
    names = [name for name in records.concepts.names if name not in (t.ANY, t.THIS_TREATMENT)]
    asked = tuple(id for name in names for id in context.named(name, CONCEPT_DOMAINS[Kind.TREATMENT]))
    other = () if records.other_than is None else context.concepts(records.other_than, CONCEPT_DOMAINS[Kind.TREATMENT])
    only_this = t.THIS_TREATMENT in records.concepts.names
    for treatment in context.patient.treatments:
        if only_this and (context.this is None or treatment.id != context.this.id):
            continue
        shown = dz.evidence_of(treatment)
        named = _drug_named(context, treatment, treatment.kind, asked, other, shown)
        if is_another(named):
            continue
        tested = {item.field for item in records.tests}
        was_given = [] if "status" in tested else [given(context, treatment)]
        if tested & _OF_THIS_CANCER:
            was_given += _of_this_cancer(context, treatment)
        special = _treatment_fields(context, treatment)
        finding = both([*named, *was_given, *tests(context, records, treatment, special)])
        yield Candidate(treatment, treatment_course(context, treatment), finding, shown)


#: Fields by which a pattern asks of the treatment of this cancer; exposure is asked of all (SEMANTICS §1.4).
_OF_THIS_CANCER = frozenset({"setting", "line"})


def _of_this_cancer(context: Context, treatment: Treatment) -> list[Finding]:
    of_it = dz.belongs(context, treatment.diagnosis)
    if of_it is Truth.MET:
        return []
    if of_it is Truth.NOT_MET:
        return [not_met(Change.NEVER)]
    return [replace(missing_field(treatment, Kind.TREATMENT, "diagnosis"), reason=Reason.IMPRECISE)]


def _treatment_fields(context: Context, treatment: Treatment) -> dict[str, Callable[[t.Test], Finding]]:
    def outcome(test: t.Test) -> Finding:
        def leaf(test: t.Code | t.Compare | t.Link) -> Finding:
            assert isinstance(test, t.Code)
            return outcome_finding(context, treatment, test.code)

        return test_finding(test, leaf)

    def given_with(test: t.Test) -> Finding:
        def leaf(test: t.Code | t.Compare | t.Link) -> Finding:
            if isinstance(test, t.Link):
                pattern = test.records
            else:
                assert isinstance(test, t.Code)
                pattern = t.Records(Kind.TREATMENT, t.Concepts.of(test.code))
            found = [
                both([other.finding, together(context, treatment, other)])
                for other in treatments(context, pattern, False)
                if other.fact.id != treatment.id
            ]
            silent = _unrecorded(context, pattern.concepts, treatment_course(context, treatment).end.hi)
            return either([*found, *silent])

        return test_finding(test, leaf)

    def status(test: t.Test) -> Finding:
        def leaf(test: t.Code | t.Compare | t.Link) -> Finding:
            assert isinstance(test, t.Code)
            if treatment.status is not None:
                return code_finding(
                    "treatment_status", treatment.status, test.code, treatment, Kind.TREATMENT, "status", Change.COURSE
                )
            was_given = given(context, treatment)
            return was_given if test.code == "given" else negate(was_given)

        return test_finding(test, leaf)

    def kind(test: t.Test) -> Finding:
        recorded = kind_of(context, treatment)

        def leaf(test: t.Code | t.Compare | t.Link) -> Finding:
            assert isinstance(test, t.Code)
            if recorded is None:
                return missing_field(treatment, Kind.TREATMENT, "kind")
            return code_finding("treatment_kind", recorded, test.code, treatment, Kind.TREATMENT, "kind", Change.NEVER)

        return test_finding(test, leaf)

    def setting(test: t.Test) -> Finding:
        return setting_test(context, treatment, setting_of(context, treatment), test)

    def line(test: t.Test) -> Finding:
        def leaf(test: t.Code | t.Compare | t.Link) -> Finding:
            assert isinstance(test, t.Compare) and test.number is not None
            numbers = line_numbers(context, treatment)
            if numbers is None:
                return missing_field(treatment, Kind.TREATMENT, "line")
            truth = compare(Interval.between(*numbers), test.operator, Interval.point(test.number))
            if truth is Truth.UNKNOWN:
                return replace(missing_field(treatment, Kind.TREATMENT, "line"), reason=Reason.IMPRECISE)
            return answer(truth, Change.NEVER, treatment)

        return test_finding(test, leaf)

    return {
        "outcome": outcome,
        "with": given_with,
        "status": status,
        "kind": kind,
        "setting": setting,
        "line": line,
        "ongoing": lambda test: ongoing_test(context, treatment, test, Kind.TREATMENT),
        "site": site_test(context, treatment, treatment.sites, Kind.TREATMENT),
        "for": lambda test: _for_cancer(context, treatment, test),
    }


def setting_test(context: Context, treatment: Treatment, settings: tuple[str, ...], test: t.Test) -> Finding:
    """`setting:` over the settings a treatment may have had."""

    def leaf(test: t.Code | t.Compare | t.Link) -> Finding:
        assert isinstance(test, t.Code)
        if not settings:
            return missing_field(treatment, Kind.TREATMENT, "setting")
        relations = {code_relation("setting", setting, test.code) for setting in settings}
        if relations == {CodeRelation.WITHIN}:
            return met(Change.NEVER, dz.evidence_of(treatment, f"{treatment.raw}, {settings[0]}"))
        if relations == {CodeRelation.OUTSIDE}:
            return not_met(Change.NEVER, dz.evidence_of(treatment, f"{treatment.raw}, {settings[0]}"))
        return replace(missing_field(treatment, Kind.TREATMENT, "setting"), reason=Reason.IMPRECISE)

    return test_finding(test, leaf)


def _for_cancer(context: Context, treatment: Treatment, test: t.Test) -> Finding:
    """`for: this cancer` or another: the diagnosis a treatment was given for."""

    def leaf(test: t.Code | t.Compare | t.Link) -> Finding:
        names = (
            test.records.concepts.names
            if isinstance(test, t.Link)
            else (test.code,)
            if isinstance(test, t.Code)
            else ()
        )
        if names == (t.THIS_CANCER,):
            truth = dz.belongs(context, treatment.diagnosis)
            if truth is Truth.UNKNOWN:
                return replace(missing_field(treatment, Kind.TREATMENT, "diagnosis"), reason=Reason.IMPRECISE)
            return answer(truth, Change.NEVER, treatment)
        if treatment.diagnosis is None:
            return missing_field(treatment, Kind.TREATMENT, "diagnosis")
        recorded = context.vocabulary.find(treatment.diagnosis, Domain.CANCER, Domain.CONDITION)
        asked = [id for name in names for id in context.named(name, (Domain.CONDITION, Domain.CANCER))]
        return concept_finding(context, tuple(Reading(id) for id in recorded), asked, treatment, Change.NEVER)

    return test_finding(test, leaf)


def _drug_named(
    context: Context, fact: Treatment | Medication, kind: str | None, asked: tuple[str, ...], other: tuple[str, ...],
    shown: Evidence,
) -> list[Finding]:  # fmt: skip
    """The name of a treatment or medication; an unnamed one of a kind that cannot hold what is asked does not match."""
    means = tuple(Reading(id) for id in fact.concepts)
    if not asked:
        found = [met(Change.NEVER, shown)]
    elif not means and kind is not None and kind != "other" and not could_hold(context, kind, asked):
        found = [not_met(Change.NEVER)]
    else:
        named = concept_finding(context, means, asked, fact, Change.NEVER, evidence=shown)
        found = [named, *as_inducer(context, fact, asked)]
    if other:
        found.append(negate(concept_finding(context, means, other, fact, Change.NEVER, evidence=shown)))
    return found


INDUCER = "CYP3A inducer"


def as_inducer(context: Context, fact: Treatment | Medication, asked: tuple[str, ...]) -> list[Finding]:
    """A drug that induces CYP3A, but not as given for one purpose: dexamethasone as premedication (SEMANTICS §1.3)."""
    if len(fact.concepts) != 1 or context.vocabulary.get(INDUCER) is None:
        return []
    drug = fact.concepts[0]
    matched = [id for id in asked if context.vocabulary.is_below(drug, id)]
    purpose = context.concept(drug).attributes.get("not_inducer_when")
    if not purpose or not matched or any(not context.vocabulary.is_below(id, INDUCER) or id == drug for id in matched):
        return []
    given_for = getattr(fact, "indication_text", "")
    if not given_for:
        return [missing_field(fact, Kind.MEDICATION, "indication")]
    if folded(purpose) in folded(given_for):
        return [not_met(Change.NEVER, dz.evidence_of(fact, f"{fact.raw} for {given_for}"))]
    return [met(Change.ACTION, dz.evidence_of(fact, f"{fact.raw} for {given_for}"))]


def could_hold(context: Context, kind: str, asked: tuple[str, ...]) -> bool:
    """Whether an unnamed treatment of a kind may be one of the asked concepts."""
    kinds = {kind for id in asked for kind in treatment_kinds(context, id)}
    return kind in kinds or (kind == "drug" and "transplant" in kinds)


def together(context: Context, treatment: Treatment, other: Candidate) -> Finding:
    """Whether two treatments were one regimen: so named, or begun within 28 days of each other."""
    fact = other.fact
    assert isinstance(fact, Treatment)
    named_apart = False
    if treatment.regimen and fact.regimen:
        if folded(treatment.regimen) == folded(fact.regimen):
            return met(Change.NEVER, other.evidence)
        named_apart = True
    mine, theirs = treatment_course(context, treatment).start, other.course.start
    join = context.settings.line_joins
    apart_least = max(0, mine.lo - theirs.hi, theirs.lo - mine.hi)
    apart_most = max(abs(mine.hi - theirs.lo), abs(theirs.hi - mine.lo))
    if apart_most <= join and not named_apart:
        return met(Change.NEVER, other.evidence)
    if apart_least > join:
        return not_met(Change.NEVER, other.evidence)
    return replace(missing_field(treatment, Kind.TREATMENT, "start_date"), reason=Reason.IMPRECISE)


def _unrecorded(context: Context, concepts: t.Concepts, until: int) -> list[Finding]:
    """That no partner of a regimen was left out: a drug, or what else was given with one, as radiotherapy."""
    asked = () if concepts.is_any else context.concepts(concepts, CONCEPT_DOMAINS[Kind.TREATMENT])
    kinds = {id: treatment_kinds(context, id) for id in asked}
    every = sorted({kind for each in kinds.values() for kind in each}) or [""]
    return [
        absence(
            context,
            Need("treatments", kind, tuple(id for id in asked if kind in kinds[id])),
            until=until,
            change=Change.COURSE,
            text=list_complete(context, kind),
        )
        for kind in every
    ]


def _regimens(context: Context, records: t.Records) -> Iterable[Candidate]:
    """`gemcitabine and docetaxel`: every drug of the regimen, given together."""
    for regimen in records.concepts.alternatives:
        pattern = replace(records, concepts=t.Concepts.of(regimen[0]))
        for first in list(treatments(context, pattern, False)):
            if first.finding.truth is Truth.NOT_MET:
                continue
            assert isinstance(first.fact, Treatment)
            parts = [first.finding]
            for name in regimen[1:]:
                partner = t.Records(Kind.TREATMENT, t.Concepts.of(name))
                others = [
                    both([other.finding, together(context, first.fact, other)])
                    for other in treatments(context, partner, False)
                    if other.fact.id != first.fact.id
                ]
                parts.append(either([*others, *_unrecorded(context, partner.concepts, first.course.end.hi)]))
            yield Candidate(first.fact, first.course, both(parts), first.evidence)


def medications(context: Context, records: t.Records, history: bool) -> Iterable[Candidate]:
    asked = () if records.concepts.is_any else context.concepts(records.concepts, (Domain.DRUG,))
    other = () if records.other_than is None else context.concepts(records.other_than, (Domain.DRUG,))
    for medication in context.patient.medications:
        shown = dz.evidence_of(medication, _dosed(medication))
        named = _drug_named(context, medication, None, asked, other, shown)
        if is_another(named):
            continue
        special: dict[str, Callable[[t.Test], Finding]] = {
            "ongoing": lambda test, m=medication: ongoing_test(context, m, test, Kind.MEDICATION),  # type: ignore[misc]  # bound as default
            "for": link_test(
                context, medication, medication.indications, "for", Kind.MEDICATION, (Domain.CONDITION, Domain.CANCER)
            ),
        }
        finding = both([*named, *_begun(context, medication), *tests(context, records, medication, special)])
        yield Candidate(medication, treatment_course(context, medication), finding, shown)


def _begun(context: Context, medication: Medication) -> list[Finding]:
    """A medication may begin after the day asked about where its start is open and was written down later."""
    days = [each.last.toordinal() for each in (medication.start, medication.end) if each is not None]
    if any(day <= context.asked for day in days) or told(context, medication) <= context.asked:
        return []
    return [replace(missing_field(medication, Kind.MEDICATION, "start_date"), reason=Reason.IMPRECISE)]


def _dosed(medication: Medication) -> str:
    dose = f" {medication.dose:g} {medication.dose_unit or ''}".rstrip() if medication.dose is not None else ""
    return f"{medication.raw or 'unnamed'}{dose}"


def drugs(context: Context, records: t.Records, history: bool) -> Iterable[Candidate]:
    """Treatments and medications together."""
    yield from treatments(context, replace(records, kind=Kind.TREATMENT), history)
    yield from medications(context, replace(records, kind=Kind.MEDICATION), history)
