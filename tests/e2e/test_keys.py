"""Which keys are trusted, what is held for those that are not, and what an operator does about it."""

import json

import pytest

from daemon import provider
from simulator.world import Provider, ProviderVersion, World
from store_check import check

PACKAGE = "hashicorp/null"
PLATFORM = ["linux_amd64"]


def version(number, **more):
    return ProviderVersion(number, PLATFORM, 20_000, **more)


def world(*versions):
    return World(providers=[Provider("null", versions=list(versions))])


def setting(endpoints, name, **more):
    key = endpoints["keys"][name]
    entry = {"namespace": "hashicorp", "fingerprint": key["fingerprint"], "url": key["url"]} | more
    return {name: value for name, value in entry.items() if value is not None}


def start(daemon, upstream, *versions, entry=None, **more):
    upstream.replace(world(*versions))
    daemon.configure(**more)
    daemon.write_depot("demo", providers=[provider("null", platforms=(("linux",), ("amd64",)), **(entry or {}))],
                       pollingIntervalMinutes=60)
    daemon.start().settle()
    return daemon.versions(PACKAGE)


def keys(daemon):
    return {key["fingerprint"]: key for key in daemon.ctl("keys", "list", "hashicorp")["keys"]}


def key_texts(text):
    return text.count("-----BEGIN PGP PUBLIC KEY BLOCK-----")


def stored(daemon, file):
    return daemon.provider_directory("null") / file


def replace_key(daemon, upstream, **more):
    """Starts well, then upstream serves another key in the place of the known one and signs with it."""
    start(daemon, upstream, version("1.0.0"), **more)
    foreign = upstream.endpoints["keys"]["foreign"]
    with open(foreign["file"], encoding="ascii") as file:
        upstream.add_fault("garbage", path=r"pgp-key\.txt$|keys/good\.asc$", body=file.read())
    upstream.replace(world(version("1.0.0"), version("2.0.0", sign="foreign")))
    daemon.sync("--force")
    return foreign["fingerprint"]


def test_replaced_key_holds_new_versions_until_it_is_accepted(daemon, upstream):
    new, old = replace_key(daemon, upstream), upstream.endpoints["fingerprint"]
    held = daemon.versions(PACKAGE)["2.0.0"]
    assert (held["state"], held["artifacts"]) == ("held", [])
    assert f"signed by key {new}, pinned for namespace hashicorp is {old}; held until" in held["reason"]
    assert daemon.states(PACKAGE)["1.0.0"] == "published"
    assert check(daemon.store) == {"null": {"1.0.0": PLATFORM}}
    assert not [file for file in daemon.files() if "2.0.0" in file]
    assert not [r for r in upstream.requests() if r["path"].endswith("2.0.0_linux_amd64.zip")]

    # Everybody says so.
    for arguments in (("status",), ("show", PACKAGE), ("show", PACKAGE, "2.0.0"), ("list", "--versions")):
        output = daemon.run(*arguments).stdout
        assert "held" in output and new in output, arguments
    assert f"keys accept hashicorp {new}" in daemon.run("keys").stdout
    assert daemon.packages()[PACKAGE]["versions"]["held"] == 1
    assert (keys(daemon)[new]["state"], keys(daemon)[new]["awaited"], keys(daemon)[new]["trusted"]) == (
        "offered", True, False)
    assert keys(daemon)[old]["state"] == "configured"
    assert "upstream signs with another key now" in daemon.text()

    # Also after a restart, and without asking for the version's files again.
    daemon.restart()
    daemon.settle()
    assert daemon.versions(PACKAGE)["2.0.0"]["reason"] == held["reason"]
    assert keys(daemon)[new]["awaited"]

    daemon.run("keys", "accept", "hashicorp", new.lower())
    daemon.settle()
    assert daemon.versions(PACKAGE)["2.0.0"]["key"] == new
    assert check(daemon.store)["null"] == {"1.0.0": PLATFORM, "2.0.0": PLATFORM}
    assert (keys(daemon)[new]["state"], keys(daemon)[new]["awaited"]) == ("accepted", False)
    assert daemon.packages()[PACKAGE]["versions"]["held"] == 0
    daemon.restart()
    daemon.sync("--force")
    assert daemon.states(PACKAGE) == {"1.0.0": "published", "2.0.0": "published"}


def test_refused_key(daemon, upstream):
    new = replace_key(daemon, upstream)
    daemon.run("keys", "refuse", "hashicorp", new)
    daemon.settle()
    held = daemon.versions(PACKAGE)["2.0.0"]
    assert held["state"] == "held" and "was refused for namespace hashicorp" in held["reason"]
    assert (keys(daemon)[new]["state"], keys(daemon)[new]["trusted"]) == ("refused", False)
    # The publisher was asked, and signs with its own key again.
    upstream.clear_faults()
    upstream.replace(world(version("1.0.0"), version("2.0.0")))
    daemon.sync("--force")
    assert daemon.states(PACKAGE)["2.0.0"] == "published"


def test_decisions_that_cannot_be_made(daemon, upstream):
    start(daemon, upstream, version("1.0.0"))
    configured, unknown = upstream.endpoints["fingerprint"], "AB" * 20
    assert daemon.run("keys", "accept", "hashicorp", configured).returncode == 0
    result = daemon.run("keys", "refuse", "hashicorp", configured)
    assert (result.returncode, "is pinned in opendepot.yaml" in result.stderr) == (1, True)
    assert daemon.run("keys", "accept", "hashicorp", unknown).returncode == 4
    assert daemon.run("keys", "accept", "other", configured).returncode == 4
    assert daemon.run("keys", "accept", "hashicorp", "1234").returncode == 2
    assert daemon.run("keys", "accept", "hashicorp").returncode == 2
    assert daemon.run("keys", "forget").returncode == 2


def test_key_that_nobody_pinned_waits_for_the_operator(daemon, upstream):
    good = upstream.endpoints["keys"]["good"]["fingerprint"]
    known = start(daemon, upstream, version("1.0.0"), keys=[setting(upstream.endpoints, "good", fingerprint=None)])
    assert known["1.0.0"]["state"] == "held"
    assert f"signed by key {good}, pinned for namespace hashicorp is none" in known["1.0.0"]["reason"]
    assert check(daemon.store) == {}
    daemon.run("keys", "accept", "hashicorp", good)
    daemon.settle()
    assert daemon.states(PACKAGE) == {"1.0.0": "published"}


def test_trust_on_first_use(daemon, upstream):
    more = {"keys": [setting(upstream.endpoints, "good", fingerprint=None)], "trustOnFirstUse": True}
    good = upstream.endpoints["keys"]["good"]["fingerprint"]
    new = replace_key(daemon, upstream, **more)
    assert daemon.states(PACKAGE) == {"1.0.0": "published", "2.0.0": "held"}
    assert (keys(daemon)[good]["state"], keys(daemon)[new]["state"]) == ("firstUse", "offered")
    assert "is trusted on first use" in daemon.text()

    # A new machine has the store alone; its records say which key it was.
    daemon.stop()
    for file in ("keys", "state.json", "listings"):
        (daemon.state / file).rename(daemon.directory / file)
    daemon.start().settle()
    assert keys(daemon)[good]["state"] == "recorded"
    assert daemon.states(PACKAGE)["2.0.0"] == "held"
    assert check(daemon.store)["null"] == {"1.0.0": PLATFORM}


def test_reissued_key(daemon, upstream):
    """A key that had expired is issued again: what it signed becomes good, and the older copy is kept beside it."""
    old, fingerprint = upstream.endpoints["keys"]["renewed-old"], upstream.endpoints["keys"]["renewed"]["fingerprint"]
    served = setting(upstream.endpoints, "renewed")
    with open(old["file"], encoding="ascii") as file:
        upstream.add_fault("garbage", path=r"keys/renewed\.asc$", body=file.read())
    known = start(daemon, upstream, version("1.0.0", sign="renewed"), keys=[served], allowExpiredKeys=False)
    assert known["1.0.0"]["state"] == "failed" and "expired keys are not allowed" in known["1.0.0"]["reason"]
    assert keys(daemon)[fingerprint]["copies"] == 1

    upstream.clear_faults()
    daemon.sync("--force")
    assert daemon.versions(PACKAGE)["1.0.0"]["state"] == "published"
    assert daemon.versions(PACKAGE)["1.0.0"]["keyExpired"] is False
    assert keys(daemon)[fingerprint]["copies"] == 2
    assert key_texts(stored(daemon, "keys").read_text()) == 2
    assert "was issued again" in daemon.text()

    # Both are there after a restart, though upstream has one.
    daemon.restart()
    upstream.replace(world(version("1.0.0", sign="renewed"), version("1.1.0", sign="renewed")))
    daemon.sync("--force")
    assert daemon.states(PACKAGE)["1.1.0"] == "published"
    assert keys(daemon)[fingerprint]["copies"] == 2


def test_error_page_in_the_place_of_the_key(daemon, upstream):
    start(daemon, upstream, version("1.0.0"))
    upstream.add_fault("garbage", path=r"pgp-key\.txt$")
    upstream.replace(world(version("1.0.0"), version("2.0.0")))
    daemon.sync("--force")
    assert daemon.states(PACKAGE) == {"1.0.0": "published", "2.0.0": "published"}
    assert "the copy at hand is used on" in daemon.text()


@pytest.mark.parametrize("where", ["general", "entry"])
def test_unsigned_upstream(daemon, upstream, where):
    more = {"requireSignature": False} if where == "general" else {"entry": {"requireSignature": False}}
    known = start(daemon, upstream, version("1.0.0"), version("2.0.0", sign="missing"),
                  version("3.0.0", sign="bad"), version("4.0.0", sign="foreign"), **more)
    # A signature that can be checked has to be good all the same.
    assert {number: one["state"] for number, one in known.items()} == {
        "1.0.0": "published", "2.0.0": "published", "3.0.0": "failed", "4.0.0": "published"}
    record = json.loads(stored(daemon, "record.json").read_text())["versions"]
    assert [number for number, one in record.items() if "signature" not in one] == ["4.0.0", "2.0.0"]
    assert "hashicorp/null 2.0.0 is published, without a signature" in daemon.text()
    assert not stored(daemon, "terraform-provider-null_2.0.0_SHA256SUMS.sig").exists()
    assert stored(daemon, "terraform-provider-null_2.0.0_SHA256SUMS").exists()
    # The check of the store misses nothing.
    before = daemon.snapshot(daemon.store)
    daemon.restart()
    daemon.sync(status=1)
    assert daemon.snapshot(daemon.store) == before


def test_one_depot_that_requires_signatures_is_enough(daemon, upstream):
    upstream.replace(world(version("1.0.0", sign="missing")))
    daemon.configure(requireSignature=False)
    daemon.write_depot("lax", providers=[provider("null", platforms=(("linux",), ("amd64",)))])
    daemon.write_depot("strict", providers=[provider("null", platforms=(("linux",), ("amd64",)),
                                                     requireSignature=True)])
    daemon.start().settle()
    assert daemon.states(PACKAGE) == {"1.0.0": "failed"}
