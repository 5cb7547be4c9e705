"""The options of a shelf for one patient, ranked by their statements (SEMANTICS §6).

A rank is the strongest *met* stance, moved by met modifiers; options that only could apply stand behind, those that do
not apply last. What must not be used stands on top, whether it is certain or only may be so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from matcher.engine.reference.algebra import either
from matcher.engine.reference.context import Context, Settings
from matcher.engine.reference.documents import missing
from matcher.engine.reference.documents.assess import Status, TrialResult
from matcher.engine.reference.evaluate import evaluate, focuses, make_context
from matcher.engine.results import Evidence, Finding, unknown
from matcher.engine.truth import Change, Reason, Truth
from patients.facts import Patient
from patients.vocabulary import Vocabulary
from trials.criteria.documents import OptionDocument, Statement, StatementKind, Step, Strength


class Block(StrEnum):
    """Where an option stands, top first."""

    MUST_NOT_USE = "must_not_use"
    APPLIES = "applies"
    COULD_APPLY = "could_apply"
    DOES_NOT_APPLY = "does_not_apply"


@dataclass(frozen=True, slots=True)
class StatementResult:
    """One statement for one patient; `finding` is None where it has no rule."""

    statement: Statement
    finding: Finding | None

    @property
    def truth(self) -> Truth | None:
        """Met, not met, unknown, or None without a rule."""
        return None if self.finding is None else self.finding.truth

    @property
    def applies(self) -> bool:
        """Whether it holds: a statement without a rule always does."""
        return self.truth is None or self.truth is Truth.MET


@dataclass(frozen=True, slots=True)
class OptionResult:
    """One option: its block, its rank among those that apply, and every statement."""

    document: OptionDocument
    version: int
    block: Block
    strength: Strength | None
    level: int
    rank: int | None
    statements: tuple[StatementResult, ...]
    missing: tuple[missing.Entry, ...]


_STRENGTHS = list(Strength)


def rank_options(
    shelf: Sequence[tuple[OptionDocument, int]],
    patient: Patient,
    *,
    as_of: date,
    trials: Sequence[TrialResult] = (),
    vocabulary: Vocabulary | None = None,
    settings: Settings | None = None,
) -> tuple[OptionResult, ...]:
    """The options in the order in which a page shows them. `shelf` are documents with their versions, `trials` the
    answers of the trials on the shelf, which *clinical trial first* reads.
    """
    found = [_option(document, version, patient, as_of, trials, vocabulary, settings) for document, version in shelf]
    blocks = list(Block)
    ordered = sorted(found, key=lambda result: (blocks.index(result.block), result.level))
    levels = sorted({result.level for result in ordered if result.block is Block.APPLIES})
    return tuple(
        replace(result, rank=levels.index(result.level) + 1) if result.block is Block.APPLIES else result
        for result in ordered
    )


def _option(
    document: OptionDocument, version: int, patient: Patient, as_of: date, trials: Sequence[TrialResult],
    vocabulary: Vocabulary | None, settings: Settings | None,
) -> OptionResult:  # fmt: skip
    context = make_context(
        patient, as_of=as_of, vocabulary=vocabulary, definitions=tuple(document.definitions), windows=document.windows,
        cancer=document.cancer, document=document.id, version=version, settings=settings,
    )  # fmt: skip
    contexts = focuses(context)
    results = tuple(StatementResult(s, _statement(s, contexts, trials)) for s in document.statements)
    stances = [result for result in results if result.statement.kind is StatementKind.STANCE]
    forbidden = [result for result in results if result.statement.kind is StatementKind.MUST_NOT_USE]
    met = [result for result in stances if result.truth is Truth.MET]
    block = _block(stances, forbidden)
    strongest = min((_level(result) for result in met), default=None)
    level = len(_STRENGTHS) if strongest is None else strongest + _moved(results)
    if block is Block.COULD_APPLY:
        level = min(_level(result) for result in stances if result.truth is Truth.UNKNOWN)
    level = max(0, level)
    return OptionResult(
        document=document,
        version=version,
        block=block,
        strength=_STRENGTHS[strongest] if strongest is not None else None,
        level=level,
        rank=None,
        statements=results,
        missing=_wanted([*stances, *forbidden, *(r for r in results if r.statement.kind is StatementKind.MODIFIER)]),
    )


def _block(stances: Sequence[StatementResult], forbidden: Sequence[StatementResult]) -> Block:
    if any(result.applies or result.truth is Truth.UNKNOWN for result in forbidden):
        return Block.MUST_NOT_USE
    truths = {result.truth for result in stances}
    if Truth.MET in truths:
        return Block.APPLIES
    return Block.COULD_APPLY if Truth.UNKNOWN in truths else Block.DOES_NOT_APPLY


def _level(result: StatementResult) -> int:
    strength = result.statement.strength
    assert strength is not None  # a stance has one: the document refuses any other
    return _STRENGTHS.index(strength)


def _moved(results: Sequence[StatementResult]) -> int:
    """Steps by which met modifiers move a rank: up is nearer the top."""
    steps = [r.statement.step for r in results if r.statement.kind is StatementKind.MODIFIER and r.truth is Truth.MET]
    return sum(-1 if step is Step.UP else 1 for step in steps)


def _wanted(results: Sequence[StatementResult]) -> tuple[missing.Entry, ...]:
    return missing.entries(
        [(r.statement.id, r.finding) for r in results if r.finding is not None and r.truth is Truth.UNKNOWN]
    )


def _statement(statement: Statement, contexts: Sequence[Context], trials: Sequence[TrialResult]) -> Finding | None:
    """A statement holds where it does for one of the patient's cancers that the option is about."""
    if statement.reads == "shelf":
        return _shelf(trials)
    if statement.rule is None:
        return None
    found = [evaluate(statement.rule, context.on(statement.id)) for context in contexts]
    return found[0] if len(found) == 1 else replace(either(found), rule=statement.rule)


def _shelf(trials: Sequence[TrialResult]) -> Finding:
    """*Clinical trial first*: by the best of the offered trials."""
    offered = [trial for trial in trials if trial.offered]
    best = max(offered, key=lambda trial: trial.status.rank, default=None)
    if best is None:
        return Finding(Truth.NOT_MET, None, Change.COURSE, note="no trial on the shelf is open here")
    evidence = tuple(
        Evidence(f"trial:{trial.document}", f"{trial.document}: {trial.status.value.replace('_', ' ')}")
        for trial in offered
        if trial.status is best.status
    )
    if best.status is Status.POTENTIALLY_ELIGIBLE:
        return Finding(Truth.MET, None, Change.COURSE, (), evidence)
    if best.status is Status.NEEDS_INFORMATION:
        return unknown(Reason.NOT_RECORDED, evidence=evidence, note="an open trial needs information")
    return Finding(Truth.NOT_MET, None, Change.COURSE, (), evidence)
