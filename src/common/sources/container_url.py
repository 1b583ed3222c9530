"""The URL of an Azure blob container, with or without a prefix, taken apart.

A URL may hold a SAS token in its query. Nothing here shows it: not a message, not a repr.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from src.common.errors import SettingsError

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class ContainerAddress:
    """The parts of a container's URL.

    Attributes:
        endpoint: ``https://<account>.blob.core.windows.net``, or ``http://127.0.0.1:10000/<account>`` for Azurite.
        account: The storage account.
        container: The container.
        prefix: The folder inside it, without slashes at its ends; may be empty.
        sas: The SAS token of the URL, if it had one.
    """

    endpoint: str
    account: str
    container: str
    prefix: str
    sas: str = field(default="", repr=False)

    @property
    def url(self) -> str:
        """The URL without any secret."""
        return f"{self.endpoint}/{self.container}" + (f"/{self.prefix}" if self.prefix else "")

    @property
    def start(self) -> str:
        """What the names of all blobs below the prefix start with."""
        return f"{self.prefix}/" if self.prefix else ""


def is_blob_url(text: str) -> bool:
    """Whether a setting names a blob container, not a folder."""
    return text.lower().startswith(("https://", "http://"))


def without_secrets(url: str) -> str:
    """A URL without what may be secret: its query, its fragment, a name and password before its host."""
    scheme, separator, rest = re.split(r"[?#]", url, maxsplit=1)[0].partition("://")
    if not separator:
        return scheme
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


def parse_container_url(url: str) -> ContainerAddress:
    """Read the URL of a container, with or without a prefix.

    Raises:
        SettingsError: It is no such URL, or it would send a secret unencrypted.
    """
    address = _parse(url)
    if isinstance(address, ContainerAddress):
        return address
    raise SettingsError(
        f"INPUT_URL can't be used: {address}",
        found=without_secrets(url),
        expected="https://<account>.blob.core.windows.net/<container>/<prefix>",
        hint="correct it in .env.local; a folder's path works too",
    )


def _parse(url: str) -> ContainerAddress | str:
    """The parts of the URL, or what is wrong with it."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "its host or port can't be read"
    scheme = parts.scheme.lower()
    segments = [unquote(part) for part in parts.path.split("/") if part]
    path_style = host in _LOOPBACK or bool(re.fullmatch(r"[\d.]+", host))
    if not is_blob_url(url) or not host.split(".")[0]:
        return "it has no host"
    if scheme == "http" and host not in _LOOPBACK:
        return "it is not encrypted (http)"
    if "@" in parts.netloc:
        return "it has a name or password before its host"
    if len(segments) < (2 if path_style else 1):
        return "it names no container"
    account = segments.pop(0) if path_style else host.split(".")[0]
    endpoint = f"{scheme}://{parts.netloc}" + (f"/{account}" if path_style else "")
    return ContainerAddress(endpoint, account, segments[0], "/".join(segments[1:]), parts.query)
