"""The units as systemd's own tools judge them."""

import pathlib
import subprocess

import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]
SERVICES = sorted((TREE / "units").glob("*.service.in"))


@pytest.fixture
def installed(tmp_path, request):
    """The unit as it would be installed, with programs that exist, and without the manual pages' lookup."""
    path = request.param
    text = path.read_text().replace("@libexecdir@", str(tmp_path / "lib"))
    (tmp_path / "lib").mkdir()
    for program in ("opendepotd", "opendepot-trivy-db"):
        (tmp_path / "lib" / program).symlink_to("/bin/true")
    lines = [line for line in text.splitlines() if not line.startswith("Documentation=")]
    unit = tmp_path / path.stem
    unit.write_text("\n".join(lines) + "\n")
    return unit


def run(*command):
    return subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", check=False
    )


@pytest.mark.parametrize("installed", SERVICES, ids=lambda path: path.name, indirect=True)
def test_verify(installed):
    result = run("systemd-analyze", "verify", "--man=no", str(installed))
    assert (result.returncode, result.stdout) == (0, "")


@pytest.mark.parametrize("installed", SERVICES, ids=lambda path: path.name, indirect=True)
def test_exposure(installed):
    """1.5 of 10; what is left is what the daemon needs: the network and files others may read."""
    result = run("systemd-analyze", "security", "--offline=yes", "--threshold=15", str(installed))
    assert result.returncode == 0, result.stdout


def test_users_and_directories(tmp_path):
    for place, file in (("sysusers.d", "opendepot.sysusers"), ("tmpfiles.d", "opendepot.tmpfiles")):
        directory = tmp_path / "usr/lib" / place
        directory.mkdir(parents=True)
        (directory / "opendepot.conf").write_text((TREE / "units" / file).read_text())
    (tmp_path / "etc").mkdir()
    result = run("systemd-sysusers", f"--root={tmp_path}")
    assert result.returncode == 0, result.stdout
    assert "opendepot:" in (tmp_path / "etc/passwd").read_text()
    result = run("systemd-tmpfiles", "--create", f"--root={tmp_path}")
    assert result.returncode == 0, result.stdout
    assert (tmp_path / "etc/opendepot/conf.d").is_dir()
