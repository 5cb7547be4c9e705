"""What people do to a registry: policies, ranges, names, answers. Old rows stay, and the reason stands beside them."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.exceptions import PermissionDenied, ValidationError

from patients import actions, selectors
from patients.intake import run_import
from patients.models import (
    AnswerFact,
    AuditEvent,
    ChangeLog,
    NameMapping,
    Patient,
    ReferenceRange,
    Registry,
    RegistryPolicy,
    TreatmentFact,
)

pytestmark = pytest.mark.django_db

TREATMENTS = (
    "patient_id,treatment,start_date\nP-1,Wunderdrug,2023-01\nP-2,wunder-drug,2022\nP-2,zauberdrug,2021\n"
    "P-1,doxorubicin,2020\n"
)


@pytest.fixture(autouse=True)
def _uploads_stay_with_the_test(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def registry() -> Registry:
    registry = actions.create_registry(name="centre", by=None, time_zone="Europe/Paris")
    upload(registry, "patients", "patient_id,sex\nP-1,f\nP-2,m\n")
    return registry


@pytest.fixture
def person() -> Any:
    return get_user_model().objects.create(username="marie")


@pytest.fixture
def investigator() -> Any:
    person = get_user_model().objects.create(username="investigator")
    person.user_permissions.add(Permission.objects.get(codename="override_criterion"))
    return person


def upload(registry: Registry, kind: str, content: str) -> Any:
    waiting = actions.start_import(
        registry=registry, by=None, file=io.BytesIO(content.encode()), file_name=f"{kind}.csv"
    )
    done = run_import(waiting.pk)
    assert done.state == "applied", done.error
    return done


def record(registry: Registry, patient_id: str = "P-1", **how: Any) -> Any:
    return selectors.patient_record(Patient.objects.get(registry=registry, patient_id=patient_id), **how)


# --- Registries ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "field"),
    [({"name": "two words"}, "name"), ({"time_zone": "Mars/Olympus"}, "time_zone"), ({"preset": "hospital"}, "preset")],
)
def test_a_registry_that_cannot_be(values: dict[str, str], field: str) -> None:
    with pytest.raises(ValidationError) as told:
        actions.create_registry(**{"name": "centre", "by": None, **values})
    assert field in told.value.message_dict


def test_a_policy_is_withdrawn_and_recorded_anew(registry: Registry, person: Any) -> None:
    first = actions.set_policy(
        registry=registry, domain="treatments", scope="drug", policy="complete when present", by=person
    )
    assert first.scope == "kind:drug"
    second = actions.set_policy(
        registry=registry, domain="treatments", scope="kind:drug", policy="open", by=person, reason="a mistake"
    )
    first.refresh_from_db()
    assert first.withdrawn_at == second.recorded_at
    event = AuditEvent.objects.latest("number")
    assert (event.before["policy"], event.after["policy"], event.reason) == (
        "complete when present", "open", "a mistake",
    )  # fmt: skip
    with pytest.raises(ValidationError, match="holds already"):
        actions.set_policy(registry=registry, domain="treatments", scope="drug", policy="open", by=person)
    with pytest.raises(ValidationError, match="means nothing known"):
        actions.set_policy(registry=registry, domain="treatments", scope="most", policy="open", by=person)
    before = record(registry, known_at=second.recorded_at - timedelta(microseconds=1))
    assert ("treatments", True) in [(each.domain, each.complete_when_present) for each in before.policies]


def test_a_registry_without_policies_has_the_default(registry: Registry, person: Any) -> None:
    policy = RegistryPolicy.objects.get(registry=registry)
    with pytest.raises(ValidationError, match="needs a reason"):
        actions.withdraw_policy(policy=policy, by=person, reason="")
    actions.withdraw_policy(policy=policy, by=person, reason="entered twice")
    assert [(each.domain, each.scope) for each in record(registry).policies] == [("conditions", "kind:primary")]
    with pytest.raises(ValidationError, match="withdrawn already"):
        actions.withdraw_policy(policy=policy, by=person, reason="again")


def test_a_range_in_any_unit(registry: Registry, person: Any) -> None:
    actions.set_range(registry=registry, test="ANC", unit="/uL", low=1800, high=7500, sex="female", by=person)
    actions.set_range(registry=registry, test="anc", unit="10*9/L", low=1.5, high=7.5, sex="female", by=person)
    assert [(each.low, each.high, each.sex) for each in record(registry).ranges] == [(1.5, 7.5, "female")]
    assert ReferenceRange.objects.filter(withdrawn_at__isnull=False).count() == 1
    for wrong, message in (({"unit": "furlong"}, "no unit of"), ({"test": "frob"}, "no test is called")):
        with pytest.raises(ValidationError, match=message):
            actions.set_range(**{"registry": registry, "test": "ANC", "unit": "/uL", "low": 1, "by": person, **wrong})
    with pytest.raises(ValidationError, match="cannot be above"):
        actions.set_range(registry=registry, test="ANC", unit="/uL", low=2, high=1, by=person)


# --- Names --------------------------------------------------------------------------------------------------------


def test_unmapped_names_are_queued_by_patients(registry: Registry) -> None:
    upload(registry, "treatments", TREATMENTS + "P-1,zauberdrug,2020\nP-2,wunder drug,2019\n")
    queued = selectors.unmapped_names(registry)
    assert [(each.domain, each.folded_name, each.patients) for each in queued] == [
        ("treatments", "zauberdrug", 2),
        ("treatments", "wunder drug", 1),
        ("treatments", "wunderdrug", 1),
    ]
    assert selectors.registry_summary(registry).unmapped == 3


def test_mapping_a_name_records_its_facts_again(registry: Registry, person: Any) -> None:
    done = upload(registry, "treatments", TREATMENTS)
    mapping = actions.map_name(
        registry=registry, domain="treatments", name=" WunderDrug ", concept="pazopanib", by=person, reason="letter"
    )
    first = record(registry)
    assert [treatment.concepts for treatment in first.treatments] == [("doxorubicin",), ("pazopanib",)]
    assert first.treatments[1].raw == "Wunderdrug"
    assert str(first.treatments[1].source) == f"upload {done.pk}, treatments.csv row 2, name mapped by a person"
    before = record(registry, known_at=mapping.recorded_at - timedelta(microseconds=1))
    assert [treatment.concepts for treatment in before.treatments] == [(), ("doxorubicin",)]
    assert ChangeLog.objects.filter(cause=f"mapping {mapping.pk}").count() == 1
    # The same file again: the name is read as it was mapped, and nothing is doubled.
    again = upload(registry, "treatments", TREATMENTS)
    assert (again.new, again.changed, again.unchanged) == (0, 0, 4)
    with pytest.raises(ValidationError, match="mapped so already"):
        actions.map_name(registry=registry, domain="treatments", name="wunderdrug", concept="pazopanib", by=person)


def test_a_mapping_for_all_registries_and_one_of_its_own(registry: Registry, person: Any) -> None:
    other = actions.create_registry(name="elsewhere", by=None)
    upload(other, "patients", "patient_id\nX-1\n")
    for each, patient in ((registry, "P-1"), (other, "X-1")):
        upload(each, "treatments", f"patient_id,treatment\n{patient},wunderdrug\n")
    actions.map_name(registry=other, domain="treatments", name="wunderdrug", concept="olaparib", by=person)
    actions.map_name(registry=None, domain="treatments", name="wunderdrug", concept="pazopanib", by=person)
    assert record(registry).treatments[0].concepts == ("pazopanib",)
    assert record(other, "X-1").treatments[0].concepts == ("olaparib",), "the registry's own mapping holds"


def test_a_mapping_taken_back(registry: Registry, person: Any) -> None:
    upload(registry, "treatments", TREATMENTS)
    mapping = actions.map_name(
        registry=registry, domain="treatments", name="wunderdrug", concept="pazopanib", by=person
    )
    actions.withdraw_mapping(mapping=mapping, by=person, reason="another drug after all")
    assert [treatment.concepts for treatment in record(registry).treatments] == [("doxorubicin",), ()]
    assert NameMapping.objects.filter(withdrawn_at__isnull=True).count() == 0
    assert TreatmentFact.objects.filter(folded_name="wunderdrug").count() == 3, "each reading is kept"
    with pytest.raises(ValidationError, match="withdrawn already"):
        actions.withdraw_mapping(mapping=mapping, by=person, reason="again")


def test_two_names_mapped_to_one_drug_of_one_day_conflict_and_do_not_collide(registry: Registry, person: Any) -> None:
    upload(
        registry, "treatments", "patient_id,treatment,start_date,response\nP-1,doxorubicin,2023,PD\nP-1,dx,2023,SD\n"
    )
    actions.map_name(registry=registry, domain="treatments", name="dx", concept="doxorubicin", by=person)
    assert [(each.concepts, each.response) for each in record(registry).treatments] == [
        (("doxorubicin",), "progressive disease"),
        (("doxorubicin",), "stable disease"),
    ]


@pytest.mark.parametrize(
    ("domain", "name", "concept", "message"),
    [
        ("treatments", "x", "doxorubicine-ish", "nearest"),
        ("treatments", "x", "leiomyosarcoma", "for treatments"),
        ("treatments", "  ", "doxorubicin", "empty"),
        ("disease_status", "x", "worse", "use one of"),
        ("coverage", "x", "all", "use one of"),
    ],
)
def test_a_mapping_that_means_nothing(
    registry: Registry, person: Any, domain: str, name: str, concept: str, message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        actions.map_name(registry=registry, domain=domain, name=name, concept=concept, by=person)


# --- Answers ------------------------------------------------------------------------------------------------------


def answer(registry: Registry, person: Any, **how: Any) -> AnswerFact:
    patient = Patient.objects.get(registry=registry, patient_id="P-1")
    return actions.record_answer(
        **{"patient": patient, "document": "LMS03", "version": 1, "criterion": "LMS03-E1", "truth": True, "by": person,
           **how}
    )  # fmt: skip


def test_an_answer_is_part_of_the_record(registry: Registry, person: Any) -> None:
    given = answer(registry, person, question="does it count?", reason="per protocol chair")
    (seen,) = record(registry).answers
    assert (seen.id, seen.document, seen.version, seen.criterion, seen.question) == (
        f"answer:{given.pk}", "LMS03", 1, "LMS03-E1", "does it count?",
    )  # fmt: skip
    assert (seen.truth, seen.by, seen.override) == (True, "marie", False)
    assert seen.valid_until == seen.on + timedelta(days=90)
    assert ChangeLog.objects.filter(cause="answer").count() == 1
    assert answer(registry, person, valid_days=None).valid_until is None


def test_answering_again_replaces_and_keeps(registry: Registry, person: Any) -> None:
    first = answer(registry, person)
    second = answer(registry, person, truth=False)
    assert [each.truth for each in record(registry).answers] == [False]
    then = second.recorded_at - timedelta(microseconds=1)
    assert [each.truth for each in record(registry, known_at=then).answers] == [True]
    first.refresh_from_db()
    assert first.withdrawn_by == person
    event = AuditEvent.objects.latest("number")
    assert (event.before["truth"], event.after["truth"]) == (True, False)


def test_an_override_needs_the_investigator_and_a_reason(registry: Registry, person: Any, investigator: Any) -> None:
    with pytest.raises(PermissionDenied, match="investigator"):
        answer(registry, person, override=True, reason="seen in clinic")
    with pytest.raises(ValidationError, match="needs a reason"):
        answer(registry, investigator, override=True, reason="  ")
    given = answer(registry, investigator, override=True, reason="seen in clinic")
    assert record(registry).answers[0].override
    with pytest.raises(PermissionDenied):
        actions.withdraw_answer(answer=given, by=person, reason="no")
    actions.withdraw_answer(answer=given, by=investigator, reason="lab corrected")
    assert record(registry).answers == ()
    with pytest.raises(ValidationError, match="withdrawn already"):
        actions.withdraw_answer(answer=given, by=investigator, reason="again")
    assert AuditEvent.objects.filter(action="criterion overridden").count() == 1
