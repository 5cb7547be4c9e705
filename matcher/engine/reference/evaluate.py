"""The reference evaluator: one rule, one patient, one date, in plain Python beside SEMANTICS.

Each construct of the language has one function here; none is optimised. It returns the whole explanation: a finding
for every node, with the facts that decided and the facts that are missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date

from matcher.engine.reference import algebra
from matcher.engine.reference.anchors import in_days, opened
from matcher.engine.reference.context import Context, Settings, UnknownWord, words_of
from matcher.engine.reference.records import disease
from matcher.engine.reference.records.counts import counted, no_such_cancer
from matcher.engine.reference.records.courses import in_window
from matcher.engine.reference.records.lines import lines_of
from matcher.engine.reference.records.patterns import candidates, half_life, unrecorded
from matcher.engine.reference.values.values import between, comparison, is_code, is_recorded
from matcher.engine.reference.view import view_at
from matcher.engine.results import Evidence, Finding, Missing, unknown
from matcher.engine.truth import Change, Reason, Truth
from patients.facts import Patient
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
    """One context for each of the patient's cancers that the document may be about; if there is none, one without."""
    tumours = disease.primaries(context)
    found = [replace(context, focus=tumour, cache={"primaries": tumours}) for tumour, _ in disease.candidates(context)]
    return found or [context]


def evaluate(rule: t.Rule, context: Context) -> Finding:
    """The finding of a rule in a context, with one for each of its parts."""
    match rule:
        case t.Named(name):
            inner = evaluate(context.defined_rule(name), context)
            return inner.of(rule, (inner,))
        case t.And() | t.Or() | t.Not() | t.Quota() | t.Except() | t.If():
            return connected(rule, lambda part: evaluate(part, context))
        case _:
            return _leaf(rule, context).about(rule)


def connected(rule: t.Connective, answer: Callable[[t.Rule], Finding]) -> Finding:
    """The finding of a connective; `answer` gives those of its parts."""
    match rule:
        case t.And(parts):
            found = [answer(part) for part in parts]
            return algebra.both(found).of(rule, tuple(found))
        case t.Or(parts):
            found = [answer(part) for part in parts]
            return algebra.either(found).of(rule, tuple(found))
        case t.Not(part):
            inner = answer(part)
            return algebra.negate(inner).of(rule, (inner,))
        case t.Quota(bound, number, parts):
            found = [answer(part) for part in parts]
            return algebra.quota(bound, number, found).of(rule, tuple(found))
        case t.Except(main, when):
            found = [answer(main), answer(when)]
            return algebra.both([found[0], algebra.negate(found[1])]).of(rule, tuple(found))
        case _:
            return _if(rule, answer)


def _if(rule: t.If, answer: Callable[[t.Rule], Finding]) -> Finding:
    """A met: B. A not met: C, or met. A unknown: B where B and C agree, else unknown."""
    condition = answer(rule.condition)
    then = answer(rule.then)
    nothing = Finding(Truth.MET, None, Change.NEVER)
    otherwise = answer(rule.otherwise) if rule.otherwise is not None else nothing
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
            return comparison(context, left, operator, right, window)
        case t.Between():
            return between(context, leaf)
        case t.IsCode():
            return is_code(context, leaf)
        case t.IsRecorded():
            return is_recorded(context, leaf)
        case t.Has():
            return _has(context, leaf)
        case t.Count():
            return counted(context, leaf)
        case t.Ask(question):
            return _ask(context, question)
        case t.Named():  # pragma: no cover - `evaluate` opens a named rule before it comes here
            raise UnknownWord(leaf.name)


def _has(context: Context, leaf: t.Has) -> Finding:
    """`has | no | history of KIND(…) WINDOW`: some record matches, or one that nobody recorded may."""
    records, kind = leaf.records, leaf.records.kind
    if kind is Kind.LINE and lines_of(context) is None:
        return no_such_cancer(context)
    window = opened(context, leaf.window)
    history = leaf.mode is t.Mode.HISTORY or _looks_back(leaf)
    matching = candidates(context, records, history=history)
    if window.problem is not None:
        # Where nothing matches at any time, nothing does in a window that nobody can place.
        ever = algebra.either([*(c.finding for c in matching), unrecorded(context, records, context.asked)])
        finding = ever if ever.truth is Truth.NOT_MET else window.problem
    else:
        found = []
        for candidate in matching:
            its_window = in_days(leaf.window, half_life(context, candidate.fact))
            own = window if its_window is leaf.window else opened(context, its_window)
            found.append(algebra.both([candidate.finding, in_window(context, candidate, own, kind)]))
        until = context.asked if window.frame is None else min(window.frame.closes.hi, context.asked)
        finding = algebra.either([*found, unrecorded(context, records, until)])
    if leaf.mode is t.Mode.NO:
        finding = algebra.negate(finding)
    if not window.flips:
        return finding
    return replace(finding, flips=tuple(sorted({*finding.flips, *window.flips})))


def _looks_back(leaf: t.Has) -> bool:
    """A condition asked for in a window is asked whether it was there at any time of it."""
    looked_at = leaf.records.kind in (Kind.CONDITION, Kind.TOXICITY)
    return leaf.window is not None and not isinstance(leaf.window, t.AnyTime) and looked_at


def _ask(context: Context, question: str) -> Finding:
    """A recorded answer of the named version, while it is valid; else a question for a reader."""
    answers = [
        answer for answer in context.patient.answers
        if answer.document == context.document and answer.version == context.version
        and answer.criterion == context.criterion and answer.question == question
        and (answer.valid_until is None or answer.valid_until.toordinal() >= context.known)
    ]  # fmt: skip
    missing = Missing("ask", (question,), "", "", question, "ask")
    if not answers:
        return unknown(Reason.NEEDS_JUDGEMENT, missing=(missing,), note=question)
    last = max(answers, key=lambda answer: (answer.on, answer.id))
    words = f"{question} {'yes' if last.truth else 'no'} ({last.by})"
    evidence = Evidence(last.id, words, "", last.on.isoformat(), last.reason)
    ends = (last.valid_until.toordinal() + 1,) if last.valid_until is not None else ()
    return Finding(Truth.of(last.truth), None, Change.ACTION, ends, (evidence,))
