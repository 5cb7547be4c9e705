"""The audit trail: a chain of rows in which each holds the digest of the one before, and one row that holds its end.

An event is written in the transaction of what it tells of, so neither can exist without the other. Changing, removing
or inserting a row breaks the chain, and cutting off its end disagrees with the head; `verify` says where.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import connection, models, transaction
from django.utils import timezone

from patients.models import AuditEvent, Patient, Registry, TrailHead
from patients.trust import protection

#: The name under which the system itself acts: a command or a worker, where no person is named.
SYSTEM = "system"

Actor = AbstractBaseUser | AnonymousUser | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing done: `target` is the row it was done to; `before` and `after` hold what JSON can hold."""

    action: str
    target: models.Model | None = None
    registry: Registry | None = None
    before: Any = None
    after: Any = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TrailProblem:
    """A place where the trail is not what was written: the number of the event (None: the whole) and what is wrong."""

    number: int | None
    text: str

    def __str__(self) -> str:
        return f"event {self.number}: {self.text}" if self.number is not None else self.text


def record(
    *,
    actor: Actor,
    action: str,
    target: models.Model | None = None,
    registry: Registry | None = None,
    before: Any = None,
    after: Any = None,
    reason: str = "",
) -> AuditEvent:
    """Append one event. `actor` None is the system itself. Call it inside the transaction of what it tells of.

    Raises TransactionManagementError outside of one, TypeError where `before` or `after` is not JSON.
    """
    event = Event(action=action, target=target, registry=registry, before=before, after=after, reason=reason)
    return record_all([event], actor=actor)[0]


def record_all(events: Iterable[Event], *, actor: Actor) -> list[AuditEvent]:
    """Append events in their order, in batches: what an upload of many patients uses."""
    head = lock_trail()
    now = timezone.now()
    person = actor if actor is not None and actor.is_authenticated else None
    name = person.get_username() if person is not None else SYSTEM
    rows: list[AuditEvent] = []
    for event in events:
        head.events += 1
        row = AuditEvent(
            number=head.events,
            at=now,
            actor=person,
            actor_name=name,
            action=event.action,
            object_type=event.target._meta.label_lower if event.target is not None else "",
            object_id=str(event.target.pk) if event.target is not None else "",
            registry=event.registry,
            before=event.before,
            after=event.after,
            reason=event.reason,
            previous=head.digest,
        )
        row.digest = head.digest = digest(row)
        rows.append(row)
    AuditEvent.objects.bulk_create(rows, batch_size=500)
    head.save(update_fields=["events", "digest"])
    return rows


def viewed(*, actor: Actor, patient: Patient, what: str) -> AuditEvent:
    """Record that a person saw an identified patient; `what` names the page, answer or export."""
    with transaction.atomic():
        return record(actor=actor, action="patient viewed", target=patient, registry=patient.registry, after=what)


def lock_trail() -> TrailHead:
    """The head of the trail, locked until the transaction ends, so that rows of the trails commit in their order."""
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("an audit row belongs into the transaction of what it tells of")
    TrailHead.objects.get_or_create(id=1)
    return TrailHead.objects.select_for_update().get(id=1)


def digest(event: AuditEvent) -> str:
    """SHA-256 over everything the event says and the digest of the one before, as canonical JSON."""
    return hashlib.sha256(
        json.dumps(
            [
                event.number,
                event.at.astimezone(UTC).isoformat(timespec="microseconds"),
                event.actor_id,
                event.actor_name,
                event.action,
                event.object_type,
                event.object_id,
                event.registry_id,
                _settled(event.before),
                _settled(event.after),
                event.reason,
                event.previous,
            ],
            sort_keys=True,
            separators=(",", ":"),
            ensure_ascii=False,
        ).encode()
    ).hexdigest()


def _settled(value: Any) -> Any:
    """JSON in the form in which every database gives it back: one may return 1e16 as a whole number, and 1.0 as 1.0."""
    if isinstance(value, dict):
        return {name: _settled(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_settled(each) for each in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def verify(*, expected_head: str = "") -> Iterator[TrailProblem]:
    """Walk the whole trail and tell every place where it was tampered with; nothing told: it is whole.

    `expected_head` is a digest noted earlier outside the database: it must still stand somewhere in the chain, which
    shows a trail that was rewritten from the start.
    """
    for missing in protection.missing(connection):
        yield TrailProblem(None, f"the database no longer protects the trail: trigger {missing} is gone")
    number, last, seen_expected = 0, "", not expected_head
    for event in AuditEvent.objects.order_by("number").iterator(chunk_size=2000):
        number += 1
        if event.number != number:
            yield TrailProblem(event.number, f"{event.number - number} event(s) before it are missing")
            number = event.number
        elif event.previous != last:
            yield TrailProblem(event.number, "it does not follow from the event before it")
        if digest(event) != event.digest:
            yield TrailProblem(event.number, "its content is not what was written")
        last = event.digest
        seen_expected = seen_expected or last == expected_head
    head = TrailHead.objects.filter(id=1).first() or TrailHead()
    if (head.events, head.digest) != (number, last):
        yield TrailProblem(None, f"the trail ends at event {number}, but its head says {head.events}")
    if not seen_expected:
        yield TrailProblem(None, "the digest noted earlier stands nowhere in the trail")


def head_digest() -> tuple[int, str]:
    """How many events the trail holds and the digest of the last: to be noted outside the database."""
    head = TrailHead.objects.filter(id=1).first() or TrailHead()
    return head.events, head.digest


def as_json(instance: models.Model, fields: Sequence[str]) -> dict[str, Any]:
    """The named fields of a row in a form that JSON holds: dates and instants as ISO text."""
    return {name: _plain(getattr(instance, name)) for name in fields}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, models.Model):
        return value.pk
    return value
