"""opendepotctl against a peer on its socket that answers what each test wants, which no healthy daemon would say."""

import contextlib
import datetime
import fcntl
import json
import os
import pathlib
import pty
import re
import signal
import socket
import struct
import subprocess
import termios
import threading
import time

import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]
CTL = pathlib.Path(os.environ.get("OPENDEPOT_BUILD", TREE / "build")) / "ctl/opendepotctl"
INTERFACE = "io.defdev.opendepot."
VERBS = ["status", "list", "show", "why", "plan", "sync", "keys", "monitor", "reload", "verify-config"]

OK, FAILED, USAGE, UNREACHABLE, NOT_FOUND, DENIED = range(6)

TIME = "2026-11-23T04:05:06Z"
SHA256 = "9f" * 32
H1 = "h1:" + "A" * 43 + "="


def counts(published=0, pending=0, held=0, failed=0):
    return {"published": published, "pending": pending, "held": held, "failed": failed}


def version(package, number, state, **more):
    return {
        "package": package,
        "store": "fileSystem:",
        "version": number,
        "state": state,
        "attempts": 0,
        "artifacts": [],
    } | more


def package(name, state, **more):
    kind = "module" if name.count("/") == 2 else "provider"
    return {
        "name": name,
        "kind": kind,
        "store": "fileSystem:",
        "depots": ["team"],
        "state": state,
        "attempts": 0,
        "versions": counts(),
    } | more


def artifact(platform):
    return {
        "platform": platform,
        "file": f"terraform-provider-aws_5.80.0_{platform}.zip",
        "size": 136314880,
        "sha256": SHA256,
        "h1": H1,
    }


STATUS = {
    "version": "0.1.0",
    "startedAt": TIME,
    "loadedAt": TIME,
    "packagesActive": 1,
    "packages": 3,
    "packagesFailed": 2,
    "versions": counts(40, 3, 1, 2),
    "transfersRunning": 4,
    "transfersQueued": 12,
    "bytesReceived": 3 * 2**30,
    "workersRunning": 2,
    "problems": [{"file": "/etc/opendepot/conf.d/a.yaml", "line": 3, "column": 5, "message": "unknown key 'x'"}],
}
DEPOTS = [
    {
        "name": "team",
        "namespace": "platform",
        "file": "/etc/opendepot/conf.d/a.yaml",
        "line": 1,
        "stale": True,
        "polling": False,
        "pollingIntervalMinutes": 60,
        "lastPoll": TIME,
        "nextPoll": TIME,
        "packages": 3,
        "packagesFailed": 2,
        "versions": counts(40, 3, 1, 2),
    }
]
REASON = "object stores are not supported yet: s3:bucket " + "and so on " * 10
PACKAGES = [
    package(
        "hashicorp/aws",
        "incomplete",
        reason="1 of 3 versions failed",
        latest="5.80.0",
        lastCheck=TIME,
        nextTry=TIME,
        versions=counts(40, 0, 1, 1),
    ),
    package("hashicorp/null", "current", latest="3.2.3", versions=counts(29)),
    package("platform/terraform-aws-eks/aws", "failed", store="s3:bucket", reason=REASON),
]
VERSIONS = {
    "hashicorp/aws": [
        version(
            "hashicorp/aws",
            "5.80.0",
            "published",
            publishedAt=TIME,
            tag="5.80.0",
            key="C874011F0AB405110D02105534365D9472D7468F",
            keyExpired=True,
            scan="not scanned",
            artifacts=[artifact("linux_amd64"), artifact("linux_arm64")],
        ),
        version("hashicorp/aws", "5.79.0", "failed", reason="SHA256SUMS lists 9f3c…", attempts=3, nextTry=TIME),
        version("hashicorp/aws", "5.78.0", "held", reason="a finding"),
    ],
    "hashicorp/null": [version("hashicorp/null", "3.2.3", "published")],
}


def event(kind, **more):
    return {"event": {"type": kind, "time": TIME} | more}


def plan_item(number, action, package_name="hashicorp/aws", platforms=()):
    return {
        "package": package_name,
        "version": number,
        "action": action,
        "platforms": list(platforms),
        "reason": f"because of {action}",
    }


def outcome(**more):
    return {
        "packages": 1,
        "packagesFailed": 0,
        "versionsAdded": 0,
        "versionsPruned": 0,
        "versionsFailed": 0,
        "bytes": 0,
        "durationUSec": 1500000,
    } | more


class Error(Exception):
    """A varlink error as an answer."""

    def __init__(self, name, **parameters):
        super().__init__(name)
        self.reply = {"error": name, "parameters": parameters}


class Peer:
    """Speaks varlink on a socket. An answer is the reply's parameters, a list of them for a stream (its last one ends
    it, unless that is an ellipsis: then nothing follows), an Error, bytes to be sent as they are, or a function
    of the request's parameters that returns one of these. No answer: the connection is closed."""

    def __init__(self, path):
        self.path = path
        self.requests = []
        self.answers = {
            "GetStatus": {"status": STATUS},
            "ListDepots": {"depots": DEPOTS},
            "ListPackages": self.list_packages,
            "ListVersions": self.list_versions,
            "Reload": {"problems": []},
        }
        self.step = 0.0  # seconds between the replies of a stream
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(path))
        self.server.listen(8)
        threading.Thread(target=self.accept, daemon=True).start()

    @staticmethod
    def list_packages(parameters):
        return {"packages": [each for each in PACKAGES if parameters.get("package") in (None, each["name"])]}

    @staticmethod
    def list_versions(parameters):
        found = [
            each
            for each in VERSIONS.get(parameters["package"], [])
            if parameters.get("version") in (None, each["version"])
        ]
        return {"versions": found}

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.serve, args=(self.server.accept()[0],), daemon=True).start()

    def serve(self, connection):
        buffer = b""
        with contextlib.suppress(OSError), connection:
            while True:
                while b"\0" not in buffer:
                    data = connection.recv(65536)
                    if not data:
                        return
                    buffer += data
                message, buffer = buffer.split(b"\0", 1)
                if not self.answer(connection, json.loads(message)):
                    return

    def answer(self, connection, request):
        def send(reply):
            connection.sendall(json.dumps(reply).encode() + b"\0")

        self.requests.append(request)
        answer = self.answers.get(request["method"].removeprefix(INTERFACE))
        if callable(answer):
            answer = answer(request.get("parameters", {}))
        if answer is None:
            return False
        if isinstance(answer, bytes):
            connection.sendall(answer)
        elif isinstance(answer, Error):
            send(answer.reply)
        elif isinstance(answer, dict):
            send({"parameters": answer})
        else:
            for number, each in enumerate(answer, 1):
                if each is ...:
                    time.sleep(60)
                    return False
                if each is None:
                    return False
                if isinstance(each, Error):
                    send(each.reply)
                else:
                    send({"parameters": each} | ({"continues": True} if number < len(answer) else {}))
                time.sleep(self.step)
        return True

    def methods(self):
        return [request["method"].removeprefix(INTERFACE) for request in self.requests]


@pytest.fixture
def peer(tmp_path):
    peer = Peer(tmp_path / "socket")
    yield peer
    peer.server.close()


def environment(**more):
    kept = {name: value for name, value in os.environ.items() if name.startswith(("ASAN_", "UBSAN_", "PATH"))}
    return kept | {"LC_ALL": "C.UTF-8", "TZ": "UTC", "TERM": "xterm"} | more


def ctl(peer, *arguments, **options):
    """The finished program; standard output is no terminal."""
    command = [CTL, *([f"--socket={peer.path}"] if peer else []), *arguments]
    options = {"stdout": subprocess.PIPE, "env": environment()} | options
    result = subprocess.run(
        command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, encoding="utf-8", timeout=30, check=False, **options
    )
    assert "Sanitizer" not in result.stderr, result.stderr
    assert "runtime error" not in result.stderr, result.stderr
    return result


def on_terminal(peer, *arguments, columns=100, rows=30, env=None):
    """Exit status and everything that was written to a terminal of that size."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    process = subprocess.Popen(
        [CTL, f"--socket={peer.path}", *arguments],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=env or environment(),
        start_new_session=True,
    )
    os.close(slave)
    output = b""
    with contextlib.suppress(OSError):  # EIO: all ends of the terminal are closed
        while data := os.read(master, 65536):
            output += data
    os.close(master)
    return process.wait(timeout=30), output.decode().replace("\r\n", "\n")


def screen(output):
    """What stands on the terminal at last: lines, after carriage returns, moving up and erasing; colours are left out."""
    lines, row, column = [""], 0, 0
    for token in re.findall(r"\x1b\[[0-9;]*[A-Za-z]|.|\n", output):
        if token == "\n":
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        elif token == "\r":
            column = 0
        elif token.startswith("\x1b"):
            number = int(token[2:-1].split(";")[0] or "0")
            if token[-1] == "A":
                row = max(0, row - number)
            elif token[-1] == "J":
                lines = lines[:row] + [lines[row][:column]]
            else:
                assert token[-1] == "m", token
        else:
            lines[row] = lines[row][:column].ljust(column) + token + lines[row][column + 1 :]
            column += 1
    return lines


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


# Looking


def test_status(peer):
    result = ctl(peer)
    assert (result.returncode, result.stderr) == (OK, "")
    for said in (
        "opendepotd 0.1.0",
        "40 published, 3 pending, 1 held, 2 failed",
        "3.0G received",
        "/etc/opendepot/conf.d/a.yaml:3:5: unknown key 'x'",
        "the one loaded before stays in force",
        "1 of 3 versions failed",
        REASON,
        "SHA256SUMS lists 9f3c…",
        "a finding",
    ):
        assert said.rstrip() in result.stdout
    assert "hashicorp/null" not in result.stdout
    assert "\x1b" not in result.stdout


def test_status_of_a_depot(peer):
    for arguments in (["status", "team"], ["status", "--depot=team"]):
        peer.requests.clear()
        assert ctl(peer, *arguments).returncode == OK
        asked = {r["method"].removeprefix(INTERFACE): r.get("parameters") for r in peer.requests}
        assert asked["ListDepots"] == asked["ListPackages"] == {"depot": "team"}


def test_status_without_depots(peer):
    peer.answers |= {"ListDepots": {"depots": []}, "ListPackages": {"packages": []}}
    result = ctl(peer, "status")
    assert result.returncode == OK
    assert "/etc/opendepot/conf.d" in result.stdout


def test_status_as_json(peer):
    answer = json.loads(ctl(peer, "status", "-j").stdout)
    assert answer == {"status": STATUS, "depots": DEPOTS, "packages": PACKAGES}


def test_list(peer):
    result = ctl(peer, "list", "--depot=team")
    assert peer.requests[0]["parameters"] == {"depot": "team"}
    rows = [line.split() for line in result.stdout.splitlines()]
    assert rows[0][:8] == ["PACKAGE", "KIND", "STATE", "LATEST", "PUBLISHED", "PENDING", "HELD", "FAILED"]
    assert rows[1][:9] == ["hashicorp/aws", "provider", "incomplete", "5.80.0", "40", "-", "1", "1", "team"]
    assert rows[2][:5] == ["hashicorp/null", "provider", "current", "3.2.3", "29"]
    assert rows[3][:4] == ["platform/terraform-aws-eks/aws", "module", "failed", "-"]
    without = ctl(peer, "list", "--depot=team", "--no-legend").stdout.splitlines()
    assert [line.split()[0] for line in without] == [row[0] for row in rows[1:]]


def test_list_versions(peer):
    # A package of two stores stands twice among the packages, but its versions come together.
    peer.answers["ListPackages"] = {"packages": [PACKAGES[0], PACKAGES[0], PACKAGES[1]]}
    result = ctl(peer, "list", "--versions", "--no-legend")
    rows = [line.split() for line in result.stdout.splitlines()]
    assert [row[1] for row in rows] == ["5.80.0", "5.79.0", "5.78.0", "3.2.3"]
    assert rows[0][:5] == ["hashicorp/aws", "5.80.0", "published", "260.0M", "linux_amd64,linux_arm64"]
    answer = json.loads(ctl(peer, "list", "--versions", "--json=pretty").stdout)
    assert answer == {"versions": VERSIONS["hashicorp/aws"] + VERSIONS["hashicorp/null"]}


def test_versions_come_in_slices(peer):
    aws = VERSIONS["hashicorp/aws"]
    peer.answers["ListPackages"] = {"packages": [PACKAGES[0]]}
    # The last one is empty where the listing has come to its end just before.
    peer.answers["ListVersions"] = [{"versions": aws[:2]}, {}, {"versions": aws[2:]}, {"versions": []}]
    for arguments in (["list", "--versions"], ["show", "hashicorp/aws"]):
        result = ctl(peer, "--json=short", *arguments)
        assert (result.returncode, json.loads(result.stdout)["versions"]) == (OK, aws)
    assert {request.get("more") for request in peer.requests if "ListVersions" in request["method"]} == {True}
    assert [number in ctl(peer, "status").stdout for number in ("5.80.0", "5.79.0", "5.78.0")] == [False, True, True]

    # What is cut short is not shown as if it were the whole.
    for end, status in ((None, UNREACHABLE), (Error(INTERFACE + "NoSuchPackage", package="hashicorp/aws"), NOT_FOUND)):
        peer.answers["ListVersions"] = [{"versions": aws[:2]}, end]
        result = ctl(peer, "show", "hashicorp/aws")
        assert (result.returncode, result.stdout, result.stderr.count("\n")) == (status, "", 1)


def test_show_package(peer):
    result = ctl(peer, "show", "hashicorp/aws")
    assert result.returncode == OK
    assert re.search(r"^ +State: incomplete$", result.stdout, re.MULTILINE)
    assert re.search(r"^5.79.0 +failed .*SHA256SUMS lists 9f3c…$", result.stdout, re.MULTILINE)


def test_show_version(peer):
    result = ctl(peer, "show", "hashicorp/aws", "5.80.0")
    assert result.returncode == OK
    assert result.stdout.count(SHA256) == result.stdout.count(H1) == 2
    assert "C874011F0AB405110D02105534365D9472D7468F" in result.stdout
    assert "Key expired: yes" in result.stdout
    assert "130.0M (136314880 bytes)" in result.stdout
    # On the narrowest terminal too nothing of a hash is cut off.
    assert on_terminal(peer, "show", "hashicorp/aws", "5.80.0", columns=20)[1].count(SHA256) == 2


def test_show_what_is_not_there(peer):
    assert ctl(peer, "show", "hashicorp/none").returncode == NOT_FOUND
    result = ctl(peer, "show", "hashicorp/aws", "9.9.9")
    assert (result.returncode, result.stdout) == (NOT_FOUND, "")
    assert "9.9.9" in result.stderr


def test_answers_of_the_wrong_shape(peer):
    """Shown as far as they are understood."""
    peer.answers |= {
        "GetStatus": {"status": {"version": 5, "versions": [], "problems": {"file": 1}}},
        "ListDepots": {"depots": [1, None, {"name": []}]},
        "ListPackages": {"packages": ["x", {"name": 1, "versions": 5, "depots": "x", "state": {}}]},
        "ListVersions": {"versions": [[], {"artifacts": [1, {"size": -1}]}]},
    }
    for arguments in (["status"], ["list"], ["list", "--versions"], ["show", "a/b"], ["show", "a/b", "1.0.0"]):
        assert ctl(peer, *arguments).returncode == OK
    peer.answers |= {"ListPackages": {}, "GetStatus": {}}
    assert ctl(peer, "list").returncode == OK
    assert ctl(peer, "status").returncode == OK


# Planning


PLAN = [
    event(
        "plan",
        package="hashicorp/aws",
        plan=[
            plan_item("5.81.0", "add", platforms=["linux_amd64", "linux_arm64"]),
            plan_item("5.80.0", "keep"),
            plan_item("5.79.0", "retry"),
            plan_item("5.1.0", "prune"),
        ],
    ),
    event("done", outcome=outcome()),
]


def test_plan(peer):
    peer.answers["Plan"] = PLAN
    result = ctl(peer, "plan", "hashicorp/aws", "--depot=team")
    assert (result.returncode, result.stderr) == (OK, "")
    assert peer.requests[0]["parameters"] == {"package": "hashicorp/aws", "depot": "team"}
    assert peer.requests[0]["more"] is True
    rows = [line.split() for line in result.stdout.splitlines()]
    assert [row[:3] for row in rows[1:4]] == [
        ["hashicorp/aws", "5.81.0", "add"],
        ["hashicorp/aws", "5.79.0", "retry"],
        ["hashicorp/aws", "5.1.0", "prune"],
    ]
    assert result.stdout.endswith("1 package: 1 to add, 1 to retry, 1 to prune, 1 unchanged\n")
    assert "keep" in ctl(peer, "plan", "--all").stdout


def test_plan_with_a_package_that_failed(peer):
    peer.answers["Plan"] = [
        event("package", package="platform/vpc/aws", state="failed", reason="api.github.com: 404"),
        *PLAN,
    ]
    result = ctl(peer, "plan")
    assert result.returncode == FAILED
    assert re.search(r"^platform/vpc/aws .*failed .*api.github.com: 404$", result.stdout, re.MULTILINE)
    assert "1 could not be planned" in result.stdout


def test_plan_that_is_cut_off(peer):
    peer.answers["Plan"] = PLAN[:1]
    result = ctl(peer, "plan")
    assert result.returncode == FAILED
    assert "before it was complete" in result.stderr


def test_plan_as_json(peer):
    peer.answers["Plan"] = PLAN
    lines = ctl(peer, "plan", "--json=short").stdout.splitlines()
    assert [json.loads(line) for line in lines] == [each["event"] for each in PLAN]


# Syncing


def sync_events(n=20, bad=()):
    """A stream in which each version is fetched, verified and published, a few at a time."""
    events = [
        event("accepted"),
        event("plan", package="hashicorp/aws", plan=[plan_item(f"1.{i}.0", "add") for i in range(n)]),
        event("package", package="hashicorp/aws", state="syncing"),
    ]
    for i in range(n + 3):
        if i < n:
            events.append(event("version", package="hashicorp/aws", version=f"1.{i}.0", state="fetching"))
        if 1 <= i <= n:
            events.append(event("version", package="hashicorp/aws", version=f"1.{i - 1}.0", state="verifying"))
        if i >= 3:
            end = {"state": "failed", "reason": "bad digest"} if i - 3 in bad else {"state": "published"}
            events.append(event("version", package="hashicorp/aws", version=f"1.{i - 3}.0", **end))
        progress = {
            "packagesDone": 0,
            "packagesTotal": 1,
            "versionsDone": max(0, i - 2),
            "versionsTotal": n,
            "bytes": i * 3000000,
        }
        events.append(event("progress", progress=progress))
    state = {"state": "incomplete", "reason": f"{len(bad)} of {n} versions failed"} if bad else {"state": "current"}
    events.append(event("package", package="hashicorp/aws", **state))
    failed = {"packagesFailed": 1 if bad else 0, "versionsFailed": len(bad), "versionsAdded": n - len(bad)}
    events.append(event("done", outcome=outcome(bytes=n * 3000000, **failed)))
    return events


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


# What comes from outside


HOSTILE = "\x1b]0;title\x07\x1b[2Jfake\nline\r\x9b31m\u202egnp.exe\x7f"


def hostile(value):
    if isinstance(value, dict):
        return {key: hostile(each) for key, each in value.items()}
    if isinstance(value, list):
        return [hostile(each) for each in value]
    return value + HOSTILE if isinstance(value, str) else value


@pytest.mark.parametrize("json_mode", ["off", "short", "pretty"])
@pytest.mark.parametrize(
    "arguments",
    [["status"], ["list"], ["list", "--versions"], ["show", "a"], ["show", "a", "1"], ["plan"], ["reload"], ["sync"]]
    + [["sync", "--wait"]],
    ids=" ".join,
)
def test_nothing_from_outside_reaches_the_terminal(peer, arguments, json_mode):
    def types_kept(events):
        changed = hostile(events)
        for new, old in zip(changed, events, strict=True):
            new["event"]["type"] = old["event"]["type"]
        return changed

    peer.answers |= {
        "GetStatus": hostile({"status": STATUS}),
        "ListDepots": hostile({"depots": DEPOTS}),
        "ListPackages": hostile({"packages": PACKAGES}),
        "ListVersions": hostile({"versions": VERSIONS["hashicorp/aws"]}),
        "Reload": hostile({"problems": STATUS["problems"]}),
        "Plan": types_kept(PLAN),
        "Sync": types_kept(sync_events(3, [1])) if "--wait" in arguments else event("accepted", package=HOSTILE),
    }
    status, output = on_terminal(peer, *arguments, f"--json={json_mode}", "--color=never", columns=200)
    assert status == (FAILED if arguments in (["reload"], ["sync", "--wait"]) else OK)
    assert "title" in output or (arguments == ["sync"] and json_mode == "off")
    # The display of a sync moves the cursor; nothing else does.
    output = re.sub(r"\r(\x1b\[[0-9]+A)?\x1b\[J", "", output)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", output), repr(output)
    if json_mode == "off":
        assert "\u202e" not in output and "\t" not in output


def test_hostile_error(peer):
    peer.answers["ListPackages"] = Error(INTERFACE + "NoSuchDepot", depot=HOSTILE)
    result = ctl(peer, "list")
    assert result.returncode == NOT_FOUND
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", result.stderr)
    assert result.stderr.count("\n") == 1


def test_json_keeps_every_character(peer):
    peer.answers["ListPackages"] = {"packages": [package(HOSTILE, "current")]}
    assert json.loads(ctl(peer, "list", "-j").stdout)["packages"][0]["name"] == HOSTILE


# On a terminal


def width(text):
    return len(re.sub("\x1b\\[[0-9;]*m", "", text))


@pytest.mark.parametrize("columns", [70, 80, 100, 140, 300])
def test_tables_fit_the_terminal(peer, columns):
    for arguments in (["list"], ["list", "--versions"], ["show", "hashicorp/aws"]):
        status, output = on_terminal(peer, *arguments, columns=columns)
        assert status == OK
        table = [line for line in output.splitlines() if re.match(r"\S", line)]
        assert max(map(width, table)) <= columns, output
    # Where it is wide enough, all of the reason stands there.
    listed = on_terminal(peer, "list", columns=columns)[1]
    assert (REASON.strip() in listed) == (columns == 300)
    assert ("…" in listed) == (columns != 300)


def test_colours(peer):
    _, output = on_terminal(peer, "list")
    assert "\x1b[1;31mfailed\x1b[0m" in output
    assert "\x1b[32mcurrent\x1b[0m" in output
    assert "\x1b" not in on_terminal(peer, "list", "--color=never")[1]
    assert "\x1b" not in on_terminal(peer, "list", env=environment(NO_COLOR="1"))[1]
    assert "\x1b" not in on_terminal(peer, "list", env=environment(TERM="dumb"))[1]
    assert "\x1b[1;31mfailed\x1b[0m" in ctl(peer, "list", "--color=always").stdout


def test_terminal_without_unicode(peer):
    for arguments in (["status"], ["list"], ["list", "--versions"]):
        assert on_terminal(peer, *arguments, env=environment(LC_ALL="C"))[1].isascii()
    peer.answers["Sync"] = sync_events(5)
    peer.step = 0.02
    assert on_terminal(peer, "sync", "--wait", env=environment(LC_ALL="C"))[1].isascii()


def test_relative_times(peer):
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=12, seconds=30)
    failed = package("a/b", "failed", reason="x", nextTry=soon.strftime("%Y-%m-%dT%H:%M:%SZ"))
    peer.answers["ListPackages"] = {"packages": [failed]}
    assert "in 12min" in on_terminal(peer, "status")[1]
    assert "in 12min" not in ctl(peer, "status").stdout
    output = on_terminal(peer, "show", "a/b")[1]
    assert re.search(r"Next try: \w{3} \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC \(in 12min\)", output)


@pytest.mark.parametrize("columns", [40, 100])
def test_live_display(peer, columns):
    peer.answers["Sync"] = sync_events(20, [5])
    peer.step = 0.01
    status, output = on_terminal(peer, "sync", "--wait", columns=columns)
    assert status == FAILED
    assert re.search(r"\[.*\] \d+/20 v", output)
    assert "verifying" in output
    # Nothing of the block is wider than the terminal, which would wrap it and spoil the moving up.
    for block in re.findall(r"\x1b\[J([^\x1b]*)", output):
        for line in block.split("\n"):
            assert "/20 versions" not in line or width(line) < columns

    left = screen(output)
    assert not any("/20 v" in line or "fetching" in line for line in left), left
    assert sum(" published" in line for line in left) == 19
    assert sum(" failed: bad digest" in line for line in left) == 1
    assert left[-2].startswith("incomplete: 19 added")


def test_live_display_is_quiet_when_asked(peer):
    peer.answers["Sync"] = sync_events(5)
    peer.step = 0.02
    assert on_terminal(peer, "sync", "--wait", "-q") == (OK, "")


def test_live_display_of_very_many(peer):
    many = [event("version", package="a/b", version=f"1.{i}.0", state="fetching") for i in range(2000)]
    peer.answers["Sync"] = [event("accepted"), *many, event("progress"), event("done", outcome=outcome())]
    peer.step = 0.0003
    status, output = on_terminal(peer, "sync", "--wait", rows=10)
    assert status == OK
    assert re.search(r"and \d+ more", output)
    assert not any("fetching" in line for line in screen(output))


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
