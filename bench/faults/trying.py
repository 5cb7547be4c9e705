"""Faults and when they strike: each looks at the run under way and strikes at a moment drawn from a seed."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from celery import current_app
from kombu.exceptions import OperationalError

from bench.faults.servers import Databases, Redis
from bench.faults.workers import Workers
from matcher.models import MatchRun, Shard
from matcher.runs.queue import RUN_SHARD

#: Hears of each fault when it strikes.
Told = Callable[[str], None]
#: How long Redis is away.
AWAY_SECONDS = 1.0


@dataclass(slots=True)
class Fault:
    """Nothing happens; the others are kinds of it."""

    name: str = "nothing"
    #: How often it struck.
    struck: int = 0

    def look(self, run: MatchRun, workers: Workers) -> None:
        """Called every few hundredths of a second while a run is under way."""


@dataclass(slots=True)
class Kills(Fault):
    """Workers are killed by SIGKILL, each time another moment after one was seen at work, until so many were."""

    random: Random = field(default_factory=Random)
    most: int = 0
    #: A kill comes at most so many seconds after a worker was seen to begin a shard.
    within: float = 1.0
    told: Told = print
    #: So many of one run, so that they are spread over all of them.
    of_run: int = 6
    _of: Counter[int] = field(default_factory=Counter)
    _at: float = 0.0
    _seen: tuple[int, int] = (0, -1)

    def look(self, run: MatchRun, workers: Workers) -> None:
        if self.struck >= self.most or self._of[run.pk] >= self.of_run:
            return
        if not self._at:
            # Progress since the last kill: a worker is at work, not starting.
            now = (run.pk, _claims(run))
            if now != self._seen:
                self._seen = now
                self._at = time.monotonic() + self.random.uniform(0, self.within)
        elif time.monotonic() >= self._at:
            how = workers.kill_one(self.random)
            self.struck += 1
            self._of[run.pk] += 1
            self._at, self._seen = 0.0, (run.pk, _claims(run))
            self.told(f"kill {self.struck} of {self.most}: {how}; {_moment(run)}")


@dataclass(slots=True)
class _OncePerRun(Fault, ABC):
    """Strikes once in each run, when a share of its shards drawn by chance is done, or at once in one of few shards."""

    random: Random = field(default_factory=Random)
    told: Told = print
    _shares: dict[int, float] = field(default_factory=dict)

    def look(self, run: MatchRun, workers: Workers) -> None:
        if run.shards_total == 0:
            return
        share = self._shares.setdefault(run.pk, self.random.uniform(0.0, 0.8))
        if share <= 1 and run.shards_done >= share * run.shards_total:
            self._shares[run.pk] = 2.0
            self.strike(run)
            self.struck += 1
            self.told(f"{self.name}: {_moment(run)}")

    @abstractmethod
    def strike(self, run: MatchRun) -> None:
        """Do the harm, once in each run."""


@dataclass(slots=True)
class RedisLost(_OncePerRun):
    """Redis is flushed, killed, away for a second and started empty."""

    redis: Redis | None = None

    def strike(self, run: MatchRun) -> None:
        assert self.redis is not None
        self.redis.flush()
        self.redis.kill()
        time.sleep(AWAY_SECONDS)
        self.redis.start()


@dataclass(slots=True)
class DatabaseLost(_OncePerRun):
    """PostgreSQL is restarted without letting anybody finish."""

    databases: Databases | None = None

    def strike(self, run: MatchRun) -> None:
        assert self.databases is not None
        self.databases.restart()


@dataclass(slots=True)
class Thrice(Fault):
    """The message of every shard is sent three times more."""

    told: Told = print
    _sent: set[int] = field(default_factory=set)

    def look(self, run: MatchRun, workers: Workers) -> None:
        if run.pk in self._sent:
            return
        keys = list(run.shards.filter(state=Shard.State.PENDING).values_list("pk", flat=True))
        if not keys:
            return
        self._sent.add(run.pk)
        try:
            for key in keys:
                for _ in range(3):
                    current_app.send_task(RUN_SHARD, args=[key])
        except OperationalError:
            return  # Redis is away by another fault
        self.struck += 1
        self.told(f"{self.name}: {len(keys)} shards sent three times more; {_moment(run)}")


@dataclass(slots=True)
class Together(Fault):
    """Several at once."""

    faults: tuple[Fault, ...] = ()

    def look(self, run: MatchRun, workers: Workers) -> None:
        for fault in self.faults:
            fault.look(run, workers)
        self.struck = sum(fault.struck for fault in self.faults)


def _claims(run: MatchRun) -> int:
    return sum(run.shards.values_list("attempts", flat=True))


def _moment(run: MatchRun) -> str:
    return f"{run} ({run.kind}, {run.get_scope_display()}) had {run.shards_done} of {run.shards_total} shards done"
