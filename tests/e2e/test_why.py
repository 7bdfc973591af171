"""Why a version can be installed, or cannot: every decision on it, from what is known, without asking anybody."""

import json
import re
import threading

import pytest

from daemon import module, provider
from setting import wait_for
from simulator.world import Module, Provider, ProviderVersion, Release, World
from test_faults import instant
from test_keys import replace_key
from test_kinds import listed_module, write
from test_policies import ago
from varlink import Link, error_of

MODULE = "platform/terraform-aws-vpc/aws"
PROVIDER = "hashicorp/null"
PUBLISHED, KEPT_OUT, NOT_FOUND = 0, 1, 4


def modules(*releases):
    return World(modules=[Module("acme", "terraform-aws-vpc", list(releases))])


def null(*versions):
    return World(providers=[Provider("null", versions=list(versions))])


def write_module(daemon, name="demo", **more):
    daemon.write_depot(name, modules=[module("terraform-aws-vpc", "acme", "aws", **more)])


def start(daemon, upstream, world):
    upstream.replace(world)
    daemon.start()
    return daemon.settle()


def explanations(daemon, package, version, status):
    """Asks as an operator and checks that upstream was not asked, and that people read the same."""
    before = len(daemon.upstream.requests())
    answer = daemon.ctl("why", package, version, status=status)["explanations"]
    shown = daemon.run("why", package, version)
    assert shown.returncode == status
    for one in answer:
        assert f"{one['package']} {one['version']} is {one['state']}" in shown.stdout
        assert all(decision["reason"] in shown.stdout for decision in one["decisions"])
    assert len(daemon.upstream.requests()) == before
    return answer


def why(daemon, package, version, status=KEPT_OUT):
    (one,) = explanations(daemon, package, version, status)
    return one


def steps(explanation, step, effect=None):
    return [one for one in explanation["decisions"] if one["step"] == step and effect in (None, one["effect"])]


def one_step(explanation, step, effect=None):
    (one,) = steps(explanation, step, effect)
    return one


def line_of(daemon, text, name="demo"):
    """Where the entry begins that holds the text."""
    lines = (daemon.configuration / f"conf.d/{name}.yaml").read_text().splitlines()
    found = next(number for number, line in enumerate(lines) if text in line)
    return max(number for number, line in enumerate(lines[: found + 1]) if line.strip() == "{") + 1


# What is there


def test_published_provider(daemon, upstream):
    daemon.write_depot("demo", providers=[provider("null", ">= 1.0.0", versionHistoryLimit=5)])
    start(daemon, upstream, null(ProviderVersion("1.0.0", ["linux_amd64"], 5000), ProviderVersion("2.0.0", ["linux_amd64"], 5000)))
    one = why(daemon, PROVIDER, "v2", PUBLISHED)
    assert (one["version"], one["state"], one["kind"], one["reason"]) == ("2.0.0", "published", "provider", "it can be installed")
    # In the order in which they are made.
    order = ["listed", "matched", "policy", "verified", "hashed", "policy", "stored", "planned"]
    assert [decision["step"] for decision in one["decisions"]] == order
    assert not [decision for decision in one["decisions"] if decision["effect"] == "against"]

    matched = one_step(one, "matched", "for")
    assert matched["reason"] == 'depot demo asks for ">= 1.0.0", which it matches'
    assert (matched["depot"], matched["file"]) == ("demo", str(daemon.configuration / "conf.d/demo.yaml"))
    assert matched["line"] == line_of(daemon, '"null"')
    assert f"{matched['file']}:{matched['line']}:{matched['column']}" in daemon.run("why", PROVIDER, "2.0.0").stdout
    assert "within versionHistoryLimit 5 of depot demo: 0 newer versions come first" in steps(one, "policy")[0]["reason"]

    verified = one_step(one, "verified", "for")
    key = daemon.ctl("keys")["keys"][0]
    assert verified["key"] == upstream.endpoints["fingerprint"] and instant(verified["at"]) > 0
    assert f"signed by key {verified['key']} ({key['user']}), which is configured" in verified["reason"]
    version = daemon.versions(PROVIDER)["2.0.0"]
    artifact = version["artifacts"][0]
    hashed = one_step(one, "hashed")["reason"]
    assert all(str(artifact[name]) in hashed for name in ("file", "size", "sha256", "h1"))
    stored = one_step(one, "stored", "for")
    assert stored["at"] == version["publishedAt"]
    assert f"in {one['store']} below providers/registry.terraform.io/hashicorp/null" in stored["reason"]
    assert one_step(one, "planned")["reason"] == "keep: published"
    assert instant(one_step(one, "listed")["at"]) == instant(daemon.packages()[PROVIDER]["lastCheck"])


def test_published_module(daemon, upstream):
    write_module(daemon)
    start(daemon, upstream, modules(Release("v1.0.0", created="2025-01-01T00:00:00Z")))
    one = why(daemon, MODULE, "1.0.0", PUBLISHED)
    assert one_step(one, "listed")["reason"].endswith("lists it as v1.0.0, released 2025-01-01T00:00:00Z")
    assert one_step(one, "matched")["reason"] == "depot demo asks for every version"
    assert one_step(one, "verified")["reason"] == f"tag v1.0.0 was commit {daemon.versions(MODULE)['1.0.0']['commit']}"
    assert "immutable is true: what is published never changes" in [p["reason"] for p in steps(one, "policy")]
    # The store knows it without upstream, and what upstream said last is known, too.
    upstream.add_fault("status", status=503)
    daemon.restart().settle()
    again = why(daemon, MODULE, "1.0.0", PUBLISHED)
    assert steps(again, "listed") and "could not be looked at" in one_step(again, "tried")["reason"]


def test_unsigned_provider(daemon, upstream):
    daemon.configure(requireSignature=False)
    daemon.write_depot("demo", providers=[provider("null")])
    start(daemon, upstream, null(ProviderVersion("1.0.0", ["linux_amd64"], 5000, sign="missing")))
    one = why(daemon, PROVIDER, "1.0.0", PUBLISHED)
    assert "no signature that could be checked, and none is required" in one_step(one, "verified", "neutral")["reason"]


def test_drift(daemon, upstream):
    write_module(daemon)
    start(daemon, upstream, modules(Release("v1.0.0"), Release("v1.1.0")))
    upstream.replace(modules(Release("v1.0.0")))
    daemon.sync()
    one = why(daemon, MODULE, "1.1.0", PUBLISHED)
    drift = daemon.versions(MODULE)["1.1.0"]["drift"][0]
    assert one_step(one, "drifted")["reason"] == f"{drift['kind']}: {drift['detail']}"
    assert one_step(one, "drifted")["at"] == drift["seenAt"]
    assert "does not list it; it lists 1 version, the newest is 1.0.0" in one_step(one, "listed", "neutral")["reason"]


# What no depot wants


def test_rejected_by_a_part_of_the_constraint(daemon, upstream):
    write_module(daemon, constraint=">= 1.0.0, != 1.5.0 , < 2.0.0")
    start(daemon, upstream, modules(Release("v1.0.0"), Release("v1.5.0"), Release("v2.0.0"), Release("v1.6.0-rc1", prerelease=True)))
    for version, term in (("1.5.0", "!= 1.5.0"), ("2.0.0", "< 2.0.0"), ("1.6.0-rc1", ">= 1.0.0")):
        one = why(daemon, MODULE, version)
        matched = one_step(one, "matched", "against")
        assert (one["state"], matched["term"], matched["depot"]) == ("rejected", term, "demo")
        assert f'of which it does not match "{term}"' in one["reason"] and one["reason"] == matched["reason"]
        assert not steps(one, "planned") and not steps(one, "stored")
    assert "a pre-release matches only a bound" in one["reason"]


@pytest.mark.parametrize("host", [True, False])
def test_prereleases(daemon, upstream, host):
    if host:
        daemon.configure(policy={"prereleases": False})
    write_module(daemon, **({"constraint": ">= 1.0.0-rc1"} if host else {}))
    start(daemon, upstream, modules(Release("v1.0.0"), Release("v1.0.0-rc1", prerelease=True)))
    one = why(daemon, MODULE, "1.0.0-rc1")
    expected = "takes none: prereleases is false (opendepot.yaml)" if host else "takes only those that its constraint names"
    assert one["state"] == "rejected" and expected in one["reason"]
    assert one_step(one, "policy", "against")["line"] > 0


def test_platforms_that_upstream_lacks(daemon, upstream):
    daemon.write_depot("demo", providers=[provider("null", None, (("windows",), ("amd64",)))])
    start(daemon, upstream, null(ProviderVersion("1.0.0", ["linux_amd64", "linux_arm64"], 5000)))
    one = why(daemon, PROVIDER, "1.0.0")
    assert one["state"] == "rejected"
    assert "none of the platforms that depot demo asks for, but for linux_amd64, linux_arm64" in one["reason"]


def test_each_depot_has_its_say(daemon, upstream):
    write_module(daemon, "first", constraint="< 1.0.0")
    write_module(daemon, "second", constraint=">= 1.0.0")
    write_module(daemon, "third", constraint="1.0.1", storageConfig={"fileSystem": {"directoryPath": str(daemon.directory / "other")}})
    start(daemon, upstream, modules(Release("v1.0.0"), Release("v1.1.0")))
    # In two stores; published has to be said for both.
    both = explanations(daemon, MODULE, "1.0.0", KEPT_OUT)
    states = {one["store"].rpartition("/")[2]: one["state"] for one in both}
    assert states == {"store": "published", "other": "rejected"}
    one = next(one for one in both if one["state"] == "published")
    assert [(m["depot"], m["effect"]) for m in steps(one, "matched")] == [("first", "against"), ("second", "for")]
    assert len({m["file"] for m in steps(one, "matched")}) == 2

    write_module(daemon, "second", constraint="> 5")
    daemon.remove_depot("third")
    assert daemon.run("reload").returncode == 0
    daemon.settle()
    # It stays though nobody asks for it any more.
    one = why(daemon, MODULE, "1.0.0", PUBLISHED)
    assert [m["effect"] for m in steps(one, "matched")] == ["against", "against"]
    assert one_step(one, "planned")["reason"] == "keep: published; no depot asks for it any more"


def test_listed_one_by_one(daemon, upstream):
    upstream.replace(modules(*[Release(f"v1.{i}.0", created=ago(days=1)) for i in range(3)]))
    daemon.configure(policy={"minimumReleaseAge": "300d"})
    write(daemon, "listed", listed_module("1.0.0", "1.9.0"))
    daemon.start().settle()
    one = why(daemon, MODULE, "1.0.0", PUBLISHED)
    matched = one_step(one, "matched", "for")
    assert matched["reason"] == "module/platform/terraform-aws-vpc lists it" and matched["line"] > 0
    one = why(daemon, MODULE, "1.1.0")
    assert (one["state"], one["reason"]) == (
        "rejected", "module/platform/terraform-aws-vpc lists its versions one by one, and not this one")
    one = why(daemon, MODULE, "1.9.0")
    assert (one["state"], one["reason"]) == (
        "failed", "listed by module/platform/terraform-aws-vpc: upstream has no such version")
    assert one_step(one, "listed", "against") and one_step(one, "planned")["reason"].startswith("missing: ")


# What policies keep out


def test_young(daemon, upstream):
    daemon.configure(policy={"minimumReleaseAge": "30d"})
    write_module(daemon)
    start(daemon, upstream, modules(Release("v1.0.0", created=ago(days=40)), Release("v1.1.0", created=ago(days=1))))
    one = why(daemon, MODULE, "1.1.0")
    policy = one_step(one, "policy", "against")
    assert one["state"] == "held" and "minimumReleaseAge 30d" in one["reason"]
    assert "it is younger than minimumReleaseAge of depot demo (opendepot.yaml)" in policy["reason"]
    assert instant(policy["due"]) == pytest.approx(instant(ago(days=1)) + 30 * 86400, abs=60)
    assert policy["due"] == daemon.versions(MODULE)["1.1.0"]["nextTry"] == one_step(one, "planned")["due"]
    # Somebody takes it nevertheless.
    daemon.sync("--now", MODULE, "1.1.0")
    assert not steps(why(daemon, MODULE, "1.1.0", PUBLISHED), "policy", "against")


def test_withdrawn(daemon, upstream):
    def world(**more):
        return null(ProviderVersion("1.0.0", size=5000), ProviderVersion("2.0.0", size=5000, **more),
                    ProviderVersion("3.0.0", size=5000, withdrawn=True, message="Never."))

    daemon.write_depot("demo", providers=[provider("null")])
    start(daemon, upstream, world())
    one = why(daemon, PROVIDER, "3.0.0")
    assert (one["state"], one["reason"]) == ("withdrawn", "withdrawn upstream: Never.")
    assert one_step(one, "policy", "against")["reason"] == "what upstream has withdrawn is not fetched"

    upstream.replace(world(withdrawn=True, message="Bad."))
    daemon.sync()
    one = why(daemon, PROVIDER, "2.0.0", PUBLISHED)
    assert "upstream has withdrawn it: Bad." in [decision["reason"] for decision in steps(one, "listed")]
    assert one_step(one, "policy", "for")["reason"].endswith("withdrawn is keep (opendepot.yaml)")

    daemon.write_depot("demo", providers=[provider("null", withdrawn="hide")])
    assert daemon.run("reload").returncode == 0
    daemon.settle()
    one = why(daemon, PROVIDER, "2.0.0")
    assert (one["state"], one["reason"]) == ("withdrawn", "withdrawn upstream: Bad.")
    assert one_step(one, "policy", "against")["reason"] == "depot demo hides what upstream has withdrawn: withdrawn is hide"
    assert "out of sight: withdrawn upstream: Bad." in one_step(one, "stored", "against")["reason"]


def test_pruned_is_remembered(daemon, upstream):
    write_module(daemon)
    start(daemon, upstream, modules(*[Release(f"v1.{i}.0") for i in range(3)]))
    published = daemon.versions(MODULE)["1.0.0"]["publishedAt"]
    write_module(daemon, versionHistoryLimit=2)
    assert daemon.run("reload").returncode == 0
    daemon.settle()
    assert "1.0.0" not in daemon.states(MODULE)
    one = why(daemon, MODULE, "1.0.0")
    assert (one["state"], one["reason"]) == ("pruned", "beyond versionHistoryLimit 2 of depot demo")
    assert "beyond versionHistoryLimit 2 of depot demo: 2 newer versions come first" in one_step(one, "policy", "against")["reason"]
    pruned = one_step(one, "pruned", "against")
    assert pruned["reason"] == "it was in the store, and was removed: beyond versionHistoryLimit 2 of depot demo"
    record = json.loads((daemon.module_directory("terraform-aws-vpc", "aws") / "record.json").read_text())
    assert record["pruned"] == [
        {"version": "1.0.0", "prunedAt": pruned["at"], "publishedAt": published, "reason": one["reason"]}]
    # Also by another start; and what was never there is only beyond the limit.
    upstream.replace(modules(*[Release(f"v1.{i}.0") for i in range(3)], Release("v0.9.0")))
    daemon.restart().settle()
    assert why(daemon, MODULE, "1.0.0")["state"] == "pruned"
    old = why(daemon, MODULE, "0.9.0")
    assert old["state"] == "rejected" and "beyond versionHistoryLimit 2" in old["reason"] and not steps(old, "pruned")
    # It is there again.
    write_module(daemon)
    assert daemon.run("reload").returncode == 0
    daemon.settle()
    assert not steps(why(daemon, MODULE, "1.0.0", PUBLISHED), "pruned")
    assert "pruned" not in json.loads((daemon.module_directory("terraform-aws-vpc", "aws") / "record.json").read_text())


# What failed


def test_failed_and_its_next_try(daemon, upstream):
    daemon.write_depot("demo", providers=[provider("null")])
    start(daemon, upstream, null(ProviderVersion("1.0.0", ["linux_amd64"], 5000, sums="wrong-digest")))
    one = why(daemon, PROVIDER, "1.0.0")
    version = daemon.versions(PROVIDER)["1.0.0"]
    tried = one_step(one, "tried", "against")
    assert (one["state"], one["reason"]) == ("failed", version["reason"])
    assert tried["reason"] == f"failed after 1 try: {version['reason']}" and tried["due"] == version["nextTry"]
    assert one_step(one, "planned")["reason"].startswith("wait: wanted by depot demo")


def test_held_for_its_key(daemon, upstream):
    new = replace_key(daemon, upstream)
    one = why(daemon, PROVIDER, "2.0.0")
    assert one["state"] == "held" and f"signed by key {new}" in one["reason"]
    assert one_step(one, "tried", "against")["due"] == daemon.versions(PROVIDER)["2.0.0"]["nextTry"]
    daemon.run("keys", "accept", "hashicorp", new)
    daemon.settle()
    verified = one_step(why(daemon, PROVIDER, "2.0.0", PUBLISHED), "verified")
    assert verified["key"] == new and "which is accepted since" in verified["reason"]
    daemon.run("keys", "refuse", "hashicorp", new)
    daemon.settle()
    assert "and no longer trusted" in one_step(why(daemon, PROVIDER, "2.0.0", PUBLISHED), "verified")["reason"]


def test_request_budget_is_used_up(daemon, upstream):
    write_module(daemon)
    upstream.add_fault("ratelimit", role="github_api", kind="primary", reset_in=3000)
    start(daemon, upstream, modules(Release("v1.0.0")))
    one = why(daemon, MODULE, "1.0.0")
    package = daemon.packages()[MODULE]
    tried = one_step(one, "tried", "against")
    assert (one["state"], one["reason"]) == ("failed", package["reason"])
    assert tried["due"] == package["nextTry"] and package["reason"] in tried["reason"]


def test_on_its_way(daemon, upstream):
    write_module(daemon)
    upstream.add_fault("stall", role="codeload", bytes=10)
    upstream.replace(modules(Release("v1.0.0")))
    daemon.configure(network={"stallTimeout": "60s"})
    daemon.start()
    wait_for(lambda: upstream.requests("codeload"), 30, "the download")
    one = why(daemon, MODULE, "1.0.0")
    assert one["state"] == "pending" and one_step(one, "tried")["reason"] == "it is on its way: fetching"
    upstream.clear_faults()


# What is not known


def test_unknown_upstream(daemon, upstream):
    write_module(daemon, constraint=">= 1.0.0, < 2.0.0")
    start(daemon, upstream, modules(Release("v1.0.0"), Release("v1.1.0")))
    one = why(daemon, MODULE, "1.9.0", NOT_FOUND)
    assert (one["state"], one["reason"]) == ("unlisted", "neither upstream nor the store has it")
    assert "does not list it; it lists 2 versions, the newest is 1.1.0" in one_step(one, "listed", "against")["reason"]
    assert one_step(one, "matched", "for")["reason"].endswith("which it matches")
    assert one_step(why(daemon, MODULE, "2.9.0", NOT_FOUND), "matched", "against")["term"] == "< 2.0.0"


def test_unknown_package_and_what_is_no_version(daemon, upstream):
    write_module(daemon)
    start(daemon, upstream, modules(Release("v1.0.0")))
    for package, version, status, text in (("platform/none/aws", "1.0.0", 4, "no depot names the package platform/none/aws"),
                                           (MODULE, "newest", 2, "does not accept the value of 'version'")):
        result = daemon.run("why", package, version)
        assert (result.returncode, result.stdout) == (status, "") and text in result.stderr
    with Link(daemon.socket) as link:
        assert error_of(link.call("Why", package="a/b", version="1.0.0")) == ("NoSuchPackage", {"package": "a/b"})
        assert error_of(link.call("Why", package=MODULE))[0] == "org.varlink.service.InvalidParameter"


def test_never_listed(daemon, upstream):
    write_module(daemon)
    upstream.add_fault("status", status=503, role="github_api")
    start(daemon, upstream, modules(Release("v1.0.0")))
    one = why(daemon, MODULE, "1.0.0")
    assert one["state"] == "failed" and "HTTP 503" in one["reason"]
    assert not steps(one, "listed") and one_step(one, "tried", "against")["due"]
    assert one_step(one, "matched")["effect"] == "for"


def test_not_asked_yet(daemon, upstream):
    write_module(daemon)
    upstream.replace(modules(Release("v1.0.0")))
    upstream.add_fault("delay", ms=600_000, role="github_api")
    daemon.configure(network={"stallTimeout": "600s"})
    daemon.start()
    wait_for(lambda: upstream.requests("github_api"), 30, "the question")
    one = why(daemon, MODULE, "1.0.0")
    assert (one["state"], one["reason"]) == ("unknown", "upstream has not answered yet")
    assert "has not answered yet" in one_step(one, "listed", "neutral")["reason"]
    upstream.clear_faults()


def test_a_package_that_cannot_be(daemon, upstream):
    daemon.write_depot("demo", modules=[module("terraform-aws-vpc", "acme", "aws", repoUrl="https://gitlab.com/acme/x")])
    start(daemon, upstream, modules())
    one = why(daemon, MODULE, "1.0.0")
    assert one["state"] == "failed" and "is not a repository below" in one["reason"]


# The interface


def test_many_questions_while_the_configuration_changes(daemon, upstream):
    """Several pages each; those that ask get an answer whatever happens, and whoever has gone is not waited for."""
    write_module(daemon)
    start(daemon, upstream, modules(*[Release(f"v1.0.{i}") for i in range(250)]))
    answers = []

    def ask(number):
        with Link(daemon.socket) as link:
            for i in range(20):
                answers.append(link.call("Why", package=MODULE, version=f"1.0.{(number * 20 + i) % 250}"))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for i in range(10):
        with Link(daemon.socket) as gone:
            gone.send("Why", {"package": MODULE, "version": "1.0.0"})
        write_module(daemon, constraint=f">= 1.0.0, != 9.0.{i}")
        assert daemon.run("reload").returncode == 0
    for thread in threads:
        thread.join(120)
    assert len(answers) == 120
    assert all(re.fullmatch("published|pending", a["parameters"]["explanations"][0]["state"]) for a in answers), answers
    daemon.settle()


def test_the_package_goes_while_it_is_asked_for(daemon, upstream):
    write_module(daemon)
    start(daemon, upstream, modules(Release("v1.0.0")))
    daemon.remove_depot("demo")
    with Link(daemon.socket) as link, Link(daemon.socket) as operator:
        link.send("Why", {"package": MODULE, "version": "1.0.0"})
        operator.call("Reload")
        answer = link.receive()
        # Before it or after it.
        assert "explanations" in answer["parameters"] or error_of(answer) == ("NoSuchPackage", {"package": MODULE})
        assert error_of(link.call("Why", package=MODULE, version="1.0.0"))[0] == "NoSuchPackage"
