"""Which versions are taken and shown: their age, pre-releases, what upstream withdraws, and what it changes afterwards."""

import datetime
import json

from daemon import module, provider
from setting import wait_for
from simulator.world import Module, Provider, ProviderVersion, Release, World

MODULE = "platform/terraform-aws-vpc/aws"
PROVIDER = "hashicorp/null"
WITHDRAWN_MESSAGE = "It deletes what it should keep."


def ago(**spans):
    moment = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(**spans)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def modules(*releases):
    return World(modules=[Module("acme", "terraform-aws-vpc", list(releases))])


def null(*versions):
    return World(providers=[Provider("null", versions=list(versions))])


def write_module(daemon, **more):
    daemon.write_depot("demo", modules=[module("terraform-aws-vpc", "acme", "aws", **more)])


def start(daemon, upstream, world):
    upstream.replace(world)
    daemon.start()
    return daemon.settle()


def index(daemon):
    return sorted(json.loads((daemon.provider_directory("null") / "index.json").read_text())["versions"])


def record(daemon, version):
    return json.loads((daemon.provider_directory("null") / "record.json").read_text())["versions"][version]


# Age


def test_a_young_version_is_held_until_it_is_due(daemon, upstream):
    write_module(daemon, minimumReleaseAge="1h")
    start(
        daemon, upstream, modules(Release("v1.0.0", created=ago(days=2)), Release("v1.1.0", created=ago(seconds=3590)))
    )
    held = daemon.versions(MODULE)["1.1.0"]
    if held["state"] == "held":  # it was fast
        assert "younger than minimumReleaseAge 1h of depot demo" in held["reason"] and held["nextTry"]
    # Nobody polls: the package is looked at when the version is old enough.
    wait_for(lambda: daemon.states(MODULE)["1.1.0"] == "published", 40, "the version to be old enough")
    assert daemon.states(MODULE) == {"1.0.0": "published", "1.1.0": "published"}


def test_a_held_version_is_told_of_and_stays_held_over_a_restart(daemon, upstream):
    write_module(daemon, minimumReleaseAge="1d")
    start(daemon, upstream, modules(Release("v1.0.0", created=ago(days=2)), Release("v1.1.0", created=ago(hours=1))))
    before = daemon.versions(MODULE)["1.1.0"]
    assert before["state"] == "held" and daemon.states(MODULE)["1.0.0"] == "published"
    assert daemon.packages()[MODULE]["versions"] == {"published": 1, "pending": 0, "held": 1, "failed": 0}
    assert "1.1.0" in daemon.run("status").stdout
    items = daemon.ctl("plan", MODULE)[0]["plan"]
    assert [(item["version"], item["action"], item.get("due")) for item in items] == [
        ("1.1.0", "hold", before["nextTry"]),
        ("1.0.0", "keep", None),
    ]
    assert daemon.text().count("1.1.0 is held back") == 1
    snapshot = daemon.snapshot(daemon.store, daemon.state)
    daemon.sync()
    daemon.settle()
    assert daemon.text().count("1.1.0 is held back") == 1
    assert daemon.snapshot(daemon.store, daemon.state) == snapshot

    # What is polled once is polled at the start; this says that it was known before.
    upstream.add_fault("status", status=503, role="github_api")
    daemon.restart()
    assert daemon.versions(MODULE)["1.1.0"]["nextTry"] == before["nextTry"]


def test_one_version_can_be_taken_before_its_time(daemon, upstream):
    write_module(daemon, minimumReleaseAge="1d")
    start(daemon, upstream, modules(Release("v1.1.0", created=ago(hours=2)), Release("v1.2.0", created=ago(hours=1))))
    assert daemon.states(MODULE) == {"1.1.0": "held", "1.2.0": "held"}
    daemon.sync("--force", MODULE, "1.1.0")
    assert daemon.states(MODULE) == {"1.1.0": "held", "1.2.0": "held"}
    assert daemon.sync("--now", MODULE, "1.1.0")["versionsAdded"] == 1
    assert daemon.states(MODULE) == {"1.1.0": "published", "1.2.0": "held"}
    # It stays: the age is asked of what is not there.
    daemon.sync("--force")
    assert daemon.states(MODULE) == {"1.1.0": "published", "1.2.0": "held"}

    assert daemon.run("sync", "--now", MODULE).returncode == 2
    assert "needs a PACKAGE and a VERSION" in daemon.run("sync", "--now", MODULE).stderr


def test_the_host_gives_the_age_and_an_entry_is_exempt(daemon, upstream):
    daemon.configure(policy={"minimumReleaseAge": "30d"})
    daemon.write_depot(
        "demo",
        modules=[module("terraform-aws-vpc", "acme", "aws", minimumReleaseAge="0s")],
        providers=[provider("null")],
    )
    world = modules(Release("v1.0.0", created=ago(hours=1)))
    world.providers = null(ProviderVersion("1.0.0", created=ago(hours=1))).providers
    start(daemon, upstream, world)
    assert daemon.states(MODULE) == {"1.0.0": "published"}
    assert daemon.states(PROVIDER) == {"1.0.0": "held"}
    # Another policy is in force at once.
    daemon.configure(policy={"minimumReleaseAge": "30m"})
    assert daemon.run("reload").returncode == 0
    daemon.settle().sync()
    assert daemon.states(PROVIDER) == {"1.0.0": "published"}


def test_a_young_version_takes_no_place_in_the_history(daemon, upstream):
    write_module(daemon, minimumReleaseAge="1d", versionHistoryLimit=1)
    start(daemon, upstream, modules(Release("v1.0.0", created=ago(days=2)), Release("v2.0.0", created=ago(hours=1))))
    assert daemon.states(MODULE) == {"1.0.0": "published", "2.0.0": "held"}
    daemon.sync("--now", MODULE, "2.0.0")
    daemon.sync()
    assert daemon.states(MODULE) == {"2.0.0": "published"}


# Pre-releases and history


def test_prereleases(daemon, upstream):
    releases = [Release("v1.0.0"), Release("v1.1.0-rc1", prerelease=True), Release("v2.0.0-rc1", prerelease=True)]
    write_module(daemon, constraint="< 2.0.0", prereleases=True)
    start(daemon, upstream, modules(*releases))
    assert daemon.states(MODULE) == {"1.0.0": "published", "1.1.0-rc1": "published"}
    daemon.configure(policy={"prereleases": False})
    write_module(daemon, constraint="!= 3.0.0")
    assert daemon.run("reload").returncode == 0
    daemon.settle().sync()
    # What is there stays, and nothing else of its kind comes.
    assert daemon.states(MODULE) == {"1.0.0": "published", "1.1.0-rc1": "published"}


def test_what_would_be_pruned_at_once_is_not_fetched(daemon, upstream):
    write_module(daemon, versionHistoryLimit=2)
    start(daemon, upstream, modules(*[Release(f"v1.{i}.0") for i in range(6)]))
    assert daemon.states(MODULE) == {"1.5.0": "published", "1.4.0": "published"}
    archives = [r["path"] for r in upstream.requests("codeload")]
    assert len(archives) == 2 and all("1.5.0" in path or "1.4.0" in path for path in archives)


def test_the_last_version_of_a_platform_is_not_pruned(daemon, upstream):
    versions = [
        ProviderVersion("1.0.0", ["linux_amd64", "windows_amd64"], 5000),
        ProviderVersion("2.0.0", ["linux_amd64"], 5000),
    ]
    daemon.write_depot("demo", providers=[provider("null", None, (("*",), ("*",)))])
    start(daemon, upstream, null(*versions))
    daemon.write_depot("demo", providers=[provider("null", None, (("*",), ("*",)), versionHistoryLimit=1)])
    assert daemon.run("reload").returncode == 0
    daemon.settle()
    assert daemon.states(PROVIDER) == {"2.0.0": "published", "1.0.0": "published"}
    upstream.replace(null(*versions, ProviderVersion("3.0.0", ["linux_amd64", "windows_amd64"], 5000)))
    daemon.sync()
    assert daemon.states(PROVIDER) == {"3.0.0": "published"}


# Withdrawn


def withdrawing(**more):
    return null(
        ProviderVersion("1.0.0", size=5000),
        ProviderVersion("2.0.0", size=5000, **more),
    )


def test_withdrawn_is_kept_and_marked(daemon, upstream):
    daemon.write_depot("demo", providers=[provider("null")])
    start(daemon, upstream, withdrawing())
    upstream.replace(withdrawing(withdrawn=True, message=WITHDRAWN_MESSAGE))
    daemon.sync()
    version = daemon.versions(PROVIDER)["2.0.0"]
    assert (version["state"], version["withdrawn"]) == ("published", WITHDRAWN_MESSAGE)
    assert index(daemon) == ["1.0.0", "2.0.0"] and record(daemon, "2.0.0")["state"] == "published"
    for words in (["show", PROVIDER], ["show", PROVIDER, "2.0.0"], ["list", "--versions"]):
        assert WITHDRAWN_MESSAGE in daemon.run(*words).stdout
    # It is told once, and known without upstream.
    snapshot = daemon.snapshot(daemon.store, daemon.state)
    daemon.sync()
    assert daemon.snapshot(daemon.store, daemon.state) == snapshot
    assert daemon.text().count("upstream has withdrawn it") == 1
    upstream.replace(withdrawing())
    daemon.sync()
    assert "withdrawn" not in daemon.versions(PROVIDER)["2.0.0"] and "withdrawn" not in record(daemon, "2.0.0")


def test_withdrawn_is_hidden_and_comes_back(daemon, upstream):
    daemon.write_depot("demo", providers=[provider("null", withdrawn="hide")])
    start(daemon, upstream, withdrawing())
    archives = sorted(path for path in daemon.files() if "_2.0.0_" in path)
    before = daemon.tree()
    upstream.replace(withdrawing(withdrawn=True, message=WITHDRAWN_MESSAGE))
    plan = {item["version"]: item["action"] for item in daemon.ctl("plan", PROVIDER)[0]["plan"]}
    assert plan == {"2.0.0": "hide", "1.0.0": "keep"}
    daemon.sync()
    assert index(daemon) == ["1.0.0"]
    assert sorted(path for path in daemon.files() if "_2.0.0_" in path) == archives
    assert not [path for path in daemon.files() if path.endswith("/2.0.0.json")]
    version = daemon.versions(PROVIDER)["2.0.0"]
    assert (version["state"], version["withdrawn"]) == ("withdrawn", WITHDRAWN_MESSAGE)
    assert daemon.packages()[PROVIDER]["latest"] == "1.0.0"

    # A start brings nothing back, and is not in the way of what upstream takes back.
    daemon.restart().settle()
    assert index(daemon) == ["1.0.0"] and daemon.states(PROVIDER)["2.0.0"] == "withdrawn"
    upstream.reset()
    upstream.replace(withdrawing())
    daemon.sync()
    assert daemon.tree() == before
    assert daemon.states(PROVIDER) == {"1.0.0": "published", "2.0.0": "published"}
    assert not upstream.requests("hashicorp_releases")


# Drift


def test_a_version_that_vanishes_is_told_once_and_stays(daemon, upstream):
    write_module(daemon)
    start(daemon, upstream, modules(Release("v1.0.0"), Release("v1.1.0")))
    before = daemon.tree()
    upstream.replace(modules(Release("v1.0.0")))
    for _ in range(2):
        daemon.sync()
    version = daemon.versions(MODULE)["1.1.0"]
    assert version["state"] == "published" and version["drift"][0]["kind"] == "vanished"
    assert daemon.text().count("upstream no longer lists it") == 1
    assert "vanished" in daemon.run("show", MODULE).stdout
    assert "upstream no longer lists it" in daemon.run("show", MODULE, "1.1.0").stdout
    assert {path: data for path, data in daemon.tree().items() if not path.endswith("record.json")} == {
        path: data for path, data in before.items() if not path.endswith("record.json")
    }
    daemon.restart().settle()
    assert daemon.versions(MODULE)["1.1.0"]["drift"] == version["drift"]
    upstream.replace(modules(Release("v1.0.0"), Release("v1.1.0")))
    daemon.sync()
    assert "drift" not in daemon.versions(MODULE)["1.1.0"] and daemon.tree() == before


def test_a_tag_that_moves_is_told_once_and_stays(daemon, upstream):
    write_module(daemon)
    start(daemon, upstream, modules(Release("v1.0.0", created="2025-01-01T00:00:00Z")))
    archive = (daemon.module_directory("terraform-aws-vpc", "aws") / "1.0.0.zip").read_bytes()
    upstream.replace(modules(Release("v1.0.0", created="2025-06-01T00:00:00Z", seed=1)))
    upstream.reset()
    for _ in range(2):
        daemon.sync()
    drift = daemon.versions(MODULE)["1.0.0"]["drift"]
    assert [one["kind"] for one in drift] == ["tag"]
    assert drift[0]["detail"] == "the commit of tag v1.0.0 is of 2025-06-01T00:00:00Z, was of 2025-01-01T00:00:00Z"
    assert daemon.text().count("upstream is no longer what was published") == 1
    assert (daemon.module_directory("terraform-aws-vpc", "aws") / "1.0.0.zip").read_bytes() == archive
    assert not upstream.requests("codeload")
