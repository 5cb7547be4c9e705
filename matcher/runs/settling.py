"""Which missing fact would settle the most pairs of a finished run: counted from its rows, once, and kept in the cache.

The rows of a standing run are those that held when it was done, whichever patients it evaluated, so what is counted is
always of the whole registry. Pairs are read as numbers, and one list of missing facts of all that are alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from django.core.cache import cache
from django.db.models import Q, QuerySet
from redis.exceptions import RedisError

from matcher.engine.bulk.settling import MissingFact, Pairs, Settling, settling, together
from matcher.models import Match, MatchRun, Needs, StandingQuestion, Status
from matcher.runs.standing import held_at
from patients.models import Registry

#: Rows read at once, and keys in one condition of a statement.
ROWS, KEYS = 20_000, 5_000
#: How long what was counted is kept; it never changes.
SECONDS = 7 * 24 * 3600


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


@dataclass(frozen=True, slots=True)
class FirstThings:
    """What to find out first: of `offered` trials only, or of all where no pair that needs facts is of such a trial."""

    facts: tuple[MissingFact, ...]
    offered: bool


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


def lacking_fact(matches: QuerySet[Match], runs: Iterable[MatchRun], fact: str, *, settled: bool) -> QuerySet[Match]:
    """Those of some matches that lack a fact (by its id), or only those that it would settle."""
    digests: set[int] = set()
    for run in runs:
        lists = settling_of(run).lists.get(fact)
        if lists is not None:
            digests.update(lists[settled].tolist())
    return matches.filter(status=Status.NEEDS_INFORMATION, needs__in=_NEED_FACTS, lacks__in=digests)


_NEED_FACTS = (Needs.FACTS, Needs.BOTH)


def _count(run: MatchRun) -> Settling:
    needy = matches_held(run).filter(status=Status.NEEDS_INFORMATION, needs__in=_NEED_FACTS).order_by()
    read = [np.zeros((0, 5), np.int64)]
    rows: list[tuple[int, ...]] = []
    for row in needy.values_list("lacks", "patient_id", "document_id", "offered", "pk").iterator(chunk_size=ROWS):
        rows.append(row)
        if len(rows) == ROWS:
            read.append(np.array(rows, np.int64))
            rows.clear()
    if rows:
        read.append(np.array(rows, np.int64))
    lacks, patient, trial, offered, key = np.concatenate(read).T
    digests, first = np.unique(lacks, return_index=True)
    digest_at = dict(zip(key[first].tolist(), digests.tolist(), strict=True))
    keys, listed = list(digest_at), {}
    for start in range(0, len(keys), KEYS):
        some = Match.objects.filter(pk__in=keys[start : start + KEYS])
        listed.update({digest_at[pk]: missing for pk, missing in some.values_list("pk", "missing")})
    return settling(Pairs(lacks, patient, trial, offered.astype(np.bool_)), listed)
