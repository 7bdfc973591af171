"""The daemon's life: timers, tries, signals, what it tells systemd, what it writes, and how it ends."""

import contextlib
import datetime
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

import pytest

from daemon import BUILD, TREE, module, provider
from setting import wait_for
from simulator.world import Module, Provider, ProviderVersion, Release, World
from store_check import check
from varlink import Link

PLATFORM = (("linux",), ("amd64",))


def want(name, constraint=None, **more):
    return provider(name, constraint, PLATFORM, **more)


def make(name, versions=("1.0.0",), size=20_000, **more):
    return Provider(name, versions=[ProviderVersion(version, ["linux_amd64"], size, **more) for version in versions])


def seconds_until(text):
    return (datetime.datetime.fromisoformat(text) - datetime.datetime.now(datetime.timezone.utc)).total_seconds()


@contextlib.contextmanager
def state_file(daemon):
    """What the daemon keeps for its next start, to be changed."""
    path = daemon.state / "state.json"
    state = json.loads(path.read_text())
    yield state
    path.write_text(json.dumps(state))


def from_now(seconds):
    return int((time.time() + seconds) * 1_000_000)


# Timers


def test_interval_has_little_jitter_and_none_means_once(daemon, upstream):
    upstream.replace(World([make("one")]))
    daemon.write_depot("hourly", [want("one")], pollingIntervalMinutes=60)
    daemon.write_depot("daily", [want("one")], pollingIntervalMinutes=1440)
    daemon.write_depot("once", [want("one")])
    daemon.start().settle()
    depots = daemon.depots()
    assert "nextPoll" not in depots["once"] and "pollingIntervalMinutes" not in depots["once"]
    assert 3590 <= seconds_until(depots["hourly"]["nextPoll"]) <= 3600 * 1.05
    assert 86390 <= seconds_until(depots["daily"]["nextPoll"]) <= 86400 + 300
    assert -20 < seconds_until(depots["once"]["lastPoll"]) <= 0

    # Once means at every start.
    upstream.reset()
    daemon.restart().settle()
    assert len(upstream.requests("hashicorp_api")) > 0


@pytest.mark.parametrize("seconds", [-3600, 1.5])
def test_due_depot_is_polled_by_itself(daemon, upstream, seconds):
    upstream.replace(World([make("due"), make("later")]))
    daemon.write_depot("due", [want("due")], pollingIntervalMinutes=1)
    daemon.write_depot("later", [want("later")], pollingIntervalMinutes=60)
    daemon.start().settle().stop()
    with state_file(daemon) as state:
        before = state["depots"]["due"]["nextPoll"] = from_now(seconds)
    upstream.replace(World([make("due", ("1.0.0", "1.1.0")), make("later", ("1.0.0", "1.1.0"))]))
    upstream.reset()
    daemon.start()
    wait_for(lambda: daemon.states("hashicorp/due").get("1.1.0") == "published", 20, "the poll")
    daemon.settle()
    requests = upstream.requests("hashicorp_api")
    assert requests and all("provider-due" in r["path"] for r in requests)
    with state_file(daemon) as state:
        assert state["depots"]["due"]["nextPoll"] > before + 50_000_000


def test_changed_document_is_due_at_start(daemon, upstream):
    upstream.replace(World([make("one", ("1.0.0", "2.0.0"))]))
    daemon.write_depot("one", [want("one", "< 2")], pollingIntervalMinutes=60)
    daemon.start().settle().stop()
    daemon.write_depot("one", [want("one")], pollingIntervalMinutes=60)
    daemon.start().settle()
    assert daemon.states("hashicorp/one") == {"2.0.0": "published", "1.0.0": "published"}


def test_damaged_state_costs_one_poll(daemon, upstream):
    upstream.replace(World([make("one")]))
    daemon.write_depot("one", [want("one")], pollingIntervalMinutes=60)
    daemon.start().settle().stop()
    (daemon.state / "state.json").write_text('{"depots": {"one": {"nextPoll": ')
    upstream.reset()
    daemon.start().settle()
    assert "state.json" in daemon.text() and not upstream.requests("hashicorp_releases")
    assert len(upstream.requests("hashicorp_api")) > 0 and daemon.states("hashicorp/one") == {"1.0.0": "published"}


# Tries


@pytest.fixture
def failed(daemon, upstream):
    """One package that could not be asked for, and one with a version that could not be fetched."""
    upstream.replace(World([make("lost"), make("part", ("1.0.0", "1.1.0"))]))
    upstream.add_fault("status", path="provider-lost", status=404)
    upstream.add_fault("status", path=r"part_1\.1\.0_linux_amd64\.zip", status=404)
    daemon.write_depot("one", [want("lost"), want("part")], pollingIntervalMinutes=60)
    daemon.start().settle()
    upstream.clear_faults()
    return daemon


def test_failures_survive_a_restart(failed, upstream):
    def look():
        package, version = failed.packages()["hashicorp/lost"], failed.versions("hashicorp/part")["1.1.0"]
        return [{key: one.get(key) for key in ("state", "reason", "attempts", "nextTry")} for one in (package, version)]

    before = look()
    assert [(one["state"], one["attempts"]) for one in before] == [("failed", 1), ("failed", 1)]
    assert all("404" in one["reason"] and seconds_until(one["nextTry"]) > 20 for one in before)
    upstream.reset()
    failed.restart().settle()
    assert look() == before and upstream.requests() == []
    assert failed.call("GetStatus")["status"]["packagesFailed"] == 2
    text = failed.run("status").stdout
    assert "hashicorp/lost" in text and "404" in text and "hashicorp/part" in text
    assert "404" in failed.run("show", "hashicorp/part", "1.1.0").stdout


def test_failures_are_tried_again_by_themselves(failed, upstream):
    failed.stop()
    with state_file(failed) as state:
        packages = {package["name"]: package for package in state["packages"]}
        packages["hashicorp/lost"]["nextTry"] = from_now(1.5)
        packages["hashicorp/part"]["versions"]["1.1.0"]["nextTry"] = from_now(1.5)
    upstream.reset()
    failed.start().settle()
    assert upstream.requests() == []
    wait_for(lambda: failed.call("GetStatus")["status"]["packagesFailed"] == 0, 20, "the second try")
    failed.settle()
    lost = failed.packages()["hashicorp/lost"]
    assert (lost["state"], lost["attempts"], lost.get("nextTry")) == ("current", 0, None)
    assert failed.states("hashicorp/part") == {"1.1.0": "published", "1.0.0": "published"}
    assert len(upstream.requests("hashicorp_releases", "provider-part")) == 4


def test_second_failure_waits_longer(failed, upstream):
    upstream.add_fault("status", path="provider-lost", status=404)
    first = seconds_until(failed.packages()["hashicorp/lost"]["nextTry"])
    failed.sync("hashicorp/lost", "--force", status=1)
    package = failed.packages()["hashicorp/lost"]
    assert package["attempts"] == 2 and seconds_until(package["nextTry"]) > first * 1.5


# Signals


def slow_world(upstream):
    upstream.replace(World([make(f"slow{i}", size=1_000_000) for i in range(4)] + [make("quick", size=10_000_000)]))
    upstream.add_fault("slow", path=r"provider-slow.*\.zip$", bytes_per_second=200_000)
    return [want("quick")] + [want(f"slow{i}") for i in range(4)]


@pytest.fixture
def workers(daemon):
    with daemon.own_worker() as alive:
        yield alive


def stop_one(workers):
    """One that is at work (it has given up its privileges) is made to hang."""

    def look():
        for process in workers():
            with contextlib.suppress(OSError):
                if "NoNewPrivs:\t1" in pathlib.Path(f"/proc/{process}/status").read_text(errors="replace"):
                    os.kill(process, signal.SIGSTOP)
                    return process
        return None

    end = time.monotonic() + 20
    while not (found := look()):
        assert time.monotonic() < end, "no worker was seen"
    return found


def test_stop_in_the_middle_of_a_sync(daemon, upstream, workers):
    # All would wait for the worker that looks into the key: it has done so before one is stopped.
    upstream.replace(World([make("first")]))
    daemon.write_depot("slow", [want("first")], pollingIntervalMinutes=60)
    daemon.start().settle()
    daemon.write_depot("slow", slow_world(upstream), pollingIntervalMinutes=60)
    assert daemon.run("reload").returncode == 0
    stop_one(workers)
    wait_for(lambda: daemon.call("GetStatus")["status"]["transfersRunning"] >= 3, 20, "the slow transfers")
    before = time.monotonic()
    daemon.stop()
    assert time.monotonic() - before < 5
    assert workers() == [] and daemon.text().rstrip().endswith("Stopping")
    check(daemon.store)

    upstream.clear_faults()
    daemon.start().settle()
    assert daemon.call("GetStatus")["status"]["versions"]["published"] == 5
    assert len(check(daemon.store)) == 6


def test_killed_daemon_leaves_no_worker(daemon, upstream, workers):
    daemon.write_depot("slow", slow_world(upstream))
    daemon.start()
    stop_one(workers)
    daemon.process.kill()
    daemon.process.wait(20)
    daemon.process = None
    wait_for(lambda: not workers(), 5, "the end of the workers")
    upstream.clear_faults()
    daemon.start().settle()
    assert len(check(daemon.store)) == 5


def test_stopped_and_continued(daemon, upstream):
    daemon.write_depot("slow", slow_world(upstream))
    daemon.start()
    wait_for(lambda: daemon.call("GetStatus")["status"]["transfersRunning"] == 4, 20, "the slow transfers")
    daemon.process.send_signal(signal.SIGSTOP)
    time.sleep(2.5)  # longer than a transfer may stall
    upstream.clear_faults()
    daemon.process.send_signal(signal.SIGCONT)
    daemon.settle()
    assert len(check(daemon.store)) == 5


def test_interrupt_is_a_stop(daemon):
    daemon.start()
    daemon.process.send_signal(signal.SIGINT)
    assert daemon.process.wait(20) == 0
    daemon.process = None


# systemd


@pytest.fixture
def notifications(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.settimeout(20)
        yield receiver


def next_state(notifications):
    """The next notification that is not a sign of life."""
    while (text := notifications.recv(4096).decode()).strip() == "WATCHDOG=1":
        pass
    return dict(line.split("=", 1) for line in text.splitlines())


def test_what_systemd_is_told(daemon, notifications, upstream):
    upstream.replace(World([make("one")]))
    daemon.write_depot("one", [want("one")])
    daemon.start("env", f"NOTIFY_SOCKET={notifications.getsockname()}")
    assert next_state(notifications) == {"READY": "1"}
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    daemon.process.send_signal(signal.SIGHUP)
    state = next_state(notifications)
    assert state.pop("RELOADING") == "1"
    assert before <= int(state.pop("MONOTONIC_USEC")) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    assert state == {} and next_state(notifications) == {"READY": "1"}

    # A configuration that is refused ends the reload all the same.
    (daemon.configuration / "opendepot.yaml").write_text("nonsense\n")
    daemon.process.send_signal(signal.SIGHUP)
    assert "RELOADING" in next_state(notifications) and next_state(notifications) == {"READY": "1"}
    daemon.stop()
    assert next_state(notifications) == {"STOPPING": "1"}


def test_watchdog_is_fed_while_working_only(daemon, notifications, upstream):
    daemon.write_depot("slow", slow_world(upstream))
    daemon.start("env", f"NOTIFY_SOCKET={notifications.getsockname()}", "WATCHDOG_USEC=600000")
    seen = [notifications.recv(4096).strip() for _ in range(8)]
    assert seen.count(b"WATCHDOG=1") >= 6
    before = time.monotonic()
    assert notifications.recv(4096).strip() == b"WATCHDOG=1" and time.monotonic() - before < 0.6
    daemon.process.send_signal(signal.SIGSTOP)
    notifications.settimeout(0.1)
    with contextlib.suppress(TimeoutError):
        while True:
            notifications.recv(4096)
    notifications.settimeout(1)
    with pytest.raises(TimeoutError):
        notifications.recv(4096)
    daemon.process.send_signal(signal.SIGCONT)


def test_invalid_arguments_end_at_once(daemon):
    for arguments in (["--no-such-option"], ["--log-level=8"], ["surplus"]):
        daemon.arguments = arguments
        assert daemon.spawn().process.wait(20) == 1
        daemon.process = None
    daemon.arguments = []


def test_every_option_is_in_the_manual_page():
    program, manual = BUILD / "daemon/opendepotd", (TREE / "man/opendepotd.8").read_text().replace("\\-", "-")
    text = subprocess.run([program, "--help"], capture_output=True, encoding="utf-8", check=True).stdout
    options = set(re.findall(r"--[a-z-]+", text))
    assert len(options) >= 7
    assert options == set(re.findall(r"--[a-z-]+", manual.partition(".SH OPTIONS")[2].partition(".SH")[0]))


# What it writes


def lines_of(daemon, after=0):
    text = daemon.text()[after:]
    assert text.endswith("\n")
    return text.splitlines()


def test_lines_are_plain(daemon, upstream):
    upstream.replace(World([make("one")]))
    daemon.write_depot("one", [want("one")])
    daemon.write_depot("two", [want("absent\x1b[31m\n<3>")])
    daemon.write_document("bad", 'apiVersion: "a\\e[31m\\nb"\n')
    daemon.start().settle().stop()
    lines = lines_of(daemon)
    assert any(line == "hashicorp/one 1.0.0 is published" for line in lines)
    assert any("/conf.d/bad.yaml:1:" in line for line in lines) and lines[-1] == "Stopping"
    assert all(line.isprintable() and not re.match(r"<\d>|\s|$", line) for line in lines), lines


def test_log_level(daemon, upstream):
    upstream.replace(World([make("one")]))
    daemon.write_depot("one", [want("one")])
    daemon.arguments = ["--log-level=4"]
    daemon.start().settle()
    assert daemon.text() == ""
    assert "PermissionDenied" not in json.dumps(set_log_level(daemon, 7))
    upstream.replace(World([make("one", ("1.0.0", "1.1.0"))]))
    daemon.sync()
    lines = lines_of(daemon)
    states = [line.rpartition(": ")[2] for line in lines if line.startswith("hashicorp/one 1.1.0: ")]
    assert states[:2] == ["planned", "fetching"] and "verifying" in states and states[-1] == "storing"
    assert "hashicorp/one 1.1.0 is published" in lines

    assert set_log_level(daemon, 8)["error"] == "org.varlink.service.InvalidParameter"
    assert set_log_level(daemon, 3) == {"parameters": {}}
    upstream.replace(World([make("one", ("1.0.0", "1.1.0", "1.2.0"))]))
    daemon.sync()
    assert lines_of(daemon) == lines


def set_log_level(daemon, level):
    with Link(daemon.socket) as link:
        return link.call("io.systemd.service.SetLogLevel", level=level)


# Documents that ask for what is not there yet


def test_recorded_manifests_load_unchanged(daemon, upstream, fixtures):
    for path in sorted((fixtures / "depots").glob("*.yaml")):
        daemon.write_document(path.stem, path.read_text())
    daemon.start().settle()
    assert daemon.call("GetStatus")["status"]["problems"] == []
    assert sorted(daemon.depots()) == ["my-team-depot", "public-modules", "storage-override", "upstream-providers"]
    packages = daemon.call("ListPackages")["packages"]
    assert len(packages) == 11  # one bucket is named by two documents
    for package in packages:
        store = package["store"].partition(":")[0]
        assert package["state"] == "failed" and "nextTry" not in package, package
        assert store in ("s3", "azureStorage") and store in package["reason"], package
        assert "credentials" not in package["reason"] and "namespace" not in package["reason"], package
    assert upstream.requests() == [] and daemon.files() == []
    assert daemon.sync(status=1)["packagesFailed"] == 11


def test_each_entry_stands_for_itself(daemon, upstream):
    upstream.replace(World([make("good")], [Module("acme", "terraform-aws-vpc", [Release("v1.0.0")])]))
    daemon.write_depot(
        "mixed",
        [
            want("good"),
            want("bucket", storageConfig={"s3": {"bucket": "b", "region": "us-west-2"}}),
            want("datadog", namespace="DataDog"),
            want("signed", storageConfig={"fileSystem": {"directoryPath": "/srv"}, "presign": {"enabled": True}}),
        ],
        [
            module("terraform-aws-vpc", "acme", "aws"),
            module("terraform-aws-private", "acme", "aws", githubClientConfig={"useAuthenticatedClient": True}),
        ],
        pollingIntervalMinutes=60,
    )
    daemon.start().settle()
    assert daemon.call("GetStatus")["status"]["problems"] == []
    packages = daemon.packages()
    reasons = {name: package["reason"] for name, package in packages.items() if package["state"] == "failed"}
    assert {name: package["state"] for name, package in packages.items() if name not in reasons} == {
        "hashicorp/good": "current",
        "platform/terraform-aws-vpc/aws": "current",
    }
    expected = {
        "hashicorp/bucket": "s3",
        "datadog/datadog": "/v1/providers/datadog/datadog/versions: HTTP 404",
        "hashicorp/signed": "presign",
        "platform/terraform-aws-private/aws": "useAuthenticatedClient",
    }
    assert sorted(reasons) == sorted(expected) and all(expected[name] in reasons[name] for name in reasons), reasons
    assert check(daemon.store) == {"good": {"1.0.0": ["linux_amd64"]}}

    events = daemon.ctl("plan", "--all", status=1)
    planned = {event["package"]: event for event in events if "package" in event}
    assert {name for name, event in planned.items() if event["type"] == "plan"} == set(packages) - set(reasons)
    assert {name: event["reason"] for name, event in planned.items() if event["type"] == "package"} == reasons
