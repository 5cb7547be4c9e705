"""Giving a key out and taking it back: the only two writes about keys, each with its audit row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from patients.models import Registry
from patients.trust import audit
from patients.trust.keys import ApiKey, Secret, check_scopes, digest

User = AbstractBaseUser

#: The longest a key may live: a forgotten one ends by itself.
MAX_DAYS = 730


@transaction.atomic
def create_key(
    *, name: str, scopes: Sequence[str], registries: Sequence[Registry], days: int, by: User | None
) -> tuple[ApiKey, str]:
    """A new key and its text, which is nowhere kept: whoever loses it gets another key.

    Raises ValidationError for a name that is taken, an unknown scope, or days out of range.
    """
    name = name.strip()
    scopes = sorted(set(scopes))
    check_scopes(scopes)
    if not 1 <= days <= MAX_DAYS:
        raise ValidationError({"days": f"a key lives from 1 to {MAX_DAYS} days, not {days}"})
    if not name or ApiKey.objects.filter(name=name).exists():
        raise ValidationError({"name": f"another key is called {name!r}" if name else "a key needs a name"})
    secret = Secret.new()
    users = get_user_model()
    # Named by the public part: two keys of one partner stay apart in the audit trail.
    account = users(username=f"api-key-{secret.prefix}", first_name=f"API key: {name}"[:150])
    account.set_unusable_password()
    account.save()
    key = ApiKey(
        name=name,
        prefix=secret.prefix,
        secret_hash=digest(secret.secret),
        account=account,
        scopes=scopes,
        expires_at=timezone.now() + timedelta(days=days),
        created_by=by,
    )
    key.clean_fields()
    key.save()
    key.registries.set(registries)
    audit.record(
        actor=by,
        action="API key created",
        target=key,
        after={
            "name": name,
            "prefix": secret.prefix,
            "scopes": scopes,
            "registries": sorted(registry.name for registry in registries),
            "expires_at": key.expires_at.isoformat(),
        },
    )
    return key, str(secret)


@transaction.atomic
def revoke_key(*, key: ApiKey, by: User | None, reason: str) -> None:
    """End a key now. Raises ValidationError without a reason, or where it is revoked already."""
    if not reason.strip():
        raise ValidationError({"reason": "revoking a key needs a reason"})
    key = ApiKey.objects.select_for_update().get(pk=key.pk)
    if key.revoked_at is not None:
        raise ValidationError("this key is revoked already")
    key.revoked_at, key.revoked_by = timezone.now(), by
    key.save(update_fields=["revoked_at", "revoked_by"])
    audit.record(
        actor=by,
        action="API key revoked",
        target=key,
        before={"name": key.name, "prefix": key.prefix},
        reason=reason.strip(),
    )
