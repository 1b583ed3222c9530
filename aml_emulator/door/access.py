"""The one door: which hosts are answered, and who may come in.

A web page can make a browser send requests to this machine, under a host name of its own or without; another
user of the machine can connect as well. So a request names the host that the emulator listens at, Azure's own
hosts are reached only through the proxy and with its secret, and everything else carries a token that was
issued there, or the secret itself. The secret is new with every start and stands in the printed variables.
"""

import base64
import binascii
import hmac
import secrets
from collections.abc import Mapping

from aml_emulator.door.tokens import Tokens
from aml_emulator.errors import DeniedError

USER = "emulator"


class Door:
    """Checks hosts, tokens and the secret.

    Args:
        port: The port that the emulator listens at.
        tokens: The tokens of this state.
    """

    def __init__(self, port: int, tokens: Tokens) -> None:
        self.secret = secrets.token_urlsafe(24)
        self.cookie = f"aml_emulator_{port}"
        self._hosts = frozenset({f"127.0.0.1:{port}", f"localhost:{port}"})
        self._tokens = tokens

    def knows_host(self, host: str, tunnel: str | None) -> bool:
        """Tell whether a Host field names this emulator, or the host that the proxy was asked for."""
        return host.lower() in ((tunnel, f"{tunnel}:443") if tunnel else self._hosts)

    def opens_proxy(self, authorization: str) -> bool:
        """Tell whether a Proxy-Authorization field carries the secret (Basic, RFC 7617)."""
        kind, _, packed = authorization.partition(" ")
        try:
            given = base64.b64decode(packed, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError, ValueError):
            return False
        user, _, password = given.partition(":")
        return kind.lower() == "basic" and user == USER and self.is_secret(password)

    def is_secret(self, text: str) -> bool:
        """Tell whether a text is the secret, in a time that tells nothing about it."""
        return hmac.compare_digest(text.encode(), self.secret.encode())

    def principal(self, headers: Mapping[str, str], query: Mapping[str, str], *, own: bool) -> str:
        """Return who sends a request.

        Args:
            headers: Its header fields.
            query: Its query parameters.
            own: Whether it is one of the emulator's own calls or pages, which the secret opens as well.

        Raises:
            DeniedError: It carries no token, or one that is not ours, changed or expired.
        """
        authorization = headers.get("authorization", "")
        if own:
            cookies = dict(part.strip().partition("=")[::2] for part in headers.get("cookie", "").split(";"))
            given = (authorization.partition(" ")[2], query.get("key", ""), cookies.get(self.cookie, ""))
            if any(self.is_secret(text) for text in given):
                return USER
            if not authorization:
                raise DeniedError("open the address that the emulator printed when it started: it holds the key")
        return self._tokens.check(authorization)
