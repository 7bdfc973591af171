"""A download that was interrupted goes on where it stopped, and what comes of it is what upstream has signed."""

import json
import re
import signal

import pytest

from daemon import provider
from setting import wait_for
from simulator.world import Provider, ProviderVersion, World
from store_check import check

SIZE = 6_000_000
STOP = 3_000_000
PIECE = 128 * 1024  # what has arrived may wait in memory until there is so much of it
ZIP = "terraform-provider-null_1.0.0_linux_amd64.zip"
FAULT = re.escape(ZIP)


def world(**more):
    return World(providers=[Provider("null", versions=[ProviderVersion("1.0.0", ["linux_amd64"], SIZE, **more)])])


def parts(daemon):
    """The sizes of what has been fetched in part."""
    return [path.stat().st_size for path in (daemon.store / ".staging").glob("*.part")]


def prepare(daemon, upstream):
    upstream.replace(world())
    # A stall is to outlast the test, not to end the transfer.
    daemon.configure(network={"stallTimeout": "60s"})
    daemon.write_depot(
        "demo", providers=[provider("null", None, (("linux",), ("amd64",)))], pollingIntervalMinutes=60
    )


def interrupt(daemon, upstream, end, fault="stall"):
    """Starts and ends it in the middle of the download; returns how many bytes are there."""
    prepare(daemon, upstream)
    rule = {"bytes": STOP} if fault == "stall" else {"bytes_per_second": 4_000_000}
    upstream.add_fault(fault, path=FAULT, **rule)
    daemon.start()
    wait_for(lambda: sum(parts(daemon)) >= (STOP - PIECE if fault == "stall" else 1_000_000), 30, "half of the file")
    if end == signal.SIGKILL:
        daemon.kill()
    else:
        daemon.stop()
    upstream.clear_faults()
    assert list((daemon.store / ".staging").glob("*.meta"))
    assert not [file for file in daemon.files() if file.endswith(".zip")]
    upstream.reset()
    return parts(daemon)[0]


def finish(daemon, upstream):
    """Starts again; returns the requests for the file. What is in the store then is right and nothing else is left."""
    daemon.start().settle()
    check_published(daemon, upstream)
    return upstream.requests("hashicorp_releases", ZIP)


def check_published(daemon, upstream):
    signed = next(one for one in upstream.artifacts()["providers"] if one["path"].endswith(ZIP))
    assert check(daemon.store) == {"null": {"1.0.0": ["linux_amd64"]}}
    artifact = daemon.versions("hashicorp/null")["1.0.0"]["artifacts"][0]
    assert {key: artifact[key] for key in ("size", "sha256", "h1")} == {
        key: signed[key] for key in ("size", "sha256", "h1")
    }
    assert not list((daemon.store / ".staging").iterdir())


def size_upstream(upstream):
    return next(one["size"] for one in upstream.artifacts()["providers"] if one["path"].endswith(ZIP))


@pytest.mark.parametrize("fault", ["stall", "slow"])
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_download_goes_on_after_a_restart(daemon, upstream, end, fault):
    there = interrupt(daemon, upstream, end, fault)
    assert 0 < there < size_upstream(upstream)
    (request,) = finish(daemon, upstream)
    assert (request["status"], request["bytes"]) == (206, size_upstream(upstream) - there)
    assert request["headers"]["range"] == f"bytes={there}-"
    assert request["headers"]["if-range"].startswith('"')


def test_download_goes_on_after_two_interruptions(daemon, upstream):
    first = interrupt(daemon, upstream, signal.SIGKILL)
    upstream.add_fault("stall", path=FAULT, bytes=1_000_000)
    daemon.start()
    wait_for(lambda: parts(daemon)[0] >= first + 1_000_000 - PIECE, 30, "more of the file")
    daemon.kill()
    upstream.clear_faults()
    upstream.reset()
    there = parts(daemon)[0]
    (request,) = finish(daemon, upstream)
    assert (request["status"], request["headers"]["range"]) == (206, f"bytes={there}-")


def test_other_file_is_fetched_whole(daemon, upstream):
    """Another ETag, and other signed sums: the server answers 200, and what was there is of no use."""
    interrupt(daemon, upstream, signal.SIGKILL)
    upstream.replace(world(seed=1))
    (request,) = finish(daemon, upstream)
    assert "range" in request["headers"]
    assert (request["status"], request["bytes"]) == (200, size_upstream(upstream))


def test_other_etag_of_the_same_bytes(daemon, upstream):
    there = interrupt(daemon, upstream, signal.SIGKILL)
    (meta,) = (daemon.store / ".staging").glob("*.meta")
    meta.write_text(json.dumps(json.loads(meta.read_text()) | {"etag": '"another"'}))
    (request,) = finish(daemon, upstream)
    assert request["headers"]["if-range"] == '"another"' and request["headers"]["range"] == f"bytes={there}-"
    assert (request["status"], request["bytes"]) == (200, size_upstream(upstream))


def test_server_without_ranges(daemon, upstream):
    interrupt(daemon, upstream, signal.SIGKILL)
    upstream.add_fault("no-range", path=FAULT)
    (request,) = finish(daemon, upstream)
    assert (request["status"], request["bytes"]) == (200, size_upstream(upstream))


@pytest.mark.parametrize("restarted", [True, False])
def test_server_that_continues_elsewhere(daemon, upstream, restarted):
    """A wrong Content-Range is not believed, and the file fetched whole, in the same sync."""
    if restarted:
        interrupt(daemon, upstream, signal.SIGTERM)
    else:
        prepare(daemon, upstream)
        upstream.add_fault("reset", path=FAULT, bytes=STOP, times=1)
    upstream.add_fault("corrupt-range", path=FAULT)
    requests = finish(daemon, upstream)
    assert [request["status"] for request in requests][-2:] == [206, 200]
    assert "range" not in requests[-1]["headers"]


def test_damage_on_disk_is_not_believed(daemon, upstream):
    """A file that does not add up after it was continued is fetched whole before anybody is blamed."""
    there = interrupt(daemon, upstream, signal.SIGKILL)
    (part,) = (daemon.store / ".staging").glob("*.part")
    with open(part, "r+b") as file:
        file.seek(there // 2)
        file.write(bytes(4096))
    requests = finish(daemon, upstream)
    assert [request["status"] for request in requests] == [206, 200]
    assert "SHA256SUMS lists" not in daemon.text()


@pytest.mark.parametrize("name", ["meta", "part"])
def test_half_of_what_is_needed_to_go_on(daemon, upstream, name):
    """Without the file, or without what belongs to it, the other is of no use."""
    interrupt(daemon, upstream, signal.SIGKILL)
    (path,) = (daemon.store / ".staging").glob(f"*.{name}")
    path.unlink()
    (request,) = finish(daemon, upstream)
    assert "range" not in request["headers"]
    assert (request["status"], request["bytes"]) == (200, size_upstream(upstream))


@pytest.mark.parametrize("fault", ["reset", "truncate"])
def test_connection_that_breaks_is_continued_at_once(daemon, upstream, fault):
    prepare(daemon, upstream)
    upstream.add_fault(fault, path=FAULT, bytes=STOP, times=1)
    first, second = finish(daemon, upstream)
    assert (first["status"], first["bytes"]) == (200, STOP)
    assert (second["status"], second["headers"]["range"]) == (206, f"bytes={STOP}-")
    assert second["bytes"] == size_upstream(upstream) - STOP
