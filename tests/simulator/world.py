"""What the simulated upstream publishes: the description that JSON files, tests and generators share.

Everything here is plain data. site.py turns it into files, signatures and listings.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SHAPES = ("stored", "random", "go-binary", "script", "program")
SIGNATURES = ("good", "foreign", "expired", "bad", "missing", "sha1", "armored", "truncated", "renewed")
SUMS = ("ok", "missing-line", "wrong-digest", "malformed", "empty")
TRANSFERS = ("length", "chunked")
HOSTILE = ("traversal", "absolute", "symlink-out", "symlink-absolute", "symlink-through", "hardlink-out", "device",
           "fifo", "duplicate", "bomb", "entries", "deep", "newline", "two-tops", "no-commit", "bad-commit",
           "truncated", "not-gzip", "empty")

DEFAULT_PLATFORMS = ("linux_amd64", "linux_arm64", "darwin_arm64")
SIZE_MAX = 3 << 30          # above it a zip would need zip64, which provider zips do not have
BOMB_MAX = 64 << 30

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}\Z")
_PLATFORM = re.compile(r"[a-z0-9]{1,20}_[a-z0-9]{1,20}\Z")
_VERSION = re.compile(r"[0-9A-Za-z.+-]{1,100}\Z")
_EPOCH = datetime.datetime(2024, 1, 1, 12, 0, 0, 901000, tzinfo=datetime.timezone.utc)


class WorldError(ValueError):
    """The description is wrong; the message names the place."""


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise WorldError(message)


def timestamp(moment: datetime.datetime, milliseconds: bool) -> str:
    """RFC 3339 as HashiCorp (milliseconds) and GitHub (whole seconds) write it."""
    text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{moment.microsecond // 1000:03d}Z" if milliseconds else text + "Z"


def timestamp_of(seconds: float) -> str:
    """RFC 3339 of a time since the epoch, as GitHub writes it."""
    return timestamp(datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc), milliseconds=False)


@functools.lru_cache(maxsize=1 << 16)
def parse_timestamp(text: str) -> datetime.datetime:
    """The instant of an RFC 3339 timestamp; ValueError where it is none or names no zone."""
    moment = datetime.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text}: no time zone")
    return moment


def _check_created(text: str, where: str) -> None:
    try:
        parse_timestamp(text or "2024-01-01T00:00:00Z")
    except ValueError:
        raise WorldError(f"{where}: created is not an RFC 3339 timestamp") from None


def default_created(index: int, milliseconds: bool = True) -> str:
    """The date of the entry at this position, one day apart, so that the last in a list is the newest."""
    return timestamp(_EPOCH + datetime.timedelta(days=index), milliseconds)


@dataclass
class ProviderVersion:
    version: str
    platforms: list[str] = field(default_factory=lambda: list(DEFAULT_PLATFORMS))
    size: int = 100_000                 # bytes of the zip, roughly
    shape: str = "stored"
    unpacked: int = 0                   # go-binary: bytes of the executable; 0 = 2.9 * size
    program: str = ""                   # program: the file that is the executable
    withdrawn: bool = False
    unsupported: bool = False
    message: str = ""
    license_class: str = "oss"
    created: str = ""                   # RFC 3339; empty = from the position in the list
    sign: str = "good"
    sums: str = "ok"
    seed: int = 0                       # another seed gives the same version other bytes
    protocols: list[str] = field(default_factory=lambda: ["5.0"])
    keys: list[str] | None = None       # that the registry names; None: the one that signs, "good" instead of "foreign"
    listed: bool = False                # in lists only: nothing of it can be fetched

    def check(self, where: str) -> None:
        where = f"{where} {self.version}"
        _require(bool(_VERSION.match(self.version)), f"{where}: bad version")
        _require(bool(self.platforms), f"{where}: no platforms")
        for platform in self.platforms:
            _require(bool(_PLATFORM.match(platform)), f"{where}: bad platform {platform!r}")
        _require(0 < self.size <= SIZE_MAX, f"{where}: size out of range")
        _require(0 <= self.unpacked <= SIZE_MAX, f"{where}: unpacked out of range")
        _require(self.shape in SHAPES, f"{where}: shape must be one of {', '.join(SHAPES)}")
        _require(self.sign in SIGNATURES, f"{where}: sign must be one of {', '.join(SIGNATURES)}")
        _require((self.shape == "program") == bool(self.program), f"{where}: shape and program do not agree")
        _check_created(self.created, where)
        _require(self.sums in SUMS, f"{where}: sums must be one of {', '.join(SUMS)}")

    @property
    def prerelease(self) -> bool:
        return "-" in self.version.split("+", 1)[0]


@dataclass
class Provider:
    type: str
    namespace: str = "hashicorp"
    versions: list[ProviderVersion] = field(default_factory=list)
    relative: bool = False              # the registry has the files itself and names them by relative URLs

    @property
    def product(self) -> str:
        return f"terraform-provider-{self.type}"

    @property
    def folder(self) -> str:
        """Below the releases server: HashiCorp's own at the root, others apart since types may repeat."""
        return self.product if self.namespace == "hashicorp" else f"community/{self.namespace}/{self.product}"

    def check(self) -> None:
        where = f"provider {self.namespace}/{self.type}"
        _require(bool(_NAME.match(self.type) and _NAME.match(self.namespace)), f"{where}: bad name")
        for version in self.versions:
            version.check(where)
        _require(len({v.version for v in self.versions}) == len(self.versions), f"{where}: a version is listed twice")


@dataclass
class Release:
    tag: str
    draft: bool = False
    prerelease: bool = False
    release: bool = True                # false = a tag without a release
    commit: str = ""                    # empty = derived from repository, tag and seed
    files: dict[str, str] | None = None     # path -> text, instead of the generated module
    size: int = 0                       # bytes of incompressible padding added to the tree
    hostile: str = ""
    created: str = ""
    seed: int = 0
    listed: bool = False                # in lists only: nothing of it can be fetched

    def check(self, where: str) -> None:
        where = f"{where} {self.tag}"
        _require(0 < len(self.tag) <= 200 and self.tag.isprintable(), f"{where}: bad tag")
        _require(self.commit == "" or bool(re.fullmatch("[0-9a-f]{40}", self.commit)), f"{where}: bad commit")
        _require(self.hostile == "" or self.hostile in HOSTILE, f"{where}: hostile must be one of {', '.join(HOSTILE)}")
        _check_created(self.created, where)
        limit = BOMB_MAX if self.hostile == "bomb" else SIZE_MAX
        _require(0 <= self.size <= limit, f"{where}: size out of range")


@dataclass
class Module:
    owner: str
    repo: str
    releases: list[Release] = field(default_factory=list)
    private: bool = False               # 404 for requests without credentials
    renamed_from: list[str] = field(default_factory=list)       # "owner/repo"
    transfer: str = "length"            # how codeload sends: length | chunked
    unstable: bool = False              # every download of an archive has other bytes for the same tree

    @property
    def id(self) -> int:
        digest = hashlib.sha256(f"{self.owner}/{self.repo}".lower().encode()).digest()
        return 100_000_000 + int.from_bytes(digest[:4], "big") % 800_000_000

    def commit(self, release: Release) -> str:
        text = f"{self.owner}/{self.repo}@{release.tag}#{release.seed}"
        return release.commit or hashlib.sha1(text.encode()).hexdigest()

    def check(self) -> None:
        where = f"module {self.owner}/{self.repo}"
        _require(bool(_NAME.match(self.owner) and _NAME.match(self.repo)), f"{where}: bad name")
        _require(self.transfer in TRANSFERS, f"{where}: transfer must be one of {', '.join(TRANSFERS)}")
        for release in self.releases:
            release.check(where)
        _require(len({r.tag for r in self.releases}) == len(self.releases), f"{where}: a tag is listed twice")


@dataclass
class Installation:
    """Of a GitHub App, by an organisation or a user: its tokens see the private repositories of that owner."""

    id: int
    owner: str
    suspended: bool = False


@dataclass
class App:
    id: str
    public_key: str                     # PEM
    installations: list[Installation] = field(default_factory=list)
    client_id: str = ""
    token_lifetime: int = 3600          # seconds
    token_length: int = 400             # bytes that are random, before they are encoded

    def check(self) -> None:
        _require(self.id.isdigit(), f"app {self.id}: the id is a number")
        _require(0 < self.token_length <= 4000 and 0 < self.token_lifetime <= 3600, f"app {self.id}: out of range")


@dataclass
class World:
    providers: list[Provider] = field(default_factory=list)
    modules: list[Module] = field(default_factory=list)
    rate_limit_anonymous: int = 5000    # GitHub's real figure is 60
    rate_limit_authenticated: int = 5000
    tokens: list[str] = field(default_factory=list)     # that are good; with no tokens and no apps, all are
    apps: list[App] = field(default_factory=list)
    clock_offset: int = 0               # seconds that GitHub's clock is ahead
    registry_tokens: list[str] = field(default_factory=list)    # the registry answers those who have one; empty: all
    after_inclusive: bool = False       # `after` also returns releases of exactly that instant

    def check(self) -> None:
        for item in [*self.providers, *self.modules, *self.apps]:
            item.check()
        names = [(p.namespace.lower(), p.type.lower()) for p in self.providers]
        _require(len(set(names)) == len(names), "a provider is listed twice")
        repos = [f"{m.owner}/{m.repo}".lower() for m in self.modules]
        _require(len(set(repos)) == len(repos), "a module is listed twice")

    def extend(self, other: World) -> None:
        """Adds what other describes; a version or tag of the same name is replaced in place, new ones come last, and so
        are tokens and Apps."""
        self.tokens += [token for token in other.tokens if token not in self.tokens]
        _merge(self.apps, other.apps, "id")
        for provider in other.providers:
            mine = next((p for p in self.providers
                         if (p.namespace, p.type) == (provider.namespace, provider.type)), None)
            if mine is None:
                self.providers.append(provider)
            else:
                _merge(mine.versions, provider.versions, "version")
        for module in other.modules:
            known = next((m for m in self.modules if (m.owner, m.repo) == (module.owner, module.repo)), None)
            if known is None:
                self.modules.append(module)
            else:
                _merge(known.releases, module.releases, "tag")
                for name in ("private", "renamed_from", "transfer", "unstable"):
                    setattr(known, name, getattr(module, name))

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: Any) -> World:
        """Reads and checks a description; unknown keys and wrong types are errors."""
        world = _load(cls, data, "world", {
            "providers": lambda d: _load(Provider, d, "provider",
                                         {"versions": lambda v: _load(ProviderVersion, v, "version", {})}),
            "modules": lambda d: _load(Module, d, "module",
                                       {"releases": lambda r: _load(Release, r, "release", {})}),
            "apps": lambda d: _load(App, d, "app",
                                    {"installations": lambda i: _load(Installation, i, "installation", {})}),
        })
        world.check()
        return world

    @classmethod
    def load(cls, path: Path) -> World:
        return cls.from_dict(json.loads(path.read_text()))


def _merge(mine: list[Any], theirs: list[Any], key: str) -> None:
    for item in theirs:
        index = next((i for i, old in enumerate(mine) if getattr(old, key) == getattr(item, key)), None)
        if index is None:
            mine.append(item)
        else:
            mine[index] = item


_TYPES: dict[str, tuple[type, ...]] = {"str": (str,), "int": (int,), "bool": (bool,), "list[str]": (list,),
                                       "list[str] | None": (list, type(None)),
                                       "dict[str, str] | None": (dict, type(None))}


def _load(cls: Any, data: Any, where: str, nested: dict[str, Any]) -> Any:
    _require(isinstance(data, dict), f"{where}: expected an object")
    arguments: dict[str, Any] = {}
    fields = {f.name: f for f in dataclasses.fields(cls)}
    for key, value in data.items():
        _require(key in fields, f"{where}: unknown key {key!r}")
        if key in nested:
            _require(isinstance(value, list), f"{where}: {key} must be an array")
            arguments[key] = [nested[key](item) for item in value]
            continue
        allowed = _TYPES[str(fields[key].type)]
        wrong_bool = isinstance(value, bool) and bool not in allowed
        _require(isinstance(value, allowed) and not wrong_bool, f"{where}: {key} has the wrong type")
        if isinstance(value, list):
            _require(all(isinstance(item, str) for item in value), f"{where}: {key} must hold strings")
        arguments[key] = value
    try:
        return cls(**arguments)
    except TypeError as error:
        raise WorldError(f"{where}: {error}") from None
