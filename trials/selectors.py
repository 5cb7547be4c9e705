"""Reading the shelf: documents by whatever name people use, the versions in force, the statements options share.

A trial answers to its id, its acronym and its NCT number, in any case; a name that nothing answers to comes back with
the nearest that something does.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache

from django.db.models import Q, QuerySet

from patients.facts import folded
from patients.models import AuditEvent
from trials.criteria import documents
from trials.criteria.documents import Statement
from trials.models import Document, SharedStatement, Version

#: What the audit trail calls it that a trial was opened or closed at this site.
OPENING_ACTIONS = ("trial opened here", "trial closed here")


class UnknownDocument(LookupError):
    """No document answers to a name, or several do; the message says which are near."""


def versions_in_force(*, kind: str | None = None, at: datetime | None = None) -> QuerySet[Version]:
    """The version of each document that is, or at an instant was, in force, in the order of their ids.

    They come without their content until it is read.
    """
    found = (
        Version.objects.published()
        if at is None
        else Version.objects.filter(Q(superseded_at__isnull=True) | Q(superseded_at__gt=at), frozen_at__lte=at)
    )
    found = found.select_related("document").defer("content").order_by("document__code")
    return found if kind is None else found.filter(document__kind=kind)


def closed_here_at(instant: datetime) -> frozenset[int]:
    """The documents (by key) that were closed at this site at an instant.

    A document holds only what is so now; what was so then stands in the audit trail, in the first change after it.
    """
    open_then = dict(Document.objects.values_list("pk", "open_here"))
    later = AuditEvent.objects.filter(
        object_type=Document._meta.label_lower, action__in=OPENING_ACTIONS, at__gt=instant
    )
    # The latest first, so that the first change after the instant has the last word.
    for key, before in later.order_by("-number").values_list("object_id", "before"):
        open_then[int(key)] = before["open_here"]
    return frozenset(key for key, is_open in open_then.items() if not is_open)


def current_version(document: Document) -> Version | None:
    """The version of a document that is in force, or None while it has none."""
    return document.versions.filter(superseded_at__isnull=True).first()


def find_document(name: str, *, kind: str | None = None) -> Document:
    """The document that answers to a name: its id, NCT number, acronym or another id. Raises UnknownDocument."""
    everything = Document.objects.all() if kind is None else Document.objects.filter(kind=kind)
    wanted = folded(name)
    rows = list(everything)
    for names in (_first_names, _other_names):
        found = [row for row in rows if wanted in {folded(each) for each in names(row)}]
        if len(found) == 1:
            return found[0]
        if found:
            raise UnknownDocument(f"{name!r} is the name of {', '.join(row.code for row in found)}: use the id")
    what = Document.Kind(kind).label if kind is not None else "document"
    known = {folded(each): each for row in rows for each in (*_first_names(row), *_other_names(row))}
    near = difflib.get_close_matches(wanted, known, n=3, cutoff=0.5)
    hint = f"; near: {', '.join(known[each] for each in near)}" if near else ""
    raise UnknownDocument(f"there is no {what} {name!r}{hint}" if rows else f"there is no {what} yet: load_library")


def _first_names(document: Document) -> list[str]:
    return [each for each in (document.code, document.nct, document.acronym) if each]


def _other_names(document: Document) -> Iterable[str]:
    # An id that others gave may stand behind the name of its registry: "EudraCT 2011-001308-36".
    for each in document.other_ids:
        yield each
        yield str(each).split(" ")[-1]


def shared_statements() -> Mapping[str, Statement]:
    """The statements that options may include, by their ids."""
    return _statements(tuple(SharedStatement.objects.order_by("code").values_list("code", "text")))


def read_text(text: str, *, file: str = "") -> documents.Document:
    """The document that a text says today, with the shared statements it includes. Raises DocumentError.

    A text is read once in a process however often it is asked for: a draft is read when it is kept, checked and frozen.
    """
    rows = tuple(SharedStatement.objects.order_by("code").values_list("code", "text"))
    try:
        return _document(text, rows)
    except documents.DocumentError:
        # Only what is wrong with it names the file; errors are not kept.
        return documents.read_document(text, file=file, shared_statements=_statements(rows))


@lru_cache(maxsize=4)
def _statements(rows: tuple[tuple[str, str], ...]) -> dict[str, Statement]:
    return documents.read_statements(dict(rows))


@lru_cache(maxsize=64)
def _document(text: str, rows: tuple[tuple[str, str], ...]) -> documents.Document:
    return documents.read_document(text, shared_statements=_statements(rows))
