"""opendepotctl goes along: sync and monitor."""

import json
import signal
import subprocess

import pytest

from ctl_peer import CTL, DENIED, FAILED, OK, TIME, UNREACHABLE, Error, ctl, environment, event, outcome, sync_events


def test_sync(peer):
    peer.answers["Sync"] = event("accepted")
    result = ctl(peer, "sync")
    assert (result.returncode, result.stderr) == (OK, "")
    assert "opendepotctl monitor" in result.stdout
    assert "more" not in peer.requests[0]
    assert ctl(peer, "sync", "-q").stdout == ""
    assert json.loads(ctl(peer, "sync", "--json=short").stdout)["type"] == "accepted"


@pytest.mark.parametrize(
    ("arguments", "parameters"),
    [
        ([], {}),
        (["--depot=team"], {"depot": "team"}),
        (["a/b"], {"package": "a/b"}),
        (["a/b", "1.0.0", "--force"], {"package": "a/b", "version": "1.0.0", "force": True}),
    ],
)
def test_sync_asks_for_what_was_named(peer, arguments, parameters):
    peer.answers["Sync"] = event("accepted")
    assert ctl(peer, "sync", *arguments).returncode == OK
    assert peer.requests[0].get("parameters", {}) == parameters


def test_sync_wait(peer):
    peer.answers["Sync"] = sync_events()
    result = ctl(peer, "sync", "--wait")
    assert (result.returncode, result.stderr) == (OK, "")
    assert peer.requests[0]["more"] is True
    lines = result.stdout.splitlines()
    assert lines[1] == f"{TIME} plan hashicorp/aws: 20 to add"
    assert sum(" published" in line for line in lines) == 20
    assert lines[-1] == "done: 20 added, 0 pruned, 0 failed; 1 of 1 packages complete; 57.2M in 1.5s"
    # Progress is for people who watch; a log gets it every ten seconds.
    assert not any(" progress" in line for line in lines)


def test_sync_wait_with_failures(peer):
    peer.answers["Sync"] = sync_events(bad=[5])
    result = ctl(peer, "sync", "--wait")
    assert result.returncode == FAILED
    assert f"{TIME} version hashicorp/aws 1.5.0 failed: bad digest" in result.stdout
    assert result.stdout.splitlines()[-1].startswith("incomplete: 19 added, 0 pruned, 1 failed; 0 of 1")
    quiet = ctl(peer, "sync", "--wait", "-q")
    assert quiet.returncode == FAILED
    assert len(quiet.stdout.splitlines()) == 2


@pytest.mark.parametrize("failed", ["packagesFailed", "versionsFailed"])
def test_sync_wait_judges_by_the_outcome(peer, failed):
    peer.answers["Sync"] = [event("done", outcome=outcome(**{failed: 1}))]
    assert ctl(peer, "sync", "--wait").returncode == FAILED
    assert ctl(peer, "sync", "--wait", "--json=short").returncode == FAILED


def test_sync_wait_that_is_cut_off(peer):
    peer.answers["Sync"] = sync_events()[:-1]
    assert ctl(peer, "sync", "--wait").returncode == FAILED
    peer.answers["Sync"] = [*sync_events()[:-1], None]
    assert ctl(peer, "sync", "--wait").returncode == UNREACHABLE
    peer.answers["Sync"] = [event("accepted"), Error("org.varlink.service.PermissionDenied")]
    assert ctl(peer, "sync", "--wait").returncode == DENIED


def test_sync_wait_as_json(peer):
    events = sync_events(bad=[1])
    peer.answers["Sync"] = events
    result = ctl(peer, "sync", "--wait", "--json=short")
    assert result.returncode == FAILED
    assert [json.loads(line) for line in result.stdout.splitlines()] == [each["event"] for each in events]


def start(peer, *arguments):
    return subprocess.Popen(
        [CTL, f"--socket={peer.path}", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=environment(),
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_sync_wait_interrupted(peer, number):
    peer.answers["Sync"] = [event("accepted"), ..., ...]
    with start(peer, "sync", "--wait") as process:
        assert "accepted" in process.stdout.readline()
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
        assert process.returncode == -number
        assert "the daemon goes on" in errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_monitor(peer, number):
    peer.answers["Subscribe"] = [
        event("accepted"),
        event("version", package="hashicorp/aws", version="5.80.0", state="published"),
        ...,
        ...,
    ]
    with start(peer, "monitor") as process:
        assert process.stdout.readline() == f"{TIME} accepted\n"
        assert process.stdout.readline() == f"{TIME} version hashicorp/aws 5.80.0 published\n"
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
        assert (process.returncode, errors) == (OK, "")


def test_monitor_of_a_daemon_that_stops(peer):
    peer.answers["Subscribe"] = [event("accepted"), event("done")]
    assert ctl(peer, "monitor").returncode == UNREACHABLE
    peer.answers["Subscribe"] = [event("accepted"), None]
    assert ctl(peer, "monitor").returncode == UNREACHABLE


def test_monitor_into_a_pipe_that_closes(peer):
    peer.answers["Subscribe"] = [event("accepted")] * 1000 + [..., ...]
    peer.step = 0.001
    with start(peer, "monitor") as process:
        assert "accepted" in process.stdout.readline()
        process.stdout.close()
        assert process.wait(timeout=30) == -signal.SIGPIPE
