"""What a power cut leaves is as good as what kill -9 leaves: nothing is named before it is on the disk, and nothing is
removed before it is no longer named. A killed process cannot show this; the order of its system calls can."""

import re
import shutil

import pytest

from daemon import module, provider
from simulator.world import Module, Provider, ProviderVersion, Release, World
from store_check import check

PLATFORMS = ["linux_amd64", "linux_arm64"]
CALLS = "write,pwrite64,writev,ftruncate,fsync,fdatasync,renameat,renameat2,unlinkat,mkdirat"
CALL = re.compile(r"^(\d+) +(\w+)\((.*)$")
RESUMED = re.compile(r"^(\d+) +<\.\.\. (\w+) resumed>(.*)$")
DESCRIPTOR = re.compile(r"\d+<([^>]*)>")
ENTRY = re.compile(r'(?:\d+|AT_FDCWD)<([^>]*)>, "([^"]*)"')

pytestmark = pytest.mark.skipif(not shutil.which("strace"), reason="strace is not here")


def world(n):
    numbers = [f"1.{i}.0" for i in range(n)]
    return World(
        providers=[Provider("null", versions=[ProviderVersion(number, PLATFORMS, 5000) for number in numbers])],
        modules=[Module("acme", "terraform-aws-vpc", [Release(f"v{number}") for number in numbers])],
    )


class Disk:
    """What is not on the disk yet, by the calls that were made; a call that is renaming or removing counts from its
    beginning, one that makes durable from its end."""

    def __init__(self, store):
        self.store = str(store)
        self.data = set()  # files with content that is not on the disk
        self.entries = set()  # names that are not in their directories on the disk
        self.removed = set()  # names that are still there on the disk
        self.seen = []

    def is_visible(self, path):
        return path.startswith(self.store + "/") and "/.staging" not in path

    @staticmethod
    def of_package(paths, path):
        """Those of the files that belong to the same package, below whatever hostname."""
        return [one for one in paths if one.split("/")[-3:-1] == path.split("/")[-3:-1]]

    def write(self, path):
        self.data.add(path)

    def sync(self, path):
        self.data.discard(path)
        self.entries = {entry for entry in self.entries if entry.rpartition("/")[0] != path}
        self.removed = {entry for entry in self.removed if entry.rpartition("/")[0] != path}

    def make(self, path):
        if self.is_visible(path):
            self.entries.add(path)

    def rename(self, source, target):
        dirty = source in self.data
        self.data.discard(source)
        if not self.is_visible(target):
            self.data |= {target} if dirty else set()
            return
        assert not dirty, f"{target} has its name before its content is on the disk"
        if target.endswith(".json"):
            # A document names what must be there. The way to it may be lost with it.
            missing = self.of_package(self.entries, target)
            assert not missing, f"{target} is written before {missing} are on the disk"
        self.entries.add(target)
        self.seen.append(target)

    def remove(self, path):
        self.data.discard(path)
        if not self.is_visible(path):
            return
        if path.endswith((".zip", "_SHA256SUMS", ".sig", ".README.md")):
            missing = [one for one in self.of_package(self.entries | self.removed, path) if one.endswith(".json")]
            assert not missing, f"{path} is removed before {missing} are on the disk"
        self.removed.add(path)
        self.seen.append(path)


def calls(log):
    """(name, arguments, whether it begins, whether it has ended well), in the order of the trace."""
    begun = {}
    for line in log.read_text(errors="replace").splitlines():
        if match := CALL.match(line):
            thread, name, rest = match.groups()
            if rest.endswith("<unfinished ...>"):
                begun[thread] = rest
                yield name, rest, True, False
            else:
                yield name, rest, True, not re.search(r"= -1 [A-Z]+ ", rest)
        elif match := RESUMED.match(line):
            thread, name, rest = match.groups()
            yield name, begun.pop(thread, ""), False, not re.search(r"= -1 [A-Z]+ ", rest)


def replay(log, disk):
    for name, arguments, begins, ended in calls(log):
        if name in ("fsync", "fdatasync"):
            if ended:
                disk.sync(DESCRIPTOR.match(arguments).group(1))
        elif not begins:
            continue
        elif name in ("write", "pwrite64", "writev", "ftruncate"):
            match = DESCRIPTOR.match(arguments)
            if match and match.group(1).startswith(disk.store + "/"):
                disk.write(match.group(1))
        elif "= -1 " not in arguments:
            paths = ["/".join(entry) for entry in ENTRY.findall(arguments)]
            {"mkdirat": disk.make, "unlinkat": disk.remove}.get(name, disk.rename)(*paths)


@pytest.fixture
def traced(daemon):
    """Writes its calls and those of its workers to a file. Leaks cannot be looked for under strace."""
    worker = daemon.directory / "worker"
    worker.write_text(f'#!/bin/sh\nASAN_OPTIONS=detect_leaks=0 exec {daemon.worker} "$@"\n')
    worker.chmod(0o755)
    daemon.worker, daemon.calls = worker, daemon.directory / "calls"
    trace = ["strace", "-f", "-qq", "-y", "-s", "300", "-e", f"trace={CALLS}", "-e", "signal=none"]
    daemon.start("env", "ASAN_OPTIONS=detect_leaks=0", *trace, "-o", str(daemon.calls))
    yield daemon
    if daemon.process is not None:
        daemon.kill()


def test_order_of_what_is_written(traced, upstream):
    limit = {"versionHistoryLimit": 2}
    traced.write_depot("demo", [provider("null", **limit)], [module("terraform-aws-vpc", "acme", "aws", **limit)])
    upstream.replace(world(2))
    assert traced.run("reload").returncode == 0
    traced.sync()
    upstream.replace(world(3))
    assert traced.sync()["versionsPruned"] == 2
    # What was told of is there to stay.
    disk = Disk(traced.store)
    replay(traced.calls, disk)
    assert not disk.entries and not disk.removed, (disk.entries, disk.removed)
    traced.settle().kill()
    assert set(check(traced.store)["null"]) == {"1.1.0", "1.2.0"}
    for name in ("linux_arm64.zip", "/1.2.0.json", "/1.0.0.json", "record.json", "1.0.0.README.md", "_SHA256SUMS.sig"):
        assert any(path.endswith(name) for path in disk.seen), name
