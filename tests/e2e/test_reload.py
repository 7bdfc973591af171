"""A reload swaps what has changed, and nothing else."""

import fcntl
import json
import os
import signal
import time

import pytest

from daemon import HOSTNAMES, provider
from setting import wait_for
from simulator.world import Module, Provider, ProviderVersion, Release, World
from store_check import check, check_records

PLATFORM = (("linux",), ("amd64",))
BAD = "apiVersion: opendepot.defdev.io/v1alpha1\nkind: Depot\nmetadata: {name: %s}\nspec: {unknownKey: 1}\n"


def want(name, constraint=None):
    return provider(name, constraint, PLATFORM)


def make(name, versions=("1.0.0",), size=20_000):
    return Provider(name, versions=[ProviderVersion(version, ["linux_amd64"], size) for version in versions])


def zips(upstream, name):
    return upstream.requests("hashicorp_releases", f"terraform-provider-{name}_1.0.0_linux_amd64.zip")


def listings(upstream, name):
    return upstream.requests("hashicorp_api", f"terraform-provider-{name}")


def reload_by_signal(daemon):
    before = daemon.text().count("was loaded anew")
    daemon.process.send_signal(signal.SIGHUP)
    wait_for(lambda: daemon.text().count("was loaded anew") > before, 20, "the reload")


def reload_by_ctl(daemon):
    assert daemon.run("reload").returncode == 0


@pytest.mark.parametrize("reload", [reload_by_signal, reload_by_ctl])
def test_only_what_changed_is_touched(daemon, upstream, reload):
    upstream.replace(
        World([make("slow", size=400_000), make("changed", ("1.0.0", "2.0.0")), make("removed"), make("added")])
    )
    upstream.add_fault("slow", path=r"provider-slow_.*\.zip$", bytes_per_second=100_000)
    daemon.write_depot("slow", [want("slow")], pollingIntervalMinutes=60)
    daemon.write_depot("changed", [want("changed", "< 2")], pollingIntervalMinutes=60)
    daemon.write_depot("removed", [want("removed")])
    daemon.start()
    wait_for(lambda: zips(upstream, "slow"), 20, "the slow transfer")
    quick = ("hashicorp/changed", "hashicorp/removed")
    wait_for(lambda: all(daemon.packages()[name]["state"] == "current" for name in quick), 20, "the quick ones")

    asked = {name: len(listings(upstream, name)) for name in ("slow", "removed")}
    daemon.write_depot("changed", [want("changed")], pollingIntervalMinutes=60)
    daemon.remove_depot("removed")
    daemon.write_depot("added", [want("added")])
    reload(daemon)
    assert sorted(daemon.depots()) == ["added", "changed", "slow"]
    assert sorted(daemon.packages()) == ["hashicorp/added", "hashicorp/changed", "hashicorp/slow"]
    wait_for(lambda: daemon.states("hashicorp/changed").get("2.0.0") == "published", 20, "the changed depot")
    wait_for(lambda: daemon.states("hashicorp/added") == {"1.0.0": "published"}, 20, "the new depot")
    assert daemon.depots()["slow"]["polling"] and daemon.states("hashicorp/slow") == {"1.0.0": "fetching"}

    daemon.settle()
    assert daemon.states("hashicorp/slow") == {"1.0.0": "published"}
    assert [(r["status"], r["complete"]) for r in zips(upstream, "slow")] == [(200, True)]
    assert len(zips(upstream, "changed")) == 1
    assert asked == {name: len(listings(upstream, name)) for name in asked}
    assert sorted(check(daemon.store)) == ["added", "changed", "removed", "slow"]


def test_reload_of_nothing_new_asks_nobody(daemon, upstream):
    upstream.replace(World([make("one")]))
    daemon.write_depot("one", [want("one")], pollingIntervalMinutes=60)
    daemon.start().settle()
    before = daemon.depots()["one"]
    upstream.reset()
    reload_by_ctl(daemon)
    daemon.settle()
    assert upstream.requests() == [] and daemon.depots()["one"] == before


def test_bad_document_leaves_the_one_before_in_force(daemon, upstream):
    upstream.replace(World([make("one"), make("two")]))
    daemon.write_depot("one", [want("one")], pollingIntervalMinutes=60)
    daemon.write_depot("two", [want("two")])
    daemon.start().settle()

    daemon.write_document("one", BAD % "one")
    daemon.write_depot("two", [want("two"), want("one", "= 1.0.0")])
    result = daemon.run("reload")
    place = f"{daemon.configuration}/conf.d/one.yaml:4:8"
    assert result.returncode == 1 and place in result.stdout + result.stderr
    assert place in daemon.text()
    (problem,) = daemon.call("GetStatus")["status"]["problems"]
    assert (problem["line"], problem["column"]) == (4, 8) and "unknownKey" in problem["message"]
    assert (daemon.depots()["one"]["stale"], daemon.depots()["two"]["stale"]) == (True, False)
    assert daemon.packages()["hashicorp/one"]["depots"] == ["one", "two"]
    assert "unknownKey" in daemon.run("status").stdout

    daemon.settle()
    upstream.replace(World([make("one", ("1.0.0", "1.1.0")), make("two")]))
    assert daemon.sync("--depot=one")["versionsAdded"] == 1

    daemon.write_depot("one", [want("one")], pollingIntervalMinutes=60)
    reload_by_ctl(daemon)
    assert not daemon.depots()["one"]["stale"] and daemon.call("GetStatus")["status"]["problems"] == []
    daemon.settle()


def documents(*names):
    texts = []
    for name in names:
        entry = {"name": name, "operatingSystems": ["linux"], "architectures": ["amd64"]}
        texts.append(
            "apiVersion: opendepot.defdev.io/v1alpha1\nkind: Depot\n"
            f"metadata: {{name: {name}}}\nspec: {{providerConfigs: [{json.dumps(entry)}]}}\n"
        )
    return "---\n".join(texts)


def test_syntax_error_in_a_file_of_several_depots(daemon, upstream):
    upstream.replace(World([make(name) for name in ("first", "second", "third", "other", "more")]))
    daemon.write_document("several", documents("first", "second", "third"))
    daemon.write_document("other", documents("other"))
    daemon.start().settle()
    upstream.reset()

    daemon.write_document("several", documents("first", "second").replace("name: second", "name: [second", 1))
    daemon.write_document("other", documents("other", "more"))
    assert daemon.run("reload").returncode == 1
    assert daemon.settle().states("hashicorp/more") == {"1.0.0": "published"}
    depots = daemon.depots()
    assert sorted(depots) == ["first", "more", "other", "second", "third"]
    assert {name for name, depot in depots.items() if depot["stale"]} >= {"second", "third"}
    assert not depots["other"]["stale"] and not depots["more"]["stale"]
    assert [r["path"] for r in upstream.requests("hashicorp_api") if "provider-more" not in r["path"]] == []

    # Nothing was in force before: the good parts run, the rest waits to be mended.
    daemon.restart().settle()
    assert {"other", "more"} <= set(daemon.depots()) and "second" not in daemon.depots()
    daemon.write_document("several", documents("first", "second", "third"))
    reload_by_ctl(daemon)
    daemon.settle()
    assert {name for name, depot in daemon.depots().items() if not depot["stale"]} == set(depots)


@pytest.mark.parametrize(
    "text, place", [("transfers: {parallel: 8}\nnetwerk: {}\n", "2:1: "), ("store: {directoryPath: [", "2:1: ")]
)
def test_bad_settings_are_fatal_at_start(daemon, text, place):
    (daemon.configuration / "opendepot.yaml").write_text(text)
    assert daemon.spawn().process.wait(20) == 1
    daemon.process = None
    assert f"{daemon.configuration}/opendepot.yaml:{place}" in daemon.text()
    assert not daemon.socket.exists()


def test_bad_settings_stay_out_on_reload(daemon, upstream):
    upstream.replace(World([make("one"), make("two")]))
    daemon.write_depot("one", [want("one")])
    daemon.start().settle()
    good = (daemon.configuration / "opendepot.yaml").read_text()
    (daemon.configuration / "opendepot.yaml").write_text("upstream: 7\n")
    daemon.write_depot("two", [want("two")])
    result = daemon.run("reload")
    assert result.returncode == 1 and "opendepot.yaml:1:11" in result.stdout + result.stderr
    assert daemon.settle().states("hashicorp/two") == {"1.0.0": "published"}
    (daemon.configuration / "opendepot.yaml").write_text(good)
    reload_by_ctl(daemon)
    assert daemon.call("GetStatus")["status"]["problems"] == []


# Settings that change


@pytest.fixture
def running(daemon, upstream):
    """One package, published; the settings may change now."""
    upstream.replace(World([make("one")], [Module("acme", "terraform-aws-vpc", [Release("v1.0.0")])]))
    daemon.write_depot("one", [want("one")], [{"name": "terraform-aws-vpc", "repoOwner": "acme", "provider": "aws"}])
    daemon.start().settle()
    assert daemon.call("GetStatus")["status"]["versions"]["published"] == 2
    return daemon


def add_version(upstream, **more):
    version = ProviderVersion("1.1.0", ["linux_amd64"], 2_000_000, **more)
    upstream.extend(World([Provider("one", versions=[make("one").versions[0], version])]))


def change(daemon, **more):
    daemon.configure(**more)
    reload_by_ctl(daemon)


def test_keys_take_effect(running, upstream):
    keys = upstream.endpoints["keys"]

    def use(name):
        key = {"namespace": "hashicorp", "fingerprint": keys[name]["fingerprint"], "url": keys[name]["url"]}
        change(running, keys=[key])

    add_version(upstream)
    use("foreign")
    assert running.sync("hashicorp/one", status=1)["versionsFailed"] == 1
    assert list(check(running.store)["one"]) == ["1.0.0"]
    use("good")
    assert running.sync("hashicorp/one", "--force")["versionsAdded"] == 1


def test_limits_take_effect(running, upstream):
    add_version(upstream)
    change(running, transfers={"maxArtifactSize": "1M"})
    assert running.sync("hashicorp/one", status=1)["versionsFailed"] == 1
    change(running)
    assert running.sync("hashicorp/one", "--force")["versionsAdded"] == 1
    assert running.states("hashicorp/one") == {"1.1.0": "published", "1.0.0": "published"}


def test_upstream_takes_effect(running, upstream):
    wrong = {"apiUrl": upstream.endpoints["registry"], "releasesUrl": upstream.endpoints["hashicorp_releases"]}
    change(running, upstream={"hashicorp": wrong})
    upstream.reset()
    assert running.sync("hashicorp/one", "--force", status=1)["packagesFailed"] == 1
    assert {r["role"] for r in upstream.requests()} == {"registry"}
    assert "404" in running.packages()["hashicorp/one"]["reason"]
    change(running)
    assert running.sync("hashicorp/one")["packagesFailed"] == 0
    assert running.packages()["hashicorp/one"]["state"] == "current"


def test_store_directory_takes_effect(running, tmp_path):
    before = running.files()
    change(running, store={"directoryPath": str(tmp_path / "elsewhere")})
    running.settle()
    assert {package["store"] for package in running.packages().values()} == {f"fileSystem:{tmp_path}/elsewhere"}
    # What the depots want belongs there now, without anybody having to ask.
    assert sorted(check(tmp_path / "elsewhere")) == ["one"]
    assert running.call("GetStatus")["status"]["versions"]["published"] == 2
    assert running.files() == before


@pytest.mark.parametrize("hostnames", [[HOSTNAMES[0], "registry.example.com"], ["registry.example.com"]])
def test_hostnames_take_effect(running, hostnames):
    """The first is where the artifacts are."""
    change(running, providerHostnames=hostnames)
    running.settle()
    shown = running.provider_directory("one", "registry.example.com") / "index.json"
    assert json.loads(shown.read_text())["versions"] == {"1.0.0": {}}
    archive = json.loads((shown.parent / "1.0.0.json").read_text())["archives"]["linux_amd64"]["url"]
    assert (shown.parent / archive).resolve().parent == running.provider_directory("one", hostnames[0])
    check_records(running.store)
    assert running.states("hashicorp/one") == {"1.0.0": "published"}


def test_transfers_under_way_begin_anew_with_new_settings(daemon, upstream):
    upstream.replace(World([make("slow", size=400_000)]))
    rule = upstream.add_fault("slow", path=r"provider-slow_.*\.zip$", bytes_per_second=50_000)
    daemon.write_depot("slow", [want("slow")])
    daemon.start()
    wait_for(lambda: zips(upstream, "slow"), 20, "the slow transfer")
    upstream.call("DELETE", f"/faults?id={rule}")
    change(daemon, transfers={"parallel": 3})
    daemon.settle()
    assert daemon.states("hashicorp/slow") == {"1.0.0": "published"}
    assert len(zips(upstream, "slow")) == 2 and check(daemon.store) == {"slow": {"1.0.0": ["linux_amd64"]}}


# What nothing uses any more


def is_locked(directory):
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def test_store_of_a_removed_depot_is_closed(daemon, upstream, tmp_path):
    upstream.replace(World([make("null"), make("random", size=400_000)]))
    elsewhere = {"storageConfig": {"fileSystem": {"directoryPath": str(tmp_path / "elsewhere")}}}
    upstream.add_fault("slow", path=r"provider-random_.*\.zip$", bytes_per_second=100_000)
    daemon.write_depot("here", [want("null")])
    daemon.write_depot("there", [want("random") | elsewhere])
    daemon.start()
    wait_for(lambda: zips(upstream, "random"), 20, "the slow transfer")
    daemon.remove_depot("there")
    reload_by_ctl(daemon)
    wait_for(lambda: not is_locked(tmp_path / "elsewhere/.staging"), 10, "the end of the lock")
    assert is_locked(daemon.store / ".staging")

    # It is there again when it is wanted again.
    upstream.clear_faults()
    daemon.write_depot("there", [want("random") | elsewhere])
    reload_by_ctl(daemon)
    daemon.settle()
    assert check(tmp_path / "elsewhere") == {"random": {"1.0.0": ["linux_amd64"]}}
    assert is_locked(tmp_path / "elsewhere/.staging")


def test_listings_of_removed_packages_go(daemon, upstream):
    upstream.replace(World([make("null"), make("random")]))
    daemon.write_depot("a", [want("null")])
    daemon.write_depot("b", [want("random")])
    daemon.start().settle()

    def products():
        texts = [path.read_text() for path in (daemon.state / "listings").iterdir()]
        return {name for name in ("null", "random") if any(f"terraform-provider-{name}" in text for text in texts)}

    wait_for(lambda: products() == {"null", "random"}, 10, "what was listed")
    # A document that is refused may be mended.
    daemon.remove_depot("b")
    daemon.write_document("bad", BAD % "bad")
    daemon.run("reload")
    daemon.settle()
    assert products() == {"null", "random"}
    (daemon.configuration / "conf.d/bad.yaml").unlink()
    reload_by_ctl(daemon)
    wait_for(lambda: products() == {"null"}, 10, "the end of what was listed")

    # What is in use is not asked for in full again; at a start, too, the rest goes.
    daemon.stop()
    (daemon.state / "listings" / f"{'0' * 64}.json").write_text("terraform-provider-random")
    time.sleep(0.1)
    upstream.reset()
    daemon.start().settle()
    wait_for(lambda: products() == {"null"}, 10, "the end of what was listed")
    assert {request["status"] for request in listings(upstream, "null")} == {304}
