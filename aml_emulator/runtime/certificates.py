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


def ensure_certificates(folder: Path) -> Certificates:
    """Return the certificates of a state folder, made when they are missing or about to expire."""
    folder.mkdir(parents=True, exist_ok=True)
    found = _paths(folder)
    if not found.key.exists() or _expires_soon(found.authority):
        # in a process of its own: the library would stay in the emulator's memory for a second's work
        subprocess.run([sys.executable, __file__, str(folder)], check=True)
    # the system's roots may change between two starts
    found.bundle.write_bytes(_system_roots().rstrip() + b"\n" + found.authority.read_bytes())
    return found


def _paths(folder: Path) -> Certificates:
    return Certificates(folder / "ca.pem", folder / "bundle.pem", folder / "server.pem", folder / "server.key")


def _expires_soon(authority: Path) -> bool:
    # the standard library reads a certificate's dates only once a context trusts it
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(authority)
    until = ssl.cert_time_to_seconds(str(context.get_ca_certs()[0]["notAfter"]))
    return until < (datetime.now(timezone.utc) + _MARGIN).timestamp()


def create_certificates(folder: Path) -> None:
    """Make an authority and a server's certificate in a folder; the authority's key is never written."""
    import trustme

    target = _paths(folder)
    authority = trustme.CA()
    server = authority.issue_cert(*_HOSTS)
    authority.cert_pem.write_to_path(target.authority)
    server.cert_chain_pems[0].write_to_path(target.certificate)
    _write_private(target.key, server.private_key_pem.bytes())


if __name__ == "__main__":
    create_certificates(Path(sys.argv[1]))
