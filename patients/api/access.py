"""What a caller may see: scopes say which questions, registries say of whom.

A key has its own list of both. A person who is signed in to the admin has the permissions of the pages, and sees
every registry. Every query of a view starts from `registries_of`, so what is not granted cannot be reached by any
address, filter or count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from django.db import transaction
from django.db.models import QuerySet
from rest_framework.exceptions import NotFound, ParseError, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from patients import trust
from patients.api.problems import TooLarge
from patients.models import Registry
from patients.trust.keys import ApiKey, Scope

#: The permission of the admin's pages that stands for a scope.
PERMISSION_OF_SCOPE = {
    Scope.TRIALS_READ: "trials.view_document",
    Scope.MATCHES_READ: "matcher.view_match",
    Scope.PATIENTS_READ: "patients.view_patient",
    Scope.IMPORTS_WRITE: "patients.add_upload",
    Scope.RUNS_WRITE: "matcher.add_matchrun",
}
#: Scopes of which each is needed; of a tuple any one.
Needed = tuple[Scope | tuple[Scope, ...], ...]
#: Largest body of a request that sends no file.
MAX_BODY = 1_000_000


def has_scope(request: Request, scope: Scope) -> bool:
    """Whether the key, or the person who is signed in, may ask questions of a scope."""
    if isinstance(request.auth, ApiKey):
        return scope in request.auth.scopes
    return bool(request.user.has_perm(PERMISSION_OF_SCOPE[scope]))


def registries_of(request: Request) -> QuerySet[Registry]:
    """The registries that exist for the caller."""
    if isinstance(request.auth, ApiKey):
        return Registry.objects.filter(api_keys=request.auth)
    return Registry.objects.all()


def registry_named(request: Request, name: str) -> Registry:
    """A registry by its handle. Raises NotFound, the same for one that is not granted."""
    registry = registries_of(request).filter(name=name).first()
    if registry is None:
        raise NotFound(f"there is no registry {name!r} for you; GET /api/v1/registries/ lists yours")
    return registry


def in_words(needed: Iterable[tuple[Scope, ...]], mark: str = "") -> str:
    """Scopes as a person reads them: `one or other and third`."""
    return " and ".join(" or ".join(f"{mark}{scope}{mark}" for scope in alternatives) for alternatives in needed)


class HasScope(BasePermission):
    """Every scope that the view names for its action."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not (request.user and request.user.is_authenticated):
            return False
        lacking = [
            alternatives
            for alternatives in view.scopes_needed()
            if not any(has_scope(request, scope) for scope in alternatives)
        ]
        if lacking:
            raise PermissionDenied(f"this needs the scope {in_words(lacking)}")
        return True


class Scoped:
    """A view that names the scopes it needs, per action where `scopes_of` has it, and the largest body it takes.

    Each entry is a scope, or several of which one suffices.
    """

    permission_classes = (HasScope,)
    scopes: ClassVar[Needed] = ()
    scopes_of: ClassVar[Mapping[str, Needed]] = {}
    max_body: ClassVar[int] = MAX_BODY
    #: Actions that start work or cost much, with the throttle that counts them.
    throttle_of: ClassVar[dict[str, str]] = {}

    def scopes_needed(self) -> list[tuple[Scope, ...]]:
        """What the present action needs: every entry, of each any one scope."""
        needed = self.scopes_of.get(getattr(self, "action", None) or "", self.scopes)
        return [(entry,) if isinstance(entry, Scope) else entry for entry in needed]

    def get_throttles(self) -> Any:
        # Read by ScopedRateThrottle; None: it does not count.
        self.throttle_scope = self.throttle_of.get(getattr(self, "action", None) or "")
        return super().get_throttles()  # type: ignore[misc]  # of the view it is mixed into

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)  # type: ignore[misc]  # as above
        # A server that is sent a body in pieces tells no length, and the body would be taken for an empty one.
        if request.META.get("HTTP_TRANSFER_ENCODING") and not request.META.get("CONTENT_LENGTH"):
            raise ParseError("the body came without Content-Length, so it was not read; send it in one piece")
        # Before the body is read, which happens when a view first asks for it.
        if int(request.META.get("CONTENT_LENGTH") or 0) > self.max_body:
            raise TooLarge(f"the body is larger than {self.max_body:,} bytes")


def audit_seen(request: Request, *, what: str, patients: Iterable[tuple[int, Registry]]) -> None:
    """Record that the caller saw these identified patients (primary key and registry): one row per registry."""
    by_registry: dict[Registry, list[int]] = {}
    for key, registry in patients:
        by_registry.setdefault(registry, []).append(key)
    if not by_registry:
        return
    with transaction.atomic():
        trust.record_all(
            (
                trust.Event(
                    action="patients listed", registry=registry, after={"what": what, "patients": sorted(set(keys))}
                )
                for registry, keys in by_registry.items()
            ),
            actor=request.user,
        )
