"""Self-test of the simulator's faults, its latency and its control endpoint."""

from __future__ import annotations

import concurrent.futures
import http.client
import json
import select
import socket
import ssl
import time
from collections.abc import Iterator

import pytest

from simulator.client import Simulator
from simulator.generators import bench, demo
from simulator.peer import PLATFORM, connect, fetch, sums_path, zip_path
from simulator.world import Module, Provider, ProviderVersion, Release, World, WorldError

RELEASES = "hashicorp_releases"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    world = World(providers=[Provider("aws", versions=[ProviderVersion("5.82.0", PLATFORM, 500_000)])],
                  modules=[Module("many", "terraform-test-many", [Release("v1.0.0")])])
    with Simulator(tmp_path_factory.mktemp("upstream"), world) as simulator:
        yield simulator


@pytest.fixture
def upstream(shared: Simulator) -> Iterator[Simulator]:
    shared.reset()
    yield shared
    shared.reset()
    assert shared.errors() == []


def _good(upstream: Simulator) -> bytes:
    answer = fetch(upstream, RELEASES, zip_path())
    assert answer.status == 200
    return answer.body


@pytest.mark.parametrize("status", [403, 404, 429, 500, 503])
def test_status_with_retry_after_and_times(upstream: Simulator, status: int) -> None:
    upstream.add_fault("status", role=RELEASES, path=r"\.zip$", times=2, status=status, retry_after=7,
                       headers={"X-Reason": "test"}, body="no")
    answers = [fetch(upstream, RELEASES, zip_path()) for _ in range(3)]
    assert [a.status for a in answers] == [status, status, 200]
    assert answers[0].headers["retry-after"] == "7" and answers[0].headers["x-reason"] == "test" and answers[0].body == b"no"
    assert upstream.faults()[0]["hits"] == 2
    assert [r["faults"] for r in upstream.requests(RELEASES)] == [["status"], ["status"], []]


def test_matching_by_role_path_method_and_skip(upstream: Simulator) -> None:
    upstream.add_fault("status", role="registry", status=500)
    upstream.add_fault("status", role=RELEASES, path="SHA256SUMS", status=500)
    upstream.add_fault("status", role=RELEASES, method="HEAD", status=500)
    upstream.add_fault("status", role=RELEASES, path="zip", skip=1, times=1, status=502)
    assert [fetch(upstream, RELEASES, zip_path()).status for _ in range(3)] == [200, 502, 200]
    assert fetch(upstream, RELEASES, sums_path("aws", "5.82.0")).status == 500
    assert fetch(upstream, RELEASES, zip_path(), "HEAD").status == 500
    assert fetch(upstream, "hashicorp_api", "/v1/products").status == 200
    assert fetch(upstream, "registry", "/.well-known/terraform.json").status == 500


def test_rate_limits(upstream: Simulator) -> None:
    target = "/repos/many/terraform-test-many/releases"
    upstream.add_fault("ratelimit", role="github_api", times=1, reset_in=30)
    upstream.add_fault("ratelimit", role="github_api", times=1, kind="secondary", retry_after=9)
    primary, secondary, free = (fetch(upstream, "github_api", target) for _ in range(3))
    assert primary.status == 403 and primary.headers["x-ratelimit-remaining"] == "0"
    assert 25 < int(primary.headers["x-ratelimit-reset"]) - time.time() <= 31
    assert secondary.status == 403 and secondary.headers["retry-after"] == "9"
    assert secondary.json()["documentation_url"].endswith("secondary-rate-limits")
    assert free.status == 200


@pytest.mark.parametrize("clean", [True, False])
def test_truncate(upstream: Simulator, clean: bool) -> None:
    upstream.add_fault("truncate", role=RELEASES, path="zip", bytes=1000, clean=clean)
    with pytest.raises((http.client.IncompleteRead, ssl.SSLError)) as caught:
        fetch(upstream, RELEASES, zip_path())
    if isinstance(caught.value, http.client.IncompleteRead):
        assert len(caught.value.partial) == 1000
    assert [(r["bytes"], r["complete"]) for r in upstream.requests(RELEASES)] == [(1000, False)]


def test_stall_ends_with_the_rules(upstream: Simulator) -> None:
    upstream.add_fault("stall", role=RELEASES, path="zip", bytes=2000)
    connection = connect(upstream, RELEASES, timeout=1)
    connection.request("GET", zip_path())
    response = connection.getresponse()
    assert len(response.read(2000)) == 2000
    with pytest.raises(TimeoutError):
        response.read(1)
    assert upstream.stats()[RELEASES]["active"] == 1
    upstream.clear_faults()
    deadline = time.monotonic() + 5
    while upstream.stats()[RELEASES]["active"] and time.monotonic() < deadline:
        time.sleep(0.05)
    assert upstream.stats()[RELEASES]["active"] == 0
    connection.close()


def test_reset_after_bytes(upstream: Simulator) -> None:
    upstream.add_fault("reset", role=RELEASES, path="zip", bytes=3000)
    connection = connect(upstream, RELEASES)
    connection.request("GET", zip_path())
    response = connection.getresponse()
    assert len(response.read(3000)) == 3000
    # Not every Python tells a reset from an end of file in SSL_read; poll() does.
    poll = select.poll()
    poll.register(connection.sock or response.fp, 0)     # type: ignore[arg-type]
    assert poll.poll(5000)[0][1] & select.POLLERR
    connection.close()


def test_close_without_an_answer(upstream: Simulator) -> None:
    upstream.add_fault("close", role=RELEASES, times=1)
    with pytest.raises((http.client.RemoteDisconnected, ssl.SSLError)):
        fetch(upstream, RELEASES, zip_path())
    assert fetch(upstream, RELEASES, zip_path()).status == 200


def test_delay_and_slow(upstream: Simulator) -> None:
    upstream.add_fault("delay", role=RELEASES, path="SHA256SUMS", ms=300)
    start = time.monotonic()
    assert fetch(upstream, RELEASES, sums_path("aws", "5.82.0")).status == 200
    assert time.monotonic() - start >= 0.3
    upstream.add_fault("slow", role=RELEASES, path="zip", bytes_per_second=1_000_000)
    start = time.monotonic()
    body = fetch(upstream, RELEASES, zip_path()).body
    assert time.monotonic() - start >= len(body) / 1_000_000 * 0.9
    upstream.clear_faults()
    assert _good(upstream) == body


def test_wrong_digest_flips_one_byte_also_in_ranges(upstream: Simulator) -> None:
    good = _good(upstream)
    upstream.add_fault("wrong-digest", role=RELEASES, path="zip", offset=4321)
    bad = fetch(upstream, RELEASES, zip_path()).body
    assert [i for i, (a, b) in enumerate(zip(good, bad, strict=True)) if a != b] == [4321]
    part = fetch(upstream, RELEASES, zip_path(), Range="bytes=4000-4999").body
    assert part == bad[4000:5000] != good[4000:5000]


def test_garbage_and_huge(upstream: Simulator) -> None:
    target = "/v1/releases/terraform-provider-aws"
    upstream.add_fault("garbage", role="hashicorp_api", times=1)
    upstream.add_fault("garbage", role="hashicorp_api", times=1, body='[{"name":', content_type="application/json")
    upstream.add_fault("huge", role="hashicorp_api", times=1, bytes=5_000_000)
    upstream.add_fault("huge", role="hashicorp_api", times=1)
    page, cut, bounded = (fetch(upstream, "hashicorp_api", target) for _ in range(3))
    assert page.headers["content-type"].startswith("text/html") and page.status == 200
    assert cut.body == b'[{"name":' and len(bounded.body) == 5_000_000
    connection = connect(upstream, "hashicorp_api")
    connection.request("GET", target)
    response = connection.getresponse()
    assert len(response.read(30_000_000)) == 30_000_000     # and there is more
    connection.close()


def test_redirects(upstream: Simulator) -> None:
    upstream.add_fault("redirect-loop", role=RELEASES, path="zip")
    answer = fetch(upstream, RELEASES, zip_path())
    assert answer.status == 302 and answer.headers["location"] == upstream.endpoints[RELEASES] + zip_path()
    upstream.clear_faults()
    upstream.add_fault("redirect-to", role=RELEASES, location="file:///etc/passwd", status=307)
    answer = fetch(upstream, RELEASES, zip_path())
    assert (answer.status, answer.headers["location"]) == (307, "file:///etc/passwd")


def test_range_faults(upstream: Simulator) -> None:
    good = _good(upstream)
    upstream.add_fault("no-range", role=RELEASES, times=1)
    upstream.add_fault("corrupt-range", role=RELEASES)
    answer = fetch(upstream, RELEASES, zip_path(), Range="bytes=100-")
    assert answer.status == 200 and answer.body == good
    answer = fetch(upstream, RELEASES, zip_path(), Range="bytes=100-")
    assert answer.status == 206 and answer.headers["content-range"].startswith("bytes 101-")


def test_headers_can_be_changed(upstream: Simulator) -> None:
    upstream.add_fault("headers", role=RELEASES, headers={"ETag": '"new"'}, remove=["Last-Modified"])
    answer = fetch(upstream, RELEASES, zip_path())
    assert answer.headers["etag"] == '"new"' and "last-modified" not in answer.headers and answer.status == 200


@pytest.mark.parametrize("rule", [{}, {"action": "explode"}, {"action": "status"}, {"action": "slow", "bytes_per_second": 0},
                                  {"action": "delay", "ms": "9"}, {"action": "huge", "path": "("}, {"action": "huge", "x": 1}])
def test_wrong_rules_are_refused(upstream: Simulator, rule: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        upstream.call("POST", "/faults", rule)
    assert upstream.faults() == []


@pytest.mark.parametrize(("role", "word"), [("bad_tls", "self-signed|unable to get local issuer"),
                                            ("bad_tls_name", "mismatch"), ("bad_tls_expired", "expired")])
def test_wrong_certificates(upstream: Simulator, role: str, word: str) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match=word):
        fetch(upstream, role, zip_path())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_keep_alive_and_tls_versions(upstream: Simulator, version: ssl.TLSVersion) -> None:
    connection = connect(upstream, RELEASES)
    connection._context.maximum_version = version       # type: ignore[attr-defined]
    for _ in range(5):
        connection.request("GET", sums_path("aws", "5.82.0"))
        connection.getresponse().read()
    assert isinstance(connection.sock, ssl.SSLSocket)
    assert connection.sock.version() == {ssl.TLSVersion.TLSv1_2: "TLSv1.2"}.get(version, "TLSv1.3")
    connection.close()
    assert upstream.stats()[RELEASES]["connections"] == 1 and upstream.stats()[RELEASES]["requests"] == 5


def test_latency_does_not_limit_concurrency(upstream: Simulator) -> None:
    upstream.set_latency(400)
    try:
        start = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(40) as pool:
            answers = list(pool.map(lambda _: fetch(upstream, RELEASES, sums_path("aws", "5.82.0")).status, range(40)))
        assert answers == [200] * 40 and 0.4 <= time.monotonic() - start < 4
        assert upstream.stats()[RELEASES]["peak"] > 10
    finally:
        upstream.set_latency(0)


def test_requests_are_logged_as_sent(upstream: Simulator) -> None:
    fetch(upstream, "hashicorp_api", "/v1/releases/terraform-provider-aws?limit=20&after=2030-01-01T00%3A00%3A00.000Z")
    fetch(upstream, RELEASES, zip_path(), Range="bytes=1-2", If_Range='"x"')
    # The answer is with the client a moment before its end is noted.
    until = time.monotonic() + 5
    while not upstream.requests()[-1]["done"] and time.monotonic() < until:
        time.sleep(0.01)
    api, file = upstream.requests()
    assert api["path"].endswith("after=2030-01-01T00%3A00%3A00.000Z") and api["role"] == "hashicorp_api"
    assert file["headers"]["range"] == "bytes=1-2" and file["headers"]["if-range"] == '"x"'
    assert file["done"] and file["complete"] and not file["authorization"]
    assert upstream.requests(path="SHA256SUMS") == []
    upstream.reset()
    assert upstream.requests() == []


def test_garbled_requests_close_the_connection(upstream: Simulator) -> None:
    host, _, port = upstream.endpoints[RELEASES].removeprefix("https://").partition(":")
    context = ssl.create_default_context(cafile=upstream.endpoints["ca"])
    for text in (b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", b"x" * 200_000):
        with socket.create_connection((host, int(port)), 5) as raw, context.wrap_socket(raw, server_hostname=host) as peer:
            try:
                peer.sendall(text)
                assert peer.recv(100) == b""
            except (ssl.SSLError, ConnectionError):
                pass
    assert fetch(upstream, RELEASES, zip_path()).status == 200


def test_world_can_be_extended_and_replaced(upstream: Simulator) -> None:
    before = upstream.world()
    old = _good(upstream)
    try:
        upstream.extend(World(providers=[Provider("aws", versions=[
            ProviderVersion("5.82.0", PLATFORM, 500_000, seed=1), ProviderVersion("5.83.0", PLATFORM, 5000, "script")])]))
        listed = [r["version"] for r in fetch(upstream, "hashicorp_api", "/v1/releases/terraform-provider-aws").json()]
        assert listed == ["5.83.0", "5.82.0"] and _good(upstream) != old
        for tokens in (["one"], ["two", "one"]):
            upstream.extend(World(tokens=tokens))
        assert upstream.world().tokens == [*before.tokens, "one", "two"]
        upstream.replace(World())
        assert fetch(upstream, "hashicorp_api", "/v1/releases/terraform-provider-aws").status == 404
    finally:
        upstream.replace(before)
    assert _good(upstream) == old


@pytest.mark.parametrize("text", [
    '{"provider": []}', '{"providers": {}}', '{"providers": [{"type": "a/b"}]}', '{"providers": [{}]}',
    '{"providers": [{"type": "a", "versions": [{"version": "1.0.0", "sign": "maybe"}]}]}',
    '{"providers": [{"type": "a", "versions": [{"version": "1.0.0", "size": true}]}]}',
    '{"providers": [{"type": "a", "versions": [{"version": "1.0.0", "platforms": [1]}]}]}',
    '{"modules": [{"owner": "a", "repo": "b", "releases": [{"tag": "v1", "created": "now"}]}]}',
    '{"modules": [{"owner": "a", "repo": "b"}, {"owner": "A", "repo": "B"}]}'])
def test_wrong_worlds_are_refused(upstream: Simulator, text: str) -> None:
    with pytest.raises(WorldError):
        World.from_dict(json.loads(text))
    with pytest.raises(ValueError):
        upstream.call("POST", "/world", json.loads(text))


def test_generated_worlds() -> None:
    for kind, count in (("stored", 200), ("go", 40), ("huge", 1)):
        world = bench(kind)
        world.check()
        assert sum(len(v.platforms) for p in world.providers for v in p.versions) == count
    poll = bench("poll")
    assert len(poll.providers) + len(poll.modules) == 200
    assert World.from_dict(demo().to_dict()) == demo()


def test_documents_that_ask_for_everything(upstream: Simulator) -> None:
    source = f'source = "{upstream.endpoints["registry_host"]}/hashicorp/aws", version = "5.82.0"'
    assert source in upstream.call("GET", "/terraform")
    depot = json.loads(upstream.call("GET", "/depot"))
    assert depot["spec"]["providerConfigs"][0]["name"] == "aws" and depot["spec"]["moduleConfigs"][0]["repoOwner"] == "many"


def test_content_and_keys_are_kept(upstream: Simulator) -> None:
    """A second run in the same directory gives the same bytes, keys and certificates."""
    fingerprint, ca = upstream.endpoints["fingerprint"], (upstream.directory / "ca.pem").read_bytes()
    files = {p: p.stat().st_mtime_ns for p in (upstream.directory / "content").iterdir()}
    world = upstream.world()
    upstream.stop()
    assert not (upstream.directory / "endpoints.json").exists()
    upstream.start()
    upstream.replace(world)
    assert upstream.endpoints["fingerprint"] == fingerprint and (upstream.directory / "ca.pem").read_bytes() == ca
    assert {p: p.stat().st_mtime_ns for p in (upstream.directory / "content").iterdir()} == files
