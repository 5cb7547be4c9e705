"""The generated pages of the manual are those that the code and the library give now."""

import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


def load(name):
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_file_formats_are_those_of_the_code():
    formats = load("build_file_formats")
    assert formats.PAGE.read_text(encoding="utf-8") == formats.page(), "run `make docs`"


def test_every_file_and_every_coded_column_stands_in_the_page():
    from patients.facts import CODED
    from patients.intake.kinds import KINDS

    text = load("build_file_formats").page()
    for kind in KINDS.values():
        assert f"## {kind.name}.csv" in text
        for column in kind.columns:
            assert f"`{column.name}`" in text
    for column in set(CODED) - {"comparator"}:
        assert f"## {column.replace('_', ' ')}\n" in text


@pytest.mark.parametrize("page", sorted(DOCS.glob("**/*.md")), ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    import re

    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"
