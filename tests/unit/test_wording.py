"""How days, spans and numbers are written for people."""

from datetime import date, datetime

import pytest

from patients.wording import NONE, day_text, instant_text, number_text, partial_text, plural, span_text, with_days


@pytest.mark.parametrize(
    ("first", "last", "text"),
    [
        (date(2026, 1, 15), date(2026, 1, 15), "15 Jan 2026"),
        (date(2026, 2, 1), date(2026, 2, 28), "Feb 2026"),
        (date(2024, 2, 1), date(2024, 2, 28), "between 1 Feb 2024 and 28 Feb 2024"),
        (date(2026, 1, 1), date(2026, 12, 31), "2026"),
        (date(2025, 12, 20), date(2026, 1, 3), "between 20 Dec 2025 and 3 Jan 2026"),
        (None, None, NONE),
    ],
)
def test_a_partial_date_is_written_as_far_as_it_is_known(first: date | None, last: date | None, text: str) -> None:
    assert partial_text(first, last) == text


@pytest.mark.parametrize(
    ("start", "end", "ongoing", "text"),
    [
        ("Jan 2024", "May 2024", None, "Jan 2024 to May 2024"),
        ("Jan 2024", "Jan 2024", None, "Jan 2024"),
        ("Jan 2024", NONE, None, "from Jan 2024"),
        ("Jan 2024", NONE, True, "since Jan 2024, ongoing"),
        (NONE, "May 2024", False, "until May 2024"),
        (NONE, NONE, True, "ongoing"),
        (NONE, NONE, None, NONE),
    ],
)
def test_a_span_says_which_end_is_known(start: str, end: str, ongoing: bool | None, text: str) -> None:
    assert span_text(start, end, ongoing=ongoing) == text


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(7.0, 10, "7"), (1.5, 10, "1.5"), (0.0, 4, "0"), (0.00904, 4, "0.00904"), (1.23456, 4, "1.235"),
     (150000.0, 4, "150000"), (98765.4, 4, "98765"), (-2.5, 4, "-2.5"), (100.0, 2, "100"), (None, 4, NONE)],
)  # fmt: skip
def test_a_number_has_no_digits_that_say_nothing(value: float | None, digits: int, text: str) -> None:
    assert number_text(value, digits=digits) == text


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("complete to 2026-11-21?", "complete to 21 Nov 2026?"),
        ("2024-01-10 to 2024-05-20", "10 Jan 2024 to 20 May 2024"),
        ("2026-13-45 is no day", "2026-13-45 is no day"),
        ("NCT2026-01", "NCT2026-01"),
        ("from 2026-10-31 to 2026-11", "from 31 Oct 2026 to Nov 2026"),
        ("EudraCT 2011-001308-36 of 2011-00", "EudraCT 2011-001308-36 of 2011-00"),
    ],
)
def test_days_within_a_text_are_written_out(written: str, text: str) -> None:
    assert with_days(written) == text


def test_days_instants_and_counts() -> None:
    assert day_text(None) == NONE
    assert instant_text(datetime(2026, 1, 5, 9, 7)) == "5 Jan 2026, 09:07"
    assert (plural(1, "fact"), plural(2, "fact"), plural(1200, "registry", "registries")) == (
        "1 fact", "2 facts", "1,200 registries",
    )  # fmt: skip
