"""A world of small providers for one platform and of one module, and depots that want them."""

from daemon import provider
from simulator.world import Module, Provider, ProviderVersion

PLATFORM = (("linux",), ("amd64",))
ONE, VPC = "hashicorp/one", "platform/terraform-aws-vpc/aws"


def want(name, constraint=None, **more):
    return provider(name, constraint, PLATFORM, **more)


def make(name, versions=("1.0.0",), size=20_000, **more):
    return Provider(name, versions=[ProviderVersion(version, ["linux_amd64"], size, **more) for version in versions])


def vpc(*releases):
    return Module("acme", "terraform-aws-vpc", list(releases))


def zips(upstream):
    paths = [r["path"].rpartition("/")[2] for r in upstream.requests("hashicorp_releases")]
    return sorted(path for path in paths if path.endswith(".zip"))
