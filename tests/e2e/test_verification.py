"""Nothing is visible that upstream's sums and signatures do not vouch for, and the reason can be read."""

import json
import re

import pytest

from daemon import module, provider
from simulator.world import Module, Provider, ProviderVersion, Release, World
from store_check import check, sha256

PACKAGE = "hashicorp/null"
PLATFORMS = ["linux_amd64", "linux_arm64"]
SUMS = r"terraform-provider-null_{}_SHA256SUMS"

# What is wrong with a version -> what is said of it.
REFUSED = {
    "bad": ({"sign": "bad"}, SUMS + ": the signature is not accepted: .*by key [0-9A-F]+ does not match the data"),
    "foreign": ({"sign": "foreign"}, SUMS + ": .* made by key [0-9A-F]{40}, which is not among the configured"),
    "missing": ({"sign": "missing"}, SUMS + r"\.sig: HTTP 404"),
    "truncated": ({"sign": "truncated"}, SUMS + ": the signature is not accepted: .*truncated"),
    "sha1": ({"sign": "sha1"}, SUMS + ": the signature is not accepted: .*weak hash SHA-1"),
    "malformed": ({"sums": "malformed"}, r"null_{}_linux_amd64\.zip: " + SUMS + " is malformed"),
    "empty": ({"sums": "empty"}, r"null_{}_linux_amd64\.zip: " + SUMS + " has no line for it"),
}


def version(number, **more):
    return ProviderVersion(number, PLATFORMS, 20_000, **more)


def world(*versions):
    """The given versions of null between a good older one and a good newer one, a good provider and a good module."""
    null = Provider("null", versions=[version("1.0.0"), *versions, version("3.0.0")])
    return World(
        providers=[null, Provider("random", versions=[version("1.0.0")])],
        modules=[Module("acme", "terraform-aws-vpc", [Release("v1.0.0")])],
    )


def start(daemon, upstream, *versions, **more):
    """Starts with what there is upstream and goes through it once; returns null's versions."""
    upstream.replace(world(*versions))
    daemon.configure(**more)
    daemon.write_depot(
        "demo",
        providers=[provider("null"), provider("random")],
        modules=[module("terraform-aws-vpc", "acme", "aws")],
        pollingIntervalMinutes=60,
    )
    daemon.start().settle()
    return daemon.versions(PACKAGE)


def key_setting(endpoints, name, url=None):
    key = endpoints["keys"][name]
    return {"namespace": "hashicorp", "fingerprint": key["fingerprint"], "url": url or key["url"]}


def check_refused(daemon, number, reason):
    """It is told of with package, version and reason, and nothing of it is visible or left."""
    known = daemon.versions(PACKAGE)[number]
    assert (known["state"], known["artifacts"], known["attempts"]) == ("failed", [], 1)
    assert re.search(reason, known["reason"]), known["reason"]
    assert known["nextTry"]
    assert any(f"{PACKAGE} {number}: {known['reason']}; kept out" in line for line in daemon.text().splitlines())
    shown = daemon.run("show", PACKAGE).stdout
    assert number in shown and known["reason"] in shown
    package = daemon.packages()[PACKAGE]
    assert package["state"] == "incomplete" and package["versions"]["failed"] > 0
    assert not [file for file in daemon.files() if number in file]
    assert not list((daemon.store / ".staging").iterdir())
    assert number not in check(daemon.store)["null"]


def check_others(daemon):
    states = daemon.states(PACKAGE)
    assert (states["1.0.0"], states["3.0.0"]) == ("published", "published")
    mirror = check(daemon.store)
    assert mirror["random"] == {"1.0.0": PLATFORMS}
    assert mirror["null"]["1.0.0"] == mirror["null"]["3.0.0"] == PLATFORMS
    assert daemon.states("platform/terraform-aws-vpc/aws") == {"1.0.0": "published"}


def check_repaired(daemon, *numbers):
    """What was mended is published when it is asked for, without waiting for the next try."""
    daemon.sync("--force")
    states, mirror = daemon.states(PACKAGE), check(daemon.store)
    for number in numbers:
        assert (states[number], mirror["null"][number]) == ("published", PLATFORMS)
    assert {package["state"] for package in daemon.packages().values()} == {"current"}


def test_refused_versions(daemon, upstream):
    numbers = {name: f"2.{i}.0" for i, name in enumerate(REFUSED)}
    start(daemon, upstream, *(version(numbers[name], **wrong) for name, (wrong, _) in REFUSED.items()))
    for name, (_, reason) in REFUSED.items():
        check_refused(daemon, numbers[name], reason.replace("{}", re.escape(numbers[name])))
    check_others(daemon)
    assert daemon.packages()[PACKAGE]["versions"]["failed"] == len(REFUSED)

    upstream.replace(world(*(version(number) for number in numbers.values())))
    check_repaired(daemon, *numbers.values())


def test_wrong_digest_keeps_out_that_platform_alone(daemon, upstream):
    known = start(daemon, upstream, version("2.0.0", sums="wrong-digest"))["2.0.0"]
    name = "terraform-provider-null_2.0.0_linux_amd64.zip"
    received = next(a["sha256"] for a in upstream.artifacts()["providers"] if a["path"].endswith(name))
    expected = sha256(b"something else")
    assert known["state"] == "failed"
    assert known["reason"] == f"SHA256SUMS lists {expected} for {name}, the archive has {received}"
    assert check(daemon.store)["null"]["2.0.0"] == PLATFORMS[1:]
    assert not [file for file in daemon.files() if name in file]
    assert not list((daemon.store / ".staging").iterdir())
    check_others(daemon)

    upstream.replace(world(version("2.0.0")))
    check_repaired(daemon, "2.0.0")


def test_bytes_damaged_on_the_way(daemon, upstream):
    upstream.add_fault("wrong-digest", path=r"null_2\.0\.0_.*\.zip$")
    start(daemon, upstream, version("2.0.0"))
    digest = "[0-9a-f]{64}"
    check_refused(daemon, "2.0.0", rf"SHA256SUMS lists {digest} for \S*_2\.0\.0_\S*\.zip, the archive has {digest}")
    check_others(daemon)
    upstream.clear_faults()
    check_repaired(daemon, "2.0.0")


def test_missing_line_keeps_out_that_platform_alone(daemon, upstream):
    known = start(daemon, upstream, version("2.0.0", sums="missing-line"))["2.0.0"]
    name = "terraform-provider-null_2.0.0_linux_amd64.zip"
    assert known["state"] == "failed"
    assert known["reason"] == f"{name}: terraform-provider-null_2.0.0_SHA256SUMS has no line for it"
    assert [artifact["platform"] for artifact in known["artifacts"]] == PLATFORMS[1:]
    assert check(daemon.store)["null"]["2.0.0"] == PLATFORMS[1:]
    assert not [request for request in upstream.requests() if request["path"].endswith(name)]
    check_others(daemon)

    upstream.replace(world(version("2.0.0")))
    check_repaired(daemon, "2.0.0")
    sums = (daemon.provider_directory("null") / "terraform-provider-null_2.0.0_SHA256SUMS").read_text()
    assert name in sums and "linux_arm64.zip" in sums


def test_weak_hash_on_request(daemon, upstream):
    known = start(daemon, upstream, version("2.0.0", sign="sha1"), allowWeakHashes=True)["2.0.0"]
    assert (known["state"], known["key"]) == ("published", upstream.endpoints["fingerprint"])
    assert check(daemon.store)["null"]["2.0.0"] == PLATFORMS
    record = json.loads((daemon.provider_directory("null") / "record.json").read_text())
    assert record["versions"]["2.0.0"]["signature"]["hash"] == 2


def test_armored_signature(daemon, upstream):
    assert start(daemon, upstream, version("2.0.0", sign="armored"))["2.0.0"]["state"] == "published"
    signature = daemon.provider_directory("null") / "terraform-provider-null_2.0.0_SHA256SUMS.sig"
    assert signature.read_bytes().startswith(b"-----BEGIN PGP SIGNATURE-----")
    assert check(daemon.store)["null"]["2.0.0"] == PLATFORMS


@pytest.mark.parametrize("allowed", [None, True, False])
def test_expired_key(daemon, upstream, allowed):
    keys = [key_setting(upstream.endpoints, name) for name in ("good", "expired")]
    more = {} if allowed is None else {"allowExpiredKeys": allowed}
    known = start(daemon, upstream, version("2.0.0", sign="expired"), keys=keys, **more)
    check_others(daemon)
    assert known["1.0.0"]["keyExpired"] is False
    if allowed is False:
        check_refused(daemon, "2.0.0", r"the signature is good, but its key [0-9A-F]+ expired on \d{4}-\d\d-\d\d and")
        upstream.replace(world(version("2.0.0")))
        check_repaired(daemon, "2.0.0")
    else:
        assert (known["2.0.0"]["state"], known["2.0.0"]["keyExpired"]) == ("published", True)
        assert known["2.0.0"]["key"] == upstream.endpoints["keys"]["expired"]["fingerprint"]
        assert check(daemon.store)["null"]["2.0.0"] == PLATFORMS


def check_no_key(daemon, upstream, reason):
    """No provider of the namespace is visible, modules are; as soon as the key can be had, everything is."""
    for package in (PACKAGE, "hashicorp/random"):
        for number, known in daemon.versions(package).items():
            assert known["state"] == "failed" and re.search(reason, known["reason"]), (package, number, known)
    assert check(daemon.store) == {}
    assert not [file for file in daemon.files() if file.startswith("providers/")]
    assert not [request for request in upstream.requests() if request["path"].endswith(".zip")]
    assert daemon.states("platform/terraform-aws-vpc/aws") == {"1.0.0": "published"}
    upstream.clear_faults()
    check_repaired(daemon, "1.0.0", "3.0.0")
    check_others(daemon)


def test_key_that_cannot_be_fetched(daemon, upstream):
    upstream.add_fault("status", path=r"pgp-key\.txt$", status=404)
    start(daemon, upstream)
    fingerprint = upstream.endpoints["fingerprint"]
    reason = f"SHA256SUMS: cannot check the signature: cannot fetch the key {fingerprint}: .*HTTP 404"
    check_no_key(daemon, upstream, reason)


@pytest.mark.parametrize("served", ["foreign", "html"])
def test_key_that_is_another(daemon, upstream, served):
    foreign = upstream.endpoints["keys"]["foreign"]
    body = {"body": open(foreign["file"], encoding="ascii").read()} if served == "foreign" else {}
    upstream.add_fault("garbage", path=r"pgp-key\.txt$", **body)
    start(daemon, upstream)
    fingerprint = upstream.endpoints["fingerprint"]
    check_no_key(daemon, upstream, f"expected \\S*{fingerprint}" if served == "foreign" else "neither OpenPGP packets nor")


def test_key_at_hand_is_used_on(daemon, upstream):
    """A key that was had once outlives its address, even over a restart."""
    start(daemon, upstream)
    upstream.add_fault("status", path=r"pgp-key\.txt$", status=404)
    upstream.replace(world(version("2.0.0")))
    daemon.restart()
    daemon.sync()
    assert [r["status"] for r in upstream.requests(path="pgp-key.txt")] == [200, 404]
    assert check(daemon.store)["null"]["2.0.0"] == PLATFORMS


def test_withdrawn_release(daemon, upstream):
    known = start(daemon, upstream, version("2.0.0", withdrawn=True, message="Broken, use 3.0.0."))["2.0.0"]
    assert (known["state"], known["reason"]) == ("withdrawn", "withdrawn upstream: Broken, use 3.0.0.")
    assert upstream.requests(path="2.0.0") == []
    assert not [file for file in daemon.files() if "2.0.0" in file]
    assert daemon.packages()[PACKAGE]["state"] == "current"
    check_others(daemon)

    upstream.replace(world(version("2.0.0")))
    check_repaired(daemon, "2.0.0")


def test_withdrawn_after_it_was_published(daemon, upstream):
    assert start(daemon, upstream, version("2.0.0"))["2.0.0"]["state"] == "published"
    before = daemon.tree()
    upstream.replace(world(version("2.0.0", withdrawn=True)))
    daemon.sync()
    assert daemon.states(PACKAGE)["2.0.0"] == "published"
    # Only the record says so.
    assert sorted(daemon.tree()) == sorted(before)
    assert [path for path, data in daemon.tree().items() if data != before[path]] == [
        str((daemon.provider_directory("null") / "record.json").relative_to(daemon.store))
    ]
    items = daemon.ctl("plan", PACKAGE)
    assert "published; withdrawn upstream since" in json.dumps(items)


def test_enterprise_releases_are_not_considered(daemon, upstream):
    # The filter is asked for, and not relied on.
    builds = version("4.0.0+ent", license_class="enterprise"), version("4.1.0", license_class="enterprise")
    known = start(daemon, upstream, *builds)
    assert set(known) == {"1.0.0", "3.0.0"}
    assert upstream.requests("hashicorp_releases", "_4.") == []
    assert daemon.packages()[PACKAGE]["state"] == "current"
    check_others(daemon)


@pytest.mark.parametrize("fault", [None, {"action": "status", "status": 404}, {"action": "wrong-digest", "offset": 5},
                                   {"action": "garbage"}, {"action": "huge"}])
def test_manifest_tells_the_plugin_protocols(daemon, upstream, fault):
    """One that is missing or not the signed one tells nothing, and stops nothing."""
    upstream.replace(World([Provider("null", versions=[ProviderVersion("1.0.0", ["linux_amd64"], 20_000,
                                                                       protocols=["5.0", "6.0"])])]))
    if fault:
        upstream.add_fault(**fault, path=r"_manifest\.json$")
    daemon.write_depot("team", [provider("null", platforms=(("linux",), ("amd64",)))])
    daemon.start().settle()
    (version,) = daemon.versions("hashicorp/null").values()
    assert version["state"] == "published"
    assert version.get("protocols") == (None if fault else ["5.0", "6.0"])
    record = json.loads((daemon.provider_directory("null") / "record.json").read_text())
    assert record["versions"]["1.0.0"].get("protocols") == version.get("protocols")
    assert len(upstream.requests("hashicorp_releases", "_manifest.json")) == 1
