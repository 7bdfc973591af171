"""Listings of several pages, while upstream and its credentials change between one page and the next."""

import re
import ssl
import urllib.request

import pytest

from daemon import module, provider
from setting import wait_for
from simulator.world import Module, Provider, ProviderVersion, Release, World, default_created
from test_github import PRIVATE, TOKEN, check_no_leak, prepare
from test_github_app import KEY, OTHER, SETTING, pem, public
from test_github_app import world as app_world
from test_kinds import listed_module, write

REPO = "terraform-aws-vpc"
PACKAGE = f"platform/{REPO}/aws"
N = 120  # releases: v1.119.0 to v1.20.0 on the first page, v1.19.0 to v1.0.0 on the second
SECOND = "[?&]page=2"


def repository(*gone, private=False):
    """Each release has the time that it had before others went."""
    numbers = [minor for minor in range(N) if minor not in gone]
    return Module("acme", REPO, [Release(f"v1.{minor}.0", created=default_created(minor)) for minor in numbers], private)


def hold(upstream, *after):
    """Holds a request for the second page back, after so many were let through."""
    return [upstream.add_fault("hold", path=SECOND, skip=n, times=1) for n in after]


def wait_for_second(upstream, n=1):
    wait_for(lambda: len(upstream.requests(path="page=2")) >= n, 60, "the second page to be asked for")


def change_between_pages(daemon, upstream, change):
    """A sync that reads the first page before the change and the second one after it."""
    upstream.reset()
    hold(upstream, 0)
    daemon.ctl("sync")
    wait_for_second(upstream)
    change()
    upstream.clear_faults()
    daemon.settle()


def told_of(daemon):
    return {n: one["drift"][0]["kind"] for n, one in daemon.versions(PACKAGE).items() if one.get("drift")}


def pages(upstream):
    """Which ones were asked for, in order, and what the answers were."""
    return [(2 if "page=2" in r["path"] else 1, r["status"]) for r in upstream.requests("github_api")]


# A release that goes moves the first of the second page, 1.19.0, onto the first one


@pytest.fixture
def listed(daemon, upstream):
    prepare(daemon, upstream, [], World(modules=[repository()]))
    daemon.remove_depot("demo")
    write(daemon, "vpc", listed_module("1.119.0", "1.19.0", "1.18.0", "1.17.0", "1.16.0"))
    daemon.start()
    daemon.sync()
    return daemon


def test_a_release_that_goes_while_the_pages_are_read(listed, upstream):
    """It has vanished; the one that moves to a page which was read already has not, and keeps its place."""
    numbers = {"1.119.0", "1.19.0", "1.18.0", "1.17.0", "1.16.0"}
    assert set(listed.states(PACKAGE)) == numbers
    change_between_pages(listed, upstream, lambda: upstream.replace(World(modules=[repository(119)])))
    assert told_of(listed) == {"1.119.0": "vanished"}
    assert listed.text().count("upstream no longer lists it") == 1
    assert listed.states(PACKAGE) == dict.fromkeys(numbers, "published")
    # The second listing misses another version than the first, the third the same one.
    assert pages(upstream) == [(1, 304), (2, 200), (1, 200), (2, 304), (1, 304), (2, 304)]
    # From then on it is known.
    before = listed.snapshot(listed.store)
    upstream.reset()
    listed.sync()
    assert pages(upstream) == [(1, 304), (2, 304)] and listed.snapshot(listed.store) == before


def test_nothing_is_pruned_for_it(daemon, upstream):
    entry = module(REPO, "acme", "aws", "<= 1.19.0", versionHistoryLimit=2)
    prepare(daemon, upstream, [entry], World(modules=[repository()])).start()
    daemon.sync()
    before = daemon.tree()
    assert set(daemon.states(PACKAGE)) == {"1.19.0", "1.18.0"}
    change_between_pages(daemon, upstream, lambda: upstream.replace(World(modules=[repository(100)])))
    assert daemon.tree() == before and set(daemon.states(PACKAGE).values()) == {"published"}
    assert not upstream.requests("codeload")


def test_a_listed_version_is_not_said_to_be_missing_for_it(daemon, upstream):
    """Nor one that an operator asks for; both at the first listing, when nothing is known."""
    prepare(daemon, upstream, [], World(modules=[repository()]))
    daemon.remove_depot("demo")
    write(daemon, "vpc", listed_module("1.19.0"))
    hold(upstream, 0)
    daemon.start()
    wait_for_second(upstream)
    upstream.replace(World(modules=[repository(100)]))
    upstream.clear_faults()
    daemon.settle()
    assert daemon.states(PACKAGE) == {"1.19.0": "published"}
    assert "upstream has no such version" not in daemon.text()
    # One that is really not there costs a second listing when it is missed first, and no more of them.
    write(daemon, "vpc", listed_module("1.19.0", "7.0.0"))
    upstream.reset()
    assert daemon.run("reload").returncode == 0
    daemon.settle()
    assert daemon.versions(PACKAGE)["7.0.0"]["state"] == "failed" and pages(upstream) == 2 * [(1, 304), (2, 304)]
    upstream.reset()
    daemon.sync(status=1)
    assert pages(upstream) == [(1, 304), (2, 304)]


def test_releases_that_go_all_the_time(listed, upstream):
    """Nothing is concluded from listings that never agree; as soon as two do, it is."""
    before = listed.tree()
    upstream.reset()
    rules = hold(upstream, 0, 1, 2, 3)
    listed.ctl("sync")
    for n, rule in enumerate(rules, 1):
        wait_for_second(upstream, n)
        upstream.replace(World(modules=[repository(*range(100, 100 + n))]))
        upstream.clear_faults(rule)
    listed.settle()
    known = listed.packages()[PACKAGE]
    assert (known["state"], known["reason"]) == ("failed", "the releases change while they are read, page by page")
    assert known["nextTry"] and listed.tree() == before and told_of(listed) == {}
    listed.sync()
    assert listed.packages()[PACKAGE]["state"] == "current" and listed.tree() == before


# Credentials


def prepare_private(daemon, upstream, described, **more):
    """The two versions that are wanted stand on the second page."""
    entry = module(REPO, "acme", "aws", "<= 1.19.0", versionHistoryLimit=2, **PRIVATE)
    prepare(daemon, upstream, [entry], described, **more)
    daemon.start()
    daemon.sync()
    assert daemon.states(PACKAGE) == {"1.19.0": "published", "1.18.0": "published"}
    return daemon.tree()


def check_failed(daemon, before, words):
    known = daemon.packages()[PACKAGE]
    assert known["state"] == "failed" and re.search(words, known["reason"]) and known["nextTry"], known
    assert daemon.tree() == before and set(daemon.states(PACKAGE).values()) == {"published"}
    assert told_of(daemon) == {}


def test_a_token_that_is_revoked_between_pages(daemon, upstream):
    daemon.write_credential("github-token", TOKEN)
    described = World(modules=[repository(private=True)], tokens=[TOKEN])
    before = prepare_private(daemon, upstream, described, tokenCredential="github-token")
    revoked = World(modules=[repository(private=True)], tokens=["another"])
    change_between_pages(daemon, upstream, lambda: upstream.replace(revoked))
    assert pages(upstream) == [(1, 304), (2, 401)]
    check_failed(daemon, before, r"page=2: HTTP 401: the credential \(token github-token\) is wrong, has expired or was revoked$")
    daemon.write_credential("github-token", "another")
    daemon.ctl("reload")
    daemon.sync()
    assert daemon.packages()[PACKAGE]["state"] == "current" and daemon.tree() == before
    check_no_leak(daemon, upstream, TOKEN, "another")


def test_a_token_of_an_app_that_is_revoked_between_pages(daemon, upstream):
    """Another one is asked for, and the listing goes on where it was."""
    daemon.write_credential("app-key", pem(KEY))
    before = prepare_private(daemon, upstream, app_world([repository(private=True)]), app=SETTING)
    change_between_pages(daemon, upstream, upstream.revoke_tokens)
    asked = [(r["path"].rpartition("/")[2], r["status"]) for r in upstream.requests("github_api")]
    assert asked == [("releases?per_page=100", 304), ("releases?per_page=100&page=2", 401), ("access_tokens", 201),
                     ("releases?per_page=100&page=2", 304)]
    assert daemon.packages()[PACKAGE]["state"] == "current" and daemon.tree() == before


def test_a_key_of_an_app_that_is_revoked_between_pages(daemon, upstream):
    daemon.write_credential("app-key", pem(KEY))
    before = prepare_private(daemon, upstream, app_world([repository(private=True)]), app=SETTING)

    def revoke():
        upstream.replace(app_world([repository(private=True)], key=OTHER))
        upstream.revoke_tokens()

    change_between_pages(daemon, upstream, revoke)
    check_failed(daemon, before, "^GitHub App 4711: GitHub does not accept what is signed .*; it is not a key of the App")
    daemon.write_credential("app-key", pem(OTHER))
    daemon.ctl("reload")
    daemon.sync()
    assert daemon.packages()[PACKAGE]["state"] == "current" and daemon.tree() == before
    check_no_leak(daemon, upstream, "ghs_4711", *(pem(key).splitlines()[1] for key in (KEY, OTHER)))
    assert public(OTHER) not in daemon.text()


# Circles


def first_page(upstream):
    url = upstream.endpoints["hashicorp_api"] + "/v1/releases/terraform-provider-null?limit=20&license_class=oss"
    context = ssl.create_default_context(cafile=upstream.endpoints["ca"])
    with urllib.request.urlopen(url, context=context) as response:
        return response.read().decode()


@pytest.mark.parametrize("n_good", [0, 1], ids=["to-itself", "to-one-before"])
def test_cursors_that_go_in_a_circle(daemon, upstream, n_good):
    """The Releases API has the first page again in the place of the second or of the third."""
    versions = [ProviderVersion(f"1.{minor}.0", ["linux_amd64"], 20_000) for minor in range(50)]
    upstream.replace(World(providers=[Provider("null", versions=versions)]))
    entry = provider("null", platforms=(("linux",), ("amd64",)), versionHistoryLimit=2)
    daemon.write_depot("demo", providers=[entry], pollingIntervalMinutes=60)
    daemon.start()
    daemon.sync()
    before, body = daemon.tree(), first_page(upstream)
    upstream.reset()
    upstream.add_fault("garbage", path="after=", skip=n_good, body=body, content_type="application/json")
    daemon.sync("--force", status=1)
    known = daemon.packages()["hashicorp/null"]
    assert known["state"] == "failed" and known["reason"].endswith("the pages of releases go in a circle")
    assert daemon.tree() == before and len(upstream.requests("hashicorp_api")) == 2 + n_good
