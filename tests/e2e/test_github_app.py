"""A GitHub App: one token for all of an installation, renewed in time, and clear words when it cannot be had."""

import re

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from daemon import module
from simulator.world import App, Installation, Module, Release, World
from test_github import PRIVATE, change_before_the_archive, check_no_leak, prepare, reason

KEY = rsa.generate_private_key(65537, 2048)
OTHER = rsa.generate_private_key(65537, 2048)
VPC = Module("acme", "terraform-aws-vpc", [Release("v1.0.0")], private=True)
EKS = Module("acme", "terraform-aws-eks", [Release("v1.0.0"), Release("v1.1.0")], private=True)
IAM = Module("other", "terraform-aws-iam", [Release("v1.0.0")], private=True)
SETTING = {"id": 4711, "privateKeyCredential": "app-key"}


def pem(key, form=serialization.PrivateFormat.TraditionalOpenSSL):
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def public(key):
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def world(modules=(VPC, EKS), installations=((42, "acme"),), key=KEY, **more):
    offset = more.pop("clock_offset", 0)
    app = App("4711", public(key), [Installation(*one) for one in installations], client_id="Iv23liTest", **more)
    return World(modules=list(modules), apps=[app], clock_offset=offset)


def prepare_app(daemon, upstream, described, key=None, **setting):
    entries = [module(one.repo, one.owner, "aws", **PRIVATE) for one in described.modules]
    daemon.write_credential("app-key", key or pem(KEY))
    return prepare(daemon, upstream, entries, described, app=SETTING | setting)


def given(upstream):
    return [r for r in upstream.requests("github_api") if r["path"].endswith("/access_tokens")]


def looked_up(upstream):
    return [r["path"] for r in upstream.requests("github_api") if r["path"].endswith("/installation")]


def states(daemon):
    return {name.split("/")[1]: package["state"] for name, package in daemon.packages().items()}


@pytest.mark.parametrize("form", ["TraditionalOpenSSL", "PKCS8"])
def test_one_token_for_all(daemon, upstream, form):
    """Found by the owner of the repository, asked for once, and used for listings and archives; long tokens are tokens."""
    described = world(token_length=3000)
    prepare_app(daemon, upstream, described, pem(KEY, getattr(serialization.PrivateFormat, form)))
    daemon.start().settle()
    assert states(daemon) == {VPC.repo: "current", EKS.repo: "current"}
    assert [(r["method"], r["status"]) for r in given(upstream)] == [("POST", 201)]
    assert len(looked_up(upstream)) == 1
    check_no_leak(daemon, upstream, "ghs_4711", pem(KEY).splitlines()[1])
    assert "eyJ" not in daemon.text()

    upstream.reset()
    daemon.sync()
    assert [r["status"] for r in upstream.requests("github_api")] == [304, 304]


def test_configured_installation_and_client_id(daemon, upstream):
    prepare_app(daemon, upstream, world(), id="Iv23liTest", installationId=42).start().settle()
    assert states(daemon) == {VPC.repo: "current", EKS.repo: "current"}
    assert not looked_up(upstream) and len(given(upstream)) == 1


def test_an_installation_for_each_owner(daemon, upstream):
    """Where it is not installed the package says so, and the others go on."""
    third = Module("third", "terraform-aws-s3", [Release("v1.0.0")], private=True)
    described = world([VPC, IAM, third], [(42, "acme"), (43, "other")])
    prepare_app(daemon, upstream, described).start().settle()
    assert states(daemon) == {VPC.repo: "current", IAM.repo: "current", third.repo: "failed"}
    assert reason(daemon, third.repo) == "GitHub App 4711: it is not installed for third/terraform-aws-s3"
    assert len(given(upstream)) == 2


REFUSALS = {
    "revoked": ({"key": OTHER}, None, "HTTP 401: A JSON web token could not be decoded.; it is not a key of the App"),
    "unknown": ({}, {"id": 99}, "there is no such App: HTTP 404: Integration not found$"),
    "suspended": (
        {"installations": [(42, "acme", True)]}, None, "gives no token: HTTP 403: This installation has been suspended$",
    ),
    "missing": ({}, {"installationId": 7}, "the installation gives no token: HTTP 404: Not Found$"),
    "behind": ({"clock_offset": 600}, None, r"HTTP 401.*; the clock of this machine is (59\d|60\d) s behind GitHub's$"),
    "ahead": ({"clock_offset": -600}, None, r"HTTP 401.*; the clock of this machine is (59\d|60\d) s ahead of GitHub's$"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals(daemon, upstream, name):
    """What GitHub does not accept is said in its words and ours, asked once for all packages, and tried again later."""
    described, setting, words = REFUSALS[name]
    prepare_app(daemon, upstream, world(**described), **(setting or {})).start().settle()
    for repo in (VPC.repo, EKS.repo):
        assert re.search(f"^GitHub App (4711|99): .*{words}", reason(daemon, repo)), reason(daemon, repo)
        assert daemon.packages()[f"platform/{repo}/aws"]["nextTry"]
    assert len(given(upstream)) + len(looked_up(upstream)) <= 2
    check_no_leak(daemon, upstream, "ghs_4711", pem(KEY).splitlines()[1])


def test_a_clock_that_is_a_little_off_does_not_matter(daemon, upstream):
    for offset in (-45, 45):
        prepare_app(daemon, upstream, world(clock_offset=offset)).start().settle()
        assert states(daemon) == {VPC.repo: "current", EKS.repo: "current"}
        daemon.stop()


def test_keys_that_are_none(daemon, upstream):
    curve = pem(ec.generate_private_key(ec.SECP256R1()), serialization.PrivateFormat.PKCS8)
    for text in (curve, "no key", pem(KEY)[:400], public(KEY)):
        prepare_app(daemon, upstream, world(), text).start().settle()
        assert "the credential 'app-key' is not an RSA private key in PEM" in reason(daemon)
        daemon.stop()
    assert not upstream.requests("github_api")


def test_renewal(daemon, upstream):
    """A token with less than five minutes left is not used for something new."""
    prepare_app(daemon, upstream, world(token_lifetime=240)).start().settle()
    assert states(daemon) == {VPC.repo: "current", EKS.repo: "current"}
    n = len(given(upstream))
    daemon.sync()
    assert len(given(upstream)) > n
    upstream.replace(world(token_lifetime=3600))
    daemon.sync()
    n = len(given(upstream))
    daemon.sync()
    assert len(given(upstream)) == n


def test_token_is_revoked_while_in_use(daemon, upstream):
    """The next request gets 401, and goes again with a new token: nobody notices."""
    prepare_app(daemon, upstream, world()).start().settle()
    upstream.revoke_tokens()
    upstream.reset()
    daemon.sync()
    assert states(daemon) == {VPC.repo: "current", EKS.repo: "current"}
    assert 401 in [r["status"] for r in upstream.requests("github_api")]
    assert len(given(upstream)) in (1, 2)


def test_token_is_revoked_before_the_archive(daemon, upstream):
    """A new one is asked for, and the archive with it."""
    prepare_app(daemon, upstream, world([VPC])).start().settle()
    more = Module("acme", VPC.repo, [*VPC.releases, Release("v1.1.0")], private=True)
    change_before_the_archive(daemon, upstream, world([more]), upstream.revoke_tokens)
    assert daemon.states(f"platform/{VPC.repo}/aws") == {"1.0.0": "published", "1.1.0": "published"}
    assert [r["status"] for r in upstream.requests(path="/tarball/")] == [401, 302] and len(given(upstream)) == 1
    check_no_leak(daemon, upstream, "ghs_4711")


def test_tokens_that_are_never_good(daemon, upstream):
    """An archive is asked for twice, no more; what is published stays."""
    prepare_app(daemon, upstream, world([VPC])).start().settle()
    before = daemon.files()
    more = Module("acme", VPC.repo, [*VPC.releases, Release("v1.1.0")], private=True)
    upstream.reset()
    upstream.replace(world([more]))
    upstream.add_fault("status", path="/tarball/", status=401)
    daemon.sync(status=1)
    version = daemon.versions(f"platform/{VPC.repo}/aws")["1.1.0"]
    assert version["state"] == "failed" and "HTTP 401: the credential (" in version["reason"]
    assert [r["status"] for r in upstream.requests(path="/tarball/")] == [401, 401] and daemon.files() == before


def test_answers_that_are_none(daemon, upstream):
    """HTML, other types and broken tokens: said without the answer's own bytes."""
    for body, kind, words in (
        ("<!DOCTYPE html>", "text/html", "token: "),
        ('{"token": 5}', "application/json", "the answer holds none"),
        ('{"token": "a b"}', "application/json", "what the answer holds is none"),
        ('{"token": "ghs_hidden", "expires_at": "soon"}', "application/json", "does not say when it ends"),
    ):
        upstream.clear_faults()
        prepare_app(daemon, upstream, world())
        upstream.add_fault("garbage", path="access_tokens", status=201, body=body, content_type=kind)
        daemon.start()
        daemon.sync(status=1)
        assert words in reason(daemon)
        check_no_leak(daemon, upstream, "ghs_hidden")
        daemon.stop()
