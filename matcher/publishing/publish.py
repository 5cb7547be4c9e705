"""Publishing: a draft becomes a frozen version when no author of it reviews it and nothing speaks against it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import PermissionDenied

from matcher.publishing.examining import examine
from matcher.runs.queue import follow_soon
from trials import actions
from trials.criteria.checks import Finding, Severity
from trials.criteria.documents import DocumentError
from trials.models import Document, Draft, Version
from trials.selectors import current_version, read_text

User = AbstractBaseUser


class PublishError(ValueError):
    """A document that may not be published; `findings` holds every reason, errors and warnings."""

    def __init__(self, document: str, findings: Iterable[Finding]) -> None:
        self.document = document
        self.findings = tuple(findings)
        super().__init__("\n".join(f"{document}: {finding}" for finding in self.findings))


@dataclass(frozen=True, slots=True)
class Publication:
    """The version in force after publishing; `is_new` says whether it was frozen just now."""

    version: Version
    is_new: bool
    warnings: tuple[Finding, ...]


def publish(*, document: Document, reviewer: User | str, by: User | None) -> Publication:
    """Freeze the draft of a document as its version in force. Unchanged content stays the version it is.

    `reviewer` is `by` where a person publishes; the system names a role. Raises PublishError with every finding where
    the draft cannot be read, a check or a test patient fails or an author would review, PermissionDenied where one
    person would publish in another's name.
    """
    if by is not None and (isinstance(reviewer, str) or reviewer.pk != by.pk):
        raise PermissionDenied("who publishes is the reviewer")
    draft = Draft.objects.select_related("document", "author").filter(document=document).first()
    if draft is None:
        raise PublishError(document.code, [_error("no-draft", "there is no draft", "write one")])
    try:
        parsed = read_text(draft.text)
    except DocumentError as error:
        raise PublishError(
            document.code,
            [
                Finding(
                    code="unreadable",
                    severity=Severity.ERROR,
                    message=f"{problem.field}: {problem.message}" if problem.field else problem.message,
                    remedy=problem.remedy,
                    item=problem.item,
                    line=problem.line,
                    column=problem.column,
                )
                for problem in error.problems
            ],
        ) from None
    findings = [*_people(draft, reviewer), *examine(parsed, text=draft.text)]
    if any(finding.severity is Severity.ERROR for finding in findings):
        raise PublishError(document.code, findings)
    before = current_version(document)
    version = actions.freeze(draft=draft, parsed=parsed, reviewer=reviewer, by=by)
    if document.kind == Document.Kind.TRIAL and (before is None or before.pk != version.pk):
        follow_soon()
    return Publication(version, before is None or before.pk != version.pk, tuple(findings))


def _people(draft: Draft, reviewer: User | str) -> list[Finding]:
    name = reviewer if isinstance(reviewer, str) else reviewer.get_username()
    if not name:
        return [_error("no-reviewer", "a version names its reviewer", "name one")]
    if actions.same_person(name, [draft.author_name, *draft.editors]):
        return [_error("author-is-reviewer", f"{name} wrote in this draft and cannot review it", "ask someone else to")]
    return []


def _error(code: str, message: str, remedy: str) -> Finding:
    return Finding(code=code, severity=Severity.ERROR, message=message, remedy=remedy)
