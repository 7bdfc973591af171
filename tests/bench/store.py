"""A store as the daemon leaves it when it has published every version of many packages of one shape."""

import json
import os

from simulator.world import default_created

# Of a provider and of a module: what is between the root of the store and the directory of the package.
PROVIDERS = "store/providers/registry.terraform.io/hashicorp"
MODULES = "store/modules/default"


class Shape:
    """One version of one package, as the daemon has published it. Names and versions are replaced by others of the same
    length, so that all sizes stay true."""

    def __init__(self, directory):
        self.directory = directory
        self.record = json.loads((directory / "record.json").read_text())
        (self.version,) = self.record["versions"]
        # The documents are the daemon's to write: it finds that they are not there.
        self.files = [file for file in directory.iterdir() if file.suffix != ".json"]

    def multiply(self, directory, name, other, versions):
        """The package `other` with these versions, in the order of their age, for one called `name`."""
        directory.mkdir(parents=True)
        record = json.loads(json.dumps(self.record).replace(name, other))
        entry = json.dumps(record["versions"].pop(self.version))
        for index, version in enumerate(versions):
            recorded = record["versions"][version] = json.loads(entry.replace(self.version, version))
            # As upstream says it, too: another time would be a difference to be noted.
            recorded["upstream"] = dict.fromkeys(recorded["upstream"], default_created(index, milliseconds=False))
        (directory / "record.json").write_text(json.dumps(record))
        for file in self.files:
            for version in versions if self.version in file.name else [self.version]:
                target = directory / file.name.replace(name, other).replace(self.version, version)
                if file.name.endswith("_SHA256SUMS"):
                    target.write_text(file.read_text().replace(name, other).replace(self.version, version))
                else:
                    os.link(file, target)


def fill(seed, state, world):
    """The store in `state`, from one in `seed` that has the newest version of the first provider and module of the world."""
    name = world.providers[0].type
    shape = Shape(seed / PROVIDERS / name)
    for provider in world.providers:
        versions = [v.version for v in provider.versions]
        shape.multiply(state / PROVIDERS / provider.type, name, provider.type, versions)
    name = world.modules[0].repo
    shape = Shape(seed / MODULES / name / "test")
    for module in world.modules:
        versions = [release.tag.removeprefix("v") for release in module.releases]
        shape.multiply(state / MODULES / module.repo / "test", name, module.repo, versions)
