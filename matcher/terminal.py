"""Answers as a person reads them in a terminal: marks, words, the facts that decided, wrapped to the width there is.

The same results stand in JSON for programs; nothing is decided here, only said.
"""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import zip_longest

from matcher.answers import Explanation
from matcher.engine import (
    Block,
    CohortResult,
    CriterionResult,
    Evidence,
    OptionResult,
    StatementResult,
    Status,
    TrialResult,
    Truth,
)
from trials.criteria.documents import CriterionKind, StatementKind, TrialDocument
from trials.models import Version

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


def said_date(text: str) -> str:
    """The ISO date of a fact as a person reads it; a partial one, or a range, as it stands."""
    try:
        return said_day(date.fromisoformat(text))
    except ValueError:
        return text


# --- The whole answer ---


def explanation_text(explanation: Explanation, *, only: str | None = None) -> str:
    """A patient against one trial (`only`, by its id), or the whole shelf: what must not be used stands first."""
    if only is not None:
        return "\n".join(
            line
            for result in explanation.trials
            if result.document == only
            for line in trial_lines(explanation, result)
        )
    lines = [f"{explanation.patient_id} in {explanation.registry}, as of {said_day(explanation.as_of)}"]
    if explanation.deceased:
        lines.append("DECEASED: no trial is open to this patient")
    lines += ["", *_options(explanation.options), *_overview(explanation)]
    for result in _by_status(explanation.trials):
        short = result.status is Status.NOT_ELIGIBLE or not result.offered
        lines += ["", *trial_lines(explanation, result, short=short)]
    return "\n".join(lines)


def _by_status(results: Sequence[TrialResult]) -> list[TrialResult]:
    return sorted(results, key=lambda result: (-result.status.rank, not result.offered, result.document))


def _overview(explanation: Explanation) -> Iterator[str]:
    if not explanation.trials:
        return
    yield "TRIALS"
    for result in _by_status(explanation.trials):
        version = explanation.versions[result.document]
        offered = "" if result.offered else f"  ({not_offered(version, result)})"
        yield f"  {result.document:14} {status_words(result)}{offered}"


# --- One trial ---


def trial_lines(explanation: Explanation, result: TrialResult, *, short: bool = False) -> Iterator[str]:
    """A trial with its criteria; `short` leaves out what does not speak against it."""
    version = explanation.versions[result.document]
    nct = f" ({version.document.nct})" if version.document.nct not in ("", result.document) else ""
    head = (
        f"{explanation.patient_id} against {result.document}{nct}, version {result.version}, "
        f"as of {said_day(explanation.as_of)}"
    )
    closed = not_offered(version, result)
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
    yield from criterion_lines(shown)
    left = len(result.criteria) - len(shown)
    if left:
        lines = f"{left} line{'s' if left > 1 else ''}"
        yield f"  and {lines} that nothing speaks against: --trial {result.document} shows all"


def not_offered(version: Version, result: TrialResult) -> str:
    """Why a trial takes nobody here and now; empty where it does."""
    if result.offered:
        return ""
    document = version.parsed
    if isinstance(document, TrialDocument) and document.never_offer:
        why = "never offered"
    elif isinstance(document, TrialDocument) and not document.recruitment.open:
        why = document.recruitment.value
    else:
        why = "closed here" if not version.document.open_here else "no cohort is open"
    return f"{why}: not offered"


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
            return f"{name}: 1 fact would settle it: {settling[0].text}"
        asked = "; ".join(entry.text for entry in best.missing[:3])
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


def criterion_lines(results: Sequence[CriterionResult]) -> Iterator[str]:
    """One criterion after the other: id, polarity, its words, mark, the reason of an unknown, what decided."""
    if not results:
        return
    name = max(len(each.criterion.id) for each in results)
    rest = width() - name - 2 - 2 - 9 - 2 - 2 - 1 - 2 - 15 - 2
    words = rest * 2 // 5
    for each in results:
        cohorts = f"[{', '.join(each.criterion.cohorts)}] " if each.criterion.cohorts else ""
        left = textwrap.wrap(cohorts + each.criterion.text, words) or [""]
        right = textwrap.wrap(_details(each), rest - words) or [""]
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


def _details(result: CriterionResult) -> str:
    finding = result.finding
    if finding is None:
        return ""
    parts = [_fact(item) for item in result.evidence[:3]]
    if len(result.evidence) > 3:
        parts.append(f"and {len(result.evidence) - 3} more")
    # Each part of a rule may have said the same.
    notes = list(dict.fromkeys(finding.note.split("; "))) if finding.note else []
    parts += notes
    if result.overridden is not None:
        parts.append(f"overrides {result.overridden.word.replace('_', ' ')}")
    if result.truth is Truth.UNKNOWN and finding.missing:
        asked = [fact.text for fact in finding.missing if fact.text not in (*notes, result.criterion.text)]
        if asked:
            parts.append("asks: " + "; ".join(asked[:3]) + (f"; and {len(asked) - 3} more" if len(asked) > 3 else ""))
    if result.truth is Truth.NOT_MET and result.change is not None:
        clears = f", on {said_day(result.clears_on)}" if result.clears_on is not None else ""
        parts.append(f"changes: {result.change}{clears}")
    return "; ".join(parts)


def _fact(item: Evidence) -> str:
    value = f"{item.value} {item.unit}".strip()
    day = f", {said_date(item.date)}" if item.date else ""
    return f"{value}{day}" + (f" ({item.source})" if item.source else "")


# --- Options ---


def _options(options: Sequence[OptionResult]) -> Iterator[str]:
    for block in Block:
        found = [option for option in options if option.block is block]
        if not found:
            continue
        yield _BLOCKS[block]
        if block is Block.DOES_NOT_APPLY:
            yield from textwrap.wrap(
                ", ".join(option.document.name for option in found),
                width(),
                initial_indent="  ",
                subsequent_indent="  ",
            )
        else:
            for option in found:
                yield from _option(option)
        yield ""


def _option(option: OptionResult) -> Iterator[str]:
    rank = f"{option.rank}." if option.rank is not None else "  "
    strength = f" ({option.strength.value})" if option.strength is not None else ""
    yield f"  {rank:3} {option.document.name}{strength}"
    for each in option.statements:
        if _is_told(option, each):
            mark = _MARKS[each.truth] if each.truth is not None else "·"
            kind = each.statement.kind.value.replace("_", " ")
            text = f"{mark} {each.statement.id} {kind}: {each.statement.action or each.statement.text}"
            if each.finding is not None and each.truth is Truth.UNKNOWN and each.finding.missing:
                text += f" [if {'; '.join(fact.text for fact in each.finding.missing[:3])}]"
            yield from textwrap.wrap(text, width(), initial_indent="      ", subsequent_indent="        ")


def _is_told(option: OptionResult, result: StatementResult) -> bool:
    """What ranks, and what warns: stances and modifiers that hold or may, what must not be used, cautions that hold."""
    kind, truth = result.statement.kind, result.truth
    if kind is StatementKind.MUST_NOT_USE:
        return result.applies or truth is Truth.UNKNOWN
    if option.block is Block.COULD_APPLY:
        return kind is StatementKind.STANCE and truth is Truth.UNKNOWN
    if kind in (StatementKind.STANCE, StatementKind.MODIFIER):
        return truth is Truth.MET
    return kind is StatementKind.CAUTION and truth is Truth.MET


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
