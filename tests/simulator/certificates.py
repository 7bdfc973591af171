"""Throw-away certificates: one CA that clients trust, and the wrong ones that they must refuse."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAY = datetime.timedelta(days=1)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Upstream simulator"),
                      x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey,
             start: datetime.datetime, end: datetime.datetime) -> x509.CertificateBuilder:
    return (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(end))


class Authority:
    """A certificate authority kept in memory; leaves are written as PEM files that ssl can load."""

    def __init__(self, common_name: str) -> None:
        self._now = datetime.datetime.now(datetime.timezone.utc)
        self._key = ec.generate_private_key(ec.SECP256R1())
        name = _name(common_name)
        self.certificate = (
            _builder(name, name, self._key, self._now - _DAY, self._now + 3650 * _DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256()))

    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def leaf(self, path: Path, names: list[str], expired: bool = False, client: bool = False) -> Path:
        """Writes certificate and key of a server, or a client, with these names into one file."""
        key = ec.generate_private_key(ec.SECP256R1())
        usage = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
        first, last = (-30, -1) if expired else (-1, 825)
        start, end = self._now + first * _DAY, self._now + last * _DAY
        alternatives: list[x509.GeneralName] = []
        for name in names:
            try:
                alternatives.append(x509.IPAddress(ipaddress.ip_address(name)))
            except ValueError:
                alternatives.append(x509.DNSName(name))
        issuer_key = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        certificate = (
            _builder(_name(names[0]), self.certificate.subject, key, start, end)
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer_key), critical=False)
            .sign(self._key, hashes.SHA256()))
        private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                    serialization.NoEncryption())
        path.touch(mode=0o600)
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
        return path


def _context(path: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(path)
    context.set_alpn_protocols(["http/1.1"])
    return context


def make_contexts(directory: Path, host: str) -> dict[str, ssl.SSLContext]:
    """Contexts "good", "unknown-ca", "wrong-name" and "expired"; the trusted CA is written to directory/ca.pem.

    The certificates are kept between runs, so that a client configured once goes on working.
    """
    names = list(dict.fromkeys([host, "localhost", "dual.test", "127.0.0.1", "::1"]))
    folder = directory / "tls"
    folder.mkdir(mode=0o700, exist_ok=True)
    stamp = folder / "names"
    wanted = ("good", "unknown-ca", "wrong-name", "expired")
    paths = {kind: folder / f"{kind}.pem" for kind in wanted}
    if not (stamp.exists() and stamp.read_text() == " ".join(names) and (directory / "ca.pem").exists()):
        authority = Authority("Simulator CA")
        authority.leaf(paths["good"], names)
        Authority("Unknown CA").leaf(paths["unknown-ca"], names)
        authority.leaf(paths["wrong-name"], ["elsewhere.invalid"])
        authority.leaf(paths["expired"], names, expired=True)
        (directory / "ca.pem").write_bytes(authority.pem())
        stamp.write_text(" ".join(names))
    return {kind: _context(path) for kind, path in paths.items()}
