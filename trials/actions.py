"""Every write of the trials floor that means something: drafts, shared statements, versions, open or closed here.

A draft may be unfinished and is kept as it was typed; what a version holds is decided above, where it can be evaluated.
`by` is the person; None is the system itself, acting for whoever started the command.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from patients import trust
from patients.facts import folded
from trials.criteria import documents
from trials.criteria.documents import DocumentError, DocumentProblem, OptionDocument, TrialDocument
from trials.models import Document, Draft, SharedStatement, Version
from trials.selectors import OPENING_ACTIONS, current_version, read_text

User = AbstractBaseUser


@dataclass(frozen=True, slots=True)
class SavedDraft:
    """A draft as it was kept, with what keeps it from being read (nothing: `parsed` is what it says)."""

    draft: Draft
    parsed: documents.Document | None
    problems: tuple[DocumentProblem, ...]


@transaction.atomic
def save_draft(
    *, text: str, by: User | None, document: Document | None = None, author_name: str = "", file: str = ""
) -> SavedDraft:
    """Keep a text as the draft of its document; without `document` it is the one of the id in the text, new or known.

    A text that cannot be read is kept with its problems where the document is known, and raises DocumentError where it
    is not. Where `by` names no author, `author_name` does, else the text itself. Raises ValidationError where the text
    is of another document or kind.
    """
    parsed: documents.Document | None = None
    problems: tuple[DocumentProblem, ...] = ()
    try:
        parsed = read_text(text, file=file)
    except DocumentError as error:
        if document is None:
            raise
        problems = error.problems
    name = by.get_username() if by is not None else author_name or (parsed.author if parsed is not None else "")
    if not name:
        raise ValidationError({"author": "a draft has an author"})
    if document is None:
        assert parsed is not None  # a text that cannot be read was refused above
        document = Document.objects.filter(code__iexact=parsed.id).first() or _new_document(parsed, by=by)
    elif parsed is not None and parsed.id != document.code:
        raise ValidationError(
            {"text": f"the text is of {parsed.id!r}, this document is {document.code!r}: its id cannot change"}
        )
    if parsed is not None and kind_of(parsed) != document.kind:
        raise ValidationError({"text": f"{document.code} is a {document.kind}, the text is of another kind"})
    draft = Draft.objects.filter(document=document).select_for_update().first() or Draft(document=document)
    changed = draft._state.adding or draft.text != text
    digest = documents.content_hash(parsed) if parsed is not None else ""
    if not changed and draft.content_hash == digest:
        return SavedDraft(draft, parsed, problems)
    if changed:
        draft.author, draft.author_name = by, name
        draft.editors = sorted({*draft.editors, name})
    draft.text, draft.content_hash, draft.updated_at = text, digest, timezone.now()
    draft.save()
    if parsed is not None:
        _describe(document, parsed)
    trust.record(
        actor=by,
        action="draft saved",
        target=document,
        after={"code": document.code, "content": digest, "author": name, "problems": len(problems)},
    )
    return SavedDraft(draft, parsed, problems)


def kind_of(parsed: documents.Document) -> str:
    """The kind of document that was read."""
    return Document.Kind.TRIAL if isinstance(parsed, TrialDocument) else Document.Kind.OPTION


def _new_document(parsed: documents.Document, *, by: User | None) -> Document:
    document = Document(kind=kind_of(parsed), code=parsed.id, created_by=by)
    _fields(document, parsed)
    document.full_clean()
    document.save()
    trust.record(
        actor=by, action="document created", target=document, after={"code": document.code, "kind": str(document.kind)}
    )
    return document


def _fields(document: Document, parsed: documents.Document) -> None:
    match parsed:
        case TrialDocument():
            document.title = parsed.title
            document.nct, document.acronym = parsed.nct.upper(), parsed.acronym
            document.other_ids = list(parsed.other_ids)
        case OptionDocument():
            document.title = parsed.name


def _describe(document: Document, parsed: documents.Document) -> None:
    """Title and identifiers follow the draft until a version is in force, and the version from then on."""
    if current_version(document) is None:
        _fields(document, parsed)
        document.full_clean()
        document.save()


@transaction.atomic
def save_statement(*, text: str, by: User | None, author_name: str = "", file: str = "") -> SharedStatement:
    """Keep a statement that options may include. Raises DocumentError where it cannot be read.

    Options that include it change when they are published again, not before.
    """
    parsed = documents.read_statement(text, file=file)
    name = by.get_username() if by is not None else author_name
    if not name:
        raise ValidationError({"author": "a statement has an author"})
    row = SharedStatement.objects.filter(code=parsed.id).select_for_update().first() or SharedStatement(code=parsed.id)
    if not row._state.adding and row.text == text:
        return row
    before = None if row._state.adding else row.text
    row.text, row.author, row.author_name, row.updated_at = text, by, name, timezone.now()
    row.save()
    trust.record(actor=by, action="statement saved", target=row, before=before, after=text)
    return row


@transaction.atomic
def freeze(
    *,
    draft: Draft,
    parsed: documents.Document,
    reviewer: User | str,
    by: User | None,
) -> Version:
    """Freeze what a draft says as the version in force, superseding the one before; unchanged content is not new.

    The caller has decided that it may be: the evaluation it takes stands on a floor above. Raises ValidationError
    where author and reviewer are one person or the draft was changed since it was read.
    """
    document = Document.objects.select_for_update().get(pk=draft.document_id)
    locked = Draft.objects.select_for_update().get(pk=draft.pk)
    if locked.text != draft.text:
        raise ValidationError("the draft was changed meanwhile; look at it again")
    digest = documents.content_hash(parsed)
    last = document.versions.order_by("-number").first()
    if last is not None and last.is_published and last.content_hash == digest:
        return last
    now = timezone.now()
    if last is not None and last.is_published:
        Version.objects.filter(pk=last.pk).update(superseded_at=now)
    version = Version(
        document=document,
        number=last.number + 1 if last is not None else 1,
        content=documents.content(parsed),
        content_hash=digest,
        recruitment=parsed.recruitment.value if isinstance(parsed, TrialDocument) else "",
        author=locked.author,
        author_name=locked.author_name,
        reviewer=reviewer if not isinstance(reviewer, str) else None,
        reviewer_name=reviewer if isinstance(reviewer, str) else reviewer.get_username(),
        frozen_at=now,
    )
    version.full_clean()
    version.save()
    # A shared statement may have changed since the draft was kept, and with it what its text says.
    locked.editors, locked.content_hash = [], digest
    locked.save(update_fields=["editors", "content_hash"])
    _fields(document, parsed)
    document.full_clean()
    document.save()
    trust.record(
        actor=by,
        action="version published",
        target=version,
        before={"number": last.number, "content": last.content_hash} if last is not None else None,
        after={
            "code": document.code,
            "number": version.number,
            "content": digest,
            "author": version.author_name,
            "reviewer": version.reviewer_name,
        },
    )
    return version


def same_person(name: str, others: Sequence[str]) -> bool:
    """Whether a name is one of the others, however it is capitalised or spaced."""
    return folded(name) in {folded(other) for other in others}


@transaction.atomic
def set_open_here(*, document: Document, open_here: bool, by: User | None, reason: str) -> Document:
    """Open a trial at this site, or close it. Raises ValidationError for an option or without a reason."""
    if document.kind != Document.Kind.TRIAL:
        raise ValidationError({"open_here": "only a trial is open or closed here"})
    if not reason.strip():
        raise ValidationError({"reason": "say why the trial opens or closes here"})
    row = Document.objects.select_for_update().get(pk=document.pk)
    if row.open_here == open_here:
        return row
    before = _state(row)
    row.open_here = open_here
    row.save(update_fields=["open_here"])
    trust.record(
        actor=by,
        action=OPENING_ACTIONS[0] if open_here else OPENING_ACTIONS[1],
        target=row,
        before=before,
        after=_state(row),
        reason=reason.strip(),
    )
    return row


def _state(document: Document) -> dict[str, Any]:
    return {"code": document.code, "open_here": document.open_here}


__all__ = ["SavedDraft", "freeze", "kind_of", "same_person", "save_draft", "save_statement", "set_open_here"]
