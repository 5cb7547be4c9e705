"""`verify_audit`: walk the audit trail and tell where it was tampered with."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from patients.trust import audit


class Command(BaseCommand):
    help = (
        "Verify the audit trail: every event follows from the one before it, none is missing, none was changed, and "
        "the database still refuses changes. Prints the digest of the last event; note it outside the database and "
        "give it to a later run with --expect."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--expect", default="", metavar="DIGEST", help="a digest that an earlier run printed")
        parser.add_argument("--format", choices=("text", "json"), default="text")

    def handle(self, *args: Any, **options: Any) -> None:
        problems = list(audit.verify(expected_head=options["expect"]))
        events, digest = audit.head_digest()
        if options["format"] == "json":
            result = {
                "events": events,
                "head": digest,
                "problems": [{"event": problem.number, "text": problem.text} for problem in problems],
            }
            self.stdout.write(json.dumps(result))
        else:
            for problem in problems:
                self.stdout.write(str(problem))
            self.stdout.write(f"{events} events, head {digest or 'none'}")
        if problems:
            raise CommandError(f"the audit trail is not whole: {len(problems)} problem(s)")
