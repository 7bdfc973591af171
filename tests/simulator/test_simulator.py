"""Self-test of the simulated HashiCorp services and registry, seen from the outside."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import urllib.parse
import zipfile
from pathlib import Path

import pytest

from simulator.client import Simulator
from simulator.content import tree_hash
from simulator.peer import fetch, recorded, sums_path, zip_path
from simulator.world import SIGNATURES

# --- HashiCorp Releases API

def test_release_has_the_recorded_shape(upstream: Simulator) -> None:
    sample = recorded("hashicorp-releases/api-v1-list/page1.json")
    ours = fetch(upstream, "hashicorp_api", "/v1/releases/terraform-provider-aws").json()
    known = set().union(*(r.keys() for r in sample))
    required = set.intersection(*(set(r) for r in sample)) - {"url_docker_registry_dockerhub", "url_docker_registry_ecr"}
    for release in ours:
        assert set(release) <= known and set(release) >= required
        assert release["builds"][0].keys() == sample[0]["builds"][0].keys()
        assert release["status"].keys() >= sample[0]["status"].keys()


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


_VERDICTS = {"good": "GOODSIG", "foreign": "GOODSIG", "expired": "EXPKEYSIG", "renewed": "GOODSIG",
             "bad": "BADSIG", "sha1": "GOODSIG"}


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
    key = kind if kind in ("foreign", "expired", "renewed") else "good"
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
    sample = recorded("hashicorp-releases/tenv-terraform-release-index.json")
    ours = fetch(upstream, "hashicorp_releases", "/terraform-provider-aws/5.82.0/index.json").json()
    assert set(ours) >= set(sample) - {"timestamp_created", "timestamp_updated"}
    assert ours["builds"][0].keys() == sample["builds"][0].keys()
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
