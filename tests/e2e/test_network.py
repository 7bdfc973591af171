"""Networks as they are: proxies, certificates of clients, a limit of the rate, IPv6, HTTP/2."""

import shutil
import socket
import time
import urllib.parse

import pytest

from daemon import provider
from network import Forwarder, Proxy, nginx, proxied
from setting import settings
from simulator.certificates import Authority
from simulator.world import Provider, ProviderVersion, World

PLATFORM = (("linux",), ("amd64",))
LOGIN = "team:s3cret-of-the-proxy"
PACKAGE = "hashicorp/one"


def make(name, versions=("1.0.0",), size=20_000):
    return Provider(name, versions=[ProviderVersion(version, ["linux_amd64"], size, "random") for version in versions])


@pytest.fixture
def one(daemon, upstream):
    """A daemon that wants one provider."""
    upstream.replace(World([make("one")]))
    daemon.write_depot("one", [provider("one", None, PLATFORM)])
    return daemon


def network(daemon, upstream, upstreams=None, **more):
    """Settings with these of the network, and the HashiCorp upstreams at other addresses."""
    endpoints = upstream.endpoints | (upstreams or {})
    limits = {"caFile": upstream.endpoints["ca"], "connectTimeout": "5s", "stallTimeout": "5s"}
    text = settings(endpoints, network=limits | more)
    (daemon.configuration / "opendepot.yaml").write_text(text)


def authority_of(url):
    return urllib.parse.urlsplit(url).netloc


def published(daemon):
    return daemon.settle().states(PACKAGE) == {"1.0.0": "published"}


def everything_said(daemon):
    answers = [daemon.run("--json=short", *verb).stdout for verb in (["status"], ["list"], ["show", PACKAGE])]
    return "".join([daemon.text(), *answers])


@pytest.mark.parametrize("secured", [False, True], ids=["http", "https"])
def test_everything_goes_through_the_proxy(one, upstream, secured):
    one.write_credential("proxy-login", LOGIN + "\n")
    certificate = upstream.directory / "tls/good.pem" if secured else None
    with Proxy(LOGIN, certificate) as proxy:
        address = f"{'https' if secured else 'http'}://localhost:{proxy.port}"
        network(one, upstream, proxy=address, proxyCredential="proxy-login")
        one.start()
        assert published(one), everything_said(one)
        api, releases = (authority_of(upstream.endpoints[name]) for name in ("hashicorp_api", "hashicorp_releases"))
        assert {api, releases} <= set(proxy.targets)
        # Every connection that an upstream has seen came by way of the proxy.
        seen = {entry["connection"] for entry in upstream.requests() if entry["role"].startswith("hashicorp")}
        assert 0 < len(seen) <= len(proxy.targets)
        assert proxy.refused == []
    assert LOGIN.partition(":")[2] not in everything_said(one)


def test_what_the_proxy_does_not_let_through_is_mended_by_a_reload(one, upstream):
    with Proxy(LOGIN) as proxy:
        address = f"http://127.0.0.1:{proxy.port}"
        network(one, upstream, proxy=address)
        one.start().settle(120)
        package = one.packages()[PACKAGE]
        assert package["state"] == "failed" and "407" in package["reason"]
        assert upstream.requests() == [] and proxy.targets == [] and proxy.refused

        # A credential that is not there stops everything, and nothing goes without it.
        n_refused = len(proxy.refused)
        network(one, upstream, proxy=address, proxyCredential="login")
        assert one.run("reload").returncode == 0
        reason = one.settle().packages()[PACKAGE]["reason"]
        assert "network.proxyCredential: the service has no credential 'login'" in reason
        assert len(proxy.refused) == n_refused and upstream.requests() == []

        # What an operator has mended is not left to wait for its next try.
        one.write_credential("right", LOGIN)
        network(one, upstream, proxy=address, proxyCredential="right")
        assert one.run("reload").returncode == 0
        assert published(one), everything_said(one)

        # And what is not to go through the proxy does not.
        n_targets = len(proxy.targets)
        network(one, upstream, proxy=address, noProxy=["127.0.0.0/8", "localhost"])
        upstream.reset()
        assert one.run("reload").returncode == 0
        one.settle().sync()
        assert upstream.requests("hashicorp_api") and len(proxy.targets) == n_targets


def test_the_environment_is_not_asked(one, upstream, monkeypatch):
    with Proxy() as proxy:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
        network(one, upstream)
        one.start()
        assert published(one)
        assert proxy.n_connections == 0
    assert "$https_proxy is ignored" in one.text()


@pytest.fixture
def front(tmp_path, upstream):
    """Starts an nginx in front of the HashiCorp upstreams; gives what replaces their addresses, and its log."""
    if not shutil.which("nginx"):
        pytest.skip("nginx is not here")
    running = []

    def start(options):
        names = ("hashicorp_api", "hashicorp_releases")
        targets = [upstream.endpoints[name] for name in names]
        contents = [proxied(target) for target in targets]
        context = nginx(tmp_path / "nginx", upstream.directory / "tls/good.pem", contents, options)
        running.append(context)
        addresses, requests = context.__enter__()
        return dict(zip(names, addresses, strict=True)), requests

    yield start
    for context in running:
        context.__exit__(None, None, None)


def test_client_certificate(one, upstream, front, tmp_path):
    authority = Authority("Clients")
    (tmp_path / "clients.pem").write_bytes(authority.pem())
    pem = authority.leaf(tmp_path / "client.pem", ["mirror"], client=True).read_text()
    certificate, _, key = pem.partition("-----BEGIN PRIVATE KEY-----")
    (tmp_path / "certificate.pem").write_text(certificate)
    key = "-----BEGIN PRIVATE KEY-----" + key
    upstreams, requests = front(
        f"ssl_verify_client on; ssl_client_certificate {tmp_path}/clients.pem; keepalive_timeout 0;"
    )

    network(one, upstream, upstreams)
    one.start().settle()
    assert "HTTP 400" in one.packages()[PACKAGE]["reason"]
    assert {words[1] for words in requests()} == {"400"}

    network(one, upstream, upstreams, clientCertificate=f"{tmp_path}/certificate.pem", clientKeyCredential="key")
    assert one.run("reload").returncode == 0
    assert "the service has no credential 'key'" in one.settle().packages()[PACKAGE]["reason"]

    one.write_credential("key", key)
    # Credentials are read when the settings change.
    split = {"clientCertificate": f"{tmp_path}/certificate.pem", "clientKeyCredential": "key"}
    network(one, upstream, upstreams, userAgent="mirror/2", **split)
    assert one.run("reload").returncode == 0
    assert published(one), everything_said(one)
    assert {words[2] for words in requests() if words[1] == "200"} == {"CN=mirror,O=Upstream"}
    assert "PRIVATE KEY" not in everything_said(one)

    # One file with both is as good.
    network(one, upstream, upstreams, clientCertificate=f"{tmp_path}/client.pem")
    assert one.run("reload").returncode == 0
    one.settle().sync()
    assert one.packages()[PACKAGE]["state"] == "current"

    # Should it be gone later, that is said at the next handshake.
    (tmp_path / "client.pem").unlink()
    one.run("sync", "--wait")
    reason = one.packages()[PACKAGE]["reason"]
    assert f"network.clientCertificate: {tmp_path}/client.pem cannot be read: No such file or directory" in reason


def test_a_client_certificate_that_cannot_be_used(one, upstream, tmp_path):
    leaf = Authority("Clients").leaf(tmp_path / "client.pem", ["mirror"], client=True).read_text()
    certificate, _, key = leaf.partition("-----BEGIN PRIVATE KEY-----")
    (tmp_path / "certificate.pem").write_text(certificate)
    one.write_credential("other", Authority("Other").leaf(tmp_path / "other.pem", ["x"], client=True).read_text())
    one.start().settle()
    cases = [
        ({"clientCertificate": f"{tmp_path}/absent.pem"}, "absent.pem cannot be read: No such file or directory"),
        ({"clientCertificate": str(tmp_path)}, "cannot be read: Is a directory"),
        ({"clientCertificate": f"{tmp_path}/certificate.pem"}, "certificate.pem and its key cannot be used: "),
        (
            {"clientCertificate": f"{tmp_path}/certificate.pem", "clientKeyCredential": "other"},
            "certificate.pem and its key cannot be used: The certificate and the given key do not match.",
        ),
    ]
    upstream.reset()
    for more, message in cases:
        network(one, upstream, **more)
        assert one.run("reload").returncode == 0
        one.settle().run("sync", "--wait")
        reason = one.packages()[PACKAGE]["reason"]
        assert "network.clientCertificate: " in reason and message in reason
    assert upstream.requests() == []
    assert key not in everything_said(one)


def test_documents_share_a_connection(daemon, upstream, front):
    names = [f"p{i}" for i in range(12)]
    upstream.replace(World([make(name, size=200_000) for name in names]))
    daemon.write_depot("many", [provider(name, None, PLATFORM) for name in names])
    upstreams, requests = front("http2 on;")
    network(daemon, upstream, upstreams)
    daemon.start().settle()
    assert {package["state"] for package in daemon.packages().values()} == {"current"}
    zips = {words[0] for words in requests() if words[3].endswith(".zip")}
    documents = {words[0] for words in requests() if not words[3].endswith(".zip")}
    assert (zips, documents) == ({"HTTP/1.1"}, {"HTTP/2.0"})


def test_connections_are_used_again(daemon, upstream):
    names = [f"p{i}" for i in range(24)]
    upstream.replace(World([make(name) for name in names]))
    daemon.write_depot("many", [provider(name, None, PLATFORM) for name in names])
    daemon.start().settle()
    for role in ("hashicorp_api", "hashicorp_releases"):
        numbers = upstream.stats()[role]
        assert numbers["connections"] <= 16 < numbers["requests"], (role, numbers)


def test_rate_is_limited_over_all_transfers(daemon, upstream):
    versions = [f"1.{i}.0" for i in range(6)]
    upstream.replace(World([make("one", versions, 1_000_000)]))
    daemon.write_depot("one", [provider("one", None, PLATFORM)])
    network(daemon, upstream, maxRate="1M")
    start = time.monotonic()
    daemon.start().settle()
    elapsed = time.monotonic() - start
    total = daemon.call("GetStatus")["status"]["bytesReceived"]
    assert total > 6_000_000
    assert elapsed > 0.9 * total / (1 << 20)
    assert set(daemon.states(PACKAGE).values()) == {"published"}


def resolves(name):
    try:
        return {info[0] for info in socket.getaddrinfo(name, 1)}
    except OSError:
        return set()


def through(upstream, addresses, host):
    """Forwarders from these addresses, and the upstreams' addresses that lead there."""
    forwarders, upstreams = [], {}
    for name, address in zip(("hashicorp_api", "hashicorp_releases"), addresses, strict=True):
        port = urllib.parse.urlsplit(upstream.endpoints[name]).port
        forwarders.append(Forwarder(address, port))
        upstreams[name] = f"https://{host}:{forwarders[-1].port}"
    return forwarders, upstreams


def test_upstream_on_ipv6_alone(one, upstream):
    forwarders, upstreams = through(upstream, ["::1", "::1"], "[::1]")
    network(one, upstream, upstreams)
    one.start()
    assert published(one), everything_said(one)
    assert all(forwarder.n_connections > 0 for forwarder in forwarders)


@pytest.mark.parametrize("address", ["::1", "127.0.0.1"])
def test_a_family_that_refuses(one, upstream, address):
    if len(resolves("dual.test")) < 2:
        pytest.skip("dual.test, a name of both families, is in the development root only")
    forwarders, upstreams = through(upstream, [address, address], "dual.test")
    network(one, upstream, upstreams)
    one.start()
    assert published(one), everything_said(one)
    assert all(forwarder.n_connections > 0 for forwarder in forwarders)


def test_a_family_that_is_silent(one, upstream):
    """A connection that neither stands nor fails costs a moment, not connectTimeout."""
    if len(resolves("dual.test")) < 2:
        pytest.skip("dual.test, a name of both families, is in the development root only")
    forwarders, upstreams = through(upstream, ["127.0.0.1", "127.0.0.1"], "dual.test")
    silent = []
    for forwarder in forwarders:
        listener = socket.socket(socket.AF_INET6)
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(("::1", forwarder.port))
        listener.listen(0)
        silent.append(listener)
        for _ in range(3):  # Nobody accepts: with a full queue, the kernel answers no further connection.
            filler = socket.socket(socket.AF_INET6)
            filler.setblocking(False)
            filler.connect_ex(("::1", forwarder.port))
            silent.append(filler)
    network(one, upstream, upstreams, connectTimeout="5m")  # far longer than settle() waits
    one.start()
    assert published(one), everything_said(one)
    for one_socket in silent:
        one_socket.close()
