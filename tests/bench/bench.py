"""The figures of speed and memory, inside the development root; started by tests/bench/run.

Every repetition measures the daemon and its references one after the other, on fresh directories of the same disk,
after sync(1), from the same server on the same processors; the order changes from one repetition to the next. Three
numbers are min / median / max over the repetitions; a ratio is taken within one repetition, and its median decides.

The daemon's time runs from the start of the process, without any state, until it says over varlink that everything is
published, which it says only of what the disk has.
"""

import argparse
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

# pylint: disable=wrong-import-position
import fleet
import reference
import workers
from daemon import Daemon, run_program
from report import MIB, Row, percentile, print_row, print_table, write_json
from simulator.client import Simulator
from simulator.generators import BENCH_PLATFORMS

MEMORY_MAX = 32 * MIB
STATUS_MS_MAX = 10.0
PROGRAM_FACTOR_MAX = 2.0
FIGURES = {
    1: "cold sync of zips that do not compress, against curl, openssl and sync",
    2: "cold sync of zips shaped like real providers, against curl, unzip, openssl and sync, and terraform",
    3: "cold sync from a server that takes its time for every answer, against terraform",
    4: "peak memory of the daemon in 1 and 2, and with one artifact of 2 GiB",
    5: "an unchanged poll: requests, bytes and writes",
    6: "GetStatus and opendepotctl status during 1 and 2",
    7: "an unchanged poll of many packages, and of one with many versions: requests, processor time, memory",
    8: "the plan of a package with many versions",
    9: "the start of a worker: from nothing to locked in and ready",
}


class Bench:
    def __init__(self, arguments):
        self.arguments = arguments
        self.build = arguments.build
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="work.", dir=arguments.directory))
        self.rows = []
        self.upstream = None
        self.world = ""
        self.n = 0
        self.memory = {}

    # Set-up

    def use(self, world):
        """Starts the simulator with this world, unless it is the one that runs."""
        if world != self.world:
            self.close()
            count = getattr(self.arguments, world, None)
            argument = f"{world}:{count}" if count else world
            print(f"  (upstream: {argument})", flush=True)
            directory = self.arguments.directory / "upstream"
            self.upstream = Simulator(directory, arguments=["--bench", argument], timeout=600).start()
            self.world = world
            self.artifacts = self.upstream.artifacts()["providers"]
            self.depot = self.upstream.call("GET", "/depot")
            described = self.upstream.world()
            self.n_versions = sum(len(provider.versions) for provider in described.providers) + sum(
                len(module.releases) for module in described.modules
            )
            self.warm()
        self.upstream.reset()

    def warm(self):
        """The server has its files in memory before anybody is measured."""
        if self.artifacts:
            reference.fetch_and_check(self.fresh(), self.upstream.endpoints, self.artifacts, reference.CHECK_NOTHING)

    def close(self):
        if self.upstream is None:
            return
        errors = self.upstream.errors()
        self.upstream.stop()
        self.upstream = None
        if errors:
            raise RuntimeError(f"the simulator has made mistakes of its own: {errors[0]}")

    def fresh(self):
        """A name for a new directory; what was measured before is gone and the disk is quiet."""
        shutil.rmtree(self.work)
        self.work.mkdir()
        os.sync()
        self.n += 1
        return self.work / str(self.n)

    # What is measured

    def sync(self, watch=None):
        """Seconds of a cold sync. watch(daemon, connection) may look on until everything is published."""
        directory = self.fresh()
        directory.mkdir()
        with Daemon(self.build, directory, self.upstream.endpoints, self.depot) as daemon:
            before = time.monotonic()
            connection = daemon.start()
            if watch is None:
                daemon.wait_published(connection, self.n_versions)
            else:
                watch(daemon, connection)
            seconds = time.monotonic() - before
            memory = daemon.peak_memory()
            own, workers = daemon.processor_seconds()
            self.memory.setdefault(self.world, []).append(memory)
            connection.close()
            daemon.check_store(self.artifacts)
        print(
            f"    opendepot {seconds:.2f} s (processor: daemon {own:.2f} s, workers {workers:.2f} s; "
            f"at most {memory / MIB:.1f} MiB)",
            flush=True,
        )
        return seconds

    def curl(self, check):
        seconds = reference.fetch_and_check(self.fresh(), self.upstream.endpoints, self.artifacts, check)
        print(f"    curl and checks {seconds:.2f} s", flush=True)
        return seconds

    def terraform(self):
        seconds, n_zips = reference.mirror(self.fresh(), self.upstream, BENCH_PLATFORMS)
        if n_zips != len(self.artifacts):
            raise RuntimeError(f"terraform has mirrored {n_zips} of {len(self.artifacts)} zips")
        print(f"    terraform providers mirror {seconds:.2f} s", flush=True)
        return seconds

    def in_turn(self, *measures):
        """For each measure its values; the order is turned around every time."""
        values = [[] for _ in measures]
        for repetition in range(self.arguments.repetitions):
            order = list(enumerate(measures))
            for index, measure in order if repetition % 2 == 0 else reversed(order):
                values[index].append(measure())
        return values

    def add(self, row):
        self.rows.append(row)
        print_row(row)

    # The figures

    def figure_1(self):
        self.use("stored")
        ours, theirs = self.in_turn(self.sync, lambda: self.curl(reference.CHECK_FILES))
        name = f"cold sync, {len(self.artifacts)} zips that do not compress; curl, openssl, sync"
        self.add(Row(1, name, "s", ours, theirs, factor_max=1.0))

    def figure_2(self):
        self.use("go")
        measures = [self.sync, lambda: self.curl(reference.CHECK_CONTENT)]
        if reference.have_terraform():
            measures.append(self.terraform)
        ours, theirs, *mirrors = self.in_turn(*measures)
        zips = f"cold sync, {len(self.artifacts)} zips of real shape"
        self.add(Row(2, f"{zips}; curl, unzip and openssl, sync", "s", ours, theirs, factor_max=1.0))
        self.add(self.against_terraform(2, f"{zips}; terraform providers mirror", ours, mirrors))

    def against_terraform(self, figure, name, ours, mirrors):
        row = Row(figure, name, "s", ours, *mirrors, speedup_min=4.0)
        if not mirrors:
            row.skipped = "terraform is not on the PATH"
        return row

    def figure_3(self):
        world = self.arguments.latency_world
        self.use(world)
        self.upstream.set_latency(self.arguments.latency)
        try:
            measures = [self.sync]
            if reference.have_terraform():
                measures.append(self.terraform)
            ours, *mirrors = self.in_turn(*measures)
        finally:
            self.upstream.set_latency(0)
        zips = f"cold sync, {len(self.artifacts)} zips ({world})"
        name = f"{zips}, {self.arguments.latency} ms for each answer; terraform providers mirror"
        self.add(self.against_terraform(3, name, ours, mirrors))

    def figure_4(self):
        for world, name in (("stored", "in 1"), ("go", "in 2"), ("huge", "with one artifact of 2 GiB")):
            if world not in self.memory:
                self.use(world)
                self.sync()
            self.add(Row(4, f"peak memory {name}", "bytes", self.memory[world], ours_max=MEMORY_MAX))

    def figure_5(self):
        self.use("poll")
        directory = self.fresh()
        directory.mkdir()
        with Daemon(self.build, directory, self.upstream.endpoints, self.depot) as daemon:
            connection = daemon.start()
            daemon.wait_published(connection, self.n_versions)
            listings = sorted(self.listings())
            for name in ("running on", "started again"):
                if name == "started again":
                    # Stopping and starting may write; the poll that comes at the start is part of what is looked at.
                    connection.close()
                    daemon.stop()
                    self.upstream.reset()
                    before = daemon.snapshot()
                    connection = daemon.start()
                    daemon.wait_published(connection, self.n_versions)
                else:
                    self.upstream.reset()
                    before = daemon.snapshot()
                    self.poll(daemon)
                self.add_poll(name, listings, before, daemon.snapshot())
            connection.close()

    def poll(self, daemon):
        command = [self.build / "ctl/opendepotctl", f"--socket={daemon.socket}", "--json=short", "sync", "--wait"]
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)

    def listings(self):
        """The listing pages that were asked for, by role and path."""
        return [
            (request["role"], request["path"])
            for request in self.upstream.requests()
            if request["role"] in ("hashicorp_api", "github_api") and "/releases" in request["path"]
        ]

    def add_poll(self, name, listings, before, after):
        requests = self.upstream.requests()
        asked = sorted((request["role"], request["path"]) for request in requests)
        unconditional = [r for r in requests if "if-none-match" not in r["headers"] or r["status"] != 304]
        same = "the same pages" if asked == listings else "OTHER PAGES"
        self.add(
            Row(
                5,
                f"unchanged poll, {self.n_versions} packages ({name}): requests too many or not conditional",
                "",
                [len(set(asked) ^ set(listings)) + abs(len(asked) - len(listings)) + len(unconditional)],
                ours_max=0,
                note=f"{len(requests)} requests for {len(listings)} listing pages, {same}"
                + (f"; first not answered with 304: {unconditional[0]}" if unconditional else ""),
            )
        )
        self.add(Row(5, f"  ({name}) bytes of bodies", "", [sum(r["bytes"] for r in requests)], ours_max=0))
        self.add_written(5, name, before, after)

    def add_written(self, figure, name, before, after):
        written = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
        self.add(
            Row(
                figure,
                f"  ({name}) files and directories written",
                "",
                [len(written)],
                ours_max=0,
                note=", ".join(pathlib.Path(path).name for path in written[:8]),
            )
        )

    def figure_6(self):
        for figure, world in ((1, "stored"), (2, "go")):
            self.use(world)
            # Upstream is another machine in life; here its work is not to come before the questions of an operator.
            self.upstream.set_niceness(19)
            calls, answers, status, starts = [], [], [], []

            def ask(daemon, connection, calls=calls):
                calls += daemon.wait_asking(connection, self.n_versions)

            def ask_as_program(daemon, connection, answers=answers):
                daemon.wait_asking(connection, self.n_versions, lambda: answers.append(daemon.ask_status()))

            def run_programs(daemon, connection, status=status, starts=starts):
                def run_both():
                    status.append(daemon.run_ctl("status"))
                    starts.append(run_program(["/bin/true"]))

                daemon.wait_asking(connection, self.n_versions, run_both)

            for watch in (ask, ask_as_program, run_programs):
                for _ in range(self.arguments.repetitions):
                    self.sync(watch)
            for name, seconds in (
                (f"GetStatus during {figure}, p99", calls),
                (f"what opendepotctl status asks, on a new connection, during {figure}, p99", answers),
            ):
                note = f"{len(seconds)} times: {quantiles(seconds)}"
                self.add(Row(6, name, "ms", [percentile(seconds, 99) * 1000], ours_max=STATUS_MS_MAX, note=note))
            # A program has to be started first, and that takes what the machine has left for it.
            name = f"the program opendepotctl status during {figure}; /bin/true, p99"
            ours, theirs = ([percentile(seconds, 99) * 1000] for seconds in (status, starts))
            note = f"{len(status)} times: {quantiles(status)}; /bin/true: {quantiles(starts)}"
            self.add(Row(6, name, "ms", ours, theirs, factor_max=PROGRAM_FACTOR_MAX, note=note))

    def figure_7(self):
        fleet.figure_7(self)

    def figure_8(self):
        fleet.figure_8(self)

    def figure_9(self):
        workers.figure_9(self)


def quantiles(seconds):
    values = [1000 * percentile(seconds, percent) for percent in (50, 99, 100)]
    return "p50 {:.2f}, p99 {:.2f}, max {:.2f} ms".format(*values)


def machine():
    models = [line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    return {
        "processors": os.cpu_count(),
        "model": models[0] if models else platform.machine(),
        "kernel": platform.release(),
        "load": os.getloadavg(),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def parse_arguments():
    lines = "\n".join(f"  {number}  {text}" for number, text in FIGURES.items())
    parser = argparse.ArgumentParser(
        prog="tests/bench/run",
        description=__doc__.partition("\n\n")[2] + "\nfigures:\n" + lines,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("figures", nargs="*", type=int, choices=[[], *FIGURES], metavar="FIGURE", help="all without")
    parser.add_argument("--repetitions", type=int, default=3, metavar="N", help="default 3")
    parser.add_argument("--stored", type=int, default=200, metavar="N", help="zips that do not compress, default 200")
    parser.add_argument("--go", type=int, default=40, metavar="N", help="zips of real shape, default 40")
    parser.add_argument("--poll", type=int, default=200, metavar="N", help="packages of figure 5, default 200")
    parser.add_argument("--fleet", type=int, default=1000, metavar="N", help="packages of figure 7, default 1000")
    parser.add_argument("--latency", type=int, default=50, metavar="MS", help="of the server in figure 3, default 50")
    parser.add_argument(
        "--latency-world", choices=["stored", "go"], default="stored", help="zips of figure 3, default stored"
    )
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write every sample there")
    parser.add_argument("--build", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--directory", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if min(arguments.repetitions, arguments.stored, arguments.go, arguments.poll, arguments.fleet) < 1 or arguments.latency < 0:
        parser.error("numbers must be positive")
    return arguments


def main():
    arguments = parse_arguments()
    for left in arguments.directory.glob("work.*"):
        shutil.rmtree(left)
    before = machine()
    print(f"{before['processors']} processors, {before['model']}, load {before['load'][0]:.2f} before the start")
    bench = Bench(arguments)
    try:
        for figure in sorted(set(arguments.figures) or FIGURES):
            print(f"{figure}  {FIGURES[figure]} (load {os.getloadavg()[0]:.2f})", flush=True)
            getattr(bench, f"figure_{figure}")()
        bench.close()
    except (RuntimeError, ValueError, OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"bench: {error}")
    finally:
        if bench.upstream is not None:
            bench.upstream.stop()
        shutil.rmtree(bench.work, ignore_errors=True)
    after = machine()
    print("\nThree numbers are min / median / max.")
    print_table(bench.rows)
    print(f"Load {before['load'][0]:.2f} before, {after['load'][0]:.2f} after.")
    if arguments.json:
        write_json(arguments.json, bench.rows, {**before, "load_after": after["load"]})
    missed = sum(row.passed() is False for row in bench.rows)
    print(f"{len(bench.rows) - missed} held or skipped, {missed} missed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
