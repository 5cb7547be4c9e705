"""Keys of partner applications: who may ask what, about which registries, until when.

Of a key only the digest of its secret is kept. The secret has 256 random bits, so one round of SHA-256 says as little
about it as a slow hash would, and a key is checked in microseconds on every call. Each key acts as an account of its
own, so that audit rows, uploads and runs name it as they name a person.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from patients.models.registries import Registry

#: Every key begins with this, so that one that leaked into a repository or a log is found by a search.
MARK = "tem"
#: Hexadecimal digits of the public part, by which the row is found, and of the secret.
PREFIX_DIGITS, SECRET_DIGITS = 12, 64


class Scope(models.TextChoices):
    """What a key may do. Registries limit it further; trials and options belong to no registry."""

    TRIALS_READ = "trials:read", "read trials and options, and check rules"
    MATCHES_READ = "matches:read", "read runs, counts and matches"
    PATIENTS_READ = "patients:read", "read patients with their facts, and with matches:read explanations"
    IMPORTS_WRITE = "imports:write", "start imports, and read what became of them"
    RUNS_WRITE = "runs:write", "start match runs"


def check_scopes(scopes: object) -> None:
    """Raise ValidationError unless it is a list of known scopes with at least one."""
    if not isinstance(scopes, list) or not scopes:
        raise ValidationError("A key needs at least one scope.")
    unknown = sorted({str(each) for each in scopes} - set(Scope.values))
    if unknown:
        raise ValidationError(f"Unknown scope {', '.join(unknown)}: use {', '.join(Scope.values)}.")


class ApiKey(models.Model):
    """A key without its secret: its public part, what it may do, and when it ends."""

    name = models.CharField(max_length=120, unique=True, help_text="Who uses it, such as the partner's name.")
    prefix = models.CharField(max_length=PREFIX_DIGITS, unique=True, editable=False)
    secret_hash = models.CharField(max_length=64, editable=False, help_text="SHA-256 of the secret.")
    account = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="api_key",
        help_text="The login without a password under which the key acts.",
    )  # fmt: skip
    scopes = models.JSONField(default=list, validators=[check_scopes])
    registries = models.ManyToManyField(
        Registry, blank=True, related_name="api_keys", help_text="Any other registry does not exist for the key."
    )
    expires_at = models.DateTimeField()
    last_used = models.DateTimeField(null=True, blank=True, editable=False, help_text="To the minute.")
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        verbose_name = "API key"
        ordering = ("name",)
        constraints = (
            models.CheckConstraint(
                condition=~Q(name="") & ~Q(prefix="") & ~Q(secret_hash=""),
                name="api_key_is_whole",
                violation_error_message="A key has a name, a public part and the digest of its secret.",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("created_at")),
                name="api_key_expires_later",
                violation_error_message="A key expires after it was made.",
            ),
            models.CheckConstraint(
                condition=Q(revoked_by__isnull=True) | Q(revoked_at__isnull=False),
                name="api_key_revoker_has_time",
                violation_error_message="A key that someone revoked says when.",
            ),
        )

    def __str__(self) -> str:
        return self.name

    def matches(self, secret: str) -> bool:
        """Whether this is its secret, compared in constant time."""
        return hmac.compare_digest(digest(secret), self.secret_hash)

    def refusal(self, now: datetime | None = None) -> str | None:
        """Why the key cannot be used at an instant (default: now), or None where it can."""
        if self.revoked_at is not None:
            return "this key was revoked"
        if self.expires_at <= (now or timezone.now()):
            return "this key has expired"
        if not self.account.is_active:
            return "the account of this key is switched off"
        return None


@dataclass(frozen=True, slots=True)
class Secret:
    """The two parts of a key as its holder writes it."""

    prefix: str
    secret: str

    @classmethod
    def new(cls) -> Secret:
        """Random parts."""
        return cls(secrets.token_hex(PREFIX_DIGITS // 2), secrets.token_hex(SECRET_DIGITS // 2))

    @classmethod
    def read(cls, text: str) -> Secret | None:
        """The parts of `tem_<prefix>_<secret>`, or None for anything that no key can be."""
        parts = text.split("_")
        if len(parts) != 3 or parts[0] != MARK:
            return None
        if (len(parts[1]), len(parts[2])) != (PREFIX_DIGITS, SECRET_DIGITS):
            return None
        return cls(parts[1], parts[2])

    def __str__(self) -> str:
        return f"{MARK}_{self.prefix}_{self.secret}"

    def __repr__(self) -> str:
        return f"Secret({self.prefix})"


def digest(secret: str) -> str:
    """SHA-256 of a secret in hexadecimal digits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def find(text: str) -> ApiKey | None:
    """The key that a holder's text is, usable or not; None where there is no such key or the secret is wrong."""
    parts = Secret.read(text)
    if parts is None:
        return None
    key = ApiKey.objects.select_related("account").filter(prefix=parts.prefix).first()
    return key if key is not None and key.matches(parts.secret) else None
