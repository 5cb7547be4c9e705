"""Who is asking: a partner application, by its key in the header `Authorization: Bearer tem_…`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from patients.trust.keys import ApiKey, find

#: The time of last use is written at most this often: reading a list should not write a row.
NOTED_EVERY = timedelta(minutes=1)


class ApiKeyAuthentication(BaseAuthentication):
    """Finds the key of the header; `request.user` is then the key's account, `request.auth` the key."""

    def authenticate(self, request: Request) -> tuple[Any, ApiKey] | None:
        scheme, _, rest = get_authorization_header(request).partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        key = find(rest.strip().decode("latin-1"))
        if key is None:
            # One answer for a wrong prefix and a wrong secret: a caller learns nothing about which keys exist.
            raise AuthenticationFailed("this is no key of this service")
        refusal = key.refusal()
        if refusal is not None:
            raise AuthenticationFailed(refusal)
        now = timezone.now()
        if key.last_used is None or key.last_used < now - NOTED_EVERY:
            stale = Q(last_used__isnull=True) | Q(last_used__lt=now - NOTED_EVERY)
            ApiKey.objects.filter(stale, pk=key.pk).update(last_used=now)
        return key.account, key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class ApiKeyScheme(OpenApiAuthenticationExtension):
    """How the OpenAPI document tells of keys."""

    target_class = "patients.api.authentication.ApiKeyAuthentication"
    name = "key"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "tem_<prefix>_<secret>",
            "description": "A key from `python manage.py create_api_key`, limited to scopes and registries.",
        }
