"""Repository archives as codeload makes them, and hostile ones that look like it."""

from __future__ import annotations

import hashlib
import io
import random
import tarfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from .content import tree_hash
from .world import Module, Release

_MTIME = 1_704_110_400
_BOMB_DEFAULT = 1 << 30
_ENTRIES_DEFAULT = 250_000
_BLOCK = 512
LINK = 0o120000             # in place of a mode: the content is the target of a symbolic link


def _header(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0, mode: int = 0o664, link: str = "",
            device: tuple[int, int] = (0, 0)) -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.size, info.mode, info.mtime, info.linkname = kind, size, mode, _MTIME, link
    info.uname = info.gname = "root"
    info.devmajor, info.devminor = device
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % _BLOCK)


def _global_header(comment: str) -> bytes:
    """The first member: a pax global header named pax_global_header that carries the commit."""
    text = f" comment={comment}\n"
    length = len(text) + 2 if len(text) + 2 < 100 else len(text) + 3
    record = f"{length}{text}".encode()
    info = tarfile.TarInfo("pax_global_header")
    info.type, info.size, info.mode, info.mtime = tarfile.XGLTYPE, len(record), 0o666, _MTIME
    info.uname = info.gname = "root"
    return info.tobuf(tarfile.USTAR_FORMAT, "ascii", "strict") + _padded(record)


def _file(name: str, data: bytes, mode: int = 0o664) -> bytes:
    return _header(name, size=len(data), mode=mode) + _padded(data)


def module_files(module: Module, release: Release) -> dict[str, tuple[int, bytes]]:
    """path -> (mode, content) below the top directory. A given release.files replaces the generated module.

    A text "-> TARGET" makes a symbolic link.
    """
    if release.files is not None:
        return {path: (LINK, text[3:].encode()) if text.startswith("-> ") else (0o664, text.encode())
                for path, text in release.files.items()}
    title = f"{module.repo} {release.tag}"
    files = {
        ".github/workflows/release.yml": (0o664, b"name: release\non: [push]\n"),
        ".gitignore": (0o664, b".terraform/\n*.tfstate\n"),
        "LICENSE": (0o664, b"Apache License 2.0\n\nThis text stands in for a licence.\n"),
        "README.md": (0o664, f"# {title}\n\nA simulated module, seed {release.seed}.\n".encode()),
        "examples/complete/main.tf": (0o664, b'module "this" {\n  source = "../../"\n  name   = "example"\n}\n'),
        "main.tf": (0o664, f'# {title} #{release.seed}\nresource "terraform_data" "this" {{\n'
                           "  count = var.create ? 1 : 0\n  input = var.name\n}\n".encode()),
        "modules/child/main.tf": (0o664, b'variable "name" {\n  type    = string\n  default = "child"\n}\n'),
        "outputs.tf": (0o664, b'output "id" {\n  value = try(terraform_data.this[0].id, null)\n}\n'),
        "scripts/check.sh": (0o775, b"#!/bin/sh\nexec terraform validate\n"),
        "variables.tf": (0o664, b'variable "create" {\n  type    = bool\n  default = true\n}\n\n'
                                b'variable "name" {\n  type    = string\n  default = "example"\n}\n'),
        "versions.tf": (0o664, b'terraform {\n  required_version = ">= 1.4"\n}\n'),
    }
    if release.size:
        files["assets/padding.bin"] = (0o664, random.Random(f"{title} {release.seed}").randbytes(release.size))
    return files


def _tree(top: str, files: dict[str, tuple[int, bytes]]) -> Iterator[bytes]:
    """Directories before their content, in git's order."""
    yield _header(top + "/", tarfile.DIRTYPE, mode=0o775)
    seen: set[str] = set()
    for path in sorted(files):
        parts = path.split("/")[:-1]
        for depth in range(1, len(parts) + 1):
            folder = "/".join(parts[:depth])
            if folder not in seen:
                seen.add(folder)
                yield _header(f"{top}/{folder}/", tarfile.DIRTYPE, mode=0o775)
        mode, data = files[path]
        if mode == LINK:
            yield _header(f"{top}/{path}", tarfile.SYMTYPE, mode=0o777, link=data.decode())
            continue
        yield _file(f"{top}/{path}", data, mode)


def _zeros(size: int) -> Iterator[bytes]:
    chunk = bytes(1 << 20)
    while size > 0:
        part = chunk[:min(size, len(chunk))]
        size -= len(part)
        yield part


def _many(top: str, count: int) -> Iterator[bytes]:
    for index in range(count):
        yield _header(f"{top}/many/{index:07d}")


def _hostile(kind: str, top: str, size: int) -> Iterator[bytes]:
    """What the hostile archive has beyond an honest module."""
    evil = b"this must not be written\n"
    if kind == "traversal":
        yield _file(f"{top}/modules/../../../escaped.tf", evil)
    elif kind == "absolute":
        yield _file("/tmp/escaped.tf", evil)
    elif kind == "symlink-out":
        yield _header(f"{top}/modules/outside", tarfile.SYMTYPE, mode=0o777, link="../../../etc/passwd")
    elif kind == "symlink-absolute":
        yield _header(f"{top}/outside", tarfile.SYMTYPE, mode=0o777, link="/etc/passwd")
    elif kind == "symlink-through":
        yield _header(f"{top}/gate", tarfile.SYMTYPE, mode=0o777, link="../../..")
        yield _file(f"{top}/gate/escaped.tf", evil)
    elif kind == "hardlink-out":
        yield _header(f"{top}/outside", tarfile.LNKTYPE, link="../../etc/passwd")
    elif kind == "device":
        yield _header(f"{top}/null", tarfile.CHRTYPE, mode=0o666, device=(1, 3))
    elif kind == "fifo":
        yield _header(f"{top}/pipe", tarfile.FIFOTYPE, mode=0o666)
    elif kind == "duplicate":
        yield _file(f"{top}/main.tf", evil)
    elif kind == "bomb":
        yield _header(f"{top}/zeros.bin", size=size or _BOMB_DEFAULT)
        yield from _zeros((size or _BOMB_DEFAULT) + -(size or _BOMB_DEFAULT) % _BLOCK)
    elif kind == "entries":
        yield from _many(top, size or _ENTRIES_DEFAULT)
    elif kind == "deep":
        yield _file(f"{top}/{'d/' * 2000}main.tf", evil)
    elif kind == "newline":
        yield _file(f"{top}/two\nlines.tf", evil)
    elif kind == "two-tops":
        yield _file("another-top/main.tf", evil)


def _members(module: Module, release: Release, top: str) -> Iterator[bytes]:
    kind = release.hostile
    if kind == "bad-commit":
        yield _global_header("../../" + "z" * 34)
    elif kind != "no-commit":
        yield _global_header(module.commit(release))
    if kind != "empty":
        files = module_files(module, release)
        if kind in ("bomb", "entries"):
            files.pop("assets/padding.bin", None)       # here size means the bomb's
        yield from _tree(top, files)
        yield from _hostile(kind, top, release.size)
    yield bytes(2 * _BLOCK)


class _Gzip:
    """gzip without name and time, as `git archive | gzip -n` gives. Long runs of zeros are deflated only once."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._machine = zlib.compressobj(6, zlib.DEFLATED, -15)
        self._crc = self._size = 0
        self._zeros = b""
        out.write(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03")

    def write(self, data: bytes) -> None:
        self._crc = zlib.crc32(data, self._crc)
        self._size += len(data)
        if len(data) == 1 << 20 and not any(data[:64]) and data.count(0) == len(data):
            self._out.write(self._machine.flush(zlib.Z_FULL_FLUSH))
            if not self._zeros:
                machine = zlib.compressobj(9, zlib.DEFLATED, -15)
                self._zeros = machine.compress(data) + machine.flush(zlib.Z_FULL_FLUSH)
            self._out.write(self._zeros)
        else:
            self._out.write(self._machine.compress(data))

    def close(self) -> None:
        self._out.write(self._machine.flush() + self._crc.to_bytes(4, "little")
                        + (self._size & 0xFFFFFFFF).to_bytes(4, "little"))


def make_archive(out: BinaryIO, module: Module, release: Release, top: str) -> str:
    """Writes the tar.gz and returns the h1: of the tree without its top directory; empty for links and hostile ones."""
    if release.hostile == "not-gzip":
        out.write(b"<!DOCTYPE html><html><body>This is not an archive.</body></html>\n")
        return ""
    if release.hostile == "truncated":
        whole = io.BytesIO()
        _compress(whole, module, release, top)
        out.write(whole.getvalue()[:len(whole.getvalue()) // 2])
        return ""
    _compress(out, module, release, top)
    if release.hostile:
        return ""
    files = module_files(module, release)
    if any(mode == LINK for mode, _ in files.values()):
        return ""
    return tree_hash((path, hashlib.sha256(data).hexdigest()) for path, (_, data) in files.items())


def _compress(out: BinaryIO, module: Module, release: Release, top: str) -> None:
    gzip = _Gzip(out)
    for part in _members(module, release, top):
        gzip.write(part)
    gzip.close()
