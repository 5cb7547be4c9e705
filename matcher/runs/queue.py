"""Tells workers that shards wait. A message is a hint: where no broker answers, the row waits until it is found."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from celery import current_app
from django.utils import timezone
from kombu.exceptions import OperationalError

from matcher.models import Shard

log = logging.getLogger(__name__)

#: The task that evaluates one shard, by the name under which workers know it.
RUN_SHARD = "matcher.run_shard"


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
