"""The installed system, tested from inside: installed_test.py RESULT-FILE, run as root in a booted container.

The checks stand in the order in which they run; each leaves the service running and the store in order.
"""

import json
import os
import pathlib
import pwd
import re
import sys
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / name) for name in (".", "e2e")]
from installed import (  # noqa: E402
    CONFIGURATION,
    SOCKET,
    STORE,
    UNIT,
    Skipped,
    call,
    ctl,
    cursor,
    journal,
    message_ids,
    run_tests,
    show,
    systemctl,
    test,
    write_depot,
)
from oci import Registry  # noqa: E402
from setting import run, settings, wait_for  # noqa: E402
from simulator.client import Simulator  # noqa: E402
from simulator.world import App, Installation, Module, Release, World  # noqa: E402

UPSTREAM = Simulator(pathlib.Path("/srv/simulator"), arguments=["--demo"])
WATCHDOG_SECONDS = 3
PERMISSION_DENIED = 5  # exit status of opendepotctl

TRIVY = pathlib.Path("/usr/bin/trivy")
FIXTURES = pathlib.Path("/opendepot-fixtures")
DATABASE = pathlib.Path("/var/lib/opendepot-trivy")


def modules(constraint):
    return [
        {
            "name": "terraform-aws-vpc",
            "provider": "aws",
            "repoOwner": "terraform-aws-modules",
            "versionConstraints": constraint,
        }
    ]


def providers(constraint):
    return [
        {
            "name": "null",
            "operatingSystems": ["linux"],
            "architectures": ["amd64", "arm64"],
            "versionConstraints": constraint,
        }
    ]


def wait_until_restarted(pid, seconds):
    def restarted():
        return systemctl("is-active", UNIT, check=False) == "active" and show("MainPID") not in ("0", pid)

    wait_for(restarted, seconds, f"the restart of {UNIT}")


def check_store():
    """Everything that a client can see is whole: each document names files that exist with the recorded digest."""
    seen = 0
    for path in STORE.rglob("record.json"):
        for version in json.loads(path.read_text())["versions"].values():
            if version["state"] != "published":
                continue
            for artifact in version["artifacts"].values():
                file = path.parent / artifact["file"]
                digest = run("sha256sum", file).stdout.split()[0]
                assert digest == artifact["sha256"], file
                seen += 1
    for path in STORE.glob("providers/*/*/*/index.json"):
        for version in json.loads(path.read_text())["versions"]:
            document = json.loads((path.parent / f"{version}.json").read_text())
            for archive in document["archives"].values():
                assert (path.parent / archive["url"]).is_file(), archive
    return seen


@test
def first_boot_makes_users_and_directories():
    assert run("getent", "passwd", "opendepot").stdout.split(":")[5] == "/var/lib/opendepot"
    assert run("getent", "group", "opendepot").stdout
    assert (CONFIGURATION / "conf.d").is_dir()
    active = [
        line
        for line in (CONFIGURATION / "opendepot.yaml").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert not active, active
    failed = systemctl("list-units", "--failed", "--plain", "--no-legend")
    assert failed == "", failed


@test
def catalog_is_installed():
    listed = run("journalctl", "--list-catalog").stdout
    missing = {number for number in message_ids() if number not in listed}
    assert message_ids() and not missing, missing


@test
def unit_is_verified_with_its_manual_pages():
    result = run("systemd-analyze", "verify", UNIT)
    assert result.stdout + result.stderr == "", result.stdout + result.stderr


@test
def commented_settings_are_valid_when_uncommented():
    text = (CONFIGURATION / "opendepot.yaml").read_text()
    settings_only = "\n".join(line[1:] for line in text.splitlines() if re.match(r"#(\w|  )", line))
    path = pathlib.Path("/tmp/opendepot.yaml")
    path.write_text(settings_only)
    assert "keys:" in settings_only
    ctl("verify-config", path)
    path.write_text(settings_only + "\nunknownKey: 1\n")
    result = ctl("verify-config", path, check=False)
    assert result.returncode != 0 and "unknownKey" in result.stdout + result.stderr, result


@test
def example_documents_are_valid():
    examples = sorted(pathlib.Path("/usr/share/doc/opendepot/examples").glob("*.yaml"))
    assert examples
    ctl("verify-config", *examples)


@test
def service_starts_without_any_configuration():
    systemctl("enable", "--now", UNIT)
    assert systemctl("is-active", UNIT) == "active"
    status = pathlib.Path(f"/proc/{show('MainPID')}/status").read_text()
    uid = run("id", "-u", "opendepot").stdout.strip()
    assert re.search(rf"^Uid:\s+{uid}\s+{uid}\s+{uid}\s", status, re.MULTILINE), status
    systemctl("stop", UNIT)
    assert show("Result") == "success"


@test
def service_starts_with_depots():
    UPSTREAM.start()
    (CONFIGURATION / "opendepot.yaml").write_text(settings(UPSTREAM.endpoints))
    write_depot("modules", moduleConfigs=modules(">= 5.0.0"))
    write_depot("providers", providerConfigs=providers("= 3.2.2"))
    drop_in = pathlib.Path(f"/etc/systemd/system/{UNIT}.d/test.conf")
    drop_in.parent.mkdir(parents=True, exist_ok=True)
    drop_in.write_text(f"[Service]\nWatchdogSec={WATCHDOG_SECONDS}\n")
    systemctl("daemon-reload")
    systemctl("start", UNIT)
    assert systemctl("is-active", UNIT) == "active"


@test
def workers_are_confined():
    def sandbox():
        return call("GetStatus")["status"].get("sandbox")

    wait_for(sandbox, 10, "the answer of the first worker")
    present, missing = sandbox()["layers"], sandbox()["missing"]
    # Whether there are controllers for memory and processes is the host's business.
    assert set(present) >= {"no-new-privileges", "files", "tcp", "scope", "system-calls", "group"}, present
    assert set(missing) <= {"memory", "processes"} and not set(missing) & set(present), missing
    group = pathlib.Path("/sys/fs/cgroup/system.slice/opendepot.service")
    assert show("MainPID") in (group / "daemon/cgroup.procs").read_text().split()
    assert (group / "worker-0/cgroup.events").is_file()
    assert "Sandbox" in ctl("status").stdout
    entry = journal("MESSAGE_ID=f27b6c0e918d4a35b4de07c3a651d80f")[-1]
    assert all(layer in entry["MESSAGE"] for layer in present + missing), entry


@test
def interface_is_introspectable_and_open_to_readers():
    interface = run("varlinkctl", "introspect", SOCKET, "io.defdev.opendepot").stdout
    for method in ("GetStatus", "ListPackages", "Plan", "Sync", "Reload", "Subscribe"):
        assert f"method {method}" in interface, method
    assert call("GetStatus")["status"]["packages"] == 2
    assert "depot" in ctl("status", user="nobody").stdout.lower()


@test
def changing_needs_root_or_the_group():
    for verb in (("sync", "--wait"), ("reload",), ("plan",)):
        result = ctl(*verb, user="nobody", check=False)
        assert result.returncode == PERMISSION_DENIED, (verb, result)
    run("useradd", "--groups", "opendepot", "mirror-operator")
    ctl("sync", "--wait", user="mirror-operator")


@test
def sync_publishes():
    ctl("sync", "--wait")
    packages = {package["name"]: package for package in call("ListPackages")["packages"]}
    assert set(packages) == {"platform/terraform-aws-vpc/aws", "hashicorp/null"}, set(packages)
    for package in packages.values():
        assert package["state"] == "current" and package["versions"]["published"] > 0, package
    for name in packages:
        assert name in ctl("list").stdout
    assert check_store() >= 3


@test
def store_belongs_to_the_service_and_can_be_read_by_a_web_server():
    for path in STORE.rglob("*"):
        assert path.owner() == path.group() == "opendepot", path
    artifacts = list(STORE.rglob("*.zip"))
    assert artifacts
    for path in artifacts:
        run("runuser", "-u", "www-data", "--", "test", "-r", path)


@test
def journal_has_fields_and_explanations():
    entries = [entry for entry in journal() if "OPENDEPOT_VERSION" in entry]
    published = [entry for entry in entries if entry.get("OPENDEPOT_STATE") == "published"]
    assert published, "no entry says that a version was published"
    for entry in published:
        assert entry["MESSAGE_ID"] in message_ids(), entry
        assert entry["OPENDEPOT_PACKAGE"] in ("platform/terraform-aws-vpc/aws", "hashicorp/null"), entry
        assert "opendepot" in entry["_COMM"] and entry["_SYSTEMD_UNIT"] == UNIT, entry
    depots = {entry["OPENDEPOT_DEPOT"] for entry in journal() if "OPENDEPOT_DEPOT" in entry}
    assert depots >= {"modules", "providers"}, depots
    explained = run("journalctl", "-x", f"--unit={UNIT}", f"MESSAGE_ID={published[0]['MESSAGE_ID']}").stdout
    assert "Defined-By: OpenDepot" in explained, explained
    assert published[0]["OPENDEPOT_VERSION"] in explained, explained
    # A field that the entry does not have would stand there as it is in the catalog.
    assert "@OPENDEPOT_" not in explained, explained


@test
def reload_swaps_only_the_document_that_changed():
    def depots():
        return {depot["name"]: depot for depot in call("ListDepots")["depots"]}

    before, pid = depots(), show("MainPID")
    time.sleep(1.1)  # times are given in seconds
    write_depot("providers", providerConfigs=providers(">= 3.1.0, <= 3.2.2"))
    systemctl("reload", UNIT)
    wait_for(lambda: (STORE / "providers/registry.terraform.io/hashicorp/null/3.1.0.json").exists(), 60, "null 3.1.0")
    wait_for(lambda: not any(depot["polling"] for depot in depots().values()), 60, "the end of the polls")
    assert show("MainPID") == pid
    assert depots()["providers"]["lastPoll"] != before["providers"]["lastPoll"]
    assert depots()["modules"]["lastPoll"] == before["modules"]["lastPoll"]


@test
def a_bad_document_stops_nothing():
    path = CONFIGURATION / "conf.d/modules.yaml"
    good = path.read_text()
    path.write_text(good.replace('"moduleConfigs"', '"modulConfigs"'))
    write_depot("third", providerConfigs=providers("= 3.2.3"))
    systemctl("reload", UNIT, check=False)
    problems = call("GetStatus")["status"]["problems"]
    assert any("modulConfigs" in problem["message"] and problem["line"] == 1 for problem in problems), problems
    depots = {depot["name"]: depot for depot in call("ListDepots")["depots"]}
    assert set(depots) == {"modules", "providers", "third"}
    assert depots["modules"]["stale"] and not depots["third"]["stale"]
    path.write_text(good)
    (CONFIGURATION / "conf.d/third.yaml").unlink()
    systemctl("reload", UNIT)
    assert call("GetStatus")["status"]["problems"] == []
    assert {depot["name"] for depot in call("ListDepots")["depots"]} == {"modules", "providers"}


@test
def watchdog_brings_a_hung_daemon_back():
    pid, since = show("MainPID"), cursor()
    run("kill", "-STOP", pid)
    wait_until_restarted(pid, WATCHDOG_SECONDS + 30)
    # systemd's own entry; the daemon never gets to say anything.
    assert "Watchdog timeout" in run("journalctl", f"--unit={UNIT}", f"--after-cursor={since}").stdout
    assert check_store() >= 3


@test
def restart_brings_a_killed_daemon_back_and_it_fetches_nothing_twice():
    pid, restarts, since = show("MainPID"), int(show("NRestarts")), cursor()
    run("kill", "-KILL", pid)
    wait_until_restarted(pid, 30)
    assert int(show("NRestarts")) == restarts + 1
    ctl("sync", "--wait")
    again = [
        entry["MESSAGE"]
        for entry in journal(f"--after-cursor={since}")
        if entry.get("OPENDEPOT_STATE") == "published"
    ]
    assert not again, again


@test
def stop_in_the_middle_of_a_sync_is_clean():
    write_depot(
        "big",
        providerConfigs=[
            {
                "name": "aws",
                "operatingSystems": ["linux", "darwin"],
                "architectures": ["amd64", "arm64"],
                "versionConstraints": ">= 5.0.0",
            }
        ],
    )
    UPSTREAM.add_fault("slow", path=r"terraform-provider-aws_.*\.zip", bytes_per_second=20_000)
    systemctl("reload", UNIT)
    wait_for(lambda: call("GetStatus")["status"]["transfersRunning"] > 0, 30, "a running transfer")
    begin = time.monotonic()
    systemctl("stop", UNIT)
    seconds = time.monotonic() - begin
    assert (show("Result"), show("ExecMainStatus")) == ("success", "0"), (show("Result"), show("ExecMainStatus"))
    assert seconds < 10, seconds
    left = run("pgrep", "--list-full", "--uid", "opendepot", check=False).stdout
    assert left == "", left
    assert not pathlib.Path("/run/opendepot").exists()
    assert not list(STORE.glob("providers/*/hashicorp/aws/*.json")), "half of a package is visible"
    check_store()


@test
def start_after_it_finishes_the_work():
    UPSTREAM.clear_faults()
    systemctl("start", UNIT)
    ctl("sync", "--wait")
    package = call("ListPackages", package="hashicorp/aws")["packages"][0]
    assert package["state"] == "current" and package["versions"]["published"] >= 3, package
    check_store()


@test
def a_bad_setting_keeps_the_old_ones_on_reload_and_is_named_at_start():
    path, since = CONFIGURATION / "opendepot.yaml", cursor()
    good = path.read_text()
    path.write_text(good.replace('"upstream"', '"upstraem"'))
    systemctl("reload", UNIT, check=False)
    assert systemctl("is-active", UNIT) == "active"
    assert any("upstraem" in problem["message"] for problem in call("GetStatus")["status"]["problems"])
    systemctl("restart", UNIT, check=False)
    assert systemctl("is-active", UNIT, check=False) != "active"
    assert "upstraem" in run("journalctl", f"--unit={UNIT}", f"--after-cursor={since}").stdout
    systemctl("stop", UNIT)
    path.write_text(good)
    systemctl("reset-failed", UNIT)
    systemctl("start", UNIT)


PRIVATE = "platform/terraform-aws-network/aws"
DROP_IN = pathlib.Path(f"/etc/systemd/system/{UNIT}.d/github-app.conf")
KEY = pathlib.Path("/root/private-key.pem")


def restart_with(drop_in):
    DROP_IN.write_text(f"[Service]\n{drop_in}\n")
    systemctl("daemon-reload")
    systemctl("restart", UNIT)


def private_package():
    return call("ListPackages", package=PRIVATE)["packages"][0]


@test
def a_missing_credential_is_told():
    run("openssl", "genrsa", "-traditional", "-out", KEY, "2048")
    KEY.chmod(0o600)
    public = run("openssl", "rsa", "-in", KEY, "-pubout").stdout
    app = App("123456", public, [Installation(42, "example-org")])
    module = Module("example-org", "terraform-aws-network", [Release("v1.0.0")], private=True)
    UPSTREAM.extend(World([], [module], apps=[app]))
    path = CONFIGURATION / "opendepot.yaml"
    described = json.loads(path.read_text())
    described["upstream"]["github"]["app"] = {"id": "123456", "privateKeyCredential": "github-app"}
    path.write_text(json.dumps(described))
    entry = {"name": "terraform-aws-network", "provider": "aws", "repoOwner": "example-org"}
    client = {"githubClientConfig": {"useAuthenticatedClient": True}}
    write_depot("private", moduleConfigs=[entry | client])
    # Nothing is handed over.
    systemctl("restart", UNIT)
    ctl("sync", "--wait", check=False)
    package = private_package()
    assert package["state"] == "failed" and "the service has no credential 'github-app'" in package["reason"], package
    assert "no credential 'github-app'" in ctl("status").stdout
    others = [p for p in call("ListPackages")["packages"] if p["name"] != PRIVATE]
    assert others and all(p["state"] == "current" for p in others), others


@test
def a_credential_is_read_by_the_running_unit():
    """As opendepot-scenarios(7) has it: encrypted, and as a file that belongs to root alone."""
    encrypted = pathlib.Path("/etc/credstore.encrypted/github-app")
    encrypted.parent.mkdir(mode=0o700, exist_ok=True)
    run("systemd-creds", "encrypt", "--name=github-app", KEY, encrypted)
    secret = KEY.read_text().splitlines()[1]
    assert secret not in encrypted.read_text()
    for drop_in in (f"LoadCredentialEncrypted=github-app:{encrypted}", f"LoadCredential=github-app:{KEY}"):
        for path in (STORE / "modules/platform/terraform-aws-network").rglob("*"):
            if path.is_file():
                path.unlink()
        since = cursor()
        restart_with(drop_in)
        ctl("sync", "--wait", "--force", PRIVATE)
        package = private_package()
        assert (package["state"], package["versions"]["published"]) == ("current", 1), (drop_in, package)
        said = run("journalctl", f"--after-cursor={since}", "--output=json").stdout + ctl("status", "--json=short").stdout
        environment = pathlib.Path(f"/proc/{show('MainPID')}/environ").read_bytes()
        assert secret not in said and secret.encode() not in environment and b"CREDENTIALS_DIRECTORY=" in environment

    # What systemd cannot hand over it says itself.
    DROP_IN.write_text("[Service]\nLoadCredential=github-app:/nonexistent\n")
    systemctl("daemon-reload")
    systemctl("restart", UNIT, check=False)
    assert show("ExecMainStatus") == "243", show("ExecMainStatus")
    systemctl("stop", UNIT)
    systemctl("reset-failed", UNIT)
    DROP_IN.unlink()
    (CONFIGURATION / "conf.d/private.yaml").unlink()
    systemctl("daemon-reload")
    systemctl("start", UNIT)


@test
def the_database_is_fetched_by_a_user_of_its_own():
    if not TRIVY.exists() or not FIXTURES.exists():
        raise Skipped("trivy, or the recorded data, is not here (tests/peers)")
    before = (CONFIGURATION / "opendepot.yaml").read_text()
    with Registry() as registry:
        registry.publish(FIXTURES / "trivy/db/2026-11-01/db")
        scanner = {
            "scanner": {"database": {"repositories": [registry.repository]}},
            "scanning": {"providers": True},
        }
        # JSON is YAML, of one document.
        (CONFIGURATION / "opendepot.yaml").write_text(json.dumps(json.loads(before) | scanner))
        systemctl("start", "opendepot-trivy-db.service")
    assert os.readlink(DATABASE / "current") == "2026-11-01T00:00:00Z"
    files = [path for path in DATABASE.rglob("*") if not path.is_symlink()]
    assert {pwd.getpwuid(path.stat().st_uid).pw_name for path in files} == {"opendepot-trivy"}
    run("runuser", "-u", "opendepot", "--", "cat", DATABASE / "current/db/trivy.db")
    denied = run("runuser", "-u", "opendepot", "--", "touch", DATABASE / "current/db/other", check=False)
    assert denied.returncode != 0
    assert systemctl("is-active", "opendepot-trivy-db.timer") == "active"
    (CONFIGURATION / "opendepot.yaml").write_text(before)


@test
def nothing_was_denied_or_leaked():
    """The confinement is no narrower than the daemon: no denied system call, no crash, in the whole run."""
    crashes = run("journalctl", "--quiet", "--grep=SIGSYS|SIGSEGV|core dumped|AddressSanitizer", check=False).stdout
    watchdog = [line for line in crashes.splitlines() if "watchdog" not in line.lower() and "ABRT" not in line]
    assert not watchdog, watchdog
    failed = systemctl("list-units", "--failed", "--plain", "--no-legend")
    assert failed == "", failed
    # The clock is watched.
    assert not [entry for entry in journal() if "Changes of the clock" in entry["MESSAGE"]]


if __name__ == "__main__":
    run_tests("installed", sys.argv[1])
    UPSTREAM.stop()
