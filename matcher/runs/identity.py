"""What an answer depends on besides facts, date and versions: the engine's own text, and what a registry declares.

A run names digests of both, so that two runs with equal names cannot have answered differently.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from functools import cache
from pathlib import Path

from django.core.serializers.json import DjangoJSONEncoder

import matcher
import patients
import trials
from patients.models import ReferenceRange, Registry, RegistryPolicy
from patients.selectors import known_at_filter

#: Raised by hand where the meaning of answers changes in a way people should be told.
GENERATION = "1"

_ROOMS = (
    (matcher, "engine"),
    (trials, "criteria"),
    (patients, "facts"),
    (patients, "vocabulary"),
)


@cache
def engine_version() -> str:
    """Generation and digest of the source of the pure rooms: equal versions give equal answers."""
    digest = hashlib.sha256()
    for package, room in _ROOMS:
        folder = Path(str(package.__file__)).parent / room
        for file in sorted(each for each in folder.rglob("*") if each.suffix in {".py", ".lark"}):
            digest.update(f"{room}/{file.relative_to(folder)}\0".encode())
            digest.update(file.read_bytes())
    return f"{GENERATION}+{digest.hexdigest()[:12]}"


def policy_digest(registry: Registry, *, known_at: datetime) -> str:
    """Digest of the policies and normal ranges that a registry declared at an instant."""
    leave_out = {"id", "registry", "recorded_at", "withdrawn_at", "recorded_by", "upload"}
    declared = [
        sorted(
            json.dumps(row, cls=DjangoJSONEncoder, sort_keys=True)
            for row in model._default_manager.filter(known_at_filter(known_at), registry=registry).values(
                *(field.name for field in model._meta.concrete_fields if field.name not in leave_out)
            )
        )
        for model in (RegistryPolicy, ReferenceRange)
    ]
    return hashlib.sha256(json.dumps(declared).encode()).hexdigest()[:16]
