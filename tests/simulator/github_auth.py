"""Who asks GitHub: personal tokens, Apps with their installations, and the keys in links to private archives."""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from .messages import Request, Response, json_response
from .world import App, Installation, World, timestamp_of

_JWT_LIFETIME_MAX = 600
_LINK_LIFETIME = 300


def refused(status: int, text: str) -> Response:
    return json_response({"message": text, "documentation_url": "https://docs.github.com/rest", "status": str(status)},
                         status)


def bearer(request: Request) -> str:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token if kind.lower() in ("bearer", "token") else ""


class Authority:
    """What has been given out; the world says who may have it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tokens: dict[str, tuple[int, float]] = {}         # token -> installation, end
        self._links: dict[str, tuple[str, float]] = {}          # key -> path, end

    def clear(self) -> None:
        """Revokes everything."""
        with self._lock:
            self._tokens.clear()
            self._links.clear()

    def check(self, world: World, request: Request) -> Response | None:
        """The answer to bad credentials, None when they are good or there are none."""
        if "authorization" not in request.headers:
            return None
        if not world.tokens and not world.apps:
            return None                     # nothing is said of tokens: every one is good
        token = bearer(request)
        with self._lock:
            known = self._tokens.get(token)
        if token in world.tokens or (known is not None and known[1] > time.time()):
            return None
        return refused(401, "Bad credentials")

    def may_see(self, world: World, request: Request, owner: str) -> bool:
        """Whether the (good) credentials of the request reach private repositories of the owner."""
        if "authorization" not in request.headers:
            return False
        with self._lock:
            known = self._tokens.get(bearer(request))
        if known is None:
            return True
        return any(i.id == known[0] and i.owner.lower() == owner.lower() for a in world.apps for i in a.installations)

    def who(self, request: Request) -> str:
        """Whose budget a request is counted in: that of an installation, whatever its token."""
        with self._lock:
            known = self._tokens.get(bearer(request))
        return f"installation {known[0]}" if known else request.headers.get("authorization", "")

    # Links

    def link_key(self, path: str) -> str:
        key = secrets.token_hex(20)
        with self._lock:
            self._links[key] = (path, time.time() + _LINK_LIFETIME)
        return key

    def opens(self, request: Request) -> bool:
        with self._lock:
            path, end = self._links.get(request.query.get("token", ""), ("", 0.0))
        return path == request.path and end > time.time()

    # Apps

    def handle_app(self, world: World, request: Request, parts: list[str]) -> Response | None:
        """/app/installations/{id}/access_tokens and /repos/{owner}/{repo}/installation; None for all else."""
        creating = parts[:2] == ["app", "installations"] and len(parts) == 4 and parts[3] == "access_tokens"
        looking = parts[0] == "repos" and len(parts) == 4 and parts[3] == "installation"
        if not creating and not looking:
            return None
        found = self._app(world, request)
        if isinstance(found, Response):
            return found
        if looking:
            installation = next((i for i in found.installations if i.owner.lower() == parts[1].lower()), None)
            if installation is None:
                return refused(404, "Not Found")
            return json_response(_describe(found, installation))
        if request.method != "POST":
            return refused(404, "Not Found")
        installation = next((i for i in found.installations if str(i.id) == parts[2]), None)
        if installation is None:
            return refused(404, "Not Found")
        if installation.suspended:
            return refused(403, "This installation has been suspended")
        return self._create(found, installation)

    def _create(self, app: App, installation: Installation) -> Response:
        # The longer form, which has no fixed length.
        token = f"ghs_{app.id}_{secrets.token_urlsafe(app.token_length)}"
        end = time.time() + app.token_lifetime
        with self._lock:
            self._tokens[token] = (installation.id, end)
        return json_response({"token": token, "expires_at": timestamp_of(end), "permissions": {"contents": "read"},
                              "repository_selection": "all"}, 201)

    def _app(self, world: World, request: Request) -> App | Response:
        """The App whose key has signed the JWT, as GitHub judges it by its own clock."""
        try:
            head, payload, signature = bearer(request).split(".")
            claims = json.loads(_decode(payload))
            algorithm = json.loads(_decode(head))["alg"]
        except (ValueError, KeyError, TypeError):
            return refused(401, "A JSON web token could not be decoded")
        app = next((a for a in world.apps if str(claims.get("iss")) in (a.id, a.client_id)), None)
        if app is None:
            return refused(404, "Integration not found")
        key = load_pem_public_key(app.public_key.encode())
        assert isinstance(key, rsa.RSAPublicKey)
        try:
            key.verify(_decode(signature), f"{head}.{payload}".encode(), padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            algorithm = ""
        if algorithm != "RS256":
            return refused(401, "A JSON web token could not be decoded")
        now = time.time() + world.clock_offset
        if int(claims["exp"]) <= now:
            return refused(401, "'Expiration time' claim ('exp') must be a numeric value representing the future time "
                                "at which the assertion expires")
        if int(claims["exp"]) > now + _JWT_LIFETIME_MAX:
            return refused(401, "'Expiration time' claim ('exp') is too far in the future")
        if int(claims["iat"]) > now:
            return refused(401, "'Issued at' claim ('iat') must be an Integer representing the time that the assertion "
                                "was issued")
        return app


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _describe(app: App, installation: Installation) -> dict[str, Any]:
    return {"id": installation.id, "account": {"login": installation.owner, "type": "Organization"},
            "app_id": int(app.id), "repository_selection": "all", "permissions": {"contents": "read"},
            "suspended_at": "2026-01-01T00:00:00Z" if installation.suspended else None}
