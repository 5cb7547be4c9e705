"""Which missing fact would settle the most pairs of a finished run: counted from its rows, once, and kept in the cache.

The rows of a standing run are those that held when it was done, whichever patients it evaluated, so what is counted is
always of the whole registry.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from django.core.cache import cache
from django.db.models import F, Func, IntegerField, Q, QuerySet, Value
from redis.exceptions import RedisError

from matcher.engine.bulk.settling import MissingFact, Pairs, Tally, code, together
from matcher.models import Match, MatchRun, Needs, StandingQuestion, Status
from matcher.runs.standing import held_at
from patients.models import Registry

#: Rows counted at once, and keys in one condition of a statement.
ROWS, KEYS = 50_000, 500
#: How long what was counted is kept; it never changes.
SECONDS = 7 * 24 * 3600
#: A pair that asks for facts, rather than for a reader alone.
NEEDS_FACTS = Q(status=Status.NEEDS_INFORMATION, needs__in=(Needs.FACTS, Needs.BOTH))


@dataclass(frozen=True, slots=True)
class Settling:
    """The missing facts of a run, most settled first: of `every` pair, and of the pairs of `offered` trials."""

    every: tuple[MissingFact, ...]
    offered: tuple[MissingFact, ...]


@dataclass(frozen=True, slots=True)
class FirstThings:
    """What to find out first: of `offered` trials only, or of all where no pair that needs facts is of such a trial."""

    facts: tuple[MissingFact, ...]
    offered: bool


def matches_held(run: MatchRun) -> QuerySet[Match]:
    """The rows of a run; of a standing run those that held when it was done."""
    return Match.objects.filter(Q(run=run) if run.kind == MatchRun.Kind.ASKED else held_at(run))


def settling_of(run: MatchRun) -> Settling:
    """The missing facts of the pairs of a finished run."""
    assert run.finished_at is not None  # what a run stored so far is not its answer
    key = f"settling-{run.pk}-{run.finished_at.timestamp()}"
    found: Settling | None = None
    # A cache that is away costs the time to count again.
    with suppress(RedisError):
        found = cache.get(key)
    if found is None:
        found = _count(run)
        with suppress(RedisError):
            cache.set(key, found, timeout=SECONDS)
    return found


def first_things(runs: Iterable[MatchRun]) -> FirstThings:
    """What to find out first about the patients of finished runs, each of another registry."""
    found = [settling_of(run) for run in runs]
    offered = together(each.offered for each in found)
    return FirstThings(offered or together(each.every for each in found), bool(offered))


def latest_standing(registries: Iterable[Registry] | None = None) -> list[MatchRun]:
    """The latest finished standing run of each registry, or of some."""
    questions = StandingQuestion.objects.filter(run__isnull=False).select_related("run")
    if registries is not None:
        questions = questions.filter(registry__in=registries)
    return [question.run for question in questions.order_by("registry") if question.run is not None]


def lacking_fact(matches: QuerySet[Match], fact: str, *, settled: bool) -> QuerySet[Match]:
    """Those of some matches that need a fact (by its id), or only those that it would settle."""
    try:
        number = int(fact, 16)
        codes = [code(number, settles=settles) for settles in (True, False) if settles or not settled]
    except (ValueError, OverflowError):
        return matches.none()
    wanted = Q()
    for name, each in zip(("settled_by", "asks_for"), codes, strict=False):
        matches = matches.alias(**{name: _Position(Value(each), F("lacks"))})
        wanted |= Q(**{f"{name}__gt": 0})
    return matches.filter(NEEDS_FACTS, wanted)


class _Position(Func):
    """Where bytes stand in others, from 1; 0 where they do not."""

    output_field = IntegerField()
    template = "position(%(expressions)s)"
    arg_joiner = " in "

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        """The needle stands second there."""
        needle, hay = self.get_source_expressions()
        return Func(hay, needle, function="instr", output_field=IntegerField()).as_sql(compiler, connection, **extra)


def _count(run: MatchRun) -> Settling:
    tally = Tally()
    for pairs in _pairs(matches_held(run).filter(NEEDS_FACTS)):
        tally.add(pairs)
    keys = sorted(set(tally.named.values()))
    listed: dict[int, Any] = {}
    for start in range(0, len(keys), KEYS):
        rows = Match.objects.filter(pk__in=keys[start : start + KEYS])
        listed.update(rows.values_list("pk", "missing"))
    return Settling(tally.facts(listed, offered=False), tally.facts(listed, offered=True))


def _pairs(matches: QuerySet[Match]) -> Iterator[Pairs]:
    """Matches some patients at a time, each with all of theirs."""
    rows = matches.order_by("patient_id").values_list("patient_id", "pk", "document_id", "offered", "lacks")
    together: list[tuple[Any, ...]] = []
    for _, theirs in groupby(rows.iterator(chunk_size=10_000), key=lambda row: row[0]):
        together += theirs
        if len(together) >= ROWS:
            yield _as_columns(together)
            together = []
    if together:
        yield _as_columns(together)


def _as_columns(rows: list[tuple[Any, ...]]) -> Pairs:
    patient, key, trial, offered, lacks = zip(*rows, strict=True)
    return Pairs(
        np.array(key, np.int64), np.array(patient, np.int64), np.array(trial, np.int64), np.array(offered, np.bool_),
        lacks,
    )  # fmt: skip
