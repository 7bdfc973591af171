"""Workers in a machine whose kernel has all controllers: confined_test.py RESULT-FILE, run as root in the virtual machine.

What a worker starts is a stand-in for gpgv that eats memory, forks without end or leaves a child behind.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from installed import CONFIGURATION, UNIT, call, ctl, run_tests, show, systemctl, test, write_depot  # noqa: E402
from setting import run, settings, wait_for  # noqa: E402
from simulator.client import Simulator  # noqa: E402

PATIENCE_SECONDS = 150  # the emulated processor may have to share a real one
UPSTREAM = Simulator(pathlib.Path("/srv/simulator"), arguments=["--demo"], timeout=PATIENCE_SECONDS)
BEHAVIOUR = pathlib.Path("/usr/local/share/opendepot-test/behaviour")
GROUP = pathlib.Path("/sys/fs/cgroup/system.slice/opendepot.service")
MEMORY_MAX = 96 << 20
PROCESSES_MAX = 48
TIMEOUT_SECONDS = 15
PROVIDER = "hashicorp/null"


def package(name):
    return call("ListPackages", package=name)["packages"][0]


def reason():
    """Why the provider's version is not published; "" when it is."""
    version = call("ListVersions", package=PROVIDER)["versions"][0]
    return "" if version["state"] == "published" else version.get("reason", version["state"])


def groups():
    return sorted(GROUP.glob("worker-*"))


def processes(group):
    return (group / "cgroup.procs").read_text().split()


def count(file, key):
    """The sum over all workers."""
    return sum(int(dict(line.split() for line in (g / file).read_text().splitlines())[key]) for g in groups())


def wait_until_empty():
    wait_for(lambda: not any(processes(group) for group in groups()), PATIENCE_SECONDS, "the end of all workers")


def write_modules(names):
    entry = {"provider": "aws", "repoOwner": "terraform-aws-modules", "versionConstraints": ">= 5.0.0"}
    write_depot("modules", moduleConfigs=[entry | {"name": f"terraform-aws-{name}"} for name in names])
    systemctl("reload", UNIT)


def check_daemon(pid):
    """It is the same process, and it answers."""
    assert (show("MainPID"), show("NRestarts"), systemctl("is-active", UNIT)) == (pid, "0", "active")
    assert "oom_kill 0" in (GROUP / "daemon/memory.events").read_text().splitlines()
    assert processes(GROUP / "daemon") == [pid]
    assert call("GetStatus")["status"]["packages"] > 0


@test
def workers_have_all_layers():
    UPSTREAM.start()
    workers = {"timeout": f"{TIMEOUT_SECONDS}s", "maxMemory": f"{MEMORY_MAX >> 20}M", "maxProcesses": PROCESSES_MAX}
    (CONFIGURATION / "opendepot.yaml").write_text(settings(UPSTREAM.endpoints, workers=workers))
    systemctl("start", UNIT)

    def sandbox():
        return call("GetStatus")["status"].get("sandbox")

    layers = {"no-new-privileges", "files", "tcp", "scope", "system-calls", "group", "memory", "processes"}
    assert set(wait_for(sandbox, PATIENCE_SECONDS, "the answer of the first worker")["layers"]) == layers, sandbox()
    assert sandbox()["missing"] == [], sandbox()
    assert show("MainPID") in processes(GROUP / "daemon")


@test
def a_worker_that_eats_memory_is_killed_and_the_daemon_is_not():
    pid = show("MainPID")
    BEHAVIOUR.write_text("eat memory")
    platforms = {"operatingSystems": ["linux"], "architectures": ["amd64"]}
    write_depot("providers", providerConfigs=[{"name": "null", "versionConstraints": "= 3.2.2"} | platforms])
    write_modules(["vpc"])
    ctl("sync", "--wait", check=False)
    assert "wanted more memory than it may have" in reason(), reason()
    assert package("platform/terraform-aws-vpc/aws")["state"] == "current"
    wait_until_empty()
    assert count("memory.events", "oom_kill") > 0
    peak = max(int((group / "memory.peak").read_text()) for group in groups())
    assert peak <= MEMORY_MAX, peak
    check_daemon(pid)


@test
def a_worker_that_forks_without_end_is_contained():
    pid = show("MainPID")
    BEHAVIOUR.write_text("fork without end")
    ctl("sync", "--force", PROVIDER)
    wait_for(lambda: count("pids.events", "max") > 0, PATIENCE_SECONDS, "a fork that is refused")
    assert max(len(processes(group)) for group in groups()) <= PROCESSES_MAX
    check_daemon(pid)
    wait_for(lambda: f"took longer than {TIMEOUT_SECONDS} s" in reason(), PATIENCE_SECONDS, "the end of the worker's time")
    wait_until_empty()
    check_daemon(pid)


@test
def what_a_worker_leaves_behind_ends_with_it():
    BEHAVIOUR.write_text("leave a child")
    before = count("pids.events", "max")
    ctl("sync", "--wait", "--force", PROVIDER)
    assert reason() == "", reason()
    wait_until_empty()
    assert count("pids.events", "max") == before
    assert "sleep" not in run("ps", "-e", "-o", "comm=").stdout.split()


if __name__ == "__main__":
    run_tests("vm", sys.argv[1])
    UPSTREAM.stop()
