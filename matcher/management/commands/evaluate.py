"""`evaluate RULE`: try a rule of the criteria language on the patients there are."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from matcher.answers import Evaluation, RuleRefused, evaluate_over, read_rule
from matcher.engine import Finding
from matcher.management.arguments import Progress, add_as_of, as_of_in, printing, registries_in
from matcher.pages import evidence_shown
from matcher.terminal import table, width
from patients import trust
from patients.models import Registry
from patients.selectors import registry_patients
from patients.vocabulary import default
from patients.wording import with_days
from trials.criteria.errors import InvalidNode, RuleError


class Command(BaseCommand):
    help = (
        "Try a rule: its reading in English, then how many patients meet it and the truth for each of them, the dead "
        'among them. Quote the rule: evaluate "has diagnosis(leiomyosarcoma) and ecog <= 2". Exits with 1 where the '
        "rule cannot be read, saying where and what was expected."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("rule", help="a rule of the criteria language")
        parser.add_argument("--registry", metavar="NAME", help="default: every registry")
        add_as_of(parser)
        parser.add_argument("--format", choices=("table", "json"), default="table")

    def handle(self, *args: Any, **options: Any) -> None:
        as_of = as_of_in(options)
        try:
            reading = read_rule(options["rule"])
        except RuleError as problem:
            raise CommandError(f"the rule cannot be read: {problem}") from None
        except InvalidNode as problem:
            raise CommandError(f"the rule means nothing: {problem}") from None
        except RuleRefused as problem:
            raise CommandError("\n".join(f"{each.message} ({each.remedy})" for each in problem.findings)) from None
        for warning in reading.warnings:
            self.stderr.write(f"warning: {warning.message} ({warning.remedy})")
        registries = registries_in(options)
        found = self._evaluate(reading, registries, as_of)
        with transaction.atomic():
            for registry in registries:
                trust.record(
                    actor=None, action="rule evaluated", target=registry, registry=registry,
                    after={"rule": reading.text, "as_of": found.as_of},
                )  # fmt: skip
        with printing():
            if options["format"] == "json":
                self.stdout.write(json.dumps(found.as_json()))
            else:
                for line in _as_table(found, several=len(registries) > 1):
                    self.stdout.write(line)

    def _evaluate(self, reading: Any, registries: list[Registry], as_of: Any) -> Evaluation:
        total = sum(registry_patients(registry).count() for registry in registries)
        progress = Progress("evaluated")
        try:
            return evaluate_over(reading, registries, as_of=as_of, told=lambda done: progress(done, total))
        finally:
            progress.end()


def _as_table(found: Evaluation, *, several: bool) -> Iterator[str]:
    yield from textwrap.wrap(found.reading.english, width())
    yield f"as of {with_days(found.as_of)}"
    if found.undated:
        yield f"{found.undated} patients have no data_through and were evaluated as of today"
    yield ", ".join(f"{count} {truth.replace('_', ' ')}" for truth, count in found.counts.items())
    yield ""
    yield from table(
        ("patient", "truth", "reason", "from"),
        [
            (
                f"{registry}/{patient_id}" if several else patient_id,
                finding.truth.word.replace("_", " "),
                str(finding.reason or ""),
                _because(finding),
            )
            for registry, patient_id, finding in found.answers
        ],
    )


def _because(finding: Finding) -> str:
    """The first facts that decided, on one line."""
    told = [
        f"{each.text}, {each.date}" if each.date else each.text for each in evidence_shown(finding.evidence, default())
    ]
    return textwrap.shorten("; ".join(told[:2]), max(40, width() - 40), placeholder=" …")
