"""A fact as a file states it, before it is compared with what is known: its identity, its values, its source.

Identity is text made of folded parts. Two drafts of one upload with the same key are the same statement where their
fingerprints agree, and contradict each other where not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from patients.facts import folded

MAX_KEY = 300
_SEPARATOR = "|"


@dataclass(slots=True, kw_only=True)
class Draft:
    """One statement of a kind about a patient, as the fields of the kind's table."""

    kind: str
    patient_id: str
    key: str
    natural_key: str
    source_key: str
    undated_keys: tuple[str, ...]
    record_id: str
    name: str
    folded_name: str
    naming: str
    cells: Mapping[str, str]
    values: Mapping[str, Any]
    fingerprint: str
    file: str = ""
    row: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """The parts of a natural key; `dated` is the index of the date among them, None where it has none."""

    parts: tuple[str, ...]
    dated: int | None = None

    def key(self) -> str:
        """The parts as one text."""
        return key_text(self.parts)

    def undated(self) -> str | None:
        """The key that the same statement had before its date was known; None where it has no date now."""
        if self.dated is None or not self.parts[self.dated]:
            return None
        return key_text([*self.parts[: self.dated], "", *self.parts[self.dated + 1 :]])


def key_text(parts: Sequence[str]) -> str:
    """Folded parts joined; a key too long for its column ends in a digest of the whole."""
    text = _SEPARATOR.join(_part(part) for part in parts)
    if len(text) <= MAX_KEY:
        return text
    return f"{text[: MAX_KEY - 34]}…{_digest(text)}"


@lru_cache(maxsize=65_536)  # names, sites and days repeat from row to row
def _part(text: str) -> str:
    return folded(text).replace(_SEPARATOR, "/")


def record_key(record_id: str, part: str = "") -> str:
    """The key of a record that the source names, and of one drug of it where it was split."""
    return key_text(["id:" + record_id, part]) if part else key_text(["id:" + record_id])


def fingerprint(cells: Mapping[str, str], values: Mapping[str, Any], naming: str) -> str:
    """A digest of all that a row says and is taken to mean; its file and row are no part of it."""
    return _digest(json.dumps([cells, values, naming], sort_keys=True, default=str, separators=(",", ":")))


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
