"""HTTP requests and responses as the roles see them; the connection handling is in server.py."""

from __future__ import annotations

import datetime
import email.utils
import hashlib
import json
import time
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_REASONS = {200: "OK", 201: "Created", 206: "Partial Content", 301: "Moved Permanently", 302: "Found", 304: "Not Modified",
            400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
            416: "Range Not Satisfiable", 429: "Too Many Requests", 500: "Internal Server Error", 502: "Bad Gateway",
            503: "Service Unavailable", 504: "Gateway Timeout"}


def reason(status: int) -> str:
    return _REASONS.get(status, "Status")


def http_date(moment: float | None = None) -> str:
    return email.utils.formatdate(time.time() if moment is None else moment, usegmt=True)


@dataclass
class Request:
    method: str
    target: str                         # as sent
    headers: dict[str, str]             # names in lower case
    role: str
    body: bytes = b""
    path: str = ""
    query: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        path, _, query = self.target.partition("?")
        self.path = urllib.parse.unquote(path)
        self.query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))


@dataclass
class FileBody:
    path: Path
    size: int


@dataclass
class Endless:
    """JSON that never ends, or stops after so many bytes (0 = never)."""

    limit: int = 0


Body = bytes | FileBody | Endless


@dataclass
class Response:
    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: Body = b""
    chunked: bool = False
    ranges: bool = False                # the entity allows ranges; server.py cuts them
    offset: int = 0                     # set by the cutting: first byte of the entity that is sent
    length: int = -1                    # and how many; -1 = all

    def set(self, name: str, value: str) -> None:
        self.remove(name)
        self.headers.append((name, value))

    def remove(self, name: str) -> None:
        self.headers = [(n, v) for n, v in self.headers if n.lower() != name.lower()]

    def get(self, name: str) -> str | None:
        return next((v for n, v in self.headers if n.lower() == name.lower()), None)

    @property
    def size(self) -> int:
        """Bytes of the whole entity; -1 when endless."""
        if isinstance(self.body, bytes):
            return len(self.body)
        return self.body.size if isinstance(self.body, FileBody) else -1


def json_response(data: Any, status: int = 200, content_type: str = "application/json; charset=utf-8") -> Response:
    body = json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode()
    return Response(status, [("Content-Type", content_type)], body)


def redirect(location: str, status: int = 302) -> Response:
    return Response(status, [("Location", location), ("Content-Type", "text/html;charset=utf-8")])


def entity_tag(body: bytes, weak: bool = False) -> str:
    return ('W/"' if weak else '"') + hashlib.sha256(body).hexdigest() + '"'


def _instant(text: str | None) -> datetime.datetime | None:
    try:
        return email.utils.parsedate_to_datetime(text) if text else None
    except ValueError:
        return None


def not_modified(request: Request, response: Response) -> Response:
    """Turns a 200 into 304 where If-None-Match (weak comparison, RFC 9110 13.1.2) or If-Modified-Since says so."""
    if response.status != 200 or request.method not in ("GET", "HEAD"):
        return response
    wanted, tag = request.headers.get("if-none-match"), response.get("ETag")
    if wanted is not None:
        known = {t.strip().removeprefix("W/") for t in wanted.split(",")}
        fresh = tag is not None and ("*" in known or tag.removeprefix("W/") in known)
    else:
        since, modified = (_instant(text) for text in (request.headers.get("if-modified-since"),
                                                       response.get("Last-Modified")))
        fresh = since is not None and modified is not None and modified <= since
    if not fresh:
        return response
    kept = [(n, v) for n, v in response.headers if n.lower() not in ("content-type", "content-disposition")]
    return Response(304, kept)


def cut_range(request: Request, response: Response) -> Response:
    """Answers a single byte range with 206 or 416; several ranges, or a stale If-Range, give the whole entity."""
    if not response.ranges or response.status != 200:
        return response
    response.set("Accept-Ranges", "bytes")
    value = request.headers.get("range", "")
    condition = request.headers.get("if-range")
    if condition is not None and condition not in (response.get("ETag"), response.get("Last-Modified")):
        return response
    if not value.startswith("bytes=") or "," in value or request.method != "GET":
        return response
    first, dash, last = value[len("bytes="):].strip().partition("-")
    if not dash or not (first + last).isdigit():
        return response
    size = response.size
    if first:
        start, end = int(first), min(int(last), size - 1) if last else size - 1
    else:
        start, end = max(0, size - int(last)), size - 1
    if start >= size or end < start:
        return Response(416, [("Content-Range", f"bytes */{size}")])
    response.status, response.offset, response.length = 206, start, end - start + 1
    response.set("Content-Range", f"bytes {start}-{end}/{size}")
    return response
