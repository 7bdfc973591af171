"""The control endpoint: plain HTTP on loopback, JSON in and out."""

from __future__ import annotations

import http.server
import json
import threading
import urllib.parse
from typing import Any

from .faults import FaultError
from .generators import to_depot, to_terraform
from .simulation import Simulation
from .world import World, WorldError

_BODY_MAX = 64 << 20


def make_control(simulation: Simulation, host: str, port: int) -> http.server.ThreadingHTTPServer:
    """A server that is listening; the caller starts serve_forever()."""

    class Handler(_Handler):
        pass

    Handler.simulation = simulation
    server = http.server.ThreadingHTTPServer((host, port), Handler)
    server.daemon_threads = True
    return server


class _Handler(http.server.BaseHTTPRequestHandler):
    simulation: Simulation
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:     # noqa: A002
        pass

    def do_GET(self) -> None:       # noqa: N802
        self._answer()

    def do_POST(self) -> None:      # noqa: N802
        self._answer()

    def do_DELETE(self) -> None:    # noqa: N802
        self._answer()

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 <= length <= _BODY_MAX:
            self.close_connection = True
            self._reply(413, {"error": "the body is too large"})
            return
        raw = self.rfile.read(length)
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        try:
            data = json.loads(raw) if raw else None
            self._reply(*self._route(f"{self.command} {url.path}", query, data))
        except (WorldError, FaultError, ValueError) as error:
            self._reply(400, {"error": str(error)})
        except (OSError, RuntimeError) as error:        # a full disk, gpg
            self._reply(500, {"error": str(error)})

    def _route(self, call: str, query: dict[str, str], data: Any) -> tuple[int, Any]:
        simulation, hub = self.simulation, self.simulation.hub
        if call == "GET /requests":
            return 200, hub.log.list(query.get("role", ""), query.get("path", ""))
        if call == "GET /stats":
            return 200, hub.log.stats()
        if call == "GET /errors":
            return 200, hub.log.errors()
        if call == "POST /reset":
            hub.faults.clear()
            hub.log.reset()
            simulation.limits.clear()
            return 200, {}
        if call == "POST /revoke":
            simulation.authority.clear()
            return 200, {}
        if call == "GET /world":
            return 200, simulation.site.world.to_dict()
        if call == "POST /world":
            mode = query.get("mode", "replace")
            if mode not in ("replace", "extend"):
                return 400, {"error": "mode is replace or extend"}
            simulation.change(World.from_dict(data), extend=mode == "extend")
            return 200, {}
        if call == "GET /artifacts":
            return 200, simulation.site.artifacts()
        if call == "GET /faults":
            return 200, hub.faults.describe()
        if call == "POST /faults":
            rules = data if isinstance(data, list) else [data]
            return 200, {"ids": [hub.faults.add(rule) for rule in rules]}
        if call == "DELETE /faults":
            hub.faults.clear(int(query["id"]) if "id" in query else None)
            return 200, {}
        if call == "POST /latency":
            if not isinstance(data, dict) or not isinstance(data.get("ms"), int) or data["ms"] < 0:
                return 400, {"error": 'expected {"ms": N}'}
            hub.latency = data["ms"] / 1000
            return 200, {}
        if call == "GET /endpoints":
            return 200, simulation.endpoints
        if call == "GET /terraform":
            host = urllib.parse.urlsplit(simulation.endpoints["registry"]).netloc
            return 200, to_terraform(simulation.site.world, host)
        if call == "GET /depot":
            return 200, to_depot(simulation.site.world)
        if call == "POST /shutdown":
            threading.Timer(0.1, simulation.stop.set).start()
            return 200, {}
        return 404, {"error": f"unknown call {call}"}

    def _reply(self, status: int, data: Any) -> None:
        text = isinstance(data, str)
        body = data.encode() if text else json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8" if text else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
