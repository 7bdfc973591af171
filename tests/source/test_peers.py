"""tests/peers/install with recipes and a go command of its own."""

import os
import pathlib
import shutil
import signal
import subprocess
import time

import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]
# Built by itself: `slow` seconds, then a program of one line.
RECIPE = """\
# shellcheck shell=bash
version={version}
build() {{
        echo begun >>"{log}"
        limited sleep {slow}
        printf '#!/bin/sh\\necho {says}\\n' >"$1/$name"
        chmod +x "$1/$name"
}}
check() {{
        [ "$(alone "$1")" = "{version}" ]
}}
"""
GO_RECIPE = """\
version=2.3.4
go_module=example.com/tool
go_package=cmd/tool
go_replace=('example.com/a v1.0.0 => example.com/b v1.0.1')
go_variables=(example.com/tool/version.number=2.3.4 example.com/tool/version.dev=no)
go_environment=(GOEXPERIMENT=jsonv2)
check() {
        [ "$(alone "$1" version)" = "tool 2.3.4" ]
}
"""
# Says what it was asked for, and puts a program where -o has it.
GO = """\
#!/bin/bash
mkdir -p "$GOCACHE" "$GOMODCACHE"
cat go.mod
printf 'argument %s\\n' "$@"
env | grep -E '^(CGO|GO)'
while [ "$1" != -o ]; do shift; done
printf '#!/bin/sh\\necho tool 2.3.4\\n' >"$2"
chmod +x "$2"
"""
BROKEN_GO = """\
#!/bin/sh
mkdir -p "$GOCACHE" "$GOMODCACHE"
echo 'go: downloading example.com/tool v2.3.4'
echo 'go: example.com/tool@v2.3.4: dial tcp: connection refused'
exit 1
"""


class Peers:
    """A copy of the scripts in a tree and with a cache of its own."""

    def __init__(self, directory):
        self.tree, self.cache, self.bin = directory / "tree", directory / "cache", directory / "bin"
        for name in ("root", "peers"):
            shutil.copytree(TREE / "tests" / name, self.tree / "tests" / name)
        self.recipes = self.tree / "tests/peers/recipes"
        self.bin.mkdir()
        self.log = directory / "log"
        self.log.touch()

    def recipe(self, name="thing", version="1.0", slow="0", says=None):
        text = RECIPE.format(version=version, slow=slow, says=says or version, log=self.log)
        (self.recipes / name).write_text(text)

    def go(self, text):
        (self.bin / "go").write_text(text)
        (self.bin / "go").chmod(0o755)

    def start(self, *names, minutes="20"):
        environment = {
            "PATH": f"{self.bin}:/usr/sbin:/usr/bin:/sbin:/bin",
            "OPENDEPOT_CACHE": str(self.cache),
            "OPENDEPOT_PEERS_MINUTES": minutes,
        }
        return subprocess.Popen(
            [self.tree / "tests/peers/install", *names],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            start_new_session=True,
        )

    def install(self, *names, status=0, **options):
        """The paths that it printed, and what it said."""
        process = self.start(*names, **options)
        output, errors = process.communicate(timeout=60)
        assert process.returncode == status, errors
        return output.splitlines(), errors

    def missing(self):
        return {path.name: path.read_text().strip() for path in (self.cache / "peers/missing").iterdir()}

    def directories(self):
        """Everything in the cache but what belongs to every call."""
        return {path.name for path in (self.cache / "peers").iterdir() if path.is_dir() and path.name != "missing"}


@pytest.fixture
def peers(tmp_path):
    return Peers(tmp_path)


def says(path):
    return subprocess.run([path], stdout=subprocess.PIPE, encoding="utf-8", check=True).stdout.strip()


def test_each_version_is_built_once(peers):
    peers.recipe(version="1.0")
    (first,), errors = peers.install("thing")
    assert says(first) == "1.0" and pathlib.Path(first).parent.name.startswith("thing-1.0-")
    assert "Building thing 1.0" in errors
    assert peers.install("thing") == ([first], "") and peers.log.read_text() == "begun\n"
    # A comment makes no difference, a version does.
    with open(peers.recipes / "thing", "a", encoding="utf-8") as file:
        file.write("# More words.\n")
    assert peers.install("thing") == ([first], "")
    peers.recipe(version="1.1")
    (second,), _ = peers.install("thing")
    assert (says(first), says(second)) == ("1.0", "1.1")
    assert len(peers.directories()) == 2 and peers.missing() == {}


def test_calls_at_the_same_time_build_once(peers):
    peers.recipe(slow="1")
    calls = [peers.start("thing") for _ in range(4)]
    paths = {call.communicate(timeout=60)[0] for call in calls}
    assert [call.returncode for call in calls] == [0] * 4
    assert len(paths) == 1 and says(paths.pop().strip()) == "1.0"
    assert peers.log.read_text() == "begun\n" and len(peers.directories()) == 1


def test_one_that_cannot_be_had_does_not_stop_the_others(peers):
    peers.recipe("liar", says="0.9")
    peers.recipe("thing")
    (path,), errors = peers.install("liar", "thing", status=1)
    assert says(path) == "1.0"
    reason = peers.missing()["liar"]
    assert "liar 1.0: was built and does not answer as this version" in reason and f"install: {reason}" in errors
    assert list(peers.missing()) == ["liar"]
    assert {name.split("-")[0] for name in peers.directories()} == {"thing"}
    # The reason goes with the cause.
    peers.recipe("liar")
    peers.install("liar")
    assert peers.missing() == {}


def test_what_was_killed_half_way_is_never_taken_for_complete(peers):
    peers.recipe(slow="30")
    process = peers.start("thing")
    end = time.monotonic() + 20
    while "begun" not in peers.log.read_text():
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=20)
    assert [name.split(".")[0] for name in peers.directories()] == ["new"]
    peers.recipe()
    (path,), _ = peers.install("thing")
    assert says(path) == "1.0" and peers.directories() == {pathlib.Path(path).parent.name}


def test_building_ends_when_its_time_is_over(peers):
    # The limit is one of minutes; the test's is one of seconds.
    script = peers.tree / "tests/peers/install"
    script.write_text(script.read_text().replace("minutes * 60", "minutes * 2"))
    peers.recipe("slow", slow="60")
    peers.recipe("thing")
    begun = time.monotonic()
    _, errors = peers.install("slow", "thing", status=1, minutes="1")
    assert time.monotonic() - begun < 30
    assert "slow 1.0: not complete within" in errors
    assert "thing 1.0: not tried" in peers.missing()["thing"]
    assert peers.directories() == set()
    peers.install("thing")


def test_go_program(peers):
    (peers.recipes / "tool").write_text(GO_RECIPE)
    peers.go(GO)
    (path,), _ = peers.install("tool")
    assert says(path) == "tool 2.3.4" and pathlib.Path(path).name == "tool"
    lines = (peers.cache / "peers/tool.log").read_text().splitlines()
    assert "require example.com/tool v2.3.4" in lines
    assert "replace example.com/a v1.0.0 => example.com/b v1.0.1" in lines
    arguments = [line.removeprefix("argument ") for line in lines if line.startswith("argument ")]
    linker = "-s -w -X example.com/tool/version.number=2.3.4 -X example.com/tool/version.dev=no"
    assert arguments[arguments.index("-ldflags") + 1] == linker
    assert arguments[0] == "build" and "-trimpath" in arguments and arguments[-1] == "example.com/tool/cmd/tool"
    assert peers.directories() == {pathlib.Path(path).parent.name}
    assert {"CGO_ENABLED=0", "GOEXPERIMENT=jsonv2", f"GOCACHE={peers.cache}/peers/go/build"} <= set(lines)


def test_go_that_is_missing_or_fails_is_the_reason(peers):
    (peers.recipes / "tool").write_text(GO_RECIPE)
    if not pathlib.Path("/usr/local/go/bin/go").exists():
        peers.install("tool", status=1)
        assert peers.missing() == {"tool": "tool 2.3.4: Go is not here to build it with"}
    peers.go(BROKEN_GO)
    peers.install("tool", status=1)
    reason = peers.missing()["tool"]
    assert "ended with status 1: go: example.com/tool@v2.3.4: dial tcp: connection refused" in reason
    # What it has fetched so far is there for the next try.
    assert peers.directories() == {"go"}


def test_unknown_names_are_refused(peers):
    for name in ("nothing", "../install", ""):
        _, errors = peers.install(name, status=1)
        assert f"no such peer: {name}" in errors and "tofu" in errors
    _, errors = peers.install(status=1)
    assert "usage" in errors


def test_each_recipe_names_its_version_and_its_check():
    for recipe in (TREE / "tests/peers/recipes").iterdir():
        command = f'. "{recipe}"; [ -n "$version" ] && declare -F check'
        subprocess.run(["bash", "-euc", command], stdout=subprocess.DEVNULL, check=True)
