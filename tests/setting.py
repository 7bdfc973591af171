"""What the demo and the test of the installed system share."""

import json
import pathlib
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
