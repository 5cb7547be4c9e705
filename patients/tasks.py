"""The worker's part of registry import: tasks that take the key of a row and call what does the work.

The row is the truth and a message only a hint, so a task that comes twice, or finds its upload taken, does nothing.
"""

from __future__ import annotations

import logging

from celery import shared_task
from kombu.exceptions import OperationalError

from patients import actions
from patients.intake import Busy, NotClaimed, run_import
from patients.models import Upload

log = logging.getLogger(__name__)

#: An upload of 100,000 rows takes about a minute. The limit stays below the queue's visibility timeout, after which
#: Redis would deliver the message a second time.
LIMIT = 540


def send(upload_id: int) -> bool:
    """Tell the workers that an upload waits; False where no broker answers, and the upload is found by the reaper.

    Call it after the upload is committed.
    """
    try:
        import_upload.delay(upload_id)
    except OperationalError as error:
        log.warning("the broker does not answer (%s): upload %s waits for the reaper", type(error).__name__, upload_id)
        return False
    return True


@shared_task(name="patients.import_upload", soft_time_limit=LIMIT - 30, time_limit=LIMIT)
def import_upload(upload_id: int) -> None:
    """Read and store one upload, then send the next one that waits for the same registry."""
    try:
        upload = run_import(upload_id)
    except (Busy, NotClaimed):
        # Whoever holds the registry sends this upload when done; the reaper does where that worker died.
        return
    following = (
        Upload.objects.filter(registry=upload.registry, state=Upload.State.RECEIVED)
        .order_by("pk")
        .values_list("pk", flat=True)
        .first()
    )
    if following is not None:
        send(following)


@shared_task(name="patients.resume_uploads")
def resume_uploads() -> None:
    """Send every upload again that waits, or whose worker fell silent."""
    for upload_id in actions.release_stalled_uploads():
        if not send(upload_id):
            break
