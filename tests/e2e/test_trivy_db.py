"""The vulnerability database: fetched by the real Trivy from a registry, put into use whole or not at all."""

import datetime
import json
import os
import shutil
import subprocess

import pytest
from daemon import BUILD
from oci import Registry

PROGRAM = BUILD / "daemon/opendepot-trivy-db"
TRIVY = shutil.which("trivy")


class Refresher:
    def __init__(self, directory, repository):
        self.directory, self.configuration = directory / "trivy", directory / "etc"
        (self.configuration / "conf.d").mkdir(parents=True)
        self.write_depot(True)
        self.configure(path=TRIVY, database={"repositories": [repository]})

    def configure(self, **scanner):
        (self.configuration / "opendepot.yaml").write_text(json.dumps({"scanner": scanner}))

    def write_depot(self, enabled):
        document = {
            "apiVersion": "opendepot.defdev.io/v1alpha1",
            "kind": "Depot",
            "metadata": {"name": "demo"},
            "spec": {"providerConfigs": [{"name": "aws", "scanning": {"enabled": enabled}}]},
        }
        (self.configuration / "conf.d/demo.yaml").write_text(json.dumps(document))

    def run(self, *options):
        return subprocess.run(
            [PROGRAM, f"--config-directory={self.configuration}", f"--database-directory={self.directory}", *options],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def in_use(self):
        return os.readlink(self.directory / "current")

    def names(self):
        return sorted(path.name for path in self.directory.iterdir())


@pytest.fixture
def registry(fixtures):
    with Registry() as running:
        yield running


@pytest.fixture
def refresher(tmp_path, registry):
    if TRIVY is None:
        pytest.skip("trivy is not installed (tests/peers)")
    return Refresher(tmp_path, registry.repository)


@pytest.fixture
def databases(fixtures, tmp_path):
    """The recorded ones as directories with the files; older() is a copy of the newer one of another time."""
    found = {path.name: path / "db" for path in (fixtures / "trivy/db").iterdir()}
    return [found["2026-10-01-empty"], found["2026-11-01"]]


def dated(database, directory, updated, following):
    """The database as if upstream had made it at another time."""
    shutil.copytree(database, directory)
    metadata = json.loads((database / "metadata.json").read_text())
    path = directory / "metadata.json"
    path.chmod(0o644)
    path.write_text(json.dumps(metadata | {"UpdatedAt": updated, "NextUpdate": following}))
    return directory


def test_a_newer_one_is_put_into_use(refresher, registry, databases):
    old, new = databases
    registry.publish(old)
    done = refresher.run()
    assert done.returncode == 0, done.stderr
    assert "The vulnerability database of 2026-10-01T00:00:00Z is in use" in done.stderr
    assert refresher.in_use() == "2026-10-01T00:00:00Z"
    assert (refresher.directory / "current/db/trivy.db").read_bytes() == (old / "trivy.db").read_bytes()

    registry.publish(new)
    done = refresher.run()
    assert done.returncode == 0, done.stderr
    assert refresher.in_use() == "2026-11-01T00:00:00Z"
    # The one before stays for a scan that has begun with it; nothing else does.
    assert refresher.names() == ["2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z", "current"]
    for path in (refresher.directory / "current/").rglob("*"):
        assert path.stat().st_mode & 0o444 == 0o444, f"workers cannot read {path}"


def test_the_same_one_is_nothing_new(refresher, registry, databases):
    registry.publish(databases[0])
    assert refresher.run().returncode == 0
    before = (refresher.directory / "current/db/trivy.db").stat().st_ino
    done = refresher.run()
    assert done.returncode == 0 and "Upstream has no newer database" in done.stderr
    assert (refresher.directory / "current/db/trivy.db").stat().st_ino == before


def test_nothing_is_fetched_before_the_next_one_is_made(refresher, registry, databases, tmp_path):
    tomorrow = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    registry.publish(dated(databases[1], tmp_path / "today", "2026-11-20T00:00:00Z", tomorrow))
    assert refresher.run().returncode == 0
    registry.requests.clear()
    done = refresher.run()
    assert done.returncode == 0 and f"the next one is made at {tomorrow}" in done.stderr
    assert registry.requests == []
    done = refresher.run("--force")
    assert done.returncode == 0 and "Upstream has no newer database" in done.stderr
    assert registry.requests


def test_nothing_is_fetched_that_nobody_wants(refresher, registry, databases):
    registry.publish(databases[0])
    refresher.write_depot(False)
    done = refresher.run()
    assert done.returncode == 0 and "no database is needed" in done.stderr
    assert registry.requests == []
    done = refresher.run("--force")
    assert done.returncode == 0 and refresher.in_use() == "2026-10-01T00:00:00Z"


def test_an_older_one_does_not_come_back(refresher, registry, databases):
    registry.publish(databases[1])
    assert refresher.run().returncode == 0
    registry.publish(databases[0])
    done = refresher.run()
    assert done.returncode == 1
    assert "it is of 2026-10-01T00:00:00Z, older than the one in use, of 2026-11-01T00:00:00Z" in done.stderr
    assert refresher.in_use() == "2026-11-01T00:00:00Z"


@pytest.mark.parametrize("fault", ["missing", "damaged"])
def test_what_cannot_be_fetched_leaves_the_one_in_use(refresher, registry, databases, fault):
    registry.publish(databases[0])
    assert refresher.run().returncode == 0
    registry.publish(databases[1])
    registry.fault = fault
    done = refresher.run()
    assert done.returncode == 1
    assert "could not fetch the database and ended with status 1; the database in use stays" in done.stderr
    assert refresher.in_use() == "2026-10-01T00:00:00Z"
    assert refresher.names() == ["2026-10-01T00:00:00Z", "current"]


def test_without_trivy_the_package_is_named(refresher, tmp_path):
    refresher.configure(path=str(tmp_path / "not-there"))
    done = refresher.run()
    assert done.returncode == 1
    assert "install the package trivy" in done.stderr


def test_an_interrupted_one_is_fetched_anew(refresher, registry, databases):
    """What a run that was killed has left is neither used nor in the way."""
    registry.publish(databases[1])
    left = refresher.directory / "incoming/cache/db"
    left.mkdir(parents=True)
    (left / "trivy.db").write_bytes(b"half of it")
    (refresher.directory / "2026-11-01T00:00:00Z/db").mkdir(parents=True)
    (refresher.directory / "current.new").symlink_to("nowhere")
    done = refresher.run()
    assert done.returncode == 0, done.stderr
    assert refresher.names() == ["2026-11-01T00:00:00Z", "current"]


@pytest.mark.parametrize(
    ("scanner", "problem"),
    [
        ({"path": "trivy"}, "'path' must be an absolute path"),
        ({"database": {"repositories": ["https://registry.example/trivy-db:2?x"]}}, "must be an OCI reference"),
        ({"database": {"maxAge": "1s"}}, "'maxAge' must be"),
        ({"databases": {}}, "unknown key 'databases'"),
    ],
)
def test_settings_that_are_wrong_are_named(refresher, scanner, problem):
    refresher.configure(**scanner)
    done = refresher.run()
    assert done.returncode == 1
    assert problem in done.stderr and "opendepot.yaml:1:" in done.stderr
