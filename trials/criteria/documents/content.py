"""A document as the JSON in which a frozen version is stored, and the hash that says two versions are one.

The same encoding that stores rules stores the document around them, so a version reads back as the document it was.
JSON objects have no order, and PostgreSQL keeps their members by the length of the name; figures are read in the order
in which the author wrote them. So a mapping is stored as the list of its items; a node, whose fields are known by name,
stays an object. The hash is of the plain form: what is only ordered anew is no other content.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, cast

from trials.criteria.documents.shelf import Document
from trials.criteria.schema import decode, encode


def content(document: Document) -> dict[str, Any]:
    """The whole document as JSON data that keeps the order of every mapping."""
    return cast(dict[str, Any], _in_order(encode(document)))


def from_content(data: object) -> Document:
    """The document that `content` stored. Raises ShapeError with the path of what no document has."""
    return cast(Document, decode(Document, _as_mappings(data)))


def content_hash(document: Document) -> str:
    """SHA-256 of the stored form: equal for equal documents, whatever the layout of the files they were read from."""
    text = json.dumps(encode(document), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


_ITEMS = "items in order"


def _in_order(data: Any) -> Any:
    if isinstance(data, list):
        return [_in_order(part) for part in data]
    if not isinstance(data, dict):
        return data
    if "node" in data:
        return {name: _in_order(part) for name, part in data.items()}
    return {_ITEMS: [[name, _in_order(part)] for name, part in data.items()]}


def _as_mappings(data: Any) -> Any:
    if isinstance(data, list):
        return [_as_mappings(part) for part in data]
    if not isinstance(data, dict):
        return data
    # A version frozen before items were kept in order holds its mappings as objects.
    items = data[_ITEMS] if data.keys() == {_ITEMS} else data.items()
    return {name: _as_mappings(part) for name, part in items}
