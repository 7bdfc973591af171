"""Request budgets: polls stop in time, operators may use what is left, and what was cut short changes nothing."""

import re
import time

from daemon import module
from simulator.world import Module, Release, World
from test_faults import instant
from test_github import PRIVATE, TOKEN, prepare

NAMES = [f"terraform-aws-{letter}" for letter in "abcdefgh"]


def repositories(*names, tags=("v1.0.0",), **more):
    return [Module("acme", name, [Release(tag) for tag in tags], **more) for name in names]


def prepare_all(daemon, upstream, limit, names=NAMES, **more):
    described = World(modules=repositories(*names), tokens=[TOKEN], rate_limit_anonymous=limit, rate_limit_authenticated=limit)
    return prepare(daemon, upstream, [module(name, "acme", "aws") for name in names], described, **more)


def budgets(daemon):
    return {one["name"].split(", ", 1)[1]: one for one in daemon.call("GetStatus")["status"]["budgets"]}


def failed(daemon):
    return {name.split("/")[1]: one["reason"] for name, one in daemon.packages().items() if one["state"] == "failed"}


def asked(upstream):
    return len(upstream.requests("github_api"))


def test_polls_leave_a_reserve_to_operators(daemon, upstream):
    prepare_all(daemon, upstream, 10, budgetReserve=50).start().settle()
    assert asked(upstream) == 5
    assert len(failed(daemon)) == 3
    for text in failed(daemon).values():
        assert re.search(r"not asked, the request budget \(localhost:\d+, without credentials\) is used up but for its reserve", text)
    budget = budgets(daemon)["without credentials"]
    assert (budget["limit"], budget["remaining"], budget["nextTry"]) == (10, 5, budget["reset"])
    assert 3500 < instant(budget["reset"]) - time.time() <= 3601
    assert "Request budgets" in daemon.run("status").stdout
    assert all(instant(one["nextTry"]) >= instant(budget["reset"]) for one in daemon.packages().values() if one["state"] == "failed")

    # Another start asks no more; an operator may.
    daemon.restart().settle()
    assert asked(upstream) == 5 and budgets(daemon)["without credentials"]["remaining"] == 5
    daemon.sync(status=1)
    assert asked(upstream) == 10
    assert budgets(daemon)["without credentials"]["remaining"] == 0
    daemon.sync(status=1)
    assert asked(upstream) == 10
    assert any("is used up until" in text for text in failed(daemon).values())


def test_one_budget_for_each_credential(daemon, upstream):
    """What is used up without credentials says nothing of a token."""
    names = NAMES[:4]
    prepare_all(daemon, upstream, 2, names, budgetReserve=0, tokenCredential="github-token")
    daemon.write_credential("github-token", TOKEN)
    entries = [module(name, "acme", "aws", **(PRIVATE if name == names[3] else {})) for name in names]
    daemon.write_depot("demo", modules=entries, pollingIntervalMinutes=60)
    daemon.start().settle()
    assert set(budgets(daemon)) == {"without credentials", "token github-token"}
    assert len(failed(daemon)) == 1 and names[3] not in failed(daemon)
    assert TOKEN not in str(budgets(daemon))


def test_a_listing_that_is_cut_short_changes_nothing(daemon, upstream):
    """The limit is hit between two pages: nothing is pruned or withdrawn, although half of the versions were not seen."""
    tags = [f"v1.{minor}.0" for minor in range(120)]
    described = World(modules=repositories(NAMES[0], tags=tags), rate_limit_anonymous=100)
    entry = module(NAMES[0], "acme", "aws", "< 1.3.0", versionHistoryLimit=3)
    prepare(daemon, upstream, [entry], described, budgetReserve=0).start().settle()
    name = f"platform/{NAMES[0]}/aws"
    assert daemon.states(name) == {"1.0.0": "published", "1.1.0": "published", "1.2.0": "published"}
    before = daemon.tree()

    # The oldest ones, which are those that are published, stand on the second page. It is HTML, goes in a circle, ends in
    # the middle of the list, or is refused.
    longer = [*tags, "v2.0.0"]
    upstream.replace(World(modules=repositories(NAMES[0], tags=longer)))
    circle = f'<{upstream.endpoints["github_api"]}/repos/acme/{NAMES[0]}/releases?per_page=100>; rel="next"'
    for rule, words in (
        ({"action": "garbage"}, "releases: "),
        ({"action": "headers", "headers": {"Link": circle}}, "the pages of releases go in a circle"),
        ({"action": "garbage", "body": '[{"tag_name": "v1', "content_type": "application/json"}, "releases: truncated"),
        ({"action": "status", "status": 404}, "HTTP 404"),
    ):
        upstream.clear_faults()
        upstream.add_fault(**rule, path="[?&]page=2")
        daemon.sync("--force", status=1)
        assert re.search(words, daemon.packages()[name]["reason"])
        assert daemon.tree() == before
        assert daemon.states(name) == {"1.0.0": "published", "1.1.0": "published", "1.2.0": "published"}


def test_limit_between_two_pages(daemon, upstream):
    """GitHub itself says no to the second page."""
    tags = [f"v1.{minor}.0" for minor in range(120)]
    entry = module(NAMES[0], "acme", "aws", "< 1.3.0", versionHistoryLimit=3)
    described = World(modules=repositories(NAMES[0], tags=tags))
    prepare(daemon, upstream, [entry], described).start().settle()
    before = daemon.tree()
    upstream.add_fault("ratelimit", path="[?&]page=2", reset_in=600)
    daemon.sync("--force", status=1)
    known = daemon.packages()[f"platform/{NAMES[0]}/aws"]
    assert "HTTP 403, the rate limit is used up until" in known["reason"]
    assert 500 < instant(known["nextTry"]) - time.time() < 1000
    assert daemon.tree() == before and set(daemon.states(f"platform/{NAMES[0]}/aws").values()) == {"published"}
    assert budgets(daemon)["without credentials"]["remaining"] == 0


def test_secondary_limits(daemon, upstream):
    """Retry-After is kept for everything that uses the budget; when it comes again, the wait is longer."""
    prepare_all(daemon, upstream, 5000, NAMES[:3])
    upstream.add_fault("ratelimit", kind="secondary", retry_after=30, role="github_api")
    daemon.start().settle()
    assert asked(upstream) == 1
    first = instant(budgets(daemon)["without credentials"]["nextTry"]) - time.time()
    assert 20 < first <= 30
    assert len(failed(daemon)) == 3
    daemon.sync(status=1)
    assert asked(upstream) == 1


def test_requests_of_a_budget_are_serial(daemon, upstream):
    prepare_all(daemon, upstream, 5000, tokenCredential="github-token").write_credential("github-token", TOKEN)
    entries = [module(name, "acme", "aws", **PRIVATE) for name in NAMES]
    daemon.write_depot("demo", modules=entries, pollingIntervalMinutes=60)
    upstream.set_latency(30)
    daemon.start().settle()
    assert not failed(daemon)
    assert upstream.stats()["github_api"]["peak"] == 1


def test_unchanged_polls_cost_nothing(daemon, upstream):
    """With a credential, a conditional request that finds nothing new is not counted."""
    prepare_all(daemon, upstream, 100, NAMES[:4], tokenCredential="github-token").write_credential("github-token", TOKEN)
    daemon.write_depot("demo", modules=[module(n, "acme", "aws", **PRIVATE) for n in NAMES[:4]], pollingIntervalMinutes=60)
    daemon.start().settle()
    remaining = budgets(daemon)["token github-token"]["remaining"]
    daemon.sync()
    assert budgets(daemon)["token github-token"]["remaining"] == remaining
