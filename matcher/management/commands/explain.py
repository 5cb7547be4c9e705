"""`explain REGISTRY PATIENT_ID`: why a patient fits a trial or not, and which options the statements rank."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from matcher.answers import explain
from matcher.management.arguments import add_as_of, as_of_in, patient_named, printing, registry_named, trials_named
from matcher.runs import DATA_THROUGH
from matcher.terminal import explanation_text
from patients import trust


class Command(BaseCommand):
    help = (
        "Explain one patient: every criterion of every published trial with what decided, and the treatment options, "
        "ranked, with what must not be used on top. With --trial only that trial, in full."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("registry", help="the registry, by its name")
        parser.add_argument("patient_id", help="the patient, by the registry's own id")
        parser.add_argument("--trial", metavar="ID", help="one trial, by its id, acronym or NCT number")
        add_as_of(parser)
        parser.add_argument("--format", choices=("text", "json"), default="text")

    def handle(self, *args: Any, **options: Any) -> None:
        as_of = as_of_in(options)
        only = trials_named([options["trial"]])[0].document.code if options["trial"] else None
        patient = patient_named(registry_named(options["registry"]), options["patient_id"])
        found = explain(patient, as_of=as_of)
        trust.viewed(actor=None, patient=patient, what="explain command")
        if as_of == DATA_THROUGH and found.record.data_through is None:
            self.stderr.write("the patient has no data_through: evaluated as of today")
        with printing():
            if options["format"] == "json":
                self.stdout.write(json.dumps(found.as_json(only=only)))
            else:
                self.stdout.write(explanation_text(found, only=only))
