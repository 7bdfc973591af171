"""What an operator asks for: streams of events, single packages and versions, force, plans."""

import itertools
import json

import pytest

from daemon import module
from setting import wait_for
from simulator.world import Provider, ProviderVersion, Release, World
from small import ONE, VPC, make, vpc, want, zips
from store_check import check, sha256
from varlink import Link, error_of

STATES = ["planned", "fetching", "verifying", "repacking", "scanning", "storing", "published"]


@pytest.fixture
def running(daemon, upstream):
    """Knows one provider and one module, of which there are newer versions upstream now."""
    upstream.replace(World([make("one")], [vpc(Release("v1.0.0"))]))
    daemon.write_depot("team", [want("one")], [module("terraform-aws-vpc", "acme", "aws")])
    daemon.start().settle()
    releases = vpc(Release("v1.0.0"), Release("v1.1.0"))
    upstream.replace(World([make("one", ("1.0.0", "1.1.0", "1.2.0"))], [releases]))
    upstream.reset()
    return daemon


def of_version(events, package, version):
    wanted = ("version", package, version)
    return [e["state"] for e in events if (e["type"], e.get("package"), e.get("version")) == wanted]


def assert_life(states, *between):
    """From planned to published; only a signature is verified before the archives are fetched."""
    steps = [state for state, _ in itertools.groupby(states)]
    assert steps[:2] == ["planned", "fetching"] and steps[-2:] == ["storing", "published"], states
    assert set(between) <= set(steps) <= set(STATES), states


# Streams


def test_subscriber_sees_every_step(running):
    with Link(running.socket) as link:
        assert link.follow("Subscribe")["type"] == "accepted"
        running.run("sync")
        events, busy = [], {ONE, VPC}
        while busy:
            events.append(link.event())
            if events[-1].get("state") == "current":
                busy.remove(events[-1]["package"])
        for version in ("1.1.0", "1.2.0"):
            assert_life(of_version(events, ONE, version), "verifying")
        assert_life(of_version(events, VPC, "1.1.0"), "repacking")
        assert of_version(events, ONE, "1.0.0") == []
        assert [e["plan"][0]["package"] for e in events if e["type"] == "plan"].count(ONE) == 1
        running.run("reload")
        assert link.until(lambda event: event["type"] == "reload")


def test_sync_streams_from_accepted_to_done(running, upstream):
    upstream.add_fault("delay", path=r"\.zip$", ms=700)
    with Link(running.socket) as link:
        assert link.follow("Sync", package=ONE)["type"] == "accepted"
        events = link.rest()
    kinds = [event["type"] for event in events]
    assert kinds.index("plan") < kinds.index("version") and "progress" in kinds
    assert kinds.index("done") == len(kinds) - 1
    assert {event["package"] for event in events if "package" in event} == {ONE}
    assert_life(of_version(events, ONE, "1.2.0"), "verifying")
    progress = [event["progress"] for event in events if event["type"] == "progress"]
    assert progress[0]["packagesTotal"] == 1 and progress[-1]["versionsTotal"] == 2
    assert [p["bytes"] for p in progress] == sorted(p["bytes"] for p in progress)
    outcome = events[-1]["outcome"]
    assert (outcome["packages"], outcome["versionsAdded"], outcome["packagesFailed"]) == (1, 2, 0)
    assert outcome["durationUSec"] > 700_000 and outcome["bytes"] > 40_000


def test_leaving_does_not_stop_the_sync(running, upstream):
    upstream.add_fault("delay", path=r"\.zip$", ms=500)
    with Link(running.socket) as link:
        link.follow("Sync")
        link.until(lambda event: event["type"] == "version")
    running.settle()
    assert set(running.states(ONE).values()) == {"published"} and len(running.states(ONE)) == 3
    assert len(zips(upstream)) == 2


def test_reader_that_sleeps_holds_up_nobody(daemon, upstream):
    """What it does not read piles up for it alone; the others hear everything."""
    gone = make("one", [f"1.{i}.0" for i in range(20)], 1000, withdrawn=True, message="x" * 1000)
    upstream.replace(World([gone]))
    daemon.write_depot("team", [want("one")])
    daemon.start().settle()
    with Link(daemon.socket) as sleeper, Link(daemon.socket) as reader, Link(daemon.socket) as planner:
        for link in (sleeper, reader):
            link.follow("Subscribe")
        # More than a socket holds: the sleeper's share waits in the daemon.
        for _ in range(20):
            planner.send("Plan", {}, more=True)
            planner.rest()
            assert len(reader.until(lambda event: event["type"] == "plan")[-1]["plan"]) == 20
        daemon.run("reload")
        reader.until(lambda event: event["type"] == "reload")


def test_sixty_four_subscribers(running):
    links = [Link(running.socket) for _ in range(65)]
    for link in links[:64]:
        assert link.follow("Subscribe")["type"] == "accepted"
    for method in ("Subscribe", "Sync", "Plan"):
        links[64].send(method, more=True)
        assert error_of(links[64].receive()) == ("TooManySubscribers", {})
    assert links[64].call("Sync")["parameters"]["event"]["type"] == "accepted"
    links[0].close()

    def place():
        links[64].send("Subscribe", more=True)
        return "error" not in links[64].receive()

    wait_for(place, 20, "the place of the one that left")
    for link in links[1:]:
        link.close()


# Parts


def test_one_package(running, upstream):
    assert running.sync(ONE)["versionsAdded"] == 2
    assert {r["role"] for r in upstream.requests()} == {"hashicorp_api", "hashicorp_releases"}
    assert list(running.versions(VPC)) == ["1.0.0"]


def test_one_version(running, upstream):
    assert running.sync(ONE, "1.1.0")["versionsAdded"] == 1
    assert zips(upstream) == ["terraform-provider-one_1.1.0_linux_amd64.zip"]
    assert check(running.store) == {"one": {version: ["linux_amd64"] for version in ("1.1.0", "1.0.0")}}
    result = running.run("sync", "--wait", ONE, "7.0.0")
    assert result.returncode == 4 and "7.0.0" in result.stderr
    assert running.run("sync", "--wait", "hashicorp/absent").returncode == 4
    assert running.run("sync", "--wait", "--depot=absent").returncode == 4
    assert running.sync()["versionsAdded"] == 2


def test_one_depot(running, upstream):
    upstream.extend(World([make("two")]))
    running.write_depot("more", [want("two")])
    running.run("reload")
    running.settle()
    upstream.reset()
    assert running.sync("--depot=more")["packages"] == 1
    assert all("provider-two" in r["path"] for r in upstream.requests())
    assert running.sync("--depot=team", ONE)["packages"] == 1
    assert running.run("sync", "--wait", "--depot=more", ONE).returncode == 4


def test_force_asks_without_conditions(running, upstream):
    running.sync()
    for options, conditional in (((), True), (("--force",), False)):
        upstream.reset()
        running.sync(*options)
        listings = [r for r in upstream.requests() if r["role"] in ("github_api", "hashicorp_api")]
        assert {"if-none-match" in map(str.lower, r["headers"]) for r in listings} == {conditional}, options
        assert {r["status"] for r in listings} == {304 if conditional else 200}
    assert zips(upstream) == []


def test_forced_version_is_verified_anew(running, upstream):
    """What the signed sums vouch for is not fetched twice, what they do not is replaced."""
    running.sync(ONE)
    file = "terraform-provider-one_1.1.0_linux_amd64.zip"
    path = running.provider_directory("one") / file
    good = path.read_bytes()
    for data, fetched in ((good, []), (good[:-1] + b"x", [file])):
        path.write_bytes(data)
        upstream.reset()
        running.sync(ONE, "1.1.0", "--force")
        assert zips(upstream) == fetched and path.read_bytes() == good
        assert len(upstream.requests("hashicorp_releases", "1.1.0_SHA256SUMS")) == 2
    assert len(check(running.store)["one"]) == 3


@pytest.mark.parametrize("immutable", [True, False])
def test_tag_that_has_moved(daemon, upstream, immutable):
    upstream.replace(World(modules=[vpc(Release("v1.0.0"))]))
    entry = module("terraform-aws-vpc", "acme", "aws", immutable=immutable)
    daemon.write_depot("team", modules=[entry], pollingIntervalMinutes=60)
    daemon.start().settle()
    path = daemon.module_directory("terraform-aws-vpc", "aws") / "1.0.0.zip"
    before, (old,) = path.read_bytes(), daemon.versions(VPC)["1.0.0"]["artifacts"]
    upstream.replace(World(modules=[vpc(Release("v1.0.0", seed=1))]))

    assert daemon.sync()["versionsAdded"] == 0 and path.read_bytes() == before
    outcome = daemon.sync(VPC, "1.0.0", "--force", status=1 if immutable else 0)
    assert outcome["versionsFailed"] == (1 if immutable else 0)
    (new,) = daemon.versions(VPC)["1.0.0"]["artifacts"]
    if immutable:
        version = daemon.versions(VPC)["1.0.0"]
        hashes = {word.strip(",;") for word in version["reason"].split() if word.startswith("h1:")}
        assert version["state"] == "failed" and len(hashes) == 2 and old["h1"] in hashes
        assert path.read_bytes() == before and new == old
        assert old["h1"] in daemon.run("status").stdout + daemon.run("show", VPC, "1.0.0").stdout
    else:
        assert daemon.states(VPC) == {"1.0.0": "published"} and new["h1"] != old["h1"]
        assert sha256(path.read_bytes()) == new["sha256"] != old["sha256"]
    check(daemon.store)


def test_exit_status_tells_of_failures(running, upstream):
    upstream.add_fault("status", path=r"one_1\.2\.0_linux_amd64\.zip", status=404)
    outcome = running.sync(status=1)
    assert (outcome["versionsAdded"], outcome["versionsFailed"], outcome["packagesFailed"]) == (2, 1, 1)
    assert running.run("sync").returncode == 0
    upstream.clear_faults()
    assert running.sync("--force")["versionsFailed"] == 0


def test_two_at_once_do_the_work_once(running, upstream):
    upstream.add_fault("delay", path=r"\.zip$", ms=500)
    with Link(running.socket) as first, Link(running.socket) as second:
        for link in (first, second):
            link.follow("Sync")
        first.until(lambda event: event.get("state") == "fetching")
        with Link(running.socket) as third:
            third.follow("Sync")
            outcomes = [link.rest()[-1]["outcome"] for link in (first, second, third)]
    assert [outcome["versionsAdded"] for outcome in outcomes] == [3, 3, 3]
    assert len(zips(upstream)) == 2 and len(upstream.requests("codeload", "v1.1.0")) == 1


def test_plan_beside_a_sync_tells_of_itself_only(running, upstream):
    upstream.add_fault("delay", path=r"releases", ms=300)
    with Link(running.socket) as sync, Link(running.socket) as plan:
        sync.follow("Sync", package=ONE)
        plan.send("Plan", {"package": ONE}, more=True)
        events = plan.rest()
        assert [event["type"] for event in events] == ["plan", "done"]
        assert {item["action"] for item in events[0]["plan"]} == {"keep"}
        assert events[-1]["outcome"]["versionsAdded"] == 0
        assert sync.rest()[-1]["outcome"]["versionsAdded"] == 2


# Plans


def test_plan_says_why_and_changes_nothing(daemon, upstream):
    def publish(*versions):
        upstream.replace(World([Provider("one", versions=list(versions)), make("lost")], [vpc(Release("v1.0.0"))]))

    old, kept, bad = (ProviderVersion(f"1.{i}.0", ["linux_amd64"], 20_000) for i in range(3))
    publish(old, kept, bad)
    upstream.add_fault("status", path=r"one_1\.2\.0_linux_amd64\.zip", status=404)
    entries = [want("one", ">= 1.0.0", versionHistoryLimit=3), want("lost")]
    daemon.write_depot("team", entries, [module("terraform-aws-vpc", "acme", "aws")], pollingIntervalMinutes=60)
    daemon.start().settle()
    gone = ProviderVersion("1.4.0", ["linux_amd64"], 20_000, withdrawn=True, message="broken")
    publish(old, kept, bad, ProviderVersion("1.3.0", ["linux_amd64", "darwin_arm64"], 20_000), gone)
    upstream.add_fault("status", path="provider-lost", status=404)

    before = daemon.snapshot(daemon.store, daemon.state / "state.json", daemon.state)
    seen = [daemon.call(f"List{kind}") for kind in ("Depots", "Packages")], daemon.versions(ONE)
    with Link(daemon.socket) as link:
        link.send("Plan", {}, more=True)
        events = link.rest()
    plans = {item["version"]: item for e in events if e["type"] == "plan" for item in e["plan"] if e["package"] == ONE}
    assert {version: item["action"] for version, item in plans.items()} == {
        "1.4.0": "withdraw",
        "1.3.0": "add",
        "1.2.0": "wait",
        "1.1.0": "keep",
        "1.0.0": "prune",
    }
    assert plans["1.3.0"]["platforms"] == ["linux_amd64"] and "depot team (>= 1.0.0)" in plans["1.3.0"]["reason"]
    assert "broken" in plans["1.4.0"]["reason"] and plans["1.1.0"]["reason"] == "published"
    assert "versionHistoryLimit 3" in plans["1.0.0"]["reason"]
    (failed,) = [e for e in events if e.get("state") == "failed"]
    assert failed["package"] == "hashicorp/lost" and "404" in failed["reason"]
    assert events[-1]["type"] == "done" and events[-1]["outcome"]["packagesFailed"] == 1

    after = [daemon.call(f"List{kind}") for kind in ("Depots", "Packages")], daemon.versions(ONE)
    for (before_one, after_one) in zip(seen[0][1]["packages"], after[0][1]["packages"]):
        assert after_one | {"lastCheck": ""} == before_one | {"lastCheck": ""}
    assert (after[0][0], after[1]) == (seen[0][0], seen[1])
    changed = set(daemon.snapshot(daemon.store, daemon.state).items()) ^ set(before.items())
    assert {path for path, _ in changed if "/listings" not in path} <= {str(daemon.state)}, changed

    text = daemon.run("plan", "--all")
    assert text.returncode == 1 and all(word in text.stdout for word in ("withdraw", "add", "wait", "keep", "prune"))
    assert "1.1.0" not in daemon.run("plan", ONE).stdout
    assert json.loads(daemon.run("--json=short", "plan", VPC).stdout.splitlines()[0])["plan"][0]["action"] == "keep"
