"""kill -9 before each kind of call that changes the disk: a client never sees anything that is not whole, and the next
start ends where an undisturbed run ends. strace sends the signal, so the product needs no hook for it."""

import collections
import fcntl
import os
import re
import shutil
import signal

import pytest

from daemon import BUILD, Daemon, module, provider
from setting import wait_for
from simulator.world import Module, Provider, ProviderVersion, Release, World
from store_check import check

PLATFORMS = ["linux_amd64", "linux_arm64"]
CALLS = "renameat,renameat2,fsync,fdatasync,unlinkat,ftruncate"
# How many kills, spread over all the calls of one thread: what comes before each rename, fsync and unlink.
KILLS = [
    ("first", "fsync", 11),
    ("first", "renameat", 9),
    ("first", "unlinkat", 3),
    ("first", "ftruncate", 2),
    ("second", "fsync", 11),
    ("second", "renameat", 7),
    ("second", "unlinkat", 5),
]

pytestmark = pytest.mark.skipif(not shutil.which("strace"), reason="strace is not here")


def world(n):
    """`n` versions of everything."""
    numbers = [f"1.{i}.0" for i in range(n)]
    return World(
        providers=[
            Provider(name, versions=[ProviderVersion(number, PLATFORMS, 5000) for number in numbers])
            for name in ("null", "random")
        ],
        modules=[Module("acme", "terraform-aws-vpc", [Release(f"v{number}") for number in numbers])],
    )


WORLDS = {"first": world(2), "second": world(3)}


def make(directory, simulator):
    daemon = Daemon(directory, simulator)
    limit = {"versionHistoryLimit": 2}
    daemon.write_depot(
        "demo",
        providers=[provider("null", **limit), provider("random", **limit)],
        modules=[module("terraform-aws-vpc", "acme", "aws", **limit)],
    )
    return daemon


def trace(*options):
    # Threads, but not the workers; leaks cannot be looked for under strace.
    command = ["strace", "-f", "-qq", "-b", "execve", "-e", f"trace={CALLS}", "-e", "signal=none", *options]
    return ["env", "ASAN_OPTIONS=detect_leaks=0", *command]


def count(log):
    """The most calls that one thread made, by name."""
    calls = collections.Counter(re.findall(r"^(\d+) +(\w+)\(", log.read_text(), re.MULTILINE))
    most = collections.Counter()
    for (_, call), n in calls.items():
        most[call] = max(most[call], n)
    return most


class Reference:
    """What an undisturbed run does and leaves, for each phase."""

    def __init__(self, directory, simulator):
        self.daemon = make(directory, simulator)
        self.before, self.trees, self.calls = {}, {}, {}
        for phase, offered in WORLDS.items():
            self.before[phase] = directory / f"before-{phase}"
            shutil.copytree(self.daemon.state, self.before[phase])
            simulator.replace(offered)
            log = directory / f"calls-{phase}"
            self.daemon.start(*trace("-o", str(log)))
            self.daemon.sync()
            self.daemon.settle()
            self.daemon.kill()
            self.calls[phase] = count(log)
            self.trees[phase] = self.daemon.tree()
        assert {"1.2.0", "1.1.0"} == set(check(self.daemon.store)["null"])


@pytest.fixture(scope="module")
def reference(tmp_path_factory, simulator):
    return Reference(tmp_path_factory.mktemp("undisturbed"), simulator)


def staging_is_free(daemon):
    """A process that is being made for a worker has the daemon's descriptors, and its lock, until it calls exec."""
    path = daemon.store / ".staging"
    if not path.exists():
        return True
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def run_until_killed(daemon, call, number):
    """Returns whether the daemon met its end; nothing that it started may live on."""
    daemon.socket.unlink(missing_ok=True)
    with daemon.own_worker() as workers:
        daemon.spawn(*trace("-o", "/dev/null", "-e", f"inject={call}:signal=SIGKILL:when={number}"))
        wait_for(lambda: daemon.process.poll() is not None or daemon.answers(), 30, "the daemon")
        killed = daemon.run("sync", "--wait").returncode != 0
        if killed:
            assert daemon.process.wait(30) == -signal.SIGKILL
        daemon.kill()
        # What traces it ends before what is traced.
        wait_for(lambda: staging_is_free(daemon) and not workers(), 10, "the end of the workers")
    daemon.worker = BUILD / "daemon/opendepot-worker"
    return killed


@pytest.mark.parametrize(("phase", "call", "kills"), KILLS, ids=[f"{phase}-{call}" for phase, call, _ in KILLS])
def test_kill(tmp_path, upstream, reference, phase, call, kills):
    total = reference.calls[phase][call]
    assert total > 0
    upstream.replace(WORLDS[phase])
    numbers = sorted({1 + i * total // kills for i in range(kills)})
    met = 0
    for number in numbers:
        daemon = make(tmp_path / str(number), upstream)
        shutil.copytree(reference.before[phase], daemon.state, dirs_exist_ok=True)
        met += run_until_killed(daemon, call, number)
        check(daemon.store, settled=False)

        daemon.start()
        daemon.sync()
        daemon.settle().stop()
        assert daemon.tree() == reference.trees[phase], f"after {call} {number}"
        left = [name for root, _, names in os.walk(daemon.state) for name in names if name.startswith(".")]
        assert not left, f"after {call} {number}"
    # Which thread does what is up to the scheduler, so that the last numbers may not be reached.
    assert met >= (len(numbers) + 1) // 2
