"""Fault rules: which requests they meet and what they do to the answer."""

from __future__ import annotations

import base64
import re
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from .github import rate_headers, rate_limited, secondary_limited
from .messages import Endless, Request, Response, redirect

# Modifiers let the request go on to the next rule and the real answer; each of the others decides the answer.
MODIFIERS = ("delay", "hold", "slow", "headers", "no-range", "corrupt-range", "wrong-digest", "truncate", "stall", "reset")
ANSWERS = ("status", "ratelimit", "garbage", "redirect-loop", "redirect-to", "huge", "close")

_NEEDED = {"status": "status", "redirect-to": "location", "slow": "bytes_per_second", "delay": "ms"}
_KEYS: dict[str, tuple[type, ...]] = {
    "action": (str,), "role": (str,), "path": (str,), "method": (str,), "times": (int,), "skip": (int,),
    "status": (int,), "headers": (dict,), "remove": (list,), "body": (str,), "body_base64": (str,),
    "content_type": (str,), "retry_after": (int, str), "kind": (str,), "reset_in": (int,), "bytes": (int,),
    "ms": (int,), "offset": (int,), "location": (str,), "bytes_per_second": (int,), "clean": (bool,),
}


class FaultError(ValueError):
    """A rule is wrong; the message says how."""


@dataclass
class Fault:
    id: int
    rule: dict[str, Any]
    pattern: re.Pattern[str]
    seen: int = 0               # requests that matched
    hits: int = 0               # requests that it was applied to

    @property
    def action(self) -> str:
        return str(self.rule["action"])

    def integer(self, name: str, default: int) -> int:
        return int(self.rule.get(name, default))


@dataclass
class Sending:
    """How the answer is put on the wire."""

    rate: int = 0               # bytes per second, 0 = as fast as it goes
    flip: int = -1              # offset in the entity of the byte to invert
    stop: int = -1              # bytes of the body after which something happens
    ending: str = ""            # truncate | stall | reset | close
    clean: bool = True          # truncate: end TLS properly
    names: list[str] = field(default_factory=list)


class Faults:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Fault] = []
        self._next = 1
        self.generation = 0     # rises when rules are removed: stalled answers then give up

    def add(self, rule: Any) -> int:
        """Checks a rule and appends it; returns its id."""
        if not isinstance(rule, dict):
            raise FaultError("a fault is an object")
        for key, value in rule.items():
            if key not in _KEYS:
                raise FaultError(f"unknown key {key!r}")
            if not isinstance(value, _KEYS[key]) or (isinstance(value, bool) and bool not in _KEYS[key]):
                raise FaultError(f"{key} has the wrong type")
        if rule.get("action") not in MODIFIERS + ANSWERS:
            raise FaultError(f"action must be one of {', '.join(MODIFIERS + ANSWERS)}")
        needed = _NEEDED.get(rule["action"])
        if needed is not None and needed not in rule:
            raise FaultError(f"{rule['action']} needs {needed}")
        if rule["action"] == "slow" and rule["bytes_per_second"] < 1:
            raise FaultError("bytes_per_second must be positive")
        try:
            pattern = re.compile(rule.get("path", ""))
        except re.error as error:
            raise FaultError(f"path: {error}") from None
        with self._lock:
            fault = Fault(self._next, dict(rule), pattern)
            self._next += 1
            self._rules.append(fault)
        return fault.id

    def clear(self, number: int | None = None) -> None:
        with self._lock:
            self._rules = [] if number is None else [f for f in self._rules if f.id != number]
            self.generation += 1

    def describe(self) -> list[dict[str, Any]]:
        with self._lock:
            return [{"id": f.id, "seen": f.seen, "hits": f.hits, **f.rule} for f in self._rules]

    def match(self, request: Request) -> list[Fault]:
        """The rules for this request, in order, up to the first that decides the answer."""
        chosen = []
        with self._lock:
            for fault in self._rules:
                rule = fault.rule
                wanted = (rule.get("role", request.role), rule.get("method", request.method))
                if wanted != (request.role, request.method) or not fault.pattern.search(request.target):
                    continue
                fault.seen += 1
                if fault.seen <= fault.integer("skip", 0):
                    continue
                if fault.integer("times", 0) > 0 and fault.hits >= fault.integer("times", 0):
                    continue
                fault.hits += 1
                chosen.append(fault)
                if fault.action in ANSWERS:
                    break
        return chosen


def before(faults: list[Fault], request: Request, base: str) -> Response | None:
    """Waits, strips ranges, and gives the answer of the deciding rule, or None to ask the role itself."""
    for fault in faults:
        if fault.action == "delay":
            time.sleep(fault.integer("ms", 0) / 1000)
        elif fault.action == "no-range":
            request.headers.pop("range", None)
        elif fault.action in ANSWERS:
            return _answer(fault, request, base)
    return None


def _answer(fault: Fault, request: Request, base: str) -> Response:
    rule = fault.rule
    if fault.action == "ratelimit":
        if rule.get("kind") == "secondary":
            return secondary_limited(fault.integer("retry_after", 60))
        response = rate_limited(rate_headers(60, 60, int(time.time()) + fault.integer("reset_in", 3600)))
        response.status = fault.integer("status", 403)
        return response
    if fault.action == "redirect-loop":
        return redirect(base + request.target)
    if fault.action == "redirect-to":
        return redirect(str(rule["location"]), fault.integer("status", 302))
    if fault.action == "huge":
        return Response(200, [("Content-Type", rule.get("content_type", "application/json; charset=utf-8"))],
                        Endless(fault.integer("bytes", 0)), chunked=True)
    if fault.action == "close":
        return Response(0)
    kind = rule.get("content_type", "text/html; charset=utf-8" if fault.action == "garbage" else "text/plain")
    default = "<!DOCTYPE html>\n<html><body>Sign in to continue.</body></html>\n" if fault.action == "garbage" else ""
    body = base64.b64decode(rule["body_base64"]) if "body_base64" in rule else str(rule.get("body", default)).encode()
    response = Response(fault.integer("status", 200), [("Content-Type", kind)], body)
    if "retry_after" in rule:
        response.set("Retry-After", str(rule["retry_after"]))
    for name, value in rule.get("headers", {}).items():
        response.set(str(name), str(value))
    return response


def after(faults: list[Fault], response: Response) -> Sending:
    """Changes the answer and says how it is sent."""
    sending = Sending(names=[f.action for f in faults])
    for fault in faults:
        if fault.action == "headers":
            for name in fault.rule.get("remove", []):
                response.remove(str(name))
            for name, value in fault.rule.get("headers", {}).items():
                response.set(str(name), str(value))
        elif fault.action == "slow":
            sending.rate = fault.integer("bytes_per_second", 1)
        elif fault.action == "wrong-digest":
            sending.flip = fault.integer("offset", max(0, response.size // 2))
        elif fault.action in ("truncate", "stall", "reset"):
            sending.ending, sending.stop = fault.action, max(0, fault.integer("bytes", 0))
            sending.clean = bool(fault.rule.get("clean", True))
        elif fault.action == "corrupt-range" and response.status == 206:
            size = response.size
            response.set("Content-Range", f"bytes {response.offset + 1}-{size - 1}/{size}")
    if response.status == 0:
        sending.ending, sending.stop = "close", 0
    return sending


