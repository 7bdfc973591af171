"""What takes long is not done by the thread that runs the event loop. How long it takes depends on the disk; who does it
does not."""

import re
import shutil

import pytest

from daemon import module, provider
from setting import wait_for
from simulator.world import Module, Provider, ProviderVersion, Release, World

# Not those that never had a name: they are empty when they are handed to a worker.
CLOSED = re.compile(r"^(\d+) +close\(\d+<([^>]*/\.staging/[^>#]*)>\(deleted\)")
REMOVED = re.compile(r'^(\d+) +unlinkat\(\d+<[^>]*/\.staging>, "([^"]*)".*= 0$')

pytestmark = pytest.mark.skipif(not shutil.which("strace"), reason="strace is not here")


@pytest.fixture
def traced(daemon):
    """Its calls, without those of its workers, are in a file. Leaks cannot be looked for under strace."""
    daemon.calls = daemon.directory / "calls"
    trace = ["strace", "-f", "-qq", "-y", "-e", "trace=close,unlinkat", "-e", "signal=none", "-o", str(daemon.calls)]
    daemon.prefix = ["env", "ASAN_OPTIONS=detect_leaks=0", *trace]
    worker = daemon.directory / "worker"
    worker.write_text(f'#!/bin/sh\nASAN_OPTIONS=detect_leaks=0 exec {daemon.worker} "$@"\n')
    worker.chmod(0o755)
    daemon.worker = worker
    yield daemon
    if daemon.process is not None:
        daemon.kill()


def calls(daemon, pattern):
    """(whether the main thread has made it, the path or name), of the daemon alone."""
    lines = daemon.calls.read_text(errors="replace").splitlines()
    main = lines[0].split()[0]
    return [(match[1] == main, match[2]) for line in lines if (match := pattern.match(line))]


def test_space_is_given_back_elsewhere(traced, upstream):
    """Of a bad digest, a bad archive, what was repacked, what no store has taken, what was cancelled, what was left."""
    numbers = {"1.0.0": {}, "2.0.0": {"sums": "wrong-digest"}}
    versions = [ProviderVersion(number, ["linux_amd64"], 5000, **more) for number, more in numbers.items()]
    upstream.replace(
        World(
            providers=[Provider("null", versions=versions)],
            modules=[Module("acme", "terraform-aws-vpc", [Release("v1.0.0"), Release("v2.0.0", hostile="not-gzip")])],
        )
    )
    upstream.add_fault("delay", ms=2000, path="null_1.0.0_linux_amd64.zip", times=1)
    upstream.add_fault("headers", path="null_3.0.0_linux_amd64.zip", remove=["ETag"])
    upstream.add_fault("stall", path="null_3.0.0_linux_amd64.zip", bytes=2000)
    staging = traced.store / ".staging"
    staging.mkdir(parents=True)
    (staging / "left").write_bytes(bytes(5000))

    traced.write_depot("demo", [provider("null")], [module("terraform-aws-vpc", "acme", "aws")])
    traced.start(*traced.prefix)
    wait_for(lambda: upstream.requests("hashicorp_releases", "null_1.0.0_linux"), 30, "the download")
    (traced.provider_directory("null") / "record.json").mkdir(parents=True)
    traced.settle()
    assert "record.json to the store" in traced.packages()["hashicorp/null"]["reason"]
    (traced.provider_directory("null") / "record.json").rmdir()
    upstream.replace(World(providers=[Provider("null", versions=[ProviderVersion("3.0.0", ["linux_amd64"], 50_000)])]))
    traced.run("sync")
    wait_for(lambda: [one.stat().st_size for one in staging.glob("*.part")] not in ([], [0]), 30, "the download")
    traced.remove_depot("demo")
    assert traced.run("reload").returncode == 0
    traced.settle().kill()

    removed = [name for by_main, name in calls(traced, REMOVED) if by_main and not name.endswith(".meta")]
    closed = calls(traced, CLOSED)
    assert not [path for by_main, path in closed if by_main]
    assert len(removed) > 3 and set(removed) <= {path.rpartition("/")[2] for _, path in closed}
    ends = {path.rpartition("/")[2][64:] for _, path in closed}
    assert ends == {"", ".archive", ".repacked", ".readme", ".part"}
