"""What opendepotctl shows: status, list, show and plan."""

import json
import re

from ctl_peer import (
    DEPOTS, FAILED, H1, INTERFACE, NOT_FOUND, OK, PACKAGES, PLAN, REASON, SHA256, STATUS, UNREACHABLE, VERSIONS, Error,
    ctl, event, on_terminal,
)


def test_status(peer):
    result = ctl(peer)
    assert (result.returncode, result.stderr) == (OK, "")
    for said in (
        "opendepotd 0.1.0",
        "40 published, 3 pending, 1 held, 2 failed",
        "3.0G received",
        "/etc/opendepot/conf.d/a.yaml:3:5: unknown key 'x'",
        "the one loaded before stays in force",
        "1 of 3 versions failed",
        REASON,
        "SHA256SUMS lists 9f3c…",
        "a finding",
    ):
        assert said.rstrip() in result.stdout
    assert "hashicorp/null" not in result.stdout
    assert "\x1b" not in result.stdout


def test_status_of_a_depot(peer):
    for arguments in (["status", "team"], ["status", "--depot=team"]):
        peer.requests.clear()
        assert ctl(peer, *arguments).returncode == OK
        asked = {r["method"].removeprefix(INTERFACE): r.get("parameters") for r in peer.requests}
        assert asked["ListDepots"] == asked["ListPackages"] == {"depot": "team"}


def test_status_without_depots(peer):
    peer.answers |= {"ListDepots": {"depots": []}, "ListPackages": {"packages": []}}
    result = ctl(peer, "status")
    assert result.returncode == OK
    assert "/etc/opendepot/conf.d" in result.stdout


def test_status_as_json(peer):
    answer = json.loads(ctl(peer, "status", "-j").stdout)
    assert answer == {"status": STATUS, "depots": DEPOTS, "packages": PACKAGES}


def test_list(peer):
    result = ctl(peer, "list", "--depot=team")
    assert peer.requests[0]["parameters"] == {"depot": "team"}
    rows = [line.split() for line in result.stdout.splitlines()]
    assert rows[0][:8] == ["PACKAGE", "KIND", "STATE", "LATEST", "PUBLISHED", "PENDING", "HELD", "FAILED"]
    assert rows[1][:9] == ["hashicorp/aws", "provider", "incomplete", "5.80.0", "40", "-", "1", "1", "team"]
    assert rows[2][:5] == ["hashicorp/null", "provider", "current", "3.2.3", "29"]
    assert rows[3][:4] == ["platform/terraform-aws-eks/aws", "module", "failed", "-"]
    without = ctl(peer, "list", "--depot=team", "--no-legend").stdout.splitlines()
    assert [line.split()[0] for line in without] == [row[0] for row in rows[1:]]


def test_list_versions(peer):
    # A package of two stores stands twice among the packages, but its versions come together.
    peer.answers["ListPackages"] = {"packages": [PACKAGES[0], PACKAGES[0], PACKAGES[1]]}
    result = ctl(peer, "list", "--versions", "--no-legend")
    rows = [line.split() for line in result.stdout.splitlines()]
    assert [row[1] for row in rows] == ["5.80.0", "5.79.0", "5.78.0", "3.2.3"]
    assert rows[0][:5] == ["hashicorp/aws", "5.80.0", "published", "260.0M", "linux_amd64,linux_arm64"]
    answer = json.loads(ctl(peer, "list", "--versions", "--json=pretty").stdout)
    assert answer == {"versions": VERSIONS["hashicorp/aws"] + VERSIONS["hashicorp/null"]}


def test_versions_come_in_slices(peer):
    aws = VERSIONS["hashicorp/aws"]
    peer.answers["ListPackages"] = {"packages": [PACKAGES[0]]}
    # The last one is empty where the listing has come to its end just before.
    peer.answers["ListVersions"] = [{"versions": aws[:2]}, {}, {"versions": aws[2:]}, {"versions": []}]
    for arguments in (["list", "--versions"], ["show", "hashicorp/aws"]):
        result = ctl(peer, "--json=short", *arguments)
        assert (result.returncode, json.loads(result.stdout)["versions"]) == (OK, aws)
    assert {request.get("more") for request in peer.requests if "ListVersions" in request["method"]} == {True}
    assert [number in ctl(peer, "status").stdout for number in ("5.80.0", "5.79.0", "5.78.0")] == [False, True, True]

    # What is cut short is not shown as if it were the whole.
    for end, status in ((None, UNREACHABLE), (Error(INTERFACE + "NoSuchPackage", package="hashicorp/aws"), NOT_FOUND)):
        peer.answers["ListVersions"] = [{"versions": aws[:2]}, end]
        result = ctl(peer, "show", "hashicorp/aws")
        assert (result.returncode, result.stdout, result.stderr.count("\n")) == (status, "", 1)


def test_show_package(peer):
    result = ctl(peer, "show", "hashicorp/aws")
    assert result.returncode == OK
    assert re.search(r"^ +State: incomplete$", result.stdout, re.MULTILINE)
    assert re.search(r"^5.79.0 +failed .*SHA256SUMS lists 9f3c…$", result.stdout, re.MULTILINE)


def test_show_version(peer):
    result = ctl(peer, "show", "hashicorp/aws", "5.80.0")
    assert result.returncode == OK
    assert result.stdout.count(SHA256) == result.stdout.count(H1) == 2
    assert "C874011F0AB405110D02105534365D9472D7468F" in result.stdout
    assert "Key expired: yes" in result.stdout
    assert "130.0M (136314880 bytes)" in result.stdout
    # On the narrowest terminal too nothing of a hash is cut off.
    assert on_terminal(peer, "show", "hashicorp/aws", "5.80.0", columns=20)[1].count(SHA256) == 2


def test_show_what_is_not_there(peer):
    assert ctl(peer, "show", "hashicorp/none").returncode == NOT_FOUND
    result = ctl(peer, "show", "hashicorp/aws", "9.9.9")
    assert (result.returncode, result.stdout) == (NOT_FOUND, "")
    assert "9.9.9" in result.stderr


def test_answers_of_the_wrong_shape(peer):
    """Shown as far as they are understood."""
    peer.answers |= {
        "GetStatus": {"status": {"version": 5, "versions": [], "problems": {"file": 1}}},
        "ListDepots": {"depots": [1, None, {"name": []}]},
        "ListPackages": {"packages": ["x", {"name": 1, "versions": 5, "depots": "x", "state": {}}]},
        "ListVersions": {"versions": [[], {"artifacts": [1, {"size": -1}]}]},
    }
    for arguments in (["status"], ["list"], ["list", "--versions"], ["show", "a/b"], ["show", "a/b", "1.0.0"]):
        assert ctl(peer, *arguments).returncode == OK
    peer.answers |= {"ListPackages": {}, "GetStatus": {}}
    assert ctl(peer, "list").returncode == OK
    assert ctl(peer, "status").returncode == OK


# Planning


def test_plan(peer):
    peer.answers["Plan"] = PLAN
    result = ctl(peer, "plan", "hashicorp/aws", "--depot=team")
    assert (result.returncode, result.stderr) == (OK, "")
    assert peer.requests[0]["parameters"] == {"package": "hashicorp/aws", "depot": "team"}
    assert peer.requests[0]["more"] is True
    rows = [line.split() for line in result.stdout.splitlines()]
    assert [row[:3] for row in rows[1:4]] == [
        ["hashicorp/aws", "5.81.0", "add"],
        ["hashicorp/aws", "5.79.0", "retry"],
        ["hashicorp/aws", "5.1.0", "prune"],
    ]
    assert result.stdout.endswith("1 package: 1 to add, 1 to retry, 1 to prune, 1 unchanged\n")
    assert "keep" in ctl(peer, "plan", "--all").stdout


def test_plan_with_a_package_that_failed(peer):
    peer.answers["Plan"] = [
        event("package", package="platform/vpc/aws", state="failed", reason="api.github.com: 404"),
        *PLAN,
    ]
    result = ctl(peer, "plan")
    assert result.returncode == FAILED
    assert re.search(r"^platform/vpc/aws .*failed .*api.github.com: 404$", result.stdout, re.MULTILINE)
    assert "1 could not be planned" in result.stdout


def test_plan_that_is_cut_off(peer):
    peer.answers["Plan"] = PLAN[:1]
    result = ctl(peer, "plan")
    assert result.returncode == FAILED
    assert "before it was complete" in result.stderr


def test_plan_as_json(peer):
    peer.answers["Plan"] = PLAN
    lines = ctl(peer, "plan", "--json=short").stdout.splitlines()
    assert [json.loads(line) for line in lines] == [each["event"] for each in PLAN]
