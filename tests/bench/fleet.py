"""Figures 7 and 8: many packages that do not change, and one with many versions."""

import json
import statistics
import time

import store
from daemon import Connection, Daemon
from report import MIB, Row

CPU_MS_MAX = 0.5
BYTES_MAX = 1024
PLAN_MS_MAX = 100.0
PLATFORMS = {"operatingSystems": ["linux"], "architectures": ["amd64", "arm64"]}


def depot_of(bench, only_first=False):
    """The world's Depot, for two platforms of the dozen that are listed; of its first packages alone, the newest version."""
    document = json.loads(bench.depot)
    spec = document["spec"]
    for provider in spec["providerConfigs"]:
        provider |= PLATFORMS
    if only_first:
        for kind in ("providerConfigs", "moduleConfigs"):
            spec[kind] = [spec[kind][0] | {"versionHistoryLimit": 1}]
    return json.dumps(document)


def published_store(bench, world):
    """A directory in whose store every version of the world is published."""
    seed = bench.fresh()
    seed.mkdir()
    with Daemon(bench.build, seed, bench.upstream.endpoints, depot_of(bench, only_first=True)) as daemon:
        connection = daemon.start()
        daemon.wait_published(connection, 2)
        connection.close()
    directory = seed.with_name(seed.name + "-full")
    directory.mkdir()
    store.fill(seed / "state", directory / "state", world)
    return directory


def wait_polled(bench, daemon, connection, n_requests):
    """Until upstream was asked so often and everything is done. Status is asked for seldom, as it costs time, too."""
    while sum(role["requests"] for role in bench.upstream.stats().values()) < n_requests:
        daemon.check_alive()
        time.sleep(0.1)
    while daemon.left(connection, bench.n_versions)[1] > 0:
        time.sleep(0.1)


def first_poll(bench, daemon, connection):
    """The daemon gets to know the packages; returns the listing pages that it has asked for."""
    daemon.write_depot(depot_of(bench))
    connection.call("Reload")
    while daemon.left(connection, bench.n_versions) != (0, 0):
        time.sleep(0.1)
    listings = bench.listings()
    errors = [request for request in bench.upstream.requests() if request["status"] != 200]
    if errors or len(bench.upstream.requests()) != len(listings):
        raise RuntimeError(f"the first poll has asked for more than listings: {errors[:1]}")
    return sorted(listings)


def unchanged_poll(bench, daemon, connection, listings):
    """Seconds of processor time that it takes, and the number of requests that are too many or not conditional."""
    bench.upstream.reset()
    before = daemon.own_seconds()
    connection.call("Sync")
    wait_polled(bench, daemon, connection, len(listings))
    seconds = daemon.own_seconds() - before
    requests = bench.upstream.requests()
    asked = sorted((request["role"], request["path"]) for request in requests)
    unconditional = sum("if-none-match" not in r["headers"] or r["status"] != 304 for r in requests)
    return seconds, len(requests) + unconditional + (0 if asked == listings else len(requests))


def figure_7(bench):
    """How often and for how much processor time upstream is asked when nothing has changed, and what the daemon has grown
    by since it knew no package: packages, versions, and everything else that the first poll has left behind."""
    for name in ("fleet", "long"):
        bench.use(name)
        world = bench.upstream.world()
        n_packages = len(world.providers) + len(world.modules)
        directory = published_store(bench, world)
        with Daemon(bench.build, directory, bench.upstream.endpoints, None) as daemon:
            connection = daemon.start()
            bench.upstream.reset()
            memory = daemon.memory()
            listings = first_poll(bench, daemon, connection)
            before = daemon.snapshot()
            polls = [unchanged_poll(bench, daemon, connection, listings) for _ in range(bench.arguments.repetitions)]
            after = daemon.snapshot()
            growth, peak = daemon.memory() - memory, daemon.peak_memory()
            connection.close()
        pages = [n_requests / len(listings) for _, n_requests in polls]
        what = f"{n_packages} packages with {bench.n_versions} versions on {len(listings)} pages"
        bench.add(Row(7, f"unchanged poll, {what}: conditional requests for each page", "", pages, ours_max=1.0))
        seconds = [seconds for seconds, _ in polls]
        per_page = 1000 * statistics.median(seconds) / len(listings)
        if name == "fleet":
            cpu = [1000 * s / n_packages for s in seconds]
            row = Row(7, f"  ({name}) processor time for each package", "ms", cpu, ours_max=CPU_MS_MAX)
            row.note = f"{per_page:.2f} ms for each listing page"
            bench.add(row)
        row = Row(7, f"  ({name}) growth for each version known", "", [growth / bench.n_versions], ours_max=BYTES_MAX)
        row.note = f"bytes; {growth / MIB:.1f} MiB in all since there was no depot, at most {peak / MIB:.1f} MiB resident"
        if name == "long":
            row.note += f"; {per_page:.2f} ms of processor time for each listing page"
        bench.add(row)
        bench.add_written(7, name, before, after)


def time_plan(bench, daemon, package):
    """Seconds from the end of upstream's last answer until the plan is here, and of the daemon's processor time for all
    pages and the plan. The pages are known, and none has changed."""
    bench.upstream.reset()
    before = daemon.own_seconds()
    connection = Connection(daemon.socket)
    connection.send("Plan", {"package": package}, more=True)
    planned = 0
    while (event := connection.receive("Plan")["event"])["type"] != "done":
        if event["type"] != "plan":
            raise RuntimeError(f"{package} cannot be planned: {event}")
        told = time.time()
        planned += len(event["plan"])
    cpu = daemon.own_seconds() - before
    connection.close()
    requests = bench.upstream.requests()
    if any(request["status"] != 304 for request in requests):
        raise RuntimeError(f"{package}: upstream's list has changed")
    return told - max(r["time"] + r["milliseconds"] / 1000 for r in requests), cpu, len(requests), planned


def figure_8(bench):
    """The plan of a package with many versions, every one of which is in the store: as long as a plan can be."""
    bench.use("long")
    world = bench.upstream.world()
    directory = published_store(bench, world)
    with Daemon(bench.build, directory, bench.upstream.endpoints, None) as daemon:
        connection = daemon.start()
        bench.upstream.reset()
        first_poll(bench, daemon, connection)
        for package in sorted(package["name"] for package in connection.call("ListPackages")["packages"]):
            plans = [time_plan(bench, daemon, package) for _ in range(bench.arguments.repetitions)]
            program = statistics.median(daemon.run_ctl("plan", package) for _ in plans)
            _, _, n_pages, planned = plans[0]
            if planned != bench.n_versions // 2:
                raise RuntimeError(f"{package}: {planned} versions in the plan")
            cpu = statistics.median(cpu for _, cpu, _, _ in plans)
            bench.add(
                Row(
                    8,
                    f"plan of {planned} versions ({package}), from the arrival of the last of {n_pages} pages until it is told",
                    "ms",
                    [1000 * seconds for seconds, _, _, _ in plans],
                    ours_max=PLAN_MS_MAX,
                    note=f"processor time with all pages, that are asked for one after the other: {1000 * cpu:.0f} ms; "
                    f"opendepotctl plan as a whole, with what upstream takes: {1000 * program:.0f} ms",
                )
            )
        connection.close()
