"""Tasks of the tests' own, which the worker of the tests loads beside the system's: they leave a trace in Redis."""

import os
import time

from celery import shared_task
from django.conf import settings
from redis import Redis


@shared_task(name="tests.leave_trace")
def leave_trace(number: int, seconds: float = 0) -> None:
    """Write the process id of whoever runs this under the key `trace:<number>`, after working for some seconds."""
    time.sleep(seconds)
    with Redis.from_url(settings.REDIS_URL) as client:
        client.set(f"trace:{number}", os.getpid())
