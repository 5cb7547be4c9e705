"""The whole service on one laptop: migrated database, Redis, a real Celery worker and, to look at it, the web.

`serve` runs until it is stopped; `run -- COMMAND` runs one command beside a worker and ends with it. Both stop
what they started, and both use a Redis of REDIS_URL where one is named. What worker and web write goes into files,
so that a terminal shows what a person needs.
"""

import argparse
import ctypes
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django
from django.conf import settings

from config import celery_app, embedded_redis
from config.private_files import read_or_create

START_SECONDS = 60.0
STOP_SECONDS = 30.0
DEMO_LOGIN = "demo"
_PR_SET_PDEATHSIG = 1


class LocalServiceError(RuntimeError):
    """A part of the service did not start or did not stay; the text names it and where its log stands."""


@contextmanager
def service() -> Iterator[dict[str, str]]:
    """Migrate, then hold Redis and a worker running; give the environment that their clients need.

    Raises LocalServiceError or EmbeddedRedisError when a part does not come up.
    """
    with ExitStack() as stack:
        address = settings.REDIS_URL or stack.enter_context(embedded_redis.running(settings.EMBEDDED_REDIS_DIR))
        environment = os.environ | {"REDIS_URL": address}
        migration = [sys.executable, str(settings.BASE_DIR / "manage.py"), "migrate", "--verbosity", "0"]
        if subprocess.run(migration, cwd=settings.BASE_DIR, env=environment).returncode:
            raise LocalServiceError("The database could not be migrated; the lines above say why.")
        worker = [sys.executable, "-m", "celery", "-A", "config", "worker", "--beat", "--without-gossip"]
        process = stack.enter_context(_child("worker", worker, environment))
        _wait("worker", process, lambda: bool(celery_app.control.ping(timeout=0.5)))
        yield environment


def run(command: list[str]) -> int:
    """Run `command` beside a worker and return its exit code."""
    with service() as environment:
        return subprocess.run(command, cwd=settings.BASE_DIR, env=environment).returncode


def serve(*, port: int) -> int:
    """Serve on `port` of this machine (the next free one if it is taken) until stopped; return the exit code."""
    with service() as environment:
        port = _free_port(port)
        address = f"http://127.0.0.1:{port}/"
        web = [sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.py", "config.wsgi"]
        with _child("web", web, environment | {"BIND": f"127.0.0.1:{port}", "WEB_WORKERS": "1"}) as process:
            _wait("web", process, lambda: _answers(address + "healthz"))
            print(f"Serving at {address}", flush=True)
            print(_demo_login() if settings.DEBUG else "Log in with a login of your own.", flush=True)
            print(f"Logs: {_log('web')} and {_log('worker')}. Stop with Ctrl-C.", flush=True)
            code = process.wait()
            raise LocalServiceError(f"The web stopped by itself with code {code}; see {_log('web')}.")


def _demo_login() -> str:
    """Make sure the demo login exists and return how to use it; its password is shown only when it is made."""
    from django.contrib.auth.models import User

    kept = settings.STATE_DIR / "demo-login"
    password, made = read_or_create(kept, lambda: secrets.token_urlsafe(12))
    user, created = User.objects.get_or_create(
        username=DEMO_LOGIN, defaults={"is_staff": True, "is_superuser": True, "first_name": "Demo"}
    )
    if created or made:
        user.set_password(password)
        user.save(update_fields=["password"])
    secret = f"password: {password} (kept in {kept})" if made else f"password: the one kept in {kept}"
    return f"Login: {DEMO_LOGIN}, {secret}"


@contextmanager
def _child(name: str, command: list[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` in a session of its own, so that Ctrl-C reaches it through here alone, and end it in order."""
    log = _log(name)
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=settings.BASE_DIR,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _end_with_parent() -> None:
    """Have the kernel send SIGTERM to this new process when its parent dies, be it by SIGKILL (prctl(2), Linux).

    Otherwise a worker would go on for ever on the queue of a service that nobody holds any more.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def _log(name: str) -> Path:
    return Path(settings.STATE_DIR) / f"{name}.log"


def _wait(name: str, process: subprocess.Popen[bytes], is_up: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if is_up():
            return
        time.sleep(0.1)
    tail = "\n".join(_log(name).read_text(errors="replace").splitlines()[-10:])
    raise LocalServiceError(f"The {name} did not start. The end of {_log(name)}:\n{tail}")


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, TimeoutError):
        return False


def _free_port(wanted: int) -> int:
    for port in range(wanted, wanted + 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise LocalServiceError(f"No port from {wanted} to {wanted + 99} is free; name another with PORT=.")


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main(arguments: list[str] | None = None) -> int:
    """Read the command line; return the exit code, 0 for a service that was stopped by a person."""
    parser = argparse.ArgumentParser(prog="python -m config.local", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    serving = actions.add_parser("serve", help="web and worker, until stopped")
    serving.add_argument("--port", type=int, default=8000)
    running = actions.add_parser("run", help="one command beside a worker")
    running.add_argument("command", nargs="+", help="after --, such as: run -- python manage.py demo")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _stop)
    django.setup()
    try:
        return serve(port=options.port) if options.action == "serve" else run(options.command)
    except KeyboardInterrupt:
        return 0 if options.action == "serve" else 130
    except (LocalServiceError, embedded_redis.EmbeddedRedisError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
