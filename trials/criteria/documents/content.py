"""A document as the JSON in which a frozen version is stored, and the hash that says two versions are one.

The same encoding that stores rules stores the document around them, so a version reads back as the document it was.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, cast

from trials.criteria.documents.shelf import Document
from trials.criteria.schema import decode, encode


def content(document: Document) -> dict[str, Any]:
    """The whole document as JSON data."""
    return cast(dict[str, Any], encode(document))


def from_content(data: object) -> Document:
    """The document that `content` stored. Raises ShapeError with the path of what no document has."""
    return cast(Document, decode(Document, data))


def content_hash(document: Document) -> str:
    """SHA-256 of the stored form: equal for equal documents, whatever the layout of the files they were read from."""
    text = json.dumps(content(document), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
