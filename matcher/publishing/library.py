"""The library on disk: every document in it becomes a draft and is published, as an author and a reviewer named in it.

A file that says what is in force already is left alone without being read again, so loading twice takes no time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.core.exceptions import ValidationError

import trials
from matcher.publishing.publish import PublishError, publish
from trials import actions
from trials.criteria.documents import DocumentError
from trials.models import Draft, SharedStatement
from trials.selectors import read_text

#: The library that comes with the system.
LIBRARY = Path(trials.__file__).parent / "library"

_SUFFIXES = {".yaml", ".yml"}
_STATEMENTS = "statements"
#: The name under which shared statements are kept, which name no author of their own.
_AUTHOR = "library author"


class LibraryProblem(ValueError):
    """A place where no library is."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of one file: `outcome` is published, unchanged or failed; `version` is 0 where there is none."""

    file: str
    code: str
    kind: str
    outcome: str
    version: int = 0
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def load_library(path: Path = LIBRARY, *, recheck: bool = False) -> Iterator[Loaded]:
    """Publish every document below a folder, or of one file, telling of each when it is done.

    Statements that options share stand in a folder `statements` and are read first. With `recheck` documents that are
    in force already are checked again. Raises LibraryProblem where there is nothing to read.
    """
    files = _files(path)
    changed = False
    for file in [each for each in files if each.parent.name == _STATEMENTS]:
        try:
            changed |= _keep_statement(file)
        except DocumentError as error:
            yield Loaded(file.name, file.stem, "statement", "failed", problems=tuple(map(str, error.problems)))
    seen: dict[str, str] = {}
    for file in [each for each in files if each.parent.name != _STATEMENTS]:
        yield _load(file, seen, recheck=recheck or changed)


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise LibraryProblem(f"{path} is neither a file nor a folder")
    # Trials before options, which may speak of them; within a folder by name.
    found = sorted(
        (each for each in path.rglob("*") if each.is_file() and each.suffix.casefold() in _SUFFIXES),
        key=lambda each: (each.parent.name == "options", str(each)),
    )
    if not found:
        raise LibraryProblem(f"{path} holds no YAML file")
    return found


def _keep_statement(file: Path) -> bool:
    text = file.read_text(encoding="utf-8")
    before = SharedStatement.objects.filter(text=text).exists()
    actions.save_statement(text=text, by=None, author_name=_AUTHOR, file=file.name)
    return not before


def _load(file: Path, seen: dict[str, str], *, recheck: bool) -> Loaded:
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return Loaded(file.name, file.stem, "", "failed", problems=(f"{file.name}: save the file as UTF-8 text",))
    known = Draft.objects.select_related("document").filter(text=text, editors=[]).first()
    if known is not None and not recheck:
        version = known.document.versions.published().defer("content").first()
        if version is not None and version.content_hash == known.content_hash:
            repeated = _repeated(known.document.code, file, seen)
            return repeated or Loaded(file.name, known.document.code, known.document.kind, "unchanged", version.number)
    try:
        parsed = read_text(text, file=file.name)
    except DocumentError as error:
        return Loaded(file.name, file.stem, "", "failed", problems=tuple(map(str, error.problems)))
    if (repeated := _repeated(parsed.id, file, seen)) is not None:
        return repeated
    draft = Draft.objects.filter(document__code__iexact=parsed.id).first()
    if draft is not None and draft.author_id is not None and draft.editors and draft.text != text:
        problem = f"{draft.author_name} has a draft of {parsed.id} that is not published: publish it, or undo it, first"
        return Loaded(file.name, parsed.id, actions.kind_of(parsed), "failed", problems=(problem,))
    try:
        document = actions.save_draft(text=text, by=None, file=file.name).draft.document
    except ValidationError as error:
        return Loaded(file.name, parsed.id, actions.kind_of(parsed), "failed", problems=tuple(error.messages))
    try:
        publication = publish(document=document, reviewer=parsed.reviewer, by=None)
    except PublishError as error:
        return Loaded(file.name, document.code, document.kind, "failed", problems=tuple(map(str, error.findings)))
    return Loaded(
        file.name,
        document.code,
        document.kind,
        "published" if publication.is_new else "unchanged",
        publication.version.number,
        warnings=tuple(map(str, publication.warnings)),
    )


def _repeated(code: str, file: Path, seen: dict[str, str]) -> Loaded | None:
    first = seen.setdefault(code.casefold(), str(file))
    if first == str(file):
        return None
    problem = f"{code} stands in {Path(first).name} too: keep one of them"
    return Loaded(file.name, code, "", "failed", problems=(problem,))
