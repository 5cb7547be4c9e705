"""The options of a shelf for many patients: what each statement says, and where each option stands (SEMANTICS §6).

As `reference.documents.options` ranks them for one patient. A statement holds where it does for one of the patient's
cancers that the option is about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from matcher.engine.bulk.columns import Codes, Longs
from matcher.engine.bulk.findings import (
    MET_COURSE,
    NOT_MET_COURSE,
    NOT_RECORDED,
    either_codes,
    either_of,
    truths,
)
from matcher.engine.bulk.rules import evaluate
from matcher.engine.bulk.trials import NEEDS_INFORMATION, POTENTIALLY_ELIGIBLE, Answers, Shelf
from matcher.engine.reference.documents.options import Block
from matcher.engine.truth import Truth
from trials.criteria.documents import OptionDocument, Statement, StatementKind, Step, Strength

#: Blocks, top first, and strengths, strongest first: arrays hold their numbers.
BLOCKS, STRENGTHS = tuple(Block), tuple(Strength)
MUST_NOT_USE, APPLIES, COULD_APPLY, DOES_NOT_APPLY = range(4)

#: The strength of an option of which no stance is met, and the rank of one that does not apply.
NO_STRENGTH, NO_RANK = -1, 0


@dataclass(frozen=True, slots=True)
class Option:
    """One option for n patients.

    `statements` are the codes of each statement (uint8 of shape (n,)), None for one without a truth. `block` (uint8)
    and `strength` (int8: of the strongest met stance) number `BLOCKS` and `STRENGTHS`; `level` (int16) is where the
    option stands within its block, least first; `rank` (int16) counts the distinct levels of those that apply from 1.
    """

    document: OptionDocument
    version: int
    statements: tuple[Codes | None, ...]
    block: NDArray[np.uint8]
    strength: NDArray[np.int8]
    level: NDArray[np.int16]
    rank: NDArray[np.int16]


def options(
    shelf: Shelf, documents: Sequence[tuple[OptionDocument, int]], *, trials: Sequence[Answers] = ()
) -> tuple[Option, ...]:
    """The options, with their versions, in the order given; `trials` are what *clinical trial first* reads."""
    found = [_option(shelf, document, version, trials) for document, version in documents]
    if not found:
        return ()
    level = np.stack([each.level for each in found])
    applies = np.stack([each.block == APPLIES for each in found])
    held = np.zeros((int(level.max(initial=0)) + 1, shelf.view.patients), np.bool_)
    which, patient = np.nonzero(applies)
    held[level[which, patient], patient] = True
    rank = np.where(applies, np.take_along_axis(np.cumsum(held, axis=0), level.astype(np.int64), axis=0), NO_RANK)
    return tuple(replace(each, rank=rank[number].astype(np.int16)) for number, each in enumerate(found))


def order(found: Sequence[Option]) -> Longs:
    """The numbers of options for each patient in the order of a page, of shape (options, patients)."""
    block, level = np.stack([each.block for each in found]), np.stack([each.level for each in found])
    # Options that stand at one place keep the order of the shelf.
    return np.argsort(block.astype(np.int64) << 16 | level, axis=0, kind="stable")


def _option(shelf: Shelf, document: OptionDocument, version: int, trials: Sequence[Answers]) -> Option:
    n = shelf.view.patients
    codes = tuple(_statement(shelf, document, version, each, trials) for each in document.statements)
    stances, forbidden = np.full((len(STRENGTHS), n), Truth.NOT_MET, np.uint8), np.zeros(n, np.bool_)
    moved = np.zeros(n, np.int16)
    for statement, code in zip(document.statements, codes, strict=True):
        if statement.kind is StatementKind.MUST_NOT_USE:
            forbidden |= True if code is None else truths(code) != Truth.NOT_MET
        elif code is None:
            continue
        elif statement.kind is StatementKind.STANCE:
            assert statement.strength is not None  # the document refuses any other
            place = STRENGTHS.index(statement.strength)
            stances[place] = np.maximum(stances[place], truths(code))
        elif statement.kind is StatementKind.MODIFIER:
            moved[truths(code) == Truth.MET] += -1 if statement.step is Step.UP else 1
    met, open_ = (stances == Truth.MET).any(axis=0), (stances == Truth.UNKNOWN).any(axis=0)
    block = np.select([forbidden, met, open_], [MUST_NOT_USE, APPLIES, COULD_APPLY], DOES_NOT_APPLY)
    strongest = np.argmax(stances == Truth.MET, axis=0)
    level = np.where(met, strongest + moved, len(STRENGTHS))
    level = np.where(block == COULD_APPLY, np.argmax(stances == Truth.UNKNOWN, axis=0), level)
    return Option(
        document=document,
        version=version,
        statements=codes,
        block=block.astype(np.uint8),
        strength=np.where(met, strongest, NO_STRENGTH).astype(np.int8),
        level=np.maximum(0, level).astype(np.int16),
        rank=np.full(n, NO_RANK, np.int16),
    )


def _statement(
    shelf: Shelf, document: OptionDocument, version: int, statement: Statement, trials: Sequence[Answers]
) -> Codes | None:
    if statement.reads == "shelf":
        return _by_shelf(shelf, trials)
    if statement.rule is None:
        return None
    main, more = (
        None if batch is None else batch.on(statement.id, document=document.id, version=version)
        for batch in shelf.batches(document)
    )
    assert main is not None  # every patient is asked about, with or without a cancer
    code = evaluate(main, statement.rule).code
    if more is None:
        return code
    return either_codes(code, either_of(main.n, more.patient, evaluate(more, statement.rule).code))


def _by_shelf(shelf: Shelf, trials: Sequence[Answers]) -> Codes:
    """*Clinical trial first*: by the best of the offered trials."""
    best = np.zeros(shelf.view.patients, np.uint8)
    for trial in trials:
        if trial.offered:
            best = np.maximum(best, trial.ranks)
    open_ = np.where(best == NEEDS_INFORMATION, NOT_RECORDED, NOT_MET_COURSE)
    return np.where(best == POTENTIALLY_ELIGIBLE, MET_COURSE, open_).astype(np.uint8)
