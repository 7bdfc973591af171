"""How long a worker takes until it is locked in and has its job; the part of figure 9."""

import json
import os
import socket
import time

from daemon import run_program
from report import Row, percentile

STARTS = 200
READY_MS_MAX = 10.0
WORKER_FD = 3  # daemon/worker/protocol.h
SANDBOX = {"no-new-privileges", "files", "tcp", "scope", "system-calls"}  # what a worker does by itself
PROBE = {
    "version": 1,
    "kind": "probe",
    "descriptors": [],
    "entriesMax": 1,
    "unpackedSizeMax": 1,
    "ratioMax": 1,
    "artifactSizeMax": 1,
}


def start_worker(program):
    """Seconds from before a worker is started until its report is there, and until it is known to have ended; the report.
    A probe reads nothing: what it reports is what it is locked in by."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        ours.send(json.dumps(PROBE).encode())
        actions = [
            (os.POSIX_SPAWN_DUP2, theirs.fileno(), WORKER_FD),
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        ]
        before = time.monotonic()
        process = os.posix_spawn(program, ["opendepot-worker"], {}, file_actions=actions)
        theirs.close()
        report = json.loads(ours.recv(1 << 16))
        ready = time.monotonic() - before
        _, status = os.waitpid(process, 0)
        if status != 0 or report["result"] != "ok":
            raise RuntimeError(f"the worker ended with wait status {status}: {report}")
        return ready, time.monotonic() - before, report


def figure_9(bench):
    program = str(bench.build / "daemon/opendepot-worker")
    layers = set(SANDBOX)
    ends = []

    def start_workers():
        started = [start_worker(program) for _ in range(STARTS)]
        ends.extend(end for _, end, _ in started)
        for _, _, report in started:
            layers.intersection_update(report["layers"])
        return percentile([ready for ready, _, _ in started], 99) * 1000

    def start_programs():
        return percentile([run_program(["/bin/true"]) for _ in range(STARTS)], 99) * 1000

    ours, theirs = bench.in_turn(start_workers, start_programs)
    note = f"{len(ends)} times; until it has ended, p50 {percentile(ends, 50) * 1000:.2f} ms"
    if missing := SANDBOX - layers:
        note += f"; THIS KERNEL DOES NOT HAVE: {', '.join(sorted(missing))}"
    name = "a worker's start until it is locked in and has done a job of nothing; /bin/true until its end, p99"
    bench.add(Row(9, name, "ms", ours, theirs, ours_max=READY_MS_MAX, note=note))
