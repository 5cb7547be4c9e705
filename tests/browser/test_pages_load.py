"""What a person's browser makes of the pages: they work under the content policy and load from here only.

The `page` fixture fails a test whose page logs an error, such as a script that the policy refused.
"""

from typing import Any

import pytest
from playwright.sync_api import Error, Page, expect

pytestmark = pytest.mark.browser


def log_in(page: Page, address: str) -> None:
    page.goto(f"{address}/admin/")
    page.fill("[name=username]", "admin")
    page.fill("[name=password]", "password")
    page.click("button[type=submit]")
    expect(page.locator("input[name=find]")).to_be_visible()


def test_a_person_logs_in_and_finds_the_list_of_logins(live_server: Any, admin_user: Any, page: Page) -> None:
    log_in(page, live_server.url)
    page.get_by_role("link", name="Users").first.click()
    expect(page.locator("#result_list")).to_contain_text(admin_user.username)


def test_the_api_documents_itself(live_server: Any, admin_user: Any, page: Page) -> None:
    page.goto(f"{live_server.url}/api/docs/")
    expect(page.locator("#swagger-ui .title")).to_contain_text("Trial eligibility matcher")


def test_a_script_in_a_page_does_not_run(live_server: Any, admin_user: Any, page: Page, complaints: list[str]) -> None:
    log_in(page, live_server.url)
    page.evaluate("""() => {
        const script = document.createElement("script");
        script.textContent = "window.ran = true";
        window.refused = new Promise((done) =>
            document.addEventListener("securitypolicyviolation", (event) => done(event.violatedDirective)));
        document.body.append(script);
    }""")
    assert page.evaluate("window.refused") == "script-src-elem"
    assert page.evaluate("window.ran") is None
    assert len(complaints) == 1 and "Content Security Policy" in complaints[0]
    complaints.clear()


def test_an_address_elsewhere_is_a_complaint(live_server: Any, page: Page, complaints: list[str]) -> None:
    page.route("**/*", lambda route: route.abort() if "example.org" in route.request.url else route.continue_())
    with pytest.raises(Error):
        page.goto("https://example.org/font.woff")
    assert complaints[0] == "https://example.org/font.woff"
    complaints.clear()
