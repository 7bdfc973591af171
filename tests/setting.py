"""What the demo and the test of the installed system share: the simulator as a process, and the settings that point at it."""

import json
import pathlib
import subprocess
import sys
import time

TREE = pathlib.Path(__file__).resolve().parent.parent
SIMULATOR = TREE / "tests/simulator/simulator.py"


def simulator_command(directory, *options):
    """The command that runs the simulator's demo world with its keys, certificates and endpoints.json in directory."""
    return [sys.executable, "-B", str(SIMULATOR), "--demo", "--directory", str(directory), *options]


def wait_for(condition, seconds, what):
    """The first true value of condition(), looked at ten times a second."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(0.1)
    return value


def endpoints(directory, seconds=60):
    """endpoints.json, which the simulator writes when it is ready."""
    path = pathlib.Path(directory) / "endpoints.json"
    wait_for(path.exists, seconds, "the simulator's endpoints.json")
    return json.loads(path.read_text())


def settings(endpoint, **more):
    """opendepot.yaml for these endpoints (JSON, which is YAML)."""
    return json.dumps(
        {
            "upstream": {
                "github": {"apiUrl": endpoint["github_api"], "webUrl": endpoint["github_web"]},
                "hashicorp": {
                    "apiUrl": endpoint["hashicorp_api"],
                    "releasesUrl": endpoint["hashicorp_releases"],
                },
            },
            "network": {"caFile": endpoint["ca_file"]},
            "keys": [
                {
                    "namespace": "hashicorp",
                    "fingerprint": endpoint["key_fingerprint"],
                    "url": endpoint["keys_url"],
                }
            ],
        }
        | more,
        indent=2,
    )


def run(*command, check=True, **options):
    """A command's standard output; its standard error too in the message of a failure."""
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
        raise RuntimeError(
            f"{' '.join(map(str, command))}: exit status {result.returncode}\n{result.stdout}{result.stderr}"
        )
    return result
