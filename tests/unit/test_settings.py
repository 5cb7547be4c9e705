"""What the environment makes of the system: a laptop with nothing set, a service that refuses to start half set."""

import json
import logging
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client, RequestFactory

from config import health, navigation
from config.logs import JsonFormatter
from config.private_files import read_or_create
from tests.conftest import ROOT

SERVICE = {
    "DJANGO_DEBUG": "false",
    "SECRET_KEY": "k" * 20 + "".join(chr(33 + number) for number in range(60)),
    "ALLOWED_HOSTS": "matcher.example.org",
}
ASK = """
import json, sys
from django.conf import settings
print(json.dumps({name: getattr(settings, name) for name in sys.argv[1:]}, default=str))
"""


def run_python(*arguments: str, environment: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run Python in the checkout with nothing of this process's environment that the settings read."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    own = {"DJANGO_SETTINGS_MODULE": "config.settings", "ENV_FILE": "", "STATE_DIR": str(folder)}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=kept | own | environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


def settings_under(environment: dict[str, str], *names: str, folder: Path) -> dict[str, Any]:
    outcome = run_python("-c", ASK, *names, environment=environment, folder=folder)
    assert outcome.returncode == 0, outcome.stderr
    answer: dict[str, Any] = json.loads(outcome.stdout)
    return answer


def test_with_nothing_set_it_is_a_laptop(tmp_path: Path) -> None:
    found = settings_under(
        {}, "DEBUG", "DATABASES", "CELERY_BROKER_URL", "CACHES", "TIME_ZONE", "USE_TZ", folder=tmp_path
    )
    database = found["DATABASES"]["default"]
    assert found["DEBUG"] is True
    assert database["ENGINE"] == "django.db.backends.sqlite3"
    assert Path(database["NAME"]).parent == tmp_path
    assert database["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert database["OPTIONS"]["timeout"] == 30
    assert found["CELERY_BROKER_URL"] == f"redis+socket://{tmp_path}/redis/redis.sock"
    assert found["CACHES"]["default"]["BACKEND"].endswith("LocMemCache")
    assert (found["USE_TZ"], found["TIME_ZONE"]) == (True, "UTC")


def test_addresses_choose_the_parts_of_a_service(tmp_path: Path) -> None:
    addresses = {"DATABASE_URL": "postgres://u:p@db:5433/matcher", "REDIS_URL": "redis://queue:6379/3"}
    found = settings_under(addresses, "DATABASES", "CELERY_BROKER_URL", "CACHES", folder=tmp_path)
    database = found["DATABASES"]["default"]
    assert database["ENGINE"] == "django.db.backends.postgresql"
    assert (database["HOST"], database["PORT"], database["NAME"]) == ("db", 5433, "matcher")
    assert "pool" not in database.get("OPTIONS", {})
    assert found["CELERY_BROKER_URL"] == "redis://queue:6379/3"
    assert found["CACHES"]["default"]["LOCATION"] == "redis://queue:6379/3"


def test_the_real_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("TIME_ZONE=Europe/Paris\nSESSION_IDLE_MINUTES=5\n")
    environment = {"ENV_FILE": str(file), "TIME_ZONE": "Europe/Berlin"}
    found = settings_under(environment, "TIME_ZONE", "SESSION_COOKIE_AGE", folder=tmp_path)
    assert found == {"TIME_ZONE": "Europe/Berlin", "SESSION_COOKIE_AGE": 300}


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({name: value for name, value in SERVICE.items() if name != "SECRET_KEY"}, "SECRET_KEY is not set"),
        ({name: value for name, value in SERVICE.items() if name != "ALLOWED_HOSTS"}, "ALLOWED_HOSTS is not set"),
        ({"TIME_ZONE": "Paris"}, "TIME_ZONE is 'Paris'"),
    ],
    ids=["no key", "no hosts", "no such zone"],
)
def test_it_refuses_to_start_half_set(environment: dict[str, str], named: str, tmp_path: Path) -> None:
    outcome = run_python("manage.py", "check", environment=environment, folder=tmp_path)
    assert outcome.returncode != 0
    assert named in outcome.stderr
    assert not (tmp_path / "secret-key").exists() or "SECRET_KEY" not in named


def test_a_service_passes_the_deployment_check(tmp_path: Path) -> None:
    arguments = ("manage.py", "check", "--deploy", "--fail-level", "WARNING")
    outcome = run_python(*arguments, environment=SERVICE, folder=tmp_path)
    assert outcome.returncode == 0, outcome.stderr


def test_the_deployment_check_can_fail(tmp_path: Path) -> None:
    arguments = ("manage.py", "check", "--deploy", "--fail-level", "WARNING")
    outcome = run_python(*arguments, environment={}, folder=tmp_path)
    assert outcome.returncode != 0
    assert "security.W018" in outcome.stderr


def test_a_laptop_keeps_its_key_to_itself(tmp_path: Path) -> None:
    first = settings_under({}, "SECRET_KEY", folder=tmp_path)
    second = settings_under({}, "SECRET_KEY", folder=tmp_path)
    elsewhere = settings_under({}, "SECRET_KEY", folder=tmp_path / "other")
    assert first == second != elsewhere
    assert stat.S_IMODE((tmp_path / "secret-key").stat().st_mode) == 0o600


def test_a_secret_is_made_once_even_if_two_make_it(tmp_path: Path) -> None:
    path = tmp_path / "secret"

    def make_late() -> str:
        # Another process finishes its own while this one is still making one.
        assert read_or_create(path, lambda: "theirs") == ("theirs", True)
        return "ours"

    assert read_or_create(path, make_late) == ("theirs", False)
    assert path.read_text() == "theirs"
    assert [file.name for file in tmp_path.iterdir()] == ["secret"]


def test_every_variable_is_in_the_example() -> None:
    named = {line.lstrip("#").split("=")[0] for line in (ROOT / ".env.example").read_text().splitlines() if "=" in line}
    read = {
        node
        for file in ("settings.py", "gunicorn.py")
        for node in _variables_read((ROOT / "config" / file).read_text())
    }
    assert named == read - {"ENV_FILE"}


def _variables_read(source: str) -> set[str]:
    return set(re.findall(r'(?:env\.\w+|os\.environ\.get)\(\s*"([A-Z_]+)"', source))


@pytest.mark.django_db
def test_sqlite_writes_ahead_and_holds_foreign_keys() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("asks about SQLite")
    with connection.cursor() as cursor:
        answers = [
            cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "foreign_keys", "busy_timeout")
        ]
    assert answers == ["wal", 1, 30_000]


# --- What a browser is told, and what a probe learns ---


@pytest.mark.django_db
def test_a_page_may_load_from_here_only(client: Client) -> None:
    response = client.get("/admin/login/")
    assert response.status_code == 200
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy and "http" not in policy
    assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]
    assert "no-store" in response.headers["Cache-Control"]
    assert response.headers["X-Frame-Options"] == "DENY"


@pytest.mark.django_db
def test_a_person_who_does_nothing_is_logged_off(client: Client, admin_user: Any) -> None:
    client.force_login(admin_user)
    cookie = client.get("/admin/").cookies["sessionid"]
    # Renewed by a request, and gone with the browser: no expiry in the cookie, one in the database.
    assert cookie["max-age"] == ""
    assert client.session.get_expiry_age() == settings.SESSION_COOKIE_AGE == 30 * 60


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/admin/", "/api/docs/", "/admin/login/"])
def test_no_page_names_an_address_outside(address: str, admin_client: Client) -> None:
    text = admin_client.get(address, follow=True).content.decode()
    assert "<title>" in text
    assert [part[:60] for part in text.split("https://")[1:]] == []
    assert [part[:60] for part in text.split("http://")[1:] if not part.startswith("www.w3.org/")] == []


@pytest.mark.django_db
def test_the_schema_is_openapi_3_1(admin_client: Client) -> None:
    schema = admin_client.get("/api/schema/", headers={"accept": "application/vnd.oai.openapi+json"}).json()
    assert schema["openapi"].startswith("3.1")
    assert schema["info"]["title"] == "Trial eligibility matcher"


@pytest.mark.django_db
def test_the_start_leads_to_the_admin(client: Client) -> None:
    assert client.get("/").headers["Location"] == "/admin/"


@pytest.mark.django_db
def test_ready_means_database_and_broker(client: Client, redis_url: str, settings: Any, tmp_path: Path) -> None:
    settings.BROKER_ADDRESS = redis_url
    assert client.get("/readyz").json() == {"status": "up", "database": "up", "broker": "up"}
    settings.BROKER_ADDRESS = f"unix://{tmp_path}/nobody.sock"
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"status": "down", "database": "up", "broker": "down"}


def test_alive_asks_nothing_of_others(rf: RequestFactory) -> None:
    assert health.live(rf.get("/healthz")).status_code == 200
    assert health.live(rf.post("/healthz")).status_code == 405


@pytest.mark.django_db
def test_the_side_bar_shows_what_a_person_may_see(rf: RequestFactory, admin_user: Any, django_user_model: Any) -> None:
    request = rf.get("/admin/")
    request.user = admin_user
    groups = {group["title"]: group["items"] for group in navigation.sidebar(request)}
    assert list(groups) == [group for group in navigation.GROUPS if group in groups]
    assert [item["title"] for item in groups["Trust"]] == ["Audit trail", "Users", "Groups"]
    assert [item["title"] for item in groups["Patients"]] == ["Patients", "Registries", "Uploads"]
    request.user = django_user_model.objects.create_user("nobody", is_staff=True)
    assert navigation.sidebar(request) == []


# --- Logs ---


def formatted(message: str, *arguments: object, exc_info: Any = None) -> dict[str, Any]:
    values: Any = arguments[0] if len(arguments) == 1 and isinstance(arguments[0], dict) else arguments
    record = logging.LogRecord("matcher", logging.ERROR, __file__, 1, message, values, exc_info)
    line: dict[str, Any] = json.loads(JsonFormatter().format(record))
    return line


def test_a_line_says_when_where_and_what() -> None:
    line = formatted("shard %s done", 7)
    assert line["message"] == "shard 7 done"
    assert (line["level"], line["logger"]) == ("ERROR", "matcher")
    assert line["time"].endswith("+00:00")


def test_an_exception_is_named_without_its_text() -> None:
    try:
        raise ValueError("Key (patient_id)=(P-0417) already exists")
    except ValueError as error:
        line = formatted("could not store: %s", error, exc_info=sys.exc_info())
    assert line["exception"] == "builtins.ValueError"
    assert line["message"] == "could not store: ValueError"
    assert any("test_settings.py" in frame for frame in line["frames"])
    assert "P-0417" not in json.dumps(line)


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        ('"%s" %s', ("GET /admin/patients/?q=Smith HTTP/1.1", 200)),
        ("Not Found: /api/v1/patients?name=Smith", ()),
        ("Task %(name)s failed: %(exc)s", ({"name": "match", "exc": "DataError('Smith')"},)),
        ("Task %(name)s returned %(return_value)s", ({"name": "match", "return_value": "Smith"},)),
    ],
    ids=["request line", "path", "task failure", "task result"],
)
def test_a_line_cannot_carry_a_patient(message: str, arguments: tuple[object, ...]) -> None:
    assert "Smith" not in json.dumps(formatted(message, *arguments))
