"""Compares the two engines on made-up rules, trials and patients until it is stopped.

    python -m tests.generative.soak [--minutes N] [--only KIND] [--seed N] [--trials | --rules]

Prints what it has compared, and saves each disagreement, made small, under var/soak/: rule, patient, both answers and
the seed that makes the batch again. Ends with 1 if there was any.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from pathlib import Path

from tests.generative.agreement import Disagreement, disagreements
from tests.generative.criteria_strategies import GROUPS

SAVED = Path("var/soak")

#: Batches between two looks at the clock.
_STEP = 10

#: Every so many steps trials are compared in place of rules.
_TRIALS_EVERY = 4


def main() -> int:
    """Runs until the time is over or someone interrupts; 0 if the engines agreed throughout."""
    parser = argparse.ArgumentParser(prog="python -m tests.generative.soak", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--minutes", type=float, default=0, help="how long; without it until stopped")
    parser.add_argument("--only", choices=sorted(GROUPS), help="a construct, a kind of record or a group")
    parser.add_argument("--seed", type=int, help="where to begin; without it somewhere else each time")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--trials", action="store_true", help="trials alone")
    what.add_argument("--rules", action="store_true", help="rules alone")
    asked = parser.parse_args()
    seed = random.SystemRandom().randrange(10**9) if asked.seed is None else asked.seed
    print(f"from seed {seed}" + (f", only {asked.only}" if asked.only else ""), flush=True)
    begun = told = time.monotonic()
    batches, found, step = 0, 0, 0
    try:
        while not asked.minutes or time.monotonic() - begun < 60 * asked.minutes:
            step += 1
            trials = asked.trials or (not asked.rules and step % _TRIALS_EVERY == 0)
            for each in disagreements(seed + batches, _STEP, asked.only, trials=trials):
                found += 1
                _save(each, found)
            batches += _STEP
            if time.monotonic() - told > 10:
                told = time.monotonic()
                _tell(batches, found, told - begun)
    except KeyboardInterrupt:
        print()
    _tell(batches, found, time.monotonic() - begun)
    return 1 if found else 0


def _tell(batches: int, found: int, seconds: float) -> None:
    rate = batches / max(seconds, 0.001) * 60
    print(f"{seconds / 60:6.1f} min: {batches:,} batches ({rate:,.0f} a minute), {found} disagreements", flush=True)


def _save(each: Disagreement, number: int) -> None:
    SAVED.mkdir(parents=True, exist_ok=True)
    path = SAVED / f"{each.seed.replace(' ', '-')}-{number}.txt"
    path.write_text(f"{each}\n")
    print(f"\n{path}\n{each}\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
