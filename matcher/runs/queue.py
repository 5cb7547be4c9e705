"""Tells workers that shards wait, or that something changed. A message is a hint: what it is about stands in rows.

Where no broker answers, a shard waits until the reaper finds it, and a change until the registries are looked at next.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import partial

from celery import current_app
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from matcher.models import Shard

log = logging.getLogger(__name__)

#: The task that evaluates one shard, by the name under which workers know it.
RUN_SHARD = "matcher.run_shard"
#: The task that looks whether the answers of a registry, or of all, still hold.
FOLLOW = "matcher.follow_changes"


def send(shard_ids: Iterable[int]) -> int:
    """Send shards to the workers; returns how many were sent, fewer where the broker does not answer."""
    sent: list[int] = []
    for shard_id in shard_ids:
        try:
            current_app.send_task(RUN_SHARD, args=[shard_id])
        except OperationalError as error:
            log.warning(
                "the broker does not answer (%s): shard %s waits for the reaper", type(error).__name__, shard_id
            )
            break
        sent.append(shard_id)
    for start in range(0, len(sent), 500):
        Shard.objects.filter(pk__in=sent[start : start + 500]).update(sent_at=timezone.now())
    return len(sent)


def follow_soon(registry: int | None = None) -> None:
    """Once the transaction is committed, have a registry (or all) looked at for what its answers have to follow."""
    transaction.on_commit(partial(_follow, registry), robust=True)


def _follow(registry: int | None) -> None:
    try:
        current_app.send_task(FOLLOW, args=[] if registry is None else [registry])
    except OperationalError as error:
        # A command without workers is no fault, and the registries are looked at every few seconds where there are.
        log.info("the broker does not answer (%s): the change is found later", type(error).__name__)
