"""A task of the tests' own, which the worker of the tests loads beside the system's: it leaves a trace in Redis."""

import os

from celery import shared_task
from django.conf import settings
from redis import Redis


@shared_task(name="tests.leave_trace")
def leave_trace(number: int) -> None:
    """Write the process id of whoever runs this under the key `trace:<number>`."""
    with Redis.from_url(settings.REDIS_URL) as client:
        client.set(f"trace:{number}", os.getpid())
