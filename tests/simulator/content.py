"""Provider zips, made deterministically from their description and kept on disk.

A file is written once and found again by the hash of its description. Large files share compressed blocks and differ
in a short unique tail of the executable, so that making 2 GB of them costs little more than writing and hashing 2 GB.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import random
import struct
import threading
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

GENERATION = 4              # raise it when the same description shall give other bytes: old files are then not found
BLOCK = 8 << 20
TAIL = 2048
_DOS_DATE = ((2024 - 1980) << 9 | 1 << 5 | 1, 0)
_LICENSE = b"Mozilla Public License Version 2.0\n\nThis text stands in for a licence.\n"


@dataclass(frozen=True)
class Artifact:
    """A file of the upstream. tree is the h1: of its content as clients compute it, or empty for hostile archives."""

    path: Path
    size: int
    sha256: str
    tree: str


def tree_hash(files: Iterable[tuple[str, str]]) -> str:
    """Go's dirhash Hash1 over (name, hex SHA-256 of the content)."""
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(files, key=lambda f: f[0].encode()))
    return "h1:" + base64.b64encode(hashlib.sha256(lines.encode()).digest()).decode()


class ContentStore:
    """Files by the hash of their description; safe to use from several threads."""

    def __init__(self, directory: Path) -> None:
        self._folder = directory / "content"
        self._folder.mkdir(exist_ok=True)
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def get(self, description: dict[str, Any], suffix: str, make: Callable[[BinaryIO], str]) -> Artifact:
        """The file of this description; make writes it to the given file and returns its tree hash."""
        text = json.dumps([GENERATION, description], sort_keys=True)
        name = hashlib.sha256(text.encode()).hexdigest()[:40]
        with self._guard:
            lock = self._locks.setdefault(name, threading.Lock())
        with lock:
            path, note = self._folder / (name + suffix), self._folder / (name + ".json")
            if not note.exists():
                temporary = path.with_suffix(".tmp")
                with open(temporary, "wb+") as file:
                    writer = HashingFile(file)
                    tree = make(writer)     # type: ignore[arg-type]
                temporary.rename(path)
                fresh = note.with_suffix(".new")
                fresh.write_text(json.dumps({"size": writer.size, "sha256": writer.digest.hexdigest(), "tree": tree}))
                fresh.rename(note)
            data = json.loads(note.read_text())
            return Artifact(path, data["size"], data["sha256"], data["tree"])


class HashingFile:
    """Only write(): passes on to the file and keeps size and digest."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = 0
        self.digest = hashlib.sha256()

    def write(self, data: bytes | memoryview) -> int:
        self._file.write(data)
        self.digest.update(data)
        self.size += len(data)
        return len(data)


@dataclass
class _Block:
    """A block of content with what is needed to repeat it without computing anything twice."""

    plain: bytes
    deflated: bytes         # raw deflate, ends on a byte boundary, not final


def _deflate(data: bytes | memoryview, final: bool) -> bytes:
    machine = zlib.compressobj(6, zlib.DEFLATED, -15)
    return machine.compress(data) + machine.flush(zlib.Z_FINISH if final else zlib.Z_FULL_FLUSH)


@functools.lru_cache(maxsize=1)
def _random_block() -> bytes:
    return random.Random(1).randbytes(BLOCK)


@functools.lru_cache(maxsize=4)
def _program_block(permille: int) -> _Block:
    """Bytes that deflate to about permille/1000 of their size, with matches of the lengths found in machine code."""
    source = random.Random(2)
    tokens = [source.randbytes(source.choice((2, 3, 3, 4, 5, 6, 8, 12))) for _ in range(3000)]
    weights = [1.0 / (index + 8) for index in range(len(tokens))]
    page = 4096
    text = bytearray()
    while len(text) < BLOCK:
        text += b"".join(source.choices(tokens, weights, k=1 << 17))
    text_ratio = len(_deflate(bytes(text[:1 << 20]), False)) / (1 << 20)
    target = permille / 1000
    noise = max(0.0, (target - text_ratio) / (1 - text_ratio))
    zeros = max(0.0, 1 - target / text_ratio)
    pages = []
    for offset in range(0, BLOCK, page):
        dice = source.random()
        if dice < noise:
            pages.append(source.randbytes(page))
        elif dice < noise + zeros:
            pages.append(bytes(page))
        else:
            pages.append(text[offset:offset + page])
    plain = b"".join(pages)
    return _Block(plain, _deflate(plain, False))


class _ZipWriter:
    """Zips as Go's archive/zip writes them: deflated entries carry a data descriptor, modes are Unix modes."""

    def __init__(self, out: HashingFile) -> None:
        self._out = out
        self._directory: list[bytes] = []
        self.files: list[tuple[str, str]] = []

    def add(self, name: str, mode: int, method: int, parts: Iterable[bytes | memoryview],
            crc: int, packed: int, plain: int, digest: str) -> None:
        """parts: what stands in the archive; crc, plain and digest (hex SHA-256) describe the content itself."""
        raw, offset, streamed = name.encode(), self._out.size, method == 8
        date, time = _DOS_DATE
        flags = 8 if streamed else 0
        sizes = (0, 0, 0) if streamed else (crc, packed, plain)
        self._out.write(struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, flags, method, time, date, *sizes, len(raw), 0)
                        + raw)
        start = self._out.size
        for part in parts:
            self._out.write(part)
        if self._out.size - start != packed:
            raise AssertionError(f"{name}: wrote {self._out.size - start} bytes, announced {packed}")
        if streamed:
            self._out.write(struct.pack("<IIII", 0x08074B50, crc, packed, plain))
        self._directory.append(struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 3 << 8 | 20, 20, flags, method, time, date,
                                           crc, packed, plain, len(raw), 0, 0, 0, 0, (0o100000 | mode) << 16, offset)
                               + raw)
        self.files.append((name, digest))

    def add_small(self, name: str, mode: int, data: bytes) -> None:
        packed = _deflate(data, True)
        self.add(name, mode, 8, [packed], zlib.crc32(data), len(packed), len(data), hashlib.sha256(data).hexdigest())

    def finish(self) -> str:
        start, count = self._out.size, len(self._directory)
        for record in self._directory:
            self._out.write(record)
        self._out.write(struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, count, count, self._out.size - start, start, 0))
        return tree_hash(self.files)


def _cut(block: bytes, size: int) -> Iterable[memoryview]:
    """The block again and again until size bytes are given."""
    view = memoryview(block)
    while size > 0:
        part = view[:min(size, len(view))]
        size -= len(part)
        yield part


def _measure(parts: Iterable[bytes | memoryview]) -> tuple[int, str]:
    crc, digest = 0, hashlib.sha256()
    for part in parts:
        crc = zlib.crc32(part, crc)
        digest.update(part)
    return crc, digest.hexdigest()


def _add_random(archive: _ZipWriter, name: str, size: int, tail: bytes, stored: bool) -> None:
    """An incompressible executable: stored as it is, or in a deflate stream that gains nothing."""
    body = max(0, size - len(tail) - 1024)
    crc, digest = _measure([*_cut(_random_block(), body), tail])
    plain = body + len(tail)
    if stored:
        archive.add(name, 0o755, 0, [*_cut(_random_block(), body), tail], crc, plain, plain, digest)
        return
    whole, rest = divmod(body, BLOCK)
    block = _deflate(_random_block(), False) if whole else b""
    parts = [block] * whole + [_deflate(_random_block()[:rest], False), _deflate(tail, True)]
    archive.add(name, 0o755, 8, parts, crc, sum(map(len, parts)), plain, digest)


def _add_program(archive: _ZipWriter, name: str, size: int, unpacked: int, tail: bytes) -> None:
    body = max(0, unpacked - len(tail))
    block = _program_block(max(50, min(950, size * 1000 // max(1, unpacked))))
    crc, digest = _measure([*_cut(block.plain, body), tail])
    whole, rest = divmod(body, BLOCK)
    parts = [block.deflated] * whole + [_deflate(memoryview(block.plain)[:rest], False), _deflate(tail, True)]
    archive.add(name, 0o755, 8, parts, crc, sum(map(len, parts)), body + len(tail), digest)


def make_provider(out: BinaryIO, kind: str, version: str, platform: str, shape: str, size: int, unpacked: int,
                  seed: int, program: str = "") -> str:
    """Writes a provider zip with one executable and returns its h1:."""
    identity = f"{kind} {version} {platform} {seed}"
    tail = random.Random(identity).randbytes(TAIL)
    archive = _ZipWriter(out)       # type: ignore[arg-type]
    name = f"terraform-provider-{kind}_v{version.split('+', 1)[0]}_x5"
    if platform.startswith("windows"):
        name += ".exe"
    archive.add_small("LICENSE.txt", 0o644, _LICENSE)
    if shape == "script":
        text = f'#!/bin/sh\necho "simulated provider {identity}" >&2\nexit 1\n# '.encode()
        padding = max(0, size - 1500)
        data = text + base64.b16encode(random.Random(identity).randbytes(padding)) + b"\n"
        archive.add_small(name, 0o755, data)
    elif shape == "program":
        archive.add_small(name, 0o755, Path(program).read_bytes())
    elif shape == "go-binary":
        _add_program(archive, name, size, unpacked or int(size * 2.9), tail)
    else:
        _add_random(archive, name, size, tail, stored=shape == "stored")
    return archive.finish()
