"""Answers as a person reads them in a terminal: marks, words, the facts that decided, wrapped to the width there is.

The same results stand in JSON for programs; nothing is decided here, only said, and in the words of the pages.
"""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import zip_longest

from matcher.answers import Explanation
from matcher.engine import (
    Block,
    CohortResult,
    CriterionResult,
    OptionResult,
    StatementResult,
    Status,
    TrialResult,
    Truth,
)
from matcher.pages import CriterionShown, EvidenceShown, evidence_shown, names_in, pair_page
from matcher.pages import not_offered as why_not_offered
from matcher.pages.names import Names
from patients.vocabulary import default
from patients.wording import plural, with_days
from trials.criteria.documents import CriterionKind, StatementKind, TrialDocument

NARROWEST, WIDEST = 100, 170
_MARKS = {Truth.MET: "✓", Truth.NOT_MET: "✗", Truth.UNKNOWN: "?"}
_BLOCKS = {
    Block.MUST_NOT_USE: "MUST NOT BE USED",
    Block.APPLIES: "APPLY, RANKED",
    Block.COULD_APPLY: "COULD APPLY IF …",
    Block.DOES_NOT_APPLY: "DO NOT APPLY",
}


def width() -> int:
    """Columns to write in."""
    return max(NARROWEST, min(WIDEST, shutil.get_terminal_size((140, 24)).columns))


def said_day(day: date) -> str:
    """15 January 2026."""
    return f"{day.day} {day:%B %Y}"


# --- The whole answer ---


def explanation_text(explanation: Explanation, *, only: str | None = None) -> str:
    """A patient against one trial (`only`, by its id), or the whole shelf: what must not be used stands first."""
    if only is not None:
        return "\n".join(
            line
            for result in explanation.trials
            if result.document == only
            for line in (*_alive_or_dead(explanation), *trial_lines(explanation, result))
        )
    lines = [f"{explanation.patient_id} in {explanation.registry}, as of {said_day(explanation.as_of)}"]
    if explanation.deceased:
        lines.append("DECEASED: no trial is open to this patient")
    lines += _alive_or_dead(explanation)
    names = names_in(explanation.record, default())
    lines += ["", *_options(explanation.options, names), *_overview(explanation)]
    for result in _in_order(explanation.trials):
        short = result.status is Status.NOT_ELIGIBLE or not result.offered
        lines += ["", *trial_lines(explanation, result, short=short)]
    return "\n".join(lines)


def _alive_or_dead(explanation: Explanation) -> list[str]:
    said = explanation.alive_or_dead
    if not said:
        return []
    text = f"ALIVE OR DEAD? {said} Until one is corrected, no trial is answered better than 'needs information'."
    return textwrap.wrap(text, width(), subsequent_indent="  ")


def _in_order(results: Sequence[TrialResult]) -> list[TrialResult]:
    """Those that take patients first, then by status: a closed trial is there for comparison."""
    return sorted(results, key=lambda result: (not result.offered, -result.status.rank, result.document))


def _overview(explanation: Explanation) -> Iterator[str]:
    ordered = _in_order(explanation.trials)
    if not ordered:
        return
    called = {result.document: _called(explanation, result) for result in ordered}
    widest = max(map(len, called.values()))
    yield "TRIALS THAT TAKE PATIENTS HERE"
    offered = [result for result in ordered if result.offered]
    yield from (f"  {called[result.document]:{widest}}  {status_words(result)}" for result in offered)
    if not offered:
        yield "  none"
    closed = [result for result in ordered if not result.offered]
    if closed:
        yield "NOT OFFERED, FOR COMPARISON"
    for result in closed:
        why = not_offered(explanation, result).removesuffix(": not offered")
        yield f"  {called[result.document]:{widest}}  {status_words(result)}  ({why})"


def _called(explanation: Explanation, result: TrialResult) -> str:
    """A trial by its id, with its acronym where that is another."""
    document = explanation.versions[result.document].document
    return f"{document.code} ({document.acronym})" if document.acronym not in ("", document.code) else document.code


# --- One trial ---


def trial_lines(explanation: Explanation, result: TrialResult, *, short: bool = False) -> Iterator[str]:
    """A trial with its criteria; `short` leaves out what does not speak against it."""
    version = explanation.versions[result.document]
    nct = f" ({version.document.nct})" if version.document.nct not in ("", result.document) else ""
    head = (
        f"{explanation.patient_id} against {result.document}{nct}, version {result.version}, "
        f"as of {said_day(explanation.as_of)}"
    )
    closed = not_offered(explanation, result)
    yield f"{head}{closed:>{max(len(closed) + 2, width() - len(head))}}" if closed else head
    yield from textwrap.wrap(headline(result), width(), subsequent_indent="  ")
    if result.cancer:
        others = "".join(f"; {other.cancer}: {status_words(other)}" for other in result.others)
        yield f"  for {result.cancer}{others}"
    named = [cohort for cohort in result.cohorts if cohort.id]
    for cohort in named:
        mark = "→" if cohort.id == result.best.id else " "
        yield f"  {mark} cohort {cohort.id}: {_words(cohort.status)}{'' if cohort.open else ' (closed)'}"
    yield ""
    shown = [each for each in result.criteria if not short or (each.counted and each.truth is Truth.NOT_MET)]
    yield from criterion_lines(shown, told=_told(explanation, result))
    left = len(result.criteria) - len(shown)
    if left:
        lines = f"{left} line{'s' if left > 1 else ''}"
        yield f"  and {lines} that nothing speaks against: --trial {result.document} shows all"


def _told(explanation: Explanation, result: TrialResult) -> dict[str, CriterionShown]:
    """What the page of the pair says of each criterion that counts."""
    document, vocabulary = explanation.versions[result.document].parsed, default()
    assert isinstance(document, TrialDocument)  # the results are those of trials
    open_here = result.document not in explanation.closed_here
    names = names_in(explanation.record, vocabulary)
    page = pair_page(document, result, vocabulary=vocabulary, open_here=open_here, names=names)
    return {each.id: each for each in page.criteria}


def not_offered(explanation: Explanation, result: TrialResult) -> str:
    """Why a trial takes nobody here and now; empty where it does."""
    if result.offered:
        return ""
    document = explanation.versions[result.document].parsed
    assert isinstance(document, TrialDocument)  # as above
    why = why_not_offered(document, open_here=result.document not in explanation.closed_here)
    return f"{why or 'closed'}: not offered"


def status_words(result: TrialResult) -> str:
    """The status of a trial with what it hangs on, in a few words."""
    best = result.best
    if result.deceased:
        return "not eligible: deceased"
    if result.status is Status.NEEDS_INFORMATION:
        return f"needs information: {_needs(best)}"
    if result.status is Status.NOT_NOW and best.clears_on is not None:
        return f"not now: clears on {said_day(best.clears_on)}"
    return _words(result.status)


def _words(status: Status) -> str:
    return status.value.replace("_", " ")


def _needs(best: CohortResult) -> str:
    facts, lines = len(best.missing), len({id for id, _ in best.to_read})
    parts = [f"{facts} fact{'s' if facts > 1 else ''}"] if facts else []
    if lines:
        parts.append(f"a reader for {lines} line{'s' if lines > 1 else ''}")
    return " and ".join(parts) or "facts"


def headline(result: TrialResult) -> str:
    """The status in capitals, and what would settle or change it."""
    best, name = result.best, _words(result.status).upper()
    against = [each for each in _of(result) if each.truth is Truth.NOT_MET]
    if result.deceased:
        return f"{name}: deceased"
    if result.status is Status.POTENTIALLY_ELIGIBLE:
        return f"{name}: every criterion that facts can settle is met; the investigator decides"
    if result.status is Status.NEEDS_INFORMATION:
        settling = [entry for entry in best.missing if entry.settles]
        if settling and best.needs == "facts":
            return f"{name}: 1 fact would settle it: {with_days(settling[0].text)}"
        asked = "; ".join(with_days(entry.text) for entry in best.missing[:3])
        more = f" and {len(best.missing) - 3} more" if len(best.missing) > 3 else ""
        return f"{name}: {_needs(best)}" + (f": {asked}{more}" if asked else "")
    if result.status is Status.NOT_NOW:
        if best.clears_on is not None:
            return f"{name}: {_ids(against)} cleared by {said_day(best.clears_on)} by time alone"
        ways = dict.fromkeys(str(each.change) for each in against if each.change is not None)
        return f"{name}: {_ids(against)} not met; can change {', '.join(ways)}"
    final = [each for each in against if each.change is not None and str(each.change) == "never"]
    return f"{name}: {_ids(final or against)} not met, which cannot change"


def _of(result: TrialResult) -> list[CriterionResult]:
    """The counted criteria of the best cohort."""
    return [
        each
        for each in result.criteria
        if each.counted and (not each.criterion.cohorts or result.best.id in each.criterion.cohorts)
    ]


def _ids(results: Sequence[CriterionResult]) -> str:
    names = [each.criterion.id for each in results]
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


# --- Criteria ---


def criterion_lines(results: Sequence[CriterionResult], *, told: Mapping[str, CriterionShown]) -> Iterator[str]:
    """One criterion after the other: id, polarity, its words, mark, the reason of an unknown, what decided."""
    if not results:
        return
    name = max(len(each.criterion.id) for each in results)
    rest = width() - name - 2 - 2 - 9 - 2 - 2 - 1 - 2 - 15 - 2
    words = rest * 2 // 5
    for each in results:
        cohorts = f"[{', '.join(each.criterion.cohorts)}] " if each.criterion.cohorts else ""
        left = textwrap.wrap(cohorts + each.criterion.text, words) or [""]
        right = textwrap.wrap(_details(told.get(each.criterion.id)), rest - words) or [""]
        mark, reason = _mark(each)
        for number, (one, other) in enumerate(zip_longest(left, right, fillvalue="")):
            first = number == 0
            yield (
                f"  {each.criterion.id if first else '':{name}}  {each.criterion.polarity.value if first else '':9}  "
                f"{one:{words}}  {mark if first else ' '}  {reason if first else '':15}  {other}"
            ).rstrip()


def _mark(result: CriterionResult) -> tuple[str, str]:
    if result.truth is None:
        return ("·", "at the visit") if result.criterion.kind is CriterionKind.CONFIRM else ("–", "note")
    if result.truth is Truth.UNKNOWN:
        return "?", str(result.reason or "unknown")
    return _MARKS[result.truth], result.truth.word.replace("_", " ")


def _details(shown: CriterionShown | None) -> str:
    """What decided, why it is unknown and what to do next; nothing for a line that does not count."""
    if shown is None:
        return ""
    parts = [*_facts(shown.evidence), *(note for note in shown.notes if note != shown.why)]
    if shown.overridden:
        parts.append(f"overrides {shown.overridden}")
    if shown.is_unknown:
        wanted = [fact.text for fact in shown.missing if fact.text not in parts]
        parts += _some(wanted, "next: ")
        parts += _some([question.text for question in shown.questions], "to answer: ")
        if shown.tree is None:
            parts.append("to be read" + (f": {shown.why}" if shown.why else ""))
    if shown.change:
        parts.append(shown.change)
    return "; ".join(parts)


def _some(texts: Sequence[str], head: str) -> list[str]:
    if not texts:
        return []
    return [head + "; ".join(texts[:3]) + (f"; and {len(texts) - 3} more" if len(texts) > 3 else "")]


def _facts(evidence: Sequence[EvidenceShown]) -> list[str]:
    told = [_fact(item) for item in evidence[:3]]
    return told + ([f"and {plural(len(evidence) - 3, 'more fact')}"] if len(evidence) > 3 else [])


def _fact(item: EvidenceShown) -> str:
    day = f", {item.date}" if item.date else ""
    source = ", ".join(
        ([f"upload {item.upload}"] if item.upload is not None else []) + [item.source] * bool(item.source)
    )
    return f"{item.text}{day}" + (f" ({source})" if source else "")


# --- Options ---


def _options(options: Sequence[OptionResult], names: Names) -> Iterator[str]:
    # Options share statements; each is told in full once, where it is met first.
    told: set[str] = set()
    for block in Block:
        found = [option for option in options if option.block is block]
        if not found:
            continue
        yield _BLOCKS[block]
        if block is Block.DOES_NOT_APPLY:
            listed = "; ".join(option.document.name for option in found)
            yield from textwrap.wrap(listed, width(), initial_indent="  ", subsequent_indent="  ")
            # What holds all the same is no less true of an option that does not apply.
            found = [option for option in found if {each.statement.id for each in _told_of(option)} - told]
        for option in found:
            yield from _option(option, names, told)
        yield ""


def _told_of(option: OptionResult) -> list[StatementResult]:
    return [each for each in option.statements if _is_told(option, each)]


def _option(option: OptionResult, names: Names, told: set[str]) -> Iterator[str]:
    rank = f"{option.rank}." if option.rank is not None else "  "
    strength = f" ({option.strength.value})" if option.strength is not None else ""
    yield f"  {rank:3} {option.document.name}{strength}"
    again = []
    for each in _told_of(option):
        if each.statement.id in told:
            again.append(f"{each.statement.id} ({_kind(each)})")
            continue
        told.add(each.statement.id)
        yield from _statement(each, names)
    if again:
        yield f"      as above: {', '.join(again)}"


def _kind(result: StatementResult) -> str:
    return result.statement.kind.value.replace("_", " ")


def _statement(result: StatementResult, names: Names) -> Iterator[str]:
    """A statement: its mark, what it says, the facts by which it holds or those on which it hangs."""
    statement, finding = result.statement, result.finding
    mark = _MARKS[result.truth] if result.truth is not None else "·"
    text = f"{mark} {statement.id} {_kind(result)}: {statement.action or statement.text}"
    yield from textwrap.wrap(text, width(), initial_indent="      ", subsequent_indent="        ")
    if finding is None:
        return
    if result.truth is Truth.UNKNOWN:
        why = _some([with_days(fact.text) for fact in finding.missing], "if: ")
    else:
        facts = _facts(evidence_shown(finding.evidence, default(), names))
        why = [f"because: {'; '.join(facts)}"] if facts else []
    for line in why:
        yield from textwrap.wrap(line, width(), initial_indent="        ", subsequent_indent="          ")


def _is_told(option: OptionResult, result: StatementResult) -> bool:
    """Whatever has a rule that holds for this patient, and the bans and stances of which that is still open."""
    kind, truth = result.statement.kind, result.truth
    if kind is StatementKind.MUST_NOT_USE:
        return result.applies or truth is Truth.UNKNOWN
    if option.block is Block.COULD_APPLY and kind is StatementKind.STANCE and truth is Truth.UNKNOWN:
        return True
    return truth is Truth.MET


# --- Tables ---


def table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    """Columns as wide as what stands in them; numbers to the right."""
    cells = [[str(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(headings, *cells, strict=True)]
    numeric = [bool(rows) and all(isinstance(row[index], int) for row in rows) for index in range(len(headings))]

    def line(row: Sequence[str]) -> str:
        return "  ".join(
            f"{value:>{width}}" if right else f"{value:{width}}"
            for value, width, right in zip(row, widths, numeric, strict=True)
        ).rstrip()

    yield line(headings)
    yield "  ".join("-" * each for each in widths)
    for row in cells:
        yield line(row)
