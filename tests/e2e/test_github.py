"""GitHub with credentials: what they open, to whom they are sent, and what is said when they are not good."""

import json
import re

from daemon import module
from setting import wait_for
from simulator.world import Module, Release, World

TOKEN = "github_pat_11ABCDEFG0123456789_" + "x" * 60
PRIVATE = {"githubClientConfig": {"useAuthenticatedClient": True}}
VPC = Module("acme", "terraform-aws-vpc", [Release("v1.0.0"), Release("v1.1.0")], private=True)
OPEN = Module("acme", "terraform-aws-open", [Release("v1.0.0")])


def github(upstream, **more):
    """The settings of the upstreams, with `more` for GitHub."""
    ends = upstream.endpoints
    return {
        "github": {"apiUrl": ends["github_api"], "webUrl": ends["github_web"], **more},
        "hashicorp": {"apiUrl": ends["hashicorp_api"], "releasesUrl": ends["hashicorp_releases"]},
    }


def prepare(daemon, upstream, entries=None, world=None, namespace="platform", **more):
    upstream.replace(world or World(modules=[VPC, OPEN], tokens=[TOKEN]))
    daemon.configure(upstream=github(upstream, **more))
    entries = entries or [module(VPC.repo, "acme", "aws", **PRIVATE), module(OPEN.repo, "acme", "aws")]
    daemon.write_depot("demo", modules=entries, namespace=namespace, pollingIntervalMinutes=60)
    return daemon


def everything_said(daemon):
    """What people and programs can read of a daemon, and what it leaves on the disk."""
    left = b"".join(path.read_bytes() for path in daemon.state.rglob("*") if path.is_file())
    status = daemon.run("status").stdout + json.dumps(daemon.call("GetStatus")) + json.dumps(daemon.call("ListPackages"))
    versions = "".join(json.dumps(daemon.versions(name)) for name in daemon.packages())
    command = open(f"/proc/{daemon.process.pid}/cmdline").read()
    return daemon.text() + left.decode(errors="replace") + status + versions + command


def check_no_leak(daemon, upstream, *secrets):
    """Credentials went to the interface alone, and nobody can read them."""
    for request in upstream.requests():
        assert not request["authorization"] or request["role"] == "github_api", request
    said = everything_said(daemon)
    assert not any(secret in said for secret in secrets)


def reason(daemon, repo=VPC.repo):
    return daemon.packages()[f"platform/{repo}/aws"]["reason"]


def test_token(daemon, upstream):
    """A private module is had with a token, from the archive that the interface leads to; others without it."""
    prepare(daemon, upstream, tokenCredential="github-token").write_credential("github-token", TOKEN + "\n")
    daemon.start().settle()
    assert daemon.states(f"platform/{VPC.repo}/aws") == {"1.0.0": "published", "1.1.0": "published"}
    assert daemon.states(f"platform/{OPEN.repo}/aws") == {"1.0.0": "published"}

    asked = upstream.requests("github_api")
    assert {r["path"] for r in asked if r["authorization"]} == {
        f"/repos/acme/{VPC.repo}/releases?per_page=100",
        f"/repos/acme/{VPC.repo}/tarball/refs/tags/v1.0.0",
        f"/repos/acme/{VPC.repo}/tarball/refs/tags/v1.1.0",
    }
    assert [r["path"] for r in upstream.requests("github_web")] == [f"/acme/{OPEN.repo}/archive/refs/tags/v1.0.0.tar.gz"]
    keys = re.findall(r"token=(\w+)", "".join(r["path"] for r in upstream.requests("codeload")))
    assert len(keys) == 2
    check_no_leak(daemon, upstream, TOKEN, *keys)

    # What is unchanged is asked for by the ETag that was given to the same credential, and is not cleaned up at the start.
    for _ in range(2):
        upstream.reset()
        daemon.sync()
        assert [r["status"] for r in upstream.requests("github_api")] == [304, 304]
        daemon.stop()
        daemon.start().settle()


def test_no_credentials(daemon, upstream):
    """Without credentials for its namespace a package says so, and everything else goes on."""
    prepare(daemon, upstream).start().settle()
    assert re.search("useAuthenticatedClient: .* names no credentials$", reason(daemon))
    assert daemon.states(f"platform/{OPEN.repo}/aws") == {"1.0.0": "published"}

    # A name without a file behind it, then with it: a reload finds it.
    daemon.configure(upstream=github(upstream, tokenCredential="github-token"))
    daemon.ctl("reload")
    daemon.settle()
    assert reason(daemon) == "the service has no credential 'github-token' (LoadCredential=)"
    for text, words in (("", "is empty"), ("two words", "is not a token"), ("x" * 70000, "is larger than 65536 bytes")):
        daemon.write_credential("github-token", text)
        daemon.ctl("reload")
        daemon.settle()
        assert words in reason(daemon)
    (daemon.credentials / "github-token").unlink()
    (daemon.credentials / "elsewhere").write_text(TOKEN)
    (daemon.credentials / "github-token").symlink_to("elsewhere")
    daemon.ctl("reload")
    daemon.settle()
    assert "is not a regular file" in reason(daemon)
    assert not any(r["authorization"] for r in upstream.requests())

    (daemon.credentials / "github-token").unlink()
    daemon.write_credential("github-token", TOKEN)
    daemon.ctl("reload")
    daemon.settle()
    assert daemon.packages()[f"platform/{VPC.repo}/aws"]["state"] == "current"
    check_no_leak(daemon, upstream, TOKEN)


def test_namespaces(daemon, upstream):
    """Each registry namespace has its own credential and host; one without has none, whatever the others have."""
    more = {
        "tokenCredential": "common",
        "namespaces": [
            {"namespace": "enterprise", "tokenCredential": "own"}
            | {"apiUrl": upstream.endpoints["github_api"], "webUrl": upstream.endpoints["github_web"].upper().replace("HTTPS", "https")},
            {"namespace": "bare"},
        ],
    }
    entries = [module(VPC.repo, "acme", "aws", **PRIVATE)]
    prepare(daemon, upstream, entries, World(modules=[VPC], tokens=["first-token", "second-token"]), **more)
    daemon.write_depot("enterprise", modules=entries, namespace="enterprise")
    daemon.write_depot("bare", modules=entries, namespace="bare")
    daemon.write_credential("common", "wrong-token")
    daemon.write_credential("own", "second-token")
    daemon.start().settle()
    known = daemon.packages()
    assert known[f"enterprise/{VPC.repo}/aws"]["state"] == "current"
    assert known[f"enterprise/{VPC.repo}/aws"]["source"].startswith("github:LOCALHOST:")
    assert "names no credentials for the namespace bare" in known[f"bare/{VPC.repo}/aws"]["reason"]
    assert "HTTP 401: the credential (token common) is wrong, has expired or was revoked" in reason(daemon)
    check_no_leak(daemon, upstream, "first-token", "second-token", "wrong-token")


def longer(**more):
    return World(modules=[Module("acme", VPC.repo, [*VPC.releases, Release("v1.2.0")], private=True), OPEN], **more)


def change_before_the_archive(daemon, upstream, world, change):
    """The world has one more version, which is listed before the change and fetched after it."""
    upstream.reset()
    upstream.replace(world)
    upstream.add_fault("hold", path="/tarball/")
    daemon.ctl("sync")
    wait_for(lambda: upstream.requests(path="/tarball/"), 60, "the archive to be asked for")
    change()
    upstream.clear_faults()
    daemon.settle()


def test_token_is_revoked_while_in_use(daemon, upstream):
    """Archives fail with that reason, what is published stays, and a new token makes it good."""
    prepare(daemon, upstream, tokenCredential="github-token").write_credential("github-token", TOKEN)
    daemon.start().settle()
    before = daemon.files()
    change_before_the_archive(daemon, upstream, longer(tokens=[TOKEN]), lambda: upstream.replace(longer(tokens=["another"])))
    version = daemon.versions(f"platform/{VPC.repo}/aws")["1.2.0"]
    assert version["state"] == "failed" and "the credential (token github-token) is wrong" in version["reason"]
    assert version["nextTry"] and daemon.files() == before
    assert [r["status"] for r in upstream.requests(path="/tarball/")] == [401]

    upstream.replace(World(modules=[VPC], tokens=["another"]))
    daemon.sync(status=1)
    assert "HTTP 401" in reason(daemon)
    assert daemon.files() == before
    daemon.write_credential("github-token", "another")
    daemon.ctl("reload")
    daemon.sync(status=1)  # the open module is gone from the world
    assert daemon.packages()[f"platform/{VPC.repo}/aws"]["state"] == "current"
    check_no_leak(daemon, upstream, TOKEN, "another")
