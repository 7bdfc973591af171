"""What the self-tests share: their world, and a plain client."""

from __future__ import annotations

import http.client
import json
import os
import ssl
import urllib.parse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from simulator.client import Simulator
from simulator.generators import demo
from simulator.world import HOSTILE, SIGNATURES, Module, Provider, ProviderVersion, Release, World

PLATFORM = ["linux_amd64"]


def make_world() -> World:
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


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def connect(upstream: Simulator, role: str, timeout: float = 10) -> http.client.HTTPSConnection:
    context = ssl.create_default_context(cafile=upstream.endpoints["ca"])
    return http.client.HTTPSConnection(urllib.parse.urlsplit(upstream.endpoints[role]).netloc, context=context, timeout=timeout)


def fetch(upstream: Simulator, role: str, target: str, method: str = "GET", timeout: float = 10, **headers: str) -> Answer:
    """One request, redirects not followed; if_range=… sends If-Range."""
    connection = connect(upstream, role, timeout)
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


def recorded(name: str) -> Any:
    folder = os.environ.get("OPENDEPOT_FIXTURES", str(Path(__file__).parents[3] / "shared" / "fixtures"))
    path = Path(folder) / name
    if not path.exists():
        pytest.skip(f"recorded data is absent: {path}")
    return json.loads(path.read_text())
