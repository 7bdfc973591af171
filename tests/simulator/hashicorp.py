"""The HashiCorp Releases API, the releases file server with its key file, and the provider registry."""

from __future__ import annotations

import dataclasses
from typing import Any

from .messages import FileBody, Request, Response, entity_tag, http_date, json_response, not_modified
from .signing import Key
from .site import Build, Site
from .world import parse_timestamp

_API_TYPE = "application/vnd+hashicorp.releases-api.v1+json"
_LIMIT_DEFAULT, _LIMIT_MAX = 10, 20
_FILES = "/files"
_LAST_MODIFIED = 1_704_110_400


def _error(status: int, message: str) -> Response:
    return json_response({"code": status, "message": message}, status, _API_TYPE)


def _release(build: Build, base: str) -> dict[str, Any]:
    version, provider = build.version, build.provider
    folder = f"{base}/{build.folder}"
    source = f"https://github.com/{provider.namespace}/{provider.product}"
    status: dict[str, Any] = {"state": "supported", "timestamp_updated": build.created}
    if version.withdrawn:
        status.update(state="withdrawn", message=version.message or "This release was withdrawn.")
    elif version.unsupported:
        status["state"] = "unsupported"
    signatures = [f"{folder}/{name}" for name in sorted(build.signatures, key=len)]
    return {
        "builds": [{"arch": p.split("_", 1)[1], "os": p.split("_", 1)[0], "url": f"{folder}/{build.zip_name(p)}"}
                   for p in version.platforms],
        "is_prerelease": version.prerelease,
        "license_class": version.license_class,
        "name": provider.product,
        "status": status,
        "timestamp_created": build.created,
        "timestamp_updated": build.created,
        "url_changelog": f"{source}/blob/main/CHANGELOG.md",
        "url_license": f"{source}/blob/main/LICENSE",
        "url_project_website": "https://www.terraform.io/",
        "url_shasums": f"{folder}/{build.sums_name}",
        "url_shasums_signatures": signatures or [f"{folder}/{build.sums_name}.sig"],
        "url_source_repository": source,
        "version": version.version,
    }


def _find_product(site: Site, name: str) -> list[Build] | None:
    return site.builds.get(("hashicorp", name.removeprefix("terraform-provider-"))) \
        if name.startswith("terraform-provider-") else None


def handle_api(site: Site, request: Request, releases: str) -> Response:
    """protocols: GET /v1/products, /v1/releases/{product}, /v1/releases/{product}/{version|latest}."""
    parts = request.path.strip("/").split("/")
    license_class = request.query.get("license_class", "")
    if request.path == "/v1/products":
        return json_response(sorted(b[0].provider.product for (ns, _), b in site.builds.items()
                                    if ns == "hashicorp" and b), content_type=_API_TYPE)
    if parts[:2] != ["v1", "releases"] or len(parts) not in (3, 4):
        return _error(404, "Not Found")
    builds = _find_product(site, parts[2])
    if builds is None:
        return _error(404, f"product {parts[2]} not found")
    chosen = [b for b in builds if not license_class or b.version.license_class == license_class]
    if len(parts) == 3:
        response = _list(site, request, chosen, releases)
    elif parts[3] == "latest":
        stable = [b for b in chosen if not b.version.prerelease and not b.version.withdrawn]
        response = json_response(_release(stable[0], releases), content_type=_API_TYPE) if stable \
            else _error(404, "no releases")
    else:
        build = next((b for b in builds if b.version.version == parts[3]), None)
        response = json_response(_release(build, releases), content_type=_API_TYPE) if build \
            else _error(404, f"release {parts[3]} not found")
    if response.status == 200 and isinstance(response.body, bytes):
        response.set("ETag", entity_tag(response.body))
        response.set("Cache-Control", "public, max-age=60")
    return not_modified(request, response)


def _list(site: Site, request: Request, builds: list[Build], releases: str) -> Response:
    text = request.query.get("limit", str(_LIMIT_DEFAULT))
    if not text.isdigit() or not 1 <= int(text) <= _LIMIT_MAX:
        return _error(400, f"limit must be between 1 and {_LIMIT_MAX}")
    after = request.query.get("after", "")
    if after:
        try:
            instant = parse_timestamp(after)
        except ValueError:
            return _error(400, "after must be an RFC 3339 timestamp")
        builds = [b for b in builds if parse_timestamp(b.created) < instant
                  or (site.world.after_inclusive and parse_timestamp(b.created) == instant)]
    return json_response([_release(b, releases) for b in builds[:int(text)]], content_type=_API_TYPE)


def handle_releases(site: Site, request: Request, releases: str, keys: dict[str, Key]) -> Response:
    """Static files with strong ETag and ranges, the legacy index.json documents, and the key files."""
    path = request.path
    if path == "/.well-known/pgp-key.txt":
        return _static(request, keys["good"].armor.encode(), "text/plain")
    if path.startswith("/keys/") and path.endswith(".asc"):
        name = path[len("/keys/"):-len(".asc")]
        if name == "all":
            return _static(request, "".join(k.armor for k in keys.values()).encode(), "text/plain")
        if name in keys:
            return _static(request, keys[name].armor.encode(), "text/plain")
    found = site.files.get(path)
    if found is None:
        document = _index(site, path, releases)
        return document if document is not None else Response(404, [("Content-Type", "text/plain")], b"404 Not Found\n")
    modified = site.modified.get(path, _LAST_MODIFIED)
    if isinstance(found, bytes):
        kind = "application/json" if path.endswith(".json") else \
            "application/pgp-signature" if path.endswith(".sig") else "text/plain; charset=utf-8"
        return _static(request, found, kind, modified)
    return not_modified(request, Response(200, [
        ("Content-Type", "application/zip"), ("ETag", f'"{found.sha256}"'),
        ("Last-Modified", http_date(modified)), ("Cache-Control", "public, max-age=31536000"),
    ], FileBody(found.path, found.size), ranges=True))


def _static(request: Request, data: bytes, kind: str, modified: float = _LAST_MODIFIED) -> Response:
    return not_modified(request, Response(200, [
        ("Content-Type", kind), ("ETag", entity_tag(data)), ("Last-Modified", http_date(modified)),
    ], data, ranges=True))


def _index(site: Site, path: str, releases: str) -> Response | None:
    parts = path.strip("/").split("/")
    if parts[-1] != "index.json" or len(parts) not in (2, 3):
        return None
    builds = _find_product(site, parts[0])
    if builds is None:
        return None
    versions = {b.version.version: _legacy(b, releases) for b in builds}
    if len(parts) == 2:
        return json_response({"name": parts[0], "versions": versions}, content_type="application/json")
    return json_response(versions[parts[1]], content_type="application/json") if parts[1] in versions else None


def _legacy(build: Build, releases: str) -> dict[str, Any]:
    product, version = build.provider.product, build.version.version
    return {
        "name": product, "version": version, "shasums": build.sums_name, "shasums_signature": f"{build.sums_name}.sig",
        "shasums_signatures": sorted(build.signatures),
        "builds": [{"name": product, "version": version, "os": p.split("_", 1)[0], "arch": p.split("_", 1)[1],
                    "filename": build.zip_name(p), "url": f"{releases}/{build.folder}/{build.zip_name(p)}"}
                   for p in build.version.platforms],
    }


def _is_authorized(site: Site, request: Request) -> bool:
    tokens = site.world.registry_tokens
    return not tokens or request.headers.get("authorization", "") in [f"Bearer {token}" for token in tokens]


def handle_registry(site: Site, request: Request, releases: str, keys: dict[str, Key]) -> Response:
    """Service discovery and the provider registry protocol v1; the files of providers with relative URLs."""
    if request.path.startswith(_FILES):
        return handle_releases(site, dataclasses.replace(request, target=request.target.removeprefix(_FILES)), releases, keys)
    if not _is_authorized(site, request):
        return json_response({"errors": ["Unauthorized"]}, 401, "application/json")
    if request.path == "/.well-known/terraform.json":
        return json_response({"modules.v1": "/v1/modules/", "providers.v1": "/v1/providers/"},
                             content_type="application/json")
    parts = request.path.strip("/").split("/")
    missing = json_response({"errors": ["Not Found"]}, 404, "application/json")
    if parts[:2] != ["v1", "providers"] or len(parts) < 5:
        return missing
    builds = next((b for (ns, kind), b in site.builds.items()
                   if (ns.lower(), kind.lower()) == (parts[2].lower(), parts[3].lower())), None)
    if builds is None:
        return missing
    if len(parts) == 5 and parts[4] == "versions":
        versions = [{"version": b.version.version, "protocols": b.version.protocols,
                     "platforms": [{"os": p.split("_", 1)[0], "arch": p.split("_", 1)[1]}
                                   for p in b.version.platforms]}
                    for b in builds if not b.version.withdrawn and b.version.license_class == "oss"]
        listing = json_response({"id": f"{parts[2]}/{parts[3]}", "versions": versions, "warnings": None},
                                content_type="application/json")
        return _tagged(request, listing)
    build = next((b for b in builds if b.version.version == parts[4]), None)
    if build is None or len(parts) != 8 or parts[5] != "download":
        return missing
    platform = f"{parts[6]}_{parts[7]}"
    if platform not in build.zips:
        return missing
    return _tagged(request, json_response(_package(build, platform, releases, keys), content_type="application/json"))


def _tagged(request: Request, response: Response) -> Response:
    assert isinstance(response.body, bytes)
    response.set("ETag", entity_tag(response.body, weak=True))
    return not_modified(request, response)


def _package(build: Build, platform: str, releases: str, keys: dict[str, Key]) -> dict[str, Any]:
    names = build.version.keys
    if names is None:
        names = [build.version.sign if build.version.sign in ("expired", "renewed") else "good"]
    folder = f"{_FILES if build.provider.relative else releases}/{build.folder}"
    return {
        "protocols": build.version.protocols, "os": platform.split("_", 1)[0], "arch": platform.split("_", 1)[1],
        "filename": build.zip_name(platform), "download_url": f"{folder}/{build.zip_name(platform)}",
        "shasums_url": f"{folder}/{build.sums_name}", "shasums_signature_url": f"{folder}/{build.sums_name}.sig",
        "shasum": build.zips[platform].sha256,
        "signing_keys": {"gpg_public_keys": [
            {"key_id": keys[name].key_id, "ascii_armor": keys[name].armor, "trust_signature": "",
             "source": "Simulator", "source_url": "https://simulator.invalid/"} for name in names]},
    }
