"""How many records, lines or sites match: an interval, open above where some may be unrecorded (SEMANTICS §3.10)."""

from __future__ import annotations

from collections.abc import Sequence

from matcher.engine.change import CHANGE_OF_ABSENCE
from matcher.engine.intervals import Interval, compare
from matcher.engine.reference import algebra
from matcher.engine.reference.anchors import in_days, opened
from matcher.engine.reference.context import Context
from matcher.engine.reference.records import disease
from matcher.engine.reference.records.courses import in_window, under_way
from matcher.engine.reference.records.coverage import METASTASIS
from matcher.engine.reference.records.lines import Line, count_lines, lines_of
from matcher.engine.reference.records.patterns import candidates, half_life, line_matches, unrecorded
from matcher.engine.results import Evidence, Finding, Missing, unknown
from matcher.engine.truth import Change, Reason, Truth, easiest, first_reason, hardest, negation
from trials.criteria import tree as t
from trials.criteria.kinds import Kind


def counted(context: Context, leaf: t.Count) -> Finding:
    """`count KIND(…) op n`."""
    records = leaf.records
    window = opened(context, leaf.window)
    if window.problem is not None:
        return window.problem
    if records.kind is Kind.LINE:
        return _lines(context, leaf)
    if records.kind is Kind.SITE:
        return _sites(context, leaf)
    told: dict[str, list[Finding]] = {}
    for candidate in candidates(context, records, history=True):
        own = opened(context, in_days(leaf.window, half_life(context, candidate.fact)))
        finding = algebra.both([candidate.finding, in_window(context, candidate, own, records.kind)])
        told.setdefault(candidate.counted_as or candidate.fact.id, []).append(finding)
    asked = [algebra.either(findings) for findings in told.values()]
    low = sum(finding.truth is Truth.MET for finding in asked)
    high = sum(finding.truth is not Truth.NOT_MET for finding in asked)
    until = context.asked if window.frame is None else min(window.frame.closes.hi, context.asked)
    return _in_range(leaf, low, high, asked, unrecorded(context, records, until))


def no_such_cancer(context: Context) -> Finding:
    """The unknown of a question about the lines of a cancer that the patient does not have."""
    names = context.cancer.names if context.cancer else ()
    missing = Missing("diagnosis", names, "presence", "", "the cancer this is about", "look_up")
    return unknown(Reason.IMPRECISE, missing=(missing,), note="lines are counted for the cancer the document is about")


def _lines(context: Context, leaf: t.Count) -> Finding:
    records = leaf.records
    found = lines_of(context)
    if found is None:
        return no_such_cancer(context)
    count = count_lines(context, found, records, line_matches(context, records))
    shown = [Finding(Truth.MET, None, Change.NEVER, (), (_line(i, line),)) for i, line in enumerate(found.base, 1)]
    silent = unrecorded(context, t.Records(Kind.LINE, records.concepts), context.asked)
    missing = [_line_missing(item.raw, "start, name or setting", "") for item in found.doubt]
    if any(item.field == "setting" for item in records.tests):
        unset = [line.treatments[0].raw for line in found.base if not line.settings]
        missing += [_line_missing(raw, "setting", " (perioperative or advanced)") for raw in unset]
    if any(item.field == "ended" for item in records.tests):
        drugs = [item for line in found.base for item in line.treatments]
        missing += [m for item in drugs for m in under_way(context, item, Kind.TREATMENT).missing]
    if count.low < count.high and not missing:
        # A recorded line number overrides the grouping.
        missing = [_line_missing(line.treatments[0].raw, "line", " (line number)") for line in found.base]
    return _in_range(leaf, count.low, count.high, shown, silent, tuple(missing))


def _line_missing(raw: str, attribute: str, hint: str) -> Missing:
    text = f"{attribute} of {raw or 'the unnamed drug'}{hint}"
    return Missing("treatment", (raw or "unnamed",), attribute, "", text, "look_up")


def _line(number: int, line: Line) -> Evidence:
    names = " + ".join(dict.fromkeys(treatment.raw or "unnamed" for treatment in line.treatments))
    text = f"line {number}: {names} ({' or '.join(line.settings) or 'setting not known'})"
    return disease.evidence_of(line.treatments[0], text)


def _sites(context: Context, leaf: t.Count) -> Finding:
    """Distinct sites among the matching records; a record without a site may be at any, and at several."""
    records = t.Records(Kind.CONDITION, leaf.records.concepts, leaf.records.other_than, leaf.records.tests)
    found = [c for c in candidates(context, records, history=True) if c.finding.truth is not Truth.NOT_MET]
    certain: set[str] = set()
    possible: set[str] = set()
    unplaced = False
    for candidate in found:
        sites: tuple[str, ...] = getattr(candidate.fact, "sites", ())
        unplaced = unplaced or not sites
        if candidate.finding.truth is Truth.MET and len(sites) == 1:
            certain.add(sites[0])
        possible.update(sites)
    distinct = [
        site for site in certain if not any(o != site and context.vocabulary.is_below(o, site) for o in certain)
    ]
    silent = unrecorded(context, records, context.asked)
    if unplaced:
        sites_missing = Missing("condition", (METASTASIS,), "site", "", "sites of the metastases", "imaging")
        silent = unknown(Reason.IMPRECISE, missing=silent.missing or (sites_missing,))
    low = max(len(distinct), min(1, sum(c.finding.truth is Truth.MET for c in found)))
    return _in_range(leaf, low, len(possible), [c.finding for c in found], silent)


def _in_range(
    leaf: t.Count, low: int, high: int, found: Sequence[Finding], silent: Finding, missing: tuple[Missing, ...] = ()
) -> Finding:
    """Whether a count between `low` and `high` (or more, if some may be unrecorded) lies within what is asked."""
    open_above = silent.truth is Truth.UNKNOWN
    value = Interval.between(float(low), None if open_above else float(high))
    truth = compare(value, t.Operator.GE, Interval.point(leaf.low))
    if leaf.high is not None:
        truth = min(truth, compare(value, t.Operator.LE, Interval.point(leaf.high)))
    if leaf.negated:
        truth = negation(truth)
    shown = (e for f in found if f.truth is not Truth.NOT_MET for e in f.evidence)
    evidence = algebra.unique((*shown, *silent.evidence))
    flips = tuple(sorted({day for finding in (*found, silent) for day in finding.flips}))
    number = f"at least {low}" if open_above else f"{low}" if low == high else f"{low} to {high}"
    note = f"count: {number}"
    if truth is not Truth.UNKNOWN:
        return Finding(truth, None, _change(leaf, low, high, truth, found), flips, evidence, (), note)
    open_ = [finding for finding in found if finding.truth is Truth.UNKNOWN]
    reason = first_reason([silent.reason if open_above else None, *(f.reason for f in open_)]) or Reason.IMPRECISE
    wanted = algebra.merged((*missing, *(m for f in open_ for m in f.missing), *silent.missing))
    return unknown(reason, evidence=evidence, missing=wanted, flips=flips, note=note)


def _change(leaf: t.Count, low: int, high: int, truth: Truth, found: Sequence[Finding]) -> Change:
    """Too few may become enough; too many become fewer as those that are counted cease, the easiest first."""
    growing = CHANGE_OF_ABSENCE[leaf.records.kind]
    counted_ = sorted((f.change or Change.NEVER for f in found if f.truth is Truth.MET), key=lambda c: c.hardness)

    def shrinking(by: int) -> Change:
        return hardest(counted_[:by]) if by <= len(counted_) else Change.NEVER

    outside = (truth is Truth.MET) == leaf.negated
    if outside:
        return growing if high < leaf.low else shrinking(low - (leaf.high or 0))
    ways = [growing] if leaf.high is not None else []
    ways += [shrinking(low - leaf.low + 1)] if leaf.low > 0 else []
    return easiest(ways)
