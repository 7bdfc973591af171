"""The command line of opendepotctl, its errors, and what stands beside it: manual, completion, verify-config."""

import json
import os
import pathlib
import re
import socket
import subprocess

import pytest

from ctl_peer import (
    CTL, DENIED, FAILED, INTERFACE, NOT_FOUND, OK, STATUS, TREE, UNREACHABLE, USAGE, VERBS, Error, ctl,
    environment,
)


# The command line


def test_help_names_every_verb():
    result = ctl(None, "--help")
    assert (result.returncode, result.stderr) == (OK, "")
    for verb in VERBS:
        assert re.search(rf"^  {verb} ", result.stdout, re.MULTILINE)
    assert max(map(len, result.stdout.splitlines())) <= 80


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb):
    result = ctl(None, verb, "--help")
    assert (result.returncode, result.stderr) == (OK, "")
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert result.stdout.startswith(f"Usage: opendepotctl [OPTIONS...] {verb}")
    assert ctl(None, "-h", verb).stdout == result.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_in_the_manual_page(verb):
    page = (TREE / "man/opendepotctl.1").read_text().replace("\\-", "-")
    assert re.search(rf"^(\\fB|\.B ){verb}\b", page, re.MULTILINE)


def test_every_option_is_in_the_manual_page_and_the_completion():
    page = (TREE / "man/opendepotctl.1").read_text().replace("\\-", "-")
    completion = (TREE / "ctl/opendepotctl.bash-completion").read_text()
    options = set(re.findall(r"(--[a-z-]+)", ctl(None, "--help").stdout))
    assert {"--depot", "--wait", "--json", "--socket", "--no-legend"} <= options
    assert [option for option in options if option not in page] == []
    assert [option for option in options if option not in completion] == []


def test_version():
    assert re.fullmatch(r"opendepotctl [0-9.]+\n", ctl(None, "--version").stdout)


@pytest.mark.parametrize(
    "arguments",
    [
        ["frobnicate"],
        ["--frobnicate"],
        ["-x"],
        ["--socket"],
        ["--socket="],
        ["--json=yes"],
        ["--color=red"],
        ["--wait=1"],
        ["show"],
        ["show", "a/b", "1", "2"],
        ["show", ""],
        ["sync", "a/b", "1.0.0", "2.0.0"],
        ["list", "a/b"],
        ["list", "--wait"],
        ["status", "--force"],
        ["status", "team", "--depot=other"],
        ["monitor", "--depot=x"],
        ["reload", "x"],
        ["plan", "a/b", "--versions"],
    ],
    ids=" ".join,
)
def test_wrong_usage(peer, arguments):
    result = ctl(peer, *arguments)
    assert (result.returncode, result.stdout) == (USAGE, "")
    assert re.fullmatch(r"opendepotctl: [^\n]+--help\n|opendepotctl: --(json|color)=[^\n]+\n", result.stderr)
    assert peer.requests == []


def test_socket_from_the_environment(peer):
    assert ctl(None, "list", env=environment(OPENDEPOT_SOCKET=str(peer.path))).returncode == OK
    assert peer.methods() == ["ListPackages"]


# Errors


def test_no_socket(tmp_path):
    for verb in ("status", "list", "reload", "monitor", "plan", "sync"):
        result = ctl(None, f"--socket={tmp_path}/none", verb)
        assert (result.returncode, result.stdout) == (UNREACHABLE, "")
        assert f"{tmp_path}/none" in result.stderr and "systemctl start opendepot" in result.stderr
        assert result.stderr.count("\n") == 1


def test_nobody_listens(tmp_path):
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(tmp_path / "socket"))
    server.close()
    assert ctl(None, f"--socket={tmp_path}/socket", "status").returncode == UNREACHABLE


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_socket_of_others(peer, tmp_path):
    os.chmod(peer.path, 0o600)
    for directory in [tmp_path, *tmp_path.parents]:
        if directory.stat().st_uid == 0 and directory not in (pathlib.Path("/"), pathlib.Path("/tmp")):
            os.chmod(directory, 0o755)
    result = ctl(peer, "list", user=65534, group=65534, extra_groups=[])
    assert (result.returncode, result.stderr.count("\n")) == (DENIED, 1)


@pytest.mark.parametrize(
    ("error", "parameters", "status", "said"),
    [
        (INTERFACE + "NoSuchDepot", {"depot": "nope"}, NOT_FOUND, "nope"),
        (INTERFACE + "NoSuchPackage", {"package": "a/b"}, NOT_FOUND, "a/b"),
        (INTERFACE + "NoSuchVersion", {"package": "a/b", "version": "9.9.9"}, NOT_FOUND, "9.9.9"),
        (INTERFACE + "NoSuchVersion", {}, NOT_FOUND, ""),
        (INTERFACE + "TooManySubscribers", {}, FAILED, "too many"),
        (INTERFACE + "OfALaterVersion", {}, FAILED, "OfALaterVersion"),
        ("org.varlink.service.PermissionDenied", {}, DENIED, "group opendepot"),
        ("io.systemd.System", {"errno": 13}, DENIED, "group opendepot"),
        ("io.systemd.System", {"errno": 28}, FAILED, "No space left"),
        ("org.varlink.service.InvalidParameter", {"parameter": "depot"}, USAGE, "'depot'"),
        ("org.varlink.service.MethodNotFound", {"method": "x"}, FAILED, "another version"),
    ],
)
@pytest.mark.parametrize("verb", [["list"], ["plan"], ["sync"], ["sync", "--wait"], ["monitor"], ["reload"]], ids=" ".join)
def test_errors_of_the_daemon(peer, verb, error, parameters, status, said):
    for method in ("ListPackages", "Plan", "Sync", "Subscribe", "Reload"):
        peer.answers[method] = Error(error, **parameters)
    result = ctl(peer, *verb)
    assert (result.returncode, result.stdout) == (status, "")
    assert said in result.stderr
    assert re.fullmatch(r"opendepotctl: [^\n]+\n", result.stderr)


@pytest.mark.parametrize("verb", [["status"], ["list"], ["plan"], ["sync"], ["sync", "--wait"], ["monitor"]], ids=" ".join)
@pytest.mark.parametrize("answer", [None, b"this is no JSON\0", b"HTTP/1.1 400 Bad Request\r\n\r\n\0", b"[]\0"])
def test_connection_that_breaks(peer, verb, answer):
    for method in ("GetStatus", "ListPackages", "Plan", "Sync", "Subscribe"):
        peer.answers[method] = answer
    result = ctl(peer, *verb)
    assert result.returncode == UNREACHABLE, result.stderr
    assert re.fullmatch(r"opendepotctl: [^\n]+\n", result.stderr)


@pytest.mark.parametrize("arguments", [["list"], ["status"], ["--json=short", "list"], ["--help"]], ids=" ".join)
def test_full_disk(peer, arguments):
    with open("/dev/full", "w", encoding="utf-8") as full:
        result = ctl(peer, *arguments, stdout=full)
    assert result.returncode == FAILED
    assert "No space left on device" in result.stderr


# Configuration


def test_reload(peer):
    result = ctl(peer, "reload")
    assert (result.returncode, result.stdout, result.stderr) == (OK, "", "")
    problems = [*STATUS["problems"], {"file": "/b.yaml", "line": 0, "column": 0, "message": "cannot be read"}]
    peer.answers["Reload"] = {"problems": problems}
    result = ctl(peer, "reload")
    assert result.returncode == FAILED
    assert result.stdout == "/etc/opendepot/conf.d/a.yaml:3:5: unknown key 'x'\n/b.yaml: cannot be read\n"
    result = ctl(peer, "reload", "--json=short")
    assert (result.returncode, json.loads(result.stdout)) == (FAILED, {"problems": problems})


GOOD = """\
apiVersion: opendepot.defdev.io/v1alpha1
kind: Depot
metadata: {name: team}
spec:
  providerConfigs:
    - name: aws
"""


def test_verify_config(tmp_path):
    good, bad, settings = tmp_path / "good.yaml", tmp_path / "bad.yaml", tmp_path / "opendepot.yaml"
    good.write_text(GOOD)
    bad.write_text(GOOD.replace("team", "other") + "      frobnicate: 1\n")
    settings.write_text("transfers: {parallel: 4}\n")
    result = ctl(None, "verify-config", good, settings)
    assert (result.returncode, result.stderr) == (OK, "")
    assert result.stdout == "The configuration is good: 1 depot.\n"
    assert ctl(None, "verify-config", "-q", good).stdout == ""

    result = ctl(None, "verify-config", good, bad)
    assert result.returncode == FAILED
    assert re.fullmatch(rf"{re.escape(str(bad))}:7:7: [^\n]*frobnicate[^\n]*\n", result.stdout)
    answer = json.loads(ctl(None, "verify-config", "--json=short", good, bad).stdout)
    assert answer["depots"] == ["team"]
    assert [(each["file"], each["line"], each["column"]) for each in answer["problems"]] == [(str(bad), 7, 7)]
    assert ctl(None, "verify-config", tmp_path / "none.yaml").returncode == FAILED


def test_verify_config_of_the_fixtures():
    fixtures = pathlib.Path(os.environ.get("OPENDEPOT_FIXTURES", TREE.parent / "shared/fixtures")) / "depots"
    if not fixtures.exists():
        pytest.skip("the recorded data (OPENDEPOT_FIXTURES) is not here")
    result = ctl(None, "verify-config", *sorted(fixtures.glob("*.yaml")))
    assert (result.returncode, result.stdout) == (OK, "The configuration is good: 4 depots.\n")


# Completion


def complete(peer, *words):
    script = """
        compopt() { :; }
        . "$1"; shift
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
        _opendepotctl
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    result = subprocess.run(
        ["bash", "-c", script, "bash", TREE / "ctl/opendepotctl.bash-completion", "opendepotctl", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=environment(OPENDEPOT_SOCKET=str(peer.path), PATH=f"{CTL.parent}:/usr/bin:/bin"),
        timeout=30,
        check=True,
    )
    assert result.stderr == ""
    return result.stdout.split()


def test_completion(peer):
    assert complete(peer, "") == VERBS
    assert complete(peer, "sh") == ["show"]
    assert complete(peer, "sync", "--f") == ["--force"]
    assert complete(peer, "list", "--f") == []
    assert complete(peer, "status", "") == ["team"]
    assert complete(peer, "plan", "--depot=t") == ["team"]
    assert complete(peer, "show", "hashicorp/a") == ["hashicorp/aws"]
    assert complete(peer, "--json=short", "sync", "hashicorp/aws", "5.8") == ["5.80.0"]
