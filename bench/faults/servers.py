"""The servers that are killed: a Redis of the program's own, and a PostgreSQL with copies of a database on it."""

from __future__ import annotations

import secrets
import shlex
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import redis

from bench.processes import database_beside
from config.embedded_redis import server_program

START_SECONDS = 30.0


class Redis:
    """A Redis that keeps nothing on disk, on one port whenever it is started."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """As REDIS_URL takes it."""
        return f"redis://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it empty, and wait until it answers."""
        options = ["--bind", "127.0.0.1", "--port", str(self._port), "--save", "", "--appendonly", "no"]
        with (self._folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(
                [server_program(), *options, "--dir", str(self._folder)], stdin=subprocess.DEVNULL, stdout=log
            )
        deadline = time.monotonic() + START_SECONDS
        with redis.Redis.from_url(self.address) as client:
            while True:
                with suppress(redis.RedisError):
                    client.ping()
                    return
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise RuntimeError(f"Redis did not start: see {self._folder / 'redis.log'}")
                time.sleep(0.05)

    def flush(self) -> None:
        """Throw away everything it holds."""
        with redis.Redis.from_url(self.address) as client:
            client.flushall()

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class Databases:
    """Databases on one server, dropped at the end, and the command that restarts that server."""

    def __init__(self, address: str, restart: str) -> None:
        self._address, self._restart = address, restart
        self._made: list[str] = []

    @property
    def can_restart(self) -> bool:
        """Whether a command is known that restarts the server."""
        return bool(self._restart)

    def address_of(self, name: str) -> str:
        """As DATABASE_URL takes it."""
        return database_beside(self._address, name)

    def create(self, *, like: str | None = None) -> str:
        """Make an empty database, or a copy of one that nobody is connected to; returns its name."""
        name = f"matcher_faults_{secrets.token_hex(4)}"
        with psycopg.connect(self._address, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"' + (f' TEMPLATE "{like}"' if like else ""))
            self._made.append(name)
            # A throwaway server may be set to lose the last half second of commits where it is killed. What is tried
            # is a server that keeps them.
            connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = on')
        return name

    def drop(self, name: str) -> None:
        """Drop a database, whoever is connected to it."""
        with psycopg.connect(self._address, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        self._made.remove(name)

    def restart(self) -> None:
        """Restart the server without letting anybody finish."""
        subprocess.run(shlex.split(self._restart), check=True, stdout=subprocess.DEVNULL)

    @contextmanager
    def dropped_at_end(self) -> Iterator[None]:
        """Drop every database made meanwhile."""
        try:
            yield
        finally:
            for name in list(self._made):
                self.drop(name)
