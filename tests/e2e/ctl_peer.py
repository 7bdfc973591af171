"""opendepotctl, and a peer on its socket that answers what each test wants, which no healthy daemon would say."""

import contextlib
import fcntl
import json
import os
import pathlib
import pty
import re
import socket
import struct
import subprocess
import termios
import threading
import time

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
