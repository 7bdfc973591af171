"""Documents of the kinds Module, Provider and List: what is published deliberately, and the way over from a cluster."""

import json

import pytest

from daemon import module, provider
from simulator.world import Module, Provider, ProviderVersion, Release, World
from store_check import check

API = "opendepot.defdev.io/v1alpha1"
PLATFORMS = ["linux_amd64", "darwin_arm64"]
VPC, NULL = "platform/terraform-aws-vpc/aws", "hashicorp/null"
# What a cluster adds to a document.
SERVER = {
    "uid": "0b1c7d9e",
    "resourceVersion": "12345",
    "generation": 3,
    "creationTimestamp": "2026-01-01T00:00:00Z",
    "labels": {"app.kubernetes.io/managed-by": "Helm"},
    "managedFields": [{"manager": "kubectl", "operation": "Update", "fieldsV1": {"f:spec": {".": {}}}}],
    "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}\n"},
    "finalizers": ["opendepot.defdev.io/finalizer"],
    "ownerReferences": [{"apiVersion": API, "kind": "Depot", "name": "all", "uid": "1", "controller": True}],
}


@pytest.fixture(autouse=True)
def world(upstream):
    modules = [Module("acme", "terraform-aws-vpc", [Release(f"v1.{i}.0") for i in range(5)])]
    versions = [ProviderVersion(f"1.{i}.0", PLATFORMS, 20_000) for i in range(5)]
    upstream.replace(World([Provider("null", versions=versions)], modules))


def document(kind, name, spec, namespace="platform", **more):
    metadata = {"name": name, "namespace": namespace} | more
    return {"apiVersion": API, "kind": kind, "metadata": metadata, "spec": spec}


def listed_module(*versions, **config):
    config = {"provider": "aws", "repoOwner": "acme"} | config
    listed = [{"version": version} for version in versions]
    return document("Module", "terraform-aws-vpc", {"moduleConfig": config, "versions": listed})


def listed_provider(*versions, name="null"):
    config = {"name": "null", "operatingSystems": ["linux"], "architectures": ["amd64"]}
    listed = [version if isinstance(version, dict) else {"version": version} for version in versions]
    return document("Provider", name, {"providerConfig": config, "versions": listed})


def write(daemon, name, *documents):
    daemon.write_document(name, "\n---\n".join(json.dumps(one, indent=1) for one in documents))


def reload(daemon):
    assert daemon.run("reload").returncode == 0
    return daemon.settle()


def plan(daemon):
    found = {}
    for event in daemon.ctl("plan"):
        for item in event.get("event", event).get("plan") or []:
            found[item["version"]] = (item["action"], item["reason"])
    return found


def test_listed_versions_are_published_and_nothing_else(daemon):
    darwin = {"version": "1.3.0", "operatingSystem": "darwin", "architecture": "arm64"}
    write(daemon, "listed", listed_module("v1.1.0", "1.3.0"), listed_provider("1.0.0", darwin))
    daemon.start().settle()
    assert daemon.states(VPC) == {"1.1.0": "published", "1.3.0": "published"}
    assert daemon.states(NULL) == {"1.0.0": "published", "1.3.0": "published"}
    names = {file.rpartition("_1.")[2] for file in daemon.files() if file.endswith(".zip") and "provider-null" in file}
    assert names == {"0.0_linux_amd64.zip", "3.0_darwin_arm64.zip"}
    # Where it comes from is seen everywhere.
    assert daemon.packages()[VPC]["depots"] == ["module/platform/terraform-aws-vpc"]
    assert daemon.packages()[NULL]["depots"] == ["provider/platform/null"]
    assert sorted(daemon.depots()) == ["module/platform/terraform-aws-vpc", "provider/platform/null"]
    for verb in (["list"], ["show", VPC], ["status"]):
        assert "module/platform/terraform-aws-vpc" in daemon.run(*verb).stdout, verb
    check(daemon.store)

    write(daemon, "listed", listed_module("v1.1.0", "1.3.0", "1.4.0"), listed_provider("1.0.0", darwin))
    assert daemon.run("reload").returncode == 0
    assert daemon.settle().states(VPC).keys() == {"1.1.0", "1.3.0", "1.4.0"}


def test_a_version_that_upstream_does_not_have(daemon, upstream):
    windows = {"version": "1.0.0", "operatingSystem": "windows", "architecture": "amd64"}
    write(daemon, "listed", listed_module("1.1.0", "9.9.9"), listed_provider(windows))
    daemon.start().settle()
    assert daemon.states(VPC) == {"1.1.0": "published", "9.9.9": "failed"}
    missing = daemon.versions(VPC)["9.9.9"]
    assert missing["reason"] == "listed by module/platform/terraform-aws-vpc: upstream has no such version"
    assert missing["attempts"] == 1 and missing["nextTry"]
    assert daemon.packages()[VPC]["state"] == "incomplete"
    none = daemon.versions(NULL)["1.0.0"]
    assert none["state"] == "failed" and none["reason"].endswith("upstream has it for none of the platforms")
    assert plan(daemon)["9.9.9"] == ("missing", missing["reason"])
    assert "9.9.9" in daemon.run("show", VPC).stdout and "no such version" in daemon.run("status").stdout

    # It is asked for again, and is no failure any more when it is there or nobody lists it.
    upstream.replace(World([], [Module("acme", "terraform-aws-vpc", [Release("v1.1.0"), Release("v9.9.9")])]))
    daemon.sync(VPC)
    assert daemon.states(VPC) == {"1.1.0": "published", "9.9.9": "published"}
    write(daemon, "listed", listed_module("1.1.0", "8.8.8"))
    assert reload(daemon).states(VPC)["8.8.8"] == "failed"
    write(daemon, "listed", listed_module("1.1.0"))
    assert reload(daemon).states(VPC) == {"1.1.0": "published", "9.9.9": "published"}


def test_no_history_limit_reaches_what_is_listed(daemon):
    write(daemon, "listed", listed_module("1.0.0", versionHistoryLimit=1), listed_provider("1.1.0"))
    daemon.write_depot(
        "team",
        [provider("null", None, (("linux",), ("amd64",)), versionHistoryLimit=2)],
        [module("terraform-aws-vpc", "acme", "aws", versionHistoryLimit=2)],
    )
    daemon.start().settle()
    assert daemon.states(VPC) == dict.fromkeys(["1.0.0", "1.3.0", "1.4.0"], "published")
    assert daemon.states(NULL) == dict.fromkeys(["1.1.0", "1.3.0", "1.4.0"], "published")
    assert daemon.packages()[VPC]["depots"] == ["module/platform/terraform-aws-vpc", "team"]

    # A history that was longer once is cut down to the limit and what is listed.
    daemon.write_depot("team", [], [module("terraform-aws-vpc", "acme", "aws")])
    assert len(reload(daemon).states(VPC)) == 5
    daemon.write_depot("team", [], [module("terraform-aws-vpc", "acme", "aws", versionHistoryLimit=1)])
    assert reload(daemon).states(VPC) == dict.fromkeys(["1.0.0", "1.4.0"], "published")


STATUS = {
    "Depot": {"modules": ["terraform-aws-vpc"], "providers": ["null"]},
    "Module": {
        "latestVersion": "1.1.0",
        "moduleVersionRefs": {"v1.1.0": {"name": "terraform-aws-vpc-1-1-0", "fileName": "0198.zip"}},
        "syncStatus": "Successfully synced module",
        "synced": True,
    },
    "Provider": {
        "providerVersionRefs": {"1.1.0": {"name": "null", "architecture": "amd64", "operatingSystem": "linux"}},
        "resolvedSourceRepository": "https://github.com/hashicorp/terraform-provider-null",
        "syncStatus": "Successfully synced provider",
        "synced": True,
    },
}


def cluster_list(*documents):
    """As `kubectl get depots,modules,providers -o yaml` prints it."""
    items = [one | {"metadata": one["metadata"] | SERVER, "status": STATUS[one["kind"]]} for one in documents]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items, "metadata": {"resourceVersion": ""}}, indent=1)


def test_what_a_cluster_prints_loads(daemon, tmp_path):
    depot = document("Depot", "all", {"moduleConfigs": [module("terraform-aws-vpc", "acme", "aws", "= 1.2.0")]})
    text = cluster_list(depot, listed_module("v1.0.0"), listed_provider("1.1.0"))
    daemon.write_document("cluster", text)
    checked = daemon.run("verify-config", str(daemon.configuration / "conf.d/cluster.yaml"))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    daemon.start().settle()
    assert daemon.states(VPC) == {"1.0.0": "published", "1.2.0": "published"}
    assert daemon.states(NULL) == {"1.1.0": "published"}
    assert sorted(daemon.depots()) == ["all", "module/platform/terraform-aws-vpc", "provider/platform/null"]

    # What is unknown is an error with its place, in its own item; the others go on.
    bad = tmp_path / "bad.yaml"
    bad.write_text(text.replace('"repoOwner": "acme"\n    },', '"repoOwner": "acme",\n     "color": "blue"\n    },'))
    line = 1 + bad.read_text()[: bad.read_text().index('"color"')].count("\n")
    refused = daemon.run("verify-config", str(bad))
    assert refused.returncode != 0 and f"bad.yaml:{line}:6: unknown key 'color'" in refused.stdout + refused.stderr
    daemon.write_document("cluster", bad.read_text())
    assert "unknown key 'color'" in daemon.run("reload").stdout
    daemon.settle()
    assert daemon.depots()["module/platform/terraform-aws-vpc"]["stale"]
    assert daemon.states(VPC) == {"1.0.0": "published", "1.2.0": "published"}


def test_migration(daemon, upstream):
    """A depot of everything that is deleted afterwards leaves everything; documents of what is to stay take over."""
    everything = document(
        "Depot",
        "all",
        {
            "moduleConfigs": [module("terraform-aws-vpc", "acme", "aws", ">= 0.0.0")],
            "providerConfigs": [provider("null", ">= 0.0.0", (("linux",), ("amd64",)))],
        },
    )
    write(daemon, "all", everything)
    daemon.start().settle()
    numbers = [f"1.{i}.0" for i in range(5)]
    assert daemon.states(VPC) == daemon.states(NULL) == dict.fromkeys(numbers, "published")
    files = daemon.files()

    # The depot goes and the explicit documents come. Nothing is fetched again, nothing removed.
    upstream.reset()
    daemon.remove_depot("all")
    daemon.write_document("listed", cluster_list(listed_module("v1.1.0", "v1.3.0"), listed_provider("1.1.0")))
    reload(daemon)
    assert daemon.files() == files
    assert daemon.states(VPC) == daemon.states(NULL) == dict.fromkeys(numbers, "published")
    assert upstream.requests("codeload") == [] and upstream.requests("hashicorp_releases", ".zip") == []

    # A version is published deliberately from now on.
    fresh = Module("acme", "terraform-aws-vpc", [Release(f"v1.{i}.0") for i in range(7)])
    upstream.extend(World([], [fresh]))
    daemon.sync()
    assert daemon.states(VPC) == dict.fromkeys(numbers, "published")
    daemon.write_document("listed", cluster_list(listed_module("v1.1.0", "v1.3.0", "v1.6.0"), listed_provider("1.1.0")))
    assert reload(daemon).states(VPC) == dict.fromkeys([*numbers, "1.6.0"], "published")

    # Without any document the store stays as it is, over a restart, too.
    files = daemon.files()
    daemon.remove_depot("listed")
    reload(daemon)
    assert daemon.packages() == {}
    daemon.restart().settle()
    assert daemon.files() == files
    check(daemon.store)
