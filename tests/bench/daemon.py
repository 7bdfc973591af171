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
        self.socket.settimeout(30)
        self.socket.connect(str(path))

    def call(self, method, **parameters):
        request = {"method": f"io.defdev.opendepot.{method}", "parameters": parameters}
        self.socket.sendall(json.dumps(request).encode() + b"\0")
        answer = bytearray()
        while not answer.endswith(b"\0"):
            data = self.socket.recv(1 << 20)
            if not data:
                raise RuntimeError(f"{method}: the daemon has closed the connection")
            answer += data
        reply = json.loads(answer[:-1])
        if "error" in reply:
            raise RuntimeError(f"{method}: {reply['error']} {reply.get('parameters')}")
        return reply["parameters"]

    def close(self):
        self.socket.close()


class Daemon:
    """`with Daemon(build, directory, endpoints, depot) as daemon:`; opendepotd ends with the block."""

    def __init__(self, build, directory, endpoints, depot):
        self.build, self.directory = build, directory
        self.runtime = pathlib.Path(tempfile.mkdtemp(prefix="bench-"))
        self.socket = self.runtime / "io.defdev.opendepot"
        self.state = directory / "state"
        self.process = None
        (directory / "etc/conf.d").mkdir(parents=True)
        self.state.mkdir()
        (directory / "etc/opendepot.yaml").write_text(settings(endpoints))
        (directory / "etc/conf.d/bench.yaml").write_text(depot)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        self.stop()
        if kind is not None and (self.directory / "log").exists():
            print(*(self.directory / "log").read_text(errors="replace").splitlines()[-20:], sep="\n")
        shutil.rmtree(self.runtime, ignore_errors=True)

    def start(self):
        """Starts the program and returns a connection as soon as it answers."""
        # As its unit starts it.
        command = [
            "nice",
            "-n-5",
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

    def peak_memory(self):
        """Bytes that were resident at most, of the daemon's process alone."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError("no VmHWM")

    def processor_seconds(self):
        """Processor time of the daemon itself, and of the workers that have ended."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        ticks = os.sysconf("SC_CLK_TCK")
        return (int(fields[11]) + int(fields[12])) / ticks, (int(fields[13]) + int(fields[14])) / ticks

    def wait_published(self, connection, versions, other=None):
        """Waits until so many versions are published, every package is done and the disk has it; returns the seconds
        that GetStatus took each time. other() is called between two questions."""
        latencies = []
        end = time.monotonic() + END_SECONDS
        following = time.monotonic()
        while True:
            before = time.monotonic()
            status = connection.call("GetStatus")["status"]
            latencies.append(time.monotonic() - before)
            counts = status["versions"]
            if status["packagesFailed"] > 0 or counts["failed"] > 0:
                raise RuntimeError(f"not everything could be synced: {status}")
            if counts["published"] == versions and status["packagesActive"] == 0:
                return latencies
            if time.monotonic() > end:
                raise RuntimeError(f"the sync does not end: {status}")
            if other is not None:
                other()
            following = max(following + PROBE_SECONDS, time.monotonic())
            time.sleep(max(following - time.monotonic(), 0))

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
