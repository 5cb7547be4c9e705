"""`revoke_api_key NAME --reason TEXT`: end a key of the API now."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from patients.trust.issuing import revoke_key
from patients.trust.keys import ApiKey


class Command(BaseCommand):
    help = "Revoke a key of the API: the next request with it is refused. Its audit rows stay."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the name it was created under")
        parser.add_argument("--reason", required=True, help="why; it stands in the audit trail")

    def handle(self, *args: Any, **options: Any) -> None:
        key = ApiKey.objects.filter(name=options["name"]).first()
        if key is None:
            raise CommandError(f"there is no key {options['name']!r}")
        try:
            revoke_key(key=key, by=None, reason=options["reason"])
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from None
        self.stdout.write(f"{key.name} is revoked")
