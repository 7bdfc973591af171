"""minimumReleaseAge where upstream does not say when a version was released: it counts from when it was first seen."""

import datetime
import json
import shutil

import pytest

from daemon import module, provider
from setting import wait_for
from simulator.world import Module, Provider, ProviderVersion, Release, World
from test_policies import ago

PROVIDER, MODULE = "acme/thing", "platform/terraform-aws-vpc/aws"
COMMITS = ["a" * 40, "b" * 40]


def tag(number, commit=0):
    return Release(number, commit=COMMITS[commit], seed=commit)


def thing(*numbers):
    return World(providers=[Provider("thing", "acme", [ProviderVersion(n, ["linux_amd64"], 20_000) for n in numbers])])


def vpc(*releases):
    return World(modules=[Module("acme", "terraform-aws-vpc", list(releases))])


def write_provider(daemon, upstream, age="1d", **more):
    known = upstream.endpoints["keys"]["good"]
    daemon.configure(keys=[{"namespace": "acme", "fingerprint": known["fingerprint"], "url": known["url"]}])
    more = {"namespace": "acme", "minimumReleaseAge": age} | more
    daemon.write_depot("demo", providers=[provider("thing", platforms=(("linux",), ("amd64",)), **more)])


def write_module(daemon, age="1d", **more):
    more = {"source": "tags", "minimumReleaseAge": age} | more
    daemon.write_depot("demo", modules=[module("terraform-aws-vpc", "acme", "aws", **more)])


def record_file(daemon):
    return next(daemon.store.rglob("record.json"))


def seen(daemon):
    return {one["version"]: one for one in json.loads(record_file(daemon).read_text()).get("seen", [])}


def see_earlier(daemon, number, time):
    """As if the daemon had seen the version at that time."""
    file = record_file(daemon)
    record = json.loads(file.read_text())
    for one in record["seen"]:
        if one["version"] == number:
            one["seenAt"] = time
    file.write_text(json.dumps(record))


def reason(first, due, age="1d"):
    return (f"first seen {first}, as upstream does not say when it was released: younger than "
            f"minimumReleaseAge {age} of depot demo; due {due}")


def day_after(text):
    moment = datetime.datetime.fromisoformat(text) + datetime.timedelta(days=1)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def check_held(daemon, package, *numbers):
    """By everybody who is asked."""
    noted = seen(daemon)
    assert set(noted) == set(numbers)
    plan = {item["version"]: item for item in daemon.ctl("plan", package)[0]["plan"]}
    for number in numbers:
        first = noted[number]["seenAt"]
        expected = reason(first, day_after(first))
        version = daemon.versions(package)[number]
        assert (version["state"], version["reason"], version["nextTry"]) == ("held", expected, day_after(first))
        assert (plan[number]["action"], plan[number]["reason"], plan[number]["due"]) == ("hold", expected, day_after(first))
        why = daemon.run("why", package, number).stdout
        assert f"its age counts from {first}, when it was first seen" in why and day_after(first) in why


def start(daemon, upstream, package):
    if package == PROVIDER:
        write_provider(daemon, upstream)
        upstream.replace(thing("1.0.0", "2.0.0"))
    else:
        write_module(daemon)
        upstream.replace(vpc(tag("v1.0.0"), tag("v2.0.0")))
    daemon.start().settle()
    check_held(daemon, package, "1.0.0", "2.0.0")


@pytest.mark.parametrize("package", [PROVIDER, MODULE])
def test_everything_is_new_at_first(daemon, upstream, package):
    """It is held from the first listing on, over restarts and on a new machine with the same store."""
    start(daemon, upstream, package)
    assert not [file for file in daemon.files() if file.endswith(".zip")]
    before = daemon.versions(package)
    snapshot = daemon.snapshot(daemon.store)
    for arguments in ((), ("--force",)):
        daemon.sync(*arguments)
        assert daemon.snapshot(daemon.store) == snapshot
    daemon.restart().settle()
    assert daemon.versions(package) == before and daemon.snapshot(daemon.store) == snapshot
    daemon.stop()
    for path in daemon.state.iterdir():
        if path != daemon.store:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    daemon.start().settle()
    assert daemon.versions(package) == before
    check_held(daemon, package, "1.0.0", "2.0.0")


@pytest.mark.parametrize("package", [PROVIDER, MODULE])
def test_what_comes_later_is_younger(daemon, upstream, package):
    start(daemon, upstream, package)
    daemon.stop()
    see_earlier(daemon, "1.0.0", ago(days=2))
    upstream.replace(thing("1.0.0", "2.0.0", "3.0.0") if package == PROVIDER
                     else vpc(tag("v1.0.0"), tag("v2.0.0"), tag("v3.0.0")))
    daemon.start().settle()
    assert daemon.states(package) == {"1.0.0": "published", "2.0.0": "held", "3.0.0": "held"}
    check_held(daemon, package, "2.0.0", "3.0.0")
    # What is published is known by that; nothing is left to be written.
    snapshot = daemon.snapshot(daemon.store)
    daemon.sync()
    assert daemon.snapshot(daemon.store) == snapshot


def test_nobody_has_to_ask_when_it_is_old_enough(daemon, upstream):
    write_provider(daemon, upstream, "3s")
    upstream.replace(thing("1.0.0"))
    daemon.start()
    wait_for(lambda: daemon.states(PROVIDER).get("1.0.0") == "published", 60, "the version to be old enough")
    assert daemon.text().count("1.0.0 is held back: first seen ") == 1


def test_a_tag_that_moves_is_new_again(daemon, upstream):
    """Whatever its name was for: nobody has had a look at this commit yet."""
    start(daemon, upstream, MODULE)
    daemon.stop()
    see_earlier(daemon, "1.0.0", ago(days=2))
    upstream.replace(vpc(tag("v1.0.0", 1), tag("v2.0.0")))
    daemon.start().settle()
    assert daemon.states(MODULE) == {"1.0.0": "held", "2.0.0": "held"}
    assert seen(daemon)["1.0.0"]["commit"] == COMMITS[1] and seen(daemon)["1.0.0"]["seenAt"] > ago(days=1)
    check_held(daemon, MODULE, "1.0.0", "2.0.0")


def test_a_version_that_comes_back_is_new_again(daemon, upstream):
    start(daemon, upstream, PROVIDER)
    upstream.replace(thing("1.0.0"))
    daemon.sync()
    assert set(seen(daemon)) == {"1.0.0"}
    daemon.stop()
    see_earlier(daemon, "1.0.0", ago(hours=25))
    upstream.replace(thing("1.0.0", "2.0.0"))
    daemon.start().settle()
    assert daemon.states(PROVIDER) == {"1.0.0": "published", "2.0.0": "held"}


def test_a_time_that_has_not_come_yet_is_now(daemon, upstream):
    """A clock that was wrong does not hold versions for years."""
    start(daemon, upstream, PROVIDER)
    daemon.stop()
    see_earlier(daemon, "1.0.0", "2096-01-01T00:00:00Z")
    daemon.start().settle()
    assert seen(daemon)["1.0.0"]["seenAt"] < ago(days=-1)
    check_held(daemon, PROVIDER, "1.0.0", "2.0.0")


def test_ways_around_it(daemon, upstream):
    """One version before its time; then an entry that is exempt."""
    start(daemon, upstream, PROVIDER)
    assert daemon.sync("--now", PROVIDER, "1.0.0")["versionsAdded"] == 1
    assert daemon.states(PROVIDER) == {"1.0.0": "published", "2.0.0": "held"}
    assert set(seen(daemon)) == {"2.0.0"}
    write_provider(daemon, upstream, "0s")
    assert daemon.run("reload").returncode == 0
    daemon.settle().sync()
    assert daemon.states(PROVIDER) == {"1.0.0": "published", "2.0.0": "published"}
    assert seen(daemon) == {}


def test_nothing_is_noted_where_nobody_wants_to_know(daemon, upstream):
    write_provider(daemon, upstream, "0s", versionConstraints="1.0.0")
    upstream.replace(thing("1.0.0", "2.0.0"))
    daemon.start().settle()
    assert daemon.states(PROVIDER) == {"1.0.0": "published"} and seen(daemon) == {}


def test_a_time_that_upstream_tells_is_believed(daemon, upstream):
    write_module(daemon, source="releases")
    upstream.replace(vpc(Release("v1.0.0", created=ago(hours=1))))
    daemon.start().settle()
    assert "first seen" not in daemon.versions(MODULE)["1.0.0"]["reason"]
    assert not list(daemon.store.rglob("record.json"))
