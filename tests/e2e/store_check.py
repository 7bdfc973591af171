"""Reads a store as a client would, with nothing of the project's own code: what it shows must be whole."""

import base64
import hashlib
import io
import json
import tarfile
import zipfile

from daemon import HOSTNAMES


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def hash1(entries):
    """Go's dirhash Hash1 over (name, content)."""
    lines = "".join(f"{sha256(content)}  {name}\n" for name, content in sorted(entries, key=lambda e: e[0].encode()))
    return "h1:" + base64.b64encode(hashlib.sha256(lines.encode()).digest()).decode()


def zip_hash1(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return hash1([(name, archive.read(name)) for name in archive.namelist()])


def tar_hash1(data):
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return hash1([(entry.name, archive.extractfile(entry).read()) for entry in archive if not entry.isdir()])


def check_mirror(store):
    """Every document of the network mirror, below every hostname; returns {type: {version: platforms}}."""
    shown = {}
    for hostname in HOSTNAMES:
        for index in (store / "providers" / hostname).glob("*/*/index.json"):
            versions = json.loads(index.read_text())["versions"]
            found = {}
            for version in versions:
                document = json.loads((index.parent / f"{version}.json").read_text())
                for platform, archive in document["archives"].items():
                    path = (index.parent / archive["url"]).resolve()
                    assert path.is_relative_to(store.resolve())
                    data = path.read_bytes()
                    expected = {f"zh:{sha256(data)}", zip_hash1(data)}
                    assert set(archive["hashes"]) == expected, f"{hostname} {version} {platform}"
                found[version] = sorted(document["archives"])
            assert shown.setdefault(index.parent.name, found) == found, "the hostnames disagree"
    return shown


def check_records(store):
    """Every artifact that a record names is there and is what the record says."""
    for record in store.rglob("record.json"):
        for version in json.loads(record.read_text())["versions"].values():
            for artifact in version["artifacts"].values():
                data = (record.parent / artifact["file"]).read_bytes()
                assert (len(data), sha256(data)) == (artifact["size"], artifact["sha256"]), artifact["file"]
                hash_of = tar_hash1 if artifact["file"].endswith(".tar.gz") else zip_hash1
                assert hash_of(data) == artifact["h1"], artifact["file"]


def check(store):
    check_records(store)
    return check_mirror(store)
