"""`create_api_key NAME`: give a partner application a key, and print it this one time."""

from __future__ import annotations

import json
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from patients.models import Registry
from patients.trust.issuing import MAX_DAYS, create_key
from patients.trust.keys import Scope


class Command(BaseCommand):
    help = (
        "Create a key of the API. It is printed once and cannot be had again: only the digest of its secret is kept. "
        "The key sees the registries named and no other."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="who uses the key")
        parser.add_argument(
            "--scope",
            action="append",
            required=True,
            choices=Scope.values,
            help="what it may do; give it once for each",
        )
        parser.add_argument("--registry", action="append", default=[], help="a registry it sees; give it once for each")
        parser.add_argument(
            "--days", type=int, default=365, help=f"how long it lives (default 365, at most {MAX_DAYS})"
        )
        parser.add_argument("--format", choices=("text", "json"), default="text")

    def handle(self, *args: Any, **options: Any) -> None:
        registries = list(Registry.objects.filter(name__in=options["registry"]))
        unknown = sorted(set(options["registry"]) - {registry.name for registry in registries})
        if unknown:
            known = ", ".join(Registry.objects.values_list("name", flat=True)) or "none yet"
            raise CommandError(f"there is no registry {', '.join(unknown)}; there are: {known}")
        try:
            key, text = create_key(
                name=options["name"], scopes=options["scope"], registries=registries, days=options["days"], by=None
            )
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from None
        if options["format"] == "json":
            self.stdout.write(
                json.dumps(
                    {
                        "name": key.name,
                        "key": text,
                        "scopes": key.scopes,
                        "registries": sorted(registry.name for registry in registries),
                        "expires_at": key.expires_at.isoformat(),
                    }
                )
            )
            return
        sees = ", ".join(sorted(registry.name for registry in registries)) or "no registry: trials and options only"
        self.stdout.write(text)
        self.stderr.write(
            f"{key.name}: {', '.join(key.scopes)}; {sees}; until {key.expires_at:%d %B %Y}. "
            "This is the only time the key is shown."
        )
