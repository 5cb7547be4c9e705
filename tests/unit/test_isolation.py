"""A test cannot reach beyond this machine, and two runs of the tests share nothing."""

import socket
from pathlib import Path

import pytest
from django.conf import settings

from tests.conftest import ROOT, NetworkBlockedError


@pytest.mark.parametrize("address", ["192.0.2.1", "example.org", "10.0.0.1"])
def test_an_address_elsewhere_is_refused(address: str) -> None:
    with pytest.raises(NetworkBlockedError), socket.socket() as outside:
        outside.connect((address, 80))
    with pytest.raises(NetworkBlockedError):
        socket.create_connection((address, 80), timeout=1)


def test_this_machine_may_be_talked_to() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname(), timeout=5) as client,
    ):
        assert client.getpeername() == server.getsockname()


def test_nothing_of_a_test_run_lies_in_the_checkout() -> None:
    assert not Path(settings.STATE_DIR).is_relative_to(ROOT)
    assert settings.CELERY_BROKER_URL == "memory://"
