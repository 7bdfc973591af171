"""The examples of the README and the manual pages: each is valid as it stands there, and the scenarios work."""

import json
import re

import pytest
import yaml

from daemon import HOSTNAMES
from setting import TREE, settings
from simulator.world import App, Installation, Module, Provider, ProviderVersion, Release, World
from test_github_app import KEY, pem, public

MANUALS = sorted((TREE / "man").glob("*.[1-8]"))
ESCAPES = {r"\-": "-", r"\(dq": '"', r"\(aq": "'", r"\(ti": "~", r"\e": "\\"}
# The first line of a file that is told whole.
PATH = re.compile(r"# (/etc/\S+)\n")
SETTINGS = re.compile(r"(upstream|network|transfers|workers|modules|store|keys|providerHostnames):", re.MULTILINE)


def manual_blocks(path):
    for block in re.findall(r"^\.EX\n(.*?)^\.EE$", path.read_text(), re.MULTILINE | re.DOTALL):
        yield re.sub(r"\\(?:\(..|.)", lambda match: ESCAPES[match[0]], block)


def readme_blocks():
    lines, block = (TREE / "README.md").read_text().splitlines(), []
    for line in [*lines, ""]:
        if line.startswith("    "):
            block.append(line[4:])
        elif block:
            yield "\n".join(block) + "\n"
            block = []


def files(blocks):
    """What is told with a path, by path."""
    return {match[1]: block[match.end() :] for block in blocks if (match := PATH.match(block))}


def is_configuration(block):
    return re.search(r"^apiVersion:", block, re.MULTILINE) or SETTINGS.match(PATH.sub("", block, count=1))


def shipped(name):
    """An example file without its comments."""
    lines = (TREE / "conf.d" / name).read_text().splitlines(keepends=True)
    return "".join(line for line in lines if not line.lstrip().startswith("#"))


README = list(readme_blocks())
SCENARIOS = files(manual_blocks(TREE / "man/opendepot-scenarios.7"))
BLOCKS = [
    (f"{source}-{i}", block)
    for source, blocks in [("README", README)] + [(path.name, manual_blocks(path)) for path in MANUALS]
    for i, block in enumerate(blocks)
    if is_configuration(block)
]


def test_there_are_examples():
    sources = {name.rpartition("-")[0] for name, _ in BLOCKS}
    assert sources == {"README", "opendepot.yaml.5", "opendepot-depot.5", "opendepot-scenarios.7"}
    assert len(BLOCKS) >= 12


@pytest.mark.parametrize("block", [block for _, block in BLOCKS], ids=[name for name, _ in BLOCKS])
def test_an_example_is_valid(daemon, tmp_path, block):
    path = tmp_path / ("example.yaml" if "apiVersion:" in block else "opendepot.yaml")
    path.write_text(block)
    checked = daemon.run("verify-config", str(path))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    # And it is looked at: a key that nobody knows is found.
    path.write_text(block + "unknownKey: 1\n")
    checked = daemon.run("verify-config", str(path))
    assert checked.returncode != 0 and "unknownKey" in checked.stdout + checked.stderr


def test_the_scenarios_are_the_same_everywhere():
    assert SCENARIOS == files(README)
    documents = {path.rpartition("/")[2]: text for path, text in SCENARIOS.items() if "/conf.d/" in path}
    assert sorted(documents) == ["modules.yaml", "private-modules.yaml", "providers.yaml"]
    for name, text in documents.items():
        assert text == shipped(name), name


def start(daemon, simulator, world, document, **more):
    simulator.replace(world)
    (daemon.configuration / "opendepot.yaml").write_text(settings(simulator.endpoints, **more))
    daemon.write_document(document.rpartition("/")[2].removesuffix(".yaml"), SCENARIOS[document])
    daemon.start().settle()


def test_mirroring_providers(daemon, upstream):
    def make(name, *numbers):
        platforms = ["linux_amd64", "linux_arm64", "darwin_amd64", "darwin_arm64", "windows_amd64"]
        return Provider(name, versions=[ProviderVersion(number, platforms, 20_000) for number in numbers])

    world = World([make("random", "3.6.3", "3.7.1", "3.7.2", "4.0.0"), make("aws", "5.100.0", "6.0.0", "6.1.0", "6.2.0")])
    start(daemon, upstream, world, "/etc/opendepot/conf.d/providers.yaml")
    assert daemon.states("hashicorp/random") == dict.fromkeys(["3.7.1", "3.7.2"], "published")
    assert daemon.states("hashicorp/aws") == dict.fromkeys(["6.1.0", "6.2.0"], "published")
    directory = daemon.provider_directory("random", HOSTNAMES[0])
    platforms = json.loads((directory / "3.7.2.json").read_text())["archives"]
    assert sorted(platforms) == ["darwin_amd64", "darwin_arm64", "linux_amd64", "linux_arm64"]


def test_tracking_public_modules(daemon, upstream):
    def make(name, *tags):
        return Module("terraform-aws-modules", name, [Release(tag) for tag in tags])

    eks = [f"v21.{i}.0" for i in range(11, 18)]
    world = World([], [make("terraform-aws-vpc", "v5.21.0", "v6.0.1", "v6.1.0"), make("terraform-aws-eks", *eks)])
    start(daemon, upstream, world, "/etc/opendepot/conf.d/modules.yaml")
    assert daemon.states("platform/terraform-aws-vpc/aws") == dict.fromkeys(["6.0.1", "6.1.0"], "published")
    # Five of them, and not the one that is left out.
    expected = [f"21.{i}.0" for i in (12, 14, 15, 16, 17)]
    assert daemon.states("platform/terraform-aws-eks/aws") == dict.fromkeys(expected, "published")
    # What the manual has clients name.
    assert "modules/platform/terraform-aws-vpc/aws/6.0.1.zip" in daemon.files()


def test_importing_private_modules(daemon, upstream):
    modules = [
        Module("example-org", "terraform-aws-network", [Release("v0.9.0"), Release("v1.0.0")], private=True),
        Module("example-org", "terraform-aws-cluster", [Release("v2.0.0")], private=True),
    ]
    world = World([], modules, apps=[App("123456", public(KEY), [Installation(42, "example-org")])])
    given = yaml.safe_load(SCENARIOS["/etc/opendepot/opendepot.yaml"])["upstream"]["github"]
    drop_in = SCENARIOS["/etc/systemd/system/opendepot.service.d/github-app.conf"]
    (name,) = re.findall(r"^LoadCredentialEncrypted=([^:]+):", drop_in, re.MULTILINE)
    assert name == given["app"]["privateKeyCredential"]
    daemon.write_credential(name, pem(KEY))
    addresses = json.loads(settings(upstream.endpoints))["upstream"]
    addresses["github"] |= given
    start(daemon, upstream, world, "/etc/opendepot/conf.d/private-modules.yaml", upstream=addresses)
    assert daemon.states("platform/terraform-aws-network/aws") == {"1.0.0": "published"}
    assert daemon.states("platform/terraform-aws-cluster/aws") == {"2.0.0": "published"}
    assert "modules/platform/terraform-aws-network/aws/1.0.0.zip" in daemon.files()
