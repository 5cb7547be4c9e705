"""Two questions an operator's machine asks: is the process alive, and can it do its work.

The answers say up or down for each part and nothing else; why a part is down stands in the log.
"""

import logging
from collections.abc import Callable

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

log = logging.getLogger(__name__)

BROKER_SECONDS = 2


@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """Answer 200 as long as the process answers at all."""
    return JsonResponse({"status": "up"})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Answer 200 if the database and the broker both answer, else 503 and which of them does not."""
    parts = {"database": _answers(_ask_database), "broker": _answers(_ask_broker)}
    whole = all(parts.values())
    body = {"status": "up" if whole else "down", **{name: "up" if up else "down" for name, up in parts.items()}}
    return JsonResponse(body, status=200 if whole else 503)


def _answers(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except Exception:  # whatever keeps a part from answering, it is down; the log says what it was
        log.exception("%s failed", ask.__name__)
        return False
    return True


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()


def _ask_broker() -> None:
    timeouts = {"socket_timeout": BROKER_SECONDS, "socket_connect_timeout": BROKER_SECONDS}
    with Redis.from_url(settings.BROKER_ADDRESS, **timeouts, retry=Retry(NoBackoff(), 0)) as broker:
        broker.ping()
