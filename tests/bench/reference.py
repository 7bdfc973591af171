"""The same work with the tools that everybody has."""

import os
import pathlib
import shlex
import shutil
import subprocess
import time

# Everything after curl, in the directory with the zips: one line in `sums` for each.
CHECK_NOTHING = "ls | grep '[.]zip$' >sums"
CHECK_FILES = "find . -name '*.zip' -print0 | xargs -0 openssl dgst -sha256 >sums && sync"
CHECK_CONTENT = (
    "find . -name '*.zip' -print0 | xargs -0 -P2 -I{} sh -c 'unzip -p {} | openssl dgst -sha256' >sums && sync"
)


def timed(command, **options):
    """Seconds that the command took; RuntimeError with its last words when it fails."""
    before = time.monotonic()
    result = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
        **options,
    )
    seconds = time.monotonic() - before
    if result.returncode != 0:
        raise RuntimeError(f"{command}: exit status {result.returncode}\n{result.stdout[-2000:]}")
    return seconds


def fetch_and_check(directory, endpoints, artifacts, check):
    """curl with eight transfers at once, then the digests, then sync(1)."""
    directory.mkdir()
    base = endpoints["hashicorp_releases"]
    lines = []
    for artifact in artifacts:
        lines += [f'url = "{base}{artifact["path"]}"', f'output = "{pathlib.Path(artifact["path"]).name}"']
    (directory / "urls").write_text("\n".join(lines) + "\n")
    ca = shlex.quote(endpoints["ca"])
    script = f"curl --silent --show-error --fail --parallel --parallel-max 8 --cacert {ca} --config urls && {check}"
    seconds = timed(["sh", "-c", script], cwd=directory)
    if len((directory / "sums").read_text().splitlines()) != len(artifacts):
        raise RuntimeError("the reference has not checked every zip")
    return seconds


def have_terraform():
    return shutil.which("terraform") is not None


def mirror(directory, upstream, platforms):
    """`terraform providers mirror` of everything in the world."""
    (directory / "configuration").mkdir(parents=True)
    (directory / "mirror").mkdir()
    (directory / "configuration/main.tf").write_text(upstream.call("GET", "/terraform"))
    environment = os.environ | {
        "SSL_CERT_FILE": upstream.endpoints["ca"],
        "CHECKPOINT_DISABLE": "1",
        "HOME": str(directory),
    }
    words = [f"-platform={platform}" for platform in platforms]
    seconds = timed(
        ["terraform", "providers", "mirror", *words, str(directory / "mirror")],
        cwd=directory / "configuration",
        env=environment,
    )
    n_zips = sum(1 for _ in (directory / "mirror").rglob("*.zip"))
    return seconds, n_zips
