"""A certificate authority of the emulator's own, made once per state folder.

It signs one certificate for the host names that the proxy leads here. Nothing else on the machine comes to
trust it: clients are pointed to a bundle that holds it beside the authorities they trust already.
"""

import os
import secrets
import ssl
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

_HOSTS = ("*.blob.core.windows.net", "login.microsoftonline.com", "management.azure.com", "localhost")
_YEARS = timedelta(days=3 * 365)
_MARGIN = timedelta(days=30)


@dataclass(frozen=True)
class Certificates:
    """Where the files are.

    Attributes:
        authority: The authority's certificate.
        bundle: The authority and all that the system trusts; what clients are given.
        certificate: The server's certificate.
        key: Its key, readable by the owner alone.
    """

    authority: Path
    bundle: Path
    certificate: Path
    key: Path

    def server_context(self) -> ssl.SSLContext:
        """Return the TLS settings of a server."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


def _write_private(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def _system_roots() -> bytes:
    """Return what the clients trust without the emulator: the bundle they name, or the system's."""
    named = [os.environ.get("REQUESTS_CA_BUNDLE"), os.environ.get("SSL_CERT_FILE")]
    paths = ssl.get_default_verify_paths()
    for name in (*named, paths.cafile, paths.openssl_cafile):
        if name and Path(name).is_file():
            return Path(name).read_bytes()
    certificates = ssl.create_default_context().get_ca_certs(binary_form=True)
    return "".join(ssl.DER_cert_to_PEM_cert(certificate) for certificate in certificates).encode()


def _paths(folder: Path) -> Certificates:
    return Certificates(folder / "ca.pem", folder / "bundle.pem", folder / "server.pem", folder / "server.key")


def ensure_certificates(folder: Path) -> Certificates:
    """Return the certificates of a state folder, made when they are missing or about to expire."""
    folder.mkdir(parents=True, exist_ok=True)
    found = Certificates(folder / "ca.pem", folder / "bundle.pem", folder / "server.pem", folder / "server.key")
    if not found.key.exists() or _expires_soon(found.certificate):
        # in a process of its own: the library would stay in the emulator's memory for a second's work
        subprocess.run([sys.executable, __file__, str(folder)], check=True)
    # the system's roots may change between two starts
    found.bundle.write_bytes(_system_roots().rstrip() + b"\n" + found.authority.read_bytes())
    return found


def _expires_soon(path: Path) -> bool:
    # the standard library reads a certificate's dates only once a context trusts it
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(path.with_name("ca.pem"))
    until = ssl.cert_time_to_seconds(str(context.get_ca_certs()[0]["notAfter"]))
    return until < (datetime.now(timezone.utc) + _MARGIN).timestamp()


def create_certificates(folder: Path) -> None:
    """Make an authority and a server's certificate in a folder; both are good for three years."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    target = _paths(folder)
    authority_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    pem = serialization.Encoding.PEM
    # a name of its own: a bundle may hold the authority of another state as well
    name = f"aml_emulator {secrets.token_hex(4)}"
    target.authority.write_bytes(_authority(name, authority_key).public_bytes(pem))
    target.certificate.write_bytes(_server(name, server_key, authority_key).public_bytes(pem))
    content = server_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _write_private(target.key, content)


def _builder(
    issuer: str, subject: str, key: "ec.EllipticCurvePrivateKey", issuer_key: "ec.EllipticCurvePrivateKey"
) -> "x509.CertificateBuilder":
    """Return what both certificates have in common."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    now = datetime.now(timezone.utc)
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in (issuer, subject)]
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    return (
        x509.CertificateBuilder()
        .issuer_name(names[0])
        .subject_name(names[1])
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _YEARS)
        .add_extension(identifier, critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _authority(name: str, key: "ec.EllipticCurvePrivateKey") -> "x509.Certificate":
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        _builder(name, name, key, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )


def _server(
    issuer: str, key: "ec.EllipticCurvePrivateKey", issuer_key: "ec.EllipticCurvePrivateKey"
) -> "x509.Certificate":
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID

    names = x509.SubjectAlternativeName([x509.DNSName(host) for host in _HOSTS])
    return (
        _builder(issuer, "aml_emulator server", key, issuer_key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(names, critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )


if __name__ == "__main__":
    create_certificates(Path(sys.argv[1]))
