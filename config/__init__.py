"""The top floor: settings, addresses, the task queue and the servers that run the three apps.

The Celery application is imported here so that every `shared_task` of the apps below belongs to it,
in the web process as well as in a worker.
"""

from config.celery import app as celery_app

__all__ = ["celery_app"]
