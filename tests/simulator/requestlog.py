"""What was asked since the last reset, for tests that count requests."""

from __future__ import annotations

import collections
import threading
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from .messages import Request

_ENTRIES_MAX = 200_000
_ERRORS_MAX = 100
_HEADERS = ("accept", "if-none-match", "if-modified-since", "range", "if-range", "user-agent", "host", "x-terraform-version",
            "x-github-api-version", "accept-encoding")


@dataclass
class Entry:
    id: int
    time: float                         # seconds since the epoch, when the request had been read
    connection: int
    role: str
    method: str
    path: str                           # with the query, as sent
    headers: dict[str, str]
    authorization: bool
    status: int = 0                     # 0 = no answer yet
    bytes: int = 0                      # of the body, without chunk framing
    milliseconds: float = 0
    done: bool = False
    complete: bool = False              # the whole answer was handed to the kernel
    faults: list[str] = field(default_factory=list)


class RequestLog:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: collections.deque[Entry] = collections.deque(maxlen=_ENTRIES_MAX)
        self._errors: collections.deque[str] = collections.deque(maxlen=_ERRORS_MAX)
        self._next = 1
        self._active: collections.Counter[str] = collections.Counter()
        self._peak: collections.Counter[str] = collections.Counter()
        self._connections: collections.Counter[str] = collections.Counter()

    def reset(self) -> None:
        with self._lock:
            self._entries.clear()
            self._next = 1
            self._peak = collections.Counter(self._active)
            self._connections.clear()

    def error(self, text: str) -> None:
        """Keeps a traceback; resets do not forget it."""
        with self._lock:
            self._errors.append(text)

    def errors(self) -> list[str]:
        with self._lock:
            return list(self._errors)

    def connected(self, role: str) -> None:
        with self._lock:
            self._connections[role] += 1

    def begin(self, request: Request, connection: int) -> Entry:
        headers = {n: request.headers[n] for n in _HEADERS if n in request.headers}
        with self._lock:
            entry = Entry(self._next, time.time(), connection, request.role, request.method, request.target, headers,
                          "authorization" in request.headers)
            self._next += 1
            self._entries.append(entry)
            self._active[request.role] += 1
            self._peak[request.role] = max(self._peak[request.role], self._active[request.role])
        return entry

    def end(self, entry: Entry) -> None:
        """Once counts: a client that has its answer may ask again before its server comes to this."""
        with self._lock:
            if entry.done:
                return
            entry.milliseconds = round((time.time() - entry.time) * 1000, 3)
            entry.done = True
            self._active[entry.role] -= 1

    def list(self, role: str = "", path: str = "") -> list[dict[str, Any]]:
        with self._lock:
            chosen = [e for e in self._entries if (not role or e.role == role) and path in e.path]
        return [asdict(e) for e in chosen]

    def stats(self) -> dict[str, Any]:
        """Per role: requests, answers by status, body bytes, requests now and at most at the same time, connections."""
        with self._lock:
            entries = list(self._entries)
            active, peak, connections = dict(self._active), dict(self._peak), dict(self._connections)
        result: dict[str, Any] = {}
        for role in {*connections, *(e.role for e in entries)}:
            mine = [e for e in entries if e.role == role]
            result[role] = {
                "requests": len(mine), "bytes": sum(e.bytes for e in mine),
                "status": {str(s): n for s, n in sorted(collections.Counter(e.status for e in mine).items())},
                "active": active.get(role, 0), "peak": peak.get(role, 0), "connections": connections.get(role, 0)}
        return result
