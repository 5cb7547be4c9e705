"""Every constraint of the tables of trials and of matching, each with a row it lets in and one it keeps out.

The table below is checked for completeness: a constraint without its two sides fails the last test.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction

from matcher.models import (
    Match,
    MatchRun,
    PatientStanding,
    RunVersion,
    Shard,
    StandingQuestion,
    StatusChange,
    TrialCount,
)
from patients.models import Patient, Registry
from trials.models import Document, Draft, SharedStatement, Version

pytestmark = pytest.mark.django_db

EARLY, LATE = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
DAY, LATER = date(2026, 1, 15), date(2026, 2, 1)

#: The tables of this file; what others add to the two apps has its own tests.
OURS = (
    Document, Draft, SharedStatement, Version, MatchRun, StandingQuestion, PatientStanding, RunVersion, Shard, Match,
    TrialCount, StatusChange,
)  # fmt: skip


class World:
    """A registry, a patient, a trial with its version, a run with its shard, and rows that break no rule until told."""

    def __init__(self) -> None:
        self.ada, self.ben = (get_user_model().objects.create(username=name) for name in ("ada", "ben"))
        self.registry = Registry.objects.create(name="centre")
        self.patient = Patient.objects.create(registry=self.registry, patient_id="P-1")
        self.document = Document.objects.create(kind="trial", code="THERE", nct="NCT00000009", title="There")
        self.empty = Document.objects.create(kind="trial", code="EMPTY", title="No version yet")
        self.version = Version.objects.create(**self._version(document=self.document))
        self.run = MatchRun.objects.create(registry=self.registry, as_of=DAY, known_at=EARLY)
        self.shard = Shard.objects.create(run=self.run, number=1, first_patient=1, last_patient=9)

    def _version(self, **values: Any) -> dict[str, Any]:
        return {
            "number": 1, "content": {}, "content_hash": "h", "author_name": "a", "reviewer_name": "b",
            "frozen_at": EARLY, **values,
        }  # fmt: skip

    def row(self, model: type[models.Model], **values: Any) -> models.Model:
        named = {name: getattr(self, value[1:]) if isinstance(value, str) and value[:1] == "@" else value
                 for name, value in values.items()}  # fmt: skip
        return model(**{**self._defaults(model), **named})

    def _defaults(self, model: type[models.Model]) -> dict[str, Any]:
        pair = {"run": self.run, "patient": self.patient, "version": self.version, "shard": self.shard}
        defaults: dict[type[models.Model], dict[str, Any]] = {
            Document: {"kind": "trial", "code": "NEW", "title": "New"},
            Draft: {"document": self.document, "text": "", "author_name": "a", "updated_at": EARLY},
            Version: self._version(document=self.empty),
            MatchRun: {"registry": self.registry, "as_of": DAY, "known_at": EARLY},
            RunVersion: {"run": self.run, "version": self.version},
            Shard: {"run": self.run, "number": 2, "first_patient": 1, "last_patient": 9},
            Match: {**pair, "document": self.document, "as_of": DAY, "status": "potentially_eligible", "offered": True},
            StandingQuestion: {"registry": self.registry},
            TrialCount: {"run": self.run, "version": self.version},
            StatusChange: {**pair, "document": self.document, "to_status": "not_now", "cause": "time", "at": EARLY},
        }  # fmt: skip
        return defaults[model]


Case = tuple[type[models.Model], str, dict[str, Any], dict[str, Any]]

CASES: list[Case] = [
    # model, constraint, a row that may be, one that may not
    (Document, "document_code_unique", {"code": "OTHER"}, {"code": "there"}),
    (Document, "document_nct_unique", {"nct": "NCT00000001"}, {"nct": "nct00000009"}),
    (Document, "document_is_named", {}, {"title": ""}),
    (Document, "document_kind_known", {"kind": "option"}, {"kind": "poem"}),
    (Document, "document_option_has_no_nct", {"kind": "option"}, {"kind": "option", "acronym": "X"}),
    (Draft, "draft_has_author", {}, {"author_name": ""}),
    (Version, "version_number_unique", {"document": "@document", "number": 2, "superseded_at": LATE},
     {"document": "@document", "superseded_at": LATE}),
    (Version, "version_one_published", {}, {"document": "@document", "number": 2}),
    (Version, "version_number_from_one", {}, {"number": 0}),
    (Version, "version_names_people", {}, {"reviewer_name": ""}),
    (Version, "version_author_is_not_reviewer", {"author": "@ada", "reviewer": "@ben"},
     {"author": "@ada", "reviewer": "@ada"}),
    (Version, "version_author_is_not_reviewer", {}, {"reviewer_name": "a"}),
    (Version, "version_superseded_after_frozen", {"superseded_at": LATE},
     {"frozen_at": LATE, "superseded_at": EARLY}),
    (MatchRun, "run_state_known", {"state": "running"}, {"state": "asleep", "finished_at": LATE}),
    (MatchRun, "run_done_within_total", {"shards_total": 2, "shards_done": 2}, {"shards_done": 1}),
    (MatchRun, "run_finished_is_whole", {"state": "finished", "finished_at": LATE},
     {"state": "finished", "finished_at": LATE, "shards_total": 2, "shards_done": 1}),
    (MatchRun, "run_ended_has_end", {"state": "cancelled", "finished_at": LATE}, {"state": "cancelled"}),
    (MatchRun, "run_failure_is_explained", {"state": "failed", "finished_at": LATE, "error": "why"},
     {"state": "failed", "finished_at": LATE}),
    (MatchRun, "run_as_of_kind_known", {"as_of_kind": "data-through"}, {"as_of_kind": "never"}),
    (MatchRun, "run_kind_and_scope_known", {"kind": "standing", "scope": "patients"}, {"scope": "patients"}),
    (StandingQuestion, "standing_as_of_kind_known", {"as_of_kind": "data-through"}, {"as_of_kind": "never"}),
    (Shard, "shard_number_unique", {"number": 2}, {"number": 1}),
    (Shard, "shard_range_in_order", {"first_patient": 9}, {"first_patient": 10}),
    (Shard, "shard_state_known", {"state": "errored"}, {"state": "asleep"}),
    (Shard, "shard_running_is_claimed", {"state": "running", "claimed_at": EARLY, "claimed_by": "t"},
     {"state": "running", "claimed_at": EARLY}),
    (Shard, "shard_done_has_end", {"state": "done", "finished_at": LATE}, {"state": "done"}),
    (Match, "match_status_known", {"status": "not_now"}, {"status": "not_eligible"}),
    (Match, "match_needs_known", {"status": "needs_information", "needs": "reader"},
     {"status": "needs_information", "needs": "luck"}),
    (Match, "match_says_what_it_needs", {"status": "needs_information", "needs": "facts"},
     {"status": "needs_information"}),
    (Match, "match_says_what_it_needs", {}, {"needs": "facts"}),
    (Match, "match_clears_later", {"status": "not_now", "clears_on": LATER}, {"clears_on": LATER}),
    (Match, "match_clears_later", {"status": "not_now", "clears_on": LATER}, {"status": "not_now", "clears_on": DAY}),
    (Match, "match_replaced_by_whom_and_when", {"replaced_by": "@run", "replaced_at": LATE}, {"replaced_by": "@run"}),
    (Match, "match_replaced_by_whom_and_when", {"current": True},
     {"current": True, "replaced_by": "@run", "replaced_at": LATE}),
    (TrialCount, "trial_count_holds_or_is_replaced", {"replaced_by": "@run"}, {"current": True, "replaced_by": "@run"}),
    (StatusChange, "status_change_known", {"from_status": "not_eligible"}, {"from_status": "eligible"}),
    (StatusChange, "status_change_changes", {"from_status": "not_eligible"}, {"from_status": "not_now"}),
    (StatusChange, "status_change_cause_known", {"cause": "facts"}, {"cause": "luck"}),
]  # fmt: skip


@pytest.mark.parametrize(("model", "name", "good", "bad"), CASES, ids=[case[1] for case in CASES])
def test_constraint_has_two_sides(
    model: type[models.Model], name: str, good: dict[str, Any], bad: dict[str, Any]
) -> None:
    world = World()
    row = world.row(model, **good)
    row.validate_constraints()
    with transaction.atomic():
        row.save(force_insert=True)
        transaction.set_rollback(True)

    constraint = next(each for each in model._meta.constraints if each.name == name)
    wrong = world.row(model, **bad)
    with pytest.raises(ValidationError) as told:
        constraint.validate(model, wrong)
    assert constraint.violation_error_message in str(told.value)
    assert not constraint.violation_error_message.startswith("Constraint"), "the message is Django's own"
    with pytest.raises(IntegrityError), transaction.atomic():
        wrong.save(force_insert=True)


ONCE: list[Case] = [
    # model, constraint, another row beside one of the defaults that may be, one that may not
    (RunVersion, "run_version_once", {"version": "@other"}, {}),
    (Match, "match_unique", {"version": "@other"}, {"status": "not_now"}),
    (Match, "match_one_current", {"version": "@other"}, {"version": "@third", "current": True}),
    (MatchRun, "run_one_standing_under_way", {"kind": "asked"}, {"kind": "standing"}),
    (TrialCount, "trial_count_once", {"version": "@other"}, {}),
    (StatusChange, "status_change_once", {"document": "@empty"}, {"cause": "facts"}),
]

#: What the first row says where the constraint is about some rows only.
FIRST = {"match_one_current": {"current": True}, "run_one_standing_under_way": {"kind": "standing"}}


@pytest.mark.parametrize(("model", "name", "good", "bad"), ONCE, ids=[case[1] for case in ONCE])
def test_one_row_of_a_kind(model: type[models.Model], name: str, good: dict[str, Any], bad: dict[str, Any]) -> None:
    world = World()
    world.other = Version.objects.create(**world._version(document=world.empty))  # type: ignore[attr-defined]
    world.third = Version.objects.create(  # type: ignore[attr-defined]
        **world._version(document=world.document, number=2, superseded_at=LATE)
    )
    world.row(model, **FIRST.get(name, {})).save(force_insert=True)
    world.row(model, **good).save(force_insert=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        world.row(model, **bad).save(force_insert=True)


def test_every_constraint_has_its_case() -> None:
    cased = {case[1] for case in (*CASES, *ONCE)}
    named = {each.name for model in OURS for each in model._meta.constraints}
    assert named == cased


def test_no_table_is_left_out() -> None:
    here = {
        model
        for app in ("trials", "matcher")
        for model in apps.get_app_config(app).get_models()
        if model.__module__ in ("trials.models", "matcher.models")
    }
    assert here == set(OURS)


def test_no_text_of_a_row_names_the_patient() -> None:
    world = World()
    shown = [str(world.row(model)) for model in (Match, StatusChange, TrialCount, RunVersion)]
    assert not any("P-1" in text for text in shown)
