"""Reads a store as a client would, with nothing of the project's own code: what it shows must be whole."""

import base64
import hashlib
import io
import json
import os
import pathlib
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


def check_document(store, path):
    """Every archive that the document names is there and is what it says; returns the platforms."""
    archives = json.loads(path.read_text())["archives"]
    for platform, archive in archives.items():
        file = pathlib.Path(os.path.normpath(path.parent / archive["url"]))
        assert file.is_relative_to(store) and not file.is_symlink()
        data = file.read_bytes()
        assert set(archive["hashes"]) == {f"zh:{sha256(data)}", zip_hash1(data)}, f"{path} {platform}"
    return sorted(archives)


def check_mirror(store, settled):
    """Every document of the network mirror, below every hostname; returns {type: {version: platforms}}."""
    shown = {}
    for hostname in HOSTNAMES:
        for directory in (store / "providers" / hostname).glob("*/*"):
            others = ("index.json", "record.json")
            files = [p for p in directory.glob("*.json") if p.name not in others and ".zip." not in p.name]  # of scans
            found = {path.name.removesuffix(".json"): check_document(store, path) for path in files}
            index = directory / "index.json"
            versions = json.loads(index.read_text())["versions"] if settled or index.exists() else {}
            assert set(versions) <= set(found), f"{index} names what is not there"
            if settled:
                assert set(versions) == set(found), f"{directory} has documents that its index does not name"
                assert shown.setdefault(directory.name, found) == found, "the hostnames disagree"
    return shown


def check_records(store):
    """Every artifact that a record names is there and is what the record says."""
    for record in store.rglob("record.json"):
        for version in json.loads(record.read_text())["versions"].values():
            if version["state"] == "pruning":
                continue
            # What is in quarantine is there, and not where clients look.
            held, open_to_clients = store / "held" / record.parent.relative_to(store), record.parent
            here, elsewhere = (held, open_to_clients) if version.get("quarantined") else (open_to_clients, held)
            for artifact in version["artifacts"].values():
                assert not (elsewhere / artifact["file"]).exists()
                data = (here / artifact["file"]).read_bytes()
                assert (len(data), sha256(data)) == (artifact["size"], artifact["sha256"]), artifact["file"]
                hash_of = tar_hash1 if artifact["file"].endswith(".tar.gz") else zip_hash1
                assert hash_of(data) == artifact["h1"], artifact["file"]


def check(store, settled=True):
    """`settled`: nothing is under way and nothing was interrupted, so that the documents say all and the same."""
    check_records(store)
    return check_mirror(store, settled)
