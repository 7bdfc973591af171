"""A world made real: every file, listing and signature that the roles serve. Immutable; a new world is a new Site."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from .archives import make_archive
from .content import Artifact, ContentStore, make_provider
from .signing import Signer
from .world import Module, Provider, ProviderVersion, Release, World, default_created, parse_timestamp


@dataclass(frozen=True)
class Build:
    """A provider version with its files."""

    provider: Provider
    version: ProviderVersion
    created: str
    zips: dict[str, Artifact]           # by platform
    sums: bytes
    signatures: dict[str, bytes]        # by file name

    @property
    def folder(self) -> str:
        return f"{self.provider.folder}/{self.version.version}"

    def zip_name(self, platform: str) -> str:
        return f"{self.provider.product}_{self.version.version}_{platform}.zip"

    @property
    def sums_name(self) -> str:
        return f"{self.provider.product}_{self.version.version}_SHA256SUMS"


@dataclass(frozen=True)
class Tagged:
    """A tag of a repository with its archives."""

    release: Release
    commit: str
    created: str
    web: Artifact | None                # {repo}-{tag without v}/; None: only listed
    legacy: Artifact | None             # {owner}-{repo}-{sha7}/


@dataclass(frozen=True)
class Repository:
    module: Module
    tags: list[Tagged]                  # newest first, as the API lists them

    def tag(self, name: str) -> Tagged | None:
        return next((t for t in self.tags if t.release.tag == name), None)


@dataclass
class Site:
    world: World
    builds: dict[tuple[str, str], list[Build]] = field(default_factory=dict)        # (namespace, type): newest first
    files: dict[str, Artifact | bytes] = field(default_factory=dict)                # path on the releases server
    modified: dict[str, float] = field(default_factory=dict)                        # of those that were changed: when
    repositories: dict[str, Repository] = field(default_factory=dict)               # lower-case owner/repo
    renamed: dict[str, Repository] = field(default_factory=dict)
    by_id: dict[int, Repository] = field(default_factory=dict)

    def follow(self, before: Site) -> None:
        """What has other bytes than there were is as new as it is; the rest is as old as it was."""
        for path, content in self.files.items():
            old = before.files.get(path)
            if old is not None and (old if isinstance(old, bytes) else old.sha256) != \
                    (content if isinstance(content, bytes) else content.sha256):
                self.modified[path] = time.time()
            elif path in before.modified:
                self.modified[path] = before.modified[path]

    def artifacts(self) -> dict[str, Any]:
        """What a test compares with: sizes, digests and h1: of everything published."""
        providers, modules = [], []
        for builds in self.builds.values():
            for build in builds:
                for platform, artifact in build.zips.items():
                    providers.append({
                        "namespace": build.provider.namespace, "type": build.provider.type,
                        "version": build.version.version, "platform": platform,
                        "path": f"/{build.folder}/{build.zip_name(platform)}",
                        "size": artifact.size, "sha256": artifact.sha256, "h1": artifact.tree})
        for repository in self.repositories.values():
            for tagged in repository.tags:
                if tagged.web is None:
                    continue
                modules.append({
                    "owner": repository.module.owner, "repo": repository.module.repo, "tag": tagged.release.tag,
                    "commit": tagged.commit, "size": tagged.web.size, "sha256": tagged.web.sha256,
                    "h1": tagged.web.tree})
        return {"providers": providers, "modules": modules}


class SiteBuilder:
    def __init__(self, store: ContentStore, signer: Signer) -> None:
        self._store = store
        self._signer = signer

    def build(self, world: World) -> Site:
        """Makes what is missing in the store and compiles the site. Takes seconds for gigabytes, else little."""
        world.check()
        site = Site(world)
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
            for provider in world.providers:
                jobs = [pool.submit(self._version, provider, version, index)
                        for index, version in enumerate(provider.versions)]
                site.builds[provider.namespace, provider.type] = jobs      # type: ignore[assignment]
            tags = {id(module): [pool.submit(self._tag, module, release, index)
                                 for index, release in enumerate(module.releases)] for module in world.modules}
            for key, jobs in site.builds.items():
                done = [job.result() for job in jobs]                      # type: ignore[attr-defined]
                site.builds[key] = sorted(done, key=lambda b: parse_timestamp(b.created), reverse=True)
            for module in world.modules:
                self._add_repository(site, module, [job.result() for job in tags[id(module)]])
        self._signer.rest()
        for builds in site.builds.values():
            for build in builds:
                if not build.version.listed:
                    self._add_files(site, build)
        return site

    def _version(self, provider: Provider, version: ProviderVersion, index: int) -> Build:
        zips = {}
        if version.listed:
            return Build(provider, version, version.created or default_created(index), zips, b"", {})
        for platform in version.platforms:
            arguments = {"kind": provider.type, "version": version.version, "platform": platform,
                         "shape": version.shape, "size": version.size, "unpacked": version.unpacked,
                         "seed": version.seed}
            if version.program:
                arguments["program"] = version.program
            zips[platform] = self._store.get({"provider": provider.namespace, **arguments}, ".zip",
                                             lambda out, a=arguments: make_provider(out, **a))     # type: ignore[misc]
        build = Build(provider, version, version.created or default_created(index), zips, b"", {})
        sums = self._sums(build)
        return dataclasses.replace(build, sums=sums, signatures=self._signatures(build, sums))

    @staticmethod
    def _sums(build: Build) -> bytes:
        """All zips and the manifest, sorted by name, as upstream lists them; with the fault that is asked for."""
        kind = build.version.sums
        lines = {build.zip_name(p): a.sha256 for p, a in build.zips.items()}
        manifest = manifest_json(build.version)
        lines[manifest_name(build)] = hashlib.sha256(manifest).hexdigest()
        first = build.zip_name(build.version.platforms[0])
        if kind == "missing-line":
            del lines[first]
        elif kind == "wrong-digest":
            lines[first] = hashlib.sha256(b"something else").hexdigest()
        text = "".join(f"{digest}  {name}\n" for name, digest in sorted(lines.items()))
        if kind == "malformed":
            text = "<html>\n" + text.replace("  ", " ").upper()
        return b"" if kind == "empty" else text.encode()

    def _signatures(self, build: Build, sums: bytes) -> dict[str, bytes]:
        kind = build.version.sign
        if kind == "missing":
            return {}
        name = kind if kind in ("foreign", "expired", "renewed") else "good"
        signed = sums + b"altered\n" if kind == "bad" else sums
        data = self._signer.sign(name, signed, "SHA1" if kind == "sha1" else "SHA256", armor=kind == "armored")
        if kind == "truncated":
            data = data[:len(data) // 2]
        key = self._signer.keys["good" if kind == "bad" else name]
        return {f"{build.sums_name}.sig": data, f"{build.sums_name}.{key.short_id}.sig": data}

    @staticmethod
    def _add_files(site: Site, build: Build) -> None:
        for platform, artifact in build.zips.items():
            site.files[f"/{build.folder}/{build.zip_name(platform)}"] = artifact
        site.files[f"/{build.folder}/{build.sums_name}"] = build.sums
        site.files[f"/{build.folder}/{manifest_name(build)}"] = manifest_json(build.version)
        for name, data in build.signatures.items():
            site.files[f"/{build.folder}/{name}"] = data

    def _tag(self, module: Module, release: Release, index: int) -> Tagged:
        commit = module.commit(release)
        created = release.created or default_created(index, milliseconds=False)
        if release.listed:
            return Tagged(release, commit, created, None, None)
        plain = release.tag[1:] if release.tag[:1] == "v" and release.tag[1:2].isdigit() else release.tag
        archives = []
        for top in (f"{module.repo}-{plain}", f"{module.owner}-{module.repo}-{commit[:7]}"):
            top = top.replace("/", "-")
            description = {"module": f"{module.owner}/{module.repo}", "top": top, "commit": commit,
                           **dataclasses.asdict(release)}
            archives.append(self._store.get(
                description, ".tar.gz", functools.partial(_write_archive, module, release, top)))
        return Tagged(release, commit, created, *archives)

    @staticmethod
    def _add_repository(site: Site, module: Module, tags: list[Tagged]) -> None:
        repository = Repository(module, sorted(tags, key=lambda t: parse_timestamp(t.created), reverse=True))
        site.repositories[f"{module.owner}/{module.repo}".lower()] = repository
        site.by_id[module.id] = repository
        for old in module.renamed_from:
            site.renamed[old.lower()] = repository


def _write_archive(module: Module, release: Release, top: str, out: BinaryIO) -> str:
    return make_archive(out, module, release, top)


def manifest_name(build: Build) -> str:
    return f"{build.provider.product}_{build.version.version}_manifest.json"


def manifest_json(version: ProviderVersion) -> bytes:
    protocols = ", ".join(f'"{p}"' for p in version.protocols)
    return f'{{\n  "version": 1,\n  "metadata": {{\n    "protocol_versions": [{protocols}]\n  }}\n}}\n'.encode()
