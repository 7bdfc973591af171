"""Runs one part of the tests inside the development root, for tests/run: parts.py PART BUILDS-DIRECTORY.

Appends `ok NAME`, `not ok NAME` or `skip NAME: REASON` to BUILDS-DIRECTORY/result for each test and prints what did
not pass with the end of its output.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree

TREE = pathlib.Path(__file__).resolve().parent.parent
BUILDS = pathlib.Path(sys.argv[2])
TAIL = 40  # lines of a failure's output
FINDING = re.compile(r":\d+:\d+: (error|warning): ")

os.environ.setdefault("ASAN_OPTIONS", "strict_string_checks=1:detect_stack_use_after_return=1")
os.environ.setdefault("UBSAN_OPTIONS", "halt_on_error=1:print_stacktrace=1")


def report(verdict, name, text=""):
    """One result; the reason of a skip stands on its line, the end of a failure's output below it."""
    name = " ".join(name.split())
    line = f"{verdict} {name}"
    if verdict == "skip":
        line += ": " + (" ".join(text.split()) or "no reason given")
    with open(BUILDS / "result", "a", encoding="utf-8") as file:
        print(line, file=file)
    if verdict != "ok":
        print(line)
    if verdict == "not ok" and text:
        print("\n".join("    " + row for row in text.rstrip().splitlines()[-TAIL:]))
    sys.stdout.flush()
    return verdict != "not ok"


def run(name, *command, **environment):
    """A command whose success is a test by itself."""
    result = subprocess.run(
        command,
        cwd=TREE,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    return report("ok" if result.returncode == 0 else "not ok", name, result.stdout)


def compile_with(name, directory, *options, **environment):
    """Sets the build directory up, again if its last set-up failed, and compiles."""
    if not (directory / "build.ninja").exists():
        setup = ["meson", "setup", "--werror", *options, str(directory), str(TREE)]
        if directory.exists():
            setup.insert(2, "--wipe")
        if not run(f"{name}: meson setup", *setup, **environment):
            return False
    return run(f"{name}: compile", "ninja", "-C", str(directory))


def build():
    return compile_with("gcc", BUILDS / "dev", "-Db_sanitize=address,undefined", "-Dbuildtype=debugoptimized")


def built():
    """The development build, for the parts that use it: made when it is missing, brought up to date otherwise."""
    directory = BUILDS / "dev"
    if not (directory / "build.ninja").exists():
        return build()
    up_to_date = subprocess.run(["ninja", "-C", directory], stdout=subprocess.PIPE, encoding="utf-8", check=False)
    return up_to_date.returncode == 0 or report("not ok", "gcc: compile", up_to_date.stdout)


def unit():
    if not built():
        return
    log = BUILDS / "dev/meson-logs/testlog.json"
    log.unlink(missing_ok=True)
    subprocess.run(
        ["meson", "test", "-C", BUILDS / "dev", "--no-rebuild", "--quiet", "--timeout-multiplier", "3"],
        stdout=subprocess.DEVNULL,
        check=False,
    )
    tests = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    for test in tests:
        output = test.get("stdout", "") + test.get("stderr", "")
        if test["result"] in ("OK", "EXPECTEDFAIL"):
            report("ok", test["name"])
        elif test["result"] == "SKIP":
            reasons = [row.split("SKIP:", 1)[1] for row in output.splitlines() if "SKIP:" in row]
            report("skip", test["name"], "; ".join(reasons))
        else:
            report("not ok", test["name"], f"{test['result']}\n{output}")
    if not tests:
        report("not ok", "unit: no test ran")


def pytest(part, *arguments):
    """A directory of Python tests; its results are read from the JUnit file that pytest writes."""
    junit = BUILDS / f"{part}.xml"
    junit.unlink(missing_ok=True)
    process = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rN", "--no-header", "--tb=short"]
        + ["--timeout=300", f"--junitxml={junit}", "-o", "junit_family=xunit2", *arguments],
        cwd=TREE,
        env=os.environ | {"OPENDEPOT_BUILD": str(BUILDS / "dev")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    cases = list(xml.etree.ElementTree.parse(junit).iter("testcase")) if junit.exists() else []
    for case in cases:
        name = f"{part}: {case.get('classname', '').rpartition('.')[2]} {case.get('name')}"
        failure = case.find("failure") if case.find("failure") is not None else case.find("error")
        skipped = case.find("skipped")
        if failure is not None:
            report("not ok", name, (failure.text or "") + "\n" + failure.get("message", ""))
        elif skipped is not None:
            report("skip", name, skipped.get("message", ""))
        else:
            report("ok", name)
    # 0 and 1: all passed, some failed; anything else (a crash, no test collected) is not a verdict.
    if process.returncode not in (0, 1) or not cases:
        report("not ok", f"{part}: pytest ended with status {process.returncode}", process.stdout)


def source():
    pytest("source", "-nauto", "tests/source")


def simulator():
    pytest("simulator", "tests/simulator")


def e2e():
    if built():
        pytest("e2e", "-nauto", "tests/e2e")


def clang():
    directory = BUILDS / "clang"
    if not compile_with("clang", directory, "-Dbuildtype=debugoptimized", CC="clang", CC_LD="lld"):
        return
    # run-clang-tidy names each file and the number of warnings in system headers besides; a finding has a place.
    tidy = subprocess.run(
        ["run-clang-tidy", "-quiet", "-p", directory],
        cwd=TREE,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    lines = tidy.stdout.splitlines()
    findings = sorted({os.path.normpath(directory / row) for row in lines if FINDING.search(row)})
    if tidy.returncode == 0 and not findings:
        report("ok", "clang-tidy")
    else:
        report("not ok", "clang-tidy", "\n".join(findings or lines))


PARTS = {part.__name__: part for part in (build, source, unit, simulator, e2e, clang)}

if __name__ == "__main__":
    PARTS[sys.argv[1]]()
