"""What every test stands on: no network beyond this machine, repeatable generated cases, a queue where asked for."""

import gc
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import hypothesis
import kombu.pools
import pytest
import redis
from django.db import connection
from django.db.backends.base.operations import BaseDatabaseOperations
from playwright.sync_api import Browser, Page, expect, sync_playwright

from config import celery_app, embedded_redis

ROOT = Path(__file__).resolve().parent.parent

# In CI the same examples every time; on a laptop new ones, and those that failed are kept and tried first.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None)
hypothesis.settings.register_profile("laptop", deadline=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "laptop")


# What a page shows a moment later takes longer where other work shares the machine.
expect.set_options(timeout=20_000)

# Without these the browser asks its maker's servers for updates and fails noisily where there is no network.
BROWSER_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Six thousand tests are gathered in two thirds of the time where nobody looks for garbage that is not there."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


class NetworkBlockedError(RuntimeError):
    """A test reached for an address that is not on this machine."""


def _check_is_here(family: int, address: Any) -> None:
    if family == socket.AF_UNIX:
        return
    host = address[0]
    try:
        here = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        here = False
    if not here:
        raise NetworkBlockedError(f"a test may talk to this machine only, not to {host!r}")


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Iterator[None]:
    connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def checked_connect(self: socket.socket, address: Any) -> None:
        _check_is_here(self.family, address)
        connect(self, address)

    def checked_connect_ex(self: socket.socket, address: Any) -> int:
        _check_is_here(self.family, address)
        return connect_ex(self, address)

    def checked_getaddrinfo(host: Any, *arguments: Any, **options: Any) -> Any:
        if host:
            _check_is_here(socket.AF_INET, (host.decode() if isinstance(host, bytes) else host,))
        return getaddrinfo(host, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", checked_connect)
        patch.setattr(socket.socket, "connect_ex", checked_connect_ex)
        patch.setattr(socket, "getaddrinfo", checked_getaddrinfo)
        yield


@pytest.fixture(autouse=True, scope="session")
def _trails_can_be_emptied_between_tests() -> Iterator[None]:
    """A test that commits is followed by a flush of every table, which triggers of trails and versions would refuse."""
    from patients.trust import protection as trails
    from trials import protection as versions

    flush = BaseDatabaseOperations.execute_sql_flush

    def flush_without_triggers(self: BaseDatabaseOperations, sql_list: list[str]) -> None:
        with trails.lifted(self.connection), versions.lifted(self.connection):
            flush(self, sql_list)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseDatabaseOperations, "execute_sql_flush", flush_without_triggers)
        yield


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The test database; PostgreSQL drops it only when nobody is left in it, be it a process a test has just killed."""
    yield
    if connection.vendor == "postgresql":
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        connection.close()


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real Redis: the one of REDIS_URL with a database of this process's own, else an embedded one."""
    outside = os.environ.get("REDIS_URL")
    if outside:
        number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
        yield f"{outside.rstrip('/')}/{number}"
        return
    with embedded_redis.running(tmp_path_factory.mktemp("redis")) as address:
        yield address


@pytest.fixture
def worker(redis_url: str, transactional_db: None, settings: Any, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A real Celery worker process on the test's database and a real Redis; this process sends to the same Redis.

    Rows must be committed for the worker to see them, so the test runs without a transaction around it.
    """
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": _database_url(),
        "REDIS_URL": redis_url,
    }
    command = [sys.executable, "-m", "celery", "-A", "config", "worker", "--include", "tests.queue_probe"]
    log = tmp_path / "worker.log"
    with log.open("wb") as output, _sending_to(redis_url):
        process = subprocess.Popen(
            [*command, "--concurrency=1", "--without-gossip", "--without-mingle"],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            _wait_until_consuming(process, log)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                # With the children that do its work, which would go on by themselves.
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@pytest.fixture(scope="session")
def _browser() -> Iterator[Browser]:
    program = shutil.which("chromium")
    if program is None:
        why = "chromium is not installed (Debian: apt-get install chromium)"
        # On a laptop that is no fault; where a change is judged it would hide what was not tried.
        pytest.fail(why) if os.environ.get("CI") else pytest.skip(why)
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # As long as the browser's client lives its event loop runs in this thread, which Django would take for
        # asynchronous code.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        # No sandbox: tests may run as root, and the browser sees nothing but this service.
        browser = playwright.chromium.launch(executable_path=program, args=BROWSER_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the page of a test complained of, and what it asked of others; a test that expects one clears it."""
    return []


@pytest.fixture
def page(_browser: Browser, complaints: list[str]) -> Iterator[Page]:
    """A tab of a real browser with nothing remembered; the test fails if any complaint is left."""
    context = _browser.new_context(viewport={"width": 1400, "height": 900}, locale="en-GB")
    tab = context.new_page()
    tab.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("request", lambda request: None if _is_here(request.url) else complaints.append(request.url))
    yield tab
    context.close()
    assert complaints == []


def _is_here(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme in {"data", "blob", "about"} or parts.hostname in {"localhost", "127.0.0.1"}


def _database_url() -> str:
    """Return the test's own database as the DATABASE_URL of another process."""
    parts = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{parts['NAME']}"
    user, password = quote(parts["USER"], safe=""), quote(parts["PASSWORD"], safe="")
    return f"postgres://{user}:{password}@{parts['HOST']}:{parts['PORT']}/{parts['NAME']}"


@contextmanager
def _sending_to(redis_url: str) -> Iterator[None]:
    """Point this process's Celery at `redis_url`, and back again at the broker that swallows everything."""
    before = celery_app.conf.broker_url
    _use_broker(redis_url.replace("unix://", "redis+socket://", 1))
    try:
        with redis.Redis.from_url(redis_url) as client:
            client.flushdb()
        yield
    finally:
        _use_broker(before)


def _use_broker(address: str) -> None:
    celery_app.conf.broker_url = address
    # Close and forget every connection to the former broker, as Celery itself does in a forked child.
    kombu.pools.reset()
    celery_app._after_fork()


def _wait_until_consuming(process: subprocess.Popen[bytes], log: Path, *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        if celery_app.control.ping(timeout=0.5):
            return
    raise RuntimeError(f"the worker did not come up:\n{log.read_text(errors='replace')[-4000:]}")
