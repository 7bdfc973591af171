"""The real clients, terraform and OpenTofu, install from the store, served as plain static files."""

import json
import os
import re
import shutil
import subprocess

import pytest

from daemon import HOSTNAMES, module, provider
from network import nginx
from setting import why_missing
from simulator.world import Module, Provider, ProviderVersion, Release, World

PLATFORMS = ["linux_amd64", "linux_arm64"]
# Each client's own registry, where it takes an address without a hostname to be.
REGISTRY = dict(zip(("terraform", "tofu"), HOSTNAMES, strict=True))
# A registry that is none of HOSTNAMES, under whose name the mirror has its providers.
PRIVATE = "registry.acme.example"
REQUIRED = """\
terraform {{
  required_providers {{
    {name} = {{
      source = "{source}"
{version}    }}
  }}
}}
"""
RELEASE_FILES = {"main.tf": 'output "greeting" {\n  value = "hello from the store"\n}\n', "README.md": "# vpc\n"}

pytestmark = pytest.mark.skipif(os.uname().machine != "x86_64", reason="the world has no providers for this machine")


@pytest.fixture(params=REGISTRY)
def program(request):
    if reason := why_missing(request.param):
        pytest.skip(reason)
    return request.param


def fill(daemon, upstream):
    versions = [ProviderVersion("1.0.0", PLATFORMS), ProviderVersion("1.1.0", PLATFORMS)]
    versions.append(ProviderVersion("1.2.0", PLATFORMS, sign="foreign"))
    releases = [Release("v1.0.0", files=RELEASE_FILES)]
    community = Provider("thing", "acme", [ProviderVersion("2.0.0", PLATFORMS)])
    upstream.replace(World([Provider("null", versions=versions), community],
                           [Module("acme", "terraform-aws-vpc", releases)]))
    others = [provider("thing", namespace="Acme"), provider("thing", namespace="acme", registry=PRIVATE)]
    daemon.write_depot("team", [provider("null"), *others], [module("terraform-aws-vpc", "acme", "aws")])
    daemon.start().settle()
    for namespace in ("acme", f"{PRIVATE}/acme"):
        daemon.run("keys", "accept", namespace, upstream.endpoints["fingerprint"])
        daemon.settle()
        assert daemon.states(f"{namespace}/thing") == {"2.0.0": "published"}
    assert daemon.states("hashicorp/null") == {"1.2.0": "failed", "1.1.0": "published", "1.0.0": "published"}


@pytest.fixture
def filled(daemon, upstream):
    fill(daemon, upstream)
    return daemon


@pytest.fixture
def served(filled, upstream, tmp_path):
    """Base URL of the store as nginx serves it."""
    if not shutil.which("nginx"):
        pytest.skip("nginx is not here")
    types = "types { application/json json; application/zip zip; }"
    with nginx(tmp_path / "nginx", upstream.directory / "tls/good.pem", [f"root {filled.store};"], types) as ((url,), _):
        yield url


class Client:
    """A working directory of terraform or tofu with a configuration of its own."""

    def __init__(self, program, directory, upstream, installation):
        self.program = program
        self.directory = directory / "work"
        self.directory.mkdir()
        configuration = directory / "client.rc"
        configuration.write_text(f"provider_installation {{\n  {installation}\n}}\n")
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(directory),
            "TF_CLI_CONFIG_FILE": str(configuration),
            "SSL_CERT_FILE": upstream.endpoints["ca"],
            "CHECKPOINT_DISABLE": "1",
        }

    def require(self, source, version=None):
        constraint = f'      version = "{version}"\n' if version else ""
        (self.directory / "main.tf").write_text(REQUIRED.format(name="null", source=source, version=constraint))

    def run(self, *arguments, status=0):
        result = subprocess.run(
            [self.program, *arguments],
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        assert result.returncode == status, result.stdout
        return re.sub(r"\s+", " ", result.stdout.replace("\u2502", ""))

    def init(self, *arguments, **options):
        return self.run("init", "-no-color", "-input=false", *arguments, **options)

    def locked(self):
        """Address, version and hashes of the one provider in the lock file."""
        text = (self.directory / ".terraform.lock.hcl").read_text()
        (address,) = re.findall(r'^provider "(.*)"', text, re.MULTILINE)
        return address, re.search(r'version\s+= "(.*)"', text)[1], set(re.findall(r'"((?:h1|zh):.*)"', text))

    def lock(self, address, version, hashes):
        """Writes the lock file."""
        rows = "".join(f'    "{one}",\n' for one in sorted(hashes))
        text = f'provider "{address}" {{\n  version = "{version}"\n  hashes = [\n{rows}  ]\n}}\n'
        (self.directory / ".terraform.lock.hcl").write_text(text)


def hashes_of(daemon, version, *platforms):
    """What the documents say of these platforms, by scheme."""
    archives = json.loads((daemon.provider_directory("null") / f"{version}.json").read_text())["archives"]
    hashes = {one for platform in platforms for one in archives[platform]["hashes"]}
    by_scheme = {scheme: {one for one in hashes if one.startswith(scheme)} for scheme in ("h1:", "zh:")}
    assert all(len(found) == len(platforms) for found in by_scheme.values())
    return by_scheme


def h1_of(daemon, version, *platforms):
    return hashes_of(daemon, version, *platforms)["h1:"]


def lockable(program, daemon, version, *platforms):
    """What a client locks of a network mirror's archives. Both compare zh: while they fetch; OpenTofu locks it, too."""
    hashes = hashes_of(daemon, version, *platforms)
    return hashes["h1:"] | (hashes["zh:"] if program == "tofu" else set())


def installed(client, hostname, version):
    directory = client.directory / f".terraform/providers/{hostname}/hashicorp/null/{version}/linux_amd64"
    return [path.name for path in directory.glob("terraform-provider-*")]


def init_again(client, hostname):
    """From the lock file. OpenTofu takes an entry of Terraform's registry for one to be replaced, whatever the
    configuration names: it keeps to the entry and leaves it as it is, but not when the file is read-only."""
    shutil.rmtree(client.directory / ".terraform")
    if client.program == "tofu" and hostname == REGISTRY["terraform"]:
        assert "rewrote some entries" in client.init("-lockfile=readonly", status=1)
        client.init()
    else:
        client.init("-lockfile=readonly")
    assert installed(client, hostname, "1.1.0")


@pytest.mark.parametrize("hostname", HOSTNAMES)
def test_network_mirror(program, filled, served, upstream, tmp_path, hostname):
    client = Client(program, tmp_path, upstream, f'network_mirror {{ url = "{served}/providers/" }}')
    # Its own registry is what a client takes an address without a hostname to mean.
    source = "hashicorp/null" if hostname == REGISTRY[program] else f"{hostname}/hashicorp/null"
    client.require(source)
    client.init()
    assert installed(client, hostname, "1.1.0") == ["terraform-provider-null_v1.1.0_x5"]
    locked = lockable(program, filled, "1.1.0", "linux_amd64")
    assert client.locked() == (f"{hostname}/hashicorp/null", "1.1.0", locked)

    # The same again from the lock file alone, and an older version on request.
    init_again(client, hostname)
    assert client.locked() == (f"{hostname}/hashicorp/null", "1.1.0", locked)
    client.require(source, "1.0.0")
    client.init("-upgrade")
    locked = lockable(program, filled, "1.0.0", "linux_amd64")
    assert client.locked() == (f"{hostname}/hashicorp/null", "1.0.0", locked)


@pytest.mark.parametrize("hostname", [*HOSTNAMES, PRIVATE])
def test_provider_of_another_namespace(program, filled, served, upstream, tmp_path, hostname):
    """From the public registry's mirror, and under the name of a registry that the client cannot ask itself."""
    client = Client(program, tmp_path, upstream, f'network_mirror {{ url = "{served}/providers/" }}')
    client.require(f"{hostname}/acme/thing")
    client.init()
    address, number, hashes = client.locked()
    directory = filled.provider_directory("thing", PRIVATE if hostname == PRIVATE else HOSTNAMES[0], "acme")
    archives = json.loads((directory / "2.0.0.json").read_text())["archives"]
    assert (address, number) == (f"{hostname}/acme/thing", "2.0.0")
    assert hashes <= set(archives["linux_amd64"]["hashes"]) and any(one.startswith("h1:") for one in hashes)
    unpacked = client.directory / f".terraform/providers/{hostname}/acme/thing/2.0.0/linux_amd64"
    assert [path.name for path in unpacked.glob("terraform-provider-*")] == ["terraform-provider-thing_v2.0.0_x5"]


def test_lock_for_other_platforms(program, filled, served, upstream, tmp_path):
    mirror = f"{served}/providers/"
    client = Client(program, tmp_path, upstream, f'network_mirror {{ url = "{mirror}" }}')
    client.require("hashicorp/null")
    platforms = [f"-platform={platform}" for platform in PLATFORMS]
    client.run("providers", "lock", "-no-color", f"-net-mirror={mirror}", *platforms)
    address = f"{REGISTRY[program]}/hashicorp/null"
    assert client.locked() == (address, "1.1.0", lockable(program, filled, "1.1.0", *PLATFORMS))
    client.init("-lockfile=readonly")


@pytest.mark.parametrize("hostname", HOSTNAMES)
def test_lock_file_that_was_made_elsewhere(program, filled, served, upstream, tmp_path, hostname):
    """One made from the origin names every archive by zh: of SHA256SUMS; what the mirror has must be among them."""
    client = Client(program, tmp_path, upstream, f'network_mirror {{ url = "{served}/providers/" }}')
    address = f"{hostname}/hashicorp/null"
    client.require(address)
    sums = (filled.provider_directory("null") / "terraform-provider-null_1.1.0_SHA256SUMS").read_text()
    signed = {f"zh:{line.split()[0]}" for line in sums.splitlines()}
    assert hashes_of(filled, "1.1.0", *PLATFORMS)["zh:"] <= signed
    hashes = h1_of(filled, "1.1.0", "linux_amd64") | signed
    client.lock(address, "1.1.0", hashes)
    client.init()
    assert client.locked() == (address, "1.1.0", hashes)
    init_again(client, hostname)

    # zh: alone is enough to accept it; the client adds its own h1:.
    shutil.rmtree(client.directory / ".terraform")
    client.lock(address, "1.1.0", signed)
    client.init()
    assert client.locked() == (address, "1.1.0", hashes)

    shutil.rmtree(client.directory / ".terraform")
    other = hashes_of(filled, "1.0.0", *PLATFORMS)
    client.lock(address, "1.1.0", other["h1:"] | other["zh:"])
    for arguments in ([], ["-upgrade"]):
        assert "checksum" in client.init(*arguments, status=1)
        assert installed(client, hostname, "1.1.0") == []


def test_what_is_changed_after_the_fact_is_refused(program, filled, served, upstream, tmp_path):
    """The client checks the documents' hashes, so that the web server need not be trusted."""
    path = filled.provider_directory("null") / "terraform-provider-null_1.1.0_linux_amd64.zip"
    path.write_bytes((filled.provider_directory("null") / "terraform-provider-null_1.0.0_linux_amd64.zip").read_bytes())
    client = Client(program, tmp_path, upstream, f'network_mirror {{ url = "{served}/providers/" }}')
    client.require("hashicorp/null")
    assert "checksum" in client.init(status=1)


def test_what_failed_verification_cannot_be_installed(program, filled, served, upstream, tmp_path):
    network = f'network_mirror {{ url = "{served}/providers/" }}'
    files = f'filesystem_mirror {{ path = "{filled.store}/providers" }}'
    for number, installation in enumerate((network, files)):
        directory = tmp_path / str(number)
        directory.mkdir()
        client = Client(program, directory, upstream, installation)
        client.require(f"{HOSTNAMES[0]}/hashicorp/null", "1.2.0")
        assert "no available releases match the given constraints 1.2.0" in client.init(status=1)


def install_from_files(daemon, client, hostname, source):
    client.require(source)
    client.init()
    assert installed(client, hostname, "1.1.0") == ["terraform-provider-null_v1.1.0_x5"]
    locked = (f"{hostname}/hashicorp/null", "1.1.0", h1_of(daemon, "1.1.0", "linux_amd64"))
    assert client.locked() == locked
    init_again(client, hostname)
    assert client.locked() == locked


def test_filesystem_mirror(program, filled, upstream, tmp_path):
    """The archives are below one hostname, which a client of another registry has to be told."""
    client = Client(program, tmp_path, upstream, f'filesystem_mirror {{ path = "{filled.store}/providers" }}')
    install_from_files(filled, client, HOSTNAMES[0], f"{HOSTNAMES[0]}/hashicorp/null")


def test_filesystem_mirror_under_the_name_of_another_registry(program, filled, upstream, tmp_path):
    """As opendepotd(8) has it for OpenTofu; a link in place of the mount would not be followed."""
    here = tmp_path / "mirror" / REGISTRY[program]
    here.parent.mkdir()
    archives = filled.store / "providers" / HOSTNAMES[0]
    client = Client(program, tmp_path, upstream, f'filesystem_mirror {{ path = "{here.parent}" }}')
    here.symlink_to(archives)
    client.require("hashicorp/null")
    client.init(status=1)
    here.unlink()
    here.mkdir()
    subprocess.run(["mount", "--bind", "-o", "ro", archives, here], check=True)
    try:
        install_from_files(filled, client, REGISTRY[program], "hashicorp/null")
    finally:
        subprocess.run(["umount", here], check=True)


def test_filesystem_mirror_for_the_first_hostname(program, daemon, upstream, tmp_path):
    """Each client finds hashicorp/x in a store whose first hostname is its own registry's."""
    others = [name for name in HOSTNAMES if name != REGISTRY[program]]
    daemon.configure(providerHostnames=[REGISTRY[program], *others])
    fill(daemon, upstream)
    client = Client(program, tmp_path, upstream, f'filesystem_mirror {{ path = "{daemon.store}/providers" }}')
    install_from_files(daemon, client, REGISTRY[program], "hashicorp/null")


def test_module_over_http_and_from_disk(program, filled, served, upstream, tmp_path):
    path = filled.module_directory("terraform-aws-vpc", "aws") / "1.0.0.zip"
    url = f"{served}/modules/platform/terraform-aws-vpc/aws/1.0.0.zip"
    for number, source in enumerate((url, str(path))):
        directory = tmp_path / str(number)
        directory.mkdir()
        client = Client(program, directory, upstream, "direct {}")
        text = f'module "vpc" {{\n  source = "{source}"\n}}\noutput "it" {{\n  value = module.vpc.greeting\n}}\n'
        (client.directory / "main.tf").write_text(text)
        client.init()
        unpacked = client.directory / ".terraform/modules/vpc"
        assert {file.name: file.read_text() for file in unpacked.iterdir()} == RELEASE_FILES
        assert "hello from the store" in client.run("apply", "-no-color", "-auto-approve", "-input=false")
