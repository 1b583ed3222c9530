"""A certificate authority of the emulator's own, made once per state folder.

It signs one certificate for the host names that the proxy leads here. Nothing else on the machine comes to
trust it: clients are pointed to a bundle that holds it beside the authorities they trust already.
"""

import os
import ssl
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

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
    target = _paths(folder)
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    now = datetime.now(timezone.utc)
    authority_key, server_key = (
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP256R1()),
    )
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"aml_emulator {now:%Y-%m-%d %H:%M:%S}")])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "aml_emulator server")])

    def builder(name: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .issuer_name(issuer)
            .subject_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + _YEARS)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )

    usage = {
        "content_commitment": False,
        "key_encipherment": False,
        "data_encipherment": False,
        "key_agreement": False,
        "encipher_only": False,
        "decipher_only": False,
    }
    authority = (
        builder(issuer, authority_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(digital_signature=True, key_cert_sign=True, crl_sign=True, **usage), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    server = (
        builder(subject, server_key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in _HOSTS]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    target.authority.write_bytes(authority.public_bytes(pem))
    target.certificate.write_bytes(server.public_bytes(pem))
    _write_private(
        target.key,
        server_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )


if __name__ == "__main__":
    create_certificates(Path(sys.argv[1]))
