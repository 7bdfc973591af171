"""Self-test of the simulator: what it promises in README.md, seen from the outside."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import io
import json
import os
import shutil
import ssl
import subprocess
import tarfile
import time
import urllib.parse
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from simulator.client import Simulator
from simulator.content import tree_hash
from simulator.generators import demo
from simulator.world import HOSTILE, SIGNATURES, Module, Provider, ProviderVersion, Release, World

PLATFORM = ["linux_amd64"]


def _world() -> World:
    world = demo()
    world.providers.append(Provider("many", versions=[
        ProviderVersion(f"1.{i}.0", PLATFORM, 2000, "script") for i in range(45)]))
    world.providers.append(Provider("same", versions=[
        ProviderVersion(f"1.{i}.0", PLATFORM, 2000, "script", created="2024-05-01T00:00:00.500Z") for i in range(2)]))
    world.providers.append(Provider("signed", versions=[
        ProviderVersion(f"1.0.{i}", PLATFORM, 2000, "script", sign=kind) for i, kind in enumerate(SIGNATURES)]))
    world.providers.append(Provider("sums", versions=[
        ProviderVersion(f"1.0.{i}", PLATFORM, 2000, "script", sums=kind)
        for i, kind in enumerate(("ok", "missing-line", "wrong-digest", "malformed", "empty"))]))
    world.providers.append(Provider("shapes", versions=[
        ProviderVersion("1.0.0", PLATFORM, 3_000_000, "stored"), ProviderVersion("1.0.1", PLATFORM, 10_000_000, "random"),
        ProviderVersion("1.0.2", PLATFORM, 8_000_000, "go-binary", 23_000_000)]))
    world.modules.append(Module("many", "terraform-test-many", [Release(f"v1.{i}.0") for i in range(70)]))
    world.modules.append(Module("hidden", "terraform-test-private", [Release("v1.0.0")], private=True))
    world.modules.append(Module("wobbly", "terraform-test-unstable", [Release("v1.0.0")], unstable=True))
    world.modules.append(Module("evil", "terraform-test-evil", [Release(f"v1.0.{i}", hostile=kind, size=_evil_size(kind))
                                                                for i, kind in enumerate(HOSTILE)]))
    world.modules.append(Module("plain", "terraform-test-files", [
        Release("1.0.0", files={"main.tf": "# one\n", "link.tf": "-> main.tf"}), Release("v0.1.0", release=False)]))
    return world


def _evil_size(kind: str) -> int:
    return {"bomb": 64 << 20, "entries": 5000}.get(kind, 0)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with Simulator(tmp_path_factory.mktemp("upstream"), _world()) as simulator:
        yield simulator


@pytest.fixture
def upstream(shared: Simulator) -> Iterator[Simulator]:
    """Each test begins without faults and without a past."""
    shared.reset()
    yield shared
    shared.clear_faults()


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def _connect(upstream: Simulator, role: str, timeout: float = 10) -> http.client.HTTPSConnection:
    context = ssl.create_default_context(cafile=upstream.endpoints["ca"])
    return http.client.HTTPSConnection(urllib.parse.urlsplit(upstream.endpoints[role]).netloc, context=context, timeout=timeout)


def fetch(upstream: Simulator, role: str, target: str, method: str = "GET", timeout: float = 10, **headers: str) -> Answer:
    """One request, redirects not followed; if_range=… sends If-Range."""
    connection = _connect(upstream, role, timeout)
    try:
        names = {"User-Agent": "self-test"} | {k.replace("_", "-"): v for k, v in headers.items()}
        connection.request(method, target, headers=names)
        response = connection.getresponse()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
    finally:
        connection.close()


def follow(upstream: Simulator, role: str, target: str) -> Answer:
    for _ in range(5):
        answer = fetch(upstream, role, target)
        if answer.status not in (301, 302):
            return answer
        base, _, rest = answer.headers["location"].removeprefix("https://").partition("/")
        role = next(k for k, v in upstream.endpoints.items() if v == f"https://{base}")
        target = "/" + rest
    raise AssertionError("too many redirects")


def zip_path(kind: str = "aws", version: str = "5.82.0", platform: str = "linux_amd64") -> str:
    return f"/terraform-provider-{kind}/{version}/terraform-provider-{kind}_{version}_{platform}.zip"


def sums_path(kind: str, version: str) -> str:
    return f"/terraform-provider-{kind}/{version}/terraform-provider-{kind}_{version}_SHA256SUMS"


def fixture(name: str) -> Any:
    folder = os.environ.get("OPENDEPOT_FIXTURES", str(Path(__file__).parents[3] / "shared" / "fixtures"))
    path = Path(folder) / name
    if not path.exists():
        pytest.skip(f"recorded data is absent: {path}")
    return json.loads(path.read_text())


# --- HashiCorp Releases API

def test_release_has_the_recorded_shape(upstream: Simulator) -> None:
    recorded = fixture("hashicorp-releases/api-v1-list/page1.json")
    ours = fetch(upstream, "hashicorp_api", "/v1/releases/terraform-provider-aws").json()
    known = set().union(*(r.keys() for r in recorded))
    required = set.intersection(*(set(r) for r in recorded)) - {"url_docker_registry_dockerhub", "url_docker_registry_ecr"}
    for release in ours:
        assert set(release) <= known and set(release) >= required
        assert release["builds"][0].keys() == recorded[0]["builds"][0].keys()
        assert release["status"].keys() >= recorded[0]["status"].keys()


@pytest.mark.parametrize("limit", [0, 7, 20])
def test_releases_are_paged_by_cursor(upstream: Simulator, limit: int) -> None:
    versions, after, pages = [], "", 0
    while True:
        query = {k: v for k, v in (("limit", str(limit or "")), ("after", after)) if v}
        answer = fetch(upstream, "hashicorp_api", f"/v1/releases/terraform-provider-many?{urllib.parse.urlencode(query)}")
        assert answer.status == 200
        assert answer.headers["content-type"] == "application/vnd+hashicorp.releases-api.v1+json"
        page = answer.json()
        if not page:
            break
        assert len(page) <= (limit or 10)
        versions += [r["version"] for r in page]
        after, pages = page[-1]["timestamp_created"], pages + 1
    assert versions == [f"1.{i}.0" for i in reversed(range(45))]
    assert pages == -(-45 // (limit or 10))


@pytest.mark.parametrize("query", ["limit=21", "limit=0", "limit=x", "after=yesterday"])
def test_bad_parameters_are_refused(upstream: Simulator, query: str) -> None:
    answer = fetch(upstream, "hashicorp_api", f"/v1/releases/terraform-provider-many?{query}")
    assert answer.status == 400 and set(answer.json()) == {"code", "message"}


def test_cursor_is_exclusive_unless_asked(upstream: Simulator) -> None:
    target = "/v1/releases/terraform-provider-same?after="
    assert fetch(upstream, "hashicorp_api", target + "2024-05-01T00:00:00.500Z").json() == []
    assert fetch(upstream, "hashicorp_api", target + "2024-05-01T00:00:00Z").json() == []
    world = upstream.world()
    world.after_inclusive = True
    upstream.replace(world)
    try:
        assert len(fetch(upstream, "hashicorp_api", target + "2024-05-01T00:00:00.500Z").json()) == 2
    finally:
        world.after_inclusive = False
        upstream.replace(world)


def test_classes_and_states(upstream: Simulator) -> None:
    target = "/v1/releases/terraform-provider-null"
    everything = {r["version"]: r for r in fetch(upstream, "hashicorp_api", target).json()}
    assert everything["3.2.0"]["status"]["state"] == "withdrawn" and everything["3.2.0"]["status"]["message"]
    assert everything["3.2.3"]["status"]["state"] == "supported"
    open_source = [r["version"] for r in fetch(upstream, "hashicorp_api", target + "?license_class=oss").json()]
    assert "3.2.3+ent" in everything and "3.2.3+ent" not in open_source and "3.2.3" in open_source
    assert fetch(upstream, "hashicorp_api", target + "/3.2.3").json() == everything["3.2.3"]
    assert fetch(upstream, "hashicorp_api", target + "/9.9.9").status == 404
    assert fetch(upstream, "hashicorp_api", "/v1/releases/terraform-provider-datadog").status == 404


@pytest.mark.parametrize(("role", "target"), [
    ("hashicorp_api", "/v1/releases/terraform-provider-aws?limit=20"),
    ("github_api", "/repos/many/terraform-test-many/releases?per_page=100"),
    ("hashicorp_releases", zip_path()), ("hashicorp_releases", sums_path("aws", "5.82.0")),
    ("codeload", "/terraform-aws-modules/terraform-aws-vpc/tar.gz/refs/tags/v5.0.0"),
    ("registry", "/v1/providers/hashicorp/aws/versions")])
def test_unchanged_is_304_without_body(upstream: Simulator, role: str, target: str) -> None:
    tag = fetch(upstream, role, target).headers["etag"]
    again = fetch(upstream, role, target, If_None_Match=tag)
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
    assert fetch(upstream, role, target, If_None_Match='"other"').status == 200
    assert [r["status"] for r in upstream.requests(role)] == [200, 304, 200]
    assert upstream.requests(role)[1]["headers"]["if-none-match"] == tag and upstream.requests(role)[1]["bytes"] == 0


# --- GitHub

def test_github_release_has_the_recorded_shape(upstream: Simulator) -> None:
    recorded = fixture("github/octokit-release-by-tag.json")
    ours = fetch(upstream, "github_api", "/repos/many/terraform-test-many/releases").json()[0]
    assert set(ours) >= set(recorded) and set(ours["author"]) >= set(recorded["author"])
    tags = fixture("github/dependabot-is_number_tags.json")
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


# --- Files, sums and signatures

def test_ranges(upstream: Simulator) -> None:
    whole = fetch(upstream, "hashicorp_releases", zip_path())
    size, tag, date = len(whole.body), whole.headers["etag"], whole.headers["last-modified"]
    assert whole.headers["accept-ranges"] == "bytes" and not tag.startswith("W/")

    def ranged(value: str, **more: str) -> tuple[int, str | None, bytes]:
        answer = fetch(upstream, "hashicorp_releases", zip_path(), Range=value, **more)
        return answer.status, answer.headers.get("content-range"), answer.body

    assert ranged("bytes=10-19") == (206, f"bytes 10-19/{size}", whole.body[10:20])
    assert ranged(f"bytes={size - 5}-") == (206, f"bytes {size - 5}-{size - 1}/{size}", whole.body[-5:])
    assert ranged("bytes=-7") == (206, f"bytes {size - 7}-{size - 1}/{size}", whole.body[-7:])
    assert ranged(f"bytes={size}-")[:2] == (416, f"bytes */{size}")
    assert ranged("bytes=100-", If_Range=tag)[0] == 206 and ranged("bytes=100-", If_Range=date)[0] == 206
    assert ranged("bytes=100-", If_Range='"other"') == (200, None, whole.body)
    assert ranged("bytes=0-1,4-5")[0] == 200
    head = fetch(upstream, "hashicorp_releases", zip_path(), "HEAD")
    assert head.headers["content-length"] == str(size) and head.body == b""


@pytest.mark.parametrize(("kind", "version"), [("aws", "5.82.0"), ("null", "3.2.3"), ("shapes", "1.0.0"),
                                               ("shapes", "1.0.1"), ("shapes", "1.0.2")])
def test_zip_sums_and_tree_agree(upstream: Simulator, kind: str, version: str) -> None:
    data = fetch(upstream, "hashicorp_releases", zip_path(kind, version)).body
    name = zip_path(kind, version).rsplit("/", 1)[1]
    lines = fetch(upstream, "hashicorp_releases", sums_path(kind, version)).body.decode().splitlines()
    assert f"{hashlib.sha256(data).hexdigest()}  {name}" in lines
    assert any(line.endswith("_manifest.json") for line in lines)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        executable = archive.getinfo(f"terraform-provider-{kind}_v{version}_x5")
        assert executable.external_attr >> 16 == 0o100755
        told = next(p for p in upstream.artifacts()["providers"] if p["path"] == zip_path(kind, version))
        assert tree_hash((i.filename, hashlib.sha256(archive.read(i)).hexdigest()) for i in archive.infolist()) == told["h1"]
    if kind == "shapes":
        size = {"1.0.0": 3_000_000, "1.0.1": 10_000_000, "1.0.2": 8_000_000}[version]
        assert abs(len(data) - size) < size * 0.1
        assert version != "1.0.2" or executable.file_size == 23_000_000


def test_zips_differ_from_each_other(upstream: Simulator) -> None:
    digests = [p["sha256"] for p in upstream.artifacts()["providers"]]
    assert len(set(digests)) == len(digests)


_VERDICTS = {"good": "GOODSIG", "foreign": "GOODSIG", "expired": "EXPKEYSIG", "bad": "BADSIG", "sha1": "GOODSIG"}


def _gpgv(upstream: Simulator, key: str, folder: Path, signature: bytes, data: bytes) -> str:
    ring, sig, file = folder / "ring.gpg", folder / "sig", folder / "data"
    ring.write_bytes(subprocess.run(["gpg", "--dearmor"], input=Path(upstream.endpoints["keys"][key]["file"]).read_bytes(),
                                    capture_output=True, check=True).stdout)
    sig.write_bytes(signature)
    file.write_bytes(data)
    return subprocess.run(["gpgv", "--status-fd", "1", "--keyring", str(ring), str(sig), str(file)],
                          capture_output=True, check=False).stdout.decode()


@pytest.mark.skipif(shutil.which("gpgv") is None, reason="gpgv is not installed")
@pytest.mark.parametrize("kind", SIGNATURES)
def test_signatures_have_their_verdicts(upstream: Simulator, tmp_path: Path, kind: str) -> None:
    path = sums_path("signed", f"1.0.{SIGNATURES.index(kind)}")
    data, answer = fetch(upstream, "hashicorp_releases", path).body, fetch(upstream, "hashicorp_releases", path + ".sig")
    if kind == "missing":
        assert answer.status == 404
        return
    key = kind if kind in ("foreign", "expired") else "good"
    if kind == "armored":
        assert answer.body.startswith(b"-----BEGIN PGP SIGNATURE-----")
        return
    status = _gpgv(upstream, key, tmp_path, answer.body, data)
    if kind == "truncated":
        assert "GOODSIG" not in status
        return
    assert _VERDICTS[kind] in status
    if kind != "bad":
        fields = next(line for line in status.splitlines() if " VALIDSIG " in line).split()
        primary = upstream.endpoints["keys"][key]["fingerprint"]
        assert fields[-1] == primary != fields[2]       # signed by a subkey
        assert fields[9] == ("2" if kind == "sha1" else "8")
        assert fetch(upstream, "hashicorp_releases", f"{path}.{primary[-8:]}.sig").body == answer.body
    if kind == "foreign":
        assert "NO_PUBKEY" in _gpgv(upstream, "good", tmp_path, answer.body, data)


def test_key_file(upstream: Simulator) -> None:
    target = urllib.parse.urlsplit(upstream.endpoints["keys_url"]).path
    listing = subprocess.run(["gpg", "--with-colons", "--import-options", "show-only", "--import"], check=True,
                             input=fetch(upstream, "hashicorp_releases", target).body, capture_output=True).stdout.decode()
    assert upstream.endpoints["fingerprint"] in listing


def test_faulty_sums(upstream: Simulator) -> None:
    def line(index: int) -> str | None:
        name = zip_path("sums", f"1.0.{index}").rsplit("/", 1)[1]
        text = fetch(upstream, "hashicorp_releases", sums_path("sums", f"1.0.{index}")).body.decode()
        return next((t.split()[0] for t in text.splitlines() if t.endswith(name)), None)

    def real(index: int) -> str:
        return hashlib.sha256(fetch(upstream, "hashicorp_releases", zip_path("sums", f"1.0.{index}")).body).hexdigest()

    assert line(0) == real(0) and line(1) is None and line(2) not in (None, real(2)) and line(3) is None
    assert fetch(upstream, "hashicorp_releases", sums_path("sums", "1.0.4")).body == b""


def test_legacy_index(upstream: Simulator) -> None:
    recorded = fixture("hashicorp-releases/tenv-terraform-release-index.json")
    ours = fetch(upstream, "hashicorp_releases", "/terraform-provider-aws/5.82.0/index.json").json()
    assert set(ours) >= set(recorded) - {"timestamp_created", "timestamp_updated"} and ours["builds"][0].keys() == recorded["builds"][0].keys()
    assert "5.82.0" in fetch(upstream, "hashicorp_releases", "/terraform-provider-aws/index.json").json()["versions"]


# --- Registry

def test_registry_documents(upstream: Simulator) -> None:
    services = fetch(upstream, "registry", "/.well-known/terraform.json")
    assert services.headers["content-type"] == "application/json" and services.json()["providers.v1"] == "/v1/providers/"
    versions = fetch(upstream, "registry", "/v1/providers/DataDog/datadog/versions").json()["versions"]
    assert "3.40.0" in [v["version"] for v in versions]
    package = fetch(upstream, "registry", "/v1/providers/DataDog/datadog/3.40.0/download/linux/amd64").json()
    assert (package["os"], package["arch"]) == ("linux", "amd64")
    target = urllib.parse.urlsplit(package["download_url"]).path
    data = fetch(upstream, "hashicorp_releases", target).body
    assert hashlib.sha256(data).hexdigest() == package["shasum"]
    assert package["signing_keys"]["gpg_public_keys"][0]["key_id"] == upstream.endpoints["fingerprint"][-16:]
    assert fetch(upstream, "registry", "/v1/providers/hashicorp/unknown/versions").status == 404


def _terraform(upstream: Simulator, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"SSL_CERT_FILE": upstream.endpoints["ca"], "CHECKPOINT_DISABLE": "1",
                                "TF_CLI_CONFIG_FILE": os.devnull, "TF_IN_AUTOMATION": "1"}
    return subprocess.run(["terraform", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not on the PATH")
def test_terraform_mirrors_and_installs(upstream: Simulator, tmp_path: Path) -> None:
    host = upstream.endpoints["registry_host"]
    (tmp_path / "main.tf").write_text(f'''terraform {{
  required_providers {{
    aws     = {{ source = "{host}/hashicorp/aws", version = "5.82.0" }}
    datadog = {{ source = "{host}/DataDog/datadog", version = "3.40.0" }}
  }}
}}
''')
    result = _terraform(upstream, tmp_path, "providers", "mirror", "-platform=linux_amd64", "-platform=linux_arm64", "out")
    assert result.returncode == 0, result.stderr
    told = {p["platform"]: p["h1"] for p in upstream.artifacts()["providers"] if (p["type"], p["version"]) == ("aws", "5.82.0")}
    mirrored = json.loads((tmp_path / "out" / host / "hashicorp" / "aws" / "5.82.0.json").read_text())["archives"]
    assert {p: a["hashes"] for p, a in mirrored.items()} == {p: [told[p]] for p in ("linux_amd64", "linux_arm64")}
    result = _terraform(upstream, tmp_path, "init", "-no-color")
    assert result.returncode == 0, result.stderr


@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not on the PATH")
@pytest.mark.parametrize("kind", ["foreign", "bad"])
def test_terraform_refuses_wrong_signatures(upstream: Simulator, tmp_path: Path, kind: str) -> None:
    source, version = f"{upstream.endpoints['registry_host']}/hashicorp/signed", f"1.0.{SIGNATURES.index(kind)}"
    (tmp_path / "main.tf").write_text(
        f'terraform {{\n  required_providers {{\n    signed = {{ source = "{source}", version = "{version}" }}\n  }}\n}}\n')
    result = _terraform(upstream, tmp_path, "providers", "mirror", "-platform=linux_amd64", "out")
    assert result.returncode != 0 and "signature" in result.stderr + result.stdout
