"""The reference evaluator: one rule, one patient, one date, in plain Python beside SEMANTICS.

Each construct of the language has one function here; none is optimised. It returns the whole explanation: a finding
for every node, with the facts that decided and the facts that are missing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

from matcher.engine import algebra, disease
from matcher.engine.anchors import absent, in_days, moment, opened
from matcher.engine.context import Context, Settings, UnknownWord, words_of
from matcher.engine.courses import in_window
from matcher.engine.days import FUTURE, PAST, Course, Days, not_before, shift
from matcher.engine.doses import dose_of, longest
from matcher.engine.fields import CHANGE_OF_ABSENCE, CHANGE_OF_PRESENCE, Candidate
from matcher.engine.intervals import Interval, compare
from matcher.engine.lines import count_lines, lines_of
from matcher.engine.observations import Reading, ages_on, judged, limit_of
from matcher.engine.patterns import candidates, line_matches, unrecorded
from matcher.engine.results import Evidence, Finding, Missing, unknown
from matcher.engine.truth import Change, Reason, Truth, first_reason
from matcher.engine.view import view_at
from patients.facts import Fact, Medication, Patient, Treatment, add_months, read_code
from patients.vocabulary import Vocabulary, default
from trials.criteria import tree as t
from trials.criteria.kinds import Kind


def make_context(
    patient: Patient,
    *,
    as_of: date,
    known: date | None = None,
    vocabulary: Vocabulary | None = None,
    definitions: Sequence[t.Definition] = (),
    windows: Mapping[str, t.Span] | None = None,
    cancer: t.Concepts | None = None,
    document: str = "",
    version: int = 0,
    settings: Settings | None = None,
) -> Context:
    """The context of one patient and one document, with no cancer chosen yet.

    `known` is the day whose facts are used; it differs from `as_of` only when a later date is tried with today's facts.
    """
    base = known or as_of
    vocabulary = vocabulary or default()
    definitions = tuple(definitions)
    return Context(
        patient=view_at(patient, base),
        vocabulary=vocabulary,
        asked=as_of.toordinal(),
        known=base.toordinal(),
        definitions=definitions,
        words=words_of(vocabulary, definitions),
        windows=dict(windows or {}),
        cancer=cancer,
        document=document,
        version=version,
        settings=settings or Settings(),
        evaluate=evaluate,
    )


def evaluate_rule(
    rule: t.Rule,
    patient: Patient,
    *,
    as_of: date,
    vocabulary: Vocabulary | None = None,
    definitions: Sequence[t.Definition] = (),
    windows: Mapping[str, t.Span] | None = None,
    cancer: t.Concepts | None = None,
) -> Finding:
    """The truth of one rule for one patient. Of several cancers that the rule may be about, all must agree."""
    context = make_context(
        patient, as_of=as_of, vocabulary=vocabulary, definitions=definitions, windows=windows, cancer=cancer
    )
    found = [evaluate(rule, focused) for focused in focuses(context)]
    note = "the answer depends on which of the patient's cancers is meant"
    return algebra.spread(found, unknown(Reason.IMPRECISE, note=note)).about(rule)


def focuses(context: Context) -> list[Context]:
    """One context for each of the patient's cancers that the document may be about; one without any if there is none."""
    tumours = disease.primaries(context)
    found = [replace(context, focus=tumour, cache={"primaries": tumours}) for tumour, _ in disease.candidates(context)]
    return found or [context]


def evaluate(rule: t.Rule, context: Context) -> Finding:
    """The finding of a rule in a context, with one for each of its parts."""
    match rule:
        case t.And(parts):
            found = [evaluate(part, context) for part in parts]
            return replace(algebra.both(found), rule=rule, parts=tuple(found))
        case t.Or(parts):
            found = [evaluate(part, context) for part in parts]
            return replace(algebra.either(found), rule=rule, parts=tuple(found))
        case t.Not(part):
            inner = evaluate(part, context)
            return replace(algebra.negate(inner), rule=rule, parts=(inner,))
        case t.Quota(bound, number, parts):
            found = [evaluate(part, context) for part in parts]
            return replace(algebra.quota(bound, number, found), rule=rule, parts=tuple(found))
        case t.Except(main, when):
            found = [evaluate(main, context), evaluate(when, context)]
            return replace(algebra.both([found[0], algebra.negate(found[1])]), rule=rule, parts=tuple(found))
        case t.If():
            return _if(rule, context)
        case t.Named(name):
            inner = evaluate(context.defined_rule(name), context)
            return replace(inner, rule=rule, parts=(inner,))
        case _:
            return _leaf(rule, context).about(rule)


def _if(rule: t.If, context: Context) -> Finding:
    """A met: B. A not met: C, or met. A unknown: B where B and C agree, else unknown."""
    condition = evaluate(rule.condition, context)
    then = evaluate(rule.then, context)
    nothing = Finding(Truth.MET, None, Change.NEVER)
    otherwise = evaluate(rule.otherwise, context) if rule.otherwise is not None else nothing
    parts = (condition, then) if rule.otherwise is None else (condition, then, otherwise)
    if condition.truth is Truth.UNKNOWN:
        if then.truth is otherwise.truth:
            found = algebra.both([then, otherwise])
        else:
            open_ = [each for each in (then, otherwise) if each.truth is Truth.UNKNOWN]
            found = algebra.both([condition, *open_])
        return replace(found, rule=rule, parts=parts, flips=_flips(parts))
    chosen = then if condition.truth is Truth.MET else otherwise
    evidence = algebra.unique((*condition.evidence, *chosen.evidence))
    change = chosen.change
    other = otherwise if condition.truth is Truth.MET else then
    if chosen.truth is not Truth.UNKNOWN and other.truth is not chosen.truth and change is not None:
        # The condition itself may come to be otherwise, and with it the answer.
        change = min((change, condition.change or Change.NEVER), key=lambda c: c.hardness)
    return replace(chosen, rule=rule, parts=parts, evidence=evidence, change=change, flips=_flips(parts))


def _flips(parts: Sequence[Finding]) -> tuple[int, ...]:
    return tuple(sorted({day for part in parts for day in part.flips}))


def _leaf(leaf: t.Leaf, context: Context) -> Finding:
    match leaf:
        case t.Comparison(left, operator, right, window):
            return _comparison(context, left, operator, right, window)
        case t.Between(value, low, high, window):
            return algebra.both([
                _comparison(context, value, t.Operator.GE, low, window),
                _comparison(context, value, t.Operator.LE, high, window),
            ])  # fmt: skip
        case t.IsCode():
            return _is_code(context, leaf)
        case t.IsRecorded():
            return _is_recorded(context, leaf)
        case t.Has():
            return _has(context, leaf)
        case t.Count():
            return _count(context, leaf)
        case t.Ask(question):
            return _ask(context, question)
        case t.Named():  # pragma: no cover - `evaluate` opens a named rule before it comes here
            raise UnknownWord(leaf.name)


# --- records -------------------------------------------------------------------------------------------------------


def _has(context: Context, leaf: t.Has) -> Finding:
    records, kind = leaf.records, leaf.records.kind
    window = opened(context, leaf.window)
    if window.problem is not None:
        return window.problem
    if kind is Kind.LINE and lines_of(context) is None:
        return _no_such_cancer(context)
    history = leaf.mode is t.Mode.HISTORY or _looks_back(leaf)
    found = []
    for candidate in candidates(context, records, history=history):
        own = opened(context, in_days(leaf.window, _half_life(context, candidate.fact)))
        found.append(algebra.both([candidate.finding, in_window(context, candidate, own.frame, own.amount, kind)]))
    until = context.asked if window.frame is None else min(window.frame.closes.hi, context.asked)
    finding = algebra.either([*found, unrecorded(context, records, until)])
    if leaf.mode is t.Mode.NO:
        finding = algebra.negate(finding)
    return replace(finding, flips=tuple(day for day in finding.flips if day > context.known))


def _looks_back(leaf: t.Has) -> bool:
    """A condition asked for in a window is asked whether it was there at any time of it."""
    return leaf.window is not None and not isinstance(leaf.window, t.AnyTime) and leaf.records.kind is Kind.CONDITION


def _half_life(context: Context, fact: Fact) -> float | None:
    """The half-life in hours of the drug a record names, None where it is not known or the record not certain."""
    concepts: tuple[str, ...] = getattr(fact, "concepts", ())
    if len(concepts) != 1 or not isinstance(fact, Treatment | Medication):
        return None
    return context.vocabulary.half_life_hours(concepts[0])


def _no_such_cancer(context: Context) -> Finding:
    missing = Missing(
        "diagnosis",
        context.cancer.names if context.cancer else (),
        "presence",
        "",
        "the cancer this is about",
        "look_up",
    )
    return unknown(Reason.IMPRECISE, missing=(missing,), note="lines are counted for the cancer the document is about")


def _count(context: Context, leaf: t.Count) -> Finding:
    records = leaf.records
    window = opened(context, leaf.window)
    if window.problem is not None:
        return window.problem
    if records.kind is Kind.LINE:
        if lines_of(context) is None:
            return _no_such_cancer(context)
        return _counted_lines(context, leaf)
    if records.kind is Kind.SITE:
        return _counted_sites(context, leaf)
    asked = [
        algebra.both([candidate.finding, in_window(context, candidate, window.frame, window.amount, records.kind)])
        for candidate in candidates(context, records, history=True)
    ]
    low = sum(finding.truth is Truth.MET for finding in asked)
    high = sum(finding.truth is not Truth.NOT_MET for finding in asked)
    silent = unrecorded(
        context, records, context.asked if window.frame is None else min(window.frame.closes.hi, context.asked)
    )
    return _in_range(leaf, low, high, asked, silent)


def _counted_lines(context: Context, leaf: t.Count) -> Finding:
    records = leaf.records
    matches = line_matches(context, records)
    counted = count_lines(context, records, matches)
    found = lines_of(context)
    shown = [
        Finding(
            Truth.MET,
            None,
            Change.NEVER,
            (),
            (disease.evidence_of(line.treatments[0], _line_text(i, line.treatments, line.settings)),),
        )
        for i, line in enumerate(found.base if found is not None else (), 1)
    ]
    silent = unrecorded(context, t.Records(Kind.LINE, records.concepts), context.asked)
    missing = tuple(
        Missing(
            "treatment",
            (item.raw or "unnamed",),
            "start, name or setting",
            "",
            f"start, name or setting of {item.raw or 'the unnamed drug'}",
            "look_up",
        )
        for item in (found.doubt if found is not None else ())
    )
    unset = tuple(
        Missing(
            "treatment",
            (line.treatments[0].raw,),
            "setting",
            "",
            f"setting of {line.treatments[0].raw or 'the unnamed drug'} (perioperative or advanced)",
            "look_up",
        )
        for line in (found.base if found is not None else ())
        if not line.settings and any(item.field == "setting" for item in records.tests)
    )
    return _in_range(leaf, counted.low, counted.high, shown, silent, (*missing, *unset))


def _line_text(number: int, treatments: Sequence[object], settings: Sequence[str]) -> str:
    names = " + ".join(dict.fromkeys(getattr(treatment, "raw", "") or "unnamed" for treatment in treatments))
    return f"line {number}: {names} ({' or '.join(settings) or 'setting not known'})"


def _counted_sites(context: Context, leaf: t.Count) -> Finding:
    """Distinct sites among the matching records; a record without a site may be at any."""
    records = t.Records(Kind.CONDITION, leaf.records.concepts, leaf.records.other_than, leaf.records.tests)
    found = candidates(context, records, history=True)
    certain: set[str] = set()
    possible: set[str] = set()
    unplaced = 0
    for candidate in found:
        if candidate.finding.truth is Truth.NOT_MET:
            continue
        sites: tuple[str, ...] = getattr(candidate.fact, "sites", ())
        if candidate.finding.truth is Truth.MET and len(sites) == 1:
            certain.add(sites[0])
        elif sites:
            possible.update(sites)
        else:
            unplaced += 1
    distinct = [
        site for site in certain if not any(o != site and context.vocabulary.is_below(o, site) for o in certain)
    ]
    silent = unrecorded(context, records, context.asked)
    low = max(len(distinct), 1 if any(c.finding.truth is Truth.MET for c in found) else 0)
    if unplaced:
        # A metastasis whose site nobody wrote may stand for several.
        silent = unknown(Reason.IMPRECISE, missing=silent.missing or _unplaced_missing())
    return _in_range(leaf, low, len(certain | possible), [c.finding for c in found], silent)


def _unplaced_missing() -> tuple[Missing, ...]:
    return (Missing("condition", (disease.METASTASIS,), "site", "", "sites of the metastases", "imaging"),)


def _in_range(
    leaf: t.Count, low: int, high: int, found: Sequence[Finding], silent: Finding, missing: tuple[Missing, ...] = ()
) -> Finding:
    """Whether a count between `low` and `high` (or more, if some may be unrecorded) lies within what is asked."""
    open_above = silent.truth is Truth.UNKNOWN
    value = Interval.between(float(low), None if open_above else float(high))
    asked = [compare(value, t.Operator.GE, Interval.point(leaf.low))]
    if leaf.high is not None:
        asked.append(compare(value, t.Operator.LE, Interval.point(leaf.high)))
    truth = min(asked)
    if leaf.negated:
        truth = Truth(2 - truth)
    evidence = algebra.unique(
        (*(e for f in found if f.truth is not Truth.NOT_MET for e in f.evidence), *silent.evidence)
    )
    flips = _flips(found)
    number = f"{low}" if low == high and not open_above else f"at least {low}" if open_above else f"{low} to {high}"
    note = f"count: {number}"
    if truth is Truth.UNKNOWN:
        reasons = [f.reason for f in found if f.truth is Truth.UNKNOWN]
        reason = silent.reason if open_above else first_reason(reasons) or Reason.IMPRECISE
        wanted = algebra.merged(
            (*missing, *(m for f in found if f.truth is Truth.UNKNOWN for m in f.missing), *silent.missing)
        )
        return unknown(reason or Reason.IMPRECISE, evidence=evidence, missing=wanted, flips=flips, note=note)
    return Finding(truth, None, _count_change(leaf, low, high, truth, found), flips, evidence, (), note)


def _count_change(leaf: t.Count, low: int, high: int, truth: Truth, found: Sequence[Finding]) -> Change:
    """Too few may become enough; what has been counted never leaves, but by leaving its window."""
    kind = leaf.records.kind if leaf.records.kind in CHANGE_OF_ABSENCE else Kind.CONDITION
    growing, shrinking = CHANGE_OF_ABSENCE[kind], CHANGE_OF_PRESENCE[kind]
    if any(finding.change is Change.TIME for finding in found if finding.truth is Truth.MET):
        shrinking = Change.TIME
    within = (truth is Truth.MET) != leaf.negated
    if within:
        ways = [growing] if leaf.high is not None else []
        ways += [shrinking] if leaf.low > 0 else []
        return min(ways, key=lambda c: c.hardness)
    return growing if high < leaf.low else shrinking


def _ask(context: Context, question: str) -> Finding:
    """A recorded answer of the named version, while it is valid; else a question for a reader."""
    answers = [
        answer for answer in context.patient.answers
        if answer.document == context.document and answer.version == context.version
        and answer.criterion == context.criterion and answer.question == question
        and (answer.valid_until is None or answer.valid_until.toordinal() >= context.known)
    ]  # fmt: skip
    missing = Missing("ask", (question,), context.criterion, "", question, "ask")
    if not answers:
        return unknown(Reason.NEEDS_JUDGEMENT, missing=(missing,), note=question)
    last = max(answers, key=lambda answer: (answer.on, answer.id))
    evidence = Evidence(
        last.id, f"{question} {'yes' if last.truth else 'no'} ({last.by})", "", last.on.isoformat(), last.reason
    )
    return Finding(Truth.of(last.truth), None, Change.ACTION, (), (evidence,))


# --- values --------------------------------------------------------------------------------------------------------


def _is_code(context: Context, leaf: t.IsCode) -> Finding:
    test = "sex" if leaf.value.test == "sex" else context.vocabulary.find_test(leaf.value.test)
    asked = {code for word in leaf.codes for code in _codes(context, test, word)}

    def judge(reading: Reading) -> Finding:
        change = Change.NEVER if test == "sex" else Change.ACTION
        if reading.code is None:
            return unknown(Reason.IMPRECISE, evidence=reading.evidence)
        if test is not None and test != "sex" and reading.code not in context.vocabulary.test(test).codes:
            return unknown(Reason.IMPRECISE, evidence=reading.evidence)
        truth = Truth.of((reading.code in asked) != leaf.negated)
        return Finding(truth, None, change, (), reading.evidence)

    return judged(context, leaf.value, leaf.window, judge)


def _codes(context: Context, test: str | None, word: str) -> tuple[str, ...]:
    """The canonical code of a word of a rule. Raises UnknownWord."""
    if test is None:
        raise UnknownWord(f"{word!r} is asked of a test that is not known")
    if test == "sex":
        code = read_code("sex", word)
        if code is None:
            raise UnknownWord(f"{word!r} is no sex: known are male, female, other")
        return (code,)
    for code, synonyms in context.vocabulary.test(test).codes.items():
        if any(t.same_name(word, each) for each in (code, *synonyms)):
            return (code,)
    raise UnknownWord(f"{word!r} is no value of {test}")


def _is_recorded(context: Context, leaf: t.IsRecorded) -> Finding:
    """Met where a value is there in its window, else unknown: no policy makes an absence of data a fact."""
    if isinstance(leaf.value, t.Age):
        if ages_on(context, context.asked) is not None:
            return Finding(Truth.MET, None, Change.NEVER, (), (_birth(context),))
        return unknown(Reason.NOT_RECORDED, missing=(_birth_missing(),))
    return judged(context, leaf.value, leaf.window, lambda r: Finding(Truth.MET, None, Change.ACTION, (), r.evidence))


def _comparison(
    context: Context, left: t.Value, operator: t.Operator, right: t.Value, window: t.Window | None
) -> Finding:
    match left:
        case t.Elapsed():
            assert isinstance(right, t.Span)  # the tree refuses anything else
            return _elapsed(context, left, operator, right)
        case t.Duration(records):
            assert isinstance(right, t.Span)  # the tree refuses anything else
            return _duration(context, records, operator, right)
        case t.Age():
            return _age(context, operator, right)
        case t.Observation():
            return judged(context, left, window, lambda r: _judge(context, r, left, operator, right, window))
        case _:
            return _general(context, left, operator, right, window)


def _judge(
    context: Context,
    reading: Reading,
    left: t.Observation,
    operator: t.Operator,
    right: t.Value,
    window: t.Window | None,
) -> Finding:
    """One value against the right side: a quantity in its unit, its own ULN, or another test."""
    if reading.observation is None or (reading.value.lo == -math.inf and reading.value.hi == math.inf):
        return unknown(Reason.IMPRECISE, evidence=reading.evidence)
    side = _side(context, right, reading, left, window)
    if isinstance(side, Finding):
        return replace(side, evidence=algebra.unique((*reading.evidence, *side.evidence)))
    truth = compare(reading.value, operator, side)
    if truth is Truth.UNKNOWN:
        missing = Missing(
            "observation", (left.test,), "exact value", "", f"{left.test} to a precision that decides", "laboratory"
        )
        return unknown(Reason.IMPRECISE, evidence=reading.evidence, missing=(missing,))
    return Finding(truth, None, Change.ACTION, (), reading.evidence)


def _side(
    context: Context, value: t.Value, reading: Reading, left: t.Observation, window: t.Window | None
) -> Interval | Finding:
    """The right side of a comparison as an interval in the unit of the left, or the unknown that stands in its way."""
    test = context.vocabulary.find_test(left.test)
    assert test is not None and reading.observation is not None  # `judged` has found both
    match value:
        case t.Quantity(number, unit):
            converted = context.vocabulary.convert(number, test=test, unit=unit or None)
            if converted is None:
                raise UnknownWord(f"{unit!r} is no unit of {test}")
            return Interval.point(converted)
        case t.Span(number, unit):
            converted = context.vocabulary.convert(number, test=test, unit=unit.value)
            if converted is None:
                raise UnknownWord(f"{test} is not measured in {unit.value}")
            return Interval.point(converted)
        case t.Limit(factor, upper):
            limit = limit_of(context, reading.observation, upper=upper)
            if limit is None:
                name = "ULN" if upper else "LLN"
                label = context.vocabulary.test(test).name
                missing = Missing("observation", (test,), name, "", f"{name} of the laboratory for {label}", "look_up")
                return unknown(Reason.NOT_RECORDED, evidence=reading.evidence, missing=(missing,))
            return Interval.point(limit).times(factor)
        case t.Multiple(factor, inner):
            side = _side(context, inner, reading, left, window)
            return side if isinstance(side, Finding) else side.times(factor)
        case _:
            found = _value_of(context, value, window)
            return found if isinstance(found, Finding) else found[0]


def _value_of(
    context: Context, value: t.Value, window: t.Window | None
) -> tuple[Interval, tuple[Evidence, ...]] | Finding:
    """A value that is not compared with a limit, as an interval with its evidence, or the unknown in its way."""
    match value:
        case t.Quantity(number):
            return Interval.point(number), ()
        case t.Observation():
            seen: list[Reading] = []

            def collect(reading: Reading) -> Finding:
                seen.append(reading)
                return Finding(Truth.MET, None, Change.ACTION, (), reading.evidence)

            found = judged(context, value, window, collect)
            if found.truth is not Truth.MET:
                return found
            if len({reading.value for reading in seen}) > 1:
                return unknown(Reason.CONFLICTING, evidence=found.evidence)
            return seen[0].value, seen[0].evidence
        case t.Age():
            ages = ages_on(context, context.asked)
            if ages is None:
                return unknown(Reason.NOT_RECORDED, missing=(_birth_missing(),))
            return Interval.between(*ages), (_birth(context),)
        case t.Multiple(factor, inner):
            part = _value_of(context, inner, window)
            return part if isinstance(part, Finding) else (part[0].times(factor), part[1])
        case t.Ratio(over, under):
            return _ratio(context, over, under, window)
        case t.Dose():
            return _dose(context, value, "", window)
        case _:
            raise UnknownWord("a limit of normal, a span or a time stands alone on the right side of a comparison")


def _ratio(
    context: Context, over: t.Value, under: t.Value, window: t.Window | None
) -> tuple[Interval, tuple[Evidence, ...]] | Finding:
    parts = [_value_of(context, value, window) for value in (over, under)]
    problems = [part for part in parts if isinstance(part, Finding)]
    if problems:
        return algebra.both(problems)
    (top, above), (bottom, below) = (part for part in parts if not isinstance(part, Finding))
    quotient = top.over(bottom)
    if quotient is None:
        return unknown(Reason.IMPRECISE, evidence=(*above, *below), note="the divisor may be zero")
    return quotient, algebra.unique((*above, *below))


def _dose(
    context: Context, dose: t.Dose, unit: str, window: t.Window | None
) -> tuple[Interval, tuple[Evidence, ...]] | Finding:
    frame = opened(context, window)
    if frame.problem is not None:
        return frame.problem
    amount = dose_of(context, dose, unit, frame.frame)
    if amount.reason is not None and amount.value.hi == math.inf and amount.value.lo == 0.0:
        return unknown(amount.reason, evidence=amount.evidence, missing=amount.missing)
    return amount.value, amount.evidence


def _general(context: Context, left: t.Value, operator: t.Operator, right: t.Value, window: t.Window | None) -> Finding:
    """Doses, ratios and multiples against a quantity or another value."""
    if isinstance(left, t.Dose):
        unit = right.unit if isinstance(right, t.Quantity) else ""
        frame = opened(context, window)
        if frame.problem is not None:
            return frame.problem
        amount = dose_of(context, left, unit, frame.frame)
        other = _value_of(context, right, window)
        if isinstance(other, Finding):
            return other
        truth = compare(amount.value, operator, other[0])
        if truth is Truth.UNKNOWN:
            return unknown(amount.reason or Reason.IMPRECISE, evidence=amount.evidence, missing=amount.missing)
        return Finding(truth, None, _dose_change(left, operator, truth), (), amount.evidence)
    parts = [_value_of(context, value, window) for value in (left, right)]
    problems = [part for part in parts if isinstance(part, Finding)]
    if problems:
        return algebra.both(problems)
    (mine, evidence), (theirs, more) = (part for part in parts if not isinstance(part, Finding))
    truth = compare(mine, operator, theirs)
    shown = algebra.unique((*evidence, *more))
    if truth is Truth.UNKNOWN:
        return unknown(Reason.IMPRECISE, evidence=shown)
    return Finding(truth, None, Change.ACTION, (), shown)


def _dose_change(dose: t.Dose, operator: t.Operator, truth: Truth) -> Change:
    """A daily dose is changed by prescription; what has been given over a life only grows."""
    if dose.measure is t.Measure.DAILY:
        return Change.ACTION
    grows_true = operator in (t.Operator.GE, t.Operator.GT, t.Operator.NE)
    return Change.COURSE if (truth is Truth.NOT_MET) == grows_true else Change.NEVER


# --- age and time --------------------------------------------------------------------------------------------------


def _birth(context: Context) -> Evidence:
    dates = " or ".join(str(birth) for birth in context.patient.births)
    ages = ages_on(context, context.asked)
    years = "" if ages is None else f"{ages[0]}" if ages[0] == ages[1] else f"{ages[0]} to {ages[1]}"
    return Evidence("patient", f"age {years}", "years", dates, str(context.patient.source))


def _birth_missing() -> Missing:
    return Missing("patient", (), "birth_date", "", "date of birth", "look_up")


def _age(context: Context, operator: t.Operator, right: t.Value) -> Finding:
    """Birthdays are counted; a partial birth date decides only where every date in it agrees."""
    ages = ages_on(context, context.asked)
    if ages is None:
        return unknown(Reason.NOT_RECORDED, missing=(_birth_missing(),))
    if isinstance(right, t.Span):
        per = {t.TimeUnit.YEAR: 1.0, t.TimeUnit.MONTH: 1 / 12}.get(right.unit)
        if per is None:
            raise UnknownWord("an age is compared with years or months")
        limit = right.number * per
    elif isinstance(right, t.Quantity):
        limit = right.number
    else:
        raise UnknownWord("an age is compared with a number of years")
    truth = compare(Interval.between(*ages), operator, Interval.point(limit))
    flips = tuple(
        sorted(
            {
                day
                for birth in context.patient.births
                for part in (birth.first, birth.last)
                for day in _birthdays(part, limit)
            }
        )
    )
    later = tuple(day for day in flips if day > context.known)
    evidence = (_birth(context),)
    if truth is Truth.UNKNOWN:
        reason = Reason.CONFLICTING if len(context.patient.births) > 1 else Reason.IMPRECISE
        return unknown(reason, evidence=evidence, missing=(_birth_missing(),), flips=later)
    rising = operator in (t.Operator.GE, t.Operator.GT)
    by_time = bool(later) and (operator in (t.Operator.EQ, t.Operator.NE) or rising == (truth is Truth.NOT_MET))
    return Finding(truth, None, Change.TIME if by_time else Change.NEVER, later, evidence)


def _birthdays(birth: date, limit: float) -> tuple[int, ...]:
    """Days on which the age passes a limit: the birthday on which it is reached, and the next."""
    days = []
    for years in (math.ceil(limit), math.floor(limit) + 1):
        day = add_months(birth, 12 * years)
        # 29 February counts on 1 March.
        days.append(day.toordinal() + (1 if (birth.month, birth.day) == (2, 29) and day.day == 28 else 0))
    return tuple(days)


def _elapsed(context: Context, elapsed: t.Elapsed, operator: t.Operator, span: t.Span) -> Finding:
    start, end = moment(context, elapsed.start), moment(context, elapsed.end)
    for at in (start, end):
        if at.exists is Truth.NOT_MET:
            return absent(at)
    if Truth.UNKNOWN in (start.exists, end.exists):
        problem = start if start.exists is Truth.UNKNOWN else end
        return absent(replace(problem, evidence=algebra.unique((*start.evidence, *end.evidence))))
    due = Days(shift(start.days.lo, span), shift(start.days.hi, span))
    truth = _against(end.days, operator, due)
    evidence = algebra.unique((*start.evidence, *end.evidence))
    moving = not end.fixed
    near = {due.lo, due.hi, due.lo + 1, due.hi + 1} if moving else set()
    flips = tuple(sorted(day for day in near if context.known < day < FUTURE))
    if truth is Truth.UNKNOWN:
        missing = algebra.merged((*start.missing, *end.missing)) or (
            Missing(
                "date",
                tuple(e.value for e in evidence),
                "date",
                "",
                "exact dates of " + " and ".join(e.value for e in evidence),
                "look_up",
            ),
        )
        return unknown(start.reason or end.reason or Reason.IMPRECISE, evidence=evidence, missing=missing, flips=flips)
    rising = operator in (t.Operator.GE, t.Operator.GT)
    if moving and flips and (operator in (t.Operator.EQ, t.Operator.NE) or rising == (truth is Truth.NOT_MET)):
        change = Change.TIME
    else:
        # Another such event may still come, and would be counted from.
        change = Change.COURSE if _renewable(elapsed.start) or _renewable(elapsed.end) else Change.NEVER
    return Finding(truth, None, change, flips, evidence)


def _renewable(anchor: t.Anchor) -> bool:
    return isinstance(anchor, t.Event) and anchor.which is not t.Which.FIRST


def _against(day: Days, operator: t.Operator, due: Days) -> Truth:
    """`day operator due`: reached on day N is met."""
    reached = not_before(day, due)
    passed = not_before(day, Days(due.lo + 1, due.hi + 1))
    match operator:
        case t.Operator.GE:
            return reached
        case t.Operator.GT:
            return passed
        case t.Operator.LE:
            return Truth(2 - passed)
        case t.Operator.LT:
            return Truth(2 - reached)
        case t.Operator.EQ:
            return min(reached, Truth(2 - passed))
        case t.Operator.NE:
            return max(Truth(2 - reached), passed)


def _duration(context: Context, records: t.Records, operator: t.Operator, span: t.Span) -> Finding:
    """From first to last day of the longest matching record."""
    found, more = longest(context, records)
    if not found and not more:
        return unknown(
            Reason.NEEDS_JUDGEMENT, note="there is no such record; the protocol does not say what then holds"
        )
    silent = unrecorded(context, records, context.asked)
    if not found:
        return silent if silent.truth is Truth.UNKNOWN else unknown(Reason.NOT_RECORDED)
    if operator in (t.Operator.LE, t.Operator.LT):
        inverse = t.Operator.GT if operator is t.Operator.LE else t.Operator.GE
        return algebra.negate(_duration(context, records, inverse, span))
    parts = [_lasted(context, candidate, operator, span) for candidate in found]
    if more:
        parts.append(silent)
    return algebra.either(parts)


def _lasted(context: Context, candidate: Candidate, operator: t.Operator, span: t.Span) -> Finding:
    course: Course = candidate.course
    due = Days(shift(course.start.lo, span), shift(course.start.hi, span))
    truth = Truth.UNKNOWN if course.start.lo <= PAST else _against(course.end, operator, due)
    if truth is Truth.UNKNOWN:
        name = candidate.evidence.value
        missing = Missing("treatment", (name,), "dates", "", f"first and last day of {name}", "look_up")
        found = unknown(Reason.IMPRECISE, evidence=(candidate.evidence,), missing=(missing,))
    else:
        found = Finding(truth, None, Change.NEVER if truth is Truth.MET else Change.COURSE, (), (candidate.evidence,))
    return algebra.both([candidate.finding, found])
