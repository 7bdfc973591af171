"""GitHub: the REST API, the archive addresses of github.com, and codeload."""

from __future__ import annotations

import base64
import threading
import time
import urllib.parse
import zlib
from typing import Any

from .github_auth import Authority
from .messages import FileBody, Request, Response, entity_tag, http_date, json_response, not_modified, redirect
from .site import Repository, Site, Tagged

_PER_PAGE_DEFAULT, _PER_PAGE_MAX = 30, 100
_WINDOW = 3600
_DOCUMENTATION = "https://docs.github.com/rest"


class RateLimit:
    """Counts requests per credential in windows of an hour, as the primary limit does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._used: dict[str, int] = {}
        self._reset = 0

    def clear(self) -> None:
        with self._lock:
            self._used.clear()
            self._reset = 0

    def _count(self, who: str, amount: int) -> tuple[int, int]:
        with self._lock:
            if time.time() >= self._reset:
                self._used.clear()
                self._reset = int(time.time()) + _WINDOW
            self._used[who] = self._used.get(who, 0) + amount
            return self._used[who], self._reset

    def take(self, site: Site, who: str) -> tuple[dict[str, str], bool]:
        """Counts the request; returns the headers to send and whether it is within the limit."""
        limit = site.world.rate_limit_authenticated if who else site.world.rate_limit_anonymous
        used, reset = self._count(who, 1)
        allowed = used <= limit
        return rate_headers(limit, min(used, limit), reset), allowed

    def give_back(self, site: Site, who: str, headers: dict[str, str]) -> dict[str, str]:
        """A 304 to a request with credentials is free; returns the headers to send."""
        if not who:
            return headers
        limit = site.world.rate_limit_authenticated
        used, reset = self._count(who, -1)
        return rate_headers(limit, min(used, limit), reset)


def rate_headers(limit: int, used: int, reset: int) -> dict[str, str]:
    return {"X-RateLimit-Limit": str(limit), "X-RateLimit-Remaining": str(limit - used),
            "X-RateLimit-Reset": str(reset), "X-RateLimit-Used": str(used), "X-RateLimit-Resource": "core"}


def _message(status: int, text: str, page: str = "") -> Response:
    return json_response({"message": text, "documentation_url": _DOCUMENTATION + page, "status": str(status)}, status)


def rate_limited(headers: dict[str, str]) -> Response:
    response = _message(403, "API rate limit exceeded for 127.0.0.1. (But here's the good news: Authenticated requests "
                        "get a higher rate limit. Check out the documentation for more details.)",
                        "/overview/resources-in-the-rest-api#rate-limiting")
    response.headers += headers.items()
    return response


def secondary_limited(retry_after: int) -> Response:
    response = _message(403, "You have exceeded a secondary rate limit. Please wait a few minutes before you try "
                        "again.", "/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits")
    if retry_after > 0:
        response.set("Retry-After", str(retry_after))
    return response


def _visible(site: Site, request: Request, authority: Authority, repository: Repository) -> bool:
    """Private ones exist only for those with credentials."""
    module = repository.module
    return not module.private or authority.may_see(site.world, request, module.owner)


def _find(site: Site, full_name: str) -> tuple[Repository | None, bool]:
    """The repository and whether it was asked for by an old name."""
    repository = site.repositories.get(full_name.lower())
    old = repository is None
    if old:
        repository = site.renamed.get(full_name.lower())
    return repository, old


def handle_api(site: Site, request: Request, limits: RateLimit, authority: Authority, api: str, web: str,
               codeload: str) -> Response:
    answer = authority.handle_app(site.world, request, request.path.strip("/").split("/"))
    if answer is None:
        answer = authority.check(site.world, request)
    if answer is not None:
        answer.set("Date", http_date(time.time() + site.world.clock_offset))
        return answer
    if request.method not in ("GET", "HEAD"):
        return Response(405, [("Allow", "GET, HEAD")])
    who = authority.who(request)
    headers, allowed = limits.take(site, who)
    if not allowed:
        return rate_limited(headers)
    if not request.headers.get("user-agent"):
        return Response(403, [("Content-Type", "text/html")], b"Request forbidden by administrative rules.\n")
    response = _route(site, request, authority, api, web, codeload)
    if response.status == 200 and isinstance(response.body, bytes):
        response.set("ETag", entity_tag(response.body, weak=True))
        cache = "private" if request.headers.get("authorization") else "public"
        response.set("Cache-Control", f"{cache}, max-age=60, s-maxage=60")
        response = not_modified(request, response)
    if response.status == 304:
        headers = limits.give_back(site, who, headers)
    response.headers += [("X-GitHub-Media-Type", "github.v3; format=json"),
                         ("x-github-api-version-selected", "2022-11-28"),
                         ("Vary", "Accept-Encoding, Accept, X-Requested-With"), *headers.items()]
    return response


def _route(site: Site, request: Request, authority: Authority, api: str, web: str, codeload: str) -> Response:
    parts = request.path.strip("/").split("/")
    missing = _message(404, "Not Found")
    if parts[0] == "repositories" and len(parts) >= 2 and parts[1].isdigit():
        repository, rest = site.by_id.get(int(parts[1])), parts[2:]
        if repository is not None and not _visible(site, request, authority, repository):
            repository = None
    elif parts[0] == "repos" and len(parts) >= 3:
        repository, old = _find(site, f"{parts[1]}/{parts[2]}")
        if repository is not None and not _visible(site, request, authority, repository):
            repository = None
        rest = parts[3:]
        if repository is not None and old:
            query = request.target.partition("?")[2]
            location = "/".join([f"{api}/repositories/{repository.module.id}", *rest]) + (f"?{query}" if query else "")
            guide = f"{_DOCUMENTATION}/guides/best-practices-for-using-the-rest-api#follow-redirects"
            response = json_response({"message": "Moved Permanently", "url": location, "documentation_url": guide}, 301)
            response.set("Location", location)
            return response
    else:
        return missing
    if repository is None:
        return missing
    if not rest:
        return json_response(_repository(repository, api, web))
    if rest[0] == "releases":
        return _releases(request, repository, rest[1:], api, web) or missing
    if rest == ["tags"]:
        page, link = _page(request, repository, repository.tags, api, "tags")
        return _with_link(json_response([_tag(repository, t, api) for t in page]), link)
    if rest[:3] == ["git", "ref", "tags"] and len(rest) > 3:
        tagged = repository.tag("/".join(rest[3:]))
        return json_response({"ref": f"refs/tags/{tagged.release.tag}", "node_id": "REF_x",
                              "url": f"{api}{request.path}",
                              "object": {"sha": tagged.commit, "type": "commit",
                                         "url": f"{_url(repository, api)}/git/commits/{tagged.commit}"}}) \
            if tagged else missing
    if rest[0] in ("tarball", "zipball") and len(rest) > 1:
        tag = "/".join(rest[1:]).removeprefix("refs/tags/")
        if repository.tag(tag) is None or rest[0] == "zipball":
            return missing
        module = repository.module
        path = f"/{module.owner}/{module.repo}/legacy.tar.gz/refs/tags/{tag}"
        key = f"?token={authority.link_key(path)}" if module.private else ""
        return redirect(codeload + urllib.parse.quote(path) + key)
    return missing


def _releases(request: Request, repository: Repository, rest: list[str], api: str, web: str) -> Response | None:
    """Drafts appear only to callers with credentials."""
    trusted = bool(request.headers.get("authorization"))
    listed = [t for t in repository.tags if t.release.release and (trusted or not t.release.draft)]
    if not rest:
        page, link = _page(request, repository, listed, api, "releases")
        return _with_link(json_response([_release(repository, t, api, web) for t in page]), link)
    if rest == ["latest"]:
        found = next((t for t in listed if not t.release.draft and not t.release.prerelease), None)
    elif rest[0] == "tags" and len(rest) > 1:
        found = next((t for t in listed if t.release.tag == "/".join(rest[1:])), None)
    else:
        found = next((t for t in listed if rest == [str(_release_id(repository, t))]), None)
    return json_response(_release(repository, found, api, web)) if found else None


def _number(text: str, default: int, most: int) -> int:
    return min(int(text), most) if text.isdigit() and 0 < int(text) else default


def _page(request: Request, repository: Repository, items: list[Tagged], api: str,
          name: str) -> tuple[list[Tagged], str]:
    """The page that was asked for and its Link header."""
    size = _number(request.query.get("per_page", ""), _PER_PAGE_DEFAULT, _PER_PAGE_MAX)
    page = _number(request.query.get("page", ""), 1, 1 << 30)
    last = max(1, -(-len(items) // size))
    links = []

    def add(relation: str, number: int) -> None:
        query = f"per_page={size}&page={number}" if "per_page" in request.query else f"page={number}"
        links.append(f'<{api}/repositories/{repository.module.id}/{name}?{query}>; rel="{relation}"')

    if page > 1:
        add("prev", min(page - 1, last))
    if page < last:
        add("next", page + 1)
        add("last", last)
    if page > 1:
        add("first", 1)
    return items[(page - 1) * size:page * size], ", ".join(links)


def _with_link(response: Response, link: str) -> Response:
    if link:
        response.set("Link", link)
    return response


def _url(repository: Repository, api: str) -> str:
    return f"{api}/repos/{repository.module.owner}/{repository.module.repo}"


def _node(prefix: str, number: int) -> str:
    return prefix + base64.urlsafe_b64encode(number.to_bytes(9, "big")).decode().rstrip("=")


def _user(login: str, api: str, web: str) -> dict[str, Any]:
    number = zlib.crc32(login.encode()) % 90_000_000 + 1_000
    url = f"{api}/users/{login}"
    return {"login": login, "id": number, "node_id": _node("MDQ6", number),
            "avatar_url": f"https://avatars.githubusercontent.com/u/{number}?v=4", "gravatar_id": "", "url": url,
            "html_url": f"{web}/{login}", "followers_url": f"{url}/followers",
            "following_url": f"{url}/following{{/other_user}}", "gists_url": f"{url}/gists{{/gist_id}}",
            "starred_url": f"{url}/starred{{/owner}}{{/repo}}", "subscriptions_url": f"{url}/subscriptions",
            "organizations_url": f"{url}/orgs", "repos_url": f"{url}/repos", "events_url": f"{url}/events{{/privacy}}",
            "received_events_url": f"{url}/received_events", "type": "User", "user_view_type": "public",
            "site_admin": False}


def _release_id(repository: Repository, tagged: Tagged) -> int:
    return zlib.crc32(f"{repository.module.id}/{tagged.release.tag}".encode()) % 300_000_000 + 1


def _release(repository: Repository, tagged: Tagged, api: str, web: str) -> dict[str, Any]:
    module, release = repository.module, tagged.release
    number, tag = _release_id(repository, tagged), urllib.parse.quote(release.tag)
    url, page = f"{_url(repository, api)}/releases/{number}", f"{web}/{module.owner}/{module.repo}"
    return {
        "url": url, "assets_url": f"{url}/assets",
        "upload_url": url.replace("//api.", "//uploads.") + "/assets{?name,label}",
        "html_url": f"{page}/releases/tag/{tag}", "id": number, "author": _user(module.owner, api, web),
        "node_id": _node("RE_kwDO", number), "tag_name": release.tag, "target_commitish": "main",
        "name": release.tag, "draft": release.draft, "immutable": False, "prerelease": release.prerelease,
        "created_at": tagged.created, "updated_at": tagged.created,
        "published_at": None if release.draft else tagged.created, "assets": [],
        "tarball_url": f"{_url(repository, api)}/tarball/{tag}",
        "zipball_url": f"{_url(repository, api)}/zipball/{tag}",
        "body": f"## {release.tag}\r\n\r\n* A change.\r\n",
    }


def _tag(repository: Repository, tagged: Tagged, api: str) -> dict[str, Any]:
    url, name = _url(repository, api), urllib.parse.quote(tagged.release.tag)
    return {"name": tagged.release.tag, "zipball_url": f"{url}/zipball/refs/tags/{name}",
            "tarball_url": f"{url}/tarball/refs/tags/{name}",
            "commit": {"sha": tagged.commit, "url": f"{url}/commits/{tagged.commit}"},
            "node_id": _node("REF_kwDO", _release_id(repository, tagged))}


def _repository(repository: Repository, api: str, web: str) -> dict[str, Any]:
    module = repository.module
    return {"id": module.id, "node_id": _node("R_kgDO", module.id), "name": module.repo,
            "full_name": f"{module.owner}/{module.repo}", "private": module.private,
            "owner": _user(module.owner, api, web), "html_url": f"{web}/{module.owner}/{module.repo}",
            "url": _url(repository, api), "default_branch": "main", "archived": False, "disabled": False}


def handle_web(site: Site, request: Request, web: str, codeload: str) -> Response:
    """/{owner}/{repo}/archive/refs/tags/{tag}.tar.gz leads to codeload; an old name leads to the new one first."""
    parts = request.path.strip("/").split("/")
    missing = Response(404, [("Content-Type", "text/html; charset=utf-8")],
                       b"<!DOCTYPE html><html><body>Not Found</body></html>\n")
    if len(parts) < 4 or parts[2] != "archive" or not request.path.endswith(".tar.gz"):
        return missing
    repository, old = _find(site, f"{parts[0]}/{parts[1]}")
    if repository is None or repository.module.private:     # the web knows no tokens
        return missing
    module, rest = repository.module, "/".join(parts[2:])
    if old:
        return redirect(f"{web}/{module.owner}/{module.repo}/{urllib.parse.quote(rest)}", 301)
    tag = rest.removeprefix("archive/").removeprefix("refs/tags/").removesuffix(".tar.gz")
    tagged = repository.tag(tag)
    if tagged is None or tagged.release.draft:
        return missing
    return redirect(f"{codeload}/{module.owner}/{module.repo}/tar.gz/refs/tags/{urllib.parse.quote(tag)}")


class Codeload:
    """Archives. They have an ETag but no ranges, and those of an unstable module differ in every download."""

    def __init__(self, authority: Authority) -> None:
        self._lock = threading.Lock()
        self._authority = authority
        self._downloads = 0

    def handle(self, site: Site, request: Request) -> Response:
        parts = request.path.strip("/").split("/")
        missing = Response(404, [("Content-Type", "text/plain; charset=utf-8")], b"404: Not Found")
        if len(parts) < 4 or parts[2] not in ("tar.gz", "legacy.tar.gz"):
            return missing
        repository, _ = _find(site, f"{parts[0]}/{parts[1]}")
        if repository is not None and repository.module.private and not self._authority.opens(request):
            return missing
        tagged = repository.tag("/".join(parts[3:]).removeprefix("refs/tags/")) if repository else None
        if repository is None or tagged is None or tagged.release.draft:
            return missing
        legacy = parts[2] == "legacy.tar.gz"
        artifact = tagged.legacy if legacy else tagged.web
        if artifact is None:
            return missing
        module = repository.module
        plain = tagged.release.tag.replace("/", "-")
        name = f"{module.owner}-{module.repo}-{tagged.commit[:7]}" if legacy else \
            f"{module.repo}-{plain[1:] if plain[:1] == 'v' and plain[1:2].isdigit() else plain}"
        headers = [("Access-Control-Allow-Origin", "https://render.githubusercontent.com"),
                   ("Content-Disposition", f"attachment; filename={name}.tar.gz"),
                   ("Content-Type", "application/x-gzip"), ("ETag", f'W/"{artifact.sha256}"'),
                   ("Strict-Transport-Security", "max-age=31536000"), ("Vary", "Authorization,Accept-Encoding,Origin"),
                   ("X-Content-Type-Options", "nosniff")]
        if not module.unstable:
            return not_modified(request, Response(200, headers, FileBody(artifact.path, artifact.size),
                                                  chunked=module.transfer == "chunked"))
        with self._lock:
            self._downloads += 1
            stamp = (1_704_110_400 + self._downloads).to_bytes(4, "little")
        data = artifact.path.read_bytes()
        response = Response(200, headers, data[:4] + stamp + data[8:], chunked=module.transfer == "chunked")
        response.set("ETag", entity_tag(data[:4] + stamp + data[8:], weak=True))
        return response
