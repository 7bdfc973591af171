"""A store on a disk that is full or cannot be written, in a mount namespace of the daemon's own."""

import json
import pathlib
import subprocess

import pytest

from daemon import module, provider
from simulator.world import Module, Provider, ProviderVersion, Release, World
from store_check import check

PLATFORMS = ["linux_amd64", "linux_arm64"]
PAGE = 4096


def world(n=2, size=5000):
    numbers = [f"1.{i}.0" for i in range(n)]
    return World(
        providers=[Provider("null", versions=[ProviderVersion(number, PLATFORMS, size) for number in numbers])],
        modules=[Module("acme", "terraform-aws-vpc", [Release(f"v{number}") for number in numbers])],
    )


def write_depot(daemon):
    daemon.write_depot("demo", [provider("null")], [module("terraform-aws-vpc", "acme", "aws")])


def namespace():
    """The command that makes one. Below a chroot nothing can be made private, and nothing has to be."""
    for command in (["unshare", "--mount"], ["unshare", "--mount", "--propagation=unchanged"]):
        if subprocess.run([*command, "true"], check=False, stderr=subprocess.DEVNULL).returncode == 0:
            return command
    pytest.skip("there are no mount namespaces here")


def start(daemon, script):
    """The shell runs the script in the namespace, with the store as $0."""
    daemon.store.mkdir(exist_ok=True)
    return daemon.start(*namespace(), "sh", "-c", f'set -e; {script}; exec "$@"', daemon.store)


def inside(daemon):
    """The store as the daemon sees it."""
    return pathlib.Path(f"/proc/{daemon.process.pid}/root{daemon.store}")


def remount(daemon, options):
    enter = ["nsenter", f"--target={daemon.process.pid}", "--mount", "--root", "--wd=/"]
    subprocess.run([*enter, "mount", "-o", f"remount,{options}", daemon.store], check=True)


def reasons(daemon):
    return json.dumps([daemon.call("ListPackages"), *map(daemon.versions, daemon.packages())])


def fill_and_heal(daemon, size):
    """Returns what was published on the disk that is too small."""
    write_depot(daemon)
    start(daemon, f'mount -t tmpfs -o size={size} store "$0"')
    daemon.sync(status=1)
    daemon.settle()
    assert "No space left on device" in reasons(daemon)
    assert "No space left on device" in daemon.text()
    little = check(inside(daemon), settled=False).get("null", {})
    # What is not committed does not take the space of what could be; downloads that were broken off go on later.
    left = [path.name for path in (inside(daemon) / ".staging").iterdir()]
    assert not [name for name in left if not name.endswith((".part", ".meta"))], left
    assert daemon.call("GetStatus")["status"]["packages"] == 2

    remount(daemon, "size=64m")
    daemon.sync("--force")
    assert {package["state"] for package in daemon.packages().values()} == {"current"}
    assert set(check(inside(daemon))["null"]) == {"1.0.0", "1.1.0"}
    assert set(daemon.states("platform/terraform-aws-vpc/aws")) == {"1.0.0", "1.1.0"}
    assert not list((inside(daemon) / ".staging").iterdir())
    return little


@pytest.mark.parametrize("pages", [1, 3, 5, 8, 11, 14, 17, 20, 22])
def test_full_disk(daemon, upstream, pages):
    """Full at the first archive, in the midst, or when the last documents are written."""
    upstream.replace(world())
    fill_and_heal(daemon, pages * PAGE)


def test_disk_too_small_for_an_archive(daemon, upstream):
    upstream.replace(world(size=3_000_000))
    assert fill_and_heal(daemon, 1 << 20) == {}


def test_read_only_store(daemon, upstream):
    upstream.replace(world(1))
    write_depot(daemon)
    daemon.start().sync()
    daemon.stop()
    before = daemon.snapshot(daemon.store)

    upstream.replace(world(2))
    start(daemon, 'mount --bind "$0" "$0"; mount -o remount,bind,ro "$0"')
    daemon.sync(status=1)
    daemon.settle()
    assert "Read-only file system" in reasons(daemon) and "Read-only file system" in daemon.text()
    assert daemon.snapshot(daemon.store) == before
    assert set(daemon.states("hashicorp/null")) >= {"1.0.0"}

    remount(daemon, "bind,rw")
    daemon.sync("--force")
    assert set(check(daemon.store)["null"]) == {"1.0.0", "1.1.0"}


def test_store_that_cannot_be_made(daemon, upstream):
    upstream.replace(world(1))
    write_depot(daemon)
    start(daemon, 'mount -t tmpfs -o ro store "$0"')
    daemon.sync(status=1)
    assert f"cannot open the store {daemon.store}: Read-only file system" in reasons(daemon)
    assert daemon.call("GetStatus")["status"]["packagesFailed"] == 2
    remount(daemon, "rw")
    assert daemon.run("reload").returncode == 0
    daemon.sync()
    assert set(check(inside(daemon))["null"]) == {"1.0.0"}
