"""The layout holds: imports go down only, the pure rooms know no Django, and a listing shows the architecture.

Every rule here is a function from sources to complaints, and each is also shown a source that breaks it: a rule
that cannot complain would prove nothing.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# From the top down: a floor may import itself and what stands after it.
FLOORS = ("config", "matcher", "trials", "patients")
APPS = FLOORS[1:]
PURE_ROOMS = ("trials.criteria", "matcher.engine", "patients.facts", "patients.vocabulary")
# What belongs to the web, the database or the queue.
FOREIGN_TO_PURE_ROOMS = {"django", "rest_framework", "celery", "unfold", "environ", "redis", "psycopg", "whitenoise"}
TOP_LEVEL = {
    *FLOORS,
    "tests",
    "docs",
    ".ci",
    "manage.py",
    "requirements.txt",
    "README.md",
    "CHANGELOG.md",
    "Makefile",
    "pyproject.toml",
    ".gitignore",
    ".env.example",
}
ALLOWED_BESIDE = {"bench"}
NAMES_THAT_SAY_NOTHING = {"utils", "util", "helpers", "helper", "common", "base", "manager", "managers", "misc"}


def sources() -> Iterator[Path]:
    for floor in FLOORS:
        yield from sorted((ROOT / floor).rglob("*.py"))


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(source: str, *, module: str, is_package: bool = False) -> set[str]:
    """Return the absolute names a source imports, wherever in it: at the top, in functions, by importlib."""
    package = module.split(".") if is_package else module.split(".")[:-1]
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            found.update(f"{origin}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in {"import_module", "import_string", "__import__"} and isinstance(node.args[0].value, str):
                found.add(node.args[0].value)
    return found


def is_within(name: str, room: str) -> bool:
    return name == room or name.startswith(f"{room}.")


def imports_upward(module: str, imported: set[str]) -> list[str]:
    floor = module.split(".")[0]
    above = FLOORS[: FLOORS.index(floor)]
    return [f"{module} imports {name}" for name in sorted(imported) if name.split(".")[0] in {*above, "tests"}]


def imports_foreign_to_pure_rooms(module: str, imported: set[str]) -> list[str]:
    """A pure room may import the standard library, pure packages, and the other pure rooms of its floor or below."""
    if not any(is_within(module, room) for room in PURE_ROOMS):
        return []
    complaints = []
    for name in sorted(imported):
        first = name.split(".")[0]
        own = first in FLOORS and not any(is_within(name, room) for room in PURE_ROOMS)
        if own or first in FOREIGN_TO_PURE_ROOMS:
            complaints.append(f"{module} imports {name}")
    return complaints


def says_nothing(path: Path) -> bool:
    return path.stem in NAMES_THAT_SAY_NOTHING


def missing_or_unexpected(names: set[str]) -> list[str]:
    missing = [f"{name} is missing" for name in sorted(TOP_LEVEL - names)]
    return missing + [f"{name} has no place here" for name in sorted(names - TOP_LEVEL - ALLOWED_BESIDE)]


def has_opening(source: str) -> bool:
    return not source.strip() or bool(ast.get_docstring(ast.parse(source)))


def listed_by_git() -> set[str]:
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    if listing.returncode:
        pytest.skip("not a git checkout: nothing tells its files from what a run left behind")
    return {line.split("/")[0] for line in listing.stdout.splitlines() if (ROOT / line).exists()}


# --- The house as it stands ---


def test_imports_go_down_only() -> None:
    complaints = [
        complaint
        for path in sources()
        for complaint in imports_upward(
            module_of(path), imports_of(path.read_text(), module=module_of(path), is_package=path.stem == "__init__")
        )
    ]
    assert complaints == []


def test_pure_rooms_import_nothing_of_django() -> None:
    complaints = [
        complaint
        for path in sources()
        for complaint in imports_foreign_to_pure_rooms(
            module_of(path), imports_of(path.read_text(), module=module_of(path), is_package=path.stem == "__init__")
        )
    ]
    assert complaints == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert [str(path) for path in sources() if says_nothing(path)] == []


def test_every_module_opens_with_its_idea() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in sources()
        if "migrations" not in path.parts and not has_opening(path.read_text())
    ]
    assert silent == []


@pytest.mark.parametrize("app", APPS)
def test_an_app_has_no_face_of_its_own(app: str) -> None:
    assert (ROOT / app / "__init__.py").read_text() == ""


def test_the_top_level_is_the_agreed_one() -> None:
    assert missing_or_unexpected(listed_by_git()) == []


def test_test_files_have_names_of_their_own() -> None:
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted({name for name in names if names.count(name) > 1}) == []


# --- The pure rooms run without Django, which is more than not importing it ---

IMPORT_EVERYTHING = """
import importlib, pkgutil, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in BLOCKED:
            raise ImportError(f"{name} is blocked")

sys.meta_path.insert(0, Blocked())
for room in ROOMS:
    package = importlib.import_module(room)
    for found in pkgutil.walk_packages(package.__path__, room + "."):
        importlib.import_module(found.name)
        print(found.name)
"""


def run_with_blocked(rooms: tuple[str, ...], *, folder: Path) -> subprocess.CompletedProcess[str]:
    head = f"BLOCKED = {sorted(FOREIGN_TO_PURE_ROOMS)!r}\nROOMS = {rooms!r}\n"
    return subprocess.run(
        [sys.executable, "-c", head + IMPORT_EVERYTHING], cwd=folder, capture_output=True, text=True, timeout=120
    )


def test_pure_rooms_work_where_django_cannot_be_imported() -> None:
    outcome = run_with_blocked(PURE_ROOMS, folder=ROOT)
    assert outcome.returncode == 0, outcome.stderr
    imported = set(outcome.stdout.split())
    modules = {
        module_of(path)
        for path in sources()
        if path.stem != "__init__" and any(is_within(module_of(path), room) for room in PURE_ROOMS)
    }
    assert modules <= imported
    for room in PURE_ROOMS:
        assert any(is_within(name, room) for name in imported), f"{room} is empty"


# --- Each rule complains of what breaks it ---


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("patients.intake.rows", "from trials.criteria import parse"),
        ("trials.actions", "import matcher.models"),
        ("matcher.tasks", "def run():\n    from config import settings"),
        ("patients.actions", "import importlib\nimportlib.import_module('matcher.tasks')"),
        ("patients.models.facts", "from ...matcher import runs"),
        ("trials.actions", "from tests import queue_probe"),
    ],
    ids=["from", "import", "inside a function", "importlib", "relative", "tests"],
)
def test_an_import_upward_is_caught(module: str, source: str) -> None:
    assert imports_upward(module, imports_of(source, module=module)) != []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("matcher.tasks", "from patients import changes"),
        ("trials.actions", "from . import selectors"),
        ("config.urls", "import matcher.api.urls"),
        ("patients.actions", "import django.db"),
    ],
    ids=["down", "own floor", "from the top", "outside"],
)
def test_an_import_downward_is_allowed(module: str, source: str) -> None:
    assert imports_upward(module, imports_of(source, module=module)) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("trials.criteria.tree", "from django.utils import timezone"),
        ("matcher.engine.truth", "def now():\n    import django.utils.timezone"),
        ("matcher.engine.truth", "from patients.models import Patient"),
        ("patients.facts.records", "from .. import models"),
        ("patients.vocabulary.reader", "from celery import shared_task"),
    ],
    ids=["django", "inside a function", "a model", "relative", "celery"],
)
def test_a_foreign_import_in_a_pure_room_is_caught(module: str, source: str) -> None:
    assert imports_foreign_to_pure_rooms(module, imports_of(source, module=module)) != []


def test_pure_rooms_may_import_each_other() -> None:
    imported = imports_of("from patients.facts import PartialDate\nimport lark", module="matcher.engine.truth")
    assert imports_foreign_to_pure_rooms("matcher.engine.truth", imported) == []


def test_a_room_that_needs_django_is_caught_when_it_runs(tmp_path: Path) -> None:
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "__init__.py").write_text("")
    (tmp_path / "room" / "hidden.py").write_text("name = 'djan' + 'go'\n__import__(name)\n")
    outcome = run_with_blocked(("room",), folder=tmp_path)
    assert outcome.returncode != 0
    assert "django is blocked" in outcome.stderr


def test_the_small_rules_complain() -> None:
    assert says_nothing(Path("matcher/utils.py"))
    assert not says_nothing(Path("matcher/runs.py"))
    assert not has_opening("import os\n")
    assert has_opening('"""The idea."""\n')
    assert missing_or_unexpected(TOP_LEVEL) == []
    assert missing_or_unexpected(TOP_LEVEL - {"Makefile"} | {"scripts"}) == [
        "Makefile is missing",
        "scripts has no place here",
    ]
