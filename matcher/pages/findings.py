"""Findings and evidence as a page shows them: one line per fact, a tree of leaves, the questions that are still open.

The engine tells evidence leaf by leaf, so one fact may come several times with growing detail; a person reads each
fact once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from matcher.engine import CriterionResult, Evidence, Finding, Truth
from matcher.pages.names import NO_NAMES, Names, with_names
from matcher.pages.words import Mark, change_words, truth_mark
from patients.vocabulary import Vocabulary
from patients.wording import with_days
from trials.criteria import tree as t
from trials.criteria.english import english
from trials.criteria.printing import print_rule


@dataclass(frozen=True, slots=True)
class EvidenceShown:
    """One fact that decided: what it says, when, and where it was read. `anchor` is its row on the patient's page."""

    text: str
    date: str
    source: str
    anchor: str = ""
    upload: int | None = None


@dataclass(frozen=True, slots=True)
class LeafShown:
    """A node of the explanation: what it asks, how it was answered, and its parts."""

    asks: str
    rule: str
    mark: Mark
    notes: tuple[str, ...]
    change: str
    evidence: tuple[EvidenceShown, ...]
    missing: tuple[str, ...]
    parts: tuple[LeafShown, ...]


#: The table of the patient's page in which a kind of fact stands.
_ROWS = {
    "condition": "conditionfact", "treatment": "treatmentfact", "medication": "medicationfact",
    "observation": "observationfact", "biomarker": "biomarkerfact", "disease_status": "diseasestatusfact",
    "coverage": "coveragefact",
}  # fmt: skip


#: How the engine names what is complete: `treatments (kind:drug) complete`.
_SCOPE = re.compile(r"\b(\w+) \((all|kind:(\w+))\)(?= complete)")


def _scoped(found: re.Match[str]) -> str:
    return f"{(found[3] or 'all').replace('_', ' ')} {found[1]}"


def evidence_shown(
    evidence: Iterable[Evidence], vocabulary: Vocabulary, names: Names = NO_NAMES
) -> tuple[EvidenceShown, ...]:
    """Each fact once, with the fullest words that were said of it, concepts beside the words of the record."""
    grouped: dict[tuple[str, str], list[Evidence]] = {}
    for item in evidence:
        # What is no record of the patient (a policy, an age) is told apart by its words.
        grouped.setdefault((item.fact, item.source) if ":" in item.fact else (item.fact, item.value), []).append(item)
    shown = [_fact(items, vocabulary, names) for items in grouped.values()]
    anchors: dict[tuple[str, str, str], str] = {}
    for each in shown:
        anchors.setdefault((each.text, each.date, each.source), each.anchor)
    # The drugs of one combination are facts of their own that one row tells of.
    return tuple(dict.fromkeys(replace(each, anchor=anchors[(each.text, each.date, each.source)]) for each in shown))


def _fact(items: list[Evidence], vocabulary: Vocabulary, names: Names) -> EvidenceShown:
    texts = list(dict.fromkeys(_value(item, vocabulary) for item in items))
    full = [text for text in texts if not any(text != other and text in other for other in texts)]
    kind, _, key = items[0].fact.partition(":")
    source = items[0].source
    upload = None
    if source.startswith("upload "):
        number, _, rest = source.removeprefix("upload ").partition(", ")
        if number.isdigit() and rest:
            upload, source = int(number), rest
    text = _SCOPE.sub(_scoped, with_days(with_names("; ".join(full), kind, names)))
    if items[0].unit == "years":
        # An age, whose date is that of birth.
        text = f"{text} years" + "".join(f", born {with_days(item.date)}" for item in items if item.date)
    dates = dict.fromkeys(with_days(item.date) for item in items if item.date)
    return EvidenceShown(
        text=text,
        # Completeness says its date in words already.
        date=", ".join(each for each in dates if each not in text),
        source=source,
        anchor=f"{_ROWS[kind]}-{key}" if kind in _ROWS and key else "",
        upload=upload,
    )


def _value(item: Evidence, vocabulary: Vocabulary) -> str:
    """The value with the test under its full name, and its unit where the value does not say it."""
    name, separator, value = item.value.partition(": ")
    concept = vocabulary.get(name) if separator else None
    text = f"{concept.name}: {value}" if concept is not None else item.value
    if item.unit and item.unit != "1" and item.fact.startswith("observation:"):
        shown = item.unit.replace("[", "").replace("]", "")
        if not any(unit in text for unit in (item.unit, shown)) and text.rsplit(" ", 1)[-1].replace(".", "").isdigit():
            text = f"{text} {shown}"
    return text


def leaf_tree(finding: Finding, vocabulary: Vocabulary, names: Names = NO_NAMES) -> LeafShown:
    """The finding with all its parts, each in plain English and as the language writes it."""
    # A node with parts repeats what they say, and a question says itself.
    silent = bool(finding.parts) or isinstance(finding.rule, t.Ask)
    return LeafShown(
        asks=english(finding.rule, vocabulary) if finding.rule is not None else "",
        rule=print_rule(finding.rule) if finding.rule is not None else "",
        mark=truth_mark(finding.truth, finding.reason),
        notes=() if silent or not finding.note else (with_days(finding.note),),
        change=change_words(finding.change, None) if finding.truth is Truth.NOT_MET and not finding.parts else "",
        evidence=() if finding.parts else evidence_shown(finding.evidence, vocabulary, names),
        missing=() if silent else tuple(dict.fromkeys(with_days(fact.text) for fact in finding.missing)),
        parts=tuple(leaf_tree(part, vocabulary, names) for part in finding.parts),
    )


def deciding_leaves(finding: Finding, *, negated: bool = False) -> Iterator[tuple[Finding, bool]]:
    """The unknown leaves on which an unknown finding hangs, each with whether its contrary is asked for.

    What stands beside a part that decides already is left out.
    """
    if finding.truth is not Truth.UNKNOWN:
        return
    if not finding.parts:
        yield finding, negated
        return
    for index, part in enumerate(finding.parts):
        turned = isinstance(finding.rule, t.Not) or (isinstance(finding.rule, t.Except) and index == 1)
        yield from deciding_leaves(part, negated=negated != turned)


def is_answered(result: CriterionResult) -> bool:
    """Whether a person's answer decided; one that was given before the facts decided stands aside."""
    answer = result.answer
    return answer is not None and any(item.fact == answer.id for item in result.evidence)


def open_questions(finding: Finding) -> tuple[str, ...]:
    """The questions of `ask` on which an unknown finding hangs, in the order of the rule."""
    return tuple(
        dict.fromkeys(leaf.rule.question for leaf, _ in deciding_leaves(finding) if isinstance(leaf.rule, t.Ask))
    )


def questions_of(rule: t.Rule | None) -> tuple[str, ...]:
    """Every question a rule asks, answered or not."""
    if rule is None:
        return ()
    return tuple(dict.fromkeys(node.question for node in t.walk(rule) if isinstance(node, t.Ask)))


def notes_of(finding: Finding) -> tuple[str, ...]:
    """What is to be said of an unknown in a line: the notes of its leaves, turned where the contrary is asked for.

    Where the leaves of one value say different things of a repetition, only its age is said: the tree has the rest.
    """
    found: list[str] = []
    for leaf, negated in deciding_leaves(finding):
        # How many were counted says nothing without the rule beside it; the tree has both.
        if isinstance(leaf.rule, t.Ask) or not leaf.note or leaf.note.startswith("count: "):
            continue
        note = _turned(leaf.note) if negated else leaf.note
        found.append(with_days(note))
    found = list(dict.fromkeys(found))
    ages: dict[str, set[str]] = {}
    for note in found:
        age, separator, says = note.partition(": would ")
        if separator:
            ages.setdefault(age, set()).add(says)
    return tuple(
        dict.fromkeys(
            age if separator and len(ages[age]) > 1 else note
            for note in found
            for age, separator, _ in [note.partition(": would ")]
        )
    )


def _turned(note: str) -> str:
    passes, fails = "would pass if repeated", "would fail if repeated"
    return note.replace(passes, "\0").replace(fails, passes).replace("\0", fails)
