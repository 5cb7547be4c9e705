"""Keys: what they open and what they do not, how they end, and what the trail says of them."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.utils import timezone
from rest_framework.test import APIClient

from patients import trust
from patients.models import AuditEvent
from patients.trust.issuing import create_key, revoke_key
from patients.trust.keys import ApiKey, Scope, Secret
from tests.api.conftest import number

pytestmark = pytest.mark.django_db

LIST = "/api/v1/registries/"


def with_header(value: str) -> Any:
    return APIClient(HTTP_AUTHORIZATION=value).get(LIST)


def test_a_key_opens_the_door_and_says_when_it_did(client_of: Callable[..., APIClient]) -> None:
    client = client_of()
    assert client.get(LIST).status_code == 200
    key = ApiKey.objects.get()
    assert key.last_used is not None
    noted = key.last_used
    client.get(LIST)
    key.refresh_from_db()
    assert key.last_used == noted  # written once a minute, not at every request


def test_no_secret_is_kept(client_of: Callable[..., APIClient]) -> None:
    _, text = create_key(name="one", scopes=["trials:read"], registries=[], days=1, by=None)
    secret = Secret.read(text)
    assert secret is not None
    key = ApiKey.objects.get()
    assert secret.secret not in str(list(ApiKey.objects.values())) + repr(secret)
    assert secret.secret not in str(list(AuditEvent.objects.values()))
    assert key.matches(secret.secret) and not key.matches(secret.secret[::-1])
    assert not key.account.has_usable_password()


@pytest.mark.parametrize("spoil", ["tem_000000000000_" + "0" * 64, "tem__", "", "hello", "tem_x_y_z", "ü"])
def test_what_is_no_key_is_refused_alike(spoil: str) -> None:
    response = with_header(f"Bearer {spoil}".encode().decode("latin-1"))
    assert response.status_code == 401
    assert response.json()["detail"] == "this is no key of this service"
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_wrong_secret_is_refused_like_a_wrong_key() -> None:
    _, text = create_key(name="one", scopes=["trials:read"], registries=[], days=1, by=None)
    changed = text[:-1] + ("0" if text[-1] != "0" else "1")
    assert with_header(f"Bearer {changed}").json()["detail"] == "this is no key of this service"
    assert with_header(f"Basic {text}").status_code == 401


def test_expired_revoked_and_switched_off_keys_are_refused(client_of: Callable[..., APIClient]) -> None:
    expired, revoked, off = client_of(), client_of(), client_of()
    now = timezone.now()
    ApiKey.objects.filter(pk=expired.key.pk).update(created_at=now - timedelta(days=9), expires_at=now)
    revoke_key(key=revoked.key, by=None, reason="lost")
    off.key.account.is_active = False
    off.key.account.save()
    said = [client.get(LIST).json()["detail"] for client in (expired, revoked, off)]
    assert said == ["this key has expired", "this key was revoked", "the account of this key is switched off"]


def test_the_trail_tells_of_both_ends_of_a_key(client_of: Callable[..., APIClient]) -> None:
    key = client_of(scopes=("trials:read",), name="partner").key
    revoke_key(key=key, by=None, reason="contract ended")
    made, ended = AuditEvent.objects.filter(object_type="patients.apikey").order_by("number")
    assert (made.action, made.after["scopes"]) == ("API key created", ["trials:read"])
    assert (ended.action, ended.reason) == ("API key revoked", "contract ended")
    assert list(trust.verify()) == []
    with pytest.raises(ValidationError, match="already"):
        revoke_key(key=key, by=None, reason="again")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"scopes": []}, "at least one scope"),
        ({"scopes": ["patients:write"]}, "Unknown scope patients:write"),
        ({"days": 0}, "from 1 to"),
        ({"days": 10_000}, "from 1 to"),
        ({"name": " "}, "needs a name"),
        ({"name": "taken"}, "another key"),
    ],
)
def test_a_key_that_makes_no_sense_is_not_made(wrong: dict[str, Any], says: str) -> None:
    create_key(name="taken", scopes=["trials:read"], registries=[], days=1, by=None)
    right: dict[str, Any] = {"name": "new", "scopes": ["trials:read"], "registries": [], "days": 30, "by": None}
    with pytest.raises(ValidationError, match=says):
        create_key(**{**right, **wrong})
    assert ApiKey.objects.count() == 1


def test_the_command_prints_the_key_once(centre: Any) -> None:
    out, err = io.StringIO(), io.StringIO()
    call_command(
        "create_api_key", "partner", "--scope", "patients:read", "--registry", "centre", stdout=out, stderr=err
    )
    assert with_header(f"Bearer {out.getvalue().strip()}").json()["results"][0]["name"] == "centre"
    assert "only time" in err.getvalue()
    with pytest.raises(CommandError, match="there are: centre"):
        call_command("create_api_key", "other", "--scope", "patients:read", "--registry", "center")
    call_command("revoke_api_key", "partner", "--reason", "test", stdout=out)
    assert with_header(f"Bearer {out.getvalue().split()[0]}").status_code == 401


NEEDS = {
    "/api/v1/trials/": "trials:read",
    "/api/v1/options/": "trials:read",
    "/api/v1/patients/": "patients:read",
    "/api/v1/registries/centre/summary/": "patients:read",
    "/api/v1/imports/": "imports:write",
    "/api/v1/runs/": "matches:read",
    "/api/v1/matches/?registry=centre": "matches:read",
    "/api/v1/status-changes/": "matches:read",
}


@pytest.mark.parametrize("address", NEEDS)
def test_each_address_needs_its_scope_and_no_other(
    centre: Any, client_of: Callable[..., APIClient], address: str
) -> None:
    needed = NEEDS[address]
    others = tuple(scope for scope in Scope.values if scope != needed)
    assert client_of(centre, scopes=(needed,)).get(address).status_code == 200
    refused = client_of(centre, scopes=others).get(address)
    assert (refused.status_code, refused.json()["detail"]) == (403, f"this needs the scope {needed}")


def test_an_explanation_needs_both_scopes(centre: Any, client_of: Callable[..., APIClient]) -> None:
    address = f"/api/v1/patients/{number(centre, 'P-1')}/explanation/"
    for scopes in (("matches:read",), ("patients:read",)):
        assert client_of(centre, scopes=scopes).get(address).status_code == 403
    assert client_of(centre, scopes=("matches:read", "patients:read")).get(address).status_code == 200


def test_another_registry_does_not_exist(api: APIClient, elsewhere: Any, shelf: Any) -> None:
    patient, upload = number(elsewhere, "X-1"), elsewhere.uploads.get().pk
    assert [each["name"] for each in api.get(LIST).json()["results"]] == ["centre"]
    assert {each["registry"] for each in api.get("/api/v1/patients/").json()["results"]} == {"centre"}
    assert {each["registry"] for each in api.get("/api/v1/imports/").json()["results"]} == {"centre"}
    unknown = api.get("/api/v1/registries/nowhere/").json()
    for address in (
        "/api/v1/registries/elsewhere/",
        "/api/v1/registries/elsewhere/summary/",
        "/api/v1/patients/?registry=elsewhere",
        "/api/v1/imports/?registry=elsewhere",
        "/api/v1/runs/?registry=elsewhere",
        "/api/v1/matches/?registry=elsewhere",
        "/api/v1/status-changes/?registry=elsewhere",
        f"/api/v1/patients/{patient}/",
        f"/api/v1/patients/{patient}/explanation/",
        f"/api/v1/matches/?patient={patient}",
        f"/api/v1/imports/{upload}/",
        f"/api/v1/imports/{upload}/problems/",
        f"/api/v1/imports/{upload}/rejected/",
    ):
        answer = api.get(address)
        assert (answer.status_code, answer.json()["type"]) == (404, unknown["type"]), address
    for address, body in (
        ("/api/v1/runs/", {"registry": "elsewhere"}),
        ("/api/v1/patients/lookup/", {"registry": "elsewhere", "patient_ids": ["X-1"]}),
        ("/api/v1/rules/evaluate/", {"registry": "elsewhere", "rule": "ecog <= 2"}),
    ):
        assert api.post(address, body, format="json").status_code == 404, address
    assert not AuditEvent.objects.filter(registry=elsewhere, action="patient viewed").exists()


def test_a_person_who_is_signed_in_asks_with_the_permissions_of_the_pages(
    centre: Any, django_user_model: Any, admin_user: Any
) -> None:
    client = APIClient()
    client.force_login(django_user_model.objects.create_user("someone"))
    assert client.get("/api/v1/patients/").status_code == 403
    client.force_login(admin_user)
    assert len(client.get("/api/v1/patients/").json()["results"]) == 3
