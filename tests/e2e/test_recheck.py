"""What is published is compared with upstream again, apart from the polls: cheaply, at a bounded rate, and told once."""

import json
import re
import time

from daemon import module, provider
from drift_check import AGAIN, TOLD, bytes_of, check_seen
from setting import settings, wait_for
from simulator.world import Module, Provider, ProviderVersion, Release, World

MODULE = "platform/terraform-aws-vpc/aws"
PROVIDER = "hashicorp/null"
PRIVATE = "registry.acme.example"
TOKEN = "t0ken-that-nobody-may-see"
# As often as can be.
OFTEN = {"interval": "1s", "perHour": 100_000}
SUMS, SIGNATURE, TAGS = r"_SHA256SUMS$", r"_SHA256SUMS.*\.sig$", r"/tags\?"
COMMITS = ["a" * 40, "b" * 40]


def version(number, platforms=("linux_amd64",), **more):
    return ProviderVersion(number, list(platforms), 5000, **more)


def null(*versions):
    return World([Provider("null", versions=list(versions))])


def start(daemon, upstream, world, recheck=None, **more):
    """With everything published; `more` goes into opendepot.yaml."""
    upstream.replace(world)
    daemon.configure(recheck=recheck or OFTEN, network={"stallTimeout": "60s"}, **more)
    if world.modules:
        daemon.write_depot("demo", modules=[module("terraform-aws-vpc", "acme", "aws")], pollingIntervalMinutes=60)
    else:
        daemon.write_depot("demo", [provider("null")], pollingIntervalMinutes=60)
    daemon.start()
    name = MODULE if world.modules else PROVIDER
    wait_for(lambda: set(daemon.states(name).values()) == {"published"}, 30, "the versions")
    return daemon


def asked(upstream, pattern, **more):
    return [one for one in upstream.requests(**more) if re.search(pattern, one["path"])]


def wait_for_pass(upstream, pattern):
    """A whole one that ends with what the pattern means: one may be under way."""
    before = len(asked(upstream, pattern))
    wait_for(lambda: len(asked(upstream, pattern)) > before + 1, 60, "the next pass")


def wait_for_words(daemon, words, n=1):
    """What is told is in the store."""
    wait_for(lambda: daemon.text().count(words) >= n, 60, words)


# Each version is changed in another way.
CHANGES = {
    "1.1.0": ({"seed": 1}, "checksum", r"SHA256SUMS lists [0-9a-f]{64} for terraform-provider-\w+_1.1.0_linux_amd64.zip, was"),
    "1.2.0": ({"sums": "missing-line"}, "checksum", r"SHA256SUMS no longer lists terraform-provider-\w+_1.2.0_linux_amd64.zip"),
    "1.3.0": ({"platforms": ("linux_amd64", "windows_amd64")}, "sums", "SHA256SUMS says more or less than it did: its SHA-256 is"),
    "1.4.0": ({"sign": "armored"}, "signature", "SHA256SUMS was signed anew: its SHA-256 is"),
    "1.5.0": ({}, "sums", "upstream no longer has SHA256SUMS"),
    "1.6.0": ({}, "signature", "upstream no longer has the signature of SHA256SUMS"),
}
NUMBERS = ["1.0.0", *CHANGES]


def all_drift(daemon, package):
    return {number: [(found["kind"], found["detail"]) for found in one["drift"]]
            for number, one in daemon.versions(package).items() if "drift" in one}


def change_everything(daemon, upstream, package, world):
    """Upstream changes all versions but the first; what is to be seen of that is given back."""
    before = bytes_of(daemon)
    # At the beginning of a pass: sums of before with a signature of after are a difference, too.
    upstream.add_fault("hold", path=f"1.6.0{SUMS}")
    wait_for(lambda: [one for one in asked(upstream, f"1.6.0{SUMS}") if not one["done"]], 60, "a pass")
    upstream.replace(world([version(number, **CHANGES.get(number, ({},))[0]) for number in NUMBERS]))
    upstream.clear_faults()
    upstream.add_fault("status", status=404, path=f"1.5.0{SUMS}")
    upstream.add_fault("status", status=404, path=f"1.6.0{SIGNATURE}")
    wait_for_words(daemon, TOLD, len(CHANGES))
    # The same once more is no news, also after a restart, and polls are of no other opinion.
    daemon.restart()
    daemon.sync()
    wait_for_pass(upstream, f"1.0.0{SUMS}")
    found = all_drift(daemon, package)
    for number, (_, kind, detail) in CHANGES.items():
        ((seen, text),) = found[number]
        assert seen == kind and re.match(detail, text), (number, text)
    assert daemon.text().count(TOLD) == len(CHANGES) and AGAIN not in daemon.text()
    # 1.3.0 has another platform now, which nobody asks for.
    assert bytes_of(daemon) == before
    return found


def take_back(daemon, upstream, package, world):
    upstream.clear_faults()
    upstream.replace(world([version(number) for number in NUMBERS]))
    wait_for_words(daemon, AGAIN, len(CHANGES))
    assert daemon.text().count(AGAIN) == daemon.text().count(TOLD) == len(CHANGES) and not all_drift(daemon, package)


def test_provider(daemon, upstream):
    def world(versions):
        return null(*versions)

    start(daemon, upstream, world([version(number) for number in NUMBERS]))
    whole, files = daemon.tree(), daemon.snapshot(daemon.store)
    upstream.reset()
    wait_for_pass(upstream, f"1.0.0{SIGNATURE}")
    # Nothing is polled for it, nothing is fetched, and nothing is written.
    assert {one["status"] for one in upstream.requests() if one["done"]} == {304}
    assert not [one for one in upstream.requests() if "SHA256SUMS" not in one["path"]]
    assert daemon.snapshot(daemon.store) == files and daemon.packages()[PROVIDER]["state"] == "current"

    found = change_everything(daemon, upstream, PROVIDER, world)
    for number in ("1.1.0", "1.6.0"):
        check_seen(daemon, PROVIDER, *found[number][0], number)
    take_back(daemon, upstream, PROVIDER, world)
    assert daemon.tree() == whole


def test_provider_of_a_private_registry(daemon, upstream):
    """Its documents, which say where the files are, want a token, which the files do not get."""
    def world(versions):
        return World([Provider("thing", "acme", list(versions), relative=True)], registry_tokens=[TOKEN])

    package = f"{PRIVATE}/acme/thing"
    key = upstream.endpoints["keys"]["good"]
    common = json.loads(settings(upstream.endpoints))["upstream"]
    registries = [one | ({"tokenCredential": "acme"} if one["host"] == PRIVATE else {}) for one in common["registries"]]
    daemon.write_credential("acme", TOKEN)
    upstream.replace(world([version(number) for number in NUMBERS]))
    daemon.configure(recheck=OFTEN, network={"stallTimeout": "60s"}, upstream=common | {"registries": registries},
                     keys=[{"namespace": f"{PRIVATE}/acme", "fingerprint": key["fingerprint"], "url": key["url"]}])
    daemon.write_depot("demo", [provider("thing", namespace="acme", registry=PRIVATE)], pollingIntervalMinutes=60)
    daemon.start()
    wait_for(lambda: set(daemon.states(package).values()) == {"published"}, 30, "the versions")
    whole = daemon.tree()
    daemon.restart()
    upstream.reset()
    wait_for_pass(upstream, f"1.0.0{SIGNATURE}")
    requests = upstream.requests("registry")
    assert {one["status"] for one in requests if one["done"] and one["path"].startswith("/files/")} == {304}
    for one in requests:
        assert one["authorization"] == (not one["path"].startswith("/files/")), one
    assert not asked(upstream, "/versions$") and len(asked(upstream, "terraform.json$")) == 1
    change_everything(daemon, upstream, package, world)
    take_back(daemon, upstream, package, world)
    assert daemon.tree() == whole and TOKEN not in daemon.text()


def test_who_cannot_be_asked_does_not_stop_the_others(daemon, upstream):
    """Nor says it anything; and nobody is asked as long as the interval is 0."""
    versions = [version(number) for number in ("1.0.0", "1.1.0", "1.2.0")]
    daemon.arguments = ["--log-level=7"]
    start(daemon, upstream, null(*versions), recheck={"interval": "0s"})
    versions[1] = version("1.1.0", seed=1)
    upstream.replace(null(*versions))
    upstream.reset()
    upstream.add_fault("status", status=403, path=f"1.2.0{SUMS}")
    upstream.add_fault("status", status=503, retry_after=3600, path=f"1.0.0{SUMS}")
    daemon.sync()
    assert not asked(upstream, "SHA256SUMS")
    daemon.configure(recheck=OFTEN)
    assert daemon.run("reload").returncode == 0
    wait_for_words(daemon, "what is published is not compared with upstream now")
    assert set(all_drift(daemon, PROVIDER)) == {"1.1.0"}
    assert re.search(r"null 1\.2\.0 is not compared with upstream: .*HTTP 403", daemon.text())
    assert re.search(r"not compared with upstream now: .*HTTP 503", daemon.text())
    assert daemon.packages()[PROVIDER]["state"] == "current"
    assert set(daemon.states(PROVIDER).values()) == {"published"}


def test_pass_goes_on_after_a_restart_at_a_bounded_rate(daemon, upstream):
    numbers = [f"1.{i}.0" for i in range(20)]
    start(daemon, upstream, null(*map(version, numbers)), recheck={"interval": "0s"})
    daemon.stop()
    # As if all this had been long ago: one pass is due, and no second one comes.
    record, state = daemon.provider_directory("null") / "record.json", daemon.state / "state.json"
    record.write_text(re.sub(r'("publishedAt": ?")\d{4}', r"\g<1>2020", record.read_text()))
    saved = json.loads(state.read_text())
    saved["packages"][0]["recheck"] = due = int((time.time() - 5400) * 1e6)
    state.write_text(json.dumps(saved))
    daemon.configure(recheck={"interval": "1h", "perHour": 28_800}, network={"stallTimeout": "60s"})
    upstream.reset()
    upstream.add_fault("hold", path=f"/1.3.0/.*{SUMS}")

    def package():
        return json.loads(state.read_text())["packages"][0]

    daemon.start()
    wait_for(lambda: package().get("recheckNext") == "1.4.0" and asked(upstream, f"/1.3.0/.*{SUMS}"), 60, "16 versions")
    first = [one for one in asked(upstream, SUMS) if "/1.3.0/" not in one["path"]]
    assert [one["path"].split("/")[2] for one in first] == numbers[:3:-1]
    # Eight at a time, and eight in a second in the long run.
    assert first[8]["time"] - first[7]["time"] > 0.9
    daemon.stop()
    upstream.clear_faults()
    upstream.reset()
    daemon.start()
    wait_for(lambda: "recheckNext" not in package(), 60, "the end of the pass")
    assert [one["path"].split("/")[2] for one in asked(upstream, SUMS)] == ["1.3.0", "1.2.0", "1.1.0", "1.0.0"]
    # The next one is due an hour after this one was.
    assert package()["recheck"] == due + 3600 * 10**6
    assert TOLD not in daemon.text()


def test_who_waits_goes_first_and_another_daemon_may_have(daemon, upstream):
    start(daemon, upstream, null(version("1.0.0"), version("1.1.0")))
    upstream.add_fault("hold", path=f"1.1.0{SIGNATURE}")
    upstream.replace(null(version("1.0.0"), version("1.1.0", sign="armored")))
    wait_for(lambda: asked(upstream, f"1.1.0{SIGNATURE}"), 60, "a comparison")
    # It ends for a sync, and begins anew.
    before = len(asked(upstream, f"1.1.0{SIGNATURE}"))
    daemon.sync()
    assert not all_drift(daemon, PROVIDER)
    wait_for(lambda: len(asked(upstream, f"1.1.0{SIGNATURE}")) > before, 60, "the next comparison")
    # Meanwhile another daemon notes something of the other version.
    path = daemon.provider_directory("null") / "record.json"
    record = json.loads(path.read_text())
    record["versions"]["1.0.0"]["drift"] = [{"kind": "elsewhere", "detail": "seen by another daemon"}]
    (daemon.directory / "record").write_text(json.dumps(record))
    (daemon.directory / "record").rename(path)
    upstream.clear_faults()
    wait_for(lambda: len(all_drift(daemon, PROVIDER)) == 2, 60, "both")
    assert "the record was changed by somebody else" in daemon.text()
    wait_for_pass(upstream, f"1.0.0{SUMS}")
    found = json.loads(path.read_text())["versions"]
    assert [one["kind"] for one in found["1.0.0"]["drift"]] == ["elsewhere"]
    assert [one["kind"] for one in found["1.1.0"]["drift"]] == ["signature"]
    assert daemon.text().count(TOLD) == 1


def modules(*releases, **more):
    return World(modules=[Module("acme", "terraform-aws-vpc", list(releases))], **more)


def tag(number, commit=0):
    """Another commit has another content, and is of the same time."""
    return Release(number, commit=COMMITS[commit], seed=commit, created="2025-01-01T00:00:00Z")


def test_commits_of_a_module_from_releases(daemon, upstream):
    """The lists that are polled do not know them: the tags are asked for now and then."""
    start(daemon, upstream, modules(tag("v1.0.0"), tag("v1.1.0")))
    wait_for_pass(upstream, TAGS)
    assert {one["status"] for one in asked(upstream, TAGS)[1:] if one["done"]} == {304}
    before, whole = bytes_of(daemon), daemon.tree()
    upstream.replace(modules(tag("v1.0.0", 1), tag("v1.1.0")))
    wait_for(lambda: all_drift(daemon, MODULE), 60, "the difference")
    wait_for_pass(upstream, TAGS)
    daemon.sync()
    assert list(all_drift(daemon, MODULE)) == ["1.0.0"]
    check_seen(daemon, MODULE, "commit", f"tag v1.0.0 is commit {COMMITS[1]}, was {COMMITS[0]}")
    assert daemon.text().count(TOLD) == 1 and bytes_of(daemon) == before
    upstream.replace(modules(tag("v1.0.0"), tag("v1.1.0")))
    wait_for_words(daemon, AGAIN)
    assert not all_drift(daemon, MODULE) and daemon.tree() == whole


def test_half_of_a_budget_stays_for_others(daemon, upstream):
    daemon.arguments = ["--log-level=7"]
    start(daemon, upstream, modules(tag("v1.0.0"), rate_limit_anonymous=4))
    wait_for_words(daemon, "what is published is not compared with upstream now")
    # One list of releases, and one of tags: half is left.
    assert len(asked(upstream, TAGS)) == 1 and "the request budget" in daemon.text()
    daemon.sync()
    assert daemon.packages()[MODULE]["state"] == "current"
