"""A registry's facts as columns: read from the database as the engines' records say, kept until a fact changes."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from matcher import snapshots
from matcher.engine.bulk.columns import Columns
from matcher.snapshots import store
from patients import actions, changes
from patients.models import ChangeLog, ObservationFact, Patient, Registry
from patients.selectors import keyed_patient_records
from patients.trust import protection as trails
from tests.shelf import DENIED, centre, uploaded

pytestmark = pytest.mark.django_db

#: Every kind of row and of gap: partial dates, contradictions, several concepts, doses, ranges, coverage.
MORE = {
    "conditions": (
        "patient_id,condition,kind,state,state_since,status,grade,date,end_date\n"
        "P-1,hypertension,comorbidity,controlled|treated,2024,present,,2019,\n"
        "P-1,neuropathy,toxicity,,,resolved,2,2025-03,2025-06-01\n"
        "P-2,something nobody knows,,,,,,,\n"
    ),
    "treatments": (
        "patient_id,treatment,kind,setting,line,start_date,end_date,ongoing,response,dose,dose_unit,cycles\n"
        "P-1,doxorubicin,drug,advanced,1,2024-01-10,2024-05-20,no,progressive disease,75,mg/m2,6\n"
        "P-1,trabectedin,drug,,,2024-06,,yes,,1.5,mg/m2,\n"
        "P-3,surgery,surgery,,,2021,,,,,,\n"
    ),
    "medications": (
        "patient_id,medication,start_date,ongoing,dose,dose_unit,frequency,route,indication\n"
        "P-2,dexamethasone,2025-12-01,yes,4,mg,daily,oral,premedication\n"
    ),
    "observations": (
        "patient_id,test,value,unit,date,ref_low,ref_high,method\n"
        "P-2,hemoglobin,>9.5,g/dL,2026-01-02,12,16,\n"
        "P-2,pregnancy_test,negative,,2026-01,,,\n"
        "P-3,creatinine,93,umol/L,2026-01-02,,,enzymatic\n"
    ),
    "biomarkers": (
        "patient_id,gene,alteration,result,variant,value,scale,date\n"
        "P-1,NTRK1,fusion,positive,,,,2024-02-02\nP-2,CD274,expression,,,15,CPS,2024\n"
    ),
    "disease_status": "patient_id,status,date,site\nP-1,progression,2024-05-21,lung\nP-2,relapse,,\n",
    "ranges": "test,unit,sex,low,high\nhemoglobin,g/dL,female,12,16\n",
}


@pytest.fixture
def registry(settings: Any, tmp_path: Path) -> Registry:
    settings.STATE_DIR = tmp_path / "state"
    found = centre(settings, tmp_path)
    uploaded(found, MORE)
    uploaded(found, {"patients": DENIED.format(id="P-6")})
    return found


def told(columns: Columns) -> dict[str, Any]:
    """Columns as plain lists, words instead of codes."""
    found: dict[str, Any] = {}
    for name, table in columns.tables.items():
        found[name] = {
            "patient": table.patient.tolist(), "order": table.order.tolist(), "starts": table.starts.tolist(),
            **{f"{k} from": v.tolist() for k, v in table.lo.items()},
            **{f"{k} to": v.tolist() for k, v in table.hi.items()},
            **{k: v.tolist() for k, v in table.day.items()},
            **{k: np.nan_to_num(v, nan=-1).tolist() for k, v in table.number.items()},
            **{k: v.tolist() for k, v in table.flag.items()},
            **{k: [v.values[code] for code in v.codes] for k, v in table.coded.items()},
        }  # fmt: skip
    for name in ("sexes", "policies", "ranges", "suspended"):
        column = getattr(columns, name)
        found[name] = [column.values[code] for code in column.codes]
    for name in ("birth_patient", "birth_lo", "birth_hi", "deceased", "death_lo", "death_hi", "data_through"):
        found[name] = getattr(columns, name).tolist()
    found["vital_conflict"] = columns.vital_conflict.tolist()
    return found


def records(registry: Registry) -> tuple[list[int], Columns]:
    """The same patients through the records of the reference evaluator."""
    found = list(keyed_patient_records(registry))
    return [key for key, _ in found], Columns.of([record for _, record in found])


def test_the_database_gives_the_same_columns_as_the_records(registry: Registry) -> None:
    keys, wanted = records(registry)

    found = snapshots.read_columns(registry, known_at=timezone.now())

    assert found.keys.tolist() == keys
    assert told(found.columns) == told(wanted)
    assert sum(table.rows for table in found.columns.tables.values()) > 20


def test_some_patients_alone_are_read_by_their_keys(registry: Registry) -> None:
    keys, _ = records(registry)
    wanted = [record for key, record in keyed_patient_records(registry) if key in keys[1:3]]

    found = snapshots.read_columns(registry, known_at=timezone.now(), keys=keys[1:3])

    assert found.keys.tolist() == keys[1:3]
    assert told(found.columns) == told(Columns.of(wanted))


def test_a_patient_of_another_registry_is_left_out_though_the_keys_lie_between(registry: Registry) -> None:
    other = actions.create_registry(name="other", by=None)
    uploaded(other, {"patients": "patient_id,sex\nX-1,male\n", "observations": "patient_id,test,value\nX-1,ecog,1\n"})
    uploaded(registry, {"patients": "patient_id,sex\nP-9,male\n"})
    keys, wanted = records(registry)

    found = snapshots.read_columns(registry, known_at=timezone.now())

    assert found.keys.tolist() == keys
    assert told(found.columns) == told(wanted)


def test_nobody_gives_empty_columns(settings: Any, tmp_path: Path) -> None:
    registry = actions.create_registry(name="empty", by=None)

    found = snapshots.read_columns(registry, known_at=timezone.now())

    assert found.columns.patients == 0
    assert snapshots.ranges_of(registry, known_at=timezone.now()) == []


def test_a_snapshot_serves_until_a_fact_of_its_patients_changes(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "BLOCK", 2)
    now = timezone.now()
    ranges = snapshots.ranges_of(registry, known_at=now)
    first = [snapshots.columns_of(registry, each, known_at=now) for each in ranges]
    read: list[Any] = []
    monkeypatch.setattr(store, "read_columns", lambda *args, **how: read.append(how["within"]) or real(*args, **how))
    real = snapshots.read_columns

    again = [snapshots.columns_of(registry, each, known_at=timezone.now()) for each in ranges]
    assert read == []
    assert [told(each.columns) for each in again] == [told(each.columns) for each in first]

    uploaded(registry, {"observations": "patient_id,test,value,date\nP-2,ecog,2,2026-01-09\n"})
    later = timezone.now()
    found = [snapshots.columns_of(registry, each, known_at=later) for each in ranges]
    changed = Patient.objects.get(patient_id="P-2").pk
    assert read == [each for each in ranges if each.first <= changed <= each.last]
    assert [told(each.columns) for each in found] != [told(each.columns) for each in first]

    # An instant before the change is not served by what was read after it.
    before = [snapshots.columns_of(registry, each, known_at=now) for each in ranges]
    assert [told(each.columns) for each in before] == [told(each.columns) for each in first]


def test_a_new_policy_holds_at_once_though_facts_come_from_a_snapshot(registry: Registry) -> None:
    now = timezone.now()
    within = snapshots.ranges_of(registry, known_at=now)[0]
    snapshots.columns_of(registry, within, known_at=now)
    actions.set_policy(
        registry=registry, domain="medications", policy="complete when present", scope="all", by=None, reason="clinic"
    )
    later = timezone.now() + timedelta(seconds=1)

    found = snapshots.columns_of(registry, within, known_at=later)

    policies = found.columns.policies
    assert any(policy.domain == "medications" for policy in policies.values[policies.codes[0]])


def test_a_broken_snapshot_is_read_anew(registry: Registry) -> None:
    now = timezone.now()
    within = snapshots.ranges_of(registry, known_at=now)[0]
    wanted = told(snapshots.columns_of(registry, within, known_at=now).columns)
    (path,) = store.kept(registry)
    for broken in (b"", b"MATCHCOL", path.read_bytes()[: len(path.read_bytes()) // 2], b"nonsense" * 100):
        path.write_bytes(broken)
        assert told(snapshots.columns_of(registry, within, known_at=now).columns) == wanted


def test_a_snapshot_of_what_a_restored_backup_does_not_hold_is_read_anew(registry: Registry) -> None:
    backup = changes.latest()
    before = timezone.now()
    uploaded(registry, {"observations": "patient_id,test,value,date\nP-2,ecog,2,2026-01-09\n"})
    now = timezone.now()
    within = snapshots.ranges_of(registry, known_at=now)[0]
    snapshots.columns_of(registry, within, known_at=now)
    # As restored: the fact is not there, and the key of its change was given to another.
    lost = ChangeLog.objects.filter(pk__gt=backup).get()
    ObservationFact.objects.filter(recorded_at__gt=before).delete()
    with trails.lifted(connection):
        QuerySet(ChangeLog).filter(pk=lost.pk).update(at=before)

    found = snapshots.columns_of(registry, within, known_at=now)

    assert told(found.columns) == told(snapshots.read_columns(registry, known_at=now, within=within).columns)


def test_what_a_killed_writer_left_is_removed_and_what_another_writes_is_not(registry: Registry) -> None:
    now = timezone.now()
    within = snapshots.ranges_of(registry, known_at=now)[0]
    snapshots.columns_of(registry, within, known_at=now)
    (path,) = store.kept(registry)
    left, being_written = path.with_name(".new-left"), path.with_name(".new-now")
    for each in (left, being_written):
        each.write_bytes(b"half")
    os.utime(left, (0, 0))
    path.unlink()

    snapshots.columns_of(registry, within, known_at=now)

    assert (left.exists(), being_written.exists(), path.exists()) == (False, True, True)
