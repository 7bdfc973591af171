"""opendepotctl on a terminal, and what comes from outside on its way there."""

import datetime
import json
import re

import pytest

from ctl_peer import (
    DEPOTS, FAILED, INTERFACE, NOT_FOUND, OK, PACKAGES, PLAN, REASON, STATUS, VERSIONS, Error, ctl, environment, event,
    on_terminal, outcome, package, screen, sync_events,
)


# What comes from outside


HOSTILE = "\x1b]0;title\x07\x1b[2Jfake\nline\r\x9b31m\u202egnp.exe\x7f"


def hostile(value):
    if isinstance(value, dict):
        return {key: hostile(each) for key, each in value.items()}
    if isinstance(value, list):
        return [hostile(each) for each in value]
    return value + HOSTILE if isinstance(value, str) else value


@pytest.mark.parametrize("json_mode", ["off", "short", "pretty"])
@pytest.mark.parametrize(
    "arguments",
    [["status"], ["list"], ["list", "--versions"], ["show", "a"], ["show", "a", "1"], ["plan"], ["reload"], ["sync"]]
    + [["sync", "--wait"]],
    ids=" ".join,
)
def test_nothing_from_outside_reaches_the_terminal(peer, arguments, json_mode):
    def types_kept(events):
        changed = hostile(events)
        for new, old in zip(changed, events, strict=True):
            new["event"]["type"] = old["event"]["type"]
        return changed

    peer.answers |= {
        "GetStatus": hostile({"status": STATUS}),
        "ListDepots": hostile({"depots": DEPOTS}),
        "ListPackages": hostile({"packages": PACKAGES}),
        "ListVersions": hostile({"versions": VERSIONS["hashicorp/aws"]}),
        "Reload": hostile({"problems": STATUS["problems"]}),
        "Plan": types_kept(PLAN),
        "Sync": types_kept(sync_events(3, [1])) if "--wait" in arguments else event("accepted", package=HOSTILE),
    }
    status, output = on_terminal(peer, *arguments, f"--json={json_mode}", "--color=never", columns=200)
    assert status == (FAILED if arguments in (["reload"], ["sync", "--wait"]) else OK)
    assert "title" in output or (arguments == ["sync"] and json_mode == "off")
    # The display of a sync moves the cursor; nothing else does.
    output = re.sub(r"\r(\x1b\[[0-9]+A)?\x1b\[J", "", output)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", output), repr(output)
    if json_mode == "off":
        assert "\u202e" not in output and "\t" not in output


def test_hostile_error(peer):
    peer.answers["ListPackages"] = Error(INTERFACE + "NoSuchDepot", depot=HOSTILE)
    result = ctl(peer, "list")
    assert result.returncode == NOT_FOUND
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", result.stderr)
    assert result.stderr.count("\n") == 1


def test_json_keeps_every_character(peer):
    peer.answers["ListPackages"] = {"packages": [package(HOSTILE, "current")]}
    assert json.loads(ctl(peer, "list", "-j").stdout)["packages"][0]["name"] == HOSTILE


# On a terminal


def width(text):
    return len(re.sub("\x1b\\[[0-9;]*m", "", text))


@pytest.mark.parametrize("columns", [70, 80, 100, 140, 300])
def test_tables_fit_the_terminal(peer, columns):
    for arguments in (["list"], ["list", "--versions"], ["show", "hashicorp/aws"]):
        status, output = on_terminal(peer, *arguments, columns=columns)
        assert status == OK
        table = [line for line in output.splitlines() if re.match(r"\S", line)]
        assert max(map(width, table)) <= columns, output
    # Where it is wide enough, all of the reason stands there.
    listed = on_terminal(peer, "list", columns=columns)[1]
    assert (REASON.strip() in listed) == (columns == 300)
    assert ("…" in listed) == (columns != 300)


def test_colours(peer):
    _, output = on_terminal(peer, "list")
    assert "\x1b[1;31mfailed\x1b[0m" in output
    assert "\x1b[32mcurrent\x1b[0m" in output
    assert "\x1b" not in on_terminal(peer, "list", "--color=never")[1]
    assert "\x1b" not in on_terminal(peer, "list", env=environment(NO_COLOR="1"))[1]
    assert "\x1b" not in on_terminal(peer, "list", env=environment(TERM="dumb"))[1]
    assert "\x1b[1;31mfailed\x1b[0m" in ctl(peer, "list", "--color=always").stdout


def test_terminal_without_unicode(peer):
    for arguments in (["status"], ["list"], ["list", "--versions"]):
        assert on_terminal(peer, *arguments, env=environment(LC_ALL="C"))[1].isascii()
    peer.answers["Sync"] = sync_events(5)
    peer.step = 0.02
    assert on_terminal(peer, "sync", "--wait", env=environment(LC_ALL="C"))[1].isascii()


def test_relative_times(peer):
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=12, seconds=30)
    failed = package("a/b", "failed", reason="x", nextTry=soon.strftime("%Y-%m-%dT%H:%M:%SZ"))
    peer.answers["ListPackages"] = {"packages": [failed]}
    assert "in 12min" in on_terminal(peer, "status")[1]
    assert "in 12min" not in ctl(peer, "status").stdout
    output = on_terminal(peer, "show", "a/b")[1]
    assert re.search(r"Next try: \w{3} \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC \(in 12min\)", output)


@pytest.mark.parametrize("columns", [40, 100])
def test_live_display(peer, columns):
    peer.answers["Sync"] = sync_events(20, [5])
    peer.step = 0.01
    status, output = on_terminal(peer, "sync", "--wait", columns=columns)
    assert status == FAILED
    assert re.search(r"\[.*\] \d+/20 v", output)
    assert "verifying" in output
    # Nothing of the block is wider than the terminal, which would wrap it and spoil the moving up.
    for block in re.findall(r"\x1b\[J([^\x1b]*)", output):
        for line in block.split("\n"):
            assert "/20 versions" not in line or width(line) < columns

    left = screen(output)
    assert not any("/20 v" in line or "fetching" in line for line in left), left
    assert sum(" published" in line for line in left) == 19
    assert sum(" failed: bad digest" in line for line in left) == 1
    assert left[-2].startswith("incomplete: 19 added")


def test_live_display_is_quiet_when_asked(peer):
    peer.answers["Sync"] = sync_events(5)
    peer.step = 0.02
    assert on_terminal(peer, "sync", "--wait", "-q") == (OK, "")


def test_live_display_of_very_many(peer):
    many = [event("version", package="a/b", version=f"1.{i}.0", state="fetching") for i in range(2000)]
    peer.answers["Sync"] = [event("accepted"), *many, event("progress"), event("done", outcome=outcome())]
    peer.step = 0.0003
    status, output = on_terminal(peer, "sync", "--wait", rows=10)
    assert status == OK
    assert re.search(r"and \d+ more", output)
    assert not any("fetching" in line for line in screen(output))
