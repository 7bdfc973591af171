"""Users who may only look cannot keep the operator out."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from daemon import provider

CROWD = """
import socket, sys
links = [socket.socket(socket.AF_UNIX) for _ in range(int(sys.argv[2]))]
alive = 0
for link in links:
    link.settimeout(20)
    try:
        link.connect(sys.argv[1])
        link.sendall(b'{"method": "io.systemd.service.Ping", "parameters": {}}\\0')
        alive += link.recv(4096).endswith(b"\\0")
    except OSError:
        pass
print(alive, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def running(daemon, upstream):
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("other users take root and setpriv")
    daemon.write_depot("team", [provider("one")])
    return daemon.start().settle()


@contextlib.contextmanager
def crowd(daemon, uid, size):
    """Connections of one user, held until left; gives how many of them were answered."""
    identity = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"] if uid else []
    # The path on the way to the socket is open to all; that of the script would not be.
    process = subprocess.Popen(
        [*identity, sys.executable, "-c", CROWD, daemon.socket, str(size)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=pathlib.Path("/"),
    )
    try:
        yield int(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait(20)
        process.stdout.close()


def test_a_user_has_few_connections(running):
    with crowd(running, 65534, 100) as first:
        assert 16 <= first <= 32
        with crowd(running, 65533, 10) as second:
            assert second == 10
    with crowd(running, 65534, 10) as again:
        assert again == 10


def test_many_users_leave_room_for_the_operator(running):
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(crowd(running, 60000 + i, 32)) for i in range(12)]
        assert held[0] > 0 and held[-1] == 0
        assert running.run("status").returncode == 0
        assert stack.enter_context(crowd(running, 0, 65)) == 65
