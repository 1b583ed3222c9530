"""A PostgreSQL server of a test's own, from the system's packages."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PLACES = sorted(Path("/usr/lib/postgresql").glob("*/bin")) if Path("/usr/lib/postgresql").is_dir() else []


def programs() -> Path | None:
    """The folder with ``initdb`` and ``postgres``; None where there is no server."""
    found = shutil.which("initdb")
    return Path(found).parent if found else next(iter(PLACES[::-1]), None)


@contextmanager
def server(folder: Path, *, password: str) -> Iterator[str]:
    """Start a server on 127.0.0.1, and end it.

    Args:
        folder: An empty folder for its data.
        password: That of its user ``plant``.

    Yields:
        The URL of its database, as SQLAlchemy has it.
    """
    where = programs()
    assert where is not None
    (folder / "password").write_text(password, encoding="utf-8")
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []  # it refuses to run as root
    if as_user:
        shutil.chown(folder, "postgres")
        (folder / "password").chmod(0o644)
    data = folder / "data"
    make = [where / "initdb", "-D", data, "-U", "plant", "-A", "scram-sha-256", f"--pwfile={folder / 'password'}"]
    subprocess.run([*as_user, *map(str, make)], check=True, capture_output=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder}"
    control = [*as_user, str(where / "pg_ctl"), "-D", str(data), "-w", "-t", "60"]
    subprocess.run([*control, "-l", str(folder / "log"), "-o", options, "start"], check=True, stdout=subprocess.DEVNULL)
    try:
        yield f"postgresql+psycopg://plant:{password}@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=True, stdout=subprocess.DEVNULL)
