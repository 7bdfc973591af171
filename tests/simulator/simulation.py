"""The running simulator: the present site, the roles on their ports, and what they share."""

from __future__ import annotations

import contextlib
import copy
import json
import threading
import urllib.parse
from pathlib import Path
from typing import Any

from . import github, github_auth, hashicorp
from .certificates import make_contexts
from .content import ContentStore
from .messages import Request, Response
from .server import Handler, Hub, Role, listen
from .signing import Signer
from .site import Site, SiteBuilder
from .world import World

ROLES = ("github_api", "github_web", "codeload", "hashicorp_api", "hashicorp_releases", "registry")
# The releases server again, each time with a certificate that clients must refuse.
WRONG_CERTIFICATES = {"bad_tls": "unknown-ca", "bad_tls_name": "wrong-name", "bad_tls_expired": "expired"}


class Simulation:
    def __init__(self, directory: Path, world: World, host: str, address: str, port_base: int, latency_ms: int) -> None:
        self.directory = directory
        self.hub = Hub(latency_ms / 1000)
        self.limits = github.RateLimit()
        self.authority = github_auth.Authority()
        self.codeload = github.Codeload(self.authority)
        self.stop = threading.Event()
        self.signer = Signer(directory)
        self._builder = SiteBuilder(ContentStore(directory), self.signer)
        self._change_lock = threading.Lock()
        self.endpoints: dict[str, Any] = {}
        try:
            self.site: Site = self._builder.build(world)
            self._start(host, address, port_base)
        except BaseException:
            self.signer.close()
            raise

    def change(self, world: World, extend: bool) -> None:
        """Replaces or extends the world; requests that run see the old one to their end."""
        with self._change_lock:
            if extend:
                merged = copy.deepcopy(self.site.world)
                merged.extend(world)
                world = merged
            site = self._builder.build(world)
            site.follow(self.site)
            self.site = site

    def close(self) -> None:
        self.signer.close()
        with contextlib.suppress(FileNotFoundError):
            (self.directory / "endpoints.json").unlink()

    def write_endpoints(self, control: str) -> None:
        """Says where everything is, in one step and only once everything listens."""
        releases = self.endpoints["hashicorp_releases"]
        self.endpoints |= {
            "control": control, "ca": str(self.directory / "ca.pem"),
            "keys_url": f"{releases}/.well-known/pgp-key.txt",
            "fingerprint": self.signer.keys["good"].fingerprint,
            "keys": {name: {"fingerprint": key.fingerprint, "url": f"{releases}/keys/{name}.asc",
                            "file": str(self.signer.key_file(name))} for name, key in self.signer.keys.items()},
            "registry_host": urllib.parse.urlsplit(self.endpoints["registry"]).netloc,
        }
        temporary = self.directory / "endpoints.json.new"
        temporary.write_text(json.dumps(self.endpoints, indent=2) + "\n")
        temporary.rename(self.directory / "endpoints.json")

    def _start(self, host: str, address: str, port_base: int) -> None:
        contexts = make_contexts(self.directory, host)
        names = [*ROLES, *WRONG_CERTIFICATES]
        sockets = {name: listen(address, port_base + index if port_base else 0) for index, name in enumerate(names)}
        for name in names:
            self.endpoints[name] = f"https://{host}:{sockets[name][0].getsockname()[1]}"
        for name in names:
            context = contexts[WRONG_CERTIFICATES.get(name, "good")]
            handler = self._handler("hashicorp_releases" if name in WRONG_CERTIFICATES else name)
            Role(self.hub, name, sockets[name], context, self.endpoints[name], handler)

    def _handler(self, name: str) -> Handler:
        e = self.endpoints
        releases, keys = e["hashicorp_releases"], self.signer.keys

        def api(request: Request) -> Response:
            return github.handle_api(self.site, request, self.limits, self.authority, e["github_api"], e["github_web"],
                                     e["codeload"])

        return {
            "github_api": api,
            "github_web": lambda r: github.handle_web(self.site, r, e["github_web"], e["codeload"]),
            "codeload": lambda r: self.codeload.handle(self.site, r),
            "hashicorp_api": lambda r: hashicorp.handle_api(self.site, r, releases),
            "hashicorp_releases": lambda r: hashicorp.handle_releases(self.site, r, releases, keys),
            "registry": lambda r: hashicorp.handle_registry(self.site, r, releases, keys),
        }[name]
