"""The trails: chained, append-only for Python and for SQL, and broken visibly by whoever gets past both."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from patients import actions, changes, trust
from patients.models import AppendOnlyError, AuditEvent, ChangeLog, Patient, Registry, TrailHead
from patients.trust import audit, protection

pytestmark = pytest.mark.django_db


@pytest.fixture
def trail() -> list[AuditEvent]:
    with transaction.atomic():
        for number in range(3):
            trust.record(
                actor=None, action=f"act {number}", before={"n": number}, after={"n": number + 1}, reason="why"
            )
    return list(AuditEvent.objects.all())


def problems(**how: Any) -> list[str]:
    return [str(problem) for problem in trust.verify(**how)]


def tamper(sql: str, *values: Any) -> None:
    """What an intruder with the password of the database does: past the triggers, which are back afterwards."""
    with protection.lifted(connection), connection.cursor() as cursor:
        cursor.execute(sql, values)


def test_events_follow_from_each_other(trail: list[AuditEvent]) -> None:
    assert [event.number for event in trail] == [1, 2, 3]
    assert [event.previous for event in trail] == ["", trail[0].digest, trail[1].digest]
    assert (trail[0].actor, trail[0].actor_name, trail[0].reason) == (None, "system", "why")
    assert problems() == []
    assert problems(expected_head=trail[1].digest) == []


def test_who_and_what() -> None:
    person = get_user_model().objects.create(username="marie")
    registry = actions.create_registry(name="centre", by=person)
    event = AuditEvent.objects.get(action="registry created")
    assert (event.actor, event.actor_name, event.registry) == (person, "marie", registry)
    assert (event.object_type, event.object_id) == ("patients.registry", str(registry.pk))
    assert event.after["preset"] == "cancer registry"


def test_a_view_of_a_patient_is_an_event() -> None:
    person = get_user_model().objects.create(username="marie")
    registry = Registry.objects.create(name="centre")
    patient = Patient.objects.create(registry=registry, patient_id="P-1")
    event = trust.viewed(actor=person, patient=patient, what="record page")
    assert (event.action, event.object_id, event.after) == ("patient viewed", str(patient.pk), "record page")


@pytest.mark.parametrize("table", [AuditEvent, ChangeLog])
def test_python_cannot_change_or_delete(trail: list[AuditEvent], table: type[Any]) -> None:
    changes.registry_changed(Registry.objects.create(name="centre"), cause="policy")
    row = table.objects.latest("pk")
    for attempt in (row.save, row.delete, table.objects.all().delete, lambda: table.objects.update(at=None)):
        with pytest.raises(AppendOnlyError):
            attempt()


@pytest.mark.parametrize("table", protection.TABLES)
@pytest.mark.parametrize("verb", ["UPDATE {} SET at = at", "DELETE FROM {}"])
def test_sql_cannot_change_or_delete(trail: list[AuditEvent], table: str, verb: str) -> None:
    changes.registry_changed(Registry.objects.create(name="centre"), cause="policy")
    with (
        pytest.raises(DatabaseError, match="neither be changed nor deleted"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(verb.format(table))


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("UPDATE patients_auditevent SET reason = 'better' WHERE number = 2",
         ["event 2: its content is not what was written"]),
        ("UPDATE patients_auditevent SET actor_name = 'someone' WHERE number = 3",
         ["event 3: its content is not what was written"]),
        ("DELETE FROM patients_auditevent WHERE number = 2", ["event 3: 1 event(s) before it are missing"]),
        ("DELETE FROM patients_auditevent WHERE number = 3", ["the trail ends at event 2, but its head says 3"]),
        ("DELETE FROM patients_auditevent", ["the trail ends at event 0, but its head says 3"]),
    ],
    ids=["changed", "blamed on another", "taken out", "cut off", "emptied"],
)  # fmt: skip
def test_tampering_is_found(trail: list[AuditEvent], sql: str, told: list[str]) -> None:
    tamper(sql)
    assert problems() == told


def test_a_trail_written_anew_lacks_the_digest_noted_elsewhere(trail: list[AuditEvent]) -> None:
    noted = trail[-1].digest
    tamper("DELETE FROM patients_auditevent")
    TrailHead.objects.all().delete()
    with transaction.atomic():
        trust.record(actor=None, action="nothing happened here")
    assert problems() == [], "the chain alone cannot tell"
    assert problems(expected_head=noted) == ["the digest noted earlier stands nowhere in the trail"]


def test_lost_triggers_are_told(trail: list[AuditEvent]) -> None:
    protection.remove(connection)
    told = problems()
    protection.install(connection)
    assert len(told) == len(protection.names(connection))
    assert all("no longer protects the trail" in text for text in told)


@pytest.mark.django_db(transaction=True)
def test_an_event_belongs_into_a_transaction() -> None:
    with pytest.raises(transaction.TransactionManagementError):
        trust.record(actor=None, action="alone")


def test_an_action_undone_leaves_no_event(trail: list[AuditEvent]) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        trust.record(actor=None, action="undone")
        raise RuntimeError
    assert AuditEvent.objects.count() == 3
    assert problems() == []


def test_command_verifies(trail: list[AuditEvent]) -> None:
    output = io.StringIO()
    call_command("verify_audit", "--format", "json", "--expect", trail[0].digest, stdout=output)
    assert json.loads(output.getvalue()) == {"events": 3, "head": trail[2].digest, "problems": []}
    assert audit.head_digest() == (3, trail[2].digest)
    tamper("UPDATE patients_auditevent SET action = 'x' WHERE number = 1")
    with pytest.raises(CommandError, match="1 problem"):
        call_command("verify_audit", stdout=io.StringIO())


def test_changes_are_read_by_cursor() -> None:
    registry = Registry.objects.create(name="centre")
    patients = [Patient.objects.create(registry=registry, patient_id=f"P-{i}") for i in range(3)]
    start = changes.latest()
    with transaction.atomic():
        changes.patients_changed(patients[:2], registry=registry, cause="upload 1")
    first = changes.since(start)
    assert [change.patient_id for change in first] == [patients[0].pk, patients[1].pk]
    with transaction.atomic():
        changes.patients_changed([patients[2].pk], registry=registry, cause="answer")
        changes.registry_changed(registry, cause="policy")
    later = changes.since(first[-1].pk)
    assert [(change.kind, change.patient_id) for change in later] == [("patient", patients[2].pk), ("registry", None)]
    assert changes.since(changes.latest()) == []
    assert len(changes.since(start, limit=1)) == 1
