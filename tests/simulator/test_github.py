"""Self-test of the simulated GitHub: listings, names, limits and archives."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import time
from collections.abc import Callable

import pytest

from simulator.client import Simulator
from simulator.content import tree_hash
from simulator.peer import fetch, follow, recorded
from simulator.world import HOSTILE

def test_github_release_has_the_recorded_shape(upstream: Simulator) -> None:
    sample = recorded("github/octokit-release-by-tag.json")
    ours = fetch(upstream, "github_api", "/repos/many/terraform-test-many/releases").json()[0]
    assert set(ours) >= set(sample) and set(ours["author"]) >= set(sample["author"])
    tags = recorded("github/dependabot-is_number_tags.json")
    assert set(fetch(upstream, "github_api", "/repos/many/terraform-test-many/tags").json()[0]) >= set(tags[0])


def test_github_paging_follows_link(upstream: Simulator) -> None:
    target, tags, pages = "/repos/many/terraform-test-many/releases?per_page=30", [], 0
    while target:
        answer = fetch(upstream, "github_api", target)
        tags += [r["tag_name"] for r in answer.json()]
        links = dict(reversed(part.strip().split("; ")) for part in answer.headers["link"].split(","))
        target = links.get('rel="next"', "<>")[1:-1].removeprefix(upstream.endpoints["github_api"])
        assert not target or target.startswith("/repositories/")
        pages += 1
    assert (tags, pages) == ([f"v1.{i}.0" for i in reversed(range(70))], 3)
    assert len(fetch(upstream, "github_api", "/repos/many/terraform-test-many/releases").json()) == 30
    assert "link" not in fetch(upstream, "github_api", "/repos/many/terraform-test-many/releases?per_page=100").headers


def test_drafts_privates_and_names(upstream: Simulator) -> None:
    vpc = "/repos/terraform-aws-modules/terraform-aws-vpc/releases"
    assert "v5.2.0" not in [r["tag_name"] for r in fetch(upstream, "github_api", vpc).json()]
    draft = fetch(upstream, "github_api", vpc, Authorization="Bearer x").json()[0]
    assert draft["draft"] and draft["published_at"] is None
    private = "/repos/hidden/terraform-test-private/releases"
    assert fetch(upstream, "github_api", private).status == 404
    assert fetch(upstream, "github_api", private, Authorization="Bearer x").status == 200
    assert fetch(upstream, "github_api", "/repos/azure/TERRAFORM-azurerm-aks/releases").status == 200
    assert fetch(upstream, "github_api", "/repos/nobody/nothing/releases").status == 404
    plain = "/repos/plain/terraform-test-files"
    assert [r["tag_name"] for r in fetch(upstream, "github_api", plain + "/releases").json()] == ["1.0.0"]
    assert len(fetch(upstream, "github_api", plain + "/tags").json()) == 2
    assert [r["authorization"] for r in upstream.requests("github_api")][:3] == [False, True, False]


def test_renamed_repository_redirects(upstream: Simulator) -> None:
    answer = fetch(upstream, "github_api", "/repos/terraform-google-modules/terraform-google-gke/releases?per_page=5")
    assert answer.status == 301 and answer.headers["location"].endswith("/releases?per_page=5")
    moved = follow(upstream, "github_api", "/repos/terraform-google-modules/terraform-google-gke/releases?per_page=5")
    assert moved.json()[0]["tag_name"] == "v33.0.1"
    old = "/terraform-google-modules/terraform-google-gke/archive/refs/tags/v33.0.0.tar.gz"
    assert fetch(upstream, "github_web", old).status == 301 and follow(upstream, "github_web", old).status == 200


def test_rate_limit_is_counted_and_enforced(upstream: Simulator) -> None:
    world = upstream.world()
    world.rate_limit_anonymous = 2
    upstream.replace(world)
    try:
        target = "/repos/many/terraform-test-many/releases"
        left = [fetch(upstream, "github_api", target).headers["x-ratelimit-remaining"] for _ in range(2)]
        refused = fetch(upstream, "github_api", target)
        assert left == ["1", "0"] and refused.status == 403 and refused.headers["x-ratelimit-remaining"] == "0"
        assert int(refused.headers["x-ratelimit-reset"]) > time.time()
        assert fetch(upstream, "github_api", target, Authorization="Bearer x").status == 200
    finally:
        world.rate_limit_anonymous = 5000
        upstream.replace(world)


def _members(data: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {m.name: m for m in archive.getmembers()}


@pytest.mark.parametrize("repo", ["terraform-aws-modules/terraform-aws-eks", "terraform-aws-modules/terraform-aws-vpc"])
def test_archive_is_what_codeload_sends(upstream: Simulator, repo: str) -> None:
    tag = "v21.10.1" if repo.endswith("eks") else "v5.0.0"
    answer = follow(upstream, "github_web", f"/{repo}/archive/refs/tags/{tag}.tar.gz")
    assert answer.headers.get("transfer-encoding") == ("chunked" if repo.endswith("eks") else None)
    told = next(m for m in upstream.artifacts()["modules"] if f"{m['owner']}/{m['repo']}" == repo and m["tag"] == tag)
    assert hashlib.sha256(answer.body).hexdigest() == told["sha256"]
    with tarfile.open(fileobj=io.BytesIO(answer.body)) as archive:
        assert archive.pax_headers["comment"] == told["commit"]
        top = repo.split("/")[1] + "-" + tag[1:]
        files = []
        for member in archive:
            assert member.name == top or member.name.startswith(top + "/")
            if member.isfile():
                content = archive.extractfile(member).read()        # type: ignore[union-attr]
                files.append((member.name.removeprefix(top + "/"), hashlib.sha256(content).hexdigest()))
    assert tree_hash(files) == told["h1"]
    legacy = follow(upstream, "github_api", f"/repos/{repo}/tarball/{tag}")
    assert next(iter(_members(legacy.body))) == f"{repo.replace('/', '-')}-{told['commit'][:7]}"


def test_unstable_archives_hold_the_same_tree(upstream: Simulator) -> None:
    target = "/wobbly/terraform-test-unstable/archive/refs/tags/v1.0.0.tar.gz"
    first, second = follow(upstream, "github_web", target), follow(upstream, "github_web", target)
    assert first.body != second.body and _members(first.body).keys() == _members(second.body).keys()


def test_archives_know_no_ranges(upstream: Simulator) -> None:
    answer = fetch(upstream, "codeload", "/wobbly/terraform-test-unstable/tar.gz/refs/tags/v1.0.0", Range="bytes=5-")
    assert answer.status == 200


def _evil(upstream: Simulator, kind: str) -> bytes:
    return follow(upstream, "github_web",
                  f"/evil/terraform-test-evil/archive/refs/tags/v1.0.{HOSTILE.index(kind)}.tar.gz").body


_TOP = "terraform-test-evil-1.0."
_EVIL: dict[str, Callable[[dict[str, tarfile.TarInfo]], bool]] = {
    "traversal": lambda m: any("/../../../" in n for n in m),
    "absolute": lambda m: "/tmp/escaped.tf" in m,
    "symlink-out": lambda m: any(i.issym() and i.linkname.startswith("../../../etc") for i in m.values()),
    "symlink-absolute": lambda m: any(i.issym() and i.linkname.startswith("/") for i in m.values()),
    "symlink-through": lambda m: any(n.endswith("/gate/escaped.tf") for n in m),
    "hardlink-out": lambda m: any(i.islnk() and ".." in i.linkname for i in m.values()),
    "device": lambda m: any(i.ischr() for i in m.values()),
    "fifo": lambda m: any(i.isfifo() for i in m.values()),
    "bomb": lambda m: any(i.size == 64 << 20 for i in m.values()),
    "entries": lambda m: len(m) > 5000,
    "deep": lambda m: any(n.count("/") > 2000 for n in m),
    "newline": lambda m: any("\n" in n for n in m),
    "two-tops": lambda m: len({n.split("/")[0] for n in m}) == 2,
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_archives_are_hostile(upstream: Simulator, kind: str) -> None:
    data = _evil(upstream, kind)
    if kind == "not-gzip":
        assert data.startswith(b"<!DOCTYPE")
    elif kind == "empty":
        assert gzip.decompress(data)[1024:] == bytes(1024)      # only the global header
    elif kind == "truncated":
        with pytest.raises((EOFError, tarfile.ReadError)):
            _members(data)
    elif kind in ("no-commit", "bad-commit"):
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            assert archive.next() is not None and archive.pax_headers.get("comment", "").startswith("../" * (kind[0] == "b"))
            assert ("comment" in archive.pax_headers) == (kind == "bad-commit")
    elif kind == "duplicate":
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            assert len([n for n in archive.getnames() if n.endswith("-1.0.8/main.tf")]) == 2
    else:
        assert _EVIL[kind](_members(data))
    if kind == "bomb":
        assert len(data) < 200_000
