"""Workers and their clock as they run in service, each a process group of its own, so that it can be killed whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from bench.processes import ROOT

STOP_SECONDS = 20.0
#: How a worker is killed: the process that does the task at hand, the one that reads the queue, or both.
WAYS = ("the process at work", "the process that reads the queue", "the whole worker")


@dataclass(slots=True)
class Workers:
    """Some workers of one process each, and a clock; `started` counts the workers that were."""

    environment: Mapping[str, str]
    folder: Path
    number: int
    started: int = 0
    _clock: subprocess.Popen[bytes] | None = None
    _workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _groups: list[int] = field(default_factory=list)

    def __enter__(self) -> Workers:
        self._clock = self._start("beat", "--schedule", str(self.folder / "beat-schedule"))
        self._workers = [self._worker() for _ in range(self.number)]
        return self

    def __exit__(self, *error: object) -> None:
        processes = [*self._workers, *([self._clock] if self._clock is not None else [])]
        for process in processes:
            process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=max(0.0, deadline - time.monotonic()))
        for group in self._groups:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        for process in processes:
            process.wait()

    def kill_one(self, random: Random) -> str:
        """SIGKILL one worker in one of the ways, and start it again where nothing else would; says how."""
        index, way = random.randrange(len(self._workers)), random.choice(WAYS)
        victim = self._workers[index]
        children = _children(victim.pid)
        if way == WAYS[0] and children:
            with suppress(ProcessLookupError):
                os.kill(random.choice(children), signal.SIGKILL)
            return way
        if way == WAYS[2]:
            os.killpg(victim.pid, signal.SIGKILL)
        else:
            way = WAYS[1]
            victim.kill()
        victim.wait()
        self._workers[index] = self._worker()
        return way

    def left_behind(self) -> int:
        """Processes of workers that were killed which are still there."""
        kept = {process.pid for process in self._workers}
        return sum(group not in kept and group != getattr(self._clock, "pid", 0) and _lives(group)
                   for group in self._groups)  # fmt: skip

    def ended(self) -> list[int]:
        """The exit codes of workers and clock that ended although nobody killed them."""
        processes = [*self._workers, *([self._clock] if self._clock is not None else [])]
        return [process.returncode for process in processes if process.poll() is not None]

    def _worker(self) -> subprocess.Popen[bytes]:
        self.started += 1
        return self._start("worker", "--concurrency=1", "--without-gossip", "-n", f"faults{self.started}@%h")

    def _start(self, *what: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{what[0]}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "config", *what],
                cwd=ROOT, env=dict(self.environment), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        self._groups.append(process.pid)
        return process


def _lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _children(parent: int) -> list[int]:
    listed = Path(f"/proc/{parent}/task/{parent}/children")
    with suppress(OSError):
        return [int(child) for child in listed.read_text().split()]
    # No Linux.
    lines = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    pairs = (line.split() for line in lines.splitlines())
    return [int(child) for child, of in pairs if int(of) == parent]
