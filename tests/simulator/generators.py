"""Ready-made worlds: the demo, the benchmarks, and the documents that ask for everything in a world."""

from __future__ import annotations

import json

from .world import Module, Provider, ProviderVersion, Release, World

BENCH_PLATFORMS = ("linux_amd64", "linux_arm64", "darwin_amd64", "darwin_arm64")
# What providers have today.
LISTED_PLATFORMS = ("darwin_amd64", "darwin_arm64", "freebsd_386", "freebsd_amd64", "freebsd_arm", "linux_386",
                    "linux_amd64", "linux_arm", "linux_arm64", "windows_386", "windows_amd64", "windows_arm64")
STORED_SIZE = 10_000_000
GO_SIZE, GO_UNPACKED = 30_000_000, 87_000_000
HUGE_SIZE = 2 << 30

_DEMO_PROVIDERS = (
    ("hashicorp", "aws", ("5.79.0", "5.80.0", "5.81.0", "5.82.0")),
    ("hashicorp", "azurerm", ("3.117.0", "4.0.0", "4.1.0")),
    ("hashicorp", "google", ("5.45.0", "6.0.0", "6.1.0", "6.2.0-beta1")),
    ("hashicorp", "null", ("3.1.0", "3.2.2", "3.2.3")),
    ("DataDog", "datadog", ("3.39.0", "3.40.0", "3.41.0")),
    ("integrations", "github", ("5.45.0", "6.0.0", "6.1.0")),
)
_DEMO_MODULES = (
    ("terraform-aws-modules", "terraform-aws-eks",
     ("v20.0.0", "v21.10.0", "v21.10.1", "v21.13.0", "v21.14.0", "v22.0.0-rc1")),
    ("terraform-aws-modules", "terraform-aws-vpc", ("v4.9.0", "v5.0.0", "v5.1.0", "v5.1.1")),
    ("Azure", "terraform-azurerm-aks", ("9.4.1", "10.0.0", "10.1.0")),
    ("terraform-google-modules", "terraform-google-kubernetes-engine", ("v32.0.0", "v33.0.0", "v33.0.1")),
)


def demo() -> World:
    """Small packages under the names that real Depots use, with a draft, a withdrawn and an enterprise release."""
    world = World()
    for namespace, kind, versions in _DEMO_PROVIDERS:
        shape = "go-binary" if kind == "aws" else "script"
        world.providers.append(Provider(kind, namespace, [
            ProviderVersion(v, size=1_000_000 if kind == "aws" else 60_000, shape=shape) for v in versions]))
    null = world.providers[3]
    null.versions.insert(1, ProviderVersion("3.2.0", size=60_000, shape="script", withdrawn=True,
                                            message="This release was withdrawn."))
    null.versions.append(ProviderVersion("3.2.3+ent", size=60_000, shape="script", license_class="enterprise"))
    for owner, repo, tags in _DEMO_MODULES:
        world.modules.append(Module(owner, repo, [Release(tag, prerelease="-" in tag) for tag in tags]))
    world.modules[1].releases.append(Release("v5.2.0", draft=True))
    world.modules[0].transfer = "chunked"
    world.modules[3].renamed_from = ["terraform-google-modules/terraform-google-gke"]
    return world


def _packages(name: str, count: int, version: str, size: int, shape: str, unpacked: int = 0) -> list[Provider]:
    """count zips, one version of each type, since that is what `terraform providers mirror` fetches."""
    providers = []
    for index in range(0, count, len(BENCH_PLATFORMS)):
        platforms = list(BENCH_PLATFORMS[:count - index])
        providers.append(Provider(f"{name}{index // len(BENCH_PLATFORMS)}", versions=[
            ProviderVersion(version, platforms, size, shape, unpacked)]))
    return providers


def _listed_provider(name: str, n_versions: int, whole: bool) -> Provider:
    """Versions that all have numbers of one length, of which at most the newest can be fetched."""
    first = 10 ** len(str(n_versions - 1))
    return Provider(name, versions=[
        ProviderVersion(f"1.{first + i}.0", list(LISTED_PLATFORMS), 2_000, "script",
                        listed=not whole or i < n_versions - 1) for i in range(n_versions)])


def _listed_module(repo: str, n_versions: int, whole: bool) -> Module:
    first = 10 ** len(str(n_versions - 1))
    return Module("listed", repo, [Release(f"v1.{first + i}.0", listed=not whole or i < n_versions - 1)
                                   for i in range(n_versions)])


def bench(kind: str, count: int = 0) -> World:
    """stored (200 zips of 10 MB), go (40 of real shape), huge (one of 2 GiB), poll (200 packages), fleet (1,000 with 30
    versions each) or long (a provider and a module with 5,000 versions each)."""
    if kind == "stored":
        return World(providers=_packages("stored", count or 200, "1.0.0", STORED_SIZE, "stored"))
    if kind == "go":
        return World(providers=_packages("go", count or 40, "1.0.0", GO_SIZE, "go-binary", GO_UNPACKED))
    if kind == "huge":
        return World(providers=[Provider("huge", versions=[
            ProviderVersion("1.0.0", ["linux_amd64"], HUGE_SIZE, "stored")])])
    if kind == "poll":
        half = (count or 200) // 2
        return World(
            providers=[Provider(f"poll{i}", versions=[ProviderVersion("1.0.0", ["linux_amd64"], 2_000, "script")])
                       for i in range((count or 200) - half)],
            modules=[Module("poll", f"terraform-test-poll{i}", [Release("v1.0.0")]) for i in range(half)])
    if kind == "fleet":
        half = (count or 1000) // 2
        return World(providers=[_listed_provider(f"fleet{i:04}", 30, i == 0) for i in range((count or 1000) - half)],
                     modules=[_listed_module(f"terraform-test-fleet{i:04}", 30, i == 0) for i in range(half)])
    if kind == "long":
        return World(providers=[_listed_provider("long0000", count or 5000, True)],
                     modules=[_listed_module("terraform-test-long0000", count or 5000, True)])
    raise ValueError(f"unknown benchmark {kind!r}: stored, go, huge, poll, fleet or long")


def _newest(provider: Provider) -> str:
    usable = [v for v in provider.versions if not v.withdrawn and v.license_class == "oss" and not v.prerelease]
    return (usable or provider.versions)[-1].version


def to_terraform(world: World, registry_host: str) -> str:
    """A Terraform configuration that requires the newest version of every provider."""
    lines = ["terraform {", "  required_providers {"]
    for provider in world.providers:
        source = f"{registry_host}/{provider.namespace}/{provider.type}"
        label = f"{provider.namespace}-{provider.type}".lower()
        lines.append(f'    {label} = {{ source = "{source}", version = "{_newest(provider)}" }}')
    return "\n".join([*lines, "  }", "}", ""])


def to_depot(world: World, name: str = "simulated", only_hashicorp: bool = True) -> str:
    """A Depot document (JSON, which is YAML) that asks for every module and provider."""
    providers = []
    for provider in world.providers:
        if only_hashicorp and provider.namespace != "hashicorp":
            continue
        platforms = {p for version in provider.versions for p in version.platforms}
        providers.append({"name": provider.type, "namespace": provider.namespace,
                          "operatingSystems": sorted({p.split("_", 1)[0] for p in platforms}),
                          "architectures": sorted({p.split("_", 1)[1] for p in platforms}),
                          "versionConstraints": ">= 0.0.0"})
    modules = [{"name": module.repo, "provider": module.repo.split("-")[1] if module.repo.count("-") > 1 else "test",
                "repoOwner": module.owner, "versionConstraints": ">= 0.0.0"} for module in world.modules]
    spec = {"global": {"moduleConfig": {"fileFormat": "zip", "immutable": True}},
            "moduleConfigs": modules, "providerConfigs": providers}
    return json.dumps({"apiVersion": "opendepot.defdev.io/v1alpha1", "kind": "Depot",
                       "metadata": {"name": name}, "spec": spec}, indent=2) + "\n"
