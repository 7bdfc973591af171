"""Scans with the real Trivy: what is found keeps a version out, and a policy, a waiver or another database lets it in."""

import json
import os
import shutil

import pytest

from daemon import module, provider
from setting import wait_for
from simulator.world import Module, Provider, ProviderVersion, Release, World
from store_check import check

TRIVY = shutil.which("trivy")
PLATFORMS = ["linux_amd64"]
PROVIDER = "hashicorp/weak"
MODULE = "platform/terraform-aws-net/aws"
VULNERABILITY = "CVE-2024-45337"
OPEN_GROUP = """resource "aws_security_group_rule" "open" {
  type              = "ingress"
  from_port         = 0
  to_port           = 65535
  protocol          = "tcp"
  cidr_blocks       = ["0.0.0.0/0"]
  security_group_id = "sg-1"
}
"""


@pytest.fixture
def scanned(daemon, upstream, fixtures):
    """A daemon that scans, without a database; sync() brings one version of a weak provider and two of a module."""
    if TRIVY is None:
        pytest.skip("trivy is not installed (tests/peers)")
    program = str(fixtures / "trivy/terraform-provider-weak_v1.0.0")
    upstream.replace(
        World(
            providers=[
                Provider("weak", versions=[ProviderVersion("1.0.0", PLATFORMS, shape="program", program=program)])
            ],
            modules=[
                Module(
                    "acme",
                    "terraform-aws-net",
                    [
                        Release("v1.0.0", files={"main.tf": "# nothing\n", "examples/a/main.tf": OPEN_GROUP}),
                        Release("v1.1.0", files={"main.tf": OPEN_GROUP}),
                        Release("v1.2.0", files={"main.tf": "#trivy:ignore:*\n" + OPEN_GROUP}),
                    ],
                )
            ],
        )
    )
    configure(daemon)
    daemon.write_depot(
        "demo",
        providers=[provider("weak", platforms=(["linux"], ["amd64"]))],
        modules=[module("terraform-aws-net", "acme", "aws")],
        pollingIntervalMinutes=60,
    )
    return daemon


def configure(daemon, **scanning):
    scanning = {"modules": True, "providers": True, "blockOnHigh": True} | scanning
    # The recorded databases have their age.
    daemon.configure(scanning=scanning, scanner={"path": TRIVY, "database": {"maxAge": "80000h"}})


def use_database(daemon, fixtures, name):
    """Switches to one of the recorded databases, as opendepot-trivy-db does."""
    generation = {"2026-10-01-empty": "2026-10-01T00:00:00Z", "2026-11-01": "2026-11-01T00:00:00Z"}[name]
    shutil.copytree(fixtures / "trivy/db" / name, daemon.databases / generation, dirs_exist_ok=True)
    new = daemon.databases / "current.new"
    new.symlink_to(generation)
    os.replace(new, daemon.databases / "current")


def fetched(upstream):
    return sorted(r["path"] for r in upstream.requests() if r["path"].endswith(".zip") or "tar.gz" in r["path"])


def findings(daemon, directory, file):
    return json.loads((directory / f"{file}.findings.json").read_text())


def test_a_weak_provider_is_held_and_comes_out_by_a_waiver(scanned, upstream, fixtures):
    daemon = scanned
    use_database(daemon, fixtures, "2026-11-01")
    daemon.start()
    daemon.sync()
    version = daemon.versions(PROVIDER)["1.0.0"]
    assert version["state"] == "held" and VULNERABILITY in version["reason"], version
    assert check(daemon.store)["weak"] == {}
    archive = "terraform-provider-weak_1.0.0_linux_amd64.zip"
    directory = daemon.provider_directory("weak")
    assert not (directory / archive).exists()
    assert VULNERABILITY in [f["id"] for f in findings(daemon, directory, archive)["findings"]]
    assert json.loads((directory / f"{archive}.cdx.json").read_text())["bomFormat"] == "CycloneDX"
    assert f"{PROVIDER} 1.0.0 is held" in daemon.text()

    # It comes out as it is, and goes in again when the waiver has gone.
    upstream.reset()
    waivers = [{"id": finding["id"], "reason": "not reached"} for finding in version_findings(daemon, directory, archive)]
    configure(daemon, waivers=waivers)
    daemon.ctl("reload")
    wait_for(lambda: daemon.states(PROVIDER) == {"1.0.0": "published"}, 60, "the waiver")
    assert check(daemon.store)["weak"] == {"1.0.0": PLATFORMS}
    configure(daemon)
    daemon.ctl("reload")
    wait_for(lambda: daemon.states(PROVIDER) == {"1.0.0": "held"}, 60, "the end of the waiver")
    daemon.settle()
    assert check(daemon.store)["weak"] == {}
    assert fetched(upstream) == []


def version_findings(daemon, directory, archive):
    return [f for f in findings(daemon, directory, archive)["findings"] if f["severity"] in ("high", "critical")]


def test_a_database_that_knows_nothing_lets_it_in(scanned, upstream, fixtures):
    daemon = scanned
    use_database(daemon, fixtures, "2026-10-01-empty")
    daemon.start()
    daemon.sync()
    version = daemon.versions(PROVIDER)["1.0.0"]
    assert (version["state"], version["scan"]) == ("published", "nothing found"), version
    assert check(daemon.store)["weak"] == {"1.0.0": PLATFORMS}


def test_modules_are_scanned_without_a_database(scanned):
    """Findings in examples do not block, a comment silences nothing; and providers wait for the database."""
    daemon = scanned
    daemon.start()
    daemon.sync()
    assert daemon.states(MODULE) == {"1.0.0": "published", "1.1.0": "held", "1.2.0": "held"}
    for number in ("1.1.0", "1.2.0"):
        assert "AWS-0107" in daemon.versions(MODULE)[number]["reason"]
    (marked,) = findings(daemon, daemon.module_directory("terraform-aws-net", "aws"), "1.2.0.zip")["marks"]
    assert marked["file"] == "main.tf" and marked["line"] == 1
    version = daemon.versions(PROVIDER)["1.0.0"]
    assert version["state"] == "held"
    assert version["reason"].startswith("not scanned yet: there is no vulnerability database yet"), version


def test_what_waits_for_the_database_needs_no_download(scanned, upstream, fixtures):
    daemon = scanned
    daemon.start()
    daemon.sync()
    assert daemon.states(PROVIDER) == {"1.0.0": "held"}
    upstream.reset()
    use_database(daemon, fixtures, "2026-10-01-empty")
    daemon.sync()
    assert daemon.states(PROVIDER) == {"1.0.0": "published"}
    assert fetched(upstream) == []


def test_without_trivy_the_package_to_install_is_named(scanned, upstream, tmp_path):
    daemon = scanned
    daemon.configure(scanning={"modules": True}, scanner={"path": str(tmp_path / "not-there")})
    daemon.start()
    daemon.sync()
    for number, version in daemon.versions(MODULE).items():
        assert version["state"] == "held", number
        assert "install the package trivy" in version["reason"]
    # Nobody wants providers scanned, and that is said.
    version = daemon.versions(PROVIDER)["1.0.0"]
    assert (version["state"], version["scan"]) == ("published", "not scanned")

    daemon.configure()
    daemon.ctl("reload")
    wait_for(lambda: set(daemon.states(MODULE).values()) == {"published"}, 60, "what nobody wants scanned")


def test_what_cannot_be_scanned_is_written_once(scanned):
    """The next try finds the same problem, and that is no news."""
    daemon = scanned
    daemon.start()
    daemon.sync()
    daemon.settle()
    before = daemon.snapshot(daemon.store)
    daemon.sync("--force", PROVIDER)
    daemon.settle()
    changed = {path for path, stat in daemon.snapshot(daemon.store).items() if stat != before.get(path)}
    assert not [path for path in changed if str(path).endswith(".json")], changed


def test_a_restart_scans_nothing_twice(scanned, upstream, fixtures):
    daemon = scanned
    use_database(daemon, fixtures, "2026-11-01")
    daemon.start()
    daemon.sync()
    daemon.settle()
    before = daemon.tree()
    daemon.restart()
    daemon.sync()
    daemon.settle()
    assert daemon.tree() == before
