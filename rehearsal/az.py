"""The one command of the Azure CLI that the scripts' sign-in needs: a token, from the emulator.

    python az.py account get-access-token --output json --resource AUDIENCE

What else is asked for stands in the file that REHEARSAL_AZ names, and ends with exit status 1. Who has signed in stands
in REHEARSAL_AZ_CLIENT and REHEARSAL_AZ_TENANT. A token is kept beside that file, as the Azure CLI keeps its own.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

TOKEN = ["account", "get-access-token", "--output", "json", "--resource"]


def main(arguments: Sequence[str]) -> int:
    """Answer the command. Returns the exit status."""
    asked = Path(os.environ["REHEARSAL_AZ"])
    if list(arguments[: len(TOKEN)]) != TOKEN:
        with asked.open("a", encoding="utf-8") as file:
            file.write(f"az {' '.join(arguments)}\n")
        return 1
    audience = arguments[len(TOKEN)]
    kept = asked.with_name(f"{asked.stem}-{sha256(audience.encode()).hexdigest()[:8]}.token")
    if not kept.exists():
        kept.write_text(_token(audience), encoding="utf-8")
    print(kept.read_text(encoding="utf-8"))
    return 0


def _token(audience: str) -> str:
    from urllib.parse import urlencode
    from urllib.request import urlopen

    tenant = os.environ["REHEARSAL_AZ_TENANT"]
    form = {"grant_type": "client_credentials", "client_id": os.environ["REHEARSAL_AZ_CLIENT"]}
    form |= {"client_secret": "federated", "scope": f"{audience}/.default"}
    address = f"https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"
    with urlopen(address, urlencode(form).encode(), timeout=60) as answer:
        given = json.load(answer)
    ends = datetime.now().astimezone() + timedelta(seconds=given["expires_in"])
    token = {"accessToken": given["access_token"], "expiresOn": ends.strftime("%Y-%m-%d %H:%M:%S.%f")}
    return json.dumps({**token, "expires_on": int(ends.timestamp()), "tenant": tenant, "tokenType": "Bearer"})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
