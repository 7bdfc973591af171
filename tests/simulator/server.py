"""HTTP/1.1 over TLS, one thread per connection.

Blocking threads keep faults and latency simple, and they are fast: SSL_write runs without the interpreter lock, so
mapped files go out at the speed of the cipher.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import mmap
import os
import select
import socket
import ssl
import struct
import termios
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from . import faults as faulty
from .messages import Endless, FileBody, Request, Response, cut_range, http_date, reason
from .requestlog import Entry, RequestLog

_HEAD_MAX = 64 << 10
_BODY_MAX = 16 << 20
_CHUNK = 1 << 20
_HANDSHAKE_TIMEOUT = 30
_CONNECTIONS_MAX = 1024
_STALL_MAX = 3600.0
_ENDLESS_HEAD = b'[{"name":"endless"}'
_ENDLESS_ITEM = b',{"version":"0.0.1","builds":[{"os":"linux","arch":"amd64","url":"https://simulator.invalid/"}]}' * 600

Handler = Callable[[Request], Response]


class Closed(Exception):
    """The connection ends here: the peer left, or a fault cut it."""


class Hub:
    """What all roles share."""

    def __init__(self, latency: float) -> None:
        self.latency = latency              # seconds before every answer
        self.log = RequestLog()
        self.faults = faulty.Faults()


def listen(host: str, port: int) -> list[socket.socket]:
    """Listens on IPv4 loopback (or host) and, where there is IPv6, on ::1 with the same port."""
    first = socket.create_server((host, port), backlog=512)
    sockets = [first]
    if host == "127.0.0.1":
        with contextlib.suppress(OSError):
            sockets.append(socket.create_server(("::1", first.getsockname()[1]), family=socket.AF_INET6, backlog=512))
    return sockets


class Role:
    """A role on a port of its own."""

    _connection_ids = iter(range(1, 1 << 62))

    def __init__(self, hub: Hub, name: str, sockets: list[socket.socket], context: ssl.SSLContext, base: str,
                 handler: Handler) -> None:
        self.hub, self.name, self.base, self.handler = hub, name, base, handler
        self._context = context
        self._slots = threading.BoundedSemaphore(_CONNECTIONS_MAX)
        for listener in sockets:
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                time.sleep(0.05)
                continue
            if self._slots.acquire(blocking=False):
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()
            else:
                connection.close()

    def _serve(self, raw: socket.socket) -> None:
        try:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            raw.settimeout(_HANDSHAKE_TIMEOUT)
            with self._context.wrap_socket(raw, server_side=True) as connection:
                # Without a timeout the socket blocks in the kernel, which spares a poll() per TLS record.
                connection.settimeout(None)
                self.hub.log.connected(self.name)
                Connection(self, connection, next(self._connection_ids)).run()
        except (OSError, ssl.SSLError, Closed):
            pass
        except Exception:       # a mistake of the simulator's own: kept for tests to find
            self.hub.log.error(traceback.format_exc())
        finally:
            raw.close()
            self._slots.release()


class Connection:
    def __init__(self, role: Role, connection: ssl.SSLSocket, number: int) -> None:
        self._role, self._hub, self._socket, self._number = role, role.hub, connection, number
        self._buffer = b""

    def run(self) -> None:
        while (request := self._read()) is not None:
            if not self._answer(request):
                self._end()
                return

    def _read(self) -> Request | None:
        while b"\r\n\r\n" not in self._buffer:
            if len(self._buffer) > _HEAD_MAX:
                raise Closed
            data = self._socket.recv(_HEAD_MAX)
            if not data:
                return None
            self._buffer += data
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        words = lines[0].split(" ")
        if len(words) != 3 or not words[1].startswith("/"):
            raise Closed
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > _BODY_MAX or "transfer-encoding" in headers:
            raise Closed
        while len(self._buffer) < int(length):
            data = self._socket.recv(_HEAD_MAX)
            if not data:
                return None
            self._buffer += data
        body, self._buffer = self._buffer[:int(length)], self._buffer[int(length):]
        return Request(words[0], words[1], headers, self._role.name, body)

    def _answer(self, request: Request) -> bool:
        """Returns whether the connection stays open."""
        entry = self._hub.log.begin(request, self._number)
        try:
            if self._hub.latency:
                time.sleep(self._hub.latency)
            generation = self._hub.faults.generation
            rules = self._hub.faults.match(request)
            if any(rule.action == "hold" for rule in rules):
                self._hold(generation)
            entry.faults = [rule.action for rule in rules]
            response = faulty.before(rules, request, self._role.base)
            if response is None:
                posting = request.method == "POST" and self._role.name == "github_api"
                if request.method not in ("GET", "HEAD") and not posting:
                    response = Response(405, [("Allow", "GET, HEAD")])
                else:
                    response = cut_range(request, self._role.handler(request))
            sending = faulty.after(rules, response)
            entry.status = response.status
            keep = request.headers.get("connection", "").lower() != "close"
            self._send(request, response, sending, entry, keep)
            entry.complete = True
            return keep
        finally:
            self._hub.log.end(entry)

    def _send(self, request: Request, response: Response, sending: faulty.Sending, entry: Entry, keep: bool) -> None:
        if sending.ending == "close":
            raise Closed
        endless = isinstance(response.body, Endless)
        bodyless = request.method == "HEAD" or response.status in (204, 304)
        chunked = (response.chunked or endless) and not bodyless
        length = response.length if response.length >= 0 else response.size
        date = response.get("Date") or http_date()
        head = [f"HTTP/1.1 {response.status} {reason(response.status)}", "Server: simulator", f"Date: {date}"]
        head += [f"{name}: {value}" for name, value in response.headers if name != "Date"]
        if chunked:
            head.append("Transfer-Encoding: chunked")
        elif response.status not in (204, 304) and response.get("Content-Length") is None:
            head.append(f"Content-Length: {max(0, length)}")
        if not keep:
            head.append("Connection: close")
        first = "\r\n".join([*head, "", ""]).encode("latin-1")
        if bodyless:
            self._hub.log.end(entry)
            self._socket.sendall(first)
            return
        small = isinstance(response.body, bytes) and not chunked and not sending.ending and not sending.rate
        if small and sending.flip < 0 and length <= _CHUNK:
            assert isinstance(response.body, bytes)
            entry.bytes = length
            self._hub.log.end(entry)
            self._socket.sendall(first + response.body[response.offset:response.offset + length])
            return
        self._socket.sendall(first)
        self._send_body(response, length, sending, entry, chunked)

    def _send_body(self, response: Response, length: int, sending: faulty.Sending, entry: Entry, chunked: bool) -> None:
        offset = response.offset
        with contextlib.closing(_parts(response, length)) as parts:
            for part in parts:
                if 0 <= sending.flip - offset < len(part):
                    changed = bytearray(part)
                    changed[sending.flip - offset] ^= 0xFF
                    part = memoryview(changed)
                offset += len(part)
                room = sending.stop - entry.bytes
                if sending.ending and len(part) >= room:
                    self._write(part[:room], sending.rate, entry, chunked)
                    self._cut(sending)
                self._write(part, sending.rate, entry, chunked)
        if sending.ending:      # the body was shorter than the fault's position
            self._cut(sending)
        if chunked:
            self._socket.sendall(b"0\r\n\r\n")

    def _write(self, part: memoryview, rate: int, entry: Entry, chunked: bool) -> None:
        step = len(part) if rate == 0 else max(1, rate // 10)
        for start in range(0, len(part), max(1, step)):
            piece = part[start:start + step]
            if rate:
                time.sleep(len(piece) / rate)
            if chunked:
                self._socket.sendall(b"%x\r\n" % len(piece))
                self._socket.sendall(piece)
                self._socket.sendall(b"\r\n")
            else:
                self._socket.sendall(piece)
            entry.bytes += len(piece)

    def _cut(self, sending: faulty.Sending) -> None:
        """Ends the answer as the fault wants it; never returns."""
        if sending.ending == "stall":
            self._stall()
        elif sending.ending == "reset":
            self._drain()
            # Linger with a time of zero makes close() send a reset.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif sending.clean:
            self._end()
        raise Closed

    def _hold(self, generation: int) -> None:
        """Waits with the answer until the rules are cleared; it is then what it is at that moment."""
        until = time.monotonic() + _STALL_MAX
        while self._hub.faults.generation == generation and time.monotonic() < until:
            time.sleep(0.02)

    def _stall(self) -> None:
        """Says nothing until the peer leaves or the rules are cleared."""
        generation, until = self._hub.faults.generation, time.monotonic() + _STALL_MAX
        while self._hub.faults.generation == generation and time.monotonic() < until:
            readable, _, _ = select.select([self._socket], [], [], 0.1)
            if readable and not self._socket.recv(4096):
                return

    def _drain(self) -> None:
        """Waits until the kernel has delivered what was written, since a reset throws the rest away."""
        for _ in range(200):
            queued = fcntl.ioctl(self._socket.fileno(), termios.TIOCOUTQ, b"\0" * 4)
            if struct.unpack("i", queued)[0] == 0:
                return
            time.sleep(0.01)

    def _end(self) -> None:
        """Sends close_notify, and does not wait long for the peer's."""
        self._socket.settimeout(0.5)
        with contextlib.suppress(OSError, ssl.SSLError, ValueError):
            self._socket.unwrap()


def _parts(response: Response, length: int) -> Iterator[memoryview]:
    """The part of the entity that is sent, in chunks; files are mapped, never read into memory."""
    body = response.body
    if isinstance(body, Endless):
        sent = 0
        piece = memoryview(_ENDLESS_HEAD)
        while body.limit == 0 or sent < body.limit:
            if body.limit:
                piece = piece[:body.limit - sent]
            yield piece
            sent += len(piece)
            piece = memoryview(_ENDLESS_ITEM)
        return
    if isinstance(body, FileBody):
        if body.size == 0:
            return
        # Never closed: the mapping goes with the last view of it, and a fault may still hold one.
        yield from _slices(memoryview(_mapped(body.path, body.size)), response.offset, length)
        return
    yield from _slices(memoryview(body), response.offset, length)


@functools.lru_cache(maxsize=512)
def _mapped(path: Path, size: int) -> mmap.mmap:
    """Content never changes under its name, and mapping it anew for every request costs a fault for every page."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return mmap.mmap(descriptor, size, access=mmap.ACCESS_READ)
    finally:
        os.close(descriptor)


def _slices(whole: memoryview, offset: int, length: int) -> Iterator[memoryview]:
    end = offset + length
    while offset < end:
        yield whole[offset:min(offset + _CHUNK, end)]
        offset += _CHUNK
