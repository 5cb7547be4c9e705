"""The queue as it runs on a laptop: a real Redis, a real worker process, and messages that hold ids only."""

import json
import subprocess
import time
from pathlib import Path

import pytest
from redis import Redis

from config import celery_app, embedded_redis
from tests.queue_probe import leave_trace


def _wait_for(client: Redis, key: str, *, seconds: float = 20) -> bytes:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = client.get(key)
        if value is not None:
            return value
        time.sleep(0.05)
    raise AssertionError(f"nothing wrote {key}")


@pytest.mark.worker
def test_a_worker_process_runs_a_task_sent_from_here(worker: subprocess.Popen[bytes], redis_url: str) -> None:
    leave_trace.delay(417)
    with Redis.from_url(redis_url) as client:
        ran_in = int(_wait_for(client, "trace:417"))
    children = Path(f"/proc/{worker.pid}/task/{worker.pid}/children")
    assert ran_in != 0
    if children.exists():
        assert str(ran_in) in children.read_text().split()


def test_a_message_holds_json_and_an_id(redis_url: str) -> None:
    from tests.conftest import _sending_to

    with _sending_to(redis_url), Redis.from_url(redis_url) as client:
        leave_trace.delay(417)
        message = json.loads(client.lindex("celery", 0))
    assert message["content-type"] == "application/json"
    assert message["headers"]["ignore_result"] is True


def test_a_message_waits_in_the_queue_of_its_kind_and_in_no_other(redis_url: str) -> None:
    from tests.conftest import _sending_to

    queues = ("celery", "imports", "shards")
    with _sending_to(redis_url), Redis.from_url(redis_url) as client:
        for task in ("patients.import_upload", "matcher.run_shard", "matcher.run_shard", "matcher.resume_runs"):
            celery_app.send_task(task, args=[417])
        assert [client.llen(queue) for queue in queues] == [1, 1, 2]


def test_no_task_may_outlive_the_visibility_timeout() -> None:
    conf = celery_app.conf
    timeouts = {
        conf.visibility_timeout,
        conf.broker_transport_options["visibility_timeout"],
        conf.result_backend_transport_options["visibility_timeout"],
    }
    assert len(timeouts) == 1
    assert conf.task_soft_time_limit <= 60 < conf.task_time_limit < timeouts.pop()
    assert conf.task_acks_late and conf.task_reject_on_worker_lost and conf.worker_prefetch_multiplier == 1
    assert conf.accept_content == ["json"]


def test_the_embedded_redis_is_started_once_and_stopped_by_the_last_to_leave(tmp_path: Path) -> None:
    directory = tmp_path / "redis"
    assert not embedded_redis.is_answering(directory)
    with embedded_redis.running(directory) as first:
        assert not embedded_redis.start(directory)
        with embedded_redis.running(directory) as second:
            assert first == second
        assert embedded_redis.is_answering(directory)
    assert not embedded_redis.is_answering(directory)


def test_a_server_that_was_killed_is_replaced(tmp_path: Path) -> None:
    directory = tmp_path / "redis"
    assert embedded_redis.start(directory)
    with Redis.from_url(embedded_redis.redis_address(directory)) as client:
        process = int(client.info("server")["process_id"])
    subprocess.run(["kill", "-9", str(process)], check=True)
    try:
        assert embedded_redis.socket_path(directory).exists()
        assert embedded_redis.start(directory)
        assert embedded_redis.is_answering(directory)
    finally:
        assert embedded_redis.stop(directory)


def test_a_folder_too_deep_for_a_socket_still_gets_a_server(tmp_path: Path) -> None:
    directory = tmp_path / ("deep" * 30)
    with embedded_redis.running(directory) as address:
        assert len(address.removeprefix("unix://")) <= embedded_redis.LONGEST_SOCKET_PATH
        assert embedded_redis.is_answering(directory)
