"""The control interface as every program can use it, and as opendepotctl does."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest

from daemon import CTL, module
from simulator.world import Release, World
from small import ONE, make, vpc, want
from varlink import INTERFACE, Link, error_of

DENIED = ("org.varlink.service.PermissionDenied", {})


@pytest.fixture
def running(daemon, upstream):
    upstream.replace(World([make("one", ("1.0.0", "1.1.0"))], [vpc(Release("v1.0.0"))]))
    daemon.write_depot("team", [want("one")], [module("terraform-aws-vpc", "acme", "aws")])
    daemon.write_depot("other", [want("one", "= 1.0.0")])
    return daemon.start().settle()


@pytest.fixture
def link(running):
    with Link(running.socket) as one:
        yield one


# Reading


def varlinkctl(daemon, *arguments):
    if not shutil.which("varlinkctl"):
        pytest.skip("varlinkctl is not here (systemd 257)")
    json_mode = [] if arguments[0] == "introspect" else ["--json=short"]
    command = ["varlinkctl", *json_mode, *arguments[:1], str(daemon.socket), *arguments[1:]]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", timeout=60)


def test_every_method_by_varlinkctl(running):
    def call(method, parameters="{}", *options):
        result = varlinkctl(running, "call", INTERFACE + method, parameters, *options)
        assert result.returncode == 0, result.stderr
        return [json.loads(line) for line in result.stdout.replace("\x1e", "").splitlines()]

    assert call("GetStatus")[0]["status"]["packages"] == 2
    assert [depot["name"] for depot in call("ListDepots", '{"depot": "team"}')[0]["depots"]] == ["team"]
    assert len(call("ListPackages", '{"depot": "other"}')[0]["packages"]) == 1
    versions = call("ListVersions", f'{{"package": "{ONE}", "version": "1.1.0"}}')[0]["versions"]
    assert [version["version"] for version in versions] == ["1.1.0"]
    assert call("ListVersions", f'{{"package": "{ONE}", "version": "v1.1"}}')[0]["versions"] == versions
    slices = call("ListVersions", f'{{"package": "{ONE}"}}', "--more")
    assert [version["version"] for one in slices for version in one["versions"]] == ["1.1.0", "1.0.0"]
    assert call("Reload") == [{"problems": []}]
    assert [reply["event"]["type"] for reply in call("Sync")] == ["accepted"]
    assert [e["event"]["type"] for e in call("Plan", f'{{"package": "{ONE}"}}', "--more")] == ["plan", "done"]
    assert call("Sync", "{}", "--more")[-1]["event"]["outcome"]["packages"] == 2
    assert varlinkctl(running, "call", "io.systemd.service.Ping", "{}").returncode == 0
    assert varlinkctl(running, "call", "io.systemd.service.SetLogLevel", '{"level": 6}').returncode == 0
    assert '"product":"opendepotd"' in varlinkctl(running, "info").stdout


def test_introspection_is_the_manual(running):
    text = varlinkctl(running, "introspect", INTERFACE.rstrip(".")).stdout
    lines = text.splitlines()
    symbols = [i for i, line in enumerate(lines) if line.split(" ")[0] in ("method", "type", "error")]
    assert len(symbols) > 20 and "method Subscribe" in text and "error TooManySubscribers" in text
    assert [lines[i] for i in symbols if not lines[i - 1].startswith("# ")] == []
    for method in ("ListVersions", "Plan", "Sync", "Subscribe"):
        assert "more" in text[: text.index(f"method {method}(")].rpartition("\n\n")[2]


def test_named_errors_carry_their_parameters(link):
    def error(method, **parameters):
        return error_of(link.call(method, **parameters))

    for method in ("ListDepots", "ListPackages", "Sync"):
        assert error(method, depot="absent") == ("NoSuchDepot", {"depot": "absent"})
    for method in ("ListPackages", "ListVersions", "Sync"):
        assert error(method, package="absent/one") == ("NoSuchPackage", {"package": "absent/one"})
    unknown = {"package": ONE, "version": "9.9.9"}
    assert error("ListVersions", **unknown) == ("NoSuchVersion", unknown)
    for method in ("Sync", "Plan"):
        link.send(method, {"depot": "absent"}, more=True)
        assert error_of(link.receive()) == ("NoSuchDepot", {"depot": "absent"})
    link.send("Sync", unknown, more=True)
    while "error" not in (message := link.receive()):
        assert message["continues"], message
    assert error_of(message) == ("NoSuchVersion", unknown)


def test_wrong_calls_are_errors_and_the_link_lives_on(link):
    def error(method, _flags=None, **parameters):
        link.send(method, parameters, **(_flags or {}))
        return error_of(link.receive())

    invalid = "org.varlink.service.InvalidParameter"
    assert error("NoSuchMethod")[0] == "org.varlink.service.MethodNotFound"
    assert error("org.example.Any")[0] in (
        "org.varlink.service.InterfaceNotFound",
        "org.varlink.service.MethodNotFound",
    )
    assert error("GetStatus", surplus=1) == (invalid, {"parameter": "surplus"})
    assert error("ListDepots", depot=7) == (invalid, {"parameter": "depot"})
    assert error("Sync", force="yes") == (invalid, {"parameter": "force"})
    assert error("ListVersions") == (invalid, {"parameter": "package"})
    assert error("Sync", version="1.0.0") == (invalid, {"parameter": "version"})
    assert error("Sync", package=ONE, version="one") == (invalid, {"parameter": "version"})
    for method in ("Subscribe", "Plan"):
        assert error(method)[0] == "org.varlink.service.ExpectedMore"
    assert link.call("GetStatus")["parameters"]["status"]["packages"] == 2


def test_garbage_ends_one_connection_only(running):
    for garbage in (b"nonsense\0", b'{"method": 7}\0', b"[" * 5000 + b"\0", b'{"method": "a.b.C"' * 3 + b"\0"):
        with Link(running.socket) as link:
            link.socket.sendall(garbage)
            assert link.receive() is None
    assert running.call("GetStatus")["status"]["packages"] == 2


# Permissions


def run_as(*identity):
    clear = [] if any(word.startswith("--groups") for word in identity) else ["--clear-groups"]
    return ("setpriv", *identity, *clear)


@pytest.fixture
def reachable(running):
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("another user takes root and setpriv")
    # Everything on the way is given back to its owner alone when the test has ended.
    changed = []
    for path in [running.socket.parent, *running.socket.parent.parents, *pathlib.Path(CTL).parents]:
        mode = path.stat().st_mode
        if not mode & 0o001:
            path.chmod(mode | 0o001)
            changed.append((path, mode))
    yield running
    for path, mode in changed:
        path.chmod(mode)


def test_others_may_read_only(reachable, upstream):
    nobody = run_as("--reuid=65534", "--regid=65534")
    upstream.reset()
    for arguments in (["status"], ["list"], ["show", ONE], ["keys"]):
        result = reachable.run(*arguments, prefix=nobody)
        assert result.returncode == 0 and result.stdout, result.stderr
    for arguments in (["plan"], ["sync"], ["sync", "--wait"], ["sync", ONE, "1.0.0", "--force"], ["reload"],
                      ["keys", "accept", "hashicorp", "AB" * 20], ["keys", "refuse", "hashicorp", "AB" * 20]):
        result = reachable.run(*arguments, prefix=nobody)
        assert result.returncode == 5 and result.stdout == "" and "root" in result.stderr, (arguments, result.stderr)
    script = (
        "import sys; sys.path.insert(0, sys.argv[2]); from varlink import Link; "
        "print(Link(sys.argv[1]).call('io.systemd.service.SetLogLevel', level=7)['error'])"
    )
    here = str(pathlib.Path(__file__).parent)
    command = [*nobody, "python3", "-c", script, str(reachable.socket), here]
    answer = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", timeout=60)
    assert answer.stdout.strip() == DENIED[0], answer.stderr
    assert upstream.requests() == []
    with reachable_monitor(reachable, nobody) as monitor:
        assert monitor.stdout.readline()


class reachable_monitor:
    """opendepotctl monitor as somebody else, until left."""

    def __init__(self, daemon, prefix):
        self.command = [*prefix, CTL, f"--socket={daemon.socket}", "--json=short", "monitor"]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        return self.process

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)
        self.process.stdout.close()


def test_members_of_the_daemons_group_may_change(reachable, tmp_path):
    """The daemon runs with a group of its own, as its service does."""
    reachable.stop()
    for path in (reachable.state, reachable.runtime):
        subprocess.run(["chown", "-R", "65533:65532", path], check=True)
    for path in [tmp_path, *tmp_path.rglob("*"), *pathlib.Path(reachable.upstream.endpoints["ca"]).parents]:
        if path.is_dir():
            path.chmod(path.stat().st_mode | 0o005)
    reachable.start(*run_as("--reuid=65533", "--regid=65532"))
    for identity, status in (
        (("--reuid=65534", "--regid=65532"), 0),
        (("--reuid=65534", "--regid=65534", "--groups=65530,65532"), 0),
        (("--reuid=65533", "--regid=65534"), 0),
        (("--reuid=65534", "--regid=65534"), 5),
    ):
        result = reachable.run("sync", "--wait", prefix=run_as(*identity))
        assert result.returncode == status, (identity, result.stderr)
    assert reachable.run("reload").returncode == 0


# Verifying without a daemon


def test_verify_config(daemon):
    daemon.write_depot("good", [want("one")])
    files = [daemon.configuration / "opendepot.yaml", daemon.configuration / "conf.d/good.yaml"]
    assert daemon.run("verify-config", *map(str, files)).returncode == 0
    daemon.write_document("bad", "apiVersion: opendepot.defdev.io/v1alpha1\nkind: Depot\nmetadata: {nam: x}\n")
    result = daemon.run("verify-config", *map(str, files), str(daemon.configuration / "conf.d/bad.yaml"))
    assert result.returncode == 1 and "conf.d/bad.yaml:3:12: " in result.stdout + result.stderr
