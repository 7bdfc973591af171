"""OpenPGP signatures by throw-away keys, made with gpg once and kept in the simulator's directory.

The good key has the shape of HashiCorp's: a certifying primary key whose signing subkey signs the releases.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

_FAKED_BIRTH, _FAKED_SIGNING = "20230101T000000!", "20230601T000000!"
_SOCKET_PATH_MAX = 80       # gpg-agent puts sockets of up to 25 more bytes there; the kernel allows 107


class SigningError(RuntimeError):
    pass


@dataclass(frozen=True)
class Key:
    name: str
    fingerprint: str        # primary, 40 upper-case hex digits
    armor: str

    @property
    def key_id(self) -> str:
        return self.fingerprint[-16:]

    @property
    def short_id(self) -> str:
        return self.fingerprint[-8:]


class Signer:
    """Keys "good", "foreign", "expired" and "renewed": that one had expired and was issued again, "renewed-old" is the copy
    before that. Signatures are cached by key, kind and content."""

    def __init__(self, directory: Path) -> None:
        self._home = directory / "gnupg"
        self._home.mkdir(mode=0o700, exist_ok=True)
        self._cache = directory / "signatures"
        self._cache.mkdir(exist_ok=True)
        self._keys_folder = directory / "keys"
        self._keys_folder.mkdir(exist_ok=True)
        self._link: tempfile.TemporaryDirectory[str] | None = None
        self._gpg_home = str(self._home)
        if len(self._gpg_home) > _SOCKET_PATH_MAX:
            self._link = tempfile.TemporaryDirectory(prefix="gpg-")
            self._gpg_home = os.path.join(self._link.name, "h")
            os.symlink(self._home, self._gpg_home)
        try:
            self.keys = {name: self._key(name) for name in ("good", "foreign", "expired", "renewed")}
            self.keys["renewed-old"] = Key("renewed-old", self.keys["renewed"].fingerprint,
                                           self.key_file("renewed-old").read_text())
        except BaseException:
            self.close()
            raise

    def key_file(self, name: str) -> Path:
        return self._keys_folder / f"{name}.asc"

    def sign(self, name: str, data: bytes, digest: str = "SHA256", armor: bool = False) -> bytes:
        """A detached signature over exactly these bytes."""
        key = self.keys[name]
        identity = f"{key.fingerprint}-{digest}-{armor}-{hashlib.sha256(data).hexdigest()}"
        path = self._cache / f"{hashlib.sha256(identity.encode()).hexdigest()}.sig"
        if path.exists():
            return path.read_bytes()
        arguments = ["--local-user", key.fingerprint, "--digest-algo", digest, "--output", "-", "--detach-sign"]
        if armor:
            arguments.insert(0, "--armor")
        if digest == "SHA1":
            arguments.insert(0, "--allow-weak-digest-algos")
        if name in ("expired", "renewed"):
            arguments[:0] = ["--faked-system-time", _FAKED_SIGNING]
        signature = self._gpg(arguments, data)
        temporary = path.with_suffix(".tmp")
        temporary.write_bytes(signature)
        temporary.rename(path)
        return signature

    def rest(self) -> None:
        """Ends the agent that gpg started for this home directory; the next signature starts it again."""
        subprocess.run(["gpgconf", "--homedir", self._gpg_home, "--kill", "all"], check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def close(self) -> None:
        self.rest()
        if self._link is not None:
            self._link.cleanup()
            self._link = None

    def _gpg(self, arguments: list[str], data: bytes = b"") -> bytes:
        command = ["gpg", "--homedir", self._gpg_home, "--batch", "--quiet", "--no-tty", "--pinentry-mode", "loopback",
                   "--passphrase", "", "--no-auto-check-trustdb", "--trust-model", "always", *arguments]
        result = subprocess.run(command, input=data, capture_output=True, check=False, timeout=120)
        if result.returncode != 0:
            raise SigningError(f"{' '.join(command)}: {result.stderr.decode(errors='replace').strip()}")
        return result.stdout

    def _key(self, name: str) -> Key:
        path, stamp = self.key_file(name), self._keys_folder / f"{name}.fingerprint"
        if not (path.exists() and stamp.exists()):
            user = f"Simulator {name} key <{name}@simulator.invalid>"
            is_old = name in ("expired", "renewed")
            time = ["--faked-system-time", _FAKED_BIRTH] if is_old else []
            life = "1y" if is_old else "10y"
            self._gpg([*time, "--quick-generate-key", user, "rsa3072", "cert", life])
            listing = self._gpg(["--with-colons", "--list-keys", f"={user}"]).decode()
            fingerprint = next(line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr:"))
            self._gpg([*time, "--quick-add-key", fingerprint, "rsa3072", "sign", life])
            if name == "renewed":
                self.key_file("renewed-old").write_bytes(self._gpg(["--armor", "--export", fingerprint]))
                self._gpg(["--quick-set-expire", fingerprint, "10y"])
                # "*" leaves out what has expired.
                listing = self._gpg(["--with-colons", "--list-keys", fingerprint]).decode()
                subkey = [line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr:")][1]
                self._gpg(["--quick-set-expire", fingerprint, "10y", subkey])
            path.write_bytes(self._gpg(["--armor", "--export", fingerprint]))
            stamp.write_text(fingerprint)
        return Key(name, stamp.read_text(), path.read_text())
