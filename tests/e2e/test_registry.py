"""Provider registries as upstream: namespaces of the public one, private ones with a token, and what they do wrong."""

import json
import os
import ssl
import time
import urllib.request

import pytest

from daemon import provider
from setting import settings, wait_for
from simulator.world import Provider, ProviderVersion, World
from store_check import check

PACKAGE = "acme/thing"
PLATFORM = ["linux_amd64"]
ONE = (("linux",), ("amd64",))
PRIVATE = "registry.acme.example"
TOKEN = "t0ken-that-nobody-may-see"


def version(number, platforms=None, **more):
    return ProviderVersion(number, platforms or PLATFORM, 20_000, **more)


def world(*versions, relative=False, namespace="acme", **more):
    return World([Provider("thing", namespace, list(versions), relative=relative)], **more)


def key(upstream, name="good", namespace="acme"):
    known = upstream.endpoints["keys"][name]
    return {"namespace": namespace, "fingerprint": known["fingerprint"], "url": known["url"]}


def upstreams(upstream, **private):
    """`upstream` of opendepot.yaml, with more for the private registry, which is the simulator's, too."""
    common = json.loads(settings(upstream.endpoints))["upstream"]
    return common | {"registries": [one | (private if one["host"] == PRIVATE else {}) for one in common["registries"]]}


def start(daemon, simulator, wanted, entry=None, platforms=ONE, **more):
    """`more` goes into opendepot.yaml."""
    simulator.replace(wanted)
    daemon.configure(**({"keys": [key(simulator)]} | more))
    one = provider("thing", platforms=platforms, **{"namespace": "acme"} | (entry or {}))
    daemon.write_depot("demo", providers=[one], pollingIntervalMinutes=60)
    daemon.start().settle()
    return daemon


def document(upstream, path):
    """What the simulator's registry answers at the path."""
    context = ssl.create_default_context(cafile=upstream.endpoints["ca"])
    with urllib.request.urlopen(upstream.endpoints["registry"] + path, context=context) as response:
        return json.load(response)


PACKAGE_PATH = "/v1/providers/acme/thing/1.0.0/download/linux/amd64"


def alter(upstream, path=PACKAGE_PATH, **changes):
    """From now on the registry's document is another one: keys that are None are not in it."""
    changed = {key: value for key, value in (document(upstream, path) | changes).items() if value is not None}
    upstream.add_fault("garbage", role="registry", path=f"{path}$", body=json.dumps(changed),
                       content_type="application/json")


def reason(daemon, number="1.0.0", package=PACKAGE):
    one = daemon.versions(package)[number]
    return one["state"], one.get("reason")


def paths(upstream, role="registry"):
    return [request["path"] for request in upstream.requests(role)]


def record(daemon, **where):
    return json.loads((daemon.provider_directory("thing", namespace="acme", **where) / "record.json").read_text())


def test_namespace_of_the_public_registry(daemon, upstream):
    """As DataDog/datadog: the spelling is the operator's, everything else is as for HashiCorp's own."""
    start(daemon, upstream, world(version("1.0.0", protocols=["5.0"]), version("2.0.0", protocols=["5.0", "6.0"])),
          entry={"namespace": "Acme"})
    assert daemon.states(PACKAGE) == {"2.0.0": "published", "1.0.0": "published"}
    assert check(daemon.store) == {"thing": {"1.0.0": PLATFORM, "2.0.0": PLATFORM}}
    known = record(daemon)
    assert (known["package"], known["source"]) == (PACKAGE, "registry:registry.terraform.io/acme/thing")
    assert {number: one["protocols"] for number, one in known["versions"].items()} == {
        "2.0.0": ["5.0", "6.0"], "1.0.0": ["5.0"]}
    assert known["versions"]["1.0.0"]["signature"]["key"] == upstream.endpoints["fingerprint"]
    assert daemon.versions(PACKAGE)["2.0.0"]["protocols"] == ["5.0", "6.0"]
    assert "6.0" in daemon.run("show", PACKAGE, "2.0.0").stdout
    stored = daemon.provider_directory("thing", namespace="acme")
    for file in ("SHA256SUMS", "SHA256SUMS.sig"):
        assert (stored / f"terraform-provider-thing_1.0.0_{file}").exists()
    assert not paths(upstream, "hashicorp_api")


def test_unchanged_poll_is_one_conditional_request(daemon, upstream):
    start(daemon, upstream, world(version("1.0.0"), version("2.0.0")))
    assert paths(upstream)[:2] == ["/.well-known/terraform.json", "/v1/providers/acme/thing/versions"]
    upstream.reset()
    before = daemon.snapshot(daemon.store)
    daemon.sync()
    requests = upstream.requests()
    assert [(r["path"], r["status"]) for r in requests] == [("/v1/providers/acme/thing/versions", 304)]
    assert daemon.snapshot(daemon.store) == before
    # A new version costs its own documents and files, nothing else is asked anew.
    upstream.extend(world(version("3.0.0")))
    upstream.reset()
    daemon.sync()
    assert sorted(paths(upstream)) == ["/v1/providers/acme/thing/3.0.0/download/linux/amd64",
                                       "/v1/providers/acme/thing/versions"]


def listing_texts(daemon):
    return [path.read_text() for path in (daemon.state / "listings").iterdir()]


def decisions(daemon, number, status):
    """All but that on the key, which is not read before it is needed: what it calls itself is not known then."""
    (one,) = daemon.ctl("why", PACKAGE, number, status=status)["explanations"]
    return [decision for decision in one["decisions"] if decision["step"] != "verified"]


def test_what_was_listed_is_known_after_a_restart(daemon, upstream):
    """Without the registry, which is not asked before the next poll: why knows it, and what nobody uses goes."""
    start(daemon, upstream, world(version("1.0.0"), version("2.0.0")), entry={"versionConstraints": ">= 2.0.0"})
    wait_for(lambda: any("/v1/providers/acme/thing" in text for text in listing_texts(daemon)), 10, "what was listed")
    before = [decisions(daemon, "2.0.0", 0), decisions(daemon, "1.0.0", 1)]
    assert all(known[0]["step"] == "listed" and known[0]["effect"] == "for" for known in before)
    daemon.stop()
    left = daemon.state / "listings" / f"{'0' * 64}.json"
    left.write_text("{}")
    long_ago = time.time() - 60
    os.utime(left, (long_ago, long_ago))
    upstream.reset()

    daemon.start()
    wait_for(lambda: not left.exists(), 10, "the end of what nobody uses")
    daemon.settle()
    assert [decisions(daemon, "2.0.0", 0), decisions(daemon, "1.0.0", 1)] == before
    assert not upstream.requests()
    # It is asked before what it has is asked for.
    daemon.sync()
    assert [(r["path"], r["status"]) for r in upstream.requests()] == [
        ("/.well-known/terraform.json", 200), ("/v1/providers/acme/thing/versions", 304)]


def test_registry_that_has_the_files_itself(daemon, upstream):
    """Relative URLs, and redirects to another host."""
    upstream.add_fault("redirect-to", role="registry", path=r"^/files/.*\.zip$",
                       location=f"{upstream.endpoints['hashicorp_releases']}/community/acme/"
                                "terraform-provider-thing/1.0.0/terraform-provider-thing_1.0.0_linux_amd64.zip")
    start(daemon, upstream, world(version("1.0.0"), relative=True))
    assert daemon.states(PACKAGE) == {"1.0.0": "published"}
    assert [path for path in paths(upstream) if path.endswith("SHA256SUMS.sig")]
    assert [path for path in paths(upstream, "hashicorp_releases") if path.endswith(".zip")]


def test_all_platforms_and_those_that_a_version_lacks(daemon, upstream):
    many = ["darwin_arm64", "linux_amd64", "linux_arm64", "windows_amd64"]
    start(daemon, upstream, world(version("1.0.0", many), version("2.0.0", ["linux_amd64"])), platforms=(("*",), ("*",)))
    assert daemon.states(PACKAGE) == {"2.0.0": "published", "1.0.0": "published"}
    assert check(daemon.store) == {"thing": {"1.0.0": many, "2.0.0": PLATFORM}}
    # Asked for by name, it is no error either.
    daemon.write_depot("demo", providers=[provider("thing", namespace="acme", platforms=(("linux",), ("arm64", "amd64")))])
    daemon.run("reload")
    daemon.settle()
    assert daemon.packages()[PACKAGE]["state"] == "current"


def test_hashicorp_comes_from_the_releases_api_unless_the_entry_says_otherwise(daemon, upstream):
    start(daemon, upstream, world(version("1.0.0"), namespace="hashicorp"), entry={"namespace": "hashicorp"}, keys=[
        key(upstream, namespace="hashicorp")])
    assert daemon.states("hashicorp/thing") == {"1.0.0": "published"}
    assert not paths(upstream)
    upstream.reset()
    daemon.write_depot("demo", providers=[provider("thing", platforms=ONE, registry="registry.terraform.io")])
    upstream.extend(world(version("2.0.0"), namespace="hashicorp"))
    daemon.run("reload")
    daemon.settle()
    assert daemon.states("hashicorp/thing") == {"2.0.0": "published", "1.0.0": "published"}
    assert not paths(upstream, "hashicorp_api") and "/v1/providers/hashicorp/thing/versions" in paths(upstream)


def test_registry_of_opentofu(daemon, upstream):
    start(daemon, upstream, world(version("1.0.0")), entry={"registry": "registry.opentofu.org"})
    assert daemon.states(PACKAGE) == {"1.0.0": "published"}
    assert record(daemon)["source"] == "registry:registry.opentofu.org/acme/thing"
    assert check(daemon.store) == {"thing": {"1.0.0": PLATFORM}}


def start_private(daemon, upstream, wanted=None, **private):
    """A registry under its own name, with a token where the test gives one."""
    wanted = wanted or world(version("1.0.0"), relative=True, registry_tokens=[TOKEN])
    return start(daemon, upstream, wanted, entry={"registry": PRIVATE},
                 keys=[key(upstream, namespace=f"{PRIVATE}/acme")],
                 upstream=upstreams(upstream, **{"tokenCredential": "acme"} | private))


NAME = f"{PRIVATE}/acme/thing"


def test_registry_with_a_port(daemon, upstream):
    """It is asked where its name says."""
    host = upstream.endpoints["registry_host"]
    start(daemon, upstream, world(version("1.0.0")), entry={"registry": host}, keys=[key(upstream, namespace=f"{host}/acme")])
    assert daemon.states(f"{host}/acme/thing") == {"1.0.0": "published"}
    before = daemon.tree()
    daemon.restart()
    daemon.sync()
    assert daemon.tree() == before


def test_private_registry_with_a_token(daemon, upstream):
    daemon.write_credential("acme", f"{TOKEN}\n")
    start_private(daemon, upstream)
    assert daemon.states(NAME) == {"1.0.0": "published"}
    # Under its own name, and nowhere else.
    directory = daemon.provider_directory("thing", hostname=PRIVATE, namespace="acme")
    assert list(json.loads((directory / "index.json").read_text())["versions"]) == ["1.0.0"]
    assert not [file for file in daemon.files() if file.startswith("providers/registry.")
                and not file.startswith(f"providers/{PRIVATE}/")]
    # To the API, and to nothing else, be it on the same host.
    sent = {request["path"]: request["authorization"] for request in upstream.requests("registry")}
    assert {path for path, authorized in sent.items() if authorized} == {
        "/.well-known/terraform.json", "/v1/providers/acme/thing/versions", PACKAGE_PATH}
    assert [path for path in sent if path.startswith("/files/")]
    # A restart reads the record again, whose package has a host in its name.
    daemon.restart()
    daemon.sync()
    assert daemon.states(NAME) == {"1.0.0": "published"}
    why = daemon.run("why", NAME, "1.0.0").stdout
    assert upstream.endpoints["fingerprint"] in why and "registry:registry.acme.example/acme/thing" in why
    for text in (daemon.text(), daemon.run("status").stdout, daemon.run("show", NAME).stdout,
                 *(path.read_text(errors="replace") for path in daemon.state.rglob("*.json"))):
        assert TOKEN not in text


def test_token_does_not_go_to_another_host_that_the_services_name(daemon, upstream):
    daemon.write_credential("acme", TOKEN)
    releases = upstream.endpoints["hashicorp_releases"]
    upstream.add_fault("garbage", role="registry", path="terraform.json$", content_type="application/json",
                       body=json.dumps({"providers.v1": f"{releases}/v1/providers/"}))
    start_private(daemon, upstream)
    daemon.sync("--force", status=1)
    asked = upstream.requests("hashicorp_releases")
    assert [r["path"] for r in asked if "/versions" in r["path"]] and not any(r["authorization"] for r in asked)
    assert [r["path"] for r in upstream.requests() if r["authorization"]] == ["/.well-known/terraform.json"]
    assert TOKEN not in daemon.text()


@pytest.mark.parametrize("given", ["wrong", None])
def test_token_that_is_wrong_or_missing(daemon, upstream, given):
    if given:
        daemon.write_credential("acme", given)
    start_private(daemon, upstream)
    package = daemon.packages()[NAME]
    assert package["state"] == "failed"
    assert ("401" if given else "'acme'") in package["reason"]
    assert given or not upstream.requests("registry")
    # Whoever asks for it, and when.
    for arguments in (("sync", "--wait"), ("sync", "--wait", NAME), ("plan",), ("reload",)):
        daemon.run(*arguments)
        daemon.settle()
        known = daemon.packages()[NAME]
        assert (known["state"], known["reason"]) == ("failed", package["reason"]), arguments
    daemon.restart().settle()
    assert daemon.packages()[NAME]["state"] == "failed"
    # It is mended without a restart.
    daemon.write_credential("acme", TOKEN)
    daemon.run("reload")
    daemon.settle()
    assert daemon.packages()[NAME]["state"] == "current"


def test_registry_that_wants_a_token_says_so(daemon, upstream):
    start(daemon, upstream, world(version("1.0.0"), registry_tokens=[TOKEN]))
    upstream.add_fault("garbage", role="registry", path="terraform.json$", content_type="application/json",
                       body=json.dumps({"providers.v1": "/v1/providers/"}))
    daemon.sync("--force", status=1)
    assert "the registry wants a token" in daemon.packages()[PACKAGE]["reason"]


# Keys


def test_key_that_nobody_knows_waits_for_the_operator(daemon, upstream):
    start(daemon, upstream, world(version("1.0.0")), keys=[key(upstream, namespace="hashicorp")])
    good = upstream.endpoints["fingerprint"]
    state, why = reason(daemon)
    assert state == "held" and f"signed by key {good}, pinned for namespace acme is none" in why
    assert not [file for file in daemon.files() if file.endswith(".zip")]
    assert good in daemon.run("why", PACKAGE, "1.0.0").stdout
    daemon.run("keys", "accept", "acme", good)
    daemon.settle()
    assert reason(daemon) == ("published", None)


def test_key_is_pinned_on_first_use_and_a_replaced_one_is_held(daemon, upstream):
    start(daemon, upstream, world(version("1.0.0")), keys=[], trustOnFirstUse=True)
    assert reason(daemon) == ("published", None)
    upstream.extend(world(version("2.0.0", sign="foreign", keys=["foreign"])))
    daemon.sync()
    new = upstream.endpoints["keys"]["foreign"]["fingerprint"]
    state, why = reason(daemon, "2.0.0")
    assert state == "held" and f"signed by key {new}, pinned for namespace acme is " in why
    daemon.run("keys", "accept", "acme", new)
    daemon.settle()
    assert daemon.states(PACKAGE) == {"2.0.0": "published", "1.0.0": "published"}


def test_key_of_a_private_registry_is_none_of_the_public_one(daemon, upstream):
    upstream.replace(world(version("1.0.0")))
    daemon.configure(keys=[], trustOnFirstUse=True)
    daemon.write_depot("private", [provider("thing", namespace="acme", platforms=ONE, registry=PRIVATE)])
    daemon.start().settle()
    assert daemon.states(NAME) == {"1.0.0": "published"}

    def pinned():
        known = daemon.ctl("keys", "list")["keys"]
        return [(one["namespace"], one["state"]) for one in known
                if one["fingerprint"] == upstream.endpoints["fingerprint"]]

    assert pinned() == [(f"{PRIVATE}/acme", "firstUse")]
    daemon.restart()
    assert pinned() == [(f"{PRIVATE}/acme", "firstUse")]


@pytest.mark.parametrize("empty", [{"gpg_public_keys": []}, {"gpg_public_keys": None}, {}, None])
def test_registry_that_names_no_key(daemon, upstream, empty):
    upstream.replace(world(version("1.0.0")))
    alter(upstream, signing_keys=empty)
    start(daemon, upstream, world(version("1.0.0")), keys=[])
    state, why = reason(daemon)
    assert state == "held"
    assert "registry.terraform.io names no signing key for acme/thing, so nobody vouches for it" in why
    assert "requireSignature: false" in why
    assert not [file for file in daemon.files() if file.endswith(".zip")]
    assert not [path for path in paths(upstream, "hashicorp_releases") if path.endswith(".zip")]
    daemon.write_depot("demo", [provider("thing", namespace="acme", platforms=ONE, requireSignature=False)])
    daemon.run("reload")
    daemon.sync("--force")
    assert reason(daemon) == ("published", None)
    assert "signature" not in record(daemon)["versions"]["1.0.0"]


def test_configured_key_vouches_where_the_registry_names_none(daemon, upstream):
    start(daemon, upstream, world(version("1.0.0", keys=[])))
    assert reason(daemon) == ("published", None)
    assert record(daemon)["versions"]["1.0.0"]["signature"]["key"] == upstream.endpoints["fingerprint"]


@pytest.mark.parametrize("url", [None, ""])
def test_registry_that_names_no_signature(daemon, upstream, url):
    upstream.replace(world(version("1.0.0")))
    alter(upstream, shasums_signature_url=url)
    start(daemon, upstream, world(version("1.0.0")))
    state, why = reason(daemon)
    assert state == "held" and "names no signature for acme/thing" in why


# What registries do wrong

OTHER = "0" * 64
DOCUMENTS = {
    "platform": ({"arch": "arm64"}, '"linux_arm64" is not the platform that was asked for'),
    "file": ({"filename": "terraform-provider-thing_1.0.1_linux_amd64.zip"},
             "names the archive terraform-provider-thing_1.0.1_linux_amd64.zip instead of "
             "terraform-provider-thing_1.0.0_linux_amd64.zip"),
    "path": ({"filename": "../../terraform-provider-thing_1.0.0_linux_amd64.zip"}, "is not a file name"),
    "digest": ({"shasum": OTHER}, f"for terraform-provider-thing_1.0.0_linux_amd64.zip, the registry tells {OTHER}"),
    "no digest": ({"shasum": "abc"}, "is not a SHA-256"),
    "downgrade": ({"download_url": "http://example.com/a.zip"}, "not a URL that may be followed"),
    "user": ({"shasums_url": "https://user@example.com/SHA256SUMS"}, "not a URL that may be followed"),
    "scheme": ({"download_url": "file:///etc/passwd"}, "not a URL that may be followed"),
    "no sums": ({"shasums_url": None}, "shasums_url"),
    "key": ({"signing_keys": {"gpg_public_keys": [{"ascii_armor": "x" * (1 << 20 | 1)}]}}, "larger than 1048576 bytes"),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_document_of_a_platform_that_is_not_believed(daemon, upstream, name):
    changes, expected = DOCUMENTS[name]
    upstream.replace(world(version("1.0.0"), version("1.1.0")))
    alter(upstream, **changes)
    start(daemon, upstream, world(version("1.0.0"), version("1.1.0")))
    state, why = reason(daemon)
    assert state == "failed" and expected in why
    # The others are not stopped by it.
    assert check(daemon.store) == {"thing": {"1.1.0": PLATFORM}}


@pytest.mark.parametrize("fault, expected", [
    ({"action": "garbage"}, "the registry's answer for linux_amd64: package: unexpected character"),
    ({"action": "garbage", "body": "[" * 100_000}, "nesting too deep"),
    ({"action": "huge"}, "larger than the limit"),
    ({"action": "status", "status": 404}, "HTTP 404"),
    ({"action": "redirect-to", "location": "http://localhost:1/x"}, "the redirect leaves https"),
])
def test_answer_that_is_no_document_of_a_platform(daemon, upstream, fault, expected):
    fault = dict(fault)
    upstream.add_fault(fault.pop("action"), role="registry", path=f"{PACKAGE_PATH}$", **fault)
    start(daemon, upstream, world(version("1.0.0"), version("1.1.0")))
    state, why = reason(daemon)
    assert state == "failed" and expected in why
    assert check(daemon.store) == {"thing": {"1.1.0": PLATFORM}}


@pytest.mark.parametrize("path", ["terraform.json$", f"{PACKAGE_PATH}$", "SHA256SUMS$"])
def test_change_of_the_configuration_while_the_registry_is_asked(daemon, upstream, path):
    """What waits for an answer is given up, and begins anew; likewise at the end of the daemon."""
    upstream.replace(world(version("1.0.0")))
    daemon.configure(keys=[key(upstream)])
    daemon.write_depot("demo", [provider("thing", namespace="acme", platforms=ONE)])
    upstream.add_fault("delay", path=path, ms=60_000)

    def hangs():
        return any(rule["hits"] > 0 for rule in upstream.faults())

    daemon.start()
    wait_for(hangs, 30, "the request")
    upstream.clear_faults()
    upstream.add_fault("delay", path=path, ms=60_000)
    daemon.configure(keys=[key(upstream)], requireSignature=False)
    daemon.run("reload")
    wait_for(hangs, 30, "the same request again")
    daemon.stop()
    upstream.clear_faults()
    daemon.start().settle()
    assert daemon.states(PACKAGE) == {"1.0.0": "published"}


def test_key_in_the_query_of_an_address_is_not_told(daemon, upstream):
    """As registries sign links to files for a few minutes."""
    secret = "X-Signature=s3cret"
    upstream.replace(world(version("1.0.0"), version("1.1.0"), version("1.2.0")))
    for number in ("1.0.0", "1.1.0", "1.2.0"):
        path = f"/v1/providers/acme/thing/{number}/download/linux/amd64"
        known = document(upstream, path)
        alter(upstream, path, **{name: f"{known[name]}?{secret}" for name in
                                 ("download_url", "shasums_url", "shasums_signature_url")})
    upstream.add_fault("status", role="hashicorp_releases", path=r"1\.0\.0.*SHA256SUMS\?", status=403)
    upstream.add_fault("wrong-digest", role="hashicorp_releases", path=r"1\.1\.0.*\.zip")
    start(daemon, upstream, world(version("1.0.0"), version("1.1.0"), version("1.2.0")))
    assert daemon.states(PACKAGE) == {"1.2.0": "published", "1.1.0": "failed", "1.0.0": "failed"}
    assert "SHA256SUMS: HTTP 403" in reason(daemon)[1]
    assert [path for path in paths(upstream, "hashicorp_releases") if secret in path and ".zip" in path]
    daemon.stop()
    for text in (daemon.text(), *(path.read_text(errors="replace") for path in daemon.state.rglob("*") if path.is_file())):
        assert "s3cret" not in text


def test_one_platform_does_not_stop_another(daemon, upstream):
    wanted = world(version("1.0.0", ["linux_amd64", "linux_arm64"]))
    upstream.replace(wanted)
    alter(upstream, shasum=OTHER)
    start(daemon, upstream, wanted, platforms=(("linux",), ("amd64", "arm64")))
    assert reason(daemon)[0] == "failed" and "linux_amd64" in reason(daemon)[1]
    assert check(daemon.store) == {"thing": {"1.0.0": ["linux_arm64"]}}
    upstream.clear_faults()
    daemon.sync("--force")
    assert check(daemon.store) == {"thing": {"1.0.0": ["linux_amd64", "linux_arm64"]}}


def test_archive_that_is_not_what_the_registry_tells(daemon, upstream):
    upstream.add_fault("wrong-digest", role="hashicorp_releases", path=r"\.zip$")
    start(daemon, upstream, world(version("1.0.0")))
    state, why = reason(daemon)
    assert state == "failed" and "the archive has" in why
    assert check(daemon.store) == {}


DEEP = "[" * 100_000
ANSWERS = {
    "html": ("/versions$", {"action": "garbage"}, "/versions: provider: unexpected character"),
    "discovery in html": ("terraform.json$", {"action": "garbage"}, "terraform.json: services: unexpected character"),
    "no providers": ("terraform.json$", {"action": "garbage", "body": '{"modules.v1": "/v1/modules/"}',
                                         "content_type": "application/json"}, "has no provider registry"),
    "no services": ("terraform.json$", {"action": "status", "status": 404}, "has no provider registry"),
    "providers in the clear": ("terraform.json$", {"action": "garbage", "body": '{"providers.v1": "http://example.com/"}'},
                               "not a URL that may be followed"),
    "deep": ("/versions$", {"action": "garbage", "body": DEEP}, "nesting too deep"),
    "huge": ("/versions$", {"action": "huge"}, "larger than the limit of 33554432 bytes"),
    "huge discovery": ("terraform.json$", {"action": "huge"}, "larger than the limit of 1048576 bytes"),
    "redirect in the clear": ("/versions$", {"action": "redirect-to", "location": "http://localhost:1/versions"},
                              "the redirect leaves https"),
    "redirects in a circle": ("/versions$", {"action": "redirect-loop"}, "more than five redirects"),
    "unknown": ("/versions$", {"action": "status", "status": 404}, "404"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_answer_that_is_no_listing(daemon, upstream, name):
    """Nothing is known, so nothing is done: what the store has stays as it is."""
    path, fault, expected = ANSWERS[name]
    start(daemon, upstream, world(version("1.0.0")))
    before = daemon.snapshot(daemon.store)
    fault = dict(fault)
    daemon.stop()
    upstream.replace(world(version("2.0.0")))
    upstream.add_fault(fault.pop("action"), role="registry", path=path, **fault)
    daemon.start()
    daemon.sync("--force", status=1)
    package = daemon.packages()[PACKAGE]
    assert package["state"] == "failed" and expected in package["reason"], package["reason"]
    assert daemon.snapshot(daemon.store) == before
    upstream.clear_faults()
    daemon.sync("--force")
    assert daemon.states(PACKAGE)["2.0.0"] == "published"


def test_listing_with_duplicates_and_what_cannot_be_named(daemon, upstream):
    upstream.replace(world(version("1.0.0")))
    one = document(upstream, "/v1/providers/acme/thing/versions")["versions"][0]
    odd = [{"version": text} for text in ("v1.0.0", "not a version", "../1.0.0", "2.0.0")]
    alter(upstream, "/v1/providers/acme/thing/versions", versions=[one, one, *odd, one | {"platforms": one["platforms"] * 2}])
    start(daemon, upstream, world(version("1.0.0")))
    assert daemon.states(PACKAGE)["1.0.0"] == "published"
    assert check(daemon.store) == {"thing": {"1.0.0": PLATFORM}}


def test_proof_that_is_lost_comes_back(daemon, upstream):
    """The store's check misses it; the registry is asked for where it is."""
    start(daemon, upstream, world(version("1.0.0")))
    before = daemon.tree()
    for file in daemon.provider_directory("thing", namespace="acme").glob("*SHA256SUMS*"):
        file.unlink()
    daemon.restart()
    daemon.sync()
    assert daemon.tree() == before
