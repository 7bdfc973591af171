"""Command line of the simulator."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import threading
from pathlib import Path

from . import generators
from .control import make_control
from .simulation import ROLES, WRONG_CERTIFICATES, Simulation
from .world import World, WorldError


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Simulates the upstreams of a Terraform registry on loopback.")
    parser.add_argument("--directory", type=Path, required=True, metavar="DIR",
                        help="certificates, keys, content and endpoints.json; kept between runs")
    parser.add_argument("--world", type=Path, action="append", default=[], metavar="FILE",
                        help="a world description (JSON); may be given several times")
    parser.add_argument("--demo", action="store_true", help="publish the demo world")
    parser.add_argument("--bench", action="append", default=[], metavar="KIND[:N]",
                        help="publish a benchmark world: stored, go, huge, poll, fleet or long")
    parser.add_argument("--port-base", type=int, default=0, metavar="PORT",
                        help="first of ten consecutive ports; without it the kernel chooses")
    parser.add_argument("--host", default="localhost", help="name in URLs and certificates (default: localhost)")
    parser.add_argument("--address", default="127.0.0.1", help="address to listen on (default: loopback, with ::1)")
    parser.add_argument("--latency-ms", type=int, default=0, metavar="N", help="answer every request only after N ms")
    parser.add_argument("--generate-only", action="store_true", help="make the content, then exit")
    parser.add_argument("--watch-stdin", action="store_true", help="end when standard input reaches its end")
    options = parser.parse_args(arguments)
    if not 0 <= options.port_base <= 65500 or not 0 <= options.latency_ms <= 60_000:
        parser.error("--port-base or --latency-ms is out of range")
    return options


def make_world(options: argparse.Namespace) -> World:
    """Everything that the options name, one after the other."""
    world = World()
    if options.demo:
        world.extend(generators.demo())
    for text in options.bench:
        kind, _, count = text.partition(":")
        world.extend(generators.bench(kind, int(count) if count else 0))
    for path in options.world:
        given = World.load(path)
        world.extend(given)
        for name in ("rate_limit_anonymous", "rate_limit_authenticated", "after_inclusive"):
            setattr(world, name, getattr(given, name))
    world.check()
    return world


def _watch(stop: threading.Event) -> None:
    # Not through sys.stdin: its lock would still be held when the interpreter ends.
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    stop.set()


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    directory: Path = options.directory.absolute()
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "endpoints.json").unlink(missing_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        world = make_world(options)
        simulation = Simulation(directory, world, options.host, options.address, options.port_base, options.latency_ms)
    except (WorldError, ValueError, OSError, RuntimeError) as error:
        print(f"simulator: {error}", file=sys.stderr)
        return 1
    try:
        if options.generate_only:
            return 0
        port = options.port_base + len(ROLES) + len(WRONG_CERTIFICATES) if options.port_base else 0
        control = make_control(simulation, "127.0.0.1", port)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: simulation.stop.set())
        if options.watch_stdin:
            threading.Thread(target=_watch, args=(simulation.stop,), daemon=True).start()
        threading.Thread(target=control.serve_forever, daemon=True).start()
        simulation.write_endpoints(f"http://127.0.0.1:{control.server_address[1]}")
        print(json.dumps(simulation.endpoints), flush=True)
        simulation.stop.wait()
        return 0
    finally:
        simulation.close()
