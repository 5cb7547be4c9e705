"""The scope of a coverage or policy row in one canonical text, whatever way the source wrote it.

`all`, or terms joined by spaces, each a field and a value (`kind:drug`, `genes:BRCA1|BRCA2`). A bare word is read as
the obvious field: `drug` is `kind:drug`, `mutation` is `alteration:mutation`. A term that cannot be read refuses the
scope, because a scope read too widely would turn silence into an absence.
"""

from __future__ import annotations

import re

from patients.facts import folded, read_code
from patients.vocabulary import Domain, Vocabulary

FIELDS = ("kind", "class", "genes", "alteration", "assay")
_TERM = re.compile(rf"\b({'|'.join(FIELDS)})\s*:\s*", re.IGNORECASE)
_KIND_TABLES = {"conditions": "condition_kind", "treatments": "treatment_kind"}


class ScopeProblem(ValueError):
    """A scope that cannot be read; the message says which part, and what can be written."""


def canonical(text: str, *, domain: str, vocabulary: Vocabulary) -> str:
    """The canonical text of a scope in a domain. Raises ScopeProblem.

    >>> from patients.vocabulary import default
    >>> canonical("drug", domain="treatments", vocabulary=default())
    'kind:drug'
    """
    text = text.strip()
    if not text or folded(text) in {"all", "any", "everything"}:
        return "all"
    terms: dict[str, str] = {}
    for name, value in _terms(text):
        field, meaning = _term(name, value.strip(), domain, vocabulary)
        if field in terms:
            raise ScopeProblem(f"the scope says {field} twice")
        terms[field] = meaning
    return " ".join(f"{field}:{terms[field]}" for field in FIELDS if field in terms)


def _terms(text: str) -> list[tuple[str, str]]:
    """Pairs of field and value; the field of a bare word is empty."""
    found = list(_TERM.finditer(text))
    if not found:
        return [("", text)]
    terms = [("", text[: found[0].start()].strip())] if text[: found[0].start()].strip() else []
    ends = [match.start() for match in found[1:]] + [len(text)]
    return terms + [
        (match[1].casefold(), text[match.end() : end].strip()) for match, end in zip(found, ends, strict=True)
    ]


def _term(field: str, value: str, domain: str, vocabulary: Vocabulary) -> tuple[str, str]:
    if not value:
        raise ScopeProblem(f"the scope says {field}: and nothing after it")
    for candidate in (field,) if field else FIELDS:
        meaning = _meaning(candidate, value, domain, vocabulary)
        if meaning is not None:
            return candidate, meaning
    wanted = f"{field}:<value>" if field else "all, kind:<x>, class:<x>, genes:<a|b>, alteration:<x> or assay:<x>"
    raise ScopeProblem(f"the scope {value[:80]!r} means nothing known for {domain}; write {wanted}")


def _meaning(field: str, value: str, domain: str, vocabulary: Vocabulary) -> str | None:
    if field == "kind":
        table = _KIND_TABLES.get(domain)
        return read_code(table, value) if table else None
    if field == "alteration":
        return read_code("alteration", value) if domain == "biomarkers" else None
    if field == "genes":
        if domain != "biomarkers":
            return None
        names = [name for part in value.split("|") for name in re.split(r"[,;\s]+", part) if name]
        found = [vocabulary.find(name, Domain.GENE) for name in names]
        return "|".join(sorted({ids[0] for ids in found})) if found and all(found) else None
    if field == "assay":
        ids = vocabulary.find(value, Domain.ASSAY) if domain == "biomarkers" else ()
        return ids[0] if ids else None
    domains = {
        "treatments": (Domain.DRUG, Domain.PROCEDURE),
        "medications": (Domain.DRUG, Domain.PROCEDURE),
        "conditions": (Domain.CANCER, Domain.CONDITION),
        "observations": (Domain.TEST,),
    }.get(domain)
    ids = vocabulary.find(value, *domains) if domains else ()
    return ids[0] if len(ids) == 1 else None
