"""Modules from tags, with a prefix, and from a directory of a repository."""

import zipfile

from daemon import module
from simulator.world import Module, Release, World
from test_github import prepare

NETWORK = {
    "modules/network/main.tf": "# network\n",
    "modules/network/README.md": "# Network\n",
    "modules/network/deep/x.tf": "# deep\n",
    "modules/network/shared.tf": "-> ../../shared/versions.tf",
    "shared/versions.tf": "# shared\n",
    "main.tf": "# root\n",
    "escape/all": "-> ../shared",
    "escape/main.tf": "# escape\n",
}


def mono(*tags, **more):
    return Module("acme", "mono", [Release(tag, release=False, files=NETWORK) for tag in tags], **more)


def entry(**more):
    return module("network", "acme", "aws", repoUrl="REPO", **more)


def start(daemon, upstream, described, **more):
    entries = [entry(**more) | {"repoUrl": upstream.endpoints["github_web"] + "/acme/mono"}]
    prepare(daemon, upstream, entries, World(modules=[described]))
    return daemon.start().settle() if daemon.process is None else daemon


def content(daemon, version):
    with zipfile.ZipFile(daemon.module_directory("network", "aws") / f"{version}.zip") as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_tags(daemon, upstream):
    """With and without v; a repository without releases has none otherwise, and a second poll is a conditional request."""
    start(daemon, upstream, mono("v1.0.0", "1.1.0", "nightly", "network-9.0.0"), source="tags")
    assert daemon.states("platform/network/aws") == {"1.0.0": "published", "1.1.0": "published"}
    assert daemon.versions("platform/network/aws")["1.1.0"]["tag"] == "1.1.0"
    assert daemon.packages()["platform/network/aws"]["source"] == "github:acme/mono?tags"
    upstream.reset()
    daemon.sync()
    assert [(r["path"], r["status"]) for r in upstream.requests("github_api")] == [("/repos/acme/mono/tags?per_page=100", 304)]


def test_releases_are_the_default(daemon, upstream):
    start(daemon, upstream, mono("v1.0.0"))
    assert daemon.states("platform/network/aws") == {}


def test_prefix_and_subdirectory(daemon, upstream):
    """Only what is below the directory is there; a link to a file beside it is that file."""
    tags = ("network/v1.0.0", "network/1.1.0", "other/v7.0.0", "v8.0.0")
    start(daemon, upstream, mono(*tags), source="tags", tagPrefix="network/", subdirectory="modules/network")
    assert daemon.states("platform/network/aws") == {"1.0.0": "published", "1.1.0": "published"}
    assert daemon.packages()["platform/network/aws"]["source"] == "github:acme/mono//modules/network?tags=network/"
    assert content(daemon, "1.0.0") == {
        "README.md": "# Network\n", "deep/x.tf": "# deep\n", "main.tf": "# network\n", "shared.tf": "# shared\n",
    }
    assert (daemon.module_directory("network", "aws") / "1.0.0.README.md").read_text() == "# Network\n"


def test_prefix_of_releases(daemon, upstream):
    described = Module("acme", "mono", [Release("net-v1.0.0"), Release("dns-v2.0.0"), Release("v3.0.0")])
    start(daemon, upstream, described, tagPrefix="net-")
    assert daemon.states("platform/network/aws") == {"1.0.0": "published"}
    # What was listed is kept over a restart, which cleans up.
    daemon.stop()
    daemon.start().settle()
    upstream.reset()
    daemon.sync()
    assert [r["status"] for r in upstream.requests("github_api")] == [304]


def test_subdirectories_that_are_none(daemon, upstream):
    for directory, words in (
        ("modules/missing", "no files in the directory modules/missing"),
        ("modules/net", "no files in the directory modules/net"),
        ("main.tf", "no files in the directory main.tf"),
        ("escape", "escape/all: symbolic link to ../shared leads out of the subdirectory"),
    ):
        start(daemon, upstream, mono("v1.0.0"), source="tags", subdirectory=directory)
        version = daemon.versions("platform/network/aws")["1.0.0"]
        assert version["state"] == "failed" and words in version["reason"]
        daemon.remove_depot("demo")
        daemon.stop()
        (daemon.state / "state.json").unlink()


def test_words_that_are_wrong(daemon, upstream):
    start(daemon, upstream, mono("v1.0.0"), source="tags")
    for key, value in (("source", "branches"), ("tagPrefix", "../"), ("tagPrefix", "a b"), ("subdirectory", "../x"),
                       ("subdirectory", "/x"), ("subdirectory", "a//b")):
        daemon.write_depot("wrong", modules=[module("network", "acme", "gcp", **{key: value})])
        result = daemon.run("verify-config", str(daemon.configuration / "conf.d/wrong.yaml"))
        assert result.returncode != 0 and f"'{key}' must be" in result.stdout + result.stderr
