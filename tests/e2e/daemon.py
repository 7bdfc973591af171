"""A daemon with private directories, driven as an operator would."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile

from setting import settings, wait_for

TREE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("OPENDEPOT_BUILD", TREE / "build"))
CTL = BUILD / "ctl/opendepotctl"
HOSTNAMES = ["registry.terraform.io", "registry.opentofu.org"]
SANITIZER = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:")


def provider(name, constraint=None, platforms=(("linux",), ("amd64", "arm64")), **more):
    entry = {"name": name, "operatingSystems": list(platforms[0]), "architectures": list(platforms[1])}
    return entry | ({"versionConstraints": constraint} if constraint else {}) | more


def module(name, owner, system, constraint=None, **more):
    entry = {"name": name, "repoOwner": owner, "provider": system}
    return entry | ({"versionConstraints": constraint} if constraint else {}) | more


class Daemon:
    started = []  # by the test that runs

    def __init__(self, directory, upstream, **more):
        """`more` goes into opendepot.yaml."""
        self.directory = directory
        self.upstream = upstream
        self.configuration, self.state = directory / "etc", directory / "state"
        for path in (self.configuration / "conf.d", self.state):
            path.mkdir(parents=True, exist_ok=True)
        # The path of a socket is short.
        self._runtime = tempfile.TemporaryDirectory(prefix="opendepot-")
        self.runtime = pathlib.Path(self._runtime.name)
        self.runtime.chmod(0o755)
        self.databases = directory / "databases"  # of the scanner
        self.log = directory / "log"
        self.arguments = []  # of opendepotd, beside the directories
        self.credentials = directory / "credentials"  # as LoadCredential= would put them there
        self.process = None
        self.worker = BUILD / "daemon/opendepot-worker"
        self.configure(**more)

    @property
    def store(self):
        return self.state / "store"

    @property
    def socket(self):
        return self.runtime / "io.defdev.opendepot"

    # Configuration

    def configure(self, **more):
        limits = {"connectTimeout": "5s", "stallTimeout": "2s"}
        more["network"] = {"caFile": self.upstream.endpoints["ca"]} | limits | more.get("network", {})
        (self.configuration / "opendepot.yaml").write_text(settings(self.upstream.endpoints, **more))

    def write_depot(self, name, providers=(), modules=(), namespace="platform", **spec):
        document = {
            "apiVersion": "opendepot.defdev.io/v1alpha1",
            "kind": "Depot",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"providerConfigs": list(providers), "moduleConfigs": list(modules)} | spec,
        }
        self.write_document(name, json.dumps(document, indent=1))

    def write_document(self, name, text):
        (self.configuration / f"conf.d/{name}.yaml").write_text(text)

    def write_credential(self, name, text):
        self.credentials.mkdir(mode=0o700, exist_ok=True)
        (self.credentials / name).write_text(text)

    def remove_depot(self, name):
        (self.configuration / f"conf.d/{name}.yaml").unlink()

    # Life

    def command(self):
        return [
            BUILD / "daemon/opendepotd",
            f"--config-directory={self.configuration}",
            f"--state-directory={self.state}",
            f"--runtime-directory={self.runtime}",
            f"--database-directory={self.databases}",
            f"--worker={self.worker}",
            *self.arguments,
        ]

    def spawn(self, *prefix):
        """Starts it without waiting for anything."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*prefix, *self.command()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=os.environ | {"CREDENTIALS_DIRECTORY": str(self.credentials)},
            )
        Daemon.started.append(self)
        return self

    @contextlib.contextmanager
    def own_worker(self):
        """A worker program that no other daemon runs; gives a function that tells which of its processes are alive."""
        self.worker = self.directory / "opendepot-worker"
        shutil.copy2(BUILD / "daemon/opendepot-worker", self.worker)

        def alive():
            found = []
            for link in pathlib.Path("/proc").glob("[0-9]*/exe"):
                with contextlib.suppress(OSError):
                    if os.readlink(link) == str(self.worker):
                        found.append(int(link.parent.name))
            return found

        yield alive
        self.worker.unlink()

    def answers(self):
        """Whether it listens; the process must not have ended."""
        assert self.process.poll() is None, f"ended with {self.process.returncode}\n{self.text()}"
        with socket.socket(socket.AF_UNIX) as connection, contextlib.suppress(OSError):
            connection.connect(str(self.socket))
            return True
        return False

    def start(self, *prefix):
        self.socket.unlink(missing_ok=True)
        self.spawn(*prefix)
        wait_for(self.answers, 30, "the daemon")
        return self

    def stop(self):
        """Ends it as systemd would; it has to end well and clean."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(30)
        self.process = None
        assert status == 0, self.text()
        self.check_log()

    def kill(self):
        """Ends it with everything that it has started, without any warning."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(30)
        self.process = None

    def restart(self):
        self.stop()
        return self.start()

    def text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def check_log(self):
        assert not any(word in self.text() for word in SANITIZER), self.text()

    # Control

    def run(self, *arguments, timeout=120, prefix=()):
        """opendepotctl, whatever it says."""
        return subprocess.run(
            [*prefix, CTL, f"--socket={self.socket}", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            timeout=timeout,
            check=False,
        )

    def ctl(self, *arguments, status=0, **options):
        """Its answer as JSON, of streaming verbs as a list."""
        result = self.run("--json=short", *arguments, **options)
        assert result.returncode == status, f"{result.stdout}{result.stderr}{self.text()}"
        values = [json.loads(line) for line in result.stdout.splitlines()]
        return values if arguments[0] in ("sync", "plan", "monitor") else values[0]

    def sync(self, *arguments, status=0):
        """Waits for the outcome and returns it."""
        events = self.ctl("sync", "--wait", *arguments, status=status)
        return events[-1]["outcome"] if "outcome" in events[-1] else events[-1]["event"]["outcome"]

    def call(self, method, **parameters):
        """A method of the control interface, without streaming."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.socket))
            message = {"method": f"io.defdev.opendepot.{method}", "parameters": parameters}
            connection.sendall(json.dumps(message).encode() + b"\0")
            answer = b""
            while not answer.endswith(b"\0"):
                piece = connection.recv(1 << 16)
                assert piece, "the connection has ended"
                answer += piece
        reply = json.loads(answer[:-1])
        assert "error" not in reply, reply
        return reply["parameters"]

    def depots(self):
        return {depot["name"]: depot for depot in self.call("ListDepots")["depots"]}

    def packages(self):
        """By name; of packages in several stores, the last."""
        return {package["name"]: package for package in self.call("ListPackages")["packages"]}

    def versions(self, package):
        return {one["version"]: one for one in self.call("ListVersions", package=package)["versions"]}

    def states(self, package):
        return {number: version["state"] for number, version in self.versions(package).items()}

    def idle(self):
        status = self.call("GetStatus")["status"]
        return status["packagesActive"] == 0 and not any(depot["polling"] for depot in self.depots().values())

    def settle(self, seconds=60):
        """Until nothing is under way."""
        wait_for(self.idle, seconds, "the end of all work")
        return self

    # The store

    def provider_directory(self, name, hostname=HOSTNAMES[0], namespace="hashicorp"):
        return self.store / "providers" / hostname / namespace / name

    def module_directory(self, name, system, namespace="platform"):
        return self.store / "modules" / namespace / name / system

    def files(self):
        """Every file of the store by its path, without what is being staged."""
        paths = (path.relative_to(self.store) for path in self.store.rglob("*") if path.is_file())
        return sorted(str(path) for path in paths if not path.parts[0].startswith("."))

    def tree(self):
        """Everything in the store with its bytes, but for the times in records."""
        seen = {}
        for path in self.store.rglob("*"):
            data = os.readlink(path).encode() if path.is_symlink() else path.read_bytes() if path.is_file() else None
            if path.name == "record.json":
                data = re.sub(rb'"\d{4}-\d\d-\d\dT[0-9:.]+Z"', b'"TIME"', data)
            seen[str(path.relative_to(self.store))] = data
        return seen

    def snapshot(self, *roots):
        """What changes when anything below the directories is written."""
        seen = {}
        for root in roots:
            for path in sorted(root.rglob("*")):
                status = path.lstat()
                seen[str(path)] = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        return seen
