"""The tokens that stand for Azure Active Directory's: signed by the emulator, checked by the emulator.

They are JSON Web Tokens with HMAC-SHA256 (RFC 7515, RFC 7519), because the SDK reads their claims. PyJWT would
load cryptography as well: 11 MB of memory for what is one digest here.
"""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

from aml_emulator.errors import DeniedError

TENANT = "00000000-0000-0000-0000-00000000a0a0"


def _pack(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _unpack(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Tokens:
    """Issues and checks tokens.

    Args:
        secret: Key of the signatures; kept with the state, so that tokens outlive a restart.
        lifetime: Seconds until a token expires.
    """

    def __init__(self, secret: str, *, lifetime: int = 3600) -> None:
        self._secret = secret.encode()
        self.lifetime = lifetime

    def issue(
        self,
        principal: str,
        *,
        tenant: str = TENANT,
        audience: str = "https://management.core.windows.net/",
        lifetime: int | None = None,
    ) -> str:
        """Return a token.

        Args:
            principal: Whom it is for: a client id, or a run.
            tenant: The tenant it was asked for in.
            audience: The service it is for.
            lifetime: Seconds until it expires; None takes that of all tokens.

        Returns:
            The token in its compact form.
        """
        issued = int(time.time())
        claims = {
            "aud": audience,
            "iss": f"https://sts.windows.net/{tenant}/",
            "iat": issued,
            "nbf": issued,
            "exp": issued + (self.lifetime if lifetime is None else lifetime),
            "tid": tenant,
            "oid": principal,
            "appid": principal,
            "scp": "user_impersonation",
        }
        head = _pack(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
        signed = f"{head}.{_pack(json.dumps(claims).encode())}"
        return f"{signed}.{self._signature(signed)}"

    def check(self, authorization: str | None) -> str:
        """Return whom the token of an Authorization field is for.

        Raises:
            InvalidError: when there is no token, or one that is not ours, changed or expired.
        """
        kind, _, token = (authorization or "").partition(" ")
        if kind.lower() != "bearer" or not token:
            raise DeniedError("the request carries no bearer token")
        try:
            signed, signature = token.rsplit(".", 1)
            genuine = hmac.compare_digest(signature.encode(), self._signature(signed).encode())
            claims: dict[str, Any] = json.loads(_unpack(signed.split(".")[1]))
        except (ValueError, IndexError):
            raise DeniedError("the token cannot be read") from None
        if not genuine:
            raise DeniedError("the token was not issued by this emulator", code="InvalidAuthenticationToken")
        if claims["exp"] <= time.time():
            raise DeniedError("the token has expired", code="ExpiredAuthenticationToken")
        return str(claims["oid"])

    def _signature(self, signed: str) -> str:
        return _pack(hmac.new(self._secret, signed.encode(), hashlib.sha256).digest())
