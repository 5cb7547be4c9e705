"""The change log: which patients and registries changed, appended with the change, read by cursor by whoever matches.

Nothing here knows who reads. Rows are appended under the lock of the audit trail, which is held until the
transaction commits, so rows become visible in the order of their ids and a cursor never steps over one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from django.utils import timezone

from patients.models import ChangeLog, Patient, Registry
from patients.trust.audit import lock_trail

#: Who wants to hear at once, inside the transaction of the change, of which registry (by key) something changed. The
#: log is the truth: whoever listens may miss a word, and loses only time.
_LISTENERS: list[Callable[[int], None]] = []


def listen(told: Callable[[int], None]) -> None:
    """Have `told` called with the key of a registry after each change is appended, before it is committed."""
    if told not in _LISTENERS:
        _LISTENERS.append(told)


def _tell(registry: Registry) -> None:
    for told in _LISTENERS:
        told(registry.pk)


def patients_changed(
    patients: Iterable[Patient | int], *, registry: Registry, cause: str, at: datetime | None = None
) -> None:
    """Append one row per patient (or primary key of one) whose facts, answers or suspensions changed."""
    lock_trail()
    at = at or timezone.now()
    ChangeLog.objects.bulk_create(
        (
            ChangeLog(
                kind=ChangeLog.Kind.PATIENT,
                registry=registry,
                patient_id=patient.pk if isinstance(patient, Patient) else patient,
                cause=cause,
                at=at,
            )
            for patient in patients
        ),
        batch_size=500,
    )
    _tell(registry)


def registry_changed(registry: Registry, *, cause: str, at: datetime | None = None) -> None:
    """Append that policies or ranges of a registry changed, which may change every patient of it."""
    lock_trail()
    ChangeLog.objects.create(kind=ChangeLog.Kind.REGISTRY, registry=registry, cause=cause, at=at or timezone.now())
    _tell(registry)


def since(cursor: int, *, limit: int = 1000) -> list[ChangeLog]:
    """The changes after a cursor, oldest first; the id of the last is the next cursor."""
    return list(ChangeLog.objects.filter(id__gt=cursor).order_by("id")[:limit])


def latest() -> int:
    """The cursor at the end of the log: 0 where nothing has changed yet."""
    return ChangeLog.objects.order_by("-id").values_list("id", flat=True).first() or 0
