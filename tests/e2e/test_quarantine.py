"""What a store keeps out of the clients' reach: versions that are held, with their artifacts below held/."""

import json

import pytest

from daemon import HOSTNAMES, module, provider
from simulator.world import Module, Provider, ProviderVersion, Release, World
from store_check import check

PLATFORMS = ["linux_amd64", "linux_arm64"]
PROVIDER = "providers/registry.terraform.io/hashicorp/null"
MODULE = "modules/platform/terraform-aws-vpc/aws"
# Nothing can be scanned here, so that what is held stays so.
SCANNING = {"scanning": {"modules": True, "providers": True}, "scanner": {"path": "/nonexistent/trivy"}}
REASON = "not scanned yet: /nonexistent/trivy is not there: install the package trivy"


@pytest.fixture
def synced(daemon, upstream):
    upstream.replace(
        World(
            providers=[Provider("null", versions=[ProviderVersion(n, PLATFORMS) for n in ("1.0.0", "1.1.0")])],
            modules=[Module("acme", "terraform-aws-vpc", [Release("v1.0.0"), Release("v1.1.0")])],
        )
    )
    write_depot(daemon)
    daemon.start()
    daemon.sync()
    daemon.configure(**SCANNING)
    return daemon.settle()


def write_depot(daemon, **more):
    daemon.write_depot(
        "demo",
        providers=[provider("null", **more)],
        modules=[module("terraform-aws-vpc", "acme", "aws")],
        pollingIntervalMinutes=60,
    )


def artifacts(package, version):
    """Their names."""
    if package == MODULE:
        return [f"{version}.zip"]
    return [f"terraform-provider-null_{version}_{platform}.zip" for platform in PLATFORMS]


def quarantine(daemon, package, version):
    """Makes the record say that the version is held; artifacts and documents are left as they are."""
    path = daemon.store / package / "record.json"
    record = json.loads(path.read_text())
    record["versions"][version] |= {"state": "held", "quarantined": True, "reason": REASON}
    path.write_text(json.dumps(record))


def release(daemon, package, version):
    path = daemon.store / package / "record.json"
    record = json.loads(path.read_text())
    record["versions"][version]["state"] = "published"
    del record["versions"][version]["quarantined"], record["versions"][version]["reason"]
    path.write_text(json.dumps(record))


def move(daemon, package, names, to_held):
    held = daemon.store / "held" / package
    held.mkdir(parents=True, exist_ok=True)
    source, target = (daemon.store / package, held) if to_held else (held, daemon.store / package)
    for name in names:
        (source / name).rename(target / name)


def check_sides(daemon, package, version, held):
    for name in artifacts(package, version):
        assert (daemon.store / "held" / package / name).exists() == held, name
        assert (daemon.store / package / name).exists() != held, name
    for host in HOSTNAMES if package == PROVIDER else ():
        directory = daemon.store / "providers" / host / "hashicorp/null"
        assert (directory / f"{version}.json").exists() != held
        assert (version in json.loads((directory / "index.json").read_text())["versions"]) != held


@pytest.mark.parametrize("moved", [0, 1, 2], ids=["nothing was moved", "a part was moved", "everything was moved"])
@pytest.mark.parametrize("package", [PROVIDER, MODULE], ids=["provider", "module"])
def test_a_stop_in_the_middle_is_mended(synced, upstream, package, moved):
    """Into quarantine and out of it again; nothing is fetched for that."""
    daemon = synced
    name = "hashicorp/null" if package == PROVIDER else "platform/terraform-aws-vpc/aws"
    upstream.reset()
    daemon.stop()
    quarantine(daemon, package, "1.1.0")
    move(daemon, package, artifacts(package, "1.1.0")[:moved], True)
    daemon.start()
    daemon.settle()
    check_sides(daemon, package, "1.1.0", True)
    version = daemon.versions(name)["1.1.0"]
    assert (version["state"], version["reason"]) == ("held", REASON)
    check(daemon.store)

    daemon.stop()
    release(daemon, package, "1.1.0")
    move(daemon, package, artifacts(package, "1.1.0")[:moved], False)
    daemon.start()
    daemon.settle()
    check_sides(daemon, package, "1.1.0", False)
    check(daemon.store)
    assert not [r for r in upstream.requests() if r["path"].endswith((".zip", ".tar.gz"))]


def test_what_lies_on_both_sides_is_left_on_its_own(synced):
    daemon = synced
    daemon.stop()
    quarantine(daemon, MODULE, "1.1.0")
    move(daemon, MODULE, ["1.1.0.zip"], True)
    for source, target in (("held/", ""), ("", "held/")):
        (daemon.store / f"{target}{MODULE}").mkdir(parents=True, exist_ok=True)
        for version in ("1.0.0", "1.1.0"):
            if (daemon.store / f"{source}{MODULE}/{version}.zip").exists():
                data = (daemon.store / f"{source}{MODULE}/{version}.zip").read_bytes()
                (daemon.store / f"{target}{MODULE}/{version}.zip").write_bytes(data)
    daemon.start()
    daemon.settle()
    check_sides(daemon, MODULE, "1.0.0", False)
    check_sides(daemon, MODULE, "1.1.0", True)


def test_what_is_held_takes_no_place_in_the_history(synced):
    """The newest version is held: the one before it is what can be installed, and stays."""
    daemon = synced
    daemon.stop()
    quarantine(daemon, PROVIDER, "1.1.0")
    write_depot(daemon, versionHistoryLimit=1)
    daemon.start()
    daemon.sync("hashicorp/null")
    daemon.settle()
    check_sides(daemon, PROVIDER, "1.1.0", True)
    assert daemon.states("hashicorp/null") == {"1.1.0": "held", "1.0.0": "published"}


def test_what_is_held_and_gone_is_fetched_again(synced, upstream):
    daemon = synced
    daemon.stop()
    quarantine(daemon, PROVIDER, "1.1.0")
    first, second = artifacts(PROVIDER, "1.1.0")
    move(daemon, PROVIDER, [first, second], True)
    (daemon.store / "held" / PROVIDER / first).unlink()
    daemon.start()
    daemon.sync("hashicorp/null")
    daemon.settle()
    check_sides(daemon, PROVIDER, "1.1.0", True)
