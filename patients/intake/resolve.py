"""What a row's name and codes mean together.

A source may say one thing several times: a name, a code, a morphology, a body site. Where one statement lies within
another the more specific holds; where they cannot both hold each stays possible, and the record is conflicting. A
tumour is told on two axes, so *leiomyosarcoma* beside *uterus* narrows, and does not contradict, either.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from patients.vocabulary import Domain, Relation, Vocabulary


class _Related(Protocol):
    def relation(self, a: str, b: str) -> Relation: ...


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a condition may be: as a whole, and by histology and site. More than one of a kind: conflicting."""

    concepts: tuple[str, ...]
    histologies: tuple[str, ...]
    sites: tuple[str, ...]

    @property
    def conflicting(self) -> bool:
        """Whether the statements cannot all hold."""
        return len(self.concepts) > 1 or len(self.histologies) > 1 or len(self.sites) > 1


def most_specific(concepts: Iterable[str], vocabulary: _Related) -> tuple[str, ...]:
    """The concepts that have none of the others within them, in their order.

    >>> from patients.vocabulary import default
    >>> most_specific(["sarcoma", "leiomyosarcoma", "sarcoma"], default())
    ('leiomyosarcoma',)
    """
    kept: list[str] = []
    for concept in concepts:
        if concept in kept or any(vocabulary.relation(other, concept) is Relation.BELOW for other in kept):
            continue
        kept = [other for other in kept if vocabulary.relation(concept, other) is not Relation.BELOW]
        kept.append(concept)
    return tuple(kept)


def condition(concepts: tuple[str, ...], sites: tuple[str, ...], *, vocabulary: Vocabulary) -> Meaning:
    """The meaning of a condition from all that its name and codes say, and all that is said of its site."""
    histologies: list[str] = []
    stated_sites: list[str] = []
    for id in concepts:
        concept = vocabulary.get(id)
        if concept is None:
            continue
        if concept.histology is not None:
            histologies.append(concept.histology)
            if concept.site is not None:
                stated_sites.append(concept.site)
        elif concept.domain is Domain.CANCER or id == METASTASIS:
            histologies.append(id)
    axes_histologies = most_specific(histologies, vocabulary)
    axes_sites = most_specific((*sites, *stated_sites), vocabulary)
    return Meaning(_whole(concepts, axes_histologies, axes_sites, vocabulary), axes_histologies, axes_sites)


#: The concept under which every metastasis lies, wherever it sits.
METASTASIS = "metastasis"


def _whole(
    concepts: tuple[str, ...], histologies: tuple[str, ...], sites: tuple[str, ...], vocabulary: Vocabulary
) -> tuple[str, ...]:
    """The concepts as wholes; two that overlap and agree on both axes hold together: the finer histology stands."""
    kept = most_specific(concepts, vocabulary)
    if len(kept) > 1 and len(histologies) == 1 and len(sites) <= 1 and all(_tumour(id, vocabulary) for id in kept):
        finest = [id for id in kept if vocabulary.axes(id)[0] == histologies[0]]
        return tuple(finest[:1]) or kept
    return kept


def _tumour(id: str, vocabulary: Vocabulary) -> bool:
    concept = vocabulary.get(id)
    return concept is not None and (concept.histology is not None or concept.domain is Domain.CANCER)


def is_metastasis(concepts: Iterable[str], vocabulary: Vocabulary) -> bool:
    """Whether one of the concepts is a metastasis."""
    if vocabulary.get(METASTASIS) is None:
        return False
    return any(vocabulary.relation(id, METASTASIS) is Relation.BELOW for id in concepts)


@cache
def metastasis_at(site: str, vocabulary: Vocabulary) -> str:
    """The concept of a metastasis at a site, or *metastasis* where the vocabulary names none for it."""
    best = METASTASIS
    for concept in vocabulary.concepts():
        if (
            concept.histology == METASTASIS
            and concept.site is not None
            and vocabulary.relation(site, concept.site) is Relation.BELOW
            and (best == METASTASIS or vocabulary.relation(concept.id, best) is Relation.BELOW)
        ):
            best = concept.id
    return best
