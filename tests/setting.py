"""What the tests of the programs, the demo and the test of the installed system share."""

import json
import os
import pathlib
import shutil
import subprocess
import time

TREE = pathlib.Path(__file__).resolve().parent.parent


def wait_for(condition, seconds, what):
    """The first true value of condition(), looked at ten times a second."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(0.1)
    return value


def why_missing(program):
    """Why a program that tests talk to is not here, for the line of a skipped test; "" when it is."""
    if shutil.which(program):
        return ""
    if not (TREE / "tests/peers/recipes" / program).exists():
        return f"{program} is not on the PATH"
    reason = pathlib.Path(os.environ.get("OPENDEPOT_CACHE", "/var/cache/opendepot-dev"), "peers/missing", program)
    if reason.exists():
        return reason.read_text().strip()
    return f"{program} is not installed: tests/peers/install {program}"


def settings(endpoints, **more):
    """opendepot.yaml for the simulator's endpoints.json (itself JSON, which is YAML)."""
    key = {"namespace": "hashicorp", "fingerprint": endpoints["fingerprint"], "url": endpoints["keys_url"]}
    return json.dumps(
        {
            "upstream": {
                "github": {"apiUrl": endpoints["github_api"], "webUrl": endpoints["github_web"]},
                "hashicorp": {
                    "apiUrl": endpoints["hashicorp_api"],
                    "releasesUrl": endpoints["hashicorp_releases"],
                },
                "registries": [
                    {"host": host, "url": endpoints["registry"]}
                    for host in ("registry.terraform.io", "registry.opentofu.org", "registry.acme.example")
                ],
            },
            "network": {"caFile": endpoints["ca"]},
            "keys": [key],
        }
        | more,
        indent=2,
    )


def run(*command, check=True, **options):
    """A finished command with its output; RuntimeError with all of it when it fails."""
    result = subprocess.run(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        check=False,
        **options,
    )
    if check and result.returncode != 0:
        words = " ".join(map(str, command))
        raise RuntimeError(f"{words}: exit status {result.returncode}\n{result.stdout}{result.stderr}")
    return result
