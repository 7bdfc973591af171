"""A daemon with directories of its own, and what can be seen of it from outside."""

import contextlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

from setting import settings

PROBE_SECONDS = 0.02
END_SECONDS = 900


class Connection:
    """A varlink connection that is held open: one call after the other."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(END_SECONDS)
        self.received = b""
        self.socket.connect(str(path))

    def call(self, method, **parameters):
        self.send(method, parameters)
        return self.receive(method)

    def events(self):
        """What Subscribe tells, for ever; the connection is good for nothing else then."""
        self.send("Subscribe", {}, more=True)
        while True:
            yield self.receive("Subscribe")["event"]

    def send(self, method, parameters, **flags):
        request = {"method": f"io.defdev.opendepot.{method}", "parameters": parameters} | flags
        self.socket.sendall(json.dumps(request).encode() + b"\0")

    def receive(self, method):
        while b"\0" not in self.received:
            data = self.socket.recv(1 << 20)
            if not data:
                raise RuntimeError(f"{method}: the daemon has closed the connection")
            self.received += data
        answer, _, self.received = self.received.partition(b"\0")
        reply = json.loads(answer)
        if "error" in reply:
            raise RuntimeError(f"{method}: {reply['error']} {reply.get('parameters')}")
        return reply["parameters"]

    def close(self):
        self.socket.close()


def run_program(command):
    """Seconds from before a program is started until it is known to have ended."""
    to_null = (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)
    before = time.monotonic()
    process = os.posix_spawn(command[0], command, os.environ, file_actions=[to_null])
    _, status = os.waitpid(process, 0)
    if status != 0:
        raise RuntimeError(f"{command} ended with wait status {status}")
    return time.monotonic() - before


class Daemon:
    """`with Daemon(build, directory, endpoints, depot) as daemon:`; opendepotd ends with the block."""

    def __init__(self, build, directory, endpoints, depot):
        self.build, self.directory = build, directory
        self.runtime = pathlib.Path(tempfile.mkdtemp(prefix="bench-"))
        self.socket = self.runtime / "io.defdev.opendepot"
        self.state = directory / "state"
        self.process = None
        (directory / "etc/conf.d").mkdir(parents=True)
        self.state.mkdir(exist_ok=True)
        (directory / "etc/opendepot.yaml").write_text(settings(endpoints))
        if depot is not None:
            self.write_depot(depot)

    def write_depot(self, depot):
        (self.directory / "etc/conf.d/bench.yaml").write_text(depot)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        self.stop()
        if kind is not None and (self.directory / "log").exists():
            print(*(self.directory / "log").read_text(errors="replace").splitlines()[-20:], sep="\n")
        shutil.rmtree(self.runtime, ignore_errors=True)

    def start(self):
        """Starts the program and returns a connection as soon as it answers."""
        command = [
            self.build / "daemon/opendepotd",
            f"--config-directory={self.directory}/etc",
            f"--state-directory={self.state}",
            f"--runtime-directory={self.runtime}",
            f"--worker={self.build}/daemon/opendepot-worker",
        ]
        with open(self.directory / "log", "ab") as log:
            self.process = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        end = time.monotonic() + 30
        while True:
            self.check_alive()
            with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
                return Connection(self.socket)
            if time.monotonic() > end:
                raise RuntimeError("the daemon does not listen")
            time.sleep(0.002)

    def check_alive(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"opendepotd ended with status {self.process.returncode}")

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def memory(self, what="VmRSS"):
        """Bytes that are resident, of the daemon's process alone."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(what + ":"):
                return int(line.split()[1]) * 1024
        raise RuntimeError(f"no {what}")

    def peak_memory(self):
        """Bytes that were resident at most."""
        return self.memory("VmHWM")

    def own_seconds(self):
        """Processor time of the daemon's threads that there are, to the nanosecond."""
        threads = pathlib.Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9

    def processor_seconds(self):
        """Processor time of the daemon itself, and of the workers that have ended."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        ticks = os.sysconf("SC_CLK_TCK")
        return (int(fields[11]) + int(fields[12])) / ticks, (int(fields[13]) + int(fields[14])) / ticks

    def left(self, connection, versions):
        """How many versions are not published yet and how many packages are not done."""
        status = connection.call("GetStatus")["status"]
        counts = status["versions"]
        if status["packagesFailed"] > 0 or counts["failed"] > 0:
            raise RuntimeError(f"not everything could be synced: {status}")
        return versions - counts["published"], status["packagesActive"]

    def wait_published(self, connection, versions):
        """Waits until so many versions are published, every package is done and the disk has it. It asks only when a
        package says that it has come to its end: what is timed is not disturbed by questions."""
        told = Connection(self.socket)
        for event in told.events():
            ended = event.get("state") in ("current", "incomplete", "failed") and "version" not in event
            if (ended or event["type"] == "accepted") and self.left(connection, versions)[0] == 0:
                break
        told.close()
        while self.left(connection, versions) != (0, 0):
            time.sleep(0.001)

    def wait_asking(self, connection, versions, other=None):
        """Waits for the same, but asks every 20 ms; returns the seconds that GetStatus took each time. other() is called
        between two questions."""
        latencies = []
        following = time.monotonic()
        while True:
            before = time.monotonic()
            left = self.left(connection, versions)
            latencies.append(time.monotonic() - before)
            if left == (0, 0):
                return latencies
            if other is not None:
                other()
            following = max(following + PROBE_SECONDS, time.monotonic())
            time.sleep(max(following - time.monotonic(), 0))

    def ask_status(self):
        """Seconds that the questions of `opendepotctl status` take, sent as it sends them."""
        before = time.monotonic()
        connection = Connection(self.socket)
        for method in ("GetStatus", "ListDepots", "ListPackages"):
            connection.send(method, {})
        for method in ("GetStatus", "ListDepots", "ListPackages"):
            connection.receive(method)
        connection.close()
        return time.monotonic() - before

    def run_ctl(self, *words):
        """Seconds that opendepotctl takes as a whole."""
        return run_program([str(self.build / "ctl/opendepotctl"), f"--socket={self.socket}", *words])

    def snapshot(self):
        """What stat() says of everything in the store and the state, but times of access."""
        found = {}
        for path in sorted(self.state.rglob("*")):
            stat = path.lstat()
            found[str(path)] = (stat.st_ino, stat.st_mode, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
        return found

    def check_store(self, artifacts):
        """Every provider zip has its size and the h1: that the upstream simulator has computed on its own."""
        for artifact in artifacts:
            place = self.state / "store/providers/registry.terraform.io" / artifact["namespace"] / artifact["type"]
            name = f"terraform-provider-{artifact['type']}_{artifact['version']}_{artifact['platform']}.zip"
            if (place / name).stat().st_size != artifact["size"]:
                raise RuntimeError(f"{name}: has another size than upstream's")
            document = json.loads((place / f"{artifact['version']}.json").read_text())
            if artifact["h1"] not in document["archives"][artifact["platform"]]["hashes"]:
                raise RuntimeError(f"{name}: is published with another h1: than upstream's")
