"""What a record calls a drug or a disease beside what it is: `pazopanib (Votrient)`.

The engine tells evidence in the registry's own words, which is right for a program that compares it with the file. A
coordinator reads brands and abbreviations of many centres, so pages and terminal name the concept and keep the word.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from patients import facts
from patients.facts import folded
from patients.vocabulary import Vocabulary

#: By kind of fact, the words of the record with what is said in their place.
Names = Mapping[str, Mapping[str, str]]
NO_NAMES: Names = MappingProxyType({})


def names_in(record: facts.Patient, vocabulary: Vocabulary) -> Names:
    """The words of a record that do not name their concept, each with the concept before it.

    A word that may mean several things, or nothing that is known, stays as it is: naming one would decide it.
    """
    written: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    unsure: set[tuple[str, str]] = set()
    for kind, fact, concepts in _facts(record):
        key = (kind, fact.raw)
        concept = vocabulary.get(concepts[0]) if len(concepts) == 1 else None
        if concept is None:
            unsure.add(key)
        else:
            written[key][concept.name] = None
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for (kind, raw), concepts_named in written.items():
        # The drugs of one combination are facts of their own under one word.
        plain = [name for name in concepts_named if folded(name) not in folded(raw)]
        if raw and plain and (kind, raw) not in unsure:
            found[kind][raw] = f"{' + '.join(concepts_named)} ({raw})"
    return found


def _facts(record: facts.Patient) -> Iterable[tuple[str, facts.Fact, tuple[str, ...]]]:
    for treatment in record.treatments:
        yield "treatment", treatment, treatment.concepts if treatment.named else ()
    for medication in record.medications:
        yield "medication", medication, medication.concepts if medication.named else ()
    for condition in record.conditions:
        concepts = condition.histologies if condition.kind == "primary" else condition.concepts
        yield "condition", condition, concepts if condition.named else ()


def with_names(text: str, kind: str, names: Names) -> str:
    """A text about a fact of a kind in which every such word stands behind its concept."""
    known = names.get(kind)
    if not known:
        return text
    longest_first = sorted(known, key=len, reverse=True)
    words = re.compile(r"(?<!\w)(" + "|".join(map(re.escape, longest_first)) + r")(?!\w)")
    return words.sub(lambda found: known[found[1]], text)
