"""One patient against the whole shelf: what must not be used on top, options by rank, trials by status.

An option stands where the engine ranked it; the page adds which of its statements decided and where sources disagree.
Closed trials are there too, marked, so that a patient can be compared with them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matcher.engine import Block, OptionResult, StatementResult, Status, TrialResult, Truth
from matcher.pages.findings import EvidenceShown, LeafShown, evidence_shown, leaf_tree, notes_of
from matcher.pages.names import NO_NAMES, Names
from matcher.pages.pair import MissingShown, headline, missing_shown
from matcher.pages.words import REASONS, Mark, not_offered, status_mark, truth_mark
from patients.vocabulary import Vocabulary
from patients.wording import day_text
from trials.criteria.documents import Citation, StatementKind, Step, TrialDocument
from trials.criteria.english import english
from trials.criteria.printing import print_rule
from trials.pages import figures_read


@dataclass(frozen=True, slots=True)
class DisagreementShown:
    """What another source says instead."""

    with_: str
    text: str
    figures: tuple[tuple[str, str], ...]
    source: str
    jurisdiction: str


@dataclass(frozen=True, slots=True)
class StatementShown:
    """One statement with its truth for this patient, its citation and its figures."""

    id: str
    kind: str
    weight: str
    text: str
    mark: Mark
    truth: str
    reason: str
    notes: tuple[str, ...]
    action: str
    jurisdiction: str
    english: str
    rule: str
    citation: str
    url: str
    sentences: tuple[str, ...]
    derived: bool
    figures: tuple[tuple[str, str], ...]
    disagrees: tuple[DisagreementShown, ...]
    evidence: tuple[EvidenceShown, ...]
    missing: tuple[str, ...]
    tree: LeafShown | None

    @property
    def speaks(self) -> bool:
        """Whether it says something about this patient: it holds, may hold, or has no rule."""
        return self.truth in ("met", "unknown", "")


@dataclass(frozen=True, slots=True)
class OptionShown:
    """One option in its block."""

    id: str
    name: str
    version: int
    key: int
    block: str
    rank: int | None
    strength: str
    moved: str
    certain: bool
    stances: tuple[StatementShown, ...]
    forbidden: tuple[StatementShown, ...]
    modifiers: tuple[StatementShown, ...]
    remarks: tuple[StatementShown, ...]
    missing: tuple[MissingShown, ...]

    @property
    def disagreements(self) -> int:
        """How many sources say otherwise."""
        return sum(len(each.disagrees) for each in (*self.stances, *self.forbidden, *self.modifiers, *self.remarks))

    @property
    def told(self) -> tuple[StatementShown, ...]:
        """Cautions, doses and the like that hold or may hold for this patient."""
        return tuple(each for each in self.remarks if each.speaks)

    @property
    def silent(self) -> tuple[StatementShown, ...]:
        """Those that do not concern this patient."""
        return tuple(each for each in self.remarks if not each.speaks)


@dataclass(frozen=True, slots=True)
class TrialShown:
    """One trial in the list of the shelf."""

    id: str
    nct: str
    title: str
    version: int
    key: int
    mark: Mark
    offered: bool
    not_offered: str
    headline: str
    needs: str
    clears_on: str
    met: int
    not_met: int
    unknown: int
    cohort: str


@dataclass(frozen=True, slots=True)
class ShelfPage:
    """The shelf for one patient."""

    must_not_use: tuple[OptionShown, ...]
    applies: tuple[OptionShown, ...]
    could_apply: tuple[OptionShown, ...]
    does_not_apply: tuple[OptionShown, ...]
    open_trials: tuple[TrialShown, ...]
    closed_trials: tuple[TrialShown, ...]


def shelf_page(
    trials: Sequence[tuple[TrialDocument, TrialResult, int, bool]],
    options: Sequence[tuple[OptionResult, int]],
    *,
    vocabulary: Vocabulary,
    names: Names = NO_NAMES,
) -> ShelfPage:
    """The page of the results; each comes with the key of its document, a trial also with whether it is open here."""
    shown = [_option(result, key, vocabulary, names) for result, key in options]
    listed = sorted(
        (_trial(document, result, key, open_here) for document, result, key, open_here in trials),
        key=lambda each: (_ORDER.index(each.mark.word), each.id),
    )
    blocks = {block: tuple(each for each in shown if each.block == block.value) for block in Block}
    return ShelfPage(
        must_not_use=blocks[Block.MUST_NOT_USE],
        applies=blocks[Block.APPLIES],
        could_apply=blocks[Block.COULD_APPLY],
        does_not_apply=blocks[Block.DOES_NOT_APPLY],
        open_trials=tuple(each for each in listed if each.offered),
        closed_trials=tuple(each for each in listed if not each.offered),
    )


_ORDER = ["potentially eligible", "needs information", "not now", "not eligible", "deceased"]


def _trial(document: TrialDocument, result: TrialResult, key: int, open_here: bool) -> TrialShown:
    counted = [each.truth for each in result.criteria if each.counted]
    best = result.best
    return TrialShown(
        id=document.id,
        nct=document.nct,
        title=document.title,
        version=result.version,
        key=key,
        mark=status_mark(result.status, deceased=result.deceased),
        offered=result.offered,
        not_offered="" if result.offered else not_offered(document, open_here=open_here) or "closed",
        headline=headline(result),
        needs=best.needs or "" if result.status is Status.NEEDS_INFORMATION else "",
        clears_on=day_text(best.clears_on) if best.clears_on is not None else "",
        met=counted.count(Truth.MET),
        not_met=counted.count(Truth.NOT_MET),
        unknown=counted.count(Truth.UNKNOWN),
        cohort=best.id,
    )


def _option(result: OptionResult, key: int, vocabulary: Vocabulary, names: Names) -> OptionShown:
    cited = {citation.id: citation for citation in result.document.citations}
    statements = [(each.statement.kind, _statement(each, cited, vocabulary, names)) for each in result.statements]

    def of(*kinds: StatementKind) -> tuple[StatementShown, ...]:
        return tuple(shown for kind, shown in statements if kind in kinds)

    steps = [
        each for each in result.statements
        if each.statement.kind is StatementKind.MODIFIER and each.truth is Truth.MET
    ]  # fmt: skip
    return OptionShown(
        id=result.document.id,
        name=result.document.name,
        version=result.version,
        key=key,
        block=result.block.value,
        rank=result.rank,
        strength=result.strength.value if result.strength is not None else "",
        moved=", ".join(
            f"moved {'up' if each.statement.step is Step.UP else 'down'} by {each.statement.id}" for each in steps
        ),
        certain=any(
            each.applies for each in result.statements if each.statement.kind is StatementKind.MUST_NOT_USE
        ),
        stances=_by_truth(of(StatementKind.STANCE)),
        forbidden=of(StatementKind.MUST_NOT_USE),
        modifiers=of(StatementKind.MODIFIER),
        remarks=_by_truth(
            tuple(
                shown for kind, shown in statements
                if kind not in (StatementKind.STANCE, StatementKind.MUST_NOT_USE, StatementKind.MODIFIER)
            )
        ),
        missing=tuple(missing_shown(entry) for entry in result.missing),
    )  # fmt: skip


#: What holds of these is no good news: a green sign would say the contrary.
_WARNING = {
    StatementKind.MUST_NOT_USE: Mark("not", "!", "applies"),
    StatementKind.CAUTION: Mark("unknown", "!", "applies"),
}


def _mark(result: StatementResult) -> Mark:
    kind, finding = result.statement.kind, result.finding
    if finding is None:
        return _WARNING[kind] if kind is StatementKind.MUST_NOT_USE else Mark("quiet", "·", "always")
    if kind is StatementKind.STANCE or finding.truth is Truth.UNKNOWN:
        return truth_mark(finding.truth, finding.reason)
    if finding.truth is Truth.MET:
        return _WARNING.get(kind, Mark("later", "✓", "met"))
    return Mark("quiet", "✕", "not met")


def _by_truth(statements: tuple[StatementShown, ...]) -> tuple[StatementShown, ...]:
    """What holds before what may hold before what does not."""
    order = ["met", "", "unknown", "not_met"]
    return tuple(sorted(statements, key=lambda each: order.index(each.truth)))


def _statement(
    result: StatementResult, cited: Mapping[str, Citation], vocabulary: Vocabulary, names: Names
) -> StatementShown:
    statement, finding, citation = result.statement, result.finding, result.statement.citation
    source = cited.get(citation.source) if citation is not None else None
    unknown = result.truth is Truth.UNKNOWN
    weight = statement.strength.value if statement.strength is not None else ""
    if statement.step is not None:
        weight = f"one step {statement.step.value}"
    return StatementShown(
        id=statement.id,
        kind=statement.kind.value.replace("_", " "),
        weight=weight,
        text=statement.text,
        mark=_mark(result),
        truth=result.truth.word if result.truth is not None else "",
        reason=REASONS[finding.reason] if finding is not None and finding.reason is not None else "",
        notes=notes_of(finding) if unknown and finding is not None else (),
        action=statement.action,
        jurisdiction=statement.jurisdiction,
        english=english(statement.rule, vocabulary) if statement.rule is not None else "",
        rule=print_rule(statement.rule) if statement.rule is not None else "",
        citation=source.text if source is not None else citation.source if citation is not None else "",
        url=source.url if source is not None else "",
        sentences=citation.sentences if citation is not None else (),
        derived=citation is not None and citation.derived,
        figures=figures_read(citation.figures) if citation is not None else (),
        disagrees=tuple(
            DisagreementShown(each.with_, each.text, figures_read(each.figures), each.source, each.jurisdiction)
            for each in statement.disagrees
        ),
        evidence=evidence_shown(finding.evidence, vocabulary, names) if finding is not None else (),
        missing=tuple(dict.fromkeys(fact.text for fact in finding.missing)) if unknown and finding is not None else (),
        tree=leaf_tree(finding, vocabulary, names) if finding is not None and finding.rule is not None else None,
    )
