"""A registry of OCI artifacts that serves vulnerability databases as Trivy fetches them (distribution specification, "Pull")."""

import gzip
import hashlib
import http.server
import io
import json
import tarfile
import threading

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.aquasec.trivy.config.v1+json"
LAYER = "application/vnd.aquasec.trivy.db.layer.v1.tar+gzip"


def writable(entry):
    """As upstream has them; Trivy notes in one of the files when it was fetched."""
    entry.mode = 0o644
    return entry


def packed(directory):
    """The files of a database as one layer."""
    layer = io.BytesIO()
    with gzip.GzipFile(fileobj=layer, mode="wb", mtime=0) as stream, tarfile.open(fileobj=stream, mode="w") as tar:
        for name in ("trivy.db", "metadata.json"):
            tar.add(directory / name, name, filter=writable)
    return layer.getvalue()


class Registry:
    """`with Registry() as registry:` http on loopback, which Trivy takes without TLS."""

    def __init__(self):
        self.blobs, self.manifest, self.requests = {}, b"", []
        self.fault = None  # "missing" or "damaged"
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                registry.requests.append(self.path)
                status, kind, body = registry.answer(self.path)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            do_HEAD = do_GET

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.repository = f"127.0.0.1:{self.server.server_address[1]}/mirror/trivy-db:2"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def _blob(self, kind, data, **more):
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        self.blobs[digest] = data
        return {"mediaType": kind, "digest": digest, "size": len(data)} | more

    def publish(self, directory):
        """Serves the database in the directory from now on."""
        title = {"annotations": {"org.opencontainers.image.title": "db.tar.gz"}}
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self._blob(CONFIG, b"{}"),
            "layers": [self._blob(LAYER, packed(directory), **title)],
        }
        self.manifest = json.dumps(manifest).encode()

    def answer(self, path):
        if path == "/v2/":
            return 200, "application/json", b"{}"
        if "/manifests/" in path and self.fault != "missing":
            return 200, MANIFEST, self.manifest
        blob = self.blobs.get(path.rpartition("/")[2])
        if "/blobs/" not in path or blob is None:
            return 404, "application/json", b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}'
        return 200, "application/octet-stream", blob[:-100] + bytes(100) if self.fault == "damaged" else blob
