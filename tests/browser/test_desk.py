"""A coordinator's day in a real browser: find a patient, read the page of a pair, record an answer, send a file.

The `page` fixture fails a test whose page complains of anything or asks another machine for something.
"""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from matcher import runs
from matcher.models import MatchRun
from patients.intake import run_import
from patients.models import AnswerFact, Patient, Registry, Upload
from tests.shelf import OPTION, STATEMENT, centre, published, uploaded
from trials.actions import save_statement
from trials.models import Version

pytestmark = pytest.mark.browser


@pytest.fixture
def registry(transactional_db: None, settings: Any, tmp_path: Path) -> Registry:
    return centre(settings, tmp_path)


@pytest.fixture
def trial(transactional_db: None) -> Version:
    return published()


@pytest.fixture
def desk(live_server: Any, admin_user: Any, page: Page) -> Page:
    """A browser at the first page, signed in."""
    page.goto(f"{live_server.url}/admin/login/?next=/admin/")
    page.fill("[name=username]", "admin")
    page.fill("[name=password]", "password")
    page.click("button[type=submit]")
    expect(page.locator("input[name=find]")).to_be_visible()
    return page


def pair(live_server: Any, patient_id: str, trial: Version) -> str:
    key = Patient.objects.get(patient_id=patient_id).pk
    return live_server.url + reverse("admin:matcher_pair", args=[key, trial.document_id])


def test_from_the_first_page_to_a_patient_by_keyboard(registry: Registry, trial: Version, desk: Page) -> None:
    # The place to type a code has the focus: a coordinator types and presses Enter.
    expect(desk.locator("input[name=find]")).to_be_focused()
    desk.keyboard.type("P-2")
    desk.keyboard.press("Enter")
    expect(desk.locator(".title", has_text="P-2")).to_be_visible()
    assert "P-2" not in desk.url
    desk.get_by_role("link", name="Against the whole shelf").click()
    expect(desk.get_by_role("heading", name="Trials open here")).to_be_visible()
    desk.get_by_role("link", name="FIRST", exact=True).click()
    expect(desk.locator(".headline")).to_be_visible()


def test_criteria_are_filtered_without_a_script(
    registry: Registry, trial: Version, desk: Page, live_server: Any
) -> None:
    desk.goto(pair(live_server, "P-3", trial) + "?as_of=2026-01-15")
    expect(desk.locator("article.criterion:visible")).to_have_count(3)
    desk.locator("label.chip", has_text="not met").click()
    expect(desk.locator("article.criterion:visible")).to_have_count(1)
    expect(desk.locator("article.criterion:visible .id")).to_have_text("I1")
    # By keyboard too: the chips are radio buttons.
    desk.keyboard.press("ArrowRight")
    expect(desk.locator("article.criterion:visible")).to_have_count(2)


def test_an_answer_is_recorded_and_shown(registry: Registry, trial: Version, desk: Page, live_server: Any) -> None:
    desk.goto(pair(live_server, "P-2", trial))
    line = desk.locator("#criterion-I2")
    line.get_by_text("Record an answer").click()
    line.get_by_label("met", exact=True).check()
    line.get_by_label("reason or source").fill("seen in clinic")
    line.get_by_role("button", name="Record").click()
    expect(desk.get_by_text("I2: the answer is recorded.")).to_be_visible()
    expect(line.locator(".truth")).to_have_text(re.compile("met"))
    expect(line.locator(".answer")).to_contain_text("seen in clinic")
    assert AnswerFact.objects.get().criterion == "I2"


def test_how_it_was_decided_unfolds_by_keyboard(
    registry: Registry, trial: Version, desk: Page, live_server: Any
) -> None:
    desk.goto(pair(live_server, "P-1", trial) + "?as_of=2026-01-15")
    summary = desk.locator("#criterion-I2 summary", has_text="How it was decided")
    expect(desk.locator("#criterion-I2 .why")).to_be_hidden()
    summary.focus()
    desk.keyboard.press("Enter")
    expect(desk.locator("#criterion-I2 .why")).to_contain_text("ECOG performance status is 2 or less")


def test_an_upload_shows_its_progress_and_then_what_became_of_it(
    registry: Registry, desk: Page, live_server: Any, tmp_path: Path
) -> None:
    file = tmp_path / "observations.csv"
    file.write_text("patient_id,test,value,date\nP-1,ecog,9,2026-01-12\nP-2,ecog,1,2026-01-12\n")
    desk.goto(live_server.url + reverse("admin:patients_upload_add"))
    # What a new registry needs is asked for a new registry only.
    expect(desk.locator("#id_preset")).to_be_hidden()
    desk.select_option("#id_registry", "new")
    expect(desk.locator("#id_preset")).to_be_visible()
    desk.select_option("#id_registry", str(registry.pk))
    desk.set_input_files("#id_file", str(file))
    desk.get_by_role("button", name="Send", exact=True).click()
    expect(desk.locator("[data-progress]")).to_be_visible()
    run_import(Upload.objects.latest("pk").pk)
    expect(desk.get_by_text("outside 0 to 5")).to_be_visible(timeout=15_000)
    with desk.expect_download() as download:
        desk.get_by_role("link", name="Rows to mend, as CSV").click()
    assert "P-1" in download.value.path().read_text()


def test_a_run_shows_its_counts_when_it_is_done(
    registry: Registry, trial: Version, desk: Page, live_server: Any
) -> None:
    desk.goto(live_server.url + reverse("admin:matcher_matchrun_add"))
    expect(desk.locator("#id_as_of")).to_be_hidden()
    desk.select_option("#id_when", "date")
    desk.fill("#id_as_of", "2026-01-15")
    desk.get_by_role("button", name="Start", exact=True).click()
    expect(desk.locator("[data-progress]")).to_be_visible()
    runs.run_inline(MatchRun.objects.get())
    desk.get_by_role("link", name="FIRST-LMS").click(timeout=15_000)
    expect(desk.get_by_role("heading", name="Where patients are lost")).to_be_visible()


def test_withdrawn_rows_are_shown_when_asked_for(registry: Registry, desk: Page, live_server: Any) -> None:
    uploaded(registry, {"observations": "patient_id,test,value,date\nP-1,ecog,2,2026-01-05\n"})
    key = Patient.objects.get(patient_id="P-1").pk
    desk.goto(live_server.url + reverse("admin:patients_patient_change", args=[key]))
    expect(desk.locator("tr.withdrawn")).to_be_hidden()
    desk.get_by_label("Show 1 withdrawn row").check()
    expect(desk.locator("tr.withdrawn")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_opens_without_complaint_in_both_schemes(
    registry: Registry, trial: Version, desk: Page, live_server: Any, scheme: Any
) -> None:
    save_statement(text=STATEMENT, by=None, author_name="library author")
    option = published(OPTION)
    run = runs.run_inline(runs.start_run(registry=registry, by=None, queue=False))
    key = Patient.objects.get(patient_id="P-2").pk
    desk.emulate_media(color_scheme=scheme)
    desk.set_viewport_size({"width": 1280, "height": 900})
    addresses = [
        reverse("admin:index"),
        *(reverse(f"admin:{name}_changelist") for name in (
            "patients_registry", "patients_patient", "patients_upload", "patients_auditevent", "trials_document",
            "matcher_matchrun", "matcher_match",
        )),
        reverse("admin:patients_registry_change", args=[registry.pk]),
        reverse("admin:patients_registry_names", args=[registry.pk]),
        reverse("admin:patients_registry_policy", args=[registry.pk]),
        reverse("admin:patients_registry_range", args=[registry.pk]),
        reverse("admin:patients_upload_change", args=[Upload.objects.latest("pk").pk]),
        reverse("admin:patients_patient_change", args=[key]),
        reverse("admin:trials_document_change", args=[trial.document_id]),
        reverse("admin:trials_document_change", args=[option.document_id]),
        reverse("admin:trials_document_draft", args=[trial.document_id]),
        reverse("admin:matcher_publish", args=[trial.document_id]),
        reverse("admin:matcher_matchrun_change", args=[run.pk]),
        reverse("admin:matcher_matchrun_funnel", args=[run.pk, trial.document_id]),
        reverse("admin:matcher_pair", args=[key, trial.document_id]),
        reverse("admin:matcher_shelf", args=[key]),
    ]  # fmt: skip
    for address in addresses:
        response = desk.goto(live_server.url + address)
        assert response is not None and response.status == 200, address
        # Nothing is wider than the window, of a desk, a small screen or a telephone.
        for width in (1280, 1024, 390):
            desk.set_viewport_size({"width": width, "height": 900})
            assert desk.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (address, width)


def test_on_a_telephone_the_truth_stands_beside_the_number_of_its_line(
    registry: Registry, trial: Version, desk: Page, live_server: Any
) -> None:
    desk.set_viewport_size({"width": 390, "height": 844})
    desk.goto(pair(live_server, "P-2", trial))
    number = desk.locator("#criterion-I2 .id").bounding_box()
    truth = desk.locator("#criterion-I2 .truth").bounding_box()
    words = desk.locator("#criterion-I2 .words").bounding_box()
    assert number and truth and words
    assert abs(number["y"] - truth["y"]) < 20 and truth["y"] < words["y"]


def test_on_paper_the_page_of_a_pair_has_no_forms_and_no_side_bar(
    registry: Registry, trial: Version, desk: Page, live_server: Any
) -> None:
    desk.goto(pair(live_server, "P-2", trial))
    desk.emulate_media(media="print")
    expect(desk.locator("#nav-sidebar")).to_be_hidden()
    expect(desk.locator("#criterion-I2 .words")).to_be_visible()
    expect(desk.get_by_text("Record an answer").first).to_be_hidden()


@pytest.mark.parametrize("width", [1440, 390])
def test_from_what_to_find_out_first_and_the_funnel_to_the_pairs(
    live_server: Any, registry: Registry, trial: Version, desk: Page, width: int
) -> None:
    run = runs.run_inline(runs.start_run(registry=registry, by=None, queue=False, as_of=date(2026, 1, 15)))
    desk.set_viewport_size({"width": width, "height": 900})
    address = live_server.url + reverse("admin:matcher_matchrun_change", args=[run.pk])
    desk.goto(address)
    first = desk.locator(".what-first li").first
    expect(first).to_contain_text("ECOG performance status within 60 days")
    first.get_by_role("link", name="1 pair").first.click()
    expect(desk.locator("table.rows tbody tr")).to_have_count(1)
    expect(desk.locator("table.rows")).to_contain_text("P-2")
    desk.goto(address)
    desk.get_by_role("link", name="FIRST-LMS").first.click()
    # Each line with all its numbers in sight, whatever the width.
    numbers = desk.locator("table.funnel tbody tr").nth(2).locator("td.number")
    expect(numbers).to_have_text(["1", "1", "0", "2"])
    for number in numbers.all():
        box = number.bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= width
    assert desk.evaluate("document.documentElement.scrollWidth") <= width
