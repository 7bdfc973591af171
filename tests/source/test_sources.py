"""Properties of the source files themselves."""

import difflib
import pathlib
import re
import subprocess

import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]
C_FILES = sorted(
    path for top in ("daemon", "ctl", "registry", "tests") for path in (TREE / top).rglob("*.[ch]")
)
SCRIPTS = sorted(
    path
    for top in ("tests", "packaging", ".ci")
    for path in (TREE / top).rglob("*")
    if path.is_file() and not path.suffix and path.read_bytes().startswith((b"#!/usr/bin/env bash", b"# shellcheck"))
)
MANUALS = sorted((TREE / "man").glob("*.[1-8]"))

# Includes point one way: a directory may include its own rank and those before it.
RANKS = [
    {"base"},
    {"model"},
    {"config", "source", "plan", "fetch", "verify", "store", "publish", "scan", "worker", "database"},
    {"job"},
    {"manager"},
    {"varlink"},
]


def relative(path):
    return str(path.relative_to(TREE))


def each(paths):
    return pytest.mark.parametrize("path", paths, ids=[relative(path) for path in paths])


def run(*command):
    result = subprocess.run(
        command, cwd=TREE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", check=False
    )
    assert result.returncode == 0, result.stdout


def included(path):
    return re.findall(r'^#\s*include "([^"]+)"', path.read_text(), re.MULTILINE)


def rank(directory):
    return next((number for number, names in enumerate(RANKS) if directory in names), None)


def include_edges():
    """(file, including directory, included directory) for the daemon's files; its main.c may include all."""
    for path in (TREE / "daemon").rglob("*.[ch]"):
        directory = path.parent.relative_to(TREE / "daemon").parts[:1]
        for include in included(path):
            if directory and "/" in include:
                yield relative(path), directory[0], include.split("/")[0]


@each(C_FILES)
def test_format(path):
    formatted = subprocess.run(["clang-format", str(path)], stdout=subprocess.PIPE, encoding="utf-8", check=True).stdout
    difference = difflib.unified_diff(path.read_text().splitlines(), formatted.splitlines(), lineterm="", n=1)
    assert not (text := "\n".join(difference)), f"clang-format -i {relative(path)}\n{text}"


@each(SCRIPTS)
def test_shellcheck(path):
    run("shellcheck", "--external-sources", str(path))


@each(MANUALS)
def test_manual_page_has_no_warnings(path):
    result = subprocess.run(
        ["man", "--warnings", "--encoding=UTF-8", "--local-file", str(path)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env={"MANWIDTH": "80", "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_every_directory_of_the_daemon_has_a_rank():
    unknown = {source for _, source, _ in include_edges() if rank(source) is None}
    assert not unknown, f"say in RANKS where these stand: {unknown}"


def test_includes_point_one_way():
    wrong = [
        f"{path} includes {target}/…"
        for path, source, target in include_edges()
        if rank(target) is not None and rank(target) > rank(source)
    ]
    assert not wrong, "\n".join(wrong)


def test_includes_have_no_circles():
    edges = {}
    for _, source, target in include_edges():
        if source != target and rank(target) is not None:
            edges.setdefault(source, set()).add(target)
    # Take away what includes nothing that is left; a circle never goes.
    left = set(edges)
    while free := {source for source in left if not edges[source] & left}:
        left -= free
    assert not left, f"these include each other in a circle: { {name: edges[name] & left for name in left} }"


def test_included_files_are_named_from_the_top():
    wrong = [
        f"{relative(path)}: {include}"
        for path in C_FILES
        if relative(path).startswith("daemon/")
        for include in included(path)
        if include not in ("build-config.h", "config.h") and not (TREE / "daemon" / include).exists()
    ]
    assert not wrong, "\n".join(wrong)


def test_files_stay_readable():
    long = [
        f"{relative(path)}: {lines} lines"
        for path in C_FILES
        if (lines := path.read_text().count("\n")) > 800
    ]
    assert not long, "\n".join(long)
