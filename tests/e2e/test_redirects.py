"""Redirects: credentials stay where they belong, and nothing leaves https."""

import re
import urllib.parse

import pytest

from daemon import module, provider
from network import Listener
from simulator.world import Module, Provider, ProviderVersion, Release, World
from test_github import PRIVATE, TOKEN, VPC, check_no_leak, prepare
from test_github_app import prepare_app
from test_github_app import world as app_world
from test_registry import PACKAGE_PATH, start_private
from test_registry import TOKEN as REGISTRY_TOKEN

ELSEWHERE = "/elsewhere"
ONE = (("linux",), ("amd64",))


class Nobody(Listener):
    """In the clear; whoever comes here has been led astray."""

    def serve(self, connection):
        connection.recv(1)


@pytest.fixture
def nobody():
    with Nobody() as listener:
        yield listener
        assert listener.n_connections == 0


def another_host(upstream, role):
    """The same server by its address: another host to whoever has a credential for its name."""
    return upstream.endpoints[role].replace("localhost", "127.0.0.1") + ELSEWHERE


def another_port(upstream, role):
    return upstream.endpoints["hashicorp_releases"] + ELSEWHERE


def check_credentials(upstream, role, arrived):
    """Whoever was asked with a credential is the host that it is for, and the request that was led elsewhere had none."""
    own = urllib.parse.urlsplit(upstream.endpoints[role]).netloc
    requests = upstream.requests()
    assert {(r["role"], r["headers"]["host"]) for r in requests if r["authorization"]} == {(role, own)}
    led = [r for r in requests if r["path"].startswith(ELSEWHERE)]
    assert bool(led) == arrived and not any(r["authorization"] for r in led), led


def listing(daemon, upstream):
    daemon.write_credential("github-token", TOKEN)
    prepare(daemon, upstream, [module(VPC.repo, "acme", "aws", **PRIVATE)], tokenCredential="github-token").start()


def app(daemon, upstream):
    prepare_app(daemon, upstream, app_world([VPC])).start()


def registry(daemon, upstream):
    daemon.write_credential("acme", REGISTRY_TOKEN)
    start_private(daemon, upstream)


# What is asked with a credential: who asks it, of whom, which request it is, and what is said of the answer from elsewhere.
ASKED = {
    "token: releases": (listing, "github_api", "/releases", "HTTP 404"),
    "token: archive": (listing, "github_api", "/tarball/", "HTTP 404"),
    "app: installation": (app, "github_api", "/installation$", "it is not installed for acme/"),
    "app: releases": (app, "github_api", "/releases", "HTTP 404"),
    "app: archive": (app, "github_api", "/tarball/", "HTTP 404"),
    "registry: services": (registry, "registry", "terraform.json$", "has no provider registry|HTTP 401"),
    "registry: versions": (registry, "registry", "/versions$", "HTTP 40[14]"),
    "registry: package": (registry, "registry", f"{PACKAGE_PATH}$", "HTTP 40[14]"),
}


def check_nothing_came(daemon, words):
    """The package's own reason, or that of its version, says so."""
    (package,) = daemon.packages().values()
    reasons = [package.get("reason", ""), *(one.get("reason", "") for one in daemon.versions(package["name"]).values())]
    assert package["state"] in ("failed", "incomplete") and any(re.search(words, text) for text in reasons), reasons
    assert not [file for file in daemon.files() if file.endswith(".zip")]


@pytest.mark.parametrize("status", [302, 307])
@pytest.mark.parametrize("target", [another_host, another_port])
@pytest.mark.parametrize("name", ASKED)
def test_credentials_stay_behind(daemon, upstream, name, target, status):
    start, role, path, words = ASKED[name]
    upstream.add_fault("redirect-to", role=role, path=path, location=target(upstream, role), status=status)
    start(daemon, upstream)
    daemon.sync(status=1)
    check_nothing_came(daemon, words)
    check_credentials(upstream, role, arrived=True)


@pytest.mark.parametrize("name", ASKED)
def test_credentials_do_not_go_in_the_clear(daemon, upstream, nobody, name):
    start, role, path, _ = ASKED[name]
    upstream.add_fault("redirect-to", role=role, path=path, location=f"http://localhost:{nobody.port}{ELSEWHERE}")
    start(daemon, upstream)
    daemon.sync(status=1)
    check_nothing_came(daemon, "the redirect leaves https")
    check_credentials(upstream, role, arrived=False)


@pytest.mark.parametrize("status", [302, 307])
def test_a_token_is_asked_for_at_its_own_place_alone(daemon, upstream, nobody, status):
    """What is sent to get one is not sent on, wherever that leads."""
    for location in (another_host(upstream, "github_api"), another_port(upstream, "github_api"),
                     f"http://localhost:{nobody.port}{ELSEWHERE}"):
        upstream.reset()
        upstream.add_fault("redirect-to", role="github_api", path="/access_tokens$", location=location, status=status)
        app(daemon, upstream)
        daemon.sync(status=1)
        check_nothing_came(daemon, f"the installation gives no token: .*HTTP {status}$")
        check_credentials(upstream, "github_api", arrived=False)
        daemon.stop()


def test_a_repository_that_was_renamed(daemon, upstream):
    """The same host is another matter: the credential goes along, or a private repository could not be found any more."""
    renamed = Module("acme", "terraform-aws-network", VPC.releases, private=True, renamed_from=[f"acme/{VPC.repo}"])
    daemon.write_credential("github-token", TOKEN)
    entries = [module(VPC.repo, "acme", "aws", **PRIVATE)]
    prepare(daemon, upstream, entries, World(modules=[renamed], tokens=[TOKEN]), tokenCredential="github-token")
    daemon.start()
    daemon.sync()
    assert daemon.states(f"platform/{VPC.repo}/aws") == {"1.0.0": "published", "1.1.0": "published"}
    assert 301 in [r["status"] for r in upstream.requests("github_api")]
    check_no_leak(daemon, upstream, TOKEN)


# Everything that is asked without a credential
PLAIN = {
    "releases of HashiCorp": ("hashicorp_api", "/v1/releases/", "hashicorp/null"),
    "sums": ("hashicorp_releases", "SHA256SUMS$", "hashicorp/null"),
    "signature": ("hashicorp_releases", r"SHA256SUMS\..*sig$", "hashicorp/null"),
    "key": ("hashicorp_releases", r"pgp-key\.txt$", "hashicorp/null"),
    "zip": ("hashicorp_releases", r"\.zip$", "hashicorp/null"),
    "releases of GitHub": ("github_api", "/releases", "platform/terraform-aws-open/aws"),
    "archive": ("github_web", "/archive/", "platform/terraform-aws-open/aws"),
    "content of the archive": ("codeload", "/tar.gz/", "platform/terraform-aws-open/aws"),
}


@pytest.mark.parametrize("name", PLAIN)
def test_nothing_leaves_https(daemon, upstream, nobody, name):
    """The package says so, and the other one goes on."""
    role, path, package = PLAIN[name]
    versions = [ProviderVersion("1.0.0", ["linux_amd64"], 20_000)]
    opened = Module("acme", "terraform-aws-open", [Release("v1.0.0")])
    upstream.replace(World(providers=[Provider("null", versions=versions)], modules=[opened]))
    upstream.add_fault("redirect-to", role=role, path=path, location=f"http://localhost:{nobody.port}{ELSEWHERE}")
    daemon.write_depot("demo", [provider("null", platforms=ONE)], [module(opened.repo, "acme", "aws")])
    daemon.start()
    daemon.sync(status=1)
    known = daemon.packages()
    reasons = [known[package].get("reason", ""), *(one.get("reason", "") for one in daemon.versions(package).values())]
    assert any("the redirect leaves https" in text for text in reasons), reasons
    assert not [file for file in daemon.files() if file.endswith(".zip") and package.split("/")[1] in file]
    (other,) = (one for one in known if one != package)
    assert daemon.states(other) == {"1.0.0": "published"}
    upstream.clear_faults()
    daemon.sync("--force")
    assert daemon.states(package) == {"1.0.0": "published"}
