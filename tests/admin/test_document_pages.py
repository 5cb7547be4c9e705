"""Trials and options: what they say and how it is read, the draft with its faults by line, publishing by another."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.admin.conftest import Person, text_of
from tests.shelf import OPTION, TRIAL, shelved
from trials.models import Document, Draft, Version

LIST = "admin:trials_document_changelist"


def page_of(client: Client, document: Document, **query: str) -> Any:
    return client.get(reverse("admin:trials_document_change", args=[document.pk]), query)


def draft_url(document: Document) -> str:
    return reverse("admin:trials_document_draft", args=[document.pk])


def publish_url(document: Document) -> str:
    return reverse("admin:matcher_publish", args=[document.pk])


@pytest.fixture
def author(person: Person) -> Client:
    """Someone who writes documents."""
    return person("trials.view_document", "trials.change_draft", name="ana")


@pytest.fixture
def reviewer(person: Person) -> Client:
    """Someone who publishes what others wrote."""
    return person(
        "trials.view_document", "trials.change_draft", "trials.add_version", "trials.change_document", name="rosa"
    )


def test_the_list_tells_recruitment_version_and_draft(
    trial: Version, option: Version, author: Client, django_assert_num_queries: Any, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(12) as few:
        text = text_of(author.get(reverse(LIST)))
    assert "FIRST A made-up trial trial recruiting yes 3 of 4 1 " in text
    assert "remedy A made-up remedy option – – 1 of 2 1 " in text
    for number in range(10):
        shelved(TRIAL.replace("FIRST", f"T{number}").replace("NCT00000001", f"NCT0000010{number}"))
    with django_assert_num_queries(len(few.captured_queries)):
        assert "not published; draft waits for review" in text_of(author.get(reverse(LIST)))


def test_a_trial_shows_words_rule_and_english(trial: Version, author: Client) -> None:
    text = text_of(page_of(author, trial.document))
    assert "I2 inclusion ECOG 0 to 2. fits who ECOG performance status is 2 or less" in text
    assert "E1 exclusion Doxorubicin in the last 28 days. excludes who has had doxorubicin in the last 28 days" in text
    assert "C1 inclusion Written consent. confirm consent" in text
    assert "Author library author Reviewer library reviewer" in text
    assert "liposarcoma → not eligible" in text


def test_an_option_shows_statements_with_their_figures(option: Version, author: Client) -> None:
    text = text_of(page_of(author, option.document))
    assert "S-1 For leiomyosarcoma. for who has a diagnosis of leiomyosarcoma" in text
    assert "A made-up source n 12 stance preferred" in text
    assert "S-2 shared One a day. holds for every patient" in text


def test_a_draft_is_kept_and_its_faults_shown_by_line(trial: Version, author: Client) -> None:
    broken = TRIAL.replace("rule: ecog <= 2}", "rule: ecog <= twenty}")
    line = next(number for number, each in enumerate(broken.splitlines(), start=1) if "twenty" in each)
    text = text_of(author.post(draft_url(trial.document), {"text": broken}))
    assert "The draft is kept." in text
    assert f"error line {line}, column" in text
    draft = Draft.objects.get(document=trial.document)
    assert (draft.text, draft.author_name) == (broken, "ana")
    # What is in force is untouched.
    assert trial.document.versions.count() == 1


def test_a_warning_and_an_unknown_word_are_told_without_publishing(trial: Version, author: Client) -> None:
    unknown = TRIAL.replace("has treatment(doxorubicin)", "has treatment(doxorubicinn)")
    text = text_of(author.post(draft_url(trial.document), {"text": unknown}))
    assert "doxorubicinn" in text and "E1" in text and "error line" in text


def test_the_id_of_a_document_cannot_change(trial: Version, author: Client) -> None:
    answer = author.post(draft_url(trial.document), {"text": TRIAL.replace("id: FIRST", "id: OTHER")})
    assert answer.status_code == 400
    assert "its id cannot change" in text_of(answer)
    assert "id: FIRST" in Draft.objects.get(document=trial.document).text


def test_a_new_document_comes_from_its_text(author: Client, db: None) -> None:
    add = reverse("admin:trials_document_add")
    answer = author.post(add, {"text": TRIAL})
    assert answer.url == draft_url(Document.objects.get(code="FIRST"))
    refused = author.post(add, {"text": "kind: trial\nid: X\n"})
    assert refused.status_code == 400
    assert "What cannot be read" in text_of(refused)
    assert not Document.objects.filter(code="X").exists()


def test_another_person_publishes_and_a_version_is_frozen(trial: Version, author: Client, reviewer: Client) -> None:
    amended = TRIAL.replace("text: ECOG 0 to 2.", "text: ECOG of 2 at most.")
    author.post(draft_url(trial.document), {"text": amended})
    waits = text_of(page_of(reviewer, trial.document))
    assert "A draft is not published. ana changed it last" in waits and "Review and publish" in waits
    assert "nothing speaks against it" in text_of(reviewer.get(publish_url(trial.document)))
    answer = reviewer.post(publish_url(trial.document))
    assert answer.url == reverse("admin:trials_document_change", args=[trial.document_id])
    version = Version.objects.published().get(document=trial.document)
    assert (version.number, version.author_name, version.reviewer_name) == (2, "ana", "rosa")
    text = text_of(page_of(reviewer, trial.document))
    assert "ECOG of 2 at most." in text and "A draft is not published" not in text
    # The version before can be looked at as it was.
    before = text_of(page_of(reviewer, trial.document, version="1"))
    assert "ECOG 0 to 2." in before and "superseded" in before
    assert page_of(reviewer, trial.document, version="7").status_code == 404


def test_who_wrote_in_a_draft_cannot_publish_it(trial: Version, reviewer: Client) -> None:
    reviewer.post(draft_url(trial.document), {"text": TRIAL.replace("ECOG 0 to 2.", "ECOG of 2 at most.")})
    text = text_of(reviewer.get(publish_url(trial.document)))
    assert "You wrote in this draft." in text and "Publish as the reviewer" not in text
    # The button is missing, and pressing it all the same is refused.
    answer = text_of(reviewer.post(publish_url(trial.document)))
    assert "rosa wrote in this draft and cannot review it" in answer.replace("Rosa", "rosa")
    assert trial.document.versions.count() == 1


def test_a_draft_whose_own_patients_disagree_is_not_published(trial: Version, author: Client, reviewer: Client) -> None:
    author.post(draft_url(trial.document), {"text": TRIAL.replace("rule: ecog <= 2}", "rule: ecog <= 0}")})
    text = text_of(reviewer.post(publish_url(trial.document)))
    assert "thing to mend" in text or "things to mend" in text
    assert "test patient 'fits'" in text.replace("Test patient", "test patient")
    assert trial.document.versions.count() == 1


def test_opening_and_closing_here_needs_a_reason(trial: Version, reviewer: Client) -> None:
    url = reverse("admin:trials_document_open", args=[trial.document_id])
    assert reviewer.post(url, {"reason": ""}).status_code == 400
    reviewer.post(url, {"reason": "no staff in summer"})
    trial.document.refresh_from_db()
    assert trial.document.open_here is False
    assert "Here closed" in text_of(page_of(reviewer, trial.document))


def test_an_option_cannot_be_opened(option: Version, reviewer: Client) -> None:
    url = reverse("admin:trials_document_open", args=[option.document_id])
    assert reviewer.post(url, {"reason": "x"}).status_code == 404


def test_who_may_only_look_changes_nothing(trial: Version, person: Person) -> None:
    client = person("trials.view_document")
    assert (
        "Draft" not in text_of(page_of(client, trial.document)).partition("A made-up trial")[2].partition("Version")[0]
    )
    for url in (
        draft_url(trial.document), publish_url(trial.document), reverse("admin:trials_document_add"),
        reverse("admin:trials_document_open", args=[trial.document_id]),
    ):  # fmt: skip
        assert client.post(url, {"text": OPTION, "reason": "x"}).status_code == 403
    assert Draft.objects.get(document=trial.document).text == TRIAL
    assert person(name="nobody").get(reverse(LIST)).status_code == 403


def test_a_text_of_a_document_cannot_become_markup(author: Client, db: None) -> None:
    author.post(
        reverse("admin:trials_document_add"), {"text": TRIAL.replace("Written consent.", "<b onclick=x>ok</b>")}
    )
    body = page_of(author, Document.objects.get(code="FIRST")).content.decode()
    assert "<b onclick" not in body and "&lt;b onclick" in body
