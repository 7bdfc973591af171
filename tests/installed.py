"""What the tests of the installed system share: they run as root in it, one after the other."""

import json
import os
import pathlib
import re
import traceback

from setting import TREE, run

UNIT = "opendepot.service"
CONFIGURATION = pathlib.Path("/etc/opendepot")
STORE = pathlib.Path("/var/lib/opendepot/store")
SOCKET = "/run/opendepot/io.defdev.opendepot"

TESTS = []


class Skipped(Exception):
    """What the test needs is not here."""


def test(function):
    TESTS.append(function)
    return function


def systemctl(*arguments, check=True):
    return run("systemctl", *arguments, check=check).stdout.strip()


def show(name):
    return systemctl("show", "--value", f"--property={name}", UNIT)


def ctl(*arguments, user=None, check=True):
    prefix = ["runuser", "-u", user, "--"] if user else []
    return run(*prefix, "opendepotctl", *arguments, check=check)


def call(method, **parameters):
    """A method of the control interface as any varlink client calls it."""
    return json.loads(
        run("varlinkctl", "call", "--json=short", SOCKET, f"io.defdev.opendepot.{method}", json.dumps(parameters)).stdout
    )


def journal(*matches):
    """The daemon's entries, as dictionaries of their fields."""
    run("journalctl", "--sync")
    lines = run("journalctl", "--output=json", f"--unit={UNIT}", *matches).stdout.splitlines()
    return [json.loads(line) for line in lines]


def cursor():
    return re.search(r"cursor: (\S+)", run("journalctl", "--show-cursor", "-n0", "--quiet").stdout).group(1)


def write_depot(name, **spec):
    document = {
        "apiVersion": "opendepot.defdev.io/v1alpha1",
        "kind": "Depot",
        "metadata": {"name": name, "namespace": "platform"},
        "spec": spec,
    }
    (CONFIGURATION / f"conf.d/{name}.yaml").write_text(json.dumps(document))


def message_ids():
    text = (TREE / "daemon/base/message-id.h").read_text()
    return set(re.findall(r'"([0-9a-f]{32})"', text))


def run_tests(place, file):
    """Writes `ok NAME`, `skip NAME: REASON` or `not ok NAME` with the cause for each test, and last a line `end`. The tests
    stand in the order in which they run."""
    os.environ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    with open(file, "w", encoding="utf-8", buffering=1) as result:
        for function in TESTS:
            name = f"{place}: " + function.__name__.replace("_", " ")
            since = cursor()
            try:
                function()
                print(f"ok {name}", file=result)
            except Skipped as reason:
                print(f"skip {name}: {reason}", file=result)
            except Exception:  # pylint: disable=broad-exception-caught
                print(f"not ok {name}", file=result)
                log = run("journalctl", "--quiet", f"--after-cursor={since}", "--output=cat", check=False).stdout
                text = traceback.format_exc() + "\n".join(log.splitlines()[-25:])
                print("\n".join("    " + line for line in text.splitlines()), file=result)
        print("end", file=result)
