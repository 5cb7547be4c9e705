"""`python -m bench.faults`: break things while registries are matched, and compare with one where nothing was broken.

Needs PostgreSQL in DATABASE_URL (`.ci/services python -m bench.faults` has one of its own). A registry is imported
once; each round takes a copy of its database, has workers match it while a fault strikes, and compares matches, counts,
funnels and status history with those of an undisturbed round. Exits with 1 where anything differs.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from bench.faults.servers import Databases, Redis
from bench.processes import is_postgresql

if TYPE_CHECKING:
    from bench.faults import trying
    from bench.faults.content import Content
    from bench.faults.trying import Fault

KILLS = 50
#: A round in which nothing at all moves for so long is stuck.
STUCK_SECONDS = 120.0
PAUSE_SECONDS = 0.05
#: Shards of a run of everyone.
SHARDS = 25
#: Patients of a shard in the rounds that read snapshots: more than a few hundred.
OF_SNAPSHOT = 600
#: A claim is stale after so many times what the longest shard took where nothing was broken.
CLAIM = 3
#: Kills in one round at most, so that they are spread over several.
KILLS_OF_ROUND = 25
ONLY = ("kills", "redis", "postgresql", "thrice", "all")


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line, try every fault, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="draws the moments of faults")
    parser.add_argument("--patients", type=int, default=2400)
    parser.add_argument("--trials", type=int, help="so many trials of the library (default: the whole library)")
    parser.add_argument("--shards", type=int, default=SHARDS, help="shards of a run of everyone")
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--only", choices=ONLY, action="append", help="try this fault alone (may be repeated)")
    options = parser.parse_args(arguments)
    address = os.environ.get("DATABASE_URL", "")
    if not is_postgresql(address):
        parser.error("DATABASE_URL names no PostgreSQL: run it as `.ci/services python -m bench.faults`")
    databases = Databases(address, os.environ.get("RESTART_POSTGRESQL", ""))
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="matcher-faults-") as scratch, databases.dropped_at_end():
        redis = Redis(Path(scratch))
        redis.start()
        try:
            bad = _Trial(Path(scratch), databases, redis, options).run()
        finally:
            redis.kill()
    print(f"\n{bad} rounds differ" if bad else "\nEvery round left what the undisturbed one left.", flush=True)
    return 1 if bad else 0


def _set_up(scratch: Path, database: str, redis: Redis) -> None:
    """The system in this process and in its children: on these servers, in a hurry, with nobody's own settings."""
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": database,
        "REDIS_URL": redis.address,
        "STATE_DIR": str(scratch / "state"),
        "UPLOAD_DIR": str(scratch / "uploads"),
        "ENV_FILE": "",
        "DJANGO_DEBUG": "false",
        "SECRET_KEY": secrets.token_urlsafe(64),
        "ALLOWED_HOSTS": "localhost",
        "LOG_LEVEL": "WARNING",
        "TIME_ZONE": "UTC",
        "REAPER_SECONDS": "2",
        "RUN_MESSAGE_SECONDS": "5",
    }
    import django

    django.setup()


class _Trial:
    """One registry, and as many rounds with it as the faults need."""

    def __init__(self, scratch: Path, databases: Databases, redis: Redis, options: argparse.Namespace) -> None:
        self._scratch, self._databases, self._redis, self._options = scratch, databases, redis, options
        self._began = time.monotonic()
        self._round = 0
        #: Seconds of the longest shard of a round without faults.
        self._longest = 1.0

    def run(self) -> int:
        """Try everything; returns how many rounds differed."""
        template = self._databases.create()
        _set_up(self._scratch, self._databases.address_of(template), self._redis)
        self._make(template)
        bad = 0
        patients = self._options.patients
        # The size of shards, with their share of the kills.
        sizes = {-(-patients // self._options.shards): 1.0}
        if patients > OF_SNAPSHOT:
            sizes = dict.fromkeys(sizes, 0.8) | {OF_SNAPSHOT: 0.2}
        for shard, share in sizes.items():
            os.environ["RUN_CLAIM_SECONDS"] = "60"
            truth, problems = self._one(template, shard, None)
            bad += self._verdict(problems, well="every run ended: this is what the others are compared with")
            os.environ["RUN_CLAIM_SECONDS"] = f"{max(3.0, CLAIM * self._longest):.1f}"
            if problems:
                return bad
            for fault, workers in self._faults(shard, share):
                found, problems = self._one(template, shard, fault, workers=workers)
                bad += self._verdict([*problems, *self._compared(truth, found)])
        return bad

    def _faults(self, shard: int, share: float) -> Iterator[tuple[Fault, int]]:
        """The faults to try with shards of a size, each with the number of workers; kills until there were enough."""
        from bench.faults import trying

        random = Random(f"{self._options.seed} {shard}")
        kinds = self._options.only or ONLY
        lost = trying.RedisLost("Redis flushed, killed, started", random=random, told=self._say, redis=self._redis)
        if "kills" in kinds:
            left = round(self._options.kills * share)
            while left > 0:
                kills = self._kills(random, min(left, KILLS_OF_ROUND))
                yield kills, 2
                if not kills.struck:
                    return
                left -= kills.struck
        if "redis" in kinds:
            yield lost, 2
        if "postgresql" in kinds:
            if self._databases.can_restart:
                yield self._restarts(random), 2
            else:
                self._say("not tried: PostgreSQL restarted; name the command that does it in RESTART_POSTGRESQL")
        if "thrice" in kinds:
            yield trying.Thrice("delivered three times", told=self._say), 3
        if "all" in kinds:
            every = [
                self._kills(random, min(8, self._options.kills)),
                trying.RedisLost("Redis flushed, killed, started", random=random, told=self._say, redis=self._redis),
                trying.Thrice("delivered three times", told=self._say),
                *([self._restarts(random)] if self._databases.can_restart else []),
            ]
            yield trying.Together("all of them at once", faults=tuple(every)), 3

    def _kills(self, random: Random, most: int) -> trying.Kills:
        from bench.faults import trying

        return trying.Kills(
            "workers killed",
            random=random,
            most=most,
            of_run=max(2, -(-most // 4)),
            within=self._longest,
            told=self._say,
        )

    def _restarts(self, random: Random) -> Fault:
        from bench.faults import trying

        return trying.DatabaseLost("PostgreSQL restarted", random=random, told=self._say, databases=self._databases)

    # --- One round ----------------------------------------------------------------------------------------------

    def _make(self, template: str) -> None:
        from django.core.management import call_command

        from bench.faults import registry

        call_command("migrate", verbosity=0)
        # Hours from midnight, which would change the answers between two rounds.
        zone = "UTC" if datetime.now(UTC).hour < 12 else "Etc/GMT+12"
        known = registry.make(
            self._scratch, patients=self._options.patients, trials=self._options.trials, time_zone=zone
        )
        self._say(f"the library is published and {known} patients are imported")
        self._leave()

    def _one(
        self, template: str, shard: int, fault: Fault | None, *, workers: int = 2
    ) -> tuple[Content, list[str]]:  # fmt: skip
        """A copy of the registry, its steps with a fault, what they left, and what is wrong with that by itself."""
        from django.conf import settings
        from django.db import connection

        from bench.faults import content, registry, trying
        from bench.faults.workers import Workers
        from matcher.runs import starting
        from patients.models import Registry

        self._round += 1
        fault = fault or trying.Fault()
        folder = self._scratch / f"round-{self._round}"
        folder.mkdir()
        copy = self._databases.create(like=template)
        connection.settings_dict["NAME"] = copy
        settings.STATE_DIR = folder / "state"
        starting.SHARD_PATIENTS = shard
        self._redis.flush()
        environment = os.environ | {
            "DATABASE_URL": self._databases.address_of(copy),
            "STATE_DIR": str(folder / "state"),
            "RUN_SHARD_PATIENTS": str(shard),
        }
        self._say(f"--- round {self._round}: {fault.name}; {shard} patients a shard, {workers} workers")
        began = time.monotonic()
        problems: list[str] = []
        with Workers(environment, folder, workers) as group:
            known = Registry.objects.get(name=registry.NAME)
            for said, step in registry.steps(folder):
                problem = self._step(known, said, step, fault, group)
                if problem:
                    problems.append(problem)
                    break
            problems += [f"a worker or the clock ended by itself with {code}" for code in group.ended()]
            behind = group.left_behind()
            if behind:
                problems.append(f"{behind} processes outlived the workers that were killed")
        problems += content.loose_ends(known)
        found = content.content_of(known)
        if fault.name == trying.Fault().name:
            self._longest = content.longest_shard(known)
            self._say(f"the longest shard took {self._longest:.1f} s")
        sizes = ", ".join(f"{len(lines)} {name}" for name, lines in found.items())
        self._say(f"{fault.struck} faults, {time.monotonic() - began:.0f} s, {group.started} workers started; {sizes}")
        if not fault.struck and fault.name != trying.Fault().name:
            problems.append("no fault struck: the runs were too short")
        self._leave()
        if problems:
            self._say(f"logs: {_tail(folder / 'worker.log')}")
        self._databases.drop(copy)
        return found, problems

    def _step(self, known, said, step, fault, group) -> str:  # type: ignore[no-untyped-def]
        """Do one thing to the registry, and wait until its answers hold; what is wrong, or nothing."""
        from django.db import InterfaceError, OperationalError, connection

        from matcher import runs
        from matcher.models import MatchRun

        asked = step(known, runs.today_in(known))
        moved, signs = time.monotonic(), None
        while True:
            try:
                running = MatchRun.objects.filter(registry=known, state__in=MatchRun.UNDER_WAY).order_by("pk").first()
                if running is not None:
                    fault.look(running, group)
                elif runs.is_up_to_date(known):
                    if asked is not None:
                        asked.refresh_from_db()
                    if asked is None or asked.has_ended:
                        return ""
                now = (running.pk, running.shards_done) if running is not None else None
            except (OperationalError, InterfaceError):
                connection.close()
                now = signs
            if now != signs:
                moved, signs = time.monotonic(), now
            if time.monotonic() - moved > STUCK_SECONDS:
                state = f"{running}, {running.shards_done} of {running.shards_total} shards" if running else "no run"
                return f"stuck after {said!r} for {STUCK_SECONDS:.0f} s: {state}"
            time.sleep(PAUSE_SECONDS)

    def _compared(self, truth: Content, found: Content) -> list[str]:
        from bench.faults import content

        return list(content.differences(truth, found))

    def _leave(self) -> None:
        from django.db import connections

        connections.close_all()

    def _verdict(self, problems: Sequence[str], *, well: str = "identical") -> int:
        for problem in problems:
            self._say(f"  DIFFERS  {problem}")
        if not problems:
            self._say(f"  {well}")
        return int(bool(problems))

    def _say(self, what: str) -> None:
        print(f"{time.monotonic() - self._began:7.1f} s  {what}", flush=True)


def _tail(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


if __name__ == "__main__":
    sys.exit(main())
