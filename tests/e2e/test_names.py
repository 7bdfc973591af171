"""Versions whose names are odd: one of them does not spoil the others."""

from daemon import module
from simulator.world import Module, Release, World

VPC = "platform/terraform-aws-vpc/aws"
LONG = "1.1.0+" + "a" * 118


def test_version_that_no_file_can_be_named_after(daemon, upstream):
    tags = ["v1.0.0", f"v{LONG}", "v1.2.0+b~c"]
    upstream.replace(World(modules=[Module("acme", "terraform-aws-vpc", [Release(tag) for tag in tags])]))
    daemon.write_depot("one", [], [module("terraform-aws-vpc", "acme", "aws")])
    daemon.start()
    daemon.settle()

    directory = daemon.module_directory("terraform-aws-vpc", "aws")
    assert {path.name for path in directory.glob("*.zip")} == {"1.0.0.zip", "1.2.0+b~c.zip"}
    versions = daemon.versions(VPC)
    assert versions[LONG]["state"] == "failed"
    assert "too long for the name of a file" in versions[LONG]["reason"]
