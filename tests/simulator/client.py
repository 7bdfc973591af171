"""For tests: starts a simulator as a process of its own and talks to its control endpoint."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

from .world import World


class Simulator:
    """`with Simulator(directory, world) as upstream:`; keep the directory, since content and keys are cached there."""

    def __init__(self, directory: Path, world: World | None = None, arguments: list[str] | None = None,
                 timeout: float = 120) -> None:
        self.directory = directory
        self._world, self._arguments, self._timeout = world, arguments or [], timeout
        self._process: subprocess.Popen[bytes] | None = None
        self.endpoints: dict[str, Any] = {}

    def start(self) -> Simulator:
        """Returns once every port listens; RuntimeError when the simulator ends before that."""
        self.directory.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, str(Path(__file__).with_name("simulator.py")), "--directory", str(self.directory),
                   "--watch-stdin", *self._arguments]
        if self._world is not None:
            path = self.directory / "world.json"
            path.write_text(json.dumps(self._world.to_dict()))
            command += ["--world", str(path)]
        file = self.directory / "endpoints.json"
        file.unlink(missing_ok=True)
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + self._timeout
        while not file.exists():
            if self._process.poll() is not None:
                raise RuntimeError(f"the simulator ended with status {self._process.returncode}")
            if time.monotonic() > deadline:
                self.stop()
                raise RuntimeError("the simulator did not start in time")
            time.sleep(0.02)
        self.endpoints = json.loads(file.read_text())
        return self

    def set_niceness(self, niceness: int) -> None:
        """Of every thread that there is; those that they start take it over."""
        assert self._process is not None
        for thread in Path(f"/proc/{self._process.pid}/task").iterdir():
            os.setpriority(os.PRIO_PROCESS, int(thread.name), niceness)

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process = None

    def __enter__(self) -> Simulator:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.stop()

    @property
    def process_id(self) -> int:
        assert self._process is not None
        return self._process.pid

    def call(self, method: str, path: str, data: Any = None) -> Any:
        """A control call; ValueError with the simulator's message when it is refused."""
        body = None if data is None else json.dumps(data).encode()
        request = urllib.request.Request(self.endpoints["control"] + path, body, method=method)
        try:
            with urllib.request.urlopen(request, timeout=self._timeout) as response:
                raw, kind = response.read(), response.headers["Content-Type"]
        except urllib.error.HTTPError as error:
            raise ValueError(json.loads(error.read())["error"]) from None
        return json.loads(raw) if kind == "application/json" else raw.decode()

    def requests(self, role: str = "", path: str = "") -> list[dict[str, Any]]:
        return self.call("GET", f"/requests?role={role}&path={urllib.parse.quote(path)}")

    def stats(self) -> dict[str, Any]:
        return self.call("GET", "/stats")

    def artifacts(self) -> dict[str, Any]:
        return self.call("GET", "/artifacts")

    def errors(self) -> list[str]:
        """Tracebacks of the simulator's own mistakes; a test that sees one is not to be trusted."""
        return self.call("GET", "/errors")

    def reset(self) -> None:
        """Forgets requests, faults and rate limits."""
        self.call("POST", "/reset")

    def add_fault(self, action: str, **rule: Any) -> int:
        return int(self.call("POST", "/faults", {"action": action, **rule})["ids"][0])

    def revoke_tokens(self) -> None:
        """Those that Apps were given, and the keys of links."""
        self.call("POST", "/revoke")

    def clear_faults(self, number: int | None = None) -> None:
        """All, or one; answers that are held or stalled go on either way."""
        self.call("DELETE", "/faults" if number is None else f"/faults?id={number}")

    def faults(self) -> list[dict[str, Any]]:
        return self.call("GET", "/faults")

    def world(self) -> World:
        return World.from_dict(self.call("GET", "/world"))

    def replace(self, world: World) -> None:
        self.call("POST", "/world", world.to_dict())

    def extend(self, world: World) -> None:
        self.call("POST", "/world?mode=extend", world.to_dict())

    def set_latency(self, milliseconds: int) -> None:
        self.call("POST", "/latency", {"ms": milliseconds})
