"""Upstream fails in every way it can: each package tells its reason, the others go on, and nothing wrong is stored."""

import datetime
import os
import re
import time

import pytest

from daemon import Daemon, module, provider
from simulator.world import Module, Provider, ProviderVersion, Release, World
from store_check import check

PLATFORM = (("linux",), ("amd64",))
LISTING = r"terraform-provider-{}[?/]"


def good(kind, *numbers, size=20_000):
    return Provider(kind, versions=[ProviderVersion(number, ["linux_amd64"], size) for number in numbers or ("1.0.0",)])


def vpc(name, *tags):
    return Module("acme", f"terraform-aws-{name}", [Release(tag) for tag in tags or ("v1.0.0",)])


def prepare(daemon, upstream, providers=(), modules=(), /, **more):
    """The world, the configuration and a depot that wants all of it."""
    upstream.replace(World(providers=list(providers), modules=list(modules)))
    daemon.configure(**more)
    daemon.write_depot(
        "demo",
        providers=[provider(one.type, None, PLATFORM) for one in providers],
        modules=[module(one.repo, one.owner, "aws") for one in modules],
        pollingIntervalMinutes=60,
    )
    return daemon


def instant(text):
    return datetime.datetime.fromisoformat(text).timestamp()


def states(daemon):
    return {name.split("/")[1]: package["state"] for name, package in daemon.packages().items()}


def check_failed(daemon, package, reason):
    """The package fails with this reason, is tried again later, and the journal says both."""
    known = daemon.packages()[package]
    assert known["state"] == "failed" and re.search(reason, known["reason"]), known
    assert instant(known["nextTry"]) > time.time()
    assert f"{package}: {known['reason']}; next try " in daemon.text()
    assert known["reason"] in daemon.run("list").stdout


# What the listing answers -> what is said of it, and after how many requests.
LISTINGS = {
    "forbidden": ({"action": "status", "status": 403}, "HTTP 403$", 1),
    "notfound": ({"action": "status", "status": 404}, "HTTP 404$", 1),
    "gone": ({"action": "status", "status": 410}, "HTTP 410$", 1),
    "error": ({"action": "status", "status": 500}, "HTTP 500$", 4),
    "away": ({"action": "status", "status": 503}, "HTTP 503$", 4),
    "closing": ({"action": "close"}, "[Cc]onnection|[Ee]mpty reply", 4),
    "resetting": ({"action": "reset", "bytes": 10}, "[Cc]onnection|[Rr]eset", 4),
    "short": ({"action": "truncate", "bytes": 20}, "missing|closed|outstanding", 4),
    "stalled": ({"action": "stall"}, "too slow|timed out|Timeout", 4),
    "loop": ({"action": "redirect-loop"}, "more than five redirects$", 6),
    "cut": ({"action": "garbage", "body": '[{"name": "te', "content_type": "application/json"}, "releases", 1),
    "html": ({"action": "garbage"}, "releases", 1),
    "object": ({"action": "garbage", "body": '{"releases": []}'}, "releases", 1),
    "numbers": ({"action": "garbage", "body": "[1, 2]"}, "releases", 1),
    "nameless": ({"action": "garbage", "body": '[{"version": "1.0.0"}]'}, "releases.*name", 1),
    "huge": ({"action": "huge"}, "larger than the limit of 1048576 bytes$", 1),
    "plain": ({"action": "redirect-to"}, "the redirect leaves https$", 1),
}


def test_listings(daemon, upstream):
    for name, (rule, _, _) in LISTINGS.items():
        more = {"location": upstream.endpoints["control"] + "/world"} if rule["action"] == "redirect-to" else {}
        upstream.add_fault(**rule, **more, path=LISTING.format(name))
    prepare(
        daemon,
        upstream,
        [good(name) for name in [*LISTINGS, "well"]],
        [vpc("well")],
        transfers={"maxDocumentSize": "1M", "parallel": 32, "parallelPerHost": 32},
        network={"stallTimeout": "1s"},
    )
    daemon.start().settle()
    for name, (_, reason, tries) in LISTINGS.items():
        check_failed(daemon, f"hashicorp/{name}", f"terraform-provider-{name}[?:].*{reason}|^http://.*{reason}")
        asked = upstream.requests("hashicorp_api", f"terraform-provider-{name}?")
        # libcurl itself asks again when a connection that was used before ends without a word.
        assert len(asked) == tries or (name == "closing" and len(asked) > tries), name
        assert daemon.versions(f"hashicorp/{name}") == {}
    assert set(check(daemon.store)) == {"well"}
    assert {name for name, state in states(daemon).items() if state == "current"} == {"well", "terraform-aws-well"}

    upstream.clear_faults()
    daemon.sync("--force")
    assert set(check(daemon.store)) == {*LISTINGS, "well"}
    assert set(states(daemon).values()) == {"current"}


@pytest.mark.parametrize("name", ["html", "object", "cut", "huge", "notfound"])
def test_listings_of_github(daemon, upstream, name):
    upstream.add_fault(**LISTINGS[name][0], role="github_api", path="terraform-aws-bad/")
    prepare(daemon, upstream, [good("null")], [vpc("bad"), vpc("well")], transfers={"maxDocumentSize": "1M"})
    daemon.start().settle()
    check_failed(daemon, "platform/terraform-aws-bad/aws", LISTINGS[name][1])
    assert states(daemon) == {"null": "current", "terraform-aws-bad": "failed", "terraform-aws-well": "current"}
    assert not daemon.module_directory("terraform-aws-bad", "aws").exists()
    upstream.clear_faults()
    daemon.sync("--force")
    assert daemon.states("platform/terraform-aws-bad/aws") == {"1.0.0": "published"}


def test_faults_that_pass_are_not_noticed(daemon, upstream):
    """Whatever happens once to a document or an artifact is tried again within the same sync."""
    kinds = {
        "status": {"status": 503},
        "close": {},
        "reset": {"bytes": 10_000},
        "truncate": {"bytes": 10_000, "clean": False},
        "stall": {"bytes": 10_000},
    }
    for name, rule in kinds.items():
        upstream.add_fault(name, path=rf"provider-{name}_1\.0\.0_linux_amd64\.zip$", times=1, **rule)
        upstream.add_fault(name, path=rf"provider-{name}_1\.0\.0_SHA256SUMS$", times=1, **rule | {"bytes": 0})
        upstream.add_fault(name, role="codeload", path=f"terraform-aws-{name}/", times=1, **rule | {"bytes": 7})
    prepare(daemon, upstream, [good(name) for name in kinds], [vpc(name) for name in kinds],
            network={"stallTimeout": "1s"}, transfers={"parallel": 32, "parallelPerHost": 32})
    daemon.start().settle()
    assert all(fault["hits"] == 1 for fault in upstream.faults()), upstream.faults()
    assert set(states(daemon).values()) == {"current"}
    assert set(check(daemon.store)) == set(kinds)
    for name in kinds:
        assert daemon.states(f"platform/terraform-aws-{name}/aws") == {"1.0.0": "published"}


def test_tls_that_cannot_be_trusted(tmp_path, upstream):
    cases = {"bad_tls": "certificate", "bad_tls_name": "name|match", "bad_tls_expired": "expired|certificate"}
    daemons = {}
    for name in cases:
        endpoints = upstream.endpoints | {"hashicorp_releases": upstream.endpoints[name]}
        daemons[name] = Daemon(tmp_path / name, upstream)
        addresses = {
            "github": {"apiUrl": endpoints["github_api"], "webUrl": endpoints["github_web"]},
            "hashicorp": {"apiUrl": endpoints["hashicorp_api"], "releasesUrl": endpoints["hashicorp_releases"]},
        }
        prepare(daemons[name], upstream, [good("null")], [vpc("well")], upstream=addresses).start()
    for name, words in cases.items():
        daemon = daemons[name].settle()
        known = daemon.versions("hashicorp/null")["1.0.0"]
        assert known["state"] == "failed" and re.search(words, known["reason"]), known["reason"]
        assert "SHA256SUMS" in known["reason"]
        assert check(daemon.store) == {} and not daemon.provider_directory("null").exists()
        assert states(daemon)["terraform-aws-well"] == "current"
        assert upstream.requests(name) == []
        daemon.stop()


# Limits that upstream sets


def test_retry_after_is_honoured(daemon, upstream):
    upstream.add_fault("status", role="hashicorp_api", path=LISTING.format("soon"), status=429, retry_after=2, times=1)
    upstream.add_fault("status", role="hashicorp_releases", path="late.*zip", status=503, retry_after=900)
    prepare(daemon, upstream, [good("soon"), good("late")], [vpc("well")])
    daemon.start().settle()
    first, second = upstream.requests("hashicorp_api", "terraform-provider-soon?")[:2]
    assert (first["status"], second["status"]) == (429, 200) and second["time"] - first["time"] >= 2
    daemon.sync("hashicorp/late", "--force", status=1)
    assert states(daemon)["soon"] == "current"
    known = daemon.versions("hashicorp/late")["1.0.0"]
    assert known["state"] == "failed" and "HTTP 503" in known["reason"]
    assert instant(known["nextTry"]) > time.time() + 850
    # Not tried again and again within a sync.
    assert len(upstream.requests("hashicorp_releases", "late_1.0.0_linux_amd64.zip")) <= 2


@pytest.mark.parametrize(
    "limit",
    [
        {"action": "ratelimit", "reset_in": 600},
        {"action": "ratelimit", "reset_in": 600, "status": 429},
        {"action": "ratelimit", "kind": "secondary", "retry_after": 600},
        {"action": "status", "status": 429, "retry_after": 600},
        {"action": "headers", "headers": {"X-RateLimit-Remaining": "0"}},
    ],
    ids=["primary", "primary-429", "secondary", "retry-after", "used-up-by-a-good-answer"],
)
def test_rate_limit_of_github(daemon, upstream, limit):
    """After it the host is not asked at all; the other hosts are, and the next try is not before the reset."""
    reset = int(time.time()) + 600
    is_good = limit["action"] == "headers"
    if is_good:
        limit["headers"]["X-RateLimit-Reset"] = str(reset)
    upstream.add_fault(**limit, role="github_api", skip=1)
    prepare(daemon, upstream, [good("null")], [vpc(f"m{i}") for i in range(5)])
    daemon.start().settle()
    assert len(upstream.requests("github_api")) == 2
    assert states(daemon)["null"] == "current"
    modules = [package for package in daemon.packages().values() if package["kind"] == "module"]
    failed = [package for package in modules if package["state"] == "failed"]
    assert len(failed) == (3 if is_good else 4) and len(upstream.requests("codeload")) == 5 - len(failed)
    for package in failed:
        assert re.search(r"(the rate limit|the request budget \(.*\)) is used up until", package["reason"]), package
        assert instant(package["nextTry"]) >= reset - 1

    # Neither force nor a restart is a reason to ask before.
    daemon.sync("--force", status=1)
    daemon.restart().settle()
    assert len(upstream.requests("github_api")) == 2
    assert states(daemon)["null"] == "current"


def test_rate_limit_that_ends_soon_is_waited_for(daemon, upstream):
    reset = int(time.time()) + 3
    upstream.add_fault("ratelimit", role="github_api", reset_in=3, times=1)
    prepare(daemon, upstream, [], [vpc("one")])
    daemon.start().settle()
    first, second = upstream.requests("github_api")
    assert (first["status"], second["status"]) == (403, 200) and second["time"] >= reset
    assert states(daemon) == {"terraform-aws-one": "current"}


# Pages


def test_pages_that_go_in_a_circle_or_elsewhere(daemon, upstream):
    api, other = upstream.endpoints["github_api"], upstream.endpoints["hashicorp_api"]
    next_pages = {
        "circle": f"{api}/repos/acme/terraform-aws-circle/releases?per_page=100",
        "elsewhere": f"{other}/releases?page=2",
        "prefix": f"{api}0/a?page=2",
    }
    for name, following in next_pages.items():
        link = {"Link": f'<{following}>; rel="next"'}
        upstream.add_fault("headers", role="github_api", path=f"terraform-aws-{name}/", headers=link)
    prepare(daemon, upstream, [good("null")], [vpc("circle"), vpc("elsewhere"), vpc("prefix"), vpc("well")])
    daemon.start().settle()
    check_failed(daemon, "platform/terraform-aws-circle/aws", "the pages of releases go in a circle")
    for name in ("elsewhere", "prefix"):
        check_failed(daemon, f"platform/terraform-aws-{name}/aws", f"the next page is not below {api}$")
    assert len(upstream.requests("github_api")) == 4 and upstream.requests(path="page=2") == []
    assert states(daemon)["terraform-aws-well"] == "current"


def test_listing_cut_short_changes_nothing(daemon, upstream):
    """With a page missing nothing is published, and nothing pruned, that the whole would have kept."""
    numbers = [f"1.{i}.0" for i in range(25)]
    prepare(daemon, upstream, [good("null", *numbers[:22])])
    daemon.write_depot(
        "demo", providers=[provider("null", None, PLATFORM, versionHistoryLimit=2)], pollingIntervalMinutes=60
    )
    daemon.start().settle()
    assert set(check(daemon.store)["null"]) == {"1.20.0", "1.21.0"}
    before = daemon.snapshot(daemon.store)

    upstream.replace(World(providers=[good("null", *numbers)]))
    fault = upstream.add_fault("status", role="hashicorp_api", path="after=", status=404)
    daemon.sync(status=1)
    check_failed(daemon, "hashicorp/null", "after=.*HTTP 404")
    assert upstream.faults()[0]["hits"] == 1 and upstream.faults()[0]["id"] == fault
    assert daemon.states("hashicorp/null") == {"1.20.0": "published", "1.21.0": "published"}
    assert daemon.snapshot(daemon.store) == before

    upstream.clear_faults()
    daemon.sync("--force")
    assert set(check(daemon.store)["null"]) == {"1.23.0", "1.24.0"}


@pytest.mark.parametrize("inclusive", [False, True])
def test_every_page_is_read(daemon, upstream, inclusive):
    """Whether the cursor's own instant is listed again or not, which upstream does not promise."""
    world = World(providers=[good("null", *(f"1.{i}.0" for i in range(43)))], after_inclusive=inclusive)
    upstream.replace(world)
    daemon.write_depot("demo", providers=[provider("null", "1.0.0", PLATFORM)], pollingIntervalMinutes=60)
    daemon.start().settle()
    assert states(daemon) == {"null": "current"}
    assert check(daemon.store) == {"null": {"1.0.0": ["linux_amd64"]}}


def test_version_that_disappears_stays_published(daemon, upstream):
    prepare(daemon, upstream, [good("null", "1.0.0", "1.1.0")], [vpc("one", "v1.0.0", "v1.1.0")]).start().settle()
    before = daemon.snapshot(daemon.store)
    upstream.replace(World(providers=[good("null", "1.0.0")], modules=[vpc("one", "v1.1.0")]))
    daemon.sync("--force")
    after = daemon.snapshot(daemon.store)
    changed = [path for path in before.keys() | after.keys() if before.get(path) != after.get(path)]
    # Only the records say so.
    assert {os.path.basename(path) for path in changed if not os.path.isdir(path)} == {"record.json"}
    assert set(check(daemon.store)["null"]) == {"1.0.0", "1.1.0"}
    assert set(states(daemon).values()) == {"current"}
    plan = [item for event in daemon.ctl("plan") for item in event.get("plan", [])]
    gone = {(item["package"], item["version"]) for item in plan if "upstream no longer lists it" in item["reason"]}
    assert gone == {("hashicorp/null", "1.1.0"), ("platform/terraform-aws-one/aws", "1.0.0")}


# Our own limits


def test_artifacts_that_are_too_large(daemon, upstream):
    large = Module("acme", "terraform-aws-one", [Release("v1.0.0"), Release("v2.0.0", size=1_300_000)])
    null = good("null", "1.0.0")
    null.versions.append(ProviderVersion("2.0.0", ["linux_amd64"], 1_300_000))
    large.transfer = "chunked"
    prepare(daemon, upstream, [null], [large], transfers={"maxArtifactSize": "1M"}).start().settle()
    for package in ("hashicorp/null", "platform/terraform-aws-one/aws"):
        known = daemon.versions(package)["2.0.0"]
        assert known["state"] == "failed" and "larger than the limit of 1048576 bytes" in known["reason"]
        assert daemon.states(package)["1.0.0"] == "published"
    assert check(daemon.store)["null"] == {"1.0.0": ["linux_amd64"]}
    assert not [file for file in daemon.files() if "2.0.0" in file]


LATENCY = 0.1


def peak(requests):
    """How many were under way at the same time, at most. Before the latency is over nobody can have been answered."""
    events = [(r["time"], 1) for r in requests] + [(r["time"] + LATENCY, -1) for r in requests]
    now = most = 0
    for _, step in sorted(events):
        now += step
        most = max(most, now)
    return most


def test_parallel_transfers_are_limited(daemon, upstream):
    prepare(
        daemon,
        upstream,
        [good(f"p{i}", "1.0.0", "1.1.0") for i in range(4)],
        [vpc(f"m{i}", "v1.0.0", "v1.1.0") for i in range(4)],
        transfers={"parallel": 3, "parallelPerHost": 2},
    )
    upstream.set_latency(round(LATENCY * 1000))
    daemon.start().settle()
    assert set(states(daemon).values()) == {"current"}
    requests = upstream.requests()
    peaks = {role: peak([r for r in requests if r["role"] == role]) for role in {r["role"] for r in requests}}
    # GitHub asks for one request at a time.
    assert peaks.pop("github_api") == 1
    assert peaks["hashicorp_releases"] == 2 and max(peaks.values()) == 2
    assert peak(requests) == 3


# Archives

HOSTILE = {
    "traversal": r'"terraform-aws-one-2\.0\.0/modules/\.\./\.\./\.\./escaped\.tf": ".*" in the path',
    "absolute": r'"/tmp/escaped\.tf": absolute path',
    "symlink-out": "modules/outside: symbolic link to .*etc/passwd leads out of the archive",
    "symlink-absolute": "outside: symbolic link to the absolute path /etc/passwd",
    "symlink-through": "gate",
    "hardlink-out": "outside.*hard link to ",
    "device": r'"terraform-aws-one-\S*/null": is a device',
    "fifo": r'"terraform-aws-one-\S*/pipe": is a fifo',
    "duplicate": r"main\.tf: is in the archive more than once",
    "bomb": r'"zeros\.bin": more than 16777216 bytes unpacked are not accepted',
    "entries": r"many/\d+\": more than 1000 entries are not accepted",
    "deep": r"/(d/){20}.*\.\.\.\": name too long",
    "newline": r"two\S*lines\.tf\": control character",
    "two-tops": r'"another-top/main\.tf": lies ',
    "truncated": "truncated gzip file|damaged gzip",
    "not-gzip": "neither a tar.gz nor a zip archive|not a gzip file",
    "empty": "there is no file in the archive",
}


def test_hostile_archives(daemon, upstream):
    sizes = {"bomb": 64 << 20, "entries": 2000}
    numbers = {name: f"2.{i}.0" for i, name in enumerate(HOSTILE)}
    bad = [Release(f"v{numbers[name]}", hostile=name, size=sizes.get(name, 0)) for name in HOSTILE]
    one = Module("acme", "terraform-aws-one", [Release("v1.0.0"), *bad, Release("v3.0.0")])
    limits = {"maxEntries": 1000, "maxUnpackedSize": "16M"}
    prepare(daemon, upstream, [], [one], modules=limits).start().settle()
    package = "platform/terraform-aws-one/aws"
    for name, reason in HOSTILE.items():
        known = daemon.versions(package)[numbers[name]]
        reason = reason.replace(r"2\.0\.0", re.escape(numbers[name]))
        assert known["state"] == "failed" and re.search(reason, known["reason"]), (name, known)
        assert known["reason"].isprintable() and len(known["reason"]) < 300
    assert not [file for file in daemon.files() if "/2." in file or "escaped" in file]
    assert not list((daemon.store / ".staging").iterdir())
    published = [number for number, state in daemon.states(package).items() if state == "published"]
    assert published == ["3.0.0", "1.0.0"]
    check(daemon.store)


@pytest.mark.parametrize("kind", ["no-commit", "bad-commit"])
def test_archive_that_names_no_commit(daemon, upstream, kind):
    """The commit is told when it is known; an archive that makes one up gets none."""
    one = Module("acme", "terraform-aws-one", [Release("v1.0.0", hostile=kind)])
    prepare(daemon, upstream, [], [one]).start().settle()
    known = daemon.versions("platform/terraform-aws-one/aws")["1.0.0"]
    assert (known["state"], known.get("commit")) == ("published", None)
