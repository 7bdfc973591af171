"""What hands, other daemons and interruptions do to a store is found and mended; nothing of it is followed outward."""

import concurrent.futures
import json
import os
import time

import pytest

from daemon import HOSTNAMES, Daemon, module, provider
from setting import wait_for
from simulator.world import Module, Provider, ProviderVersion, Release, World
from store_check import check

PLATFORMS = ["linux_amd64", "linux_arm64", "darwin_arm64"]
DAY = 24 * 3600


def world(n=2):
    """`n` versions of everything but random, which never changes."""
    numbers = [f"1.{i}.0" for i in range(n)]
    versions = [ProviderVersion(number, PLATFORMS, 20_000) for number in numbers]
    return World(
        providers=[
            Provider("null", versions=versions),
            Provider("random", versions=[ProviderVersion("1.0.0", PLATFORMS)]),
        ],
        modules=[Module("acme", "terraform-aws-vpc", [Release(f"v{number}") for number in numbers])],
    )


@pytest.fixture
def synced(daemon, upstream):
    """A store that is complete, of a daemon that polls at a restart only what is due."""
    upstream.replace(world())
    daemon.write_depot(
        "demo",
        providers=[provider("null"), provider("random")],
        modules=[module("terraform-aws-vpc", "acme", "aws")],
        pollingIntervalMinutes=60,
    )
    daemon.start()
    daemon.sync()
    return daemon.settle()


def zips(upstream):
    """The archives of providers that were fetched, by their names."""
    names = (r["path"].rpartition("/")[2] for r in upstream.requests("hashicorp_releases"))
    return sorted(name for name in names if name.endswith(".zip"))


def archive(version, platform="linux_amd64"):
    return f"terraform-provider-null_{version}_{platform}.zip"


# Artifacts


def delete(path):
    path.unlink()


def truncate(path):
    os.truncate(path, path.stat().st_size - 1)


@pytest.mark.parametrize("damage", [delete, truncate])
def test_damaged_artifacts_are_fetched_again(synced, upstream, damage):
    before = synced.tree()
    synced.stop()
    damage(synced.provider_directory("null") / archive("1.0.0"))
    damage(synced.module_directory("terraform-aws-vpc", "aws") / "1.1.0.zip")
    upstream.reset()
    synced.start()
    synced.sync()
    assert zips(upstream) == [archive("1.0.0")]
    assert len(upstream.requests("codeload")) == 1
    assert synced.tree() == before
    for file in (f"hashicorp/null 1.0.0: {archive('1.0.0')}", "terraform-aws-vpc/aws 1.1.0: 1.1.0.zip"):
        assert f"{file} is missing from the store or has another size, it is fetched again" in synced.text()


def test_version_whose_artifacts_are_gone_is_not_shown_until_it_is_back(synced, upstream):
    before = synced.tree()
    synced.stop()
    for platform in PLATFORMS[:2]:
        (synced.provider_directory("null") / archive("1.1.0", platform)).unlink()
    upstream.add_fault("status", status=404, path=archive("1.1.0", ".*"))
    synced.start()
    synced.sync(status=1)
    assert check(synced.store)["null"] == {"1.0.0": PLATFORMS[:2]}
    upstream.clear_faults()
    synced.sync("--force")
    assert synced.tree() == before


def test_good_orphans_are_adopted(synced, upstream):
    before = synced.tree()
    synced.stop()
    (synced.provider_directory("null") / "record.json").unlink()
    kept = synced.snapshot(*synced.store.rglob("*null*.zip"))
    upstream.reset()
    synced.start()
    synced.sync()
    assert zips(upstream) == []
    assert synced.tree() == before
    assert synced.snapshot(*synced.store.rglob("*null*.zip")) == kept


def test_bad_orphans_are_replaced(synced, upstream):
    before = synced.tree()
    synced.stop()
    directory = synced.provider_directory("null")
    (directory / "record.json").unlink()
    data = bytearray((directory / archive("1.0.0")).read_bytes())
    data[len(data) // 2] ^= 1
    (directory / archive("1.0.0")).write_bytes(data)
    (directory / archive("1.1.0")).write_bytes(b"not a zip")
    other = archive("1.0.0", PLATFORMS[1])
    (directory / other).write_bytes((directory / archive("1.1.0", PLATFORMS[1])).read_bytes())
    upstream.reset()
    synced.start()
    synced.sync()
    assert zips(upstream) == sorted([archive("1.0.0"), archive("1.1.0"), other])
    assert synced.tree() == before


# What proves artifacts


def proof(version):
    return f"terraform-provider-null_{version}_SHA256SUMS"


def requested(upstream):
    return sorted({request["path"].rpartition("/")[2] for request in upstream.requests("hashicorp_releases")})


def empty_file(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [delete, empty_file])
@pytest.mark.parametrize("name", [proof("1.0.0"), proof("1.0.0") + ".sig", "keys"])
def test_lost_proof_is_fetched_again(synced, upstream, name, damage):
    before = synced.tree()
    kept = synced.snapshot(*synced.store.rglob("*null*.zip"))
    synced.stop()
    damage(synced.provider_directory("null") / name)
    upstream.reset()
    synced.start().settle()
    assert upstream.requests() == []
    assert f"hashicorp/null 1.0.0: {name} is missing from the store, it is fetched again" in synced.text()
    assert synced.states("hashicorp/null") == {"1.1.0": "published", "1.0.0": "published"}
    check(synced.store)
    # Without haste; should the daemon be stopped before, it is remembered.
    synced.restart()
    plan = {item["version"]: item for event in synced.ctl("plan", "hashicorp/null") for item in event.get("plan", [])}
    assert plan["1.0.0"]["action"] == "add" and plan["1.0.0"]["platforms"] == []
    assert plan["1.1.0"]["action"] == ("add" if name == "keys" else "keep")
    outcome = synced.sync()
    assert (outcome["versionsAdded"], outcome["versionsFailed"]) == (0, 0)
    assert synced.tree() == before
    assert synced.snapshot(*synced.store.rglob("*null*.zip")) == kept
    assert zips(upstream) == []
    assert any("1.0.0_SHA256SUMS" in one for one in requested(upstream))
    assert any("1.1.0" in one for one in requested(upstream)) == (name == "keys")
    assert "hashicorp/null 1.0.0: its SHA256SUMS, their signature and the keys are in the store again" in synced.text()
    assert synced.restart().text().count("is missing from the store") == (2 if name == "keys" else 1)


def test_lost_proof_that_is_another_one_now(synced, upstream):
    """Upstream has replaced an archive: what it signs now is no proof of what is in the store."""
    before = synced.tree()
    synced.stop()
    (synced.provider_directory("null") / proof("1.0.0")).unlink()
    versions = [ProviderVersion("1.0.0", PLATFORMS, 30_000), ProviderVersion("1.1.0", PLATFORMS, 20_000)]
    upstream.replace(World(providers=[Provider("null", versions=versions)]))
    synced.start()
    synced.sync("hashicorp/null", status=1)
    known = synced.versions("hashicorp/null")["1.0.0"]
    assert "the store has" in known["reason"] and proof("1.0.0") in known["reason"]
    assert check(synced.store)["null"] == {"1.0.0": PLATFORMS[:2], "1.1.0": PLATFORMS[:2]}
    assert not (synced.provider_directory("null") / proof("1.0.0")).exists()

    # Somebody has had a copy.
    path = next(path for path in before if path.endswith(proof("1.0.0")))
    (synced.store / path).write_bytes(before[path])
    synced.sync("hashicorp/null", "--force")
    assert synced.states("hashicorp/null") == {"1.1.0": "published", "1.0.0": "published"}
    assert {name: data for name, data in synced.tree().items() if "null" in name} == {
        name: data for name, data in before.items() if "null" in name
    }


# Documents


def garble(path):
    path.write_bytes(b"garbled" + path.read_bytes())


def add_stale(path):
    (path.parent / "9.9.9.json").write_bytes(path.read_bytes())


@pytest.mark.parametrize("hostname", HOSTNAMES)
@pytest.mark.parametrize(
    ("damage", "name"),
    [
        (delete, "index.json"),
        (garble, "index.json"),
        (delete, "1.0.0.json"),
        (garble, "1.0.0.json"),
        (add_stale, "1.0.0.json"),
    ],
)
def test_documents_are_mended_at_the_start(synced, upstream, damage, name, hostname):
    before = synced.tree()
    synced.stop()
    damage(synced.provider_directory("null", hostname) / name)
    assert synced.tree() != before
    upstream.reset()
    synced.start()
    wait_for(lambda: synced.tree() == before, 20, "the mended document")
    mended = "hashicorp/null: the store did not agree with its record in 1 places and was mended"
    wait_for(lambda: mended in synced.text(), 5, "the message")
    assert upstream.requests() == []


def cut(text):
    return text[: len(text) // 2]


def outlandish(text):
    record = json.loads(text)
    record["versions"]["1.0.0"]["artifacts"]["linux_amd64"]["file"] = "../../../../etc/passwd"
    return json.dumps(record)


def empty(_):
    return ""


def unknown_state(text):
    return text.replace('"published"', '"fine"')


@pytest.mark.parametrize("damage", [cut, outlandish, empty, unknown_state])
def test_damaged_record_is_for_people_to_mend(synced, damage):
    before = synced.tree()
    path = synced.provider_directory("null") / "record.json"
    good = path.read_text()
    synced.stop()
    path.write_text(damage(good))
    damaged = synced.tree()
    synced.start()
    synced.sync(status=1)
    assert synced.packages()["hashicorp/null"]["state"] == "failed"
    assert "cannot read providers/" in synced.packages()["hashicorp/null"]["reason"]
    assert "record.json: " in synced.packages()["hashicorp/null"]["reason"]
    assert synced.packages()["hashicorp/random"]["state"] == "current"
    assert synced.tree() == damaged

    path.write_text(good)
    synced.sync("--force")
    assert synced.packages()["hashicorp/null"]["state"] == "current"
    assert synced.tree() == before


# Links and strangers


def publish_more(daemon, upstream, status):
    upstream.replace(world(3))
    daemon.start()
    daemon.sync("--force", status=status)


@pytest.mark.parametrize("hostname", HOSTNAMES)
def test_linked_directory_is_not_followed(synced, upstream, tmp_path, hostname):
    synced.stop()
    directory, outside = synced.provider_directory("null", hostname), tmp_path / "outside"
    directory.rename(outside)
    directory.symlink_to(outside)
    before = synced.snapshot(outside)
    publish_more(synced, upstream, status=1)
    assert synced.snapshot(outside) == before
    assert synced.packages()["hashicorp/null"]["state"] == "failed"
    assert synced.packages()["platform/terraform-aws-vpc/aws"]["latest"] == "1.2.0"


@pytest.mark.parametrize("name", [archive("1.0.0"), archive("1.2.0"), "index.json", "1.0.0.json", "1.2.0.json", "keys"])
def test_linked_file_is_replaced(synced, upstream, tmp_path, name):
    synced.stop()
    path, outside = synced.provider_directory("null") / name, tmp_path / "outside"
    outside.write_bytes(path.read_bytes() if path.exists() else b"precious")
    path.unlink(missing_ok=True)
    path.symlink_to(outside)
    before = synced.snapshot(tmp_path)[str(outside)]
    publish_more(synced, upstream, status=0)
    assert synced.snapshot(tmp_path)[str(outside)] == before
    assert path.is_file() and not path.is_symlink()
    assert set(check(synced.store)["null"]) == {"1.0.0", "1.1.0", "1.2.0"}


def test_linked_record_is_not_read(synced, upstream, tmp_path):
    synced.stop()
    path, outside = synced.provider_directory("null") / "record.json", tmp_path / "outside"
    path.rename(outside)
    path.symlink_to(outside)
    publish_more(synced, upstream, status=1)
    assert "record.json: Too many levels of symbolic links" in synced.packages()["hashicorp/null"]["reason"]
    assert path.is_symlink() and "1.2.0" not in outside.read_text()


def test_staging_directory_is_cleaned(synced, upstream, tmp_path):
    synced.stop()
    staging, outside = synced.store / ".staging", tmp_path / "outside"
    outside.write_text("precious")
    for name in ("foreign", "0123abcd", "old.part", "old.meta", "young.part", "young.meta"):
        (staging / name).write_text("x")
    for name, days in (("old.part", 8), ("old.meta", 8), ("young.part", 6)):
        os.utime(staging / name, (time.time() - days * DAY,) * 2)
    (staging / "linked.part").symlink_to(outside)
    synced.start()
    assert sorted(path.name for path in staging.iterdir()) == ["young.meta", "young.part"]
    assert outside.read_text() == "precious"


# What the store does not take


def test_failed_commit_forgets_no_failure(daemon, upstream):
    upstream.replace(world())
    daemon.write_depot("demo", [provider("null")])
    upstream.add_fault("status", status=404, path=archive("1.0.0", ".*"))
    upstream.add_fault("delay", ms=2000, path=archive("1.1.0"))
    daemon.start()
    wait_for(lambda: daemon.states("hashicorp/null").get("1.0.0") == "failed", 20, "the failure")
    record = daemon.provider_directory("null") / "record.json"
    record.mkdir(parents=True)
    daemon.settle()
    assert daemon.packages()["hashicorp/null"]["state"] == "failed"
    assert "record.json to the store" in daemon.packages()["hashicorp/null"]["reason"]
    failed = daemon.versions("hashicorp/null")
    assert list(failed) == ["1.0.0"] and "HTTP 404" in failed["1.0.0"]["reason"]
    record.rmdir()
    upstream.clear_faults()
    daemon.sync("--force")
    assert daemon.states("hashicorp/null") == {"1.1.0": "published", "1.0.0": "published"}


def test_pruning_is_told_when_it_is_done(synced):
    record = synced.provider_directory("null") / "record.json"
    # Somebody else has written the record: what is being removed is not removed yet, and everything is judged anew.
    record.write_text(json.dumps(json.loads(record.read_text())))
    synced.write_depot("demo", providers=[provider("null", versionHistoryLimit=1)])
    assert synced.run("reload").returncode == 0
    synced.settle()
    assert set(check(synced.store)["null"]) == {"1.1.0"}
    assert "the record was changed by somebody else, looking again" in synced.text()
    assert synced.text().count("hashicorp/null 1.0.0 is removed") == 1


# Several daemons

STALE = "the record was changed by somebody else, what is ready is committed once more"


def make_pair(tmp_path, upstream, *specs):
    """Two daemons with one store."""
    store = tmp_path / "shared"
    daemons = []
    for name, entries in zip("ab", specs, strict=True):
        one = Daemon(tmp_path / name, upstream)
        one.write_depot(name, **entries, **{"global": {"storageConfig": {"fileSystem": {"directoryPath": str(store)}}}})
        daemons.append(one)
    return store, *daemons


def test_two_daemons_lose_nothing(tmp_path, upstream):
    upstream.replace(world(1))
    modules = [module("terraform-aws-vpc", "acme", "aws")]
    store, one, other = make_pair(
        tmp_path,
        upstream,
        {"providers": [provider("null", ">= 1.1.0")], "modules": modules},
        {"providers": [provider("null", "< 1.5.0", (("linux", "darwin"), ("arm64",)))], "modules": modules},
    )
    both = (one.start(), other.start())
    for n in (3, 5, 7):
        upstream.replace(world(n))
        with concurrent.futures.ThreadPoolExecutor() as pool:
            for outcome in pool.map(Daemon.sync, both):
                assert (outcome["packagesFailed"], outcome["versionsFailed"]) == (0, 0)
    for daemon in both:
        daemon.settle().stop()
    shown = {version: set(platforms) for version, platforms in check(store)["null"].items()}
    # What both want has the platforms of both.
    expected = {"1.0.0": {"linux_arm64", "darwin_arm64"}}
    expected |= {f"1.{i}.0": set(PLATFORMS) for i in range(1, 5)}
    expected |= {f"1.{i}.0": set(PLATFORMS[:2]) for i in range(5, 7)}
    assert shown == expected
    record = json.loads((store / "modules/platform/terraform-aws-vpc/aws/record.json").read_text())
    assert len(record["versions"]) == 7


def test_record_changed_during_a_sync(tmp_path, upstream):
    upstream.replace(world(1))
    store, one, other = make_pair(
        tmp_path,
        upstream,
        {"providers": [provider("null")]},
        {"providers": [provider("null", "= 1.0.0", (("darwin",), ("arm64",)))]},
    )
    one.start().sync()
    upstream.replace(world(2))
    upstream.add_fault("delay", ms=1000, path=archive("1.1.0"))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        slow = pool.submit(one.sync)
        wait_for(lambda: upstream.requests("hashicorp_releases", "1.1.0"), 20, "the sync")
        other.start().sync()
        assert check(store)["null"] == {"1.0.0": sorted(PLATFORMS)}
        assert slow.result()["versionsAdded"] == 1
    assert check(store)["null"] == {"1.0.0": sorted(PLATFORMS), "1.1.0": PLATFORMS[:2]}
    assert STALE in one.text()
    # What was ready is as good as before.
    fetched = [r["path"] for r in upstream.requests("hashicorp_releases", "1.1.0")]
    assert len(fetched) == len(set(fetched)) == 5
    for daemon in (one, other):
        daemon.stop()
    assert not [path for path in store.glob(".staging*/*")]


@pytest.mark.parametrize("wanted", ["= 1.0.0", "= 1.1.0", ">= 1.0.0"])
def test_module_of_another_daemon_meanwhile(tmp_path, upstream, wanted):
    """The other one is the first to publish anything, another version, the same, or both."""
    upstream.replace(world(2))
    vpc = ("terraform-aws-vpc", "acme", "aws")
    store, one, other = make_pair(
        tmp_path, upstream, {"modules": [module(*vpc, "= 1.1.0")]}, {"modules": [module(*vpc, wanted)]}
    )
    upstream.add_fault("delay", ms=1500, role="codeload", path="1.1.0", times=1)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        one.start()
        slow = pool.submit(one.sync)
        wait_for(lambda: upstream.requests("codeload", "1.1.0"), 20, "the sync")
        other.start().sync()
        before = one.snapshot(store / "modules")
        assert slow.result()["versionsFailed"] == 0
    assert STALE in one.text()
    record = json.loads((store / "modules/platform/terraform-aws-vpc/aws/record.json").read_text())
    assert set(record["versions"]) == {"1.1.0"} | set(other.states("platform/terraform-aws-vpc/aws"))
    assert one.states("platform/terraform-aws-vpc/aws") == dict.fromkeys(record["versions"], "published")
    # Each has fetched its own once; what is there already is left as it is.
    assert len(upstream.requests("codeload", "1.1.0")) == 1 + (wanted != "= 1.0.0")
    assert (one.snapshot(store / "modules") == before) == (wanted != "= 1.0.0")
    for daemon in (one, other):
        daemon.stop()
    assert not [path for path in store.glob(".staging*/*")]
