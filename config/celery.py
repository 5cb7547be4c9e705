"""The Celery application: `celery -A config worker` runs the `tasks` modules of the three apps.

Every option stands in the settings under CELERY_. Redis carries only hints that a row wants work, so its whole
contents may be lost; what a worker logs goes through the same format as everything else.
"""

import logging.config
import os
from typing import Any

from celery import Celery, signals

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("matcher")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.celeryd_init.connect
def _without_debug(**_: Any) -> None:
    # With DEBUG Django keeps the text of every query: in a process that lives for weeks that is a leak, and the
    # texts hold patients.
    from django.conf import settings

    settings.DEBUG = False


@signals.setup_logging.connect
def _log_as_the_web_does(**_: Any) -> None:
    from django.conf import settings

    logging.config.dictConfig(settings.LOGGING)
