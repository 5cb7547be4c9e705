"""From a draft to a frozen version: who may publish, what is refused and how it is told, what never changes again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import Error, connection, transaction

from matcher.publishing import PublishError, load_library, publish, run_test_patients
from patients.models import AuditEvent
from tests.shelf import OPTION, STATEMENT, TRIAL, published, shelved
from trials import actions
from trials.criteria.documents import DocumentError, read_document
from trials.models import Document, Draft, FrozenError, Version
from trials.selectors import UnknownDocument, current_version, find_document, versions_in_force

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> Any:
    return get_user_model().objects.create(username="ada")


@pytest.fixture
def ben() -> Any:
    return get_user_model().objects.create(username="ben")


# --- Publishing ---


def test_a_draft_becomes_a_version_that_reads_back_as_the_document() -> None:
    version = published()
    assert (version.number, version.is_published, version.recruitment) == (1, True, "recruiting")
    assert (version.author_name, version.reviewer_name) == ("library author", "library reviewer")
    assert version.parsed == read_document(TRIAL)
    assert Version.objects.defer("content").get(pk=version.pk).parsed is version.parsed
    event = AuditEvent.objects.get(action="version published")
    assert (event.after["code"], event.after["number"]) == ("FIRST", 1)


def test_unchanged_content_is_no_new_version_whatever_its_layout() -> None:
    first = published()
    again = publish(
        document=shelved(TRIAL.replace("title: A made-up trial", "title:   'A made-up trial'")),
        reviewer="library reviewer",
        by=None,
    )
    assert (again.version.pk, again.is_new) == (first.pk, False)


def test_an_amendment_supersedes_and_the_earlier_version_stays() -> None:
    first = published()
    second = published(TRIAL.replace("ECOG 0 to 2.", "ECOG of at most 2."))
    first.refresh_from_db()
    assert (second.number, second.is_published, first.is_published) == (2, True, False)
    assert first.parsed.criterion("I2").text == "ECOG 0 to 2."
    assert list(versions_in_force()) == [second]
    assert current_version(first.document) == second


def test_who_publishes_is_the_reviewer_and_wrote_nothing_of_it(ada: Any, ben: Any) -> None:
    document = actions.save_draft(text=TRIAL, by=ada).draft.document
    with pytest.raises(PublishError, match="ada wrote in this draft"):
        publish(document=document, reviewer=ada, by=ada)
    with pytest.raises(PermissionDenied):
        publish(document=document, reviewer=ada, by=ben)
    with pytest.raises(PermissionDenied):
        publish(document=document, reviewer="somebody", by=ben)
    found = publish(document=document, reviewer=ben, by=ben)
    assert (found.version.author, found.version.reviewer) == (ada, ben)


def test_an_earlier_author_of_the_draft_does_not_review_it(ada: Any, ben: Any) -> None:
    document = actions.save_draft(text=TRIAL, by=ada).draft.document
    actions.save_draft(text=TRIAL + "# looked at\n", by=ben, document=document)
    with pytest.raises(PublishError, match="author-is-reviewer"):
        publish(document=document, reviewer=ada, by=ada)
    third = get_user_model().objects.create(username="cleo")
    publish(document=document, reviewer=third, by=third)
    assert Draft.objects.get(document=document).editors == []


REFUSED = {
    "a wrong expectation": (
        "status: not_now, clears_on: 2026-02-06", "status: not_eligible",
        "status is not_now, expected not_eligible: E1 not_met",
    ),
    "a wrong truth": ("E1: not_met", "E1: met", "E1 is not_met, expected met"),
    "a wrong date": ("2026-02-06", "2026-02-05", "clears_on is 2026-02-06, expected 2026-02-05"),
    "a fact nobody asks for": (
        "missing: [ecog]", "missing: [anc]", "missing is ECOG performance status within 60 days, expected anc",
    ),
    "needs another": ("needs: facts", "needs: reader", "needs is facts, expected reader"),
    "not offered": ("recruitment: recruiting", "recruitment: completed", "offered is no, expected yes"),
    "an unreadable patient": ("{test: ecog, value: 1,", "{tset: ecog, value: 1,", "there is no column 'tset'"),
    "an unknown concept": ("has treatment(doxorubicin)", "has treatment(doxorubixyz)", "unknown-concept"),
    "met by nobody": ("rule: ecog <= 2", 'rule: "not (age > 18 and age < 18) or ecog <= 2"', "met|contradict"),
    "no test patient": (TRIAL[TRIAL.index("test_patients:"):], "", "no-test-patient"),
    "not readable": ("polarity: exclusion", "polarity: sideways", "polarity"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "told"), REFUSED.values(), ids=REFUSED)
def test_what_keeps_a_draft_from_being_published(old: str, new: str, told: str) -> None:
    document = shelved()
    text = TRIAL.replace(old, new)
    assert text != TRIAL
    actions.save_draft(text=text, by=None, author_name="library author", document=document)
    with pytest.raises(PublishError, match=told):
        publish(document=document, reviewer="library reviewer", by=None)
    assert not Version.objects.exists()


def test_a_rule_decided_for_a_patient_of_whom_nothing_is_known_is_refused() -> None:
    text = TRIAL.replace("rule: ecog <= 2", "rule: cumulative_dose(doxorubicin) >= 0 mg/m2")
    document = actions.save_draft(text=text, by=None).draft.document
    with pytest.raises(PublishError) as told:
        publish(document=document, reviewer="library reviewer", by=None)
    assert {"decided-for-nobody"} <= {finding.code for finding in told.value.findings}


def test_every_finding_is_told_at_once() -> None:
    text = TRIAL.replace("E1: not_met", "E1: met").replace("I2: unknown", "I2: met")
    with pytest.raises(PublishError) as told:
        publish(document=shelved(text), reviewer="library author", by=None)
    assert [finding.code for finding in told.value.findings] == ["author-is-reviewer", "test-patient", "test-patient"]


def test_a_document_without_a_draft_is_not_published() -> None:
    document = Document.objects.create(kind="trial", code="EMPTY", title="Nothing")
    with pytest.raises(PublishError, match="no draft"):
        publish(document=document, reviewer="library reviewer", by=None)


def test_test_patients_are_held_to_answers_policies_and_ranges() -> None:
    text = TRIAL.replace("rule: ecog <= 2}", "not_structured: only the team can say}").replace("missing: [ecog], ", "")
    text = text.replace("      coverage: [", '      answers: [{criterion: I2, truth: "no"}]\n      coverage: [', 1)
    failures = run_test_patients(read_document(text))
    # The text `no` is an answer of no: nobody fits.
    assert [failure.found for failure in failures if failure.field == "I2"] == ["not_met", "not_met"]


def test_a_test_patient_may_be_called_alive_and_dead() -> None:
    denied = "patient: &fits\n      deceased: no\n      death_date: 2026-01-03\n"
    text = TRIAL.replace("patient: &fits\n", denied)
    asking = text.replace(
        "expect: {status: potentially_eligible, ",
        "expect: {status: needs_information, needs: facts, missing: [vital_status], ",
    )
    assert run_test_patients(read_document(asking)) == []
    (failure,) = run_test_patients(read_document(text))
    assert (failure.field, failure.found) == ("status", "needs_information")
    assert failure.why == "the patient is said to live and to have died"


# --- Frozen ---


def test_a_version_cannot_be_changed_through_django() -> None:
    version = published()
    version.author_name = "someone else"
    with pytest.raises(FrozenError):
        version.save()
    with pytest.raises(FrozenError):
        version.delete()
    with pytest.raises(FrozenError):
        Version.objects.update(content={})
    with pytest.raises(FrozenError):
        Version.objects.all().delete()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE trials_version SET content = '{}'",
        "UPDATE trials_version SET reviewer_name = 'someone else'",
        "DELETE FROM trials_version",
    ],
)
def test_a_version_cannot_be_changed_through_sql(statement: str) -> None:
    published()
    with pytest.raises(Error, match="frozen version"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_a_superseded_version_stays_so() -> None:
    published()
    published(TRIAL.replace("ECOG 0 to 2.", "ECOG of at most 2."))
    with pytest.raises(Error, match="frozen version"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE trials_version SET superseded_at = NULL WHERE number = 1")


# --- Drafts ---


def test_an_unfinished_draft_is_kept_with_its_problems(ada: Any) -> None:
    document = shelved()
    saved = actions.save_draft(text="kind: trial\nid: FIRST\n", by=ada, document=document)
    assert saved.parsed is None
    assert {problem.field for problem in saved.problems} >= {"title", "recruitment"}
    assert Draft.objects.get(document=document).content_hash == ""


def test_an_unreadable_text_of_no_document_is_refused() -> None:
    with pytest.raises(DocumentError):
        actions.save_draft(text="kind: trial\nid: NEW\n", by=None, author_name="x")
    assert not Document.objects.exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (TRIAL.replace("id: FIRST\n", "id: OTHER\n"), "its id cannot change"),
        (OPTION.replace("remedy", "FIRST"), "kind"),
    ],
    ids=["another id", "another kind"],
)
def test_a_draft_stays_with_its_document(text: str, told: str) -> None:
    document = shelved()
    actions.save_statement(text=STATEMENT, by=None, author_name="library author")
    with pytest.raises(ValidationError, match=told):
        actions.save_draft(text=text, by=None, document=document)


def test_a_draft_does_not_rename_what_is_in_force() -> None:
    version = published()
    shelved(TRIAL.replace("title: A made-up trial", "title: Another title"))
    version.document.refresh_from_db()
    assert version.document.title == "A made-up trial"


@pytest.mark.parametrize(
    "name", ["FIRST", "first", "nct00000001", "First-LMS", "EudraCT 2020-000001-10", "2020-000001-10"]
)
def test_a_trial_answers_to_all_its_names(name: str) -> None:
    shelved()
    assert find_document(name).code == "FIRST"


def test_a_name_nothing_answers_to_comes_back_with_the_nearest() -> None:
    shelved()
    with pytest.raises(UnknownDocument, match="near: FIRST"):
        find_document("FRIST")


def test_opening_and_closing_here_is_audited(ada: Any) -> None:
    document = shelved()
    closed = actions.set_open_here(document=document, open_here=False, by=ada, reason="no slots")
    assert not closed.open_here
    event = AuditEvent.objects.get(action="trial closed here")
    assert (event.actor, event.reason, event.before["open_here"]) == (ada, "no slots", True)
    actions.set_open_here(document=document, open_here=False, by=ada, reason="again")
    assert AuditEvent.objects.filter(action="trial closed here").count() == 1
    with pytest.raises(ValidationError):
        actions.set_open_here(document=document, open_here=True, by=ada, reason=" ")


# --- Shared statements ---


def test_a_changed_statement_makes_a_new_version_of_what_includes_it_once_published() -> None:
    actions.save_statement(text=STATEMENT, by=None, author_name="library author")
    first = published(OPTION)
    assert first.parsed.statement("S-2").text == "One a day."
    actions.save_statement(text=STATEMENT.replace("One", "Two"), by=None, author_name="library author")
    first.refresh_from_db()
    assert first.is_published
    second = published(OPTION)
    assert (second.number, second.parsed.statement("S-2").text) == (2, "Two a day.")


# --- The library on disk ---


def library(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        kind, _, code = name.partition("__")
        path = folder / kind / f"{code}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_a_library_is_loaded_once_and_then_left_alone(tmp_path: Path) -> None:
    folder = library(tmp_path, trials__FIRST=TRIAL, options__remedy=OPTION, statements__S2=STATEMENT)
    told = [(each.code, each.outcome, each.version) for each in load_library(folder)]
    assert told == [("FIRST", "published", 1), ("remedy", "published", 1)]
    assert {each.outcome for each in load_library(folder)} == {"unchanged"}
    assert {each.outcome for each in load_library(folder, recheck=True)} == {"unchanged"}
    library(tmp_path, statements__S2=STATEMENT.replace("One", "Two"))
    assert [(each.code, each.outcome) for each in load_library(folder)] == [
        ("FIRST", "unchanged"),
        ("remedy", "published"),
    ]


def test_one_bad_document_does_not_keep_the_others_out(tmp_path: Path) -> None:
    folder = library(
        tmp_path,
        trials__A=TRIAL.replace("polarity: exclusion", "polarity: sideways").replace("FIRST", "A"),
        trials__B=TRIAL,
        trials__C=TRIAL.replace("E1: not_met", "E1: met").replace("FIRST", "C").replace("00001", "00003"),
        trials__D=TRIAL,
    )
    told = {each.file: each for each in load_library(folder)}
    assert {file: each.outcome for file, each in told.items()} == {
        "A.yaml": "failed",
        "B.yaml": "published",
        "C.yaml": "failed",
        "D.yaml": "failed",
    }
    assert "line 15" in told["A.yaml"].problems[0]
    assert "test patient 'doxorubicin last week'" in told["C.yaml"].problems[0]
    assert told["D.yaml"].problems == ("FIRST stands in B.yaml too: keep one of them",)


def test_a_persons_unpublished_draft_is_not_overwritten(tmp_path: Path, ada: Any) -> None:
    document = shelved()
    actions.save_draft(text=TRIAL + "# mine\n", by=ada, document=document)
    loaded = list(load_library(library(tmp_path, trials__FIRST=TRIAL)))
    assert loaded[0].outcome == "failed"
    assert "ada has a draft" in loaded[0].problems[0]
    assert Draft.objects.get(document=document).text.endswith("# mine\n")
