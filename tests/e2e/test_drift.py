"""What upstream changes after the fact: told once, seen everywhere, and never a reason to change what is published."""

import json

from daemon import module
from drift_check import AGAIN, TOLD, bytes_of, check_seen, drift
from setting import wait_for
from simulator.world import Module, Release, World

MODULE = "platform/terraform-aws-vpc/aws"
COMMITS = ["a" * 40, "b" * 40, "c" * 40]


def modules(*releases):
    return World(modules=[Module("acme", "terraform-aws-vpc", list(releases))])


def tag(number, commit=0, **more):
    """Another commit has another content, too."""
    return Release(number, commit=COMMITS[commit], seed=commit, **more)


def start(daemon, upstream, *releases, network=None, **more):
    upstream.replace(modules(*releases))
    daemon.configure(**({"network": network} if network else {}))
    daemon.write_depot("demo", modules=[module("terraform-aws-vpc", "acme", "aws", **more)])
    daemon.start()
    return daemon


def test_a_tag_that_leads_to_another_commit(daemon, upstream):
    start(daemon, upstream, tag("v1.0.0"), tag("v1.1.0"), source="tags").settle()
    before, whole = bytes_of(daemon), daemon.tree()
    upstream.replace(modules(tag("v1.0.0", 1), tag("v1.1.0")))
    upstream.reset()
    for _ in range(3):
        daemon.sync()
    check_seen(daemon, MODULE, "commit", f"tag v1.0.0 is commit {COMMITS[1]}, was {COMMITS[0]}")
    assert daemon.text().count(TOLD) == 1 and bytes_of(daemon) == before
    assert not upstream.requests("codeload") and "drift" not in daemon.versions(MODULE)["1.1.0"]
    snapshot = daemon.snapshot(daemon.store)
    daemon.restart().settle()
    check_seen(daemon, MODULE, "commit", f"tag v1.0.0 is commit {COMMITS[1]}, was {COMMITS[0]}")
    assert daemon.text().count(TOLD) == 1 and daemon.snapshot(daemon.store) == snapshot
    # Once more elsewhere is news, and back again ends it.
    upstream.replace(modules(tag("v1.0.0", 2), tag("v1.1.0")))
    daemon.sync()
    assert drift(daemon, MODULE) == [("commit", f"tag v1.0.0 is commit {COMMITS[2]}, was {COMMITS[0]}")]
    assert daemon.text().count(TOLD) == 2
    upstream.replace(modules(tag("v1.0.0"), tag("v1.1.0")))
    for _ in range(2):
        daemon.sync()
    assert daemon.text().count(AGAIN) == 1 and daemon.tree() == whole


def test_a_tag_that_moves_while_it_is_fetched(daemon, upstream):
    """It is kept out until upstream says the same twice."""
    upstream.add_fault("hold", role="codeload")
    start(daemon, upstream, tag("v1.0.0"), source="tags", network={"stallTimeout": "60s"})
    wait_for(lambda: upstream.requests("codeload"), 30, "the download")
    upstream.replace(modules(tag("v1.0.0", 1)))
    upstream.clear_faults()
    daemon.settle()
    version = daemon.versions(MODULE)["1.0.0"]
    expected = f"tag v1.0.0 has moved while it was fetched: it was listed as commit {COMMITS[0]}, the archive is of {COMMITS[1]}"
    assert (version["state"], version["reason"]) == ("failed", expected)
    assert not [file for file in daemon.files() if file.endswith(".zip")]
    daemon.sync("--force")
    version = daemon.versions(MODULE)["1.0.0"]
    assert (version["state"], version["commit"]) == ("published", COMMITS[1]) and "drift" not in version
    daemon.sync()
    assert TOLD not in daemon.text()


def test_a_release_whose_tag_moves_while_it_is_fetched(daemon, upstream):
    """No listing of releases tells the commit: what is published is what came, and upstream is held against the listing."""
    was, now = "2025-01-01T00:00:00Z", "2025-06-01T00:00:00Z"
    upstream.add_fault("hold", role="codeload")
    start(daemon, upstream, tag("v1.0.0", created=was), network={"stallTimeout": "60s"})
    wait_for(lambda: upstream.requests("codeload"), 30, "the download")
    upstream.replace(modules(tag("v1.0.0", 1, created=now)))
    upstream.clear_faults()
    daemon.settle()
    version = daemon.versions(MODULE)["1.0.0"]
    assert (version["state"], version["commit"]) == ("published", COMMITS[1])
    before = bytes_of(daemon)
    for _ in range(2):
        daemon.sync()
    assert drift(daemon, MODULE) == [("tag", f"the commit of tag v1.0.0 is of {now}, was of {was}")]
    assert daemon.text().count(TOLD) == 1 and bytes_of(daemon) == before


def test_a_forced_sync_of_a_tag_that_has_moved(daemon, upstream):
    """The time of the commit is the same: no listing of releases tells."""
    created = "2025-01-01T00:00:00Z"
    start(daemon, upstream, tag("v1.0.0", created=created)).settle()
    before, whole = bytes_of(daemon), daemon.tree()
    h1 = daemon.versions(MODULE)["1.0.0"]["artifacts"][0]["h1"]
    upstream.replace(modules(tag("v1.0.0", 1, created=created)))
    daemon.sync()
    assert drift(daemon, MODULE) == []
    for _ in range(2):
        daemon.sync("--force", MODULE, "1.0.0", status=1)
    ((kind, detail),) = drift(daemon, MODULE)
    assert kind == "tree" and detail.startswith("the tree of tag v1.0.0 is h1:") and detail.endswith(f", was {h1}")
    assert daemon.text().count(TOLD) == 1 and bytes_of(daemon) == before
    daemon.restart().settle()
    check_seen(daemon, MODULE, kind, detail)
    upstream.replace(modules(tag("v1.0.0", created=created)))
    daemon.sync("--force", MODULE, "1.0.0")
    assert drift(daemon, MODULE) == [] and daemon.text().count(AGAIN) == 1
    assert daemon.tree() == whole


def test_a_forced_sync_takes_what_may_change(daemon, upstream):
    start(daemon, upstream, tag("v1.0.0"), source="tags", immutable=False).settle()
    upstream.replace(modules(tag("v1.0.0", 1)))
    daemon.sync()
    assert [kind for kind, _ in drift(daemon, MODULE)] == ["commit"]
    daemon.sync("--force", MODULE, "1.0.0")
    version = daemon.versions(MODULE)["1.0.0"]
    assert version["commit"] == COMMITS[1] and "drift" not in version
    daemon.sync()
    record = json.loads((daemon.module_directory("terraform-aws-vpc", "aws") / "record.json").read_text())
    assert "drift" not in record["versions"]["1.0.0"] and daemon.text().count(TOLD) == 1
