"""The main job: a Depot becomes a store, and stays as it is while nothing changes."""

import io
import json
import re
import tarfile
import urllib.request
import ssl
import zipfile

import pytest

from daemon import HOSTNAMES, module, provider
from simulator.world import Module, Provider, ProviderVersion, Release, World
from store_check import check, sha256

PLATFORMS = ["linux_amd64", "linux_arm64", "darwin_arm64"]


def world():
    return World(
        providers=[
            Provider("null", versions=[ProviderVersion(f"3.{i}.0", PLATFORMS, 20_000) for i in range(4)]),
            Provider("random", versions=[ProviderVersion("1.0.0-beta1"), ProviderVersion("1.0.0", shape="random")]),
        ],
        modules=[
            Module(
                "acme",
                "terraform-aws-vpc",
                [
                    Release("v1.0.0"),
                    Release("v1.1.0"),
                    Release("v1.2.0-rc1", prerelease=True),
                    Release("v2.0.0", draft=True),
                    Release("nightly"),
                ],
            ),
            Module("acme", "terraform-aws-eks", [Release("5.0.0", files={"README.md": "# eks\n", "m/main.tf": "x\n"})]),
        ],
    )


def write_depot(daemon, **spec):
    daemon.write_depot(
        "demo",
        providers=[provider("null", ">= 3.1.0"), provider("random")],
        modules=[
            module("terraform-aws-vpc", "acme", "aws", "~> 1.0"),
            module("terraform-aws-eks", "acme", "aws", fileFormat="tar"),
        ],
        **spec,
    )


@pytest.fixture
def synced(daemon, upstream):
    upstream.replace(world())
    write_depot(daemon, pollingIntervalMinutes=60)
    daemon.start()
    daemon.sync()
    return daemon.settle()


def fetch(upstream, path):
    context = ssl.create_default_context(cafile=upstream.endpoints["ca"])
    with urllib.request.urlopen(upstream.endpoints["hashicorp_releases"] + path, context=context) as answer:
        return answer.read()


def expected_files():
    files = ["modules/platform/terraform-aws-vpc/aws/record.json", "modules/platform/terraform-aws-eks/aws/record.json"]
    for version in ("1.0.0", "1.1.0"):
        files += [f"modules/platform/terraform-aws-vpc/aws/{version}{end}" for end in (".zip", ".README.md")]
    files += [f"modules/platform/terraform-aws-eks/aws/5.0.0{end}" for end in (".tar.gz", ".README.md")]
    for name, versions in (("null", ["3.1.0", "3.2.0", "3.3.0"]), ("random", ["1.0.0"])):
        first, *others = [f"providers/{hostname}/hashicorp/{name}/" for hostname in HOSTNAMES]
        files += [first + "record.json", first + "keys"]
        for directory in [first, *others]:
            files += [directory + "index.json"] + [f"{directory}{version}.json" for version in versions]
        for version in versions:
            ends = ["SHA256SUMS", "SHA256SUMS.sig", "linux_amd64.zip", "linux_arm64.zip"]
            files += [f"{first}terraform-provider-{name}_{version}_{end}" for end in ends]
    return sorted(files)


def test_store_holds_what_is_wanted_and_nothing_else(synced):
    assert synced.files() == expected_files()
    assert check(synced.store) == {
        "null": {version: PLATFORMS[:2] for version in ("3.3.0", "3.2.0", "3.1.0")},
        "random": {"1.0.0": PLATFORMS[:2]},
    }
    assert not list((synced.store / ".staging").iterdir())


def test_upstreams_proof_is_kept_byte_for_byte(synced, upstream):
    directory = synced.provider_directory("null")
    for name in ("SHA256SUMS", "SHA256SUMS.sig", "linux_amd64.zip"):
        file = f"terraform-provider-null_3.2.0_{name}"
        assert (directory / file).read_bytes() == fetch(upstream, f"/terraform-provider-null/3.2.0/{file}")
    assert (directory / "keys").read_bytes() == fetch(upstream, "/.well-known/pgp-key.txt")


def test_record_says_where_everything_is_from(synced, upstream):
    record = json.loads((synced.provider_directory("null") / "record.json").read_text())
    version = record["versions"]["3.3.0"]
    assert (record["kind"], record["package"]) == ("provider", "hashicorp/null")
    assert record["source"] == "hashicorp:terraform-provider-null"
    assert version["signature"]["key"] == upstream.endpoints["fingerprint"]
    assert (version["state"], version["scan"]) == ("published", "not scanned")
    assert sorted(version["artifacts"]) == PLATFORMS[:2]

    record = json.loads((synced.module_directory("terraform-aws-vpc", "aws") / "record.json").read_text())
    version = record["versions"]["1.1.0"]
    assert (record["source"], version["tag"]) == ("github:acme/terraform-aws-vpc", "v1.1.0")
    assert re.fullmatch("[0-9a-f]{40}", version["commit"])


def test_modules_have_no_top_directory(synced, upstream):
    path = synced.module_directory("terraform-aws-vpc", "aws") / "1.0.0.zip"
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        assert "main.tf" in names and names == sorted(names)
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        readme = archive.read("README.md")
    assert (path.parent / "1.0.0.README.md").read_bytes() == readme

    data = (synced.module_directory("terraform-aws-eks", "aws") / "5.0.0.tar.gz").read_bytes()
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert [entry.name for entry in archive] == ["README.md", "m/main.tf"]
        assert {(entry.uid, entry.gid) for entry in archive} == {(0, 0)}


def test_repacking_is_deterministic(synced, upstream):
    path = synced.module_directory("terraform-aws-vpc", "aws") / "1.0.0.zip"
    before = path.read_bytes()
    synced.stop()
    path.unlink()
    synced.start()
    synced.sync()
    assert sha256(path.read_bytes()) == sha256(before)


def test_status_tells_the_truth(synced):
    status = synced.call("GetStatus")["status"]
    assert status["versions"] == {"published": 7, "pending": 0, "held": 0, "failed": 0}
    assert (status["packages"], status["packagesFailed"]) == (4, 0)
    assert {package["state"] for package in synced.packages().values()} == {"current"}
    assert synced.packages()["hashicorp/null"]["latest"] == "3.3.0"
    assert synced.packages()["hashicorp/null"]["store"] == f"fileSystem:{synced.store}"
    versions = synced.versions("hashicorp/null")
    assert list(versions) == ["3.3.0", "3.2.0", "3.1.0"]
    for artifact in versions["3.2.0"]["artifacts"]:
        data = (synced.provider_directory("null") / artifact["file"]).read_bytes()
        assert (artifact["size"], artifact["sha256"]) == (len(data), sha256(data))
    assert "hashicorp/null" in synced.run("list").stdout
    assert "3.1.0" in synced.run("show", "hashicorp/null").stdout


def listing_requests(upstream):
    return [r for r in upstream.requests() if r["role"] in ("github_api", "hashicorp_api")]


def test_unchanged_poll_is_one_conditional_request_a_page(synced, upstream):
    pages = {(r["role"], r["path"]) for r in listing_requests(upstream)}
    upstream.reset()
    before = synced.snapshot(synced.store, synced.state)
    assert synced.sync()["versionsAdded"] == 0
    synced.settle()
    requests = upstream.requests()
    assert len(requests) == len(pages) and {(r["role"], r["path"]) for r in requests} == pages
    assert {r["status"] for r in requests} == {304} and sum(r["bytes"] for r in requests) == 0
    assert synced.snapshot(synced.store, synced.state) == before


def test_restart_downloads_nothing_and_keeps_the_timers(synced, upstream):
    before = synced.depots()["demo"]["nextPoll"]
    upstream.reset()
    synced.restart().settle()
    assert upstream.requests() == []
    assert synced.depots()["demo"]["nextPoll"] == before
    assert synced.call("GetStatus")["status"]["versions"]["published"] == 7
    synced.sync()
    assert {r["status"] for r in upstream.requests()} == {304}


def test_new_version_is_all_that_is_fetched(synced, upstream):
    bigger = world()
    bigger.providers[0].versions.append(ProviderVersion("3.4.0", PLATFORMS, 20_000))
    upstream.replace(bigger)
    upstream.reset()
    outcome = synced.sync()
    assert (outcome["versionsAdded"], outcome["versionsFailed"]) == (1, 0)
    files = [r["path"] for r in upstream.requests("hashicorp_releases")]
    assert len(files) == 5 and all("3.4.0" in path for path in files)
    assert "3.4.0" in check(synced.store)["null"]


def test_added_platform_is_all_that_is_fetched(synced, upstream):
    upstream.reset()
    synced.write_depot("more", providers=[provider("null", "= 3.3.0", (("darwin",), ("arm64",)))])
    assert synced.run("reload").returncode == 0
    synced.settle()
    zips = [r["path"] for r in upstream.requests("hashicorp_releases") if r["path"].endswith(".zip")]
    assert len(zips) == 1 and "darwin_arm64" in zips[0]
    assert check(synced.store)["null"]["3.3.0"] == sorted(PLATFORMS)
