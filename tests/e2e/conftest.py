"""One simulator for each worker of pytest, a daemon of its own for each test."""

import os
import pathlib
import sys

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1]), str(pathlib.Path(__file__).resolve().parent)]

from ctl_peer import Peer  # noqa: E402
from daemon import Daemon, TREE  # noqa: E402
from simulator.client import Simulator  # noqa: E402
from simulator.world import World  # noqa: E402


@pytest.fixture(scope="session")
def simulator(tmp_path_factory):
    with Simulator(tmp_path_factory.mktemp("upstream"), World()) as running:
        yield running


@pytest.fixture
def upstream(simulator):
    """An upstream that publishes nothing yet and has no past; a test puts its world there with replace()."""
    simulator.clear_faults()
    simulator.set_latency(0)
    simulator.replace(World())
    simulator.reset()
    yield simulator
    simulator.clear_faults()
    assert simulator.errors() == []


@pytest.fixture(autouse=True)
def no_daemon_is_left():
    """Those of a test that failed are ended, too."""
    yield
    for one in Daemon.started:
        if one.process is not None:
            one.kill()
    Daemon.started.clear()


@pytest.fixture
def daemon(tmp_path, upstream):
    one = Daemon(tmp_path, upstream)
    yield one
    if one.process is not None:
        one.stop()
    one.check_log()


@pytest.fixture
def peer(tmp_path):
    """What opendepotctl talks to."""
    peer = Peer(tmp_path / "socket")
    yield peer
    peer.server.close()


@pytest.fixture
def fixtures():
    directory = pathlib.Path(os.environ.get("OPENDEPOT_FIXTURES", TREE.parent / "shared/fixtures"))
    if not directory.is_dir():
        pytest.skip("the recorded data is not here (OPENDEPOT_FIXTURES)")
    return directory
