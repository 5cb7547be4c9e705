"""Where pages of the admin are found, for pages that are no part of it."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

from django.urls import reverse

from matcher.engine.bulk.settling import MissingFact


def lacking_url(*, offered: bool, run: int | None = None) -> Callable[[MissingFact, bool], str]:
    """The list of the pairs that lack a fact, or of those that it would settle; of offered trials, or of all."""
    kept = {} if run is None else {"run": run}

    def link(fact: MissingFact, settled: bool) -> str:
        said = {**kept, "fact": fact.id, "settles": "yes" if settled else "", "offered": "yes" if offered else ""}
        return f"{reverse('admin:matcher_match_changelist')}?{urlencode(said)}"

    return link
