"""Listings of packages with many versions come in slices, and nobody has to wait for their end."""

import datetime

import pytest

from daemon import module
from simulator.world import Module, Release, World
from varlink import Link, error_of

N_VERSIONS = 3000  # more than a socket holds, and than one answer does
SLICE_MAX = 256
PACKAGE = "platform/terraform-aws-vpc/aws"
NUMBERS = [f"1.{10_000 + i}.0" for i in range(N_VERSIONS)]


@pytest.fixture
def many(daemon, upstream):
    """All of them are too young: each has a state, and nothing was fetched."""
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    releases = [Release(f"v{number}", created=now, listed=True) for number in NUMBERS]
    upstream.replace(World(modules=[Module("acme", "terraform-aws-vpc", releases)]))
    daemon.write_depot("demo", modules=[module("terraform-aws-vpc", "acme", "aws", minimumReleaseAge="365d")])
    daemon.start().settle()
    assert daemon.packages()[PACKAGE]["versions"]["held"] == N_VERSIONS
    return daemon


def receive(link):
    """The versions of the next slice, and whether more follow."""
    message = link.receive()
    assert "error" not in message, message
    return message["parameters"]["versions"], message.get("continues", False)


def receive_rest(link):
    versions, more = [], True
    while more:
        found, more = receive(link)
        assert more or len(found) > 0
        versions += found
    return versions


def numbers(versions):
    return [version["version"] for version in versions]


def test_slices_are_the_whole(many):
    with Link(many.socket) as link:
        link.send("ListVersions", {"package": PACKAGE}, more=True)
        sizes, versions, more = [], [], True
        while more:
            found, more = receive(link)
            sizes.append(len(found))
            versions += found
        assert numbers(versions) == NUMBERS[::-1]
        assert sizes[:-1] == [SLICE_MAX] * (len(sizes) - 1) and 0 < sizes[-1] <= SLICE_MAX
        # The connection is good for more.
        for version in (NUMBERS[0], "v" + NUMBERS[-1]):
            link.send("ListVersions", {"package": PACKAGE, "version": version}, more=True)
            assert receive(link) == ([versions[-1] if version == NUMBERS[0] else versions[0]], False)


def test_what_is_too_long_for_one_answer_is_refused(many):
    with Link(many.socket) as link:
        assert error_of(link.call("ListVersions", package=PACKAGE)) == ("org.varlink.service.ExpectedMore", {})
        assert numbers(link.call("ListVersions", package=PACKAGE, version=NUMBERS[5])["parameters"]["versions"]) == [
            NUMBERS[5]
        ]


def test_the_program_shows_all(many):
    listed = many.ctl("list", "--versions")["versions"]
    assert numbers(listed) == NUMBERS[::-1]
    assert many.ctl("show", PACKAGE)["versions"] == listed
    shown = many.run("show", PACKAGE)
    assert shown.returncode == 0 and all(number in shown.stdout for number in (NUMBERS[0], NUMBERS[-1]))
    assert all(number in many.run("status").stdout for number in (NUMBERS[0], NUMBERS[-1]))


def test_others_are_answered_between_two_slices(many):
    """The listing cannot come to its end before it is read: what is unread is more than the socket holds."""
    with Link(many.socket) as listing, Link(many.socket) as other, Link(many.socket) as second:
        listing.send("ListVersions", {"package": PACKAGE}, more=True)
        second.send("ListVersions", {"package": PACKAGE}, more=True)
        versions, more = receive(listing)
        for _ in range(2):
            assert other.call("GetStatus")["parameters"]["status"]["packages"] == 1
            found, more = receive(listing)
            assert more
            versions += found
        assert numbers(versions + receive_rest(listing)) == NUMBERS[::-1]
        assert other.call("GetStatus")["parameters"]["status"]["packages"] == 1
        assert numbers(receive_rest(second)) == NUMBERS[::-1]


def test_a_slice_says_what_is_so_when_it_is_sent(many):
    """So it is made then, and not kept: the package goes while the listing is under way."""
    with Link(many.socket) as listing, Link(many.socket) as other:
        listing.send("ListVersions", {"package": PACKAGE}, more=True)
        versions, more = receive(listing)
        assert more
        many.remove_depot("demo")
        assert other.call("Reload")["parameters"] == {"problems": []}
        assert other.call("ListPackages")["parameters"] == {"packages": []}
        while more:
            found, more = receive(listing)
            versions += found
        assert numbers(versions) == NUMBERS[: -len(versions) - 1 : -1]
        assert SLICE_MAX <= len(versions) < N_VERSIONS
        assert error_of(listing.call("ListVersions", package=PACKAGE)) == ("NoSuchPackage", {"package": PACKAGE})


def test_who_does_not_wait_for_the_end_is_forgotten(many):
    for received in range(4):
        with Link(many.socket) as link:
            link.send("ListVersions", {"package": PACKAGE}, more=True)
            for _ in range(received):
                assert receive(link)[1]
    with Link(many.socket) as link:
        assert link.call("GetStatus")["parameters"]["status"]["packages"] == 1
        link.send("ListVersions", {"package": PACKAGE}, more=True)
        assert numbers(receive_rest(link)) == NUMBERS[::-1]
        # It ends while somebody is in the middle of a listing.
        link.send("ListVersions", {"package": PACKAGE}, more=True)
        assert receive(link)[1]
        many.stop()
