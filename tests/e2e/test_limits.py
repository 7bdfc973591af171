"""versionHistoryLimit, and packages that several depots name."""

import collections
import json

import pytest

from daemon import HOSTNAMES, module, provider
from simulator.world import Module, Provider, ProviderVersion, Release, World
from store_check import check

PLATFORMS = ["linux_amd64", "linux_arm64", "darwin_arm64"]
VPC = "platform/terraform-aws-vpc/aws"


def world(n, bad=()):
    """Versions 1.0.0 to 1.<n-1>.0; nobody vouches for the providers, and nobody can unpack the modules, of `bad`."""
    numbers = [f"1.{i}.0" for i in range(n)]
    return World(
        providers=[
            Provider(
                "null",
                versions=[
                    ProviderVersion(number, PLATFORMS, 5000, sign="bad" if number in bad else "good")
                    for number in numbers
                ],
            )
        ],
        modules=[
            Module(
                owner,
                "terraform-aws-vpc",
                [Release(f"v{number}", hostile="not-gzip" if number in bad else "") for number in numbers],
            )
            for owner in ("acme", "rival")
        ],
    )


def write_depot(daemon, name, limit=None, **spec):
    more = {"versionHistoryLimit": limit} if limit else {}
    daemon.write_depot(
        name, [provider("null", **more)], [module("terraform-aws-vpc", "acme", "aws", **more)], **spec
    )


def reload(daemon):
    assert daemon.run("reload").returncode == 0
    return daemon.settle()


def published(daemon):
    """The versions, which the provider and the module agree on, by the store alone."""
    shown = sorted(check(daemon.store).get("null", {}))
    modules = sorted(path.stem for path in daemon.module_directory("terraform-aws-vpc", "aws").glob("*.zip"))
    assert shown == modules
    return shown


def offer(daemon, upstream, n, bad=()):
    upstream.replace(world(n, bad))
    return daemon.sync("--force", status=1 if bad else 0)


# versionHistoryLimit


def test_old_versions_go_with_everything_that_was_theirs(daemon, upstream):
    upstream.replace(world(3))
    write_depot(daemon, "demo", limit=2)
    daemon.start().sync()
    assert published(daemon) == ["1.1.0", "1.2.0"]
    kinds = collections.Counter(name.replace("1.1.0", "*").replace("1.2.0", "*") for name in daemon.files())

    outcome = offer(daemon, upstream, 4)
    assert (outcome["versionsAdded"], outcome["versionsPruned"]) == (2, 2)
    assert published(daemon) == ["1.2.0", "1.3.0"]
    assert not [name for name in daemon.tree() if "1.1.0" in name]
    assert kinds == collections.Counter(name.replace("1.2.0", "*").replace("1.3.0", "*") for name in daemon.files())
    assert "hashicorp/null 1.1.0 is removed: beyond versionHistoryLimit 2 of depot demo" in daemon.text()
    for package in ("hashicorp/null", VPC):
        assert daemon.states(package) == {"1.3.0": "published", "1.2.0": "published"}
        record = json.loads(next(daemon.store.rglob(f"{package.split('/')[1]}/**/record.json")).read_text())
        assert "1.1.0" not in record["versions"]


def test_nothing_goes_for_a_newer_version_that_fails(daemon, upstream):
    upstream.replace(world(2))
    write_depot(daemon, "demo", limit=2)
    daemon.start().sync()
    before = daemon.tree()
    outcome = offer(daemon, upstream, 3, bad=["1.2.0"])
    assert (outcome["versionsFailed"], outcome["versionsPruned"]) == (2, 0)
    assert daemon.tree() == before

    # One that succeeds and one that fails: as many stay as were asked for.
    offer(daemon, upstream, 4, bad=["1.3.0"])
    assert published(daemon) == ["1.1.0", "1.2.0"]
    offer(daemon, upstream, 4)
    assert published(daemon) == ["1.2.0", "1.3.0"]


def test_a_limit_that_shrinks(daemon, upstream):
    upstream.replace(world(4))
    write_depot(daemon, "demo")
    daemon.start().sync()
    assert len(published(daemon)) == 4
    write_depot(daemon, "demo", limit=1)
    reload(daemon).sync()
    assert published(daemon) == ["1.3.0"]


def test_the_larger_limit_holds(daemon, upstream):
    upstream.replace(world(5))
    write_depot(daemon, "a", limit=1)
    write_depot(daemon, "b", limit=3)
    daemon.start().sync()
    assert published(daemon) == ["1.2.0", "1.3.0", "1.4.0"]
    offer(daemon, upstream, 6)
    assert published(daemon) == ["1.3.0", "1.4.0", "1.5.0"]

    # A depot without a limit wants all of them; what another wants is never removed.
    write_depot(daemon, "c")
    reload(daemon).sync()
    assert len(published(daemon)) == 6


def test_a_limit_leaves_alone_what_its_depot_does_not_ask_for(daemon, upstream):
    upstream.replace(world(4))
    daemon.write_depot("a", [provider("null", ">= 1.2.0", versionHistoryLimit=1)])
    daemon.write_depot("b", [provider("null", "= 1.0.0")])
    daemon.start().sync()
    assert sorted(check(daemon.store)["null"]) == ["1.0.0", "1.3.0"]


def test_removing_a_depot_removes_nothing(daemon, upstream):
    upstream.replace(world(3))
    write_depot(daemon, "demo", limit=2)
    daemon.start().sync()
    before = daemon.snapshot(daemon.store)
    daemon.remove_depot("demo")
    reload(daemon)
    assert daemon.packages() == {}
    daemon.sync()
    daemon.restart().sync()
    assert daemon.snapshot(daemon.store) == before


# Where packages go


@pytest.mark.parametrize("whole", [False, True])
def test_directory_path(daemon, upstream, tmp_path, whole):
    upstream.replace(world(1))
    elsewhere = tmp_path / "else/where"
    storage = {"storageConfig": {"fileSystem": {"directoryPath": str(elsewhere)}}}
    daemon.write_depot(
        "demo",
        [provider("null", **({} if whole else storage))],
        [module("terraform-aws-vpc", "acme", "aws")],
        **({"global": storage} if whole else {}),
    )
    daemon.start().sync()
    assert check(elsewhere) == {"null": {"1.0.0": PLATFORMS[:2]}}
    assert daemon.packages()["hashicorp/null"]["store"] == f"fileSystem:{elsewhere}"
    here = [name for name in daemon.files() if name.endswith(".zip")] if daemon.store.exists() else []
    assert here == ([] if whole else ["modules/platform/terraform-aws-vpc/aws/1.0.0.zip"])
    assert (elsewhere / "modules").exists() == whole


def test_the_same_package_in_two_stores(daemon, upstream, tmp_path):
    upstream.replace(world(2))
    storage = {"fileSystem": {"directoryPath": str(tmp_path / "other")}}
    daemon.write_depot("a", [provider("null")])
    daemon.write_depot("b", [provider("null", "= 1.0.0", storageConfig=storage)])
    daemon.start().sync()
    assert sorted(check(daemon.store)["null"]) == ["1.0.0", "1.1.0"]
    assert sorted(check(tmp_path / "other")["null"]) == ["1.0.0"]
    versions = daemon.call("ListVersions", package="hashicorp/null")["versions"]
    assert sorted((version["store"], version["version"]) for version in versions) == sorted(
        [(f"fileSystem:{daemon.store}", number) for number in ("1.0.0", "1.1.0")]
        + [(f"fileSystem:{tmp_path / 'other'}", "1.0.0")]
    )
    shown = daemon.run("show", "hashicorp/null").stdout
    tables = [part.split("VERSION", 1)[1] for part in shown.split("hashicorp/null\n")[1:]]
    assert sorted(table.count("published") for table in tables) == [1, 2]


# Sharing


def test_two_depots_share_a_package(daemon, upstream):
    upstream.replace(world(3))
    daemon.write_depot("a", [provider("null", ">= 1.1.0")], [module("terraform-aws-vpc", "acme", "aws", "= 1.0.0")])
    daemon.write_depot(
        "b",
        [provider("null", "< 1.2.0", (("darwin",), ("arm64",)))],
        [module("terraform-aws-vpc", "acme", "aws", ">= 1.0.0, < 1.2.0")],
    )
    daemon.start().sync()
    assert check(daemon.store)["null"] == {
        "1.0.0": ["darwin_arm64"],
        "1.1.0": sorted(PLATFORMS),
        "1.2.0": PLATFORMS[:2],
    }
    assert set(daemon.states(VPC)) == {"1.0.0", "1.1.0"}
    fetched = collections.Counter(
        r["path"] for role in ("hashicorp_releases", "codeload") for r in upstream.requests(role)
    )
    assert len([path for path in fetched if path.endswith(".zip")]) == 6
    assert set(fetched.values()) == {1}, fetched
    assert set(daemon.packages()["hashicorp/null"]["depots"]) == {"a", "b"}

    # Who stays still has what the other asked for.
    before = daemon.snapshot(daemon.store)
    daemon.remove_depot("b")
    reload(daemon).sync()
    assert daemon.snapshot(daemon.store) == before


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            {"repoUrl": "{web}/rival/terraform-aws-vpc"},
            "from github:acme/terraform-aws-vpc, depot b from github:rival/",
        ),
        ({"fileFormat": "tar"}, "depot a stores it as zip, depot b as tar"),
    ],
)
def test_depots_that_disagree(daemon, upstream, more, message):
    upstream.replace(world(2))
    more = {key: value.format(web=upstream.endpoints["github_web"]) for key, value in more.items()}
    daemon.write_depot("a", modules=[module("terraform-aws-vpc", "acme", "aws", "= 1.0.0")])
    daemon.start().sync()
    before = daemon.tree()
    daemon.write_depot("b", [provider("null")], [module("terraform-aws-vpc", "acme", "aws", **more)])
    reload(daemon).sync()
    assert message in daemon.text() and "b.yaml:" in daemon.text()
    assert {name: data for name, data in daemon.tree().items() if name in before} == before
    assert set(daemon.states(VPC)) == {"1.0.0"}
    # The rest of the document is in force.
    assert sorted(check(daemon.store)["null"]) == ["1.0.0", "1.1.0"]
    assert not any("rival" in r["path"] for r in upstream.requests())
    assert len(list((daemon.store / "providers").iterdir())) == len(HOSTNAMES)
