"""Name servers that do not answer."""

import socket
import time

import pytest

from daemon import module

PATIENCE = 1.0  # of a sanitized daemon on a busy machine


@pytest.fixture
def silent_name_server(tmp_path):
    """A command that runs another one with a name server that takes questions and never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.53.0.1", 53))
        file = tmp_path / "resolv.conf"
        file.write_text("nameserver 127.53.0.1\noptions timeout:5 attempts:2\n")
        script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
        yield ["unshare", "--mount", "sh", "-c", script, file]


def test_answers_while_names_are_being_resolved(daemon, upstream, silent_name_server):
    """The C library waits for longer than the connection may take to stand: nobody else waits with it."""
    github = {"apiUrl": "https://api.example.test", "webUrl": "https://example.test"}
    hashicorp = {"apiUrl": "https://api.example.test", "releasesUrl": "https://example.test"}
    daemon.configure(network={"connectTimeout": "1s"}, upstream={"github": github, "hashicorp": hashicorp})
    daemon.write_depot("team", modules=[module("terraform-aws-vpc", "acme", "aws")])
    daemon.start(*silent_name_server)

    slowest, end = 0.0, time.monotonic() + 6
    while time.monotonic() < end:
        start = time.monotonic()
        daemon.call("GetStatus")
        slowest = max(slowest, time.monotonic() - start)
        time.sleep(0.02)
    assert slowest < PATIENCE

    start = time.monotonic()
    daemon.stop()
    assert time.monotonic() - start < 2 * PATIENCE
